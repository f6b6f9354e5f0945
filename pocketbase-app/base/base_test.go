package base_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

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
