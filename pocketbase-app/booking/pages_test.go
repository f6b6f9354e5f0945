package booking

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
)

const form = "application/x-www-form-urlencoded"

var hiddenKey = regexp.MustCompile(`name="key" value="([^"]+)"`)

// key fetches the form as a browser does and returns its hidden key.
func (h house) key(path string) string {
	h.t.Helper()
	r := h.send("GET", path, "", "")
	m := hiddenKey.FindStringSubmatch(r.body)
	if r.status != 200 || m == nil {
		h.t.Fatalf("no form at %s: %d %s", path, r.status, r.body)
	}
	return m[1]
}

func (h house) post(path string, values url.Values, headers ...string) reply {
	h.t.Helper()
	return h.send("POST", path, form, values.Encode(), headers...)
}

func cookieOf(t testing.TB, r reply) string {
	t.Helper()
	raw := r.header.Get("Set-Cookie")
	if raw == "" {
		t.Fatalf("no cookie: %d %s", r.status, r.body)
	}
	value, _, _ := strings.Cut(raw, ";")
	return value
}

func wants(t *testing.T, what string, r reply, status int, texts ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("%s: status %d, want %d\n%s", what, r.status, status, r.body)
	}
	for _, s := range texts {
		if !strings.Contains(r.body, s) {
			t.Errorf("%s: lacks %q\n%s", what, s, r.body)
		}
	}
}

func TestBookingByFormInThreeLanguages(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(10), wheelchair(2)))
	cases := []struct{ prefix, lang, form, receipt, state, title string }{
		{"", "de", "Verbindlich buchen", "Danke, wir haben Ihre Buchung", "in Bearbeitung", "Wärme für Kassel"},
		{"/en", "en", "Book now", "Thank you, we have your booking", "being processed", "Heat for Kassel"},
		{"/ls", "de-simple", "Einen Platz buchen", "Danke! Wir haben Ihre Buchung", "Wir prüfen die Buchung", "Wärme für Kassel"},
	}
	for _, c := range cases {
		t.Run(c.lang, func(t *testing.T) {
			path := c.prefix + "/veranstaltungen/waerme/buchen/"
			page := h.send("GET", path, "", "")
			wants(t, "form", page, 200, `<html lang="`+c.lang+`"`, c.form, c.title, `action="`+path+`"`, `name="pool" value="rollstuhl"`)
			if c.lang == "de-simple" {
				wants(t, "title in German", page, 200, `<dd lang="de">`)
			}
			values := url.Values{"key": {h.key(path)}, "name": {"Ada Lovelace"}, "email": {"ada@example.org"}, "places": {"2"}, "pool": {"saal"}}
			r := h.post(path, values)
			if r.status != 303 || r.header.Get("Location") != c.prefix+"/buchungen/bestaetigung/" {
				t.Fatalf("%d %s %s", r.status, r.header.Get("Location"), r.body)
			}
			if raw := r.header.Get("Set-Cookie"); !strings.Contains(raw, "HttpOnly") || !strings.Contains(raw, "SameSite=Lax") {
				t.Errorf("cookie %s", raw)
			}
			cookie := cookieOf(t, r)
			receipt := h.send("GET", c.prefix+"/buchungen/bestaetigung/", "", "", "Cookie", cookie)
			reference := strings.TrimPrefix(strings.SplitN(cookie, ".", 2)[0], ticketName+"=")
			wants(t, "receipt", receipt, 200, c.receipt, c.state, reference, h.s.secret(reference, 0))
			if receipt.header.Get("Cache-Control") != "no-store" {
				t.Error("the receipt may be cached")
			}
			again := h.post(path, values)
			if again.status != 303 || !strings.Contains(cookieOf(t, again), reference) {
				t.Errorf("sent twice: %d %s", again.status, again.header)
			}
			wants(t, "view", h.send("GET", c.prefix+"/buchungen/ansicht/", "", "", "Cookie", cookie), 200, reference, c.title)
		})
	}
	if n := h.number(`SELECT count(*) FROM claims WHERE channel = 'web'`); n != 3 {
		t.Errorf("%d bookings, want 3", n)
	}
}

func TestTheLanguageChangesWithoutLoss(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(10), wheelchair(2)))
	wants(t, "the German form", h.send("GET", "/veranstaltungen/waerme/buchen/", "", ""), 200, `name="sprache" value="en" formaction="/en/veranstaltungen/waerme/buchen/"`)
	key := h.key("/veranstaltungen/waerme/buchen/")
	values := url.Values{"key": {key}, "name": {"Ada Lovelace"}, "email": {"ada@"}, "places": {"2"}, "pool": {"saal"}, "sprache": {"en"}}
	r := h.post("/en/veranstaltungen/waerme/buchen/", values)
	wants(t, "the English form", r, 200, `lang="en"`, "Book now", `value="Ada Lovelace"`, `value="ada@"`, `value="`+key+`"`, `formaction="/veranstaltungen/waerme/buchen/"`)
	if strings.Contains(r.body, "error-summary") || h.number(`SELECT count(*) FROM claims`) != 0 {
		t.Error("the change of language sent the form")
	}
}

func TestBadFormsKeepWhatWasTyped(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(3), wheelchair(1)))
	path := "/veranstaltungen/waerme/buchen/"
	good := func(change ...string) url.Values {
		v := url.Values{"key": {h.key(path)}, "name": {"Ada <b>"}, "email": {"ada@example.org"}, "places": {"1"}, "pool": {"saal"}}
		for i := 0; i+1 < len(change); i += 2 {
			v.Set(change[i], change[i+1])
		}
		return v
	}
	cases := []struct {
		what   string
		values url.Values
		status int
		texts  []string
	}{
		{"name missing", good("name", ""), 422, []string{`href="#f-name"`, `id="e-name"`, "Fehler: Platz buchen", `value="ada@example.org"`}},
		{"name too long", good("name", strings.Repeat("x", 121)), 422, []string{`href="#f-name"`, "höchstens 120 Zeichen"}},
		{"no address", good("email", "ada"), 422, []string{`href="#f-email"`, `value="ada"`, `value="Ada &lt;b&gt;"`}},
		{"places as word", good("places", "zwei"), 422, []string{`href="#f-places"`, `value="zwei"`, "ganze Zahl"}},
		{"too many places", good("places", "11"), 422, []string{`href="#f-places"`}},
		{"no pool chosen", good("pool", ""), 422, []string{`href="#f-pool"`, `id="f-pool"`, `id="e-pool"`}},
		{"unknown pool", good("pool", "balkon"), 422, []string{`href="#f-pool"`}},
		{"full", good("places", "2", "pool", "rollstuhl"), 409, []string{"nicht mehr frei", `value="ada@example.org"`, `value="2"`}},
		{"no key", good("key", ""), 400, []string{"Formular veraltet"}},
		{"foreign key", good("key", "aaaaaaaaaa"), 400, []string{"Formular veraltet"}},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) { wants(t, c.what, h.post(path, c.values), c.status, c.texts...) })
	}
	raw := []struct {
		what, kind, body string
		status           int
	}{
		{"JSON", "application/json", ada, 415},
		{"latin-1", form + "; charset=latin1", "name=A", 415},
		{"bad UTF-8", form, "name=%ff", 400},
		{"raw bad UTF-8", form, "name=\xff", 400},
		{"broken escape", form, "name=%zz", 400},
		{"oversized", form, "name=" + strings.Repeat("x", base.MaxForm), 413},
		{"empty", form, "", 400},
	}
	for _, c := range raw {
		t.Run(c.what, func(t *testing.T) { wants(t, c.what, h.send("POST", path, c.kind, c.body), c.status, "<h1>") })
	}
	if n := h.number(`SELECT count(*) FROM claims`); n != 0 {
		t.Errorf("%d bookings from bad forms", n)
	}
	wants(t, "unknown event", h.post("/veranstaltungen/nirgends/buchen/", good()), 404, "Seite nicht gefunden")
}

func TestAFormSentAgainWithChangesAsksFirst(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(3)))
	path := "/veranstaltungen/waerme/buchen/"
	values := url.Values{"key": {h.key(path)}, "name": {"Ada"}, "email": {"ada@example.org"}}
	wants(t, "first", h.post(path, values), 303)
	values.Set("name", "Grace")
	r := h.post(path, values)
	wants(t, "changed", r, 422, "haben Sie schon gebucht", `value="Grace"`)
	values.Set("key", hiddenKey.FindStringSubmatch(r.body)[1])
	wants(t, "again", h.post(path, values), 303)
	if n := h.number(`SELECT count(*) FROM claims`); n != 2 {
		t.Errorf("%d bookings, want 2", n)
	}
}

func TestAFullEventOffersOthers(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(1)))
	path := "/veranstaltungen/waerme/buchen/"
	key := h.key(path)
	h.mustBook("waerme")
	other := lecture("strom", room(4))
	other.Texts = map[string]content.EventText{content.German: {Title: "Strom vom Dach"}}
	h.publish(other)
	h.publish(lecture("ohne-buchung"))
	r := h.post(path, url.Values{"key": {key}, "name": {"Grace"}, "email": {"grace@example.org"}, "places": {"1"}})
	wants(t, "sent", r, 409, "nicht mehr frei", `href="/veranstaltungen/strom/buchen/"`, "Strom vom Dach", "4 frei")
	if strings.Contains(r.body, "<form") || strings.Contains(r.body, "ohne-buchung") {
		t.Errorf("a form though nothing is free, or an event without places:\n%s", r.body)
	}
	wants(t, "opened", h.send("GET", "/en"+path, "", ""), 200, "not that many places are left", `href="/en/veranstaltungen/strom/buchen/"`)
}

func TestPagesOfEventsThatCannotBeBooked(t *testing.T) {
	h := open(t)
	cancelled := lecture("abgesagt", room(3))
	cancelled.Cancelled = true
	h.publish(cancelled)
	h.publish(lecture("ohne"))
	wants(t, "cancelled", h.send("GET", "/veranstaltungen/abgesagt/buchen/", "", ""), 200, "wurde abgesagt")
	wants(t, "without pools", h.send("GET", "/veranstaltungen/ohne/buchen/", "", ""), 200, "brauchen Sie keine Buchung")
	wants(t, "unknown", h.send("GET", "/veranstaltungen/unbekannt/buchen/", "", ""), 404)
	values := url.Values{"key": {base.NewToken()}, "name": {"Ada"}, "email": {"ada@example.org"}}
	wants(t, "sent all the same", h.post("/veranstaltungen/abgesagt/buchen/", values), 409, "wurde abgesagt")
}

func TestReferenceAndSecretOpenTheBookingAndCancelIt(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(3)))
	a := h.mustBook("waerme")
	h.settle(a.Reference, hooks.Done)
	pair := url.Values{"reference": {" " + strings.ToLower(a.Reference)}, "secret": {strings.ToLower(strings.ReplaceAll(a.Secret, "-", " "))}}
	r := h.post("/en/buchungen/", pair)
	if r.status != 303 || r.header.Get("Location") != "/en/buchungen/ansicht/" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	cookie := cookieOf(t, r)
	view := h.send("GET", "/en/buchungen/ansicht/", "", "", "Cookie", cookie)
	wants(t, "view", view, 200, "Your booking is confirmed", a.Reference, `href="/en/buchungen/stornieren/"`)
	if strings.Contains(view.body, a.Secret) {
		t.Error("the view shows the secret")
	}
	wants(t, "ask", h.send("GET", "/buchungen/stornieren/", "", "", "Cookie", cookie), 200, "Ja, stornieren")
	if h.state(a.Reference) != Confirmed {
		t.Error("asking cancelled it")
	}
	if r := h.post("/buchungen/stornieren/", nil); r.status != 303 || h.state(a.Reference) != Confirmed {
		t.Errorf("without the cookie: %d, %s", r.status, h.state(a.Reference))
	}
	if r := h.post("/buchungen/stornieren/", nil, "Cookie", cookie); r.status != 303 || r.header.Get("Location") != "/buchungen/ansicht/" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if h.state(a.Reference) != Cancelled || h.number(`SELECT taken FROM pools`) != 0 {
		t.Error("not cancelled, or places not free")
	}
	after := h.send("GET", "/buchungen/ansicht/", "", "", "Cookie", cookie)
	wants(t, "after", after, 200, "Ihre Buchung ist storniert")
	if strings.Contains(after.body, "/buchungen/stornieren/") {
		t.Error("a cancelled booking can be cancelled")
	}
	if r := h.post("/buchungen/schliessen/", nil, "Cookie", cookie); r.status != 303 || !strings.Contains(r.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("close: %d %v", r.status, r.header)
	}
}

func TestTheTicketCannotBeForgedAndRunsOut(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(3)))
	a, b := h.mustBook("waerme"), h.mustBook("waerme")
	cookie := cookieOf(t, h.post("/buchungen/", url.Values{"reference": {a.Reference}, "secret": {a.Secret}}))
	for what, forged := range map[string]string{
		"other booking": strings.Replace(cookie, a.Reference, b.Reference, 1),
		"longer life":   regexp.MustCompile(`\.\d+\.`).ReplaceAllString(cookie, ".9999999999."),
		"nonsense":      ticketName + "=x",
	} {
		if r := h.send("GET", "/buchungen/ansicht/", "", "", "Cookie", forged); r.status != 303 || r.header.Get("Location") != "/buchungen/" {
			t.Errorf("%s: %d %s", what, r.status, r.body)
		}
	}
	h.p.Now = func() time.Time { return basetest.Start.Add(ticketLife) }
	if r := h.send("GET", "/buchungen/ansicht/", "", "", "Cookie", cookie); r.status != 303 {
		t.Errorf("after %s: %d", ticketLife, r.status)
	}
}

func TestWrongPairsDoNotTellWhichHalfIsWrong(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(3)))
	a, b := h.mustBook("waerme"), h.mustBook("waerme")
	send := func(reference, secret string) reply {
		return h.post("/buchungen/", url.Values{"reference": {reference}, "secret": {secret}})
	}
	wrongSecret, wrongReference := send(a.Reference, b.Secret), send("B-00000-00000", a.Secret)
	wants(t, "wrong secret", wrongSecret, 422, "passen nicht zusammen")
	if strings.ReplaceAll(wrongSecret.body, a.Reference, "X") != strings.ReplaceAll(wrongReference.body, "B-00000-00000", "X") || wrongReference.status != 422 {
		t.Errorf("the answers differ:\n%s\n%s", wrongSecret.body, wrongReference.body)
	}
	wants(t, "nothing", send("", ""), 422, `href="#f-reference"`, `href="#f-secret"`)

	h.s.Pause = 80 * time.Millisecond
	begin := time.Now()
	send("B-00000-00001", a.Secret)
	if took := time.Since(begin); took < h.s.Pause {
		t.Errorf("a wrong pair was answered after %s", took)
	}
}

func TestGuessingIsLimited(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(3)))
	a := h.mustBook("waerme")
	send := func(reference, secret string) int {
		return h.post("/buchungen/", url.Values{"reference": {reference}, "secret": {secret}}).status
	}
	var got []int
	for range 6 {
		got = append(got, send(a.Reference, "0000-0000-0000-0000"))
	}
	if fmt.Sprint(got) != "[422 422 422 422 422 429]" {
		t.Errorf("one reference: %v", got)
	}
	if s := send(a.Reference, a.Secret); s != 429 {
		t.Errorf("the right secret passed the limit: %d", s)
	}
	got = nil
	for i := range 4 {
		got = append(got, send(fmt.Sprintf("B-00000-0000%d", i), "x"))
	}
	if fmt.Sprint(got) != "[422 422 422 429]" { // ten in all from one address
		t.Errorf("one address: %v", got)
	}
	h.p.Now = func() time.Time { return basetest.Start.Add(2 * time.Minute) }
	if s := send(a.Reference, a.Secret); s != 303 {
		t.Errorf("after a while: %d", s)
	}
}

func TestOnlyTheCounterSeesNames(t *testing.T) {
	for role, want := range map[string]int{base.Counter: 200, base.Admin: 200, base.Editor: 403, base.Publisher: 403, base.Planner: 403, base.Moderator: 403, "": 303} {
		t.Run("as "+role, func(t *testing.T) {
			p := basetest.New(t, Words)
			s := New(p)
			h := house{}
			if role == "" {
				h = serve(t, p, s)
			} else {
				h = serve(t, p, s, basetest.SignedIn(t, p, role))
			}
			h.publish(lecture("waerme", room(10)))
			a := h.mustBook("waerme")
			list := h.send("GET", "/schalter/veranstaltungen/", "", "")
			names := h.send("GET", "/schalter/veranstaltungen/waerme/", "", "")
			if list.status != want || names.status != want {
				t.Fatalf("list %d, participants %d, want %d", list.status, names.status, want)
			}
			if want != 200 {
				if strings.Contains(names.body, "Ada") {
					t.Error("names are shown")
				}
				return
			}
			wants(t, "list", list, 200, "Wärme für Kassel", "1 von 10 vergeben")
			if strings.Contains(list.body, "Ada") {
				t.Error("the list shows names")
			}
			wants(t, "participants", names, 200, "Ada Lovelace", "ada@example.org", a.Reference, "1 Buchungen, 1 Plätze")
			if names.header.Get("Cache-Control") != "no-store" {
				t.Error("the names may be cached")
			}
			if r := h.send("GET", "/schalter/veranstaltungen/unbekannt/", "", ""); r.status != http.StatusNotFound {
				t.Errorf("unknown event: %d", r.status)
			}
		})
	}
}
