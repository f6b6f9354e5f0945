package booking

import (
	"errors"
	"strings"
	"time"

	"servicepoint/content"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// PublishEvent brings the pools of an event in line with what an editor
// publishes, inside the transaction that publishes it. Pools that would become
// smaller than what is taken, and pools left out that have claims, are refused
// as content.Problems on the field "pools"; [Service.Concerned] lists the people. So is a
// questionnaire that is not for those who came, on the field "survey".
// New places go to the waiting list, and everybody who booked or waits is told
// when the event was moved or cancelled. Withdrawing an event needs no call:
// its claims stay, and nothing is booked while it is not published.
func (s *Service) PublishEvent(tx core.App, ev content.Event) error {
	if err := s.checkSurvey(ev); err != nil {
		return err
	}
	if err := publishPools(tx, ev); err != nil {
		return err
	}
	now := s.p.Now()
	if err := s.tellChanges(tx, ev, now); err != nil {
		return err
	}
	return s.tend(tx, ev, now)
}

func publishPools(tx core.App, ev content.Event) error {
	if !tx.IsTransactional() {
		return errors.New("booking: PublishEvent outside a transaction")
	}
	var rows []poolRow
	if err := tx.DB().NewQuery(`SELECT event, code, size, taken, stopped FROM pools WHERE event = {:event}`).
		Bind(dbx.Params{"event": ev.Slug}).All(&rows); err != nil {
		return err
	}
	have := map[string]poolRow{}
	for _, r := range rows {
		have[r.Code] = r
	}
	var problems content.Problems
	for _, pool := range ev.Pools {
		if pool.Size < have[pool.Code].Taken {
			problems.Add("pools", "pool_taken", "pool", pool.Code, "taken", have[pool.Code].Taken)
		}
	}
	wanted := map[string]bool{}
	for _, pool := range ev.Pools {
		if wanted[pool.Code] {
			problems.Add("pools", "twice")
		}
		wanted[pool.Code] = true
	}
	for _, r := range rows {
		if !wanted[r.Code] && r.Taken > 0 {
			problems.Add("pools", "pool_in_use", "pool", r.Code, "taken", r.Taken)
		}
	}
	if err := problems.Err(); err != nil {
		return err
	}
	for _, pool := range ev.Pools {
		if _, err := tx.DB().NewQuery(`INSERT INTO pools (event, code, size) VALUES ({:event}, {:code}, {:size})
			ON CONFLICT (event, code) DO UPDATE SET size = excluded.size`).
			Bind(dbx.Params{"event": ev.Slug, "code": pool.Code, "size": pool.Size}).Execute(); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if wanted[r.Code] {
			continue
		}
		// A pool that ended claims point to stays as an empty row.
		if _, err := tx.DB().NewQuery(`UPDATE pools SET size = 0 WHERE event = {:event} AND code = {:code}`).
			Bind(dbx.Params{"event": ev.Slug, "code": r.Code}).Execute(); err != nil {
			return err
		}
		if _, err := tx.DB().NewQuery(`DELETE FROM pools WHERE event = {:event} AND code = {:code}
			AND NOT EXISTS (SELECT 1 FROM tickets WHERE tickets.event = pools.event AND tickets.pool = pools.code)`).
			Bind(dbx.Params{"event": ev.Slug, "code": r.Code}).Execute(); err != nil {
			return err
		}
	}
	return nil
}

type poolRow struct {
	Event   string `db:"event"`
	Code    string `db:"code"`
	Size    int    `db:"size"`
	Taken   int    `db:"taken"`
	Stopped string `db:"stopped"`
}

func (r poolRow) free() int {
	if r.Stopped != "" {
		return 0
	}
	return max(0, r.Size-r.Taken)
}

// counters reads the pools of one event, or of all events when event is "".
// Holds that have run out count as free, as they do for the next writer.
func counters(db dbx.Builder, now time.Time, event string) (map[string]map[string]poolRow, error) {
	q := `SELECT event, code, size, stopped, taken - (SELECT count(*) FROM claims c JOIN tickets t ON t.reference = c.reference
			WHERE t.event = pools.event AND t.pool = pools.code AND t.released IS NULL AND c.event = pools.event
			AND c.state = 'active' AND c.expires IS NOT NULL AND c.expires <= {:now}) AS taken
		FROM pools`
	if event != "" {
		q += ` WHERE event = {:event}`
	}
	var rows []poolRow
	if err := db.NewQuery(q).Bind(dbx.Params{"now": now.UnixMilli(), "event": event}).All(&rows); err != nil {
		return nil, err
	}
	byEvent := map[string]map[string]poolRow{}
	for _, r := range rows {
		if byEvent[r.Event] == nil {
			byEvent[r.Event] = map[string]poolRow{}
		}
		byEvent[r.Event][r.Code] = r
	}
	return byEvent, nil
}

// place is one pool as pages and the API show it.
type place struct {
	Code    string
	Label   string
	Lang    string // of the label
	Size    int
	Taken   int
	Free    int
	Stopped bool
}

// places joins the pools that an event names with their counters, in the
// editor's order.
func places(ev content.Event, rows map[string]poolRow, lang string) []place {
	list := make([]place, 0, len(ev.Pools))
	for _, pool := range ev.Pools {
		r, ok := rows[pool.Code]
		if !ok {
			continue
		}
		label, used := poolLabel(ev, pool.Code, lang)
		list = append(list, place{Code: pool.Code, Label: label, Lang: used, Size: r.Size, Taken: r.Taken, Free: r.free(), Stopped: r.Stopped != ""})
	}
	return list
}

func freePlaces(list []place) (n int) {
	for _, pl := range list {
		n += pl.Free
	}
	return n
}

// isFull reports whether the constraint pool_full refused a write.
func isFull(err error) bool {
	return err != nil && strings.Contains(err.Error(), "CHECK constraint failed: pool_full")
}
