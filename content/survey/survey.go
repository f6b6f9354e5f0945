// Package survey holds questionnaires and the rules their answers must keep.
//
// It knows nothing of databases, forms or sheets. A [Questionnaire] is a list of
// pages of [Item]s; [Questionnaire.Check] turns what somebody sent into
// normalised [Answers] or says what is wrong at which item; a [Response] is one
// stored set of answers.
package survey

import (
	"time"

	"servicepoint/content"
)

// Type is the kind of an item; the codes are part of the public API.
type Type string

// The item types. What an answer looks like stands behind each.
const (
	SingleChoice   Type = "single_choice"   // string: option code
	MultipleChoice Type = "multiple_choice" // []string: option codes, in the order of the options
	Scale          Type = "scale"           // float64: whole number from Min to Max
	Number         Type = "number"          // float64
	ShortText      Type = "text"            // string, one line
	LongText       Type = "long_text"       // string
	Date           Type = "date"            // string: YYYY-MM-DD
	Info           Type = "info"            // no answer: a text between the questions
)

// Questionnaire is one version of a survey as it is asked. Published versions
// never change.
type Questionnaire struct {
	Slug      string       `json:"slug"`
	Version   int          `json:"version"` // from 1
	Languages []string     `json:"languages"`
	Title     content.Text `json:"title"`
	Intro     content.Text `json:"intro"`  // Markdown
	Thanks    content.Text `json:"thanks"` // Markdown, on the receipt page
	Anonymous bool         `json:"anonymous"`
	Minutes   int          `json:"minutes"` // estimated time
	Opens     time.Time    `json:"opens"`   // UTC
	Closes    time.Time    `json:"closes"`  // UTC, zero: until closed by hand
	Pages     []Page       `json:"pages"`
}

// Page is what is asked at one go.
type Page struct {
	Code  string       `json:"code"`
	Title content.Text `json:"title"`
	Items []Item       `json:"items"`
}

// Item is one question. Code is the column heading of exports and never changes.
type Item struct {
	Code       string       `json:"code"` // ^[a-z][a-z0-9_]{0,39}$
	Type       Type         `json:"type"`
	Text       content.Text `json:"text"`
	Help       content.Text `json:"help,omitempty"`
	Required   bool         `json:"required"`
	Options    []Option     `json:"options,omitempty"`
	MinChoices int          `json:"min_choices,omitempty"`
	MaxChoices int          `json:"max_choices,omitempty"` // 0: no limit
	Min        *float64     `json:"min,omitempty"`
	Max        *float64     `json:"max,omitempty"`
	Integer    bool         `json:"integer,omitempty"`
	Unit       string       `json:"unit,omitempty"`
	MinLabel   content.Text `json:"min_label,omitempty"` // of a scale's ends
	MaxLabel   content.Text `json:"max_label,omitempty"`
	MaxLength  int          `json:"max_length,omitempty"` // characters; 0: 200 for text, 4000 for long text
}

// Option is one choice. Exclusive options ("none of these") stand alone.
type Option struct {
	Code      string       `json:"code"`
	Text      content.Text `json:"text"`
	Exclusive bool         `json:"exclusive,omitempty"`
}

// Answers maps item codes to values: string, []string or float64, as the item's
// type says. A missing key means not answered. Its JSON (sorted keys) is canonical.
type Answers map[string]any

// Channels through which an answer may come.
var Channels = []string{"web", "terminal", "tablet", "paper", "phone"}

// Response is one stored set of answers. Day is the Berlin day of submission;
// nothing finer is kept.
type Response struct {
	ID       string // random UUID, chosen by the client
	Version  int
	Language string
	Channel  string
	Day      string // YYYY-MM-DD
	Answers  Answers
}

// Items returns all items in the order asked, texts between questions included.
func (q Questionnaire) Items() []Item {
	var all []Item
	for _, p := range q.Pages {
		all = append(all, p.Items...)
	}
	return all
}

// OpenAt reports whether answers are taken at t.
func (q Questionnaire) OpenAt(t time.Time) bool {
	return !t.Before(q.Opens) && (q.Closes.IsZero() || t.Before(q.Closes))
}
