// Package demo holds the content that an empty instance starts with: the real
// partners, topics, districts and services of the Kassel Service Point, real
// past events, an example programme for the Event Lounge, the pages and two
// surveys.
//
// It knows nothing of databases or of the site: [Load] reads the files that are
// embedded here and gives them as the types of package content. Facts stand in
// small JSON files, texts beside them in one Markdown file per language; a file
// that breaks the form, or names something that does not exist, is an error.
//
// The programme is an example: its days are counted from the moment of loading,
// so that a fresh demo always has something to book. Everything else is fixed.
package demo

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
)

//go:embed *.json providers guides events pages surveys calls
var embedded embed.FS

// Content is everything that the demo publishes. Published and Updated times
// are zero: publishing sets them.
type Content struct {
	Providers      []content.Provider
	Topics         []content.Topic
	Districts      []content.District
	Guides         []content.Guide
	Events         []content.Event
	Pages          []content.Page
	Questionnaires []survey.Questionnaire
	Calls          []content.Call
	Ideas          []content.Idea // examples, marked as such in their texts
}

// Load reads the embedded content. The example programme lies after now; two
// calls on the same Berlin day give the same.
func Load(now time.Time) (Content, error) { return load(embedded, now) }

func load(files fs.FS, now time.Time) (Content, error) {
	var c Content
	r := &reader{files: files}
	r.json("topics.json", &c.Topics)
	r.json("districts.json", &c.Districts)
	r.json("providers.json", &c.Providers)
	for i := range c.Providers {
		r.provider(&c.Providers[i])
	}
	for _, slug := range r.slugs("guides") {
		c.Guides = append(c.Guides, r.guide(slug))
	}
	for _, slug := range r.slugs("events") {
		c.Events = append(c.Events, r.events(slug, now)...)
	}
	for _, slug := range r.slugs("pages") {
		c.Pages = append(c.Pages, r.page(slug))
	}
	for _, slug := range r.slugs("surveys") {
		c.Questionnaires = append(c.Questionnaires, r.questionnaire(slug))
	}
	for _, slug := range r.slugs("calls") {
		c.Calls = append(c.Calls, r.call(slug))
	}
	r.json("ideas.json", &c.Ideas)
	r.strays()
	slices.SortStableFunc(c.Guides, func(a, b content.Guide) int { return a.Order - b.Order })
	slices.SortStableFunc(c.Events, func(a, b content.Event) int { return a.Start.Compare(b.Start) })
	slices.SortStableFunc(c.Pages, func(a, b content.Page) int { return a.Order - b.Order })
	r.problems = append(r.problems, c.check()...)
	return c, errors.Join(r.problems...)
}

// reader reads the files of one Content and collects what is wrong with them.
type reader struct {
	files     fs.FS
	problems  []error
	seen      map[string]bool // text files that were read
	programme []content.Event // those read so far
}

func (r *reader) fail(file string, err error) {
	if err != nil {
		r.problems = append(r.problems, fmt.Errorf("demo: %s: %w", file, err))
	}
}

// json decodes one file; unknown fields and anything after the value are errors.
func (r *reader) json(file string, into any) {
	b, err := fs.ReadFile(r.files, file)
	if err != nil {
		r.fail(file, err)
		return
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err = d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the JSON value")
		}
	}
	r.fail(file, err)
}

// slugs lists the JSON files of a folder without their ending.
func (r *reader) slugs(folder string) []string {
	names, err := fs.Glob(r.files, folder+"/*.json")
	r.fail(folder, err)
	for i, name := range names {
		names[i] = strings.TrimSuffix(path.Base(name), ".json")
	}
	return names
}

// texts reads the Markdown files that stand beside folder/slug, by language.
// German must be there.
func (r *reader) texts(folder, slug string) map[string]document {
	docs := map[string]document{}
	for _, lang := range content.Languages {
		file := folder + "/" + slug + "." + lang + ".md"
		b, err := fs.ReadFile(r.files, file)
		if errors.Is(err, fs.ErrNotExist) && lang != content.German {
			continue
		}
		if err != nil {
			r.fail(file, err)
			continue
		}
		if r.seen == nil {
			r.seen = map[string]bool{}
		}
		r.seen[file] = true
		doc, err := parseDocument(string(b))
		if err != nil {
			r.fail(file, err)
			continue
		}
		if lang == content.Easy {
			doc.Body = keepLines(doc.Body)
		}
		docs[lang] = doc
	}
	return docs
}

func (r *reader) provider(p *content.Provider) {
	p.About = content.Text{}
	for lang, doc := range r.texts("providers", p.Slug) {
		if doc.Title != p.Name {
			r.fail("providers/"+p.Slug+"."+lang+".md", fmt.Errorf("the title is %q, the name is %q", doc.Title, p.Name))
		}
		p.About[lang] = strings.TrimSpace(doc.Lead + "\n\n" + doc.Body)
	}
}

func (r *reader) guide(slug string) content.Guide {
	g := content.Guide{}
	r.json("guides/"+slug+".json", &g)
	if g.Slug != "" || g.Texts != nil {
		r.fail("guides/"+slug+".json", errors.New("slug and texts come from the file names"))
	}
	g.Slug, g.Texts = slug, map[string]content.GuideText{}
	for lang, doc := range r.texts("guides", slug) {
		t, err := doc.guide()
		r.fail("guides/"+slug+"."+lang+".md", err)
		g.Texts[lang] = t
	}
	return g
}

func (r *reader) page(slug string) content.Page {
	p := content.Page{}
	r.json("pages/"+slug+".json", &p)
	if p.Slug != "" || p.Texts != nil {
		r.fail("pages/"+slug+".json", errors.New("slug and texts come from the file names"))
	}
	p.Slug, p.Texts = slug, map[string]content.PageText{}
	for lang, doc := range r.texts("pages", slug) {
		p.Texts[lang] = content.PageText{Title: doc.Title, Summary: doc.Lead, Body: doc.Body}
	}
	return p
}

func (r *reader) questionnaire(slug string) survey.Questionnaire {
	var q survey.Questionnaire
	r.json("surveys/"+slug+".json", &q)
	if q.Slug != slug {
		r.fail("surveys/"+slug+".json", fmt.Errorf("the slug inside is %q", q.Slug))
	}
	return q
}

func (r *reader) call(slug string) content.Call {
	var c content.Call
	r.json("calls/"+slug+".json", &c)
	if c.Slug != slug {
		r.fail("calls/"+slug+".json", fmt.Errorf("the slug inside is %q", c.Slug))
	}
	r.fail("calls/"+slug+".json", c.Check().Err())
	return c
}

// strays reports text files that nothing read: a misspelt slug or language.
func (r *reader) strays() {
	r.fail(".", fs.WalkDir(r.files, ".", func(file string, d fs.DirEntry, err error) error {
		if err == nil && path.Ext(file) == ".md" && !r.seen[file] {
			r.fail(file, errors.New("belongs to nothing"))
		}
		return err
	}))
}

// check reports slugs given twice and references that lead nowhere.
func (c Content) check() []error {
	var problems []error
	fail := func(of, slug, what, value string) {
		problems = append(problems, fmt.Errorf("demo: %s %s: %s %q", of, slug, what, value))
	}
	known := map[string]map[string]bool{}
	add := func(of, slug string) {
		if known[of] == nil {
			known[of] = map[string]bool{}
		}
		if known[of][slug] {
			fail(of, slug, "is there twice", slug)
		}
		if !content.IsSlug(slug) {
			fail(of, slug, "cannot be in an address", slug)
		}
		known[of][slug] = true
	}
	for _, t := range c.Topics {
		add("topic", t.Slug)
	}
	for _, d := range c.Districts {
		add("district", d.Slug)
	}
	for _, p := range c.Providers {
		add("provider", p.Slug)
		if !known["topic"][p.Topic] {
			fail("provider", p.Slug, "no such topic", p.Topic)
		}
	}
	for _, q := range c.Questionnaires {
		add("survey", q.Slug)
	}
	for _, p := range c.Pages {
		add("page", p.Slug)
	}
	for _, call := range c.Calls {
		add("call", call.Slug)
		for _, topic := range call.Topics {
			if !known["topic"][topic] {
				fail("call", call.Slug, "no such topic", topic)
			}
		}
	}
	for _, i := range c.Ideas {
		if !known["call"][i.Call] || !known["topic"][i.Topic] || i.District != "" && !known["district"][i.District] {
			fail("idea", i.Title, "no such call, topic or district", i.Call+" "+i.Topic+" "+i.District)
		}
	}
	for _, g := range c.Guides {
		add("guide", g.Slug)
		if !known["provider"][g.Provider] {
			fail("guide", g.Slug, "no such provider", g.Provider)
		}
		if !known["topic"][g.Topic] {
			fail("guide", g.Slug, "no such topic", g.Topic)
		}
	}
	for _, e := range c.Events {
		add("event", e.Slug)
		if e.Provider != "" && !known["provider"][e.Provider] {
			fail("event", e.Slug, "no such provider", e.Provider)
		}
		if !known["topic"][e.Topic] {
			fail("event", e.Slug, "no such topic", e.Topic)
		}
		if e.District != "" && !known["district"][e.District] {
			fail("event", e.Slug, "no such district", e.District)
		}
		if !slices.Contains(content.EventKinds, e.Kind) {
			fail("event", e.Slug, "no such kind", e.Kind)
		}
	}
	return problems
}
