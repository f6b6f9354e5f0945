package cases_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"servicepoint/content/report"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
)

func TestReportCountsCases(t *testing.T) {
	b := newBench(t)
	now := b.p.Now() // 2 December 2026, 12:00 in Berlin
	n := 0
	put := func(title, partner, state string, created, answered, closed, due time.Time) {
		t.Helper()
		n++
		ref := fmt.Sprintf("A-%05d", n)
		at := func(t time.Time) any {
			if t.IsZero() {
				return nil
			}
			return t.UnixMilli()
		}
		_, err := b.p.App.DB().NewQuery(`INSERT INTO cases (reference, guide, title, partner, state, rev, name, email, message, answers, questions, language, secret_hash, order_key, due, created, updated, closed)
			VALUES ({:r}, 'g', {:t}, {:p}, {:s}, 1, 'Erika Muster', 'erika@example.org', 'geheim', '{}', '[]', 'de', '', '', {:d}, {:at}, {:at}, {:c})`).Bind(dbx.Params{
			"r": ref, "t": title, "p": partner, "s": state, "d": at(due), "at": created.UnixMilli(), "c": at(closed)}).Execute()
		if err == nil && !answered.IsZero() {
			_, err = b.p.App.DB().NewQuery(`INSERT INTO case_events (reference, n, at, actor, state) VALUES ({:r}, 1, {:at}, 'staff', 'received')`).
				Bind(dbx.Params{"r": ref, "at": answered.UnixMilli()}).Execute()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var never time.Time
	days := func(n int) time.Time { return now.AddDate(0, 0, n) }
	for i := range 6 { // answered after 1 to 6 days, ended after 2 to 12
		put("Sperrmüll", "stadtreiniger", "done", days(-20), days(-20+1+i), days(-20+2*(i+1)), never)
	}
	put("Sperrmüll", "stadtreiniger", "received", days(-3), never, never, days(-1))
	put("Sperrmüll", "stadtreiniger", "waiting", days(-100), never, never, days(5)) // before the period, still open
	put("Führungszeugnis", "stadt-kassel", "received", days(-1), never, never, never)
	put("Führungszeugnis", "stadt-kassel", "done", days(-400), days(-399), days(-300), never) // not of the period
	for range 9 {
		put("Barriere", "stadt-kassel", "withdrawn", days(-2), never, days(-1), never)
	}
	if _, err := b.p.App.DB().NewQuery(`INSERT INTO case_events (reference, n, at, actor, state, partner) VALUES ('A-00001', 2, {:at}, 'staff', 'sent', 'stadtreiniger')`).
		Bind(dbx.Params{"at": days(-19).UnixMilli()}).Execute(); err != nil {
		t.Fatal(err)
	}

	got := basetest.Report(t, b.p, report.Period{From: "2026-11-01", To: "2026-12-02"}, b.c.Report)
	want := map[string][]string{
		"stellen":           {"stadt-kassel|10|9|0|–|1,0|1,0|1|0", "stadtreiniger|7|6|1|3,5|7,0|11,0|2|1"},
		"rueckstand":        {"stadt-kassel|1|0|0|0", "stadtreiniger|1|0|0|1"},
		"themen":            {}, // the quarter is not over
		"anliegen-je-monat": {"11/2026|16|6", "12/2026|1|9"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	// Subjects are told of whole quarters: no two periods differ by less.
	summer := time.Date(2026, 8, 5, 12, 0, 0, 0, time.UTC)
	for range 9 {
		put("Barriere", "stadt-kassel", "withdrawn", summer, never, summer, never)
	}
	for range 7 {
		put("Sperrmüll", "stadtreiniger", "withdrawn", summer, never, summer, never)
	}
	put("Führungszeugnis", "stadt-kassel", "withdrawn", summer, never, summer, never)
	quarter := []string{"2026 Q3|Barriere|stadt-kassel|9", "2026 Q3|Sperrmüll|stadtreiniger|*", "2026 Q3|Führungszeugnis|stadt-kassel|*"} // the sum would tell the single one
	for p, want := range map[report.Period][]string{
		{From: "2026-07-01", To: "2026-09-30"}: quarter, {From: "2026-06-30", To: "2026-12-02"}: quarter,
		{From: "2026-07-02", To: "2026-12-02"}: {}, {From: "2026-07-01", To: "2026-09-29"}: {},
	} {
		if got := basetest.Report(t, b.p, p, b.c.Report)["themen"]; !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %q, want %q", p, got, want)
		}
	}
	if s := fmt.Sprint(got); strings.Contains(s, "Erika") || strings.Contains(s, "geheim") || strings.Contains(s, "A-0") {
		t.Error("a person in a report")
	}
}
