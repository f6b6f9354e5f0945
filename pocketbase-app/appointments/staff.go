package appointments

import (
	"cmp"
	"errors"
	"fmt"
	"math"
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

// staffRow is one appointment in the list of a day.
type staffRow struct {
	Appointment
	Time, Names, Adviser string
	Number               string // of the visit
	Today                bool
}

type deskDay struct {
	Resource
	Rows []staffRow
}

func (s *Service) german(key string, args ...any) string {
	return s.p.Words.In(content.German, key, args...)
}

// planOr404 reads the plan; without settings there is nothing to show.
func (s *Service) planOr404() (*plan, error) {
	p, err := readPlan(s.p.App.DB())
	if base.IsNoRows(err) {
		return nil, base.Refuse(http.StatusNotFound, "appointment_no_place")
	}
	return p, err
}

// staffDay shows a day by desks: the only list with names.
func (s *Service) staffDay(e *core.RequestEvent) error {
	p, err := s.planOr404()
	if err != nil {
		return err
	}
	today := s.p.Now().In(content.Berlin)
	day := today
	if t, err := time.ParseInLocation(time.DateOnly, e.Request.URL.Query().Get("tag"), content.Berlin); err == nil {
		day = t
	}
	from := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, content.Berlin)
	var all []Appointment
	if err := s.p.App.DB().NewQuery(`SELECT ` + appointmentColumns + ` FROM appointments
		WHERE place = {:place} AND starts >= {:from} AND starts < {:to} AND state <> 'held' AND state <> 'cancelled' ORDER BY starts, desk, reference`).
		Bind(dbx.Params{"place": p.Code, "from": from.UnixMilli(), "to": from.AddDate(0, 0, 1).UnixMilli()}).All(&all); err != nil {
		return err
	}
	var desks []deskDay
	for _, r := range p.desks() {
		desks = append(desks, deskDay{Resource: r})
	}
	for _, a := range all {
		i := slices.IndexFunc(desks, func(d deskDay) bool { return d.Code == a.Desk })
		if i < 0 { // a desk that was given up
			desks = append(desks, deskDay{Resource: p.resource(a.Desk)})
			i = len(desks) - 1
		}
		desks[i].Rows = append(desks[i].Rows, s.row(p, a))
	}
	closed := ""
	if len(p.open(p.Code, from)) == 0 {
		closed = s.german("staff.appointment.closed_then")
		if why := cmp.Or(p.exceptions[p.Code][from.Format(time.DateOnly)].Note, holiday(from)); why != "" {
			closed = s.german("staff.appointment.closed_day", "why", why)
		}
	}
	misfits, err := s.misfits(p)
	if err != nil {
		return err
	}
	return s.p.Show(e, http.StatusOK, templates, "staff-day", base.View{Title: s.german("staff.appointment.day"), Data: map[string]any{
		"Desks": desks, "Day": from.Format(time.DateOnly), "Label": sayDay(from, content.German), "Place": p.Place, "Closed": closed,
		"Before": from.AddDate(0, 0, -1).Format(time.DateOnly), "After": from.AddDate(0, 0, 1).Format(time.DateOnly), "Misfits": misfits,
	}})
}

// misfits are appointments to come whose place, desk or adviser is not there then:
// hours changed, or somebody is ill, after they were booked.
func (s *Service) misfits(p *plan) (list []staffRow, err error) {
	var all []Appointment
	if err := s.p.App.DB().NewQuery(`SELECT ` + appointmentColumns + ` FROM appointments WHERE place = {:place} AND state = 'booked' AND starts > {:now} ORDER BY starts, reference`).
		Bind(dbx.Params{"place": p.Code, "now": s.p.Now().UnixMilli()}).All(&all); err != nil {
		return nil, err
	}
	for _, a := range all {
		if !p.isThere(a) {
			row := s.row(p, a)
			row.Time = when(a.Start(), content.German)
			list = append(list, row)
		}
	}
	return list, nil
}

// isThere tells whether place, desk and adviser of an appointment are there at its time.
func (p *plan) isThere(a Appointment) bool {
	day := a.Start().In(content.Berlin)
	if !covers(p.open(p.Code, day), a.Start(), a.End()) {
		return false
	}
	for _, code := range []string{a.Desk, a.Adviser} {
		if code == "" {
			continue
		}
		r := p.resource(code)
		_, isException := p.exceptions[code][day.Format(time.DateOnly)]
		ownHours := isException || len(p.hours[code]) > 0
		if !r.Active || ownHours && !covers(p.open(code, day), a.Start(), a.End()) {
			return false
		}
	}
	return true
}

func (s *Service) row(p *plan, a Appointment) staffRow {
	r := staffRow{Appointment: a, Time: clock(a.Start(), content.German), Names: names(p.named(a.codes()), content.German),
		Today: a.Start().In(content.Berlin).Format(time.DateOnly) == s.today()}
	if a.Adviser != "" {
		r.Adviser = p.resource(a.Adviser).Name
	}
	return r
}

func (s *Service) staffOne(e *core.RequestEvent) error {
	a, err := find(s.p.App.DB(), e.Request.PathValue("reference"))
	if err != nil {
		return err
	}
	return s.staffOnePage(e, http.StatusOK, a, "")
}

func (s *Service) staffOnePage(e *core.RequestEvent, status int, a Appointment, notice string) error {
	p, err := s.planOr404()
	if err != nil {
		return err
	}
	data := map[string]any{"A": s.row(p, a), "When": when(a.Start(), content.German), "Desk": p.resource(a.Desk).Name, "Changeable": s.changeable(a), "Notice": notice,
		"CanCome": (a.State == Booked || a.State == Missed) && a.Start().In(content.Berlin).Format(time.DateOnly) == s.today(), "Day": a.Start().In(content.Berlin).Format(time.DateOnly)}
	var v Visit
	err = s.p.App.DB().NewQuery(`SELECT ` + visitColumns + ` FROM visits WHERE reference = {:reference}`).Bind(dbx.Params{"reference": a.Reference}).One(&v)
	if err == nil {
		data["Visit"] = v
	} else if !base.IsNoRows(err) {
		return err
	}
	return s.p.Show(e, status, templates, "staff-one", base.View{Title: s.german("staff.appointment.one", "reference", a.Reference), Data: data})
}

func (s *Service) staffChange(e *core.RequestEvent) error {
	values, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	a, err := find(s.p.App.DB(), e.Request.PathValue("reference"))
	if err != nil {
		return err
	}
	switch values.Get("action") {
	case "kommt":
		v, err := s.CheckIn(a.Reference)
		if errors.Is(err, ErrTooLate) {
			return s.staffOnePage(e, http.StatusConflict, a, "staff.appointment.not_today")
		}
		if err != nil {
			return err
		}
		return e.Redirect(http.StatusSeeOther, fmt.Sprintf("/schalter/aufruf/nummer/%d/", v.Number))
	case "absagen":
		if err := s.Cancel(a.Reference); errors.Is(err, ErrTooLate) {
			return s.staffOnePage(e, http.StatusConflict, a, "error.appointment_too_late.text")
		} else if err != nil {
			return err
		}
	case "umsetzen":
		if err := s.Reassign(a.Reference); errors.Is(err, ErrTaken) {
			return s.staffOnePage(e, http.StatusConflict, a, "staff.appointment.reassign.none")
		} else if errors.Is(err, ErrTooLate) {
			return s.staffOnePage(e, http.StatusConflict, a, "error.appointment_too_late.text")
		} else if err != nil {
			return err
		}
	case "verpasst":
		if a.State != Booked || s.p.Now().Before(a.Start()) {
			return s.staffOnePage(e, http.StatusConflict, a, "staff.appointment.not_yet")
		}
		_, err := s.p.App.DB().NewQuery(`UPDATE appointments SET state = 'missed', ended = {:now}, earlier = NULL WHERE reference = {:reference} AND state = 'booked'`).
			Bind(dbx.Params{"now": s.p.Now().UnixMilli(), "reference": a.Reference}).Execute()
		if err != nil {
			return err
		}
	default:
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	return e.Redirect(http.StatusSeeOther, "/schalter/termine/"+a.Reference+"/")
}

func (s *Service) staffNew(e *core.RequestEvent) error {
	return s.staffNewPage(e, http.StatusOK, e.Request.URL.Query(), nil, "")
}

func (s *Service) staffNewPage(e *core.RequestEvent, status int, q url.Values, problems content.Problems, notice string) error {
	p, err := s.planOr404()
	if err != nil {
		return err
	}
	channel := q.Get("kanal")
	if channel != Telephone {
		channel = Counter
	}
	data := map[string]any{"Groups": s.groups(p, content.German, q["leistung"]), "Channel": channel, "Notice": notice}
	if services, ok := p.chosen(q["leistung"]); ok {
		c, err := s.days(p, services, channel, "", content.German, q.Get("ab"), q.Get("tag"))
		if err != nil {
			return err
		}
		c.Query += "kanal=" + channel + "&"
		c.Next = nil
		data["Calendar"], data["Services"], data["Names"] = c, services, names(services, content.German)
	} else if len(q["leistung"]) > 0 || status != http.StatusOK || q.Has("kanal") {
		status = http.StatusUnprocessableEntity
		problems = content.Problems{{Field: "leistung", Code: "appointment_services"}}
	}
	return s.p.Show(e, status, templates, "staff-new", base.View{Title: s.german("staff.appointment.new"), Data: data, Form: q, Problems: problems})
}

// staffBook makes an appointment at the counter or by telephone.
func (s *Service) staffBook(e *core.RequestEvent) error {
	values, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	channel := values.Get("kanal")
	if channel != Telephone {
		channel = Counter
	}
	who, err := readPerson(values, false)
	var problems content.Problems
	if err != nil && !errors.As(err, &problems) {
		return err
	}
	start, err := time.Parse(time.RFC3339, values.Get("start"))
	if err != nil {
		problems.Add("start", "required")
	}
	if len(problems) > 0 || len(values["leistung"]) == 0 {
		return s.staffNewPage(e, http.StatusUnprocessableEntity, values, problems, "")
	}
	a, err := s.Hold(values["leistung"], channel, content.German, start, "")
	if err == nil {
		a, err = s.Confirm(a.Reference, who, content.German)
	}
	switch {
	case errors.Is(err, ErrTaken):
		return s.staffNewPage(e, http.StatusConflict, values, nil, "error.appointment_taken.text")
	case errors.As(err, &problems):
		return s.staffNewPage(e, http.StatusUnprocessableEntity, values, problems, "")
	case err != nil:
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/schalter/termine/"+a.Reference+"/")
}

// staffMove shows other times for an appointment, for whoever calls or stands at
// the counter.
func (s *Service) staffMove(e *core.RequestEvent) error {
	a, err := find(s.p.App.DB(), e.Request.PathValue("reference"))
	if err != nil {
		return err
	}
	return s.staffMovePage(e, http.StatusOK, a, e.Request.URL.Query(), "")
}

func (s *Service) staffMovePage(e *core.RequestEvent, status int, a Appointment, q url.Values, notice string) error {
	p, err := s.planOr404()
	if err != nil {
		return err
	}
	services := p.named(a.codes())
	c, err := s.days(p, services, staffChannel(a), a.Reference, content.German, q.Get("ab"), q.Get("tag"))
	if err != nil {
		return err
	}
	c.without(a)
	c.Query = ""
	return s.p.Show(e, status, templates, "staff-move", base.View{Title: s.german("appointment.move.title"), Data: map[string]any{
		"A": a, "When": when(a.Start(), content.German), "Names": names(services, content.German), "Changeable": s.changeable(a), "Calendar": c, "Notice": notice,
	}})
}

// staffChannel is whose contingent staff take of when they move an appointment:
// its own, or the counter's for one of the public.
func staffChannel(a Appointment) string {
	if a.Channel == Public {
		return Counter
	}
	return a.Channel
}

func (s *Service) sendStaffMove(e *core.RequestEvent) error {
	values, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	a, err := find(s.p.App.DB(), e.Request.PathValue("reference"))
	if err != nil {
		return err
	}
	start, err := time.Parse(time.RFC3339, values.Get("start"))
	if err != nil {
		return s.staffMovePage(e, http.StatusUnprocessableEntity, a, values, "appointment.times.choose")
	}
	switch _, err = s.Move(a.Reference, start, staffChannel(a)); {
	case errors.Is(err, ErrTaken):
		return s.staffMovePage(e, http.StatusConflict, a, values, "error.appointment_taken.text")
	case errors.Is(err, ErrTooLate):
		return s.staffMovePage(e, http.StatusConflict, a, values, "")
	case err != nil:
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/schalter/termine/"+a.Reference+"/")
}

type queueRow struct {
	Visit
	Names, Since string
}

// staffQueue is the page from which a desk calls.
func (s *Service) staffQueue(e *core.RequestEvent) error {
	return s.queuePage(e, http.StatusOK, e.Request.URL.Query(), nil)
}

func (s *Service) queuePage(e *core.RequestEvent, status int, q url.Values, problems content.Problems) error {
	p, err := s.planOr404()
	if err != nil {
		return err
	}
	waiting, called, err := s.line(p)
	if err != nil {
		return err
	}
	desk := s.desk(e, p, q)
	data := map[string]any{"Place": p.Place, "Notice": "", "Desks": p.desks(), "Desk": "", "Groups": s.groups(p, content.German, q["leistung"]), "Nobody": q.Get("neu") == "niemand"}
	for _, d := range p.desks() {
		if d.Code == desk {
			data["Desk"], data["DeskName"] = d.Code, d.Name
		}
	}
	rows := func(list []Visit) (out []queueRow) {
		for _, v := range list {
			out = append(out, queueRow{v, names(p.named(v.codes()), content.German), time.UnixMilli(v.Arrived).In(content.Berlin).Format("15:04")})
		}
		return out
	}
	data["Waiting"] = rows(waiting)
	var missed []Visit
	if err := s.p.App.DB().NewQuery(`SELECT ` + visitColumns + ` FROM visits WHERE place = {:place} AND day = {:day} AND state = 'missed' ORDER BY last_call DESC LIMIT 10`).
		Bind(dbx.Params{"place": p.Code, "day": s.today()}).All(&missed); err != nil {
		return err
	}
	data["Missed"] = rows(missed)
	if status == http.StatusConflict {
		data["Notice"] = "staff.appointment.seen"
	}
	for _, r := range rows(called) {
		if r.Desk == desk {
			data["Now"] = r
		}
	}
	var next int64 // appointment of this desk
	err = s.p.App.DB().NewQuery(`SELECT coalesce(min(starts), 0) FROM appointments WHERE desk = {:desk} AND state IN ('booked', 'arrived') AND starts >= {:now}
		AND starts < {:now} + 7200000`).Bind(dbx.Params{"desk": desk, "now": s.p.Now().UnixMilli()}).Row(&next)
	if err != nil {
		return err
	}
	if next > 0 {
		data["Next"] = clock(time.UnixMilli(next), content.German)
	}
	return s.p.Show(e, status, templates, "staff-queue", base.View{Title: s.german("staff.appointment.queue"), Data: data, Form: q, Problems: problems})
}

// deskName is the cookie that remembers at which desk somebody works.
const deskName = "platz"

// desk is where whoever asks works: the desk they chose, or the one before.
func (s *Service) desk(e *core.RequestEvent, p *plan, q url.Values) string {
	isDesk := func(code string) bool {
		return slices.ContainsFunc(p.desks(), func(r Resource) bool { return r.Code == code })
	}
	if code := q.Get("platz"); isDesk(code) {
		e.SetCookie(&http.Cookie{Name: deskName, Value: code, Path: "/schalter/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: strings.HasPrefix(s.p.Origin, "https:")})
		return code
	}
	if cookie, err := e.Request.Cookie(deskName); err == nil && !q.Has("platz") && isDesk(cookie.Value) {
		return cookie.Value
	}
	return ""
}

func (s *Service) staffCall(e *core.RequestEvent) error {
	values, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	p, err := s.planOr404()
	if err != nil {
		return err
	}
	desk := values.Get("platz")
	if values.Has("zurueck") {
		n, err := strconv.Atoi(values.Get("zurueck"))
		if err != nil {
			return base.ErrNotFound
		}
		if err := s.Requeue(n); err != nil {
			return err
		}
		return e.Redirect(http.StatusSeeOther, "/schalter/aufruf/?platz="+url.QueryEscape(desk))
	}
	if !slices.ContainsFunc(p.desks(), func(r Resource) bool { return r.Code == desk }) {
		return s.queuePage(e, http.StatusUnprocessableEntity, values, content.Problems{{Field: "platz", Code: "required"}})
	}
	to := "/schalter/aufruf/?platz=" + url.QueryEscape(desk)
	seen, err := strconv.Atoi(values.Get("jetzt"))
	if err != nil {
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	switch values.Get("action") {
	case "naechste":
		called, err := s.Call(desk, seen)
		if errors.Is(err, errSeen) {
			return s.queuePage(e, http.StatusConflict, values, nil)
		}
		if err != nil {
			return err
		}
		if !called {
			to += "&neu=niemand"
		}
	case "nochmal":
		err = s.CallAgain(desk, seen)
	case "verpasst":
		err = s.Leave(desk, seen, Missed)
	case "fertig":
		err = s.Leave(desk, seen, Done)
	default:
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	if errors.Is(err, errSeen) {
		return s.queuePage(e, http.StatusConflict, values, nil)
	}
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, to)
}

// issueNumber gives a number to somebody who came without an appointment.
func (s *Service) issueNumber(e *core.RequestEvent) error {
	values, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	v, err := s.WalkIn(values["leistung"])
	var problems content.Problems
	if errors.As(err, &problems) {
		return s.queuePage(e, http.StatusUnprocessableEntity, values, problems)
	}
	if base.IsNoRows(err) {
		return base.Refuse(http.StatusNotFound, "appointment_no_place")
	}
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, fmt.Sprintf("/schalter/aufruf/nummer/%d/", v.Number))
}

// staffSlip is the slip of paper with the number and the way to its page.
func (s *Service) staffSlip(e *core.RequestEvent) error {
	p, err := s.planOr404()
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(e.Request.PathValue("number"))
	if err != nil {
		return base.ErrNotFound
	}
	v, err := visitOf(s.p.App.DB(), p.Code, s.today(), n)
	if err != nil {
		return err
	}
	e.Response.Header().Set("Referrer-Policy", "no-referrer")
	link := "/aufruf/nummer/" + s.numberToken(v.Place, v.Day, v.Number) + "/"
	code, err := base.QR(s.p.Origin+link, s.german("staff.appointment.slip.qr"))
	if err != nil {
		return err
	}
	return s.p.Show(e, http.StatusOK, templates, "staff-slip", base.View{Title: s.german("staff.appointment.slip", "number", v.Label()), Data: map[string]any{
		"V": v, "QR": code, "Link": link, "Names": names(p.named(v.codes()), content.German), "Place": p.Place, "At": when(time.UnixMilli(v.Arrived), content.German),
	}})
}

// Rate is how many appointments of a service and week were not kept.
type Rate struct {
	Week, Service                    string
	Kept, Missed                     int
	RemindedMissed, Reminded         int
	UnremindedMissed, Unreminded     int
	Share, ShareReminded, ShareOther string // per cent, "–" under ten appointments
}

// staffRates shows the no-show rate by service and week.
func (s *Service) staffRates(e *core.RequestEvent) error {
	p, err := s.planOr404()
	if err != nil {
		return err
	}
	rates, err := s.rates(s.p.App.DB(), p, s.p.Now().Add(-12*7*24*time.Hour).UnixMilli(), s.p.Now().UnixMilli())
	if err != nil {
		return err
	}
	return s.p.Show(e, http.StatusOK, templates, "staff-rates", base.View{Title: s.german("staff.appointment.rates"), Data: map[string]any{"Rates": rates, "Totals": s.totals(rates)}})
}

// Total is the rate of a service over all weeks, and how far reminders go with it.
type Total struct {
	Rate
	Difference string // per cent points with a reminder against without, with its 95 % interval; "–" for few
}

// totals adds up the weeks: all services first, then each.
func (s *Service) totals(rates []Rate) []Total {
	if len(rates) == 0 {
		return nil
	}
	list := []Total{{Rate: Rate{Service: s.german("staff.appointment.all_services")}}}
	for _, r := range rates {
		i := slices.IndexFunc(list[1:], func(t Total) bool { return t.Service == r.Service }) + 1
		if i == 0 {
			list = append(list, Total{Rate: Rate{Service: r.Service}})
			i = len(list) - 1
		}
		for _, t := range []*Total{&list[0], &list[i]} {
			t.Kept += r.Kept
			t.Missed += r.Missed
			t.Reminded += r.Reminded
			t.RemindedMissed += r.RemindedMissed
			t.Unreminded += r.Unreminded
			t.UnremindedMissed += r.UnremindedMissed
		}
	}
	slices.SortFunc(list[1:], func(a, b Total) int { return strings.Compare(a.Service, b.Service) })
	for i := range list {
		t := &list[i]
		t.say()
		t.Difference = "–"
		if t.Reminded >= fewest && t.Unreminded >= fewest {
			d, low, high := newcombe(t.RemindedMissed, t.Reminded, t.UnremindedMissed, t.Unreminded)
			t.Difference = s.german("staff.appointment.points", "d", points(d), "low", points(low), "high", points(high))
		}
	}
	return list
}

func points(x float64) string {
	return strings.Replace(fmt.Sprintf("%+.0f", math.Round(x*100)), "-", "−", 1)
}

// wilson is the 95 % interval of a share (Wilson 1927).
func wilson(part, all int) (low, high float64) {
	const z = 1.959964
	n, p := float64(all), float64(part)/float64(all)
	middle, half := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return (middle - half) / (1 + z*z/n), (middle + half) / (1 + z*z/n)
}

// newcombe is the difference of two shares with its 95 % interval (Newcombe 1998,
// method 10).
func newcombe(part1, all1, part2, all2 int) (d, low, high float64) {
	p1, p2 := float64(part1)/float64(all1), float64(part2)/float64(all2)
	l1, u1 := wilson(part1, all1)
	l2, u2 := wilson(part2, all2)
	d = p1 - p2
	return d, d - math.Hypot(p1-l1, u2-p2), d + math.Hypot(u1-p1, p2-l2)
}

// fewest appointments of which a share is told.
const fewest = 10

func percent(part, all int) string {
	if all < fewest {
		return "–"
	}
	return fmt.Sprintf("%d %%", (part*100+all/2)/all)
}

func (s *Service) rates(db dbx.Builder, p *plan, from, to int64) (list []Rate, err error) {
	var rows []struct {
		Starts   int64  `db:"starts"`
		State    string `db:"state"`
		Service  string `db:"service"`
		Reminded bool   `db:"reminded"`
	}
	if err := db.NewQuery(`SELECT a.starts, a.state, i.service, a.reminded IS NOT NULL AS reminded FROM appointments a JOIN appointment_items i USING (reference)
		WHERE a.state IN ('done', 'missed', 'arrived') AND a.starts >= {:from} AND a.starts < {:to} ORDER BY a.starts DESC`).
		Bind(dbx.Params{"from": from, "to": to}).All(&rows); err != nil {
		return nil, err
	}
	for _, r := range rows {
		name := isoWeek(time.UnixMilli(r.Starts).In(content.Berlin))
		service := names(p.named([]string{r.Service}), content.German)
		i := slices.IndexFunc(list, func(x Rate) bool { return x.Week == name && x.Service == service })
		if i < 0 {
			list = append(list, Rate{Week: name, Service: service})
			i = len(list) - 1
		}
		x := &list[i]
		missed := 0
		if r.State == Missed {
			missed = 1
		}
		x.Missed += missed
		x.Kept += 1 - missed
		if r.Reminded {
			x.Reminded++
			x.RemindedMissed += missed
		} else {
			x.Unreminded++
			x.UnremindedMissed += missed
		}
	}
	for i := range list {
		list[i].say()
	}
	return list, nil
}

func (r *Rate) say() {
	r.Share, r.ShareReminded, r.ShareOther = percent(r.Missed, r.Ended()), percent(r.RemindedMissed, r.Reminded), percent(r.UnremindedMissed, r.Unreminded)
}

// Ended counts the appointments of the rate.
func (r Rate) Ended() int { return r.Kept + r.Missed }
