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

// Back-off between tries of one order: full jitter below a ceiling that doubles.
const (
	firstCeiling = 10 * time.Second
	lastCeiling  = time.Hour
)

// lane is the way to one provider.
type lane struct {
	provider Provider
	parallel int
	busy     atomic.Int32
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
	limit := d.Limits[p.Name()]
	parallel := cmp.Or(limit.Parallel, d.Workers)
	return &lane{
		provider: p,
		parallel: parallel,
		bulkhead: bulkhead.New[any](uint(parallel)),
		limiter:  ratelimiter.NewSmooth[any](uint(cmp.Or(limit.PerMinute, 6000)), time.Minute),
		breaker: circuitbreaker.NewBuilder[any]().
			WithFailureThreshold(uint(cmp.Or(limit.Failures, 5))).
			WithSuccessThreshold(1).
			WithDelay(cmp.Or(limit.Pause, time.Minute)).
			WithJitterFactor(.25).
			OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
				d.Log.Warn("circuit breaker of a provider", "provider", p.Name(), "from", e.OldState.String(), "to", e.NewState.String())
			}).
			Build(),
	}
}

// Circuit tells how things stand with a provider: "closed" (calls flow), "open"
// (it failed several times in a row and is left in peace), "half-open" (one
// order tries it out), or "" for a provider that is not in the list.
func (d *Dispatcher) Circuit(provider string) string {
	d.once.Do(d.setUp)
	for _, l := range d.lanes {
		if l.provider.Name() == provider {
			return l.breaker.State().String()
		}
	}
	return ""
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
	for r.ctx.Err() == nil {
		n := l.take()
		if n == 0 {
			return
		}
		leases, err := r.Store.Lease(r.ctx, l.provider.Name(), n, r.Tenure)
		if err != nil && r.ctx.Err() == nil {
			r.Log.Error("leasing orders failed; trying again at the next tick", "provider", l.provider.Name(), "error", err.Error())
		}
		for range n - len(leases) {
			l.bulkhead.ReleasePermit()
		}
		for _, lease := range leases {
			l.busy.Add(1)
			r.workers.Go(func() { r.work(l, lease) })
		}
		if err != nil || len(leases) < n {
			return
		}
	}
}

// take takes free places of the bulkhead. A provider whose circuit is open gets
// no order; when its pause is over, one order at a time tries it out.
func (l *lane) take() int {
	most := l.parallel
	if !l.breaker.IsClosed() {
		if l.breaker.RemainingDelay() > 0 || l.busy.Load() > 0 {
			return 0
		}
		most = 1
	}
	n := 0
	for n < most && l.bulkhead.TryAcquirePermit() {
		n++
	}
	return n
}

func (r *shift) work(l *lane, lease Lease) {
	defer func() {
		l.busy.Add(-1)
		l.bulkhead.ReleasePermit()
		select {
		case r.freed <- struct{}{}:
		default:
		}
	}()
	// Half of the lease is for waiting, so that the call fits into the rest.
	if err := l.limiter.AcquirePermitWithMaxWait(r.ctx, r.Tenure/2); err != nil {
		r.putBack(lease, 0)
		return
	}
	if !l.breaker.TryAcquirePermit() {
		r.putBack(lease, l.breaker.RemainingDelay())
		return
	}
	result, err := r.try(l.provider, lease)
	if err != nil && r.calls.Err() != nil {
		r.store(lease, "interrupted", func(ctx context.Context) error {
			return r.Store.Retry(ctx, lease, r.Clock(), true, errors.New("interrupted by the end of the server"))
		})
		return
	}
	if l.record(err); err != nil {
		r.Log.Warn("order failed", "order", lease.ID, "provider", lease.Provider, "kind", lease.Kind,
			"attempt", lease.Attempt, "error", scrub(err, lease.Payload))
	}
	r.settle(lease, result, err)
}

// record tells the circuit breaker whether the provider answered at all.
func (l *lane) record(err error) {
	var later RetryAfter
	if err == nil || errors.Is(err, ErrRejected) || errors.As(err, &later) {
		l.breaker.RecordSuccess()
	} else {
		l.breaker.RecordFailure()
	}
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

func (r *shift) settle(lease Lease, result Result, err error) {
	now := r.Clock()
	at := now.Add(r.delay(lease, err))
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
// or full jitter below a ceiling that doubles with every try.
func (r *shift) delay(lease Lease, err error) time.Duration {
	var later RetryAfter
	if errors.As(err, &later) && later.After > 0 {
		return later.After + time.Duration(r.Random()*float64(later.After)/10)
	}
	ceiling := lastCeiling
	if doublings := max(lease.Attempt-1, 0); doublings < 9 {
		ceiling = min(firstCeiling<<doublings, lastCeiling)
	}
	return time.Duration(r.Random() * float64(ceiling))
}

func (r *shift) deadline(lease Lease) time.Time {
	since := lease.Since
	if since.IsZero() {
		since = lease.Created
	}
	return since.Add(r.Budget)
}
