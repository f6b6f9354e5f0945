package content

import (
	"fmt"
	"time"
)

var (
	weekdays = [...]string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"}
	months   = [...]string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"}
)

// DayInWords is a day in Berlin: "Mittwoch, 2. Dezember 2026".
func DayInWords(t time.Time, lang string) string {
	t = t.In(Berlin)
	if lang == English {
		return t.Format("Monday, 2 January 2006")
	}
	return fmt.Sprintf("%s, %d. %s %d", weekdays[t.Weekday()], t.Day(), months[t.Month()-1], t.Year())
}

// ClockInWords is a time of day in Berlin: "18:00 Uhr".
func ClockInWords(t time.Time, lang string) string {
	s := t.In(Berlin).Format("15:04")
	if lang == English {
		return s
	}
	return s + " Uhr"
}
