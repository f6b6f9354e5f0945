package booking

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
)

// question is one question that an event asks of every person, as a form shows it.
type question struct {
	Field, Kind       string // Kind: text, textarea, radio, checkbox, select
	Type              string // of an input
	Label, Help, Lang string
	Required          bool
	Value             string
	Options           []choice
	Shown             string // the answer in words, for the review
}

type choice struct {
	Code, Label string
	Chosen      bool
}

// asked reads the questionnaire of an event, nil when nothing is asked. Only the
// types that a form of a few lines can show are asked; others are left out.
func asked(ev content.Event) *survey.Questionnaire {
	if len(ev.Booking.Ask) > 0 {
		return askedSimply(ev.Booking.Ask)
	}
	if len(ev.Booking.Questions) == 0 {
		return nil
	}
	var q survey.Questionnaire
	if json.Unmarshal(ev.Booking.Questions, &q) != nil {
		return nil
	}
	for i := range q.Pages {
		q.Pages[i].Items = slices.DeleteFunc(q.Pages[i].Items, func(it survey.Item) bool { return kindOf(it) == "" })
	}
	if len(q.Items()) == 0 {
		return nil
	}
	return &q
}

// askedSimply makes a questionnaire of one page.
func askedSimply(list []content.Asked) *survey.Questionnaire {
	types := map[string]survey.Type{"": survey.ShortText, content.AskedText: survey.ShortText, content.AskedLong: survey.LongText,
		content.AskedYesNo: survey.YesNo, content.AskedChoice: survey.SingleChoice, content.AskedChoices: survey.MultipleChoice}
	q := survey.Questionnaire{Languages: content.Languages, Pages: []survey.Page{{Code: "all"}}}
	for _, a := range list {
		it := survey.Item{Code: a.Code, Type: types[a.Type], Text: a.Label, Required: a.Required}
		if it.Type == survey.SingleChoice || it.Type == survey.MultipleChoice {
			for i, line := range a.Lines(content.German) {
				o := survey.Option{Code: content.SlugOf(line), Text: content.Text{content.German: line}}
				for _, lang := range content.Languages {
					if own := a.Lines(lang); a.Options[lang] != "" && i < len(own) {
						o.Text[lang] = own[i]
					}
				}
				it.Options = append(it.Options, o)
			}
		}
		q.Pages[0].Items = append(q.Pages[0].Items, it)
	}
	return &q
}

// said is what somebody answered, for staff: question and answer in German.
func said(ev content.Event, t Ticket) (list []string) {
	form := url.Values{}
	putAnswers(form, t)
	for _, q := range questionsOf(ev, t, form, content.German) {
		if q.Shown != "" {
			list = append(list, q.Label+": "+q.Shown)
		}
	}
	return list
}

// counted says how often each option was chosen, and how often each price: what a kitchen or
// a cash desk needs to know, without names.
func counted(ev content.Event, tickets []Ticket) (list []string) {
	add := func(label string, n int) {
		list = append(list, label+": "+strconv.Itoa(n))
	}
	for _, p := range ev.Prices {
		n := 0
		for _, t := range tickets {
			if t.Category == p.Code {
				n++
			}
		}
		add(priceLabel(p, p.Cents, content.German), n)
	}
	if q := asked(ev); q != nil {
		for _, it := range q.Items() {
			for _, o := range it.Choices() {
				n := 0
				for _, t := range tickets {
					form := url.Values{}
					putAnswers(form, t)
					if slices.Contains(form[prefix(t.Number)+it.Code], o.Code) {
						n++
					}
				}
				question, _ := it.Text.In(content.German)
				option, _ := o.Text.In(content.German)
				add(question+" "+option, n)
			}
		}
	}
	return list
}

func kindOf(it survey.Item) string {
	switch it.Type {
	case survey.SingleChoice, survey.YesNo:
		if it.Look == survey.Dropdown {
			return "select"
		}
		return "radio"
	case survey.MultipleChoice:
		return "checkbox"
	case survey.LongText:
		return "textarea"
	case survey.ShortText, survey.Number, survey.Email, survey.Date:
		return "text"
	}
	return ""
}

func prefix(number int) string { return "q-" + strconv.Itoa(number) + "-" }

// formOf is the part of a form that one person answered.
func formOf(number int, form url.Values) url.Values {
	own := url.Values{}
	for k, v := range form {
		if key, ok := strings.CutPrefix(k, prefix(number)); ok {
			own[key] = v
		}
	}
	return own
}

// answersOf checks the answers of one person and gives them as JSON, nil when
// nothing is asked.
func answersOf(ev content.Event, number int, form url.Values) (json.RawMessage, content.Problems) {
	q := asked(ev)
	if q == nil {
		return nil, nil
	}
	answers, problems := q.CheckForm(formOf(number, form))
	for i := range problems {
		problems[i].Field = prefix(number) + problems[i].Field
	}
	if len(problems) > 0 {
		return nil, problems
	}
	b, err := json.Marshal(answers)
	if err != nil {
		return nil, content.Problems{{Field: prefix(number), Code: "wrong_type"}}
	}
	return b, nil
}

// putAnswers puts kept answers into a form.
func putAnswers(form url.Values, t Ticket) {
	var kept map[string]any
	if t.Answers == "" || json.Unmarshal([]byte(t.Answers), &kept) != nil {
		return
	}
	for code, v := range kept {
		field := prefix(t.Number) + code
		switch v := v.(type) {
		case []any:
			for _, one := range v {
				if s, ok := one.(string); ok {
					form.Add(field, s)
				}
			}
		case string:
			form.Set(field, v)
		case float64:
			form.Set(field, strings.Replace(strconv.FormatFloat(v, 'f', -1, 64), ".", ",", 1))
		case bool:
			form.Set(field, map[bool]string{true: "yes", false: "no"}[v])
		}
	}
}

// questionsOf is the form of one person.
func questionsOf(ev content.Event, t Ticket, form url.Values, lang string) (list []question) {
	q := asked(ev)
	if q == nil {
		return nil
	}
	for _, it := range q.Items() {
		label, used := it.Text.In(lang)
		help, _ := it.Help.In(lang)
		v := question{Field: prefix(t.Number) + it.Code, Kind: kindOf(it), Label: label, Help: help, Required: it.Required, Type: "text"}
		if used != lang {
			v.Lang = content.Locale(used)
		}
		switch it.Type {
		case survey.Email:
			v.Type = "email"
		case survey.Date:
			v.Type = "date"
		}
		sent := form[v.Field]
		if len(sent) > 0 {
			v.Value = sent[0]
		}
		v.Shown = v.Value
		if len(it.Choices()) > 0 {
			v.Shown = ""
		}
		var shown []string
		for _, o := range it.Choices() {
			label, _ := o.Text.In(lang)
			chosen := slices.Contains(sent, o.Code)
			v.Options = append(v.Options, choice{o.Code, label, chosen})
			if chosen {
				shown = append(shown, label)
			}
		}
		if len(v.Options) > 0 {
			v.Shown = strings.Join(shown, ", ")
		}
		list = append(list, v)
	}
	return list
}

// asking is a question with the view that knows its words and faults.
type asking struct {
	View     base.View
	Question question
}

// With is for the template "question".
func (q question) With(v base.View) asking { return asking{v, q} }
