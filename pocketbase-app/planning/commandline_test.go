package planning

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"servicepoint/pocketbase-app/base"
)

// Exports by the command line stand among those of the pages, and a year later they
// are forgotten like those.
func TestExportsByTheCommandLineAreLogged(t *testing.T) {
	h := newHouse(t)
	h.run()
	out := filepath.Join(t.TempDir(), "antworten.zip")
	if err := os.WriteFile(out, []byte("PK"), 0o600); err != nil {
		t.Fatal(err)
	}
	log := func(rows int, cancelled bool) {
		t.Helper()
		end, err := LogCommand(t.Context(), h.p.App.DB(), CommandExport{
			Survey: "smart-kassel", Out: out, Purpose: "Prüfung durch das Revisionsamt", Profile: Profile{Formats: []string{"csv"}, Personal: true},
		}, h.p.Now())
		if err == nil {
			err = end(rows, cancelled, h.p.Now())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	log(4711, false)
	log(-1, true)
	log(-1, false)
	for state, want := range map[string]int{"expired": 1, "cancelled": 1, "failed": 1, "building": 0} {
		if n := h.count(`SELECT count(*) FROM export_files WHERE created_by = 'command-line' AND state = '` + state + `'`); n != want {
			t.Errorf("%d of them are %s, want %d", n, state, want)
		}
	}
	if n := h.count(`SELECT count(*) FROM export_files WHERE rows = 4711 AND bytes = 2 AND length(sha256) = 64 AND name = 'antworten.zip'`); n != 1 {
		t.Error("the size and the hash of the file are not noted")
	}
	for path, b := range map[string]browser{exportsAt: h.planner(), "/planung/freigaben/": h.browser(base.Admin)} {
		_, page := b.do("GET", path)
		wants(t, page, "Befehlszeile des Servers", "Prüfung durch das Revisionsamt", "4.711", "außerhalb gespeichert", "abgebrochen", "gescheitert", "Angaben zur Person")
		if strings.Contains(page, filepath.Dir(out)) {
			t.Error("the page tells folders of the server")
		}
	}
	h.later(logLife)
	if _, err := h.Sweep(t.Context()); err != nil || h.count(`SELECT count(*) FROM export_files`) != 0 {
		t.Errorf("kept longer than a year: %v", err)
	}
}

// What a killed command left in the making does not keep back the next.
func TestAKilledCommandDoesNotBlock(t *testing.T) {
	h := newHouse(t)
	e := CommandExport{Survey: "smart-kassel", Out: "x.zip", Profile: Profile{Formats: []string{"csv"}}}
	for range 2 {
		if _, err := LogCommand(t.Context(), h.p.App.DB(), e, h.p.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if h.count(`SELECT count(*) FROM export_files WHERE state = 'failed'`) != 1 || h.count(`SELECT count(*) FROM export_files WHERE state = 'building'`) != 1 {
		t.Error("the first is not closed, or the second is not begun")
	}
}
