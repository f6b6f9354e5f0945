package condition_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"servicepoint/content/survey/condition"
)

func TestWhatIsOutsideTheLanguageIsRefusedWithItsPlace(t *testing.T) {
	deep, long := `{"==":[1,1]}`, ""
	for range condition.MaxDepth {
		deep = `{"!":[` + deep + `]}`
	}
	for range condition.MaxNodes {
		long += `,true`
	}
	cases := []struct{ what, source, path, code string }{
		{"nothing", ``, "", condition.BadSyntax},
		{"half an expression", `{"and":[true`, "/and/1", condition.BadSyntax},
		{"something behind it", `true true`, "", condition.BadSyntax},
		{"null", `{"==":[null,1]}`, "/==/0", condition.WrongKind},
		{"no operator", `{"and":[{}]}`, "/and/0", condition.BadSyntax},
		{"two operators", `{"==":[1,1],"<":[1,2]}`, "", condition.BadSyntax},
		{"the same operator twice", `{"==":[1,1],"==":[1,2]}`, "", condition.BadSyntax},
		{"unknown operator", `{"and":[{"==":[1,1]},{"===":[1,1]}]}`, "/and/1", condition.UnknownOperator},
		{"a place behind a slash", `{"<":[{"/":[1,"2"]},3]}`, "/</0/~1/1", condition.WrongKind},
		{"two arguments wanted", `{"==":[1]}`, "", condition.WrongCount},
		{"one argument wanted", `{"!":[true,true]}`, "", condition.WrongCount},
		{"arguments wanted", `{"and":[]}`, "", condition.WrongCount},
		{"names wanted", `{"missing":[]}`, "", condition.WrongCount},
		{"a name wanted", `{"var":["a","b"]}`, "", condition.WrongCount},
		{"a number as a name", `{"var":1}`, "/var/0", condition.WrongKind},
		{"a name with a capital", `{"==":[{"var":"Age"},1]}`, "/==/0", condition.BadName},
		{"a path as a name", `{"missing":["a","a.b.c"]}`, "/missing/1", condition.BadName},
		{"text as boolean", `{"and":["yes"]}`, "/and/0", condition.WrongKind},
		{"a variable as boolean", `{"!":{"var":"a"}}`, "/!/0", condition.WrongKind},
		{"unlike kinds", `{"==":[1,"1"]}`, "", condition.UnlikeKinds},
		{"booleans compared", `{"==":[true,true]}`, "/==/0", condition.WrongKind},
		{"lists compared", `{"==":[["a"],{"var":"b"}]}`, "/==/0", condition.WrongKind},
		{"part of a text", `{"in":["a","abc"]}`, "/in/1", condition.WrongKind},
		{"a list of numbers", `{"in":[{"var":"a"},[1]]}`, "/in/1/0", condition.WrongKind},
		{"text in a sum", `{"+":[1,"2"]}`, "/+/1", condition.WrongKind},
		{"branches of text", `{"if":[true,"a","b"]}`, "/if/1", condition.WrongKind},
		{"no else", `{"if":[true,1]}`, "", condition.WrongCount},
		{"a number too large", `{"<":[{"var":"a"},1e999]}`, "/</1", condition.BadNumber},
		{"too deep", deep, "/!/0/!/0/!/0/!/0/!/0/!/0/!/0/!/0/!/0/!/0/!/0/!/0/!/0/!/0/!/0/!/0/!/0/!/0/!/0/!/0", condition.TooDeep},
		{"too long", `{"or":[true` + long + `]}`, "/or/199", condition.TooLong},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			_, err := condition.Parse([]byte(c.source))
			var f *condition.Fault
			if !errors.As(err, &f) {
				t.Fatalf("%s: %v", c.source, err)
			}
			if f.Path != c.path || f.Code != c.code {
				t.Errorf("%s at %q, want %s at %q", f.Code, f.Path, c.code, c.path)
			}
		})
	}
}

func TestQuestionnairesWithUnknownOperatorsAreNotDecoded(t *testing.T) {
	var q struct {
		ShowIf condition.Expr `json:"show_if,omitzero"`
	}
	err := json.Unmarshal([]byte(`{"show_if":{"and":[{"like":[{"var":"a"},"b"]}]}}`), &q)
	var f *condition.Fault
	if !errors.As(err, &f) || f.Args["operator"] != "like" || f.Path != "/and/0" {
		t.Errorf("%v", err)
	}
	for source, want := range map[string]string{
		`{}`: `{}`, `{"show_if":null}`: `{}`,
		`{ "show_if" : {"!" : {"missing":"a"}}}`:  `{"show_if":{"!":[{"missing":["a"]}]}}`,
		`{"show_if":{"==":[{"var":["n"]},-0.0]}}`: `{"show_if":{"==":[{"var":"n"},0]}}`,
		`{"show_if":{"==":[1.50e1,15]}}`:          `{"show_if":{"==":[15,15]}}`,
	} {
		q.ShowIf = condition.Bool(false)
		if source == `{}` {
			q.ShowIf = condition.Expr{}
		}
		if err := json.Unmarshal([]byte(source), &q); err != nil {
			t.Error(err)
		}
		if b, err := json.Marshal(q); err != nil || string(b) != want {
			t.Errorf("%s %v, want %s", b, err, want)
		}
	}
}

func TestKindsOfVariablesAreCompared(t *testing.T) {
	cases := []struct{ source, want string }{
		{`{"==":[{"var":"t1"},"a"]}`, ``},
		{`{"and":[{"in":["a",{"var":"l1"}]},{"missing":["n1","l1","t1"]}]}`, ``},
		{`{"==":[{"var":"t1"},1]}`, ` condition_unlike`},
		{`{"==":[{"var":"t1"},{"var":"n1"}]}`, ` condition_unlike`},
		{`{"==":[{"var":"l1"},"a"]}`, `/==/0 condition_kind`},
		{`{"in":["a",{"var":"t1"}]}`, `/in/1 condition_kind`},
		{`{"in":[{"var":"n1"},["1"]]}`, `/in/0 condition_kind`},
		{`{"<":[{"+":[{"var":"t1"},{"var":"unknown"}]},1]}`, `/</0/+/0 condition_kind; /</0/+/1 condition_variable`},
		{`{"missing":["n1","unknown"]}`, `/missing/1 condition_variable`},
		{`{"var":"n1"}`, ` condition_kind`},
		{`{"+":[1,2]}`, ` condition_kind`},
	}
	for _, c := range cases {
		e, err := condition.Parse([]byte(c.source))
		if err != nil {
			t.Error(err)
		}
		var got []string
		for _, f := range e.CheckBool(kindOf) {
			got = append(got, f.Path+" "+f.Code)
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: %q, want %q", c.source, s, c.want)
		}
	}
	if f := condition.Add(condition.Var("n1"), condition.Num(1)).CheckNumber(kindOf); f != nil {
		t.Error(f)
	}
	for _, e := range []condition.Expr{{}, condition.Bool(true), condition.Var("t1"), condition.Num(math.NaN()), condition.Add()} {
		if f := e.CheckNumber(kindOf); len(f) != 1 {
			t.Errorf("%s: %v", e, f)
		}
	}
	if f := (condition.Expr{}).CheckBool(kindOf); f != nil {
		t.Error(f)
	}
}

func TestConstructorsUnderstandNoCondition(t *testing.T) {
	none, a, b, c := condition.Expr{}, condition.In("l", "a"), condition.In("l", "b"), condition.In("l", "c")
	for _, x := range []struct {
		got  condition.Expr
		want string
	}{
		{condition.And(), `null`},
		{condition.And(none, none), `null`},
		{condition.And(none, a), a.String()},
		{condition.And(condition.And(a, b), c), `{"and":[` + a.String() + `,` + b.String() + `,` + c.String() + `]}`},
		{condition.Or(), `false`},
		{condition.Or(a, none), `null`},
		{condition.Or(a), a.String()},
		{condition.Or(a, condition.Or(b, c)), `{"or":[` + a.String() + `,` + b.String() + `,` + c.String() + `]}`},
		{condition.Not(none), `{"!":[true]}`},
		{condition.Count("l", "a"), `{"+":[{"if":[` + a.String() + `,1,0]}]}`},
	} {
		if s := x.got.String(); s != x.want {
			t.Errorf("%s, want %s", s, x.want)
		}
	}
	if !none.Holds(nil) || !condition.And().Holds(nil) || condition.Not(none).Holds(nil) {
		t.Error("no condition holds")
	}
}

func TestARenamedItemTakesItsPartsAlong(t *testing.T) {
	e := condition.And(
		condition.Eq(condition.Var("room"), condition.Str("room")),
		condition.Missing("room.hall", "rooms", "bedroom"),
		condition.Lt(condition.Var("room.size"), condition.Num(3)))
	got := e.Rename("room", "space")
	want := []string{"bedroom", "rooms", "space", "space.hall", "space.size"}
	if !slices.Equal(got.Vars(), want) || !strings.Contains(got.String(), `"room"]`) {
		t.Errorf("%v, %s", got.Vars(), got)
	}
	if !slices.Contains(e.Vars(), "room") || !got.Rename("space", "room").Equal(e) {
		t.Error("the expression itself has changed")
	}
}

// Parts are shared between expressions, so that few calls make many nodes.
func TestWhatIsTooLargeIsRefusedAndCostsNothing(t *testing.T) {
	e := condition.Bool(true)
	for range 80 {
		e = condition.Eq(condition.If(e, condition.Num(1), condition.Num(0)), condition.If(e, condition.Num(1), condition.Num(0)))
	}
	if f := e.CheckBool(kindOf); len(f) != 1 || f[0].Code != condition.TooDeep {
		t.Error(f)
	}
	if _, err := e.MarshalJSON(); err == nil || e.Holds(nil) {
		t.Error("too large and yet written or evaluated")
	}
	long := condition.Add(slices.Repeat([]condition.Expr{condition.Num(1)}, condition.MaxNodes)...)
	if f := long.CheckNumber(kindOf); len(f) != 1 || f[0].Code != condition.TooLong {
		t.Error(f)
	}
	if _, ok := long.Number(nil); ok {
		t.Error("too long and yet evaluated")
	}
}

func FuzzParse(f *testing.F) {
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		f.Fatal(err)
	}
	var vectors []struct{ Expr json.RawMessage }
	if err := json.Unmarshal(b, &vectors); err != nil {
		f.Fatal(err)
	}
	for _, v := range vectors {
		f.Add([]byte(v.Expr), uint64(1))
	}
	d := dice{rand.New(rand.NewPCG(1, 1))}
	for range 20 {
		f.Add([]byte(d.boolean(4).String()), d.Uint64())
		f.Add([]byte(d.number(4).String()), d.Uint64())
	}
	f.Fuzz(func(t *testing.T, source []byte, seed uint64) {
		e, err := condition.Parse(source)
		if err != nil {
			var fault *condition.Fault
			if !errors.As(err, &fault) || fault.Code == "" || !e.IsZero() {
				t.Fatalf("%v", err)
			}
			return
		}
		canonical, err := e.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := condition.Parse(canonical)
		if err != nil || !again.Equal(e) || again.String() != string(canonical) {
			t.Fatalf("%s became %s (%v)", canonical, again, err)
		}
		for _, name := range e.Vars() {
			if !condition.IsName(name) {
				t.Fatalf("%q", name)
			}
		}
		e.CheckBool(kindOf)
		e.CheckNumber(kindOf)
		values := dice{rand.New(rand.NewPCG(seed, 0))}.values()
		if e.Holds(values) != again.Holds(values) {
			t.Fatal("holds only once")
		}
		if f, ok := e.Number(values); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			t.Fatal(f)
		}
	})
}
