package exports

import (
	"bytes"
	"encoding/xml"
	"math"
	"strconv"
	"strings"
	"testing"
)

// writeOne writes one cell and gives its XML.
func writeOne(write func(t *tall)) string {
	p := &part{}
	t := &tall{parts: []*part{p}, places: []string{`<c r="A`}, digits: []byte("2"), days: map[string]string{}, beginDay: beginStyled(7), beginClock: beginStyled(8)}
	write(t)
	return string(p.buf)
}

// Whatever the number: the cell is legal XML and holds it to the last digit, as a
// number when fifteen digits are enough.
func FuzzNumberCell(f *testing.F) {
	for _, n := range []float64{0, math.Copysign(0, -1), 0.29, 1.1, 12.5, 99999.99, 1e15, 1e300, -1e-300, 5e-324, 0.1234567890123456, 123456789.12, 4503599627370497.5} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n float64) {
		var c struct {
			Type string `xml:"t,attr"`
			V    string `xml:"v"`
			T    string `xml:"is>t"`
		}
		cell := writeOne(func(t *tall) { t.number(0, n) })
		if err := xml.Unmarshal([]byte(cell), &c); err != nil {
			t.Fatalf("%s: %v", cell, err)
		}
		held := c.V
		if c.Type != "" {
			held = c.T
		}
		back, err := strconv.ParseFloat(held, 64)
		if err != nil || back != n && !math.IsNaN(n) {
			t.Fatalf("%v became %s", n, cell)
		}
		digits := strings.Trim(strings.NewReplacer(".", "", "-", "").Replace(strings.Split(held, "e")[0]), "0")
		if c.Type == "" && len(digits) > 15 {
			t.Fatalf("%v is a number of %d digits: a spreadsheet cuts it", n, len(digits))
		}
	})
}

// Whatever the text: the cell is legal XML and holds what the careful way says.
func FuzzTextCell(f *testing.F) {
	for _, s := range []string{"x", "=1+1", " a", "a ", "a  b", "ü", "„x“ – …", "\uFFFE", "\xff", "a\x00", "_x0041_", "__x0041_", "<&>", "a\nb", "\u00a0a", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" {
			return
		}
		var maker cellMaker
		want := maker.text(s)
		cell := writeOne(func(t *tall) { t.text(0, s) })
		var c struct {
			Type string `xml:"t,attr"`
			T    struct {
				Space string `xml:"space,attr"`
				Text  string `xml:",chardata"`
			} `xml:"is>t"`
		}
		if err := xml.Unmarshal([]byte(cell), &c); err != nil {
			t.Fatalf("%q: %v", cell, err)
		}
		if got := unescaped(c.T.Text); got != want || c.Type != "inlineStr" {
			t.Fatalf("%q became %q, want %q", s, got, want)
		}
		if edges := want[:1] + want[len(want)-1:]; strings.ContainsAny(edges, " \n\t") && c.T.Space != "preserve" {
			t.Fatalf("%q: blanks at the edges would be lost in %s", s, cell)
		}
	})
}

// unescaped undoes _xHHHH_ as spreadsheets do.
func unescaped(s string) string {
	var b bytes.Buffer
	for i := 0; i < len(s); i++ {
		if s[i] == '_' && isEscape(s[i:]) {
			r, _ := strconv.ParseUint(s[i+2:i+6], 16, 16)
			b.WriteRune(rune(r))
			i += 6
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
