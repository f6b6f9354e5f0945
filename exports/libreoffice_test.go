package exports_test

import (
	"encoding/csv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/exports"
)

// Another program must read the same cells: LibreOffice opens the workbook and
// writes every sheet as CSV.
func TestLibreOfficeReadsTheSameCells(t *testing.T) {
	soffice, err := exec.LookPath("soffice")
	if err != nil && os.Getenv("SERVICEPOINT_VERIFY") != "" {
		t.Fatal("no soffice: .ci/tools verify installs it")
	}
	if err != nil {
		t.Skip("NOT CHECKED: no soffice on this machine, the workbook was not opened in LibreOffice")
	}
	rows := append(responses(), survey.Response{Version: 2, Language: "de", Channel: "web", Day: "2026-12-25", Answers: survey.Answers{
		"district": "1", "age": 12.0, "ideas": "Komma, \"Anführung\"; 🙂 <b>", "themes": []string{"energy", "mobility"},
	}})
	f, _, path := write(t, fixture(rows))
	dir := t.TempDir()
	// Separator comma, quote ", UTF-8, values as shown, all sheets (-1).
	cmd := exec.CommandContext(t.Context(), soffice, "-env:UserInstallation=file://"+filepath.Join(dir, "profile"), "--headless", "--norestore",
		"--convert-to", `csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,true,false,false,-1`, "--outdir", dir, path)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, sheet := range f.GetSheetList() {
		b, err := os.ReadFile(filepath.Join(dir, "umfrage-"+sheet+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		r := csv.NewReader(strings.NewReader(string(b)))
		r.FieldsPerRecord = -1
		got, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		want, err := f.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range want {
			for j, cell := range row {
				if i >= len(got) || j >= len(got[i]) || got[i][j] != cell {
					t.Errorf("%s row %d column %d: LibreOffice reads %q, want %q", sheet, i+1, j+1, at(got, i, j), cell)
				}
			}
		}
		if len(want) < 4 && sheet != exports.SheetCharts {
			t.Errorf("%s has only %d rows", sheet, len(want))
		}
	}
}

func at(rows [][]string, i, j int) string {
	if i < len(rows) && j < len(rows[i]) {
		return rows[i][j]
	}
	return "<nothing>"
}
