package booking

import (
	"fmt"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"pgregory.net/rapid"
)

// Whatever happens in whatever order: the counter of a pool equals the places of
// its claims and never passes its size.
func TestCountersHoldWhateverHappens(t *testing.T) {
	h := open(t)
	h.exec(`PRAGMA synchronous = OFF`) // thousands of small writes
	events := 0
	rapid.Check(t, func(rt *rapid.T) {
		events++
		slug := fmt.Sprintf("veranstaltung-%d", events)
		now := basetest.Start
		h.p.Now = func() time.Time { return now }
		h.publish(lecture(slug, room(6), wheelchair(2)))
		var references []string

		in := func(f func(tx core.App) error) error { return h.p.App.RunInTransaction(f) }
		some := func() string { return rapid.SampledFrom(references).Draw(rt, "reference") }
		rt.Repeat(map[string]func(*rapid.T){
			"book": func(rt *rapid.T) {
				a, _, err := h.s.Book(Order{
					Event: slug, Key: base.NewToken(), Channel: "api", Language: "de",
					Request: Request{Name: "Ada", Email: "ada@example.org", Places: rapid.IntRange(1, 4).Draw(rt, "places"), Pool: rapid.SampledFrom([]string{"saal", "rollstuhl"}).Draw(rt, "pool")},
				})
				if err == nil {
					references = append(references, a.Reference)
				} else if err != ErrFull {
					rt.Fatal(err)
				}
			},
			"hold": func(rt *rapid.T) {
				o := Order{Event: slug, Channel: Web, Request: Request{Pool: "saal", Places: rapid.IntRange(1, 3).Draw(rt, "places")}}
				if _, _, err := h.s.Hold(o); err != nil && err != ErrFull {
					rt.Fatal(err)
				}
			},
			"time passes": func(rt *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 4).Draw(rt, "minutes")) * time.Minute)
			},
			"expire": func(rt *rapid.T) {
				if _, err := h.s.ExpireHolds(t.Context()); err != nil {
					rt.Fatal(err)
				}
			},
			"settle": func(rt *rapid.T) {
				if len(references) == 0 {
					rt.Skip("nothing booked")
				}
				state := rapid.SampledFrom([]hooks.State{hooks.Done, hooks.Rejected}).Draw(rt, "state")
				reference := some()
				if err := in(func(tx core.App) error {
					return h.s.Settle(tx, hooks.Order{Subject: reference}, state, hooks.Result{})
				}); err != nil {
					rt.Fatal(err)
				}
			},
			"cancel": func(rt *rapid.T) {
				if len(references) == 0 {
					rt.Skip("nothing booked")
				}
				if _, err := h.s.Cancel(some()); err != nil {
					rt.Fatal(err)
				}
			},
			"resize": func(rt *rapid.T) {
				ev := lecture(slug, room(rapid.IntRange(1, 9).Draw(rt, "size")), wheelchair(2))
				var problems content.Problems
				if err := in(func(tx core.App) error { return h.s.PublishEvent(tx, ev) }); err != nil {
					if p, ok := err.(content.Problems); ok {
						problems = p
					}
					if len(problems) != 1 || problems[0].Code != "pool_taken" {
						rt.Fatal(err)
					}
				}
			},
			"": func(rt *rapid.T) {
				var pools []struct {
					Code              string
					Size, Taken, Sums int
				}
				err := h.p.App.DB().NewQuery(`SELECT code, size, taken, (SELECT count(*) FROM tickets t JOIN claims c ON c.reference = t.reference
					WHERE t.event = pools.event AND t.pool = pools.code AND t.released IS NULL AND c.state IN ('active', 'confirmed')) AS sums
					FROM pools WHERE event = {:e}`).Bind(dbx.Params{"e": slug}).All(&pools)
				if err != nil || len(pools) != 2 {
					rt.Fatal(err, len(pools))
				}
				for _, p := range pools {
					if p.Taken != p.Sums || p.Taken > p.Size || p.Taken < 0 {
						rt.Fatalf("%+v", p)
					}
				}
				if mails := h.number(`SELECT count(*) FROM (SELECT subject FROM orders WHERE provider = 'mail' GROUP BY subject HAVING count(*) > 2)`); mails != 0 {
					rt.Fatalf("%d bookings with more than two mails", mails)
				}
			},
		})
	})
	if err := h.s.Audit(t.Context()); err != nil {
		t.Error(err)
	}
}
