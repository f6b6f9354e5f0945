package series

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
)

func berlin(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", s, content.Berlin)
	if err != nil {
		panic(err)
	}
	return t
}

func days(list ...string) (out []time.Time) {
	for _, s := range list {
		out = append(out, berlin(s+" 12:00"))
	}
	return out
}

func TestDatesOfRules(t *testing.T) {
	for name, c := range map[string]struct {
		start         string
		rule          Rule
		extra, except []string
		text, want    string
	}{
		"every week":               {"2026-12-01 17:00", Rule{Kind: Weekly, Count: 3}, nil, nil, "FREQ=WEEKLY;COUNT=3", "12-01 12-08 12-15"},
		"two days of every week":   {"2026-12-01 17:00", Rule{Kind: Weekly, Weekdays: []string{"TU", "FR"}, Until: berlin("2026-12-11 00:00")}, nil, nil, "FREQ=WEEKLY;BYDAY=TU,FR;UNTIL=20261211T225959Z", "12-01 12-04 12-08 12-11"},
		"the last day counts":      {"2026-12-01 23:30", Rule{Kind: Daily, Until: berlin("2026-12-02 00:00")}, nil, nil, "FREQ=DAILY;UNTIL=20261202T225959Z", "12-01 12-02"},
		"every second week":        {"2026-12-01 17:00", Rule{Kind: Weekly, Interval: 2, Count: 3}, nil, nil, "FREQ=WEEKLY;INTERVAL=2;COUNT=3", "12-01 12-15 12-29"},
		"the first Tuesday":        {"2026-12-01 17:00", Rule{Kind: MonthlyByNth, Count: 3}, nil, nil, "FREQ=MONTHLY;BYDAY=1TU;COUNT=3", "12-01 01-05 02-02"},
		"the last Monday":          {"2026-11-30 17:00", Rule{Kind: MonthlyByNth, Count: 3}, nil, nil, "FREQ=MONTHLY;BYDAY=-1MO;COUNT=3", "11-30 12-28 01-25"},
		"the 31st, where there is": {"2026-12-31 17:00", Rule{Kind: MonthlyByDay, Count: 3}, nil, nil, "FREQ=MONTHLY;COUNT=3", "12-31 01-31 03-31"},
		"without and with days":    {"2026-12-01 17:00", Rule{Kind: Weekly, Count: 3}, []string{"2026-12-10", "2026-12-15"}, []string{"2026-12-08"}, "FREQ=WEEKLY;COUNT=3", "12-01 12-10 12-15"},
	} {
		t.Run(name, func(t *testing.T) {
			start := berlin(c.start)
			if got := c.rule.Text(start); got != c.text {
				t.Errorf("%s, want %s", got, c.text)
			}
			dates, err := Dates(start, c.rule.Text(start), days(c.extra...), days(c.except...))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range dates {
				got = append(got, d.Format("01-02"))
				if d.Format("15:04") != start.Format("15:04") {
					t.Errorf("%s is not at %s", d, start.Format("15:04"))
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestClockChanges walks over the four days of 2026 and 2027 on which Berlin's clocks change.
func TestClockChanges(t *testing.T) {
	for _, c := range []struct{ start, clock, want string }{
		{"2026-03-22", "18:00", "2026-03-22T18:00:00+01:00 2026-03-29T18:00:00+02:00 2026-04-05T18:00:00+02:00"},
		{"2026-10-18", "18:00", "2026-10-18T18:00:00+02:00 2026-10-25T18:00:00+01:00 2026-11-01T18:00:00+01:00"},
		{"2027-03-21", "18:00", "2027-03-21T18:00:00+01:00 2027-03-28T18:00:00+02:00 2027-04-04T18:00:00+02:00"},
		{"2027-10-24", "18:00", "2027-10-24T18:00:00+02:00 2027-10-31T18:00:00+01:00 2027-11-07T18:00:00+01:00"},
		// 02:30 is not there: the offset before the gap makes 03:30 of it; it is there twice: the first.
		{"2026-03-22", "02:30", "2026-03-22T02:30:00+01:00 2026-03-29T03:30:00+02:00 2026-04-05T02:30:00+02:00"},
		{"2026-10-18", "02:30", "2026-10-18T02:30:00+02:00 2026-10-25T02:30:00+02:00 2026-11-01T02:30:00+01:00"},
		{"2027-03-21", "02:30", "2027-03-21T02:30:00+01:00 2027-03-28T03:30:00+02:00 2027-04-04T02:30:00+02:00"},
		{"2027-10-24", "02:30", "2027-10-24T02:30:00+02:00 2027-10-31T02:30:00+02:00 2027-11-07T02:30:00+01:00"},
	} {
		dates, err := Dates(berlin(c.start+" "+c.clock), "FREQ=WEEKLY;COUNT=3", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range dates {
			got = append(got, d.Format(time.RFC3339))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	if got := Shift(berlin("2026-10-24 20:00"), berlin("2026-10-24 18:00"), berlin("2026-10-31 18:00")); got.Format(time.RFC3339) != "2026-10-31T20:00:00+01:00" {
		t.Error(got)
	}
}

func TestRulesThatAreRefused(t *testing.T) {
	start := berlin("2026-12-01 17:00")
	for rule, want := range map[string]error{
		"FREQ=WEEKLY": ErrEndless, "FREQ=DAILY;COUNT=61": ErrEndless, "FREQ=HOURLY;COUNT=2": ErrFine, "FREQ=DAILY;BYHOUR=9,10;COUNT=2": ErrFine, "FREQ=SOMETIMES": nil, "x": nil,
		"FREQ=DAILY;UNTIL=99991231T000000Z": ErrEndless,
	} {
		if _, err := Dates(start, rule, nil, nil); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

func FuzzDates(f *testing.F) {
	f.Add("FREQ=WEEKLY;COUNT=3", int64(1790000000))
	f.Add("FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20271231T000000Z", int64(1790000000))
	f.Fuzz(func(t *testing.T, rule string, at int64) {
		start := time.Unix(at%4e9, 0)
		dates, err := Dates(start, rule, nil, nil)
		if err != nil {
			return
		}
		for i, d := range dates {
			if i > 0 && !dates[i-1].Before(d) {
				t.Errorf("%s: %v", rule, dates)
			}
		}
	})
}

func ExampleDates() {
	first := time.Date(2026, 10, 18, 18, 0, 0, 0, content.Berlin)
	dates, _ := Dates(first, "FREQ=WEEKLY;COUNT=2", nil, nil)
	fmt.Println(dates[1])
	// Output: 2026-10-25 18:00:00 +0100 CET
}
