package survey_test

import (
	"encoding/json"
	"fmt"

	"servicepoint/content"
	"servicepoint/content/survey"
)

// An answer is checked against its questionnaire: it comes out normalised, or
// the problems name the items at fault.
func ExampleQuestionnaire_Check() {
	q := survey.Questionnaire{Pages: []survey.Page{{Items: []survey.Item{{
		Code: "topics", Type: survey.MultipleChoice, MaxChoices: 2,
		Options: []survey.Option{{Code: "energy"}, {Code: "water"}, {Code: "buses"}},
	}, {
		Code: "idea", Type: survey.LongText,
	}}}}}

	answers, _ := q.Check(map[string]json.RawMessage{
		"topics": json.RawMessage(`["buses", "energy"]`),
		"idea":   json.RawMessage(`"  Mehr Bänke am Fluss. "`),
	})
	fmt.Println(string(answers.Canonical()))

	_, problems := q.Check(map[string]json.RawMessage{"topics": json.RawMessage(`["trams"]`)})
	words, _ := content.LoadWords()
	for _, p := range problems {
		fmt.Println(p.Field, "–", words.Say(content.English, p))
	}
	// Output:
	// {"idea":"Mehr Bänke am Fluss.","topics":["energy","buses"]}
	// answers.topics – This choice does not exist. Please choose one of those offered.
}
