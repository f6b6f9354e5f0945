package condition

import (
	"slices"
	"unicode/utf8"
)

// arity is how many arguments an operator takes; most 0 means any number.
var arity = map[Op]struct{ least, most int }{
	OpAnd: {1, 0}, OpOr: {1, 0}, OpNot: {1, 1},
	OpEq: {2, 2}, OpNe: {2, 2}, OpLt: {2, 2}, OpLe: {2, 2}, OpGt: {2, 2}, OpGe: {2, 2},
	OpIn: {2, 2}, OpMissing: {1, 0}, OpVar: {1, 1},
	OpAdd: {1, 0}, OpSub: {1, 2}, OpMul: {1, 0}, OpDiv: {2, 2}, OpMin: {1, 0}, OpMax: {1, 0}, OpIf: {3, 3},
}

// CheckBool says what keeps e from being a condition over the variables that
// kindOf knows; none for the zero Expr.
func (e Expr) CheckBool(kindOf func(name string) (Kind, bool)) []Fault {
	if e.n == nil {
		return nil
	}
	return e.check(boolean, kindOf)
}

// CheckNumber says what keeps e from being a calculation over the variables that kindOf knows.
func (e Expr) CheckNumber(kindOf func(name string) (Kind, bool)) []Fault {
	if e.n == nil {
		return []Fault{*fault("", WrongKind, "want", Number.String(), "got", none.String())}
	}
	return e.check(Number, kindOf)
}

func (e Expr) check(want Kind, kindOf func(string) (Kind, bool)) []Fault {
	switch { // before anything walks through it
	case e.n.depth > MaxDepth:
		return []Fault{*fault("", TooDeep, "max", MaxDepth)}
	case e.n.size > MaxNodes:
		return []Fault{*fault("", TooLong, "max", MaxNodes)}
	}
	c := checker{kindOf: kindOf}
	c.want(e.n, "", want)
	return c.faults
}

type checker struct {
	kindOf func(string) (Kind, bool)
	faults []Fault
}

func (c *checker) add(path, code string, args ...any) {
	c.faults = append(c.faults, *fault(path, code, args...))
}

// want checks n and that it is of the kind wanted.
func (c *checker) want(n *node, path string, want Kind) {
	before := len(c.faults)
	got := c.kind(n, path)
	fits := got == want || got == anything && want != boolean
	if !fits && len(c.faults) == before {
		if got == anything {
			c.add(path, WrongKind, "want", want.String(), "got", "var")
			return
		}
		c.add(path, WrongKind, "want", want.String(), "got", got.String())
	}
}

// kind checks n and tells what it is; none when that cannot be said.
func (c *checker) kind(n *node, path string) Kind {
	switch n.op {
	case OpBool:
		return boolean
	case OpText:
		c.utf8(path, n.text)
		return Text
	case OpList:
		c.utf8(path, n.list...)
		return List
	case OpNumber:
		if !finite(n.num) {
			c.add(path, BadNumber)
		}
		return Number
	case OpVar:
		return c.variable(n.text, path)
	case OpMissing:
		if len(n.list) == 0 {
			c.add(path, WrongCount, "operator", string(n.op), "min", 1)
		}
		for i, name := range n.list {
			c.variable(name, step(path, n.op, i))
		}
		return boolean
	}
	if !c.count(n, path) {
		return none
	}
	switch n.op {
	case OpAnd, OpOr, OpNot:
		for i, a := range n.args {
			c.want(a, step(path, n.op, i), boolean)
		}
		return boolean
	case OpIn:
		c.want(n.args[0], step(path, n.op, 0), Text)
		c.want(n.args[1], step(path, n.op, 1), List)
		return boolean
	case OpEq, OpNe, OpLt, OpLe, OpGt, OpGe:
		c.comparison(n, path)
		return boolean
	}
	for i, a := range n.args {
		want := Number
		if n.op == OpIf && i == 0 {
			want = boolean
		}
		c.want(a, step(path, n.op, i), want)
	}
	return Number
}

func (c *checker) utf8(path string, texts ...string) {
	if slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) }) {
		c.add(path, BadText)
	}
}

func (c *checker) count(n *node, path string) bool {
	a, known := arity[n.op]
	switch {
	case !known:
		c.add(path, UnknownOperator, "operator", string(n.op))
	case a.most == 0 && len(n.args) < a.least:
		c.add(path, WrongCount, "operator", string(n.op), "min", a.least)
	case a.most > 0 && (len(n.args) < a.least || len(n.args) > a.most):
		c.add(path, WrongCount, "operator", string(n.op), "min", a.least, "max", a.most)
	default:
		return true
	}
	return false
}

// comparison wants two numbers or two texts.
func (c *checker) comparison(n *node, path string) {
	before := len(c.faults)
	var kinds [2]Kind
	for i, a := range n.args {
		at := step(path, n.op, i)
		kinds[i] = c.kind(a, at)
		if (kinds[i] == List || kinds[i] == boolean) && len(c.faults) == before {
			c.add(at, WrongKind, "want", "text or number", "got", kinds[i].String())
		}
	}
	if len(c.faults) == before && kinds[0] != kinds[1] && kinds[0] != anything && kinds[1] != anything {
		c.add(path, UnlikeKinds, "left", kinds[0].String(), "right", kinds[1].String())
	}
}

func (c *checker) variable(name, path string) Kind {
	if !IsName(name) {
		c.add(path, BadName, "name", name)
		return none
	}
	k, known := c.kindOf(name)
	if !known {
		c.add(path, UnknownVariable, "name", name)
		return none
	}
	return k
}
