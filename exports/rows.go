package exports

import (
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"servicepoint/exports/frame"
)

func newCRC() hash.Hash32 { return crc32.NewIEEE() }

// begin begins the next row, on the next sheet when this one is full. Cells
// follow from left to right, blank ones are left out; then [tall.end].
func (t *tall) begin() error {
	if t.row == 0 {
		t.row = 1
	}
	if t.row == t.last[t.at] {
		if t.at+1 == len(t.parts) {
			return fmt.Errorf("%w: the sheet %s is full", ErrCount, t.sheets[t.at])
		}
		t.at, t.row = t.at+1, 1
	}
	t.row++
	p := t.parts[t.at]
	t.digits = strconv.AppendInt(t.digits[:0], int64(t.row), 10)
	p.buf = append(p.buf, `<row r="`...)
	p.buf = append(p.buf, t.digits...)
	p.buf = append(p.buf, '"', '>')
	return nil
}

func (t *tall) end() error {
	p := t.parts[t.at]
	p.buf = append(p.buf, "</row>"...)
	if len(p.buf) < full {
		return nil
	}
	if err := t.book.ctx.Err(); err != nil {
		return err
	}
	return p.flush()
}

// close ends all sheets. Fewer rows than announced are an error.
func (t *tall) close() error {
	if at := len(t.parts) - 1; t.at != at || max(t.row, 1) != t.last[at] {
		return fmt.Errorf("%w: the sheet %s is not full", ErrCount, t.sheets[at])
	}
	var errs []error
	for _, p := range t.parts {
		errs = append(errs, p.end())
	}
	return errors.Join(errs...)
}

// cell begins a cell; style 0 is none.
func (t *tall) cell(column, style int) *part {
	p := t.parts[t.at]
	p.buf = append(p.buf, `<c r="`...)
	p.buf = append(p.buf, t.letters[column]...)
	p.buf = append(p.buf, t.digits...)
	p.buf = append(p.buf, '"')
	if style != 0 {
		p.buf = append(p.buf, ` s="`...)
		p.buf = strconv.AppendInt(p.buf, int64(style), 10)
		p.buf = append(p.buf, '"')
	}
	return p
}

// number writes a number, one with more than the 15 digits that a spreadsheet
// keeps as a text, so that no digit is lost.
func (t *tall) number(column, style int, n float64) {
	if n == math.Trunc(n) && math.Abs(n) < 1e15 {
		p := t.cell(column, style)
		p.buf = append(p.buf, "><v>"...)
		p.buf = strconv.AppendInt(p.buf, int64(n), 10)
		p.buf = append(p.buf, "</v></c>"...)
		return
	}
	if s, ok := t.cells.number(n).(string); ok {
		t.text(column, s)
		return
	}
	p := t.cell(column, style)
	p.buf = append(p.buf, "><v>"...)
	p.buf = strconv.AppendFloat(p.buf, n, 'g', -1, 64)
	p.buf = append(p.buf, "</v></c>"...)
}

// day writes a calendar day as a real date; what is no day, or one before March
// 1900, stays text.
func (t *tall) day(column int, s string) {
	if n, ok := serial(s); ok {
		t.number(column, t.book.styles.date, float64(n))
		return
	}
	t.text(column, s)
}

// clock writes a time of day (HH:MM) as the part of a day that it is; what is
// none stays text.
func (t *tall) clock(column int, s string) {
	at, err := time.Parse("15:04", s)
	if err != nil {
		t.text(column, s)
		return
	}
	p := t.cell(column, t.book.styles.clock)
	p.buf = append(p.buf, "><v>"...)
	// Fifteen digits: what a spreadsheet keeps.
	p.buf = strconv.AppendFloat(p.buf, float64(at.Hour()*60+at.Minute())/(24*60), 'g', 15, 64)
	p.buf = append(p.buf, "</v></c>"...)
}

// text writes a text as a string cell, which no spreadsheet evaluates, whatever
// it begins with.
func (t *tall) text(column int, s string) {
	if s == "" {
		return
	}
	p := t.cell(column, 0)
	p.buf = append(p.buf, ` t="inlineStr"><is><t`...)
	if plain(s) {
		p.buf = append(p.buf, '>')
		p.buf = append(p.buf, s...)
	} else {
		s = t.cells.text(s)
		if strings.TrimSpace(s) != s || strings.ContainsAny(s, "\n\t") || strings.Contains(s, "  ") {
			p.buf = append(p.buf, ` xml:space="preserve"`...)
		}
		p.buf = append(p.buf, '>')
		p.buf = escaped(p.buf, s)
	}
	p.buf = append(p.buf, "</t></is></c>"...)
}

// plain reports whether s can stand in a cell as it is: short, and nothing but
// ASCII that XML does not care about.
func plain(s string) bool {
	if len(s) > MaxCellUnits || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	for i := range len(s) {
		if !isPlain[s[i]] {
			return false
		}
	}
	return true
}

var isPlain = func() (is [256]bool) {
	for c := ' '; c < 0x7F; c++ {
		is[c] = !strings.ContainsRune(`<>&_`, c)
	}
	return is
}()

// escaped appends a text of legal characters to XML. "_x0041_" would be read as
// "A" (ST_Xstring of OOXML), so such an underscore is escaped as well.
func escaped(b []byte, s string) []byte {
	from := 0
	for i := range len(s) {
		with := ""
		switch s[i] {
		case '<':
			with = "&lt;"
		case '>':
			with = "&gt;"
		case '&':
			with = "&amp;"
		case '_':
			if !isEscape(s[i:]) {
				continue
			}
			with = "_x005F_"
		default:
			continue
		}
		b = append(append(b, s[from:i]...), with...)
		from = i + 1
	}
	return append(b, s[from:]...)
}

// isEscape reports whether s begins with _xHHHH_.
func isEscape(s string) bool {
	if len(s) < 7 || s[1] != 'x' || s[6] != '_' {
		return false
	}
	_, err := strconv.ParseUint(s[2:6], 16, 16)
	return err == nil && utf8.ValidString(s[2:6])
}

// value writes a value of a frame as what its column is; a text that looks like
// a mark gets a blank in front, which no answer begins with.
func (t *tall) value(column int, kind frame.Kind, v frame.Value) {
	switch v.State {
	case frame.Number:
		t.number(column, 0, v.Number)
	case frame.Mark:
		t.text(column, v.Text)
	case frame.Words:
		switch {
		case kind == frame.Day:
			t.day(column, v.Text)
		case kind == frame.Time:
			t.clock(column, v.Text)
		case strings.HasPrefix(v.Text, "?") && isMark(v.Text):
			t.text(column, " "+v.Text)
		default:
			t.text(column, v.Text)
		}
	}
}
