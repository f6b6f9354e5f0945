package orders

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"servicepoint/hooks"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Tries are counted in slots of five minutes and on a scale of how long they
// took, four steps to a doubling: a day of a busy provider is some thousand rows,
// and a median is right within a tenth.
const (
	slotSeconds = 300
	lastStep    = 68 // two minutes
	keepTries   = 8 * 24 * time.Hour
	tallyEvery  = 30 * time.Second
)

func stepOf(d time.Duration) int {
	ms := float64(d) / float64(time.Millisecond)
	if ms <= 1 {
		return 0
	}
	return min(int(math.Round(4*math.Log2(ms))), lastStep)
}

func durationOf(step int) time.Duration {
	return time.Duration(math.Exp2(float64(step)/4) * float64(time.Millisecond))
}

type tallyKey struct {
	provider string
	slot     int64
	outcome  hooks.Outcome
	step     int
}

// tally collects tries until they are written. A crash loses half a minute of figures.
type tally struct {
	mu sync.Mutex
	n  map[tallyKey]int
}

func (t *tally) add(now time.Time, try hooks.Try) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = map[tallyKey]int{}
	}
	t.n[tallyKey{try.Provider, now.Unix() / slotSeconds, try.Outcome, stepOf(try.Took)}]++
}

func (t *tally) take() map[tallyKey]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.n
	t.n = nil
	return n
}

func (t *tally) putBack(n map[tallyKey]int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = map[tallyKey]int{}
	}
	for k, count := range n {
		t.n[k] += count
	}
}

// writeTries writes what was counted since the last time.
func (o *Orders) writeTries() error {
	n := o.tries.take()
	if len(n) == 0 {
		return nil
	}
	err := o.p.App.RunInTransaction(func(tx core.App) error {
		for k, count := range n {
			_, err := tx.DB().NewQuery(`INSERT INTO order_tries (provider, slot, outcome, took, n)
				VALUES ({:provider}, {:slot}, {:outcome}, {:took}, {:n})
				ON CONFLICT (provider, slot, outcome, took) DO UPDATE SET n = n + excluded.n`).Bind(dbx.Params{
				"provider": k.provider, "slot": k.slot, "outcome": string(k.outcome), "took": k.step, "n": count,
			}).Execute()
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		o.tries.putBack(n)
		return fmt.Errorf("writing how tries went: %w", err)
	}
	return nil
}

// keepTallying writes tries until ctx ends, and once more then.
func (o *Orders) keepTallying(ctx context.Context) {
	ticker := time.NewTicker(tallyEvery)
	defer ticker.Stop()
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			ended = true
		case <-ticker.C:
		}
		if err := o.writeTries(); err != nil {
			o.p.App.Logger().Error("figures of providers are late", "error", err.Error())
		}
	}
}

// Health is how a provider did in the last hour.
type Health struct {
	Tries  int
	Failed int
	Median time.Duration // of the tries that were answered; 0 without any
}

// Share of the tries that were answered, in percent, rounded down: 99.9 is not all.
func (h Health) Share() int {
	if h.Tries == 0 {
		return 0
	}
	return 100 * (h.Tries - h.Failed) / h.Tries
}

// Hour is an hour of the last day.
type Hour struct {
	Begins        time.Time
	Tries, Failed int
}

type trySum struct {
	Provider string `db:"provider"`
	Slot     int64  `db:"slot"`
	Outcome  string `db:"outcome"`
	Took     int    `db:"took"`
	N        int    `db:"n"`
}

// figures reads the health of all providers and the hours of the last day; the last
// hour has just begun or is under way.
func (o *Orders) figures(ctx context.Context) (map[string]Health, []Hour, error) {
	if err := o.writeTries(); err != nil {
		return nil, nil, err
	}
	now := o.p.Now()
	first := now.Truncate(time.Hour).Add(-23 * time.Hour)
	var rows []trySum
	err := o.p.App.DB().NewQuery(`SELECT provider, slot, outcome, took, n FROM order_tries WHERE slot >= {:first}`).WithContext(ctx).
		Bind(dbx.Params{"first": first.Unix() / slotSeconds}).All(&rows)
	if err != nil {
		return nil, nil, err
	}
	hours := make([]Hour, 24)
	for i := range hours {
		hours[i].Begins = first.Add(time.Duration(i) * time.Hour)
	}
	recent := map[string][]trySum{}
	for _, r := range rows {
		begins := time.Unix(r.Slot*slotSeconds, 0)
		if i := int(begins.Sub(first) / time.Hour); i >= 0 && i < len(hours) {
			hours[i].Tries += r.N
			if r.Outcome == string(hooks.Failed) {
				hours[i].Failed += r.N
			}
		}
		if begins.After(now.Add(-time.Hour - slotSeconds*time.Second)) {
			recent[r.Provider] = append(recent[r.Provider], r)
		}
	}
	health := map[string]Health{}
	for provider, sums := range recent {
		health[provider] = healthOf(sums)
	}
	return health, hours, nil
}

func healthOf(sums []trySum) (h Health) {
	slices.SortFunc(sums, func(a, b trySum) int { return cmp.Compare(a.Took, b.Took) })
	for _, s := range sums {
		h.Tries += s.N
		if s.Outcome == string(hooks.Failed) {
			h.Failed += s.N
		}
	}
	half := (h.Tries - h.Failed + 1) / 2
	for _, s := range sums {
		if s.Outcome == string(hooks.Failed) {
			continue
		}
		if half -= s.N; half <= 0 {
			h.Median = durationOf(s.Took)
			break
		}
	}
	return h
}
