package site_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"servicepoint/content"
	"servicepoint/site"

	"github.com/andybalholm/brotli"
)

func get(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, "/", nil)
	req.URL.Path, req.URL.RawQuery, _ = strings.Cut(path, "?")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

var assetPath = regexp.MustCompile(`/css/site[^"]+\.css`)

func TestHandlerAnswers(t *testing.T) {
	h := site.NewHandler(built(t))
	css := assetPath.FindString(read(t, built(t), "index.html"))
	for name, c := range map[string]struct {
		method, path string
		headers      []string
		status       int
		has          map[string]string // header → part of it
		body         string
	}{
		"home":                       {path: "/", status: 200, has: map[string]string{"Content-Type": "text/html", "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}, body: "Alles an einem Ort"},
		"a page":                     {path: "/en/leistungen/", status: 200, body: "<h1>Services</h1>"},
		"no body for HEAD":           {method: "HEAD", path: "/leistungen/", status: 200},
		"a post":                     {method: "POST", path: "/leistungen/", status: 405, has: map[string]string{"Allow": "GET, HEAD"}},
		"no slash at the end":        {path: "/leistungen?x=1", status: 308, has: map[string]string{"Location": "/leistungen/?x=1"}},
		"no slash, dynamic":          {path: "/anliegen", status: 308, has: map[string]string{"Location": "/anliegen/"}},
		"index.html":                 {path: "/leistungen/index.html", status: 308, has: map[string]string{"Location": "/leistungen/"}},
		"an old address":             {path: "/imprint/", status: 301, has: map[string]string{"Location": "/en/impressum/"}},
		"an asset":                   {path: css, status: 200, has: map[string]string{"Content-Type": "text/css", "Cache-Control": "immutable"}},
		"a feed":                     {path: "/veranstaltungen/index.xml", status: 200, has: map[string]string{"Content-Type": "application/rss+xml"}},
		"a calendar":                 {path: "/veranstaltungen/kalender.ics", status: 200, has: map[string]string{"Content-Type": "text/calendar"}, body: "BEGIN:VCALENDAR\r\n"},
		"unknown":                    {path: "/gibt-es-nicht/", status: 404, body: "Seite nicht gefunden"},
		"unknown, no slash":          {path: "/gibt-es-nicht", status: 404},
		"unknown in English":         {path: "/en/no/such/", status: 404, body: "Page not found"},
		"unknown in Leichte Sprache": {path: "/ls/nix.html", status: 404, body: "Diese Seite gibt es nicht"},
		"a condition on a 404":       {path: "/weg/", headers: []string{"If-None-Match", "*", "Range", "bytes=0-3"}, status: 404, body: "<!doctype"},
		"the shell":                  {path: "/_shell/de/", status: 404},
		"the shell's file":           {path: "/_shell/de/index.html", status: 404},
		"the shell, no slash":        {path: "/_shell/de", status: 404},
		"the manifest":               {path: "/manifest.json", status: 404},
		"the redirects":              {path: "/_redirects", status: 404},
		"a compressed copy":          {path: "/index.html.br", status: 404},
		"a folder without a page":    {path: "/css/", status: 404},
		"out of the folder":          {path: "/../../../../etc/passwd", status: 404},
		"out, with dots":             {path: "/leistungen/../../manifest.json", status: 404},
		"two slashes":                {path: "//evil.example/", status: 404},
		"a backslash":                {path: `/\evil.example`, status: 404},
		"a null":                     {path: "/\x00", status: 404},
	} {
		t.Run(name, func(t *testing.T) {
			method := c.method
			if method == "" {
				method = "GET"
			}
			w := get(h, method, c.path, c.headers...)
			if w.Code != c.status {
				t.Fatalf("status %d, want %d", w.Code, c.status)
			}
			for k, v := range c.has {
				if !strings.Contains(w.Header().Get(k), v) {
					t.Errorf("%s: %q, want %q", k, w.Header().Get(k), v)
				}
			}
			if !strings.Contains(w.Body.String(), c.body) {
				t.Errorf("no %q in\n%.300s", c.body, w.Body)
			}
			if method == "HEAD" && w.Body.Len() > 0 {
				t.Error("a body")
			}
		})
	}
}

func TestHandlerSendsWhatTheBrowserCanUnpack(t *testing.T) {
	h := site.NewHandler(built(t))
	plain := get(h, "GET", "/leistungen/").Body.String()
	tags := map[string]bool{}
	for accept, want := range map[string]string{"": "", "gzip": "gzip", "gzip, deflate, br": "br", "br;q=0, gzip": "gzip", "br;q=0.0,gzip;q=0": "", "BR": "br", "identity": "", "brx": ""} {
		w := get(h, "GET", "/leistungen/", "Accept-Encoding", accept)
		if got := w.Header().Get("Content-Encoding"); got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
		var r io.Reader = w.Body
		switch want {
		case "br":
			r = brotli.NewReader(r)
		case "gzip":
			var err error
			if r, err = gzip.NewReader(r); err != nil {
				t.Fatal(err)
			}
		}
		body, err := io.ReadAll(r)
		if err != nil || string(body) != plain {
			t.Errorf("%q: another text (%v)", accept, err)
		}
		if w.Header().Get("Vary") != "Accept-Encoding" {
			t.Error("no Vary")
		}
		etag := w.Header().Get("ETag")
		tags[etag] = true
		if again := get(h, "GET", "/leistungen/", "Accept-Encoding", accept, "If-None-Match", etag); again.Code != 304 || again.Body.Len() > 0 {
			t.Errorf("%q: %d for a known ETag", accept, again.Code)
		}
	}
	if len(tags) != 3 {
		t.Error("ETags do not tell the encodings apart:", tags)
	}
}

func TestHandlerWithoutARelease(t *testing.T) {
	h := site.NewHandler(t.TempDir())
	if w := get(h, "GET", "/"); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Error(w.Code)
	}
	if _, ok := h.Shell("de"); ok {
		t.Error("a shell")
	}
	if _, err := h.Release(); err == nil {
		t.Error("a release")
	}
}

func TestShellHasItsMarksAndTheLookOfThePages(t *testing.T) {
	h := site.NewHandler(built(t))
	for _, lang := range content.Languages {
		shell, ok := h.Shell(lang)
		if !ok {
			t.Fatal("no shell in", lang)
		}
		for mark, n := range map[string]int{"<title>SP_TITLE –": 1, "<!--sp:main-->": 1, "<!--sp:staff-menu-->": 1, `href="SP_PATH"`: 1, `href="/enSP_PATH"`: 1, `href="/lsSP_PATH"`: 1, "<main id=\"inhalt\"": 1} {
			if got := strings.Count(shell, mark); got != n {
				t.Errorf("%s: %s stands there %d times", lang, mark, got)
			}
		}
		// Header and footer are those of a static page.
		page := read(t, built(t), strings.TrimPrefix(map[string]string{"de": "", "en": "en", "ls": "ls"}[lang]+"/impressum/index.html", "/"))
		for _, part := range [][2]string{{`<header class="site-header">`, `<nav class="main-nav"`}, {"<footer", "</html>"}} {
			a, b := between(shell, part[0], part[1]), between(page, part[0], part[1])
			if a = strings.ReplaceAll(a, "SP_PATH", "/impressum/"); a != b || a == "" {
				t.Errorf("%s: %s differs:\n%s\n%s", lang, part[0], a, b)
			}
		}
		if strings.Contains(read(t, built(t), "impressum/index.html"), "sp:staff-menu") {
			t.Error("a mark on a public page")
		}
	}
	if _, ok := h.Shell("../de"); ok {
		t.Error("a shell from elsewhere")
	}
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

func TestReadsSurviveSwaps(t *testing.T) {
	dir := t.TempDir()
	b := &site.Builder{Dir: dir, Keep: 2}
	small := content.Catalogue{Now: now}
	if _, err := b.Build(t.Context(), small); err != nil {
		t.Fatal(err)
	}
	h := site.NewHandler(dir)
	var reads, bad atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, path := range []string{"/", "/en/leistungen/", "/ls/umfragen/", "/404-bitte/"} {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				w := get(h, "GET", path, "Accept-Encoding", "br")
				if want := map[bool]int{true: 404, false: 200}[path == "/404-bitte/"]; w.Code != want || w.Body.Len() == 0 {
					bad.Add(1)
				}
				reads.Add(1)
			}
		})
	}
	for range 4 {
		if _, err := b.Build(t.Context(), small); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
	if bad.Load() > 0 || reads.Load() < 100 {
		t.Errorf("%d of %d reads went wrong", bad.Load(), reads.Load())
	}
}

func TestAssetsOfOlderReleasesAreStillServed(t *testing.T) {
	dir := t.TempDir()
	b := &site.Builder{Dir: dir}
	small := content.Catalogue{Now: now}
	first, err := b.Build(t.Context(), small)
	if err != nil {
		t.Fatal(err)
	}
	css := assetPath.FindString(read(t, dir, "index.html"))
	if _, err := b.Build(t.Context(), small); err != nil {
		t.Fatal(err)
	}
	// As if the style had changed: the second release does not know the old file.
	live, err := b.Current()
	if err != nil || live == first.Name {
		t.Fatal(live, err)
	}
	manifest := filepath.Join(dir, "releases", live, "manifest.json")
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(manifest, []byte(strings.ReplaceAll(string(text), css[1:], "css/new.css")), 0o644); err != nil {
		t.Fatal(err)
	}
	h := site.NewHandler(dir)
	if w := get(h, "GET", css); w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Error(w.Code, w.Header())
	}
	if w := get(h, "GET", strings.Replace(css, ".css", ".js", 1)); w.Code != 404 {
		t.Error(w.Code)
	}
}

func FuzzHandlerServesOnlyTheRelease(f *testing.F) {
	for _, s := range []string{"/", "/../x", "/_shell/de/", "//x", "/a\\b", "/manifest.json", "/%2e%2e/"} {
		f.Add(s)
	}
	var h *site.Handler
	f.Fuzz(func(t *testing.T, path string) {
		if h == nil {
			h = site.NewHandler(built(t))
		}
		w := get(h, "GET", path)
		if strings.Contains(w.Body.String(), "sp:main") || strings.Contains(w.Body.String(), `"hash"`) {
			t.Errorf("%q shows what is hidden", path)
		}
		if l := w.Header().Get("Location"); strings.HasPrefix(l, "//") || strings.Contains(l, "\\") {
			t.Errorf("%q redirects to %q", path, l)
		}
	})
}
