package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"

	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/xuri/excelize/v2"
	"golang.org/x/net/html"
)

// TestStories tells the flows over the real program: testdata/stories/*.txtar.
func TestStories(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/stories",
		Setup: func(env *testscript.Env) error {
			s := &story{t: t}
			env.Values["story"] = s
			env.Defer(func() {
				if s.server != nil {
					s.server.Kill()
				}
			})
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve":     serve,
			"halt":      halt,
			"http":      request,
			"visit":     visit,
			"submit":    submit,
			"wait-for":  waitFor,
			"sheet":     sheet,
			"keep":      keep,
			"save-link": saveLink,
			"unpack":    unpack,
		},
	})
}

// story is one script's server and browser.
type story struct {
	t      *testing.T
	server *instance
	client *http.Client
	page   *html.Node // last page
	at     *url.URL
}

func of(ts *testscript.TestScript) *story { return ts.Value("story").(*story) }

// serve starts a server on a copy of the seeded directory; "serve DIR" on an empty
// one, named relative to the story's folder. It sets $URL and $DIR.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	var dir, from string
	if len(args) > 0 {
		dir, from = args[0], ts.Getenv("WORK")
	} else {
		dir = seeded(s.t)
	}
	server, err := startIn(from, dir, "--demo")
	ts.Check(err)
	jar, _ := cookiejar.New(nil)
	s.server, s.client = server, &http.Client{Jar: jar, Timeout: patience}
	ts.Setenv("URL", server.URL)
	ts.Setenv("DIR", dir)
}

func halt(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	ts.Check(s.server.Stop())
	s.server = nil
}

// request is "http METHOD PATH STATUS [FILE] [header:value]...": it fails on
// another status and prints the body.
func request(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: http METHOD PATH STATUS [FILE] [header:value]...")
	}
	var body io.Reader
	headers := args[3:]
	if len(headers) > 0 && !strings.Contains(headers[0], ":") {
		body = strings.NewReader(ts.ReadFile(headers[0]))
		headers = headers[1:]
	}
	req, err := http.NewRequest(args[0], of(ts).server.URL+args[1], body)
	ts.Check(err)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		req.Header.Set(name, strings.TrimSpace(value))
	}
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s\n", b)
	if got := fmt.Sprint(res.StatusCode); got != args[2] {
		ts.Fatalf("%s %s: status %s, want %s\n%s", args[0], args[1], got, args[2], b)
	}
}

// visit is "visit PATH [STATUS]": it opens a page with the story's cookies,
// following redirects, and prints the text of the page.
func visit(ts *testscript.TestScript, neg bool, args []string) {
	want := "200"
	if len(args) > 1 {
		want = args[1]
	}
	res, err := of(ts).client.Get(of(ts).server.URL + args[0])
	ts.Check(err)
	of(ts).show(ts, res, want)
}

func (s *story) show(ts *testscript.TestScript, res *http.Response, want string) {
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	ts.Check(err)
	s.page, err = html.Parse(bytes.NewReader(b))
	ts.Check(err)
	s.at = res.Request.URL
	fmt.Fprintf(ts.Stdout(), "%s %s\n%s\n", res.Status, s.at.Path, text(s.page))
	if got := fmt.Sprint(res.StatusCode); got != want {
		ts.Fatalf("%s: status %s, want %s\n%s", s.at, got, want, b)
	}
}

// submit is "submit STATUS [button] name=value...": it fills the form of the
// current page that has all the fields and sends it as a browser would, with
// every other field as the page has it. "@text" names the button to press.
func submit(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	want, args := args[0], args[1:]
	button := ""
	if len(args) > 0 && strings.HasPrefix(args[0], "@") {
		button, args = args[0][1:], args[1:]
	}
	given := url.Values{}
	for _, a := range args {
		name, value, ok := strings.Cut(a, "=")
		if !ok {
			ts.Fatalf("want name=value, have %q", a)
		}
		given.Add(name, value)
	}
	for _, form := range find(s.page, "form") {
		fields := fieldsOf(form)
		pressed, ok := buttonOf(form, button)
		fits := ok && strings.EqualFold(attr(form, "method"), "post")
		for name := range given {
			if _, has := fields.all[name]; !has {
				fits = false
			}
		}
		if !fits {
			continue
		}
		values := fields.sent
		for name, list := range given {
			values[name] = list
		}
		if name := attr(pressed, "name"); name != "" {
			values.Add(name, attr(pressed, "value"))
		}
		action := attr(form, "action")
		if pressed != nil && attr(pressed, "formaction") != "" {
			action = attr(pressed, "formaction")
		}
		target, err := s.at.Parse(action)
		ts.Check(err)
		res, err := s.client.PostForm(target.String(), values)
		ts.Check(err)
		s.show(ts, res, want)
		return
	}
	ts.Fatalf("no form with %v and button %q on %s:\n%s", given, button, s.at, text(s.page))
}

// waitFor is "wait-for PATH STATUS [TEXT]": it asks until the answer is so, for a minute at most.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	var last string
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		res, err := of(ts).client.Get(of(ts).server.URL + args[0])
		ts.Check(err)
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		last = fmt.Sprintf("%d\n%s", res.StatusCode, b)
		if fmt.Sprint(res.StatusCode) == args[1] && (len(args) < 3 || strings.Contains(string(b), args[2])) {
			return
		}
	}
	ts.Fatalf("%s never became %v; last: %s", args[0], args[1:], last)
}

// sheet is "sheet FILE SHEET": it prints the cells as text, tabs between them.
func sheet(ts *testscript.TestScript, neg bool, args []string) {
	f, err := excelize.OpenFile(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	rows, err := f.GetRows(args[1])
	ts.Check(err)
	for _, r := range rows {
		fmt.Fprintln(ts.Stdout(), strings.Join(r, "\t"))
	}
}

// keep is "keep NAME JSON-KEY": it keeps a string of the last JSON answer as $NAME.
// "keep NAME glob PATTERN" keeps the first matching file name.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if args[1] == "glob" {
		for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
			if files, _ := filepath.Glob(args[2]); len(files) > 0 {
				ts.Setenv(args[0], files[0])
				return
			}
		}
		ts.Fatalf("no file %s", args[2])
	}
	out := ts.ReadFile("stdout")
	_, rest, ok := strings.Cut(out, `"`+args[1]+`":"`)
	if !ok {
		ts.Fatalf("no %q in %s", args[1], out)
	}
	value, _, _ := strings.Cut(rest, `"`)
	ts.Setenv(args[0], value)
}

// saveLink is "save-link PART FILE": it fetches the first link of the current
// page whose address contains PART, with the story's cookies.
func saveLink(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	visit(ts, false, []string{s.at.Path})
	for _, a := range find(s.page, "a") {
		if !strings.Contains(attr(a, "href"), args[0]) {
			continue
		}
		target, err := s.at.Parse(attr(a, "href"))
		ts.Check(err)
		res, err := s.client.Get(target.String())
		ts.Check(err)
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		ts.Check(err)
		if res.StatusCode != 200 {
			ts.Fatalf("%s: %s", target, res.Status)
		}
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o644))
		return
	}
	ts.Fatalf("no link to %s on %s:\n%s", args[0], s.at, text(s.page))
}

// unpack is "unpack FILE": it writes the files of a ZIP archive into the story's folder.
func unpack(ts *testscript.TestScript, neg bool, args []string) {
	archive, err := zip.OpenReader(ts.MkAbs(args[0]))
	ts.Check(err)
	defer archive.Close()
	for _, f := range archive.File {
		b, err := fs.ReadFile(archive, f.Name)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(f.Name), b, 0o600))
	}
}

type formFields struct {
	all  map[string]bool
	sent url.Values // what a browser would send untouched
}

func fieldsOf(form *html.Node) formFields {
	f := formFields{all: map[string]bool{}, sent: url.Values{}}
	for _, n := range find(form, "input", "textarea", "select") {
		name := attr(n, "name")
		if name == "" {
			continue
		}
		f.all[name] = true
		switch n.Data {
		case "textarea":
			f.sent.Add(name, strings.TrimPrefix(raw(n), "\n"))
		case "select":
			for _, o := range find(n, "option") {
				if has(o, "selected") {
					f.sent.Add(name, attr(o, "value"))
				}
			}
		default:
			switch attr(n, "type") {
			case "radio", "checkbox":
				if has(n, "checked") {
					f.sent.Add(name, attr(n, "value"))
				}
			case "submit", "button":
			default:
				f.sent.Add(name, attr(n, "value"))
			}
		}
	}
	return f
}

func buttonOf(form *html.Node, label string) (*html.Node, bool) {
	for _, b := range find(form, "button") {
		if label == "" || strings.Contains(text(b), label) {
			return b, true
		}
	}
	return nil, false
}

func find(n *html.Node, names ...string) []*html.Node {
	var all []*html.Node
	for d := range n.Descendants() {
		for _, name := range names {
			if d.Type == html.ElementNode && d.Data == name {
				all = append(all, d)
			}
		}
	}
	return all
}

func attr(n *html.Node, name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func raw(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// text is what a reader sees, words joined by single blanks.
func text(n *html.Node) string { return strings.Join(strings.Fields(raw(n)), " ") }
