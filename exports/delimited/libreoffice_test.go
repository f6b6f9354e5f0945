package delimited_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"servicepoint/exports/frame"
	"servicepoint/exports/frame/frametest"
)

// opened is what LibreOffice makes of a CSV file that it opens as asked: separator,
// quote, UTF-8, from line 1, language (LCID), quoted fields are not forced to be text,
// special numbers are detected, formulas are evaluated: the worst that a user can choose.
func opened(t *testing.T, csv string, comma rune, language int) [][]frametest.Cell {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.csv")
	if err := os.WriteFile(file, []byte(csv), 0o600); err != nil {
		t.Fatal(err)
	}
	filter := fmt.Sprintf("Text - txt - csv (StarCalc):%d,34,76,1,,%d,false,true,false,false,false,0,true", comma, language)
	all, err := frametest.ReadSheets(frametest.LibreOffice(t, file, "fods", filter))
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range all {
		return rows
	}
	t.Fatal("no sheet")
	return nil
}

func formulas(rows [][]frametest.Cell) (n int) {
	for _, row := range rows {
		for _, c := range row {
			if c.Formula != "" {
				n++
			}
		}
	}
	return n
}

func TestLibreOfficeEvaluatesNothingInTheGermanFile(t *testing.T) {
	f := frametest.Traps()
	const german1031 = 1031
	rows := opened(t, write(t, f, german), ';', german1031)
	if n := formulas(rows); n != 0 {
		t.Errorf("%d formulas", n)
	}
	want := frametest.All(f)
	if len(rows) != len(want)+1 {
		t.Fatalf("%d rows instead of %d", len(rows), len(want)+1)
	}
	for i, row := range want {
		for j, v := range row {
			have := frametest.Cell{}
			if j < len(rows[i+1]) {
				have = rows[i+1][j]
			}
			if v.State == frame.Number && (have.Kind != "float" || have.Value == "") {
				t.Errorf("row %d, %s: %+v instead of the number %v", i, f.Columns[j].Name, have, v.Number)
			}
			if f.Columns[j].Kind == frame.Day && v.State == frame.Words && have.Kind != "date" {
				t.Errorf("row %d, %s: %+v is no date", i, f.Columns[j].Name, have)
			}
		}
	}
	// The control: the file for programs, opened the same way, does compute.
	if n := formulas(opened(t, write(t, f, plain), ',', german1031)); n == 0 {
		t.Error("LibreOffice would evaluate nothing anyway")
	}
}

// The file for programs is opened as such: every text is there as it was.
func TestLibreOfficeReadsTheFileForPrograms(t *testing.T) {
	f := frametest.Traps()
	file := filepath.Join(t.TempDir(), "x.csv")
	if err := os.WriteFile(file, []byte(write(t, f, plain)), 0o600); err != nil {
		t.Fatal(err)
	}
	columns := make([]string, len(f.Columns))
	for i := range columns {
		columns[i] = fmt.Sprintf("%d/2", i+1) // as text
	}
	all, err := frametest.ReadSheets(frametest.LibreOffice(t, file, "fods", "Text - txt - csv (StarCalc):44,34,76,1,"+strings.Join(columns, "/")+",1033,false,false,false"))
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range all {
		for i, row := range frametest.All(f) {
			for j, v := range row {
				if v.State != frame.Words {
					continue
				}
				want, _ := v.Written()
				if j >= len(rows[i+1]) || rows[i+1][j].Text != want {
					t.Errorf("row %d, %s: %.60q is not there", i, f.Columns[j].Name, want)
				}
			}
		}
	}
}
