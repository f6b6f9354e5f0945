package editorial

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// pageForm is the form of one page of a questionnaire.
type pageForm struct {
	New      bool
	Was      string
	Title    base.Field
	Code     base.Field
	Section  selectView
	Random   shown
	Rule     ruleView
	Values   []option
	Conflict bool
}

// pageOf finds the page of the address; index -1 for a new one.
func pageOf(e *core.RequestEvent, w workingCopy) (int, error) {
	code := e.Request.PathValue("code")
	if code == "" {
		return -1, nil
	}
	if p := pageAt(&w.Questionnaire, code); p >= 0 {
		return p, nil
	}
	return 0, base.ErrNotFound
}

func (d *Editorial) editPage(e *core.RequestEvent) error {
	w, err := d.workingCopy(d.p.App, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	p, err := pageOf(e, w)
	if err != nil {
		return err
	}
	form := url.Values{}
	if p >= 0 {
		page := w.Pages[p]
		form = url.Values{"code": {page.Code}, "title.de": {german(page.Title)}, "section": {page.Section}}
		if page.Random {
			form.Set("random", "ja")
		}
		showRule(form, "show_if", page.ShowIf)
	}
	return d.showPageForm(e, http.StatusOK, w, p, form, nil)
}

func (d *Editorial) showPageForm(e *core.RequestEvent, status int, w workingCopy, p int, form url.Values, problems content.Problems) error {
	at := p
	if p < 0 {
		at = len(w.Pages)
	}
	known := before(&w.Questionnaire, at, 0)
	view := pageForm{New: p < 0, Title: d.input("title.de", d.word("staff.item.page_title"), form, problems), Code: d.input("code", d.word("staff.item.code"), form, problems),
		Random: d.flag("random", "staff.item.page_random", form, problems), Rule: d.ruleView("show_if", d.word("staff.builder.show_page_if"), form, known, problems, 2),
		Values: valueOptions(known), Conflict: status == http.StatusConflict}
	view.Title.Required = true
	view.Code.Help, view.Code.MaxLength = d.word("staff.itemhelp.code"), "40"
	view.Section.Field = d.input("section", d.word("staff.item.section"), form, problems)
	for _, s := range w.Sections {
		view.Section.Options = append(view.Section.Options, option{s.Code, short(german(s.Title)), s.Code == form.Get("section")})
	}
	title := d.word("staff.builder.new_page")
	if p >= 0 {
		view.Was = w.Pages[p].Code
		title = d.word("staff.builder.page", "n", p+1, "title", short(german(w.Pages[p].Title)))
	}
	return d.showBuilder(e, status, w, "page", "fragen", title, base.View{Form: form, Problems: problems}, view)
}

func (d *Editorial) savePage(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	slug := e.Request.PathValue("slug")
	w, err := d.workingCopy(d.p.App, slug)
	if err != nil {
		return err
	}
	p, err := pageOf(e, w)
	if err != nil {
		return err
	}
	at := p
	if p < 0 {
		at = len(w.Pages)
	} else if rev, _ := strconv.Atoi(form.Get("rev")); rev != w.rev {
		return d.showPageForm(e, http.StatusConflict, w, p, form, nil)
	}
	var page survey.Page
	if p >= 0 {
		page = w.Pages[p]
	}
	var problems content.Problems
	page.Title = withGerman(page.Title, strings.TrimSpace(form.Get("title.de")))
	page.Section, page.Random = form.Get("section"), form.Get("random") == "ja"
	page.ShowIf = readRule(form, "show_if", before(&w.Questionnaire, at, 0), &problems)
	if page.Code = strings.TrimSpace(form.Get("code")); page.Code == "" {
		taken := pageCodes(&w.Questionnaire)
		if p >= 0 {
			delete(taken, w.Pages[p].Code)
		}
		page.Code = freeCode(itemCodeOf(german(page.Title), "seite"), taken)
	}
	put := func(q *survey.Questionnaire) {
		if p < 0 {
			q.Pages = append(q.Pages, page)
		} else {
			page.Items = q.Pages[p].Items
			q.Pages[p] = page
		}
	}
	if len(problems) == 0 {
		q := cloned(w.Questionnaire)
		put(&q)
		prefix := "pages." + strconv.Itoa(at) + "."
		for _, problem := range q.Validate() {
			rest, mine := strings.CutPrefix(problem.Field, prefix)
			if !mine && problem.Code == "twice" && strings.HasPrefix(problem.Field, "pages.") && strings.Count(problem.Field, ".") == 2 {
				rest, mine = "code", true // a later page has the same code
			}
			if mine && rest != "items" && !strings.HasPrefix(rest, "items.") {
				problem.Field = rest
				problems = append(problems, d.onItemForm(problem))
			}
		}
	}
	if len(problems) == 0 {
		err = d.rewrite(e, w.rev, func(q *survey.Questionnaire) error { put(q); return nil })
	}
	switch {
	case errors.Is(err, errStale):
		return base.Refuse(http.StatusConflict, "changed_meanwhile")
	case errors.As(err, &problems) || len(problems) > 0:
		return d.showPageForm(e, http.StatusUnprocessableEntity, w, p, form, problems)
	case err != nil:
		return err
	}
	return e.Redirect(http.StatusSeeOther, builderPath(slug, "?meldung=gespeichert&knopf=titel&bei=seite-"+page.Code))
}
