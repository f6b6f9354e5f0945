package site

import (
	"cmp"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Handler serves the release that <dir>/current names. Each request sees one
// release whole; swaps lose none.
type Handler struct {
	dir   string
	live  atomic.Pointer[release]
	mu    sync.Mutex // to load another release
	older map[string]*release
}

// release is a manifest in memory. Only files it names are served.
type release struct {
	name      string
	dir       string
	files     finished
	redirects map[string]string
	shells    sync.Map // language → string
}

// NewHandler serves releases below dir, the Dir of a [Builder]. There need not be
// one yet: until then it answers 503.
func NewHandler(dir string) *Handler { return &Handler{dir: dir, older: map[string]*release{}} }

// Release names the release that is live.
func (h *Handler) Release() (string, error) {
	r, err := h.current()
	if err != nil {
		return "", err
	}
	return r.name, nil
}

// Shell gives the page of the live release that dynamic content is shown in.
func (h *Handler) Shell(lang string) (string, bool) {
	r, err := h.current()
	if err != nil {
		return "", false
	}
	if s, ok := r.shells.Load(lang); ok {
		return s.(string), true
	}
	name := shellDir + "/" + lang + "/index.html"
	if _, ok := r.files[name]; !ok {
		return "", false
	}
	b, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		return "", false
	}
	r.shells.Store(lang, string(b))
	return string(b), true
}

// current is the live release; the link is read anew each time.
func (h *Handler) current() (*release, error) {
	name, err := current(h.dir)
	if err != nil {
		return nil, err
	}
	if r := h.live.Load(); r != nil && r.name == name {
		return r, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.live.Load(); r != nil && r.name == name {
		return r, nil
	}
	r, err := h.load(name)
	if err != nil {
		return nil, err
	}
	h.live.Store(r)
	return r, nil
}

// load reads a manifest; the caller holds mu.
func (h *Handler) load(name string) (*release, error) {
	if r := h.older[name]; r != nil {
		return r, nil
	}
	dir := filepath.Join(h.dir, "releases", name)
	m, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	redirects, err := readRedirects(dir)
	if err != nil {
		return nil, err
	}
	for old := range h.older { // forget what is pruned
		if _, err := os.Stat(filepath.Join(h.dir, "releases", old)); err != nil {
			delete(h.older, old)
		}
	}
	r := &release{name: name, dir: dir, files: m.Files, redirects: redirects}
	h.older[name] = r
	return r, nil
}

// fingerprinted files carry the hash of their bytes in the name and never change.
var fingerprinted = regexp.MustCompile(`\.[0-9a-f]{64}\.[a-z0-9]+$`)

// ServeHTTP answers GET and HEAD from the live release.
func (h *Handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "405 method not allowed", http.StatusMethodNotAllowed)
		return
	}
	// A rollback or prune between reading the link and opening the file is answered
	// from the release that is live then.
	for range 3 {
		r, err := h.current()
		if err != nil {
			break
		}
		if err := h.serve(r, w, req); !errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
	w.Header().Set("Retry-After", "5")
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "503 Die Seiten werden gerade erzeugt. / The pages are being built.", http.StatusServiceUnavailable)
}

// serve answers the request; [fs.ErrNotExist], with nothing written, means that a
// file the manifest names is gone.
func (h *Handler) serve(r *release, w http.ResponseWriter, req *http.Request) error {
	p := req.URL.Path
	clean := path.Clean("/" + p)
	if p != clean && p != clean+"/" || strings.ContainsAny(p, "\x00\\") {
		return h.notFound(r, w, req)
	}
	if to := cmp.Or(r.redirects[p], r.redirects[strings.TrimSuffix(p, "/")+"/"]); to != "" {
		redirect(w, req, to, http.StatusMovedPermanently)
		return nil
	}
	name := strings.TrimPrefix(p, "/")
	if hidden(name) {
		return h.notFound(r, w, req)
	}
	if name == "" || strings.HasSuffix(name, "/") {
		name += "index.html"
	} else if path.Ext(name) == "" {
		if _, ok := r.files[name+"/index.html"]; ok || dynamic(p+"/") {
			redirect(w, req, p+"/", http.StatusPermanentRedirect)
			return nil
		}
	} else if strings.HasSuffix(name, "/index.html") || name == "index.html" {
		redirect(w, req, strings.TrimSuffix(p, "index.html"), http.StatusPermanentRedirect)
		return nil
	}
	if f, ok := r.files[name]; ok {
		return r.send(w, req, name, f, http.StatusOK)
	}
	if fingerprinted.MatchString(name) {
		if done, err := h.fromOlder(w, req, name); done || err != nil {
			return err
		}
	}
	return h.notFound(r, w, req)
}

// fromOlder looks for a fingerprinted file in the other kept releases: pages that
// are open in browsers still want it.
func (h *Handler) fromOlder(w http.ResponseWriter, req *http.Request, name string) (bool, error) {
	entries, err := os.ReadDir(filepath.Join(h.dir, "releases"))
	if err != nil {
		return false, nil
	}
	for _, e := range entries {
		h.mu.Lock()
		r, err := h.load(e.Name())
		h.mu.Unlock()
		if err != nil {
			continue
		}
		if f, ok := r.files[name]; ok {
			if err := r.send(w, req, name, f, http.StatusOK); err == nil {
				return true, nil
			}
		}
	}
	return false, nil
}

func (h *Handler) notFound(r *release, w http.ResponseWriter, req *http.Request) error {
	name := strings.TrimPrefix(prefix(languageOf(req.URL.Path))+"/404.html", "/")
	f, ok := r.files[name]
	if !ok {
		name = "404.html"
		f = r.files[name]
	}
	return r.send(w, req, name, f, http.StatusNotFound)
}

// redirect keeps the query; to begins with one slash only.
func redirect(w http.ResponseWriter, req *http.Request, to string, status int) {
	if q := req.URL.RawQuery; q != "" {
		to += "?" + q
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Location", to)
	w.WriteHeader(status)
}

func (r *release) send(w http.ResponseWriter, req *http.Request, name string, f file, status int) error {
	full := filepath.Join(r.dir, filepath.FromSlash(name))
	encoding := ""
	if f.Brotli || f.Gzip {
		br, gz := accepted(req.Header.Get("Accept-Encoding"))
		switch {
		case f.Brotli && br:
			encoding, full = "br", full+".br"
		case f.Gzip && gz:
			encoding, full = "gzip", full+".gz"
		}
	}
	body, err := os.Open(full)
	if err != nil {
		return err
	}
	defer body.Close()
	head := w.Header()
	head.Set("Content-Type", contentType(name))
	head.Set("X-Content-Type-Options", "nosniff")
	if framable(name) {
		head.Set("Content-Security-Policy", strings.Replace(head.Get("Content-Security-Policy"), "frame-ancestors 'none'", "frame-ancestors *", 1))
	}
	head.Set("Cache-Control", cacheControl(name))
	etag := f.Hash[:min(len(f.Hash), 24)]
	if compressible(name) {
		head.Add("Vary", "Accept-Encoding")
	}
	if encoding != "" {
		head.Set("Content-Encoding", encoding)
		etag += "-" + encoding
	}
	head.Set("ETag", `"`+etag+`"`)
	if status != http.StatusOK {
		head.Del("ETag")
		req = req.Clone(req.Context()) // a 404 is not answered by 304 or 206
		for _, h := range []string{"If-None-Match", "If-Match", "If-Modified-Since", "If-Unmodified-Since", "Range", "If-Range"} {
			req.Header.Del(h)
		}
		w = &withStatus{w, status}
	}
	// No modification time: links to older files would tell that of the older release.
	http.ServeContent(w, req, name, time.Time{}, body)
	return nil
}

// withStatus answers another status where ServeContent says 200.
type withStatus struct {
	http.ResponseWriter
	status int
}

func (w *withStatus) WriteHeader(int) { w.ResponseWriter.WriteHeader(w.status) }

// accepted reads Accept-Encoding; a weight of zero is a refusal.
func accepted(header string) (br, gz bool) {
	for part := range strings.SplitSeq(header, ",") {
		coding, q, _ := strings.Cut(strings.ToLower(strings.TrimSpace(part)), ";")
		q = strings.TrimSpace(q)
		if v, ok := strings.CutPrefix(q, "q="); ok && strings.Trim(v, "0.") == "" {
			continue
		}
		switch strings.TrimSpace(coding) {
		case "br":
			br = true
		case "gzip":
			gz = true
		}
	}
	return br, gz
}

func cacheControl(name string) string {
	switch {
	case fingerprinted.MatchString(name):
		return "public, max-age=31536000, immutable"
	case strings.HasSuffix(name, ".html"):
		return "no-cache"
	case strings.HasSuffix(name, ".svg"), strings.HasSuffix(name, ".webmanifest"):
		return "public, max-age=3600"
	}
	return "public, max-age=300"
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".ics":
		return "text/calendar; charset=utf-8"
	case ".webmanifest":
		return "application/manifest+json"
	case ".json":
		if path.Base(name) == jsonFile {
			return "application/feed+json"
		}
		return "application/json"
	case ".xml":
		if path.Base(name) == "index.xml" {
			return "application/rss+xml; charset=utf-8"
		}
		return "application/xml; charset=utf-8"
	case ".txt":
		return "text/plain; charset=utf-8"
	case ".png":
		return "image/png"
	case ".ico":
		return "image/x-icon"
	}
	return "application/octet-stream"
}
