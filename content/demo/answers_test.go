package demo

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
)

func TestInventedAnswersPassTheQuestionnaire(t *testing.T) {
	now := time.Date(2026, 12, 2, 9, 0, 0, 0, time.UTC)
	c, err := Load(now)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(c.Questionnaires, func(q survey.Questionnaire) bool { return q.Slug == AnswersTo })
	q := c.Questionnaires[i]
	list := Answers(q.Opens, now, 600)
	if len(list) != 600 || !reflect.DeepEqual(list, Answers(q.Opens, now, 600)) {
		t.Fatalf("%d answers, or others each time", len(list))
	}
	ids, districts, days, channels := map[string]bool{}, map[string]int{}, map[string]int{}, map[string]int{}
	for _, a := range list {
		raw := map[string]json.RawMessage{}
		b, err := json.Marshal(a.Answers)
		if err == nil {
			err = json.Unmarshal(b, &raw)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, problems := q.Check(raw); len(problems) > 0 {
			t.Fatalf("%v: %v", a.Answers, problems)
		}
		for key, v := range a.Answers {
			if s, ok := v.(string); ok && strings.Contains(s, " ") && !strings.HasPrefix(s, "Beispiel: ") {
				t.Errorf("%s: %q does not say that it is invented", key, s)
			}
		}
		if a.Day < q.Opens.In(content.Berlin).Format(time.DateOnly) || a.Day > "2026-12-02" || !slices.Contains(survey.Channels, a.Channel) || !slices.Contains(content.Languages, a.Language) {
			t.Errorf("%+v", a)
		}
		ids[a.ID] = true
		d, _ := a.Answers["district"].(string)
		districts[d]++
		days[a.Day]++
		channels[a.Channel]++
	}
	if len(ids) != 600 || len(districts) != 24 || len(days) < 20 || len(channels) != len(survey.Channels) {
		t.Errorf("%d ids, %d districts, %d days, %v", len(ids), len(districts), len(days), channels)
	}
	if got := Answers(now.Add(time.Hour), now, 10); got != nil {
		t.Errorf("a survey that has not opened has %d answers", len(got))
	}
}
