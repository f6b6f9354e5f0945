package planning

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content/disclosure"
	"servicepoint/content/survey/tally"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// itemView is one question with its figures.
type itemView struct {
	Code, Text, Help string
	Link             string // shows it alone
	Versions         string // when not all versions ask it
	Figures          []figureView
	Matrix           *matrixView
	Words            bool     // free texts have no figures
	Texts            []string // that were released, of everybody
}

// questionsPage is what /planung/umfragen/<slug>/fragen/ shows: the questions of
// one page of the questionnaire, or one alone.
type questionsPage struct {
	page
	Parts []tab // the pages of the questionnaire
	Part  string
	Items []itemView
	Alone bool
}

// part is a page of the questionnaire.
type part struct {
	code, title string
	items       []*tally.Item
}

// parts lays the questions out as the newest version has them; what only older
// versions asked stands at the end.
func (pl *Planning) parts(s study) (list []part) {
	q, done := s.asked.Newest(), map[string]bool{}
	for i, p := range q.Pages {
		one := part{code: p.Code, title: say(p.Title)}
		if one.title == "" {
			one.title = pl.word("staff.planning.view.part", "n", i+1)
		}
		for _, it := range p.Items {
			if have := s.asked.Item(it.Code); have != nil && !s.personal(have) {
				one.items, done[it.Code] = append(one.items, have), true
			}
		}
		if len(one.items) > 0 {
			list = append(list, one)
		}
	}
	older := part{code: "frueher", title: pl.word("staff.planning.view.older")}
	for _, it := range s.asked.Items {
		if !done[it.Code] && !s.personal(it) {
			older.items = append(older.items, it)
		}
	}
	if len(older.items) > 0 {
		list = append(list, older)
	}
	return list
}

// showQuestions is GET /planung/umfragen/<slug>/fragen/?seite=…|frage=…&wo=….
func (pl *Planning) showQuestions(e *core.RequestEvent) error {
	ctx, query := e.Request.Context(), e.Request.URL.Query()
	s, err := pl.study(ctx, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	c, ps := pl.conditions(s, query[where])
	parts := pl.parts(s)
	var items []*tally.Item
	params := url.Values{}
	d := questionsPage{Alone: query.Get("frage") != ""}
	if d.Alone {
		it := s.asked.Item(query.Get("frage"))
		if it == nil || s.personal(it) {
			return base.ErrNotFound
		}
		items = []*tally.Item{it}
		params.Set("frage", it.Code)
	} else if len(parts) > 0 {
		at := 0
		if code := query.Get("seite"); code != "" {
			if at = slices.IndexFunc(parts, func(p part) bool { return p.code == code }); at < 0 {
				return base.ErrNotFound
			}
			params.Set("seite", code)
		}
		items, d.Part = parts[at].items, parts[at].title
	}
	if d.page, err = pl.page(ctx, s, "fragen", params, c); err != nil {
		return err
	}
	for _, p := range parts {
		u := url.URL{Path: viewPath(s.Slug, "fragen"), RawQuery: url.Values{"seite": {p.code}, where: c.values()}.Encode()}
		d.Parts = append(d.Parts, tab{p.title, u.String(), !d.Alone && p.title == d.Part})
	}
	status := http.StatusOK
	if len(ps) > 0 {
		status = http.StatusUnprocessableEntity
	} else if err := pl.items(e, &d, items, c); err != nil {
		return err
	}
	return pl.p.Show(e, status, pages, "questions", base.View{Title: pl.word("staff.planning.questions.title", "survey", s.Title), Data: d, Problems: ps})
}

// items fills in the figures.
func (pl *Planning) items(e *core.RequestEvent, d *questionsPage, items []*tally.Item, c conditions) error {
	var questions []disclosure.Question
	for _, it := range items {
		for _, v := range it.Variables {
			if d.shown(v) {
				questions = append(questions, disclosure.Question{Row: v.Key, Where: c.without(v.Key)})
			}
		}
	}
	var got []*figure
	if d.Total > 0 {
		var ready int
		var err error
		if got, ready, err = pl.figures.of(e.Request.Context(), d.surveyView, base.Staff(e).Id, questions); err != nil {
			return err
		}
		if ready < len(got) {
			d.Counting = &counting{ready, len(got)}
			return nil
		}
	}
	var texts map[string][]string
	if pl.o.Texts != nil {
		var err error
		if texts, err = pl.o.Texts(e.Request.Context(), d.Slug); err != nil {
			return err
		}
	}
	for i, it := range items {
		one := itemView{Code: it.Code, Text: say(it.Text), Help: say(it.Help), Versions: versions(d.study, it)}
		one.Link = (&url.URL{Path: viewPath(d.Slug, "fragen"), RawQuery: url.Values{"frage": {it.Code}, where: c.values()}.Encode()}).String()
		var variables []*tally.Variable
		for _, v := range it.Variables {
			if d.shown(v) {
				variables = append(variables, v)
			}
		}
		one.Words = len(variables) == 0
		for _, v := range it.Variables {
			one.Texts = append(one.Texts, texts[v.Key]...)
		}
		id := "f" + strconv.Itoa(i+1)
		if len(got) > 0 && len(variables) > 0 {
			figures := got[:len(variables)]
			got = got[len(variables):]
			if it.IsMatrix() {
				m := pl.matrix(id, d.study, it, variables, figures)
				one.Matrix = &m
			} else {
				for k, v := range variables {
					one.Figures = append(one.Figures, pl.figure(id+"-"+strconv.Itoa(k+1), d.study, v, figures[k], len(c.without(v.Key)) > 0))
				}
			}
		}
		d.Items = append(d.Items, one)
	}
	return nil
}

// versions names the versions that ask an item, "" when all of them do.
func versions(s study, it *tally.Item) string {
	if len(it.Versions) == len(s.asked.Versions) {
		return ""
	}
	var list []string
	for _, v := range it.Versions {
		list = append(list, strconv.Itoa(v))
	}
	return strings.Join(list, ", ")
}

// personal reports whether any version asks an item as a personal one.
func (s study) personal(it *tally.Item) bool {
	return slices.ContainsFunc(it.Versions, func(n int) bool { return s.asked.Version(n).Item(it.Code).IsPersonal() })
}
