// Package icaltest reads calendars with programs that others wrote: icalendar of Python
// (Debian: python3-icalendar) and ical.js of npm, which Thunderbird uses.
package icaltest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Entry is an event as a reader understands it.
type Entry struct {
	Method, UID, Status, Summary, Description, Location string
	Sequence                                            int
	Start, End                                          time.Time
	Errors                                              []string
}

// Both readers take times by the VTIMEZONE of the calendar, not by rules of their own; of two
// equal hours the first one is meant (RFC 5545, 3.3.5).
const inPython = `
import sys, json, icalendar, datetime
c = icalendar.Calendar.from_ical(sys.stdin.buffer.read())
zones = c.walk('VTIMEZONE')
def at(e, name):
    d = e.decoded(name)
    if d.tzname() != 'UTC':
        d = zones[0].to_tz().localize(d.replace(tzinfo=None), is_dst=True)
    return d.astimezone(datetime.timezone.utc).isoformat()
json.dump([{'method': str(c.get('METHOD', '')), 'uid': str(e['UID']), 'sequence': int(e.get('SEQUENCE', 0)), 'status': str(e.get('STATUS', '')), 'summary': str(e['SUMMARY']),
    'description': str(e.get('DESCRIPTION', '')), 'location': str(e.get('LOCATION', '')), 'start': at(e, 'DTSTART'), 'end': at(e, 'DTEND'),
    'errors': [str(x) for x in e.errors]} for e in c.walk('VEVENT')], sys.stdout)
`

const inJavaScript = `
import { readFileSync } from "node:fs"
const { default: ICAL } = await import("file://" + process.argv[1])
const c = new ICAL.Component(ICAL.parse(readFileSync(0, "utf8")))
const at = (t) => new Date(t.toUnixTime() * 1000).toISOString()
console.log(JSON.stringify(c.getAllSubcomponents("vevent").map((one) => {
  const e = new ICAL.Event(one)
  return { method: c.getFirstPropertyValue("method") ?? "", uid: e.uid, sequence: e.sequence ?? 0, status: one.getFirstPropertyValue("status") ?? "", summary: e.summary,
    description: e.description ?? "", location: e.location ?? "", start: at(e.startDate), end: at(e.endDate) }
})))
`

// Each lets every reader read calendars in a test of its own. Without the readers it skips
// loudly, or fails where SERVICEPOINT_VERIFY is set.
func Each(t *testing.T, check func(t *testing.T, read func(calendar []byte) []Entry)) {
	t.Run("icalendar of Python", func(t *testing.T) {
		for _, name := range []string{"python3", "/usr/bin/python3"} {
			if exec.Command(name, "-c", "import icalendar").Run() == nil {
				check(t, reader(t, name, "-c", inPython))
				return
			}
		}
		missing(t, "no python3 with the module icalendar (Debian: python3-icalendar)")
	})
	t.Run("ical.js", func(t *testing.T) {
		module := filepath.Join(root(t), "bin/ical/node_modules/ical.js/dist/ical.js")
		if _, err := os.Stat(module); err != nil {
			missing(t, "no ical.js (npm)")
		}
		check(t, reader(t, "node", "--input-type=module", "-e", inJavaScript, module))
	})
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("SERVICEPOINT_VERIFY") != "" {
		t.Fatalf("%s: .ci/tools verify installs it", what)
	}
	t.Skipf("SKIPPED: %s; this reader was NOT asked", what)
}

// root is the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	t.Fatalf("no go.mod above (%v)", err)
	return ""
}

func reader(t *testing.T, program string, args ...string) func([]byte) []Entry {
	return func(calendar []byte) (list []Entry) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Stdin = bytes.NewReader(calendar)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err == nil {
			err = json.Unmarshal(out, &list)
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, stderr.String())
		}
		return list
	}
}
