// Package desk is the provider "desk": the counter's own staff, who need no
// outside system.
//
// It does not know where their list is kept: [Provider] checks the order and
// files it in an [Inbox], and that is all that "accepted" means here.
package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"servicepoint/hooks"
)

// Inbox is the list of the counter's staff. File is idempotent: a key that was
// filed before gives the same reference and changes nothing.
type Inbox interface {
	File(ctx context.Context, key string, item hooks.DeskItem) (reference string, err error)
}

// Provider files orders in an inbox; the payload is a [hooks.DeskItem].
type Provider struct{ Inbox Inbox }

// Name is "desk".
func (Provider) Name() string { return "desk" }

// Submit files the order. A payload that is no desk item is rejected for good.
func (p Provider) Submit(ctx context.Context, o hooks.Order) (hooks.Result, error) {
	var item hooks.DeskItem
	dec := json.NewDecoder(bytes.NewReader(o.Payload))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&item); err != nil {
		return hooks.Result{}, fmt.Errorf("payload is no desk item: %w", hooks.ErrRejected)
	}
	for field, value := range map[string]string{"reference": item.Reference, "kind": item.Kind, "title": item.Title} {
		if value == "" {
			return hooks.Result{}, fmt.Errorf("desk item without %s: %w", field, hooks.ErrRejected)
		}
	}
	if err := ctx.Err(); err != nil {
		return hooks.Result{}, err
	}
	reference, err := p.Inbox.File(ctx, o.Key, item)
	if err != nil {
		return hooks.Result{}, fmt.Errorf("filing: %w", err)
	}
	return hooks.Result{Reference: reference}, nil
}
