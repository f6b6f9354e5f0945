package survey

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"servicepoint/content"
)

// Bounds of a questionnaire, wide enough for every survey of a city.
const (
	maxPages     = 50
	maxItems     = 200
	maxOptions   = 100
	maxScale     = 11 // steps: 0 to 10
	maxTextChars = 10_000
)

var (
	itemCode   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	optionCode = regexp.MustCompile(`^[a-z0-9][a-z0-9_]{0,39}$`)
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
	q.validatePages(&p)
	return p
}

func (q Questionnaire) validatePages(p *content.Problems) {
	if len(q.Pages) > maxPages {
		p.Add("pages", "too_many", "max", maxPages)
	}
	pages, items := map[string]bool{}, map[string]bool{}
	questions := 0
	for i, page := range q.Pages {
		field := "pages." + strconv.Itoa(i)
		checkCode(p, field+".code", page.Code, itemCode, pages)
		checkText(p, field+".title", page.Title, true, 300)
		if len(page.Items) == 0 {
			p.Add(field+".items", "required")
		}
		for j := range page.Items {
			it := &page.Items[j]
			at := field + ".items." + strconv.Itoa(j)
			checkCode(p, at+".code", it.Code, itemCode, items)
			it.validate(p, at)
			if it.Type != Info {
				questions++
			}
		}
	}
	switch {
	case questions == 0:
		p.Add("pages", "required")
	case len(items) > maxItems:
		p.Add("pages", "too_many", "max", maxItems)
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
	choice := it.Type == SingleChoice || it.Type == MultipleChoice
	misplaced := func(field string, present bool, belongs ...Type) {
		if present && !slices.Contains(belongs, it.Type) {
			p.Add(at+"."+field, "not_here")
		}
	}
	misplaced("options", len(it.Options) > 0, SingleChoice, MultipleChoice)
	misplaced("min_choices", it.MinChoices != 0, MultipleChoice)
	misplaced("max_choices", it.MaxChoices != 0, MultipleChoice)
	misplaced("min", it.Min != nil, Scale, Number)
	misplaced("max", it.Max != nil, Scale, Number)
	misplaced("integer", it.Integer, Scale, Number)
	misplaced("max_length", it.MaxLength != 0, ShortText, LongText)
	misplaced("min_label", len(it.MinLabel) > 0, Scale)
	misplaced("max_label", len(it.MaxLabel) > 0, Scale)
	misplaced("required", it.Type == Info && it.Required)
	if choice {
		it.validateOptions(p, at)
	}
	switch it.Type {
	case Scale, Number:
		it.validateBounds(p, at)
	case ShortText, LongText:
		if it.MaxLength < 0 {
			p.Add(at+".max_length", "too_small", "min", 0)
		} else if it.MaxLength > maxTextChars {
			p.Add(at+".max_length", "too_large", "max", maxTextChars)
		}
	case SingleChoice, MultipleChoice, Date, Info:
	default:
		p.Add(at+".type", "unknown")
	}
}

func (it *Item) validateOptions(p *content.Problems, at string) {
	if len(it.Options) < 2 {
		p.Add(at+".options", "too_few_options", "min", 2)
	}
	if len(it.Options) > maxOptions {
		p.Add(at+".options", "too_many_options", "max", maxOptions)
	}
	codes := map[string]bool{}
	open := 0
	for i, o := range it.Options {
		field := at + ".options." + strconv.Itoa(i)
		checkCode(p, field+".code", o.Code, optionCode, codes)
		checkText(p, field+".text", o.Text, true, 500)
		if o.Exclusive && it.Type == SingleChoice {
			p.Add(field+".exclusive", "not_here")
		}
		if !o.Exclusive {
			open++
		}
	}
	if it.Type == MultipleChoice {
		if it.MinChoices < 0 || it.MinChoices > open {
			p.Add(at+".min_choices", "too_large", "max", open)
		}
		if it.MaxChoices < 0 || it.MaxChoices > 0 && it.MaxChoices < it.MinChoices {
			p.Add(at+".max_choices", "too_small", "min", max(it.MinChoices, 0))
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
