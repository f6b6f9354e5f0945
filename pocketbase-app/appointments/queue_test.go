package appointments

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/content/report"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
)

// counter is a house whose visitor is signed in with all roles of this matter.
func counter(t testing.TB) house {
	t.Helper()
	p := basetest.New(t, Words)
	return serve(t, p, New(p), basetest.SignedIn(t, p, base.Counter, base.Admin))
}

// press sends a form of the staff and follows to the page that it leads to.
func (h house) press(path string, pairs ...string) reply {
	h.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	r := h.send("POST", path, "", form)
	if r.status == 303 {
		to := r.header.Get("Location")
		next := h.send("GET", to, "", nil)
		wants(h.t, to, next, 200)
		return next
	}
	return r
}

// A day at the counter: somebody comes to their appointment, somebody without one,
// both are called, one does not hear it and comes back.
func TestADayAtTheCounter(t *testing.T) {
	h := counter(t)
	booked := h.book("ada@example.org", berlin("2026-12-03 10:00"), "energie")
	h.at(berlin("2026-12-03 09:50"))
	day := h.send("GET", "/schalter/termine/", "", nil)
	wants(t, "the day", day, 200, "Ada Lovelace", "10:00 Uhr", "gebucht", "Beispiel")
	one := "/schalter/termine/" + booked.Reference + "/"
	wants(t, "the appointment", h.send("GET", one, "", nil), 200, "ada@example.org", "Ist gekommen")
	wants(t, "too early to be missed", h.press(one, "action", "verpasst"), 409, "noch nicht begonnen")

	walkin := h.press("/schalter/aufruf/nummer/", "leistung", "ausweise")
	wants(t, "a slip", walkin, 200, "A001", "<svg", "QR-Code")
	slip := h.press(one, "action", "kommt")
	wants(t, "another slip", slip, 200, "T002")
	if again := h.press(one, "action", "kommt"); !strings.Contains(again.body, "T002") || h.number(`SELECT count(*) FROM visits`) != 2 {
		t.Error("checking in twice gives another number")
	}

	// It is not yet ten: who came first is called first.
	wants(t, "no desk", h.press("/schalter/aufruf/", "action", "naechste", "jetzt", "0"), 422)
	now := h.press("/schalter/aufruf/", "platz", "platz-1", "action", "naechste", "jetzt", "0")
	wants(t, "called", now, 200, "Jetzt: A001", "Es warten: 1")
	screen := h.send("GET", "/aufruf/service-point/", "", nil)
	wants(t, "the screen", screen, 200, "A001", "Platz 1", "no-store"[:0])
	if strings.Contains(screen.body, "Ada") || strings.Contains(screen.body, "Ausweise") {
		t.Error("the screen tells more than numbers and desks")
	}
	// The desk is busy: the calendar does not give it out.
	if n := h.number(`SELECT count(*) FROM appointment_ticks WHERE resource = 'platz-1' AND holder LIKE 'V-%'`); n == 0 {
		t.Error("the calendar does not know that the desk is busy")
	}
	// The same press again calls nobody else.
	wants(t, "pressed twice", h.press("/schalter/aufruf/", "platz", "platz-1", "action", "naechste", "jetzt", "0"), 409, "Jetzt: A001", "inzwischen etwas ge")
	wants(t, "called again", h.press("/schalter/aufruf/", "platz", "platz-1", "action", "nochmal", "jetzt", "1"), 200, "Jetzt: A001")

	h.at(berlin("2026-12-03 10:02"))
	now = h.press("/schalter/aufruf/", "platz", "platz-1", "action", "naechste", "jetzt", "1")
	wants(t, "the appointment is called", now, 200, "Jetzt: T002")
	now = h.press("/schalter/aufruf/", "platz", "platz-1", "action", "verpasst", "jetzt", "2")
	wants(t, "did not come", now, 200, "Wieder einreihen")
	wants(t, "comes back", h.press("/schalter/aufruf/", "platz", "platz-1", "zurueck", "2"), 200, "Es warten: 1")
	now = h.press("/schalter/aufruf/", "platz", "platz-1", "action", "naechste", "jetzt", "0")
	wants(t, "called once more", now, 200, "Jetzt: T002")
	h.at(berlin("2026-12-03 10:40"))
	wants(t, "done", h.press("/schalter/aufruf/", "platz", "platz-1", "action", "fertig", "jetzt", "2"), 200, "Der Platz ist frei")
	wants(t, "nobody", h.press("/schalter/aufruf/", "platz", "platz-1", "action", "naechste", "jetzt", "0"), 200, "Es wartet niemand")
	if n := h.number(`SELECT count(*) FROM appointments WHERE state = 'done' AND ended IS NOT NULL`); n != 1 {
		t.Error("the appointment is not done")
	}
	wants(t, "over", h.send("GET", one, "", nil), 200, "erledigt")

	tables := basetest.Report(t, h.p, report.Period{From: "2026-12-01", To: "2026-12-31"}, h.s.Report)
	for name, want := range map[string]string{
		"termine-je-tag":   "03.12.2026",
		"nicht-gekommen":   "2026-W49",
		"termine-je-woche": "2026-W49|1|1|0|0|1|2",
	} {
		if got := strings.Join(tables[name], "\n"); !strings.Contains(got, want) || strings.Contains(got, "Ada") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

var numberLink = regexp.MustCompile(`/aufruf/nummer/[0-9A-Z]{32}/`)

// The page of a number says how long it will take once enough is known, and
// nothing before; its address is out of the way after the first look.
func TestThePageOfANumber(t *testing.T) {
	h := counter(t)
	h.at(berlin("2026-12-03 10:00"))
	v, err := h.s.WalkIn([]string{"ausweise"})
	if err != nil {
		t.Fatal(err)
	}
	link := "/aufruf/nummer/" + h.s.numberToken(v.Place, v.Day, v.Number) + "/"
	r := h.send("GET", link, "", nil)
	if r.status != 303 || strings.Contains(r.header.Get("Location"), "/aufruf/nummer/A") || r.header.Get("Referrer-Policy") != "no-referrer" {
		t.Fatalf("%d %v", r.status, r.header)
	}
	cookie := r.cookie()
	page := h.send("GET", "/aufruf/nummer/", cookie, nil)
	wants(t, "unknown", page, 200, "A001", "wissen wir gerade nicht", "als N")
	if numberLink.MatchString(page.body) {
		t.Error("the page repeats its secret")
	}
	// Ten conversations of ten minutes, and two desks at work.
	for i := range 10 {
		at := h.p.Now().Add(-time.Duration(100-10*i) * time.Minute).UnixMilli()
		h.exec(fmt.Sprintf(`INSERT INTO visits (place, day, number, services, arrived, called, desk, finished, state) VALUES ('service-point', '2026-12-03', %d, 'ausweise', %d, %d, 'platz-%d', %d, 'done')`,
			50+i, at, at, 1+i%2, at+600_000))
	}
	for range 4 {
		if _, err := h.s.WalkIn([]string{"wohnen"}); err != nil {
			t.Fatal(err)
		}
	}
	last, err := h.s.WalkIn([]string{"wohnen"})
	if err != nil {
		t.Fatal(err)
	}
	cookie = h.send("GET", "/aufruf/nummer/"+h.s.numberToken(last.Place, last.Day, last.Number)+"/", "", nil).cookie()
	page = h.send("GET", "/aufruf/nummer/", cookie, nil)
	wants(t, "known", page, 200, "A06", "Voraussichtlich", "5 Nummern sind vor Ihnen")
	for _, lang := range []string{"/en", "/ls"} {
		wants(t, lang, h.send("GET", lang+"/aufruf/nummer/", cookie, nil), 200, "A06")
	}
	if called, err := h.s.Call("platz-1", 0); !called || err != nil {
		t.Fatal(called, err)
	}
	if h.number(`SELECT count(*) FROM visits WHERE number = {:n} AND state = 'called'`, "n", v.Number) != 1 {
		t.Error("not the first was called")
	}
	// At night the link dies.
	h.at(berlin("2026-12-04 04:30"))
	if _, err := h.s.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := h.send("GET", link, "", nil); r.status != 404 {
		t.Errorf("the next day: %d", r.status)
	}
	if r := h.send("GET", "/aufruf/nummer/", cookie, nil); r.status != 404 {
		t.Errorf("the cookie, the next day: %d", r.status)
	}
	if n := h.number(`SELECT count(*) FROM visits WHERE token_hash IS NOT NULL OR state IN ('waiting', 'called')`); n > 0 {
		t.Errorf("%d numbers live on", n)
	}
}

// Desks that call at the same time never call the same number.
func TestTwoDesksNeverCallTheSame(t *testing.T) {
	h := counter(t)
	h.at(berlin("2026-12-03 10:00"))
	for range 30 {
		if _, err := h.s.WalkIn([]string{"ausweise"}); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for desk := 1; desk <= 3; desk++ {
		wg.Go(func() {
			for range 10 {
				code, seen := fmt.Sprint("platz-", desk), 0
				if err := h.p.App.DB().NewQuery(`SELECT coalesce(max(number), 0) FROM visits WHERE state = 'called' AND desk = '` + code + `'`).Row(&seen); err != nil {
					t.Error(err)
				}
				if called, err := h.s.Call(code, seen); err != nil || !called {
					t.Error(code, called, err)
				}
			}
		})
	}
	wg.Wait()
	if n := h.number(`SELECT count(*) FROM visits WHERE calls <> 1`); n > 0 {
		t.Errorf("%d numbers were called twice or never", n)
	}
	if done, called := h.number(`SELECT count(*) FROM visits WHERE state = 'done'`), h.number(`SELECT count(*) FROM visits WHERE state = 'called'`); done != 27 || called != 3 {
		t.Errorf("%d done, %d called", done, called)
	}
}

// Staff give out appointments of their own contingents and move them.
func TestStaffBookAndMove(t *testing.T) {
	h := counter(t)
	page := h.send("GET", "/schalter/termine/neu/?kanal=telephone&leistung=wohnen&tag=2026-12-04", "", nil)
	wants(t, "times", page, 200, "Freitag, 4. Dezember 2026")
	wants(t, "no service", h.send("GET", "/schalter/termine/neu/?kanal=telephone", "", nil), 422, "worum es geht")
	send := func(pairs ...string) reply {
		return h.press("/schalter/termine/neu/", append([]string{"kanal", "telephone", "leistung", "wohnen", "tag", "2026-12-04"}, pairs...)...)
	}
	wants(t, "no time", send("name", "Grace"), 422, `href="#f-start"`, `value="Grace"`)
	wants(t, "no name", send("start", "2026-12-04T09:00:00Z", "email", "nope"), 422, `href="#f-name"`, `href="#f-email"`, `value="nope"`)
	wants(t, "not free", send("name", "Grace", "start", "2026-12-06T09:00:00Z"), 409, "gerade vergeben", `value="Grace"`)
	one := send("name", "Grace Hopper", "start", "2026-12-04T09:00:00Z")
	wants(t, "booked", one, 200, "Grace Hopper", "Telefon", "10:00 Uhr")
	wants(t, "the contingent of the telephone is one desk", send("name", "Ada", "start", "2026-12-04T09:00:00Z"), 409)
	reference := regexp.MustCompile(`T-[0-9A-Z]{5}-[0-9A-Z]{5}`).FindString(one.body)
	move := "/schalter/termine/" + reference + "/verschieben/"
	page = h.send("GET", move+"?tag=2026-12-04", "", nil)
	wants(t, "move", page, 200, `value="2026-12-04T10:00:00Z"`)
	if strings.Contains(page.body, `value="2026-12-04T09:00:00Z"`) {
		t.Error("the time that it has is offered")
	}
	wants(t, "no time", h.press(move, "start", "x"), 422, "Bitte w")
	wants(t, "a closed day", h.press(move, "start", "2026-12-06T09:00:00Z"), 409, "gerade vergeben")
	wants(t, "moved", h.press(move, "start", "2026-12-04T10:00:00Z"), 200, "11:00 Uhr")
	wants(t, "cancelled", h.press("/schalter/termine/"+reference+"/", "action", "absagen"), 200, "abgesagt")
	wants(t, "too late", h.press(move, "start", "2026-12-04T11:00:00Z"), 409, "nicht mehr")
	if n := h.number(`SELECT count(*) FROM orders`); n > 0 {
		t.Errorf("%d messages to somebody who left no contact", n)
	}
	for _, path := range []string{"/schalter/termine/T-none/", "/schalter/termine/T-none/verschieben/", "/schalter/aufruf/nummer/9/", "/schalter/aufruf/nummer/x/", "/aufruf/anderswo/"} {
		if r := h.send("GET", path, "", nil); r.status != 404 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
}

// What administrators enter is checked at its field, and nothing that they typed is lost.
func TestSettings(t *testing.T) {
	h := counter(t)
	h.exec(`INSERT INTO guides (id, slug) SELECT 'x', 'reisepass' WHERE NOT EXISTS (SELECT 1 FROM guides)`)
	wants(t, "settings", h.send("GET", "/redaktion/termine/", "", nil), 200, "Beratung zur Energie", "Team A", "Feiertage", "Fronleichnam")
	frame := []string{"place_name", "Service Point", "step", "15", "lead", "60", "horizon", "30", "public", "1", "telephone", "1", "counter", "1"}
	service := []string{"code", "wasser", "name_de", "Wasser", "minutes", "20", "setup", "5", "wrapup", "5", "active", "ja"}
	resource := []string{"r_code", "platz-4", "r_name", "Platz 4", "kind", "desk", "skill", "energie", "r_active", "ja"}
	but := func(list []string, name, value string) []string {
		out := append([]string{}, list...)
		for i := 0; i < len(out); i += 2 {
			if out[i] == name {
				out[i+1] = value
				return out
			}
		}
		return append(out, name, value)
	}
	long := strings.Repeat("x", 300)
	for name, c := range map[string]struct {
		path  string
		pairs []string
		wants string
	}{
		"a step that is none":       {"rahmen", but(frame, "step", "7"), `href="#f-step"`},
		"no lead":                   {"rahmen", but(frame, "lead", ""), `href="#f-lead"`},
		"a horizon of words":        {"rahmen", but(frame, "horizon", "bald"), `value="bald"`},
		"too many desks":            {"rahmen", but(frame, "public", "1000"), `href="#f-public"`},
		"no name":                   {"rahmen", but(frame, "place_name", ""), `href="#f-place_name"`},
		"a code with blanks":        {"leistungen", but(service, "code", "a b"), `value="a b"`},
		"no German name":            {"leistungen", but(service, "name_de", ""), `href="#f-name_de"`},
		"a long name":               {"leistungen", but(service, "name_en", long), long},
		"seven minutes":             {"leistungen", but(service, "minutes", "7"), `href="#f-minutes"`},
		"a guide that is none":      {"leistungen", but(service, "guide", "zauberei"), `href="#f-guide"`},
		"a kind that is none":       {"plaetze", but(resource, "kind", "robot"), `href="#f-kind"`},
		"an unknown skill":          {"plaetze", but(resource, "skill", "zaubern"), `href="#f-skill"`},
		"the code of the place":     {"plaetze", but(resource, "r_code", "service-point"), `href="#f-r_code"`},
		"another kind":              {"plaetze", but(but(resource, "r_code", "platz-1"), "kind", "adviser"), `href="#f-kind"`},
		"hours that end first":      {"zeiten", []string{"owner", "service-point", "day1", "18:00-10:00"}, `value="18:00-10:00"`},
		"hours that overlap":        {"zeiten", []string{"owner", "service-point", "day2", "10:00-13:00, 12:00-18:00"}, `href="#f-day2"`},
		"hours of nobody":           {"zeiten", []string{"owner", "niemand"}, "Diese Auswahl gibt es nicht"},
		"a day that is none":        {"ausnahmen", []string{"x_owner", "service-point", "x_day", "2026-02-30"}, `href="#f-x_day"`},
		"two stretches":             {"ausnahmen", []string{"x_owner", "service-point", "x_day", "2026-12-24", "x_hours", "10:00-11:00, 12:00-13:00"}, `href="#f-x_hours"`},
		"an exception for nobody":   {"ausnahmen", []string{"x_owner", "niemand", "x_day", "2026-12-24"}, `href="#f-x_owner"`},
		"a note with a line of its": {"ausnahmen", []string{"x_owner", "service-point", "x_day", "2026-12-24", "x_note", "a\nb"}, `href="#f-x_note"`},
	} {
		t.Run(name, func(t *testing.T) {
			wants(t, name, h.press("/redaktion/termine/"+c.path+"/", c.pairs...), 422, c.wants)
		})
	}
	wants(t, "boxes of other forms stay ticked", h.press("/redaktion/termine/leistungen/", "code", "a b"), 422, `name="sample" value="ja" checked`)
	if n := h.number(`SELECT count(*) FROM advice_hours`); n != 6 {
		t.Errorf("%d hours after refusals", n)
	}
	for _, c := range []struct {
		path  string
		pairs []string
		check string
	}{
		{"rahmen", frame, `SELECT count(*) FROM advice_places WHERE name = 'Service Point' AND lead = 60 AND sample = 0`},
		{"leistungen", but(service, "guide", "reisepass"), `SELECT count(*) FROM advice_services WHERE code = 'wasser' AND setup = 5 AND guide = 'reisepass'`},
		{"plaetze", but(resource, "skill", "wasser"), `SELECT count(*) FROM advice_skills WHERE resource = 'platz-4'`},
		{"zeiten", []string{"owner", "platz-4", "day3", "10:00–13:00, 14:00-18:00"}, `SELECT count(*) - 1 FROM advice_hours WHERE owner = 'platz-4'`},
		{"ausnahmen", []string{"x_owner", "service-point", "x_day", "2026-12-24", "x_note", "Heiligabend"}, `SELECT count(*) FROM advice_exceptions WHERE opens IS NULL`},
		{"ausnahmen", []string{"x_owner", "service-point", "x_day", "2026-12-24", "x_hours", "10:00-12:00"}, `SELECT count(*) FROM advice_exceptions WHERE closes = 720`},
		{"ausnahmen", []string{"x_owner", "service-point", "x_day", "2026-12-24", "action", "loeschen"}, `SELECT 1 - count(*) FROM advice_exceptions`},
	} {
		wants(t, c.path, h.press("/redaktion/termine/"+c.path+"/", c.pairs...), 200, "Gespeichert")
		if h.number(c.check) != 1 {
			t.Errorf("%s %v: %s", c.path, c.pairs, c.check)
		}
	}
	wants(t, "a service", h.send("GET", "/redaktion/termine/?leistung=wasser", "", nil), 200, `value="wasser"`)
	wants(t, "a desk", h.send("GET", "/redaktion/termine/?platz=platz-4&zeiten=platz-4", "", nil), 200, `value="10:00-13:00, 14:00-18:00"`)
}

// The rate is told per service and week, with and without a reminder, and not at
// all of a few; a demo begins with weeks behind it.
func TestTheRateOfAppointmentsNotKept(t *testing.T) {
	h := counter(t)
	wants(t, "nothing yet", h.send("GET", "/schalter/termine/quoten/", "", nil), 200, "Noch ist kein Termin vorbei")
	for range 2 { // a second start changes nothing
		if err := h.s.SeedPast(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	overlaps(t, h, 0)
	all, missed := h.number(`SELECT count(*) FROM appointments WHERE state IN ('done', 'missed')`), h.number(`SELECT count(*) FROM appointments WHERE state = 'missed'`)
	if all < 300 || missed*100 < all*15 || missed*100 > all*25 {
		t.Errorf("%d of %d not kept", missed, all)
	}
	if n := h.number(`SELECT count(*) FROM appointments WHERE name <> '' OR email <> '' OR phone <> ''`); n > 0 {
		t.Errorf("%d invented people", n)
	}
	// A demo that starts while it is open knows how long people wait.
	v, err := h.s.WalkIn([]string{"energie"})
	if err != nil {
		t.Fatal(err)
	}
	if r, _, known, err := h.s.Wait(must(readPlan(h.p.App.DB())), v); !known || r.To == 0 || err != nil {
		t.Errorf("%v %v %v", r, known, err)
	}
	page := h.send("GET", "/schalter/termine/quoten/", "", nil)
	wants(t, "rates", page, 200, "2026-W48", "Beratung zur Energie", "–", "Alle Themen", "Punkte (95 %")
	rates, err := h.s.rates(h.p.App.DB(), must(readPlan(h.p.App.DB())), 0, h.p.Now().UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range rates {
		n += r.Ended()
		if r.Ended() != r.Reminded+r.Unreminded || r.Missed != r.RemindedMissed+r.UnremindedMissed || r.Ended() < 10 && r.Share != "–" || r.Ended() >= 10 && r.Share == "–" {
			t.Errorf("%+v", r)
		}
	}
	if n != all {
		t.Errorf("%d counted of %d", n, all)
	}
	tables := basetest.Report(t, h.p, report.Period{From: "2026-10-01", To: "2026-12-31"}, h.s.Report)
	if len(tables["termine-je-tag"]) < 100 || len(tables["nicht-gekommen"]) < 20 {
		t.Errorf("%d and %d rows", len(tables["termine-je-tag"]), len(tables["nicht-gekommen"]))
	}
}

// Newcombe's own example (1998, table II a): 56 of 70 against 48 of 80.
func TestTheIntervalOfADifference(t *testing.T) {
	d, low, high := newcombe(56, 70, 48, 80)
	if math.Abs(d-0.2) > 1e-9 || math.Abs(low-0.0524) > 5e-5 || math.Abs(high-0.3339) > 5e-5 {
		t.Errorf("%v %v %v", d, low, high)
	}
	if _, low, high := newcombe(0, 10, 0, 20); math.Abs(low+0.1611) > 5e-5 || math.Abs(high-0.2775) > 5e-5 {
		t.Errorf("of nothing: %v %v", low, high)
	}
}

// The nightly audit finds what is broken on purpose.
func TestTheAuditFindsWhatIsBroken(t *testing.T) {
	for what, breaks := range map[string]string{
		"one desk at one time":    `UPDATE appointments SET desk = 'platz-1', starts = (SELECT min(starts) FROM appointments), ends = (SELECT min(ends) FROM appointments)`,
		"one adviser at one time": `UPDATE appointments SET adviser = 'team-a', starts = (SELECT min(starts) FROM appointments), ends = (SELECT min(ends) FROM appointments)`,
		"without their time":      `DELETE FROM appointment_ticks WHERE tick = (SELECT min(tick) FROM appointment_ticks)`,
		"that are none":           `UPDATE appointments SET state = 'cancelled'`,
		"offers that ended":       `UPDATE appointment_ticks SET holder = 'O-99'`,
	} {
		t.Run(what, func(t *testing.T) {
			h := open(t)
			h.book("ada@example.org", berlin("2026-12-03 10:00"), "energie")
			h.book("grace@example.org", berlin("2026-12-03 14:00"), "wohnen")
			if err := h.s.Audit(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.exec(breaks)
			if err := h.s.Audit(t.Context()); err == nil || !strings.Contains(err.Error(), what) || strings.Contains(err.Error(), "example.org") {
				t.Errorf("%v", err)
			}
		})
	}
}

// Whoever is away leaves a list of appointments behind; staff give them somebody
// else at the same time, or another time.
func TestSomebodyIsIll(t *testing.T) {
	h := counter(t)
	a := h.book("ada@example.org", berlin("2026-12-03 10:00"), "wohnen") // team B or C
	other := h.book("grace@example.org", berlin("2026-12-03 12:00"), "e-mobilitaet")
	if page := h.send("GET", "/schalter/termine/", "", nil); strings.Contains(page.body, "nicht stattfinden") {
		t.Error("a list of nothing")
	}
	settings := h.press("/redaktion/termine/ausnahmen/", "x_owner", a.Adviser, "x_day", "2026-12-03", "x_note", "krank")
	wants(t, "settings", settings, 200, "nicht stattfinden können: 1", a.Reference)
	wants(t, "the day", h.send("GET", "/schalter/termine/", "", nil), 200, "nicht stattfinden können: 1", a.Reference)
	mails := h.number(`SELECT count(*) FROM orders`)
	wants(t, "somebody else", h.press("/schalter/termine/"+a.Reference+"/", "action", "umsetzen"), 200, "10:00 Uhr")
	if n := h.number(`SELECT count(*) FROM appointments WHERE reference = {:r} AND adviser <> {:adviser} AND desk = {:desk} AND starts = {:starts}`, "r", a.Reference, "adviser", a.Adviser, "desk", a.Desk, "starts", a.Starts); n != 1 {
		t.Error("not somebody else at the same desk and time")
	}
	if h.number(`SELECT count(*) FROM orders`) != mails {
		t.Error("a mail about nothing that matters to the citizen")
	}
	if page := h.send("GET", "/schalter/termine/", "", nil); strings.Contains(page.body, "nicht stattfinden") {
		t.Error("the list goes on")
	}
	// Only team A advises on electric mobility.
	h.press("/redaktion/termine/ausnahmen/", "x_owner", "team-a", "x_day", "2026-12-03")
	wants(t, "nobody else", h.press("/schalter/termine/"+other.Reference+"/", "action", "umsetzen"), 409, "kein anderer Platz")
	// A closed day, a desk that is given up.
	h.press("/redaktion/termine/ausnahmen/", "x_owner", "service-point", "x_day", "2026-12-03")
	wants(t, "closed", h.send("GET", "/schalter/termine/", "", nil), 200, "nicht stattfinden können: 2")
	if err := h.s.Audit(t.Context()); err != nil {
		t.Error(err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
