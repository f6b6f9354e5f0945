package editorial

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/series"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// bindEvents adds what only events have: cancel, move, recur, hand on to other dates.
func (d *Editorial) bindEvents(se *core.ServeEvent, write, publish func(*core.RequestEvent) error) {
	d.p.Route(se, "GET", "/redaktion/veranstaltungen/{slug}/absagen/{$}", d.showCancel, publish)
	d.p.Route(se, "POST", "/redaktion/veranstaltungen/{slug}/absagen/{$}", d.cancelEvent, publish)
	d.p.Route(se, "GET", "/redaktion/veranstaltungen/{slug}/verlegen/{$}", d.showMove, publish)
	d.p.Route(se, "POST", "/redaktion/veranstaltungen/{slug}/verlegen/{$}", d.moveEvent, publish)
	d.p.Route(se, "GET", "/redaktion/veranstaltungen/{slug}/termine/{$}", d.showDates, write)
	d.p.Route(se, "POST", "/redaktion/veranstaltungen/{slug}/termine/{$}", d.makeDates, write)
	d.p.Route(se, "GET", "/redaktion/veranstaltungen/{slug}/uebernehmen/{$}", d.showHandOn, write)
	d.p.Route(se, "POST", "/redaktion/veranstaltungen/{slug}/uebernehmen/{$}", d.handOn, write)
	d.p.Route(se, "POST", "/redaktion/veranstaltungen/{slug}/duplizieren/{$}", d.duplicateEvent, write)
	d.p.Route(se, "POST", "/redaktion/veranstaltungen/{slug}/loeschen/{$}", d.deleteDraft, write)
}

// eventAct is what the pages of actions show.
type eventAct struct {
	Slug, Name, When string
	Rev              int
	Reached          int  // people who get a mail
	Pending          bool // the working copy has changes that would be published too
	Cancelled        bool
	Dates            []eventDate
	Kinds, Weekdays  []string
	Parts            []string
	Publish          bool
}

// eventDate is one date of an event that recurs.
type eventDate struct {
	Slug, When, State string // State "": it would be made
	Name              string // of another event
	Here              bool
}

func (d *Editorial) eventAct(e *core.RequestEvent) (eventAct, *core.Record, document, error) {
	rec, err := stored(d.p.App, kindNamed("events"), e.Request.PathValue("slug"))
	if err != nil {
		return eventAct{}, nil, nil, err
	}
	doc, err := parse(docOf(rec))
	if err != nil {
		return eventAct{}, nil, nil, err
	}
	a := eventAct{Slug: rec.GetString("slug"), Name: rec.GetString("title"), When: berlin(doc.moment("start")), Rev: rec.GetInt("rev"),
		Pending: rec.GetString("state") == published && string(docOf(rec)) != string(member(rec, "live")), Cancelled: doc.at("cancelled") == true, Publish: may(e).Publish}
	if d.Reached != nil {
		a.Reached, err = d.Reached(d.p.App.DB(), a.Slug)
	}
	return a, rec, doc, err
}

func (d *Editorial) showAct(e *core.RequestEvent, status int, name string, a eventAct, form url.Values, problems content.Problems) error {
	return d.p.Show(e, status, templates, name, base.View{Title: d.word("staff.event." + name), Data: a, Form: form, Problems: problems})
}

func (d *Editorial) showCancel(e *core.RequestEvent) error {
	a, rec, doc, err := d.eventAct(e)
	if err != nil {
		return err
	}
	if rec.GetString("state") != published {
		return base.ErrNotFound
	}
	form := url.Values{}
	for _, lang := range content.Languages {
		form.Set("reason."+lang, doc.text("reason."+lang))
	}
	return d.showAct(e, http.StatusOK, "eventcancel", a, form, nil)
}

// cancelEvent marks a published event as cancelled and publishes it; everybody who booked or
// waits is told in the same transaction ([Editorial.Follow]).
func (d *Editorial) cancelEvent(e *core.RequestEvent) error {
	return d.publishChange(e, "eventcancel", func(doc document, form url.Values) content.Problems {
		doc.set("cancelled", true)
		return reasons(doc, form)
	})
}

func reasons(doc document, form url.Values) content.Problems {
	for _, lang := range content.Languages {
		if s := strings.TrimSpace(form.Get("reason." + lang)); s != "" {
			doc.set("reason."+lang, s)
		} else {
			doc.unset("reason." + lang)
		}
	}
	if doc.text("reason.de") == "" {
		return content.Problems{{Field: "reason.de", Code: "required"}}
	}
	return nil
}

// moving are the fields of an event that moving changes.
var moving = []field{{Path: "start", Type: asMoment, Required: true}, {Path: "end", Type: asMoment}, {Path: "place", Type: asLine}, {Path: "room", Type: asLine}}

func (d *Editorial) showMove(e *core.RequestEvent) error {
	a, rec, doc, err := d.eventAct(e)
	if err != nil {
		return err
	}
	if rec.GetString("state") != published {
		return base.ErrNotFound
	}
	form := url.Values{}
	for _, f := range moving {
		f.show(form, doc, nil, content.German)
	}
	return d.showAct(e, http.StatusOK, "eventmove", a, form, nil)
}

func (d *Editorial) moveEvent(e *core.RequestEvent) error {
	return d.publishChange(e, "eventmove", func(doc document, form url.Values) content.Problems {
		before := fmt.Sprint(doc.at("start"), doc.at("end"), doc.at("place"), doc.at("room"))
		var problems content.Problems
		for _, f := range moving {
			problems = append(problems, f.fill(doc, form, content.German)...)
		}
		problems = append(problems, reasons(doc, form)...)
		switch {
		case len(problems) > 0:
		case before == fmt.Sprint(doc.at("start"), doc.at("end"), doc.at("place"), doc.at("room")):
			problems.Add("start_date", "not_moved")
		case doc.moment("start").Before(d.p.Now()):
			problems.Add("start_date", "too_early")
		}
		return problems
	})
}

// publishChange changes the working copy of a published event and publishes it, at the
// revision that the person saw.
func (d *Editorial) publishChange(e *core.RequestEvent, page string, change func(document, url.Values) content.Problems) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	a, rec, doc, err := d.eventAct(e)
	if err != nil {
		return err
	}
	if rec.GetString("state") != published {
		return base.ErrNotFound
	}
	rev, err := strconv.Atoi(form.Get("rev"))
	if err != nil {
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	k := kindNamed("events")
	problems := change(doc, form)
	if len(problems) == 0 {
		var canonical json.RawMessage
		if canonical, problems, err = d.finish(k, doc, content.German); err != nil {
			return err
		}
		if len(problems) == 0 {
			err = d.p.App.RunInTransaction(func(tx core.App) error {
				if err := d.change(tx, k, a.Slug, rev, canonical, e.Auth.Id, didSave); err != nil {
					return err
				}
				return d.release(tx, k, a.Slug, 0, e.Auth.Id)
			})
		}
	}
	switch {
	case errors.Is(err, errStale):
		return base.Refuse(http.StatusConflict, "changed_meanwhile")
	case errors.As(err, &problems) || len(problems) > 0:
		return d.showAct(e, http.StatusUnprocessableEntity, page, a, form, problems)
	case err != nil:
		return err
	}
	d.Wake()
	d.p.WakeOrders()
	return e.Redirect(http.StatusSeeOther, noticed(k.pathOf(a.Slug, content.German), map[string]string{"eventcancel": "abgesagt", "eventmove": "verlegt"}[page]))
}

// ownToDate are the members of an event that belong to one date only.
var ownToDate = []string{"cancelled", "reason", "moved_from", "sequence", "published", "updated", "recording"}

// copyOf is a document for another date or a copy, without what belongs to the old one.
func copyOf(raw json.RawMessage, slug string) (document, error) {
	doc, err := parse(raw)
	if err != nil {
		return nil, err
	}
	for _, name := range ownToDate {
		delete(doc, name)
	}
	doc.set("slug", slug)
	return doc, nil
}

// duplicateEvent makes a draft with everything but what belongs to the date.
func (d *Editorial) duplicateEvent(e *core.RequestEvent) error {
	k := kindNamed("events")
	rec, err := stored(d.p.App, k, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	for n := 1; n < 100; n++ {
		slug := strings.TrimRight(rec.GetString("slug")[:min(len(rec.GetString("slug")), 70)], "-") + "-kopie"
		if n > 1 {
			slug += "-" + strconv.Itoa(n)
		}
		doc, err := copyOf(docOf(rec), slug)
		if err != nil {
			return err
		}
		delete(doc, "recurrence")
		canonical, _, err := d.finishDraft(k, doc, content.German)
		if err != nil {
			return err
		}
		err = d.p.App.RunInTransaction(func(tx core.App) error { return d.add(tx, k, slug, canonical, e.Auth.Id) })
		if _, taken := err.(content.Problems); taken {
			continue
		}
		if err != nil {
			return err
		}
		return e.Redirect(http.StatusSeeOther, noticed(k.pathOf(slug, content.German), "dupliziert"))
	}
	return base.Refuse(http.StatusConflict, "changed_meanwhile")
}

// deleteDraft removes an event that was never published, with its revisions.
func (d *Editorial) deleteDraft(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	rev, err := strconv.Atoi(form.Get("rev"))
	if err != nil {
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	slug := e.Request.PathValue("slug")
	err = d.p.App.RunInTransaction(func(tx core.App) error {
		rec, err := stored(tx, kindNamed("events"), slug)
		if err != nil {
			return err
		}
		if rec.GetInt("rev") != rev || rec.GetString("state") != draft {
			return errStale
		}
		if _, err := tx.DB().NewQuery(`DELETE FROM revisions WHERE kind = 'events' AND slug = {:slug}`).Bind(dbx.Params{"slug": slug}).Execute(); err != nil {
			return err
		}
		return tx.Delete(rec)
	})
	if errors.Is(err, errStale) {
		return base.Refuse(http.StatusConflict, "changed_meanwhile")
	}
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/redaktion/veranstaltungen/")
}

// clashes are other events in the same room that overlap with this one. An event without an
// end, or without a time of day, lasts until its Berlin day is over; cancelled ones and pages of
// the past do not count. An event online only takes no room.
func clashes(app core.App, slug string, doc document, now time.Time) ([]eventDate, error) {
	place, room := doc.text("place"), doc.text("room")
	from, to := taken(doc)
	if place == "" || from.IsZero() || to.Before(now) || doc.at("cancelled") == true {
		return nil, nil
	}
	var slugs []string
	err := app.DB().NewQuery(`SELECT slug FROM events WHERE slug <> {:slug} AND json_extract(doc, '$.place') = {:place}
		AND coalesce(json_extract(doc, '$.room'), '') = {:room} ORDER BY json_extract(doc, '$.start'), slug`).
		Bind(dbx.Params{"slug": slug, "place": place, "room": room}).Column(&slugs)
	var list []eventDate
	for _, other := range slugs {
		rec, wrong := stored(app, kindNamed("events"), other)
		if wrong != nil {
			return nil, wrong
		}
		at, wrong := parse(docOf(rec))
		if wrong != nil {
			return nil, wrong
		}
		if start, end := taken(at); at.at("cancelled") != true && start.Before(to) && from.Before(end) {
			list = append(list, eventDate{Slug: other, Name: rec.GetString("title"), When: berlin(start), State: rec.GetString("state")})
		}
	}
	return list, err
}

// taken is the time for which an event needs its room; zero when only its month is known.
func taken(doc document) (from, to time.Time) {
	from, to = doc.moment("start"), doc.moment("end")
	if from.IsZero() || doc.text("precision") == content.ToMonth {
		return time.Time{}, time.Time{}
	}
	if last := from; to.IsZero() || doc.text("precision") == content.ToDay {
		if to.After(last) {
			last = to
		}
		y, m, day := last.In(content.Berlin).Date()
		to = time.Date(y, m, day+1, 0, 0, 0, 0, content.Berlin)
	}
	return from, to
}

// dated lists the dates of an event that recurs, by start.
func dated(app core.App, of string) ([]*core.Record, error) {
	var slugs []string
	err := app.DB().NewQuery(`SELECT slug FROM events WHERE json_extract(doc, '$.recurrence.of') = {:of} ORDER BY json_extract(doc, '$.start'), slug`).
		Bind(dbx.Params{"of": of}).Column(&slugs)
	var list []*core.Record
	for _, slug := range slugs {
		rec, wrong := stored(app, kindNamed("events"), slug)
		if wrong != nil {
			return nil, wrong
		}
		list = append(list, rec)
	}
	return list, err
}

// recurring reads the form of the dates: a rule (as text when an expert writes one), days beside it and without.
func recurring(form url.Values, start time.Time) (r content.Recurrence, dates []time.Time, problems content.Problems) {
	rule := series.Rule{Kind: form.Get("kind"), Weekdays: form["weekdays"]}
	text := strings.TrimSpace(form.Get("rule"))
	number := func(name string) int {
		s := strings.TrimSpace(form.Get(name))
		n, err := strconv.Atoi(s)
		if s != "" && (err != nil || n < 1 || n > series.Most) {
			problems.Add(name, "not_integer")
		}
		return n
	}
	rule.Interval, rule.Count = number("interval"), number("count")
	if s := form.Get("until"); s != "" {
		day, err := time.ParseInLocation(time.DateOnly, s, content.Berlin)
		if err != nil {
			problems.Add("until", "not_date")
		}
		rule.Until = day
	}
	days := func(name string) (list []time.Time, said []string) {
		for s := range strings.FieldsFuncSeq(form.Get(name), func(c rune) bool { return c == ',' || c == '\n' || c == '\r' || c == ' ' || c == ';' }) {
			day, err := time.ParseInLocation(time.DateOnly, s, content.Berlin)
			if err != nil {
				if day, err = time.ParseInLocation("2.1.2006", s, content.Berlin); err != nil {
					problems.Add(name, "not_date")
					continue
				}
			}
			list, said = append(list, day), append(said, day.Format(time.DateOnly))
		}
		return list, said
	}
	extra, saidExtra := days("extra")
	except, saidExcept := days("except")
	for _, day := range rule.Weekdays {
		if !slices.Contains(series.Weekdays, day) {
			problems.Add("weekdays", "unknown_option")
		}
	}
	switch {
	case text != "":
	case rule.Kind == "" && len(extra) > 0:
	case !slices.Contains(series.Kinds, rule.Kind):
		problems.Add("kind", "required")
	case rule.Count == 0 && rule.Until.IsZero():
		problems.Add("until", "required")
	default:
		text = rule.Text(start)
	}
	if len(problems) > 0 {
		return r, nil, problems
	}
	dates, err := series.Dates(start, text, extra, except)
	switch {
	case errors.Is(err, series.ErrEndless):
		problems.Add("until", "series_endless", "max", series.Most)
	case errors.Is(err, series.ErrFine):
		problems.Add("rule", "series_fine")
	case err != nil:
		problems.Add("rule", "series_rule")
	}
	return content.Recurrence{Rule: text, Extra: saidExtra, Except: saidExcept}, dates, problems
}

// firstOf is the first date of what an event belongs to: itself when it does not recur yet.
func (d *Editorial) firstOf(doc document) (*core.Record, document, error) {
	of := doc.text("recurrence.of")
	if of == "" {
		of = doc.text("slug")
	}
	rec, err := stored(d.p.App, kindNamed("events"), of)
	if err != nil {
		return nil, nil, err
	}
	first, err := parse(docOf(rec))
	return rec, first, err
}

func (d *Editorial) showDates(e *core.RequestEvent) error {
	a, _, doc, err := d.eventAct(e)
	if err != nil {
		return err
	}
	rec, first, err := d.firstOf(doc)
	if err != nil {
		return err
	}
	if rec.GetString("slug") != a.Slug {
		return e.Redirect(http.StatusSeeOther, kindNamed("events").pathOf(rec.GetString("slug"), content.German)+"termine/")
	}
	form := url.Values{"rule": {first.text("recurrence.rule")}, "extra": {strings.Join(strs(first.at("recurrence.extra")), "\n")}, "except": {strings.Join(strs(first.at("recurrence.except")), "\n")}}
	return d.showDatesPage(e, http.StatusOK, a, form, nil, nil)
}

func (d *Editorial) showDatesPage(e *core.RequestEvent, status int, a eventAct, form url.Values, wanted []time.Time, problems content.Problems) error {
	records, err := dated(d.p.App, a.Slug)
	if err != nil {
		return err
	}
	if len(records) == 0 { // it does not recur yet: its own date is the only one
		rec, err := stored(d.p.App, kindNamed("events"), a.Slug)
		if err != nil {
			return err
		}
		records = append(records, rec)
	}
	have := map[int64]bool{}
	for _, rec := range records {
		doc, err := parse(docOf(rec))
		if err != nil {
			return err
		}
		have[doc.moment("start").Unix()] = true
		a.Dates = append(a.Dates, eventDate{Slug: rec.GetString("slug"), When: berlin(doc.moment("start")), State: rec.GetString("state"), Here: rec.GetString("slug") == a.Slug})
	}
	for _, t := range wanted {
		if !have[t.Unix()] {
			a.Dates = append(a.Dates, eventDate{When: berlin(t)})
		}
	}
	a.Kinds, a.Weekdays = series.Kinds, series.Weekdays
	return d.showAct(e, status, "eventdates", a, form, problems)
}

// makeDates shows the dates that a rule gives, or makes an event of each that there is not
// yet. Dates that are no longer in the rule stay: they may be booked.
func (d *Editorial) makeDates(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	a, rec, doc, err := d.eventAct(e)
	if err != nil {
		return err
	}
	if of := doc.text("recurrence.of"); of != "" && of != a.Slug {
		return base.ErrNotFound
	}
	start := doc.moment("start")
	r, dates, problems := recurring(form, start)
	if doc.text("precision") != content.ToMinute || start.IsZero() {
		problems.Add("kind", "series_no_start")
	}
	if len(problems) > 0 {
		return d.showDatesPage(e, http.StatusUnprocessableEntity, a, form, nil, problems)
	}
	if form.Get("aktion") != "anlegen" {
		return d.showDatesPage(e, http.StatusOK, a, form, dates, nil)
	}
	rev, err := strconv.Atoi(form.Get("rev"))
	if err != nil {
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	r.Of = a.Slug
	alsoPublish := rec.GetString("state") == published && may(e).Publish && form.Get("veroeffentlichen") == "ja"
	err = d.p.App.RunInTransaction(func(tx core.App) error { return d.addDates(tx, a.Slug, rev, doc, r, dates, e.Auth.Id, alsoPublish) })
	switch {
	case errors.Is(err, errStale):
		return base.Refuse(http.StatusConflict, "changed_meanwhile")
	case errors.As(err, &problems):
		return d.showDatesPage(e, http.StatusUnprocessableEntity, a, form, dates, d.onForm(kindNamed("events"), problems, content.German))
	case err != nil:
		return err
	}
	d.Wake()
	return e.Redirect(http.StatusSeeOther, kindNamed("events").pathOf(a.Slug, content.German)+"termine/")
}

func (d *Editorial) addDates(tx core.App, slug string, rev int, doc document, r content.Recurrence, dates []time.Time, actor string, alsoPublish bool) error {
	k := kindNamed("events")
	start, end := doc.moment("start"), doc.moment("end")
	doc.set("recurrence", map[string]any{"of": r.Of, "rule": r.Rule, "extra": r.Extra, "except": r.Except})
	if doc.text("series") == "" { // people may move from one date to another of their series
		doc.set("series", doc.text("texts.de.title"))
	}
	canonical, problems, err := d.finishDraft(k, doc, content.German)
	if err != nil || len(problems) > 0 {
		return errors.Join(err, problems.Err())
	}
	if err := d.change(tx, k, slug, rev, canonical, actor, didSave); err != nil {
		return err
	}
	if alsoPublish {
		if err := d.release(tx, k, slug, 0, actor); err != nil {
			return err
		}
	}
	records, err := dated(tx, slug)
	if err != nil {
		return err
	}
	have := map[int64]bool{start.Unix(): true}
	for _, rec := range records {
		other, err := parse(docOf(rec))
		if err != nil {
			return err
		}
		have[other.moment("start").Unix()] = true
	}
	for _, t := range dates {
		if have[t.Unix()] {
			continue
		}
		own := content.DateSlug(slug, t)
		copied, err := copyOf(canonical, own)
		if err != nil {
			return err
		}
		copied["recurrence"] = map[string]any{"of": slug}
		copied.set("start", t.UTC().Format(time.RFC3339))
		shift(copied, doc, "end", end, start, t)
		for _, path := range windows {
			shift(copied, doc, path, doc.moment(path), start, t)
		}
		one, problems, err := d.finishDraft(k, copied, content.German)
		if err != nil || len(problems) > 0 {
			return errors.Join(err, problems.Err())
		}
		if err := d.add(tx, k, own, one, actor); err != nil {
			return err
		}
		if alsoPublish {
			if err := d.release(tx, k, own, 0, actor); err != nil {
				return err
			}
		}
	}
	return nil
}

// windows are moments that keep their distance in days to the start.
var windows = []string{"booking.opens", "booking.closes", "booking.cancel_until"}

func shift(to, from document, path string, t, start, other time.Time) {
	if t.IsZero() {
		return
	}
	to.set(path, series.Shift(t, start, other).UTC().Format(time.RFC3339))
}

// handedOn are the parts of an event that its other dates can take over.
var handedOn = map[string][]string{
	"texte":    {"texts", "kind", "topic", "audience", "organiser", "provider", "series"},
	"ort":      {"place", "room", "district", "online", "stream", "access", "languages", "sign_language"},
	"menschen": {"people", "programme", "materials"},
	"buchung":  {"free", "prices", "pools", "booking", "survey"},
	"uhrzeit":  nil,
}

var handedOnParts = []string{"texte", "ort", "menschen", "buchung", "uhrzeit"}

func (d *Editorial) showHandOn(e *core.RequestEvent) error {
	return d.showHandOnPage(e, http.StatusOK, url.Values{"welche": {"folgende"}}, nil)
}

func (d *Editorial) showHandOnPage(e *core.RequestEvent, status int, form url.Values, problems content.Problems) error {
	a, _, doc, err := d.eventAct(e)
	if err != nil {
		return err
	}
	of := doc.text("recurrence.of")
	if of == "" {
		return base.ErrNotFound
	}
	records, err := dated(d.p.App, of)
	if err != nil {
		return err
	}
	for _, rec := range records {
		other, err := parse(docOf(rec))
		if err != nil {
			return err
		}
		a.Dates = append(a.Dates, eventDate{Slug: rec.GetString("slug"), When: berlin(other.moment("start")), State: rec.GetString("state"), Here: rec.GetString("slug") == a.Slug})
	}
	a.Parts = handedOnParts
	return d.showAct(e, status, "eventhandon", a, form, problems)
}

// handOn brings parts of one date to the following ones or to all. Published dates are
// published anew where the person may; otherwise their working copies wait.
func (d *Editorial) handOn(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	a, rec, doc, err := d.eventAct(e)
	if err != nil {
		return err
	}
	of, parts := doc.text("recurrence.of"), form["was"]
	if of == "" {
		return base.ErrNotFound
	}
	var problems content.Problems
	if len(parts) == 0 || slices.ContainsFunc(parts, func(s string) bool { return !slices.Contains(handedOnParts, s) }) {
		problems.Add("was", "required")
	}
	if welche := form.Get("welche"); welche != "folgende" && welche != "alle" {
		problems.Add("welche", "required")
	}
	if len(problems) > 0 {
		return d.showHandOnPage(e, http.StatusUnprocessableEntity, form, problems)
	}
	if form.Get("rev") != strconv.Itoa(rec.GetInt("rev")) {
		return base.Refuse(http.StatusConflict, "changed_meanwhile")
	}
	alsoPublish := may(e).Publish && form.Get("veroeffentlichen") == "ja"
	err = d.p.App.RunInTransaction(func(tx core.App) error {
		records, err := dated(tx, of)
		if err != nil {
			return err
		}
		for _, other := range records {
			to, err := parse(docOf(other))
			if err != nil {
				return err
			}
			at := to.moment("start")
			if other.GetString("slug") == a.Slug || at.Before(d.p.Now()) || form.Get("welche") == "folgende" && at.Before(doc.moment("start")) {
				continue
			}
			if err := d.handTo(tx, other, doc, to, parts, e.Auth.Id, alsoPublish); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case errors.As(err, &problems):
		return d.showHandOnPage(e, http.StatusUnprocessableEntity, form, content.Problems{{Field: "was", Code: "inside", Args: map[string]any{"where": problems[0].Field, "what": d.p.Words.Say(content.German, problems[0])}}})
	case err != nil:
		return err
	}
	d.Wake()
	d.p.WakeOrders()
	return e.Redirect(http.StatusSeeOther, noticed(kindNamed("events").pathOf(a.Slug, content.German), "uebernommen"))
}

func (d *Editorial) handTo(tx core.App, rec *core.Record, from, to document, parts []string, actor string, alsoPublish bool) error {
	k, slug := kindNamed("events"), rec.GetString("slug")
	start := from.moment("start")
	// A deep copy: dates must not share their maps.
	raw, err := json.Marshal(from)
	if err != nil {
		return err
	}
	source, err := parse(raw)
	if err != nil {
		return err
	}
	for _, part := range parts {
		for _, name := range handedOn[part] {
			if v, ok := source[name]; ok {
				to[name] = v
			} else {
				delete(to, name)
			}
		}
	}
	if slices.Contains(parts, "uhrzeit") {
		day := to.moment("start")
		to.set("start", series.Shift(start, start, day).UTC().Format(time.RFC3339))
		to.unset("end")
		shift(to, from, "end", from.moment("end"), start, day)
	}
	if slices.Contains(parts, "buchung") {
		for _, path := range windows {
			shift(to, from, path, from.moment(path), start, to.moment("start"))
		}
	}
	canonical, problems, err := d.finishDraft(k, to, content.German)
	if err != nil || len(problems) > 0 {
		return errors.Join(err, problems.Err())
	}
	clean := string(docOf(rec)) == string(member(rec, "live")) // nothing of others waits to be published
	if err := d.change(tx, k, slug, rec.GetInt("rev"), canonical, actor, didSave); err != nil {
		return err
	}
	if !alsoPublish || rec.GetString("state") != published || !clean {
		return nil
	}
	return d.release(tx, k, slug, 0, actor)
}
