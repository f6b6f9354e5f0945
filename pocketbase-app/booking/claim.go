package booking

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Kind is the kind of the orders whose outcome [Service.Settle] takes.
const Kind = "booking"

// Kinds of claims. All but waiting take places while they last. One row passes
// from one kind to the next: a hold or an offer becomes a booking, an entry of
// the waiting list an offer.
const (
	KindHold    = "hold"
	KindBooking = "booking"
	KindOffer   = "offer"
	KindBlock   = "block"
	KindWaiting = "waiting"
)

// States of a claim. Active, pending and confirmed ones take places.
const (
	Active    = "active"    // of a booking: the desk has not answered yet
	Pending   = "pending"   // staff must approve the booking
	Confirmed = "confirmed" // the desk accepted
	Rejected  = "rejected"  // the desk or staff refused, places free
	Cancelled = "cancelled" // given back, places free
	Expired   = "expired"   // a hold, offer or block that ran out, places free
)

// Channels: how a claim came.
const (
	Web     = "web"
	API     = "api"
	Counter = "counter"
	Phone   = "phone"
	Door    = "door"
)

// byStaff tells the channels that may take places held back for the counter.
func byStaff(channel string) bool { return channel == Counter || channel == Phone || channel == Door }

// Refusals of a booking. The codes are stable.
var (
	ErrFull       = base.Refuse(http.StatusConflict, "booking_full")
	ErrOver       = base.Refuse(http.StatusConflict, "event_over")
	ErrCancelled  = base.Refuse(http.StatusConflict, "event_cancelled")
	ErrClosed     = base.Refuse(http.StatusConflict, "booking_closed") // the event takes no bookings
	ErrNotOpen    = base.Refuse(http.StatusConflict, "booking_not_open")
	ErrStopped    = base.Refuse(http.StatusConflict, "booking_stopped")
	ErrRanOut     = base.Refuse(http.StatusConflict, "hold_over")     // hold or offer, and its places are gone
	ErrState      = base.Refuse(http.StatusConflict, "booking_state") // nothing of the kind can be done with the claim as it is
	ErrTooLate    = base.Refuse(http.StatusConflict, "cancel_over")   // the cancellation window is over
	ErrNoWaiting  = base.Refuse(http.StatusConflict, "no_waiting_list")
	ErrCameIn     = base.Refuse(http.StatusConflict, "already_in")      // a ticket of it was shown at the door
	ErrOtherEvent = base.Refuse(http.StatusConflict, "not_same_series") // moving goes to another date of the series
)

// Order is one wish to take places: what was asked, for which event, and how it came.
type Order struct {
	Event string // slug
	Request
	Language string // of the mails
	Channel  string // see the constants; door: the guests are in
	Key      string // idempotency key; empty: each call counts
	Staff    string // id of who did it for somebody else
}

// Answer is what is answered about a claim. A repeated request gets an equal one.
type Answer struct {
	Reference string `json:"reference"`
	Kind      string `json:"kind,omitempty"` // left out for bookings
	State     string `json:"state"`
	Event     string `json:"event"`
	Pool      string `json:"pool"` // of the first place
	Places    int    `json:"places"`
	Expires   string `json:"expires,omitempty"` // RFC 3339 in Berlin, of holds and offers
	Secret    string `json:"secret,omitempty"`  // with the reference it opens the booking
}

// Book takes places and writes the order to the desk in one transaction.
// repeated tells that the key was known and nothing new was booked. Refusals
// are the Err values of this package, base.ErrNotFound for an event that is not
// published, content.Problems for a pool that does not exist, and "key_reused".
// Where the event asks for approval the booking is pending. Guests at the door
// are in at once.
func (s *Service) Book(o Order) (a Answer, repeated bool, err error) {
	return s.once("", o.Key, o.fingerprint("book"), func(tx core.App, now time.Time) (Claim, error) {
		ev, err := s.ready(tx, &o, now, false)
		if err != nil {
			return Claim{}, err
		}
		c, err := s.claim(tx, ev, KindBooking, firstState(ev, o), o, now, time.Time{})
		if err != nil {
			return c, err
		}
		return c, s.booked(tx, ev, c, o, now)
	})
}

// firstState is the state of a new booking.
func firstState(ev content.Event, o Order) string {
	switch {
	case o.Channel == Door:
		return Confirmed
	case ev.Booking.Approval && o.Staff == "":
		return Pending
	}
	return Active
}

// booked lets follow what follows every new booking, however it came about.
func (s *Service) booked(tx core.App, ev content.Event, c Claim, o Order, now time.Time) error {
	switch c.State {
	case Pending:
		return s.putMail(tx, c, mailPending, false)
	case Confirmed:
		_, err := tx.DB().NewQuery(`UPDATE tickets SET checked_in = {:now}, checked_by = {:staff} WHERE reference = {:reference}`).
			Bind(dbx.Params{"now": now.UnixMilli(), "staff": o.Staff, "reference": c.Reference}).Execute()
		if err != nil {
			return err
		}
		return s.putMail(tx, c, mailConfirmed, true)
	}
	return s.orderDesk(tx, ev, c)
}

func (s *Service) orderDesk(tx core.App, ev content.Event, c Claim) error {
	item, err := json.Marshal(hooks.DeskItem{Reference: c.Reference, Kind: Kind, Title: titleOf(ev, content.German), Partner: ev.Provider})
	if err != nil {
		return err
	}
	return s.p.PutOrder(tx, hooks.Order{
		Key: "desk:" + c.Reference, Provider: "desk", Kind: Kind, Subject: c.Reference, Partner: ev.Provider, Payload: item,
	})
}

// once runs a change of a claim in one transaction. A known key with the same
// fingerprint changes nothing and gives the same answer; with another one it is
// refused (422, "key_reused").
func (s *Service) once(scope, key, fingerprint string, change func(tx core.App, now time.Time) (Claim, error)) (a Answer, repeated bool, err error) {
	var stored struct {
		Answer
		Handed int `json:"handed,omitempty"` // the secret is derived again, never stored
	}
	if scope == "" {
		scope = Kind
	}
	err = s.p.App.RunInTransaction(func(tx core.App) error {
		keyHash, mac := base.Hash(key), s.mac("booking fingerprints", fingerprint)
		if key != "" {
			old, known, err := base.Recall(tx, scope, keyHash, mac)
			if err != nil {
				return err
			}
			if known {
				repeated = true
				return json.Unmarshal([]byte(old.Answer), &stored)
			}
		}
		now := s.p.Now()
		c, err := change(tx, now)
		if err != nil {
			return err
		}
		stored.Answer, stored.Handed = c.answer(), c.Handed
		if key == "" {
			return nil
		}
		b, err := json.Marshal(stored)
		if err != nil {
			return err
		}
		return base.Remember(tx, now, scope, keyHash, mac, base.Remembered{Status: http.StatusCreated, Answer: string(b)})
	})
	if err != nil {
		return Answer{}, false, err
	}
	if !repeated {
		s.p.WakeOrders()
	}
	a = stored.Answer
	a.Secret = s.secret(a.Reference, stored.Handed)
	return a, repeated, nil
}

// ready frees what ran out, says why the order cannot be taken, and fills in the
// pools of its tickets. joining is for the waiting list.
func (s *Service) ready(tx core.App, o *Order, now time.Time, joining bool) (content.Event, error) {
	ev, err := s.events.published(tx.DB(), o.Event)
	if err != nil {
		return ev, err
	}
	if err := bookable(ev, now); err != nil && !(byStaff(o.Channel) && err == ErrClosed && len(ev.Pools) > 0) {
		return ev, err
	}
	if ev.Booking.Opens.After(now) && !byStaff(o.Channel) {
		return ev, ErrNotOpen
	}
	if err := o.fill(ev, now); err != nil {
		return ev, err
	}
	rows, err := readPools(tx.DB(), ev.Slug)
	if err != nil {
		return ev, err
	}
	need := o.need()
	for code, n := range need {
		r, ok := rows[code]
		if !ok {
			return ev, ErrClosed
		}
		if r.Stopped != "" {
			return ev, ErrStopped
		}
		if joining && n > r.Size {
			return ev, ErrFull
		}
	}
	if joining {
		return ev, nil
	}
	if err := s.tend(tx, ev, now); err != nil {
		return ev, err
	}
	return ev, passBy(tx, ev, need, now)
}

// bookable says why an event takes no bookings at all, nil when it does.
func bookable(ev content.Event, now time.Time) error {
	switch {
	case ev.Cancelled:
		return ErrCancelled
	case isOver(ev, now):
		return ErrOver
	case len(ev.Pools) == 0, !ev.Booking.Closes.IsZero() && !now.Before(ev.Booking.Closes):
		return ErrClosed
	}
	return nil
}

// claim takes the places; the constraint decides. expires is zero where a claim has no end.
func (s *Service) claim(tx core.App, ev content.Event, kind, state string, o Order, now, expires time.Time) (Claim, error) {
	c := Claim{
		Reference: base.NewReference("B"), Event: ev.Slug, Pool: o.Tickets[0].Pool, Kind: kind, State: state, Places: len(o.Tickets),
		Name: o.Name, Email: o.Email, Language: o.Language, Channel: o.Channel, Created: now.UnixMilli(),
	}
	if c.Language == "" {
		c.Language = content.German
	}
	var until, queue, confirmed any
	if !expires.IsZero() {
		c.Expires = expires.UnixMilli()
		until = c.Expires
	}
	if kind == KindWaiting {
		var n int64
		if err := tx.DB().NewQuery(`SELECT coalesce(max(queue), 0) + 1 FROM claims WHERE event = {:event} AND queue IS NOT NULL`).
			Bind(dbx.Params{"event": ev.Slug}).Row(&n); err != nil {
			return c, err
		}
		queue = n
	}
	if state == Confirmed {
		confirmed = c.Created
	}
	if _, err := tx.DB().NewQuery(`INSERT INTO claims (reference, event, kind, state, places, name, email, language, channel, secret_hash, link_hash, note, queue, expires, created, confirmed)
		VALUES ({:reference}, {:event}, {:kind}, {:state}, {:places}, {:name}, {:email}, {:language}, {:channel}, {:secret}, {:link}, {:note}, {:queue}, {:expires}, {:now}, {:confirmed})`).
		Bind(dbx.Params{
			"reference": c.Reference, "event": c.Event, "kind": kind, "state": state, "places": c.Places,
			"name": o.Name, "email": o.Email, "language": c.Language, "channel": o.Channel, "note": o.note,
			"secret": base.Hash(s.secret(c.Reference, 0)), "link": base.Hash(s.LinkToken(c)), "queue": queue, "expires": until, "now": c.Created, "confirmed": confirmed,
		}).Execute(); err != nil {
		return c, err
	}
	if err := putTickets(tx, c, o.Tickets); err != nil {
		return c, err
	}
	what := map[string]string{KindHold: "held", KindBooking: "booked", KindBlock: "blocked", KindWaiting: "waiting"}[kind]
	return c, note(tx, c, what, o.Staff, now)
}

// putTickets writes the places of a new claim; ErrFull when they are not free.
func putTickets(tx core.App, c Claim, list []Wish) error {
	type row struct {
		Pool, Name, Category, Answers string
		Price                         int
	}
	rows := make([]row, len(list))
	for i, w := range list {
		rows[i] = row{w.Pool, w.Name, w.Category, string(w.Answers), w.PriceCents}
	}
	b, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	_, err = tx.DB().NewQuery(`INSERT INTO tickets (reference, number, event, pool, name, answers, category, price_cents)
		SELECT {:reference}, key + 1, {:event}, value ->> 'Pool', value ->> 'Name', value ->> 'Answers', value ->> 'Category', value ->> 'Price' FROM json_each({:list})`).
		Bind(dbx.Params{"reference": c.Reference, "event": c.Event, "list": string(b)}).Execute()
	if isFull(err) {
		return ErrFull
	}
	return err
}

// note keeps what happened to a claim; staff is the id of who did it, if not its owner.
func note(tx core.App, c Claim, what, staff string, now time.Time) error {
	_, err := tx.DB().NewQuery(`INSERT INTO claim_events (reference, at, what, staff, places) VALUES ({:reference}, {:at}, {:what}, {:staff}, {:places})`).
		Bind(dbx.Params{"reference": c.Reference, "at": now.UnixMilli(), "what": what, "staff": staff, "places": c.Places}).Execute()
	return err
}

// Claim is one row of the table claims.
type Claim struct {
	Reference string `db:"reference"`
	Event     string `db:"event"`
	Pool      string `db:"pool"` // of its first ticket
	Kind      string `db:"kind"`
	State     string `db:"state"`
	Places    int    `db:"places"` // tickets that were not given back
	Name      string `db:"name"`
	Email     string `db:"email"`
	Language  string `db:"language"`
	Channel   string `db:"channel"`
	Handed    int    `db:"handed"` // how often it went to somebody else
	Sequence  int    `db:"sequence"`
	Note      string `db:"note"`
	Queue     int64  `db:"queue"`   // 0: was never in the waiting list
	Expires   int64  `db:"expires"` // Unix milliseconds; 0: never
	Created   int64  `db:"created"`
	Ended     int64  `db:"ended"`
}

const claimColumns = `claims.reference AS reference, claims.event AS event, claims.kind AS kind, claims.state AS state, claims.places AS places,
	claims.name AS name, claims.email AS email, claims.language AS language, claims.channel AS channel, claims.handed AS handed, claims.sequence AS sequence,
	claims.note AS note, coalesce(claims.queue, 0) AS queue, coalesce(claims.expires, 0) AS expires, claims.created AS created, coalesce(claims.ended, 0) AS ended,
	coalesce((SELECT t.pool FROM tickets t WHERE t.reference = claims.reference ORDER BY t.number LIMIT 1), '') AS pool`

// takes reports whether the claim takes places.
func (c Claim) takes() bool {
	return c.Kind != KindWaiting && (c.State == Active || c.State == Pending || c.State == Confirmed)
}

// booked reports whether the claim is a booking that stands.
func (c Claim) booked() bool { return c.Kind == KindBooking && c.takes() }

func (c Claim) answer() Answer {
	a := Answer{Reference: c.Reference, Kind: c.Kind, State: c.State, Event: c.Event, Pool: c.Pool, Places: c.Places}
	if c.Kind == KindBooking {
		a.Kind = ""
	} else if c.Expires != 0 {
		a.Expires = berlinTime(time.UnixMilli(c.Expires))
	}
	return a
}

// Ticket is one place of a claim, a row of the table tickets.
type Ticket struct {
	Reference  string `db:"reference"`
	Number     int    `db:"number"` // from 1
	Event      string `db:"event"`
	Pool       string `db:"pool"`
	Name       string `db:"name"`
	Answers    string `db:"answers"` // JSON object or empty
	Category   string `db:"category"`
	PriceCents int    `db:"price_cents"`
	Nonce      string `db:"nonce"`      // in the printed code; new for each holder
	Released   int64  `db:"released"`   // given back; 0: not
	CheckedIn  int64  `db:"checked_in"` // 0: not
	CheckedBy  string `db:"checked_by"`
}

const ticketColumns = `reference, number, event, pool, name, answers, category, price_cents, nonce, coalesce(released, 0) AS released, coalesce(checked_in, 0) AS checked_in, checked_by`

// Tickets lists the places of a claim, those given back too.
func (s *Service) Tickets(db dbx.Builder, reference string) (list []Ticket, err error) {
	err = db.NewQuery(`SELECT ` + ticketColumns + ` FROM tickets WHERE reference = {:reference} ORDER BY number`).
		Bind(dbx.Params{"reference": reference}).All(&list)
	return list, err
}

// Settle takes the outcome of an order to the desk inside the transaction that
// settles the order: accepted confirms the booking, refused frees the places;
// both write one mail. A second call and bookings that ended meanwhile change nothing.
func (s *Service) Settle(tx core.App, o hooks.Order, state hooks.State, _ hooks.Result) error {
	c, err := get(tx.DB(), o.Subject)
	if err == base.ErrNotFound || err == nil && (c.Kind != KindBooking || c.State != Active) {
		return nil
	}
	if err != nil {
		return err
	}
	now := s.p.Now()
	switch state {
	case hooks.Done:
		_, err := tx.DB().NewQuery(`UPDATE claims SET state = 'confirmed', confirmed = {:now} WHERE reference = {:reference}`).
			Bind(dbx.Params{"now": now.UnixMilli(), "reference": c.Reference}).Execute()
		if err != nil {
			return err
		}
		c.State = Confirmed
		if err := note(tx, c, "confirmed", "", now); err != nil {
			return err
		}
		return s.putMail(tx, c, mailConfirmed, true)
	case hooks.Rejected:
		if err := end(tx, &c, Rejected, "", now); err != nil {
			return err
		}
		if err := s.putMail(tx, c, mailRejected, false); err != nil {
			return err
		}
		return s.tendEvent(tx, c.Event, now)
	}
	return nil // a dead order is replayed by hand, the places stay claimed
}

// end frees the places of a claim.
func end(tx core.App, c *Claim, state, staff string, now time.Time) error {
	_, err := tx.DB().NewQuery(`UPDATE claims SET state = {:state}, ended = {:now}, sequence = sequence + 1 WHERE reference = {:reference}`).
		Bind(dbx.Params{"state": state, "now": now.UnixMilli(), "reference": c.Reference}).Execute()
	if err != nil {
		return err
	}
	c.State, c.Ended, c.Sequence = state, now.UnixMilli(), c.Sequence+1
	return note(tx, *c, state, staff, now)
}

// get returns any claim by its reference, base.ErrNotFound when there is none.
func get(db dbx.Builder, reference string) (c Claim, err error) {
	err = db.NewQuery(`SELECT ` + claimColumns + ` FROM claims WHERE reference = {:reference}`).
		Bind(dbx.Params{"reference": reference}).One(&c)
	if base.IsNoRows(err) {
		return c, base.ErrNotFound
	}
	return c, err
}

// find returns whatever belongs to a citizen, base.ErrNotFound when there is none.
func (s *Service) find(reference string) (Claim, error) {
	c, err := get(s.p.App.DB(), reference)
	if err == nil && c.Kind == KindBlock {
		err = base.ErrNotFound
	}
	return c, err
}

// FindByLink returns the claim that the token of a personal link opens,
// base.ErrNotFound when there is none.
func (s *Service) FindByLink(token string) (c Claim, err error) {
	err = s.p.App.DB().NewQuery(`SELECT ` + claimColumns + ` FROM claims WHERE link_hash = {:hash} AND kind <> 'block'`).
		Bind(dbx.Params{"hash": base.Hash(token)}).One(&c)
	if base.IsNoRows(err) {
		return c, base.ErrNotFound
	}
	return c, err
}

// opens reports whether reference and secret belong together. It does the same
// work whichever half is wrong.
func (s *Service) opens(reference, secret string) (bool, error) {
	want := base.Hash("nobody's secret")
	err := s.p.App.DB().NewQuery(`SELECT secret_hash FROM claims WHERE reference = {:reference} AND kind <> 'block'`).
		Bind(dbx.Params{"reference": reference}).Row(&want)
	known := err == nil
	if err != nil && !base.IsNoRows(err) {
		return false, err
	}
	same := subtle.ConstantTimeCompare([]byte(base.Hash(normaliseSecret(secret))), []byte(want)) == 1
	return known && same, nil
}

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford

// derived tells the holder's secrets from the reference and how often the claim
// went to somebody else, so that a repeated request and the mail can tell them
// again although only their hashes are kept.
func (s *Service) derived(purpose, reference string, handed int) []byte {
	mac := hmac.New(sha256.New, s.p.Key(purpose))
	mac.Write([]byte(reference))
	if handed > 0 {
		mac.Write([]byte("." + strconv.Itoa(handed)))
	}
	return mac.Sum(nil)
}

// secret is what a holder types beside the reference (80 bits).
func (s *Service) secret(reference string, handed int) string {
	sum := s.derived("booking secrets", reference, handed)
	var b strings.Builder
	for i := range 16 {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(alphabet[sum[i]&31])
	}
	return b.String()
}

// LinkToken is the secret of the personal link (160 bits): it opens the claim alone.
func (s *Service) LinkToken(c Claim) string {
	sum := s.derived("booking links", c.Reference, c.Handed)
	var b strings.Builder
	for i := range 32 {
		b.WriteByte(alphabet[sum[i]&31])
	}
	return b.String()
}

// normaliseSecret forgives lower case, blanks, missing hyphens and the letters
// that a reader may have taken for digits.
func normaliseSecret(s string) string {
	s = strings.NewReplacer("-", "", "–", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(strings.Join(strings.Fields(s), "")))
	if len(s) != 16 {
		return s
	}
	return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:]
}

// mac is a keyed hash: the plain one of a name and an address could be guessed.
func (s *Service) mac(purpose, text string) string {
	mac := hmac.New(sha256.New, s.p.Key(purpose))
	mac.Write([]byte(text))
	return base.Hash(string(mac.Sum(nil)))
}

// fingerprint tells equal requests from different ones.
func (o Order) fingerprint(what string) string {
	if len(o.Tickets) == 0 && what == "book" { // as it was before there were tickets
		return base.Hash(o.Event, o.Name, o.Email, strconv.Itoa(o.Places), o.Pool)
	}
	b, err := json.Marshal(o.Tickets)
	if err != nil {
		return base.NewToken() // of answers that are no JSON; claiming them fails
	}
	return base.Hash(what, o.Event, o.Name, o.Email, strconv.Itoa(o.Places), o.Pool, string(b))
}
