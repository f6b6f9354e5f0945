package survey_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/content/survey/surveytest"

	"pgregory.net/rapid"
)

func asSent(t interface{ Fatal(...any) }, a survey.Answers) map[string]json.RawMessage {
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal(a.Canonical(), &raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestWhatWasAcceptedIsAcceptedAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := surveytest.Questionnaires(t)
		if problems := q.Validate(); len(problems) > 0 {
			t.Fatal(problems)
		}
		raw, _ := surveytest.Sendings(t, q)
		answers, problems := q.Check(raw)
		if len(problems) > 0 {
			return
		}
		again, problems := q.Check(asSent(t, answers))
		if len(problems) > 0 || !reflect.DeepEqual(again, answers) {
			t.Fatalf("%v became %v: %v", answers, again, problems)
		}
		stored, err := survey.DecodeAnswers(answers.Canonical())
		if err != nil || !reflect.DeepEqual(stored, answers) {
			t.Fatalf("%v was stored as %v: %v", answers, stored, err)
		}
	})
}

func TestFormAndAPIGiveEqualAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := surveytest.Questionnaires(t)
		raw, form := surveytest.Sendings(t, q)
		byAPI, apiProblems := q.Check(raw)
		byForm, formProblems := q.CheckForm(form)
		for i := range formProblems {
			if formProblems[i].Field != "answers" {
				formProblems[i].Field = "answers." + formProblems[i].Field
			}
			if formProblems[i].Code == "ambiguous_number" { // only people can be misread
				t.Skip()
			}
		}
		if codes(apiProblems) != codes(formProblems) {
			t.Fatalf("API %s, form %s", codes(apiProblems), codes(formProblems))
		}
		if !bytes.Equal(byAPI.Canonical(), byForm.Canonical()) {
			t.Fatalf("API %s, form %s", byAPI.Canonical(), byForm.Canonical())
		}
	})
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(`{"reason":"time","part":"west","topics":["water","energy"],"content":4,"rent":612.5,"people":2,"name":" K ","idea":"a\r\nb","since":"2020-02-29"}`))
	f.Add([]byte(`{"district":"\ud800","topics":[null],"content":1e999,"rent":-0}`))
	f.Add([]byte(`{"reason":"other","reason.text":"x","topics?":"declined","grid.bus":"good","rank":["c","a"],"spot":"51.3,9.4","people":2,"double":4,"member":"yes","since":"2020-02-01"}`))
	q := surveytest.Everything()
	f.Fuzz(func(t *testing.T, body []byte) {
		var raw map[string]json.RawMessage
		if json.Unmarshal(body, &raw) != nil {
			return
		}
		answers, problems := q.Check(raw)
		if len(problems) > 0 {
			return
		}
		again, problems := q.Check(asSent(t, answers))
		if len(problems) > 0 || !reflect.DeepEqual(again, answers) {
			t.Fatalf("%v became %v: %v", answers, again, problems)
		}
	})
}

// FuzzCheckRaw gives values that no JSON decoder has looked at.
func FuzzCheckRaw(f *testing.F) {
	f.Add("rent", []byte("0x1p-2"))
	f.Add("name", []byte("\"\xff\""))
	q := everything()
	f.Fuzz(func(t *testing.T, code string, value []byte) {
		answers, problems := q.Check(map[string]json.RawMessage{code: value, "district": json.RawMessage(`"west"`)})
		if len(problems) == 0 && code != "district" && string(value) != "null" && !json.Valid(value) {
			t.Fatalf("%s = %q was taken as %v", code, value, answers)
		}
	})
}

func FuzzCheckForm(f *testing.F) {
	f.Add("district=west&topics=water&topics=energy&rent=1.612,50&since=1.2.2020&idea=a%0d%0ab")
	f.Add("district=west&rent=%E2%88%921&people=1+000&since=2020-1-1")
	q := everything()
	f.Fuzz(func(t *testing.T, query string) {
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		answers, problems := q.CheckForm(form)
		if len(problems) > 0 {
			return
		}
		again, problems := q.Check(asSent(t, answers))
		if len(problems) > 0 || !reflect.DeepEqual(again, answers) {
			t.Fatalf("%v became %v: %v", answers, again, problems)
		}
	})
}

func FuzzDecodeAnswers(f *testing.F) {
	f.Add([]byte(`{"a":"x","b":["y","z"],"c":1.5}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := survey.DecodeAnswers(b)
		if err != nil {
			return
		}
		again, err := survey.DecodeAnswers(a.Canonical())
		if err != nil || !reflect.DeepEqual(again, a) {
			t.Fatalf("%v became %v: %v", a, again, err)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	q := everything()
	raw := map[string]json.RawMessage{}
	json.Unmarshal([]byte(`{"district":"west","topics":["water","energy"],"content":4,"rent":612.5,"people":2,"name":"Königstor","idea":"mehr Bänke","since":"2020-02-29"}`), &raw)
	b.ReportAllocs()
	for b.Loop() {
		answers, problems := q.Check(raw)
		if len(problems) > 0 || len(answers.Canonical()) == 0 {
			b.Fatal(problems)
		}
	}
}

func TestEveryDrawnQuestionnaireIsSound(t *testing.T) {
	if problems := surveytest.Everything().Validate(); len(problems) > 0 {
		t.Fatal(problems)
	}
	rapid.Check(t, func(t *rapid.T) {
		q := surveytest.Questionnaires(t)
		if problems := q.Validate(); len(problems) > 0 {
			t.Fatal(problems)
		}
		b, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		var again survey.Questionnaire
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		if c, err := json.Marshal(again); err != nil || !bytes.Equal(b, c) {
			t.Fatalf("%s became %s: %v", b, c, err)
		}
	})
}

// TestWhatRoutingHidesIsNeverStored goes through accepted answers with a second,
// plain computation of what is asked.
func TestWhatRoutingHidesIsNeverStored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := surveytest.Questionnaires(t)
		_, form := surveytest.Sendings(t, q)
		r := q.Read(form)
		empty := q.Empty(r.Answers)
		for i, p := range q.Pages {
			for j, it := range p.Items {
				holds := p.ShowIf.Holds(r.Answers) && it.ShowIf.Holds(r.Answers)
				if it.Asks() && holds != r.Pages[i].Shows(j) {
					t.Fatalf("%s is shown: %v, its rules hold: %v", it.Code, r.Pages[i].Shows(j), holds)
				}
				for _, v := range it.Variables() {
					_, answered := r.Answers[v.Key]
					mark, marked := r.Answers[survey.Mark(v.Key)]
					switch {
					case !holds && (answered || marked):
						t.Fatalf("%s was hidden and has %v %v", v.Key, r.Answers[v.Key], mark)
					case !holds && empty[v.Key] != survey.NotAsked:
						t.Fatalf("%s was hidden and is %q", v.Key, empty[v.Key])
					case answered && empty[v.Key] != "":
						t.Fatalf("%s is answered and %q", v.Key, empty[v.Key])
					case marked && string(empty[v.Key]) != mark:
						t.Fatalf("%s has the mark %v and is %q", v.Key, mark, empty[v.Key])
					}
				}
			}
		}
	})
}

func TestOrderKeepsEverythingAndWhatIsFixed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		it := survey.Item{Code: "q", Type: survey.SingleChoice, Random: true}
		for i := range rapid.IntRange(0, 12).Draw(t, "n") {
			it.Options = append(it.Options, survey.Option{Code: strconv.Itoa(i), Fixed: rapid.Bool().Draw(t, "fixed")})
		}
		seed := rapid.IntRange(0, 65535).Draw(t, "seed")
		order := it.Order(seed)
		if !slices.Equal(order, it.Order(seed)) {
			t.Fatal("one seed, two orders")
		}
		for i, o := range it.Options {
			if o.Fixed && order[i] != i {
				t.Fatalf("option %d is fixed and went", i)
			}
		}
		if slices.Sort(order); len(order) != len(it.Options) {
			t.Fatal(order)
		}
		for i, o := range order {
			if i != o {
				t.Fatal(order)
			}
		}
	})
}

// TestOrderIsFair shuffles four options with every seed: each comes first about
// equally often.
func TestOrderIsFair(t *testing.T) {
	it := survey.Item{Code: "fair", Type: survey.Ranking, Random: true, Options: make([]survey.Option, 4)}
	first := make([]int, 4)
	for seed := range 65536 {
		first[it.Order(seed)[0]]++
	}
	for i, n := range first {
		if n < 15900 || n > 16900 { // 16,384 is the mean, 111 the standard deviation
			t.Errorf("option %d came first %d times of 65,536", i, n)
		}
	}
}
