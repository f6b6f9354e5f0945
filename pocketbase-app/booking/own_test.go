package booking

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"
)

// guestOf is a booked and confirmed guest who opened the link of the mail.
type guestOf struct {
	house
	reference, link, cookie string
	mail                    hooks.Mail
}

var personalLink = regexp.MustCompile(`http://service-point\.test(?:/en|/ls)?(/buchungen/l/[0-9A-Z]+/)`)

// guest books places by the API, and opens the link of the confirmation.
func (h house) guest(slug, body string) guestOf {
	h.t.Helper()
	r := h.book(slug, base.NewToken(), body)
	if r.status != 201 {
		h.t.Fatalf("%d %s", r.status, r.body)
	}
	g := guestOf{house: h, reference: r.answer(h.t).Reference}
	h.settle(g.reference, hooks.Done)
	g.open(h.mails(g.reference)[0])
	return g
}

// open opens the link of a mail.
func (g *guestOf) open(m hooks.Mail) {
	g.t.Helper()
	g.mail = m
	found := personalLink.FindStringSubmatch(m.Text)
	if found == nil {
		g.t.Fatalf("no link in\n%s", m.Text)
	}
	g.link = found[1]
	r := g.send("GET", g.link, "", "")
	if r.status != 303 || r.header.Get("Location") != "/buchungen/ansicht/" {
		g.t.Fatalf("%s: %d %s", g.link, r.status, r.header.Get("Location"))
	}
	g.cookie = cookieOf(g.t, r)
}

func (g *guestOf) get(path string) reply { return g.send("GET", path, "", "", "Cookie", g.cookie) }
func (g *guestOf) sends(path string, values url.Values) reply {
	return g.post(path, values, "Cookie", g.cookie)
}

func TestTheLinkOfTheMailOpensTheBookingAndStandsNowhereElse(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(10)))
	g := h.guest("waerme", `{"name":"Ada Lovelace","email":"ada@example.org","places":2}`)
	secret := strings.Split(g.link, "/")[3]
	if len(secret)*5 < 128 {
		t.Errorf("%d bits", len(secret)*5)
	}
	r := h.send("GET", g.link, "", "")
	if r.header.Get("Referrer-Policy") != "no-referrer" || r.header.Get("Cache-Control") != "no-store" || strings.Contains(r.header.Get("Location")+r.body+g.cookie, secret) {
		t.Errorf("the secret goes on: %v %s", r.header, r.body)
	}
	for _, page := range []string{"ansicht/", "bestaetigung/", "karten/", "aendern/", "umbuchen/", "weitergeben/", "stornieren/"} {
		one := g.get("/buchungen/" + page)
		if one.status != 200 || strings.Contains(one.body, secret) {
			t.Errorf("%s: %d, or it shows the link's secret", page, one.status)
		}
		if other := h.send("GET", "/buchungen/"+page, "", ""); other.status != 303 || other.header.Get("Location") != "/buchungen/" {
			t.Errorf("%s without the cookie: %d %s", page, other.status, other.body)
		}
	}
	if r := h.send("GET", g.link+"absagen/", "", ""); r.header.Get("Location") != "/buchungen/stornieren/" || h.state(g.reference) != Confirmed {
		t.Errorf("the cancelling link: %d %s, state %s", r.status, r.header, h.state(g.reference))
	}
	stored := h.number(`SELECT count(*) FROM claims WHERE link_hash = {:s} OR secret_hash = {:s} OR reference = {:s}`, "s", secret)
	if stored != 0 {
		t.Error("the secret is stored as it is")
	}
	for _, wrong := range []string{strings.Repeat("0", 32), secret[1:], strings.ToLower(secret), "%2e%2e"} {
		if r := h.send("GET", "/buchungen/l/"+wrong+"/", "", ""); r.status != 303 || r.header.Get("Location") != "/buchungen/" || r.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", wrong, r.status, r.header)
		}
	}
}

func TestTheMailSpeaksGermanTooAndBringsTheTickets(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(10)))
	r := h.send("POST", "/api/v1/events/waerme/bookings", "application/json", `{"name":"Ada","email":"ada@example.org"}`, "Idempotency-Key", "key-in-english", "Accept-Language", "en")
	a := r.answer(t)
	h.settle(a.Reference, hooks.Done)
	m := h.mails(a.Reference)[0]
	if !strings.Contains(m.Text, "Your booking is confirmed") || !strings.Contains(m.German, "Ihre Buchung ist bestätigt") {
		t.Errorf("text\n%s\nGerman\n%s", m.Text, m.German)
	}
	if len(m.Attachments) != 1 || m.Attachments[0].Made != ticketsOf+a.Reference {
		t.Fatalf("attachments %+v", m.Attachments)
	}
	file, err := h.s.MakeFile(t.Context(), m.Attachments[0].Made)
	if err != nil || !bytes.HasPrefix(file, []byte("%PDF-")) {
		t.Errorf("%v %.20q", err, file)
	}
	h.mustDo(Cancel, a.Reference)
	if file, err := h.s.MakeFile(t.Context(), m.Attachments[0].Made); err != nil || file != nil {
		t.Errorf("tickets of a cancelled booking: %v, %d bytes", err, len(file))
	}
	if _, err := h.s.MakeFile(t.Context(), "letters:1"); err == nil {
		t.Error("a file of nothing")
	}
}

func TestHoldersChangeGiveBackHandOnAndMove(t *testing.T) {
	h := open(t)
	first, second := lecture("erster", room(10)), lecture("zweiter", room(10))
	first.Series, second.Series = "Wärme", "Wärme"
	second.Start, second.End = second.Start.AddDate(0, 0, 7), second.End.AddDate(0, 0, 7)
	h.publish(first)
	h.publish(second)
	g := h.guest("erster", `{"name":"Ada Lovelace","email":"ada@example.org","places":3}`)

	bad := g.sends("/buchungen/aendern/", url.Values{"name-1": {strings.Repeat("x", 200)}, "name-2": {"Grace"}})
	wants(t, "a name too long", bad, 422, `id="f-name-1"`, `value="Grace"`)
	if r := g.sends("/buchungen/aendern/", url.Values{"name-1": {"Ada"}, "name-2": {"Grace"}}); r.status != 303 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	wants(t, "names", g.get("/buchungen/ansicht/"), 200, "Grace", `href="/buchungen/umbuchen/"`)
	tickets := g.get("/buchungen/karten/")
	wants(t, "tickets", tickets, 200, "<svg", "Grace")
	if pdf := g.get("/buchungen/karten/eintrittskarten.pdf"); pdf.status != 200 || !strings.HasPrefix(pdf.body, "%PDF-") || pdf.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the file: %d %.10q", pdf.status, pdf.body)
	}

	wants(t, "nothing chosen", g.sends("/buchungen/stornieren/", url.Values{"art": {"teil"}}), 422, "e-platz")
	if r := g.sends("/buchungen/stornieren/", url.Values{"art": {"teil"}, "platz": {"3"}}); r.status != 303 || h.taken("erster", "saal") != 2 {
		t.Errorf("one of three given back: %d, %d taken", r.status, h.taken("erster", "saal"))
	}
	wants(t, "no date", g.sends("/buchungen/umbuchen/", url.Values{}), 422, "e-termin")
	wants(t, "other dates", g.get("/buchungen/umbuchen/"), 200, `value="zweiter"`)
	if r := g.sends("/buchungen/umbuchen/", url.Values{"termin": {"zweiter"}}); r.status != 303 || h.taken("erster", "saal") != 0 || h.taken("zweiter", "saal") != 2 {
		t.Errorf("moved: %d %s", r.status, r.body)
	}
	h.audit()

	wants(t, "no address", g.sends("/buchungen/weitergeben/", url.Values{"name": {"Grace Hopper"}, "email": {"nowhere"}}), 422, `value="Grace Hopper"`)
	wants(t, "handed on", g.sends("/buchungen/weitergeben/", url.Values{"name": {"Grace Hopper"}, "email": {"grace@example.org"}}), 200)
	if r := h.send("GET", g.link, "", ""); r.header.Get("Location") != "/buchungen/" {
		t.Errorf("the old link leads to %s", r.header.Get("Location"))
	}
	mails := h.mails(g.reference)
	var to []string
	for _, m := range mails {
		to = append(to, m.To)
	}
	if last := mails[len(mails)-2:]; !strings.Contains(strings.Join(to[len(to)-2:], " "), "grace@example.org") || !strings.Contains(strings.Join(to[len(to)-2:], " "), "ada@example.org") {
		t.Errorf("mails went to %v (%d)", to, len(last))
	}
}

func TestTheWaitingListByPages(t *testing.T) {
	h := open(t)
	h.publish(waitingEvent("voll", room(1)))
	g := h.guest("voll", `{"name":"Ada","email":"ada@example.org"}`)
	page := h.send("GET", "/veranstaltungen/voll/buchen/", "", "")
	wants(t, "a full event", page, 200, `name="warteliste" value="1"`)
	key := hiddenKey.FindStringSubmatch(page.body)[1]
	r := h.post("/veranstaltungen/voll/buchen/", url.Values{"key": {key}, "name": {"Grace"}, "email": {"grace@example.org"}, "places": {"1"}, "pool": {"saal"}, "warteliste": {"1"}})
	if r.status != 303 || r.header.Get("Location") != "/buchungen/ansicht/" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	waits := guestOf{house: h, cookie: cookieOf(t, r)}
	waits.reference = strings.TrimPrefix(strings.SplitN(waits.cookie, ".", 2)[0], ticketName+"=")
	h.want(waits.reference, "waiting active")
	wants(t, "waiting", waits.get("/buchungen/ansicht/"), 200, "Warteliste")

	if r := g.sends("/buchungen/stornieren/", url.Values{"art": {"alles"}}); r.status != 303 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	h.want(waits.reference, "offer active")
	wants(t, "an offer", waits.get("/buchungen/ansicht/"), 200, `name="antwort" value="ja"`, `name="antwort" value="nein"`)
	wants(t, "neither", waits.sends("/buchungen/angebot/", url.Values{"antwort": {"vielleicht"}}), 400)
	if r := waits.sends("/buchungen/angebot/", url.Values{"antwort": {"ja"}}); r.status != 303 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	h.want(waits.reference, "booking active")
	h.audit()
}

func TestTheCookieOfOneBookingOpensNoOther(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(10)))
	a := h.guest("waerme", `{"name":"Ada","email":"ada@example.org"}`)
	b := h.guest("waerme", `{"name":"Grace","email":"grace@example.org"}`)
	parts := strings.SplitN(a.cookie, ".", 2)
	forged := ticketName + "=" + b.reference + "." + parts[1]
	for _, path := range []string{"/buchungen/ansicht/", "/buchungen/karten/", "/buchungen/karten/eintrittskarten.pdf", "/buchungen/aendern/"} {
		if r := h.send("GET", path, "", "", "Cookie", forged); r.status != http.StatusSeeOther {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	if r := h.post("/buchungen/stornieren/", url.Values{"art": {"alles"}}, "Cookie", forged); h.state(b.reference) != Confirmed {
		t.Errorf("cancelled by a stranger: %d", r.status)
	}
}

// TestQuestionsOfEveryPersonAreAskedWhileThePlacesAreHeld walks through all steps of
// an event that asks something, and lets the hold run out on the way.
func TestQuestionsOfEveryPersonAreAskedWhileThePlacesAreHeld(t *testing.T) {
	h := open(t)
	ev := lecture("kochen", room(10))
	q := survey.Questionnaire{Languages: []string{"de"}, Pages: []survey.Page{{Code: "p", Items: []survey.Item{
		{Code: "food", Type: survey.SingleChoice, Required: true, Text: content.Text{"de": "Was essen Sie?"}, Options: []survey.Option{
			{Code: "vegan", Text: content.Text{"de": "Vegan"}}, {Code: "all", Text: content.Text{"de": "Alles"}}}},
		{Code: "note", Type: survey.ShortText, Text: content.Text{"de": "Unverträglichkeiten"}},
	}}}}
	var err error
	if ev.Booking.Questions, err = json.Marshal(q); err != nil {
		t.Fatal(err)
	}
	h.publish(ev)
	r := h.post("/veranstaltungen/kochen/buchen/", url.Values{"key": {h.key("/veranstaltungen/kochen/buchen/")}, "name": {"Ada"}, "email": {"ada@example.org"}, "places": {"2"}, "pool": {"saal"}})
	if r.status != 303 || r.header.Get("Location") != "/buchungen/angaben/" || h.taken("kochen", "saal") != 2 {
		t.Fatalf("%d %s", r.status, r.header.Get("Location"))
	}
	g := guestOf{house: h, cookie: cookieOf(t, r)}
	g.reference = strings.TrimPrefix(strings.SplitN(g.cookie, ".", 2)[0], ticketName+"=")
	wants(t, "the questions", g.get("/buchungen/angaben/"), 200, "Was essen Sie?", `name="q-1-food"`, `name="q-2-note"`, `value="Ada"`)
	typed := url.Values{"name-1": {"Ada"}, "name-2": {"Grace"}, "q-1-food": {"vegan"}, "q-2-note": {"Nüsse"}, "schritt": {"pruefen"}}
	wants(t, "one answer missing", g.sends("/buchungen/angaben/", typed), 422, `id="e-q-2-food"`, `value="Nüsse"`, `value="Grace"`)
	typed.Set("q-2-food", "all")
	wants(t, "the review", g.sends("/buchungen/angaben/", typed), 200, "Vegan", "Nüsse", `value="buchen"`)
	wants(t, "back to the questions", g.sends("/buchungen/angaben/", with(typed, "schritt", "aendern")), 200, `value="Nüsse"`)

	late := h.p.Now().Add(16 * time.Minute)
	h.clock(late)
	expires := late.Add(ticketLife).Unix() // somebody who looked at the page in between
	g.cookie = fmt.Sprintf("%s=%s.%d.%s", ticketName, g.reference, expires, h.s.ticketMAC(g.reference, expires))
	wants(t, "extended too late", g.sends("/buchungen/angaben/", with(typed, "schritt", "verlaengern")), 200, "notice-warning", `value="Nüsse"`)
	if r := g.sends("/buchungen/angaben/", with(typed, "schritt", "buchen")); r.status != 303 || r.header.Get("Location") != "/buchungen/bestaetigung/" {
		t.Fatalf("confirmed after the hold ran out, the places being free: %d %s", r.status, r.body)
	}
	if again := g.sends("/buchungen/angaben/", with(typed, "schritt", "buchen")); again.status != 303 {
		t.Errorf("sent twice: %d", again.status)
	}
	if n := h.number(`SELECT count(*) FROM tickets WHERE reference = {:r} AND json_extract(answers, '$.food') IN ('vegan', 'all')`, "r", g.reference); n != 2 {
		t.Errorf("%d answers kept", n)
	}
	h.audit()
}

func with(form url.Values, field, value string) url.Values {
	out := url.Values{}
	for k, v := range form {
		out[k] = v
	}
	out.Set(field, value)
	return out
}

// TestPricesAreChosenPersonByPerson books two places at different prices, reads the sum on
// every page and in the mail, and tries a price that the event does not have.
func TestPricesAreChosenPersonByPerson(t *testing.T) {
	h := open(t)
	ev := lecture("tour", room(10))
	ev.Free, ev.Room, ev.Place, ev.Stream = false, "Bühne", "Event Lounge", "https://stream.example/geheim"
	ev.Prices = []content.Price{{Code: "normal", Label: content.Text{"de": "Erwachsene"}, Cents: 550}, {Code: "child", Label: content.Text{"de": "Kinder"}, Cents: 200}}
	h.publish(ev)
	if page := h.send("GET", "/veranstaltungen/tour/buchen/", "", "").body; !strings.Contains(page, "Erwachsene, 5,50 Euro") {
		t.Error("the form says no prices")
	}
	r := h.post("/veranstaltungen/tour/buchen/", url.Values{"key": {h.key("/veranstaltungen/tour/buchen/")}, "name": {"Ada"}, "email": {"ada@example.org"}, "places": {"2"}})
	if r.status != 303 || r.header.Get("Location") != "/buchungen/angaben/" {
		t.Fatalf("%d to %s: %s", r.status, r.header.Get("Location"), r.body)
	}
	g := guestOf{house: h, cookie: cookieOf(t, r)}
	if r := g.sends("/buchungen/angaben/", url.Values{"schritt": {"pruefen"}, "preis-1": {"normal"}, "preis-2": {"gratis"}}); r.status != 422 || !strings.Contains(r.body, `id="e-preis-2"`) {
		t.Errorf("a price that there is not: %d, no error at its field", r.status)
	}
	chosen := url.Values{"schritt": {"pruefen"}, "preis-1": {"normal"}, "preis-2": {"child"}}
	if page := g.sends("/buchungen/angaben/", chosen).body; !strings.Contains(page, "7,50 Euro") || !strings.Contains(page, "Kinder, 2 Euro") || !strings.Contains(page, `name="preis-2" value="child"`) {
		t.Errorf("the review: %s", page)
	}
	chosen.Set("schritt", "buchen")
	if r := g.sends("/buchungen/angaben/", chosen); r.status != 303 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	page := g.get("/buchungen/ansicht/").body
	if strings.Contains(page, ev.Stream) {
		t.Error("the stream is shown before the booking is confirmed")
	}
	g.reference = regexp.MustCompile(`B-[0-9A-Z]{5}-[0-9A-Z]{5}`).FindString(page)
	h.settle(g.reference, hooks.Done)
	page = g.get("/buchungen/ansicht/").body
	for _, want := range []string{"7,50 Euro", "Erwachsene, 5,50 Euro", "Kinder, 2 Euro", "Bühne, Event Lounge", ev.Stream} {
		if !strings.Contains(page, want) {
			t.Errorf("the booking does not say %q", want)
		}
	}
	if strings.Contains(page, "/buchungen/umbuchen/") {
		t.Error("the page leads to other dates of an event that has none")
	}
	if m := h.mails(g.reference)[0]; !strings.Contains(m.Text, "Zusammen: 7,50 Euro") || strings.Contains(m.Text, ev.Stream) {
		t.Errorf("the mail: %s", m.Text)
	}
	if n := h.number(`SELECT sum(price_cents) FROM tickets`); n != 750 {
		t.Errorf("%d cents are kept", n)
	}
	// Whoever has not booked, or not any more, sees no stream.
	for _, public := range []string{"/veranstaltungen/tour/buchen/", "/api/v1/events/tour", "/api/v1/events"} {
		if strings.Contains(h.send("GET", public, "", "").body, "stream.example") {
			t.Errorf("%s shows the stream", public)
		}
	}
	h.mustDo(Cancel, g.reference)
	if strings.Contains(g.get("/buchungen/ansicht/").body, ev.Stream) {
		t.Error("the stream is shown after a cancellation")
	}
	// By the API: the first category, or one for all places; none that there is not.
	for body, want := range map[string]int{`{"name":"B","email":"b@example.org","places":2}`: 1100, `{"name":"B","email":"b@example.org","places":3,"category":"child"}`: 600, `{"name":"B","email":"b@example.org","category":"gratis"}`: -1} {
		r := h.book("tour", base.NewToken(), body)
		if want < 0 {
			if r.status != 422 || !strings.Contains(r.body, `"#/category"`) {
				t.Errorf("%s: %d %s", body, r.status, r.body)
			}
			continue
		}
		if n := h.number(`SELECT sum(price_cents) FROM tickets WHERE reference = {:r}`, "r", r.answer(t).Reference); n != want {
			t.Errorf("%s: %d cents, want %d", body, n, want)
		}
	}
}

// TestEditorsQuestionsAreAskedShownAndCounted asks what an editor wrote in the form of an
// event: guests read it in their language, the counter reads the answers, editors only how many.
func TestEditorsQuestionsAreAskedShownAndCounted(t *testing.T) {
	h := staffed(t, base.Admin) // who may open both pages
	ev := lecture("essen", room(10))
	ev.Booking.Ask = []content.Asked{
		{Code: "essen", Type: content.AskedChoice, Required: true, Label: content.Text{"de": "Was essen Sie?", "en": "What do you eat?"}, Options: content.Text{"de": "Vegan\nMit Fleisch\n", "en": "Vegan food\nWith meat"}},
		{Code: "hilfe", Type: content.AskedYesNo, Label: content.Text{"de": "Brauchen Sie Hilfe?"}},
		{Code: "notiz", Label: content.Text{"de": "Unverträglich"}},
	}
	if p := ev.Check(); len(p) > 0 {
		t.Fatal(p)
	}
	h.publish(ev)
	r := h.post("/en/veranstaltungen/essen/buchen/", url.Values{"key": {h.key("/en/veranstaltungen/essen/buchen/")}, "name": {"Ada"}, "email": {"ada@example.org"}, "places": {"2"}})
	if r.status != 303 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	g := guestOf{house: h, cookie: cookieOf(t, r)}
	wants(t, "the questions", g.get("/en/buchungen/angaben/"), 200, "What do you eat?", "With meat", "Brauchen Sie Hilfe?")
	typed := url.Values{"name-1": {"Ada"}, "name-2": {"Grace"}, "q-1-essen": {"vegan"}, "q-2-essen": {"fisch"}, "q-1-notiz": {"Nüsse"}, "q-2-hilfe": {"yes"}, "schritt": {"pruefen"}}
	wants(t, "an option that there is not", g.sends("/en/buchungen/angaben/", typed), 422, `id="e-q-2-essen"`)
	typed.Set("q-2-essen", "mit-fleisch")
	wants(t, "the review", g.sends("/en/buchungen/angaben/", typed), 200, "Vegan food", "With meat", "Nüsse")
	typed.Set("schritt", "buchen")
	if r := g.sends("/en/buchungen/angaben/", typed); r.status != 303 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	wants(t, "the counter", h.send("GET", "/schalter/veranstaltungen/essen/", "", ""), 200, "Ada; Was essen Sie?: Vegan; Unverträglich: Nüsse", "Grace; Was essen Sie?: Mit Fleisch; Brauchen Sie Hilfe?: Ja", "Was essen Sie? Vegan: 1")
	page := h.send("GET", "/redaktion/veranstaltungen/essen/buchungen/", "", "")
	wants(t, "the editor", page, 200, "Was essen Sie? Mit Fleisch: 1", "Brauchen Sie Hilfe? Ja: 1")
	for _, private := range []string{"Ada", "Grace", "Nüsse"} {
		if strings.Contains(page.body, private) {
			t.Errorf("the editor reads %q", private)
		}
	}
}
