package site

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
)

// resultsPath is where the results of a survey stand, below the survey.
const resultsPath = "ergebnisse"

// resultsPage is what the city has released of a survey.
type resultsPage struct {
	head
	Results     bool              `json:"results"` // tells the layout
	Survey      link              `json:"survey"`
	N           string            `json:"n,omitempty"` // "": no figures yet
	Period      string            `json:"period,omitempty"`
	Released    string            `json:"released,omitempty"`
	ISO         string            `json:"releasediso,omitempty"`
	Corrections []correctionLine  `json:"corrections,omitempty"`
	Withdrawals []correctionLine  `json:"withdrawals,omitempty"`
	Files       []link            `json:"files,omitempty"` // the figures as open data
	Questions   []resultsQuestion `json:"questions,omitempty"`
	Tables      []resultsTable    `json:"tables,omitempty"`
	Hidden      bool              `json:"hidden,omitempty"` // somewhere
	Actions     []actionLine      `json:"actions,omitempty"`
}

type correctionLine struct {
	Day    string `json:"day"`
	ISO    string `json:"iso"`
	Reason said   `json:"reason"`
}

type resultsQuestion struct {
	Text    said            `json:"text"`
	Figures []resultsFigure `json:"figures"`
}

type resultsFigure struct {
	ID      string        `json:"id"`
	Row     said          `json:"row"`
	Base    string        `json:"base"`
	Note    string        `json:"note,omitempty"` // suffix of the word results_…
	Chart   string        `json:"chart,omitempty"`
	Lines   []resultsLine `json:"lines,omitempty"`
	Ranked  bool          `json:"ranked,omitempty"`
	Numbers []resultsLine `json:"numbers,omitempty"` // words and what they amount to
	Quotes  []string      `json:"quotes,omitempty"`
}

type resultsLine struct {
	Label   said   `json:"label"`
	N       string `json:"n"` // "": hidden
	Percent string `json:"percent,omitempty"`
	Rank    string `json:"rank,omitempty"`
	Picture string `json:"picture,omitempty"` // address
	Alt     said   `json:"alt,omitzero"`
}

type resultsTable struct {
	Row     said       `json:"row"`
	Column  said       `json:"column"`
	Base    string     `json:"base"`
	Columns []said     `json:"columns"`
	Lines   []crossRow `json:"lines"`
}

type crossRow struct {
	Label said     `json:"label"`
	Cells []string `json:"cells"` // "": hidden
}

type actionLine struct {
	Title said   `json:"title"`
	Said  said   `json:"said"` // HTML
	Did   said   `json:"did"`  // HTML
	State string `json:"state"`
	Day   string `json:"day"`
	ISO   string `json:"iso"`
}

// resultsPages makes a page for every survey that has results or actions.
func (e *edition) resultsPages() (pages []record) {
	for _, r := range e.Results {
		title := e.say(r.Title)
		path := surveysSection + "/" + r.Survey + "/" + resultsPath
		p := resultsPage{
			head: head{Description: e.words["results_lead"], Lang: title.Lang}, Results: true,
			Survey: link{Text: title.Text, Lang: title.Lang},
		}
		if e.has(r.Survey) {
			p.Survey.URL = e.url("/" + surveysSection + "/" + r.Survey + "/")
		}
		if r.Release > 0 {
			p.N, p.Released, p.ISO = e.whole(r.N), e.day(r.Released), r.Released.In(content.Berlin).Format("2006-01-02")
			p.Period = e.period(r)
		}
		for _, c := range r.Corrections {
			p.Corrections = append(p.Corrections, correctionLine{survey.FormatDate(c.Day, e.lang), c.Day, e.say(c.Reason)})
		}
		for _, w := range r.Withdrawals {
			p.Withdrawals = append(p.Withdrawals, correctionLine{survey.FormatDate(w.Day, e.lang), w.Day, e.say(w.Reason)})
		}
		if r.Release > 0 {
			for _, f := range content.ResultFiles {
				p.Files = append(p.Files, link{Text: e.words["results_file_"+f.Word], URL: content.ResultFilesPath(r.Survey) + f.Name})
			}
		}
		for i, f := range r.Figures {
			if i == 0 || r.Figures[i-1].Item != f.Item {
				p.Questions = append(p.Questions, resultsQuestion{Text: e.say(f.Text)})
			}
			q := &p.Questions[len(p.Questions)-1]
			q.Figures = append(q.Figures, e.resultsFigure(f, i))
			p.Hidden = p.Hidden || f.Hidden
		}
		for _, t := range r.Tables {
			p.Tables = append(p.Tables, e.resultsTable(t))
			p.Hidden = p.Hidden || t.Hidden
		}
		for _, a := range r.Actions {
			said1, did := e.say(a.Said), e.say(a.Did)
			p.Actions = append(p.Actions, actionLine{
				Title: e.say(a.Title), State: a.State, Day: survey.FormatDate(a.Day, e.lang), ISO: a.Day,
				Said: said{e.markdown(said1.Text, 4, path+": said"), said1.Lang}, Did: said{e.markdown(did.Text, 4, path+": did"), did.Lang},
			})
		}
		pages = append(pages, record{Path: path, Kind: "page", Title: title.Text, Updated: stamp(r.Released), Params: p})
	}
	return pages
}

// has reports whether a survey has a page of its own.
func (e *edition) has(slug string) bool {
	for _, s := range e.Surveys {
		if s.Slug == slug {
			return true
		}
	}
	return false
}

// resultsURL is where a survey's results are, "" when there are none.
func (e *edition) resultsURL(slug string) string {
	for _, r := range e.Results {
		if r.Survey == slug {
			return e.url("/" + surveysSection + "/" + slug + "/" + resultsPath + "/")
		}
	}
	return ""
}

func (e *edition) period(r content.Results) string {
	switch from, to := e.day(r.Opens), e.day(r.Closes); {
	case to == "":
		return cut(e.words["results_since"]+" "+from, 100)
	default:
		return from + " – " + to
	}
}

// whole writes a whole number as the language does: 12.345, 12,345.
func (e *edition) whole(n int) string {
	s, separator := strconv.Itoa(n), "."
	if e.lang == content.English {
		separator = ","
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + separator + s[i:]
	}
	return s
}

func (e *edition) number(f float64) string {
	return survey.FormatNumber(math.Round(f*10)/10, e.lang)
}

func (e *edition) percent(f float64) string {
	if e.lang == content.English {
		return e.number(f) + "%"
	}
	return e.number(f) + "\u00a0%"
}

func (e *edition) resultsFigure(f content.ResultFigure, i int) resultsFigure {
	out := resultsFigure{ID: "f" + strconv.Itoa(i+1), Row: e.say(f.Row), Base: e.whole(f.Base), Ranked: f.Ranked, Quotes: f.Quotes}
	switch {
	case f.Several:
		out.Note = "several"
	case f.Ranked:
		out.Note = "ranked"
	}
	for _, s := range f.Shares {
		line := resultsLine{Label: e.say(s.Text)}
		if s.Picture != "" {
			line.Picture, line.Alt = "/umfragen/bilder/"+s.Picture, e.say(s.Alt)
		}
		if s.N >= 0 {
			line.N, line.Percent = e.whole(s.N), e.percent(s.Percent)
		}
		if s.Rank > 0 {
			line.Rank = e.number(s.Rank)
		}
		out.Lines = append(out.Lines, line)
	}
	if len(f.Shares) > 0 {
		out.Chart = e.chart(f, out)
	}
	put := func(word string, value float64, unit string) {
		out.Numbers = append(out.Numbers, resultsLine{Label: said{Text: e.words[word]}, N: strings.TrimSpace(e.number(value) + " " + unit)})
	}
	if n := f.Numbers; n != nil {
		put("results_mean", n.Mean, f.Unit)
		if len(f.Shares) == 0 {
			put("results_q1", n.Q1, f.Unit)
			put("results_median", n.Median, f.Unit)
			put("results_q3", n.Q3, f.Unit)
		}
	}
	if f.Score != nil {
		put("results_nps", *f.Score, "")
	}
	return out
}

func (e *edition) resultsTable(t content.ResultTable) resultsTable {
	out := resultsTable{Row: e.say(t.Row), Column: e.say(t.Column), Base: e.whole(t.Base)}
	for _, c := range t.Columns {
		out.Columns = append(out.Columns, e.say(c))
	}
	for i, r := range t.Rows {
		line := crossRow{Label: e.say(r)}
		for _, n := range t.N[i] {
			cell := ""
			if n >= 0 {
				cell = e.whole(n)
			}
			line.Cells = append(line.Cells, cell)
		}
		out.Lines = append(out.Lines, line)
	}
	return out
}

// The chart's measures, in units of its view box.
const (
	chartWidth, chartRow, chartBar = 360, 46, 16
	chartLabel                     = 48 // characters
)

// chart draws shares as bars from 0 to 100 per cent, with their labels: own SVG
// without style; classes give the colours. The table beside says the same.
func (e *edition) chart(f content.ResultFigure, out resultsFigure) string {
	title, _ := f.Text.In(e.lang)
	if out.Row.Text != "" {
		title += " – " + out.Row.Text
	}
	var b, desc strings.Builder
	for i, s := range f.Shares {
		line := out.Lines[i]
		value := cmp.Or(line.Percent, e.words["results_hidden"])
		y := i * chartRow
		width := 0.0
		if s.N >= 0 {
			width = math.Round(s.Percent*chartWidth) / 100
		}
		fmt.Fprintf(&b, `<text class="result-label" x="0" y="%d">%s</text><text class="result-value" x="%d" y="%d" text-anchor="end">%s</text>`,
			y+15, html.EscapeString(cut(line.Label.Text, chartLabel)), chartWidth, y+15, html.EscapeString(value))
		fmt.Fprintf(&b, `<rect class="result-ground" x="0" y="%d" width="%d" height="%d"/><rect class="result-bar" x="0" y="%d" width="%s" height="%d"/>`,
			y+21, chartWidth, chartBar, y+21, strconv.FormatFloat(width, 'f', -1, 64), chartBar)
		fmt.Fprintf(&desc, "%s: %s. ", line.Label.Text, value)
	}
	return fmt.Sprintf(`<svg class="result-chart" viewBox="0 0 %d %d" role="img" aria-labelledby="%s-t %s-d"><title id="%s-t">%s</title><desc id="%s-d">%s</desc>%s</svg>`,
		chartWidth, len(f.Shares)*chartRow, out.ID, out.ID, out.ID, html.EscapeString(title), out.ID, html.EscapeString(strings.TrimSpace(desc.String())), b.String())
}
