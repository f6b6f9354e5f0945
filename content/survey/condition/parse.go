package condition

import (
	"bytes"
	"encoding/json/jsontext"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Codes of faults; each is also the key of a sentence ("problem.condition_…").
const (
	BadSyntax       = "condition_syntax"    // not JSON, or an object with more or fewer than one operator
	UnknownOperator = "condition_operator"  // Args: operator
	WrongCount      = "condition_arguments" // Args: operator, min, and max unless there is none
	WrongKind       = "condition_kind"      // Args: want, got
	UnlikeKinds     = "condition_unlike"    // Args: left, right
	BadName         = "condition_name"      // Args: name
	UnknownVariable = "condition_variable"  // Args: name
	BadNumber       = "condition_number"    // a number beyond the range of float64
	BadText         = "condition_text"      // a text that is not UTF-8
	TooDeep         = "condition_deep"      // Args: max
	TooLong         = "condition_long"      // Args: max
)

// Fault says what is wrong with an expression and where. Path is a JSON pointer
// into the canonical form, so brackets left out count as written: "/and/0/==/1".
type Fault struct {
	Path string
	Code string
	Args map[string]any
}

func (f *Fault) Error() string {
	at := f.Path
	if at == "" {
		at = "/"
	}
	s := "condition: " + at + ": " + strings.TrimPrefix(f.Code, "condition_")
	keys := []string{"operator", "name", "want", "got", "left", "right", "min", "max"}
	for _, k := range keys {
		if v, ok := f.Args[k]; ok {
			s += fmt.Sprintf(" %s=%v", k, v)
		}
	}
	return s
}

func fault(path, code string, args ...any) *Fault {
	f := &Fault{Path: path, Code: code}
	for i := 0; i+1 < len(args); i += 2 {
		if f.Args == nil {
			f.Args = map[string]any{}
		}
		f.Args[args[i].(string)] = args[i+1]
	}
	return f
}

// step adds an operator and the index of its argument to a path.
func step(path string, op Op, i int) string {
	if op == OpDiv {
		op = "~1" // as JSON pointers write a slash
	}
	return path + "/" + string(op) + "/" + strconv.Itoa(i)
}

// Parse reads an expression. The error is a *Fault. Kinds of variables are not
// known here; whoever knows them asks [Expr.CheckBool] or [Expr.CheckNumber].
func Parse(b []byte) (Expr, error) {
	p := parser{dec: jsontext.NewDecoder(bytes.NewReader(b)), left: MaxNodes}
	n, f := p.expr("", 1)
	if f != nil {
		return Expr{}, f
	}
	if _, err := p.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return Expr{}, fault("", BadSyntax)
	}
	c := checker{kindOf: func(string) (Kind, bool) { return anything, true }}
	c.kind(n, "")
	if len(c.faults) > 0 {
		return Expr{}, &c.faults[0]
	}
	return Expr{n}, nil
}

// UnmarshalJSON reads as [Parse] does; null is no condition.
func (e *Expr) UnmarshalJSON(b []byte) error {
	if string(bytes.TrimSpace(b)) == "null" {
		*e = Expr{}
		return nil
	}
	parsed, err := Parse(b)
	if err != nil {
		return err
	}
	*e = parsed
	return nil
}

type parser struct {
	dec  *jsontext.Decoder
	left int // nodes that may still come
}

func (p *parser) expr(path string, depth int) (*node, *Fault) {
	if depth > MaxDepth {
		return nil, fault(path, TooDeep, "max", MaxDepth)
	}
	if p.left--; p.left < 0 {
		return nil, fault(path, TooLong, "max", MaxNodes)
	}
	t, err := p.dec.ReadToken()
	if err != nil {
		return nil, fault(path, BadSyntax)
	}
	switch t.Kind() {
	case 't', 'f':
		return Bool(t.Bool()).n, nil
	case '"':
		return Str(t.String()).n, nil
	case '0':
		f, err := strconv.ParseFloat(t.String(), 64)
		if err != nil {
			return nil, fault(path, BadNumber)
		}
		return Num(f).n, nil
	case '[':
		return p.list(path, depth)
	case '{':
		return p.operator(path, depth)
	}
	return nil, fault(path, WrongKind, "want", "expression", "got", "null")
}

// list reads the members of a list of texts up to its bracket.
func (p *parser) list(path string, depth int) (*node, *Fault) {
	n := &node{op: OpList}
	for p.dec.PeekKind() != ']' {
		at := path + "/" + strconv.Itoa(len(n.list))
		member, f := p.expr(at, depth+1)
		if f != nil {
			return nil, f
		}
		if member.op != OpText {
			return nil, fault(at, WrongKind, "want", Text.String(), "got", string(member.op))
		}
		n.list = append(n.list, member.text)
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return nil, fault(path, BadSyntax)
	}
	return n.measured(), nil
}

func (p *parser) operator(path string, depth int) (*node, *Fault) {
	if p.dec.PeekKind() != '"' {
		return nil, fault(path, BadSyntax)
	}
	t, err := p.dec.ReadToken()
	if err != nil {
		return nil, fault(path, BadSyntax)
	}
	op := Op(t.String())
	if _, known := arity[op]; !known {
		name := string(op)
		if len(name) > 60 {
			name = strings.ToValidUTF8(name[:60], "") + "…"
		}
		return nil, fault(path, UnknownOperator, "operator", name)
	}
	below := depth + 1
	if op == OpVar {
		below = depth // its name is no node of its own
	}
	args, f := p.arguments(path, op, below)
	if f != nil {
		return nil, f
	}
	if p.dec.PeekKind() != '}' {
		return nil, fault(path, BadSyntax)
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return nil, fault(path, BadSyntax)
	}
	if op != OpVar && op != OpMissing {
		return newNode(op, args...), nil
	}
	n := &node{op: op}
	for i, a := range args {
		if a.op != OpText {
			return nil, fault(step(path, op, i), WrongKind, "want", "name", "got", string(a.op))
		}
		n.list = append(n.list, a.text)
	}
	if op == OpVar {
		if len(n.list) != 1 {
			return nil, fault(path, WrongCount, "operator", string(op), "min", 1, "max", 1)
		}
		n.text, n.list = n.list[0], nil
		p.left++
	}
	return n.measured(), nil
}

// arguments reads a list of them, or the only one without brackets, at that depth.
func (p *parser) arguments(path string, op Op, depth int) ([]*node, *Fault) {
	if p.dec.PeekKind() != '[' {
		only, f := p.expr(step(path, op, 0), depth)
		return []*node{only}, f
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return nil, fault(path, BadSyntax)
	}
	var args []*node
	for p.dec.PeekKind() != ']' {
		a, f := p.expr(step(path, op, len(args)), depth)
		if f != nil {
			return nil, f
		}
		args = append(args, a)
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return nil, fault(path, BadSyntax)
	}
	return args, nil
}

// MarshalJSON writes the canonical form: no blanks, brackets everywhere but in
// var, the shortest decimals. Equal expressions have equal bytes. The zero Expr is null.
func (e Expr) MarshalJSON() ([]byte, error) {
	if e.n == nil {
		return []byte("null"), nil
	}
	if e.n.tooLarge() {
		return nil, errors.New("condition: too deep or too long to be written")
	}
	return e.n.append(nil)
}

// String is the canonical form, for messages and tests.
func (e Expr) String() string {
	b, err := e.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (n *node) append(b []byte) (_ []byte, err error) {
	switch n.op {
	case OpBool:
		return strconv.AppendBool(b, n.yes), nil
	case OpText:
		return jsontext.AppendQuote(b, n.text)
	case OpNumber:
		if !finite(n.num) {
			return nil, fault("", BadNumber)
		}
		return append(b, jsontext.Float(n.num).String()...), nil
	case OpList:
		return appendTexts(b, n.list)
	}
	b = append(b, '{')
	if b, err = jsontext.AppendQuote(b, string(n.op)); err != nil {
		return nil, err
	}
	b = append(b, ':')
	switch n.op {
	case OpVar:
		b, err = jsontext.AppendQuote(b, n.text)
	case OpMissing:
		b, err = appendTexts(b, n.list)
	default:
		b = append(b, '[')
		for i, a := range n.args {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = a.append(b); err != nil {
				return nil, err
			}
		}
		b = append(b, ']')
	}
	return append(b, '}'), err
}

func appendTexts(b []byte, list []string) (_ []byte, err error) {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = jsontext.AppendQuote(b, s); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}
