package formats

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
)

// refKind says what a foreign name stands for.
type refKind int

const (
	never     refKind = iota // nothing that is asked: never answered
	words1                   // free text, days, times
	choice                   // one code of a list
	number                   // a number
	list                     // several codes of a list
	box                      // whether one code of a list was chosen
	listCount                // how many codes of a list were chosen
)

// ref is what a foreign name stands for. Codes maps values as the foreign file
// writes them to our codes.
type ref struct {
	kind   refKind
	key    string
	option string // of a box
	codes  map[string]string
	order  []string // our codes in their order
}

// refTo makes a ref of a variable of an item whose options have these foreign values.
func refTo(key string, kind condition.Kind, listed bool, codes map[string]string, order []string) ref {
	r := ref{key: key, codes: codes, order: order}
	switch {
	case kind == condition.Number:
		r.kind = number
	case kind == condition.List && listed:
		r.kind = list
	case kind == condition.List:
		r.kind = never // uploads: only whether there are any
		r.kind = words1
	case listed:
		r.kind = choice
	default:
		r.kind = words1
	}
	return r
}

// inexpressible says what of an expression has no counterpart.
type inexpressible struct{ what string }

func (e *inexpressible) Error() string { return e.what }

// lowering turns one foreign expression into ours. Unknown names and impossible
// values are noted; they never hold.
type lowering struct {
	d       dialect
	resolve func(name string) (ref, bool)
	note    func(code, what string)
}

func (lw *lowering) ref(name string) ref {
	if r, ok := lw.resolve(name); ok {
		return r
	}
	lw.note("variable", name)
	return ref{kind: never}
}

var yes, no = condition.Bool(true), condition.Bool(false)

func isBool(e condition.Expr, want bool) bool {
	b, ok := e.Value().(bool)
	return ok && b == want
}

func allOf(list ...condition.Expr) condition.Expr {
	var keep []condition.Expr
	for _, e := range list {
		switch {
		case isBool(e, false):
			return no
		case !isBool(e, true):
			keep = append(keep, e)
		}
	}
	// That something is answered goes without saying beside a comparison with it.
	keep = slices.DeleteFunc(keep, func(e condition.Expr) bool {
		name, ok := answered(e)
		return ok && slices.ContainsFunc(keep, func(o condition.Expr) bool { return needs(o) == name })
	})
	if len(keep) == 0 {
		return yes
	}
	return condition.And(keep...)
}

// answered takes "it is answered" apart.
func answered(e condition.Expr) (name string, ok bool) {
	if e.Op() != condition.OpNot || e.Args()[0].Op() != condition.OpMissing {
		return "", false
	}
	names, _ := e.Args()[0].Value().([]string)
	if len(names) != 1 {
		return "", false
	}
	return names[0], true
}

// needs is the one variable without which a comparison cannot hold, "" for none.
func needs(e condition.Expr) string {
	switch e.Op() {
	case condition.OpEq, condition.OpNe, condition.OpLt, condition.OpLe, condition.OpGt, condition.OpGe, condition.OpIn:
		name := ""
		for _, a := range e.Args() {
			switch a.Op() {
			case condition.OpVar:
				if name != "" {
					return ""
				}
				name, _ = a.Value().(string)
			case condition.OpText, condition.OpNumber, condition.OpList:
			default:
				return ""
			}
		}
		return name
	}
	return ""
}

// anyOf joins with or; comparisons of one variable with several texts become one.
func anyOf(list ...condition.Expr) condition.Expr {
	var keep []condition.Expr
	codes := map[string][]string{}
	place := map[string]int{}
	for _, e := range list {
		switch {
		case isBool(e, true):
			return yes
		case isBool(e, false):
			continue
		}
		if name, some, ok := oneOf(e); ok {
			if _, seen := place[name]; !seen {
				place[name] = len(keep)
				keep = append(keep, e)
			}
			for _, c := range some {
				if !slices.Contains(codes[name], c) {
					codes[name] = append(codes[name], c)
				}
			}
			continue
		}
		keep = append(keep, e)
	}
	for name, i := range place {
		keep[i] = isOne(name, codes[name])
	}
	// That something is missing goes without saying beside "it is not this".
	keep = slices.DeleteFunc(keep, func(e condition.Expr) bool {
		names, _ := e.Value().([]string)
		return e.Op() == condition.OpMissing && len(names) == 1 && slices.ContainsFunc(keep, func(o condition.Expr) bool {
			return o.Op() == condition.OpNot && needs(o.Args()[0]) == names[0]
		})
	})
	if len(keep) == 0 {
		return no
	}
	return condition.Or(keep...)
}

// oneOf takes a comparison with texts apart.
func oneOf(e condition.Expr) (name string, codes []string, ok bool) {
	args := e.Args()
	if len(args) != 2 || args[0].Op() != condition.OpVar {
		return "", nil, false
	}
	name, _ = args[0].Value().(string)
	switch {
	case e.Op() == condition.OpEq && args[1].Op() == condition.OpText:
		s, _ := args[1].Value().(string)
		return name, []string{s}, true
	case e.Op() == condition.OpIn && args[1].Op() == condition.OpList:
		codes, _ = args[1].Value().([]string)
		return name, codes, true
	}
	return "", nil, false
}

func isOne(name string, codes []string) condition.Expr {
	switch len(codes) {
	case 0:
		return no
	case 1:
		return condition.Eq(condition.Var(name), condition.Str(codes[0]))
	}
	return condition.OneOf(name, codes...)
}

func negate(e condition.Expr) condition.Expr {
	switch {
	case isBool(e, true):
		return no
	case isBool(e, false):
		return yes
	case e.Op() == condition.OpNot:
		return e.Args()[0]
	}
	return condition.Not(e)
}

// boolean lowers a term that is asked whether it holds.
func (lw *lowering) boolean(t *term) (condition.Expr, error) {
	switch t.op {
	case "and", "or":
		a, err := lw.boolean(t.args[0])
		if err != nil {
			return no, err
		}
		b, err := lw.boolean(t.args[1])
		if err != nil {
			return no, err
		}
		if t.op == "and" {
			return allOf(a, b), nil
		}
		if a.Op() == condition.OpOr { // comparisons of one variable may be spread
			return anyOf(append(a.Args(), b)...), nil
		}
		return anyOf(a, b), nil
	case "!":
		a, err := lw.boolean(t.args[0])
		return negate(a), err
	case "bool":
		return condition.Bool(t.num != 0), nil
	case "num":
		return condition.Bool(t.num != 0), nil
	case "str":
		return condition.Bool(t.text != ""), nil
	case "var":
		return lw.truth(t)
	case "empty":
		return lw.empty(t.args[0])
	case "==", "!=", "<", "<=", ">", ">=":
		return lw.compare(t.op, t.args[0], t.args[1])
	case "contains", "anyof", "allof":
		return lw.contains(t)
	case "call":
		return lw.call(t)
	}
	n, err := lw.number(t)
	if err != nil {
		return no, err
	}
	return condition.Not(condition.Eq(n, condition.Num(0))), nil
}

// truth is whether a name stands for something: an answer other than no and 0.
func (lw *lowering) truth(t *term) (condition.Expr, error) {
	r := lw.ref(t.text)
	switch r.kind {
	case never:
		return no, nil
	case box:
		return condition.In(r.key, r.option), nil
	case number:
		return condition.And(condition.Answered(r.key), condition.Ne(condition.Var(r.key), condition.Num(0))), nil
	case listCount:
		return condition.Answered(r.key), nil
	case choice:
		if slices.Equal(r.order, []string{"yes", "no"}) && lw.d == jsDialect { // a boolean question: "no" is an answer, but not true
			return isOne(r.key, []string{"yes"}), nil
		}
	}
	return condition.Answered(r.key), nil
}

func (lw *lowering) empty(t *term) (condition.Expr, error) {
	switch t.op {
	case "str":
		return condition.Bool(t.text == ""), nil
	case "num", "bool":
		return no, nil
	case "var":
		r := lw.ref(t.text)
		switch r.kind {
		case never:
			return yes, nil
		case box:
			return condition.Not(condition.In(r.key, r.option)), nil
		}
		return condition.Missing(r.key), nil
	}
	return no, &inexpressible{"empty of " + t.op}
}

func (lw *lowering) call(t *term) (condition.Expr, error) {
	arg := func(n int) bool { return len(t.args) == n }
	switch {
	case t.text == "is_empty" && arg(1):
		return lw.empty(t.args[0])
	case (t.text == "not" || t.text == "boolean") && arg(1):
		a, err := lw.boolean(t.args[0])
		if t.text == "not" {
			a = negate(a)
		}
		return a, err
	case t.text == "true" && arg(0):
		return yes, nil
	case t.text == "false" && arg(0):
		return no, nil
	case t.text == "selected" && arg(2):
		return lw.contains(&term{op: "contains", args: t.args})
	case (t.text == "if" || t.text == "iif") && arg(3):
		c, err := lw.boolean(t.args[0])
		if err != nil {
			return no, err
		}
		a, err := lw.boolean(t.args[1])
		if err != nil {
			return no, err
		}
		b, err := lw.boolean(t.args[2])
		return anyOf(allOf(c, a), allOf(negate(c), b)), err
	case t.text == "between" && arg(3):
		low, err := lw.compare(">=", t.args[0], t.args[1])
		if err != nil {
			return no, err
		}
		high, err := lw.compare("<=", t.args[0], t.args[2])
		return allOf(low, high), err
	case t.text == "count" || t.text == "count-selected" || t.text == "sum":
		n, err := lw.number(t)
		if err != nil {
			return no, err
		}
		return condition.Not(condition.Eq(n, condition.Num(0))), nil
	}
	return no, &inexpressible{t.text + "()"}
}

// literal is the text of a term that is a plain value.
func literal(t *term) (string, bool) {
	switch t.op {
	case "str":
		return t.text, true
	case "num":
		return strconv.FormatFloat(t.num, 'f', -1, 64), true
	case "bool":
		if t.num != 0 {
			return "true", true
		}
		return "false", true
	}
	return "", false
}

var mirrored = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

var compares = map[string]func(a, b condition.Expr) condition.Expr{
	"==": condition.Eq, "<": condition.Lt, "<=": condition.Le, ">": condition.Gt, ">=": condition.Ge,
	"!=": func(a, b condition.Expr) condition.Expr { return condition.Not(condition.Eq(a, b)) }, // nothing differs from something there
}

// compare lowers a comparison. In all three dialects what is not answered
// differs from every value; smaller or larger it never is.
func (lw *lowering) compare(op string, a, b *term) (condition.Expr, error) {
	la, aLiteral := literal(a)
	lb, bLiteral := literal(b)
	if aLiteral && !bLiteral {
		return lw.compare(mirrored[op], b, a)
	}
	if aLiteral && bLiteral {
		return condition.Bool(foldCompare(op, la, lb)), nil
	}
	if a.op == "var" && (bLiteral || b.op == "list") {
		return lw.compareRef(op, lw.ref(a.text), b, lb)
	}
	if a.op == "list" && b.op == "var" {
		return lw.compare(mirrored[op], b, a)
	}
	if a.op == "var" && b.op == "var" {
		ra, rb := lw.ref(a.text), lw.ref(b.text)
		if (ra.kind == choice || ra.kind == words1) && (rb.kind == choice || rb.kind == words1) || ra.kind == number && rb.kind == number {
			return compareRefs(op, ra.key, rb.key), nil
		}
	}
	if (op == "==" || op == "!=") && (bLiteral && (lb == "true" || lb == "false")) { // (…) == true
		e, err := lw.boolean(a)
		if (lb == "true") != (op == "==") {
			e = negate(e)
		}
		return e, err
	}
	na, err := lw.number(a)
	if err != nil {
		return no, err
	}
	nb, err := lw.number(b)
	if err != nil {
		return no, err
	}
	return compares[op](na, nb), nil
}

func foldCompare(op, a, b string) bool {
	order := strings.Compare(a, b)
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX == nil && errY == nil {
		switch {
		case x < y:
			order = -1
		case x > y:
			order = 1
		default:
			order = 0
		}
	}
	switch op {
	case "==":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// compareRefs compares two answers; two that are missing are alike.
func compareRefs(op, a, b string) condition.Expr {
	va, vb := condition.Var(a), condition.Var(b)
	switch op {
	case "==":
		return condition.Or(condition.Eq(va, vb), condition.And(condition.Missing(a), condition.Missing(b)))
	case "!=":
		return condition.Or(condition.Ne(va, vb),
			condition.And(condition.Missing(a), condition.Answered(b)), condition.And(condition.Answered(a), condition.Missing(b)))
	}
	return compares[op](va, vb)
}

// code finds our code for a foreign value.
func (r ref) code(value string) (string, bool) {
	if c, ok := r.codes[value]; ok {
		return c, true
	}
	if f, err := strconv.ParseFloat(value, 64); err == nil { // 1 and "1.0" and "01"
		for v, c := range r.codes {
			if g, err := strconv.ParseFloat(v, 64); err == nil && f == g {
				return c, true
			}
		}
	}
	return "", false
}

func (lw *lowering) compareRef(op string, r ref, b *term, value string) (condition.Expr, error) {
	negative := op == "!="
	turn := func(e condition.Expr) condition.Expr {
		if negative {
			return negate(e)
		}
		return e
	}
	equality := op == "==" || op == "!="
	if b.op != "list" && value == "" {
		switch {
		case !equality:
			return no, nil
		case r.kind == never:
			return condition.Bool(op == "=="), nil
		case r.kind == box:
			return turn(condition.Not(condition.In(r.key, r.option))), nil
		case op == "==":
			return condition.Missing(r.key), nil
		}
		return condition.Answered(r.key), nil
	}
	impossible := func() (condition.Expr, error) {
		lw.note("value", r.key+" "+op+" "+value)
		return condition.Bool(negative), nil
	}
	switch r.kind {
	case never:
		return condition.Bool(negative), nil
	case box:
		if !equality || b.op == "list" {
			return no, &inexpressible{op + " of a tick"}
		}
		switch strings.ToLower(value) {
		case "y", "true", "1":
			return turn(condition.In(r.key, r.option)), nil
		case "n", "false", "0":
			return turn(condition.Not(condition.In(r.key, r.option))), nil
		}
		return impossible()
	case choice:
		if b.op == "list" {
			return no, &inexpressible{op + " with a list"}
		}
		if equality {
			code, ok := r.code(value)
			if !ok {
				return impossible()
			}
			return turn(isOne(r.key, []string{code})), nil
		}
		limit, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return no, &inexpressible{op + " of codes that are no numbers"}
		}
		var codes []string
		for _, c := range r.order {
			for v, ours := range r.codes {
				if f, err := strconv.ParseFloat(v, 64); ours == c && err == nil && foldCompare(op, fmt.Sprint(f), fmt.Sprint(limit)) && !slices.Contains(codes, c) {
					codes = append(codes, c)
				}
			}
		}
		return isOne(r.key, codes), nil
	case list:
		if !equality {
			return no, &inexpressible{op + " of several answers"}
		}
		values := []string{value}
		if b.op == "list" {
			values = nil
			for _, a := range b.args {
				s, ok := literal(a)
				if !ok {
					return no, &inexpressible{"a list of calculations"}
				}
				values = append(values, s)
			}
		}
		if len(values) == 0 {
			return turn(condition.Missing(r.key)), nil
		}
		var all []condition.Expr
		for _, s := range values {
			code, ok := r.code(s)
			if !ok {
				return impossible()
			}
			all = append(all, condition.In(r.key, code))
		}
		all = append(all, condition.Eq(condition.Count(r.key, r.order...), condition.Num(float64(len(values)))))
		return turn(allOf(all...)), nil
	case number, listCount:
		if b.op == "list" {
			return no, &inexpressible{op + " with a list"}
		}
		f, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(value), ",", ".", 1), 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return impossible()
		}
		n := condition.Var(r.key)
		if r.kind == listCount {
			n = condition.Count(r.key, r.order...)
		}
		return compares[op](n, condition.Num(f)), nil
	}
	if b.op == "list" {
		return no, &inexpressible{op + " with a list"}
	}
	return compares[op](condition.Var(r.key), condition.Str(value)), nil
}

// contains lowers SurveyJS's contains, anyof and allof and XPath's selected().
func (lw *lowering) contains(t *term) (condition.Expr, error) {
	a, b := t.args[0], t.args[1]
	if a.op != "var" {
		if b.op == "var" { // ["1", "2"] anyof {q}
			return lw.contains(&term{op: t.op, args: []*term{b, a}})
		}
		return no, &inexpressible{t.op}
	}
	values := b.args
	if b.op != "list" {
		values = []*term{b}
	}
	r := lw.ref(a.text)
	var parts []condition.Expr
	for _, v := range values {
		s, ok := literal(v)
		if !ok {
			return no, &inexpressible{t.op + " of calculations"}
		}
		switch r.kind {
		case never:
			parts = append(parts, no)
			continue
		case choice, list:
		default:
			return no, &inexpressible{t.op + " in a text"}
		}
		code, ok := r.code(s)
		switch {
		case !ok:
			lw.note("value", r.key+" "+t.op+" "+s)
			parts = append(parts, no)
		case r.kind == list:
			parts = append(parts, condition.In(r.key, code))
		default:
			parts = append(parts, isOne(r.key, []string{code}))
		}
	}
	// "[…] contains {q}" asks whether the one answer is among them.
	if t.op == "anyof" || t.op == "contains" && r.kind == choice {
		return anyOf(parts...), nil
	}
	return allOf(parts...), nil
}

// number lowers a term that is calculated with.
func (lw *lowering) number(t *term) (condition.Expr, error) {
	numbers := func(list []*term) ([]condition.Expr, error) {
		out := make([]condition.Expr, len(list))
		for i, a := range list {
			e, err := lw.number(a)
			if err != nil {
				return nil, err
			}
			out[i] = e
		}
		return out, nil
	}
	switch t.op {
	case "num", "bool":
		return condition.Num(t.num), nil
	case "str":
		f, err := strconv.ParseFloat(strings.TrimSpace(t.text), 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return no, &inexpressible{"calculation with the text " + strconv.Quote(t.text)}
		}
		return condition.Num(f), nil
	case "var":
		return lw.numberOf(t.text)
	case "+", "-", "*", "/":
		args, err := numbers(t.args)
		if err != nil {
			return no, err
		}
		switch t.op {
		case "+":
			return condition.Add(args...), nil
		case "-":
			return condition.Sub(args[0], args[1]), nil
		case "*":
			return condition.Mul(args...), nil
		}
		return condition.Div(args[0], args[1]), nil
	case "neg":
		a, err := lw.number(t.args[0])
		return condition.Neg(a), err
	case "call":
		switch t.text {
		case "sum", "min", "max":
			if len(t.args) == 0 {
				break
			}
			args, err := numbers(t.args)
			if err != nil {
				return no, err
			}
			switch t.text {
			case "sum":
				return condition.Add(args...), nil
			case "min":
				return condition.Min(args...), nil
			}
			return condition.Max(args...), nil
		case "if", "iif":
			if len(t.args) != 3 {
				break
			}
			c, err := lw.boolean(t.args[0])
			if err != nil {
				return no, err
			}
			args, err := numbers(t.args[1:])
			if err != nil {
				return no, err
			}
			return condition.If(c, args[0], args[1]), nil
		case "number", "int", "intval", "floatval", "coalesce":
			if len(t.args) == 1 && (t.text == "number" || t.text == "floatval") {
				return lw.number(t.args[0])
			}
		case "count", "count-selected", "displayvalue":
			if t.text == "displayvalue" {
				break
			}
			return lw.count(t.args)
		}
		return no, &inexpressible{t.text + "()"}
	case "!", "and", "or", "==", "!=", "<", "<=", ">", ">=", "empty", "contains", "anyof", "allof":
		b, err := lw.boolean(t)
		return condition.If(b, condition.Num(1), condition.Num(0)), err
	}
	return no, &inexpressible{t.op}
}

// numberOf is the value of a name in a calculation.
func (lw *lowering) numberOf(name string) (condition.Expr, error) {
	r := lw.ref(name)
	switch r.kind {
	case number:
		return condition.Var(r.key), nil
	case listCount:
		return condition.Count(r.key, r.order...), nil
	case box:
		return condition.If(condition.In(r.key, r.option), condition.Num(1), condition.Num(0)), nil
	case choice:
		var terms []condition.Expr
		for v, c := range r.codes {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return no, &inexpressible{"calculation with codes that are no numbers: " + name}
			}
			terms = append(terms, condition.If(isOne(r.key, []string{c}), condition.Num(f), condition.Num(0)))
		}
		slices.SortFunc(terms, func(a, b condition.Expr) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		if len(terms) > 0 {
			return condition.Add(terms...), nil
		}
	}
	return no, &inexpressible{"calculation with " + name}
}

// count lowers the number of ticks, or of answered questions.
func (lw *lowering) count(args []*term) (condition.Expr, error) {
	var terms []condition.Expr
	for _, a := range args {
		if a.op != "var" {
			return no, &inexpressible{"count of " + a.op}
		}
		r := lw.ref(a.text)
		switch r.kind {
		case never:
		case list, listCount:
			terms = append(terms, condition.Count(r.key, r.order...))
		case box:
			terms = append(terms, condition.If(condition.In(r.key, r.option), condition.Num(1), condition.Num(0)))
		default:
			terms = append(terms, condition.If(condition.Answered(r.key), condition.Num(1), condition.Num(0)))
		}
	}
	switch len(terms) {
	case 0:
		return condition.Num(0), nil
	case 1:
		return terms[0], nil
	}
	return condition.Add(terms...), nil
}

// orderOf lists the codes of an item's options.
func orderOf(options []survey.Option) []string {
	codes := make([]string, len(options))
	for i, o := range options {
		codes[i] = o.Code
	}
	return codes
}
