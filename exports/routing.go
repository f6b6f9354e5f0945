package exports

import (
	"fmt"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey/condition"
	"servicepoint/content/survey/tally"
)

// routing says in German when the newest version asks for a variable, "" when always.
func routing(s *tally.Survey, v *tally.Variable) string {
	var rules []condition.Expr
	q := s.Version(v.Versions[len(v.Versions)-1])
	for p := range q.Pages {
		for i := range q.Pages[p].Items {
			if q.Pages[p].Items[i].Code == v.Of.Code {
				rules = append(rules, q.Pages[p].ShowIf, q.Pages[p].Items[i].ShowIf)
			}
		}
	}
	if v.Row != nil {
		rules = append(rules, v.Row.ShowIf)
	}
	var said []string
	for _, e := range rules {
		if !e.IsZero() {
			said = append(said, inWords(s, e, true))
		}
	}
	return strings.Join(said, " und ")
}

var comparisons = map[condition.Op]string{
	condition.OpEq: "=", condition.OpNe: "≠", condition.OpLt: "<", condition.OpLe: "≤", condition.OpGt: ">", condition.OpGe: "≥",
}

var calculations = map[condition.Op]string{
	condition.OpAdd: " + ", condition.OpSub: " − ", condition.OpMul: " × ", condition.OpDiv: " ÷ ",
}

// inWords writes a condition or formula for people: keys of variables, labels of
// options, German connectives. inner asks for brackets around several parts.
func inWords(s *tally.Survey, e condition.Expr, inner bool) string {
	args := e.Args()
	bracket := func(between string) string {
		parts := make([]string, len(args))
		for i, a := range args {
			parts[i] = inWords(s, a, true)
		}
		joined := strings.Join(parts, between)
		if inner && len(args) > 1 {
			return "(" + joined + ")"
		}
		return joined
	}
	switch op := e.Op(); op {
	case condition.OpAnd:
		return bracket(" und ")
	case condition.OpOr:
		return bracket(" oder ")
	case condition.OpNot:
		if args[0].Op() == condition.OpMissing {
			return strings.Join(args[0].Value().([]string), ", ") + " beantwortet"
		}
		return "nicht " + inWords(s, args[0], true)
	case condition.OpMissing:
		return strings.Join(e.Value().([]string), " oder ") + " nicht beantwortet"
	case condition.OpEq, condition.OpNe, condition.OpLt, condition.OpLe, condition.OpGt, condition.OpGe:
		return side(s, args[0], args[1]) + " " + comparisons[op] + " " + side(s, args[1], args[0])
	case condition.OpIn:
		if args[1].Op() == condition.OpVar {
			return inWords(s, args[1], true) + " enthält " + side(s, args[0], args[1])
		}
		codes, _ := args[1].Value().([]string)
		labels := make([]string, len(codes))
		for i, code := range codes {
			labels[i] = quoted(s, args[0], code)
		}
		return inWords(s, args[0], true) + " ist " + strings.Join(labels, " oder ")
	case condition.OpAdd, condition.OpMul, condition.OpDiv:
		return bracket(calculations[op])
	case condition.OpSub:
		if len(args) == 1 {
			return "−" + inWords(s, args[0], true)
		}
		return bracket(calculations[op])
	case condition.OpMin:
		return "kleinster Wert von " + bracket("; ")
	case condition.OpMax:
		return "größter Wert von " + bracket("; ")
	case condition.OpIf:
		return fmt.Sprintf("(wenn %s: %s, sonst %s)", inWords(s, args[0], false), inWords(s, args[1], true), inWords(s, args[2], true))
	}
	switch v := e.Value().(type) {
	case string:
		if e.Op() == condition.OpVar {
			return v
		}
		return "„" + v + "“"
	case float64:
		return strings.Replace(strconv.FormatFloat(v, 'f', -1, 64), ".", ",", 1)
	case bool:
		if v {
			return "immer"
		}
		return "nie"
	}
	return e.String()
}

// side writes one side of a comparison; a text is an option of what stands on
// the other side.
func side(s *tally.Survey, e, other condition.Expr) string {
	if code, ok := e.Value().(string); ok && e.Op() == condition.OpText {
		return quoted(s, other, code)
	}
	return inWords(s, e, true)
}

func quoted(s *tally.Survey, variable condition.Expr, code string) string {
	key, _ := variable.Value().(string)
	if v := s.Variable(key); v != nil && v.Listed {
		if label := v.Of.Label(code, content.German); label != code {
			return "„" + label + "“ (" + code + ")"
		}
	}
	return "„" + code + "“"
}
