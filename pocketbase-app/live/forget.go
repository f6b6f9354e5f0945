package live

import (
	"context"
	"encoding/json"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// KeepFor is how long single answers, votes and texts that were never shown stay
// after the end of a sitting. The counts stay.
const KeepFor = 30 * 24 * time.Hour

// idle is after how long a sitting that nobody closed ends by itself.
const idle = 2 * 24 * time.Hour

// Forget closes sittings that were left open and erases single answers, votes and
// texts that nobody released of those closed longer than [KeepFor] ago; it
// gives how many sittings it changed.
func (x *Live) Forget(ctx context.Context) (n int, err error) {
	now := x.p.Now()
	var old []int64
	db := x.p.App.DB()
	if err := db.NewQuery(`SELECT id FROM live_sessions WHERE state = 'open' AND opened <= {:before}`).
		Bind(dbx.Params{"before": now.Add(-idle).UnixMilli()}).Column(&old); err != nil {
		return 0, err
	}
	for _, id := range old {
		err := x.p.App.RunInTransaction(func(tx core.App) error {
			for _, sql := range deeds["schliessen"] {
				if _, err := tx.DB().NewQuery(sql).Bind(dbx.Params{"session": id, "now": now.UnixMilli()}).Execute(); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
		x.hub.wake(id)
		n++
	}
	old = nil
	if err := db.NewQuery(`SELECT id FROM live_sessions WHERE closed <= {:before} AND forgotten IS NULL ORDER BY id`).
		Bind(dbx.Params{"before": now.Add(-KeepFor).UnixMilli()}).Column(&old); err != nil {
		return n, err
	}
	for _, id := range old {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		if err := x.p.App.RunInTransaction(func(tx core.App) error { return forget(tx, id, now) }); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func forget(tx core.App, session int64, now time.Time) error {
	all, err := polls(tx.DB(), session)
	if err != nil {
		return err
	}
	for _, p := range all {
		counts, err := count(tx.DB(), p)
		if err != nil {
			return err
		}
		kept := []Counted{}
		for _, c := range counts {
			if p.Kind != wordList || c.State == shown {
				kept = append(kept, c)
			}
		}
		doc, err := json.Marshal(kept)
		if err != nil {
			return err
		}
		if _, err := tx.DB().NewQuery(`UPDATE live_polls SET result = {:result} WHERE id = {:poll}`).Bind(dbx.Params{"result": string(doc), "poll": p.ID}).Execute(); err != nil {
			return err
		}
	}
	for _, sql := range []string{
		`DELETE FROM live_answers WHERE poll IN (SELECT id FROM live_polls WHERE session = {:session})`,
		`DELETE FROM live_words WHERE poll IN (SELECT id FROM live_polls WHERE session = {:session})`,
		`DELETE FROM live_votes WHERE question IN (SELECT id FROM live_questions WHERE session = {:session})`,
		`DELETE FROM live_senders WHERE session = {:session}`,
		`UPDATE live_questions SET text = '' WHERE session = {:session} AND state IN ('new', 'hidden')`,
		`UPDATE live_sessions SET forgotten = {:now} WHERE id = {:session}`,
	} {
		if _, err := tx.DB().NewQuery(sql).Bind(dbx.Params{"session": session, "now": now.UnixMilli()}).Execute(); err != nil {
			return err
		}
	}
	return nil
}
