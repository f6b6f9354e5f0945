package survey

import (
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey/condition"
)

// Explain says a rule in words: «Frage 3 ist „Nein“ und bei Frage 4 ist „Bus“
// angekreuzt». name gives what an item is called, for example "Frage 3"; w must
// hold the words of package content. The zero expression is "".
func (q Questionnaire) Explain(e condition.Expr, w content.Words, lang string, name func(it *Item) string) string {
	if e.IsZero() {
		return ""
	}
	x := explainer{q: q, lang: lang, name: name, say: func(key string, args ...any) string {
		return w.In(lang, "condition."+key, args...)
	}}
	return x.rule(e, "")
}

type explainer struct {
	q    Questionnaire
	lang string
	name func(it *Item) string
	say  func(key string, args ...any) string
}

// rule explains a boolean; around is the connective it stands in, because
// "and" inside "or" needs brackets.
func (x explainer) rule(e condition.Expr, around condition.Op) string {
	args := e.Args()
	switch op := e.Op(); op {
	case condition.OpAnd, condition.OpOr:
		parts := make([]string, len(args))
		for i, a := range args {
			parts[i] = x.rule(a, op)
		}
		s := strings.Join(parts, " "+x.say(string(op))+" ")
		if around != "" && around != op && len(parts) > 1 {
			return "(" + s + ")"
		}
		return s
	case condition.OpNot:
		return x.not(args[0])
	case condition.OpMissing:
		names := e.Value().([]string)
		parts := make([]string, len(names))
		for i, key := range names {
			parts[i] = x.say("missing", "question", x.variable(key))
		}
		return strings.Join(parts, " "+x.say("or")+" ")
	case condition.OpIn:
		if list := args[0]; list.Op() == condition.OpVar {
			return x.say("one_of", "question", x.value(list, nil), "answer", x.value(args[1], x.find(list)))
		}
		return x.say("in", "question", x.value(args[1], nil), "answer", x.value(args[0], x.find(args[1])))
	case condition.OpEq, condition.OpNe, condition.OpLt, condition.OpLe, condition.OpGt, condition.OpGe:
		words := map[condition.Op]string{condition.OpEq: "eq", condition.OpNe: "ne", condition.OpLt: "lt", condition.OpLe: "le", condition.OpGt: "gt", condition.OpGe: "ge"}
		left, right := args[0], args[1]
		if left.Op() != condition.OpVar && right.Op() == condition.OpVar { // 18 <= age reads age >= 18
			left, right = right, left
			op = map[condition.Op]condition.Op{condition.OpLt: condition.OpGt, condition.OpLe: condition.OpGe, condition.OpGt: condition.OpLt, condition.OpGe: condition.OpLe,
				condition.OpEq: condition.OpEq, condition.OpNe: condition.OpNe}[op]
		}
		return x.say(words[op], "question", x.value(left, nil), "answer", x.value(right, x.find(left)))
	case condition.OpBool:
		if e.Value() == true {
			return x.say("always")
		}
		return x.say("never")
	}
	return x.value(e, nil)
}

func (x explainer) not(e condition.Expr) string {
	args := e.Args()
	switch e.Op() {
	case condition.OpMissing:
		names := e.Value().([]string)
		parts := make([]string, len(names))
		for i, key := range names {
			parts[i] = x.say("answered", "question", x.variable(key))
		}
		return strings.Join(parts, " "+x.say("and")+" ")
	case condition.OpNot:
		return x.rule(args[0], "")
	case condition.OpIn:
		if args[0].Op() != condition.OpVar {
			return x.say("not_in", "question", x.value(args[1], nil), "answer", x.value(args[0], x.find(args[1])))
		}
	}
	return x.say("not", "rule", x.rule(e, ""))
}

// find is the variable that e is, nil when it is something else.
func (x explainer) find(e condition.Expr) *Variable {
	if e.Op() != condition.OpVar {
		return nil
	}
	key := e.Value().(string)
	if it := x.q.Item(itemOf(key)); it != nil {
		for _, v := range it.Variables() {
			if v.Key == key {
				return &v
			}
		}
	}
	return nil
}

// variable is what people call a variable.
func (x explainer) variable(key string) string {
	v := x.find(condition.Var(key))
	if v == nil {
		return key
	}
	s := x.name(v.Item)
	if v.Row != nil {
		row, _ := v.Row.Text.In(x.lang)
		s += " (" + row + ")"
	}
	return s
}

// value is a text, number, list, variable or calculation in words; codes of the
// variable it is compared with become labels.
func (x explainer) value(e condition.Expr, of *Variable) string {
	label := func(code string) string {
		switch {
		case of != nil && of.Listed:
			return "„" + of.Item.label(code, x.lang) + "“"
		case of != nil && of.Item.Type == Date:
			return FormatDate(code, x.lang)
		}
		return "„" + code + "“"
	}
	switch e.Op() {
	case condition.OpVar:
		return x.variable(e.Value().(string))
	case condition.OpText:
		return label(e.Value().(string))
	case condition.OpNumber:
		return FormatNumber(e.Value().(float64), x.lang)
	case condition.OpList:
		codes := e.Value().([]string)
		labels := make([]string, len(codes))
		for i, code := range codes {
			labels[i] = label(code)
		}
		return strings.Join(labels, ", ")
	}
	args := e.Args()
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = x.value(a, nil)
	}
	switch op := e.Op(); op {
	case condition.OpIf:
		return x.say("if", "rule", x.rule(args[0], ""), "then", parts[1], "else", parts[2])
	case condition.OpMin, condition.OpMax:
		return x.say(string(op), "list", strings.Join(parts, ", "))
	case condition.OpSub:
		if len(parts) == 1 {
			return "−" + parts[0]
		}
		return "(" + strings.Join(parts, " − ") + ")"
	case condition.OpMul:
		return "(" + strings.Join(parts, " · ") + ")"
	default:
		return "(" + strings.Join(parts, " "+string(op)+" ") + ")"
	}
}
