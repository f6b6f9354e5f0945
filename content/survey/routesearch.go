package survey

import (
	"math/rand/v2"
	"slices"

	"servicepoint/content/survey/condition"
)

// Bounds of the search, in steps: one value tried for one variable. All of them
// together take about a second.
const (
	stepsOfAQuestion = 20_000
	stepsOfACheck    = 1_000_000
	randomStarts     = 6
	repairs          = 30 // after each start
)

// outcome answers whether something can be.
type outcome int

const (
	impossible outcome = iota // proved
	notKnown                  // not found, and not everything was tried
	possible                  // an example was found
)

// routes is one run of the check.
type routes struct {
	q       *Questionnaire
	slots   map[string]*slot
	sound   bool // all conditions passed their check
	left    int  // steps
	found   []Finding
	witness Answers // of the last question that is possible
}

// slot is a variable in its place.
type slot struct {
	Variable
	place int              // in the order asked
	shows []condition.Expr // asked when all of them hold
	own   []condition.Expr // those of them that the item itself brings along, not routing
}

func newRoutes(q *Questionnaire) *routes {
	r := &routes{q: q, slots: map[string]*slot{}, left: stepsOfACheck}
	for p := range q.Pages {
		page := &q.Pages[p]
		for i := range page.Items {
			it := &page.Items[i]
			for _, v := range it.Variables() {
				s := &slot{Variable: v, place: len(r.slots), shows: []condition.Expr{page.ShowIf, it.ShowIf}}
				if v.Row != nil {
					s.shows = append(s.shows, v.Row.ShowIf)
				}
				if o := it.other(); o != nil && v.Part == PartText {
					chosen := condition.Eq(condition.Var(it.Code), condition.Str(o.Code))
					if it.Type == MultipleChoice {
						chosen = condition.In(it.Code, o.Code)
					}
					s.own = []condition.Expr{chosen}
					s.shows = append(s.shows, chosen)
				}
				r.slots[v.Key] = s
			}
		}
	}
	return r
}

// literal is a condition that has to hold, or has not to.
type literal struct {
	expr  condition.Expr
	holds bool
}

func holding(e condition.Expr) []literal {
	if e.IsZero() {
		return nil
	}
	return []literal{{e, true}}
}

// asked is what has to hold for the variable to be asked.
func (s *slot) asked() (all []literal) {
	for _, e := range s.shows {
		all = append(all, holding(e)...)
	}
	return all
}

// flat takes conjunctions apart, so that each part is looked at as soon as its
// variables have values.
func (l literal) flat() (parts []literal) {
	op := l.expr.Op()
	switch {
	case op == condition.OpNot:
		return literal{l.expr.Args()[0], !l.holds}.flat()
	case op == condition.OpAnd && l.holds, op == condition.OpOr && !l.holds:
		for _, a := range l.expr.Args() {
			parts = append(parts, literal{a, l.holds}.flat()...)
		}
		return parts
	}
	return []literal{l}
}

// question asks whether answers exist for which all literals are as they say and
// accept agrees. It ignores routing when free: everything may be answered or not.
type question struct {
	literals []literal
	accept   func(Answers) bool // nil takes all
	depends  []condition.Expr   // what else accept looks at
	free     bool
}

// can answers a question.
func (r *routes) can(q question) outcome {
	s := search{routes: r, question: q, answers: Answers{}, left: min(stepsOfAQuestion, r.left)}
	budget := s.left
	defer func() { r.left -= budget - s.left }()
	if s.left <= 0 {
		return notKnown
	}
	exact := s.prepare()
	if s.walks() || s.try(0) {
		r.witness = s.answers
		return possible
	}
	if !exact || s.left <= 0 {
		return notKnown
	}
	return impossible
}

// search goes through the values of the variables that a question depends on.
type search struct {
	*routes
	question
	domains []domain
	checks  [][]literal // checks[i]: what can be told when i variables have values
	answers Answers
	left    int
}

// prepare finds the variables that matter and their values. It reports whether
// the values tried stand for all.
func (s *search) prepare() (exact bool) {
	slots, rules := s.cone()
	domains := map[string]*domain{}
	s.domains = make([]domain, len(slots))
	for i, slot := range slots {
		s.domains[i] = domain{slot: slot}
		domains[slot.Key] = &s.domains[i]
	}
	for _, e := range rules {
		mention(e, domains)
	}
	exact = true
	for i := range s.domains {
		s.domains[i].settle()
		exact = exact && s.domains[i].exact
	}
	s.checks = make([][]literal, len(slots)+1)
	for _, l := range s.literals {
		for _, part := range l.flat() {
			ready := 0
			for _, name := range part.expr.Vars() {
				ready = max(ready, 1+slices.IndexFunc(slots, func(s *slot) bool { return s.Key == name }))
			}
			s.checks[ready] = append(s.checks[ready], part)
		}
	}
	return exact
}

// cone collects the variables that the question depends on, directly or because
// they decide what is asked, in the order asked; and all expressions involved.
func (s *search) cone() (slots []*slot, rules []condition.Expr) {
	for _, l := range s.literals {
		rules = append(rules, l.expr)
	}
	rules = append(rules, s.depends...)
	seen := map[string]bool{}
	for i := 0; i < len(rules); i++ {
		names := rules[i].Vars()
		for n := 0; n < len(names); n++ {
			slot := s.routes.slots[names[n]]
			if seen[names[n]] || slot == nil {
				continue
			}
			seen[names[n]] = true
			slots = append(slots, slot)
			if slot.Item.Type == Calculated {
				rules = append(rules, slot.Item.Formula)
			}
			rules = append(rules, s.shows(slot)...)
			if s.free {
				continue
			}
			if slot.Listed {
				for _, o := range slot.Item.Choices() {
					rules = append(rules, o.ShowIf)
				}
			}
			if slot.Item.Type == Point && slot.Item.Required { // one of the three is
				for _, v := range slot.Item.Variables() {
					names = append(names, v.Key)
				}
			}
		}
	}
	slices.SortFunc(slots, byPlace)
	return slots, rules
}

func byPlace(a, b *slot) int { return a.place - b.place }

// try gives values to the variables from the ith on; the answers stay when it
// has found some.
func (s *search) try(i int) bool {
	if s.left--; s.left <= 0 {
		return false
	}
	for _, l := range s.checks[i] {
		if l.expr.Holds(s.answers) != l.holds {
			return false
		}
	}
	if i == len(s.domains) {
		return s.accept == nil || s.accept(s.answers)
	}
	for _, v := range s.values(i) {
		s.set(i, v)
		if s.try(i + 1) {
			return true
		}
	}
	delete(s.answers, s.domains[i].slot.Key)
	return false
}

func (s *search) set(i int, v any) {
	if v == nil {
		delete(s.answers, s.domains[i].slot.Key)
	} else {
		s.answers[s.domains[i].slot.Key] = v
	}
}

// shows is what decides whether a variable is asked.
func (s *search) shows(slot *slot) []condition.Expr {
	if s.free {
		return slot.own
	}
	return slot.shows
}

// values are the values worth trying for variable i after those before it; nil
// is no answer.
func (s *search) values(i int) []any {
	d := &s.domains[i]
	for _, e := range s.shows(d.slot) {
		if !e.Holds(s.answers) {
			return []any{nil}
		}
	}
	if it := d.slot.Item; it.Type == Calculated {
		if n, ok := it.Formula.Number(s.answers); ok {
			if v, f := it.acceptNumber(n); f == nil {
				if s.free { // it may be hidden
					return []any{v, nil}
				}
				return []any{v}
			}
		}
		return []any{nil}
	}
	a := s.answers
	if s.free {
		a = nil
	}
	values := d.values(a, s.free)
	if s.free && d.slot.own == nil || len(values) == 0 || d.slot.mayBeMissing(a) {
		values = append([]any{nil}, values...)
	}
	return values
}

// walks looks for an example without going through everything: it begins with
// simple answers (the last of all values, none, the first) and random ones, and
// then changes answers that stand in the way, one after the other. The same
// questionnaire gets the same walks.
func (s *search) walks() bool {
	random := rand.New(rand.NewPCG(1, 2))
	picks := make([]int, len(s.domains)) // which of the values each variable has
	for start := range randomStarts {
		for i := range picks {
			switch start {
			case 0:
				picks[i] = -1
			case 1, 2:
				picks[i] = start - 1
			default:
				picks[i] = random.IntN(1 << 30)
			}
		}
		for range repairs {
			if !s.walk(picks) {
				return false
			}
			failing := s.failing()
			if failing == nil {
				return true
			}
			if i := s.culprit(failing, random); i >= 0 {
				picks[i] = random.IntN(1 << 30)
			}
		}
	}
	clear(s.answers)
	return false
}

// walk answers as picked; -1 is the last value. It fails when the steps are used up.
func (s *search) walk(picks []int) bool {
	for i := range s.domains {
		if s.left--; s.left <= 0 {
			return false
		}
		values := s.values(i)
		n := picks[i] % len(values)
		if n < 0 {
			n = len(values) - 1
		}
		s.set(i, values[n])
	}
	return true
}

// failing is what does not hold yet: some expressions, nil when all is well.
func (s *search) failing() []condition.Expr {
	for _, checks := range s.checks {
		for _, l := range checks {
			if l.expr.Holds(s.answers) != l.holds {
				return []condition.Expr{l.expr}
			}
		}
	}
	if s.accept != nil && !s.accept(s.answers) {
		return append(slices.Clip(s.depends), condition.Bool(false))
	}
	return nil
}

// culprit picks a variable whose other value may help: one of the expressions',
// or, when that was not asked, one that decides whether it is. -1 if there is none.
func (s *search) culprit(failing []condition.Expr, random *rand.Rand) int {
	for range len(s.domains) + 1 {
		var names []string
		for _, e := range failing {
			names = append(names, e.Vars()...)
		}
		if len(names) == 0 {
			return -1
		}
		name := names[random.IntN(len(names))]
		i := slices.IndexFunc(s.domains, func(d domain) bool { return d.slot.Key == name })
		if i < 0 {
			return -1
		}
		slot := s.domains[i].slot
		if slot.Item.Type == Calculated {
			failing = []condition.Expr{slot.Item.Formula}
			continue
		}
		failing = nil
		for _, e := range s.shows(slot) {
			if !e.Holds(s.answers) {
				failing = append(failing, e)
			}
		}
		if len(failing) == 0 {
			return i
		}
	}
	return -1
}

// mayBeMissing reports whether the reader lets the variable go without an answer.
func (s *slot) mayBeMissing(a Answers) bool {
	it := s.Item
	switch {
	case it.DontKnow || it.NoAnswer:
		return true
	case it.Type == Point:
		return !it.Required || s.Part != PartAddress || a[it.Code] != nil || a[Key(it.Code, PartPlace)] != nil
	case s.Part == PartText && !it.IsMatrix():
		return false
	}
	return !it.Required
}
