package planning

import (
	"errors"
	"html/template"
	"strconv"

	"servicepoint/content/chart"
	"servicepoint/content/disclosure"
	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"
)

// figureView is one figure: a chart with a table that says the same.
type figureView struct {
	ID      string
	Text    string // what was asked
	Base    string // answers: of all per cents
	All     string // counted at all
	BaseKey string // key of words about the two
	Note    string // key of words about the per cents
	Where   []string
	Merged  bool
	Waiting int
	Counted string
	Chart   template.HTML
	Heads   []string
	Lines   []lineView
	Numbers []lineView
	Hidden  bool
	Why     string // key of words: why there is nothing to see
	More    string // address of the map
}

type lineView struct {
	Label string
	Cells []string
}

// none stands in tables where a number is too small to be shown.
const none = "·"

// reasonKeys say why there is no figure.
func reasonKey(err error) string {
	for key, e := range map[string]error{"question": disclosure.ErrQuestion, "few": disclosure.ErrFew, "hidden": disclosure.ErrHidden, "unsafe": disclosure.ErrUnsafe, "gone": disclosure.ErrGone} {
		if errors.Is(err, e) {
			return "staff.planning.why." + key
		}
	}
	return ""
}

// frame fills in what is told of every figure.
func (pl *Planning) frame(id, text string, s study, f *figure) figureView {
	out := figureView{ID: id, Text: text, Why: reasonKey(f.err), BaseKey: "staff.planning.view.base"}
	if f.err != nil {
		return out
	}
	if f.Column != "" {
		out.BaseKey += "_cross"
	}
	out.Base, out.All, out.Merged, out.Waiting, out.Hidden = sum(f.Base), number(f.All), f.Merged, f.Waiting, f.AnyGone
	out.Where = pl.sayWhere(s, f.Where)
	if f.Counted.UnixMilli() > 0 {
		out.Counted = minute(f.Counted.UnixMilli())
	}
	switch {
	case f.Several:
		out.Note = "staff.planning.view.several"
	case f.Ranked:
		out.Note = "staff.planning.view.ranked"
	}
	return out
}

// figure shows one variable.
func (pl *Planning) figure(id string, s study, v *tally.Variable, f *figure, filtered bool) figureView {
	out := pl.frame(id, question(v), s, f)
	if f.err != nil {
		if errors.Is(f.err, disclosure.ErrQuestion) && filtered {
			out.Why = "staff.planning.why.filtered"
		}
		return out
	}
	out.numbers(pl, f.Answer)
	if len(f.Rows) == 0 {
		return out
	}
	n := make([]int, len(f.Rows))
	longest := 1
	for i := range f.Rows {
		n[i] = f.N[i][0]
		longest = max(longest, n[i])
	}
	first := pl.word("staff.planning.view.answer")
	if f.Ranked {
		first = pl.word("staff.planning.view.first")
	}
	out.Heads = []string{first, pl.word("staff.planning.view.count"), pl.word("staff.planning.view.percent")}
	var bars []chart.Bar
	var legend []string
	row := chart.Row{}
	desc, whole := "", true
	for i, r := range f.Rows {
		label, share, count := say(r.Text), percent(n[i], f.Base), number(n[i])
		if label == "" {
			label = r.Code
		}
		bar := chart.Bar{Label: label, Share: float64(n[i]) / float64(max(f.Base, 1)), Value: share}
		if f.Base <= 0 { // nobody may know how many answered: no per cents
			bar.Share, bar.Value, whole = float64(n[i])/float64(longest), count, false
		}
		if n[i] == disclosure.Hidden {
			share, count, whole = none, none, false
			bar.None, bar.Value = true, pl.word("staff.planning.view.hidden")
		}
		bars, legend = append(bars, bar), append(legend, label)
		row.Parts = append(row.Parts, max(bar.Share, 0))
		out.Lines = append(out.Lines, lineView{label, []string{count, share}})
		desc += label + ": " + bar.Value + ". "
	}
	head := chart.Head{ID: id + "-bild", Title: out.Text, Desc: desc}
	switch {
	case f.Score != nil && whole:
		parts, said := pl.promoters(f.Answer, n)
		head.Desc = said
		out.Chart = template.HTML(chart.Stacked(head, []string{pl.word("staff.planning.view.detractors"), pl.word("staff.planning.view.passives"), pl.word("staff.planning.view.promoters")},
			[]chart.Row{{Parts: parts}}))
	case v.Of.Type == survey.Scale && whole && len(legend) <= chart.Steps:
		out.Chart = template.HTML(chart.Stacked(head, legend, []chart.Row{row}))
	default:
		out.Chart = template.HTML(chart.Bars(head, bars))
	}
	return out
}

// promoters sums up who recommends (9 and 10), who does not (0 to 6) and the rest.
func (pl *Planning) promoters(a disclosure.Answer, n []int) (parts []float64, said string) {
	var sums [3]int
	for i, r := range a.Rows {
		step, _ := strconv.Atoi(r.Code)
		switch {
		case step >= 9:
			sums[2] += n[i]
		case step >= 7:
			sums[1] += n[i]
		default:
			sums[0] += n[i]
		}
	}
	for i, key := range []string{"detractors", "passives", "promoters"} {
		parts = append(parts, float64(sums[i])/float64(max(a.Base, 1)))
		said += pl.word("staff.planning.view."+key) + ": " + percent(sums[i], a.Base) + ". "
	}
	return parts, said
}

func (out *figureView) numbers(pl *Planning, a disclosure.Answer) {
	put := func(key string, f float64, unit string) {
		s := decimal(f)
		if unit != "" {
			s += " " + unit
		}
		out.Numbers = append(out.Numbers, lineView{Label: pl.word("staff.planning.view." + key), Cells: []string{s}})
	}
	if n := a.Numbers; n != nil {
		put("mean", n.Mean, a.Unit)
		if len(a.Rows) == 0 {
			put("q1", n.Q1, a.Unit)
			put("median", n.Median, a.Unit)
			put("q3", n.Q3, a.Unit)
		}
	}
	if a.Score != nil {
		put("nps", *a.Score, "")
	}
}

// matrixView is a matrix: all its rows in one chart and one table.
type matrixView struct {
	ID, Text string
	Chart    template.HTML
	Heads    []string
	Rows     []heatRow
	Hidden   bool
	Note     string
	Where    []string
	Merged   bool
	All      string
	Waiting  int
	Counted  string
}

type heatRow struct {
	Label string
	Base  string
	Cells []heatCell
	Why   string // instead of cells
}

// heatCell is a number with the shade of its share, 0 (none) to 5.
type heatCell struct {
	N, Share string
	Shade    int
}

func cell(n, base int) heatCell {
	if n == disclosure.Hidden {
		return heatCell{N: none}
	}
	c := heatCell{N: number(n)}
	if base > 0 {
		c.Share, c.Shade = percent(n, base), shade(float64(n)/float64(base))
	}
	return c
}

// shade is 1 for less than a fifth, up to 5.
func shade(share float64) int { return min(1+int(share*5), 5) }

// matrix shows the rows of a matrix, one figure each.
func (pl *Planning) matrix(id string, s study, it *tally.Item, variables []*tally.Variable, got []*figure) matrixView {
	out := matrixView{ID: id, Text: say(it.Text)}
	var legend []string
	for _, o := range it.Offered {
		legend = append(legend, say(o.Text))
	}
	var rows []chart.Row
	several, desc := false, ""
	for i, v := range variables {
		f, label := got[i], say(v.Row.Text)
		row := heatRow{Label: label, Why: reasonKey(f.err)}
		part := chart.Row{Label: label}
		if f.err != nil {
			part.None = pl.word("staff.planning.view.hidden")
		} else {
			one := pl.frame("", "", s, f)
			out.Note, out.Where, out.All, out.Counted, out.Waiting = one.Note, one.Where, one.All, one.Counted, max(out.Waiting, one.Waiting)
			out.Merged, out.Hidden = out.Merged || one.Merged, out.Hidden || one.Hidden
			several = several || f.Several
			row.Base, part.Value = one.Base, "n = "+one.Base
			desc += label + ": "
			for _, o := range it.Offered {
				n := disclosure.Hidden
				for k, r := range f.Rows {
					if r.Code == o.Code {
						n = f.N[k][0]
					}
				}
				c := cell(n, f.Base)
				row.Cells = append(row.Cells, c)
				part.Parts = append(part.Parts, max(float64(n), 0)/float64(max(f.Base, 1)))
				if c.Share != "" {
					desc += say(o.Text) + " " + c.Share + ", "
				}
			}
			desc += "n = " + one.Base + ". "
		}
		rows, out.Rows = append(rows, part), append(out.Rows, row)
	}
	out.Heads = append(out.Heads, legend...)
	if !several && len(legend) <= chart.Steps {
		out.Chart = template.HTML(chart.Stacked(chart.Head{ID: id + "-bild", Title: out.Text, Desc: desc}, legend, rows))
	}
	return out
}
