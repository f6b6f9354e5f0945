package formats

import (
	"slices"
	"strconv"
	"strings"

	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
)

// exclusiveRules understands what SurveyJS authors write for want of a setting:
// rules that grey out the answers of a question depending on that question
// itself. "None of these" that stands alone, and a greatest number of answers.
// The rules are tried on every small selection; only when all of them say what
// the setting says, the setting takes their place. All others are reported.
func (s *surveyJS) exclusiveRules() {
	for _, p := range s.pages {
		for _, it := range p.items {
			s.understand(it)
		}
	}
}

func (s *surveyJS) understand(it *itemDraft) {
	own := false
	rules := make([]condition.Expr, len(it.Options))
	valid := it.Type == survey.MultipleChoice
	for i, o := range it.Options {
		r := it.options[o.Code]
		for _, x := range r.extra {
			t, err := parseExpression(jsDialect, x.source)
			if err != nil { // reported when it is lowered
				continue
			}
			if !onlyAbout(t, it, s) {
				s.lose(it.place, "disabled_is_hidden", x.source, "")
				continue
			}
			own = true
			quiet := &lowering{d: jsDialect, note: func(string, string) {}, resolve: func(name string) (ref, bool) { return s.resolve(name, it) }}
			if rules[i], err = quiet.boolean(t); err != nil {
				valid = false
			}
		}
	}
	if !own {
		return
	}
	if !slices.ContainsFunc(rules, func(e condition.Expr) bool { return !e.IsZero() && !isBool(e, true) }) { // they depend on nothing that is asked
		for i := range it.Options {
			if r := it.options[it.Options[i].Code]; !rules[i].IsZero() {
				s.lose(it.place, "variable", r.extra[0].source, "")
				r.extra = nil
				it.options[it.Options[i].Code] = r
			}
		}
		return
	}
	exclusive, most, ok := []int(nil), 0, false
	if valid {
		exclusive, most, ok = settings(it, rules)
	}
	for i := range it.Options {
		r := it.options[it.Options[i].Code]
		if rules[i].IsZero() {
			continue
		}
		if !ok {
			s.lose(it.place, "option_rule", r.extra[0].source, "")
		}
		r.extra = nil
		it.options[it.Options[i].Code] = r
	}
	if !ok {
		return
	}
	for _, i := range exclusive {
		it.Options[i].Exclusive = true
	}
	if most > 0 && (it.MaxChoices == 0 || most < it.MaxChoices) {
		it.MaxChoices = most
	}
	what := strconv.Itoa(len(it.Options)) + " enableIf"
	var now []string
	for _, i := range exclusive {
		now = append(now, it.Options[i].Code+" exclusive")
	}
	if most > 0 {
		now = append(now, "at most "+strconv.Itoa(most))
	}
	s.lose(it.place, "joined", what, strings.Join(now, ", "))
}

// onlyAbout reports whether a rule names nothing but the question itself.
func onlyAbout(t *term, it *itemDraft, s *surveyJS) bool {
	if t.op == "var" {
		r, ok := s.resolve(t.text, it)
		return !ok || r.key == it.Code // what nobody asks is no other question
	}
	for _, a := range t.args {
		if !onlyAbout(a, it, s) {
			return false
		}
	}
	return true
}

// settings finds the exclusive options and the greatest number that the rules
// amount to; false when they say something else for any selection of up to four.
func settings(it *itemDraft, rules []condition.Expr) (exclusive []int, most int, ok bool) {
	n := len(it.Options)
	if n > 30 {
		return nil, 0, false
	}
	enabled := func(i int, chosen []int) bool {
		codes := make([]string, len(chosen))
		for k, c := range chosen {
			codes[k] = it.Options[c].Code
		}
		return rules[i].Holds(map[string]any{it.Code: codes})
	}
	for i := range n { // greyed out by every single other answer
		alone := n > 1
		for j := range n {
			if j != i && enabled(i, []int{j}) {
				alone = false
			}
		}
		if alone {
			exclusive = append(exclusive, i)
		}
	}
	if len(exclusive) == n { // two answers that exclude each other: one of them that stands alone says the same
		exclusive = exclusive[n-1:]
		if n > 2 {
			return nil, 0, false
		}
	}
	free := func(chosen []int) bool {
		return !slices.ContainsFunc(chosen, func(c int) bool { return slices.Contains(exclusive, c) })
	}
	var selections [][]int
	var grow func(from int, chosen []int)
	grow = func(from int, chosen []int) {
		selections = append(selections, slices.Clone(chosen))
		if len(chosen) == 4 {
			return
		}
		for j := from; j < n; j++ {
			grow(j+1, append(chosen, j))
		}
	}
	grow(0, nil)
	for _, chosen := range selections { // the first size at which ordinary answers are greyed out
		for i := range n {
			if it.Options[i].Other && rules[i].IsZero() {
				continue
			}
			if free(append([]int{i}, chosen...)) && !slices.Contains(chosen, i) && !enabled(i, chosen) && (most == 0 || len(chosen) < most) {
				most = len(chosen)
			}
		}
	}
	for _, chosen := range selections {
		if most > 0 && len(chosen) > most || len(chosen) > 1 && !free(chosen) {
			continue // nobody gets there
		}
		for i := range n {
			if slices.Contains(chosen, i) || it.Options[i].Other && rules[i].IsZero() { // SurveyJS knows no rule for "other"
				continue
			}
			want := free(chosen) && (most == 0 || len(chosen) < most)
			if slices.Contains(exclusive, i) {
				want = len(chosen) == 0
			}
			if enabled(i, chosen) != want {
				return nil, 0, false
			}
		}
	}
	return exclusive, most, len(exclusive) > 0 || most > 0
}
