package editorial

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// linesPage is a page that edits one list of the questionnaire, or all as JSON.
type linesPage struct {
	Step       string // last part of the address
	Text       string
	List       listView
	Values     []option
	JSON       base.Field
	Conflict   bool
	Unfinished bool
}

// structure is what the page for experts shows and takes.
type structure struct {
	Sections []survey.Section `json:"sections,omitempty"`
	Quotas   []survey.Quota   `json:"quotas,omitempty"`
	Pages    []survey.Page    `json:"pages"`
}

func (d *Editorial) showSections(e *core.RequestEvent) error {
	w, err := d.workingCopy(d.p.App, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	form := url.Values{}
	for i, s := range w.Sections {
		at := "sections." + strconv.Itoa(i) + "."
		form[at+"was"], form[at+"code"], form[at+"text.de"] = []string{s.Code}, []string{s.Code}, []string{german(s.Title)}
	}
	return d.showLines(e, http.StatusOK, w, "sections", form, nil, linesPage{})
}

func (d *Editorial) showQuotas(e *core.RequestEvent) error {
	w, err := d.workingCopy(d.p.App, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	form := url.Values{}
	for i, q := range w.Quotas {
		at := "quotas." + strconv.Itoa(i) + "."
		form[at+"was"], form[at+"code"], form[at+"text.de"] = []string{q.Code}, []string{q.Code}, []string{german(q.Reason)}
		form.Set(at+"limit", strconv.Itoa(q.Limit))
		showRule(form, at+"show_if", q.When)
	}
	return d.showLines(e, http.StatusOK, w, "quotas", form, nil, linesPage{})
}

func (d *Editorial) showLines(e *core.RequestEvent, status int, w workingCopy, list string, form url.Values, problems content.Problems, view linesPage, focus ...string) error {
	view.Step, view.Text = map[string]string{"sections": "abschnitte", "quotas": "quoten"}[list], d.word("staff.builder."+list+"_text")
	view.Conflict = status == http.StatusConflict
	if optionCount(form, list) == 0 {
		form.Set(list+".0.text.de", "")
	}
	known := w.Questionnaire.Variables()
	view.Values = valueOptions(known)
	v := listView{Name: list, Label: d.word("staff.builder." + list), Help: d.word("staff.builder.options_help"), Plain: true, Ruled: list == "quotas", say: d.word}
	at := ""
	if len(focus) > 0 {
		at = focus[0]
		v.AddFocus = at == list+".add"
	}
	count := optionCount(form, list)
	for i := range count {
		prefix := list + "." + strconv.Itoa(i) + "."
		line := lineView{N: i + 1, Name: d.word("staff.builder."+list+"_n", "n", i+1), Was: form.Get(prefix + "was"), At: prefix, First: i == 0, Last: i == count-1}
		line.Code = d.input(prefix+"code", d.word("staff.item.code"), form, problems)
		word := "staff.item.title"
		if list == "quotas" {
			word = "staff.item.reason"
			limit := shown{Type: asNumber, Field: d.input(prefix+"limit", d.word("staff.item.limit"), form, problems)}
			limit.InputMode = "numeric"
			line.Fields = append(line.Fields, limit)
			line.Rule = d.ruleView(prefix+"show_if", d.word("staff.builder.quota_if"), form, known, problems, 2)
		}
		line.Text = d.input(prefix+"text.de", d.word(word), form, problems)
		line.Focus, _ = strings.CutPrefix(at, prefix)
		v.Lines = append(v.Lines, line)
	}
	view.List = v
	return d.showBuilder(e, status, w, "lines", "fragen", d.word("staff.builder."+list), base.View{Form: form, Problems: problems}, view)
}

func (d *Editorial) saveSections(e *core.RequestEvent) error {
	return d.saveLines(e, "sections", func(q *survey.Questionnaire, form url.Values, problems *content.Problems) {
		old := q.Sections
		q.Sections = nil
		taken := map[string]bool{}
		for _, line := range linesOf(form, "sections") {
			s := survey.Section{}
			for _, was := range old {
				if was.Code == line.was {
					s = was
				}
			}
			s.Code, s.Title = line.code, withGerman(s.Title, line.text)
			if s.Code == "" {
				s.Code = freeCode(itemCodeOf(line.text, "teil"), taken)
			}
			if line.was != "" && line.was != s.Code {
				for p := range q.Pages {
					if q.Pages[p].Section == line.was {
						q.Pages[p].Section = s.Code
					}
				}
			}
			q.Sections = append(q.Sections, s)
		}
		for p := range q.Pages { // pages of a section that is gone belong to none
			gone := true
			for _, s := range q.Sections {
				gone = gone && s.Code != q.Pages[p].Section
			}
			if gone {
				q.Pages[p].Section = ""
			}
		}
	})
}

func (d *Editorial) saveQuotas(e *core.RequestEvent) error {
	return d.saveLines(e, "quotas", func(q *survey.Questionnaire, form url.Values, problems *content.Problems) {
		old := q.Quotas
		q.Quotas = nil
		taken := map[string]bool{}
		for i, line := range linesOf(form, "quotas") {
			at := "quotas." + strconv.Itoa(i) + "."
			quota := survey.Quota{}
			for _, was := range old {
				if was.Code == line.was {
					quota = was
				}
			}
			var err error
			if quota.Limit, err = strconv.Atoi(strings.TrimSpace(form.Get(at + "limit"))); err != nil {
				problems.Add(at+"limit", "not_integer")
			}
			quota.Code, quota.Reason = line.code, withGerman(quota.Reason, line.text)
			if quota.Code == "" {
				quota.Code = freeCode("quote", taken)
			}
			quota.When = readRule(form, at+"show_if", q.Variables(), problems)
			q.Quotas = append(q.Quotas, quota)
		}
	})
}

type typedLine struct{ was, code, text string }

// linesOf reads the lines of a list that compact has gone over.
func linesOf(form url.Values, list string) (lines []typedLine) {
	for i := range optionCount(form, list) {
		at := list + "." + strconv.Itoa(i) + "."
		lines = append(lines, typedLine{form.Get(at + "was"), strings.TrimSpace(form.Get(at + "code")), strings.TrimSpace(form.Get(at + "text.de"))})
	}
	return lines
}

// saveLines stores a list, or does what a button inside the form says.
func (d *Editorial) saveLines(e *core.RequestEvent, list string, read func(*survey.Questionnaire, url.Values, *content.Problems)) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	slug := e.Request.PathValue("slug")
	w, err := d.workingCopy(d.p.App, slug)
	if err != nil {
		return err
	}
	if focus, ok := pressed(form); ok {
		return d.showLines(e, http.StatusOK, w, list, form, nil, linesPage{Unfinished: true}, focus)
	}
	if rev, _ := strconv.Atoi(form.Get("rev")); rev != w.rev {
		return d.showLines(e, http.StatusConflict, w, list, form, nil, linesPage{})
	}
	compactLines(form, list)
	q := cloned(w.Questionnaire)
	var problems content.Problems
	read(&q, form, &problems)
	if len(problems) == 0 {
		for _, problem := range q.Validate() {
			if strings.HasPrefix(problem.Field, list+".") {
				problem.Field = strings.NewReplacer(".title", ".text", ".reason", ".text", ".when", ".show_if").Replace(problem.Field)
				problems = append(problems, d.onItemForm(problem))
			}
		}
	}
	if len(problems) == 0 {
		err = d.rewrite(e, w.rev, func(now *survey.Questionnaire) error { *now = q; return nil })
	}
	switch {
	case errors.Is(err, errStale):
		return base.Refuse(http.StatusConflict, "changed_meanwhile")
	case errors.As(err, &problems) || len(problems) > 0:
		return d.showLines(e, http.StatusUnprocessableEntity, w, list, form, problems, linesPage{})
	case err != nil:
		return err
	}
	return e.Redirect(http.StatusSeeOther, builderPath(slug, "?meldung=gespeichert"))
}

// compactLines is compact for lists whose lines have more fields: a line counts
// when anything is written in it.
func compactLines(form url.Values, list string) {
	var order []int
	for i := range optionCount(form, list) {
		at := list + "." + strconv.Itoa(i) + "."
		if strings.TrimSpace(form.Get(at+"code")+form.Get(at+"text.de")+form.Get(at+"limit")+form.Get(at+"show_if.0.var")) != "" {
			order = append(order, i)
		}
	}
	reorder(form, list, order)
}

// showExpert shows pages, sections and quotas as the JSON that the questionnaire
// is stored in, for pasting whole parts.
func (d *Editorial) showExpert(e *core.RequestEvent) error {
	w, err := d.workingCopy(d.p.App, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(structure{w.Sections, w.Quotas, w.Pages}, "", "  ")
	if err != nil {
		return err
	}
	return d.showExpertForm(e, http.StatusOK, w, url.Values{"json": {string(raw)}}, nil)
}

func (d *Editorial) showExpertForm(e *core.RequestEvent, status int, w workingCopy, form url.Values, problems content.Problems) error {
	view := linesPage{Step: "json", Text: d.word("staff.builder.expert_text"), JSON: d.input("json", d.word("staff.builder.expert_label"), form, problems), Conflict: status == http.StatusConflict}
	view.JSON.Rows = "20"
	return d.showBuilder(e, status, w, "lines", "fragen", d.word("staff.builder.expert"), base.View{Form: form, Problems: problems}, view)
}

func (d *Editorial) saveExpert(e *core.RequestEvent) error {
	form, err := base.DecodeFormUpTo(e.Response, e.Request, maxForm)
	if err != nil {
		return err
	}
	slug := e.Request.PathValue("slug")
	w, err := d.workingCopy(d.p.App, slug)
	if err != nil {
		return err
	}
	if rev, _ := strconv.Atoi(form.Get("rev")); rev != w.rev {
		return d.showExpertForm(e, http.StatusConflict, w, form, nil)
	}
	raw := form.Get("json")
	var s structure
	dec := json.NewDecoder(bytes.NewReader([]byte(raw)))
	dec.DisallowUnknownFields()
	var problems content.Problems
	if err := dec.Decode(&s); err != nil {
		var broken *json.SyntaxError
		if errors.As(err, &broken) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			problems.Add("json", "json_syntax", "line", lineOf(raw, err))
		} else {
			problems = undecodableAt("json", err)
		}
	} else {
		q := w.Questionnaire
		q.Sections, q.Quotas, q.Pages = s.Sections, s.Quotas, s.Pages
		for _, problem := range q.Validate() {
			for _, part := range []string{"pages", "sections", "quotas"} {
				if problem.Field == part || strings.HasPrefix(problem.Field, part+".") {
					problems.Add("json", "inside", "where", problem.Field, "what", d.p.Words.Say(content.German, problem))
				}
			}
		}
	}
	if len(problems) == 0 {
		err = d.rewrite(e, w.rev, func(q *survey.Questionnaire) error {
			q.Sections, q.Quotas, q.Pages = s.Sections, s.Quotas, s.Pages
			return nil
		})
	}
	switch {
	case errors.Is(err, errStale):
		return base.Refuse(http.StatusConflict, "changed_meanwhile")
	case errors.As(err, &problems) || len(problems) > 0:
		return d.showExpertForm(e, http.StatusUnprocessableEntity, w, form, problems)
	case err != nil:
		return err
	}
	return e.Redirect(http.StatusSeeOther, builderPath(slug, "?meldung=gespeichert"))
}
