package planning

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/disclosure"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// house is planning with a writer that tests steer.
type house struct {
	*Planning
	t      testing.TB
	srv    *httptest.Server
	client *http.Client
	dir    string
	mu     sync.Mutex
	now    time.Time
	counts []Count
	write  func(ctx context.Context, slug, path string, progress func(done, total int)) (int, error)
	ask    disclosure.Ask
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, dir: filepath.Join(t.TempDir(), "exports"), now: basetest.Start}
	p := basetest.New(t, Words)
	p.Now = func() time.Time {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.now
	}
	h.write = func(ctx context.Context, slug, path string, progress func(done, total int)) (int, error) {
		progress(3, 3)
		return 3, os.WriteFile(path, []byte("workbook of "+slug), 0o600)
	}
	h.Planning = h.server(p)
	h.publish("smart-kassel", "Smart Kassel <2026>")
	h.counts = []Count{
		{"smart-kassel", "2026-11-30", "web", 1200}, {"smart-kassel", "2026-12-02", "web", 30}, {"smart-kassel", "2026-12-02", "terminal", 4},
	}
	return h
}

func (h *house) server(p *base.Platform) *Planning {
	h.t.Helper()
	pl, err := New(p, Options{
		Dir: h.dir,
		Ask: func(ctx context.Context, slug, staff string, q disclosure.Question) (disclosure.Answer, error) {
			if h.ask == nil {
				return disclosure.Answer{}, disclosure.ErrFew
			}
			return h.ask(ctx, slug, staff, q)
		},
		Counts: func(context.Context) ([]Count, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			return append([]Count(nil), h.counts...), nil
		},
		Write: func(ctx context.Context, slug, path string, progress func(done, total int)) (int, error) {
			return h.write(ctx, slug, path, progress)
		},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return pl
}

func (h *house) later(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *house) publish(slug, title string) {
	h.t.Helper()
	c, err := h.p.App.FindCollectionByNameOrId("survey_versions")
	if err != nil {
		h.t.Fatal(err)
	}
	r := core.NewRecord(c)
	r.Set("survey", slug)
	r.Set("version", 1)
	r.Set("questionnaire", survey.Questionnaire{Slug: slug, Version: 1, Title: content.Text{content.German: title}, Opens: basetest.Start.AddDate(0, 0, -7)})
	if err := h.p.App.Save(r); err != nil {
		h.t.Fatal(err)
	}
}

// run works the queue until the test ends.
func (h *house) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- h.Run(ctx) }()
	h.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
	})
}

// browser is a client signed in with roles.
type browser struct {
	h     *house
	staff string // id; "" is not signed in
}

// browser signs a new member of staff in; without roles nobody.
func (h *house) browser(roles ...string) browser {
	h.t.Helper()
	if h.srv == nil {
		h.srv, h.client = basetest.Serve(h.t, h.p, func(se *core.ServeEvent) {
			se.Router.BindFunc(func(e *core.RequestEvent) error {
				if id := e.Request.Header.Get("Test-Staff"); id != "" {
					var err error
					if e.Auth, err = h.p.App.FindRecordById("staff", id); err != nil {
						return err
					}
				}
				return e.Next()
			})
		}, h.Bind)
	}
	if len(roles) == 0 {
		return browser{h: h}
	}
	return browser{h, basetest.NewStaff(h.t, h.p, roles...).Id}
}

func (b browser) do(method, path string) (*http.Response, string) {
	b.h.t.Helper()
	return b.send(method, path, nil)
}

// send sends a form.
func (b browser) send(method, path string, form io.Reader) (*http.Response, string) {
	t := b.h.t
	t.Helper()
	req, err := http.NewRequest(method, b.h.srv.URL+path, form)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Test-Staff", b.staff)
	res, err := b.h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// only gives the one file of the list.
func (h *house) only() file {
	h.t.Helper()
	files, err := h.files(h.t.Context(), "", 10)
	if err != nil || len(files) != 1 {
		h.t.Fatalf("files %+v %v, want one", files, err)
	}
	return files[0]
}

func (h *house) waitFor(state string) file {
	h.t.Helper()
	for range 1000 {
		if f := h.only(); f.State == state {
			return f
		}
		time.Sleep(5 * time.Millisecond)
	}
	h.t.Fatalf("file is %q, want %q", h.only().State, state)
	return file{}
}

func (h *house) inFolder() []string {
	h.t.Helper()
	entries, err := os.ReadDir(h.dir)
	if err != nil {
		h.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func wants(t testing.TB, body string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(body, p) {
			t.Errorf("page lacks %q:\n%s", p, body)
		}
	}
}

func TestOnlyPlannersAndAdminsGetIn(t *testing.T) {
	h := newHouse(t)
	id, err := h.begin(t.Context(), "smart-kassel", system)
	if err != nil || h.build(t.Context(), id, "smart-kassel") != nil {
		t.Fatal(err)
	}
	routes := []struct{ method, path string }{
		{"GET", "/planung/"}, {"GET", "/planung/smart-kassel/"}, {"GET", "/planung/exporte/" + id + "/"},
		{"POST", "/planung/smart-kassel/exporte/"}, {"POST", "/planung/exporte/" + id + "/abbrechen/"},
	}
	for _, role := range []string{base.Editor, base.Publisher, base.Counter, base.Moderator} {
		b := h.browser(role)
		for _, r := range routes {
			if res, _ := b.do(r.method, r.path); res.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %s %s gives %d", role, r.method, r.path, res.StatusCode)
			}
		}
	}
	nobody := h.browser()
	for _, r := range routes {
		if res, _ := nobody.do(r.method, r.path); res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), "/anmelden/") {
			t.Errorf("not signed in: %s %s gives %d", r.method, r.path, res.StatusCode)
		}
	}
	for _, role := range []string{base.Planner, base.Admin} {
		b := h.browser(role)
		for _, r := range routes {
			if res, _ := b.do(r.method, r.path); res.StatusCode != http.StatusOK && res.StatusCode != http.StatusSeeOther {
				t.Errorf("%s: %s %s gives %d", role, r.method, r.path, res.StatusCode)
			}
		}
		if _, err := h.p.App.DB().NewQuery(`UPDATE export_files SET state = 'cancelled' WHERE state = 'building'`).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	var downloads int
	if err := h.p.App.DB().NewQuery(`SELECT COUNT(*) FROM export_downloads`).Row(&downloads); err != nil || downloads != 2 {
		t.Errorf("%d downloads noted, want those of the two who may (%v)", downloads, err)
	}
}

func TestPagesShowCountsChartAndTable(t *testing.T) {
	h := newHouse(t)
	h.publish("leer", "Ohne Antworten")
	b := h.browser(base.Planner)
	_, body := b.do("GET", "/planung/")
	wants(t, body, "Smart Kassel &lt;2026&gt;", "<dd>1.234</dd>", "davon Internet", "<dd>1.230</dd>", "davon Terminal", "<dd>4</dd>", "02.12.2026", "Ohne Antworten", "Noch keine Datei")
	_, body = b.do("GET", "/planung/smart-kassel/")
	wants(t, body, `role="img"`, `aria-labelledby="verlauf-t verlauf-d"`, "<title id=\"verlauf-t\">Antworten je Tag</title>",
		"1.234 Antworten seit 30.11.2026 in 3 Säulen", `<th scope="row">02.12.2026</th><td class="number">34</td><td class="number">1.234</td>`, "Arbeitsmappe erstellen")
	_, columns, _ := strings.Cut(body, `id="verlauf-t"`)
	columns, _, _ = strings.Cut(columns, "</svg>")
	if strings.Count(columns, `<rect class="chart-bar"`) != 3 {
		t.Error("want a bar for each of three days, the empty one too")
	}
	if strings.Contains(body, "style=") || strings.Contains(body, "<style") || strings.Contains(body, "<script") {
		t.Error("inline style or script, which the content security policy forbids")
	}
	_, body = b.do("GET", "/planung/leer/")
	wants(t, body, "Noch keine Antworten")
	if res, _ := b.do("GET", "/planung/gibt-es-nicht/"); res.StatusCode != http.StatusNotFound {
		t.Errorf("unknown survey: %d", res.StatusCode)
	}
}

func TestAPlannerMakesAFileAndTheDownloadIsNoted(t *testing.T) {
	h := newHouse(t)
	h.run()
	b := h.browser(base.Planner)
	res, _ := b.do("POST", "/planung/smart-kassel/exporte/")
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/planung/smart-kassel/#exporte" {
		t.Fatalf("start: %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	f := h.waitFor("ready")
	if f.Rows != 3 || f.Bytes != 24 || len(f.SHA256) != 64 || f.Author != "Test" || f.Name != "smart-kassel_2026-12-02_1200.xlsx" {
		t.Errorf("file %+v", f)
	}
	if res, _ := b.do("HEAD", "/planung/exporte/"+f.ID+"/"); res.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %d", res.StatusCode)
	}
	res, body := b.do("GET", "/planung/exporte/"+f.ID+"/")
	if body != "workbook of smart-kassel" || res.Header.Get("Content-Disposition") != `attachment; filename=smart-kassel_2026-12-02_1200.xlsx` ||
		res.Header.Get("Cache-Control") != "no-store" || !strings.Contains(res.Header.Get("Content-Type"), "spreadsheetml") {
		t.Errorf("download %q %v", body, res.Header)
	}
	_, body = b.do("GET", "/planung/smart-kassel/")
	wants(t, body, "<summary>1</summary><ul><li>Test, 02.12.2026, 12:00 Uhr</li></ul>", f.Name, "1 kB", "01.01.2027")
	_, body = b.do("GET", "/planung/")
	wants(t, body, f.Name, "Smart Kassel &lt;2026&gt;")
}

func TestOneExportAtATimeWithProgressAndCancel(t *testing.T) {
	h := newHouse(t)
	begun := make(chan struct{})
	h.write = func(ctx context.Context, slug, path string, progress func(done, total int)) (int, error) {
		progress(500, 1234)
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			return 0, err
		}
		close(begun)
		<-ctx.Done()
		return 0, ctx.Err()
	}
	h.run()
	b := h.browser(base.Planner)
	b.do("POST", "/planung/smart-kassel/exporte/")
	<-begun
	res, body := b.do("POST", "/planung/smart-kassel/exporte/")
	if res.StatusCode != http.StatusConflict {
		t.Errorf("second export: %d", res.StatusCode)
	}
	wants(t, body, "Es läuft schon ein Export")
	_, body = b.do("GET", "/planung/smart-kassel/")
	wants(t, body, `value="500" max="1234"`, "500 von 1.234 Antworten", "Aktualisieren", "Abbrechen", "wird erstellt")
	f := h.only()
	if res, _ := b.do("GET", "/planung/exporte/"+f.ID+"/"); res.StatusCode != http.StatusNotFound {
		t.Errorf("half a file was given out: %d", res.StatusCode)
	}
	if res, _ := b.do("POST", "/planung/exporte/"+f.ID+"/abbrechen/"); res.StatusCode != http.StatusSeeOther {
		t.Errorf("cancel: %d", res.StatusCode)
	}
	h.waitFor("cancelled")
	h.writing.Lock() // until the writer has given up
	defer h.writing.Unlock()
	if got := h.inFolder(); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
	if f := h.only(); f.State != "cancelled" || f.Error != "" {
		t.Errorf("file %+v", f)
	}
	if res, _ := b.do("POST", "/planung/exporte/"+f.ID+"/abbrechen/"); res.StatusCode != http.StatusSeeOther {
		t.Errorf("cancelling twice: %d", res.StatusCode)
	}
	if res, _ := b.do("POST", "/planung/exporte/unbekannt/abbrechen/"); res.StatusCode != http.StatusNotFound {
		t.Errorf("cancelling nothing: %d", res.StatusCode)
	}
}

type tooBig struct{}

func (tooBig) Error() string  { return "too big" }
func (tooBig) Reason() string { return "Die Umfrage hat zu viele Antworten." }

func TestAFailedExportSaysWhy(t *testing.T) {
	for _, c := range []struct {
		what string
		err  error
		want string
	}{
		{"a refusal with its own words", fmt.Errorf("wrapped: %w", tooBig{}), "Die Umfrage hat zu viele Antworten."},
		{"disk full", &os.PathError{Op: "write", Err: errNoSpace}, "kein Platz mehr"},
		{"anything else", errors.New("secret detail"), "Er steht im Protokoll"},
		{"a panic", nil, "Er steht im Protokoll"},
	} {
		t.Run(c.what, func(t *testing.T) {
			h := newHouse(t)
			h.write = func(ctx context.Context, slug, path string, progress func(done, total int)) (int, error) {
				if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
					return 0, err
				}
				if c.err == nil {
					panic("boom")
				}
				return 0, c.err
			}
			h.run()
			b := h.browser(base.Planner)
			b.do("POST", "/planung/smart-kassel/exporte/")
			h.waitFor("failed")
			_, body := b.do("GET", "/planung/smart-kassel/")
			wants(t, body, "gescheitert", c.want)
			if strings.Contains(body, "secret detail") || len(h.inFolder()) != 0 {
				t.Errorf("left behind %v, page\n%s", h.inFolder(), body)
			}
		})
	}
}

func TestARestartClearsWhatWasInTheMaking(t *testing.T) {
	h := newHouse(t)
	ready, err := h.begin(t.Context(), "smart-kassel", system)
	if err != nil || h.build(t.Context(), ready, "smart-kassel") != nil {
		t.Fatal(err)
	}
	if _, err := h.begin(t.Context(), "smart-kassel", "someone"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"half.xlsx", ".export-123/excelize-1"} {
		path := filepath.Join(h.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("answers"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.later(time.Minute)
	again := h.server(h.p)
	if err := again.clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.inFolder(); fmt.Sprint(got) != "["+ready+".xlsx]" {
		t.Errorf("folder %v, want only the ready file", got)
	}
	files, err := again.files(t.Context(), "smart-kassel", 10)
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	states := map[string]string{}
	for _, f := range files {
		states[f.State] = f.Error
	}
	if why, failed := states["failed"]; !failed || !strings.Contains(why, "neu gestartet") {
		t.Errorf("states %v", states)
	}
	if _, err := again.begin(t.Context(), "smart-kassel", "someone"); err != nil {
		t.Errorf("the place is still taken: %v", err)
	}
}

func TestStoppingTheServerLeavesNoHalfFile(t *testing.T) {
	h := newHouse(t)
	begun := make(chan struct{})
	h.write = func(ctx context.Context, slug, path string, progress func(done, total int)) (int, error) {
		close(begun)
		<-ctx.Done()
		return 0, ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	if _, err := h.begin(t.Context(), "smart-kassel", "someone"); err != nil {
		t.Fatal(err)
	}
	go func() { done <- h.Run(ctx) }()
	<-begun
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if f := h.only(); f.State != "failed" || !strings.Contains(f.Error, "neu gestartet") || len(h.inFolder()) != 0 {
		t.Errorf("file %+v, folder %v", f, h.inFolder())
	}
}

func TestNightlyExportMakesOnlyWhatHasNewAnswers(t *testing.T) {
	h := newHouse(t)
	h.publish("leer", "Ohne Antworten")
	steps := []struct {
		what, want string
		before     func()
	}{
		{"first night", "1 Umfragen exportiert, 1 unverändert", func() {}},
		{"nothing new", "0 Umfragen exportiert, 2 unverändert", func() {}},
		{"one more on an old day", "1 Umfragen exportiert, 1 unverändert", func() { h.counts[0].N++ }},
		{"one erased, one new", "1 Umfragen exportiert, 1 unverändert", func() { h.counts[0].N--; h.counts[1].N++ }},
		{"the file has expired", "1 Umfragen exportiert, 1 unverändert", func() {
			h.later(fileLife)
			if note, err := h.Sweep(t.Context()); err != nil || note != "3 abgelaufene Dateien gelöscht" {
				t.Errorf("%q %v", note, err)
			}
		}},
	}
	for _, s := range steps {
		s.before()
		h.later(time.Second)
		if note, err := h.NightlyExport(t.Context()); err != nil || note != s.want {
			t.Errorf("%s: %q %v, want %q", s.what, note, err, s.want)
		}
	}
	_, body := h.browser(base.Planner).do("GET", "/planung/")
	wants(t, body, "nächtlicher Export")
}

func TestNightlyExportGoesOnAfterAFailure(t *testing.T) {
	h := newHouse(t)
	h.publish("andere", "Andere")
	h.counts = append(h.counts, Count{"andere", "2026-12-02", "web", 1})
	good := h.write
	h.write = func(ctx context.Context, slug, path string, progress func(done, total int)) (int, error) {
		if slug == "andere" {
			return 0, errors.New("broken")
		}
		return good(ctx, slug, path, progress)
	}
	note, err := h.NightlyExport(t.Context())
	if err == nil || !strings.Contains(err.Error(), "andere: broken") || !strings.HasPrefix(note, "1 Umfragen exportiert") {
		t.Errorf("%q %v", note, err)
	}
}

func TestNightlyExportWaitsForAPlannersFile(t *testing.T) {
	h := newHouse(t)
	id, err := h.begin(t.Context(), "smart-kassel", "someone")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := h.NightlyExport(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("did not wait: %v", err)
	}
	if _, err := h.cancel(id); err != nil {
		t.Fatal(err)
	}
	if note, err := h.NightlyExport(t.Context()); err != nil || !strings.HasPrefix(note, "1 ") {
		t.Errorf("%q %v", note, err)
	}
}

func TestFilesGoAfterThirtyDaysAndTheLogAfterAYear(t *testing.T) {
	h := newHouse(t)
	if _, err := h.NightlyExport(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := h.only()
	b := h.browser(base.Planner)
	b.do("GET", "/planung/exporte/"+f.ID+"/")
	h.later(fileLife - time.Second)
	if _, err := h.Sweep(t.Context()); err != nil || h.only().State != "ready" {
		t.Errorf("gone too early: %v", err)
	}
	h.later(time.Second)
	if res, _ := b.do("GET", "/planung/exporte/"+f.ID+"/"); res.StatusCode != http.StatusNotFound {
		t.Errorf("expired file given out: %d", res.StatusCode)
	}
	if _, err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h.only().State != "expired" || len(h.inFolder()) != 0 {
		t.Errorf("file %+v, folder %v", h.only(), h.inFolder())
	}
	_, body := b.do("GET", "/planung/smart-kassel/")
	wants(t, body, "abgelaufen", "<summary>1</summary>")
	h.later(logLife)
	if _, err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := h.p.App.DB().NewQuery(`SELECT (SELECT COUNT(*) FROM export_files) + (SELECT COUNT(*) FROM export_downloads)`).Row(&left); err != nil || left != 0 {
		t.Errorf("%d rows left, %v", left, err)
	}
}

func TestAMissingFileIsNotFoundAndNotNoted(t *testing.T) {
	h := newHouse(t)
	if _, err := h.NightlyExport(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := h.only()
	if err := os.Remove(h.path(f.ID)); err != nil {
		t.Fatal(err)
	}
	res, body := h.browser(base.Planner).do("GET", "/planung/exporte/"+f.ID+"/")
	var noted int
	if err := h.p.App.DB().NewQuery(`SELECT COUNT(*) FROM export_downloads WHERE file = {:f}`).Bind(dbx.Params{"f": f.ID}).Row(&noted); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusNotFound || noted != 0 || res.Header.Get("Content-Disposition") != "" {
		t.Errorf("%d, %d noted, %v", res.StatusCode, noted, res.Header)
	}
	wants(t, body, "Datei nicht mehr da")
}

// Whatever a slug holds, the name is safe in folders and headers.
func FuzzFileName(f *testing.F) {
	for _, s := range []string{"smart-kassel", "../../etc/passwd", "a\r\nSet-Cookie: x", "", "ÄÖÜ", "-", strings.Repeat("x", 300), "CON"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, slug string) {
		name := fileName(slug, basetest.Start)
		rest := strings.TrimSuffix(name, "_2026-12-02_1200.xlsx")
		if rest == name || rest == "" || len(rest) > 80 || strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || rest[0] == '-' {
			t.Fatalf("%q became %q", slug, name)
		}
	})
}
