package appointments

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"servicepoint/content"
	"servicepoint/content/ical"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// CityKind is the kind of the orders that [Service.Settle] hears of. Their payloads
// are stored sealed.
const CityKind = base.PrivatePrefix + "appointment"

// Calendar is kept by a provider; it is asked outside of transactions.
type Calendar interface {
	// Free lists the times that can be booked, seconds since 1970.
	Free(ctx context.Context, office int, services []hooks.CityService, from, to time.Time) ([]int64, error)
}

// Foreign is a provider that keeps calendars and does orders for them.
type Foreign struct {
	Calendar Calendar
	Mode     func() string // "real", "simulated" or "off"
}

// States of an appointment in a calendar of others, beside [Booked] and [Cancelled].
const (
	Booking    = "booking"    // the order is under way
	Refused    = "refused"    // the time was gone
	Failed     = "failed"     // the provider could not be reached for three days
	Cancelling = "cancelling" // the order to cancel is under way
)

var errCityDown = base.Refuse(http.StatusServiceUnavailable, "appointment_city_down")

// cityDays ahead are asked for; cityLife is how old an answer may be.
const (
	cityDays = 28
	cityLife = 30 * time.Second
)

// shelf keeps what providers answered for a moment; one question at a time is
// asked for each service.
type shelf struct {
	mu   sync.Mutex
	kept map[string]*shelved
}

type shelved struct {
	mu    sync.Mutex
	at    time.Time
	times []int64
}

// cityTimes lists the free times of a service in a calendar of others.
func (s *Service) cityTimes(ctx context.Context, a Advice) ([]time.Time, error) {
	foreign := s.Calendars[a.Calendar]
	mode := foreign.Mode()
	if mode == "off" {
		return nil, base.ErrNotFound
	}
	key := fmt.Sprint(mode, a.Calendar, a.Office, a.External)
	s.city.mu.Lock()
	if s.city.kept == nil {
		s.city.kept = map[string]*shelved{}
	}
	k := s.city.kept[key]
	if k == nil {
		k = &shelved{}
		s.city.kept[key] = k
	}
	s.city.mu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	now := s.p.Now()
	if k.at.IsZero() || now.Sub(k.at) >= cityLife {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 8*time.Second)
		defer cancel()
		day := now.In(content.Berlin)
		times, err := foreign.Calendar.Free(ctx, a.Office, []hooks.CityService{{ID: a.External, Count: 1}}, day, day.AddDate(0, 0, cityDays))
		if err != nil {
			s.p.App.Logger().Warn("a calendar of others does not answer", "provider", a.Calendar, "error", err.Error())
			return nil, errCityDown
		}
		slices.Sort(times)
		k.times, k.at = slices.Compact(times), now
	}
	var list []time.Time
	for _, at := range k.times {
		if t := time.Unix(at, 0); t.After(now) {
			list = append(list, t)
		}
	}
	return list, nil
}

// forgetTimes makes the next visitor ask anew.
func (s *Service) forgetTimes() {
	s.city.mu.Lock()
	defer s.city.mu.Unlock()
	s.city.kept = nil
}

// cityService finds a service whose calendar somebody else keeps.
func (s *Service) cityService(code string) (Advice, error) {
	p, err := readPlan(s.p.App.DB())
	if base.IsNoRows(err) {
		return Advice{}, base.ErrNotFound
	}
	if err != nil {
		return Advice{}, err
	}
	for _, a := range p.Services {
		if a.Code == code && s.isOffered(a) {
			return a, nil
		}
	}
	return Advice{}, base.ErrNotFound
}

// isOffered tells whether citizens can book a service of a calendar of others.
func (s *Service) isOffered(a Advice) bool {
	foreign, ok := s.Calendars[a.Calendar]
	return a.Active && ok && foreign.Mode() != "off"
}

func (s *Service) isSimulated(a Advice) bool {
	foreign, ok := s.Calendars[a.Calendar]
	return ok && foreign.Mode() == "simulated"
}

// City is an appointment in a calendar of others.
type City struct {
	Reference string `db:"reference"`
	Service   string `db:"service"`
	Starts    int64  `db:"starts"` // Unix milliseconds
	Ends      int64  `db:"ends"`
	State     string `db:"state"`
	Simulated bool   `db:"simulated"`
	Process   string `db:"process"`
	Number    string `db:"number"`
	Name      string `db:"name"`
	Email     string `db:"email"`
	Phone     string `db:"phone"`
	Language  string `db:"language"`
	Sequence  int    `db:"sequence"`
	Updated   int64  `db:"updated"`
}

const cityColumns = `reference, service, starts, ends, state, simulated, process, number, name, email, phone, language, sequence, updated`

// isMoving: another time is being booked; until then the old one stands.
func (c City) isMoving() bool { return c.State == Booking && c.Process != "" }

func findCity(db dbx.Builder, where string, params dbx.Params) (c City, err error) {
	err = db.NewQuery(`SELECT ` + cityColumns + ` FROM city_appointments WHERE ` + where).Bind(params).One(&c)
	if base.IsNoRows(err) {
		return c, base.ErrNotFound
	}
	return c, err
}

// seal hides the key that opens an appointment at the provider; it opens with the
// same reference only.
func (s *Service) seal(reference string, of hooks.CityProcess) (string, error) {
	b, err := json.Marshal(of)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(s.sealer().Seal(nil, nil, b, []byte(reference))), nil
}

func (s *Service) unseal(c City) (of hooks.CityProcess, err error) {
	b, err := base64.StdEncoding.DecodeString(c.Process)
	if err != nil {
		return of, err
	}
	if b, err = s.sealer().Open(nil, nil, b, []byte(c.Reference)); err != nil {
		return of, fmt.Errorf("appointment %s was sealed with another secret.key: %w", c.Reference, err)
	}
	return of, json.Unmarshal(b, &of)
}

func (s *Service) sealer() cipher.AEAD {
	block, err := aes.NewCipher(s.p.Key("city appointments"))
	if err == nil {
		var a cipher.AEAD
		if a, err = cipher.NewGCMWithRandomNonce(block); err == nil {
			return a
		}
	}
	panic(err) // only for keys of another length
}

// bookCity writes an appointment and its order, once per key.
func (s *Service) bookCity(a Advice, start time.Time, who Person, lang, key string) (reference string, err error) {
	now := s.p.Now()
	fingerprint := base.Hash(a.Code, fmt.Sprint(start.Unix()), who.Name, who.Email, who.Phone)
	err = s.p.App.RunInTransaction(func(tx core.App) error {
		seen, again, err := base.Recall(tx, "city-appointment", base.Hash(key), fingerprint)
		if err != nil || again {
			reference = seen.Answer
			return err
		}
		var n int
		if err := tx.DB().NewQuery(`SELECT count(*) FROM city_appointments WHERE email = {:email} AND state IN ('booking', 'booked') AND starts > {:now}`).
			Bind(dbx.Params{"email": who.Email, "now": now.UnixMilli()}).Row(&n); err != nil {
			return err
		}
		if n >= MaxPerson {
			return ErrTooMany
		}
		reference = base.NewReference("T")
		if _, err := exec(tx, `INSERT INTO city_appointments (reference, service, starts, ends, state, simulated, name, email, phone, language, secret_hash, created, updated)
			VALUES ({:reference}, {:service}, {:starts}, {:ends}, 'booking', {:simulated}, {:name}, {:email}, {:phone}, {:language}, {:secret}, {:now}, {:now})`,
			dbx.Params{"reference": reference, "service": a.Code, "starts": start.UnixMilli(), "ends": start.Add(minutes(a.Minutes)).UnixMilli(), "simulated": s.isSimulated(a),
				"name": who.Name, "email": who.Email, "phone": who.Phone, "language": lang, "secret": base.Hash(s.secret(reference)), "now": now.UnixMilli()}); err != nil {
			return err
		}
		order := hooks.CityAppointment{Do: hooks.AppointmentBook, Office: a.Office, Services: []hooks.CityService{{ID: a.External, Count: 1}}, At: start.Unix(),
			Name: who.Name, Email: who.Email, Phone: who.Phone}
		if err := s.putCity(tx, a.Calendar, reference, "book", order); err != nil {
			return err
		}
		return base.Remember(tx, now, "city-appointment", base.Hash(key), fingerprint, base.Remembered{Status: http.StatusSeeOther, Answer: reference})
	})
	s.p.WakeOrders()
	return reference, err
}

func (s *Service) putCity(tx core.App, provider, reference, what string, order hooks.CityAppointment) error {
	payload, err := json.Marshal(order)
	if err != nil {
		return err
	}
	return s.p.PutOrder(tx, hooks.Order{Key: cityKey(reference, what), Provider: provider, Kind: CityKind, Subject: reference, Payload: payload})
}

func cityKey(reference, what string) string { return "city:" + reference + ":" + what }

// cancelCity asks the provider to cancel; a second call changes nothing.
func (s *Service) cancelCity(reference string) error {
	err := s.p.App.RunInTransaction(func(tx core.App) error {
		c, err := findCity(tx.DB(), `reference = {:r}`, dbx.Params{"r": reference})
		if err != nil {
			return err
		}
		switch {
		case c.State == Cancelling || c.State == Cancelled:
			return nil
		case c.State != Booked || c.Starts <= s.p.Now().UnixMilli():
			return ErrTooLate
		}
		of, err := s.unseal(c)
		if err != nil {
			return err
		}
		p, err := readPlan(tx.DB())
		if err != nil {
			return err
		}
		if err := s.setCity(tx, reference, Cancelling, nil); err != nil {
			return err
		}
		for _, a := range p.named([]string{c.Service}) {
			return s.putCity(tx, a.Calendar, reference, "cancel:"+base.NewToken(), hooks.CityAppointment{Do: hooks.AppointmentCancel, Process: of.Process, AuthKey: of.AuthKey})
		}
		return base.ErrNotFound
	})
	s.p.WakeOrders()
	return err
}

// moveCity asks the provider for another time; only when it has it is the old one
// given back.
func (s *Service) moveCity(reference string, start time.Time) error {
	err := s.p.App.RunInTransaction(func(tx core.App) error {
		c, err := findCity(tx.DB(), `reference = {:r}`, dbx.Params{"r": reference})
		switch {
		case err != nil:
			return err
		case c.isMoving() || c.Starts == start.UnixMilli():
			return nil
		case c.State != Booked || c.Starts <= s.p.Now().UnixMilli():
			return ErrTooLate
		}
		p, err := readPlan(tx.DB())
		if err != nil {
			return err
		}
		if err := s.setCity(tx, reference, Booking, nil); err != nil {
			return err
		}
		for _, a := range p.named([]string{c.Service}) {
			return s.putCity(tx, a.Calendar, reference, "move:"+base.NewToken(), hooks.CityAppointment{Do: hooks.AppointmentBook, Office: a.Office,
				Services: []hooks.CityService{{ID: a.External, Count: 1}}, At: start.Unix(), Name: c.Name, Email: c.Email, Phone: c.Phone})
		}
		return base.ErrNotFound
	})
	s.p.WakeOrders()
	return err
}

func (s *Service) setCity(tx core.App, reference, state string, more dbx.Params) error {
	params := dbx.Params{"reference": reference, "state": state, "now": s.p.Now().UnixMilli()}
	set := ""
	for name, v := range more { // names of columns, ours
		set += ", " + name + " = {:" + name + "}"
		params[name] = v
	}
	_, err := exec(tx, `UPDATE city_appointments SET state = {:state}, updated = {:now}`+set+` WHERE reference = {:reference}`, params)
	return err
}

// Settle is told how an order for a calendar of others ended.
func (s *Service) Settle(tx core.App, o hooks.Order, state hooks.State, r hooks.Result) error {
	var order hooks.CityAppointment
	if err := json.Unmarshal(o.Payload, &order); err != nil {
		return fmt.Errorf("order of an appointment: %w", err)
	}
	c, err := findCity(tx.DB(), `reference = {:r}`, dbx.Params{"r": o.Subject})
	if errors.Is(err, base.ErrNotFound) {
		return nil // retention took it
	}
	if err != nil {
		return err
	}
	var now hooks.CityProcess // what the provider has of it so far
	if c.Process != "" {
		if now, err = s.unseal(c); err != nil {
			return err
		}
	}
	what, set := "", dbx.Params{}
	switch {
	case order.Do == hooks.AppointmentBook && state == hooks.Done:
		var of hooks.CityProcess
		if err := json.Unmarshal(r.Payload, &of); err != nil {
			return fmt.Errorf("result of an appointment: %w", err)
		}
		drop := func(old hooks.CityProcess) error {
			return s.putCity(tx, o.Provider, c.Reference, fmt.Sprint("drop:", old.Process), hooks.CityAppointment{Do: hooks.AppointmentCancel, Process: old.Process, AuthKey: old.AuthKey})
		}
		if c.State == Cancelled { // a replay of what nobody wants any more
			return drop(of)
		}
		sealed, err := s.seal(c.Reference, of)
		if err != nil {
			return err
		}
		what = "booked"
		if now.Process != 0 && now.Process != of.Process { // moved: the old time is given back
			if err := drop(now); err != nil {
				return err
			}
			what, c.Starts, c.Ends, c.Sequence = "moved", order.At*1000, order.At*1000+c.Ends-c.Starts, c.Sequence+1
			set["starts"], set["ends"], set["sequence"], set["reminded"] = c.Starts, c.Ends, c.Sequence, nil
		}
		c.State, c.Number = Booked, of.Number
		set["process"], set["number"] = sealed, of.Number
	case order.Do == hooks.AppointmentBook && c.Process != "":
		c.State, what = Booked, "stays"
	case order.Do == hooks.AppointmentBook && state == hooks.Rejected:
		c.State, what = Refused, "refused"
	case order.Do == hooks.AppointmentBook:
		c.State, what = Failed, "failed"
	case order.Process != now.Process:
		return nil // an old time that was given back
	case state == hooks.Done:
		c.State, c.Sequence, what = Cancelled, c.Sequence+1, "cancelled"
		set["process"], set["sequence"] = "", c.Sequence
	default: // the provider keeps it
		c.State, what = Booked, "kept"
	}
	if err := s.setCity(tx, c.Reference, c.State, set); err != nil {
		return err
	}
	return s.mailCity(tx, c, what, o.Key)
}

// mailCity tells the owner how it stands; key is that of the order that ended.
func (s *Service) mailCity(tx core.App, c City, what, key string) error {
	if c.Email == "" {
		return nil
	}
	p, err := readPlan(tx.DB())
	if err != nil {
		return err
	}
	services := p.named([]string{c.Service})
	link := func(lang string) string {
		return s.p.Origin + base.Prefix(lang) + "/termine/stadttermin/zugang/" + s.secret(c.Reference) + "/"
	}
	text := func(lang string) string {
		location := ""
		if len(services) > 0 {
			location = services[0].Location
		}
		t := s.p.Words.In(lang, "appointment.city.mail."+what+".text", "when", when(time.UnixMilli(c.Starts), lang), "services", names(services, lang), "place", location,
			"reference", c.Reference, "number", c.Number, "link", link(lang), "again", s.p.Origin+base.Prefix(lang)+"/termine/", "name", c.Name)
		if c.Simulated {
			t = s.p.Words.In(lang, "appointment.city.simulated") + "\n\n" + t
		}
		return t
	}
	m := hooks.Mail{To: c.Email, Name: c.Name, Lang: c.Language, Text: text(c.Language),
		Subject: s.p.Words.In(c.Language, "appointment.city.mail."+what+".subject", "when", when(time.UnixMilli(c.Starts), c.Language))}
	if c.Language != content.German {
		m.German = text(content.German)
	}
	if what == "booked" || what == "moved" || what == "cancelled" {
		m.Calendar, m.Method = s.cityCalendar(services, c)
	}
	if what != "refused" && what != "failed" && what != "cancelled" {
		m.Button = &hooks.MailButton{Label: s.p.Words.In(c.Language, "appointment.mail.confirmed.button"), URL: link(c.Language)}
	}
	payload, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.p.PutOrder(tx, hooks.Order{Key: "mail:" + key + ":" + what, Provider: "mail", Kind: base.PrivateMail, Subject: c.Reference, Payload: payload})
}

func (s *Service) cityCalendar(services []Advice, c City) (string, string) {
	e := ical.Event{
		UID: c.Reference + "@" + calendarDomain, Stamp: s.p.Now(), Sequence: c.Sequence, Start: time.UnixMilli(c.Starts), End: time.UnixMilli(c.Ends), Status: ical.Confirmed,
		Summary:     s.p.Words.In(c.Language, "appointment.calendar", "services", names(services, c.Language)),
		Description: s.p.Words.In(c.Language, "appointment.reference") + ": " + c.Reference,
		Organizer:   &ical.Address{Name: "Kassel Service Point", Email: s.Organiser}, Attendee: &ical.Address{Name: c.Name, Email: c.Email},
	}
	if len(services) > 0 {
		e.Location = services[0].Location
	}
	if c.State == Cancelled {
		e.Status = ical.Cancelled
		return string(ical.Calendar{Method: ical.Cancel, Events: []ical.Event{e}}.Bytes()), ical.Cancel
	}
	return string(ical.Calendar{Method: ical.Request, Events: []ical.Event{e}}.Bytes()), ical.Request
}

// cityDay are the free times of one day.
type cityDay struct {
	Label string
	Times []shownSlot
}

func (s *Service) showCity(e *core.RequestEvent) error {
	a, err := s.cityService(e.Request.PathValue("service"))
	if err != nil {
		return err
	}
	return s.cityPage(e, http.StatusOK, a, nil, "")
}

// cityDays lists the free times of a service by day.
func (s *Service) cityDays(e *core.RequestEvent, a Advice) (days []cityDay, err error) {
	lang := base.Lang(e.Request)
	times, err := s.cityTimes(e.Request.Context(), a)
	if errors.Is(err, errCityDown) {
		e.Response.Header().Set("Retry-After", "60")
	}
	for _, t := range times {
		label := sayDay(t, lang)
		if n := len(days); n == 0 || days[n-1].Label != label {
			if n == 10 {
				break
			}
			days = append(days, cityDay{Label: label})
		}
		d := &days[len(days)-1]
		d.Times = append(d.Times, shownSlot{strconv.FormatInt(t.Unix(), 10), clock(t, lang), label})
	}
	return days, err
}

func (s *Service) cityPage(e *core.RequestEvent, status int, a Advice, form url.Values, notice string) error {
	lang := base.Lang(e.Request)
	days, err := s.cityDays(e, a)
	if err != nil {
		return err
	}
	return s.p.Show(e, status, templates, "city-times", base.View{Title: a.Name(lang), Form: keptFields(form), Data: map[string]any{
		"A": a, "Days": days, "Simulated": s.isSimulated(a), "Notice": notice,
	}})
}

func (s *Service) cityDetailsPage(e *core.RequestEvent, status int, a Advice, start time.Time, form url.Values, problems content.Problems) error {
	lang := base.Lang(e.Request)
	if !isToken(form.Get("key")) {
		form.Set("key", base.NewToken())
	}
	return s.p.Show(e, status, templates, "city-details", base.View{Title: s.p.Words.In(lang, "appointment.details.title"), Form: form, Problems: problems, Data: map[string]any{
		"A": a, "Names": a.Name(lang), "When": when(start, lang), "Start": start.Unix(), "Simulated": s.isSimulated(a),
	}})
}

func isToken(key string) bool { return len(key) == 32 }

// sendCity first takes the time that was chosen, then the details.
func (s *Service) sendCity(e *core.RequestEvent) error {
	lang := base.Lang(e.Request)
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	a, err := s.cityService(e.Request.PathValue("service"))
	if err != nil {
		return err
	}
	unix, err := strconv.ParseInt(form.Get("start"), 10, 64)
	if err != nil {
		return s.cityPage(e, http.StatusUnprocessableEntity, a, form, "appointment.times.choose")
	}
	start := time.Unix(unix, 0)
	if !isToken(form.Get("key")) || form.Has(base.FieldLanguage) {
		return s.cityDetailsPage(e, http.StatusOK, a, start, form, nil)
	}
	who, err := readPerson(form, false)
	var problems content.Problems
	if err != nil && !errors.As(err, &problems) {
		return err
	}
	if who.Email == "" && len(problems) == 0 { // the city writes by mail
		problems.Add("email", "required")
	}
	if len(problems) > 0 {
		return s.cityDetailsPage(e, http.StatusUnprocessableEntity, a, start, form, problems)
	}
	if !s.p.Exempt(e) {
		if _, wait := s.holding.Take(base.Network(e.RealIP()), s.p.Now()); wait > 0 {
			return base.Refuse(http.StatusTooManyRequests, "too_many_requests")
		}
	}
	times, err := s.cityTimes(e.Request.Context(), a)
	if err != nil && !errors.Is(err, errCityDown) { // a provider that is down gets the order later
		return err
	}
	if err == nil && !slices.ContainsFunc(times, start.Equal) {
		// Perhaps it is this very order, sent twice: then its page is shown.
		if c, err := s.cityTicket(e); err == nil && c.Service == a.Code && c.Starts == start.UnixMilli() && c.Email == who.Email {
			return e.Redirect(http.StatusSeeOther, base.Prefix(lang)+"/termine/stadttermin/")
		}
		return s.cityPage(e, http.StatusConflict, a, form, "error.appointment_taken.text")
	}
	if err != nil && !start.After(s.p.Now()) {
		return err
	}
	reference, err := s.bookCity(a, start, who, lang, form.Get("key"))
	var refusal *base.Error
	switch {
	case errors.Is(err, ErrTooMany):
		return s.cityDetailsPage(e, http.StatusConflict, a, start, form, content.Problems{{Field: "email", Code: "appointment_too_many", Args: map[string]any{"max": MaxPerson}}})
	case errors.As(err, &refusal) && refusal.Code == "key_reused": // sent, changed and sent again: another order
		form.Del("key")
		return s.cityDetailsPage(e, http.StatusConflict, a, start, form, nil)
	case err != nil:
		return err
	}
	s.forgetTimes()
	return s.followCity(e, reference, Booking)
}

// followCity waits a little for the provider's answer and then shows the
// appointment, whatever its state.
func (s *Service) followCity(e *core.RequestEvent, reference, from string) error {
	for until := time.Now().Add(s.Patience); time.Now().Before(until); { // the visitor's own time
		c, err := findCity(s.p.App.DB(), `reference = {:r}`, dbx.Params{"r": reference})
		if err != nil {
			return err
		}
		if c.State != from {
			break
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-e.Request.Context().Done():
			return nil
		}
	}
	s.setCookie(e, cityName, reference, ticketLife)
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/termine/stadttermin/")
}

const cityName = "stadttermin"

func (s *Service) cityTicket(e *core.RequestEvent) (City, error) {
	reference, ok := s.cookie(e, cityName)
	if !ok {
		return City{}, base.ErrNotFound
	}
	return findCity(s.p.App.DB(), `reference = {:r}`, dbx.Params{"r": reference})
}

// openCity takes the secret of the mail's link out of the address.
func (s *Service) openCity(e *core.RequestEvent) error {
	e.Response.Header().Set("Referrer-Policy", "no-referrer")
	e.Response.Header().Set("Cache-Control", "no-store")
	c, err := findCity(s.p.App.DB(), `secret_hash = {:h}`, dbx.Params{"h": base.Hash(readable(e.Request.PathValue("token")))})
	if err != nil {
		return err
	}
	s.setCookie(e, cityName, c.Reference, ticketLife)
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/termine/stadttermin/")
}

func (s *Service) showCityMine(e *core.RequestEvent) error { return s.cityMinePage(e, "city-mine") }

func (s *Service) askCityCancel(e *core.RequestEvent) error { return s.cityMinePage(e, "city-cancel") }

func (s *Service) cityMinePage(e *core.RequestEvent, template string) error {
	lang := base.Lang(e.Request)
	c, err := s.cityTicket(e)
	if errors.Is(err, base.ErrNotFound) {
		return e.Redirect(http.StatusSeeOther, base.Prefix(lang)+"/termine/")
	}
	if err != nil {
		return err
	}
	p, err := readPlan(s.p.App.DB())
	if err != nil {
		return err
	}
	services := p.named([]string{c.Service})
	data := map[string]any{"C": c, "When": when(time.UnixMilli(c.Starts), lang), "Names": names(services, lang), "Services": shownServices(services, lang),
		"Changeable": c.State == Booked && c.Starts > s.p.Now().UnixMilli(), "Location": "", "State": c.State}
	if c.isMoving() {
		data["State"] = "moving"
	}
	if len(services) > 0 {
		data["Location"] = services[0].Location
	}
	if c.State == Booking && !c.isMoving() {
		if data["Standing"], err = s.p.OrderStanding(lang, cityKey(c.Reference, "book")); err != nil {
			return err
		}
	}
	title := "appointment.mine.title"
	if template == "city-cancel" {
		title = "appointment.cancel.title"
	}
	return s.p.Show(e, http.StatusOK, templates, template, base.View{Title: s.p.Words.In(lang, title), Data: data})
}

// movable gives the appointment of the ticket with its service, if it can be moved;
// otherwise it leads to the appointment's page.
func (s *Service) movable(e *core.RequestEvent) (c City, a Advice, done bool, err error) {
	c, err = s.cityTicket(e)
	if errors.Is(err, base.ErrNotFound) || err == nil && (c.State != Booked || c.Starts <= s.p.Now().UnixMilli()) {
		return c, a, true, e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/termine/stadttermin/")
	}
	if err == nil {
		a, err = s.cityService(c.Service)
	}
	return c, a, err != nil, err
}

func (s *Service) showCityMove(e *core.RequestEvent) error {
	c, a, done, err := s.movable(e)
	if done {
		return err
	}
	return s.cityMovePage(e, http.StatusOK, c, a, "")
}

func (s *Service) cityMovePage(e *core.RequestEvent, status int, c City, a Advice, notice string) error {
	lang := base.Lang(e.Request)
	days, err := s.cityDays(e, a)
	if err != nil {
		return err
	}
	return s.p.Show(e, status, templates, "city-times", base.View{Title: s.p.Words.In(lang, "appointment.move.title"), Data: map[string]any{
		"A": a, "Days": days, "Simulated": s.isSimulated(a), "Notice": notice, "Moves": when(time.UnixMilli(c.Starts), lang),
	}})
}

func (s *Service) sendCityMove(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	c, a, done, err := s.movable(e)
	if done {
		return err
	}
	unix, err := strconv.ParseInt(form.Get("start"), 10, 64)
	if err != nil {
		return s.cityMovePage(e, http.StatusUnprocessableEntity, c, a, "appointment.times.choose")
	}
	times, err := s.cityTimes(e.Request.Context(), a)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(times, time.Unix(unix, 0).Equal) {
		return s.cityMovePage(e, http.StatusConflict, c, a, "error.appointment_taken.text")
	}
	if err := s.moveCity(c.Reference, time.Unix(unix, 0)); err != nil {
		return err
	}
	s.forgetTimes()
	return s.followCity(e, c.Reference, Booking)
}

func (s *Service) sendCityCancel(e *core.RequestEvent) error {
	c, err := s.cityTicket(e)
	if errors.Is(err, base.ErrNotFound) {
		return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/termine/")
	}
	if err != nil {
		return err
	}
	if err := s.cancelCity(c.Reference); err != nil {
		return err
	}
	return s.followCity(e, c.Reference, Cancelling)
}
