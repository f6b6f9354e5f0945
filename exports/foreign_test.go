package exports_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/exports"
	"servicepoint/exports/frame"
)

// The programs below print every cell of a sheet as what it is for them: a letter
// for its type, a colon and its value; blank cells are empty. Cells of a row
// stand between tabs.
const (
	openpyxlScript = `
import datetime, sys, openpyxl
def cell(v):
    if v is None: return ""
    if isinstance(v, bool): return "b:%s" % v
    if isinstance(v, datetime.datetime): return "d:" + v.strftime("%Y-%m-%d")
    if isinstance(v, datetime.time): return "t:" + v.strftime("%H:%M")
    if isinstance(v, (int, float)): return "n:%.15g" % v
    return "s:" + v.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
book = openpyxl.load_workbook(sys.argv[1], data_only=True)
for row in book[sys.argv[2]].iter_rows(values_only=True):
    print("\t".join(cell(v) for v in row))
`
	pandasScript = `
import datetime, sys, pandas
def cell(v):
    if v is None or v is pandas.NaT or isinstance(v, float) and v != v: return ""
    if isinstance(v, datetime.datetime): return "d:" + v.strftime("%Y-%m-%d")
    if isinstance(v, datetime.time): return "t:" + v.strftime("%H:%M")
    if isinstance(v, (int, float)): return "n:%.15g" % v
    return "s:" + str(v).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
table = pandas.read_excel(sys.argv[1], sheet_name=sys.argv[2], header=None, dtype=object, keep_default_na=False, na_values=[])
for row in table.itertuples(index=False):
    print("\t".join("" if v == "" else cell(v) for v in row))
`
	readxlScript = `
args <- commandArgs(trailingOnly = TRUE)
table <- suppressMessages(readxl::read_excel(args[1], sheet = args[2], col_names = FALSE, col_types = "list", trim_ws = FALSE))
cell <- function(v) {
  if (is.null(v) || length(v) == 0 || is.na(v)) return("")
  if (inherits(v, "POSIXct")) {
    if (format(v, "%Y", tz = "UTC") == "1899") return(paste0("t:", format(v, "%H:%M", tz = "UTC")))
    return(paste0("d:", format(v, "%Y-%m-%d", tz = "UTC")))
  }
  if (is.numeric(v)) return(sprintf("n:%.15g", v))
  s <- gsub("\\", "\\\\", enc2utf8(v), fixed = TRUE)
  paste0("s:", gsub("\t", "\\t", gsub("\n", "\\n", s, fixed = TRUE), fixed = TRUE))
}
for (i in seq_len(nrow(table))) {
  cat(paste(vapply(table[i, ], function(column) cell(column[[1]]), ""), collapse = "\t"), "\n", sep = "")
}
`
)

// reader finds a program that can load a module; it skips when there is none.
func reader(t *testing.T, what string, try ...[]string) string {
	t.Helper()
	verify := os.Getenv("SERVICEPOINT_VERIFY") != ""
	if !verify {
		t.Skip("NOT CHECKED: foreign readers of workbooks run in make verify")
	}
	for _, args := range try {
		if exec.CommandContext(t.Context(), args[0], args[1:]...).Run() == nil {
			return args[0]
		}
	}
	t.Fatalf("no %s: .ci/tools verify installs it", what)
	return ""
}

func python(t *testing.T) string {
	load := []string{"-c", "import openpyxl, pandas"}
	return reader(t, "Python with openpyxl and pandas", append([]string{"/usr/bin/python3"}, load...), append([]string{"python3"}, load...))
}

func read(t *testing.T, program string, script string, name string, args ...string) [][]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, append([]string{path}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "PYTHONIOENCODING=utf-8", "TZ=UTC")
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, problems.String())
	}
	var rows [][]string
	for line := range strings.Lines(out.String()) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return rows
}

// typed is a cell as the programs print it.
func typed(kind frame.Kind, v frame.Value) string {
	words := func(s string) string {
		return "s:" + strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`).Replace(s)
	}
	switch {
	case v.State == frame.Blank:
		return ""
	case v.State == frame.Number:
		return "n:" + strconv.FormatFloat(v.Number, 'g', 15, 64)
	case v.State == frame.Words && kind == frame.Day && v.Text > "1900-03":
		return "d:" + v.Text
	case v.State == frame.Words && kind == frame.Time:
		return "t:" + v.Text
	}
	return words(v.Text)
}

// nasty are responses with everything that went wrong in some program or other.
func nasty() []survey.Response {
	rows := responses()
	for i, s := range []string{"=1+1", "+49 561", "-5", "@SUM(A1)", "  vorn", "hinten ", "0123", "1e5", "TRUE", "2026-12-02", "<b>&amp;\"", "a\nb", "'x", "🙂 „Anführung“", "#N/A", "NA", "ü\u00a0x"} {
		rows = append(rows, survey.Response{Version: 2, Language: "de", Channel: "web", Day: "2026-12-25", Answers: survey.Answers{
			"district": "1", "age": float64(i) + 0.25, "ideas": s, "themes": []string{"energy", "mobility"}, "day": "2001-05-17",
		}})
	}
	return rows
}

func TestForeignReadersReadTheSameCells(t *testing.T) {
	s := fixture(nasty())
	s.Versions[0].Pages[1].Items = append(s.Versions[0].Pages[1].Items, survey.Item{Code: "at", Type: survey.Time, Text: de("Wann?")})
	rows := nasty()
	rows[1].Answers["at"] = "08:30"
	s.Rows = all(rows)
	_, _, path := write(t, s)
	f, err := s.Frame(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want [][]string
	head := make([]string, len(f.Columns))
	for i, c := range f.Columns {
		head[i] = "s:" + c.Name
	}
	want = append(want, head)
	if err := frame.Pour(t.Context(), f, nil, collect(func(cells []frame.Value) {
		row := make([]string, len(cells))
		for i, v := range cells {
			row[i] = typed(f.Columns[i].Kind, v)
		}
		want = append(want, row)
	})); err != nil {
		t.Fatal(err)
	}
	for name, run := range map[string]func(t *testing.T) [][]string{
		"openpyxl": func(t *testing.T) [][]string {
			return read(t, python(t), openpyxlScript, "a.py", path, exports.SheetCodes)
		},
		"pandas": func(t *testing.T) [][]string {
			return read(t, python(t), pandasScript, "a.py", path, exports.SheetCodes)
		},
		"readxl": func(t *testing.T) [][]string {
			return read(t, reader(t, "R with readxl", []string{"Rscript", "-e", "library(readxl)"}), readxlScript, "a.R", path, exports.SheetCodes)
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t)
			if len(got) != len(want) {
				t.Fatalf("%d rows, want %d", len(got), len(want))
			}
			for i := range want {
				for j := range want[i] {
					if cell := at(got, i, j); cell != want[i][j] && !(cell == "<nothing>" && want[i][j] == "") {
						t.Errorf("row %d, %s: %q, want %q", i+1, f.Columns[j].Name, cell, want[i][j])
					}
				}
			}
		})
	}
}

// Every sheet of every kind of workbook opens elsewhere without a complaint.
func TestForeignReadersOpenEverySheet(t *testing.T) {
	program := python(t)
	s := place(nasty()[:1])
	s.Rows = all([]survey.Response{{Version: 1, Language: "de", Channel: "web", Day: "2026-12-02", Answers: survey.Answers{"member": "yes", "idea": "x", "spot": "51.31,9.48", "at": "08:30"}}})
	f, _, path := write(t, s)
	second := tables(report())
	second.Charts = []exports.Chart{{Title: "x", Frame: "bookings", Category: "kind", Values: []string{"places"}}, {Title: "y", Frame: "bookings", Category: "day", Values: []string{"places"}, Line: true}}
	g, _, report := writeTables(t, second)
	for path, sheets := range map[string][]string{path: f.GetSheetList(), report: g.GetSheetList()} {
		for _, sheet := range sheets {
			rows := read(t, program, openpyxlScript, "a.py", path, sheet)
			if len(rows) == 0 && sheet != exports.SheetCharts {
				t.Errorf("%s is empty", sheet)
			}
		}
	}
}

const countScript = `
import sys, openpyxl
book = openpyxl.load_workbook(sys.argv[1], read_only=True)
for sheet in book.worksheets:
    rows, last = 0, None
    for row in sheet.iter_rows(values_only=True):
        rows, last = rows + 1, row
    print("%s\t%d\t%s\t%s" % (sheet.title, rows, sheet.calculate_dimension(), last[0] if last else ""))
`

// A sheet of 1,048,576 rows is full, and the next one goes on.
func TestForeignReadersReadAFullSheetAndTheNext(t *testing.T) {
	program := python(t)
	const rows = exports.MaxRows + 5
	f := &frame.Frame{Name: "full", Title: de("Voll"), Count: rows, Columns: []frame.Column{{Name: "n", Kind: frame.Integer}}}
	f.Rows = func(yield func([]frame.Value, error) bool) {
		for i := range rows {
			if !yield([]frame.Value{frame.Num(float64(i + 1))}, nil) {
				return
			}
		}
	}
	_, _, path := writeTables(t, tables(f))
	got := map[string]string{}
	for _, row := range read(t, program, countScript, "a.py", path) {
		got[row[0]] = strings.Join(row[1:], " ")
	}
	for sheet, want := range map[string]string{"Voll": fmt.Sprintf("1048576 A1:A1048576 %d", exports.MaxRows), "Voll_2": fmt.Sprintf("6 A1:A6 %d", rows)} {
		if got[sheet] != want {
			t.Errorf("%s is %q, want %q", sheet, got[sheet], want)
		}
	}
}
