package booking

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
)

// shelf keeps the parsed copies of published events. The database is asked every
// time whether a copy is still the current one; only the parsing is saved.
type shelf struct {
	mu    sync.Mutex
	known map[string]known
}

type known struct {
	stamp string // revision and time of the last change
	event content.Event
}

const stamp = `(rev || ' ' || updated)`

// published returns the live copy of one event, base.ErrNotFound when there is none.
func (s *shelf) published(db dbx.Builder, slug string) (content.Event, error) {
	if !content.IsSlug(slug) {
		return content.Event{}, base.ErrNotFound
	}
	s.mu.Lock()
	k := s.known[slug]
	s.mu.Unlock()
	var row struct {
		Stamp string `db:"stamp"`
		Live  string `db:"live"`
	}
	err := db.NewQuery(`SELECT ` + stamp + ` AS stamp, CASE WHEN ` + stamp + ` = {:stamp} THEN '' ELSE coalesce(live, '') END AS live
		FROM events WHERE slug = {:slug} AND state = 'published'`).Bind(dbx.Params{"slug": slug, "stamp": k.stamp}).One(&row)
	if base.IsNoRows(err) {
		return content.Event{}, base.ErrNotFound
	}
	if err != nil {
		return content.Event{}, err
	}
	if row.Stamp == k.stamp {
		return k.event, nil
	}
	ev, err := parseEvent(slug, row.Live)
	if err != nil {
		return content.Event{}, err
	}
	s.mu.Lock()
	s.known[slug] = known{stamp: row.Stamp, event: ev}
	s.mu.Unlock()
	return ev, nil
}

// all returns every published event, ordered by start.
func (s *shelf) all(db dbx.Builder) ([]content.Event, error) {
	var rows []struct {
		Slug  string `db:"slug"`
		Stamp string `db:"stamp"`
	}
	if err := db.NewQuery(`SELECT slug, ` + stamp + ` AS stamp FROM events WHERE state = 'published'`).All(&rows); err != nil {
		return nil, err
	}
	events := make([]content.Event, 0, len(rows))
	for _, row := range rows {
		s.mu.Lock()
		k := s.known[row.Slug]
		s.mu.Unlock()
		if k.stamp != row.Stamp {
			ev, err := s.published(db, row.Slug)
			if err == base.ErrNotFound {
				continue // withdrawn in between
			}
			if err != nil {
				return nil, err
			}
			k.event = ev
		}
		events = append(events, k.event)
	}
	slices.SortFunc(events, func(a, b content.Event) int {
		if c := a.Start.Compare(b.Start); c != 0 {
			return c
		}
		if a.Slug < b.Slug {
			return -1
		}
		return 1
	})
	return events, nil
}

// anyEvent returns an event whatever its state: the live copy, or else the working
// copy, or else nothing but the slug. Mails and retention need it for events
// that were withdrawn.
func anyEvent(db dbx.Builder, slug string) (ev content.Event, found bool, err error) {
	var doc string
	err = db.NewQuery(`SELECT CASE WHEN live IS NULL OR live IN ('', 'null') THEN coalesce(doc, '') ELSE live END
		FROM events WHERE slug = {:slug}`).Bind(dbx.Params{"slug": slug}).Row(&doc)
	if base.IsNoRows(err) {
		return content.Event{Slug: slug}, false, nil
	}
	if err != nil {
		return content.Event{}, false, err
	}
	ev, err = parseEvent(slug, doc)
	return ev, err == nil, err
}

func parseEvent(slug, doc string) (content.Event, error) {
	var ev content.Event
	if err := json.Unmarshal([]byte(doc), &ev); err != nil {
		return content.Event{}, fmt.Errorf("event %s: %w", slug, err)
	}
	ev.Slug = slug
	return ev, nil
}

// endOf is the moment an event is over. Without an end it lasts until midnight of
// its day in Berlin; dates known to the day or month last until that has passed.
func endOf(ev content.Event) time.Time {
	last := ev.Start
	if !ev.End.IsZero() {
		last = ev.End
	}
	local := last.In(content.Berlin)
	switch {
	case ev.Precision == content.ToMonth:
		return time.Date(local.Year(), local.Month()+1, 1, 0, 0, 0, 0, content.Berlin)
	case ev.Precision == content.ToDay || ev.End.IsZero():
		return time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, content.Berlin)
	}
	return last
}

func isOver(ev content.Event, now time.Time) bool { return !now.Before(endOf(ev)) }

// text is the event in a language, German where that is missing.
func text(ev content.Event, lang string) (t content.EventText, used string) {
	if t, ok := ev.Texts[lang]; ok && t.Title != "" {
		return t, lang
	}
	return ev.Texts[content.German], content.German
}
