package appointments

import (
	"testing"
	"time"

	"servicepoint/content/ical"
	"servicepoint/content/ical/icaltest"
)

// Independent readers follow an appointment that is booked, moved twice (once
// over the change of the clocks) and cancelled.
func TestForeignReadersFollowAnAppointment(t *testing.T) {
	h := open(t)
	h.exec(`UPDATE advice_places SET horizon = 365`)
	h.at(berlin("2027-03-20 12:00"))
	a := h.book("ada@example.org", berlin("2027-03-25 10:00"), "energie")
	times := []time.Time{berlin("2027-03-25 10:00"), berlin("2027-03-30 10:00"), berlin("2027-03-24 15:15"), berlin("2027-03-24 15:15")}
	for _, start := range times[1:3] {
		if _, err := h.s.Move(a.Reference, start, Public); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.s.Cancel(a.Reference); err != nil {
		t.Fatal(err)
	}
	mails := h.mails(a.Reference)
	if len(mails) != len(times) {
		t.Fatalf("%d mails", len(mails))
	}
	icaltest.Each(t, func(t *testing.T, read func([]byte) []icaltest.Entry) {
		for i, m := range mails {
			list := read([]byte(m.Calendar))
			if len(list) != 1 {
				t.Fatalf("%d entries", len(list))
			}
			method, status := ical.Request, ical.Confirmed
			if i == len(mails)-1 {
				method, status = ical.Cancel, ical.Cancelled
			}
			if e := list[0]; e.Method != method || e.Status != status || e.UID != a.Reference+"@"+calendarDomain || e.Sequence != i ||
				!e.Start.Equal(times[i]) || !e.End.Equal(times[i].Add(45*time.Minute)) || e.Location == "" || len(e.Errors) > 0 {
				t.Errorf("mail %d is read as %+v", i, e)
			}
		}
	})
}
