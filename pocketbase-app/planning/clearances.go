package planning

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const (
	longestText      = 500 // characters of a purpose or reason
	longestClearance = 1   // years
)

// clearance is a row of export_clearances: one planner may take the single
// responses of one survey.
type clearance struct {
	ID        string `db:"id"`
	Staff     string `db:"staff"`
	Survey    string `db:"survey"`
	Personal  bool   `db:"personal"`
	FreeText  bool   `db:"free_text"`
	Purpose   string `db:"purpose"`
	Until     string `db:"until"`
	Granted   int64  `db:"granted"`
	GrantedBy string `db:"granted_by"`
	Revoked   int64  `db:"revoked"` // 0: not
}

const clearanceColumns = `id, staff, survey, personal, free_text, purpose, until, granted, granted_by, COALESCE(revoked, 0) AS revoked`

// ErrNotCleared: no clearance for this survey, or not for what the package holds.
var ErrNotCleared = base.Refuse(http.StatusForbidden, "not_cleared")

// cleared finds the clearance of a planner for a survey that holds now.
// [ErrNotCleared] means that there is none: never given, ended, taken back, or the
// account is disabled or no planner's any more.
func (pl *Planning) cleared(ctx context.Context, db dbx.Builder, staff, slug string) (c clearance, err error) {
	err = db.NewQuery(`SELECT ` + clearanceColumns + ` FROM export_clearances AS c
		WHERE staff = {:staff} AND survey = {:survey} AND revoked IS NULL AND until >= {:today} AND EXISTS (
			SELECT 1 FROM staff AS s, json_each(s.roles) AS role WHERE s.id = c.staff AND NOT s.disabled AND role.value = {:planner})`).
		Bind(dbx.Params{"staff": staff, "survey": slug, "today": pl.today(), "planner": base.Planner}).WithContext(ctx).One(&c)
	if base.IsNoRows(err) {
		err = ErrNotCleared
	}
	return c, err
}

// Cleared reports whether a planner may see what people wrote themselves or sent
// as files in a survey.
func (pl *Planning) Cleared(ctx context.Context, staff *core.Record, slug string) (bool, error) {
	if staff == nil {
		return false, nil
	}
	c, err := pl.cleared(ctx, pl.p.App.DB(), staff.Id, slug)
	if errors.Is(err, ErrNotCleared) {
		return false, nil
	}
	return c.FreeText, err
}

// covers reports whether a package may hold what the profile asks for.
func (c clearance) covers(p Profile) bool {
	return (c.Personal || !p.Personal) && (c.FreeText || !p.FreeText)
}

// ends is the moment after the clearance's last day.
func (c clearance) ends() (time.Time, error) {
	day, err := time.ParseInLocation(time.DateOnly, c.Until, content.Berlin)
	return day.AddDate(0, 0, 1), err
}

func (pl *Planning) today() string { return pl.p.Now().In(content.Berlin).Format(time.DateOnly) }

// grant gives a clearance; one that the planner has for the survey ends with it.
func (pl *Planning) grant(ctx context.Context, c clearance) error {
	now := pl.p.Now().UnixMilli()
	return pl.p.App.RunInTransaction(func(tx core.App) error {
		if _, err := tx.DB().NewQuery(`UPDATE export_clearances SET revoked = {:now}, revoked_by = {:by} WHERE staff = {:staff} AND survey = {:survey} AND revoked IS NULL`).
			Bind(dbx.Params{"now": now, "by": c.GrantedBy, "staff": c.Staff, "survey": c.Survey}).WithContext(ctx).Execute(); err != nil {
			return err
		}
		_, err := tx.DB().NewQuery(`INSERT INTO export_clearances (id, staff, survey, personal, free_text, purpose, until, granted, granted_by)
			VALUES ({:id}, {:staff}, {:survey}, {:personal}, {:free}, {:purpose}, {:until}, {:now}, {:by})`).Bind(dbx.Params{
			"id": strings.ToLower(base.NewToken()), "staff": c.Staff, "survey": c.Survey, "personal": flag(c.Personal), "free": flag(c.FreeText),
			"purpose": c.Purpose, "until": c.Until, "now": now, "by": c.GrantedBy,
		}).WithContext(ctx).Execute()
		return err
	})
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// revoke ends a clearance at once; what was made under it can no longer be
// fetched. [base.ErrNotFound] means that it has ended already.
func (pl *Planning) revoke(ctx context.Context, id, by string) error {
	res, err := pl.p.App.DB().NewQuery(`UPDATE export_clearances SET revoked = {:now}, revoked_by = {:by} WHERE id = {:id} AND revoked IS NULL`).
		Bind(dbx.Params{"now": pl.p.Now().UnixMilli(), "by": by, "id": id}).WithContext(ctx).Execute()
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		if err == nil {
			err = base.ErrNotFound
		}
		return err
	}
	_, err = pl.withdraw(ctx)
	return err
}

// clearanceView is a clearance as the administrators' page shows it.
type clearanceView struct {
	clearance
	Who, By, Title, Since, Last string
	Ended                       bool
}

type clearancesPage struct {
	Current, Past []clearanceView
	Planners      []named
	Surveys       []surveyView
	Files         []fileView
	Latest        string // day that a clearance can end at the latest
}

type named struct{ ID, Name string }

// showClearances is GET /planung/freigaben/.
func (pl *Planning) showClearances(e *core.RequestEvent) error {
	return pl.clearancesPage(e, http.StatusOK, nil, nil)
}

func (pl *Planning) clearancesPage(e *core.RequestEvent, status int, form url.Values, problems content.Problems) error {
	ctx := e.Request.Context()
	var page clearancesPage
	var err error
	if page.Surveys, err = pl.surveys(ctx); err != nil {
		return err
	}
	names, err := pl.staffNames(ctx)
	if err != nil {
		return err
	}
	if page.Planners, err = pl.planners(ctx); err != nil {
		return err
	}
	var all []clearance
	if err := pl.p.App.DB().NewQuery(`SELECT ` + clearanceColumns + ` FROM export_clearances ORDER BY granted DESC, id LIMIT 500`).WithContext(ctx).All(&all); err != nil {
		return err
	}
	for _, c := range all {
		v := clearanceView{clearance: c, Who: pl.nameOf(names, c.Staff), By: pl.nameOf(names, c.GrantedBy), Title: titleOf(page.Surveys, c.Survey), Since: minute(c.Granted), Last: germanDay(c.Until)}
		if v.Ended = c.Revoked != 0 || c.Until < pl.today(); v.Ended {
			page.Past = append(page.Past, v)
		} else {
			page.Current = append(page.Current, v)
		}
	}
	if page.Files, err = pl.views(ctx, "", 200, page.Surveys, base.Staff(e)); err != nil {
		return err
	}
	page.Latest = pl.p.Now().In(content.Berlin).AddDate(longestClearance, 0, 0).Format(time.DateOnly)
	if form == nil {
		form = url.Values{"umfrage": {e.Request.URL.Query().Get("umfrage")}}
	}
	return pl.p.Show(e, status, pages, "clearances", base.View{Title: pl.word("staff.planning.clearances"), Data: page, Form: form, Problems: problems})
}

// grantClearance is POST /planung/freigaben/.
func (pl *Planning) grantClearance(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	ctx := e.Request.Context()
	c := clearance{
		Staff: form.Get("person"), Survey: form.Get("umfrage"), Personal: form.Get("person_angaben") == "ja", FreeText: form.Get("freitexte") == "ja",
		Purpose: strings.TrimSpace(form.Get("zweck")), Until: form.Get("bis"), GrantedBy: base.Staff(e).Id,
	}
	var problems content.Problems
	planners, err := pl.planners(ctx)
	if err != nil {
		return err
	}
	switch {
	case c.Staff == "":
		problems.Add("person", "required")
	case c.Staff == c.GrantedBy:
		problems.Add("person", "clears_oneself")
	case !slices.ContainsFunc(planners, func(n named) bool { return n.ID == c.Staff }):
		problems.Add("person", "unknown")
	}
	if c.Survey == "" {
		problems.Add("umfrage", "required")
	} else if _, err := pl.survey(ctx, c.Survey); errors.Is(err, base.ErrNotFound) {
		problems.Add("umfrage", "unknown")
	} else if err != nil {
		return err
	}
	problems = append(problems, checkText("zweck", c.Purpose)...)
	today := pl.p.Now().In(content.Berlin)
	switch _, err := time.Parse(time.DateOnly, c.Until); {
	case c.Until == "":
		problems.Add("bis", "required")
	case err != nil:
		problems.Add("bis", "not_date")
	case c.Until < pl.today() || c.Until > today.AddDate(longestClearance, 0, 0).Format(time.DateOnly):
		problems.Add("bis", "clearance_until")
	}
	if len(problems) > 0 {
		return pl.clearancesPage(e, http.StatusUnprocessableEntity, form, problems)
	}
	if err := pl.grant(ctx, c); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/planung/freigaben/")
}

// checkText checks a purpose or reason, which must say something.
func checkText(field, s string) (problems content.Problems) {
	switch n := utf8.RuneCountInString(s); {
	case n == 0:
		problems.Add(field, "required")
	case n < 10:
		problems.Add(field, "say_more")
	case n > longestText:
		problems.Add(field, "too_long", "max", longestText)
	}
	return problems
}

// endClearance is POST /planung/freigaben/<id>/beenden/.
func (pl *Planning) endClearance(e *core.RequestEvent) error {
	if err := pl.revoke(e.Request.Context(), e.Request.PathValue("id"), base.Staff(e).Id); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/planung/freigaben/")
}

// planners lists who can be cleared.
func (pl *Planning) planners(ctx context.Context) (list []named, err error) {
	err = pl.p.App.DB().NewQuery(`SELECT s.id, s.name FROM staff AS s, json_each(s.roles) AS role WHERE role.value = {:planner} AND NOT s.disabled ORDER BY s.name, s.id`).
		Bind(dbx.Params{"planner": base.Planner}).WithContext(ctx).All(&list)
	return list, err
}

func (pl *Planning) staffNames(ctx context.Context) (map[string]string, error) {
	var all []named
	err := pl.p.App.DB().NewQuery(`SELECT id, name FROM staff`).WithContext(ctx).All(&all)
	names := map[string]string{}
	for _, n := range all {
		names[n.ID] = n.Name
	}
	return names, err
}

func (pl *Planning) nameOf(names map[string]string, id string) string {
	if names[id] == "" {
		return pl.word("staff.planning.by_former")
	}
	return names[id]
}

func titleOf(surveys []surveyView, slug string) string {
	for _, s := range surveys {
		if s.Slug == slug {
			return s.Title
		}
	}
	return slug
}

func germanDay(day string) string {
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return d.Format("02.01.2006")
}

// SeedDemo clears the planner of the demo for single responses of a survey with
// free texts, without answers that tell who somebody is. It does so once.
func (pl *Planning) SeedDemo(ctx context.Context, planner, admin, slug string) error {
	var n int
	if err := pl.p.App.DB().NewQuery(`SELECT count(*) FROM export_clearances`).WithContext(ctx).Row(&n); err != nil || n > 0 {
		return err
	}
	var ids [2]string
	for i, email := range []string{planner, admin} {
		r, err := pl.p.App.FindAuthRecordByEmail("staff", email)
		if err != nil {
			return err
		}
		ids[i] = r.Id
	}
	return pl.grant(ctx, clearance{
		Staff: ids[0], Survey: slug, FreeText: true, Purpose: pl.word("staff.planning.demo_purpose"), GrantedBy: ids[1],
		Until: pl.p.Now().In(content.Berlin).AddDate(0, 6, 0).Format(time.DateOnly),
	})
}
