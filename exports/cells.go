package exports

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// Shortened ends a text that did not fit into its cell.
const Shortened = " … [gekürzt]"

// cellMaker turns answers into values for cells and counts what it had to change.
type cellMaker struct {
	dateStyle int
	truncated int // texts cut at [MaxCellUnits]
	replaced  int // texts with characters that XML cannot hold
}

// text gives a text as it can stand in a cell. Left alone, the library would
// cut long texts without a word and fail to be read back with control
// characters. A text that begins with = + - or @ needs nothing: it is written
// as a string cell, which no spreadsheet evaluates.
func (c *cellMaker) text(s string) string {
	s = lineFeeds.Replace(s)
	if clean := strings.Map(legalRune, s); clean != s {
		s = clean
		c.replaced++
	}
	if len(s) <= MaxCellUnits { // never fewer bytes than UTF-16 units
		return s
	}
	units := 0
	for _, r := range s {
		units += utf16.RuneLen(r)
	}
	if units <= MaxCellUnits {
		return s
	}
	c.truncated++
	room := MaxCellUnits - len(utf16.Encode([]rune(Shortened)))
	for i, r := range s {
		if room -= utf16.RuneLen(r); room < 0 {
			return s[:i] + Shortened
		}
	}
	return s
}

var lineFeeds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// legalRune replaces what XML 1.0 cannot hold (and bad UTF-8) with U+FFFD.
func legalRune(r rune) rune {
	switch {
	case r == '\t' || r == '\n' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= utf8.MaxRune:
		return r
	}
	return utf8.RuneError
}

// number gives a number as a number, unless it has more than the 15 significant
// digits that a spreadsheet keeps: then as text, so that no digit is lost.
func (c *cellMaker) number(n float64) any {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return strconv.FormatFloat(n, 'g', -1, 64)
	}
	mantissa, _, _ := strings.Cut(strconv.FormatFloat(n, 'e', -1, 64), "e")
	if len(strings.TrimLeft(strings.ReplaceAll(mantissa, ".", ""), "-")) > 15 {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return n
}

// The day before the first that all spreadsheets number alike: they disagree on
// 29 February 1900, which Lotus 1-2-3 invented.
var lastUncertainDay = time.Date(1900, time.February, 28, 0, 0, 0, 0, time.UTC)

// date gives a day (YYYY-MM-DD) as a real date; what is no day, or one before
// March 1900, stays text.
func (c *cellMaker) date(s string) any {
	n, ok := serial(s)
	if !ok {
		return c.text(s)
	}
	return excelize.Cell{StyleID: c.dateStyle, Value: n}
}

// serial is a spreadsheet's number of a day (YYYY-MM-DD): 1 March 1900 is 61.
// It is not ok for what is no day, and for days before that.
func serial(s string) (n int, ok bool) {
	d, err := time.Parse(time.DateOnly, s)
	if err != nil || !d.After(lastUncertainDay) {
		return 0, false
	}
	return int(d.Sub(time.Date(1899, time.December, 30, 0, 0, 0, 0, time.UTC)).Hours() / 24), true
}
