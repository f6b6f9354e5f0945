package survey_test

import (
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
)

func de(s string) content.Text { return content.Text{"de": s} }

func number(f float64) *float64 { return &f }

// everything has an item of every type.
func everything() survey.Questionnaire {
	options := func(codes ...string) (list []survey.Option) {
		for _, c := range codes {
			list = append(list, survey.Option{Code: c, Text: de(c), Exclusive: c == "none"})
		}
		return list
	}
	return survey.Questionnaire{
		Slug: "smart-kassel", Version: 1, Languages: []string{"de", "en"}, Title: de("Smart Kassel"), Anonymous: true,
		Opens: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		Pages: []survey.Page{
			{Code: "one", Title: de("Wohnen"), Items: []survey.Item{
				{Code: "hello", Type: survey.Info, Text: de("Guten Tag")},
				{Code: "district", Type: survey.SingleChoice, Text: de("Wo?"), Required: true, Options: options("mitte", "west", "1")},
				{Code: "topics", Type: survey.MultipleChoice, Text: de("Was?"), Options: options("energy", "bus", "water", "none"), MinChoices: 2, MaxChoices: 3},
				{Code: "content", Type: survey.Scale, Text: de("Zufrieden?"), Min: number(1), Max: number(5)},
			}},
			{Code: "two", Title: de("Mehr"), Items: []survey.Item{
				{Code: "rent", Type: survey.Number, Text: de("Miete"), Min: number(0), Max: number(10000), Unit: "€"},
				{Code: "people", Type: survey.Number, Text: de("Personen"), Integer: true, Min: number(1)},
				{Code: "name", Type: survey.ShortText, Text: de("Straße"), MaxLength: 10},
				{Code: "idea", Type: survey.LongText, Text: de("Idee")},
				{Code: "since", Type: survey.Date, Text: de("Seit wann?")},
			}},
		},
	}
}
