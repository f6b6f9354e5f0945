package feed_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/exports/feed"
	"servicepoint/exports/frame/frametest"

	"github.com/parquet-go/parquet-go"
)

func de(s string) content.Text { return content.Text{content.German: s} }

func questionnaire(version int) survey.Questionnaire {
	age := survey.Item{Code: "age", Type: survey.Number, Integer: true, Text: de("Alter?")}
	if version == 2 { // a change of type, as it must not happen and does
		age = survey.Item{Code: "age", Type: survey.SingleChoice, Text: de("Alter?"), Options: []survey.Option{{Code: "jung", Text: de("jung")}, {Code: "alt", Text: de("alt")}}}
	}
	items := []survey.Item{age, {Code: "idea", Type: survey.LongText, Text: de("Idee?")}, {Code: "name", Type: survey.ShortText, Personal: true, Text: de("Ihr Name?")}}
	if version == 2 {
		items = append(items, survey.Item{Code: "happy", Type: survey.YesNo, Text: de("Zufrieden?")})
	}
	return survey.Questionnaire{Slug: "smart-kassel", Version: version, Languages: []string{"de"}, Title: de("Smart Kassel"), Pages: []survey.Page{{Code: "a", Items: items}}}
}

func response(version, place int) survey.Response {
	r := survey.Response{ID: fmt.Sprint(place), Version: version, Language: "de", Channel: "web", Day: "2026-12-01",
		Answers: survey.Answers{"age": float64(20 + place), "idea": "=mehr Bäume", "name": "Erika Mustermann"}}
	if version == 2 {
		r.Answers["age"], r.Answers["happy"] = "jung", "yes"
	}
	return r
}

// block has ten responses of each version named.
func block(sequence int64, texts bool, versions ...int) feed.Block {
	b := feed.Block{Sequence: sequence, Mark: fmt.Sprintf("%032x", sequence*7919), Survey: "smart-kassel"}
	b.Load = func() (c feed.Content, err error) {
		for i, v := range versions {
			c.Parts = append(c.Parts, feed.Part{Questionnaire: questionnaire(v), Rows: 10, FreeText: texts, Responses: func(yield func(survey.Response, error) bool) {
				for n := range 10 {
					if !yield(response(v, i*10+n+1), nil) {
						return
					}
				}
			}})
		}
		return c, nil
	}
	return b
}

func erased(sequence int64, places ...feed.Place) feed.Block {
	return feed.Block{Sequence: sequence, Mark: fmt.Sprintf("%032x", sequence*7919), Survey: "smart-kassel", Load: func() (feed.Content, error) {
		return feed.Content{Erased: places}, nil
	}}
}

func blocks() []feed.Block {
	return []feed.Block{block(1, false, 1), block(2, false, 1, 2), erased(3, feed.Place{Sequence: 1, Row: 4}, feed.Place{Sequence: 2, Row: 20}), block(4, true, 2)}
}

// rows reads what counts: the manifest's files, whose hashes must be right, less what is
// erased, as "block/row".
func rows(t *testing.T, dir string) (live []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, feed.ManifestName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var m feed.Manifest
	if err := errors.Join(err, json.Unmarshal(b, &m)); err != nil {
		t.Fatal(err)
	}
	there, gone := map[string]bool{}, map[string]bool{}
	for _, f := range m.Files {
		b, err := os.ReadFile(filepath.Join(dir, f.Path))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != f.SHA256 || int64(len(b)) != f.Bytes {
			t.Errorf("%s is not the file of the manifest", f.Path)
		}
		type named struct {
			Block *int64 `parquet:"_block,optional"`
			Row   *int64 `parquet:"_row,optional"`
		}
		list, err := parquet.Read[named](bytes.NewReader(b), int64(len(b)))
		if err != nil || len(list) != f.Rows {
			t.Fatalf("%s: %d rows of %d: %v", f.Path, len(list), f.Rows, err)
		}
		for _, r := range list {
			key := fmt.Sprintf("%d/%d", *r.Block, *r.Row)
			if f.Kind == "erased" {
				gone[key] = true
				continue
			}
			if there[key] {
				t.Errorf("row %s is there twice", key)
			}
			there[key] = true
		}
	}
	for key := range gone {
		delete(there, key)
	}
	return slices.Sorted(maps.Keys(there))
}

func TestTheFeedHoldsEveryBlockOnce(t *testing.T) {
	dir := t.TempDir()
	for i, want := range []struct{ rows, blocks int }{{10, 1}, {30, 2}, {28, 3}, {38, 4}, {38, 4}} {
		report, err := feed.Run(t.Context(), feed.Folder(dir), blocks()[:want.blocks], "test", "2026-12-02")
		if err != nil {
			t.Fatal(err)
		}
		if got := rows(t, dir); len(got) != want.rows {
			t.Errorf("run %d: %d rows, want %d", i, len(got), want.rows)
		}
		if i == 4 && report != (feed.Report{}) {
			t.Errorf("nothing was missing: %+v", report)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "survey=smart-kassel", "version=2", "000000000002.parquet")); err != nil {
		t.Error(err)
	}
}

// failing ends a run at the n-th write: before it, in the middle of the file, or after it.
type failing struct {
	feed.Folder
	n, how int
}

var errBroken = errors.New("the line is broken")

func (s *failing) Write(ctx context.Context, name string, write func(io.Writer) error) error {
	if s.n--; s.n != 0 {
		return s.Folder.Write(ctx, name, write)
	}
	switch s.how {
	case 0:
	case 1: // as a kill leaves it: half a file under its temporary name
		path := filepath.Join(string(s.Folder), filepath.FromSlash(name)) + ".new"
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte("PAR1 half of it"), 0o600); err != nil {
			return err
		}
	case 2:
		if err := s.Folder.Write(ctx, name, write); err != nil {
			return err
		}
	}
	return errBroken
}

// A run may end anywhere. What the manifest names is always whole and nothing is there
// twice; the next run makes up for it.
func TestARunThatBreaksOffIsMadeUpFor(t *testing.T) {
	whole := t.TempDir()
	if _, err := feed.Run(t.Context(), feed.Folder(whole), blocks(), "test", "2026-12-02"); err != nil {
		t.Fatal(err)
	}
	want := rows(t, whole)
	breaks := 0
	for n := 1; n < 20; n++ {
		for how := range 3 {
			dir := t.TempDir()
			if _, err := feed.Run(t.Context(), feed.Folder(dir), blocks()[:1], "test", "2026-12-01"); err != nil {
				t.Fatal(err)
			}
			_, err := feed.Run(t.Context(), &failing{feed.Folder(dir), n, how}, blocks(), "test", "2026-12-02")
			if err != nil && !errors.Is(err, errBroken) {
				t.Fatal(err)
			}
			if err != nil {
				breaks++
			}
			if got := rows(t, dir); len(got) != 10 && !slices.Equal(got, want) {
				t.Errorf("break %d/%d: %d rows count", n, how, len(got))
			}
			if _, err := feed.Run(t.Context(), feed.Folder(dir), blocks(), "test", "2026-12-03"); err != nil {
				t.Fatal(err)
			}
			if got := rows(t, dir); !slices.Equal(got, want) {
				t.Errorf("break %d/%d: %d rows after the next run, want %d", n, how, len(got), len(want))
			}
		}
	}
	if breaks < 15 { // five files, views and manifest, three ways
		t.Errorf("only %d runs broke off", breaks)
	}
}

func TestManyBlocksCountBeforeTheLastIsWritten(t *testing.T) {
	var list []feed.Block
	for i := range int64(120) {
		list = append(list, block(i+1, false, 1))
	}
	dir := t.TempDir()
	if _, err := feed.Run(t.Context(), &failing{feed.Folder(dir), 115, 0}, list, "test", "2026-12-02"); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	if got := len(rows(t, dir)); got != 1000 {
		t.Errorf("%d rows count", got)
	}
}

// A database that a backup gave back has forgotten blocks and would use their sequences
// again; and a place may belong to another database.
func TestAPlaceOfOtherBlocksIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	if _, err := feed.Run(t.Context(), feed.Folder(dir), blocks(), "test", "2026-12-02"); err != nil {
		t.Fatal(err)
	}
	other := block(4, false, 1)
	other.Mark = strings.Repeat("0", 32)
	for name, list := range map[string][]feed.Block{"forgotten": blocks()[:3], "another": {blocks()[0], blocks()[1], blocks()[2], other}} {
		if _, err := feed.Run(t.Context(), feed.Folder(dir), list, "test", "2026-12-02"); !errors.Is(err, feed.ErrAhead) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, feed.ManifestName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := feed.Run(t.Context(), feed.Folder(dir), blocks(), "test", "2026-12-02"); err == nil {
		t.Error("a manifest that nobody can read was written over")
	}
}

// Nothing personal is in any file; free texts are where the survey says so.
func TestOnlyWhatMayLeaveIsInTheFiles(t *testing.T) {
	dir := t.TempDir()
	if _, err := feed.Run(t.Context(), feed.Folder(dir), blocks(), "test", "2026-12-02"); err != nil {
		t.Fatal(err)
	}
	columns := func(path string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range f.Root().Columns() {
			names = append(names, c.Name())
		}
		return strings.Join(names, " ")
	}
	if got, want := columns("survey=smart-kassel/version=1/000000000001.parquet"), "_block _row version language channel day age age?"; got != want {
		t.Errorf("columns %s", got)
	}
	if got, want := columns("survey=smart-kassel/version=2/000000000004.parquet"), "_block _row version language channel day age age? idea idea? happy happy?"; got != want {
		t.Errorf("columns with texts %s", got)
	}
}

// The views read every version side by side and leave out what is erased.
func TestForeignReaderDuckDBReadsTheViews(t *testing.T) {
	dir := t.TempDir()
	for n := 1; n <= 4; n++ {
		if _, err := feed.Run(t.Context(), feed.Folder(dir), blocks()[:n], "test", "2026-12-02"); err != nil {
			t.Fatal(err)
		}
		if n == 3 { // a file that no manifest names does not count
			b, err := os.ReadFile(filepath.Join(dir, "survey=smart-kassel", "version=1", "000000000001.parquet"))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, "survey=smart-kassel", "version=1", "000000000099.parquet"), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		views, err := os.ReadFile(filepath.Join(dir, feed.ViewsName))
		if err != nil {
			t.Fatal(err)
		}
		a := frametest.DuckDB(t, fmt.Sprintf("SET VARIABLE feed = '%s';\n%s\nSELECT count(*), count(DISTINCT (_block, _row)), count(*) FILTER (version = 1 AND TRY_CAST(age AS INTEGER) > 20), count(*) FILTER (CAST(age AS VARCHAR) = 'jung') FROM %s",
			dir, views, feed.ViewName("smart-kassel")))
		want := map[int]string{1: "[[10 10 10 0]]", 2: "[[30 30 20 10]]", 3: "[[28 28 19 9]]", 4: "[[38 38 19 19]]"}[n]
		if got := fmt.Sprint(a.Rows); got != want {
			t.Errorf("%d blocks: %s, want %s", n, got, want)
		}
	}
}

// The query that docs/warehouse.md shows is run as it stands.
func TestForeignReaderDuckDBRunsTheQueryOfTheDocument(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "warehouse.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, query, ok := strings.Cut(string(doc), "```sql\nSELECT")
	query, _, closed := strings.Cut(query, "```")
	if !ok || !closed {
		t.Fatal("the document shows no query")
	}
	dir := t.TempDir()
	if _, err := feed.Run(t.Context(), feed.Folder(dir), blocks(), "test", "2026-12-02"); err != nil {
		t.Fatal(err)
	}
	views, err := os.ReadFile(filepath.Join(dir, feed.ViewsName))
	if err != nil {
		t.Fatal(err)
	}
	a := frametest.DuckDB(t, fmt.Sprintf("SET VARIABLE feed = '%s';\n%s\nSELECT%s", dir, views, query))
	if got, want := fmt.Sprint(a.Names, a.Rows), "[version channel n content dont_know] [[1 web 19 0 0] [2 web 19 19 0]]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
