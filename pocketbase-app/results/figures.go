package results

import (
	"math"
	"slices"
	"time"

	"servicepoint/content"
	"servicepoint/content/disclosure"
	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"
)

// mostTables is how many cross-tables a release may have: more of them could be
// put together to tables of three questions.
const mostTables = 3

// mostCells bounds a cross-table.
const mostCells = 600

// frozen is what a release keeps: the public figures and, for the next release,
// how many people are behind them.
type frozen struct {
	Title   content.Text  `json:"title"`
	Opens   time.Time     `json:"opens"`
	Closes  time.Time     `json:"closes"`
	Figures []figure      `json:"figures"`
	Tables  []crossFigure `json:"tables"`
}

type figure struct {
	content.ResultFigure
	Groups []int `json:"groups"` // people behind it; of a ranking also behind every option
}

type crossFigure struct {
	content.ResultTable
	RowCodes    []string `json:"row_codes"`
	ColumnCodes []string `json:"column_codes"`
	RowN        []int    `json:"row_n"`
	ColumnN     []int    `json:"column_n"`
}

// Choice is what a publisher wants released.
type Choice struct {
	Items  []string     // codes
	Pairs  []tally.Pair // at most mostTables
	Quotes map[string][]string
	Reason content.Text // of a correction
}

// offered lists the items that may be released: nothing personal, nothing that is
// one person's own but texts, of which only quotes that somebody has edited.
func offered(s *tally.Survey) (items []*tally.Item) {
	for _, it := range s.Items {
		if slices.ContainsFunc(it.Variables, func(v *tally.Variable) bool { return releasable(s, v) }) {
			items = append(items, it)
		}
	}
	return items
}

func releasable(s *tally.Survey, v *tally.Variable) bool {
	for _, n := range v.Versions {
		if s.Version(n).Item(v.Of.Code).IsPersonal() {
			return false
		}
	}
	switch v.Of.Type {
	case survey.Number, survey.Calculated, survey.Scale:
		return true
	case survey.ShortText, survey.LongText:
		return v.Part == ""
	case survey.Consent:
		return false
	}
	return v.Listed
}

func quotable(it *tally.Item) bool {
	return it.Type == survey.ShortText || it.Type == survey.LongText
}

// crossable lists the variables that a cross-table may have.
func crossable(s *tally.Survey) (variables []*tally.Variable) {
	for _, v := range s.Variables() {
		if releasable(s, v) && v.Crossable() {
			variables = append(variables, v)
		}
	}
	return variables
}

// left says what was left out or left as it was, and why.
type left struct {
	Key  string // of a variable, "row × column" of a table
	Why  string // key of words: "few", "waits", "hidden"
	Text content.Text
}

// freeze makes a release out of what was counted. earlier are all releases before
// it, the newest last.
func freeze(s *tally.Survey, c *tally.Counter, choice Choice, earlier []frozen, number int) (frozen, []left) {
	q := s.Newest()
	out := frozen{Title: q.Title, Opens: q.Opens, Closes: q.Closes}
	var notes []left
	for _, it := range offered(s) {
		if !slices.Contains(choice.Items, it.Code) {
			continue
		}
		for _, v := range it.Variables {
			if !releasable(s, v) {
				continue
			}
			counted, _ := c.Figure(v.Key)
			f := newFigure(counted, number)
			old := lastFigure(earlier, v.Key)
			switch {
			case old != nil && !apart(old.Groups, f.Groups):
				f = *old
				notes = append(notes, left{v.Key, "waits", v.Of.Text})
			case f.Base < disclosure.LeastGroup:
				notes = append(notes, left{v.Key, "few", v.Of.Text})
				continue
			}
			f.Quotes = choice.Quotes[it.Code]
			out.Figures = append(out.Figures, f)
		}
	}
	for _, t := range c.Tables() {
		key := t.Row.Key + " × " + t.Column.Key
		x := newTable(t, number)
		old := lastTable(earlier, t.Row.Key, t.Column.Key)
		switch {
		case old != nil && !(apart(aligned(old.RowN, old.RowCodes, x.RowCodes), x.RowN) && apart(aligned(old.ColumnN, old.ColumnCodes, x.ColumnCodes), x.ColumnN)):
			x = *old
			notes = append(notes, left{key, "waits", t.Row.Of.Text})
		case t.Base < disclosure.LeastGroup:
			notes = append(notes, left{key, "few", t.Row.Of.Text})
			continue
		case !x.protect(t.N, earlier):
			notes = append(notes, left{key, "hidden", t.Row.Of.Text})
			continue
		}
		out.Tables = append(out.Tables, x)
	}
	return out, notes
}

// apart reports whether every group is the same as before or has grown by at
// least disclosure.LeastGroup: then the difference tells of no fewer people.
func apart(before, now []int) bool {
	if len(before) != len(now) {
		return false
	}
	for i := range now {
		if d := now[i] - before[i]; d < 0 || d > 0 && d < disclosure.LeastGroup {
			return false
		}
	}
	return true
}

// aligned gives old numbers in the order of new codes, 0 for new ones; nil when a
// code has gone.
func aligned(n []int, codes, now []string) []int {
	out := make([]int, len(now))
	for i, code := range codes {
		at := slices.Index(now, code)
		if at < 0 {
			return nil
		}
		out[at] = n[i]
	}
	return out
}

func lastFigure(earlier []frozen, key string) *figure {
	for _, e := range slices.Backward(earlier) {
		for i := range e.Figures {
			if e.Figures[i].Key == key {
				return &e.Figures[i]
			}
		}
	}
	return nil
}

func lastTable(earlier []frozen, row, column string) *crossFigure {
	for _, e := range slices.Backward(earlier) {
		for i := range e.Tables {
			if t := &e.Tables[i]; t.RowKey == row && t.ColumnKey == column {
				return t
			}
		}
	}
	return nil
}

func newFigure(f tally.Figure, number int) figure {
	it := f.Of
	out := figure{ResultFigure: content.ResultFigure{
		Key: f.Key, Item: it.Code, Text: it.Text, Base: f.Answered, Several: f.Several(), Ranked: f.Ranked(), Unit: it.Unit, Since: number,
	}, Groups: []int{f.Answered}}
	if f.Row != nil {
		out.Row = f.Row.Text
	}
	for _, s := range f.Shares {
		if s.Text == nil {
			continue // an option that no version has
		}
		share := content.ResultShare{Code: s.Code, Text: s.Text, N: s.N, Percent: tenth(s.Percent)}
		if o := slices.IndexFunc(it.Offered, func(o tally.Option) bool { return o.Code == s.Code && o.Image != nil }); o >= 0 {
			share.Picture, share.Alt = it.Offered[o].Image.Name, it.Offered[o].Image.Alt
		}
		if f.Ranked() {
			out.Groups = append(out.Groups, s.N)
			share.N, share.Percent = s.First, 0
			if f.Answered > 0 {
				share.Percent = tenth(100 * float64(s.First) / float64(f.Answered))
			}
			if s.N >= disclosure.LeastGroup {
				share.Rank = tenth(s.Rank)
			}
		}
		out.Shares = append(out.Shares, share)
	}
	out.Hidden = hideShares(out.Shares, !f.Several())
	// With a hidden share the mean would give it away.
	if n := f.Numbers; n != nil && !out.Hidden {
		out.Numbers = &content.ResultNumber{Mean: tenth(n.Mean), Q1: tenth(n.Q1), Median: tenth(n.Median), Q3: tenth(n.Q3)}
	}
	if f.NPS != nil && !out.Hidden {
		score := tenth(f.NPS.Score)
		out.Score = &score
	}
	return out
}

// hideShares takes away what [disclosure.HideShares] hides.
func hideShares(shares []content.ResultShare, addUp bool) bool {
	n := make([]int, len(shares))
	for i, s := range shares {
		n[i] = s.N
	}
	hide, some := disclosure.HideShares(n, addUp)
	for i := range shares {
		if hide[i] {
			shares[i].N, shares[i].Percent, shares[i].Rank = disclosure.Hidden, 0, 0
		}
	}
	return some
}

func tenth(f float64) float64 { return math.Round(f*10) / 10 }

func newTable(t tally.Table, number int) crossFigure {
	x := crossFigure{ResultTable: content.ResultTable{
		RowKey: t.Row.Key, ColumnKey: t.Column.Key, Row: question(t.Row), Column: question(t.Column), Base: t.Base, Since: number,
	}}
	for _, r := range t.Rows {
		x.Rows, x.RowCodes, x.RowN = append(x.Rows, r.Text), append(x.RowCodes, r.Code), append(x.RowN, r.N)
	}
	for _, c := range t.Columns {
		x.Columns, x.ColumnCodes, x.ColumnN = append(x.Columns, c.Text), append(x.ColumnCodes, c.Code), append(x.ColumnN, c.N)
	}
	return x
}

// question is what a variable asks, with the row of a matrix.
func question(v *tally.Variable) content.Text {
	if v.Row == nil {
		return v.Of.Text
	}
	t := content.Text{}
	for lang, s := range v.Of.Text {
		row, _ := v.Row.Text.In(lang)
		t[lang] = s + " – " + row
	}
	return t
}

// protect fills the cells that may be shown.
func (x *crossFigure) protect(n [][]int, earlier []frozen) bool {
	least := make([][]int, len(n))
	for i := range n {
		least[i] = make([]int, len(n[i]))
	}
	for _, e := range earlier {
		for _, old := range e.Tables {
			if old.RowKey != x.RowKey || old.ColumnKey != x.ColumnKey {
				continue
			}
			for i, row := range old.N {
				for j, k := range row {
					r, c := slices.Index(x.RowCodes, old.RowCodes[i]), slices.Index(x.ColumnCodes, old.ColumnCodes[j])
					if r >= 0 && c >= 0 {
						least[r][c] = max(least[r][c], k)
					}
				}
			}
		}
	}
	shown, some := disclosure.Protect(n, least)
	for i := range n {
		line := make([]int, len(n[i]))
		for j := range line {
			line[j] = n[i][j]
			if !shown[i][j] {
				line[j], x.Hidden = disclosure.Hidden, true
			}
		}
		x.N = append(x.N, line)
	}
	return some
}
