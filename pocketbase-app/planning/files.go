package planning

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
)

const (
	fileLife = 30 * 24 * time.Hour  // how long a file can be downloaded
	logLife  = 365 * 24 * time.Hour // how long the list keeps who downloaded it
	system   = "system"             // made by the nightly job
	format   = "xlsx"
)

// file is a row of export_files.
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
	Author    string `db:"author"` // name of the member of staff, if still there
}

const fileColumns = `f.id, f.survey, f.name, f.state, f.rows, f.bytes, f.sha256, f.done, f.total, f.error, f.created, f.created_by, f.expires,
	COALESCE((SELECT s.name FROM staff AS s WHERE s.id = f.created_by), '') AS author`

// files lists the files of one survey or, with slug "", of all; the newest first.
func (pl *Planning) files(ctx context.Context, slug string, limit int) ([]file, error) {
	var files []file
	err := pl.p.App.DB().NewQuery(`SELECT ` + fileColumns + ` FROM export_files AS f
		WHERE {:slug} IN ('', f.survey) ORDER BY f.created DESC, f.id LIMIT {:n}`).
		Bind(dbx.Params{"slug": slug, "n": limit}).WithContext(ctx).All(&files)
	return files, err
}

func (pl *Planning) file(ctx context.Context, id string) (f file, err error) {
	err = pl.p.App.DB().NewQuery(`SELECT ` + fileColumns + ` FROM export_files AS f WHERE f.id = {:id}`).
		Bind(dbx.Params{"id": id}).WithContext(ctx).One(&f)
	if base.IsNoRows(err) {
		err = base.ErrNotFound
	}
	return f, err
}

func (pl *Planning) path(id string) string { return filepath.Join(pl.o.Dir, id+"."+format) }

// errBusy: another file is being made.
var errBusy = base.Refuse(http.StatusConflict, "export_running")

// begin notes a new file. The database lets only one be in the making; errBusy
// means that there is one.
func (pl *Planning) begin(ctx context.Context, slug, by string) (id string, err error) {
	id = strings.ToLower(base.NewToken())
	now := pl.p.Now()
	res, err := pl.p.App.DB().NewQuery(`INSERT INTO export_files (id, survey, format, name, state, created, created_by, expires)
		VALUES ({:id}, {:survey}, {:format}, {:name}, 'building', {:now}, {:by}, {:expires}) ON CONFLICT DO NOTHING`).Bind(dbx.Params{
		"id": id, "survey": slug, "format": format, "by": by, "now": now.UnixMilli(), "expires": now.Add(fileLife).UnixMilli(),
		"name": fileName(slug, now),
	}).WithContext(ctx).Execute()
	if err != nil {
		return "", err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return "", errors.Join(err, errBusy)
	}
	return id, nil
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

// Run makes the files that planners ask for until ctx ends; it returns nil
// then, after the file in the making has been given up. At first it clears what
// a server that died in the middle has left.
func (pl *Planning) Run(ctx context.Context) error {
	defer pl.figures.close()
	if err := pl.clean(ctx); err != nil {
		return err
	}
	for {
		id, slug, err := pl.waiting(ctx)
		if err != nil && ctx.Err() == nil {
			pl.p.App.Logger().Error("exports not looked up", "error", err.Error())
		}
		if id != "" {
			pl.build(ctx, id, slug) // failures stand in the row
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-pl.asked:
		}
	}
}

// waiting gives the file that a planner asked for, "" when there is none. Files
// of the nightly job are made by the job itself.
func (pl *Planning) waiting(ctx context.Context) (id, slug string, err error) {
	if err := ctx.Err(); err != nil {
		return "", "", err
	}
	err = pl.p.App.DB().NewQuery(`SELECT id, survey FROM export_files WHERE state = 'building' AND created_by <> {:system}`).
		Bind(dbx.Params{"system": system}).WithContext(ctx).Row(&id, &slug)
	if base.IsNoRows(err) {
		err = nil
	}
	return id, slug, err
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

// build makes one file and settles its row: ready, failed with the reason, or
// left as it was cancelled. Whatever happens, there is a file only when the row
// says ready.
func (pl *Planning) build(ctx context.Context, id, slug string) error {
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

	view, err := pl.survey(buildCtx, slug)
	var made file
	if err == nil {
		made, err = pl.write(buildCtx, cancel, id, slug)
	}
	if err == nil {
		err = pl.settle(id, `state = 'ready', rows = {:rows}, bytes = {:bytes}, sha256 = {:sha256}, fingerprint = {:fingerprint}, done = {:rows}, total = {:rows}, finished = {:now}`,
			dbx.Params{"rows": made.Rows, "bytes": made.Bytes, "sha256": made.SHA256, "fingerprint": view.fingerprint})
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
		pl.p.App.Logger().Error("export failed", "survey", slug, "error", err.Error())
	}
	settled := pl.settle(id, `state = 'failed', error = {:error}, finished = {:now}`, dbx.Params{"error": reason})
	if errors.Is(settled, errNotBuilding) {
		return fmt.Errorf("export of %s: %w", slug, errNotBuilding) // cancelled by hand
	}
	return fmt.Errorf("export of %s: %w", slug, errors.Join(err, settled))
}

// errNotBuilding: the row is not in the making any more, somebody cancelled it.
var errNotBuilding = errors.New("cancelled")

// settle changes a row that is in the making.
func (pl *Planning) settle(id, what string, values dbx.Params) error {
	params := dbx.Params{"id": id}
	if strings.Contains(what, "{:now}") {
		params["now"] = pl.p.Now().UnixMilli()
	}
	for k, v := range values {
		params[k] = v
	}
	res, err := pl.p.App.DB().NewQuery(`UPDATE export_files SET ` + what + ` WHERE id = {:id} AND state = 'building'`).Bind(params).Execute()
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errNotBuilding)
	}
	return nil
}

// write calls the writer, shows its progress and measures the file.
func (pl *Planning) write(ctx context.Context, cancel func(), id, slug string) (f file, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	shown := -1
	f.Rows, err = pl.o.Write(ctx, slug, pl.path(id), func(done, total int) {
		if shown >= 0 && done < total && done-shown < total/100 {
			return // a hundred steps are enough for the page
		}
		shown = done
		if err := pl.settle(id, `done = {:done}, total = {:total}`, dbx.Params{"done": done, "total": total}); errors.Is(err, errNotBuilding) {
			cancel()
		}
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return f, err
	}
	f.Bytes, f.SHA256, err = measure(pl.path(id))
	return f, err
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
	case errors.Is(err, context.DeadlineExceeded):
		return pl.word("staff.planning.reason.slow")
	}
	return pl.word("staff.planning.reason.other")
}

// cancel ends a file in the making; false when it was no longer.
func (pl *Planning) cancel(id string) (bool, error) {
	err := pl.settle(id, `state = 'cancelled', finished = {:now}`, nil)
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

// NightlyExport makes a file of every survey whose counts have changed since
// its last one. It waits while a planner's file is in the making. The note tells
// how many; the error joins those of single surveys.
func (pl *Planning) NightlyExport(ctx context.Context) (note string, err error) {
	all, err := pl.surveys(ctx)
	if err != nil {
		return "", err
	}
	made, unchanged := 0, 0
	for _, v := range all {
		changed, e := pl.changed(ctx, v)
		switch {
		case e != nil:
			err = errors.Join(err, e)
		case !changed:
			unchanged++
		default:
			if e := pl.exportNow(ctx, v.Slug); e == nil {
				made++
			} else if !errors.Is(e, errNotBuilding) { // a planner may cancel it
				err = errors.Join(err, e)
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	return pl.word("staff.planning.nightly", "made", made, "unchanged", unchanged), err
}

// changed reports whether a survey has responses that its last file lacks.
func (pl *Planning) changed(ctx context.Context, v surveyView) (bool, error) {
	if v.Total == 0 {
		return false, nil
	}
	var last string
	err := pl.p.App.DB().NewQuery(`SELECT fingerprint FROM export_files WHERE survey = {:survey} AND state = 'ready' ORDER BY created DESC LIMIT 1`).
		Bind(dbx.Params{"survey": v.Slug}).WithContext(ctx).Row(&last)
	if err != nil && !base.IsNoRows(err) {
		return false, err
	}
	return last != v.fingerprint, nil
}

// exportNow waits for its turn and makes a file.
func (pl *Planning) exportNow(ctx context.Context, slug string) error {
	for {
		id, err := pl.begin(ctx, slug, system)
		if err == nil {
			return pl.build(ctx, id, slug)
		}
		if !errors.Is(err, errBusy) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Sweep removes files after 30 days and forgets after a year who took them.
func (pl *Planning) Sweep(ctx context.Context) (note string, err error) {
	now := pl.p.Now()
	var expired []string
	if err := pl.p.App.DB().NewQuery(`UPDATE export_files SET state = 'expired' WHERE state = 'ready' AND expires <= {:now} RETURNING id`).
		Bind(dbx.Params{"now": now.UnixMilli()}).WithContext(ctx).Column(&expired); err != nil {
		return "", err
	}
	for _, id := range expired {
		err = errors.Join(err, removed(pl.path(id)))
	}
	_, e := pl.p.App.DB().NewQuery(`DELETE FROM export_files WHERE state IN ('failed', 'cancelled') AND expires <= {:now}
		OR state = 'expired' AND expires <= {:old}`).
		Bind(dbx.Params{"now": now.UnixMilli(), "old": now.Add(-logLife).UnixMilli()}).WithContext(ctx).Execute()
	return pl.word("staff.planning.swept", "n", len(expired)), errors.Join(err, e)
}
