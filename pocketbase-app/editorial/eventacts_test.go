package editorial

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
)

const eventPath = "/redaktion/veranstaltungen/podium/"

// event is the working copy of an event.
func (h *house) event(slug string) document {
	h.t.Helper()
	rec, err := stored(h.p.App, kindNamed("events"), slug)
	if err != nil {
		h.t.Fatal(err)
	}
	doc, err := parse(docOf(rec))
	if err != nil {
		h.t.Fatal(err)
	}
	return doc
}

// starts are the Berlin starts of all dates of an event, by start.
func (h *house) starts(of string) (list []string) {
	h.t.Helper()
	records, err := dated(h.p.App, of)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, rec := range records {
		list = append(list, h.event(rec.GetString("slug")).moment("start").In(content.Berlin).Format("2006-01-02 15:04"))
	}
	return list
}

func weekly(more url.Values) url.Values {
	form := url.Values{"kind": {"weekly"}, "count": {"3"}}
	for name, v := range more {
		form[name] = v
	}
	return form
}

func TestDatesOfARule(t *testing.T) {
	h := newHouse(t)
	path := eventPath + "termine/"
	if page := h.want(200, "editor", path, nil); strings.Contains(page, h.word("staff.event.date_new")) {
		t.Error("the event's own date is said to be made")
	}
	// Looking makes nothing.
	page := h.want(200, "editor", path, weekly(url.Values{"aktion": {"zeigen"}, "except": {"21.1.2027"}, "extra": {"2027-03-30"}}))
	contains(t, page, "28.01.2027, 18:00", "30.03.2027, 18:00", h.word("staff.event.date_new"))
	if strings.Contains(page, ">21.01.2027, 18:00") || len(h.starts("podium")) != 0 {
		t.Errorf("the day left out is shown, or dates were made: %v", h.starts("podium"))
	}
	// The dates keep the wall clock over the change to summer time, and their windows' distance.
	h.want(303, "editor", eventPath, url.Values{"rev": {h.rev("events", "podium")}, "end_date": {"2027-01-14"}, "end_time": {"20:00"},
		"booking.closes_date": {"2027-01-13"}, "booking.closes_time": {"12:00"}})
	form := weekly(url.Values{"aktion": {"anlegen"}, "rev": {h.rev("events", "podium")}, "except": {"21.1.2027"}, "extra": {"2027-03-30"}, "veroeffentlichen": {"ja"}})
	h.want(303, "editor", path, form)
	if got, want := h.starts("podium"), []string{"2027-01-14 18:00", "2027-01-28 18:00", "2027-03-30 18:00"}; !slices.Equal(got, want) {
		t.Errorf("dates %v, want %v", got, want)
	}
	last := h.event("podium-2027-03-30")
	if got := berlin(last.moment("end")); got != berlin(time.Date(2027, 3, 30, 18, 0, 0, 0, time.UTC)) {
		t.Errorf("ends %s", got)
	}
	if got := berlin(last.moment("booking.closes")); got != berlin(time.Date(2027, 3, 29, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("booking closes %s", got)
	}
	if last.text("series") != "Podium Wärme" || last.text("recurrence.rule") != "" || last.text("recurrence.of") != "podium" {
		t.Errorf("series %q, recurrence %v", last.text("series"), last.at("recurrence"))
	}
	// An editor's wish to publish does not publish.
	if cat, _ := h.Catalogue(t.Context()); len(cat.Events) != 1 {
		t.Errorf("%d events are public", len(cat.Events))
	}
	// Made once more with another rule, dates that there are stay; a page of a date leads to the first.
	form.Set("rev", h.rev("events", "podium"))
	form.Set("count", "4")
	h.want(303, "both", path, form)
	if got := h.starts("podium"); len(got) != 4 || !slices.Contains(got, "2027-02-04 18:00") {
		t.Errorf("after a longer rule: %v", got)
	}
	if cat, _ := h.Catalogue(t.Context()); len(cat.Events) != 2 { // the new one and the first
		t.Errorf("%d events are public", len(cat.Events))
	}
	if _, _, to := h.do("editor", "/redaktion/veranstaltungen/podium-2027-01-28/termine/", nil); to != path {
		t.Errorf("leads to %s", to)
	}
	h.want(404, "editor", "/redaktion/veranstaltungen/podium-2027-01-28/termine/", form)
	// Someone was faster.
	h.want(409, "editor", path, form)
}

func TestRulesThatCannotBe(t *testing.T) {
	h := newHouse(t)
	for name, x := range map[string]struct {
		form  url.Values
		field string
	}{
		"nothing":            {url.Values{}, "kind"},
		"unknown kind":       {url.Values{"kind": {"hourly"}, "count": {"2"}}, "kind"},
		"no end":             {url.Values{"kind": {"weekly"}}, "until"},
		"zero":               {weekly(url.Values{"count": {"0"}}), "count"},
		"words for a number": {weekly(url.Values{"interval": {"zwei"}}), "interval"},
		"no weekday":         {weekly(url.Values{"weekdays": {"XX"}}), "weekdays"},
		"no day":             {weekly(url.Values{"except": {"31.2.2027"}}), "except"},
		"until nonsense":     {url.Values{"kind": {"daily"}, "until": {"bald"}}, "until"},
		"too many":           {url.Values{"kind": {"daily"}, "until": {"2099-01-01"}}, "until"},
		"by the minute":      {url.Values{"rule": {"FREQ=MINUTELY;COUNT=5"}}, "rule"},
		"no rule":            {url.Values{"rule": {"jede Woche"}}, "rule"},
	} {
		for _, act := range []string{"zeigen", "anlegen"} {
			x.form.Set("aktion", act)
			x.form.Set("rev", h.rev("events", "podium"))
			page := h.want(422, "editor", eventPath+"termine/", x.form)
			if !strings.Contains(page, `id="e-`+x.field+`"`) {
				t.Errorf("%s: no error at %s", name, x.field)
			}
		}
	}
	if got := h.starts("podium"); len(got) != 0 {
		t.Errorf("dates were made: %v", got)
	}
	// Without a time of day there is nothing to repeat.
	h.want(303, "editor", eventPath, url.Values{"rev": {h.rev("events", "podium")}, "precision": {"day"}})
	contains(t, h.want(422, "editor", eventPath+"termine/", weekly(nil)), `id="e-kind"`)
}

func TestHandingOn(t *testing.T) {
	h := newHouse(t)
	path := eventPath + "uebernehmen/"
	h.want(404, "editor", path, nil) // it does not recur
	h.want(303, "both", eventPath+"termine/", weekly(url.Values{"aktion": {"anlegen"}, "rev": {h.rev("events", "podium")}, "veroeffentlichen": {"ja"}}))
	second, third := "podium-2027-01-21", "podium-2027-01-28"
	edit := func(slug string, form url.Values) {
		t.Helper()
		form.Set("rev", h.rev("events", slug))
		h.want(303, "both", "/redaktion/veranstaltungen/"+slug+"/", form)
	}
	edit(third, url.Values{"place": {"Rathaus"}}) // waits to be published
	edit(second, url.Values{"room": {"Raum 2"}, "start_date": {"2027-01-21"}, "start_time": {"19:30"}, "texts.de.title": {"Podium Wärme, Teil 2"}, "aktion": {"veroeffentlichen"}})

	from := "/redaktion/veranstaltungen/" + second + "/uebernehmen/"
	contains(t, h.want(422, "both", from, url.Values{"welche": {"folgende"}}), `id="e-was"`)
	contains(t, h.want(422, "both", from, url.Values{"was": {"ort"}, "welche": {"manche"}}), `id="e-welche"`)
	h.want(409, "both", from, url.Values{"was": {"ort"}, "welche": {"alle"}, "rev": {"1"}})
	h.want(303, "both", from, url.Values{"was": {"ort", "uhrzeit"}, "welche": {"folgende"}, "rev": {h.rev("events", second)}, "veroeffentlichen": {"ja"}})
	got := h.event(third)
	if got.text("room") != "Raum 2" || got.text("place") != "Event Lounge" || got.moment("start").In(content.Berlin).Format("2.1. 15:04") != "28.1. 19:30" {
		t.Errorf("third: %s %s %s", got.text("place"), got.text("room"), berlin(got.moment("start")))
	}
	if got.text("texts.de.title") != "Podium Wärme" {
		t.Error("the texts were handed on too")
	}
	if first := h.event("podium"); first.text("room") != "" {
		t.Error("an earlier date was changed by »following«")
	}
	cat, err := h.Catalogue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range cat.Events {
		if e.Slug == third && e.Room != "" {
			t.Error("a change of somebody else that waits was published too")
		}
	}
	h.want(303, "both", from, url.Values{"was": {"texte"}, "welche": {"alle"}, "rev": {h.rev("events", second)}, "veroeffentlichen": {"ja"}})
	if cat, _ = h.Catalogue(t.Context()); cat.Events[0].Slug != "podium" || cat.Events[0].Texts["de"].Title != "Podium Wärme, Teil 2" {
		t.Errorf("the first date says %q in public", cat.Events[0].Texts["de"].Title)
	}
}

func TestCancellingAndMovingNeedsAReasonAndAChange(t *testing.T) {
	h := newHouse(t)
	rev := func() string { return h.rev("events", "podium") }
	same := url.Values{"rev": {rev()}, "start_date": {"2027-01-14"}, "start_time": {"18:00"}, "place": {"Event Lounge"}, "reason.de": {"Umbau"}}
	with := func(name, value string) url.Values {
		form := url.Values{}
		for k, v := range same {
			form[k] = v
		}
		form.Set(name, value)
		return form
	}
	contains(t, h.want(422, "both", eventPath+"absagen/", url.Values{"rev": {rev()}, "reason.en": {"ill"}}), `id="e-reason.de"`, "\nill</textarea>")
	contains(t, h.want(422, "both", eventPath+"verlegen/", same), `id="e-start_date"`)
	contains(t, h.want(422, "both", eventPath+"verlegen/", with("start_date", "2020-01-01")), `id="e-start_date"`)
	contains(t, h.want(422, "both", eventPath+"verlegen/", with("reason.de", " ")), `id="e-reason.de"`)
	h.want(409, "both", eventPath+"verlegen/", func() url.Values { f := with("place", "Rathaus"); f.Set("rev", "99"); return f }())
	if cat, _ := h.Catalogue(t.Context()); cat.Events[0].Sequence != 0 || cat.Events[0].Reason != nil {
		t.Errorf("refused, but changed: %+v", cat.Events[0])
	}
	h.want(303, "both", eventPath+"verlegen/", with("start_date", "2027-01-21"))
	h.want(303, "both", eventPath+"absagen/", url.Values{"rev": {rev()}, "reason.de": {"Krank"}})
	cat, _ := h.Catalogue(t.Context())
	if e := cat.Events[0]; !e.Cancelled || !e.Moved() || e.Reason["de"] != "Krank" || e.Sequence != 2 {
		t.Errorf("cancelled %v, moved %v, reason %v, sequence %d", e.Cancelled, e.Moved(), e.Reason, e.Sequence)
	}
	// What belongs to the date is not copied.
	_, _, to := h.do("both", eventPath+"duplizieren/", url.Values{})
	copied := h.event(strings.Split(strings.TrimPrefix(to, "/redaktion/veranstaltungen/"), "/")[0])
	if copied.at("cancelled") == true || copied.at("reason") != nil || copied.at("moved_from") != nil {
		t.Errorf("the copy is %v", copied)
	}
}

func TestTwoInOneRoom(t *testing.T) {
	h := newHouse(t)
	const notice = `id="raum-belegt"`
	create := func(form url.Values) string {
		t.Helper()
		form.Set("kind", "lecture")
		_, page, to := h.do("both", "/redaktion/veranstaltungen/neu/", form)
		if to == "" {
			t.Fatal(page)
		}
		return strings.Split(to, "?")[0]
	}
	at := func(title, day, from, to string) url.Values {
		return url.Values{"texts.de.title": {title}, "precision": {"minute"}, "place": {"Event Lounge"}, "start_date": {day}, "start_time": {from}, "end_date": {day}, "end_time": {to}}
	}
	change := func(path string, form url.Values) {
		t.Helper()
		form.Set("rev", h.rev("events", strings.Split(path, "/")[3]))
		h.want(303, "both", path, form)
	}
	change(eventPath, url.Values{"end_date": {"2027-01-14"}, "end_time": {"20:00"}})
	for _, x := range []struct {
		title, from, to string
		clash           bool
	}{{"Davor", "16:00", "18:00", false}, {"Danach", "20:00", "21:00", false}, {"Mitten", "19:00", "19:30", true}, {"Rand", "17:00", "18:01", true}} {
		path := create(at(x.title, "2027-01-14", x.from, x.to))
		page := h.want(200, "editor", path, nil)
		if got := strings.Contains(page, notice) && strings.Contains(page, "Podium Wärme"); got != x.clash {
			t.Errorf("%s: clash %v", x.title, got)
		}
		h.want(303, "both", path+"loeschen/", url.Values{"rev": {"1"}})
	}
	path := create(at("Zugleich", "2027-01-14", "19:00", "21:00"))
	contains(t, h.want(200, "editor", eventPath, nil), notice, "Zugleich")
	free := func(why string) {
		t.Helper()
		for _, p := range []string{path, eventPath} {
			if strings.Contains(h.want(200, "editor", p, nil), notice) {
				t.Errorf("%s: %s says that the room is taken", why, p)
			}
		}
	}
	change(path, url.Values{"room": {"Raum 2"}})
	free("another room")
	change(path, url.Values{"room": {""}, "start_date": {"2027-01-15"}, "end_date": {"2027-01-15"}})
	free("another day")
	// A whole day takes the room from morning to night.
	change(path, url.Values{"precision": {"day"}, "start_date": {"2027-01-13"}, "end_date": {"2027-01-14"}})
	contains(t, h.want(200, "editor", path, nil), notice)
	// A cancelled one takes none.
	h.want(303, "both", eventPath+"absagen/", url.Values{"rev": {h.rev("events", "podium")}, "reason.de": {"Krank"}})
	free("cancelled")
}
