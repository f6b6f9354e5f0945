package ical_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/content/ical"
	"servicepoint/content/ical/icaltest"

	"pgregory.net/rapid"
)

var stamp = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func berlin(y int, m time.Month, d, h, min int) time.Time {
	return time.Date(y, m, d, h, min, 0, 0, content.Berlin)
}

func ExampleCalendar_Bytes() {
	c := ical.Calendar{Method: ical.Request, Events: []ical.Event{{
		UID: "B-7K3M9-QX2TD@service-point.example", Sequence: 1, Stamp: stamp,
		Start: berlin(2026, 12, 3, 18, 0), End: berlin(2026, 12, 3, 19, 30),
		Summary: "Wärme für Kassel; Vortrag, Gespräch", Status: ical.Confirmed,
	}}}
	_, event, _ := strings.Cut(string(c.Bytes()), "END:VTIMEZONE\r\n")
	fmt.Print(strings.ReplaceAll(event, "\r\n", "\n"))
	// Output:
	// BEGIN:VEVENT
	// UID:B-7K3M9-QX2TD@service-point.example
	// DTSTAMP:20261122T090000Z
	// SEQUENCE:1
	// DTSTART;TZID=Europe/Berlin:20261203T180000
	// DTEND;TZID=Europe/Berlin:20261203T193000
	// SUMMARY:Wärme für Kassel\; Vortrag\, Gespräch
	// STATUS:CONFIRMED
	// END:VEVENT
	// END:VCALENDAR
}

// unfolded gives the content lines and checks the physical ones.
func unfolded(t interface{ Fatalf(string, ...any) }, b []byte) []string {
	s := string(b)
	if !strings.HasSuffix(s, "\r\n") {
		t.Fatalf("no CRLF at the end")
	}
	if rest := strings.ReplaceAll(s, "\r\n", ""); strings.ContainsAny(rest, "\r\n") {
		t.Fatalf("a lone CR or LF in %q", s)
	}
	for physical := range strings.SplitSeq(s, "\r\n") {
		if len(physical) > 75 || !utf8.ValidString(physical) {
			t.Fatalf("line of %d octets, UTF-8 %v: %q", len(physical), utf8.ValidString(physical), physical)
		}
	}
	s = strings.ReplaceAll(s, "\r\n ", "")
	return strings.Split(strings.TrimSuffix(s, "\r\n"), "\r\n")
}

func value(t interface{ Fatalf(string, ...any) }, lines []string, name string) string {
	in := false
	for _, l := range lines {
		in = in || l == "BEGIN:VEVENT"
		if head, v, ok := strings.Cut(l, ":"); in && ok && (head == name || strings.HasPrefix(head, name+";")) {
			return v
		}
	}
	t.Fatalf("no %s in %q", name, lines)
	return ""
}

func unescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\;`, ";", `\,`, ",", `\n`, "\n").Replace(s)
}

func TestTextsSurviveEscapingAndFolding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOf(rapid.OneOf(
			rapid.SampledFrom([]rune("abc äöüß€😀\\;,:\"\n")),
			rapid.Rune()))
		clean := rapid.Custom(func(t *rapid.T) string {
			return strings.Map(func(r rune) rune {
				if r != '\n' && (r < ' ' || r >= 0x7f && r <= 0x9f || r == 0x2028 || r == 0x2029) {
					return 'x'
				}
				return r
			}, word.Draw(t, "word"))
		})
		e := ical.Event{UID: "u", Stamp: stamp, Start: stamp,
			Summary: "s" + clean.Draw(t, "summary"), Description: "d" + clean.Draw(t, "description"), Location: "l" + clean.Draw(t, "location")}
		lines := unfolded(t, ical.Calendar{Events: []ical.Event{e}}.Bytes())
		for name, want := range map[string]string{"SUMMARY": e.Summary, "DESCRIPTION": e.Description, "LOCATION": e.Location} {
			if got := unescape(value(t, lines, name)); got != want {
				t.Fatalf("%s: %q, want %q", name, got, want)
			}
		}
	})
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "a,b;c\\d", "a\r\nEND:VEVENT\r\n", "\xff\xfe", "\u2028", "\x00\x1b[0m", strings.Repeat("ü", 200)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := ical.Escape(s)
		if strings.ContainsAny(got, "\r\n\x00") || !utf8.ValidString(got) {
			t.Fatalf("%q", got)
		}
		for i := 0; i < len(got); i++ { // every special character is escaped
			switch got[i] {
			case '\\':
				if i+1 == len(got) || !strings.ContainsRune(`\;,n`, rune(got[i+1])) {
					t.Fatalf("dangling backslash: %q", got)
				}
				i++
			case ';', ',':
				t.Fatalf("bare %c: %q", got[i], got)
			}
		}
		a := &ical.Address{Name: s, Email: s}
		c := ical.Calendar{Name: s, Method: s, Events: []ical.Event{{UID: s, Stamp: stamp, Start: stamp, Summary: s, Description: s,
			Location: s, URL: s, Status: s, Categories: []string{s, s}, Organizer: a, Attendee: a}}}
		begins := 0
		for _, l := range unfolded(t, c.Bytes()) {
			if l == "BEGIN:VEVENT" {
				begins++
			}
			if name, _, ok := strings.Cut(l, ":"); !ok || strings.Trim(strings.SplitN(name, ";", 2)[0], "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
				t.Fatalf("no content line: %q", l)
			}
		}
		if begins != 1 {
			t.Fatalf("%d events from one", begins)
		}
	})
}

// The hours around every clock change, with what must be written.
var moments = []struct {
	what  string
	start time.Time
	want  string
}{
	{"winter", berlin(2026, 12, 3, 18, 0), ";TZID=Europe/Berlin:20261203T180000"},
	{"29 March 2026, last minute of winter", time.Date(2026, 3, 29, 0, 59, 0, 0, time.UTC), ";TZID=Europe/Berlin:20260329T015900"},
	{"29 March 2026, first minute of summer", time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), ";TZID=Europe/Berlin:20260329T030000"},
	{"25 October 2026, 02:30 in summer", time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), ":20261025T003000Z"},
	{"25 October 2026, 02:00 in winter", time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC), ":20261025T010000Z"},
	{"25 October 2026, 02:30 in winter", time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC), ":20261025T013000Z"},
	{"25 October 2026, 03:00", time.Date(2026, 10, 25, 2, 0, 0, 0, time.UTC), ";TZID=Europe/Berlin:20261025T030000"},
	{"28 March 2027, last minute of winter", time.Date(2027, 3, 28, 0, 59, 0, 0, time.UTC), ";TZID=Europe/Berlin:20270328T015900"},
	{"28 March 2027, evening", berlin(2027, 3, 28, 18, 0), ";TZID=Europe/Berlin:20270328T180000"},
	{"31 October 2027, 02:30 in summer", time.Date(2027, 10, 31, 0, 30, 0, 0, time.UTC), ":20271031T003000Z"},
	{"31 October 2027, 02:30 in winter", time.Date(2027, 10, 31, 1, 30, 0, 0, time.UTC), ":20271031T013000Z"},
	{"31 October 2027, evening", berlin(2027, 10, 31, 18, 0), ";TZID=Europe/Berlin:20271031T180000"},
}

func TestTimesAroundClockChangesMeanTheSameMoment(t *testing.T) {
	for _, m := range moments {
		t.Run(m.what, func(t *testing.T) {
			lines := unfolded(t, ical.Calendar{Events: []ical.Event{{UID: "u", Stamp: stamp, Start: m.start}}}.Bytes())
			_, event, _ := strings.Cut(strings.Join(lines, "\n"), "BEGIN:VEVENT\n")
			if !strings.Contains(event, "\nDTSTART"+m.want+"\n") {
				t.Errorf("no DTSTART%s in\n%s", m.want, event)
			}
		})
	}
}

func TestAllDayEventsAreDates(t *testing.T) {
	for what, c := range map[string]struct {
		start, end      time.Time
		wantStart, last string
	}{
		"one day without end":       {start: berlin(2026, 12, 31, 0, 0), wantStart: "20261231", last: "20270101"},
		"one day":                   {start: berlin(2026, 3, 29, 0, 0), end: berlin(2026, 3, 29, 0, 0), wantStart: "20260329", last: "20260330"},
		"over a clock change":       {start: berlin(2026, 10, 24, 0, 0), end: berlin(2026, 10, 25, 23, 0), wantStart: "20261024", last: "20261026"},
		"midnight is UTC yesterday": {start: berlin(2027, 7, 1, 0, 0).UTC(), end: berlin(2027, 7, 2, 0, 0).UTC(), wantStart: "20270701", last: "20270703"},
	} {
		t.Run(what, func(t *testing.T) {
			b := ical.Calendar{Events: []ical.Event{{UID: "u", Stamp: stamp, Start: c.start, End: c.end, AllDay: true}}}.Bytes()
			for _, want := range []string{"DTSTART;VALUE=DATE:" + c.wantStart + "\r\n", "DTEND;VALUE=DATE:" + c.last + "\r\n"} {
				if !bytes.Contains(b, []byte(want)) {
					t.Errorf("no %q in\n%s", want, b)
				}
			}
		})
	}
}

func TestCancellationSaysSo(t *testing.T) {
	b := string(ical.Calendar{Method: ical.Cancel, Events: []ical.Event{{UID: "u", Sequence: 2, Stamp: stamp, Start: stamp,
		Organizer: &ical.Address{Name: `Kassel "Service" Point`, Email: "service@kassel.example"},
		Attendee:  &ical.Address{Name: "Ä; B, C", Email: "a b@kassel.example"}}}}.Bytes())
	b = strings.ReplaceAll(b, "\r\n ", "")
	for _, want := range []string{"METHOD:CANCEL\r\n", "STATUS:CANCELLED\r\n", "SEQUENCE:2\r\n",
		"ORGANIZER;CN=\"Kassel 'Service' Point\":mailto:service@kassel.example\r\n",
		"ATTENDEE;CN=\"Ä; B, C\";ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;RSVP=FALSE:mailto:a%20b@kassel.example\r\n"} {
		if !strings.Contains(b, want) {
			t.Errorf("no %q in\n%s", want, b)
		}
	}
}

func TestForeignReadersUnderstandTheSame(t *testing.T) {
	c := ical.Calendar{Name: "Veranstaltungen, Kassel", Method: ical.Publish}
	for _, m := range moments {
		c.Events = append(c.Events, ical.Event{UID: m.what, Stamp: stamp, Start: m.start, End: m.start.Add(time.Hour),
			Summary: m.what + "; " + strings.Repeat("Übergröße ", 12), Description: "Zeile 1,\nZeile 2\\ 😀", Status: ical.Confirmed,
			Categories: []string{"a,b", "c"}, URL: "https://service-point.example/x?a=b;c"})
	}
	icaltest.Each(t, func(t *testing.T, read func([]byte) []icaltest.Entry) {
		list := read(c.Bytes())
		if len(list) != len(moments) {
			t.Fatalf("%d events, want %d", len(list), len(moments))
		}
		for i, m := range moments {
			got := list[i]
			if len(got.Errors) > 0 || got.Summary != c.Events[i].Summary || got.Description != c.Events[i].Description {
				t.Errorf("%s: %+v", m.what, got)
			}
			if !got.Start.Equal(m.start) {
				t.Errorf("%s: read as %s, want %s", m.what, got.Start, m.start.UTC())
			}
		}
	})
}
