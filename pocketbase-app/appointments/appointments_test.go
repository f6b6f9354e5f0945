package appointments

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// house is one running platform with the matter and its demo settings. Its clock
// stands at Wednesday, 2 December 2026, noon in Berlin, until a test moves it.
type house struct {
	t      testing.TB
	p      *base.Platform
	s      *Service
	url    string
	client *http.Client
	clock  *atomic.Pointer[time.Time]
}

func open(t testing.TB, more ...func(*core.ServeEvent)) house {
	t.Helper()
	p := basetest.New(t, Words)
	s := New(p)
	return serve(t, p, s, more...)
}

func serve(t testing.TB, p *base.Platform, s *Service, more ...func(*core.ServeEvent)) house {
	t.Helper()
	var clock atomic.Pointer[time.Time]
	start := basetest.Start
	clock.Store(&start)
	p.Now = func() time.Time { return *clock.Load() }
	p.App.Settings().RateLimits.Enabled = false
	p.Demo = true // the machine itself is exempt from limits per address
	if err := s.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	srv, client := basetest.Serve(t, p, append(more, s.Bind)...)
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	return house{t, p, s, srv.URL, client, &clock}
}

func (h house) at(when time.Time) { h.clock.Store(&when) }

func (h house) later(d time.Duration) { h.at(h.p.Now().Add(d)) }

type reply struct {
	status int
	header http.Header
	body   string
}

func (h house) send(method, path, cookie string, form url.Values) reply {
	h.t.Helper()
	req, err := http.NewRequest(method, h.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		h.t.Fatal(err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	res, err := h.client.Do(req)
	if err != nil {
		h.t.Error(err)
		return reply{}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Error(err)
	}
	return reply{res.StatusCode, res.Header, string(b)}
}

func (r reply) cookie() string {
	value, _, _ := strings.Cut(r.header.Get("Set-Cookie"), ";")
	return value
}

func wants(t testing.TB, what string, r reply, status int, texts ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("%s: status %d, want %d\n%.3000s", what, r.status, status, r.body)
	}
	for _, s := range texts {
		if !strings.Contains(r.body, s) {
			t.Errorf("%s: lacks %q\n%.6000s", what, s, r.body)
		}
	}
	if raw := regexp.MustCompile(`\b(staff\.)?(appointment|problem|error)\.[a-z_.]+`).FindString(r.body); raw != "" {
		t.Errorf("%s shows the key %s", what, raw)
	}
}

func (h house) number(query string, params ...any) (n int) {
	h.t.Helper()
	bind := dbx.Params{}
	for i := 0; i+1 < len(params); i += 2 {
		bind[params[i].(string)] = params[i+1]
	}
	if err := h.p.App.DB().NewQuery(query).Bind(bind).Row(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

func (h house) exec(query string) {
	h.t.Helper()
	if _, err := h.p.App.NonconcurrentDB().NewQuery(query).Execute(); err != nil {
		h.t.Fatal(err)
	}
}

// mails about an appointment, oldest first, opened.
func (h house) mails(reference string) (list []hooks.Mail) {
	h.t.Helper()
	var rows []struct{ Key, Payload string }
	err := h.p.App.DB().NewQuery(`SELECT key, payload FROM orders WHERE provider = 'mail' AND subject = {:r} ORDER BY id`).Bind(dbx.Params{"r": reference}).All(&rows)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, row := range rows {
		if strings.Contains(row.Payload, "example.org") {
			h.t.Error("the order is not sealed")
		}
		b, err := h.p.OpenPayload(base.PrivateMail, row.Key, []byte(row.Payload))
		if err != nil {
			h.t.Fatal(err)
		}
		var m hooks.Mail
		if err := json.Unmarshal(b, &m); err != nil {
			h.t.Fatal(err)
		}
		list = append(list, m)
	}
	return list
}

func berlin(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", s, content.Berlin)
	if err != nil {
		panic(err)
	}
	return t
}

// book makes an appointment of the public without the pages.
func (h house) book(email string, start time.Time, codes ...string) Appointment {
	h.t.Helper()
	a, err := h.s.Hold(codes, Public, "de", start, "")
	if err == nil {
		a, err = h.s.Confirm(a.Reference, Person{Name: "Ada Lovelace", Email: email}, "de")
	}
	if err != nil {
		h.t.Fatalf("%s at %v: %v", email, start, err)
	}
	return a
}

var startValue = regexp.MustCompile(`name="start" value="([^"]+)"`)

func TestAnAppointmentInThreeLanguages(t *testing.T) {
	h := open(t)
	for _, c := range []struct{ prefix, lang, title, state string }{
		{"", "de", "Termin zur Beratung", "Ihr Termin ist gebucht"}, {"/en", "en", "Appointment for advice", "Your appointment is booked"}, {"/ls", "de-simple", "Einen Termin machen", "Ihr Termin steht fest"},
	} {
		t.Run(c.lang, func(t *testing.T) {
			h.t = t
			wants(t, "services", h.send("GET", c.prefix+"/termine/", "", nil), 200, c.title, `lang="`+c.lang+`"`, `value="energie"`)
			times := h.send("GET", c.prefix+"/termine/zeiten/?leistung=energie&leistung=wohnen", "", nil)
			wants(t, "times", times, 200, "75 ")
			m := startValue.FindStringSubmatch(times.body)
			if m == nil {
				t.Fatal("no time to choose")
			}
			r := h.send("POST", c.prefix+"/termine/reservieren/", "", url.Values{"leistung": {"energie", "wohnen"}, "start": {m[1]}})
			if r.status != 303 || r.header.Get("Location") != c.prefix+"/termine/angaben/" {
				t.Fatalf("%d %s %s", r.status, r.header.Get("Location"), r.body)
			}
			cookie := r.cookie()
			wants(t, "details", h.send("GET", c.prefix+"/termine/angaben/", cookie, nil), 200, `name="email"`, "/leistungen/wohnungsangebote/")
			email := c.lang + "@example.org"
			r = h.send("POST", c.prefix+"/termine/angaben/", cookie, url.Values{"name": {"Ada <Lovelace>"}, "email": {email}})
			if r.status != 303 {
				t.Fatalf("%d %s", r.status, r.body)
			}
			cookie = r.cookie()
			mine := h.send("GET", r.header.Get("Location"), cookie, nil)
			wants(t, "mine", mine, 200, c.state, "/termine/zugang/")
			var reference string
			if err := h.p.App.DB().NewQuery(`SELECT reference FROM appointments WHERE email = {:e} AND state = 'booked'`).Bind(dbx.Params{"e": email}).Row(&reference); err != nil {
				t.Fatal(err)
			}
			mails := h.mails(reference)
			if len(mails) != 1 || mails[0].Method != "REQUEST" || !strings.Contains(mails[0].Text, "/absagen/") || !strings.Contains(mails[0].Calendar, "UID:"+reference) {
				t.Fatalf("mails %+v", mails)
			}
			if c.lang == "en" && !strings.Contains(mails[0].German, "Ihr Termin ist gebucht") {
				t.Error("no German text below")
			}
			// The link of the mail opens without anything else, and leaves the address.
			link := strings.TrimPrefix(mails[0].Button.URL, h.p.Origin)
			if secret := regexp.MustCompile(`/zugang/([0-9A-Z]{32})/$`).FindStringSubmatch(link); secret == nil {
				t.Fatalf("link %s", link)
			} else if n := h.number(`SELECT count(*) FROM appointments WHERE secret_hash = {:s} OR name LIKE {:l}`, "s", secret[1], "l", "%"+secret[1]+"%"); n > 0 {
				t.Error("the secret is stored")
			}
			r = h.send("GET", link+"absagen/", "", nil)
			if r.status != 303 || r.header.Get("Location") != c.prefix+"/termine/mein/absagen/" || r.header.Get("Referrer-Policy") != "no-referrer" {
				t.Fatalf("%d %v", r.status, r.header)
			}
			cookie = r.cookie()
			asked := h.send("GET", c.prefix+"/termine/mein/absagen/", cookie, nil)
			wants(t, "ask", asked, 200)
			if n := strings.Count(asked.body, "<button"); n != 1 {
				t.Errorf("%d buttons on the page of the mail's link", n)
			}
			if h.number(`SELECT count(*) FROM appointments WHERE reference = {:r} AND state = 'booked'`, "r", reference) != 1 {
				t.Error("opening the link changed the appointment")
			}
			ics := h.send("GET", c.prefix+"/termine/mein/kalender.ics", cookie, nil)
			wants(t, "calendar", ics, 200, "BEGIN:VEVENT", "TZID=Europe/Berlin")
			if r = h.send("POST", c.prefix+"/termine/mein/absagen/", cookie, nil); r.status != 303 {
				t.Errorf("cancel: %d", r.status)
			}
			if mails = h.mails(reference); len(mails) != 2 || mails[1].Method != "CANCEL" || !strings.Contains(mails[1].Calendar, "SEQUENCE:1") {
				t.Errorf("mails %+v", mails)
			}
		})
	}
}

func TestBadInputIsToldAndNothingIsLost(t *testing.T) {
	h := open(t)
	a, err := h.s.Hold([]string{"energie"}, Public, "de", berlin("2026-12-03 10:00"), "")
	if err != nil {
		t.Fatal(err)
	}
	cookie := h.send("POST", "/termine/reservieren/", "", url.Values{"leistung": {"wohnen"}, "start": {"2026-12-04T09:00:00Z"}}).cookie()
	long := strings.Repeat("x", 300)
	for name, c := range map[string]struct {
		path   string
		form   url.Values
		status int
		texts  []string
	}{
		"no name":               {"/termine/angaben/", url.Values{"email": {"ada@example.org"}}, 422, []string{`href="#f-name"`, `value="ada@example.org"`}},
		"no contact":            {"/termine/angaben/", url.Values{"name": {"Ada"}}, 422, []string{`href="#f-email"`, `value="Ada"`}},
		"bad mail":              {"/termine/angaben/", url.Values{"name": {"Ada"}, "email": {"ada@"}}, 422, []string{`value="ada@"`}},
		"mail with a line":      {"/termine/angaben/", url.Values{"name": {"Ada"}, "email": {"ada@example.org\nBcc: x@example.org"}}, 422, nil},
		"bad phone":             {"/termine/angaben/", url.Values{"name": {"Ada"}, "phone": {"nope"}}, 422, []string{`value="nope"`}},
		"long":                  {"/termine/angaben/", url.Values{"name": {long}, "email": {long + "@example.org"}, "phone": {"0561 " + strings.Repeat("1", 60)}}, 422, []string{long}},
		"turned around":         {"/termine/angaben/", url.Values{"name": {"A\u202eda"}, "email": {"ada@example.org"}}, 422, nil},
		"no service":            {"/termine/reservieren/", url.Values{"start": {"2026-12-04T09:00:00Z"}}, 422, []string{`href="#f-leistung"`}},
		"unknown service":       {"/termine/reservieren/", url.Values{"leistung": {"zauberei"}, "start": {"2026-12-04T09:00:00Z"}}, 422, nil},
		"no time":               {"/termine/reservieren/", url.Values{"leistung": {"energie"}}, 422, nil},
		"no time at all":        {"/termine/reservieren/", url.Values{"leistung": {"energie"}, "start": {"soon"}}, 422, nil},
		"a closed day":          {"/termine/reservieren/", url.Values{"leistung": {"energie"}, "start": {"2026-12-06T09:00:00Z"}}, 409, []string{"gerade vergeben"}},
		"a time between":        {"/termine/reservieren/", url.Values{"leistung": {"energie"}, "start": {"2026-12-04T09:07:00Z"}}, 409, nil},
		"the past":              {"/termine/reservieren/", url.Values{"leistung": {"energie"}, "start": {"2020-12-04T09:00:00Z"}}, 409, nil},
		"far away":              {"/termine/reservieren/", url.Values{"leistung": {"energie"}, "start": {"9999-12-04T09:00:00Z"}}, 409, nil},
		"sooner than the lead":  {"/termine/reservieren/", url.Values{"leistung": {"energie"}, "start": {"2026-12-02T12:00:00Z"}}, 409, nil},
		"a code that is none":   {"/termine/mein/", url.Values{"code": {"0000"}}, 422, []string{`value="0000"`}},
		"no code":               {"/termine/mein/", url.Values{}, 422, nil},
		"a move to nothing":     {"/termine/mein/verschieben/", url.Values{"start": {"x"}}, 303, nil}, // no ticket of an appointment
		"another's hold cookie": {"/termine/angaben/", url.Values{"name": {"Ada"}}, 422, nil},
	} {
		t.Run(name, func(t *testing.T) { wants(t, name, h.send("POST", c.path, cookie, c.form), c.status, c.texts...) })
	}
	for _, path := range []string{"/termine/zeiten/?leistung=energie&tag=x&ab=9999-99-99", "/termine/zeiten/?leistung=energie&ab=2030-01-01"} {
		wants(t, path, h.send("GET", path, "", nil), 200)
	}
	if r := h.send("GET", "/termine/zugang/"+strings.Repeat("A", 32)+"/", "", nil); r.status != 404 {
		t.Errorf("a secret that is none: %d", r.status)
	}
	forged := "termin=" + a.Reference + ".99999999999." + strings.Repeat("0", 64)
	if r := h.send("GET", "/termine/angaben/", forged, nil); r.status != 303 {
		t.Errorf("a forged ticket: %d", r.status)
	}
}

func TestAHoldThatEndedIsTakenUpAgainOrTheDetailsComeAlong(t *testing.T) {
	h := open(t)
	choice := url.Values{"leistung": {"energie"}, "start": {"2026-12-03T09:00:00Z"}}
	cookie := h.send("POST", "/termine/reservieren/", "", choice).cookie()
	h.later(HoldLife + time.Second)
	details := url.Values{"leistung": {"energie"}, "start": {"2026-12-03T09:00:00Z"}, "name": {"Ada"}, "email": {"ada@example.org"}}
	r := h.send("POST", "/termine/angaben/", cookie, details)
	wants(t, "the time is free still", r, 200, "Wir halten diese Zeit", `value="Ada"`)
	cookie = r.cookie()
	h.later(HoldLife + time.Second)
	for range 2 { // both advisers who can: the time is gone
		if _, err := h.s.Hold([]string{"energie"}, Public, "de", berlin("2026-12-03 10:00"), ""); err != nil {
			t.Fatal(err)
		}
	}
	r = h.send("POST", "/termine/angaben/", cookie, details)
	wants(t, "the time is gone", r, 409, "inzwischen vergeben", `name="name" value="Ada"`, `name="email" value="ada@example.org"`)
	other := startValue.FindStringSubmatch(r.body)
	r = h.send("POST", "/termine/reservieren/", cookie, url.Values{"leistung": {"energie"}, "start": {other[1]}, "name": {"Ada"}, "email": {"ada@example.org"}})
	wants(t, "another time", r, 200, `value="Ada"`)
	if r = h.send("POST", "/termine/angaben/", r.cookie(), details); r.status != 303 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if n := h.number(`SELECT count(*) FROM appointments WHERE state = 'booked'`); n != 1 {
		t.Errorf("%d booked", n)
	}
}

func TestConfirmingTwiceBooksOnce(t *testing.T) {
	h := open(t)
	a, err := h.s.Hold([]string{"energie"}, Public, "de", berlin("2026-12-03 10:00"), "")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := h.s.Confirm(a.Reference, Person{Name: "Ada", Email: "ada@example.org"}, "de"); err != nil {
			t.Fatal(err)
		}
	}
	if len(h.mails(a.Reference)) != 1 {
		t.Error("two confirmations")
	}
	for _, at := range []string{"2026-12-03 11:00", "2026-12-03 12:00"} {
		h.book("ada@example.org", berlin(at), "energie")
	}
	b, err := h.s.Hold([]string{"energie"}, Public, "de", berlin("2026-12-04 10:00"), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.s.Confirm(b.Reference, Person{Name: "Ada", Email: "ada@example.org"}, "de"); err != ErrTooMany {
		t.Errorf("a fourth appointment: %v", err)
	}
}

func TestContingentsLeaveDesksToOthers(t *testing.T) {
	h := open(t)
	at := berlin("2026-12-03 10:00")
	h.book("a@example.org", at, "wohnen")
	h.book("b@example.org", at, "energie")
	if _, err := h.s.Hold([]string{"ausweise"}, Public, "de", at, ""); err != ErrTaken {
		t.Errorf("a third desk for the public: %v", err)
	}
	a, err := h.s.Hold([]string{"ausweise"}, Telephone, "de", at, "")
	if err != nil {
		t.Fatalf("the telephone has a desk: %v", err)
	}
	// The rule is one of the database: a write that does not look first is refused.
	err = h.p.App.RunInTransaction(func(tx core.App) error {
		return take(tx, "service-point", Public, "T-x", pair{"platz-9", ""}, at, at.Add(time.Hour), 0)
	})
	if err != ErrTaken {
		t.Errorf("past the contingent: %v", err)
	}
	if a.Desk == "" || a.Adviser != "team-c" {
		t.Errorf("%+v", a)
	}
}

func TestAFreedTimeIsOfferedInOrderAndNotTraded(t *testing.T) {
	h := open(t)
	ten := berlin("2026-12-03 10:00")
	first := h.book("first@example.org", ten, "e-mobilitaet") // team A alone can
	late := h.book("late@example.org", berlin("2026-12-10 10:00"), "e-mobilitaet")
	later := h.book("later@example.org", berlin("2026-12-11 10:00"), "e-mobilitaet")
	other := h.book("other@example.org", berlin("2026-12-09 10:00"), "ausweise") // team A cannot
	for _, a := range []Appointment{other, late, later} {
		if err := h.s.Earlier(a.Reference, true); err != nil {
			t.Fatal(err)
		}
		h.later(time.Minute)
	}
	if err := h.s.Cancel(first.Reference); err != nil {
		t.Fatal(err)
	}
	offered := func() (reference string) {
		h.p.App.DB().NewQuery(`SELECT reference FROM appointment_offers WHERE state = 'open'`).Row(&reference)
		return reference
	}
	if offered() != late.Reference {
		t.Fatalf("offered to %q, want the first who waits and whom it fits", offered())
	}
	if m := h.mails(late.Reference); len(m) != 2 || !strings.Contains(m[1].Subject, "frühere Zeit") {
		t.Errorf("mails %+v", m)
	}
	if _, err := h.s.Hold([]string{"e-mobilitaet"}, Public, "de", ten, ""); err != ErrTaken {
		t.Errorf("an offered time is given away: %v", err)
	}
	// No answer: it goes to the next in the transaction that ends the offer.
	h.later(OfferLife + time.Minute)
	if err := h.s.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if offered() != later.Reference {
		t.Fatalf("offered to %q, want the second", offered())
	}
	if err := h.s.AnswerOffer(late.Reference, true); err != ErrExpired {
		t.Errorf("an offer that ended: %v", err)
	}
	cookie := h.send("GET", "/termine/zugang/"+h.s.secret(later.Reference)+"/", "", nil).cookie()
	wants(t, "offer", h.send("GET", "/termine/mein/", cookie, nil), 200, "Eine frühere Zeit ist frei", "Donnerstag, 3. Dezember 2026, 10:00 Uhr")
	if r := h.send("POST", "/termine/mein/angebot/", cookie, url.Values{"antwort": {"ja"}}); r.status != 303 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	moved, err := find(h.p.App.DB(), later.Reference)
	if err != nil || !moved.Start().Equal(ten) || moved.Sequence != 1 {
		t.Errorf("%+v %v", moved, err)
	}
	if m := h.mails(later.Reference); m[len(m)-1].Method != "REQUEST" || !strings.Contains(m[len(m)-1].Calendar, "SEQUENCE:1") {
		t.Errorf("%+v", m)
	}
	wants(t, "asked twice", h.send("POST", "/termine/mein/angebot/", cookie, url.Values{"antwort": {"ja"}}), 409, "nicht mehr frei")
	// What it had before is offered to nobody with a later time, and blocked for half an hour.
	freed := berlin("2026-12-11 10:00")
	if _, err := h.s.Hold([]string{"e-mobilitaet"}, Public, "de", freed, ""); err != ErrTaken {
		t.Errorf("a freed time is handed on at once: %v", err)
	}
	h.later(TradeBlock + time.Minute)
	if _, err := h.s.Hold([]string{"e-mobilitaet"}, Public, "de", freed, ""); err != nil {
		t.Errorf("half an hour later: %v", err)
	}
}

func TestAMoveKeepsTheUIDAndRaisesTheSequence(t *testing.T) {
	h := open(t)
	a := h.book("ada@example.org", berlin("2026-12-03 10:00"), "energie")
	cookie := h.send("GET", "/termine/zugang/"+h.s.secret(a.Reference)+"/verschieben/", "", nil).cookie()
	page := h.send("GET", "/termine/mein/verschieben/?tag=2026-12-04", cookie, nil)
	wants(t, "move", page, 200, "Freitag, 4. Dezember 2026")
	for i, start := range []string{"2026-12-03T09:15:00Z", "2026-12-04T10:00:00Z"} { // the first overlaps with what it has
		if r := h.send("POST", "/termine/mein/verschieben/", cookie, url.Values{"start": {start}}); r.status != 303 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		if r := h.send("POST", "/termine/mein/verschieben/", cookie, url.Values{"start": {start}}); r.status != 303 { // sent twice
			t.Errorf("again: %d", r.status)
		}
		m := h.mails(a.Reference)
		if len(m) != i+2 || !strings.Contains(m[i+1].Calendar, fmt.Sprint("SEQUENCE:", i+1)) || !strings.Contains(m[i+1].Calendar, "UID:"+a.Reference+"@") {
			t.Errorf("%d mails, %+v", len(m), m[len(m)-1])
		}
	}
	if n := h.number(`SELECT count(*) FROM appointment_ticks WHERE holder = {:r}`, "r", a.Reference); n != 2*(45+5)/5 {
		t.Errorf("%d ticks", n)
	}
	if r := h.send("POST", "/termine/mein/verschieben/", cookie, url.Values{"start": {"2026-12-06T10:00:00Z"}}); r.status != 409 {
		t.Errorf("to a Sunday: %d", r.status)
	}
	h.at(berlin("2026-12-04 11:30"))
	if err := h.s.Cancel(a.Reference); err != ErrTooLate {
		t.Errorf("after it began: %v", err)
	}
}

func TestRemindersGoOutOnceOnTheDayBefore(t *testing.T) {
	h := open(t)
	h.at(berlin("2026-12-02 12:00"))
	a := h.book("ada@example.org", berlin("2026-12-10 10:00"), "energie")
	h.at(berlin("2026-12-09 09:00"))
	today := h.book("bob@example.org", berlin("2026-12-10 12:00"), "energie")
	h.at(berlin("2026-12-08 10:00"))
	if n, err := h.s.Remind(t.Context()); n != 0 || err != nil {
		t.Errorf("two days before: %d %v", n, err)
	}
	h.at(berlin("2026-12-09 10:00"))
	for _, want := range []int{1, 0} {
		if n, err := h.s.Remind(t.Context()); n != want || err != nil {
			t.Errorf("%d reminders, want %d (%v)", n, want, err)
		}
	}
	if m := h.mails(a.Reference); len(m) != 2 || !strings.Contains(m[1].Text, "/absagen/") || !strings.Contains(m[1].Subject, "Morgen") {
		t.Errorf("%+v", m)
	}
	if len(h.mails(today.Reference)) != 1 {
		t.Error("who booked today was reminded")
	}
}

func TestWhoLeftOnlyANumberGetsShortMessages(t *testing.T) {
	h := open(t)
	h.s.SMS = true
	a, err := h.s.Hold([]string{"energie"}, Public, "de", berlin("2026-12-03 10:00"), "")
	if err != nil {
		t.Fatal(err)
	}
	who, err := readPerson(url.Values{"name": {"Ada"}, "phone": {"0561 / 12 34 56"}}, true)
	if err != nil || who.Phone != "+49561123456" {
		t.Fatalf("%+v %v", who, err)
	}
	if _, err := h.s.Confirm(a.Reference, who, "de"); err != nil {
		t.Fatal(err)
	}
	var row struct{ Key, Payload string }
	if err := h.p.App.DB().NewQuery(`SELECT key, payload FROM orders WHERE provider = 'sms'`).One(&row); err != nil {
		t.Fatal(err)
	}
	b, err := h.p.OpenPayload(base.PrivateMail, row.Key, []byte(row.Payload))
	var sms hooks.SMS
	if err := json.Unmarshal(b, &sms); err != nil || sms.To != "+49561123456" || !strings.Contains(sms.Text, h.s.secret(a.Reference)) {
		t.Errorf("%+v %v", sms, err)
	}
	if n, _ := hooks.Segments(sms.Text); n > 2 {
		t.Errorf("%d segments: %s", n, sms.Text)
	}
	_ = err
}

func TestNamesGoAfterThirtyDaysAndCountsStay(t *testing.T) {
	h := open(t)
	a := h.book("ada@example.org", berlin("2026-12-03 10:00"), "energie")
	cookie := h.send("GET", "/termine/zugang/"+h.s.secret(a.Reference)+"/", "", nil).cookie()
	_ = cookie
	h.at(berlin("2026-12-04 01:00"))
	if n, err := h.s.Forget(t.Context()); n != 0 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if h.number(`SELECT count(*) FROM appointments WHERE state = 'missed' AND email = 'ada@example.org'`) != 1 {
		t.Error("an appointment that nobody came to is not noted")
	}
	h.at(a.End().Add(Keep - time.Minute))
	if n, _ := h.s.Forget(t.Context()); n != 0 {
		t.Error("erased too early")
	}
	h.at(a.End().Add(Keep + time.Minute))
	if n, err := h.s.Forget(t.Context()); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if h.number(`SELECT count(*) FROM appointments WHERE name <> '' OR email <> '' OR phone <> '' OR secret_hash IS NOT NULL`) != 0 {
		t.Error("something of the person is left")
	}
	if h.number(`SELECT count(*) FROM appointments WHERE state = 'missed'`) != 1 {
		t.Error("the count is gone")
	}
	if r := h.send("GET", "/termine/zugang/"+h.s.secret(a.Reference)+"/", "", nil); r.status != 404 {
		t.Errorf("the link lives on: %d", r.status)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.s.Forget(ctx); err == nil {
		t.Error("does not stop")
	}
}
