package orders

import (
	"context"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
)

// How long things are kept.
const (
	KeepPayload     = 30 * 24 * time.Hour // of settled orders, also dead ones
	KeepIdempotency = 72 * time.Hour
	KeepLog         = 365 * 24 * time.Hour // who replayed, paused or withdrew what, and why

	sweepChunk = 500 // rows per write, so that bookings never wait long for the lock
)

// Sweep is the retention of orders: payloads of settled orders are emptied after
// [KeepPayload] (the rows stay, without personal data), remembered answers
// deleted after [KeepIdempotency], lines of the log after [KeepLog], figures of
// providers after eight days. It may be broken off and called again.
func (o *Orders) Sweep(ctx context.Context, now time.Time) error {
	err := o.inChunks(ctx, `UPDATE orders SET payload = '{}' WHERE id IN
		(SELECT id FROM orders WHERE settled < {:before} AND payload <> '{}' LIMIT {:n})`, now.Add(-KeepPayload))
	if err != nil {
		return fmt.Errorf("emptying payloads of orders: %w", err)
	}
	err = o.inChunks(ctx, `DELETE FROM idempotency WHERE (scope, key_hash) IN
		(SELECT scope, key_hash FROM idempotency WHERE created < {:before} LIMIT {:n})`, now.Add(-KeepIdempotency))
	if err != nil {
		return fmt.Errorf("deleting idempotency keys: %w", err)
	}
	_, err = o.p.App.DB().NewQuery(`DELETE FROM order_tries WHERE slot < {:before}`).WithContext(ctx).
		Bind(dbx.Params{"before": now.Add(-keepTries).Unix() / slotSeconds}).Execute()
	if err != nil {
		return fmt.Errorf("deleting figures of providers: %w", err)
	}
	err = o.inChunks(ctx, `DELETE FROM webhook_tries WHERE id IN (SELECT id FROM webhook_tries WHERE at < {:before} LIMIT {:n})`, now.Add(-keepDelivery))
	if err != nil {
		return fmt.Errorf("deleting the log of webhooks: %w", err)
	}
	err = o.inChunks(ctx, `DELETE FROM webhook_seen WHERE (provider, hash) IN
		(SELECT provider, hash FROM webhook_seen WHERE at < {:before} LIMIT {:n})`, now.Add(-keepSeen))
	if err != nil {
		return fmt.Errorf("forgetting messages of partners: %w", err)
	}
	err = o.inChunks(ctx, `DELETE FROM order_log WHERE id IN (SELECT id FROM order_log WHERE at < {:before} LIMIT {:n})`, now.Add(-KeepLog))
	if err != nil {
		return fmt.Errorf("deleting the log of orders: %w", err)
	}
	return nil
}

func (o *Orders) inChunks(ctx context.Context, statement string, before time.Time) error {
	for {
		res, err := o.p.App.DB().NewQuery(statement).WithContext(ctx).
			Bind(dbx.Params{"before": before.UnixMilli(), "n": sweepChunk}).Execute()
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil || n < sweepChunk {
			return err
		}
	}
}
