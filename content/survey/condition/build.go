package condition

// And holds when all of them hold. The zero Expr holds always and is left out;
// nothing left is the zero Expr. What is an and itself is taken up flat.
func And(all ...Expr) Expr {
	args := make([]*node, 0, len(all))
	for _, e := range all {
		switch {
		case e.n == nil:
		case e.n.op == OpAnd && !e.n.tooLarge():
			args = append(args, e.n.args...)
		default:
			args = append(args, e.n)
		}
	}
	switch len(args) {
	case 0:
		return Expr{}
	case 1:
		return Expr{args[0]}
	}
	return Expr{newNode(OpAnd, args...)}
}

// Or holds when one of them holds: always when one of them is the zero Expr,
// never when there are none. What is an or itself is taken up flat.
func Or(some ...Expr) Expr {
	args := make([]*node, 0, len(some))
	for _, e := range some {
		switch {
		case e.n == nil:
			return Expr{}
		case e.n.op == OpOr && !e.n.tooLarge():
			args = append(args, e.n.args...)
		default:
			args = append(args, e.n)
		}
	}
	switch len(args) {
	case 0:
		return Bool(false)
	case 1:
		return Expr{args[0]}
	}
	return Expr{newNode(OpOr, args...)}
}

// Not holds when e does not.
func Not(e Expr) Expr { return apply(OpNot, e) }

// Eq, Ne, Lt, Le, Gt and Ge compare two numbers or two texts.
func Eq(a, b Expr) Expr { return apply(OpEq, a, b) }
func Ne(a, b Expr) Expr { return apply(OpNe, a, b) }
func Lt(a, b Expr) Expr { return apply(OpLt, a, b) }
func Le(a, b Expr) Expr { return apply(OpLe, a, b) }
func Gt(a, b Expr) Expr { return apply(OpGt, a, b) }
func Ge(a, b Expr) Expr { return apply(OpGe, a, b) }

// In holds when the list of that name has the code.
func In(list, code string) Expr { return apply(OpIn, Str(code), Var(list)) }

// OneOf holds when the text of that name is one of the codes.
func OneOf(text string, codes ...string) Expr { return apply(OpIn, Var(text), Strs(codes...)) }

// Missing holds when any of the names has no answer.
func Missing(names ...string) Expr {
	return Expr{(&node{op: OpMissing, list: append([]string(nil), names...)}).measured()}
}

// Answered holds when all of the names have an answer.
func Answered(names ...string) Expr { return Not(Missing(names...)) }

// Var is the variable of that name.
func Var(name string) Expr { return Expr{(&node{op: OpVar, text: name}).measured()} }

// Str is a text.
func Str(s string) Expr { return Expr{(&node{op: OpText, text: s}).measured()} }

// Strs is a list of texts, for the second argument of in.
func Strs(list ...string) Expr {
	return Expr{(&node{op: OpList, list: append([]string(nil), list...)}).measured()}
}

// Num is a number. A check refuses what is not finite.
func Num(f float64) Expr {
	if f == 0 {
		f = 0 // no negative zero
	}
	return Expr{(&node{op: OpNumber, num: f}).measured()}
}

// Bool always holds, or never.
func Bool(yes bool) Expr { return Expr{(&node{op: OpBool, yes: yes}).measured()} }

// Add, Sub, Neg, Mul, Div, Min and Max calculate.
func Add(all ...Expr) Expr { return apply(OpAdd, all...) }
func Sub(a, b Expr) Expr   { return apply(OpSub, a, b) }
func Neg(a Expr) Expr      { return apply(OpSub, a) }
func Mul(all ...Expr) Expr { return apply(OpMul, all...) }
func Div(a, b Expr) Expr   { return apply(OpDiv, a, b) }
func Min(all ...Expr) Expr { return apply(OpMin, all...) }
func Max(all ...Expr) Expr { return apply(OpMax, all...) }

// If is the number yes when when holds, otherwise the number no.
func If(when, yes, no Expr) Expr { return apply(OpIf, when, yes, no) }

// Count is how many of the codes the list of that name has. JsonLogic has no
// operator for it, so it is a sum with a term for each code.
func Count(list string, codes ...string) Expr {
	terms := make([]Expr, len(codes))
	for i, code := range codes {
		terms[i] = If(In(list, code), Num(1), Num(0))
	}
	return Add(terms...)
}

// apply reads the zero Expr as what it means: it holds.
func apply(op Op, args ...Expr) Expr {
	nodes := make([]*node, len(args))
	for i, a := range args {
		if a.n == nil {
			a = Bool(true)
		}
		nodes[i] = a.n
	}
	return Expr{newNode(op, nodes...)}
}
