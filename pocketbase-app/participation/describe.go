package participation

import (
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
)

// surveyDocument is a questionnaire in one language as the API gives it.
type surveyDocument struct {
	surveySummary
	Thanks string         `json:"thanks"` // Markdown
	Pages  []pageDocument `json:"pages"`
}

// surveySummary is one line of the list of surveys.
type surveySummary struct {
	Slug      string     `json:"slug"`
	Version   int        `json:"version"`
	Language  string     `json:"language"`
	Languages []string   `json:"languages"`
	Title     string     `json:"title"`
	Intro     string     `json:"intro"` // Markdown
	Anonymous bool       `json:"anonymous"`
	Minutes   int        `json:"minutes"`
	Questions int        `json:"questions"`
	Opens     *time.Time `json:"opens,omitempty"`
	Closes    *time.Time `json:"closes,omitempty"`
}

type pageDocument struct {
	Code  string         `json:"code"`
	Title string         `json:"title"`
	Items []itemDocument `json:"items"`
}

type itemDocument struct {
	Code       string           `json:"code"`
	Type       survey.Type      `json:"type"`
	Text       string           `json:"text"`
	Help       string           `json:"help,omitempty"`
	Required   bool             `json:"required"`
	Options    []optionDocument `json:"options,omitempty"`
	MinChoices int              `json:"min_choices,omitempty"`
	MaxChoices int              `json:"max_choices,omitempty"`
	Min        *float64         `json:"min,omitempty"`
	Max        *float64         `json:"max,omitempty"`
	Integer    bool             `json:"integer,omitempty"`
	Unit       string           `json:"unit,omitempty"`
	MinLabel   string           `json:"min_label,omitempty"`
	MaxLabel   string           `json:"max_label,omitempty"`
	MaxLength  int              `json:"max_length,omitempty"`
}

type optionDocument struct {
	Code      string `json:"code"`
	Text      string `json:"text"`
	Exclusive bool   `json:"exclusive,omitempty"`
}

func summarise(q survey.Questionnaire, lang string) surveySummary {
	s := surveySummary{
		Slug: q.Slug, Version: q.Version, Language: lang, Languages: q.Languages,
		Title: in(q.Title, lang), Intro: in(q.Intro, lang), Anonymous: q.Anonymous, Minutes: q.Minutes,
	}
	for _, it := range q.Items() {
		if it.Type != survey.Info {
			s.Questions++
		}
	}
	if !q.Opens.IsZero() {
		s.Opens = &q.Opens
	}
	if !q.Closes.IsZero() {
		s.Closes = &q.Closes
	}
	return s
}

func describe(q survey.Questionnaire, lang string) surveyDocument {
	doc := surveyDocument{surveySummary: summarise(q, lang), Thanks: in(q.Thanks, lang)}
	for _, p := range q.Pages {
		page := pageDocument{Code: p.Code, Title: in(p.Title, lang)}
		for _, it := range p.Items {
			item := itemDocument{
				Code: it.Code, Type: it.Type, Text: in(it.Text, lang), Help: in(it.Help, lang), Required: it.Required,
				MinChoices: it.MinChoices, MaxChoices: it.MaxChoices, Min: it.Min, Max: it.Max, Integer: it.Integer,
				Unit: it.Unit, MinLabel: in(it.MinLabel, lang), MaxLabel: in(it.MaxLabel, lang),
			}
			if it.Type == survey.ShortText || it.Type == survey.LongText {
				item.MaxLength = it.TextLimit()
			}
			for _, o := range it.Options {
				item.Options = append(item.Options, optionDocument{Code: o.Code, Text: in(o.Text, lang), Exclusive: o.Exclusive})
			}
			page.Items = append(page.Items, item)
		}
		doc.Pages = append(doc.Pages, page)
	}
	return doc
}

func in(t content.Text, lang string) string {
	s, _ := t.In(lang)
	return s
}
