package hookstest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"servicepoint/hooks"
)

// Company is a partner that does as told, or misbehaves: fields are set before
// use, all methods may be called at the same time.
type Company struct {
	Title string
	// Before is asked before an order is done; an error is the answer.
	Before func(o hooks.Order) error
	// After is asked when the order is done; an error loses the answer.
	After func(o hooks.Order) error
	// Takes is how long a call takes.
	Takes func(o hooks.Order) time.Duration
	// Forgetful companies do not honour keys: the same order again is done again.
	Forgetful bool

	mu      sync.Mutex
	done    map[string]int
	order   []string // keys as they were done
	calls   int
	asked   int
	running int
	most    int
}

// Name is the title.
func (c *Company) Name() string { return c.Title }

// Submit does an order, once per key unless the company is forgetful.
func (c *Company) Submit(ctx context.Context, o hooks.Order) (hooks.Result, error) {
	c.enter()
	defer c.leave()
	if err := ctx.Err(); err != nil {
		return hooks.Result{}, err
	}
	if c.Takes != nil {
		select {
		case <-time.After(c.Takes(o)):
		case <-ctx.Done():
			return hooks.Result{}, ctx.Err()
		}
	}
	if c.Before != nil {
		if err := c.Before(o); err != nil {
			return hooks.Result{}, err
		}
	}
	c.mu.Lock()
	if c.done == nil {
		c.done = map[string]int{}
	}
	if c.done[o.Key] == 0 || c.Forgetful {
		c.done[o.Key]++
		c.order = append(c.order, o.Key)
	}
	c.mu.Unlock()
	if c.After != nil {
		if err := c.After(o); err != nil {
			return hooks.Result{}, err
		}
	}
	return hooks.Result{Reference: "ref-" + o.Key}, nil
}

func (c *Company) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	c.running++
	c.most = max(c.most, c.running)
}

func (c *Company) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
}

// Done tells how often the order of a key was done.
func (c *Company) Done(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done[key]
}

// Calls tells how often Submit was called, and how many calls there were at most
// at the same time.
func (c *Company) Calls() (all, atOnce int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls, c.most
}

// Sequence is the keys in the order in which they were done.
func (c *Company) Sequence() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.order...)
}

// Answering is a company that can be asked whether it did an order.
type Answering struct{ *Company }

// Find tells what the company did.
func (a Answering) Find(_ context.Context, key string) (hooks.Result, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	if a.done[key] == 0 {
		return hooks.Result{}, fmt.Errorf("order %s: %w", key, hooks.ErrNotFound)
	}
	return hooks.Result{Reference: "ref-" + key}, nil
}

// ErrLine is what a broken line looks like.
var ErrLine = errors.New("connection reset by peer")
