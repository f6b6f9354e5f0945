package surveytest

import (
	"encoding/json"
	"fmt"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
)

func german(s string) content.Text { return content.Text{content.German: s} }

// Sixty is a questionnaire of sixty questions in ten pages, every third with a
// rule, and answers to all of them.
func Sixty() (survey.Questionnaire, map[string]json.RawMessage) {
	q := survey.Questionnaire{Slug: "sixty", Version: 1, Languages: []string{"de"}, Title: german("Sechzig")}
	raw := map[string]json.RawMessage{}
	for p := range 10 {
		page := survey.Page{Code: fmt.Sprintf("p%d", p), Title: german("Seite")}
		for i := range 6 {
			code := fmt.Sprintf("q%d_%d", p, i)
			it := survey.Item{Code: code, Text: german("Frage")}
			switch i {
			case 0, 3:
				it.Type = survey.SingleChoice
				it.Options = []survey.Option{{Code: "a", Text: german("a")}, {Code: "b", Text: german("b")}, {Code: "c", Text: german("c")}}
				raw[code] = json.RawMessage(`"b"`)
			case 1:
				it.Type = survey.MultipleChoice
				for o := range 8 {
					it.Options = append(it.Options, survey.Option{Code: fmt.Sprint("o", o), Text: german("o")})
				}
				raw[code] = json.RawMessage(`["o1","o4","o7"]`)
			case 2:
				it.Type, it.Min, it.Max = survey.Scale, new(1.0), new(5.0)
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
