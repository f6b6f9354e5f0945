package planning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/pocketbase/core"
)

// keep saves a profile by the form.
func (h *house) keep(b browser, name, every string) {
	h.t.Helper()
	form := wish()
	form.Set("name", name)
	form.Set("every", every)
	if res, body := b.do("POST", exportsAt+"profile/", form); res.StatusCode != http.StatusSeeOther {
		h.t.Fatalf("%s %s: %d\n%s", name, every, res.StatusCode, body)
	}
}

func (h *house) profile(name string) saved {
	h.t.Helper()
	all, err := savedProfiles(h.t.Context(), h.p.App.DB(), `name = '`+name+`'`, nil)
	if err != nil || len(all) != 1 {
		h.t.Fatal(all, err)
	}
	return all[0]
}

// closes sets the survey's end by a second version.
func (h *house) closes(at time.Time) {
	h.t.Helper()
	c, err := h.p.App.FindCollectionByNameOrId("survey_versions")
	if err != nil {
		h.t.Fatal(err)
	}
	r := core.NewRecord(c)
	r.Set("survey", "smart-kassel")
	r.Set("version", 2)
	r.Set("questionnaire", survey.Questionnaire{Slug: "smart-kassel", Version: 2, Title: content.Text{content.German: "Smart Kassel"}, Opens: basetest.Start.AddDate(0, 0, -7), Closes: at})
	if err := h.p.App.Save(r); err != nil {
		h.t.Fatal(err)
	}
}

// night goes to 02:30 of the next day and runs the schedules.
func (h *house) night() (string, error) {
	h.t.Helper()
	now := h.p.Now().In(content.Berlin)
	next := time.Date(now.Year(), now.Month(), now.Day()+1, 2, 30, 0, 0, content.Berlin)
	h.later(next.Sub(h.p.Now()))
	return h.RunSchedules(h.t.Context())
}

func TestSavedProfilesFillTheFormAndMakePackages(t *testing.T) {
	h := newHouse(t)
	h.run()
	b := h.planner()
	form := wish("format", "csv", "bis", "2026-12-24", "weg", "paper")
	form.Set("name", "  Für   den Beirat ")
	if res, _ := b.do("POST", exportsAt+"profile/", form); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != exportsAt+"#profile" {
		t.Fatalf("%d", res.StatusCode)
	}
	p := h.profile("Für den Beirat")
	_, body := b.do("GET", exportsAt+"?profil="+p.ID)
	wants(t, body, `id="format-csv" name="format" value="csv" checked`, `value="2026-12-24"`, `value="paper" checked`, "Vorlage für den Ausschuss", "<h3>Für den Beirat</h3>", "keiner, nur von Hand")
	another := h.planner()
	if res, _ := another.do("GET", exportsAt+"?profil="+p.ID); res.StatusCode != http.StatusNotFound {
		t.Errorf("another's profile: %d", res.StatusCode)
	}
	if _, body := another.do("GET", exportsAt); strings.Contains(body, "Für den Beirat") {
		t.Error("another's profile is shown")
	}
	for _, was := range []string{"starten", "loeschen"} {
		if res, _ := another.do("POST", exportsAt+"profile/"+p.ID+"/", url.Values{"was": {was}}); res.StatusCode != http.StatusNotFound {
			t.Errorf("another may %s: %d", was, res.StatusCode)
		}
	}
	if res, _ := b.do("POST", exportsAt+"profile/"+p.ID+"/", url.Values{"was": {"starten"}}); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d", res.StatusCode)
	}
	if f := h.waitFor("ready"); fmt.Sprint(f.Profile) != fmt.Sprint(p.Profile) || f.Reason != p.Reason {
		t.Errorf("made %+v", f)
	}
	form.Set("format", "xlsx")
	b.do("POST", exportsAt+"profile/", form) // the same name: written anew
	if p := h.profile("Für den Beirat"); p.Profile.Formats[0] != "xlsx" {
		t.Errorf("%+v", p)
	}
	if res, _ := b.do("POST", exportsAt+"profile/"+p.ID+"/", url.Values{"was": {"?"}}); res.StatusCode != http.StatusBadRequest {
		t.Errorf("%d", res.StatusCode)
	}
	if res, _ := b.do("POST", exportsAt+"profile/"+p.ID+"/", url.Values{"was": {"loeschen"}}); res.StatusCode != http.StatusSeeOther || h.count(`SELECT count(*) FROM export_profiles`) != 0 {
		t.Errorf("%d", res.StatusCode)
	}
	for field, value := range map[string]string{"name": "", "every": "closing"} { // this survey never closes
		form.Set("name", "x")
		form.Set(field, value)
		res, body := b.do("POST", exportsAt+"profile/", form)
		if res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s %q: %d", field, value, res.StatusCode)
		}
		wants(t, body, `<a href="#f-`+field+`">`)
		form.Set("every", "")
	}
}

func TestSchedulesMakeWhatIsDueAndHasNewAnswers(t *testing.T) {
	h := newHouse(t)
	b := h.planner()
	h.closes(time.Date(2026, 12, 8, 23, 0, 0, 0, time.UTC)) // Wednesday 9 December, 0:00 in Berlin
	h.keep(b, "Nächtlich", "day")
	h.keep(b, "Wöchentlich", "week")
	h.keep(b, "Am Ende", "closing")
	h.keep(b, "Von Hand", "")
	if note, err := h.RunSchedules(t.Context()); err != nil || note != "0 Pakete nach Zeitplan erstellt, 0 ohne neue Antworten" {
		t.Errorf("the day they were made: %q %v", note, err)
	}
	for _, s := range []struct {
		day, want string
		new       int
	}{ // it is Wednesday 2 December
		{"Thursday", "1 Pakete nach Zeitplan erstellt, 0 ohne neue Antworten", 0},
		{"Friday", "0 Pakete nach Zeitplan erstellt, 1 ohne neue Antworten", 0},
		{"Saturday", "1 Pakete nach Zeitplan erstellt, 0 ohne neue Antworten", 1},
		{"Sunday", "0 Pakete nach Zeitplan erstellt, 1 ohne neue Antworten", 0},
		{"Monday", "2 Pakete nach Zeitplan erstellt, 0 ohne neue Antworten", 1},
		{"Tuesday", "0 Pakete nach Zeitplan erstellt, 1 ohne neue Antworten", 0},
		{"Wednesday, closed", "2 Pakete nach Zeitplan erstellt, 0 ohne neue Antworten", 1},
		{"Thursday", "0 Pakete nach Zeitplan erstellt, 1 ohne neue Antworten", 0},
	} {
		h.counts[0].N += s.new
		if note, err := h.night(); err != nil || note != s.want {
			t.Errorf("%s: %q %v, want %q", s.day, note, err, s.want)
		}
		if note, err := h.RunSchedules(t.Context()); err != nil || !strings.HasPrefix(note, "0 ") || !strings.Contains(note, " 0 ohne") {
			t.Errorf("%s, a second time: %q %v", s.day, note, err)
		}
	}
	if h.profile("Von Hand").Last != "" || h.profile("Am Ende").Last != "2026-12-08T23:00:00Z" {
		t.Errorf("%+v", h.profile("Am Ende"))
	}
	_, body := b.do("GET", exportsAt)
	wants(t, body, "Zuletzt: keine neuen Antworten", "Zuletzt: Paket erstellt")
}

// The mail holds a link to a page behind the log-in, and no answers.
func TestAScheduledPackageIsToldByMail(t *testing.T) {
	h := newHouse(t)
	b := h.planner()
	h.keep(b, "Nächtlich", "day")
	if _, err := h.night(); err != nil {
		t.Fatal(err)
	}
	var orders []struct {
		Key     string `db:"key"`
		Kind    string `db:"kind"`
		Payload string `db:"payload"`
	}
	if err := h.p.App.DB().NewQuery(`SELECT key, kind, payload FROM orders`).All(&orders); err != nil || len(orders) != 1 {
		t.Fatal(orders, err)
	}
	var m hooks.Mail
	payload, err := h.p.OpenPayload(orders[0].Kind, orders[0].Key, []byte(orders[0].Payload))
	if err != nil || strings.Contains(orders[0].Payload, "planung") {
		t.Fatal(orders[0].Payload, err)
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		t.Fatal(err)
	}
	staff, err := h.p.App.FindRecordById("staff", b.staff)
	if err != nil {
		t.Fatal(err)
	}
	if m.To != staff.Email() || orders[0].Kind != base.PrivateMail || !strings.Contains(m.Text, "http://service-point.test"+exportsAt+"#exporte") ||
		!strings.Contains(m.Text, "„Nächtlich“") || strings.Contains(m.Text, h.only().ID) || strings.Contains(m.Text, "{") {
		t.Errorf("%s %+v", orders[0].Kind, m)
	}
	h.made(b) // by hand: no mail
	if n := h.count(`SELECT count(*) FROM orders`); n != 1 {
		t.Errorf("%d mails", n)
	}
}

func TestASchedulePausesWithoutClearance(t *testing.T) {
	h := newHouse(t)
	b := h.planner()
	h.keep(b, "Nächtlich", "day")
	c, err := h.cleared(t.Context(), h.p.App.DB(), b.staff, "smart-kassel")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.revoke(t.Context(), c.ID, "x"); err != nil {
		t.Fatal(err)
	}
	if note, err := h.night(); err != nil || !strings.HasPrefix(note, "0 ") {
		t.Errorf("%q %v", note, err)
	}
	if p := h.profile("Nächtlich"); p.Note != "not_cleared" || h.count(`SELECT count(*) FROM export_files`) != 0 || h.count(`SELECT count(*) FROM orders`) != 0 {
		t.Errorf("%+v", p)
	}
	h.clear(b.staff, "smart-kassel", false, false)
	if note, err := h.RunSchedules(t.Context()); err != nil || !strings.HasPrefix(note, "1 ") {
		t.Errorf("cleared again: %q %v", note, err)
	}
}

func TestAFailedScheduleComesAgain(t *testing.T) {
	h := newHouse(t)
	b := h.planner()
	h.publish("andere", "Andere")
	h.counts = append(h.counts, Count{"andere", "2026-12-02", "web", 1})
	h.clear(b.staff, "andere", false, false)
	h.closes(basetest.Start.Add(time.Hour))
	h.keep(b, "Am Ende", "closing")
	form := wish("name", "Nächtlich", "every", "day")
	if res, _ := b.do("POST", "/planung/exporte/umfragen/andere/profile/", form); res.StatusCode != http.StatusSeeOther {
		t.Fatal(res.StatusCode)
	}
	good := h.write
	h.write = func(ctx context.Context, pkg Package, path string, progress func(done, total int)) (int, error) {
		if pkg.Survey == "smart-kassel" {
			return 0, errors.New("broken")
		}
		return good(ctx, pkg, path, progress)
	}
	note, err := h.night()
	if err == nil || !strings.Contains(err.Error(), "smart-kassel: broken") || !strings.HasPrefix(note, "1 Pakete") {
		t.Errorf("%q %v", note, err)
	}
	if p := h.profile("Am Ende"); p.Note != "failed" || p.Last != "" {
		t.Errorf("%+v", p)
	}
	h.write = good
	if note, err := h.night(); err != nil || !strings.HasPrefix(note, "1 Pakete") {
		t.Errorf("the next night: %q %v", note, err)
	}
	if p := h.profile("Am Ende"); p.Note != "made" {
		t.Errorf("%+v", p)
	}
}

func TestSchedulesWaitForAPlannersPackage(t *testing.T) {
	h := newHouse(t)
	b := h.planner()
	h.keep(b, "Nächtlich", "day")
	h.later(24 * time.Hour)
	id, err := h.begin(t.Context(), h.order(b))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := h.RunSchedules(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("did not wait: %v", err)
	}
	if _, err := h.Planning.cancel(id); err != nil {
		t.Fatal(err)
	}
	if note, err := h.RunSchedules(t.Context()); err != nil || !strings.HasPrefix(note, "1 ") {
		t.Errorf("%q %v", note, err)
	}
}

// Weeks and days are those of Berlin, also when the clocks change.
func TestOccurrences(t *testing.T) {
	at := func(s string) time.Time {
		d, err := time.ParseInLocation("2006-01-02 15:04", s, content.Berlin)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	closes := at("2026-12-31 23:59")
	for _, c := range []struct{ every, now, want string }{
		{"", "2026-12-02 02:30", ""},
		{"day", "2026-12-02 02:30", "2026-12-02"},
		{"day", "2027-03-28 03:30", "2027-03-28"},
		{"day", "2027-10-31 02:30", "2027-10-31"},
		{"week", "2026-12-06 23:59", "2026-11-30"},
		{"week", "2026-12-07 00:00", "2026-12-07"},
		{"week", "2027-01-01 02:30", "2026-12-28"},
		{"closing", "2026-12-31 23:58", ""},
		{"closing", "2026-12-31 23:59", "2026-12-31T22:59:00Z"},
		{"closing", "2027-05-01 12:00", "2026-12-31T22:59:00Z"},
	} {
		if got := occurrence(c.every, at(c.now), closes); got != c.want {
			t.Errorf("%s at %s: %q, want %q", c.every, c.now, got, c.want)
		}
	}
	if occurrence("closing", at("2027-01-01 00:00"), time.Time{}) != "" {
		t.Error("a survey without an end has closed")
	}
}
