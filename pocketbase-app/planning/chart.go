package planning

import (
	"fmt"
	"time"
)

// chart is a bar chart drawn on the server: attributes only, no style.
type chart struct {
	Unit          string // what a bar stands for: day, week, month
	Bars          []bar
	Max           int
	Width, Height int
	Base          int // y of the axis
}

type bar struct {
	X, Y, Width, Height float64
	Label               string // 02.12.2026, "Woche ab …", "12/2026"
	N                   int
}

const (
	chartWidth, chartHeight = 720, 220
	chartTop, chartBase     = 20, 180
	maxBars                 = 62
)

// newChart draws responses over time; days without any are bars of no height.
// Long surveys are drawn by weeks (from Monday) or months, so that at most 62
// bars stand side by side for five years.
func newChart(days []dayCount) (chart, error) {
	c := chart{Unit: "day", Width: chartWidth, Height: chartHeight, Base: chartBase}
	if len(days) == 0 {
		return c, nil
	}
	first, err := time.Parse(time.DateOnly, days[0].Day)
	if err != nil {
		return c, fmt.Errorf("planning: day %q: %w", days[0].Day, err)
	}
	last, err := time.Parse(time.DateOnly, days[len(days)-1].Day)
	if err != nil {
		return c, fmt.Errorf("planning: day %q: %w", days[len(days)-1].Day, err)
	}
	start, next := dayStart, func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }
	switch span := int(last.Sub(first).Hours()/24) + 1; {
	case span > 7*maxBars:
		c.Unit, start, next = "month", monthStart, func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }
	case span > maxBars:
		c.Unit, start, next = "week", weekStart, func(t time.Time) time.Time { return t.AddDate(0, 0, 7) }
	}
	counts := map[time.Time]int{}
	for _, d := range days {
		day, err := time.Parse(time.DateOnly, d.Day)
		if err != nil {
			return c, fmt.Errorf("planning: day %q: %w", d.Day, err)
		}
		counts[start(day)] += d.N
	}
	for t := start(first); !t.After(last); t = next(t) {
		c.Bars = append(c.Bars, bar{Label: c.label(t), N: counts[t]})
		c.Max = max(c.Max, counts[t])
	}
	c.draw()
	return c, nil
}

func (c *chart) draw() {
	step := float64(c.Width) / float64(len(c.Bars))
	gap := min(4, step/5)
	for i := range c.Bars {
		b := &c.Bars[i]
		b.Height = round(float64(chartBase-chartTop) * float64(b.N) / float64(max(c.Max, 1)))
		b.X, b.Y, b.Width = round(float64(i)*step+gap/2), round(chartBase-b.Height), round(min(step-gap, 60))
	}
}

func (c *chart) label(t time.Time) string {
	if c.Unit == "month" {
		return t.Format("01/2006")
	}
	return t.Format("02.01.2006")
}

func round(f float64) float64 { return float64(int(f*10+0.5)) / 10 }

func dayStart(t time.Time) time.Time  { return t }
func weekStart(t time.Time) time.Time { return t.AddDate(0, 0, -(int(t.Weekday())+6)%7) }
func monthStart(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// First and Last are the labels below the axis.
func (c chart) First() string { return c.Bars[0].Label }

// Last is the label of the last bar, "" when there is only one.
func (c chart) Last() string {
	if len(c.Bars) < 2 {
		return ""
	}
	return c.Bars[len(c.Bars)-1].Label
}
