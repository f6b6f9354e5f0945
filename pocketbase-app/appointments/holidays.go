package appointments

import "time"

// easter is Easter Sunday of a year of the Gregorian calendar (Meeus, Jones and
// Butcher).
func easter(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	f := (b + 8) / 25
	g := (b - f + 1) / 3
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return time.Date(year, time.Month(n/31), n%31+1, 0, 0, 0, 0, time.UTC)
}

// holiday names the public holiday of Hesse on a day (HFeiertagsG § 1), "" on
// other days. Easter Sunday and Whit Sunday are Sundays like others there.
func holiday(day time.Time) string {
	switch day.Format("01-02") {
	case "01-01":
		return "Neujahr"
	case "05-01":
		return "Tag der Arbeit"
	case "10-03":
		return "Tag der Deutschen Einheit"
	case "12-25":
		return "1. Weihnachtstag"
	case "12-26":
		return "2. Weihnachtstag"
	}
	switch sunday := easter(day.Year()); day.YearDay() - sunday.YearDay() {
	case -2:
		return "Karfreitag"
	case 1:
		return "Ostermontag"
	case 39:
		return "Christi Himmelfahrt"
	case 50:
		return "Pfingstmontag"
	case 60:
		return "Fronleichnam"
	}
	return ""
}
