package ideas

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/upload"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// An idea may have one picture. It is made anew when it comes, waits under the key
// of its form until the idea is sent, and is public only as long as its idea is.
const (
	maxAlt = 300
	// pictureWaits is how long a picture is kept whose form was not sent.
	pictureWaits = 24 * time.Hour
	// mostWaiting bounds the pictures of forms that were not sent, about 200 MB.
	mostWaiting = 1000
	// publicAge is how long browsers may show a picture after its idea was taken off.
	publicAge = "public, max-age=300"
)

func pictureForm(key string) string { return base.Hash("idea picture", key) }

// takePicture keeps the picture that a form brought, or drops the one that it
// brought before. What is wrong stands at the field "picture".
func (x *Ideas) takePicture(e *core.RequestEvent, key string, form url.Values, files []base.SentFile) (content.Problems, error) {
	app, id := x.Platform.App, pictureForm(key)
	if form.Get("no_picture") == "ja" {
		form.Del("no_picture")
		_, err := app.NonconcurrentDB().NewQuery(`DELETE FROM idea_pictures WHERE form = {:form} AND idea IS NULL`).Bind(dbx.Params{"form": id}).Execute()
		if err != nil {
			return nil, err
		}
	}
	_, sent, err := broughtPicture(app.DB(), key)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.Field != "picture" || sent { // the same form once more
			continue
		}
		refused := func(code string) (content.Problems, error) {
			return content.Problems{{Field: "picture", Code: code}}, nil
		}
		if !x.Platform.Exempt(e) {
			if _, wait := x.pictures.Take(base.Network(e.RealIP()), x.Platform.Now()); wait > 0 {
				return refused("idea_picture_later")
			}
		}
		pic, problem, err := x.Platform.Picture(e.Request.Context(), f.Body)
		if err != nil {
			return nil, err
		}
		if problem != nil {
			problem.Field = "picture"
			return content.Problems{*problem}, nil
		}
		res, err := app.NonconcurrentDB().NewQuery(`INSERT INTO idea_pictures (form, name, added, body)
			SELECT {:form}, {:name}, {:now}, {:body} WHERE (SELECT count(*) FROM idea_pictures WHERE idea IS NULL) < {:most}
			ON CONFLICT (form) DO UPDATE SET name = excluded.name, added = excluded.added, body = excluded.body WHERE idea IS NULL`).
			Bind(dbx.Params{"form": id, "name": pic.Name, "now": x.Platform.Now().UnixMilli(), "body": pic.Body, "most": mostWaiting}).Execute()
		if err != nil {
			return nil, err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			if err != nil {
				return nil, err
			}
			return refused("idea_picture_later")
		}
	}
	return nil, nil
}

// broughtPicture is the name of the picture that a form has brought, "" when none;
// sent: it belongs to an idea by now.
func broughtPicture(db dbx.Builder, key string) (name string, sent bool, err error) {
	err = db.NewQuery(`SELECT name, idea IS NOT NULL FROM idea_pictures WHERE form = {:form}`).Bind(dbx.Params{"form": pictureForm(key)}).Row(&name, &sent)
	if base.IsNoRows(err) {
		err = nil
	}
	return name, sent, err
}

// attach gives the picture of a form to its idea.
func attach(tx core.App, number int64, key, alt string) error {
	_, err := tx.DB().NewQuery(`UPDATE idea_pictures SET idea = {:idea}, alt = {:alt} WHERE form = {:form} AND idea IS NULL`).
		Bind(dbx.Params{"idea": number, "alt": alt, "form": pictureForm(key)}).Execute()
	return err
}

func dropPicture(tx core.App, number int64) error {
	_, err := tx.DB().NewQuery(`DELETE FROM idea_pictures WHERE idea = {:idea}`).Bind(dbx.Params{"idea": number}).Execute()
	return err
}

// describe changes what the picture of an idea is said to show.
func describe(tx core.App, number int64, alt string) error {
	_, err := tx.DB().NewQuery(`UPDATE idea_pictures SET alt = {:alt} WHERE idea = {:idea}`).Bind(dbx.Params{"idea": number, "alt": alt}).Execute()
	return err
}

func checkAlt(ps *content.Problems, form url.Values) string {
	alt := checkText(ps, "alt", form.Get("alt"), 0, maxAlt, false)
	return strings.Join(strings.Fields(alt), " ")
}

// altOf is what the picture of an idea shows, in words of its author or else ours.
func (x *Ideas) altOf(i *Idea, lang string) string {
	if i.Alt != "" || i.Picture == "" {
		return i.Alt
	}
	return x.word(lang, "idea.picture_alt", "title", i.Title)
}

// publicPicture shows the picture of a released idea to everybody.
func (x *Ideas) publicPicture(e *core.RequestEvent) error {
	name := e.Request.PathValue("name")
	if !base.IsPictureName(name) {
		return base.ErrNotFound
	}
	return x.servePicture(e, publicAge, `p.name = {:value} AND i.state = 'released'`, name)
}

// staffPicture shows the picture of any idea to moderators.
func (x *Ideas) staffPicture(e *core.RequestEvent) error {
	n, err := number(e)
	if err != nil {
		return err
	}
	return x.servePicture(e, "no-store", `p.idea = {:value}`, n)
}

// minePicture shows authors their own.
func (x *Ideas) minePicture(e *core.RequestEvent) error {
	i, _, err := x.mine(e)
	if err != nil {
		return err
	}
	return x.servePicture(e, "no-store", `p.idea = {:value}`, i.Number)
}

func (x *Ideas) servePicture(e *core.RequestEvent, cache, where string, value any) error {
	var pic struct {
		Name string `db:"name"`
		Body []byte `db:"body"`
	}
	err := x.Platform.App.DB().NewQuery(`SELECT p.name, p.body FROM idea_pictures p JOIN ideas i ON i.number = p.idea WHERE ` + where + ` LIMIT 1`).
		Bind(dbx.Params{"value": value}).One(&pic)
	if base.IsNoRows(err) {
		return base.ErrNotFound
	}
	if err != nil {
		return err
	}
	return base.ServePicture(e, pic.Name, pic.Body, cache)
}

// forgetPictures deletes the pictures of forms that nobody sent.
func (x *Ideas) forgetPictures(ctx context.Context) (int, error) {
	res, err := x.Platform.App.NonconcurrentDB().NewQuery(`DELETE FROM idea_pictures WHERE idea IS NULL AND added <= {:before}`).
		Bind(dbx.Params{"before": x.Platform.Now().Add(-pictureWaits).UnixMilli()}).WithContext(ctx).Execute()
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// decodeForm reads the form of an idea with its picture.
func decodeForm(e *core.RequestEvent) (url.Values, []base.SentFile, error) {
	return base.DecodeFormWithFiles(e.Response, e.Request, upload.MaxBytes)
}

func staffPicturePath(number int64) string {
	return "/redaktion/ideen/" + strconv.FormatInt(number, 10) + "/bild/"
}
