package booking

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// formPage is what the booking form shows.
type formPage struct {
	Event     content.Event
	EventName string
	EventLang string // lang attribute when the title is not in the page's language
	When      string
	Pools     []place
	Free      int
	Key       string // idempotency key, hidden in the form
	Max       string
	Notice    string // key of a sentence above the form
	Open      bool   // the form is shown
	Waiting   bool   // it is for the waiting list
	Mixed     bool   // places of several pools are counted one by one
	Steps     bool   // people are asked for on a second page
	Prices    []string
	Others    []otherEvent
}

type otherEvent struct {
	Slug, Title, Lang, When string
	Free                    int
}

func (s *Service) formPage(ev content.Event, lang string) (formPage, error) {
	rows, err := counters(s.p.App.DB(), s.p.Now(), ev.Slug)
	if err != nil {
		return formPage{}, err
	}
	page := formPage{
		Event: ev, EventName: titleOf(ev, lang), When: when(ev, lang),
		Pools: places(openPools(ev, s.p.Now()), rows[ev.Slug], lang), Key: base.NewToken(), Open: true,
		Mixed: slices.ContainsFunc(ev.Pools, func(p content.Pool) bool { return p.CompanionOf != "" }),
	}
	if _, used := text(ev, lang); used != lang {
		page.EventLang = content.Locale(used)
	}
	page.Free = freePlaces(page.Pools)
	most := 0
	for _, pl := range page.Pools {
		most = max(most, pl.Free)
	}
	page.Max = strconv.Itoa(max(1, min(ev.Booking.Most(), most)))
	page.Steps = steps(ev)
	for _, p := range ev.Prices {
		page.Prices = append(page.Prices, priceLabel(p, p.Cents, lang))
	}
	return page, nil
}

// steps reports whether a booking has a second page: for questions, or to choose prices.
func steps(ev content.Event) bool { return asked(ev) != nil || len(ev.Prices) > 1 }

// openPools is the event with the pools that citizens may book now.
func openPools(ev content.Event, now time.Time) content.Event {
	ev.Pools = slices.DeleteFunc(slices.Clone(ev.Pools), func(p content.Pool) bool { return heldBack(ev, p, now) })
	return ev
}

// refused tells on the page why the event cannot be booked.
func (s *Service) refused(page *formPage, why *base.Error, lang string) error {
	page.Notice, page.Open = "error."+why.Code+".text", page.Free > 0 && why == ErrFull
	if _, ok := offering(page.Event, s.p.Now()); ok && why == ErrFull && page.Event.Booking.WaitingList && len(page.Pools) > 0 {
		page.Notice, page.Open, page.Waiting = "booking.waiting.form", true, true
		page.Max = strconv.Itoa(page.Event.Booking.Most())
	}
	var err error
	page.Others, err = s.others(page.Event.Slug, lang)
	return err
}

// others offers the next events with free places.
func (s *Service) others(not, lang string) ([]otherEvent, error) {
	events, err := s.events.all(s.p.App.DB())
	if err != nil {
		return nil, err
	}
	rows, err := counters(s.p.App.DB(), s.p.Now(), "")
	if err != nil {
		return nil, err
	}
	var list []otherEvent
	for _, ev := range events {
		free := freePlaces(places(ev, rows[ev.Slug], lang))
		if ev.Slug == not || free == 0 || bookable(ev, s.p.Now()) != nil {
			continue
		}
		o := otherEvent{Slug: ev.Slug, Title: titleOf(ev, lang), When: when(ev, lang), Free: free}
		if _, used := text(ev, lang); used != lang {
			o.Lang = content.Locale(used)
		}
		if list = append(list, o); len(list) == 3 {
			break
		}
	}
	return list, nil
}

func (s *Service) showForm(e *core.RequestEvent) error {
	lang := base.Lang(e.Request)
	ev, err := s.events.published(s.p.App.DB(), e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	page, err := s.formPage(ev, lang)
	if err != nil {
		return err
	}
	why := asRefusal(bookable(ev, s.p.Now()))
	switch {
	case why == nil && ev.Booking.Opens.After(s.p.Now()):
		why = ErrNotOpen
	case why == nil && page.Free == 0:
		why = ErrFull
	}
	if why != nil {
		if err := s.refused(&page, why, lang); err != nil {
			return err
		}
	}
	return s.showFormPage(e, http.StatusOK, page, url.Values{"places": {"1"}}, nil)
}

func asRefusal(err error) *base.Error {
	var refusal *base.Error
	errors.As(err, &refusal)
	return refusal
}

func (s *Service) showFormPage(e *core.RequestEvent, status int, page formPage, form url.Values, problems content.Problems) error {
	return s.p.Show(e, status, templates, "form", base.View{
		Title: s.p.Words.In(base.Lang(e.Request), "booking.form.title"),
		Data:  page, Form: form, Problems: problems,
	})
}

func (s *Service) sendForm(e *core.RequestEvent) error {
	lang, slug := base.Lang(e.Request), e.Request.PathValue("slug")
	values, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	ev, err := s.events.published(s.p.App.DB(), slug)
	if err != nil {
		return err
	}
	key := values.Get("key")
	if !isFormKey(key) {
		return base.Refuse(http.StatusBadRequest, "form_outdated")
	}
	if values.Has(base.FieldLanguage) {
		page, err := s.formPage(ev, lang)
		if err != nil {
			return err
		}
		page.Key = key
		return s.showFormPage(e, http.StatusOK, page, values, nil)
	}
	req, err := readForm(values)
	var a Answer
	o := Order{Event: slug, Request: req, Language: lang, Channel: Web, Key: "form:" + key}
	next := "bestaetigung/"
	switch {
	case err != nil:
	case values.Get("warteliste") != "":
		a, _, err = s.Join(o)
		next = "ansicht/"
	case steps(ev):
		a, _, err = s.Hold(o)
		next = "angaben/"
	default:
		a, _, err = s.Book(o)
	}
	if err == nil {
		s.setTicket(e, a.Reference)
		return e.Redirect(http.StatusSeeOther, base.Prefix(lang)+"/buchungen/"+next)
	}
	return s.showAgain(e, ev, values, err)
}

// showAgain answers a form that could not be taken: everything typed is kept.
func (s *Service) showAgain(e *core.RequestEvent, ev content.Event, values url.Values, cause error) error {
	lang := base.Lang(e.Request)
	page, err := s.formPage(ev, lang)
	if err != nil {
		return err
	}
	var problems content.Problems
	if errors.As(cause, &problems) {
		page.Key = values.Get("key")
		page.Waiting = values.Get("warteliste") != ""
		return s.showFormPage(e, http.StatusUnprocessableEntity, page, values, problems)
	}
	why := asRefusal(cause)
	if why == nil || why == base.ErrNotFound {
		return cause
	}
	if why.Code == "key_reused" { // sent once, then changed and sent again
		page.Notice = "booking.form.changed"
		return s.showFormPage(e, why.Status, page, values, nil)
	}
	if err := s.refused(&page, why, lang); err != nil {
		return err
	}
	return s.showFormPage(e, why.Status, page, values, nil)
}

// isFormKey reports whether a key may come from our form.
func isFormKey(key string) bool {
	return len(key) == 32 && strings.Trim(key, alphabet) == ""
}

// The ticket is a cookie that lets this browser see one booking for a while, so
// that neither reference nor secret stands in an address.
const (
	ticketName = "buchung"
	ticketLife = 15 * time.Minute
)

func (s *Service) ticketMAC(reference string, expires int64) string {
	mac := hmac.New(sha256.New, s.p.Key("booking tickets"))
	mac.Write([]byte(reference + "." + strconv.FormatInt(expires, 10)))
	return hex.EncodeToString(mac.Sum(nil))
}

func (s *Service) setTicket(e *core.RequestEvent, reference string) {
	expires := s.p.Now().Add(ticketLife).Unix()
	e.SetCookie(&http.Cookie{
		Name: ticketName, Value: reference + "." + strconv.FormatInt(expires, 10) + "." + s.ticketMAC(reference, expires),
		Path: "/", MaxAge: int(ticketLife.Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(s.p.Origin, "https:"),
	})
}

// ticket returns the booking that the browser may see, base.ErrNotFound without one.
func (s *Service) ticket(e *core.RequestEvent) (Claim, error) {
	cookie, err := e.Request.Cookie(ticketName)
	if err != nil {
		return Claim{}, base.ErrNotFound
	}
	parts := strings.Split(cookie.Value, ".")
	if len(parts) != 3 {
		return Claim{}, base.ErrNotFound
	}
	expires, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || s.p.Now().Unix() >= expires || !hmac.Equal([]byte(parts[2]), []byte(s.ticketMAC(parts[0], expires))) {
		return Claim{}, base.ErrNotFound
	}
	return s.find(parts[0])
}

// bookingPage shows one booking to its owner.
type bookingPage struct {
	Claim
	EventName string
	EventLang string
	When      string
	Place     string
	PoolLabel string // empty when the event has one pool
	PoolLang  string // lang attribute when the label is not in the page's language
	Secret    string // on the confirmation page only
	CanCancel bool
	Public    bool // the event's page exists
	CanChange bool // a booking that stands, of an event that is not over
	Before    int  // groups in the waiting list before this one
	Until     string
	Over      bool
}

func (s *Service) bookingPage(c Claim, lang string) (bookingPage, error) {
	ev, found, err := anyEvent(s.p.App.DB(), c.Event)
	if err != nil {
		return bookingPage{}, err
	}
	page := bookingPage{Claim: c, EventName: titleOf(ev, lang), When: when(ev, lang), Place: ev.Where()}
	if _, used := text(ev, lang); used != lang {
		page.EventLang = content.Locale(used)
	}
	if len(ev.Pools) > 1 {
		need, err := needOf(s.p.App.DB(), c.Reference)
		if err != nil {
			return page, err
		}
		_, used := poolLabel(ev, c.Pool, lang)
		page.PoolLabel = poolsOf(ev, need, lang)
		if used != lang {
			page.PoolLang = content.Locale(used)
		}
	}
	_, err = s.events.published(s.p.App.DB(), c.Event)
	page.Public, err = err == nil, nil
	now := s.p.Now()
	page.Over = found && isOver(ev, now)
	open := c.State == Active || c.State == Pending || c.State == Confirmed
	page.CanChange = c.booked() && !page.Over
	late := !ev.Booking.CancelUntil.IsZero() && !now.Before(ev.Booking.CancelUntil)
	page.CanCancel = open && !page.Over && (c.Kind == KindWaiting || c.Kind == KindBooking && !late)
	if c.Kind == KindWaiting && c.State == Active {
		if page.Before, _, err = s.Position(c); err != nil {
			return page, err
		}
	}
	if c.Expires != 0 {
		page.Until = moment(time.UnixMilli(c.Expires), lang)
	}
	return page, nil
}

func (s *Service) showReceipt(e *core.RequestEvent) error {
	c, ev, ok, err := s.own(e)
	if !ok {
		return err
	}
	lang := base.Lang(e.Request)
	page, err := s.ownPage(c, ev, lang)
	if err != nil {
		return err
	}
	page.Secret = s.secret(page.Reference, page.Handed)
	return s.p.Show(e, http.StatusOK, templates, "booking", base.View{Title: s.p.Words.In(lang, "booking.receipt.title"), Data: page})
}

func (s *Service) showBooking(e *core.RequestEvent) error {
	c, ev, ok, err := s.own(e)
	if !ok {
		return err
	}
	if c.Kind == KindHold && c.State == Active {
		return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/buchungen/angaben/")
	}
	lang := base.Lang(e.Request)
	page, err := s.ownPage(c, ev, lang)
	if err != nil {
		return err
	}
	if page.Asking, err = s.asking(c, ev, lang); err != nil {
		return err
	}
	return s.p.Show(e, http.StatusOK, templates, "booking", base.View{Title: s.p.Words.In(lang, "booking.view.title"), Data: page})
}

func (s *Service) askCancel(e *core.RequestEvent) error {
	return s.cancelPage(e, http.StatusOK, nil)
}

func (s *Service) cancelPage(e *core.RequestEvent, status int, problems content.Problems) error {
	c, ev, ok, err := s.own(e)
	if !ok {
		return err
	}
	lang := base.Lang(e.Request)
	page, err := s.ownPage(c, ev, lang)
	if err != nil {
		return err
	}
	return s.p.Show(e, status, templates, "cancel", base.View{Title: s.p.Words.In(lang, "booking.cancel.title"), Data: page, Problems: problems})
}

// sendCancel gives the chosen places back, or all of them.
func (s *Service) sendCancel(e *core.RequestEvent) error {
	values, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	c, _, ok, err := s.own(e)
	if !ok {
		return err
	}
	list, err := numbers(values)
	if err == nil && values.Get("art") == "teil" && len(list) == 0 {
		err = content.Problems{{Field: "platz", Code: "required"}}
	}
	if err == nil {
		if values.Get("art") != "teil" {
			list = nil
		}
		_, _, err = s.Do(Act{What: Cancel, Reference: c.Reference, Numbers: list})
	}
	var problems content.Problems
	switch {
	case errors.As(err, &problems):
		for i := range problems {
			problems[i].Field = "platz"
		}
		return s.cancelPage(e, http.StatusUnprocessableEntity, problems)
	case err != nil && asRefusal(err) != nil && asRefusal(err).Code == ErrState.Code: // it had ended
	case err != nil:
		return err
	}
	return home(e)
}

// dropTicket takes the cookie off this browser.
func (s *Service) dropTicket(e *core.RequestEvent) {
	e.SetCookie(&http.Cookie{
		Name: ticketName, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(s.p.Origin, "https:"),
	})
}

// closeBooking takes the ticket off this browser, for shared computers.
func (s *Service) closeBooking(e *core.RequestEvent) error {
	s.dropTicket(e)
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/buchungen/")
}

func (s *Service) showLookup(e *core.RequestEvent) error {
	return s.showLookupPage(e, http.StatusOK, nil, nil)
}

func (s *Service) showLookupPage(e *core.RequestEvent, status int, form url.Values, problems content.Problems) error {
	return s.p.Show(e, status, templates, "lookup", base.View{
		Title: s.p.Words.In(base.Lang(e.Request), "booking.lookup.title"), Form: form, Problems: problems,
	})
}

func (s *Service) sendLookup(e *core.RequestEvent) error {
	values, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	reference, secret := base.NormaliseReference(values.Get("reference")), strings.TrimSpace(values.Get("secret"))
	var problems content.Problems
	if reference == "" {
		problems.Add("reference", "required")
	}
	if secret == "" {
		problems.Add("secret", "required")
	}
	if len(problems) > 0 {
		return s.showLookupPage(e, http.StatusUnprocessableEntity, values, problems)
	}
	if !s.mayTry(e, reference) {
		return base.Refuse(http.StatusTooManyRequests, "too_many_requests")
	}
	answerAt := time.After(s.Pause)
	ok, err := s.opens(reference, secret)
	if err != nil {
		return err
	}
	if !ok {
		select {
		case <-answerAt:
		case <-e.Request.Context().Done():
		}
		problems.Add("reference", "wrong_pair")
		values.Del("secret")
		return s.showLookupPage(e, http.StatusUnprocessableEntity, values, problems)
	}
	s.setTicket(e, reference)
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/buchungen/ansicht/")
}

// mayTry limits guessing per visitor and per reference, known or not. In the
// demo the machine itself is exempt, so that load tools work.
func (s *Service) mayTry(e *core.RequestEvent, reference string) bool {
	if s.p.Exempt(e) {
		return true
	}
	now := s.p.Now()
	if _, wait := s.byIP.Take(base.Network(e.RealIP()), now); wait > 0 {
		return false
	}
	_, wait := s.byNumber.Take(base.Hash(reference), now)
	return wait == 0
}
