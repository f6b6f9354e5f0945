package results

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"servicepoint/content/disclosure"
	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"

	"github.com/pocketbase/dbx"
)

// Places of the ledger: where figures were shown.
const (
	onResults  = "results"  // to everybody
	onPlanning = "planning" // to planners
)

// entry is one line of the ledger: what was shown at once.
type entry struct {
	ID      int64  `db:"id"`
	Place   string `db:"place"`
	Number  *int   `db:"number"` // of the release, when it was one
	Block   int    `db:"block"`
	Doc     string `db:"doc"`
	Created int64  `db:"created"`
	frozen  frozen
}

// entries reads the ledger of a survey, oldest first. Releases from before the
// ledger do not know their blocks: those are worked out from how many they counted.
func entries(ctx context.Context, db dbx.Builder, slug string) ([]entry, error) {
	var list []entry
	if err := db.NewQuery(`SELECT id, place, number, block, doc, created FROM disclosure_releases WHERE survey = {:survey} ORDER BY id`).
		Bind(dbx.Params{"survey": slug}).WithContext(ctx).All(&list); err != nil {
		return nil, err
	}
	old := map[int]int{} // number of a release → its last block
	for i := range list {
		e := &list[i]
		if err := json.Unmarshal([]byte(e.Doc), &e.frozen); err != nil {
			return nil, fmt.Errorf("ledger of %s, entry %d: %w", slug, e.ID, err)
		}
		if e.Block == 0 && e.Number != nil {
			var err error
			if old[*e.Number], err = blockOf(ctx, db, slug, *e.Number); err != nil {
				return nil, err
			}
			e.Block = old[*e.Number]
		}
		for k := range e.frozen.Figures {
			if f := &e.frozen.Figures[k]; f.Block == 0 {
				f.Block = old[f.Since]
			}
		}
	}
	for i := range list { // tables of old releases
		e := &list[i]
		for k := range e.frozen.Tables {
			if x := &e.frozen.Tables[k]; x.Block == 0 && old[x.Since] > 0 {
				e.frozen.Views = append(e.frozen.Views, x.table(old[x.Since]))
			}
		}
	}
	return list, nil
}

func blockOf(ctx context.Context, db dbx.Builder, slug string, number int) (block int, err error) {
	err = db.NewQuery(`SELECT coalesce(min(block), 0) FROM (
			SELECT block, sum(count(*)) OVER (ORDER BY block) AS n FROM result_members WHERE survey = {:survey} GROUP BY block)
		WHERE n >= (SELECT n FROM result_releases WHERE survey = {:survey} AND number = {:number})`).
		Bind(dbx.Params{"survey": slug, "number": number}).WithContext(ctx).Row(&block)
	return block, err
}

// table is a cross-table as the ledger has it.
func (x *crossFigure) table(block int) disclosure.Table {
	t := disclosure.Table{
		Axes: []disclosure.Axis{disclosure.Alone(x.RowKey, x.RowCodes), disclosure.Alone(x.ColumnKey, x.ColumnCodes)},
		N:    slices.Concat(x.N...), Base: x.Base, Margins: [][]int{x.RowN, x.ColumnN}, Block: block,
	}
	return t
}

// Keys of variables that only the ledger has.
const (
	chosen = "#" // "key#code": whether one of several options was chosen, "1" or "0"
	first  = "#first"
)

// tables are a figure as the ledger has it: of several options one table each, of
// a ranking what was put first.
func (f *figure) tables() (list []disclosure.Table) {
	if len(f.Shares) == 0 {
		return nil
	}
	if f.Several {
		for _, s := range f.Shares {
			n := []int{s.N, f.Base - s.N}
			if s.N == disclosure.Hidden {
				n[1] = disclosure.Hidden
			}
			list = append(list, disclosure.Table{Axes: []disclosure.Axis{disclosure.Alone(f.Key+chosen+s.Code, []string{"1", "0"})}, N: n, Base: f.Base, Block: f.Block})
		}
		return list
	}
	key := f.Key
	if f.Ranked {
		key += first
	}
	var codes []string
	t := disclosure.Table{Base: f.Base, Block: f.Block}
	for _, s := range f.Shares {
		codes, t.N = append(codes, s.Code), append(t.N, s.N)
	}
	t.Axes = []disclosure.Axis{disclosure.Alone(key, codes)}
	return []disclosure.Table{t}
}

// shown gives all tables of the ledger, each edition once, oldest first.
func shown(list []entry) (tables []disclosure.Table) {
	seen := map[string]bool{}
	for _, e := range list {
		for i := range e.frozen.Figures {
			f := &e.frozen.Figures[i]
			if id := fmt.Sprint(f.Key, " ", f.Block); !seen[id] {
				seen[id] = true
				tables = append(tables, f.tables()...)
			}
		}
		for _, t := range e.frozen.Views {
			if id := fmt.Sprint(t.Axes, " ", t.Block); !seen[id] {
				seen[id] = true
				tables = append(tables, t)
			}
		}
	}
	return tables
}

// reader reads one variable of the ledger from responses.
type reader struct {
	codes []string
	value func(survey.Response) string
}

// readerOf gives the reader of a variable of the ledger; nil when the survey has no
// such variable.
func readerOf(s *tally.Survey, key string) *reader {
	if key == disclosure.Channel {
		return &reader{survey.Channels, func(r survey.Response) string { return r.Channel }}
	}
	name, code, option := strings.Cut(key, chosen)
	from := s.Reader(name)
	if from == nil {
		return nil
	}
	one := func(r survey.Response) string {
		if codes := from.Read(r); len(codes) > 0 {
			return codes[0]
		}
		return ""
	}
	if !option || key == name+first && s.Variable(name).Ranked() {
		return &reader{from.Codes, one}
	}
	return &reader{[]string{"1", "0"}, func(r survey.Response) string {
		switch {
		case !from.Answered(r):
			return ""
		case slices.Contains(from.Read(r), code):
			return "1"
		}
		return "0"
	}}
}

// counting is everything that a decision about new figures needs.
type counting struct {
	*standing
	people  *disclosure.People
	counter *tally.Counter
	readers map[string]*reader
	block   int // the last one counted
	number  int // of the release to be
	ledger  []disclosure.Table
	fresh   []disclosure.Table // decided now
	texts   map[string]decided // what was decided about texts, by mark
}

// table decides on a table, in the order of axes that the ledger has it in. An old
// one that may not be counted anew comes back as it was; waits tells that it could
// not be counted anew although people have come since.
func (c *counting) table(axes ...disclosure.Axis) (t disclosure.Table, waits bool, err error) {
	old := newest(c.ledger, func(t disclosure.Table) bool { return sameAxes(t.Axes, axes) })
	if old == nil {
		t, _, err = disclosure.Decide(c.people, c.ledger, c.block, axes...)
		if err == nil {
			c.add(t)
		}
		return t, false, err
	}
	now, err := c.people.Count(c.block, old.Axes...)
	switch {
	case err != nil:
		return t, false, err
	case now.Base == old.Base:
		return *old, false, nil
	case !disclosure.Apart(*old, now):
		return *old, true, nil
	}
	if t, _, err = disclosure.Decide(c.people, c.ledger, c.block, old.Axes...); err != nil {
		if refused(err) {
			return *old, true, nil
		}
		return t, false, err
	}
	c.add(t)
	return t, false, nil
}

func (c *counting) add(t disclosure.Table) {
	c.ledger, c.fresh = append(c.ledger, t), append(c.fresh, t)
}

// refused tells reasons against one table from errors.
func refused(err error) bool {
	return err == disclosure.ErrFew || err == disclosure.ErrHidden || err == disclosure.ErrUnsafe
}

// newest finds the last table of the ledger that is one.
func newest(ledger []disclosure.Table, is func(disclosure.Table) bool) *disclosure.Table {
	var found *disclosure.Table
	for i := range ledger {
		if t := &ledger[i]; is(*t) && !t.Foreign && (found == nil || t.Block >= found.Block) {
			found = t
		}
	}
	return found
}

// sameAxes reports whether axes are the same, in whatever order.
func sameAxes(a, b []disclosure.Axis) bool {
	if len(a) != len(b) {
		return false
	}
	for _, x := range a {
		if !slices.ContainsFunc(b, func(y disclosure.Axis) bool { return x.String() == y.String() }) {
			return false
		}
	}
	return true
}

// sameKeys reports whether the axes are those of the variables, in whatever order.
func sameKeys(axes []disclosure.Axis, keys []string) bool {
	return len(axes) == len(keys) && !slices.ContainsFunc(axes, func(a disclosure.Axis) bool { return !slices.Contains(keys, a.Key) })
}
