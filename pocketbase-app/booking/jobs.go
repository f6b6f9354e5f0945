package booking

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Keep is how long names and addresses stay after the end of an event.
const Keep = 30 * 24 * time.Hour

// keyLife is how long idempotency keys are known.
const keyLife = 72 * time.Hour

// ExpireHolds ends holds and offers that ran out and tells how many. Writers do
// the same for their own event; this keeps the figures of quiet events right.
func (s *Service) ExpireHolds(ctx context.Context) (n int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	err = s.p.App.RunInTransaction(func(tx core.App) error {
		n, err = expire(tx, "", s.p.Now())
		return err
	})
	return n, err
}

// Audit checks that every counter equals the sum of the claims behind it and
// that nothing is oversold. It stops sales of an event where that fails, names
// these events in its error, and lets sales go on once the figures are right.
func (s *Service) Audit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var broken []string
	err := s.p.App.RunInTransaction(func(tx core.App) error {
		if err := tx.DB().NewQuery(`SELECT DISTINCT event FROM pools
			WHERE taken > size OR taken < 0 OR taken <> coalesce((SELECT sum(places) FROM claims c
				WHERE c.event = pools.event AND c.pool = pools.code AND c.state IN ('active', 'confirmed')), 0)
			ORDER BY event`).Column(&broken); err != nil {
			return err
		}
		if _, err := tx.DB().NewQuery(`UPDATE pools SET stopped = '' WHERE stopped = 'audit'`).Execute(); err != nil {
			return err
		}
		for _, event := range broken {
			if _, err := tx.DB().NewQuery(`UPDATE pools SET stopped = 'audit' WHERE event = {:event}`).
				Bind(dbx.Params{"event": event}).Execute(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(broken) > 0 {
		return fmt.Errorf("booking: sales stopped, counters and claims differ: %s; compare the tables pools and claims", strings.Join(broken, ", "))
	}
	return nil
}

// Forget empties names and addresses of claims [Keep] after the end of their
// event and deletes idempotency keys older than three days; it tells how many
// rows it changed. It works in chunks so that nobody waits for it.
func (s *Service) Forget(ctx context.Context) (n int, err error) {
	var events []struct {
		Event string `db:"event"`
		Last  int64  `db:"last"` // newest claim
	}
	if err := s.p.App.DB().NewQuery(`SELECT event, max(created) AS last FROM claims
		WHERE name <> '' OR email <> '' GROUP BY event ORDER BY event`).All(&events); err != nil {
		return 0, err
	}
	now := s.p.Now()
	for _, row := range events {
		ev, found, err := anyEvent(s.p.App.DB(), row.Event)
		if err != nil {
			return n, err
		}
		end := time.UnixMilli(row.Last) // an event that is gone leaves no end
		if found && !ev.Start.IsZero() {
			end = endOf(ev)
		}
		if now.Before(end.Add(Keep)) {
			continue
		}
		k, err := s.inChunks(ctx, `UPDATE claims SET name = '', email = '' WHERE reference IN (
			SELECT reference FROM claims WHERE event = {:event} AND (name <> '' OR email <> '') LIMIT {:chunk})`,
			dbx.Params{"event": row.Event})
		n += k
		if err != nil {
			return n, err
		}
	}
	k, err := s.inChunks(ctx, `DELETE FROM idempotency WHERE (scope, key_hash) IN (
		SELECT scope, key_hash FROM idempotency WHERE scope = {:scope} AND created < {:before} LIMIT {:chunk})`,
		dbx.Params{"scope": Kind, "before": now.Add(-keyLife).UnixMilli()})
	return n + k, err
}

const chunk = 500 // rows in one write

func (s *Service) inChunks(ctx context.Context, q string, params dbx.Params) (n int, err error) {
	params["chunk"] = chunk
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		res, err := s.p.App.NonconcurrentDB().NewQuery(q).Bind(params).Execute()
		if err != nil {
			return n, err
		}
		k, err := res.RowsAffected()
		n += int(k)
		if err != nil || k < chunk {
			return n, err
		}
	}
}
