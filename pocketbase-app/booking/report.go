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
type tally struct {
	events, size, booked, blocked, cancelled, lapsed int
	visits
	waits
}

// visits is who came to events that are over and at whose door somebody was
// checked in; of others nobody knows.
type visits struct{ counted, expected, came, walkedIn int }

// waits is the entries of waiting lists, a group being one.
type waits struct{ lists, waited, placed, lapsedOffers, left, waiting int }

func (a *tally) add(b tally) {
	a.events += b.events
	a.size += b.size
	a.booked += b.booked
	a.blocked += b.blocked
	a.cancelled += b.cancelled
	a.lapsed += b.lapsed
	a.visits = visits{a.counted + b.counted, a.expected + b.expected, a.came + b.came, a.walkedIn + b.walkedIn}
	a.waits = waits{a.lists + b.lists, a.waited + b.waited, a.placed + b.placed, a.lapsedOffers + b.lapsedOffers, a.left + b.left, a.waiting + b.waiting}
}

// cells are size to lapsed as the tables have them.
func (a tally) cells() []any {
	return []any{a.size, a.booked, report.Percent(a.booked, a.size-a.blocked), a.blocked, a.cancelled, a.lapsed}
}

func (v visits) cells() []any {
	missed := v.expected - v.came
	return []any{v.expected, v.came, v.walkedIn, missed, report.Percent(missed, v.expected)}
}

func (w waits) cells() []any { return []any{w.waited, w.placed, w.lapsedOffers, w.left, w.waiting} }

const (
	visitColumns = "expected number|came number|walked_in number|no_shows number|no_show_rate decimal %"
	waitColumns  = "waited number|placed number|lapsed_offers number|left number|waiting number"
)

const placesColumns = "size number|booked number|occupancy decimal %|blocked number|cancelled number|lapsed number"

// Report gives the bookings of a period: per event that begins in it and per
// audience of these events places, who came and who waited, and what was booked
// and cancelled month by month.
func (s *Service) Report(ctx context.Context, db dbx.Builder, p report.Period) ([]*report.Table, error) {
	perEvent := s.p.ReportTable("bookings", "veranstaltungen", append([]string{"event text", "day day", "audience text"}, strings.Split(placesColumns, "|")...)...)
	perAudience := s.p.ReportTable("bookings", "zielgruppen", append([]string{"audience text", "events number"}, strings.Split(placesColumns, "|")...)...)
	perEvent.Chart, perAudience.Chart = []string{"booked"}, []string{"occupancy"}
	visited := s.p.ReportTable("bookings", "besuch", append([]string{"event text", "day day"}, strings.Split(visitColumns, "|")...)...)
	visitedAudience := s.p.ReportTable("bookings", "besuch-je-zielgruppe", append([]string{"audience text", "events number"}, strings.Split(visitColumns, "|")...)...)
	visited.Chart, visitedAudience.Chart = []string{"came", "no_shows"}, []string{"no_show_rate"}
	waited := s.p.ReportTable("bookings", "wartelisten", append([]string{"event text", "day day"}, strings.Split(waitColumns, "|")...)...)
	waitedAudience := s.p.ReportTable("bookings", "wartelisten-je-zielgruppe", append([]string{"audience text", "events number"}, strings.Split(waitColumns, "|")...)...)
	waited.Chart = []string{"waited"}

	taken, err := placesOfEvents(ctx, db)
	if err != nil {
		return nil, err
	}
	if err := waitingOfEvents(ctx, db, taken); err != nil {
		return nil, err
	}
	now := s.p.Now()
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
		if ev.End.After(now) || n.came == 0 {
			n.visits = visits{}
		} else {
			n.counted = 1
		}
		title, day := titleOf(ev, content.German), ev.Start.In(content.Berlin).Format(time.DateOnly)
		perEvent.Add(append([]any{title, day, strings.Join(ev.Audience, ", ")}, n.cells()...)...)
		if n.counted > 0 {
			visited.Add(append([]any{title, day}, n.visits.cells()...)...)
		}
		if n.waited > 0 {
			waited.Add(append([]any{title, day}, n.waits.cells()...)...)
		}
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
		if n.counted > 0 {
			visitedAudience.Add(append([]any{name, n.counted}, n.visits.cells()...)...)
		}
		if n.waited > 0 {
			waitedAudience.Add(append([]any{name, n.lists}, n.waits.cells()...)...)
		}
	}
	months, err := s.monthly(ctx, db, p)
	return []*report.Table{perEvent, perAudience, visited, visitedAudience, waited, waitedAudience, months}, err
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
		Expected  int    `db:"expected"`
		Came      int    `db:"came"`
		WalkedIn  int    `db:"walked_in"`
	}
	err := db.NewQuery(`SELECT p.event AS event, p.size AS size,
			count(*) FILTER (WHERE t.released IS NULL AND c.kind = 'booking' AND c.state IN ('active', 'pending', 'confirmed')) AS booked,
			count(*) FILTER (WHERE t.released IS NULL AND c.kind = 'block' AND c.state = 'active') AS blocked,
			count(*) FILTER (WHERE c.kind = 'booking' AND (c.state = 'cancelled' OR t.released IS NOT NULL)) AS cancelled,
			count(*) FILTER (WHERE c.kind IN ('hold', 'offer') AND c.state = 'expired') AS lapsed,
			count(*) FILTER (WHERE t.released IS NULL AND c.kind = 'booking' AND c.state = 'confirmed') AS expected,
			count(*) FILTER (WHERE t.released IS NULL AND c.kind = 'booking' AND c.state = 'confirmed' AND t.checked_in IS NOT NULL) AS came,
			count(*) FILTER (WHERE t.released IS NULL AND c.kind = 'booking' AND c.state = 'confirmed' AND c.channel = 'door') AS walked_in
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
		taken[r.Event].add(tally{size: r.Size, booked: r.Booked, blocked: r.Blocked, cancelled: r.Cancelled, lapsed: r.Lapsed,
			visits: visits{expected: r.Expected, came: r.Came, walkedIn: r.WalkedIn}})
	}
	return taken, nil
}

// waitingOfEvents adds what became of the entries of waiting lists.
func waitingOfEvents(ctx context.Context, db dbx.Builder, taken map[string]*tally) error {
	var rows []struct {
		Event   string `db:"event"`
		Waited  int    `db:"waited"`
		Placed  int    `db:"placed"`
		Lapsed  int    `db:"lapsed"`
		Left    int    `db:"gone"`
		Waiting int    `db:"waiting"`
	}
	err := db.NewQuery(`SELECT event, count(*) AS waited,
			count(*) FILTER (WHERE kind = 'booking') AS placed,
			count(*) FILTER (WHERE kind = 'offer' AND state <> 'active') AS lapsed,
			count(*) FILTER (WHERE kind = 'waiting' AND state <> 'active') AS gone,
			count(*) FILTER (WHERE kind IN ('waiting', 'offer') AND state = 'active') AS waiting
		FROM claims WHERE queue IS NOT NULL GROUP BY event`).WithContext(ctx).All(&rows)
	for _, r := range rows {
		if t := taken[r.Event]; t != nil {
			t.waits = waits{1, r.Waited, r.Placed, r.Lapsed, r.Left, r.Waiting}
		}
	}
	return err
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
