package booking_test

import (
	"errors"
	"fmt"
	"os"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/booking"
	_ "servicepoint/pocketbase-app/migrations"

	"github.com/pocketbase/pocketbase/core"
	"time"
)

// An editor publishes an event with two seats; the third visitor hears that it is full.
func Example() {
	dir, err := os.MkdirTemp("", "booking")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: base.Connect})
	if err := errors.Join(app.Bootstrap(), app.RunAllMigrations()); err != nil {
		fmt.Println(err)
		return
	}
	defer app.ClearBootstrap()
	words, _ := content.LoadWords(base.OwnWords, booking.Words)
	p, err := base.NewPlatform(app, words)
	if err != nil {
		fmt.Println(err)
		return
	}
	p.Now = func() time.Time { return basetest.Start }

	service := booking.New(p)
	event := content.Event{
		Slug: "waerme", Start: basetest.Start.AddDate(0, 0, 7),
		Texts: map[string]content.EventText{"de": {Title: "Wärme für Kassel"}},
		Pools: []content.Pool{{Code: "saal", Size: 2}},
	}
	err = app.RunInTransaction(func(tx core.App) error {
		events, err := tx.FindCollectionByNameOrId("events")
		if err != nil {
			return err
		}
		rec := core.NewRecord(events)
		rec.Load(map[string]any{"slug": "waerme", "title": "Wärme für Kassel", "state": "published", "live": event, "rev": 1})
		if err := tx.Save(rec); err != nil {
			return err
		}
		return service.PublishEvent(tx, event)
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	for _, name := range []string{"Ada", "Grace", "Edsger"} {
		answer, _, err := service.Book(booking.Order{
			Event:   "waerme",
			Request: booking.Request{Name: name, Email: "visitor@example.org", Places: 1},
			Key:     "key of " + name,
		})
		if errors.Is(err, booking.ErrFull) {
			fmt.Println(name, "full")
			continue
		}
		fmt.Println(name, answer.State, answer.Places, answer.Pool)
	}
	// Output:
	// Ada active 1 saal
	// Grace active 1 saal
	// Edsger full
}
