package chart

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Head is what every drawing has.
type Head struct {
	ID    string // begins the ids inside: letters, digits and "-", unique on the page
	Title string
	Desc  string // what is to be seen, in sentences
}

// width of drawings for a column, in units of the view box: pixels on a small
// phone. Letters are 14 units high.
const (
	width   = 360
	line    = 18 // of text
	letters = 46 // that fit on a line
)

type drawing struct {
	strings.Builder
	id string
}

// frame puts the title and the description around what was drawn.
func (d *drawing) frame(h Head, class string, w, height int) string {
	id := html.EscapeString(h.ID)
	desc, described := "", ""
	if h.Desc != "" {
		desc, described = fmt.Sprintf(`<desc id="%s-d">%s</desc>`, id, html.EscapeString(h.Desc)), " "+id+"-d"
	}
	return fmt.Sprintf(`<svg class="%s" viewBox="0 0 %d %d" role="img" aria-labelledby="%s-t%s"><title id="%s-t">%s</title>%s%s</svg>`,
		class, w, height, id, described, id, html.EscapeString(h.Title), desc, d.String())
}

func (d *drawing) text(class string, x, y float64, anchor, s string) {
	if anchor != "" {
		anchor = ` text-anchor="` + anchor + `"`
	}
	fmt.Fprintf(d, `<text class="%s" x="%s" y="%s"%s>%s</text>`, class, num(x), num(y), anchor, html.EscapeString(s))
}

func (d *drawing) rect(class string, x, y, w, h float64) {
	fmt.Fprintf(d, `<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, class, num(x), num(y), num(w), num(h))
}

// hatched is a rectangle with the pattern of its step over it.
func (d *drawing) hatched(step int, x, y, w, h float64) {
	d.rect("chart-step chart-step-"+strconv.Itoa(step), x, y, w, h)
	if p := pattern(step); p > 0 {
		fmt.Fprintf(d, `<rect class="chart-hatch" x="%s" y="%s" width="%s" height="%s" fill="url(#%s-p%d)"/>`, num(x), num(y), num(w), num(h), html.EscapeString(d.id), p)
	}
}

// Steps is how many areas can be told apart.
const Steps = 7

// pattern numbers the patterns; 0 is none.
func pattern(step int) int { return (step - 1) % len(patterns) }

// patterns are lines and dots on 8 by 8 units; the first stands for none.
var patterns = []string{
	"",
	`<path d="M-1 1l2-2M0 8l8-8M7 9l2-2"/>`,
	`<circle cx="2" cy="2" r="1.2"/><circle cx="6" cy="6" r="1.2"/>`,
	`<path d="M0 4h8"/>`,
	`<path d="M-1 1l2-2M0 8l8-8M7 9l2-2M-1 7l2 2M0 0l8 8M7-1l2 2"/>`,
	`<path d="M4 0v8"/>`,
	`<path d="M0 4h8M4 0v8"/>`,
}

// define defines the patterns that the steps need.
func (d *drawing) define(steps ...int) {
	done := map[int]bool{0: true}
	d.WriteString("<defs>")
	for _, s := range steps {
		if p := pattern(s); !done[p] {
			done[p] = true
			class := "chart-pattern"
			if s > Steps/2 { // over dark areas
				class += " chart-pattern-dark"
			}
			fmt.Fprintf(d, `<pattern id="%s-p%d" class="%s" width="8" height="8" patternUnits="userSpaceOnUse">%s</pattern>`, html.EscapeString(d.id), p, class, patterns[p])
		}
	}
	d.WriteString("</defs>")
}

// num writes a coordinate with a tenth of a unit at most.
func num(f float64) string { return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) }

// wrap breaks a text into at most n lines; what does not fit ends with "…".
func wrap(s string, n, letters int) (lines []string) {
	at := ""
	for word := range strings.FieldsSeq(s) {
		for utf8.RuneCountInString(word) > letters { // a word without end
			r := []rune(word)
			if at != "" {
				lines, at = append(lines, at), ""
			}
			lines, word = append(lines, string(r[:letters])), string(r[letters:])
		}
		switch {
		case at == "":
			at = word
		case utf8.RuneCountInString(at)+1+utf8.RuneCountInString(word) <= letters:
			at += " " + word
		default:
			lines, at = append(lines, at), word
		}
	}
	if at != "" || len(lines) == 0 {
		lines = append(lines, at)
	}
	if len(lines) > n {
		last := []rune(lines[n-1])
		lines = append(lines[:n-1], string(last[:min(len(last), letters-1)])+"…")
	}
	return lines
}

// Bar is one bar of [Bars].
type Bar struct {
	Label string
	Share float64 // 0 to 1: how long
	Value string  // written at its end
	None  bool    // there is no value to show: an empty ground, with Value telling why
}

// Bars draws horizontal bars under each other, each below its label.
func Bars(h Head, bars []Bar) string {
	d := &drawing{id: h.ID}
	y := 0.0
	const thick = 14.0
	for _, b := range bars {
		y = d.label(y, b.Label, b.Value)
		d.rect("chart-ground", 0, y, width, thick)
		if !b.None {
			d.rect("chart-bar", 0, y, width*clamp(b.Share), thick)
		}
		y += thick + 12
	}
	return d.frame(h, "chart-svg", width, int(max(y-12, 1)))
}

// label writes a label with a value at the end of its last line.
func (d *drawing) label(y float64, label, value string) float64 {
	lines := wrap(label, 2, max(letters-utf8.RuneCountInString(value)-1, 12))
	for _, s := range lines {
		d.text("chart-label", 0, y+13, "", s)
		y += line
	}
	if value != "" {
		d.text("chart-value", width, y+13-line, "end", value)
	}
	return y + 1
}

func clamp(f float64) float64 {
	if !(f > 0) {
		return 0
	}
	return min(f, 1)
}

// Row is one bar of [Stacked].
type Row struct {
	Label string
	Value string    // e.g. the base
	Parts []float64 // 0 to 1 each, in the order of the legend
	None  string    // instead of parts: why there are none
}

// Stacked draws bars of several parts, and what the parts stand for below them.
// It has room for [Steps] parts; more share the look of the last one.
func Stacked(h Head, legend []string, rows []Row) string {
	d := &drawing{id: h.ID}
	steps := make([]int, len(legend))
	for i := range legend {
		steps[i] = Step(i, len(legend))
	}
	d.define(steps...)
	y := 0.0
	const thick = 24.0
	for _, r := range rows {
		if r.Label != "" || r.Value != "" {
			y = d.label(y, r.Label, r.Value)
		}
		d.rect("chart-ground", 0, y, width, thick)
		x := 0.0
		for i, p := range r.Parts {
			if i >= len(steps) || !(p > 0) {
				continue
			}
			w := min(width*p, width-x)
			d.hatched(steps[i], x, y, w, thick)
			if w >= 44 {
				s := strconv.Itoa(int(math.Round(p*100))) + " %"
				half := 4*float64(utf8.RuneCountInString(s)) + 2
				d.rect("chart-step chart-step-"+strconv.Itoa(steps[i]), x+w/2-half, y+4, 2*half, thick-8)
				d.text("chart-on chart-on-"+strconv.Itoa(steps[i]), x+w/2, y+17, "middle", s)
			}
			x += w
		}
		if r.None != "" {
			d.text("chart-label", 6, y+17, "", r.None)
		}
		y += thick + 12
	}
	d.legend(&y, legend, steps)
	return d.frame(h, "chart-svg", width, int(max(y, 1)))
}

// Group is a label with one bar for each entry of the legend.
type Group struct {
	Label  string
	Shares []float64 // 0 to 1; less than 0: no value to show
	Values []string  // written at their ends
}

// Grouped draws bars side by side to be compared, and what they stand for.
func Grouped(h Head, legend []string, groups []Group) string {
	d := &drawing{id: h.ID}
	steps := make([]int, len(legend))
	for i := range legend {
		steps[i] = Step(i, len(legend))
		if n := len(legend); 1 < n && n <= Steps-2 { // the two lightest could hardly be told from the ground
			steps[i] = 3 + i*(Steps-3)/(n-1)
		}
	}
	d.define(steps...)
	y := 0.0
	const thick, room = 14.0, 290.0
	for _, g := range groups {
		y = d.label(y, g.Label, "")
		for i := range legend {
			d.rect("chart-ground", 0, y, room, thick)
			if i < len(g.Shares) && g.Shares[i] > 0 {
				d.hatched(steps[i], 0, y, room*clamp(g.Shares[i]), thick)
			}
			if i < len(g.Values) {
				d.text("chart-value", width, y+12, "end", g.Values[i])
			}
			y += thick + 3
		}
		y += 10
	}
	d.legend(&y, legend, steps)
	return d.frame(h, "chart-svg", width, int(max(y, 1)))
}

func (d *drawing) legend(y *float64, legend []string, steps []int) {
	for i, s := range legend {
		d.hatched(steps[i], 0, *y, 16, 14)
		for _, l := range wrap(s, 2, letters-4) {
			d.text("chart-label", 24, *y+12, "", l)
			*y += line
		}
		*y += 4
	}
}

// Step is the look of part i of n, 1 to [Steps]: few parts take looks far apart.
func Step(i, n int) int {
	if n <= 1 {
		return 4
	}
	return 1 + int(math.Round(float64(min(i, n-1))*float64(Steps-1)/float64(n-1)))
}
