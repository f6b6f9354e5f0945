package chart_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"servicepoint/content/chart"

	"pgregory.net/rapid"
)

var head = chart.Head{ID: "c1", Title: `Wie oft <war> "es"?`, Desc: "Ja: 50 %. Nein: 50 %."}

// sound reads a drawing as XML and fails on what pages must not have: style,
// script, an address that leads out, an id twice, a reference to no id.
func sound(t testing.TB, svg string) {
	ids, refs := map[string]bool{}, []string{}
	dec := xml.NewDecoder(strings.NewReader(svg))
	depth, texts := 0, 0
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			depth++
			if tok.Name.Local == "script" || tok.Name.Local == "style" || tok.Name.Local == "a" {
				t.Errorf("element %s", tok.Name.Local)
			}
			if tok.Name.Local == "title" || tok.Name.Local == "desc" {
				texts++
			}
			for _, a := range tok.Attr {
				switch {
				case a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href":
					t.Errorf("attribute %s", a.Name.Local)
				case a.Name.Local == "id":
					if ids[a.Value] {
						t.Errorf("id %s twice", a.Value)
					}
					ids[a.Value] = true
				case a.Name.Local == "aria-labelledby":
					refs = append(refs, strings.Fields(a.Value)...)
				case strings.HasPrefix(a.Value, "url(#"):
					refs = append(refs, strings.TrimSuffix(strings.TrimPrefix(a.Value, "url(#"), ")"))
				case a.Name.Local == "width" || a.Name.Local == "height" || a.Name.Local == "x" || a.Name.Local == "y":
					if f, err := strconv.ParseFloat(a.Value, 64); err != nil || f < -0.05 {
						t.Errorf("%s=%q in %s", a.Name.Local, a.Value, svg)
					}
				}
			}
		case xml.EndElement:
			depth--
		}
	}
	for _, r := range refs {
		if !ids[r] {
			t.Errorf("no id %s in %s", r, svg)
		}
	}
	if depth != 0 || texts != 2 {
		t.Errorf("depth %d, %d titles and descriptions", depth, texts)
	}
}

func TestBarsAreAsLongAsTheirShares(t *testing.T) {
	svg := chart.Bars(head, []chart.Bar{{Label: "Ja & gern", Share: 0.25, Value: "25 %"}, {Label: "Nein", None: true, Value: "zu wenige"}, {Label: "mehr als alle", Share: 7}})
	sound(t, svg)
	got := regexp.MustCompile(`class="chart-bar"[^>]* width="([^"]*)"`).FindAllStringSubmatch(svg, -1)
	if len(got) != 2 || got[0][1] != "90" || got[1][1] != "360" {
		t.Errorf("bars %v, want a quarter and the whole of 360, none where there is no value", got)
	}
	for _, want := range []string{"Ja &amp; gern", "zu wenige", "Wie oft &lt;war&gt; &#34;es&#34;?"} {
		if !strings.Contains(svg, want) {
			t.Errorf("lacks %q in %s", want, svg)
		}
	}
}

func TestLongLabelsTakeTwoLinesAndEndWithAnEllipsis(t *testing.T) {
	svg := chart.Bars(head, []chart.Bar{{Label: strings.Repeat("Straßenbahnhaltestelle ", 20), Share: 1, Value: "100 %"}, {Label: strings.Repeat("ä", 300)}})
	sound(t, svg)
	if n := strings.Count(svg, "…"); n != 2 {
		t.Errorf("%d ellipses in %s", n, svg)
	}
	for _, m := range regexp.MustCompile(`class="chart-label"[^>]*>([^<]*)<`).FindAllStringSubmatch(svg, -1) {
		if n := len([]rune(m[1])); n > 46 {
			t.Errorf("a line of %d letters: %s", n, m[1])
		}
	}
}

func TestPartsOfAStackFillItsBar(t *testing.T) {
	legend := []string{"1 (gar nicht)", "2", "3", "4", "5 (sehr)"}
	svg := chart.Stacked(head, legend, []chart.Row{{Label: "Bus", Value: "n = 40", Parts: []float64{.1, .2, .4, .2, .1}}, {Label: "Bahn", None: "zu wenige"}})
	sound(t, svg)
	sum := 0.0
	for _, m := range regexp.MustCompile(`class="chart-step chart-step-\d" x="[^"]*" y="[^"]*" width="([^"]*)" height="24"`).FindAllStringSubmatch(svg, -1) {
		f, _ := strconv.ParseFloat(m[1], 64)
		sum += f
	}
	if sum != 360 {
		t.Errorf("the parts are %v wide, want 360", sum)
	}
	looks := map[int]bool{}
	for i := range legend {
		looks[chart.Step(i, len(legend))] = true
		if !strings.Contains(svg, ">"+legend[i]+"<") {
			t.Errorf("the legend lacks %s", legend[i])
		}
	}
	if len(looks) != len(legend) {
		t.Errorf("parts share looks: %v", looks)
	}
}

func TestCourseReachesItsTarget(t *testing.T) {
	points := []chart.Point{{"01.11.2026", 0}, {"02.11.2026", 100}, {"03.11.2026", 200}}
	svg := chart.Course(head, points, &chart.Target{N: 200, Label: "Ziel: 200", To: 4}, "05.11.2026", strconv.Itoa)
	sound(t, svg)
	// Half of the way to the right is all of the way up: 34 is the line of 200.
	for _, want := range []string{`class="chart-line" d="M0 256L180 145L360 34"`, `class="chart-plan" d="M0 256L720 34"`, `class="chart-target" d="M0 34H720"`, "01.11.2026", "05.11.2026", "Ziel: 200"} {
		if !strings.Contains(svg, want) {
			t.Errorf("lacks %s in %s", want, svg)
		}
	}
	sound(t, chart.Course(head, nil, nil, "", strconv.Itoa))
	sound(t, chart.Columns(head, nil, strconv.Itoa))
}

func TestNiceIsRoundAndNotSmaller(t *testing.T) {
	for n, want := range map[int]int{0: 1, 1: 1, 3: 4, 7: 8, 9: 10, 41: 50, 99: 100, 101: 200, 1234: 2000, 100000: 100000} {
		if got := chart.Nice(n); got != want {
			t.Errorf("Nice(%d) = %d, want %d", n, got, want)
		}
	}
}

func TestWhateverIsDrawnIsSound(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("aä&<>\"' …—")))
		share := rapid.Float64Range(0, 1)
		var bars []chart.Bar
		var rows []chart.Row
		var points []chart.Point
		legend := rapid.SliceOfN(text, 0, 12).Draw(rt, "legend")
		for range rapid.IntRange(0, 12).Draw(rt, "bars") {
			bars = append(bars, chart.Bar{Label: text.Draw(rt, "label"), Share: share.Draw(rt, "share"), Value: text.Draw(rt, "value"), None: rapid.Bool().Draw(rt, "none")})
			rows = append(rows, chart.Row{Label: text.Draw(rt, "row"), Parts: rapid.SliceOfN(share, 0, 12).Draw(rt, "parts")})
			points = append(points, chart.Point{Label: text.Draw(rt, "day"), N: rapid.IntRange(0, 1e9).Draw(rt, "n")})
		}
		h := chart.Head{ID: "x", Title: text.Draw(rt, "title"), Desc: "d"}
		for _, svg := range []string{chart.Bars(h, bars), chart.Stacked(h, legend, rows), chart.Columns(h, points, strconv.Itoa),
			chart.Grouped(h, legend, []chart.Group{{Label: text.Draw(rt, "group"), Shares: rapid.SliceOf(rapid.Float64Range(-1, 1)).Draw(rt, "shares"), Values: legend}}),
			chart.Course(h, points, &chart.Target{N: rapid.IntRange(0, 1e9).Draw(rt, "target"), To: rapid.Float64Range(0, 50).Draw(rt, "to")}, "", strconv.Itoa)} {
			sound(t, svg)
		}
	})
}

func ExampleBars() {
	svg := chart.Bars(chart.Head{ID: "f", Title: "Nutzen Sie den Bus?"}, []chart.Bar{{Label: "Ja", Share: 0.5, Value: "50 %"}})
	fmt.Println(svg)
	// Output: <svg class="chart-svg" viewBox="0 0 360 33" role="img" aria-labelledby="f-t"><title id="f-t">Nutzen Sie den Bus?</title><text class="chart-label" x="0" y="13">Ja</text><text class="chart-value" x="360" y="13" text-anchor="end">50 %</text><rect class="chart-ground" x="0" y="19" width="360" height="14"/><rect class="chart-bar" x="0" y="19" width="180" height="14"/></svg>
}
