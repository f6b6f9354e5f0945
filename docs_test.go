package servicepoint_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The documents that people read first.
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	read := func(path string) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		docs[path] = string(b)
	}
	for _, path := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} {
		read(path)
	}
	err := filepath.WalkDir("docs", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			read(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

var fenced = regexp.MustCompile("(?ms)^```.*?^```$")

// spans are what stands in `code` of a document, fenced blocks left out.
func spans(doc string) (all []string) {
	for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(fenced.ReplaceAllString(doc, ""), -1) {
		all = append(all, m[1])
	}
	return all
}

func TestLinksOfTheDocumentsResolve(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	checked := 0
	for path, doc := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(doc, ""), -1) {
			to := m[1]
			if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
				continue
			}
			checked++
			file, part, _ := strings.Cut(to, "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			b, err := os.ReadFile(target)
			if info, statErr := os.Stat(target); statErr == nil && info.IsDir() {
				err = nil
			}
			if err != nil {
				t.Errorf("%s: %s leads nowhere", path, to)
				continue
			}
			if part != "" && !slices.Contains(anchors(string(b)), part) {
				t.Errorf("%s: %s has no heading #%s", path, target, part)
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d links found", checked)
	}
}

// anchors are the names of a document's headings, as forges make them.
func anchors(doc string) (all []string) {
	for _, m := range regexp.MustCompile(`(?m)^#{1,6} (.+)$`).FindAllStringSubmatch(fenced.ReplaceAllString(doc, ""), -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
}

// TestTargetsExist holds the Makefile against what is said of it.
func TestTargetsExist(t *testing.T) {
	b, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z]+):`).FindAllStringSubmatch(string(b), -1) {
		targets = append(targets, m[1])
	}
	_, promised, _ := strings.Cut(string(b), ".PHONY: ")
	promised, _, _ = strings.Cut(promised, "\n")
	named := append(strings.Fields(promised), "help", "run", "build", "test", "race", "check", "verify", "bench", "fuzz", "golden", "site", "demo")
	texts := documents(t)
	if ci, err := os.ReadFile(".ci/run"); err != nil {
		t.Error(err)
	} else {
		texts[".ci/run"] = string(ci)
	}
	for _, doc := range texts {
		for _, m := range regexp.MustCompile("(?m)(?:^|`)make ([a-z]+)").FindAllStringSubmatch(doc, -1) {
			named = append(named, m[1])
		}
	}
	for _, target := range named {
		if !slices.Contains(targets, target) {
			t.Errorf("make %s is named and does not exist", target)
		}
	}
}

// program is what the documents are held against: the string literals of all Go
// files that are no tests and in no package for tests.
func program(t *testing.T) (literals map[string]bool) {
	t.Helper()
	literals = map[string]bool{}
	for _, root := range []string{"content", "exports", "hooks", "pocketbase-app", "site"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(filepath.Dir(path), "test") {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if s, err := strconv.Unquote(lit.Value); err == nil {
						literals[s] = true
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return literals
}

// TestRoutesOfTheDocumentsExist finds every address that the documents name among
// the routes of the program.
func TestRoutesOfTheDocumentsExist(t *testing.T) {
	literals := program(t)
	known := func(route string) bool {
		for _, form := range []string{route, route + "{$}", strings.TrimSuffix(route, "/"), "/redaktion/"} {
			if form == "/redaktion/" && route != form {
				continue
			}
			if literals[form] {
				return true
			}
		}
		return false
	}
	// Addresses of PocketBase and of the static site are not bound by us.
	others := []string{"/_/"}
	route := regexp.MustCompile(`^(?:(?:GET|POST|PUT) )?(/[a-z][^\s]*)$`)
	found := 0
	for _, path := range []string{"docs/architecture.md", "docs/operations.md"} {
		for _, span := range spans(documents(t)[path]) {
			m := route.FindStringSubmatch(span)
			if m == nil || slices.Contains(others, m[1]) {
				continue
			}
			found++
			if !known(m[1]) {
				t.Errorf("%s names %s, which is no route", path, m[1])
			}
		}
	}
	if found < 4 {
		t.Errorf("only %d routes found", found)
	}
}

// TestOperationsNamesTheEnvironment compares the table of docs/operations.md with
// what the program reads.
func TestOperationsNamesTheEnvironment(t *testing.T) {
	doc := documents(t)["docs/operations.md"]
	name := regexp.MustCompile(`^SERVICEPOINT_[A-Z_]+$`)
	var told, read []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(SERVICEPOINT_[A-Z_]+)` \\|").FindAllStringSubmatch(doc, -1) {
		told = append(told, m[1])
	}
	for s := range program(t) {
		if name.MatchString(s) {
			read = append(read, s)
		}
	}
	slices.Sort(told)
	slices.Sort(read)
	if len(read) == 0 || !slices.Equal(told, read) {
		t.Errorf("the document names %v, the program reads %v", told, read)
	}
}

// TestOperationsNamesTheJobs compares the table of docs/operations.md with the
// schedule in pocketbase-app/serve.go.
func TestOperationsNamesTheJobs(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "pocketbase-app/serve.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	scheduled := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		job := map[string]string{}
		for _, e := range lit.Elts {
			kv, ok := e.(*ast.KeyValueExpr)
			if !ok {
				continue
			}
			key, _ := kv.Key.(*ast.Ident)
			value, _ := kv.Value.(*ast.BasicLit)
			if key != nil && value != nil && value.Kind == token.STRING {
				job[key.Name], _ = strconv.Unquote(value.Value)
			}
		}
		if job["Name"] != "" && job["Spec"] != "" {
			scheduled[job["Name"]] = inWords(t, job["Spec"])
		}
		return true
	})
	told := map[string]string{}
	_, table, _ := strings.Cut(documents(t)["docs/operations.md"], "| job | when |")
	for _, m := range regexp.MustCompile(`(?m)^\| (\w+) \| ([^|]+) \|`).FindAllStringSubmatch(table, -1) {
		told[m[1]] = m[2]
	}
	if len(scheduled) < 5 {
		t.Fatalf("only %d jobs found in the schedule", len(scheduled))
	}
	for name, when := range scheduled {
		if told[name] != when {
			t.Errorf("%s runs %s, the document says %q", name, when, told[name])
		}
	}
	for name := range told {
		if scheduled[name] == "" {
			t.Errorf("the document names the job %s, which is not scheduled", name)
		}
	}
}

// inWords writes a cron specification as the document does.
func inWords(t *testing.T, spec string) string {
	t.Helper()
	if m := regexp.MustCompile(`^\*/(\d+) \* \* \* \*$`).FindStringSubmatch(spec); m != nil {
		return "every " + m[1] + " minutes"
	}
	m := regexp.MustCompile(`^(\d+) (\d+) \* \* \*$`).FindStringSubmatch(spec)
	if m == nil {
		t.Fatalf("%q: teach this test to say it in words", spec)
	}
	two := func(s string) string { return strings.Repeat("0", 2-len(s)) + s }
	return two(m[2]) + ":" + two(m[1])
}
