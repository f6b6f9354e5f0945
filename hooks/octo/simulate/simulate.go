// Package simulate is a seller of city tours that speaks OCTO and sells nothing:
// products, departures and bookings are in memory and made up. It knows nothing of
// the provider, only HTTP.
//
// A booking is held, confirmed, extended, changed and cancelled as the
// specification says; the same uuid twice is one booking. Departures sell out.
package simulate

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Seller is the simulator; use [New] and set fields before use.
type Seller struct {
	Token    string           // that requests must show as Bearer; "" takes everybody
	Clock    func() time.Time // time.Now
	Hold     time.Duration    // how long places are held: 30 minutes
	Capacity int              // of each departure: 20

	// Quirks of real servers, each off by default.
	StrictUUID   bool // a uuid that was used already is refused
	FlatErrors   bool // 400 and BAD_REQUEST for everything
	NoSlash      bool // collections have no slash at the end
	ZeroTotal    bool // the total of a booking is 0 and its net null
	KeepsFirst   bool // the reseller reference of a reservation stays when it is confirmed
	LateExpired  bool // a cancelled hold is EXPIRED
	WithoutNames bool // no titles: the capability octo/content is missing

	mux      *http.ServeMux
	mu       sync.Mutex
	bookings []*booking
}

type booking struct {
	uuid, reseller, supplier  string
	status, reason, departure string
	created, updated          time.Time
	expires, confirmed        time.Time
	cancelled                 time.Time
	product                   *product
	units                     []string
	contact                   map[string]any
}

type product struct {
	id, title, titleEN, short, shortEN, place string
	minutes                                   int
	prices                                    map[string]int // cents by unit
	times                                     []string
	days                                      string // weekdays with departures, 0 is Sunday
	most                                      int
}

var kinds = []struct{ id, kind, de, en string }{
	{"adult", "ADULT", "Erwachsene", "Adult"}, {"reduced", "STUDENT", "Ermäßigt", "Reduced"},
	{"child", "CHILD", "Kinder von 6 bis 14 Jahren", "Children from 6 to 14"}, {"family", "FAMILY", "Familie", "Family"},
}

// products of a city that looks like Kassel. Names and prices are made up.
var products = []*product{
	{id: "sim-altstadt", title: "Altstadtrundgang", titleEN: "Old town walk", minutes: 90, place: "Königsplatz", times: []string{"11:00", "14:00"}, days: "56", most: 10,
		short: "Zu Fuß durch die Mitte der Stadt.", shortEN: "On foot through the city centre.",
		prices: map[string]int{"adult": 1200, "reduced": 900, "child": 500, "family": 2600}},
	{id: "sim-bergpark", title: "Bergpark und Wasserspiele", titleEN: "Mountain park and water features", minutes: 120, place: "Herkules, Besucherzentrum",
		times: []string{"13:30"}, days: "03", most: 8, short: "Vom Herkules hinab bis zum Schloss.", shortEN: "From Hercules down to the palace.",
		prices: map[string]int{"adult": 1500, "reduced": 1100, "child": 0}},
	{id: "sim-documenta", title: "documenta-Spaziergang: Kunst im Stadtraum", titleEN: "documenta walk: art in the city", minutes: 105, place: "Friedrichsplatz",
		times: []string{"10:30", "15:30"}, days: "246", short: "Werke der Ausstellungen, die geblieben sind.", shortEN: "Works of past exhibitions that have stayed.",
		prices: map[string]int{"adult": 1400, "reduced": 1000}},
}

// New makes a seller that has sold nothing yet.
func New() *Seller {
	s := &Seller{mux: http.NewServeMux()}
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /supplier/{$}": s.supplier, "GET /capabilities/{$}": s.capabilities,
		"GET /products/{$}": s.listProducts, "GET /products/{id}": s.oneProduct,
		"POST /availability/{$}": s.availability, "POST /availability/calendar": s.calendar,
		"POST /bookings/{$}": s.reserve, "GET /bookings/{$}": s.list, "GET /bookings/{uuid}": s.get, "PATCH /bookings/{uuid}": s.update,
		"POST /bookings/{uuid}/confirm": s.confirm, "POST /bookings/{uuid}/extend": s.extend, "POST /bookings/{uuid}/cancel": s.cancel,
	} {
		s.mux.HandleFunc(pattern, h)
	}
	return s
}

// ServeHTTP answers a request.
func (s *Seller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	collection := slices.Contains([]string{"supplier", "capabilities", "products", "availability", "bookings"}, strings.Trim(r.URL.Path, "/"))
	if collection && s.NoSlash == strings.HasSuffix(r.URL.Path, "/") {
		http.NotFound(w, r)
		return
	}
	if collection && s.NoSlash {
		r = r.Clone(r.Context())
		r.URL.Path += "/"
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case s.Token != "" && r.Header.Get("Authorization") != "Bearer "+s.Token:
		s.refuse(w, 403, "FORBIDDEN")
	case r.Header.Get("Octo-Capabilities") == "":
		s.refuse(w, 400, "BAD_REQUEST")
	default:
		w.Header().Set("Octo-Capabilities", "octo/pricing, octo/content")
		s.mux.ServeHTTP(w, r)
	}
}

// Confirmed is how many bookings with our reference were ever confirmed, with "" all.
func (s *Seller) Confirmed(reference string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.bookings {
		if !b.confirmed.IsZero() && (reference == "" || b.reseller == reference) {
			n++
		}
	}
	return n
}

// Cancelled tells whether the booking with our reference is cancelled.
func (s *Seller) Cancelled(reference string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.bookings, func(b *booking) bool { return b.reseller == reference && !b.cancelled.IsZero() })
}

// Expire lets the time of all holds pass.
func (s *Seller) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.bookings {
		if b.status == "ON_HOLD" {
			b.status = "EXPIRED"
		}
	}
}

func (s *Seller) now() time.Time {
	if s.Clock != nil {
		return s.Clock()
	}
	return time.Now()
}

func (s *Seller) refuse(w http.ResponseWriter, status int, code string) {
	if s.FlatErrors {
		status = 400
		if code == "UNPROCESSABLE_ENTITY" {
			code = "BAD_REQUEST"
		}
	}
	w.WriteHeader(status)
	answer(w, map[string]string{"error": code, "errorMessage": "The simulation refuses this request."})
}

func answer(w http.ResponseWriter, v any) { json.NewEncoder(w).Encode(v) }

// read takes a JSON body; false: it was refused.
func (s *Seller) read(w http.ResponseWriter, r *http.Request, into any) bool {
	if r.Header.Get("Content-Type") != "application/json" || json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(into) != nil {
		s.refuse(w, 400, "BAD_REQUEST")
		return false
	}
	return true
}

func (s *Seller) supplier(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{"id": "sim", "name": "Simulation (Kassel Marketing)", "endpoint": "http://localhost/octo",
		"contact": map[string]any{"website": nil, "email": nil, "telephone": nil, "address": nil}})
}

func (s *Seller) capabilities(w http.ResponseWriter, _ *http.Request) {
	list := []any{}
	for _, id := range []string{"octo/pricing", "octo/content"} {
		list = append(list, map[string]any{"id": id, "revision": 1, "required": false, "dependencies": []string{}, "docs": nil})
	}
	answer(w, list)
}

func price(cents int) map[string]any {
	return map[string]any{"original": cents, "retail": cents, "net": cents, "currency": "EUR", "currencyPrecision": 2, "includedTaxes": []any{}}
}

func (s *Seller) view(p *product, r *http.Request) map[string]any {
	english := strings.HasPrefix(r.Header.Get("Accept-Language"), "en")
	units := []any{}
	for _, k := range kinds {
		cents, sold := p.prices[k.id]
		if !sold {
			continue
		}
		u := map[string]any{"id": k.id, "internalName": k.id, "reference": nil, "type": k.kind, "requiredContactFields": []any{},
			"restrictions": map[string]any{"minAge": 0, "maxAge": 100, "idRequired": k.id == "reduced", "minQuantity": nil, "maxQuantity": nil, "paxCount": 1, "accompaniedBy": []any{}},
			"pricingFrom":  []any{price(cents)}}
		if !s.WithoutNames {
			u["title"] = k.de
			if english {
				u["title"] = k.en
			}
		}
		units = append(units, u)
	}
	var most any
	if p.most > 0 {
		most = p.most
	}
	v := map[string]any{
		"id": p.id, "internalName": p.title, "reference": nil, "locale": "de", "timeZone": "Europe/Berlin", "allowFreesale": false,
		"instantConfirmation": true, "instantDelivery": true, "availabilityRequired": true, "availabilityType": "START_TIME",
		"deliveryFormats": []string{"QRCODE"}, "deliveryMethods": []string{"VOUCHER"}, "redemptionMethod": "DIGITAL",
		"defaultCurrency": "EUR", "availableCurrencies": []string{"EUR"}, "pricingPer": "UNIT",
		"options": []any{map[string]any{
			"id": "DEFAULT", "default": true, "internalName": "DEFAULT", "reference": nil, "availabilityLocalStartTimes": p.times,
			"cancellationCutoff": "24 hours", "cancellationCutoffAmount": 24, "cancellationCutoffUnit": "hour", "requiredContactFields": []any{},
			"restrictions": map[string]any{"minUnits": 1, "maxUnits": most}, "units": units,
		}},
	}
	if !s.WithoutNames {
		v["title"], v["shortDescription"], v["durationMinutesFrom"], v["location"] = p.title, p.short, p.minutes, p.place
		v["description"] = "Eine Führung der Simulation: Es gibt sie nicht wirklich."
		if english {
			v["locale"], v["title"], v["shortDescription"] = "en", p.titleEN, p.shortEN
			v["description"] = "A tour of the simulation: it does not exist."
		}
	}
	return v
}

func (s *Seller) listProducts(w http.ResponseWriter, r *http.Request) {
	list := []any{}
	for _, p := range products {
		list = append(list, s.view(p, r))
	}
	answer(w, list)
}

func (s *Seller) oneProduct(w http.ResponseWriter, r *http.Request) {
	if p := find(r.PathValue("id")); p != nil {
		answer(w, s.view(p, r))
		return
	}
	s.refuse(w, 400, "INVALID_PRODUCT_ID")
}

func find(id string) *product {
	for _, p := range products {
		if p.id == id {
			return p
		}
	}
	return nil
}

var berlin = func() *time.Location {
	if l, err := time.LoadLocation("Europe/Berlin"); err == nil {
		return l
	}
	return time.UTC
}()

type departure struct {
	id         string
	start, end time.Time
}

func (p *product) at(start time.Time) departure {
	return departure{start.Format(time.RFC3339), start, start.Add(time.Duration(p.minutes) * time.Minute)}
}

func (p *product) departures(day time.Time) (all []departure) {
	if !strings.Contains(p.days, fmt.Sprint(int(day.Weekday()))) {
		return nil
	}
	for _, clock := range p.times {
		if start, err := time.ParseInLocation("2006-01-02 15:04", day.Format(time.DateOnly)+" "+clock, berlin); err == nil {
			all = append(all, p.at(start))
		}
	}
	return all
}

func (s *Seller) capacity() int { return cmp.Or(s.Capacity, 20) }

// free places of a departure, those of one booking not counted; the lock is held.
func (s *Seller) free(p *product, id string, but *booking) int {
	n := s.capacity()
	for _, b := range s.bookings {
		s.age(b)
		if b != but && b.product == p && b.departure == id && (b.status == "ON_HOLD" || b.status == "CONFIRMED") {
			n -= len(b.units)
		}
	}
	return max(n, 0)
}

func (s *Seller) age(b *booking) {
	if b.status == "ON_HOLD" && !s.now().Before(b.expires) {
		b.status = "EXPIRED"
	}
}

// window reads what is asked for of a product's days; nil when it was refused.
func (s *Seller) window(w http.ResponseWriter, r *http.Request) (*product, []time.Time) {
	var q struct {
		ProductID string `json:"productId"`
		OptionID  string `json:"optionId"`
		Start     string `json:"localDateStart"`
		End       string `json:"localDateEnd"`
		Date      string `json:"localDate"`
	}
	if !s.read(w, r, &q) {
		return nil, nil
	}
	p := find(q.ProductID)
	if p == nil {
		s.refuse(w, 400, "INVALID_PRODUCT_ID")
		return nil, nil
	}
	if q.OptionID != "DEFAULT" {
		s.refuse(w, 400, "INVALID_OPTION_ID")
		return nil, nil
	}
	from, err1 := time.ParseInLocation(time.DateOnly, cmp.Or(q.Date, q.Start), berlin)
	to, err2 := time.ParseInLocation(time.DateOnly, cmp.Or(q.Date, q.End), berlin)
	if err1 != nil || err2 != nil || to.Before(from) || to.Sub(from) > 370*24*time.Hour {
		s.refuse(w, 400, "BAD_REQUEST")
		return nil, nil
	}
	days := []time.Time{}
	for d := from; !d.After(to); d = d.AddDate(0, 0, 1) {
		days = append(days, d)
	}
	return p, days
}

func (s *Seller) availabilityOf(p *product, d departure) map[string]any {
	free, status := s.free(p, d.id, nil), "AVAILABLE"
	switch {
	case !s.now().Before(d.start):
		status = "CLOSED"
	case free == 0:
		status = "SOLD_OUT"
	case free < 5:
		status = "LIMITED"
	}
	prices := []any{}
	for _, k := range kinds {
		if cents, sold := p.prices[k.id]; sold {
			one := price(cents)
			one["unitId"] = k.id
			prices = append(prices, one)
		}
	}
	return map[string]any{
		"id": d.id, "localDateTimeStart": d.id, "localDateTimeEnd": d.end.Format(time.RFC3339), "allDay": false, "available": status == "AVAILABLE" || status == "LIMITED",
		"status": status, "vacancies": free, "capacity": s.capacity(), "maxUnits": nil, "utcCutoffAt": moment(d.start), "openingHours": []any{}, "unitPricing": prices,
	}
}

func (s *Seller) availability(w http.ResponseWriter, r *http.Request) {
	p, days := s.window(w, r)
	if p == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []any{}
	for _, day := range days {
		for _, d := range p.departures(day) {
			list = append(list, s.availabilityOf(p, d))
		}
	}
	answer(w, list)
}

func (s *Seller) calendar(w http.ResponseWriter, r *http.Request) {
	p, days := s.window(w, r)
	if p == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []any{}
	for _, day := range days {
		free, status, all := 0, "AVAILABLE", p.departures(day)
		for _, d := range all {
			if s.now().Before(d.start) {
				free += s.free(p, d.id, nil)
			}
		}
		if len(all) == 0 {
			status = "CLOSED"
		} else if free == 0 {
			status = "SOLD_OUT"
		}
		list = append(list, map[string]any{"localDate": day.Format(time.DateOnly), "available": free > 0, "status": status,
			"vacancies": free, "capacity": len(all) * s.capacity(), "openingHours": []any{}})
	}
	answer(w, list)
}

type order struct {
	UUID      string `json:"uuid"`
	ProductID string `json:"productId"`
	OptionID  string `json:"optionId"`
	Departure string `json:"availabilityId"`
	Minutes   int    `json:"expirationMinutes"`
	Reference string `json:"resellerReference"`
	Units     []struct {
		UnitID string `json:"unitId"`
	} `json:"unitItems"`
	Contact map[string]any `json:"contact"`
	Reason  string         `json:"reason"`
}

// fits checks what is asked for and gives product and units; nil when it was refused.
func (s *Seller) fits(w http.ResponseWriter, o order, but *booking) (*product, []string) {
	refuse := func(status int, code string) (*product, []string) {
		s.refuse(w, status, code)
		return nil, nil
	}
	p := find(o.ProductID)
	if p == nil {
		return refuse(400, "INVALID_PRODUCT_ID")
	}
	if o.OptionID != "DEFAULT" {
		return refuse(400, "INVALID_OPTION_ID")
	}
	start, err := time.Parse(time.RFC3339, o.Departure)
	if err != nil || !slices.ContainsFunc(p.departures(start.In(berlin)), func(d departure) bool { return d.id == o.Departure }) {
		return refuse(400, "INVALID_AVAILABILITY_ID")
	}
	var units []string
	for _, u := range o.Units {
		if _, sold := p.prices[u.UnitID]; !sold {
			return refuse(400, "INVALID_UNIT_ID")
		}
		units = append(units, u.UnitID)
	}
	if len(units) == 0 {
		return refuse(400, "BAD_REQUEST")
	}
	if p.most > 0 && len(units) > p.most || len(units) > s.free(p, o.Departure, but) || !s.now().Before(start) {
		return refuse(422, "UNPROCESSABLE_ENTITY")
	}
	return p, units
}

func (s *Seller) reserve(w http.ResponseWriter, r *http.Request) {
	var o order
	if !s.read(w, r, &o) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.UUID == "" {
		o.UUID = newUUID()
	}
	if b := s.byUUID(o.UUID); b != nil {
		if s.StrictUUID {
			s.refuse(w, 400, "INVALID_BOOKING_UUID")
			return
		}
		answer(w, s.show(b))
		return
	}
	p, units := s.fits(w, o, nil)
	if p == nil {
		return
	}
	hold := cmp.Or(s.Hold, 30*time.Minute)
	if o.Minutes > 0 {
		hold = min(hold, time.Duration(o.Minutes)*time.Minute)
	}
	b := &booking{uuid: o.UUID, reseller: o.Reference, supplier: "SIM-" + strings.ToUpper(o.UUID[len(o.UUID)-min(6, len(o.UUID)):]), status: "ON_HOLD",
		created: s.now(), updated: s.now(), expires: s.now().Add(hold), product: p, departure: o.Departure, units: units}
	s.bookings = append(s.bookings, b)
	answer(w, s.show(b))
}

func newUUID() string {
	b := make([]byte, 16)
	rand.Read(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (s *Seller) byUUID(uuid string) *booking {
	for _, b := range s.bookings {
		if b.uuid == uuid {
			s.age(b)
			return b
		}
	}
	return nil
}

// with runs do on the booking of the path, under the lock.
func (s *Seller) with(w http.ResponseWriter, r *http.Request, do func(b *booking)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.byUUID(r.PathValue("uuid")); b != nil {
		do(b)
		return
	}
	s.refuse(w, 400, "INVALID_BOOKING_UUID")
}

// change is with for requests that have a body and need a booking in a state.
func (s *Seller) change(w http.ResponseWriter, r *http.Request, states string, do func(b *booking, o order) bool) {
	var o order
	if !s.read(w, r, &o) {
		return
	}
	s.with(w, r, func(b *booking) {
		if !strings.Contains(states, b.status) {
			s.refuse(w, 422, "UNPROCESSABLE_ENTITY")
		} else if do(b, o) {
			b.updated = s.now()
			answer(w, s.show(b))
		}
	})
}

func (s *Seller) list(w http.ResponseWriter, r *http.Request) {
	reseller, supplier := r.URL.Query().Get("resellerReference"), r.URL.Query().Get("supplierReference")
	if reseller == "" && supplier == "" {
		s.refuse(w, 400, "BAD_REQUEST")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []any{}
	for _, b := range s.bookings {
		if s.age(b); reseller != "" && b.reseller == reseller || supplier != "" && b.supplier == supplier {
			list = append(list, s.show(b))
		}
	}
	answer(w, list)
}

func (s *Seller) get(w http.ResponseWriter, r *http.Request) {
	s.with(w, r, func(b *booking) { answer(w, s.show(b)) })
}

func (s *Seller) confirm(w http.ResponseWriter, r *http.Request) {
	s.change(w, r, "ON_HOLD CONFIRMED", func(b *booking, o order) bool {
		if o.Contact == nil {
			s.refuse(w, 400, "BAD_REQUEST")
			return false
		}
		if b.status == "CONFIRMED" { // the same request again
			if o.Reference != b.reseller && !s.KeepsFirst {
				s.refuse(w, 422, "UNPROCESSABLE_ENTITY")
				return false
			}
			return true
		}
		b.status, b.confirmed, b.contact = "CONFIRMED", s.now(), o.Contact
		if o.Reference != "" && !s.KeepsFirst {
			b.reseller = o.Reference
		}
		return true
	})
}

func (s *Seller) extend(w http.ResponseWriter, r *http.Request) {
	s.change(w, r, "ON_HOLD", func(b *booking, o order) bool {
		b.expires = s.now().Add(time.Duration(min(cmp.Or(o.Minutes, 30), 60)) * time.Minute)
		return true
	})
}

func (s *Seller) update(w http.ResponseWriter, r *http.Request) {
	s.change(w, r, "ON_HOLD CONFIRMED", func(b *booking, o order) bool {
		if o.ProductID != "" || o.Departure != "" || len(o.Units) > 0 {
			o.ProductID, o.OptionID, o.Departure = cmp.Or(o.ProductID, b.product.id), cmp.Or(o.OptionID, "DEFAULT"), cmp.Or(o.Departure, b.departure)
			p, units := s.fits(w, o, b)
			if p == nil {
				return false
			}
			b.product, b.departure, b.units = p, o.Departure, units
		}
		if o.Contact != nil {
			b.contact = o.Contact
		}
		return true
	})
}

func (s *Seller) cancel(w http.ResponseWriter, r *http.Request) {
	s.change(w, r, "ON_HOLD CONFIRMED", func(b *booking, o order) bool {
		held := b.status == "ON_HOLD"
		if !held && !s.inTime(b) {
			s.refuse(w, 422, "UNPROCESSABLE_ENTITY")
			return false
		}
		b.status, b.cancelled, b.reason = "CANCELLED", s.now(), o.Reason
		if held && s.LateExpired {
			b.status = "EXPIRED"
		}
		return true
	})
}

func (s *Seller) inTime(b *booking) bool {
	start, err := time.Parse(time.RFC3339, b.departure)
	return err == nil && s.now().Before(start.Add(-24*time.Hour))
}

func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

func (s *Seller) show(b *booking) map[string]any {
	options := []any{}
	if b.status == "CONFIRMED" {
		options = append(options, map[string]any{"deliveryFormat": "QRCODE", "deliveryValue": b.supplier})
	}
	nobody := map[string]any{"fullName": nil, "firstName": nil, "lastName": nil, "emailAddress": nil, "phoneNumber": nil, "locales": []any{}, "postalCode": nil, "country": nil, "notes": nil}
	total, unitItems := 0, []any{}
	for i, u := range b.units {
		total += b.product.prices[u]
		unitItems = append(unitItems, map[string]any{"uuid": fmt.Sprintf("%s%04x", b.uuid[:max(len(b.uuid)-4, 0)], i), "resellerReference": nil,
			"supplierReference": fmt.Sprint(b.supplier, "-", i+1), "unitId": u, "status": b.status, "utcRedeemedAt": nil, "contact": nobody, "ticket": nil,
			"pricing": price(b.product.prices[u])})
	}
	contact := maps.Clone(nobody)
	maps.Copy(contact, b.contact)
	var cancellation, expires any
	if !b.cancelled.IsZero() {
		cancellation = map[string]any{"refund": "FULL", "reason": b.reason, "utcCancelledAt": moment(b.cancelled)}
	}
	if b.status == "ON_HOLD" || b.status == "EXPIRED" {
		expires = moment(b.expires)
	}
	pricing := price(total)
	if s.ZeroTotal {
		pricing["original"], pricing["retail"], pricing["net"], pricing["currencyPrecision"] = 0, 0, nil, 0
	}
	start, _ := time.Parse(time.RFC3339, b.departure)
	return map[string]any{
		"id": b.uuid, "uuid": b.uuid, "testMode": true, "resellerReference": b.reseller, "supplierReference": b.supplier, "status": b.status,
		"utcCreatedAt": moment(b.created), "utcUpdatedAt": moment(b.updated), "utcExpiresAt": expires, "utcRedeemedAt": nil, "utcConfirmedAt": moment(b.confirmed),
		"productId": b.product.id, "optionId": "DEFAULT", "cancellable": b.status == "ON_HOLD" || b.status == "CONFIRMED" && s.inTime(b),
		"cancellation": cancellation, "freesale": false, "availabilityId": b.departure, "availability": s.availabilityOf(b.product, b.product.at(start.In(berlin))),
		"contact": contact, "notes": nil, "deliveryMethods": []string{"VOUCHER"}, "unitItems": unitItems, "pricing": pricing,
		"voucher": map[string]any{"redemptionMethod": "DIGITAL", "utcRedeemedAt": nil, "deliveryOptions": options},
	}
}
