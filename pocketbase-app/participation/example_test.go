package participation_test

import (
	"fmt"
	"log"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/participation"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
)

// Package main makes the matter when the app serves, binds its routes and
// closes it when the HTTP server has stopped.
func Example() {
	app := pocketbase.NewWithConfig(pocketbase.Config{DBConnect: base.Connect})
	app.OnServe().BindFunc(func(se *core.ServeEvent) error {
		words, err := content.LoadWords(base.OwnWords, participation.Words)
		if err != nil {
			return err
		}
		p, err := base.NewPlatform(se.App, words)
		if err != nil {
			return err
		}
		p.Guard(se)
		surveys := participation.New(p)
		surveys.Bind(se)
		app.OnTerminate().BindFunc(func(e *core.TerminateEvent) error {
			surveys.Close()
			return e.Next()
		})
		return se.Next()
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}

// The words of the pages are complete in every language.
func ExampleParticipation_Bind() {
	words, err := content.LoadWords(base.OwnWords, participation.Words)
	fmt.Println(err, "–", words.In("en", "participation.progress", "n", 2, "of", 4))
	// Output:
	// <nil> – Page 2 of 4
}
