// Package tours lets citizens order city tours and tickets of a partner: look at
// tours and times, hold places, leave a contact, get a voucher, cancel.
//
// It does not know the partner's protocol. [Tours.Seller] is asked for tours and
// times through a small cache, never inside a transaction; everything that is
// ordered goes as a [hooks.TourOrder] through the outbox, and [Tours.Settle] learns
// how it ended. The partner counts the places, so nothing is counted here.
package tours

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"servicepoint/content"
	"servicepoint/content/ical"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

//go:embed words/*.json
var Words embed.FS

//go:embed templates/*.html
var templateFiles embed.FS

var templates = base.MustTemplates(templateFiles)

// OrderKind is the kind of the orders that this matter settles.
const OrderKind = "tour"

// States of a booking.
const (
	Holding    = "holding"    // the order to hold is under way
	Held       = "held"       // places are kept until Expires
	Confirming = "confirming" // the order to confirm is under way
	Confirmed  = "confirmed"
	Cancelling = "cancelling" // the order to cancel is under way
	Cancelled  = "cancelled"
	Expired    = "expired"   // the hold ended before it was confirmed
	Refused    = "refused"   // no places
	Failed     = "failed"    // the partner could not be reached for three days
	Abandoned  = "abandoned" // given up by the citizen before it was held
)

// Tours is the matter; make it with [New] and set Seller, Provider and Mode.
type Tours struct {
	Seller    hooks.TourSeller
	Provider  string        // name of the provider that does the orders
	Mode      func() string // "real", "simulated" or "off"
	Organiser string        // mail address that calendar entries name
	// Patience is how long a page waits for the partner before it says that it goes on
	// without it: 4 s.
	Patience time.Duration

	p     *base.Platform
	tours shelf[[]hooks.Tour]
	times shelf[[]hooks.Departure]
}

// New makes the matter.
func New(p *base.Platform) *Tours {
	return &Tours{p: p, Patience: 4 * time.Second, Mode: func() string { return "off" }, Organiser: "service-point@service-point.example"}
}

// Bind adds the pages.
func (t *Tours) Bind(se *core.ServeEvent) {
	t.p.RoutePublic(se, "GET", "/fuehrungen/{$}", t.showTours)
	t.p.RoutePublic(se, "GET", "/fuehrungen/{tour}/{$}", t.showTour)
	t.p.RoutePublic(se, "GET", "/fuehrungen/{tour}/buchen/{$}", t.showUnits)
	t.p.RoutePublic(se, "POST", "/fuehrungen/{tour}/buchen/{$}", t.sendUnits)
	t.p.RoutePublic(se, "GET", "/fuehrungen/buchung/{$}", t.showBooking)
	t.p.RoutePublic(se, "POST", "/fuehrungen/buchung/{$}", t.sendContact)
	t.p.RoutePublic(se, "GET", "/fuehrungen/buchung/stornieren/{$}", t.askCancel)
	t.p.RoutePublic(se, "POST", "/fuehrungen/buchung/stornieren/{$}", t.sendCancel)
	t.p.RoutePublic(se, "GET", "/fuehrungen/buchung/zugang/{token}/{$}", t.enter)
}

// shelf keeps answers of the partner for a while, and the last ones for as long as
// the server runs.
type shelf[V any] struct {
	mu   sync.Mutex
	kept map[string]shelved[V]
}

type shelved[V any] struct {
	value V
	at    time.Time
	busy  chan struct{} // closed when the question under way is answered
}

const maxShelf = 500

// get answers from the shelf what is younger than life, else asks. Who asks the
// same meanwhile waits for that answer. Where asking fails an old answer serves;
// its age is told.
func (s *shelf[V]) get(ctx context.Context, key string, now time.Time, life time.Duration, ask func(context.Context) (V, error)) (value V, at time.Time, err error) {
	for {
		s.mu.Lock()
		if s.kept == nil || len(s.kept) > maxShelf {
			s.kept = map[string]shelved[V]{}
		}
		k := s.kept[key]
		if !k.at.IsZero() && now.Sub(k.at) < life {
			s.mu.Unlock()
			return k.value, k.at, nil
		}
		if k.busy == nil {
			k.busy = make(chan struct{})
			s.kept[key] = k
			s.mu.Unlock()
			break
		}
		s.mu.Unlock()
		select {
		case <-k.busy:
			s.mu.Lock()
			k = s.kept[key]
			s.mu.Unlock()
			if !k.at.IsZero() {
				return k.value, k.at, nil
			}
		case <-ctx.Done():
			return value, at, ctx.Err()
		}
	}
	// The question outlives a visitor who leaves: others wait for it.
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), 8*time.Second)
	defer cancel()
	value, err = ask(asking)
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[key]
	if k.busy != nil {
		close(k.busy)
		k.busy = nil
	}
	if err == nil {
		k.value, k.at = value, now
	}
	s.kept[key] = k
	if err != nil && !k.at.IsZero() {
		return k.value, k.at, nil
	}
	return value, now, err
}

// forget makes the next question a new one.
func (s *shelf[V]) forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.kept[key]; k.busy == nil {
		delete(s.kept, key)
	}
}

const (
	tourLife = 10 * time.Minute
	timeLife = time.Minute
	horizon  = 60 // days of departures that are offered
)

func (t *Tours) all(ctx context.Context, lang string) ([]hooks.Tour, time.Time, error) {
	mode := t.Mode()
	if mode == "off" || mode == "" {
		return nil, time.Time{}, errOff
	}
	return t.tours.get(ctx, mode+lang, t.p.Now(), tourLife, func(ctx context.Context) ([]hooks.Tour, error) { return t.Seller.Tours(ctx, lang) })
}

var (
	errOff  = base.Refuse(503, "tours_off")
	errDown = base.Refuse(503, "tours_down")
)

func (t *Tours) one(ctx context.Context, id, lang string) (hooks.Tour, error) {
	list, _, err := t.all(ctx, lang)
	if err != nil {
		return hooks.Tour{}, t.down(err)
	}
	for _, tour := range list {
		if tour.ID == id {
			return tour, nil
		}
	}
	return hooks.Tour{}, base.ErrNotFound
}

// down is what visitors are told when the partner cannot be asked.
func (t *Tours) down(err error) error {
	if err == errOff {
		return err
	}
	t.p.App.Logger().Warn("the seller of tours does not answer", "error", err.Error())
	return errDown
}

func (t *Tours) departures(ctx context.Context, tour hooks.Tour) ([]hooks.Departure, error) {
	now := t.p.Now()
	list, _, err := t.times.get(ctx, t.Mode()+tour.ID, now, timeLife, func(ctx context.Context) ([]hooks.Departure, error) {
		from := now.In(content.Berlin)
		return t.Seller.Departures(ctx, tour.ID, tour.Option, from, from.AddDate(0, 0, horizon))
	})
	if err != nil {
		return nil, t.down(err)
	}
	return slices.DeleteFunc(slices.Clone(list), func(d hooks.Departure) bool {
		return !d.Start.After(now) || !d.Cutoff.IsZero() && !d.Cutoff.After(now)
	}), nil
}

// Booking is one row.
type Booking struct {
	Reference   string `db:"reference"`
	State       string `db:"state"`
	Tour        string `db:"tour"`
	Title       string `db:"title"`
	Departure   string `db:"departure"`
	Starts      int64  `db:"starts"`
	Ends        int64  `db:"ends"`
	Place       string `db:"place"`
	Units       string `db:"units"`
	Simulated   bool   `db:"simulated"`
	Remote      string `db:"remote"`
	RemoteRef   string `db:"remote_ref"`
	Expires     int64  `db:"expires"`
	Total       string `db:"total"`
	Vouchers    string `db:"vouchers"`
	CancelUntil int64  `db:"cancel_until"`
	Name        string `db:"name"`
	Email       string `db:"email"`
	Phone       string `db:"phone"`
	Language    string `db:"language"`
	Updated     int64  `db:"updated"`
}

const columns = `reference, state, tour, title, departure, starts, ends, place, units, simulated, remote, remote_ref, expires, total, vouchers, cancel_until, name, email, phone, language, updated`

// counted is how many of a unit, with its name.
type counted struct {
	Unit  string `json:"unit"`
	Title string `json:"title"`
	Count int    `json:"count"`
}

func (b Booking) units() (list []counted) {
	json.Unmarshal([]byte(b.Units), &list)
	return list
}

func (b Booking) total() (m hooks.Money) {
	json.Unmarshal([]byte(b.Total), &m)
	return m
}

func (b Booking) vouchers() (list []hooks.TourVoucher) {
	json.Unmarshal([]byte(b.Vouchers), &list)
	return list
}

// stateAt is the state as it is now: a hold ends by itself.
func (b Booking) stateAt(now time.Time) string {
	if b.State == Held && b.Expires > 0 && b.Expires <= now.UnixMilli() {
		return Expired
	}
	return b.State
}

func find(db dbx.Builder, where string, params dbx.Params) (Booking, error) {
	var b Booking
	err := db.NewQuery(`SELECT ` + columns + ` FROM tour_bookings WHERE ` + where).Bind(params).One(&b)
	if base.IsNoRows(err) {
		return b, base.ErrNotFound
	}
	return b, err
}

// secret opens a booking: derived, so that the mail can name it and the database
// holds only its hash (ADR 0008). 160 bits.
func (t *Tours) secret(reference string) string {
	mac := hmac.New(sha256.New, t.p.Key("tour links"))
	mac.Write([]byte(reference))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)[:20]))
}

func secretHash(token string) string { return base.Hash("tour secret", token) }

// start writes the booking and the order to hold its places, once per key.
func (t *Tours) start(b Booking, option string, key string) (string, error) {
	var list []hooks.TourCount
	for _, u := range b.units() {
		list = append(list, hooks.TourCount{Unit: u.Unit, Count: u.Count})
	}
	fingerprint := base.Hash(b.Tour, b.Departure, b.Units)
	err := t.p.App.RunInTransaction(func(tx core.App) error {
		seen, again, err := base.Recall(tx, "tour", base.Hash(key), fingerprint)
		if err != nil || again {
			b.Reference = seen.Answer
			return err
		}
		b.Reference = base.NewReference("T")
		_, err = tx.DB().NewQuery(`INSERT INTO tour_bookings (reference, state, tour, title, departure, starts, ends, place, units, simulated, cancel_until, language, secret_hash, created, updated)
			VALUES ({:reference}, 'holding', {:tour}, {:title}, {:departure}, {:starts}, {:ends}, {:place}, {:units}, {:simulated}, {:until}, {:language}, {:hash}, {:now}, {:now})`).Bind(dbx.Params{
			"reference": b.Reference, "tour": b.Tour, "title": b.Title, "departure": b.Departure, "starts": b.Starts, "ends": b.Ends, "place": b.Place, "units": b.Units,
			"simulated": b.Simulated, "until": b.CancelUntil, "language": b.Language, "hash": secretHash(t.secret(b.Reference)), "now": t.p.Now().UnixMilli(),
		}).Execute()
		if err != nil {
			return err
		}
		order := hooks.TourOrder{Do: hooks.TourHold, Tour: b.Tour, Option: option, Departure: b.Departure, Units: list, Lang: b.Language}
		if err := t.put(tx, b.Reference, ":hold", order); err != nil {
			return err
		}
		return base.Remember(tx, t.p.Now(), "tour", base.Hash(key), fingerprint, base.Remembered{Status: 303, Answer: b.Reference})
	})
	t.p.WakeOrders()
	return b.Reference, err
}

// put writes an order. That of the confirmation has the booking's own number as its
// key: the seller finds it under our number.
func (t *Tours) put(tx core.App, reference, suffix string, o hooks.TourOrder) error {
	payload, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return t.p.PutOrder(tx, hooks.Order{Key: reference + suffix, Provider: t.Provider, Kind: OrderKind, Subject: reference, Payload: payload})
}

var errGone = errors.New("the booking is in another state by now")

// move changes a booking that is in one of the states, else errGone.
func (t *Tours) move(tx core.App, reference string, from []string, set string, params dbx.Params) error {
	if params == nil {
		params = dbx.Params{}
	}
	params["reference"], params["now"] = reference, t.p.Now().UnixMilli()
	if set != "" {
		set = ", " + set
	}
	res, err := tx.DB().NewQuery(`UPDATE tour_bookings SET updated = {:now}` + set + ` WHERE reference = {:reference} AND state IN ('` + strings.Join(from, "','") + `')`).Bind(params).Execute()
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errGone)
	}
	return nil
}

// confirm takes what is held: contact and order in one transaction.
func (t *Tours) confirm(reference, name, email, phone, lang string) error {
	err := t.p.App.RunInTransaction(func(tx core.App) error {
		b, err := find(tx.DB(), "reference = {:r}", dbx.Params{"r": reference})
		if err != nil {
			return err
		}
		if b.stateAt(t.p.Now()) != Held {
			return errGone
		}
		err = t.move(tx, reference, []string{Held}, `state = 'confirming', name = {:name}, email = {:email}, phone = {:phone}, language = {:lang}`,
			dbx.Params{"name": name, "email": email, "phone": phone, "lang": lang})
		if err != nil {
			return err
		}
		return t.put(tx, reference, "", hooks.TourOrder{Do: hooks.TourConfirm, Booking: b.Remote, Name: name, Email: email, Phone: phone, Lang: lang})
	})
	t.p.WakeOrders()
	return err
}

// cancel gives a booking back, or gives it up before it is held.
func (t *Tours) cancel(reference string) error {
	err := t.p.App.RunInTransaction(func(tx core.App) error {
		b, err := find(tx.DB(), "reference = {:r}", dbx.Params{"r": reference})
		if err != nil {
			return err
		}
		switch b.stateAt(t.p.Now()) {
		case Holding:
			return t.move(tx, reference, []string{Holding}, `state = 'abandoned'`, nil)
		case Held:
			if err := t.move(tx, reference, []string{Held}, `state = 'cancelled'`, nil); err != nil {
				return err
			}
		case Confirmed:
			if b.CancelUntil > 0 && t.p.Now().UnixMilli() >= b.CancelUntil {
				return base.Refuse(409, "tour_too_late")
			}
			if err := t.move(tx, reference, []string{Confirmed}, `state = 'cancelling'`, nil); err != nil {
				return err
			}
		default:
			return nil
		}
		return t.put(tx, reference, ":cancel", hooks.TourOrder{Do: hooks.TourCancel, Booking: b.Remote, Lang: b.Language})
	})
	t.p.WakeOrders()
	return err
}

// Settle is told how an order ended.
func (t *Tours) Settle(tx core.App, o hooks.Order, s hooks.State, r hooks.Result) error {
	var order hooks.TourOrder
	if err := json.Unmarshal(o.Payload, &order); err != nil {
		return fmt.Errorf("order of a tour: %w", err)
	}
	b, err := find(tx.DB(), "reference = {:r}", dbx.Params{"r": o.Subject})
	if err == base.ErrNotFound {
		return nil // forgotten
	}
	if err != nil {
		return err
	}
	var told hooks.TourBooking
	if s == hooks.Done {
		if err := json.Unmarshal(r.Payload, &told); err != nil {
			return fmt.Errorf("result of a tour: %w", err)
		}
	}
	switch order.Do {
	case hooks.TourHold:
		err = t.settleHold(tx, b, s, told)
	case hooks.TourConfirm:
		err = t.settleConfirm(tx, b, s, told)
	case hooks.TourCancel:
		err = t.settleCancel(tx, b, s)
	}
	if errors.Is(err, errGone) {
		return nil // a replay of what has gone another way since
	}
	return err
}

func (t *Tours) settleHold(tx core.App, b Booking, s hooks.State, told hooks.TourBooking) error {
	from := []string{Holding, Refused, Failed}
	switch {
	case s == hooks.Rejected:
		return t.move(tx, b.Reference, from, `state = 'refused'`, nil)
	case s == hooks.Dead:
		return t.move(tx, b.Reference, from, `state = 'failed'`, nil)
	case b.State == Abandoned:
		return t.put(tx, b.Reference, ":cancel", hooks.TourOrder{Do: hooks.TourCancel, Booking: told.Booking, Lang: b.Language})
	}
	total, err := json.Marshal(told.Total)
	if err != nil {
		return err
	}
	expires := told.Expires
	if expires.IsZero() {
		expires = t.p.Now().Add(15 * time.Minute) // the seller does not say: be careful
	}
	return t.move(tx, b.Reference, from, `state = 'held', remote = {:remote}, remote_ref = {:ref}, expires = {:expires}, total = {:total}`,
		dbx.Params{"remote": told.Booking, "ref": told.Reference, "expires": expires.UnixMilli(), "total": string(total)})
}

func (t *Tours) settleConfirm(tx core.App, b Booking, s hooks.State, told hooks.TourBooking) error {
	from, set, params, mail := []string{Confirming, Failed, Expired}, `state = 'expired'`, dbx.Params{}, "expired"
	switch s {
	case hooks.Dead:
		set, mail = `state = 'failed'`, "failed"
	case hooks.Done:
		total, err := json.Marshal(told.Total)
		if err != nil {
			return err
		}
		vouchers, err := json.Marshal(safe(told.Vouchers))
		if err != nil {
			return err
		}
		set, mail = `state = 'confirmed', remote_ref = {:ref}, total = {:total}, vouchers = {:vouchers}`, "confirmed"
		params = dbx.Params{"ref": told.Reference, "total": string(total), "vouchers": string(vouchers)}
	}
	if err := t.move(tx, b.Reference, from, set, params); err != nil {
		return err
	}
	return t.putMail(tx, b.Reference, mail)
}

// safe keeps vouchers that may be shown: codes, and files with an encrypted address.
func safe(list []hooks.TourVoucher) []hooks.TourVoucher {
	return slices.DeleteFunc(slices.Clone(list), func(v hooks.TourVoucher) bool {
		return strings.HasSuffix(v.Format, "_URL") && !strings.HasPrefix(v.Value, "https://")
	})
}

func (t *Tours) settleCancel(tx core.App, b Booking, s hooks.State) error {
	// A hold that was given back is cancelled here already; it would have expired anyhow.
	from, set, mail := []string{Cancelling}, `state = 'confirmed', cancel_until = {:now}`, "kept"
	if s == hooks.Done {
		from, set, mail = []string{Cancelling, Confirmed}, `state = 'cancelled', vouchers = '[]'`, "cancelled"
	}
	if err := t.move(tx, b.Reference, from, set, nil); err != nil {
		return err
	}
	return t.putMail(tx, b.Reference, mail)
}

func (t *Tours) when(b Booking, lang string) string {
	start := time.UnixMilli(b.Starts)
	return content.DayInWords(start, lang) + ", " + content.ClockInWords(start, lang)
}

// putMail writes the order of a mail about the booking as it is now.
func (t *Tours) putMail(tx core.App, reference, what string) error {
	b, err := find(tx.DB(), "reference = {:r}", dbx.Params{"r": reference})
	if err != nil || b.Email == "" {
		return err
	}
	text := func(lang string) string {
		facts := []string{
			t.p.Words.In(lang, "tours.tour") + ": " + b.Title,
			t.p.Words.In(lang, "tours.when") + ": " + t.when(b, lang),
		}
		if b.Place != "" {
			facts = append(facts, t.p.Words.In(lang, "tours.place")+": "+b.Place)
		}
		for _, u := range b.units() {
			facts = append(facts, fmt.Sprintf("%d × %s", u.Count, u.Title))
		}
		if total := b.total(); total.Known() {
			facts = append(facts, t.p.Words.In(lang, "tours.total")+": "+total.Text(lang))
		}
		facts = append(facts, t.p.Words.In(lang, "tours.reference")+": "+b.Reference)
		if what == "confirmed" {
			for _, v := range b.vouchers() {
				facts = append(facts, t.p.Words.In(lang, "tours.voucher")+": "+v.Value)
			}
		}
		if b.Simulated {
			facts = append(facts, t.p.Words.In(lang, "tours.simulated"))
		}
		for i := range facts {
			facts[i] = "- " + facts[i]
		}
		return t.p.Words.In(lang, "tours.mail."+what+".text", "facts", strings.Join(facts, "\n"), "name", b.Name)
	}
	m := hooks.Mail{
		To: b.Email, Name: b.Name, Lang: b.Language,
		Subject: t.p.Words.In(b.Language, "tours.mail."+what+".subject", "title", b.Title),
		Text:    text(b.Language),
		Button:  &hooks.MailButton{Label: t.p.Words.In(b.Language, "tours.mail.button"), URL: t.p.Origin + base.Prefix(b.Language) + "/fuehrungen/buchung/zugang/" + t.secret(b.Reference) + "/"},
	}
	if b.Language == content.English {
		m.German = text(content.German)
	}
	if what == "confirmed" || what == "cancelled" {
		m.Calendar, m.Method = t.calendar(b, what == "cancelled")
	}
	payload, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return t.p.PutOrder(tx, hooks.Order{Key: "mail:" + b.Reference + ":" + what, Provider: "mail", Kind: base.PrivateMail, Subject: b.Reference, Payload: payload})
}

func (t *Tours) calendar(b Booking, cancelled bool) (string, string) {
	e := ical.Event{
		UID: b.Reference + "@servicepoint", Stamp: t.p.Now(), Start: time.UnixMilli(b.Starts), Summary: b.Title, Location: b.Place, Status: ical.Confirmed,
		Organizer: &ical.Address{Name: "Kassel Service Point", Email: t.Organiser}, Attendee: &ical.Address{Name: b.Name, Email: b.Email},
	}
	if b.Ends > b.Starts {
		e.End = time.UnixMilli(b.Ends)
	}
	method := ical.Request
	if cancelled {
		e.Sequence, e.Status, method = 1, ical.Cancelled, ical.Cancel
	}
	return string(ical.Calendar{Method: method, Events: []ical.Event{e}}.Bytes()), method
}

// How long things are kept.
const (
	KeepUnconfirmed = 48 * time.Hour      // what never came to be, since it was begun
	KeepPersonal    = 30 * 24 * time.Hour // after the tour
	KeepRow         = 400 * 24 * time.Hour
)

// Forget erases what has had its time: bookings that never came to be are deleted,
// names, addresses and vouchers of past tours emptied.
func (t *Tours) Forget(ctx context.Context) (int, error) {
	now, n := t.p.Now(), 0
	for _, step := range []struct {
		statement string
		before    time.Time
	}{
		{`DELETE FROM tour_bookings WHERE created < {:before} AND (email = '' OR state IN ('expired', 'failed')) AND state NOT IN ('confirming', 'confirmed', 'cancelling', 'cancelled')`, now.Add(-KeepUnconfirmed)},
		{`DELETE FROM tour_bookings WHERE created < {:before} AND state = 'cancelled' AND email = ''`, now.Add(-KeepUnconfirmed)},
		{`UPDATE tour_bookings SET name = '', email = '', phone = '', vouchers = '[]', forgotten = starts WHERE forgotten IS NULL AND starts < {:before}`, now.Add(-KeepPersonal)},
		{`DELETE FROM tour_bookings WHERE starts < {:before}`, now.Add(-KeepRow)},
	} {
		res, err := t.p.App.DB().NewQuery(step.statement).WithContext(ctx).Bind(dbx.Params{"before": step.before.UnixMilli()}).Execute()
		if err != nil {
			return n, err
		}
		k, err := res.RowsAffected()
		if err != nil {
			return n, err
		}
		n += int(k)
	}
	return n, nil
}
