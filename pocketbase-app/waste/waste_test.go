package waste_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/hooks/faults"
	"servicepoint/hooks/hookstest"
	partner "servicepoint/hooks/waste"
	"servicepoint/hooks/waste/simulate"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/waste"
)

// box is the matter with a collection behind a line, and a visitor.
type box struct {
	t      *testing.T
	p      *base.Platform
	w      *waste.Waste
	sim    *simulate.Collection
	line   *faults.Line
	client *http.Client
	url    string
	now    atomic.Int64
	mode   string
}

func open(t *testing.T) *box {
	b := &box{t: t, p: basetest.New(t, waste.Words), sim: simulate.New(), mode: "real"}
	b.now.Store(basetest.Start.UnixNano())
	b.p.Now = func() time.Time { return time.Unix(0, b.now.Load()).UTC() }
	b.sim.Clock = b.p.Now
	line, address := hookstest.Serve(t, b.sim)
	b.line = line
	b.w = waste.New(b.p)
	b.w.Collection, b.w.Mode = &partner.Client{Address: func() (string, error) { return address, nil }, Clock: b.p.Now}, func() string { return b.mode }
	srv, client := basetest.Serve(t, b.p, b.w.Bind)
	b.client, b.url = client, srv.URL
	return b
}

func (b *box) pass(d time.Duration) { b.now.Add(int64(d)) }

func (b *box) ask(method, path string, form url.Values) (int, http.Header, string) {
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
	if m := regexp.MustCompile(`\b(waste|problem|error)\.[a-z_.]+`).FindString(string(body)); m != "" {
		b.t.Errorf("%s %s: words are missing: %s", method, path, m)
	}
	return res.StatusCode, res.Header, string(body)
}

func (b *box) count(query string) (n int) {
	b.t.Helper()
	if err := b.p.App.DB().NewQuery(query).Row(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

func (b *box) letters() (list []hooks.Mail) {
	b.t.Helper()
	var rows []struct {
		Key     string `db:"key"`
		Kind    string `db:"kind"`
		Payload string `db:"payload"`
	}
	if err := b.p.App.DB().NewQuery(`SELECT key, kind, payload FROM orders ORDER BY id`).All(&rows); err != nil {
		b.t.Fatal(err)
	}
	for _, r := range rows {
		payload, err := b.p.OpenPayload(r.Kind, r.Key, []byte(r.Payload))
		var m hooks.Mail
		if err != nil || json.Unmarshal(payload, &m) != nil || r.Kind != base.PrivateMail {
			b.t.Fatal(r.Kind, err)
		}
		list = append(list, m)
	}
	return list
}

func search(street, number string) url.Values {
	return url.Values{"street": {street}, "number": {number}}
}

func TestFromStreetToDates(t *testing.T) {
	b := open(t)
	for _, spelling := range []string{"Friedrichsplatz", " friedrichsPLATZ ", "Wilhelmshöher Allee", "Königsstr.", "königsstrasse", "Friedrich Ebert Str", "Holländische Straße"} {
		if status, h, body := b.ask("POST", "/abfall/", search(spelling, "12")); status != 303 || !regexp.MustCompile(`^/abfall/\d+/$`).MatchString(h.Get("Location")) {
			if spelling != "Friedrich Ebert Str" || status != 422 { // the simulator searches for what stands there
				t.Errorf("%s: %d %s", spelling, status, body)
			}
		}
	}
	status, _, body := b.ask("GET", "/abfall/1012/", nil)
	for _, want := range []string{"Friedrichsplatz 12", "Als Nächstes", "Restmüll", "Biomüll", "2026", "Stand: Mittwoch, 2. Dezember 2026", "/abfall/kalender/1012.ics"} {
		if status != 200 || !strings.Contains(body, want) {
			t.Errorf("%d lacks %q", status, want)
		}
	}
	if i, j := strings.Index(body, "Dezember 2026"), strings.Index(body, "Januar 2027"); i < 0 || j < i {
		t.Error("in December the next year is missing")
	}
	if status, _, body := b.ask("GET", "/en/abfall/1012/", nil); status != 200 || !strings.Contains(body, "Coming dates") {
		t.Errorf("English: %d", status)
	}
}

func TestWhatIsNotClearIsAskedAgain(t *testing.T) {
	b := open(t)
	for what, c := range map[string]struct {
		form        url.Values
		field, want string
	}{
		"nothing":          {url.Values{}, "street", ""},
		"short":            {search("Fr", "1"), "street", ""},
		"unknown":          {search("Xyzweg", "1"), "street", `value="Xyzweg"`},
		"several":          {search("Friedrich", "1"), "street", "Friedrich-Ebert-Straße"},
		"no number":        {search("Goethestraße", "viele"), "number", `value="viele"`},
		"unknown number":   {search("Goethestraße", "999"), "number", ""},
		"several places":   {search("Goethestraße", "13"), "number", "Hinterhaus"},
		"angle brackets":   {search("<script>", "1"), "street", "&lt;script&gt;"},
		"a very long name": {search(strings.Repeat("a", 101), "1"), "street", ""},
	} {
		status, _, body := b.ask("POST", "/abfall/", c.form)
		if status != 422 || !strings.Contains(body, `href="#f-`+c.field+`"`) || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s", what, status, body)
		}
	}
	form := search("Friedrich", "13")
	form.Set("street_id", "1")
	form.Set("location_id", "1513")
	if status, h, _ := b.ask("POST", "/abfall/", form); status != 303 || h.Get("Location") != "/abfall/1513/" {
		t.Errorf("chosen: %d %s", status, h.Get("Location"))
	}
	for _, path := range []string{"/abfall/0/", "/abfall/-1/", "/abfall/x/", "/abfall/012/", "/abfall/99999999999999999999/", "/abfall/77/", "/abfall/kalender/77.ics", "/abfall/kalender/1012", "/abfall/erinnerung/bestaetigen/x/"} {
		if status, _, _ := b.ask("GET", path, nil); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
	if n := b.count(`SELECT count(*) FROM waste_calendars WHERE location = 77`); n != 0 {
		t.Error("a place that nobody knows left a trace")
	}
}

// The collection is asked once a day and may then be down for long.
func TestTheLastKnownCalendarServes(t *testing.T) {
	b := open(t)
	for range 5 {
		b.ask("GET", "/abfall/1012/", nil)
	}
	if n := b.sim.Calendars(); n != 2 { // this year and the next
		t.Errorf("asked %d times", n)
	}
	b.line.Always(faults.Fault{Kind: faults.Drop})
	b.pass(50 * time.Hour)
	status, _, body := b.ask("GET", "/abfall/1012/", nil)
	if status != 200 || !strings.Contains(body, "antworten gerade nicht. Das ist der Kalender vom Mittwoch, 2. Dezember 2026") || !strings.Contains(body, "Biomüll") {
		t.Errorf("%d %s", status, body)
	}
	if status, h, _ := b.ask("GET", "/abfall/2012/", nil); status != 503 || h.Get("Retry-After") == "" {
		t.Errorf("a place that was never asked: %d", status)
	}
	if status, _, _ := b.ask("POST", "/abfall/", search("Goethestraße", "1")); status != 503 {
		t.Errorf("search: %d", status)
	}
	b.line.Heal()
	if _, _, body := b.ask("GET", "/abfall/1012/", nil); strings.Contains(body, "antworten gerade nicht") {
		t.Error("still stale")
	}
	b.mode = "off"
	if status, _, body := b.ask("GET", "/abfall/", nil); status != 200 || strings.Contains(body, "<form method=\"post\" action=\"/abfall/\"") {
		t.Errorf("off: %d", status)
	}
}

func TestTheCalendarKeepsItsEntriesAndReadsElsewhere(t *testing.T) {
	b := open(t)
	status, h, first := b.ask("GET", "/abfall/kalender/1012.ics", nil)
	if status != 200 || h.Get("Content-Type") != "text/calendar; charset=utf-8" || !strings.Contains(first, "METHOD:PUBLISH") || !strings.Contains(first, "DTSTART;VALUE=DATE:2027") {
		t.Fatalf("%d %v", status, h)
	}
	req, _ := http.NewRequest("GET", b.url+"/abfall/kalender/1012.ics", nil)
	req.Header.Set("If-None-Match", h.Get("ETag"))
	if res, err := b.client.Do(req); err != nil || res.StatusCode != 304 {
		t.Errorf("%v %v", res, err)
	}
	uids := func(s string) map[string]bool {
		all := map[string]bool{}
		for _, m := range regexp.MustCompile(`UID:(\S+)`).FindAllStringSubmatch(strings.ReplaceAll(s, "\r\n ", ""), -1) {
			all[m[1]] = true
		}
		return all
	}
	b.pass(72 * time.Hour)
	_, _, later := b.ask("GET", "/abfall/kalender/1012.ics", nil)
	before, after := uids(first), uids(later)
	if len(before) != strings.Count(first, "BEGIN:VEVENT") || len(after) == 0 {
		t.Errorf("%d UIDs of %d entries", len(before), strings.Count(first, "BEGIN:VEVENT"))
	}
	for uid := range after {
		if !before[uid] {
			t.Errorf("three days later %s is new", uid)
		}
	}
	// A reader that is not ours finds the same days.
	cmd := exec.Command("python3", "-c", "import sys, icalendar\nc=icalendar.Calendar.from_ical(sys.stdin.buffer.read())\nprint(*[e['DTSTART'].dt.isoformat() for e in c.walk('VEVENT')])")
	cmd.Stdin = strings.NewReader(first)
	out, err := cmd.Output()
	if err != nil {
		t.Skip("python3-icalendar is not here")
	}
	if days := strings.Fields(string(out)); len(days) != len(before) || days[0] < "2026-12-02" {
		t.Errorf("%d days", len(days))
	}
}

var links = regexp.MustCompile(`/abfall/erinnerung/(bestaetigen|abmelden)/[a-z2-7]{32}/`)

func TestRemindersByMail(t *testing.T) {
	b := open(t)
	b.ask("POST", "/abfall/", search("Friedrichsplatz", "12"))
	if status, _, body := b.ask("POST", "/abfall/1012/erinnern/", url.Values{"email": {"erika@"}}); status != 422 || !strings.Contains(body, `value="erika@"`) {
		t.Errorf("%d", status)
	}
	for range 3 { // again and again: one letter
		if status, h, _ := b.ask("POST", "/abfall/1012/erinnern/", url.Values{"email": {"erika@Example.org"}}); status != 303 || h.Get("Location") != "/abfall/1012/?getan=angemeldet" {
			t.Fatalf("%d", status)
		}
	}
	letters := b.letters()
	if len(letters) != 1 || letters[0].To != "erika@example.org" {
		t.Fatalf("%+v", letters)
	}
	confirm := links.FindString(letters[0].Button.URL)
	// Neither a pick-up nor a program that opens links makes a reminder.
	b.ask("GET", confirm, nil)
	evening := func() int {
		n, err := b.w.Remind(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for range 14 {
		b.pass(24 * time.Hour)
		if evening() != 0 {
			t.Fatal("a mail before it was confirmed")
		}
	}
	if status, _, body := b.ask("POST", confirm, url.Values{}); status != 200 || !strings.Contains(body, "Erinnerung ist bestellt") {
		t.Fatalf("%d", status)
	}
	b.now.Store(time.Date(2026, 12, 16, 18, 0, 0, 0, content.Berlin).UnixNano())
	sent := 0
	for range 14 {
		k := evening()
		if again := evening(); again != k { // written twice, kept once
			t.Errorf("%d, then %d", k, again)
		}
		sent += k
		b.pass(24 * time.Hour)
	}
	letters = b.letters()
	if sent < 3 || len(letters) != 1+sent {
		t.Errorf("%d reminders, %d letters", sent, len(letters))
	}
	m := letters[len(letters)-1]
	if !strings.Contains(m.Text, "müll") && !strings.Contains(m.Text, "Tonne") && !strings.Contains(m.Text, "Papier") || !strings.Contains(m.Text, "Friedrichsplatz 12") {
		t.Errorf("%+v", m)
	}
	end := links.FindString(m.Unsubscribe)
	if !strings.Contains(end, "abmelden") {
		t.Fatalf("%+v", m)
	}
	b.ask("GET", end, nil)
	if n := b.count(`SELECT count(*) FROM waste_reminders`); n != 1 {
		t.Error("opening the link ended the reminder")
	}
	for range 2 { // as mail programs do it (RFC 8058), and once more
		if status, _, _ := b.ask("POST", end, url.Values{"List-Unsubscribe": {"One-Click"}}); status != 200 {
			t.Errorf("%d", status)
		}
	}
	if n := b.count(`SELECT count(*) FROM waste_reminders`); n != 0 {
		t.Error("the address is still there")
	}
}

// Reminders go on while the collection is down.
func TestRemindersLiveOnTheLastKnownCalendar(t *testing.T) {
	b := open(t)
	b.ask("POST", "/abfall/1012/erinnern/", url.Values{"email": {"erika@example.org"}})
	b.ask("POST", links.FindString(b.letters()[0].Button.URL), url.Values{})
	b.line.Always(faults.Fault{Kind: faults.Status, Code: 500})
	n := 0
	for range 8 {
		k, err := b.w.Remind(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n += k
		b.pass(24 * time.Hour)
	}
	if n == 0 {
		t.Error("no reminder in eight days")
	}
}

func TestWhatIsNotNeededGoes(t *testing.T) {
	b := open(t)
	for i, email := range []string{"pending@example.org", "active@example.org"} {
		b.ask("POST", "/abfall/101"+string(rune('2'+i))+"/erinnern/", url.Values{"email": {email}})
	}
	b.ask("POST", links.FindString(b.letters()[1].Button.URL), url.Values{})
	b.ask("GET", "/abfall/2012/", nil)
	sweep := func() {
		if _, err := b.w.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b.pass(47 * time.Hour)
	sweep()
	if n := b.count(`SELECT count(*) FROM waste_reminders`); n != 2 {
		t.Errorf("%d reminders before their time", n)
	}
	b.pass(2 * time.Hour)
	sweep()
	if n := b.count(`SELECT count(*) FROM waste_reminders WHERE email = 'pending@example.org'`); n != 0 {
		t.Error("an address that nobody confirmed is still there")
	}
	b.pass(61 * 24 * time.Hour)
	sweep()
	if n := b.count(`SELECT count(*) FROM waste_locations`); n != 1 || b.count(`SELECT count(*) FROM waste_reminders`) != 1 {
		t.Errorf("%d places", n)
	}
	b.pass(500 * 24 * time.Hour) // no date since then
	sweep()
	sweep()
	for _, table := range []string{"waste_reminders", "waste_locations", "waste_calendars"} {
		if n := b.count(`SELECT count(*) FROM ` + table); n != 0 {
			t.Errorf("%s: %d rows", table, n)
		}
	}
}
