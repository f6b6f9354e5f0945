package spss

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"servicepoint/exports/frame"
)

// MaxBytes is the longest text that a system file can hold. Longer ones are cut.
const MaxBytes = 32_767

// Widths is what the rows of a frame really hold. It is a [frame.Sink]: pour the
// frame into it before anything is written.
type Widths struct {
	frame   *frame.Frame
	columns []held
	rows    int
}

// held is what was found in one column.
type held struct {
	bytes    int             // of the longest text
	decimals int             // of the number that has most
	digits   int             // before the point, with sign
	marks    int             // a bit for every set of mark numbers that a value is equal to
	texts    int             // likewise for texts
	foreign  bool            // a code that is no category, a day that is none: the column becomes text
	lines    bool            // a text has line breaks
	codes    map[string]bool // of Code
}

// Measure begins the first pass over a frame.
func Measure(f *frame.Frame) *Widths {
	w := &Widths{frame: f, columns: make([]held, len(f.Columns))}
	for i, c := range f.Columns {
		if c.Kind == frame.Code {
			h := &w.columns[i]
			h.codes = map[string]bool{}
			for _, cat := range c.Categories {
				h.codes[cat.Code] = true
			}
		}
	}
	return w
}

// Row takes one row.
func (w *Widths) Row(cells []frame.Value) error {
	w.rows++
	for i := range cells {
		h := &w.columns[i]
		switch cell := &cells[i]; cell.State {
		case frame.Number:
			if math.IsNaN(cell.Number) || math.IsInf(cell.Number, 0) {
				return fmt.Errorf("spss: row %d of %s: %v in %s is no number", w.rows, w.frame.Name, cell.Number, w.frame.Columns[i].Name)
			}
			h.number(cell.Number)
		case frame.Words:
			h.text(w.frame.Columns[i].Kind, cell.Text)
		}
	}
	return nil
}

// Close does nothing.
func (w *Widths) Close() error { return nil }

func (h *held) number(n float64) {
	if n != math.Trunc(n) || math.Abs(n) >= 1e15 {
		s := strconv.FormatFloat(n, 'f', -1, 64)
		whole, fraction, _ := strings.Cut(s, ".")
		h.decimals, h.digits = max(h.decimals, len(fraction)), max(h.digits, len(whole))
		h.bytes = max(h.bytes, len(s))
		return
	}
	s := strconv.FormatInt(int64(n), 10)
	h.digits, h.bytes = max(h.digits, len(s)), max(h.bytes, len(s))
	for i, set := range markSets {
		if n <= set[0] && n >= set[2] {
			h.marks |= 1 << i
		}
	}
}

func (h *held) text(kind frame.Kind, s string) {
	switch kind {
	case frame.Code:
		h.foreign = h.foreign || !h.codes[s]
	case frame.Day:
		_, err := seconds(s)
		h.foreign = h.foreign || err != nil
	case frame.Time:
		_, err := sinceMidnight(s)
		h.foreign = h.foreign || err != nil
	case frame.Integer, frame.Decimal, frame.Flag:
		h.foreign = true
	}
	s, _ = clean(s)
	h.lines = h.lines || strings.Contains(s, "\n")
	if strings.HasPrefix(s, "-9") { // as all of them
		for i := range markSets {
			for _, n := range markSets[i] {
				if s == markText(n) {
					h.texts |= 1 << i
				}
			}
		}
	}
	h.bytes = max(h.bytes, min(len(s), MaxBytes))
}

// markSets are the numbers for declined, don't know and skipped. A column whose
// values have one of them takes the next set.
var markSets = [...][3]float64{
	{-97, -98, -99}, {-997, -998, -999}, {-9997, -9998, -9999}, {-99997, -99998, -99999}, {-999997, -999998, -999999},
}

// marks are in the order of markSets.
var marks = [3]string{frame.Declined, frame.DontKnow, frame.Skipped}

func markText(n float64) string { return strconv.FormatFloat(n, 'f', 0, 64) }

// freeSet is the first set of mark numbers that no value has. Five whole sets in
// one column are not seen; then marks become system-missing.
func freeSet(taken int) (set [3]float64, ok bool) {
	for i, set := range markSets {
		if taken&(1<<i) == 0 {
			return set, true
		}
	}
	return set, false
}

// clean is a text as the file can hold it: tidy, and without blanks at the end,
// which cannot be told from padding.
func clean(s string) (text string, replaced bool) {
	text, replaced = frame.Tidy(s)
	return strings.TrimRight(text, " "), replaced
}

// The first day of the Gregorian calendar is where SPSS begins to count seconds.
var gregorian = time.Date(1582, time.October, 14, 0, 0, 0, 0, time.UTC)

func seconds(day string) (float64, error) {
	t, err := time.Parse(time.DateOnly, day)
	if err == nil && !t.After(gregorian) {
		err = fmt.Errorf("%s is before the Gregorian calendar", day)
	}
	// The span is too long for a time.Duration.
	return float64(t.Unix() - gregorian.Unix()), err
}

func sinceMidnight(clock string) (float64, error) {
	t, err := time.Parse("15:04", clock)
	return float64(t.Hour()*3600 + t.Minute()*60), err
}
