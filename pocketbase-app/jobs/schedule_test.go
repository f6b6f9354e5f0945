package jobs

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"servicepoint/content"

	"pgregory.net/rapid"
)

func berlin(s string) time.Time {
	t, err := time.Parse("2006-01-02T15:04Z07:00", s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestNextKeepsWallTimeAcrossClockChanges(t *testing.T) {
	cases := []struct {
		what, spec, after, name, at string
	}{
		{"an ordinary night", "30 2 * * *", "2026-12-02T12:00+01:00", "2026-12-03T02:30", "2026-12-03T02:30+01:00"},
		{"the hour that March leaves out", "30 2 * * *", "2026-03-28T12:00+01:00", "2026-03-29T02:30", "2026-03-29T03:00+02:00"},
		{"the night after it", "30 2 * * *", "2026-03-29T03:00+02:00", "2026-03-30T02:30", "2026-03-30T02:30+02:00"},
		{"the hour that October has twice: first pass", "30 2 * * *", "2026-10-24T12:00+02:00", "2026-10-25T02:30", "2026-10-25T02:30+02:00"},
		{"the hour that October has twice: not again", "30 2 * * *", "2026-10-25T02:30+02:00", "2026-10-26T02:30", "2026-10-26T02:30+01:00"},
		{"between the passes", "30 2 * * *", "2026-10-25T02:15+01:00", "2026-10-26T02:30", "2026-10-26T02:30+01:00"},
		{"2027 in March", "30 2 * * *", "2027-03-27T12:00+01:00", "2027-03-28T02:30", "2027-03-28T03:00+02:00"},
		{"2027 in October", "30 2 * * *", "2027-10-30T12:00+02:00", "2027-10-31T02:30", "2027-10-31T02:30+02:00"},
		{"every five minutes into the gap", "*/5 * * * *", "2026-03-29T01:55+01:00", "2026-03-29T03:00", "2026-03-29T03:00+02:00"},
		{"every five minutes into the second pass", "*/5 * * * *", "2026-10-25T02:55+02:00", "2026-10-25T02:00+01:00", "2026-10-25T02:00+01:00"},
		{"every five minutes out of it", "*/5 * * * *", "2026-10-25T02:55+01:00", "2026-10-25T03:00", "2026-10-25T03:00+01:00"},
		{"Mondays", "0 6 * * 1", "2026-12-02T12:00+01:00", "2026-12-07T06:00", "2026-12-07T06:00+01:00"},
		{"29 February", "0 6 29 2 *", "2026-12-02T12:00+01:00", "2028-02-29T06:00", "2028-02-29T06:00+01:00"},
	}
	for _, c := range cases {
		s, err := Parse(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Next(berlin(c.after)); got.Name != c.name || !got.At.Equal(berlin(c.at)) {
			t.Errorf("%s: %s at %s, want %s at %s", c.what, got.Name, got.At.In(content.Berlin), c.name, c.at)
		}
	}
}

func TestLinesThatCannotWorkAreRefused(t *testing.T) {
	for spec, want := range map[string]error{
		"0 0 30 2 *": ErrNever, "0 0 31 4,6,9,11 *": ErrNever,
		"TZ=0": ErrTimeZone, "TZ=Europe/Berlin 0 0 * * *": ErrTimeZone, "CRON_TZ=UTC 0 0 * * *": ErrTimeZone, "tz=UTC 0 0 * * *": ErrTimeZone,
		"": nil, "@daily": nil, "@every 1h": nil, "61 * * * *": nil, "* * * *": nil, "* * * * * *": nil, "*/0 * * * *": nil,
	} {
		_, err := Parse(spec)
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%q: %v", spec, err)
		}
	}
}

// Every day of two years has exactly one run of a daily job, whatever its minute.
func TestADailyJobRunsOnceOnEveryDay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := fmt.Sprintf("%d %d * * *", rapid.IntRange(0, 59).Draw(t, "minute"), rapid.IntRange(0, 23).Draw(t, "hour"))
		s, err := Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		at := time.Date(2025, 12, 31, 23, 59, 59, 0, content.Berlin)
		for range 730 {
			o := s.Next(at)
			if o.Name[:10] != day.Format(time.DateOnly) || o.At.In(content.Berlin).Format(time.DateOnly) != o.Name[:10] {
				t.Fatalf("%s: %s at %s, want one on %s", spec, o.Name, o.At.In(content.Berlin), day.Format(time.DateOnly))
			}
			at, day = o.At, day.AddDate(0, 0, 1)
		}
	})
}

func TestLatestIsFoundAfterAnyAbsence(t *testing.T) {
	now := berlin("2026-12-02T12:00+01:00")
	for _, c := range []struct {
		spec, after, want string
	}{
		{"*/5 * * * *", "2019-01-01T00:00+01:00", "2026-12-02T12:00"},
		{"30 2 * * *", "2026-11-20T00:00+01:00", "2026-12-02T02:30"},
		{"0 6 1 1 *", "2020-01-01T12:00+01:00", "2026-01-01T06:00"},
		{"30 2 * * *", "2026-12-02T02:30+01:00", ""},
	} {
		s, err := Parse(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		if o, _ := s.latest(berlin(c.after), now); o.Name != c.want {
			t.Errorf("%s after %s: %q, want %q", c.spec, c.after, o.Name, c.want)
		}
	}
}

// A cron line never ends the program, and what is accepted comes again and again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"30 2 * * *", "*/5 * * * *", "TZ=0", "0 0 30 2 *", "1-5/2,7 0 L * mon", "@every 1s", "* * ? * *"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		s, err := Parse(spec)
		if err != nil {
			return
		}
		at := time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC)
		for range 20 {
			o := s.Next(at)
			if o.At.IsZero() {
				return // rarer than once in five years from here on
			}
			if !o.At.After(at) {
				t.Fatalf("%q: %s is not after %s", spec, o.At, at)
			}
			at = o.At
		}
	})
}
