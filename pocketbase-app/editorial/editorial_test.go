package editorial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// press is a Builder that remembers what it was given. The real one lives in
// package site and is joined with this package by package main and its stories.
type press struct {
	mu       sync.Mutex
	built    []content.Catalogue
	releases []content.Release
	fail     error
	slow     time.Duration
}

func (b *press) Build(ctx context.Context, cat content.Catalogue) (content.Release, error) {
	time.Sleep(b.slow)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return content.Release{}, b.fail
	}
	b.built = append(b.built, cat)
	r := content.Release{Name: fmt.Sprintf("release-%03d", len(b.built)), Started: cat.Now, Finished: cat.Now.Add(time.Second), Pages: len(cat.Guides)}
	b.releases = append(b.releases, r)
	if len(b.releases) > 5 {
		b.releases = b.releases[1:]
	}
	return r, nil
}

func (b *press) Preview(_ context.Context, cat content.Catalogue, path string) ([]byte, error) {
	for _, g := range cat.Guides {
		for lang, prefix := range map[string]string{"de": "", "en": "/en"} {
			if path == prefix+"/leistungen/"+g.Slug+"/" {
				return []byte("<h1>" + g.Texts[lang].Title + "</h1>"), nil
			}
		}
	}
	return nil, fs.ErrNotExist
}
func (b *press) Rollback(context.Context, string) error { return nil }
func (b *press) Releases() ([]content.Release, error)   { return b.releases, nil }

func (b *press) count() int { b.mu.Lock(); defer b.mu.Unlock(); return len(b.built) }

func (b *press) last() content.Catalogue {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.built) == 0 {
		return content.Catalogue{}
	}
	return b.built[len(b.built)-1]
}

// house is an editorial office under test: pages over HTTP, one person per role.
type house struct {
	*Editorial
	t      *testing.T
	press  *press
	url    string
	client *http.Client

	mu    sync.Mutex
	staff map[string]*core.Record // by name: "both", "editor", …; made at first use
}

var people = map[string][]string{
	"both": {base.Editor, base.Publisher}, "editor": {base.Editor}, "publisher": {base.Publisher}, "planner": {base.Planner},
	"counter": {base.Counter}, "moderator": {base.Moderator}, "admin": {base.Admin},
}

func (h *house) person(name string) *core.Record {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.staff[name] == nil && people[name] != nil {
		h.staff[name] = basetest.NewStaff(h.t, h.p, people[name]...)
	}
	return h.staff[name]
}

func sample() (content.Catalogue, []survey.Questionnaire) {
	de := content.German
	q := survey.Questionnaire{Slug: "smart-kassel", Languages: []string{de}, Title: content.Text{de: "Smart Kassel"}, Anonymous: true,
		Pages: []survey.Page{{Code: "p1", Title: content.Text{de: "Alltag"}, Items: []survey.Item{{
			Code: "weg", Type: survey.SingleChoice, Text: content.Text{de: "Wie kommen Sie her?"},
			Options: []survey.Option{{Code: "tram", Text: content.Text{de: "Tram"}}, {Code: "rad", Text: content.Text{de: "Rad"}}},
		}}}}}
	return content.Catalogue{
		Providers: []content.Provider{{Slug: "stadt-kassel", Name: "Stadt Kassel"}},
		Topics:    []content.Topic{{Slug: "buergerservice", Name: content.Text{de: "Bürgerservice"}}},
		Districts: []content.District{{Slug: "mitte", Name: "Mitte"}},
		Guides: []content.Guide{{Slug: "reisepass", Provider: "stadt-kassel", Topic: "buergerservice", Channels: []string{"counter"},
			Texts: map[string]content.GuideText{de: {Title: "Reisepass", Short: "Einen Pass beantragen.", Fees: "70 Euro"}, "en": {Title: "Passport", Short: "Apply."}}}},
		Events: []content.Event{{Slug: "podium", Kind: "panel", Place: "Event Lounge", Start: time.Date(2027, 1, 14, 17, 0, 30, 0, time.UTC), Precision: content.ToMinute,
			Texts: map[string]content.EventText{de: {Title: "Podium Wärme"}}, Pools: []content.Pool{{Code: "saal", Size: 60, Label: content.Text{de: "Saal", "en": "Hall"}}}}},
		Pages: []content.Page{{Slug: "home", Texts: map[string]content.PageText{de: {Title: "Willkommen", Body: "Hallo"}}}},
	}, []survey.Questionnaire{q}
}

func newHouse(t *testing.T) *house {
	t.Helper()
	p := basetest.New(t, Words)
	h := &house{t: t, press: &press{}, staff: map[string]*core.Record{}}
	h.Editorial = New(p, h.press)
	h.Debounce = 5 * time.Millisecond
	srv, client := basetest.Serve(t, p, func(se *core.ServeEvent) {
		se.Router.BindFunc(func(e *core.RequestEvent) error {
			e.Auth = h.person(e.Request.Header.Get("X-Who"))
			return e.Next()
		})
		h.Bind(se)
	})
	h.url, h.client = srv.URL, client
	cat, questionnaires := sample()
	if err := h.Seed(t.Context(), cat, questionnaires); err != nil {
		t.Fatal(err)
	}
	return h
}

// do sends a request as somebody; form nil is a GET.
func (h *house) do(who, path string, form url.Values) (int, string, string) {
	h.t.Helper()
	method, body := "GET", io.Reader(nil)
	if form != nil {
		method, body = "POST", strings.NewReader(form.Encode())
	}
	req, _ := http.NewRequest(method, h.url+path, body)
	req.Header.Set("X-Who", who)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return h.answer(req)
}

func (h *house) answer(req *http.Request) (int, string, string) {
	h.t.Helper()
	res, err := h.client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	page, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(page), res.Header.Get("Location")
}

func (h *house) want(status int, who, path string, form url.Values) string {
	h.t.Helper()
	got, page, _ := h.do(who, path, form)
	if got != status {
		h.t.Fatalf("%s %s: %d, want %d\n%s", who, path, got, status, page)
	}
	return page
}

func (h *house) rev(kind, slug string) string {
	h.t.Helper()
	rec, err := stored(h.p.App, kindNamed(kind), slug)
	if err != nil {
		h.t.Fatal(err)
	}
	return strconv.Itoa(rec.GetInt("rev"))
}

func contains(t *testing.T, page string, parts ...string) {
	t.Helper()
	for _, s := range parts {
		if !strings.Contains(page, s) {
			t.Errorf("page lacks %q:\n%s", s, page)
		}
	}
}

const guidePath = "/redaktion/leistungen/reisepass/"

func TestEditPreviewPublishWithdraw(t *testing.T) {
	h := newHouse(t)
	if _, err := h.BuildNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	page := h.want(200, "both", guidePath, nil)
	contains(t, page, `value="Reisepass"`, "70 Euro", `data-live="live"`, `<option value="stadt-kassel" selected>Stadt Kassel`)

	h.want(303, "both", guidePath, url.Values{"rev": {h.rev("guides", "reisepass")}, "texts.de.title": {"Reisepass für alle"}, "fee_cents": {"70,00"}})
	if got := h.want(200, "both", guidePath+"vorschau/", nil); got != "<h1>Reisepass für alle</h1>" {
		t.Errorf("preview shows %q", got)
	}
	cat, _ := h.Catalogue(t.Context())
	if cat.Guides[0].Texts["de"].Title != "Reisepass" {
		t.Error("a saved draft is public before it is published")
	}
	contains(t, h.want(200, "both", "/redaktion/", nil), "Reisepass für alle", "geändert seit Veröffentlichung")

	h.want(303, "both", guidePath+"veroeffentlichen/", url.Values{"rev": {h.rev("guides", "reisepass")}})
	contains(t, h.want(200, "both", guidePath, nil), `data-live="waiting"`)
	if _, err := h.BuildNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	guide := h.press.last().Guides[0]
	if guide.Texts["de"].Title != "Reisepass für alle" || guide.FeeCents == nil || *guide.FeeCents != 7000 || !guide.Updated.Equal(basetest.Start) {
		t.Errorf("published %+v", guide)
	}
	contains(t, h.want(200, "both", guidePath, nil), `data-live="live"`)

	h.want(303, "both", guidePath+"zuruecknehmen/", url.Values{"rev": {h.rev("guides", "reisepass")}})
	if _, err := h.BuildNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(h.press.last().Guides); n != 0 {
		t.Errorf("%d guides after withdrawing the only one", n)
	}
	contains(t, h.want(200, "both", guidePath, nil), "zurückgenommen", "Reisepass für alle")
}

func TestNewEventFromFormToCatalogue(t *testing.T) {
	h := newHouse(t)
	var followed []string
	h.Follow["events"] = func(tx core.App, doc json.RawMessage) error {
		var ev content.Event
		if !tx.IsTransactional() {
			t.Error("followed outside the transaction")
		}
		followed = append(followed, ev.Slug)
		return json.Unmarshal(doc, &ev)
	}
	contains(t, h.want(200, "editor", "/redaktion/veranstaltungen/neu/", nil), "Neu: Veranstaltung")
	form := url.Values{
		"texts.de.title": {"Wärme für Kassel: Überblick"}, "kind": {"lecture"}, "precision": {"minute"}, "place": {"Event Lounge"},
		"start_date": {"2027-03-28"}, "start_time": {"01:30"}, "end_date": {"28.3.2027"}, "end_time": {"04:00"}, "audience": {"alle, Eigentümer"},
		"district": {"mitte"}, "free": {"", "ja"}, "pools.0.code": {"saal"}, "pools.0.size": {"40"}, "pools.0.label.de": {"Saal"}, "pools.1.code": {""}, "pools.1.size": {""},
	}
	status, page, location := h.do("editor", "/redaktion/veranstaltungen/neu/", form)
	if status != 303 || !strings.HasPrefix(location, "/redaktion/veranstaltungen/waerme-fuer-kassel-ueberblick/") {
		t.Fatalf("%d %s\n%s", status, location, page)
	}
	contains(t, h.want(200, "both", "/redaktion/", nil), "Wärme für Kassel")
	h.want(303, "both", "/redaktion/veranstaltungen/waerme-fuer-kassel-ueberblick/", url.Values{"rev": {"1"}, "aktion": {"veroeffentlichen"}})
	cat, err := h.Catalogue(t.Context())
	if err != nil || len(cat.Events) != 2 || len(followed) != 1 {
		t.Fatalf("%v, %d events, followed %v", err, len(cat.Events), followed)
	}
	ev := cat.Events[1]
	// The night the clocks change: 01:30 is +01:00, 04:00 is +02:00.
	if ev.Start.UTC().Format(time.RFC3339) != "2027-03-28T00:30:00Z" || ev.End.UTC().Format(time.RFC3339) != "2027-03-28T02:00:00Z" {
		t.Errorf("start %v, end %v", ev.Start.UTC(), ev.End.UTC())
	}
	if !ev.Free || len(ev.Pools) != 1 || ev.Pools[0].Size != 40 || len(ev.Audience) != 2 {
		t.Errorf("%+v", ev)
	}
	// Moving it raises the sequence, so that calendars notice; an English label does not.
	path := "/redaktion/veranstaltungen/waerme-fuer-kassel-ueberblick/"
	h.want(303, "both", path+"?sprache=en", url.Values{"rev": {h.rev("events", ev.Slug)}, "pools.0.label.en": {"Hall"}, "aktion": {"veroeffentlichen"}})
	h.want(303, "both", path, url.Values{"rev": {h.rev("events", ev.Slug)}, "place": {"Rathaus"}, "aktion": {"veroeffentlichen"}})
	cat, _ = h.Catalogue(t.Context())
	if got := cat.Events[1]; got.Sequence != 1 || got.Pools[0].Label["en"] != "Hall" || got.Place != "Rathaus" {
		t.Errorf("%+v", got)
	}
}

func TestWhatFollowsCanRefuseToPublish(t *testing.T) {
	h := newHouse(t)
	h.Follow["events"] = func(core.App, json.RawMessage) error {
		return content.Problems{{Field: "pools", Code: "too_small", Args: map[string]any{"min": 12}}}
	}
	page := h.want(422, "both", "/redaktion/veranstaltungen/podium/", url.Values{"rev": {"1"}, "place": {"Rathaus"}, "aktion": {"veroeffentlichen"}})
	contains(t, page, "mindestens 12", `value="Rathaus"`)
	if h.rev("events", "podium") != "1" {
		t.Error("refused, but something was written")
	}
}

func TestWrongInputIsNamedAndKept(t *testing.T) {
	h := newHouse(t)
	guide, event, survey := guidePath, "/redaktion/veranstaltungen/podium/", "/redaktion/umfragen/smart-kassel/"
	cases := []struct {
		what, path string
		form       url.Values
		want       []string
	}{
		{"no German title", guide, url.Values{"texts.de.title": {" "}}, []string{`href="#f-texts.de.title"`, `id="e-texts.de.title"`}},
		{"LeiKa too short", guide, url.Values{"leika": {"99"}, "texts.de.full": {"<b>kept & shown</b>"}}, []string{`href="#f-leika"`, "&lt;b&gt;kept &amp; shown&lt;/b&gt;"}},
		{"unknown partner", guide, url.Values{"provider": {"mars"}}, []string{`href="#f-provider"`}},
		{"fee in words", guide, url.Values{"fee_cents": {"viel"}}, []string{`href="#f-fee_cents"`, `value="viel"`}},
		{"no channel", guide, url.Values{"channels": {""}}, []string{`href="#f-channels"`}},
		{"broken JSON", guide, url.Values{"questions": {"[\n{\"code\": }]"}}, []string{"in Zeile 2", `href="#f-questions"`}},
		{"wrong question", guide, url.Values{"questions": {`[{"code":"A","type":"text","label":{"de":"x"}}]`}}, []string{"questions.0.code:"}},
		{"unknown member", guide, url.Values{"questions": {`[{"cod":"a"}]`}}, []string{"„cod“"}},
		{"too deep", guide, url.Values{"texts.de.fees": {strings.Repeat(">", 40) + "x"}}, []string{"verschachtelt"}},
		{"English without title", guide + "?sprache=en", url.Values{"texts.en.title": {""}}, []string{`href="#f-texts.en.title"`}},
		{"no date", event, url.Values{"start_date": {"morgen"}}, []string{`href="#f-start_date"`, `value="morgen"`}},
		{"no time", event, url.Values{"start_date": {"2027-01-14"}, "start_time": {"25:00"}}, []string{`href="#f-start_time"`}},
		{"ends before it starts", event, url.Values{"end_date": {"2026-01-01"}}, []string{`href="#f-end_date"`, "vor dem Beginn"}},
		{"pool without size", event, url.Values{"pools.0.code": {"saal"}, "pools.0.size": {"viele"}}, []string{`href="#f-pools.0.size"`}},
		{"pool twice", event, url.Values{"pools.0.code": {"a"}, "pools.0.size": {"1"}, "pools.1.code": {"a"}, "pools.1.size": {"2"}}, []string{`href="#f-pools.1.code"`}},
		{"question without options", survey + "fragen/json/", url.Values{"json": {`{"pages":[{"code":"p1","title":{"de":"x"},"items":[{"code":"a","type":"single_choice","text":{"de":"A"}}]}]}`}}, []string{`href="#f-json"`, "pages.0.items.0"}},
		{"far too much", survey + "fragen/json/", url.Values{"json": {`{"pages":` + hugeQuestionnaire() + `}`}}, []string{`href="#f-json"`, "pages.0.title"}},
		{"text for a number", survey + "fragen/json/", url.Values{"json": {`{"pages":[{"code":"p1","items":[{"max_length":"x"}]}]}`}}, []string{`href="#f-json"`, "max_length"}},
		{"no access that there is", survey, url.Values{"access": {"mars"}}, []string{`href="#f-access"`}},
		{"a time limit too short", survey, url.Values{"time_limit": {"5"}}, []string{`href="#f-time_limit"`}},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			c.form.Set("rev", "1")
			contains(t, h.want(422, "editor", c.path, c.form), append(c.want, `class="error-summary"`)...)
		})
	}
	if h.rev("guides", "reisepass") != "1" || h.rev("events", "podium") != "1" || h.rev("surveys", "smart-kassel") != "1" {
		t.Error("refused input was written")
	}
	contains(t, h.want(422, "editor", "/redaktion/seiten/neu/", url.Values{"slug": {"home"}, "texts.de.title": {"X"}}), `href="#f-slug"`, "gibt es schon")
}

// hugeQuestionnaire is under the limit of a form and over that of a document.
func hugeQuestionnaire() string {
	return `[{"code":"p1","title":{"de":"` + strings.Repeat("x", 1<<20) + `"},"items":[]}]`
}

func TestTwoEditorsLoseNothing(t *testing.T) {
	h := newHouse(t)
	h.want(303, "editor", guidePath, url.Values{"rev": {"1"}, "texts.de.title": {"Von Arno"}})
	page := h.want(409, "both", guidePath, url.Values{"rev": {"1"}, "texts.de.title": {"Von Rena"}, "texts.de.full": {"Lange geschrieben"}})
	contains(t, page, "Von Arno", `value="Von Rena"`, "Lange geschrieben", `name="rev" value="2"`)
	h.want(303, "both", guidePath, url.Values{"rev": {"2"}, "texts.de.title": {"Von Rena"}, "texts.de.full": {"Lange geschrieben"}})
	// The first copy is in the history and can come back.
	contains(t, h.want(200, "editor", guidePath+"fassungen/2/", nil), "Von Arno", "Von Rena")
	h.want(303, "editor", guidePath+"fassungen/2/", url.Values{"rev": {"3"}})
	contains(t, h.want(200, "editor", guidePath, nil), `value="Von Arno"`, "wiederhergestellt")
	// Publishing what one has not seen is refused.
	h.want(409, "publisher", guidePath+"veroeffentlichen/", url.Values{"rev": {"3"}})
	h.want(409, "publisher", guidePath+"zuruecknehmen/", url.Values{"rev": {"3"}})
	h.want(404, "editor", guidePath+"fassungen/99/", nil)
}

func TestWritersAtOnceKeepOneRevisionEach(t *testing.T) {
	h := newHouse(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	saved, refused := 0, 0
	for i := range 16 {
		wg.Go(func() {
			status, _, _ := h.do("editor", guidePath, url.Values{"rev": {"1"}, "texts.de.full": {fmt.Sprint("Text ", i)}})
			mu.Lock()
			defer mu.Unlock()
			switch status {
			case 303:
				saved++
			case 409:
				refused++
			}
		})
	}
	wg.Wait()
	if saved != 1 || refused != 15 || h.rev("guides", "reisepass") != "2" {
		t.Errorf("%d saved, %d refused, revision %s", saved, refused, h.rev("guides", "reisepass"))
	}
}

func TestTranslationStandsBesideTheGerman(t *testing.T) {
	h := newHouse(t)
	page := h.want(200, "editor", guidePath+"?sprache=en", nil)
	contains(t, page, `value="Passport"`, "70 Euro", `lang="en"`)
	if strings.Contains(page, `name="provider"`) {
		t.Error("fields of all languages on the English page")
	}
	// A language whose last text goes is gone.
	h.want(303, "editor", guidePath+"?sprache=en", url.Values{"rev": {"1"}, "texts.en.title": {""}, "texts.en.short": {""}})
	rec, _ := stored(h.p.App, kindNamed("guides"), "reisepass")
	if strings.Contains(string(docOf(rec)), `"en"`) {
		t.Errorf("English is still there: %s", docOf(rec))
	}
}

func TestSurveyVersions(t *testing.T) {
	h := newHouse(t)
	path := "/redaktion/umfragen/smart-kassel/"
	versions := func() (n int) {
		if err := h.p.App.DB().NewQuery(`SELECT COUNT(*) FROM survey_versions WHERE survey = 'smart-kassel'`).Row(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if versions() != 1 {
		t.Fatalf("%d versions after seeding", versions())
	}
	publish := func() {
		h.want(303, "both", path+"veroeffentlichen/", url.Values{"rev": {h.rev("surveys", "smart-kassel")}})
	}
	publish()
	if versions() != 1 {
		t.Error("publishing the same questionnaire made a version")
	}
	h.want(303, "both", path, url.Values{"rev": {"1"}, "minutes": {"5"}, "closes_date": {"2027-02-01"}, "closes_time": {"12:00"}, "aktion": {"veroeffentlichen"}})
	if versions() != 1 {
		t.Error("saving published before anybody saw what it does to stored answers")
	}
	publish()
	cat, _ := h.Catalogue(t.Context())
	if versions() != 2 || cat.Surveys[0].Minutes != 5 || cat.Surveys[0].Items != 1 {
		t.Errorf("%d versions, survey %+v", versions(), cat.Surveys[0])
	}
	// Withdrawn and published again: still the same questionnaire.
	h.want(303, "both", path+"zuruecknehmen/", url.Values{"rev": {h.rev("surveys", "smart-kassel")}})
	publish()
	if versions() != 2 {
		t.Errorf("%d versions after coming back", versions())
	}
}

func TestRolesAndPages(t *testing.T) {
	h := newHouse(t)
	if _, err := h.BuildNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.BuildNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	const everybody = "editor publisher moderator admin"
	get := url.Values(nil)
	post := url.Values{"rev": {"999"}} // allowed people get 409: nothing changes
	cases := []struct {
		path    string
		form    url.Values
		allowed string
		status  int
	}{
		{"/redaktion/", get, everybody, 200},
		{"/redaktion/leistungen/", get, everybody, 200},
		{"/redaktion/veranstaltungen/?stand=published&suche=podium", get, everybody, 200},
		{"/redaktion/umfragen/", get, everybody, 200},
		{"/redaktion/seiten/home/", get, everybody, 200},
		{"/redaktion/partner/stadt-kassel/", get, everybody, 200},
		{"/redaktion/themen/buergerservice/", get, everybody, 200},
		{guidePath, get, everybody, 200},
		{guidePath + "vorschau/", get, everybody, 200},
		{guidePath + "fassungen/1/", get, everybody, 200},
		{"/redaktion/leistungen/neu/", get, "editor", 200},
		{"/redaktion/leistungen/neu/", post, "editor", 422},
		{guidePath, post, "editor", 409},
		{guidePath + "fassungen/1/", post, "editor", 409},
		{guidePath + "veroeffentlichen/", post, "publisher", 409},
		{guidePath + "zuruecknehmen/", post, "publisher", 409},
		{"/redaktion/ausgaben/unknown/", post, "publisher", 404},
		{"/redaktion/bauen/", post, "publisher admin", 303},
	}
	for _, c := range cases {
		for _, who := range []string{"", "editor", "publisher", "planner", "counter", "moderator", "admin"} {
			want := c.status
			switch {
			case who == "":
				want = 303
			case !strings.Contains(" "+c.allowed+" ", " "+who+" "):
				want = 403
			}
			if status, _, location := h.do(who, c.path, c.form); status != want || who == "" && !strings.HasPrefix(location, "/anmelden/") {
				t.Errorf("%q %s (post %v): %d %s, want %d", who, c.path, c.form != nil, status, location, want)
			}
		}
	}
	// The button of what one may not do is not there, and pressing it anyway is refused.
	if page := h.want(200, "editor", guidePath, nil); strings.Contains(page, "veroeffentlichen") || strings.Contains(page, "zuruecknehmen") {
		t.Error("an editor who may not publish sees the button")
	}
	h.want(403, "editor", guidePath, url.Values{"rev": {"1"}, "aktion": {"veroeffentlichen"}})
	contains(t, h.want(200, "publisher", guidePath, nil), "veroeffentlichen/", "zuruecknehmen/", "<fieldset disabled>")
	h.want(404, "editor", "/redaktion/leistungen/nirgends/", nil)
	h.want(404, "editor", "/redaktion/ortsbezirke/", nil)
}

func TestManyRequestsMakeFewBuilds(t *testing.T) {
	h := newHouse(t)
	h.Debounce = 50 * time.Millisecond
	h.press.slow = 20 * time.Millisecond
	stop := h.start()
	defer stop()
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if err := h.p.App.RunInTransaction(func(tx core.App) error { return h.request(tx, fmt.Sprint("test ", i), system) }); err != nil {
				t.Error(err)
			}
			h.Wake()
		})
	}
	wg.Wait()
	h.until("no request is left", func() bool { n, err := h.pending(t.Context()); return err == nil && n == 0 })
	if n := h.press.count(); n < 1 || n > 12 {
		t.Errorf("200 requests made %d builds", n)
	}
	var open int
	if err := h.p.App.DB().NewQuery(`SELECT COUNT(*) FROM releases WHERE state = 'live'`).Row(&open); err != nil || open != 1 {
		t.Errorf("%d releases are live (%v)", open, err)
	}
}

// start runs the loop; the returned function ends it and waits.
func (h *house) start() func() {
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
	}
}

func (h *house) until(what string, ok func() bool) {
	h.t.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Fatalf("waited in vain until %s", what)
}

func TestFailedBuildKeepsTheSiteAndTellsWhy(t *testing.T) {
	h := newHouse(t)
	if _, err := h.BuildNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.press.fail = fmt.Errorf("site: %w", content.Problems{{Field: "leistungen/reisepass", Code: "link_broken", Args: map[string]any{"link": "/weg/"}}})
	stop := h.start()
	h.want(303, "both", guidePath, url.Values{"rev": {"1"}, "texts.de.title": {"Neu"}, "aktion": {"veroeffentlichen"}})
	var page string
	h.until("the failure is shown", func() bool {
		page = h.want(200, "both", guidePath, nil)
		return strings.Contains(page, `data-live="failed"`)
	})
	contains(t, page, "Ihre Änderung ist gespeichert, aber die Website konnte nicht erneuert werden", "Der Link /weg/ führt ins Leere")
	contains(t, h.want(200, "both", "/redaktion/", nil), "ließ sich die Website nicht erneuern", "/weg/", "der Stand vom")
	// It does not try the same again and again.
	time.Sleep(50 * time.Millisecond)
	var tries int
	if err := h.p.App.DB().NewQuery(`SELECT COUNT(*) FROM releases WHERE state = 'failed'`).Row(&tries); err != nil || tries != 1 {
		t.Errorf("%d failed builds (%v)", tries, err)
	}
	h.press.mu.Lock()
	h.press.fail = nil
	h.press.mu.Unlock()
	h.want(303, "both", "/redaktion/bauen/", url.Values{})
	h.until("it is live", func() bool { return strings.Contains(h.want(200, "both", guidePath, nil), `data-live="live"`) })
	stop()
}

func TestWhatACrashCutOffIsBuiltAtTheStart(t *testing.T) {
	h := newHouse(t) // seeded: one request, no build
	if err := h.execute(`INSERT INTO releases (name, state, started) VALUES ('build-1', 'building', {:now})`, dbx.Params{"now": basetest.Start.UnixMilli()}); err != nil {
		t.Fatal(err)
	}
	stop := h.start()
	h.until("the site is built", func() bool { return h.press.count() == 1 })
	h.until("nothing waits", func() bool { n, _ := h.pending(t.Context()); return n == 0 })
	stop()
	var state string
	if err := h.p.App.DB().NewQuery(`SELECT state FROM releases WHERE name = 'build-1'`).Row(&state); err != nil || state != "failed" {
		t.Errorf("the build that was cut off is %q (%v)", state, err)
	}
	// A second start has nothing to do.
	stop = h.start()
	time.Sleep(30 * time.Millisecond)
	stop()
	if h.press.count() != 1 {
		t.Errorf("%d builds", h.press.count())
	}
}

func TestRollback(t *testing.T) {
	h := newHouse(t)
	first, err := h.BuildNow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.want(303, "both", guidePath, url.Values{"rev": {"1"}, "texts.de.title": {"Neu"}, "aktion": {"veroeffentlichen"}})
	if _, err := h.BuildNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	contains(t, h.want(200, "both", "/redaktion/", nil), "/redaktion/ausgaben/"+first.Name+"/")
	h.want(303, "both", "/redaktion/ausgaben/"+first.Name+"/", url.Values{})
	contains(t, h.want(200, "both", guidePath, nil), `data-live="older"`)
	h.want(404, "both", "/redaktion/ausgaben/"+first.Name+"/", url.Values{}) // it is live already
	for range 7 {                                                            // the builder keeps five
		if _, err := h.BuildNow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var removed int
	if err := h.p.App.DB().NewQuery(`SELECT COUNT(*) FROM releases WHERE state = 'removed'`).Row(&removed); err != nil || removed != 4 {
		t.Errorf("%d releases marked as removed (%v)", removed, err)
	}
}

func TestSeedFillsOnlyAnEmptyDatabase(t *testing.T) {
	h := newHouse(t)
	cat, questionnaires := sample()
	if err := h.Seed(t.Context(), cat, questionnaires); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("second seed: %v", err)
	}
	p := basetest.New(t, Words)
	d := New(p, &press{})
	bad := cat
	bad.Guides = append([]content.Guide{{Slug: "ohne-text"}}, cat.Guides...)
	var problems content.Problems
	if err := d.Seed(t.Context(), bad, nil); !errors.As(err, &problems) || !strings.Contains(err.Error(), "guides/ohne-text") {
		t.Errorf("seed of a bad guide: %v", err)
	}
	if empty, err := Empty(p.App); err != nil || !empty {
		t.Errorf("a refused seed left something behind (%v)", err)
	}
	var n int
	if err := h.p.App.DB().NewQuery(`SELECT COUNT(*) FROM revisions WHERE action = 'seed'`).Row(&n); err != nil || n != 7 {
		t.Errorf("%d revisions (%v)", n, err)
	}
	if err := h.p.App.DB().NewQuery(`SELECT COUNT(*) FROM site_requests`).Row(&n); err != nil || n != 1 {
		t.Errorf("%d requests (%v)", n, err)
	}
	got, err := Catalogue(t.Context(), h.p.App.DB())
	if err != nil || len(got.Providers) != 1 || len(got.Pages) != 1 || len(got.Surveys) != 1 || got.Guides[0].Published.IsZero() {
		t.Errorf("%v %+v", err, got)
	}
}

func TestPublishingNeedsWhatItRefersTo(t *testing.T) {
	h := newHouse(t)
	rec, _ := stored(h.p.App, kindNamed("topics"), "buergerservice")
	h.want(303, "both", "/redaktion/themen/buergerservice/zuruecknehmen/", url.Values{"rev": {strconv.Itoa(rec.GetInt("rev"))}})
	page := h.want(422, "both", guidePath, url.Values{"rev": {"1"}, "texts.de.title": {"Neu"}, "aktion": {"veroeffentlichen"}})
	contains(t, page, `href="#f-topic"`, "selbst noch nicht veröffentlicht", `value="Neu"`)
}

func TestAddressesOnTheSite(t *testing.T) {
	for _, c := range []struct{ kind, lang, slug, want string }{
		{"guides", "de", "reisepass", "/leistungen/reisepass/"}, {"guides", "en", "reisepass", "/en/leistungen/reisepass/"},
		{"pages", "de", "home", "/"}, {"pages", "ls", "home", "/ls/"}, {"pages", "de", "imprint", "/impressum/"},
		{"pages", "en", "service-point", "/en/service-point/"}, {"pages", "de", "anfahrt", "/anfahrt/"},
		{"topics", "de", "energie", "/themen/energie/"}, {"providers", "de", "kvg", "/partner/kvg/"},
	} {
		if got := kindNamed(c.kind).address(base.Prefix(c.lang), c.slug); got != c.want {
			t.Errorf("%s %s %s: %s, want %s", c.kind, c.lang, c.slug, got, c.want)
		}
	}
}

func TestLinksToWhatWasWithdrawnBecomeText(t *testing.T) {
	h := newHouse(t)
	body := `Siehe [Reisepass](/leistungen/reisepass/), [Pass](/leistungen/reisepass#kosten "Kosten"), [Tippfehler](/leistungen/reisepas/), [Podium](/veranstaltungen/podium/).`
	h.want(303, "both", "/redaktion/seiten/home/", url.Values{"rev": {"1"}, "texts.de.body": {body}, "aktion": {"veroeffentlichen"}})
	cat, err := h.Catalogue(t.Context())
	if err != nil || cat.Pages[0].Texts["de"].Body != body {
		t.Fatalf("%v %q", err, cat.Pages[0].Texts["de"].Body)
	}
	h.want(303, "both", guidePath+"zuruecknehmen/", url.Values{"rev": {"1"}})
	cat, err = h.Catalogue(t.Context())
	want := `Siehe Reisepass, Pass, [Tippfehler](/leistungen/reisepas/), [Podium](/veranstaltungen/podium/).`
	if err != nil || cat.Pages[0].Texts["de"].Body != want {
		t.Errorf("%v %q", err, cat.Pages[0].Texts["de"].Body)
	}
}

func TestTheWholeFormChangesNothing(t *testing.T) {
	h := newHouse(t)
	for _, k := range Kinds {
		if k.Path == "" {
			continue
		}
		var slugs []string
		if err := h.p.App.DB().NewQuery(`SELECT slug FROM {{` + k.Name + `}}`).Column(&slugs); err != nil {
			t.Fatal(err)
		}
		for _, slug := range slugs {
			rec, _ := stored(h.p.App, k, slug)
			for _, lang := range content.Languages {
				form, err := k.form(docOf(rec), lang)
				if err != nil {
					t.Fatal(err)
				}
				doc, _ := parse(docOf(rec))
				problems := k.fill(doc, form, lang)
				got, wrong, err := h.finish(k, doc, lang)
				if err != nil || len(problems)+len(wrong) > 0 || string(got) != string(docOf(rec)) {
					t.Errorf("%s/%s %s: %v %v %v\n got %s\nwant %s", k.Name, slug, lang, err, problems, wrong, got, docOf(rec))
				}
			}
		}
	}
}

func TestEveryWordIsWritten(t *testing.T) {
	h := newHouse(t)
	has := func(key string) {
		if h.wordOr(key) == "" {
			t.Errorf("no word %q", key)
		}
	}
	for _, k := range Kinds {
		has("staff.kind." + k.Name)
		has("staff.kind_one." + k.Name)
		for _, f := range k.Fields {
			has("staff.field." + f.name())
			for _, code := range f.Options {
				has("staff.option." + f.name() + "." + code)
			}
		}
	}
}

func TestRunsOfJobsAreShown(t *testing.T) {
	h := newHouse(t)
	h.Runs = func(context.Context) (past, next []base.Run, err error) {
		return []base.Run{{Job: "Nachtexport", Planned: basetest.Start, State: "done", Note: "3 Dateien"}}, []base.Run{{Job: "Seitenbau", Planned: basetest.Start.Add(time.Hour), State: "planned"}}, nil
	}
	contains(t, h.want(200, "admin", "/redaktion/", nil), "Nachtexport", "3 Dateien", "erledigt", "Seitenbau", "02.12.2026, 13:00")
}

func FuzzFormsNeverBreakADocument(f *testing.F) {
	f.Add("texts.de.title=A&pages=[]&start_date=2027-01-01&pools.0.code=a&pools.0.size=2", "de")
	f.Add("fee_cents=1,2&questions={&audience=,,&channels=&channels=info&texts.en.title=", "en")
	p := basetest.New(f, Words)
	d := New(p, &press{})
	f.Fuzz(func(t *testing.T, body, lang string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		if lang != "en" && lang != "ls" {
			lang = "de"
		}
		for _, k := range Kinds {
			doc := document{"slug": "a"}
			k.fill(doc, form, lang)
			canonical, problems, err := d.finish(k, doc, lang)
			if err != nil {
				t.Fatal(err)
			}
			if canonical == nil {
				if len(problems) == 0 {
					t.Fatal("neither document nor problem")
				}
				continue
			}
			again, _, err := k.decode(canonical)
			if err != nil || string(again) != string(canonical) {
				t.Fatalf("%s: %v\n%s\n%s", k.Name, err, canonical, again)
			}
			if _, err := k.form(canonical, lang); err != nil {
				t.Fatal(err)
			}
		}
	})
}
