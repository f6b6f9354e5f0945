package booking

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// bindCounter adds the counter's pages of bookings, and those of editors, which
// show no names.
func (s *Service) bindCounter(se *core.ServeEvent) {
	counter := base.Need(base.Counter, base.Admin)
	s.p.Route(se, "GET", "/schalter/veranstaltungen/{$}", s.staffList, counter)
	s.p.Route(se, "GET", "/schalter/veranstaltungen/{slug}/{$}", s.staffEvent, counter)
	s.p.Route(se, "POST", "/schalter/veranstaltungen/{slug}/{$}", s.sendStaffEvent, counter)
	editors := base.Need(base.Editor, base.Publisher, base.Admin)
	s.p.Route(se, "GET", "/redaktion/veranstaltungen/{slug}/buchungen/{$}", s.editorEvent, editors)
	s.p.Route(se, "POST", "/redaktion/veranstaltungen/{slug}/buchungen/{$}", s.sendMessage, editors)
}

// staffEventPage is one event at the counter: the only page that shows names.
type staffEventPage struct {
	staffEventRow
	Participants []participant
	Places       int // taken by the participants listed
	Searched     string
	Waiting      []participant
	Offers       []participant
	Blocks       []participant
	In           int // came in
	Key          string
	Channels     []string
	Over         bool
	Counted      []string
	Asked        bool // people are asked something, or choose a price
}

type participant struct {
	Claim
	Said      []string // of each person: name, price, answers
	PoolLabel string
	Made      string
	Until     string
}

func (s *Service) staffEvent(e *core.RequestEvent) error {
	return s.staffEventPage(e, http.StatusOK, "", nil, nil)
}

func (s *Service) staffEventPage(e *core.RequestEvent, status int, search string, form url.Values, problems content.Problems) error {
	slug := e.Request.PathValue("slug")
	db := s.p.App.DB()
	ev, found, err := anyEvent(db, slug)
	if err != nil || !found {
		return orNotFound(err)
	}
	rows, err := counters(db, s.p.Now(), slug)
	if err != nil {
		return err
	}
	var claims []Claim
	if err := db.NewQuery(`SELECT ` + claimColumns + ` FROM claims
		WHERE event = {:event} AND state IN ('active', 'pending', 'confirmed') ORDER BY CASE kind WHEN 'waiting' THEN queue ELSE 0 END, name COLLATE NOCASE, reference`).
		Bind(dbx.Params{"event": slug}).All(&claims); err != nil {
		return err
	}
	page := staffEventPage{
		staffEventRow: staffRow(ev, rows[slug]), Searched: search, Key: base.NewToken(),
		Channels: []string{Counter, Phone}, Over: isOver(ev, s.p.Now()),
	}
	if err := db.NewQuery(`SELECT count(*) FROM tickets WHERE event = {:event} AND checked_in IS NOT NULL`).Bind(dbx.Params{"event": slug}).Row(&page.In); err != nil {
		return err
	}
	tickets, err := bookedTickets(db, slug)
	if err != nil {
		return err
	}
	page.Counted, page.Asked = counted(ev, tickets), steps(ev)
	saying := map[string][]string{}
	for _, t := range tickets {
		if !page.Asked {
			break
		}
		person := append([]string{cmp.Or(t.Name, s.p.Words.In(content.German, "booking.person.open"))}, said(ev, t)...)
		if price, found := ev.PriceOf(t.Category); found {
			person = append(person, priceLabel(price, t.PriceCents, content.German))
		}
		saying[t.Reference] = append(saying[t.Reference], strings.Join(person, "; "))
	}
	for _, c := range claims {
		need, err := needOf(db, c.Reference)
		if err != nil {
			return err
		}
		p := participant{Claim: c, Said: saying[c.Reference], Made: stampOf(c.Created)}
		for _, pool := range ev.Pools {
			if n := need[pool.Code]; n > 0 {
				label, _ := poolLabel(ev, pool.Code, content.German)
				p.PoolLabel = strings.TrimPrefix(p.PoolLabel+", "+times(n, label), ", ")
			}
		}
		if c.Expires != 0 {
			p.Until = stampOf(c.Expires)
		}
		switch c.Kind {
		case KindBooking:
			if search == "" || matches(c, search) {
				page.Places += c.Places
				page.Participants = append(page.Participants, p)
			}
		case KindWaiting:
			page.Waiting = append(page.Waiting, p)
		case KindOffer:
			page.Offers = append(page.Offers, p)
		case KindBlock:
			page.Blocks = append(page.Blocks, p)
		}
	}
	return s.p.Show(e, status, templates, "staff-event", base.View{Title: page.Title, Data: page, Form: form, Problems: problems})
}

// bookedTickets are the places of an event that bookings have, by booking and number.
func bookedTickets(db dbx.Builder, event string) (list []Ticket, err error) {
	err = db.NewQuery(`SELECT ` + ticketColumns + ` FROM tickets WHERE event = {:event} AND released IS NULL
		AND reference IN (SELECT reference FROM claims WHERE event = {:event} AND kind = 'booking' AND state IN ('active', 'pending', 'confirmed'))
		ORDER BY reference, number`).Bind(dbx.Params{"event": event}).All(&list)
	return list, err
}

func matches(c Claim, search string) bool {
	s := strings.ToLower(search)
	return strings.Contains(strings.ToLower(c.Name), s) || strings.Contains(strings.ToLower(c.Email), s) || c.Reference == base.NormaliseReference(search)
}

// sendStaffEvent does what the counter may do with the bookings of an event. What
// is looked for is sent too, so that no name stands in an address.
func (s *Service) sendStaffEvent(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	slug, staff := e.Request.PathValue("slug"), base.Staff(e).Id
	reference := form.Get("reference")
	if reference != "" {
		c, err := s.claimOf(slug, reference)
		if err != nil {
			return err
		}
		reference = c.Reference
	}
	act := map[string]string{"zusagen": Approve, "ablehnen": Refuse, "stornieren": Cancel, "freigeben": Unblock, "annehmen": Accept}
	switch what := form.Get("tat"); what {
	case "suchen":
		return s.staffEventPage(e, http.StatusOK, strings.TrimSpace(form.Get("suche")), form, nil)
	case "zusagen", "ablehnen", "stornieren", "freigeben", "annehmen":
		_, _, err = s.Do(Act{What: act[what], Reference: reference, Staff: staff})
	case "buchen":
		err = s.bookAtCounter(slug, staff, form)
	case "sperren":
		err = s.blockAtCounter(slug, staff, form)
	default:
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	if problems, ok := err.(content.Problems); ok {
		return s.staffEventPage(e, http.StatusUnprocessableEntity, "", form, problems)
	}
	if why := asRefusal(err); why != nil && why.Status == http.StatusConflict {
		field := map[string]string{"buchen": "places", "sperren": "sperre"}[form.Get("tat")]
		if field == "" {
			return err
		}
		return s.staffEventPage(e, why.Status, "", form, content.Problems{{Field: field, Code: "door_" + why.Code}})
	}
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/schalter/veranstaltungen/"+slug+"/")
}

// claimOf finds a claim of an event, so that a page about one event changes no other.
func (s *Service) claimOf(slug, reference string) (Claim, error) {
	c, err := get(s.p.App.DB(), reference)
	if err == nil && c.Event != slug {
		err = base.ErrNotFound
	}
	return c, err
}

// bookAtCounter books for somebody who stands there or calls. Without an address
// nothing is mailed: the number on the page is what they take along.
func (s *Service) bookAtCounter(slug, staff string, form url.Values) error {
	channel := form.Get("weg")
	if !slices.Contains([]string{Counter, Phone}, channel) {
		channel = Counter
	}
	values := url.Values{"name": form["name"], "email": form["email"], "places": form["places"], "pool": form["pool"]}
	req, err := readForm(values)
	var problems content.Problems
	for _, p := range problemsOf(err) {
		if p.Field == "email" && p.Code == "required" {
			continue
		}
		problems = append(problems, p)
	}
	if len(problems) > 0 {
		return problems
	}
	if !isFormKey(form.Get("key")) {
		return base.Refuse(http.StatusBadRequest, "form_outdated")
	}
	_, _, err = s.Book(Order{Event: slug, Request: req, Language: content.German, Channel: channel, Staff: staff, Key: "counter:" + form.Get("key")})
	return err
}

func problemsOf(err error) content.Problems {
	problems, _ := err.(content.Problems)
	return problems
}

func (s *Service) blockAtCounter(slug, staff string, form url.Values) error {
	n, err := strconv.Atoi(strings.TrimSpace(form.Get("sperre")))
	note := strings.TrimSpace(form.Get("grund"))
	var problems content.Problems
	if err != nil || n < 1 {
		problems.Add("sperre", "not_integer")
	}
	if utf8.RuneCountInString(note) > 120 || !isLine(note) {
		problems.Add("grund", "too_long", "max", 120)
	}
	if len(problems) > 0 {
		return problems
	}
	_, err = s.Block(slug, form.Get("sperrpool"), n, note, staff)
	for i, p := range problemsOf(err) {
		if p.Field == "places" || p.Field == "pool" {
			problemsOf(err)[i].Field = "sperre"
		}
	}
	return err
}

type editorPage struct {
	staffEventRow
	Slug                               string
	Bookings, Booked, Waiting, Pending int
	In                                 int
	Key                                string
	Review                             bool
	Sent                               int
	Counted                            []string
}

func (s *Service) editorPage(slug string) (editorPage, error) {
	db := s.p.App.DB()
	ev, found, err := anyEvent(db, slug)
	if err != nil || !found {
		return editorPage{}, orNotFound(err)
	}
	rows, err := counters(db, s.p.Now(), slug)
	if err != nil {
		return editorPage{}, err
	}
	page := editorPage{staffEventRow: staffRow(ev, rows[slug]), Slug: slug, Key: base.NewToken()}
	err = db.NewQuery(`SELECT coalesce(sum(kind = 'booking'), 0), coalesce(sum(CASE kind WHEN 'booking' THEN places END), 0),
			coalesce(sum(kind IN ('waiting', 'offer')), 0), coalesce(sum(state = 'pending'), 0),
			(SELECT count(*) FROM tickets WHERE event = {:event} AND checked_in IS NOT NULL)
		FROM claims WHERE event = {:event} AND state IN ('active', 'pending', 'confirmed')`).Bind(dbx.Params{"event": slug}).
		Row(&page.Bookings, &page.Booked, &page.Waiting, &page.Pending, &page.In)
	if err != nil {
		return page, err
	}
	tickets, err := bookedTickets(db, slug)
	page.Counted = counted(ev, tickets)
	return page, err
}

func (s *Service) editorEvent(e *core.RequestEvent) error {
	return s.editorView(e, http.StatusOK, false, nil, nil)
}

func (s *Service) editorView(e *core.RequestEvent, status int, review bool, form url.Values, problems content.Problems) error {
	page, err := s.editorPage(e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	page.Review = review
	if isFormKey(form.Get("key")) {
		page.Key = form.Get("key")
	}
	return s.p.Show(e, status, templates, "staff-editors", base.View{Title: s.p.Words.In(content.German, "staff.editors.title", "event", page.Title), Data: page, Form: form, Problems: problems})
}

// Bounds of a message to everybody who booked.
const (
	MaxSubject = 150
	MaxMessage = 4000
)

// sendMessage writes to everybody who booked or waits, after it was shown once
// more with the number of people it goes to. Editors see nobody's address.
func (s *Service) sendMessage(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	slug := e.Request.PathValue("slug")
	subject, text := strings.TrimSpace(form.Get("betreff")), strings.TrimSpace(form.Get("nachricht"))
	var problems content.Problems
	switch {
	case subject == "":
		problems.Add("betreff", "required")
	case utf8.RuneCountInString(subject) > MaxSubject || !isLine(subject):
		problems.Add("betreff", "too_long", "max", MaxSubject)
	}
	switch {
	case text == "":
		problems.Add("nachricht", "required")
	case utf8.RuneCountInString(text) > MaxMessage:
		problems.Add("nachricht", "too_long", "max", MaxMessage)
	}
	if len(problems) > 0 {
		return s.editorView(e, http.StatusUnprocessableEntity, false, form, problems)
	}
	switch form.Get("schritt") {
	case "aendern":
		return s.editorView(e, http.StatusOK, false, form, nil)
	case "senden":
	default:
		return s.editorView(e, http.StatusOK, true, form, nil)
	}
	if !isFormKey(form.Get("key")) {
		return base.Refuse(http.StatusBadRequest, "form_outdated")
	}
	if _, err := s.message(slug, subject, text, form.Get("key")); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/redaktion/veranstaltungen/"+slug+"/buchungen/")
}

// message writes one mail order to each; the same key again writes none.
func (s *Service) message(slug, subject, text, key string) (n int, err error) {
	err = s.p.App.RunInTransaction(func(tx core.App) error {
		n = 0
		ev, found, err := anyEvent(tx.DB(), slug)
		if err != nil || !found {
			return orNotFound(err)
		}
		_, known, err := base.Recall(tx, Kind, base.Hash("message:"+slug+":"+key), s.mac("booking messages", subject+"\x00"+text))
		if err != nil || known {
			return err
		}
		var claims []Claim
		if err := tx.DB().NewQuery(`SELECT ` + claimColumns + ` FROM claims
			WHERE event = {:event} AND kind IN ('booking', 'waiting', 'offer') AND state IN ('active', 'pending', 'confirmed') AND email <> ''`).
			Bind(dbx.Params{"event": slug}).All(&claims); err != nil {
			return err
		}
		for _, c := range claims {
			w := s.p.Words
			payload, err := json.Marshal(hooks.Mail{
				To: c.Email, Name: c.Name, Lang: c.Language, Subject: subject,
				Text: text + "\n\n" + w.In(c.Language, "booking.message.why", "event", titleOf(ev, c.Language), "when", when(ev, c.Language), "reference", c.Reference),
			})
			if err != nil {
				return err
			}
			if err := s.p.PutOrder(tx, hooks.Order{
				Key: "mail:" + c.Reference + ":message:" + base.Hash(key)[:16], Provider: "mail", Kind: "mail", Subject: c.Reference, Partner: ev.Provider, Payload: payload,
			}); err != nil {
				return err
			}
			n++
		}
		return base.Remember(tx, s.p.Now(), Kind, base.Hash("message:"+slug+":"+key), s.mac("booking messages", subject+"\x00"+text), base.Remembered{Status: http.StatusSeeOther, Answer: "{}"})
	})
	if err == nil && n > 0 {
		s.p.WakeOrders()
	}
	return n, err
}
