package appointments

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// States of an appointment.
const (
	Held      = "held"
	Booked    = "booked"
	Arrived   = "arrived"
	Done      = "done"
	Missed    = "missed"
	Cancelled = "cancelled"
)

// Rules of time.
const (
	HoldLife   = 15 * time.Minute // to type name and contact
	TradeBlock = 30 * time.Minute // a freed place is nobody's for so long
	OfferLife  = 2 * time.Hour    // to answer an offer, by day
	OfferLead  = 2 * time.Hour    // nothing is offered that begins sooner
	MaxPerson  = 3                // appointments to come for one mail address or telephone number
)

// Refusals.
var (
	ErrTaken   = base.Refuse(http.StatusConflict, "appointment_taken")
	ErrExpired = base.Refuse(http.StatusConflict, "appointment_expired")
	ErrTooMany = base.Refuse(http.StatusConflict, "appointment_too_many", "max", MaxPerson)
	ErrTooLate = base.Refuse(http.StatusConflict, "appointment_too_late")
)

// Appointment is one row of the table.
type Appointment struct {
	Reference string `db:"reference"`
	Place     string `db:"place"`
	Starts    int64  `db:"starts"` // Unix milliseconds
	Ends      int64  `db:"ends"`
	Desk      string `db:"desk"`
	Adviser   string `db:"adviser"`
	Channel   string `db:"channel"`
	State     string `db:"state"`
	Name      string `db:"name"`
	Email     string `db:"email"`
	Phone     string `db:"phone"`
	Language  string `db:"language"`
	Sequence  int    `db:"sequence"`
	Earlier   int64  `db:"earlier"`
	Expires   int64  `db:"expires"`
	Created   int64  `db:"created"`
	Services  string `db:"services"` // codes, parted by commas
}

const appointmentColumns = `reference, place, starts, ends, desk, adviser, channel, state, name, email, phone, language, sequence,
	coalesce(earlier, 0) AS earlier, coalesce(expires, 0) AS expires, created,
	(SELECT coalesce(group_concat(service), '') FROM (SELECT service FROM appointment_items i WHERE i.reference = appointments.reference ORDER BY position)) AS services`

// Start of the appointment.
func (a Appointment) Start() time.Time { return time.UnixMilli(a.Starts) }

// End of the appointment.
func (a Appointment) End() time.Time { return time.UnixMilli(a.Ends) }

func (a Appointment) codes() []string { return strings.Split(a.Services, ",") }

func find(db dbx.Builder, reference string) (a Appointment, err error) {
	err = db.NewQuery(`SELECT ` + appointmentColumns + ` FROM appointments WHERE reference = {:reference}`).
		Bind(dbx.Params{"reference": reference}).One(&a)
	if base.IsNoRows(err) {
		return a, base.ErrNotFound
	}
	return a, err
}

func exec(tx core.App, query string, params dbx.Params) (int64, error) {
	res, err := tx.DB().NewQuery(query).Bind(params).Execute()
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// isTaken reports whether the primary key of the ticks or the contingent refused.
func isTaken(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "UNIQUE constraint failed: appointment_ticks") || strings.Contains(err.Error(), "appointment_contingent"))
}

// take takes the time of one desk and adviser for a holder: all of it, or none
// with [ErrTaken]. until is 0, or when the ticks are free again.
func take(tx core.App, place, channel, holder string, at pair, from, to time.Time, until int64) error {
	first, end := ticks(from, to)
	var freeAt any
	if until != 0 {
		freeAt = until
	}
	_, err := exec(tx, `INSERT INTO appointment_ticks (resource, tick, place, holder, channel, free_at)
		WITH RECURSIVE span (n) AS (VALUES ({:first}) UNION ALL SELECT n + 1 FROM span WHERE n + 1 < {:end})
		SELECT who.code, n, {:place}, {:holder}, who.channel, {:until} FROM span,
			(SELECT {:desk} AS code, {:channel} AS channel UNION ALL SELECT {:adviser}, '') AS who WHERE who.code <> ''`,
		dbx.Params{"first": first, "end": end, "place": place, "holder": holder, "channel": channel, "desk": at.Desk, "adviser": at.Adviser, "until": freeAt})
	if isTaken(err) {
		return ErrTaken
	}
	return err
}

// takeOne tries the pairs of a slot until one is free.
func takeOne(tx core.App, p *plan, channel, holder string, slot Slot, v visit, until int64) (pair, error) {
	from, to := v.block(slot.Start)
	for _, at := range slot.pairs {
		err := take(tx, p.Code, channel, holder, at, from, to, until)
		if !errors.Is(err, ErrTaken) {
			return at, err
		}
	}
	return pair{}, ErrTaken
}

// Hold keeps a time for somebody who types their details. instead is a hold that
// it takes the place of, or "".
func (s *Service) Hold(codes []string, channel, lang string, start time.Time, instead string) (Appointment, error) {
	now := s.p.Now()
	p, err := readPlan(s.p.App.DB())
	if err != nil {
		return Appointment{}, err
	}
	services, ok := p.chosen(codes)
	if !ok {
		return Appointment{}, content.Problems{{Field: "leistung", Code: "appointment_services"}}
	}
	slot, err := p.at(s.p.App.DB(), services, channel, instead, start, now)
	if err != nil {
		return Appointment{}, err
	}
	v := sum(services)
	a := Appointment{Reference: base.NewReference("T"), Place: p.Code, Starts: start.UnixMilli(), Ends: start.Add(minutes(v.Minutes)).UnixMilli(),
		Channel: channel, State: Held, Language: lang, Expires: now.Add(HoldLife).UnixMilli(), Created: now.UnixMilli()}
	err = s.p.App.RunInTransaction(func(tx core.App) error {
		if err := s.expire(tx, now); err != nil {
			return err
		}
		if instead != "" {
			if err := dropHold(tx, instead); err != nil {
				return err
			}
		}
		at, err := takeOne(tx, p, channel, a.Reference, slot, v, a.Expires)
		if err != nil {
			return err
		}
		a.Desk, a.Adviser = at.Desk, at.Adviser
		return insert(tx, a, services)
	})
	return a, err
}

func insert(tx core.App, a Appointment, services []Advice) error {
	var expires any
	if a.Expires != 0 {
		expires = a.Expires
	}
	_, err := exec(tx, `INSERT INTO appointments (reference, place, starts, ends, desk, adviser, channel, state, name, email, phone, language, expires, created)
		VALUES ({:reference}, {:place}, {:starts}, {:ends}, {:desk}, {:adviser}, {:channel}, {:state}, {:name}, {:email}, {:phone}, {:language}, {:expires}, {:created})`,
		dbx.Params{"reference": a.Reference, "place": a.Place, "starts": a.Starts, "ends": a.Ends, "desk": a.Desk, "adviser": a.Adviser, "channel": a.Channel,
			"state": a.State, "name": a.Name, "email": a.Email, "phone": a.Phone, "language": a.Language, "expires": expires, "created": a.Created})
	for i, service := range services {
		if err == nil {
			_, err = exec(tx, `INSERT INTO appointment_items (reference, position, service) VALUES ({:reference}, {:position}, {:service})`,
				dbx.Params{"reference": a.Reference, "position": i, "service": service.Code})
		}
	}
	return err
}

// dropHold ends a hold; what is booked stays.
func dropHold(tx core.App, reference string) error {
	for _, q := range []string{
		`DELETE FROM appointment_ticks WHERE holder = {:reference} AND EXISTS (SELECT 1 FROM appointments WHERE reference = {:reference} AND state = 'held')`,
		`DELETE FROM appointment_items WHERE reference = {:reference} AND EXISTS (SELECT 1 FROM appointments WHERE reference = {:reference} AND state = 'held')`,
		`DELETE FROM appointments WHERE reference = {:reference} AND state = 'held'`,
	} {
		if _, err := exec(tx, q, dbx.Params{"reference": reference}); err != nil {
			return err
		}
	}
	return nil
}

// Person is who an appointment is for; one contact is enough, at the counter none.
type Person struct{ Name, Email, Phone string }

// Confirm makes a hold an appointment; a second call changes nothing.
// [ErrExpired]: the hold has ended.
func (s *Service) Confirm(reference string, who Person, lang string) (a Appointment, err error) {
	now := s.p.Now()
	err = s.p.App.RunInTransaction(func(tx core.App) error {
		if err := s.expire(tx, now); err != nil {
			return err
		}
		if a, err = find(tx.DB(), reference); errors.Is(err, base.ErrNotFound) {
			return ErrExpired
		}
		if err != nil || a.State != Held {
			return err
		}
		a.Name, a.Email, a.Phone, a.Language = who.Name, who.Email, who.Phone, lang
		return s.book(tx, &a, now)
	})
	if err == nil {
		s.p.WakeOrders()
	}
	return a, err
}

// book makes a held row an appointment in the caller's transaction.
func (s *Service) book(tx core.App, a *Appointment, now time.Time) error {
	if a.Channel == Public {
		var n int
		if err := tx.DB().NewQuery(`SELECT count(*) FROM appointments WHERE state = 'booked' AND starts > {:now}
			AND (email <> '' AND email = {:email} OR phone <> '' AND phone = {:phone})`).
			Bind(dbx.Params{"now": now.UnixMilli(), "email": a.Email, "phone": a.Phone}).Row(&n); err != nil {
			return err
		}
		if n >= MaxPerson {
			return ErrTooMany
		}
	}
	_, err := exec(tx, `UPDATE appointments SET state = 'booked', expires = NULL, name = {:name}, email = {:email}, phone = {:phone}, language = {:language}, secret_hash = {:secret}
		WHERE reference = {:reference} AND state = 'held'`,
		dbx.Params{"reference": a.Reference, "name": a.Name, "email": a.Email, "phone": a.Phone, "language": a.Language, "secret": base.Hash(s.secret(a.Reference))})
	if err == nil {
		_, err = exec(tx, `UPDATE appointment_ticks SET free_at = NULL WHERE holder = {:reference}`, dbx.Params{"reference": a.Reference})
	}
	if err != nil {
		return err
	}
	a.State, a.Expires = Booked, 0
	return s.write(tx, *a, "confirmed")
}

// Move gives an appointment another time; what it had before is freed.
func (s *Service) Move(reference string, start time.Time, channel string) (a Appointment, err error) {
	now := s.p.Now()
	p, err := readPlan(s.p.App.DB())
	if err != nil {
		return a, err
	}
	if a, err = find(s.p.App.DB(), reference); err != nil {
		return a, err
	}
	services := p.named(a.codes())
	slot, err := p.at(s.p.App.DB(), services, channel, reference, start, now)
	if err != nil {
		return a, err
	}
	err = s.p.App.RunInTransaction(func(tx core.App) error {
		if err := s.expire(tx, now); err != nil {
			return err
		}
		if a, err = find(tx.DB(), reference); err != nil {
			return err
		}
		if !s.changeable(a) {
			return ErrTooLate
		}
		if a.Starts == start.UnixMilli() {
			return nil // sent twice
		}
		if err := s.endOffers(tx, reference, "lapsed", now); err != nil {
			return err
		}
		old, err := letGo(tx, reference)
		if err != nil {
			return err
		}
		v := sum(services)
		at, err := takeOne(tx, p, channel, reference, slot, v, 0)
		if err != nil {
			return err
		}
		a.Starts, a.Ends, a.Desk, a.Adviser, a.Channel = start.UnixMilli(), start.Add(minutes(v.Minutes)).UnixMilli(), at.Desk, at.Adviser, channel
		if err := s.moved(tx, &a); err != nil {
			return err
		}
		return s.release(tx, p, old, now)
	})
	if err == nil {
		s.p.WakeOrders()
	}
	return a, err
}

// Reassign gives an appointment another desk or adviser at its own time; its owner
// need not know. [ErrTaken]: there is none.
func (s *Service) Reassign(reference string) error {
	now := s.p.Now()
	p, err := readPlan(s.p.App.DB())
	if err != nil {
		return err
	}
	a, err := find(s.p.App.DB(), reference)
	if err != nil {
		return err
	}
	services := p.named(a.codes())
	slot, err := p.at(s.p.App.DB(), services, staffChannel(a), reference, a.Start(), now)
	if err != nil {
		return err
	}
	own := pair{a.Desk, a.Adviser}
	slot.pairs = slices.DeleteFunc(slot.pairs, func(at pair) bool { return at == own })
	// First those that change least: somebody who is ill leaves the desk where it is.
	slices.SortStableFunc(slot.pairs, func(x, y pair) int { return y.shares(own) - x.shares(own) })
	return s.p.App.RunInTransaction(func(tx core.App) error {
		if err := s.expire(tx, now); err != nil {
			return err
		}
		if a, err = find(tx.DB(), reference); err != nil {
			return err
		}
		if !s.changeable(a) || !a.Start().Equal(slot.Start) {
			return ErrTooLate
		}
		if _, err := letGo(tx, reference); err != nil {
			return err
		}
		at, err := takeOne(tx, p, a.Channel, reference, slot, sum(services), 0)
		if err != nil {
			return err
		}
		_, err = exec(tx, `UPDATE appointments SET desk = {:desk}, adviser = {:adviser} WHERE reference = {:reference}`,
			dbx.Params{"reference": reference, "desk": at.Desk, "adviser": at.Adviser})
		return err
	})
}

// shares is 1 when both have the desk or the adviser in common.
func (x pair) shares(y pair) int {
	if x.Desk == y.Desk || x.Adviser == y.Adviser {
		return 1
	}
	return 0
}

// moved writes the new time of an appointment and tells its owner.
func (s *Service) moved(tx core.App, a *Appointment) error {
	a.Sequence++
	_, err := exec(tx, `UPDATE appointments SET starts = {:starts}, ends = {:ends}, desk = {:desk}, adviser = {:adviser}, channel = {:channel},
		sequence = {:sequence}, reminded = NULL, earlier = NULL WHERE reference = {:reference}`,
		dbx.Params{"reference": a.Reference, "starts": a.Starts, "ends": a.Ends, "desk": a.Desk, "adviser": a.Adviser, "channel": a.Channel, "sequence": a.Sequence})
	if err != nil {
		return err
	}
	a.Earlier = 0
	return s.write(tx, *a, "moved")
}

// changeable: an appointment may be moved and cancelled until it begins.
func (s *Service) changeable(a Appointment) bool {
	return a.State == Booked && s.p.Now().Before(a.Start())
}

// Cancel frees the time of an appointment; a second call changes nothing.
func (s *Service) Cancel(reference string) error {
	now := s.p.Now()
	err := s.p.App.RunInTransaction(func(tx core.App) error {
		a, err := find(tx.DB(), reference)
		if err != nil || a.State == Cancelled {
			return err
		}
		if !s.changeable(a) {
			return ErrTooLate
		}
		p, err := readPlan(tx.DB())
		if err != nil {
			return err
		}
		if err := s.expire(tx, now); err != nil {
			return err
		}
		a.Sequence++
		if _, err := exec(tx, `UPDATE appointments SET state = 'cancelled', ended = {:now}, earlier = NULL, sequence = {:sequence} WHERE reference = {:reference}`,
			dbx.Params{"reference": reference, "now": now.UnixMilli(), "sequence": a.Sequence}); err != nil {
			return err
		}
		a.State = Cancelled
		if err := s.endOffers(tx, reference, "lapsed", now); err != nil {
			return err
		}
		old, err := letGo(tx, reference)
		if err != nil {
			return err
		}
		if err := s.write(tx, a, "cancelled"); err != nil {
			return err
		}
		return s.release(tx, p, old, now)
	})
	if err == nil {
		s.p.WakeOrders()
	}
	return err
}

// freed is time of a desk and adviser that nobody has any more.
type freed struct {
	pair
	from, to time.Time
}

// letGo takes the ticks of a holder away and tells which they were.
func letGo(tx core.App, holder string) (f freed, err error) {
	var row struct {
		First   int64  `db:"first"`
		Last    int64  `db:"last"`
		Desk    string `db:"desk"`
		Adviser string `db:"adviser"`
	}
	err = tx.DB().NewQuery(`SELECT coalesce(min(tick), 0) AS first, coalesce(max(tick), 0) AS last,
			coalesce(max(CASE WHEN channel <> '' THEN resource END), '') AS desk, coalesce(max(CASE WHEN channel = '' THEN resource END), '') AS adviser
		FROM appointment_ticks WHERE holder = {:holder}`).Bind(dbx.Params{"holder": holder}).One(&row)
	if err != nil {
		return f, err
	}
	at := func(tick int64) time.Time { return time.Unix(tick*int64(Tick/time.Second), 0) }
	if row.Last > 0 {
		f = freed{pair{row.Desk, row.Adviser}, at(row.First), at(row.Last + 1)}
	}
	_, err = exec(tx, `DELETE FROM appointment_ticks WHERE holder = {:holder}`, dbx.Params{"holder": holder})
	return f, err
}

// offerUntil is when an offer made now ends: two hours by day, in the evening the
// next morning at ten, and an hour before the time itself. False: too late.
func offerUntil(now, start time.Time) (time.Time, bool) {
	until := now.Add(OfferLife)
	local := until.In(content.Berlin)
	switch day := time.Date(local.Year(), local.Month(), local.Day(), 10, 0, 0, 0, content.Berlin); {
	case local.Hour() < 10:
		until = day
	case local.Hour() >= 21:
		until = day.AddDate(0, 0, 1)
	}
	if latest := start.Add(-time.Hour); until.After(latest) {
		until = latest
	}
	return until, !start.Before(now.Add(OfferLead)) && !until.Before(now.Add(30*time.Minute))
}

// release offers freed time to the first who waits for an earlier one and whom it
// fits, in the caller's transaction. What is left of it stays blocked for
// [TradeBlock], so that nobody hands an appointment on.
func (s *Service) release(tx core.App, p *plan, f freed, now time.Time) error {
	if f.Desk == "" || !f.to.After(now) {
		return nil
	}
	if err := s.offer(tx, p, f, now); err != nil {
		return err
	}
	first, end := ticks(f.from, f.to)
	_, err := exec(tx, `INSERT INTO appointment_ticks (resource, tick, place, holder, channel, free_at)
		WITH RECURSIVE span (n) AS (VALUES ({:first}) UNION ALL SELECT n + 1 FROM span WHERE n + 1 < {:end})
		SELECT who.code, n, {:place}, '', '', {:until} FROM span, (SELECT {:desk} AS code UNION ALL SELECT {:adviser}) AS who WHERE who.code <> ''
		ON CONFLICT DO NOTHING`,
		dbx.Params{"first": first, "end": end, "place": p.Code, "desk": f.Desk, "adviser": f.Adviser, "until": now.Add(TradeBlock).UnixMilli()})
	return err
}

func (s *Service) offer(tx core.App, p *plan, f freed, now time.Time) error {
	var waiting []Appointment
	if err := tx.DB().NewQuery(`SELECT ` + appointmentColumns + ` FROM appointments
		WHERE place = {:place} AND state = 'booked' AND earlier IS NOT NULL AND starts > {:from}
			AND NOT EXISTS (SELECT 1 FROM appointment_offers o WHERE o.reference = appointments.reference AND o.state = 'open')
		ORDER BY earlier, reference`).Bind(dbx.Params{"place": p.Code, "from": f.from.UnixMilli()}).All(&waiting); err != nil {
		return err
	}
	for _, a := range waiting {
		services := p.named(a.codes())
		v := sum(services)
		start := f.from.Add(minutes(v.Setup))
		from, to := v.block(start)
		until, inTime := offerUntil(now, start)
		day := start.In(content.Berlin)
		switch {
		case !inTime, to.After(f.to), !start.Before(a.Start()), !p.resource(f.Desk).can(services),
			f.Adviser != "" && !p.resource(f.Adviser).can(services), !covers(p.open(p.Code, day), start, start.Add(minutes(v.Minutes))):
			continue
		}
		var seen int // the same time is offered to the same person once
		if err := tx.DB().NewQuery(`SELECT count(*) FROM appointment_offers WHERE reference = {:reference} AND starts = {:starts}`).
			Bind(dbx.Params{"reference": a.Reference, "starts": start.UnixMilli()}).Row(&seen); err != nil {
			return err
		}
		if seen > 0 {
			continue
		}
		var id int64
		if err := tx.DB().NewQuery(`INSERT INTO appointment_offers (reference, starts, ends, desk, adviser, state, expires, created)
			VALUES ({:reference}, {:starts}, {:ends}, {:desk}, {:adviser}, 'open', {:expires}, {:now}) RETURNING id`).
			Bind(dbx.Params{"reference": a.Reference, "starts": start.UnixMilli(), "ends": start.Add(minutes(v.Minutes)).UnixMilli(),
				"desk": f.Desk, "adviser": f.Adviser, "expires": until.UnixMilli(), "now": now.UnixMilli()}).Row(&id); err != nil {
			return err
		}
		err := take(tx, p.Code, a.Channel, fmt.Sprint("O-", id), f.pair, from, to, until.UnixMilli())
		if errors.Is(err, ErrTaken) { // the contingent of this channel is used up
			if _, err := exec(tx, `DELETE FROM appointment_offers WHERE id = {:id}`, dbx.Params{"id": id}); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		return s.writeOffer(tx, a, Offer{id, a.Reference, start.UnixMilli(), start.Add(minutes(v.Minutes)).UnixMilli(), f.Desk, f.Adviser, until.UnixMilli()})
	}
	return nil
}

// Offer is an earlier time that somebody may have.
type Offer struct {
	ID        int64  `db:"id"`
	Reference string `db:"reference"`
	Starts    int64  `db:"starts"`
	Ends      int64  `db:"ends"`
	Desk      string `db:"desk"`
	Adviser   string `db:"adviser"`
	Expires   int64  `db:"expires"`
}

// openOffer is the offer that an appointment has, base.ErrNotFound for none.
func openOffer(db dbx.Builder, reference string, now time.Time) (o Offer, err error) {
	err = db.NewQuery(`SELECT id, reference, starts, ends, desk, adviser, expires FROM appointment_offers
		WHERE reference = {:reference} AND state = 'open' AND expires > {:now}`).Bind(dbx.Params{"reference": reference, "now": now.UnixMilli()}).One(&o)
	if base.IsNoRows(err) {
		return o, base.ErrNotFound
	}
	return o, err
}

// AnswerOffer takes the offer of an earlier time or leaves it to the next.
// [ErrExpired]: there is none any more.
func (s *Service) AnswerOffer(reference string, yes bool) error {
	now := s.p.Now()
	err := s.p.App.RunInTransaction(func(tx core.App) error {
		p, err := readPlan(tx.DB())
		if err != nil {
			return err
		}
		if err := s.expire(tx, now); err != nil {
			return err
		}
		o, err := openOffer(tx.DB(), reference, now)
		if errors.Is(err, base.ErrNotFound) {
			return ErrExpired
		}
		if err != nil {
			return err
		}
		if !yes {
			return s.endOffers(tx, reference, "declined", now)
		}
		a, err := find(tx.DB(), reference)
		if err != nil {
			return err
		}
		if !s.changeable(a) {
			return ErrTooLate
		}
		old, err := letGo(tx, reference)
		if err != nil {
			return err
		}
		if _, err := exec(tx, `UPDATE appointment_ticks SET holder = {:reference}, free_at = NULL WHERE holder = {:offer}`,
			dbx.Params{"reference": reference, "offer": fmt.Sprint("O-", o.ID)}); err != nil {
			return err
		}
		if _, err := exec(tx, `UPDATE appointment_offers SET state = 'taken' WHERE id = {:id}`, dbx.Params{"id": o.ID}); err != nil {
			return err
		}
		a.Starts, a.Ends, a.Desk, a.Adviser = o.Starts, o.Ends, o.Desk, o.Adviser
		if err := s.moved(tx, &a); err != nil {
			return err
		}
		return s.release(tx, p, old, now)
	})
	if err == nil {
		s.p.WakeOrders()
	}
	return err
}

// endOffers ends the open offer of an appointment and offers its time to the next.
func (s *Service) endOffers(tx core.App, reference, state string, now time.Time) error {
	var ids []int64
	if err := tx.DB().NewQuery(`SELECT id FROM appointment_offers WHERE reference = {:reference} AND state = 'open'`).
		Bind(dbx.Params{"reference": reference}).Column(&ids); err != nil {
		return err
	}
	return s.endThese(tx, ids, state, now)
}

func (s *Service) endThese(tx core.App, ids []int64, state string, now time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	p, err := readPlan(tx.DB())
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := exec(tx, `UPDATE appointment_offers SET state = {:state} WHERE id = {:id}`, dbx.Params{"id": id, "state": state}); err != nil {
			return err
		}
		f, err := letGo(tx, fmt.Sprint("O-", id))
		if err != nil {
			return err
		}
		if err := s.release(tx, p, f, now); err != nil {
			return err
		}
	}
	return nil
}

// expire ends holds, offers and blocks that ran out. Every write begins with it,
// so that a time is free the moment its hold ends.
func (s *Service) expire(tx core.App, now time.Time) error {
	var ids []int64
	if err := tx.DB().NewQuery(`SELECT id FROM appointment_offers WHERE state = 'open' AND expires <= {:now} ORDER BY id`).
		Bind(dbx.Params{"now": now.UnixMilli()}).Column(&ids); err != nil {
		return err
	}
	if err := s.endThese(tx, ids, "lapsed", now); err != nil {
		return err
	}
	for _, q := range []string{
		`DELETE FROM appointment_ticks WHERE free_at <= {:now}`,
		`DELETE FROM appointment_items WHERE reference IN (SELECT reference FROM appointments WHERE expires <= {:now})`,
		`DELETE FROM appointments WHERE expires <= {:now}`,
	} {
		if _, err := exec(tx, q, dbx.Params{"now": now.UnixMilli()}); err != nil {
			return err
		}
	}
	return nil
}

// Earlier puts an appointment on the waiting list for an earlier time or takes it off.
func (s *Service) Earlier(reference string, yes bool) error {
	now := s.p.Now()
	return s.p.App.RunInTransaction(func(tx core.App) error {
		if !yes {
			if err := s.endOffers(tx, reference, "declined", now); err != nil {
				return err
			}
			_, err := exec(tx, `UPDATE appointments SET earlier = NULL WHERE reference = {:reference}`, dbx.Params{"reference": reference})
			return err
		}
		_, err := exec(tx, `UPDATE appointments SET earlier = {:now} WHERE reference = {:reference} AND state = 'booked' AND starts > {:now} AND earlier IS NULL`,
			dbx.Params{"reference": reference, "now": now.UnixMilli()})
		return err
	})
}

var secretLetters = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// secret derives the 160-bit secret of the personal link from the reference: every
// mail can name the link, and the database holds a hash only.
func (s *Service) secret(reference string) string {
	mac := hmac.New(sha256.New, s.p.Key("appointment links"))
	mac.Write([]byte(reference))
	return secretLetters.EncodeToString(mac.Sum(nil)[:20])
}

// opened finds the appointment of a personal link, base.ErrNotFound for none.
func (s *Service) opened(token string) (Appointment, error) {
	var reference string
	err := s.p.App.DB().NewQuery(`SELECT reference FROM appointments WHERE secret_hash = {:hash}`).
		Bind(dbx.Params{"hash": base.Hash(readable(token))}).Row(&reference)
	if base.IsNoRows(err) {
		return Appointment{}, base.ErrNotFound
	}
	if err != nil {
		return Appointment{}, err
	}
	return find(s.p.App.DB(), reference)
}

// readable forgives what people mistype in a code.
func readable(token string) string {
	token = strings.ToUpper(strings.Join(strings.FieldsFunc(token, func(r rune) bool { return r == ' ' || r == '-' || r == '\u00a0' }), ""))
	return strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(token)
}
