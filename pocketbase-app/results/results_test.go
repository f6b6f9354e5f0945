package results

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/disclosure"
	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/pocketbase/core"
)

func de(s string) content.Text { return content.Text{content.German: s} }

func options(codes ...string) (list []survey.Option) {
	for _, c := range codes {
		list = append(list, survey.Option{Code: c, Text: de("Antwort " + c)})
	}
	return list
}

// questionnaire asks where people live and what they think, and their name.
func questionnaire() survey.Questionnaire {
	one, five := 1.0, 5.0
	districts := options("mitte", "nord", "west")
	districts[1].Image = &survey.Image{Name: strings.Repeat("ab", 32) + ".jpg", Alt: de("Der Norden")}
	return survey.Questionnaire{Slug: "smart", Version: 1, Title: de("Smart Kassel"), Pages: []survey.Page{{Title: de("Seite"), Items: []survey.Item{
		{Code: "district", Type: survey.SingleChoice, Text: de("Wo wohnen Sie?"), Options: districts},
		{Code: "view", Type: survey.SingleChoice, Text: de("Was meinen Sie?"), Options: options("good", "fair", "bad")},
		{Code: "happy", Type: survey.Scale, Text: de("Zufrieden?"), Min: &one, Max: &five},
		{Code: "age", Type: survey.Number, Text: de("Alter?"), Unit: "Jahre"},
		{Code: "rank", Type: survey.Ranking, Text: de("Was zuerst?"), Options: options("bus", "bike")},
		{Code: "idea", Type: survey.LongText, Text: de("Idee?")},
		{Code: "name", Type: survey.ShortText, Text: de("Name?"), Personal: true},
	}}}}
}

// memory is a survey whose answers the test holds.
type memory struct {
	q    survey.Questionnaire
	rows []survey.Response
}

func (m *memory) Versions() []survey.Questionnaire { return []survey.Questionnaire{m.q} }
func (m *memory) Count() int                       { return len(m.rows) }
func (m *memory) Close() error                     { return nil }
func (m *memory) Responses() iter.Seq2[survey.Response, error] {
	rows := slices.Clone(m.rows)
	return func(yield func(survey.Response, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (m *memory) answer(a survey.Answers) {
	m.rows = append(m.rows, survey.Response{ID: base.NewToken(), Version: 1, Language: "de", Channel: "web", Day: "2026-12-02", Answers: a})
}

type house struct {
	t       *testing.T
	p       *base.Platform
	x       *Results
	m       *memory
	srv     *httptest.Server
	client  *http.Client
	role    string
	rebuilt int
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, p: basetest.New(t, Words), m: &memory{q: questionnaire()}, role: base.Publisher}
	h.p.Now = func() time.Time { return basetest.Start }
	h.x = New(h.p, func(_ context.Context, slug string) (Snapshot, error) {
		if slug != "smart" {
			return nil, base.ErrNotFound
		}
		return h.m, nil
	})
	h.x.Rebuild = func(tx core.App, _, _ string) error {
		if !tx.IsTransactional() {
			t.Error("a build is asked for outside the transaction")
		}
		h.rebuilt++
		return nil
	}
	people := map[string]*core.Record{}
	for _, role := range base.Roles {
		people[role] = basetest.NewStaff(t, h.p, role)
	}
	h.srv, h.client = basetest.Serve(t, h.p, func(se *core.ServeEvent) {
		se.Router.BindFunc(func(e *core.RequestEvent) error {
			e.Auth = people[e.Request.Header.Get("X-Test-Role")]
			return e.Next()
		})
	}, h.x.Bind)
	return h
}

// want sends a form (nil: GET) and wants a status; it returns the page.
func (h *house) want(status int, path string, form url.Values) string {
	h.t.Helper()
	method, body := "GET", ""
	if form != nil {
		method, body = "POST", form.Encode()
	}
	r, err := http.NewRequest(method, h.srv.URL+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("X-Test-Role", h.role)
	r.Header.Set("Origin", h.srv.URL)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := h.client.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	if res.StatusCode != status {
		h.t.Fatalf("%s %s %v: %d, want %d\n%s", method, path, form, res.StatusCode, status, b)
	}
	return string(b)
}

func (h *house) catalogue() content.Results {
	h.t.Helper()
	cat := content.Catalogue{Surveys: []content.Survey{{Slug: "smart", Title: de("Smart Kassel")}}}
	if err := Publish(h.t.Context(), h.p.App.DB(), &cat); err != nil {
		h.t.Fatal(err)
	}
	if len(cat.Results) == 0 {
		return content.Results{}
	}
	return cat.Results[0]
}

const at = "/redaktion/umfragen/smart/ergebnisse/"

func sent(fields ...string) url.Values {
	form := url.Values{"aktion": {"freigeben"}, "frage": {"district", "view", "happy", "age", "idea", "rank"}, "zeilen1": {"district"}, "spalten1": {"view"}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return form
}

// fill adds n people from a district with a view.
func (h *house) fill(n int, district, view string) {
	for i := range n {
		h.m.answer(survey.Answers{"district": district, "view": view, "happy": float64(1 + i%5), "age": float64(20 + i), "idea": "Geheimer Wunsch", "name": "Erika Geheim", "rank": []string{"bus"}})
	}
}

func TestFiguresAreReleasedFromTenAnswersOn(t *testing.T) {
	h := open(t)
	h.fill(9, "mitte", "good")
	if page := h.want(200, at, nil); !strings.Contains(page, "ab 10 Antworten") {
		t.Error("the page does not say what is missing")
	}
	if page := h.want(422, at, sent()); !strings.Contains(page, "noch keine 10 Antworten") {
		t.Error("no reason given")
	}
	h.fill(1, "mitte", "good")
	h.fill(15, "nord", "bad")
	h.fill(2, "west", "bad")
	if page := h.want(200, at, sent("aktion", "ansehen")); !strings.Contains(page, "So würde es veröffentlicht (n = 27)") {
		t.Error("no preview")
	}
	hasPage := func() bool {
		has, err := HasPage(t.Context(), h.p.App.DB(), "smart")
		return has && err == nil
	}
	if h.rebuilt != 0 || h.catalogue().Release != 0 || hasPage() {
		t.Fatal("a preview was released")
	}
	marks := h.release("idea", "Mehr Bänke", "Mehr Bäume")
	form := sent()
	form["zitat.idea"] = marks
	h.want(303, at, form)
	r := h.catalogue()
	if r.Release != 1 || r.N != 27 || !hasPage() || h.rebuilt != 1 || len(r.Figures) != 6 || len(r.Corrections) != 0 {
		t.Fatalf("%+v", r)
	}
	b, _ := json.Marshal(r)
	for _, secret := range []string{"Geheim", "name", "2026-12-02\"", h.m.rows[0].ID} {
		if strings.Contains(string(b), secret) {
			t.Errorf("%q is public: %s", secret, b)
		}
	}
	for _, f := range r.Figures {
		switch f.Key {
		case "district": // west has 2: hidden, and mitte with it, or 27 - 25 would tell
			if f.Shares[2].N != disclosure.Hidden || f.Shares[0].N != disclosure.Hidden || f.Shares[1].N != 15 || !f.Hidden {
				t.Errorf("district: %+v", f.Shares)
			}
			if f.Shares[1].Picture != strings.Repeat("ab", 32)+".jpg" || f.Shares[1].Alt["de"] != "Der Norden" || f.Shares[0].Picture != "" {
				t.Errorf("the pictures of the answers: %+v", f.Shares)
			}
		case "idea":
			if fmt.Sprint(f.Quotes) != "[Mehr Bänke Mehr Bäume]" || f.Base != 27 {
				t.Errorf("idea: %+v", f)
			}
		case "age":
			if f.Numbers == nil || f.Numbers.Mean == 0 {
				t.Errorf("age: %+v", f)
			}
		case "rank":
			if f.Shares[0].N != 27 || f.Shares[0].Rank != 1 {
				t.Errorf("rank: %+v", f.Shares)
			}
		}
	}
}

func TestARefreshWaitsForTenMoreAndCorrectionsStayVisible(t *testing.T) {
	h := open(t)
	h.fill(20, "mitte", "good")
	h.want(303, at, sent())
	h.fill(9, "nord", "bad")
	if page := h.want(422, at, sent()); !strings.Contains(page, "weniger als 10 Antworten dazu") || !strings.Contains(page, `id="e-grund.de"`) {
		t.Error("the refresh was not refused at the field of the reason")
	}
	h.want(422, at, sent("grund.en", "English only"))
	h.want(303, at, sent("grund.de", "Die Überschrift war falsch", "grund.en", "The heading was wrong"))
	r := h.catalogue()
	if r.Release != 2 || r.N != 20 || len(r.Corrections) != 1 || r.Corrections[0].Reason["en"] != "The heading was wrong" {
		t.Fatalf("a correction counts nobody new: %+v", r)
	}
	h.fill(1, "nord", "bad")
	h.want(303, at, sent())
	if r = h.catalogue(); r.Release != 3 || r.N != 30 || len(r.Corrections) != 1 {
		t.Fatalf("%+v", r)
	}
	var sizes []int
	if err := h.p.App.DB().NewQuery(`SELECT count(*) FROM result_members GROUP BY block`).Column(&sizes); err != nil || fmt.Sprint(sizes) != "[10 10 10]" {
		t.Errorf("blocks %v %v", sizes, err)
	}
	// What has been released cannot be changed, and when somebody who was counted
	// is erased, no new figures can tell what they said.
	for _, sql := range []string{`UPDATE result_releases SET n = 11`, `DELETE FROM result_releases`} {
		if _, err := h.p.App.DB().NewQuery(sql).Execute(); err == nil {
			t.Errorf("%s went through", sql)
		}
	}
	h.m.rows = h.m.rows[1:]
	h.fill(30, "west", "fair")
	if page := h.want(422, at, sent()); !strings.Contains(page, "nicht mehr da") {
		t.Error("figures without an erased response were released")
	}
}

func TestActionsAreWrittenChangedAndTakenAway(t *testing.T) {
	h := open(t)
	form := url.Values{"title.de": {"Bänke"}, "said.de": {"Es **fehlen** Bänke."}, "did.de": {"Zwölf neue Bänke."}, "state": {"done"}, "day": {"24.12.2026"}}
	if page := h.want(422, at+"massnahmen/neu/", url.Values{"state": {"?"}, "day": {"gestern"}}); strings.Count(page, "field-error") < 5 {
		t.Error("not every field says what is wrong")
	}
	h.want(303, at+"massnahmen/neu/", form)
	r := h.catalogue()
	if len(r.Actions) != 1 || r.Actions[0].Day != "2026-12-24" || r.Release != 0 {
		t.Fatalf("%+v", r)
	}
	one := at + "massnahmen/" + r.Actions[0].ID + "/"
	rev := regexp.MustCompile(`name="rev" value="(\d+)"`).FindStringSubmatch(h.want(200, one, nil))[1]
	form.Set("rev", rev)
	form.Set("title.de", "Neue Bänke")
	h.want(303, one, form)
	if page := h.want(409, one, form); !strings.Contains(page, "inzwischen geändert") || !strings.Contains(page, "Neue Bänke") {
		t.Error("an old form overwrote a newer one, or lost its text")
	}
	form.Set("rev", "2")
	form.Set("aktion", "loeschen")
	h.want(303, one, form)
	h.want(404, one, nil)
	if r := h.catalogue(); len(r.Actions) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestOnlyPublishersRelease(t *testing.T) {
	h := open(t)
	h.fill(12, "mitte", "good")
	for _, role := range base.Roles {
		h.role = role
		status, posted := 403, 403
		if role == base.Publisher {
			status, posted = 200, 422
		}
		h.want(status, at, nil)
		h.want(posted, at, url.Values{})
		h.want(status, at+"massnahmen/neu/", nil)
		h.want(posted, at+"massnahmen/neu/", url.Values{})
	}
	h.role = base.Publisher
	h.want(404, "/redaktion/umfragen/nie/ergebnisse/", nil)
	h.want(404, "/redaktion/umfragen/nie/ergebnisse/massnahmen/neu/", nil)
	h.want(404, at+"massnahmen/nie/", url.Values{})
	h.want(422, at, url.Values{"aktion": {"freigeben"}, "frage": {"name"}}) // personal: never
	h.want(422, at, url.Values{"frage": {"view"}, "zeilen1": {"view"}, "spalten1": {"view"}})
	h.want(422, at, url.Values{"frage": {"idea"}, "zitat.idea": slices.Repeat([]string{"0123"}, maxQuotes+1)})
}

func ExampleResults() {
	ids := []string{"e", "a", "k", "b", "i", "c", "j", "d", "h", "f", "g", "l"}
	in := map[int]int{}
	for _, block := range blocks(ids, 4) {
		in[block]++
	}
	fmt.Println(in) // twelve people are one block: two of them make no block of their own
	fmt.Println(allowed(mustMerge(questionnaire()), []tally.Pair{{Row: "district", Column: "view"}, {Row: "name", Column: "view"}}))
	// Output:
	// map[5:12]
	// [{district view}]
}

func mustMerge(q survey.Questionnaire) *tally.Survey {
	s, err := tally.Merge([]survey.Questionnaire{q})
	if err != nil {
		panic(err)
	}
	return s
}
