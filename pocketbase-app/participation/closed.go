package participation

import (
	"context"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// AnnounceClosed tells systems of the city which published surveys have come to
// their end since the last call, each end once; a survey that is prolonged is told
// of again. It gives their number. Ends before the first call are told of, too.
func (pt *Participation) AnnounceClosed(ctx context.Context) (n int64, err error) {
	slugs, err := pt.surveys.live()
	if err != nil {
		return 0, err
	}
	now := pt.p.Now()
	for _, slug := range slugs {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		q, err := pt.surveys.find(slug)
		if err != nil {
			return n, err
		}
		if q.Closes.IsZero() || now.Before(q.Closes) {
			continue
		}
		err = pt.p.App.RunInTransaction(func(tx core.App) error {
			res, err := tx.DB().NewQuery(`INSERT INTO announced_surveys (survey, closes) VALUES ({:survey}, {:closes})
				ON CONFLICT (survey) DO UPDATE SET closes = excluded.closes WHERE closes <> excluded.closes`).
				Bind(dbx.Params{"survey": slug, "closes": q.Closes.UnixMilli()}).Execute()
			if err != nil {
				return err
			}
			told, err := res.RowsAffected()
			if err != nil || told == 0 {
				return err
			}
			n++
			return pt.p.Announce(tx, "survey.closed", slug, nil)
		})
		if err != nil {
			return n, err
		}
	}
	if n > 0 {
		pt.p.WakeOrders()
	}
	return n, nil
}
