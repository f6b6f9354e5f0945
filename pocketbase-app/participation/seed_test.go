package participation_test

import (
	"slices"
	"testing"
	"time"

	"servicepoint/content/demo"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/participation"
)

// The demo's answers go the way of all answers and come once; answers of people
// keep them away.
func TestTheDemoHasInventedAnswersOnce(t *testing.T) {
	p := basetest.New(t, participation.Words)
	p.Now = func() time.Time { return time.Now() }
	c, err := demo.Load(p.Now())
	if err != nil {
		t.Fatal(err)
	}
	q := c.Questionnaires[slices.IndexFunc(c.Questionnaires, func(q survey.Questionnaire) bool { return q.Slug == demo.AnswersTo })]
	q.Opens, q.Closes = p.Now().AddDate(0, 0, -30), time.Time{}
	publish(t, p, q)
	pt := participation.New(p)
	t.Cleanup(pt.Close)
	count := func() (n, days int) {
		counts, err := pt.Counts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, c := range counts {
			n, seen[c.Day] = n+c.Count, true
		}
		return n, len(seen)
	}
	if err := pt.SeedDemo(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if n, _ := count(); n != 0 {
		t.Fatalf("%d answers that nobody asked for", n)
	}
	for range 2 {
		if err := pt.SeedDemo(t.Context(), 200); err != nil {
			t.Fatal(err)
		}
		if n, days := count(); n != 200 || days < 20 {
			t.Errorf("%d answers on %d days", n, days)
		}
	}
}
