package results

import (
	"context"
	"encoding/json"
	"errors"

	"servicepoint/content"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// errNone: there is no release that could be withdrawn.
var errNone = errors.New("results_none")

type withdrawal struct {
	Number  int    `db:"number"`
	Reason  string `db:"reason"`
	Created int64  `db:"created"`
}

func withdrawals(ctx context.Context, db dbx.Builder, slug string) (list []withdrawal, err error) {
	err = db.NewQuery(`SELECT number, reason, created FROM result_withdrawals WHERE survey = {:survey} ORDER BY number`).
		Bind(dbx.Params{"survey": slug}).WithContext(ctx).All(&list)
	return list, err
}

// Withdraw takes the newest release off the site; the reason stays there. The
// figures stay in the ledger: who has seen them has seen them.
func (x *Results) Withdraw(ctx context.Context, slug string, reason content.Text, staff string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if reason[content.German] == "" {
		return errReason
	}
	doc, err := json.Marshal(reason)
	if err != nil {
		return err
	}
	err = x.p.App.RunInTransaction(func(tx core.App) error {
		res, err := tx.DB().NewQuery(`INSERT INTO result_withdrawals (survey, number, reason, created, created_by)
			SELECT survey, max(number), {:reason}, {:now}, {:staff} FROM result_releases WHERE survey = {:survey} HAVING count(*) > 0
			ON CONFLICT DO NOTHING`).
			Bind(dbx.Params{"survey": slug, "reason": string(doc), "now": x.p.Now().UnixMilli(), "staff": staff}).WithContext(ctx).Execute()
		if err != nil {
			return err
		}
		switch n, err := res.RowsAffected(); {
		case err != nil:
			return err
		case n == 0:
			return errNone
		}
		return x.Rebuild(tx, "surveys/"+slug+" results withdrawn", staff)
	})
	if err == nil {
		x.Wake()
	}
	return err
}
