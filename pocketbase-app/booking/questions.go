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
