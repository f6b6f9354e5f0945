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

// Kinds of claims.
const (
	kindHold    = "hold"
	kindBooking = "booking"
)

// States of a claim. Active and confirmed ones take places.
const (
	Active    = "active"    // places claimed, the desk has not answered yet
	Confirmed = "confirmed" // the desk accepted
	Rejected  = "rejected"  // the desk refused, places free
	Cancelled = "cancelled" // by the citizen, places free
	Expired   = "expired"   // a hold or offer that ran out, places free
)

// Refusals of a booking. The codes are stable.
var (
	ErrFull      = base.Refuse(http.StatusConflict, "booking_full")
	ErrOver      = base.Refuse(http.StatusConflict, "event_over")
	ErrCancelled = base.Refuse(http.StatusConflict, "event_cancelled")
	ErrClosed    = base.Refuse(http.StatusConflict, "booking_closed") // the event takes no bookings
	ErrStopped   = base.Refuse(http.StatusConflict, "booking_stopped")
)

// Order is one wish to book: what was asked, for which event, and how it came.
type Order struct {
	Event string // slug
	Request
	Language string // of the mails
	Channel  string // web, api
	Key      string // idempotency key
}

// Answer is what a booking is answered with. A repeated request gets an equal one.
type Answer struct {
	Reference string `json:"reference"`
	State     string `json:"state"`
	Event     string `json:"event"`
	Pool      string `json:"pool"`
	Places    int    `json:"places"`
	Secret    string `json:"secret,omitempty"` // with the reference it opens the booking
}

// Book claims places and writes the order to the desk in one transaction.
// repeated tells that the key was known and nothing new was booked. Refusals
// are the Err values of this package, base.ErrNotFound for an event that is not
// published, content.Problems for a pool that does not exist, and "key_reused".
func (s *Service) Book(o Order) (a Answer, repeated bool, err error) {
	err = s.p.App.RunInTransaction(func(tx core.App) error {
		a, repeated, err = s.book(tx, o)
		return err
	})
	if err != nil {
		return Answer{}, false, err
	}
	if !repeated {
		s.p.WakeOrders()
	}
	a.Secret = s.secret(a.Reference)
	return a, repeated, nil
}

func (s *Service) book(tx core.App, o Order) (Answer, bool, error) {
	keyHash := base.Hash(o.Key)
	fingerprint := s.fingerprint(o)
	old, repeated, err := base.Recall(tx, Kind, keyHash, fingerprint)
	if err != nil {
		return Answer{}, false, err
	}
	var a Answer
	if repeated {
		return a, true, json.Unmarshal([]byte(old.Answer), &a)
	}
	now := s.p.Now()
	ev, pool, err := s.openPool(tx, o.Event, o.Pool, now)
	if err != nil {
		return Answer{}, false, err
	}
	a = Answer{Reference: base.NewReference("B"), State: Active, Event: o.Event, Pool: pool, Places: o.Places}
	if err := s.claim(tx, kindBooking, a, o, now, time.Time{}); err != nil {
		return Answer{}, false, err
	}
	item, err := json.Marshal(hooks.DeskItem{Reference: a.Reference, Kind: Kind, Title: titleOf(ev, content.German), Partner: ev.Provider})
	if err != nil {
		return Answer{}, false, err
	}
	if err := s.p.PutOrder(tx, hooks.Order{
		Key: "desk:" + a.Reference, Provider: "desk", Kind: Kind, Subject: a.Reference, Partner: ev.Provider, Payload: item,
	}); err != nil {
		return Answer{}, false, err
	}
	stored, err := json.Marshal(a) // without the secret, which is derived again
	if err != nil {
		return Answer{}, false, err
	}
	return a, false, base.Remember(tx, now, Kind, keyHash, fingerprint, base.Remembered{Status: http.StatusCreated, Answer: string(stored)})
}

// openPool finds the pool that is asked for, if the event can be booked now.
func (s *Service) openPool(tx core.App, slug, code string, now time.Time) (content.Event, string, error) {
	ev, err := s.events.published(tx.DB(), slug)
	if err != nil {
		return ev, "", err
	}
	if err := bookable(ev, now); err != nil {
		return ev, "", err
	}
	if code == "" && len(ev.Pools) > 1 {
		return ev, "", content.Problems{{Field: "pool", Code: "required"}}
	}
	for _, pool := range ev.Pools {
		if pool.Code != code && code != "" {
			continue
		}
		var stopped string
		err := tx.DB().NewQuery(`SELECT stopped FROM pools WHERE event = {:event} AND code = {:code}`).
			Bind(dbx.Params{"event": slug, "code": pool.Code}).Row(&stopped)
		if base.IsNoRows(err) {
			return ev, "", ErrClosed
		}
		if err == nil && stopped != "" {
			err = ErrStopped
		}
		return ev, pool.Code, err
	}
	return ev, "", content.Problems{{Field: "pool", Code: "unknown_option"}}
}

// bookable says why an event takes no bookings at all, nil when it does.
func bookable(ev content.Event, now time.Time) error {
	switch {
	case ev.Cancelled:
		return ErrCancelled
	case isOver(ev, now):
		return ErrOver
	case len(ev.Pools) == 0:
		return ErrClosed
	}
	return nil
}

// claim frees what ran out and takes the places; the constraint decides.
// expires is zero for a booking.
func (s *Service) claim(tx core.App, kind string, a Answer, o Order, now, expires time.Time) error {
	if _, err := expire(tx, a.Event, now); err != nil {
		return err
	}
	var until any
	if !expires.IsZero() {
		until = expires.UnixMilli()
	}
	_, err := tx.DB().NewQuery(`INSERT INTO claims (reference, event, pool, kind, state, places, name, email, language, channel, secret_hash, expires, created)
		VALUES ({:reference}, {:event}, {:pool}, {:kind}, 'active', {:places}, {:name}, {:email}, {:language}, {:channel}, {:secret}, {:expires}, {:now})`).
		Bind(dbx.Params{
			"reference": a.Reference, "event": a.Event, "pool": a.Pool, "kind": kind, "places": a.Places,
			"name": o.Name, "email": o.Email, "language": o.Language, "channel": o.Channel,
			"secret": base.Hash(s.secret(a.Reference)), "expires": until, "now": now.UnixMilli(),
		}).Execute()
	if isFull(err) {
		return ErrFull
	}
	return err
}

// expire ends holds and offers of one event that ran out, of all events when event is "".
func expire(tx core.App, event string, now time.Time) (int, error) {
	q := `UPDATE claims SET state = 'expired', ended = {:now}
		WHERE state = 'active' AND expires IS NOT NULL AND expires <= {:now}`
	if event != "" {
		q += ` AND event = {:event}`
	}
	res, err := tx.DB().NewQuery(q).Bind(dbx.Params{"now": now.UnixMilli(), "event": event}).Execute()
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// Claim is one row of the table claims.
type Claim struct {
	Reference string `db:"reference"`
	Event     string `db:"event"`
	Pool      string `db:"pool"`
	Kind      string `db:"kind"`
	State     string `db:"state"`
	Places    int    `db:"places"`
	Name      string `db:"name"`
	Email     string `db:"email"`
	Language  string `db:"language"`
	Channel   string `db:"channel"`
	Sequence  int    `db:"sequence"`
	Created   int64  `db:"created"`
}

const claimColumns = `reference, event, pool, kind, state, places, name, email, language, channel, sequence, created`

// Settle takes the outcome of an order to the desk inside the transaction that
// settles the order: accepted confirms the booking, refused frees the places;
// both write one mail. A second call and bookings that ended meanwhile change nothing.
func (s *Service) Settle(tx core.App, o hooks.Order, state hooks.State, _ hooks.Result) error {
	var to, what string
	switch state {
	case hooks.Done:
		to, what = Confirmed, mailConfirmed
	case hooks.Rejected:
		to, what = Rejected, mailRejected
	default:
		return nil // a dead order is replayed by hand, the places stay claimed
	}
	var c Claim
	err := tx.DB().NewQuery(`UPDATE claims SET state = {:to},
			confirmed = CASE {:to} WHEN 'confirmed' THEN {:now} ELSE confirmed END,
			ended = CASE {:to} WHEN 'confirmed' THEN ended ELSE {:now} END
		WHERE reference = {:reference} AND kind = 'booking' AND state = 'active'
		RETURNING ` + claimColumns).
		Bind(dbx.Params{"to": to, "now": s.p.Now().UnixMilli(), "reference": o.Subject}).One(&c)
	if base.IsNoRows(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.putMail(tx, c, what, to == Confirmed)
}

// Cancel ends a booking on its owner's behalf and frees its places; it tells
// whether this call did it. A booking that has ended stays as it is; after the
// event nothing is cancelled ([ErrOver]).
func (s *Service) Cancel(reference string) (done bool, err error) {
	err = s.p.App.RunInTransaction(func(tx core.App) error {
		var c Claim
		err := tx.DB().NewQuery(`SELECT ` + claimColumns + ` FROM claims WHERE reference = {:reference} AND kind = 'booking'`).
			Bind(dbx.Params{"reference": reference}).One(&c)
		if base.IsNoRows(err) {
			return base.ErrNotFound
		}
		if err != nil || (c.State != Active && c.State != Confirmed) {
			return err
		}
		ev, found, err := anyEvent(tx.DB(), c.Event)
		if err != nil {
			return err
		}
		if found && isOver(ev, s.p.Now()) {
			return ErrOver
		}
		wasConfirmed := c.State == Confirmed
		err = tx.DB().NewQuery(`UPDATE claims SET state = 'cancelled', ended = {:now}, sequence = sequence + 1
			WHERE reference = {:reference} RETURNING ` + claimColumns).
			Bind(dbx.Params{"now": s.p.Now().UnixMilli(), "reference": reference}).One(&c)
		if err != nil {
			return err
		}
		done = true
		// Only who got a calendar entry is sent its cancellation.
		return s.putMail(tx, c, mailCancelled, wasConfirmed)
	})
	if err != nil {
		return false, err
	}
	if done {
		s.p.WakeOrders()
	}
	return done, nil
}

// find returns a booking by its reference, base.ErrNotFound when there is none.
func (s *Service) find(reference string) (Claim, error) {
	var c Claim
	err := s.p.App.DB().NewQuery(`SELECT ` + claimColumns + ` FROM claims WHERE reference = {:reference} AND kind = 'booking'`).
		Bind(dbx.Params{"reference": reference}).One(&c)
	if base.IsNoRows(err) {
		return c, base.ErrNotFound
	}
	return c, err
}

// opens reports whether reference and secret belong together. It does the same
// work whichever half is wrong.
func (s *Service) opens(reference, secret string) (bool, error) {
	want := base.Hash("nobody's secret")
	err := s.p.App.DB().NewQuery(`SELECT secret_hash FROM claims WHERE reference = {:reference} AND kind = 'booking'`).
		Bind(dbx.Params{"reference": reference}).Row(&want)
	known := err == nil
	if err != nil && !base.IsNoRows(err) {
		return false, err
	}
	same := subtle.ConstantTimeCompare([]byte(base.Hash(normaliseSecret(secret))), []byte(want)) == 1
	return known && same, nil
}

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford

// secret derives the secret of a booking (80 bits) from its reference, so that a
// repeated request and the mail can tell it again although only its hash is kept.
func (s *Service) secret(reference string) string {
	mac := hmac.New(sha256.New, s.p.Key("booking secrets"))
	mac.Write([]byte(reference))
	sum := mac.Sum(nil)
	var b strings.Builder
	for i := range 16 {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
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

// fingerprint tells equal requests from different ones. It is keyed: the plain
// hash of a name and an address could be guessed.
func (s *Service) fingerprint(o Order) string {
	mac := hmac.New(sha256.New, s.p.Key("booking fingerprints"))
	mac.Write([]byte(base.Hash(o.Event, o.Name, o.Email, strconv.Itoa(o.Places), o.Pool)))
	return base.Hash(string(mac.Sum(nil)))
}
