package chart

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Point is a place on the axis of time with what has come until then, or then.
type Point struct {
	Label string // of the axis; only the first and the last are written
	N     int
}

// Target is what is hoped for.
type Target struct {
	N     int
	Label string // "Ziel: 500"
	// Where the straight way to the target begins and ends, as places among the
	// points from 0; both 0: there is no such way. It may end behind the last point.
	From, To float64
}

// Measures of wide drawings.
const (
	wide     = 720
	high     = 300
	headroom = 34 // for the number at the highest line
	ground   = 256
)

// Words of the axis come in as a function that writes numbers.
type Words func(n int) string

// Course draws how a number has grown, with the target as a line across and the
// even way to it. last names the end of the axis: the last point's or the target's
// day.
func Course(h Head, points []Point, t *Target, last string, say Words) string {
	d := &drawing{id: h.ID}
	most, span := 0, float64(max(len(points)-1, 1))
	for _, p := range points {
		most = max(most, p.N)
	}
	if t != nil {
		most = max(most, t.N)
		span = max(span, t.To)
	}
	top := Nice(most)
	x := func(i float64) float64 { return wide * i / span }
	y := func(n float64) float64 { return ground - (ground-headroom)*n/float64(top) }
	d.scale(top, say)
	if len(points) > 0 {
		var way strings.Builder
		for i, p := range points {
			fmt.Fprintf(&way, "%s%s %s", [2]string{"M", "L"}[min(i, 1)], num(x(float64(i))), num(y(float64(p.N))))
		}
		end := num(x(float64(len(points) - 1)))
		fmt.Fprintf(d, `<path class="chart-under" d="%sL%s %dL0 %dZ"/><path class="chart-line" d="%s"/>`, way.String(), end, ground, ground, way.String())
		fmt.Fprintf(d, `<circle class="chart-dot" cx="%s" cy="%s" r="5"/>`, end, num(y(float64(points[len(points)-1].N))))
	}
	if t != nil {
		if t.To > t.From {
			fmt.Fprintf(d, `<path class="chart-plan" d="M%s %sL%s %s"/>`, num(x(t.From)), num(y(0)), num(x(t.To)), num(y(float64(t.N))))
		}
		fmt.Fprintf(d, `<path class="chart-target" d="M0 %sH%d"/>`, num(y(float64(t.N))), wide)
		d.text("chart-value", wide, y(float64(t.N))-7, "end", t.Label)
	}
	d.ends(points, last)
	return d.frame(h, "chart-svg chart-wide", wide, high)
}

// Columns draws what came in each of equal stretches of time.
func Columns(h Head, points []Point, say Words) string {
	d := &drawing{id: h.ID}
	most := 0
	for _, p := range points {
		most = max(most, p.N)
	}
	top := Nice(most)
	d.scale(top, say)
	step := float64(wide) / float64(max(len(points), 1))
	gap := min(4, step/5)
	for i, p := range points {
		tall := (ground - headroom) * float64(p.N) / float64(top)
		d.rect("chart-bar", float64(i)*step+gap/2, ground-tall, min(step-gap, 60), tall)
	}
	last := ""
	if len(points) > 1 {
		last = points[len(points)-1].Label
	}
	d.ends(points, last)
	return d.frame(h, "chart-svg chart-wide", wide, high)
}

// scale draws the axis, the line at the top and the one half-way.
func (d *drawing) scale(top int, say Words) {
	for _, n := range []int{top, top / 2} {
		at := float64(headroom)
		if n < top {
			if n*2 != top {
				continue
			}
			at = (headroom + ground) / 2
		}
		fmt.Fprintf(d, `<path class="chart-grid" d="M0 %sH%d"/>`, num(at), wide)
		d.text("chart-label", 0, at-7, "", say(n))
	}
	fmt.Fprintf(d, `<path class="chart-axis" d="M0 %dH%d"/>`, ground, wide)
}

func (d *drawing) ends(points []Point, last string) {
	if len(points) > 0 {
		d.text("chart-label", 0, high-12, "", points[0].Label)
	}
	if last != "" {
		d.text("chart-label", wide, high-12, "end", last)
	}
}

// Nice is a round number that is not smaller than n: 1, 2, 4, 5, 6 or 8 times a
// power of ten.
func Nice(n int) int {
	if n <= 1 {
		return 1
	}
	power := int(math.Pow10(len(strconv.Itoa(n)) - 1))
	for _, k := range []int{1, 2, 4, 5, 6, 8, 10} {
		if k*power >= n {
			return k * power
		}
	}
	return n
}
