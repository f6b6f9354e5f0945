package participation

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"servicepoint/content"
	"servicepoint/content/report"
	"servicepoint/content/survey"

	"github.com/pocketbase/dbx"
)

// VisitsReport gives what is known of the service point's devices and of answers
// on them: responses by month and way, by survey at terminals and tablets, how often
// surveys were begun at terminals and given up there, and the devices themselves. It tells how many took part, as the planning pages do,
// never what they answered: small numbers are shown. Answers that wait in the urn
// are not counted. Visits and waiting times are in the report of appointments.
func (pt *Participation) VisitsReport(ctx context.Context, db dbx.Builder, p report.Period) ([]*report.Table, error) {
	table := func(name string, columns ...string) *report.Table {
		return pt.p.ReportTable("visits", name, columns...)
	}
	months := table("antworten-je-monat", "month month", "web number", "terminal number", "tablet number", "paper number", "phone number")
	surveys := table("umfragen-vor-ort", "survey text", "terminal number", "tablet number", "paper number", "phone number")
	devices := table("geraete", "kind text", "registered number", "paired number", "disabled number")
	uses := table("terminals-je-monat", "month month", "begun number", "given_up number", "given_up_rate decimal %")
	months.Chart, surveys.Chart, devices.Chart, uses.Chart = []string{"terminal", "tablet"}, []string{"terminal", "tablet"}, []string{"paired"}, []string{"begun", "given_up"}

	var rows []struct {
		Survey  string `db:"survey"`
		Title   string `db:"title"`
		Channel string `db:"channel"`
		Month   string `db:"month"`
		N       int    `db:"n"`
	}
	err := db.NewQuery(`SELECT r.survey AS survey, coalesce((SELECT s.title FROM surveys AS s WHERE s.slug = r.survey), '') AS title, r.channel AS channel, substr(r.day, 1, 7) AS month, count(*) AS n
		FROM responses AS r WHERE r.day >= {:from} AND r.day <= {:to} GROUP BY r.survey, r.channel, substr(r.day, 1, 7)`).
		Bind(dbx.Params{"from": p.From, "to": p.To}).WithContext(ctx).All(&rows)
	if err != nil {
		return nil, err
	}
	titles := map[string]string{}
	byMonth, bySurvey := map[string]map[string]int{}, map[string]map[string]int{}
	count := func(all map[string]map[string]int, key, channel string, n int) {
		if all[key] == nil {
			all[key] = map[string]int{}
		}
		all[key][channel] += n
	}
	for _, r := range rows {
		count(byMonth, r.Month, r.Channel, r.N)
		count(bySurvey, r.Survey, r.Channel, r.N)
		titles[r.Survey] = cmp.Or(r.Title, r.Survey)
	}
	for _, m := range p.Months() {
		cells := []any{m}
		for _, channel := range survey.Channels {
			cells = append(cells, byMonth[m][channel])
		}
		months.Add(cells...)
	}
	for _, slug := range slices.Sorted(maps.Keys(bySurvey)) {
		n := bySurvey[slug]
		surveys.Add(titles[slug], n["terminal"], n["tablet"], n["paper"], n["phone"])
	}

	var used []struct {
		Month   string `db:"month"`
		Begun   int    `db:"begun"`
		GivenUp int    `db:"given_up"`
	}
	if err := db.NewQuery(`SELECT month, begun, given_up FROM terminal_months WHERE month BETWEEN substr({:from}, 1, 7) AND substr({:to}, 1, 7) ORDER BY month`).
		Bind(dbx.Params{"from": p.From, "to": p.To}).WithContext(ctx).All(&used); err != nil {
		return nil, err
	}
	for _, u := range used {
		uses.Add(u.Month, u.Begun, u.GivenUp, report.Percent(u.GivenUp, u.Begun))
	}

	var kinds []struct {
		Kind       string `db:"kind"`
		Registered int    `db:"registered"`
		Paired     int    `db:"paired"`
		Disabled   int    `db:"disabled"`
	}
	err = db.NewQuery(`SELECT kind, count(*) AS registered,
			coalesce(sum(disabled = FALSE AND EXISTS (SELECT 1 FROM device_tokens AS t WHERE t.device = d.id)), 0) AS paired, coalesce(sum(disabled), 0) AS disabled
		FROM devices AS d GROUP BY kind ORDER BY kind`).WithContext(ctx).All(&kinds)
	for _, k := range kinds {
		devices.Add(pt.p.Words.In(content.German, "staff.report.visits.kind."+k.Kind), k.Registered, k.Paired, k.Disabled)
	}
	return []*report.Table{months, surveys, uses, devices}, err
}
