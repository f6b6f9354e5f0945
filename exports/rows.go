package exports

import (
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"strconv"
	"strings"
	"sync"
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
	t.digits = strconv.AppendInt(t.digits[:0], int64(t.row), 10)
	p := t.parts[t.at]
	p.buf = append(append(append(p.buf, `<row r="`...), t.digits...), `">`...)
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

// What cells begin with, behind their place, and end with. Most of the time of an
// export goes into the cells, so these are appended whole.
const (
	beginNumber = `"><v>`
	endNumber   = "</v></c>"
	beginText   = `" t="inlineStr"><is><t>`
	beginSpaced = `" t="inlineStr"><is><t xml:space="preserve">`
	endText     = "</t></is></c>"
)

// beginStyled is beginNumber with a style.
func beginStyled(style int) string { return `" s="` + strconv.Itoa(style) + beginNumber }

// number writes a number, one with more than the 15 digits that a spreadsheet
// keeps as a text, so that no digit is lost.
func (t *tall) number(column int, n float64) {
	p := t.parts[t.at]
	b := append(append(append(p.buf, t.places[column]...), t.digits...), beginNumber...)
	if i := int64(n); float64(i) == n && -1e15 < n && n < 1e15 {
		b = strconv.AppendInt(b, i, 10)
	} else if i := int64(n*100 + 0.5); 0 < n && n < 1e12 && float64(i)/100 == n {
		// Two decimals: no other number of at most 15 digits is as near.
		b = append(strconv.AppendInt(b, i/100, 10), '.', byte('0'+i/10%10))
		if i%10 != 0 {
			b = append(b, byte('0'+i%10))
		}
	} else {
		s, isText := t.cells.number(n).(string)
		if isText {
			t.text(column, s)
			return
		}
		b = strconv.AppendFloat(b, n, 'g', -1, 64)
	}
	p.buf = append(b, endNumber...)
}

// styled writes a number as it stands in XML, with what it begins with.
func (t *tall) styled(column int, begin, number string) {
	p := t.parts[t.at]
	p.buf = append(append(append(append(append(p.buf, t.places[column]...), t.digits...), begin...), number...), endNumber...)
}

// day writes a calendar day as a real date; what is no day, or one before March
// 1900, stays text.
func (t *tall) day(column int, s string) {
	n, known := t.days[s]
	if !known {
		if day, ok := serial(s); ok {
			n = strconv.Itoa(day)
		}
		if len(t.days) < mostDays {
			t.days[s] = n
		}
	}
	if n == "" {
		t.text(column, s)
		return
	}
	t.styled(column, t.beginDay, n)
}

// mostDays bounds what is remembered of days.
const mostDays = 10_000

// clock writes a time of day (HH:MM) as the part of a day that it is; what is
// none stays text.
func (t *tall) clock(column int, s string) {
	if n := clocks()[s]; n != "" {
		t.styled(column, t.beginClock, n)
		return
	}
	t.text(column, s)
}

// clocks gives every minute of the day as a part of it, with the fifteen digits
// that a spreadsheet keeps.
var clocks = sync.OnceValue(func() map[string]string {
	all := make(map[string]string, 24*60)
	for m := range 24 * 60 {
		all[fmt.Sprintf("%02d:%02d", m/60, m%60)] = strconv.FormatFloat(float64(m)/(24*60), 'g', 15, 64)
	}
	return all
})

// text writes a text as a string cell, which no spreadsheet evaluates, whatever
// it begins with.
func (t *tall) text(column int, s string) {
	if s == "" {
		return
	}
	p := t.parts[t.at]
	b := append(append(p.buf, t.places[column]...), t.digits...)
	if plain(s) {
		p.buf = append(append(append(b, beginText...), s...), endText...)
		return
	}
	s = t.cells.text(s)
	begin := beginText
	if strings.TrimSpace(s) != s || strings.ContainsAny(s, "\n\t") {
		begin = beginSpaced
	}
	p.buf = append(escaped(append(b, begin...), s), endText...)
}

// plain reports whether s can stand in a cell as it is: short, legal, and nothing
// that XML cares about.
func plain(s string) bool {
	if len(s) > MaxCellUnits || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	var seen byte
	for i := range len(s) {
		seen |= kindOfByte[s[i]]
	}
	return seen == 0 || seen == wide && utf8.ValidString(s)
}

// What a byte may be.
const (
	special byte = 1 << iota // for XML or for spreadsheets
	wide                     // of a rune beyond ASCII
)

var kindOfByte = func() (kinds [256]byte) {
	for c := range kinds {
		switch {
		case c < ' ' || c == 0x7F || strings.ContainsRune("<>&_", rune(c)), c == 0xEF: // it begins U+FFFE and U+FFFF, which XML cannot hold
			kinds[c] = special
		case c >= utf8.RuneSelf:
			kinds[c] = wide
		}
	}
	return kinds
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
		t.number(column, v.Number)
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
