package booking

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
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
		Pools: places(ev, rows[ev.Slug], lang), Key: base.NewToken(), Open: true,
	}
	if _, used := text(ev, lang); used != lang {
		page.EventLang = content.Locale(used)
	}
	page.Free = freePlaces(page.Pools)
	most := 0
	for _, pl := range page.Pools {
		most = max(most, pl.Free)
	}
	page.Max = strconv.Itoa(max(1, min(MaxPlaces, most)))
	return page, nil
}

// refused tells on the page why the event cannot be booked.
func (s *Service) refused(page *formPage, why *base.Error, lang string) error {
	page.Notice, page.Open = "error."+why.Code+".text", page.Free > 0 && why == ErrFull
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
	if why == nil && page.Free == 0 {
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
	if err == nil {
		a, _, err = s.Book(Order{Event: slug, Request: req, Language: lang, Channel: "web", Key: "form:" + key})
	}
	if err == nil {
		s.setTicket(e, a.Reference)
		return e.Redirect(http.StatusSeeOther, base.Prefix(lang)+"/buchungen/bestaetigung/")
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
}

func (s *Service) bookingPage(c Claim, lang string) (bookingPage, error) {
	ev, found, err := anyEvent(s.p.App.DB(), c.Event)
	if err != nil {
		return bookingPage{}, err
	}
	page := bookingPage{Claim: c, EventName: titleOf(ev, lang), When: when(ev, lang), Place: ev.Place}
	if _, used := text(ev, lang); used != lang {
		page.EventLang = content.Locale(used)
	}
	if len(ev.Pools) > 1 {
		label, used := poolLabel(ev, c.Pool, lang)
		page.PoolLabel = label
		if used != lang {
			page.PoolLang = content.Locale(used)
		}
	}
	_, err = s.events.published(s.p.App.DB(), c.Event)
	page.Public = err == nil
	page.CanCancel = (c.State == Active || c.State == Pending || c.State == Confirmed) && !(found && isOver(ev, s.p.Now()))
	return page, nil
}

// withTicket shows a template about the ticket's booking; without a ticket it
// leads to the page that asks for reference and secret.
func (s *Service) withTicket(e *core.RequestEvent, template, title string, change func(*bookingPage)) error {
	lang := base.Lang(e.Request)
	c, err := s.ticket(e)
	if err == base.ErrNotFound {
		return e.Redirect(http.StatusSeeOther, base.Prefix(lang)+"/buchungen/")
	}
	if err != nil {
		return err
	}
	page, err := s.bookingPage(c, lang)
	if err != nil {
		return err
	}
	if change != nil {
		change(&page)
	}
	return s.p.Show(e, http.StatusOK, templates, template, base.View{Title: s.p.Words.In(lang, title), Data: page})
}

func (s *Service) showReceipt(e *core.RequestEvent) error {
	return s.withTicket(e, "booking", "booking.receipt.title", func(page *bookingPage) {
		page.Secret = s.secret(page.Reference, page.Handed)
	})
}

func (s *Service) showBooking(e *core.RequestEvent) error {
	return s.withTicket(e, "booking", "booking.view.title", nil)
}

func (s *Service) askCancel(e *core.RequestEvent) error {
	return s.withTicket(e, "cancel", "booking.cancel.title", nil)
}

func (s *Service) sendCancel(e *core.RequestEvent) error {
	to := base.Prefix(base.Lang(e.Request)) + "/buchungen/"
	c, err := s.ticket(e)
	if err == base.ErrNotFound {
		return e.Redirect(http.StatusSeeOther, to)
	}
	if err != nil {
		return err
	}
	if _, err := s.Cancel(c.Reference); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, to+"ansicht/")
}

// closeBooking takes the ticket off this browser, for shared computers.
func (s *Service) closeBooking(e *core.RequestEvent) error {
	e.SetCookie(&http.Cookie{
		Name: ticketName, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(s.p.Origin, "https:"),
	})
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
