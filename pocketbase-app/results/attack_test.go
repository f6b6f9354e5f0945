package results

import (
	"context"
	"math/rand/v2"
	"testing"

	"servicepoint/content"
	"servicepoint/content/disclosure"
	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"
)

// attacker knows of every person their district and the day on which they
// answered, and everything that was ever published.
//
// People who answered between two releases are a group; people of one district
// among them are a smaller one. When such a group has fewer than ten and a table
// tells how it answered, the attacker has learned.
func learned(releases []content.Results) (groups, people int) {
	for i, now := range releases {
		before := content.Results{}
		if i > 0 {
			before = releases[i-1]
		}
		for _, t := range now.Tables {
			old := content.ResultTable{}
			for _, o := range before.Tables {
				if o.RowKey == t.RowKey && o.ColumnKey == t.ColumnKey {
					old = o
				}
			}
			for r := range t.N {
				sum, whole := 0, true
				for c := range t.N[r] {
					was := 0
					if old.N != nil {
						was = old.N[r][c]
					}
					whole = whole && t.N[r][c] != disclosure.Hidden && was != disclosure.Hidden
					sum += t.N[r][c] - was
				}
				if whole && sum > 0 && sum < disclosure.LeastGroup {
					groups, people = groups+1, people+sum
				}
			}
		}
		for _, f := range now.Figures {
			was := 0
			for _, o := range before.Figures {
				if o.Key == f.Key {
					was = o.Base
				}
			}
			if d := f.Base - was; d > 0 && d < disclosure.LeastGroup {
				groups, people = groups+1, people+d
			}
		}
	}
	return groups, people
}

// arrivals lets people come day by day, in districts of very different size.
func arrivals(days int, each func(day int, a survey.Answers)) (people int) {
	rnd := rand.New(rand.NewPCG(1, 2))
	districts := []string{"mitte", "mitte", "mitte", "mitte", "mitte", "nord", "nord", "nord", "west"}
	views := []string{"good", "good", "fair", "bad"}
	for day := range days {
		for range rnd.IntN(9) {
			a := survey.Answers{"district": districts[rnd.IntN(len(districts))], "view": views[rnd.IntN(len(views))], "happy": float64(1 + rnd.IntN(5))}
			if rnd.IntN(3) == 0 {
				delete(a, "view")
			}
			each(day, a)
			people++
		}
	}
	return people
}

// A publisher releases every day as soon as the page lets them.
func TestDailyReleasesTellNothingOfSmallGroups(t *testing.T) {
	h := open(t)
	var published []content.Results
	choice := Choice{Items: []string{"district", "view", "happy"}, Pairs: []tally.Pair{{Row: "district", Column: "view"}, {Row: "view", Column: "district"}}}
	last := -1
	people := arrivals(60, func(day int, a survey.Answers) {
		h.m.answer(a)
		if day == last {
			return
		}
		last = day
		if err := h.x.Release(context.Background(), "smart", choice, "staff"); err == nil {
			published = append(published, h.catalogue())
		} else if fields[err] == "" {
			t.Fatal(err)
		}
	})
	groups, exposed := learned(published)
	t.Logf("%d people, %d releases: %d small groups learned, %d people in them", people, len(published), groups, exposed)
	if len(published) < 10 || groups != 0 {
		t.Errorf("%d releases, %d groups with %d people exposed", len(published), groups, exposed)
	}
	shown := 0
	for _, table := range published[len(published)-1].Tables {
		for _, row := range table.N {
			for _, n := range row {
				if n != disclosure.Hidden {
					shown++
				}
			}
		}
	}
	if shown == 0 {
		t.Error("nothing is shown at all")
	}
}

// The negative control: counting anew every day without blocks, gates and
// suppression exposes people.
func TestTheAttackWorksOnNaiveDailyFigures(t *testing.T) {
	m := &memory{q: questionnaire()}
	var published []content.Results
	naive := func() {
		c, err := tally.Count(mustMerge(m.q), m.Responses(), tally.Pair{Row: "district", Column: "view"})
		if err != nil {
			t.Fatal(err)
		}
		r := content.Results{}
		for _, table := range c.Tables() {
			r.Tables = append(r.Tables, content.ResultTable{RowKey: table.Row.Key, ColumnKey: table.Column.Key, N: table.N})
		}
		published = append(published, r)
	}
	last := -1
	people := arrivals(60, func(day int, a survey.Answers) {
		m.answer(a)
		if day != last {
			naive()
		}
		last = day
	})
	naive()
	groups, exposed := learned(published)
	t.Logf("%d people, %d releases: %d small groups learned, %d people in them", people, len(published), groups, exposed)
	if exposed < people/4 {
		t.Errorf("the attack is too weak to prove anything: %d of %d", exposed, people)
	}
}
