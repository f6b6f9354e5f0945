package booking

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/ical"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Mails to the citizen, also the middle of their words' keys.
const (
	mailConfirmed = "confirmed"
	mailRejected  = "rejected"
	mailCancelled = "cancelled"

	mailPending     = "pending"     // staff must approve
	mailWaiting     = "waiting"     // on the waiting list
	mailOffer       = "offer"       // from the waiting list
	mailOfferOver   = "offer_over"  // nobody accepted it in time
	mailChanged     = "changed"     // some tickets were given back
	mailTransferred = "transferred" // to the new holder
	mailHandedOver  = "handed_over" // to the old one
	mailRebooked    = "rebooked"    // to another date, as the holder asked
	mailMoved       = "moved"       // the event has another time or place, or takes place after all
	mailCalledOff   = "called_off"  // the event is cancelled
	mailReminder    = "reminder"
	mailAsked       = "asked" // to the questionnaire for those who came
)

// takesBack tells the mails whose calendar object cancels the entry.
func takesBack(what string) bool {
	return what == mailCancelled || what == mailHandedOver || what == mailCalledOff
}

// withSecret tells the mails to people who can do something with the booking.
func withSecret(what string) bool {
	switch what {
	case mailRejected, mailCancelled, mailHandedOver, mailCalledOff, mailOfferOver:
		return false
	}
	return true
}

// calendarDomain ends the UID of calendar entries. It never changes, wherever
// the platform runs: calendars know an entry by its UID for life. It is no host
// name, because nobody here may speak for one.
const calendarDomain = "servicepoint"

// putMail writes the order for one mail about a claim in the caller's
// transaction; withCalendar adds the iCalendar object.
func (s *Service) putMail(tx core.App, c Claim, what string, withCalendar bool) error {
	if c.Email == "" {
		return nil // erased by retention
	}
	ev, _, err := anyEvent(tx.DB(), c.Event)
	if err != nil {
		return err
	}
	return s.putMailOf(tx, ev, c, what, withCalendar)
}

// putMailOf is putMail for an event that the caller knows already.
func (s *Service) putMailOf(tx core.App, ev content.Event, c Claim, what string, withCalendar bool) error {
	if c.Email == "" {
		return nil
	}
	need, err := needOf(tx.DB(), c.Reference)
	if err != nil {
		return err
	}
	cents := -1
	if len(ev.Prices) > 0 {
		if err := tx.DB().NewQuery(`SELECT coalesce(sum(price_cents), 0) FROM tickets WHERE reference = {:reference} AND released IS NULL`).
			Bind(dbx.Params{"reference": c.Reference}).Row(&cents); err != nil {
			return err
		}
	}
	m := s.mail(ev, c, what, need, cents)
	if withCalendar {
		m.Method = ical.Request
		if takesBack(what) {
			m.Method = ical.Cancel
		}
		m.Calendar = s.calendar(ev, c, m.Method)
	}
	payload, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.p.PutOrder(tx, hooks.Order{
		Key:      "mail:" + c.Reference + ":" + what + ":" + strconv.Itoa(mailNumber(c, what)),
		Provider: "mail", Kind: "mail", Subject: c.Reference, Partner: ev.Provider, Payload: payload,
	})
}

// mailNumber tells apart mails of the same sort about one claim: those that can
// come again carry the claim's sequence, which rises with each.
func mailNumber(c Claim, what string) int {
	switch what {
	case mailChanged, mailTransferred, mailHandedOver, mailRebooked, mailMoved, mailCalledOff:
		return c.Sequence
	}
	return 1
}

// withTickets tells the mails that bring the tickets of a confirmed booking.
func withTickets(what string) bool {
	switch what {
	case mailConfirmed, mailChanged, mailTransferred, mailRebooked:
		return true
	}
	return false
}

// ticketsOf begins what a file of tickets is made of, see [Service.MakeFile].
const ticketsOf = "tickets:"

func (s *Service) mail(ev content.Event, c Claim, what string, need map[string]int, cents int) hooks.Mail {
	m := hooks.Mail{To: c.Email, Name: c.Name, Lang: c.Language}
	m.Subject, m.Text = s.letter(ev, c, what, need, cents, c.Language)
	if c.Language != content.German {
		_, m.German = s.letter(ev, c, what, need, cents, content.German)
	}
	if withTickets(what) {
		m.Attachments = []hooks.MailAttachment{{Name: ticketFileName, Type: "application/pdf", Made: ticketsOf + c.Reference}}
	}
	return m
}

// letter is the subject and the text of a mail; cents below 0: the event has no prices.
func (s *Service) letter(ev content.Event, c Claim, what string, need map[string]int, cents int, lang string) (subject, letter string) {
	w := s.p.Words
	title := titleOf(ev, lang)
	facts := []string{
		w.In(lang, "booking.event") + ": " + title,
		w.In(lang, "booking.when") + ": " + when(ev, lang),
	}
	if where := ev.Where(); where != "" {
		facts = append(facts, w.In(lang, "booking.where")+": "+where)
	}
	facts = append(facts, w.In(lang, "booking.places")+": "+fmt.Sprint(c.Places))
	if len(ev.Pools) > 1 {
		facts = append(facts, w.In(lang, "booking.pool")+": "+poolsOf(ev, need, lang))
	}
	if cents >= 0 {
		facts = append(facts, w.In(lang, "booking.total")+": "+content.Euros(cents, lang)+". "+w.In(lang, "booking.pay_there"))
	}
	if what == mailOffer {
		until := time.UnixMilli(c.Expires).In(content.Berlin)
		facts = append(facts, w.In(lang, "booking.until")+": "+day(until, lang)+", "+clock(until, lang))
	}
	facts = append(facts, w.In(lang, "booking.reference")+": "+c.Reference)
	link := s.p.Origin + base.Prefix(lang) + "/veranstaltungen/"
	if withSecret(what) {
		facts = append(facts, w.In(lang, "booking.secret")+": "+s.secret(c.Reference, c.Handed))
		link = s.link(c, lang)
	}
	// The name comes last: what people type is never searched for gaps.
	return w.In(lang, "booking.mail."+what+".subject", "title", title),
		w.In(lang, "booking.mail."+what+".text", "facts", strings.Join(facts, "\n"), "link", link, "cancel", link+"absagen/", "name", c.Name)
}

func (s *Service) calendar(ev content.Event, c Claim, method string) string {
	t, _ := text(ev, c.Language)
	e := ical.Event{
		UID:       c.Reference + "@" + calendarDomain,
		Sequence:  ev.Sequence + c.Sequence,
		Stamp:     s.p.Now(),
		Start:     ev.Start,
		End:       ev.End,
		AllDay:    ev.Precision == content.ToDay || ev.Precision == content.ToMonth,
		Summary:   titleOf(ev, c.Language),
		Location:  ev.Where(),
		URL:       s.p.Origin + base.Prefix(c.Language) + "/veranstaltungen/" + ev.Slug + "/",
		Status:    ical.Confirmed,
		Organizer: &ical.Address{Name: "Kassel Service Point", Email: s.Organiser},
		Attendee:  &ical.Address{Name: c.Name, Email: c.Email},
	}
	e.Description = strings.TrimSpace(t.Summary + "\n\n" + s.p.Words.In(c.Language, "booking.reference") + ": " + c.Reference)
	if method == ical.Cancel || ev.Cancelled {
		e.Status = ical.Cancelled
	}
	return string(ical.Calendar{Method: method, Events: []ical.Event{e}}.Bytes())
}

func titleOf(ev content.Event, lang string) string {
	if t, _ := text(ev, lang); t.Title != "" {
		return t.Title
	}
	return ev.Slug
}

// poolLabel names a pool and tells the language of the name; a pool that the
// event no longer has keeps its code.
func poolLabel(ev content.Event, code, lang string) (label, used string) {
	for _, pool := range ev.Pools {
		if label, used := pool.Label.In(lang); pool.Code == code && label != "" {
			return label, used
		}
	}
	return code, lang
}
