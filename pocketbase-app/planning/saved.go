package planning

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Bounds of what planners write and keep.
const (
	mostName    = 120 // characters
	mostNote    = 500
	mostAddress = 2000
	mostSaved   = 500 // views of one survey
	mostTarget  = 10_000_000
)

// savedView is a view that planners keep for each other.
type savedView struct {
	ID        string `db:"id"`
	Survey    string `db:"survey"`
	Address   string `db:"address"`
	Name      string `db:"name"`
	Note      string `db:"note"`
	Created   int64  `db:"created"`
	CreatedBy string `db:"created_by"`
	Who       string `db:"who"`
	Title     string // of the survey
}

// When says when it was kept.
func (v savedView) When() string { return minute(v.Created) }

// savedViews lists views of one survey or, with slug "", of all; the newest first.
func (pl *Planning) savedViews(ctx context.Context, slug string) (list []savedView, err error) {
	err = pl.p.App.DB().NewQuery(`SELECT v.id, v.survey, v.address, v.name, v.note, v.created, v.created_by,
		COALESCE((SELECT s.name FROM staff AS s WHERE s.id = v.created_by), '') AS who
		FROM planning_views AS v WHERE {:slug} IN ('', v.survey) ORDER BY v.created DESC, v.id LIMIT {:most}`).
		Bind(dbx.Params{"slug": slug, "most": mostSaved}).WithContext(ctx).All(&list)
	for i := range list {
		if list[i].Who == "" {
			list[i].Who = pl.word("staff.planning.by_former")
		}
	}
	return list, err
}

// savedPage is what /planung/ansichten/ shows.
type savedPage struct {
	Saved []savedView
	Form  bool // to be filled in again
}

func (pl *Planning) showSaved(e *core.RequestEvent) error {
	return pl.savedPage(e, http.StatusOK, base.View{})
}

func (pl *Planning) savedPage(e *core.RequestEvent, status int, v base.View) error {
	ctx := e.Request.Context()
	list, err := pl.savedViews(ctx, "")
	if err != nil {
		return err
	}
	surveys, err := pl.surveys(ctx)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Title = list[i].Survey
		for _, s := range surveys {
			if s.Slug == list[i].Survey {
				list[i].Title = s.Title
			}
		}
	}
	v.Title, v.Data = pl.word("staff.planning.saved.title"), savedPage{Saved: list, Form: len(v.Problems) > 0}
	return pl.p.Show(e, status, pages, "saved", v)
}

// viewParams are the parts of addresses that views have.
var viewParams = []string{where, "frage", "seite", "zeilen", "spalten", "prozent", "mit", "wert"}

// readAddress makes the address of a view anew out of its known parts; false when
// it is none. It leads nowhere else, whatever was sent.
func readAddress(s string) (slug, address string, ok bool) {
	u, err := url.Parse(s)
	if err != nil || len(s) > mostAddress || u.Scheme != "" || u.Host != "" || u.User != nil {
		return "", "", false
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	view := ""
	switch {
	case len(parts) == 2 && parts[0] == "planung":
		slug = parts[1]
	case len(parts) == 4 && parts[0] == "planung" && parts[1] == "umfragen" && slices.Contains(viewNames[1:], parts[3]):
		slug, view = parts[2], parts[3]
	}
	if !content.IsSlug(slug) {
		return "", "", false
	}
	query := url.Values{}
	for key, values := range u.Query() {
		if slices.Contains(viewParams, key) {
			query[key] = slices.DeleteFunc(values, func(v string) bool { return v == "" })
		}
	}
	made := url.URL{Path: viewPath(slug, view), RawQuery: query.Encode()}
	return slug, made.String(), true
}

// save is POST /planung/ansichten/.
func (pl *Planning) save(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	ctx := e.Request.Context()
	var ps content.Problems
	slug, address, ok := readAddress(form.Get("adresse"))
	if ok {
		if _, err := pl.survey(ctx, slug); err == base.ErrNotFound {
			ok = false
		} else if err != nil {
			return err
		}
	}
	if !ok {
		ps.Add("adresse", "planning_address")
	}
	text := map[string]string{}
	for field, most := range map[string]int{"name": mostName, "notiz": mostNote} {
		text[field] = strings.TrimSpace(strings.ReplaceAll(form.Get(field), "\r\n", "\n"))
		if utf8.RuneCountInString(text[field]) > most {
			ps.Add(field, "too_long", "max", most)
		}
	}
	if text["name"] == "" {
		ps.Add("name", "required")
	}
	if len(ps) == 0 {
		have, err := pl.savedViews(ctx, slug)
		if err != nil {
			return err
		}
		if len(have) >= mostSaved {
			ps.Add("name", "too_many", "max", mostSaved)
		}
	}
	if len(ps) > 0 {
		return pl.savedPage(e, http.StatusUnprocessableEntity, base.View{Form: form, Problems: ps})
	}
	if _, err := pl.p.App.DB().NewQuery(`INSERT INTO planning_views (id, survey, address, name, note, created, created_by)
		VALUES ({:id}, {:survey}, {:address}, {:name}, {:note}, {:now}, {:staff})`).Bind(dbx.Params{
		"id": strings.ToLower(base.NewToken()), "survey": slug, "address": address, "name": text["name"], "note": text["notiz"],
		"now": pl.p.Now().UnixMilli(), "staff": base.Staff(e).Id,
	}).WithContext(ctx).Execute(); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, address+"#ansichten")
}

// removeSaved is POST /planung/ansichten/<id>/loeschen/: who kept a view may
// remove it, and admins.
func (pl *Planning) removeSaved(e *core.RequestEvent) error {
	ctx, id := e.Request.Context(), e.Request.PathValue("id")
	var by string
	err := pl.p.App.DB().NewQuery(`SELECT created_by FROM planning_views WHERE id = {:id}`).Bind(dbx.Params{"id": id}).WithContext(ctx).Row(&by)
	switch staff := base.Staff(e); {
	case base.IsNoRows(err):
		return base.ErrNotFound
	case err != nil:
		return err
	case by != staff.Id && !base.HasRole(staff, base.Admin):
		return base.ErrForbidden
	}
	if _, err := pl.p.App.DB().NewQuery(`DELETE FROM planning_views WHERE id = {:id}`).Bind(dbx.Params{"id": id}).WithContext(ctx).Execute(); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/planung/ansichten/")
}

// target is how many answers a survey shall get.
type target struct {
	N     int    `db:"target"`
	Until string `db:"until"` // Berlin, YYYY-MM-DD; "": the end of the survey
}

// target gives a survey's target; the zero target when none is set.
func (pl *Planning) target(ctx context.Context, slug string) (t target, err error) {
	err = pl.p.App.DB().NewQuery(`SELECT target, until FROM planning_targets WHERE survey = {:survey}`).
		Bind(dbx.Params{"survey": slug}).WithContext(ctx).One(&t)
	if base.IsNoRows(err) {
		return target{}, nil
	}
	return t, err
}

// end is the day by which the target is to be reached, "" when there is none.
func (t target) end(v surveyView) string {
	if t.Until == "" && !v.Closes.IsZero() {
		return v.Closes.Add(-time.Second).In(content.Berlin).Format(time.DateOnly)
	}
	return t.Until
}

func (t target) form() url.Values {
	form := url.Values{}
	if t.N > 0 {
		form.Set("ziel", strconv.Itoa(t.N))
	}
	if d, err := time.Parse(time.DateOnly, t.Until); err == nil {
		form.Set("bis", d.Format("02.01.2006"))
	}
	return form
}

// targetView says how far the answers are.
type targetView struct {
	N, Share, Say string
	Done, All     int // of the progress bar
}

// targetView is nil without a target.
func (pl *Planning) targetView(v surveyView, t target) *targetView {
	if t.N == 0 {
		return nil
	}
	out := &targetView{N: number(t.N), Share: percent(v.Total, t.N), Done: min(v.Total, t.N), All: t.N}
	missing := t.N - v.Total
	until, err := time.Parse(time.DateOnly, t.end(v))
	days := int(until.Sub(dayOf(pl.p.Now())).Hours()/24) + 1
	switch {
	case missing <= 0:
		out.Say = pl.word("staff.planning.target.reached", "n", number(t.N), "share", out.Share)
	case err != nil:
		out.Say = pl.word("staff.planning.target.open", "n", number(t.N), "share", out.Share, "missing", number(missing))
	case days <= 0:
		out.Say = pl.word("staff.planning.target.missed", "n", number(t.N), "share", out.Share, "missing", number(missing), "day", until.Format("02.01.2006"))
	default:
		out.Say = pl.word("staff.planning.target.ahead", "n", number(t.N), "share", out.Share, "missing", number(missing),
			"day", until.Format("02.01.2006"), "daily", number((missing+days-1)/days))
	}
	return out
}

// changeTarget is POST /planung/umfragen/<slug>/ziel/; an empty field removes the
// target.
func (pl *Planning) changeTarget(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	ctx := e.Request.Context()
	view, err := pl.survey(ctx, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	var ps content.Problems
	t := target{}
	// German readers write 1.000.
	if s := strings.NewReplacer(".", "", " ", "", "\u00a0", "").Replace(form.Get("ziel")); s != "" {
		if t.N, err = strconv.Atoi(s); err != nil || t.N < 1 || t.N > mostTarget {
			ps.Add("ziel", "planning_target", "max", number(mostTarget))
		}
	}
	if s := strings.TrimSpace(form.Get("bis")); s != "" {
		d, err := time.Parse("2.1.2006", s)
		if err != nil {
			d, err = time.Parse(time.DateOnly, s)
		}
		if err != nil {
			ps.Add("bis", "not_date")
		}
		t.Until = d.Format(time.DateOnly)
	}
	if len(ps) > 0 {
		return pl.overview(e, http.StatusUnprocessableEntity, base.View{Form: form, Problems: ps})
	}
	query := `INSERT INTO planning_targets (survey, target, until, changed, changed_by) VALUES ({:survey}, {:n}, {:until}, {:now}, {:staff})
		ON CONFLICT (survey) DO UPDATE SET target = excluded.target, until = excluded.until, changed = excluded.changed, changed_by = excluded.changed_by`
	if t.N == 0 {
		query = `DELETE FROM planning_targets WHERE survey = {:survey}`
	}
	params := dbx.Params{"survey": view.Slug}
	if t.N > 0 {
		params = dbx.Params{"survey": view.Slug, "n": t.N, "until": t.Until, "now": pl.p.Now().UnixMilli(), "staff": base.Staff(e).Id}
	}
	if _, err := pl.p.App.DB().NewQuery(query).Bind(params).WithContext(ctx).Execute(); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, viewPath(view.Slug, "")+"#ziel")
}
