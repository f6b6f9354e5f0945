package survey_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
)

// sixty is a questionnaire of sixty questions in ten pages, every third with a
// rule, and answers to all of them.
func sixty() (survey.Questionnaire, map[string]json.RawMessage) {
	q := survey.Questionnaire{Slug: "sixty", Version: 1, Languages: []string{"de"}, Title: de("Sechzig")}
	raw := map[string]json.RawMessage{}
	for p := range 10 {
		page := survey.Page{Code: fmt.Sprintf("p%d", p), Title: de("Seite")}
		for i := range 6 {
			code := fmt.Sprintf("q%d_%d", p, i)
			it := survey.Item{Code: code, Text: de("Frage")}
			switch i {
			case 0, 3:
				it.Type = survey.SingleChoice
				it.Options = []survey.Option{{Code: "a", Text: de("a")}, {Code: "b", Text: de("b")}, {Code: "c", Text: de("c")}}
				raw[code] = json.RawMessage(`"b"`)
			case 1:
				it.Type = survey.MultipleChoice
				for o := range 8 {
					it.Options = append(it.Options, survey.Option{Code: fmt.Sprint("o", o), Text: de("o")})
				}
				raw[code] = json.RawMessage(`["o1","o4","o7"]`)
			case 2:
				it.Type, it.Min, it.Max = survey.Scale, number(1), number(5)
				raw[code] = json.RawMessage(`4`)
			case 4:
				it.Type = survey.Number
				raw[code] = json.RawMessage(`612.5`)
			case 5:
				it.Type = survey.LongText
				raw[code] = json.RawMessage(`"Mehr Bänke am Fluss, bitte."`)
			}
			if i >= 4 {
				it.ShowIf = condition.Eq(condition.Var(fmt.Sprintf("q%d_3", p)), condition.Str("b"))
			}
			page.Items = append(page.Items, it)
		}
		q.Pages = append(q.Pages, page)
	}
	return q, raw
}

func BenchmarkCheckSixty(b *testing.B) {
	q, raw := sixty()
	b.ReportAllocs()
	for b.Loop() {
		answers, problems := q.Check(raw)
		if len(problems) > 0 || len(answers) != 60 {
			b.Fatal(problems)
		}
	}
}

func BenchmarkFindingsSixty(b *testing.B) {
	q, _ := sixty()
	b.ReportAllocs()
	for b.Loop() {
		if list := q.Findings(); len(list) > 0 {
			b.Fatal(list)
		}
	}
}
