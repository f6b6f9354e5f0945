// Package frame is the form in which every exporter gets its rows: named, typed
// columns with their words, and rows that can be read more than once, all from
// one snapshot. A survey, a report of bookings or of cases becomes a [Frame]; each
// format is a [Sink] that takes the rows of one pass side by side with others.
//
// It knows no format and no source.
package frame

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"servicepoint/content"
)

// Kind is what the cells of a column hold besides blanks and marks.
type Kind string

const (
	Code    Kind = "code"    // a text, one of the column's categories
	Codes   Kind = "codes"   // several codes with single spaces between them
	Integer Kind = "integer" // a number without fraction
	Decimal Kind = "decimal"
	Flag    Kind = "flag" // 0 or 1
	Day     Kind = "day"  // a calendar day, YYYY-MM-DD
	Time    Kind = "time" // a time of day, HH:MM, Berlin
	Text    Kind = "text"
)

// Column is one column. Names are ASCII letters, digits, "_" and ".", unique even
// without regard to case, and begin with a letter.
type Column struct {
	Name       string
	Label      content.Text // what was asked or what it is
	Kind       Kind
	Categories []Category // of codes, in their order; of numbers only those with a name
	Of         string     // the name of the column that this one is a part of (0/1 of an option, place in a ranking)
	Option     string     // the code of that option
	Unit       string     // of numbers, e.g. "Jahre"
	Marks      bool       // cells may be marks
	Free       bool       // what people wrote themselves: never published unread
	Personal   bool       // tells who somebody is
	Versions   []int      // of the questionnaire, in which it is asked; empty for all
}

// Category is a value with a name.
type Category struct {
	Code   string
	Text   content.Text
	Number int // counts the codes of a column from 1 in the order in which its versions brought them: later ones change none; 0: not counted
}

// Marks say why a cell has no value; a blank cell was not asked (ADR 0020).
const (
	Skipped  = "?skipped"
	DontKnow = "?dont_know"
	Declined = "?declined"
)

// State is what a [Value] is.
type State uint8

const (
	Blank  State = iota
	Mark         // Text holds Skipped, DontKnow or Declined
	Number       // of Integer, Decimal and Flag
	Words        // Text, of every other kind
)

// Value is one cell. It holds no pointers besides the text, so that a row of
// numbers costs no allocation.
type Value struct {
	Text   string
	Number float64
	State  State
}

// Num is a number.
func Num(n float64) Value { return Value{Number: n, State: Number} }

// Str is a text, code or day; the empty text is blank.
func Str(s string) Value {
	if s == "" {
		return Value{}
	}
	return Value{Text: s, State: Words}
}

// Marked is a mark.
func Marked(mark string) Value { return Value{Text: mark, State: Mark} }

// Frame is a table.
type Frame struct {
	Name    string       // of the file, without extension: lower-case letters, digits, "-"
	Title   content.Text // for people
	Columns []Column
	Count   int // of rows, from the same snapshot

	// Rows gives every row once, one cell for each column. The slice is used again
	// for the next row. It may be ranged over again, one pass after the other.
	Rows iter.Seq2[[]Value, error]
}

// Sink takes the rows of a frame and writes them in its format. Close ends the
// file; after an error of Row or Close what was written is of no use.
type Sink interface {
	Row(cells []Value) error
	Close() error
}

// ErrCount means that the rows were more or fewer than announced: both must come
// from one snapshot.
var ErrCount = errors.New("frame: the number of rows is not the one announced")

// Pour reads the rows once and gives each to all sinks, which it leaves open.
// progress (may be nil) is called now and then. It ends with ctx.
func Pour(ctx context.Context, f *Frame, progress func(done, total int), sinks ...Sink) error {
	const often = 500 // rows between two calls
	n := 0
	for cells, err := range f.Rows {
		switch {
		case err != nil:
			return err
		case len(cells) != len(f.Columns):
			return fmt.Errorf("frame: row %d of %s has %d cells for %d columns", n+1, f.Name, len(cells), len(f.Columns))
		case n == f.Count:
			return fmt.Errorf("%w: more than %d", ErrCount, f.Count)
		}
		for _, s := range sinks {
			if err := s.Row(cells); err != nil {
				return err
			}
		}
		if n++; n%often == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if progress != nil {
				progress(n, f.Count)
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if n != f.Count {
		return fmt.Errorf("%w: %d instead of %d", ErrCount, n, f.Count)
	}
	if progress != nil {
		progress(n, f.Count)
	}
	return nil
}
