package site_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/demo"
	"servicepoint/site"
)

// The test binary is the child that runs Hugo, as the platform's binary is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == site.HugoCommand {
		os.Exit(site.HugoMain(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == site.BuildCommand {
		os.Exit(site.BuildForBenchmark(os.Args[2:]))
	}
	code := m.Run()
	if builtDir != "" {
		os.RemoveAll(builtDir)
	}
	os.Exit(code)
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
				Pools: []content.Pool{{Code: "saal", Size: 30, Label: content.Text{"de": "Saal"}}, {Code: "netz", Size: 100, Kind: content.PoolStream, Label: content.Text{"de": "Übertragung"}}},
				Room:  "Bühne", Languages: []string{"de", "tr"}, SignLanguage: true, Access: []string{"step-free", "induction-loop"}, Stream: "https://stream.example/geheim", Recording: "https://video.example/spaeter",
				People:    []content.Person{{Name: "Ada Beispiel", Organisation: "Uni <Kassel>", URL: "https://ada.example/"}, {Name: "Max Muster", Role: "moderator"}},
				Programme: []content.ProgrammeItem{{Time: "18:00", Title: content.Text{"de": "Vortrag", "en": "Lecture"}, Who: "Ada Beispiel"}, {Title: content.Text{"de": "Fragen"}}},
				Materials: []content.Material{{Title: content.Text{"de": "Merkblatt"}, URL: "https://papier.example/a.pdf"}, {Title: content.Text{"de": "Folien"}, URL: "https://papier.example/b.pdf", From: content.MaterialAfter}},
				Series:    "Energie im Alltag", MovedFrom: at(2, "18:00"), Reason: content.Text{"de": "Der Raum war belegt."}, Sequence: 1,
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
			{Slug: "smart-kassel", Stored: content.Text{"de": "Wir speichern *nur* Ihre Antworten.", "en": "We store your answers only."}, Title: content.Text{"de": "Wie soll Kassel sein?", "en": "What should Kassel be like?"}, Intro: content.Text{"de": "Sagen Sie uns, *was wichtig ist*."}, Opens: at(-5, "08:00"), Closes: at(20, "20:00"), Items: 12, Minutes: 6},
			{Slug: "alt", Title: content.Text{"de": "Alte Umfrage"}, Intro: content.Text{"de": "War gut."}, Opens: at(-50, "08:00"), Closes: at(-20, "20:00"), Items: 3, Minutes: 1},
			{Slug: "neu", Title: content.Text{"de": "Neue Umfrage"}, Intro: content.Text{"de": "Kommt."}, Opens: at(5, "08:00"), Items: 3, Minutes: 1},
		},
		Results: []content.Results{{
			Survey: "alt", Title: content.Text{"de": "Alte Umfrage"}, Release: 2, Released: changed, N: 1234, Opens: at(-50, "08:00"), Closes: at(-20, "20:00"),
			Figures: []content.ResultFigure{
				{Key: "way", Item: "way", Text: content.Text{"de": "Wie kommen Sie <b>her</b>?", "en": "How do you get here?"}, Base: 1200, Hidden: true, Shares: []content.ResultShare{
					{Code: "bus", Text: content.Text{"de": "Bus & Bahn", "en": "Bus and tram"}, N: 1100, Percent: 91.7}, {Code: "rad", Text: content.Text{"de": "Rad"}, N: -1, Picture: strings.Repeat("ab", 32) + ".jpg", Alt: content.Text{"de": "Ein \"Rad\" mit Korb"}}, {Code: "auto", Text: content.Text{"de": "Auto"}, N: -1}}},
				{Key: "grid.bus", Item: "grid", Text: content.Text{"de": "Wie gut?"}, Row: content.Text{"de": "Bus"}, Base: 40, Shares: []content.ResultShare{
					{Code: "1", Text: content.Text{"de": "1 (schlecht)"}, N: 10, Percent: 25}, {Code: "2", Text: content.Text{"de": "2 (gut)"}, N: 30, Percent: 75}}, Numbers: &content.ResultNumber{Mean: 1.75}},
				{Key: "age", Item: "age", Text: content.Text{"de": "Alter?"}, Base: 30, Unit: "Jahre", Numbers: &content.ResultNumber{Mean: 41.5, Q1: 30, Median: 40, Q3: 52}},
				{Key: "idea", Item: "idea", Text: content.Text{"de": "Idee?"}, Base: 12, Quotes: []string{"Mehr <i>Bänke</i>"}},
			},
			Tables:      []content.ResultTable{{RowKey: "a", ColumnKey: "b", Row: content.Text{"de": "Wo?"}, Column: content.Text{"de": "Was?"}, Rows: []content.Text{{"de": "Mitte"}, {"de": "Nord"}}, Columns: []content.Text{{"de": "Ja"}, {"de": "Nein"}}, N: [][]int{{20, 10}, {-1, -1}}, Base: 1050, Hidden: true}},
			Corrections: []content.ResultCorrection{{Day: "2026-11-20", Reason: content.Text{"de": "Eine Antwort fehlte.", "en": "An answer was missing."}}},
			Actions:     []content.Action{{ID: "x", Title: content.Text{"de": "Mehr Bänke"}, Said: content.Text{"de": "Es **fehlen** Bänke."}, Did: content.Text{"de": "Zwölf stehen jetzt da.", "en": "Twelve are there now."}, State: "done", Day: "2026-11-21"}},
		}},
		Calls: []content.Call{
			{Slug: "wuensche", Title: content.Text{"de": "Was wünschen Sie sich?", "en": "What do you wish for?"}, Intro: content.Text{"de": "Sagen Sie es *uns*."}, Topics: []string{"energie", "abfall"}, Opens: at(-5, "08:00"), Closes: at(30, "20:00")},
			{Slug: "vorbei", Title: content.Text{"de": "Ein alter Aufruf"}, Intro: content.Text{"de": "War gut."}, Topics: []string{"energie"}, Opens: at(-50, "08:00"), Closes: at(-20, "20:00")},
		},
		Ideas: []content.Idea{
			{Number: 7, Call: "wuensche", Slug: "mehr-baenke", Title: "Mehr Bänke <b>überall</b>", Text: "Zum Sitzen.\n\nUnd zum Reden.", Language: "de", Topic: "abfall", District: "mitte", Place: "Königsplatz", Lat: 51.3155, Lon: 9.4924, Picture: strings.Repeat("cd", 32) + ".png", Alt: "Eine <Bank>", Name: "Ada L.", Edited: true, Released: changed, Status: "planned", Steps: []content.IdeaStep{{Day: "2026-11-10", Status: "under_review", Answer: "Wir sehen es uns an."}, {Day: "2026-11-20", Status: "planned", Answer: "Kommt 2027."}}, Votes: 12},
			{Number: 8, Call: "wuensche", Slug: "solar-roofs", Title: "Solar roofs", Text: "On every school.", Language: "en", Topic: "energie", Picture: strings.Repeat("ef", 32) + ".jpg", Released: changed.AddDate(0, 0, 1), Status: "received", Votes: 3},
			{Number: 5, Call: "wuensche", Slug: "baenke", Into: 7},
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

// built is a release of the catalogue that tests read from; it is made once.
func built(t *testing.T) string {
	t.Helper()
	builtOnce.Do(func() {
		var err error
		if builtDir, err = os.MkdirTemp("", "site-test-"); err == nil {
			_, builtErr = (&site.Builder{Dir: builtDir}).Build(t.Context(), catalogue())
		}
		builtErr = cmp.Or(err, builtErr)
	})
	if builtErr != nil {
		t.Fatal(builtErr)
	}
	return builtDir
}

var (
	builtOnce sync.Once
	builtDir  string
	builtErr  error
)

func read(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "current", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var update = flag.Bool("update", false, "write the golden pages anew")

var fingerprint = regexp.MustCompile(`\.[0-9a-f]{64}\.`)

func TestPagesLookAsTheGoldenOnes(t *testing.T) {
	dir := built(t)
	for _, name := range []string{
		"index.html", "ls/index.html", "404.html", "_shell/en/index.html",
		"leistungen/index.html", "leistungen/fuehrungszeugnis/index.html", "en/leistungen/sperrmuell/index.html",
		"veranstaltungen/index.html", "veranstaltungen/thema-energie/index.html", "veranstaltungen/thema-energie/kalender.ics", "veranstaltungen/thema-energie/liste/index.html", "en/veranstaltungen/einbetten/index.html", "veranstaltungen/feed.json", "en/veranstaltungen/solarstrom-vom-balkon/index.html", "veranstaltungen/archiv/index.html", "veranstaltungen/solarstrom-vom-balkon/index.html", "ls/veranstaltungen/wohnen-im-wandel/index.html",
		"umfragen/index.html", "umfragen/smart-kassel/index.html", "umfragen/alt/ergebnisse/index.html", "en/umfragen/alt/ergebnisse/index.html", "ideen/wuensche/index.html", "ideen/wuensche/7-mehr-baenke/index.html", "themen/buergerservice/index.html", "partner/stadt-kassel/index.html",
		"service-point/index.html", "veranstaltungen/index.xml", "veranstaltungen/kalender.ics", "veranstaltungen/solarstrom-vom-balkon/termin.ics", "de/sitemap.xml", "robots.txt",
	} {
		t.Run(name, func(t *testing.T) {
			got := fingerprint.ReplaceAllString(read(t, dir, name), ".HASH.")
			golden := filepath.Join("testdata", strings.ReplaceAll(name, "/", "__"))
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("differs from %s (go test ./site -update writes it anew):\n%s", golden, firstDifference(got, string(want)))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			return fmt.Sprintf("line %d\n got  %q\n want %q", i+1, g[i], append(w, "(end)")[min(i, len(w))])
		}
	}
	return fmt.Sprintf("%d lines are missing", len(w)-len(g))
}

func TestEveryRecordIsThereInEveryLanguage(t *testing.T) {
	dir := built(t)
	cat := catalogue()
	for _, lang := range []string{"", "en/", "ls/"} {
		for _, g := range cat.Guides {
			read(t, dir, lang+"leistungen/"+g.Slug+"/index.html")
		}
		for _, e := range cat.Events {
			read(t, dir, lang+"veranstaltungen/"+e.Slug+"/index.html")
		}
		read(t, dir, lang+"veranstaltungen/kalender.ics")
		read(t, dir, lang+"404.html")
	}
}

func TestMissingTranslationIsShownInGermanAndMarkedSo(t *testing.T) {
	page := read(t, built(t), "en/leistungen/sperrmuell/index.html")
	for _, want := range []string{
		`<html lang="en" dir="ltr">`,
		`<h1 lang="de" dir="ltr">Sperrmüll anmelden</h1>`,
		`This text is not yet available in English`,
		`<div lang="de" dir="ltr"><p>Melden Sie Ihren Sperrmüll an.</p>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
	if page := read(t, built(t), "en/leistungen/fuehrungszeugnis/index.html"); strings.Contains(page, "not yet available") {
		t.Error("a translated page says that it is not")
	}
}

func TestEventsComeInOrderAndGoToTheArchive(t *testing.T) {
	dir := built(t)
	next, old := read(t, dir, "veranstaltungen/index.html"), read(t, dir, "veranstaltungen/archiv/index.html")
	inOrder(t, next, "/digital-sprechstunde/", "/solarstrom-vom-balkon/", "/wohnen-im-wandel/")
	inOrder(t, old, "/buergerrat-2022/", "/smart-kassel-night-2021/")
	if strings.Contains(next, "buergerrat-2022") || strings.Contains(old, "solarstrom") {
		t.Error("an event stands in the wrong list")
	}
	for name, button := range map[string]bool{"solarstrom-vom-balkon": true, "wohnen-im-wandel": false, "smart-kassel-night-2021": false, "digital-sprechstunde": false} {
		page := read(t, dir, "veranstaltungen/"+name+"/index.html")
		if got := strings.Contains(page, "/veranstaltungen/"+name+"/buchen/"); got != button {
			t.Errorf("%s: booking button %v, want %v", name, got, button)
		}
	}
}

func inOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	at := 0
	for _, part := range parts {
		i := strings.Index(text[at:], part)
		if i < 0 {
			t.Fatalf("%q does not come next", part)
		}
		at += i
	}
}

func TestIdeasHaveListsAndMovesLeadOn(t *testing.T) {
	dir := built(t)
	inOrder(t, read(t, dir, "ideen/wuensche/index.html"), "/ideen/wuensche/8-solar-roofs/", "/ideen/wuensche/7-mehr-baenke/")
	inOrder(t, read(t, dir, "ideen/wuensche/nach-stimmen/index.html"), "/ideen/wuensche/7-mehr-baenke/", "/ideen/wuensche/8-solar-roofs/")
	for name, only := range map[string]string{"thema-abfall": "7-mehr-baenke", "thema-energie": "8-solar-roofs", "stand-planned": "7-mehr-baenke", "stand-received": "8-solar-roofs"} {
		page := read(t, dir, "en/ideen/wuensche/"+name+"/index.html")
		for _, i := range []string{"7-mehr-baenke", "8-solar-roofs"} {
			if strings.Contains(page, i) != (i == only) {
				t.Errorf("%s: is %s in it?", name, i)
			}
		}
	}
	page := read(t, dir, "en/ideen/wuensche/7-mehr-baenke/index.html")
	for _, want := range []string{
		`<h1 lang="de" dir="ltr">Mehr Bänke &lt;b&gt;überall&lt;/b&gt;</h1>`, `class="karte-marke"`, `/en/ideen/wuensche/7-mehr-baenke/unterstuetzen/`, "Kommt 2027.", "Moderators took personal data out",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
	if page := read(t, dir, "ideen/vorbei/index.html"); strings.Contains(page, "einreichen") {
		t.Error("a call that is over takes ideas")
	}
	h := site.NewHandler(dir)
	for from, to := range map[string]string{"/ideen/wuensche/5-baenke/": "/ideen/wuensche/7-mehr-baenke/", "/ls/ideen/wuensche/5-baenke/": "/ls/ideen/wuensche/7-mehr-baenke/"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", from, nil))
		if w.Code != 301 || w.Header().Get("Location") != to {
			t.Errorf("%s leads with %d to %q", from, w.Code, w.Header().Get("Location"))
		}
	}
}

// Long lists go on on further pages, and every idea stands in them once.
func TestManyIdeas(t *testing.T) {
	cat := catalogue()
	for n := 100; n < 220; n++ {
		cat.Ideas = append(cat.Ideas, content.Idea{Number: n, Call: "wuensche", Slug: "idee", Title: fmt.Sprint("Idee ", n), Text: "Text", Language: "de", Topic: "energie", Status: "done", Released: now})
	}
	dir := t.TempDir()
	if _, err := (&site.Builder{Dir: dir, Languages: []string{"de"}}).Build(t.Context(), cat); err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, name := range []string{"", "seite-2/", "seite-3/"} {
		all += read(t, dir, "ideen/wuensche/stand-done/"+name+"index.html")
	}
	for n := 100; n < 220; n++ {
		if c := strings.Count(all, fmt.Sprintf(`/ideen/wuensche/%d-idee/"`, n)); c != 1 {
			t.Errorf("idea %d stands %d times in the lists", n, c)
		}
	}
}

func TestAnEmptyCatalogueMakesASite(t *testing.T) {
	b := &site.Builder{Dir: t.TempDir()}
	r, err := b.Build(t.Context(), content.Catalogue{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if r.Pages != 3*15 { // five pages, seven lists, one to be framed and how, 404, in three languages
		t.Errorf("%d pages", r.Pages)
	}
}

func TestTheRealContentPasses(t *testing.T) {
	d, err := demo.Load(now)
	if err != nil {
		t.Fatal(err)
	}
	cat := content.Catalogue{Providers: d.Providers, Topics: d.Topics, Districts: d.Districts, Guides: d.Guides, Events: d.Events, Pages: d.Pages, Calls: d.Calls, Origin: "https://service-point.example", Now: now}
	for _, q := range d.Questionnaires {
		cat.Surveys = append(cat.Surveys, content.Survey{Slug: q.Slug, Title: q.Title, Intro: q.Intro, Stored: q.Stored(), Opens: q.Opens, Closes: q.Closes, Items: len(q.Items()), Minutes: q.Minutes})
	}
	if _, err := (&site.Builder{Dir: t.TempDir()}).Build(t.Context(), cat); err != nil {
		t.Fatal(err)
	}
}

func TestPreviewIsTheBuiltPage(t *testing.T) {
	dir := built(t)
	b := &site.Builder{Dir: t.TempDir()}
	for _, path := range []string{"/leistungen/fuehrungszeugnis/", "/en/veranstaltungen/solarstrom-vom-balkon/", "/"} {
		got, err := b.Preview(t.Context(), catalogue(), path)
		if err != nil {
			t.Fatal(err)
		}
		if want := read(t, dir, path+"index.html"); string(got) != want {
			t.Errorf("%s: %s", path, firstDifference(string(got), want))
		}
	}
	for _, path := range []string{"/leistungen/gibt-es-nicht/", "/../etc/", "leistungen/"} {
		if _, err := b.Preview(t.Context(), catalogue(), path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
	left, err := os.ReadDir(b.Dir)
	if err != nil || len(left) > 0 {
		t.Error("a preview left something behind:", left, err)
	}
}

func TestExportIsTheSiteWithoutTheShell(t *testing.T) {
	out := filepath.Join(t.TempDir(), "new", "site")
	b := &site.Builder{Dir: t.TempDir()}
	if err := b.Export(t.Context(), catalogue(), out); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(out, "leistungen", "fuehrungszeugnis", "index.html"))
	if err != nil || string(got) != read(t, built(t), "leistungen/fuehrungszeugnis/index.html") {
		t.Error("the page is not that of a release", err)
	}
	for _, name := range []string{"_shell", "sp-shell", "manifest.json", "index.html.br"} {
		if _, err := os.Stat(filepath.Join(out, name)); err == nil {
			t.Error("exported", name)
		}
	}
	if _, err := b.Current(); !errors.Is(err, fs.ErrNotExist) {
		t.Error("an export put something live")
	}
	if err := b.Export(t.Context(), catalogue(), out); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Error("a folder that is not empty was taken:", err)
	}
}

func Example() {
	dir, _ := os.MkdirTemp("", "site")
	defer os.RemoveAll(dir)
	b := &site.Builder{Dir: dir}
	if _, err := b.Build(context.Background(), content.Catalogue{Now: time.Now()}); err != nil {
		fmt.Println(err)
	}
	h := site.NewHandler(dir)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/en/leistungen", nil))
	fmt.Println(w.Code, w.Header().Get("Location"))
	// Output: 308 /en/leistungen/
}

// TestThePublicSeeNoStream looks for the address of a stream, and for what is shown only
// after an event, in every file of a release.
func TestThePublicSeeNoStream(t *testing.T) {
	dir := built(t)
	found, pages := map[string]bool{}, 0
	err := filepath.WalkDir(filepath.Join(dir, "current")+"/", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, ".br") || strings.HasSuffix(path, ".gz") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, secret := range []string{"stream.example", "video.example", "b.pdf", "a.pdf"} {
			found[secret] = found[secret] || bytes.Contains(b, []byte(secret))
		}
		pages++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if pages < 50 || !found["a.pdf"] {
		t.Fatalf("%d files, %v: this test looks at nothing", pages, found)
	}
	if found["stream.example"] || found["video.example"] || found["b.pdf"] {
		t.Errorf("the site shows %v", found)
	}
}

func TestListsByTopicAudiencePlaceAndSeries(t *testing.T) {
	dir := built(t)
	for _, view := range []string{"thema-energie", "fuer-alle", "ort-event-lounge", "reihe-energie-im-alltag"} {
		for _, lang := range []string{"", "en/", "ls/"} {
			page, feed := read(t, dir, lang+"veranstaltungen/"+view+"/index.html"), read(t, dir, lang+"veranstaltungen/"+view+"/kalender.ics")
			if !strings.Contains(page, "veranstaltungen/solarstrom-vom-balkon/") || !strings.Contains(page, `href="webcal://service-point.example/`+lang+"veranstaltungen/"+view+`/kalender.ics"`) {
				t.Errorf("%s%s: no event, or nothing to subscribe to", lang, view)
			}
			if !strings.Contains(feed, "UID:solarstrom-vom-balkon@") || !strings.Contains(feed, "SEQUENCE:1\r\n") {
				t.Errorf("%s%s: %s", lang, view, feed)
			}
		}
	}
	feed := read(t, dir, "veranstaltungen/thema-energie/kalender.ics")
	if !strings.Contains(feed, "UID:wohnen-im-wandel@") || !strings.Contains(feed, "STATUS:CANCELLED") || strings.Contains(feed, "digital-sprechstunde") {
		t.Errorf("by topic: %s", feed)
	}
	if list := read(t, dir, "veranstaltungen/index.html"); !strings.Contains(list, `href="/veranstaltungen/thema-energie/"`) || strings.Contains(list, "thema-buergerservice/kalender") {
		t.Error("the list does not lead to the views")
	}
	var cat = catalogue()
	cat.Events[1].Slug = "thema-energie"
	if _, err := (&site.Builder{Dir: t.TempDir()}).Build(t.Context(), cat); err == nil {
		t.Error("an event took the address of a view")
	}
}

func TestLinkedDataTellMovedMixedEventsAndTheirOffers(t *testing.T) {
	page := read(t, built(t), "veranstaltungen/solarstrom-vom-balkon/index.html")
	_, ld, _ := strings.Cut(page, `<script type="application/ld+json">`)
	ld, _, _ = strings.Cut(ld, "</script>")
	var got map[string]any
	if err := json.Unmarshal([]byte(ld), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"eventStatus": "https://schema.org/EventRescheduled", "previousStartDate": "2026-11-24T18:00:00+01:00",
		"eventAttendanceMode": "https://schema.org/MixedEventAttendanceMode", "inLanguage": "[de tr]", "isAccessibleForFree": "true",
	} {
		if fmt.Sprint(got[name]) != want {
			t.Errorf("%s: %v, want %s", name, got[name], want)
		}
	}
	if people, _ := got["performer"].([]any); len(people) != 2 {
		t.Errorf("performer: %v", got["performer"])
	}
	if offers, _ := got["offers"].([]any); len(offers) != 1 {
		t.Errorf("offers: %v", got["offers"])
	}
}

// TestOnlyListsMadeForItAreFramed asks for every page with the policy that the program sets.
func TestOnlyListsMadeForItAreFramed(t *testing.T) {
	h, framed := site.NewHandler(built(t)), 0
	for path, want := range map[string]string{
		"/veranstaltungen/liste/": "*", "/en/veranstaltungen/thema-energie/liste/": "*", "/veranstaltungen/": "'none'",
		"/veranstaltungen/einbetten/": "'none'", "/": "'none'", "/leistungen/liste/": "'none'",
	} {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if got := w.Header().Get("Content-Security-Policy"); got != "default-src 'self'; frame-ancestors "+want {
			t.Errorf("%s: %s", path, got)
		}
		if want != "*" || w.Code != 200 {
			continue
		}
		framed++
		if body := w.Body.String(); strings.Contains(body, "<form") || strings.Contains(body, "<nav") || !strings.Contains(body, `target="_top"`) {
			t.Errorf("%s: forms, or links that stay in the frame", path)
		}
	}
	if framed != 2 {
		t.Errorf("%d lists", framed)
	}
}
