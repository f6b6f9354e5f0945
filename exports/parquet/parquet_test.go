package parquet_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"servicepoint/exports/frame"
	"servicepoint/exports/frame/frametest"
	"servicepoint/exports/parquet"

	pq "github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"
)

func write(t interface{ Fatal(...any) }, f *frame.Frame) *pq.File {
	var b bytes.Buffer
	w, err := parquet.New(&b, f, "servicepoint.block", "7")
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
	file, err := pq.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// rows reads a file back into cells.
func rows(t interface{ Fatal(...any) }, file *pq.File, columns []frame.Column) (all [][]frame.Value) {
	r := pq.NewReader(file)
	defer r.Close()
	buf := make([]pq.Row, 1)
	for range file.NumRows() {
		if n, _ := r.ReadRows(buf); n != 1 {
			t.Fatal("a row is missing")
		}
		var cells []frame.Value
		at := 0
		for _, c := range columns {
			v := buf[0][at]
			at++
			cell := frame.Value{}
			if !v.IsNull() {
				switch c.Kind {
				case frame.Integer:
					cell = frame.Num(float64(v.Int64()))
				case frame.Decimal:
					cell = frame.Num(v.Double())
				case frame.Flag:
					cell = frame.Num(float64(v.Int32()))
				case frame.Day:
					cell = frame.Str(time.Unix(int64(v.Int32())*86400, 0).UTC().Format(time.DateOnly))
				default:
					cell = frame.Str(v.String())
				}
			}
			if c.Marks {
				if m := buf[0][at]; !m.IsNull() {
					if cell.State != frame.Blank {
						t.Fatal(c.Name + " has a value and a mark")
					}
					cell = frame.Marked("?" + m.String())
				}
				at++
			}
			cells = append(cells, cell)
		}
		all = append(all, cells)
	}
	return all
}

func same(t interface {
	Fatal(...any)
	Errorf(string, ...any)
}, f *frame.Frame) {
	got := rows(t, write(t, f), f.Columns)
	want := frametest.All(f)
	if len(got) != len(want) {
		t.Fatal("rows", len(got), "instead of", len(want))
	}
	for i, row := range want {
		for j, v := range row {
			if got[i][j] != frametest.Wanted(v) {
				t.Errorf("row %d, %s: %+v instead of %+v", i, f.Columns[j].Name, got[i][j], v)
			}
		}
	}
}

func TestEveryTrapIsReadBack(t *testing.T) { same(t, frametest.Traps()) }

func TestAnyFrameIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { same(t, frametest.Frames().Draw(t, "frame")) })
}

func TestManyRowGroupsAreReadBack(t *testing.T) {
	f := frametest.Many(140_000)
	file := write(t, f)
	if n := len(file.RowGroups()); n < 2 || file.NumRows() != 140_000 {
		t.Errorf("%d row groups, %d rows", n, file.NumRows())
	}
	want := frametest.All(frametest.Many(140_000))
	got := rows(t, file, f.Columns)
	for i := range want {
		for j := range want[i] {
			if got[i][j] != want[i][j] {
				t.Fatalf("row %d column %d: %+v instead of %+v", i, j, got[i][j], want[i][j])
			}
		}
	}
}

func TestColumnsKeepTheirOrderTypesAndLabels(t *testing.T) {
	file := write(t, frametest.Traps())
	var got []string
	for _, c := range file.Root().Columns() {
		got = append(got, c.Name()+" "+c.Type().String())
		if !c.Optional() {
			t.Errorf("%s cannot be null", c.Name())
		}
	}
	want := "version INT(64,true)|district STRING|district? STRING|themes STRING|themes? STRING|themes.energy INT(8,true)|age INT(64,true)|age? STRING|" +
		"rent DOUBLE|rent? STRING|since DATE|since? STRING|at STRING|at? STRING|ideas STRING|ideas? STRING"
	if strings.Join(got, "|") != want {
		t.Errorf("columns\n%s\nwant\n%s", strings.Join(got, "|"), want)
	}
	text, ok := file.Lookup(parquet.MetadataKey)
	var book struct {
		Columns []struct {
			Name, Unit string
			Label      map[string]string
			Categories []struct{ Code string }
		}
	}
	if err := json.Unmarshal([]byte(text), &book); !ok || err != nil || book.Columns[1].Label["en"] != "Where do you live?" ||
		len(book.Columns[1].Categories) != 3 || book.Columns[4].Unit != "Jahre" {
		t.Errorf("%v %s", err, text)
	}
	if v, _ := file.Lookup("servicepoint.block"); v != "7" {
		t.Errorf("block %q", v)
	}
	for _, g := range file.Metadata().RowGroups {
		for _, c := range g.Columns {
			if c.MetaData.Codec.String() != "ZSTD" {
				t.Errorf("%v is packed with %v", c.MetaData.PathInSchema, c.MetaData.Codec)
			}
		}
	}
}

// A value that does not fit its column ends the file; the error tells where and not what.
func TestValuesThatDoNotFitAreErrors(t *testing.T) {
	for name, c := range map[string]struct {
		kind frame.Kind
		v    frame.Value
	}{
		"half years": {frame.Integer, frame.Num(7.5)}, "too large": {frame.Integer, frame.Num(1e18)}, "text as number": {frame.Decimal, frame.Str("viel")},
		"two as flag": {frame.Flag, frame.Num(2)}, "no day": {frame.Day, frame.Str("gestern")}, "number as text": {frame.Text, frame.Num(1)},
	} {
		f := frametest.Of("x", []frame.Column{{Name: "q", Kind: c.kind}})
		w, err := parquet.New(&bytes.Buffer{}, f)
		if err != nil {
			t.Fatal(err)
		}
		err = w.Row([]frame.Value{c.v})
		if err == nil || !strings.Contains(err.Error(), "row 1, column q") || strings.Contains(err.Error(), "viel") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFrameWithoutRowsIsAFile(t *testing.T) {
	f := frametest.Of("leer", frametest.Columns())
	if file := write(t, f); file.NumRows() != 0 || len(file.Root().Columns()) != 16 {
		t.Error(file.NumRows(), len(file.Root().Columns()))
	}
}
