package delimited_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"servicepoint/exports/delimited"
	"servicepoint/exports/frame"
	"servicepoint/exports/frame/frametest"

	"pgregory.net/rapid"
)

// failer is what *testing.T and *rapid.T have in common.
type failer interface {
	Fatal(...any)
	Errorf(string, ...any)
}

type maker func(*bytes.Buffer, *frame.Frame) (frame.Sink, error)

func german(b *bytes.Buffer, f *frame.Frame) (frame.Sink, error) { return delimited.NewGerman(b, f) }
func plain(b *bytes.Buffer, f *frame.Frame) (frame.Sink, error)  { return delimited.NewCSV(b, f) }
func lines(b *bytes.Buffer, f *frame.Frame) (frame.Sink, error)  { return delimited.NewJSONLines(b, f) }

func write(t failer, f *frame.Frame, open maker) string {
	var b bytes.Buffer
	s, err := open(&b, f)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range frametest.All(f) {
		if err := s.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// records reads with the standard library's reader, which is stricter than ours writes.
func records(t failer, s string, comma rune) [][]string {
	r := csv.NewReader(strings.NewReader(s))
	r.Comma = comma
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// value turns a field back into a cell.
func value(t failer, c frame.Column, s string, isGerman bool) frame.Value {
	switch {
	case s == "":
		return frame.Value{}
	case c.Marks && (s == frame.Skipped || s == frame.DontKnow || s == frame.Declined):
		return frame.Marked(s)
	}
	switch c.Kind {
	case frame.Integer, frame.Decimal, frame.Flag:
		if isGerman {
			s = strings.Replace(s, ",", ".", 1)
		}
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return frame.Num(n)
	}
	if isGerman {
		if d, err := time.Parse("02.01.2006", s); err == nil && c.Kind == frame.Day {
			return frame.Str(d.Format(time.DateOnly))
		}
		s = strings.TrimPrefix(s, "'")
	}
	if rest, ok := strings.CutPrefix(s, " "); ok && (rest == frame.Skipped || rest == frame.DontKnow || rest == frame.Declined) {
		s = rest
	}
	return frame.Str(s)
}

func sameCSV(t failer, f *frame.Frame, isGerman bool) {
	open, comma := maker(plain), ','
	if isGerman {
		open, comma = german, ';'
	}
	s := write(t, f, open)
	if isGerman {
		var ok bool
		if s, ok = strings.CutPrefix(s, "\ufeff"); !ok {
			t.Fatal("no byte order mark")
		}
	}
	all := records(t, s, comma)
	want := frametest.All(f)
	if len(all) != len(want)+1 {
		t.Fatal("records", len(all), "rows", len(want))
	}
	for j, c := range f.Columns {
		if all[0][j] != c.Name {
			t.Errorf("heading %q", all[0][j])
		}
	}
	for i, row := range want {
		for j, v := range row {
			got := value(t, f.Columns[j], all[i+1][j], isGerman)
			want := frametest.Wanted(v)
			// The two texts " ?skipped" and "?skipped" of a person are written alike.
			want.Text = strings.TrimPrefix(want.Text, " ")
			got.Text = strings.TrimPrefix(got.Text, " ")
			if got != want {
				t.Errorf("row %d, %s: %+v instead of %+v", i, f.Columns[j].Name, got, want)
			}
		}
	}
}

func TestEveryTrapIsReadBack(t *testing.T) {
	t.Run("german", func(t *testing.T) { sameCSV(t, frametest.Traps(), true) })
	t.Run("programs", func(t *testing.T) { sameCSV(t, frametest.Traps(), false) })
	t.Run("json lines", func(t *testing.T) { sameJSON(t, frametest.Traps()) })
}

func TestAnyFrameIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := frametest.Frames().Draw(t, "frame")
		sameCSV(t, f, true)
		sameCSV(t, f, false)
		sameJSON(t, f)
	})
}

func sameJSON(t failer, f *frame.Frame) {
	s := write(t, f, lines)
	want := frametest.All(f)
	all := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	if s == "" {
		all = nil
	}
	if len(all) != len(want) || strings.ContainsAny(s, "\u2028\u2029\u0085\r") {
		t.Fatal("lines", len(all), "rows", len(want))
	}
	for i, row := range want {
		var got map[string]any
		if err := json.Unmarshal([]byte(all[i]), &got); err != nil {
			t.Fatal(err)
		}
		for j, v := range row {
			c := f.Columns[j]
			cell := frame.Value{}
			switch x := got[c.Name].(type) {
			case float64:
				cell = frame.Num(x)
			case string:
				cell = frame.Str(x)
			case []any:
				var codes []string
				for _, code := range x {
					codes = append(codes, code.(string))
				}
				cell = frame.Str(strings.Join(codes, " "))
			}
			if m, ok := got[c.Name+"?"].(string); ok {
				if cell.State != frame.Blank {
					t.Errorf("row %d, %s has a value and a mark", i, c.Name)
				}
				cell = frame.Marked("?" + m)
			}
			if cell != frametest.Wanted(v) {
				t.Errorf("row %d, %s: %+v instead of %+v", i, c.Name, cell, v)
			}
		}
	}
}

// No field of the German file begins like a formula, whatever quotes are around it;
// numbers, which begin with a minus, are the exception.
func TestNothingIsEvaluated(t *testing.T) {
	f := frametest.Traps()
	all := records(t, strings.TrimPrefix(write(t, f, german), "\ufeff"), ';')
	attacks := 0
	for _, row := range all[1:] {
		for j, s := range row {
			if k := f.Columns[j].Kind; k == frame.Integer || k == frame.Decimal {
				continue
			}
			if s != "" && strings.ContainsAny(s[:1], "=+-@\t\r\n") {
				t.Errorf("%s: %.40q", f.Columns[j].Name, s)
			}
			if strings.HasPrefix(s, "'") {
				attacks++
			}
		}
	}
	if attacks < 12 {
		t.Errorf("only %d texts have an apostrophe", attacks)
	}
	// The control: the file for programs holds them as they are.
	if s := write(t, f, plain); !strings.Contains(s, ",=1+1\r\n") {
		t.Error("the trap is not in the frame")
	}
}

func TestTheFormsOfBothFiles(t *testing.T) {
	f := frametest.Of("x", frametest.Columns(), frametest.All(frametest.Traps())[0])
	if got, want := write(t, f, german), "\ufeffversion;district;themes;themes.energy;age;rent;since;at;ideas\r\n1;1;energy bus;1;41;612,5;17.05.2001;09:30;Mehr Bäume\r\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := write(t, f, plain), "version,district,themes,themes.energy,age,rent,since,at,ideas\r\n1,1,energy bus,1,41,612.5,2001-05-17,09:30,Mehr Bäume\r\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := write(t, f, lines), `{"version":1,"district":"1","themes":["energy","bus"],"themes.energy":1,"age":41,"rent":612.5,"since":"2001-05-17","at":"09:30","ideas":"Mehr Bäume"}`+"\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// encoding/csv would write an empty line, which readers skip.
func TestABlankRowOfOneColumnIsARow(t *testing.T) {
	f := frametest.Of("x", []frame.Column{{Name: "q", Kind: frame.Text}}, []frame.Value{{}}, []frame.Value{frame.Str("a")})
	sameCSV(t, f, true)
	sameCSV(t, f, false)
}

func TestNumbersThatAreNoneAreErrors(t *testing.T) {
	for _, open := range []maker{german, plain, lines} {
		f := frametest.Of("x", []frame.Column{{Name: "q", Kind: frame.Decimal}})
		s, err := open(&bytes.Buffer{}, f)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Row([]frame.Value{frame.Num(math.NaN())}); err == nil || !strings.Contains(err.Error(), "row 1, column q") {
			t.Error(err)
		}
	}
}

func FuzzTextsAreReadBack(f *testing.F) {
	for _, s := range frametest.Texts {
		f.Add(s)
	}
	columns := []frame.Column{{Name: "a", Kind: frame.Text}, {Name: "b", Kind: frame.Text}}
	f.Fuzz(func(t *testing.T, s string) {
		fr := frametest.Of("x", columns, []frame.Value{frame.Str(s), frame.Str(s)})
		sameCSV(t, fr, true)
		sameCSV(t, fr, false)
		sameJSON(t, fr)
	})
}
