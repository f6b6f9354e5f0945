package booking

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/pocketbase/core"
	"pgregory.net/rapid"
)

// plainClaim and plainEvent are the engine written down once more, without a
// database, as plainly as it goes.
type plainClaim struct {
	kind, state string
	need        map[string]int // what is left of it
	tickets     []string       // pool by number; empty: given back
	expires     time.Time
	created     time.Time
	passed      int
}

type plainEvent struct {
	size   map[string]int
	claims []*plainClaim // in the order they came
	block  time.Duration
	start  time.Time
}

func (e *plainEvent) taken(pool string) (n int) {
	for _, c := range e.claims {
		if c.kind != KindWaiting && (c.state == Active || c.state == Pending || c.state == Confirmed) {
			n += c.need[pool]
		}
	}
	return n
}

// waiting are those in the line. The order of the list is that of joining.
func (e *plainEvent) waiting() (list []*plainClaim) {
	for _, c := range e.claims {
		if c.kind == KindWaiting && c.state == Active {
			list = append(list, c)
		}
	}
	return list
}

// freeFor is what somebody behind the first n of the line may take.
func (e *plainEvent) freeFor(line []*plainClaim, n int, now time.Time) map[string]int {
	free := map[string]int{}
	for pool := range e.size {
		free[pool] = e.size[pool] - e.taken(pool)
	}
	for _, c := range line[:n] {
		if e.savable(c, now) && c.passed >= MaxPassed {
			for pool, k := range c.need {
				free[pool] = max(0, free[pool]-k)
			}
		}
	}
	return free
}

func (e *plainEvent) savable(c *plainClaim, now time.Time) bool {
	for pool, k := range c.need {
		if k > e.size[pool] {
			return false
		}
	}
	return now.Before(e.start.Add(-LastChance))
}

func within(need, free map[string]int) bool {
	for pool, k := range need {
		if k > free[pool] {
			return false
		}
	}
	return true
}

// pass counts what those of the line miss when somebody took need and left free.
func (e *plainEvent) pass(line []*plainClaim, need, left map[string]int, now time.Time) {
	for _, c := range line {
		if !e.savable(c, now) || c.passed >= MaxPassed {
			continue
		}
		for pool, k := range c.need {
			if need[pool] > 0 && k > left[pool] {
				c.passed++
				break
			}
		}
	}
}

func minus(free, need map[string]int) map[string]int {
	left := maps.Clone(free)
	for pool, k := range need {
		left[pool] -= k
	}
	return left
}

// tend lets time pass and offers, one at a time from the start of the line.
func (e *plainEvent) tend(now time.Time) {
	for _, c := range e.claims {
		if c.state == Active && !c.expires.IsZero() && !c.expires.After(now) {
			c.state = Expired
		}
	}
	for again := true; again && e.start.Sub(now) >= shortest; {
		again = false
		line := e.waiting()
		for i, c := range line {
			free := e.freeFor(line, i, now)
			if !within(c.need, free) {
				continue
			}
			e.pass(line[:i], c.need, minus(free, c.need), now)
			c.kind, c.expires = KindOffer, now.Add(time.Hour)
			if e.start.Before(c.expires) {
				c.expires = e.start
			}
			again = true
			break
		}
	}
}

// take is somebody who did not wait.
func (e *plainEvent) take(need map[string]int, now time.Time) bool {
	e.tend(now)
	line := e.waiting()
	free := e.freeFor(line, len(line), now)
	if !within(need, free) {
		return false
	}
	e.pass(line, need, minus(free, need), now)
	return true
}

func (e *plainEvent) freed(need map[string]int, now time.Time) {
	e.tend(now)
	if e.block == 0 {
		return
	}
	left := map[string]int{}
	for pool, k := range need {
		if n := min(k, e.size[pool]-e.taken(pool)); n > 0 {
			left[pool] = n
		}
	}
	if len(left) > 0 {
		e.claims = append(e.claims, &plainClaim{kind: KindBlock, state: Active, need: left, expires: now.Add(e.block)})
	}
}

// TestTheEngineDoesWhatThePlainModelDoes walks both through the same random steps
// and compares every claim and every counter after each. A hundred thousand steps
// with SERVICEPOINT_VERIFY (make verify), some hundred otherwise.
func TestTheEngineDoesWhatThePlainModelDoes(t *testing.T) {
	target := 600
	if verifying() {
		target = 100_000
	}
	checks := flag.Lookup("rapid.checks")
	old := checks.Value.String()
	defer checks.Value.Set(old)
	steps, events := 0, 0
	for steps < target {
		h := open(t)
		h.exec(`PRAGMA synchronous = OFF`) // thousands of small writes
		checks.Value.Set(fmt.Sprint(min(100, 1+(target-steps)/20)))
		rapid.Check(t, func(rt *rapid.T) { h.walk(rt, &events, &steps) })
		h.p.Now = func() time.Time { return basetest.Start }
		if t.Failed() {
			return
		}
		h.p.App.ClearBootstrap()
	}
	t.Logf("%d steps", steps)
}

func (h house) walk(rt *rapid.T, events, steps *int) {
	*events++
	slug := fmt.Sprintf("veranstaltung-%d", *events)
	now := basetest.Start
	h.p.Now = func() time.Time { return now }
	m := &plainEvent{size: map[string]int{"saal": 5, "rollstuhl": 2}, start: lecture("x").Start}
	ev := waitingEvent(slug, room(5), wheelchair(2))
	ev.Booking.OfferHours = 1
	if rapid.Bool().Draw(rt, "block") {
		m.block, ev.Booking.BlockMinutes = 10*time.Minute, 10
	}
	ev.Booking.Approval = rapid.Bool().Draw(rt, "approval")
	h.publish(ev)
	first := Active
	if ev.Booking.Approval {
		first = Pending
	}
	known := map[string]*plainClaim{}
	var references []string // sorted as they came

	add := func(a Answer, c *plainClaim, pools []string) {
		c.tickets = pools
		c.created = now
		m.claims = append(m.claims, c)
		known[a.Reference] = c
		references = append(references, a.Reference)
	}
	ask := func() (Order, map[string]int, []string) {
		pools := rapid.SliceOfN(rapid.SampledFrom([]string{"saal", "saal", "rollstuhl"}), 1, 4).Draw(rt, "pools")
		need := map[string]int{}
		for _, p := range pools {
			need[p]++
		}
		return h.order(slug, pools...), need, pools
	}
	check := func(what string, got, want error) {
		if got != want {
			rt.Fatalf("%s: %v, the model says %v", what, got, want)
		}
	}
	// some draws a claim of a kind, "" when there is none.
	some := func(kinds ...string) string {
		var list []string
		for _, r := range references {
			if slices.Contains(kinds, known[r].kind) {
				list = append(list, r)
			}
		}
		if len(list) == 0 {
			return ""
		}
		return rapid.SampledFrom(list).Draw(rt, "claim")
	}
	stands := func(c *plainClaim) bool { return c.state == Active || c.state == Pending || c.state == Confirmed }
	// back undoes what the model let time do when the engine's transaction failed: it
	// rolled back, and the next one does the same again.
	back := func(f func() error) error {
		saved := make([]plainClaim, len(m.claims))
		for i, c := range m.claims {
			saved[i] = *c
			saved[i].need = maps.Clone(c.need)
			saved[i].tickets = slices.Clone(c.tickets)
		}
		err := f()
		if err != nil {
			m.claims = m.claims[:len(saved)]
			for i, c := range m.claims {
				*c = saved[i]
			}
		}
		return err
	}

	rt.Repeat(map[string]func(*rapid.T){
		"book": func(*rapid.T) {
			o, need, pools := ask()
			want := back(func() error {
				if !m.take(need, now) {
					return ErrFull
				}
				return nil
			})
			a, _, err := h.s.Book(o)
			check("book", err, want)
			if err == nil {
				add(a, &plainClaim{kind: KindBooking, state: first, need: need}, pools)
			}
		},
		"hold": func(*rapid.T) {
			o, need, pools := ask()
			want := back(func() error {
				if !m.take(need, now) {
					return ErrFull
				}
				return nil
			})
			a, _, err := h.s.Hold(o)
			check("hold", err, want)
			if err == nil {
				add(a, &plainClaim{kind: KindHold, state: Active, need: need, expires: now.Add(HoldLife)}, pools)
			}
		},
		"join": func(*rapid.T) {
			o, need, pools := ask()
			var want error
			for pool, k := range need {
				if k > m.size[pool] {
					want = ErrFull
				}
			}
			a, _, err := h.s.Join(o)
			check("join", err, want)
			if err == nil {
				add(a, &plainClaim{kind: KindWaiting, state: Active, need: need}, pools)
				m.tend(now)
			}
		},
		"confirm": func(rt *rapid.T) {
			r := some(KindHold)
			if r == "" {
				rt.Skip("no hold")
			}
			c := known[r]
			want := back(func() error {
				if c.state == Cancelled {
					return ErrState
				}
				m.tend(now)
				if c.state == Expired && !m.take(c.need, now) {
					return ErrRanOut
				}
				c.kind, c.state, c.expires = KindBooking, first, time.Time{}
				m.tend(now)
				return nil
			})
			check("confirm", h.do(Confirm, r), want)
		},
		"accept": func(rt *rapid.T) {
			r := some(KindOffer)
			if r == "" {
				rt.Skip("no offer")
			}
			c := known[r]
			want := back(func() error {
				switch {
				case c.state == Cancelled:
					return ErrState
				case c.state == Expired || !c.expires.After(now):
					return ErrRanOut
				}
				c.kind, c.state, c.expires = KindBooking, first, time.Time{}
				m.tend(now)
				return nil
			})
			check("accept", h.do(Accept, r), want)
		},
		"release or decline": func(rt *rapid.T) {
			r := some(KindHold, KindOffer)
			if r == "" {
				rt.Skip("none")
			}
			c := known[r]
			var want error
			if c.state != Active {
				want = ErrState
			} else {
				c.state = Cancelled
				m.tend(now)
			}
			check("release", h.do(map[string]string{KindHold: Release, KindOffer: Decline}[c.kind], r), want)
		},
		"cancel": func(rt *rapid.T) {
			r := some(KindBooking, KindWaiting)
			if r == "" {
				rt.Skip("none")
			}
			c := known[r]
			if !stands(c) {
				check("cancel", h.do(Cancel, r), errEnded)
				return
			}
			act := Act{What: Cancel, Reference: r}
			gone := map[string]int{}
			for i, pool := range c.tickets {
				if pool != "" && len(act.Numbers) == 0 && c.kind == KindBooking && rapid.Bool().Draw(rt, "only this") {
					act.Numbers = []int{i + 1}
				}
			}
			if len(act.Numbers) == 1 && len(c.tickets) > 1 {
				pool := c.tickets[act.Numbers[0]-1]
				gone[pool] = 1
				c.tickets[act.Numbers[0]-1] = ""
				left := minus(c.need, gone)
				maps.DeleteFunc(left, func(_ string, n int) bool { return n == 0 })
				if len(left) == 0 {
					c.state = Cancelled
				} else {
					c.need = left
				}
			} else {
				gone, c.state = c.need, Cancelled
			}
			check("cancel", func() error { _, _, err := h.s.Do(act); return err }(), nil)
			if c.kind == KindWaiting {
				m.tend(now)
			} else {
				m.freed(gone, now)
			}
		},
		"staff decide": func(rt *rapid.T) {
			r := some(KindBooking)
			if r == "" {
				rt.Skip("none")
			}
			c, what := known[r], rapid.SampledFrom([]string{Approve, Refuse}).Draw(rt, "decision")
			var want error
			switch {
			case c.state != Pending:
				want = ErrState
			case what == Approve:
				c.state = Active
				m.tend(now)
			default:
				c.state = Rejected
				m.tend(now)
			}
			_, _, err := h.s.Do(Act{What: what, Reference: r, Staff: "staff"})
			check(what, err, want)
		},
		"the desk answers": func(rt *rapid.T) {
			r := some(KindBooking)
			if r == "" {
				rt.Skip("none")
			}
			c, state := known[r], rapid.SampledFrom([]hooks.State{hooks.Done, hooks.Rejected, hooks.Dead}).Draw(rt, "outcome")
			if c.state == Active && state == hooks.Done {
				c.state = Confirmed
			} else if c.state == Active && state == hooks.Rejected {
				c.state = Rejected
				m.tend(now)
			}
			h.settle(r, state)
		},
		"resize": func(*rapid.T) {
			sizes := map[string]int{"saal": rapid.IntRange(1, 8).Draw(rt, "saal"), "rollstuhl": rapid.IntRange(1, 3).Draw(rt, "rollstuhl")}
			ev := ev
			ev.Pools = []content.Pool{room(sizes["saal"]), wheelchair(sizes["rollstuhl"])}
			fits := sizes["saal"] >= m.taken("saal") && sizes["rollstuhl"] >= m.taken("rollstuhl")
			err := h.p.App.RunInTransaction(func(tx core.App) error {
				if err := h.s.PublishEvent(tx, ev); err != nil {
					return err
				}
				rec, err := tx.FindFirstRecordByData("events", "slug", slug)
				if err != nil {
					return err
				}
				rec.Set("live", ev)
				rec.Set("rev", rec.GetInt("rev")+1)
				return tx.Save(rec)
			})
			if (err == nil) != fits {
				rt.Fatalf("resize to %v: %v", sizes, err)
			}
			if fits {
				m.size = sizes
				m.tend(now)
			}
		},
		"block": func(*rapid.T) {
			n := rapid.IntRange(1, 2).Draw(rt, "places")
			want := back(func() error {
				for _, c := range m.claims {
					if c.state == Active && !c.expires.IsZero() && !c.expires.After(now) {
						c.state = Expired
					}
				}
				if m.taken("saal")+n > m.size["saal"] {
					return ErrFull
				}
				return nil
			})
			a, err := h.s.Block(slug, "saal", n, "", "staff")
			check("block", err, want)
			if err == nil {
				add(a, &plainClaim{kind: KindBlock, state: Active, need: map[string]int{"saal": n}}, nil)
			}
		},
		"unblock": func(rt *rapid.T) {
			r := some(KindBlock)
			if r == "" || known[r].state != Active {
				rt.Skip("none")
			}
			known[r].state = Cancelled
			m.tend(now)
			h.mustDo(Unblock, r)
		},
		"time passes": func(*rapid.T) {
			now = now.Add(rapid.SampledFrom([]time.Duration{time.Minute, 5 * time.Minute, HoldLife, time.Hour}).Draw(rt, "time"))
		},
		"the job runs": func(*rapid.T) {
			if _, err := h.s.ExpireHolds(h.t.Context()); err != nil {
				rt.Fatal(err)
			}
			m.tend(now)
		},
		"": func(rt *rapid.T) {
			*steps++
			rows, err := readPools(h.p.App.DB(), slug)
			if err != nil {
				rt.Fatal(err)
			}
			for pool, size := range m.size {
				if r := rows[pool]; r.Size != size || r.Taken != m.taken(pool) || r.Taken > r.Size {
					rt.Fatalf("%s: %+v, the model has %d of %d", pool, r, m.taken(pool), size)
				}
			}
			var all []Claim
			if err := h.p.App.DB().NewQuery(`SELECT ` + claimColumns + ` FROM claims WHERE event = '` + slug + `'`).All(&all); err != nil {
				rt.Fatal(err)
			}
			passed := map[string]int{}
			list, err := line(h.p.App.DB(), slug)
			if err != nil {
				rt.Fatal(err)
			}
			for _, e := range list {
				passed[e.reference] = e.passed
			}
			for _, got := range all {
				c := known[got.Reference]
				if c == nil {
					if got.Note != trade {
						rt.Fatalf("nobody made %+v", got)
					}
					continue
				}
				n := 0
				for _, k := range c.need {
					n += k
				}
				if got.Kind != c.kind || got.State != c.state || c.state == Active && got.Places != n || c.kind == KindWaiting && c.state == Active && passed[got.Reference] != c.passed {
					rt.Fatalf("%s is %s %s with %d places, passed %d; the model has %s %s, %d, %d", got.Reference, got.Kind, got.State, got.Places, passed[got.Reference], c.kind, c.state, n, c.passed)
				}
			}
		},
	})
}
