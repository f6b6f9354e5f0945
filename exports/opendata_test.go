package exports

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/exports/dcat/dcattest"

	"github.com/xuri/excelize/v2"
)

// released are figures of which some are hidden: 697 people chose nord.
func released() content.Results {
	mean := &content.ResultNumber{Mean: 3.4, Q1: 2, Median: 3, Q3: 4}
	return content.Results{
		Survey: "smart", Title: inGerman("Smart Kassel"), Release: 2, Released: time.Date(2026, 12, 2, 11, 0, 0, 0, time.UTC), N: 4711,
		Figures: []content.ResultFigure{
			{Key: "district", Item: "district", Text: inGerman("Wo wohnen Sie?"), Base: 4700, Hidden: true, Shares: []content.ResultShare{
				{Code: "mitte", Text: inGerman("Mitte"), N: 4000, Percent: 85.1}, {Code: "nord", Text: inGerman("=1+1"), N: -1}, {Code: "west", Text: inGerman("West"), N: -1},
			}},
			{Key: "happy", Item: "happy", Text: inGerman("Zufrieden?"), Base: 4600, Numbers: mean},
		},
		Tables: []content.ResultTable{{
			RowKey: "district", ColumnKey: "view", Row: inGerman("Wo wohnen Sie?"), Column: inGerman("Was meinen Sie?"), Base: 4500, Hidden: true,
			Rows: []content.Text{inGerman("Mitte"), inGerman("West")}, Columns: []content.Text{inGerman("gut"), inGerman("schlecht")}, N: [][]int{{4321, -1}, {-1, 77}},
		}},
	}
}

func readCSV(t *testing.T, b []byte) [][]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// XLSX minus CSV: whatever one file hides no other shows.
func TestOpenDataHidesTheSameInEveryFile(t *testing.T) {
	r := released()
	files, err := OpenData(t.Context(), r, "servicepoint test")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range content.ResultFiles {
		if len(files[f.Name]) == 0 {
			t.Errorf("%s is missing", f.Name)
		}
	}
	book, err := excelize.OpenReader(bytes.NewReader(files["ergebnisse.xlsx"]))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	inBook := map[string]bool{}
	for _, sheet := range book.GetSheetList() {
		if visible, _ := book.GetSheetVisible(sheet); !visible {
			t.Errorf("sheet %s is hidden", sheet)
		}
		rows, err := book.GetRows(sheet, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			inBook[strings.Join(row, "|")] = true
		}
	}
	antworten, kreuz := readCSV(t, files["antworten.csv"]), readCSV(t, files["kreuztabellen.csv"])
	if fmt.Sprint(antworten[2][6:]) != "[  4700 1]" || fmt.Sprint(kreuz[2][6:]) != "[ 4500 1]" || fmt.Sprint(kreuz[1][6:]) != "[4321 4500 0]" {
		t.Errorf("%v\n%v", antworten[2], kreuz)
	}
	// The same numbers stand in both: those of a row of the sheet are those of the CSV.
	for _, rows := range [][][]string{antworten, kreuz} {
		for _, row := range rows[1:] {
			numbers := row[6:]
			found := false
			for line := range inBook {
				found = found || strings.HasSuffix(line, "|"+strings.Join(numbers, "|"))
			}
			if !found {
				t.Errorf("%v is in no sheet", row)
			}
		}
	}
	var p struct {
		Licences []struct {
			Name string `json:"name"`
		} `json:"licenses"`
		Resources []struct {
			Path string `json:"path"`
		} `json:"resources"`
	}
	if err := json.Unmarshal(files["datapackage.json"], &p); err != nil || len(p.Licences) != 1 || p.Licences[0].Name != "dl-de-by-2.0" || len(p.Resources) != 2 {
		t.Errorf("%+v %v", p, err)
	}
}

// numbersIn finds numbers in any part of a workbook: sheets, shared strings, charts,
// calculation chains, properties.
func numbersIn(t *testing.T, b []byte, want string) (parts []string) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	exact := regexp.MustCompile(`[>"]` + want + `[<"]`)
	for _, f := range z.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		part, err := io.ReadAll(rc)
		rc.Close()
		if err != nil {
			t.Fatal(err)
		}
		if exact.Match(part) {
			parts = append(parts, f.Name)
		}
	}
	return parts
}

// What is hidden stands in no part of the workbook; the negative control, where it
// stands in a hidden sheet and in a chart without a visible number, finds it.
func TestNoPartOfTheWorkbookHoldsHiddenNumbers(t *testing.T) {
	r := released()
	files, err := OpenData(t.Context(), r, "servicepoint test")
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"697", "-1"} { // the true number, and the mark of a hidden one
		if parts := numbersIn(t, files["ergebnisse.xlsx"], secret); len(parts) > 0 {
			t.Errorf("%s stands in %v", secret, parts)
		}
	}
	if len(numbersIn(t, files["ergebnisse.xlsx"], "4321")) == 0 {
		t.Error("the search finds nothing at all")
	}
	naive := excelize.NewFile()
	defer naive.Close()
	if _, err := naive.NewSheet("Basis"); err != nil {
		t.Fatal(err)
	}
	for cell, v := range map[string]any{"A1": "nord", "B1": 697} {
		if err := naive.SetCellValue("Basis", cell, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := naive.SetSheetVisible("Basis", false); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := naive.Write(&b); err != nil {
		t.Fatal(err)
	}
	if len(numbersIn(t, b.Bytes(), "697")) == 0 {
		t.Error("the search cannot fail")
	}
}

// The metadata name every other file with its size and hash, and nothing is missing in
// them but the identifier that GovData assigns.
func TestOpenDataMetadataForeignReader(t *testing.T) {
	files, err := OpenData(t.Context(), released(), "servicepoint test")
	if err != nil {
		t.Fatal(err)
	}
	turtle, linked := string(files["metadaten.ttl"]), string(files["metadaten.jsonld"])
	for name, b := range files {
		sum := fmt.Sprintf("%x", sha256.Sum256(b))
		size := fmt.Sprintf(`dcat:byteSize "%d"`, len(b))
		if described := strings.Contains(turtle, "dcat:downloadURL <"+name+">") && strings.Contains(turtle, sum) && strings.Contains(turtle, size) && strings.Contains(linked, sum); described == strings.HasPrefix(name, "metadaten.") {
			t.Errorf("%s is described: %v", name, described)
		}
	}
	for _, want := range []string{"<../#dataset>", "dl-by-de/2.0", "municipalityKey/06611000", "PUBLIC", `"Ergebnisse: Smart Kassel"@de`} {
		if !strings.Contains(turtle, want) {
			t.Errorf("no %s in\n%s", want, turtle)
		}
	}
	if got := fmt.Sprint(dcattest.Broken(t, turtle)); got != "[[contributorID MinCountConstraintComponent]]" {
		t.Errorf("breaks %s", got)
	}
}
