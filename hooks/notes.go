package hooks

import "context"

// Notes keep what a provider must not forget between two calls of one order: some
// protocols have no key that makes a call twice the same, only a number that the
// first call gives. Whoever writes the number down before the second call can go
// on where a crash ended.
type Notes interface {
	// Recall gives what was kept under the key of an order, ErrNotFound without any.
	Recall(ctx context.Context, key string) ([]byte, error)
	// Keep writes or replaces it; when it returns it survives a crash.
	Keep(ctx context.Context, key string, note []byte) error
}
