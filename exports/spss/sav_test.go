package spss_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/exports/frame"
	"servicepoint/exports/spss"

	"pgregory.net/rapid"
)

func (f *opened) find(t testing.TB, name string) *read {
	t.Helper()
	for _, v := range f.vars {
		if v.name == name {
			return v
		}
	}
	t.Fatalf("no variable %s", name)
	return nil
}

func TestDictionary(t *testing.T) {
	f, err := open(sav(t, everything()))
	if err != nil {
		t.Fatal(err)
	}
	if f.label != "Smart Kassel" || f.charset != "UTF-8" || f.count != 5 {
		t.Errorf("file: %q %q %d", f.label, f.charset, f.count)
	}
	if strings.Join(f.notes, " ") != strings.TrimSpace("Stadt Kassel – nur für Planende "+strings.Repeat("Für Mitarbeitende der Stadt. ", 9)) {
		t.Errorf("notes %q", f.notes)
	}
	happy := f.find(t, "happy")
	if want := map[string]string{"1": "sehr", "3": "geht so", "2": "gar nicht", "-97": "keine Angabe", "-98": "weiß nicht", "-99": "übersprungen"}; !reflect.DeepEqual(happy.values, want) {
		t.Errorf("labels of happy: %v", happy.values)
	}
	if f.attrs["happy"] != "Code('1=very'\n'3=middling'\n'2=not'\n" {
		t.Errorf("codes of happy: %q", f.attrs["happy"])
	}
	for name, want := range map[string]string{
		"happy": "0 5 1 -97 -98 -99", "district": "0 5 1 -97 -98 -99", "age": "0 5 3 -97 -98 -99",
		"rate":  "0 5 3 -997 -998 -999", // somebody answered -98
		"since": "0 38 3 -97 -98 -99", "at": "0 21 3 -97 -98 -99", "ideas": "1039 1 1 -97 -98 -99",
		"short":  "7 1 1 -997 -998 -999", // somebody wrote -99
		"themes": "15 1 1 -97 -98 -99", "themes.energy": "0 5 1", "version": "0 5 3", "V1": "0 5 3",
	} {
		v := f.find(t, name)
		if got := strings.TrimSpace(fmt.Sprint(v.width, " ", v.format, " ", v.measure, " ", strings.Join(v.missing, " "))); got != want {
			t.Errorf("%s: width, format, level, missing: %s, want %s", name, got, want)
		}
	}
	if f.find(t, "age").label != "Alter [Jahre]" {
		t.Errorf("unit: %q", f.find(t, "age").label)
	}
	// The short names of the 0/1 columns, in lower case. "V" is taken: V1 is a column's own name.
	if f.sets != "$themes=D1 1 14 Welche Themen? w5 w6\n" {
		t.Errorf("multiple response sets %q", f.sets)
	}
	long := f.vars[12]
	if long.name != "a_name_that_is_much_longer_than_the_sixty_four_bytes_that_SPSS_1" || len(long.label) > 255 || !strings.HasSuffix(long.label, "Ü…") {
		t.Errorf("%q %q", long.name, long.label)
	}
	if f.vars[13].name != "all_1" {
		t.Errorf("a reserved word became %q", f.vars[13].name)
	}
}

func TestValues(t *testing.T) {
	f, err := open(sav(t, everything()))
	if err != nil {
		t.Fatal(err)
	}
	day := func(s string) float64 {
		d, _ := time.Parse(time.DateOnly, s)
		return float64(d.Unix() - time.Date(1582, 10, 14, 0, 0, 0, 0, time.UTC).Unix())
	}
	long := strings.TrimRight(strings.Repeat("Ein Brunnen für alle – ", 40), " ")
	want := [][]any{
		{1.0, 1.0, 23.0, "energy mobility", 1.0, 1.0, 41.0, -98.0, day("2001-05-17"), 27900.0, "=1+1", "ä", "x", "y", -100.0},
		{2.0, 2.0, 1.0, "energy", 1.0, 0.0, 151.0, 36.25, day("1890-01-01"), 0.0, long, "-99", "", "", 1e15},
		{2.0, -99.0, -97.0, "-98", nil, nil, -99.0, -998.0, -97.0, -99.0, "-98", "-999", "", "", nil},
		{2.0, nil, nil, "", nil, nil, nil, nil, nil, nil, "", "", "", "", 0.1},
		{2.0, 3.0, 1.0, "mobility", 0.0, 1.0, 0.0, 1.0 / 3, day("2026-12-24"), 86340.0, "Zeile eins\nZeile \"zwei\"; drei", "it's", "", "", nil},
	}
	for i := range want {
		for j := range want[i] {
			if f.rows[i][j] != want[i][j] {
				t.Errorf("row %d, %s: %v, want %v", i+1, f.vars[j].name, f.rows[i][j], want[i][j])
			}
		}
	}
	if day("1970-01-01") != 12_219_379_200 { // as SPSS counts
		t.Error(day("1970-01-01"))
	}
}

// Later versions add options in the middle; numbers of earlier ones must not move.
func TestNumbersOfCodesStay(t *testing.T) {
	happy := func(categories ...frame.Category) map[string]string {
		f, err := open(sav(t, table([]frame.Column{{Name: "happy", Kind: frame.Code, Categories: categories}}, nil)))
		if err != nil {
			t.Fatal(err)
		}
		codes := map[string]string{}
		for n, label := range f.vars[0].values {
			codes[label] = n
		}
		return codes
	}
	cat := func(code string, n int) frame.Category { return frame.Category{Code: code, Number: n} }
	before := happy(cat("a", 1), cat("c", 2))
	after := happy(cat("a", 1), cat("b", 3), cat("c", 2))
	for code, n := range before {
		if after[code] != n {
			t.Errorf("%s was %s and became %s", code, n, after[code])
		}
	}
	if after["b"] != "3" {
		t.Errorf("b is %s", after["b"])
	}
	for _, c := range []struct {
		what       string
		categories []frame.Category
		want       map[string]string
	}{
		{"whole numbers are kept", []frame.Category{cat("10", 1), cat("-2", 2)}, map[string]string{"10": "10", "-2": "-2"}},
		{"007 is no number", []frame.Category{cat("007", 0), cat("8", 0)}, map[string]string{"007": "1", "8": "2"}},
		{"nobody counted", []frame.Category{cat("b", 0), cat("a", 0)}, map[string]string{"b": "1", "a": "2"}},
	} {
		if got := happy(c.categories...); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}

// What does not fit the column's kind makes it a text: no answer is lost.
func TestColumnsThatHoldSomethingElseBecomeTexts(t *testing.T) {
	f := table([]frame.Column{
		{Name: "code", Kind: frame.Code, Marks: true, Categories: []frame.Category{{Code: "a", Text: text("Antwort A", "")}}},
		{Name: "day", Kind: frame.Day}, {Name: "early", Kind: frame.Day}, {Name: "time", Kind: frame.Time}, {Name: "number", Kind: frame.Integer, Marks: true},
		{Name: "open", Kind: frame.Code}, {Name: "none", Kind: frame.Text},
	}, [][]frame.Value{
		{frame.Str("unknown"), frame.Str("Ostern"), frame.Str("1492-10-12"), frame.Str("25:00"), frame.Str("zwölf"), frame.Str("z"), {}},
		{frame.Str("a"), frame.Str("2026-12-24"), frame.Str("2026-12-24"), frame.Str("12:00"), frame.Num(12), frame.Str("y"), {}},
		{frame.Marked(frame.Skipped), {}, {}, {}, frame.Marked(frame.DontKnow), {}, {}},
	})
	got, err := open(sav(t, f))
	if err != nil {
		t.Fatal(err)
	}
	want := [][]any{
		{"unknown", "Ostern", "1492-10-12", "25:00", "zwölf", "z", ""},
		{"a", "2026-12-24", "2026-12-24", "12:00", "12", "y", ""},
		{"-99", "", "", "", "-98", "", ""},
	}
	if !reflect.DeepEqual(got.rows, want) {
		t.Errorf("%v", got.rows)
	}
	if got.vars[0].values["a"] != "Antwort A" {
		t.Errorf("labels %v", got.vars[0].values)
	}
}

func TestLongTextsAreCutBetweenLettersAndCounted(t *testing.T) {
	f := table([]frame.Column{{Name: "t", Kind: frame.Text}}, [][]frame.Value{{frame.Str(strings.Repeat("ü", 20_000))}, {frame.Str("kurz")}})
	var b bytes.Buffer
	s, err := spss.New(&b, f, measured(t, f), spss.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(frame.Pour(t.Context(), f, nil, s), s.Close()); err != nil {
		t.Fatal(err)
	}
	got, err := open(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if s.Truncated() != 1 || got.rows[0][0] != strings.Repeat("ü", 16_383) || got.rows[1][0] != "kurz" {
		t.Errorf("%d cut, %d bytes, %q", s.Truncated(), len(got.rows[0][0].(string)), got.rows[1][0])
	}
}

func TestRowsMustBeThoseThatWereMeasured(t *testing.T) {
	f := table([]frame.Column{{Name: "t", Kind: frame.Text}, {Name: "c", Kind: frame.Code, Categories: []frame.Category{{Code: "a"}}}}, [][]frame.Value{{frame.Str("ab"), frame.Str("a")}})
	for what, row := range map[string][]frame.Value{
		"a longer text": {frame.Str("abc"), frame.Str("a")}, "another code": {frame.Str("ab"), frame.Str("b")}, "a cell too many": {{}, {}, {}},
	} {
		s, err := spss.New(io.Discard, f, measured(t, f), spss.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s.Row(row) == nil {
			t.Errorf("%s was written", what)
		}
	}
	if _, err := spss.New(io.Discard, f, spss.Measure(everything()), spss.Options{}); err == nil {
		t.Error("widths of another frame were taken")
	}
	if _, err := spss.New(io.Discard, f, nil, spss.Options{}); err == nil {
		t.Error("no widths were taken")
	}
}

// Whatever is in a frame comes back from the file.
func TestFramesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := []frame.Kind{frame.Code, frame.Codes, frame.Integer, frame.Decimal, frame.Flag, frame.Day, frame.Time, frame.Text}
		var columns []frame.Column
		for i := range rapid.IntRange(1, 8).Draw(t, "columns") {
			c := frame.Column{Name: "c" + strconv.Itoa(i), Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Marks: rapid.Bool().Draw(t, "marks"), Label: content.Text{"de": rapid.String().Draw(t, "label")}}
			if c.Kind == frame.Code {
				for k := range rapid.IntRange(1, 4).Draw(t, "categories") {
					c.Categories = append(c.Categories, frame.Category{Code: "k" + strconv.Itoa(k), Text: content.Text{"de": rapid.String().Draw(t, "category")}})
				}
			}
			columns = append(columns, c)
		}
		var rows [][]frame.Value
		for range rapid.IntRange(0, 6).Draw(t, "rows") {
			row := make([]frame.Value, len(columns))
			for i, c := range columns {
				row[i] = draw(t, c)
			}
			rows = append(rows, row)
		}
		f := table(columns, rows)
		b := &bytes.Buffer{}
		w := spss.Measure(f)
		if err := frame.Pour(t.Context(), f, nil, w); err != nil {
			t.Fatal(err)
		}
		s, err := spss.New(b, f, w, spss.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(frame.Pour(t.Context(), f, nil, s), s.Close()); err != nil {
			t.Fatal(err)
		}
		got, err := open(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range rows {
			for j, cell := range row {
				if msg := same(got.vars[j], columns[j], got.rows[i][j], cell); msg != "" {
					t.Fatalf("row %d, column %d (%s): %s", i, j, columns[j].Kind, msg)
				}
			}
		}
	})
}

func draw(t *rapid.T, c frame.Column) frame.Value {
	if c.Marks && rapid.IntRange(0, 3).Draw(t, "mark?") == 0 {
		return frame.Marked(rapid.SampledFrom([]string{frame.Skipped, frame.DontKnow, frame.Declined}).Draw(t, "mark"))
	}
	if rapid.IntRange(0, 4).Draw(t, "blank?") == 0 {
		return frame.Value{}
	}
	switch c.Kind {
	case frame.Code:
		return frame.Str(rapid.SampledFrom(c.Categories).Draw(t, "code").Code)
	case frame.Integer:
		return frame.Num(float64(rapid.IntRange(-1000, 1000).Draw(t, "n")))
	case frame.Decimal:
		return frame.Num(rapid.Float64Range(-1e300, 1e300).Draw(t, "n"))
	case frame.Flag:
		return frame.Num(float64(rapid.IntRange(0, 1).Draw(t, "n")))
	case frame.Day:
		return frame.Str(time.Unix(int64(rapid.IntRange(-1e10, 1e10).Draw(t, "day")), 0).UTC().Format(time.DateOnly))
	case frame.Time:
		return frame.Str(fmt.Sprintf("%02d:%02d", rapid.IntRange(0, 23).Draw(t, "h"), rapid.IntRange(0, 59).Draw(t, "m")))
	}
	s := rapid.StringN(0, 700, -1).Draw(t, "text")
	if rapid.IntRange(0, 9).Draw(t, "like a mark") == 0 {
		s = rapid.SampledFrom([]string{"-97", "-98", "-99", "-997", "-9999"}).Draw(t, "mark text")
	}
	return frame.Str(s)
}

// same compares a cell of the file with one of the frame.
func same(v *read, c frame.Column, got any, want frame.Value) string {
	missing := func(which int) any {
		if v.width > 0 {
			return v.missing[which]
		}
		n, _ := strconv.ParseFloat(v.missing[which], 64)
		return n
	}
	var expected any
	switch want.State {
	case frame.Blank:
		if v.width > 0 {
			expected = ""
		}
	case frame.Mark:
		expected = missing(map[string]int{frame.Declined: 0, frame.DontKnow: 1, frame.Skipped: 2}[want.Text])
	case frame.Number:
		expected = want.Number
	case frame.Words:
		switch c.Kind {
		case frame.Code:
			for n, cat := range c.Categories {
				if cat.Code == want.Text {
					expected = float64(n + 1)
				}
			}
		case frame.Day:
			d, _ := time.Parse(time.DateOnly, want.Text)
			expected = float64(d.Unix() - time.Date(1582, 10, 14, 0, 0, 0, 0, time.UTC).Unix())
		case frame.Time:
			d, _ := time.Parse("15:04", want.Text)
			expected = float64(d.Hour()*3600 + d.Minute()*60)
		default:
			tidy, _ := frame.Tidy(want.Text)
			expected = strings.TrimRight(tidy, " ")
			for _, m := range v.missing {
				if m == expected {
					return fmt.Sprintf("the text %q cannot be told from a mark", m)
				}
			}
		}
	}
	if got != expected {
		return fmt.Sprintf("%v, want %v", got, expected)
	}
	if n, ok := got.(float64); ok && want.State != frame.Mark {
		for _, m := range v.missing {
			if m == number(n) {
				return fmt.Sprintf("the number %v cannot be told from a mark", n)
			}
		}
	}
	return ""
}
