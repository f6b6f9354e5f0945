package appointments

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
)

// The days are those of the official calendars of Hesse.
func TestHolidaysOfHesse(t *testing.T) {
	for year, want := range map[int]string{
		2024: "01-01 03-29 04-01 05-01 05-09 05-20 05-30 10-03 12-25 12-26",
		2025: "01-01 04-18 04-21 05-01 05-29 06-09 06-19 10-03 12-25 12-26",
		2026: "01-01 04-03 04-06 05-01 05-14 05-25 06-04 10-03 12-25 12-26",
		2027: "01-01 03-26 03-29 05-01 05-06 05-17 05-27 10-03 12-25 12-26",
		2038: "01-01 04-23 04-26 05-01 06-03 06-14 06-24 10-03 12-25 12-26", // the latest Easter there can be
		2008: "01-01 03-21 03-24 05-01 05-12 05-22 10-03 12-25 12-26",       // Ascension on the first of May
	} {
		var got []string
		for d := time.Date(year, 1, 1, 0, 0, 0, 0, content.Berlin); d.Year() == year; d = d.AddDate(0, 0, 1) {
			if holiday(d) != "" {
				got = append(got, d.Format("01-02"))
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%d: %v, want %s", year, got, want)
		}
	}
}

// On the days when the clocks change, a place that is open from midnight to six
// has five or seven hours, every time is one moment, and no two look the same.
func TestTheDaysWhenTheClocksChange(t *testing.T) {
	h := open(t)
	h.exec(`UPDATE advice_places SET step = 30, horizon = 365, lead = 0`)
	h.exec(`DELETE FROM advice_hours`)
	h.exec(`INSERT INTO advice_hours (owner, weekday, opens, closes) VALUES ('service-point', 7, 0, 360)`)
	h.exec(`UPDATE advice_services SET wrapup = 0`)
	for day, hours := range map[string]int{"2026-03-29": 5, "2026-10-25": 7, "2027-03-28": 5, "2027-10-31": 7} {
		t.Run(day, func(t *testing.T) {
			h.at(berlin(day + " 00:00").Add(-24 * time.Hour))
			p, err := readPlan(h.p.App.DB())
			if err != nil {
				t.Fatal(err)
			}
			services, _ := p.chosen([]string{"wohnen"})
			slots, err := p.free(h.p.App.DB(), services, Public, "", berlin(day+" 12:00"), h.p.Now())
			if err != nil || len(slots) != hours*2 {
				t.Fatalf("%d times of half an hour, want %d (%v)", len(slots), hours*2, err)
			}
			labels := map[string]bool{}
			for _, slot := range slots {
				labels[clock(slot.Start, content.German)] = true
				h.book(fmt.Sprintf("c%d@example.org", slot.Start.Unix()), slot.Start, "wohnen")
			}
			if len(labels) != len(slots) {
				t.Errorf("%d labels for %d times: %v", len(labels), len(slots), labels)
			}
			if hours == 7 && !(labels["02:30 Uhr (CEST)"] && labels["02:30 Uhr (CET)"]) || hours == 5 && labels["02:30 Uhr"] {
				t.Errorf("%v", labels)
			}
		})
	}
	overlaps(t, h, 0)
}

func TestAWallClockTimeThatDoesNotExistIsTheJump(t *testing.T) {
	day := berlin("2027-03-28 12:00")
	if got := wall(day, 150); !got.Equal(time.Date(2027, 3, 28, 1, 0, 0, 0, time.UTC)) {
		t.Error(got)
	}
	if got := wall(berlin("2027-10-31 12:00"), 150); !got.Equal(time.Date(2027, 10, 31, 0, 30, 0, 0, time.UTC)) {
		t.Error(got)
	}
	if got := wall(day, 24*60); !got.Equal(berlin("2027-03-29 00:00")) {
		t.Error(got)
	}
}

func TestHoursExceptionsAndHolidays(t *testing.T) {
	h := open(t)
	h.exec(`UPDATE advice_places SET horizon = 365`)
	h.exec(`INSERT INTO advice_hours (owner, weekday, opens, closes) VALUES ('team-a', 4, 720, 840)`)
	h.exec(`INSERT INTO advice_exceptions (owner, day, opens, closes) VALUES ('service-point', '2026-12-25', 600, 660), ('service-point', '2026-12-04', NULL, NULL), ('team-a', '2026-12-10', NULL, NULL)`)
	p, err := readPlan(h.p.App.DB())
	if err != nil {
		t.Fatal(err)
	}
	services, _ := p.chosen([]string{"e-mobilitaet"}) // team A alone
	passports, _ := p.chosen([]string{"ausweise"})
	for _, c := range []struct {
		day         string
		services    []Advice
		first, last string
	}{
		{"2026-12-03", services, "12:00", "13:15"},  // Thursday: team A from 12 to 14, buffer included
		{"2026-12-05", services, "", ""},            // Saturday: team A has hours, not then
		{"2026-12-10", services, "", ""},            // team A away
		{"2026-12-04", passports, "", ""},           // closed by exception
		{"2026-12-05", passports, "10:00", "13:45"}, // Saturday
		{"2026-12-06", passports, "", ""},           // Sunday
		{"2026-12-25", passports, "10:00", "10:45"}, // Christmas, open by exception
		{"2026-12-26", passports, "", ""},           // Saturday, but a holiday
	} {
		slots, err := p.free(h.p.App.DB(), c.services, Public, "", berlin(c.day+" 12:00"), h.p.Now())
		first, last := "", ""
		if len(slots) > 0 {
			first, last = slots[0].Start.In(content.Berlin).Format("15:04"), slots[len(slots)-1].Start.In(content.Berlin).Format("15:04")
		}
		if err != nil || first != c.first || last != c.last {
			t.Errorf("%s: %s to %s, want %s to %s (%v)", c.day, first, last, c.first, c.last, err)
		}
	}
}

// The range is honest: where service times are of the kind that was measured, about
// eight of ten people, or more because of rounding, wait as long as it said. The
// control shows that the measure notices an estimate that is not.
func TestTheEstimateIsHonest(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 11))
	// Log-normal around 12 minutes, as conversations are.
	serve := func() time.Duration {
		x := random.NormFloat64()
		return time.Duration(float64(12*time.Minute) * math.Exp(0.5*x))
	}
	within := func(change func(Queue) Queue) (share, width float64) {
		const days = 600
		hits := 0
		for range days {
			q := Queue{Desks: 1 + random.IntN(4), Ahead: random.IntN(10), Show: 0.8}
			for range MinTook + random.IntN(30) {
				q.Took = append(q.Took, serve())
			}
			free := make([]time.Duration, q.Desks)
			for i := range free { // every desk is at it: a conversation caught in the middle
				total := serve()
				spent := time.Duration(random.Float64() * float64(total))
				q.Busy = append(q.Busy, spent)
				free[i] = total - spent
			}
			var booked []time.Duration
			for range random.IntN(3) {
				at := time.Duration(random.IntN(60)) * time.Minute
				q.Booked = append(q.Booked, at)
			}
			slices.Sort(q.Booked)
			for _, at := range q.Booked {
				if random.Float64() < q.Show {
					booked = append(booked, at)
				}
			}
			truth := func() time.Duration { // what happens
				ahead := q.Ahead
				for {
					i := 0
					for j := range free {
						if free[j] < free[i] {
							i = j
						}
					}
					switch {
					case len(booked) > 0 && booked[0] <= free[i]:
						booked = booked[1:]
					case ahead > 0:
						ahead--
					default:
						return free[i]
					}
					free[i] += serve()
				}
			}()
			r, known := change(q).Estimate(rand.NewPCG(random.Uint64(), 1))
			if !known {
				t.Fatal("unknown")
			}
			if m := truth.Minutes(); float64(r.From) <= m && m <= float64(r.To) {
				hits++
			}
			width += float64(r.To-r.From) / days
		}
		return float64(hits) / days, width
	}
	share, width := within(func(q Queue) Queue { return q })
	t.Logf("%.0f %% within the range, which is %.0f minutes wide on average", share*100, width)
	if share < 0.78 || share > 0.97 {
		t.Errorf("%.3f within a range that promises 0.8", share)
	}
	if control, _ := within(func(q Queue) Queue { q.Desks++; q.Ahead /= 2; return q }); control > 0.7 {
		t.Errorf("an estimate with a desk too many and half the people fits in %.3f: the measure notices nothing", control)
	}
}

func TestNothingIsEstimatedFromTooLittle(t *testing.T) {
	seven := slices.Repeat([]time.Duration{10 * time.Minute}, 7)
	for name, q := range map[string]Queue{"seven times": {Took: seven, Desks: 2}, "no desk": {Took: append(seven, seven...)}, "nothing": {}} {
		if _, known := q.Estimate(rand.NewPCG(1, 2)); known {
			t.Errorf("%s: an estimate all the same", name)
		}
	}
}
