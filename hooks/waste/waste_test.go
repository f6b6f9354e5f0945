package waste_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"servicepoint/hooks"
	"servicepoint/hooks/faults"
	"servicepoint/hooks/hookstest"
	"servicepoint/hooks/waste"
	"servicepoint/hooks/waste/simulate"
)

var december = time.Date(2026, 12, 2, 11, 0, 0, 0, time.UTC)

func client(t *testing.T) (*waste.Client, *faults.Line, *simulate.Collection) {
	c := simulate.New()
	c.Clock = func() time.Time { return december }
	line, address := hookstest.Serve(t, c)
	return &waste.Client{Address: func() (string, error) { return address + "/BmsAbfallkalenderKassel/", nil }, Clock: c.Clock}, line, c
}

func TestStreetLocationCalendar(t *testing.T) {
	c, _, sim := client(t)
	ctx := t.Context()
	streets, err := c.Streets(ctx, "friedrich")
	if err != nil || len(streets) != 2 || streets[0].Name != "Friedrichsplatz" {
		t.Fatal(streets, err)
	}
	locations, err := c.Locations(ctx, streets[0].ID, "13")
	if err != nil || len(locations) != 2 || locations[1].Text != "Friedrichsplatz 13 Hinterhaus" {
		t.Fatal(locations, err)
	}
	list, etag, err := c.Pickups(ctx, locations[0].ID, 2026, "")
	if err != nil || len(list) < 100 || etag == "" || !slices.IsSortedFunc(list, func(a, b hooks.Pickup) int { return strings.Compare(a.Day, b.Day) }) {
		t.Fatal(len(list), etag, err)
	}
	if list[0] != (hooks.Pickup{Day: "2026-01-07", Fraction: "Restmüll"}) || list[0].Kind() != "rest" {
		t.Errorf("%+v", list[0])
	}
	if _, _, err := c.Pickups(ctx, locations[0].ID, 2026, etag); !errors.Is(err, hooks.ErrUnchanged) {
		t.Errorf("asked again: %v", err)
	}
	sim.Shift.Store(1)
	if again, _, err := c.Pickups(ctx, locations[0].ID, 2026, etag); err != nil || again[0].Day != "2026-01-08" {
		t.Errorf("changed: %v %v", again[:1], err)
	}
	if next, _, err := c.Pickups(ctx, locations[0].ID, 2027, ""); err != nil || len(next) == 0 {
		t.Errorf("the next year in December: %d %v", len(next), err)
	}
	if later, _, err := c.Pickups(ctx, locations[0].ID, 2028, ""); err != nil || len(later) != 0 {
		t.Errorf("a year that is not planned: %d %v", len(later), err)
	}
}

// Nothing that the line does gives a calendar with holes.
func TestABadLineGivesAnErrorAndNoHoles(t *testing.T) {
	c, line, _ := client(t)
	want, _, err := c.Pickups(t.Context(), 1005, 2026, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []faults.Fault{{Kind: faults.Drop}, {Kind: faults.Cut}, {Kind: faults.CutHalf}, {Kind: faults.Foreign}, {Kind: faults.Status, Code: 500},
		{Kind: faults.Status, Code: 404}, {Kind: faults.TooMany, Delay: time.Minute}, {Kind: faults.Lost, Code: 502}} {
		line.Always(f) // the transport asks once more by itself
		if list, _, err := c.Pickups(t.Context(), 1005, 2026, ""); err == nil {
			t.Errorf("%s: %d dates", f.Kind, len(list))
		} else if strings.Contains(err.Error(), "1005") {
			t.Errorf("the error quotes the location: %v", err)
		}
		if _, err := c.Streets(t.Context(), "goethe"); err == nil || strings.Contains(err.Error(), "goethe") {
			t.Errorf("streets, %s: %v", f.Kind, err)
		}
		line.Heal()
	}
	if again, _, err := c.Pickups(t.Context(), 1005, 2026, ""); err != nil || !slices.Equal(again, want) {
		t.Error("the control proves nothing")
	}
}

// Half a calendar that arrives with the right length must not pass for a whole one.
func TestACalendarWithoutAnEndIsRefused(t *testing.T) {
	if list, err := waste.Parse([]byte("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20260101\r\nSUMMARY:Bio\r\nEND:VEVENT\r\n"), 2026); err == nil {
		t.Errorf("%v", list)
	}
}

func TestCalendarsAreReadTolerantly(t *testing.T) {
	for what, c := range map[string]struct{ event, want string }{
		"as Kassel writes it":       {"DTSTART;VALUE=DATE:20260105\nSUMMARY:Leerung: Restmüll (120 l\\, 14-täglich)", "2026-01-05 Restmüll"},
		"midnight in UTC":           {"DTSTART:20260104T230000Z\nSUMMARY:Leerung:  Bio", "2026-01-05 Bio"},
		"local time":                {"DTSTART;TZID=Europe/Berlin:20260105T060000\nSUMMARY:Papiertonne", "2026-01-05 Papiertonne"},
		"folded":                    {"DTSTART:20260105\nSUMMARY:Leerung: Gelbe\n  Tonne (x)", "2026-01-05 Gelbe Tonne"},
		"no brackets, other colons": {"DTSTART:20260105\nSUMMARY:Abfuhr: Rest; Bio", "2026-01-05 Abfuhr: Rest; Bio"},
		"no date":                   {"SUMMARY:Bio", ""},
		"no words":                  {"DTSTART:20260105\nSUMMARY:", ""},
		"twice a year, by a rule":   {"DTSTART:20261215\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU\nSUMMARY:Bio", "2026-12-15 Bio 2026-12-29 Bio"},
	} {
		list, err := waste.Parse([]byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\n"+c.event+"\nEND:VEVENT\nEND:VCALENDAR\n"), 2026)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		var got []string
		for _, p := range list {
			got = append(got, p.Day+" "+p.Fraction)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %q, want %q", what, s, c.want)
		}
	}
	if _, err := waste.Parse([]byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260522\nRRULE:FREQ=MONTHLY;BYDAY=4FR\nSUMMARY:x\nEND:VEVENT\nEND:VCALENDAR"), 2026); err == nil {
		t.Error("a rule that nobody understands passed")
	}
}

// Calendars that another project collected from collections in the wild.
func TestCalendarsOfOthersAreSurvived(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(cmp.Or(os.Getenv("SERVICEPOINT_SHARED"), "../../../shared"), "providers/waste/test.ics"))
	if err != nil {
		t.Skipf("the calendars are not here: %v", err)
	}
	list, err := waste.Parse(b, 2020)
	if err != nil || len(list) != 112 || list[0] != (hooks.Pickup{Day: "2020-01-04", Fraction: "Biotonne"}) {
		t.Errorf("%d %v %v", len(list), list[:1], err)
	}
	kinds := map[string]int{}
	for _, p := range list {
		kinds[p.Kind()]++
	}
	if fmt.Sprint(kinds) != "map[bio:34 paper:13 plastic:26 rest:39]" {
		t.Error(kinds)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260105\nRRULE:FREQ=DAILY;COUNT=3\nSUMMARY:Bio\nEND:VEVENT\nEND:VCALENDAR"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := waste.Parse(b, 2026)
		if err != nil {
			return
		}
		for i, p := range list {
			if _, bad := time.Parse(time.DateOnly, p.Day); bad != nil || p.Fraction == "" || i > 0 && list[i-1].Day > p.Day {
				t.Errorf("%+v", p)
			}
		}
	})
}

func ExampleClient() {
	srv := httptest.NewServer(simulate.New())
	defer srv.Close()
	c := &waste.Client{Address: func() (string, error) { return srv.URL + "/BmsAbfallkalenderKassel", nil }}
	fmt.Println(c.Check(context.Background()))
	// Output: 7 Straßen <nil>
}
