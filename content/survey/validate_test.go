package survey_test

import (
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
)

func TestAQuestionnaireIsSoundOrItsFaultIsNamed(t *testing.T) {
	if problems := everything().Validate(); len(problems) > 0 {
		t.Fatal(problems)
	}
	item := func(q *survey.Questionnaire, code string) *survey.Item {
		for p := range q.Pages {
			for i := range q.Pages[p].Items {
				if q.Pages[p].Items[i].Code == code {
					return &q.Pages[p].Items[i]
				}
			}
		}
		panic(code)
	}
	cases := []struct {
		what     string
		spoil    func(q *survey.Questionnaire)
		problems string
	}{
		{"slug with capitals", func(q *survey.Questionnaire) { q.Slug = "Smart" }, "slug not_slug"},
		{"no German", func(q *survey.Questionnaire) { q.Languages = []string{"en"} }, "languages required"},
		{"unknown language", func(q *survey.Questionnaire) { q.Languages = []string{"de", "fr"} }, "languages.1 unknown"},
		{"language twice", func(q *survey.Questionnaire) { q.Languages = []string{"de", "en", "en"} }, "languages.2 twice"},
		{"ends before it begins", func(q *survey.Questionnaire) { q.Closes = q.Opens.Add(-time.Hour) }, "closes before_start"},
		{"title only in English", func(q *survey.Questionnaire) { q.Title = content.Text{"en": "x"} }, "title.de required"},
		{"help only in English", func(q *survey.Questionnaire) { item(q, "rent").Help = content.Text{"en": "x"} }, "pages.1.items.0.help.de required"},
		{"text in an unknown language", func(q *survey.Questionnaire) { item(q, "rent").Text["xx"] = "y" }, "pages.1.items.0.text unknown"},
		{"no pages", func(q *survey.Questionnaire) { q.Pages = nil }, "pages required"},
		{"only infos", func(q *survey.Questionnaire) { q.Pages = q.Pages[:1]; q.Pages[0].Items = q.Pages[0].Items[:1] }, "pages required"},
		{"empty page", func(q *survey.Questionnaire) { q.Pages[1].Items = nil }, "pages.1.items required"},
		{"page code twice", func(q *survey.Questionnaire) { q.Pages[1].Code = "one" }, "pages.1.code twice"},
		{"item code twice over pages", func(q *survey.Questionnaire) { item(q, "rent").Code = "district" }, "pages.1.items.0.code twice"},
		{"item code with hyphen", func(q *survey.Questionnaire) { item(q, "rent").Code = "s-aktion" }, "pages.1.items.0.code not_code"},
		{"item code too long", func(q *survey.Questionnaire) { item(q, "rent").Code = strings.Repeat("a", 41) }, "pages.1.items.0.code not_code"},
		{"no item code", func(q *survey.Questionnaire) { item(q, "rent").Code = "" }, "pages.1.items.0.code required"},
		{"unknown type", func(q *survey.Questionnaire) { item(q, "since").Type = "matrix" }, "pages.1.items.4.type unknown"},
		{"one option", func(q *survey.Questionnaire) { item(q, "district").Options = item(q, "district").Options[:1] }, "pages.0.items.1.options too_few_options"},
		{"option twice", func(q *survey.Questionnaire) { item(q, "district").Options[1].Code = "mitte" }, "pages.0.items.1.options.1.code twice"},
		{"exclusive radio", func(q *survey.Questionnaire) { item(q, "district").Options[0].Exclusive = true }, "pages.0.items.1.options.0.exclusive not_here"},
		{"options of a text", func(q *survey.Questionnaire) { item(q, "name").Options = item(q, "district").Options }, "pages.1.items.2.options not_here"},
		{"more wanted than offered", func(q *survey.Questionnaire) { item(q, "topics").MinChoices = 4; item(q, "topics").MaxChoices = 0 }, "pages.0.items.2.min_choices too_large"},
		{"most below least", func(q *survey.Questionnaire) { item(q, "topics").MaxChoices = 1 }, "pages.0.items.2.max_choices too_small"},
		{"scale without end", func(q *survey.Questionnaire) { item(q, "content").Max = nil }, "pages.0.items.3.max required"},
		{"scale too long", func(q *survey.Questionnaire) { item(q, "content").Max = number(12) }, "pages.0.items.3.max too_large"},
		{"scale of halves", func(q *survey.Questionnaire) { item(q, "content").Min = number(1.5) }, "pages.0.items.3.min not_integer"},
		{"bounds the wrong way round", func(q *survey.Questionnaire) { item(q, "rent").Max = number(-1) }, "pages.1.items.0.max too_small"},
		{"text limit too large", func(q *survey.Questionnaire) { item(q, "idea").MaxLength = 1 << 20 }, "pages.1.items.3.max_length too_large"},
		{"required info", func(q *survey.Questionnaire) { item(q, "hello").Required = true }, "pages.0.items.0.required not_here"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			q := everything()
			c.spoil(&q)
			if got := codes(q.Validate()); got != c.problems {
				t.Errorf("%q, want %q", got, c.problems)
			}
		})
	}
}

func TestEveryProblemHasASentence(t *testing.T) {
	words, err := content.LoadWords()
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"ambiguous_number", "nothing_answered", "not_here", "too_few_options", "too_many_options",
		"unknown_item", "unknown_option", "wrong_type", "exclusive", "twice", "not_text", "not_date", "not_integer", "too_few", "too_many", "not_code"} {
		for _, lang := range content.Languages {
			if s := words.Say(lang, content.Problem{Code: code}); strings.HasPrefix(s, "problem.") {
				t.Errorf("%s: no words for %s", lang, code)
			}
		}
	}
}
