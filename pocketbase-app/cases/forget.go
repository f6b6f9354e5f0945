package cases

import (
	"context"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// KeepFor is how long personal data are kept after a case was closed.
const KeepFor = 180 * 24 * time.Hour

const forgetChunk = 200 // cases per transaction: a few milliseconds of the one writer

// Forget erases the personal data of cases closed longer than [KeepFor] ago and
// returns how many those were. What stays is countable: guide, partner, states
// and times. It also removes sessions and failure counts that are over. A second
// call finds nothing more to do; a cancelled one goes on where it stopped.
func (c *Cases) Forget(ctx context.Context) (int, error) {
	now := c.Platform.Now()
	err := c.Platform.App.RunInTransaction(func(tx core.App) error {
		_, err := tx.DB().NewQuery(`DELETE FROM case_sessions WHERE expires <= {:now}`).
			Bind(dbx.Params{"now": now.UnixMilli()}).Execute()
		if err != nil {
			return err
		}
		_, err = tx.DB().NewQuery(`DELETE FROM case_failures WHERE since < {:old} AND locked <= {:now}`).
			Bind(dbx.Params{"old": now.Add(-lockFor).UnixMilli(), "now": now.UnixMilli()}).Execute()
		return err
	})
	if err != nil {
		return 0, err
	}
	total := 0
	for {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		n, err := c.forgetSome(now)
		total += n
		if err != nil || n < forgetChunk {
			return total, err
		}
	}
}

func (c *Cases) forgetSome(now time.Time) (n int, err error) {
	err = c.Platform.App.RunInTransaction(func(tx core.App) error {
		var old []string
		err := tx.DB().NewQuery(`SELECT reference FROM cases WHERE closed IS NOT NULL AND forgotten IS NULL AND closed <= {:before}
			ORDER BY closed LIMIT {:n}`).Bind(dbx.Params{"before": now.Add(-KeepFor).UnixMilli(), "n": forgetChunk}).Column(&old)
		if err != nil {
			return err
		}
		for _, reference := range old {
			for _, statement := range []string{
				`UPDATE cases SET name = '', email = '', message = '', answers = '{}', secret_hash = '', forgotten = {:now} WHERE reference = {:reference}`,
				`UPDATE case_events SET message = '', note = '', staff = '' WHERE reference = {:reference}`,
				`DELETE FROM case_sessions WHERE reference = {:reference}`,
			} {
				p := dbx.Params{"reference": reference, "now": now.UnixMilli()}
				if _, err := tx.DB().NewQuery(statement).Bind(p).Execute(); err != nil {
					return err
				}
			}
		}
		n = len(old)
		return nil
	})
	return n, err
}
