package formats

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
)

// fields is a JSON object that keeps its order.
type fields []field

type field struct {
	name  string
	value any
}

func (f fields) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, x := range f {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(x.name)
		if err != nil {
			return nil, err
		}
		var v bytes.Buffer
		enc := json.NewEncoder(&v)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(x.value); err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(bytes.TrimSpace(v.Bytes()))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (f *fields) add(name string, value any) { *f = append(*f, field{name, value}) }

// text adds a text, left out when there is none.
func (f *fields) text(name string, t content.Text) {
	if v := foreignText(t); v != nil {
		f.add(name, v)
	}
}

func foreignText(t content.Text) any {
	some := fields{}
	for _, lang := range content.Languages {
		if t[lang] != "" {
			some.add(map[string]string{content.German: "de", content.English: "en", content.Easy: "de-simple"}[lang], t[lang])
		}
	}
	switch {
	case len(some) == 0:
		return nil
	case len(some) == 1 && t[content.German] != "":
		return t[content.German]
	}
	return some
}

// runLosses are what concerns who may answer and when; no format knows it.
func runLosses(l *ledger, q survey.Questionnaire) {
	for _, s := range [][2]string{
		{"access", q.Access}, {"max_responses", positive(q.MaxResponses)}, {"time_limit", positive(q.TimeLimit)}, {"minutes", positive(q.Minutes)},
		{"opens", day(q.Opens)}, {"closes", day(q.Closes)}, {"anonymous", map[bool]string{true: "true"}[q.Anonymous]},
	} {
		if s[1] != "" {
			l.lose("survey", "setting", s[0]+"="+s[1], "")
		}
	}
	for _, quota := range q.Quotas {
		l.lose("quotas/"+quota.Code, "setting", quota.Code+" "+strconv.Itoa(quota.Limit), "")
	}
}

func positive(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(content.Berlin).Format("2006-01-02 15:04")
}

type surveyJSWriter struct {
	ledger
	q   survey.Questionnaire
	say *saying
}

// writeSurveyJS makes the JSON that SurveyJS's form library and creator read.
func writeSurveyJS(q survey.Questionnaire) ([]byte, []Loss, error) {
	w := &surveyJSWriter{q: q, say: newSaying(jsDialect, q)}
	w.say.name = func(key string) (string, bool) {
		v := w.say.kinds[key]
		switch {
		case v.Item == nil || v.Item.Type == survey.Point && v.Part != "":
			return "", false
		case v.Part == survey.PartText && v.Row == nil:
			return v.Item.Code + "-Comment", true
		case v.Item.Type == survey.MatrixMultiple:
			return key + "." + v.Item.Code, true
		}
		return key, true
	}
	w.say.value = func(key, code string) string {
		if it := w.say.kinds[key].Item; it != nil {
			for _, o := range it.Options {
				if o.Code == code && o.Other {
					return "other"
				}
			}
		}
		return code
	}
	runLosses(&w.ledger, q)
	var out fields
	out.text("title", q.Title)
	out.text("description", q.Intro)
	if len(q.Thanks) > 0 {
		out.text("completedHtml", w.html("thanks", q.Thanks))
	}
	out.add("locale", "de")
	var pages []fields
	for i := range q.Pages {
		pages = append(pages, w.page(&q.Pages[i]))
	}
	out.add("pages", pages)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(out); err != nil {
		return nil, nil, err
	}
	return b.Bytes(), w.losses, nil
}

// html renders Markdown.
func (w *surveyJSWriter) html(place string, t content.Text) content.Text {
	out := content.Text{}
	for lang, md := range t {
		h, err := content.Render(md)
		if err != nil {
			w.lose(place, "formatting", lang, "")
			h = content.Plain(md)
		}
		out[lang] = h
	}
	return out
}

func (w *surveyJSWriter) rule(f *fields, name, place string, e condition.Expr) {
	if e.IsZero() {
		return
	}
	s, err := w.say.say(e)
	if err != nil {
		w.lose(place, "condition", name+": "+err.Error(), "")
		return
	}
	f.add(name, s)
}

func (w *surveyJSWriter) page(p *survey.Page) fields {
	place := "pages/" + p.Code
	var f fields
	f.add("name", p.Code)
	f.text("title", w.piped(place, p.Title))
	w.rule(&f, "visibleIf", place, p.ShowIf)
	if p.Random {
		f.add("questionsOrder", "random")
	}
	if p.Section != "" {
		w.lose(place, "attribute", "section="+p.Section, "")
	}
	elements := make([]fields, len(p.Items))
	for i := range p.Items {
		elements[i] = w.item(&p.Items[i])
	}
	f.add("elements", elements)
	return f
}

func (w *surveyJSWriter) item(it *survey.Item) fields {
	place := "items/" + it.Code
	var f fields
	kind := map[survey.Type]string{
		survey.SingleChoice: "radiogroup", survey.MultipleChoice: "checkbox", survey.YesNo: "boolean", survey.Scale: "rating", survey.Ranking: "ranking",
		survey.MatrixSingle: "matrix", survey.MatrixMultiple: "matrixdropdown", survey.Number: "text", survey.ShortText: "text", survey.LongText: "comment",
		survey.Email: "text", survey.Date: "text", survey.Time: "text", survey.District: "dropdown", survey.Street: "text", survey.Point: "text",
		survey.File: "file", survey.Photo: "file", survey.Consent: "boolean", survey.Info: "html", survey.Calculated: "expression",
	}[it.Type]
	switch {
	case it.Type == survey.SingleChoice && it.Look == survey.Dropdown:
		kind = "dropdown"
	case it.Look == survey.Pictures:
		w.lose(place, "picture", "look=pictures", "")
	case it.Look == survey.NPS:
		w.lose(place, "look", "look=nps", "")
	case it.Type == survey.District && len(it.Options) == 0:
		kind = "text"
	}
	f.add("type", kind)
	f.add("name", it.Code)
	if it.Type == survey.Info {
		f.text("html", w.html(place, w.piped(place, it.Text)))
		if len(it.Help) > 0 {
			w.lose(place, "attribute", "help", "")
		}
	} else {
		f.text("title", w.piped(place, it.Text))
		f.text("description", w.piped(place, it.Help))
	}
	w.rule(&f, "visibleIf", place, it.ShowIf)
	if it.Required {
		f.add("isRequired", true)
	}
	switch it.Type {
	case survey.District, survey.Street, survey.Point:
		w.lose(place, "type", string(it.Type), kind)
	}
	if it.Personal {
		w.lose(place, "attribute", "personal", "")
	}
	w.marks(&f, place, it)
	switch it.Type {
	case survey.SingleChoice, survey.MultipleChoice, survey.Ranking, survey.District:
		w.choices(&f, place, it)
	case survey.Point:
		for _, o := range it.Options {
			w.lose(place, "option_rule", "place "+o.Code, "")
		}
	case survey.YesNo:
		f.add("valueTrue", "yes")
		f.add("valueFalse", "no")
	case survey.Consent:
		f.add("renderAs", "checkbox")
		f.add("valueTrue", "yes")
	case survey.Scale:
		f.add("rateMin", *it.Min)
		f.add("rateMax", *it.Max)
		if it.Look == survey.Stars {
			f.add("rateType", "stars")
		}
		f.text("minRateDescription", it.MinLabel)
		f.text("maxRateDescription", it.MaxLabel)
	case survey.MatrixSingle, survey.MatrixMultiple:
		w.matrix(&f, place, it)
	case survey.Number:
		f.add("inputType", "number")
		if it.Min != nil {
			f.add("min", *it.Min)
		}
		if it.Max != nil {
			f.add("max", *it.Max)
		}
		switch {
		case it.Step > 0:
			f.add("step", it.Step)
			if it.Integer && it.Step != 1 {
				w.lose(place, "attribute", "integer", "")
			}
		case it.Integer:
			f.add("step", 1)
		default:
			f.add("step", "any")
		}
		if it.Unit != "" {
			w.lose(place, "attribute", "unit="+it.Unit, "")
		}
	case survey.ShortText, survey.LongText:
		if it.MaxLength > 0 {
			f.add("maxLength", it.MaxLength)
		}
	case survey.Email:
		f.add("inputType", "email")
	case survey.Date, survey.Time:
		f.add("inputType", string(it.Type))
		if it.Earliest != "" {
			f.add("min", it.Earliest)
		}
		if it.Latest != "" {
			f.add("max", it.Latest)
		}
	case survey.File, survey.Photo:
		if it.Type == survey.Photo {
			f.add("acceptedTypes", "image/*")
		}
		if it.MaxChoices > 1 {
			f.add("allowMultiple", true)
			f.add("maxFiles", it.MaxChoices)
		}
		if it.MinChoices > 0 {
			w.lose(place, "attribute", "min_choices="+strconv.Itoa(it.MinChoices), "")
		}
	case survey.Calculated:
		w.rule(&f, "expression", place, it.Formula)
		if it.Unit != "" {
			w.lose(place, "attribute", "unit="+it.Unit, "")
		}
		if it.Min != nil || it.Max != nil {
			w.lose(place, "attribute", "min, max", "")
		}
	}
	return f
}

func (w *surveyJSWriter) piped(place string, t content.Text) content.Text {
	return pipedFor(&w.ledger, place, t, func(key string) (string, bool) {
		name, ok := w.say.name(key)
		return "{" + name + "}", ok
	})
}

// pipedFor writes the placeholders of a text as another format does.
func pipedFor(l *ledger, place string, t content.Text, name func(key string) (string, bool)) content.Text {
	out := content.Text{}
	for lang, s := range t {
		out[lang] = ours.ReplaceAllStringFunc(s, func(gap string) string {
			n, ok := name(gap[1 : len(gap)-1])
			if !ok {
				l.lose(place, "pipe", gap, "")
				return "(" + gap[1:len(gap)-1] + ")"
			}
			return n
		})
	}
	return out
}

func (w *surveyJSWriter) marks(f *fields, place string, it *survey.Item) {
	switch it.Type {
	case survey.SingleChoice, survey.MultipleChoice:
		if it.DontKnow {
			f.add("showDontKnowItem", true)
		}
		if it.NoAnswer {
			f.add("showRefuseItem", true)
		}
		return
	}
	if it.DontKnow {
		w.lose(place, "attribute", "dont_know", "")
	}
	if it.NoAnswer {
		w.lose(place, "attribute", "no_answer", "")
	}
}

func (w *surveyJSWriter) choices(f *fields, place string, it *survey.Item) {
	var exclusive []string
	for _, o := range it.Options {
		if o.Exclusive {
			exclusive = append(exclusive, "'"+o.Code+"'")
		}
	}
	list := ""
	for i, c := range exclusive {
		if i > 0 {
			list += ", "
		}
		list += c
	}
	var choices []fields
	for i, o := range it.Options {
		if o.Fixed {
			w.lose(place, "order", o.Code+" fixed", "")
		}
		if o.Image != nil {
			w.lose(place, "picture", o.Code, "")
		}
		if o.Other {
			f.add("showOtherItem", true)
			f.text("otherText", w.piped(place, o.Text))
			if o.Code != "other" {
				w.lose(place, "options_renamed", o.Code, "other")
			}
			if i != len(it.Options)-1 {
				w.lose(place, "moved", o.Code, "last")
			}
			if !o.ShowIf.IsZero() || o.Exclusive {
				w.lose(place+"/options/"+o.Code, "option_rule", o.Code, "")
			}
			continue
		}
		var c fields
		c.add("value", o.Code)
		c.text("text", w.piped(place, o.Text))
		w.rule(&c, "visibleIf", place+"/options/"+o.Code, o.ShowIf)
		if len(exclusive) > 0 {
			if o.Exclusive {
				c.add("enableIf", fmt.Sprintf("{%s} contains '%s' or {%s} empty", it.Code, o.Code, it.Code))
			} else {
				c.add("enableIf", fmt.Sprintf("{%s} contains '%s' or !({%s} anyof [%s])", it.Code, o.Code, it.Code, list))
			}
		}
		choices = append(choices, c)
	}
	f.add("choices", choices)
	if it.Random {
		f.add("choicesOrder", "random")
	}
	if it.Type == survey.Ranking {
		f.add("selectToRankEnabled", true)
	}
	if it.MinChoices > 0 {
		f.add("minSelectedChoices", it.MinChoices)
	}
	if it.MaxChoices > 0 {
		f.add("maxSelectedChoices", it.MaxChoices)
	}
}

func (w *surveyJSWriter) matrix(f *fields, place string, it *survey.Item) {
	var columns, rows []fields
	for _, o := range it.Options {
		var c fields
		c.add("value", o.Code)
		c.text("text", w.piped(place, o.Text))
		if !o.ShowIf.IsZero() || o.Exclusive {
			w.lose(place+"/options/"+o.Code, "option_rule", o.Code, "")
		}
		if o.Image != nil {
			w.lose(place, "picture", o.Code, "")
		}
		columns = append(columns, c)
	}
	for _, r := range it.Rows {
		var c fields
		c.add("value", r.Code)
		c.text("text", w.piped(place, r.Text))
		w.rule(&c, "visibleIf", place+"/rows/"+r.Code, r.ShowIf)
		if r.Fixed {
			w.lose(place, "order", r.Code+" fixed", "")
		}
		rows = append(rows, c)
	}
	if it.Type == survey.MatrixMultiple {
		var column fields
		column.add("name", it.Code)
		column.add("cellType", "checkbox")
		column.add("choices", columns)
		f.add("columns", []fields{column})
		if it.MinChoices > 0 || it.MaxChoices > 0 {
			w.lose(place, "option_rule", fmt.Sprintf("%d to %d answers", it.MinChoices, it.MaxChoices), "")
		}
	} else {
		f.add("columns", columns)
		if it.Required {
			f.add("eachRowRequired", true)
		}
	}
	f.add("rows", rows)
	if it.Random {
		f.add("rowsOrder", "random")
	}
}

// copied is a text that may be changed.
func copied(t content.Text) content.Text {
	if t == nil {
		return content.Text{}
	}
	return maps.Clone(t)
}
