package cases_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/cases"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// bench is a platform with two partners, two guides and the matter on a server.
type bench struct {
	*testing.T
	p   *base.Platform
	c   *cases.Cases
	srv *httptest.Server
}

func newBench(t *testing.T) *bench {
	t.Helper()
	p := basetest.New(t, cases.Words)
	publish(t, p, "providers", "stadt-kassel", content.Provider{Slug: "stadt-kassel", Name: "Stadt Kassel"})
	publish(t, p, "providers", "stadtreiniger", content.Provider{Slug: "stadtreiniger", Name: "Die Stadtreiniger"})
	publish(t, p, "guides", "fuehrungszeugnis", content.Guide{
		Provider: "stadt-kassel", Channels: []string{"counter", "case"},
		Texts: map[string]content.GuideText{"de": {Title: "Führungszeugnis"}, "en": {Title: "Certificate of good conduct"}},
		Questions: []content.Question{
			{Code: "kind", Type: "choice", Required: true, Label: content.Text{"de": "Welche Art?"}, Options: []content.Option{
				{Code: "plain", Label: content.Text{"de": "Einfach"}}, {Code: "extended", Label: content.Text{"de": "Erweitert"}}}},
			{Code: "amount", Type: "number", Label: content.Text{"de": "Wie viele?"}, Help: content.Text{"de": "Nur Ziffern"}},
			{Code: "day", Type: "date", Label: content.Text{"de": "Bis wann?"}},
		},
	})
	publish(t, p, "guides", "sperrmuell", content.Guide{
		Provider: "stadtreiniger", Channels: []string{"case"}, Texts: map[string]content.GuideText{"de": {Title: "Sperrmüll"}},
	})
	publish(t, p, "guides", "wohnungen", content.Guide{
		Provider: "stadtreiniger", Channels: []string{"listing"}, Texts: map[string]content.GuideText{"de": {Title: "Wohnungen"}},
	})
	c := cases.New(p)
	c.SlowBy = 0
	b := &bench{T: t, p: p, c: c}
	b.srv, _ = basetest.Serve(t, p, b.signIn, c.Bind)
	return b
}

func publish(t *testing.T, p *base.Platform, kind, slug string, doc any) {
	t.Helper()
	collection, err := p.App.FindCollectionByNameOrId(kind)
	if err != nil {
		t.Fatal(err)
	}
	r := core.NewRecord(collection)
	r.Load(map[string]any{"slug": slug, "title": slug, "doc": doc, "live": doc, "state": "published"})
	if err := p.App.Save(r); err != nil {
		t.Fatal(err)
	}
}

// later moves the clock.
func (b *bench) later(d time.Duration) {
	now := b.p.Now().Add(d)
	b.p.Now = func() time.Time { return now }
}

// staff is a signed-in member of staff of a partner; "" is all partners.
func (b *bench) staff(partner string, roles ...string) *visitor {
	b.Helper()
	who := basetest.NewStaff(b.T, b.p, roles...)
	who.Set("provider", partner)
	if err := b.p.App.Save(who); err != nil {
		b.Fatal(err)
	}
	v := newVisitor(b.T, b.srv)
	v.staff = who.Id
	return v
}

// signIn stands in for the session of package access: a header names who it is.
func (b *bench) signIn(se *core.ServeEvent) {
	se.Router.BindFunc(func(e *core.RequestEvent) error {
		if id := e.Request.Header.Get("X-Test-Staff"); id != "" {
			who, err := b.p.App.FindRecordById("staff", id)
			if err != nil {
				return err
			}
			e.Auth = who
		}
		return e.Next()
	})
}

func (b *bench) citizen() *visitor { return newVisitor(b.T, b.srv) }

// visitor is a browser without JavaScript: cookies, pages, forms.
type visitor struct {
	t      *testing.T
	url    string
	client *http.Client
	staff  string // id
	status int
	header http.Header
	body   string
}

func newVisitor(t *testing.T, srv *httptest.Server) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, url: srv.URL, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (v *visitor) do(method, path, kind, body string, header ...string) *visitor {
	v.t.Helper()
	req, err := http.NewRequest(method, v.url+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if v.staff != "" {
		req.Header.Set("X-Test-Staff", v.staff)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	v.status, v.header, v.body = res.StatusCode, res.Header, string(b)
	return v
}

func (v *visitor) get(path string) *visitor { v.t.Helper(); return v.do("GET", path, "", "") }

func (v *visitor) post(path string, form url.Values) *visitor {
	v.t.Helper()
	return v.do("POST", path, "application/x-www-form-urlencoded", form.Encode())
}

func (v *visitor) api(method, path, body string, header ...string) *visitor {
	v.t.Helper()
	return v.do(method, path, "application/json", body, header...)
}

// is demands a status, and texts in the page.
func (v *visitor) is(status int, texts ...string) *visitor {
	v.t.Helper()
	if v.status != status {
		v.t.Fatalf("status %d, want %d:\n%s", v.status, status, v.body)
	}
	page := html.UnescapeString(v.body)
	for _, s := range texts {
		if !strings.Contains(page, s) {
			v.t.Errorf("no %q in:\n%s", s, page)
		}
	}
	return v
}

func (v *visitor) lacks(texts ...string) *visitor {
	v.t.Helper()
	page := html.UnescapeString(v.body)
	for _, s := range texts {
		if strings.Contains(page, s) {
			v.t.Errorf("%q in:\n%s", s, page)
		}
	}
	return v
}

func (v *visitor) to(location string) *visitor {
	v.t.Helper()
	v.is(http.StatusSeeOther)
	if got := v.header.Get("Location"); got != location {
		v.t.Fatalf("sent to %q, want %q", got, location)
	}
	return v
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([a-z]+)"(?: id="[a-z-]+")? value="([^"]*)">`)

// hidden are the hidden fields of the first form that has them.
func (v *visitor) hidden() url.Values {
	v.t.Helper()
	form := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(v.body, -1) {
		if !form.Has(m[1]) {
			form.Set(m[1], html.UnescapeString(m[2]))
		}
	}
	if len(form) == 0 {
		v.t.Fatalf("no hidden fields in:\n%s", v.body)
	}
	return form
}

func with(form url.Values, pairs ...string) url.Values {
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

const goodBody = `{"guide":"fuehrungszeugnis","name":"Ada Muster","email":"ada@example.org","message":"Ich brauche es bald.","answers":{"kind":"plain","amount":2,"day":"2026-12-24"}}`

// sent sends a request over the API and returns its receipt.
func (b *bench) sent(key string) cases.Receipt {
	b.Helper()
	v := b.citizen().api("POST", "/api/v1/cases", goodBody, "Idempotency-Key", key).is(http.StatusCreated)
	var r cases.Receipt
	if err := json.Unmarshal([]byte(v.body), &r); err != nil {
		b.Fatal(err)
	}
	return r
}

// number reads one number from the database.
func (b *bench) number(query string, args ...any) int {
	b.Helper()
	params := dbx.Params{}
	for i := 0; i+1 < len(args); i += 2 {
		params[args[i].(string)] = args[i+1]
	}
	var n int
	if err := b.p.App.DB().NewQuery(query).Bind(params).Row(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

func (b *bench) exec(query string) {
	b.Helper()
	if _, err := b.p.App.DB().NewQuery(query).Execute(); err != nil {
		b.Fatal(err)
	}
}

// mails are the mail orders of a case, the oldest first.
func (b *bench) mails(reference string) []hooks.Mail {
	b.Helper()
	var payloads []string
	err := b.p.App.DB().NewQuery(`SELECT payload FROM orders WHERE provider = 'mail' AND subject = {:s} ORDER BY id`).
		Bind(dbx.Params{"s": reference}).Column(&payloads)
	if err != nil {
		b.Fatal(err)
	}
	out := make([]hooks.Mail, len(payloads))
	for i, s := range payloads {
		if err := json.Unmarshal([]byte(s), &out[i]); err != nil {
			b.Fatal(err)
		}
	}
	return out
}

// settle does what the dispatcher does with the newest order of a case.
func (b *bench) settle(reference string, s hooks.State, r hooks.Result) {
	b.Helper()
	var o struct {
		Key     string `db:"key"`
		Partner string `db:"partner"`
	}
	err := b.p.App.DB().NewQuery(`SELECT key, partner FROM orders WHERE kind = 'case' AND subject = {:s} ORDER BY id DESC LIMIT 1`).
		Bind(dbx.Params{"s": reference}).One(&o)
	if err != nil {
		b.Fatal(err)
	}
	b.settleKey(reference, o.Key, o.Partner, s, r)
}

func (b *bench) settleKey(reference, key, partner string, s hooks.State, r hooks.Result) {
	b.Helper()
	err := b.p.App.RunInTransaction(func(tx core.App) error {
		return b.c.Settle(tx, hooks.Order{Key: key, Kind: "case", Provider: "desk", Subject: reference, Partner: partner}, s, r)
	})
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) state(reference string) string {
	b.Helper()
	var s string
	if err := b.p.App.DB().NewQuery(`SELECT state FROM cases WHERE reference = {:r}`).Bind(dbx.Params{"r": reference}).Row(&s); err != nil {
		b.Fatal(err)
	}
	return s
}

// enter opens the citizen's page of a case.
func (b *bench) enter(r cases.Receipt) *visitor {
	b.Helper()
	v := b.citizen().post("/anliegen/", url.Values{"reference": {r.Reference}, "secret": {r.Secret}}).to("/anliegen/verlauf/")
	return v.get("/anliegen/verlauf/").is(200)
}

var shownPair = regexp.MustCompile(`<code id="nummer"[^>]*>([^<]+)</code>(?s:.*)<code id="code"[^>]*>([^<]+)</code>`)

func TestARequestIsSentAndFollowedWithoutAnAccount(t *testing.T) {
	b := newBench(t)
	ada := b.citizen().get("/leistungen/fuehrungszeugnis/anfrage/").is(200, "Anfrage: Führungszeugnis", "Stadt Kassel", "Welche Art?", "Nur Ziffern", "Datenschutz")

	// With faults: everything typed is still there, and nothing is stored.
	form := with(ada.hidden(), "name", "Ada <Muster>", "email", "ada@", "message", "Zeile 1\r\nZeile 2", "answers.amount", "zwei", "answers.day", "2026-12-24")
	key := form.Get("key")
	ada.post("/leistungen/fuehrungszeugnis/anfrage/", form).
		is(422, "Fehler: Anfrage", "Bitte prüfen Sie Ihre Angaben", `value="Ada <Muster>"`, `value="ada@"`, "Zeile 1\nZeile 2", `value="zwei"`, `value="2026-12-24"`,
			`href="#f-answers.kind"`, `id="f-answers.kind"`, "gültige E-Mail-Adresse", "Bitte geben Sie eine Zahl ein")
	if b.number(`SELECT COUNT(*) FROM cases`) != 0 || ada.hidden().Get("key") != key {
		t.Fatal("a faulty form was stored, or lost its key")
	}

	// Corrected: the receipt shows reference and secret once.
	form = with(ada.hidden(), "name", "Ada Muster", "email", "ada@example.org", "message", "Zeile 1\nZeile 2", "answers.kind", "extended", "answers.amount", "1.234,5", "answers.day", "24.12.2026")
	ada.post("/leistungen/fuehrungszeugnis/anfrage/", form).to("/anliegen/neu/")
	ada.get("/anliegen/neu/").is(200, "Diese Seite zeigen wir nur einmal")
	pair := shownPair.FindStringSubmatch(ada.body)
	if pair == nil {
		t.Fatal(ada.body)
	}
	r := cases.Receipt{Reference: pair[1], Secret: pair[2]}
	ada.get("/anliegen/neu/").is(http.StatusGone, "schon gezeigt").lacks(r.Secret)

	// The button pressed twice gives the same case; other words are another request.
	ada.post("/leistungen/fuehrungszeugnis/anfrage/", form).to("/anliegen/neu/")
	ada.get("/anliegen/neu/").is(200, r.Reference, r.Secret)
	ada.post("/leistungen/fuehrungszeugnis/anfrage/", with(form, "message", "Anders")).is(422, "schon mit anderen Angaben gesendet", "Anders")
	if ada.hidden().Get("key") == key || b.number(`SELECT COUNT(*) FROM cases`) != 1 {
		t.Error("the used key came back, or a second case was stored")
	}

	mails := b.mails(r.Reference)
	if len(mails) != 1 || mails[0].To != "ada@example.org" || !strings.Contains(mails[0].Text, r.Reference) || !strings.Contains(mails[0].Text, "http://service-point.test/anliegen/") {
		t.Fatalf("mail: %+v", mails)
	}
	if b.number(`SELECT COUNT(*) FROM orders WHERE provider = 'desk' AND kind = 'case' AND partner = 'stadt-kassel' AND subject = {:r}
			AND json_extract(payload, '$.reference') = subject AND json_extract(payload, '$.kind') = 'case' AND json_extract(payload, '$.title') = 'Führungszeugnis'`, "r", r.Reference) != 1 {
		t.Error("no order to the desk")
	}
	b.settle(r.Reference, hooks.Done, hooks.Result{Reference: "D-1"})

	// Without the pair nothing is shown; with it, forgivingly typed, everything.
	eve := b.citizen()
	eve.get("/anliegen/verlauf/").to("/anliegen/")
	ada.get("/anliegen/").is(200, "Vorgangsnummer", "Zugangscode")
	ada.post("/anliegen/", url.Values{"reference": {" "}, "secret": {""}}).is(422, "Bitte füllen Sie dieses Feld aus")
	ada.post("/anliegen/", url.Values{"reference": {strings.ToLower(strings.ReplaceAll(r.Reference, "-", " "))}, "secret": {strings.ToLower(strings.ReplaceAll(r.Secret, "-", ""))}}).to("/anliegen/verlauf/")
	ada.get("/anliegen/verlauf/").is(200, r.Reference, "Führungszeugnis", "Eingegangen", "02.12.2026, 12:00 Uhr", "Zeile 1<br>Zeile 2", "Erweitert", "1234,5", "24.12.2026")

	// Staff ask back, Ada answers, staff finish.
	staff := b.staff("stadt-kassel", base.Counter)
	path := "/schalter/anliegen/" + r.Reference + "/"
	staff.get("/schalter/").is(200, r.Reference, "Führungszeugnis").lacks("Ada", "ada@example.org", "Zeile 1")
	staff.get(path).is(200, "Ada Muster", "ada@example.org", "Zeile 1<br>Zeile 2", "1234,5")
	staff.post(path, with(staff.hidden(), "message", "Bis wann genau?", "state", "waiting", "note", "nur für uns")).to(path + "?neu=1")
	staff.get(path).is(200, "Bis wann genau?", "nur für uns", "Rückfrage offen")
	ada.get("/anliegen/verlauf/").is(200, "Bis wann genau?", "Rückfrage an Sie").lacks("nur für uns")
	mails = b.mails(r.Reference)
	if len(mails) != 2 || strings.Contains(mails[1].Text+mails[1].Subject, "Bis wann") || strings.Contains(mails[1].Text, r.Secret) {
		t.Fatalf("mails: %+v", mails)
	}

	ada.post("/anliegen/verlauf/", with(ada.hidden(), "action", "reply", "reply", "  ")).is(422, "Bitte füllen Sie dieses Feld aus")
	reply := with(ada.hidden(), "action", "reply", "reply", "Bis Freitag.")
	ada.post("/anliegen/verlauf/", reply).to("/anliegen/verlauf/?neu=nachricht")
	ada.post("/anliegen/verlauf/", reply).to("/anliegen/verlauf/?neu=nachricht") // a double click
	ada.get("/anliegen/verlauf/?neu=nachricht").is(200, "Ihre Nachricht ist gespeichert", "Bis Freitag.", "In Bearbeitung")
	if n := strings.Count(ada.body, "Bis Freitag."); n != 1 {
		t.Errorf("the answer is there %d times", n)
	}
	staff.get("/schalter/").is(200, "neue Nachricht")
	staff.get(path).is(200, "Bis Freitag.")
	staff.post(path, with(staff.hidden(), "message", "Liegt bereit.", "state", "done")).to(path + "?neu=1")
	staff.get("/schalter/").lacks(r.Reference)
	staff.get("/schalter/?status=done").is(200, r.Reference)
	ada.get("/anliegen/verlauf/").is(200, "Erledigt", "Liegt bereit.", "abgeschlossen")
	ada.post("/anliegen/verlauf/", url.Values{"action": {"reply"}, "reply": {"Danke!"}}).is(422, "inzwischen abgeschlossen", "Danke!")

	ada.post("/anliegen/abmelden/", url.Values{}).to("/anliegen/")
	ada.get("/anliegen/verlauf/").to("/anliegen/")
	if b.number(`SELECT COUNT(*) FROM case_sessions`) != 0 {
		t.Error("the session is still there")
	}
}

func TestTheCitizenReadsWhereTheRequestStands(t *testing.T) {
	b := newBench(t)
	r := b.sent("stand-key-0001")
	b.enter(r).is(200, "Übermittlung", "Wird übermittelt.")
	b.exec(`UPDATE orders SET state = 'unknown', attempt = 3, since = created, last_error = 'no answer' WHERE kind = 'case'`)
	b.enter(r).is(200, "Der Partner hat nicht geantwortet.", "bis 05.12.2026, 12:00 Uhr")
	b.exec(`INSERT INTO order_pauses (provider, since, staff) SELECT provider, created, '' FROM orders WHERE kind = 'case'`)
	b.enter(r).is(200, "Die Übermittlung ruht gerade.")
	b.settle(r.Reference, hooks.Done, hooks.Result{})
	b.exec(`UPDATE orders SET state = 'done' WHERE kind = 'case'`)
	b.enter(r).is(200, "Eingegangen").lacks("Übermittlung")
}

func TestSystemsOfTheCityAreToldOfStates(t *testing.T) {
	b := newBench(t)
	b.exec(`INSERT INTO webhook_endpoints (id, name, url, events, secret, active, created, updated)
		VALUES ('e1', 'x', 'https://x.example/', '["case.state"]', x'00', 1, 0, 0), ('e2', 'y', 'https://y.example/', '["booking.confirmed"]', x'00', 1, 0, 0)`)
	r := b.sent("told-key-00001")
	b.settle(r.Reference, hooks.Done, hooks.Result{Note: "Persönliches"})
	if n := b.number(`SELECT count(*) FROM orders WHERE provider = 'webhook'`); n != 1 {
		t.Errorf("%d orders to tell, want one", n)
	}
	want := `{"id":"` + r.Reference + `","state":"received"}`
	if n := b.number(`SELECT count(*) FROM orders WHERE provider = 'webhook' AND json_extract(payload, '$.data') = {:want}
		AND json_extract(payload, '$.endpoint') = 'e1' AND payload NOT LIKE '%Pers%'`, "want", want); n != 1 {
		t.Error("the order does not say what it should")
	}
}

func TestACitizenWithdrawsOnlyWhenSure(t *testing.T) {
	b := newBench(t)
	r := b.sent("withdraw-1")
	ada := b.enter(r)
	ada.post("/anliegen/verlauf/", with(ada.hidden(), "action", "withdraw")).is(422, "Bitte bestätigen Sie")
	ada.post("/anliegen/verlauf/", with(ada.hidden(), "action", "withdraw", "sure", "yes")).to("/anliegen/verlauf/?neu=zurueckgezogen")
	ada.get("/anliegen/verlauf/").is(200, "Zurückgezogen")
	if b.state(r.Reference) != cases.Withdrawn {
		t.Error(b.state(r.Reference))
	}
	// The order comes back afterwards: the case stays withdrawn.
	b.settle(r.Reference, hooks.Done, hooks.Result{})
	if b.state(r.Reference) != cases.Withdrawn {
		t.Error("a late outcome revived the case")
	}
}

func TestASessionEndsAndKeepsWhatWasTyped(t *testing.T) {
	b := newBench(t)
	r := b.sent("session-1")
	ada := b.enter(r)
	b.later(31 * time.Minute)
	ada.get("/anliegen/verlauf/").to("/anliegen/")
	ada.post("/anliegen/verlauf/", url.Values{"action": {"reply"}, "reply": {"Viel Text"}}).is(401, "30 Minuten", "Viel Text")
	ada.post("/anliegen/", url.Values{"reference": {r.Reference}, "secret": {r.Secret}, "reply": {"Viel Text"}}).is(200, "Viel Text", "Nachricht senden").lacks(r.Secret)
	ada.post("/anliegen/verlauf/", with(ada.hidden(), "action", "reply", "reply", "Viel Text")).to("/anliegen/verlauf/?neu=nachricht")
	// Writing extends the session.
	b.later(29 * time.Minute)
	ada.get("/anliegen/verlauf/").is(200)
}

func TestTheAPIGivesTheSameAnswerForTheSameKey(t *testing.T) {
	b := newBench(t)
	v := b.citizen().api("POST", "/api/v1/cases", goodBody, "Idempotency-Key", "key-00000001").is(201, `"state":"sent"`)
	first := v.body
	var r cases.Receipt
	if err := json.Unmarshal([]byte(first), &r); err != nil || !regexp.MustCompile(`^A-[0-9A-Z]{5}-[0-9A-Z]{5}$`).MatchString(r.Reference) || len(r.Secret) != 23 {
		t.Fatal(first, err)
	}
	if v.header.Get("Location") != "/api/v1/cases/"+r.Reference || v.header.Get("Cache-Control") != "no-store" {
		t.Error(v.header)
	}
	b.settle(r.Reference, hooks.Done, hooks.Result{})
	spaced := strings.ReplaceAll(goodBody, `,"`, ` , "`)
	if v.api("POST", "/api/v1/cases", spaced, "Idempotency-Key", "key-00000001").is(200); v.body != first {
		t.Errorf("%s, first %s", v.body, first)
	}
	v.api("POST", "/api/v1/cases", strings.Replace(goodBody, "Ada", "Eva", 1), "Idempotency-Key", "key-00000001").is(422, "/probleme/key_reused")

	// The guide goes; the repeated request still gets its answer.
	b.exec(`UPDATE guides SET state = 'withdrawn' WHERE slug = 'fuehrungszeugnis'`)
	if v.api("POST", "/api/v1/cases", goodBody, "Idempotency-Key", "key-00000001").is(200); v.body != first {
		t.Error(v.body)
	}
	v.api("POST", "/api/v1/cases", goodBody, "Idempotency-Key", "key-00000002").is(422, `"#/guide"`)

	// The key was used again after its record expired: another case, another secret.
	b.exec(`UPDATE guides SET state = 'published' WHERE slug = 'fuehrungszeugnis'`)
	b.exec(`DELETE FROM idempotency`)
	if second := b.sent("key-00000001"); second.Secret == r.Secret || second.Reference == r.Reference {
		t.Error("an old secret opens a new case")
	}

	v.api("GET", "/api/v1/cases/"+strings.ToLower(r.Reference), "", "Authorization", "bearer "+r.Secret).
		is(200, `"state":"received"`, `"history":[{"at":"2026-12-02T11:00:00Z","actor":"citizen","state":"sent"}`).lacks("Ada", "ada@example.org", "brauche")
	v.api("GET", "/api/v1/cases/"+r.Reference, "").is(401, "/probleme/case_secret_missing")
	v.api("GET", "/api/v1/cases/"+r.Reference, "", "Authorization", "Basic "+r.Secret).is(401)
}

func TestBadInputIsRefusedAndNothingIsStored(t *testing.T) {
	b := newBench(t)
	swap := func(old, new string) string {
		if !strings.Contains(goodBody, old) {
			t.Fatal(old)
		}
		return strings.Replace(goodBody, old, new, 1)
	}
	const key = "bad-input-key"
	table := []struct {
		what, kind, key, body string
		status                int
		texts                 []string
	}{
		{"no key", "application/json", "", goodBody, 400, []string{"/probleme/key_missing"}},
		{"short key", "application/json", "short", goodBody, 400, []string{"/probleme/key_malformed"}},
		{"no JSON", "text/plain", key, goodBody, 415, []string{"/probleme/not_json"}},
		{"another encoding", "application/json; charset=iso-8859-1", key, goodBody, 415, nil},
		{"cut off", "application/json", key, goodBody[:40], 400, []string{"/probleme/broken_json"}},
		{"empty", "application/json", key, "", 400, []string{"/probleme/broken_json"}},
		{"a list", "application/json", key, "[]", 400, nil},
		{"bad UTF-8", "application/json", key, swap("Ada", "A\xffda"), 400, []string{"/probleme/bad_utf8"}},
		{"oversized", "application/json", key, swap("bald", strings.Repeat("x", base.MaxJSON)), 413, []string{"/probleme/body_too_large"}},
		{"nothing in it", "application/json", key, `{}`, 422, []string{`"#/guide"`, `"#/name"`, `"#/email"`, `"#/message"`}},
		{"name is a number", "application/json", key, swap(`"Ada Muster"`, `7`), 422, []string{`"#/name"`, "wrong_type"}},
		{"unknown field", "application/json", key, swap(`{"guide"`, `{"iban":"x","guide"`), 422, []string{`"#/iban"`, "unknown_field"}},
		{"no such guide", "application/json", key, swap(`fuehrungszeugnis`, `gibt-es-nicht`), 422, []string{`"#/guide"`, "Diesen Eintrag gibt es nicht"}},
		{"guide with no slug", "application/json", key, swap(`fuehrungszeugnis`, `../../etc`), 422, []string{`"#/guide"`}},
		{"guide that takes no requests", "application/json", key, swap(`fuehrungszeugnis`, `wohnungen`), 422, []string{`"#/guide"`}},
		{"barrier over the API", "application/json", key, swap(`fuehrungszeugnis`, `barriere`), 422, []string{`"#/guide"`}},
		{"no message", "application/json", key, swap(`Ich brauche es bald.`, ` `), 422, []string{`"#/message"`, "required"}},
		{"message too long", "application/json", key, swap(`bald`, strings.Repeat("ä", 5001)), 422, []string{`"#/message"`, "too_long"}},
		{"control characters", "application/json", key, swap(`bald`, `\u0007`), 422, []string{`"#/message"`, "not_text"}},
		{"bad e-mail", "application/json", key, swap(`ada@example.org`, `ada at example.org`), 422, []string{`"#/email"`, "not_email"}},
		{"mail header in the name", "application/json", key, swap(`Ada Muster`, `Ada\nBcc: x@y.de`), 422, []string{`"#/name"`}},
		{"unknown option", "application/json", key, swap(`"plain"`, `"golden"`), 422, []string{`"#/answers/kind"`, "unknown_option"}},
		{"answer missing", "application/json", key, swap(`"kind":"plain",`, ``), 422, []string{`"#/answers/kind"`, "required"}},
		{"no answers", "application/json", key, swap(`{"kind":"plain","amount":2,"day":"2026-12-24"}`, `null`), 422, []string{`"#/answers/kind"`}},
		{"answers are a list", "application/json", key, swap(`{"kind":"plain","amount":2,"day":"2026-12-24"}`, `[]`), 422, []string{`"#/answers"`, "wrong_type"}},
		{"number as text", "application/json", key, swap(`:2,`, `:"2",`), 422, []string{`"#/answers/amount"`, "not_number"}},
		{"number beyond all", "application/json", key, swap(`:2,`, `:1e999,`), 422, []string{"wrong_type"}},
		{"no date", "application/json", key, swap(`2026-12-24`, `2026-02-30`), 422, []string{`"#/answers/day"`, "not_date"}},
		{"answer nobody asked for", "application/json", key, swap(`"kind"`, `"shoe":"43","kind"`), 422, []string{`"#/answers/shoe"`, "unknown_field"}},
	}
	v := b.citizen()
	for _, c := range table {
		t.Run(c.what, func(t *testing.T) {
			v.t = t
			var header []string
			if c.key != "" {
				header = []string{"Idempotency-Key", c.key}
			}
			v.do("POST", "/api/v1/cases", c.kind, c.body, header...).is(c.status, c.texts...)
			if got := v.header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("content type %q", got)
			}
		})
	}
	v.t = t
	v.do("POST", "/leistungen/sperrmuell/anfrage/", "application/json", `{}`).is(415)
	v.do("POST", "/leistungen/sperrmuell/anfrage/", "application/x-www-form-urlencoded", "name=%ff").is(400)
	v.do("POST", "/anliegen/", "application/x-www-form-urlencoded", "reference=%zz").is(400)
	v.post("/leistungen/gibt-es-nicht/anfrage/", url.Values{}).is(404)
	v.get("/leistungen/wohnungen/anfrage/").is(404)
	v.post("/barriere-melden/", url.Values{}).is(422, "Bitte füllen Sie dieses Feld aus")
	if n := b.number(`SELECT (SELECT COUNT(*) FROM cases) + (SELECT COUNT(*) FROM orders) + (SELECT COUNT(*) FROM idempotency)`); n != 0 {
		t.Errorf("%d rows were stored", n)
	}
	v.api("POST", "/api/v1/cases", goodBody, "Idempotency-Key", key).is(201) // refusals used no key up
}

func TestFiftyAtOnceWithOneKeyMakeOneCase(t *testing.T) {
	b := newBench(t)
	const n = 50
	type answer struct {
		status int
		body   string
	}
	answers := make([]answer, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			req, _ := http.NewRequest("POST", b.srv.URL+"/api/v1/cases", strings.NewReader(goodBody))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Idempotency-Key", "fifty-at-once")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			answers[i] = answer{res.StatusCode, string(body)}
		})
	}
	wg.Wait()
	created := 0
	for _, a := range answers {
		if a.status == 201 {
			created++
		} else if a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if a.body != answers[0].body {
			t.Errorf("%s, another got %s", a.body, answers[0].body)
		}
	}
	if created != 1 || b.number(`SELECT COUNT(*) FROM cases`) != 1 || b.number(`SELECT COUNT(*) FROM orders`) != 2 {
		t.Errorf("%d created, %d cases, %d orders", created, b.number(`SELECT COUNT(*) FROM cases`), b.number(`SELECT COUNT(*) FROM orders`))
	}
}

func TestSecretsAreNowhereInTheDatabase(t *testing.T) {
	b := newBench(t)
	r := b.sent("nowhere-to-be-found")
	b.enter(r)
	for _, table := range []string{"cases", "case_events", "case_sessions", "case_failures", "orders", "idempotency"} {
		var rows []dbx.NullStringMap
		if err := b.p.App.DB().NewQuery(`SELECT * FROM ` + table).All(&rows); err != nil {
			t.Fatal(err)
		}
		dump := fmt.Sprint(rows)
		if strings.Contains(dump, r.Secret) || strings.Contains(dump, strings.ReplaceAll(r.Secret, "-", "")) || strings.Contains(dump, "nowhere-to-be-found") {
			t.Errorf("%s holds the secret or the key", table)
		}
	}
}

// TestAWrongPairDoesNotTellWhichHalf compares all that a visitor gets for a wrong
// secret of a real case with what they get for a case that is none.
func TestAWrongPairDoesNotTellWhichHalf(t *testing.T) {
	b := newBench(t)
	b.p.Demo = true // the loopback address is not limited; references are
	r := b.sent("wrong-pair-1")
	real, none := r.Reference, "A-00000-00000"
	ask := func(reference, secret string) (string, string) {
		v := b.citizen().post("/anliegen/", url.Values{"reference": {reference}, "secret": {secret}})
		page := fmt.Sprint(v.status, v.header.Get("Retry-After"), v.header.Values("Set-Cookie"), strings.ReplaceAll(v.body, reference, "REF"))
		v.api("GET", "/api/v1/cases/"+reference, "", "Authorization", "Bearer "+secret)
		return page, fmt.Sprint(v.status, v.header.Get("Retry-After"), v.header.Get("WWW-Authenticate"), strings.ReplaceAll(v.body, reference, "REF"))
	}
	for try := 1; try <= 4; try++ {
		page1, api1 := ask(real, "00000-00000-00000-00000")
		page2, api2 := ask(none, "00000-00000-00000-00000")
		if page1 != page2 || api1 != api2 {
			t.Fatalf("try %d differs:\n%s\n%s\n%s\n%s", try, page1, page2, api1, api2)
		}
		if want := "422"; try <= 2 && !strings.HasPrefix(page1, want) {
			t.Fatal(page1)
		}
		if want := "429"; try == 4 && (!strings.HasPrefix(page1, want) || !strings.HasPrefix(api1, want) || !strings.Contains(page1, "15 Minuten")) {
			t.Fatal(page1, api1)
		}
	}
	// Locked: the right secret does not help before the time is over.
	v := b.citizen().post("/anliegen/", url.Values{"reference": {real}, "secret": {r.Secret}}).is(429, "zu viele falsche Versuche", r.Secret)
	if v.header.Get("Retry-After") != "901" {
		t.Error(v.header.Get("Retry-After"))
	}
	b.later(15*time.Minute + time.Second)
	v.post("/anliegen/", url.Values{"reference": {real}, "secret": {r.Secret}}).to("/anliegen/verlauf/")
	// Four failures and a right pair: the count starts anew.
	for range 2 {
		for range 4 {
			v.post("/anliegen/", url.Values{"reference": {real}, "secret": {"x"}}).is(422)
		}
		v.post("/anliegen/", url.Values{"reference": {real}, "secret": {r.Secret}}).to("/anliegen/verlauf/")
	}
}

func TestWrongPairsSideBySideCannotSlipThroughTheCount(t *testing.T) {
	b := newBench(t)
	b.p.Demo = true
	r := b.sent("side-by-side")
	var mu sync.Mutex
	got := map[int]int{}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			req, _ := http.NewRequest("GET", b.srv.URL+"/api/v1/cases/"+r.Reference, nil)
			req.Header.Set("Authorization", fmt.Sprintf("Bearer guess-%d", i))
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
			mu.Lock()
			defer mu.Unlock()
			got[res.StatusCode]++
		})
	}
	wg.Wait()
	if got[401] != 5 || got[429] != 35 {
		t.Errorf("answers by status: %v", got)
	}
}

func TestWrongPairsAreSlowAndLimitedPerAddress(t *testing.T) {
	b := newBench(t)
	r := b.sent("slow-and-limited")
	right := url.Values{"reference": {r.Reference}, "secret": {r.Secret}}
	v := b.citizen()
	for range 15 { // right pairs do not count
		v.post("/anliegen/", right).to("/anliegen/verlauf/")
	}
	for i := range 10 {
		v.post("/anliegen/", url.Values{"reference": {fmt.Sprintf("A-00000-0000%d", i)}, "secret": {"x"}}).is(422)
	}
	v.post("/anliegen/", url.Values{"reference": {"A-00000-1111"}, "secret": {"x"}}).is(429)
	v.post("/anliegen/", right).is(429) // it must not tell right from wrong either
	b.later(time.Minute)
	v.post("/anliegen/", right).to("/anliegen/verlauf/")

	b.c.SlowBy = 150 * time.Millisecond
	for what, pair := range map[string]url.Values{
		"wrong secret":    {"reference": {r.Reference}, "secret": {"x"}},
		"wrong reference": {"reference": {"A-00000-00000"}, "secret": {r.Secret}},
	} {
		began := time.Now()
		v.post("/anliegen/", pair).is(422)
		if took := time.Since(began); took < b.c.SlowBy {
			t.Errorf("%s took %v", what, took)
		}
	}
}

func TestStaffSeeTheCasesOfTheirPartnerOnly(t *testing.T) {
	b := newBench(t)
	r := b.sent("role-table-1")
	path := "/schalter/anliegen/" + r.Reference + "/"
	change := url.Values{"rev": {"1"}, "message": {"x"}}
	for _, c := range []struct {
		what, partner      string
		roles              []string
		list, detail, post int
	}{
		{"counter of the partner", "stadt-kassel", []string{base.Counter}, 200, 200, 303},
		{"counter of another partner", "stadtreiniger", []string{base.Counter}, 200, 404, 404},
		{"counter of all partners", "", []string{base.Counter}, 200, 200, 303},
		{"admin, whatever partner", "stadtreiniger", []string{base.Admin}, 200, 200, 303},
		{"editor", "stadt-kassel", []string{base.Editor}, 403, 403, 403},
		{"publisher", "", []string{base.Publisher}, 403, 403, 403},
		{"planner", "", []string{base.Planner}, 403, 403, 403},
		{"moderator", "", []string{base.Moderator}, 403, 403, 403},
		{"no role", "", nil, 403, 403, 403},
	} {
		t.Run(c.what, func(t *testing.T) {
			v := b.staff(c.partner, c.roles...)
			v.t = t
			v.get("/schalter/?status=alle").is(c.list)
			if seen := strings.Contains(v.body, r.Reference); seen != (c.detail == 200) {
				t.Errorf("in the list: %v", seen)
			}
			v.get(path).is(c.detail)
			if c.detail == 200 {
				change.Set("rev", v.hidden().Get("rev"))
			}
			v.post(path, change).is(c.post)
			if c.post != 303 {
				v.post(path+"weitergeben/", url.Values{"rev": {"1"}, "partner": {"stadtreiniger"}}).is(c.post)
			}
			v.get("/schalter/?nummer=" + r.Reference)
			switch c.detail {
			case 200:
				v.to(path)
			case 404:
				v.is(422)
			default:
				v.is(403)
			}
		})
	}
	v := b.citizen().get(path).is(303)
	if !strings.HasPrefix(v.header.Get("Location"), "/anmelden/") {
		t.Error(v.header.Get("Location"))
	}
	v.post(path, change).is(303)
}

func TestStatesChangeByTheTable(t *testing.T) {
	b := newBench(t)
	r := b.sent("state-table-1")
	staff := b.staff("", base.Counter)
	path := "/schalter/anliegen/" + r.Reference + "/"
	for _, from := range cases.States {
		for _, to := range cases.States {
			if from == to {
				continue
			}
			b.exec(`UPDATE cases SET state = '` + from + `', closed = ` + map[bool]string{true: "1", false: "NULL"}[cases.IsClosed(from)])
			form := with(staff.get(path).is(200).hidden(), "message", "darum", "state", to)
			staff.post(path, form)
			if slices.Contains(cases.MayBecome(cases.Staff, from), to) {
				if staff.is(303); b.state(r.Reference) != to {
					t.Errorf("%s to %s: is %s", from, to, b.state(r.Reference))
				}
			} else if staff.is(422, "nicht möglich", "darum"); b.state(r.Reference) != from {
				t.Errorf("%s to %s: is %s", from, to, b.state(r.Reference))
			}
		}
	}
	b.exec(`UPDATE cases SET state = 'received', closed = NULL`)
	form := staff.get(path).hidden()
	staff.post(path, with(form, "state", "refused")).is(422, "Bitte schreiben Sie dazu eine Nachricht")
	staff.post(path, with(form, "state", "eaten", "message", "x")).is(422)
	staff.post(path, with(form, "state", "", "message", " ")).is(422, "Antwort oder eine Notiz")
}

func TestTwoStaffAtOnceLoseNothing(t *testing.T) {
	b := newBench(t)
	r := b.sent("two-at-once")
	anna, ben := b.staff("stadt-kassel", base.Counter), b.staff("", base.Admin)
	path := "/schalter/anliegen/" + r.Reference + "/"
	first := with(anna.get(path).is(200).hidden(), "message", "Antwort von Anna", "state", "in_progress")
	second := with(ben.get(path).is(200).hidden(), "message", "Antwort von Ben", "note", "Bens Notiz", "state", "waiting")
	anna.post(path, first).to(path + "?neu=1")
	anna.post(path, first).to(path + "?neu=1") // a double click is no conflict
	ben.post(path, second).is(409, "hat sich geändert", "Das ist inzwischen passiert", "Antwort von Anna", "Antwort von Ben", "Bens Notiz", `value="waiting" selected`)
	if b.number(`SELECT COUNT(*) FROM case_events WHERE message LIKE 'Antwort%'`) != 1 {
		t.Error("written in spite of the conflict, or twice")
	}
	ben.post(path, with(ben.hidden(), "message", "Antwort von Ben", "state", "waiting")).to(path + "?neu=1")
	if b.state(r.Reference) != cases.Waiting || b.number(`SELECT rev FROM cases`) != b.number(`SELECT MAX(n) FROM case_events`) {
		t.Error("state or revision")
	}
	// A form without a revision saw nothing of what happened.
	ben.post(path, url.Values{"message": {"x"}}).is(409)
	// What the citizen wrote meanwhile is a conflict too.
	form := with(anna.get(path).hidden(), "message", "Noch etwas")
	ada := b.enter(r)
	ada.post("/anliegen/verlauf/", with(ada.hidden(), "action", "reply", "reply", "Moment noch")).is(303)
	anna.post(path, form).is(409, "Moment noch", "Noch etwas")
}

func TestACaseIsPassedOnWithAnOrderOfItsOwn(t *testing.T) {
	b := newBench(t)
	r := b.sent("passed-on-1")
	anna := b.staff("stadt-kassel", base.Counter)
	path := "/schalter/anliegen/" + r.Reference + "/"
	pass := path + "weitergeben/"
	form := anna.get(path).is(200, "Die Stadtreiniger").hidden()
	anna.post(pass, with(form, "partner", "", "note", "gehört euch")).is(422, "gehört euch")
	anna.post(pass, with(form, "partner", "niemand")).is(422)
	anna.post(pass, with(form, "partner", "stadt-kassel")).is(422)
	anna.post(pass, with(form, "partner", "stadtreiniger")).to("/schalter/?weitergegeben=" + r.Reference)
	anna.get(path).is(404)
	tom := b.staff("stadtreiniger", base.Counter)
	tom.get(path).is(200, "Weitergegeben an Die Stadtreiniger", "gehört euch", "Gesendet")
	if b.number(`SELECT COUNT(*) FROM orders WHERE kind = 'case' AND partner = 'stadtreiniger' AND subject = {:r}`, "r", r.Reference) != 1 {
		t.Error("no order for the new partner")
	}
	// The first partner's outcome comes late: a note, no state.
	b.settleKey(r.Reference, "case:"+r.Reference+":1", "stadt-kassel", hooks.Rejected, hooks.Result{Note: "nicht zuständig"})
	if b.state(r.Reference) != cases.Sent {
		t.Error(b.state(r.Reference))
	}
	b.settle(r.Reference, hooks.Done, hooks.Result{})
	if b.state(r.Reference) != cases.Received {
		t.Error(b.state(r.Reference))
	}
	b.enter(r).is(200, "Weitergegeben an Die Stadtreiniger", "Eingegangen").lacks("gehört euch", "nicht zuständig", "früherer Auftrag")
	if n := len(b.mails(r.Reference)); n != 2 {
		t.Errorf("%d mails, want receipt and news", n)
	}
	b.exec(`UPDATE cases SET state = 'done', closed = 1`)
	tom.post(pass, with(url.Values{}, "rev", fmt.Sprint(b.number(`SELECT rev FROM cases`)), "partner", "stadt-kassel")).is(422, "nicht möglich")
}

func TestTheOutcomeOfTheOrderSetsTheState(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		state hooks.State
		note  string
		want  string
		mails int // besides the receipt
	}{
		{hooks.Done, "", cases.Received, 0},
		{hooks.Rejected, "Wir holen keine Autos ab.", cases.Refused, 1},
		{hooks.Dead, "", cases.Sent, 0},
	} {
		r := b.sent("settle-" + string(c.state))
		for range 2 { // an outcome that comes twice changes nothing more
			b.settle(r.Reference, c.state, hooks.Result{Note: c.note})
		}
		if got := b.state(r.Reference); got != c.want {
			t.Errorf("%s: %s", c.state, got)
		}
		if got := len(b.mails(r.Reference)) - 1; got != c.mails {
			t.Errorf("%s: %d mails", c.state, got)
		}
		b.enter(r).is(200, c.note).lacks("Auftragsliste")
	}
	b.staff("", base.Counter).get("/schalter/").is(200)
	err := b.p.App.RunInTransaction(func(tx core.App) error {
		return b.c.Settle(tx, hooks.Order{Kind: "case", Subject: "A-GONE0-00000"}, hooks.Done, hooks.Result{})
	})
	if err != nil {
		t.Error("the outcome for a case that is gone must not block the order:", err)
	}
}

func TestNothingIsStoredWhenTheMailCannotBeOrdered(t *testing.T) {
	b := newBench(t)
	kept := b.sent("kept-before")
	b.exec(`CREATE TRIGGER no_mail BEFORE INSERT ON orders WHEN NEW.kind = 'mail' BEGIN SELECT RAISE(ABORT, 'no mail'); END`)
	v := b.citizen().api("POST", "/api/v1/cases", goodBody, "Idempotency-Key", "same-transaction").is(500)
	if b.number(`SELECT COUNT(*) FROM cases`) != 1 || b.number(`SELECT COUNT(*) FROM orders`) != 2 || b.number(`SELECT COUNT(*) FROM idempotency`) != 1 {
		t.Error("half of a request was stored")
	}
	staff := b.staff("", base.Counter)
	path := "/schalter/anliegen/" + kept.Reference + "/"
	staff.post(path, with(staff.get(path).hidden(), "message", "x", "state", "done")).is(500)
	if b.state(kept.Reference) != cases.Sent || b.number(`SELECT COUNT(*) FROM case_events`) != 1 {
		t.Error("half of an answer was stored")
	}
	b.exec(`DROP TRIGGER no_mail`)
	v.api("POST", "/api/v1/cases", goodBody, "Idempotency-Key", "same-transaction").is(201)
}

func TestABarrierReportNeedsNoContactAndHasADeadline(t *testing.T) {
	b := newBench(t)
	b.staff("", base.Counter)
	b.staff("stadtreiniger", base.Counter) // another partner's: no mail
	b.staff("stadt-kassel", base.Editor)   // no counter staff: no mail
	v := b.citizen().get("/barriere-melden/?seite=/veranstaltungen/").is(200, "sechs Wochen", `value="/veranstaltungen/"`)
	v.post("/en/barriere-melden/", with(v.hidden(), "email", "nix", "answers.page", "/x/", "sprache", "en")).is(200, `lang="en"`, `value="nix"`, `value="/x/"`, `formaction="/barriere-melden/"`)
	v.post("/barriere-melden/", with(v.hidden(), "email", "nix", "answers.page", "/x/")).is(422, `value="nix"`, `value="/x/"`)
	v.post("/barriere-melden/", with(v.hidden(), "email", "", "answers.page", "/x/", "message", "Kein Alternativtext")).to("/anliegen/neu/")
	pair := shownPair.FindStringSubmatch(v.get("/anliegen/neu/").is(200).body)
	r := cases.Receipt{Reference: pair[1], Secret: pair[2]}
	b.enter(r).is(200, "Barriere melden", "Antwort bis spätestens", "13.01.2027", "Kein Alternativtext", "/x/")
	var due int64
	if err := b.p.App.DB().NewQuery(`SELECT due FROM cases WHERE guide = 'barriere'`).Row(&due); err != nil {
		t.Fatal(err)
	}
	if got := time.UnixMilli(due).In(content.Berlin).Format(time.DateTime); got != "2027-01-13 23:59:59" {
		t.Errorf("due %s", got)
	}
	mails := b.mails(r.Reference)
	if len(mails) != 1 || !strings.Contains(mails[0].Text, "13.01.2027") || strings.Contains(mails[0].Text, "Alternativtext") || !strings.HasSuffix(mails[0].To, "@service-point.test") {
		t.Errorf("staff mails: %+v", mails)
	}
	if b.number(`SELECT COUNT(*) FROM orders WHERE kind = 'staff-mail'`) != 1 {
		t.Error("the mail is not of kind staff-mail")
	}
	staff := b.staff("stadt-kassel", base.Counter)
	staff.get("/schalter/").is(200, "13.01.2027").lacks("bald fällig")
	b.later(40 * 24 * time.Hour)
	staff.get("/schalter/").is(200, "bald fällig")
	b.later(3 * 24 * time.Hour)
	staff.get("/schalter/?leistung=barriere").is(200, "überfällig", r.Reference)
	staff.get("/schalter/?leistung=sperrmuell").is(200, "Hier ist nichts zu tun")
	path := "/schalter/anliegen/" + r.Reference + "/"
	staff.post(path, with(staff.get(path).is(200, "überfällig").hidden(), "message", "Behoben", "state", "done")).is(303)
	if len(b.mails(r.Reference)) != 1 {
		t.Error("a mail to nobody")
	}
}

func TestTheListIsOldestFirstAndTurnsPages(t *testing.T) {
	b := newBench(t)
	for i := range 53 {
		b.exec(fmt.Sprintf(`INSERT INTO cases (reference, guide, title, partner, state, rev, name, email, message, answers, questions, language, secret_hash, order_key, created, updated)
			VALUES ('A-%05d-AAAAA', 'sperrmuell', 'Sperrmüll', 'stadtreiniger', 'received', 1, 'N', 'e@x.de', 'M', '{}', '[]', 'de', 'h', 'k', %d, 0)`, i, 1000-i))
	}
	staff := b.staff("", base.Counter)
	staff.get("/schalter/?partner=stadtreiniger").is(200, "A-00052-AAAAA", "A-00003-AAAAA", "partner=stadtreiniger&seite=2").lacks("A-00002-AAAAA", "e@x.de")
	if strings.Index(staff.body, "A-00052-AAAAA") > strings.Index(staff.body, "A-00051-AAAAA") {
		t.Error("not the oldest first")
	}
	staff.get("/schalter/?seite=2&partner=stadtreiniger").is(200, "A-00002-AAAAA", "seite=1").lacks("A-00003-AAAAA", "seite=3")
	staff.get("/schalter/?seite=-7").is(200, "A-00052-AAAAA")
	staff.get("/schalter/?status='").is(200, "Hier ist nichts zu tun")
	staff.get("/schalter/?nummer=a00052aaaaa").to("/schalter/anliegen/A-00052-AAAAA/")
}

func TestPersonalDataAreErasedAfter180Days(t *testing.T) {
	b := newBench(t)
	old, open := b.sent("retention-old"), b.sent("retention-open")
	staff := b.staff("", base.Counter)
	path := "/schalter/anliegen/" + old.Reference + "/"
	staff.post(path, with(staff.get(path).hidden(), "message", "Geheime Antwort", "note", "Geheime Notiz", "state", "done")).is(303)
	ctx := context.Background()
	b.later(cases.KeepFor - time.Second)
	if n, err := b.c.Forget(ctx); n != 0 || err != nil {
		t.Fatalf("too early: %d %v", n, err)
	}
	b.enter(old)
	b.later(time.Second)
	for want := 1; want >= 0; want-- {
		if n, err := b.c.Forget(ctx); n != want || err != nil {
			t.Fatalf("erased %d, want %d: %v", n, want, err)
		}
	}
	if b.number(`SELECT COUNT(*) FROM cases WHERE reference = {:r} AND name || email || message || secret_hash = '' AND answers = '{}' AND guide = 'fuehrungszeugnis' AND state = 'done'`, "r", old.Reference) != 1 ||
		b.number(`SELECT COUNT(*) FROM case_events WHERE message || note || staff <> ''`) != 0 || b.number(`SELECT COUNT(*) FROM case_events WHERE reference = {:r}`, "r", old.Reference) != 2 {
		t.Error("personal data left, or too much gone")
	}
	if b.number(`SELECT COUNT(*) FROM cases WHERE reference = {:r} AND name = 'Ada Muster'`, "r", open.Reference) != 1 {
		t.Error("an open case lost its data")
	}
	b.citizen().post("/anliegen/", url.Values{"reference": {old.Reference}, "secret": {old.Secret}}).is(422, "passen nicht zusammen")
	b.citizen().post("/anliegen/", url.Values{"reference": {old.Reference}, "secret": {""}}).is(422)
	staff.get(path).is(200, "sind gelöscht")
	staff.post(path, url.Values{"rev": {"2"}, "state": {"in_progress"}, "message": {"x"}}).is(422, "sind gelöscht")

	// Many at once go in chunks; a cancelled run says so.
	b.exec(`UPDATE cases SET forgotten = NULL`)
	b.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450)
		INSERT INTO cases (reference, guide, title, partner, state, rev, name, email, message, answers, questions, language, secret_hash, order_key, created, updated, closed)
		SELECT 'A-' || i, 'g', 'T', 'p', 'done', 1, 'N', 'E', 'M', '{}', '[]', 'de', 'h', 'k', 1, 1, 1 FROM n`)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if n, err := b.c.Forget(cancelled); n != 0 || err == nil {
		t.Errorf("cancelled: %d %v", n, err)
	}
	if n, err := b.c.Forget(ctx); n != 451 || err != nil {
		t.Errorf("erased %d: %v", n, err)
	}
	if b.number(`SELECT COUNT(*) FROM case_sessions`) != 0 {
		t.Error("sessions that are over are still there")
	}
}

func TestEveryPageExistsInEveryLanguage(t *testing.T) {
	b := newBench(t)
	v := b.citizen()
	rawKey := regexp.MustCompile(`\b(case|form|problem|error|staff)\.[a-z_]+(\.[a-z_]+)*\b`)
	for _, lang := range content.Languages {
		prefix := base.Prefix(lang)
		check := func(status int) {
			t.Helper()
			v.is(status, `lang="`+content.Locale(lang)+`"`)
			if m := rawKey.FindString(v.body); m != "" {
				t.Errorf("%s: the key %s instead of words", lang, m)
			}
		}
		v.get(prefix + "/leistungen/fuehrungszeugnis/anfrage/")
		check(200)
		form := with(v.hidden(), "name", "Ada", "email", "ada@example.org", "message", "x", "answers.kind", "plain", "answers.amount", "1,5")
		v.post(prefix+"/leistungen/fuehrungszeugnis/anfrage/", url.Values{})
		check(422)
		v.post(prefix+"/leistungen/fuehrungszeugnis/anfrage/", form).to(prefix + "/anliegen/neu/")
		v.get(prefix + "/anliegen/neu/")
		check(200)
		r := shownPair.FindStringSubmatch(v.body)
		v.get(prefix + "/anliegen/neu/")
		check(410)
		v.get(prefix + "/anliegen/")
		check(200)
		v.post(prefix+"/anliegen/", url.Values{"reference": {r[1]}, "secret": {"x"}})
		check(422)
		v.post(prefix+"/anliegen/", url.Values{"reference": {r[1]}, "secret": {r[2]}}).to(prefix + "/anliegen/verlauf/")
		for _, state := range cases.States {
			b.exec(fmt.Sprintf(`UPDATE cases SET state = '%s', closed = %s WHERE reference = '%s'`, state, map[bool]string{true: "1", false: "NULL"}[cases.IsClosed(state)], r[1]))
			v.get(prefix + "/anliegen/verlauf/")
			check(200)
		}
		v.get(prefix + "/barriere-melden/")
		check(200)
		if m := b.mails(r[1]); len(m) != 1 || m[0].Lang != lang || rawKey.MatchString(m[0].Text+m[0].Subject) || strings.Contains(m[0].Text, "{") {
			t.Errorf("%s: mails %+v", lang, m)
		}
	}
	v.get("/en/leistungen/sperrmuell/anfrage/").is(200, `<h1>Request: <span lang="de">Sperrmüll</span></h1>`)
}

func ExampleMayBecome() {
	fmt.Println(cases.MayBecome(cases.Citizen, cases.Waiting))
	fmt.Println(cases.MayBecome(cases.Staff, cases.Done))
	fmt.Println(cases.MayBecome(cases.Staff, cases.Withdrawn))
	// Output:
	// [in_progress withdrawn]
	// [in_progress]
	// []
}
