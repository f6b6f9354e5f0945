package planning

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
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
	write  func(ctx context.Context, pkg Package, path string, progress func(done, total int)) (int, error)
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
	h.write = func(ctx context.Context, pkg Package, path string, progress func(done, total int)) (int, error) {
		progress(3, 3)
		return 3, os.WriteFile(path, []byte("package of "+pkg.Survey), 0o600)
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
		Ask: func(ctx context.Context, slug, staff string, questions []disclosure.Question, each func(int, disclosure.Answer, error)) error {
			for i, q := range questions {
				if h.ask == nil {
					each(i, disclosure.Answer{}, disclosure.ErrFew)
					continue
				}
				a, err := h.ask(ctx, slug, staff, q)
				each(i, a, err)
			}
			return nil
		},
		Counts: func(context.Context) ([]Count, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			return append([]Count(nil), h.counts...), nil
		},
		Write: func(ctx context.Context, pkg Package, path string, progress func(done, total int)) (int, error) {
			return h.write(ctx, pkg, path, progress)
		},
		Formats:    []Format{{"xlsx", "Arbeitsmappe"}, {"csv", "CSV"}},
		HasResults: func(_ context.Context, slug string) (bool, error) { return slug == "smart-kassel", nil },
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

// do sends a request; a POST carries the form, which may be missing.
func (b browser) do(method, path string, form ...url.Values) (*http.Response, string) {
	b.h.t.Helper()
	if method != "POST" {
		return b.send(method, path, nil)
	}
	var values url.Values
	for _, f := range form {
		values = f
	}
	return b.send(method, path, strings.NewReader(values.Encode()))
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

func TestPagesShowCountsChartAndTable(t *testing.T) {
	h := newHouse(t)
	h.publish("leer", "Ohne Antworten")
	b := h.browser(base.Planner)
	_, body := b.do("GET", "/planung/")
	wants(t, body, "Smart Kassel &lt;2026&gt;", "<dd>1.234</dd>", "davon Internet", "<dd>1.230</dd>", "davon Terminal", "<dd>4</dd>", "02.12.2026", "Ohne Antworten", "Pakete mit Antworten erstellen")
	_, body = b.do("GET", "/planung/smart-kassel/")
	wants(t, body, `role="img"`, `aria-labelledby="verlauf-t verlauf-d"`, "<title id=\"verlauf-t\">Antworten je Tag</title>",
		"1.234 Antworten seit 30.11.2026 in 3 Säulen", `<th scope="row">02.12.2026</th><td class="number">34</td><td class="number">1.234</td>`, "Pakete mit Antworten erstellen")
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

// Whatever a slug holds, the name is safe in folders and headers.
func FuzzFileName(f *testing.F) {
	for _, s := range []string{"smart-kassel", "../../etc/passwd", "a\r\nSet-Cookie: x", "", "ÄÖÜ", "-", strings.Repeat("x", 300), "CON"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, slug string) {
		name := fileName(slug, basetest.Start)
		rest := strings.TrimSuffix(name, "_2026-12-02_1200.zip")
		if rest == name || rest == "" || len(rest) > 80 || strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || rest[0] == '-' {
			t.Fatalf("%q became %q", slug, name)
		}
	})
}
