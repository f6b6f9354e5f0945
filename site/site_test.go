package site_test

import (
	"os"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/site"
)

// The test binary is the child that runs Hugo, as the platform's binary is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == site.HugoCommand {
		os.Exit(site.HugoMain(os.Args[2:]))
	}
	os.Exit(m.Run())
}

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, content.Berlin)

func at(day int, clock string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", now.AddDate(0, 0, day).Format("2006-01-02 ")+clock, content.Berlin)
	if err != nil {
		panic(err)
	}
	return t
}

// catalogue is small, with each kind of thing in each state.
func catalogue() content.Catalogue {
	fee, none := 1300, 0
	changed := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	return content.Catalogue{
		Origin: "https://service-point.example",
		Now:    now,
		Topics: []content.Topic{
			{Slug: "buergerservice", Name: content.Text{"de": "Bürgerservice", "en": "Citizen services", "ls": "Ämter und Anträge"}, About: content.Text{"de": "Ausweise, Zeugnisse und Anträge.", "en": "Identity cards, certificates and applications."}, Order: 1},
			{Slug: "abfall", Name: content.Text{"de": "Abfall und Sauberkeit", "en": "Waste"}, About: content.Text{"de": "Tonnen, Sperrmüll, saubere Straßen."}, Order: 2},
			{Slug: "energie", Name: content.Text{"de": "Energie", "en": "Energy"}, About: content.Text{"de": "Strom, Wärme und E-Mobilität.", "en": "Electricity, heat and e-mobility."}, Order: 3},
		},
		Districts: []content.District{{Slug: "mitte", Name: "Mitte"}},
		Providers: []content.Provider{
			{Slug: "stadt-kassel", Name: "Stadt Kassel", Kind: "Stadtverwaltung", Topic: "buergerservice", About: content.Text{"de": "Die Verwaltung der Stadt.\n\n## Wofür wir da sind\n\nFür alle.", "en": "The city's administration."}, Order: 1},
			{Slug: "stadtreiniger", Name: "Die Stadtreiniger Kassel", Kind: "Eigenbetrieb", About: content.Text{"de": "Sauberkeit in *ganz* Kassel."}, Order: 2},
		},
		Guides: []content.Guide{
			{
				Slug: "fuehrungszeugnis", Provider: "stadt-kassel", Topic: "buergerservice", LeiKa: "99046004000000", Channels: []string{"counter", "terminal", "case"},
				EID: true, FeeCents: &fee, MinAge: 14, Order: 1, Updated: changed, Published: changed,
				Texts: map[string]content.GuideText{
					"de": {Title: "Führungszeugnis beantragen", Short: "Das Führungszeugnis zeigt, ob Sie vorbestraft sind.", Full: "Manche Arbeitgeber verlangen ein **Führungszeugnis**.\n\n# Zwei Arten\n\n- einfach\n- erweitert", Documents: "- Personalausweis oder Reisepass", Fees: "13 Euro.", Duration: "1 bis 2 Wochen", LegalBasis: "§ 30 BZRG", Procedure: "1. Antrag stellen\n2. Warten", Office: "[Service Point](/service-point/)"},
					"en": {Title: "Apply for a certificate of good conduct", Short: "The certificate shows whether you have a criminal record.", Full: "Some employers want a certificate.", Duration: "1 to 2 weeks"},
					"ls": {Title: "Führungs-Zeugnis beantragen", Short: "Im Führungs-Zeugnis steht: Hat die Person Straf-Taten gemacht?", Full: "Sie brauchen es für manche Arbeit."},
				},
			},
			{
				Slug: "sperrmuell", Provider: "stadtreiniger", Topic: "abfall", Channels: []string{"booking", "case"}, FeeCents: &none, Order: 2, Updated: changed,
				Texts: map[string]content.GuideText{"de": {Title: "Sperrmüll anmelden", Short: "Wir holen ab, was nicht in die Tonne passt.", Full: "Melden Sie Ihren Sperrmüll an."}},
			},
			{
				Slug: "aenderung-name", Provider: "stadt-kassel", Topic: "buergerservice", Channels: []string{"counter"}, Order: 3,
				Texts: map[string]content.GuideText{"de": {Title: "Änderung des Namens", Short: "Vor- oder Familiennamen ändern.", Full: "Nur aus wichtigem Grund."}},
			},
		},
		Events: []content.Event{
			{
				Slug: "solarstrom-vom-balkon", Kind: "lecture", Topic: "energie", Audience: []string{"alle"}, Provider: "stadt-kassel", Organiser: "Stadt Kassel", Place: "Event Lounge", District: "mitte",
				Start: at(3, "18:00"), End: at(3, "19:30"), Precision: content.ToMinute, Free: true, Published: changed, Updated: changed,
				Texts: map[string]content.EventText{"de": {Title: "Solarstrom vom Balkon", Summary: "Wie ein Balkonkraftwerk funktioniert.", Body: "Ein Vortrag mit Fragen.\n\n- Kosten\n- Anschluss"}, "en": {Title: "Solar power from your balcony", Summary: "How a balcony plant works.", Body: "A lecture."}},
				Pools: []content.Pool{{Code: "saal", Size: 30, Label: content.Text{"de": "Saal"}}},
			},
			{
				Slug: "digital-sprechstunde", Kind: "advice", Topic: "buergerservice", Organiser: "Stadt Kassel", Place: "Event Lounge", Start: at(1, "10:00"), End: at(1, "12:00"), Precision: content.ToMinute, Free: true, Published: changed,
				Texts: map[string]content.EventText{"de": {Title: "Digital-Sprechstunde", Summary: "Hilfe mit Handy und Tablet."}},
			},
			{
				Slug: "wohnen-im-wandel", Kind: "panel", Topic: "energie", Organiser: "GWG", Place: "Event Lounge", Start: at(20, "19:00"), Precision: content.ToMinute, Cancelled: true, Sequence: 1, Published: changed,
				Texts: map[string]content.EventText{"de": {Title: "Wohnen im Wandel", Summary: "Ein Podium."}},
				Pools: []content.Pool{{Code: "saal", Size: 30, Label: content.Text{"de": "Saal"}}},
			},
			{
				Slug: "smart-kassel-night-2021", Kind: "livestream", Online: true, Start: time.Date(2021, 6, 18, 16, 0, 0, 0, time.UTC), End: time.Date(2021, 6, 18, 17, 0, 0, 0, time.UTC), Precision: content.ToMinute,
				Texts: map[string]content.EventText{"de": {Title: "Smart Kassel Night", Summary: "Auftakt im Netz."}},
				Pools: []content.Pool{{Code: "netz", Size: 400, Label: content.Text{"de": "Netz"}}},
			},
			{
				Slug: "buergerrat-2022", Kind: "assembly", Start: time.Date(2022, 9, 1, 0, 0, 0, 0, content.Berlin), Precision: content.ToMonth,
				Texts: map[string]content.EventText{"de": {Title: "Bürgerrat Smart Kassel"}},
			},
		},
		Surveys: []content.Survey{
			{Slug: "smart-kassel", Title: content.Text{"de": "Wie soll Kassel sein?", "en": "What should Kassel be like?"}, Intro: content.Text{"de": "Sagen Sie uns, *was wichtig ist*."}, Opens: at(-5, "08:00"), Closes: at(20, "20:00"), Items: 12, Minutes: 6},
			{Slug: "alt", Title: content.Text{"de": "Alte Umfrage"}, Intro: content.Text{"de": "War gut."}, Opens: at(-50, "08:00"), Closes: at(-20, "20:00"), Items: 3, Minutes: 1},
			{Slug: "neu", Title: content.Text{"de": "Neue Umfrage"}, Intro: content.Text{"de": "Kommt."}, Opens: at(5, "08:00"), Items: 3, Minutes: 1},
		},
		Pages: []content.Page{
			{Slug: "home", Texts: map[string]content.PageText{
				"de": {Title: "Alles an einem Ort", Summary: "Auskunft, Anträge und Veranstaltungen der Stadt Kassel und ihrer Unternehmen.", Body: "## Mitten in der Stadt\n\nKommen Sie vorbei."},
				"en": {Title: "Everything in one place", Summary: "Information, applications and events."},
				"ls": {Title: "Alles an einem Ort", Summary: "Hier bekommen Sie Hilfe."},
			}},
			{Slug: "service-point", Texts: map[string]content.PageText{"de": {Title: "Der Service Point", Summary: "150 m² Beratung.", Body: "## Stationen\n\n- Beratung\n- [Leistungen](/leistungen/#a-z)"}}},
			{Slug: "accessibility", Texts: map[string]content.PageText{"de": {Title: "Erklärung zur Barrierefreiheit", Body: "Wir wollen für alle da sein."}}},
			{Slug: "imprint", Texts: map[string]content.PageText{"de": {Title: "Impressum", Body: "Stadt Kassel"}}},
			{Slug: "privacy", Texts: map[string]content.PageText{"de": {Title: "Datenschutz", Body: "Wir speichern wenig."}}},
		},
	}
}

func TestBuildMakesARelease(t *testing.T) {
	b := &site.Builder{Dir: t.TempDir(), Progress: func(s string) { t.Log(s) }}
	if d := os.Getenv("SITE_DIR"); d != "" {
		b.Dir = d
	}
	r, err := b.Build(t.Context(), catalogue())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", r)
}
