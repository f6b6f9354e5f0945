package site

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"servicepoint/content"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// record is one page as Hugo gets it. A page shows nothing but its own record,
// so that lists cost nothing per page and a preview needs no other page.
type record struct {
	Path    string `json:"path"` // without language prefix and outer slashes; "" is home
	Kind    string `json:"kind"` // page, section or home
	Title   string `json:"title"`
	Updated string `json:"updated,omitempty"` // RFC 3339 in Berlin time
	Layout  string `json:"layout,omitempty"`  // of the section; empty: by kind
	Params  any    `json:"params"`
}

// address is where the page is found, with language prefix.
func (r record) address(lang string) string {
	if r.Path == "" {
		return prefix(lang) + "/"
	}
	return prefix(lang) + "/" + r.Path + "/"
}

func prefix(lang string) string {
	if lang == content.German {
		return ""
	}
	return "/" + lang
}

// said is a text with the language it is in, empty when that is the page's own.
type said struct {
	Text string `json:"text"`
	Lang string `json:"lang,omitempty"`
}

// link leads to a page of ours.
type link struct {
	URL  string `json:"url"`
	Text string `json:"text"`
	Lang string `json:"lang,omitempty"`
	Note string `json:"note,omitempty"` // plain text below, in the language of Text
}

// head is what every page has. Param names are lower case: Hugo makes them so.
type head struct {
	Description string `json:"description,omitempty"`
	Lang        string `json:"lang,omitempty"` // of title and body when not the page's: text is shown in German
}

type homePage struct {
	head
	Summary string      `json:"summary"`
	Body    string      `json:"body"` // HTML
	Topics  []link      `json:"topics"`
	Guides  []link      `json:"guides"`
	Events  []eventLine `json:"events"`
	Surveys []surveyBox `json:"surveys"`
	Feed    []feedItem  `json:"feed"`
}

type textPage struct {
	head
	Summary string `json:"summary,omitempty"`
	Body    string `json:"body,omitempty"` // HTML
	Shell   bool   `json:"shell,omitempty"`
}

type groupedPage struct {
	head
	Groups []group `json:"groups"`
	Index  []group `json:"index,omitempty"` // A–Z
}

type group struct {
	ID    string      `json:"id"`
	Name  said        `json:"name"`
	URL   string      `json:"url,omitempty"`
	Links []link      `json:"links,omitempty"`
	Lines []eventLine `json:"lines,omitempty"`
}

type topicPage struct {
	head
	About  said        `json:"about"`
	Guides []link      `json:"guides"`
	Events []eventLine `json:"events"`
}

type providerPage struct {
	topicPage
	Kind string `json:"orgkind"`
	Body said   `json:"body"` // HTML
}

type guidePage struct {
	head
	Short    string            `json:"short"`
	Modules  map[string]string `json:"modules"`            // HTML by module; the layout knows the order
	Contents bool              `json:"contents,omitempty"` // enough modules for a list of them
	Topic    *link             `json:"topic,omitempty"`
	Provider *link             `json:"provider,omitempty"`
	Fee      string            `json:"fee,omitempty"`
	Free     bool              `json:"free,omitempty"`
	Duration string            `json:"duration,omitempty"`
	MinAge   int               `json:"minage,omitempty"`
	Channels []string          `json:"channels"` // suffixes of words: channel_counter, …
	EID      bool              `json:"eid,omitempty"`
	LeiKa    string            `json:"leika,omitempty"`
	Ask      string            `json:"ask,omitempty"` // address of the request form
	Updated  string            `json:"changed,omitempty"`
}

type eventsPage struct {
	head
	Archive bool       `json:"archive"`
	Months  []group    `json:"months"`
	Past    []group    `json:"pastyears,omitempty"` // of a view, by year
	Feed    []feedItem `json:"feed,omitempty"`
	View    string     `json:"view,omitempty"` // see [view]: the word view_… says what it is
	Name    said       `json:"viewname"`       // of the view
	ICS     string     `json:"ics,omitempty"`
	Webcal  string     `json:"webcal,omitempty"` // the same to subscribe to
	Filters []group    `json:"filters,omitempty"`
}

// eventLine is an event in a list.
type eventLine struct {
	URL       string `json:"url"`
	Title     string `json:"title"`
	Lang      string `json:"lang,omitempty"`
	When      string `json:"when"`
	ISO       string `json:"iso"` // for <time datetime>
	Day       string `json:"day,omitempty"`
	Month     string `json:"month"`
	Kind      string `json:"eventkind"` // suffix of the word kind_…
	Place     string `json:"place,omitempty"`
	Free      bool   `json:"free,omitempty"`
	Cancelled bool   `json:"cancelled,omitempty"`
	Moved     bool   `json:"moved,omitempty"`
	Online    bool   `json:"online,omitempty"`
}

type eventPage struct {
	head
	Line      eventLine `json:"line"`
	Summary   string    `json:"summary"`
	Body      string    `json:"body"` // HTML
	End       string    `json:"endiso,omitempty"`
	District  string    `json:"district,omitempty"`
	Organiser string    `json:"organiser,omitempty"`
	Provider  *link     `json:"provider,omitempty"`
	Topic     *link     `json:"topic,omitempty"`
	Audience  []link    `json:"audience,omitempty"`
	Series    *link     `json:"series,omitempty"`
	Past      bool      `json:"past,omitempty"`
	eventDetails
	Book string `json:"book,omitempty"` // address of the booking form
	ICS  string `json:"ics,omitempty"`
	LD   string `json:"ld"` // JSON-LD, safe inside a script element
}

type surveyBox struct {
	link
	Open    bool   `json:"open"`
	Items   int    `json:"items,omitempty"`
	Minutes int    `json:"minutes,omitempty"`
	Until   string `json:"until,omitempty"`
	From    string `json:"from,omitempty"`
}

type surveysPage struct {
	head
	Open   []surveyBox `json:"open"`
	Later  []surveyBox `json:"later"`
	Closed []surveyBox `json:"closed"`
}

type surveyPage struct {
	head
	surveyBox
	Intro  said   `json:"intro"` // HTML
	Stored said   `json:"stored"`
	Take   string `json:"take,omitempty"`
	Found  string `json:"found,omitempty"` // address of the results
	State  string `json:"state"`           // open, later, closed
}

type feedItem struct {
	URL  string `json:"url"`
	Text string `json:"text"`
	Note string `json:"note,omitempty"`
	When string `json:"when"` // RFC 3339
}

// shellPath is the address of the frame that the server fills.
const shellPath = "sp-shell"

// Sections of records, each a JSON file per language; a page may not take the
// address of one, nor of a dynamic route.
const (
	pagesSection     = "seiten"
	topicsSection    = "themen"
	guidesSection    = "leistungen"
	eventsSection    = "veranstaltungen"
	surveysSection   = "umfragen"
	providersSection = "partner"
)

const (
	archive   = "archiv"
	listing   = "liste"     // below the events and below each view: a page to be framed
	embedding = "einbetten" // how to frame it
)

// Bounds of lists that would otherwise grow with the content.
const (
	homeGuides = 9
	homeEvents = 4
	feedLength = 20
)

// edition is a catalogue in one language.
type edition struct {
	content.Catalogue
	lang  string
	words map[string]string
	html  *htmlCache

	topics    map[string]content.Topic
	providers map[string]content.Provider
	districts map[string]string
	coming    []content.Event // by start
	past      []content.Event // newest first
	problems  content.Problems
}

// records prepares all pages: language → section → records.
func (b *Builder) records(ctx context.Context, cat content.Catalogue) (map[string]map[string][]record, error) {
	if err := checkSlugs(cat).Err(); err != nil {
		return nil, err
	}
	cat = ordered(cat)
	coming, past := split(cat)
	all := make(map[string]map[string][]record)
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		fault error
		bad   content.Problems
	)
	for _, lang := range b.languages() {
		w, err := words(lang)
		if err != nil {
			return nil, err
		}
		e := &edition{
			Catalogue: cat, lang: lang, words: w, html: &b.html, coming: coming, past: past,
			topics: map[string]content.Topic{}, providers: map[string]content.Provider{}, districts: map[string]string{},
		}
		for _, t := range cat.Topics {
			e.topics[t.Slug] = t
		}
		for _, p := range cat.Providers {
			e.providers[p.Slug] = p
		}
		for _, d := range cat.Districts {
			e.districts[d.Slug] = d.Name
		}
		wg.Go(func() {
			sections, err := e.all(ctx)
			mu.Lock()
			defer mu.Unlock()
			all[e.lang] = sections
			bad = append(bad, e.problems...)
			fault = cmp.Or(fault, err)
		})
	}
	wg.Wait()
	if fault != nil {
		return nil, fault
	}
	slices.SortFunc(bad, func(a, b content.Problem) int { return cmp.Compare(a.Field, b.Field) })
	bad = slices.CompactFunc(bad, func(a, b content.Problem) bool { return a.Field == b.Field && a.Code == b.Code })
	return all, bad.Err()
}

// checkSlugs refuses addresses that would leave their section, meet one another
// or hide a page of ours: Hugo does not confine paths.
func checkSlugs(cat content.Catalogue) content.Problems {
	var p content.Problems
	seen, taken := map[string]bool{}, map[string]bool{}
	for _, v := range views(cat.Events) {
		taken[v.path()] = true
	}
	note := func(section, slug string) {
		at := section + "/" + slug
		switch {
		case !content.IsSlug(slug):
			p.Add(section, "site_slug", "slug", strings.ToValidUTF8(cut(slug, 80), "?"))
		case seen[at]:
			p.Add(at, "site_twice", "page", "/"+at+"/")
		case section == eventsSection && (slug == archive || slug == listing || slug == embedding || taken[slug]), section == pagesSection && reserved(slug):
			p.Add(at, "site_reserved", "slug", slug)
		}
		seen[at] = true
	}
	for _, t := range cat.Topics {
		note(topicsSection, t.Slug)
	}
	for _, x := range cat.Providers {
		note(providersSection, x.Slug)
	}
	for _, g := range cat.Guides {
		note(guidesSection, g.Slug)
	}
	for _, e := range cat.Events {
		note(eventsSection, e.Slug)
	}
	for _, s := range cat.Surveys {
		note(surveysSection, s.Slug)
	}
	for _, r := range cat.Results {
		note(resultsPath, r.Survey)
	}
	for _, c := range cat.Calls {
		note(ideasSection, c.Slug)
	}
	for _, i := range cat.Ideas {
		if content.IsSlug(i.Call) && i.Slug != "" {
			note(ideasSection+"/"+i.Call, strings.TrimPrefix(i.Path(), ideasSection+"/"+i.Call+"/"))
		}
	}
	for _, x := range cat.Pages {
		note(pagesSection, x.Slug)
	}
	return p
}

func reserved(slug string) bool {
	for _, path := range content.PagePaths {
		if slug == path && content.PagePaths[slug] != path {
			return true
		}
	}
	switch slug {
	case shellPath, topicsSection, guidesSection, eventsSection, surveysSection, providersSection, ideasSection,
		content.English, content.Easy, "css", "js", "api", "404":
		return true
	}
	return dynamic("/" + slug + "/")
}

// ordered sorts copies of the lists: by Order, then by German title.
func ordered(cat content.Catalogue) content.Catalogue {
	cat.Topics = slices.Clone(cat.Topics)
	slices.SortStableFunc(cat.Topics, func(a, b content.Topic) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Slug, b.Slug))
	})
	cat.Providers = slices.Clone(cat.Providers)
	slices.SortStableFunc(cat.Providers, func(a, b content.Provider) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Slug, b.Slug))
	})
	cat.Guides = slices.Clone(cat.Guides)
	slices.SortStableFunc(cat.Guides, func(a, b content.Guide) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Slug, b.Slug))
	})
	cat.Surveys = slices.Clone(cat.Surveys)
	cat.Calls = slices.Clone(cat.Calls)
	slices.SortStableFunc(cat.Calls, func(a, b content.Call) int {
		return cmp.Or(a.Opens.Compare(b.Opens), cmp.Compare(a.Slug, b.Slug))
	})
	slices.SortStableFunc(cat.Surveys, func(a, b content.Survey) int {
		return cmp.Or(a.Opens.Compare(b.Opens), cmp.Compare(a.Slug, b.Slug))
	})
	return cat
}

// split tells what is to come from what is over.
func split(cat content.Catalogue) (coming, past []content.Event) {
	for _, e := range cat.Events {
		if over(e, cat.Now) {
			past = append(past, e)
		} else {
			coming = append(coming, e)
		}
	}
	byStart := func(a, b content.Event) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Slug, b.Slug))
	}
	slices.SortFunc(coming, byStart)
	slices.SortFunc(past, func(a, b content.Event) int { return byStart(b, a) })
	return coming, past
}

func (e *edition) all(ctx context.Context) (map[string][]record, error) {
	sections := map[string][]record{pagesSection: e.pages(), topicsSection: e.topicPages(), providersSection: e.providerPages(), surveysSection: append(e.surveyPages(), e.resultsPages()...), ideasSection: e.ideaPages()}
	guides, err := e.guidePages(ctx)
	if err != nil {
		return nil, err
	}
	sections[guidesSection] = guides
	sections[eventsSection], err = e.eventPages(ctx)
	return sections, err
}

func (e *edition) url(path string) string { return prefix(e.lang) + path }

// foreign is the language to mark a text with: none when it is the page's own.
func (e *edition) foreign(used string) string {
	if used == e.lang {
		return ""
	}
	return content.Locale(used)
}

func (e *edition) say(t content.Text) said {
	text, used := t.In(e.lang)
	if text == "" {
		return said{}
	}
	return said{text, e.foreign(used)}
}

// markdown renders a text; what is wrong with it is noted under where it stands.
func (e *edition) markdown(md string, top int, where string) string {
	if md == "" {
		return ""
	}
	html, err := e.html.render(md, top)
	if err != nil {
		if problems, ok := err.(content.Problems); ok {
			for _, p := range problems {
				p.Field = where
				e.problems = append(e.problems, p)
			}
		} else {
			e.problems.Add(where, "site_failed", "reason", err.Error())
		}
	}
	return html
}

func (e *edition) pages() []record {
	bySlug := map[string]content.Page{}
	for _, p := range e.Pages {
		bySlug[p.Slug] = p
	}
	for slug := range content.PagePaths { // the frame links to them, so they exist even when nobody wrote them
		if _, ok := bySlug[slug]; !ok {
			bySlug[slug] = content.Page{Slug: slug}
		}
	}
	list := []record{{Path: shellPath, Kind: "page", Title: "SP_TITLE", Params: textPage{Shell: true}}}
	for _, slug := range slices.Sorted(maps.Keys(bySlug)) {
		page := bySlug[slug]
		path, own := content.PagePaths[slug]
		if !own {
			path = slug
		}
		text, used := pick(page.Texts, e.lang)
		if text.Title == "" {
			text.Title, used = e.words["page_"+strings.ReplaceAll(slug, "-", "_")], e.lang
		}
		h := head{Description: text.Summary, Lang: e.foreign(used)}
		body := e.markdown(text.Body, 2, path+": body "+used)
		r := record{Path: path, Kind: "page", Title: text.Title, Updated: stamp(page.Updated)}
		if slug == "home" {
			r.Kind = "home"
			r.Params = e.home(h, text.Summary, body)
		} else {
			r.Params = textPage{head: h, Summary: text.Summary, Body: body}
		}
		list = append(list, r)
	}
	return list
}

func (e *edition) home(h head, summary, body string) homePage {
	p := homePage{head: h, Summary: summary, Body: body, Feed: e.feed(e.coming)}
	for _, t := range e.Topics {
		p.Topics = append(p.Topics, e.topicLink(t))
	}
	for _, g := range e.Guides[:min(len(e.Guides), homeGuides)] {
		p.Guides = append(p.Guides, e.guideLink(g))
	}
	p.Events = e.lines(e.coming[:min(len(e.coming), homeEvents)])
	for _, s := range e.Surveys {
		if box, state := e.surveyBox(s); state == "open" {
			p.Surveys = append(p.Surveys, box)
		}
	}
	p.Surveys = append(p.Surveys, e.openCalls()...)
	return p
}

func (e *edition) topicLink(t content.Topic) link {
	name, about := e.say(t.Name), e.say(t.About)
	l := link{URL: e.url("/" + topicsSection + "/" + t.Slug + "/"), Text: name.Text, Lang: name.Lang}
	if about.Lang == name.Lang {
		l.Note = about.Text
	}
	return l
}

func (e *edition) guideLink(g content.Guide) link {
	text, used := pick(g.Texts, e.lang)
	return link{URL: e.url("/" + guidesSection + "/" + g.Slug + "/"), Text: text.Title, Lang: e.foreign(used), Note: text.Short}
}

func (e *edition) topicPages() []record {
	guides, events := map[string][]link{}, map[string][]content.Event{}
	for _, g := range e.Guides {
		guides[g.Topic] = append(guides[g.Topic], e.guideLink(g))
	}
	for _, ev := range e.coming {
		events[ev.Topic] = append(events[ev.Topic], ev)
	}
	list := groupedPage{head: head{Description: e.words["topics_lead"]}}
	var pages []record
	for _, t := range e.Topics {
		l := e.topicLink(t)
		list.Groups = append(list.Groups, group{ID: t.Slug, Name: said{l.Text, l.Lang}, URL: l.URL, Links: []link{l}})
		about := e.say(t.About)
		pages = append(pages, record{
			Path: topicsSection + "/" + t.Slug, Kind: "page", Title: l.Text,
			Params: topicPage{
				head:  head{Description: about.Text, Lang: l.Lang},
				About: about, Guides: guides[t.Slug], Events: e.lines(events[t.Slug]),
			},
		})
	}
	return append(pages, record{Path: topicsSection, Kind: "section", Title: e.words["topics"], Params: list})
}

func (e *edition) providerPages() []record {
	guides, events := map[string][]link{}, map[string][]content.Event{}
	for _, g := range e.Guides {
		guides[g.Provider] = append(guides[g.Provider], e.guideLink(g))
	}
	for _, ev := range e.coming {
		events[ev.Provider] = append(events[ev.Provider], ev)
	}
	list := groupedPage{head: head{Description: e.words["partners_lead"]}}
	var pages []record
	for _, p := range e.Providers {
		path := providersSection + "/" + p.Slug
		about := e.say(p.About)
		plain := cut(firstLine(content.Plain(about.Text)), 200)
		// Names of companies are German on every page.
		list.Groups = append(list.Groups, group{ID: p.Slug, URL: e.url("/" + path + "/"), Name: said{Text: p.Name}, Links: []link{{Text: plain, Lang: about.Lang, Note: p.Kind}}})
		pages = append(pages, record{
			Path: path, Kind: "page", Title: p.Name,
			Params: providerPage{
				topicPage: topicPage{
					head:   head{Description: plain},
					Guides: guides[p.Slug], Events: e.lines(events[p.Slug]),
				},
				Kind: p.Kind, Body: said{e.markdown(about.Text, 2, path+": about"), about.Lang},
			},
		})
	}
	return append(pages, record{Path: providersSection, Kind: "section", Title: e.words["partners"], Params: list})
}

func (e *edition) guidePages(ctx context.Context) ([]record, error) {
	list := groupedPage{head: head{Description: e.words["guides_lead"]}}
	byTopic, all := map[string][]link{}, make([]link, 0, len(e.Guides))
	pages := make([]record, 0, len(e.Guides)+1)
	for _, g := range e.Guides {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l := e.guideLink(g)
		byTopic[g.Topic] = append(byTopic[g.Topic], l)
		all = append(all, l)
		pages = append(pages, e.guide(g))
	}
	for _, t := range e.Topics {
		if links := byTopic[t.Slug]; len(links) > 0 {
			l := e.topicLink(t)
			list.Groups = append(list.Groups, group{ID: t.Slug, Name: said{l.Text, l.Lang}, URL: l.URL, Links: links})
		}
	}
	list.Index = byLetter(all, e.lang)
	return append(pages, record{Path: guidesSection, Kind: "section", Title: e.words["guides"], Params: list}), nil
}

func (e *edition) guide(g content.Guide) record {
	text, used := pick(g.Texts, e.lang)
	path := guidesSection + "/" + g.Slug
	p := guidePage{
		head:  head{Description: text.Short, Lang: e.foreign(used)},
		Short: text.Short, Channels: g.Channels, EID: g.EID, LeiKa: g.LeiKa, MinAge: g.MinAge,
		Updated: e.day(g.Updated), Modules: map[string]string{},
	}
	for _, m := range []struct{ id, md string }{ // the modules of FIM service descriptions
		{"full", text.Full}, {"requirements", text.Requirements}, {"documents", text.Documents}, {"fees", text.Fees},
		{"deadlines", text.Deadlines}, {"duration", text.Duration}, {"legal_basis", text.LegalBasis},
		{"procedure", text.Procedure}, {"forms", text.Forms}, {"office", text.Office},
	} {
		if html := e.markdown(m.md, 3, path+": "+m.id+" "+used); html != "" {
			p.Modules[m.id] = html
		}
	}
	p.Contents = len(p.Modules) > 2
	p.Duration = cut(firstLine(content.Plain(text.Duration)), 140)
	if g.FeeCents != nil {
		p.Free = *g.FeeCents == 0
		p.Fee = e.euros(*g.FeeCents)
	}
	p.Topic, p.Provider = e.topicOf(g.Topic), e.providerOf(g.Provider)
	if g.Accepts("case") {
		p.Ask = e.url("/" + path + "/anfrage/")
	}
	return record{Path: path, Kind: "page", Title: text.Title, Updated: stamp(g.Updated), Params: p}
}

func (e *edition) topicOf(slug string) *link {
	t, ok := e.topics[slug]
	if !ok {
		return nil
	}
	l := e.topicLink(t)
	l.Note = ""
	return &l
}

func (e *edition) providerOf(slug string) *link {
	p, ok := e.providers[slug]
	if !ok {
		return nil
	}
	return &link{URL: e.url("/" + providersSection + "/" + slug + "/"), Text: p.Name}
}

func (e *edition) eventPages(ctx context.Context) ([]record, error) {
	pages := make([]record, 0, len(e.Events)+2)
	for i, list := range [][]content.Event{e.coming, e.past} {
		for _, ev := range list {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			r, err := e.event(ev, i == 1)
			if err != nil {
				return nil, err
			}
			pages = append(pages, r)
		}
	}
	next := eventsPage{head: head{Description: e.words["events_lead"]}, Feed: e.feed(e.coming), Filters: e.filters(), ICS: e.url("/" + eventsSection + "/" + feedFile)}
	next.Webcal = e.webcal(next.ICS)
	for _, ev := range e.coming {
		start := ev.Start.In(content.Berlin)
		next.Months = addTo(next.Months, start.Format("2006-01"), months[e.lang][start.Month()-1]+start.Format(" 2006"), e.line(ev))
	}
	old := eventsPage{head: head{Description: e.words["archive_lead"]}, Archive: true}
	for _, ev := range e.past {
		year := ev.Start.In(content.Berlin).Format("2006")
		old.Months = addTo(old.Months, year, year, e.line(ev))
	}
	return append(append(append(pages, e.viewPages()...), e.embedPages()...),
		record{Path: eventsSection, Kind: "section", Title: e.words["events"], Params: next},
		record{Path: eventsSection + "/" + archive, Kind: "section", Title: e.words["archive"], Params: old}), nil
}

func addTo(groups []group, id, name string, line eventLine) []group {
	if n := len(groups); n == 0 || groups[n-1].ID != id {
		groups = append(groups, group{ID: id, Name: said{Text: name}})
	}
	last := &groups[len(groups)-1]
	last.Lines = append(last.Lines, line)
	return groups
}

func (e *edition) line(ev content.Event) eventLine {
	text, used := pick(ev.Texts, e.lang)
	start := ev.Start.In(content.Berlin)
	l := eventLine{
		URL: e.url("/" + eventsSection + "/" + ev.Slug + "/"), Title: text.Title, Lang: e.foreign(used),
		When: when(e.lang, ev), ISO: isoStart(ev), Month: shortMonths[e.lang][start.Month()-1] + start.Format(" 06"),
		Kind: ev.Kind, Place: ev.Place, Free: ev.Free, Cancelled: ev.Cancelled, Moved: ev.Moved() && !ev.Cancelled, Online: ev.Online,
	}
	if ev.Precision != content.ToMonth {
		l.Day, l.Month = start.Format("2"), shortMonths[e.lang][start.Month()-1]
	}
	if _, known := e.words["kind_"+ev.Kind]; !known {
		l.Kind = ""
	}
	return l
}

func (e *edition) lines(events []content.Event) []eventLine {
	list := make([]eventLine, len(events))
	for i, ev := range events {
		list[i] = e.line(ev)
	}
	return list
}

func (e *edition) event(ev content.Event, past bool) (record, error) {
	text, used := pick(ev.Texts, e.lang)
	path := eventsSection + "/" + ev.Slug
	p := eventPage{
		head:    head{Description: text.Summary, Lang: e.foreign(used)},
		Line:    e.line(ev),
		Summary: text.Summary, Body: e.markdown(text.Body, 2, path+": body "+used),
		End: isoEnd(ev), District: e.districts[ev.District], Organiser: ev.Organiser, Provider: e.providerOf(ev.Provider),
		Topic: e.topicOf(ev.Topic), Audience: e.viewLinks(byAudience, ev.Audience...), Past: past, eventDetails: e.details(ev, past),
	}
	if ev.Series != "" {
		p.Series = &e.viewLinks(bySeries, ev.Series)[0]
	}
	if len(ev.Pools) > 0 && !past && !ev.Cancelled {
		p.Book = e.url("/" + path + "/buchen/")
	}
	if ev.Precision != content.ToMonth && !past {
		p.ICS = prefix(used) + "/" + path + "/" + calendarFile
	}
	ld, err := e.linkedData(ev, text, used)
	p.LD = ld
	return record{Path: path, Kind: "page", Title: text.Title, Updated: stamp(ev.Updated), Params: p}, err
}

func (e *edition) feed(events []content.Event) []feedItem {
	recent := slices.Clone(events)
	slices.SortStableFunc(recent, func(a, b content.Event) int { return b.Published.Compare(a.Published) })
	var items []feedItem
	for _, ev := range recent[:min(len(recent), feedLength)] {
		text, _ := pick(ev.Texts, e.lang)
		at := ev.Published
		if at.IsZero() {
			at = e.Now
		}
		items = append(items, feedItem{
			URL: e.Origin + e.url("/"+eventsSection+"/"+ev.Slug+"/"), Text: text.Title,
			Note: strings.TrimSpace(when(e.lang, ev) + ". " + text.Summary), When: stamp(at),
		})
	}
	return items
}

func (e *edition) surveyBox(s content.Survey) (surveyBox, string) {
	title := e.say(s.Title)
	box := surveyBox{
		link:  link{URL: e.url("/" + surveysSection + "/" + s.Slug + "/"), Text: title.Text, Lang: title.Lang},
		Items: s.Items, Minutes: s.Minutes, Until: e.day(s.Closes), From: e.day(s.Opens),
	}
	switch {
	case e.Now.Before(s.Opens):
		return box, "later"
	case !s.Closes.IsZero() && !e.Now.Before(s.Closes):
		return box, "closed"
	}
	box.Open = true
	return box, "open"
}

func (e *edition) surveyPages() []record {
	list := surveysPage{head: head{Description: e.words["surveys_lead"]}}
	var pages []record
	for _, s := range e.Surveys {
		box, state := e.surveyBox(s)
		intro := e.say(s.Intro)
		path := surveysSection + "/" + s.Slug
		p := surveyPage{
			head:      head{Description: cut(firstLine(content.Plain(intro.Text)), 200), Lang: box.Lang},
			surveyBox: box, State: state, Found: e.resultsURL(s.Slug), Stored: e.say(s.Stored), Intro: said{e.markdown(intro.Text, 2, path+": intro"), intro.Lang},
		}
		p.link.Lang = "" // the head says it
		switch state {
		case "open":
			p.Take = e.url("/" + path + "/teilnehmen/")
			list.Open = append(list.Open, box)
		case "later":
			list.Later = append(list.Later, box)
		case "closed":
			list.Closed = append(list.Closed, box)
		}
		pages = append(pages, record{Path: path, Kind: "page", Title: box.Text, Updated: stamp(s.Updated), Params: p})
	}
	list.Open = append(list.Open, e.openCalls()...)
	return append(pages, record{Path: surveysSection, Kind: "section", Title: e.words["surveys"], Params: list})
}

// pick gives the text in lang, or else in German, and the language it is in.
func pick[T any](texts map[string]T, lang string) (T, string) {
	if t, ok := texts[lang]; ok {
		return t, lang
	}
	return texts[content.German], content.German
}

// byLetter groups links by the first letter of their text, umlauts with their vowel.
func byLetter(links []link, lang string) []group {
	tag := language.German
	if lang == content.English {
		tag = language.English
	}
	c := collate.New(tag, collate.IgnoreCase)
	var buf collate.Buffer
	keys := make(map[string][]byte, len(links))
	for _, l := range links {
		keys[l.Text] = c.KeyFromString(&buf, l.Text)
	}
	links = slices.Clone(links)
	slices.SortStableFunc(links, func(a, b link) int { return bytes.Compare(keys[a.Text], keys[b.Text]) })
	var groups []group
	for _, l := range links {
		l.Note = ""
		id := letter(l.Text)
		if n := len(groups); n == 0 || groups[n-1].Name.Text != id {
			name := strings.ToLower(id)
			if name == "#" {
				name = "0-9"
			}
			if slices.ContainsFunc(groups, func(g group) bool { return g.Name.Text == id }) {
				name = fmt.Sprint(name, "-", n) // collation put a sign between
			}
			groups = append(groups, group{ID: "az-" + name, Name: said{Text: id}})
		}
		g := &groups[len(groups)-1]
		g.Links = append(g.Links, l)
	}
	return groups
}

func letter(s string) string {
	first, _ := utf8.DecodeRuneInString(s)
	switch r := unicode.ToUpper(first); {
	case r >= 'A' && r <= 'Z':
		return string(r)
	case r == 'Ä':
		return "A"
	case r == 'Ö':
		return "O"
	case r == 'Ü':
		return "U"
	}
	return "#"
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// marshal writes JSON that Hugo can print anywhere: see neutralise.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return neutralise(b.Bytes()), nil
}

// hugoMarks are words of Hugo's own that it replaces wherever they stand in the
// output; a title with the first one makes it panic. A word joiner (U+2060)
// breaks them and is not seen.
var hugoMarks = strings.NewReplacer(
	"__hdeferred/", "_\u2060_hdeferred/",
	"__h_pp_l1", "_\u2060_h_pp_l1",
)

// neutralise takes from JSON what must not reach Hugo's output: its own marks,
// and the characters that XML forbids (feeds would break).
func neutralise(b []byte) []byte {
	if bytes.Contains(b, []byte("__h")) {
		b = []byte(hugoMarks.Replace(string(b)))
	}
	out := b[:0]
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\\' && i+1 < len(b):
			switch next := b[i+1]; {
			case next == 'b' || next == 'f' || next == 'r':
				i++
			case next == 'u' && i+5 < len(b) && b[i+2] == '0' && b[i+3] == '0' && (b[i+4] == '0' || b[i+4] == '1'):
				i += 5
			default:
				out = append(out, c, next)
				i++
			}
		case c == 0x7f:
		case c == 0xef && i+2 < len(b) && b[i+1] == 0xbf && b[i+2] >= 0xbe: // U+FFFE, U+FFFF
			i += 2
		default:
			out = append(out, c)
		}
	}
	return out
}

// htmlCache keeps rendered Markdown from one build to the next.
type htmlCache struct {
	mu   sync.Mutex
	used map[htmlKey]func() (string, error) // in this build
	last map[htmlKey]func() (string, error) // in the one before
}

type htmlKey struct {
	hash [32]byte
	top  int
}

func (c *htmlCache) render(md string, top int) (string, error) {
	md = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, md)
	key := htmlKey{sum(md), top}
	c.mu.Lock()
	f, ok := c.used[key]
	if !ok {
		if f, ok = c.last[key]; !ok {
			f = sync.OnceValues(func() (string, error) { return content.RenderBelow(md, top) })
		}
		if c.used == nil {
			c.used = map[htmlKey]func() (string, error){}
		}
		c.used[key] = f
	}
	c.mu.Unlock()
	return f()
}

// forgetUnused drops what the build that ends has not needed.
func (c *htmlCache) forgetUnused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last, c.used = c.used, nil
}

// stamp writes a moment with Berlin's offset: Hugo prints UTC strings as UTC.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(content.Berlin).Format(time.RFC3339)
}
