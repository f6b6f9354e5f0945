// Package servicepoint_test checks the house as a whole: which folder may import
// which, and where each outside library lives (docs/architecture.md).
package servicepoint_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "servicepoint/"

type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// room is the first folder of a package path; matters are "matter".
func room(path string) string {
	path = strings.TrimPrefix(path, module)
	switch {
	case path == "pocketbase-app":
		return "main"
	case path == "pocketbase-app/base" || strings.HasPrefix(path, "pocketbase-app/base/"):
		return "base"
	case path == "pocketbase-app/migrations":
		return "migrations"
	case strings.HasPrefix(path, "pocketbase-app/"):
		return "matter"
	case path == "hooks/faults": // what providers' tests and the command stand before simulators
		return "hooks"
	case strings.HasPrefix(path, "hooks/"):
		return "hooks/provider"
	}
	first, _, _ := strings.Cut(path, "/")
	return first
}

// The arrows: what each room may import of the others, besides itself.
var arrows = map[string][]string{
	"content":        {},
	"hooks":          {"content"},
	"hooks/provider": {"hooks", "content"},
	"site":           {"content"},
	"exports":        {"content"},
	"base":           {"content", "hooks"},
	"migrations":     {},
	"matter":         {"content", "hooks", "base"},
	"main":           {"content", "hooks", "hooks/provider", "site", "exports", "base", "migrations", "matter"},
}

func TestArrowsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath == strings.TrimSuffix(module, "/") {
			continue
		}
		from := room(p.ImportPath)
		allowed, known := arrows[from]
		if !known {
			t.Errorf("%s: no room for it in the house", p.ImportPath)
		}
		for _, imported := range p.Imports {
			if !strings.HasPrefix(imported, module) {
				continue
			}
			to := room(imported)
			sameRoom := to == from && from != "matter" && from != "hooks/provider"
			if from == "base" && to == "migrations" && strings.HasSuffix(p.ImportPath, "/basetest") {
				continue // a test app needs the schema
			}
			if !sameRoom && !slices.Contains(allowed, to) {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			if from == "matter" && strings.HasPrefix(imported, module) && room(imported) == "matter" && imported != p.ImportPath {
				t.Errorf("the tests of %s import its sibling %s", p.ImportPath, imported)
			}
		}
	}
}

// Where each outside library may be imported by code that is not a test: rooms,
// or single packages by their path.
var libraries = map[string][]string{
	"github.com/gohugoio/hugo":            {"site"},
	"github.com/andybalholm/brotli":       {"site"},
	"github.com/yuin/goldmark":            {"content"},
	"github.com/microcosm-cc/bluemonday":  {"content"},
	"github.com/xuri/excelize":            {"exports", "content/survey/formats/sheet"}, // XLSForm questionnaires are workbooks
	"github.com/pocketbase":               {"base", "migrations", "matter", "main"},
	"modernc.org/sqlite":                  {"base", "matter"},
	"github.com/robfig/cron":              {"matter"},
	"github.com/spf13/cobra":              {"main"},
	"github.com/schollz/progressbar":      {"main"},
	"github.com/failsafe-go":              {"hooks"},
	"github.com/wneessen/go-mail":         {"hooks/provider"},
	"github.com/altcha-org/altcha-lib-go": {"base"},
	"github.com/boombuler/barcode":        {"base", "content/ticket"}, // QR
	"codeberg.org/go-pdf/fpdf":            {"content/ticket"},
	"github.com/teambition/rrule-go":      {"content/series"},
	"pgregory.net/rapid":                  {"content", "exports/frame/frametest"}, // packages surveytest and frametest, for tests only
	"github.com/parquet-go/parquet-go":    {"exports/parquet"},
	"golang.org/x/":                       {"content", "hooks", "hooks/provider", "site", "exports", "base", "matter", "main"},
}

func TestLibrariesStayInTheirRoom(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath == strings.TrimSuffix(module, "/") {
			continue
		}
		for _, imported := range p.Imports {
			first, _, _ := strings.Cut(imported, "/")
			if !strings.Contains(first, ".") {
				continue // standard library or our own
			}
			home := ""
			for lib := range libraries {
				if strings.HasPrefix(imported, lib) && len(lib) > len(home) {
					home = lib
				}
			}
			if home == "" {
				t.Errorf("%s imports %s: give the library a room here and an ADR", p.ImportPath, imported)
			} else if !slices.Contains(libraries[home], room(p.ImportPath)) && !slices.Contains(libraries[home], strings.TrimPrefix(p.ImportPath, module)) {
				t.Errorf("%s imports %s, which lives in %v", p.ImportPath, imported, libraries[home])
			}
		}
	}
}

// TestTheArrowsTestCanFail keeps the rules honest: these must be refused.
func TestTheArrowsTestCanFail(t *testing.T) {
	for from, to := range map[string]string{
		"content": "hooks", "site": "hooks", "exports": "site", "matter": "site", "hooks": "base", "base": "matter",
	} {
		if slices.Contains(arrows[from], to) {
			t.Errorf("%s may import %s", from, to)
		}
	}
}
