package planning

import (
	"fmt"
	"math"
	"time"

	"servicepoint/content/chart"
)

// stretches are the answers over time: in days, or in weeks (from Monday) or
// months, so that at most 62 stand side by side for five years.
type stretches struct {
	Unit   string // day, week, month
	Points []chart.Point
	Max    int
	first  time.Time // where the first begins
}

const mostStretches = 62

// newStretches sums days up; stretches without any answer are there with 0.
func newStretches(days []dayCount) (stretches, error) {
	c := stretches{Unit: "day"}
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
	case span+6 > 7*mostStretches: // they may begin on a Sunday
		c.Unit, start, next = "month", monthStart, func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }
	case span > mostStretches:
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
	c.first = start(first)
	for t := c.first; !t.After(last); t = next(t) {
		c.Points = append(c.Points, chart.Point{Label: c.label(t), N: counts[t]})
		c.Max = max(c.Max, counts[t])
	}
	return c, nil
}

// at is the place of a day among the points; months count as 30.44 days.
func (c stretches) at(day time.Time) float64 {
	days := day.Sub(c.first).Hours() / 24
	switch c.Unit {
	case "month":
		days /= 30.44
	case "week":
		days /= 7
	}
	return math.Round(days*10) / 10
}

func (c stretches) label(t time.Time) string {
	if c.Unit == "month" {
		return t.Format("01/2006")
	}
	return t.Format("02.01.2006")
}

func dayStart(t time.Time) time.Time  { return t }
func weekStart(t time.Time) time.Time { return t.AddDate(0, 0, -(int(t.Weekday())+6)%7) }
func monthStart(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}
