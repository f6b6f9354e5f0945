package jobs

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"servicepoint/content"

	"github.com/robfig/cron/v3"
)

// Schedule is a cron line on the clock in Kassel.
//
// A line that names hours ("30 2 * * *") counts wall times, and a day has each
// of them once: what falls into the hour that March leaves out runs when the
// clocks have changed (03:00), what falls into the hour that October has twice
// runs in the first; times that fall together run once. A line for every hour
// ("*/5 * * * *") runs on through both changes.
type Schedule struct {
	spec *cron.SpecSchedule
	wall bool // names hours
}

// Occurrence is one time of a schedule.
type Occurrence struct {
	Name string    // wall time, "2026-10-25T02:30"; the second 02:30 of that night ends in "+01:00"
	At   time.Time // UTC
}

const wallTime = "2006-01-02T15:04"

var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// Errors of [Parse].
var (
	ErrTimeZone = errors.New("a time zone in a cron line: all jobs run by the clock in Berlin")
	ErrNever    = errors.New("this never comes")
)

// Parse reads a cron line of five fields: minute, hour, day of month, month,
// day of week.
func Parse(spec string) (s Schedule, err error) {
	if strings.Contains(strings.ToUpper(spec), "TZ=") {
		return s, fmt.Errorf("%q: %w", spec, ErrTimeZone) // the parser panics on "TZ=0"
	}
	parsed, err := parser.Parse(spec)
	if err != nil {
		return s, fmt.Errorf("%q: %w", spec, err)
	}
	s.spec = parsed.(*cron.SpecSchedule) // without descriptors there is no other
	s.spec.Location = time.UTC
	s.wall = s.spec.Hour&(1<<24-1) != 1<<24-1
	if s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).At.IsZero() {
		return s, fmt.Errorf("%q: %w", spec, ErrNever)
	}
	return s, nil
}

// Next is the first occurrence after t; its time is zero when none comes within
// five years.
func (s Schedule) Next(t time.Time) Occurrence {
	if !s.wall {
		return s.nextOfEveryHour(t)
	}
	// The cron library walks over wall times as if they were UTC, where none is
	// missing and none comes twice. Start early enough to see those that a change
	// of clocks moved behind t.
	local := t.In(content.Berlin)
	wall := asUTC(local).Add(-2 * time.Hour)
	for {
		if wall = s.spec.Next(wall); wall.IsZero() {
			return Occurrence{}
		}
		if at := instant(wall); at.After(t) {
			return Occurrence{Name: wall.Format(wallTime), At: at}
		}
	}
}

// nextOfEveryHour walks in real time, minute by minute of the real clock.
func (s Schedule) nextOfEveryHour(t time.Time) Occurrence {
	spec := *s.spec
	spec.Location = content.Berlin
	at := spec.Next(t.In(content.Berlin))
	if at.IsZero() {
		return Occurrence{}
	}
	name := at.Format(wallTime)
	if first := instant(asUTC(at)); !first.Equal(at) {
		name += at.Format("-07:00") // the second pass of the hour that October has twice
	}
	return Occurrence{Name: name, At: at.UTC()}
}

// asUTC takes a wall time for UTC.
func asUTC(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), 0, 0, time.UTC)
}

// instant is the moment in Berlin of a wall time given as UTC: the first of two,
// and the end of the gap for one that does not exist.
func instant(wall time.Time) time.Time {
	// Before and after every change the offset is one of these two.
	_, before := wall.Add(-24 * time.Hour).In(content.Berlin).Zone()
	_, after := wall.Add(24 * time.Hour).In(content.Berlin).Zone()
	early, late := wall.Add(-time.Duration(max(before, after))*time.Second), wall.Add(-time.Duration(min(before, after))*time.Second)
	for _, at := range []time.Time{early, late} {
		if asUTC(at.In(content.Berlin)).Equal(wall) {
			return at
		}
	}
	// In the gap: find the change between the two readings.
	for at := early; ; at = at.Add(time.Minute) {
		if _, offset := at.In(content.Berlin).Zone(); offset == after {
			return at
		}
	}
}

// latest is the last occurrence in (after, until], found without walking over
// all of a long absence.
func (s Schedule) latest(after, until time.Time) (Occurrence, bool) {
	var from time.Time
	for _, back := range []time.Duration{time.Hour, 26 * time.Hour, 8 * 24 * time.Hour, 32 * 24 * time.Hour, 367 * 24 * time.Hour, 5 * 366 * 24 * time.Hour} {
		from = until.Add(-back)
		if from.Before(after) {
			from = after
		}
		if o := s.Next(from); !o.At.IsZero() && !o.At.After(until) {
			for {
				next := s.Next(o.At)
				if next.At.IsZero() || next.At.After(until) {
					return o, true
				}
				o = next
			}
		}
		if !from.After(after) {
			break
		}
	}
	return Occurrence{}, false
}
