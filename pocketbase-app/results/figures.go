package results

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/disclosure"
	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"
)

// mostTables is how many cross-tables a release may have.
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

	// Views are the tables of several variables that were decided for this entry of
	// the ledger, those of Tables among them.
	Views []disclosure.Table `json:"views,omitempty"`
}

type figure struct {
	content.ResultFigure
	Groups []int `json:"groups"`          // people behind it; of a ranking also behind every option
	Block  int   `json:"block,omitempty"` // the last one counted; 0: that of the release Since

	Marks []string `json:"marks,omitempty"` // of the texts that are quoted
}

type crossFigure struct {
	content.ResultTable
	RowCodes    []string `json:"row_codes"`
	ColumnCodes []string `json:"column_codes"`
	RowN        []int    `json:"row_n"`
	ColumnN     []int    `json:"column_n"`
	Block       int      `json:"block,omitempty"` // the last one counted; 0: from before the ledger
}

// Choice is what a publisher wants released.
type Choice struct {
	Items  []string            // codes
	Pairs  []tally.Pair        // at most mostTables
	Quotes map[string][]string // item → marks of released texts
	Reason content.Text        // of a correction
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
	Why  string // key of words: "few", "waits", "hidden", "unsafe"
	Text content.Text
}

// freeze makes a release out of what was counted, beside all of the ledger.
func (c *counting) freeze(choice Choice) (frozen, []left, error) {
	q := c.survey.Newest()
	out := frozen{Title: q.Title, Opens: q.Opens, Closes: q.Closes}
	var notes []left
	for _, it := range offered(c.survey) {
		if !slices.Contains(choice.Items, it.Code) {
			continue
		}
		for _, v := range it.Variables {
			if !releasable(c.survey, v) {
				continue
			}
			f, why, err := c.figure(v.Key)
			if err != nil {
				return out, nil, err
			}
			if why != "" {
				notes = append(notes, left{v.Key, why, v.Of.Text})
			}
			if f != nil {
				f.Quotes, f.Marks = quoted(choice.Quotes[it.Code], c.texts)
				if len(f.Marks) < len(choice.Quotes[it.Code]) {
					return out, nil, errNotOut
				}
				out.Figures = append(out.Figures, *f)
			}
		}
	}
	for _, pair := range allowed(c.survey, choice.Pairs) {
		row, column := c.survey.Variable(pair.Row), c.survey.Variable(pair.Column)
		x, why, err := c.cross(row, column)
		if err != nil {
			return out, nil, err
		}
		if why != "" {
			notes = append(notes, left{pair.Row + " × " + pair.Column, why, row.Of.Text})
		}
		if x != nil {
			out.Tables = append(out.Tables, *x)
		}
	}
	out.Views = c.fresh
	return out, notes, nil
}

// figure counts a figure anew, or gives the last one when it may not be; nil when
// there is none to show. why is a key of words, "" for a figure without a remark.
func (c *counting) figure(key string) (f *figure, why string, err error) {
	counted, known := c.counter.Figure(key)
	if !known {
		return nil, "", disclosure.ErrQuestion
	}
	now := newFigure(counted, c.number)
	now.Block = c.block
	old := lastFigure(c.earlier, key)
	switch {
	case old != nil && !disclosure.Grown(old.Groups, now.Groups):
		return old, "waits", nil
	case old != nil && slices.Equal(old.Groups, now.Groups):
		now.Block = old.Block // the same people, perhaps in corrected words
		return &now, "", nil
	case now.Base < disclosure.LeastGroup:
		return nil, "few", nil
	}
	tables := now.tables()
	found, err := disclosure.Audit(c.people, c.ledger, tables)
	switch {
	case err != nil:
		return nil, "", err
	case len(found) > 0 && old != nil:
		return old, "waits", nil
	case len(found) > 0:
		return nil, "unsafe", nil
	}
	c.ledger = append(c.ledger, tables...)
	return &now, "", nil
}

// cross is figure for two variables.
func (c *counting) cross(row, column *tally.Variable) (x *crossFigure, why string, err error) {
	axes := []disclosure.Axis{disclosure.Alone(row.Key, c.readers[row.Key].codes), disclosure.Alone(column.Key, c.readers[column.Key].codes)}
	t, waits, err := c.table(axes...)
	switch {
	case refused(err):
		return nil, strings.TrimPrefix(err.Error(), "disclosure_"), nil
	case err != nil:
		return nil, "", err
	case waits:
		why = "waits"
	}
	x = &crossFigure{ResultTable: content.ResultTable{
		RowKey: row.Key, ColumnKey: column.Key, Row: question(row), Column: question(column), Base: t.Base, Since: c.number,
	}, Block: t.Block}
	if old := lastTable(c.earlier, row.Key, column.Key); old != nil && (old.Block == t.Block || old.Block == 0 && waits) {
		x.Since = old.Since
	}
	turned := t.Axes[0].Key != row.Key
	x.RowN, x.ColumnN = t.Margins[0], t.Margins[1]
	if turned {
		x.RowN, x.ColumnN = x.ColumnN, x.RowN
	}
	x.RowCodes, x.ColumnCodes = c.readers[row.Key].codes, c.readers[column.Key].codes
	for _, code := range x.RowCodes {
		x.Rows = append(x.Rows, textOf(row, code))
	}
	for _, code := range x.ColumnCodes {
		x.Columns = append(x.Columns, textOf(column, code))
	}
	for i := range x.RowCodes {
		line := make([]int, len(x.ColumnCodes))
		for j := range line {
			line[j] = t.N[i*len(line)+j]
			if turned {
				line[j] = t.N[j*len(x.RowCodes)+i]
			}
			x.Hidden = x.Hidden || line[j] == disclosure.Hidden
		}
		x.N = append(x.N, line)
	}
	return x, why, nil
}

// textOf names an option or step.
func textOf(v *tally.Variable, code string) content.Text {
	for _, o := range v.Of.Offered {
		if o.Code == code {
			return o.Text
		}
	}
	step, _ := strconv.Atoi(code)
	return v.Of.StepText(step)
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
