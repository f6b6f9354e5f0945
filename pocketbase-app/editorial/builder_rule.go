package editorial

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
	"servicepoint/pocketbase-app/base"
)

// A rule is edited as rows "question – comparison – value" joined by and or or;
// what rows cannot say is edited as JSON. Fields, after the rule's own name:
// .join, .N.var, .N.op, .N.value, .json, and .as ("json" when that counts).

// comparisons of a row, in the order of the list.
var ruleOps = []string{"eq", "ne", "lt", "le", "gt", "ge", "answered", "missing"}

const maxRuleRows = 30

// ruleRow is a row as it is typed.
type ruleRow struct{ Var, Op, Value string }

// rowsOf takes a rule apart, false when rows cannot say it.
func rowsOf(e condition.Expr) (rows []ruleRow, join string, ok bool) {
	if e.IsZero() {
		return nil, "and", true
	}
	parts, join := []condition.Expr{e}, "and"
	if op := e.Op(); op == condition.OpAnd || op == condition.OpOr {
		parts, join = e.Args(), string(op)
	}
	for _, part := range parts {
		row, ok := rowOf(part)
		if !ok {
			return nil, "", false
		}
		rows = append(rows, row)
	}
	return rows, join, len(rows) <= maxRuleRows
}

var rowWords = map[condition.Op]string{
	condition.OpEq: "eq", condition.OpNe: "ne", condition.OpLt: "lt", condition.OpLe: "le", condition.OpGt: "gt", condition.OpGe: "ge",
}

func rowOf(e condition.Expr) (ruleRow, bool) {
	args := e.Args()
	switch e.Op() {
	case condition.OpMissing:
		if names := e.Value().([]string); len(names) == 1 {
			return ruleRow{Var: names[0], Op: "missing"}, true
		}
	case condition.OpNot:
		switch inner, ok := rowOf(args[0]); {
		case ok && inner.Op == "missing":
			return ruleRow{Var: inner.Var, Op: "answered"}, true
		case ok && args[0].Op() == condition.OpIn:
			return ruleRow{Var: inner.Var, Op: "ne", Value: inner.Value}, true
		}
	case condition.OpIn:
		if args[0].Op() == condition.OpText && args[1].Op() == condition.OpVar {
			return ruleRow{args[1].Value().(string), "eq", args[0].Value().(string)}, true
		}
	default:
		word := rowWords[e.Op()]
		if word == "" || args[0].Op() != condition.OpVar {
			return ruleRow{}, false
		}
		switch v := args[1].Value().(type) {
		case string:
			if args[1].Op() == condition.OpText {
				return ruleRow{args[0].Value().(string), word, v}, true
			}
		case float64:
			return ruleRow{args[0].Value().(string), word, survey.FormatNumber(v, content.German)}, true
		}
	}
	return ruleRow{}, false
}

// showRule writes a rule into a form.
func showRule(form url.Values, name string, e condition.Expr) {
	rows, join, ok := rowsOf(e)
	form.Set(name+".join", join)
	for i, r := range rows {
		at := name + "." + strconv.Itoa(i) + "."
		form.Set(at+"var", r.Var)
		form.Set(at+"op", r.Op)
		form.Set(at+"value", r.Value)
	}
	if !ok {
		form.Set(name+".as", "json")
		form.Set(name+".join", "and")
	}
	if !e.IsZero() {
		raw, err := json.MarshalIndent(e, "", "  ")
		if err == nil {
			form.Set(name+".json", string(raw))
		}
	}
}

// readRule reads a rule out of a form; known are the variables that it may name.
func readRule(form url.Values, name string, known []survey.Variable, problems *content.Problems) condition.Expr {
	if form.Get(name+".as") == "json" {
		return readRuleJSON(form.Get(name+".json"), name+".json", problems)
	}
	var parts []condition.Expr
	for i := range maxRuleRows {
		at := name + "." + strconv.Itoa(i) + "."
		row := ruleRow{form.Get(at + "var"), form.Get(at + "op"), strings.TrimSpace(form.Get(at + "value"))}
		if row.Var == "" {
			if row.Value != "" {
				problems.Add(at+"var", "required")
			}
			continue
		}
		n := slices.IndexFunc(known, func(v survey.Variable) bool { return v.Key == row.Var })
		if n < 0 {
			problems.Add(at+"var", "condition_variable", "name", row.Var)
			continue
		}
		if part, ok := row.expr(known[n], at, problems); ok {
			parts = append(parts, part)
		}
	}
	if form.Get(name+".join") == "or" && len(parts) > 0 {
		return condition.Or(parts...)
	}
	return condition.And(parts...)
}

func readRuleJSON(s, field string, problems *content.Problems) condition.Expr {
	if strings.TrimSpace(s) == "" {
		return condition.Expr{}
	}
	e, err := condition.Parse([]byte(s))
	var fault *condition.Fault
	switch {
	case errors.As(err, &fault):
		*problems = append(*problems, content.Problem{Field: field, Code: fault.Code, Args: fault.Args})
	case err != nil:
		problems.Add(field, condition.BadSyntax)
	}
	return e
}

var rowExprs = map[string]func(a, b condition.Expr) condition.Expr{
	"eq": condition.Eq, "ne": condition.Ne, "lt": condition.Lt, "le": condition.Le, "gt": condition.Gt, "ge": condition.Ge,
}

// expr makes a condition of a row. Values may be written as codes or in the words
// of the options.
func (r ruleRow) expr(v survey.Variable, at string, problems *content.Problems) (condition.Expr, bool) {
	switch {
	case r.Op == "answered":
		return condition.Answered(v.Key), true
	case r.Op == "missing":
		return condition.Missing(v.Key), true
	case rowExprs[r.Op] == nil:
		problems.Add(at+"op", "required")
		return condition.Expr{}, false
	case r.Value == "":
		problems.Add(at+"value", "required")
		return condition.Expr{}, false
	}
	if v.Kind == condition.Number {
		n, err := strconv.ParseFloat(strings.ReplaceAll(r.Value, ",", "."), 64)
		if err != nil {
			problems.Add(at+"value", "not_number")
			return condition.Expr{}, false
		}
		return rowExprs[r.Op](condition.Var(v.Key), condition.Num(n)), true
	}
	value := r.Value
	if v.Listed && len(v.Item.Choices()) > 0 {
		choices := v.Item.Choices()
		n := slices.IndexFunc(choices, func(o survey.Option) bool { return o.Code == value })
		if n < 0 {
			n = slices.IndexFunc(choices, func(o survey.Option) bool { return strings.EqualFold(strings.TrimSpace(german(o.Text)), value) })
		}
		if n < 0 {
			problems.Add(at+"value", "unknown_option")
			return condition.Expr{}, false
		}
		value = choices[n].Code
	}
	if v.Kind == condition.List {
		has := condition.In(v.Key, value)
		switch r.Op {
		case "eq":
			return has, true
		case "ne":
			return condition.Not(has), true
		}
		problems.Add(at+"op", "rule_op")
		return condition.Expr{}, false
	}
	return rowExprs[r.Op](condition.Var(v.Key), condition.Str(value)), true
}

// ruleView is a rule as the form shows it.
type ruleView struct {
	Name, Label string
	Join        []option
	Rows        []ruleRowView
	JSON        base.Field
	AsJSON      bool
	List        string // id of the list of values
	Open        bool
	None        bool // nothing comes before it that it could name
}

type ruleRowView struct {
	N     int
	Var   selectView
	Op    selectView
	Value base.Field
}

// selectView is a list to choose from.
type selectView struct {
	base.Field
	Options []option
}

// ruleView shows a rule with empty rows behind those there are.
func (d *Editorial) ruleView(name, label string, form url.Values, known []survey.Variable, problems content.Problems, empty int) ruleView {
	v := ruleView{Name: name, Label: label, AsJSON: form.Get(name+".as") == "json", JSON: d.input(name+".json", d.word("staff.builder.rule_json"), form, problems), List: "werte"}
	v.JSON.Rows = "6"
	v.None = len(known) == 0 && form.Get(name+".json") == ""
	for _, join := range []string{"and", "or"} {
		v.Join = append(v.Join, option{join, d.word("staff.builder.join_" + join), form.Get(name+".join") == join})
	}
	for i := 0; i < maxRuleRows && empty > 0; i++ {
		at := name + "." + strconv.Itoa(i) + "."
		row := ruleRowView{N: i + 1}
		n := strconv.Itoa(i + 1)
		row.Var.Field = d.input(at+"var", d.word("staff.builder.rule_var", "n", n), form, problems)
		row.Op.Field = d.input(at+"op", d.word("staff.builder.rule_op", "n", n), form, problems)
		row.Value = d.input(at+"value", d.word("staff.builder.rule_value", "n", n), form, problems)
		if row.Var.Value == "" && row.Value.Value == "" {
			empty--
		}
		found := row.Var.Value == ""
		for _, k := range known {
			chosen := k.Key == row.Var.Value
			found = found || chosen
			row.Var.Options = append(row.Var.Options, option{k.Key, d.variableName(k), chosen})
		}
		if !found { // a question that comes later or is gone: it must not vanish silently
			row.Var.Options = append(row.Var.Options, option{row.Var.Value, row.Var.Value, true})
		}
		for _, op := range ruleOps {
			row.Op.Options = append(row.Op.Options, option{op, d.word("staff.builder.op_" + op), op == row.Op.Value})
		}
		v.Rows = append(v.Rows, row)
	}
	v.Open = v.AsJSON || len(v.Rows) > 0 && v.Rows[0].Var.Value != ""
	for _, q := range problems {
		v.Open = v.Open || strings.HasPrefix(q.Field, name+".")
	}
	return v
}

func (d *Editorial) variableName(v survey.Variable) string {
	s := v.Key + " – " + short(german(v.Item.Text))
	switch {
	case v.Row != nil:
		s += ": " + short(german(v.Row.Text))
	case v.Part != "":
		s += ": " + d.word("staff.builder.part_"+v.Part)
	}
	return s
}

// valueOptions are the codes that rules may compare with, for a datalist.
func valueOptions(known []survey.Variable) []option {
	var out []option
	seen := map[string]bool{}
	for _, v := range known {
		if !v.Listed {
			continue
		}
		for _, o := range v.Item.Choices() {
			if label := german(o.Text); label != "" && !seen[label] && len(out) < 300 {
				seen[label] = true
				out = append(out, option{Code: label, Label: v.Item.Code})
			}
		}
	}
	return out
}

// before lists the variables of all items before a place in the questionnaire.
func before(q *survey.Questionnaire, page, item int) (known []survey.Variable) {
	for p := range q.Pages {
		for i := range q.Pages[p].Items {
			if p > page || p == page && (i >= item || q.Pages[p].Random) {
				continue
			}
			known = append(known, q.Pages[p].Items[i].Variables()...)
		}
	}
	return known
}
