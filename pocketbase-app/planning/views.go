package planning

import (
	"context"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"servicepoint/content"
	"servicepoint/content/chart"
	"servicepoint/content/disclosure"
	"servicepoint/content/survey/tally"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// bindViews adds the pages that show a survey's counts and protected figures;
// files are bound by [Planning.Bind].
func (pl *Planning) bindViews(se *core.ServeEvent, need func(*core.RequestEvent) error) {
	pl.p.Route(se, "GET", "/planung/{slug}/{$}", pl.showSurvey, need)
	pl.p.Route(se, "POST", "/planung/umfragen/{slug}/ziel/{$}", pl.changeTarget, need)
	pl.p.Route(se, "GET", "/planung/umfragen/{slug}/fragen/{$}", pl.showQuestions, need)
	pl.p.Route(se, "GET", "/planung/umfragen/{slug}/kreuztabelle/{$}", pl.showCross, need)
	pl.p.Route(se, "GET", "/planung/umfragen/{slug}/vergleich/{$}", pl.showComparison, need)
	pl.p.Route(se, "GET", "/planung/umfragen/{slug}/karte/{$}", pl.showMap, need)
	pl.p.Route(se, "GET", "/planung/ansichten/{$}", pl.showSaved, need)
	pl.p.Route(se, "POST", "/planung/ansichten/{$}", pl.save, need)
	pl.p.Route(se, "POST", "/planung/ansichten/{id}/loeschen/{$}", pl.removeSaved, need)
}

// page is what every page about one survey has.
type page struct {
	study
	Tabs     []tab
	Filter   filterView
	Counting *counting // the figures are not ready
	Address  string    // of this view, without what is empty: GET shows it again
	Link     string    // the same with the origin
	Saved    []savedView
}

type tab struct {
	Name, URL string
	Here      bool
}

type counting struct{ Ready, Total int }

// views lists the pages about one survey by the last part of their address.
var viewNames = []string{"", "fragen", "kreuztabelle", "vergleich", "karte"}

func viewPath(slug, view string) string {
	if view == "" {
		return "/planung/" + slug + "/"
	}
	return "/planung/umfragen/" + slug + "/" + view + "/"
}

// page begins a page; params are the parts of its address that count, filters
// aside.
func (pl *Planning) page(ctx context.Context, s study, view string, params url.Values, c conditions) (p page, err error) {
	p = page{study: s, Filter: pl.filter(s, c)}
	for _, v := range viewNames {
		if v == "karte" && s.district == nil {
			continue
		}
		u := url.URL{Path: viewPath(s.Slug, v)}
		if v != "" && v != "vergleich" {
			u.RawQuery = url.Values{where: c.values()}.Encode()
		}
		p.Tabs = append(p.Tabs, tab{pl.word("staff.planning.tab." + v), u.String(), v == view})
	}
	query := url.Values{}
	for key, values := range params {
		for _, value := range values {
			if value != "" {
				query.Add(key, value)
				p.Filter.Hidden = append(p.Filter.Hidden, option{Value: value, Label: key})
			}
		}
	}
	slices.SortFunc(p.Filter.Hidden, func(a, b option) int { return slices.Compare([]string{a.Label, a.Value}, []string{b.Label, b.Value}) })
	for _, value := range c.values() {
		query.Add(where, value)
	}
	address := url.URL{Path: viewPath(s.Slug, view), RawQuery: query.Encode()}
	p.Address, p.Link = address.String(), pl.p.Origin+address.String()
	p.Saved, err = pl.savedViews(ctx, s.Slug)
	return p, err
}

// With hands a part of a page to its template, which needs the page's words.
func (page) With(v base.View, part any) partView { return partView{v, part} }

type partView struct {
	V base.View
	P any
}

// detail is what /planung/<slug>/ shows.
type detail struct {
	page
	Target  *targetView
	Unit    string // of the columns
	Course  template.HTML
	Columns template.HTML
	Periods []period
	ByWay   figureView
	Groups  []figureView // by district, by age
}

type period struct {
	Label  string
	N, Sum string
}

// showSurvey is GET /planung/<slug>/.
func (pl *Planning) showSurvey(e *core.RequestEvent) error {
	return pl.overview(e, http.StatusOK, base.View{})
}

func (pl *Planning) overview(e *core.RequestEvent, status int, v base.View) error {
	ctx := e.Request.Context()
	s, err := pl.study(ctx, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	d := detail{}
	if d.page, err = pl.page(ctx, s, "", nil, nil); err != nil {
		return err
	}
	t, err := pl.target(ctx, s.Slug)
	if err != nil {
		return err
	}
	if err := pl.course(&d, t); err != nil {
		return err
	}
	d.ByWay = pl.byChannel(s)
	var questions []disclosure.Question
	var variables []*tally.Variable
	for _, g := range []*tally.Variable{s.district, s.age} {
		if g != nil {
			questions, variables = append(questions, disclosure.Question{Row: g.Key}), append(variables, g)
		}
	}
	if s.Total > 0 {
		got, ready, err := pl.figures.of(ctx, s.surveyView, base.Staff(e).Id, questions)
		if err != nil {
			return err
		}
		if ready < len(got) {
			d.Counting = &counting{ready, len(got)}
		} else {
			for i, f := range got {
				one := pl.figure("gruppe-"+strconv.Itoa(i+1), s, variables[i], f, false)
				if variables[i] == s.district {
					one.More = viewPath(s.Slug, "karte")
				}
				d.Groups = append(d.Groups, one)
			}
		}
	}
	if v.Form == nil {
		v.Form = t.form()
	}
	v.Title, v.Data = s.Title, d
	return pl.p.Show(e, status, pages, "survey", v)
}

// byChannel shows the ways that answers came: counts of the storage, which tell
// nothing of what was answered.
func (pl *Planning) byChannel(s study) figureView {
	out := figureView{ID: "wege", Text: pl.word("staff.planning.view.by_channel"), Base: number(s.Total),
		Heads: []string{pl.word("staff.planning.view.channel"), pl.word("staff.planning.answers"), pl.word("staff.planning.view.percent")}}
	var bars []chart.Bar
	var desc string
	for _, c := range s.Channels {
		share := percent(c.N, s.Total)
		bars = append(bars, chart.Bar{Label: c.Name, Share: float64(c.N) / float64(max(s.Total, 1)), Value: share})
		out.Lines = append(out.Lines, lineView{c.Name, []string{number(c.N), share}})
		desc += c.Name + ": " + share + ". "
	}
	if len(bars) > 0 {
		out.Chart = template.HTML(chart.Bars(chart.Head{ID: "wege", Title: out.Text, Desc: desc}, bars))
	}
	return out
}

// course draws how the answers came in.
func (pl *Planning) course(d *detail, t target) error {
	c, err := newStretches(d.Days)
	if err != nil {
		return err
	}
	d.Unit = c.Unit
	d.Target = pl.targetView(d.surveyView, t)
	if len(c.Points) == 0 {
		return nil
	}
	title := pl.word("staff.planning.chart." + c.Unit)
	d.Columns = template.HTML(chart.Columns(chart.Head{ID: "verlauf", Title: title, Desc: pl.word("staff.planning.chart.desc",
		"n", number(d.Total), "first", c.Points[0].Label, "bars", len(c.Points), "max", number(c.Max))}, c.Points, number))
	sums := make([]chart.Point, len(c.Points))
	sum := 0
	for i, p := range c.Points {
		sum += p.N
		sums[i] = chart.Point{Label: p.Label, N: sum}
		if p.N > 0 {
			d.Periods = append(d.Periods, period{p.Label, number(p.N), number(sum)})
		}
	}
	last := sums[len(sums)-1].Label
	var goal *chart.Target
	desc := pl.word("staff.planning.course_desc", "n", number(sum), "day", d.LastDay())
	if t.N > 0 {
		goal = &chart.Target{N: t.N, Label: pl.word("staff.planning.target.label", "n", number(t.N))}
		desc += " " + d.Target.Say
		if until, err := time.Parse(time.DateOnly, t.end(d.surveyView)); err == nil {
			from := c.first
			if !d.Opens.IsZero() {
				from = dayOf(d.Opens)
			}
			goal.From, goal.To = max(c.at(from), 0), c.at(until)
			if goal.To > float64(len(sums)-1) {
				last = until.Format("02.01.2006")
			}
		}
	}
	if len(sums) == 1 && last == sums[0].Label {
		last = ""
	}
	d.Course = template.HTML(chart.Course(chart.Head{ID: "summe", Title: pl.word("staff.planning.course_title"), Desc: desc}, sums, goal, last, number))
	return nil
}

func dayOf(t time.Time) time.Time {
	y, m, d := t.In(content.Berlin).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// Number writes a whole number as German readers expect it, e.g. 12.345.
func (surveyView) Number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "." + s[i:]
	}
	return s
}

// Period says when the survey is open.
func (v surveyView) Period() string {
	from, to := v.Opens.In(content.Berlin).Format("02.01.2006"), v.Closes.In(content.Berlin).Format("02.01.2006")
	switch {
	case v.Opens.IsZero() && v.Closes.IsZero():
		return ""
	case v.Closes.IsZero():
		return "ab " + from
	case v.Opens.IsZero():
		return "bis " + to
	}
	return from + " bis " + to
}

// LastDay is the day of the last response, "" when there is none.
func (v surveyView) LastDay() string {
	if len(v.Days) == 0 {
		return ""
	}
	d, err := time.Parse(time.DateOnly, v.Days[len(v.Days)-1].Day)
	if err != nil {
		return v.Days[len(v.Days)-1].Day
	}
	return d.Format("02.01.2006")
}
