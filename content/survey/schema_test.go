package survey_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/content/survey/surveytest"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

const schemaFile = "../../docs/questionnaire.schema.json"

func schema(t *testing.T) (*jsonschema.Schema, map[string]any) {
	t.Helper()
	b, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("questionnaire.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("questionnaire.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s, doc.(map[string]any)
}

func asJSON(t interface{ Fatal(...any) }, v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestQuestionnairesKeepTheSchema(t *testing.T) {
	s, _ := schema(t)
	if err := s.Validate(asJSON(t, surveytest.Everything())); err != nil {
		t.Error(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		if err := s.Validate(asJSON(t, surveytest.Questionnaires(t))); err != nil {
			t.Fatal(err)
		}
	})
	for what, spoil := range map[string]func(item map[string]any){
		"a member that nobody knows": func(it map[string]any) { it["colour"] = "red" },
		"a type that nobody knows":   func(it map[string]any) { it["type"] = "slider" },
		"an operator of JsonLogic that we do not have": func(it map[string]any) {
			it["show_if"] = map[string]any{"cat": []any{"a", "b"}}
		},
		"a code with a blank": func(it map[string]any) { it["code"] = "a b" },
		"no text":             func(it map[string]any) { delete(it, "text") },
	} {
		doc := asJSON(t, surveytest.Everything()).(map[string]any)
		spoil(doc["pages"].([]any)[0].(map[string]any)["items"].([]any)[1].(map[string]any))
		if s.Validate(doc) == nil {
			t.Errorf("%s keeps the schema", what)
		}
	}
}

// TestTheSchemaNamesEveryField holds the members of the schema against the Go types.
func TestTheSchemaNamesEveryField(t *testing.T) {
	_, doc := schema(t)
	defs := doc["$defs"].(map[string]any)
	for name, v := range map[string]any{
		"": survey.Questionnaire{}, "section": survey.Section{}, "quota": survey.Quota{}, "page": survey.Page{},
		"item": survey.Item{}, "option": survey.Option{}, "image": survey.Image{}, "place": survey.Place{},
	} {
		def := doc
		if name != "" {
			def = defs[name].(map[string]any)
		}
		told := slices.Sorted(maps.Keys(def["properties"].(map[string]any)))
		var have []string
		for i := range reflect.TypeOf(v).NumField() {
			member, _, _ := strings.Cut(reflect.TypeOf(v).Field(i).Tag.Get("json"), ",")
			have = append(have, member)
		}
		if name == "" {
			have = append(have, "pictures") // of files only, see formats.WithPictures
		}
		if slices.Sort(have); !slices.Equal(told, have) {
			t.Errorf("%s: the schema has %v, the type %v", name, told, have)
		}
	}
	types := defs["item"].(map[string]any)["properties"].(map[string]any)["type"].(map[string]any)["enum"].([]any)
	if len(types) != len(survey.Types) {
		t.Errorf("the schema has %d types of questions, the program %d", len(types), len(survey.Types))
	}
	for i, typ := range types[:min(len(types), len(survey.Types))] {
		if typ != string(survey.Types[i]) {
			t.Errorf("type %d is %v, in the program %s", i, typ, survey.Types[i])
		}
	}
}
