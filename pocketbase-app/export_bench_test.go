package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/pocketbase-app/base"
)

// BenchmarkExportBesideWriters sends 50 answers a second to a real server, in turns
// with and without a package of 300,000 responses being made in it, and compares
// how long an answer takes. The read transaction of the package keeps the
// write-ahead log from starting anew: its size is a figure too, and so is the memory of
// the server and of the process that writes.
func BenchmarkExportBesideWriters(b *testing.B) {
	const stored = 300_000
	dir := seeded(b)
	fillAnswers(b, dir, stored)
	s, _ := serveBinary(b, dir)
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	planner := &http.Client{Jar: jar}
	send := func(path string, form url.Values) string {
		res, err := planner.PostForm(s.URL+path, form)
		if err != nil {
			b.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			b.Fatalf("%s: %d %v\n%.2000s", path, res.StatusCode, err, body)
		}
		return string(body)
	}
	send("/anmelden/", url.Values{"email": {"planung@service-point.example"}, "password": {"demo-passwort-planung"}})
	const page = "/planung/exporte/umfragen/smart-kassel/"
	running := func() bool {
		res, err := planner.Get(s.URL + page)
		if err != nil {
			b.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			b.Fatal(err)
		}
		return strings.Contains(string(body), `id="laeuft"`)
	}

	var alone, beside, tailAlone, tailBeside, took []float64
	wal, writer := 0.0, 0.0
	before := 0.0 // the server's peak without any package
	for range 3 {
		a := sending(b, s, func(since time.Time) bool { return time.Since(since) < 8*time.Second })
		if before == 0 {
			running() // the page itself counts the answers
			before = s.memory(b, "VmHWM")
		}
		started := time.Now()
		send(page+"starten/", url.Values{"format": {"xlsx", "csv", "parquet", "sav"}, "grund": {"Messung neben Antworten"}, "every": {""}})
		e := sending(b, s, func(time.Time) bool {
			for _, pid := range s.writers(b) {
				writer = max(writer, memoryOf(b, pid, "VmHWM")-memoryOf(b, pid, "RssFile")) // without the program's own pages, which both share
			}
			return running()
		})
		took = append(took, time.Since(started).Seconds())
		alone, tailAlone = append(alone, at(a, 0.5)), append(tailAlone, at(a, 0.95))
		beside, tailBeside = append(beside, at(e, 0.5)), append(tailBeside, at(e, 0.95))
		if f, err := os.Stat(filepath.Join(dir, "data.db-wal")); err == nil {
			wal = max(wal, float64(f.Size())/(1<<20))
		}
	}
	row(b, "answer-median", "ms", median(beside), median(alone), 1.2)
	row(b, "answer-95-of-100", "ms", median(tailBeside), median(tailAlone), 0)
	row(b, "package", "s", median(took), 0, 0)
	row(b, "write-ahead-log", "MiB", wal, 0, 0)
	row(b, "server-memory-peak", "MiB", s.memory(b, "VmHWM"), before, 0)
	row(b, "writer-memory-peak", "MiB", writer, 0, 100)
}

// sending sends 50 answers a second while on says so and gives how long each took,
// in milliseconds.
func sending(b *testing.B, s *instance, on func(since time.Time) bool) []float64 {
	b.Helper()
	var mu sync.Mutex
	var took []float64
	var wg sync.WaitGroup
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	since := time.Now()
	for n := 0; n%25 != 0 || on(since); n++ {
		<-tick.C
		wg.Go(func() {
			started := time.Now()
			body := fmt.Appendf(nil, `{"language":"de","channel":"web","answers":%s}`, floorAnswers)
			if err := post("PUT", s.URL+"/api/v1/surveys/smart-kassel/responses/"+newUUID(), "", body); err != nil {
				b.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, float64(time.Since(started).Microseconds())/1000)
		})
	}
	wg.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return took
}

func at(list []float64, share float64) float64 {
	sorted := append([]float64(nil), list...)
	slices.Sort(sorted)
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// fillAnswers puts responses into a stopped instance.
func fillAnswers(b testing.TB, dir string, n int) {
	b.Helper()
	db, err := base.Connect(filepath.Join(dir, "data.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	tx, err := db.DB().Begin()
	if err != nil {
		b.Fatal(err)
	}
	defer tx.Rollback()
	insert, err := tx.Prepare(`INSERT INTO responses (survey, id, version, language, channel, day, answers, seed) VALUES ('smart-kassel', ?, 1, 'de', 'web', '2026-11-20', ?, 0)`)
	if err != nil {
		b.Fatal(err)
	}
	for i := range n {
		answers := fmt.Sprintf(`{"district":"mitte","formats":["workshop"],"important_themes":["energy","mobility"],"message":"Mehr Bänke und Schatten, Nummer %d","satisfaction":%d,"use":["advice"],"visits":%d}`, i, 1+i%5, i%12)
		if _, err := insert.Exec(fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(i)*2654435761, i), answers); err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}
