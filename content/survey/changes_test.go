package survey_test

import (
	"encoding/json"
	"strings"
	"testing"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
	"servicepoint/content/survey/surveytest"

	"pgregory.net/rapid"
)

func copied(t *testing.T, q survey.Questionnaire) survey.Questionnaire {
	t.Helper()
	b, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	var c survey.Questionnaire
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func ways() survey.Questionnaire {
	de := func(s string) content.Text { return content.Text{content.German: s} }
	low, high := 1.0, 5.0
	return survey.Questionnaire{Slug: "wege", Version: 1, Languages: []string{"de"}, Title: de("Wege"), Anonymous: true, Pages: []survey.Page{
		{Code: "p1", Title: de("Eins"), Items: []survey.Item{
			{Code: "way", Type: survey.SingleChoice, Text: de("Wie kommen Sie?"), Options: []survey.Option{{Code: "tram", Text: de("Tram")}, {Code: "bike", Text: de("Rad")}}},
			{Code: "mood", Type: survey.Scale, Text: de("Wie war es?"), Min: &low, Max: &high},
		}},
		{Code: "p2", Title: de("Zwei"), Items: []survey.Item{{Code: "why", Type: survey.LongText, Text: de("Warum?")}}},
	}}
}

func TestChangesSayWhatStaysComparable(t *testing.T) {
	de := func(s string) content.Text { return content.Text{content.German: s} }
	for name, c := range map[string]struct {
		change func(*survey.Questionnaire)
		want   string // code effect; …
	}{
		"nothing":             {func(q *survey.Questionnaire) {}, ""},
		"a label corrected":   {func(q *survey.Questionnaire) { q.Pages[0].Items[0].Options[0].Text = de("Straßenbahn") }, "option_text comparable"},
		"a question reworded": {func(q *survey.Questionnaire) { q.Pages[1].Items[0].Text = de("Weshalb?") }, "item_text comparable"},
		"an option added": {func(q *survey.Questionnaire) {
			q.Pages[0].Items[0].Options = append(q.Pages[0].Items[0].Options, survey.Option{Code: "foot", Text: de("Zu Fuß")})
		}, "option_added note"},
		"an option removed": {func(q *survey.Questionnaire) { q.Pages[0].Items[0].Options = q.Pages[0].Items[0].Options[:1] }, "option_removed not_comparable"},
		"an option's code":  {func(q *survey.Questionnaire) { q.Pages[0].Items[0].Options[0].Code = "tram2" }, "option_added note; option_removed not_comparable"},
		"options swapped":   {func(q *survey.Questionnaire) { o := q.Pages[0].Items[0].Options; o[0], o[1] = o[1], o[0] }, "option_order note"},
		"another type":      {func(q *survey.Questionnaire) { q.Pages[0].Items[0].Type = survey.MultipleChoice }, "item_type not_comparable"},
		"a longer scale":    {func(q *survey.Questionnaire) { n := 7.0; q.Pages[0].Items[1].Max = &n }, "bounds not_comparable"},
		"another code":      {func(q *survey.Questionnaire) { q.Pages[1].Items[0].Code = "reason" }, "item_code not_comparable"},
		"routing": {func(q *survey.Questionnaire) {
			q.Pages[1].ShowIf = condition.Eq(condition.Var("way"), condition.Str("tram"))
		}, "page_routing note"},
		"a question removed": {func(q *survey.Questionnaire) { q.Pages[0].Items = q.Pages[0].Items[:1] }, "item_removed note"},
		"questions swapped":  {func(q *survey.Questionnaire) { i := q.Pages[0].Items; i[0], i[1] = i[1], i[0] }, "item_order note"},
		"moved to another page": {func(q *survey.Questionnaire) {
			q.Pages[1].Items = append([]survey.Item{q.Pages[0].Items[1]}, q.Pages[1].Items...)
			q.Pages[0].Items = q.Pages[0].Items[:1]
		}, "item_moved note"},
		"no longer anonymous": {func(q *survey.Questionnaire) { q.Anonymous = false }, "anonymous not_allowed"},
		"with codes now":      {func(q *survey.Questionnaire) { q.Access = survey.AccessCode }, "access not_allowed"},
		"with a proof now":    {func(q *survey.Questionnaire) { q.Access = survey.AccessProof }, "access note"},
	} {
		older, newer := ways(), ways()
		c.change(&newer)
		var got []string
		for _, ch := range survey.Changes(older, newer) {
			got = append(got, ch.Code+" "+string(ch.Effect))
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: %q, want %q", name, s, c.want)
		}
	}
}

// TestNoChangeGoesUnnoticed: two questionnaires whose JSON differs have a change,
// equal ones have none, and going back has as many.
func TestNoChangeGoesUnnoticed(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		q := surveytest.Questionnaires(r)
		same := copied(t, q)
		if c := survey.Changes(q, same); len(c) > 0 {
			r.Fatalf("%v in a copy", c)
		}
		p := rapid.IntRange(0, len(same.Pages)-1).Draw(r, "page")
		i := rapid.IntRange(0, len(same.Pages[p].Items)-1).Draw(r, "item")
		it := &same.Pages[p].Items[i]
		switch rapid.IntRange(0, 4).Draw(r, "what") {
		case 0:
			it.Code += "x"
		case 1:
			it.Text = content.Text{content.German: it.Text["de"] + "!"}
		case 2:
			it.Personal = !it.IsPersonal()
			if it.Type == survey.Email {
				it.Help = content.Text{content.German: "Hilfe!"}
			}
		case 3:
			same.Pages[p].Random = !same.Pages[p].Random
		case 4:
			it.ShowIf = condition.Bool(false)
			if q.Pages[p].Items[i].ShowIf.Equal(it.ShowIf) {
				it.ShowIf = condition.Bool(true)
			}
		}
		if len(survey.Changes(q, same)) == 0 {
			r.Fatalf("no change noticed in item %s", it.Code)
		}
	})
}
