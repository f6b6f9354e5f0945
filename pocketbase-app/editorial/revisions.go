package editorial

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// revisionRow is one line of a document's history.
type revisionRow struct {
	Rev    int    `db:"rev"`
	Action string `db:"action"`
	State  string `db:"state"`
	Name   string `db:"name"`
	At     int64  `db:"at"`
	Doc    string `db:"doc"`
}

// When is the moment of the revision in Berlin.
func (r revisionRow) When() string { return berlin(fromMilli(r.At)) }

const revisionColumns = `SELECT r.rev, r.action, r.state, r.at, COALESCE(s.name, r.actor) AS name`

func revisions(app core.App, k *Kind, slug string, limit int) ([]revisionRow, error) {
	var rows []revisionRow
	err := app.DB().NewQuery(revisionColumns + `, '' AS doc FROM revisions r LEFT JOIN staff s ON s.id = r.actor
		WHERE r.kind = {:kind} AND r.slug = {:slug} ORDER BY r.rev DESC LIMIT {:limit}`).
		Bind(dbx.Params{"kind": k.Name, "slug": slug, "limit": limit}).All(&rows)
	return rows, err
}

func oneRevision(app core.App, k *Kind, slug string, rev int) (revisionRow, error) {
	var row revisionRow
	err := app.DB().NewQuery(revisionColumns + `, r.doc FROM revisions r LEFT JOIN staff s ON s.id = r.actor
		WHERE r.kind = {:kind} AND r.slug = {:slug} AND r.rev = {:rev}`).
		Bind(dbx.Params{"kind": k.Name, "slug": slug, "rev": rev}).One(&row)
	if base.IsNoRows(err) {
		return row, base.ErrNotFound
	}
	return row, err
}

// difference is one field that two people wrote differently.
type difference struct{ Label, Theirs, Yours string }

// differences lists the fields in which two copies differ, as the form shows them.
func (d *Editorial) differences(k *Kind, lang string, theirs, yours url.Values) []difference {
	var out []difference
	for _, f := range k.Fields {
		if !f.shown(lang) {
			continue
		}
		was, is := f.words(theirs, lang), f.words(yours, lang)
		if was != is {
			out = append(out, difference{Label: d.label(f), Theirs: was, Yours: is})
		}
	}
	return out
}

// words is what a form says for a field, in one text.
func (f field) words(form url.Values, lang string) string {
	path := f.in(lang)
	switch f.Type {
	case asMoment:
		return strings.TrimSpace(form.Get(path+"_date") + " " + form.Get(path+"_time"))
	case asChoices:
		return strings.Join(slices.DeleteFunc(slices.Clone(form[path]), func(s string) bool { return s == "" }), ", ")
	case asFlag:
		if slices.Contains(form[path], "ja") {
			return "ja"
		}
		return ""
	case asRows:
		var lines []string
		for i := range maxRows {
			sub, words := sentRow(form, rowAt(path, i)), []string{}
			for _, c := range f.Columns {
				if w := c.words(sub, lang); w != "" && c.shown(lang) {
					words = append(words, w)
				}
			}
			if len(words) > 0 {
				lines = append(lines, strings.Join(words, " "))
			}
		}
		return strings.Join(lines, "\n")
	}
	return strings.TrimSpace(form.Get(path))
}

// revisionPage shows an old copy beside the newest one.
type revisionPage struct {
	Kind *Kind
	Slug string
	Old  revisionRow
	Rev  int
	Rows []difference // per language: old copy as Theirs, newest as Yours
	May  permissions
}

func (d *Editorial) revision(e *core.RequestEvent, k *Kind) error {
	rec, old, err := d.oldAndNew(e, k)
	if err != nil {
		return err
	}
	page := revisionPage{Kind: k, Slug: rec.GetString("slug"), Old: old, Rev: rec.GetInt("rev"), May: may(e)}
	for _, lang := range content.Languages {
		was, err := k.form(json.RawMessage(old.Doc), lang)
		if err != nil {
			return err
		}
		is, err := k.form(docOf(rec), lang)
		if err != nil {
			return err
		}
		for _, row := range d.differences(k, lang, was, is) {
			row.Label += " (" + d.word("staff.lang."+lang) + ")"
			page.Rows = append(page.Rows, row)
		}
	}
	if k.Name == "surveys" {
		rows, err := d.questionnaireDifferences(json.RawMessage(old.Doc), docOf(rec))
		if err != nil {
			return err
		}
		page.Rows = append(page.Rows, rows...)
	}
	return d.p.Show(e, http.StatusOK, templates, "revision", base.View{Title: rec.GetString("title"), Data: page})
}

func (d *Editorial) oldAndNew(e *core.RequestEvent, k *Kind) (*core.Record, revisionRow, error) {
	rec, err := stored(d.p.App, k, e.Request.PathValue("slug"))
	if err != nil {
		return nil, revisionRow{}, err
	}
	rev, err := strconv.Atoi(e.Request.PathValue("rev"))
	if err != nil {
		return nil, revisionRow{}, base.ErrNotFound
	}
	old, err := oneRevision(d.p.App, k, rec.GetString("slug"), rev)
	return rec, old, err
}

// restore makes an old copy the working copy again; publishing it is another step.
func (d *Editorial) restore(e *core.RequestEvent, k *Kind) error {
	_, old, err := d.oldAndNew(e, k)
	if err != nil {
		return err
	}
	return d.act(e, k, "wiederhergestellt", func(tx core.App, slug string, rev int) error {
		return d.change(tx, k, slug, rev, json.RawMessage(old.Doc), e.Auth.Id, didRestore)
	})
}
