package results

import (
	"context"
	"slices"

	"servicepoint/content/disclosure"

	"github.com/pocketbase/dbx"
)

// maxCircle bounds the name of a circle of people.
const maxCircle = 80 // characters

// circle puts before a ledger what was shown of other surveys of the same circle of
// people, as far as it is about variables with the same codes, as if the same people
// had answered.
func (x *Results) circle(ctx context.Context, slug string, c *counting) ([]disclosure.Table, error) {
	var others []string
	if err := x.p.App.DB().NewQuery(`SELECT o.survey FROM disclosure_circles c JOIN disclosure_circles o ON o.circle = c.circle AND o.survey <> c.survey
		WHERE c.survey = {:survey} ORDER BY 1`).Bind(dbx.Params{"survey": slug}).WithContext(ctx).Column(&others); err != nil {
		return nil, err
	}
	var tables []disclosure.Table
	for _, other := range others {
		list, err := entries(ctx, x.p.App.DB(), other)
		if err != nil {
			return nil, err
		}
		for _, t := range shown(list) {
			mine := func(a disclosure.Axis) bool {
				r := readerOf(c.survey, a.Key)
				return r == nil || slices.ContainsFunc(r.codes, func(code string) bool { return a.Group(code) < 0 })
			}
			if !slices.ContainsFunc(t.Axes, mine) {
				t.Block, t.Foreign = c.block, true
				tables = append(tables, t)
			}
		}
	}
	return append(tables, c.ledger...), nil
}

// circleOf is the circle of people that a survey is about, "" for none.
func (x *Results) circleOf(ctx context.Context, slug string) (name string, err error) {
	err = x.p.App.DB().NewQuery(`SELECT coalesce(max(circle), '') FROM disclosure_circles WHERE survey = {:survey}`).
		Bind(dbx.Params{"survey": slug}).WithContext(ctx).Row(&name)
	return name, err
}

func (x *Results) setCircle(slug, name string) error {
	sql := `INSERT INTO disclosure_circles (survey, circle) VALUES ({:survey}, {:circle}) ON CONFLICT (survey) DO UPDATE SET circle = excluded.circle`
	params := dbx.Params{"survey": slug, "circle": name}
	if name == "" {
		sql = `DELETE FROM disclosure_circles WHERE survey = {:survey}`
		delete(params, "circle")
	}
	_, err := x.p.App.DB().NewQuery(sql).Bind(params).Execute()
	return err
}
