package ods_test

import (
	"os"
	"path/filepath"
	"testing"

	"servicepoint/exports/frame/frametest"
)

// LibreOffice opens the file, computes everything anew and writes it as flat XML: types,
// values and texts must be the ones of the frame, and nothing became a formula.
func TestLibreOfficeReadsTheSameCells(t *testing.T) {
	f := frametest.Traps()
	file := filepath.Join(t.TempDir(), "x.ods")
	if err := os.WriteFile(file, write(t, f), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := frametest.ReadSheets(frametest.LibreOffice(t, file, "fods", ""))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || len(all["Codebuch"]) < 20 {
		t.Errorf("%d sheets, %d lines in the codebook", len(all), len(all["Codebuch"]))
	}
	compare(t, f, all["Daten"], 1e-14) // it writes 15 digits
}
