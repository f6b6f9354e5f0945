package site

import (
	"fmt"
	"time"

	"servicepoint/content"
)

var (
	germanMonths = []string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"}
	germanDays   = []string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"}
	germanShort  = []string{"Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."}

	months = map[string][]string{
		content.German:  germanMonths,
		content.English: {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
		content.Easy:    germanMonths,
	}
	shortMonths = map[string][]string{
		content.German:  germanShort,
		content.English: {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
		content.Easy:    germanShort,
	}
	weekdays = map[string][]string{
		content.German:  germanDays,
		content.English: {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
		content.Easy:    germanDays,
	}
)

// when says in words when an event takes place, in Berlin time and no finer than
// it is known.
func when(lang string, ev content.Event) string {
	start, end := ev.Start.In(content.Berlin), ev.End.In(content.Berlin)
	if ev.Precision == content.ToMonth {
		return months[lang][start.Month()-1] + start.Format(" 2006")
	}
	if ev.Precision == content.ToDay {
		if ev.End.IsZero() || sameDay(start, end) {
			return longDay(lang, start)
		}
		return longDay(lang, start) + to(lang) + longDay(lang, end)
	}
	switch {
	case ev.End.IsZero() || !end.After(start):
		return longDay(lang, start) + ", " + clock(lang, start) + oClock(lang)
	case sameDay(start, end):
		if lang == content.Easy {
			return longDay(lang, start) + ", von " + clock(lang, start) + " Uhr bis " + clock(lang, end) + " Uhr"
		}
		return longDay(lang, start) + ", " + clock(lang, start) + to(lang) + clock(lang, end) + oClock(lang)
	}
	return longDay(lang, start) + ", " + clock(lang, start) + oClock(lang) + to(lang) + longDay(lang, end) + ", " + clock(lang, end) + oClock(lang)
}

func to(lang string) string {
	if lang == content.English {
		return " to "
	}
	return " bis "
}

func oClock(lang string) string {
	if lang == content.English {
		return ""
	}
	return " Uhr"
}

// clock writes a time of day; Leichte Sprache leaves out ":00".
func clock(lang string, t time.Time) string {
	if lang == content.Easy && t.Minute() == 0 {
		return t.Format("15")
	}
	return t.Format("15:04")
}

func longDay(lang string, t time.Time) string {
	return weekdays[lang][t.Weekday()] + ", " + date(lang, t)
}

func date(lang string, t time.Time) string {
	dot := "."
	if lang == content.English {
		dot = ""
	}
	return fmt.Sprintf("%d%s %s %d", t.Day(), dot, months[lang][t.Month()-1], t.Year())
}

// day writes a date, "" for the zero time.
func (e *edition) day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return date(e.lang, t.In(content.Berlin))
}

func (e *edition) euros(cents int) string { return content.Euros(cents, e.lang) }

func sameDay(a, b time.Time) bool { return a.Year() == b.Year() && a.YearDay() == b.YearDay() }

// isoStart writes the start as ISO 8601, no finer than it is known.
func isoStart(ev content.Event) string { return iso(ev.Start, ev.Precision) }

func isoEnd(ev content.Event) string {
	if ev.End.IsZero() {
		return ""
	}
	return iso(ev.End, ev.Precision)
}

func iso(t time.Time, precision string) string {
	t = t.In(content.Berlin)
	switch precision {
	case content.ToMonth:
		return t.Format("2006-01")
	case content.ToDay:
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339)
}

// over reports whether an event has ended: at its end, or two hours after a
// start whose end is unknown, or with the day or month when only that is known.
func over(ev content.Event, now time.Time) bool {
	last := ev.Start.In(content.Berlin)
	if ev.End.After(ev.Start) {
		last = ev.End.In(content.Berlin)
	}
	switch ev.Precision {
	case content.ToMonth:
		return !now.Before(time.Date(last.Year(), last.Month()+1, 1, 0, 0, 0, 0, content.Berlin))
	case content.ToDay:
		return !now.Before(time.Date(last.Year(), last.Month(), last.Day()+1, 0, 0, 0, 0, content.Berlin))
	}
	if !ev.End.After(ev.Start) {
		last = last.Add(2 * time.Hour)
	}
	return !now.Before(last)
}
