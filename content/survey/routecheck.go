package survey

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey/condition"
)

// Severity tells what a finding means for publishing.
type Severity string

const (
	SeverityError   Severity = "error"   // people get stuck, or a rule cannot be followed
	SeverityWarning Severity = "warning" // works, but hardly as it was meant
	SeverityNote    Severity = "note"    // could not be checked
)

// Finding is something that the routing check found, at a field as in the
// questionnaire's JSON: "pages.0.items.2.show_if.and.1".
type Finding struct {
	content.Problem
	Severity Severity `json:"severity"`
}

// Codes of findings; each is also the key of a sentence ("problem.route_…").
const (
	RouteLater         = "route_later"         // Args: name; the condition uses a later question
	RouteContradiction = "route_contradiction" // this part of a condition never holds, whatever is answered
	RouteUnknownCode   = "route_unknown_code"  // Args: name, code; the question has no such option
	RoutePageNever     = "route_page_never"    // no way leads to the page
	RouteItemNever     = "route_item_never"    // no way leads to the question
	RouteRowNever      = "route_row_never"     // the row is never shown
	RouteOptionNever   = "route_option_never"  // the option is never shown or can never be chosen
	RouteAlways        = "route_always"        // the condition holds on every way that comes by
	RouteHidden        = "route_hidden"        // Args: name; not asked whenever the condition holds
	RouteDeadEnd       = "route_dead_end"      // Args: example; required, and nothing to choose from
	RouteQuotaNever    = "route_quota_never"   // no answers count for the quota
	RouteQuotaBeyond   = "route_quota_beyond"  // Args: limit, max; the survey ends before the quota is full
	RouteNotChecked    = "route_not_checked"   // too many combinations, or calculations with free numbers
)

// Findings looks for faults of routing: pages, questions, rows and options that
// nobody gets to see, conditions that contradict themselves or always hold,
// questions that cannot be answered, quotas that never fill.
//
// It tries combinations of answers, as many as make a difference: the options
// that conditions name, numbers and days at and between the values they compare
// with, texts equal and unlike to theirs, and no answer. What it reports holds for
// all answers that [Questionnaire.Check] accepts, except that numbers are taken
// to lie exactly on their steps. Where it would have to guess it says
// [RouteNotChecked]. Where people get stuck it goes on as if they had skipped the
// question, so that one fault is not reported of every later page.
//
// The order is that of the questionnaire. As long as [Questionnaire.Validate]
// has something against a condition, only what can be said without it is reported.
func (q Questionnaire) Findings() []Finding {
	r := newRoutes(&q)
	if r.checkScopes() {
		for i := range q.Pages {
			r.page("pages."+strconv.Itoa(i), &q.Pages[i])
		}
	}
	for i, quota := range q.Quotas {
		field := "quotas." + strconv.Itoa(i)
		if q.MaxResponses > 0 && quota.Limit > q.MaxResponses {
			r.add(SeverityWarning, field+".limit", RouteQuotaBeyond, "limit", quota.Limit, "max", q.MaxResponses)
		}
		if r.sound {
			r.rule(field+".when", quota.When, nil, RouteQuotaNever)
		}
	}
	return r.found
}

func (r *routes) add(s Severity, field, code string, args ...any) {
	var p content.Problems
	p.Add(field, code, args...)
	r.found = append(r.found, Finding{p[0], s})
}

// checkScopes reports conditions that use later questions, and whether all
// conditions are sound.
func (r *routes) checkScopes() bool {
	r.sound = true
	known := scope{}
	check := func(field string, s scope, e condition.Expr, faults []condition.Fault) {
		r.sound = r.sound && len(faults) == 0
		for _, name := range e.Vars() {
			if _, ok := s[name]; !ok && r.slots[name] != nil {
				r.add(SeverityError, field, RouteLater, "name", name)
			}
		}
	}
	boolean := func(field string, s scope, e condition.Expr) { check(field, s, e, e.CheckBool(s.kindOf)) }
	for i := range r.q.Pages {
		page := &r.q.Pages[i]
		field := "pages." + strconv.Itoa(i)
		boolean(field+".show_if", known, page.ShowIf)
		before := known
		if page.Random {
			before = maps.Clone(known)
		}
		for j := range page.Items {
			it := &page.Items[j]
			at := field + ".items." + strconv.Itoa(j)
			boolean(at+".show_if", before, it.ShowIf)
			for k, o := range it.Options {
				boolean(at+".options."+strconv.Itoa(k)+".show_if", before, o.ShowIf)
			}
			for k, row := range it.Rows {
				boolean(at+".rows."+strconv.Itoa(k)+".show_if", before, row.ShowIf)
			}
			if !it.Formula.IsZero() {
				check(at+".formula", before, it.Formula, it.Formula.CheckNumber(before.kindOf))
			}
			known.add(it)
		}
	}
	for i, quota := range r.q.Quotas {
		boolean("quotas."+strconv.Itoa(i)+".when", known, quota.When)
	}
	return r.sound
}

func (r *routes) page(field string, page *Page) {
	if r.rule(field+".show_if", page.ShowIf, nil, RoutePageNever) == impossible {
		return
	}
	onPage := holding(page.ShowIf)
	for i := range page.Items {
		r.item(field+".items."+strconv.Itoa(i), &page.Items[i], onPage)
	}
}

func (r *routes) item(at string, it *Item, onPage []literal) {
	if r.rule(at+".show_if", it.ShowIf, onPage, RouteItemNever) == impossible {
		return
	}
	asked := append(slices.Clip(onPage), holding(it.ShowIf)...)
	for i, row := range it.Rows {
		r.rule(at+".rows."+strconv.Itoa(i)+".show_if", row.ShowIf, asked, RouteRowNever)
	}
	for i, o := range it.Options {
		field := at + ".options." + strconv.Itoa(i)
		if r.rule(field+".show_if", o.ShowIf, asked, RouteOptionNever) != impossible {
			r.choosable(field, it, o.Code)
		}
	}
	if !it.Formula.IsZero() {
		if _, unknown := r.contradictions(at+".formula", it.Formula); unknown {
			r.add(SeverityNote, at+".formula", RouteNotChecked)
		}
	}
	r.deadEnd(at+".options", it)
}

// rule looks at one condition on all ways on which the others hold, and tells
// whether it can hold there.
func (r *routes) rule(field string, e condition.Expr, others []literal, never string) outcome {
	if e.IsZero() {
		return possible
	}
	contradiction, unknown := r.contradictions(field, e)
	holds := append(slices.Clip(others), holding(e)...)
	reached := r.can(question{literals: holds})
	switch reached {
	case impossible:
		if !contradiction {
			r.add(SeverityWarning, field, never)
		}
		return impossible
	case notKnown:
		unknown = true
	case possible:
		for _, name := range readBy(e) {
			asked := r.slots[name].asked()
			if len(asked) == 0 {
				continue
			}
			switch r.can(question{literals: append(slices.Clip(holds), asked...)}) {
			case impossible:
				r.add(SeverityWarning, field, RouteHidden, "name", name)
			case notKnown:
				unknown = true
			}
		}
	}
	if never != RouteQuotaNever { // a quota of everybody is one
		switch r.can(question{literals: append(slices.Clip(others), literal{e, false})}) {
		case impossible:
			r.add(SeverityWarning, field, RouteAlways)
		case notKnown:
			unknown = true
		}
	}
	if unknown {
		r.add(SeverityNote, field, RouteNotChecked)
	}
	return reached
}

// readBy are the variables whose values count, not only whether there is one:
// "missing" is just the way to ask whether something was hidden.
func readBy(e condition.Expr) []string {
	var names []string
	e.Walk(func(part condition.Expr) bool {
		if part.Op() == condition.OpVar {
			names = append(names, part.Value().(string))
		}
		return true
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// contradictions reports the smallest parts of an expression that never hold,
// whatever routing does, and codes that no option has. It tells whether the
// whole is one of them or follows from them.
func (r *routes) contradictions(field string, e condition.Expr) (never, unknown bool) {
	var visit func(e condition.Expr, field string) (reported bool)
	visit = func(e condition.Expr, field string) (reported bool) {
		for i, arg := range e.Args() {
			if visit(arg, field+"."+strings.ReplaceAll(string(e.Op()), "/", "~1")+"."+strconv.Itoa(i)) {
				reported = true
			}
		}
		if r.unknownCodes(field, e) {
			reported = true
		}
		switch e.Op() {
		case condition.OpAnd, condition.OpOr, condition.OpNot, condition.OpIn,
			condition.OpEq, condition.OpNe, condition.OpLt, condition.OpLe, condition.OpGt, condition.OpGe:
		default:
			return reported
		}
		switch r.can(question{literals: []literal{{e, true}}, free: true}) {
		case impossible:
			if !reported {
				r.add(SeverityWarning, field, RouteContradiction)
				reported = true
			}
		case notKnown:
			unknown = true
		}
		return reported
	}
	if visit(e, field) {
		never = r.can(question{literals: []literal{{e, true}}, free: true}) == impossible
	}
	return never, unknown
}

// unknownCodes reports codes that the question they are compared with has not.
func (r *routes) unknownCodes(field string, e condition.Expr) (reported bool) {
	name, codes := "", []string(nil)
	args := e.Args()
	switch e.Op() {
	case condition.OpEq, condition.OpNe, condition.OpIn:
		for i, a := range args {
			if a.Op() == condition.OpVar {
				name = a.Value().(string)
				switch v := args[1-i].Value().(type) {
				case string:
					if args[1-i].Op() == condition.OpText {
						codes = []string{v}
					}
				case []string:
					codes = v
				}
			}
		}
	}
	s := r.slots[name]
	if s == nil || !s.Listed || s.Item.Type == District && len(s.Item.Options) == 0 {
		return false
	}
	for _, code := range codes {
		if s.Item.option(code) < 0 {
			r.add(SeverityWarning, field, RouteUnknownCode, "name", name, "code", code)
			reported = true
		}
	}
	return reported
}

// choosable looks for options that are shown at times and then too few to make
// up the least number of choices.
func (r *routes) choosable(field string, it *Item, code string) {
	routed := slices.ContainsFunc(it.Options, func(o Option) bool { return !o.ShowIf.IsZero() })
	if !routed || it.MinChoices < 2 {
		return
	}
	best := impossible
	for _, v := range it.Variables() {
		if v.Listed && v.Kind == condition.List && best != possible {
			best = max(best, r.can(question{literals: holding(condition.In(v.Key, code))}))
		}
	}
	switch best {
	case impossible:
		r.add(SeverityWarning, field, RouteOptionNever)
	case notKnown:
		r.add(SeverityNote, field, RouteNotChecked)
	}
}

// deadEnd looks for answers after which a required question has nothing to choose from.
func (r *routes) deadEnd(field string, it *Item) {
	if !it.Required || it.DontKnow || it.NoAnswer || it.Type == Point ||
		!slices.ContainsFunc(it.Options, func(o Option) bool { return !o.ShowIf.IsZero() }) {
		return
	}
	var rules []condition.Expr
	for _, o := range it.Options {
		rules = append(rules, o.ShowIf)
	}
	unknown := false
	for _, v := range it.Variables() {
		if !v.Listed {
			continue
		}
		s := r.slots[v.Key]
		switch r.can(question{literals: s.asked(), depends: rules, accept: func(a Answers) bool { return !s.answerable(a) }}) {
		case possible:
			r.add(SeverityError, field, RouteDeadEnd, "example", example(r.witness))
			return
		case notKnown:
			unknown = true
		}
	}
	if unknown {
		r.add(SeverityNote, field, RouteNotChecked)
	}
}

// example writes answers for people: "district = nord, topics = bus + energy", or
// "–" when nothing was answered.
func example(a Answers) string {
	if len(a) == 0 {
		return "–"
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(a)) {
		switch v := a[key].(type) {
		case []string:
			parts = append(parts, key+" = "+strings.Join(v, " + "))
		default:
			parts = append(parts, fmt.Sprintf("%s = %v", key, v))
		}
	}
	return strings.Join(parts, ", ")
}
