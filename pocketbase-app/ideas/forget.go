package ideas

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// KeepFor is how long the texts of rejected and merged ideas are kept.
const KeepFor = 180 * 24 * time.Hour

const forgetChunk = 200 // ideas per transaction

// Forget erases the texts and pictures of ideas that were rejected or merged longer than
// [KeepFor] ago, the addresses and passes of calls that have ended or were
// taken off the site, and pictures of forms that nobody sent. It returns how many ideas lost something; a second call
// finds nothing more to do.
func (x *Ideas) Forget(ctx context.Context) (int, error) {
	total := 0
	for {
		n, err := x.forgetSome(ctx)
		total += n
		if err != nil {
			return total, err
		}
		if n < forgetChunk {
			break
		}
	}
	n, err := x.forgetContacts(ctx)
	if total += n; err != nil {
		return total, err
	}
	n, err = x.forgetPictures(ctx)
	return total + n, err
}

func (x *Ideas) forgetSome(ctx context.Context) (n int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	now := x.Platform.Now()
	err = x.Platform.App.RunInTransaction(func(tx core.App) error {
		var old []int64
		err := tx.DB().NewQuery(`SELECT number FROM ideas WHERE decided IS NOT NULL AND forgotten IS NULL AND decided <= {:before}
			ORDER BY decided LIMIT {:n}`).Bind(dbx.Params{"before": now.Add(-KeepFor).UnixMilli(), "n": forgetChunk}).Column(&old)
		if err != nil {
			return err
		}
		for _, number := range old {
			for _, sql := range []string{
				`UPDATE ideas SET title = '', text = '', name = '', place = '', lat = 0, lon = 0, forgotten = {:now} WHERE number = {:number}`,
				`UPDATE idea_events SET message = '', note = '', staff = '' WHERE idea = {:number}`,
				`DELETE FROM idea_contacts WHERE idea = {:number}`,
				`DELETE FROM idea_pictures WHERE idea = {:number}`,
				`DELETE FROM idea_kept_votes WHERE idea = {:number}`,
			} {
				if _, err := tx.DB().NewQuery(sql).Bind(dbx.Params{"number": number, "now": now.UnixMilli()}).Execute(); err != nil {
					return err
				}
			}
		}
		n = len(old)
		return nil
	})
	return n, err
}

// forgetContacts deletes the addresses of every call that takes no ideas any more.
// Mails that wait go out and lose theirs when they are settled.
func (x *Ideas) forgetContacts(ctx context.Context) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	live, err := calls(x.Platform.App.DB())
	if err != nil {
		return 0, err
	}
	now := x.Platform.Now()
	open := []any{}
	for _, c := range live {
		if c.Closes.IsZero() || now.Before(c.Closes) {
			open = append(open, c.Slug)
		}
	}
	total := int64(0)
	err = x.Platform.App.RunInTransaction(func(tx core.App) error {
		total = 0
		var ended []string
		err := tx.DB().Select("call").Distinct(true).From("ideas").Where(dbx.NotIn("call", open...)).Column(&ended)
		if err != nil {
			return err
		}
		for _, slug := range ended {
			for n, sql := range []string{
				`DELETE FROM idea_contacts WHERE idea IN (SELECT number FROM ideas WHERE call = {:call})`,
				`DELETE FROM idea_senders WHERE call = {:call}`,
			} {
				res, err := tx.DB().NewQuery(sql).Bind(dbx.Params{"call": slug}).Execute()
				if err != nil {
					return err
				}
				if n == 0 {
					deleted, err := res.RowsAffected()
					if err != nil {
						return err
					}
					total += deleted
				}
			}
		}
		return nil
	})
	return int(total), err
}

func sortByNumber(list []document) {
	slices.SortFunc(list, func(a, b document) int { return cmp.Compare(b.Number, a.Number) })
}
