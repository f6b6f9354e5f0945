package results

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"servicepoint/content/disclosure"
	"servicepoint/content/survey/tally"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// growth is by which part the people in blocks must have grown, at least, before
// planners get figures of new blocks: few editions are easier to protect than many.
const growth = 10

// Ask answers planners ([disclosure.Ask]). What was not shown before goes into the
// ledger, and everybody who asks again gets it from there. An answer is counted
// anew when a tenth, and at least ten people, have come since and the rules allow it.
func (x *Results) Ask(ctx context.Context, slug, staff string, q disclosure.Question) (answer disclosure.Answer, err error) {
	fault := x.AskAll(ctx, slug, staff, []disclosure.Question{q}, func(_ int, a disclosure.Answer, e error) { answer, err = a, e })
	if fault != nil {
		return answer, fault
	}
	return answer, err
}

// AskAll answers several questions one after the other, as [Results.Ask] does, but
// reads the responses once for all of them ([disclosure.AskAll]).
func (x *Results) AskAll(ctx context.Context, slug, staff string, questions []disclosure.Question, each func(i int, a disclosure.Answer, err error)) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	s, err := x.Snapshot(ctx, slug)
	if err != nil {
		return err
	}
	defer s.Close()
	merged, err := tally.Merge(s.Versions())
	if err != nil {
		return err
	}
	k, err := x.known(ctx, slug, s, merged)
	if err != nil {
		return err
	}
	fresh := k.stored - k.members
	due := fresh >= disclosure.LeastGroup && (fresh*growth >= k.members || k.closed)
	var anew []pending
	for i, q := range questions {
		ask, err := newAsked(merged, q)
		if err != nil {
			each(i, disclosure.Answer{}, err)
			continue
		}
		if !due {
			id := triedID(slug, k.last, q)
			if a, block, found := ask.find(k); found {
				if a.Waiting = fresh; block == k.last || x.tried[id] != nil {
					each(i, a, nil)
					continue
				}
			} else if err := x.tried[id]; err != nil {
				each(i, a, err)
				continue
			}
		}
		anew = append(anew, pending{i, ask})
	}
	if len(anew) == 0 {
		return nil
	}
	return x.askAnew(ctx, slug, staff, s, k, anew, due, each)
}

// pending is a question that the ledger does not answer yet, and its place.
type pending struct {
	i int
	asked
}

// triedID names a question over the people up to a block.
func triedID(slug string, last int, q disclosure.Question) string {
	return fmt.Sprintf("%s %d %v", slug, last, q)
}

// known is what an answer out of the ledger needs.
type known struct {
	survey  *tally.Survey
	entries []entry
	tables  []disclosure.Table
	stored  int
	members int
	last    int
	closed  bool
	counted map[int]int64 // block → when it was first shown
}

func (x *Results) known(ctx context.Context, slug string, s Snapshot, merged *tally.Survey) (*known, error) {
	k := &known{survey: merged, stored: s.Count(), counted: map[int]int64{}}
	var err error
	if k.entries, err = entries(ctx, x.p.App.DB(), slug); err != nil {
		return nil, err
	}
	for _, e := range k.entries {
		if k.counted[e.Block] == 0 {
			k.counted[e.Block] = e.Created
		}
	}
	k.tables = shown(k.entries)
	closes := merged.Newest().Closes
	k.closed = !closes.IsZero() && !x.p.Now().Before(closes)
	err = x.p.App.DB().NewQuery(`SELECT count(*), coalesce(max(block), 0) FROM result_members WHERE survey = {:survey}`).
		Bind(dbx.Params{"survey": slug}).WithContext(ctx).Row(&k.members, &k.last)
	return k, err
}

// asked is a question that can be asked.
type asked struct {
	disclosure.Question
	row, column *tally.Variable
	filters     []string
}

func newAsked(s *tally.Survey, q disclosure.Question) (asked, error) {
	a := asked{Question: q, row: s.Variable(q.Row)}
	may := func(key string) bool {
		v := s.Variable(key)
		return v != nil && releasable(s, v) && v.Crossable()
	}
	if a.row == nil || !releasable(s, a.row) || len(q.Where) > disclosure.MostFilters {
		return a, disclosure.ErrQuestion
	}
	seen := []string{q.Row}
	if q.Column != "" {
		if a.column = s.Variable(q.Column); !may(q.Column) || !may(q.Row) || q.Column == q.Row {
			return a, disclosure.ErrQuestion
		}
		seen = append(seen, q.Column)
	}
	for _, f := range q.Where {
		if f.Key != disclosure.Channel && !may(f.Key) || slices.Contains(seen, f.Key) || len(f.Codes) == 0 {
			return a, disclosure.ErrQuestion
		}
		if r := readerOf(s, f.Key); slices.ContainsFunc(f.Codes, func(code string) bool { return !slices.Contains(r.codes, code) }) {
			return a, disclosure.ErrQuestion
		}
		seen, a.filters = append(seen, f.Key), append(a.filters, f.Key)
	}
	if len(q.Where) > 0 && !a.row.Several() && !a.row.Crossable() {
		return a, disclosure.ErrQuestion // numbers, texts and rankings of a group
	}
	return a, nil
}

// keys are the variables of the tables that answer: one table, of several options
// one each; none when a figure does.
func (a asked) keys() (tables [][]string) {
	switch {
	case a.column == nil && len(a.filters) == 0:
		return nil
	case a.column != nil:
		return [][]string{append(slices.Clone(a.filters), a.row.Key, a.column.Key)}
	}
	for _, key := range ledgerKeys(a.row) {
		tables = append(tables, append(slices.Clone(a.filters), key))
	}
	return tables
}

// find answers out of the ledger, and says up to which block.
func (a asked) find(k *known) (answer disclosure.Answer, block int, found bool) {
	var earlier []frozen
	for _, e := range k.entries {
		earlier = append(earlier, e.frozen)
	}
	if a.keys() == nil {
		f := lastFigure(earlier, a.row.Key)
		if f == nil {
			return answer, 0, false
		}
		return a.ofFigure(k, f), f.Block, true
	}
	var tables []*disclosure.Table
	for _, keys := range a.keys() {
		t := newest(k.tables, func(t disclosure.Table) bool { return sameKeys(t.Axes, keys) })
		if t == nil && !a.row.Several() {
			return answer, 0, false
		}
		if tables = append(tables, t); t != nil {
			block, found = max(block, t.Block), true
		}
	}
	if !found {
		return answer, 0, false
	}
	return a.ofTables(k, tables), block, true
}

func (a asked) ofFigure(k *known, f *figure) disclosure.Answer {
	out := disclosure.Answer{
		Question: a.Question, Base: f.Base, All: k.members, Several: f.Several, Ranked: f.Ranked, Unit: f.Unit, Numbers: f.Numbers, Score: f.Score,
		AnyGone: f.Hidden, Counted: moment(k.counted[f.Block]), Columns: []disclosure.Option{{}},
	}
	for _, s := range f.Shares {
		out.Rows, out.N = append(out.Rows, disclosure.Option{Code: s.Code, Text: s.Text}), append(out.N, []int{s.N})
	}
	return out
}

// ofTables adds the groups of the filters up. A sum with a hidden part is hidden.
func (a asked) ofTables(k *known, tables []*disclosure.Table) disclosure.Answer {
	out := disclosure.Answer{Question: a.Question, All: k.members, Several: a.row.Several(), Base: disclosure.Hidden}
	out.Where = nil
	options := func(v *tally.Variable) (list []disclosure.Option) {
		for _, code := range readerOf(k.survey, v.Key).codes {
			list = append(list, disclosure.Option{Code: code, Text: textOf(v, code)})
		}
		return list
	}
	out.Rows, out.Columns = options(a.row), []disclosure.Option{{}}
	if a.column != nil {
		out.Columns = options(a.column)
	}
	for i, row := range out.Rows {
		line := slices.Repeat([]int{disclosure.Hidden}, len(out.Columns))
		t := tables[0]
		if out.Several {
			t = tables[i]
		}
		if t != nil {
			if out.Where == nil {
				out.Where, out.Merged = a.widened(t)
				out.Counted = moment(k.counted[t.Block])
				if len(a.filters) == 0 {
					out.Base = t.Base
				} else if len(a.filters) == 1 {
					out.Base = a.people(t)
				}
			}
			for j, column := range out.Columns {
				line[j] = a.sum(t, out.Several, row.Code, column.Code)
				out.AnyGone = out.AnyGone || line[j] == disclosure.Hidden
			}
		} else {
			out.AnyGone = true
		}
		out.N = append(out.N, line)
	}
	if out.Base == disclosure.Hidden && !out.AnyGone && !out.Several {
		out.Base = 0
		for _, line := range out.N {
			for _, n := range line {
				out.Base += n
			}
		}
	}
	return out
}

// widened gives the filters as a table can keep them.
func (a asked) widened(t *disclosure.Table) (where []disclosure.Filter, wider bool) {
	for _, f := range a.Question.Where {
		w := disclosure.Filter{Key: f.Key}
		for _, ax := range t.Axes {
			if ax.Key != f.Key {
				continue
			}
			for _, g := range ax.Groups {
				if slices.ContainsFunc(g, func(code string) bool { return slices.Contains(f.Codes, code) }) {
					w.Codes = append(w.Codes, g...)
				}
			}
		}
		wider = wider || len(w.Codes) > len(f.Codes)
		where = append(where, w)
	}
	return where, wider
}

// people is how many the group of a single filter has in a table.
func (a asked) people(t *disclosure.Table) (n int) {
	for k, ax := range t.Axes {
		if ax.Key != a.filters[0] {
			continue
		}
		for g, codes := range ax.Groups {
			if slices.ContainsFunc(codes, func(code string) bool { return slices.Contains(a.Question.Where[0].Codes, code) }) {
				n += t.Margins[k][g]
			}
		}
	}
	if n > 0 && n < disclosure.LeastGroup {
		return disclosure.Hidden
	}
	return n
}

// sum adds up the cells of a row and column over the groups of the filters.
func (a asked) sum(t *disclosure.Table, several bool, row, column string) (sum int) {
	for i := range t.N {
		in, rest := true, i
		for k := len(t.Axes) - 1; k >= 0; k-- {
			group := t.Axes[k].Groups[rest%len(t.Axes[k].Groups)]
			rest /= len(t.Axes[k].Groups)
			switch key := t.Axes[k].Key; {
			case several && key == a.row.Key+chosen+row:
				in = in && group[0] == "1"
			case key == a.row.Key:
				in = in && slices.Contains(group, row)
			case a.column != nil && key == a.column.Key:
				in = in && slices.Contains(group, column)
			default:
				for _, f := range a.Question.Where {
					if f.Key == key {
						in = in && slices.ContainsFunc(group, func(code string) bool { return slices.Contains(f.Codes, code) })
					}
				}
			}
		}
		if !in {
			continue
		}
		if t.N[i] == disclosure.Hidden {
			return disclosure.Hidden
		}
		sum += t.N[i]
	}
	return sum
}

// askAnew counts, puts into the ledger what was not shown before, and answers.
func (x *Results) askAnew(ctx context.Context, slug, staff string, s Snapshot, k *known, anew []pending, due bool, each func(int, disclosure.Answer, error)) error {
	st, err := x.stand(ctx, slug, s)
	if err != nil {
		return err
	}
	if st.missing > 0 {
		for _, ask := range anew {
			// What was shown stays; anything new would tell of who has been erased.
			a, _, found := ask.find(k)
			if !found {
				err = disclosure.ErrGone
			}
			each(ask.i, a, err)
			err = nil
		}
		return nil
	}
	if !due {
		st.fresh = nil // they wait
	}
	if st.n() < disclosure.LeastGroup {
		for _, ask := range anew {
			each(ask.i, disclosure.Answer{}, disclosure.ErrFew)
		}
		return nil
	}
	var keys []string
	for _, ask := range anew {
		keys = append(append(keys, ask.filters...), ledgerKeys(ask.row)...)
		if ask.column != nil {
			keys = append(keys, ask.column.Key)
		}
	}
	c, fresh, err := x.count(ctx, slug, s, &st, keys)
	if err != nil {
		return err
	}
	for _, ask := range anew {
		why, err := x.decide(c, slug, staff, ask.asked, fresh)
		switch {
		case errors.Is(err, disclosure.ErrLedger):
			why = disclosure.ErrGone
		case err != nil:
			return err
		}
		fresh = nil // they are in blocks now
		if x.tried == nil || len(x.tried) > 10_000 {
			x.tried = map[string]error{}
		}
		if why != disclosure.ErrGone {
			if x.tried[triedID(slug, c.block, ask.Question)] = why; why == nil {
				x.tried[triedID(slug, c.block, ask.Question)] = errNothing // nothing better to be had
			}
		}
		if why != nil {
			each(ask.i, disclosure.Answer{}, why)
			continue
		}
		if k, err = x.known(ctx, slug, s, st.survey); err != nil {
			return err
		}
		a, _, found := ask.find(k)
		if !found {
			each(ask.i, a, disclosure.ErrHidden)
			continue
		}
		a.Waiting = k.stored - k.members
		each(ask.i, a, nil)
	}
	return nil
}

// decide enters what may be shown of one question, and the people that are counted
// for the first time; why says why there is no answer.
func (x *Results) decide(c *counting, slug, staff string, ask asked, fresh map[string]int) (why, err error) {
	c.fresh = nil
	doc := frozen{Title: c.survey.Title}
	if tables := ask.keys(); tables == nil {
		f, remark, err := c.figure(ask.row.Key)
		switch {
		case err != nil:
			return nil, err
		case f == nil && remark == "few":
			why = disclosure.ErrFew
		case f == nil:
			why = disclosure.ErrUnsafe
		default:
			f.Quotes, f.Marks = nil, nil
			doc.Figures = []figure{*f}
		}
	} else {
		some := false
		for _, keys := range tables {
			axes, err := c.axes(keys, len(ask.filters))
			if err != nil {
				return nil, err
			}
			switch _, _, err := c.table(axes...); {
			case err == nil:
				some = true
			case refused(err):
				why = err
			default:
				return nil, err
			}
		}
		if some {
			why = nil
		}
	}
	doc.Views = c.fresh
	if len(fresh) > 0 || len(c.fresh) > 0 || len(doc.Figures) > 0 && (doc.Figures[0].Block == c.block) {
		b, err := json.Marshal(doc)
		if err != nil {
			return nil, err
		}
		if err := x.p.App.RunInTransaction(func(tx core.App) error {
			return x.enter(tx, slug, onPlanning, nil, c.block, string(b), staff, fresh)
		}); err != nil {
			return nil, err
		}
		c.earlier = append(c.earlier, doc)
	}
	return why, nil
}

// axes gives the axes of a table: of filters small groups are merged, in the way
// they once were.
func (c *counting) axes(keys []string, filters int) (axes []disclosure.Axis, err error) {
	if old := newest(c.ledger, func(t disclosure.Table) bool { return sameKeys(t.Axes, keys) }); old != nil {
		return old.Axes, nil
	}
	for i, key := range keys {
		r := c.readers[key]
		if r == nil {
			return nil, base.ErrNotFound
		}
		if i >= filters {
			axes = append(axes, disclosure.Alone(key, r.codes))
			continue
		}
		counted, err := c.people.Count(c.block, disclosure.Alone(key, r.codes))
		if err != nil {
			return nil, err
		}
		axes = append(axes, disclosure.Merged(key, r.codes, counted.N))
	}
	return axes, nil
}

// Askable lists the variables that planners may ask for, and those that may be
// rows, columns and filters of tables.
func Askable(versions *tally.Survey) (figures, tables []*tally.Variable) {
	for _, v := range versions.Variables() {
		if releasable(versions, v) {
			figures = append(figures, v)
			if v.Crossable() {
				tables = append(tables, v)
			}
		}
	}
	return figures, tables
}
