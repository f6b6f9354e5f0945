package frametest

import (
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// LibreOffice opens a file and gives it back in another form, e.g. "fods"; filter is
// the name and options of the filter that reads it, "" for its own choice.
func LibreOffice(t *testing.T, file, to, filter string) []byte {
	t.Helper()
	soffice := Tool(t, "soffice")
	dir := t.TempDir()
	args := []string{"-env:UserInstallation=file://" + filepath.Join(dir, "profile"), "--headless", "--norestore"}
	if filter != "" {
		args = append(args, "--infilter="+filter)
	}
	cmd := exec.CommandContext(t.Context(), soffice, append(args, "--convert-to", to, "--outdir", dir, file)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	name := filepath.Base(file)
	b, err := os.ReadFile(filepath.Join(dir, name[:len(name)-len(filepath.Ext(name))]+"."+to))
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return b
}

// Tool finds an outside program that reads what we wrote. Such tests are slow and run
// with SERVICEPOINT_VERIFY only (make verify).
func Tool(t *testing.T, name string) string {
	t.Helper()
	if os.Getenv("SERVICEPOINT_VERIFY") == "" {
		t.Skipf("NOT CHECKED: %s reads the file in make verify only", name)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("no %s: .ci/tools verify installs it", name)
	}
	return path
}

// Answer is what DuckDB answers; BIGINT, dates and times come as text.
type Answer struct {
	Names, Types []string
	Rows         [][]any
}

//go:embed duckdb.cjs
var duckdb string

// DuckDB runs statements and gives the rows of the last one. Its package for Node is
// in bin/duckdb of the repository.
func DuckDB(t *testing.T, sql string) (a Answer) {
	t.Helper()
	node := Tool(t, "node")
	root, err := filepath.Abs(".")
	for err == nil {
		if _, missing := os.Stat(filepath.Join(root, "go.mod")); missing == nil {
			break
		}
		root = filepath.Dir(root)
	}
	cmd := exec.CommandContext(t.Context(), node, "-e", duckdb, filepath.Join(root, "bin", "duckdb", "node_modules", "@duckdb", "node-api"))
	cmd.Stdin = strings.NewReader(sql)
	var faults strings.Builder
	cmd.Stderr = &faults
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("DuckDB: %v: %s", err, faults.String())
	}
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatal(err)
	}
	return a
}
