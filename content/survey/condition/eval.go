package condition

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf16"
)

// Holds reports whether the condition is fulfilled by values (string, float64 or
// []string by name). A missing name, an empty text or list, a number that is not
// finite and a value of any other type are "not answered". The zero Expr holds;
// an Expr that is no condition or was refused for its size does not.
func (e Expr) Holds(values map[string]any) bool {
	if e.n == nil {
		return true
	}
	return !e.n.tooLarge() && e.n.holds(values)
}

// Number calculates; false when there is no value.
func (e Expr) Number(values map[string]any) (float64, bool) {
	if e.n == nil || e.n.tooLarge() {
		return 0, false
	}
	v := e.n.eval(values)
	if v.kind != Number {
		return 0, false
	}
	if v.num == 0 {
		v.num = 0 // no negative zero
	}
	return v.num, true
}

// value is what a part amounts to; kind none means it has no value.
type value struct {
	kind Kind
	num  float64
	text string
	list []string
}

func (n *node) holds(values map[string]any) bool {
	holds := func(a *node) bool { return a.holds(values) }
	switch n.op {
	case OpBool:
		return n.yes
	case OpAnd:
		return len(n.args) > 0 && !slices.ContainsFunc(n.args, func(a *node) bool { return !a.holds(values) })
	case OpOr:
		return slices.ContainsFunc(n.args, holds)
	case OpNot:
		return len(n.args) == 1 && !n.args[0].holds(values)
	case OpMissing:
		return slices.ContainsFunc(n.list, func(name string) bool { return read(values, name).kind == none })
	}
	if len(n.args) != 2 {
		return false
	}
	switch n.op {
	case OpIn:
		a, b := n.args[0].eval(values), n.args[1].eval(values)
		return a.kind == Text && b.kind == List && slices.Contains(b.list, a.text)
	case OpEq, OpNe, OpLt, OpLe, OpGt, OpGe:
		order, comparable := n.args[0].eval(values).compare(n.args[1].eval(values))
		return comparable && n.op.accepts(order)
	}
	return false
}

// accepts tells whether a comparison with that outcome (-1, 0, 1) holds.
func (op Op) accepts(order int) bool {
	switch op {
	case OpEq:
		return order == 0
	case OpNe:
		return order != 0
	case OpLt:
		return order < 0
	case OpLe:
		return order <= 0
	case OpGt:
		return order > 0
	case OpGe:
		return order >= 0
	}
	return false
}

func (v value) compare(w value) (order int, comparable bool) {
	switch {
	case v.kind != w.kind:
		return 0, false
	case v.kind == Number:
		return cmp.Compare(v.num, w.num), true
	case v.kind == Text:
		return compareText(v.text, w.text), true
	}
	return 0, false
}

// compareText orders texts as JavaScript does, by UTF-16 code units: -1, 0 or 1.
func compareText(a, b string) int {
	high := func(s string) bool { // where UTF-8 and UTF-16 may sort differently
		return strings.ContainsFunc(s, func(r rune) bool { return r >= 0xE000 })
	}
	if !high(a) && !high(b) {
		return strings.Compare(a, b)
	}
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}

func read(values map[string]any, name string) value {
	switch v := values[name].(type) {
	case string:
		if v != "" {
			return value{kind: Text, text: v}
		}
	case float64:
		return number(v)
	case []string:
		if len(v) > 0 {
			return value{kind: List, list: v}
		}
	}
	return value{}
}

func number(f float64) value {
	if !finite(f) {
		return value{}
	}
	return value{kind: Number, num: f}
}

func (n *node) eval(values map[string]any) value {
	switch n.op {
	case OpText:
		return value{kind: Text, text: n.text}
	case OpNumber:
		return number(n.num)
	case OpList:
		return value{kind: List, list: n.list}
	case OpVar:
		return read(values, n.text)
	case OpIf:
		if len(n.args) != 3 {
			return value{}
		}
		branch := n.args[2]
		if n.args[0].holds(values) {
			branch = n.args[1]
		}
		if v := branch.eval(values); v.kind == Number {
			return v
		}
		return value{}
	case OpAdd, OpSub, OpMul, OpDiv, OpMin, OpMax:
		return n.calculate(values)
	}
	return value{}
}

// calculate goes from left to right, as the browser does, so that both round alike.
func (n *node) calculate(values map[string]any) value {
	var result float64
	for i, a := range n.args {
		v := a.eval(values)
		if v.kind != Number {
			return value{}
		}
		switch {
		case i == 0:
			result = v.num
		case n.op == OpAdd:
			result += v.num
		case n.op == OpSub:
			result -= v.num
		case n.op == OpMul:
			result *= v.num
		case n.op == OpDiv:
			result /= v.num
		case n.op == OpMin:
			result = min(result, v.num)
		case n.op == OpMax:
			result = max(result, v.num)
		}
	}
	if n.op == OpSub && len(n.args) == 1 {
		result = -result
	}
	if len(n.args) == 0 {
		return value{}
	}
	return number(result)
}
