package appointments

import (
	"fmt"
	"time"

	"servicepoint/content"
)

var (
	weekdaysDE = [...]string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"}
	monthsDE   = [...]string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"}
)

// when tells a moment in Berlin: "Mittwoch, 9. Dezember 2026, 18:00 Uhr".
func when(t time.Time, lang string) string { return sayDay(t, lang) + ", " + clock(t, lang) }

func sayDay(t time.Time, lang string) string {
	t = t.In(content.Berlin)
	if lang == content.English {
		return t.Format("Monday, 2 January 2006")
	}
	return fmt.Sprintf("%s, %d. %s %d", weekdaysDE[t.Weekday()], t.Day(), monthsDE[t.Month()-1], t.Year())
}

// clock tells the time of day; in the hour that happens twice it says which.
func clock(t time.Time, lang string) string {
	t = t.In(content.Berlin)
	s := t.Format("15:04")
	if lang != content.English {
		s += " Uhr"
	}
	wall := t.Format("02 15:04")
	for _, other := range []time.Time{t.Add(-time.Hour), t.Add(time.Hour)} {
		if other.Format("02 15:04") == wall {
			s += " (" + t.Format("MST") + ")"
		}
	}
	return s
}
