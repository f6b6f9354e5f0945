package ideas

import (
	"reflect"
	"strconv"
	"testing"
	"time"

	"servicepoint/content/report"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
)

func TestReportCountsIdeas(t *testing.T) {
	h := open(t)
	n := 0
	put := func(state, status, topic, district string, votes int, sent time.Time) {
		t.Helper()
		n++
		var released, decided, into any
		switch state {
		case "released":
			released = sent.Add(time.Hour).UnixMilli()
		case "rejected", "withdrawn":
			decided = sent.UnixMilli()
		case "merged":
			decided, into = sent.UnixMilli(), 1
		}
		_, err := h.p.App.DB().NewQuery(`INSERT INTO ideas (call, rev, state, title, text, language, topic, district, name, status, into_idea, secret_hash, sent, released, decided)
			VALUES ('smart', 1, {:state}, 'geheim', 'geheim', 'de', {:topic}, {:district}, 'Erika', {:status}, {:into}, {:hash}, {:sent}, {:released}, {:decided})`).Bind(dbx.Params{
			"state": state, "topic": topic, "district": district, "status": status, "into": into, "hash": strconv.Itoa(n), "sent": sent.UnixMilli(), "released": released, "decided": decided}).Execute()
		for v := range votes {
			if err == nil {
				_, err = h.p.App.DB().NewQuery(`INSERT INTO idea_votes (idea, voter) VALUES ({:i}, {:v})`).Bind(dbx.Params{"i": n, "v": []byte("voter number " + strconv.Itoa(100+v))}).Execute()
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	now := h.now
	for range 6 {
		put("released", "received", "mobilitaet", "mitte", 2, now.AddDate(0, -1, 0))
	}
	put("released", "planned", "umwelt", "", 5, now)
	put("new", "received", "umwelt", "", 0, now)
	put("rejected", "received", "umwelt", "", 0, now)
	put("merged", "received", "mobilitaet", "", 3, now)
	put("withdrawn", "received", "mobilitaet", "", 0, now)
	put("released", "done", "umwelt", "mitte", 9, now.AddDate(-3, 0, 0))

	got := basetest.Report(t, h.p, report.Period{From: "2026-11-01", To: "2026-12-31"}, h.x.Report)
	want := map[string][]string{
		"aufrufe":        {"Was wünschen Sie sich?|11|1|7|1|1|1|17"},
		"antworten":      {"Was wünschen Sie sich?|6|0|1|0|0|0"},
		"themen":         {"Mobilität|8|6|12", "Umwelt|3|1|5"},
		"ortsbezirke":    {}, // the quarter is not over
		"ideen-je-monat": {"11/2026|6|6", "12/2026|5|1"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	for range 5 {
		put("new", "received", "umwelt", "mitte", 0, now.AddDate(0, -4, 0))
	}
	put("new", "received", "umwelt", "", 0, now.AddDate(0, -4, 0))
	for p, want := range map[report.Period][]string{
		{From: "2026-07-01", To: "2026-12-31"}: {"2026 Q3|Mitte|*", "2026 Q3|ohne Ort|*"}, {From: "2026-08-01", To: "2026-12-31"}: {},
	} {
		if got := basetest.Report(t, h.p, p, h.x.Report)["ortsbezirke"]; !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %q, want %q", p, got, want)
		}
	}
}
