package booking

import (
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

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

// stampOf is a moment as staff read it.
func stampOf(ms int64) string {
	return time.UnixMilli(ms).In(content.Berlin).Format("02.01.2006, 15:04")
}
