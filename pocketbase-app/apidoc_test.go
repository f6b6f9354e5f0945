package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"
)

const apiDoc = "../docs/api.md"

// example is one request of the document and the answer that it shows.
type example struct {
	line              int // of the request
	method, path      string
	header            http.Header
	body              string
	status            int
	answerHeader      http.Header
	answer            string
	request, response string // first lines
}

// examples reads the fenced http blocks of the document: a request and its
// answer, in turns.
func examples(t *testing.T, doc string) []example {
	t.Helper()
	var all []example
	var block []string
	inside, line := false, 0
	for n, text := range strings.Split(doc, "\n") {
		switch {
		case text == "```http":
			inside, line, block = true, n+1, nil
		case inside && text == "```":
			inside = false
			head, body, _ := strings.Cut(strings.Join(block, "\n"), "\n\n")
			lines := strings.Split(head, "\n")
			header := http.Header{}
			for _, l := range lines[1:] {
				name, value, ok := strings.Cut(l, ": ")
				if !ok {
					t.Fatalf("line %d: no header: %q", line, l)
				}
				header.Add(name, value)
			}
			words := strings.Fields(lines[0])
			if words[0] != "HTTP/1.1" {
				all = append(all, example{line: line, request: lines[0], method: words[0], path: words[1], header: header, body: body})
				continue
			}
			if len(all) == 0 || all[len(all)-1].status != 0 {
				t.Fatalf("line %d: an answer without a request", line)
			}
			x := &all[len(all)-1]
			x.status, _ = strconv.Atoi(words[1])
			x.response, x.answerHeader, x.answer = lines[0], header, body
			if want := "HTTP/1.1 " + words[1] + " " + http.StatusText(x.status); lines[0] != want {
				t.Errorf("line %d: %q, want %q", line, lines[0], want)
			}
		case inside:
			block = append(block, text)
		}
	}
	for _, x := range all {
		if x.status == 0 {
			t.Fatalf("line %d: %s has no answer", x.line, x.request)
		}
	}
	return all
}

// send sends the request; fill puts in what earlier answers named.
func (x example) send(t *testing.T, to string, fill func(string) string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequest(x.method, to+fill(x.path), strings.NewReader(fill(x.body)))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range x.header {
		for _, v := range values {
			req.Header.Add(name, fill(v))
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, got
}

// TestAPIDocument sends every example of docs/api.md to a running demo, in order.
// What the answers name anew (references, secrets, tags) takes the place of what
// the document shows in the examples that follow.
func TestAPIDocument(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(apiDoc)
	if err != nil {
		t.Fatal(err)
	}
	all := examples(t, string(b))
	if len(all) < 15 {
		t.Fatalf("only %d examples", len(all))
	}
	s := running(t)
	named := map[string]string{} // as the document shows it → as the server says
	fill := func(text string) string {
		for shown, said := range named {
			text = strings.ReplaceAll(text, shown, said)
		}
		return text
	}
	send := func(t *testing.T, x example) (*http.Response, []byte) {
		t.Helper()
		return x.send(t, s.URL, fill)
	}
	for _, x := range all {
		t.Run(fmt.Sprintf("line %d: %s", x.line, x.request), func(t *testing.T) {
			res, got := send(t, x)
			// The desk answers a moment after the request was taken.
			for end := time.Now().Add(patience); strings.Contains(x.answer, `"received"`) && !strings.Contains(string(got), `"received"`) && time.Now().Before(end); {
				time.Sleep(50 * time.Millisecond)
				res, got = send(t, x)
			}
			if res.StatusCode != x.status {
				t.Fatalf("%s, the document says %s\n%s", res.Status, x.response, got)
			}
			for name := range x.answerHeader {
				shown, said := fill(x.answerHeader.Get(name)), res.Header.Get(name)
				switch {
				case said == "":
					t.Errorf("no header %s", name)
				case name == "Etag":
					named[shown] = said
				case name == "Location":
					// its reference comes with the body
				case shown != said:
					t.Errorf("%s: %s, the document says %s", name, said, shown)
				}
			}
			if x.answer == "" {
				if len(got) > 0 {
					t.Errorf("a body: %s", got)
				}
				return
			}
			if x.answerHeader.Get("Content-Type") == "" {
				t.Error("the document names no content type")
			}
			var shown, said any
			if err := json.Unmarshal([]byte(x.answer), &shown); err != nil {
				t.Fatalf("the document's answer: %v", err)
			}
			if err := json.Unmarshal(got, &said); err != nil {
				t.Fatal(err)
			}
			want, have := shape(shown), shape(said)
			for _, k := range have {
				if !slices.Contains(want, k) {
					t.Errorf("the answer has %s, the document does not", k)
				}
			}
			for _, k := range want {
				if !slices.Contains(have, k) {
					t.Errorf("the document has %s, the answer does not", k)
				}
			}
			learn(t, named, shown, said)
			if shownDoc, ok := shown.(map[string]any); ok && shownDoc["type"] != nil {
				saidDoc := said.(map[string]any)
				for _, member := range []string{"type", "title", "status", "detail"} {
					if shownDoc[member] != saidDoc[member] {
						t.Errorf("%s: %v, the document says %v", member, saidDoc[member], shownDoc[member])
					}
				}
				if want, _ := shownDoc["errors"].([]any); len(want) > 0 {
					if got := fmt.Sprint(saidDoc["errors"]); got != fmt.Sprint(want) {
						t.Errorf("errors: %s, the document says %s", got, want)
					}
				}
			}
		})
	}
}

// learn notes what the server named, and fails when it names two things one way.
func learn(t *testing.T, named map[string]string, shown, said any) {
	t.Helper()
	a, _ := shown.(map[string]any)
	b, _ := said.(map[string]any)
	for _, member := range []string{"reference", "secret"} {
		x, _ := a[member].(string)
		y, _ := b[member].(string)
		if x == "" || y == "" {
			continue
		}
		if old, ok := named[x]; ok && old != y {
			t.Errorf("%s: %s, before it was %s", member, y, old)
		}
		named[x] = y
	}
}

// shape lists the members of a JSON value with their types: "pools[].free number".
// All elements of a list count together; null fits every type.
func shape(v any) []string {
	found := map[string]bool{}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range v {
				walk(at+"."+name, inner)
			}
			if len(v) == 0 || at == "" {
				found[at+" object"] = true
			}
		case []any:
			for _, inner := range v {
				walk(at+"[]", inner)
			}
		case nil:
		default:
			found[fmt.Sprintf("%s %T", at, v)] = true
		}
	}
	walk("", v)
	list := make([]string, 0, len(found))
	for k := range found {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}

func TestShapesTellAnswersApart(t *testing.T) {
	a := `{"pools":[{"code":"a"},{"free":1}],"end":null}`
	for _, b := range []string{`{"pools":[{"code":"a"}],"end":null}`, `{"pools":[{"code":"a"},{"free":"1"}],"end":null}`, `[]`, `{"pools":[{"code":"a"},{"free":1}],"x":1}`} {
		var x, y any
		json.Unmarshal([]byte(a), &x)
		json.Unmarshal([]byte(b), &y)
		if slices.Equal(shape(x), shape(y)) {
			t.Errorf("%s looks like %s", b, a)
		}
	}
}

// TestAPIDocumentNamesEveryRoute compares the headings with the routes that are bound.
func TestAPIDocumentNamesEveryRoute(t *testing.T) {
	b, err := os.ReadFile(apiDoc)
	if err != nil {
		t.Fatal(err)
	}
	var told, bound []string
	for _, m := range regexp.MustCompile("(?m)^### `([A-Z]+ /\\S+)`$").FindAllStringSubmatch(string(b), -1) {
		told = append(told, m[1])
	}
	eachFile(t, []string{"."}, func(_ string, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || selected(call.Fun) != "Route" || len(call.Args) < 3 {
				return true
			}
			method, path := literal(call.Args[1]), literal(call.Args[2])
			if method != "" && (strings.HasPrefix(path, "/api/v1/") || path == "/healthz") {
				bound = append(bound, method+" "+path)
			}
			return true
		})
	})
	slices.Sort(told)
	slices.Sort(bound)
	if len(bound) < 9 || !slices.Equal(told, bound) {
		t.Errorf("the document has\n%s\nthe program has\n%s", strings.Join(told, "\n"), strings.Join(bound, "\n"))
	}
}

// pageCodes are refusals of pages in packages that also answer the API.
var pageCodes = map[string]string{
	"not_form":              "forms only",
	"broken_form":           "forms only",
	"form_outdated":         "the booking form",
	"survey_closed_midway":  "the survey's form",
	"survey_not_on_paper":   "the print page",
	"access_other":          "staff pages",
	"survey_not_by_phone":   "staff pages",
	"survey_not_on_tablet":  "the tablet",
	"survey_tablet_uploads": "the tablet",
	"link_unknown":          "the private link to a draft",
	"unauthorized":          "staff pages",
	"forbidden":             "staff pages",
	"not_cleared":           "staff pages",
	"pass_given":            "the page of a booking",
	"pass_not_came":         "the page of a booking",
	"questionnaire_early":   "the page of a booking",
	"questionnaire_none":    "the page of a booking",
}

// TestAPIDocumentNamesEveryCode compares the tables of codes with the refusals in
// the packages that answer the API.
func TestAPIDocumentNamesEveryCode(t *testing.T) {
	b, err := os.ReadFile(apiDoc)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	statuses := map[string]int{} // "StatusConflict" → 409
	for n := 100; n < 600; n++ {
		if s := http.StatusText(n); s != "" {
			statuses["Status"+strings.NewReplacer(" ", "", "-", "", "'", "").Replace(s)] = n
		}
	}

	sent := map[string]string{} // code → status
	eachFile(t, []string{"base", "booking", "cases", "participation"}, func(path string, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || selected(call.Fun) != "Refuse" || len(call.Args) < 2 {
				return true
			}
			code, status := literal(call.Args[1]), statuses[selected(call.Args[0])]
			if code == "" || status == 0 {
				t.Errorf("%s: a refusal that this test cannot read", path)
			}
			sent[code] = strconv.Itoa(status)
			return true
		})
	})
	sent["invalid"] = "422" // content.Problems, see base.Fail
	told := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| (\\d{3}) \\| ((?:`\\w+`(?:, )?)+) \\| \\S").FindAllStringSubmatch(doc, -1) {
		for code := range strings.SplitSeq(m[2], ", ") {
			told[strings.Trim(code, "`")] = m[1]
		}
	}
	for code, status := range sent {
		switch {
		case pageCodes[code] != "":
			if told[code] != "" {
				t.Errorf("%s is a code of pages, the document lists it", code)
			}
		case told[code] != status:
			t.Errorf("%s is sent with %s, the document says %q", code, status, told[code])
		}
	}
	for code := range told {
		if sent[code] == "" {
			t.Errorf("%s is in the document and nowhere in the program", code)
		}
	}
	for code := range pageCodes {
		if sent[code] == "" {
			t.Errorf("%s is a code of pages here and nowhere in the program", code)
		}
	}
	w, err := words()
	if err != nil {
		t.Fatal(err)
	}
	for code := range sent {
		for _, lang := range []string{"de", "en", "ls"} {
			for _, part := range []string{".title", ".text"} {
				if key := "error." + code + part; w.In(lang, key) == key {
					t.Errorf("no words for %s in %s", key, lang)
				}
			}
		}
	}
}

// formOnly are codes of fields that only forms can have.
var formOnly = []string{"ambiguous_number", "case_sent_before"}

var fieldCode = regexp.MustCompile(`^[a-z_]+$`)

// TestAPIDocumentNamesEveryCodeOfFields does the same for what may be wrong with
// a field of a body.
func TestAPIDocumentNamesEveryCodeOfFields(t *testing.T) {
	b, err := os.ReadFile(apiDoc)
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(b), "### Codes of fields")
	if !ok {
		t.Fatal("no table of the codes of fields")
	}
	var told []string
	for _, m := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(table, -1) {
		for code := range strings.SplitSeq(m[1], ", ") {
			told = append(told, strings.Trim(code, "`"))
		}
	}
	sent := map[string]bool{}
	sources := []string{
		"base/decode.go", "booking/request.go", "booking/claim.go", "cases/request.go", "cases/send.go",
		"participation/api.go", "../content/survey/check.go", "../content/survey/read.go",
	}
	eachFile(t, sources, func(_ string, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if name := selected(n.Fun); name == "wrong" && len(n.Args) > 0 {
					sent[literal(n.Args[0])] = true
				} else if name == "Add" && len(n.Args) > 1 && literal(n.Args[1]) != "" {
					sent[literal(n.Args[1])] = true
				}
			case *ast.KeyValueExpr:
				if id, ok := n.Key.(*ast.Ident); ok && id.Name == "Code" && literal(n.Value) != "" {
					sent[literal(n.Value)] = true
				}
			case *ast.AssignStmt: // code := "wrong_type"; ps[0].Code = "required"
				for i, l := range n.Lhs {
					if name := strings.ToLower(selected(l)); name == "code" && i < len(n.Rhs) && literal(n.Rhs[i]) != "" {
						sent[literal(n.Rhs[i])] = true
					}
				}
			}
			return true
		})
	})
	if len(sent) < 15 {
		t.Fatalf("only %d codes found", len(sent))
	}
	for code := range sent {
		if fieldCode.MatchString(code) && !slices.Contains(told, code) && !slices.Contains(formOnly, code) {
			t.Errorf("%s may be sent and is not in the document", code)
		}
	}
	for _, code := range told {
		if !sent[code] {
			t.Errorf("%s is in the document and nowhere in the program", code)
		}
	}
}

// TestAPIDocumentTellsTheLimits compares the figures of the document with the
// settings of a new database and the constants of the code.
func TestAPIDocumentTellsTheLimits(t *testing.T) {
	b, err := os.ReadFile(apiDoc)
	if err != nil {
		t.Fatal(err)
	}
	doc := strings.Join(strings.Fields(string(b)), " ")
	for what, sentence := range map[string]struct{ file, code, says string }{
		"reads":       {"migrations/1790000050_settings.go", `Label: "/api/v1/", MaxRequests: 600, Duration: 10}`, "600 requests in 10 seconds for `GET`, `HEAD` and `PUT`"},
		"writes":      {"migrations/1790000050_settings.go", `Label: "POST /", MaxRequests: 600, Duration: 60}`, "600 in 60 seconds for `POST`"},
		"body":        {"base/decode.go", "MaxJSON = 256 << 10", "at most 256 KiB"},
		"places":      {"booking/request.go", "MaxPlaces = 10 ", "whole number, 1 to 10"},
		"name":        {"booking/request.go", "MaxName = 120 ", "at most 120 characters, one line"},
		"pairs":       {"cases/cases.go", "base.NewLimits(10, time.Minute)", "Ten wrong pairs a minute"},
		"slow":        {"cases/cases.go", "700 * time.Millisecond", "at least 0.7 seconds"},
		"locked":      {"cases/attempts.go", "maxFailures = 5 lockFor = 15 * time.Minute", "five within 15 minutes"},
		"message":     {"cases/request.go", "maxMessage = 5000", "at most 5000 characters"},
		"key":         {"base/secrets.go", "len(key) < 8 || len(key) > 255", "8 to 255 visible ASCII characters"},
		"preflight":   {"base/api.go", `AllowMethods: []string{http.MethodGet, http.MethodHead}`, "scripts of any origin may read (`GET`, `HEAD`"},
		"event kinds": {"../content/content.go", `EventKinds = []string{"lecture", "panel", "workshop", "advice", "tour", "exhibition", "livestream", "information", "participation", "assembly"}`, "`lecture`, `panel`, `workshop`, `advice`, `tour`, `exhibition`, `livestream`, `information`, `participation`, `assembly`"},
		"channels":    {"../content/survey/survey.go", `Channels = []string{"web", "terminal", "tablet", "paper", "phone"}`, "`web`, `terminal`, `tablet`, `paper`, `phone`"},
	} {
		code, err := os.ReadFile(sentence.file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.Join(strings.Fields(string(code)), " "), sentence.code) {
			t.Errorf("%s: %s no longer says %q; look at the document too", what, sentence.file, sentence.code)
		}
		if !strings.Contains(doc, sentence.says) {
			t.Errorf("%s: the document does not say %q", what, sentence.says)
		}
	}
}

// eachFile parses the Go files below the given files and folders, without tests.
func eachFile(t *testing.T, roots []string, do func(path string, f *ast.File)) {
	t.Helper()
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err == nil {
				do(path, f)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// selected is the last name of x.y.Name, or of a plain Name.
func selected(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// literal is the value of a string literal, "" for anything else.
func literal(e ast.Expr) string {
	if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		if s, err := strconv.Unquote(lit.Value); err == nil {
			return s
		}
	}
	return ""
}
