package formats

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
)

// builder puts a questionnaire together from what an importer finds, and keeps
// the account of what gets lost. Conditions are lowered at the end, when every
// question is known.
type builder struct {
	ledger
	d        dialect
	q        survey.Questionnaire
	pages    []*pageDraft
	refs     map[string]ref // by foreign name
	codes    map[string]bool
	german   string // the foreign language that stands for German
	names    func(d dialect, name string) string
	personal bool
	spoken   map[string]bool // our languages that the file has texts in
}

type pageDraft struct {
	survey.Page
	items []*itemDraft
	place string
	when  rule
}

type itemDraft struct {
	survey.Item
	place   string
	when    rule
	options map[string]rule // by our code of the option
	rows    map[string]rule
	formula rule
	hidden  bool
	self    map[string]string // foreign values of the options → our codes
}

// rule is a foreign condition with its place.
type rule struct {
	place, source string
	ready         condition.Expr
	extra         []rule // that hold as well: of panels and groups around it
}

func newBuilder(d dialect) *builder {
	return &builder{d: d, refs: map[string]ref{}, codes: map[string]bool{}, spoken: map[string]bool{}, q: survey.Questionnaire{Version: 1}}
}

// Bounds of the model, see survey.Validate.
const (
	maxPages   = 100
	maxItems   = 500
	maxOptions = 300
	titleChars = 300
	textChars  = 10_000
	labelChars = 500
)

var folding = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "Ä", "ae", "Ö", "oe", "Ü", "ue", "é", "e", "è", "e", "á", "a", "à", "a", "ç", "c", "ñ", "n", "&", "_und_", "+", "_plus_")

// fold makes the nearest valid code of a foreign name: lower-case letters, digits, underscores.
func fold(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(folding.Replace(name)) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if s := b.String(); s != "" && !strings.HasSuffix(s, "_") {
			b.WriteByte('_')
		}
	}
	return b.String()
}

// code gives a free code for a name, at most 40 characters.
func code(name, prefix string, letterFirst bool, taken map[string]bool) string {
	c := name
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9_]{0,39}$`).MatchString(c) {
		c = strings.TrimRight(fold(name), "_")
	}
	if c == "" {
		c = prefix
	}
	if letterFirst && (c[0] < 'a' || c[0] > 'z') {
		c = prefix + "_" + c
	}
	if len(c) > 40 {
		c = strings.TrimRight(c[:40], "_")
	}
	free := c
	for n := 2; taken[free]; n++ {
		tail := "_" + strconv.Itoa(n)
		free = c[:min(len(c), 40-len(tail))] + tail
	}
	taken[free] = true
	return free
}

// itemCode gives an item its code and reports a change.
func (b *builder) itemCode(place, name string) string {
	c := code(name, "q", true, b.codes)
	if c != name {
		b.lose(place, "renamed", name, c)
	}
	return c
}

func (b *builder) page(place, name string) *pageDraft {
	if len(b.pages) == maxPages {
		b.lose(place, "too_many", name, "")
		return b.pages[len(b.pages)-1]
	}
	taken := map[string]bool{}
	for _, p := range b.pages {
		taken[p.Code] = true
	}
	p := &pageDraft{place: place}
	p.Code = code(name, "p", true, taken)
	if p.Code != name && name != "" {
		b.lose(place, "renamed", name, p.Code)
	}
	b.pages = append(b.pages, p)
	return p
}

func (b *builder) item(p *pageDraft, place, name string, t survey.Type) *itemDraft {
	it := &itemDraft{place: place}
	it.Code, it.Type = b.itemCode(place, name), t
	p.items = append(p.items, it)
	return it
}

// option adds a choice with the foreign value.
func (b *builder) option(it *itemDraft, value string, text content.Text) *survey.Option {
	return b.addTo(it, &it.Options, value, text)
}

func (b *builder) row(it *itemDraft, value string, text content.Text) *survey.Option {
	return b.addTo(it, &it.Rows, value, text)
}

func (b *builder) addTo(it *itemDraft, list *[]survey.Option, value string, text content.Text) *survey.Option {
	taken := map[string]bool{}
	for _, o := range *list {
		taken[o.Code] = true
	}
	c := code(value, "o", false, taken)
	if c != value {
		b.lose(it.place, "options_renamed", value, c)
	}
	if len(text) == 0 || strings.TrimSpace(text[content.German]) == "" {
		text = content.Text{content.German: value}
		b.lose(it.place, "text_missing", value, "")
	}
	if list == &it.Options {
		if it.self == nil {
			it.self = map[string]string{}
		}
		if _, twice := it.self[value]; !twice {
			it.self[value] = c
		}
	}
	*list = append(*list, survey.Option{Code: c, Text: text})
	return &(*list)[len(*list)-1]
}

// name makes a foreign name stand for the item's main variable.
func (b *builder) name(foreign string, it *itemDraft) {
	vars := it.Variables()
	if len(vars) == 0 || it.IsMatrix() {
		return
	}
	codes := it.self
	switch it.Type {
	case survey.YesNo:
		codes = map[dialect]map[string]string{limeDialect: {"Y": "yes", "N": "no"}, jsDialect: {"true": "yes", "false": "no"}, xpathDialect: {"yes": "yes", "no": "no"}}[b.d]
	case survey.Consent:
		codes = map[dialect]map[string]string{jsDialect: {"true": "yes"}, xpathDialect: {"OK": "yes"}}[b.d]
	}
	b.refs[foreign] = refTo(it.Code, vars[0].Kind, vars[0].Listed, codes, orderOf(it.Choices()))
	if len(vars) > 1 && vars[1].Part == survey.PartText {
		b.refs[foreign+"-Comment"] = ref{kind: words1, key: vars[1].Key}
		b.refs[foreign+"_other"] = b.refs[foreign+"-Comment"]
	}
}

// text chooses German, English and Leichte Sprache out of the texts by foreign
// language and cleans them.
func (b *builder) text(place string, by map[string]string, markdown bool, limit int) content.Text {
	out := content.Text{}
	chosen := map[string]string{} // our language → foreign
	for _, want := range []string{content.German, content.English, content.Easy} {
		for _, lang := range languagesLike(by, want) {
			if strings.TrimSpace(by[lang]) != "" {
				chosen[want] = lang
				break
			}
		}
	}
	if b.german != "" && by[b.german] != "" && chosen[content.German] == "" {
		chosen[content.German] = b.german
		if chosen[content.English] == b.german {
			delete(chosen, content.English)
		}
	}
	if chosen[content.German] == "" && len(by) > 0 {
		for _, lang := range slices.Concat([]string{"default", chosen[content.English]}, sortedKeys(by)) {
			if strings.TrimSpace(by[lang]) != "" {
				chosen[content.German] = lang
				b.lose(place, "text_not_german", lang+": "+plainOrMarkdown(by[lang], false).text, "")
				break
			}
		}
	}
	for _, want := range content.Languages {
		lang, ok := chosen[want]
		if !ok {
			continue
		}
		m := plainOrMarkdown(by[lang], markdown)
		if markdown && b.d == xpathDialect && !strings.ContainsAny(by[lang], "<&") { // labels of XLSForm are Markdown
			m.text = tidyText(clean(by[lang]))
			m.dropped = append(m.dropped, markdownImage.FindAllString(m.text, -1)...)
			m.text = markdownImage.ReplaceAllString(m.text, "$1")
		}
		if b.d != limeDialect && !markdown {
			var changed bool
			if m.text, changed = unmark(m.text); changed {
				m.looks = append(m.looks, "markdown")
			}
		}
		if len(m.looks) > 0 {
			b.lose(place, "formatting", strings.Join(compact(m.looks), " "), "")
		}
		for _, d := range m.dropped {
			b.lose(place, "html_dropped", d, "")
		}
		if utf8.RuneCountInString(m.text) > limit {
			b.lose(place, "too_long", m.text, "")
			m.text = string([]rune(m.text)[:limit])
		}
		if m.text != "" {
			out[want] = m.text
			b.spoken[want] = true
		}
	}
	for _, lang := range sortedKeys(by) {
		used := false
		for _, l := range chosen {
			used = used || l == lang
		}
		if !used && strings.TrimSpace(by[lang]) != "" && (lang != "default" || by[lang] != by[chosen[content.German]]) {
			b.lose("languages/"+lang, "language", plainOrMarkdown(by[lang], false).text, "")
		}
	}
	if len(out) == 0 || out[content.German] == "" {
		if out[content.English] != "" {
			out[content.German] = out[content.English]
			return out
		}
		return nil
	}
	return out
}

func compact(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// languagesLike are the foreign languages that mean one of ours, the plain one first.
func languagesLike(by map[string]string, want string) []string {
	var list []string
	for _, lang := range sortedKeys(by) {
		if ourLanguage(lang) == want {
			list = append(list, lang)
		}
	}
	slices.SortStableFunc(list, func(a, b string) int { return len(a) - len(b) })
	return list
}

var markdownImage = regexp.MustCompile(`!\[([^\]]*)\]\([^)]*\)`)

var bracketed = regexp.MustCompile(`\(([A-Za-z-]+)\)\s*$`)

// ourLanguage tells which of our languages a foreign tag or name means, "" for none.
func ourLanguage(lang string) string {
	l := strings.ToLower(strings.TrimSpace(lang))
	if m := bracketed.FindStringSubmatch(l); m != nil { // Deutsch (de)
		l = m[1]
	}
	switch {
	case l == "ls" || l == "de-simple" || l == "de-easy" || l == "de-x-ls" || strings.HasPrefix(l, "leichte sprache"):
		return content.Easy
	case l == "de" || strings.HasPrefix(l, "de-") || l == "deutsch" || l == "german":
		return content.German
	case l == "en" || strings.HasPrefix(l, "en-") || l == "english" || l == "englisch":
		return content.English
	}
	return ""
}

// lower turns a foreign rule into ours; what cannot be is reported and always holds.
func (b *builder) lower(r rule, self *itemDraft) condition.Expr {
	all := []condition.Expr{}
	if !r.ready.IsZero() {
		all = append(all, r.ready)
	}
	for _, x := range r.extra {
		if e := b.lower(x, self); !e.IsZero() {
			all = append(all, e)
		}
	}
	if strings.TrimSpace(r.source) != "" {
		t, err := parseExpression(b.d, r.source)
		if err != nil {
			b.lose(r.place, "condition_unreadable", r.source+" ("+err.Error()+")", "")
		} else if e, err := b.lowering(r.place, self).boolean(t); err != nil {
			b.lose(r.place, "condition", r.source+" ("+err.Error()+")", "")
		} else if !isBool(e, true) {
			all = append(all, e)
		}
	}
	e := allOf(all...)
	if isBool(e, true) {
		return condition.Expr{}
	}
	return e
}

func (b *builder) lowering(place string, self *itemDraft) *lowering {
	return &lowering{d: b.d, note: func(code, what string) { b.lose(place, code, what, "") }, resolve: func(name string) (ref, bool) {
		return b.resolve(name, self)
	}}
}

func (b *builder) resolve(name string, self *itemDraft) (ref, bool) {
	if b.names != nil {
		name = b.names(b.d, name)
	}
	if self != nil && (name == "self" || name == "." || name == "this") {
		return selfRef(self), true
	}
	if r, ok := b.refs[name]; ok {
		return r, true
	}
	if base, ok := strings.CutSuffix(name, ".length"); ok {
		if r, ok := b.refs[base]; ok && r.kind == list {
			r.kind = listCount
			return r, true
		}
	}
	return ref{}, false
}

func selfRef(it *itemDraft) ref {
	vars := it.Variables()
	if len(vars) == 0 {
		return ref{}
	}
	return refTo(it.Code, vars[0].Kind, vars[0].Listed, it.self, orderOf(it.Choices()))
}

// finish lowers the conditions, puts earlier answers into texts, keeps every
// bound, and gives the questionnaire with the report.
func (b *builder) finish() (survey.Questionnaire, []Loss) {
	if b.q.Slug == "" {
		b.q.Slug = slug(b.q.Title[content.German])
	}
	b.lowerAll()
	b.keepBounds()
	known := map[string]condition.Kind{}
	kindOf := func(name string) (condition.Kind, bool) { k, ok := known[name]; return k, ok }
	settle := func(e condition.Expr, place, source string) condition.Expr {
		if e.IsZero() {
			return e
		}
		faults := e.CheckBool(kindOf)
		if len(faults) == 0 {
			return e
		}
		code := "condition"
		switch faults[0].Code {
		case condition.UnknownVariable:
			code = "condition_later"
		case condition.TooDeep, condition.TooLong:
			code = "condition_long"
		}
		b.lose(place, code, source, "")
		return condition.Expr{}
	}
	var pages []survey.Page
	for n, p := range b.pages {
		p.ShowIf = settle(p.ShowIf, p.place, p.when.text())
		b.pipes(p.place, p.Title, kindOf)
		if len(p.Title) == 0 {
			p.Title = content.Text{content.German: "Seite " + strconv.Itoa(n+1), content.English: "Page " + strconv.Itoa(n+1)}
			b.lose(p.place, "routing_page", "", p.Title[content.German])
		}
		p.Items = nil
		before := known
		if p.Random {
			before = map[string]condition.Kind{}
			for k, v := range known {
				before[k] = v
			}
		}
		for _, it := range p.items {
			all := known
			known = before
			it.ShowIf = settle(it.ShowIf, it.place, it.when.text())
			b.markPersonal(it)
			keep := it.Item
			b.pipes(it.place, keep.Text, kindOf)
			b.pipes(it.place, keep.Help, kindOf)
			for i := range keep.Options {
				o := &keep.Options[i]
				o.ShowIf = settle(o.ShowIf, it.place, it.options[o.Code].text())
				b.pipes(it.place, o.Text, kindOf)
			}
			for i := range keep.Rows {
				o := &keep.Rows[i]
				o.ShowIf = settle(o.ShowIf, it.place, it.rows[o.Code].text())
				b.pipes(it.place, o.Text, kindOf)
			}
			dropped := false
			if keep.Type == survey.Calculated {
				if faults := keep.Formula.CheckNumber(kindOf); len(faults) > 0 {
					b.lose(it.place, "calculation", it.formula.source, "")
					dropped = true
				}
			}
			known = all
			if dropped {
				continue
			}
			for _, v := range keep.Variables() {
				known[v.Key] = v.Kind
			}
			if keep.IsPersonal() {
				b.personal = true
			}
			p.Items = append(p.Items, keep)
		}
		if len(p.Items) > 0 {
			pages = append(pages, p.Page)
		}
	}
	b.q.Pages = pages
	b.pipes("title", b.q.Title, func(string) (condition.Kind, bool) { return 0, false })
	b.pipes("intro", b.q.Intro, func(string) (condition.Kind, bool) { return 0, false })
	b.pipes("thanks", b.q.Thanks, func(string) (condition.Kind, bool) { return 0, false })
	if b.q.Anonymous && b.personal {
		b.q.Anonymous = false
		b.lose("anonymous", "not_anonymous", "", "")
	}
	b.keepLanguages()
	if len(b.q.Title) == 0 {
		b.q.Title = content.Text{content.German: b.q.Slug}
		b.lose("title", "text_missing", b.q.Slug, "")
	}
	return b.q, b.losses
}

func (r rule) text() string {
	parts := []string{}
	if r.source != "" {
		parts = append(parts, r.source)
	}
	for _, x := range r.extra {
		if s := x.text(); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "; ")
}

func (b *builder) lowerAll() {
	for _, p := range b.pages {
		p.ShowIf = b.lower(p.when, nil)
		for _, it := range p.items {
			it.ShowIf = b.lower(it.when, it)
			if it.hidden {
				it.ShowIf = no
			}
			for i := range it.Options {
				it.Options[i].ShowIf = b.lower(it.options[it.Options[i].Code], it)
			}
			for i := range it.Rows {
				it.Rows[i].ShowIf = b.lower(it.rows[it.Rows[i].Code], it)
			}
			if it.Type == survey.Calculated {
				t, err := parseExpression(b.d, it.formula.source)
				if err == nil {
					it.Formula, err = b.lowering(it.place, it).number(t)
				}
				if err != nil {
					it.formula.source += " (" + err.Error() + ")"
					it.Formula = condition.Expr{}
				}
			}
		}
	}
}

// keepBounds cuts what the model has no room for.
func (b *builder) keepBounds() {
	items := 0
	for _, p := range b.pages {
		for i, it := range p.items {
			if items++; items > maxItems {
				for _, lost := range p.items[i:] {
					b.lose(lost.place, "too_many", lost.Code, "")
				}
				p.items = p.items[:i]
				break
			}
			for _, list := range []*[]survey.Option{&it.Options, &it.Rows} {
				for _, o := range (*list)[min(len(*list), maxOptions):] {
					b.lose(it.place, "too_many", o.Text[content.German], "")
				}
				*list = (*list)[:min(len(*list), maxOptions)]
			}
			open := 0
			for _, o := range it.Options {
				if !o.Exclusive {
					open++
				}
			}
			few := map[survey.Type]int{survey.SingleChoice: 2, survey.MultipleChoice: 2, survey.Ranking: 2, survey.MatrixSingle: 2, survey.MatrixMultiple: 1}[it.Type]
			switch {
			case it.Type == survey.MultipleChoice && len(it.Options) == 1 && it.Required && !it.Options[0].Other:
				// one tick that has to be set is a consent
				b.lose(it.place, "type", string(it.Type), string(survey.Consent))
				it.Help = it.Text
				it.Text, it.Type = it.Options[0].Text, survey.Consent
				it.Options, it.MinChoices, it.MaxChoices, it.Random, it.DontKnow, it.NoAnswer, it.Look = nil, 0, 0, false, false, false, ""
			case len(it.Options) < few || it.IsMatrix() && len(it.Rows) == 0:
				b.lose(it.place, "question_dropped", string(it.Type)+" with too few options", string(survey.Info))
				*it = itemDraft{place: it.place, when: it.when, hidden: it.hidden, Item: survey.Item{Code: it.Code, Type: survey.Info, Text: it.Text, Help: it.Help, ShowIf: it.ShowIf}}
			}
			if it.MinChoices > open {
				it.MinChoices = 0
			}
			if it.MaxChoices > 0 && it.MaxChoices < it.MinChoices {
				it.MaxChoices = 0
			}
			if len(it.Text) == 0 {
				it.Text = content.Text{content.German: it.Code}
				b.lose(it.place, "text_missing", it.Code, "")
			}
		}
	}
}

var (
	marked = regexp.MustCompile(pipeOpen + "([^" + pipeOpen + pipeClose + "]*)" + pipeClose)
	ours   = regexp.MustCompile(`\{([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)?)\}`)
	limeIn = regexp.MustCompile(`\{([^{}]{1,400})\}`)
	xIn    = regexp.MustCompile(`\$\{\s*([^{}]{1,200}?)\s*\}`)
)

// pipes turns foreign placeholders into ours where the question comes before,
// and into plain words where it does not.
func (b *builder) pipes(place string, t content.Text, kindOf func(string) (condition.Kind, bool)) {
	for lang, s := range t {
		if !strings.Contains(s, "{") {
			continue
		}
		find := limeIn
		if b.d == xpathDialect {
			find = xIn
		}
		s = find.ReplaceAllStringFunc(s, func(gap string) string {
			name := strings.ReplaceAll(strings.TrimSpace(find.FindStringSubmatch(gap)[1]), `\`, "")
			name = strings.TrimPrefix(name, "INSERTANS:")
			r, ok := b.resolve(name, nil)
			if ok && r.key != "" {
				if _, before := kindOf(r.key); before {
					return pipeOpen + r.key + pipeClose
				}
			}
			b.lose(place, "pipe", gap, "")
			return "(" + strings.NewReplacer("{", "", "}", "", "$", "").Replace(gap) + ")"
		})
		s = ours.ReplaceAllString(s, "($1)")
		t[lang] = marked.ReplaceAllString(s, "{$1}")
	}
}

// keepLanguages lists the languages that the file had and drops texts in others:
// words of our own, such as "Other".
func (b *builder) keepLanguages() {
	b.spoken[content.German] = true
	for _, lang := range content.Languages {
		if b.spoken[lang] {
			b.q.Languages = append(b.q.Languages, lang)
		}
	}
	drop := func(t content.Text) {
		for lang := range t {
			if !b.spoken[lang] {
				delete(t, lang)
			}
		}
	}
	for _, p := range b.q.Pages {
		drop(p.Title)
		for _, it := range p.Items {
			drop(it.Text)
			drop(it.Help)
			for _, list := range [][]survey.Option{it.Options, it.Rows} {
				for _, o := range list {
					drop(o.Text)
				}
			}
		}
	}
}

// askingWho finds questions for somebody's name, address or number.
var askingWho = regexp.MustCompile(`(?i)e-?mail-?adresse|e-?mail address|telefonnummer|handynummer|phone number|wie heißen sie|vor- und nachname|ihr(en)? namen?\b|geburtsdatum|wann sind sie geboren|ihre anschrift|ihre adresse`)

// markPersonal marks questions that ask who somebody is. A wrong mark is taken
// away by a click; a missing one gives somebody away.
func (b *builder) markPersonal(it *itemDraft) {
	switch it.Type {
	case survey.ShortText, survey.LongText, survey.Date, survey.Number:
		if !it.Personal && (askingWho.MatchString(it.Text[content.German]) || askingWho.MatchString(it.Text[content.English])) {
			it.Personal = true
			b.lose(it.place, "personal", it.Text[content.German], "")
		}
	}
}

func slug(title string) string {
	s := strings.Trim(strings.ReplaceAll(fold(title), "_", "-"), "-")
	for strings.Contains(s, "--") {
		s = strings.ReplaceAll(s, "--", "-")
	}
	if len(s) > 60 {
		s = s[:60]
		if i := strings.LastIndexByte(s, '-'); i > 20 {
			s = s[:i]
		}
	}
	if s = strings.Trim(s, "-"); s == "" {
		return "umfrage"
	}
	return s
}

var errNothing = errors.New("the file holds no questions")

// tooLarge is returned for files beyond the bounds.
func tooLarge(what string, limit int) error {
	return fmt.Errorf("more than %d %s: the file is too large", limit, what)
}
