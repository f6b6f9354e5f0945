// Package orders keeps the orders of all matters: it is the store that the
// dispatcher of package hooks leases from, the list of the counter's staff
// behind the provider "desk", and the page on which operators see what is stuck.
//
// It does not know what an order is about. A matter writes orders with
// base.Platform.PutOrder in its own transaction and learns the outcome through
// its [Settler]. [New] puts providers and settlers together; [Orders.Run]
// dispatches; [Orders.Bind] adds the page; [Orders.Sweep] is the retention.
package orders

import (
	"context"
	"embed"
	"sync"
	"time"

	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

//go:embed words/*.json
var Words embed.FS

// Settler is told the outcome of the orders of its kind, inside the transaction
// that settles the order: it either happens with it or not at all. It may write
// further orders. State is Done, Rejected or Dead; a dead order that staff
// replay may come again with another outcome.
type Settler interface {
	Settle(tx core.App, o hooks.Order, s hooks.State, r hooks.Result) error
}

// Follower is a settler that wants to know what a partner answers when a webhook
// made us ask ([hooks.KindFetch]), inside the transaction that settles the asking.
// Subject is that of the order that was asked about.
type Follower interface {
	Follow(tx core.App, subject string, r hooks.Result) error
}

// Orders is the matter of orders.
type Orders struct {
	Dispatcher *hooks.Dispatcher // its limits may be set before Run

	// Receivers check the webhooks of partners, by provider, beside the providers that
	// do it themselves.
	Receivers map[string]hooks.Receiver
	// CheckURL tells what is wrong with the address of an endpoint of outgoing webhooks.
	CheckURL func(address string) error

	p         *base.Platform
	providers []hooks.Provider
	tries     tally
	wrong     *base.Limits // webhooks that were not signed rightly, by network
}

// New puts together the platform, the providers and the settlers by kind. Kinds
// without a settler are "mail", "staff-mail", "sms" and "webhook", after which nothing
// follows, and "private-mail", whose address and text are erased as soon as it is settled.
func New(p *base.Platform, providers []hooks.Provider, settlers map[string]Settler) *Orders {
	o := &Orders{p: p, providers: providers, wrong: base.NewLimits(30, time.Minute), CheckURL: func(string) error { return nil }}
	store := &Store{p: p, settlers: settlers, alarm: o.tellOperators}
	o.Dispatcher = &hooks.Dispatcher{
		Store:     store,
		Providers: providers,
		Budget:    base.OrderBudget,
		Clock:     func() time.Time { return p.Now() },
		Tried:     func(t hooks.Try) { o.tries.add(p.Now(), t) },
		Log:       p.App.Logger(),
	}
	return o
}

// Run dispatches until ctx ends, then waits for the calls under way. Orders that
// a crashed server had under way are due at once. It may be called once.
func (o *Orders) Run(ctx context.Context) error {
	if err := o.store().reclaim(ctx); err != nil {
		return err
	}
	counting, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { o.keepTallying(counting) })
	defer wg.Wait()
	defer stop()
	return o.Dispatcher.Run(ctx, o.p.OrdersWaiting())
}

// Resume lets the orders of a provider go on after a pause or a halt, such as when
// its settings were mended; staff is the id of who did it.
func (o *Orders) Resume(ctx context.Context, provider, staff string) error {
	return o.store().Resume(ctx, provider, staff)
}
