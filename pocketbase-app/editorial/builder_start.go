package editorial

import (
	"embed"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/formats"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Questionnaires to begin with.
//
//go:embed vorlagen/*.json
var patternFiles embed.FS

// patterns lists them in the order in which they are offered; their words are
// "staff.pattern.<name>".
var patterns = []string{"buergerumfrage", "veranstaltung", "schalter"}

func pattern(name string) (q survey.Questionnaire, err error) {
	raw, err := patternFiles.ReadFile("vorlagen/" + name + ".json")
	if err == nil {
		err = json.Unmarshal(raw, &q)
	}
	return q, err
}

const empty = "leer"

func (d *Editorial) showStart(e *core.RequestEvent) error {
	return d.showStartForm(e, http.StatusOK, url.Values{"vorlage": {empty}}, nil)
}

func (d *Editorial) showStartForm(e *core.RequestEvent, status int, form url.Values, problems content.Problems) error {
	list := []option{{Code: empty, Label: d.word("staff.pattern.leer")}}
	for _, name := range patterns {
		list = append(list, option{Code: name, Label: d.word("staff.pattern." + name)})
	}
	rows, err := d.documents(e.Request.Context(), surveyKind(), "TRUE", 200)
	if err != nil {
		return err
	}
	for _, r := range rows {
		list = append(list, option{Code: "kopie-" + r.Slug, Label: d.word("staff.pattern.copy", "survey", r.Title)})
	}
	return d.p.Show(e, status, templates, "builder", base.View{Title: d.word("staff.builder.start_new"), Form: form, Problems: problems,
		Data: builderPage{View: "start", May: may(e), Content: map[string]any{"Templates": list}}})
}

// startSurvey makes a new survey out of nothing, a pattern or another survey.
func (d *Editorial) startSurvey(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	var q survey.Questionnaire
	var problems content.Problems
	from := form.Get("vorlage")
	copied, isCopy := strings.CutPrefix(from, "kopie-")
	switch {
	case isCopy:
		if q, err = d.DraftOf(copied); errors.Is(err, base.ErrNotFound) {
			problems.Add("vorlage", "unknown_option")
			err = nil
		}
	case slices.Contains(patterns, from):
		q, err = pattern(from)
	case from == empty:
		q = survey.Questionnaire{Languages: []string{content.German}, Anonymous: true, Pages: []survey.Page{}}
	default:
		problems.Add("vorlage", "required")
	}
	if err != nil {
		return err
	}
	slug, problems, err := d.begin(e, q, form.Get("titel"), problems)
	switch {
	case err != nil:
		return err
	case len(problems) > 0:
		return d.showStartForm(e, http.StatusUnprocessableEntity, form, problems)
	}
	return e.Redirect(http.StatusSeeOther, builderPath(slug, "?meldung=angelegt"))
}

// begin stores a new survey under a title; dates, version and slug of where it
// came from do not come along. Problems stand at the field "titel".
func (d *Editorial) begin(e *core.RequestEvent, q survey.Questionnaire, title string, problems content.Problems) (string, content.Problems, error) {
	q = cloned(q)
	title = strings.TrimSpace(title)
	slug := content.SlugOf(title)
	switch {
	case title == "":
		problems.Add("titel", "required")
	case utf8.RuneCountInString(title) > 300:
		problems.Add("titel", "too_long", "max", 300)
	case !content.IsSlug(slug):
		problems.Add("titel", "not_slug")
	case slices.Contains(ownPages, slug):
		problems.Add("titel", "taken")
	}
	if len(problems) > 0 {
		return "", problems, nil
	}
	q.Slug, q.Version, q.Opens, q.Closes = slug, 0, time.Time{}, time.Time{}
	if q.Title == nil || german(q.Title) != title {
		q.Title = content.Text{content.German: title}
	}
	doc, err := json.Marshal(q)
	if err != nil {
		return "", nil, err
	}
	if len(doc) > maxDocument {
		return "", content.Problems{{Field: "titel", Code: "too_large_document"}}, nil
	}
	err = d.p.App.RunInTransaction(func(tx core.App) error { return d.add(tx, surveyKind(), slug, doc, e.Auth.Id) })
	if errors.As(err, &problems) {
		for i := range problems {
			problems[i].Field = "titel"
		}
		return "", problems, nil
	}
	return slug, nil, err
}

// ownPages are pages beside the surveys, which no survey may be called.
var ownPages = []string{"neu", "vorlagen", "import", "bibliothek"}

// importPage shows what a foreign file became, before anything is stored.
type importPage struct {
	File             string
	JSON             string
	Questions, Pages int
	Losses           []formats.Loss
}

func (d *Editorial) showImport(e *core.RequestEvent) error {
	return d.showImportForm(e, http.StatusOK, importPage{}, nil, nil)
}

func (d *Editorial) showImportForm(e *core.RequestEvent, status int, view importPage, form url.Values, problems content.Problems) error {
	return d.p.Show(e, status, templates, "builder", base.View{Title: d.word("staff.builder.import"), Form: form, Problems: problems,
		Data: builderPage{View: "import", May: may(e), Content: view}})
}

// importSurvey reads a file and shows the report; with the report's own form it
// makes the survey.
func (d *Editorial) importSurvey(e *core.RequestEvent) error {
	r := e.Request
	r.Body = http.MaxBytesReader(e.Response, r.Body, formats.MaxOwn+maxForm)
	if err := r.ParseMultipartForm(formats.MaxOwn + maxForm); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return d.showImportForm(e, http.StatusUnprocessableEntity, importPage{}, nil, content.Problems{{Field: "datei", Code: "file_too_large", Args: map[string]any{"max": formats.MaxOwn >> 20}}})
		}
		return base.Refuse(http.StatusBadRequest, "broken_form")
	}
	defer r.MultipartForm.RemoveAll()
	form := url.Values(r.MultipartForm.Value)
	if raw := form.Get("json"); raw != "" {
		return d.takeImport(e, raw, form)
	}
	file, head, err := r.FormFile("datei")
	if err != nil || head.Size == 0 {
		return d.showImportForm(e, http.StatusUnprocessableEntity, importPage{}, nil, content.Problems{{Field: "datei", Code: "file_missing"}})
	}
	defer file.Close()
	b, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	b, pictures, err := formats.Pictures(b)
	var q survey.Questionnaire
	var losses []formats.Loss
	if err == nil {
		q, losses, err = formats.Read(head.Filename, b)
	}
	if err != nil {
		return d.showImportForm(e, http.StatusUnprocessableEntity, importPage{}, nil, content.Problems{{Field: "datei", Code: "not_questionnaire", Args: map[string]any{"reason": err.Error()}}})
	}
	gone, err := d.bringPictures(e.Request.Context(), &q, pictures)
	if err != nil {
		return err
	}
	for _, what := range gone {
		losses = append(losses, formats.Loss{Place: what, Code: "picture", Count: 1})
	}
	raw, err := json.Marshal(q)
	if err != nil {
		return err
	}
	view := importPage{File: head.Filename, JSON: string(raw), Questions: len(numbered(q)), Pages: len(q.Pages), Losses: losses}
	title := german(q.Title)
	if title == "" {
		title = head.Filename
	}
	return d.showImportForm(e, http.StatusOK, view, url.Values{"titel": {title}}, nil)
}

// takeImport makes the survey that the report was about. The browser sent the
// questionnaire back, so it is read as strictly as any other.
func (d *Editorial) takeImport(e *core.RequestEvent, raw string, form url.Values) error {
	if _, _, err := surveyKind().decode([]byte(raw)); err != nil {
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	var q survey.Questionnaire
	if err := json.Unmarshal([]byte(raw), &q); err != nil {
		return err
	}
	slug, problems, err := d.begin(e, q, form.Get("titel"), nil)
	switch {
	case err != nil:
		return err
	case len(problems) > 0:
		return d.showImportForm(e, http.StatusUnprocessableEntity, importPage{JSON: raw, Questions: len(numbered(q)), Pages: len(q.Pages)}, form, problems)
	}
	return e.Redirect(http.StatusSeeOther, builderPath(slug, "?meldung=angelegt"))
}

// export gives the working copy as a file.
func (d *Editorial) export(e *core.RequestEvent) error {
	w, err := d.workingCopy(d.p.App, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	format := e.Request.PathValue("format")
	if !slices.Contains(formats.Writable, format) {
		return base.ErrNotFound
	}
	b, _, err := formats.Write(format, w.Questionnaire)
	if err != nil {
		return base.Refuse(http.StatusUnprocessableEntity, "no_export", "why", err.Error())
	}
	if format == formats.Own {
		pictures, err := d.embedded(&w.Questionnaire)
		if err != nil {
			return err
		}
		if b, err = formats.WithPictures(b, pictures); err != nil {
			return err
		}
	}
	e.Response.Header().Set("Content-Disposition", `attachment; filename="`+w.rec.GetString("slug")+formats.Extension(format)+`"`)
	e.Response.Header().Set("Cache-Control", "no-store")
	return e.Blob(http.StatusOK, "application/octet-stream", b)
}

// archived reports whether a survey is in the archive.
func (d *Editorial) archived(slug string) (bool, error) {
	var n int
	err := d.p.App.DB().NewQuery(`SELECT count(*) FROM survey_archive WHERE survey = {:survey}`).Bind(dbx.Params{"survey": slug}).Row(&n)
	return n > 0, err
}

// archive takes a survey off the site and out of the lists, or back into the
// lists. Its versions and answers stay.
func (d *Editorial) archive(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	slug, said := e.Request.PathValue("slug"), "archiviert"
	rev, err := strconv.Atoi(form.Get("rev"))
	if err != nil {
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	err = d.p.App.RunInTransaction(func(tx core.App) error {
		rec, err := stored(tx, surveyKind(), slug)
		if err != nil {
			return err
		}
		if rec.GetInt("rev") != rev {
			return errStale
		}
		if form.Get("aktion") == "zurueckholen" {
			said = "zurueckgeholt"
			_, err := tx.DB().NewQuery(`DELETE FROM survey_archive WHERE survey = {:survey}`).Bind(dbx.Params{"survey": slug}).Execute()
			return err
		}
		if err := d.takeDown(tx, surveyKind(), slug, rev, e.Auth.Id); err != nil {
			return err
		}
		_, err = tx.DB().NewQuery(`INSERT INTO survey_archive (survey, at, actor) VALUES ({:survey}, {:at}, {:actor}) ON CONFLICT DO NOTHING`).
			Bind(dbx.Params{"survey": slug, "at": d.p.Now().UnixMilli(), "actor": e.Auth.Id}).Execute()
		return err
	})
	if errors.Is(err, errStale) {
		return base.Refuse(http.StatusConflict, "changed_meanwhile")
	}
	if err != nil {
		return err
	}
	d.Wake()
	return e.Redirect(http.StatusSeeOther, "/redaktion/umfragen/"+slug+"/pruefen/?meldung="+said)
}
