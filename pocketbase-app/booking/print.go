package booking

import (
	"context"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/ticket"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// signer signs the codes of tickets; its key is derived like all others.
func (s *Service) signer() *ticket.Signer { return ticket.NewSigner(s.p.Key("ticket signatures")) }

// code is what stands on a ticket.
func code(signer *ticket.Signer, t Ticket) (string, error) {
	nonce, err := hex.DecodeString(t.Nonce)
	if err != nil || len(nonce) != 8 {
		return "", ticket.ErrShape
	}
	return signer.Code(ticket.Ticket{Event: t.Event, Reference: t.Reference, Number: t.Number, Nonce: [8]byte(nonce)})
}

// printed is a ticket on a page.
type printed struct {
	person
	Count  int // of this ticket, from 1; Number may have gaps
	Total  int
	Code   string
	Groups []string // the code in pieces that can be read aloud
	QR     template.HTML
}

// printTickets gives the tickets of a booking that people can show at the door:
// only confirmed ones open it.
func (s *Service) printTickets(c Claim, ev content.Event, lang string) ([]printed, error) {
	if c.Kind != KindBooking || c.State != Confirmed {
		return nil, nil
	}
	list, err := s.people(c, ev, lang)
	if err != nil {
		return nil, err
	}
	signer := s.signer()
	var all []printed
	for i, p := range list {
		text, err := code(signer, p.Ticket)
		if err != nil {
			return nil, err
		}
		svg, err := ticket.SVG(text, s.p.Words.In(lang, "booking.ticket.qr", "n", i+1))
		if err != nil {
			return nil, err
		}
		t := printed{person: p, Count: i + 1, Total: len(list), Code: text, QR: template.HTML(svg)}
		for at := 0; at < len(text); at += 6 {
			t.Groups = append(t.Groups, text[at:min(at+6, len(text))])
		}
		all = append(all, t)
	}
	return all, nil
}

const ticketFileName = "eintrittskarten.pdf"

type ticketsPage struct {
	bookingPage
	Tickets []printed
}

func (s *Service) showTickets(e *core.RequestEvent) error {
	c, ev, ok, err := s.own(e)
	if !ok {
		return err
	}
	lang := base.Lang(e.Request)
	own, err := s.bookingPage(c, lang)
	if err != nil {
		return err
	}
	page := ticketsPage{bookingPage: own}
	if page.Tickets, err = s.printTickets(c, ev, lang); err != nil {
		return err
	}
	return s.p.Show(e, http.StatusOK, templates, "tickets", base.View{Title: s.p.Words.In(lang, "booking.tickets.title"), Data: page})
}

func (s *Service) ticketFile(e *core.RequestEvent) error {
	c, ev, ok, err := s.own(e)
	if !ok {
		return err
	}
	b, err := s.pdf(c, ev, base.Lang(e.Request))
	if err != nil {
		return err
	}
	if b == nil {
		return home(e)
	}
	h := e.Response.Header()
	h.Set("Content-Disposition", `inline; filename="`+ticketFileName+`"`)
	h.Set("Cache-Control", "no-store")
	return e.Blob(http.StatusOK, "application/pdf", b)
}

// pdf is the file of a booking's tickets, nil when it has none (yet).
func (s *Service) pdf(c Claim, ev content.Event, lang string) ([]byte, error) {
	list, err := s.printTickets(c, ev, lang)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	w := s.p.Words
	sheet := ticket.Sheet{
		Lang: content.Locale(lang), Title: w.In(lang, "booking.tickets.title") + ": " + titleOf(ev, lang),
		Author: "Kassel Service Point", Made: s.p.Now(),
	}
	for _, t := range list {
		p := ticket.Page{
			Kicker: w.In(lang, "booking.ticket.n", "n", t.Count, "of", t.Total), Title: titleOf(ev, lang), Code: t.Code,
			Facts: []ticket.Fact{{Label: w.In(lang, "booking.when"), Value: when(ev, lang)}},
			Notes: []string{w.In(lang, "booking.ticket.show"), w.In(lang, "booking.ticket.page", "link", s.p.Origin+base.Prefix(lang)+"/buchungen/")},
		}
		if where := ev.Where(); where != "" {
			p.Facts = append(p.Facts, ticket.Fact{Label: w.In(lang, "booking.where"), Value: where})
		}
		if len(ev.Pools) > 1 {
			p.Facts = append(p.Facts, ticket.Fact{Label: w.In(lang, "booking.pool"), Value: t.PoolLabel})
		}
		if t.Price != "" {
			p.Facts = append(p.Facts, ticket.Fact{Label: w.In(lang, "booking.price"), Value: t.Price})
		}
		name := t.Name
		if name == "" {
			name = c.Name
		}
		p.Facts = append(p.Facts,
			ticket.Fact{Label: w.In(lang, "booking.ticket.name"), Value: name},
			ticket.Fact{Label: w.In(lang, "booking.reference"), Value: t.Reference + " / " + strconv.Itoa(t.Number)})
		sheet.Pages = append(sheet.Pages, p)
	}
	return sheet.PDF()
}

// MakeFile makes a file that a mail names by what it is made of, when the mail leaves:
// drawing takes too long for a transaction. Of tickets it gives nil when the booking
// is not confirmed any more.
func (s *Service) MakeFile(_ context.Context, made string) ([]byte, error) {
	reference, ok := strings.CutPrefix(made, ticketsOf)
	if !ok {
		return nil, fmt.Errorf("booking: nothing is made of %.20q", made)
	}
	c, err := s.find(reference)
	if err == base.ErrNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ev, _, err := anyEvent(s.p.App.DB(), c.Event)
	if err != nil {
		return nil, err
	}
	return s.pdf(c, ev, c.Language)
}
