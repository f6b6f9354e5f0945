package site

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/ical"
)

// Files beside pages: the entry of one event, and the calendar of a list.
const (
	calendarFile = "termin.ics"
	feedFile     = "kalender.ics"
	jsonFile     = "feed.json"
)

// writeCalendars writes what templates cannot fold at 75 octets: the feed of
// each language, /veranstaltungen/kalender.ics, with everything to come and the
// last month, and one file per event still to come in every language that its
// text is in; beside each view (by topic, audience, place, series) the feed of its events.
// Cancelled events stay in the feeds as cancelled.
// Events of which only the month is known are left out.
func writeCalendars(public string, cat content.Catalogue, languages []string) error {
	for _, lang := range languages {
		w, err := words(lang)
		if err != nil {
			return err
		}
		feed := ical.Calendar{Name: w["events"] + " – Kassel Service Point", Method: ical.Publish}
		dir := filepath.Join(public, prefix(lang), eventsSection)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		coming, past := split(cat)
		byView := map[string][]ical.Event{}
		for _, ev := range append(coming, past...) {
			if ev.Precision == content.ToMonth {
				continue
			}
			if !over(ev, cat.Now.AddDate(0, -1, 0)) {
				entry := calendarEvent(cat, ev, lang)
				feed.Events = append(feed.Events, entry)
				for _, v := range viewsOf(ev) {
					byView[v.path()] = append(byView[v.path()], entry)
				}
			}
			if _, own := ev.Texts[lang]; over(ev, cat.Now) || !own && lang != content.German {
				continue
			}
			one := ical.Calendar{Method: ical.Publish, Events: []ical.Event{calendarEvent(cat, ev, lang)}}
			if err := os.WriteFile(filepath.Join(dir, ev.Slug, calendarFile), one.Bytes(), 0o644); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(dir, feedFile), feed.Bytes(), 0o644); err != nil {
			return err
		}
		e := &edition{Catalogue: cat, lang: lang, words: w, topics: map[string]content.Topic{}}
		for _, t := range cat.Topics {
			e.topics[t.Slug] = t
		}
		for _, v := range views(cat.Events) {
			one := ical.Calendar{Name: w["events"] + ": " + e.called(v).Text + " – Kassel Service Point", Method: ical.Publish, Events: byView[v.path()]}
			if err := os.MkdirAll(filepath.Join(dir, v.path()), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, v.path(), feedFile), one.Bytes(), 0o644); err != nil {
				return err
			}
		}
		if err := e.writeJSONFeed(filepath.Join(dir, jsonFile), coming); err != nil {
			return err
		}
	}
	return nil
}

func calendarEvent(cat content.Catalogue, ev content.Event, lang string) ical.Event {
	text, _ := pick(ev.Texts, lang)
	about := text.Summary
	if reason, _ := ev.Reason.In(lang); reason != "" && (ev.Cancelled || ev.Moved()) {
		about = strings.TrimSpace(reason + "\n" + about)
	}
	stamp := ev.Updated
	if stamp.IsZero() {
		stamp = ev.Published
	}
	if stamp.IsZero() {
		stamp = time.Unix(0, 0)
	}
	status := ical.Confirmed
	if ev.Cancelled {
		status = ical.Cancelled
	}
	host := "service-point"
	if u, err := url.Parse(cat.Origin); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	return ical.Event{
		UID: ev.Slug + "@" + host, Sequence: ev.Sequence, Stamp: stamp.UTC(),
		Start: ev.Start, End: ev.End, AllDay: ev.Precision == content.ToDay,
		Summary: text.Title, Description: about, Location: ev.Where(), Status: status,
		URL: cat.Origin + prefix(lang) + "/" + eventsSection + "/" + ev.Slug + "/",
	}
}

// writeJSONFeed writes what the RSS feed says as a JSON Feed 1.1.
func (e *edition) writeJSONFeed(file string, coming []content.Event) error {
	type item struct {
		ID        string `json:"id"`
		URL       string `json:"url"`
		Title     string `json:"title"`
		Text      string `json:"content_text"`
		Published string `json:"date_published"`
	}
	at := e.Origin + e.url("/"+eventsSection+"/")
	feed := struct {
		Version  string `json:"version"`
		Title    string `json:"title"`
		Home     string `json:"home_page_url"`
		Feed     string `json:"feed_url"`
		Language string `json:"language"`
		Items    []item `json:"items"`
	}{"https://jsonfeed.org/version/1.1", e.words["events"] + " – Kassel Service Point", at, at + jsonFile, content.Locale(e.lang), []item{}}
	for _, x := range e.feed(coming) {
		feed.Items = append(feed.Items, item{x.URL, x.URL, x.Text, x.Note, x.When})
	}
	b, err := json.Marshal(feed)
	if err != nil {
		return err
	}
	return os.WriteFile(file, neutralise(b), 0o644)
}
