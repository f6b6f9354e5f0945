package delimited

import (
	"fmt"
	"io"
	"math"
	"unicode/utf8"

	"servicepoint/exports/frame"
)

// JSONLines is a sink that writes one JSON object per row and line.
type JSONLines struct {
	w        io.Writer
	columns  []frame.Column
	names    [][]byte // `"name":`
	marks    [][]byte // `"name?":`
	line     []byte
	rows     int
	replaced int
}

// NewJSONLines writes JSON Lines (https://jsonlines.org): numbers as numbers, several
// codes as arrays, blanks left out. A mark stands under the name with a question mark
// ("age?":"skipped"), as in the answers of the API, so that a column holds one type.
func NewJSONLines(w io.Writer, f *frame.Frame) (*JSONLines, error) {
	j := &JSONLines{w: w, columns: f.Columns}
	for _, c := range f.Columns {
		j.names = append(j.names, append(appendString(nil, c.Name), ':'))
		j.marks = append(j.marks, append(appendString(nil, c.Name+"?"), ':'))
	}
	return j, nil
}

// Row writes one row.
func (j *JSONLines) Row(cells []frame.Value) error {
	j.rows++
	j.line = append(j.line[:0], '{')
	for i, v := range cells {
		if v.State == frame.Blank {
			continue
		}
		if len(j.line) > 1 {
			j.line = append(j.line, ',')
		}
		if v.State == frame.Mark {
			j.line = append(j.line, j.marks[i]...)
			j.line = appendString(j.line, v.Text[1:])
			continue
		}
		j.line = append(j.line, j.names[i]...)
		switch {
		case v.State == frame.Number:
			if math.IsNaN(v.Number) || math.IsInf(v.Number, 0) {
				return fmt.Errorf("json lines: row %d, column %s: %v is no number", j.rows, j.columns[i].Name, v.Number)
			}
			j.line = frame.AppendNumber(j.line, v.Number)
		case j.columns[i].Kind == frame.Codes:
			j.codes(v.Text)
		default:
			j.line = appendString(j.line, j.tidy(v.Text))
		}
	}
	j.line = append(j.line, '}', '\n')
	_, err := j.w.Write(j.line)
	return err
}

// Close does nothing: every row is written when Row returns.
func (j *JSONLines) Close() error { return nil }

// Replaced is how many texts held characters that no format can hold (frame.Tidy).
func (j *JSONLines) Replaced() int { return j.replaced }

func (j *JSONLines) tidy(s string) string {
	s, replaced := frame.Tidy(s)
	if replaced {
		j.replaced++
	}
	return s
}

func (j *JSONLines) codes(s string) {
	j.line = append(j.line, '[')
	s = j.tidy(s)
	for from, i := 0, 0; i <= len(s); i++ {
		if i < len(s) && s[i] != ' ' {
			continue
		}
		if from > 0 {
			j.line = append(j.line, ',')
		}
		j.line = appendString(j.line, s[from:i])
		from = i + 1
	}
	j.line = append(j.line, ']')
}

const hex = "0123456789abcdef"

// appendString appends a JSON string. Line ends of every kind are escaped: readers
// that split lines after Unicode (Python's str.splitlines) must not split inside.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		if r >= ' ' && r != '"' && r != '\\' && r != 0x7f && r != 0x85 && r != 0x2028 && r != 0x2029 {
			i += size
			continue
		}
		b = append(b, s[from:i]...)
		switch r {
		case '"', '\\':
			b = append(b, '\\', byte(r))
		case '\n':
			b = append(b, '\\', 'n')
		default:
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		}
		i += size
		from = i
	}
	return append(append(b, s[from:]...), '"')
}
