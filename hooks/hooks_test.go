package hooks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"servicepoint/hooks"
	"servicepoint/hooks/hookstest"
)

func TestDispatcherOverAStoreInMemory(t *testing.T) {
	hookstest.RunStore(t, func(*testing.T) hookstest.Board { return &hookstest.Memory{} })
}

func TestCompanyThatHonoursKeysConforms(t *testing.T) {
	hookstest.Run(t, func(t *testing.T) hookstest.Candidate {
		var cut atomic.Bool
		c := &hookstest.Company{Title: "strom"}
		c.Before = func(o hooks.Order) error {
			var v struct{ Name string }
			if json.Unmarshal(o.Payload, &v) != nil || v.Name == "" {
				return hooks.ErrRejected
			}
			return nil
		}
		c.After = func(hooks.Order) error {
			if cut.CompareAndSwap(true, false) {
				return hookstest.ErrLine
			}
			return nil
		}
		return hookstest.Candidate{
			Provider: hookstest.Answering{Company: c}, Good: json.RawMessage(`{"name":"Erika"}`),
			Done: c.Done, Cut: func() { cut.Store(true) },
		}
	})
}

func TestTwoProvidersOfOneNameAreRefused(t *testing.T) {
	d := &hooks.Dispatcher{Store: &hookstest.Memory{}, Providers: []hooks.Provider{&hookstest.Company{Title: "a"}, &hookstest.Company{Title: "a"}}}
	if err := d.Run(t.Context(), nil); err == nil {
		t.Error("no error")
	}
}

func ExampleDispatcher() {
	store := &hookstest.Memory{}
	store.Put(hooks.Order{Key: "k", Provider: "strom", Kind: "case", Subject: "C-1"})
	ctx, cancel := context.WithCancel(context.Background())
	strom := &hookstest.Company{Title: "strom", After: func(o hooks.Order) error {
		fmt.Println("done:", o.Key)
		time.AfterFunc(100*time.Millisecond, cancel)
		return nil
	}}
	d := &hooks.Dispatcher{Store: store, Providers: []hooks.Provider{strom}}
	wake := make(chan struct{}, 1) // signalled after every commit that wrote orders
	if err := d.Run(ctx, wake); err != nil {
		fmt.Println(err)
	}
	state, _, _ := store.Look("k")
	fmt.Println(state)
	// Output:
	// done: k
	// done
}
