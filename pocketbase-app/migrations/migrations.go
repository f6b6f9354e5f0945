// Package migrations holds the frozen steps of the database schema. A step that
// has been released is never edited; tests migrate from the previous schema.
//
// Two kinds of table live side by side. PocketBase collections hold accounts and
// what editors write; all their write rules are closed, because every change
// goes through a matter that keeps revisions and orders. Plain STRICT tables hold
// what must keep rules under concurrency or privacy (answers, seats, orders);
// they have no collection and so no API at all. Times in plain tables are Unix
// milliseconds in UTC unless the column says day (Berlin, YYYY-MM-DD).
package migrations

import (
	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"
	"github.com/pocketbase/pocketbase/tools/types"
)

// plain adds a step of plain SQL statements; PocketBase orders steps by file name.
// Steps have no way back: a backup is the way back.
func plain(file string, statements ...string) {
	m.Register(func(app core.App) error { return run(app, statements) }, nil, file)
}

func run(app core.App, statements []string) error {
	for _, s := range statements {
		if _, err := app.DB().NewQuery(s).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// staffRule lets staff with one of the roles pass. The rule compares the
// collection too: citizens and devices have no roles.
func staffRule(roles ...string) *string {
	rule := `@request.auth.collectionName = "staff" && (`
	for i, r := range roles {
		if i > 0 {
			rule += " || "
		}
		rule += `@request.auth.roles:each ?= "` + r + `"`
	}
	return types.Pointer(rule + ")")
}
