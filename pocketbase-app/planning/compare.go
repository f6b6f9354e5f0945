package planning

import (
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"servicepoint/content/chart"
	"servicepoint/content/disclosure"
	"servicepoint/content/survey/tally"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// comparison is what /planung/umfragen/<slug>/vergleich/ shows: the same
// questions in two surveys.
type comparison struct {
	page
	Waves   []option // surveys that share a question
	Other   *study
	Figures []waveView
}

// waveView is one question in both surveys.
type waveView struct {
	ID, Text string
	Was      string // how the other survey asked it, when it asked otherwise
	Titles   [2]string
	Bases    [2]string
	Whys     [2]string
	Chart    template.HTML
	Lines    []waveLine
	Means    [2]string
	Several  bool
	Hidden   bool
}

type waveLine struct {
	Label  string
	N      [2]string
	Share  [2]string
	Change string // in points; "" when one is not known
}

// common lists the variables that two surveys share: the same key, the same kind
// of answer and, where there is a list, at least one option of both.
func common(a, b study) (list []*tally.Variable) {
	for _, v := range a.asked.Variables() {
		w := b.asked.Variable(v.Key)
		if w == nil || !a.shown(v) || !b.shown(w) || v.Of.Type != w.Of.Type {
			continue
		}
		if v.Listed && !slices.ContainsFunc(v.Of.Offered, func(o tally.Option) bool {
			return slices.ContainsFunc(w.Of.Offered, func(p tally.Option) bool { return o.Code == p.Code })
		}) {
			continue
		}
		list = append(list, v)
	}
	return list
}

// showComparison is GET /planung/umfragen/<slug>/vergleich/?mit=….
func (pl *Planning) showComparison(e *core.RequestEvent) error {
	ctx, with := e.Request.Context(), e.Request.URL.Query().Get("mit")
	s, err := pl.study(ctx, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	d := comparison{}
	if d.page, err = pl.page(ctx, s, "vergleich", url.Values{"mit": {with}}, nil); err != nil {
		return err
	}
	all, err := pl.surveys(ctx)
	if err != nil {
		return err
	}
	var shared []*tally.Variable
	for _, one := range all {
		if one.Slug == s.Slug {
			continue
		}
		other, err := pl.study(ctx, one.Slug)
		if err != nil {
			return err
		}
		if both := common(s, other); len(both) > 0 {
			d.Waves = append(d.Waves, option{one.Slug, one.Title, one.Slug == with})
			if one.Slug == with {
				d.Other, shared = &other, both
			}
		}
	}
	v := base.View{Title: pl.word("staff.planning.compare.title", "survey", s.Title)}
	status := http.StatusOK
	switch {
	case with != "" && d.Other == nil:
		v.Problems.Add("mit", "unknown_option")
		status = http.StatusUnprocessableEntity
	case d.Other != nil:
		if err := pl.compare(e, &d, shared); err != nil {
			return err
		}
	}
	v.Data = d
	return pl.p.Show(e, status, pages, "compare", v)
}

func (pl *Planning) compare(e *core.RequestEvent, d *comparison, shared []*tally.Variable) error {
	var got [2][]*figure
	d.Counting = &counting{}
	for i, s := range []study{d.study, *d.Other} {
		var questions []disclosure.Question
		for _, v := range shared {
			questions = append(questions, disclosure.Question{Row: v.Key})
		}
		var ready int
		var err error
		if got[i], ready, err = pl.figures.of(e.Request.Context(), s.surveyView, base.Staff(e).Id, questions); err != nil {
			return err
		}
		d.Counting.Ready += ready
		d.Counting.Total += len(got[i])
	}
	if d.Counting.Ready < d.Counting.Total {
		return nil
	}
	d.Counting = nil
	for i, v := range shared {
		if i >= len(got[0]) {
			break
		}
		d.Figures = append(d.Figures, pl.wave("w"+strconv.Itoa(i+1), v, *d, [2]*figure{got[0][i], got[1][i]}))
	}
	return nil
}

// wave shows one question of both.
func (pl *Planning) wave(id string, v *tally.Variable, d comparison, f [2]*figure) waveView {
	out := waveView{ID: id, Text: question(v), Titles: [2]string{d.Title, d.Other.Title}}
	if was := question(d.Other.asked.Variable(v.Key)); was != out.Text {
		out.Was = was
	}
	type row struct {
		label string
		n     [2]int // -1 hidden, -2 not offered
	}
	var rows []row
	at := map[string]int{}
	for i, one := range f {
		if out.Whys[i] = reasonKey(one.err); one.err != nil {
			continue
		}
		out.Bases[i], out.Hidden, out.Several = number(one.Base), out.Hidden || one.AnyGone, out.Several || one.Several
		if one.Numbers != nil {
			out.Means[i] = decimal(one.Numbers.Mean)
		}
		for k, r := range one.Rows {
			j, known := at[r.Code]
			if !known {
				j, rows = len(rows), append(rows, row{label(r), [2]int{notOffered, notOffered}})
				at[r.Code] = j
			}
			rows[j].n[i] = one.N[k][0]
		}
	}
	desc := ""
	var groups []chart.Group
	for _, r := range rows {
		line, g := waveLine{Label: r.label}, chart.Group{Label: r.label}
		var shares [2]float64
		for i := range r.n {
			line.N[i], line.Share[i], shares[i] = none, none, -1
			switch {
			case r.n[i] >= 0:
				line.N[i], line.Share[i] = number(r.n[i]), percent(r.n[i], f[i].Base)
				shares[i] = float64(r.n[i]) / float64(max(f[i].Base, 1))
			case r.n[i] == notOffered:
				line.N[i], line.Share[i] = "", ""
			}
			g.Shares, g.Values = append(g.Shares, shares[i]), append(g.Values, line.Share[i])
		}
		if shares[0] >= 0 && shares[1] >= 0 {
			line.Change = points(100 * (shares[0] - shares[1]))
		}
		desc += r.label + ": " + line.Share[0] + " – " + line.Share[1] + ". "
		out.Lines, groups = append(out.Lines, line), append(groups, g)
	}
	if len(groups) > 0 {
		out.Chart = template.HTML(chart.Grouped(chart.Head{ID: id + "-bild", Title: out.Text, Desc: desc}, []string{d.Title, d.Other.Title}, groups))
	}
	return out
}

const notOffered = -2

// points writes a difference of per cents.
func points(f float64) string {
	switch n := int(math.Round(f)); {
	case n > 0:
		return "+" + strconv.Itoa(n)
	case n < 0:
		return "−" + strconv.Itoa(-n)
	}
	return "0"
}
