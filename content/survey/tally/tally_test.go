package tally_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
	"servicepoint/content/survey/surveytest"
	"servicepoint/content/survey/tally"

	"pgregory.net/rapid"
)

func de(s string) content.Text { return content.Text{content.German: s} }

func num(n float64) *float64 { return &n }

func all(rows []survey.Response) iter.Seq2[survey.Response, error] {
	return func(yield func(survey.Response, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func merged(t testing.TB, versions ...survey.Questionnaire) *tally.Survey {
	t.Helper()
	s, err := tally.Merge(versions)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func count(t testing.TB, s *tally.Survey, rows []survey.Response, pairs ...tally.Pair) *tally.Counter {
	t.Helper()
	c, err := tally.Count(s, all(rows), pairs...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func figure(t testing.TB, c *tally.Counter, key string) tally.Figure {
	t.Helper()
	f, ok := c.Figure(key)
	if !ok {
		t.Fatalf("no figure %s", key)
	}
	return f
}

// answered makes responses of the newest version.
func answered(q survey.Questionnaire, answers ...survey.Answers) (rows []survey.Response) {
	for _, a := range answers {
		rows = append(rows, survey.Response{Version: q.Version, Answers: a})
	}
	return rows
}

func TestEveryTypeHasItsFigures(t *testing.T) {
	q := surveytest.Everything()
	c := count(t, merged(t, q), answered(q,
		survey.Answers{"reason": "other", "reason.text": "Darum", "topics": []string{"energy", "bus"}, "member": "yes", "since": "2020-01-02", "nps": 10.0,
			"rank": []string{"b", "a"}, "grid.bus": "good", "grid.tram?": "dont_know", "boxes.bus": []string{"day", "night"}, "people": 1.0, "spot.place": "rathaus", "at": "08:30"},
		survey.Answers{"reason": "price", "topics?": "declined", "member": "no", "nps": 9.0, "rank": []string{"b", "c", "a"}, "grid.bus": "bad", "people": 4.0, "idea": "Bänke"},
		survey.Answers{"reason": "price", "topics?": "dont_know", "member?": "declined", "nps": 7.0, "rank": []string{"a"}, "people": 2.0, "at": "07:15", "spot": "51.31270,9.47970"},
		survey.Answers{"topics": []string{"none"}, "nps": 0.0, "people": 4.0},
	))
	share := func(key, code string) tally.Share {
		for _, s := range figure(t, c, key).Shares {
			if s.Code == code {
				return s
			}
		}
		t.Fatalf("%s has no share %s", key, code)
		return tally.Share{}
	}
	if f := figure(t, c, "topics"); f.Answered != 2 || f.DontKnow != 1 || f.Declined != 1 || f.Asked() != 4 || share("topics", "energy").Percent != 50 {
		t.Errorf("topics: %+v", f)
	}
	if f := figure(t, c, "since"); f.Answered != 1 || f.NotAsked != 3 || f.From != "2020-01-02" {
		t.Errorf("since, behind a rule: %+v", f)
	}
	if f := figure(t, c, "reason.text"); f.Answered != 1 || f.NotAsked != 3 || f.Shares != nil {
		t.Errorf("texts of \"other\" are counted, not shown: %+v", f)
	}
	if f := figure(t, c, "nps"); f.NPS == nil || *f.NPS != (tally.NPS{Promoters: 2, Passives: 1, Detractors: 1, Score: 25}) || f.Numbers.Mean != 6.5 {
		t.Errorf("nps: %+v %+v", f.NPS, f.Numbers)
	}
	if a, b := share("rank", "a"), share("rank", "b"); a.N != 3 || a.First != 1 || a.Rank != 2 || b.N != 2 || b.First != 2 || b.Rank != 1 {
		t.Errorf("rank: %+v %+v", a, b)
	}
	if f := figure(t, c, "grid.tram"); f.DontKnow != 1 || f.Skipped != 3 || f.Answered != 0 {
		t.Errorf("a row of a matrix: %+v", f)
	}
	if s := share("grid.bus", "good"); s.N != 1 || s.Percent != 50 {
		t.Errorf("grid.bus: %+v", s)
	}
	if s := share("boxes.bus", "night"); s.N != 1 || s.Percent != 100 {
		t.Errorf("boxes.bus: %+v", s)
	}
	if f := figure(t, c, "spot"); f.Answered != 1 || f.NotAsked != 2 || f.Skipped != 1 {
		t.Errorf("spot: %+v", f)
	}
	if s := share("spot.place", "rathaus"); s.N != 1 {
		t.Errorf("spot.place: %+v", s)
	}
	if f := figure(t, c, "at"); f.From != "07:15" || f.To != "08:30" {
		t.Errorf("at: %+v", f)
	}
	if s := share("content", "5"); s.Label("de") != "5 (sehr)" {
		t.Errorf("content: %+v", s)
	}
	if _, there := c.Figure("hello"); there {
		t.Error("a text between the questions was counted")
	}
}

// The values are those of R: quantile(x, type = 7).
func TestQuartilesAreThoseOfR(t *testing.T) {
	q := survey.Questionnaire{Slug: "s", Version: 1, Pages: []survey.Page{{Items: []survey.Item{{Code: "age", Type: survey.Number}}}}}
	var answers []survey.Answers
	for _, n := range []float64{7, 15, 36, 39, 40, 41} {
		answers = append(answers, survey.Answers{"age": n})
	}
	got := figure(t, count(t, merged(t, q), answered(q, answers...)), "age").Numbers
	if got.Q1 != 20.25 || got.Median != 37.5 || got.Q3 != 39.75 || got.Min != 7 || got.Max != 41 || got.N != 6 || math.Abs(got.Mean-178.0/6) > 1e-12 || got.Approximate {
		t.Errorf("%+v", got)
	}
}

// Memory stays bounded with many different numbers, and the quartiles stay near.
func TestManyDifferentNumbersGiveUpDigitsOnly(t *testing.T) {
	q := survey.Questionnaire{Slug: "s", Version: 1, Pages: []survey.Page{{Items: []survey.Item{{Code: "n", Type: survey.Number}}}}}
	const n = 60_000
	forward, backward := tally.NewCounter(merged(t, q)), tally.NewCounter(merged(t, q))
	for i := range n {
		forward.Add(survey.Response{Version: 1, Answers: survey.Answers{"n": float64(i) * 1.0001}})
		backward.Add(survey.Response{Version: 1, Answers: survey.Answers{"n": float64(n-1-i) * 1.0001}})
	}
	a, b := figure(t, forward, "n").Numbers, figure(t, backward, "n").Numbers
	if !a.Approximate || math.Abs(a.Median/(1.0001*(n-1)/2)-1) > 0.01 || math.Abs(a.Mean/(1.0001*(n-1)/2)-1) > 1e-9 {
		t.Errorf("%+v", a)
	}
	if a.Median != b.Median || a.Q1 != b.Q1 || a.Q3 != b.Q3 {
		t.Errorf("the order matters: %+v %+v", a, b)
	}
}

func TestVersionsAreCountedTogetherAndOtherTypesApart(t *testing.T) {
	first := survey.Questionnaire{Slug: "s", Version: 1, Title: de("Alt"), Pages: []survey.Page{{Title: de("Seite"), Items: []survey.Item{
		{Code: "how", Type: survey.ShortText, Text: de("Wie?")},
		{Code: "themes", Type: survey.MultipleChoice, Text: de("Was?"), Options: []survey.Option{{Code: "old", Text: de("Alt")}, {Code: "bus", Text: de("Bus alt")}}},
		{Code: "gone", Type: survey.YesNo, Text: de("Ja?")},
	}}}}
	second := survey.Questionnaire{Slug: "s", Version: 2, Title: de("Neu"), Pages: []survey.Page{{Title: de("Seite"), Items: []survey.Item{
		{Code: "how", Type: survey.SingleChoice, Text: de("Wie?"), Options: []survey.Option{{Code: "well", Text: de("Gut")}, {Code: "badly", Text: de("Schlecht")}}},
		{Code: "themes", Type: survey.MultipleChoice, Text: de("Was genau?"), Options: []survey.Option{{Code: "bus", Text: de("Bus")}, {Code: "new", Text: de("Neu")}}},
	}}}}
	s := merged(t, first, second)
	c := count(t, s, []survey.Response{
		{Version: 1, Answers: survey.Answers{"how": "privater Text", "themes": []string{"old", "bus"}, "gone": "no"}},
		{Version: 2, Answers: survey.Answers{"how": "well", "themes": []any{"bus"}}},
	})
	how := figure(t, c, "how")
	if how.Answered != 1 || how.Foreign != 1 || len(how.Shares) != 2 {
		t.Errorf("a text became an option: %+v", how)
	}
	themes := figure(t, c, "themes")
	var got []string
	for _, s := range themes.Shares {
		got = append(got, fmt.Sprint(s.Code, s.Label("de"), s.N))
	}
	if fmt.Sprint(got) != "[busBus2 newNeu0 oldAlt1]" || themes.Of.Text["de"] != "Was genau?" {
		t.Errorf("themes: %v", got)
	}
	if gone := figure(t, c, "gone"); gone.Answered != 1 || gone.NotAsked != 1 {
		t.Errorf("gone: %+v", gone)
	}
	if err := c.Add(survey.Response{Version: 7}); err == nil {
		t.Error("a response of an unknown version was counted")
	}
	for what, versions := range map[string][]survey.Questionnaire{"none": nil, "twice": {first, first}, "two surveys": {first, {Slug: "x", Version: 3}}} {
		if _, err := tally.Merge(versions); err == nil {
			t.Errorf("%s: merged", what)
		}
	}
}

func TestCountPassesTheIteratorsError(t *testing.T) {
	broken := errors.New("broken")
	_, err := tally.Count(merged(t, surveytest.Everything()), func(yield func(survey.Response, error) bool) { yield(survey.Response{}, broken) })
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

// accepted draws answers that the questionnaire accepts, as many as it can.
func accepted(t *rapid.T, q survey.Questionnaire, most int) (rows []survey.Response) {
	for range rapid.IntRange(0, most).Draw(t, "responses") {
		raw, _ := surveytest.Sendings(t, q)
		a, problems := q.Check(raw)
		for _, p := range problems { // leave out what was wrong, then try again
			key := strings.TrimPrefix(p.Field, "answers.")
			delete(raw, key)
			delete(raw, survey.Mark(key))
		}
		if len(problems) > 0 {
			if a, problems = q.Check(raw); len(problems) > 0 {
				continue
			}
		}
		rows = append(rows, survey.Response{Version: q.Version, Answers: a})
	}
	return rows
}

// For any questionnaire and accepted answers: everybody is in exactly one of the
// bins of every variable, options add up, the order does not matter, and tables
// are what counting by hand gives.
func TestCountsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := surveytest.Questionnaires(t)
		s, err := tally.Merge([]survey.Questionnaire{q})
		if err != nil {
			t.Fatal(err)
		}
		rows := accepted(t, q, 6)
		var pairs []tally.Pair
		variables := s.Variables()
		for range 3 {
			pairs = append(pairs, tally.Pair{
				Row: rapid.SampledFrom(variables).Draw(t, "row").Key, Column: rapid.SampledFrom(variables).Draw(t, "column").Key,
			})
		}
		c, err := tally.Count(s, all(rows), pairs...)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range c.Figures() {
			if f.All != len(rows) || f.Answered+f.NotAsked+f.Skipped+f.DontKnow+f.Declined+f.Foreign != f.All {
				t.Fatalf("%s: bins do not add up: %+v", f.Key, f)
			}
			there, sum, firsts := 0, 0, 0
			for _, r := range rows {
				if r.Answers[f.Key] != nil {
					there++
				}
			}
			for _, share := range f.Shares {
				sum, firsts = sum+share.N, firsts+share.First
				if share.N > f.Answered {
					t.Fatalf("%s.%s: %d of %d", f.Key, share.Code, share.N, f.Answered)
				}
			}
			switch {
			case f.Answered != there:
				t.Fatalf("%s: %d answered, want %d", f.Key, f.Answered, there)
			case f.Crossable() && sum != f.Answered:
				t.Fatalf("%s: options add up to %d of %d", f.Key, sum, f.Answered)
			case f.Ranked() && firsts != f.Answered:
				t.Fatalf("%s: %d first places of %d", f.Key, firsts, f.Answered)
			case f.Numbers != nil && !(f.Numbers.Min <= f.Numbers.Q1 && f.Numbers.Q1 <= f.Numbers.Median && f.Numbers.Median <= f.Numbers.Q3 && f.Numbers.Q3 <= f.Numbers.Max):
				t.Fatalf("%s: %+v", f.Key, f.Numbers)
			}
		}
		for _, table := range c.Tables() {
			for i, row := range table.Rows {
				for j, column := range table.Columns {
					want := 0
					for _, r := range rows {
						if says(r.Answers[table.Row.Key], row.Code) && says(r.Answers[table.Column.Key], column.Code) {
							want++
						}
					}
					if table.N[i][j] != want {
						t.Fatalf("%s %s × %s %s: %d, want %d", table.Row.Key, row.Code, table.Column.Key, column.Code, table.N[i][j], want)
					}
				}
			}
		}
		slices.Reverse(rows)
		back, err := tally.Count(s, all(rows), pairs...)
		if err != nil || show(back) != show(c) {
			t.Fatalf("the order matters: %v\n%s\n%s", err, show(back), show(c))
		}
	})
}

func says(value any, code string) bool {
	if f, ok := value.(float64); ok {
		return fmt.Sprint(f) == code
	}
	codes, _ := tally.CodesOf(value)
	return slices.Contains(codes, code)
}

func show(c *tally.Counter) string {
	var out []any
	for _, f := range c.Figures() {
		f.Variable = nil
		out = append(out, f)
	}
	for _, t := range c.Tables() {
		out = append(out, t.N, t.Base)
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func Example() {
	q := survey.Questionnaire{Slug: "s", Version: 1, Pages: []survey.Page{{Items: []survey.Item{
		{Code: "bus", Type: survey.YesNo, Text: de("Fahren Sie Bus?")},
		{Code: "happy", Type: survey.Scale, Min: num(1), Max: num(3), Text: de("Zufrieden?")},
	}}}}
	s, _ := tally.Merge([]survey.Questionnaire{q})
	c := tally.NewCounter(s, tally.Pair{Row: "bus", Column: "happy"})
	for _, happy := range []float64{1, 3, 3} {
		c.Add(survey.Response{Version: 1, Answers: survey.Answers{"bus": "yes", "happy": happy}})
	}
	c.Add(survey.Response{Version: 1, Answers: survey.Answers{"bus": "no"}})
	for _, f := range c.Figures() {
		fmt.Println(f.Key, f.Answered, f.Skipped, f.Shares[0].Label("de"), f.Shares[0].N)
	}
	fmt.Println(c.Tables()[0].N)
	// Output:
	// bus 4 0 Ja 3
	// happy 3 1 1 1
	// [[1 0 2] [0 0 0]]
}

// Personal answers are kept apart. Where they were not read, nobody is said to
// have skipped them, nor what only they lead to.
func TestWhatWasLeftOutWasNotSkipped(t *testing.T) {
	q := survey.Questionnaire{Slug: "named", Version: 1, Pages: []survey.Page{{Items: []survey.Item{
		{Code: "name", Type: survey.ShortText, Personal: true},
		{Code: "why", Type: survey.ShortText, ShowIf: condition.Missing("name")},
		{Code: "more", Type: survey.ShortText, ShowIf: condition.Answered("why")},
		{Code: "age", Type: survey.Number},
	}}}}
	s := merged(t, q)
	for _, c := range []struct {
		what     string
		personal bool
		answers  survey.Answers
		want     map[string]survey.Missing
	}{
		{"with the personal answers", true, survey.Answers{"age": 3.0}, map[string]survey.Missing{"name": survey.Skipped, "why": survey.Skipped, "more": survey.NotAsked}},
		{"without", false, survey.Answers{"age": 3.0}, map[string]survey.Missing{"name": survey.LeftOut, "why": survey.LeftOut, "more": survey.LeftOut}},
		{"without, but one is there", false, survey.Answers{"why": "x"}, map[string]survey.Missing{"name": survey.LeftOut, "more": survey.LeftOut, "age": survey.Skipped}},
	} {
		got, err := s.Empty(survey.Response{Version: 1, Personal: c.personal, Answers: c.answers})
		if err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%s: %v %v, want %v", c.what, got, err, c.want)
		}
	}
	f := figure(t, count(t, s, []survey.Response{{Version: 1, Answers: survey.Answers{"age": 3.0}}}), "name")
	if f.Skipped != 0 || f.NotAsked != 1 {
		t.Errorf("counted as %+v", f)
	}
	q.Anonymous = true // asks nothing personal, whatever stands in it
	if got, err := merged(t, q).Empty(survey.Response{Version: 1, Answers: survey.Answers{"age": 3.0}}); err != nil || got["why"] != survey.Skipped {
		t.Errorf("anonymous: %v %v", got, err)
	}
}
