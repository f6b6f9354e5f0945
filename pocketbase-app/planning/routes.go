package planning

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// overview is what /planung/ shows.
type overview struct {
	Surveys []surveyView
	Files   []fileView
}

// exportsPart is what a survey's page tells about files.
type exportsPart struct {
	Files   []fileView
	Running *fileView // of any survey
}

// fileView is a file as the pages show it.
type fileView struct {
	file
	Title     string // of the survey
	Made      string // day and time
	Until     string // day
	Size      string
	Who       string
	Downloads []downloadView
}

type downloadView struct{ Who, At string }

// showSurveys is GET /planung/.
func (pl *Planning) showSurveys(e *core.RequestEvent) error {
	ctx := e.Request.Context()
	surveys, err := pl.surveys(ctx)
	if err != nil {
		return err
	}
	files, err := pl.views(ctx, "", 50, surveys)
	if err != nil {
		return err
	}
	return pl.p.Show(e, http.StatusOK, pages, "surveys", base.View{
		Title: pl.word("staff.planning.title"), Data: overview{surveys, files},
	})
}

// exportsPart looks up the files of a survey.
func (pl *Planning) exportsPart(ctx context.Context, view surveyView) (part exportsPart, err error) {
	if part.Files, err = pl.views(ctx, view.Slug, 200, []surveyView{view}); err != nil {
		return part, err
	}
	var running string
	err = pl.p.App.DB().NewQuery(`SELECT id FROM export_files WHERE state = 'building'`).WithContext(ctx).Row(&running)
	if base.IsNoRows(err) {
		return part, nil
	}
	if err != nil {
		return part, err
	}
	f, err := pl.file(ctx, running)
	part.Running = &fileView{file: f, Title: f.Survey}
	return part, err
}

// views lists files with their downloads.
func (pl *Planning) views(ctx context.Context, slug string, limit int, surveys []surveyView) ([]fileView, error) {
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
			file: f, Title: f.Survey, Size: size(f.Bytes), Who: f.Author, Downloads: downloads[f.ID],
			Made: minute(f.Created), Until: time.UnixMilli(f.Expires).In(content.Berlin).Format("02.01.2006"),
		}
		for _, s := range surveys {
			if s.Slug == f.Survey {
				v.Title = s.Title
			}
		}
		if f.CreatedBy == system {
			v.Who = pl.word("staff.planning.by_night")
		} else if v.Who == "" {
			v.Who = pl.word("staff.planning.by_former")
		}
		views[i] = v
	}
	return views, nil
}

// downloads lists who took which file, the last first.
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

func minute(ms int64) string {
	return time.UnixMilli(ms).In(content.Berlin).Format("02.01.2006, 15:04") + " Uhr"
}

func size(n int64) string {
	if n < 1_000_000 {
		return strconv.FormatInt((n+999)/1000, 10) + " kB"
	}
	return strings.Replace(fmt.Sprintf("%.1f MB", float64(n)/1e6), ".", ",", 1)
}

// Number is the same for files.
func (fileView) Number(n int) string { return surveyView{}.Number(n) }

// startExport is POST /planung/<slug>/exporte/.
func (pl *Planning) startExport(e *core.RequestEvent) error {
	view, err := pl.survey(e.Request.Context(), e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	if _, err := pl.begin(e.Request.Context(), view.Slug, base.Staff(e).Id); err != nil {
		return err
	}
	select {
	case pl.asked <- struct{}{}:
	default:
	}
	return e.Redirect(http.StatusSeeOther, "/planung/"+view.Slug+"/#exporte")
}

// cancelExport is POST /planung/exporte/<id>/abbrechen/. Cancelling what is
// finished does nothing.
func (pl *Planning) cancelExport(e *core.RequestEvent) error {
	f, err := pl.file(e.Request.Context(), e.Request.PathValue("id"))
	if err != nil {
		return err
	}
	if _, err := pl.cancel(f.ID); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/planung/"+f.Survey+"/#exporte")
}

// download is GET /planung/exporte/<id>/: it is noted who took the file before
// the first byte goes out.
func (pl *Planning) download(e *core.RequestEvent) error {
	f, err := pl.file(e.Request.Context(), e.Request.PathValue("id"))
	if err != nil {
		return err
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
	h.Set("Content-Type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
	h.Set("Content-Length", strconv.FormatInt(f.Bytes, 10))
	h.Set("Cache-Control", "no-store")
	if e.Request.Method == http.MethodHead {
		return nil
	}
	if err := pl.noteDownload(e.Request.Context(), f.ID, base.Staff(e).Id); err != nil {
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
