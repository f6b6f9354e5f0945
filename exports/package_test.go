package exports_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/content/survey/surveytest"
	"servicepoint/exports"

	"github.com/xuri/excelize/v2"
)

// unpacked reads a package and holds its manifest against its files.
func unpacked(t *testing.T, path string) (map[string][]byte, exports.Manifest) {
	t.Helper()
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	files := map[string][]byte{}
	for _, f := range archive.File {
		if f.Modified.Year() < 2026 {
			t.Errorf("%s is of %v", f.Name, f.Modified)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r) // checks the CRC
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		r.Close()
		if strings.ContainsAny(f.Name, `/\`) {
			t.Errorf("the file %q is in a folder", f.Name)
		}
		files[f.Name] = b
	}
	if last := archive.File[len(archive.File)-1].Name; last != exports.ManifestName {
		t.Errorf("the last file is %s", last)
	}
	var m exports.Manifest
	dec := json.NewDecoder(bytes.NewReader(files[exports.ManifestName]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		t.Fatal(err)
	}
	if len(m.Files) != len(files)-1 {
		t.Errorf("the manifest names %d files of %d", len(m.Files), len(files)-1)
	}
	for _, f := range m.Files {
		sum := sha256.Sum256(files[f.Name])
		if f.SHA256 != hex.EncodeToString(sum[:]) || f.Bytes != int64(len(files[f.Name])) || f.MediaType == "" {
			t.Errorf("%s is not as the manifest says: %+v", f.Name, f)
		}
	}
	return files, m
}

func pack(t *testing.T, s exports.Survey, p exports.Profile) (map[string][]byte, exports.Manifest) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "package.zip")
	want, err := exports.WritePackage(t.Context(), path, s, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if left := names(t, dir); !slices.Equal(left, []string{"package.zip"}) {
		t.Errorf("in the folder are %v", left)
	}
	if at, err := os.Stat(path); err != nil || at.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v %v", at.Mode(), err)
	}
	files, m := unpacked(t, path)
	told, _ := json.Marshal(want)
	read, _ := json.Marshal(m)
	if !bytes.Equal(told, read) {
		t.Errorf("returned\n%s\nwritten\n%s", told, read)
	}
	return files, m
}

func names(t testing.TB, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if path != dir {
			list = append(list, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Every file of a package has the same rows, whatever its format.
func TestAllFilesOfAPackageHaveTheSameRows(t *testing.T) {
	given := responses()
	given[1].Answers["age"] = 7.0 // the question asks for whole numbers
	s := fixture(given)
	passes := 0
	rows := s.Rows
	s.Rows = func(yield func(survey.Response, error) bool) { passes++; rows(yield) }
	files, m := pack(t, s, exports.Profile{Formats: exports.FormatNames()})
	if passes > 2 {
		t.Errorf("%d passes over the rows", passes)
	}
	for _, f := range exports.Formats {
		if !slices.ContainsFunc(m.Files, func(have exports.ManifestFile) bool { return have.Format == f.Name }) {
			t.Errorf("no file of format %s", f.Name)
		}
	}
	table, err := csv.NewReader(bytes.NewReader(files["smart-kassel.csv"])).ReadAll()
	if err != nil || len(table) != 5 || !slices.Equal(table[0], m.Columns) {
		t.Fatalf("CSV: %d lines, %v", len(table), err)
	}
	book, err := excelize.OpenReader(bytes.NewReader(files["smart-kassel.xlsx"]))
	if err != nil {
		t.Fatal(err)
	}
	sheet, err := book.GetRows(exports.SheetCodes, excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	at := slices.Index(m.Columns, "ideas")
	lines := bufio.NewScanner(bytes.NewReader(files["smart-kassel.jsonl"]))
	for n := 1; n < len(table); n++ {
		inSheet := ""
		if at < len(sheet[n]) {
			inSheet = sheet[n][at]
		}
		var object map[string]any
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &object) != nil {
			t.Fatal("JSON Lines end early")
		}
		inLines, _ := object["ideas"].(string)
		if mark, ok := object["ideas?"].(string); ok {
			inLines = "?" + mark
		}
		if table[n][at] != inSheet || inLines != inSheet {
			t.Errorf("row %d: CSV %q, workbook %q, JSON Lines %q", n, table[n][at], inSheet, inLines)
		}
	}
	var described struct {
		Resources []struct{ Path, Hash string }
	}
	if err := json.Unmarshal(files["datapackage.json"], &described); err != nil || len(described.Resources) != 1 || described.Resources[0].Path != "smart-kassel.csv" {
		t.Errorf("datapackage.json: %+v %v", described, err)
	}
	if !strings.Contains(string(files["smart-kassel_codebuch.csv"]), "themes;Codes;Welche Themen sind Ihnen wichtig?;;1, 2;energy;Energie") {
		t.Errorf("codebook:\n%s", files["smart-kassel_codebuch.csv"])
	}
}

// What describes the files of a package knows all of them.
func TestPackagesDescribeThemselves(t *testing.T) {
	given := responses()
	given[1].Answers["age"] = 7.0
	files, m := pack(t, fixture(given), exports.Profile{Formats: exports.FormatNames()})
	turtle := string(files["smart-kassel_dcat.ttl"])
	for _, f := range m.Files {
		if f.Format == "dcat" || f.Format == "" {
			continue
		}
		if !strings.Contains(turtle, "dcat:accessURL <"+f.Name+">") || !strings.Contains(turtle, f.SHA256) {
			t.Errorf("%s is not described with its hash in\n%s", f.Name, turtle)
		}
	}
	for name, want := range map[string][]string{
		"smart-kassel_dcat.jsonld":        {`"dcatde:politicalGeocodingURI"`, "06611000", "NON_PUBLIC"},
		"smart-kassel_ddi.xml":            {"<caseQnty>4</caseQnty>", "<fileName>smart-kassel.sav</fileName>", `date="2026-12-24"`, "<catValu>?skipped</catValu>"},
		"smart-kassel_fragebogen_ddi.xml": {`<qstn ID="q_age"`},
		"smart-kassel.sps":                {"GET FILE='smart-kassel.sav'", "Zeilenumbruch"}, // an idea has two lines
		"smart-kassel.R":                  {`datei <- "smart-kassel.csv"`},
	} {
		for _, w := range want {
			if !strings.Contains(string(files[name]), w) {
				t.Errorf("%s: no %q in\n%.3000s", name, w, files[name])
			}
		}
	}
}

func TestTheManifestTellsWhatIsInThePackage(t *testing.T) {
	s := fixture(responses())
	s.Watermark, s.FreeText = "Erika Muster, Auswertung für den Beirat, bis 31.12.2026", false
	files, m := pack(t, s, exports.Profile{Formats: []string{"csv"}})
	if m.Survey != "smart-kassel" || m.Rows != 4 || m.From != "2026-11-03" || m.To != "2026-12-24" || m.Program != "servicepoint test" ||
		m.Purpose != s.Watermark || m.Channels["web"] != 2 || !strings.Contains(m.Licence, "Nicht veröffentlichen") {
		t.Errorf("%+v", m)
	}
	if len(m.Versions) != 2 || m.Versions[0].Responses != 1 || m.Versions[1].Responses != 3 {
		t.Errorf("versions %+v", m.Versions)
	}
	if !slices.Equal(m.LeftOut.FreeText, []string{"ideas", "fax"}) || slices.Contains(m.Columns, "ideas") {
		t.Errorf("left out %+v of %v", m.LeftOut, m.Columns)
	}
	readme := string(files[exports.ReadmeName])
	for _, want := range []string{"NUR FÜR: " + s.Watermark, "Antworten:    4", "weggelassen: ideas, fax", "smart-kassel.csv", "24.12.2026 12:30 Uhr", "Version 2: ab 01.12.2026 08:00"} {
		if !strings.Contains(readme, want) {
			t.Errorf("Lesemich lacks %q:\n%s", want, readme)
		}
	}
	for name, b := range files {
		if bytes.Contains(b, []byte("0561 123456")) {
			t.Errorf("%s holds a free text", name)
		}
	}
}

func TestPersonalAnswersAreInNoFileOfThePackage(t *testing.T) {
	q := surveytest.Everything()
	s := exports.Survey{Versions: []survey.Questionnaire{q}, FreeText: true, Count: 1, Rows: all([]survey.Response{{
		Version: 1, Day: "2026-12-02", Seed: 54321, ID: "a-secret-id", Answers: survey.Answers{"reason": "price", "name": "Erika Geheim", "mail": "erika@geheim.example", "idea": "Bänke"},
	}})}
	for _, cleared := range []bool{false, true} {
		s.Personal = cleared
		files, m := pack(t, s, exports.Profile{Formats: []string{"csv", "csv-de", "jsonl"}})
		for name, b := range files {
			if strings.Contains(string(b), "54321") || strings.Contains(string(b), "a-secret-id") {
				t.Errorf("%s has the seed or the id", name)
			}
			if strings.Contains(string(b), "Erika Geheim") && !cleared {
				t.Errorf("%s tells a name", name)
			}
		}
		if !strings.Contains(string(files["everything.csv"]), "Bänke") || strings.Contains(string(files["everything.csv"]), "Erika Geheim") != cleared {
			t.Errorf("cleared: %v, and the rows are otherwise", cleared)
		}
		if slices.Contains(m.LeftOut.Personal, "name") == cleared {
			t.Errorf("cleared: %v, left out %v", cleared, m.LeftOut.Personal)
		}
	}
}

func TestAFilterChoosesRows(t *testing.T) {
	for _, c := range []struct {
		what   string
		filter exports.Filter
		rows   int
		says   string
	}{
		{"nothing", exports.Filter{}, 4, "keiner"},
		{"days", exports.Filter{From: "2026-12-02", To: "2026-12-02"}, 1, "ab 02.12.2026; bis 02.12.2026"},
		{"channels", exports.Filter{Channels: []string{"web", "paper"}}, 3, "web, paper"},
		{"language and version", exports.Filter{Languages: []string{"de"}, Versions: []int{2}}, 2, "Version: 2"},
		{"none left", exports.Filter{From: "2027-01-01"}, 0, "ab 01.01.2027"},
	} {
		files, m := pack(t, fixture(responses()), exports.Profile{Formats: []string{"csv", "xlsx"}, Filter: c.filter})
		if lines := strings.Count(string(files["smart-kassel.csv"]), "\r\n"); m.Rows != c.rows || lines != c.rows+1 {
			t.Errorf("%s: %d rows, %d lines", c.what, m.Rows, lines)
		}
		if !strings.Contains(string(files[exports.ReadmeName]), c.says) {
			t.Errorf("%s: Lesemich does not say %q", c.what, c.says)
		}
	}
}

func TestWhatCannotBePackedIsRefused(t *testing.T) {
	broken := errors.New("disk on fire")
	short, failing := fixture(responses()), fixture(responses())
	short.Count = 5
	failing.Rows = func(yield func(survey.Response, error) bool) {
		if yield(responses()[0], nil) {
			yield(survey.Response{}, broken)
		}
	}
	strange := fixture([]survey.Response{{Version: 9}})
	refusal := func(err error) bool { var r *exports.Refusal; return errors.As(err, &r) && r.Reason() != "" }
	for _, c := range []struct {
		what    string
		s       exports.Survey
		formats []string
		wanted  func(error) bool
	}{
		{"no format", fixture(responses()), nil, refusal},
		{"an unknown format", fixture(responses()), []string{"csv", "stone-tablet"}, refusal},
		{"fewer rows than announced", short, []string{"csv"}, func(err error) bool { return errors.Is(err, exports.ErrCount) }},
		{"fewer, with a workbook", short, []string{"csv", "xlsx"}, func(err error) bool { return errors.Is(err, exports.ErrCount) }},
		{"an error of the rows", failing, []string{"csv"}, func(err error) bool { return errors.Is(err, broken) }},
		{"an error of the rows, with a workbook", failing, []string{"xlsx", "csv"}, func(err error) bool { return errors.Is(err, broken) }},
		{"an unknown version", strange, []string{"csv"}, func(err error) bool { return err != nil }},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "package.zip")
		if _, err := exports.WritePackage(t.Context(), path, c.s, exports.Profile{Formats: c.formats}, nil); !c.wanted(err) {
			t.Errorf("%s: %v", c.what, err)
		}
		if left := names(t, dir); len(left) > 0 {
			t.Errorf("%s: %v left", c.what, left)
		}
	}
}

// A package that was there stays as it is until the new one is whole.
func TestACancelledPackageLeavesTheOldFileAndNothingElse(t *testing.T) {
	for _, formats := range [][]string{{"csv"}, {"csv", "parquet", "xlsx", "ods"}} {
		for _, at := range []int{0, 1, 700, 1999} {
			dir := t.TempDir()
			path := filepath.Join(dir, "package.zip")
			if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			s := fixture(nil)
			s.Count = 2000
			s.Rows = interrupted(many(2000), at, cancel)
			if _, err := exports.WritePackage(ctx, path, s, exports.Profile{Formats: formats}, nil); !errors.Is(err, context.Canceled) {
				t.Errorf("%v at row %d: %v", formats, at, err)
			}
			if b, _ := os.ReadFile(path); string(b) != "old" || len(names(t, dir)) != 1 {
				t.Errorf("%v at row %d: %v left, %q", formats, at, names(t, dir), b)
			}
		}
	}
}

func interrupted(rows iter.Seq2[survey.Response, error], at int, do func()) iter.Seq2[survey.Response, error] {
	return func(yield func(survey.Response, error) bool) {
		n := 0
		for r, err := range rows {
			if n == at {
				do()
			}
			if n++; !yield(r, err) {
				return
			}
		}
	}
}

// TestAKilledProcessLeavesNoPackage kills a process in the middle of its rows. No
// package appears, and the next call removes what it left, which is in a folder
// that only its owner can read.
func TestAKilledProcessLeavesNoPackage(t *testing.T) {
	if path := os.Getenv("EXPORTS_KILL"); path != "" {
		s := fixture(nil)
		s.Count = 5000
		s.Rows = interrupted(many(5000), 4000, func() {
			fmt.Println("half") // to the parent, which kills
			select {}
		})
		exports.WritePackage(context.Background(), path, s, exports.Profile{Formats: []string{"csv", "xlsx"}}, nil)
		return
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "package.zip")
	cmd := exec.Command(os.Args[0], "-test.run=^TestAKilledProcessLeavesNoPackage$")
	cmd.Env = append(os.Environ(), "EXPORTS_KILL="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "half\n" {
		t.Fatalf("%q %v", line, err)
	}
	if _, err := exports.WritePackage(t.Context(), path, fixture(responses()), exports.Profile{Formats: []string{"csv"}}, nil); !errors.Is(err, exports.ErrWriting) {
		t.Errorf("a second writer: %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	left := names(t, dir)
	if slices.Contains(left, "package.zip") || len(left) < 3 {
		t.Fatalf("after the kill there are %v", left)
	}
	if at, err := os.Stat(filepath.Join(dir, left[0])); err != nil || at.Mode().Perm() != 0o700 {
		t.Errorf("others can look into %s: %v", left[0], err)
	}
	if _, err := exports.WritePackage(t.Context(), path, fixture(responses()), exports.Profile{Formats: []string{"csv"}}, nil); err != nil {
		t.Fatal(err)
	}
	if left := names(t, dir); !slices.Equal(left, []string{"package.zip"}) {
		t.Errorf("left: %v", left)
	}
	unpacked(t, path)
}

func TestProgressOfAPackageRisesToTheTotal(t *testing.T) {
	for _, formats := range [][]string{{"csv"}, {"csv", "xlsx"}, exports.FormatNames()} {
		s := fixture(nil)
		s.Rows, s.Count = many(2000), 2000
		last := -1
		_, err := exports.WritePackage(t.Context(), filepath.Join(t.TempDir(), "x.zip"), s, exports.Profile{Formats: formats}, func(done, total int) {
			if done < last || total != 2000 {
				t.Errorf("%v: %d of %d after %d", formats, done, total, last)
			}
			last = done
		})
		if err != nil || last != 2000 {
			t.Errorf("%v: ended at %d, %v", formats, last, err)
		}
	}
}

func ExampleWritePackage() {
	dir, err := os.MkdirTemp("", "package")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	m, err := exports.WritePackage(context.Background(), filepath.Join(dir, "umfrage.zip"), fixture(responses()), exports.Profile{Formats: []string{"csv"}}, nil)
	if err != nil {
		panic(err)
	}
	for _, f := range m.Files {
		fmt.Println(f.Name)
	}
	// Output:
	// smart-kassel.csv
	// datapackage.json
	// LESEMICH.txt
}
