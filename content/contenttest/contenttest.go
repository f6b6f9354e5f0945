// Package contenttest gives tests and benchmarks as much content as they want.
//
// It knows nothing of databases or sites: [Many] repeats the texts of package
// demo, each copy with a slug, a date and sentences of its own, so that nothing
// that remembers texts can answer from memory.
package contenttest

import (
	"fmt"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/demo"
)

// Many gives a catalogue with n guides and events, half of each, in German and
// English. The first copy of each keeps its slug, because texts link to it.
func Many(n int, now time.Time) (content.Catalogue, error) {
	c, err := demo.Load(now)
	if err != nil {
		return content.Catalogue{}, err
	}
	cat := content.Catalogue{
		Providers: c.Providers, Topics: c.Topics, Districts: c.Districts, Pages: c.Pages,
		Origin: "https://service-point.example", Now: now,
	}
	for i, p := range cat.Pages {
		cat.Pages[i].Texts = bilingual(p.Texts, func(t content.PageText) content.PageText {
			t.Body = strings.ReplaceAll(t.Body, "(/ls/", "(/en/") // there is no Leichte Sprache
			return t
		})
	}
	for _, q := range c.Questionnaires {
		cat.Surveys = append(cat.Surveys, content.Survey{Slug: q.Slug, Title: q.Title, Intro: q.Intro, Stored: q.Stored(), Opens: q.Opens, Closes: q.Closes, Items: len(q.Items()), Minutes: q.Minutes})
	}
	for i := range n - n/2 {
		g, copy := c.Guides[i%len(c.Guides)], i/len(c.Guides)
		g.Slug, g.Texts = slug(g.Slug, copy), bilingual(g.Texts, func(t content.GuideText) content.GuideText {
			t.Title = numbered(t.Title, copy)
			for _, module := range []*string{&t.Full, &t.Requirements, &t.Documents, &t.Fees, &t.Deadlines, &t.Duration, &t.LegalBasis, &t.Procedure, &t.Forms, &t.Office} {
				*module = edited(*module, copy)
			}
			return t
		})
		g.Order, g.Published, g.Updated = i, now, now
		cat.Guides = append(cat.Guides, g)
	}
	for i := range n / 2 {
		e, copy := c.Events[i%len(c.Events)], i/len(c.Events)
		e.Slug, e.Texts = slug(e.Slug, copy), bilingual(e.Texts, func(t content.EventText) content.EventText {
			t.Title, t.Body = numbered(t.Title, copy), edited(t.Body, copy)
			return t
		})
		e.Start = e.Start.AddDate(0, 0, copy)
		if !e.End.IsZero() {
			e.End = e.End.AddDate(0, 0, copy)
		}
		e.Published, e.Updated = now, now
		cat.Events = append(cat.Events, e)
	}
	return cat, nil
}

func slug(s string, copy int) string {
	if copy == 0 {
		return s
	}
	return fmt.Sprintf("%s-%d", s, copy+1)
}

func numbered(title string, copy int) string {
	if copy == 0 {
		return title
	}
	return fmt.Sprintf("%s %d", title, copy+1)
}

func edited(md string, copy int) string {
	if md == "" || copy == 0 {
		return md
	}
	return fmt.Sprintf("%s\n\nAusgabe **%d**.", md, copy+1)
}

// bilingual gives the German and the English text; where nobody has written
// English, the German words stand in for it.
func bilingual[T any](texts map[string]T, edit func(T) T) map[string]T {
	german := texts[content.German]
	english, ok := texts[content.English]
	if !ok {
		english = german
	}
	return map[string]T{content.German: edit(german), content.English: edit(english)}
}
