package booking

import (
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

type staffEventRow struct {
	Slug, Title, When string
	Cancelled         bool
	Stopped           bool
	Pools             []place
}

// staffList shows the counter the events to come with what is taken, no names.
func (s *Service) staffList(e *core.RequestEvent) error {
	events, err := s.events.all(s.p.App.DB())
	if err != nil {
		return err
	}
	rows, err := counters(s.p.App.DB(), s.p.Now(), "")
	if err != nil {
		return err
	}
	var list []staffEventRow
	for _, ev := range events {
		if !isOver(ev, s.p.Now()) {
			list = append(list, staffRow(ev, rows[ev.Slug]))
		}
	}
	return s.p.Show(e, 200, templates, "staff-list", base.View{
		Title: s.p.Words.In(content.German, "staff.booking.list"), Data: list,
	})
}

func staffRow(ev content.Event, rows map[string]poolRow) staffEventRow {
	row := staffEventRow{
		Slug: ev.Slug, Title: titleOf(ev, content.German), When: when(ev, content.German),
		Cancelled: ev.Cancelled, Pools: places(ev, rows, content.German),
	}
	for _, pl := range row.Pools {
		row.Stopped = row.Stopped || pl.Stopped
	}
	return row
}

type participant struct {
	Claim
	PoolLabel string
	Made      string
}

type staffEventPage struct {
	staffEventRow
	Participants []participant
	Places       int // taken by the participants listed
}

// staffEvent lists who booked one event, published or not. It is the only page
// that shows names.
func (s *Service) staffEvent(e *core.RequestEvent) error {
	slug := e.Request.PathValue("slug")
	ev, found, err := anyEvent(s.p.App.DB(), slug)
	if err != nil {
		return err
	}
	if !found {
		return base.ErrNotFound
	}
	rows, err := counters(s.p.App.DB(), s.p.Now(), slug)
	if err != nil {
		return err
	}
	var claims []Claim
	err = s.p.App.DB().NewQuery(`SELECT ` + claimColumns + ` FROM claims
		WHERE event = {:event} AND kind = 'booking' AND state IN ('active', 'pending', 'confirmed')
		ORDER BY name COLLATE NOCASE, reference`).Bind(dbx.Params{"event": slug}).All(&claims)
	if err != nil {
		return err
	}
	page := staffEventPage{staffEventRow: staffRow(ev, rows[slug])}
	for _, c := range claims {
		page.Places += c.Places
		label, _ := poolLabel(ev, c.Pool, content.German)
		page.Participants = append(page.Participants, participant{
			Claim: c, PoolLabel: label,
			Made: time.UnixMilli(c.Created).In(content.Berlin).Format("02.01.2006, 15:04"),
		})
	}
	return s.p.Show(e, 200, templates, "staff-event", base.View{Title: page.Title, Data: page})
}
