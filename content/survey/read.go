package survey

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"servicepoint/content"
)

// Reading is what a questionnaire makes of what somebody sent: it goes through
// the pages in their order, asks what routing wants and reads what was sent to
// that. What routing hid is dropped, right or wrong.
type Reading struct {
	Answers  Answers
	Problems content.Problems // at the variable's key
	Pages    []PageReading    // of every page of the questionnaire
}

// PageReading is what became of one page.
type PageReading struct {
	Asked    bool // the page is shown: its rule holds and at least one item is
	Hidden   []bool
	Problems content.Problems
}

// Asked reports whether item i of the page is shown.
func (p PageReading) Shows(i int) bool { return p.Asked && !p.Hidden[i] }

// Next is the index of the first asked page after page n (-1: from the start);
// len(Pages) when there is none.
func (r Reading) Next(n int) int {
	for n++; n < len(r.Pages) && !r.Pages[n].Asked; n++ {
	}
	return n
}

// Before is the index of the last asked page before page n, -1 when there is none.
func (r Reading) Before(n int) int {
	for n--; n >= 0 && !r.Pages[n].Asked; n-- {
	}
	return n
}

// sent gives what was sent for a variable: its value as read, its mark, and what
// kept it from being read.
type sent func(it *Item, v *Variable) (value any, mark string, f *fault)

// reader goes through a questionnaire once.
type reader struct {
	answers  Answers
	problems content.Problems
	prefix   string // of the problems' fields
}

// Read reads the fields of a form for the whole questionnaire. Every field is
// named after its variable; the mark stands in the field "key?", or as the value
// "?dont_know" where one chooses.
func (q Questionnaire) Read(form url.Values) Reading {
	pages := make([]PageReading, len(q.Pages))
	r := reader{answers: Answers{}}
	source := func(it *Item, v *Variable) (any, string, *fault) { return it.fromForm(v, form) }
	for i := range q.Pages {
		pages[i] = r.page(&q.Pages[i], source)
	}
	r.nothing(len(r.problems))
	return Reading{Answers: r.answers, Problems: r.problems, Pages: pages}
}

// Check turns the answers of an API body into normalised [Answers]: options in
// the order of the questionnaire, texts trimmed, null and blank left out, what
// routing hides dropped, calculated values worked out. What is wrong stands at
// the field "answers.<key>". Answers that passed once pass again.
func (q Questionnaire) Check(raw map[string]json.RawMessage) (Answers, content.Problems) {
	r := reader{answers: make(Answers, len(raw)), prefix: "answers."}
	source := func(it *Item, v *Variable) (any, string, *fault) {
		var value any
		var mark string
		var f *fault
		if b, ok := raw[v.Key]; ok {
			value, f = fromJSON(b)
		}
		if it.DontKnow || it.NoAnswer {
			if b, ok := raw[Mark(v.Key)]; ok && f == nil {
				m, wrong := fromJSON(b)
				if mark, ok = m.(string); wrong != nil || m != nil && !ok {
					f = &fault{code: "wrong_type"}
				}
			}
		}
		return value, mark, f
	}
	for i := range q.Pages {
		r.page(&q.Pages[i], source)
	}
	r.problems = append(r.problems, q.unknownItems(raw)...)
	r.nothing(len(r.problems))
	return r.answers, r.problems
}

// CheckForm checks the fields of all pages, see [Questionnaire.Read].
func (q Questionnaire) CheckForm(form url.Values) (Answers, content.Problems) {
	r := q.Read(form)
	return r.Answers, r.Problems
}

// nothing refuses a response in which nothing was answered at all.
func (r *reader) nothing(problems int) {
	if problems == 0 && len(r.answers) == 0 {
		r.problems.Add("answers", "nothing_answered")
	}
}

func (r *reader) page(p *Page, source sent) PageReading {
	state := PageReading{Hidden: make([]bool, len(p.Items))}
	before := len(r.problems)
	pageHolds := p.ShowIf.Holds(r.answers)
	for i := range p.Items {
		it := &p.Items[i]
		if !pageHolds || !it.ShowIf.Holds(r.answers) {
			state.Hidden[i] = true
			continue
		}
		switch it.Type {
		case Info:
			state.Asked = true
		case Calculated:
			state.Hidden[i] = true
			if n, ok := it.Formula.Number(r.answers); ok {
				if value, f := it.acceptNumber(n); f == nil {
					r.answers[it.Code] = value
				}
			}
		default:
			state.Asked = true
			r.item(it, source)
		}
	}
	state.Problems = slices.Clip(r.problems[before:])
	return state
}

func (r *reader) item(it *Item, source sent) {
	switch {
	case it.IsMatrix():
		for i := range it.Rows {
			row := &it.Rows[i]
			if row.ShowIf.Holds(r.answers) {
				r.variable(it, &Variable{Key: Key(it.Code, row.Code), Item: it, Part: row.Code, Row: row}, source, it.Required)
			}
		}
	case it.Type == Point:
		key := it.Code
		r.variable(it, &Variable{Key: key, Item: it}, source, false)
		r.variable(it, &Variable{Key: Key(key, PartPlace), Item: it, Part: PartPlace}, source, false)
		r.variable(it, &Variable{Key: Key(key, PartAddress), Item: it, Part: PartAddress}, source, false)
		if it.Required && !r.has(key) && !r.has(Key(key, PartPlace)) && !r.has(Key(key, PartAddress)) && !r.has(Mark(key)) && !r.refused(key) {
			r.problems.Add(r.prefix+key, "required")
		}
	default:
		r.variable(it, &Variable{Key: it.Code, Item: it}, source, it.Required)
		if o := it.other(); o != nil && r.chose(it.Code, o.Code) {
			r.variable(it, &Variable{Key: Key(it.Code, PartText), Item: it, Part: PartText}, source, true)
		}
	}
}

func (r *reader) has(key string) bool { _, ok := r.answers[key]; return ok }

// refused reports whether something sent for an item had a problem.
func (r *reader) refused(code string) bool {
	return slices.ContainsFunc(r.problems, func(p content.Problem) bool {
		return itemOf(strings.TrimPrefix(p.Field, r.prefix)) == code
	})
}

func (r *reader) chose(key, code string) bool {
	switch v := r.answers[key].(type) {
	case string:
		return v == code
	case []string:
		return slices.Contains(v, code)
	}
	return false
}

// variable applies the rules of one variable to what was sent and notes the outcome.
func (r *reader) variable(it *Item, v *Variable, source sent, required bool) {
	value, mark, f := source(it, v)
	if f == nil && value != nil {
		value, f = it.accept(v, value, r.answers)
	}
	switch {
	case f != nil:
	case mark != "" && !it.offers(mark):
		f = wrong("unknown_option")
	case mark != "" && value != nil:
		f = wrong("mark_and_answer")
	case mark != "":
		r.answers[Mark(v.Key)] = mark
		return
	case value == nil && required:
		f = wrong("required")
	}
	switch {
	case f != nil:
		r.problems.Add(r.prefix+v.Key, f.code, f.args...)
	case value != nil:
		r.answers[v.Key] = value
	}
}

// offers reports whether the item lets somebody answer with a mark.
func (it *Item) offers(mark string) bool {
	return mark == DontKnow && it.DontKnow || mark == Declined && it.NoAnswer
}

// unknownItems names what was sent and is not asked by any page, in a fixed order.
func (q Questionnaire) unknownItems(raw map[string]json.RawMessage) (problems content.Problems) {
	known := 0
	asked := make(map[string]bool, len(raw))
	for p := range q.Pages {
		for i := range q.Pages[p].Items {
			it := &q.Pages[p].Items[i]
			for _, v := range it.keys() {
				if _, ok := raw[v]; ok {
					asked[v] = true
					known++
				}
				if it.DontKnow || it.NoAnswer {
					if _, ok := raw[Mark(v)]; ok {
						asked[Mark(v)] = true
						known++
					}
				}
			}
		}
	}
	if known == len(raw) {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		if asked[key] {
			continue
		}
		if len(problems) == shownUnknown {
			break
		}
		if len(key) > 60 {
			key = strings.ToValidUTF8(key[:60], "") + "…"
		}
		problems.Add("answers."+key, "unknown_item")
	}
	return problems
}

// keys are the keys of the item's variables.
func (it *Item) keys() []string {
	switch {
	case it.Type == Info:
		return nil
	case it.IsMatrix() || it.Type == Point || it.other() != nil:
		variables := it.Variables()
		list := make([]string, len(variables))
		for i, v := range variables {
			list[i] = v.Key
		}
		return list
	}
	return []string{it.Code}
}

// Missing tells why a variable has no answer.
type Missing string

// The four kinds of empty. The zero Missing means that there is an answer.
const (
	NotAsked    Missing = "not_asked" // routing did not come by, or the version has no such item
	Skipped     Missing = "skipped"
	IsDontKnow  Missing = DontKnow
	HasDeclined Missing = Declined
	LeftOut     Missing = "left_out" // a personal answer that was not read, or one whose routing depends on such
)

// Empty tells of every variable without an answer why it has none. It goes the
// way that the answers took; answers must have been accepted by this version.
func (q Questionnaire) Empty(a Answers) map[string]Missing {
	empty := map[string]Missing{}
	for p := range q.Pages {
		pageHolds := q.Pages[p].ShowIf.Holds(a)
		for i := range q.Pages[p].Items {
			it := &q.Pages[p].Items[i]
			asked := pageHolds && it.ShowIf.Holds(a)
			for _, v := range it.Variables() {
				if _, ok := a[v.Key]; ok {
					continue
				}
				mark, _ := a[Mark(v.Key)].(string)
				switch {
				case mark != "":
					empty[v.Key] = Missing(mark)
				case it.Type == Point && (v.Part != "" || pointed(it, a)): // answered in another way
					empty[v.Key] = NotAsked
				case !asked || it.Type == Calculated || v.Row != nil && !v.Row.ShowIf.Holds(a) || v.Part == PartText && !chosenOther(it, a):
					empty[v.Key] = NotAsked
				default:
					empty[v.Key] = Skipped
				}
			}
		}
	}
	return empty
}

func pointed(it *Item, a Answers) bool {
	return a[Key(it.Code, PartPlace)] != nil || a[Key(it.Code, PartAddress)] != nil
}

func chosenOther(it *Item, a Answers) bool {
	r := reader{answers: a}
	o := it.other()
	return o != nil && r.chose(it.Code, o.Code)
}
