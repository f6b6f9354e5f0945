package participation

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/upload"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// uploads keeps the files of answers below <data dir>/uploads, under names that
// the server chose. A file is known to the draft it was sent with, and when that
// is sent to nothing but the answer that holds its name.
type uploads struct {
	p    *base.Platform
	dir  string
	sent *base.Limits // files per network
}

// Files are below uploadsDir in folders of two hexadecimal digits; freshDir holds
// those that are being written.
const (
	uploadsDir = "uploads"
	freshDir   = "neu"
)

// maxPerDraft is how many files one draft may have brought, those taken back included.
const maxPerDraft = 40

func newUploads(p *base.Platform) *uploads {
	return &uploads{
		p: p, dir: filepath.Join(p.App.DataDir(), uploadsDir),
		sent: base.NewLimits(60, 10*time.Minute),
	}
}

func (pt *Participation) bindUploads(se *core.ServeEvent) {
	role := base.Need(base.Planner, base.Moderator)
	pt.p.Route(se, "GET", "/planung/umfragen/{slug}/dateien/{$}", pt.listUploads, role, pt.needClearance)
	pt.p.Route(se, "GET", "/planung/umfragen/{slug}/dateien/{name}", pt.showUpload, role, pt.needClearance)
}

// needClearance lets moderators pass, and planners who are cleared for the survey.
func (pt *Participation) needClearance(e *core.RequestEvent) error {
	staff := base.Staff(e)
	if pt.Cleared == nil || base.HasRole(staff, base.Moderator) {
		return e.Next()
	}
	ok, err := pt.Cleared(e.Request.Context(), staff, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	if !ok {
		return base.Refuse(http.StatusForbidden, "not_cleared")
	}
	return e.Next()
}

// take keeps the files that a page's form brought for its items and puts their
// names into the form. The problems are those of the files, at their items.
func (u *uploads) take(e *core.RequestEvent, d *draft, page *survey.Page, form url.Values, files []base.SentFile) (problems content.Problems, err error) {
	for i := range page.Items {
		it := &page.Items[i]
		if it.Type != survey.File && it.Type != survey.Photo {
			continue
		}
		mine := 0
		for _, f := range files {
			if f.Field != fieldFile+it.Code {
				continue
			}
			if mine++; len(form[it.Code]) >= it.Uploads() {
				problems.Add(it.Code, "too_many", "max", it.Uploads())
				break
			}
			name, problem, err := u.keep(e, d, it, f.Body)
			switch {
			case err != nil:
				return nil, err
			case problem != nil:
				problem.Field = it.Code
				problems = append(problems, *problem)
			default:
				form.Add(it.Code, name)
				form.Del(survey.Mark(it.Code))
			}
		}
		if mine == 0 && form.Get(fieldAction) == actUpload+":"+it.Code {
			problems.Add(it.Code, "upload_missing")
		}
	}
	return problems, nil
}

// keep cleans and stores one file.
func (u *uploads) keep(e *core.RequestEvent, d *draft, it *survey.Item, body []byte) (name string, problem *content.Problem, err error) {
	if !u.p.Exempt(e) {
		if _, wait := u.sent.Take(base.Network(e.RealIP()), u.p.Now()); wait > 0 {
			return "", nil, base.Refuse(http.StatusTooManyRequests, "too_many_requests")
		}
	}
	hash := draftHash(d.token)
	var n int
	if err := u.p.App.DB().NewQuery(`SELECT count(*) FROM survey_uploads WHERE draft = {:draft}`).Bind(dbx.Params{"draft": hash}).Row(&n); err != nil {
		return "", nil, err
	}
	if n >= maxPerDraft {
		return "", nil, base.Refuse(http.StatusTooManyRequests, "too_many_requests")
	}
	var file upload.File
	err = u.p.Decode(e.Request.Context(), func() { file, problem = upload.Clean(body, it.Type == survey.Photo) })
	if err != nil || problem != nil {
		return "", problem, err
	}
	b := make([]byte, 16)
	rand.Read(b)
	name = hex.EncodeToString(b) + "." + file.Ending
	if err := u.write(name, file.Body); err != nil {
		return "", nil, err
	}
	_, err = u.p.App.DB().NewQuery(`INSERT INTO survey_uploads (name, survey, item, draft, day, size)
		VALUES ({:name}, {:survey}, {:item}, {:draft}, {:day}, {:size})`).Bind(dbx.Params{
		"name": name, "survey": d.Slug, "item": it.Code, "draft": hash, "day": u.day(), "size": len(file.Body),
	}).Execute()
	if err != nil {
		return "", nil, errors.Join(err, os.Remove(u.path(name)))
	}
	return name, nil, nil
}

func (u *uploads) day() string { return u.p.Now().In(content.Berlin).Format(time.DateOnly) }

// path spreads files over 256 folders.
func (u *uploads) path(name string) string { return filepath.Join(u.dir, name[:2], name) }

// write makes a file appear whole or not at all. Its time is the beginning of the
// day (UTC): nothing finer is kept.
func (u *uploads) write(name string, body []byte) error {
	to := u.path(name)
	fresh := filepath.Join(u.dir, freshDir)
	if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o700), os.MkdirAll(fresh, 0o700)); err != nil {
		return err
	}
	f, err := os.CreateTemp(fresh, "*")
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		midnight := u.p.Now().UTC().Truncate(24 * time.Hour)
		err = os.Chtimes(f.Name(), midnight, midnight)
	}
	if err == nil {
		err = os.Rename(f.Name(), to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// check looks whether the uploads of answers were made with a draft; without one
// there are none to refer to.
func (u *uploads) check(q survey.Questionnaire, answers survey.Answers, draft string) (problems content.Problems, err error) {
	for p := range q.Pages {
		for i := range q.Pages[p].Items {
			it := &q.Pages[p].Items[i]
			names, _ := answers[it.Code].([]string)
			if it.Type != survey.File && it.Type != survey.Photo || len(names) == 0 {
				continue
			}
			var mine []string
			if draft != "" {
				err = u.p.App.DB().NewQuery(`SELECT name FROM survey_uploads WHERE draft = {:draft} AND survey = {:survey} AND item = {:item}`).
					Bind(dbx.Params{"draft": draft, "survey": q.Slug, "item": it.Code}).Column(&mine)
				if err != nil {
					return nil, err
				}
			}
			if slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(mine, name) }) {
				field := it.Code
				if draft == "" {
					field = "answers." + field
				}
				problems.Add(field, "not_upload")
			}
		}
	}
	return problems, nil
}

// sweep deletes the uploads of drafts that are gone, and files that nothing knows.
func (u *uploads) sweep(ctx context.Context) error {
	var names []string
	err := u.p.App.DB().NewQuery(`SELECT name FROM survey_uploads WHERE draft <> '' AND NOT EXISTS
		(SELECT 1 FROM survey_drafts WHERE hash = draft)`).WithContext(ctx).Column(&names)
	if err != nil {
		return err
	}
	for _, name := range names {
		_, err := u.p.App.DB().NewQuery(`DELETE FROM survey_uploads WHERE name = {:name} AND draft <> ''`).Bind(dbx.Params{"name": name}).WithContext(ctx).Execute()
		if err != nil {
			return err
		}
		if err := os.Remove(u.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return filepath.WalkDir(u.dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil || u.p.Now().Sub(info.ModTime()) < 48*time.Hour {
			return nil // perhaps its row is about to come
		}
		var known int
		err = u.p.App.DB().NewQuery(`SELECT count(*) FROM survey_uploads WHERE name = {:name}`).Bind(dbx.Params{"name": d.Name()}).WithContext(ctx).Row(&known)
		if err != nil || known > 0 {
			return err
		}
		return os.Remove(path)
	})
}

// eraseUploads deletes the files of answers that are not there any more. What was
// sent today or yesterday waits: an answer may be on its way.
func (pt *Participation) eraseUploads(ctx context.Context) error {
	db := pt.p.App.DB()
	var slugs []string
	yesterday := pt.p.Now().In(content.Berlin).AddDate(0, 0, -1).Format(time.DateOnly)
	err := db.NewQuery(`SELECT DISTINCT survey FROM survey_uploads WHERE draft = '' AND day < {:day}`).
		Bind(dbx.Params{"day": yesterday}).WithContext(ctx).Column(&slugs)
	if err != nil {
		return err
	}
	for _, slug := range slugs {
		params := dbx.Params{"survey": slug, "day": yesterday}
		var names []string
		err := db.NewQuery(`SELECT name FROM survey_uploads WHERE survey = {:survey} AND draft = '' AND day < {:day}`).Bind(params).WithContext(ctx).Column(&names)
		if err != nil {
			return err
		}
		lost := map[string]bool{}
		for _, name := range names {
			lost[name] = true
		}
		if err := pt.mentioned(ctx, slug, func(name string) { delete(lost, name) }); err != nil {
			return err
		}
		for name := range lost {
			_, err := pt.p.App.NonconcurrentDB().NewQuery(`DELETE FROM survey_uploads WHERE name = {:name} AND draft = ''`).Bind(dbx.Params{"name": name}).WithContext(ctx).Execute()
			if err != nil {
				return err
			}
			if err := os.Remove(pt.uploads.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

var uploadMention = regexp.MustCompile(`[0-9a-f]{32}\.(?:jpg|png|txt)`)

// mentioned tells every name of an upload that the answers of a survey hold. The
// urn comes first: what leaves it meanwhile is found in the table.
func (pt *Participation) mentioned(ctx context.Context, slug string, found func(name string)) error {
	tell := func(answers string) {
		for _, name := range uploadMention.FindAllString(answers, -1) {
			found(name)
		}
	}
	err := pt.writer.between(ctx, func(w *writer) error {
		if _, err := os.Stat(w.urn.path); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		st, err := w.statements()
		if err != nil {
			return err
		}
		if err := w.begin(st); err != nil {
			return err
		}
		for _, a := range w.urn.answers {
			if a.survey == slug {
				tell(a.answers)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	const some = ` WHERE survey = {:survey} AND (instr(answers, '.jpg"') OR instr(answers, '.png"') OR instr(answers, '.txt"'))`
	rows, err := pt.p.App.DB().NewQuery(`SELECT answers FROM responses` + some + ` UNION ALL SELECT answers FROM response_personal` + some).
		Bind(dbx.Params{"survey": slug}).WithContext(ctx).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var answers string
		if err := rows.Scan(&answers); err != nil {
			return err
		}
		tell(answers)
	}
	return rows.Err()
}

var uploadName = regexp.MustCompile(`^[0-9a-f]{32}\.(jpg|png|txt)$`)

var uploadKinds = map[string]string{".jpg": "image/jpeg", ".png": "image/png", ".txt": "text/plain; charset=utf-8"}

type uploadRow struct {
	Name string `db:"name"`
	Item string `db:"item"`
	Size int64  `db:"size"`
}

// listUploads shows the files of sent answers, ordered by their random names.
func (pt *Participation) listUploads(e *core.RequestEvent) error {
	q, err := pt.surveys.find(e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	var rows []uploadRow
	err = pt.p.App.DB().NewQuery(`SELECT name, item, size FROM survey_uploads WHERE survey = {:survey} AND draft = '' ORDER BY name LIMIT 1000`).
		Bind(dbx.Params{"survey": q.Slug}).All(&rows)
	if err != nil {
		return err
	}
	type line struct{ Name, Question, Kind, Size string }
	lines := make([]line, len(rows))
	for i, r := range rows {
		lines[i] = line{Name: r.Name, Question: r.Item, Kind: strings.TrimPrefix(filepath.Ext(r.Name), "."), Size: survey.FormatNumber(float64(max(r.Size/1024, 1)), content.German) + " KB"}
		if it := q.Item(r.Item); it != nil {
			lines[i].Question = it.Text[content.German]
		}
	}
	return pt.p.Show(e, http.StatusOK, templates, "staff-uploads", base.View{
		Title: pt.p.Words.In(content.German, "staff.uploads.title"), Data: map[string]any{"Slug": q.Slug, "Survey": q.Title[content.German], "Files": lines},
	})
}

// showUpload gives a file of a sent answer to staff. The headers see to it that
// nothing in it runs, whatever it pretends to be.
func (pt *Participation) showUpload(e *core.RequestEvent) error {
	name := e.Request.PathValue("name")
	if !uploadName.MatchString(name) {
		return base.ErrNotFound
	}
	var n int
	err := pt.p.App.DB().NewQuery(`SELECT count(*) FROM survey_uploads WHERE name = {:name} AND survey = {:survey} AND draft = ''`).
		Bind(dbx.Params{"name": name, "survey": e.Request.PathValue("slug")}).Row(&n)
	if err != nil {
		return err
	}
	f, err := os.Open(pt.uploads.path(name))
	if n == 0 || errors.Is(err, fs.ErrNotExist) {
		return base.ErrNotFound
	}
	if err != nil {
		return err
	}
	defer f.Close()
	how := "attachment"
	if kind := filepath.Ext(name); kind != ".txt" {
		how = "inline"
	}
	h := e.Response.Header()
	h.Set("Content-Type", uploadKinds[filepath.Ext(name)])
	h.Set("Content-Disposition", how+`; filename="`+name+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	http.ServeContent(e.Response, e.Request, "", time.Time{}, f)
	return nil
}
