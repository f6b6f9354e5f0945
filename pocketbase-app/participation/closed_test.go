package participation_test

import (
	"testing"
	"time"

	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base/basetest"
)

func TestSystemsOfTheCityAreToldOnceThatASurveyHasEnded(t *testing.T) {
	w := newWorld(t)
	exec := func(q string) {
		t.Helper()
		if _, err := w.App.DB().NewQuery(q).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO webhook_endpoints (id, name, url, events, secret, active, created, updated)
		VALUES ('e1', 'x', 'https://x.example/', '["survey.closed"]', x'00', 1, 0, 0)`)
	w.publishAs(t, "kurz", func(q *survey.Questionnaire) { q.Closes = basetest.Start.Add(time.Hour) })
	w.publishAs(t, "offen", func(q *survey.Questionnaire) { q.Closes = time.Time{} })
	told := func(want int) {
		t.Helper()
		if _, err := w.matter.AnnounceClosed(t.Context()); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := w.App.DB().NewQuery(`SELECT count(*) FROM orders WHERE provider = 'webhook' AND json_extract(payload, '$.data') = '{"id":"kurz"}'`).Row(&n); err != nil || n != want {
			t.Errorf("told %d times, want %d (%v)", n, want, err)
		}
	}
	told(0)
	w.Now = func() time.Time { return basetest.Start.Add(time.Hour) }
	told(1)
	told(1)
	exec(`UPDATE announced_surveys SET closes = closes - 1`) // as if it had been prolonged since
	told(2)
	told(2)
}
