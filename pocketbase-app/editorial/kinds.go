package editorial

import (
	"encoding/json"
	"slices"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"

	"github.com/pocketbase/pocketbase/core"
)

// Kind is one kind of content: a collection of the shape that migration
// 1790000200 gives it, and how its documents are edited. A new kind is one entry
// in [Kinds], its list of fields, and the words "staff.kind.<name>".
type Kind struct {
	Name   string // collection: "guides"
	Path   string // below /redaktion/; "" has no pages of its own
	Site   string // address on the public site with {slug}; "" has none
	Title  string // where the title stands in the document
	Dated  bool   // the document has the members published and updated
	Blank  document
	Fields []field

	// audit looks at a canonical document once more before editors publish it.
	audit func(raw []byte) (content.Problems, error)
	// later tells problems that stop a document only from being published; nil: none.
	later func(content.Problem) bool
	// prepare changes a document in the transaction that publishes it.
	prepare func(publication) error
	// decode reads a document strictly and returns its canonical JSON and what
	// stands against publishing it. An error means that it is no such document.
	decode func(raw []byte) (json.RawMessage, content.Problems, error)
}

// publication is a document on its way to the site, inside its transaction.
type publication struct {
	d     *Editorial
	tx    core.App
	kind  *Kind
	actor string
	doc   document
	live  document // what the site shows so far, nil when nothing
}

// Kinds lists all kinds of content, in the order of the dashboard.
var Kinds = []*Kind{
	kindOf(Kind{Name: "guides", Path: "leistungen", Site: "/leistungen/{slug}/", Title: "texts.de.title", Dated: true, Fields: guideFields}, content.Guide.Check),
	kindOf(Kind{Name: "events", Path: "veranstaltungen", Site: "/veranstaltungen/{slug}/", Title: "texts.de.title", Dated: true, Fields: eventFields,
		Blank: document{"precision": content.ToMinute, "free": true}, prepare: raiseSequence}, content.Event.Check),
	kindOf(Kind{Name: "surveys", Path: "umfragen", Site: "/umfragen/{slug}/", Title: "title.de", Fields: surveyFields,
		Blank: document{"languages": []any{content.German}, "anonymous": true, "pages": []any{}}, later: inQuestions, audit: publishable, prepare: newVersion}, survey.Questionnaire.Validate),
	kindOf(Kind{Name: "calls", Path: "aufrufe", Site: "/ideen/{slug}/", Title: "title.de", Fields: callFields,
		Blank: document{"access": "open", "anonymous": true}}, content.Call.Check),
	kindOf(Kind{Name: "pages", Path: "seiten", Site: "/{slug}/", Title: "texts.de.title", Fields: pageFields}, content.Page.Check),
	kindOf(Kind{Name: "providers", Path: "partner", Site: "/partner/{slug}/", Title: "name", Fields: providerFields}, content.Provider.Check),
	kindOf(Kind{Name: "topics", Path: "themen", Site: "/themen/{slug}/", Title: "name.de", Fields: topicFields}, content.Topic.Check),
	kindOf(Kind{Name: "districts", Title: "name"}, content.District.Check),
}

// kindNamed finds a kind by the name of its collection.
func kindNamed(name string) *Kind {
	for _, k := range Kinds {
		if k.Name == name {
			return k
		}
	}
	panic("editorial: no kind " + name)
}

func kindOf[T any](k Kind, check func(T) content.Problems) *Kind {
	k.decode = func(raw []byte) (json.RawMessage, content.Problems, error) {
		var v T
		dec := json.NewDecoder(strings.NewReader(string(raw)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&v); err != nil {
			return nil, nil, err
		}
		canonical, err := json.Marshal(v)
		return canonical, check(v), err
	}
	return &k
}

// address is where the site shows a document, below the prefix of a language.
func (k *Kind) address(prefix, slug string) string {
	if k.Name == "pages" {
		if path, fixed := content.PagePaths[slug]; fixed {
			slug = path
		}
		return prefix + strings.TrimSuffix("/"+slug, "/") + "/"
	}
	return prefix + strings.ReplaceAll(k.Site, "{slug}", slug)
}

// types of fields: what the form shows and how the document holds it.
const (
	asLine     = "line"     // string, one line
	asText     = "text"     // string, plain, several lines
	asMarkdown = "markdown" // string
	asNumber   = "number"   // whole number
	asCents    = "cents"    // whole number of cents, shown as euros
	asFlag     = "flag"     // bool
	asChoice   = "choice"   // string out of options
	asChoices  = "choices"  // list out of options
	asMoment   = "moment"   // time, shown as date and time in Berlin
	asList     = "list"     // list of strings, separated by commas
	asJSON     = "json"     // anything, edited as JSON
	asRows     = "rows"     // list of objects with Columns
)

// field is one field of an edit page. Path leads through the JSON of the
// document; {lang} in it stands for the language of the page, and a field
// without it appears on the German page only.
type field struct {
	Path     string
	Type     string
	Required bool
	Options  []string // codes; their words are "staff.option.<name>.<code>"
	Source   string   // options are the slugs of this kind
	Group    string   // this field begins a section of the page: "staff.group.<name>"
	Word     string   // key of the words when it is not the name
	Columns  []field  // of rows; their paths begin in the row
}

func (f field) in(lang string) string { return strings.ReplaceAll(f.Path, "{lang}", lang) }
func (f field) perLanguage() bool {
	return strings.Contains(f.Path, "{lang}") || slices.ContainsFunc(f.Columns, field.perLanguage)
}
func (f field) shown(lang string) bool { return f.perLanguage() || lang == content.German }

// name is the last part of the path, the key of the field's words.
func (f field) name() string {
	if f.Word != "" {
		return f.Word
	}
	path := strings.TrimSuffix(f.Path, ".{lang}")
	return path[strings.LastIndex(path, ".")+1:]
}

var guideFields = []field{
	{Path: "texts.{lang}.title", Type: asLine, Required: true, Group: "core"},
	{Path: "texts.{lang}.short", Type: asText, Required: true},
	{Path: "texts.{lang}.full", Type: asMarkdown},
	{Path: "texts.{lang}.requirements", Type: asMarkdown, Group: "conditions"},
	{Path: "texts.{lang}.documents", Type: asMarkdown},
	{Path: "texts.{lang}.fees", Type: asMarkdown, Group: "money"},
	{Path: "texts.{lang}.deadlines", Type: asMarkdown},
	{Path: "texts.{lang}.duration", Type: asMarkdown},
	{Path: "texts.{lang}.legal_basis", Type: asMarkdown, Group: "way"},
	{Path: "texts.{lang}.procedure", Type: asMarkdown},
	{Path: "texts.{lang}.forms", Type: asMarkdown},
	{Path: "texts.{lang}.office", Type: asMarkdown},
	{Path: "provider", Type: asChoice, Required: true, Source: "providers", Group: "place"},
	{Path: "topic", Type: asChoice, Required: true, Source: "topics"},
	{Path: "channels", Type: asChoices, Required: true, Options: content.Channels},
	{Path: "leika", Type: asLine, Group: "keys"},
	{Path: "fee_cents", Type: asCents},
	{Path: "min_age", Type: asNumber},
	{Path: "eid", Type: asFlag},
	{Path: "order", Type: asNumber},
	{Path: "questions", Type: asJSON, Group: "questions"},
}

var eventFields = []field{
	{Path: "texts.{lang}.title", Type: asLine, Required: true, Group: "core"},
	{Path: "texts.{lang}.summary", Type: asText},
	{Path: "texts.{lang}.body", Type: asMarkdown},
	{Path: "kind", Type: asChoice, Required: true, Options: content.EventKinds, Group: "when"},
	{Path: "start", Type: asMoment, Required: true},
	{Path: "end", Type: asMoment},
	{Path: "precision", Type: asChoice, Required: true, Options: []string{content.ToMinute, content.ToDay, content.ToMonth}},
	{Path: "cancelled", Type: asFlag},
	{Path: "reason.{lang}", Type: asText},
	{Path: "place", Type: asLine, Group: "where"},
	{Path: "room", Type: asLine},
	{Path: "district", Type: asChoice, Source: "districts"},
	{Path: "online", Type: asFlag},
	{Path: "stream", Type: asLine},
	{Path: "languages", Type: asChoices, Options: content.EventLanguages, Word: "spoken", Group: "reach"},
	{Path: "sign_language", Type: asFlag},
	{Path: "access", Type: asChoices, Options: content.Accesses, Word: "step_free"},
	{Path: "organiser", Type: asLine, Group: "who"},
	{Path: "provider", Type: asChoice, Source: "providers"},
	{Path: "topic", Type: asChoice, Source: "topics"},
	{Path: "series", Type: asLine},
	{Path: "audience", Type: asList},
	{Path: "people", Type: asRows, Word: "person", Group: "programme", Columns: []field{
		{Path: "name", Type: asLine, Required: true},
		{Path: "role", Type: asChoice, Options: content.PersonRoles},
		{Path: "organisation", Type: asLine},
		{Path: "url", Type: asLine},
	}},
	{Path: "programme", Type: asRows, Word: "part", Columns: []field{
		{Path: "time", Type: asLine},
		{Path: "title.{lang}", Type: asLine, Required: true},
		{Path: "who", Type: asLine},
	}},
	{Path: "materials", Type: asRows, Word: "material", Columns: []field{
		{Path: "title.{lang}", Type: asLine, Required: true},
		{Path: "url", Type: asLine, Required: true},
		{Path: "from", Type: asChoice, Options: content.MaterialTimes},
	}},
	{Path: "recording", Type: asLine},
	{Path: "free", Type: asFlag, Group: "booking"},
	{Path: "prices", Type: asRows, Word: "price", Columns: []field{
		{Path: "code", Type: asLine, Required: true},
		{Path: "label.{lang}", Type: asLine, Required: true},
		{Path: "cents", Type: asCents},
	}},
	{Path: "pools", Type: asRows, Word: "pool", Columns: []field{
		{Path: "code", Type: asLine, Required: true},
		{Path: "size", Type: asNumber, Required: true},
		{Path: "label.{lang}", Type: asLine},
		{Path: "kind", Type: asChoice, Options: content.PoolKinds[1:]},
		{Path: "companion_of", Type: asLine},
		{Path: "release_hours", Type: asNumber},
		{Path: "held_back", Type: asFlag},
	}},
	{Path: "booking.opens", Type: asMoment, Word: "booking_opens", Group: "rules"},
	{Path: "booking.closes", Type: asMoment, Word: "booking_closes"},
	{Path: "booking.cancel_until", Type: asMoment},
	{Path: "booking.approval", Type: asFlag},
	{Path: "booking.max_places", Type: asNumber},
	{Path: "booking.waiting_list", Type: asFlag},
	{Path: "booking.offer_hours", Type: asNumber},
	{Path: "booking.block_minutes", Type: asNumber},
	{Path: "booking.ask", Type: asRows, Word: "ask", Columns: []field{
		{Path: "code", Type: asLine, Required: true},
		{Path: "label.{lang}", Type: asLine, Required: true},
		{Path: "type", Type: asChoice, Options: content.AskedTypes},
		{Path: "options.{lang}", Type: asText},
		{Path: "required", Type: asFlag},
	}},
	{Path: "survey", Type: asChoice, Source: "surveys", Group: "afterwards"},
}

var surveyFields = []field{
	{Path: "title.{lang}", Type: asLine, Required: true, Group: "core"},
	{Path: "intro.{lang}", Type: asMarkdown},
	{Path: "thanks.{lang}", Type: asMarkdown},
	{Path: "languages", Type: asChoices, Required: true, Options: content.Languages, Group: "run"},
	{Path: "opens", Type: asMoment},
	{Path: "closes", Type: asMoment},
	{Path: "minutes", Type: asNumber},
	{Path: "anonymous", Type: asFlag, Group: "access"},
	{Path: "access", Type: asChoice, Options: survey.Accesses},
	{Path: "max_responses", Type: asNumber},
	{Path: "time_limit", Type: asNumber},
}

// inQuestions tells problems of the questions, which are written step by step
// ([Editorial.Bind]: /fragen/), from those of the settings.
func inQuestions(p content.Problem) bool {
	part, _, _ := strings.Cut(p.Field, ".")
	return part == "pages" || part == "sections" || part == "quotas"
}

var callFields = []field{
	{Path: "title.{lang}", Type: asLine, Required: true, Group: "core"},
	{Path: "intro.{lang}", Type: asMarkdown, Required: true},
	{Path: "topics", Type: asChoices, Required: true, Source: "topics", Group: "run"},
	{Path: "opens", Type: asMoment},
	{Path: "closes", Type: asMoment},
	{Path: "access", Type: asChoice, Required: true, Options: content.CallAccesses},
	{Path: "anonymous", Type: asFlag},
}

var pageFields = []field{
	{Path: "texts.{lang}.title", Type: asLine, Required: true, Group: "core"},
	{Path: "texts.{lang}.summary", Type: asText},
	{Path: "texts.{lang}.body", Type: asMarkdown},
	{Path: "order", Type: asNumber, Group: "place"},
}

var providerFields = []field{
	{Path: "name", Type: asLine, Required: true, Group: "core"},
	{Path: "about.{lang}", Type: asMarkdown},
	{Path: "kind", Type: asLine, Group: "place"},
	{Path: "topic", Type: asChoice, Source: "topics"},
	{Path: "order", Type: asNumber},
}

var topicFields = []field{
	{Path: "name.{lang}", Type: asLine, Required: true, Group: "core"},
	{Path: "about.{lang}", Type: asText},
	{Path: "order", Type: asNumber, Group: "place"},
}
