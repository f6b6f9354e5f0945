package booking

import (
	"reflect"
	"testing"
	"time"

	"servicepoint/content/report"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
)

func TestReportCountsPlaces(t *testing.T) {
	h := open(t)
	old := lecture("vorher", room(5))
	old.Start, old.End = old.Start.AddDate(-2, 0, 0), old.End.AddDate(-2, 0, 0)
	h.publish(old)
	waerme := lecture("waerme", room(10), wheelchair(2))
	waerme.Audience = []string{"Familien", "Senioren"}
	h.publish(waerme)
	h.publish(lecture("leer", room(4)))
	now := h.p.Now()
	n := 0
	claim := func(event, pool, kind, state string, places int, channel string, created, ended time.Time) {
		t.Helper()
		n++
		var expires, end any
		if kind == "hold" || kind == "offer" {
			expires = created.Add(time.Hour).UnixMilli()
		}
		if !ended.IsZero() {
			end = ended.UnixMilli()
		}
		_, err := h.p.App.DB().NewQuery(`INSERT INTO claims (reference, event, kind, state, places, channel, expires, queue, created, ended, name, email)
				VALUES ({:r}, {:e}, {:k}, {:s}, {:n}, {:c}, {:x}, NULL, {:at}, {:end}, 'Erika Muster', 'erika@example.org')`).Bind(dbx.Params{
			"r": n, "e": event, "k": kind, "s": state, "n": places, "c": channel, "x": expires, "at": created.UnixMilli(), "end": end}).Execute()
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.p.App.DB().NewQuery(`INSERT INTO tickets (reference, number, event, pool)
				WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {:n}) SELECT {:r}, i, {:e}, {:pool} FROM n`).Bind(dbx.Params{
			"r": n, "e": event, "pool": pool, "n": places}).Execute()
		if err != nil {
			t.Fatal(err)
		}
	}
	claim("waerme", "saal", "booking", "confirmed", 3, "web", now.AddDate(0, -1, 0), time.Time{})
	claim("waerme", "saal", "booking", "active", 1, "api", now, time.Time{})
	claim("waerme", "rollstuhl", "booking", "confirmed", 1, "web", now, time.Time{})
	claim("waerme", "saal", "booking", "cancelled", 2, "web", now.AddDate(0, -1, 0), now)
	claim("waerme", "saal", "booking", "rejected", 9, "web", now, now)
	claim("waerme", "saal", "block", "active", 2, "", now, time.Time{})
	claim("waerme", "saal", "hold", "expired", 4, "web", now, now)
	claim("vorher", "saal", "booking", "confirmed", 5, "web", now.AddDate(-2, 0, 0), time.Time{})

	// Over, three of five came, one of them booked at the door; a wait that led to places, one that did not.
	past := lecture("gestern", room(8))
	past.Audience = []string{"Senioren"}
	past.Start, past.End = now.Add(-26*time.Hour), now.Add(-24*time.Hour)
	h.publish(past)
	claim("gestern", "saal", "booking", "confirmed", 4, "web", now.AddDate(0, 0, -3), time.Time{})
	h.exec(`UPDATE tickets SET checked_in = 1 WHERE event = 'gestern' AND number <= 2`)
	claim("gestern", "saal", "booking", "confirmed", 1, "door", now.AddDate(0, 0, -1), time.Time{})
	h.exec(`UPDATE tickets SET checked_in = 1 WHERE reference IN (SELECT reference FROM claims WHERE channel = 'door')`)
	claim("gestern", "saal", "booking", "cancelled", 1, "web", now.AddDate(0, 0, -3), now.AddDate(0, 0, -2))
	h.exec(`UPDATE claims SET queue = 1 WHERE event = 'gestern' AND channel = 'web' AND state = 'confirmed'`)
	h.exec(`INSERT INTO claims (reference, event, kind, state, places, queue, created) VALUES ('w1', 'gestern', 'waiting', 'expired', 2, 2, 1), ('w2', 'waerme', 'waiting', 'active', 1, 1, 1)`)
	h.exec(`INSERT INTO claims (reference, event, kind, state, places, queue, expires, created) VALUES ('w3', 'waerme', 'offer', 'expired', 1, 2, 5, 1), ('w4', 'waerme', 'offer', 'active', 1, 3, 5, 1)`)

	got := basetest.Report(t, h.p, report.Period{From: "2026-10-01", To: "2026-12-31"}, h.s.Report)
	// Twelve places, two of them blocked, five booked.
	want := map[string][]string{
		"veranstaltungen": {"Wärme für Kassel|01.12.2026|Senioren|8|5|62,5|0|1|0",
			"Wärme für Kassel|09.12.2026||4|0|0,0|0|0|0", "Wärme für Kassel|09.12.2026|Familien, Senioren|12|5|50,0|2|2|4"},
		"zielgruppen":               {"Familien|1|12|5|50,0|2|2|4", "Senioren|2|20|10|55,6|2|3|4", "alle|1|4|0|0,0|0|0|0"},
		"besuch":                    {"Wärme für Kassel|01.12.2026|5|3|1|2|40,0"},
		"besuch-je-zielgruppe":      {"Senioren|1|5|3|1|2|40,0"},
		"wartelisten":               {"Wärme für Kassel|01.12.2026|2|1|0|1|0", "Wärme für Kassel|09.12.2026|3|0|1|0|2"},
		"wartelisten-je-zielgruppe": {"Familien|1|3|0|1|0|2", "Senioren|2|5|1|1|1|2"},
		"buchungen-je-monat":        {"10/2026|0|0|0|0|0", "11/2026|4|0|0|10|1", "12/2026|1|0|1|3|1"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}
