package booking

import (
	"fmt"
	"time"

	"servicepoint/content"
)

var (
	weekdaysDE = [...]string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"}
	monthsDE   = [...]string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"}
)

// when tells the time of an event in Berlin: "Mittwoch, 9. Dezember 2026, 18:00
// bis 20:00 Uhr".
func when(ev content.Event, lang string) string {
	if ev.Start.IsZero() {
		return "–"
	}
	start, end := ev.Start.In(content.Berlin), ev.End.In(content.Berlin)
	sameDay := ev.End.IsZero() || start.Format(time.DateOnly) == end.Format(time.DateOnly)
	to := " bis "
	if lang == content.English {
		to = " to "
	}
	switch {
	case ev.Precision == content.ToMonth:
		return month(start, lang)
	case ev.Precision == content.ToDay && sameDay:
		return day(start, lang)
	case ev.Precision == content.ToDay:
		return day(start, lang) + to + day(end, lang)
	case ev.End.IsZero():
		return day(start, lang) + ", " + clock(start, lang)
	case sameDay && lang == content.English:
		return day(start, lang) + ", " + start.Format("15:04") + to + end.Format("15:04")
	case sameDay:
		return day(start, lang) + ", " + start.Format("15:04") + to + clock(end, lang)
	}
	return day(start, lang) + ", " + clock(start, lang) + to + day(end, lang) + ", " + clock(end, lang)
}

func month(t time.Time, lang string) string {
	if lang == content.English {
		return t.Format("January 2006")
	}
	return fmt.Sprintf("%s %d", monthsDE[t.Month()-1], t.Year())
}

func day(t time.Time, lang string) string {
	if lang == content.English {
		return t.Format("Monday, 2 January 2006")
	}
	return fmt.Sprintf("%s, %d. %s", weekdaysDE[t.Weekday()], t.Day(), month(t, lang))
}

func clock(t time.Time, lang string) string {
	if lang == content.English {
		return t.Format("15:04")
	}
	return t.Format("15:04") + " Uhr"
}
