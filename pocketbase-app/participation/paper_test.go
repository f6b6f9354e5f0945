package participation_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"servicepoint/content/survey/surveytest"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
)

// typist is a member of staff who types in sheets.
type typist struct {
	t  *testing.T
	w  *world
	id string
}

func (w *world) typist(t *testing.T, roles ...string) typist {
	t.Helper()
	return typist{t, w, basetest.NewStaff(t, w.Platform, roles...).Id}
}

// send posts fields ("bogen=1&district=2") and gives status, place and page.
func (p typist) send(path, form string) (status int, location, page string) {
	p.t.Helper()
	fields, err := url.ParseQuery(form)
	if err != nil {
		p.t.Fatal(err)
	}
	if !fields.Has("sprache") && !strings.Contains(path, "verwerfen") {
		fields.Set("sprache", "de")
	}
	req, err := http.NewRequest("POST", p.w.srv.URL+path, strings.NewReader(fields.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Test-Staff", p.id)
	r, err := p.w.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return r.StatusCode, r.Header.Get("Location"), string(b)
}

const typing = "/schalter/umfragen/smart-kassel/"

func TestASheetCountsWhenTwoPeopleTypedTheSame(t *testing.T) {
	w := newWorld(t)
	anna, ben := w.typist(t, base.Counter), w.typist(t, base.Planner)
	const filled = "bogen=7&district=2&topics=3+1&content=4&rent=612,50&idea=Mehr+Bänke"
	if status, to, page := anna.send(typing, filled); status != 303 || !strings.Contains(to, "erste=7") {
		t.Fatal(status, to, page)
	}
	if n := w.count(t, "responses"); n != 0 {
		t.Fatalf("%d responses after the first entry", n)
	}
	if status, _, page := anna.send(typing, filled); status != 409 || !strings.Contains(page, "jemand anderes") {
		t.Fatal("the same person twice:", status, page)
	}
	if status, to, page := ben.send(typing, strings.Replace(filled, "topics=3+1", "topics=3,+++1", 1)); status != 409 {
		t.Fatal("a comma is a difference that people see:", status, to, page)
	}
	if status, to, page := ben.send(typing, filled); status != 303 || !strings.Contains(to, "gespeichert=7") {
		t.Fatal(status, to, page)
	}
	rows := w.rows(t)
	if len(rows) != 1 || rows[0].Channel != "paper" || rows[0].Answers != `{"content":4,"district":"west","idea":"Mehr Bänke","rent":612.5,"topics":["energy","water"]}` {
		t.Fatalf("%+v", rows)
	}
	if status, _, page := ben.send(typing, filled); status != 409 || !strings.Contains(page, "schon erfasst") {
		t.Fatal("a third time:", status, page)
	}
	var left string
	if err := w.App.DB().NewQuery(`SELECT typed || typist || response FROM survey_sheets`).Row(&left); err != nil || left != "" {
		t.Errorf("the sheet still knows %q: %v", left, err)
	}
}

func TestDifferencesAreShownAndSettled(t *testing.T) {
	w := newWorld(t)
	anna, ben := w.typist(t, base.Counter), w.typist(t, base.Counter)
	anna.send(typing, "bogen=1&district=1&content=2")
	status, _, page := ben.send(typing, "bogen=1&district=2&content=2&idea=Nein")
	if status != 409 || strings.Count(page, "Erste Eingabe") != 2 || !strings.Contains(page, "Erste Eingabe: 1") || !strings.Contains(page, "Erste Eingabe: (leer)") {
		t.Fatal(status, page)
	}
	_, hidden, ok := strings.Cut(page, `name="geklaert" value="`)
	if !ok {
		t.Fatal(page)
	}
	seen, _, _ := strings.Cut(hidden, `"`)
	if status, to, page := ben.send(typing, "bogen=1&district=1&content=2&idea=Nein&geklaert="+seen); status != 303 {
		t.Fatal(status, to, page)
	}
	if rows := w.rows(t); len(rows) != 1 || rows[0].Answers != `{"content":2,"district":"mitte","idea":"Nein"}` {
		t.Fatalf("%+v", rows)
	}
}

func TestWhatIsTypedWrongComesBackAtItsField(t *testing.T) {
	w := newWorld(t)
	anna := w.typist(t, base.Counter)
	for form, want := range map[string]string{
		"bogen=x&district=1":           "f-bogen",
		"bogen=0&district=1":           "f-bogen",
		"bogen=1&district=3":           "f-district",
		"bogen=1&district=1+2":         "f-district",
		"bogen=1&topics=1+1":           "f-topics",
		"bogen=1&topics=4+1":           "f-topics", // "none" stands alone
		"bogen=1&content=9":            "f-content",
		"bogen=1&since=gestern":        "f-since",
		"bogen=1&district=1&sprache=x": "f-sprache",
		"bogen=1":                      "f-bogen", // nothing at all
	} {
		status, _, page := anna.send(typing, form)
		if status != 422 || !strings.Contains(page, `<li><a href="#`+want+`">`) {
			t.Errorf("%s: %d, no line for %s", form, status, want)
		}
	}
	// On paper nobody can be held to answer what is required.
	if status, _, page := anna.send(typing, "bogen=2&content=3"); status != 303 {
		t.Error(status, page)
	}
	if n := w.count(t, "survey_sheets"); n != 1 {
		t.Errorf("%d sheets are kept", n)
	}
}

func TestAFirstEntryCanBeDiscardedByWhoMadeIt(t *testing.T) {
	w := newWorld(t)
	anna, ben := w.typist(t, base.Counter), w.typist(t, base.Counter)
	anna.send(typing, "bogen=5&district=1")
	if status, _, _ := ben.send(typing+"verwerfen/", "bogen=5"); status != 404 {
		t.Error("somebody else discards it:", status)
	}
	if status, _, _ := anna.send(typing+"verwerfen/", "bogen=5"); status != 303 || w.count(t, "survey_sheets") != 0 {
		t.Error(status)
	}
}

func TestTheSheetHasEveryQuestionAndRule(t *testing.T) {
	w := newWorld(t)
	q := surveytest.Everything()
	q.Opens = basetest.Start
	publish(t, w.Platform, q)
	r, err := w.client.Get(w.srv.URL + "/umfragen/everything/drucken/")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	page := string(b)
	if r.StatusCode != 200 {
		t.Fatal(r.Status, page)
	}
	for _, want := range []string{
		`<svg class="qr"`, "EVERYTHING-1-DE-", "http://service-point.test/umfragen/everything/",
		"Nur wenn: Frage 5 ist „Ja“.", "Nur wenn: Frage 1 ist beantwortet.", "Diese Frage gibt es nur im Internet.",
		"Bitte in jeder Zeile ein Kreuz.", "bitte angeben:", "Weiß nicht", `<span class="sheet-no">11a</span>`, `<img src="/umfragen/bilder/` + strings.Repeat("0", 64) + `.png" alt=`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the sheet does not say %s", want)
		}
	}
	for _, it := range q.Items() {
		if it.Asks() && !strings.Contains(page, strings.ReplaceAll(it.Text["de"], "{reason}", "")) && !strings.Contains(it.Text["de"], "{") {
			t.Errorf("%s is not on the sheet", it.Code)
		}
	}
	if strings.Contains(page, "Das Doppelte") {
		t.Error("a calculated value is on the sheet")
	}
	// All of it can be typed in.
	anna, ben := w.typist(t, base.Counter), w.typist(t, base.Counter)
	const all = "bogen=1&reason=3&reason.text=Lage&topics=w&part=2&way=1&member=2&since=1.1.2020&content=w&stars=3&nps=10&rank=3+1&grid.bus=1&grid.tram=w" +
		"&boxes.bus=1+2&people=2&at=9:30&name=A&idea=B&mail=a@example.org&road=Königstor&spot.place=1&spot.address=am+Tor&agree=1"
	const path = "/schalter/umfragen/everything/"
	if status, _, page := anna.send(path, all); status != 303 {
		t.Fatal(status, page)
	}
	if status, _, page := ben.send(path, all); status != 303 {
		t.Fatal(status, page)
	}
	var answers string
	if err := w.App.DB().NewQuery(`SELECT answers FROM responses WHERE survey = 'everything'`).Row(&answers); err != nil {
		t.Fatal(err)
	}
	// "since" was hidden by the rule on "member" and is dropped.
	for _, want := range []string{`"reason":"other"`, `"reason.text":"Lage"`, `"topics?":"dont_know"`, `"rank":["c","a"]`, `"grid.tram?":"dont_know"`, `"double":4`, `"agree":"yes"`, `"spot.place":"rathaus"`} {
		if !strings.Contains(answers, want) {
			t.Errorf("no %s in %s", want, answers)
		}
	}
	if strings.Contains(answers, "since") {
		t.Error(answers)
	}
}
