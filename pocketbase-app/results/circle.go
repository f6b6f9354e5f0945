package results

import (
	"context"

	"servicepoint/content/disclosure"

	"github.com/pocketbase/dbx"
)

// circle gives what was shown of other surveys of the same circle of people, as if
// the same people had answered alike: it counts up to the given block.
func (x *Results) circle(ctx context.Context, slug string, block int) (tables []disclosure.Table, err error) {
	var others []string
	if err := x.p.App.DB().NewQuery(`SELECT o.survey FROM disclosure_circles c JOIN disclosure_circles o ON o.circle = c.circle AND o.survey <> c.survey
		WHERE c.survey = {:survey} ORDER BY 1`).Bind(dbx.Params{"survey": slug}).WithContext(ctx).Column(&others); err != nil {
		return nil, err
	}
	for _, other := range others {
		list, err := entries(ctx, x.p.App.DB(), other)
		if err != nil {
			return nil, err
		}
		for _, t := range shown(list) {
			t.Block, t.Foreign = block, true
			tables = append(tables, t)
		}
	}
	return tables, nil
}
