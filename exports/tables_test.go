package exports_test

import (
	"errors"
	"iter"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/exports"
	"servicepoint/exports/frame"

	"github.com/xuri/excelize/v2"
)

// report is a frame of every kind of column.
func report() *frame.Frame {
	rows := [][]frame.Value{
		{frame.Str("lecture"), frame.Str("free barrier"), frame.Num(12), frame.Num(0.5), frame.Num(1), frame.Str("2026-12-02"), frame.Str("18:30"), frame.Str("=1+1")},
		{frame.Str("other"), {}, frame.Num(-3), frame.Num(1234567890123456), {}, frame.Str("1899-01-01"), frame.Str("später"), frame.Str("a\x00b <c> & _x0041_  ")},
		{frame.Marked(frame.Skipped), frame.Str("free"), frame.Marked(frame.DontKnow), {}, frame.Num(0), {}, {}, {State: frame.Words}},
	}
	return &frame.Frame{
		Name: "bookings", Title: de("Buchungen: je Art [2026]"), Count: len(rows), Rows: rowsOf(rows),
		Columns: []frame.Column{
			{Name: "kind", Label: de("Art"), Kind: frame.Code, Categories: []frame.Category{{Code: "lecture", Text: de("Fachvortrag")}}},
			{Name: "marks", Label: de("art"), Kind: frame.Codes, Categories: []frame.Category{{Code: "free", Text: de("frei")}, {Code: "barrier", Text: de("barrierefrei")}}},
			{Name: "places", Label: de("Plätze"), Kind: frame.Integer, Unit: "Personen"},
			{Name: "share", Label: de("Anteil"), Kind: frame.Decimal},
			{Name: "full", Label: de("ausgebucht"), Kind: frame.Flag},
			{Name: "day", Label: de("Tag"), Kind: frame.Day},
			{Name: "begin", Label: de("Beginn"), Kind: frame.Time},
			{Name: "note", Kind: frame.Text},
		},
	}
}

func rowsOf(rows [][]frame.Value) iter.Seq2[[]frame.Value, error] {
	return func(yield func([]frame.Value, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func tables(frames ...*frame.Frame) exports.Tables {
	return exports.Tables{
		Title: "Bericht", About: [][2]string{{"Quelle", "Buchungen"}}, Frames: frames,
		Exported: time.Date(2026, 12, 24, 11, 30, 0, 0, time.UTC), Program: "servicepoint test", Watermark: "Erika Muster & Co, Auswertung, bis 31.12.2026",
	}
}

func writeTables(t *testing.T, tables exports.Tables) (*excelize.File, exports.Summary, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bericht.xlsx")
	sum, err := exports.WriteTables(t.Context(), path, tables, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, sum, path
}

func TestFramesBecomeTypedSheets(t *testing.T) {
	second := report()
	second.Name = "again"
	two := tables(report(), second)
	two.Charts = []exports.Chart{{Title: "Plätze je Art", Frame: "bookings", Category: "kind", Values: []string{"places", "full"}}}
	f, sum, path := writeTables(t, two)
	if sum.Rows != 6 || sum.Columns != 8 || sum.Replaced != 2 {
		t.Errorf("%+v", sum)
	}
	sheet := "Buchungen je Art 2026"
	if got := strings.Join(f.GetSheetList(), "|"); got != "Lesemich|"+sheet+"|"+sheet+"_2|Codebuch|Diagramme" {
		t.Errorf("sheets %s", got)
	}
	raw := map[string]string{
		"A1": "Art", "B1": "art (marks)", "H1": "note",
		"A2": "Fachvortrag", "B2": "frei; barrierefrei", "C2": "12", "D2": "0.5", "E2": "1", "F2": "46358", "H2": "=1+1",
		"A3": "other", "B3": "", "C3": "-3", "D3": "1234567890123456", "E3": "", "F3": "1899-01-01", "G3": "später", "H3": "a\uFFFDb <c> & _x0041_  ",
		"A4": "[übersprungen]", "C4": "[weiß nicht]", "E4": "0", "H4": "",
	}
	for at, want := range raw {
		if got, err := f.GetCellValue(sheet, at, excelize.Options{RawCellValue: true}); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", at, got, want, err)
		}
	}
	for at, want := range map[string]string{"F2": "2026-12-02", "G2": "18:30"} {
		if got, err := f.GetCellValue(sheet, at); err != nil || got != want {
			t.Errorf("%s is shown as %q, want %q (%v)", at, got, want, err)
		}
	}
	for at, want := range map[string]excelize.CellType{"C2": excelize.CellTypeUnset, "G2": excelize.CellTypeUnset, "H2": excelize.CellTypeInlineString, "D3": excelize.CellTypeInlineString} {
		if got, err := f.GetCellType(sheet, at); err != nil || got != want {
			t.Errorf("%s has type %d, want %d (%v)", at, got, want, err)
		}
	}
	charts := 0
	for name := range unzip(t, path) {
		if strings.HasPrefix(name, "xl/charts/") {
			charts++
		}
	}
	if charts != 1 {
		t.Errorf("%d charts", charts)
	}
	text := dump(t, f)
	for _, want := range []string{"Nur für | Erika Muster & Co, Auswertung, bis 31.12.2026", "Quelle | Buchungen", "Stand | 24.12.2026 12:30 Uhr", sheet + " | Art | kind | Code |  | lecture | Fachvortrag", "| Plätze | places | ganze Zahl | Personen"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
}

func TestEverySheetBearsTheWatermarkOnPaper(t *testing.T) {
	s := fixture(responses())
	s.Watermark = "Erika Muster & Co, Auswertung, bis 31.12.2026, " + strings.Repeat("ü", 300)
	f, _, _ := write(t, s)
	for _, sheet := range f.GetSheetList() {
		h, err := f.GetHeaderFooter(sheet)
		if err != nil || h == nil || !strings.Contains(h.OddFooter, "Erika Muster && Co, Auswertung, bis 31.12.2026") || len([]rune(h.OddFooter)) > 255 {
			t.Errorf("%s: %+v %v", sheet, h, err)
		}
	}
	if !strings.Contains(dump(t, f), "Nur für | "+s.Watermark) {
		t.Error("Lesemich does not show the watermark")
	}
}

func TestRowsThatDoNotFitGoOnInFurtherSheets(t *testing.T) {
	for rows, sheets := range map[int]int{0: 1, 10: 1, 11: 2, 20: 2, 21: 3} {
		s := fixture(nil)
		s.Rows, s.Count = many(rows), rows
		s = exports.WithRowsPerSheet(s, 10)
		f, _, _ := write(t, s)
		got := 0
		for _, sheet := range f.GetSheetList() {
			if !strings.HasPrefix(sheet, exports.SheetCodes) {
				continue
			}
			got++
			cells, err := f.GetRows(sheet)
			if err != nil || cells[0][0] != "version" {
				t.Fatalf("%s has no heading (%v)", sheet, err)
			}
			want := min(10, rows-(got-1)*10)
			if dim, _ := f.GetSheetDimension(sheet); len(cells)-1 != want || rows > 0 && !strings.HasSuffix(dim, "O"+strconv.Itoa(want+1)) {
				t.Errorf("%d rows: %s has %d, dimension %s", rows, sheet, len(cells)-1, dim)
			}
			if tables, _ := f.GetTables(sheet); len(tables) != 1 {
				t.Errorf("%s has %d tables", sheet, len(tables))
			}
		}
		note := strings.Contains(dump(t, f), "Daten_Codes_2")
		if got != sheets || note != (sheets > 1) {
			t.Errorf("%d rows: %d sheets, want %d; told in Lesemich: %v", rows, got, sheets, note)
		}
	}
}

func TestTablesThatFailLeaveNothing(t *testing.T) {
	broken := errors.New("disk on fire")
	failing, few, foreign := report(), report(), tables(report())
	failing.Rows = func(yield func([]frame.Value, error) bool) { yield(nil, broken) }
	few.Count = 7
	foreign.Charts = []exports.Chart{{Frame: "bookings", Category: "nothing"}}
	for what, tb := range map[string]exports.Tables{"failing": tables(failing), "few": tables(few), "foreign": foreign} {
		dir := t.TempDir()
		if _, err := exports.WriteTables(t.Context(), filepath.Join(dir, "x.xlsx"), tb, nil); err == nil {
			t.Errorf("%s: no error", what)
		}
		left(t, dir)
	}
}

func TestNamesOfSheetsAreLegalAndUnique(t *testing.T) {
	var frames []*frame.Frame
	for _, title := range []string{"", "", "history", "'a'", "a", "[]:*?/\\", strings.Repeat("🙂", 40), strings.Repeat("🙂", 40), "lesemich"} {
		f := report()
		f.Title = content.Text{content.German: title}
		frames = append(frames, f)
	}
	f, _, _ := writeTables(t, tables(frames...))
	if got := len(f.GetSheetList()); got != len(frames)+2 {
		t.Errorf("sheets %q", f.GetSheetList())
	}
}
