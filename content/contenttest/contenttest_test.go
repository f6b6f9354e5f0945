package contenttest_test

import (
	"testing"
	"time"

	"servicepoint/content/contenttest"
)

func TestManyIsMuchAndPublishable(t *testing.T) {
	cat, err := contenttest.Many(301, time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if len(cat.Guides) != 151 || len(cat.Events) != 150 {
		t.Errorf("%d guides and %d events", len(cat.Guides), len(cat.Events))
	}
	seen := map[string]bool{}
	for _, g := range cat.Guides {
		if seen[g.Slug] {
			t.Errorf("slug %s twice", g.Slug)
		}
		seen[g.Slug] = true
		if err := g.Check().Err(); err != nil {
			t.Errorf("%s: %v", g.Slug, err)
		}
	}
	for _, e := range cat.Events {
		if err := e.Check().Err(); err != nil {
			t.Errorf("%s: %v", e.Slug, err)
		}
	}
}
