package appointments

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// What the page of a number says comes true: days at the counter are played
// through the database, with people who come when they like, appointments that are
// kept or not, and desks that call. Every number's range is read when it is given
// out and compared with how long its owner then waited.
func TestWhatTheNumbersPageSaysComesTrue(t *testing.T) {
	h := open(t)
	h.s.Random = func() rand.Source { return rand.NewPCG(7, 7) }
	random := seeded(5)
	codes := []string{"wohnen", "energie", "ausweise"}
	serve := func() time.Duration { // around 10 minutes, long tail
		return time.Duration(float64(10*time.Minute) * math.Exp(0.45*random.NormFloat64()))
	}
	type told struct {
		r     Range
		at    time.Time
		known bool
	}
	hits, late, all, unknown, width := 0, 0, 0, 0, 0
	for _, day := range []string{"2026-12-03", "2026-12-04", "2026-12-07", "2026-12-08"} {
		opens, closes := berlin(day+" 10:00"), berlin(day+" 16:00")
		h.at(opens.Add(-20 * time.Hour))
		var booked []Appointment
		for hour := range 6 {
			booked = append(booked, h.book(fmt.Sprintf("p%s-%d@example.org", day, hour), opens.Add(time.Duration(hour)*time.Hour), codes[hour%3]))
		}
		ends := map[string]time.Time{"platz-1": opens, "platz-2": opens, "platz-3": opens}
		serving := map[string]int{}
		ranges := map[int]told{}
		nextWalkIn := opens
		p, err := readPlan(h.p.App.DB())
		if err != nil {
			t.Fatal(err)
		}
		for now := opens; now.Before(closes); now = now.Add(time.Minute) {
			h.at(now)
			if len(booked) > 0 && !now.Before(booked[0].Start().Add(-5*time.Minute)) {
				if random.Float64() < 0.8 {
					if _, err := h.s.CheckIn(booked[0].Reference); err != nil {
						t.Fatal(err)
					}
				}
				booked = booked[1:]
			}
			for !nextWalkIn.After(now) {
				nextWalkIn = nextWalkIn.Add(time.Duration(random.ExpFloat64() * float64(4*time.Minute)))
				v, err := h.s.WalkIn([]string{codes[random.IntN(3)]})
				if err != nil {
					t.Fatal(err)
				}
				r, _, known, err := h.s.Wait(p, v)
				if err != nil {
					t.Fatal(err)
				}
				ranges[v.Number] = told{r, now, known}
			}
			for _, desk := range []string{"platz-1", "platz-2", "platz-3"} {
				if ends[desk].After(now) {
					continue
				}
				called, err := h.s.Call(desk, serving[desk])
				if err != nil {
					t.Fatal(err)
				}
				serving[desk], ends[desk] = 0, now
				if !called {
					continue
				}
				n := h.number(`SELECT number FROM visits WHERE day = {:day} AND desk = {:desk} AND state = 'called'`, "day", day, "desk", desk)
				serving[desk], ends[desk] = n, now.Add(serve())
				said, isWalkIn := ranges[n]
				switch waited := int(now.Sub(said.at) / time.Minute); {
				case !isWalkIn:
				case !said.known:
					unknown++
				default:
					all++
					width += said.r.To - said.r.From
					if said.r.From <= waited && waited <= said.r.To {
						hits++
					}
					if said.r.From+15 <= waited && waited <= said.r.To+15 {
						late++
					}
				}
			}
		}
	}
	share := float64(hits) / float64(all)
	t.Logf("%.0f %% of %d numbers waited as long as they were told, the range was %d minutes wide on average; %d were told nothing", share*100, all, width/all, unknown)
	if all < 150 || unknown == 0 {
		t.Errorf("%d numbers were told something, %d nothing: the days show little", all, unknown)
	}
	// The control: what is a quarter of an hour beside the truth fits seldom.
	if control := float64(late) / float64(all); control > 0.5 {
		t.Errorf("ranges that are wrong by a quarter of an hour fit in %.3f: the measure notices nothing", control)
	}
	if share < 0.75 || share > 0.98 {
		t.Errorf("%.3f within a range that promises 0.8", share)
	}
}
