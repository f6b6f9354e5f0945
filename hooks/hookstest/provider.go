// Package hookstest holds what every implementation must pass: [Run] for
// providers, [RunStore] for stores under a dispatcher, in simulated time.
//
// It knows no company. [Company] stands for one that misbehaves on demand;
// [Memory] is the smallest store, for tests of dispatchers and providers.
package hookstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"servicepoint/hooks"
	"servicepoint/hooks/faults"
)

// Candidate is a provider under test and what the test must know of it.
type Candidate struct {
	Provider hooks.Provider
	Good     json.RawMessage   // a payload that is accepted
	Bad      []json.RawMessage // payloads that are refused for good
	Secrets  []string          // words of the payloads that no error may quote
	// Done counts what the other side made of a key: 0 or 1, if all is well.
	Done func(key string) int
	// Cut makes the other side do the next order but lose its answer; nil when
	// the provider has no line that could be cut.
	Cut func()

	// Line is the bad line in front of the partner's simulator ([Serve]); nil when
	// the provider speaks no HTTP. It makes Cut unnecessary.
	Line *faults.Line
	// Meanings of faults that the protocol gives another meaning, by the case's words.
	Meanings map[string]string

	// Cancel makes the payload of the order that cancels the order of a key with its
	// result; Cancelled tells whether the other side has cancelled it. Nil: no case.
	Cancel    func(key string, r hooks.Result) json.RawMessage
	Cancelled func(key string) bool

	// Hold is the payload of an order that holds something (its key is KEY:hold),
	// Confirm makes that of the order with KEY that takes it, Expire lets the time of
	// all holds pass at the other side. Nil: no case. Done counts what was confirmed.
	Hold    json.RawMessage
	Confirm func(held hooks.Result) json.RawMessage
	Expire  func()
}

// Run checks that a provider keeps the promises of hooks.Provider. open is
// called once per case.
func Run(t *testing.T, open func(t *testing.T) Candidate) {
	cases := []struct {
		what  string
		check func(t *testing.T, c Candidate)
	}{
		{"an order is done once", onceDone},
		{"the same key again does nothing and answers the same", sameKeyAgain},
		{"different keys are different orders", differentKeys},
		{"a lost answer is no rejection, and trying again does nothing twice", lostAnswer},
		{"a cancelled context ends the call and is no rejection", cancelled},
		{"a payload that cannot be done is rejected and not quoted", rejected},
		{"one key from many goroutines is one order", parallel},
		{"finding tells done from not done", finding},
		{"an order is cancelled by an order", cancelling},
		{"a hold is confirmed in time or expires", holding},
	}
	for _, k := range cases {
		t.Run(k.what, func(t *testing.T) { k.check(t, open(t)) })
	}
	t.Run("bad line", func(t *testing.T) { badLine(t, open) })
}

func (c Candidate) order(key string) hooks.Order {
	return hooks.Order{
		ID: 1, Key: key, Provider: c.Provider.Name(), Kind: "test", Subject: key, Payload: c.Good, Attempt: 1,
		Created: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
	}
}

func (c Candidate) wantDone(t *testing.T, key string, want int) {
	t.Helper()
	if got := c.Done(key); got != want {
		t.Errorf("order %s was done %d times, want %d", key, got, want)
	}
}

func (c Candidate) submit(t *testing.T, o hooks.Order) hooks.Result {
	t.Helper()
	r, err := c.Provider.Submit(t.Context(), o)
	if err != nil {
		t.Fatalf("submit: %v", err)
	}
	return r
}

func onceDone(t *testing.T, c Candidate) {
	if c.Provider.Name() == "" {
		t.Error("no name")
	}
	c.wantDone(t, "key-1", 0)
	c.submit(t, c.order("key-1"))
	c.wantDone(t, "key-1", 1)
}

func sameKeyAgain(t *testing.T, c Candidate) {
	first := c.submit(t, c.order("key-1"))
	again := c.order("key-1")
	again.Attempt = 2
	if second := c.submit(t, again); second.Reference != first.Reference {
		t.Errorf("reference %q, then %q", first.Reference, second.Reference)
	}
	c.wantDone(t, "key-1", 1)
}

func differentKeys(t *testing.T, c Candidate) {
	for _, key := range []string{"mail:B-1:confirm:1", "mail:B-1:confirm:2", "mail/B-1/confirm/1", "ä"} {
		c.submit(t, c.order(key))
	}
	for _, key := range []string{"mail:B-1:confirm:1", "mail:B-1:confirm:2", "mail/B-1/confirm/1", "ä"} {
		c.wantDone(t, key, 1)
	}
}

func lostAnswer(t *testing.T, c Candidate) {
	if c.Cut == nil && c.Line != nil {
		c.Cut = func() { c.Line.Next(faults.Fault{Kind: faults.Cut}) }
	}
	if c.Cut == nil {
		t.Skip("this provider has no line to cut")
	}
	c.Cut()
	_, err := c.Provider.Submit(t.Context(), c.order("key-1"))
	if err == nil || errors.Is(err, hooks.ErrRejected) {
		t.Fatalf("answer lost, but the error is %v", err)
	}
	c.submit(t, c.order("key-1"))
	c.wantDone(t, "key-1", 1)
}

func cancelled(t *testing.T, c Candidate) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begun := time.Now()
	_, err := c.Provider.Submit(ctx, c.order("key-1"))
	if err == nil || errors.Is(err, hooks.ErrRejected) {
		t.Errorf("cancelled, but the error is %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("took %s to give up", took)
	}
	c.submit(t, c.order("key-1"))
	c.wantDone(t, "key-1", 1)
}

func rejected(t *testing.T, c Candidate) {
	bad := append([]json.RawMessage{nil, json.RawMessage(`[]`), json.RawMessage(`{"to":`), json.RawMessage(`{}`)}, c.Bad...)
	for i, payload := range bad {
		key := fmt.Sprint("bad-", i)
		o := c.order(key)
		o.Payload = payload
		_, err := c.Provider.Submit(t.Context(), o)
		if !errors.Is(err, hooks.ErrRejected) {
			t.Errorf("payload %s: %v, want a rejection", payload, err)
			continue
		}
		c.wantQuiet(t, err)
		c.wantDone(t, key, 0)
	}
}

func parallel(t *testing.T, c Candidate) {
	var wg sync.WaitGroup
	references := make([]string, 8)
	errs := make([]error, 8)
	for i := range references {
		wg.Go(func() {
			r, err := c.Provider.Submit(t.Context(), c.order("key-1"))
			references[i], errs[i] = r.Reference, err
		})
	}
	wg.Wait()
	for i := range references {
		if errs[i] != nil || references[i] != references[0] {
			t.Errorf("caller %d: reference %q (want %q), error %v", i, references[i], references[0], errs[i])
		}
	}
	c.wantDone(t, "key-1", 1)
}

func finding(t *testing.T, c Candidate) {
	finder, ok := c.Provider.(hooks.Finder)
	if !ok {
		t.Skip("this provider cannot be asked")
	}
	if _, err := finder.Find(t.Context(), "key-1"); !errors.Is(err, hooks.ErrNotFound) {
		t.Errorf("before: %v, want ErrNotFound", err)
	}
	want := c.submit(t, c.order("key-1"))
	if got, err := finder.Find(t.Context(), "key-1"); err != nil || got.Reference != want.Reference {
		t.Errorf("after: %+v %v, want %+v", got, err, want)
	}
}
