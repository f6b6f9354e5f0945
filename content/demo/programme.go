package demo

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"servicepoint/content"
	"servicepoint/content/series"
)

// eventFile is an event as its JSON file tells it: either Start (and End) of a
// real event, or a Slot of the example programme.
type eventFile struct {
	Kind      string          `json:"kind"`
	Series    string          `json:"series"`
	Topic     string          `json:"topic"`
	Audience  []string        `json:"audience"`
	Provider  string          `json:"provider"`
	Organiser string          `json:"organiser"`
	Place     string          `json:"place"`
	District  string          `json:"district"`
	Online    bool            `json:"online"`
	Free      bool            `json:"free"`
	Start     string          `json:"start"` // Berlin: 2022-10-07T11:00, 2022-10-07 or 2022-10
	End       string          `json:"end"`   // as exact as Start, or empty
	Slot      *slot           `json:"slot"`
	Rule      string          `json:"rule"` // RFC 5545 RRULE of an event of the example programme that recurs
	Pools     []content.Pool  `json:"pools"`
	Booking   content.Booking `json:"booking"`

	Room         string                  `json:"room"`
	Languages    []string                `json:"languages"`
	SignLanguage bool                    `json:"sign_language"`
	Access       []string                `json:"access"`
	Stream       string                  `json:"stream"`
	People       []content.Person        `json:"people"`
	Programme    []content.ProgrammeItem `json:"programme"`
	Materials    []content.Material      `json:"materials"`
	Prices       []content.Price         `json:"prices"`
}

// slot is a time of the example programme, counted from the day of loading.
type slot struct {
	Days    int    `json:"days"`    // at least so many days ahead, 1 or more
	Weekday string `json:"weekday"` // Tuesday, Wednesday or Saturday
	From    string `json:"from"`    // 17:00, Berlin
	To      string `json:"to"`
}

// events gives the event of a file and its further dates.
func (r *reader) events(slug string, now time.Time) []content.Event {
	first, rule := r.event(slug, now)
	if rule == "" {
		r.programme = append(r.programme, first)
		return []content.Event{first}
	}
	dates, err := series.Dates(first.Start, rule, nil, nil)
	if err != nil {
		r.fail("events/"+slug+".json", err)
		return []content.Event{first}
	}
	first.Recurrence = content.Recurrence{Of: slug, Rule: rule}
	list := []content.Event{first}
	for _, start := range dates {
		switch day := start.In(content.Berlin); {
		case start.Equal(first.Start):
		case holiday(day):
			list[0].Recurrence.Except = append(list[0].Recurrence.Except, day.Format(time.DateOnly))
		default:
			next := first
			next.Slug, next.Recurrence = content.DateSlug(slug, start), content.Recurrence{Of: slug}
			next.Start, next.End = start.UTC(), series.Shift(first.End, first.Start, start).UTC()
			list = append(list, next)
		}
	}
	r.programme = append(r.programme, list...)
	return list
}

// occupied reports whether another event has the place and room at that time. Holidays push
// slots together that lie apart in other weeks.
func (r *reader) occupied(e content.Event) bool {
	return slices.ContainsFunc(r.programme, func(x content.Event) bool {
		return x.Place == e.Place && x.Room == e.Room && x.Start.Before(e.End) && e.Start.Before(x.End)
	})
}

// event reads the event of a file and its rule of recurrence.
func (r *reader) event(slug string, now time.Time) (e content.Event, rule string) {
	file := "events/" + slug + ".json"
	var f eventFile
	r.json(file, &f)
	e = content.Event{
		Slug: slug, Kind: f.Kind, Series: f.Series, Topic: f.Topic, Audience: f.Audience,
		Provider: f.Provider, Organiser: f.Organiser, Place: f.Place, District: f.District,
		Online: f.Online, Free: f.Free, Pools: f.Pools, Booking: f.Booking, Texts: map[string]content.EventText{},
		Room: f.Room, Languages: f.Languages, SignLanguage: f.SignLanguage, Access: f.Access, Stream: f.Stream,
		People: f.People, Programme: f.Programme, Materials: f.Materials, Prices: f.Prices,
	}
	var err error
	switch {
	case (f.Slot == nil) == (f.Start == ""):
		err = errors.New("needs either a start or a slot")
	case f.Slot != nil:
		e.Precision = content.ToMinute
		for day := now; err == nil && (e.Start.IsZero() || r.occupied(e)); day = day.AddDate(0, 0, 7) {
			e.Start, e.End, err = f.Slot.next(day)
		}
	default:
		e.Start, e.End, e.Precision, err = parseTimes(f.Start, f.End)
	}
	r.fail(file, err)
	for lang, doc := range r.texts("events", slug) {
		e.Texts[lang] = content.EventText{Title: doc.Title, Summary: doc.Lead, Body: doc.Body}
	}
	return e, f.Rule
}

// parseTimes reads the start and end of a real event; their form tells how
// exactly they are known. A last day or month is given by its beginning.
func parseTimes(start, end string) (from, to time.Time, precision string, err error) {
	layouts := map[string]string{
		content.ToMinute: "2006-01-02T15:04",
		content.ToDay:    "2006-01-02",
		content.ToMonth:  "2006-01",
	}
	for p, layout := range layouts {
		if len(start) == len(layout) {
			precision = p
		}
	}
	if precision == "" {
		return from, to, "", fmt.Errorf("not a time: %q", start)
	}
	if from, err = time.ParseInLocation(layouts[precision], start, content.Berlin); err != nil {
		return time.Time{}, to, "", err
	}
	if end != "" {
		if to, err = time.ParseInLocation(layouts[precision], end, content.Berlin); err != nil {
			return time.Time{}, time.Time{}, "", err
		}
		if to.Before(from) {
			return time.Time{}, time.Time{}, "", fmt.Errorf("ends at %s, before it starts at %s", end, start)
		}
		to = to.UTC()
	}
	return from.UTC(), to, precision, nil
}

var weekdays = map[string]time.Weekday{"Tuesday": time.Tuesday, "Wednesday": time.Wednesday, "Saturday": time.Saturday}

// next gives the slot's first time that is enough days after now, on a day
// when the house is open.
func (s slot) next(now time.Time) (start, end time.Time, err error) {
	weekday, ok := weekdays[s.Weekday]
	if !ok || s.Days < 1 {
		return start, end, fmt.Errorf("slot %+v: wants 1 day or more and Tuesday, Wednesday or Saturday", s)
	}
	from, err := time.Parse("15:04", s.From)
	if err != nil {
		return start, end, err
	}
	to, err := time.Parse("15:04", s.To)
	if err != nil {
		return start, end, err
	}
	if !to.After(from) {
		return start, end, fmt.Errorf("slot %+v: ends before it starts", s)
	}
	y, m, d := now.In(content.Berlin).Date()
	day := time.Date(y, m, d+s.Days, 0, 0, 0, 0, content.Berlin)
	for day.Weekday() != weekday || holiday(day) {
		day = day.AddDate(0, 0, 1)
	}
	at := func(clock time.Time) time.Time {
		return time.Date(day.Year(), day.Month(), day.Day(), clock.Hour(), clock.Minute(), 0, 0, content.Berlin).UTC()
	}
	return at(from), at(to), nil
}

// holiday reports the public holidays of Hesse that can fall on a Tuesday,
// Wednesday or Saturday, and the days around the turn of the year. The holidays
// that move with Easter are Mondays, Thursdays and a Friday.
func holiday(day time.Time) bool {
	switch month, d := day.Month(), day.Day(); month {
	case time.January:
		return d == 1
	case time.May:
		return d == 1
	case time.October:
		return d == 3
	case time.December:
		return d >= 24
	}
	return false
}
