// Package hooks carries orders to the companies behind the Service Point.
//
// It knows nothing of databases or web pages. An [Order] is what a citizen
// wants of a partner; a [Provider] (one folder each) speaks that partner's
// protocol; the [Dispatcher] leases due orders from a [Store], calls the
// provider outside any transaction and hands the outcome back to the store.
package hooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Order is one thing to be done by a provider. Key is the idempotency key: the
// same key always means the same order, at the provider too.
type Order struct {
	ID       int64           // row number, set by the store
	Key      string          // unique, random; sent to the provider as our reference
	Provider string          // name of the provider: "desk", "mail", …
	Kind     string          // "booking", "case", "mail": who settles the outcome
	Subject  string          // id of the booking or case; orders of one subject keep their order
	Partner  string          // slug of the partner that answers for it, may be empty
	Payload  json.RawMessage // what the provider needs; personal data, never logged
	Attempt  int             // 1 at the first try
	Created  time.Time       // UTC
}

// State is where an order stands.
type State string

// The states of an order.
const (
	Waiting  State = "waiting"  // due at some time, also between two tries
	Leased   State = "leased"   // a worker has it
	Unknown  State = "unknown"  // the provider may have done it: ask before trying again
	Done     State = "done"     // accepted by the provider
	Rejected State = "rejected" // refused for good
	Dead     State = "dead"     // given up after the budget; replay by hand
)

// Result is what a provider answered.
type Result struct {
	Reference string          // the provider's own reference, if any
	Note      string          // words for the citizen, may be empty
	Payload   json.RawMessage // whatever the settler needs
}

// Provider does orders. Submit with a key it has seen before must give the same
// result and do nothing twice. An error that wraps [ErrRejected] is final; every
// other error means that the outcome is unknown and the order is tried again
// with the same key.
type Provider interface {
	Name() string
	Submit(ctx context.Context, o Order) (Result, error)
}

// Finder is a provider that can tell whether it did an order. ErrNotFound means
// that it surely did not.
type Finder interface {
	Find(ctx context.Context, key string) (Result, error)
}

// Errors that decide what happens next.
var (
	ErrRejected = errors.New("rejected by the provider")
	ErrNotFound = errors.New("order not found at the provider")
	ErrFenced   = errors.New("lease lost to another worker")
	// ErrExpired: what the order was to confirm or extend is held no longer. Final.
	ErrExpired = fmt.Errorf("the hold has expired: %w", ErrRejected)
	// ErrCredentials: the partner does not accept our key. Nothing was done, and no
	// other order would fare better: after one try to renew the key ([Refresher]) the
	// provider is halted until staff mend it, and no order loses its budget.
	ErrCredentials = errors.New("the partner refuses our credentials")
)

// Refresher is a provider whose credentials can be renewed without staff, such as
// an access token. Refresh is called once after [ErrCredentials].
type Refresher interface {
	Refresh(ctx context.Context) error
}

// RetryAfter may be wrapped by a provider's error to say when to try this order
// again. It is an answer, so it does not count against the provider's health.
type RetryAfter struct{ After time.Duration }

func (e RetryAfter) Error() string { return "try again after " + e.After.String() }

// Lease is an order in the hands of one worker. Fence rises with every lease of
// the order; a store refuses a settlement with an old fence ([ErrFenced]).
type Lease struct {
	Order
	Fence   int64
	Unknown bool      // an earlier try ended without an answer
	PutOff  bool      // set for Retry: the provider asked for the time, Hasten does not change it
	Since   time.Time // the first try, after a replay the first one since; the budget counts from here
}

// Store keeps orders. Every method is one short transaction.
type Store interface {
	// Lease takes up to n due orders of a provider for the duration, at most one
	// per subject and never past an older open one of the same subject. An order
	// whose lease ran out is due again and its outcome unknown. A provider that
	// staff have paused gives none.
	Lease(ctx context.Context, provider string, n int, d time.Duration) ([]Lease, error)
	// Settle writes a final outcome (Done, Rejected or Dead) and what follows from it.
	Settle(ctx context.Context, l Lease, s State, r Result, cause error) error
	// Retry puts the order back until a time; unknown says that the provider may
	// have done it. Without a cause the order was not tried and keeps its last error.
	Retry(ctx context.Context, l Lease, at time.Time, unknown bool, cause error) error
	// Halt pauses a provider, as staff do, because its credentials are refused, and
	// tells the operators. A provider that is paused already stays as it is.
	Halt(ctx context.Context, provider string, cause error) error
	// Hasten makes the orders of a provider due that wait between two tries: it has
	// answered again after an outage. Those that the provider put off ([RetryAfter])
	// keep their time.
	Hasten(ctx context.Context, provider string) error
}
