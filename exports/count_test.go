package exports_test

import (
	"errors"
	"fmt"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/exports"

	"pgregory.net/rapid"
)

func TestCountGivesBaseAndPerCentOfEveryOption(t *testing.T) {
	got, err := exports.Count(versions(), all(responses()))
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]exports.Frequency{}
	for _, f := range got {
		by[f.Code] = f
	}
	themes := by["themes"]
	if themes.Asked != 4 || themes.Answered != 2 {
		t.Errorf("themes: %+v", themes)
	}
	for _, want := range []exports.Share{{"energy", "Energie", 1, 50}, {"mobility", "Mobilität; Verkehr", 1, 50}, {"old", "Alte Antwort", 1, 50}, {"Energy", "Energie (anders geschrieben)", 0, 0}} {
		found := false
		for _, s := range themes.Shares {
			found = found || s == want
		}
		if !found {
			t.Errorf("themes: no share %+v in %+v", want, themes.Shares)
		}
	}
	if happy := by["happy"]; happy.Asked != 3 || happy.Answered != 2 || happy.Mean != 3 || len(happy.Shares) != 5 || happy.Shares[4] != (exports.Share{Code: "5", Label: "5 (sehr)", N: 1, Percent: 50}) {
		t.Errorf("happy: %+v", happy)
	}
	if age := by["age"]; age.Min != 7.5 || age.Max != 41 || age.Mean != 24.25 || len(age.Shares) != 0 {
		t.Errorf("age: %+v", age)
	}
	if day := by["day"]; day.From != "1890-01-01" || day.To != "2001-05-17" {
		t.Errorf("day: %+v", day)
	}
	if _, there := by["hinweis"]; there {
		t.Error("a text between the questions was counted")
	}
}

func TestCountPassesTheIteratorsError(t *testing.T) {
	broken := errors.New("broken")
	_, err := exports.Count(versions(), func(yield func(survey.Response, error) bool) { yield(survey.Response{}, broken) })
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

// Counting does not depend on the order of the rows, no option counts more than
// the answered, and single choices add up to the answered.
func TestCountsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) survey.Response {
			r := survey.Response{Version: rapid.IntRange(1, 2).Draw(t, "version"), Answers: survey.Answers{}}
			if rapid.Bool().Draw(t, "answers district") {
				r.Answers["district"] = rapid.SampledFrom([]string{"1", "2", "9", "unknown"}).Draw(t, "district")
			}
			if rapid.Bool().Draw(t, "answers themes") {
				r.Answers["themes"] = rapid.SliceOfN(rapid.SampledFrom([]string{"energy", "mobility", "old"}), 0, 4).Draw(t, "themes")
			}
			return r
		}), 0, 20).Draw(t, "rows")
		forward, err := exports.Count(versions(), all(rows))
		if err != nil {
			t.Fatal(err)
		}
		for i, j := 0, len(rows)-1; i < j; i, j = i+1, j-1 {
			rows[i], rows[j] = rows[j], rows[i]
		}
		backward, err := exports.Count(versions(), all(rows))
		if err != nil || fmt.Sprint(forward) != fmt.Sprint(backward) {
			t.Fatalf("order matters: %v\n%v\n%v", err, forward, backward)
		}
		for _, f := range forward {
			sum := 0
			for _, s := range f.Shares {
				if s.N > f.Answered {
					t.Fatalf("%s.%s: %d of %d", f.Code, s.Code, s.N, f.Answered)
				}
				sum += s.N
			}
			if f.Answered > f.Asked && f.Code == "district" || f.Type == survey.SingleChoice && sum != f.Answered {
				t.Fatalf("%s: %d answered of %d asked, shares add up to %d", f.Code, f.Answered, f.Asked, sum)
			}
		}
	})
}
