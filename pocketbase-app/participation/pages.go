package participation

import (
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// phrase is a text and, when it is not in the language of the page, the lang
// attribute that says so.
type phrase struct{ Text, Lang string }

func phraseOf(t content.Text, lang string) phrase {
	s, used := t.In(lang)
	return phrase{s, foreign(s, used, lang)}
}

func foreign(s, used, lang string) string {
	if s == "" || used == lang {
		return ""
	}
	return content.Locale(used)
}

// markdown renders a text; the second result is its lang attribute or "".
func markdown(t content.Text, lang string) (template.HTML, string, error) {
	s, used := t.In(lang)
	html, err := content.Render(s)
	return template.HTML(html), foreign(s, used, lang), err // content.Render gives safe HTML
}

// speaks reports whether the questionnaire is written in lang.
func speaks(q survey.Questionnaire, lang string) bool {
	return lang == content.German || slices.Contains(q.Languages, lang)
}

// pageView is one page of questions.
type pageView struct {
	Survey, Heading phrase
	Slug            string
	Number, Count   int
	Items           []itemView
	AnyRequired     bool
	Faults          []faultView
	Back            bool   // there is a page before
	Next            string // value of the field s-nach
	Rescued         bool   // the answers of other pages were lost
}

// itemView is one question as the form shows it.
type itemView struct {
	Code, Type, Kind string // Kind: radio, checkbox, input, textarea, info
	Text, Help       phrase
	HTML             template.HTML // of an info
	Required         bool
	Options          []optionView
	MinLabel         phrase
	MaxLabel         phrase
	Value, Problem   string
	InputMode, Unit  string
	Hint             string // format or number of choices
	MaxLength        int
	Described        string // ids for aria-describedby
}

type optionView struct {
	ID, Code string
	Text     phrase
	End      phrase // what the end of a scale means
	Chosen   bool
}

// faultView is one line of the error summary.
type faultView struct {
	Href, Question, Lang, Text string
}

func (pt *Participation) showItems(e *core.RequestEvent, status int, d *draft, n int, request url.Values, problems content.Problems) error {
	lang := base.Lang(e.Request)
	page := d.Pages[n-1]
	v := pageView{
		Survey: phraseOf(d.Title, lang), Heading: phraseOf(page.Title, lang), Slug: d.Slug,
		Number: n, Count: len(d.Pages), Back: n > 1,
		Rescued: request.Has("gerettet"),
	}
	if request.Get(fieldNext) == review {
		v.Next = review
	}
	for _, it := range page.Items {
		item, err := pt.itemView(it, lang, d.typed[it.Code], problems)
		if err != nil {
			return err
		}
		v.Items = append(v.Items, item)
		v.AnyRequired = v.AnyRequired || it.Required
		if item.Problem != "" {
			v.Faults = append(v.Faults, faultView{"#f-" + it.Code, item.Text.Text, item.Text.Lang, item.Problem})
		}
	}
	return pt.p.Show(e, status, templates, "page", base.View{
		Title:    pt.p.Words.In(lang, "participation.progress", "n", n, "of", v.Count) + ": " + v.Heading.Text + " – " + v.Survey.Text,
		Data:     v,
		Problems: problems,
	})
}

func (pt *Participation) itemView(it survey.Item, lang string, typed []string, problems content.Problems) (itemView, error) {
	say := func(key string, args ...any) string { return pt.p.Words.In(lang, "participation."+key, args...) }
	v := itemView{
		Code: it.Code, Type: string(it.Type), Kind: "input", Text: phraseOf(it.Text, lang), Help: phraseOf(it.Help, lang),
		Required: it.Required, MinLabel: phraseOf(it.MinLabel, lang), MaxLabel: phraseOf(it.MaxLabel, lang), Unit: it.Unit,
	}
	if len(typed) > 0 {
		v.Value = typed[0]
	}
	for _, p := range problems {
		if p.Field == it.Code {
			v.Problem = pt.sayFault(it, p, lang)
			break
		}
	}
	switch it.Type {
	case survey.Info:
		v.Kind = "info"
		var err error
		v.HTML, _, err = markdown(it.Text, lang)
		return v, err
	case survey.SingleChoice, survey.MultipleChoice:
		v.Kind = "radio"
		if it.Type == survey.MultipleChoice {
			v.Kind = "checkbox"
			v.Hint = choicesHint(it, say)
		}
		for _, o := range it.Options {
			v.Options = append(v.Options, optionView{Code: o.Code, Text: phraseOf(o.Text, lang), Chosen: slices.Contains(typed, o.Code)})
		}
	case survey.Scale:
		v.Kind = "radio"
		steps := it.Steps()
		for i, step := range steps {
			s := strconv.Itoa(step)
			o := optionView{Code: s, Text: phrase{Text: s}, Chosen: slices.Contains(typed, s)}
			if i == 0 {
				o.End = v.MinLabel
			} else if i == len(steps)-1 {
				o.End = v.MaxLabel
			}
			v.Options = append(v.Options, o)
		}
	case survey.Number:
		v.InputMode = "decimal"
		v.Hint = numberHint(it, lang, say)
	case survey.Date:
		v.Hint = say("date_hint")
	case survey.LongText:
		v.Kind = "textarea"
		fallthrough
	case survey.ShortText:
		v.MaxLength = it.TextLimit()
	}
	if v.Kind == "radio" && !it.Required { // a radio button cannot be taken back
		v.Options = append(v.Options, optionView{Code: "", Text: phrase{Text: say("no_answer")}})
	}
	for i := range v.Options {
		v.Options[i].ID = "f-" + it.Code // the first one is where the error summary leads
		if i > 0 {
			v.Options[i].ID += "-" + strconv.Itoa(i+1)
		}
	}
	v.Described = describedBy(v)
	return v, nil
}

// sayFault is the sentence of a problem; nothing is written where one chooses.
func (pt *Participation) sayFault(it survey.Item, p content.Problem, lang string) string {
	if p.Code == "required" && (len(it.Options) > 0 || it.Type == survey.Scale) {
		return pt.p.Words.In(lang, "participation.choose_one")
	}
	return pt.p.Words.Say(lang, p)
}

func describedBy(v itemView) string {
	var ids []string
	for _, part := range []struct{ mark, text string }{{"h-", v.Help.Text}, {"t-", v.Hint}, {"e-", v.Problem}} {
		if part.text != "" {
			ids = append(ids, part.mark+v.Code)
		}
	}
	return strings.Join(ids, " ")
}

func choicesHint(it survey.Item, say func(string, ...any) string) string {
	switch {
	case it.MinChoices > 1 && it.MaxChoices > 0:
		return say("choose_between", "min", it.MinChoices, "max", it.MaxChoices)
	case it.MaxChoices > 0:
		return say("choose_at_most", "max", it.MaxChoices)
	case it.MinChoices > 1:
		return say("choose_at_least", "min", it.MinChoices)
	}
	return say("choose_several")
}

func numberHint(it survey.Item, lang string, say func(string, ...any) string) string {
	unit := ""
	if it.Unit != "" {
		unit = " " + it.Unit
	}
	switch {
	case it.Min != nil && it.Max != nil:
		return say("number_between", "min", survey.FormatNumber(*it.Min, lang), "max", survey.FormatNumber(*it.Max, lang)+unit)
	case it.Unit != "":
		return say("number_unit", "unit", it.Unit)
	}
	return ""
}

// summaryView shows everything before it is sent.
type summaryView struct {
	Survey phrase
	Slug   string
	Count  int
	Pages  []answeredPage
	Faults []faultView
}

type answeredPage struct {
	Number  int
	Heading phrase
	Items   []answeredItem
}

type answeredItem struct {
	Text   phrase
	Answer []phrase
	Lines  bool // free text: keep line breaks
}

func (pt *Participation) showSummary(e *core.RequestEvent, status int, d *draft, problems content.Problems) error {
	lang := base.Lang(e.Request)
	v := summaryView{Survey: phraseOf(d.Title, lang), Slug: d.Slug, Count: len(d.Pages)}
	reading := d.Read(d.typed)
	for i, page := range d.Pages {
		answered := answeredPage{Number: i + 1, Heading: phraseOf(page.Title, lang)}
		answers, faults := reading.Answers, reading.Pages[i].Problems
		for _, it := range page.Items {
			if it.Type == survey.Info {
				continue
			}
			answered.Items = append(answered.Items, answeredItem{
				Text: phraseOf(it.Text, lang), Answer: pt.spoken(it, answers[it.Code], lang), Lines: it.Type == survey.LongText,
			})
			for _, p := range faults {
				if p.Field == it.Code {
					q := phraseOf(it.Text, lang)
					href := pagePath(e.Request, d.Slug, i+1) + "?" + fieldNext + "=" + review + "#f-" + it.Code
					v.Faults = append(v.Faults, faultView{href, q.Text, q.Lang, pt.sayFault(it, p, lang)})
				}
			}
		}
		v.Pages = append(v.Pages, answered)
	}
	for _, p := range problems {
		if p.Field == "answers" {
			v.Faults = append(v.Faults, faultView{Href: pagePath(e.Request, d.Slug, 1), Text: pt.p.Words.Say(lang, p)})
		}
	}
	return pt.p.Show(e, status, templates, "review", base.View{
		Title:    pt.p.Words.In(lang, "participation.review_title") + " – " + v.Survey.Text,
		Data:     v,
		Problems: problems,
	})
}

// spoken is an answer in words.
func (pt *Participation) spoken(it survey.Item, answer any, lang string) []phrase {
	label := func(code string) phrase {
		for _, o := range it.Options {
			if o.Code == code {
				return phraseOf(o.Text, lang)
			}
		}
		return phrase{Text: code}
	}
	switch a := answer.(type) {
	case []string:
		var list []phrase
		for _, code := range a {
			list = append(list, label(code))
		}
		return list
	case float64:
		s := survey.FormatNumber(a, lang)
		if it.Unit != "" {
			s += " " + it.Unit
		}
		return []phrase{{Text: s}}
	case string:
		switch it.Type {
		case survey.SingleChoice:
			return []phrase{label(a)}
		case survey.Date:
			return []phrase{{Text: survey.FormatDate(a, lang)}}
		}
		return []phrase{{Text: a}}
	}
	return []phrase{{Text: pt.p.Words.In(lang, "participation.not_answered")}}
}
