package editorial

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// The builder is where editors make a questionnaire out of pages and questions.
// Every step changes the working copy of the survey and leaves a revision.

// builderPage is what every page of the builder shows.
type builderPage struct {
	View    string // which part of builder.html
	Slug    string
	Name    string // title of the survey
	Rev     int
	Tab     string
	Notice  string
	Deleted bool // the last step took something away: it can be undone
	May     permissions
	Content any
}

func (d *Editorial) bindBuilder(se *core.ServeEvent, read, write, publish func(*core.RequestEvent) error) {
	d.p.Route(se, "GET", "/redaktion/umfragen/{slug}/fragen/{$}", d.showOverview, read)
	d.p.Route(se, "POST", "/redaktion/umfragen/{slug}/fragen/{$}", d.actOnOverview, write)
	d.p.Route(se, "GET", "/redaktion/umfragen/{slug}/fragen/neue-frage/{$}", d.newItem, write)
	d.p.RouteWithFiles(se, "/redaktion/umfragen/{slug}/fragen/neue-frage/{$}", d.saveItem, write)
	d.p.Route(se, "GET", "/redaktion/umfragen/{slug}/fragen/frage/{code}/{$}", d.editItem, read)
	d.p.RouteWithFiles(se, "/redaktion/umfragen/{slug}/fragen/frage/{code}/{$}", d.saveItem, write)
	d.p.Route(se, "GET", "/umfragen/bilder/{name}", d.showPicture)
	d.p.Route(se, "GET", "/redaktion/umfragen/{slug}/fragen/neue-seite/{$}", d.editPage, write)
	d.p.Route(se, "POST", "/redaktion/umfragen/{slug}/fragen/neue-seite/{$}", d.savePage, write)
	d.p.Route(se, "GET", "/redaktion/umfragen/{slug}/fragen/abschnitte/{$}", d.showSections, read)
	d.p.Route(se, "POST", "/redaktion/umfragen/{slug}/fragen/abschnitte/{$}", d.saveSections, write)
	d.p.Route(se, "GET", "/redaktion/umfragen/{slug}/fragen/quoten/{$}", d.showQuotas, read)
	d.p.Route(se, "POST", "/redaktion/umfragen/{slug}/fragen/quoten/{$}", d.saveQuotas, write)
	d.p.Route(se, "GET", "/redaktion/umfragen/{slug}/fragen/json/{$}", d.showExpert, read)
	d.p.Route(se, "POST", "/redaktion/umfragen/{slug}/fragen/json/{$}", d.saveExpert, write)
	d.p.Route(se, "GET", "/redaktion/umfragen/{slug}/uebersetzen/{$}", d.showTranslate, read)
	d.p.Route(se, "POST", "/redaktion/umfragen/{slug}/uebersetzen/{$}", d.saveTranslate, write)
	d.p.Route(se, "GET", "/redaktion/umfragen/{slug}/testen/{$}", d.showTest, read)
	d.p.Route(se, "POST", "/redaktion/umfragen/{slug}/testen/{$}", d.actOnTest, write)
	d.p.Route(se, "GET", "/redaktion/umfragen/{slug}/pruefen/{$}", d.showCheck, read)
	d.p.Route(se, "GET", "/redaktion/umfragen/{slug}/ausgabe/{format}/{$}", d.export, read)
	d.p.Route(se, "POST", "/redaktion/umfragen/{slug}/archivieren/{$}", d.archive, publish)
	d.p.Route(se, "GET", "/redaktion/umfragen/vorlagen/{$}", d.showStart, write)
	d.p.Route(se, "POST", "/redaktion/umfragen/vorlagen/{$}", d.startSurvey, write)
	d.p.Route(se, "GET", "/redaktion/umfragen/import/{$}", d.showImport, write)
	d.p.Route(se, "POST", "/redaktion/umfragen/import/{$}", d.importSurvey, write)
	d.p.RoutePublic(se, "GET", "/umfragen/{slug}/probe/{token}/{$}", d.showProbe)
	d.p.RoutePublic(se, "POST", "/umfragen/{slug}/probe/{token}/{$}", d.takeProbe)
	d.p.Route(se, "GET", "/redaktion/umfragen/bibliothek/{$}", d.showLibrary, read)
	d.p.Route(se, "POST", "/redaktion/umfragen/bibliothek/{$}", d.dropFromLibrary, write)
	d.p.Route(se, "GET", "/redaktion/umfragen/{slug}/fragen/seite/{code}/{$}", d.editPage, read)
	d.p.Route(se, "POST", "/redaktion/umfragen/{slug}/fragen/seite/{code}/{$}", d.savePage, write)
}

func surveyKind() *Kind { return kindNamed("surveys") }

// workingCopy is the working copy of a survey.
type workingCopy struct {
	survey.Questionnaire
	rec *core.Record
	rev int
}

func (d *Editorial) workingCopy(app core.App, slug string) (workingCopy, error) {
	rec, err := stored(app, surveyKind(), slug)
	if err != nil {
		return workingCopy{}, err
	}
	w := workingCopy{rec: rec, rev: rec.GetInt("rev")}
	err = json.Unmarshal(docOf(rec), &w.Questionnaire)
	return w, err
}

// DraftOf gives the working copy of a survey, which may not be fit to be
// published; base.ErrNotFound when there is no such survey.
func (d *Editorial) DraftOf(slug string) (survey.Questionnaire, error) {
	w, err := d.workingCopy(d.p.App, slug)
	return w.Questionnaire, err
}

// rewrite changes the working copy of a survey at a revision; errStale when it is
// another one by now.
func (d *Editorial) rewrite(e *core.RequestEvent, rev int, change func(q *survey.Questionnaire) error) error {
	slug := e.Request.PathValue("slug")
	return d.p.App.RunInTransaction(func(tx core.App) error {
		w, err := d.workingCopy(tx, slug)
		if err != nil {
			return err
		}
		if w.rev != rev {
			return errStale
		}
		if err := change(&w.Questionnaire); err != nil {
			return err
		}
		doc, err := json.Marshal(w.Questionnaire)
		if err != nil {
			return err
		}
		if len(doc) > maxDocument {
			return content.Problems{{Field: "text.de", Code: "too_large_document"}}
		}
		return d.change(tx, surveyKind(), slug, rev, doc, e.Auth.Id, didSave)
	})
}

func builderPath(slug, step string) string { return "/redaktion/umfragen/" + slug + "/fragen/" + step }

// show answers with a page of the builder.
func (d *Editorial) showBuilder(e *core.RequestEvent, status int, w workingCopy, view, tab, title string, v base.View, c any) error {
	q := e.Request.URL.Query()
	page := builderPage{View: view, Slug: w.rec.GetString("slug"), Name: w.rec.GetString("title"), Rev: w.rev, Tab: tab, May: may(e), Content: c}
	if said := q.Get("meldung"); said != "" && status == http.StatusOK {
		if page.Notice = d.wordOr("staff.builder.said." + said); said == "geloescht" {
			page.Deleted = page.May.Write
		}
	}
	v.Title, v.Data = title, page
	return d.p.Show(e, status, templates, "builder", v)
}

// pageRow is one page in the overview.
type pageRow struct {
	survey.Page
	N           int
	First, Last bool
	Section     string
	Rule        string
	Items       []itemRow
	Heading     string
	Focus       string // the button that was pressed last: it takes the focus
	Others      []pageName
}

type pageName struct{ Code, Name string }

// itemRow is one question in the overview.
type itemRow struct {
	survey.Item
	Number      string // "3" of questions, "" of texts between them
	First, Last bool   // of the whole questionnaire
	Label, Kind string
	Rule        string
	Options     []string
	Focus       string
	Problems    int
}

type overviewPage struct {
	Pages     []pageRow
	Questions int
	Minutes   int
	Types     []option
	Items     []libraryEntry
	WholePage []libraryEntry
	Problems  int
	Comments  int
}

// numbered gives every question its number and says what it is called in rules.
func numbered(q survey.Questionnaire) map[string]string {
	n, numbers := 0, map[string]string{}
	for _, it := range q.Items() {
		if it.Asks() {
			n++
			numbers[it.Code] = strconv.Itoa(n)
		}
	}
	return numbers
}

// explain writes a rule in German words, questions with their numbers.
func (d *Editorial) explain(q survey.Questionnaire, e condition.Expr) string {
	numbers := numbered(q)
	return q.Explain(e, d.p.Words, content.German, func(it *survey.Item) string {
		if n := numbers[it.Code]; n != "" {
			return d.word("staff.builder.question_n", "n", n)
		}
		return "„" + it.Code + "“"
	})
}

func german(t content.Text) string { return t[content.German] }

// short cuts a text for headings and lists.
func short(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 120 {
		return string(r[:119]) + "…"
	}
	return s
}

func (d *Editorial) showOverview(e *core.RequestEvent) error {
	w, err := d.workingCopy(d.p.App, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	asked := e.Request.URL.Query()
	at, button := asked.Get("bei"), asked.Get("knopf")
	view := overviewPage{Minutes: w.EstimatedMinutes(), Types: d.typeOptions("")}
	if view.Items, view.WholePage, err = d.library(); err != nil {
		return err
	}
	problems := w.Validate()
	view.Problems = len(problems)
	if view.Comments, err = d.openComments(w.Slug); err != nil {
		return err
	}
	numbers := numbered(w.Questionnaire)
	view.Questions = len(numbers)
	var names []pageName
	for i, p := range w.Pages {
		names = append(names, pageName{p.Code, strconv.Itoa(i+1) + ". " + short(german(p.Title))})
	}
	all, n := len(w.Questionnaire.Items()), 0
	for i, p := range w.Pages {
		row := pageRow{Page: p, N: i + 1, First: i == 0, Last: i == len(w.Pages)-1, Rule: d.explain(w.Questionnaire, p.ShowIf), Heading: short(german(p.Title))}
		for _, s := range w.Sections {
			if s.Code == p.Section {
				row.Section = german(s.Title)
			}
		}
		if at == "seite-"+p.Code {
			if row.Focus = button; button != "kopieren" && button != "merken" {
				row.Focus = focused(button, row.First, row.Last)
			}
		}
		for _, name := range names {
			if name.Code != p.Code {
				row.Others = append(row.Others, name)
			}
		}
		for j, it := range p.Items {
			n++
			item := itemRow{Item: it, Number: numbers[it.Code], First: n == 1, Last: n == all, Label: short(german(it.Text)),
				Kind: d.word("staff.type." + string(it.Type)), Rule: d.explain(w.Questionnaire, it.ShowIf)}
			for _, o := range it.Options {
				item.Options = append(item.Options, short(german(o.Text)))
			}
			prefix := "pages." + strconv.Itoa(i) + ".items." + strconv.Itoa(j) + "."
			for _, q := range problems {
				if strings.HasPrefix(q.Field, prefix) {
					item.Problems++
				}
			}
			if at == "frage-"+it.Code {
				item.Focus = focused(button, item.First, item.Last)
			}
			row.Items = append(row.Items, item)
		}
		view.Pages = append(view.Pages, row)
	}
	return d.showBuilder(e, http.StatusOK, w, "overview", "fragen", d.word("staff.builder.questions_of", "survey", w.rec.GetString("title")), base.View{}, view)
}

// focused is what takes the focus after a button: the same one, or the title when
// it is not there any more.
func focused(button string, first, last bool) string {
	if button == "hoch" && !first || button == "runter" && !last {
		return button
	}
	return "titel"
}

func (d *Editorial) typeOptions(chosen survey.Type) []option {
	var out []option
	for _, t := range survey.Types {
		out = append(out, option{string(t), d.word("staff.type." + string(t)), t == chosen})
	}
	return out
}

// where tells at which page and place an item stands, -1 when nowhere.
func where(q *survey.Questionnaire, code string) (page, item int) {
	for p := range q.Pages {
		for i := range q.Pages[p].Items {
			if q.Pages[p].Items[i].Code == code {
				return p, i
			}
		}
	}
	return -1, -1
}

func pageAt(q *survey.Questionnaire, code string) int {
	return slices.IndexFunc(q.Pages, func(p survey.Page) bool { return p.Code == code })
}

// actOnOverview does one step: "was" is the thing ("seite" or "frage"), "code" its
// code, "aktion" the button.
func (d *Editorial) actOnOverview(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	slug := e.Request.PathValue("slug")
	rev, err := strconv.Atoi(form.Get("rev"))
	if err != nil || rev < 1 {
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	action, code := form.Get("aktion"), form.Get("code")
	back := url.Values{"meldung": {"geaendert"}, "bei": {form.Get("was") + "-" + code}, "knopf": {action}}
	if action == "rueckgaengig" {
		err := d.undo(e, rev)
		if errors.Is(err, errStale) {
			return base.Refuse(http.StatusConflict, "changed_meanwhile")
		}
		if err != nil {
			return err
		}
		return e.Redirect(http.StatusSeeOther, builderPath(slug, "?meldung=rueckgaengig"))
	}
	var saved, entry *libraryEntry
	if action == "einfuegen" {
		if entry, err = d.libraryEntry(form.Get("eintrag")); err != nil {
			return err
		}
	}
	err = d.rewrite(e, rev, func(q *survey.Questionnaire) error {
		switch form.Get("was") {
		case "eintrag":
			if entry == nil {
				return base.Refuse(http.StatusBadRequest, "bad_request")
			}
			return entry.insert(q, code, back)
		case "frage":
			return d.actOnItem(q, action, code, form, back, &saved)
		case "seite":
			return d.actOnPage(q, action, code, back, &saved)
		}
		return base.Refuse(http.StatusBadRequest, "bad_request")
	})
	if err == nil && saved != nil {
		err = d.keepInLibrary(*saved)
		back.Set("meldung", "gemerkt")
	}
	switch {
	case errors.Is(err, errStale):
		return base.Refuse(http.StatusConflict, "changed_meanwhile")
	case err != nil:
		return err
	}
	return e.Redirect(http.StatusSeeOther, builderPath(slug, "?"+back.Encode()))
}

// undo makes the revision before the newest the working copy again.
func (d *Editorial) undo(e *core.RequestEvent, rev int) error {
	slug := e.Request.PathValue("slug")
	return d.p.App.RunInTransaction(func(tx core.App) error {
		old, err := oneRevision(tx, surveyKind(), slug, rev-1)
		if err != nil {
			return err
		}
		return d.change(tx, surveyKind(), slug, rev, json.RawMessage(old.Doc), e.Auth.Id, didRestore)
	})
}

func (d *Editorial) actOnItem(q *survey.Questionnaire, action, code string, form, back url.Values, saved **libraryEntry) error {
	p, i := where(q, code)
	if p < 0 {
		return base.ErrNotFound
	}
	it := q.Pages[p].Items[i]
	take := func() { q.Pages[p].Items = slices.Delete(slices.Clone(q.Pages[p].Items), i, i+1) }
	put := func(page, at int) { q.Pages[page].Items = slices.Insert(slices.Clone(q.Pages[page].Items), at, it) }
	switch action {
	case "hoch":
		switch take(); {
		case i > 0:
			put(p, i-1)
		case p > 0:
			put(p-1, len(q.Pages[p-1].Items))
		default:
			put(p, i)
		}
	case "runter":
		switch take(); {
		case i < len(q.Pages[p].Items):
			put(p, i+1)
		case p < len(q.Pages)-1:
			put(p+1, 0)
		default:
			put(p, i)
		}
	case "verschieben":
		to := pageAt(q, form.Get("ziel"))
		if to < 0 {
			return content.Problems{{Field: "ziel", Code: "required"}}
		}
		take()
		put(to, len(q.Pages[to].Items))
	case "kopieren":
		it = cloned(it)
		it.Code = freeCode(it.Code, codesOf(q))
		put(p, i+1)
		back.Set("bei", "frage-"+it.Code)
	case "loeschen":
		take()
		back.Set("meldung", "geloescht")
		back.Set("bei", "seite-"+q.Pages[p].Code)
		back.Del("knopf")
	case "merken":
		doc, err := json.Marshal(it)
		*saved = &libraryEntry{Kind: "item", Title: short(german(it.Text)), Doc: string(doc)}
		return err
	default:
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	return nil
}

func (d *Editorial) actOnPage(q *survey.Questionnaire, action, code string, back url.Values, saved **libraryEntry) error {
	p := pageAt(q, code)
	if p < 0 {
		return base.ErrNotFound
	}
	pages := slices.Clone(q.Pages)
	switch action {
	case "hoch":
		if p > 0 {
			pages[p-1], pages[p] = pages[p], pages[p-1]
		}
	case "runter":
		if p < len(pages)-1 {
			pages[p+1], pages[p] = pages[p], pages[p+1]
		}
	case "kopieren":
		page := freshPage(q, pages[p])
		pages = slices.Insert(pages, p+1, page)
		back.Set("bei", "seite-"+page.Code)
	case "loeschen":
		pages = slices.Delete(pages, p, p+1)
		back.Set("meldung", "geloescht")
		back.Del("bei")
	case "merken":
		doc, err := json.Marshal(pages[p])
		*saved = &libraryEntry{Kind: "page", Title: short(german(pages[p].Title)), Doc: string(doc)}
		return err
	default:
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	q.Pages = pages
	return nil
}

// codesOf are the codes of all items.
func codesOf(q *survey.Questionnaire) map[string]bool {
	taken := map[string]bool{}
	for _, it := range q.Items() {
		taken[it.Code] = true
	}
	return taken
}

func pageCodes(q *survey.Questionnaire) map[string]bool {
	taken := map[string]bool{}
	for _, p := range q.Pages {
		taken[p.Code] = true
	}
	return taken
}

// freeCode makes a code that is not taken: "way", "way_2", "way_3"; it takes it.
func freeCode(code string, taken map[string]bool) string {
	free := code
	for n := 2; taken[free]; n++ {
		end := "_" + strconv.Itoa(n)
		free = strings.TrimRight(code[:min(len(code), 40-len(end))], "_") + end
	}
	taken[free] = true
	return free
}

// codeOf makes a code of a text: "Wie kommen Sie her?" → "wie_kommen_sie_her".
func codeOf(text, otherwise string) string {
	code := strings.ReplaceAll(content.SlugOf(text), "-", "_")
	if len(code) > 30 {
		code = code[:30]
		if i := strings.LastIndexByte(code, '_'); i > 10 {
			code = code[:i]
		}
	}
	code = strings.TrimRight(code, "_")
	if code == "" {
		return otherwise
	}
	return code
}

// itemCodeOf is codeOf for what must begin with a letter.
func itemCodeOf(text, otherwise string) string {
	code := codeOf(text, otherwise)
	if code[0] < 'a' {
		code = otherwise + "_" + code
	}
	return code
}

func cloned[T any](v T) T {
	var c T
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		panic("editorial: a questionnaire is not JSON: " + err.Error()) // it came from JSON
	}
	return c
}

// freshPage copies a page for a questionnaire in which its codes may be taken;
// conditions inside the page follow the new codes.
func freshPage(q *survey.Questionnaire, page survey.Page) survey.Page {
	page = cloned(page)
	page.Code = freeCode(page.Code, pageCodes(q))
	taken := codesOf(q)
	for i := range page.Items {
		from := page.Items[i].Code
		to := freeCode(from, taken)
		page.Items[i].Code = to
		for j := range page.Items {
			renameIn(&page.Items[j], from, to)
		}
	}
	return page
}

// renameIn changes the code of an item in everything that another item says of it.
func renameIn(it *survey.Item, from, to string) {
	if from == to {
		return
	}
	texts := []*content.Text{&it.Text, &it.Help}
	it.ShowIf, it.Formula = it.ShowIf.Rename(from, to), it.Formula.Rename(from, to)
	for _, list := range [][]survey.Option{it.Options, it.Rows} {
		for i := range list {
			list[i].ShowIf = list[i].ShowIf.Rename(from, to)
			texts = append(texts, &list[i].Text)
		}
	}
	for _, t := range texts {
		renamePipes(*t, from, to)
	}
}

func renamePipes(t content.Text, from, to string) {
	for lang, s := range t {
		t[lang] = strings.NewReplacer("{"+from+"}", "{"+to+"}", "{"+from+".", "{"+to+".").Replace(s)
	}
}

// renameItem gives an item another code everywhere in the questionnaire.
func renameItem(q *survey.Questionnaire, from, to string) {
	for p := range q.Pages {
		q.Pages[p].ShowIf = q.Pages[p].ShowIf.Rename(from, to)
		renamePipes(q.Pages[p].Title, from, to)
		for i := range q.Pages[p].Items {
			renameIn(&q.Pages[p].Items[i], from, to)
		}
	}
	for i := range q.Quotas {
		q.Quotas[i].When = q.Quotas[i].When.Rename(from, to)
	}
}
