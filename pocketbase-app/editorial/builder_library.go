package editorial

import (
	"encoding/json"
	"net/http"
	"net/url"

	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// libraryEntry is a question or a page that editors keep for other surveys.
type libraryEntry struct {
	ID    int64  `db:"id"`
	Kind  string `db:"kind"` // item, page
	Title string `db:"title"`
	Doc   string `db:"doc"`
}

func (d *Editorial) library() (items, pages []libraryEntry, err error) {
	var all []libraryEntry
	err = d.p.App.DB().NewQuery(`SELECT id, kind, title, doc FROM survey_library ORDER BY title, id`).All(&all)
	for _, entry := range all {
		if entry.Kind == "page" {
			pages = append(pages, entry)
		} else {
			items = append(items, entry)
		}
	}
	return items, pages, err
}

func (d *Editorial) keepInLibrary(entry libraryEntry) error {
	_, err := d.p.App.NonconcurrentDB().NewQuery(`INSERT INTO survey_library (kind, title, doc) VALUES ({:kind}, {:title}, {:doc})`).
		Bind(dbx.Params{"kind": entry.Kind, "title": entry.Title, "doc": entry.Doc}).Execute()
	return err
}

func (d *Editorial) libraryEntry(id string) (*libraryEntry, error) {
	var entry libraryEntry
	err := d.p.App.DB().NewQuery(`SELECT id, kind, title, doc FROM survey_library WHERE id = {:id}`).Bind(dbx.Params{"id": id}).One(&entry)
	if base.IsNoRows(err) {
		return nil, base.ErrNotFound
	}
	return &entry, err
}

// insert puts a question behind the others of a page, or a page behind the
// others, with codes that are free here. Rules that speak of questions which this
// survey lacks are left to the check.
func (entry libraryEntry) insert(q *survey.Questionnaire, page string, back url.Values) error {
	if entry.Kind == "page" {
		var p survey.Page
		if err := json.Unmarshal([]byte(entry.Doc), &p); err != nil {
			return err
		}
		p = freshPage(q, p)
		p.Section = ""
		q.Pages = append(q.Pages, p)
		back.Set("bei", "seite-"+p.Code)
		back.Set("knopf", "titel")
		return nil
	}
	at := pageAt(q, page)
	if at < 0 {
		return base.ErrNotFound
	}
	var it survey.Item
	if err := json.Unmarshal([]byte(entry.Doc), &it); err != nil {
		return err
	}
	it.Code = freeCode(it.Code, codesOf(q))
	q.Pages[at].Items = append(q.Pages[at].Items, it)
	back.Set("bei", "frage-"+it.Code)
	back.Set("knopf", "titel")
	return nil
}

type libraryList struct {
	Name    string // key of its words
	Entries []libraryEntry
}

// showLibrary lists what is kept.
func (d *Editorial) showLibrary(e *core.RequestEvent) error {
	items, pages, err := d.library()
	if err != nil {
		return err
	}
	notice := d.wordOr("staff.builder.said." + e.Request.URL.Query().Get("meldung"))
	return d.p.Show(e, http.StatusOK, templates, "builder", base.View{Title: d.word("staff.builder.library"),
		Data: builderPage{View: "library", May: may(e), Notice: notice, Content: map[string]any{"Lists": []libraryList{{"staff.builder.library_items", items}, {"staff.builder.library_pages", pages}}}}})
}

func (d *Editorial) dropFromLibrary(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	res, err := d.p.App.NonconcurrentDB().NewQuery(`DELETE FROM survey_library WHERE id = {:id}`).Bind(dbx.Params{"id": form.Get("eintrag")}).Execute()
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return base.ErrNotFound
	}
	return e.Redirect(http.StatusSeeOther, "/redaktion/umfragen/bibliothek/?meldung=entfernt")
}
