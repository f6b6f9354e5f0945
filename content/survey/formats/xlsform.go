package formats

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
	"servicepoint/content/survey/formats/sheet"
)

// xlsForm reads the workbooks of the XLSForm standard (ODK, KoboToolbox).
type xlsForm struct {
	*builder
	lists    map[string][]*record // choices by list
	language string               // default_language of the settings
	columns  []string             // of the sheet survey
}

// xlsGroup is a begin_group that is not ended yet.
type xlsGroup struct {
	*record
	when   rule
	page   *pageDraft
	matrix *itemDraft // a list of questions with the same answers
	repeat bool
}

func readXLSForm(b []byte) (survey.Questionnaire, []Loss, error) {
	sheets, err := sheet.Read(b)
	if err != nil {
		return survey.Questionnaire{}, nil, err
	}
	x := &xlsForm{builder: newBuilder(xpathDialect), lists: map[string][]*record{}}
	named := map[string][][]string{}
	for _, s := range sheets {
		name := strings.ToLower(strings.TrimSpace(s.Name))
		if !slices.Contains([]string{"survey", "choices", "settings"}, name) {
			for i, row := range s.Rows {
				for _, cell := range row {
					if strings.TrimSpace(cell) != "" {
						x.lose("sheet "+s.Name, "attribute", strconv.Itoa(i+1)+": "+cell, "")
					}
				}
			}
			continue
		}
		named[name] = s.Rows
	}
	if len(named["survey"]) < 2 {
		return survey.Questionnaire{}, nil, errors.New("an XLSForm needs a sheet \"survey\" with a row of headings")
	}
	settings := x.records("settings", named["settings"])
	x.columns = headings(named["survey"][0])
	rows := x.records("survey", named["survey"])
	for _, r := range x.records("choices", named["choices"]) {
		r.place = "choices/" + r.cells["list_name"]
		list := r.take("list_name")
		x.lists[list] = append(x.lists[list], r)
	}
	var title content.Text
	for i, s := range settings {
		if i > 0 {
			break
		}
		x.language = s.take("default_language")
		s.take("id_string")
		s.take("form_id")
		if id := s.cells["form_id"] + s.cells["id_string"]; id != "" {
			x.q.Slug = slug(id)
		}
		title = x.labels(s, "form_title", "settings/form_title", false, titleChars)
		if title == nil && x.q.Slug != "" {
			title = content.Text{content.German: s.cells["form_id"] + s.cells["id_string"]}
			x.lose("settings", "text_missing", "form_title", title[content.German])
		}
		if s.peek("style") != "" {
			x.lose("settings", "look", "style="+s.take("style"), "")
		}
	}
	x.q.Title = title
	german := ourLanguage(x.language) == content.German
	for _, c := range x.columns {
		if base, lang, ok := strings.Cut(c, "::"); ok && base == "label" && ourLanguage(lang) == content.German {
			german = true
		}
	}
	if !german {
		x.german = "default"
		x.lose("survey", "language_as_german", x.language, "")
	}
	if err := x.rows(rows); err != nil {
		return survey.Questionnaire{}, nil, err
	}
	x.used()
	x.close(xlsFormLoss)
	q, losses := x.finish()
	if len(q.Pages) == 0 {
		return q, losses, errNothing
	}
	return q, losses, nil
}

func xlsFormLoss(r *record, name string) string {
	switch base, _, _ := strings.Cut(name, "::"); base {
	case "appearance", "body", "parameters":
		return "look"
	case "default":
		return "default"
	case "constraint", "constraint_message", "required_message":
		return "checked_by_code"
	case "image", "audio", "video", "media", "big-image":
		return "picture"
	case "choice_filter", "trigger":
		return "option_rule"
	case "version", "instance_name", "submission_url", "public_key", "auto_send", "auto_delete", "allow_choice_duplicates":
		return "setting"
	case "bind":
		return "technical"
	}
	return "attribute"
}

// headings cleans the first row: "label::Deutsch (de)" stays, "label:German" is its old way.
func headings(row []string) []string {
	out := make([]string, len(row))
	for i, h := range row {
		h = strings.TrimSpace(clean(h))
		base, lang, ok := strings.Cut(h, "::")
		if !ok {
			if b, l, old := strings.Cut(h, ":"); old && slices.Contains([]string{"label", "hint", "media"}, strings.ToLower(b)) {
				base, lang, ok = b, l, true
			}
		}
		base = strings.ToLower(strings.TrimSpace(base))
		if base == "list name" {
			base = "list_name"
		}
		out[i] = base
		if ok {
			out[i] = base + "::" + strings.TrimSpace(lang)
		}
	}
	return out
}

func (x *xlsForm) records(name string, rows [][]string) []*record {
	if len(rows) == 0 {
		return nil
	}
	head := headings(rows[0])
	var list []*record
	for n, row := range rows[1:] {
		cells := map[string]string{}
		var names []string
		for i, v := range row {
			v = strings.TrimSpace(v)
			if v == "" {
				continue
			}
			if i >= len(head) || head[i] == "" {
				x.lose(name+"/row "+strconv.Itoa(n+2), "attribute", v, "")
				continue
			}
			if _, twice := cells[head[i]]; twice {
				x.lose(name+"/row "+strconv.Itoa(n+2), "attribute", head[i]+"="+v, "")
				continue
			}
			cells[head[i]] = v
			names = append(names, head[i])
		}
		if len(cells) > 0 {
			list = append(list, x.record(name+"/row "+strconv.Itoa(n+2), names, cells))
		}
	}
	return list
}

// labels reads a text with its translations: label, label::Deutsch (de), …
func (x *xlsForm) labels(r *record, column, place string, markdown bool, limit int) content.Text {
	by := map[string]string{}
	for _, name := range r.names {
		base, lang, translated := strings.Cut(name, "::")
		if base != column {
			continue
		}
		v := r.take(name)
		switch {
		case translated:
			by[lang] = v
		case ourLanguage(x.language) != "":
			if by[x.language] == "" {
				by[x.language] = v
			}
		default:
			by["default"] = v
		}
	}
	if len(by) == 0 {
		return nil
	}
	return x.text(place, by, markdown, limit)
}

var blanks = regexp.MustCompile(`\s+`)

// metadata are questions about the device that answer themselves.
var metadata = []string{"start", "end", "today", "deviceid", "device_id", "username", "email_meta", "phonenumber", "simserial", "subscriberid", "audit", "start-geopoint", "background-audio", "background-geopoint", "hidden", "uid", "caseid"}

func (x *xlsForm) rows(rows []*record) error {
	var open []*xlsGroup
	var loose *pageDraft // the page of questions outside of groups
	for _, r := range rows {
		kind := blanks.ReplaceAllString(strings.TrimSpace(r.take("type")), " ")
		kind = strings.NewReplacer("begin group", "begin_group", "end group", "end_group", "begin repeat", "begin_repeat", "end repeat", "end_repeat",
			"select one from file", "select_one_from_file", "select one external", "select_one_external", "select one", "select_one", "select multiple", "select_multiple", "select all that apply", "select_multiple").Replace(kind)
		name := r.take("name")
		if name != "" {
			r.place = "survey/" + name
		}
		word, list, _ := strings.Cut(kind, " ")
		when := rule{place: r.place + "/relevant", source: r.take("relevant")}
		r.usual("required", "no", "false", "FALSE", "0", "false()")
		switch word {
		case "begin_group", "begin_repeat":
			if len(open) > 20 {
				return errors.New("groups nest too deeply")
			}
			x.begin(&open, r, word, name, when)
			loose = nil
			continue
		case "end_group", "end_repeat":
			if len(open) == 0 {
				x.lose(r.place, "bad_file", kind, "")
				continue
			}
			open = open[:len(open)-1]
			loose = nil
			continue
		}
		if slices.Contains(metadata, word) {
			x.lose(r.place, "paradata", kind, "")
			continue
		}
		var p *pageDraft
		if len(open) > 0 {
			p = open[len(open)-1].page
		} else {
			if loose == nil {
				loose = x.page("survey", "p"+strconv.Itoa(len(x.pages)+1))
			}
			p = loose
		}
		// The page of the outermost group has its rule; inner groups give theirs to what is in them.
		for i, g := range open {
			if i > 0 && g.when.text() != "" {
				when.extra = append(when.extra, g.when)
			}
		}
		x.question(p, open, r, word, list, name, when)
	}
	if len(open) > 0 {
		x.lose(open[len(open)-1].place, "bad_file", "a group without an end", "")
	}
	return nil
}

func (x *xlsForm) begin(open *[]*xlsGroup, r *record, word, name string, when rule) {
	g := &xlsGroup{record: r, when: when, repeat: word == "begin_repeat"}
	if g.repeat {
		x.lose(r.place, "repeated", name, "")
		if n := r.take("repeat_count"); n != "" {
			x.lose(r.place, "repeated", "repeat_count="+n, "")
		}
	}
	label := x.labels(r, "label", r.place+"/label", false, titleChars)
	hint := x.labels(r, "hint", r.place+"/hint", true, textChars)
	if r.word("appearance", "table-list") {
		g.matrix = &itemDraft{}
	}
	r.word("appearance", "field-list") // one page, as all groups are
	if len(*open) == 0 {
		g.page = x.page(r.place, name)
		g.page.Title, g.page.when = label, when
		if hint != nil {
			it := x.item(g.page, r.place+"/hint", name+"_hint", survey.Info)
			it.Text = hint
		}
	} else {
		g.page = (*open)[len(*open)-1].page
		if g.matrix == nil && (label != nil || hint != nil) {
			it := x.item(g.page, r.place, name, survey.Info)
			it.Text = label
			if it.Text == nil {
				it.Text = hint
			} else {
				for lang, t := range hint {
					it.Text[lang] = strings.TrimSpace(it.Text[lang] + "\n\n" + t)
				}
			}
			it.when = when
			for i, o := range *open {
				if i > 0 {
					it.when.extra = append(it.when.extra, o.when)
				}
			}
		} else if g.matrix != nil {
			g.matrix.Text, g.matrix.Help = label, hint
		}
	}
	if g.matrix != nil && g.matrix.Text == nil {
		g.matrix.Text, g.matrix.Help = copied(label), hint
	}
	*open = append(*open, g)
}

var xlsTypes = map[string]survey.Type{
	"text": survey.ShortText, "string": survey.ShortText, "barcode": survey.ShortText, "integer": survey.Number, "int": survey.Number, "decimal": survey.Number, "range": survey.Number,
	"date": survey.Date, "time": survey.Time, "datetime": survey.Date, "dateTime": survey.Date, "note": survey.Info, "acknowledge": survey.Consent, "trigger": survey.Consent,
	"calculate": survey.Calculated, "geopoint": survey.Point, "image": survey.Photo, "photo": survey.Photo, "file": survey.File, "audio": survey.File, "video": survey.File,
	"select_one": survey.SingleChoice, "select_multiple": survey.MultipleChoice, "rank": survey.Ranking, "email": survey.Email,
}

func (x *xlsForm) question(p *pageDraft, open []*xlsGroup, r *record, word, list, name string, when rule) {
	t, known := xlsTypes[word]
	if !known {
		x.lose(r.place, "question_dropped", strings.TrimSpace(word+" "+list), "")
		return
	}
	required := slices.Contains([]string{"yes", "true", "TRUE", "1", "true()"}, r.peek("required"))
	if required {
		r.take("required")
	}
	list, or, _ := strings.Cut(list, " ")
	appearance := r.peek("appearance")
	if t == survey.SingleChoice {
		if g := x.matrixOf(open, appearance); g != nil {
			r.word("appearance", "list-nolabel")
			x.matrixRow(p, g, r, name, list, when, required)
			return
		}
	}
	it := x.item(p, r.place, name, t)
	it.when = when
	it.Text = x.labels(r, "label", r.place+"/label", t == survey.Info, textChars)
	it.Help = x.labels(r, "hint", r.place+"/hint", false, textChars)
	if it.Text == nil && it.Help != nil {
		it.Text, it.Help = it.Help, nil
	}
	it.Required = required && it.Asks()
	switch word {
	case "integer", "int":
		it.Integer = true
	case "datetime", "dateTime":
		x.lose(r.place, "type", word, string(survey.Date))
	case "barcode", "audio", "video":
		x.lose(r.place, "type", word, string(t))
	}
	switch {
	case t == survey.ShortText && r.word("appearance", "multiline"):
		it.Type = survey.LongText
	case t == survey.ShortText && appearance == "email":
		r.take("appearance")
		it.Type = survey.Email
	case t == survey.ShortText && appearance == "street":
		r.take("appearance")
		it.Type = survey.Street
	case t == survey.SingleChoice && r.word("appearance", "minimal"):
		it.Look = survey.Dropdown
	case t == survey.SingleChoice && appearance == "likert":
		r.take("appearance")
		x.lose(r.place, "look", "likert", "")
	}
	switch t {
	case survey.SingleChoice, survey.MultipleChoice, survey.Ranking:
		x.choose(it, r, list)
		if or == "or_other" {
			if t == survey.Ranking {
				x.lose(r.place, "type", "or_other", "")
			} else {
				x.option(it, "other", content.Text{content.German: "Sonstiges", content.English: "Other"}).Other = true
			}
		}
		x.parameters(it, r)
		if t == survey.SingleChoice {
			x.scale(it, list)
			x.yesNo(it)
		}
	case survey.Number:
		x.parameters(it, r)
		x.constraint(it, r)
	case survey.ShortText:
		x.constraint(it, r)
	case survey.Calculated:
		it.formula = rule{place: r.place + "/calculation", source: r.take("calculation")}
		if it.Text == nil {
			it.Text = content.Text{content.German: name}
		}
	}
	if it.Type == survey.MultipleChoice {
		x.constraint(it, r)
	}
	x.builder.name(name, it)
}

// choose gives an item the choices of a list.
func (x *xlsForm) choose(it *itemDraft, r *record, list string) {
	for _, c := range x.lists[list] {
		value := c.take("name")
		o := x.option(it, value, x.labels(c, "label", c.place, false, labelChars))
		if f := c.take("exclusive"); f == "yes" && it.Type == survey.MultipleChoice {
			o.Exclusive = true
		}
	}
	if len(x.lists[list]) == 0 {
		x.lose(r.place, "bad_file", "list "+list, "")
	}
}

// used reports lists that no question has.
func (x *xlsForm) used() {
	for list, rows := range x.lists {
		for _, r := range rows {
			if !r.taken["name"] {
				x.lose("choices/"+list, "bad_file", r.cells["name"], "")
				for _, n := range r.names {
					r.take(n)
				}
			}
		}
	}
}

// scale makes a scale of choices that are nothing but their own numbers.
func (x *xlsForm) scale(it *itemDraft, list string) {
	n := len(it.Options)
	if n < 2 || n > 11 {
		return
	}
	rows := x.lists[list]
	first, err := strconv.Atoi(rows[0].cells["name"])
	if err != nil {
		return
	}
	for i, o := range it.Options {
		if number := strconv.Itoa(first + i); rows[i].cells["name"] != number || o.Text[content.German] != number {
			return
		}
	}
	low, high := float64(first), float64(first+n-1)
	x.lose(it.place, "type", fmt.Sprintf("select_one of %d to %d", first, first+n-1), string(survey.Scale))
	it.Type, it.Options, it.self, it.Look, it.Random = survey.Scale, nil, nil, "", false
	it.Min, it.Max = &low, &high
}

// yesNo makes a question of yes and no out of a list of just these.
func (x *xlsForm) yesNo(it *itemDraft) {
	if len(it.Options) != 2 || it.Type != survey.SingleChoice {
		return
	}
	for i, o := range it.Options {
		ours := (&survey.Item{Type: survey.YesNo}).Choices()[i]
		if o.Code != ours.Code || o.Text[content.German] != ours.Text[content.German] || o.Other {
			return
		}
	}
	it.Type, it.Options, it.self, it.Look, it.Random = survey.YesNo, nil, nil, "", false
}

// parameters reads "start=0 end=100 step=5", "randomize=true".
func (x *xlsForm) parameters(it *itemDraft, r *record) {
	all := r.take("parameters")
	for _, p := range strings.Fields(strings.NewReplacer(",", " ", ";", " ").Replace(all)) {
		key, value, _ := strings.Cut(p, "=")
		f, err := strconv.ParseFloat(value, 64)
		switch {
		case it.Type == survey.Number && key == "start" && err == nil:
			it.Min = &f
		case it.Type == survey.Number && key == "end" && err == nil:
			it.Max = &f
		case it.Type == survey.Number && key == "step" && err == nil && f > 0:
			it.Step = f
		case key == "randomize" && (value == "true" || value == "yes"):
			it.Random = true
		case key == "randomize" && value == "false":
		case it.Type == survey.MultipleChoice && key == "min_choices" && err == nil:
			it.MinChoices = int(f)
		default:
			x.lose(r.place, "attribute", p, "")
		}
	}
	if it.Min != nil && it.Max != nil && *it.Max <= *it.Min {
		x.lose(r.place, "checked_by_code", all, "")
		it.Min, it.Max = nil, nil
	}
}

var (
	atLeast   = regexp.MustCompile(`^\. *>= *(-?\d+(?:\.\d+)?)$`)
	atMost    = regexp.MustCompile(`^\. *<= *(-?\d+(?:\.\d+)?)$`)
	fewTicks  = regexp.MustCompile(`^count-selected\( *\. *\) *<= *(\d+)$`)
	someTicks = regexp.MustCompile(`^count-selected\( *\. *\) *>= *(\d+)$`)
	length    = regexp.MustCompile(`^string-length\( *\. *\) *<= *(\d+)$`)
	alone     = regexp.MustCompile(`^not\(selected\( *\. *, *'([^']+)' *\) and count-selected\( *\. *\) > 1\)$`)
)

// constraint understands bounds; everything else of it is reported.
func (x *xlsForm) constraint(it *itemDraft, r *record) {
	source := r.peek("constraint")
	if source == "" {
		return
	}
	copyOf := *it
	options := slices.Clone(it.Options)
	for _, part := range conjuncts(source) {
		number := func(m []string) float64 { f, _ := strconv.ParseFloat(m[1], 64); return f }
		switch {
		case it.Type == survey.Number && atLeast.MatchString(part):
			f := number(atLeast.FindStringSubmatch(part))
			copyOf.Min = &f
		case it.Type == survey.Number && atMost.MatchString(part):
			f := number(atMost.FindStringSubmatch(part))
			copyOf.Max = &f
		case it.Type == survey.MultipleChoice && fewTicks.MatchString(part):
			copyOf.MaxChoices = int(number(fewTicks.FindStringSubmatch(part)))
		case it.Type == survey.MultipleChoice && someTicks.MatchString(part):
			copyOf.MinChoices = int(number(someTicks.FindStringSubmatch(part)))
		case (it.Type == survey.ShortText || it.Type == survey.LongText) && length.MatchString(part):
			copyOf.MaxLength = min(int(number(length.FindStringSubmatch(part))), textChars)
		case it.Type == survey.MultipleChoice && alone.MatchString(part):
			i := slices.IndexFunc(options, func(o survey.Option) bool { return o.Code == it.self[alone.FindStringSubmatch(part)[1]] })
			if i < 0 {
				return
			}
			options[i].Exclusive = true
		default:
			return // reported
		}
	}
	if copyOf.Min != nil && copyOf.Max != nil && *copyOf.Max <= *copyOf.Min {
		return
	}
	copyOf.Options = options
	*it = copyOf
	r.take("constraint")
}

// conjuncts cuts a rule at the and's outside of brackets.
func conjuncts(s string) []string {
	var parts []string
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '(':
			depth++
		case s[i] == ')':
			depth--
		case depth == 0 && strings.HasPrefix(s[i:], " and "):
			parts = append(parts, strings.TrimSpace(s[start:i]))
			start = i + 5
		}
	}
	return append(parts, strings.TrimSpace(s[start:]))
}

// matrixOf is the group whose questions share their answers: "table-list", or a
// first question that only shows the labels.
func (x *xlsForm) matrixOf(open []*xlsGroup, appearance string) *xlsGroup {
	if len(open) == 0 {
		return nil
	}
	g := open[len(open)-1]
	switch {
	case g.matrix != nil:
		return g
	case appearance == "label":
		g.matrix = &itemDraft{}
		return g
	}
	return nil
}

func (x *xlsForm) matrixRow(p *pageDraft, g *xlsGroup, r *record, name, list string, when rule, required bool) {
	label := x.labels(r, "label", r.place+"/label", false, labelChars)
	hint := x.labels(r, "hint", r.place+"/hint", false, textChars)
	header := r.word("appearance", "label")
	if g.matrix.Code == "" {
		heading, help := g.matrix.Text, g.matrix.Help
		code := g.cells["name"]
		if header {
			code = name
			if label != nil {
				heading = label
			}
			if hint != nil {
				help = hint
			}
		}
		it := x.item(p, r.place, code, survey.MatrixSingle)
		it.Text, it.Help = heading, help
		it.when = rule{extra: when.extra, place: when.place}
		it.rows = map[string]rule{}
		x.choose(it, r, list)
		g.matrix = it
		if header {
			it.when = when
			it.Required = required
			return
		}
		it.Required = required
	} else if hint != nil {
		x.lose(r.place, "attribute", "hint="+hint[content.German], "")
	}
	if header {
		return
	}
	if required && len(g.matrix.Rows) == 0 {
		g.matrix.Required = true
	} else if required != g.matrix.Required {
		x.lose(r.place, "attribute", "required="+strconv.FormatBool(required), strconv.FormatBool(g.matrix.Required))
	}
	short := strings.TrimPrefix(name, g.matrix.Code+"_")
	row := x.row(g.matrix, short, label)
	g.matrix.rows[row.Code] = rule{place: when.place, source: when.source}
	x.refs[name] = refTo(survey.Key(g.matrix.Code, row.Code), condition.Text, true, g.matrix.self, orderOf(g.matrix.Options))
}
