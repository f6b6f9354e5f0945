// Package report is the form of figures about the service point's work: tables of
// counts per event, provider, month or topic, without anything about single
// people.
//
// It knows no storage, page or file. A matter fills a [Table] from one snapshot
// and hides small numbers of people by what they have or want ([Table.HideShares])
// before it gives it away; pages and sheets show what is left.
package report

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"servicepoint/content"
	"servicepoint/content/disclosure"
)

// Kind is what the cells of a column are.
type Kind string

const (
	Text    Kind = "text"
	Number  Kind = "number"  // int
	Decimal Kind = "decimal" // float64, shown with one decimal
	Day     Kind = "day"     // string, YYYY-MM-DD
	Month   Kind = "month"   // string, YYYY-MM
)

// Column is one column; Name is an ASCII identifier, Label German.
type Column struct {
	Name, Label, Unit string
	Kind              Kind
}

// few is what stands in place of a number of 1 to 4 people.
type few struct{}

// Few is the cell of a number that is not shown.
var Few any = few{}

// IsFew reports whether a cell was hidden.
func IsFew(cell any) bool { _, ok := cell.(few); return ok }

// Table is one table of a report. A cell is a string, an int, a float64, [Few] or
// nil where there is nothing to say.
type Table struct {
	Name    string // lower-case letters, digits and "-"
	Title   string // German
	Note    string // German: what is counted and what is not
	Columns []Column
	Rows    [][]any
	Chart   []string // names of the columns of numbers that a drawing shows; the first column names the bars
}

// Add appends a row.
func (t *Table) Add(cells ...any) { t.Rows = append(t.Rows, cells) }

// Check tells whether every row has a cell of the right kind for every column.
func (t *Table) Check() error {
	for _, name := range t.Chart {
		if i := t.column(name); i < 0 || t.Columns[i].Kind != Number && t.Columns[i].Kind != Decimal {
			return fmt.Errorf("report: %s has no numbers %q to draw", t.Name, name)
		}
	}
	for n, row := range t.Rows {
		if len(row) != len(t.Columns) {
			return fmt.Errorf("report: row %d of %s has %d cells for %d columns", n+1, t.Name, len(row), len(t.Columns))
		}
		for i, cell := range row {
			ok := cell == nil || IsFew(cell)
			switch t.Columns[i].Kind {
			case Number:
				_, is := cell.(int)
				ok = ok || is
			case Decimal:
				_, is := cell.(float64)
				ok = ok || is
			default:
				_, is := cell.(string)
				ok = is
			}
			if !ok {
				return fmt.Errorf("report: row %d of %s: %v is no %s (%s)", n+1, t.Name, cell, t.Columns[i].Kind, t.Columns[i].Name)
			}
		}
	}
	return nil
}

func (t *Table) column(name string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
}

// number is a cell as a number of people; nothing counts as nobody.
func (t *Table) number(row, column int) int {
	n, _ := t.Rows[row][column].(int)
	return n
}

// HideShares hides numbers of 1 to 4 people in columns of which everybody may know
// the sum, with as many further numbers as it takes that the sum does not tell
// them. What else stands in a row with a hidden number and was made of it goes
// too: name those columns in with.
func (t *Table) HideShares(columns []string, with ...string) {
	for _, name := range columns {
		i := t.column(name)
		shares := make([]int, len(t.Rows))
		for n := range t.Rows {
			shares[n] = t.number(n, i)
		}
		hidden, _ := disclosure.HideShares(shares, true)
		for n := range t.Rows {
			if hidden[n] {
				t.Rows[n][i] = Few
				for _, other := range with {
					t.Rows[n][t.column(other)] = Few
				}
			}
		}
	}
}

// Period is what a report is about: days in Berlin, the first and the last.
type Period struct{ From, To string }

// LastYear is the period of the twelve months before a moment, its day included.
func LastYear(now time.Time) Period {
	day := now.In(content.Berlin)
	return Period{day.AddDate(-1, 0, 1).Format(time.DateOnly), day.Format(time.DateOnly)}
}

// Check finds what is wrong with a period that somebody typed, at the fields
// "from" and "to".
func (p Period) Check() (problems content.Problems) {
	from, err := time.Parse(time.DateOnly, p.From)
	if err != nil {
		problems.Add("from", "not_date")
	}
	to, err2 := time.Parse(time.DateOnly, p.To)
	switch {
	case err2 != nil:
		problems.Add("to", "not_date")
	case err == nil && to.Before(from):
		problems.Add("to", "before_start")
	case err == nil && to.After(from.AddDate(20, 0, 0)):
		problems.Add("to", "report_too_long")
	}
	return problems
}

// Bounds are the period's first moment and the first after it, in Unix
// milliseconds.
func (p Period) Bounds() (from, to int64) {
	day := func(s string, add int) int64 {
		t, err := time.ParseInLocation(time.DateOnly, s, content.Berlin)
		if err != nil {
			return 0
		}
		return t.AddDate(0, 0, add).UnixMilli()
	}
	return day(p.From, 0), day(p.To, 1)
}

// Months are the months that the period touches, YYYY-MM.
func (p Period) Months() (all []string) {
	from, err := time.Parse(time.DateOnly, p.From)
	to, err2 := time.Parse(time.DateOnly, p.To)
	if err != nil || err2 != nil {
		return nil
	}
	for m := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC); !m.After(to); m = m.AddDate(0, 1, 0) {
		all = append(all, m.Format("2006-01"))
	}
	return all
}

// Quarters are the calendar quarters that lie wholly in the period and are over.
// What is hidden in small numbers is counted by them: two periods that differ by a
// day, subtracted from each other, would tell about the people of that day.
func (p Period) Quarters(now time.Time) (all []Period) {
	from, err := time.Parse(time.DateOnly, p.From)
	to, err2 := time.Parse(time.DateOnly, p.To)
	if err != nil || err2 != nil {
		return nil
	}
	today := now.In(content.Berlin).Format(time.DateOnly)
	for q := time.Date(from.Year(), (from.Month()-1)/3*3+1, 1, 0, 0, 0, 0, time.UTC); !q.After(to); q = q.AddDate(0, 3, 0) {
		one := Period{q.Format(time.DateOnly), q.AddDate(0, 3, -1).Format(time.DateOnly)}
		if p.From <= one.From && one.To <= p.To && one.To < today {
			all = append(all, one)
		}
	}
	return all
}

// Quarter names a quarter of [Period.Quarters]: "2026 Q3".
func (p Period) Quarter() string {
	from, _ := time.Parse(time.DateOnly, p.From)
	return fmt.Sprintf("%d Q%d", from.Year(), (int(from.Month())+2)/3)
}

// MonthOf is the month in Berlin of a moment in Unix milliseconds.
func MonthOf(at int64) string { return time.UnixMilli(at).In(content.Berlin).Format("2006-01") }

// Quantile is the q-quantile of durations (R's type 7), nil when there are fewer
// than five: fewer would tell about single people.
func Quantile(values []float64, q float64) any {
	if len(values) < disclosure.LeastCell {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// Percent is n of all, nil of nothing.
func Percent(n, all int) any {
	if all <= 0 {
		return nil
	}
	return 100 * float64(n) / float64(all)
}

// Say writes a cell in German; few is what stands for [Few].
func Say(cell any, kind Kind, few string) string {
	switch cell := cell.(type) {
	case nil:
		return "–"
	case int:
		return grouped(cell)
	case float64:
		s := strconv.FormatFloat(cell, 'f', 1, 64)
		return s[:len(s)-2] + "," + s[len(s)-1:]
	case string:
		switch t, err := time.Parse(time.DateOnly, cell); {
		case kind == Day && err == nil:
			return t.Format("02.01.2006")
		case kind == Month && len(cell) == 7:
			return cell[5:] + "/" + cell[:4]
		}
		return cell
	}
	return few
}

func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "." + s[i:]
	}
	return s
}
