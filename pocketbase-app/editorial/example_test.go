package editorial_test

import (
	"encoding/json"
	"fmt"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/editorial"

	"github.com/pocketbase/pocketbase/core"
)

// Package main gives the matter its builder and what follows from publishing.
func Example() {
	wire := func(p *base.Platform, b editorial.Builder, publishEvent func(core.App, content.Event) error) *editorial.Editorial {
		d := editorial.New(p, b)
		d.Follow["events"] = func(tx core.App, doc json.RawMessage) error {
			var ev content.Event
			if err := json.Unmarshal(doc, &ev); err != nil {
				return err
			}
			return publishEvent(tx, ev)
		}
		return d // then d.Bind(se) for the pages and go d.Run(ctx) for the builds
	}
	_ = wire
	for _, k := range editorial.Kinds {
		fmt.Println(k.Name, k.Path)
	}
	// Output:
	// guides leistungen
	// events veranstaltungen
	// surveys umfragen
	// calls aufrufe
	// pages seiten
	// providers partner
	// topics themen
	// districts
}
