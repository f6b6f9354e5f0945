package orders

import (
	"context"
	"fmt"

	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
)

// Inbox is the list of the counter's staff, table desk_items; it implements
// desk.Inbox.
type Inbox struct{ p *base.Platform }

// NewInbox makes the inbox of a platform.
func NewInbox(p *base.Platform) Inbox { return Inbox{p} }

// File adds an item once per key. The reference counts the items: "D-17".
func (i Inbox) File(ctx context.Context, key string, item hooks.DeskItem) (string, error) {
	params := dbx.Params{
		"key": key, "reference": item.Reference, "kind": item.Kind, "title": item.Title, "partner": item.Partner,
		"now": i.p.Now().UnixMilli(),
	}
	_, err := i.p.App.DB().NewQuery(`INSERT INTO desk_items (key, reference, kind, title, partner, filed)
		VALUES ({:key}, {:reference}, {:kind}, {:title}, {:partner}, {:now}) ON CONFLICT (key) DO NOTHING`).
		WithContext(ctx).Bind(params).Execute()
	if err != nil {
		return "", fmt.Errorf("desk item: %w", err)
	}
	var id int64
	err = i.p.App.DB().NewQuery(`SELECT id FROM desk_items WHERE key = {:key}`).WithContext(ctx).Bind(dbx.Params{"key": key}).Row(&id)
	if err != nil {
		return "", fmt.Errorf("desk item: %w", err)
	}
	return fmt.Sprintf("D-%d", id), nil
}
