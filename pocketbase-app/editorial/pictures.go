package editorial

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Pictures of options are kept once, by the hash of their content, and named by
// the questionnaires that show them. A name never gets another content.
const (
	// pictureAge lets browsers keep a picture without ever asking again.
	pictureAge = "public, max-age=31536000, immutable"
	// mostPictures is how many files one form may bring.
	mostPictures = 24
	// unusedPicture is how long a picture waits to be used by a questionnaire that
	// somebody is writing.
	unusedPicture = 48 * time.Hour
	// undoPicture is how long old revisions, which can be made the working copy
	// again, keep theirs.
	undoPicture = 30 * 24 * time.Hour
)

// fields of an option's picture in the form, behind "options.N."
const (
	pictureName   = "image"
	pictureFile   = "file"
	pictureAlt    = "alt.de"
	pictureRemove = "noimage"
)

// withPictures are the types whose options may have pictures.
func withPictures(t survey.Type) bool { return t == survey.SingleChoice || t == survey.MultipleChoice }

// takePictures makes the pictures that a form brought anew and puts their names
// into it. The problems are those of the files, at their fields.
func (d *Editorial) takePictures(e *core.RequestEvent, form url.Values, files []base.SentFile, leftOut []string) (problems content.Problems, err error) {
	for _, f := range files {
		at, ok := strings.CutSuffix(f.Field, pictureFile)
		if !ok || !strings.HasPrefix(at, "options.") {
			continue
		}
		pic, problem, err := d.p.Picture(e.Request.Context(), f.Body)
		if err != nil {
			return nil, err
		}
		if problem != nil {
			problem.Field = f.Field
			problems = append(problems, *problem)
			continue
		}
		if err := d.keepPicture(pic); err != nil {
			return nil, err
		}
		form.Set(at+pictureName, pic.Name)
		form.Del(at + pictureRemove)
	}
	for _, field := range leftOut {
		problems.Add(field, "too_many_files", "max", mostPictures)
	}
	return problems, nil
}

func (d *Editorial) keepPicture(pic base.Picture) error {
	_, err := d.p.App.NonconcurrentDB().NewQuery(`INSERT INTO survey_pictures (name, added, body) VALUES ({:name}, {:now}, {:body})
		ON CONFLICT (name) DO UPDATE SET added = excluded.added`).
		Bind(dbx.Params{"name": pic.Name, "now": d.p.Now().UnixMilli(), "body": pic.Body}).Execute()
	return err
}

// picture gives the content of a picture; base.ErrNotFound when it is not kept.
func (d *Editorial) picture(app core.App, name string) (body []byte, err error) {
	if !base.IsPictureName(name) {
		return nil, base.ErrNotFound
	}
	err = app.DB().NewQuery(`SELECT body FROM survey_pictures WHERE name = {:name}`).Bind(dbx.Params{"name": name}).Row(&body)
	if base.IsNoRows(err) {
		return nil, base.ErrNotFound
	}
	return body, err
}

func (d *Editorial) showPicture(e *core.RequestEvent) error {
	name := e.Request.PathValue("name")
	body, err := d.picture(d.p.App, name)
	if err != nil {
		return err
	}
	return base.ServePicture(e, name, body, pictureAge)
}

// imageAt is the picture of an option and where it stands.
type imageAt struct {
	*survey.Image
	Field string // "pages.0.items.1.options.2."
}

func imagesOf(q *survey.Questionnaire) (all []imageAt) {
	for p := range q.Pages {
		for i := range q.Pages[p].Items {
			for o := range q.Pages[p].Items[i].Options {
				if image := q.Pages[p].Items[i].Options[o].Image; image != nil {
					all = append(all, imageAt{image, "pages." + strconv.Itoa(p) + ".items." + strconv.Itoa(i) + ".options." + strconv.Itoa(o) + "."})
				}
			}
		}
	}
	return all
}

// pictureProblems says what is wrong with the pictures of a questionnaire that
// Validate cannot know: a picture that is not kept, and one that is not described
// in every language of the survey (WCAG 1.1.1).
func (d *Editorial) pictureProblems(app core.App, q *survey.Questionnaire, languages ...string) (problems content.Problems, err error) {
	for _, image := range imagesOf(q) {
		var n int
		err := app.DB().NewQuery(`SELECT count(*) FROM survey_pictures WHERE name = {:name}`).Bind(dbx.Params{"name": image.Name}).Row(&n)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			problems.Add(image.Field+"image", "picture_gone")
		}
		for _, lang := range languages {
			if strings.TrimSpace(image.Alt[lang]) == "" {
				problems.Add(image.Field+"alt."+lang, "required")
			}
		}
	}
	return problems, nil
}

// SweepPictures deletes pictures that no questionnaire names: no working copy, no
// published version, none in the library and no revision of the last 30 days. It
// returns how many there were.
func (d *Editorial) SweepPictures(ctx context.Context) (deleted int64, err error) {
	const unused = `added <= {:before}
		AND NOT EXISTS (SELECT 1 FROM surveys WHERE instr(doc, name) OR instr(live, name))
		AND NOT EXISTS (SELECT 1 FROM survey_versions WHERE instr(questionnaire, name))
		AND NOT EXISTS (SELECT 1 FROM survey_library WHERE instr(doc, name))
		AND NOT EXISTS (SELECT 1 FROM revisions WHERE kind = 'surveys' AND at > {:recent} AND instr(doc, name))`
	now := d.p.Now()
	params := dbx.Params{"before": now.Add(-unusedPicture).UnixMilli(), "recent": now.Add(-undoPicture).UnixMilli()}
	var names []string
	if err := d.p.App.DB().NewQuery(`SELECT name FROM survey_pictures WHERE ` + unused).Bind(params).WithContext(ctx).Column(&names); err != nil {
		return 0, err
	}
	for _, name := range names { // one at a time, looked at again under the lock
		params["name"] = name
		res, err := d.p.App.NonconcurrentDB().NewQuery(`DELETE FROM survey_pictures WHERE name = {:name} AND ` + unused).Bind(params).WithContext(ctx).Execute()
		if err != nil {
			return deleted, err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return deleted, err
		}
		deleted += n
	}
	return deleted, nil
}

// bringPictures keeps the pictures of a file that came from another server and
// names them anew; what cannot be had is taken out of the questionnaire and told.
func (d *Editorial) bringPictures(ctx context.Context, q *survey.Questionnaire, sent map[string][]byte) (gone []string, err error) {
	names := map[string]string{}
	for _, image := range imagesOf(q) {
		if _, done := names[image.Name]; done {
			continue
		}
		body, embedded := sent[image.Name]
		if !embedded {
			if _, err := d.picture(d.p.App, image.Name); err == nil {
				names[image.Name] = image.Name
			}
			continue
		}
		pic, problem, err := d.p.Picture(ctx, body)
		if err != nil {
			return nil, err
		}
		if problem != nil {
			continue
		}
		if err := d.keepPicture(pic); err != nil {
			return nil, err
		}
		names[image.Name] = pic.Name
	}
	for p := range q.Pages {
		for i := range q.Pages[p].Items {
			it := &q.Pages[p].Items[i]
			for o := range it.Options {
				image := it.Options[o].Image
				if image == nil {
					continue
				}
				if image.Name = names[image.Name]; image.Name == "" {
					it.Options[o].Image = nil
					gone = append(gone, it.Code+"."+it.Options[o].Code)
					if it.Look == survey.Pictures {
						it.Look = ""
					}
				}
			}
		}
	}
	slices.Sort(gone)
	return gone, nil
}

// embedded are the pictures of a questionnaire for a file that goes elsewhere.
func (d *Editorial) embedded(q *survey.Questionnaire) (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, image := range imagesOf(q) {
		if all[image.Name] != nil {
			continue
		}
		body, err := d.picture(d.p.App, image.Name)
		if err == nil {
			all[image.Name] = body
		} else if err != base.ErrNotFound {
			return nil, err
		}
	}
	return all, nil
}
