// Package survey holds questionnaires and the rules their answers must keep.
//
// It knows nothing of databases, forms or sheets. A [Questionnaire] is a list of
// pages of [Item]s, each with the rule of when it is asked (package condition);
// [Questionnaire.Check] and [Questionnaire.Read] turn what somebody sent into
// normalised [Answers] or say what is wrong at which item; a [Response] is one
// stored set of answers. [Item.Variables] lists what an item adds to the columns
// of a sheet.
package survey

import (
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey/condition"
)

// Type is the kind of an item; the codes are part of the public API.
type Type string

// The item types. What an answer looks like stands behind each. Answers of rows
// and additional texts have keys of their own, "code.part"; see [Item.Variables].
const (
	SingleChoice   Type = "single_choice"   // string: option code; "code.text": what "other" means
	MultipleChoice Type = "multiple_choice" // []string: option codes, in the order of the options; "code.text" likewise
	YesNo          Type = "yes_no"          // string: "yes" or "no"
	Scale          Type = "scale"           // float64: whole number from Min to Max
	Ranking        Type = "ranking"         // []string: option codes, the first one best
	MatrixSingle   Type = "matrix_single"   // "code.row" string: option code
	MatrixMultiple Type = "matrix_multiple" // "code.row" []string: option codes, in the order of the options
	Number         Type = "number"          // float64
	ShortText      Type = "text"            // string, one line
	LongText       Type = "long_text"       // string
	Email          Type = "email"           // string; always personal
	Date           Type = "date"            // string: YYYY-MM-DD
	Time           Type = "time"            // string: HH:MM, wall clock
	District       Type = "district"        // string: option code, the slug of an Ortsbezirk
	Street         Type = "street"          // string, one line: street, perhaps with a number
	Point          Type = "point"           // string: "latitude,longitude" in WGS 84, five decimals; or "code.place" string: option code; or "code.address" string
	File           Type = "file"            // []string: names of uploads
	Photo          Type = "photo"           // []string: names of uploads that are pictures
	Consent        Type = "consent"         // string: "yes"
	Info           Type = "info"            // no answer: a text between the questions
	Calculated     Type = "calculated"      // float64: worked out from earlier answers, never asked
)

// Types lists all item types in the order in which editors are offered them.
var Types = []Type{
	SingleChoice, MultipleChoice, YesNo, Scale, Ranking, MatrixSingle, MatrixMultiple, Number, ShortText, LongText,
	Email, Date, Time, District, Street, Point, File, Photo, Consent, Info, Calculated,
}

// Looks are other ways to show an item of the same type; the answers are alike.
const (
	Dropdown = "dropdown" // SingleChoice, District (its only look)
	Pictures = "pictures" // SingleChoice and MultipleChoice whose options have an Image
	Stars    = "stars"    // Scale from 1
	NPS      = "nps"      // Scale from 0 to 10, counted as promoters and detractors
)

// The marks that stand in place of an answer, under the key "code?". A question
// without answer and mark was skipped when routing asked it, or else not asked:
// see [Questionnaire.Empty].
const (
	DontKnow = "dont_know"
	Declined = "declined"
)

// Ways of access: who may answer.
const (
	AccessOpen       = "open"       // everybody
	AccessProof      = "proof"      // everybody whose device works for a moment (ALTCHA)
	AccessCode       = "code"       // who has a one-time code
	AccessInvitation = "invitation" // who has a signed link
	AccessAccount    = "account"    // who is signed in as a citizen
	AccessAttendance = "attendance" // who came to an event and took the pass from their booking
)

// Accesses lists the ways of access.
var Accesses = []string{AccessOpen, AccessProof, AccessCode, AccessInvitation, AccessAccount, AccessAttendance}

// Questionnaire is one version of a survey as it is asked. Published versions
// never change.
type Questionnaire struct {
	Slug      string       `json:"slug"`
	Version   int          `json:"version"` // from 1
	Languages []string     `json:"languages"`
	Title     content.Text `json:"title"`
	Intro     content.Text `json:"intro"`     // Markdown
	Thanks    content.Text `json:"thanks"`    // Markdown, on the receipt page
	Anonymous bool         `json:"anonymous"` // fixed with the first published version
	Minutes   int          `json:"minutes"`   // estimated time; 0: see [Questionnaire.EstimatedMinutes]
	Opens     time.Time    `json:"opens"`     // UTC
	Closes    time.Time    `json:"closes"`    // UTC, zero: until closed by hand

	Access       string    `json:"access,omitempty"`        // one of Accesses, "" is open
	MaxResponses int       `json:"max_responses,omitempty"` // 0: no limit
	Quotas       []Quota   `json:"quotas,omitempty"`
	TimeLimit    int       `json:"time_limit,omitempty"` // seconds without input on a terminal or tablet before it begins anew; 0: the device's own
	Sections     []Section `json:"sections,omitempty"`
	Pages        []Page    `json:"pages"`
}

// Section is a part of the questionnaire that several pages belong to.
type Section struct {
	Code  string       `json:"code"`
	Title content.Text `json:"title"`
}

// Page is what is asked at one go.
type Page struct {
	Code    string         `json:"code"`
	Section string         `json:"section,omitempty"` // code
	Title   content.Text   `json:"title"`
	ShowIf  condition.Expr `json:"show_if,omitzero"`
	Random  bool           `json:"random,omitempty"` // the items come in random order, see [Page.Order]
	Items   []Item         `json:"items"`
}

// Item is one question. Code is the column heading of exports and never changes.
type Item struct {
	Code       string         `json:"code"` // ^[a-z][a-z0-9_]{0,39}$
	Type       Type           `json:"type"`
	Look       string         `json:"look,omitempty"`
	Text       content.Text   `json:"text"` // "{code}" stands for an earlier answer, see [Questionnaire.Pipe]
	Help       content.Text   `json:"help,omitempty"`
	Required   bool           `json:"required"`
	DontKnow   bool           `json:"dont_know,omitempty"` // offers "don't know"
	NoAnswer   bool           `json:"no_answer,omitempty"` // offers "no answer" as an answer of its own
	Personal   bool           `json:"personal,omitempty"`  // tells who answers; see [Item.IsPersonal]
	ShowIf     condition.Expr `json:"show_if,omitzero"`
	Options    []Option       `json:"options,omitempty"`
	Rows       []Option       `json:"rows,omitempty"`   // of a matrix
	Random     bool           `json:"random,omitempty"` // options or rows come in random order, see [Item.Order]
	MinChoices int            `json:"min_choices,omitempty"`
	MaxChoices int            `json:"max_choices,omitempty"` // 0: no limit; of uploads: 1
	Min        *float64       `json:"min,omitempty"`
	Max        *float64       `json:"max,omitempty"`
	Step       float64        `json:"step,omitempty"` // of numbers, counted from Min or 0; 0: any
	Integer    bool           `json:"integer,omitempty"`
	Unit       string         `json:"unit,omitempty"`
	MinLabel   content.Text   `json:"min_label,omitempty"` // of a scale's ends
	MaxLabel   content.Text   `json:"max_label,omitempty"`
	MaxLength  int            `json:"max_length,omitempty"` // characters; 0: 200 for text, 4000 for long text
	Earliest   string         `json:"earliest,omitempty"`   // YYYY-MM-DD of dates, HH:MM of times
	Latest     string         `json:"latest,omitempty"`
	Formula    condition.Expr `json:"formula,omitzero"` // of a calculated value
}

// Option is one choice, or one row of a matrix. Exclusive options ("none of
// these") stand alone; Other asks for a text.
type Option struct {
	Code      string         `json:"code"`
	Text      content.Text   `json:"text"`
	Exclusive bool           `json:"exclusive,omitempty"`
	Other     bool           `json:"other,omitempty"`
	Fixed     bool           `json:"fixed,omitempty"` // keeps its place in a random order
	Image     *Image         `json:"image,omitempty"`
	Place     *Place         `json:"place,omitempty"` // of a point's list
	ShowIf    condition.Expr `json:"show_if,omitzero"`
}

// Image is a picture of an option. Alt says what is to be seen; "" when the
// option's text says it all.
type Image struct {
	Name string       `json:"name"` // content-addressed: 64 hexadecimal digits and .jpg or .png
	Alt  content.Text `json:"alt,omitempty"`
}

// Place is where something is: degrees in WGS 84.
type Place struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

// Quota limits how many responses of a kind are taken. When it is full, who
// would be of that kind is told so with Text and nothing is stored.
type Quota struct {
	Code   string         `json:"code"`
	When   condition.Expr `json:"when"`
	Limit  int            `json:"limit"`
	Reason content.Text   `json:"reason,omitempty"` // what people of a full quota are told
}

// Answers maps the names of variables to values: string, []string or float64, as
// the item's type says. A missing key means not answered; "code?" holds a mark
// ([DontKnow], [Declined]). Its JSON (sorted keys) is canonical.
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
	Seed     int    // of the random order, 0 to MaxSeed
	Answers  Answers

	// Personal says that the answers to personal questions are among Answers; else
	// they were left out, if the survey asks any.
	Personal bool
}

// Items returns all items in the order asked, texts between questions included.
func (q Questionnaire) Items() []Item {
	var all []Item
	for _, p := range q.Pages {
		all = append(all, p.Items...)
	}
	return all
}

// Item returns an item by its code, nil when there is none.
func (q Questionnaire) Item(code string) *Item {
	for p := range q.Pages {
		for i := range q.Pages[p].Items {
			if it := &q.Pages[p].Items[i]; it.Code == code {
				return it
			}
		}
	}
	return nil
}

// OpenAt reports whether answers are taken at t.
func (q Questionnaire) OpenAt(t time.Time) bool {
	return !t.Before(q.Opens) && (q.Closes.IsZero() || t.Before(q.Closes))
}

// Named reports whether the storage knows that a pass was used: a code, an invitation,
// an account or the pass of somebody who came was needed.
func (q Questionnaire) Named() bool {
	switch q.Access {
	case AccessCode, AccessInvitation, AccessAccount, AccessAttendance:
		return true
	}
	return false
}

// Asks reports whether an item waits for an answer.
func (it *Item) Asks() bool { return it.Type != Info && it.Type != Calculated }

// IsMatrix reports whether the item has rows.
func (it *Item) IsMatrix() bool { return it.Type == MatrixSingle || it.Type == MatrixMultiple }

// IsPersonal reports whether answers tell who somebody is. They are kept apart
// and exported only to those who are cleared for them; an anonymous survey asks
// nothing personal.
func (it *Item) IsPersonal() bool { return it.Personal || it.Type == Email }

var yesNo = []Option{
	{Code: "yes", Text: content.Text{content.German: "Ja", content.English: "Yes", content.Easy: "Ja"}},
	{Code: "no", Text: content.Text{content.German: "Nein", content.English: "No", content.Easy: "Nein"}},
}

var consent = yesNo[:1]

// Choices are the options to choose from: those of the item, or yes and no.
// Callers do not change them.
func (it *Item) Choices() []Option {
	switch it.Type {
	case YesNo:
		return yesNo
	case Consent:
		return consent
	}
	return it.Options
}

// other is the option that asks for a text, nil when there is none.
func (it *Item) other() *Option {
	if it.Type != SingleChoice && it.Type != MultipleChoice {
		return nil
	}
	for i := range it.Options {
		if it.Options[i].Other {
			return &it.Options[i]
		}
	}
	return nil
}

// Parts of keys beside the codes of rows.
const (
	PartText    = "text"    // of an option that asks for a text
	PartPlace   = "place"   // of a point: chosen from its list
	PartAddress = "address" // of a point: in words
)

// Key names the variable of a part of an item.
func Key(item, part string) string { return item + "." + part }

// Mark is the key under which a variable's mark stands.
func Mark(key string) string { return key + "?" }

// Variable is one value of a response: what is a column in a sheet and what
// conditions speak of.
type Variable struct {
	Key    string // "code" or "code.part"
	Kind   condition.Kind
	Item   *Item
	Part   string  // "" or the part of the key
	Row    *Option // of a matrix
	Listed bool    // its value is out of Item.Choices
}

// Variables lists what an item adds to a response, none for a text between the
// questions.
func (it *Item) Variables() []Variable {
	main := Variable{Key: it.Code, Item: it, Kind: condition.Text}
	switch it.Type {
	case Info:
		return nil
	case MatrixSingle, MatrixMultiple:
		kind := condition.Text
		if it.Type == MatrixMultiple {
			kind = condition.List
		}
		list := make([]Variable, len(it.Rows))
		for i := range it.Rows {
			row := &it.Rows[i]
			list[i] = Variable{Key: Key(it.Code, row.Code), Kind: kind, Item: it, Part: row.Code, Row: row, Listed: true}
		}
		return list
	case Point:
		return []Variable{main,
			{Key: Key(it.Code, PartPlace), Item: it, Kind: condition.Text, Part: PartPlace, Listed: true},
			{Key: Key(it.Code, PartAddress), Item: it, Kind: condition.Text, Part: PartAddress},
		}
	case MultipleChoice, Ranking:
		main.Kind, main.Listed = condition.List, true
	case File, Photo:
		main.Kind = condition.List
	case Scale, Number, Calculated:
		main.Kind = condition.Number
	case SingleChoice, YesNo, District, Consent:
		main.Listed = true
	}
	if it.other() != nil {
		return []Variable{main, {Key: Key(it.Code, PartText), Item: it, Kind: condition.Text, Part: PartText}}
	}
	return []Variable{main}
}

// Variables lists all variables in the order asked.
func (q Questionnaire) Variables() []Variable {
	var all []Variable
	for p := range q.Pages {
		for i := range q.Pages[p].Items {
			all = append(all, q.Pages[p].Items[i].Variables()...)
		}
	}
	return all
}

// itemOf is the code of the item that a key belongs to.
func itemOf(key string) string {
	code, _, _ := strings.Cut(strings.TrimSuffix(key, "?"), ".")
	return code
}
