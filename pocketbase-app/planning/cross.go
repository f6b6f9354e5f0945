package planning

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"

	"servicepoint/content/chart"
	"servicepoint/content/disclosure"
	"servicepoint/content/survey/tally"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// Of what the per cents of a cross-table are.
const (
	ofRows    = "zeilen"
	ofColumns = "spalten"
	ofAll     = "alle"
	ofNothing = "keine"
)

// crossPage is what /planung/umfragen/<slug>/kreuztabelle/ shows.
type crossPage struct {
	page
	Rows, Columns []option
	Of            []option
	Table         *crossView
}

// crossView is a cross-table with shades, and a bar for each row when nothing is
// hidden.
type crossView struct {
	figureView
	Row, Column string
	Rows        []heatRow
	Sums        []string // of the columns; "" where one could not be told
}

// showCross is GET /planung/umfragen/<slug>/kreuztabelle/?zeilen=…&spalten=…&prozent=…&wo=….
func (pl *Planning) showCross(e *core.RequestEvent) error {
	ctx, query := e.Request.Context(), e.Request.URL.Query()
	s, err := pl.study(ctx, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	c, ps := pl.conditions(s, query[where])
	row, column := s.variable(query.Get("zeilen")), s.variable(query.Get("spalten"))
	of := query.Get("prozent")
	if of != ofColumns && of != ofAll && of != ofNothing {
		of = ofRows
	}
	for field, v := range map[string]*tally.Variable{"zeilen": row, "spalten": column} {
		switch {
		case query.Get(field) != "" && v == nil:
			ps.Add(field, "unknown_option")
		case v == nil && (row != nil || column != nil):
			ps.Add(field, "planning_pair")
		}
	}
	if row != nil && row == column {
		ps.Add("spalten", "planning_pair")
	}
	params := url.Values{"zeilen": {query.Get("zeilen")}, "spalten": {query.Get("spalten")}}
	if of != ofRows {
		params.Set("prozent", of)
	}
	d := crossPage{}
	if d.page, err = pl.page(ctx, s, "kreuztabelle", params, c); err != nil {
		return err
	}
	for _, v := range s.crossable() {
		d.Rows = append(d.Rows, option{v.Key, question(v), v == row})
		d.Columns = append(d.Columns, option{v.Key, question(v), v == column})
	}
	for _, o := range []string{ofRows, ofColumns, ofAll, ofNothing} {
		d.Of = append(d.Of, option{o, pl.word("staff.planning.of." + o), o == of})
	}
	status := http.StatusOK
	if len(ps) > 0 {
		status = http.StatusUnprocessableEntity
	} else if row != nil && s.Total > 0 {
		got, ready, err := pl.figures.of(ctx, s.surveyView, base.Staff(e).Id, crossed(row, column, c))
		if err != nil {
			return err
		}
		if ready < len(got) {
			d.Counting = &counting{ready, len(got)}
		} else if len(got) > 0 {
			d.Table = pl.cross(s, row, column, of, got)
		}
	}
	return pl.p.Show(e, status, pages, "cross", base.View{Title: pl.word("staff.planning.cross.title", "survey", s.Title), Data: d, Problems: ps, Form: query})
}

// crossed are the questions behind a cross-table, which is the last one: without
// filters each of its questions alone comes first, so that the rules decide on the
// figures of most use first.
func crossed(row, column *tally.Variable, c conditions) []disclosure.Question {
	q := disclosure.Question{Row: row.Key, Column: column.Key, Where: c.without(row.Key, column.Key)}
	if len(q.Where) > 0 {
		return []disclosure.Question{q}
	}
	return []disclosure.Question{{Row: row.Key}, {Row: column.Key}, q}
}

// sums are how many stand in each row and column, [disclosure.Hidden] where that
// may not be known. got answers [crossed]: the figure of one question tells its
// sums when the very same people are counted in both.
func sums(got []*figure) (rows, columns []int) {
	t := got[len(got)-1]
	add := func(sum *int, k int) {
		if k == disclosure.Hidden || *sum == disclosure.Hidden {
			*sum = disclosure.Hidden
		} else {
			*sum += k
		}
	}
	rows, columns = make([]int, len(t.Rows)), make([]int, len(t.Columns))
	for i := range t.N {
		for j, k := range t.N[i] {
			add(&rows[i], k)
			add(&columns[j], k)
		}
	}
	if len(got) == 3 {
		alone(rows, t, t.Rows, got[0])
		alone(columns, t, t.Columns, got[1])
	}
	return rows, columns
}

// alone fills in the sums that the figure of a single question tells.
func alone(sums []int, t *figure, options []disclosure.Option, f *figure) {
	if f.err != nil || f.Base != t.Base || !f.Counted.Equal(t.Counted) {
		return
	}
	for i, o := range options {
		at := slices.IndexFunc(f.Rows, func(r disclosure.Option) bool { return r.Code == o.Code })
		if at >= 0 && sums[i] == disclosure.Hidden {
			sums[i] = f.N[at][0]
		}
	}
}

func label(o disclosure.Option) string {
	if s := say(o.Text); s != "" {
		return s
	}
	return o.Code
}

// cross shows a table of two variables.
func (pl *Planning) cross(s study, row, column *tally.Variable, of string, got []*figure) *crossView {
	f := got[len(got)-1]
	out := &crossView{figureView: pl.frame("kreuz", question(row)+" × "+question(column), s, f), Row: question(row), Column: question(column)}
	if f.err != nil {
		return out
	}
	rows, columns := sums(got)
	legend, whole, desc := []string{}, true, ""
	for _, c := range f.Columns {
		out.Heads, legend = append(out.Heads, label(c)), append(legend, label(c))
	}
	var bars []chart.Row
	for i, r := range f.Rows {
		line := heatRow{Label: label(r), Base: sum(rows[i])}
		bar := chart.Row{Label: line.Label, Value: "n = " + line.Base}
		if rows[i] > 0 {
			desc += line.Label + ": "
		}
		for j, n := range f.N[i] {
			base := map[string]int{ofRows: rows[i], ofColumns: columns[j], ofAll: f.Base}[of]
			one := cell(n, base)
			if of == ofNothing && n >= 0 {
				one.Shade = shade(float64(n) / float64(max(most(f.N), 1)))
			}
			line.Cells = append(line.Cells, one)
			whole = whole && n != disclosure.Hidden
			if rows[i] > 0 && n != disclosure.Hidden {
				bar.Parts = append(bar.Parts, float64(n)/float64(rows[i]))
				desc += legend[j] + " " + percent(n, rows[i]) + ", "
			}
		}
		if rows[i] > 0 {
			bars = append(bars, bar)
		}
		out.Rows = append(out.Rows, line)
	}
	for _, n := range columns {
		out.Sums = append(out.Sums, sum(n))
	}
	if whole && len(bars) > 0 && len(legend) <= chart.Steps {
		out.Chart = template.HTML(chart.Stacked(chart.Head{ID: "kreuz-bild", Title: out.Text, Desc: desc}, legend, bars))
	}
	return out
}

func most(n [][]int) (m int) {
	for _, row := range n {
		for _, k := range row {
			m = max(m, k)
		}
	}
	return m
}

// sum writes a sum, a dot when it is not known.
func sum(n int) string {
	if n == disclosure.Hidden {
		return none
	}
	return number(n)
}
