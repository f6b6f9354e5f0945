package results

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"servicepoint/content/disclosure"
	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"
)

// Paradata join: who sees how many answers came by phone each day, and asks every
// day how those who phoned answered, knows what the one caller of a day said.
func TestDaysAndChannelsIsolateNobody(t *testing.T) {
	h := open(t)
	rnd := rand.New(rand.NewPCG(8, 8))
	q := disclosure.Question{Row: "view", Where: []disclosure.Filter{{Key: disclosure.Channel, Codes: []string{"phone"}}}}
	views := []string{"good", "fair", "bad"}
	phoned, naive, groups, answers := 0, 0, 0, 0
	last := map[string]int{} // base by the group that was answered for
	for range 40 {
		calls := 0
		for range 3 + rnd.IntN(8) {
			h.m.answer(survey.Answers{"view": views[rnd.IntN(3)], "district": "mitte"})
			if rnd.IntN(5) == 0 {
				h.m.rows[len(h.m.rows)-1].Channel = "phone"
				calls++
			}
		}
		if phoned += calls; phoned >= disclosure.LeastCell && calls > 0 && calls < disclosure.LeastCell {
			naive++ // the day's difference is about these few
		}
		a, err := h.ask(q)
		if err != nil {
			if !errors.Is(err, disclosure.ErrFew) && !errors.Is(err, disclosure.ErrHidden) && !errors.Is(err, disclosure.ErrUnsafe) {
				t.Fatal(err)
			}
			continue
		}
		answers++
		group := ""
		for _, f := range a.Where {
			for _, code := range f.Codes {
				group += code + " "
			}
		}
		if d := a.Base - last[group]; a.Base != disclosure.Hidden && d != 0 && d < disclosure.LeastGroup {
			groups++
		}
		last[group] = a.Base
	}
	t.Logf("%d days: naively %d differences are about 1 to 4 callers; within the rules %d, of %d answers", 40, naive, groups, answers)
	if groups > 0 || answers == 0 || naive < 10 {
		t.Error("the rules do not hold, or the attack is too weak to prove anything")
	}
}

// Rounding: a per cent, a rank, a mean beside a hidden number is the number.
func TestNothingRoundedStandsForAHiddenNumber(t *testing.T) {
	h := open(t)
	h.fill(30, "mitte", "good")
	h.fill(40, "nord", "bad")
	h.fill(3, "west", "fair")
	h.m.answer(survey.Answers{"rank": []string{"bike"}, "happy": 1.0})
	h.want(303, at, sent())
	naive, hidden := 0, 0
	counter, err := tally.Count(mustMerge(h.m.q), h.m.Responses())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range h.catalogue().Figures {
		truth, _ := counter.Figure(f.Key)
		for i, s := range f.Shares {
			if s.N != disclosure.Hidden {
				continue
			}
			hidden++
			if s.Percent != 0 || s.Rank != 0 || f.Numbers != nil || f.Score != nil {
				t.Errorf("%s: %+v %+v", f.Key, s, f.Numbers)
			}
			if n := math.Round(math.Round(truth.Shares[i].Percent*10) / 10 * float64(f.Base) / 100); int(n) == truth.Shares[i].N {
				naive++ // what the rounded per cent would have told
			}
		}
	}
	if hidden == 0 || naive < hidden {
		t.Errorf("%d of %d: the attack is too weak to prove anything", naive, hidden)
	}
}

// Two surveys of one circle, of which one more person answered the second.
func TestTwoSurveysOfOneCircle(t *testing.T) {
	h := open(t)
	h.fill(30, "mitte", "good")
	h.fill(30, "nord", "bad")
	second := &memory{q: questionnaire()}
	second.q.Slug = "zwei"
	second.rows = append(second.rows, h.m.rows...)
	second.answer(survey.Answers{"district": "mitte", "view": "bad"})
	one := h.x.Snapshot
	h.x.Snapshot = func(ctx context.Context, slug string) (Snapshot, error) {
		if slug == "zwei" {
			return second, nil
		}
		return one(ctx, slug)
	}
	q := disclosure.Question{Row: "view"}
	if _, err := h.ask(q); err != nil {
		t.Fatal(err)
	}
	for _, slug := range []string{"smart", "zwei"} {
		if err := h.x.setCircle(slug, "Beirat"); err != nil {
			t.Fatal(err)
		}
	}
	if a, err := h.x.Ask(t.Context(), "zwei", "planner", q); !errors.Is(err, disclosure.ErrUnsafe) {
		t.Errorf("%+v %v", a, err)
	}
	// The control: without the circle the two figures differ by what one person said.
	if err := h.x.setCircle("zwei", ""); err != nil {
		t.Fatal(err)
	}
	h.x.tried = nil
	a, err := h.x.Ask(t.Context(), "zwei", "planner", q)
	b, _ := h.ask(q)
	if err != nil || a.Base-b.Base != 1 || a.N[2][0]-b.N[2][0] != 1 {
		t.Errorf("the attack is too weak to prove anything: %+v %+v %v", a, b, err)
	}
}
