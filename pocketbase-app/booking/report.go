package booking

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/report"

	"github.com/pocketbase/dbx"
)

// tally is the places of one event or audience.
type tally struct{ events, size, booked, blocked, cancelled, lapsed int }

func (a *tally) add(b tally) {
	a.events += b.events
	a.size += b.size
	a.booked += b.booked
	a.blocked += b.blocked
	a.cancelled += b.cancelled
	a.lapsed += b.lapsed
}

// cells are size to lapsed as the tables have them.
func (a tally) cells() []any {
	return []any{a.size, a.booked, report.Percent(a.booked, a.size-a.blocked), a.blocked, a.cancelled, a.lapsed}
}

const placesColumns = "size number|booked number|occupancy decimal %|blocked number|cancelled number|lapsed number"

// Report gives the bookings of a period: per event that begins in it and per
// audience of these events, and what was booked and cancelled month by month.
// Who came and who waited is not
// counted.
func (s *Service) Report(ctx context.Context, db dbx.Builder, p report.Period) ([]*report.Table, error) {
	perEvent := s.p.ReportTable("bookings", "veranstaltungen", append([]string{"event text", "day day", "audience text"}, strings.Split(placesColumns, "|")...)...)
	perAudience := s.p.ReportTable("bookings", "zielgruppen", append([]string{"audience text", "events number"}, strings.Split(placesColumns, "|")...)...)
	perEvent.Chart, perAudience.Chart = []string{"booked"}, []string{"occupancy"}

	taken, err := placesOfEvents(ctx, db)
	if err != nil {
		return nil, err
	}
	from, to := p.Bounds()
	var events []content.Event
	for slug := range taken {
		ev, _, err := anyEvent(db, slug)
		if err != nil {
			return nil, err
		}
		if at := ev.Start.UnixMilli(); from <= at && at < to {
			events = append(events, ev)
		}
	}
	slices.SortFunc(events, func(a, b content.Event) int {
		if c := a.Start.Compare(b.Start); c != 0 {
			return c
		}
		return strings.Compare(a.Slug, b.Slug)
	})
	audiences := map[string]*tally{}
	for _, ev := range events {
		n := *taken[ev.Slug]
		perEvent.Add(append([]any{titleOf(ev, content.German), ev.Start.In(content.Berlin).Format(time.DateOnly), strings.Join(ev.Audience, ", ")}, n.cells()...)...)
		who := ev.Audience
		if len(who) == 0 {
			who = []string{s.p.Words.In(content.German, "staff.report.bookings.everybody")}
		}
		for _, name := range who {
			if audiences[name] == nil {
				audiences[name] = &tally{}
			}
			audiences[name].add(n)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(audiences)) {
		n := *audiences[name]
		perAudience.Add(append([]any{name, n.events}, n.cells()...)...)
	}
	months, err := s.monthly(ctx, db, p)
	return []*report.Table{perEvent, perAudience, months}, err
}

// placesOfEvents counts the places of every event that can be booked.
func placesOfEvents(ctx context.Context, db dbx.Builder) (map[string]*tally, error) {
	var rows []struct {
		Event     string `db:"event"`
		Size      int    `db:"size"`
		Booked    int    `db:"booked"`
		Blocked   int    `db:"blocked"`
		Cancelled int    `db:"cancelled"`
		Lapsed    int    `db:"lapsed"`
	}
	err := db.NewQuery(`SELECT p.event AS event, p.size AS size,
			count(*) FILTER (WHERE t.released IS NULL AND c.kind = 'booking' AND c.state IN ('active', 'pending', 'confirmed')) AS booked,
			count(*) FILTER (WHERE t.released IS NULL AND c.kind = 'block' AND c.state = 'active') AS blocked,
			count(*) FILTER (WHERE c.kind = 'booking' AND (c.state = 'cancelled' OR t.released IS NOT NULL)) AS cancelled,
			count(*) FILTER (WHERE c.kind IN ('hold', 'offer') AND c.state = 'expired') AS lapsed
		FROM pools AS p LEFT JOIN tickets AS t ON t.event = p.event AND t.pool = p.code LEFT JOIN claims AS c ON c.reference = t.reference
		GROUP BY p.event, p.code`).WithContext(ctx).All(&rows)
	if err != nil {
		return nil, err
	}
	taken := map[string]*tally{}
	for _, r := range rows {
		if taken[r.Event] == nil {
			taken[r.Event] = &tally{events: 1}
		}
		taken[r.Event].add(tally{0, r.Size, r.Booked, r.Blocked, r.Cancelled, r.Lapsed})
	}
	return taken, nil
}

// monthly counts bookings by the month and the way they came, and cancellations
// by their own month.
func (s *Service) monthly(ctx context.Context, db dbx.Builder, p report.Period) (*report.Table, error) {
	t := s.p.ReportTable("bookings", "buchungen-je-monat", "month month", "web number", "counter number", "api number", "places number", "cancellations number")
	t.Chart = []string{"web", "counter", "api"}
	from, to := p.Bounds()
	var rows []struct {
		Channel string `db:"channel"`
		State   string `db:"state"`
		Places  int    `db:"places"`
		Created int64  `db:"created"`
		Ended   int64  `db:"ended"`
	}
	err := db.NewQuery(`SELECT channel, state, places, created, coalesce(ended, 0) AS ended FROM claims
		WHERE kind = 'booking' AND state <> 'rejected' AND (created >= {:from} AND created < {:to} OR ended >= {:from} AND ended < {:to})`).
		Bind(dbx.Params{"from": from, "to": to}).WithContext(ctx).All(&rows)
	if err != nil {
		return nil, err
	}
	type month struct {
		by                    map[string]int
		places, cancellations int
	}
	months := map[string]*month{}
	for _, m := range p.Months() {
		months[m] = &month{by: map[string]int{}}
	}
	for _, r := range rows {
		if from <= r.Created && r.Created < to {
			m := months[report.MonthOf(r.Created)]
			m.by[r.Channel]++
			m.places += r.Places
		}
		if r.State == Cancelled && from <= r.Ended && r.Ended < to {
			months[report.MonthOf(r.Ended)].cancellations++
		}
	}
	for _, name := range p.Months() {
		m := months[name]
		t.Add(name, m.by["web"], m.by["counter"], m.by["api"], m.places, m.cancellations)
	}
	return t, nil
}
