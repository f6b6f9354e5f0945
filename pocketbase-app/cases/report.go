package cases

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"servicepoint/content/report"

	"github.com/pocketbase/dbx"
)

const day = 24 * 60 * 60 * 1000 // milliseconds

// workload is what one provider had to do.
type workload struct {
	received, passed, closed, open, overdue int
	answered, finished                      []float64 // days until the first answer and until the end
	ages                                    [4]int    // of open cases: up to 7, 30 and 90 days, and more
}

// ageOf is the place of an age in workload.ages.
func ageOf(days float64) int {
	for i, most := range []float64{7, 30, 90} {
		if days <= most {
			return i
		}
	}
	return 3
}

// Report gives the cases of a period: volumes, durations and backlog per provider,
// what people came with in whole quarters, and what came and ended month by month. Durations of
// fewer than five cases and subjects of fewer than five people are not told.
func (c *Cases) Report(ctx context.Context, db dbx.Builder, p report.Period) ([]*report.Table, error) {
	table := func(name string, columns ...string) *report.Table {
		return c.Platform.ReportTable("cases", name, columns...)
	}
	providers := table("stellen", "provider text", "received number", "closed number", "passed number", "first_answer decimal Tage", "duration decimal Tage", "duration90 decimal Tage", "open number", "overdue number")
	backlog := table("rueckstand", "provider text", "days7 number", "days30 number", "days90 number", "older number")
	subjects := table("themen", "quarter text", "subject text", "provider text", "cases number")
	months := table("anliegen-je-monat", "month month", "received number", "closed number")
	providers.Chart, backlog.Chart, months.Chart = []string{"received", "open"}, []string{"days7", "days30", "days90", "older"}, []string{"received", "closed"}

	var rows []struct {
		Partner  string `db:"partner"`
		Guide    string `db:"guide"`
		Title    string `db:"title"`
		Due      int64  `db:"due"`
		Created  int64  `db:"created"`
		Closed   int64  `db:"closed"`
		Answered int64  `db:"answered"`
		Passed   int    `db:"passed"`
	}
	from, to := p.Bounds()
	err := db.NewQuery(`SELECT c.partner AS partner, c.guide AS guide, c.title AS title, coalesce(c.due, 0) AS due, c.created AS created, coalesce(c.closed, 0) AS closed,
			coalesce((SELECT min(e.at) FROM case_events AS e WHERE e.reference = c.reference AND e.actor = 'staff'), 0) AS answered,
			(SELECT count(*) FROM case_events AS e WHERE e.reference = c.reference AND e.partner <> '' AND e.at >= {:from} AND e.at < {:to}) AS passed
		FROM cases AS c WHERE c.created < {:to} AND (c.closed IS NULL OR c.closed >= {:from} OR c.created >= {:from})`).
		Bind(dbx.Params{"from": from, "to": to}).WithContext(ctx).All(&rows)
	if err != nil {
		return nil, err
	}
	names, err := titles(ctx, db, "providers")
	if err != nil {
		return nil, err
	}
	now := c.Platform.Now().UnixMilli()
	loads := map[string]*workload{}
	received, closed := map[string]int{}, map[string]int{}
	for _, r := range rows {
		w := loads[r.Partner]
		if w == nil {
			w = &workload{}
			loads[r.Partner] = w
		}
		w.passed += r.Passed
		if r.Created >= from {
			w.received++
			received[report.MonthOf(r.Created)]++
			if r.Answered > 0 {
				w.answered = append(w.answered, float64(r.Answered-r.Created)/day)
			}
		}
		switch {
		case r.Closed == 0:
			w.open++
			w.ages[ageOf(float64(now-r.Created)/day)]++
			if r.Due > 0 && r.Due < now {
				w.overdue++
			}
		case r.Closed >= from && r.Closed < to:
			w.closed++
			w.finished = append(w.finished, float64(r.Closed-r.Created)/day)
			closed[report.MonthOf(r.Closed)]++
		}
	}
	for _, slug := range slices.Sorted(maps.Keys(loads)) {
		w, name := loads[slug], cmp.Or(names[slug], slug)
		providers.Add(name, w.received, w.closed, w.passed, report.Quantile(w.answered, .5), report.Quantile(w.finished, .5), report.Quantile(w.finished, .9), w.open, w.overdue)
		backlog.Add(name, w.ages[0], w.ages[1], w.ages[2], w.ages[3])
	}
	for _, quarter := range p.Quarters(c.Platform.Now()) {
		type subject struct{ title, partner string }
		about := map[subject]int{}
		from, to := quarter.Bounds()
		for _, r := range rows {
			if from <= r.Created && r.Created < to {
				about[subject{r.Title, r.Partner}]++
			}
		}
		part := &report.Table{Columns: subjects.Columns}
		for _, s := range slices.SortedFunc(maps.Keys(about), func(a, b subject) int {
			return cmp.Or(cmp.Compare(about[b], about[a]), cmp.Compare(a.title, b.title), cmp.Compare(a.partner, b.partner))
		}) {
			part.Add(quarter.Quarter(), s.title, cmp.Or(names[s.partner], s.partner), about[s])
		}
		part.HideShares([]string{"cases"})
		subjects.Rows = append(subjects.Rows, part.Rows...)
	}
	for _, m := range p.Months() {
		months.Add(m, received[m], closed[m])
	}
	return []*report.Table{providers, backlog, subjects, months}, nil
}

// titles are the names of pieces of content by their slugs.
func titles(ctx context.Context, db dbx.Builder, kind string) (map[string]string, error) {
	var rows []struct {
		Slug  string `db:"slug"`
		Title string `db:"title"`
	}
	err := db.Select("slug", "title").From(kind).WithContext(ctx).All(&rows)
	names := map[string]string{}
	for _, r := range rows {
		names[r.Slug] = r.Title
	}
	return names, err
}
