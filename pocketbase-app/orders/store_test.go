package orders_test

import (
	"context"
	"testing"
	"time"

	"servicepoint/hooks"
	"servicepoint/hooks/hookstest"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/orders"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// board is the table orders as hookstest wants it.
type board struct {
	hooks.Store
	p *base.Platform
}

func (b board) Put(o hooks.Order) error {
	return b.p.App.RunInTransaction(func(tx core.App) error { return b.p.PutOrder(tx, o) })
}

func (b board) Resume(ctx context.Context, provider string) error {
	return b.Store.(*orders.Store).Resume(ctx, provider, "staff-1")
}

func (b board) Look(key string) (hooks.State, string, error) {
	var state, cause string
	err := b.p.App.DB().NewQuery(`SELECT state, last_error FROM orders WHERE key = {:key}`).Bind(dbx.Params{"key": key}).Row(&state, &cause)
	return hooks.State(state), cause, err
}

func open(t *testing.T) board {
	p := inSimulatedTime(t)
	return board{orders.New(p, nil, nil).Dispatcher.Store, p}
}

// inSimulatedTime makes a platform for a synctest bubble. Connections are kept:
// in simulated time they would be idle for too long at every step.
func inSimulatedTime(t *testing.T) *base.Platform {
	p := basetest.New(t, orders.Words)
	p.Now = time.Now
	for _, db := range []dbx.Builder{p.App.ConcurrentDB(), p.App.NonconcurrentDB()} {
		db.(*dbx.DB).DB().SetConnMaxIdleTime(0)
	}
	return p
}

func TestTableKeepsThePromisesOfAStore(t *testing.T) {
	t.Parallel() // with the other long test
	hookstest.RunStore(t, func(t *testing.T) hookstest.Board { return open(t) })
}
