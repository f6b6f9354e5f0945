package live

import (
	"context"

	"servicepoint/content/report"

	"github.com/pocketbase/dbx"
)

// Report gives the sittings that were opened in a period: what the audience sent
// to each, and the polls with their answers.
func (x *Live) Report(ctx context.Context, db dbx.Builder, p report.Period) ([]*report.Table, error) {
	sittings := x.p.ReportTable("live", "termine", "sitting text", "month month", "questions number", "answered number", "votes number", "polls number", "answers number")
	asked := x.p.ReportTable("live", "umfragen", "sitting text", "poll text", "answers number")
	sittings.Chart, asked.Chart = []string{"questions", "answers"}, []string{"answers"}
	from, to := p.Bounds()
	var rows []struct {
		ID        int64  `db:"id"`
		Title     string `db:"title"`
		Opened    int64  `db:"opened"`
		Questions int    `db:"questions"`
		Answered  int    `db:"answered"`
		Votes     int    `db:"votes"`
		Polls     int    `db:"polls"`
		Answers   int    `db:"answers"`
	}
	err := db.NewQuery(`SELECT s.id AS id, s.title AS title, s.opened AS opened,
			(SELECT COUNT(*) FROM live_questions q WHERE q.session = s.id) AS questions,
			(SELECT COUNT(*) FROM live_questions q WHERE q.session = s.id AND q.state = 'answered') AS answered,
			(SELECT coalesce(sum(votes), 0) FROM live_questions q WHERE q.session = s.id) AS votes,
			(SELECT COUNT(*) FROM live_polls u WHERE u.session = s.id AND u.state <> 'draft') AS polls,
			(SELECT coalesce(sum(answers), 0) FROM live_polls u WHERE u.session = s.id) AS answers
		FROM live_sessions s WHERE s.opened >= {:from} AND s.opened < {:to} ORDER BY s.opened, s.id`).
		Bind(dbx.Params{"from": from, "to": to}).WithContext(ctx).All(&rows)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		sittings.Add(r.Title, report.MonthOf(r.Opened), r.Questions, r.Answered, r.Votes, r.Polls, r.Answers)
		all, err := polls(db, r.ID)
		if err != nil {
			return nil, err
		}
		for _, one := range all {
			if one.State != draft {
				asked.Add(r.Title, one.Title, one.Answers)
			}
		}
	}
	return []*report.Table{sittings, asked}, nil
}
