package migrations_test

import (
	"testing"

	_ "servicepoint/pocketbase-app/migrations"

	"github.com/pocketbase/pocketbase/core"
)

// from migrates an empty database to the step before one, lets fill put rows in,
// and takes the step and those after it.
func from(t *testing.T, step string, fill func(core.App)) core.App {
	t.Helper()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir()})
	app.OnBootstrap().Unbind("__pbNotifyWatcherSystemHook__")
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { app.ClearBootstrap() })
	var before core.MigrationsList
	for _, m := range core.AppMigrations.Items() {
		if m.File < step {
			before.Add(m)
		}
	}
	if len(before.Items()) == len(core.AppMigrations.Items()) {
		t.Fatalf("there is no step %s", step)
	}
	for _, list := range []core.MigrationsList{core.SystemMigrations, before} {
		if _, err := core.NewMigrationsRunner(app, list).Up(); err != nil {
			t.Fatal(err)
		}
	}
	fill(app)
	if err := app.RunAllMigrations(); err != nil {
		t.Fatal(err)
	}
	return app
}

func run(t *testing.T, app core.App, sql string) error {
	t.Helper()
	_, err := app.DB().NewQuery(sql).Execute()
	return err
}

// TestStep900KeepsIdeas: merged ideas know what they went into, events stay as they
// were, and the kinds of events are one more.
func TestStep900KeepsIdeas(t *testing.T) {
	app := from(t, "1790000900", func(app core.App) {
		for _, sql := range []string{
			`INSERT INTO ideas (number, call, rev, state, title, text, language, topic, secret_hash, sent) VALUES (1, 'c', 1, 'released', 'A', 'B', 'de', 't', 'x', 1)`,
			`INSERT INTO ideas (number, call, rev, state, title, text, language, topic, secret_hash, sent, into_idea, decided) VALUES (2, 'c', 2, 'merged', 'A', 'B', 'de', 't', 'y', 1, 1, 5)`,
			`INSERT INTO idea_events (idea, n, at, kind, note) VALUES (1, 1, 1, 'sent', ''), (2, 1, 1, 'sent', ''), (2, 2, 5, 'merged', 'beide gleich')`,
		} {
			if err := run(t, app, sql); err != nil {
				t.Fatal(err)
			}
		}
	})
	var went int
	var note string
	if err := app.DB().NewQuery(`SELECT i.went_into, e.note FROM ideas i JOIN idea_events e ON e.idea = i.number AND e.n = 2 WHERE i.number = 2`).Row(&went, &note); err != nil || went != 1 || note != "beide gleich" {
		t.Errorf("%d %q %v", went, note, err)
	}
	var events int
	if err := app.DB().NewQuery(`SELECT count(*) FROM idea_events`).Row(&events); err != nil || events != 3 {
		t.Errorf("%d events %v", events, err)
	}
	if err := run(t, app, `INSERT INTO idea_events (idea, n, at, kind) VALUES (2, 3, 6, 'parted')`); err != nil {
		t.Error(err)
	}
	for what, sql := range map[string]string{
		"a kind of nobody":       `INSERT INTO idea_events (idea, n, at, kind) VALUES (2, 4, 6, 'shouted')`,
		"an event of no idea":    `INSERT INTO idea_events (idea, n, at, kind) VALUES (9, 1, 6, 'sent')`,
		"a voter of three bytes": `INSERT INTO idea_kept_votes (idea, voter, lone) VALUES (2, x'010203', 0)`,
		"a second picture":       `INSERT INTO idea_pictures (form, idea, name, added, body) VALUES ('f', 1, 'n', 1, x'00'), ('g', 1, 'n', 1, x'00')`,
	} {
		if run(t, app, sql) == nil {
			t.Errorf("the schema takes %s", what)
		}
	}
}
