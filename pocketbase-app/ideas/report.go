package ideas

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"servicepoint/content"
	"servicepoint/content/report"

	"github.com/pocketbase/dbx"
)

// sum is what came together for one call, topic or district.
type sum struct {
	sent, votes int
	states      map[string]int // of moderation
	status      map[string]int // of the city's answer, released ideas only
}

// Report gives the ideas that were sent in a period: per call with the states of
// moderation and of the city's answers, per topic, per
// district in whole quarters, and month by month. Merged and withdrawn ideas count as sent. Votes are those of now.
func (x *Ideas) Report(ctx context.Context, db dbx.Builder, p report.Period) ([]*report.Table, error) {
	table := func(name string, columns ...string) *report.Table {
		return x.Platform.ReportTable("ideas", name, columns...)
	}
	perCall := table("aufrufe", "call text", "sent number", "waiting number", "released number", "rejected number", "merged number", "withdrawn number", "votes number")
	answers := table("antworten", "call text", "received number", "under_review number", "planned number", "doing number", "done number", "not_possible number")
	perTopic := table("themen", "topic text", "sent number", "released number", "votes number")
	perDistrict := table("ortsbezirke", "quarter text", "district text", "sent number")
	months := table("ideen-je-monat", "month month", "sent number", "released number")
	perCall.Chart, answers.Chart, perTopic.Chart, months.Chart = []string{"sent"}, []string{"planned", "doing", "done"}, []string{"sent", "votes"}, []string{"sent"}

	from, to := p.Bounds()
	var rows []struct {
		Call     string `db:"call"`
		State    string `db:"state"`
		Topic    string `db:"topic"`
		District string `db:"district"`
		Status   string `db:"status"`
		Sent     int64  `db:"sent"`
		Released int64  `db:"released"`
		Votes    int    `db:"votes"`
	}
	err := db.NewQuery(`SELECT i.call AS call, i.state AS state, i.topic AS topic, i.district AS district, i.status AS status, i.sent AS sent, coalesce(i.released, 0) AS released,
			CASE WHEN i.state = 'released' THEN coalesce(t.votes, 0) ELSE 0 END AS votes
		FROM ideas AS i LEFT JOIN idea_tallies AS t ON t.idea = i.number WHERE i.sent >= {:from} AND i.sent < {:to}`).
		Bind(dbx.Params{"from": from, "to": to}).WithContext(ctx).All(&rows)
	if err != nil {
		return nil, err
	}
	calls, topics := map[string]*sum{}, map[string]*sum{}
	sent, released := map[string]int{}, map[string]int{}
	for _, r := range rows {
		count(calls, r.Call, r.State, r.Status, r.Votes)
		count(topics, r.Topic, r.State, r.Status, r.Votes)
		sent[report.MonthOf(r.Sent)]++
		if r.Released >= from && r.Released < to {
			released[report.MonthOf(r.Released)]++
		}
	}
	name, err := x.namer(ctx, db)
	if err != nil {
		return nil, err
	}
	for _, slug := range slices.Sorted(maps.Keys(calls)) {
		n, title := calls[slug], name("calls", slug)
		perCall.Add(title, n.sent, n.states["new"]+n.states["asked"], n.states["released"], n.states["rejected"], n.states["merged"], n.states["withdrawn"], n.votes)
		answers.Add(title, n.status["received"], n.status["under_review"], n.status["planned"], n.status["doing"], n.status["done"], n.status["not_possible"])
	}
	for _, slug := range largest(topics) {
		n := topics[slug]
		perTopic.Add(name("topics", slug), n.sent, n.states["released"], n.votes)
	}
	for _, quarter := range p.Quarters(x.Platform.Now()) {
		districts := map[string]*sum{}
		from, to := quarter.Bounds()
		for _, r := range rows {
			if from <= r.Sent && r.Sent < to {
				count(districts, r.District, r.State, r.Status, r.Votes)
			}
		}
		part := &report.Table{Columns: perDistrict.Columns}
		for _, slug := range largest(districts) {
			title := name("districts", slug)
			if slug == "" {
				title = x.Platform.Words.In(content.German, "staff.report.ideas.nowhere")
			}
			part.Add(quarter.Quarter(), title, districts[slug].sent)
		}
		part.HideShares([]string{"sent"})
		perDistrict.Rows = append(perDistrict.Rows, part.Rows...)
	}
	for _, m := range p.Months() {
		months.Add(m, sent[m], released[m])
	}
	return []*report.Table{perCall, answers, perTopic, perDistrict, months}, nil
}

func count(all map[string]*sum, key, state, status string, votes int) {
	n := all[key]
	if n == nil {
		n = &sum{states: map[string]int{}, status: map[string]int{}}
		all[key] = n
	}
	n.sent++
	n.votes += votes
	n.states[state]++
	if state == "released" {
		n.status[status]++
	}
}

// largest are the keys with most ideas first.
func largest(all map[string]*sum) []string {
	return slices.SortedFunc(maps.Keys(all), func(a, b string) int { return cmp.Or(cmp.Compare(all[b].sent, all[a].sent), cmp.Compare(a, b)) })
}

// namer gives the German names of calls, topics and districts.
func (x *Ideas) namer(ctx context.Context, db dbx.Builder) (func(kind, slug string) string, error) {
	names := map[string]string{}
	for _, kind := range []string{"calls", "topics", "districts"} {
		var rows []struct {
			Slug  string `db:"slug"`
			Title string `db:"title"`
		}
		if err := db.Select("slug", "title").From(kind).WithContext(ctx).All(&rows); err != nil {
			return nil, err
		}
		for _, r := range rows {
			names[kind+" "+r.Slug] = r.Title
		}
	}
	return func(kind, slug string) string { return cmp.Or(names[kind+" "+slug], slug) }, nil
}
