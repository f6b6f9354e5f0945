package participation

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// Tablets at a counter answer surveys without the network: one page of ours holds
// the whole questionnaire, a service worker keeps it, and finished responses wait
// in the browser's IndexedDB until PUT /api/v1/surveys/{slug}/responses/{uuid} has
// acknowledged them. The script is site/assets/js/tablet.js.

// tabletSeeds is how many random orders a tablet has in store. One of them is
// drawn for every person.
const tabletSeeds = 32

// tabletWorker is the service worker. It may see to the pages of all languages.
//
//go:embed tabletworker.js
var tabletWorker []byte

func (pt *Participation) bindTablets(se *core.ServeEvent) {
	pt.p.RoutePublic(se, "GET", "/tablet/{$}", pt.showTablet)
	pt.p.RoutePublic(se, "GET", "/tablet/umfragen/{slug}/{$}", pt.showTabletSurvey)
	pt.p.Route(se, "GET", "/tablet/worker.js", func(e *core.RequestEvent) error {
		h := e.Response.Header()
		h.Set("Service-Worker-Allowed", "/")
		h.Set("Cache-Control", "no-cache")
		return e.Blob(http.StatusOK, "text/javascript; charset=utf-8", tabletWorker)
	})
	pt.p.Route(se, "GET", "/schalter/tablet/{$}", pt.showOutbox, base.Need(base.Counter, base.Planner, base.Admin))
}

// onTablet leads a browser that is not paired as a tablet to the pairing; ok is
// false when it did.
func (pt *Participation) onTablet(e *core.RequestEvent) (ok bool, err error) {
	kind, err := pt.device(e.Request)
	if err != nil || kind == kindTablet {
		return err == nil, err
	}
	return false, seeOther(e, "/geraet/")
}

// tabletRefusal says why a survey cannot be asked on a tablet without the network.
func tabletRefusal(q *survey.Questionnaire) error {
	if q.Named() {
		return base.Refuse(http.StatusConflict, "survey_not_on_tablet")
	}
	for _, it := range q.Items() {
		if isUpload(&it) && it.Required {
			return base.Refuse(http.StatusConflict, "survey_tablet_uploads")
		}
	}
	return nil
}

func isUpload(it *survey.Item) bool { return it.Type == survey.File || it.Type == survey.Photo }

// showTablet lists what a tablet may ask now.
func (pt *Participation) showTablet(e *core.RequestEvent) error {
	if ok, err := pt.onTablet(e); !ok {
		return err
	}
	slugs, err := pt.surveys.live()
	if err != nil {
		return err
	}
	lang := base.Lang(e.Request)
	type line struct {
		Slug  string
		Title phrase
	}
	var lines []line
	for _, slug := range slugs {
		q, err := pt.surveys.find(slug)
		if err != nil {
			return err
		}
		if q.open(pt.p.Now()) == nil && tabletRefusal(&q.Questionnaire) == nil {
			lines = append(lines, line{slug, phraseOf(q.Title, lang)})
		}
	}
	setup, err := pt.outboxWords(lang)
	if err != nil {
		return err
	}
	return pt.p.Show(e, http.StatusOK, templates, "tablet-home", base.View{
		Title: pt.p.Words.In(lang, "participation.tablet_home"), Data: map[string]any{"Surveys": lines, "Setup": setup},
	})
}

// showOutbox is the page on which staff at a tablet see what it has in store. All
// of it is in the browser; the server does not know it.
func (pt *Participation) showOutbox(e *core.RequestEvent) error {
	setup, err := pt.outboxWords(content.German)
	if err != nil {
		return err
	}
	return pt.p.Show(e, http.StatusOK, templates, "staff-tablet", base.View{
		Title: pt.p.Words.In(content.German, "staff.tablet.title"), Data: map[string]any{"Setup": setup},
	})
}

// outboxWords is the setup of pages without questions.
func (pt *Participation) outboxWords(lang string) (string, error) {
	words := map[string]string{}
	for _, key := range []string{"waiting", "refused"} {
		words[key] = pt.p.Words.In(lang, "participation.tablet_"+key)
	}
	for _, key := range []string{"again", "save", "delete", "reason", "unknown_reason"} {
		words[key] = pt.p.Words.In(lang, "staff.tablet."+key)
	}
	b, err := json.Marshal(map[string]any{"words": words})
	return string(b), err
}

// tabletSetup is what the script must know of a questionnaire besides its HTML.
type tabletSetup struct {
	Slug     string            `json:"slug"`
	Version  int               `json:"version"`
	Language string            `json:"language"`
	Idle     int               `json:"idle"`             // seconds without input
	Closes   string            `json:"closes,omitempty"` // RFC 3339
	Paths    []string          `json:"paths"`            // this page in every language
	Pages    []tabletSetupPage `json:"pages"`
	Orders   []tabletOrder     `json:"orders"`
	Words    map[string]string `json:"words"`
}

type tabletSetupPage struct {
	ShowIf json.RawMessage `json:"show_if,omitempty"`
	Items  []tabletItem    `json:"items"`
}

// tabletItem is an item as survey.Item has it, with texts in one language.
type tabletItem struct {
	Code       string          `json:"code"`
	Type       survey.Type     `json:"type"`
	Text       string          `json:"text"`
	Needed     string          `json:"needed,omitempty"` // said when a required answer is missing
	Required   bool            `json:"required,omitempty"`
	DontKnow   bool            `json:"dont_know,omitempty"`
	NoAnswer   bool            `json:"no_answer,omitempty"`
	ShowIf     json.RawMessage `json:"show_if,omitempty"`
	Formula    json.RawMessage `json:"formula,omitempty"`
	Options    []tabletOption  `json:"options,omitempty"`
	Rows       []tabletOption  `json:"rows,omitempty"`
	MinChoices int             `json:"min_choices,omitempty"`
	MaxChoices int             `json:"max_choices,omitempty"`
	Min        *float64        `json:"min,omitempty"`
	Max        *float64        `json:"max,omitempty"`
	Step       float64         `json:"step,omitempty"`
	Integer    bool            `json:"integer,omitempty"`
	Unit       string          `json:"unit,omitempty"`
	MaxLength  int             `json:"max_length,omitempty"`
	Earliest   string          `json:"earliest,omitempty"`
	Latest     string          `json:"latest,omitempty"`
}

type tabletOption struct {
	Code      string          `json:"code"`
	Text      string          `json:"text"`
	Exclusive bool            `json:"exclusive,omitempty"`
	Other     bool            `json:"other,omitempty"`
	ShowIf    json.RawMessage `json:"show_if,omitempty"`
}

// tabletOrder is what one seed makes of everything that comes in random order:
// codes.
type tabletOrder struct {
	Seed  int                 `json:"seed"`
	Pages map[int][]string    `json:"pages,omitempty"` // by index
	Items map[string][]string `json:"items,omitempty"`
}

type tabletView struct {
	Slug      string
	Survey    phrase
	Intro     template.HTML
	IntroLang string
	Thanks    template.HTML
	ThanksTag string // lang attribute
	Minutes   int
	Stored    phrase // what becomes of answers
	Speaks    bool
	Pages     []tabletPage
	LeftOut   []phrase // questions that need the server
	Setup     string
	Languages []languageView
}

type tabletPage struct {
	Heading phrase
	HTML    template.HTML
}

// showTabletSurvey gives a whole questionnaire in one page.
func (pt *Participation) showTabletSurvey(e *core.RequestEvent) error {
	if ok, err := pt.onTablet(e); !ok {
		return err
	}
	q, err := pt.openSurvey(e)
	if err != nil {
		return err
	}
	if err := tabletRefusal(&q.Questionnaire); err != nil {
		return err
	}
	e.Auth = nil // the page is kept by the tablet: no menu of whoever set it up
	lang := base.Lang(e.Request)
	asked, leftOut := withoutUploads(q.Questionnaire, lang)
	v := tabletView{
		Slug: q.Slug, Survey: phraseOf(q.Title, lang), Minutes: q.EstimatedMinutes(), Stored: storedText(q.Questionnaire, lang),
		Speaks: speaks(q.Questionnaire, lang), LeftOut: leftOut,
	}
	if v.Intro, v.IntroLang, err = markdown(q.Intro, lang); err != nil {
		return err
	}
	if v.Thanks, v.ThanksTag, err = markdown(q.Thanks, lang); err != nil {
		return err
	}
	for i := range asked.Pages {
		shown, err := pt.renderItems(sheet{q: &asked, page: i, lang: lang, live: true, offline: true})
		if err != nil {
			return err
		}
		v.Pages = append(v.Pages, tabletPage{phraseOf(asked.Pages[i].Title, lang), shown.HTML})
	}
	for _, l := range content.Languages {
		if l != lang && speaks(q.Questionnaire, l) {
			v.Languages = append(v.Languages, languageView{base.Prefix(l) + "/tablet/umfragen/" + q.Slug + "/", pt.p.Words.In(l, "participation.this_language"), content.Locale(l)})
		}
	}
	setup, err := json.Marshal(pt.tabletSetup(&asked, lang))
	if err != nil {
		return err
	}
	v.Setup = string(setup)
	return pt.p.Show(e, http.StatusOK, templates, "tablet", base.View{Title: v.Survey.Text, Data: v})
}

// withoutUploads leaves out the questions for files, which cannot wait in a
// browser, and names them.
func withoutUploads(q survey.Questionnaire, lang string) (survey.Questionnaire, []phrase) {
	var leftOut []phrase
	q.Pages = slices.Clone(q.Pages)
	for i := range q.Pages {
		q.Pages[i].Items = slices.DeleteFunc(slices.Clone(q.Pages[i].Items), func(it survey.Item) bool {
			if isUpload(&it) {
				leftOut = append(leftOut, phraseOf(it.Text, lang))
			}
			return isUpload(&it)
		})
	}
	return q, leftOut
}

// tabletProblems are the sentences that the script says by itself.
var tabletProblems = []string{
	"required", "unknown_option", "exclusive", "too_few", "too_many", "too_small", "too_large", "not_integer", "not_step", "not_number",
	"ambiguous_number", "not_date", "not_time", "too_early", "too_late", "too_long", "not_text", "not_email", "not_point", "mark_and_answer",
	"nothing_answered",
}

func (pt *Participation) tabletSetup(q *survey.Questionnaire, lang string) tabletSetup {
	s := tabletSetup{Slug: q.Slug, Version: q.Version, Language: lang, Idle: q.TimeLimit, Words: map[string]string{}}
	if s.Idle == 0 {
		s.Idle = defaultLimit
	}
	if !q.Closes.IsZero() {
		s.Closes = q.Closes.UTC().Format("2006-01-02T15:04:05Z")
	}
	for _, l := range content.Languages {
		s.Paths = append(s.Paths, base.Prefix(l)+"/tablet/umfragen/"+q.Slug+"/")
	}
	for _, code := range tabletProblems {
		s.Words["problem-"+code] = pt.p.Words.In(lang, "problem."+code)
	}
	for _, key := range []string{"up", "down", "rank_off", "rank_add", "nothing_ranked", "to_rank", "ranked_now", "ranked_no_more", "progress",
		"tablet_waiting", "tablet_refused", "tablet_not_stored", "tablet_closed"} {
		s.Words[key] = pt.p.Words.In(lang, "participation."+key)
	}
	s.Words["waiting"], s.Words["refused"] = s.Words["tablet_waiting"], s.Words["tablet_refused"]
	for i := range q.Pages {
		p := &q.Pages[i]
		page := tabletSetupPage{Items: []tabletItem{}}
		if !p.ShowIf.IsZero() {
			page.ShowIf = json.RawMessage(p.ShowIf.String())
		}
		for j := range p.Items {
			page.Items = append(page.Items, pt.tabletItem(&p.Items[j], lang))
		}
		s.Pages = append(s.Pages, page)
	}
	s.Orders = tabletOrders(q)
	return s
}

func (pt *Participation) tabletItem(it *survey.Item, lang string) tabletItem {
	text, _ := it.Text.In(lang)
	t := tabletItem{
		Code: it.Code, Type: it.Type, Text: text, Required: it.Required, DontKnow: it.DontKnow, NoAnswer: it.NoAnswer,
		MinChoices: it.MinChoices, MaxChoices: it.MaxChoices, Min: it.Min, Max: it.Max, Step: it.Step, Unit: it.Unit,
		Integer: it.Integer || it.Type == survey.Scale, MaxLength: it.TextLimit(), Earliest: it.Earliest, Latest: it.Latest,
		Options: tabletOptions(it.Choices(), lang), Rows: tabletOptions(it.Rows, lang),
	}
	if it.Required {
		t.Needed = pt.sayFault(it, content.Problem{Field: it.Code, Code: "required"}, lang)
	}
	if !it.ShowIf.IsZero() {
		t.ShowIf = json.RawMessage(it.ShowIf.String())
	}
	if !it.Formula.IsZero() {
		t.Formula = json.RawMessage(it.Formula.String())
	}
	return t
}

func tabletOptions(options []survey.Option, lang string) (list []tabletOption) {
	for i := range options {
		o := &options[i]
		text, _ := o.Text.In(lang)
		t := tabletOption{Code: o.Code, Text: text, Exclusive: o.Exclusive, Other: o.Other}
		if !o.ShowIf.IsZero() {
			t.ShowIf = json.RawMessage(o.ShowIf.String())
		}
		list = append(list, t)
	}
	return list
}

// tabletOrders works out the orders for some seeds, the same ones in every
// language: who changes the language keeps the order. Without anything random
// there is one, of seed 0.
func tabletOrders(q *survey.Questionnaire) []tabletOrder {
	if !shuffles(q) {
		return []tabletOrder{{}}
	}
	orders := make([]tabletOrder, tabletSeeds)
	for n := range orders {
		o := tabletOrder{Seed: (n*2039 + 1009) % (survey.MaxSeed + 1), Pages: map[int][]string{}, Items: map[string][]string{}}
		for i := range q.Pages {
			p := &q.Pages[i]
			if p.Random {
				for _, j := range p.Order(o.Seed) {
					o.Pages[i] = append(o.Pages[i], p.Items[j].Code)
				}
			}
			for j := range p.Items {
				it := &p.Items[j]
				if !it.Random {
					continue
				}
				list := it.Choices()
				if it.IsMatrix() {
					list = it.Rows
				}
				for _, k := range it.Order(o.Seed) {
					o.Items[it.Code] = append(o.Items[it.Code], list[k].Code)
				}
			}
		}
		orders[n] = o
	}
	return orders
}
