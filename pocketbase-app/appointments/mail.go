package appointments

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/ical"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// calendarDomain ends the UID of calendar entries and never changes.
const calendarDomain = "servicepoint"

// link is the personal link of an appointment; what is "" or a page of it.
func (s *Service) link(a Appointment, what string) string {
	link := s.p.Origin + base.Prefix(a.Language) + "/termine/zugang/" + s.secret(a.Reference) + "/"
	if what != "" {
		link += what + "/"
	}
	return link
}

// write puts the order of a mail or short message about an appointment: what is
// confirmed, moved, cancelled or reminder. Orders with a personal link are stored
// sealed and erased once they are delivered.
func (s *Service) write(tx core.App, a Appointment, what string) error {
	return s.put(tx, a, what, fmt.Sprint(a.Sequence), nil)
}

// writeOffer tells somebody of an earlier time.
func (s *Service) writeOffer(tx core.App, a Appointment, o Offer) error {
	return s.put(tx, a, "offer", fmt.Sprint(o.ID), &o)
}

func (s *Service) put(tx core.App, a Appointment, what, nth string, o *Offer) error {
	order := hooks.Order{Key: "appointment:" + a.Reference + ":" + what + ":" + nth, Kind: base.PrivateMail, Subject: a.Reference}
	p, err := readPlan(tx.DB())
	if err != nil {
		return err
	}
	var payload any
	switch {
	case a.Email != "":
		order.Provider = "mail"
		payload = s.mail(p, a, what, o)
	case a.Phone != "" && s.SMS:
		order.Provider = "sms"
		payload = hooks.SMS{To: a.Phone, Text: s.p.Words.In(a.Language, "appointment.sms."+what, s.gaps(p, a, what, a.Language, o)...)}
	default:
		return nil // no contact, or retention has taken it
	}
	if order.Payload, err = json.Marshal(payload); err != nil {
		return err
	}
	return s.p.PutOrder(tx, order)
}

func (s *Service) gaps(p *plan, a Appointment, what, lang string, o *Offer) []any {
	link := s.link(a, "")
	if what == "cancelled" {
		link = s.p.Origin + base.Prefix(lang) + "/termine/"
	}
	gaps := []any{"when", when(a.Start(), lang), "place", placeLine(p.Place), "services", names(p.named(a.codes()), lang),
		"reference", a.Reference, "link", link, "cancel", s.link(a, "absagen")}
	if o != nil {
		gaps = append(gaps, "offered", when(time.UnixMilli(o.Starts), lang), "until", when(time.UnixMilli(o.Expires), lang))
	}
	// The name comes last: what people type is never searched for gaps.
	return append(gaps, "name", a.Name)
}

func (s *Service) mail(p *plan, a Appointment, what string, o *Offer) hooks.Mail {
	w := s.p.Words
	m := hooks.Mail{
		To: a.Email, Name: a.Name, Lang: a.Language,
		Subject: w.In(a.Language, "appointment.mail."+what+".subject", s.gaps(p, a, what, a.Language, o)...),
		Text:    w.In(a.Language, "appointment.mail."+what+".text", s.gaps(p, a, what, a.Language, o)...),
	}
	if a.Language != content.German {
		m.German = w.In(content.German, "appointment.mail."+what+".text", s.gaps(p, a, what, content.German, o)...)
	}
	switch what {
	case "confirmed", "moved":
		m.Method = ical.Request
	case "cancelled":
		m.Method = ical.Cancel
	}
	if m.Method != "" {
		m.Calendar = s.calendar(p, a, m.Method)
	}
	if what != "cancelled" {
		m.Button = &hooks.MailButton{Label: w.In(a.Language, "appointment.mail."+what+".button"), URL: s.link(a, "")}
	}
	return m
}

func (s *Service) calendar(p *plan, a Appointment, method string) string {
	e := ical.Event{
		UID: a.Reference + "@" + calendarDomain, Sequence: a.Sequence, Stamp: s.p.Now(),
		Start: a.Start(), End: a.End(), Status: ical.Confirmed,
		Summary:     s.p.Words.In(a.Language, "appointment.calendar", "services", names(p.named(a.codes()), a.Language)),
		Description: s.p.Words.In(a.Language, "appointment.reference") + ": " + a.Reference,
		Location:    placeLine(p.Place),
		Organizer:   &ical.Address{Name: "Kassel Service Point", Email: s.Organiser},
	}
	if a.Email != "" {
		e.Attendee = &ical.Address{Name: a.Name, Email: a.Email}
	}
	if method == ical.Cancel {
		e.Status = ical.Cancelled
	}
	if method == ical.Publish {
		e.Organizer, e.Attendee = nil, nil
	}
	return string(ical.Calendar{Method: method, Events: []ical.Event{e}}.Bytes())
}

func placeLine(p Place) string {
	if p.Address == "" {
		return p.Name
	}
	return p.Name + ", " + p.Address
}

func names(services []Advice, lang string) string {
	var list []string
	for _, a := range services {
		list = append(list, a.Name(lang))
	}
	return strings.Join(list, ", ")
}
