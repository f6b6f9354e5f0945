package appointments

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Visit is one number of a day.
type Visit struct {
	Place     string `db:"place"`
	Day       string `db:"day"`
	Number    int    `db:"number"`
	Services  string `db:"services"`
	Reference string `db:"reference"`
	Planned   int64  `db:"planned"` // 0: without an appointment
	Arrived   int64  `db:"arrived"`
	Called    int64  `db:"called"`
	Calls     int    `db:"calls"`
	LastCall  int64  `db:"last_call"`
	Desk      string `db:"desk"`
	State     string `db:"state"`
}

const visitColumns = `place, day, number, services, coalesce(reference, '') AS reference, coalesce(planned, 0) AS planned, arrived,
	coalesce(called, 0) AS called, calls, coalesce(last_call, 0) AS last_call, desk, state`

// Label is the number as people read it: "T012" with an appointment, "A012" without.
func (v Visit) Label() string {
	letter := "A"
	if v.Planned != 0 {
		letter = "T"
	}
	return fmt.Sprintf("%s%03d", letter, v.Number)
}

func (v Visit) codes() []string { return strings.Split(v.Services, ",") }

// due is when it is somebody's turn: with an appointment at its time (or when they
// came late), else when they came.
func (v Visit) due() int64 { return max(v.Planned, v.Arrived) }

// queueOrder of numbers that wait: appointments whose time has come, by their time;
// then everybody by when they came. {:now} is Unix milliseconds.
const queueOrder = `ORDER BY CASE WHEN planned IS NOT NULL AND planned <= {:now} THEN 0 ELSE 1 END,
	CASE WHEN planned IS NOT NULL AND planned <= {:now} THEN max(planned, 0) ELSE arrived END, number`

func (s *Service) today() string { return s.p.Now().In(content.Berlin).Format(time.DateOnly) }

// number gives out the next number of the day in the caller's transaction.
func (s *Service) number(tx core.App, place, services string, reference any, planned any) (v Visit, err error) {
	now := s.p.Now()
	day := s.today()
	var n int
	if err = tx.DB().NewQuery(`SELECT coalesce(max(number), 0) + 1 FROM visits WHERE place = {:place} AND day = {:day}`).
		Bind(dbx.Params{"place": place, "day": day}).Row(&n); err != nil {
		return v, err
	}
	_, err = exec(tx, `INSERT INTO visits (place, day, number, services, reference, planned, arrived, state, token_hash)
		VALUES ({:place}, {:day}, {:number}, {:services}, {:reference}, {:planned}, {:now}, 'waiting', {:token})`,
		dbx.Params{"place": place, "day": day, "number": n, "services": services, "reference": reference, "planned": planned,
			"now": now.UnixMilli(), "token": base.Hash(s.numberToken(place, day, n))})
	if err != nil {
		return v, err
	}
	return visitOf(tx.DB(), place, day, n)
}

func (s *Service) numberToken(place, day string, n int) string {
	return s.secret(fmt.Sprint("number ", place, " ", day, " ", n))
}

func visitOf(db dbx.Builder, place, day string, n int) (v Visit, err error) {
	err = db.NewQuery(`SELECT ` + visitColumns + ` FROM visits WHERE place = {:place} AND day = {:day} AND number = {:n}`).
		Bind(dbx.Params{"place": place, "day": day, "n": n}).One(&v)
	if base.IsNoRows(err) {
		return v, base.ErrNotFound
	}
	return v, err
}

// CheckIn notes that somebody came to their appointment and gives them a number;
// a second call gives the same one.
func (s *Service) CheckIn(reference string) (v Visit, err error) {
	err = s.p.App.RunInTransaction(func(tx core.App) error {
		a, err := find(tx.DB(), reference)
		if err != nil {
			return err
		}
		err = tx.DB().NewQuery(`SELECT ` + visitColumns + ` FROM visits WHERE reference = {:reference}`).Bind(dbx.Params{"reference": reference}).One(&v)
		if err == nil || !base.IsNoRows(err) {
			return err
		}
		if a.State != Booked && a.State != Missed || a.Start().In(content.Berlin).Format(time.DateOnly) != s.today() {
			return ErrTooLate
		}
		if err := s.endOffers(tx, reference, "lapsed", s.p.Now()); err != nil {
			return err
		}
		if _, err := exec(tx, `UPDATE appointments SET state = 'arrived', earlier = NULL, ended = NULL WHERE reference = {:reference}`, dbx.Params{"reference": reference}); err != nil {
			return err
		}
		v, err = s.number(tx, a.Place, a.Services, reference, a.Starts)
		return err
	})
	return v, err
}

// WalkIn gives a number to somebody without an appointment.
func (s *Service) WalkIn(codes []string) (v Visit, err error) {
	p, err := readPlan(s.p.App.DB())
	if err != nil {
		return v, err
	}
	services, ok := p.chosen(codes)
	if !ok {
		return v, content.Problems{{Field: "leistung", Code: "appointment_services"}}
	}
	var list []string
	for _, a := range services {
		list = append(list, a.Code)
	}
	err = s.p.App.RunInTransaction(func(tx core.App) error {
		v, err = s.number(tx, p.Code, strings.Join(list, ","), nil, nil)
		return err
	})
	return v, err
}

// errSeen: the desk serves another number than the page showed that was answered:
// sent twice, or a colleague was faster.
var errSeen = errors.New("the desk serves another number by now")

// Call ends what a desk is busy with and calls the next number that it can serve.
// seen is the number that the desk served when its page was made, 0 for none: a
// second press of the button calls nobody. False: nobody waits.
func (s *Service) Call(desk string, seen int) (called bool, err error) {
	now := s.p.Now()
	err = s.p.App.RunInTransaction(func(tx core.App) error {
		p, err := readPlan(tx.DB())
		if err != nil {
			return err
		}
		if err := s.leave(tx, p, desk, seen, Done); err != nil {
			return err
		}
		var waiting []Visit
		if err := tx.DB().NewQuery(`SELECT ` + visitColumns + ` FROM visits WHERE place = {:place} AND day = {:day} AND state = 'waiting' ` + queueOrder).
			Bind(dbx.Params{"place": p.Code, "day": s.today(), "now": now.UnixMilli()}).All(&waiting); err != nil {
			return err
		}
		for _, v := range waiting {
			services := p.named(v.codes())
			if !p.resource(desk).can(services) {
				continue
			}
			if _, err := exec(tx, `UPDATE visits SET state = 'called', desk = {:desk}, called = {:now}, last_call = {:now}, calls = calls + 1
				WHERE place = {:place} AND day = {:day} AND number = {:n}`,
				dbx.Params{"desk": desk, "now": now.UnixMilli(), "place": v.Place, "day": v.Day, "n": v.Number}); err != nil {
				return err
			}
			called = true
			if v.Planned != 0 {
				return nil
			}
			// The calendar knows that the desk is busy: what is free of it is taken.
			first, end := ticks(now, now.Add(minutes(sum(services).Minutes)))
			_, err := exec(tx, `INSERT INTO appointment_ticks (resource, tick, place, holder, channel)
				WITH RECURSIVE span (n) AS (VALUES ({:first}) UNION ALL SELECT n + 1 FROM span WHERE n + 1 < {:end})
				SELECT {:desk}, n, {:place}, {:holder}, '' FROM span WHERE true ON CONFLICT DO NOTHING`,
				dbx.Params{"first": first, "end": end, "desk": desk, "place": p.Code, "holder": holderOf(v)})
			return err
		}
		return nil
	})
	return called, err
}

func holderOf(v Visit) string { return fmt.Sprintf("V-%s-%s-%d", v.Place, v.Day, v.Number) }

// leave ends the number that a desk has called: done or missed. [errSeen]: it is
// not the one that was seen.
func (s *Service) leave(tx core.App, p *plan, desk string, seen int, state string) error {
	now := s.p.Now().UnixMilli()
	var v Visit
	err := tx.DB().NewQuery(`SELECT ` + visitColumns + ` FROM visits WHERE place = {:place} AND day = {:day} AND desk = {:desk} AND state = 'called'`).
		Bind(dbx.Params{"place": p.Code, "day": s.today(), "desk": desk}).One(&v)
	if err != nil && !base.IsNoRows(err) {
		return err
	}
	if v.Number != seen {
		return errSeen
	}
	if seen == 0 {
		return nil
	}
	if _, err := exec(tx, `UPDATE visits SET state = {:state}, finished = {:now} WHERE place = {:place} AND day = {:day} AND number = {:n}`,
		dbx.Params{"state": state, "now": now, "place": v.Place, "day": v.Day, "n": v.Number}); err != nil {
		return err
	}
	if _, err := exec(tx, `DELETE FROM appointment_ticks WHERE holder = {:holder}`, dbx.Params{"holder": holderOf(v)}); err != nil {
		return err
	}
	if v.Reference == "" {
		return nil
	}
	_, err = exec(tx, `UPDATE appointments SET state = {:state}, ended = {:now} WHERE reference = {:reference} AND state = 'arrived'`,
		dbx.Params{"state": state, "now": now, "reference": v.Reference})
	return err
}

// Leave ends the number that a desk has called, without calling another one.
func (s *Service) Leave(desk string, seen int, state string) error {
	return s.p.App.RunInTransaction(func(tx core.App) error {
		p, err := readPlan(tx.DB())
		if err != nil {
			return err
		}
		return s.leave(tx, p, desk, seen, state)
	})
}

// CallAgain calls the number of a desk once more.
func (s *Service) CallAgain(desk string, seen int) error {
	n, err := exec(s.p.App, `UPDATE visits SET calls = calls + 1, last_call = {:now} WHERE day = {:day} AND desk = {:desk} AND state = 'called' AND number = {:seen}`,
		dbx.Params{"now": s.p.Now().UnixMilli(), "day": s.today(), "desk": desk, "seen": seen})
	if err == nil && n == 0 {
		return errSeen
	}
	return err
}

// Requeue lets a number wait again whose owner did not hear the call; they keep
// their place in the line.
func (s *Service) Requeue(n int) error {
	return s.p.App.RunInTransaction(func(tx core.App) error {
		p, err := readPlan(tx.DB())
		if err != nil {
			return err
		}
		v, err := visitOf(tx.DB(), p.Code, s.today(), n)
		if err != nil || v.State != Missed {
			return err
		}
		if _, err := exec(tx, `UPDATE visits SET state = 'waiting', desk = '', called = NULL, finished = NULL WHERE place = {:place} AND day = {:day} AND number = {:n}`,
			dbx.Params{"place": v.Place, "day": v.Day, "n": v.Number}); err != nil {
			return err
		}
		_, err = exec(tx, `UPDATE appointments SET state = 'arrived', ended = NULL WHERE reference = {:reference} AND state = 'missed'`, dbx.Params{"reference": v.Reference})
		return err
	})
}

// line reads what waits and what is being served.
func (s *Service) line(p *plan) (waiting, called []Visit, err error) {
	params := dbx.Params{"place": p.Code, "day": s.today(), "now": s.p.Now().UnixMilli()}
	if err = s.p.App.DB().NewQuery(`SELECT ` + visitColumns + ` FROM visits WHERE place = {:place} AND day = {:day} AND state = 'waiting' ` + queueOrder).Bind(params).All(&waiting); err != nil {
		return nil, nil, err
	}
	err = s.p.App.DB().NewQuery(`SELECT ` + visitColumns + ` FROM visits WHERE place = {:place} AND day = {:day} AND state = 'called' ORDER BY last_call DESC, number`).Bind(params).All(&called)
	return waiting, called, err
}

// Wait tells how long a number that waits will wait from now on.
func (s *Service) Wait(p *plan, v Visit) (r Range, ahead int, known bool, err error) {
	now := s.p.Now()
	waiting, called, err := s.line(p)
	if err != nil {
		return r, 0, false, err
	}
	q := Queue{}
	for _, w := range waiting {
		if w.Number == v.Number {
			break
		}
		ahead++
	}
	q.Ahead = ahead
	params := dbx.Params{"place": p.Code, "day": s.today(), "since": now.Add(-4 * time.Hour).UnixMilli(), "now": now.UnixMilli(), "recent": now.Add(-30 * time.Minute).UnixMilli()}
	var took []int64
	if err := s.p.App.DB().NewQuery(`SELECT finished - called FROM visits WHERE place = {:place} AND day = {:day} AND state = 'done' AND finished >= {:since} AND finished > called
		ORDER BY finished DESC LIMIT 40`).Bind(params).Column(&took); err != nil {
		return r, 0, false, err
	}
	for _, ms := range took {
		q.Took = append(q.Took, time.Duration(ms)*time.Millisecond)
	}
	var desks []string // that called or ended a number lately
	if err := s.p.App.DB().NewQuery(`SELECT DISTINCT desk FROM visits WHERE place = {:place} AND day = {:day} AND desk <> ''
		AND (state = 'called' OR finished >= {:recent})`).Bind(params).Column(&desks); err != nil {
		return r, 0, false, err
	}
	q.Desks = len(desks)
	for _, c := range called {
		q.Busy = append(q.Busy, now.Sub(time.UnixMilli(c.Called)))
	}
	var booked []int64
	if err := s.p.App.DB().NewQuery(`SELECT starts FROM appointments WHERE place = {:place} AND state = 'booked' AND starts > {:recent} AND starts < {:now} + 7200000 ORDER BY starts`).
		Bind(params).Column(&booked); err != nil {
		return r, 0, false, err
	}
	for _, ms := range booked {
		if v.Planned == 0 || ms < v.Planned {
			q.Booked = append(q.Booked, max(0, time.UnixMilli(ms).Sub(now)))
		}
	}
	q.Show = 0.8 // share of appointments that are kept, until it is known
	var kept, all int
	if err := s.p.App.DB().NewQuery(`SELECT coalesce(sum(state = 'done'), 0), count(*) FROM appointments WHERE place = {:place} AND state IN ('done', 'missed')`).
		Bind(params).Row(&kept, &all); err != nil {
		return r, 0, false, err
	}
	if all >= 50 {
		q.Show = float64(kept) / float64(all)
	}
	if v.Planned > now.UnixMilli() { // nobody with a later time is called early on purpose
		q.NotBefore = time.UnixMilli(v.Planned).Sub(now)
	}
	r, known = q.Estimate(s.Random())
	return r, ahead, known, nil
}

const numberCookie = "nummer"

func (s *Service) openNumber(e *core.RequestEvent) error {
	e.Response.Header().Set("Referrer-Policy", "no-referrer")
	e.Response.Header().Set("Cache-Control", "no-store")
	var v Visit
	err := s.p.App.DB().NewQuery(`SELECT ` + visitColumns + ` FROM visits WHERE token_hash = {:hash}`).
		Bind(dbx.Params{"hash": base.Hash(readable(e.Request.PathValue("token")))}).One(&v)
	if base.IsNoRows(err) {
		return base.ErrNotFound
	}
	if err != nil {
		return err
	}
	s.setCookie(e, numberCookie, fmt.Sprintf("%s:%s:%d", v.Place, v.Day, v.Number), 12*time.Hour)
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/aufruf/nummer/")
}

func (s *Service) showNumber(e *core.RequestEvent) error {
	lang := base.Lang(e.Request)
	value, ok := s.cookie(e, numberCookie)
	parts := strings.Split(value, ":")
	if !ok || len(parts) != 3 || parts[1] != s.today() {
		return base.ErrNotFound
	}
	var n int
	fmt.Sscan(parts[2], &n)
	v, err := visitOf(s.p.App.DB(), parts[0], parts[1], n)
	if err != nil {
		return err
	}
	p, err := readPlan(s.p.App.DB())
	if err != nil {
		return err
	}
	data := map[string]any{"V": v, "Desk": p.resource(v.Desk).Name, "Place": p.Place, "At": clock(s.p.Now(), lang)}
	if v.State == "waiting" {
		r, ahead, known, err := s.Wait(p, v)
		if err != nil {
			return err
		}
		data["Ahead"], data["Known"], data["From"], data["To"] = ahead, known, r.From, r.To
	}
	return s.p.Show(e, http.StatusOK, templates, "number", base.View{Title: s.p.Words.In(lang, "appointment.number.title", "number", v.Label()), Data: data})
}

// callRow is one line of the screen.
type callRow struct{ Number, Desk string }

// showDisplay is the page of a screen: numbers and desks, no names. Its script
// asks for news and can speak; without scripts the page loads itself anew.
func (s *Service) showDisplay(e *core.RequestEvent) error {
	p, err := readPlan(s.p.App.DB())
	if err != nil && !base.IsNoRows(err) {
		return err
	}
	if err != nil || e.Request.PathValue("display") != p.Code {
		return base.ErrNotFound
	}
	var called []Visit
	if err := s.p.App.DB().NewQuery(`SELECT ` + visitColumns + ` FROM visits WHERE place = {:place} AND day = {:day} AND state = 'called' ORDER BY last_call DESC, number LIMIT 6`).
		Bind(dbx.Params{"place": p.Code, "day": s.today()}).All(&called); err != nil {
		return err
	}
	var rows []callRow
	for _, v := range called {
		rows = append(rows, callRow{v.Label(), p.resource(v.Desk).Name})
	}
	e.Response.Header().Set("Cache-Control", "no-store")
	e.Response.Header().Set("Content-Type", "text/html; charset=utf-8")
	last := ""
	if len(called) > 0 {
		last = fmt.Sprint(called[0].Label(), "-", called[0].Calls)
	}
	return templates["display"].Execute(e.Response, s.p.InWords(base.View{Lang: content.German, Data: map[string]any{
		"Rows": rows, "Place": p.Place, "Last": last, "At": s.p.Now().In(content.Berlin).Format("15:04"),
	}}))
}

func (s *Service) asset(e *core.RequestEvent) error {
	return e.FileFS(assets, "assets/"+e.Request.PathValue("name"))
}
