// Package basetest gives tests a real app: a SQLite database in a temporary
// folder with every migration, a clock that stands still, and an HTTP server
// with PocketBase's own router.
package basetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/report"
	"servicepoint/pocketbase-app/base"
	_ "servicepoint/pocketbase-app/migrations"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
)

// Start is where the clock of a test platform stands: a Wednesday noon in Berlin.
var Start = time.Date(2026, time.December, 2, 11, 0, 0, 0, time.UTC)

// New makes a platform on an empty database that is removed after the test.
// words are the words of the matters under test.
func New(t testing.TB, words ...fs.FS) *base.Platform {
	t.Helper()
	files, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	app := newApp(dir)
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { app.ClearBootstrap() })
	app.OnServe().Unbind("__pbCronStart__")
	// Deletes files in the background and reads the settings while a later migration writes them.
	app.OnModelAfterDeleteSuccess().Unbind("__pbFilesManagerDelete__")
	w, err := content.LoadWords(append([]fs.FS{base.OwnWords}, words...)...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := base.NewPlatform(app, w)
	if err != nil {
		t.Fatal(err)
	}
	p.Now = func() time.Time { return Start }
	p.Origin = "http://service-point.test"
	return p
}

// newApp leaves out the watcher for other processes: it would keep one inotify
// instance per app (a user has 128) and block simulated time (testing/synctest).
func newApp(dir string) *core.BaseApp {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: base.Connect})
	app.OnBootstrap().Unbind("__pbNotifyWatcherSystemHook__")
	return app
}

// migrated holds the database files of an empty, migrated app. The steps run
// once for all tests of a package: it is faster, and the race detector stays
// quiet about PocketBase's logger reading settings that a step reloads.
var migrated = sync.OnceValues(func() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "basetest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	app := newApp(dir)
	if err := app.Bootstrap(); err != nil {
		return nil, err
	}
	if err := errors.Join(app.RunAllMigrations(), app.ClearBootstrap()); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range []string{"data.db", "auxiliary.db"} {
		if _, err := os.Stat(filepath.Join(dir, name+"-wal")); err == nil {
			return nil, fmt.Errorf("%s was not closed cleanly", name)
		}
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return files, nil
})

// Serve starts an HTTP server with the routes that bind adds; it is closed
// after the test. Redirects are not followed by the returned client.
func Serve(t testing.TB, p *base.Platform, bind ...func(*core.ServeEvent)) (*httptest.Server, *http.Client) {
	t.Helper()
	r, err := apis.NewRouter(p.App)
	if err != nil {
		t.Fatal(err)
	}
	se := &core.ServeEvent{App: p.App, Router: r}
	var mux http.Handler
	err = p.App.OnServe().Trigger(se, func(se *core.ServeEvent) error {
		p.Guard(se)
		for _, b := range bind {
			b(se)
		}
		mux, err = se.Router.BuildMux()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	client := srv.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return srv, client
}

// SignedIn is a middleware for tests that signs a new member of staff with the
// given roles in, in place of the session of package access.
func SignedIn(t testing.TB, p *base.Platform, roles ...string) func(*core.ServeEvent) {
	t.Helper()
	staff := NewStaff(t, p, roles...)
	return func(se *core.ServeEvent) {
		se.Router.BindFunc(func(e *core.RequestEvent) error {
			e.Auth = staff
			return e.Next()
		})
	}
}

// NewStaff makes a member of staff with the given roles and the password "test-password-1".
func NewStaff(t testing.TB, p *base.Platform, roles ...string) *core.Record {
	t.Helper()
	c, err := p.App.FindCollectionByNameOrId("staff")
	if err != nil {
		t.Fatal(err)
	}
	staff := core.NewRecord(c)
	staff.SetEmail(base.NewToken()[:8] + "@service-point.test")
	staff.SetPassword("test-password-1")
	staff.SetVerified(true)
	staff.Set("name", "Test")
	staff.Set("roles", roles)
	if err := p.App.Save(staff); err != nil {
		t.Fatal(err)
	}
	return staff
}

// Report reads tables of a report in a read transaction of its own, as the pages
// do, and gives each as lines of its cells, by the table's name. It fails when a
// cell is of the wrong kind or a word is missing.
func Report(t testing.TB, p *base.Platform, period report.Period, tables func(ctx context.Context, db dbx.Builder, p report.Period) ([]*report.Table, error)) map[string][]string {
	t.Helper()
	db, err := base.ConnectSnapshot(filepath.Join(p.App.DataDir(), "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	all, err := tables(t.Context(), tx, period)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string][]string{}
	for _, one := range all {
		if err := one.Check(); err != nil {
			t.Error(err)
		}
		for _, said := range append([]report.Column{{Label: one.Title}, {Label: one.Note}}, one.Columns...) {
			if said.Label == "" || strings.HasPrefix(said.Label, "staff.") {
				t.Errorf("%s: no words for %q", one.Name, said.Label)
			}
		}
		lines[one.Name] = []string{}
		for _, row := range one.Rows {
			cells := make([]string, len(row))
			for i, cell := range row {
				cells[i] = report.Say(cell, one.Columns[i].Kind, "*")
			}
			lines[one.Name] = append(lines[one.Name], strings.Join(cells, "|"))
		}
	}
	return lines
}
