package hookstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"servicepoint/hooks"
)

// RunStore checks a store under a real dispatcher through days of simulated
// time (testing/synctest: open is called inside the bubble).
func RunStore(t *testing.T, open func(t *testing.T) Board) {
	cases := []struct {
		what  string
		check func(t *testing.T, b *bench)
	}{
		{"a provider that is down for 24 hours gets every order once when it is back", outage},
		{"answers cut after the commit double nothing at a provider that honours keys", cutAnswers},
		{"answers cut after the commit double nothing at a provider that can be asked", cutAnswersAsked},
		{"negative control: a provider without keys and without asking does some twice", cutAnswersDoubled},
		{"orders of one subject keep their order across providers", fifo},
		{"a late worker is fenced off", fence},
		{"orders of a crashed server are taken over when their leases run out", crash},
		{"after three days an order is dead", budget},
		{"a provider's wish when to try again is honoured", retryAfter},
		{"a rejection is final and stored without personal data", rejection},
		{"a provider that panics loses nothing", panicking},
		{"a slow provider holds up nobody else and gets no more calls than it bears", bulkheads},
		{"calls keep the rate limit", rateLimit},
		{"a broken circuit spares the provider", breaker},
		{"after an outage nobody waits for the end of the back-off", hastened},
		{"what is cut off after an outage is asked about soon", cutAfterOutage},
		{"refused credentials halt the provider and cost no order its budget", halted},
		{"credentials are renewed once, and the order goes on", refreshed},
		{"new limits hold without a restart and close no open circuit", newLimits},
		{"tries are told with their outcome and how long they took", told},
		{"the end of the server breaks off long calls and keeps their orders", shutdown},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.check(t, &bench{Board: open(t), t: t, wake: make(chan struct{}, 1)})
			})
		})
	}
}

// bench is one test's store, dispatchers and clock.
type bench struct {
	Board
	t    *testing.T
	wake chan struct{}
}

func (b *bench) put(provider, subject string, keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		o := hooks.Order{Key: key, Provider: provider, Kind: "mail", Subject: subject, Payload: json.RawMessage(`{"name":"Erika Mustermann"}`)}
		if err := b.Put(o); err != nil {
			b.t.Fatal(err)
		}
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *bench) putMany(provider string, n int) []string {
	b.t.Helper()
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("%s-%03d", provider, i)
		b.put(provider, "subject-"+keys[i], keys[i])
	}
	return keys
}

// start runs a dispatcher until the returned function is called, which waits for its end.
func (b *bench) start(store hooks.Store, d *hooks.Dispatcher) (stop func()) {
	ctx, cancel := context.WithCancel(b.t.Context())
	d.Store = store
	if d.Tick == 0 {
		d.Tick = time.Minute
	}
	var seed rand.Source = rand.NewPCG(1, 2)
	var mu sync.Mutex
	d.Random = func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return rand.New(seed).Float64()
	}
	ended := make(chan error)
	go func() { ended <- d.Run(ctx, b.wake) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				b.t.Error(err)
			}
		})
	}
	b.t.Cleanup(stop)
	return stop
}

func (b *bench) state(key string) (hooks.State, string) {
	b.t.Helper()
	synctest.Wait() // a try may be due at this very moment
	s, cause, err := b.Look(key)
	if err != nil {
		b.t.Fatal(err)
	}
	return s, cause
}

func (b *bench) wantState(want hooks.State, keys ...string) {
	b.t.Helper()
	wrong := 0
	for _, key := range keys {
		if s, cause := b.state(key); s != want {
			if wrong++; wrong <= 3 {
				b.t.Errorf("order %s is %s (%s), want %s", key, s, cause, want)
			}
		}
	}
	if wrong > 3 {
		b.t.Errorf("… and %d more", wrong-3)
	}
}

func (b *bench) wantOnce(c *Company, keys []string) {
	b.t.Helper()
	for _, key := range keys {
		if n := c.Done(key); n != 1 {
			b.t.Errorf("order %s was done %d times", key, n)
		}
	}
}

func outage(t *testing.T, b *bench) {
	var down atomic.Bool
	down.Store(true)
	c := &Company{Title: "strom", Before: func(hooks.Order) error {
		if down.Load() {
			return ErrLine
		}
		return nil
	}}
	b.start(b, &hooks.Dispatcher{Providers: []hooks.Provider{c}, Tick: 5 * time.Minute})
	keys := b.putMany("strom", 50)
	time.Sleep(24 * time.Hour)
	calls, _ := c.Calls()
	if len(c.Sequence()) != 0 {
		t.Fatal("done while the provider was down")
	}
	if calls < 24 || calls > 24*60*2 {
		t.Errorf("%d calls in 24 hours of outage: too few to notice its end, or no mercy", calls)
	}
	down.Store(false)
	time.Sleep(2 * time.Hour)
	b.wantOnce(c, keys)
	b.wantState(hooks.Done, keys...)
}

// flaky loses every 20th answer (5 %) after the order was done.
func flaky() func(hooks.Order) error {
	var n atomic.Int64
	return func(hooks.Order) error {
		if n.Add(1)%20 == 7 {
			return ErrLine
		}
		return nil
	}
}

func cutAnswers(t *testing.T, b *bench) {
	c := &Company{Title: "strom", After: flaky()}
	keys := b.flood(c, c)
	b.wantOnce(c, keys)
	if calls, _ := c.Calls(); calls <= len(keys) {
		t.Errorf("%d calls for %d orders: nothing was cut", calls, len(keys))
	}
}

func cutAnswersAsked(t *testing.T, b *bench) {
	c := &Company{Title: "strom", After: flaky(), Forgetful: true}
	keys := b.flood(c, Answering{c})
	b.wantOnce(c, keys)
	if c.asked == 0 {
		t.Error("never asked")
	}
}

func cutAnswersDoubled(t *testing.T, b *bench) {
	c := &Company{Title: "strom", After: flaky(), Forgetful: true}
	keys := b.flood(c, c)
	twice := 0
	for _, key := range keys {
		if c.Done(key) > 1 {
			twice++
		}
	}
	if twice == 0 {
		t.Error("nothing was doubled: the tests above prove nothing")
	}
}

func (b *bench) flood(c *Company, p hooks.Provider) []string {
	b.t.Helper()
	b.start(b, &hooks.Dispatcher{Providers: []hooks.Provider{p}})
	keys := b.putMany(c.Title, 200)
	time.Sleep(6 * time.Hour)
	b.wantState(hooks.Done, keys...)
	return keys
}

func fifo(t *testing.T, b *bench) {
	var mu sync.Mutex
	var sequence []string
	r := rand.New(rand.NewPCG(3, 4))
	note := func(o hooks.Order) error {
		mu.Lock()
		defer mu.Unlock()
		if r.IntN(10) == 0 {
			return ErrLine
		}
		sequence = append(sequence, o.Key)
		return nil
	}
	takes := func(hooks.Order) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return time.Duration(r.IntN(5000)) * time.Millisecond
	}
	desk := &Company{Title: "desk", Before: note, Takes: takes}
	mail := &Company{Title: "mail", Before: note, Takes: takes}
	want := map[string][]string{}
	var all []string
	for step := range 6 {
		for subject := range 12 {
			name, key := fmt.Sprint("B-", subject), fmt.Sprintf("B-%d/%d", subject, step)
			b.put([]string{"desk", "mail"}[(step+subject)%2], name, key)
			want[name] = append(want[name], key)
			all = append(all, key)
		}
	}
	b.start(b, &hooks.Dispatcher{Providers: []hooks.Provider{desk, mail}, Tick: 5 * time.Minute})
	time.Sleep(24 * time.Hour)
	b.wantState(hooks.Done, all...)
	got := map[string][]string{}
	for _, key := range sequence {
		subject, _, _ := strings.Cut(key, "/")
		got[subject] = append(got[subject], key)
	}
	for subject := range want {
		if !slices.Equal(got[subject], want[subject]) {
			t.Errorf("subject %s: %v", subject, got[subject])
		}
	}
	if _, most := desk.Calls(); most < 2 {
		t.Error("different subjects were never under way at the same time")
	}
}

func fence(t *testing.T, b *bench) {
	b.put("strom", "s", "key-1")
	lease := func() []hooks.Lease {
		t.Helper()
		l, err := b.Lease(t.Context(), "strom", 5, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	first := lease()
	if len(first) != 1 || first[0].Unknown || first[0].Attempt != 1 {
		t.Fatalf("first lease: %+v", first)
	}
	if again := lease(); len(again) != 0 {
		t.Fatalf("leased twice: %+v", again)
	}
	time.Sleep(time.Minute)
	second := lease()
	if len(second) != 1 || !second[0].Unknown || second[0].Fence <= first[0].Fence || second[0].Attempt != 2 || !second[0].Since.Equal(first[0].Since) {
		t.Fatalf("second lease: %+v", second)
	}
	for what, err := range map[string]error{
		"settle": b.Settle(t.Context(), first[0], hooks.Rejected, hooks.Result{}, hooks.ErrRejected),
		"retry":  b.Retry(t.Context(), first[0], time.Now(), false, nil),
	} {
		if !errors.Is(err, hooks.ErrFenced) {
			t.Errorf("%s of the late worker: %v, want ErrFenced", what, err)
		}
	}
	if err := b.Settle(t.Context(), second[0], hooks.Done, hooks.Result{}, nil); err != nil {
		t.Error(err)
	}
	if err := b.Settle(t.Context(), second[0], hooks.Dead, hooks.Result{}, nil); !errors.Is(err, hooks.ErrFenced) {
		t.Errorf("settled twice: %v", err)
	}
	b.wantState(hooks.Done, "key-1")
}

// gone is the store of a server that has crashed: nothing it does arrives.
type gone struct {
	hooks.Store
	dead *atomic.Bool
}

var errGone = errors.New("this server has crashed")

func (g gone) Lease(ctx context.Context, p string, n int, d time.Duration) ([]hooks.Lease, error) {
	if g.dead.Load() {
		return nil, errGone
	}
	return g.Store.Lease(ctx, p, n, d)
}

func (g gone) Settle(ctx context.Context, l hooks.Lease, s hooks.State, r hooks.Result, cause error) error {
	if g.dead.Load() {
		return errGone
	}
	return g.Store.Settle(ctx, l, s, r, cause)
}

func (g gone) Halt(ctx context.Context, p string, cause error) error {
	if g.dead.Load() {
		return errGone
	}
	return g.Store.Halt(ctx, p, cause)
}

func (g gone) Hasten(ctx context.Context, p string) error {
	if g.dead.Load() {
		return errGone
	}
	return g.Store.Hasten(ctx, p)
}

func (g gone) Retry(ctx context.Context, l hooks.Lease, at time.Time, unknown bool, cause error) error {
	if g.dead.Load() {
		return errGone
	}
	return g.Store.Retry(ctx, l, at, unknown, cause)
}

func crash(t *testing.T, b *bench) {
	c := &Company{Title: "strom", Takes: func(hooks.Order) time.Duration { return 5 * time.Second }}
	var dead atomic.Bool
	stop := b.start(gone{b, &dead}, &hooks.Dispatcher{Providers: []hooks.Provider{c}})
	keys := b.putMany("strom", 12)
	time.Sleep(7 * time.Second) // four are done, four are under way
	dead.Store(true)
	stop()
	b.wantState(hooks.Done, keys[:4]...)
	b.wantState(hooks.Leased, keys[4:8]...)
	b.wantState(hooks.Waiting, keys[8:]...)

	b.start(b, &hooks.Dispatcher{Providers: []hooks.Provider{c}})
	time.Sleep(time.Minute)
	b.wantState(hooks.Leased, keys[4:8]...) // not before the lease has run out
	time.Sleep(10 * time.Minute)
	b.wantState(hooks.Done, keys...)
	b.wantOnce(c, keys)
}

func budget(t *testing.T, b *bench) {
	c := &Company{Title: "strom", Before: func(hooks.Order) error { return ErrLine }}
	// A paused or switched off server eats nobody's budget.
	b.put("strom", "s", "key-1")
	time.Sleep(100 * time.Hour)
	b.start(b, &hooks.Dispatcher{Providers: []hooks.Provider{c}, Tick: 5 * time.Minute, Limits: map[string]hooks.Limit{"strom": {Failures: 1000000}}})
	time.Sleep(70 * time.Hour)
	b.wantState(hooks.Unknown, "key-1")
	b.put("strom", "s", "key-2") // waits behind it
	time.Sleep(2*time.Hour + 10*time.Minute)
	if s, cause := b.state("key-1"); s != hooks.Dead || cause != ErrLine.Error() {
		t.Errorf("after the budget: %s (%s), want dead", s, cause)
	}
	if calls, _ := c.Calls(); calls < 72 || calls > 600 {
		t.Errorf("%d tries in three days", calls)
	}
	b.wantState(hooks.Unknown, "key-2") // no longer held up
}

func retryAfter(t *testing.T, b *bench) {
	begun := time.Now()
	var tries []time.Duration
	c := &Company{Title: "strom", Before: func(hooks.Order) error {
		tries = append(tries, time.Since(begun))
		if len(tries) < 3 {
			return fmt.Errorf("busy: %w", hooks.RetryAfter{After: 3 * time.Hour})
		}
		return nil
	}}
	b.start(b, &hooks.Dispatcher{Providers: []hooks.Provider{c}, Limits: map[string]hooks.Limit{"strom": {Failures: 1}}})
	b.put("strom", "s", "key-1")
	time.Sleep(9 * time.Hour)
	b.wantState(hooks.Done, "key-1")
	if len(tries) != 3 || tries[1] < 3*time.Hour || tries[1] > 3*time.Hour+19*time.Minute || tries[2]-tries[1] < 3*time.Hour {
		t.Errorf("tries at %v", tries)
	}
}

func rejection(t *testing.T, b *bench) {
	c := &Company{Title: "strom", Before: func(hooks.Order) error {
		return fmt.Errorf("no customer MUSTERMANN <erika@example.org>, phone 0561 123456: %w", hooks.ErrRejected)
	}}
	b.start(b, &hooks.Dispatcher{Providers: []hooks.Provider{c}})
	b.put("strom", "s", "key-1", "key-2")
	time.Sleep(10 * time.Minute)
	b.wantState(hooks.Rejected, "key-1", "key-2")
	_, cause := b.state("key-1")
	for _, secret := range []string{"MUSTERMANN", "erika", "123456"} {
		if strings.Contains(cause, secret) {
			t.Errorf("the stored error quotes %q: %s", secret, cause)
		}
	}
	if !strings.Contains(cause, "no customer") {
		t.Errorf("the stored error says nothing: %s", cause)
	}
	if calls, _ := c.Calls(); calls != 2 {
		t.Errorf("%d calls for two rejected orders", calls)
	}
}

func panicking(t *testing.T, b *bench) {
	var n atomic.Int64
	c := &Company{Title: "strom", Before: func(hooks.Order) error {
		if n.Add(1) <= 3 {
			panic("nil map of Erika Mustermann")
		}
		return nil
	}}
	b.start(b, &hooks.Dispatcher{Providers: []hooks.Provider{c}})
	keys := b.putMany("strom", 10)
	time.Sleep(time.Second)
	for _, key := range keys[:3] {
		if s, cause := b.state(key); s == hooks.Unknown && (!strings.Contains(cause, "panic") || strings.Contains(cause, "Erika")) {
			t.Errorf("order %s: %s", key, cause)
		}
	}
	time.Sleep(2 * time.Hour)
	b.wantState(hooks.Done, keys...)
}

func bulkheads(t *testing.T, b *bench) {
	slow := &Company{Title: "slow", Takes: func(hooks.Order) time.Duration { return 20 * time.Second }}
	quick := &Company{Title: "quick"}
	b.start(b, &hooks.Dispatcher{Providers: []hooks.Provider{slow, quick}, Limits: map[string]hooks.Limit{"slow": {Parallel: 2}}})
	waiting := b.putMany("slow", 20)
	keys := b.putMany("quick", 20)
	time.Sleep(5 * time.Second)
	b.wantState(hooks.Done, keys...)
	b.wantState(hooks.Leased, waiting[0], waiting[1])
	time.Sleep(10 * time.Minute)
	b.wantState(hooks.Done, waiting...)
	if _, most := slow.Calls(); most != 2 {
		t.Errorf("%d calls at the same time, want 2", most)
	}
}

func rateLimit(t *testing.T, b *bench) {
	c := &Company{Title: "strom"}
	b.start(b, &hooks.Dispatcher{Providers: []hooks.Provider{c}, Limits: map[string]hooks.Limit{"strom": {PerMinute: 10}}})
	keys := b.putMany("strom", 20)
	time.Sleep(time.Minute)
	if n := len(c.Sequence()); n < 9 || n > 11 {
		t.Errorf("%d calls in the first minute, want 10", n)
	}
	time.Sleep(2 * time.Minute)
	b.wantState(hooks.Done, keys...)
}

func breaker(t *testing.T, b *bench) {
	c := &Company{Title: "strom", Before: func(hooks.Order) error { return ErrLine }}
	well := &Company{Title: "well"}
	d := &hooks.Dispatcher{Workers: 1, Providers: []hooks.Provider{c, well}, Limits: map[string]hooks.Limit{"strom": {Failures: 3, Pause: 10 * time.Minute}}}
	b.start(b, d)
	b.putMany("strom", 50)
	time.Sleep(7 * time.Minute)
	if calls, _ := c.Calls(); calls != 3 {
		t.Errorf("%d calls before the circuit broke, want 3", calls)
	}
	if s := d.Circuit("strom"); s != "open" {
		t.Errorf("circuit %q, want open", s)
	}
	if s := d.Circuit("well"); s != "closed" {
		t.Errorf("circuit of the other provider %q, want closed", s)
	}
	keys := b.putMany("well", 5)
	time.Sleep(time.Second)
	b.wantState(hooks.Done, keys...)
	time.Sleep(7 * time.Minute)
	if calls, _ := c.Calls(); calls != 4 {
		t.Errorf("%d calls after the first pause, want one more", calls)
	}
}

func hastened(t *testing.T, b *bench) {
	var down atomic.Bool
	down.Store(true)
	c := &Company{Title: "strom", Before: func(o hooks.Order) error {
		switch {
		case down.Load():
			return ErrLine
		case o.Key == "later" && o.Attempt < 100:
			return hooks.RetryAfter{After: 5 * time.Hour}
		}
		return nil
	}}
	b.start(b, &hooks.Dispatcher{Providers: []hooks.Provider{c}, Tick: 5 * time.Minute})
	keys := b.putMany("strom", 40)
	time.Sleep(24 * time.Hour)
	down.Store(false)
	// The circuit probes with one order at a time: the next that is due brings the others along.
	for waited := time.Duration(0); len(c.Sequence()) == 0; waited += time.Minute {
		if waited > time.Hour {
			t.Fatal("nobody noticed the end of the outage")
		}
		time.Sleep(time.Minute)
	}
	time.Sleep(2 * time.Minute)
	b.wantState(hooks.Done, keys...)
	b.wantOnce(c, keys)

	b.put("strom", "s", "later")
	time.Sleep(time.Second)
	if err := b.Hasten(t.Context(), "strom"); err != nil {
		t.Fatal(err)
	}
	before, _ := c.Calls()
	time.Sleep(4 * time.Hour)
	if after, _ := c.Calls(); after != before {
		t.Errorf("%d calls before the time that the provider asked for", after-before)
	}
}

// Partners hold a reservation for a quarter of an hour or a little more.
func cutAfterOutage(t *testing.T, b *bench) {
	var down atomic.Bool
	down.Store(true)
	var mu sync.Mutex
	cut := map[string]time.Time{}
	longest, n := time.Duration(0), 0
	c := &Company{Title: "strom", Before: func(o hooks.Order) error {
		mu.Lock()
		defer mu.Unlock()
		if down.Load() {
			return ErrLine
		}
		if at, before := cut[o.Key]; before {
			longest = max(longest, time.Since(at))
		}
		return nil
	}, After: func(o hooks.Order) error {
		mu.Lock()
		defer mu.Unlock()
		if n++; n%4 != 0 || !cut[o.Key].IsZero() {
			return nil
		}
		cut[o.Key] = time.Now()
		return ErrLine
	}}
	b.start(b, &hooks.Dispatcher{Providers: []hooks.Provider{c}, Tick: 5 * time.Minute})
	keys := b.putMany("strom", 40)
	time.Sleep(24 * time.Hour)
	down.Store(false)
	time.Sleep(2 * time.Hour)
	b.wantState(hooks.Done, keys...)
	b.wantOnce(c, keys)
	if len(cut) < 5 || longest > 12*time.Minute {
		t.Errorf("%d orders were cut off, one waited %s", len(cut), longest)
	}
}

func halted(t *testing.T, b *bench) {
	var locked atomic.Bool
	locked.Store(true)
	c := &Company{Title: "strom", Before: func(hooks.Order) error {
		if locked.Load() {
			return fmt.Errorf("answer 401: %w", hooks.ErrCredentials)
		}
		return nil
	}}
	well := &Company{Title: "well"}
	d := &hooks.Dispatcher{Providers: []hooks.Provider{c, well}, Budget: 12 * time.Hour, Tick: 5 * time.Minute}
	b.start(b, d)
	keys := b.putMany("strom", 10)
	time.Sleep(30 * time.Hour) // over the budget
	if calls, _ := c.Calls(); calls == 0 || calls > 4 {
		t.Errorf("%d calls with refused credentials, want those under way at the first refusal", calls)
	}
	if s := d.Circuit("strom"); s != "closed" {
		t.Errorf("circuit %q: refused credentials are an answer", s)
	}
	for _, key := range keys {
		if s, _ := b.state(key); s != hooks.Waiting {
			t.Errorf("order %s is %s, want waiting: nothing was done", key, s)
		}
	}
	others := b.putMany("well", 3)
	time.Sleep(time.Second)
	b.wantState(hooks.Done, others...)

	locked.Store(false)
	if err := b.Resume(t.Context(), "strom"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Minute)
	b.wantState(hooks.Done, keys...)
	b.wantOnce(c, keys)
}

// renewing is a company whose key runs out; Refresh gets a new one.
type renewing struct {
	*Company
	refreshed atomic.Int64
	fails     atomic.Bool
	valid     *atomic.Bool
}

func (r *renewing) Refresh(context.Context) error {
	r.refreshed.Add(1)
	if r.fails.Load() {
		return fmt.Errorf("no new token: %w", hooks.ErrCredentials)
	}
	r.valid.Store(true)
	return nil
}

func refreshed(t *testing.T, b *bench) {
	var valid atomic.Bool
	c := &renewing{valid: &valid, Company: &Company{Title: "strom", Before: func(hooks.Order) error {
		if !valid.Load() {
			return hooks.ErrCredentials
		}
		return nil
	}}}
	b.start(b, &hooks.Dispatcher{Providers: []hooks.Provider{c}})
	b.put("strom", "s", "key-1")
	time.Sleep(time.Second)
	b.wantState(hooks.Done, "key-1")
	if n := c.refreshed.Load(); n != 1 {
		t.Errorf("renewed %d times, want once", n)
	}
	valid.Store(false)
	c.fails.Store(true)
	b.put("strom", "s", "key-2")
	time.Sleep(24 * time.Hour)
	b.wantState(hooks.Waiting, "key-2")
	if n := c.refreshed.Load(); n != 2 {
		t.Errorf("renewed %d times: once for the second order, then the provider is halted", n-1)
	}
}

func newLimits(t *testing.T, b *bench) {
	var mu sync.Mutex
	limit := hooks.Limit{PerMinute: 6, Failures: 2, Pause: time.Hour}
	var down atomic.Bool
	c := &Company{Title: "strom", Before: func(hooks.Order) error {
		if down.Load() {
			return ErrLine
		}
		return nil
	}}
	d := &hooks.Dispatcher{Providers: []hooks.Provider{c}, LimitOf: func(string) hooks.Limit {
		mu.Lock()
		defer mu.Unlock()
		return limit
	}}
	b.start(b, d)
	keys := b.putMany("strom", 100)
	time.Sleep(time.Minute)
	if n := len(c.Sequence()); n < 5 || n > 7 {
		t.Errorf("%d calls in the first minute, want 6", n)
	}
	mu.Lock()
	limit.PerMinute = 600
	mu.Unlock()
	time.Sleep(2 * time.Minute)
	b.wantState(hooks.Done, keys...)
	b.wantOnce(c, keys)

	down.Store(true)
	b.putMany("strom", 105)
	time.Sleep(10 * time.Minute)
	if s := d.Circuit("strom"); s != "open" {
		t.Fatalf("circuit %q, want open", s)
	}
	before, _ := c.Calls()
	mu.Lock()
	limit.PerMinute = 700
	mu.Unlock()
	time.Sleep(20 * time.Minute)
	if after, _ := c.Calls(); after != before || d.Circuit("strom") != "open" {
		t.Errorf("a new rate limit closed the circuit: %d calls more", after-before)
	}
	if got := d.Limit("strom"); got.PerMinute != 700 || got.Parallel != 4 {
		t.Errorf("limits %+v", got)
	}
}

func told(t *testing.T, b *bench) {
	var mu sync.Mutex
	var tries []hooks.Try
	c := &Company{Title: "strom", Takes: func(hooks.Order) time.Duration { return 3 * time.Second }, Before: func(o hooks.Order) error {
		if o.Attempt > 1 {
			return nil
		}
		return map[string]error{"refused": hooks.ErrRejected, "failed": ErrLine, "later": hooks.RetryAfter{After: time.Minute}}[o.Key]
	}}
	b.start(b, &hooks.Dispatcher{Workers: 1, Providers: []hooks.Provider{c}, Tried: func(t hooks.Try) {
		mu.Lock()
		defer mu.Unlock()
		tries = append(tries, t)
	}})
	b.put("strom", "s", "fine", "refused", "failed", "later")
	time.Sleep(time.Hour)
	mu.Lock()
	defer mu.Unlock()
	got := map[hooks.Outcome]int{}
	for _, try := range tries {
		got[try.Outcome]++
		if try.Provider != "strom" || try.Took != 3*time.Second {
			t.Errorf("%+v", try)
		}
	}
	if fmt.Sprint(got) != "map[answered:3 failed:1 later:1 refused:1]" {
		t.Errorf("told: %v", got)
	}
}

func shutdown(t *testing.T, b *bench) {
	c := &Company{Title: "strom", Takes: func(o hooks.Order) time.Duration {
		if o.Key == "long" && o.Attempt == 1 {
			return 20 * time.Second
		}
		return 3 * time.Second
	}}
	stop := b.start(b, &hooks.Dispatcher{Providers: []hooks.Provider{c}})
	b.put("strom", "a", "long")
	b.put("strom", "b", "short")
	time.Sleep(time.Second)
	begun := time.Now()
	stop()
	if took := time.Since(begun); took != 5*time.Second {
		t.Errorf("took %s to stop, want the grace of 5 s", took)
	}
	b.wantState(hooks.Done, "short")
	b.wantState(hooks.Unknown, "long")
	b.start(b, &hooks.Dispatcher{Providers: []hooks.Provider{c}})
	time.Sleep(10 * time.Second)
	b.wantState(hooks.Done, "long")
	b.wantOnce(c, []string{"long", "short"})
}
