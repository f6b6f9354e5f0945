package tours_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"servicepoint/hooks"
	"servicepoint/hooks/faults"
	"servicepoint/hooks/hookstest"
	"servicepoint/hooks/octo"
	"servicepoint/hooks/octo/simulate"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/tours"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const termin = "2026-12-05T11:00:00+01:00"

// box is the matter with a seller behind a line, and a visitor.
type box struct {
	t      *testing.T
	p      *base.Platform
	s      *tours.Tours
	seller *simulate.Seller
	line   *faults.Line
	octo   *octo.Provider
	client *http.Client
	url    string
	now    atomic.Int64
	mode   string
}

func open(t *testing.T) *box {
	b := &box{t: t, p: basetest.New(t, tours.Words), seller: simulate.New(), mode: "simulated"}
	b.now.Store(basetest.Start.UnixNano())
	b.p.Now = func() time.Time { return time.Unix(0, b.now.Load()).UTC() }
	b.seller.Clock = b.p.Now
	line, address := hookstest.Serve(t, b.seller)
	b.line = line
	b.octo = &octo.Provider{Clock: b.p.Now, Settings: func() (octo.Settings, error) { return octo.Settings{Address: address}, nil }}
	b.s = tours.New(b.p)
	b.s.Seller, b.s.Provider, b.s.Mode, b.s.Patience = b.octo, "octo", func() string { return b.mode }, time.Millisecond
	srv, client := basetest.Serve(t, b.p, b.s.Bind)
	client.Jar, _ = cookiejar.New(nil)
	b.client, b.url = client, srv.URL
	return b
}

func (b *box) pass(d time.Duration) { b.now.Add(int64(d)) }

func (b *box) ask(method, path string, form url.Values) (int, string, string) {
	b.t.Helper()
	req, _ := http.NewRequest(method, b.url+path, strings.NewReader(form.Encode()))
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if strings.Contains(string(body), "tours.") {
		b.t.Errorf("%s %s: words are missing: %s", method, path, regexp.MustCompile(`tours\.[a-z_.]+`).FindString(string(body)))
	}
	return res.StatusCode, res.Header.Get("Location"), string(body)
}

func (b *box) want(what string, status int, body string, words ...string) {
	b.t.Helper()
	for _, w := range words {
		if !strings.Contains(body, w) {
			b.t.Errorf("%s (%d) lacks %q:\n%s", what, status, w, body)
		}
	}
}

// work does the orders that wait, as the dispatcher does; a fault ends it. outcome
// replaces what the provider says.
func (b *box) work(outcome ...hooks.State) {
	b.t.Helper()
	for {
		var o struct {
			ID       int64  `db:"id"`
			Key      string `db:"key"`
			Provider string `db:"provider"`
			Kind     string `db:"kind"`
			Subject  string `db:"subject"`
			Payload  string `db:"payload"`
		}
		err := b.p.App.DB().NewQuery(`SELECT id, key, provider, kind, subject, payload FROM orders WHERE state IN ('waiting', 'unknown') AND provider = 'octo' ORDER BY id LIMIT 1`).One(&o)
		if base.IsNoRows(err) {
			return
		}
		if err != nil {
			b.t.Fatal(err)
		}
		order := hooks.Order{ID: o.ID, Key: o.Key, Provider: o.Provider, Kind: o.Kind, Subject: o.Subject, Payload: json.RawMessage(o.Payload)}
		var r hooks.Result
		state := hooks.Done
		if len(outcome) > 0 {
			state = outcome[0]
		} else if r, err = b.octo.Submit(context.Background(), order); errors.Is(err, hooks.ErrRejected) {
			state = hooks.Rejected
		} else if err != nil {
			return
		}
		err = b.p.App.RunInTransaction(func(tx core.App) error {
			if _, err := tx.DB().NewQuery(`UPDATE orders SET state = {:s} WHERE id = {:id}`).Bind(dbx.Params{"s": state, "id": o.ID}).Execute(); err != nil {
				return err
			}
			return b.s.Settle(tx, order, state, r)
		})
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

// mails that wait, by the end of their keys.
func (b *box) mails() map[string]hooks.Mail {
	b.t.Helper()
	var rows []struct {
		Key     string `db:"key"`
		Kind    string `db:"kind"`
		Payload string `db:"payload"`
	}
	if err := b.p.App.DB().NewQuery(`SELECT key, kind, payload FROM orders WHERE provider = 'mail'`).All(&rows); err != nil {
		b.t.Fatal(err)
	}
	all := map[string]hooks.Mail{}
	for _, r := range rows {
		payload, err := b.p.OpenPayload(r.Kind, r.Key, []byte(r.Payload))
		if err != nil {
			b.t.Fatal(err)
		}
		var m hooks.Mail
		if err := json.Unmarshal(payload, &m); err != nil {
			b.t.Fatal(err)
		}
		all[r.Key[strings.LastIndex(r.Key, ":")+1:]] = m
	}
	return all
}

func (b *box) count(query string) (n int) {
	b.t.Helper()
	if err := b.p.App.DB().NewQuery(query).Row(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

var keyField = regexp.MustCompile(`name="key" value="([0-9A-Z]{32})"`)

func (b *box) units() url.Values {
	b.t.Helper()
	status, _, body := b.ask("GET", "/fuehrungen/sim-altstadt/buchen/?"+url.Values{"termin": {termin}}.Encode(), nil)
	m := keyField.FindStringSubmatch(body)
	if status != 200 || m == nil {
		b.t.Fatalf("%d %s", status, body)
	}
	return url.Values{"key": {m[1]}, "termin": {termin}, "anzahl_0": {"2"}, "anzahl_2": {"1"}}
}

func (b *box) hold() {
	b.t.Helper()
	if status, to, body := b.ask("POST", "/fuehrungen/sim-altstadt/buchen/", b.units()); status != 303 || to != "/fuehrungen/buchung/" {
		b.t.Fatalf("%d %s %s", status, to, body)
	}
}

var contact = url.Values{"name": {"Erika Mustermann"}, "email": {"erika@example.org"}}

func TestAJourney(t *testing.T) {
	b := open(t)
	status, _, body := b.ask("GET", "/fuehrungen/", nil)
	b.want("list", status, body, "Altstadtrundgang", "Simulation", "90 Minuten", "ab 5,00\u00a0€")
	status, _, body = b.ask("GET", "/fuehrungen/sim-altstadt/", nil)
	b.want("tour", status, body, "Samstag, 5. Dezember 2026", "11:00 Uhr", "20 frei", "12,00\u00a0€")
	b.hold()
	status, _, body = b.ask("GET", "/fuehrungen/buchung/", nil)
	b.want("before the partner answers", status, body, "Wir reservieren die Plätze", "Stand aktualisieren")
	b.pass(30 * time.Second)
	_, _, body = b.ask("GET", "/fuehrungen/buchung/", nil)
	b.want("slow", status, body, "Der Partner antwortet gerade nicht")
	b.work()
	status, _, body = b.ask("GET", "/fuehrungen/buchung/", nil)
	b.want("held", status, body, "bis 12:30 Uhr", "29,00\u00a0€", `name="email"`)

	wrong := url.Values{"name": {"Erika"}, "email": {"erika"}, "phone": {"<b>"}}
	status, _, body = b.ask("POST", "/fuehrungen/buchung/", wrong)
	if status != 422 {
		t.Errorf("%d", status)
	}
	b.want("wrong contact", status, body, `href="#f-email"`, `href="#f-phone"`, `value="Erika"`, "&lt;b&gt;")
	if status, to, _ := b.ask("POST", "/fuehrungen/buchung/", contact); status != 303 || to != "/fuehrungen/buchung/" {
		t.Fatalf("%d %s", status, to)
	}
	_, _, body = b.ask("GET", "/fuehrungen/buchung/", nil)
	b.want("under way", 200, body, "wird an den Partner übermittelt")
	if len(b.mails()) != 0 {
		t.Error("a mail before the partner confirmed")
	}
	b.work()
	_, _, body = b.ask("GET", "/fuehrungen/buchung/", nil)
	b.want("confirmed", 200, body, "Ihre Buchung ist bestätigt", "SIM-", "<svg", "Kostenlos zu stornieren bis Freitag, 4. Dezember 2026, 11:00 Uhr")
	m := b.mails()["confirmed"]
	b.want("mail", 200, m.Text+m.Calendar+m.Method, "SIM-", "Altstadtrundgang", "REQUEST", "BEGIN:VEVENT", "Simulation")
	if n := b.seller.Confirmed(""); n != 1 {
		t.Errorf("%d confirmed at the partner", n)
	}

	// The link of the mail opens the booking in another browser, a guess does not.
	b.client.Jar, _ = cookiejar.New(nil)
	if _, to, _ := b.ask("GET", "/fuehrungen/buchung/", nil); to != "/fuehrungen/" {
		t.Errorf("without a ticket: %s", to)
	}
	link := strings.TrimPrefix(m.Button.URL, b.p.Origin)
	if status, _, _ := b.ask("GET", link[:len(link)-2]+"a/", nil); status != 404 {
		t.Errorf("a guess: %d", status)
	}
	if status, to, _ := b.ask("GET", link, nil); status != 303 || to != "/fuehrungen/buchung/" {
		t.Errorf("link: %d %s", status, to)
	}
	_, _, body = b.ask("GET", "/fuehrungen/buchung/stornieren/", nil)
	b.want("ask", 200, body, "wirklich stornieren")
	b.ask("POST", "/fuehrungen/buchung/stornieren/", url.Values{})
	b.work()
	_, _, body = b.ask("GET", "/fuehrungen/buchung/", nil)
	b.want("cancelled", 200, body, "Storniert")
	if c := b.mails()["cancelled"]; c.Method != "CANCEL" || !strings.Contains(c.Calendar, "SEQUENCE:1") || strings.Contains(c.Text, "SIM-") {
		t.Errorf("%+v", c)
	}
}

func TestOtherLanguages(t *testing.T) {
	b := open(t)
	for path, words := range map[string]string{"/en/fuehrungen/": "Old town walk", "/ls/fuehrungen/": "Hier können Sie eine Führung buchen", "/en/fuehrungen/sim-altstadt/": "Saturday, 5 December 2026"} {
		status, _, body := b.ask("GET", path, nil)
		if status != 200 || !strings.Contains(body, words) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

func TestWhatIsWrongWithUnitsIsSaid(t *testing.T) {
	b := open(t)
	for _, c := range []struct{ field, value string }{{"anzahl_0", "zwei"}, {"anzahl_0", "-1"}, {"anzahl_0", "11"}, {"anzahl_0", "0"}, {"anzahl_0", "999999999999999999999"}, {"anzahl_1", "1.5"}} {
		form := b.units()
		form.Del("anzahl_2")
		form.Set(c.field, c.value)
		status, _, body := b.ask("POST", "/fuehrungen/sim-altstadt/buchen/", form)
		if status != 422 || !strings.Contains(body, `href="#f-`+c.field+`"`) || !strings.Contains(body, `value="`+c.value+`"`) {
			t.Errorf("%v: %d %s", c, status, body)
		}
	}
	for what, c := range map[string]struct {
		path, termin string
		want         int
	}{
		"no such tour": {"/fuehrungen/sim-nichts/buchen/", termin, 404}, "no such time": {"/fuehrungen/sim-altstadt/buchen/", "2026-12-05T12:34:00+01:00", 409},
		"no time": {"/fuehrungen/sim-altstadt/buchen/", "", 409},
	} {
		form := b.units()
		form.Set("termin", c.termin)
		if status, _, _ := b.ask("POST", c.path, form); status != c.want {
			t.Errorf("%s: %d", what, status)
		}
	}
	if n := b.count(`SELECT count(*) FROM orders`); n != 0 {
		t.Errorf("%d orders", n)
	}
}

func TestTheSameFormTwiceIsOneOrder(t *testing.T) {
	b := open(t)
	form := b.units()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if status, _, _ := b.ask("POST", "/fuehrungen/sim-altstadt/buchen/", form); status != 303 {
				t.Errorf("%d", status)
			}
		})
	}
	wg.Wait()
	if n := b.count(`SELECT count(*) FROM orders`); n != 1 {
		t.Errorf("%d orders", n)
	}
	form.Set("anzahl_0", "3")
	if status, _, body := b.ask("POST", "/fuehrungen/sim-altstadt/buchen/", form); status != 409 || !strings.Contains(body, `value="3"`) {
		t.Errorf("changed and sent again: %d", status)
	}
	other := b.units()
	b.ask("POST", "/fuehrungen/sim-altstadt/buchen/", other)
	if n := b.count(`SELECT count(*) FROM orders`); n != 2 {
		t.Errorf("the control: %d orders", n)
	}
}

// A line that breaks behind the partner's commit makes no second booking.
func TestCutLinesDoubleNothing(t *testing.T) {
	b := open(t)
	b.hold()
	for step, form := range []url.Values{nil, contact} {
		if form != nil {
			b.ask("POST", "/fuehrungen/buchung/", form)
			b.line.Next(faults.Fault{}, faults.Fault{Kind: faults.Cut}) // look, then the order itself
		} else {
			b.line.Next(faults.Fault{Kind: faults.Cut})
		}
		b.work()
		if n := b.count(`SELECT count(*) FROM orders WHERE provider = 'octo' AND state = 'done'`); n != step {
			t.Fatalf("step %d: %d done: nothing was cut", step, n)
		}
		b.work()
	}
	if n := b.seller.Confirmed(""); n != 1 || len(b.mails()) != 1 {
		t.Errorf("%d confirmed, %d mails", n, len(b.mails()))
	}
}

func TestHoldsEnd(t *testing.T) {
	b := open(t)
	b.hold()
	b.work()
	b.pass(31 * time.Minute)
	_, _, body := b.ask("GET", "/fuehrungen/buchung/", nil)
	b.want("after half an hour", 200, body, "Reservierung abgelaufen")
	b.ask("POST", "/fuehrungen/buchung/", contact)
	if n := b.count(`SELECT count(*) FROM tour_bookings WHERE email <> ''`); n != 0 {
		t.Error("the contact of an expired hold was stored")
	}
	// The partner may end it although we sent in time.
	b.hold()
	b.work()
	b.ask("POST", "/fuehrungen/buchung/", contact)
	b.seller.Expire()
	b.work()
	_, _, body = b.ask("GET", "/fuehrungen/buchung/", nil)
	b.want("too late at the partner", 200, body, "Reservierung abgelaufen")
	if m := b.mails()["expired"]; !strings.Contains(m.Text, "Nichts ist gebucht") {
		t.Errorf("%+v", b.mails())
	}
}

func TestSoldOutGivenUpAndDead(t *testing.T) {
	b := open(t)
	b.seller.Capacity = 2
	b.ask("GET", "/fuehrungen/sim-altstadt/", nil)
	form := b.units()
	form.Del("anzahl_2")
	b.ask("POST", "/fuehrungen/sim-altstadt/buchen/", form)
	b.seller.Capacity = 1 // somebody else was faster
	b.work()
	_, _, body := b.ask("GET", "/fuehrungen/buchung/", nil)
	b.want("refused", 200, body, "Keine Plätze mehr", "Nichts ist gebucht")
	b.seller.Capacity = 20
	b.pass(2 * time.Minute)

	// Given up before the partner answered: what it holds then is given back.
	b.hold()
	b.ask("POST", "/fuehrungen/buchung/stornieren/", url.Values{})
	b.work()
	if n := b.count(`SELECT count(*) FROM orders WHERE key LIKE '%:cancel' AND state = 'done'`); n != 1 {
		t.Error("the hold was not given back")
	}
	b.hold()
	b.work()
	b.ask("POST", "/fuehrungen/buchung/stornieren/", url.Values{})
	b.work()
	_, _, body = b.ask("GET", "/fuehrungen/buchung/", nil)
	b.want("a hold given back", 200, body, "Storniert")

	// A dead order is told, and its replay still counts.
	b.hold()
	b.work()
	b.ask("POST", "/fuehrungen/buchung/", contact)
	b.work(hooks.Dead)
	_, _, body = b.ask("GET", "/fuehrungen/buchung/", nil)
	b.want("dead", 200, body, "Partner nicht erreicht")
	if _, err := b.p.App.DB().NewQuery(`UPDATE orders SET state = 'waiting' WHERE state = 'dead'`).Execute(); err != nil {
		t.Fatal(err)
	}
	b.work()
	_, _, body = b.ask("GET", "/fuehrungen/buchung/", nil)
	b.want("replayed", 200, body, "Ihre Buchung ist bestätigt")
}

func TestTooLateToCancel(t *testing.T) {
	b := open(t)
	b.hold()
	b.work()
	b.ask("POST", "/fuehrungen/buchung/", contact)
	b.work()
	link := strings.TrimPrefix(b.mails()["confirmed"].Button.URL, b.p.Origin)
	b.pass(60 * time.Hour)
	b.ask("GET", link, nil)
	if status, _, _ := b.ask("POST", "/fuehrungen/buchung/stornieren/", url.Values{}); status != 409 {
		t.Errorf("%d", status)
	}
	// The partner's own clock decides in the end: a refusal is told.
	b.pass(-60 * time.Hour)
	b.ask("GET", link, nil)
	b.ask("POST", "/fuehrungen/buchung/stornieren/", url.Values{})
	b.work(hooks.Rejected)
	if m := b.mails()["kept"]; !strings.Contains(m.Text, "gilt weiter") {
		t.Errorf("%+v", b.mails())
	}
	_, _, body := b.ask("GET", "/fuehrungen/buchung/", nil)
	b.want("kept", 200, body, "lässt sich hier nicht stornieren")
}

func TestWhenThePartnerIsDownOrOff(t *testing.T) {
	b := open(t)
	b.ask("GET", "/fuehrungen/", nil)
	b.line.Always(faults.Fault{Kind: faults.Drop})
	b.pass(time.Hour)
	status, _, body := b.ask("GET", "/fuehrungen/", nil)
	b.want("down, something known", status, body, "Altstadtrundgang", "Stand: Mittwoch, 2. Dezember 2026, 12:00 Uhr")
	if status, _, _ := b.ask("GET", "/fuehrungen/sim-altstadt/", nil); status != 503 {
		t.Errorf("times that nobody knows: %d", status)
	}
	status, _, body = b.ask("GET", "/en/fuehrungen/", nil)
	if status != 503 {
		t.Errorf("down, nothing known: %d", status)
	}
	b.want("down", status, body, "Our partner does not answer right now")
	b.mode = "off"
	status, _, body = b.ask("GET", "/fuehrungen/", nil)
	b.want("off", status, body, "lassen sich hier zurzeit nicht buchen")
	if strings.Contains(body, "Altstadt") {
		t.Error("tours of a partner that is off")
	}
}

// Many visitors are one question to the partner.
func TestManyVisitorsAskOnce(t *testing.T) {
	b := open(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { b.ask("GET", "/fuehrungen/sim-altstadt/", nil) })
	}
	wg.Wait()
	if served, _ := b.line.Counts(); served != 2 {
		t.Errorf("%d questions", served)
	}
}

func TestForgetting(t *testing.T) {
	b := open(t)
	b.hold()
	b.work()
	b.ask("POST", "/fuehrungen/buchung/", contact)
	b.work()
	b.hold() // never confirmed
	b.work()
	for _, step := range []struct {
		after          time.Duration
		rows, personal int
	}{{47 * time.Hour, 2, 1}, {2 * time.Hour, 1, 1}, {29 * 24 * time.Hour, 1, 1}, {3 * 24 * time.Hour, 1, 0}, {400 * 24 * time.Hour, 0, 0}} {
		b.pass(step.after)
		for range 2 {
			if _, err := b.s.Forget(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		rows, personal := b.count(`SELECT count(*) FROM tour_bookings`), b.count(`SELECT count(*) FROM tour_bookings WHERE name <> '' OR email <> '' OR vouchers <> '[]'`)
		if rows != step.rows || personal != step.personal {
			t.Errorf("after another %s: %d rows, %d with personal data", step.after, rows, personal)
		}
	}
}
