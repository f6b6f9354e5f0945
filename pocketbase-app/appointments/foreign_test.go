package appointments

import (
	"bytes"
	"encoding/json"
	"os"
	command "os/exec"
	"testing"
	"time"

	"servicepoint/content/ical"
)

const readInvitation = `
import sys, json, icalendar, datetime
c = icalendar.Calendar.from_ical(sys.stdin.buffer.read())
zone = c.walk('VTIMEZONE')[0].to_tz()
e = c.walk('VEVENT')[0]
def at(name):
    return zone.localize(e.decoded(name).replace(tzinfo=None), is_dst=True).astimezone(datetime.timezone.utc).isoformat()
json.dump({'method': str(c['METHOD']), 'uid': str(e['UID']), 'sequence': int(e.get('SEQUENCE', 0)), 'status': str(e['STATUS']),
    'start': at('DTSTART'), 'end': at('DTEND'), 'location': str(e['LOCATION']), 'errors': [str(x) for x in e.errors]}, sys.stdout)
`

// An independent reader follows an appointment that is booked, moved twice (once
// over the change of the clocks) and cancelled.
func TestForeignReaderFollowsAnAppointment(t *testing.T) {
	interpreter := ""
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if command.Command(name, "-c", "import icalendar").Run() == nil {
			interpreter = name
		}
	}
	if interpreter == "" {
		if os.Getenv("SERVICEPOINT_VERIFY") != "" {
			t.Fatal("no python3 with the module icalendar: .ci/tools verify installs it")
		}
		t.Skip("SKIPPED: no python3 with the module icalendar (Debian: python3-icalendar); the foreign reader was NOT asked")
	}
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
	for i, m := range mails {
		cmd := command.Command(interpreter, "-c", readInvitation)
		cmd.Stdin = bytes.NewReader([]byte(m.Calendar))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, stderr.String())
		}
		var read struct {
			Method, UID, Status, Location string
			Sequence                      int
			Start, End                    time.Time
			Errors                        []string
		}
		if err := json.Unmarshal(out, &read); err != nil {
			t.Fatal(err)
		}
		method, status := ical.Request, ical.Confirmed
		if i == len(mails)-1 {
			method, status = ical.Cancel, ical.Cancelled
		}
		if read.Method != method || read.Status != status || read.UID != a.Reference+"@"+calendarDomain || read.Sequence != i ||
			!read.Start.Equal(times[i]) || !read.End.Equal(times[i].Add(45*time.Minute)) || read.Location == "" || len(read.Errors) > 0 {
			t.Errorf("mail %d is read as %+v", i, read)
		}
	}
}
