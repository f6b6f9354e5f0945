package ods_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"servicepoint/exports/frame"
	"servicepoint/exports/frame/frametest"
	"servicepoint/exports/ods"

	"pgregory.net/rapid"
)

type failer interface {
	Fatal(...any)
	Errorf(string, ...any)
}

func write(t failer, f *frame.Frame) []byte {
	var b bytes.Buffer
	w, err := ods.New(&b, f)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range frametest.All(f) {
		if err := w.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func part(t failer, file []byte, name string) []byte {
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sheets(t failer, file []byte) map[string][][]frametest.Cell {
	all, err := frametest.ReadSheets(part(t, file, "content.xml"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var lastUncertainDay = "1900-02-28"

func same(t failer, f *frame.Frame) { compare(t, f, sheets(t, write(t, f))["Daten"], 0) }

func compare(t failer, f *frame.Frame, got [][]frametest.Cell, tolerance float64) {
	want := frametest.All(f)
	if len(got) > len(want)+1 {
		t.Fatal("rows", len(got), "instead of", len(want)+1)
	}
	for i, row := range want {
		for j, v := range row {
			c, have := f.Columns[j], frametest.Cell{}
			if i+1 < len(got) && j < len(got[i+1]) {
				have = got[i+1][j]
			}
			wanted := frametest.Cell{}
			switch {
			case v.State == frame.Number && math.Abs(v.Number) >= 1e15 && math.Trunc(v.Number) == v.Number:
				wanted = frametest.Cell{Kind: "string", Text: strconv.FormatFloat(v.Number, 'f', -1, 64)}
			case v.State == frame.Number:
				n, err := strconv.ParseFloat(have.Value, 64)
				if err != nil || math.Abs(n-v.Number) > tolerance*math.Abs(v.Number) || have.Kind != "float" {
					t.Errorf("row %d, %s: %+v instead of %v", i, c.Name, have, v.Number)
				}
				continue
			case v.State == frame.Words && c.Kind == frame.Day && v.Text > lastUncertainDay:
				d, _ := time.Parse(time.DateOnly, v.Text)
				wanted = frametest.Cell{Kind: "date", Value: v.Text, Text: d.Format("02.01.2006")}
			case v.State == frame.Words && c.Kind == frame.Time:
				wanted = frametest.Cell{Kind: "time", Value: "PT" + v.Text[:2] + "H" + v.Text[3:] + "M00S", Text: v.Text}
			case v.State != frame.Blank:
				wanted.Kind = "string"
				wanted.Text, _ = v.Written()
			}
			if have != wanted {
				t.Errorf("row %d, %s: %+v instead of %+v", i, c.Name, have, wanted)
			}
		}
	}
}

func TestEveryTrapIsReadBack(t *testing.T) { same(t, frametest.Traps()) }

func TestAnyFrameIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { same(t, frametest.Frames().Draw(t, "frame")) })
}

func FuzzTextsAreReadBack(f *testing.F) {
	for _, s := range frametest.Texts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		same(t, frametest.Of("x", []frame.Column{{Name: "a", Kind: frame.Text}}, []frame.Value{frame.Str(s)}))
	})
}

// Programs tell an ODF file by its first bytes: the part "mimetype", neither packed nor
// with an extra field (ODF 1.3 part 2, 3.3).
func TestTheMediaTypeComesFirst(t *testing.T) {
	b := write(t, frametest.Traps())
	const media = "application/vnd.oasis.opendocument.spreadsheet"
	if string(b[30:38]) != "mimetype" || string(b[38:38+len(media)]) != media || binary.LittleEndian.Uint16(b[8:]) != 0 || binary.LittleEndian.Uint16(b[28:]) != 0 {
		t.Errorf("the file begins with %q", b[:90])
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	listed := string(part(t, b, "META-INF/manifest.xml"))
	for _, f := range z.File {
		if f.Name != "mimetype" && f.Name != "META-INF/manifest.xml" && !strings.Contains(listed, `"`+f.Name+`"`) {
			t.Errorf("%s is not in the manifest", f.Name)
		}
	}
}

func TestEveryPartIsWellFormedAndNamesNobody(t *testing.T) {
	b := write(t, frametest.Traps())
	for _, name := range []string{"content.xml", "styles.xml", "meta.xml", "settings.xml", "META-INF/manifest.xml"} {
		p := part(t, b, name)
		d := xml.NewDecoder(bytes.NewReader(p))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if bytes.Contains(p, []byte("creator")) {
			t.Errorf("%s names a person", name)
		}
	}
}

func TestTheCodebookIsASheet(t *testing.T) {
	all := sheets(t, write(t, frametest.Traps()))
	var lines []string
	for _, row := range all["Codebuch"] {
		var s []string
		for _, c := range row {
			s = append(s, c.Text)
		}
		for len(s) < 6 {
			s = append(s, "")
		}
		lines = append(lines, strings.Join(s, "|"))
	}
	book := strings.Join(lines, "\n")
	for _, want := range []string{"Spalte|Bedeutung|Art|Einheit|Code|Bezeichnung", "district|Wo wohnen Sie?|Code|||", "district||||2|Nord (Holland)", "age|Alter|ganze Zahl|Jahre||", "age||||?skipped|übersprungen"} {
		if !strings.Contains(book, want) {
			t.Errorf("no line %q in\n%s", want, book)
		}
	}
}

func TestTooManyColumnsAreRefused(t *testing.T) {
	if _, err := ods.New(io.Discard, frametest.Of("x", make([]frame.Column, ods.MaxColumns+1))); err == nil {
		t.Error("taken")
	}
}
