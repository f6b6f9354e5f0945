package appointments

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/content/report"
	"servicepoint/hooks"
	"servicepoint/hooks/faults"
	"servicepoint/hooks/hookstest"
	"servicepoint/hooks/zms"
	"servicepoint/hooks/zms/simulate"

	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// notebook is the provider's notes, in memory.
type notebook struct {
	mu   sync.Mutex
	kept map[string][]byte
}

func (n *notebook) Recall(_ context.Context, key string) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if b, ok := n.kept[key]; ok {
		return b, nil
	}
	return nil, hooks.ErrNotFound
}

func (n *notebook) Keep(_ context.Context, key string, note []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.kept[key] = note
	return nil
}

// townHall is a house with a simulated calendar of the city behind a line.
type townHall struct {
	house
	office   *simulate.Office
	line     *faults.Line
	provider *zms.Provider
	mode     string
}

func openCity(t *testing.T) *townHall {
	t.Helper()
	h := &townHall{house: counter(t), office: simulate.New(), mode: "simulated"}
	h.office.Clock = h.p.Now
	line, address := hookstest.Serve(t, h.office)
	h.line = line
	h.provider = &zms.Provider{Clock: h.p.Now, Notes: &notebook{kept: map[string][]byte{}}, Settings: func() (zms.Settings, error) { return zms.Settings{Address: address}, nil }}
	h.s.Calendars = map[string]Foreign{"zms": {h.provider, func() string { return h.mode }}}
	h.s.Patience = time.Millisecond
	return h
}

// work does the orders that wait, as the dispatcher does.
func (h *townHall) work() (n int) {
	h.t.Helper()
	var rows []struct {
		ID                          int64
		Key, Kind, Subject, Payload string
	}
	if err := h.p.App.DB().NewQuery(`SELECT id, key, kind, subject, payload FROM orders WHERE provider = 'zms' AND state = 'waiting' ORDER BY id`).All(&rows); err != nil {
		h.t.Fatal(err)
	}
	for _, row := range rows {
		if strings.Contains(row.Payload, "authKey") || strings.Contains(row.Payload, "example.org") {
			h.t.Errorf("the order is not sealed: %s", row.Payload)
		}
		payload, err := h.p.OpenPayload(row.Kind, row.Key, []byte(row.Payload))
		if err != nil {
			h.t.Fatal(err)
		}
		o := hooks.Order{ID: row.ID, Key: row.Key, Provider: "zms", Kind: row.Kind, Subject: row.Subject, Payload: payload}
		result, err := h.provider.Submit(h.t.Context(), o)
		state := hooks.Done
		switch {
		case errors.Is(err, hooks.ErrRejected):
			state = hooks.Rejected
		case err != nil:
			continue // tried again later
		}
		h.settle(o, state, result)
		n++
	}
	return n
}

func (h *townHall) settle(o hooks.Order, state hooks.State, r hooks.Result) {
	h.t.Helper()
	err := h.p.App.RunInTransaction(func(tx core.App) error {
		if _, err := exec(tx, `UPDATE orders SET state = {:state} WHERE id = {:id}`, dbx.Params{"state": string(state), "id": o.ID}); err != nil {
			return err
		}
		return h.s.Settle(tx, o, state, r)
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

var (
	cityStart = regexp.MustCompile(`name="start" value="(\d+)"`)
	formKey   = regexp.MustCompile(`name="key" value="([0-9A-Z]{32})"`)
)

// details opens the form of the first free time.
func (h *townHall) details(prefix string) url.Values {
	h.t.Helper()
	times := h.send("GET", prefix+"/termine/stadt/personalausweis/", "", nil)
	m := cityStart.FindStringSubmatch(times.body)
	if m == nil {
		h.t.Fatalf("no time to choose: %d %.2000s", times.status, times.body)
	}
	page := h.send("POST", prefix+"/termine/stadt/personalausweis/", "", url.Values{"start": {m[1]}})
	wants(h.t, "details", page, 200, `name="email"`)
	return url.Values{"start": {m[1]}, "key": {formKey.FindStringSubmatch(page.body)[1]}, "name": {"Ada Lovelace"}, "email": {"ada@example.org"}}
}

func TestAnAppointmentInTheCalendarOfTheCity(t *testing.T) {
	h := openCity(t)
	for _, c := range []struct{ prefix, service, booked, cancelled string }{
		{"", "Personalausweis im Bürgerbüro", "Ihr Termin ist gebucht", "Dieser Termin ist abgesagt"},
		{"/en", "Identity card", "Your appointment is booked", "This appointment is cancelled"},
		{"/ls", "Ausweis im Bürger-Büro", "Ihr Termin steht fest", "Der Termin ist abgesagt"},
	} {
		page := h.send("GET", c.prefix+"/termine/", "", nil)
		wants(t, "services", page, 200, c.service, c.prefix+"/termine/stadt/personalausweis/")
		if strings.Contains(page.body, `value="personalausweis"`) {
			t.Error("a service of the city can be combined with ours")
		}
		form := h.details(c.prefix)
		r := h.send("POST", c.prefix+"/termine/stadt/personalausweis/", "", form)
		if r.status != 303 || r.header.Get("Location") != c.prefix+"/termine/stadttermin/" {
			t.Fatalf("%d %v %.2000s", r.status, r.header, r.body)
		}
		cookie := r.cookie()
		wants(t, "under way", h.send("GET", c.prefix+"/termine/stadttermin/", cookie, nil), 200, "T-")
		if again := h.send("POST", c.prefix+"/termine/stadt/personalausweis/", "", form); again.status != 303 || again.cookie() != cookie {
			t.Errorf("sent twice: %d", again.status)
		}
		if n := h.work(); n != 1 {
			t.Fatalf("%d orders", n)
		}
		mine := h.send("GET", c.prefix+"/termine/stadttermin/", cookie, nil)
		wants(t, "booked", mine, 200, c.booked, `translate="no">A`, "Bürgerbüro Mitte")
		reference := regexp.MustCompile(`T-[0-9A-Z]{5}-[0-9A-Z]{5}`).FindString(mine.body)
		mails := h.mails(reference)
		if len(mails) != 1 || mails[0].Method != "REQUEST" || !strings.Contains(mails[0].Calendar, "UID:"+reference) || !strings.Contains(mails[0].Text, "Simulation") && c.prefix != "/ls" {
			t.Fatalf("mails %+v", mails)
		}
		if _, confirmed := h.office.State(0); confirmed != 1 {
			t.Errorf("%d confirmed at the city", confirmed)
		}
		// The link of the mail opens it in another browser and leaves the address.
		r = h.send("GET", strings.TrimPrefix(mails[0].Button.URL, h.p.Origin), "", nil)
		if r.status != 303 || r.header.Get("Location") != c.prefix+"/termine/stadttermin/" || r.header.Get("Referrer-Policy") != "no-referrer" {
			t.Fatalf("%d %v", r.status, r.header)
		}
		cookie = r.cookie()
		wants(t, "ask", h.send("GET", c.prefix+"/termine/stadttermin/absagen/", cookie, nil), 200, "<button")
		for range 2 {
			if r = h.send("POST", c.prefix+"/termine/stadttermin/absagen/", cookie, nil); r.status != 303 {
				t.Fatalf("cancel: %d %.1000s", r.status, r.body)
			}
		}
		if n := h.work(); n != 1 {
			t.Fatalf("%d orders to cancel", n)
		}
		wants(t, "cancelled", h.send("GET", c.prefix+"/termine/stadttermin/", cookie, nil), 200, c.cancelled)
		if mails = h.mails(reference); len(mails) != 2 || mails[1].Method != "CANCEL" || !strings.Contains(mails[1].Calendar, "SEQUENCE:1") {
			t.Errorf("mails %+v", mails)
		}
		if _, confirmed := h.office.State(0); confirmed != 0 {
			t.Errorf("%d left at the city", confirmed)
		}
	}
	if n := h.number(`SELECT count(*) FROM city_appointments WHERE process LIKE '%authKey%'`); n > 0 {
		t.Error("the key of the city is stored in plain")
	}
	// Every code of an address that is none.
	for _, path := range []string{"/termine/stadt/energie/", "/termine/stadt/nichts/", "/termine/stadttermin/zugang/" + strings.Repeat("A", 32) + "/"} {
		if r := h.send("GET", path, "", nil); r.status != 404 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	h.mode = "off"
	if page := h.send("GET", "/termine/", "", nil); strings.Contains(page.body, "personalausweis") {
		t.Error("a calendar that is switched off is offered")
	}
	if r := h.send("GET", "/termine/stadt/personalausweis/", "", nil); r.status != 404 {
		t.Errorf("switched off: %d", r.status)
	}
}

func TestTheCalendarOfTheCityRefusesOrIsDown(t *testing.T) {
	h := openCity(t)
	form := h.details("")
	for name, c := range map[string]struct {
		field, value string
		status       int
		texts        []string
	}{
		"no name":      {"name", "", 422, []string{`href="#f-name"`, `value="ada@example.org"`}},
		"no mail":      {"email", "", 422, []string{`href="#f-email"`, `value="Ada Lovelace"`}},
		"a bad mail":   {"email", "ada@", 422, []string{`value="ada@"`}},
		"a bad phone":  {"phone", "nope", 422, []string{`value="nope"`}},
		"no time":      {"start", "", 422, nil},
		"a wrong time": {"start", "x", 422, nil},
		"the past":     {"start", "1000", 409, []string{`name="name" value="Ada Lovelace"`}},
		"a strange time": {"start", strconv.FormatInt(berlin("2026-12-03 09:07").Unix(), 10), 409,
			[]string{"gerade vergeben", `name="email" value="ada@example.org"`}},
		"huge": {"start", "99999999999999999999", 422, nil},
	} {
		t.Run(name, func(t *testing.T) {
			bad := url.Values{}
			for k, v := range form {
				bad[k] = v
			}
			bad.Set(c.field, c.value)
			wants(t, name, h.send("POST", "/termine/stadt/personalausweis/", "", bad), c.status, c.texts...)
		})
	}
	if n := h.number(`SELECT count(*) FROM city_appointments`); n > 0 {
		t.Fatalf("%d appointments of bad input", n)
	}
	// Somebody was faster: the city refuses, the citizen is told.
	r := h.send("POST", "/termine/stadt/personalausweis/", "", form)
	h.office.Capacity = 0
	h.work()
	wants(t, "refused", h.send("GET", "/termine/stadttermin/", r.cookie(), nil), 200, "schon vergeben", "Andere Zeit")
	if n := h.number(`SELECT count(*) FROM orders WHERE provider = 'mail'`); n != 1 {
		t.Errorf("%d mails of a refusal", n)
	}
	h.office.Capacity = 4
	// The line is down: no times are shown, but an order that is being sent is taken.
	form = h.details("")
	h.later(time.Minute)
	h.line.Always(faults.Fault{Kind: faults.Drop})
	down := h.send("GET", "/termine/stadt/personalausweis/", "", nil)
	wants(t, "down", down, 503, "antwortet nicht")
	if down.header.Get("Retry-After") == "" {
		t.Error("when to try again is not told")
	}
	r = h.send("POST", "/termine/stadt/personalausweis/", "", form)
	if r.status != 303 {
		t.Fatalf("%d %.2000s", r.status, r.body)
	}
	if n := h.work(); n != 0 {
		t.Error("an order was done without a line")
	}
	wants(t, "waits", h.send("GET", "/termine/stadttermin/", r.cookie(), nil), 200, "Wir buchen Ihren Termin gerade")
	h.line.Heal()
	if n := h.work(); n != 1 {
		t.Error("the order is not done later")
	}
	wants(t, "booked", h.send("GET", "/termine/stadttermin/", r.cookie(), nil), 200, "Ihr Termin ist gebucht")

	// Three days without an answer, then a replay that works.
	form = h.details("")
	r = h.send("POST", "/termine/stadt/personalausweis/", "", form)
	var row struct {
		ID                          int64
		Key, Kind, Subject, Payload string
	}
	if err := h.p.App.DB().NewQuery(`SELECT id, key, kind, subject, payload FROM orders WHERE provider = 'zms' AND state = 'waiting'`).One(&row); err != nil {
		t.Fatal(err)
	}
	payload, err := h.p.OpenPayload(row.Kind, row.Key, []byte(row.Payload))
	if err != nil {
		t.Fatal(err)
	}
	o := hooks.Order{ID: row.ID, Key: row.Key, Provider: "zms", Kind: row.Kind, Subject: row.Subject, Payload: payload}
	h.settle(o, hooks.Dead, hooks.Result{})
	wants(t, "failed", h.send("GET", "/termine/stadttermin/", r.cookie(), nil), 200, "nicht zu erreichen")
	done, err := h.provider.Submit(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	h.settle(o, hooks.Done, done)
	wants(t, "after all", h.send("GET", "/termine/stadttermin/", r.cookie(), nil), 200, "Ihr Termin ist gebucht")
	if mails := h.mails(row.Subject); len(mails) != 2 || mails[1].Method != "REQUEST" {
		t.Errorf("mails %+v", mails)
	}
	// A third and a fourth for the same address.
	h.send("POST", "/termine/stadt/personalausweis/", "", h.details(""))
	wants(t, "too many", h.send("POST", "/termine/stadt/personalausweis/", "", h.details("")), 409, "schon 3 Termine", `value="Ada Lovelace"`)
}

// Moving books the new time first and gives the old one back then; a time that was
// gone leaves everything as it was.
func TestAnAppointmentOfTheCityMoves(t *testing.T) {
	h := openCity(t)
	r := h.send("POST", "/termine/stadt/personalausweis/", "", h.details(""))
	cookie := r.cookie()
	h.work()
	mine := h.send("GET", "/termine/stadttermin/", cookie, nil)
	reference := regexp.MustCompile(`T-[0-9A-Z]{5}-[0-9A-Z]{5}`).FindString(mine.body)
	page := h.send("GET", "/termine/stadttermin/verschieben/", cookie, nil)
	wants(t, "move", page, 200, "Bisher", "/termine/stadttermin/verschieben/")
	starts := cityStart.FindAllStringSubmatch(page.body, -1)
	move := func(start string) reply {
		return h.send("POST", "/termine/stadttermin/verschieben/", cookie, url.Values{"start": {start}})
	}
	wants(t, "no time", move("x"), 422)
	wants(t, "the past", move("1000"), 409, "gerade vergeben")
	for range 2 {
		if r := move(starts[30][1]); r.status != 303 {
			t.Fatalf("%d %.1000s", r.status, r.body)
		}
	}
	wants(t, "under way", h.send("GET", "/termine/stadttermin/", cookie, nil), 200, "gilt die bisherige")
	if a, b, c := h.work(), h.work(), h.work(); a != 1 || b != 1 || c != 0 {
		t.Errorf("%d, %d and %d orders; want the new time, then the old one given back", a, b, c)
	}
	unix, _ := strconv.ParseInt(starts[30][1], 10, 64)
	if n := h.number(`SELECT count(*) FROM city_appointments WHERE reference = {:r} AND state = 'booked' AND starts = {:s} AND sequence = 1`, "r", reference, "s", unix*1000); n != 1 {
		t.Error("not moved")
	}
	if _, confirmed := h.office.State(0); confirmed != 1 {
		t.Errorf("%d confirmed at the city", confirmed)
	}
	mails := h.mails(reference)
	if len(mails) != 2 || mails[1].Method != "REQUEST" || !strings.Contains(mails[1].Calendar, "SEQUENCE:1") || !strings.Contains(mails[1].Calendar, "UID:"+reference) {
		t.Errorf("mails %+v", mails)
	}
	// The city refuses another time: the one that stands stands.
	if r := move(starts[5][1]); r.status != 303 {
		t.Fatal(r.status)
	}
	h.office.Capacity = 0
	h.work()
	h.office.Capacity = 4
	wants(t, "stays", h.send("GET", "/termine/stadttermin/", cookie, nil), 200, "Ihr Termin ist gebucht")
	if n := h.number(`SELECT count(*) FROM city_appointments WHERE starts = {:s} AND sequence = 1`, "s", unix*1000); n != 1 {
		t.Error("moved although it was refused")
	}
	if mails = h.mails(reference); len(mails) != 3 || !strings.Contains(mails[2].Text, "gilt weiter") {
		t.Errorf("mails %+v", mails)
	}
	// The day before there is one reminder.
	h.at(time.Unix(unix, 0).Add(-24 * time.Hour))
	for _, want := range []int{1, 0} {
		if n, err := h.s.Remind(t.Context()); n != want || err != nil {
			t.Errorf("%d reminders, want %d (%v)", n, want, err)
		}
	}
	tables := basetest.Report(t, h.p, report.Period{From: "2026-12-01", To: "2026-12-31"}, h.s.Report)
	if got := strings.Join(tables["termine-der-stadt"], "\n"); !strings.Contains(got, "2026-W50|Personalausweis im Bürgerbüro|1|0") {
		t.Errorf("report: %s", got)
	}
	// It moves no more when its time has come; cancelling ends it all.
	cookie = h.send("GET", "/termine/stadttermin/zugang/"+h.s.secret(reference)+"/", "", nil).cookie()
	if r := h.send("POST", "/termine/stadttermin/absagen/", cookie, nil); r.status != 303 {
		t.Fatal(r.status)
	}
	h.work()
	if mails = h.mails(reference); len(mails) != 5 || mails[4].Method != "CANCEL" || !strings.Contains(mails[4].Calendar, "SEQUENCE:2") {
		t.Errorf("mails %+v", mails)
	}
	if _, confirmed := h.office.State(0); confirmed != 0 {
		t.Errorf("%d left at the city", confirmed)
	}
	if r := move(starts[3][1]); r.status != 303 || h.work() != 0 {
		t.Errorf("a cancelled appointment moves: %d", r.status)
	}
}

func TestNothingOfThePersonIsLeftAtTheCityPages(t *testing.T) {
	h := openCity(t)
	h.send("POST", "/termine/stadt/personalausweis/", "", h.details(""))
	h.work()
	var c City
	if err := h.p.App.DB().NewQuery(`SELECT ` + cityColumns + ` FROM city_appointments`).One(&c); err != nil {
		t.Fatal(err)
	}
	if of, err := h.s.unseal(c); err != nil || of.AuthKey == "" {
		t.Fatalf("%+v %v", of, err)
	}
	c.Reference = "T-other"
	if _, err := h.s.unseal(c); err == nil {
		t.Error("the key opens for another appointment")
	}
	h.at(time.UnixMilli(c.Ends).Add(Keep - time.Minute))
	if n, err := h.s.Forget(t.Context()); n != 0 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	h.at(time.UnixMilli(c.Ends).Add(Keep + time.Minute))
	if n, err := h.s.Forget(t.Context()); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if n := h.number(`SELECT count(*) FROM city_appointments WHERE state = 'booked' AND name = '' AND email = '' AND phone = '' AND process = '' AND number = '' AND secret_hash IS NULL`); n != 1 {
		t.Error("something is left")
	}
	// The administrator's form of such a service.
	page := h.send("GET", "/redaktion/termine/?leistung=personalausweis", "", nil)
	wants(t, "settings", page, 200, `<option value="zms" selected>`, `value="101"`)
	send := []string{"code", "abmelden", "name_de", "Wohnsitz", "minutes", "20", "setup", "0", "wrapup", "0", "active", "ja", "calendar"}
	wants(t, "no office", h.press("/redaktion/termine/leistungen/", append(send, "zms", "external", "2", "location", "Rathaus")...), 422, `href="#f-office"`)
	wants(t, "an unknown calendar", h.press("/redaktion/termine/leistungen/", append(send, "nirgends", "office", "101", "external", "2", "location", "Rathaus")...), 422, `href="#f-calendar"`)
	wants(t, "saved", h.press("/redaktion/termine/leistungen/", append(send, "zms", "office", "101", "external", "2", "location", "Rathaus")...), 200, "Gespeichert")
	wants(t, "offered", h.send("GET", "/termine/stadt/abmelden/", "", nil), 200, "Rathaus")
}
