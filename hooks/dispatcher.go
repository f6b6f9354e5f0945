package hooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/ratelimiter"
)

// Dispatcher brings orders to their providers. Every provider has a lane of its
// own: a bulkhead, a rate limit and a circuit breaker, so that a slow or broken
// partner holds up nobody else. Zero fields have sensible values.
//
// An order is tried until it is done or rejected, or until the budget since its
// first try is used up; then it is dead, and staff may replay it.
type Dispatcher struct {
	Store     Store
	Providers []Provider
	Clock     func() time.Time // time.Now
	Random    func() float64   // [0,1), for jitter
	Workers   int              // calls at the same time per provider: 4
	Limits    map[string]Limit // by name of the provider

	// LimitOf replaces Limits when it is set: the limits may change while Run runs.
	// It is asked often and answers from memory.
	LimitOf func(provider string) Limit
	// Tried is told the end of every call, for figures of health. It does not block.
	Tried func(Try)

	Timeout time.Duration // of one call: 30 s
	Tenure  time.Duration // of a lease, well over Timeout: 90 s
	Tick    time.Duration // looks for due orders this often without being woken: 2 s
	Budget  time.Duration // 3 days
	Grace   time.Duration // calls under way may take this long after the end of Run's context: 5 s
	Log     *slog.Logger  // nil: silent

	once  sync.Once
	lanes []*lane
}

// Limit of one provider; zero fields have the values noted.
type Limit struct {
	Parallel  int           // calls at the same time: Dispatcher.Workers
	PerMinute int           // calls begun, evenly spread: 6000
	Failures  int           // in a row that open the circuit breaker: 5
	Pause     time.Duration // until one order is tried again: 1 min, a quarter more or less
}

// Try is one call of a provider.
type Try struct {
	Provider string
	Took     time.Duration
	Outcome  Outcome
}

// Outcome of a try.
type Outcome string

// The outcomes. Only Failed speaks against the provider's health.
const (
	Answered Outcome = "answered" // the order was done
	Refused  Outcome = "refused"  // rejected
	Later    Outcome = "later"    // the provider asked to come again later
	Failed   Outcome = "failed"   // no answer, an answer nobody understands, or refused credentials
)

func outcomeOf(err error) Outcome {
	var later RetryAfter
	switch {
	case err == nil:
		return Answered
	case errors.Is(err, ErrRejected):
		return Refused
	case errors.As(err, &later):
		return Later
	}
	return Failed
}

// Back-off between tries of one order: full jitter below a ceiling that doubles.
const (
	firstCeiling = 10 * time.Second
	lastCeiling  = time.Hour
)

// lane is the way to one provider.
type lane struct {
	provider Provider
	busy     atomic.Int32
	gear     atomic.Pointer[gear]
	healed   atomic.Pointer[time.Time] // when the circuit last closed; nil: it never broke
}

// patience is the most that the back-off may come to: after an outage it begins
// anew, whatever the number of tries says. What was cut off in the rush must be asked
// about before the partner gives up what it holds, mostly after a quarter of an hour.
func (l *lane) patience(now time.Time) time.Duration {
	healed := l.healed.Load()
	if healed == nil {
		return lastCeiling
	}
	return max(now.Sub(*healed), firstCeiling)
}

// gear keeps a limit. A worker keeps the gear that it began with.
type gear struct {
	limit    Limit // nothing zero
	bulkhead bulkhead.Bulkhead[any]
	limiter  ratelimiter.RateLimiter[any]
	breaker  circuitbreaker.CircuitBreaker[any]
}

func (d *Dispatcher) setUp() {
	if d.Clock == nil {
		d.Clock = time.Now
	}
	if d.Random == nil {
		d.Random = rand.Float64
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	d.Workers = cmp.Or(d.Workers, 4)
	d.Timeout = cmp.Or(d.Timeout, 30*time.Second)
	d.Tenure = cmp.Or(d.Tenure, 90*time.Second)
	d.Tick = cmp.Or(d.Tick, 2*time.Second)
	d.Budget = cmp.Or(d.Budget, 72*time.Hour)
	d.Grace = cmp.Or(d.Grace, 5*time.Second)
	for _, p := range d.Providers {
		d.lanes = append(d.lanes, d.newLane(p))
	}
}

func (d *Dispatcher) newLane(p Provider) *lane {
	l := &lane{provider: p}
	d.adjust(l)
	return l
}

// adjust gives a lane the gear that fits its limits now. What has not changed goes
// on: a new rate limit closes no open circuit.
func (d *Dispatcher) adjust(l *lane) {
	name := l.provider.Name()
	limit := d.Limits[name]
	if d.LimitOf != nil {
		limit = d.LimitOf(name)
	}
	limit.Parallel = positive(limit.Parallel, d.Workers)
	limit.PerMinute = positive(limit.PerMinute, 6000)
	limit.Failures = positive(limit.Failures, 5)
	limit.Pause = positive(limit.Pause, time.Minute)
	old := l.gear.Load()
	if old == nil {
		old = &gear{}
	}
	if old.limit == limit {
		return
	}
	g := &gear{limit: limit, bulkhead: old.bulkhead, limiter: old.limiter, breaker: old.breaker}
	if old.limit.Parallel != limit.Parallel {
		g.bulkhead = bulkhead.New[any](uint(limit.Parallel))
	}
	if old.limit.PerMinute != limit.PerMinute {
		g.limiter = ratelimiter.NewSmooth[any](uint(limit.PerMinute), time.Minute)
	}
	if old.limit.Failures != limit.Failures || old.limit.Pause != limit.Pause {
		g.breaker = circuitbreaker.NewBuilder[any]().
			WithFailureThreshold(uint(limit.Failures)).
			WithSuccessThreshold(1).
			WithDelay(limit.Pause).
			WithJitterFactor(.25).
			OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
				d.Log.Warn("circuit breaker of a provider", "provider", name, "from", e.OldState.String(), "to", e.NewState.String())
			}).
			Build()
	}
	l.gear.Store(g)
}

func positive[N int | time.Duration](n, otherwise N) N {
	if n <= 0 {
		return otherwise
	}
	return n
}

// Circuit tells how things stand with a provider: "closed" (calls flow), "open"
// (it failed several times in a row and is left in peace), "half-open" (one
// order tries it out), or "" for a provider that is not in the list.
func (d *Dispatcher) Circuit(provider string) string {
	d.once.Do(d.setUp)
	for _, l := range d.lanes {
		if l.provider.Name() == provider {
			return l.gear.Load().breaker.State().String()
		}
	}
	return ""
}

// Limit tells the limits that hold for a provider now.
func (d *Dispatcher) Limit(provider string) Limit {
	d.once.Do(d.setUp)
	for _, l := range d.lanes {
		if l.provider.Name() == provider {
			return l.gear.Load().limit
		}
	}
	return Limit{}
}

// Run dispatches until ctx ends and then waits for the calls under way. wake may
// be signalled when orders were written; a ticker finds what a crash left. Run
// may be called once.
func (d *Dispatcher) Run(ctx context.Context, wake <-chan struct{}) error {
	d.once.Do(d.setUp)
	seen := map[string]bool{}
	for _, l := range d.lanes {
		if name := l.provider.Name(); seen[name] {
			return fmt.Errorf("hooks: two providers named %q", name)
		} else {
			seen[name] = true
		}
	}
	calls, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	defer context.AfterFunc(ctx, func() {
		select {
		case <-calls.Done():
		case <-time.After(d.Grace):
			abort()
		}
	})()
	r := &shift{Dispatcher: d, ctx: ctx, calls: calls, freed: make(chan struct{}, 1)}
	defer r.workers.Wait()

	ticker := time.NewTicker(d.Tick)
	defer ticker.Stop()
	for {
		for _, l := range d.lanes {
			r.fill(l)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-ticker.C:
		case <-r.freed:
		}
	}
}

// shift is one run of a dispatcher.
type shift struct {
	*Dispatcher
	ctx     context.Context // ends: lease nothing more
	calls   context.Context // ends after the grace: break off
	freed   chan struct{}   // one place: a worker is free, or wrote an order that follows
	workers sync.WaitGroup
}

// fill leases as many orders as the lane has room for and starts their workers.
func (r *shift) fill(l *lane) {
	r.adjust(l)
	g := l.gear.Load()
	for r.ctx.Err() == nil {
		n := g.take(l)
		if n == 0 {
			return
		}
		leases, err := r.Store.Lease(r.ctx, l.provider.Name(), n, r.Tenure)
		if err != nil && r.ctx.Err() == nil {
			r.Log.Error("leasing orders failed; trying again at the next tick", "provider", l.provider.Name(), "error", err.Error())
		}
		for range n - len(leases) {
			g.bulkhead.ReleasePermit()
		}
		for _, lease := range leases {
			l.busy.Add(1)
			r.workers.Go(func() { r.work(l, g, lease) })
		}
		if err != nil || len(leases) < n {
			return
		}
	}
}

// take takes free places of the bulkhead. A provider whose circuit is open gets
// no order; when its pause is over, one order at a time tries it out.
func (g *gear) take(l *lane) int {
	most := g.limit.Parallel
	if !g.breaker.IsClosed() {
		if g.breaker.RemainingDelay() > 0 || l.busy.Load() > 0 {
			return 0
		}
		most = 1
	}
	n := 0
	for n < most && g.bulkhead.TryAcquirePermit() {
		n++
	}
	return n
}

func (r *shift) work(l *lane, g *gear, lease Lease) {
	defer func() {
		l.busy.Add(-1)
		g.bulkhead.ReleasePermit()
		select {
		case r.freed <- struct{}{}:
		default:
		}
	}()
	// Half of the lease is for waiting, so that the call fits into the rest.
	if err := g.limiter.AcquirePermitWithMaxWait(r.ctx, r.Tenure/2); err != nil {
		r.putBack(lease, 0)
		return
	}
	if !g.breaker.TryAcquirePermit() {
		r.putBack(lease, g.breaker.RemainingDelay())
		return
	}
	probe := g.breaker.IsHalfOpen()
	result, err := r.call(l.provider, lease)
	if err != nil && r.calls.Err() != nil {
		r.store(lease, "interrupted", func(ctx context.Context) error {
			return r.Store.Retry(ctx, lease, r.Clock(), true, errors.New("interrupted by the end of the server"))
		})
		return
	}
	if err != nil {
		r.Log.Warn("order failed", "order", lease.ID, "provider", lease.Provider, "kind", lease.Kind,
			"attempt", lease.Attempt, "error", scrub(err, lease.Payload))
	}
	if errors.Is(err, ErrCredentials) {
		g.breaker.RecordSuccess() // it answers; the pause is what spares it
		r.halt(lease, err)
		return
	}
	if outcomeOf(err) == Failed {
		g.breaker.RecordFailure()
	} else {
		g.breaker.RecordSuccess()
	}
	healed := probe && g.breaker.IsClosed()
	if healed {
		now := r.Clock()
		l.healed.Store(&now)
	}
	if r.settle(l, lease, result, err); healed {
		r.store(lease, "hasten", func(ctx context.Context) error { return r.Store.Hasten(ctx, lease.Provider) })
	}
}

// call tries an order, once more with fresh credentials where the old ones are
// refused and the provider can renew them.
func (r *shift) call(p Provider, lease Lease) (Result, error) {
	begun := r.Clock()
	result, err := r.try(p, lease)
	if refresher, ok := p.(Refresher); ok && errors.Is(err, ErrCredentials) {
		if again := r.refresh(refresher); again == nil {
			result, err = r.try(p, lease)
		} else {
			err = again
		}
	}
	if r.Tried != nil && r.calls.Err() == nil {
		r.Tried(Try{Provider: p.Name(), Took: r.Clock().Sub(begun), Outcome: outcomeOf(err)})
	}
	return result, err
}

func (r *shift) refresh(p Refresher) (err error) {
	ctx, cancel := context.WithTimeout(r.calls, r.Timeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic while renewing credentials: %v", v)
		}
	}()
	return p.Refresh(ctx)
}

// halt stops a provider that refuses our credentials; the order is as it was.
func (r *shift) halt(lease Lease, err error) {
	cause := errors.New(scrub(err, lease.Payload))
	r.store(lease, "halt", func(ctx context.Context) error { return r.Store.Halt(ctx, lease.Provider, cause) })
	// Should halting fail, the order must not come back at once.
	at := r.Clock().Add(time.Duration((.5 + r.Random()/2) * float64(firstCeiling)))
	r.store(lease, "retry", func(ctx context.Context) error {
		return r.Store.Retry(ctx, lease, at, lease.Unknown, cause)
	})
}

// try calls the provider, outside any transaction. After a try without an answer
// it asks first, if the provider can tell.
func (r *shift) try(p Provider, lease Lease) (result Result, err error) {
	ctx, cancel := context.WithTimeout(r.calls, r.Timeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			r.Log.Error("provider panicked", "provider", p.Name(), "order", lease.ID, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	if finder, ok := p.(Finder); ok && lease.Unknown {
		result, err := finder.Find(ctx, lease.Key)
		if !errors.Is(err, ErrNotFound) {
			return result, err
		}
	}
	return p.Submit(ctx, lease.Order)
}

func (r *shift) settle(l *lane, lease Lease, result Result, err error) {
	now := r.Clock()
	at := now.Add(r.delay(lease, err, l.patience(now)))
	lease.PutOff = outcomeOf(err) == Later
	state := Done
	var cause error
	if err != nil {
		cause = errors.New(scrub(err, lease.Payload))
		switch {
		case errors.Is(err, ErrRejected):
			state = Rejected
		case at.After(r.deadline(lease)):
			state = Dead
		default:
			r.retry(lease, at, cause)
			return
		}
	}
	failed := r.store(lease, string(state), func(ctx context.Context) error {
		return r.Store.Settle(ctx, lease, state, result, cause)
	})
	if failed != nil {
		r.retry(lease, at, fmt.Errorf("settling as %s: %s", state, scrub(failed, lease.Payload)))
	}
}

func (r *shift) retry(lease Lease, at time.Time, cause error) {
	r.store(lease, "retry", func(ctx context.Context) error {
		return r.Store.Retry(ctx, lease, at, true, cause)
	})
}

// putBack returns an order that was not tried.
func (r *shift) putBack(lease Lease, after time.Duration) {
	r.store(lease, "put back", func(ctx context.Context) error {
		return r.Store.Retry(ctx, lease, r.Clock().Add(after), lease.Unknown, nil)
	})
}

// store writes an outcome, also after the end of the context. What cannot be
// written stays leased until the lease runs out; then it is asked again. A lost
// lease is no error: another worker has the order.
func (r *shift) store(lease Lease, what string, write func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), 10*time.Second)
	defer cancel()
	err := write(ctx)
	if errors.Is(err, ErrFenced) {
		r.Log.Warn("came too late: the lease was lost", "order", lease.ID, "provider", lease.Provider, "outcome", what)
		return nil
	}
	if err != nil {
		r.Log.Error("outcome of an order could not be written", "order", lease.ID, "provider", lease.Provider,
			"outcome", what, "error", scrub(err, lease.Payload))
	}
	return err
}

// delay until the next try: what the provider asks for and up to a tenth more,
// or full jitter below a ceiling that doubles with every try, up to the most.
func (r *shift) delay(lease Lease, err error, most time.Duration) time.Duration {
	var later RetryAfter
	if errors.As(err, &later) && later.After > 0 {
		return later.After + time.Duration(r.Random()*float64(later.After)/10)
	}
	ceiling := lastCeiling
	if doublings := max(lease.Attempt-1, 0); doublings < 9 {
		ceiling = min(firstCeiling<<doublings, lastCeiling)
	}
	return time.Duration(r.Random() * float64(min(ceiling, most)))
}

func (r *shift) deadline(lease Lease) time.Time {
	since := lease.Since
	if since.IsZero() {
		since = lease.Created
	}
	return since.Add(r.Budget)
}
