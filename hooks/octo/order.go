package octo

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"servicepoint/hooks"
)

type delivery struct {
	Options []struct {
		Format word `json:"deliveryFormat"`
		Value  word `json:"deliveryValue"`
	} `json:"deliveryOptions"`
}

type unitItem struct {
	UnitID  word      `json:"unitId"`
	Pricing pricings  `json:"pricing"`
	Ticket  *delivery `json:"ticket"`
}

type booking struct {
	ID                word       `json:"id"`
	UUID              word       `json:"uuid"`
	ResellerReference word       `json:"resellerReference"`
	SupplierReference word       `json:"supplierReference"`
	Status            word       `json:"status"`
	Expires           instant    `json:"utcExpiresAt"`
	Cancellation      any        `json:"cancellation"`
	Cancellable       bool       `json:"cancellable"`
	Voucher           *delivery  `json:"voucher"`
	UnitItems         []unitItem `json:"unitItems"`
	Pricing           pricings   `json:"pricing"`
}

var states = map[word]string{
	"ON_HOLD": "held", "CONFIRMED": "confirmed", "REDEEMED": "confirmed", "PENDING": "pending",
	"CANCELLED": "cancelled", "EXPIRED": "expired", "REJECTED": "rejected",
}

func (b booking) state() string { return states[b.Status] }

// total is the price of the whole. Some servers leave the sum of a reservation at
// zero: then the tickets are added up.
func (b booking) total() hooks.Money {
	total := b.Pricing.euro()
	if total.Amount != 0 {
		return total
	}
	var sum hooks.Money
	for _, u := range b.UnitItems {
		m := u.Pricing.euro()
		if !m.Known() || sum.Known() && (m.Currency != sum.Currency || m.Precision != sum.Precision) {
			return total
		}
		sum = hooks.Money{Amount: sum.Amount + m.Amount, Currency: m.Currency, Precision: m.Precision}
	}
	if sum.Amount > 0 {
		return sum
	}
	return total
}

func (b booking) result() (hooks.Result, error) {
	if b.UUID == "" || b.state() == "" {
		return hooks.Result{}, errors.New("the answer is no booking of the kind that OCTO has")
	}
	told := hooks.TourBooking{
		Booking: string(b.UUID), Reference: string(cmp.Or(b.SupplierReference, b.ID, b.UUID)), State: b.state(), Expires: b.Expires.UTC(),
		Total: b.total(), Cancelable: b.Cancellable,
	}
	if b.Cancellation != nil && told.State == "expired" {
		told.State = "cancelled" // some servers call a cancelled hold expired
	}
	add := func(unit word, d *delivery) {
		if d == nil {
			return
		}
		for _, o := range d.Options {
			if o.Format != "" && o.Value != "" && len(o.Value) < 2000 && len(told.Vouchers) < 200 {
				told.Vouchers = append(told.Vouchers, hooks.TourVoucher{Unit: string(unit), Format: string(o.Format), Value: string(o.Value)})
			}
		}
	}
	add("", b.Voucher)
	for _, u := range b.UnitItems {
		add(u.UnitID, u.Ticket)
	}
	payload, err := json.Marshal(told)
	return hooks.Result{Reference: told.Reference, Payload: payload}, err
}

// UUID is the partner's id of what an order with this key holds: always the same,
// so that the same order twice is one reservation (RFC 9562, version 8).
func UUID(key string) string {
	b := sha256.Sum256([]byte("servicepoint octo " + key))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// Submit does an order; the payload is a [hooks.TourOrder], that of the result a
// [hooks.TourBooking]. What has an id at the partner is looked at before it is
// changed, so that every order may come twice.
func (p *Provider) Submit(ctx context.Context, o hooks.Order) (hooks.Result, error) {
	var order hooks.TourOrder
	dec := json.NewDecoder(bytes.NewReader(o.Payload))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&order); err != nil {
		return hooks.Result{}, fmt.Errorf("payload is no tour order: %w", hooks.ErrRejected)
	}
	if err := order.Check(); err != nil {
		return hooks.Result{}, fmt.Errorf("%w: %w", err, hooks.ErrRejected)
	}
	ctx = withLanguage(ctx, order.Lang)
	var b booking
	var err error
	switch order.Do {
	case hooks.TourHold:
		b, err = p.reserve(ctx, UUID(o.Key), o.Key, order)
	case hooks.TourBook:
		b, err = p.reserve(ctx, UUID(o.Key), o.Key+holdSuffix, order)
		if err == nil {
			b, err = p.confirm(ctx, string(b.UUID), o.Key, order)
		}
	case hooks.TourConfirm:
		b, err = p.confirm(ctx, order.Booking, o.Key, order)
	case hooks.TourExtend:
		b, err = p.extend(ctx, order)
	case hooks.TourChange:
		b, err = p.change(ctx, order)
	case hooks.TourCancel:
		b, err = p.cancel(ctx, order.Booking)
	}
	if err != nil {
		return hooks.Result{}, err
	}
	return b.result()
}

// Ends of keys. An order that confirms gives the booking its own key as our
// reference, the one that held it has the same with the first end.
const (
	holdSuffix   = ":hold"
	cancelSuffix = ":cancel"
)

// Find looks for our reference. Servers that ignore the filter, or keep the first
// reference for ever, cost one more look by Submit, nothing else.
func (p *Provider) Find(ctx context.Context, key string) (hooks.Result, error) {
	of, cancelled := strings.CutSuffix(key, cancelSuffix)
	var list []booking
	err := p.call(ctx, http.MethodGet, "/bookings/", url.Values{"resellerReference": {of}}, nil, &list)
	if err != nil {
		if errors.Is(err, hooks.ErrRejected) { // servers that cannot search
			return hooks.Result{}, fmt.Errorf("order not found: %w", hooks.ErrNotFound)
		}
		return hooks.Result{}, err
	}
	for _, b := range list {
		gone := b.state() == "cancelled" || b.state() == "expired"
		if string(b.ResellerReference) == of && (!cancelled || gone) {
			return b.result()
		}
	}
	return hooks.Result{}, fmt.Errorf("order not found: %w", hooks.ErrNotFound)
}

func items(counts []hooks.TourCount) []map[string]any {
	list := []map[string]any{}
	for _, c := range counts {
		for range c.Count {
			list = append(list, map[string]any{"unitId": c.Unit})
		}
	}
	return list
}

func (p *Provider) reserve(ctx context.Context, uuid, reference string, o hooks.TourOrder) (booking, error) {
	body := map[string]any{
		"uuid": uuid, "productId": o.Tour, "optionId": o.Option, "availabilityId": o.Departure,
		"unitItems": items(o.Units), "resellerReference": reference,
	}
	if o.Minutes > 0 {
		body["expirationMinutes"] = o.Minutes
	}
	var b booking
	err := p.call(ctx, http.MethodPost, "/bookings/", nil, body, &b)
	var problem *Problem
	if errors.As(err, &problem) && errors.Is(err, hooks.ErrRejected) && (problem.Code == "INVALID_BOOKING_UUID" || problem.Status == http.StatusConflict) {
		// The id was used already: by this very order, whose answer was lost.
		if first, again := p.get(ctx, uuid); again == nil {
			return first, nil
		}
	}
	if err != nil {
		return b, err
	}
	if b.UUID == "" || b.state() == "" {
		return b, errors.New("the answer is no booking of the kind that OCTO has")
	}
	if s := b.state(); s == "rejected" || s == "expired" || s == "cancelled" {
		return b, fmt.Errorf("the reservation is %s: %w", s, hooks.ErrRejected)
	}
	return b, nil
}

// get reads a booking; one that the partner does not know, or no longer, is ErrNotFound.
func (p *Provider) get(ctx context.Context, uuid string) (booking, error) {
	var b booking
	err := p.call(ctx, http.MethodGet, "/bookings/"+url.PathEscape(uuid), nil, nil, &b)
	var problem *Problem
	if errors.As(err, &problem) && (problem.Code == "INVALID_BOOKING_UUID" || problem.Status == http.StatusNotFound || problem.Status == http.StatusGone) {
		return b, fmt.Errorf("%s: %w", problem.Code, hooks.ErrNotFound)
	}
	if err == nil && b.state() == "" {
		return b, errors.New("the answer is no booking of the kind that OCTO has")
	}
	return b, err
}

func (p *Provider) confirm(ctx context.Context, uuid, reference string, o hooks.TourOrder) (booking, error) {
	b, err := p.get(ctx, uuid)
	if errors.Is(err, hooks.ErrNotFound) {
		return b, hooks.ErrExpired
	}
	if err != nil {
		return b, err
	}
	if done, err := p.confirmed(b); done || err != nil {
		return b, err
	}
	contact := map[string]any{"fullName": o.Name, "emailAddress": o.Email}
	if o.Phone != "" {
		contact["phoneNumber"] = o.Phone
	}
	if o.Lang == "en" {
		contact["locales"] = []string{"en"}
	} else {
		contact["locales"] = []string{"de"}
	}
	err = p.call(ctx, http.MethodPost, "/bookings/"+url.PathEscape(uuid)+"/confirm", nil, map[string]any{
		"emailReceipt": false, "resellerReference": reference, "contact": contact,
	}, &b)
	if errors.Is(err, hooks.ErrRejected) {
		now, again := p.get(ctx, uuid)
		if errors.Is(again, hooks.ErrNotFound) {
			return b, hooks.ErrExpired
		}
		if again != nil {
			return b, again
		}
		if done, why := p.confirmed(now); done || why != nil {
			return now, why
		}
		return b, err
	}
	if err != nil {
		return b, err
	}
	if done, err := p.confirmed(b); done || err != nil {
		return b, err
	}
	return b, errors.New("confirmed, but the answer says otherwise")
}

// confirmed tells whether a booking is ours for good, or why it cannot be. One that
// the partner still thinks about is looked at again later.
func (p *Provider) confirmed(b booking) (bool, error) {
	switch b.state() {
	case "confirmed":
		return true, nil
	case "held":
		if !b.Expires.IsZero() && !p.now().Before(b.Expires.Time) {
			return false, hooks.ErrExpired
		}
		return false, nil
	case "pending":
		return false, fmt.Errorf("the partner has not decided yet: %w", hooks.RetryAfter{After: 10 * time.Minute})
	case "expired", "cancelled":
		return false, hooks.ErrExpired
	case "rejected":
		return false, fmt.Errorf("refused by the partner: %w", hooks.ErrRejected)
	}
	return false, errors.New("the answer is no booking of the kind that OCTO has")
}

func (p *Provider) extend(ctx context.Context, o hooks.TourOrder) (booking, error) {
	var b booking
	err := p.call(ctx, http.MethodPost, "/bookings/"+url.PathEscape(o.Booking)+"/extend", nil,
		map[string]any{"expirationMinutes": cmp.Or(o.Minutes, 15)}, &b)
	if errors.Is(err, hooks.ErrRejected) {
		if now, again := p.get(ctx, o.Booking); errors.Is(again, hooks.ErrNotFound) || again == nil && now.state() != "held" {
			return b, hooks.ErrExpired
		}
	}
	return b, err
}

func (p *Provider) change(ctx context.Context, o hooks.TourOrder) (booking, error) {
	var b booking
	err := p.call(ctx, http.MethodPatch, "/bookings/"+url.PathEscape(o.Booking), nil, map[string]any{
		"productId": o.Tour, "optionId": o.Option, "availabilityId": o.Departure, "unitItems": items(o.Units),
	}, &b)
	return b, err
}

func (p *Provider) cancel(ctx context.Context, uuid string) (booking, error) {
	gone := func(b booking) bool { return b.state() == "cancelled" || b.state() == "expired" }
	b, err := p.get(ctx, uuid)
	if err != nil {
		if errors.Is(err, hooks.ErrNotFound) {
			return b, fmt.Errorf("nothing to cancel: %w", hooks.ErrRejected)
		}
		return b, err
	}
	if gone(b) {
		return b, nil
	}
	before := b
	err = p.call(ctx, http.MethodPost, "/bookings/"+url.PathEscape(uuid)+"/cancel", nil, map[string]any{"reason": "cancelled by the guest"}, &b)
	if errors.Is(err, hooks.ErrRejected) {
		if now, again := p.get(ctx, uuid); again == nil && gone(now) {
			return now, nil
		}
		return before, err
	}
	if err == nil && !gone(b) {
		return b, errors.New("cancelled, but the answer says otherwise")
	}
	return b, err
}
