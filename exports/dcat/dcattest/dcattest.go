// Package dcattest holds descriptions of datasets against shapes (SHACL) of what
// DCAT-AP.de requires, with an engine that is no part of this module.
package dcattest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

//go:embed dcat-ap-de.ttl
var shapes string

//go:embed check.cjs
var script string

// Broken are the rules that each description breaks, after a SHACL engine (npm:
// rdf-validate-shacl) that is no part of this module.
func Broken(t testing.TB, turtles ...string) (rules [][]string) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	engine := filepath.Join(filepath.Dir(here), "../../../bin/shacl")
	if _, err := os.Stat(filepath.Join(engine, "node_modules", "rdf-validate-shacl")); err != nil {
		if os.Getenv("SERVICEPOINT_VERIFY") != "" {
			t.Fatal("no SHACL engine: .ci/tools verify installs it")
		}
		t.Skip("NOT CHECKED: no SHACL engine on this machine (.ci/tools verify installs it)")
	}
	dir := t.TempDir()
	args := []string{filepath.Join(dir, "check.cjs"), filepath.Join(dir, "shapes.ttl")}
	for i, text := range []string{script, shapes} {
		if err := os.WriteFile(args[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, turtle := range turtles {
		args = append(args, filepath.Join(dir, fmt.Sprintf("%d.ttl", i)))
		if err := os.WriteFile(args[i+2], []byte(turtle), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Env = append(os.Environ(), "SHACL="+engine)
	var faults bytes.Buffer
	cmd.Stderr = &faults
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, faults.String())
	}
	if err := json.Unmarshal(out, &rules); err != nil || len(rules) != len(turtles) {
		t.Fatal(err, string(out))
	}
	return rules
}
