package appointments

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/content/ical"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// topicGroup is a topic with its services, for the page that begins.
type topicGroup struct {
	Topic    string
	Services []shownAdvice
}

type shownAdvice struct {
	Code, Name, Guide string
	Minutes           int
	Chosen            bool
}

func (s *Service) groups(p *plan, lang string, chosen []string) (groups []topicGroup) {
	for _, a := range p.Services {
		if !a.Active || a.Calendar != "" {
			continue
		}
		i := slices.IndexFunc(groups, func(g topicGroup) bool { return g.Topic == a.Topic })
		if i < 0 {
			groups = append(groups, topicGroup{Topic: a.Topic})
			i = len(groups) - 1
		}
		groups[i].Services = append(groups[i].Services, shownAdvice{a.Code, a.Name(lang), a.Guide, a.Minutes, slices.Contains(chosen, a.Code)})
	}
	return groups
}

func (s *Service) showServices(e *core.RequestEvent) error {
	return s.servicesPage(e, http.StatusOK, nil, nil)
}

func (s *Service) servicesPage(e *core.RequestEvent, status int, chosen []string, problems content.Problems) error {
	lang := base.Lang(e.Request)
	p, err := readPlan(s.p.App.DB())
	if err != nil && !base.IsNoRows(err) {
		return err
	}
	data := map[string]any{"Place": Place{}}
	if err == nil {
		data["Groups"], data["Place"] = s.groups(p, lang, chosen), p.Place
		var city []shownAdvice
		for _, a := range p.Services {
			if s.isOffered(a) {
				city = append(city, shownAdvice{a.Code, a.Name(lang), a.Guide, a.Minutes, false})
			}
		}
		data["City"] = city
	}
	return s.p.Show(e, status, templates, "services", base.View{Title: s.p.Words.In(lang, "appointment.title"), Data: data, Problems: problems})
}

// shownSlot is a free time as a button.
type shownSlot struct {
	Value string // RFC 3339, UTC
	Label string // the time of day
	Day   string
}

func shown(slots []Slot, lang string) (list []shownSlot) {
	for _, slot := range slots {
		list = append(list, shownSlot{slot.Start.UTC().Format(time.RFC3339), clock(slot.Start, lang), sayDay(slot.Start, lang)})
	}
	return list
}

// calendarDay is one day of the list of days.
type calendarDay struct {
	Date, Label string
	Free        int
	Current     bool
}

// calendarPage are the days with free times and the times of one of them.
type calendarPage struct {
	Next     []shownSlot // the next free times at all
	Days     []calendarDay
	Day      string // the day shown
	DayLabel string
	Times    []shownSlot
	Query    string // codes, for links
	From     string // first day of this page; "" is today
	Earlier  string // first day of the page before; "" for none
	Later    string
}

// daysOnPage of the list of days.
const daysOnPage = 14

// days makes the calendar from a day on; the day shown is the first with free
// times unless another one is asked for.
func (s *Service) days(p *plan, services []Advice, channel, without, lang, from, day string) (c calendarPage, err error) {
	now := s.p.Now()
	today := now.In(content.Berlin)
	first := today
	if t, err := time.ParseInLocation(time.DateOnly, from, content.Berlin); err == nil && t.After(today) {
		first = t
	}
	last := time.Date(today.Year(), today.Month(), today.Day()+p.Horizon, 12, 0, 0, 0, content.Berlin)
	for i := 0; i < daysOnPage; i++ {
		d := time.Date(first.Year(), first.Month(), first.Day()+i, 12, 0, 0, 0, content.Berlin)
		if d.After(last) {
			break
		}
		slots, err := p.free(s.p.App.DB(), services, channel, without, d, now)
		if err != nil {
			return c, err
		}
		if len(slots) == 0 {
			continue
		}
		date := d.Format(time.DateOnly)
		c.Days = append(c.Days, calendarDay{Date: date, Label: sayDay(d, lang), Free: len(slots)})
		if len(c.Next) < 3 && from == "" {
			c.Next = append(c.Next, shown(slots[:min(len(slots), 3-len(c.Next))], lang)...)
		}
		if c.Day == "" || date == day {
			c.Day, c.DayLabel, c.Times = date, sayDay(d, lang), shown(slots, lang)
		}
	}
	for i := range c.Days {
		c.Days[i].Current = c.Days[i].Date == c.Day
	}
	if next := time.Date(first.Year(), first.Month(), first.Day()+daysOnPage, 12, 0, 0, 0, content.Berlin); !next.After(last) {
		c.Later = next.Format(time.DateOnly)
	}
	if first.After(today) {
		c.Earlier = time.Date(first.Year(), first.Month(), first.Day()-daysOnPage, 12, 0, 0, 0, content.Berlin).Format(time.DateOnly)
	}
	if first.After(today) {
		c.From = first.Format(time.DateOnly)
	}
	for _, a := range services {
		c.Query += "leistung=" + url.QueryEscape(a.Code) + "&"
	}
	return c, nil
}

// without leaves out the time that an appointment has already.
func (c *calendarPage) without(a Appointment) {
	own := func(slot shownSlot) bool { return slot.Value == a.Start().UTC().Format(time.RFC3339) }
	c.Times, c.Next = slices.DeleteFunc(c.Times, own), slices.DeleteFunc(c.Next, own)
	for i := range c.Days {
		if c.Days[i].Date == a.Start().In(content.Berlin).Format(time.DateOnly) {
			c.Days[i].Free--
		}
	}
}

func (s *Service) showTimes(e *core.RequestEvent) error {
	return s.timesPage(e, http.StatusOK, e.Request.URL.Query(), "")
}

func (s *Service) timesPage(e *core.RequestEvent, status int, q url.Values, notice string) error {
	lang := base.Lang(e.Request)
	p, err := readPlan(s.p.App.DB())
	if base.IsNoRows(err) {
		return base.ErrNotFound
	}
	if err != nil {
		return err
	}
	services, ok := p.chosen(q["leistung"])
	if !ok {
		return s.servicesPage(e, http.StatusUnprocessableEntity, q["leistung"], content.Problems{{Field: "leistung", Code: "appointment_services"}})
	}
	c, err := s.days(p, services, Public, "", lang, q.Get("ab"), q.Get("tag"))
	if err != nil {
		return err
	}
	return s.p.Show(e, status, templates, "times", base.View{Title: s.p.Words.In(lang, "appointment.times.title"), Form: keptFields(q), Data: map[string]any{
		"Calendar": c, "Services": services, "Names": names(services, lang), "Minutes": sum(services).Minutes, "Place": p.Place, "Notice": notice,
	}})
}

// keptFields are what somebody typed before their time was gone.
func keptFields(q url.Values) url.Values {
	kept := url.Values{}
	for _, name := range []string{"name", "email", "phone"} {
		if v := q.Get(name); v != "" {
			kept.Set(name, v)
		}
	}
	return kept
}

// reserve holds a time and leads to the details; what was typed before comes along.
func (s *Service) reserve(e *core.RequestEvent) error {
	lang := base.Lang(e.Request)
	values, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	start, err := time.Parse(time.RFC3339, values.Get("start"))
	if err != nil {
		return s.timesPage(e, http.StatusUnprocessableEntity, values, "appointment.times.choose")
	}
	if !s.p.Exempt(e) {
		if _, wait := s.holding.Take(base.Network(e.RealIP()), s.p.Now()); wait > 0 {
			return base.Refuse(http.StatusTooManyRequests, "too_many_requests")
		}
	}
	before := ""
	if a, err := s.ticket(e); err == nil && a.State == Held {
		before = a.Reference
	}
	a, err := s.Hold(values["leistung"], Public, lang, start, before)
	if errors.Is(err, ErrTaken) {
		return s.timesPage(e, http.StatusConflict, values, "error.appointment_taken.text")
	}
	var problems content.Problems
	if errors.As(err, &problems) {
		return s.servicesPage(e, http.StatusUnprocessableEntity, values["leistung"], problems)
	}
	if err != nil {
		return err
	}
	s.setTicket(e, a.Reference)
	if kept := keptFields(values); len(kept) > 0 {
		return s.detailsPage(e, http.StatusOK, a, kept, nil, "appointment.details.again")
	}
	return e.Redirect(http.StatusSeeOther, base.Prefix(lang)+"/termine/angaben/")
}

func (s *Service) showDetails(e *core.RequestEvent) error {
	a, err := s.ticket(e)
	if errors.Is(err, base.ErrNotFound) {
		return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/termine/")
	}
	if err != nil {
		return err
	}
	if a.State != Held {
		return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/termine/mein/")
	}
	return s.detailsPage(e, http.StatusOK, a, nil, nil, "")
}

func (s *Service) detailsPage(e *core.RequestEvent, status int, a Appointment, form url.Values, problems content.Problems, notice string) error {
	lang := base.Lang(e.Request)
	p, err := readPlan(s.p.App.DB())
	if err != nil {
		return err
	}
	services := p.named(a.codes())
	return s.p.Show(e, status, templates, "details", base.View{Title: s.p.Words.In(lang, "appointment.details.title"), Form: form, Problems: problems, Data: map[string]any{
		"When": when(a.Start(), lang), "Names": names(services, lang), "Services": shownServices(services, lang), "Place": p.Place,
		"Until": clock(time.UnixMilli(a.Expires), lang), "Notice": notice, "SMS": s.SMS,
		// The hold itself stands in the form: when the time has gone it can be asked for again.
		"Codes": a.codes(), "Start": a.Start().UTC().Format(time.RFC3339),
	}})
}

func shownServices(services []Advice, lang string) (list []shownAdvice) {
	for _, a := range services {
		list = append(list, shownAdvice{a.Code, a.Name(lang), a.Guide, a.Minutes, true})
	}
	return list
}

func (s *Service) sendDetails(e *core.RequestEvent) error {
	lang := base.Lang(e.Request)
	values, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	a, err := s.ticket(e)
	if errors.Is(err, base.ErrNotFound) { // the hold has ended: the same time again, if nobody took it
		return s.again(e, values)
	}
	if err != nil {
		return err
	}
	if a.State != Held {
		return e.Redirect(http.StatusSeeOther, base.Prefix(lang)+"/termine/mein/")
	}
	if values.Has(base.FieldLanguage) {
		return s.detailsPage(e, http.StatusOK, a, values, nil, "")
	}
	who, err := readPerson(values, true)
	var problems content.Problems
	if errors.As(err, &problems) {
		return s.detailsPage(e, http.StatusUnprocessableEntity, a, values, problems, "")
	}
	_, err = s.Confirm(a.Reference, who, lang)
	switch {
	case errors.Is(err, ErrExpired):
		return s.again(e, values)
	case errors.Is(err, ErrTooMany):
		field := "email"
		if who.Email == "" {
			field = "phone"
		}
		return s.detailsPage(e, http.StatusConflict, a, values, content.Problems{{Field: field, Code: "appointment_too_many", Args: map[string]any{"max": MaxPerson}}}, "")
	case err != nil:
		return err
	}
	s.setTicket(e, a.Reference)
	return e.Redirect(http.StatusSeeOther, base.Prefix(lang)+"/termine/mein/?neu=gebucht")
}

// again takes details whose hold has ended: the time is held once more, else the
// free times are shown; what was typed is kept either way.
func (s *Service) again(e *core.RequestEvent, values url.Values) error {
	start, err := time.Parse(time.RFC3339, values.Get("start"))
	if err != nil || len(values["leistung"]) == 0 {
		return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/termine/")
	}
	a, err := s.Hold(values["leistung"], Public, base.Lang(e.Request), start, "")
	var problems content.Problems
	switch {
	case errors.Is(err, ErrTaken):
		return s.timesPage(e, http.StatusConflict, values, "error.appointment_expired.text")
	case errors.As(err, &problems):
		return s.servicesPage(e, http.StatusUnprocessableEntity, values["leistung"], problems)
	case err != nil:
		return err
	}
	s.setTicket(e, a.Reference)
	return s.detailsPage(e, http.StatusOK, a, values, nil, "appointment.details.again")
}

// Bounds of what people type.
const (
	maxName  = 120 // characters
	maxEmail = 254 // characters, RFC 5321
	maxPhone = 40  // characters
)

var emailPattern = regexp.MustCompile(`^[a-zA-Z0-9.!#$%&'*+/=?^_` + "`" + `{|}~-]{1,64}@([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$`)

// readPerson reads name and contact; without a contact only where staff say so.
func readPerson(values url.Values, needsContact bool) (p Person, err error) {
	var problems content.Problems
	p = Person{strings.TrimSpace(values.Get("name")), strings.TrimSpace(values.Get("email")), strings.TrimSpace(values.Get("phone"))}
	switch {
	case p.Name == "":
		problems.Add("name", "required")
	case utf8.RuneCountInString(p.Name) > maxName:
		problems.Add("name", "too_long", "max", maxName)
	case strings.ContainsFunc(p.Name, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\ufeff' }) || !content.IsName(p.Name):
		problems.Add("name", "not_text")
	}
	switch {
	case p.Email == "" && p.Phone == "" && needsContact:
		problems.Add("email", "appointment_contact")
	case len(p.Email) > maxEmail:
		problems.Add("email", "too_long", "max", maxEmail)
	case p.Email != "" && (!emailPattern.MatchString(p.Email) || strings.Contains(p.Email, "..") || p.Email[0] == '.' || strings.Contains(p.Email, ".@")):
		problems.Add("email", "not_email")
	}
	if p.Phone != "" {
		phone, err := hooks.E164(p.Phone)
		if len(p.Phone) > maxPhone || err != nil {
			problems.Add("phone", "appointment_phone")
		}
		p.Phone = phone
	}
	return p, problems.Err()
}

// The ticket is a cookie that lets this browser see one hold or appointment for a
// while; neither reference nor secret stands in an address.
const (
	ticketName = "termin"
	ticketLife = 30 * time.Minute
)

func (s *Service) mac(purpose, value string, expires int64) string {
	mac := hmac.New(sha256.New, s.p.Key("appointment "+purpose))
	mac.Write([]byte(value + "." + strconv.FormatInt(expires, 10)))
	return hex.EncodeToString(mac.Sum(nil))
}

func (s *Service) setCookie(e *core.RequestEvent, name, value string, life time.Duration) {
	expires := s.p.Now().Add(life).Unix()
	e.SetCookie(&http.Cookie{
		Name: name, Value: value + "." + strconv.FormatInt(expires, 10) + "." + s.mac(name, value, expires),
		Path: "/", MaxAge: int(life.Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(s.p.Origin, "https:"),
	})
}

func (s *Service) cookie(e *core.RequestEvent, name string) (string, bool) {
	cookie, err := e.Request.Cookie(name)
	if err != nil {
		return "", false
	}
	parts := strings.Split(cookie.Value, ".")
	if len(parts) != 3 {
		return "", false
	}
	expires, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || s.p.Now().Unix() >= expires || !hmac.Equal([]byte(parts[2]), []byte(s.mac(name, parts[0], expires))) {
		return "", false
	}
	return parts[0], true
}

func (s *Service) setTicket(e *core.RequestEvent, reference string) {
	s.setCookie(e, ticketName, reference, ticketLife)
}

// ticket returns what the browser may see, base.ErrNotFound for nothing. A hold
// that ran out is nothing.
func (s *Service) ticket(e *core.RequestEvent) (Appointment, error) {
	reference, ok := s.cookie(e, ticketName)
	if !ok {
		return Appointment{}, base.ErrNotFound
	}
	a, err := find(s.p.App.DB(), reference)
	if err == nil && a.State == Held && a.Expires <= s.p.Now().UnixMilli() {
		return Appointment{}, base.ErrNotFound
	}
	return a, err
}

// openLink takes the secret of a personal link out of the address: it becomes a
// cookie, and the browser goes on to a page without it. It changes nothing, so
// that programs which fetch links of mails do no harm.
func (s *Service) openLink(e *core.RequestEvent) error {
	e.Response.Header().Set("Referrer-Policy", "no-referrer")
	lang := base.Lang(e.Request)
	a, err := s.opened(e.Request.PathValue("token"))
	if err != nil {
		return err
	}
	s.setTicket(e, a.Reference)
	to := base.Prefix(lang) + "/termine/mein/"
	switch what := e.Request.PathValue("what"); what {
	case "":
	case "absagen", "verschieben":
		to += what + "/"
	default:
		return base.ErrNotFound
	}
	e.Response.Header().Set("Cache-Control", "no-store")
	return e.Redirect(http.StatusSeeOther, to)
}

func (s *Service) showMine(e *core.RequestEvent) error {
	a, err := s.ticket(e)
	if errors.Is(err, base.ErrNotFound) {
		return s.enterPage(e, http.StatusOK, nil, nil)
	}
	if err != nil {
		return err
	}
	if a.State == Held {
		return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/termine/angaben/")
	}
	return s.minePage(e, http.StatusOK, "mine", "appointment.mine.title", a, nil)
}

func (s *Service) minePage(e *core.RequestEvent, status int, template, title string, a Appointment, more map[string]any) error {
	lang := base.Lang(e.Request)
	p, err := readPlan(s.p.App.DB())
	if err != nil {
		return err
	}
	services := p.named(a.codes())
	data := map[string]any{
		"A": a, "When": when(a.Start(), lang), "Names": names(services, lang), "Services": shownServices(services, lang), "Place": p.Place,
		"Changeable": s.changeable(a), "Notice": "", "Minutes": int(a.End().Sub(a.Start()) / time.Minute),
	}
	switch e.Request.URL.Query().Get("neu") {
	case "gebucht":
		if a.State == Booked {
			data["Notice"], data["Link"] = "appointment.mine.booked", s.link(a, "")
		}
	case "verschoben":
		data["Notice"] = "appointment.mine.moved"
	case "gemerkt":
		data["Notice"] = "appointment.mine.waiting"
	}
	if a.Email == "" && !s.SMS {
		data["Link"] = s.link(a, "") // nobody sends it
	}
	if o, err := openOffer(s.p.App.DB(), a.Reference, s.p.Now()); err == nil {
		data["Offer"], data["OfferUntil"] = when(time.UnixMilli(o.Starts), lang), when(time.UnixMilli(o.Expires), lang)
	} else if !errors.Is(err, base.ErrNotFound) {
		return err
	}
	for k, v := range more {
		data[k] = v
	}
	return s.p.Show(e, status, templates, template, base.View{Title: s.p.Words.In(lang, title), Data: data})
}

func (s *Service) enterPage(e *core.RequestEvent, status int, form url.Values, problems content.Problems) error {
	return s.p.Show(e, status, templates, "enter", base.View{Title: s.p.Words.In(base.Lang(e.Request), "appointment.enter.title"), Form: form, Problems: problems})
}

// enter takes the code of a personal link, typed from a short message or paper.
func (s *Service) enter(e *core.RequestEvent) error {
	values, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	code := strings.Trim(strings.TrimSpace(values.Get("code")), "/")
	if i := strings.LastIndex(code, "/"); i >= 0 { // the whole link
		code = code[i+1:]
	}
	if code == "" {
		return s.enterPage(e, http.StatusUnprocessableEntity, values, content.Problems{{Field: "code", Code: "required"}})
	}
	a, err := s.opened(code)
	if errors.Is(err, base.ErrNotFound) {
		return s.enterPage(e, http.StatusUnprocessableEntity, values, content.Problems{{Field: "code", Code: "appointment_code"}})
	}
	if err != nil {
		return err
	}
	s.setTicket(e, a.Reference)
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/termine/mein/")
}

// mine gives the booked appointment of the ticket; without one it leads to the
// page that asks for the code.
func (s *Service) mine(e *core.RequestEvent) (a Appointment, done bool, err error) {
	a, err = s.ticket(e)
	if errors.Is(err, base.ErrNotFound) || err == nil && a.State == Held {
		return a, true, e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/termine/mein/")
	}
	return a, err != nil, err
}

func (s *Service) calendarFile(e *core.RequestEvent) error {
	a, err := s.ticket(e)
	if err != nil {
		return err
	}
	if a.State == Held || a.State == Cancelled {
		return base.ErrNotFound
	}
	p, err := readPlan(s.p.App.DB())
	if err != nil {
		return err
	}
	e.Response.Header().Set("Cache-Control", "no-store")
	e.Response.Header().Set("Content-Disposition", `attachment; filename="termin.ics"`)
	return e.Blob(http.StatusOK, "text/calendar; charset=utf-8", []byte(s.calendar(p, a, ical.Publish)))
}

func (s *Service) showMove(e *core.RequestEvent) error {
	a, done, err := s.mine(e)
	if done {
		return err
	}
	return s.movePage(e, http.StatusOK, a, e.Request.URL.Query(), "")
}

func (s *Service) movePage(e *core.RequestEvent, status int, a Appointment, q url.Values, notice string) error {
	p, err := readPlan(s.p.App.DB())
	if err != nil {
		return err
	}
	c, err := s.days(p, p.named(a.codes()), Public, a.Reference, base.Lang(e.Request), q.Get("ab"), q.Get("tag"))
	if err != nil {
		return err
	}
	c.without(a)
	c.Query = ""
	return s.minePage(e, status, "move", "appointment.move.title", a, map[string]any{"Calendar": c, "Notice": notice})
}

func (s *Service) sendMove(e *core.RequestEvent) error {
	values, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	a, done, err := s.mine(e)
	if done {
		return err
	}
	start, err := time.Parse(time.RFC3339, values.Get("start"))
	if err != nil {
		return s.movePage(e, http.StatusUnprocessableEntity, a, values, "appointment.times.choose")
	}
	// Who moves on the web takes of what the web gives out.
	if _, err = s.Move(a.Reference, start, Public); errors.Is(err, ErrTaken) {
		return s.movePage(e, http.StatusConflict, a, values, "error.appointment_taken.text")
	}
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/termine/mein/?neu=verschoben")
}

func (s *Service) askCancel(e *core.RequestEvent) error {
	a, done, err := s.mine(e)
	if done {
		return err
	}
	return s.minePage(e, http.StatusOK, "cancel", "appointment.cancel.title", a, nil)
}

func (s *Service) sendCancel(e *core.RequestEvent) error {
	a, done, err := s.mine(e)
	if done {
		return err
	}
	if err := s.Cancel(a.Reference); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/termine/mein/")
}

func (s *Service) sendEarlier(e *core.RequestEvent) error {
	values, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	a, done, err := s.mine(e)
	if done {
		return err
	}
	yes := values.Get("warten") == "ja"
	if err := s.Earlier(a.Reference, yes); err != nil {
		return err
	}
	to := base.Prefix(base.Lang(e.Request)) + "/termine/mein/"
	if yes {
		to += "?neu=gemerkt"
	}
	return e.Redirect(http.StatusSeeOther, to)
}

func (s *Service) sendOffer(e *core.RequestEvent) error {
	values, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	a, done, err := s.mine(e)
	if done {
		return err
	}
	err = s.AnswerOffer(a.Reference, values.Get("antwort") == "ja")
	if errors.Is(err, ErrExpired) {
		return s.minePage(e, http.StatusConflict, "mine", "appointment.mine.title", a, map[string]any{"Notice": "appointment.offer.gone"})
	}
	if err != nil {
		return err
	}
	to := base.Prefix(base.Lang(e.Request)) + "/termine/mein/"
	if values.Get("antwort") == "ja" {
		to += "?neu=verschoben"
	}
	return e.Redirect(http.StatusSeeOther, to)
}

func (s *Service) closeMine(e *core.RequestEvent) error {
	e.SetCookie(&http.Cookie{Name: ticketName, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(s.p.Origin, "https:")})
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/termine/")
}
