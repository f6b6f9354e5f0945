package base_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/pocketbase/core"
)

type thing struct {
	Name string `json:"name"`
	Size int    `json:"size"`
}

func TestErrorsBecomeProblemDocumentsAndPages(t *testing.T) {
	p := basetest.New(t)
	srv, client := basetest.Serve(t, p, func(se *core.ServeEvent) {
		p.Route(se, "POST", "/api/v1/things", func(e *core.RequestEvent) error {
			var v thing
			if _, err := base.DecodeJSON(e.Response, e.Request, &v); err != nil {
				return err
			}
			return e.JSON(http.StatusCreated, v)
		})
		p.RoutePublic(se, "GET", "/lost/{$}", func(e *core.RequestEvent) error { return base.ErrNotFound })
		p.Route(se, "GET", "/redaktion/{$}", func(e *core.RequestEvent) error { return e.NoContent(204) }, base.Need(base.Editor))
	})
	cases := []struct {
		what, method, path, kind, body string
		status                         int
		code                           string
	}{
		{"good", "POST", "/api/v1/things", "application/json", `{"name":"a","size":1}`, 201, ""},
		{"no JSON", "POST", "/api/v1/things", "text/plain", `{}`, 415, "not_json"},
		{"latin-1 announced", "POST", "/api/v1/things", "application/json; charset=latin1", `{}`, 415, "not_json"},
		{"cut off", "POST", "/api/v1/things", "application/json", `{"name":`, 400, "broken_json"},
		{"a list", "POST", "/api/v1/things", "application/json", `[]`, 400, "broken_json"},
		{"two objects", "POST", "/api/v1/things", "application/json", `{} {}`, 400, "broken_json"},
		{"bad UTF-8", "POST", "/api/v1/things", "application/json", "{\"name\":\"\xff\"}", 400, "bad_utf8"},
		{"wrong type", "POST", "/api/v1/things", "application/json", `{"size":"x"}`, 422, "invalid"},
		{"a name twice", "POST", "/api/v1/things", "application/json", `{"name":"a","size":1,"name":"b"}`, 400, "broken_json"},
		{"a lone surrogate", "POST", "/api/v1/things", "application/json", `{"name":"\ud800"}`, 400, "broken_json"},
		{"another case of a name", "POST", "/api/v1/things", "application/json", `{"NAME":"a"}`, 422, "invalid"},
		{"not a whole number", "POST", "/api/v1/things", "application/json", `{"size":1.5}`, 422, "invalid"},
		{"a number too great", "POST", "/api/v1/things", "application/json", `{"size":1e400}`, 422, "invalid"},
		{"no such address", "GET", "/api/v1/nothing", "", "", 404, "not_found"},
		{"the root", "GET", "/api/v1/", "", "", 404, "not_found"},
		{"a slash too many", "POST", "/api/v1/things/", "application/json", `{}`, 404, "not_found"},
		{"an encoded way out", "GET", "/api/v1/..%2f..%2fredaktion", "", "", 404, "not_found"},
		{"another method", "DELETE", "/api/v1/things", "", "", 405, "method_not_allowed"},
		{"unknown field", "POST", "/api/v1/things", "application/json", `{"colour":"red"}`, 422, "invalid"},
		{"too large", "POST", "/api/v1/things", "application/json", `{"name":"` + strings.Repeat("x", base.MaxJSON) + `"}`, 413, "body_too_large"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			req, _ := http.NewRequest(c.method, srv.URL+c.path, strings.NewReader(c.body))
			req.Header.Set("Content-Type", c.kind)
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			b, _ := io.ReadAll(res.Body)
			if res.StatusCode != c.status {
				t.Fatalf("status %d, want %d: %s", res.StatusCode, c.status, b)
			}
			if c.code == "" {
				return
			}
			if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("content type %q", got)
			}
			var doc base.Problem
			if err := json.Unmarshal(b, &doc); err != nil {
				t.Fatal(err)
			}
			if doc.Type != "/probleme/"+c.code || doc.Title == "" || strings.HasPrefix(doc.Title, "error.") {
				t.Errorf("problem %+v", doc)
			}
		})
	}

	res, err := client.Get(srv.URL + "/en/lost/")
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(res.Body)
	if res.StatusCode != 404 || !strings.Contains(string(page), `lang="en"`) || !strings.Contains(string(page), "Page not found") {
		t.Errorf("error page: %d\n%s", res.StatusCode, page)
	}
	if res.Header.Get("Content-Security-Policy") != base.ContentSecurityPolicy {
		t.Error("no content security policy")
	}

	res, err = client.Get(srv.URL + "/redaktion/?a=b")
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 303 || res.Header.Get("Location") != "/anmelden/?weiter=%2Fredaktion%2F%3Fa%3Db" {
		t.Errorf("not signed in: %d %s", res.StatusCode, res.Header.Get("Location"))
	}
}

// Scripts of other sites may read the API without cookies; they may not write,
// and of pages they may not even read.
func TestOtherSitesReadTheAPIOnly(t *testing.T) {
	p := basetest.New(t)
	srv, client := basetest.Serve(t, p, func(se *core.ServeEvent) {
		ok := func(e *core.RequestEvent) error { return e.NoContent(204) }
		p.Route(se, "GET", "/api/v1/things", ok)
		p.Route(se, "POST", "/api/v1/things", ok)
		p.Route(se, "GET", "/redaktion/{$}", ok)
		p.RoutePublic(se, "GET", "/anliegen/{$}", ok)
	})
	ask := func(method, path string) *http.Response {
		t.Helper()
		req, _ := http.NewRequest(method, srv.URL+path, nil)
		req.Header.Set("Origin", "https://elsewhere.example")
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	const allow = "Access-Control-Allow-Origin"
	for _, path := range []string{"/api/v1/things", "/api/v1/nothing"} {
		if got := ask("GET", path).Header.Get(allow); got != "*" {
			t.Errorf("GET %s: %s %q", path, allow, got)
		}
	}
	for _, path := range []string{"/redaktion/", "/anliegen/", "/en/anliegen/"} {
		for _, method := range []string{"GET", "OPTIONS"} {
			if got := ask(method, path).Header.Get(allow); got != "" {
				t.Errorf("%s %s: %s %q", method, path, allow, got)
			}
		}
	}
	if res := ask("OPTIONS", "/api/v1/things"); res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Methods") != "GET,HEAD" ||
		res.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: %d %v", res.StatusCode, res.Header)
	}
	if res := ask("POST", "/api/v1/things"); res.StatusCode != 403 {
		t.Errorf("POST from another site: %d", res.StatusCode)
	}
	req, _ := http.NewRequest("PUT", srv.URL+"/api/v1/things", nil)
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Header.Get("Allow"); res.StatusCode != 405 || got != "GET, HEAD, POST" {
		t.Errorf("PUT: %d, Allow %q", res.StatusCode, got)
	}
}

func TestAcceptedLanguage(t *testing.T) {
	for header, want := range map[string]string{
		"": "de", "en": "en", "EN-gb": "en", "de-simple, de": "ls", "fr, en;q=0.5": "en", "fr": "de",
		"en;q=0.3, de;q=0.9": "de", "de;q=0.3,en;q=0.9": "en", "en;q=0, de": "de", "en, de": "en", "en;q=zwei": "de", "*": "de",
	} {
		r, _ := http.NewRequest("GET", "/api/v1/events", nil)
		r.Header.Set("Accept-Language", header)
		if got := base.AcceptedLanguage(r); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

func TestIdempotencyKey(t *testing.T) {
	for _, c := range []struct {
		what string
		keys []string
		ok   bool
	}{
		{"plain", []string{"abcdefgh"}, true},
		{"quoted", []string{`"abcdefgh"`}, true},
		{"none", nil, false},
		{"too short", []string{"abcdefg"}, false},
		{"longest", []string{strings.Repeat("a", 255)}, true},
		{"too long", []string{strings.Repeat("a", 256)}, false},
		{"not ASCII", []string{"schlüssel"}, false},
		{"a blank inside", []string{"abcd efgh"}, false},
		{"two", []string{"abcdefgh", "ijklmnop"}, false},
	} {
		r, _ := http.NewRequest("POST", "/api/v1/cases", nil)
		for _, k := range c.keys {
			r.Header.Add("Idempotency-Key", k)
		}
		if _, err := base.IdempotencyKey(r); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

func TestPointersOfProblems(t *testing.T) {
	p := basetest.New(t)
	srv, client := basetest.Serve(t, p, func(se *core.ServeEvent) {
		p.Route(se, "GET", "/api/v1/things", func(e *core.RequestEvent) error {
			return content.Problems{{Field: "answers.use", Code: "required"}, {Field: "a/b~ ä", Code: "required"}}
		})
	})
	res, err := client.Get(srv.URL + "/api/v1/things")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var doc base.Problem
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Errors) != 2 || doc.Errors[0].Pointer != "#/answers/use" || doc.Errors[1].Pointer != "#/a~1b~0%20%C3%A4" {
		t.Errorf("%+v", doc.Errors)
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	p := basetest.New(t)
	srv, client := basetest.Serve(t, p, func(se *core.ServeEvent) {
		p.RoutePublic(se, "POST", "/form/{$}", func(e *core.RequestEvent) error { return e.NoContent(204) })
	})
	for site, want := range map[string]int{"same-origin": 204, "cross-site": 403, "same-site": 403} {
		req, _ := http.NewRequest("POST", srv.URL+"/form/", nil)
		req.Header.Set("Sec-Fetch-Site", site)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", site, res.StatusCode, want)
		}
	}
}

// A page that is in German only has no address in other languages: their links
// lead to their home pages.
func TestLanguagesOfAPageInGermanOnlyLeadHome(t *testing.T) {
	p := basetest.New(t)
	p.Shell = func(string) (string, bool) { return `<a href="/en` + base.ShellPath + `">English</a>`, true }
	refuse := func(e *core.RequestEvent) error { return base.ErrNotFound }
	srv, client := basetest.Serve(t, p, func(se *core.ServeEvent) {
		p.RoutePublic(se, "GET", "/anliegen/{$}", refuse)
		p.Route(se, "GET", "/anmelden/{$}", refuse)
		p.Route(se, "GET", "/redaktion/{$}", refuse)
	})
	for path, want := range map[string]string{
		"/anliegen/": "/en/anliegen/", "/en/anliegen/": "/en/anliegen/", "/ls/anliegen/": "/en/anliegen/",
		"/anmelden/": "/en/", "/redaktion/": "/en/",
	} {
		res, err := client.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		page, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if got := string(page); got != `<a href="`+want+`">English</a>` {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// A write lock that another process holds is no fault of ours or the visitor's.
func TestABusyDatabaseAsksToComeBack(t *testing.T) {
	file := "file:" + t.TempDir() + "/busy.db?_txlock=immediate"
	first, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	tx, err := first.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	second, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	_, busy := second.Begin()
	if busy == nil {
		t.Fatal("two writers at once")
	}

	p := basetest.New(t)
	srv, client := basetest.Serve(t, p, func(se *core.ServeEvent) {
		p.Route(se, "GET", "/api/v1/busy", func(*core.RequestEvent) error { return fmt.Errorf("claim: %w", busy) })
	})
	res, err := client.Get(srv.URL + "/api/v1/busy")
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
	}
}
