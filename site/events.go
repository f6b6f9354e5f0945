package site

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"

	"servicepoint/content"
)

// eventDetails is what an event's page says besides title, time and place. The address of
// the stream is not in it: only those who booked get it.
type eventDetails struct {
	Room      string       `json:"room,omitempty"`
	Spoken    []string     `json:"spoken,omitempty"` // suffixes of the words spoken_…
	Sign      bool         `json:"sign,omitempty"`
	Access    []string     `json:"access,omitempty"` // suffixes of the words access_…
	People    []personLine `json:"people,omitempty"`
	Programme []partLine   `json:"programme,omitempty"`
	Materials []link       `json:"materials,omitempty"`
	Recording string       `json:"recording,omitempty"`
	Prices    []priceLine  `json:"prices,omitempty"`
	MovedFrom string       `json:"movedfrom,omitempty"` // in words
	Reason    said         `json:"reason"`
	Streamed  bool         `json:"streamed,omitempty"` // who books a place may watch from elsewhere
	Live      string       `json:"live,omitempty"`     // questions and polls during the event
}

type personLine struct {
	Name         string `json:"name"`
	Moderator    bool   `json:"moderator,omitempty"`
	Organisation string `json:"organisation,omitempty"`
	URL          string `json:"url,omitempty"`
}

type partLine struct {
	Time  string `json:"time,omitempty"`
	Title said   `json:"title"`
	Who   string `json:"who,omitempty"`
}

type priceLine struct {
	Label said   `json:"label"`
	Price string `json:"price,omitempty"` // empty: free
}

func (e *edition) details(ev content.Event, past bool) eventDetails {
	d := eventDetails{Room: ev.Room, Sign: ev.SignLanguage, Streamed: streamed(ev) && !past && !ev.Cancelled}
	if len(ev.Languages) > 0 && !slices.Equal(ev.Languages, []string{content.German}) {
		d.Spoken = ev.Languages
	}
	for _, code := range ev.Access {
		d.Access = append(d.Access, strings.ReplaceAll(code, "-", "_"))
	}
	for _, x := range ev.People {
		d.People = append(d.People, personLine{x.Name, x.Role == "moderator", x.Organisation, x.URL})
	}
	for _, x := range ev.Programme {
		d.Programme = append(d.Programme, partLine{x.Time, e.say(x.Title), x.Who})
	}
	for _, x := range ev.Materials {
		if title := e.say(x.Title); x.Shown(past) {
			d.Materials = append(d.Materials, link{URL: x.URL, Text: title.Text, Lang: title.Lang})
		}
	}
	for _, x := range ev.Prices {
		line := priceLine{Label: e.say(x.Label)}
		if x.Cents > 0 {
			line.Price = e.euros(x.Cents)
		}
		d.Prices = append(d.Prices, line)
	}
	if past {
		d.Recording = ev.Recording
	}
	if ev.Moved() && !ev.Cancelled {
		before := ev
		before.Start, before.End = ev.MovedFrom, ev.MovedFrom
		d.MovedFrom = when(e.lang, before)
	}
	if ev.Cancelled || ev.Moved() {
		d.Reason = e.say(ev.Reason)
	}
	if len(ev.Pools) > 0 && !ev.Cancelled && ev.Precision == content.ToMinute {
		d.Live = e.url("/" + eventsSection + "/" + ev.Slug + "/live/")
	}
	return d
}

func streamed(ev content.Event) bool {
	return ev.Stream != "" || slices.ContainsFunc(ev.Pools, func(p content.Pool) bool { return p.Kind == content.PoolStream })
}

// linkedData describes the event after schema.org. json.Marshal escapes what
// could end the script element that it stands in.
func (e *edition) linkedData(ev content.Event, text content.EventText, used string) (string, error) {
	page := e.Origin + e.url("/"+eventsSection+"/"+ev.Slug+"/")
	named := func(kind, name string) map[string]any { return map[string]any{"@type": kind, "name": name} }
	room := named("Place", cmp.Or(ev.Place, "Kassel"))
	room["address"] = map[string]any{"@type": "PostalAddress", "addressLocality": "Kassel", "addressCountry": "DE"}
	if ev.Room != "" {
		room = map[string]any{"@type": "Place", "name": ev.Room, "address": room["address"], "containedInPlace": named("Place", cmp.Or(ev.Place, "Kassel"))}
	}
	virtual := map[string]any{"@type": "VirtualLocation", "url": page}
	mode, place := "OfflineEventAttendanceMode", any(room)
	switch {
	case ev.Online:
		mode, place = "OnlineEventAttendanceMode", virtual
	case streamed(ev):
		mode, place = "MixedEventAttendanceMode", []any{room, virtual}
	}
	ld := map[string]any{
		"@context": "https://schema.org", "@type": "Event",
		"name": text.Title, "startDate": isoStart(ev), "inLanguage": content.Locale(used),
		"eventStatus": "https://schema.org/EventScheduled", "eventAttendanceMode": "https://schema.org/" + mode,
		"location": place, "url": page, "isAccessibleForFree": ev.Free,
	}
	if ev.Moved() {
		ld["eventStatus"] = "https://schema.org/EventRescheduled"
		ld["previousStartDate"] = iso(ev.MovedFrom, ev.Precision)
	}
	if ev.Cancelled {
		ld["eventStatus"] = "https://schema.org/EventCancelled"
	}
	if len(ev.Languages) > 0 {
		ld["inLanguage"] = ev.Languages
	}
	if end := isoEnd(ev); end != "" {
		ld["endDate"] = end
	}
	if text.Summary != "" {
		ld["description"] = text.Summary
	}
	if ev.Organiser != "" {
		ld["organizer"] = named("Organization", ev.Organiser)
	}
	if ev.Series != "" {
		ld["superEvent"] = named("EventSeries", ev.Series)
	}
	var performers, offers []any
	for _, x := range ev.People {
		p := named("Person", x.Name)
		if x.Organisation != "" {
			p["affiliation"] = named("Organization", x.Organisation)
		}
		if x.URL != "" {
			p["url"] = x.URL
		}
		performers = append(performers, p)
	}
	offer := func(name string, cents int) {
		o := map[string]any{"@type": "Offer", "price": fmt.Sprintf("%d.%02d", cents/100, cents%100), "priceCurrency": "EUR", "url": page}
		if name != "" {
			o["name"] = name
		}
		if !ev.Booking.Opens.IsZero() {
			o["validFrom"] = iso(ev.Booking.Opens, content.ToMinute)
		}
		offers = append(offers, o)
	}
	for _, x := range ev.Prices {
		offer(e.say(x.Label).Text, x.Cents)
	}
	if ev.Free && len(ev.Pools) > 0 && len(offers) == 0 {
		offer("", 0)
	}
	if len(performers) > 0 {
		ld["performer"] = performers
	}
	if len(offers) > 0 && !ev.Cancelled {
		ld["offers"] = offers
	}
	b, err := json.Marshal(ld)
	return string(neutralise(b)), err
}

// view is a list of the events that have something in common.
type view struct {
	by   string // byTopic, …
	slug string
	name string // as events say it; of a topic its slug
}

// What views are by: the first part of their address, and the suffix of the word view_….
const (
	byTopic    = "thema"
	byAudience = "fuer"
	byPlace    = "ort"
	bySeries   = "reihe"
)

var allViews = []string{byTopic, byAudience, byPlace, bySeries}

// mostPast bounds what a view shows of the archive.
const mostPast = 50

// path is the address below the events; events may not take it.
func (v view) path() string { return v.by + "-" + v.slug }

func newView(by, name string) view { return view{by, content.SlugOf(name), name} }

// of lists the views that an event is in.
func viewsOf(ev content.Event) []view {
	var list []view
	add := func(by string, names ...string) {
		for _, name := range names {
			if v := newView(by, name); v.slug != "" && !slices.ContainsFunc(list, func(w view) bool { return w.path() == v.path() }) {
				list = append(list, v)
			}
		}
	}
	add(byTopic, ev.Topic)
	add(byAudience, ev.Audience...)
	if !ev.Online {
		add(byPlace, ev.Place)
	}
	add(bySeries, ev.Series)
	return list
}

// views lists every view with at least one event, by kind and address: each keeps its
// address, and its calendar, when all its events are over.
func views(events []content.Event) []view {
	seen := map[string]view{}
	for _, ev := range events {
		for _, v := range viewsOf(ev) {
			if old, ok := seen[v.path()]; !ok || v.name < old.name {
				seen[v.path()] = v
			}
		}
	}
	list := make([]view, 0, len(seen))
	for _, v := range seen {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b view) int {
		return cmp.Or(cmp.Compare(slices.Index(allViews, a.by), slices.Index(allViews, b.by)), cmp.Compare(a.slug, b.slug))
	})
	return list
}

func (v view) has(ev content.Event) bool {
	return slices.ContainsFunc(viewsOf(ev), func(w view) bool { return w.path() == v.path() })
}

// called is the name of a view on a page.
func (e *edition) called(v view) said {
	if v.by == byTopic {
		if t, ok := e.topics[v.name]; ok {
			return e.say(t.Name)
		}
	}
	return said{v.name, e.foreign(content.German)}
}

func (e *edition) viewLink(v view) link {
	name := e.called(v)
	return link{URL: e.url("/" + eventsSection + "/" + v.path() + "/"), Text: name.Text, Lang: name.Lang}
}

func (e *edition) viewLinks(by string, names ...string) []link {
	var list []link
	for _, name := range names {
		v := newView(by, name)
		if v.slug == "" {
			list = append(list, link{URL: e.url("/" + eventsSection + "/"), Text: name, Lang: e.foreign(content.German)})
			continue
		}
		list = append(list, e.viewLink(v))
	}
	return list
}

// filters lead from the list of all events to those views that have events to come.
func (e *edition) filters() []group {
	var list []group
	for _, v := range views(e.coming) {
		if n := len(list); n == 0 || list[n-1].ID != v.by {
			list = append(list, group{ID: v.by, Name: said{Text: e.words["view_"+v.by]}})
		}
		last := &list[len(list)-1]
		last.Links = append(last.Links, e.viewLink(v))
	}
	return list
}

func (e *edition) viewPages() []record {
	var pages []record
	for _, v := range views(e.Events) {
		name := e.called(v)
		p := eventsPage{View: v.by, Name: name, ICS: e.url("/" + eventsSection + "/" + v.path() + "/" + feedFile)}
		p.Webcal = e.webcal(p.ICS)
		p.Description = e.words["view_"+v.by] + ": " + name.Text
		for _, ev := range e.coming {
			if v.has(ev) {
				start := ev.Start.In(content.Berlin)
				p.Months = addTo(p.Months, start.Format("2006-01"), months[e.lang][start.Month()-1]+start.Format(" 2006"), e.line(ev))
			}
		}
		n := 0
		for _, ev := range e.past {
			if v.has(ev) && n < mostPast {
				year := ev.Start.In(content.Berlin).Format("2006")
				p.Past = addTo(p.Past, year, year, e.line(ev))
				n++
			}
		}
		pages = append(pages, record{Path: eventsSection + "/" + v.path(), Kind: "section", Title: e.words["events"] + ": " + name.Text, Params: p})
	}
	return pages
}

// webcal is an address that calendars subscribe to.
func (e *edition) webcal(path string) string {
	u, err := url.Parse(e.Origin)
	if err != nil || u.Host == "" {
		return ""
	}
	return "webcal://" + u.Host + path
}

// framed is how many events a page shows that other sites frame.
const framed = 10

// listPage is framed by other sites; see [framable].
type listPage struct {
	head
	Bare  bool        `json:"bare"` // without the site's head and foot
	Lines []eventLine `json:"lines,omitempty"`
	All   string      `json:"all"` // address of the whole list
}

type embedPage struct {
	head
	Lists []embedList `json:"lists"`
}

type embedList struct {
	View string `json:"view,omitempty"`
	Name said   `json:"name"`
	URL  string `json:"url"`
	Code string `json:"code"` // HTML to copy
}

// embedPages are the lists for frames, of all events and of each view that has events to
// come or had some, and the page that explains them.
func (e *edition) embedPages() []record {
	var (
		pages []record
		how   = embedPage{head: head{Description: e.words["embed_lead"]}}
	)
	add := func(at, by string, name said, title string, has func(content.Event) bool) {
		p := listPage{Bare: true, All: e.url("/" + at + "/")}
		for _, ev := range e.coming {
			if len(p.Lines) < framed && has(ev) {
				p.Lines = append(p.Lines, e.line(ev))
			}
		}
		pages = append(pages, record{Path: at + "/" + listing, Kind: "page", Layout: listing, Title: title, Params: p})
		if len(p.Lines) > 0 || by == "" {
			to := e.url("/" + at + "/" + listing + "/")
			how.Lists = append(how.Lists, embedList{by, name, to, fmt.Sprintf(`<iframe src="%s" title="%s" width="100%%" height="600" loading="lazy"></iframe>`,
				html.EscapeString(e.Origin+to), html.EscapeString(title))})
		}
	}
	add(eventsSection, "", said{Text: e.words["view_all"]}, e.words["events"], func(content.Event) bool { return true })
	for _, v := range views(e.Events) {
		name := e.called(v)
		add(eventsSection+"/"+v.path(), v.by, name, e.words["events"]+": "+name.Text, v.has)
	}
	return append(pages, record{Path: eventsSection + "/" + embedding, Kind: "page", Layout: embedding, Title: e.words["embed_link"], Params: how})
}

// framable reports whether other sites may show a file of a release in a frame: only the
// lists made for it, which have no forms.
func framable(name string) bool {
	return strings.Contains(name, eventsSection+"/") && strings.HasSuffix(name, "/"+listing+"/index.html")
}
