package hookstest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"servicepoint/hooks"
)

// Board is a store that a test can fill and look into. Its clock is time.Now,
// which is simulated inside a synctest bubble.
type Board interface {
	hooks.Store
	// Put adds an order that is due at once.
	Put(o hooks.Order) error
	// Look tells the state and the last error of an order.
	Look(key string) (hooks.State, string, error)
	// Resume ends a halt, as staff do.
	Resume(ctx context.Context, provider string) error
}

// Memory is a [Board] without a database. The zero value is empty and ready.
type Memory struct {
	mu     sync.Mutex
	rows   []*row
	halted map[string]bool
}

type row struct {
	hooks.Lease
	state     hooks.State
	due       time.Time
	until     time.Time
	lastError string
	putOff    bool
}

func (r *row) open() bool {
	return r.state == hooks.Waiting || r.state == hooks.Leased || r.state == hooks.Unknown
}

// Put adds an order; a key that is there already is left as it is.
func (m *Memory) Put(o hooks.Order) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.rows {
		if r.Key == o.Key {
			return nil
		}
	}
	o.ID, o.Created = int64(len(m.rows)+1), time.Now()
	m.rows = append(m.rows, &row{Lease: hooks.Lease{Order: o}, state: hooks.Waiting, due: o.Created})
	return nil
}

// Look tells the state and the last error of an order.
func (m *Memory) Look(key string) (hooks.State, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.rows {
		if r.Key == key {
			return r.state, r.lastError, nil
		}
	}
	return "", "", fmt.Errorf("no order %q", key)
}

// Lease takes due orders.
func (m *Memory) Lease(_ context.Context, provider string, n int, d time.Duration) ([]hooks.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.halted[provider] {
		return nil, nil
	}
	var due []*row
	seen := map[string]bool{}
	for _, r := range m.rows {
		if !r.open() {
			continue
		}
		first := !seen[r.Subject]
		seen[r.Subject] = true
		if first && r.Provider == provider && !r.due.After(now) && (r.state != hooks.Leased || !r.until.After(now)) {
			due = append(due, r)
		}
	}
	slices.SortStableFunc(due, func(a, b *row) int { return a.due.Compare(b.due) })
	due = due[:min(n, len(due))]
	slices.SortFunc(due, func(a, b *row) int { return cmp.Compare(a.ID, b.ID) })
	leases := make([]hooks.Lease, len(due))
	for i, r := range due {
		r.Unknown = r.state != hooks.Waiting
		r.state, r.until = hooks.Leased, now.Add(d)
		r.Fence++
		r.Attempt++
		if r.Since.IsZero() {
			r.Since = now
		}
		leases[i] = r.Lease
	}
	return leases, nil
}

// Settle writes a final outcome.
func (m *Memory) Settle(_ context.Context, l hooks.Lease, s hooks.State, _ hooks.Result, cause error) error {
	return m.change(l, func(r *row) {
		r.state, r.lastError = s, ""
		if cause != nil {
			r.lastError = cause.Error()
		}
	})
}

// Retry puts an order back.
func (m *Memory) Retry(_ context.Context, l hooks.Lease, at time.Time, unknown bool, cause error) error {
	return m.change(l, func(r *row) {
		r.state, r.due, r.putOff = hooks.Waiting, at, l.PutOff
		if unknown {
			r.state = hooks.Unknown
		}
		if cause != nil {
			r.lastError = cause.Error()
		}
	})
}

// Halt pauses a provider.
func (m *Memory) Halt(_ context.Context, provider string, _ error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.halted == nil {
		m.halted = map[string]bool{}
	}
	m.halted[provider] = true
	return nil
}

// Resume ends the pause; its orders are due and their budget begins anew.
func (m *Memory) Resume(_ context.Context, provider string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.halted, provider)
	for _, r := range m.rows {
		if r.Provider == provider && r.open() && r.state != hooks.Leased {
			r.Since, r.due = time.Time{}, time.Now()
		}
	}
	return nil
}

// Hasten makes orders due that wait between two tries.
func (m *Memory) Hasten(_ context.Context, provider string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for _, r := range m.rows {
		if r.Provider == provider && r.open() && r.state != hooks.Leased && !r.putOff && r.due.After(now) {
			r.due = now
		}
	}
	return nil
}

func (m *Memory) change(l hooks.Lease, apply func(*row)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rows[l.ID-1]
	if r.Fence != l.Fence || r.state != hooks.Leased {
		return fmt.Errorf("order %d: %w", l.ID, hooks.ErrFenced)
	}
	apply(r)
	return nil
}
