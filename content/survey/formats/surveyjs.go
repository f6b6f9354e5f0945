package formats

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
)

// object is one object of a SurveyJS file with its account.
type object struct {
	*record
	m map[string]any
}

func (l *ledger) object(place string, m map[string]any) object {
	cells := map[string]string{}
	for k, v := range m {
		switch v := v.(type) {
		case nil:
		case string:
			cells[k] = v
		default:
			b, _ := json.Marshal(v)
			cells[k] = string(b)
		}
	}
	return object{l.record(place, sortedKeys(m), cells), m}
}

// get takes an attribute.
func (o object) get(key string) any {
	o.take(key)
	return o.m[key]
}

func (o object) str(key string) string {
	switch v := o.get(key).(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func (o object) flag(key string) bool { v, _ := o.get(key).(bool); return v }

func (o object) number(key string) (float64, bool) {
	switch v := o.get(key).(type) {
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	case string:
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil
	}
	return 0, false
}

func (o object) whole(key string) int {
	f, _ := o.number(key)
	if f < 0 || f > 1e6 {
		return 0
	}
	return int(f)
}

func (o object) list(key string) []any { v, _ := o.get(key).([]any); return v }

// surveyJS reads the JSON of SurveyJS: its creator's files and the object that
// its form library takes.
type surveyJS struct {
	*builder
	base    string // the language of texts that are not told apart
	depth   int
	objects int
}

const maxObjects = 20_000

func readSurveyJS(b []byte) (survey.Questionnaire, []Loss, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var root map[string]any
	if err := dec.Decode(&root); err != nil {
		return survey.Questionnaire{}, nil, jsonError(b, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return survey.Questionnaire{}, nil, errors.New("something follows the JSON object")
	}
	s := &surveyJS{builder: newBuilder(jsDialect), base: content.English}
	top := s.object("survey", root)
	if l := top.str("locale"); l != "" {
		s.base = l
	}
	if !hasLanguage(root, content.German) && ourLanguage(s.base) != content.German {
		s.german = s.base
		s.lose("survey", "language_as_german", s.base, "")
	}
	s.q.Title = s.texts("survey/title", top.get("title"), false, titleChars)
	s.q.Intro = s.texts("survey/description", top.get("description"), true, textChars)
	s.q.Thanks = s.texts("survey/completedHtml", top.get("completedHtml"), true, textChars)
	if n := top.whole("maxTimeToFinish"); n > 0 {
		s.timeLimit("survey", n)
	} else if n := top.whole("timeLimit"); n > 0 {
		s.timeLimit("survey", n)
	}
	pages := top.list("pages")
	if pages == nil {
		if elements := root["elements"]; elements != nil {
			top.take("elements")
			pages = []any{map[string]any{"name": "page1", "elements": elements}}
		}
	}
	for i, p := range pages {
		m, ok := p.(map[string]any)
		if !ok {
			s.lose("pages/"+strconv.Itoa(i), "bad_file", fmt.Sprint(p), "")
			continue
		}
		if err := s.readPage(i, m); err != nil {
			return survey.Questionnaire{}, nil, err
		}
	}
	for _, v := range top.list("calculatedValues") {
		if m, ok := v.(map[string]any); ok {
			s.calculated(m)
		}
	}
	s.exclusiveRules()
	s.close(surveyJSLoss)
	q, losses := s.finish()
	if len(q.Pages) == 0 {
		return q, losses, errNothing
	}
	return q, losses, nil
}

func (s *surveyJS) timeLimit(place string, seconds int) {
	s.q.TimeLimit = min(max(seconds, 20), 3600)
	s.lose(place, "setting", "maxTimeToFinish="+strconv.Itoa(seconds), "time_limit="+strconv.Itoa(s.q.TimeLimit)+" s without input")
}

// jsonError names the line of a fault.
func jsonError(b []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line := 1 + bytes.Count(b[:min(int(syntax.Offset), len(b))], []byte("\n"))
		return fmt.Errorf("no JSON, line %d: %w", line, err)
	}
	return fmt.Errorf("no JSON object: %w", err)
}

// hasLanguage reports whether any text is told to be in the language.
func hasLanguage(v any, want string) bool {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if _, text := inner.(string); text && ourLanguage(k) == want {
				return true
			}
			if hasLanguage(inner, want) {
				return true
			}
		}
	case []any:
		for _, inner := range v {
			if hasLanguage(inner, want) {
				return true
			}
		}
	}
	return false
}

// surveyJSLoss says why an attribute that nobody took is lost.
func surveyJSLoss(r *record, name string) string {
	low := strings.ToLower(name)
	switch {
	case strings.Contains(low, "width") || strings.Contains(low, "height") || strings.Contains(low, "logo") || strings.Contains(low, "location") ||
		strings.Contains(low, "colcount") || strings.HasPrefix(low, "show") || strings.HasPrefix(low, "hide") || low == "startwithnewline" || low == "indent" ||
		strings.Contains(low, "theme") || strings.Contains(low, "fit") || low == "questionsonpagemode" || low == "navigationbuttonsvisibility" || low == "titlecss":
		return "look"
	case low == "triggers" || strings.HasSuffix(low, "trigger") || strings.HasPrefix(low, "setvalue") || low == "resetvalueif":
		return "trigger"
	case strings.HasPrefix(low, "default"):
		return "default"
	case low == "correctanswer" || low == "score":
		return "scores"
	case low == "validators" || strings.HasSuffix(low, "errortext") || low == "isunique" || low == "requirederrortext":
		return "checked_by_code"
	case strings.HasSuffix(low, "order"):
		return "order"
	case strings.HasSuffix(low, "if"):
		return "option_rule"
	case low == "imagelink":
		return "picture"
	case r.place == "survey":
		return "setting"
	}
	return "attribute"
}

// texts reads a localisable text: a plain one or one by language.
func (s *surveyJS) texts(place string, v any, markdown bool, limit int) content.Text {
	by := map[string]string{}
	switch v := v.(type) {
	case string:
		by[s.base] = v
	case map[string]any:
		for lang, t := range v {
			text, ok := t.(string)
			if !ok {
				if n, number := t.(json.Number); number {
					text, ok = n.String(), true
				}
			}
			if !ok {
				s.lose(place, "bad_file", lang, "")
				continue
			}
			if lang == "default" {
				if _, both := v[s.base]; !both {
					lang = s.base
				}
			}
			by[lang] = text
		}
	case json.Number:
		by[s.base] = v.String()
	}
	if len(by) == 0 {
		return nil
	}
	return s.text(place, by, markdown, limit)
}

func (s *surveyJS) readPage(i int, m map[string]any) error {
	place := "pages/" + strconv.Itoa(i)
	o := s.object(place, m)
	name := o.str("name")
	if name != "" {
		o.place = "pages/" + name
	}
	p := s.page(o.place, name)
	p.Title = s.texts(o.place+"/title", o.get("title"), false, titleChars)
	p.when = rule{place: o.place + "/visibleIf", source: o.str("visibleIf")}
	if o.str("questionsOrder") == "random" || o.peek("elementsOrder") == "random" {
		o.take("elementsOrder")
		p.Random = true
	}
	o.usual("questionsOrder", "initial", "default")
	if o.m["visible"] == false && p.when.source == "" {
		s.lose(o.place, "hidden_question", name, "")
		p.when.ready = no
	}
	o.take("visible")
	if d := s.texts(o.place+"/description", o.get("description"), true, textChars); d != nil {
		it := s.item(p, o.place+"/description", p.Code+"_text", survey.Info)
		it.Text = d
	}
	return s.elements(p, o.place, o.list("elements"), nil)
}

func (s *surveyJS) elements(p *pageDraft, place string, list []any, around []rule) error {
	if s.depth++; s.depth > 30 {
		return errors.New("panels nest too deeply")
	}
	defer func() { s.depth-- }()
	for i, e := range list {
		if s.objects++; s.objects > maxObjects {
			return tooLarge("elements", maxObjects)
		}
		m, ok := e.(map[string]any)
		if !ok {
			s.lose(place+"/"+strconv.Itoa(i), "bad_file", fmt.Sprint(e), "")
			continue
		}
		if err := s.element(p, place, i, m, around); err != nil {
			return err
		}
	}
	return nil
}

func (s *surveyJS) element(p *pageDraft, place string, i int, m map[string]any, around []rule) error {
	at := place + "/" + strconv.Itoa(i)
	if n, ok := m["name"].(string); ok {
		at = place + "/" + n
	}
	o := s.object(at, m)
	kind, name := o.str("type"), o.str("name")
	if name == "" {
		name = "frage"
	}
	when := rule{place: at + "/visibleIf", source: o.str("visibleIf"), extra: around}
	hidden := o.m["visible"] == false && when.source == ""
	o.take("visible")
	if source := o.str("enableIf"); source != "" {
		s.lose(at, "disabled_is_hidden", source, "")
		when.extra = append(append([]rule(nil), around...), rule{place: at + "/enableIf", source: source})
	}
	switch kind {
	case "panel", "paneldynamic", "flowpanel":
		if hidden {
			when.ready = no
			s.lose(at, "hidden_question", name, "")
		}
		inner := append(append([]rule(nil), around...), rule{place: when.place, source: when.source, ready: when.ready})
		title := s.texts(at+"/title", o.get(ifThere(o.m, "title", "templateTitle")), true, textChars)
		if d := s.texts(at+"/description", o.get("description"), true, textChars); d != nil {
			for lang := range d {
				if title[lang] != "" {
					d[lang] = "**" + title[lang] + "**\n\n" + d[lang]
				}
			}
			title = d
		}
		if title != nil {
			it := s.item(p, at, name, survey.Info)
			it.Text, it.when = title, when
		}
		if kind == "paneldynamic" {
			s.lose(at, "repeated", name, "")
		}
		elements := o.list("elements")
		if kind == "paneldynamic" {
			elements = append(elements, o.list("templateElements")...)
		}
		return s.elements(p, at, elements, inner)
	}
	s.question(p, o, at, kind, name, when, hidden)
	return nil
}

func ifThere(m map[string]any, names ...string) string {
	for _, n := range names {
		if _, ok := m[n]; ok {
			return n
		}
	}
	return names[0]
}

// question reads one question of any type.
func (s *surveyJS) question(p *pageDraft, o object, at, kind, name string, when rule, hidden bool) {
	title := func() content.Text { return s.texts(at+"/title", o.get("title"), false, textChars) }
	add := func(t survey.Type) *itemDraft {
		it := s.item(p, at, name, t)
		it.when = when
		it.Text = title()
		if it.Text == nil && t != survey.Info {
			it.Text = content.Text{content.German: name} // as SurveyJS shows it
		}
		it.Help = s.texts(at+"/description", o.get("description"), false, textChars)
		it.Required = o.flag("isRequired")
		it.hidden = hidden
		if hidden {
			s.lose(at, "hidden_question", name, "")
		}
		return it
	}
	if o.m["isRequired"] == false {
		o.take("isRequired")
	}
	switch kind {
	case "radiogroup", "dropdown", "buttongroup":
		it := add(survey.SingleChoice)
		if kind == "dropdown" {
			it.Look = survey.Dropdown
		}
		s.choices(it, o, at)
		s.builder.name(name, it)
	case "checkbox", "tagbox":
		it := add(survey.MultipleChoice)
		s.choices(it, o, at)
		s.builder.name(name, it)
	case "imagepicker":
		it := add(survey.SingleChoice)
		if o.flag("multiSelect") {
			it.Type = survey.MultipleChoice
		}
		s.choices(it, o, at)
		s.builder.name(name, it)
	case "ranking":
		it := add(survey.Ranking)
		if !o.flag("selectToRankEnabled") { // all have to be ranked
			if n := len(o.list("choices")); it.Required && n > 0 {
				it.MinChoices = n
			}
		}
		s.choices(it, o, at)
		s.builder.name(name, it)
	case "boolean":
		it := add(survey.YesNo)
		if o.peek("renderAs") == "checkbox" {
			o.take("renderAs")
			it.Type = survey.Consent
		}
		for key, usual := range map[string]string{"labelTrue": "Ja", "labelFalse": "Nein"} {
			if l := s.texts(at+"/"+key, o.get(key), false, labelChars); l != nil && l[content.German] != usual && l[content.German] != map[string]string{"Ja": "Yes", "Nein": "No"}[usual] {
				s.lose(at, "type", key+"="+l[content.German], usual)
			}
		}
		s.builder.name(name, it)
		r := s.refs[name]
		for key, ours := range map[string]string{"valueTrue": "yes", "valueFalse": "no"} {
			if v, ok := o.m[key]; ok {
				o.take(key)
				r.codes[fmt.Sprint(v)] = ours
			}
		}
	case "rating":
		s.rating(add(survey.Scale), o, at, name)
	case "text":
		s.textField(add(survey.ShortText), o, at, name)
	case "comment":
		it := add(survey.LongText)
		it.MaxLength = min(max(o.whole("maxLength"), 0), textChars)
		s.builder.name(name, it)
	case "multipletext":
		head := add(survey.Info)
		if head.Text == nil {
			head.Text = content.Text{content.German: name}
		}
		s.lose(at, "type", "multipletext", "text")
		required := head.Required
		head.Required = false
		for i, v := range o.list("items") {
			m, ok := v.(map[string]any)
			if !ok {
				m = map[string]any{"name": fmt.Sprint(v)}
			}
			part := s.object(at+"/items/"+strconv.Itoa(i), m)
			partName := part.str("name")
			it := s.item(p, part.place, name+"_"+partName, survey.ShortText)
			it.when, it.Required = when, part.flag("isRequired") || required
			it.hidden = hidden
			if it.Text = s.texts(part.place+"/title", part.get("title"), false, textChars); it.Text == nil {
				it.Text = content.Text{content.German: partName}
			}
			s.textField(it, part, part.place, name+"."+partName)
		}
	case "matrix":
		it := add(survey.MatrixSingle)
		s.matrix(it, o, at, name, o.list("columns"), nil)
	case "matrixdropdown", "matrixdynamic":
		s.matrixDropdown(p, o, at, kind, name, when, hidden, title)
	case "html":
		it := s.item(p, at, name, survey.Info)
		it.when, it.hidden = when, hidden
		it.Text = s.texts(at+"/html", o.get("html"), true, textChars)
		if it.Text == nil {
			it.Text = s.texts(at+"/title", o.get("title"), true, textChars)
		}
		if it.Text == nil { // nothing but a picture or a script
			p.items = p.items[:len(p.items)-1]
			delete(s.codes, it.Code)
			s.lose(at, "question_dropped", kind, "")
		}
	case "expression":
		it := add(survey.Calculated)
		it.Required = false
		it.formula = rule{place: at + "/expression", source: o.str("expression")}
		s.builder.name(name, it)
	case "file":
		it := add(survey.File)
		if strings.HasPrefix(o.str("acceptedTypes"), "image/") {
			it.Type = survey.Photo
		}
		if o.flag("allowMultiple") {
			if it.MaxChoices = 10; o.whole("maxFiles") > 0 {
				it.MaxChoices = min(o.whole("maxFiles"), 10)
			}
		}
		s.builder.name(name, it)
	default: // image, signaturepad, nouislider, custom components …
		s.lose(at, "question_dropped", kind+" "+name, "")
		for _, key := range o.names {
			o.take(key)
		}
	}
}

// choices reads the options of a question, with its rules for them.
func (s *surveyJS) choices(it *itemDraft, o object, at string) {
	list := o.list("choices")
	if len(list) > 2*maxOptions {
		for _, c := range list[2*maxOptions:] {
			s.lose(at, "too_many", fmt.Sprint(c), "")
		}
		list = list[:2*maxOptions]
	}
	for i, c := range list {
		m, ok := c.(map[string]any)
		if !ok {
			m = map[string]any{"value": c, "text": fmt.Sprint(c)}
		}
		co := s.object(at+"/choices", m)
		value := s.scalar(at, i, co)
		text := s.texts(at+"/choices", co.get("text"), false, labelChars)
		if text == nil {
			text = content.Text{content.German: value}
		}
		before := len(it.Options)
		opt := s.option(it, value, text)
		if before == len(it.Options) {
			continue
		}
		for _, link := range links(co.get("imageLink")) {
			s.lose(at, "picture", link, "")
		}
		r := rule{place: at + "/choices", source: co.str("visibleIf")}
		if e := co.str("enableIf"); e != "" {
			r.extra = []rule{{place: at + "/choices/enableIf", source: e}}
		}
		s.ruleFor(it, opt.Code, r)
	}
	for _, key := range []string{"choicesVisibleIf", "choicesEnableIf"} {
		if e := o.str(key); e != "" {
			s.lose(at, "option_rule", key+": "+e, "")
		}
	}
	switch order := o.str("choicesOrder"); order {
	case "random":
		it.Random = true
	case "", "none":
	default:
		s.lose(at, "order", order, "")
	}
	extra := func(shown, old, label, value string) (*survey.Option, bool) {
		if !o.flag(shown) && !o.flag(old) {
			return nil, false
		}
		o.take(old)
		text := s.texts(at+"/"+label, o.get(label), false, labelChars)
		if text == nil {
			text = content.Text{content.German: map[string]string{"none": "Keine davon", "other": "Sonstiges"}[value], content.English: map[string]string{"none": "None of these", "other": "Other"}[value]}
		}
		return s.option(it, value, text), true
	}
	if opt, ok := extra("showNoneItem", "hasNone", "noneText", "none"); ok {
		opt.Exclusive = it.Type == survey.MultipleChoice
	}
	if opt, ok := extra("showOtherItem", "hasOther", "otherText", "other"); ok {
		if it.Type == survey.SingleChoice || it.Type == survey.MultipleChoice {
			opt.Other = true
		} else {
			s.lose(at, "type", "other", "")
		}
	} else if o.m["otherText"] != nil {
		s.lose(at, "attribute", "otherText without an \"other\"", "")
		o.take("otherText")
	}
	it.NoAnswer = o.flag("showRefuseItem")
	it.DontKnow = o.flag("showDontKnowItem")
	if it.Type == survey.MultipleChoice || it.Type == survey.Ranking {
		it.MinChoices, it.MaxChoices = o.whole("minSelectedChoices"), o.whole("maxSelectedChoices")
	}
}

// links are the addresses of a picture, which may differ by language.
func links(v any) (list []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case map[string]any:
		for _, k := range sortedKeys(v) {
			list = append(list, fmt.Sprint(k, " ", v[k]))
		}
	}
	return list
}

func (s *surveyJS) scalar(at string, i int, o object) string {
	switch v := o.get("value").(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	s.lose(at, "options_renamed", "choice "+strconv.Itoa(i+1)+" without a value", strconv.Itoa(i+1))
	return strconv.Itoa(i + 1)
}

func (s *surveyJS) ruleFor(it *itemDraft, code string, r rule) {
	if it.options == nil {
		it.options = map[string]rule{}
	}
	it.options[code] = r
}

func (s *surveyJS) rating(it *itemDraft, o object, at, name string) {
	if values := o.list("rateValues"); len(values) > 0 {
		it.Type = survey.SingleChoice
		for i, c := range values {
			m, ok := c.(map[string]any)
			if !ok {
				m = map[string]any{"value": c}
			}
			co := s.object(at+"/rateValues", m)
			value := s.scalar(at, i, co)
			text := s.texts(at+"/rateValues", co.get("text"), false, labelChars)
			if text == nil {
				text = content.Text{content.German: value}
			}
			s.option(it, value, text)
		}
		s.builder.name(name, it)
		return
	}
	low, ok := o.number("rateMin")
	if !ok {
		low = 1
	}
	high, ok := o.number("rateMax")
	if !ok {
		high = 5
		if n := o.whole("rateCount"); n > 0 {
			high = low + float64(n) - 1
		}
	}
	if high-low > 10 || high <= low || low != float64(int(low)) || high != float64(int(high)) {
		s.lose(at, "type", fmt.Sprintf("rating %v to %v", low, high), string(survey.Number))
		it.Type = survey.Number
		if high <= low {
			s.builder.name(name, it)
			return
		}
		it.Min, it.Max = &low, &high
		s.builder.name(name, it)
		return
	}
	it.Min, it.Max = &low, &high
	switch o.str("rateType") {
	case "stars":
		if low == 1 {
			it.Look = survey.Stars
		}
	case "smileys":
		s.lose(at, "look", "smileys", "")
	}
	it.MinLabel = s.texts(at+"/minRateDescription", o.get("minRateDescription"), false, titleChars)
	it.MaxLabel = s.texts(at+"/maxRateDescription", o.get("maxRateDescription"), false, titleChars)
	if it.MinLabel == nil || it.MaxLabel == nil {
		it.MinLabel, it.MaxLabel = emptied(it.MinLabel), emptied(it.MaxLabel)
	}
	s.builder.name(name, it)
}

func emptied(t content.Text) content.Text {
	if len(t) == 0 {
		return nil
	}
	return t
}

var inputTypes = map[string]survey.Type{
	"": survey.ShortText, "text": survey.ShortText, "email": survey.Email, "number": survey.Number, "range": survey.Number,
	"date": survey.Date, "datetime-local": survey.Date, "time": survey.Time, "tel": survey.ShortText, "url": survey.ShortText,
	"month": survey.ShortText, "week": survey.ShortText, "color": survey.ShortText, "password": survey.ShortText, "datetime": survey.Date,
}

// digits is a rule for so many digits, as codes of the post have them.
var digits = regexp.MustCompile(`^\^(?:\[0-9\]|\\d)\{(\d{1,2})\}\$$`)

func (s *surveyJS) textField(it *itemDraft, o object, at, name string) {
	kind := o.str("inputType")
	t, ok := inputTypes[kind]
	if !ok {
		t = survey.ShortText
	}
	switch kind {
	case "", "text", "email", "number", "date", "time":
	default:
		s.lose(at, "type", "inputType="+kind, string(t))
	}
	it.Type = t
	if kind == "tel" {
		it.Personal = true
		s.lose(at, "personal", "inputType=tel", "")
	}
	for i, v := range o.list("validators") {
		m, ok := v.(map[string]any)
		if !ok {
			continue
		}
		vo := s.object(at+"/validators/"+strconv.Itoa(i), m)
		switch kind := vo.peek("type"); {
		case kind == "email" && (it.Type == survey.Email || it.Type == survey.ShortText):
			vo.take("type")
			it.Type = survey.Email
		case kind == "numeric" && (it.Type == survey.Number || it.Type == survey.ShortText):
			vo.take("type")
			it.Type = survey.Number
			s.bound(it, vo, "minValue", "maxValue")
		case kind == "text" && it.Type == survey.ShortText:
			vo.take("type")
			it.MaxLength = vo.whole("maxLength")
		case kind == "regex" && it.Type == survey.ShortText && digits.MatchString(vo.peek("regex")):
			vo.take("type")
			it.MaxLength = whole(digits.FindStringSubmatch(vo.peek("regex"))[1])
			s.lose(vo.place, "checked_by_code", vo.take("regex"), "max_length="+strconv.Itoa(it.MaxLength))
		}
	}
	switch it.Type {
	case survey.ShortText:
		if n := o.whole("maxLength"); n > 0 {
			it.MaxLength = min(n, textChars)
		}
	case survey.Number:
		s.bound(it, o, "min", "max")
		o.usual("step", "any")
		if step, ok := o.number("step"); ok && step == 1 && (it.Min == nil || *it.Min == float64(int(*it.Min))) {
			it.Integer = true
		} else if ok && step > 0 {
			it.Step = step
		}
	case survey.Date:
		if d := o.peek("min"); len(d) == 10 {
			it.Earliest = o.take("min")
		}
		if d := o.peek("max"); len(d) == 10 {
			it.Latest = o.take("max")
		}
	case survey.Time:
		if d := o.peek("min"); len(d) == 5 {
			it.Earliest = o.take("min")
		}
		if d := o.peek("max"); len(d) == 5 {
			it.Latest = o.take("max")
		}
	}
	s.builder.name(name, it)
}

func (s *surveyJS) bound(it *itemDraft, o object, low, high string) {
	if f, ok := o.number(low); ok {
		it.Min = &f
	}
	if f, ok := o.number(high); ok {
		it.Max = &f
	}
	if it.Min != nil && it.Max != nil && *it.Max <= *it.Min {
		s.lose(o.place, "checked_by_code", fmt.Sprintf("%v to %v", *it.Min, *it.Max), "")
		it.Min, it.Max = nil, nil
	}
}

// matrix reads rows and columns; rows have names of their own in conditions.
func (s *surveyJS) matrix(it *itemDraft, o object, at, name string, columns []any, prefix func(row string) string) {
	for i, c := range columns {
		m, ok := c.(map[string]any)
		if !ok {
			m = map[string]any{"value": c}
		}
		co := s.object(at+"/columns", m)
		value := s.scalar(at, i, co)
		text := s.texts(at+"/columns", co.get("text"), false, labelChars)
		if text == nil {
			text = content.Text{content.German: value}
		}
		s.option(it, value, text)
	}
	s.rows(it, o.list("rows"), at, name, prefix)
	if o.flag("isAllRowRequired") || o.flag("eachRowRequired") {
		it.Required = true
	}
	if order := o.str("rowsOrder"); order == "random" {
		it.Random = true
	}
	o.usual("rowsOrder", "initial")
}

func (s *surveyJS) rows(it *itemDraft, rows []any, at, name string, prefix func(row string) string) {
	if prefix == nil {
		prefix = func(row string) string { return name + "." + row }
	}
	for i, r := range rows {
		m, ok := r.(map[string]any)
		if !ok {
			m = map[string]any{"value": r}
		}
		ro := s.object(at+"/rows", m)
		value := s.scalar(at, i, ro)
		text := s.texts(at+"/rows", ro.get("text"), false, labelChars)
		if text == nil {
			text = content.Text{content.German: value}
		}
		row := s.row(it, value, text)
		if it.rows == nil {
			it.rows = map[string]rule{}
		}
		it.rows[row.Code] = rule{place: at + "/rows", source: ro.str("visibleIf")}
		kind := condition.Text
		if it.Type == survey.MatrixMultiple {
			kind = condition.List
		}
		s.refs[prefix(value)] = refTo(survey.Key(it.Code, row.Code), kind, true, it.self, orderOf(it.Options))
	}
}

// matrixDropdown makes a matrix of every column with choices.
func (s *surveyJS) matrixDropdown(p *pageDraft, o object, at, kind, name string, when rule, hidden bool, title func() content.Text) {
	heading := title()
	help := s.texts(at+"/description", o.get("description"), false, textChars)
	rows := o.list("rows")
	columns := o.list("columns")
	random := o.str("rowsOrder") == "random"
	if len(columns) != 1 {
		s.lose(at, "type", kind, fmt.Sprintf("%d × matrix", len(columns)))
	}
	if kind == "matrixdynamic" {
		s.lose(at, "repeated", name, "")
		if len(rows) == 0 {
			rows = []any{map[string]any{"value": "1", "text": "1"}}
		}
	}
	shared := o.list("choices")
	cell := o.str("cellType")
	required := o.flag("isRequired")
	for i, c := range columns {
		m, ok := c.(map[string]any)
		if !ok {
			m = map[string]any{"name": fmt.Sprint(c)}
		}
		co := s.object(at+"/columns/"+strconv.Itoa(i), m)
		colName := co.str("name")
		colType := cell
		if t := co.str("cellType"); t != "" && t != "default" {
			colType = t
		}
		full := name + "_" + colName
		if len(columns) == 1 && colName == name { // as our own files have it
			full = name
		}
		it := s.item(p, co.place, full, survey.MatrixSingle)
		it.when, it.hidden, it.Required, it.Random = when, hidden, required || co.flag("isRequired"), random
		if i == 0 {
			it.Help = help
		}
		it.Text = content.Text{}
		for lang, t := range heading {
			it.Text[lang] = t
		}
		if t := s.texts(co.place+"/title", co.get("title"), false, labelChars); t != nil {
			for lang, col := range t {
				it.Text[lang] = strings.TrimSpace(it.Text[lang] + " – " + col)
			}
		} else if len(columns) > 1 || len(it.Text) == 0 && full != name {
			for _, lang := range []string{content.German} {
				it.Text[lang] = strings.TrimPrefix(it.Text[lang]+" – "+colName, " – ")
			}
		}
		switch colType {
		case "checkbox", "tagbox":
			it.Type = survey.MatrixMultiple
		case "", "dropdown", "radiogroup":
		case "boolean":
			shared = []any{map[string]any{"value": "true", "text": map[string]any{"de": "Ja", "en": "Yes"}}, map[string]any{"value": "false", "text": map[string]any{"de": "Nein", "en": "No"}}}
		default:
			s.lose(co.place, "question_dropped", "cellType="+colType, "")
			delete(s.codes, it.Code)
			p.items = p.items[:len(p.items)-1]
			continue
		}
		list := co.list("choices")
		if len(list) == 0 {
			list = shared
		}
		s.matrixChoices(it, list, co.place)
		colName = co.cells["name"]
		s.rows(it, rows, co.place, name, func(row string) string { return name + "." + row + "." + colName })
	}
}

func (s *surveyJS) matrixChoices(it *itemDraft, list []any, at string) {
	for i, c := range list {
		m, ok := c.(map[string]any)
		if !ok {
			m = map[string]any{"value": c}
		}
		co := s.object(at+"/choices", m)
		value := s.scalar(at, i, co)
		text := s.texts(at+"/choices", co.get("text"), false, labelChars)
		if text == nil {
			text = content.Text{content.German: value}
		}
		s.option(it, value, text)
	}
}

// calculated reads a calculated value of the survey: it is worked out on the last page.
func (s *surveyJS) calculated(m map[string]any) {
	name, _ := m["name"].(string)
	o := s.object("calculatedValues/"+name, m)
	if len(s.pages) == 0 {
		return
	}
	it := s.item(s.pages[len(s.pages)-1], o.place, o.str("name"), survey.Calculated)
	it.Text = content.Text{content.German: name}
	it.formula = rule{place: o.place, source: o.str("expression")}
	s.builder.name(name, it)
	o.take("includeIntoResult")
}
