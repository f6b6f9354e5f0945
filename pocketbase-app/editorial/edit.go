package editorial

import (
	"bytes"
	"encoding/json"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// maxForm is the size of an edit form in bytes: a long questionnaire as JSON
// triples in a form's encoding.
const maxForm = 2 << 20

// editPage is what the page of one document shows.
type editPage struct {
	Kind      *Kind
	Slug      string // "" while it is new
	Lang      string
	Tabs      []tab
	Groups    []group // sections of the form
	State     string
	Changed   bool // the site shows an older copy
	Rev       int
	Live      liveness
	Site      string // address on the public site
	History   []revisionRow
	Conflict  []difference
	Who, When string // of the change that came between
	Notice    string
	May       permissions
	Off       bool        // of an event: it is cancelled
	Recurs    bool        // of an event: it has further dates
	Clashes   []eventDate // of an event: others in its room at its time
}

// group is a section of the form. Its fields belong to the page's language or,
// on the German page, to all languages.
type group struct {
	Name   string
	Shared bool // nothing in it is translated
	Fields []shown
}

type tab struct {
	Lang, Label, URL string
	Current, Missing bool
}

func pageLang(e *core.RequestEvent) string {
	if lang := e.Request.URL.Query().Get("sprache"); slices.Contains(content.Languages, lang) {
		return lang
	}
	return content.German
}

func (k *Kind) pathOf(slug, lang string) string {
	at := "/redaktion/" + k.Path + "/" + slug + "/"
	if lang != content.German {
		at += "?sprache=" + lang
	}
	return at
}

func (k *Kind) previewOf(slug, lang string) string {
	at := "/redaktion/" + k.Path + "/" + slug + "/vorschau/"
	if lang != content.German {
		at += "?sprache=" + lang
	}
	return at
}

func (d *Editorial) blank(e *core.RequestEvent, k *Kind) error {
	raw, err := json.Marshal(k.Blank)
	if err != nil || k.Blank == nil {
		raw = []byte("{}")
	}
	form, err := k.form(raw, content.German)
	if err != nil {
		return err
	}
	return d.showEdit(e, k, http.StatusOK, nil, form, nil)
}

func (d *Editorial) create(e *core.RequestEvent, k *Kind) error {
	form, err := base.DecodeFormUpTo(e.Response, e.Request, maxForm)
	if err != nil {
		return err
	}
	doc := document{}
	for name, v := range k.Blank {
		doc[name] = v
	}
	problems := k.fill(doc, form, content.German)
	slug := strings.TrimSpace(form.Get("slug"))
	if slug == "" {
		slug = content.SlugOf(doc.text(k.Title))
	}
	if slices.Contains(ownPages, slug) {
		problems.Add("slug", "taken")
	}
	doc.set("slug", slug)
	canonical, wrong, err := d.finishDraft(k, doc, content.German)
	if err != nil {
		return err
	}
	if problems = append(problems, wrong...); len(problems) == 0 {
		problems, err = d.unknown(k, doc)
	}
	if err == nil && len(problems) == 0 {
		err = d.p.App.RunInTransaction(func(tx core.App) error { return d.add(tx, k, slug, canonical, e.Auth.Id) })
	}
	if errors.As(err, &problems) || len(problems) > 0 {
		return d.showEdit(e, k, http.StatusUnprocessableEntity, nil, form, problems)
	}
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, noticed(k.pathOf(slug, content.German), "gespeichert"))
}

func (d *Editorial) edit(e *core.RequestEvent, k *Kind) error {
	rec, err := stored(d.p.App, k, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	form, err := k.form(docOf(rec), pageLang(e))
	if err != nil {
		return err
	}
	return d.showEdit(e, k, http.StatusOK, rec, form, nil)
}

// save stores a working copy; with the button "veroeffentlichen" it publishes
// it in the same transaction. When somebody else was faster, the answer is 409
// with both copies, and the form keeps everything that was typed.
func (d *Editorial) save(e *core.RequestEvent, k *Kind) error {
	form, err := base.DecodeFormUpTo(e.Response, e.Request, maxForm)
	if err != nil {
		return err
	}
	alsoPublish := form.Get("aktion") == "veroeffentlichen"
	toCheck := alsoPublish && k.Name == "surveys" // people see first what it does to stored answers
	if alsoPublish = alsoPublish && !toCheck; alsoPublish && !may(e).Publish {
		return base.ErrForbidden
	}
	slug, lang := e.Request.PathValue("slug"), pageLang(e)
	rec, err := stored(d.p.App, k, slug)
	if err != nil {
		return err
	}
	rev, _ := strconv.Atoi(form.Get("rev"))
	if rec.GetInt("rev") != rev {
		return d.showConflict(e, k, rec, form)
	}
	doc, err := parse(docOf(rec))
	if err != nil {
		return err
	}
	problems := k.fill(doc, form, lang)
	canonical, wrong, err := d.finishDraft(k, doc, lang)
	if err != nil {
		return err
	}
	if problems = append(problems, wrong...); len(problems) == 0 {
		problems, err = d.unknown(k, doc)
	}
	if err == nil && len(problems) == 0 && k.Name == "surveys" {
		var q survey.Questionnaire
		if err = json.Unmarshal(canonical, &q); err == nil {
			problems, err = fixedBy(d.p.App, slug, q)
		}
	}
	if err == nil && len(problems) == 0 {
		err = d.p.App.RunInTransaction(func(tx core.App) error {
			if err := d.change(tx, k, slug, rev, canonical, e.Auth.Id, didSave); err != nil || !alsoPublish {
				return err
			}
			return d.release(tx, k, slug, 0, e.Auth.Id)
		})
	}
	switch {
	case errors.Is(err, errStale):
		if rec, err = stored(d.p.App, k, slug); err != nil {
			return err
		}
		return d.showConflict(e, k, rec, form)
	case errors.As(err, &problems) || len(problems) > 0:
		return d.showEdit(e, k, http.StatusUnprocessableEntity, rec, form, problems)
	case err != nil:
		return err
	}
	if toCheck {
		return e.Redirect(http.StatusSeeOther, "/redaktion/umfragen/"+slug+"/pruefen/")
	}
	if form.Get("aktion") == "vorschau" {
		return e.Redirect(http.StatusSeeOther, k.previewOf(slug, lang))
	}
	said := "gespeichert"
	if alsoPublish {
		d.Wake()
		said = "veroeffentlicht"
	}
	return e.Redirect(http.StatusSeeOther, noticed(k.pathOf(slug, lang), said))
}

// noticed puts a notice into an address.
func noticed(address, notice string) string {
	if strings.Contains(address, "?") {
		return address + "&meldung=" + notice
	}
	return address + "?meldung=" + notice
}

// unknown finds references to what does not exist.
func (d *Editorial) unknown(k *Kind, doc document) (content.Problems, error) {
	var problems content.Problems
	for _, f := range k.Fields {
		for _, slug := range f.refers(doc) {
			_, err := stored(d.p.App, kindNamed(f.Source), slug)
			switch {
			case errors.Is(err, base.ErrNotFound):
				problems.Add(f.Path, "unknown_option")
			case err != nil:
				return nil, err
			}
		}
	}
	return problems, nil
}

func (d *Editorial) showConflict(e *core.RequestEvent, k *Kind, rec *core.Record, form url.Values) error {
	theirs, err := k.form(docOf(rec), pageLang(e))
	if err != nil {
		return err
	}
	conflict := d.differences(k, pageLang(e), theirs, form)
	return d.showEdit(e, k, http.StatusConflict, rec, form, nil, conflict...)
}

// showEdit shows the page of a document (rec nil: a new one) with the values of
// form. A conflict comes as the differences to what is stored.
func (d *Editorial) showEdit(e *core.RequestEvent, k *Kind, status int, rec *core.Record, form url.Values, problems content.Problems, conflict ...difference) error {
	lang := pageLang(e)
	page := editPage{Kind: k, Lang: lang, State: draft, Conflict: conflict, May: may(e)}
	title := d.word("staff.editorial.new", "kind", d.word("staff.kind_one."+k.Name))
	german := url.Values{}
	if rec != nil {
		if err := d.describe(&page, rec, e); err != nil {
			return err
		}
		title = rec.GetString("title")
		var err error
		if german, err = k.form(docOf(rec), content.German); err != nil {
			return err
		}
	} else {
		page.Lang, lang = content.German, content.German
	}
	if status == http.StatusConflict {
		page.Notice = "staff.editorial.conflict"
	}
	name := ""
	for _, f := range k.Fields {
		if f.Group != "" {
			name = f.Group
		}
		if !f.shown(lang) {
			continue
		}
		shown, err := d.shown(k, f, lang, form, german, problems)
		if err != nil {
			return err
		}
		if n := len(page.Groups); n == 0 || page.Groups[n-1].Name != name {
			page.Groups = append(page.Groups, group{Name: name, Shared: true})
		}
		last := &page.Groups[len(page.Groups)-1]
		last.Fields = append(last.Fields, shown)
		last.Shared = last.Shared && !f.perLanguage()
	}
	return d.p.Show(e, status, templates, "edit", base.View{Title: title, Data: page, Form: form, Problems: problems})
}

// describe fills in what the page says about the stored document.
func (d *Editorial) describe(page *editPage, rec *core.Record, e *core.RequestEvent) error {
	k, slug := page.Kind, rec.GetString("slug")
	page.Slug, page.State, page.Rev = slug, rec.GetString("state"), rec.GetInt("rev")
	page.Changed = page.State == published && string(docOf(rec)) != string(member(rec, "live"))
	var err error
	if page.State != draft {
		if page.Live, err = d.liveness(k, slug); err != nil {
			return err
		}
	}
	if page.History, err = revisions(d.p.App, k, slug, 20); err != nil {
		return err
	}
	if len(page.History) > 0 {
		page.Who, page.When = page.History[0].Name, page.History[0].When()
	}
	if k.Site != "" && page.State == published {
		page.Site = k.address(base.Prefix(page.Lang), slug)
	}
	doc, err := parse(docOf(rec))
	if err != nil {
		return err
	}
	page.Off, page.Recurs = doc.at("cancelled") == true, doc.text("recurrence.of") != ""
	if k.Name == "events" {
		if page.Clashes, err = clashes(d.p.App, slug, doc, d.p.Now()); err != nil {
			return err
		}
	}
	for _, lang := range content.Languages {
		missing := true
		for _, f := range k.Fields {
			missing = missing && !(f.perLanguage() && doc.at(f.in(lang)) != nil && doc.at(f.in(lang)) != "")
		}
		page.Tabs = append(page.Tabs, tab{Lang: lang, Label: d.word("staff.lang." + lang), URL: k.pathOf(slug, lang), Current: lang == page.Lang, Missing: missing})
	}
	notices := map[string]string{"gespeichert": "staff.editorial.saved", "veroeffentlicht": "staff.editorial.published",
		"zurueckgenommen": "staff.editorial.withdrawn", "wiederhergestellt": "staff.editorial.restored",
		"abgesagt": "staff.event.cancelled", "verlegt": "staff.event.moved", "dupliziert": "staff.event.duplicated", "uebernommen": "staff.event.handed_on"}
	page.Notice = notices[e.Request.URL.Query().Get("meldung")]
	return nil
}

// previewBar stands above a preview, so that nobody takes it for the site.
var previewBar = template.Must(template.New("bar").Parse(`<aside class="preview-bar" lang="de" dir="ltr" aria-label="{{.Label}}"><p><strong>{{.Label}}</strong> {{.Text}}</p><p><a class="button button-secondary" href="{{.URL}}">{{.Back}}</a></p></aside>
`))

// preview answers with the page as the site would show it, from the working copy.
func (d *Editorial) preview(e *core.RequestEvent, k *Kind) error {
	slug := e.Request.PathValue("slug")
	rec, err := stored(d.p.App, k, slug)
	if err != nil {
		return err
	}
	cat, err := d.Catalogue(e.Request.Context())
	if err != nil {
		return err
	}
	if cat, err = with(cat, k, docOf(rec)); err != nil {
		return err
	}
	page, err := d.Builder.Preview(e.Request.Context(), cat, k.address(base.Prefix(pageLang(e)), slug))
	if errors.Is(err, fs.ErrNotExist) {
		return base.Refuse(http.StatusNotFound, "no_preview")
	}
	if err != nil {
		d.p.App.Logger().Warn("preview failed", "document", k.Name+"/"+slug, "error", err.Error())
		return base.Refuse(http.StatusUnprocessableEntity, "preview_failed", "why", d.inWords(err))
	}
	var bar bytes.Buffer
	err = previewBar.Execute(&bar, map[string]string{
		"Label": d.word("staff.editorial.preview_label"), "Text": d.word("staff.editorial.preview_text"),
		"Back": d.word("staff.editorial.preview_back"), "URL": k.pathOf(slug, pageLang(e)),
	})
	if err != nil {
		return err
	}
	page = bytes.Replace(page, []byte("<main"), append(bar.Bytes(), "<main"...), 1)
	e.Response.Header().Set("X-Robots-Tag", "noindex")
	return e.Blob(http.StatusOK, "text/html; charset=utf-8", page)
}

func (d *Editorial) publish(e *core.RequestEvent, k *Kind) error {
	return d.act(e, k, "veroeffentlicht", func(tx core.App, slug string, rev int) error {
		return d.release(tx, k, slug, rev, e.Auth.Id)
	})
}

func (d *Editorial) withdraw(e *core.RequestEvent, k *Kind) error {
	return d.act(e, k, "zurueckgenommen", func(tx core.App, slug string, rev int) error {
		return d.takeDown(tx, k, slug, rev, e.Auth.Id)
	})
}

// act does one thing to a document at the revision that the person saw.
func (d *Editorial) act(e *core.RequestEvent, k *Kind, said string, do func(tx core.App, slug string, rev int) error) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	slug := e.Request.PathValue("slug")
	rev, err := strconv.Atoi(form.Get("rev"))
	if err != nil || rev < 1 {
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	err = d.p.App.RunInTransaction(func(tx core.App) error { return do(tx, slug, rev) })
	var problems content.Problems
	switch {
	case errors.Is(err, errStale):
		return base.Refuse(http.StatusConflict, "changed_meanwhile")
	case errors.As(err, &problems) && k.Name == "surveys":
		return d.showCheckPage(e, http.StatusUnprocessableEntity)
	case errors.As(err, &problems):
		rec, err := stored(d.p.App, k, slug)
		if err != nil {
			return err
		}
		shown, err := k.form(docOf(rec), content.German)
		if err != nil {
			return err
		}
		return d.showEdit(e, k, http.StatusUnprocessableEntity, rec, shown, problems)
	case err != nil:
		return err
	}
	d.Wake()
	return e.Redirect(http.StatusSeeOther, noticed(k.pathOf(slug, pageLang(e)), said))
}
