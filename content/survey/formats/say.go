package formats

import (
	"fmt"
	"strconv"
	"strings"

	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
)

// saying writes our conditions in a foreign language. Names and values are the
// foreign file's.
type saying struct {
	d     dialect
	q     survey.Questionnaire
	name  func(key string) (string, bool) // "" and false: the file has no such thing
	value func(key, code string) string   // of an option
	kinds map[string]survey.Variable
}

func newSaying(d dialect, q survey.Questionnaire) *saying {
	s := &saying{d: d, q: q, kinds: map[string]survey.Variable{}}
	for _, v := range q.Variables() {
		s.kinds[v.Key] = v
	}
	return s
}

func (s *saying) ref(key string) (string, error) {
	name, ok := s.name(key)
	if !ok {
		return "", &inexpressible{key}
	}
	if s.d == jsDialect {
		return "{" + name + "}", nil
	}
	return "${" + name + "}", nil
}

// quote writes a text; the languages know no escapes, so both quotes in one text cannot be said.
func (s *saying) quote(text string) (string, error) {
	switch {
	case s.d == jsDialect:
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'", nil
	case !strings.Contains(text, "'") && !strings.Contains(text, `\`):
		return "'" + text + "'", nil
	case !strings.Contains(text, `"`) && !strings.Contains(text, `\`):
		return `"` + text + `"`, nil
	}
	return "", &inexpressible{"a text with both kinds of quotes"}
}

func (s *saying) empty(key string) (string, error) {
	r, err := s.ref(key)
	if err != nil {
		return "", err
	}
	if s.d == jsDialect {
		return r + " empty", nil
	}
	return r + " = ''", nil
}

func (s *saying) answered(keys []string) ([]string, error) {
	var all []string
	for _, k := range keys {
		r, err := s.ref(k)
		if err != nil {
			return nil, err
		}
		if s.d == jsDialect {
			all = append(all, r+" notempty")
		} else {
			all = append(all, r+" != ''")
		}
	}
	return all, nil
}

// say writes an expression; a condition or a calculation.
func (s *saying) say(e condition.Expr) (string, error) {
	args := e.Args()
	each := func() ([]string, error) {
		out := make([]string, len(args))
		for i, a := range args {
			t, err := s.say(a)
			if err != nil {
				return nil, err
			}
			out[i] = t
		}
		return out, nil
	}
	switch op := e.Op(); op {
	case condition.OpBool:
		yes := e.Value().(bool)
		if s.d == xpathDialect {
			return strconv.FormatBool(yes) + "()", nil
		}
		return map[bool]string{true: "1 = 1", false: "1 = 2"}[yes], nil
	case condition.OpNumber:
		f := e.Value().(float64)
		return strconv.FormatFloat(f, 'f', -1, 64), nil
	case condition.OpText:
		return s.quote(e.Value().(string))
	case condition.OpVar:
		return s.ref(e.Value().(string))
	case condition.OpMissing:
		var all []string
		for _, k := range e.Value().([]string) {
			t, err := s.empty(k)
			if err != nil {
				return "", err
			}
			all = append(all, t)
		}
		return bracket(all, " or "), nil
	case condition.OpAnd, condition.OpOr:
		all, err := each()
		if err != nil {
			return "", err
		}
		return bracket(all, " "+string(op)+" "), nil
	case condition.OpNot:
		t, err := s.say(args[0])
		if err != nil {
			return "", err
		}
		if s.d == jsDialect {
			return "!(" + t + ")", nil
		}
		return "not(" + t + ")", nil
	case condition.OpEq, condition.OpNe, condition.OpLt, condition.OpLe, condition.OpGt, condition.OpGe:
		return s.comparison(e)
	case condition.OpIn:
		return s.in(args[0], args[1])
	case condition.OpAdd, condition.OpMul, condition.OpDiv, condition.OpSub:
		all, err := each()
		if err != nil {
			return "", err
		}
		sign := string(op)
		if op == condition.OpDiv && s.d == xpathDialect {
			sign = "div"
		}
		if op == condition.OpSub && len(all) == 1 {
			return "(0 - " + all[0] + ")", nil
		}
		return bracket(all, " "+sign+" "), nil
	case condition.OpMin, condition.OpMax, condition.OpIf:
		all, err := each()
		if err != nil {
			return "", err
		}
		call := string(op)
		if op == condition.OpIf && s.d == jsDialect {
			call = "iif"
		}
		return call + "(" + strings.Join(all, ", ") + ")", nil
	}
	return "", &inexpressible{string(e.Op())}
}

func bracket(all []string, between string) string {
	if len(all) == 1 {
		return all[0]
	}
	return "(" + strings.Join(all, between) + ")"
}

// comparison never holds when something is not answered; in the foreign
// languages what is missing differs from everything, and two that are missing are alike.
func (s *saying) comparison(e condition.Expr) (string, error) {
	args := e.Args()
	sides := make([]string, 2)
	listed := func(a condition.Expr) (survey.Variable, bool) {
		if a.Op() != condition.OpVar {
			return survey.Variable{}, false
		}
		v := s.kinds[a.Value().(string)]
		return v, v.Listed
	}
	for i, a := range args {
		t, err := s.say(a)
		if err != nil {
			return "", err
		}
		if v, ok := listed(args[1-i]); ok && a.Op() == condition.OpText {
			if t, err = s.quote(s.value(v.Key, a.Value().(string))); err != nil {
				return "", err
			}
		}
		sides[i] = t
	}
	if op := e.Op(); op != condition.OpEq && op != condition.OpNe {
		for _, a := range args {
			if _, ok := listed(a); ok {
				return "", &inexpressible{"the alphabetical order of codes"}
			}
		}
	}
	op := string(e.Op())
	if op == "==" {
		op = "="
	}
	if op == "!=" && s.d == jsDialect {
		op = "<>"
	}
	plain := fmt.Sprintf("%s %s %s", sides[0], op, sides[1])
	vars := e.Vars()
	if e.Op() == condition.OpNe || e.Op() == condition.OpEq && len(vars) > 1 {
		all, err := s.answered(vars)
		if err != nil {
			return "", err
		}
		return bracket(append(all, plain), " and "), nil
	}
	return plain, nil
}

func (s *saying) in(a, b condition.Expr) (string, error) {
	if a.Op() == condition.OpText && b.Op() == condition.OpVar {
		key := b.Value().(string)
		r, err := s.ref(key)
		if err != nil {
			return "", err
		}
		if !s.kinds[key].Listed {
			return "", &inexpressible{"the name of an upload"}
		}
		code, err := s.quote(s.value(key, a.Value().(string)))
		if err != nil {
			return "", err
		}
		if s.d == jsDialect {
			return r + " contains " + code, nil
		}
		return "selected(" + r + ", " + code + ")", nil
	}
	if a.Op() == condition.OpVar && b.Op() == condition.OpList {
		var any []string
		for _, code := range b.Value().([]string) {
			t, err := s.comparison(condition.Eq(a, condition.Str(code)))
			if err != nil {
				return "", err
			}
			any = append(any, t)
		}
		if len(any) == 0 {
			return s.say(no)
		}
		return bracket(any, " or "), nil
	}
	return "", &inexpressible{"in"}
}
