// Package content holds the words of the platform and their rules: providers,
// topics, districts, guides, events and pages, each in German and in whatever
// other languages editors have written.
//
// It does no I/O beyond embedded files and knows nothing of databases, HTTP or
// Hugo. A [Catalogue] is everything that is published at one moment; [Render]
// turns editors' Markdown into safe HTML; the Check methods say which field is
// wrong and why as [Problems].
package content

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Languages of the public pages, in the order of the language switch. The keys
// are Hugo's; [Locale] gives the BCP 47 tag for the lang attribute.
const (
	German  = "de"
	English = "en"
	Easy    = "ls" // Leichte Sprache, locale de-simple
)

// Languages lists the languages a text may be written in; German comes first
// because every published text exists in it.
var Languages = []string{German, English, Easy}

// Locale gives the value of the lang attribute for a language key.
func Locale(lang string) string {
	if lang == Easy {
		return "de-simple"
	}
	return lang
}

// Text is one short text in several languages: language key → plain text or
// Markdown, as the field says.
type Text map[string]string

// In returns the text in lang, or else in German, and the language it is in.
func (t Text) In(lang string) (text, used string) {
	if s := t[lang]; s != "" {
		return s, lang
	}
	return t[German], German
}

// Slug is what may stand in an address: lower-case ASCII letters, digits, hyphens.
var slugPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// IsSlug reports whether s may be the slug of a page (at most 80 bytes).
func IsSlug(s string) bool { return len(s) <= 80 && slugPattern.MatchString(s) }

// IsName reports whether people can read s as somebody's name: it holds a letter
// or a digit, and no marks that turn the direction of writing around (Unicode
// UAX #9), with which a name could pass for another one in mails and lists.
func IsName(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) &&
		!strings.ContainsFunc(s, func(r rune) bool { return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' })
}

// Berlin is the time zone of everything that citizens read and staff enter.
var Berlin = mustLocation("Europe/Berlin")

func mustLocation(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // the tzdata is embedded by package main
	}
	return loc
}

// Provider is a partner of the Service Point: the city or one of its companies.
type Provider struct {
	Slug  string `json:"slug"`
	Name  string `json:"name"`
	Kind  string `json:"kind"`  // Stadtverwaltung, Eigenbetrieb, Gesellschaft
	Topic string `json:"topic"` // slug
	About Text   `json:"about"` // Markdown
	Order int    `json:"order"`
}

// Topic groups guides and events: Energie, Mobilität, …
type Topic struct {
	Slug  string `json:"slug"`
	Name  Text   `json:"name"`
	About Text   `json:"about"` // one sentence, plain text
	Order int    `json:"order"`
}

// District is one of the 23 Ortsbezirke.
type District struct {
	Slug string `json:"slug"`
	Name string `json:"name"`
}

// Guide describes one service after the modules of German service descriptions
// (FIM Leistungsbeschreibung, XZuFi).
type Guide struct {
	Slug     string   `json:"slug"`
	Provider string   `json:"provider"` // slug
	Topic    string   `json:"topic"`    // slug
	LeiKa    string   `json:"leika"`    // 14 digits (LeiKa key) or empty
	Channels []string `json:"channels"` // counter, terminal, case, booking, listing, info, dokbox
	EID      bool     `json:"eid"`      // usable with the online identity card function
	FeeCents *int     `json:"fee_cents,omitempty"`
	MinAge   int      `json:"min_age,omitempty"`
	Order    int      `json:"order"`

	Texts map[string]GuideText `json:"texts"` // by language

	// Questions are asked in addition to name, e-mail and message when a citizen
	// sends a request from this guide; only used with the channel "case".
	Questions []Question `json:"questions,omitempty"`

	Published time.Time `json:"published"` // set by publishing, UTC
	Updated   time.Time `json:"updated"`
}

// GuideText is a guide in one language. Title and Short are plain text, all
// other modules Markdown; an empty module is left out of the page.
type GuideText struct {
	Title        string `json:"title"`
	Short        string `json:"short"`
	Full         string `json:"full"`
	Requirements string `json:"requirements"`
	Documents    string `json:"documents"`
	Fees         string `json:"fees"`
	Deadlines    string `json:"deadlines"`
	Duration     string `json:"duration"`
	LegalBasis   string `json:"legal_basis"`
	Procedure    string `json:"procedure"`
	Forms        string `json:"forms"`
	Office       string `json:"office"`
}

// Question is one extra field of a request form.
type Question struct {
	Code     string   `json:"code"` // ^[a-z][a-z0-9_]*$
	Label    Text     `json:"label"`
	Help     Text     `json:"help,omitempty"`
	Type     string   `json:"type"` // text, number, date, choice
	Required bool     `json:"required"`
	Options  []Option `json:"options,omitempty"`
}

// Option is one choice of a [Question].
type Option struct {
	Code  string `json:"code"`
	Label Text   `json:"label"`
}

// Accepts reports whether the guide offers the channel.
func (g Guide) Accepts(channel string) bool { return slices.Contains(g.Channels, channel) }

// Precision tells how exactly a start is known: old events have a day or only a month.
const (
	ToMinute = "minute"
	ToDay    = "day"
	ToMonth  = "month"
)

// Event is one date that people can come to (schema.org Event, RFC 5545 VEVENT).
type Event struct {
	Slug      string    `json:"slug"`
	Kind      string    `json:"kind"` // see EventKinds
	Series    string    `json:"series"`
	Topic     string    `json:"topic"` // slug
	Audience  []string  `json:"audience"`
	Provider  string    `json:"provider"`  // slug, empty when a third party organises
	Organiser string    `json:"organiser"` // name as printed
	Place     string    `json:"place"`
	District  string    `json:"district"` // slug or empty
	Online    bool      `json:"online"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`       // zero when unknown
	Precision string    `json:"precision"` // of Start and End
	Free      bool      `json:"free"`      // no fee
	Cancelled bool      `json:"cancelled"`
	MovedFrom time.Time `json:"moved_from,omitzero"` // start before the last move; set by publishing
	Reason    Text      `json:"reason,omitempty"`    // why it is cancelled or moved, plain text
	Sequence  int       `json:"sequence"`            // RFC 5545 SEQUENCE: raised when start, end or place change

	Recurrence Recurrence `json:"recurrence,omitzero"` // of what recurs, one event per date

	Room         string   `json:"room,omitempty"`      // within Place, or how to find it
	Languages    []string `json:"languages,omitempty"` // spoken there, BCP 47; empty: German
	SignLanguage bool     `json:"sign_language,omitempty"`
	Access       []string `json:"access,omitempty"` // see Accesses
	// Stream is where those who booked a place watch; it is neither on the site nor in the API.
	Stream    string          `json:"stream,omitempty"`
	Recording string          `json:"recording,omitempty"` // address
	People    []Person        `json:"people,omitempty"`
	Programme []ProgrammeItem `json:"programme,omitempty"`
	Materials []Material      `json:"materials,omitempty"`
	Prices    []Price         `json:"prices,omitempty"` // categories; empty: see Free and the text

	Texts map[string]EventText `json:"texts"`
	Pools []Pool               `json:"pools"` // empty: no booking

	Booking Booking `json:"booking,omitzero"` // rules for Pools

	// Survey is the slug of the questionnaire for those who came, open to them alone (access
	// "attendance"); it is neither on the site nor in the API.
	Survey string `json:"survey,omitempty"`

	Published time.Time `json:"published"`
	Updated   time.Time `json:"updated"`
}

// EventKinds are the codes of event kinds; their names are words of the pages.
var EventKinds = []string{"lecture", "panel", "workshop", "advice", "tour", "exhibition", "livestream", "information", "participation", "assembly"}

// EventText is an event in one language: Title and Summary plain text, Body Markdown.
type EventText struct {
	Title   string `json:"title"`
	Summary string `json:"summary"`
	Body    string `json:"body"`
}

// Pool is a quota of places of one event: the room, the wheelchair places, …
type Pool struct {
	Code  string `json:"code"` // ^[a-z][a-z0-9-]*$
	Size  int    `json:"size"` // places, at least 1
	Label Text   `json:"label"`
	Kind  string `json:"kind,omitempty"` // see PoolKinds; empty: seats in the room
	// CompanionOf is the code of the pool whose guests may bring somebody along: at most
	// as many places of this pool as of that one in one booking.
	CompanionOf string `json:"companion_of,omitempty"`
	// HeldBack keeps the pool for the counter, the telephone and the door. ReleaseHours
	// before the start it is released to everybody; 0: never by itself.
	HeldBack     bool `json:"held_back,omitempty"`
	ReleaseHours int  `json:"release_hours,omitempty"`
}

// Kinds of pools. Who has a place of PoolStream watches from elsewhere.
const (
	PoolRoom       = ""
	PoolWheelchair = "wheelchair"
	PoolCompanion  = "companion"
	PoolStream     = "stream"
)

// PoolKinds are the kinds that an editor may choose.
var PoolKinds = []string{PoolRoom, PoolWheelchair, PoolCompanion, PoolStream}

// Booking is what an event asks of those who book places. The zero value takes
// bookings until the event is over, at once and without a waiting list.
type Booking struct {
	Opens       time.Time `json:"opens,omitzero"`        // zero: when published
	Closes      time.Time `json:"closes,omitzero"`       // zero: when the event is over
	CancelUntil time.Time `json:"cancel_until,omitzero"` // zero: until the event is over
	// Approval lets staff decide on every booking; it takes places meanwhile.
	Approval    bool `json:"approval,omitempty"`
	MaxPlaces   int  `json:"max_places,omitempty"` // in one booking; 0: 10
	WaitingList bool `json:"waiting_list,omitempty"`
	// OfferHours is how long a freed place is offered to one group of the waiting
	// list; 0: 24. No offer outlasts the start of the event.
	OfferHours int `json:"offer_hours,omitempty"`
	// BlockMinutes keeps cancelled places that nobody waits for from being booked, so that
	// they cannot be traded; 0: they are free at once.
	BlockMinutes int `json:"block_minutes,omitempty"`
	// Ask are the questions to every person as editors write them in the event's form.
	Ask []Asked `json:"ask,omitempty"`
	// Questions ask more than Ask can: a questionnaire (package survey) as JSON. They are
	// asked when Ask is empty.
	Questions json.RawMessage `json:"questions,omitempty"`
}

// Asked is a question to every person of a booking. The answer to a choice is the slug of the
// German option, so options may change places and be translated later.
type Asked struct {
	Code     string `json:"code"` // ^[a-z][a-z0-9_]{0,39}$
	Label    Text   `json:"label"`
	Type     string `json:"type,omitempty"`    // see AskedTypes; empty: one line of text
	Options  Text   `json:"options,omitempty"` // of choices, one in a line, in every language as many
	Required bool   `json:"required,omitempty"`
}

// What the answer to a question of a booking is.
const (
	AskedText    = "text"
	AskedLong    = "long_text"
	AskedYesNo   = "yes_no"
	AskedChoice  = "choice"
	AskedChoices = "choices"
)

// AskedTypes lists them for forms.
var AskedTypes = []string{AskedText, AskedLong, AskedYesNo, AskedChoice, AskedChoices}

// Lines are the options of a language, those in German when it has none of its own.
func (a Asked) Lines(lang string) []string {
	s, _ := a.Options.In(lang)
	var list []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// Offer is how long an offer to the waiting list stands.
func (b Booking) Offer() time.Duration {
	if b.OfferHours == 0 {
		return 24 * time.Hour
	}
	return time.Duration(b.OfferHours) * time.Hour
}

// Most is how many places one booking may have.
func (b Booking) Most() int {
	if b.MaxPlaces == 0 {
		return 10
	}
	return b.MaxPlaces
}

// Survey is what the static site says of a questionnaire; the questionnaire
// itself lives in content/survey.
type Survey struct {
	Slug    string    `json:"slug"`
	Title   Text      `json:"title"`
	Intro   Text      `json:"intro"` // Markdown
	Opens   time.Time `json:"opens"`
	Closes  time.Time `json:"closes"` // zero: open until closed by hand
	Items   int       `json:"items"`  // number of questions
	Minutes int       `json:"minutes"`
	Stored  Text      `json:"stored"` // what is stored of who takes part
	Updated time.Time `json:"updated"`
}

// Page is a page of its own: home, service-point, accessibility, imprint, privacy, …
type Page struct {
	Slug    string              `json:"slug"`
	Texts   map[string]PageText `json:"texts"`
	Order   int                 `json:"order"`
	Updated time.Time           `json:"updated"`
}

// PagePaths are the addresses, without slashes at their ends, of the pages that
// the frame of the site links to; they exist even when nobody has written them.
// Every other page stands at its slug.
var PagePaths = map[string]string{
	"home":          "",
	"service-point": "service-point",
	"accessibility": "barrierefreiheit",
	"imprint":       "impressum",
	"privacy":       "datenschutz",
}

// PageText is a page in one language: Title and Summary plain text, Body Markdown.
type PageText struct {
	Title   string `json:"title"`
	Summary string `json:"summary"`
	Body    string `json:"body"`
}

// Catalogue is everything that is published at one moment.
type Catalogue struct {
	Providers []Provider
	Topics    []Topic
	Districts []District
	Guides    []Guide
	Events    []Event
	Surveys   []Survey
	Calls     []Call
	Ideas     []Idea // released, and the addresses of merged ones
	Pages     []Page
	Results   []Results
	Origin    string    // https://service-point.example, no trailing slash
	Now       time.Time // decides what is archive and what is to come
}
