package cases

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const listPage = 50 // cases on one page of the list

// scope is the slug of the partner whose cases a member of staff may see, "" for
// all: admins and staff of no particular partner.
func scope(staff *core.Record) string {
	if base.HasRole(staff, base.Admin) {
		return ""
	}
	return staff.GetString("provider")
}

// row is a case in the staff's list, without personal data.
type row struct {
	Reference string `db:"reference"`
	Title     string `db:"title"`
	Partner   string `db:"partner"`
	State     string `db:"state"`
	Created   int64  `db:"created"`
	Due       int64  `db:"due"`
	Unread    bool   `db:"unread"`

	PartnerName, Since, DueDay string
	DueMark                    string // overdue, soon or ""
}

// choice is an option of a filter or a field.
type choice struct {
	Value, Label string
	Chosen       bool
}

// showList shows the cases of the staff's partner, the oldest first. ?nummer=
// leads to one case.
func (c *Cases) showList(e *core.RequestEvent) error {
	q := e.Request.URL.Query()
	var ps content.Problems
	if typed := q.Get("nummer"); strings.TrimSpace(typed) != "" {
		k, err := c.staffCase(e, typed)
		if err == nil {
			return e.Redirect(http.StatusSeeOther, casePath(k.Reference))
		}
		if !errors.Is(err, base.ErrNotFound) {
			return err
		}
		ps.Add("nummer", "unknown")
	}
	state, wanted := q.Get("status"), q.Get("partner")
	if own := scope(base.Staff(e)); own != "" {
		wanted = own
	}
	page, _ := strconv.Atoi(q.Get("seite"))
	page = min(max(page, 1), 10_000)
	where, params := filter(state, wanted, q.Get("leistung"))
	params["n"], params["skip"] = listPage+1, (page-1)*listPage
	var rows []row
	err := c.Platform.App.DB().NewQuery(`SELECT reference, title, partner, state, created, COALESCE(due, 0) AS due, unread
		FROM cases WHERE ` + where + ` ORDER BY created, reference LIMIT {:n} OFFSET {:skip}`).Bind(params).All(&rows)
	if err != nil {
		return err
	}
	more := len(rows) > listPage
	rows = rows[:min(len(rows), listPage)]
	partners, err := c.partners()
	if err != nil {
		return err
	}
	for i := range rows {
		c.dress(&rows[i], partners)
	}
	guides, err := c.guideChoices(wanted, q.Get("leistung"))
	if err != nil {
		return err
	}
	words := c.Platform.Words
	states := []choice{{"", words.In(content.German, "staff.case.open"), state == ""}, {"alle", words.In(content.German, "staff.case.all"), state == "alle"}}
	for _, s := range States {
		states = append(states, choice{s, words.In(content.German, "case.state."+s), s == state})
	}
	data := map[string]any{
		"Rows": rows, "States": states, "Guides": guides, "Passed": normaliseReference(q.Get("weitergegeben")),
		"Partners": partnerChoices(partners, wanted), "Own": scope(base.Staff(e)) != "", "Before": "", "After": "",
	}
	if page > 1 {
		data["Before"] = turned(q, page-1)
	}
	if more {
		data["After"] = turned(q, page+1)
	}
	return c.Platform.Show(e, statusOf(ps), pages, "list", base.View{
		Title: words.In(content.German, "staff.case.list"), Data: data, Form: q, Problems: ps,
	})
}

func statusOf(ps content.Problems) int {
	if len(ps) > 0 {
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}

func filter(state, partner, guide string) (where string, params dbx.Params) {
	params = dbx.Params{}
	where = "state IN ('sent', 'received', 'in_progress', 'waiting')"
	if state == "alle" {
		where = "1 = 1"
	} else if state != "" {
		where, params["state"] = "state = {:state}", state
	}
	if partner != "" {
		where, params["partner"] = where+" AND partner = {:partner}", partner
	}
	if guide != "" {
		where, params["guide"] = where+" AND guide = {:guide}", guide
	}
	return where, params
}

func turned(q url.Values, page int) string {
	next := url.Values{}
	for _, name := range []string{"status", "partner", "leistung"} {
		if v := q.Get(name); v != "" {
			next.Set(name, v)
		}
	}
	next.Set("seite", strconv.Itoa(page))
	return "/schalter/?" + next.Encode()
}

func (c *Cases) dress(r *row, partners []partner) {
	r.PartnerName = partnerName(partners, r.Partner)
	r.Since = showDay(time.UnixMilli(r.Created).In(content.Berlin), content.German)
	if r.Due == 0 || IsClosed(r.State) {
		return
	}
	r.DueDay, r.DueMark = c.due(r.Due)
}

// due writes a deadline and marks it when it is over or less than three days off.
func (c *Cases) due(ms int64) (day, mark string) {
	t := time.UnixMilli(ms)
	switch left := t.Sub(c.Platform.Now()); {
	case left < 0:
		mark = "overdue"
	case left < 72*time.Hour:
		mark = "soon"
	}
	return showDay(t.In(content.Berlin), content.German), mark
}

func (c *Cases) guideChoices(partner, chosen string) ([]choice, error) {
	var all []struct {
		Guide string `db:"guide"`
		Title string `db:"title"`
	}
	err := c.Platform.App.DB().NewQuery(`SELECT guide, MAX(title) AS title FROM cases
		WHERE {:partner} = '' OR partner = {:partner} GROUP BY guide ORDER BY title`).Bind(dbx.Params{"partner": partner}).All(&all)
	out := make([]choice, len(all))
	for i, g := range all {
		out[i] = choice{g.Guide, g.Title, g.Guide == chosen}
	}
	return out, err
}

func partnerChoices(partners []partner, chosen string) []choice {
	out := make([]choice, len(partners))
	for i, p := range partners {
		out[i] = choice{p.Slug, p.Name, p.Slug == chosen}
	}
	return out
}

func casePath(reference string) string { return "/schalter/anliegen/" + reference + "/" }

// staffCase finds a case that the signed-in member of staff may see; cases of
// other partners are not found.
func (c *Cases) staffCase(e *core.RequestEvent, reference string) (*Case, error) {
	k, err := find(c.Platform.App, normaliseReference(reference))
	if err != nil {
		return nil, err
	}
	if !maySee(base.Staff(e), k) {
		return nil, base.ErrNotFound
	}
	return k, nil
}

func maySee(staff *core.Record, k *Case) bool {
	own := scope(staff)
	return own == "" || own == k.Partner
}

func (c *Cases) showCase(e *core.RequestEvent) error {
	k, err := c.staffCase(e, e.Request.PathValue("reference"))
	if err != nil {
		return err
	}
	return c.casePage(e, http.StatusOK, k, base.View{}, 0)
}

// casePage shows a case to staff. After a conflict seen is the revision that the
// form was made from: what came later is shown above the form.
func (c *Cases) casePage(e *core.RequestEvent, status int, k *Case, v base.View, seen int64) error {
	events, err := history(c.Platform.App, k.Reference)
	if err != nil {
		return err
	}
	partners, err := c.partners()
	if err != nil {
		return err
	}
	names, err := c.staffNames(events)
	if err != nil {
		return err
	}
	var shown, missed []shownEvent
	before := ""
	for _, ev := range events {
		s := shownEvent{
			At: showTime(ev.At, content.German), ISO: iso(ev.At), Who: c.Platform.Words.In(content.German, "staff.case.actor."+ev.Actor),
			What: c.sayToStaff(ev, ev.State != before, partners), Message: prose(ev.Message), Note: prose(ev.Note),
		}
		if name := names[ev.Staff]; name != "" {
			s.Who = name
		}
		before = ev.State
		shown = append(shown, s)
		if seen > 0 && ev.N > seen {
			missed = append(missed, s)
		}
	}
	var states []choice
	for _, s := range MayBecome(Staff, k.State) {
		states = append(states, choice{s, c.Platform.Words.In(content.German, "case.state."+s), v.Form.Get("state") == s})
	}
	others := slices.DeleteFunc(partnerChoices(partners, v.Form.Get("partner")), func(p choice) bool { return p.Value == k.Partner })
	data := map[string]any{
		"Case": k, "Message": prose(k.Message), "Partner": partnerName(partners, k.Partner), "Created": showTime(k.Created, content.German),
		"Answers": k.shownAnswers(content.German), "Events": shown, "Missed": missed, "States": states, "Others": others,
		"Open": !IsClosed(k.State), "Forgotten": k.SecretHash == "", "Key": base.NewToken(), "DueDay": "", "DueMark": "",
		"Sent": e.Request.URL.Query().Get("neu") != "",
	}
	if k.Due != 0 && !IsClosed(k.State) {
		data["DueDay"], data["DueMark"] = c.due(k.Due)
	}
	if key := v.Form.Get("key"); key != "" {
		data["Key"] = formKey(key)
	}
	v.Title, v.Data = k.Title+" – "+k.Reference, data
	return c.Platform.Show(e, status, pages, "case", v)
}

func (c *Cases) sayToStaff(ev Event, changed bool, partners []partner) string {
	words := c.Platform.Words
	switch {
	case ev.Partner != "":
		return words.In(content.German, "staff.case.event.passed_on", "partner", partnerName(partners, ev.Partner))
	case changed:
		return words.In(content.German, "staff.case.event.state", "state", words.In(content.German, "case.state."+ev.State))
	case ev.Message != "":
		return words.In(content.German, "staff.case.event.message")
	}
	return words.In(content.German, "staff.case.event.note")
}

func (c *Cases) staffNames(events []Event) (map[string]string, error) {
	names := map[string]string{}
	for _, ev := range events {
		if ev.Staff == "" || names[ev.Staff] != "" {
			continue
		}
		var name string
		err := c.Platform.App.DB().NewQuery(`SELECT name FROM staff WHERE id = {:id}`).Bind(dbx.Params{"id": ev.Staff}).Row(&name)
		if err != nil && !base.IsNoRows(err) {
			return nil, err
		}
		names[ev.Staff] = name
	}
	return names, nil
}

// answer takes an answer, a new state and a note for the staff, any of them.
func (c *Cases) answer(e *core.RequestEvent) error {
	return c.byStaff(e, func(form url.Values, ev *Event, ps *content.Problems) {
		ev.Message = checkText(ps, "message", form.Get("message"), maxMessage, false)
		ev.State = form.Get("state")
		if ev.State != "" && !slices.Contains(States, ev.State) {
			ps.Add("state", "unknown_option")
		}
		switch {
		case ev.Message == "" && (ev.State == Waiting || ev.State == Refused):
			ps.Add("message", "case_say_why")
		case ev.Message == "" && ev.Note == "" && ev.State == "":
			ps.Add("message", "case_nothing")
		}
	}, func(k *Case) string { return casePath(k.Reference) + "?neu=1" })
}

// passOn gives an open case to another partner, with an order of its own.
func (c *Cases) passOn(e *core.RequestEvent) error {
	partners, err := c.partners()
	if err != nil {
		return err
	}
	return c.byStaff(e, func(form url.Values, ev *Event, ps *content.Problems) {
		ev.Partner, ev.State = form.Get("partner"), Sent
		switch {
		case ev.Partner == "":
			ps.Add("partner", "required")
		case !slices.ContainsFunc(partners, func(p partner) bool { return p.Slug == ev.Partner }):
			ps.Add("partner", "unknown_option")
		}
	}, func(k *Case) string { return "/schalter/?weitergegeben=" + k.Reference })
}

// byStaff changes a case as read tells. A case that changed since the form was
// shown is not touched: the page comes back (409) with what changed above the
// form and everything typed in it.
func (c *Cases) byStaff(e *core.RequestEvent, read func(url.Values, *Event, *content.Problems), next func(*Case) string) error {
	k, err := c.staffCase(e, e.Request.PathValue("reference"))
	if err != nil {
		return err
	}
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	var ps content.Problems
	ev := Event{Actor: Staff, Staff: base.Staff(e).Id, Key: formKey(form.Get("key"))}
	ev.Note = checkText(&ps, "note", form.Get("note"), maxMessage, false)
	read(form, &ev, &ps)
	seen, err := strconv.ParseInt(form.Get("rev"), 10, 64)
	if err != nil || seen < 1 {
		seen = 1 // whatever happened since the request came was not seen
	}
	if len(ps) > 0 {
		k.Rev = seen // the lock stays what the form had
		return c.casePage(e, http.StatusUnprocessableEntity, k, base.View{Form: form, Problems: ps}, 0)
	}
	err = c.Platform.App.RunInTransaction(func(tx core.App) error { return c.changeByStaff(tx, k.Reference, seen, ev, base.Staff(e)) })
	var problems content.Problems
	switch {
	case errors.Is(err, errConflict), errors.As(err, &problems):
		status := http.StatusUnprocessableEntity
		if errors.Is(err, errConflict) {
			status, problems = http.StatusConflict, content.Problems{{Field: "rev", Code: "case_conflict"}}
		}
		if k, err = find(c.Platform.App, k.Reference); err != nil {
			return err
		}
		return c.casePage(e, status, k, base.View{Form: form, Problems: problems}, seen)
	case err != nil:
		return err
	}
	c.Platform.WakeOrders()
	return e.Redirect(http.StatusSeeOther, next(k))
}

func (c *Cases) changeByStaff(tx core.App, reference string, seen int64, ev Event, staff *core.Record) error {
	if twice, err := written(tx, reference, ev.Key); twice || err != nil {
		return err
	}
	k, err := find(tx, reference)
	if err != nil {
		return err
	}
	if !maySee(staff, k) { // passed on in between
		return base.ErrNotFound
	}
	if k.Rev != seen {
		return errConflict
	}
	if ev.State == k.State && ev.Partner == "" {
		ev.State = ""
	}
	if ev.Partner != "" {
		if IsClosed(k.State) || ev.Partner == k.Partner {
			return content.Problems{{Field: "partner", Code: "case_not_allowed"}}
		}
		k.OrderKey = orderKey(k.Reference, k.Rev+1)
	}
	if err := c.advance(tx, k, ev); err != nil {
		return err
	}
	if ev.Partner != "" {
		if err := c.putDeskOrder(tx, k, k.Rev); err != nil {
			return err
		}
	}
	if ev.Message == "" && ev.State == "" {
		return nil // a note among staff
	}
	return c.putMail(tx, k, "news", k.Rev)
}
