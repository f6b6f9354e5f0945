package condition_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"servicepoint/content/survey/condition"

	"github.com/chromedp/chromedp"
	"github.com/evanw/esbuild/pkg/api"
)

// evaluator is the file that the site serves.
const evaluator = "../../../site/assets/js/condition.js"

// question is an expression and what to evaluate it with, for either engine.
type question struct {
	Expr   condition.Expr `json:"e"`
	Values map[string]any `json:"v"`
	Number bool           `json:"n"` // a calculation
}

// ask gives the answer of Go: a bool, a float64, nil for no value.
func (q question) ask() any {
	if !q.Number {
		return q.Expr.Holds(q.Values)
	}
	if f, ok := q.Expr.Number(q.Values); ok {
		return f
	}
	return nil
}

func source(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(evaluator)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// minified is the script as Hugo hands it out: the site minifies with esbuild.
func minified(t *testing.T, source string) []byte {
	t.Helper()
	r := api.Transform(source, api.TransformOptions{MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true,
		Format: api.FormatESModule, Target: api.ES2020})
	if len(r.Errors) > 0 {
		t.Fatal(r.Errors)
	}
	return r.Code
}

func TestTheBrowsersEvaluatorStaysBelowAKilobyte(t *testing.T) {
	n := len(minified(t, source(t)))
	t.Logf("%d bytes", n)
	if n >= 1000 {
		t.Errorf("%d bytes", n)
	}
}

// engine is a tab of a real browser that has the evaluator loaded.
type engine struct{ ctx context.Context }

func newBrowser(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("the browser's engine is left out with -short")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is missing; .ci/tools test installs it")
		}
		t.Skip("SKIPPED: chromium is missing (apt-get install chromium)")
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.UserDataDir(t.TempDir()))...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // tabs are opened in this one
		t.Fatal(err)
	}
	return ctx
}

// load makes an engine of a script; each has a tab of its own.
func load(t *testing.T, browser context.Context, source string) engine {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	url := "data:text/javascript;base64," + base64.StdEncoding.EncodeToString(minified(t, source))
	e := engine{ctx}
	if got := e.eval(t, `import("`+url+`").then(m => { self.condition = m; return Object.keys(m).sort().join() })`); got != "holds,number" {
		t.Fatalf("the script exports %s", got)
	}
	return e
}

func (e engine) eval(t *testing.T, js string) string {
	t.Helper()
	s, err := chromedp.Run(e.ctx, chromedp.Evaluate[string](js, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask gives the browser's answers in the order of the questions.
func (e engine) ask(t *testing.T, questions []question) []any {
	t.Helper()
	in, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	if in, err = json.Marshal(string(in)); err != nil { // a text for JSON.parse, which is faster than code
		t.Fatal(err)
	}
	out := e.eval(t, `JSON.stringify(JSON.parse(`+string(in)+`).map(q => {
		const r = q.n ? condition.number(q.e, q.v) : condition.holds(q.e, q.v);
		return r === undefined ? null : r === null || typeof r != (q.n ? "number" : "boolean") ? "no answer but " + r : r;
	}))`)
	var answers []any
	if err := json.Unmarshal([]byte(out), &answers); err != nil {
		t.Fatal(err)
	}
	if len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions", len(answers), len(questions))
	}
	return answers
}

// disagreements are the questions that Go and the browser answer differently.
func (e engine) disagreements(t *testing.T, questions []question) []string {
	t.Helper()
	var found []string
	for i, got := range e.ask(t, questions) {
		q := questions[i]
		if want := q.ask(); got != want {
			values, _ := json.Marshal(q.Values)
			found = append(found, fmt.Sprintf("%s with %s: Go %v, browser %v", q.Expr, values, want, got))
		}
	}
	return found
}

func TestVectorsHoldInBothEngines(t *testing.T) {
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		What   string
		Expr   condition.Expr
		Values map[string]any
		Holds  *bool
		Number *float64
	}
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	var questions []question
	var want []any
	for _, v := range vectors {
		q := question{v.Expr, answers(v.Values), v.Holds == nil}
		questions = append(questions, q)
		switch {
		case v.Holds != nil:
			want = append(want, *v.Holds)
		case v.Number != nil:
			want = append(want, *v.Number)
		default:
			want = append(want, nil)
		}
		if got := q.ask(); got != want[len(want)-1] {
			t.Errorf("%s: %s: Go says %v", v.What, v.Expr, got)
		}
	}
	t.Run("browser", func(t *testing.T) {
		for i, got := range load(t, newBrowser(t), source(t)).ask(t, questions) {
			if got != want[i] {
				t.Errorf("%s: %s: the browser says %v", vectors[i].What, vectors[i].Expr, got)
			}
		}
	})
}

// answers turns decoded JSON into values as a response has them.
func answers(decoded map[string]any) map[string]any {
	values := map[string]any{}
	for name, v := range decoded {
		values[name] = v
		list, ok := v.([]any)
		if !ok {
			continue
		}
		texts := []string{}
		for _, member := range list {
			if s, ok := member.(string); ok {
				texts = append(texts, s)
			}
		}
		if len(texts) == len(list) {
			values[name] = texts
		}
	}
	return values
}

// seeded gives the same dice again with CONDITION_SEED.
func seeded(t *testing.T) dice {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("CONDITION_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("CONDITION_SEED=%d", seed)
	return dice{rand.New(rand.NewPCG(seed, 0))}
}

// questions are random ones that pass the check; every second is a calculation.
func (d dice) questions(t *testing.T, n int) []question {
	t.Helper()
	all := make([]question, 0, n)
	for len(all) < n {
		q := question{Values: d.values(), Number: len(all)%2 == 1}
		var faults []condition.Fault
		if q.Number {
			q.Expr = d.number(4)
			faults = q.Expr.CheckNumber(kindOf)
		} else {
			q.Expr = d.boolean(5)
			faults = q.Expr.CheckBool(kindOf)
		}
		if len(faults) > 0 && faults[0].Code == condition.TooLong {
			continue
		}
		for _, f := range faults {
			t.Fatalf("%s: %v", q.Expr, &f)
		}
		all = append(all, q)
	}
	return all
}

// TestGoAndTheBrowserAgree asks both for 100,000 random expressions. That it
// would find a fault is seen by faults planted in the browser's script.
func TestGoAndTheBrowserAgree(t *testing.T) {
	browser := newBrowser(t)
	d := seeded(t)
	sound := load(t, browser, source(t))
	const batches, batch = 10, 10_000
	outcomes := map[any]int{}
	start := time.Now()
	for range batches {
		questions := d.questions(t, batch)
		found := sound.disagreements(t, questions)
		for _, s := range found[:min(len(found), 5)] {
			t.Error(s)
		}
		if len(found) > 0 {
			t.Fatalf("%d of %d differ", len(found), batch)
		}
		for _, q := range questions {
			switch v := q.ask().(type) {
			case float64:
				outcomes["a number"]++
			default:
				outcomes[v]++
			}
		}
	}
	t.Logf("%d cases in %v: %v", batches*batch, time.Since(start).Round(time.Millisecond), outcomes)
	for _, outcome := range []any{true, false, nil, "a number"} {
		if outcomes[outcome] < batches*batch/20 {
			t.Errorf("only %d cases end with %v: the test proves little", outcomes[outcome], outcome)
		}
	}

	for _, c := range []struct{ what, from, to string }{
		{"an empty text is an answer", "&& v.length ? v", "? v"},
		{"not answered differs", "typeof a == typeof b &&", ""},
		{"comparisons convert", `"==": (a, b) => a === b`, `"==": (a, b) => a == b || a - b < 1e-9`},
		{"less or equal is less", `"<=": (a, b) => a <= b`, `"<=": (a, b) => a < b`},
		{"all is any", "all.every((x) => x === true)", "all.some((x) => x === true)"},
		{"missing wants all", "args.some(", "args.every("},
		{"parts of texts", "Array.isArray(b) && b.includes(a)", "!!b?.includes?.(a)"},
		{"infinite results", "const finite = (v) => (Number.isFinite(v)", `const finite = (v) => (typeof v == "number"`},
		{"sums from the right", "all.reduce((a, b) => a + b)", "all.reduceRight((a, b) => a + b)"},
	} {
		broken := strings.Replace(source(t), c.from, c.to, 1)
		if broken == source(t) {
			t.Errorf("%s: %q is not in the script any more", c.what, c.from)
			continue
		}
		e, found := load(t, browser, broken), 0
		for tries := 0; found == 0 && tries < 200; tries++ {
			found = len(e.disagreements(t, d.questions(t, batch/10)))
		}
		if found == 0 {
			t.Errorf("%s: planted in the script and not found", c.what)
		}
	}
}
