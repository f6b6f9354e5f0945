package servicepoint_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMakeBenchReachesEveryBenchmark holds the lines of "make bench" against the
// benchmarks of the code. "make fuzz" asks every package for its targets.
func TestMakeBenchReachesEveryBenchmark(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	patterns := map[string][]*regexp.Regexp{} // folder → -bench
	for _, line := range strings.Split(string(makefile), "\n") {
		m := regexp.MustCompile(`go test .*-bench (\S+) .*`).FindStringSubmatch(line)
		if m == nil {
			continue
		}
		pattern, err := regexp.Compile(strings.Trim(strings.ReplaceAll(m[1], "$$", "$"), `'"`))
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range strings.Fields(line) {
			if dir, ok := strings.CutPrefix(strings.Trim(word, ";}"), "./"); ok {
				patterns[dir] = append(patterns[dir], pattern)
			}
		}
	}
	found := 0
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Benchmark") {
				continue
			}
			found++
			dir := filepath.ToSlash(filepath.Dir(path))
			reached := false
			for _, p := range patterns[dir] {
				reached = reached || p.MatchString(f.Name.Name)
			}
			if !reached {
				t.Errorf("%s: make bench does not run %s", path, f.Name.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 10 {
		t.Errorf("%d benchmarks found: the test looks in the wrong place", found)
	}
}
