package exports_test

import (
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"servicepoint/exports"
)

// peak writes a workbook of n rows and returns the largest heap seen.
func peak(t testing.TB, n int) uint64 {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	s := fixture(nil)
	s.Rows, s.Count = many(n), n
	var most uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	_, err := exports.WriteWorkbook(t.Context(), filepath.Join(t.TempDir(), "x.xlsx"), s, nil)
	close(stop)
	<-done
	if err != nil {
		t.Fatal(err)
	}
	if most < before.HeapAlloc {
		return 0
	}
	return most - before.HeapAlloc
}

// BenchmarkWorkbook writes 20,000 responses of six answers per round.
func BenchmarkWorkbook(b *testing.B) {
	const rows = 20_000
	var most uint64
	for b.Loop() {
		most = max(most, peak(b, rows))
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(most)/(1<<20), "peak-MiB")
}
