package orders

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Store is the table orders as a hooks.Store.
type Store struct {
	p        *base.Platform
	settlers map[string]Settler
	alarm    func(tx core.App, provider string, now time.Time) error // nil: nobody is told of a halt
}

// dueOrders selects what may be leased. Only the oldest open order of a subject
// qualifies, so orders of one subject keep their order and no two of them are
// under way at the same time.
const dueOrders = `SELECT o.id FROM orders o
	WHERE o.provider = {:provider} AND o.due <= {:now}
		AND o.state IN ('waiting', 'leased', 'unknown')
		AND (o.state <> 'leased' OR o.leased <= {:now})
		AND NOT EXISTS (SELECT 1 FROM orders e WHERE e.subject = o.subject AND e.id < o.id
			AND e.state IN ('waiting', 'leased', 'unknown'))
		AND NOT EXISTS (SELECT 1 FROM order_pauses q WHERE q.provider = o.provider)
	ORDER BY o.due, o.id LIMIT {:n}`

// In an UPDATE the right-hand sides see the row as it was. A lease that ran out
// leaves the outcome as unsure as a try without an answer.
const leaseOrders = `UPDATE orders SET state = 'leased', unsure = state <> 'waiting', fence = fence + 1,
		attempt = attempt + 1, leased = {:until}, tried = {:now}, since = coalesce(since, {:now})
	WHERE id IN (` + dueOrders + `)
	RETURNING id, key, provider, kind, subject, partner, payload, attempt, fence, unsure, since, created`

type orderRow struct {
	ID       int64  `db:"id"`
	Key      string `db:"key"`
	Provider string `db:"provider"`
	Kind     string `db:"kind"`
	Subject  string `db:"subject"`
	Partner  string `db:"partner"`
	Payload  string `db:"payload"`
	Attempt  int    `db:"attempt"`
	Fence    int64  `db:"fence"`
	Unsure   bool   `db:"unsure"`
	Since    int64  `db:"since"`
	Created  int64  `db:"created"`
}

func (r orderRow) lease() hooks.Lease {
	return hooks.Lease{
		Order: hooks.Order{
			ID: r.ID, Key: r.Key, Provider: r.Provider, Kind: r.Kind, Subject: r.Subject, Partner: r.Partner,
			Payload: json.RawMessage(r.Payload), Attempt: r.Attempt, Created: time.UnixMilli(r.Created).UTC(),
		},
		Fence: r.Fence, Unknown: r.Unsure, Since: time.UnixMilli(r.Since).UTC(),
	}
}

// Lease takes due orders. Without any it only reads: an idle dispatcher never
// takes the write lock.
func (s *Store) Lease(ctx context.Context, provider string, n int, d time.Duration) ([]hooks.Lease, error) {
	now := s.p.Now()
	var first int64
	err := s.p.App.DB().NewQuery(dueOrders).WithContext(ctx).Bind(dbx.Params{"provider": provider, "now": now.UnixMilli(), "n": 1}).Row(&first)
	if base.IsNoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("orders due for %s: %w", provider, err)
	}
	params := dbx.Params{"provider": provider, "now": now.UnixMilli(), "until": now.Add(d).UnixMilli(), "n": n}
	var rows []orderRow
	if err := s.p.App.DB().NewQuery(leaseOrders).WithContext(ctx).Bind(params).All(&rows); err != nil {
		return nil, fmt.Errorf("leasing orders of %s: %w", provider, err)
	}
	slices.SortFunc(rows, func(a, b orderRow) int { return cmp.Compare(a.ID, b.ID) })
	leases := make([]hooks.Lease, len(rows))
	for i, r := range rows {
		leases[i] = r.lease()
		if leases[i].Payload, err = s.p.OpenPayload(r.Kind, r.Key, []byte(r.Payload)); err != nil {
			// The provider refuses what it cannot read, and staff see the order.
			s.p.App.Logger().Error("an order cannot be read", "order", r.ID, "error", err.Error())
			leases[i].Payload = json.RawMessage(`{}`)
		}
	}
	return leases, nil
}

// Settle writes a final outcome and calls the settler of the order's kind in the
// same transaction.
func (s *Store) Settle(_ context.Context, l hooks.Lease, state hooks.State, r hooks.Result, cause error) error {
	return s.p.App.RunInTransaction(func(tx core.App) error {
		err := change(tx, l, `state = {:state}, reference = {:reference}, last_error = {:error}, leased = NULL, settled = {:now}`, dbx.Params{
			"state": string(state), "reference": r.Reference, "error": text(cause), "now": s.p.Now().UnixMilli(),
		})
		if err != nil {
			return err
		}
		return s.follow(tx, l.Order, state, r)
	})
}

// follow calls the settler. A panic in it must not leave the transaction open.
func (s *Store) follow(tx core.App, o hooks.Order, state hooks.State, r hooks.Result) (err error) {
	settler, ok := s.settlers[o.Kind]
	switch {
	case ok:
	case o.Kind == "mail" || o.Kind == "staff-mail" || o.Kind == "sms" || o.Kind == "webhook":
		return nil
	case o.Kind == hooks.KindFetch:
		return s.followed(tx, o, state, r)
	case o.Kind == base.PrivateMail:
		_, err := tx.DB().NewQuery(`UPDATE orders SET payload = '{}' WHERE id = {:id}`).Bind(dbx.Params{"id": o.ID}).Execute()
		return err
	default:
		return fmt.Errorf("order %d: nobody settles orders of kind %q", o.ID, o.Kind)
	}
	defer func() {
		if v := recover(); v != nil {
			s.p.App.Logger().Error("settler panicked", "order", o.ID, "kind", o.Kind, "stack", string(debug.Stack()))
			err = fmt.Errorf("order %d: the settler of %q panicked", o.ID, o.Kind)
		}
	}()
	if err := settler.Settle(tx, o, state, r); err != nil {
		return fmt.Errorf("order %d: settling as %s: %w", o.ID, state, err)
	}
	return nil
}

// Retry puts the order back.
func (s *Store) Retry(ctx context.Context, l hooks.Lease, at time.Time, unknown bool, cause error) error {
	state := hooks.Waiting
	if unknown {
		state = hooks.Unknown
	}
	set, params := `state = {:state}, due = {:due}, leased = NULL, put_off = {:off}`, dbx.Params{"state": string(state), "due": at.UnixMilli(), "off": l.PutOff}
	if cause != nil {
		set += `, last_error = {:error}`
		params["error"] = cause.Error()
	}
	return change(s.p.App, l, set, params)
}

// change updates a leased order if the lease still holds.
func change(app core.App, l hooks.Lease, set string, params dbx.Params) error {
	params["id"], params["fence"] = l.ID, l.Fence
	res, err := app.DB().NewQuery(`UPDATE orders SET ` + set + ` WHERE id = {:id} AND fence = {:fence} AND state = 'leased'`).Bind(params).Execute()
	if err != nil {
		return fmt.Errorf("order %d: %w", l.ID, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("order %d: %w", l.ID, hooks.ErrFenced)
	}
	return nil
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// reclaim ends the leases of an earlier server process. Only one process holds a
// data directory, so whoever had them is gone; if not, the fence stops it.
func (s *Store) reclaim(ctx context.Context) error {
	_, err := s.p.App.DB().NewQuery(`UPDATE orders SET leased = {:now} WHERE state = 'leased' AND leased > {:now}`).
		WithContext(ctx).Bind(dbx.Params{"now": s.p.Now().UnixMilli()}).Execute()
	if err != nil {
		return fmt.Errorf("reclaiming leases: %w", err)
	}
	return nil
}

// Halt pauses a provider whose credentials are refused and tells the operators,
// once: a pause that is there already stays as it is.
func (s *Store) Halt(ctx context.Context, provider string, cause error) error {
	now := s.p.Now()
	return s.p.App.RunInTransaction(func(tx core.App) error {
		res, err := tx.DB().NewQuery(`INSERT INTO order_pauses (provider, since, staff, reason) VALUES ({:provider}, {:now}, '', 'credentials')
			ON CONFLICT (provider) DO NOTHING`).WithContext(ctx).Bind(dbx.Params{"provider": provider, "now": now.UnixMilli()}).Execute()
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		if err := note(tx, now, entry{What: "halt", Provider: provider, Reason: text(cause)}); err != nil {
			return err
		}
		if s.alarm == nil {
			return nil
		}
		return s.alarm(tx, provider, now)
	})
}

// Hasten makes orders due that wait between two tries, but for those that the
// provider itself put off.
func (s *Store) Hasten(ctx context.Context, provider string) error {
	_, err := s.p.App.DB().NewQuery(`UPDATE orders SET due = {:now}
		WHERE provider = {:provider} AND state IN ('waiting', 'unknown') AND due > {:now} AND put_off = 0`).
		WithContext(ctx).Bind(dbx.Params{"provider": provider, "now": s.p.Now().UnixMilli()}).Execute()
	if err == nil {
		s.p.WakeOrders()
	}
	return err
}

// entry is a line of the log of orders.
type entry struct {
	Staff    string // id; "" is the program
	What     string // pause, resume, halt, replay, withdraw
	Provider string
	Order    int64 // 0: the provider as a whole
	N        int   // how many orders; 1 unless set
	Reason   string
}

func note(tx core.App, now time.Time, e entry) error {
	var order any
	if e.Order != 0 {
		order = e.Order
	}
	_, err := tx.DB().NewQuery(`INSERT INTO order_log (at, staff, what, provider, order_id, n, reason)
		VALUES ({:at}, {:staff}, {:what}, {:provider}, {:order}, {:n}, {:reason})`).Bind(dbx.Params{
		"at": now.UnixMilli(), "staff": e.Staff, "what": e.What, "provider": e.Provider, "order": order, "n": max(e.N, 1), "reason": e.Reason,
	}).Execute()
	return err
}

// errNotDead is the answer to replaying what is not dead or was emptied by retention.
var errNotDead = errors.New("order is not dead or its payload is gone")

const replayDead = `UPDATE orders SET state = 'unknown', due = {:now}, since = NULL, settled = NULL, attempt = 0, put_off = 0
	WHERE state = 'dead' AND payload <> '{}' AND `

// Replay makes a dead order due again with a fresh budget and the same key. The
// provider is asked first whether it did it after all, if it can tell.
func (s *Store) Replay(_ context.Context, id int64, staff, reason string) error {
	return s.act(func(tx core.App, now time.Time) error {
		var provider string
		err := tx.DB().NewQuery(replayDead + `id = {:id} RETURNING provider`).Bind(dbx.Params{"id": id, "now": now.UnixMilli()}).Row(&provider)
		if base.IsNoRows(err) {
			return errNotDead
		}
		if err != nil {
			return fmt.Errorf("replaying order %d: %w", id, err)
		}
		return note(tx, now, entry{Staff: staff, What: "replay", Provider: provider, Order: id, Reason: reason})
	})
}

// ReplayAll does it with all dead orders of a provider and tells how many there were.
func (s *Store) ReplayAll(_ context.Context, provider, staff, reason string) (n int64, err error) {
	err = s.act(func(tx core.App, now time.Time) error {
		res, err := tx.DB().NewQuery(replayDead + `provider = {:provider}`).Bind(dbx.Params{"provider": provider, "now": now.UnixMilli()}).Execute()
		if err != nil {
			return fmt.Errorf("replaying orders of %s: %w", provider, err)
		}
		if n, err = res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errNotDead)
		}
		return note(tx, now, entry{Staff: staff, What: "replay", Provider: provider, N: int(n), Reason: reason})
	})
	return n, err
}

// errSent is the answer to withdrawing what may have been sent.
var errSent = errors.New("order has been sent or is settled")

// Withdraw takes an order back that no provider has seen yet; its settler hears
// [hooks.Rejected].
func (s *Store) Withdraw(_ context.Context, id int64, staff, reason string) error {
	return s.act(func(tx core.App, now time.Time) error {
		var row orderRow
		err := tx.DB().NewQuery(`UPDATE orders SET state = 'rejected', withdrawn = {:now}, settled = {:now}, last_error = ''
			WHERE id = {:id} AND state = 'waiting'
			RETURNING id, key, provider, kind, subject, partner, payload, attempt, fence, unsure, coalesce(since, created) AS since, created`).
			Bind(dbx.Params{"id": id, "now": now.UnixMilli()}).One(&row)
		if base.IsNoRows(err) {
			return errSent
		}
		if err != nil {
			return fmt.Errorf("withdrawing order %d: %w", id, err)
		}
		if err := note(tx, now, entry{Staff: staff, What: "withdraw", Provider: row.Provider, Order: id, Reason: reason}); err != nil {
			return err
		}
		o := row.lease().Order
		if o.Payload, err = s.p.OpenPayload(row.Kind, row.Key, []byte(row.Payload)); err != nil {
			o.Payload = json.RawMessage(`{}`)
		}
		return s.follow(tx, o, hooks.Rejected, hooks.Result{})
	})
}

// act does something to orders in one transaction and wakes the dispatcher.
func (s *Store) act(f func(tx core.App, now time.Time) error) error {
	err := s.p.App.RunInTransaction(func(tx core.App) error { return f(tx, s.p.Now()) })
	if err == nil {
		s.p.WakeOrders()
	}
	return err
}

// Pause stops leasing to a provider; calls under way end as they will.
func (s *Store) Pause(_ context.Context, provider, staff, reason string) error {
	return s.act(func(tx core.App, now time.Time) error {
		res, err := tx.DB().NewQuery(`INSERT INTO order_pauses (provider, since, staff) VALUES ({:provider}, {:now}, {:staff})
			ON CONFLICT (provider) DO NOTHING`).Bind(dbx.Params{"provider": provider, "now": now.UnixMilli(), "staff": staff}).Execute()
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return note(tx, now, entry{Staff: staff, What: "pause", Provider: provider, Reason: reason})
	})
}

// Resume ends a pause or a halt. Its orders are due at once and their budget
// starts anew: a pause eats nobody's budget.
func (s *Store) Resume(_ context.Context, provider, staff string) error {
	return s.act(func(tx core.App, now time.Time) error {
		params := dbx.Params{"provider": provider, "now": now.UnixMilli()}
		res, err := tx.DB().NewQuery(`DELETE FROM order_pauses WHERE provider = {:provider}`).Bind(params).Execute()
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		if err := note(tx, now, entry{Staff: staff, What: "resume", Provider: provider}); err != nil {
			return err
		}
		_, err = tx.DB().NewQuery(`UPDATE orders SET since = NULL, due = min(due, {:now})
			WHERE provider = {:provider} AND state IN ('waiting', 'unknown')`).Bind(params).Execute()
		return err
	})
}
