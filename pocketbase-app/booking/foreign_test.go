package booking

import (
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/ical"
	"servicepoint/content/ical/icaltest"
)

// Independent readers follow a booking whose event is moved twice, once over the change of the
// clocks, and then cancelled: one entry for life that ends as cancelled.
func TestForeignReadersFollowABooking(t *testing.T) {
	h := open(t)
	h.clock(time.Date(2027, 3, 1, 12, 0, 0, 0, content.Berlin))
	ev := lecture("messe", room(10))
	at := func(month time.Month, day, hour int) time.Time {
		return time.Date(2027, month, day, hour, 0, 0, 0, content.Berlin)
	}
	times := []time.Time{at(3, 25, 18), at(3, 30, 18), at(10, 31, 3), at(10, 31, 3)}
	ev.Start, ev.End = times[0], times[0].Add(90*time.Minute)
	h.publish(ev)
	g := h.guest("messe", `{"name":"Ada Lovelace","email":"ada@example.org"}`)
	for i, start := range times[1:] {
		ev.Start, ev.End, ev.Cancelled = start, start.Add(90*time.Minute), i == 2
		if !ev.Cancelled {
			ev.Sequence++ // as publishing does
		}
		ev.Place = "Event Lounge, Raum; 2"
		h.publish(ev)
	}
	mails := h.mails(g.reference)
	if len(mails) != len(times) {
		t.Fatalf("%d mails, want %d", len(mails), len(times))
	}
	icaltest.Each(t, func(t *testing.T, read func([]byte) []icaltest.Entry) {
		last := -1
		for i, m := range mails {
			list := read([]byte(m.Calendar))
			if len(list) != 1 {
				t.Fatalf("%d entries", len(list))
			}
			method, status := ical.Request, ical.Confirmed
			if i == len(mails)-1 {
				method, status = ical.Cancel, ical.Cancelled
			}
			e := list[0]
			if e.Method != method || e.Status != status || e.UID != g.reference+"@"+calendarDomain || e.Sequence <= last ||
				!e.Start.Equal(times[i]) || !e.End.Equal(times[i].Add(90*time.Minute)) || i > 0 && e.Location != ev.Place || len(e.Errors) > 0 {
				t.Errorf("mail %d (after %d) is read as %+v", i, last, e)
			}
			last = e.Sequence
		}
	})
}
