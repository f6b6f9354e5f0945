package editorial

import (
	"errors"
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

// textAt is one text of a questionnaire. Path names it by codes, so that it stays
// the same when questions move: "items.way.options.tram.text".
type textAt struct {
	Path  string
	Where string
	Text  *content.Text
	Long  bool
}

// textsOf lists all texts in the order in which people read them.
func (d *Editorial) textsOf(q *survey.Questionnaire) (all []textAt) {
	add := func(path, where string, t *content.Text, long bool) {
		all = append(all, textAt{path, where, t, long})
	}
	add("title", d.word("staff.field.title"), &q.Title, false)
	add("intro", d.word("staff.field.intro"), &q.Intro, true)
	for i := range q.Sections {
		s := &q.Sections[i]
		add("sections."+s.Code+".title", d.word("staff.builder.sections_n", "n", i+1), &s.Title, false)
	}
	numbers := numbered(*q)
	for p := range q.Pages {
		page := &q.Pages[p]
		add("pages."+page.Code+".title", d.word("staff.builder.page_n", "n", p+1), &page.Title, false)
		for i := range page.Items {
			it := &page.Items[i]
			at, where := "items."+it.Code+".", d.word("staff.builder.text_between")
			if n := numbers[it.Code]; n != "" {
				where = d.word("staff.builder.question_n", "n", n)
			}
			add(at+"text", where, &it.Text, it.Type == survey.Info)
			add(at+"help", where+": "+d.word("staff.item.help"), &it.Help, true)
			add(at+"min_label", where+": "+d.word("staff.item.min_label"), &it.MinLabel, false)
			add(at+"max_label", where+": "+d.word("staff.item.max_label"), &it.MaxLabel, false)
			for list, options := range map[string][]survey.Option{"rows": it.Rows} {
				for k := range options {
					add(at+list+"."+options[k].Code+".text", where+", "+d.word("staff.builder.rows_n", "n", k+1), &options[k].Text, false)
				}
			}
			for k := range it.Options {
				o := &it.Options[k]
				name := where + ", " + d.word("staff.builder.options_n", "n", k+1)
				add(at+"options."+o.Code+".text", name, &o.Text, false)
				if o.Image != nil {
					add(at+"options."+o.Code+".alt", name+": "+d.word("staff.item.alt"), &o.Image.Alt, false)
				}
			}
		}
	}
	for i := range q.Quotas {
		add("quotas."+q.Quotas[i].Code+".reason", d.word("staff.builder.quotas_n", "n", i+1), &q.Quotas[i].Reason, true)
	}
	add("thanks", d.word("staff.field.thanks"), &q.Thanks, true)
	return all
}

// translatePage shows the German texts beside those of another language, what is
// missing first.
type translatePage struct {
	Lang, Locale string
	LangName     string
	Tabs         []tab
	Spoken       bool // the survey is offered in this language
	Missing      int
	All          int
	Groups       []translateGroup
	Conflict     []difference
}

type translateGroup struct {
	Name  string
	Texts []shown
}

// translateLang is the language of the address, English when it names none.
func translateLang(e *core.RequestEvent) string {
	if lang := pageLang(e); lang != content.German {
		return lang
	}
	return content.English
}

func (d *Editorial) showTranslate(e *core.RequestEvent) error {
	w, err := d.workingCopy(d.p.App, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	lang := translateLang(e)
	form := url.Values{}
	for _, t := range d.textsOf(&w.Questionnaire) {
		form.Set(t.Path, (*t.Text)[lang])
	}
	return d.showTranslateForm(e, http.StatusOK, w, lang, form, nil, nil)
}

func (d *Editorial) showTranslateForm(e *core.RequestEvent, status int, w workingCopy, lang string, form url.Values, problems content.Problems, conflict []difference) error {
	view := translatePage{Lang: lang, Locale: content.Locale(lang), LangName: d.word("staff.lang." + lang), Spoken: slices.Contains(w.Languages, lang), Conflict: conflict}
	for _, other := range content.Languages[1:] {
		view.Tabs = append(view.Tabs, tab{Lang: other, Label: d.word("staff.lang." + other), Current: other == lang,
			URL: "/redaktion/umfragen/" + w.rec.GetString("slug") + "/uebersetzen/?sprache=" + other})
	}
	missing, there := translateGroup{Name: d.word("staff.builder.missing_texts")}, translateGroup{Name: d.word("staff.builder.written_texts")}
	for _, t := range d.textsOf(&w.Questionnaire) {
		if german(*t.Text) == "" {
			continue
		}
		view.All++
		f := shown{Type: asLine, Field: d.input(t.Path, t.Where, form, problems), Beside: true, German: german(*t.Text)}
		if f.Lang = view.Locale; t.Long {
			f.Type, f.Rows = asText, "3"
		}
		if (*t.Text)[lang] == "" { // as it is stored: what is typed keeps its place
			view.Missing++
			missing.Texts = append(missing.Texts, f)
		} else {
			there.Texts = append(there.Texts, f)
		}
	}
	for _, g := range []translateGroup{missing, there} {
		if len(g.Texts) > 0 {
			view.Groups = append(view.Groups, g)
		}
	}
	return d.showBuilder(e, status, w, "translate", "uebersetzen", d.word("staff.builder.translate", "lang", view.LangName), base.View{Form: form, Problems: problems}, view)
}

// saveTranslate stores the texts of one language. Somebody else's change of the
// very same texts answers 409 with both.
func (d *Editorial) saveTranslate(e *core.RequestEvent) error {
	form, err := base.DecodeFormUpTo(e.Response, e.Request, maxForm)
	if err != nil {
		return err
	}
	slug, lang := e.Request.PathValue("slug"), translateLang(e)
	w, err := d.workingCopy(d.p.App, slug)
	if err != nil {
		return err
	}
	if rev, _ := strconv.Atoi(form.Get("rev")); rev != w.rev {
		conflict, err := d.translateConflict(slug, lang, rev, w, form)
		if err != nil {
			return err
		}
		if len(conflict) > 0 {
			return d.showTranslateForm(e, http.StatusConflict, w, lang, form, nil, conflict)
		}
	}
	put := func(q *survey.Questionnaire) {
		for _, t := range d.textsOf(q) {
			sent, ok := form[t.Path]
			if !ok || german(*t.Text) == "" {
				continue
			}
			if s := strings.TrimSpace(sent[0]); s != "" {
				(*t.Text)[lang] = s
			} else {
				delete(*t.Text, lang)
			}
		}
	}
	q := cloned(w.Questionnaire)
	old := map[string]bool{}
	for _, p := range q.Validate() {
		old[p.Field+p.Code] = true
	}
	put(&q)
	var problems content.Problems
	for _, p := range q.Validate() {
		if !old[p.Field+p.Code] && strings.HasSuffix(p.Field, "."+lang) {
			p.Field = codePath(&q, strings.TrimSuffix(p.Field, "."+lang))
			problems = append(problems, p)
		}
	}
	if len(problems) == 0 {
		err = d.rewrite(e, w.rev, func(now *survey.Questionnaire) error { put(now); return nil })
	}
	switch {
	case errors.Is(err, errStale):
		return base.Refuse(http.StatusConflict, "changed_meanwhile")
	case errors.As(err, &problems) || len(problems) > 0:
		return d.showTranslateForm(e, http.StatusUnprocessableEntity, w, lang, form, problems, nil)
	case err != nil:
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/redaktion/umfragen/"+slug+"/uebersetzen/?meldung=gespeichert&sprache="+lang)
}

// translateConflict lists the texts that somebody else wrote since a revision and
// that the form would write otherwise.
func (d *Editorial) translateConflict(slug, lang string, rev int, w workingCopy, form url.Values) ([]difference, error) {
	was, err := d.questionnaireAt(slug, rev)
	if err != nil {
		return nil, err
	}
	before := map[string]string{}
	for _, t := range d.textsOf(&was) {
		before[t.Path] = (*t.Text)[lang]
	}
	var out []difference
	for _, t := range d.textsOf(&w.Questionnaire) {
		now, typed := (*t.Text)[lang], strings.TrimSpace(form.Get(t.Path))
		if _, sent := form[t.Path]; !sent || now == before[t.Path] {
			continue
		}
		if typed == before[t.Path] { // only they changed it
			form.Set(t.Path, now)
		} else if typed != now {
			out = append(out, difference{Label: t.Where, Theirs: now, Yours: typed})
		}
	}
	return out, nil
}

// codePath turns a path with numbers, as Validate gives it, into one with codes.
func codePath(q *survey.Questionnaire, field string) string {
	parts := strings.Split(field, ".")
	number := func(i int) int {
		if i < len(parts) {
			if n, err := strconv.Atoi(parts[i]); err == nil {
				return n
			}
		}
		return -1
	}
	n, m, k := number(1), number(3), number(5)
	switch {
	case parts[0] == "sections" && n >= 0 && n < len(q.Sections):
		return "sections." + q.Sections[n].Code + ".title"
	case parts[0] == "quotas" && n >= 0 && n < len(q.Quotas):
		return "quotas." + q.Quotas[n].Code + ".reason"
	case parts[0] != "pages" || n < 0 || n >= len(q.Pages):
		return field
	case m < 0 || m >= len(q.Pages[n].Items):
		return "pages." + q.Pages[n].Code + ".title"
	}
	it := &q.Pages[n].Items[m]
	at := "items." + it.Code + "."
	if len(parts) > 6 && k >= 0 {
		list := it.Options
		if parts[4] == "rows" {
			list = it.Rows
		}
		if k < len(list) {
			return at + parts[4] + "." + list[k].Code + "." + parts[len(parts)-1]
		}
	}
	return at + strings.Join(parts[4:], ".")
}
