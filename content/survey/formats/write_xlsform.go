package formats

import (
	"fmt"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
	"servicepoint/content/survey/formats/sheet"
)

type xlsFormWriter struct {
	ledger
	q       survey.Questionnaire
	say     *saying
	rows    [][]string // of the sheet survey
	choices [][]string
	names   map[string]string // variable → name in the form
	yesNo   bool              // the list is there
}

// The columns of the sheet survey; labels and hints have one for every language.
var xlsColumns = []string{"type", "name", "required", "relevant", "constraint", "appearance", "calculation", "parameters"}

var xlsLanguages = map[string]string{content.German: "Deutsch (de)", content.English: "English (en)", content.Easy: "Leichte Sprache (ls)"}

// writeXLSForm makes a workbook that ODK and KoboToolbox read.
func writeXLSForm(q survey.Questionnaire) ([]byte, []Loss, error) {
	w := &xlsFormWriter{q: q, say: newSaying(xpathDialect, q), names: map[string]string{}}
	taken := map[string]bool{}
	for _, p := range q.Pages {
		for i := range p.Items {
			taken[p.Items[i].Code] = true
		}
	}
	for _, v := range q.Variables() {
		switch {
		case v.Part == "":
			w.names[v.Key] = v.Key
		case v.Row != nil:
			w.names[v.Key] = code(v.Item.Code+"_"+v.Row.Code, "q", true, taken)
		}
	}
	w.say.name = func(key string) (string, bool) { n, ok := w.names[key]; return n, ok }
	w.say.value = func(key, code string) string {
		if it := w.say.kinds[key].Item; it != nil {
			if it.Type == survey.Consent && code == "yes" {
				return "OK"
			}
			for _, o := range it.Options {
				if o.Code == code && w.orOther(it) && o.Other {
					return "other"
				}
			}
		}
		return code
	}
	runLosses(&w.ledger, q)
	if len(q.Intro) > 0 {
		w.lose("survey", "moved", "intro", "note")
		w.row("note", code("intro", "intro", true, taken), q.Intro, nil, nil)
	}
	for i := range q.Pages {
		w.page(&q.Pages[i], taken)
	}
	if len(q.Thanks) > 0 {
		w.lose("survey", "moved", "thanks", "note")
		w.row("note", code("thanks", "thanks", true, taken), q.Thanks, nil, nil)
	}
	head := append([]string(nil), xlsColumns...)
	choices := []string{"list_name", "name"}
	for _, lang := range q.Languages {
		head = append(head, "label::"+xlsLanguages[lang], "hint::"+xlsLanguages[lang])
		choices = append(choices, "label::"+xlsLanguages[lang])
	}
	b, err := sheet.Write([]sheet.Sheet{
		{Name: "survey", Rows: append([][]string{head}, w.rows...)},
		{Name: "choices", Rows: append([][]string{choices}, w.choices...)},
		{Name: "settings", Rows: [][]string{{"form_title", "form_id", "default_language", "version"}, {q.Title[content.German], q.Slug, xlsLanguages[content.German], strconv.Itoa(q.Version)}}},
	})
	if len(q.Title) > 1 {
		w.lose("survey", "language", "title in other languages", "")
	}
	return b, w.losses, err
}

// row adds a row of the sheet survey; set fills the columns by name.
func (w *xlsFormWriter) row(kind, name string, label, help content.Text, set map[string]string) {
	cells := []string{kind, name}
	for _, c := range xlsColumns[2:] {
		cells = append(cells, set[c])
	}
	place := "items/" + name
	label, help = w.piped(place, label), w.piped(place, help)
	for _, lang := range w.q.Languages {
		cells = append(cells, label[lang], help[lang])
	}
	w.rows = append(w.rows, cells)
}

func (w *xlsFormWriter) piped(place string, t content.Text) content.Text {
	return pipedFor(&w.ledger, place, t, func(key string) (string, bool) {
		n, ok := w.names[key]
		return "${" + n + "}", ok
	})
}

func (w *xlsFormWriter) rule(place string, e condition.Expr) string {
	if e.IsZero() {
		return ""
	}
	s, err := w.say.say(e)
	if err != nil {
		w.lose(place, "condition", err.Error(), "")
		return ""
	}
	return s
}

func (w *xlsFormWriter) page(p *survey.Page, taken map[string]bool) {
	place := "pages/" + p.Code
	name := p.Code
	if taken[name] { // pages and questions share their names there
		name = code(name+"_page", "page", true, taken)
		w.lose(place, "renamed", p.Code, name)
	} else {
		taken[name] = true
	}
	if p.Section != "" {
		w.lose(place, "attribute", "section="+p.Section, "")
	}
	if p.Random {
		w.lose(place, "order", "random", "")
	}
	w.row("begin_group", name, p.Title, nil, map[string]string{"appearance": "field-list", "relevant": w.rule(place, p.ShowIf)})
	for i := range p.Items {
		w.item(&p.Items[i])
	}
	w.row("end_group", "", nil, nil, nil)
}

// orOther reports whether the item's other option can be the one that XLSForm adds itself.
func (w *xlsFormWriter) orOther(it *survey.Item) bool {
	n := len(it.Options)
	return n > 0 && it.Options[n-1].Other && (it.Type == survey.SingleChoice || it.Type == survey.MultipleChoice)
}

func (w *xlsFormWriter) item(it *survey.Item) {
	place := "items/" + it.Code
	set := map[string]string{"relevant": w.rule(place, it.ShowIf)}
	if it.Required {
		set["required"] = "yes"
	}
	for _, has := range []struct {
		name string
		on   bool
	}{{"personal", it.Personal}, {"dont_know", it.DontKnow}, {"no_answer", it.NoAnswer}, {"unit", it.Unit != ""}} {
		if has.on {
			w.lose(place, "attribute", has.name, "")
		}
	}
	if it.Look != "" && it.Look != survey.Dropdown {
		w.lose(place, "look", it.Look, "")
	}
	kind, help := "", it.Help
	switch it.Type {
	case survey.SingleChoice, survey.MultipleChoice, survey.Ranking:
		kind = w.choice(it, place, set)
	case survey.District:
		w.lose(place, "type", string(it.Type), "select_one")
		kind = "text"
		if len(it.Options) > 0 {
			kind = "select_one " + w.list(it, it.Options, place)
			set["appearance"] = "minimal"
		}
	case survey.YesNo:
		kind = "select_one yes_no"
		if !w.yesNo {
			w.yesNo = true
			w.choiceRow("yes_no", "yes", it.Choices()[0].Text)
			w.choiceRow("yes_no", "no", it.Choices()[1].Text)
		}
	case survey.Scale:
		kind = "select_one " + it.Code
		set["appearance"] = "likert"
		for _, n := range it.Steps() {
			t := content.Text{}
			for _, lang := range w.q.Languages {
				t[lang] = strconv.Itoa(n)
			}
			w.choiceRow(it.Code, strconv.Itoa(n), t)
		}
		if len(it.MinLabel)+len(it.MaxLabel) > 0 {
			w.lose(place, "moved", "min_label, max_label", "hint")
			help = copied(help)
			for _, lang := range w.q.Languages {
				ends := fmt.Sprintf("%v = %s, %v = %s", *it.Min, it.MinLabel[lang], *it.Max, it.MaxLabel[lang])
				if it.MinLabel[lang] != "" && it.MaxLabel[lang] != "" {
					help[lang] = strings.TrimSpace(help[lang] + " " + ends)
				}
			}
		}
	case survey.MatrixSingle, survey.MatrixMultiple:
		w.matrix(it, place, set)
		return
	case survey.Number:
		kind = "decimal"
		if it.Integer {
			kind = "integer"
		}
		set["constraint"] = bounds(it.Min, it.Max)
		if it.Step > 0 {
			w.lose(place, "checked_by_code", "step="+strconv.FormatFloat(it.Step, 'f', -1, 64), "")
		}
	case survey.ShortText, survey.LongText, survey.Street, survey.Email:
		kind = "text"
		set["appearance"] = map[survey.Type]string{survey.LongText: "multiline", survey.Street: "street", survey.Email: "email"}[it.Type]
		if it.MaxLength > 0 {
			set["constraint"] = fmt.Sprintf("string-length(.) <= %d", it.MaxLength)
		}
	case survey.Date, survey.Time:
		kind = string(it.Type)
		if it.Earliest != "" || it.Latest != "" {
			w.lose(place, "checked_by_code", it.Earliest+" to "+it.Latest, "")
		}
	case survey.Point:
		kind = "geopoint"
		for _, o := range it.Options {
			w.lose(place, "option_rule", "place "+o.Code, "")
		}
	case survey.File, survey.Photo:
		kind = map[survey.Type]string{survey.File: "file", survey.Photo: "image"}[it.Type]
		if it.MaxChoices > 1 || it.MinChoices > 0 {
			w.lose(place, "attribute", fmt.Sprintf("%d to %d uploads", it.MinChoices, it.MaxChoices), "")
		}
	case survey.Consent:
		kind = "acknowledge"
	case survey.Info:
		kind = "note"
	case survey.Calculated:
		kind = "calculate"
		set["calculation"] = w.rule(place+"/formula", it.Formula)
	}
	w.row(kind, it.Code, it.Text, help, set)
}

func bounds(low, high *float64) string {
	var all []string
	if low != nil {
		all = append(all, ". >= "+strconv.FormatFloat(*low, 'f', -1, 64))
	}
	if high != nil {
		all = append(all, ". <= "+strconv.FormatFloat(*high, 'f', -1, 64))
	}
	return strings.Join(all, " and ")
}

func (w *xlsFormWriter) choice(it *survey.Item, place string, set map[string]string) string {
	kind := map[survey.Type]string{survey.SingleChoice: "select_one ", survey.MultipleChoice: "select_multiple ", survey.Ranking: "rank "}[it.Type]
	options := it.Options
	suffix := ""
	if w.orOther(it) {
		last := options[len(options)-1]
		options, suffix = options[:len(options)-1], " or_other"
		if last.Code != "other" {
			w.lose(place, "options_renamed", last.Code, "other")
		}
		if last.Text[content.German] != "Sonstiges" {
			w.lose(place, "attribute", "text of other: "+last.Text[content.German], "")
		}
		if !last.ShowIf.IsZero() || last.Exclusive {
			w.lose(place+"/options/"+last.Code, "option_rule", last.Code, "")
		}
	}
	var rules []string
	for _, o := range options {
		if o.Other {
			w.lose(place, "type", "other: "+o.Code, "")
		}
		if o.Exclusive {
			rules = append(rules, fmt.Sprintf("not(selected(., '%s') and count-selected(.) > 1)", o.Code))
		}
	}
	if it.Type == survey.MultipleChoice {
		if it.MinChoices > 0 {
			rules = append(rules, fmt.Sprintf("count-selected(.) >= %d", it.MinChoices))
		}
		if it.MaxChoices > 0 {
			rules = append(rules, fmt.Sprintf("count-selected(.) <= %d", it.MaxChoices))
		}
	} else if it.MinChoices > 0 || it.MaxChoices > 0 {
		w.lose(place, "checked_by_code", fmt.Sprintf("%d to %d", it.MinChoices, it.MaxChoices), "")
	}
	set["constraint"] = strings.Join(rules, " and ")
	if it.Look == survey.Dropdown {
		set["appearance"] = "minimal"
	}
	if it.Random {
		set["parameters"] = "randomize=true"
	}
	return kind + w.list(it, options, place) + suffix
}

// list writes the choices of an item.
func (w *xlsFormWriter) list(it *survey.Item, options []survey.Option, place string) string {
	for _, o := range options {
		w.choiceRow(it.Code, o.Code, w.piped(place, o.Text))
		at := place + "/options/" + o.Code
		if !o.ShowIf.IsZero() {
			w.lose(at, "option_rule", o.Code, "")
		}
		if o.Fixed {
			w.lose(at, "order", "fixed", "")
		}
		if o.Image != nil {
			w.lose(at, "picture", o.Code, "")
		}
	}
	return it.Code
}

func (w *xlsFormWriter) choiceRow(list, name string, t content.Text) {
	cells := []string{list, name}
	for _, lang := range w.q.Languages {
		cells = append(cells, t[lang])
	}
	w.choices = append(w.choices, cells)
}

// matrix writes a group with a row for every row: a table where there is one
// answer to each, else questions below each other.
func (w *xlsFormWriter) matrix(it *survey.Item, place string, set map[string]string) {
	group := map[string]string{"relevant": set["relevant"], "appearance": "table-list"}
	kind := "select_one "
	if it.Type == survey.MatrixMultiple {
		kind = "select_multiple "
		group["appearance"] = ""
		w.lose(place, "type", string(it.Type), fmt.Sprintf("%d × select_multiple", len(it.Rows)))
	}
	if it.Random {
		w.lose(place, "order", "random", "")
	}
	if it.MinChoices > 0 || it.MaxChoices > 0 {
		w.lose(place, "checked_by_code", fmt.Sprintf("%d to %d", it.MinChoices, it.MaxChoices), "")
	}
	for _, o := range it.Options {
		if o.Exclusive {
			w.lose(place+"/options/"+o.Code, "option_rule", o.Code+" exclusive", "")
		}
	}
	list := w.list(it, it.Options, place)
	w.row("begin_group", it.Code, it.Text, it.Help, group)
	for _, r := range it.Rows {
		one := map[string]string{"required": set["required"], "relevant": w.rule(place+"/rows/"+r.Code, r.ShowIf)}
		w.row(kind+list, w.names[survey.Key(it.Code, r.Code)], r.Text, nil, one)
		if r.Fixed {
			w.lose(place, "order", r.Code+" fixed", "")
		}
	}
	w.row("end_group", "", nil, nil, nil)
}
