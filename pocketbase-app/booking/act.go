package booking

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// HoldLife is how long a hold lasts; Extend renews it until LongestHold after it
// was made.
const (
	HoldLife    = 15 * time.Minute
	LongestHold = time.Hour
)

// Act is a change of one claim: by its holder, who has shown the secret, or by staff.
type Act struct {
	What      string
	Reference string
	Key       string // idempotency key; empty: each call counts
	Staff     string // id of the member of staff who does it; empty: the holder

	Request         // of confirm and accept: who books, ticket by ticket; of transfer: the new holder
	Language string // of the new holder, of confirm
	Numbers  []int  // of cancel: these tickets only
	Event    string // of move: the other date
}

// What can be done. Each refuses with ErrState what does not fit the claim as it
// is, and with base.ErrNotFound what does not exist.
const (
	Extend   = "extend"   // a hold, for HoldLife from now
	Confirm  = "confirm"  // a hold becomes a booking; one that ran out too if its places are still free, else ErrRanOut
	Release  = "release"  // a hold is given back
	Accept   = "accept"   // an offer becomes a booking
	Decline  = "decline"  // an offer goes to the next in the line
	Cancel   = "cancel"   // a booking, some of its tickets, or a place in the waiting list
	Transfer = "transfer" // a booking goes to somebody else, with a new secret
	Move     = "move"     // a booking goes to another date of the series
	Approve  = "approve"  // by staff: a pending booking
	Refuse   = "refuse"   // by staff: a pending booking
	Unblock  = "unblock"  // by staff: a block
)

// StaffActs are those that only staff may do.
var StaffActs = []string{Approve, Refuse, Unblock}

func (a Act) fingerprint() string {
	key := a.Key
	a.Key = ""
	b, err := json.Marshal(a)
	if err != nil {
		return key + base.NewToken() // of answers that are no JSON; the act fails
	}
	return base.Hash("act", string(b))
}

// Hold takes places for HoldLife, while somebody fills in a form. Name and
// address may come with [Confirm].
func (s *Service) Hold(o Order) (a Answer, repeated bool, err error) {
	return s.once("", o.Key, o.fingerprint("hold"), func(tx core.App, now time.Time) (Claim, error) {
		ev, err := s.ready(tx, &o, now, false)
		if err != nil {
			return Claim{}, err
		}
		return s.claim(tx, ev, KindHold, Active, o, now, now.Add(HoldLife))
	})
}

// Block takes places out of sale, for note, which names no person. It is ended by
// [Unblock].
func (s *Service) Block(event, pool string, places int, note, staff string) (a Answer, err error) {
	o := Order{Event: event, Channel: Counter, Staff: staff, Request: Request{Places: places, Pool: pool, note: note}}
	a, _, err = s.once("", "", "", func(tx core.App, now time.Time) (Claim, error) {
		ev, found, err := anyEvent(tx.DB(), event)
		if err != nil {
			return Claim{}, err
		}
		if !found {
			return Claim{}, base.ErrNotFound
		}
		if places < 1 || places > most {
			return Claim{}, content.Problems{{Field: "places", Code: "too_large", Args: map[string]any{"max": most}}}
		}
		if !slices.ContainsFunc(ev.Pools, func(p content.Pool) bool { return p.Code == pool }) {
			return Claim{}, content.Problems{{Field: "pool", Code: "unknown_option"}}
		}
		if _, err := s.expire(tx, event, now); err != nil {
			return Claim{}, err
		}
		o.Tickets = slices.Repeat([]Wish{{Pool: pool}}, places)
		return s.claim(tx, ev, KindBlock, Active, o, now, time.Time{})
	})
	a.Secret = ""
	return a, err
}

// Do changes a claim in one transaction, with everything that follows: places that
// become free go to the waiting list before it ends, and the mails are orders.
func (s *Service) Do(act Act) (a Answer, repeated bool, err error) {
	a, repeated, err = s.once("", act.Key, act.fingerprint(), func(tx core.App, now time.Time) (Claim, error) {
		c, err := get(tx.DB(), act.Reference)
		if err != nil {
			return c, err
		}
		if slices.Contains(StaffActs, act.What) && act.Staff == "" || c.Kind == KindBlock && act.What != Unblock {
			return c, base.ErrNotFound
		}
		ev, found, err := anyEvent(tx.DB(), c.Event)
		if err != nil {
			return c, err
		}
		if !found { // its record is gone: nothing can be said of its times
			ev.Start = time.UnixMilli(c.Created).AddDate(10, 0, 0)
		}
		do, ok := acts[act.What]
		if !ok {
			return c, ErrState
		}
		if err := do(s, tx, ev, &c, act, now); err != nil {
			return c, err
		}
		if err := s.tendEvent(tx, c.Event, now); err != nil {
			return c, err
		}
		if ev.Slug != c.Event {
			if err := s.tendEvent(tx, ev.Slug, now); err != nil {
				return c, err
			}
		}
		return get(tx.DB(), c.Reference)
	})
	if act.What == Unblock {
		a.Secret = ""
	}
	return a, repeated, err
}

type change func(s *Service, tx core.App, ev content.Event, c *Claim, act Act, now time.Time) error

var acts = map[string]change{
	Extend: (*Service).extend, Confirm: (*Service).confirm, Release: (*Service).release,
	Accept: (*Service).accept, Decline: (*Service).release, Cancel: (*Service).cancel,
	Transfer: (*Service).transfer, Move: (*Service).move,
	Approve: (*Service).approve, Refuse: (*Service).refuse, Unblock: (*Service).release,
}

// ends tells what kind an act that ends a claim is about.
var ends = map[string]string{Release: KindHold, Decline: KindOffer, Unblock: KindBlock}

func (s *Service) release(tx core.App, _ content.Event, c *Claim, act Act, now time.Time) error {
	if c.Kind != ends[act.What] || c.State != Active {
		return ErrState
	}
	return end(tx, c, Cancelled, act.Staff, now)
}

func (c Claim) ranOut(now time.Time) bool { return c.Expires != 0 && c.Expires <= now.UnixMilli() }

func (s *Service) extend(tx core.App, _ content.Event, c *Claim, act Act, now time.Time) error {
	if c.Kind != KindHold || c.State != Active && c.State != Expired {
		return ErrState
	}
	if c.State == Expired || c.ranOut(now) {
		return ErrRanOut
	}
	until := now.Add(HoldLife)
	if latest := time.UnixMilli(c.Created).Add(LongestHold); latest.Before(until) {
		until = latest
	}
	_, err := tx.DB().NewQuery(`UPDATE claims SET expires = max(expires, {:until}) WHERE reference = {:reference}`).
		Bind(dbx.Params{"until": until.UnixMilli(), "reference": c.Reference}).Execute()
	if err != nil {
		return err
	}
	return note(tx, *c, "extended", act.Staff, now)
}

// confirm makes a booking of a hold, also of one that ran out when nobody took
// its places: the waiting list first.
func (s *Service) confirm(tx core.App, ev content.Event, c *Claim, act Act, now time.Time) error {
	if c.Kind != KindHold || c.State == Cancelled {
		return ErrState
	}
	if err := bookable(ev, now); err != nil && err != ErrClosed { // whoever holds places when it closes may finish
		return err
	}
	if err := s.tend(tx, ev, now); err != nil { // the hold itself may run out here
		return err
	}
	if c.State == Expired || c.ranOut(now) {
		need, err := needOf(tx.DB(), c.Reference)
		if err != nil {
			return err
		}
		if err := passBy(tx, ev, need, now); err == ErrFull {
			return ErrRanOut
		} else if err != nil {
			return err
		}
	}
	err := s.become(tx, ev, c, act, now)
	if err == ErrFull {
		return ErrRanOut
	}
	return err
}

func (s *Service) accept(tx core.App, ev content.Event, c *Claim, act Act, now time.Time) error {
	if c.Kind != KindOffer || c.State == Cancelled {
		return ErrState
	}
	if ev.Cancelled {
		return ErrCancelled
	}
	if c.State == Expired || c.ranOut(now) {
		return ErrRanOut
	}
	return s.become(tx, ev, c, act, now)
}

// become turns a hold or an offer into a booking by an update of its row.
func (s *Service) become(tx core.App, ev content.Event, c *Claim, act Act, now time.Time) error {
	if act.Name != "" {
		c.Name = act.Name
	}
	if act.Email != "" {
		c.Email = act.Email
	}
	if act.Language != "" {
		c.Language = act.Language
	}
	if c.Name == "" && act.Staff == "" {
		return content.Problems{{Field: "name", Code: "required"}}
	}
	if c.Email == "" && act.Staff == "" {
		return content.Problems{{Field: "email", Code: "required"}}
	}
	if err := setTickets(tx, ev, *c, act.Tickets); err != nil {
		return err
	}
	c.Kind, c.State, c.Ended, c.Expires = KindBooking, firstState(ev, Order{Channel: c.Channel, Staff: act.Staff}), 0, 0
	_, err := tx.DB().NewQuery(`UPDATE claims SET kind = 'booking', state = {:state}, expires = NULL, ended = NULL,
			confirmed = CASE {:state} WHEN 'confirmed' THEN {:now} END, name = {:name}, email = {:email}, language = {:language}
		WHERE reference = {:reference}`).Bind(dbx.Params{
		"state": c.State, "now": now.UnixMilli(), "name": c.Name, "email": c.Email, "language": c.Language, "reference": c.Reference,
	}).Execute()
	if isFull(err) {
		return ErrFull
	}
	if err != nil {
		return err
	}
	if err := note(tx, *c, "booked", act.Staff, now); err != nil {
		return err
	}
	return s.booked(tx, ev, *c, Order{Staff: act.Staff}, now)
}

// setTickets names the people of a claim's tickets, in their order. Pools stay as
// they were held.
func setTickets(tx core.App, ev content.Event, c Claim, list []Wish) error {
	for i, w := range list {
		if !w.priced(ev) {
			return content.Problems{{Field: "category", Code: "unknown_option"}}
		}
		if len(w.Answers) > 0 && !isObject(w.Answers) {
			return content.Problems{{Field: "answers", Code: "wrong_type"}}
		}
		res, err := tx.DB().NewQuery(`UPDATE tickets SET name = {:name}, answers = {:answers}, category = {:category}, price_cents = {:price}
			WHERE reference = {:reference} AND number = {:number}`).Bind(dbx.Params{
			"name": w.Name, "answers": string(w.Answers), "category": w.Category, "price": w.PriceCents, "reference": c.Reference, "number": i + 1,
		}).Execute()
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return content.Problems{{Field: "places", Code: "too_large", Args: map[string]any{"max": c.Places}}}
		}
	}
	return nil
}

// SetTicket changes the person of one ticket: name and answers.
func (s *Service) SetTicket(reference string, number int, name string, answers json.RawMessage, staff string) error {
	if len(answers) > 0 && !isObject(answers) {
		return content.Problems{{Field: "answers", Code: "wrong_type"}}
	}
	return s.p.App.RunInTransaction(func(tx core.App) error {
		c, err := get(tx.DB(), reference)
		if err != nil {
			return err
		}
		if c.State != Active && c.State != Pending && c.State != Confirmed {
			return ErrState
		}
		res, err := tx.DB().NewQuery(`UPDATE tickets SET name = {:name}, answers = {:answers} WHERE reference = {:reference} AND number = {:number} AND released IS NULL`).
			Bind(dbx.Params{"name": name, "answers": string(answers), "reference": reference, "number": number}).Execute()
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return orNotFound(err)
		}
		return note(tx, c, "changed", staff, s.p.Now())
	})
}

func orNotFound(err error) error {
	if err == nil {
		return base.ErrNotFound
	}
	return err
}

// needOf counts the places of a claim by pool.
func needOf(db dbx.Builder, reference string) (map[string]int, error) {
	var rows []struct {
		Pool   string `db:"pool"`
		Places int    `db:"places"`
	}
	err := db.NewQuery(`SELECT pool, count(*) AS places FROM tickets WHERE reference = {:reference} AND released IS NULL GROUP BY pool`).
		Bind(dbx.Params{"reference": reference}).All(&rows)
	need := map[string]int{}
	for _, r := range rows {
		need[r.Pool] = r.Places
	}
	return need, err
}

// Cancel ends a booking, or a place in the waiting list, on its holder's behalf
// and tells whether this call did it. What has ended stays as it is.
func (s *Service) Cancel(reference string) (done bool, err error) {
	_, _, err = s.Do(Act{What: Cancel, Reference: reference})
	if err == error(errEnded) {
		return false, nil
	}
	return err == nil, err
}

// errEnded is ErrState to the world; Cancel forgives it.
var errEnded = &base.Error{Status: ErrState.Status, Code: ErrState.Code}

// inTime refuses what changes a booking too late.
func inTime(ev content.Event, act Act, now time.Time) error {
	switch {
	case isOver(ev, now):
		return ErrOver
	case act.Staff == "" && !ev.Booking.CancelUntil.IsZero() && !now.Before(ev.Booking.CancelUntil):
		return ErrTooLate
	}
	return nil
}

func (s *Service) cancel(tx core.App, ev content.Event, c *Claim, act Act, now time.Time) error {
	if c.Kind != KindBooking && c.Kind != KindWaiting {
		return ErrState
	}
	if c.State != Active && c.State != Pending && c.State != Confirmed {
		return errEnded
	}
	if c.Kind == KindWaiting {
		return end(tx, c, Cancelled, act.Staff, now)
	}
	if err := inTime(ev, act, now); err != nil {
		return err
	}
	tickets, err := s.Tickets(tx.DB(), c.Reference)
	if err != nil {
		return err
	}
	left, freed := map[string]int{}, map[string]int{}
	var numbers []int
	for _, t := range tickets {
		gone := len(act.Numbers) == 0 || slices.Contains(act.Numbers, t.Number)
		switch {
		case t.Released != 0:
		case gone && t.CheckedIn != 0:
			return ErrCameIn
		case gone:
			freed[t.Pool]++
			numbers = append(numbers, t.Number)
		default:
			left[t.Pool]++
		}
	}
	if len(act.Numbers) > 0 && len(numbers) < len(slices.Compact(slices.Sorted(slices.Values(act.Numbers)))) {
		return content.Problems{{Field: "tickets", Code: "unknown_option"}}
	}
	if len(left) == 0 {
		wasConfirmed := c.State == Confirmed
		if err := end(tx, c, Cancelled, act.Staff, now); err != nil {
			return err
		}
		// Only who got a calendar entry is sent its cancellation.
		if err := s.putMail(tx, *c, mailCancelled, wasConfirmed); err != nil {
			return err
		}
	} else {
		if err := companions(ev, left).Err(); err != nil {
			return err
		}
		if _, err := tx.DB().NewQuery(`UPDATE tickets SET released = {:now} WHERE reference = {:reference} AND number IN (SELECT value FROM json_each({:numbers}))`).
			Bind(dbx.Params{"now": now.UnixMilli(), "reference": c.Reference, "numbers": numbersJSON(numbers)}).Execute(); err != nil {
			return err
		}
		if err := s.raise(tx, c); err != nil {
			return err
		}
		if err := note(tx, *c, "partly cancelled", act.Staff, now); err != nil {
			return err
		}
		if err := s.putMail(tx, *c, mailChanged, c.State == Confirmed); err != nil {
			return err
		}
	}
	return s.againstTrading(tx, ev, freed, now)
}

func numbersJSON(list []int) string {
	b, _ := json.Marshal(list) // of numbers there is no error
	return string(b)
}

// raise makes the next calendar entry of a claim newer than the last, and reads the
// claim anew.
func (s *Service) raise(tx core.App, c *Claim) error {
	if _, err := tx.DB().NewQuery(`UPDATE claims SET sequence = sequence + 1 WHERE reference = {:reference}`).
		Bind(dbx.Params{"reference": c.Reference}).Execute(); err != nil {
		return err
	}
	var err error
	*c, err = get(tx.DB(), c.Reference)
	return err
}

// trade is the note of blocks that keep just cancelled places from being traded.
const trade = "trade"

// againstTrading offers freed places to the waiting list; those that nobody waits
// for are blocked for a while where the event says so.
func (s *Service) againstTrading(tx core.App, ev content.Event, freed map[string]int, now time.Time) error {
	if err := s.tendEvent(tx, ev.Slug, now); err != nil || ev.Booking.BlockMinutes == 0 || ev.Cancelled || isOver(ev, now) {
		return err
	}
	rows, err := readPools(tx.DB(), ev.Slug)
	if err != nil {
		return err
	}
	var tickets []Wish
	for _, pool := range ev.Pools {
		r := rows[pool.Code]
		tickets = append(tickets, slices.Repeat([]Wish{{Pool: pool.Code}}, max(0, min(freed[pool.Code], r.Size-r.Taken)))...)
	}
	if len(tickets) == 0 {
		return nil
	}
	o := Order{Event: ev.Slug, Request: Request{Tickets: tickets, note: trade}}
	_, err = s.claim(tx, ev, KindBlock, Active, o, now, now.Add(time.Duration(ev.Booking.BlockMinutes)*time.Minute))
	return err
}

// transfer gives a booking to somebody else. The old secret, link and printed
// codes open nothing any more.
func (s *Service) transfer(tx core.App, ev content.Event, c *Claim, act Act, now time.Time) error {
	if !c.booked() {
		return ErrState
	}
	if isOver(ev, now) {
		return ErrOver
	}
	if act.Name == "" || act.Email == "" {
		return content.Problems{{Field: "name", Code: "required"}}
	}
	var in bool
	if err := tx.DB().NewQuery(`SELECT EXISTS (SELECT 1 FROM tickets WHERE reference = {:reference} AND checked_in IS NOT NULL)`).
		Bind(dbx.Params{"reference": c.Reference}).Row(&in); err != nil || in {
		if err == nil {
			err = ErrCameIn
		}
		return err
	}
	confirmed := c.State == Confirmed
	if err := s.raise(tx, c); err != nil {
		return err
	}
	old := *c
	c.Handed++
	c.Name, c.Email = act.Name, act.Email
	if act.Language != "" {
		c.Language = act.Language
	}
	if _, err := tx.DB().NewQuery(`UPDATE claims SET handed = {:handed}, name = {:name}, email = {:email}, language = {:language}, secret_hash = {:secret}, link_hash = {:link}
		WHERE reference = {:reference}`).Bind(dbx.Params{
		"handed": c.Handed, "name": c.Name, "email": c.Email, "language": c.Language,
		"secret": base.Hash(s.secret(c.Reference, c.Handed)), "link": base.Hash(s.LinkToken(*c)), "reference": c.Reference,
	}).Execute(); err != nil {
		return err
	}
	// The people of the old holder are not the new one's to read.
	if _, err := tx.DB().NewQuery(`UPDATE tickets SET nonce = lower(hex(randomblob(8))), name = '', answers = '' WHERE reference = {:reference}`).
		Bind(dbx.Params{"reference": c.Reference}).Execute(); err != nil {
		return err
	}
	if err := note(tx, *c, "transferred", act.Staff, now); err != nil {
		return err
	}
	if err := s.putMail(tx, old, mailHandedOver, confirmed); err != nil {
		return err
	}
	return s.putMail(tx, *c, mailTransferred, confirmed)
}

// move takes a booking to another date of the same series, into pools of the same
// codes. The reference and the secret stay, the calendar entry moves.
func (s *Service) move(tx core.App, ev content.Event, c *Claim, act Act, now time.Time) error {
	if !c.booked() {
		return ErrState
	}
	if err := inTime(ev, act, now); err != nil {
		return err
	}
	to, err := s.events.published(tx.DB(), act.Event)
	if err != nil {
		return err
	}
	if !ev.SameSeries(to) {
		return ErrOtherEvent
	}
	tickets, err := s.Tickets(tx.DB(), c.Reference)
	if err != nil {
		return err
	}
	o := Order{Event: to.Slug, Channel: c.Channel, Staff: act.Staff}
	for _, t := range tickets {
		if t.CheckedIn != 0 {
			return ErrCameIn
		}
		if t.Released == 0 {
			o.Tickets = append(o.Tickets, Wish{Pool: t.Pool, Category: t.Category})
		}
	}
	if _, err := s.ready(tx, &o, now, false); err != nil {
		return err
	}
	freed := o.need()
	// Tickets given back stay at the old date: its pool knows them, the new one need not.
	if _, err := tx.DB().NewQuery(`UPDATE tickets SET event = {:to}, nonce = lower(hex(randomblob(8))) WHERE reference = {:reference} AND released IS NULL`).
		Bind(dbx.Params{"to": to.Slug, "reference": c.Reference}).Execute(); isFull(err) {
		return ErrFull
	} else if err != nil {
		return err
	}
	if _, err := tx.DB().NewQuery(`DELETE FROM tickets WHERE reference = {:reference} AND released IS NOT NULL`).
		Bind(dbx.Params{"reference": c.Reference}).Execute(); err != nil {
		return err
	}
	if _, err := tx.DB().NewQuery(`UPDATE claims SET event = {:to}, queue = NULL, sequence = sequence + {:up} WHERE reference = {:reference}`).
		Bind(dbx.Params{"to": to.Slug, "up": max(0, ev.Sequence-to.Sequence), "reference": c.Reference}).Execute(); err != nil {
		return err
	}
	if err := s.raise(tx, c); err != nil {
		return err
	}
	if err := note(tx, *c, "moved", act.Staff, now); err != nil {
		return err
	}
	if err := s.putMail(tx, *c, mailRebooked, c.State == Confirmed); err != nil {
		return err
	}
	return s.againstTrading(tx, ev, freed, now)
}

func (s *Service) approve(tx core.App, ev content.Event, c *Claim, act Act, now time.Time) error {
	if c.Kind != KindBooking || c.State != Pending {
		return ErrState
	}
	if _, err := tx.DB().NewQuery(`UPDATE claims SET state = 'active' WHERE reference = {:reference}`).
		Bind(dbx.Params{"reference": c.Reference}).Execute(); err != nil {
		return err
	}
	if err := note(tx, *c, "approved", act.Staff, now); err != nil {
		return err
	}
	return s.orderDesk(tx, ev, *c)
}

func (s *Service) refuse(tx core.App, ev content.Event, c *Claim, act Act, now time.Time) error {
	if c.Kind != KindBooking || c.State != Pending {
		return ErrState
	}
	if err := end(tx, c, Rejected, act.Staff, now); err != nil {
		return err
	}
	return s.putMail(tx, *c, mailRejected, false)
}

// Concerned lists the bookings that would have to go, the newest first, when a pool
// had only size places.
func (s *Service) Concerned(event, pool string, size int) ([]Claim, error) {
	rows, err := readPools(s.p.App.DB(), event)
	if err != nil {
		return nil, err
	}
	over := rows[pool].Taken - size
	if over <= 0 {
		return nil, nil
	}
	var all []struct {
		Claim
		Here int `db:"here"`
	}
	if err := s.p.App.DB().NewQuery(`SELECT ` + claimColumns + `, (SELECT count(*) FROM tickets t WHERE t.reference = claims.reference AND t.pool = {:pool} AND t.released IS NULL) AS here
		FROM claims WHERE event = {:event} AND kind <> 'waiting' AND state IN ('active', 'pending', 'confirmed') ORDER BY created DESC, reference DESC`).
		Bind(dbx.Params{"event": event, "pool": pool}).All(&all); err != nil {
		return nil, err
	}
	var list []Claim
	for _, c := range all {
		if c.Here > 0 && over > 0 {
			list = append(list, c.Claim)
			over -= c.Here
		}
	}
	return list, nil
}

// poolsOf names the places of a claim: "Saal", or "2 × Saal, 1 × Rollstuhlplatz".
func poolsOf(ev content.Event, need map[string]int, lang string) string {
	var parts []string
	for _, pool := range ev.Pools {
		label, _ := poolLabel(ev, pool.Code, lang)
		switch n := need[pool.Code]; {
		case n == 0:
		case len(need) == 1:
			return label
		default:
			parts = append(parts, strconv.Itoa(n)+" × "+label)
		}
	}
	return strings.Join(parts, ", ")
}
