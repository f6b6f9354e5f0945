package planning

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const errNoSpace = syscall.ENOSPC

func TestLongSurveysAreDrawnByWeeksAndMonths(t *testing.T) {
	for _, c := range []struct {
		what        string
		days        []dayCount
		unit        string
		bars        int
		first, last string
	}{
		{"one day", []dayCount{{"2026-12-02", 3}}, "day", 1, "02.12.2026", "02.12.2026"},
		{"across a clock change", []dayCount{{"2026-10-24", 1}, {"2026-10-26", 1}}, "day", 3, "24.10.2026", "26.10.2026"},
		{"62 days", []dayCount{{"2026-10-01", 1}, {"2026-12-01", 1}}, "day", 62, "01.10.2026", "01.12.2026"},
		{"63 days", []dayCount{{"2026-10-01", 1}, {"2026-12-02", 1}}, "week", 10, "28.09.2026", "30.11.2026"},
		{"two years", []dayCount{{"2025-01-31", 1}, {"2026-12-02", 1}}, "month", 24, "01/2025", "12/2026"},
	} {
		got, err := newStretches(c.days)
		if err != nil {
			t.Fatal(err)
		}
		first, last := got.Points[0].Label, got.Points[len(got.Points)-1].Label
		if got.Unit != c.unit || len(got.Points) != c.bars || first != c.first || last != c.last {
			t.Errorf("%s: %s, %d points from %s to %s", c.what, got.Unit, len(got.Points), first, last)
		}
	}
	if _, err := newStretches([]dayCount{{"gestern", 1}}); err == nil {
		t.Error("a day that is none was drawn")
	}
}

// No stretch of time loses a response.
func TestStretchesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		total := 0
		var days []dayCount
		for range rapid.IntRange(1, 80).Draw(t, "days") {
			n := rapid.IntRange(1, 5000).Draw(t, "n")
			days, total = append(days, dayCount{day.Format(time.DateOnly), n}), total+n
			day = day.AddDate(0, 0, rapid.IntRange(1, 20).Draw(t, "gap"))
		}
		c, err := newStretches(days)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range c.Points {
			total -= p.N
		}
		if total != 0 || len(c.Points) > mostStretches {
			t.Fatalf("%d responses lost, %d stretches", total, len(c.Points))
		}
	})
}

func Example() {
	c, err := newStretches([]dayCount{{"2026-11-30", 12}, {"2026-12-02", 34}})
	if err != nil {
		panic(err)
	}
	for _, b := range c.Points {
		fmt.Println(b.Label, b.N)
	}
	// Output:
	// 30.11.2026 12
	// 01.12.2026 0
	// 02.12.2026 34
}
