package booking

import (
	"slices"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// The waiting list of an event is one line for all its pools. Whenever a
// transaction may have freed places, it offers them before it ends:
//
//   - in the order of joining, to every group whose places are all free;
//   - a group that does not fit is passed over. When others got places that it
//     lacks [MaxPassed] times, whether they stood behind it or did not wait at all,
//     nobody passes it any more: as many places as it needs are saved for it as they
//     become free;
//   - from [LastChance] before the start nothing is saved: places that would stay
//     empty go to who fits.
//
// So nobody who fits is left waiting, and nobody is passed more than MaxPassed times.
const (
	MaxPassed  = 3
	LastChance = 24 * time.Hour
	shortest   = 15 * time.Minute // an offer that would be shorter is not made
)

// entry is one group in the line.
type entry struct {
	reference string
	need      map[string]int // places by pool
	passed    int
}

// plan decides who in the line is offered places. It changes free, and passed of
// the entries that others went before. saving is false in the last chance.
func plan(line []*entry, free, size map[string]int, saving bool) (offers []*entry) {
	var before []*entry // those who do not fit, and may be passed
	for _, e := range line {
		if !e.fits(free) {
			switch {
			case !saving || !couldFit(e.need, size):
			case e.passed >= MaxPassed:
				e.reserve(free)
			default:
				before = append(before, e)
			}
			continue
		}
		for pool, n := range e.need {
			free[pool] -= n
		}
		offers = append(offers, e)
		for _, b := range before {
			if b.misses(e.need, free) {
				b.passed++
			}
		}
		before = slices.DeleteFunc(before, func(b *entry) bool {
			if b.passed >= MaxPassed {
				b.reserve(free)
			}
			return b.passed >= MaxPassed
		})
	}
	return offers
}

func (e *entry) fits(free map[string]int) bool {
	for pool, n := range e.need {
		if n > free[pool] {
			return false
		}
	}
	return true
}

// reserve saves places for the entry: for others they are not free.
func (e *entry) reserve(free map[string]int) {
	for pool, n := range e.need {
		free[pool] = max(0, free[pool]-n)
	}
}

// misses reports whether somebody took places that the entry lacks; free is what
// is left.
func (e *entry) misses(took, free map[string]int) bool {
	for pool, n := range e.need {
		if took[pool] > 0 && n > free[pool] {
			return true
		}
	}
	return false
}

// couldFit reports whether the group would fit into the empty pools. After a pool
// shrank it may not; then nothing is saved for it.
func couldFit(need, size map[string]int) bool {
	for pool, n := range need {
		if n > size[pool] {
			return false
		}
	}
	return true
}

// startOf is the moment an event begins; of one known to the day its midnight.
func startOf(ev content.Event) time.Time {
	if ev.Precision == content.ToMinute || ev.Precision == "" {
		return ev.Start
	}
	t := ev.Start.In(content.Berlin)
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, content.Berlin)
}

// offering reports whether free places of the event are offered to the waiting
// list now, and until when an offer made now stands.
func offering(ev content.Event, now time.Time) (until time.Time, ok bool) {
	until = now.Add(ev.Booking.Offer())
	if start := startOf(ev); start.Before(until) {
		until = start
	}
	return until, !ev.Cancelled && until.Sub(now) >= shortest
}

func saving(ev content.Event, now time.Time) bool { return now.Before(startOf(ev).Add(-LastChance)) }

// line reads the waiting list of an event in order.
func line(db dbx.Builder, event string) ([]*entry, error) {
	var rows []struct {
		Reference string `db:"reference"`
		Passed    int    `db:"passed"`
		Pool      string `db:"pool"`
		Places    int    `db:"places"`
	}
	if err := db.NewQuery(`SELECT c.reference AS reference, c.passed AS passed, t.pool AS pool, count(*) AS places
		FROM claims c JOIN tickets t ON t.reference = c.reference AND t.released IS NULL
		WHERE c.event = {:event} AND c.kind = 'waiting' AND c.state = 'active'
		GROUP BY c.queue, c.reference, t.pool ORDER BY c.queue`).Bind(dbx.Params{"event": event}).All(&rows); err != nil {
		return nil, err
	}
	var list []*entry
	for _, r := range rows {
		if len(list) == 0 || list[len(list)-1].reference != r.Reference {
			list = append(list, &entry{reference: r.Reference, passed: r.Passed, need: map[string]int{}})
		}
		list[len(list)-1].need[r.Pool] = r.Places
	}
	return list, nil
}

// readPools reads the counters of one event as they are.
func readPools(db dbx.Builder, event string) (map[string]poolRow, error) {
	var rows []poolRow
	if err := db.NewQuery(`SELECT event, code, size, taken, stopped FROM pools WHERE event = {:event}`).
		Bind(dbx.Params{"event": event}).All(&rows); err != nil {
		return nil, err
	}
	byCode := map[string]poolRow{}
	for _, r := range rows {
		byCode[r.Code] = r
	}
	return byCode, nil
}

func freeAndSize(rows map[string]poolRow) (free, size map[string]int) {
	free, size = map[string]int{}, map[string]int{}
	for code, r := range rows {
		free[code], size[code] = r.free(), r.Size
	}
	return free, size
}

// mayPromote tells cheaply whether somebody waits for a pool with a free place.
const mayPromote = `SELECT EXISTS (SELECT 1 FROM claims c JOIN tickets t ON t.reference = c.reference
		JOIN pools p ON p.event = t.event AND p.code = t.pool
	WHERE c.event = {:event} AND c.kind = 'waiting' AND c.state = 'active' AND p.taken < p.size AND p.stopped = '')`

// tend ends what ran out and offers free places to the waiting list. Every
// transaction that changes places of an event calls it.
func (s *Service) tend(tx core.App, ev content.Event, now time.Time) error {
	if _, err := s.expire(tx, ev.Slug, now); err != nil {
		return err
	}
	until, ok := offering(ev, now)
	if !ok {
		return nil
	}
	var somebody bool
	if err := tx.DB().NewQuery(mayPromote).Bind(dbx.Params{"event": ev.Slug}).Row(&somebody); err != nil || !somebody {
		return err
	}
	list, err := line(tx.DB(), ev.Slug)
	if err != nil {
		return err
	}
	rows, err := readPools(tx.DB(), ev.Slug)
	if err != nil {
		return err
	}
	free, size := freeAndSize(rows)
	was := map[string]int{}
	for _, e := range list {
		was[e.reference] = e.passed
	}
	for _, e := range plan(list, free, size, saving(ev, now)) {
		if _, err := tx.DB().NewQuery(`UPDATE claims SET kind = 'offer', expires = {:until} WHERE reference = {:reference}`).
			Bind(dbx.Params{"until": until.UnixMilli(), "reference": e.reference}).Execute(); err != nil {
			return err
		}
		c, err := get(tx.DB(), e.reference)
		if err != nil {
			return err
		}
		if err := note(tx, c, "offered", "", now); err != nil {
			return err
		}
		if err := s.putMail(tx, c, mailOffer, false); err != nil {
			return err
		}
	}
	return setPassed(tx, list, was)
}

func setPassed(tx core.App, list []*entry, was map[string]int) error {
	for _, e := range list {
		if e.passed == was[e.reference] {
			continue
		}
		if _, err := tx.DB().NewQuery(`UPDATE claims SET passed = {:n} WHERE reference = {:reference}`).
			Bind(dbx.Params{"n": e.passed, "reference": e.reference}).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// passBy lets somebody who did not wait take places of these pools: those who
// wait for more than is free are passed over once more, and ErrFull is returned
// where the places are saved for one of them.
func passBy(tx core.App, ev content.Event, need map[string]int, now time.Time) error {
	var waiting bool
	if err := tx.DB().NewQuery(`SELECT EXISTS (SELECT 1 FROM claims WHERE event = {:event} AND kind = 'waiting' AND state = 'active')`).
		Bind(dbx.Params{"event": ev.Slug}).Row(&waiting); err != nil || !waiting {
		return err
	}
	list, err := line(tx.DB(), ev.Slug)
	if err != nil {
		return err
	}
	rows, err := readPools(tx.DB(), ev.Slug)
	if err != nil {
		return err
	}
	free, size := freeAndSize(rows)
	was, saving := map[string]int{}, saving(ev, now)
	for _, e := range list {
		was[e.reference] = e.passed
		if saving && e.passed >= MaxPassed && couldFit(e.need, size) {
			e.reserve(free)
		}
	}
	for pool, n := range need {
		if n > free[pool] {
			return ErrFull
		}
		free[pool] -= n
	}
	for _, e := range list {
		if saving && e.passed < MaxPassed && couldFit(e.need, size) && e.misses(need, free) {
			e.passed++
		}
	}
	return setPassed(tx, list, was)
}

// tendEvent is tend for an event that only its slug is known of; one that is not
// published gives nothing away.
func (s *Service) tendEvent(tx core.App, slug string, now time.Time) error {
	ev, err := s.events.published(tx.DB(), slug)
	if err == base.ErrNotFound {
		_, err = s.expire(tx, slug, now)
		return err
	}
	if err != nil {
		return err
	}
	return s.tend(tx, ev, now)
}

// expire ends holds, offers and blocks of one event that ran out, of all events
// when event is "", and tells how many.
func (s *Service) expire(tx core.App, event string, now time.Time) (int, error) {
	q := `SELECT ` + claimColumns + ` FROM claims WHERE state = 'active' AND expires IS NOT NULL AND expires <= {:now}`
	if event != "" {
		q += ` AND event = {:event}`
	}
	var over []Claim
	if err := tx.DB().NewQuery(q).Bind(dbx.Params{"now": now.UnixMilli(), "event": event}).All(&over); err != nil {
		return 0, err
	}
	for _, c := range over {
		if err := end(tx, &c, Expired, "", now); err != nil {
			return 0, err
		}
		if c.Kind == KindOffer {
			if err := s.putMail(tx, c, mailOfferOver, false); err != nil {
				return 0, err
			}
		}
	}
	return len(over), nil
}

// Join puts a group on the waiting list. When its places are free the entry is an
// offer at once. An event without a waiting list refuses with ErrNoWaiting, a
// group larger than the pool with ErrFull.
func (s *Service) Join(o Order) (a Answer, repeated bool, err error) {
	return s.once("", o.Key, o.fingerprint("join"), func(tx core.App, now time.Time) (Claim, error) {
		ev, err := s.ready(tx, &o, now, true)
		if err != nil {
			return Claim{}, err
		}
		if _, ok := offering(ev, now); !ok || !ev.Booking.WaitingList {
			return Claim{}, ErrNoWaiting
		}
		c, err := s.claim(tx, ev, KindWaiting, Active, o, now, time.Time{})
		if err != nil {
			return c, err
		}
		if err := s.tend(tx, ev, now); err != nil {
			return c, err
		}
		if c, err = get(tx.DB(), c.Reference); err != nil || c.Kind != KindWaiting {
			return c, err
		}
		return c, s.putMail(tx, c, mailWaiting, false)
	})
}

// Position tells how many groups stand before an entry of the waiting list and
// how many stand in it. It is no promise: who fits goes first.
func (s *Service) Position(c Claim) (before, all int, err error) {
	err = s.p.App.DB().NewQuery(`SELECT coalesce(sum(queue < {:queue}), 0), count(*) FROM claims WHERE event = {:event} AND kind = 'waiting' AND state = 'active'`).
		Bind(dbx.Params{"queue": c.Queue, "event": c.Event}).Row(&before, &all)
	return before, all, err
}

// WaitingList lists who waits for an event, in order.
func (s *Service) WaitingList(event string) (list []Claim, err error) {
	err = s.p.App.DB().NewQuery(`SELECT ` + claimColumns + ` FROM claims WHERE event = {:event} AND kind = 'waiting' AND state = 'active' ORDER BY queue`).
		Bind(dbx.Params{"event": event}).All(&list)
	return list, err
}

// lost lists the entries of an event's waiting list that fit into free places and
// were not offered them. There are none, or a transaction forgot to tend.
func (s *Service) lost(db dbx.Builder, ev content.Event, now time.Time) (references []string, err error) {
	if _, ok := offering(ev, now); !ok {
		return nil, nil
	}
	list, err := line(db, ev.Slug)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	rows, err := readPools(db, ev.Slug)
	if err != nil {
		return nil, err
	}
	free, size := freeAndSize(rows)
	for _, e := range plan(list, free, size, saving(ev, now)) {
		references = append(references, e.reference)
	}
	slices.Sort(references)
	return references, nil
}
