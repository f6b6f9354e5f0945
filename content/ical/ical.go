// Package ical writes iCalendar objects (RFC 5545) that calendars at home, in
// offices and on phones understand.
//
// It does not know events of the platform, bookings or mail. A [Calendar] holds
// [Event] values; [Calendar.Bytes] gives the text: CRLF line ends, lines folded
// at 75 octets, times in Europe/Berlin with their VTIMEZONE, DTSTAMP in UTC.
package ical

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"servicepoint/content"
)

// Methods (RFC 5546). A feed that people subscribe to is published; a booking
// confirmation is a request; its withdrawal a cancel.
const (
	Publish = "PUBLISH"
	Request = "REQUEST"
	Cancel  = "CANCEL"
)

// Values of [Event.Status].
const (
	Confirmed = "CONFIRMED"
	Tentative = "TENTATIVE"
	Cancelled = "CANCELLED"
)

const productID = "-//Stadt Kassel//Kassel Service Point//DE"

// Calendar is one iCalendar object.
type Calendar struct {
	Name   string // shown by calendars that subscribe; may be empty
	Method string // Publish, Request, Cancel or empty
	Events []Event
}

// Event is one VEVENT. Texts are plain; line breaks are kept.
type Event struct {
	UID      string    // the same for life, however often the event changes
	Sequence int       // raised when start, end or place change, and on cancelling
	Stamp    time.Time // when this version was written; never zero
	Start    time.Time
	End      time.Time // zero: unknown, left out
	AllDay   bool      // Start and End name days in Berlin; End is the last day

	Summary     string
	Description string
	Location    string
	URL         string
	Status      string // Confirmed, Tentative, Cancelled or empty
	Categories  []string

	Organizer *Address // needed with Request and Cancel (RFC 5546)
	Attendee  *Address // who booked; has accepted by booking
}

// Address is a person or office with an e-mail address.
type Address struct{ Name, Email string }

// The rules of Berlin since 1996, as calendars without a time zone database
// need them.
const berlin = "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n" +
	"BEGIN:DAYLIGHT\r\nTZNAME:CEST\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n" +
	"DTSTART:19810329T020000\r\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\nEND:DAYLIGHT\r\n" +
	"BEGIN:STANDARD\r\nTZNAME:CET\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\n" +
	"DTSTART:19961027T030000\r\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nEND:STANDARD\r\n" +
	"END:VTIMEZONE\r\n"

// Bytes writes the calendar in UTF-8. Characters that RFC 5545 forbids in texts
// (control characters, broken UTF-8) are left out or replaced, so that whatever
// was typed gives a valid object.
func (c Calendar) Bytes() []byte {
	var b bytes.Buffer
	line(&b, "BEGIN:VCALENDAR")
	line(&b, "VERSION:2.0")
	line(&b, "PRODID:"+productID)
	line(&b, "CALSCALE:GREGORIAN")
	if c.Method != "" {
		line(&b, "METHOD:"+token(c.Method))
	}
	text(&b, "NAME", c.Name) // RFC 7986
	text(&b, "X-WR-CALNAME", c.Name)
	b.WriteString(berlin)
	for _, e := range c.Events {
		e.write(&b, c.Method)
	}
	line(&b, "END:VCALENDAR")
	return b.Bytes()
}

func (e Event) write(b *bytes.Buffer, method string) {
	line(b, "BEGIN:VEVENT")
	text(b, "UID", e.UID)
	line(b, "DTSTAMP:"+utc(e.Stamp))
	line(b, fmt.Sprintf("SEQUENCE:%d", max(e.Sequence, 0)))
	if e.AllDay {
		e.writeDays(b)
	} else {
		line(b, "DTSTART"+moment(e.Start))
		if e.End.After(e.Start) { // RFC 5545 wants DTEND later than DTSTART
			line(b, "DTEND"+moment(e.End))
		}
	}
	text(b, "SUMMARY", e.Summary)
	text(b, "DESCRIPTION", e.Description)
	text(b, "LOCATION", e.Location)
	if e.URL != "" {
		line(b, "URL:"+uri(e.URL))
	}
	status := e.Status
	if status == "" && method == Cancel {
		status = Cancelled
	}
	if status != "" {
		line(b, "STATUS:"+token(status))
	}
	if len(e.Categories) > 0 {
		parts := make([]string, len(e.Categories))
		for i, s := range e.Categories {
			parts[i] = Escape(s)
		}
		line(b, "CATEGORIES:"+strings.Join(parts, ","))
	}
	if e.Organizer != nil {
		line(b, "ORGANIZER"+e.Organizer.name()+":mailto:"+uri(e.Organizer.Email))
	}
	if e.Attendee != nil {
		line(b, "ATTENDEE"+e.Attendee.name()+";ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;RSVP=FALSE:mailto:"+uri(e.Attendee.Email))
	}
	line(b, "END:VEVENT")
}

// writeDays writes DATE values; DTEND is the day after the last one.
func (e Event) writeDays(b *bytes.Buffer) {
	start := e.Start.In(content.Berlin)
	line(b, "DTSTART;VALUE=DATE:"+start.Format("20060102"))
	last := e.End.In(content.Berlin)
	if e.End.Before(e.Start) {
		last = start
	}
	next := time.Date(last.Year(), last.Month(), last.Day()+1, 12, 0, 0, 0, time.UTC)
	line(b, "DTEND;VALUE=DATE:"+next.Format("20060102"))
}

func utc(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// moment is the rest of a DTSTART or DTEND line. A wall-clock time that happens twice (the
// night the clock is put back) means its first occurrence (RFC 5545, 3.3.5), but ical.js takes
// it for the second: both are written in UTC.
func moment(t time.Time) string {
	wall := func(t time.Time) string { return t.In(content.Berlin).Format("20060102T150405") }
	if wall(t) == wall(t.Add(time.Hour)) || wall(t) == wall(t.Add(-time.Hour)) {
		return ":" + utc(t)
	}
	return ";TZID=Europe/Berlin:" + wall(t)
}

func text(b *bytes.Buffer, name, value string) {
	if value != "" {
		line(b, name+":"+Escape(value))
	}
}

var escapes = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`)

// Escape writes a TEXT value (RFC 5545, 3.3.11). Line breaks of every kind
// become \n; other control characters but the tab are dropped.
func Escape(s string) string { return escapes.Replace(clean(s)) }

// clean makes s valid UTF-8 with \n as the only line break.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\u0085', r == '\u2028', r == '\u2029':
			return '\n'
		case r == '\t':
			return r
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, s)
}

// name is the CN parameter. A quoted parameter can hold neither quotes nor
// line breaks.
func (a Address) name() string {
	s := strings.NewReplacer(`"`, "'", "\n", " ").Replace(clean(a.Name))
	if s == "" {
		return ""
	}
	return `;CN="` + s + `"`
}

// uri percent-encodes what no URI may hold, and leaves the rest as it is.
func uri(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>\^{|}`+"`", c) >= 0:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// token keeps letters, digits and hyphens (iana-token).
func token(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return unicode.ToUpper(r)
		}
		return -1
	}, s)
}

// line writes one content line, folded at 75 octets without cutting a character.
func line(b *bytes.Buffer, s string) {
	for limit := 75; len(s) > limit; limit = 74 { // the leading blank counts
		cut := limit
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		b.WriteString(s[:cut])
		b.WriteString("\r\n ")
		s = s[cut:]
	}
	b.WriteString(s)
	b.WriteString("\r\n")
}
