package ideas

import (
	"context"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// Seed stores the released ideas of a demo, which nobody can open by a private link.
func (x *Ideas) Seed(ctx context.Context, examples []content.Idea) error {
	return x.Platform.App.RunInTransaction(func(tx core.App) error {
		for _, i := range examples {
			if err := ctx.Err(); err != nil {
				return err
			}
			now := x.Platform.Now().UnixMilli()
			_, err := insert(tx, &Idea{
				Call: i.Call, Slug: slugOf(i.Title), Rev: 1, State: stateReleased, Title: i.Title, Text: i.Text, Language: i.Language,
				Topic: i.Topic, District: i.District, Place: i.Place, Lat: i.Lat, Lon: i.Lon, Status: i.Status, Sent: now, Released: now,
			}, linkHash(base.NewToken()))
			if err != nil {
				return err
			}
		}
		return nil
	})
}
