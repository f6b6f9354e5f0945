package participation_test

import (
	"testing"
	"time"
)

// BenchmarkAnswersFeed measures the comparison of tables that finds what has not gone to
// the warehouse: with a million responses, all new (what giving one its place costs),
// then with none and with a thousand new ones. One round; the others would repeat it.
func BenchmarkAnswersFeed(b *testing.B) {
	w := newWorld(b)
	if _, err := w.App.NonconcurrentDB().NewQuery(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999999)
		INSERT INTO responses (survey, id, version, language, channel, day, answers)
		SELECT 'smart-kassel', printf('%08x-', i * 4294) || lower(substr(hex(randomblob(14)), 1, 27)), 1, 'de', 'web', '2026-12-01', '{"rent":612.5,"topics":["bus"]}' FROM n`).Execute(); err != nil {
		b.Fatal(err)
	}
	claim := func(want int) time.Duration {
		at := time.Now()
		if n := w.claim(b); n != want {
			b.Fatalf("%d of %d", n, want)
		}
		return time.Since(at)
	}
	b.ResetTimer()
	first := claim(1_000_000)
	none := claim(0)
	w.insert(b, yesterday, 1000)
	some := claim(1000)
	b.ReportMetric(float64(first.Microseconds())/1e6, "first-µs/answer")
	b.ReportMetric(none.Seconds(), "none-new-s")
	b.ReportMetric(some.Seconds(), "thousand-new-s")
}
