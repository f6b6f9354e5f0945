package planning

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/disclosure"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

func de(s string) content.Text { return content.Text{content.German: s} }

func codes(list ...string) (options []survey.Option) {
	for _, c := range list {
		options = append(options, survey.Option{Code: c, Text: de(strings.ToUpper(c[:1]) + c[1:])})
	}
	return options
}

// tram is a questionnaire with every kind of question that pages show otherwise.
func tram() survey.Questionnaire {
	one, five, ten, zero := 1.0, 5.0, 10.0, 0.0
	return survey.Questionnaire{
		Slug: "tram", Version: 1, Languages: []string{"de"}, Title: de("Straßenbahn & Bus"), Opens: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		Pages: []survey.Page{
			{Code: "wege", Title: de("Wege"), Items: []survey.Item{
				{Code: "used", Type: survey.MultipleChoice, Text: de("Was nutzen Sie?"), Help: de("Mehreres ist möglich."), Options: codes("tram", "bus")},
				{Code: "stars", Type: survey.Scale, Text: de("Wie gut ist die <Tram>?"), Min: &one, Max: &five, MinLabel: de("schlecht"), MaxLabel: de("gut")},
				{Code: "nps", Type: survey.Scale, Look: survey.NPS, Text: de("Empfehlen Sie sie?"), Min: &zero, Max: &ten},
				{Code: "grid", Type: survey.MatrixSingle, Text: de("Wie ist …?"), Rows: codes("takt", "preis"), Options: codes("good", "bad")},
				{Code: "order", Type: survey.Ranking, Text: de("Was zuerst?"), Options: codes("takt", "preis")},
				{Code: "km", Type: survey.Number, Text: de("Wie weit?"), Unit: "km"},
				{Code: "idea", Type: survey.LongText, Text: de("Was noch?")},
			}},
			{Code: "person", Title: de("Über Sie"), Items: []survey.Item{
				{Code: "mail", Type: survey.Email, Text: de("Ihre Adresse?")},
				{Code: "home", Type: survey.District, Text: de("Wo wohnen Sie?"), Options: codes("mitte", "suedstadt", "vorderer-westen", "wehlheiden", "harleshausen")},
				{Code: "age_group", Type: survey.SingleChoice, Text: de("Wie alt sind Sie?"), Options: codes("jung", "alt")},
			}},
		},
	}
}

func (h *house) publishVersion(q survey.Questionnaire) {
	h.t.Helper()
	c, err := h.p.App.FindCollectionByNameOrId("survey_versions")
	if err != nil {
		h.t.Fatal(err)
	}
	r := core.NewRecord(c)
	r.Set("survey", q.Slug)
	r.Set("version", q.Version)
	r.Set("questionnaire", q)
	if err := h.p.App.Save(r); err != nil {
		h.t.Fatal(err)
	}
}

// answer gives an answer with the numbers in the order of the codes.
func answer(base int, codes []string, n ...int) disclosure.Answer {
	a := disclosure.Answer{Base: base, All: 100, Columns: []disclosure.Option{{}}}
	for i, c := range codes {
		a.Rows = append(a.Rows, disclosure.Option{Code: c, Text: de(strings.ToUpper(c[:1]) + c[1:])})
		a.N = append(a.N, []int{n[i]})
		a.AnyGone = a.AnyGone || n[i] == disclosure.Hidden
	}
	return a
}

// tramHouse has a survey of 100 answers and figures for it.
func tramHouse(t testing.TB) *house {
	h := newHouse(t)
	h.publishVersion(tram())
	h.counts = append(h.counts, Count{"tram", "2026-11-02", "web", 60}, Count{"tram", "2026-11-20", "tablet", 40})
	mean := &content.ResultNumber{Mean: 3.5, Q1: 2, Median: 4, Q3: 5}
	score := -20.0
	h.ask = func(_ context.Context, slug, _ string, q disclosure.Question) (disclosure.Answer, error) {
		if slug != "tram" {
			return disclosure.Answer{}, disclosure.ErrFew
		}
		var a disclosure.Answer
		switch {
		case q.Row == "home" && q.Column == "age_group":
			a = answer(80, []string{"mitte", "suedstadt", "vorderer-westen", "wehlheiden", "harleshausen"}, 0, 0, 0, 0, 0)
			a.Columns = []disclosure.Option{{Code: "jung", Text: de("Jung")}, {Code: "alt", Text: de("Alt")}}
			a.N, a.AnyGone = [][]int{{15, 5}, {10, 10}, {20, 0}, {disclosure.Hidden, disclosure.Hidden}, {0, 0}}, true
		case q.Column != "":
			a = answer(100, []string{"jung", "alt"}, 0, 0)
			a.Columns = []disclosure.Option{{Code: "tram", Text: de("Tram")}, {Code: "bus", Text: de("Bus")}}
			a.N = [][]int{{40, 10}, {5, 45}}
		case q.Row == "used":
			a = answer(100, []string{"tram", "bus"}, 80, 40)
			a.Several = true
		case q.Row == "stars":
			a = answer(90, []string{"1", "2", "3", "4", "5"}, 10, 20, 20, 30, 10)
			a.Numbers, a.Waiting = mean, 7
		case q.Row == "nps":
			a = answer(50, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}, 0, 0, 0, 0, 0, 10, 10, 10, 10, 5, 5)
			a.Score = &score
		case strings.HasPrefix(q.Row, "grid."):
			a = answer(40, []string{"good", "bad"}, 30, 10)
		case q.Row == "order":
			a = answer(60, []string{"takt", "preis"}, 45, 15)
			a.Ranked = true
		case q.Row == "km":
			a = disclosure.Answer{Base: 70, All: 100, Numbers: mean, Unit: "km"}
		case q.Row == "home":
			a = answer(95, []string{"mitte", "suedstadt", "vorderer-westen", "wehlheiden", "harleshausen"}, 30, 20, 40, disclosure.Hidden, disclosure.Hidden)
		case q.Row == "age_group":
			return a, disclosure.ErrUnsafe
		default:
			return a, disclosure.ErrQuestion
		}
		a.Question = q
		return a, nil
	}
	return h
}

// strict fails on what the content security policy or a browser would not take:
// inline style, script, an id twice, a label or description that leads nowhere.
func strict(t testing.TB, body string) {
	t.Helper()
	if strings.Contains(body, "style=") || strings.Contains(body, "<style") || strings.Contains(body, "<script") || strings.Contains(body, "ZgotmplZ") {
		t.Error("inline style or script, which the content security policy forbids, or a refused value")
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		if ids[m[1]] {
			t.Errorf("id %s twice", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(` (?:for|aria-labelledby|aria-describedby)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		for id := range strings.FieldsSeq(m[1]) {
			if !ids[id] {
				t.Errorf("no id %s", id)
			}
		}
	}
	if m := regexp.MustCompile(`\bstaff\.planning\.[a-z_.]+|problem\.[a-z_]+`).FindString(body); m != "" {
		t.Errorf("a key in place of words: %s", m)
	}
	for part := range strings.SplitSeq(body, "<svg ") {
		if tag, _, _ := strings.Cut(part, ">"); strings.Contains(tag, "viewBox") && !strings.Contains(tag, `role="img"`) && !strings.Contains(tag, "aria-hidden") {
			t.Errorf("a drawing without a role: %s", tag)
		}
	}
}

func (b browser) get(path string) (int, string) {
	b.h.t.Helper()
	res, body := b.do("GET", path)
	strict(b.h.t, body)
	return res.StatusCode, body
}

func (b browser) post(path string, form url.Values) (*http.Response, string) {
	t := b.h.t
	t.Helper()
	return b.send("POST", path, strings.NewReader(form.Encode()))
}

func TestOverviewShowsGroupsAndTheWayToTheTarget(t *testing.T) {
	h := tramHouse(t)
	b := h.browser(base.Planner)
	if status, body := b.get("/planung/tram/"); status != http.StatusOK {
		t.Fatalf("%d", status)
	} else {
		wants(t, body, "Straßenbahn &amp; Bus", "Wo wohnen Sie?", "<td class=\"number\">30</td><td class=\"number\">32\u00a0%</td>", "n = 95 Antworten", "Ziel setzen",
			`<th scope="row">Tablet</th><td class="number">40</td><td class="number">40`+"\u00a0%", "Zusammen mit früheren Zahlen zu genau",
			"http://service-point.test/planung/tram/")
		if strings.Contains(body, "chart-target") {
			t.Error("a target that nobody set")
		}
	}
	for _, c := range []struct{ n, until, problem string }{
		{"viele", "", "ganze Zahl von 1 bis"}, {"0", "", "ganze Zahl"}, {"-5", "", "ganze Zahl"}, {"99999999999", "", "ganze Zahl"}, {"500", "bald", "24.12.2026"}, {"500", "31.02.2026", "24.12.2026"},
	} {
		res, body := b.post("/planung/umfragen/tram/ziel/", url.Values{"ziel": {c.n}, "bis": {c.until}})
		if res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d", c, res.StatusCode)
		}
		wants(t, body, c.problem, `value="`+c.n+`"`, `id="fehler"`)
		strict(t, body)
	}
	res, _ := b.post("/planung/umfragen/tram/ziel/", url.Values{"ziel": {"1.000"}, "bis": {"31.12.2026"}})
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/planung/tram/#ziel" {
		t.Fatalf("%d %s", res.StatusCode, res.Header.Get("Location"))
	}
	_, body := b.get("/planung/tram/")
	// The second of December is today: 30 days are left.
	wants(t, body, "10\u00a0% des Ziels von 1.000 Antworten bis 31.12.2026. Es fehlen 900, das sind 30 am Tag.", "Ziel: 1.000", "chart-target", "chart-plan", `value="1000"`, `value="31.12.2026"`)
	b.post("/planung/umfragen/tram/ziel/", url.Values{"ziel": {""}})
	if _, body := b.get("/planung/tram/"); strings.Contains(body, "chart-target") {
		t.Error("the target was not removed")
	}
}

func TestQuestionsShowChartTableBaseAndWording(t *testing.T) {
	h := tramHouse(t)
	b := h.browser(base.Planner)
	_, body := b.get("/planung/umfragen/tram/fragen/")
	wants(t, body,
		"Was nutzen Sie?", "Hinweis im Fragebogen: Mehreres ist möglich.", "Mehrere Antworten waren möglich", "<td class=\"number\">80</td><td class=\"number\">80\u00a0%</td>",
		"Wie gut ist die &lt;Tram&gt;?", "<dt>Mittelwert</dt><dd>3,5</dd>", "7 neue Antworten zählen mit",
		"9 und 10: empfehlen weiter: 20\u00a0%", "<dt>Net Promoter Score</dt><dd>-20</dd>",
		`<th scope="row">Takt</th><td class="number heat-4">30 <span class="heat-share">75`+"\u00a0%", "An erster Stelle", "<dt>Median</dt><dd>4 km</dd>",
		"Antworten in eigenen Worten", "100 Teilnahmen gezählt")
	if strings.Contains(body, "Ihre Adresse?") || strings.Contains(body, "Wo wohnen Sie?</h2>") {
		t.Error("a personal question, or one of another page")
	}
	_, body = b.get("/planung/umfragen/tram/fragen/?seite=person&wo=age_group:jung&wo=")
	wants(t, body, "Wo wohnen Sie?", "Wie alt sind Sie?: Jung", `value="age_group:jung" selected`, `name="seite" value="person"`,
		"http://service-point.test/planung/umfragen/tram/fragen/?seite=person&amp;wo=age_group%3Ajung")
	_, body = b.get("/planung/umfragen/tram/fragen/?frage=stars")
	if wants(t, body, "Wie gut ist die"); strings.Contains(body, "Was nutzen Sie?</h2>") {
		t.Error("more than the one question")
	}
	for path, want := range map[string]int{
		"?frage=mail": 404, "?frage=gibts-nicht": 404, "?seite=gibts-nicht": 404, "?wo=mail:x": 422, "?wo=home:atlantis": 422, "?wo=unsinn": 422, "?wo=%00%ff": 422,
		"?wo=home:mitte&wo=home:suedstadt&wo=age_group:alt": 200, "?wo=home:mitte&wo=age_group:alt&wo=@channel:web": 422,
	} {
		if status, body := b.get("/planung/umfragen/tram/fragen/" + path); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		} else if status == 422 && !strings.Contains(body, `href="#f-wo"`) {
			t.Errorf("%s: no error that leads to its field", path)
		}
	}
	if status, _ := b.get("/planung/umfragen/gibt-es-nicht/fragen/"); status != http.StatusNotFound {
		t.Error(status)
	}
}

func TestWhatIsNotShownSaysWhatWhyAndFromWhen(t *testing.T) {
	h := tramHouse(t)
	b := h.browser(base.Planner)
	for err, says := range map[error]string{
		disclosure.ErrFew: "Ab 10 Antworten", disclosure.ErrHidden: "Mit weniger Bedingungen", disclosure.ErrUnsafe: "Nehmen Sie Bedingungen weg",
		disclosure.ErrGone: "wenn genug neue Antworten da sind", disclosure.ErrQuestion: "persönlichen Angaben",
	} {
		h.ask = func(context.Context, string, string, disclosure.Question) (disclosure.Answer, error) {
			return disclosure.Answer{}, err
		}
		h.figures = newFigures(h.p, h.o.Ask)
		_, body := b.get("/planung/umfragen/tram/fragen/")
		wants(t, body, says)
		_, body = b.get("/planung/umfragen/tram/kreuztabelle/?zeilen=age_group&spalten=stars")
		wants(t, body, says)
		_, body = b.get("/planung/umfragen/tram/karte/")
		wants(t, body, says)
	}
	h.ask = func(context.Context, string, string, disclosure.Question) (disclosure.Answer, error) {
		return disclosure.Answer{}, errors.New("the disk is gone")
	}
	h.figures = newFigures(h.p, h.o.Ask)
	if res, _ := b.do("GET", "/planung/umfragen/tram/fragen/"); res.StatusCode != http.StatusInternalServerError {
		t.Errorf("a fault gives %d", res.StatusCode)
	}
	h.counts = nil
	_, body := b.get("/planung/umfragen/tram/fragen/")
	wants(t, body, "Noch keine Antworten", "Ab 10 Antworten")
}

func TestCrossTablesShadeSumAndHide(t *testing.T) {
	h := tramHouse(t)
	b := h.browser(base.Planner)
	_, body := b.get("/planung/umfragen/tram/kreuztabelle/")
	wants(t, body, "Wählen Sie zwei Fragen")
	_, body = b.get("/planung/umfragen/tram/kreuztabelle/?zeilen=age_group&spalten=grid.takt")
	wants(t, body, "Wie alt sind Sie? × Wie ist …? – Takt", "chart-step", `<td class="number heat-5">40 <span class="heat-share">80`+"\u00a0%",
		`<tr><th scope="row">n</th><td class="number">45</td><td class="number">55</td><td class="number">100</td></tr>`, "40 <span")
	_, body = b.get("/planung/umfragen/tram/kreuztabelle/?zeilen=age_group&spalten=grid.takt&prozent=spalten")
	wants(t, body, `40 <span class="heat-share">89`+"\u00a0%")
	_, body = b.get("/planung/umfragen/tram/kreuztabelle/?zeilen=age_group&spalten=grid.takt&prozent=keine")
	if strings.Contains(body, "heat-share") {
		t.Error("per cents that nobody wants")
	}
	_, body = b.get("/planung/umfragen/tram/kreuztabelle/?zeilen=home&spalten=age_group")
	wants(t, body, `<th scope="row">Wehlheiden</th><td class="number heat-0">·</td><td class="number heat-0">·</td><td class="number">·</td>`, "Einige Zahlen sind verborgen")
	if strings.Contains(body, `id="kreuz-bild-t"`) {
		t.Error("a drawing with parts that may not be shown")
	}
	for _, path := range []string{"?zeilen=home", "?zeilen=home&spalten=home", "?zeilen=mail&spalten=home", "?zeilen=idea&spalten=home", "?zeilen=used&spalten=home", "?zeilen=x&spalten=y"} {
		if status, body := b.get("/planung/umfragen/tram/kreuztabelle/" + path); status != 422 || !strings.Contains(body, "field-error") {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// Sums of rows with a hidden cell come from the figure of the row's question
// alone, but only when it counts the very same people.
func TestSumsComeFromTheQuestionAloneWhenItCountsTheSamePeople(t *testing.T) {
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	row := answer(100, []string{"a", "b"}, 60, 40)
	column := answer(100, []string{"x", "y"}, 70, disclosure.Hidden)
	table := answer(100, []string{"a", "b"}, 0, 0)
	table.Columns = column.Rows
	table.N = [][]int{{disclosure.Hidden, 20}, {30, 10}}
	row.Counted, column.Counted, table.Counted = at, at, at
	got := []*figure{{Answer: row}, {Answer: column}, {Answer: table}}
	if rows, columns := sums(got); !slices.Equal(rows, []int{60, 40}) || !slices.Equal(columns, []int{70, 30}) {
		t.Error(rows, columns)
	}
	for what, change := range map[string]func(f *figure){
		"somebody skipped the other question": func(f *figure) { f.Base = 103 },
		"counted at another time":             func(f *figure) { f.Counted = at.Add(time.Hour) },
		"there is no figure":                  func(f *figure) { f.err = disclosure.ErrUnsafe },
	} {
		one := &figure{Answer: row}
		change(one)
		if rows, _ := sums([]*figure{one, {Answer: column}, {Answer: table}}); !slices.Equal(rows, []int{disclosure.Hidden, 40}) {
			t.Errorf("%s: %v", what, rows)
		}
	}
	if rows, _ := sums(got[2:]); rows[0] != disclosure.Hidden {
		t.Errorf("with filters: %v", rows)
	}
}

func TestMapColoursDistrictsAndHidesSmallOnes(t *testing.T) {
	h := tramHouse(t)
	b := h.browser(base.Planner)
	_, body := b.get("/planung/umfragen/tram/karte/")
	wants(t, body, `class="karte-bezirk karte-wert-5"`, "karte-leer", ">40</text>", `<td class="number">3</td><th scope="row">Vorderer Westen</th><td class="number">40</td>`,
		`<th scope="row">Wehlheiden</th><td class="number">·</td>`, "Datenlizenz Deutschland", "20</li>", "keine Zahl")
	_, body = b.get("/planung/umfragen/tram/karte/?wert=age_group:jung")
	wants(t, body, "Wie alt sind Sie?: Jung", ">75\u00a0%</text>", ">100\u00a0%</text>", `<th scope="row">Mitte</th><td class="number">20</td><td class="number">75`+"\u00a0%")
	if strings.Contains(body, ">0\u00a0%</text>") {
		t.Error("a district without answers has a share")
	}
	for _, path := range []string{"?wert=age_group", "?wert=age_group:x", "?wert=home:mitte", "?wert=mail:a"} {
		if status, _ := b.get("/planung/umfragen/tram/karte/" + path); status != 422 {
			t.Errorf("%s: %d", path, status)
		}
	}
	if status, _ := b.get("/planung/umfragen/smart-kassel/karte/"); status != http.StatusNotFound {
		t.Errorf("a map of a survey that asks for no district: %d", status)
	}
}

func TestWavesAreComparedByCode(t *testing.T) {
	h := tramHouse(t)
	old := tram()
	old.Slug, old.Title = "tram-2024", de("Straßenbahn 2024")
	old.Pages[0].Items[0].Text = de("Womit fahren Sie?")
	old.Pages[0].Items[0].Options = codes("tram", "rad")
	old.Pages[1].Items = old.Pages[1].Items[2:]
	h.publishVersion(old)
	h.counts = append(h.counts, Count{"tram-2024", "2024-11-02", "web", 50})
	tramAsk := h.ask
	h.ask = func(ctx context.Context, slug, staff string, q disclosure.Question) (disclosure.Answer, error) {
		if slug == "tram-2024" && q.Row == "used" {
			return answer(50, []string{"tram", "rad"}, 50, disclosure.Hidden), nil
		}
		return tramAsk(ctx, slug, staff, q)
	}
	b := h.browser(base.Planner)
	_, body := b.get("/planung/umfragen/tram/vergleich/")
	wants(t, body, `<option value="tram-2024">Straßenbahn 2024</option>`)
	if strings.Contains(body, `value="smart-kassel"`) {
		t.Error("a survey without a common question is offered")
	}
	_, body = b.get("/planung/umfragen/tram/vergleich/?mit=tram-2024")
	wants(t, body, "In „Straßenbahn 2024“ lautete die Frage: Womit fahren Sie?", "Straßenbahn 2024: n = 50",
		`<th scope="row">Tram</th><td class="number">80 <span class="heat-share">80`+"\u00a0%</span></td><td class=\"number\">50 <span class=\"heat-share\">100\u00a0%</span></td><td class=\"number\">−20</td>",
		"nicht angeboten", "Noch zu wenige Antworten")
	if status, _ := b.get("/planung/umfragen/tram/vergleich/?mit=gibts-nicht"); status != 422 {
		t.Error(status)
	}
	_, body = b.get("/planung/umfragen/smart-kassel/vergleich/")
	wants(t, body, "Keine andere Umfrage stellt eine Frage mit demselben Code")
}

func TestViewsAreSavedSharedAndRemoved(t *testing.T) {
	h := tramHouse(t)
	b, other, admin := h.browser(base.Planner), h.browser(base.Planner), h.browser(base.Admin)
	address := "/planung/umfragen/tram/kreuztabelle/?spalten=grid.takt&wo=home%3Amitte&zeilen=age_group"
	res, _ := b.post("/planung/ansichten/", url.Values{"adresse": {address + "&fremd=1"}, "name": {"Jung & Takt"}, "notiz": {"Seit Herbst\r\nanders"}})
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != address+"#ansichten" {
		t.Fatalf("%d %s", res.StatusCode, res.Header.Get("Location"))
	}
	for _, path := range []string{"/planung/ansichten/", "/planung/tram/", address} {
		_, body := other.get(path)
		wants(t, body, html.EscapeString(address), "Jung &amp; Takt", "Seit Herbst")
	}
	_, body := other.get("/planung/smart-kassel/")
	if strings.Contains(body, "Jung") {
		t.Error("a view of another survey")
	}
	for _, bad := range []string{"", "https://example.org/planung/tram/", "//example.org/planung/tram/", "/planung/gibt-es-nicht/", "/redaktion/", "/planung/umfragen/tram/dateien/", "/planung/exporte/../tram/", "javascript:alert(1)", "/planung/tram/?" + strings.Repeat("wo=a:b&", 400)} {
		res, body := b.post("/planung/ansichten/", url.Values{"adresse": {bad}, "name": {"x"}})
		if res.StatusCode != 422 || !strings.Contains(body, `href="#f-adresse"`) {
			t.Errorf("%q: %d", bad, res.StatusCode)
		}
		strict(t, body)
	}
	res, body = b.post("/planung/ansichten/", url.Values{"adresse": {address}, "name": {" "}, "notiz": {strings.Repeat("ä", 501)}})
	if res.StatusCode != 422 {
		t.Error(res.StatusCode)
	}
	wants(t, body, `href="#f-name"`, `href="#f-notiz"`, strings.Repeat("ä", 501), html.EscapeString(address))

	views, err := h.savedViews(t.Context(), "tram")
	if err != nil || len(views) != 1 {
		t.Fatal(views, err)
	}
	remove := "/planung/ansichten/" + views[0].ID + "/loeschen/"
	if res, _ := other.post(remove, nil); res.StatusCode != http.StatusForbidden {
		t.Errorf("another planner removed it: %d", res.StatusCode)
	}
	if res, _ := admin.post(remove, nil); res.StatusCode != http.StatusSeeOther {
		t.Error(res.StatusCode)
	}
	if res, _ := b.post(remove, nil); res.StatusCode != http.StatusNotFound {
		t.Error(res.StatusCode)
	}
}

// A figure that takes long is counted behind the page, once, whoever looks.
func TestLongCountsShowTheirProgress(t *testing.T) {
	h := tramHouse(t)
	go_ := make(chan struct{})
	var asked atomic.Int32
	h.ask = func(ctx context.Context, _, _ string, q disclosure.Question) (disclosure.Answer, error) {
		asked.Add(1)
		if q.Row == "stars" {
			select {
			case <-go_:
			case <-ctx.Done():
				return disclosure.Answer{}, ctx.Err()
			}
		}
		return answer(100, []string{"a"}, 50), nil
	}
	h.figures.patience = 50 * time.Millisecond
	b := h.browser(base.Planner)
	for range 3 {
		_, body := b.get("/planung/umfragen/tram/fragen/")
		wants(t, body, "Wird gezählt: 1 von 7 Fragen sind fertig.", `<progress id="zaehlung" class="progress" value="1" max="7">`, `href="/planung/umfragen/tram/fragen/"`)
	}
	h.figures.patience = time.Minute
	close(go_)
	_, body := b.get("/planung/umfragen/tram/fragen/")
	wants(t, body, "Was nutzen Sie?", "50\u00a0%")
	if n := asked.Load(); n != 7 {
		t.Errorf("%d questions were asked, want each of the 7 once", n)
	}
	// New answers: figures stand for a minute, then they are asked for anew.
	h.mu.Lock()
	h.counts = append(h.counts, Count{"tram", "2026-12-02", "web", 1})
	h.mu.Unlock()
	b.get("/planung/umfragen/tram/fragen/")
	if n := asked.Load(); n != 7 {
		t.Errorf("%d asked within a minute", n)
	}
	h.later(freshness)
	b.get("/planung/umfragen/tram/fragen/")
	if n := asked.Load(); n != 14 {
		t.Errorf("%d asked after a minute, want all again", n)
	}
}

// Closing ends what is being counted, and waits for it.
func TestCountingEndsWithTheServer(t *testing.T) {
	h := tramHouse(t)
	begun := make(chan struct{}, 20)
	h.ask = func(ctx context.Context, _, _ string, _ disclosure.Question) (disclosure.Answer, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return disclosure.Answer{}, ctx.Err()
	}
	h.figures.patience = time.Millisecond
	b := h.browser(base.Planner)
	b.get("/planung/umfragen/tram/fragen/")
	<-begun
	h.figures.close()
	h.figures.mu.Lock()
	defer h.figures.mu.Unlock()
	if len(h.figures.known) != 0 {
		t.Errorf("%d figures are remembered that nobody counted", len(h.figures.known))
	}
}

func TestQuestionsAreNamedByWhatTheyMean(t *testing.T) {
	f := func(key string, codes ...string) disclosure.Filter { return disclosure.Filter{Key: key, Codes: codes} }
	a := disclosure.Question{Row: "a", Where: []disclosure.Filter{f("x", "1", "2"), f("y", "3")}}
	b := disclosure.Question{Row: "a", Where: []disclosure.Filter{f("y", "3"), f("x", "2", "1")}}
	if name(a) != name(b) {
		t.Error("the order of filters made another question")
	}
	if !slices.Equal(a.Where[0].Codes, []string{"1", "2"}) || b.Where[0].Key != "y" {
		t.Error("naming changed the question")
	}
	others := []disclosure.Question{{Row: "a"}, {Row: "a", Column: "x"}, {Row: "a", Where: []disclosure.Filter{f("x", "1"), f("y", "3")}}}
	for _, o := range others {
		if name(o) == name(a) {
			t.Errorf("%+v is taken for another", o)
		}
	}
}

func FuzzAddressesLeadNowhereElse(f *testing.F) {
	for _, s := range []string{"/planung/tram/", "/planung/umfragen/tram/fragen/?wo=a%3Ab", "//evil/planung/x/", "/planung/%2e%2e/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		slug, address, ok := readAddress(s)
		if !ok {
			return
		}
		u, err := url.Parse(address)
		if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(address, "/planung/") || !content.IsSlug(slug) {
			t.Fatalf("%q became %q", s, address)
		}
		if slug2, again, ok := readAddress(address); !ok || again != address || slug2 != slug {
			t.Fatalf("%q is not stable: %q", address, again)
		}
	})
}
