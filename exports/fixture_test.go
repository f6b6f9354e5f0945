package exports_test

import (
	"iter"
	"math/rand/v2"
	"strconv"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/exports"
)

func de(s string) content.Text { return content.Text{content.German: s} }

func num(n float64) *float64 { return &n }

// versions are two versions of one survey: the second drops an option and an
// item, adds another of each, and one item is called like a column of the response.
func versions() []survey.Questionnaire {
	first := survey.Questionnaire{
		Slug: "smart-kassel", Version: 1, Title: de("Smart Kassel"),
		Opens: time.Date(2026, 11, 1, 7, 0, 0, 0, time.UTC),
		Pages: []survey.Page{{Code: "a", Title: de("Über Sie"), Items: []survey.Item{
			{Code: "hinweis", Type: survey.Info, Text: de("Nur zum Lesen")},
			{Code: "district", Type: survey.SingleChoice, Required: true, Text: de("Wo wohnen Sie?"), Options: []survey.Option{
				{Code: "1", Text: de("Mitte")}, {Code: "2", Text: de("Nord (Holland)")}, {Code: "9", Text: de("Umland")},
			}},
			{Code: "themes", Type: survey.MultipleChoice, MaxChoices: 3, Text: de("Welche Themen sind Ihnen wichtig?"), Options: []survey.Option{
				{Code: "energy", Text: de("Energie")}, {Code: "mobility", Text: de("Mobilität; Verkehr")}, {Code: "old", Text: de("Alte Antwort")},
			}},
			{Code: "age", Type: survey.Number, Integer: true, Min: num(0), Max: num(120), Unit: "Jahre", Text: de("Wie alt sind Sie?")},
			{Code: "fax", Type: survey.ShortText, Text: de("Ihre Faxnummer?")},
		}}},
	}
	second := first
	second.Version, second.Opens, second.Closes = 2, time.Date(2026, 12, 1, 7, 0, 0, 0, time.UTC), time.Date(2027, 1, 31, 22, 59, 0, 0, time.UTC)
	items := first.Pages[0].Items
	second.Pages = []survey.Page{
		{Code: "a", Title: de("Über Sie"), Items: []survey.Item{items[1],
			{Code: "themes", Type: survey.MultipleChoice, Text: items[2].Text, Options: []survey.Option{
				items[2].Options[0], items[2].Options[1], {Code: "Energy", Text: de("Energie (anders geschrieben)")},
			}}, items[3]}},
		{Code: "b", Title: de("Ihre Meinung"), Items: []survey.Item{
			{Code: "happy", Type: survey.Scale, Min: num(1), Max: num(5), MinLabel: de("gar nicht"), MaxLabel: de("sehr"), Text: de("Wie zufrieden sind Sie?")},
			{Code: "day", Type: survey.Date, Text: de("Seit wann wohnen Sie hier?")},
			{Code: "ideas", Type: survey.LongText, Text: de("Ihre Ideen?")},
		}},
	}
	return []survey.Questionnaire{second, first}
}

func responses() []survey.Response {
	return []survey.Response{
		{ID: "a", Version: 1, Language: "de", Channel: "web", Day: "2026-11-03", Answers: survey.Answers{
			"district": "2", "themes": []string{"energy", "old"}, "age": 41.0, "fax": "0561 123456"}},
		{ID: "b", Version: 2, Language: "en", Channel: "terminal", Day: "2026-12-02", Answers: survey.Answers{
			"district": "1", "themes": []any{"mobility"}, "age": 7.5, "happy": 5.0, "day": "2001-05-17", "ideas": "=1+1"}},
		{ID: "c", Version: 2, Language: "de", Channel: "paper", Day: "2026-12-24", Answers: survey.Answers{
			"district": "9", "happy": 1.0, "day": "1890-01-01", "ideas": "Mehr Bäume\n@allen, +Bänke"}},
		{ID: "d", Version: 2, Language: "de", Channel: "web", Day: "2026-12-24", Answers: survey.Answers{}},
	}
}

func fixture(rows []survey.Response) exports.Survey {
	return exports.Survey{
		Versions: versions(), Exported: time.Date(2026, 12, 24, 11, 30, 0, 0, time.UTC), Program: "servicepoint test",
		Rows: all(rows), Count: len(rows), FreeText: true, Random: rand.New(rand.NewPCG(1, 2)),
	}
}

func all(rows []survey.Response) iter.Seq2[survey.Response, error] {
	return func(yield func(survey.Response, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// many gives n responses without holding them.
func many(n int) iter.Seq2[survey.Response, error] {
	return func(yield func(survey.Response, error) bool) {
		for i := range n {
			r := survey.Response{ID: strconv.Itoa(i), Version: 2, Language: "de", Channel: "web", Day: "2026-12-02", Answers: survey.Answers{
				"district": "1", "themes": []string{"energy", "mobility"}, "age": float64(i % 90), "happy": float64(1 + i%5), "day": "2001-05-17",
				"ideas": "Mehr Bänke, mehr Schatten und ein Trinkbrunnen am Platz Nummer " + strconv.Itoa(i),
			}}
			if !yield(r, nil) {
				return
			}
		}
	}
}
