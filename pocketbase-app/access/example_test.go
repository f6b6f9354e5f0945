package access_test

import (
	"errors"
	"fmt"
	"os"

	"servicepoint/content"
	"servicepoint/pocketbase-app/access"
	"servicepoint/pocketbase-app/base"
	_ "servicepoint/pocketbase-app/migrations"

	"github.com/pocketbase/pocketbase/core"
)

// emptyApp is an app in a new data directory.
func emptyApp() *core.BaseApp {
	dir, err := os.MkdirTemp("", "access")
	if err != nil {
		panic(err)
	}
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: base.Connect})
	if err := errors.Join(app.Bootstrap(), app.RunAllMigrations()); err != nil {
		panic(err)
	}
	return app
}

// The command line makes the first account of an instance.
func ExampleCreateStaff() {
	app := emptyApp()
	defer os.RemoveAll(app.DataDir())
	defer app.ClearBootstrap()
	_, err := access.CreateStaff(app, "rena@kassel.test", "Rena", "kurz", []string{"editor"})
	var problems content.Problems
	errors.As(err, &problems)
	fmt.Println(problems)
	// Output: password: too_short
}
