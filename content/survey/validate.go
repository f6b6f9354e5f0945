package survey

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/content/survey/condition"
)

// Bounds of a questionnaire, wide enough for every survey of a city.
const (
	maxPages     = 100
	maxItems     = 500
	maxOptions   = 300
	maxSections  = 30
	maxQuotas    = 50
	maxUploads   = 10
	maxScale     = 11 // steps: 0 to 10
	maxTextChars = 10_000
)

var (
	itemCode   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	optionCode = regexp.MustCompile(`^[a-z0-9][a-z0-9_]{0,39}$`)
	// Districts are told by their slugs.
	districtCode = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,79}$`)
	imageName    = regexp.MustCompile(`^[0-9a-f]{64}\.(jpg|png)$`)
)

// Validate says what keeps a questionnaire from being published. Fields are
// paths as in its JSON: "pages.0.items.2.options.1.code".
func (q Questionnaire) Validate() content.Problems {
	var p content.Problems
	if !content.IsSlug(q.Slug) {
		p.Add("slug", "not_slug")
	}
	if q.Version < 0 {
		p.Add("version", "too_small", "min", 0)
	}
	if q.Minutes < 0 {
		p.Add("minutes", "too_small", "min", 0)
	}
	if !q.Closes.IsZero() && !q.Closes.After(q.Opens) {
		p.Add("closes", "before_start")
	}
	if !slices.Contains(q.Languages, content.German) {
		p.Add("languages", "required")
	}
	for i, lang := range q.Languages {
		field := "languages." + strconv.Itoa(i)
		if !slices.Contains(content.Languages, lang) {
			p.Add(field, "unknown")
		} else if slices.Contains(q.Languages[:i], lang) {
			p.Add(field, "twice")
		}
	}
	checkText(&p, "title", q.Title, true, 300)
	checkText(&p, "intro", q.Intro, false, maxTextChars)
	checkText(&p, "thanks", q.Thanks, false, maxTextChars)
	q.validateRun(&p)
	q.validatePages(&p)
	return p
}

// validateRun looks at who may answer and how often.
func (q Questionnaire) validateRun(p *content.Problems) {
	if q.Access != "" && !slices.Contains(Accesses, q.Access) {
		p.Add("access", "unknown")
	}
	if q.Access == AccessAttendance && !q.Anonymous {
		p.Add("anonymous", "attendance_anonymous")
	}
	if q.MaxResponses < 0 {
		p.Add("max_responses", "too_small", "min", 0)
	}
	if q.TimeLimit != 0 && (q.TimeLimit < 20 || q.TimeLimit > 3600) {
		p.Add("time_limit", "out_of_range", "min", 20, "max", 3600)
	}
	if len(q.Sections) > maxSections {
		p.Add("sections", "too_many", "max", maxSections)
	}
	codes := map[string]bool{}
	for i, s := range q.Sections {
		field := "sections." + strconv.Itoa(i)
		checkCode(p, field+".code", s.Code, itemCode, codes)
		checkText(p, field+".title", s.Title, true, 300)
	}
	if len(q.Quotas) > maxQuotas {
		p.Add("quotas", "too_many", "max", maxQuotas)
	}
	codes = map[string]bool{}
	for i, quota := range q.Quotas {
		field := "quotas." + strconv.Itoa(i)
		checkCode(p, field+".code", quota.Code, itemCode, codes)
		checkText(p, field+".reason", quota.Reason, false, maxTextChars)
		if quota.Limit < 1 {
			p.Add(field+".limit", "too_small", "min", 1)
		}
		if quota.When.IsZero() {
			p.Add(field+".when", "required")
		}
	}
}

// scope knows the variables of all items that come before a condition.
type scope map[string]condition.Kind

func (s scope) kindOf(name string) (condition.Kind, bool) {
	k, ok := s[name]
	return k, ok
}

// add makes the variables of an item known.
func (s scope) add(it *Item) {
	for _, v := range it.Variables() {
		s[v.Key] = v.Kind
	}
}

// check notes what is wrong with a condition: variables that come later or
// nowhere, values of different kinds.
func (s scope) check(p *content.Problems, field string, e condition.Expr) {
	if !e.IsZero() {
		faults(p, field, e.CheckBool(s.kindOf))
	}
}

func faults(p *content.Problems, field string, found []condition.Fault) {
	for _, f := range found {
		*p = append(*p, content.Problem{Field: field + strings.ReplaceAll(f.Path, "/", "."), Code: f.Code, Args: f.Args})
	}
}

var piped = regexp.MustCompile(`\{([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)?)\}`)

// checkPipes wants every "{code}" of a text to be an earlier item's.
func (s scope) checkPipes(p *content.Problems, field string, t content.Text) {
	for lang, text := range t {
		for _, m := range piped.FindAllStringSubmatch(text, -1) {
			if _, ok := s[m[1]]; !ok {
				p.Add(field+"."+lang, "unknown_pipe", "code", m[1])
			}
		}
	}
}

func (q Questionnaire) validatePages(p *content.Problems) {
	if len(q.Pages) > maxPages {
		p.Add("pages", "too_many", "max", maxPages)
	}
	pages, items := map[string]bool{}, map[string]bool{}
	known := scope{}
	questions := 0
	for i := range q.Pages {
		page := &q.Pages[i]
		field := "pages." + strconv.Itoa(i)
		checkCode(p, field+".code", page.Code, itemCode, pages)
		checkText(p, field+".title", page.Title, true, 300)
		known.check(p, field+".show_if", page.ShowIf)
		known.checkPipes(p, field+".title", page.Title)
		if page.Section != "" && !slices.ContainsFunc(q.Sections, func(s Section) bool { return s.Code == page.Section }) {
			p.Add(field+".section", "unknown")
		}
		if len(page.Items) == 0 {
			p.Add(field+".items", "required")
		}
		before := known
		if page.Random { // any item may come first
			before = maps.Clone(known)
		}
		for j := range page.Items {
			it := &page.Items[j]
			at := field + ".items." + strconv.Itoa(j)
			checkCode(p, at+".code", it.Code, itemCode, items)
			it.validate(p, at)
			before.checkItem(p, at, it)
			if q.Anonymous && it.IsPersonal() {
				p.Add(at+".personal", "personal_in_anonymous")
			}
			if it.Asks() {
				questions++
			}
			known.add(it)
		}
	}
	for i, quota := range q.Quotas {
		known.check(p, "quotas."+strconv.Itoa(i)+".when", quota.When)
	}
	switch {
	case questions == 0:
		p.Add("pages", "required")
	case len(items) > maxItems:
		p.Add("pages", "too_many", "max", maxItems)
	}
}

// checkItem looks at everything of an item that speaks of other items.
func (s scope) checkItem(p *content.Problems, at string, it *Item) {
	s.check(p, at+".show_if", it.ShowIf)
	s.checkPipes(p, at+".text", it.Text)
	s.checkPipes(p, at+".help", it.Help)
	for i, o := range it.Options {
		field := at + ".options." + strconv.Itoa(i)
		s.check(p, field+".show_if", o.ShowIf)
		s.checkPipes(p, field+".text", o.Text)
	}
	for i, r := range it.Rows {
		field := at + ".rows." + strconv.Itoa(i)
		s.check(p, field+".show_if", r.ShowIf)
		s.checkPipes(p, field+".text", r.Text)
	}
	if !it.Formula.IsZero() {
		faults(p, at+".formula", it.Formula.CheckNumber(s.kindOf))
	}
}

func (it *Item) validate(p *content.Problems, at string) {
	checkText(p, at+".text", it.Text, true, maxTextChars)
	checkText(p, at+".help", it.Help, false, maxTextChars)
	checkText(p, at+".min_label", it.MinLabel, false, 300)
	checkText(p, at+".max_label", it.MaxLabel, false, 300)
	if utf8.RuneCountInString(it.Unit) > 20 {
		p.Add(at+".unit", "too_long", "max", 20)
	}
	misplaced := func(field string, present bool, belongs ...Type) {
		if present && !slices.Contains(belongs, it.Type) {
			p.Add(at+"."+field, "not_here")
		}
	}
	misplaced("options", len(it.Options) > 0, SingleChoice, MultipleChoice, Ranking, MatrixSingle, MatrixMultiple, District, Point)
	misplaced("rows", len(it.Rows) > 0, MatrixSingle, MatrixMultiple)
	misplaced("random", it.Random, SingleChoice, MultipleChoice, Ranking, MatrixSingle, MatrixMultiple)
	misplaced("min_choices", it.MinChoices != 0, MultipleChoice, MatrixMultiple, Ranking, File, Photo)
	misplaced("max_choices", it.MaxChoices != 0, MultipleChoice, MatrixMultiple, Ranking, File, Photo)
	misplaced("min", it.Min != nil, Scale, Number, Calculated)
	misplaced("max", it.Max != nil, Scale, Number, Calculated)
	misplaced("step", it.Step != 0, Number)
	misplaced("integer", it.Integer, Scale, Number)
	misplaced("unit", it.Unit != "", Number, Calculated)
	misplaced("max_length", it.MaxLength != 0, ShortText, LongText)
	misplaced("min_label", len(it.MinLabel) > 0, Scale)
	misplaced("max_label", len(it.MaxLabel) > 0, Scale)
	misplaced("earliest", it.Earliest != "", Date, Time)
	misplaced("latest", it.Latest != "", Date, Time)
	misplaced("formula", !it.Formula.IsZero(), Calculated)
	misplaced("required", !it.Asks() && it.Required)
	misplaced("dont_know", (!it.Asks() || it.Type == Consent) && it.DontKnow)
	misplaced("no_answer", (!it.Asks() || it.Type == Consent) && it.NoAnswer)
	it.validateLook(p, at)
	switch it.Type {
	case SingleChoice, MultipleChoice, Ranking, MatrixSingle, MatrixMultiple, District, Point:
		it.validateOptions(p, at)
	case File, Photo:
		if it.MinChoices < 0 || it.MaxChoices < 0 || it.MaxChoices > maxUploads || it.MinChoices > it.Uploads() {
			p.Add(at+".max_choices", "out_of_range", "min", max(it.MinChoices, 1), "max", maxUploads)
		}
	case Scale, Number:
		it.validateBounds(p, at)
		if it.Step < 0 || math.IsNaN(it.Step) || it.Step > largest {
			p.Add(at+".step", "too_small", "min", 0)
		}
	case ShortText, LongText:
		if it.MaxLength < 0 {
			p.Add(at+".max_length", "too_small", "min", 0)
		} else if it.MaxLength > maxTextChars {
			p.Add(at+".max_length", "too_large", "max", maxTextChars)
		}
	case Date, Time:
		it.validateSpan(p, at)
	case Calculated:
		if it.Formula.IsZero() {
			p.Add(at+".formula", "required")
		}
	case YesNo, Email, Street, Consent, Info:
	default:
		p.Add(at+".type", "unknown")
	}
	if it.IsMatrix() {
		it.validateRows(p, at)
	}
}

// looks tells which types a look belongs to.
var looks = map[string][]Type{
	Dropdown: {SingleChoice, District}, Pictures: {SingleChoice, MultipleChoice}, Stars: {Scale}, NPS: {Scale},
}

func (it *Item) validateLook(p *content.Problems, at string) {
	types, known := looks[it.Look]
	bounds := func(low, high float64) bool {
		return it.Min != nil && it.Max != nil && *it.Min == low && (high == 0 || *it.Max == high)
	}
	switch {
	case it.Look == "":
	case !known:
		p.Add(at+".look", "unknown")
	case !slices.Contains(types, it.Type):
		p.Add(at+".look", "not_here")
	case it.Look == NPS && !bounds(0, 10):
		p.Add(at+".min", "out_of_range", "min", 0, "max", 10)
	case it.Look == Stars && !bounds(1, 0):
		p.Add(at+".min", "out_of_range", "min", 1, "max", 1)
	case it.Look == Pictures:
		for i, o := range it.Options {
			if o.Image == nil && !o.Exclusive && !o.Other {
				p.Add(at+".options."+strconv.Itoa(i)+".image", "required")
			}
		}
	}
}

func (it *Item) validateSpan(p *content.Problems, at string) {
	read := it.acceptDate
	if it.Type == Time {
		read = it.acceptTime
	}
	earliest, latest := it.Earliest, it.Latest
	for _, bound := range []struct{ field, value string }{{"earliest", earliest}, {"latest", latest}} {
		if v, f := read(bound.value); f != nil && (f.code == "not_date" || f.code == "not_time") || v != nil && v != bound.value {
			p.Add(at+"."+bound.field, f.code)
		}
	}
	if earliest != "" && latest != "" && latest < earliest {
		p.Add(at+".latest", "before_start")
	}
}

func (it *Item) validateOptions(p *content.Problems, at string) {
	few := 2
	switch it.Type {
	case District: // the city's list is put in when it is published
		few = 0
	case Point:
		few = 0
	case MatrixMultiple:
		few = 1
	}
	if len(it.Options) < few {
		p.Add(at+".options", "too_few_options", "min", few)
	}
	if len(it.Options) > maxOptions {
		p.Add(at+".options", "too_many_options", "max", maxOptions)
	}
	pattern := optionCode
	if it.Type == District {
		pattern = districtCode
	}
	codes := map[string]bool{}
	open, others := 0, 0
	for i, o := range it.Options {
		field := at + ".options." + strconv.Itoa(i)
		checkCode(p, field+".code", o.Code, pattern, codes)
		checkText(p, field+".text", o.Text, true, 500)
		if o.Exclusive && it.Type != MultipleChoice && it.Type != MatrixMultiple {
			p.Add(field+".exclusive", "not_here")
		}
		if o.Other {
			if others++; it.Type != SingleChoice && it.Type != MultipleChoice {
				p.Add(field+".other", "not_here")
			} else if others > 1 {
				p.Add(field+".other", "twice")
			}
		}
		if o.Place != nil {
			if it.Type != Point {
				p.Add(field+".place", "not_here")
			} else if !(math.Abs(o.Place.Latitude) <= 90) || !(math.Abs(o.Place.Longitude) <= 180) {
				p.Add(field+".place", "not_point")
			}
		}
		if o.Image != nil {
			if !imageName.MatchString(o.Image.Name) {
				p.Add(field+".image", "not_upload")
			}
			checkText(p, field+".image.alt", o.Image.Alt, false, 300)
		}
		if !o.Exclusive {
			open++
		}
	}
	switch it.Type {
	case MultipleChoice, MatrixMultiple, Ranking:
		if it.MinChoices < 0 || it.MinChoices > open {
			p.Add(at+".min_choices", "too_large", "max", open)
		}
		if it.MaxChoices < 0 || it.MaxChoices > 0 && it.MaxChoices < it.MinChoices {
			p.Add(at+".max_choices", "too_small", "min", max(it.MinChoices, 0))
		}
	}
}

func (it *Item) validateRows(p *content.Problems, at string) {
	if len(it.Rows) == 0 {
		p.Add(at+".rows", "required")
	}
	if len(it.Rows) > maxOptions {
		p.Add(at+".rows", "too_many_options", "max", maxOptions)
	}
	codes := map[string]bool{}
	for i, r := range it.Rows {
		field := at + ".rows." + strconv.Itoa(i)
		checkCode(p, field+".code", r.Code, optionCode, codes)
		checkText(p, field+".text", r.Text, true, 500)
		for name, present := range map[string]bool{"exclusive": r.Exclusive, "other": r.Other, "image": r.Image != nil, "place": r.Place != nil} {
			if present {
				p.Add(field+"."+name, "not_here")
			}
		}
	}
}

func (it *Item) validateBounds(p *content.Problems, at string) {
	for i, bound := range []*float64{it.Min, it.Max} {
		field := []string{"min", "max"}[i]
		switch {
		case bound == nil && it.Type == Scale:
			p.Add(at+"."+field, "required")
		case bound == nil:
		case math.IsNaN(*bound) || math.Abs(*bound) > largest:
			p.Add(at+"."+field, "not_number")
		case (it.Type == Scale || it.Integer) && *bound != math.Trunc(*bound):
			p.Add(at+"."+field, "not_integer")
		}
	}
	if it.Min == nil || it.Max == nil {
		return
	}
	switch {
	case *it.Max <= *it.Min:
		p.Add(at+".max", "too_small", "min", FormatNumber(*it.Min, content.German))
	case it.Type == Scale && *it.Max-*it.Min >= maxScale:
		p.Add(at+".max", "too_large", "max", FormatNumber(*it.Min+maxScale-1, content.German))
	}
}

// Steps are the numbers of a scale from Min to Max.
func (it *Item) Steps() []int {
	if it.Type != Scale || it.Min == nil || it.Max == nil {
		return nil
	}
	var steps []int
	for n := int(*it.Min); n <= int(*it.Max) && len(steps) < maxScale; n++ {
		steps = append(steps, n)
	}
	return steps
}

func checkCode(p *content.Problems, field, code string, pattern *regexp.Regexp, seen map[string]bool) {
	switch {
	case code == "":
		p.Add(field, "required")
	case !pattern.MatchString(code):
		p.Add(field, "not_code")
	case seen[code]:
		p.Add(field, "twice")
	}
	seen[code] = true
}

// checkText wants German whenever a text is there at all, and at all when needed.
func checkText(p *content.Problems, field string, t content.Text, needed bool, limit int) {
	some := false
	for _, lang := range content.Languages {
		s := t[lang]
		some = some || strings.TrimSpace(s) != ""
		if utf8.RuneCountInString(s) > limit {
			p.Add(field+"."+lang, "too_long", "max", limit)
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }) || !utf8.ValidString(s) {
			p.Add(field+"."+lang, "not_text")
		}
	}
	if (needed || some) && strings.TrimSpace(t[content.German]) == "" {
		p.Add(field+"."+content.German, "required")
	}
	for lang := range t {
		if !slices.Contains(content.Languages, lang) {
			p.Add(field, "unknown")
		}
	}
}
