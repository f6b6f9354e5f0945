package participation_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/participation"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// insert stores n responses of a day.
func (w *world) insert(t testing.TB, day string, n int) {
	t.Helper()
	err := w.App.RunInTransaction(func(tx core.App) error {
		for i := range n {
			if _, err := tx.DB().NewQuery(`INSERT INTO responses (survey, id, version, language, channel, day, answers)
				VALUES ('smart-kassel', {:id}, 1, 'de', 'web', {:day}, {:answers})`).
				Bind(dbx.Params{"id": newID(), "day": day, "answers": fmt.Sprintf(`{"rent":%d}`, i)}).Execute(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) claim(t testing.TB) int {
	t.Helper()
	n, err := w.matter.ClaimFeed(t.Context(), "smart-kassel")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

const yesterday = "2026-12-01"

func TestABlockOfTheFeedHoldsTenOfWholeDays(t *testing.T) {
	w := newWorld(t)
	w.insert(t, "2026-12-02", 30) // today
	w.insert(t, yesterday, 9)
	if n := w.claim(t); n != 0 {
		t.Fatalf("%d of nine and of today went out", n)
	}
	w.insert(t, yesterday, 1)
	if n := w.claim(t); n != 10 {
		t.Fatalf("%d of ten", n)
	}
	w.Now = func() time.Time { return basetest.Start.Add(24 * time.Hour) }
	if n := w.claim(t); n != 30 {
		t.Fatalf("%d of thirty, a day later", n)
	}
	w.insert(t, "2026-12-02", 3) // a rest
	if n := w.claim(t); n != 0 {
		t.Fatalf("%d of three while the survey goes on", n)
	}
	w.Now = func() time.Time { return basetest.Start.Add(72 * time.Hour) } // it has ended
	w.matter.Refresh()
	if n := w.claim(t); n != 3 {
		t.Fatalf("%d of the last three", n)
	}
	if n := w.claim(t); n != 0 {
		t.Fatalf("%d again", n)
	}
	if got := w.count(t, "feed_blocks"); got != 3 {
		t.Errorf("%d blocks", got)
	}
}

// Fewer than ten people in all are never told apart by a warehouse.
func TestASurveyWithFewerThanTenNeverGoesOut(t *testing.T) {
	w := newWorld(t)
	w.insert(t, yesterday, 9)
	w.Now = func() time.Time { return basetest.Start.Add(72 * time.Hour) }
	w.matter.Refresh()
	if n := w.claim(t); n != 0 {
		t.Errorf("%d went out", n)
	}
}

func TestThePlaceInABlockIsByLot(t *testing.T) {
	w := newWorld(t)
	w.insert(t, yesterday, 200)
	w.claim(t)
	var places []int
	if err := w.App.DB().NewQuery(`SELECT place FROM feed_rows ORDER BY id`).Column(&places); err != nil {
		t.Fatal(err)
	}
	if slices.IsSorted(places) || len(places) != 200 {
		t.Errorf("%d places in the order of ids", len(places))
	}
	slices.Sort(places)
	for i, p := range places {
		if p != i+1 {
			t.Fatalf("place %d is missing or double", i+1)
		}
	}
}

func (w *world) feed(t testing.TB) *participation.Feed {
	t.Helper()
	f, err := w.matter.OpenFeed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestErasedAndChangedResponsesAreTold(t *testing.T) {
	w := newWorld(t)
	w.insert(t, yesterday, 20)
	w.claim(t)
	exec := func(q string) {
		t.Helper()
		if _, err := w.App.NonconcurrentDB().NewQuery(q).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	exec(`DELETE FROM responses WHERE id IN (SELECT id FROM responses ORDER BY id LIMIT 2)`)
	exec(`UPDATE responses SET answers = '{"rent":77}' WHERE id = (SELECT id FROM responses ORDER BY id LIMIT 1)`)
	w.insert(t, yesterday, 9)
	if n, err := w.matter.ClaimErased(t.Context()); err != nil || n != 3 {
		t.Fatal(n, err)
	}
	if n, err := w.matter.ClaimErased(t.Context()); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	if n := w.claim(t); n != 10 { // nine new ones and the changed one
		t.Fatalf("%d claimed", n)
	}
	f := w.feed(t)
	blocks, err := f.Blocks()
	if err != nil || len(blocks) != 3 || blocks[0].Erased || !blocks[1].Erased || blocks[2].Erased || blocks[0].Mark == blocks[2].Mark {
		t.Fatalf("%+v %v", blocks, err)
	}
	places, err := f.Erased(blocks[1].Sequence)
	if err != nil || len(places) != 3 || places[0].Sequence != blocks[0].Sequence {
		t.Errorf("%+v %v", places, err)
	}
	if err := f.Count(&blocks[0]); err != nil || blocks[0].Rows[1] != 17 {
		t.Errorf("%+v %v", blocks[0], err)
	}
	changed := 0
	for r, err := range f.Responses(blocks[2].Sequence, 1) {
		if err != nil || strings.Contains(r.ID, "-") {
			t.Fatalf("%+v %v", r, err)
		}
		if r.Answers["rent"] == 77.0 {
			changed++
		}
	}
	if changed != 1 {
		t.Error("the changed response is not there again")
	}
	for _, q := range []string{`UPDATE feed_blocks SET survey = 'x'`, `DELETE FROM feed_blocks`} {
		if _, err := w.App.NonconcurrentDB().NewQuery(q).Execute(); err == nil {
			t.Errorf("%s was done", q)
		}
	}
}

func TestTheFeedNeverReadsPersonalAnswers(t *testing.T) {
	w := newWorld(t)
	w.insert(t, yesterday, 10)
	if _, err := w.App.NonconcurrentDB().NewQuery(`DROP TRIGGER response_personal_refused`).Execute(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.App.NonconcurrentDB().NewQuery(`INSERT INTO response_personal SELECT survey, id, '{"name":"Erika Mustermann"}' FROM responses`).Execute(); err != nil {
		t.Fatal(err)
	}
	w.claim(t)
	for r, err := range w.feed(t).Responses(1, 1) {
		b, _ := json.Marshal(r)
		if err != nil || strings.Contains(string(b), "Mustermann") {
			t.Fatalf("%s %v", b, err)
		}
	}
}

// Eight writers store responses while the feed claims without a pause: afterwards every
// response has one place and every place one response. The control asks, as many feeds
// do, for rows that were created after the last one it saw: it loses some, because a
// writer takes the time before it gets its turn.
func TestTheFeedLosesNothingUnderEightWriters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.App.NonconcurrentDB().NewQuery(`CREATE TABLE naive (id TEXT PRIMARY KEY, created INTEGER NOT NULL) STRICT`).Execute(); err != nil {
		t.Fatal(err)
	}
	const writers, each = 8, 150
	var wait sync.WaitGroup
	var clock atomic.Int64
	for range writers {
		wait.Go(func() {
			for range each {
				id := newID()
				created := clock.Add(1) // before its turn, as time.Now() is
				err := w.App.RunInTransaction(func(tx core.App) error {
					_, err := tx.DB().NewQuery(`INSERT INTO responses (survey, id, version, language, channel, day, answers) VALUES ('smart-kassel', {:id}, 1, 'de', 'web', '2026-12-01', '{}')`).
						Bind(dbx.Params{"id": id}).Execute()
					if err == nil {
						_, err = tx.DB().NewQuery(`INSERT INTO naive (id, created) VALUES ({:id}, {:created})`).Bind(dbx.Params{"id": id, "created": created}).Execute()
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	over := make(chan struct{})
	go func() { wait.Wait(); close(over) }()
	seen := map[string]int{} // by the control
	watermark := int64(0)
	look := func() {
		var rows []struct {
			ID      string `db:"id"`
			Created int64  `db:"created"`
		}
		if err := w.App.DB().NewQuery(`SELECT id, created FROM naive WHERE created > {:mark}`).Bind(dbx.Params{"mark": watermark}).All(&rows); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			seen[r.ID]++
			watermark = max(watermark, r.Created)
		}
	}
	for going := true; going; {
		select {
		case <-over:
			going = false
		default:
		}
		w.claim(t)
		look()
	}
	w.insert(t, yesterday, 10) // so that the rest makes a block
	w.claim(t)
	look()
	total := writers*each + 10
	var rows, places, blocks, small int
	for q, n := range map[string]*int{
		`SELECT count(*) FROM responses r JOIN feed_rows f USING (survey, id)`:                                           &rows,
		`SELECT count(*) FROM (SELECT DISTINCT sequence, place FROM feed_rows)`:                                          &places,
		`SELECT count(*) FROM feed_blocks`:                                                                               &blocks,
		`SELECT count(*) FROM (SELECT 1 FROM feed_rows GROUP BY sequence HAVING count(*) < 10 OR max(place) > count(*))`: &small,
	} {
		if err := w.App.DB().NewQuery(q).Row(n); err != nil {
			t.Fatal(err)
		}
	}
	if rows != total || places != total || small != 0 || blocks < 5 {
		t.Errorf("%d responses have %d places, of %d, in %d blocks, %d of them too small", rows, places, total, blocks, small)
	}
	if lost := writers*each - len(seen); lost == 0 {
		t.Error("the control lost nothing: the test shows nothing")
	} else {
		t.Logf("the control lost %d of %d; the feed none, in %d blocks", lost, writers*each, blocks)
	}
}

func TestTheFeedOfAnUnknownSurveyIsAnError(t *testing.T) {
	w := newWorld(t)
	if _, err := w.matter.ClaimFeed(t.Context(), "nothing"); err == nil {
		t.Error("no error")
	}
}
