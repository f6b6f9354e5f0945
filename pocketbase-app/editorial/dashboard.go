package editorial

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// overview is what the dashboard shows.
type overview struct {
	Kinds       []kindRow
	Waiting     []docRow
	Asked       int // requests that no release took in
	Live        *releaseRow
	Last        *releaseRow // newest build
	Releases    []releaseRow
	Past, Next  []runRow
	RunsMissing bool
	May         permissions
	Notice      string
}

// permissions are what the signed-in person may do here.
type permissions struct{ Write, Publish, Rebuild bool }

func may(e *core.RequestEvent) permissions {
	staff := base.Staff(e)
	return permissions{
		Write:   base.HasRole(staff, base.Editor),
		Publish: base.HasRole(staff, base.Publisher),
		Rebuild: base.HasRole(staff, base.Publisher, base.Admin),
	}
}

type kindRow struct {
	Name, Path                           string
	Draft, Published, Withdrawn, Changed int
}

// Count is how many documents have a state, and the path of their list.
func (r kindRow) Count(state string) stateCount {
	n := map[string]int{draft: r.Draft, published: r.Published, "changed": r.Changed, withdrawn: r.Withdrawn}[state]
	return stateCount{r.Path, state, n}
}

type stateCount struct {
	Path, State string
	N           int
}

// docRow is one document in a list.
type docRow struct {
	Kind    string `db:"kind"`
	Slug    string `db:"slug"`
	Title   string `db:"title"`
	State   string `db:"state"`
	Changed bool   `db:"changed"` // published, and the working copy differs
	By      string `db:"by"`
	Updated string `db:"updated"`
	Path    string `db:"-"`
}

// When is the moment of the last change in Berlin.
func (r docRow) When() string { return berlin(pocketTime(r.Updated)) }

type releaseRow struct {
	Name     string `db:"name"`
	State    string `db:"state"`
	Started  int64  `db:"started"`
	Finished int64  `db:"finished"`
	Pages    int    `db:"pages"`
	Error    string `db:"error"`
}

// When is the moment the build began, in Berlin.
func (r releaseRow) When() string { return berlin(fromMilli(r.Started)) }

// Seconds is how long the build took.
func (r releaseRow) Seconds() string {
	if r.Finished == 0 {
		return ""
	}
	return seconds(time.Duration(r.Finished-r.Started) * time.Millisecond)
}

type runRow struct{ Job, State, When, Took, Note string }

func (d *Editorial) asRuns(runs []base.Run) []runRow {
	var rows []runRow
	for _, r := range runs {
		row := runRow{Job: r.Job, State: r.State, When: berlin(r.Planned), Note: r.Note}
		if name := d.wordOr("staff.job." + r.Job); name != "" {
			row.Job = name
		}
		if !r.Started.IsZero() && !r.Finished.IsZero() {
			row.Took = seconds(r.Finished.Sub(r.Started))
		}
		rows = append(rows, row)
	}
	return rows
}

// seconds writes a duration as German readers expect it: "1,3 Sekunden".
func seconds(d time.Duration) string {
	return strings.Replace(strconv.FormatFloat(d.Seconds(), 'f', 1, 64), ".", ",", 1) + " Sekunden"
}

func (d *Editorial) dashboard(e *core.RequestEvent) error {
	view, err := d.overview(e.Request.Context())
	if err != nil {
		return err
	}
	view.May = may(e)
	switch e.Request.URL.Query().Get("meldung") {
	case "bauen":
		view.Notice = "staff.build.asked"
	case "zurueck":
		view.Notice = "staff.build.rolled_back"
	}
	return d.p.Show(e, http.StatusOK, templates, "dashboard", base.View{Title: d.word("staff.editorial.title"), Data: view})
}

func (d *Editorial) overview(ctx context.Context) (overview, error) {
	var view overview
	for _, k := range Kinds {
		row := kindRow{Name: k.Name, Path: k.Path}
		err := d.p.App.DB().NewQuery(`SELECT
			COUNT(*) FILTER (WHERE state = 'draft'), COUNT(*) FILTER (WHERE state = 'published'),
			COUNT(*) FILTER (WHERE state = 'withdrawn'), COUNT(*) FILTER (WHERE state = 'published' AND doc <> live)
			FROM {{`+k.Name+`}}`).WithContext(ctx).Row(&row.Draft, &row.Published, &row.Withdrawn, &row.Changed)
		if err != nil {
			return view, err
		}
		view.Kinds = append(view.Kinds, row)
		if k.Path == "" {
			continue
		}
		waiting, err := d.documents(ctx, k, `d.state = 'draft' OR d.state = 'published' AND d.doc <> d.live`, 50)
		if err != nil {
			return view, err
		}
		view.Waiting = append(view.Waiting, waiting...)
	}
	if err := d.builds(ctx, &view); err != nil {
		return view, err
	}
	if d.Runs != nil {
		past, next, err := d.Runs(ctx)
		view.Past, view.Next, view.RunsMissing = d.asRuns(past), d.asRuns(next), err != nil
		if err != nil {
			d.p.App.Logger().Error("runs of jobs are not readable", "error", err.Error())
		}
	}
	return view, nil
}

func (d *Editorial) builds(ctx context.Context, view *overview) error {
	err := d.p.App.DB().NewQuery(`SELECT COUNT(*) FROM site_requests WHERE release IS NULL`).WithContext(ctx).Row(&view.Asked)
	if err != nil {
		return err
	}
	var rows []releaseRow
	err = d.p.App.DB().NewQuery(`SELECT name, state, started, COALESCE(finished, 0) AS finished, pages, error FROM releases
		WHERE state <> 'removed' ORDER BY rowid DESC LIMIT 20`).WithContext(ctx).All(&rows)
	for i := range rows {
		if i == 0 {
			view.Last = &rows[i]
		}
		switch rows[i].State {
		case "live":
			view.Live = &rows[i]
			view.Releases = append(view.Releases, rows[i])
		case "kept":
			view.Releases = append(view.Releases, rows[i])
		}
	}
	return err
}

// documents lists documents of a kind, newest change first. where is SQL of this
// package, never input.
func (d *Editorial) documents(ctx context.Context, k *Kind, where string, limit int) ([]docRow, error) {
	var rows []docRow
	err := d.p.App.DB().NewQuery(`SELECT '` + k.Name + `' AS kind, d.slug, d.title, d.state, d.updated,
		(d.state = 'published' AND d.doc <> d.live) AS changed, COALESCE(s.name, d.edited_by) AS {{by}}
		FROM {{` + k.Name + `}} d LEFT JOIN staff s ON s.id = d.edited_by
		WHERE ` + where + ` ORDER BY d.updated DESC, d.slug LIMIT ` + strconv.Itoa(limit)).WithContext(ctx).All(&rows)
	for i := range rows {
		rows[i].Path = k.Path
	}
	return rows, err
}

func (d *Editorial) rebuild(e *core.RequestEvent) error {
	if err := d.request(d.p.App, "site rebuild", e.Auth.Id); err != nil {
		return err
	}
	d.Wake()
	return e.Redirect(http.StatusSeeOther, "/redaktion/?meldung=bauen")
}

func (d *Editorial) rollback(e *core.RequestEvent) error {
	if err := d.Rollback(e.Request.Context(), e.Request.PathValue("name")); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/redaktion/?meldung=zurueck")
}
