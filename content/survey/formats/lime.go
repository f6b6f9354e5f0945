package formats

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
)

// lime is what LimeSurvey's two file formats have in common: the survey as its
// database holds it. Rows keep their accounts; rows of further languages only
// differ in their texts.
type lime struct {
	*builder
	base      string // language
	settings  *record
	languages map[string]*record // survey texts by language
	groups    []*limeGroup
	// compareLater are expressions to hold against the conditions table when all questions are known.
	compareLater []comparison
}

type limeGroup struct {
	*record
	id        string
	title     map[string]string
	about     map[string]string
	relevance string
	questions []*limeQuestion
}

type limeQuestion struct {
	*record
	id, title, kind string
	text, help      map[string]string
	sub             []*limePart // rows and columns, in order
	answers         []*limePart
	attributes      map[string]limeAttribute // by name
	conditions      []*record
}

type limeAttribute struct {
	value string
	taken func()
}

// limePart is a sub-question or an answer.
type limePart struct {
	*record
	code, relevance string
	scale           string
	text            map[string]string
}

func newLime() *lime {
	l := &lime{builder: newBuilder(limeDialect), languages: map[string]*record{}}
	l.builder.names = l.canonical
	return l
}

var (
	sgqa      = regexp.MustCompile(`^(\d+)X(\d+)X(\d+)([A-Za-z0-9_]*)(#\d)?$`)
	limeTail  = regexp.MustCompile(`\.(NAOK|shown|value|code|valueNAOK)$`)
	limeLocal = regexp.MustCompile(`^(self|this|that)(\..*)?$`)
)

// canonical gives the name under which a LimeSurvey variable is known: without
// suffixes; codes are read as LimeSurvey does, exactly.
func (l *lime) canonical(_ dialect, name string) string {
	name = limeTail.ReplaceAllString(name, "")
	if limeLocal.MatchString(name) {
		return "self"
	}
	return name
}

// attribute takes an attribute of a question.
func (q *limeQuestion) attribute(name string) string {
	a, ok := q.attributes[name]
	if !ok {
		return ""
	}
	if a.taken != nil {
		a.taken()
	}
	return a.value
}

// start reads what concerns the survey as a whole.
func (l *lime) start() {
	s := l.settings
	var all []string
	for lang := range l.languages {
		all = append(all, lang)
	}
	slices.Sort(all)
	if !slices.ContainsFunc(all, func(lang string) bool { return ourLanguage(lang) == content.German }) {
		l.german = l.base
		l.lose("survey", "language_as_german", l.base, "")
	}
	texts := func(name string, markdown bool, limit int) content.Text {
		by := map[string]string{}
		for lang, r := range l.languages {
			if v := r.take(name); strings.TrimSpace(v) != "" {
				by[lang] = v
			}
		}
		if len(by) == 0 {
			return nil
		}
		return l.text("survey/"+name, by, markdown, limit)
	}
	l.q.Title = texts("surveyls_title", false, titleChars)
	l.q.Intro = texts("surveyls_welcometext", true, textChars)
	if about := texts("surveyls_description", true, textChars); about != nil {
		if l.q.Intro == nil {
			l.q.Intro = content.Text{}
		}
		for lang, t := range about {
			l.q.Intro[lang] = strings.TrimSpace(t + "\n\n" + l.q.Intro[lang])
		}
		if l.q.Intro[content.German] == "" {
			l.q.Intro[content.German] = about[content.English]
		}
	}
	l.q.Thanks = texts("surveyls_endtext", true, textChars)
	if s.peek("anonymized") == "I" {
		l.lose("survey", "setting", "anonymized=I", "anonymous=false")
	}
	l.q.Anonymous = s.take("anonymized") == "Y"
	s.usual("format", "G")
	for name, inherited := range limeInherited {
		s.usual(name, inherited...)
	}
	s.take("language")
	s.take("additional_languages")
	for name, into := range map[string]*time.Time{"startdate": &l.q.Opens, "expires": &l.q.Closes} {
		if t, err := time.ParseInLocation("2006-01-02 15:04:05", s.peek(name), content.Berlin); err == nil {
			s.take(name)
			*into = t.UTC()
		}
	}
	if !l.q.Closes.IsZero() && !l.q.Closes.After(l.q.Opens) {
		l.lose("survey", "setting", "expires before startdate", "")
		l.q.Closes = time.Time{}
	}
	if s.peek("usetokens") == "Y" {
		s.take("usetokens")
		l.lose("survey", "setting", "usetokens=Y", "access="+survey.AccessCode)
		l.q.Access = survey.AccessCode
	}
}

func (l *lime) convert() (survey.Questionnaire, []Loss, error) {
	l.start()
	if len(l.groups) == 0 {
		return survey.Questionnaire{}, nil, errNothing
	}
	for _, g := range l.groups {
		if len(g.questions) == 0 {
			l.lose(g.place, "bad_file", "a group without questions", "")
			continue
		}
		p := l.page(g.place, "g"+g.id)
		if t := l.text(g.place+"/title", g.title, false, titleChars); t != nil {
			p.Title = t
		}
		if !trivial(g.relevance) {
			p.when = rule{place: g.place + "/relevance", source: g.relevance}
		}
		if about := l.inGerman(g.place+"/description", g.about); about != nil {
			it := l.item(p, g.place+"/description", p.Code+"_text", survey.Info)
			it.Text = about
		}
		for _, q := range g.questions {
			l.question(p, q)
		}
	}
	l.compareTables()
	l.close(limeLoss)
	q, losses := l.finish()
	if len(q.Pages) == 0 {
		return q, losses, errNothing
	}
	return q, losses, nil
}

// inGerman is a text between questions. One that Germans were not shown is left
// out and not shown to them in another language.
func (l *lime) inGerman(place string, by map[string]string) content.Text {
	for lang, s := range by {
		if (ourLanguage(lang) == content.German || lang == l.german) && strings.TrimSpace(s) != "" {
			return l.text(place, by, true, textChars)
		}
	}
	if all := strings.Join(values(by), " "); strings.TrimSpace(all) != "" {
		l.lose(place, "text_not_shown", all, "")
	}
	return nil
}

// limeInherited are values by which a survey says since version 4 that a setting is
// the one of its group of surveys, which is in no file, and those of what is off.
var limeInherited = func() map[string][]string {
	all := map[string][]string{"usecaptcha": {"E"}, "tokenlength": {"-1"}, "questionindex": {"-1"}, "navigationdelay": {"-1"},
		"usetokens": {"N"}, "bounceprocessing": {"N"}, "showsurveypolicynotice": {"0"}}
	for _, name := range []string{"admin", "adminemail", "template", "bounce_email", "emailresponseto", "emailnotificationto"} {
		all[name] = []string{"inherit"}
	}
	for _, name := range []string{
		"format", "savetimings", "datestamp", "usecookie", "allowregister", "allowsave", "autoredirect", "allowprev", "printanswers", "ipaddr", "ipanonymize",
		"refurl", "publicstatistics", "publicgraphs", "listpublic", "htmlemail", "sendconfirmation", "tokenanswerspersistence", "assessments", "showxquestions",
		"showgroupinfo", "shownoanswer", "showqnumcode", "showwelcome", "showprogress", "nokeyboard", "alloweditaftercompletion", "showregisterpolicy", "showtokenpolicy",
		"preselectnoanswer", "savequotaexit",
	} {
		all[name] = []string{"I"}
	}
	return all
}()

// limeDefaults are values of attributes that LimeSurvey writes although nobody chose them.
var limeDefaults = map[string][]string{
	"hidden": {"0"}, "random_order": {"0"}, "answer_order": {"normal"}, "subquestion_order": {"normal"}, "page_break": {"0"}, "save_as_default": {"N"},
	"public_statistics": {"0"}, "statistics_showgraph": {"1"}, "statistics_graphtype": {"0"}, "array_filter_style": {"0"}, "hide_tip": {"0"},
	"showpopups": {"1"}, "samechoiceheight": {"1"}, "samelistheight": {"1"},
}

// trivial reports relevance that always holds.
func trivial(relevance string) bool {
	r := strings.TrimSpace(relevance)
	return r == "" || r == "1"
}

// limeLoss says why an attribute that nobody took is lost.
func limeLoss(r *record, name string) string {
	switch {
	case name == "language" && r.cells["language"] != "" || name == "surveyls_language":
		return "" // says which row it is
	case strings.Contains(name, "email") || strings.Contains(name, "bounce") || strings.HasPrefix(name, "surveyls_email") || name == "attachments" || name == "admin" || name == "faxto":
		return "mail"
	case strings.Contains(name, "policy"):
		return "policy"
	case name == "assessment_value" || name == "assessments":
		return "scores"
	case name == "default" || name == "defaultvalue" || name == "same_default":
		return "default"
	case name == "preg" || name == "validation" || strings.HasPrefix(name, "em_validation"):
		return "checked_by_code"
	case strings.Contains(name, "width") || strings.Contains(name, "columns") || strings.Contains(name, "size") || name == "template" || strings.HasPrefix(name, "show") ||
		strings.Contains(name, "display") || strings.Contains(name, "height") || strings.HasPrefix(name, "slider") || strings.Contains(name, "css") || name == "hide_tip" || name == "nokeyboard":
		return "look"
	case slices.Contains([]string{"sid", "gid", "owner_id", "gsid", "id", "qid", "modulename", "datecreated", "autonumber_start", "surveyls_survey_id", "question_theme_name", "encrypted", "aid", "uid", "group_order"}, name):
		return "technical"
	case strings.HasPrefix(name, "array_filter") || strings.HasPrefix(name, "random") || name == "parent_order" || name == "randomization_group":
		return "option_rule"
	case r.place == "survey" || strings.HasPrefix(r.place, "survey/"):
		return "setting"
	}
	return "attribute"
}

// limeTypes are the types with a direct counterpart.
var limeTypes = map[string]survey.Type{
	"L": survey.SingleChoice, "!": survey.SingleChoice, "O": survey.SingleChoice, "G": survey.SingleChoice, "Y": survey.YesNo,
	"M": survey.MultipleChoice, "P": survey.MultipleChoice, "R": survey.Ranking, "N": survey.Number,
	"S": survey.ShortText, "T": survey.LongText, "U": survey.LongText, "D": survey.Date, "X": survey.Info, "|": survey.File,
	"*": survey.Calculated, "5": survey.Scale, "F": survey.MatrixSingle, "H": survey.MatrixSingle, "A": survey.MatrixSingle,
	"B": survey.MatrixSingle, "C": survey.MatrixSingle, "E": survey.MatrixSingle, "1": survey.MatrixSingle, ":": survey.MatrixSingle,
	"K": survey.Number, "Q": survey.ShortText, ";": survey.ShortText,
}

// fixedAnswers are those that LimeSurvey itself gives.
var fixedAnswers = map[string][][3]string{
	"A": {{"1", "1", "1"}, {"2", "2", "2"}, {"3", "3", "3"}, {"4", "4", "4"}, {"5", "5", "5"}},
	"B": {{"1", "1", "1"}, {"2", "2", "2"}, {"3", "3", "3"}, {"4", "4", "4"}, {"5", "5", "5"}, {"6", "6", "6"}, {"7", "7", "7"}, {"8", "8", "8"}, {"9", "9", "9"}, {"10", "10", "10"}},
	"C": {{"Y", "Ja", "Yes"}, {"U", "Unsicher", "Uncertain"}, {"N", "Nein", "No"}},
	"E": {{"I", "Mehr", "Increase"}, {"S", "Gleich", "Same"}, {"D", "Weniger", "Decrease"}},
	"G": {{"F", "weiblich", "Female"}, {"M", "männlich", "Male"}},
}

func (l *lime) question(p *pageDraft, q *limeQuestion) {
	t, known := limeTypes[q.kind]
	if !known {
		l.lose(q.place, "question_dropped", "type "+q.kind, "")
		return
	}
	when := l.when(q)
	hidden := q.attributes["hidden"].value == "1"
	if hidden {
		q.attribute("hidden")
	}
	if hidden && t == survey.Calculated {
		hidden = false // worked out all the same, and never shown here
	}
	if hidden {
		l.lose(q.place, "hidden_question", q.title, "")
		if strings.TrimSpace(strings.Join(values(q.text), "")) == "" {
			q.usual("mandatory", "N", "")
			q.usual("other", "N", "")
			return
		}
	}
	required := q.peek("mandatory") == "Y" || q.peek("mandatory") == "S"
	if required {
		q.take("mandatory")
	}
	q.usual("mandatory", "N", "")
	if q.cells["mandatory"] == "S" {
		l.lose(q.place, "setting", "mandatory=S (soft)", "required")
	}
	markdown := t == survey.Info
	text := l.text(q.place+"/text", q.text, markdown, textChars)
	help := l.text(q.place+"/help", q.help, false, textChars)
	if text == nil {
		switch {
		case help != nil && t == survey.Info:
			text, help = help, nil
		case help != nil:
			text, help = help, nil
			l.lose(q.place, "moved", "help", "text")
		}
	}
	switch q.kind {
	case "K", "Q", ";":
		l.several(p, q, t, text, help, when, hidden, required)
		return
	case "1", ":":
		l.twoMatrices(p, q, text, help, when, hidden, required)
		return
	}
	it := l.item(p, q.place, q.title, t)
	it.Text, it.Help, it.when, it.hidden = text, help, when, hidden
	it.Required = required && it.Asks()
	if required && !it.Asks() {
		l.lose(q.place, "attribute", "mandatory="+q.cells["mandatory"], "")
	}
	switch q.kind {
	case "!":
		it.Look = survey.Dropdown
	case "5":
		one, five := 1.0, 5.0
		it.Min, it.Max = &one, &five
	case "*":
		it.Text = content.Text{content.German: q.title}
		it.formula = rule{place: q.place + "/equation", source: l.equation(q)}
	case "N":
		l.numeric(it, q)
	case "S", "T", "U":
		l.limitText(it, q)
	case "|":
		if n, err := strconv.Atoi(q.attribute("max_num_of_files")); err == nil && n > 0 {
			it.MaxChoices = min(n, 10)
		}
		if n, err := strconv.Atoi(q.attribute("min_num_of_files")); err == nil && n > 0 && n <= max(it.MaxChoices, 1) {
			it.MinChoices = n
		}
	}
	switch q.kind {
	case "L", "!", "O", "R", "F", "H":
		if q.kind == "R" && len(q.answers) == 0 { // since version 7 they are sub-questions
			q.answers, q.sub = q.sub, nil
		}
		for _, a := range q.answers {
			if a.scale == "" || a.scale == "0" {
				l.option(it, a.code, l.text(a.place, a.text, false, labelChars))
			}
		}
	case "M", "P":
		for _, s := range q.sub {
			l.option(it, s.code, l.text(s.place, s.text, false, labelChars))
		}
	}
	for _, a := range fixedAnswers[q.kind] {
		l.option(it, a[0], content.Text{content.German: a[1], content.English: a[2]})
	}
	l.other(it, q)
	l.choiceSettings(it, q)
	if it.IsMatrix() {
		l.rows(it, q, q.title, "", q.sub)
		if q.kind == "H" {
			l.lose(q.place, "look", "array by column", "")
		}
	}
	l.know(q, it)
	switch q.kind {
	case "O", "P":
		c := l.item(p, q.place+"/comment", q.title+"_comment", survey.LongText)
		c.Text = content.Text{content.German: "Anmerkung zu: " + text[content.German]}
		if text[content.English] != "" {
			c.Text[content.English] = "Comment on: " + text[content.English]
		}
		c.when, c.hidden = when, hidden
		l.lose(q.place, "type", "type "+q.kind, string(it.Type)+" and "+c.Code)
		l.builder.name(q.title+"_comment", c)
	}
}

func values(m map[string]string) []string {
	var out []string
	for _, k := range sortedKeys(m) {
		out = append(out, plainOrMarkdown(m[k], false).text)
	}
	return out
}

// when is the rule of a question: its expression, or else the conditions table.
// Where both stand LimeSurvey has made the expression out of the table; whether
// they still say the same is tried out.
func (l *lime) when(q *limeQuestion) rule {
	relevance := q.take("relevance")
	table := l.table(q)
	if trivial(relevance) {
		return rule{place: q.place + "/conditions", source: table}
	}
	r := rule{place: q.place + "/relevance", source: relevance}
	if table != "" {
		l.compareLater = append(l.compareLater, comparison{q.place, relevance, table})
	}
	return r
}

// table writes the rows of the conditions table as an expression: alternatives
// within one question, all questions of a scenario, any scenario.
func (l *lime) table(q *limeQuestion) string {
	type key struct{ scenario, field string }
	var scenarios []string
	fields := map[string][]string{}
	parts := map[key][]string{}
	for _, c := range q.conditions {
		scenario, field := c.take("scenario"), strings.TrimPrefix(c.take("cfieldname"), "+")
		method, value := strings.TrimSpace(c.take("method")), c.take("value")
		c.take("cqid")
		c.take("qid")
		switch method {
		case "==", "!=", "<", "<=", ">", ">=":
		default:
			l.lose(c.place, "condition", field+" "+method+" "+value, "")
			continue
		}
		if !slices.Contains(scenarios, scenario) {
			scenarios = append(scenarios, scenario)
		}
		if !slices.Contains(fields[scenario], field) {
			fields[scenario] = append(fields[scenario], field)
		}
		right := strconv.Quote(value)
		if m := sgqa.FindStringSubmatch(strings.Trim(value, "@")); m != nil && strings.HasPrefix(value, "@") {
			right = strings.Trim(value, "@")
		}
		parts[key{scenario, field}] = append(parts[key{scenario, field}], field+" "+method+" "+right)
	}
	var any []string
	for _, s := range scenarios {
		var all []string
		for _, f := range fields[s] {
			all = append(all, "("+strings.Join(parts[key{s, f}], " or ")+")")
		}
		any = append(any, "("+strings.Join(all, " and ")+")")
	}
	return strings.Join(any, " or ")
}

// equation is the calculation of a question of type "*".
func (l *lime) equation(q *limeQuestion) string {
	if e := q.attribute("equation"); e != "" {
		return e
	}
	return strings.TrimSpace(plainOrMarkdown(q.text[l.base], false).text)
}

func (l *lime) numeric(it *itemDraft, q *limeQuestion) {
	for name, into := range map[string]**float64{"min_num_value_n": &it.Min, "max_num_value_n": &it.Max} {
		if f, err := strconv.ParseFloat(q.attributes[name].value, 64); err == nil {
			q.attribute(name)
			*into = &f
		}
	}
	if q.attribute("num_value_int_only") == "1" {
		it.Integer = true
	}
	if s := q.attribute("suffix"); s != "" {
		it.Unit = string([]rune(plainOrMarkdown(s, false).text)[:min(20, len([]rune(plainOrMarkdown(s, false).text)))])
	}
	l.selfRange(it, q)
	if it.Min != nil && it.Max != nil && *it.Max <= *it.Min {
		l.lose(q.place, "checked_by_code", fmt.Sprint(*it.Min, " to ", *it.Max), "")
		it.Min, it.Max = nil, nil
	}
}

var between = regexp.MustCompile(`^\s*(?:self|this|\.)(?:\.NAOK)?\s*>=\s*(-?\d+(?:\.\d+)?)\s+and\s+(?:self|this|\.)(?:\.NAOK)?\s*<=\s*(-?\d+(?:\.\d+)?)\s*$`)

// selfRange understands "self >= 18 and self <= 120".
func (l *lime) selfRange(it *itemDraft, q *limeQuestion) {
	a := q.attributes["em_validation_q"]
	if m := between.FindStringSubmatch(a.value); m != nil {
		low, _ := strconv.ParseFloat(m[1], 64)
		high, _ := strconv.ParseFloat(m[2], 64)
		it.Min, it.Max = &low, &high
		q.attribute("em_validation_q")
	}
}

func (l *lime) limitText(it *itemDraft, q *limeQuestion) {
	n, err := strconv.Atoi(q.attributes["maximum_chars"].value)
	if q.attributes["numbers_only"].value == "1" && it.Type == survey.ShortText {
		// Digits with a bound of length are codes such as those of the post; others are numbers.
		if err != nil {
			q.attribute("numbers_only")
			it.Type = survey.Number
			l.lose(q.place, "type", "text with numbers_only", string(survey.Number))
			l.numeric(it, q)
			return
		}
	}
	if err == nil && n > 0 {
		q.attribute("maximum_chars")
		it.MaxLength = min(n, textChars)
	}
}

// other adds the answer that asks for a text.
func (l *lime) other(it *itemDraft, q *limeQuestion) {
	q.usual("other", "N", "")
	if q.peek("other") != "Y" {
		return
	}
	q.take("other")
	if it.Type != survey.SingleChoice && it.Type != survey.MultipleChoice {
		l.lose(q.place, "type", "other=Y", "")
		return
	}
	text := content.Text{content.German: "Sonstiges", content.English: "Other"}
	if t := q.attribute("other_replace_text"); t != "" {
		text = content.Text{content.German: plainOrMarkdown(t, false).text}
	}
	o := l.option(it, "other", text)
	o.Other = true
	it.self["-oth-"] = o.Code // as LimeSurvey's expressions call it
}

func (l *lime) choiceSettings(it *itemDraft, q *limeQuestion) {
	if codes := q.attributes["exclude_all_others"].value; codes != "" && it.Type == survey.MultipleChoice {
		q.attribute("exclude_all_others")
		for _, v := range strings.Split(codes, ";") {
			i := slices.IndexFunc(it.Options, func(o survey.Option) bool { return o.Code == it.self[strings.TrimSpace(v)] })
			if i < 0 {
				l.lose(q.place, "option_rule", "exclude_all_others="+v, "")
				continue
			}
			it.Options[i].Exclusive = true
		}
	}
	if it.Type == survey.MultipleChoice || it.Type == survey.Ranking {
		for name, into := range map[string]*int{"min_answers": &it.MinChoices, "max_answers": &it.MaxChoices} {
			if n, err := strconv.Atoi(q.attributes[name].value); err == nil && n > 0 {
				q.attribute(name)
				*into = n
			}
		}
		if n, err := strconv.Atoi(q.attributes["max_subquestions"].value); err == nil && n > 0 && it.Type == survey.Ranking {
			q.attribute("max_subquestions")
			if it.MaxChoices == 0 || n < it.MaxChoices {
				it.MaxChoices = n
			}
		}
	}
	switch it.Type {
	case survey.SingleChoice, survey.MultipleChoice, survey.Ranking, survey.MatrixSingle:
		for name, random := range map[string]string{"random_order": "1", "answer_order": "random", "subquestion_order": "random"} {
			if q.attributes[name].value == random {
				q.attribute(name)
				it.Random = true
			}
		}
	}
}

// rows adds the rows of a matrix. suffix tells the scales of two apart.
func (l *lime) rows(it *itemDraft, q *limeQuestion, name, suffix string, sub []*limePart) {
	for _, s := range sub {
		text := l.text(s.place, s.text, false, labelChars)
		if left, right := text[content.German], ""; strings.Contains(left, "|") && q.kind != "1" { // two ends of a line
			left, right, _ = strings.Cut(left, "|")
			text[content.German] = strings.TrimSpace(left) + " – " + strings.TrimSpace(right)
		}
		if text == nil {
			text = copied(it.Text)
		}
		row := l.row(it, s.code, text)
		if it.rows == nil {
			it.rows = map[string]rule{}
		}
		if !trivial(s.relevance) {
			it.rows[row.Code] = rule{place: s.place + "/relevance", source: s.relevance}
		}
		kind := condition.Text
		if it.Type == survey.MatrixMultiple {
			kind = condition.List
		}
		r := refTo(survey.Key(it.Code, row.Code), kind, true, it.self, orderOf(it.Options))
		l.refs[name+"_"+s.code+suffix] = r
		l.refs[q.sgqa()+s.code+suffix] = r
	}
}

// sgqa is the name of a question by the ids of survey, group and question.
func (q *limeQuestion) sgqa() string {
	return q.cells["sid"] + "X" + q.cells["gid"] + "X" + q.id
}

// know makes the names of a question stand for its item.
func (l *lime) know(q *limeQuestion, it *itemDraft) {
	l.builder.name(q.title, it)
	if r, ok := l.refs[q.title]; ok && !it.IsMatrix() {
		l.refs[q.sgqa()] = r
	}
	if r, ok := l.refs[q.title+"_other"]; ok {
		l.refs[q.sgqa()+"other"] = r
	}
	if q.kind == "M" || q.kind == "P" {
		for _, s := range q.sub {
			b := ref{kind: box, key: it.Code, option: it.self[s.code]}
			l.refs[q.title+"_"+s.code] = b
			l.refs[q.sgqa()+s.code] = b
			if !trivial(s.relevance) {
				if it.options == nil {
					it.options = map[string]rule{}
				}
				it.options[it.self[s.code]] = rule{place: s.place + "/relevance", source: s.relevance}
			}
		}
	}
}

// several makes one item of every sub-question of types that ask for several
// numbers or texts.
func (l *lime) several(p *pageDraft, q *limeQuestion, t survey.Type, text, help content.Text, when rule, hidden, required bool) {
	l.lose(q.place, "type", "type "+q.kind, fmt.Sprintf("%d × %s", len(q.sub), t))
	q.usual("other", "N", "")
	if text != nil {
		head := l.item(p, q.place, q.title, survey.Info)
		head.Text, head.Help, head.when, head.hidden = text, help, when, hidden
	}
	var columns []*limePart
	rows := q.sub
	if q.kind == ";" {
		rows = nil
		for _, s := range q.sub {
			if s.scale == "1" {
				columns = append(columns, s)
			} else {
				rows = append(rows, s)
			}
		}
	}
	if len(columns) == 0 {
		columns = []*limePart{nil}
	}
	for _, s := range rows {
		for _, c := range columns {
			name, label := q.title+"_"+s.code, l.text(s.place, s.text, false, labelChars)
			if c != nil {
				name += "_" + c.code
				for lang, t := range l.text(c.place, c.text, false, labelChars) {
					if label == nil {
						label = content.Text{}
					}
					label[lang] = strings.TrimPrefix(label[lang]+" – "+t, " – ")
				}
			}
			it := l.item(p, s.place, name, t)
			it.Text, it.hidden, it.Required = label, hidden, required
			it.when = when
			if !trivial(s.relevance) {
				it.when = rule{extra: []rule{when, {place: s.place + "/relevance", source: s.relevance}}}
			}
			if t == survey.Number {
				l.numeric(it, q)
			}
			l.builder.name(name, it)
			l.refs[q.sgqa()+strings.TrimPrefix(name, q.title+"_")] = l.refs[name]
		}
	}
}

// twoMatrices reads the dual scale, and the table of numbers or ticks.
func (l *lime) twoMatrices(p *pageDraft, q *limeQuestion, text, help content.Text, when rule, hidden, required bool) {
	q.usual("other", "N", "")
	var rows, columns []*limePart
	for _, s := range q.sub {
		if s.scale == "1" {
			columns = append(columns, s)
		} else {
			rows = append(rows, s)
		}
	}
	if q.kind == ":" && q.attribute("multiflexible_checkbox") != "1" {
		l.lose(q.place, "question_dropped", "table of numbers", "")
		return
	}
	if q.kind == ":" {
		it := l.item(p, q.place, q.title, survey.MatrixMultiple)
		it.Text, it.Help, it.when, it.hidden, it.Required = text, help, when, hidden, required
		for _, c := range columns {
			l.option(it, c.code, l.text(c.place, c.text, false, labelChars))
		}
		l.rows(it, q, q.title, "", rows)
		for _, r := range rows {
			for _, c := range columns {
				b := l.refs[q.title+"_"+r.code]
				l.refs[q.title+"_"+r.code+"_"+c.code] = ref{kind: box, key: b.key, option: it.self[c.code]}
			}
		}
		return
	}
	l.lose(q.place, "type", "dual scale", "2 × "+string(survey.MatrixSingle))
	for scale, header := range []string{"dualscale_headerA", "dualscale_headerB"} {
		n := strconv.Itoa(scale)
		it := l.item(p, q.place, q.title+map[bool]string{true: "_2"}[scale == 1], survey.MatrixSingle)
		it.Text, it.Help, it.when, it.hidden, it.Required = copied(text), copied(help), when, hidden, required
		if h := q.attribute(header); h != "" {
			it.Text[content.German] = strings.TrimSpace(it.Text[content.German] + " – " + plainOrMarkdown(h, false).text)
		}
		for _, a := range q.answers {
			if a.scale == n || a.scale == "" && scale == 0 {
				l.option(it, a.code, l.text(a.place, a.text, false, labelChars))
			}
		}
		l.rows(it, q, q.title, "#"+n, rows)
	}
}

// comparison is an expression and a conditions table that should say the same.
type comparison struct{ place, relevance, table string }

// compareTables tries 300 sets of answers on both and reports a difference.
func (l *lime) compareTables() {
	for _, c := range l.compareLater {
		a, errA := l.quiet(c.relevance)
		b, errB := l.quiet(c.table)
		if errA != nil || errB != nil || !agree(a, b, l.refs) {
			l.lose(c.place, "conditions_differ", c.table, c.relevance)
		}
	}
}

func (l *lime) quiet(source string) (condition.Expr, error) {
	t, err := parseExpression(limeDialect, source)
	if err != nil {
		return no, err
	}
	lw := &lowering{d: limeDialect, note: func(string, string) {}, resolve: func(name string) (ref, bool) { return l.resolve(name, nil) }}
	return lw.boolean(t)
}

// agree reports whether two conditions hold for the same answers, tried on many.
func agree(a, b condition.Expr, refs map[string]ref) bool {
	random := rand.New(rand.NewPCG(1, 2))
	byKey := map[string]ref{}
	for _, r := range refs {
		if old, ok := byKey[r.key]; !ok || old.kind == box {
			byKey[r.key] = r
		}
	}
	names := slices.Compact(slices.Sorted(slices.Values(append(a.Vars(), b.Vars()...))))
	for range 300 {
		answers := map[string]any{}
		for _, name := range names {
			r := byKey[name]
			if random.IntN(5) == 0 || len(r.order) == 0 {
				continue
			}
			c := r.order[random.IntN(len(r.order))]
			// What the conditions speak of has to come often enough.
			if spoken := spokenOf(name, a, b); len(spoken) > 0 && random.IntN(2) == 0 {
				c = spoken[random.IntN(len(spoken))]
			}
			if r.kind == list || r.kind == listCount {
				answers[name] = []string{c}
			} else {
				answers[name] = c
			}
		}
		if a.Holds(answers) != b.Holds(answers) {
			return false
		}
	}
	return true
}

// spokenOf are the texts with which conditions compare a variable.
func spokenOf(name string, all ...condition.Expr) (codes []string) {
	for _, e := range all {
		e.Walk(func(part condition.Expr) bool {
			if n, some, ok := oneOf(part); ok && n == name {
				codes = append(codes, some...)
			}
			return true
		})
	}
	return codes
}
