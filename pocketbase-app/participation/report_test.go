package participation_test

import (
	"fmt"
	"reflect"
	"testing"

	"servicepoint/content/report"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

func TestVisitsReportCountsAnswersAndDevices(t *testing.T) {
	w := newWorld(t)
	n := 0
	put := func(survey, channel, day string, times int) {
		t.Helper()
		for range times {
			n++
			if _, err := w.App.DB().NewQuery(`INSERT INTO responses (survey, id, version, language, channel, day, answers) VALUES ({:s}, {:id}, 1, 'de', {:c}, {:d}, '{"idea":"geheim"}')`).
				Bind(dbx.Params{"s": survey, "id": fmt.Sprint(n), "c": channel, "d": day}).Execute(); err != nil {
				t.Fatal(err)
			}
		}
	}
	put("smart-kassel", "web", "2026-11-30", 40)
	put("smart-kassel", "terminal", "2026-11-30", 20)
	put("smart-kassel", "web", "2026-12-01", 30)
	put("smart-kassel", "terminal", "2026-12-02", 12)
	put("wohnen", "terminal", "2026-12-02", 15)
	put("wohnen", "paper", "2026-12-02", 2)
	put("smart-kassel", "web", "2024-01-01", 9)
	devices, err := w.App.FindCollectionByNameOrId("devices")
	if err != nil {
		t.Fatal(err)
	}
	for i, kind := range []string{"terminal", "terminal", "tablet"} {
		d := core.NewRecord(devices)
		d.SetEmail(fmt.Sprintf("d%d@example.org", i))
		d.SetPassword("long enough 123")
		d.Set("name", kind)
		d.Set("kind", kind)
		d.Set("disabled", i == 2)
		if err := w.App.Save(d); err != nil {
			t.Fatal(err)
		}
		if i != 1 {
			if _, err := w.App.DB().NewQuery(`INSERT INTO device_tokens (hash, device) VALUES ({:h}, {:d})`).Bind(dbx.Params{"h": fmt.Sprint(i), "d": d.Id}).Execute(); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := basetest.Report(t, w.Platform, report.Period{From: "2026-11-01", To: "2026-12-31"}, w.matter.VisitsReport)
	want := map[string][]string{
		"antworten-je-monat": {"11/2026|40|20|0|0|0", "12/2026|30|27|0|2|0"},
		"umfragen-vor-ort":   {"smart-kassel|32|0|0|0", "wohnen|15|0|2|0"},
		"terminals-je-monat": {},
		"geraete":            {"Tablet|1|0|1", "Terminal|2|1|0"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}
