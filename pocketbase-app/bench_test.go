package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/contenttest"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"golang.org/x/net/html"
)

// The benchmarks of the whole system: real processes of the program that make
// build writes, asked over HTTP by this process, so that what clients cost is
// not counted. Figures that have a floor or a peer are measured in turns with it.

const (
	benchBinary  = "../bin/servicepoint"
	benchClients = 64
	benchRounds  = 3
	benchSpan    = 3 * time.Second // of one round
)

// row reports one figure, beside the peer's when there is one.
func row(b *testing.B, name, unit string, ours, peer, aim float64) {
	b.Run(name, func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(ours, unit)
		if peer > 0 {
			b.ReportMetric(peer, "peer-"+unit)
			b.ReportMetric(ours/peer, "ratio")
		}
		if aim > 0 {
			b.ReportMetric(aim, "aim")
		}
	})
}

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

// serveBinary starts the built program and gives the time until it was healthy.
func serveBinary(b *testing.B, dir string) (*instance, time.Duration) {
	b.Helper()
	if _, err := os.Stat(benchBinary); err != nil {
		b.Skip("no ", benchBinary, ": make bench builds it")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	s := &instance{URL: "http://" + addr, Dir: dir, log: new(lockedBuilder)}
	s.cmd = exec.Command(benchBinary, "serve", "--demo", "--demo-answers=0", "--http", addr, "--dir", dir)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := time.Now()
	if err := s.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	go s.cmd.Wait()
	b.Cleanup(s.Kill)
	for time.Since(started) < 5*time.Minute {
		if res, err := http.Get(s.URL + "/healthz"); err == nil {
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return s, time.Since(started)
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	b.Fatalf("not healthy:\n%s", s.log)
	return nil, 0
}

// cpu is what the server has used, user and system. Ticks are 10 ms.
func (s *instance) cpu(b *testing.B) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// memory is one line of /proc/<pid>/status in MiB: VmRSS (now), VmHWM (peak).
func (s *instance) memory(b *testing.B, line string) float64 {
	b.Helper()
	return memoryOf(b, strconv.Itoa(s.cmd.Process.Pid), line)
}

// memoryOf is that of any process, 0 when it has ended.
func memoryOf(b *testing.B, pid, line string) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return 0
	}
	if err != nil {
		b.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(status), line+":")
	if !ok { // it is ending
		return 0
	}
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.Fatal(err)
	}
	return float64(kB) / 1024
}

// ownCPU is what this process has used.
func ownCPU() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var benchClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchClients}}

// post sends JSON and wants 201.
func post(method, url, key string, body []byte) error {
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := benchClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusCreated {
		err = fmt.Errorf("%s: %d %s", url, res.StatusCode, said)
	}
	return err
}

// many calls do from 64 clients for a while: how often, and in which time.
func many(b *testing.B, do func() error) (n int, took time.Duration) {
	b.Helper()
	var count atomic.Int64
	var wg sync.WaitGroup
	started := time.Now()
	for range benchClients {
		wg.Go(func() {
			for time.Since(started) < benchSpan {
				if err := do(); err != nil {
					b.Error(err)
					return
				}
				count.Add(1)
			}
		})
	}
	wg.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return int(count.Load()), time.Since(started)
}

// speed is how many per second, and the CPU time of each in microseconds.
type speed struct{ perSecond, cpu []float64 }

func (s *speed) add(n int, took, cpu time.Duration) {
	s.perSecond = append(s.perSecond, float64(n)/took.Seconds())
	s.cpu = append(s.cpu, float64(cpu.Microseconds())/float64(n))
}

const floorAnswers = `{"important_themes":["energy"],"use":["advice"],"visits":2}`

// answerFloor is a database with the table of answers and nothing else: the same
// driver and settings (WAL, synchronous=FULL, IMMEDIATE), one connection.
func answerFloor(b *testing.B) (*sql.DB, *sql.Stmt) {
	b.Helper()
	db, err := base.Connect(filepath.Join(b.TempDir(), "data.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	db.DB().SetMaxOpenConns(1)
	if _, err := db.DB().Exec(`CREATE TABLE responses (survey TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, language TEXT NOT NULL,
		channel TEXT NOT NULL, day TEXT NOT NULL, answers TEXT NOT NULL, PRIMARY KEY (survey, id)) STRICT, WITHOUT ROWID`); err != nil {
		b.Fatal(err)
	}
	insert, err := db.DB().Prepare(`INSERT INTO responses (survey, id, version, language, channel, day, answers) VALUES (?, ?, 1, 'de', 'web', '2026-12-02', ?)`)
	if err != nil {
		b.Fatal(err)
	}
	return db.DB(), insert
}

// BenchmarkAnswers sends answers to a real server and sets its CPU time (HTTP
// included, clients not) beside two floors of database/sql: 64 goroutines that
// commit one INSERT each, which is the promise that every citizen gets, and one
// that commits 64 INSERTs at a time and serves nobody.
func BenchmarkAnswers(b *testing.B) {
	s, _ := serveBinary(b, seeded(b))
	rest := s.memory(b, "VmRSS")
	body, err := json.Marshal(map[string]any{"language": "de", "channel": "web", "answers": json.RawMessage(floorAnswers)})
	if err != nil {
		b.Fatal(err)
	}
	db, insert := answerFloor(b)
	var ours, single, grouped speed
	for range benchRounds {
		before := s.cpu(b)
		n, took := many(b, func() error {
			return post("PUT", s.URL+"/api/v1/surveys/smart-kassel/responses/"+newUUID(), "", body)
		})
		ours.add(n, took, s.cpu(b)-before)

		before = ownCPU()
		n, took = many(b, func() error {
			_, err := insert.Exec("smart-kassel", newUUID(), floorAnswers)
			return err
		})
		single.add(n, took, ownCPU()-before)

		before, n = ownCPU(), 0
		started := time.Now()
		for time.Since(started) < benchSpan {
			if err := insertGroup(db, insert, 64); err != nil {
				b.Fatal(err)
			}
			n += 64
		}
		grouped.add(n, time.Since(started), ownCPU()-before)
	}
	row(b, "cpu-beside-single-commits", "µs", median(ours.cpu), median(single.cpu), 2.5)
	row(b, "cpu-beside-groups-of-64", "µs", median(ours.cpu), median(grouped.cpu), 0)
	row(b, "rate-beside-single-commits", "answers/s", median(ours.perSecond), median(single.perSecond), 0)
	row(b, "server-memory-before", "MiB", rest, 0, 0)
	row(b, "server-memory-peak-under-load", "MiB", s.memory(b, "VmHWM"), 0, 0)
}

func insertGroup(db *sql.DB, insert *sql.Stmt, size int) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	stmt := tx.Stmt(insert)
	for range size {
		if _, err := stmt.Exec("smart-kassel", newUUID(), floorAnswers); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// BenchmarkBookings books seats of one event while the server goes on to hand
// the orders to the desk and to write the confirmations.
func BenchmarkBookings(b *testing.B) {
	dir := seeded(b)
	widen(b, dir, "balkonsolar", "room", 10_000_000)
	s, _ := serveBinary(b, dir)
	var seats speed
	var i atomic.Int64
	for range benchRounds {
		before := s.cpu(b)
		n, took := many(b, func() error {
			k := i.Add(1)
			return post("POST", s.URL+"/api/v1/events/balkonsolar/bookings", newUUID(),
				fmt.Appendf(nil, `{"name":"Client %d","email":"c%d@example.org","places":1,"pool":"room"}`, k, k))
		})
		seats.add(n, took, s.cpu(b)-before)
	}
	row(b, "rate", "seats/s", median(seats.perSecond), 0, 0)
	row(b, "cpu-with-orders-and-mails", "µs", median(seats.cpu), 0, 0)
}

// BenchmarkSaveToLive measures from the click on "save and publish" until the
// page shows the new title, with the demo's content and with 1,000 guides and
// events (in three languages).
func BenchmarkSaveToLive(b *testing.B) {
	for _, size := range []int{0, 1000} {
		name := "demo"
		dir := seeded(b)
		if size > 0 {
			name = fmt.Sprint(size)
			fill(b, dir, size)
		}
		s, _ := serveBinary(b, dir)
		e := signedIn(b, s)
		e.publish(b, "Zum ersten Mal") // makes and compresses every page
		var took, pages []float64
		for round := range 5 {
			took = append(took, e.publish(b, fmt.Sprintf("Sperrmüll %d", round)).Seconds())
		}
		pages = append(pages, countPages(b, filepath.Join(dir, "site", "current")))
		row(b, name+"-pages", "pages", median(pages), 0, 0)
		row(b, name, "s", median(took), 0, 0)
		row(b, name+"-server-memory-peak", "MiB", s.memory(b, "VmHWM"), 0, 0)
		if err := s.Stop(); err != nil {
			b.Fatal(err)
		}
	}
}

// fill puts a published copy of many guides and events into a stopped instance.
func fill(b *testing.B, dir string, n int) {
	b.Helper()
	cat, err := contenttest.Many(n, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	db, err := base.Connect(filepath.Join(dir, "data.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	put := func(tx *dbx.Tx, table, slug, title string, doc any) error {
		text, err := json.Marshal(doc)
		if err != nil {
			return err
		}
		_, err = tx.NewQuery(`INSERT OR IGNORE INTO {{` + table + `}} (id, slug, title, doc, live, state, rev, edited_by, published, created, updated)
			VALUES ({:id}, {:slug}, {:title}, {:doc}, {:doc}, 'published', 1, 'system', {:at}, {:at}, {:at})`).Bind(dbx.Params{
			"id": base.NewToken()[:15], "slug": slug, "title": title, "doc": string(text), "at": "2026-11-22 09:00:00.000Z",
		}).Execute()
		return err
	}
	err = db.Transactional(func(tx *dbx.Tx) error {
		for _, g := range cat.Guides {
			if err := put(tx, "guides", g.Slug, g.Texts[content.German].Title, g); err != nil {
				return err
			}
		}
		for _, e := range cat.Events {
			if err := put(tx, "events", e.Slug, e.Texts[content.German].Title, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// editor is a browser that is signed in at /redaktion/.
type editor struct {
	origin string
	client *http.Client
}

func signedIn(b *testing.B, s *instance) editor {
	b.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	e := editor{s.URL, &http.Client{Jar: jar}}
	res, err := e.client.PostForm(s.URL+"/anmelden/", url.Values{"email": {"redaktion@service-point.example"}, "password": {"demo-passwort-redaktion"}})
	if err != nil {
		b.Fatal(err)
	}
	res.Body.Close()
	return e
}

func (e editor) get(b *testing.B, path string) []byte {
	b.Helper()
	res, err := e.client.Get(e.origin + path)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		b.Fatalf("%s: %d %v", path, res.StatusCode, err)
	}
	return page
}

// publish gives a guide a new title and waits until citizens read it.
func (e editor) publish(b *testing.B, title string) time.Duration {
	b.Helper()
	const form = "/redaktion/leistungen/sperrmuell/"
	page, err := html.Parse(bytes.NewReader(e.get(b, form)))
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range find(page, "form") {
		fields := fieldsOf(f)
		if !fields.all["texts.de.title"] {
			continue
		}
		fields.sent.Set("texts.de.title", title)
		fields.sent.Set("aktion", "veroeffentlichen")
		started := time.Now()
		res, err := e.client.PostForm(e.origin+attr(f, "action"), fields.sent)
		if err != nil {
			b.Fatal(err)
		}
		res.Body.Close()
		for time.Since(started) < 5*time.Minute {
			if bytes.Contains(e.get(b, "/leistungen/sperrmuell/"), []byte(title)) {
				return time.Since(started)
			}
			time.Sleep(10 * time.Millisecond)
		}
		b.Fatalf("%q is not live (%d)", title, res.StatusCode)
	}
	b.Fatal("no form to edit the guide")
	return 0
}

func countPages(b *testing.B, dir string) float64 {
	b.Helper()
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	filepath.WalkDir(dir, func(path string, _ os.DirEntry, _ error) error {
		if strings.HasSuffix(path, ".html") {
			n++
		}
		return nil
	})
	return float64(n)
}

// BenchmarkServer measures the program at rest: time until /healthz says 200 on
// a seeded directory, memory, size of the file.
func BenchmarkServer(b *testing.B) {
	var healthy, rest []float64
	for range 5 {
		s, took := serveBinary(b, seeded(b))
		time.Sleep(2 * time.Second)
		healthy, rest = append(healthy, took.Seconds()*1000), append(rest, s.memory(b, "VmRSS"))
		if err := s.Stop(); err != nil {
			b.Fatal(err)
		}
	}
	file, err := os.Stat(benchBinary)
	if err != nil {
		b.Fatal(err)
	}
	row(b, "start-up", "ms", median(healthy), 0, 0)
	row(b, "memory-at-rest", "MiB", median(rest), 0, 0)
	row(b, "binary", "MiB", float64(file.Size())/(1<<20), 0, 0)
	row(b, "processors", "cores", float64(runtime.NumCPU()), 0, 0)
}
