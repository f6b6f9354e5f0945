package booking

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// bindOwn adds the pages on which holders see and change what is theirs. None of
// their addresses says whose it is: the cookie does.
func (s *Service) bindOwn(se *core.ServeEvent) {
	page := func(method, path string, h base.Handler) { s.p.RoutePublic(se, method, "/buchungen/"+path, h) }
	page("GET", "l/{token}/{$}", s.openLink)
	page("GET", "l/{token}/absagen/{$}", s.openLink)
	page("GET", "angaben/{$}", s.showDetails)
	page("POST", "angaben/{$}", s.sendDetails)
	page("POST", "angebot/{$}", s.answerOffer)
	page("GET", "karten/{$}", s.showTickets)
	page("GET", "karten/eintrittskarten.pdf", s.ticketFile)
	page("GET", "aendern/{$}", s.showPeople)
	page("POST", "aendern/{$}", s.sendPeople)
	page("GET", "weitergeben/{$}", s.showTransfer)
	page("POST", "weitergeben/{$}", s.sendTransfer)
	page("GET", "umbuchen/{$}", s.showMove)
	page("POST", "umbuchen/{$}", s.sendMove)
	page("GET", "fragebogen/{$}", func(e *core.RequestEvent) error { return home(e) })
	page("POST", "fragebogen/{$}", s.givePasses)
}

// openLink exchanges the secret of a personal link for the cookie and leads on to an
// address without it, so that no later page, no Referer and no entry of the history
// holds it. Opening changes nothing: programs that look through mails do it too.
func (s *Service) openLink(e *core.RequestEvent) error {
	to := base.Prefix(base.Lang(e.Request)) + "/buchungen/"
	e.Response.Header().Set("Referrer-Policy", "no-referrer")
	e.Response.Header().Set("Cache-Control", "no-store")
	token := e.Request.PathValue("token")
	if len(token) != linkLength || strings.Trim(token, alphabet) != "" {
		return e.Redirect(http.StatusSeeOther, to)
	}
	if !s.p.Exempt(e) {
		if _, wait := s.byIP.Take(base.Network(e.RealIP()), s.p.Now()); wait > 0 {
			return base.Refuse(http.StatusTooManyRequests, "too_many_requests")
		}
	}
	c, err := s.FindByLink(token)
	if err == base.ErrNotFound {
		return e.Redirect(http.StatusSeeOther, to)
	}
	if err != nil {
		return err
	}
	s.setTicket(e, c.Reference)
	if strings.HasSuffix(e.Request.URL.Path, "/absagen/") {
		return e.Redirect(http.StatusSeeOther, to+"stornieren/")
	}
	return e.Redirect(http.StatusSeeOther, to+"ansicht/")
}

// linkLength is how many characters a link's secret has, 5 bits each.
const linkLength = 32

// link is the address of the personal link, for mails. It opens the booking alone, so
// it stands in no page, log or other address.
func (s *Service) link(c Claim, lang string) string {
	return s.p.Origin + base.Prefix(lang) + "/buchungen/l/" + s.LinkToken(c) + "/"
}

// own gives what the browser's cookie opens, with its event; found is false when
// the answer was a redirect to the page that asks for reference and secret.
func (s *Service) own(e *core.RequestEvent) (c Claim, ev content.Event, found bool, err error) {
	c, err = s.ticket(e)
	if err == base.ErrNotFound {
		return c, ev, false, e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/buchungen/")
	}
	if err != nil {
		return c, ev, false, err
	}
	ev, _, err = anyEvent(s.p.App.DB(), c.Event)
	return c, ev, err == nil, err
}

// home leads back to the page of the booking.
func home(e *core.RequestEvent) error {
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/buchungen/ansicht/")
}

// person is a place with the one who is to take it, as forms and pages show it.
type person struct {
	Ticket
	PoolLabel string
	PoolLang  string
	In        bool
	Asked     []question
	Price     string   // category and price, in words; empty: the event has no prices
	Prices    []choice // to choose from, in the form of a hold
}

// priceField names the field of a person's price category.
func priceField(number int) string { return "preis-" + strconv.Itoa(number) }

// prices offers the categories of an event for one place, in the order of the event.
func prices(ev content.Event, chosen, lang string) (list []choice) {
	for i, p := range ev.Prices {
		c := choice{Code: p.Code, Label: priceLabel(p, p.Cents, lang), Chosen: p.Code == chosen || chosen == "" && i == 0}
		list = append(list, c)
	}
	return list
}

// priceLabel is a category with what it costs (or did, when it was booked).
func priceLabel(p content.Price, cents int, lang string) string {
	label, _ := p.Label.In(lang)
	return cmp.Or(label, p.Code) + ", " + content.Euros(cents, lang)
}

// total is what the places of a claim cost together, in words; empty when the event has no prices.
func total(ev content.Event, list []person, lang string) string {
	if len(ev.Prices) == 0 || len(list) == 0 {
		return ""
	}
	sum := 0
	for _, p := range list {
		sum += p.PriceCents
	}
	return content.Euros(sum, lang)
}

// people lists the places of a claim that were not given back.
func (s *Service) people(c Claim, ev content.Event, lang string) ([]person, error) {
	tickets, err := s.Tickets(s.p.App.DB(), c.Reference)
	if err != nil {
		return nil, err
	}
	var list []person
	for _, t := range tickets {
		if t.Released != 0 {
			continue
		}
		p := person{Ticket: t, In: t.CheckedIn != 0}
		label, used := poolLabel(ev, t.Pool, lang)
		p.PoolLabel = label
		if used != lang {
			p.PoolLang = content.Locale(used)
		}
		if price, found := ev.PriceOf(t.Category); found {
			p.Price = priceLabel(price, t.PriceCents, lang)
		}
		list = append(list, p)
	}
	return list, nil
}

// ownPage is what the pages of one's own booking show.
type ownPage struct {
	bookingPage
	People  []person
	Expires string // of a hold or an offer
	Free    bool
	Review  bool
	Changed bool
	Others  []otherEvent // other dates
	Total   string       // what all places cost
	Watch   string       // address of the stream
	Live    bool         // questions and polls are open
	CanMove bool         // another date has room for it
	Asking  *askedNow    // the questionnaire for those who came
	Sent    url.Values   // hidden in the review
}

func (s *Service) ownPage(c Claim, ev content.Event, lang string) (ownPage, error) {
	p, err := s.bookingPage(c, lang)
	if err != nil {
		return ownPage{}, err
	}
	page := ownPage{bookingPage: p}
	if c.Expires != 0 {
		page.Expires = moment(time.UnixMilli(c.Expires), lang)
	}
	if page.People, err = s.people(c, ev, lang); err != nil {
		return page, err
	}
	if page.CanChange {
		others, err := s.otherDates(c, ev, lang)
		if err != nil {
			return page, err
		}
		page.CanMove = len(others) > 0
	}
	page.Total = total(ev, page.People, lang)
	if page.Kind == KindBooking && page.State == Confirmed && !page.Over && !ev.Cancelled {
		page.Watch = ev.Stream
		page.Live = page.Public
	}
	return page, nil
}

// moment is a time of day, with its day when that is not today's.
func moment(t time.Time, lang string) string {
	local := t.In(content.Berlin)
	return day(local, lang) + ", " + clock(local, lang)
}

// readPeople reads names and answers of each place out of a form. Names are only
// needed where the event asks questions of every person.
func readPeople(ev content.Event, list []person, form url.Values) ([]Wish, content.Problems) {
	var problems content.Problems
	wishes := make([]Wish, len(list))
	for i := range list {
		field := "name-" + strconv.Itoa(list[i].Number)
		w := Wish{Pool: list[i].Pool, Name: strings.TrimSpace(form.Get(field)), Category: list[i].Category}
		if price := priceField(list[i].Number); form.Has(price) {
			if w.Category = form.Get(price); !w.priced(ev) {
				problems.Add(price, "unknown_option")
			}
		}
		switch {
		case w.Name == "":
		case utf8.RuneCountInString(w.Name) > MaxName:
			problems.Add(field, "too_long", "max", MaxName)
		case !isLine(w.Name) || !content.IsName(w.Name):
			problems.Add(field, "not_text")
		}
		answers, more := answersOf(ev, list[i].Number, form)
		problems = append(problems, more...)
		w.Answers = answers
		wishes[i] = w
	}
	return wishes, problems
}

// fillPeople puts what was typed, or else what is kept, into the questions of each person.
func fillPeople(ev content.Event, list []person, form url.Values, lang string) {
	for i := range list {
		list[i].Asked = questionsOf(ev, list[i].Ticket, form, lang)
	}
}

// peopleForm is the form as it stands in the database.
func peopleForm(list []person) url.Values {
	form := url.Values{}
	for _, p := range list {
		form.Set("name-"+strconv.Itoa(p.Number), p.Name)
		putAnswers(form, p.Ticket)
	}
	return form
}

func (s *Service) showDetails(e *core.RequestEvent) error {
	c, ev, ok, err := s.own(e)
	if !ok {
		return err
	}
	return s.details(e, http.StatusOK, c, ev, nil, nil, false)
}

// details is the second step of a booking: who comes, while the places are held.
// Review shows it to be read once more before it is sent.
func (s *Service) details(e *core.RequestEvent, status int, c Claim, ev content.Event, form url.Values, problems content.Problems, review bool) error {
	lang := base.Lang(e.Request)
	if c.Kind != KindHold {
		return home(e)
	}
	s.setTicket(e, c.Reference) // filling in may take longer than the cookie lives
	page, err := s.ownPage(c, ev, lang)
	if err != nil {
		return err
	}
	if form == nil {
		form = peopleForm(page.People)
		if len(page.People) > 0 && page.People[0].Name == "" {
			form.Set("name-"+strconv.Itoa(page.People[0].Number), c.Name)
		}
	}
	fillPeople(ev, page.People, form, lang)
	for i := range page.People {
		p := &page.People[i]
		p.Name = form.Get("name-" + strconv.Itoa(p.Number))
		chosen := cmp.Or(form.Get(priceField(p.Number)), p.Category)
		p.Prices = prices(ev, chosen, lang)
		if price, found := ev.PriceOf(chosen); found {
			p.Price, p.PriceCents = priceLabel(price, price.Cents, lang), price.Cents
		}
	}
	page.Total = total(ev, page.People, lang)
	page.Review = review
	page.Free = c.State == Active && !c.ranOut(s.p.Now())
	if review {
		page.Sent = url.Values{}
		for k, v := range form {
			if strings.HasPrefix(k, "name-") || strings.HasPrefix(k, "q-") || strings.HasPrefix(k, "preis-") {
				page.Sent[k] = v
			}
		}
	}
	title := "booking.details.title"
	if review {
		title = "booking.review.title"
	}
	return s.p.Show(e, status, templates, "details", base.View{Title: s.p.Words.In(lang, title), Data: page, Form: form, Problems: problems})
}

func (s *Service) sendDetails(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	c, ev, ok, err := s.own(e)
	if !ok {
		return err
	}
	lang := base.Lang(e.Request)
	switch step := form.Get("schritt"); step {
	case "verlaengern":
		if _, _, err := s.Do(Act{What: Extend, Reference: c.Reference}); err != nil && asRefusal(err) != ErrRanOut {
			return err
		}
		if c, err = s.find(c.Reference); err != nil {
			return err
		}
		return s.details(e, http.StatusOK, c, ev, form, nil, false)
	case "abbrechen":
		if _, _, err := s.Do(Act{What: Release, Reference: c.Reference}); err != nil && asRefusal(err) != ErrState {
			return err
		}
		return e.Redirect(http.StatusSeeOther, base.Prefix(lang)+"/veranstaltungen/"+c.Event+"/buchen/")
	case "aendern":
		return s.details(e, http.StatusOK, c, ev, form, nil, false)
	}
	if form.Has(base.FieldLanguage) {
		return s.details(e, http.StatusOK, c, ev, form, nil, false)
	}
	if c.Kind == KindBooking { // sent twice
		return e.Redirect(http.StatusSeeOther, base.Prefix(lang)+"/buchungen/bestaetigung/")
	}
	list, err := s.people(c, ev, lang)
	if err != nil {
		return err
	}
	wishes, problems := readPeople(ev, list, form)
	if len(problems) > 0 {
		return s.details(e, http.StatusUnprocessableEntity, c, ev, form, problems, false)
	}
	if form.Get("schritt") != "buchen" {
		return s.details(e, http.StatusOK, c, ev, form, nil, true)
	}
	_, _, err = s.Do(Act{What: Confirm, Reference: c.Reference, Language: lang, Request: Request{Tickets: wishes}})
	if asRefusal(err) == ErrRanOut {
		if c, err = s.find(c.Reference); err != nil {
			return err
		}
		return s.details(e, http.StatusConflict, c, ev, form, nil, false)
	}
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, base.Prefix(lang)+"/buchungen/bestaetigung/")
}

func (s *Service) answerOffer(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	c, _, ok, err := s.own(e)
	if !ok {
		return err
	}
	what := map[string]string{"ja": Accept, "nein": Decline}[form.Get("antwort")]
	if what == "" {
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	if _, _, err := s.Do(Act{What: what, Reference: c.Reference}); err != nil && asRefusal(err) != ErrState {
		return err // ErrState: answered before
	}
	return home(e)
}

func (s *Service) showPeople(e *core.RequestEvent) error {
	c, ev, ok, err := s.own(e)
	if !ok {
		return err
	}
	return s.peoplePage(e, http.StatusOK, c, ev, nil, nil)
}

func (s *Service) peoplePage(e *core.RequestEvent, status int, c Claim, ev content.Event, form url.Values, problems content.Problems) error {
	lang := base.Lang(e.Request)
	if !c.booked() || isOver(ev, s.p.Now()) {
		return home(e)
	}
	page, err := s.ownPage(c, ev, lang)
	if err != nil {
		return err
	}
	if form == nil {
		form = peopleForm(page.People)
	}
	fillPeople(ev, page.People, form, lang)
	return s.p.Show(e, status, templates, "people", base.View{Title: s.p.Words.In(lang, "booking.people.title"), Data: page, Form: form, Problems: problems})
}

func (s *Service) sendPeople(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	c, ev, ok, err := s.own(e)
	if !ok {
		return err
	}
	lang := base.Lang(e.Request)
	list, err := s.people(c, ev, lang)
	if err != nil {
		return err
	}
	if form.Has(base.FieldLanguage) {
		return s.peoplePage(e, http.StatusOK, c, ev, form, nil)
	}
	wishes, problems := readPeople(ev, list, form)
	if len(problems) > 0 {
		return s.peoplePage(e, http.StatusUnprocessableEntity, c, ev, form, problems)
	}
	if !c.booked() || isOver(ev, s.p.Now()) {
		return home(e)
	}
	for i, w := range wishes {
		if w.Name == list[i].Name && string(w.Answers) == list[i].Answers {
			continue
		}
		if err := s.SetTicket(c.Reference, list[i].Number, w.Name, w.Answers, ""); err != nil {
			return err
		}
	}
	return home(e)
}

func (s *Service) showTransfer(e *core.RequestEvent) error {
	c, ev, ok, err := s.own(e)
	if !ok {
		return err
	}
	return s.transferPage(e, http.StatusOK, c, ev, nil, nil)
}

func (s *Service) transferPage(e *core.RequestEvent, status int, c Claim, ev content.Event, form url.Values, problems content.Problems) error {
	lang := base.Lang(e.Request)
	page, err := s.ownPage(c, ev, lang)
	if err != nil {
		return err
	}
	return s.p.Show(e, status, templates, "transfer", base.View{Title: s.p.Words.In(lang, "booking.transfer.title"), Data: page, Form: form, Problems: problems})
}

func (s *Service) sendTransfer(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	c, ev, ok, err := s.own(e)
	if !ok {
		return err
	}
	lang := base.Lang(e.Request)
	req, err := Request{Name: form.Get("name"), Email: form.Get("email"), Places: 1}.checked(nil)
	if problems, bad := err.(content.Problems); bad {
		return s.transferPage(e, http.StatusUnprocessableEntity, c, ev, form, problems)
	}
	if _, _, err := s.Do(Act{What: Transfer, Reference: c.Reference, Language: lang, Request: Request{Name: req.Name, Email: req.Email}}); err != nil {
		return err
	}
	s.dropTicket(e) // it belongs to somebody else now
	page, err := s.ownPage(c, ev, lang)
	if err != nil {
		return err
	}
	return s.p.Show(e, http.StatusOK, templates, "gone", base.View{Title: s.p.Words.In(lang, "booking.transfer.done"), Data: page})
}

// otherDates lists the dates of the same series that a booking may move to.
func (s *Service) otherDates(c Claim, ev content.Event, lang string) ([]otherEvent, error) {
	need, err := needOf(s.p.App.DB(), c.Reference)
	if err != nil {
		return nil, err
	}
	events, err := s.events.all(s.p.App.DB())
	if err != nil {
		return nil, err
	}
	rows, err := counters(s.p.App.DB(), s.p.Now(), "")
	if err != nil {
		return nil, err
	}
	now := s.p.Now()
	var list []otherEvent
	for _, other := range events {
		if !ev.SameSeries(other) || bookable(other, now) != nil || other.Booking.Opens.After(now) {
			continue
		}
		fits := true
		for pool, n := range need {
			at := slices.IndexFunc(other.Pools, func(p content.Pool) bool { return p.Code == pool })
			fits = fits && at >= 0 && rows[other.Slug][pool].free() >= n && !heldBack(other, other.Pools[at], now)
		}
		if !fits {
			continue
		}
		o := otherEvent{Slug: other.Slug, Title: titleOf(other, lang), When: when(other, lang), Free: freePlaces(places(other, rows[other.Slug], lang))}
		if _, used := text(other, lang); used != lang {
			o.Lang = content.Locale(used)
		}
		list = append(list, o)
	}
	return list, nil
}

func (s *Service) showMove(e *core.RequestEvent) error {
	c, ev, ok, err := s.own(e)
	if !ok {
		return err
	}
	return s.movePage(e, http.StatusOK, c, ev, nil, nil)
}

func (s *Service) movePage(e *core.RequestEvent, status int, c Claim, ev content.Event, form url.Values, problems content.Problems) error {
	lang := base.Lang(e.Request)
	page, err := s.ownPage(c, ev, lang)
	if err != nil {
		return err
	}
	if page.CanChange {
		if page.Others, err = s.otherDates(c, ev, lang); err != nil {
			return err
		}
	}
	return s.p.Show(e, status, templates, "move", base.View{Title: s.p.Words.In(lang, "booking.move.title"), Data: page, Form: form, Problems: problems})
}

func (s *Service) sendMove(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	c, ev, ok, err := s.own(e)
	if !ok {
		return err
	}
	to := form.Get("termin")
	if to == "" || !content.IsSlug(to) {
		return s.movePage(e, http.StatusUnprocessableEntity, c, ev, form, content.Problems{{Field: "termin", Code: "required"}})
	}
	_, _, err = s.Do(Act{What: Move, Reference: c.Reference, Event: to})
	if why := asRefusal(err); why == ErrFull || why == ErrClosed || why == ErrOtherEvent {
		return s.movePage(e, http.StatusConflict, c, ev, form, content.Problems{{Field: "termin", Code: "date_gone"}})
	}
	if err != nil {
		return err
	}
	return home(e)
}

// numbers reads which places are to be given back.
func numbers(form url.Values) (list []int, err error) {
	for _, v := range form["platz"] {
		n, err := strconv.Atoi(v)
		if err != nil {
			return nil, content.Problems{{Field: "platz", Code: "unknown_option"}}
		}
		list = append(list, n)
	}
	return list, nil
}

func times(n int, label string) string { return fmt.Sprintf("%d × %s", n, label) }
