package site

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"servicepoint/content"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// finished are the files of a rendered site by name ("leistungen/index.html").
type finished map[string]file

// file is what a release knows of one of its files.
type file struct {
	Hash string `json:"hash"` // SHA-256 of the plain bytes, hexadecimal
	Size int64  `json:"size"`
	Brotli,
	Gzip bool `json:",omitempty"`
}

// maxProblems is how many problems of a site are worth listing.
const maxProblems = 40

// check reads every file of a rendered site once, hashes it and checks it. pages
// are the addresses that must be there; no other HTML page may be.
func check(ctx context.Context, public, origin string, pages []string) (finished, error) {
	names, err := list(public)
	if err != nil {
		return nil, err
	}
	c := &checker{public: public, origin: origin, files: make(finished, len(names)), links: map[string]string{}}
	if err := parallel(ctx, names, c.file); err != nil {
		return nil, err
	}
	c.expect(pages)
	if err := c.follow(); err != nil {
		return nil, err
	}
	if len(c.problems) == 0 {
		return c.files, nil
	}
	slices.SortFunc(c.problems, func(a, b content.Problem) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Code, b.Code))
	})
	c.problems = slices.CompactFunc(c.problems, func(a, b content.Problem) bool { return fmt.Sprint(a) == fmt.Sprint(b) })
	return nil, fmt.Errorf("%d faults in the finished pages: %w", len(c.problems), c.problems[:min(len(c.problems), maxProblems)])
}

// list names all files below dir, with slashes.
func list(dir string) ([]string, error) {
	var names []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	return names, err
}

// parallel calls f for each name, on all processors, until one fails.
func parallel(ctx context.Context, names []string, f func(name string) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan string)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for name := range work {
				if err := f(name); err != nil {
					cancel(fmt.Errorf("%s: %w", name, err))
					return
				}
			}
		})
	}
feed:
	for _, name := range names {
		select {
		case work <- name:
		case <-ctx.Done():
			break feed
		}
	}
	close(work)
	wg.Wait()
	return context.Cause(ctx)
}

type checker struct {
	public, origin string

	mu       sync.Mutex
	files    finished
	links    map[string]string // internal address → first page (by name) that has it
	problems content.Problems
}

func (c *checker) file(name string) error {
	b, err := os.ReadFile(filepath.Join(c.public, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	f := file{Hash: sum64(b), Size: int64(len(b))}
	var p page
	switch path.Ext(name) {
	case ".html":
		p = checkPage(name, b, c.origin)
	case ".xml":
		if err := wellFormed(b); err != nil {
			p.add(addressOf(name), "site_xml", "page", addressOf(name), "reason", err.Error())
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files[name] = f
	c.problems = append(c.problems, p.problems...)
	for link := range p.links {
		if first, ok := c.links[link]; !ok || name < first {
			c.links[link] = name
		}
	}
	return nil
}

func sum(s string) [32]byte { return sha256.Sum256([]byte(s)) }

func sum64(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func wellFormed(b []byte) error {
	d := xml.NewDecoder(bytes.NewReader(b))
	depth := 0
	for {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			if depth != 0 {
				return errors.New("an element is not closed")
			}
			return nil
		}
		if err != nil {
			return err
		}
		switch t.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
	}
}

// expect compares the pages that are there with those that must be.
func (c *checker) expect(pages []string) {
	wanted := map[string]bool{}
	for _, address := range pages {
		wanted[strings.TrimPrefix(address+"index.html", "/")] = true
	}
	for name := range wanted {
		if _, ok := c.files[name]; !ok {
			c.problems.Add(addressOf(name), "site_missing", "page", addressOf(name))
		}
	}
	for _, lang := range []string{content.German} {
		for _, name := range []string{"404.html", "sitemap.xml", "robots.txt"} {
			if _, ok := c.files[strings.TrimPrefix(prefix(lang)+"/"+name, "/")]; !ok {
				c.problems.Add("/"+name, "site_missing", "page", prefix(lang)+"/"+name)
			}
		}
	}
	for name := range c.files {
		if strings.HasSuffix(name, ".html") && !wanted[name] && path.Base(name) != "404.html" && !hidden(name) {
			c.problems.Add(addressOf(name), "site_unexpected", "page", addressOf(name))
		}
	}
}

// follow resolves the internal links that were found.
func (c *checker) follow() error {
	redirects, err := readRedirects(c.public)
	if err != nil {
		return err
	}
	anchors := map[string]map[string]bool{} // page → ids
	for link, from := range c.links {
		u, err := url.Parse(link)
		if err != nil {
			c.problems.Add(addressOf(from), "site_link", "page", addressOf(from), "link", link)
			continue
		}
		if dynamic(u.Path) || redirects[u.Path] != "" {
			continue
		}
		name := strings.TrimPrefix(u.Path, "/")
		if strings.HasSuffix(u.Path, "/") {
			name += "index.html"
		}
		if _, ok := c.files[name]; !ok {
			if _, ok := c.files[name+"/index.html"]; !ok {
				c.problems.Add(addressOf(from), "site_link", "page", addressOf(from), "link", link)
				continue
			}
			name += "/index.html"
		}
		if u.Fragment == "" || !strings.HasSuffix(name, ".html") {
			continue
		}
		if anchors[name] == nil {
			b, err := os.ReadFile(filepath.Join(c.public, filepath.FromSlash(name)))
			if err != nil {
				return err
			}
			anchors[name] = checkPage(name, b, c.origin).ids
		}
		if !anchors[name][u.Fragment] {
			c.problems.Add(addressOf(from), "site_fragment", "page", addressOf(from), "link", link)
		}
	}
	return nil
}

// addressOf is the address of a file, as people read it.
func addressOf(name string) string { return "/" + strings.TrimSuffix(name, "index.html") }

// page is what checkPage found in one.
type page struct {
	ids      map[string]bool
	links    map[string]bool // internal addresses but those within the page
	problems content.Problems
}

func (p *page) add(field, code string, args ...any) { p.problems.Add(field, code, args...) }

// checkPage reads one HTML page: exactly one h1 and no level skipped, the right
// lang, alternative texts, unique ids, no inline style or script, nothing from
// other sites, no sign that a template met unsafe text.
func checkPage(name string, b []byte, origin string) page {
	at := addressOf(name)
	p := page{ids: map[string]bool{}, links: map[string]bool{}}
	fault := func(code string, args ...any) { p.add(at, code, append([]any{"page", at}, args...)...) }
	if bytes.Contains(b, []byte("ZgotmplZ")) {
		fault("site_template")
	}
	var (
		z         = html.NewTokenizer(bytes.NewReader(b))
		inPage    []string // fragments to find in this page
		htmlSeen  bool
		titled    bool
		mains     int
		h1s, last int
		base, _   = url.Parse(at)
		ld        bool // inside a script of linked data
		titleOpen bool
		shell     = hidden(name)
	)
	for {
		tt := z.Next()
		if tt == html.ErrorToken {
			break
		}
		switch tt {
		case html.TextToken:
			if ld && !json.Valid(z.Text()) {
				fault("site_template")
			} else if titleOpen && len(bytes.TrimSpace(z.Text())) > 0 {
				titled = true
			}
		case html.EndTagToken:
			ld, titleOpen = false, false
		case html.StartTagToken, html.SelfClosingTagToken:
			tag, more := z.TagName()
			el := atom.Lookup(tag)
			if el == 0 && bytes.Equal(tag, []byte("svg")) {
				continue
			}
			var lang, rel, kind string
			var hasAlt, hasSrc bool
			var urls [3]string
			n := 0
			for more {
				var k, v []byte
				k, v, more = z.TagAttr()
				switch key := string(k); key {
				case "id":
					if id := string(v); p.ids[id] {
						fault("site_id", "id", id)
					} else {
						p.ids[id] = true
					}
				case "lang":
					lang = string(v)
				case "rel":
					rel = string(v)
				case "type":
					kind = string(v)
				case "alt":
					hasAlt = true
				case "style":
					fault("site_style")
				case "href", "src", "action", "srcset", "data", "poster", "formaction":
					hasSrc = hasSrc || key == "src"
					if n < len(urls) {
						urls[n] = string(v)
						n++
					}
				default:
					if strings.HasPrefix(key, "on") {
						fault("site_script")
					}
				}
			}
			switch el {
			case atom.Html:
				htmlSeen = true
				if want := content.Locale(languageOf(at)); lang != want && !shell {
					fault("site_lang", "lang", lang)
				}
			case atom.Title:
				titleOpen = true
			case atom.Main:
				mains++
			case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
				level := int(tag[1] - '0')
				if level == 1 {
					h1s++
				}
				if level > last+1 {
					fault("site_heading_skip", "level", level)
				}
				last = level
			case atom.Img, atom.Area:
				if !hasAlt {
					fault("site_alt")
				}
			case atom.Style:
				fault("site_style")
			case atom.Script:
				if kind == "application/ld+json" {
					ld = true
				} else if !hasSrc {
					fault("site_script")
				}
			case atom.Iframe, atom.Object, atom.Embed, atom.Base:
				fault("site_third_party", "link", string(tag))
			}
			for _, link := range urls[:n] {
				switch internal, away := inside(link, origin, base); {
				case strings.HasPrefix(strings.ToLower(strings.TrimSpace(link)), "javascript:"):
					fault("site_script")
				case away && (el != atom.A && el != atom.Area) && !(el == atom.Link && (rel == "canonical" || rel == "alternate")):
					fault("site_third_party", "link", link)
				case strings.HasPrefix(link, "#"):
					inPage = append(inPage, link[1:])
				case internal != "":
					p.links[internal] = true
				}
			}
		}
	}
	for _, fragment := range inPage {
		if f, err := url.PathUnescape(fragment); err != nil || (f != "" && !p.ids[f]) {
			fault("site_fragment", "link", "#"+fragment)
		}
	}
	if !htmlSeen {
		fault("site_lang", "lang", "")
	}
	if !titled {
		fault("site_title")
	}
	if mains != 1 {
		fault("site_main")
	}
	if h1s != 1 && !shell {
		fault("site_heading_count", "count", h1s)
	}
	if shell { // its links wait for an address
		p.links = nil
	}
	return p
}

// inside turns an address in a page into an absolute path of this site, or says
// that it leads away. Mail and telephone addresses are neither.
func inside(link, origin string, base *url.URL) (internal string, away bool) {
	if strings.HasPrefix(link, "/") && !strings.HasPrefix(link, "//") && !strings.HasPrefix(link, `/\`) {
		return withoutQuery(link), false
	}
	if origin != "" && strings.HasPrefix(link, origin) && (len(link) == len(origin) || link[len(origin)] == '/') {
		return withoutQuery(cmp.Or(link[len(origin):], "/")), false
	}
	u, err := url.Parse(link)
	if err != nil {
		return link, false // will be reported as broken
	}
	if u.Host != "" {
		return "", true
	}
	if u.Scheme != "" || link == "" || strings.HasPrefix(link, "#") {
		return "", u.Scheme != "" && u.Scheme != "mailto" && u.Scheme != "tel" && u.Scheme != "webcal"
	}
	return withoutQuery(base.ResolveReference(u).String()), false
}

func withoutQuery(link string) string {
	before, rest, found := strings.Cut(link, "?")
	if !found {
		return link
	}
	if _, fragment, found := strings.Cut(rest, "#"); found {
		return before + "#" + fragment
	}
	return before
}
