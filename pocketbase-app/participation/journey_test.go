package participation_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
)

// visitor is a browser without JavaScript.
type visitor struct {
	t      *testing.T
	w      *world
	client *http.Client
}

func (w *world) visitor(t *testing.T) *visitor {
	jar, _ := cookiejar.New(nil)
	return &visitor{t, w, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

type page struct {
	status   int
	location string
	html     string
	header   http.Header
}

func (v *visitor) get(path string) page { v.t.Helper(); return v.request("GET", path, nil) }
func (v *visitor) post(path, form string) page {
	v.t.Helper()
	return v.request("POST", path, strings.NewReader(form))
}

func (v *visitor) request(method, path string, body io.Reader) page {
	v.t.Helper()
	req, err := http.NewRequest(method, v.w.srv.URL+path, body)
	if err != nil {
		v.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
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
	p := page{res.StatusCode, res.Header.Get("Location"), string(b), res.Header}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") && len(b) > 0 {
		soundHTML(v.t, method+" "+path, p.html)
	}
	return p
}

// see fails unless the page has the status and every text.
func (v *visitor) see(p page, status int, texts ...string) {
	v.t.Helper()
	if p.status != status {
		v.t.Fatalf("status %d (to %q), want %d\n%s", p.status, p.location, status, p.html)
	}
	for _, s := range texts {
		if !strings.Contains(p.html, s) {
			v.t.Errorf("%q is not in\n%s", s, p.html)
		}
	}
}

func (v *visitor) led(p page, to string) {
	v.t.Helper()
	if p.status != 303 || p.location != to {
		v.t.Fatalf("status %d to %q, want 303 to %q\n%s", p.status, p.location, to, p.html)
	}
}

var (
	idPattern   = regexp.MustCompile(` id="([^"]*)"`)
	forPattern  = regexp.MustCompile(` (?:for|aria-labelledby|aria-describedby)="([^"]*)"`)
	hashPattern = regexp.MustCompile(` href="#([^"]*)"`)
	h1Pattern   = regexp.MustCompile(`<h1[ >]`)
	fieldTag    = regexp.MustCompile(`<(?:input|textarea)[^>]*>`)
)

// soundHTML checks what every page must keep: one h1, ids once, references that
// lead somewhere, a label for every field, nothing inline, no word key shown.
func soundHTML(t *testing.T, what, html string) {
	t.Helper()
	var ids []string
	for _, m := range idPattern.FindAllStringSubmatch(html, -1) {
		if slices.Contains(ids, m[1]) {
			t.Errorf("%s: id %q twice", what, m[1])
		}
		ids = append(ids, m[1])
	}
	var labelled []string
	for _, m := range append(forPattern.FindAllStringSubmatch(html, -1), hashPattern.FindAllStringSubmatch(html, -1)...) {
		for id := range strings.FieldsSeq(m[1]) {
			labelled = append(labelled, id)
			if !slices.Contains(ids, id) {
				t.Errorf("%s: nothing has the id %q", what, id)
			}
		}
	}
	for _, tag := range fieldTag.FindAllString(html, -1) {
		if m := idPattern.FindStringSubmatch(tag); !strings.Contains(tag, `type="hidden"`) && !strings.Contains(tag, `type="image"`) && (m == nil || !slices.Contains(labelled, m[1])) {
			t.Errorf("%s: no label for %s", what, tag)
		}
	}
	if n := len(h1Pattern.FindAllString(html, -1)); n != 1 {
		t.Errorf("%s: %d headings of level 1", what, n)
	}
	for _, bad := range []string{"<script", "<style", " style=", " onclick=", "participation.", "problem.", "error.survey", "<no value>", "ZgotmplZ"} {
		if strings.Contains(html, bad) {
			t.Errorf("%s: %q in\n%s", what, bad, html)
		}
	}
}

const s = "/umfragen/smart-kassel"

func TestCitizensAnswerPageByPageInTheirLanguage(t *testing.T) {
	cases := []struct{ lang, prefix, begin, progress, question, problem, review, thanks, option, number, date string }{
		{"de", "", "Umfrage beginnen", "Seite 1 von 2", "Wo wohnen Sie?", "Bitte wählen Sie eine Antwort.", "Antworten prüfen", "Vielen Dank", "Vorderer Westen", "612,5 €", "01.05.2014"},
		{"en", "/en", "Begin the survey", "Page 1 of 2", "Where do you live?", "Please choose an answer.", "Check and send", "Thank you", "West", "612.5 €", "1 May 2014"},
		{"ls", "/ls", "Anfangen", "Seite 1 von 2", "Wo?", "Bitte kreuzen Sie eine Antwort an.", "Antworten prüfen", "Danke", "Westen", "612,5 €", "01.05.2014"},
	}
	for _, c := range cases {
		t.Run(c.lang, func(t *testing.T) {
			w := newWorld(t)
			v := w.visitor(t)
			at := c.prefix + s
			v.see(v.get(at+"/teilnehmen/"), 200, c.begin, "<strong>leben</strong>", `action="`+at+`/teilnehmen/"`)
			v.led(v.post(at+"/teilnehmen/", ""), at+"/seite/1/")
			p := v.get(at + "/seite/1/")
			v.see(p, 200, c.progress, c.question, `type="radio"`, `type="checkbox"`, `<fieldset`, `<legend>`, `action="`+at+`/seite/1/"`, "<strong>keine</strong>")
			if c.lang == "en" && !strings.Contains(p.html, `lang="de">Mitte`) {
				t.Error("an untranslated option does not say that it is German")
			}
			p = v.post(at+"/seite/1/", "topics=energy&topics=bus&topics=water&content=5&s-aktion=weiter")
			v.see(p, 422, `href="#f-district"`, c.question+"</span> – "+c.problem, `href="#f-topics"`, `role="alert"`,
				`value="water" checked`, `value="5" checked`, `id="e-district"`)
			v.led(v.post(at+"/seite/1/", "district=west&topics=water&topics=energy&content=5&s-aktion=weiter"), at+"/seite/2/")
			v.see(v.get(at+"/seite/2/"), 200, `inputmode="decimal"`, `<textarea`)
			v.led(v.post(at+"/seite/2/", "rent=612,50&idea="+url.QueryEscape("Bänke\r\n<b>am</b> Fluss")+"&since=1.5.2014&street="), at+"/pruefen/")
			v.see(v.get(at+"/pruefen/"), 200, c.review, c.option, c.number, c.date, "&lt;b&gt;am&lt;/b&gt;", `href="`+at+`/seite/1/?s-nach=pruefen"`)
			if n := w.count(t, "responses"); n != 0 {
				t.Fatalf("%d answers are stored before anything was sent", n)
			}
			v.led(v.post(at+"/pruefen/", ""), at+"/danke/")
			p = v.get(at + "/danke/")
			v.see(p, 200, c.thanks)
			rows := w.rows(t)
			if len(rows) != 1 || rows[0].Language != c.lang || rows[0].Channel != "web" || rows[0].Day != "2026-12-02" ||
				rows[0].Answers != `{"content":5,"district":"west","idea":"Bänke\n\u003cb\u003eam\u003c/b\u003e Fluss","rent":612.5,"since":"2014-05-01","topics":["energy","water"]}` {
				t.Errorf("rows %+v", rows)
			}
			if n := w.count(t, "survey_drafts"); n != 0 {
				t.Errorf("%d drafts are left", n)
			}
			// The receipt of the page is the one of the API.
			_, body := w.put(t, "smart-kassel", rows[0].ID, `{"language":"`+c.lang+`","channel":"web","answers":`+rows[0].Answers+`}`)
			if ref := reference(t, body); !strings.Contains(p.html, ref) {
				t.Errorf("no %s in\n%s", ref, p.html)
			}
		})
	}
}

func TestBackKeepsWhatIsTypedEvenWhenItIsWrong(t *testing.T) {
	w := newWorld(t)
	v := w.visitor(t)
	v.post(s+"/teilnehmen/", "")
	v.led(v.post(s+"/seite/1/", "district=west"), s+"/seite/2/")
	v.led(v.post(s+"/seite/2/", "rent=viel&street=Wilhelmsstra%C3%9Fe&s-aktion=zurueck"), s+"/seite/1/")
	v.see(v.get(s+"/seite/1/"), 200, `value="west" checked`)
	v.led(v.post(s+"/seite/1/", "district=mitte&s-aktion=zurueck"), s+"/teilnehmen/")
	v.see(v.get(s+"/teilnehmen/"), 200, "schon begonnen", `href="/umfragen/smart-kassel/seite/1/"`)
	v.see(v.get("/en"+s+"/seite/2/"), 200, `value="viel"`, `value="Wilhelmsstraße"`, "Page 2 of 2")
	p := v.get(s + "/pruefen/")
	v.see(p, 200, "Bitte geben Sie eine Zahl ein.", `href="/umfragen/smart-kassel/seite/2/?s-nach=pruefen#f-rent"`)
	v.see(v.post(s+"/pruefen/", ""), 422, "Bitte geben Sie eine Zahl ein.")
	v.see(v.get(s+"/seite/2/?s-nach=pruefen"), 200, `name="s-nach" value="pruefen"`)
	v.led(v.post(s+"/seite/1/", "district=mitte&s-nach=pruefen&s-aktion=weiter"), s+"/pruefen/")
	v.led(v.post(s+"/seite/2/", "rent=&street=Wilhelmsstra%C3%9Fe"), s+"/pruefen/")
	v.led(v.post("/ls"+s+"/pruefen/", ""), "/ls"+s+"/danke/")
	if rows := w.rows(t); len(rows) != 1 || rows[0].Language != "ls" || rows[0].Answers != `{"district":"mitte","street":"Wilhelmsstraße"}` {
		t.Errorf("rows %+v", rows)
	}
}

func TestSendingTwiceStoresOneAnswer(t *testing.T) {
	w := newWorld(t)
	v := w.visitor(t)
	v.post(s+"/teilnehmen/", "")
	v.post(s+"/seite/1/", "district=west")
	v.post(s+"/seite/2/", "")
	before := v.client.Jar
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { v.led(v.post(s+"/pruefen/", ""), s+"/danke/") })
	}
	wg.Wait()
	v.client.Jar = before
	v.led(v.post(s+"/pruefen/", ""), s+"/danke/")
	v.led(v.get(s+"/pruefen/"), s+"/danke/")
	v.led(v.get(s+"/seite/2/"), s+"/danke/")
	v.led(v.post(s+"/seite/1/", "district=mitte"), s+"/danke/") // the browser's way back
	if rows := w.rows(t); len(rows) != 1 || rows[0].Answers != `{"district":"west"}` {
		t.Errorf("rows %+v", rows)
	}
	v.led(v.post(s+"/teilnehmen/", ""), s+"/seite/1/") // the next one at the same terminal
	v.see(v.get(s+"/seite/1/"), 200, `value="west">`)
}

func TestWithoutADraftPeopleMayBeginAgain(t *testing.T) {
	w := newWorld(t)
	v := w.visitor(t)
	for _, path := range []string{"/seite/1/", "/seite/2/", "/pruefen/", "/danke/"} {
		v.see(v.get(s+path), 410, "nicht mehr da", `action="/umfragen/smart-kassel/teilnehmen/"`)
		v.see(v.get("/en"+s+path), 410, "no longer here")
	}
	v.see(v.post(s+"/pruefen/", ""), 410, "Neu beginnen")
	v.see(v.post(s+"/seite/2/", "rent=&s-aktion=weiter"), 410, "Neu beginnen")

	v.led(v.post(s+"/seite/2/", "rent=5&street=Am+Ring"), s+"/seite/1/?gerettet=2")
	v.see(v.get(s+"/seite/1/?gerettet=2"), 200, "zuletzt gesendete Seite haben wir behalten")
	v.see(v.get(s+"/seite/2/"), 200, `value="Am Ring"`)

	expired := w.visitor(t)
	expired.post(s+"/teilnehmen/", "")
	expired.post(s+"/seite/1/", "district=west")
	w.Now = func() time.Time { return basetest.Start.Add(24*time.Hour + time.Minute) }
	expired.see(expired.get(s+"/seite/2/"), 410, "24 Stunden")
	if n, err := w.matter.Sweep(t.Context()); err != nil || n != 2 {
		t.Errorf("swept %d: %v", n, err)
	}
	expired.led(expired.post(s+"/seite/1/", "district=mitte"), s+"/seite/1/?gerettet=1")
	expired.see(expired.get(s+"/seite/1/"), 200, `value="mitte" checked`)

	forged := w.visitor(t)
	u, _ := url.Parse(w.srv.URL)
	for _, value := range []string{"x", strings.Repeat("A", 32), strings.Repeat("'", 32)} {
		forged.client.Jar.SetCookies(u, []*http.Cookie{{Name: "umfrage-smart-kassel", Value: value, Path: "/"}})
		forged.see(forged.get(s+"/seite/1/"), 410)
	}
}

func TestASurveyThatEndsMidwaySaysSo(t *testing.T) {
	w := newWorld(t)
	q := smartKassel()
	q.Version, q.Closes = 2, basetest.Start.Add(time.Hour)
	publish(t, w.Platform, q)
	v := w.visitor(t)
	v.post(s+"/teilnehmen/", "")
	v.post(s+"/seite/1/", "district=west")
	w.Now = func() time.Time { return q.Closes }
	for name, p := range map[string]page{
		"next page": v.get(s + "/seite/2/"), "sent page": v.post(s+"/seite/2/", "rent=5"),
		"review": v.get(s + "/pruefen/"), "sent": v.post(s+"/pruefen/", ""),
	} {
		t.Run(name, func(t *testing.T) { v.see(p, 409, "endete, während Sie ausfüllten", "nicht gespeichert") })
	}
	v.see(v.get("/en"+s+"/teilnehmen/"), 409, "The survey has ended")
	v.see(v.post("/ls"+s+"/teilnehmen/", ""), 409, "Die Umfrage ist zu Ende")
	w.Now = func() time.Time { return smartKassel().Opens.Add(-time.Hour) }
	v.see(v.get(s+"/teilnehmen/"), 409, "02.12.2026")
	if w.count(t, "responses") != 0 {
		t.Error("an answer was stored")
	}
}

func TestADraftKeepsItsVersion(t *testing.T) {
	w := newWorld(t)
	v := w.visitor(t)
	v.post(s+"/teilnehmen/", "")
	v.post(s+"/seite/1/", "district=mitte&topics=water")
	q := smartKassel()
	q.Version = 2
	q.Pages = q.Pages[:1]
	q.Pages[0].Items[2].Options = q.Pages[0].Items[2].Options[:2]
	publish(t, w.Platform, q)
	v.see(v.get(s+"/seite/2/"), 200, "Seite 2 von 2")
	v.led(v.post(s+"/seite/2/", "street=Ring"), s+"/pruefen/")
	v.led(v.post(s+"/pruefen/", ""), s+"/danke/")
	if rows := w.rows(t); len(rows) != 1 || rows[0].Version != 1 {
		t.Errorf("rows %+v", rows)
	}
	other := w.visitor(t)
	other.post(s+"/teilnehmen/", "")
	other.see(other.get(s+"/seite/1/"), 200, "Seite 1 von 1")
}

func TestBadFormsAreRefusedAndNothingIsLost(t *testing.T) {
	w := newWorld(t)
	v := w.visitor(t)
	v.post(s+"/teilnehmen/", "")
	v.post(s+"/seite/1/", "district=west")
	cases := []struct {
		what, path, form string
		status           int
		text             string
	}{
		{"missing", "/seite/1/", "topics=bus", 422, "Bitte wählen Sie eine Antwort."},
		{"unknown option", "/seite/1/", "district=nord", 422, "Diese Auswahl gibt es nicht."},
		{"two radio buttons", "/seite/1/", "district=west&district=mitte", 422, "falsche Form"},
		{"too many", "/seite/1/", "district=west&topics=bus&topics=energy&topics=water", 422, "höchstens 2"},
		{"exclusive", "/seite/1/", "district=west&topics=bus&topics=none", 422, "nicht mit anderen verbinden"},
		{"too long", "/seite/2/", "street=" + strings.Repeat("x", 41), 422, "höchstens 40 Zeichen"},
		{"no number", "/seite/2/", "rent=viel", 422, "Bitte geben Sie eine Zahl ein."},
		{"number too large", "/seite/2/", "rent=10000", 422, "höchstens 9999"},
		{"number that may be read two ways", "/seite/2/", "rent=1.234", 422, "ohne Tausender-Trennzeichen"},
		{"no date", "/seite/2/", "since=gestern", 422, "24.12.2026"},
		{"control character", "/seite/2/", "idea=a%07b", 422, "nicht verarbeiten"},
		{"bad UTF-8", "/seite/2/", "idea=%ff", 400, "UTF-8"},
		{"bad escapes", "/seite/2/", "idea=%zz", 400, "beschädigt"},
		{"oversized", "/seite/2/", "idea=" + strings.Repeat("x", base.MaxForm), 413, "zu groß"},
		{"page that does not exist", "/seite/3/", "rent=1", 404, "nicht gefunden"},
		{"page nought", "/seite/0/", "rent=1", 404, "nicht gefunden"},
		{"page with a leading nought", "/seite/01/", "rent=1", 404, "nicht gefunden"},
		{"thousands of fields", "/seite/1/", "district=west&" + strings.Repeat("topics=bus&", 9000), 422, "zweimal"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			v := *v
			v.t = t
			v.see(v.post(s+c.path, c.form), c.status, c.text)
		})
	}
	for kind, status := range map[string]int{"application/json": 415, "multipart/form-data; boundary=x": 400, "application/x-www-form-urlencoded; charset=latin1": 415} {
		if got, body := w.do(t, "POST", s+"/seite/1/", kind, "district=west"); got != status {
			t.Errorf("%s: %d %s", kind, got, body)
		}
	}
	v.see(v.get("/umfragen/nichts/teilnehmen/"), 404)
	v.see(v.get("/umfragen/nichts/danke/"), 404)
	v.see(v.post("/en/umfragen/nichts/seite/1/", "a=b"), 404, "Page not found")
	// The draft outlived it all.
	v.led(v.post(s+"/seite/1/", "district=west&topics=bus"), s+"/seite/2/")
	v.led(v.post(s+"/seite/2/", "rent=600&street=Ring"), s+"/pruefen/")
	v.led(v.post(s+"/pruefen/", ""), s+"/danke/")
	if rows := w.rows(t); len(rows) != 1 || rows[0].Answers != `{"district":"west","rent":600,"street":"Ring","topics":["bus"]}` {
		t.Errorf("rows %+v", rows)
	}
}

func TestTheCookieIsASecretOfTheBrowser(t *testing.T) {
	w := newWorld(t)
	w.Origin = "https://service-point.test"
	v := w.visitor(t)
	p := v.post(s+"/teilnehmen/", "")
	cookie := p.header.Get("Set-Cookie")
	for _, want := range []string{"umfrage-smart-kassel=", "HttpOnly", "SameSite=Lax", "Path=/;", "Max-Age=86400", "Secure"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("no %s in %q", want, cookie)
		}
	}
	token := regexp.MustCompile(`=([0-9A-Z]{32});`).FindStringSubmatch(cookie)[1]
	var hits int
	err := w.App.DB().NewQuery("SELECT count(*) FROM survey_drafts WHERE instr(hash || survey || hex(key) || hex(sealed), {:t}) + instr(key, {:t}) + instr(sealed, {:t}) > 0").Bind(dbx.Params{"t": token}).Row(&hits)
	if err != nil || hits != 0 {
		t.Errorf("the token stands in the database: %d %v", hits, err)
	}
	if p.header.Get("Cache-Control") != "no-store" {
		t.Errorf("cached: %q", p.header.Get("Cache-Control"))
	}
}

// Two tabs that fill in different pages at once do not overwrite each other.
func TestTwoTabsMergeTheirPages(t *testing.T) {
	w := newWorld(t)
	v := w.visitor(t)
	v.post(s+"/teilnehmen/", "")
	for i := range 10 {
		street := "Weg " + strconv.Itoa(i)
		var wg sync.WaitGroup
		wg.Go(func() { v.led(v.post(s+"/seite/1/", "district=west&content="+strconv.Itoa(i%5+1)), s+"/seite/2/") })
		wg.Go(func() { v.led(v.post(s+"/seite/2/", "street="+url.QueryEscape(street)), s+"/pruefen/") })
		wg.Wait()
		v.see(v.get(s+"/pruefen/"), 200, street, "Vorderer Westen", "<dd>"+strconv.Itoa(i%5+1)+"</dd>")
	}
}

func FuzzTakePage(f *testing.F) {
	f.Add("1", "district=west&topics=bus&content=3&s-aktion=weiter")
	f.Add("2", "rent=1.612,5&since=1.5.2014&idea=%ff&s-nach=pruefen&s-aktion=zurueck")
	w := newWorld(f)
	handler := w.srv.Config.Handler
	rec := newRecorder()
	begin, _ := http.NewRequest("POST", s+"/teilnehmen/", http.NoBody)
	handler.ServeHTTP(rec, begin)
	cookie, _, _ := strings.Cut(rec.header.Get("Set-Cookie"), ";")
	f.Fuzz(func(t *testing.T, n, form string) {
		rec := newRecorder()
		req, err := http.NewRequest("POST", s+"/seite/"+url.PathEscape(n)+"/", strings.NewReader(form))
		if err != nil {
			return
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Cookie", cookie)
		handler.ServeHTTP(rec, req)
		if rec.status != 303 && rec.status != 307 && (rec.status < 400 || rec.status > 499) {
			t.Fatalf("%d for page %q, form %q", rec.status, n, form)
		}
	})
}
