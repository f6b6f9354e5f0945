package delimited

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"servicepoint/exports/frame"
)

// CSV is a sink for delimited text. encoding/csv is not used: with CRLF line ends it
// also changes line feeds inside of fields, and a row of one blank cell becomes an
// empty line, which readers skip.
type CSV struct {
	w        io.Writer
	columns  []frame.Column
	german   bool
	comma    byte
	line     []byte
	rows     int
	replaced int
}

const bom = "\ufeff" // tells Excel that the file is UTF-8

// NewGerman writes for German spreadsheets: semicolons, a byte order mark, CRLF,
// decimal commas, days as 31.12.2026. No text is ever taken for a formula: one that
// begins with = + - @ (also in full width), with a tab or a line end, blanks in front
// left aside, gets an apostrophe in front, and so does one that begins with an
// apostrophe, so that taking one away gives back every text.
//
// Spreadsheets guess the types of cells: of a code like 007 they drop the zeros. The
// workbook and ODS have typed cells.
func NewGerman(w io.Writer, f *frame.Frame) (*CSV, error) {
	return newCSV(&CSV{w: w, columns: f.Columns, german: true, comma: ';'}, bom)
}

// NewCSV writes for programs after RFC 4180: UTF-8 without byte order mark, commas,
// CRLF, decimal points, days as 2026-12-31. Texts stand as they are; do not open the
// file in a spreadsheet.
func NewCSV(w io.Writer, f *frame.Frame) (*CSV, error) {
	return newCSV(&CSV{w: w, columns: f.Columns, comma: ','}, "")
}

func newCSV(c *CSV, start string) (*CSV, error) {
	c.line = append(c.line, start...)
	for i, col := range c.columns {
		c.next(i)
		c.text(col.Name)
	}
	return c, c.flush()
}

// Row writes one row.
func (c *CSV) Row(cells []frame.Value) error {
	c.rows++
	for i, v := range cells {
		c.next(i)
		switch v.State {
		case frame.Number:
			if math.IsNaN(v.Number) || math.IsInf(v.Number, 0) {
				return fmt.Errorf("csv: row %d, column %s: %v is no number", c.rows, c.columns[i].Name, v.Number)
			}
			c.number(v.Number)
		case frame.Mark, frame.Words:
			c.words(c.columns[i].Kind, v)
		}
	}
	return c.flush()
}

// Close does nothing: every row is written when Row returns.
func (c *CSV) Close() error { return nil }

// Replaced is how many texts held characters that no format can hold (frame.Tidy).
func (c *CSV) Replaced() int { return c.replaced }

func (c *CSV) next(i int) {
	if i > 0 {
		c.line = append(c.line, c.comma)
	}
}

func (c *CSV) flush() error {
	if len(c.columns) == 1 && len(c.line) == 0 {
		c.line = append(c.line, `""`...) // a blank cell, not an empty line
	}
	c.line = append(c.line, "\r\n"...)
	_, err := c.w.Write(c.line)
	c.line = c.line[:0]
	return err
}

func (c *CSV) number(n float64) {
	from := len(c.line)
	c.line = frame.AppendNumber(c.line, n)
	if !c.german {
		return
	}
	for i := from; i < len(c.line); i++ {
		if c.line[i] == '.' {
			c.line[i] = ','
		}
	}
}

func (c *CSV) words(kind frame.Kind, v frame.Value) {
	s, replaced := v.Written()
	if replaced {
		c.replaced++
	}
	if c.german && kind == frame.Day && v.State == frame.Words {
		if d, err := time.Parse(time.DateOnly, s); err == nil {
			c.text(d.Format("02.01.2006"))
			return
		}
	}
	if c.german && evaluated(s) {
		s = "'" + s
	}
	c.text(s)
}

// evaluated reports whether a spreadsheet could take a text for more than a text.
func evaluated(s string) bool {
	if s == "" {
		return false
	}
	if s[0] == '\t' || s[0] == '\n' || s[0] == '\'' {
		return true
	}
	rest := strings.TrimLeftFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r)
	})
	first, _ := utf8.DecodeRuneInString(rest)
	return rest != "" && strings.ContainsRune("=+-@\uff1d\uff0b\uff0d\uff20", first)
}

func (c *CSV) text(s string) {
	if !c.quoted(s) {
		c.line = append(c.line, s...)
		return
	}
	c.line = append(c.line, '"')
	for i := range len(s) {
		if s[i] == '"' {
			c.line = append(c.line, '"')
		}
		c.line = append(c.line, s[i])
	}
	c.line = append(c.line, '"')
}

// quoted reports whether a field needs quotes: besides the separators for blanks at
// either end, which some readers trim.
func (c *CSV) quoted(s string) bool {
	if s == "" {
		return false
	}
	if s[0] == ' ' || s[len(s)-1] == ' ' {
		return true
	}
	for i := range len(s) {
		switch s[i] {
		case c.comma, '"', '\n', '\r', '\t', '\'':
			return true
		}
	}
	return false
}
