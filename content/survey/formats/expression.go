package formats

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// dialect is one of the three languages of conditions that foreign
// questionnaires are written in.
type dialect int

const (
	limeDialect   dialect  = iota // ExpressionScript of LimeSurvey
	jsDialect                     // SurveyJS
	xpathDialect                  // XLSForm: a subset of XPath 1.0
	maxExpression = 20_000        // bytes
	maxNesting    = 60
)

// term is a parsed expression. op is var, str, num, bool, list, call, an
// operator of the condition language, or empty, contains, anyof, allof, mod.
type term struct {
	op   string
	text string // of var and str, the name of call
	num  float64
	args []*term
}

// badExpression says what is wrong with an expression, and at which byte.
type badExpression struct {
	at   int
	what string
}

func (e *badExpression) Error() string { return fmt.Sprintf("at character %d: %s", e.at+1, e.what) }

type token struct {
	kind string // var, str, num, word, op, end
	text string
	num  float64
	at   int
}

var (
	limeName   = regexp.MustCompile(`^(?:\d+X\d+X[A-Za-z0-9_]+|[A-Za-z_][A-Za-z0-9_:]*)(?:#\d)?(?:\.[A-Za-z_]+)*`)
	plainWord  = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_]*`)
	xpathWord  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_:-]*`)
	numeral    = regexp.MustCompile(`^(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?`)
	braced     = regexp.MustCompile(`^\{([^{}]*)\}`)
	xpathVar   = regexp.MustCompile(`^\$\{\s*([^{}]*?)\s*\}`)
	operators  = []string{"&&", "||", "===", "!==", "==", "!=", "<>", "<=", ">=", "*=", "=", "<", ">", "!", "+", "-", "*", "/", "%", "^", "(", ")", "[", "]", ","}
	synonyms   = map[string]string{"&&": "and", "||": "or", "===": "==", "!==": "!=", "=": "==", "<>": "!=", "*=": "contains"}
	limeWords  = map[string]string{"and": "and", "or": "or", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "not": "!"}
	jsWords    = map[string]string{"and": "and", "or": "or", "not": "!", "negate": "!", "equal": "==", "notequal": "!=", "less": "<", "lessorequal": "<=", "greater": ">", "greaterorequal": ">=", "contains": "contains", "contain": "contains", "notcontains": "notcontains", "notcontain": "notcontains", "anyof": "anyof", "allof": "allof", "noneof": "noneof", "empty": "empty", "notempty": "notempty", "mod": "%"}
	xpathWords = map[string]string{"and": "and", "or": "or", "div": "/", "mod": "%"}
)

// scan cuts an expression into tokens.
func scan(d dialect, s string) ([]token, error) {
	var list []token
	add := func(kind, text string, num float64, at int) {
		list = append(list, token{kind, text, num, at})
	}
	for i := 0; i < len(s); {
		rest := s[i:]
		c := s[i]
		if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			i++
			continue
		}
		if strings.HasPrefix(rest, "\u00a0") {
			i += 2
			continue
		}
		if c == '"' || c == '\'' {
			text, size, ok := quoted(rest)
			if !ok {
				return nil, &badExpression{i, "a text without an end"}
			}
			add("str", text, 0, i)
			i += size
			continue
		}
		switch {
		case d == jsDialect && c == '{':
			m := braced.FindStringSubmatch(rest)
			if m == nil {
				return nil, &badExpression{i, "a name without an end"}
			}
			add("var", strings.TrimSpace(m[1]), 0, i)
			i += len(m[0])
			continue
		case d == xpathDialect && c == '$':
			m := xpathVar.FindStringSubmatch(rest)
			if m == nil {
				return nil, &badExpression{i, "a name without an end"}
			}
			add("var", m[1], 0, i)
			i += len(m[0])
			continue
		case d == xpathDialect && c == '.' && !numeral.MatchString(rest):
			add("var", ".", 0, i)
			i++
			continue
		case d == limeDialect:
			if m := limeName.FindString(rest); m != "" {
				add("word", m, 0, i)
				i += len(m)
				continue
			}
		}
		if m := numeral.FindString(rest); m != "" {
			f, err := strconv.ParseFloat(m, 64)
			if err != nil {
				return nil, &badExpression{i, "no number: " + m}
			}
			add("num", m, f, i)
			i += len(m)
			continue
		}
		word := plainWord
		if d == xpathDialect {
			word = xpathWord
		}
		if m := word.FindString(rest); m != "" {
			add("word", m, 0, i)
			i += len(m)
			continue
		}
		found := false
		for _, op := range operators {
			if strings.HasPrefix(rest, op) {
				add("op", op, 0, i)
				i += len(op)
				found = true
				break
			}
		}
		if !found {
			return nil, &badExpression{i, "unknown sign " + strconv.QuoteRune([]rune(rest)[0])}
		}
	}
	return append(list, token{kind: "end", at: len(s)}), nil
}

// quoted reads a text in quotes; a backslash keeps the next character.
func quoted(s string) (text string, size int, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == s[0]:
			return b.String(), i + 1, true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", 0, false
}

type expressionParser struct {
	d     dialect
	list  []token
	i     int
	depth int
}

// parseExpression reads a foreign condition or calculation.
func parseExpression(d dialect, s string) (*term, error) {
	if len(s) > maxExpression {
		return nil, &badExpression{maxExpression, "too long"}
	}
	s = strings.TrimSpace(s)
	if d == limeDialect && strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") {
		s = s[1 : len(s)-1]
	}
	list, err := scan(d, s)
	if err != nil {
		return nil, err
	}
	p := &expressionParser{d: d, list: list}
	t, err := p.level(0)
	if err != nil {
		return nil, err
	}
	if p.now().kind != "end" {
		return nil, &badExpression{p.now().at, "not expected: " + p.now().text}
	}
	return t, nil
}

func (p *expressionParser) now() token { return p.list[p.i] }

// operator gives the operator that comes next, in our words.
func (p *expressionParser) operator() string {
	t := p.now()
	switch t.kind {
	case "op":
		if s, ok := synonyms[t.text]; ok {
			return s
		}
		return t.text
	case "word":
		words := map[dialect]map[string]string{limeDialect: limeWords, jsDialect: jsWords, xpathDialect: xpathWords}[p.d]
		w := t.text
		if p.d == jsDialect {
			w = strings.ToLower(w)
		}
		// XPath tells "and" the operator from and(…) by the place; so do we: this is asked where an operator may stand.
		return words[w]
	}
	return ""
}

var levels = []map[string]bool{
	{"or": true},
	{"and": true},
	{"==": true, "!=": true, "<": true, "<=": true, ">": true, ">=": true, "contains": true, "notcontains": true, "anyof": true, "allof": true, "noneof": true},
	{"+": true, "-": true},
	{"*": true, "/": true, "%": true},
	{"^": true},
}

// level parses operators of at least this level of binding, from the left.
func (p *expressionParser) level(n int) (*term, error) {
	if p.depth++; p.depth > maxNesting*len(levels) {
		return nil, &badExpression{p.now().at, "too deep"}
	}
	defer func() { p.depth-- }()
	if n == len(levels) {
		return p.unary()
	}
	left, err := p.level(n + 1)
	if err != nil {
		return nil, err
	}
	for {
		op := p.operator()
		if n == 2 && (op == "empty" || op == "notempty") {
			p.i++
			left = &term{op: "empty", args: []*term{left}}
			if op == "notempty" {
				left = &term{op: "!", args: []*term{left}}
			}
			continue
		}
		if !levels[n][op] {
			return left, nil
		}
		p.i++
		right, err := p.level(n + 1)
		if err != nil {
			return nil, err
		}
		switch op {
		case "notcontains":
			left = &term{op: "!", args: []*term{{op: "contains", args: []*term{left, right}}}}
		case "noneof":
			left = &term{op: "!", args: []*term{{op: "anyof", args: []*term{left, right}}}}
		default:
			left = &term{op: op, args: []*term{left, right}}
		}
	}
}

func (p *expressionParser) unary() (*term, error) {
	t := p.now()
	op := p.operator()
	if (op == "!" || op == "-" || op == "+") && !(t.kind == "word" && p.d == xpathDialect) {
		p.i++
		if p.depth++; p.depth > maxNesting*len(levels) {
			return nil, &badExpression{t.at, "too deep"}
		}
		defer func() { p.depth-- }()
		arg, err := p.unary()
		if err != nil {
			return nil, err
		}
		switch op {
		case "!":
			return &term{op: "!", args: []*term{arg}}, nil
		case "-":
			if arg.op == "num" {
				return &term{op: "num", num: -arg.num}, nil
			}
			return &term{op: "neg", args: []*term{arg}}, nil
		}
		return arg, nil
	}
	return p.primary()
}

func (p *expressionParser) primary() (*term, error) {
	t := p.now()
	switch t.kind {
	case "var":
		p.i++
		return &term{op: "var", text: t.text}, nil
	case "str":
		p.i++
		return &term{op: "str", text: t.text}, nil
	case "num":
		p.i++
		return &term{op: "num", num: t.num, text: t.text}, nil
	case "word":
		p.i++
		if p.now().kind == "op" && p.now().text == "(" {
			p.i++
			args, err := p.arguments(")")
			if err != nil {
				return nil, err
			}
			return &term{op: "call", text: strings.ToLower(t.text), args: args}, nil
		}
		switch strings.ToLower(t.text) {
		case "true":
			return &term{op: "bool", num: 1}, nil
		case "false":
			return &term{op: "bool"}, nil
		case "undefined", "null":
			return &term{op: "str"}, nil
		}
		switch p.d {
		case limeDialect:
			return &term{op: "var", text: t.text}, nil
		case jsDialect: // texts may go without quotes
			return &term{op: "str", text: t.text}, nil
		}
		return nil, &badExpression{t.at, "not expected: " + t.text}
	case "op":
		switch t.text {
		case "(":
			p.i++
			inner, err := p.level(0)
			if err != nil {
				return nil, err
			}
			if p.now().kind != "op" || p.now().text != ")" {
				return nil, &badExpression{p.now().at, "a bracket is not closed"}
			}
			p.i++
			return inner, nil
		case "[":
			p.i++
			args, err := p.arguments("]")
			if err != nil {
				return nil, err
			}
			return &term{op: "list", args: args}, nil
		}
	}
	return nil, &badExpression{t.at, "something is missing"}
}

// arguments reads terms up to the closing bracket.
func (p *expressionParser) arguments(closing string) ([]*term, error) {
	var args []*term
	if p.now().kind == "op" && p.now().text == closing {
		p.i++
		return nil, nil
	}
	for {
		a, err := p.level(0)
		if err != nil {
			return nil, err
		}
		args = append(args, a)
		t := p.now()
		if t.kind != "op" || t.text != "," && t.text != closing {
			return nil, &badExpression{t.at, "a bracket is not closed"}
		}
		p.i++
		if t.text == closing {
			return args, nil
		}
	}
}
