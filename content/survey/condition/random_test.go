package condition_test

import (
	"math/rand/v2"

	"servicepoint/content/survey/condition"
)

// dice makes expressions that pass the check and values for them. The worlds of
// codes and numbers are small, so that comparisons hold about as often as not.
type dice struct{ *rand.Rand }

var (
	textVars   = []string{"t1", "t2", "day", "m.row", "constructor"}
	numberVars = []string{"n1", "n2", "n3", "length"}
	listVars   = []string{"l1", "l2"}
	texts      = []string{"a", "b", "c", "2024-02-29", "2024-03-01", "08:30", "Straße", "\ufb01", "\U0001F600", "\U0001F600x", "", "10", "9"}
	numbers    = []float64{0, 1, 2, 3, -1, 0.1, 0.2, 0.3, 1e15, 1e300, 1.0 / 3, 18}
)

func pick[T any](d dice, from []T) T { return from[d.IntN(len(from))] }

func kindOf(name string) (condition.Kind, bool) {
	for kind, names := range map[condition.Kind][]string{condition.Text: textVars, condition.Number: numberVars, condition.List: listVars} {
		for _, n := range names {
			if n == name {
				return kind, true
			}
		}
	}
	return 0, false
}

func (d dice) boolean(depth int) condition.Expr {
	if depth <= 0 {
		return condition.Missing(pick(d, [][]string{textVars, numberVars, listVars})[:1+d.IntN(2)]...)
	}
	switch d.IntN(12) {
	case 0:
		return condition.Bool(d.IntN(2) == 0)
	case 1:
		return condition.And(d.several(depth, d.boolean)...)
	case 2:
		return condition.Or(d.several(depth, d.boolean)...)
	case 3:
		return condition.Not(d.boolean(depth - 1))
	case 4:
		return condition.In(pick(d, listVars), pick(d, texts))
	case 5:
		return condition.OneOf(pick(d, textVars), texts[d.IntN(6):][:d.IntN(7)]...)
	case 6:
		return condition.Answered(pick(d, textVars), pick(d, numberVars))
	}
	compare := pick(d, []func(a, b condition.Expr) condition.Expr{
		condition.Eq, condition.Ne, condition.Lt, condition.Le, condition.Gt, condition.Ge})
	if d.IntN(2) == 0 {
		return compare(d.text(), d.text())
	}
	return compare(d.number(depth-1), d.number(depth-1))
}

func (d dice) text() condition.Expr {
	if d.IntN(2) == 0 {
		return condition.Str(pick(d, texts))
	}
	return condition.Var(pick(d, textVars))
}

func (d dice) number(depth int) condition.Expr {
	if depth <= 0 || d.IntN(3) == 0 {
		if d.IntN(2) == 0 {
			return condition.Num(pick(d, numbers))
		}
		return condition.Var(pick(d, numberVars))
	}
	switch d.IntN(9) {
	case 0:
		return condition.Add(d.several(depth, d.number)...)
	case 1:
		return condition.Sub(d.number(depth-1), d.number(depth-1))
	case 2:
		return condition.Neg(d.number(depth - 1))
	case 3:
		return condition.Mul(d.several(depth, d.number)...)
	case 4:
		return condition.Div(d.number(depth-1), d.number(depth-1))
	case 5:
		return condition.Min(d.several(depth, d.number)...)
	case 6:
		return condition.Max(d.several(depth, d.number)...)
	case 7:
		return condition.Count(pick(d, listVars), texts[:1+d.IntN(3)]...)
	}
	return condition.If(d.boolean(depth-1), d.number(depth-1), d.number(depth-1))
}

func (d dice) several(depth int, one func(int) condition.Expr) []condition.Expr {
	all := make([]condition.Expr, 1+d.IntN(3))
	for i := range all {
		all[i] = one(depth - 1)
	}
	return all
}

// values are answers to all variables or to some. One in 20 is of a kind that
// the check does not expect: both evaluators must take even that alike.
func (d dice) values() map[string]any {
	values := map[string]any{}
	sure := d.IntN(2) == 0
	for _, names := range [][]string{textVars, numberVars, listVars} {
		for _, name := range names {
			if !sure && d.IntN(3) == 0 {
				continue
			}
			kind, _ := kindOf(name)
			if d.IntN(20) == 0 {
				kind = condition.Kind(d.IntN(5))
			}
			switch kind {
			case condition.Text:
				values[name] = pick(d, texts)
			case condition.Number:
				values[name] = pick(d, numbers)
				if d.IntN(4) == 0 {
					values[name] = d.NormFloat64() * 1000
				}
			case condition.List:
				first := d.IntN(len(texts))
				values[name] = texts[first : first+d.IntN(min(4, len(texts)-first+1))]
			case 0:
				values[name] = nil
			default:
				values[name] = true
			}
		}
	}
	return values
}
