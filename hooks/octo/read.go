package octo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"servicepoint/hooks"
)

// number reads what servers write where the specification has an integer: a
// number, a number with a fraction of zero, a number in quotes, null.
type number struct {
	N     int64
	Known bool
}

func (n *number) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `" `)
	if s == "null" || s == "" {
		*n = number{}
		return nil
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		*n = number{i, true}
		return nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1e15 {
		return errors.New("no whole number")
	}
	*n = number{int64(f), true}
	return nil
}

// word reads a text, also where a server writes null or a number.
type word string

func (w *word) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*w = word(strings.TrimSpace(s))
		return nil
	}
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] != '{' && b[0] != '[' && string(b) != "null" && string(b) != "false" {
		*w = word(b)
	}
	return nil
}

// instant reads a moment, also without an offset (then it is UTC); what is none is none.
type instant struct{ time.Time }

func (i *instant) UnmarshalJSON(b []byte) error {
	var s word
	if err := s.UnmarshalJSON(b); err != nil {
		return err
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, string(s)); err == nil {
			i.Time = t
			return nil
		}
	}
	i.Time = time.Time{}
	return nil
}

type pricing struct {
	UnitID            word   `json:"unitId"`
	Original          number `json:"original"`
	Retail            number `json:"retail"`
	Currency          word   `json:"currency"`
	CurrencyPrecision number `json:"currencyPrecision"`
}

func (p pricing) money() hooks.Money {
	if p.Currency == "" || p.CurrencyPrecision.N < 0 || p.CurrencyPrecision.N > 6 {
		return hooks.Money{}
	}
	amount := p.Retail
	if !amount.Known {
		amount = p.Original
	}
	if !amount.Known {
		return hooks.Money{}
	}
	return hooks.Money{Amount: amount.N, Currency: string(p.Currency), Precision: int(p.CurrencyPrecision.N)}
}

// pricings reads a list, or one where a server writes only that.
type pricings []pricing

func (p *pricings) UnmarshalJSON(b []byte) error {
	var list []pricing
	if json.Unmarshal(b, &list) == nil {
		*p = list
		return nil
	}
	var one pricing
	if json.Unmarshal(b, &one) == nil {
		*p = pricings{one}
	}
	return nil
}

func (p pricings) euro() hooks.Money {
	for _, one := range p {
		if one.Currency == "EUR" {
			return one.money()
		}
	}
	if len(p) > 0 {
		return p[0].money()
	}
	return hooks.Money{}
}

type product struct {
	ID               word     `json:"id"`
	InternalName     word     `json:"internalName"`
	Locale           word     `json:"locale"`
	Title            word     `json:"title"`
	ShortDescription word     `json:"shortDescription"`
	Description      word     `json:"description"`
	PricingPer       word     `json:"pricingPer"`
	Minutes          number   `json:"durationMinutesFrom"`
	Location         word     `json:"location"`
	Options          []option `json:"options"`
}

type option struct {
	ID               word   `json:"id"`
	Default          bool   `json:"default"`
	InternalName     word   `json:"internalName"`
	Title            word   `json:"title"`
	ShortDescription word   `json:"shortDescription"`
	Minutes          number `json:"durationMinutesFrom"`
	CutoffAmount     number `json:"cancellationCutoffAmount"`
	CutoffUnit       word   `json:"cancellationCutoffUnit"`
	Restrictions     struct {
		MinUnits number `json:"minUnits"`
		MaxUnits number `json:"maxUnits"`
	} `json:"restrictions"`
	Units       []unit   `json:"units"`
	PricingFrom pricings `json:"pricingFrom"`
}

type unit struct {
	ID           word `json:"id"`
	InternalName word `json:"internalName"`
	Title        word `json:"title"`
	Type         word `json:"type"`
	Restrictions struct {
		MinAge number `json:"minAge"`
		MaxAge number `json:"maxAge"`
	} `json:"restrictions"`
	PricingFrom pricings `json:"pricingFrom"`
}

func (o option) cutoff() time.Duration {
	n := time.Duration(min(o.CutoffAmount.N, 10000))
	switch o.CutoffUnit {
	case "minute":
		return n * time.Minute
	case "day":
		return n * 24 * time.Hour
	}
	return n * time.Hour
}

func (p product) tour() (hooks.Tour, bool) {
	if p.ID == "" || len(p.Options) == 0 {
		return hooks.Tour{}, false
	}
	o := p.Options[0]
	for _, other := range p.Options {
		if other.Default {
			o = other
			break
		}
	}
	t := hooks.Tour{
		ID: string(p.ID), Option: string(o.ID), Lang: string(cmp.Or(p.Locale, "de")),
		Title:   string(cmp.Or(p.Title, p.InternalName, p.ID)),
		Summary: string(cmp.Or(p.ShortDescription, o.ShortDescription)), Description: string(p.Description),
		Minutes: int(min(cmp.Or(p.Minutes.N, o.Minutes.N), 100000)), Place: string(p.Location),
		Least: int(o.Restrictions.MinUnits.N), Most: int(o.Restrictions.MaxUnits.N),
		CancelUntil: o.cutoff(), PerOrder: p.PricingPer == "BOOKING",
	}
	for _, u := range o.Units {
		if u.ID == "" {
			continue
		}
		t.Units = append(t.Units, hooks.TourUnit{
			ID: string(u.ID), Kind: string(u.Type), Title: string(cmp.Or(u.Title, u.InternalName)),
			MinAge: int(u.Restrictions.MinAge.N), MaxAge: int(u.Restrictions.MaxAge.N), Price: u.PricingFrom.euro(),
		})
	}
	return t, t.Option != "" && len(t.Units) > 0
}

// Tours lists what the partner sells, as far as it can be understood: a product
// that is broken hides no other.
func (p *Provider) Tours(ctx context.Context, lang string) ([]hooks.Tour, error) {
	if lang == "ls" {
		lang = "de"
	}
	var raw []json.RawMessage
	if err := p.call(withLanguage(ctx, lang), http.MethodGet, "/products/", nil, nil, &raw); err != nil {
		return nil, err
	}
	tours := []hooks.Tour{}
	for _, r := range raw {
		var one product
		if json.Unmarshal(r, &one) != nil {
			continue
		}
		if t, ok := one.tour(); ok {
			tours = append(tours, t)
		}
	}
	return tours, nil
}

type availability struct {
	ID         word     `json:"id"`
	LocalDate  word     `json:"localDate"`
	Start      instant  `json:"localDateTimeStart"`
	End        instant  `json:"localDateTimeEnd"`
	AllDay     bool     `json:"allDay"`
	Available  bool     `json:"available"`
	Status     word     `json:"status"`
	Vacancies  number   `json:"vacancies"`
	MaxUnits   number   `json:"maxUnits"`
	Cutoff     instant  `json:"utcCutoffAt"`
	UnitPrices pricings `json:"unitPricing"`
	Pricing    pricings `json:"pricing"`
}

// Departures are the times of a tour on the days from and to, both included.
func (p *Provider) Departures(ctx context.Context, tour, option string, from, to time.Time) ([]hooks.Departure, error) {
	var raw []json.RawMessage
	err := p.call(ctx, http.MethodPost, "/availability/", nil, map[string]any{
		"productId": tour, "optionId": option, "localDateStart": from.Format(time.DateOnly), "localDateEnd": to.Format(time.DateOnly),
	}, &raw)
	if err != nil {
		return nil, err
	}
	departures := []hooks.Departure{}
	for _, r := range raw {
		var a availability
		if json.Unmarshal(r, &a) != nil || a.ID == "" || a.Start.IsZero() {
			continue
		}
		d := hooks.Departure{
			ID: string(a.ID), Start: a.Start.Time, End: a.End.Time, AllDay: a.AllDay, Free: -1, Cutoff: a.Cutoff.UTC(),
			Available: a.Available && a.Status != "SOLD_OUT" && a.Status != "CLOSED",
			Prices:    map[string]hooks.Money{},
		}
		if a.Vacancies.Known && a.Status != "FREESALE" {
			d.Free = int(max(a.Vacancies.N, 0))
		}
		for _, one := range a.UnitPrices {
			if m := one.money(); m.Known() && one.UnitID != "" {
				d.Prices[string(one.UnitID)] = m
			}
		}
		if m := a.Pricing.euro(); m.Known() {
			d.Prices[""] = m
		}
		departures = append(departures, d)
	}
	return departures, nil
}

// Day is one day of a tour's calendar.
type Day struct {
	Date      string // YYYY-MM-DD, local to the tour
	Available bool
}

// Calendar tells on which days there is anything, cheaper than Departures over many days.
func (p *Provider) Calendar(ctx context.Context, tour, option string, from, to time.Time) ([]Day, error) {
	var list []availability
	err := p.call(ctx, http.MethodPost, "/availability/calendar", nil, map[string]any{
		"productId": tour, "optionId": option, "localDateStart": from.Format(time.DateOnly), "localDateEnd": to.Format(time.DateOnly),
	}, &list)
	days := []Day{}
	for _, a := range list {
		if _, bad := time.Parse(time.DateOnly, string(a.LocalDate)); bad == nil {
			days = append(days, Day{string(a.LocalDate), a.Available && a.Status != "SOLD_OUT" && a.Status != "CLOSED"})
		}
	}
	return days, err
}
