package survey_test

import (
	"testing"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
	"servicepoint/content/survey/surveytest"
)

func TestRulesAreSaidInWords(t *testing.T) {
	words, err := content.LoadWords()
	if err != nil {
		t.Fatal(err)
	}
	q := surveytest.Everything()
	name := func(it *survey.Item) string { return "Frage " + it.Code }
	for rule, want := range map[string]string{
		`{"==":[{"var":"member"},"yes"]}`:                        "Frage member ist „Ja“",
		`{"in":["bus",{"var":"topics"}]}`:                        "bei Frage topics ist „Antwort bus“ gewählt",
		`{"!":{"in":["bus",{"var":"topics"}]}}`:                  "bei Frage topics ist „Antwort bus“ nicht gewählt",
		`{"in":[{"var":"reason"},["price","time"]]}`:             "Frage reason ist eines von „Antwort price“, „Antwort time“",
		`{"!":{"missing":["people"]}}`:                           "Frage people ist beantwortet",
		`{"missing":["people","name"]}`:                          "Frage people ist nicht beantwortet oder Frage name ist nicht beantwortet",
		`{"<=":[18,{"var":"people"}]}`:                           "Frage people ist mindestens 18",
		`{">":[{"var":"people"},{"+":[{"var":"content"},1.5]}]}`: "Frage people ist größer als (Frage content + 1,5)",
		`{"==":[{"var":"grid.bus"},"good"]}`:                     "Frage grid (Antwort bus) ist „Antwort good“",
		`{">=":[{"var":"since"},"2020-02-01"]}`:                  "Frage since ist mindestens 01.02.2020",
		`{"or":[{"and":[{"missing":["name"]},{"==":[{"var":"member"},"no"]}]},{"<":[{"var":"nps"},7]}]}`: "(Frage name ist nicht beantwortet und Frage member ist „Nein“) oder Frage nps ist kleiner als 7",
		`{"!":{"==":[{"var":"member"},"no"]}}`: "es gilt nicht: (Frage member ist „Nein“)",
		`true`:                                 "immer",
	} {
		e, err := condition.Parse([]byte(rule))
		if err != nil {
			t.Fatal(rule, err)
		}
		if got := q.Explain(e, words, "de", name); got != want {
			t.Errorf("%s\n got %s\nwant %s", rule, got, want)
		}
	}
	if s := q.Explain(condition.Expr{}, words, "de", name); s != "" {
		t.Error(s)
	}
}
