package results

import (
	"bytes"
	"net/http"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// opened are the files of a release; they never change.
type opened struct {
	release content.Results
	files   map[string][]byte
}

// file sends one of the files with the figures of the newest release, and none when
// that was withdrawn.
func (x *Results) file(e *core.RequestEvent) error {
	ctx, slug, name := e.Request.Context(), e.Request.PathValue("slug"), e.Request.PathValue("name")
	kind := ""
	for _, f := range content.ResultFiles {
		if f.Name == name {
			kind = f.Type
		}
	}
	if kind == "" || x.Files == nil {
		return base.ErrNotFound
	}
	db := x.p.App.DB()
	rows, err := releases(ctx, db, slug)
	if err != nil {
		return err
	}
	gone, err := withdrawals(ctx, db, slug)
	if err != nil {
		return err
	}
	if len(rows) == 0 || len(gone) > 0 && gone[len(gone)-1].Number == len(rows) {
		return base.ErrNotFound
	}
	x.files.Lock()
	defer x.files.Unlock()
	o := x.files.of[slug]
	if o.release.Release != len(rows) {
		var cat content.Catalogue
		if err := Publish(ctx, db, &cat); err != nil {
			return err
		}
		for _, r := range cat.Results {
			if r.Survey == slug {
				o.release = r
			}
		}
		if o.files, err = x.Files(ctx, o.release); err != nil {
			return err
		}
		if x.files.of == nil {
			x.files.of = map[string]opened{}
		}
		x.files.of[slug] = o
	}
	h := e.Response.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+slug+"-"+name+`"`)
	h.Set("Cache-Control", "no-cache") // a release may be withdrawn
	http.ServeContent(e.Response, e.Request, name, o.release.Released, bytes.NewReader(o.files[name]))
	return nil
}
