// Package series gives the dates of events that recur (RFC 5545: RRULE, RDATE, EXDATE).
//
// It knows no events: [Dates] takes a first start, a rule as text and days that are added or
// left out, and gives starts. All of them have the first start's wall-clock time in Berlin,
// whatever the clocks do; a time that a clock change leaves out or doubles is read as RFC
// 5545, 3.3.5 says. [Rule] writes the rules that a form can ask for.
package series

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"servicepoint/content"

	"github.com/teambition/rrule-go"
)

// Most is how many dates one rule may have.
const Most = 60

// Errors of [Dates]; others say that the rule cannot be read.
var (
	ErrEndless = errors.New("series: the rule has no end, or more dates than allowed")
	ErrFine    = errors.New("series: the rule has more than one date a day")
)

// How often events recur.
const (
	Daily        = "daily"
	Weekly       = "weekly"
	MonthlyByDay = "monthly"         // the same day of the month
	MonthlyByNth = "monthly_weekday" // the same weekday of the month: the second Tuesday, the last Friday
)

// Kinds lists them for forms.
var Kinds = []string{Weekly, Daily, MonthlyByDay, MonthlyByNth}

// Weekdays are the codes of RFC 5545 from Monday on.
var Weekdays = []string{"MO", "TU", "WE", "TH", "FR", "SA", "SU"}

// Rule is what a form asks for.
type Rule struct {
	Kind     string
	Interval int       // every n days, weeks, months; 0: 1
	Weekdays []string  // of Weekly; none: the first start's
	Count    int       // dates with the first; 0: see Until
	Until    time.Time // last day, in Berlin
}

// Text writes the rule as the value of an RRULE for a first start.
func (r Rule) Text(start time.Time) string {
	start = start.In(content.Berlin)
	freq := map[string]string{Daily: "DAILY", Weekly: "WEEKLY", MonthlyByDay: "MONTHLY", MonthlyByNth: "MONTHLY"}[r.Kind]
	parts := []string{"FREQ=" + freq}
	if r.Interval > 1 {
		parts = append(parts, fmt.Sprintf("INTERVAL=%d", r.Interval))
	}
	switch day := strings.ToUpper(start.Weekday().String()[:2]); {
	case r.Kind == Weekly && len(r.Weekdays) > 0:
		parts = append(parts, "BYDAY="+strings.Join(r.Weekdays, ","))
	case r.Kind == MonthlyByNth && start.AddDate(0, 0, 7).Month() != start.Month():
		parts = append(parts, "BYDAY=-1"+day)
	case r.Kind == MonthlyByNth:
		parts = append(parts, fmt.Sprintf("BYDAY=%d%s", (start.Day()-1)/7+1, day))
	}
	switch {
	case r.Count > 0:
		parts = append(parts, fmt.Sprintf("COUNT=%d", r.Count))
	case !r.Until.IsZero():
		last := r.Until.In(content.Berlin)
		end := time.Date(last.Year(), last.Month(), last.Day(), 23, 59, 59, 0, content.Berlin)
		parts = append(parts, "UNTIL="+end.UTC().Format("20060102T150405Z"))
	}
	return strings.Join(parts, ";")
}

// Dates gives all starts, the first one among them, in order. The days of extra (RDATE) and
// except (EXDATE) are days in Berlin. An empty rule has the first start and the extra days.
func Dates(start time.Time, rule string, extra, except []time.Time) ([]time.Time, error) {
	start = start.In(content.Berlin)
	dates := []time.Time{start}
	if rule != "" {
		option, err := rrule.StrToROptionInLocation(rule, content.Berlin)
		if err != nil {
			return nil, fmt.Errorf("series: %q: %w", rule, err)
		}
		if option.Freq > rrule.DAILY || len(option.Byhour)+len(option.Byminute)+len(option.Bysecond) > 0 {
			return nil, ErrFine
		}
		if option.Count == 0 && option.Until.IsZero() {
			return nil, ErrEndless
		}
		option.Dtstart = start
		r, err := rrule.NewRRule(*option)
		if err != nil {
			return nil, fmt.Errorf("series: %q: %w", rule, err)
		}
		next := r.Iterator()
		for t, ok := next(); ok; t, ok = next() {
			if len(dates) > Most+len(except) {
				return nil, ErrEndless
			}
			dates = append(dates, wall(t, start))
		}
	}
	for _, day := range extra {
		dates = append(dates, wall(day.In(content.Berlin), start))
	}
	slices.SortFunc(dates, time.Time.Compare)
	dates = slices.CompactFunc(dates, time.Time.Equal)
	dates = slices.DeleteFunc(dates, func(t time.Time) bool {
		return slices.ContainsFunc(except, func(day time.Time) bool { return sameDay(t, day.In(content.Berlin)) })
	})
	if len(dates) > Most {
		return nil, ErrEndless
	}
	return dates, nil
}

// wall is the wall-clock time of clock on the day of day. RFC 5545 reads a time that does not
// exist with the offset before the gap, as time.Date does, and one that is there twice as the
// first, where time.Date gives the second.
func wall(day, clock time.Time) time.Time {
	t := time.Date(day.Year(), day.Month(), day.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, content.Berlin)
	if first := t.Add(-time.Hour); first.Hour() == t.Hour() {
		return first
	}
	return t
}

func sameDay(a, b time.Time) bool { return a.Year() == b.Year() && a.YearDay() == b.YearDay() }

// Shift moves a moment that belongs to an event (its end, the day on which booking opens) by
// as many days as another date of the event lies away, at the same wall-clock time.
func Shift(t, from, to time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	t, from, to = t.In(content.Berlin), from.In(content.Berlin), to.In(content.Berlin)
	noon := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, time.UTC) }
	days := int(noon(to).Sub(noon(from)).Hours() / 24)
	return time.Date(t.Year(), t.Month(), t.Day()+days, t.Hour(), t.Minute(), t.Second(), 0, content.Berlin)
}
