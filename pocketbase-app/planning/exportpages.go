package planning

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// bindExports adds the pages of packages, saved profiles and clearances. see lets
// planners and admins pass: both see who had what and why.
func (pl *Planning) bindExports(se *core.ServeEvent, see func(*core.RequestEvent) error) {
	planner, admin := base.Need(base.Planner), base.Need(base.Admin)
	pl.p.Route(se, "GET", "/planung/exporte/umfragen/{slug}/{$}", pl.showExports, see)
	pl.p.Route(se, "POST", "/planung/exporte/umfragen/{slug}/starten/{$}", pl.startExport, planner)
	pl.p.Route(se, "POST", "/planung/exporte/umfragen/{slug}/profile/{$}", pl.saveProfile, planner)
	pl.p.Route(se, "POST", "/planung/exporte/umfragen/{slug}/profile/{id}/{$}", pl.changeProfile, planner)
	pl.p.Route(se, "GET", "/planung/exporte/{id}/{$}", pl.download, planner)
	pl.p.Route(se, "POST", "/planung/exporte/{id}/abbrechen/{$}", pl.cancelExport, see)
	pl.p.Route(se, "GET", "/planung/freigaben/{$}", pl.showClearances, admin)
	pl.p.Route(se, "POST", "/planung/freigaben/{$}", pl.grantClearance, admin)
	pl.p.Route(se, "POST", "/planung/freigaben/{id}/beenden/{$}", pl.endClearance, admin)
}

func exportsPath(slug string) string { return "/planung/exporte/umfragen/" + slug + "/" }

// exportsPage is what the page of a survey's packages shows.
type exportsPage struct {
	surveyView
	Clearance *clearance // of who looks; nil: not cleared
	Until     string     // day, of the clearance
	Results   bool       // a page of results is there
	Formats   []Format
	Channels  []named
	Languages []named
	Everies   []string
	Running   *fileView // of any survey
	Profiles  []profileView
	Files     []fileView
}

type profileView struct {
	saved
	Titles []string // of the formats
	Only   string   // what the filter leaves
}

// fileView is a package as the pages show it.
type fileView struct {
	file
	Title     string // of the survey
	Made      string // day and time
	Until     string // day
	Size      string
	Who       string
	Holds     []string // formats
	Only      string   // what the filter leaves
	Mine      bool
	Kept      string // the state in words: one of the command line is outside
	Downloads []downloadView
}

type downloadView struct{ Who, At string }

// Number is the same for packages.
func (fileView) Number(n int) string { return surveyView{}.Number(n) }

// showExports is GET /planung/exporte/umfragen/<slug>/; ?profil=<id> fills the form.
func (pl *Planning) showExports(e *core.RequestEvent) error {
	form := url.Values{"format": {"xlsx"}, "every": {""}}
	if id := e.Request.URL.Query().Get("profil"); id != "" {
		all, err := savedProfiles(e.Request.Context(), pl.p.App.DB(), `id = {:id} AND staff = {:staff}`, dbx.Params{"id": id, "staff": base.Staff(e).Id})
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return base.ErrNotFound
		}
		form = formOf(all[0])
	}
	return pl.exportsPage(e, http.StatusOK, form, nil)
}

func (pl *Planning) exportsPage(e *core.RequestEvent, status int, form url.Values, problems content.Problems) error {
	ctx := e.Request.Context()
	view, err := pl.survey(ctx, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	staff := base.Staff(e)
	page := exportsPage{surveyView: view, Formats: pl.o.Formats, Everies: everies}
	switch c, err := pl.cleared(ctx, pl.p.App.DB(), staff.Id, view.Slug); {
	case err == nil:
		page.Clearance, page.Until = &c, germanDay(c.Until)
	case !errors.Is(err, ErrNotCleared):
		return err
	}
	if pl.o.HasResults != nil {
		if page.Results, err = pl.o.HasResults(ctx, view.Slug); err != nil {
			return err
		}
	}
	for _, code := range survey.Channels {
		page.Channels = append(page.Channels, named{code, pl.channel(code)})
	}
	for _, code := range content.Languages {
		page.Languages = append(page.Languages, named{code, pl.word("staff.planning.language." + code)})
	}
	profiles, err := savedProfiles(ctx, pl.p.App.DB(), `survey = {:survey} AND staff = {:staff}`, dbx.Params{"survey": view.Slug, "staff": staff.Id})
	if err != nil {
		return err
	}
	for _, s := range profiles {
		page.Profiles = append(page.Profiles, profileView{s, pl.titles(s.Profile), pl.only(s.Profile)})
	}
	if page.Files, err = pl.views(ctx, view.Slug, 200, []surveyView{view}, staff); err != nil {
		return err
	}
	if page.Running, err = pl.running(ctx, staff); err != nil {
		return err
	}
	return pl.p.Show(e, status, pages, "exports", base.View{
		Title: pl.word("staff.planning.exports_of", "survey", view.Title), Data: page, Form: form, Problems: problems,
	})
}

// running is the package in the making, nil when there is none.
func (pl *Planning) running(ctx context.Context, staff *core.Record) (*fileView, error) {
	var id string
	err := pl.p.App.DB().NewQuery(`SELECT id FROM export_files WHERE state = 'building'`).WithContext(ctx).Row(&id)
	if base.IsNoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f, err := pl.file(ctx, id)
	return &fileView{file: f, Title: f.Survey, Mine: f.CreatedBy == staff.Id || base.HasRole(staff, base.Admin)}, err
}

// views lists packages with who fetched them.
func (pl *Planning) views(ctx context.Context, slug string, limit int, surveys []surveyView, staff *core.Record) ([]fileView, error) {
	files, err := pl.files(ctx, slug, limit)
	if err != nil {
		return nil, err
	}
	downloads, err := pl.downloads(ctx, slug)
	if err != nil {
		return nil, err
	}
	views := make([]fileView, len(files))
	for i, f := range files {
		v := fileView{
			file: f, Title: titleOf(surveys, f.Survey), Size: size(f.Bytes), Who: f.Author, Downloads: downloads[f.ID], Made: minute(f.Created),
			Until: time.UnixMilli(f.Expires).In(content.Berlin).Format("02.01.2006"), Holds: f.Profile.Formats, Only: pl.only(f.Profile), Mine: f.CreatedBy == staff.Id,
		}
		v.Kept = f.State
		switch {
		case f.CreatedBy == commandLine:
			v.Who = pl.word("staff.planning.by_command")
			if f.State == "expired" {
				v.Kept = "outside"
			}
		case v.Who == "":
			v.Who = pl.word("staff.planning.by_former")
		}
		if len(v.Holds) == 0 {
			v.Holds = []string{"xlsx"} // made before there were packages
		}
		views[i] = v
	}
	return views, nil
}

// downloads lists who fetched which package, the last first.
func (pl *Planning) downloads(ctx context.Context, slug string) (map[string][]downloadView, error) {
	var rows []struct {
		File string `db:"file"`
		Name string `db:"name"`
		At   int64  `db:"at"`
	}
	err := pl.p.App.DB().NewQuery(`SELECT d.file, d.at, COALESCE((SELECT s.name FROM staff AS s WHERE s.id = d.staff), '') AS name
		FROM export_downloads AS d JOIN export_files AS f ON f.id = d.file
		WHERE {:slug} IN ('', f.survey) ORDER BY d.at DESC, d.id DESC LIMIT 2000`).Bind(dbx.Params{"slug": slug}).WithContext(ctx).All(&rows)
	if err != nil {
		return nil, err
	}
	by := map[string][]downloadView{}
	for _, r := range rows {
		if r.Name == "" {
			r.Name = pl.word("staff.planning.by_former")
		}
		by[r.File] = append(by[r.File], downloadView{r.Name, minute(r.At)})
	}
	return by, nil
}

func (pl *Planning) titles(p Profile) (titles []string) {
	for _, f := range pl.o.Formats {
		if slices.Contains(p.Formats, f.Name) {
			titles = append(titles, f.Title)
		}
	}
	return titles
}

// only says in words which responses a profile takes, "" when all.
func (pl *Planning) only(p Profile) string {
	var parts []string
	if p.From != "" {
		parts = append(parts, pl.word("staff.planning.from", "day", germanDay(p.From)))
	}
	if p.To != "" {
		parts = append(parts, pl.word("staff.planning.to", "day", germanDay(p.To)))
	}
	for _, c := range p.Channels {
		parts = append(parts, pl.channel(c))
	}
	for _, l := range p.Languages {
		parts = append(parts, pl.word("staff.planning.language."+l))
	}
	return strings.Join(parts, ", ")
}

// formOf fills the form with a saved profile.
func formOf(s saved) url.Values {
	p := s.Profile
	form := url.Values{
		"format": p.Formats, "von": {p.From}, "bis": {p.To}, "weg": p.Channels, "sprache": p.Languages,
		"grund": {s.Reason}, "name": {s.Name}, "every": {s.Every},
	}
	if p.Personal {
		form.Set("person", "ja")
	}
	if p.FreeText {
		form.Set("freitexte", "ja")
	}
	return form
}

// profileIn reads the form. What the clearance does not cover is a problem of the
// field: the page does not offer it.
func (pl *Planning) profileIn(form url.Values, c clearance) (p Profile, reason string, problems content.Problems) {
	for _, f := range pl.o.Formats {
		if slices.Contains(form["format"], f.Name) {
			p.Formats = append(p.Formats, f.Name)
		}
	}
	switch {
	case len(form["format"]) == 0:
		problems.Add("format", "no_format")
	case len(p.Formats) < len(form["format"]):
		problems.Add("format", "unknown_option")
	}
	p.Personal, p.FreeText = form.Get("person") == "ja", form.Get("freitexte") == "ja"
	if p.Personal && !c.Personal {
		problems.Add("person", "not_cleared")
	}
	if p.FreeText && !c.FreeText {
		problems.Add("freitexte", "not_cleared")
	}
	p.From, p.To = form.Get("von"), form.Get("bis")
	for _, field := range []string{"von", "bis"} {
		if _, err := time.Parse(time.DateOnly, form.Get(field)); err != nil && form.Get(field) != "" {
			problems.Add(field, "not_date")
		}
	}
	if len(problems) == 0 && p.From != "" && p.To != "" && p.From > p.To {
		problems.Add("bis", "before_start")
	}
	for _, list := range []struct {
		field string
		known []string
		into  *[]string
	}{{"weg", survey.Channels, &p.Channels}, {"sprache", content.Languages, &p.Languages}} {
		for _, code := range list.known {
			if slices.Contains(form[list.field], code) {
				*list.into = append(*list.into, code)
			}
		}
		if len(*list.into) < len(form[list.field]) {
			problems.Add(list.field, "unknown_option")
		}
	}
	reason = strings.TrimSpace(form.Get("grund"))
	return p, reason, append(problems, checkText("grund", reason)...)
}

// asked reads the form of somebody who is cleared for the survey.
func (pl *Planning) askedFor(e *core.RequestEvent) (view surveyView, c clearance, form url.Values, err error) {
	if form, err = base.DecodeForm(e.Response, e.Request); err != nil {
		return view, c, nil, err
	}
	if view, err = pl.survey(e.Request.Context(), e.Request.PathValue("slug")); err != nil {
		return view, c, nil, err
	}
	c, err = pl.cleared(e.Request.Context(), pl.p.App.DB(), base.Staff(e).Id, view.Slug)
	return view, c, form, err
}

// startExport is POST /planung/exporte/umfragen/<slug>/starten/.
func (pl *Planning) startExport(e *core.RequestEvent) error {
	view, c, form, err := pl.askedFor(e)
	if err != nil {
		return err
	}
	profile, reason, problems := pl.profileIn(form, c)
	if len(problems) > 0 {
		return pl.exportsPage(e, http.StatusUnprocessableEntity, form, problems)
	}
	return pl.start(e, order{survey: view.Slug, staff: base.Staff(e).Id, reason: reason, profile: profile})
}

func (pl *Planning) start(e *core.RequestEvent, o order) error {
	if _, err := pl.begin(e.Request.Context(), o); err != nil {
		return err
	}
	select {
	case pl.asked <- struct{}{}:
	default:
	}
	return e.Redirect(http.StatusSeeOther, exportsPath(o.survey)+"#exporte")
}

const longestName = 80

// saveProfile is POST /planung/exporte/umfragen/<slug>/profile/: a name that is
// there already is written anew.
func (pl *Planning) saveProfile(e *core.RequestEvent) error {
	view, c, form, err := pl.askedFor(e)
	if err != nil {
		return err
	}
	profile, reason, problems := pl.profileIn(form, c)
	name, every := strings.Join(strings.Fields(form.Get("name")), " "), form.Get("every")
	switch {
	case name == "":
		problems.Add("name", "required")
	case utf8.RuneCountInString(name) > longestName:
		problems.Add("name", "too_long", "max", longestName)
	}
	switch {
	case !slices.Contains(everies, every):
		problems.Add("every", "unknown_option")
	case every == "closing" && view.Closes.IsZero():
		problems.Add("every", "never_closes")
	}
	if len(problems) > 0 {
		return pl.exportsPage(e, http.StatusUnprocessableEntity, form, problems)
	}
	stored, err := json.Marshal(profile)
	if err != nil {
		return err
	}
	last := "" // a survey that is closed already has its package made in the next night
	if every != "closing" {
		last = occurrence(every, pl.p.Now(), time.Time{}) // from the next one on
	}
	_, err = pl.p.App.DB().NewQuery(`INSERT INTO export_profiles (id, survey, staff, name, profile, reason, every, last, note, created)
		VALUES ({:id}, {:survey}, {:staff}, {:name}, {:profile}, {:reason}, {:every}, {:last}, '', {:now})
		ON CONFLICT (survey, staff, name) DO UPDATE SET profile = excluded.profile, reason = excluded.reason, every = excluded.every, last = excluded.last, note = ''`).Bind(dbx.Params{
		"id": strings.ToLower(base.NewToken()), "survey": view.Slug, "staff": base.Staff(e).Id, "name": name, "profile": string(stored),
		"reason": reason, "every": every, "last": last, "now": pl.p.Now().UnixMilli(),
	}).WithContext(e.Request.Context()).Execute()
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, exportsPath(view.Slug)+"#profile")
}

// changeProfile is POST /planung/exporte/umfragen/<slug>/profile/<id>/: it makes
// the package of one's own saved profile or deletes the profile.
func (pl *Planning) changeProfile(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	ctx, slug := e.Request.Context(), e.Request.PathValue("slug")
	all, err := savedProfiles(ctx, pl.p.App.DB(), `id = {:id} AND survey = {:survey} AND staff = {:staff}`,
		dbx.Params{"id": e.Request.PathValue("id"), "survey": slug, "staff": base.Staff(e).Id})
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return base.ErrNotFound
	}
	switch form.Get("was") {
	case "starten":
		return pl.start(e, order{survey: slug, staff: base.Staff(e).Id, reason: all[0].Reason, profile: all[0].Profile})
	case "loeschen":
		if _, err := pl.p.App.DB().NewQuery(`DELETE FROM export_profiles WHERE id = {:id}`).Bind(dbx.Params{"id": all[0].ID}).WithContext(ctx).Execute(); err != nil {
			return err
		}
		return e.Redirect(http.StatusSeeOther, exportsPath(slug)+"#profile")
	}
	return base.Refuse(http.StatusBadRequest, "bad_request")
}

// cancelExport is POST /planung/exporte/<id>/abbrechen/: for who asked for it, and
// for admins. Cancelling what is finished does nothing.
func (pl *Planning) cancelExport(e *core.RequestEvent) error {
	f, err := pl.file(e.Request.Context(), e.Request.PathValue("id"))
	if err != nil {
		return err
	}
	if staff := base.Staff(e); f.CreatedBy != staff.Id && !base.HasRole(staff, base.Admin) {
		return base.ErrForbidden
	}
	if _, err := pl.cancel(f.ID); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, exportsPath(f.Survey)+"#exporte")
}

// download is GET /planung/exporte/<id>/. A package goes only to whom it was made
// for, while the clearance holds; it is noted before the first byte goes out.
func (pl *Planning) download(e *core.RequestEvent) error {
	ctx, staff := e.Request.Context(), base.Staff(e)
	f, err := pl.file(ctx, e.Request.PathValue("id"))
	if err != nil {
		return err
	}
	if f.CreatedBy != staff.Id {
		return base.Refuse(http.StatusForbidden, "export_of_another")
	}
	c, err := pl.cleared(ctx, pl.p.App.DB(), staff.Id, f.Survey)
	if err != nil {
		return err
	}
	if !c.covers(f.Profile) {
		return ErrNotCleared
	}
	if f.State != "ready" || pl.p.Now().UnixMilli() >= f.Expires {
		return base.Refuse(http.StatusNotFound, "export_gone")
	}
	in, err := os.Open(pl.path(f.ID))
	if errors.Is(err, os.ErrNotExist) {
		pl.p.App.Logger().Error("export file is missing", "file", f.ID)
		return base.Refuse(http.StatusNotFound, "export_gone")
	}
	if err != nil {
		return err
	}
	defer in.Close()
	h := e.Response.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
	h.Set("Content-Length", strconv.FormatInt(f.Bytes, 10))
	h.Set("Cache-Control", "no-store")
	if e.Request.Method == http.MethodHead {
		return nil
	}
	if err := pl.noteDownload(ctx, f.ID, staff.Id); err != nil {
		h.Del("Content-Length")
		h.Del("Content-Disposition")
		return err
	}
	e.Response.WriteHeader(http.StatusOK)
	if _, err := io.Copy(e.Response, in); err != nil {
		pl.p.App.Logger().Warn("export download cut off", "file", f.ID, "error", err.Error())
	}
	return nil
}

func (pl *Planning) noteDownload(ctx context.Context, id, staff string) error {
	_, err := pl.p.App.DB().NewQuery(`INSERT INTO export_downloads (file, staff, at) VALUES ({:file}, {:staff}, {:at})`).
		Bind(dbx.Params{"file": id, "staff": staff, "at": pl.p.Now().UnixMilli()}).WithContext(ctx).Execute()
	return err
}
