package planning

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const (
	fileLife = 30 * 24 * time.Hour  // how long a package can be fetched, if the clearance lasts as long
	logLife  = 365 * 24 * time.Hour // how long it is kept who had a package and why
	format   = "zip"
)

// Profile is what a package holds.
type Profile struct {
	Formats   []string `json:"formats"`        // names out of [Options.Formats]
	From      string   `json:"from,omitempty"` // first and last day (Berlin, YYYY-MM-DD), both included
	To        string   `json:"to,omitempty"`
	Channels  []string `json:"channels,omitempty"`
	Languages []string `json:"languages,omitempty"`
	Personal  bool     `json:"personal,omitempty"`  // answers that tell who somebody is
	FreeText  bool     `json:"free_text,omitempty"` // what people wrote themselves
}

// Package is one package to be written.
type Package struct {
	Survey  string
	Profile Profile
	Purpose string // who may use it, for what and until when, in German: it stands in the package
}

// file is a row of export_files: a package, or one that was to be.
type file struct {
	ID        string `db:"id"`
	Survey    string `db:"survey"`
	Name      string `db:"name"`
	State     string `db:"state"`
	Rows      int    `db:"rows"`
	Bytes     int64  `db:"bytes"`
	SHA256    string `db:"sha256"`
	Done      int    `db:"done"`
	Total     int    `db:"total"`
	Error     string `db:"error"`
	Created   int64  `db:"created"`
	CreatedBy string `db:"created_by"`
	Expires   int64  `db:"expires"`
	Stored    string `db:"profile"` // JSON
	Reason    string `db:"reason"`
	Saved     string `db:"saved"`
	Author    string `db:"author"` // name of the member of staff, if still there

	Profile Profile `db:"-"`
}

const fileColumns = `f.id, f.survey, f.name, f.state, f.rows, f.bytes, f.sha256, f.done, f.total, f.error, f.created, f.created_by, f.expires, f.profile, f.reason, f.saved,
	COALESCE((SELECT s.name FROM staff AS s WHERE s.id = f.created_by), '') AS author`

func (f *file) read() error {
	if err := json.Unmarshal([]byte(f.Stored), &f.Profile); err != nil {
		return fmt.Errorf("export %s: profile: %w", f.ID, err)
	}
	return nil
}

// files lists the packages of one survey or, with slug "", of all; the newest first.
func (pl *Planning) files(ctx context.Context, slug string, limit int) ([]file, error) {
	var files []file
	err := pl.p.App.DB().NewQuery(`SELECT ` + fileColumns + ` FROM export_files AS f
		WHERE {:slug} IN ('', f.survey) ORDER BY f.created DESC, f.id LIMIT {:n}`).
		Bind(dbx.Params{"slug": slug, "n": limit}).WithContext(ctx).All(&files)
	for i := range files {
		err = errors.Join(err, files[i].read())
	}
	return files, err
}

func (pl *Planning) file(ctx context.Context, id string) (f file, err error) {
	err = pl.p.App.DB().NewQuery(`SELECT ` + fileColumns + ` FROM export_files AS f WHERE f.id = {:id}`).
		Bind(dbx.Params{"id": id}).WithContext(ctx).One(&f)
	if base.IsNoRows(err) {
		return f, base.ErrNotFound
	}
	if err == nil {
		err = f.read()
	}
	return f, err
}

func (pl *Planning) path(id string) string { return filepath.Join(pl.o.Dir, id+"."+format) }

// errBusy: another package is being made.
var errBusy = base.Refuse(http.StatusConflict, "export_running")

// order is who wants which package and why.
type order struct {
	survey, staff, reason string
	profile               Profile
	saved                 string // id of the saved profile whose schedule asks
}

// begin notes a new package under the clearance of who wants it ([ErrNotCleared]).
// The database lets only one be in the making; errBusy means that there is one.
func (pl *Planning) begin(ctx context.Context, o order) (id string, err error) {
	stored, err := json.Marshal(o.profile)
	if err != nil {
		return "", err
	}
	id = strings.ToLower(base.NewToken())
	now := pl.p.Now()
	return id, pl.p.App.RunInTransaction(func(tx core.App) error {
		c, err := pl.cleared(ctx, tx.DB(), o.staff, o.survey)
		if err != nil {
			return err
		}
		if !c.covers(o.profile) {
			return ErrNotCleared
		}
		expires, err := c.ends()
		if err != nil {
			return err
		}
		if latest := now.Add(fileLife); latest.Before(expires) {
			expires = latest
		}
		res, err := tx.DB().NewQuery(`INSERT INTO export_files (id, survey, format, name, state, created, created_by, expires, profile, reason, clearance, saved)
			VALUES ({:id}, {:survey}, {:format}, {:name}, 'building', {:now}, {:by}, {:expires}, {:profile}, {:reason}, {:clearance}, {:saved}) ON CONFLICT DO NOTHING`).Bind(dbx.Params{
			"id": id, "survey": o.survey, "format": format, "by": o.staff, "now": now.UnixMilli(), "expires": expires.UnixMilli(),
			"name": fileName(o.survey, now), "profile": string(stored), "reason": o.reason, "clearance": c.ID, "saved": o.saved,
		}).WithContext(ctx).Execute()
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errBusy)
		}
		return nil
	})
}

// fileName is safe in every file system and header: what is no letter, digit or
// hyphen in a slug is left out.
func fileName(slug string, at time.Time) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, slug)
	safe = strings.Trim(safe, "-")
	if safe == "" {
		safe = "umfrage"
	}
	return safe[:min(len(safe), 80)] + at.In(content.Berlin).Format("_2006-01-02_1504.") + format
}

// Run makes the packages that planners ask for until ctx ends; it returns nil
// then, after the one in the making has been given up. At first it clears what
// a server that died in the middle has left.
func (pl *Planning) Run(ctx context.Context) error {
	defer pl.figures.close()
	if err := pl.clean(ctx); err != nil {
		return err
	}
	for {
		id, err := pl.waiting(ctx)
		if err != nil && ctx.Err() == nil {
			pl.p.App.Logger().Error("exports not looked up", "error", err.Error())
		}
		if id != "" {
			pl.build(ctx, id) // failures stand in the row
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-pl.asked:
		}
	}
}

// waiting gives the package that a planner asked for, "" when there is none. Those
// of schedules are made by their job itself.
func (pl *Planning) waiting(ctx context.Context) (id string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	err = pl.p.App.DB().NewQuery(`SELECT id FROM export_files WHERE state = 'building' AND saved = ''`).WithContext(ctx).Row(&id)
	if base.IsNoRows(err) {
		err = nil
	}
	return id, err
}

// clean ends what was in the making and removes every file that is not ready.
func (pl *Planning) clean(ctx context.Context) error {
	if _, err := pl.p.App.DB().NewQuery(`UPDATE export_files SET state = 'failed', error = {:error}, finished = {:now} WHERE state = 'building' AND created < {:since}`).
		Bind(dbx.Params{"error": pl.word("staff.planning.reason.restart"), "now": pl.p.Now().UnixMilli(), "since": pl.since.UnixMilli()}).WithContext(ctx).Execute(); err != nil {
		return err
	}
	var kept []string
	if err := pl.p.App.DB().NewQuery(`SELECT id FROM export_files WHERE state IN ('ready', 'building')`).WithContext(ctx).Column(&kept); err != nil {
		return err
	}
	names := map[string]bool{}
	for _, id := range kept {
		names[filepath.Base(pl.path(id))] = true
	}
	entries, err := os.ReadDir(pl.o.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !names[e.Name()] {
			err = errors.Join(err, os.RemoveAll(filepath.Join(pl.o.Dir, e.Name())))
		}
	}
	return err
}

// build makes one package and settles its row: ready, failed with the reason, or
// left as it was cancelled. Whatever happens, there is a file only when the row
// says ready.
func (pl *Planning) build(ctx context.Context, id string) error {
	pl.writing.Lock()
	defer pl.writing.Unlock()
	buildCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	pl.mu.Lock()
	pl.stop[id] = cancel
	pl.mu.Unlock()
	defer func() {
		pl.mu.Lock()
		delete(pl.stop, id)
		pl.mu.Unlock()
	}()

	f, err := pl.file(buildCtx, id)
	if err != nil {
		return err
	}
	view, err := pl.survey(buildCtx, f.Survey)
	var made file
	if err == nil {
		made, err = pl.write(buildCtx, cancel, f)
	}
	if err == nil {
		err = pl.ready(f, made, view)
	}
	if err == nil {
		return nil
	}
	err = errors.Join(err, removed(pl.path(id)))
	reason := pl.reason(err)
	if ctx.Err() != nil {
		reason = pl.word("staff.planning.reason.restart")
	}
	if !errors.Is(err, errNotBuilding) && !errors.Is(err, context.Canceled) {
		pl.p.App.Logger().Error("export failed", "survey", f.Survey, "error", err.Error())
	}
	settled := settle(pl.p.App, id, `state = 'failed', error = {:error}, finished = {:now}`, dbx.Params{"error": reason, "now": pl.p.Now().UnixMilli()})
	if errors.Is(settled, errNotBuilding) {
		return fmt.Errorf("export of %s: %w", f.Survey, errNotBuilding) // cancelled by hand
	}
	return fmt.Errorf("export of %s: %w", f.Survey, errors.Join(err, settled))
}

// errNotBuilding: the row is not in the making any more, somebody cancelled it.
var errNotBuilding = errors.New("cancelled")

// settle changes a row that is in the making.
func settle(app core.App, id, what string, values dbx.Params) error {
	values["id"] = id
	res, err := app.DB().NewQuery(`UPDATE export_files SET ` + what + ` WHERE id = {:id} AND state = 'building'`).Bind(values).Execute()
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errNotBuilding)
	}
	return nil
}

// ready hands a finished package over, if the clearance still holds. One that a
// schedule asked for is told of by mail, and its occurrence is done.
func (pl *Planning) ready(f, made file, view surveyView) error {
	err := pl.p.App.RunInTransaction(func(tx core.App) error {
		c, err := pl.cleared(context.Background(), tx.DB(), f.CreatedBy, f.Survey)
		if err != nil {
			return err
		}
		if !c.covers(f.Profile) {
			return ErrNotCleared
		}
		if err := settle(tx, f.ID, `state = 'ready', rows = {:rows}, bytes = {:bytes}, sha256 = {:sha256}, fingerprint = {:fingerprint}, done = {:rows}, total = {:rows}, finished = {:now}`,
			dbx.Params{"rows": made.Rows, "bytes": made.Bytes, "sha256": made.SHA256, "fingerprint": view.fingerprint, "now": pl.p.Now().UnixMilli()}); err != nil {
			return err
		}
		if f.Saved == "" {
			return nil
		}
		return pl.tell(tx, f, view)
	})
	if err == nil && f.Saved != "" {
		pl.p.WakeOrders()
	}
	return err
}

// purpose is what a package says about who may use it.
func (pl *Planning) purpose(ctx context.Context, f file) (string, error) {
	c, err := pl.cleared(ctx, pl.p.App.DB(), f.CreatedBy, f.Survey)
	if err != nil {
		return "", err
	}
	return pl.word("staff.planning.watermark", "who", f.Author, "why", strings.Join(strings.Fields(f.Reason), " "), "until", germanDay(c.Until), "number", f.ID[:8]), nil
}

// write calls the writer, shows its progress and measures the file.
func (pl *Planning) write(ctx context.Context, cancel func(), f file) (made file, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	purpose, err := pl.purpose(ctx, f)
	if err != nil {
		return made, err
	}
	shown := -1
	made.Rows, err = pl.o.Write(ctx, Package{Survey: f.Survey, Profile: f.Profile, Purpose: purpose}, pl.path(f.ID), func(done, total int) {
		if shown >= 0 && done < total && done-shown < total/100 {
			return // a hundred steps are enough for the page
		}
		shown = done
		if err := settle(pl.p.App, f.ID, `done = {:done}, total = {:total}`, dbx.Params{"done": done, "total": total}); errors.Is(err, errNotBuilding) {
			cancel()
		}
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return made, err
	}
	made.Bytes, made.SHA256, err = measure(pl.path(f.ID))
	return made, err
}

func measure(path string) (size int64, digest string, err error) {
	in, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer in.Close()
	h := sha256.New()
	size, err = io.Copy(h, in)
	return size, hex.EncodeToString(h.Sum(nil)), err
}

func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// reason says in words for planners why there is no file.
func (pl *Planning) reason(err error) string {
	var says interface{ Reason() string }
	switch {
	case errors.As(err, &says):
		return says.Reason()
	case errors.Is(err, syscall.ENOSPC):
		return pl.word("staff.planning.reason.full")
	case errors.Is(err, base.ErrNotFound):
		return pl.word("staff.planning.reason.gone")
	case errors.Is(err, ErrNotCleared):
		return pl.word("staff.planning.reason.not_cleared")
	case errors.Is(err, context.DeadlineExceeded):
		return pl.word("staff.planning.reason.slow")
	}
	return pl.word("staff.planning.reason.other")
}

// cancel ends a package in the making; false when it was no longer.
func (pl *Planning) cancel(id string) (bool, error) {
	err := settle(pl.p.App, id, `state = 'cancelled', finished = {:now}`, dbx.Params{"now": pl.p.Now().UnixMilli()})
	if errors.Is(err, errNotBuilding) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	pl.mu.Lock()
	stop := pl.stop[id]
	pl.mu.Unlock()
	if stop != nil {
		stop()
	}
	return true, nil
}

// withdraw removes packages whose time is over, or whose owner is no longer cleared
// for what is in them.
func (pl *Planning) withdraw(ctx context.Context) (n int, err error) {
	var expired []string
	if err := pl.p.App.DB().NewQuery(`UPDATE export_files AS f SET state = 'expired' WHERE state = 'ready' AND (expires <= {:now} OR NOT EXISTS (
		SELECT 1 FROM export_clearances AS c, staff AS s, json_each(s.roles) AS role
		WHERE c.staff = f.created_by AND c.survey = f.survey AND c.revoked IS NULL AND c.until >= {:today}
			AND c.personal >= COALESCE(json_extract(f.profile, '$.personal'), 0) AND c.free_text >= COALESCE(json_extract(f.profile, '$.free_text'), 0)
			AND s.id = c.staff AND NOT s.disabled AND role.value = {:planner})) RETURNING id`).
		Bind(dbx.Params{"now": pl.p.Now().UnixMilli(), "today": pl.today(), "planner": base.Planner}).WithContext(ctx).Column(&expired); err != nil {
		return 0, err
	}
	for _, id := range expired {
		err = errors.Join(err, removed(pl.path(id)))
	}
	return len(expired), err
}

// Sweep removes packages whose time is over and forgets after a year who had them
// and under which clearance.
func (pl *Planning) Sweep(ctx context.Context) (note string, err error) {
	n, err := pl.withdraw(ctx)
	now := pl.p.Now()
	old := now.Add(-logLife)
	_, e := pl.p.App.DB().NewQuery(`DELETE FROM export_files WHERE state IN ('failed', 'cancelled', 'expired') AND expires <= {:old}`).
		Bind(dbx.Params{"old": old.UnixMilli()}).WithContext(ctx).Execute()
	err = errors.Join(err, e)
	_, e = pl.p.App.DB().NewQuery(`DELETE FROM export_clearances WHERE revoked <= {:old} OR until <= {:day}`).
		Bind(dbx.Params{"old": old.UnixMilli(), "day": old.In(content.Berlin).Format(time.DateOnly)}).WithContext(ctx).Execute()
	err = errors.Join(err, e)
	_, e = pl.p.App.DB().NewQuery(`DELETE FROM export_profiles WHERE NOT EXISTS (SELECT 1 FROM staff AS s WHERE s.id = staff)`).WithContext(ctx).Execute()
	return pl.word("staff.planning.swept", "n", n), errors.Join(err, e)
}
