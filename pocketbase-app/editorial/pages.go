package editorial

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// maxForm is the size of an edit form in bytes: a long questionnaire as JSON
// triples in a form's encoding.
const maxForm = 2 << 20

// perPage is how many documents a list shows at once.
const perPage = 100

func pocketTime(s string) time.Time {
	t, _ := types.ParseDateTime(s)
	return t.Time()
}

// listPage is what the list of one kind shows.
type listPage struct {
	Kind   *Kind
	States []string
	Rows   []docRow
	Total  int
	Back   string // address of the page before, "" on the first
	More   string // address of the next page, "" on the last
	May    permissions
}

func (d *Editorial) list(e *core.RequestEvent, k *Kind) error {
	q := e.Request.URL.Query()
	rows, err := d.documents(e.Request.Context(), k, "TRUE", -1)
	if err != nil {
		return err
	}
	state, search := q.Get("stand"), strings.ToLower(strings.TrimSpace(q.Get("suche")))
	rows = slices.DeleteFunc(rows, func(r docRow) bool {
		if state == "changed" && !r.Changed || state != "" && state != "changed" && r.State != state {
			return true
		}
		return !strings.Contains(strings.ToLower(r.Title), search)
	})
	page := listPage{Kind: k, States: []string{draft, published, "changed", withdrawn}, Total: len(rows), May: may(e)}
	n, _ := strconv.Atoi(q.Get("seite"))
	n = max(n, 1)
	at := func(n int) string {
		return "/redaktion/" + k.Path + "/?" + url.Values{"stand": {state}, "suche": {q.Get("suche")}, "seite": {strconv.Itoa(n)}}.Encode()
	}
	if n > 1 {
		page.Back = at(n - 1)
	}
	if n*perPage < len(rows) {
		page.More = at(n + 1)
	}
	page.Rows = rows[min((n-1)*perPage, len(rows)):min(n*perPage, len(rows))]
	return d.p.Show(e, http.StatusOK, templates, "list", base.View{
		Title: d.word("staff.kind." + k.Name), Data: page, Form: url.Values{"stand": {state}, "suche": {q.Get("suche")}},
	})
}

// editPage is what the page of one document shows.
type editPage struct {
	Kind      *Kind
	Slug      string // "" while it is new
	Lang      string
	Tabs      []tab
	Texts     []shown // fields of the page's language
	Facts     []shown // fields of all languages
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
}

type tab struct {
	Lang, Label, URL string
	Current, Missing bool
}

// difference is one field that two people wrote differently.
type difference struct{ Label, Theirs, Yours string }

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
		slug = slugOf(doc.text(k.Title))
	}
	if slug == "neu" {
		problems.Add("slug", "taken")
	}
	doc.set("slug", slug)
	canonical, wrong, err := d.finish(k, doc, content.German)
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
	if alsoPublish && !may(e).Publish {
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
	canonical, wrong, err := d.finish(k, doc, lang)
	if err != nil {
		return err
	}
	if problems = append(problems, wrong...); len(problems) == 0 {
		problems, err = d.unknown(k, doc)
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
		slug := doc.text(f.Path)
		if f.Source == "" || slug == "" {
			continue
		}
		_, err := stored(d.p.App, kindNamed(f.Source), slug)
		switch {
		case errors.Is(err, base.ErrNotFound):
			problems.Add(f.Path, "unknown_option")
		case err != nil:
			return nil, err
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
	case asPools:
		var lines []string
		for i := range poolRows {
			at := path + "." + strconv.Itoa(i) + "."
			line := strings.TrimSpace(form.Get(at+"code") + " " + form.Get(at+"size") + " " + form.Get(at+"label."+lang))
			if line != "" {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "\n")
	}
	return strings.TrimSpace(form.Get(path))
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
	for _, f := range k.Fields {
		if !f.shown(lang) {
			continue
		}
		shown, err := d.shown(k, f, lang, form, german, problems)
		if err != nil {
			return err
		}
		if f.perLanguage() {
			page.Texts = append(page.Texts, shown)
		} else {
			page.Facts = append(page.Facts, shown)
		}
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
	for _, lang := range content.Languages {
		missing := true
		for _, f := range k.Fields {
			missing = missing && !(f.perLanguage() && doc.at(f.in(lang)) != nil && doc.at(f.in(lang)) != "")
		}
		page.Tabs = append(page.Tabs, tab{Lang: lang, Label: d.word("staff.lang." + lang), URL: k.pathOf(slug, lang), Current: lang == page.Lang, Missing: missing})
	}
	notices := map[string]string{"gespeichert": "staff.editorial.saved", "veroeffentlicht": "staff.editorial.published",
		"zurueckgenommen": "staff.editorial.withdrawn", "wiederhergestellt": "staff.editorial.restored"}
	page.Notice = notices[e.Request.URL.Query().Get("meldung")]
	return nil
}

// shown is one field as the template sees it.
type shown struct {
	base.Field
	Type    string
	Options []option
	Clock   base.Field // the time of a moment
	Pools   []poolRow
	German  string // the German text, on pages of other languages
	On      bool   // of a flag
}

type option struct {
	Code, Label string
	Chosen      bool
}

// poolRow is one row of the pools: three inputs, or only the label on the page
// of another language.
type poolRow struct{ Code, Size, Label base.Field }

func (d *Editorial) label(f field) string { return d.word("staff.field." + f.name()) }

// wordOr gives the words of a key, or "" when nobody wrote any.
func (d *Editorial) wordOr(key string) string {
	if s := d.word(key); s != key {
		return s
	}
	return ""
}

func (d *Editorial) input(name, label string, form url.Values, problems content.Problems) base.Field {
	f := base.Field{Name: name, Label: label, Type: "text", Value: form.Get(name), Rows: "6"}
	for _, q := range problems {
		if q.Field == name {
			f.Problem = d.p.Words.Say(content.German, q)
			break
		}
	}
	return f
}

func (d *Editorial) shown(k *Kind, f field, lang string, form, german url.Values, problems content.Problems) (shown, error) {
	path := f.in(lang)
	s := shown{Type: f.Type, Field: d.input(path, d.label(f), form, problems)}
	s.Help = d.wordOr("staff.help." + f.name())
	s.Required = f.Required && (lang == content.German || f.name() == "title" || f.name() == "name")
	if f.perLanguage() && lang != content.German {
		s.Lang = content.Locale(lang)
		s.German = german.Get(f.in(content.German))
	}
	switch f.Type {
	case asFlag:
		s.On = slices.Contains(form[path], "ja")
	case asText:
		s.Rows = "3"
	case asJSON:
		s.Rows = "20"
	case asNumber, asCents:
		s.InputMode = "decimal"
	case asMoment:
		at := s.Field
		s.Field = d.input(path+"_date", d.word("staff.editorial.date_of", "what", at.Label), form, problems)
		s.Clock = d.input(path+"_time", d.word("staff.editorial.time_of", "what", at.Label), form, problems)
		s.Field.Type, s.Clock.Type = "date", "time"
		s.Help, s.Required = at.Help, at.Required
	case asPools:
		s.Pools = d.poolRows(path, lang, form, problems)
	case asChoice, asChoices:
		options, err := d.options(f, form[path])
		s.Options = options
		return s, err
	}
	return s, nil
}

func (d *Editorial) options(f field, chosen []string) ([]option, error) {
	var out []option
	for _, code := range f.Options {
		out = append(out, option{code, d.word("staff.option." + f.name() + "." + code), slices.Contains(chosen, code)})
	}
	if f.Source == "" {
		return out, nil
	}
	var rows []struct {
		Slug  string `db:"slug"`
		Title string `db:"title"`
	}
	err := d.p.App.DB().NewQuery(`SELECT slug, title FROM {{` + f.Source + `}} ORDER BY title`).All(&rows)
	for _, r := range rows {
		out = append(out, option{r.Slug, r.Title, slices.Contains(chosen, r.Slug)})
	}
	return out, err
}

// poolRows shows the pools there are and, on the German page, two empty rows.
func (d *Editorial) poolRows(path, lang string, form url.Values, problems content.Problems) []poolRow {
	var rows []poolRow
	empty := 2
	for i := 0; i < poolRows && empty > 0; i++ {
		at := path + "." + strconv.Itoa(i) + "."
		number := strconv.Itoa(i + 1)
		row := poolRow{
			Code:  d.input(at+"code", d.word("staff.field.pool_code", "n", number), form, problems),
			Size:  d.input(at+"size", d.word("staff.field.pool_size", "n", number), form, problems),
			Label: d.input(at+"label."+lang, d.word("staff.field.pool_label", "n", number), form, problems),
		}
		row.Size.InputMode = "numeric"
		if row.Code.Value == "" && row.Size.Value == "" && row.Label.Value == "" {
			empty--
		}
		if lang != content.German {
			if row.Code.Value == "" {
				break
			}
			row.Label.Label = row.Code.Value
			row.Label.Lang = content.Locale(lang)
		}
		rows = append(rows, row)
	}
	return rows
}

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
