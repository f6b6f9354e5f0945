package hooks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Tour is what a partner sells for certain times: a guided walk, a ticket to an
// exhibition. Texts are in Lang, as the partner wrote them.
type Tour struct {
	ID          string
	Option      string // the variant that is sold, e.g. "DEFAULT"
	Lang        string // BCP 47
	Title       string
	Summary     string
	Description string // plain text
	Minutes     int    // how long it takes, 0: not said
	Place       string // where it begins
	Units       []TourUnit
	Least, Most int           // persons or tickets in one order; Most 0: not limited
	CancelUntil time.Duration // before the beginning
	PerOrder    bool          // one price for the whole order, whatever the units
}

// TourUnit is a kind of ticket.
type TourUnit struct {
	ID             string
	Kind           string // ADULT, YOUTH, CHILD, INFANT, FAMILY, SENIOR, STUDENT, MILITARY or OTHER
	Title          string
	MinAge, MaxAge int // 0: not said
	Price          Money
}

// Departure is one time of a tour.
type Departure struct {
	ID         string
	Start, End time.Time // in the partner's offset
	AllDay     bool
	Available  bool
	Free       int              // -1: not limited or not told
	Prices     map[string]Money // by unit; with Tour.PerOrder under ""
	Cutoff     time.Time        // sold until, UTC; zero: not told
}

// Money is an amount in minor units of a currency.
type Money struct {
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`  // ISO 4217
	Precision int    `json:"precision"` // digits of the minor unit
}

// Known reports whether there is a price at all; free of charge is known.
func (m Money) Known() bool { return m.Currency != "" }

// Text is the amount with its currency: "12,50 €" in German, "€12.50" in English.
func (m Money) Text(lang string) string {
	sign, n := "", m.Amount
	if n < 0 {
		sign, n = "−", -n
	}
	digits := fmt.Sprintf("%0*d", m.Precision+1, n)
	whole, part := digits[:len(digits)-m.Precision], digits[len(digits)-m.Precision:]
	currency := m.Currency
	if currency == "EUR" {
		currency = "€"
	}
	if lang == "en" {
		if part != "" {
			part = "." + part
		}
		if currency != "€" {
			currency += " "
		}
		return sign + currency + whole + part
	}
	if part != "" {
		part = "," + part
	}
	return sign + whole + part + "\u00a0" + currency
}

// What an order for a tour does.
const (
	TourHold    = "hold"    // keeps places for a while; the result tells until when
	TourExtend  = "extend"  // keeps them longer
	TourConfirm = "confirm" // takes what is held
	TourBook    = "book"    // holds and confirms at once
	TourChange  = "change"  // other units or another departure
	TourCancel  = "cancel"  // gives it back, held or confirmed
)

// TourOrder is the payload of an order for a tour.
type TourOrder struct {
	Do        string      `json:"do"`
	Booking   string      `json:"booking,omitempty"` // the partner's id; all but hold and book
	Tour      string      `json:"tour,omitempty"`
	Option    string      `json:"option,omitempty"`
	Departure string      `json:"departure,omitempty"`
	Units     []TourCount `json:"units,omitempty"`
	Minutes   int         `json:"minutes,omitempty"` // to hold; 0: as long as the partner likes
	Name      string      `json:"name,omitempty"`
	Email     string      `json:"email,omitempty"`
	Phone     string      `json:"phone,omitempty"`
	Lang      string      `json:"lang,omitempty"`
}

// TourCount is how many of a unit.
type TourCount struct {
	Unit  string `json:"unit"`
	Count int    `json:"count"`
}

// TourBooking is the payload of a result: what the partner has of us.
type TourBooking struct {
	Booking    string        `json:"booking"`   // the partner's id
	Reference  string        `json:"reference"` // the partner's reference for people
	State      string        `json:"state"`     // held, confirmed, pending, cancelled or expired
	Expires    time.Time     `json:"expires"`   // of a hold, UTC
	Total      Money         `json:"total"`
	Vouchers   []TourVoucher `json:"vouchers,omitempty"`
	Cancelable bool          `json:"cancelable"`
}

// TourVoucher lets people in.
type TourVoucher struct {
	Unit   string `json:"unit,omitempty"` // "": for the whole order
	Format string `json:"format"`         // QRCODE, CODE128, AZTECCODE, PDF_URL, PKPASS_URL
	Value  string `json:"value"`
}

// Check tells what an order lacks; it names fields, never values.
func (o TourOrder) Check() error {
	missing := func(field string) error { return errors.New("tour order without " + field) }
	for _, s := range []string{o.Booking, o.Tour, o.Option, o.Departure, o.Name, o.Email, o.Phone, o.Lang} {
		if len(s) > 500 || strings.ContainsAny(s, "\r\n\x00") {
			return errors.New("tour order with a field that is too long or no line")
		}
	}
	switch o.Do {
	case TourHold, TourBook, TourChange:
		switch {
		case o.Tour == "" || o.Option == "":
			return missing("tour")
		case o.Departure == "":
			return missing("departure")
		case len(o.Units) == 0:
			return missing("units")
		case o.Do == TourChange && o.Booking == "":
			return missing("booking")
		}
		n := 0
		for _, u := range o.Units {
			if u.Unit == "" || u.Count < 1 || u.Count > 100 {
				return errors.New("tour order with a unit that makes no sense")
			}
			n += u.Count
		}
		if n > 100 {
			return errors.New("tour order with too many units")
		}
		if o.Do == TourBook {
			return o.checkContact()
		}
	case TourConfirm:
		if o.Booking == "" {
			return missing("booking")
		}
		return o.checkContact()
	case TourExtend, TourCancel:
		if o.Booking == "" {
			return missing("booking")
		}
	default:
		return errors.New("tour order that says not what to do")
	}
	return nil
}

func (o TourOrder) checkContact() error {
	if o.Name == "" || !strings.Contains(o.Email, "@") {
		return errors.New("tour order without contact")
	}
	return nil
}

// TourSeller is a partner whose tours can be looked at. The answers come over the
// network: never ask inside a transaction.
type TourSeller interface {
	Tours(ctx context.Context, lang string) ([]Tour, error)
	// Departures are those of the days from and to, both included (Berlin).
	Departures(ctx context.Context, tour, option string, from, to time.Time) ([]Departure, error)
}
