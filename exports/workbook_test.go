package exports_test

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/exports"

	"github.com/xuri/excelize/v2"
)

var update = flag.Bool("update", false, "write the golden files")

// write makes a workbook and opens it again.
func write(t *testing.T, s exports.Survey) (*excelize.File, exports.Summary, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "umfrage.xlsx")
	sum, err := exports.WriteWorkbook(t.Context(), path, s, nil)
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

// cell finds a cell of a data sheet by heading; the first response is row 0.
func cell(t *testing.T, f *excelize.File, sheet, heading string, row int) (string, excelize.CellType) {
	t.Helper()
	rows, err := f.GetRows(sheet)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range rows[0] {
		if name == heading {
			at, _ := excelize.CoordinatesToCellName(i+1, row+2)
			v, err := f.GetCellValue(sheet, at)
			if err != nil {
				t.Fatal(err)
			}
			kind, err := f.GetCellType(sheet, at)
			if err != nil {
				t.Fatal(err)
			}
			return v, kind
		}
	}
	t.Fatalf("%s has no column %q: %q", sheet, heading, rows[0])
	return "", 0
}

// one is a survey of a single text question with the given answers.
func one(kind survey.Type, answers ...any) exports.Survey {
	s := fixture(nil)
	s.Versions = []survey.Questionnaire{{Slug: "kurz", Version: 1, Title: de("Kurz"), Pages: []survey.Page{{Items: []survey.Item{{Code: "q1", Type: kind, Text: de("?")}}}}}}
	var rows []survey.Response
	for _, a := range answers {
		rows = append(rows, survey.Response{Version: 1, Language: "de", Channel: "web", Day: "2026-12-02", Answers: survey.Answers{"q1": a}})
	}
	s.Rows, s.Count = all(rows), len(rows)
	return s
}

func dump(t *testing.T, f *excelize.File) string {
	t.Helper()
	var b strings.Builder
	for _, sheet := range f.GetSheetList() {
		fmt.Fprintf(&b, "== %s\n", sheet)
		rows, err := f.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			fmt.Fprintln(&b, strings.ReplaceAll(strings.Join(row, " | "), "\n", "⏎"))
		}
	}
	return b.String()
}

func TestEveryCellIsAsInTheGoldenFile(t *testing.T) {
	f, sum, path := write(t, fixture(responses()))
	got, golden := dump(t, f), filepath.Join("testdata", "workbook.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("cells differ from %s (run with -update and read the difference):\n%s", golden, got)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(b)
	if sum.Rows != 4 || sum.Bytes != int64(len(b)) || sum.SHA256 != hex.EncodeToString(digest[:]) {
		t.Errorf("summary %+v", sum)
	}
}

func TestSheetsHaveFrozenHeaderFilterWidthsNamesAndPrintSetup(t *testing.T) {
	f, _, path := write(t, fixture(responses()))
	for _, sheet := range []string{exports.SheetCodebook, exports.SheetCodes, exports.SheetText, exports.SheetFrequencies, exports.SheetOpenTexts, exports.SheetParadata, exports.SheetVersions} {
		panes, err := f.GetPanes(sheet)
		if err != nil || !panes.Freeze || panes.YSplit != 1 {
			t.Errorf("%s: panes %+v %v", sheet, panes, err)
		}
		tables, err := f.GetTables(sheet)
		if err != nil || len(tables) != 1 || tables[0].StyleName == "" {
			t.Errorf("%s: tables %+v %v", sheet, tables, err)
		}
		layout, err := f.GetPageLayout(sheet)
		if err != nil || layout.Size == nil || *layout.Size != 9 || *layout.Orientation != "landscape" || *layout.FitToWidth != 1 {
			t.Errorf("%s: page layout %+v %v", sheet, layout, err)
		}
		props, err := f.GetSheetProps(sheet)
		if err != nil || props.FitToPage == nil || !*props.FitToPage {
			t.Errorf("%s: not fitted to the page", sheet)
		}
	}
	if width, err := f.GetColWidth(exports.SheetCodes, "N"); err != nil || width != 60 {
		t.Errorf("width of ideas: %v %v", width, err)
	}
	if width, err := f.GetColWidth(exports.SheetCodes, "H"); err != nil || width < float64(len("themes.mobility")) {
		t.Errorf("width of themes.mobility: %v %v", width, err)
	}
	if height, err := f.GetRowHeight(exports.SheetReadme, 17); err != nil || height < 45 {
		t.Errorf("height of the row about %s: %v %v", exports.SheetCodes, height, err)
	}
	// The dimension must tell all rows, and the table's filter must be in the file.
	if dim, err := f.GetSheetDimension(exports.SheetCodes); err != nil || dim != "A1:O5" {
		t.Errorf("dimension %q %v", dim, err)
	}
	parts := unzip(t, path)
	filters := 0
	for name, text := range parts {
		if strings.HasPrefix(name, "xl/tables/") && strings.Contains(text, "<autoFilter ref=") {
			filters++
		}
	}
	if filters != 7 {
		t.Errorf("%d tables with a filter, want 7", filters)
	}
	formats, err := f.GetConditionalFormats(exports.SheetFrequencies)
	if err != nil || len(formats) != 1 {
		t.Errorf("conditional formats %v %v", formats, err)
	}
	names := map[string]string{}
	for _, n := range f.GetDefinedName() {
		names[n.Scope+" "+n.Name] = n.RefersTo
	}
	for name, want := range map[string]string{
		"Workbook Daten": "Daten_Codes!$A$1:$O$5", "Workbook Antwort_district": "Daten_Codes!$E$2:$E$5",
		"Daten_Text _xlnm.Print_Titles": "'Daten_Text'!$1:$1",
	} {
		if names[name] != want {
			t.Errorf("name %q is %q, want %q", name, names[name], want)
		}
	}
	props, err := f.GetDocProps()
	if err != nil || props.Title != "Smart Kassel" || props.Created != "2026-12-24T11:30:00Z" || props.LastModifiedBy != "servicepoint test" {
		t.Errorf("document properties %+v %v", props, err)
	}
}

func unzip(t *testing.T, path string) map[string]string {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	parts := map[string]string{}
	for _, part := range z.File {
		r, err := part.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		parts[part.Name] = string(b)
	}
	return parts
}

func TestLongTextsAreShortenedWhereOneSeesIt(t *testing.T) {
	fits := strings.Repeat("ä", exports.MaxCellUnits)
	wide := strings.Repeat("🙂", exports.MaxCellUnits/2+1) // two UTF-16 units each
	f, sum, _ := write(t, one(survey.LongText, fits, fits+"!", wide))
	if sum.Truncated != 2 {
		t.Errorf("%d truncated, want 2", sum.Truncated)
	}
	if got, _ := cell(t, f, exports.SheetCodes, "q1", 0); got != fits {
		t.Error("a text that fits was changed")
	}
	for row := 1; row <= 2; row++ {
		for _, sheet := range []string{exports.SheetCodes, exports.SheetText} {
			got, _ := cell(t, f, sheet, "q1", row)
			units := 0
			for _, r := range got {
				units++
				if r > 0xFFFF {
					units++
				}
			}
			if !strings.HasSuffix(got, exports.Shortened) || units > exports.MaxCellUnits || units < exports.MaxCellUnits-1 {
				t.Errorf("%s row %d: %d units, ends %q", sheet, row, units, got[len(got)-20:])
			}
		}
	}
	if readme := dump(t, f); !strings.Contains(readme, "Gekürzte Zellen | 2 ") {
		t.Error("Lesemich does not tell of shortened cells")
	}
}

func TestTextsStayTexts(t *testing.T) {
	texts := []string{"=1+1", "+49 561", "-5", "@SUM(A1)", "  vorn", "hinten ", "0123", "1e5", "TRUE", "2026-12-02", "_x0041_", "<b>&amp;\"", "a\nb", "'x"}
	for _, kind := range []survey.Type{survey.ShortText, survey.LongText, survey.SingleChoice} {
		var answers []any
		for _, s := range texts {
			answers = append(answers, s)
		}
		f, sum, _ := write(t, one(kind, answers...))
		for i, want := range texts {
			got, cellType := cell(t, f, exports.SheetCodes, "q1", i)
			if got != want || cellType != excelize.CellTypeInlineString && cellType != excelize.CellTypeSharedString {
				t.Errorf("%s %q became %q (cell type %d)", kind, want, got, cellType)
			}
		}
		if sum.Truncated+sum.Replaced != 0 {
			t.Errorf("%+v", sum)
		}
	}
}

func TestCharactersThatXMLCannotHoldAreReplacedAndCounted(t *testing.T) {
	f, sum, _ := write(t, one(survey.ShortText, "a\x00b\x0bc", "bad \xff", "a\r\nb\rc", "\uFFFE", "fine\t🙂"))
	if sum.Replaced != 3 {
		t.Errorf("%d replaced, want 3", sum.Replaced)
	}
	for i, want := range []string{"a\uFFFDb\uFFFDc", "bad \uFFFD", "a\nb\nc", "\uFFFD", "fine\t🙂"} {
		if got, _ := cell(t, f, exports.SheetText, "q1", i); got != want {
			t.Errorf("row %d: %q, want %q", i, got, want)
		}
	}
}

func TestNumbersKeepEveryDigit(t *testing.T) {
	cases := []struct {
		number float64
		want   string
		kind   excelize.CellType
	}{
		{0, "0", excelize.CellTypeUnset},
		{-12.5, "-12.5", excelize.CellTypeUnset},
		{123456789012345, "123456789012345", excelize.CellTypeUnset},
		{1e300, "", excelize.CellTypeUnset},
		{1234567890123456, "1234567890123456", excelize.CellTypeInlineString},
		{9007199254740993, "9007199254740992", excelize.CellTypeInlineString}, // what a float64 can hold of it
		{0.1234567890123456, "0.1234567890123456", excelize.CellTypeInlineString},
	}
	var answers []any
	for _, c := range cases {
		answers = append(answers, c.number)
	}
	f, _, _ := write(t, one(survey.Number, answers...))
	for i, c := range cases {
		got, kind := cell(t, f, exports.SheetCodes, "q1", i)
		if c.want != "" && got != c.want || kind != c.kind {
			t.Errorf("%v became %q of type %d, want %q of type %d", c.number, got, kind, c.want, c.kind)
		}
	}
}

func TestDaysAreRealDates(t *testing.T) {
	f, _, path := write(t, one(survey.Date, "2026-12-02", "1900-03-01", "1900-02-28", "nie", "2026-02-30"))
	raw, err := excelize.OpenFile(path, excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	for i, want := range []struct{ shown, raw string }{{"2026-12-02", "46358"}, {"1900-03-01", "61"}, {"1900-02-28", "1900-02-28"}, {"nie", "nie"}, {"2026-02-30", "2026-02-30"}} {
		shown, _ := cell(t, f, exports.SheetCodes, "q1", i)
		value, _ := cell(t, raw, exports.SheetCodes, "q1", i)
		if shown != want.shown || value != want.raw {
			t.Errorf("row %d: shown %q, held %q, want %+v", i, shown, value, want)
		}
	}
	if value, _ := cell(t, raw, exports.SheetCodes, "day", 0); value != "46358" {
		t.Errorf("day is held as %q", value)
	}
}

func TestWhatDoesNotFitIsRefusedAndNothingIsLeft(t *testing.T) {
	wide := fixture(nil)
	wide.Versions = []survey.Questionnaire{{Slug: "breit", Version: 1}}
	var items []survey.Item
	for i := range exports.MaxColumns {
		items = append(items, survey.Item{Code: fmt.Sprintf("q%d", i), Type: survey.Number})
	}
	wide.Versions[0].Pages = []survey.Page{{Items: items}}
	tooMany := fixture(nil)
	tooMany.Count = exports.MaxSheets*exports.MaxRows + 1
	broken := errors.New("disk on fire")
	failing := fixture(responses())
	failing.Rows = func(yield func(survey.Response, error) bool) {
		if yield(responses()[0], nil) {
			yield(survey.Response{}, broken)
		}
	}
	few, more, foreign := fixture(responses()), fixture(responses()), fixture(responses())
	few.Count, more.Count = 9, 3
	foreign.Rows, foreign.Count = all([]survey.Response{{Version: 7}}), 1
	twice := fixture(nil)
	twice.Versions = append(twice.Versions, twice.Versions[0])
	cases := []struct {
		what   string
		survey exports.Survey
		is     func(error) bool
	}{
		{"too many rows", tooMany, isRefusal},
		{"too many columns", wide, isRefusal},
		{"iterator fails", failing, func(err error) bool { return errors.Is(err, broken) }},
		{"fewer rows than announced", few, func(err error) bool { return errors.Is(err, exports.ErrCount) }},
		{"more rows than announced", more, func(err error) bool { return errors.Is(err, exports.ErrCount) }},
		{"response of an unknown version", foreign, func(err error) bool { return strings.Contains(err.Error(), "version 7") }},
		{"version given twice", twice, func(err error) bool { return strings.Contains(err.Error(), "twice") }},
		{"no version", exports.Survey{Rows: all(nil)}, func(err error) bool { return err != nil }},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			dir := t.TempDir()
			_, err := exports.WriteWorkbook(t.Context(), filepath.Join(dir, "x.xlsx"), c.survey, nil)
			if err == nil || !c.is(err) {
				t.Errorf("error %v", err)
			}
			left(t, dir)
		})
	}
}

func isRefusal(err error) bool {
	var r *exports.Refusal
	return errors.As(err, &r) && strings.Contains(r.Reason(), "passen")
}

// left fails when anything is in the folder.
func left(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) > 0 {
		t.Errorf("left behind: %v %v", files, err)
	}
}

func TestCancelledExportLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.xlsx")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := fixture(nil)
	s.Rows, s.Count = many(5000), 5000
	_, err := exports.WriteWorkbook(ctx, path, s, func(done, total int) {
		if done >= 1000 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	files, _ := os.ReadDir(dir)
	if b, _ := os.ReadFile(path); string(b) != "old" || len(files) != 1 {
		t.Errorf("file %q, folder %v", b, files)
	}
}

func TestProgressRisesToTheTotal(t *testing.T) {
	s := fixture(nil)
	s.Rows, s.Count = many(1200), 1200
	var seen []int
	if _, err := exports.WriteWorkbook(t.Context(), filepath.Join(t.TempDir(), "x.xlsx"), s, func(done, total int) {
		if total != 1200 {
			t.Errorf("total %d", total)
		}
		seen = append(seen, done)
	}); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(seen) != "[500 1000 1200]" {
		t.Errorf("progress %v", seen)
	}
}

func TestASurveyWithoutAnswersStillHasAWorkbook(t *testing.T) {
	f, sum, _ := write(t, fixture(nil))
	if sum.Rows != 0 || !strings.Contains(dump(t, f), "noch keine Antworten") {
		t.Errorf("summary %+v", sum)
	}
}

func TestAnswersThatNoVersionAsksAreCounted(t *testing.T) {
	s := fixture([]survey.Response{{Version: 1, Day: "2026-12-02", Answers: survey.Answers{"gone": "x", "district": "77", "themes": "energy"}}})
	f, sum, _ := write(t, s)
	if sum.Unplaced != 1 {
		t.Errorf("summary %+v", sum)
	}
	// An unknown option stays visible as its code; a single code is a list of one.
	if got, _ := cell(t, f, exports.SheetText, "district", 0); got != "77" {
		t.Errorf("district %q", got)
	}
	if got, _ := cell(t, f, exports.SheetCodes, "themes.energy", 0); got != "1" {
		t.Errorf("themes.energy %q", got)
	}
}

func TestRowsHaveNoIDAndNothingFinerThanTheDay(t *testing.T) {
	rows := responses()
	for i := range rows {
		rows[i].ID = "6f1c2a90-0000-4000-8000-00000000000" + fmt.Sprint(i)
	}
	_, _, path := write(t, fixture(rows))
	for name, text := range unzip(t, path) {
		if strings.Contains(text, "6f1c2a90") {
			t.Errorf("%s holds the id of a response", name)
		}
	}
}

func TestMemoryDoesNotGrowWithTheRows(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 50,000 rows")
	}
	small, large := peak(t, 10_000), peak(t, 40_000)
	t.Logf("peak heap: %d MiB for 10,000 rows, %d MiB for 40,000", small>>20, large>>20)
	if large > small+16<<20 {
		t.Errorf("peak heap grew from %d to %d MiB", small>>20, large>>20)
	}
}
