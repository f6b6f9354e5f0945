package participation_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"servicepoint/content/survey/surveytest"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
)

// clients is how many answers are under way at one time, at every measurement.
const clients = 64

// recorder is a ResponseWriter that costs next to nothing.
type recorder struct {
	header http.Header
	status int
}

func newRecorder() *recorder { return &recorder{header: http.Header{}} }

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return len(b), nil }

// cpu is what this process has used, user and system.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure runs do from many clients and reports the CPU time of one answer.
func measure(b *testing.B, do func() error) {
	b.SetParallelism(clients / runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := do(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
}

var benchBody = []byte(`{"language":"de","channel":"web","answers":{"district":"west","topics":["water","energy"],"content":4,"rent":612.5,` +
	`"street":"Königstor","idea":"Mehr Bänke am Fluss, mehr Schatten auf den Plätzen und ein Bus am späten Abend.","since":"2014-05-01"}}`)

const benchAnswers = `{"content":4,"district":"west","idea":"Mehr Bänke am Fluss, mehr Schatten auf den Plätzen und ein Bus am späten Abend.",` +
	`"rent":612.5,"since":"2014-05-01","street":"Königstor","topics":["energy","water"]}`

// BenchmarkAnswerHTTP is one answer through the whole router: middlewares,
// decoding, checks, group commit with synchronous=FULL.
func BenchmarkAnswerHTTP(b *testing.B) {
	w := newWorld(b)
	handler := w.srv.Config.Handler
	measure(b, func() error {
		rec := newRecorder()
		req, err := http.NewRequest("PUT", "/api/v1/surveys/smart-kassel/responses/"+newID(), bytes.NewReader(benchBody))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.RemoteAddr = "127.0.0.1:1234"
		handler.ServeHTTP(rec, req)
		if rec.status != http.StatusCreated {
			return fmt.Errorf("status %d", rec.status)
		}
		return nil
	})
	b.StopTimer()
	if n := w.count(b, "responses"); n != b.N {
		b.Fatalf("%d rows of %d", n, b.N)
	}
}

// floor opens a database with the same schema and settings and nothing else.
func floor(b *testing.B) *sql.DB {
	db, err := base.Connect(filepath.Join(b.TempDir(), "data.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	db.DB().SetMaxOpenConns(1)
	_, err = db.DB().Exec(`CREATE TABLE responses (survey TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, language TEXT NOT NULL,
		channel TEXT NOT NULL, day TEXT NOT NULL, answers TEXT NOT NULL, PRIMARY KEY (survey, id)) STRICT, WITHOUT ROWID`)
	if err != nil {
		b.Fatal(err)
	}
	return db.DB()
}

// BenchmarkAnswerFloor is the least that database/sql can do for the same
// promise: one prepared INSERT, committed with synchronous=FULL, per answer.
func BenchmarkAnswerFloor(b *testing.B) {
	db := floor(b)
	insert, err := db.Prepare(`INSERT INTO responses (survey, id, version, language, channel, day, answers) VALUES (?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		b.Fatal(err)
	}
	measure(b, func() error {
		_, err := insert.Exec("smart-kassel", newID(), 1, "de", "web", "2026-12-02", benchAnswers)
		return err
	})
}

// BenchmarkAnswerFloorGrouped is the same with 64 answers per commit and no
// HTTP, no checks and nobody who waits: what no server can reach.
func BenchmarkAnswerFloorGrouped(b *testing.B) {
	db := floor(b)
	insert, err := db.Prepare(`INSERT INTO responses (survey, id, version, language, channel, day, answers) VALUES (?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		b.Fatal(err)
	}
	before := cpu(b)
	for done := 0; done < b.N; {
		tx, err := db.Begin()
		if err != nil {
			b.Fatal(err)
		}
		stmt := tx.Stmt(insert)
		for range min(clients, b.N-done) {
			if _, err := stmt.Exec("smart-kassel", newID(), 1, "de", "web", "2026-12-02", benchAnswers); err != nil {
				b.Fatal(err)
			}
			done++
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
}

// round runs n answers from 64 clients and gives the CPU time of one.
func round(b *testing.B, n int, do func() error) time.Duration {
	b.Helper()
	before := cpu(b)
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := do(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return (cpu(b) - before) / time.Duration(n)
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

// sixtyWorld is a world with the survey of sixty questions, and what sends one
// complete answer to it.
func sixtyWorld(b *testing.B) (*world, func() error, string) {
	w := newWorld(b)
	q, raw := surveytest.Sixty()
	q.Slug, q.Anonymous = "sixty", true
	publish(b, w.Platform, q)
	body, err := json.Marshal(map[string]any{"language": "de", "channel": "web", "answers": raw})
	if err != nil {
		b.Fatal(err)
	}
	answers, problems := q.Check(raw)
	if len(problems) > 0 || len(answers) != 60 {
		b.Fatal(problems)
	}
	handler := w.srv.Config.Handler
	return w, func() error {
		rec := newRecorder()
		req, err := http.NewRequest("PUT", "/api/v1/surveys/sixty/responses/"+newID(), bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.RemoteAddr = "127.0.0.1:1234"
		handler.ServeHTTP(rec, req)
		if rec.status != http.StatusCreated {
			return fmt.Errorf("status %d", rec.status)
		}
		return nil
	}, string(answers.Canonical())
}

// BenchmarkAnswerSixtyBesideFloor compares, in turns, a complete answer to sixty
// questions with routing through the whole router with one bare INSERT of the
// same answers, both on disk before they are acknowledged.
func BenchmarkAnswerSixtyBesideFloor(b *testing.B) {
	_, ours, answers := sixtyWorld(b)
	insert, err := floor(b).Prepare(`INSERT INTO responses (survey, id, version, language, channel, day, answers) VALUES (?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		b.Fatal(err)
	}
	bare := func() error {
		_, err := insert.Exec("sixty", newID(), 1, "de", "web", "2026-12-02", answers)
		return err
	}
	const n = 4000
	round(b, n/4, ours) // warm
	round(b, n/4, bare)
	var mine, peer []time.Duration
	started, sent := time.Duration(0), 0
	b.ResetTimer()
	for range 5 {
		at := time.Now()
		mine = append(mine, round(b, n, ours))
		started, sent = started+time.Since(at), sent+n
		peer = append(peer, round(b, n, bare))
	}
	b.ReportMetric(float64(sent)/started.Seconds(), "answers/s")
	b.ReportMetric(float64(median(peer)), "peer-cpu-ns")
	b.ReportMetric(float64(median(mine)), "cpu-ns")
	b.ReportMetric(float64(median(mine))/float64(median(peer)), "ratio")
	b.ReportMetric(2.5, "aim")
}

// BenchmarkAnswerAfterAMillion compares, in turns, the submit path of an empty
// survey with that of one with a million stored answers.
func BenchmarkAnswerAfterAMillion(b *testing.B) {
	_, empty, _ := sixtyWorld(b)
	w, full, answers := sixtyWorld(b)
	if _, err := w.App.NonconcurrentDB().NewQuery(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999999)
		INSERT INTO responses (survey, id, version, language, channel, day, seed, answers)
		SELECT 'sixty', printf('%08x-', i * 4294) || lower(substr(hex(randomblob(14)), 1, 27)), 1, 'de', 'web', '2026-12-01', 0, {:answers} FROM n`).
		Bind(dbx.Params{"answers": answers}).Execute(); err != nil {
		b.Fatal(err)
	}
	const n = 4000
	round(b, n, empty) // warm
	round(b, n, full)
	var mine, peer []time.Duration
	b.ResetTimer()
	for range 5 {
		peer = append(peer, round(b, n, empty))
		mine = append(mine, round(b, n, full))
	}
	if got := w.count(b, "responses"); got != 1_000_000+6*n {
		b.Fatalf("%d rows", got)
	}
	b.ReportMetric(float64(median(peer)), "peer-cpu-ns")
	b.ReportMetric(float64(median(mine)), "cpu-ns")
	b.ReportMetric(float64(median(mine))/float64(median(peer)), "ratio")
	b.ReportMetric(1.1, "aim")
}

// BenchmarkDraftSave compares, in turns, a page that a script saves by itself,
// through the whole router and sealed, with the bare transaction that kept drafts
// readable: one SELECT and one UPDATE of what was typed.
func BenchmarkDraftSave(b *testing.B) {
	w := newWorld(b)
	handler := w.srv.Config.Handler
	begin := newRecorder()
	req, err := http.NewRequest("POST", s+"/teilnehmen/", http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	handler.ServeHTTP(begin, req)
	cookie, _, _ := strings.Cut(begin.header.Get("Set-Cookie"), ";")
	form := url.Values{"rent": {"612,5"}, "street": {"Königstor"}, "since": {"1.5.2014"}, "s-aktion": {"merken"},
		"idea": {"Mehr Bänke am Fluss, mehr Schatten auf den Plätzen und ein Bus am späten Abend: 000000"}}
	page := form.Encode()
	var saves atomic.Int64 // every save changes something, or SQLite would write nothing
	differ := func(s string) string { return strings.Replace(s, "000000", fmt.Sprintf("%06d", saves.Add(1)), 1) }
	ours := func() error {
		rec := newRecorder()
		req, err := http.NewRequest("POST", s+"/seite/2/", strings.NewReader(differ(page)))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Cookie", cookie)
		handler.ServeHTTP(rec, req)
		if rec.status != http.StatusNoContent {
			return fmt.Errorf("status %d", rec.status)
		}
		return nil
	}
	db := floor(b)
	if _, err := db.Exec(`CREATE TABLE drafts (hash TEXT PRIMARY KEY, answers TEXT NOT NULL) STRICT, WITHOUT ROWID`); err != nil {
		b.Fatal(err)
	}
	typed, err := json.Marshal(form)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := db.Exec(`INSERT INTO drafts VALUES ('x', ?)`, string(typed)); err != nil {
		b.Fatal(err)
	}
	bare := func() error {
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		defer tx.Rollback()
		var answers string
		if err := tx.QueryRow(`SELECT answers FROM drafts WHERE hash = 'x'`).Scan(&answers); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE drafts SET answers = ? WHERE hash = 'x'`, differ(string(typed))); err != nil {
			return err
		}
		return tx.Commit()
	}
	const n = 800
	round(b, n/4, ours) // warm
	round(b, n/4, bare)
	var mine, peer []time.Duration
	b.ResetTimer()
	for range 5 {
		mine = append(mine, round(b, n, ours))
		peer = append(peer, round(b, n, bare))
	}
	b.ReportMetric(float64(median(peer)), "peer-cpu-ns")
	b.ReportMetric(float64(median(mine)), "cpu-ns")
	b.ReportMetric(float64(median(mine))/float64(median(peer)), "ratio")
}
