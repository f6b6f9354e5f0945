package site

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/citymap"
)

// ideasSection holds calls, their lists and the released ideas.
const ideasSection = "ideen"

// ideasPerPage is how many ideas one list shows before it goes on.
const ideasPerPage = 50

type callsPage struct {
	head
	Open   []surveyBox `json:"open"`
	Later  []surveyBox `json:"later"`
	Closed []surveyBox `json:"closed"`
}

// callPage is the page of a call, or one of its lists.
type callPage struct {
	head
	Call    link       `json:"call"`
	Back    bool       `json:"back,omitempty"` // a list: the way back is the call's page
	State   string     `json:"state"`          // open, later, closed
	From    string     `json:"from,omitempty"`
	Until   string     `json:"until,omitempty"`
	Intro   said       `json:"intro"` // HTML, on the call's own page only
	Send    string     `json:"send,omitempty"`
	Count   int        `json:"count"`
	Named   bool       `json:"named,omitempty"` // one vote per person
	Orders  []filter   `json:"orders"`
	Topics  []filter   `json:"topics"`
	States  []filter   `json:"states"`
	Ideas   []ideaLine `json:"ideas"`
	Before  string     `json:"before,omitempty"`
	Next    string     `json:"next,omitempty"`
	Number  int        `json:"number,omitempty"` // of the page, from 2
	Updated string     `json:"changed,omitempty"`
}

// filter leads to one list.
type filter struct {
	link
	Current bool `json:"current,omitempty"`
	N       int  `json:"n"`
}

// ideaLine is an idea in a list.
type ideaLine struct {
	link
	Topic    said   `json:"topic"`
	District string `json:"district,omitempty"`
	Status   string `json:"status"` // suffix of the word idea_status_…
	Day      string `json:"day"`
	Votes    int    `json:"votes"`
}

type ideaPage struct {
	head
	Call     link       `json:"call"`
	Line     ideaLine   `json:"line"`
	Number   int        `json:"number"`
	Body     string     `json:"body"` // plain text
	BodyLang string     `json:"bodylang,omitempty"`
	Place    string     `json:"place,omitempty"`
	Map      string     `json:"map,omitempty"` // SVG
	MapFrom  string     `json:"mapfrom,omitempty"`
	Picture  string     `json:"picture,omitempty"` // address
	Alt      string     `json:"alt,omitempty"`
	Name     string     `json:"author,omitempty"`
	Edited   bool       `json:"edited,omitempty"`
	Steps    []ideaStep `json:"steps"`
	Vote     string     `json:"vote,omitempty"` // address of the page to support it
	Named    bool       `json:"named,omitempty"`
}

type ideaStep struct {
	Day    string `json:"day"`
	ISO    string `json:"iso"`
	Status string `json:"status"`
	Answer string `json:"answer,omitempty"` // plain text, German
}

func (e *edition) callBox(c content.Call) (surveyBox, string) {
	title := e.say(c.Title)
	box := surveyBox{
		link:  link{URL: e.url("/" + ideasSection + "/" + c.Slug + "/"), Text: title.Text, Lang: title.Lang},
		Until: e.day(c.Closes), From: e.day(c.Opens),
	}
	switch {
	case e.Now.Before(c.Opens):
		return box, "later"
	case !c.OpenAt(e.Now):
		return box, "closed"
	}
	box.Open = true
	return box, "open"
}

// openCalls are the calls that one can answer now, as boxes beside the surveys.
func (e *edition) openCalls() (boxes []surveyBox) {
	for _, c := range e.Calls {
		if box, state := e.callBox(c); state == "open" {
			boxes = append(boxes, box)
		}
	}
	return boxes
}

func (e *edition) ideaPages() []record {
	list := callsPage{head: head{Description: e.words["ideas_lead"]}}
	byCall := map[string][]content.Idea{}
	for _, i := range e.Ideas {
		if i.Into == 0 {
			byCall[i.Call] = append(byCall[i.Call], i)
		}
	}
	var pages []record
	for _, c := range e.Calls {
		box, state := e.callBox(c)
		switch state {
		case "open":
			list.Open = append(list.Open, box)
		case "later":
			list.Later = append(list.Later, box)
		case "closed":
			list.Closed = append(list.Closed, box)
		}
		pages = append(pages, e.callPages(c, byCall[c.Slug])...)
	}
	return append(pages, record{Path: ideasSection, Kind: "section", Title: e.words["ideas"], Params: list})
}

// callPages are the page of a call, its lists by votes, topic and status, and
// its ideas. Lists that would be empty are left out.
func (e *edition) callPages(c content.Call, ideas []content.Idea) []record {
	box, state := e.callBox(c)
	root := ideasSection + "/" + c.Slug
	slices.SortStableFunc(ideas, func(a, b content.Idea) int {
		return cmp.Or(b.Released.Compare(a.Released), cmp.Compare(b.Number, a.Number))
	})
	byVotes := slices.Clone(ideas)
	slices.SortStableFunc(byVotes, func(a, b content.Idea) int { return cmp.Compare(b.Votes, a.Votes) })
	intro := e.say(c.Intro)
	whole := callPage{
		head: head{Description: cut(firstLine(content.Plain(intro.Text)), 200), Lang: box.Lang},
		Call: link{URL: box.URL, Text: box.Text, Lang: box.Lang}, State: state, From: box.From, Until: box.Until, Count: len(ideas), Named: c.Named(),
	}
	if state == "open" {
		whole.Send = e.url("/" + root + "/einreichen/")
	}

	type listing struct {
		path, title, lang string
		kind              *[]filter
		ideas             []content.Idea
	}
	lists := []listing{
		{"", e.words["ideas_newest"], "", &whole.Orders, ideas},
		{"nach-stimmen", e.words["ideas_by_votes"], "", &whole.Orders, byVotes},
	}
	with := func(keep func(content.Idea) bool) (some []content.Idea) {
		for _, i := range ideas {
			if keep(i) {
				some = append(some, i)
			}
		}
		return some
	}
	for _, topic := range c.Topics {
		name := e.topicName(topic)
		lists = append(lists, listing{"thema-" + topic, name.Text, name.Lang, &whole.Topics, with(func(i content.Idea) bool { return i.Topic == topic })})
	}
	for _, status := range content.IdeaStatuses {
		lists = append(lists, listing{"stand-" + strings.ReplaceAll(status, "_", "-"), e.words["idea_status_"+status], "", &whole.States,
			with(func(i content.Idea) bool { return i.Status == status })})
	}
	address := func(path string) string {
		if path == "" {
			return root
		}
		return root + "/" + path
	}
	for _, l := range lists {
		if len(l.ideas) > 0 {
			*l.kind = append(*l.kind, filter{link: link{URL: e.url("/" + address(l.path) + "/"), Text: l.title, Lang: l.lang}, N: len(l.ideas)})
		}
	}
	var pages []record
	for _, l := range lists {
		if len(l.ideas) == 0 && l.path != "" {
			continue
		}
		at := func(n int) string {
			if n == 1 {
				return address(l.path)
			}
			return address(l.path) + "/seite-" + strconv.Itoa(n)
		}
		for n := 1; n == 1 || (n-1)*ideasPerPage < len(l.ideas); n++ {
			p := whole
			mark := func(all []filter) []filter {
				all = slices.Clone(all)
				for k := range all {
					all[k].Current = all[k].URL == e.url("/"+address(l.path)+"/")
				}
				return all
			}
			p.Orders, p.Topics, p.States = mark(whole.Orders), mark(whole.Topics), mark(whole.States)
			for _, i := range l.ideas[(n-1)*ideasPerPage : min(n*ideasPerPage, len(l.ideas))] {
				p.Ideas = append(p.Ideas, e.ideaLine(i))
			}
			title := box.Text
			if l.path == "" && n == 1 {
				p.Intro = said{e.markdown(intro.Text, 2, root+": intro"), intro.Lang}
			} else {
				p.Back, p.head = true, head{Lang: box.Lang}
				title += ": " + l.title
			}
			if n > 1 {
				p.Number, p.Before = n, e.url("/"+at(n-1)+"/")
				title += fmt.Sprint(" (", n, ")")
			}
			if n*ideasPerPage < len(l.ideas) {
				p.Next = e.url("/" + at(n+1) + "/")
			}
			pages = append(pages, record{Path: at(n), Kind: "section", Title: title, Updated: stamp(c.Updated), Params: p})
		}
	}
	for _, i := range ideas {
		pages = append(pages, e.ideaPage(c, whole.Call, state, i))
	}
	return pages
}

func (e *edition) topicName(slug string) said {
	if t, ok := e.topics[slug]; ok {
		return e.say(t.Name)
	}
	return said{Text: slug}
}

func (e *edition) ideaLine(i content.Idea) ideaLine {
	l := ideaLine{
		link:  link{URL: e.url("/" + i.Path() + "/"), Text: i.Title},
		Topic: e.topicName(i.Topic), District: e.districts[i.District], Status: i.Status, Day: e.day(i.Released), Votes: i.Votes,
	}
	if slices.Contains(content.Languages, i.Language) {
		l.Lang = e.foreign(i.Language)
	}
	return l
}

func (e *edition) ideaPage(c content.Call, call link, state string, i content.Idea) record {
	line := e.ideaLine(i)
	p := ideaPage{
		head: head{Description: cut(firstLine(i.Text), 200), Lang: line.Lang},
		Call: call, Line: line, Number: i.Number, Body: i.Text, BodyLang: line.Lang, Place: i.Place, Name: i.Name, Edited: i.Edited, Named: c.Named(),
	}
	if state == "open" {
		p.Vote = e.url("/" + i.Path() + "/unterstuetzen/")
	}
	if i.Picture != "" {
		p.Picture, p.Alt = "/ideen/bilder/"+i.Picture, i.Alt
	}
	if i.Lat != 0 || i.Lon != 0 {
		p.Map = citymap.Drawing{Title: e.words["idea_map"], Markers: []citymap.Place{{Latitude: i.Lat, Longitude: i.Lon}}}.SVG()
		p.MapFrom = citymap.Attribution
	}
	for _, s := range i.Steps {
		day, err := time.ParseInLocation(time.DateOnly, s.Day, content.Berlin)
		if err != nil {
			continue
		}
		p.Steps = append(p.Steps, ideaStep{Day: e.day(day), ISO: s.Day, Status: s.Status, Answer: s.Answer})
	}
	slices.Reverse(p.Steps)
	return record{Path: i.Path(), Kind: "page", Title: i.Title, Updated: stamp(i.Released), Params: p}
}

// writeMoves lets the old addresses of merged ideas lead to what they became part of.
func writeMoves(public string, cat content.Catalogue, languages []string) error {
	at := map[int]content.Idea{}
	for _, i := range cat.Ideas {
		at[i.Number] = i
	}
	var b strings.Builder
	for _, i := range cat.Ideas {
		to, ok := at[i.Into]
		if i.Into == 0 || !ok || to.Into != 0 {
			continue
		}
		for _, lang := range languages {
			fmt.Fprintf(&b, "%s/%s/ %s/%s/ 301\n", prefix(lang), i.Path(), prefix(lang), to.Path())
		}
	}
	if b.Len() == 0 {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(public, redirectName), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(b.String()); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
