package booking

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Keep is how long names and addresses stay after the end of an event.
const Keep = 30 * 24 * time.Hour

// keyLife is how long idempotency keys are known.
const keyLife = 72 * time.Hour

// ExpireHolds ends holds, offers and blocks that ran out, offers the free places
// of every event to its waiting list, and tells how many ended. Writers do the
// same for their own event; this keeps quiet events right.
func (s *Service) ExpireHolds(ctx context.Context) (n int, err error) {
	var events []string
	if err := s.p.App.DB().NewQuery(`SELECT event FROM claims WHERE state = 'active' AND expires IS NOT NULL AND expires <= {:now}
		UNION SELECT event FROM claims WHERE kind = 'waiting' AND state = 'active' ORDER BY event`).
		Bind(dbx.Params{"now": s.p.Now().UnixMilli()}).Column(&events); err != nil {
		return 0, err
	}
	for _, event := range events {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		err := s.p.App.RunInTransaction(func(tx core.App) error {
			now := s.p.Now()
			k, err := s.expire(tx, event, now)
			if err != nil {
				return err
			}
			n += k
			return s.tendEvent(tx, event, now)
		})
		if err != nil {
			return n, err
		}
	}
	if len(events) > 0 {
		s.p.WakeOrders()
	}
	return n, nil
}

// Remind writes one mail to everybody with a confirmed booking of an event that
// begins within a day, and tells how many. Who booked within that day hears nothing.
func (s *Service) Remind(ctx context.Context) (n int, err error) {
	events, err := s.events.all(s.p.App.DB())
	if err != nil {
		return 0, err
	}
	for _, ev := range events {
		now := s.p.Now()
		start := startOf(ev)
		if ev.Cancelled || !now.Before(start) || now.Before(start.Add(-ReminderBefore)) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return n, err
		}
		err := s.p.App.RunInTransaction(func(tx core.App) error {
			var list []Claim
			if err := tx.DB().NewQuery(`SELECT ` + claimColumns + ` FROM claims WHERE event = {:event} AND kind = 'booking' AND state = 'confirmed' AND email <> '' AND created < {:before}
				AND NOT EXISTS (SELECT 1 FROM claim_events e WHERE e.reference = claims.reference AND e.what = 'reminded')`).
				Bind(dbx.Params{"event": ev.Slug, "before": start.Add(-ReminderBefore).UnixMilli()}).All(&list); err != nil {
				return err
			}
			for _, c := range list {
				if err := s.putMail(tx, c, mailReminder, false); err != nil {
					return err
				}
				if err := note(tx, c, "reminded", "", now); err != nil {
					return err
				}
			}
			n += len(list)
			return nil
		})
		if err != nil {
			return n, err
		}
	}
	if n > 0 {
		s.p.WakeOrders()
	}
	return n, nil
}

// ReminderBefore is how long before the start of an event its guests are reminded.
const ReminderBefore = 24 * time.Hour

// The invariants, as queries for the events that break them.
var invariants = []struct{ what, query string }{
	{"a counter differs from the tickets behind it, or is over its size", `SELECT event FROM pools
		WHERE taken > size OR taken < 0 OR taken <> (SELECT count(*) FROM tickets t JOIN claims c ON c.reference = t.reference
			WHERE t.event = pools.event AND t.pool = pools.code AND t.released IS NULL
			AND c.kind <> 'waiting' AND c.state IN ('active', 'pending', 'confirmed'))`},
	{"a claim has another number of tickets than places", `SELECT event FROM claims
		WHERE places <> (SELECT count(*) FROM tickets t WHERE t.reference = claims.reference AND t.released IS NULL)`},
	{"a ticket is of another event than its claim", `SELECT c.event AS event FROM claims c JOIN tickets t ON t.reference = c.reference
		WHERE t.event <> c.event`},
	{"a ticket came in that is of no booking", `SELECT c.event AS event FROM claims c JOIN tickets t ON t.reference = c.reference
		WHERE t.checked_in IS NOT NULL AND (t.released IS NOT NULL OR c.kind <> 'booking')`},
	{"a hold or offer ran out an hour ago and still takes places", `SELECT event FROM claims
		WHERE state = 'active' AND expires IS NOT NULL AND expires < {:now} - 3600000`},
	{"two bookings have one secret", `SELECT min(event) AS event FROM claims WHERE secret_hash <> '' AND kind <> 'block' GROUP BY secret_hash HAVING count(*) > 1`},
	{"a booking takes places and no order or answer of the desk is known", `SELECT event FROM claims WHERE kind = 'booking' AND state = 'active' AND created < {:now} - 3600000
		AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.key = 'desk:' || claims.reference)`},
}

// Audit checks the invariants: the counter of every pool equals the tickets
// behind it and nothing is oversold, every claim has its tickets, nobody who fits
// is left on a waiting list, nothing takes places for longer than it may. It stops
// sales of an event where one fails, names these events in its error, and lets
// sales go on once the figures are right.
func (s *Service) Audit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	broken := map[string][]string{} // what is wrong → events
	stop := map[string]bool{}
	err := s.p.App.RunInTransaction(func(tx core.App) error {
		now := s.p.Now()
		if _, err := tx.DB().NewQuery(`UPDATE pools SET stopped = '' WHERE stopped = 'audit'`).Execute(); err != nil {
			return err
		}
		for _, in := range invariants {
			var events []string
			if err := tx.DB().NewQuery(`SELECT DISTINCT event FROM (` + in.query + `) ORDER BY event`).
				Bind(dbx.Params{"now": now.UnixMilli()}).Column(&events); err != nil {
				return fmt.Errorf("%s: %w", in.what, err)
			}
			broken[in.what] = events
		}
		var waiting []string
		if err := tx.DB().NewQuery(`SELECT DISTINCT event FROM claims WHERE kind = 'waiting' AND state = 'active' ORDER BY event`).Column(&waiting); err != nil {
			return err
		}
		for _, slug := range waiting {
			ev, err := s.events.published(tx.DB(), slug)
			if err == base.ErrNotFound {
				continue
			}
			if err != nil {
				return err
			}
			references, err := s.lost(tx.DB(), ev, now)
			if err != nil {
				return err
			}
			if len(references) > 0 {
				const what = "somebody on the waiting list fits and was not offered the places"
				broken[what] = append(broken[what], slug)
			}
		}
		for _, events := range broken {
			for _, event := range events {
				stop[event] = true
			}
		}
		for event := range stop {
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
	if len(stop) == 0 {
		return nil
	}
	var list []string
	for _, what := range slices.Sorted(maps.Keys(broken)) {
		if events := broken[what]; len(events) > 0 {
			list = append(list, what+": "+strings.Join(events, ", "))
		}
	}
	return fmt.Errorf("booking: sales stopped; %s; compare the tables pools, claims and tickets", strings.Join(list, "; "))
}

// Forget empties names, addresses, answers and marks of passes of claims and tickets [Keep] after the end of their
// event and deletes idempotency keys older than three days; it tells how many
// rows it changed. It works in chunks so that nobody waits for it.
func (s *Service) Forget(ctx context.Context) (n int, err error) {
	var events []struct {
		Event string `db:"event"`
		Last  int64  `db:"last"` // newest claim
	}
	if err := s.p.App.DB().NewQuery(`SELECT event, max(last) AS last FROM (
			SELECT event, max(created) AS last FROM claims WHERE name <> '' OR email <> '' GROUP BY event
			UNION ALL SELECT t.event, max(c.created) FROM tickets t JOIN claims c ON c.reference = t.reference
				WHERE t.name <> '' OR t.answers <> '' OR t.pass_mark <> '' GROUP BY t.event)
		GROUP BY event ORDER BY event`).All(&events); err != nil {
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
		if _, err := s.inChunks(ctx, `UPDATE tickets SET name = '', answers = '', pass_mark = '' WHERE (reference, number) IN (
			SELECT reference, number FROM tickets WHERE event = {:event} AND (name <> '' OR answers <> '' OR pass_mark <> '') LIMIT {:chunk})`,
			dbx.Params{"event": row.Event}); err != nil {
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
