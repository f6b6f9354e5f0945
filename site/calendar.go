package site

import (
	"net/url"
	"os"
	"path/filepath"
	"time"

	"servicepoint/content"
	"servicepoint/content/ical"
)

// calendarFile is the iCalendar file beside an event's page.
const calendarFile = "termin.ics"

// writeCalendars writes what templates cannot fold at 75 octets: the feed of
// each language, /veranstaltungen/kalender.ics, with everything to come and the
// last month, and one file per event still to come in every language that its
// text is in.
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
		for _, ev := range append(coming, past...) {
			if ev.Precision == content.ToMonth {
				continue
			}
			if !over(ev, cat.Now.AddDate(0, -1, 0)) {
				feed.Events = append(feed.Events, calendarEvent(cat, ev, lang))
			}
			if _, own := ev.Texts[lang]; over(ev, cat.Now) || !own && lang != content.German {
				continue
			}
			one := ical.Calendar{Method: ical.Publish, Events: []ical.Event{calendarEvent(cat, ev, lang)}}
			if err := os.WriteFile(filepath.Join(dir, ev.Slug, calendarFile), one.Bytes(), 0o644); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "kalender.ics"), feed.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func calendarEvent(cat content.Catalogue, ev content.Event, lang string) ical.Event {
	text, _ := pick(ev.Texts, lang)
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
		Summary: text.Title, Description: text.Summary, Location: ev.Place, Status: status,
		URL: cat.Origin + prefix(lang) + "/" + eventsSection + "/" + ev.Slug + "/",
	}
}
