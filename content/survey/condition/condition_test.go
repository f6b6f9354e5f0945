package condition_test

import (
	"encoding/json"
	"errors"
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
