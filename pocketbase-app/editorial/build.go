package editorial

import (
	"context"
	"errors"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// After a failed build the loop waits for a new request, or tries again by
// itself after this long, twice as long each time.
const (
	firstRetry = time.Minute
	lastRetry  = 30 * time.Minute
	kept       = 90 * 24 * time.Hour // of finished requests and failed builds
)

// Wake tells the loop that builds were asked for. It never blocks.
func (d *Editorial) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run builds the site whenever somebody asked for it, until ctx ends. Many
// requests make one build. A build that a crash cut off is made again at the
// start, and so is the first one. Errors of builds are stored for the dashboard;
// only a database that fails ends the loop.
func (d *Editorial) Run(ctx context.Context) error {
	if err := d.recover(); err != nil {
		return err
	}
	ticker := time.NewTicker(d.Tick)
	defer ticker.Stop()
	var failed int64 // newest request that a failed build took in
	var again time.Time
	wait := firstRetry
	for {
		newest, err := d.pending(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case newest > failed || newest > 0 && d.p.Now().After(again):
			if _, err := d.BuildNow(ctx); err == nil {
				failed, wait = 0, firstRetry
			} else {
				d.p.App.Logger().Error("site build failed", "error", err.Error())
				failed, again = newest, d.p.Now().Add(wait)
				wait = min(2*wait, lastRetry)
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-d.wake:
			if !sleep(ctx, d.Debounce) {
				return nil
			}
		}
	}
}

func sleep(ctx context.Context, wait time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(wait):
		return true
	}
}

// recover marks builds that a crash cut off, and asks for a build when no
// release is live.
func (d *Editorial) recover() error {
	return d.p.App.RunInTransaction(func(tx core.App) error {
		_, err := tx.DB().NewQuery(`UPDATE releases SET state = 'failed', finished = {:now}, error = {:error} WHERE state = 'building'`).
			Bind(dbx.Params{"now": d.p.Now().UnixMilli(), "error": d.word("staff.build.cut_off")}).Execute()
		if err != nil {
			return err
		}
		var live int
		if err := tx.DB().NewQuery(`SELECT COUNT(*) FROM releases WHERE state = 'live'`).Row(&live); err != nil || live > 0 {
			return err
		}
		if empty, err := Empty(tx); err != nil || empty {
			return err
		}
		return d.request(tx, "first build", system)
	})
}

// pending is the number of the newest request that no release took in, 0 when
// there is none.
func (d *Editorial) pending(ctx context.Context) (int64, error) {
	var newest int64
	err := d.p.App.DB().NewQuery(`SELECT COALESCE(MAX(id), 0) FROM site_requests WHERE release IS NULL`).WithContext(ctx).Row(&newest)
	return newest, err
}

// BuildNow makes a release of everything that is published and puts it live;
// builds wait for each other. When it fails, the site stays as it was and the
// reason is stored in words.
func (d *Editorial) BuildNow(ctx context.Context) (content.Release, error) {
	d.building.Lock()
	defer d.building.Unlock()
	// The requests are read before the content: what is published after this
	// line has a later request, whether this build sees it or not.
	newest, err := d.pending(ctx)
	if err != nil {
		return content.Release{}, err
	}
	started := d.p.Now()
	row := "build-" + base.NewToken() // until the builder names the release
	if err := d.execute(`INSERT INTO releases (name, state, started) VALUES ({:row}, 'building', {:now})`,
		dbx.Params{"row": row, "now": started.UnixMilli()}); err != nil {
		return content.Release{}, err
	}
	cat, err := d.Catalogue(ctx)
	var release content.Release
	if err == nil {
		release, err = d.Builder.Build(ctx, cat)
	}
	if err != nil {
		return release, errors.Join(err, d.execute(`UPDATE releases SET state = 'failed', finished = {:now}, error = {:error} WHERE name = {:row}`,
			dbx.Params{"row": row, "now": d.p.Now().UnixMilli(), "error": d.inWords(err)}))
	}
	return release, d.record(row, release, newest)
}

// record notes a new live release and the requests it took in.
func (d *Editorial) record(row string, release content.Release, newest int64) error {
	now := d.p.Now()
	return d.p.App.RunInTransaction(func(tx core.App) error {
		if err := standby(tx, release.Name); err != nil {
			return err
		}
		_, err := tx.DB().NewQuery(`UPDATE releases SET name = {:name}, state = 'live', started = {:started}, finished = {:finished},
			pages = {:pages}, bytes = {:bytes} WHERE name = {:row}`).Bind(dbx.Params{
			"row": row, "name": release.Name, "started": release.Started.UnixMilli(), "finished": release.Finished.UnixMilli(),
			"pages": release.Pages, "bytes": release.Bytes,
		}).Execute()
		if err != nil {
			return err
		}
		_, err = tx.DB().NewQuery(`UPDATE site_requests SET release = {:name} WHERE release IS NULL AND id <= {:newest}`).
			Bind(dbx.Params{"name": release.Name, "newest": newest}).Execute()
		if err != nil {
			return err
		}
		if err := d.forget(tx, now.Add(-kept)); err != nil {
			return err
		}
		return d.gone(tx)
	})
}

// standby moves the live release to the kept ones.
func standby(tx core.App, next string) error {
	_, err := tx.DB().NewQuery(`UPDATE releases SET state = 'kept' WHERE state = 'live' AND name <> {:next}`).Bind(dbx.Params{"next": next}).Execute()
	return err
}

// gone marks releases whose folders the builder has removed.
func (d *Editorial) gone(tx core.App) error {
	there, err := d.Builder.Releases()
	if err != nil {
		return err
	}
	names := []any{}
	for _, r := range there {
		names = append(names, r.Name)
	}
	_, err = tx.DB().Update("releases", dbx.Params{"state": "removed"},
		dbx.And(dbx.HashExp{"state": "kept"}, dbx.NotIn("name", names...))).Execute()
	return err
}

// forget deletes what is of no use any more: old requests of releases that are
// gone, old failures.
func (d *Editorial) forget(tx core.App, before time.Time) error {
	for _, sql := range []string{
		`DELETE FROM releases WHERE state IN ('failed', 'removed') AND started < {:before}`,
		`DELETE FROM site_requests WHERE at < {:before} AND release IS NOT NULL`,
	} {
		if _, err := tx.DB().NewQuery(sql).Bind(dbx.Params{"before": before.UnixMilli()}).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// Rollback puts a kept release live again. The next build brings everything
// published back.
func (d *Editorial) Rollback(ctx context.Context, name string) error {
	d.building.Lock()
	defer d.building.Unlock()
	var state string
	err := d.p.App.DB().NewQuery(`SELECT state FROM releases WHERE name = {:name}`).Bind(dbx.Params{"name": name}).Row(&state)
	if base.IsNoRows(err) || err == nil && state != "kept" {
		return base.ErrNotFound
	}
	if err != nil {
		return err
	}
	if err := d.Builder.Rollback(ctx, name); err != nil {
		return err
	}
	return d.p.App.RunInTransaction(func(tx core.App) error {
		if err := standby(tx, name); err != nil {
			return err
		}
		_, err := tx.DB().NewQuery(`UPDATE releases SET state = 'live' WHERE name = {:name}`).Bind(dbx.Params{"name": name}).Execute()
		return err
	})
}

func (d *Editorial) execute(sql string, params dbx.Params) error {
	_, err := d.p.App.NonconcurrentDB().NewQuery(sql).Bind(params).Execute()
	return err
}

// inWords says to editors why a build failed.
func (d *Editorial) inWords(err error) string {
	var problems content.Problems
	if errors.As(err, &problems) {
		var lines []string
		for _, q := range problems {
			lines = append(lines, strings.TrimSpace(q.Field+": "+d.p.Words.Say(content.German, q)))
		}
		return shorten(strings.Join(lines, "\n"))
	}
	if errors.Is(err, context.Canceled) {
		return d.word("staff.build.cut_off")
	}
	return shorten(d.word("staff.build.technical") + " " + err.Error())
}

func shorten(s string) string {
	if runes := []rune(s); len(runes) > 1500 {
		return string(runes[:1500]) + " …"
	}
	return s
}

// liveness says whether the newest change of a document is on the site.
type liveness struct {
	State string // "", waiting, failed, live, older
	Since string
	Error string
}

func (d *Editorial) liveness(k *Kind, slug string) (liveness, error) {
	var row struct {
		ID       int64  `db:"id"`
		At       int64  `db:"at"`
		Release  string `db:"release"`
		Finished int64  `db:"finished"`
	}
	err := d.p.App.DB().NewQuery(`SELECT q.id, q.at, COALESCE(q.release, '') AS release, COALESCE(r.finished, 0) AS finished
		FROM site_requests q LEFT JOIN releases r ON r.name = q.release
		WHERE q.reason LIKE {:doc} OR q.reason = 'seed' ORDER BY q.id DESC LIMIT 1`).
		Bind(dbx.Params{"doc": k.Name + "/" + slug + " %"}).One(&row)
	if base.IsNoRows(err) {
		return liveness{}, nil
	}
	if err != nil {
		return liveness{}, err
	}
	if row.Release != "" {
		var now string
		err := d.p.App.DB().NewQuery(`SELECT name FROM releases WHERE state = 'live'`).Row(&now)
		if err != nil && !base.IsNoRows(err) {
			return liveness{}, err
		}
		if now < row.Release { // names sort by time: somebody rolled back
			return liveness{State: "older"}, nil
		}
		return liveness{State: "live", Since: berlin(fromMilli(row.Finished))}, nil
	}
	var last struct {
		State   string `db:"state"`
		Error   string `db:"error"`
		Started int64  `db:"started"`
	}
	err = d.p.App.DB().NewQuery(`SELECT state, error, started FROM releases ORDER BY rowid DESC LIMIT 1`).One(&last)
	if err != nil && !base.IsNoRows(err) {
		return liveness{}, err
	}
	if last.State == "failed" && last.Started >= row.At {
		return liveness{State: "failed", Error: last.Error}, nil
	}
	return liveness{State: "waiting"}, nil
}
