package condition_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"testing"

	"servicepoint/content/survey/condition"
)

// suite is the community's test suite of JsonLogic, which is not part of this
// repository: a folder beside it may hold it.
const suite = "../../../../shared/jsonlogic/suites/compatible.json"

// deliberate are the cases of the suite that the language takes and answers
// differently, with the reason.
var deliberate = map[string]string{
	`{"and":[{"<":[{"var":"temp"},110]},{"==":[{"var":"pie.filling"},"apple"]}]} {"temp":100,"pie":{"filling":"apple"}}`: "names are flat",
	`{"var":"a.b"} {"a":{"b":"c"}}`:                   "names are flat",
	`{"missing":["a.b"]} {"a":{"b":"apple brownie"}}`: "names are flat",
}

// TestTheCommunitysSuite runs all cases of the suite that are in the subset, in
// both engines. A list of missing names is compared as what it means there: the
// empty list is false. No value is null.
func TestTheCommunitysSuite(t *testing.T) {
	b, err := os.ReadFile(suite)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("SKIPPED: JsonLogic's suite is not beside the repository")
	} else if err != nil {
		t.Fatal(err)
	}
	var cases []json.RawMessage
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	all, equal, refused := 0, 0, map[string]int{}
	differ := map[string]bool{}
	var questions []question
	var want []any
	for _, raw := range cases {
		var c struct {
			Rule, Data json.RawMessage
			Result     any
		}
		if json.Unmarshal(raw, &c) != nil {
			continue // a comment
		}
		all++
		e, err := condition.Parse(c.Rule)
		var f *condition.Fault
		if errors.As(err, &f) {
			refused[f.Code]++
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		var data map[string]any
		if json.Unmarshal(c.Data, &data) != nil {
			data = nil
		}
		q := question{e, answers(data), true}
		result := c.Result
		switch e.Op() {
		case condition.OpText, condition.OpList: // as an argument only
			refused["alone"]++
			continue
		case condition.OpVar:
			if s, ok := result.(string); ok { // a text, seen by a comparison
				q, result = question{condition.Eq(e, condition.Str(s)), q.Values, false}, true
			}
		case condition.OpMissing:
			q.Number, result = false, len(result.([]any)) > 0
		default:
			_, isBoolean := result.(bool)
			q.Number = !isBoolean
		}
		if q.ask() != result {
			name := compact(c.Rule) + " " + compact(c.Data)
			differ[name] = true
			if deliberate[name] == "" {
				t.Errorf("%s: %v, the suite says %v", name, q.ask(), result)
			}
			result = q.ask() // the browser agrees with Go
		} else {
			equal++
		}
		questions = append(questions, q)
		want = append(want, result)
	}
	for name, why := range deliberate {
		if !differ[name] {
			t.Errorf("%s does not differ (%s)", name, why)
		}
	}
	t.Logf("%d cases, %d in the subset, %d of them equal, %d differ on purpose", all, len(questions), equal, len(differ))
	for _, code := range slices.Sorted(maps.Keys(refused)) {
		t.Logf("refused: %3d %s", refused[code], code)
	}
	t.Run("browser", func(t *testing.T) {
		for i, got := range load(t, newBrowser(t), source(t)).ask(t, questions) {
			if got != want[i] {
				t.Errorf("%s: the browser says %v, not %v", questions[i].Expr, got, want[i])
			}
		}
	})
}

func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		panic(err)
	}
	return b.String()
}
