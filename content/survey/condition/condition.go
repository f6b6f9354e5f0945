// Package condition is the typed language of conditions and calculations in
// questionnaires: when something is shown, when a quota counts, what a value
// amounts to. It does not know questionnaires; whoever uses it says which
// variables there are and of which [Kind].
//
// Its syntax is a strict subset of JsonLogic, its meaning is typed. [Parse] (or
// json.Unmarshal) refuses everything outside the subset and names the place;
// [Expr.CheckBool] and [Expr.CheckNumber] then compare the kinds of variables;
// [Expr.Holds] and [Expr.Number] evaluate. The browser does the same with
// site/assets/js/condition.js, and the tests hold the two together.
//
//	boolean  true, false
//	         {"and":[b,…]}  {"or":[b,…]}  {"!":[b]}
//	         {"==":[x,y]}  !=  <  <=  >  >=     both numbers or both texts
//	         {"in":["code",{"var":"list"}]}  {"in":[{"var":"text"},["a","b"]]}
//	         {"missing":["name",…]}             any of them is not answered
//	number   5, {"var":"n"}
//	         {"+":[n,…]}  {"-":[n]}  {"-":[n,m]}  {"*":[n,…]}  {"/":[n,m]}
//	         {"min":[n,…]}  {"max":[n,…]}  {"if":[b,n,m]}
//	text     "code", {"var":"t"}                dates and times are texts and sort as such
//
// As everywhere in JsonLogic an operator with one argument may leave out the
// brackets: {"!":b}.
//
// Where it differs from classic JsonLogic, on purpose:
//   - Nothing is converted: 1 and "1" cannot be compared, and only a boolean is
//     true or false.
//   - A comparison with something not answered is false, != included: what was
//     never asked does not differ from anything. Who means "not answered or
//     different" writes {"!":{"==":[…]}}.
//   - A calculation with something not answered, a division by zero and a result
//     beyond the range of float64 have no value.
//   - "a.b" is a variable of that very name (row b of matrix a), no path into an object.
//   - and, or give booleans, missing is a boolean and no list.
package condition

import (
	"math"
	"regexp"
	"slices"
)

// Bounds of one expression. Leaves, names and members of lists count as nodes; a leaf has depth 1.
const (
	MaxDepth = 20
	MaxNodes = 200
)

// Kind is what a variable holds: string, float64 or []string.
type Kind int

const (
	Text Kind = iota + 1
	Number
	List
	boolean       // of expressions, never of variables
	anything      // a variable whose kind is not asked for
	none     Kind = 0
)

// String gives the word that faults use.
func (k Kind) String() string {
	switch k {
	case Text:
		return "text"
	case Number:
		return "number"
	case List:
		return "list"
	case boolean:
		return "boolean"
	}
	return "none"
}

// Op is an operator of the syntax, or what a leaf is.
type Op string

const (
	OpAnd     Op = "and"
	OpOr      Op = "or"
	OpNot     Op = "!"
	OpEq      Op = "=="
	OpNe      Op = "!="
	OpLt      Op = "<"
	OpLe      Op = "<="
	OpGt      Op = ">"
	OpGe      Op = ">="
	OpIn      Op = "in"
	OpMissing Op = "missing" // Value: []string, the names
	OpVar     Op = "var"     // Value: string, the name
	OpAdd     Op = "+"
	OpSub     Op = "-" // of one argument: its negative
	OpMul     Op = "*"
	OpDiv     Op = "/"
	OpMin     Op = "min"
	OpMax     Op = "max"
	OpIf      Op = "if"

	// Leaves, which JSON writes as plain values.
	OpBool   Op = "boolean" // Value: bool
	OpText   Op = "text"    // Value: string
	OpNumber Op = "number"  // Value: float64
	OpList   Op = "list"    // Value: []string
)

// Expr is an expression. It never changes. Its zero value is "no condition": it holds.
type Expr struct{ n *node }

type node struct {
	op    Op
	args  []*node
	text  string // OpText, OpVar
	num   float64
	yes   bool
	list  []string // OpList, OpMissing
	size  int      // nodes below and including this one
	depth int
}

func newNode(op Op, args ...*node) *node {
	return (&node{op: op, args: args}).measured()
}

// measured notes size and depth. What is too large loses its parts and only
// keeps its measures for the check: parts may be shared, so that an expression
// of 60 nested calls could have 2^60 nodes to walk through.
func (n *node) measured() *node {
	n.size, n.depth = 1+len(n.list), 1
	if len(n.list) > 0 {
		n.depth = 2
	}
	for _, a := range n.args {
		n.size += a.size
		n.depth = max(n.depth, a.depth+1)
	}
	if n.tooLarge() {
		n.size = min(n.size, MaxNodes+1)
		n.args, n.list = nil, nil
	}
	return n
}

func (n *node) tooLarge() bool { return n.size > MaxNodes || n.depth > MaxDepth }

// IsZero reports that there is no condition; json's omitzero asks it.
func (e Expr) IsZero() bool { return e.n == nil }

// Op tells what the outermost part is, "" for the zero Expr.
func (e Expr) Op() Op {
	if e.n == nil {
		return ""
	}
	return e.n.op
}

// Args are the arguments of an operator that are expressions; leaves, var and missing have none.
func (e Expr) Args() []Expr {
	if e.n == nil {
		return nil
	}
	args := make([]Expr, len(e.n.args))
	for i, a := range e.n.args {
		args[i] = Expr{a}
	}
	return args
}

// Value is what a leaf holds, see the operators; nil for all others.
func (e Expr) Value() any {
	if e.n == nil {
		return nil
	}
	switch e.n.op {
	case OpVar, OpText:
		return e.n.text
	case OpNumber:
		return e.n.num
	case OpBool:
		return e.n.yes
	case OpList, OpMissing:
		return slices.Clone(e.n.list)
	}
	return nil
}

// Walk calls visit for e and everything below it, outermost first, until it
// returns false for a part, whose arguments are then left out.
func (e Expr) Walk(visit func(Expr) bool) {
	if e.n == nil || !visit(e) {
		return
	}
	for _, a := range e.n.args {
		Expr{a}.Walk(visit)
	}
}

// Vars are the names that e depends on, sorted, each once.
func (e Expr) Vars() []string {
	var names []string
	e.Walk(func(part Expr) bool {
		switch part.n.op {
		case OpVar:
			names = append(names, part.n.text)
		case OpMissing:
			names = append(names, part.n.list...)
		}
		return true
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// Equal reports whether both are written the same.
func (e Expr) Equal(f Expr) bool { return same(e.n, f.n) }

func same(a, b *node) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	return a.op == b.op && a.text == b.text && a.num == b.num && a.yes == b.yes && a.size == b.size &&
		slices.Equal(a.list, b.list) && slices.EqualFunc(a.args, b.args, same)
}

// Rename gives e with another name for the item from: the variable from becomes
// to, and from.part becomes to.part.
func (e Expr) Rename(from, to string) Expr {
	if e.n == nil {
		return e
	}
	return Expr{e.n.rename(from, to)}
}

func (n *node) rename(from, to string) *node {
	name := func(s string) string {
		if s == from || len(s) > len(from) && s[:len(from)] == from && s[len(from)] == '.' {
			return to + s[len(from):]
		}
		return s
	}
	c := *n
	switch n.op {
	case OpVar:
		c.text = name(n.text)
	case OpMissing:
		c.list = make([]string, len(n.list))
		for i, s := range n.list {
			c.list[i] = name(s)
		}
	default:
		c.args = make([]*node, len(n.args))
		for i, a := range n.args {
			c.args[i] = a.rename(from, to)
		}
	}
	return &c
}

var variableName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}(\.[a-z0-9][a-z0-9_]{0,39})?$`)

// IsName reports whether s can name a variable: an item's code, or code.part.
func IsName(s string) bool { return variableName.MatchString(s) }

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }
