package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// endpoint is one address that takes input.
type endpoint struct {
	method, path string
	json         bool
	good         string // a body that would be taken
	key          bool   // wants an Idempotency-Key
}

var endpoints = []endpoint{
	{"PUT", "/api/v1/surveys/smart-kassel/responses/2b7e9c1e-6f0a-4d3e-9d53-0c1f2a3b4c5d", true,
		`{"language":"de","channel":"web","answers":{"important_themes":["energy"],"use":["advice"]}}`, false},
	{"POST", "/api/v1/events/balkonsolar/bookings", true,
		`{"name":"Ada","email":"ada@example.org","places":1,"pool":"room"}`, true},
	{"POST", "/api/v1/cases", true,
		`{"guide":"fuehrungszeugnis","name":"Ada","email":"ada@example.org","message":"Bitte","answers":{}}`, true},
	{"POST", "/veranstaltungen/balkonsolar/buchen/", false, "name=Ada&email=ada%40example.org&places=1&pool=room&key=bad-input-1", false},
	{"POST", "/leistungen/fuehrungszeugnis/anfrage/", false, "name=Ada&email=ada%40example.org&message=Bitte&key=bad-input-2", false},
	{"POST", "/anliegen/", false, "reference=A-12345-12345&secret=ABCDEFGHJKMNPQRS", false},
	{"POST", "/buchungen/", false, "reference=B-12345-12345&secret=ABCDEFGHJKMNPQRS", false},
	{"POST", "/anmelden/", false, "email=a%40example.org&password=wrong-password", false},
	{"POST", "/barriere-melden/", false, "message=Bitte", false},
	{"POST", "/umfragen/smart-kassel/seite/1/", false, "important_themes=energy", false},
}

// TestBadInput sends every kind of broken input to every endpoint: the answer is
// a 4xx that people can read, in their language, as a problem document or a page.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := running(t)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	long := strings.Repeat("x", 20_000)
	kinds := []struct {
		what    string
		onlyFor string // "json", "form" or both
		change  func(e endpoint, r *http.Request, body string) string
	}{
		{"nothing", "", func(_ endpoint, r *http.Request, _ string) string { return "" }},
		{"wrong content type", "", func(_ endpoint, r *http.Request, b string) string {
			r.Header.Set("Content-Type", "text/plain")
			return b
		}},
		{"no content type", "", func(_ endpoint, r *http.Request, b string) string { r.Header.Del("Content-Type"); return b }},
		{"latin-1 announced", "", func(_ endpoint, r *http.Request, b string) string {
			r.Header.Set("Content-Type", r.Header.Get("Content-Type")+"; charset=iso-8859-1")
			return b
		}},
		{"bad UTF-8 in a name", "json", func(_ endpoint, _ *http.Request, b string) string { return strings.Replace(b, `"`, "\"\xff", 1) }},
		{"bad UTF-8 in a value", "form", func(_ endpoint, _ *http.Request, b string) string { return b + "&message=%ff%fe" }},
		{"broken escapes", "form", func(_ endpoint, _ *http.Request, b string) string { return b + "&x=%zz" }},
		{"oversized", "", func(_ endpoint, _ *http.Request, b string) string { return b + strings.Repeat(" ", 1<<20) }},
		{"packed", "", func(_ endpoint, r *http.Request, b string) string { r.Header.Set("Content-Encoding", "gzip"); return b }},
		{"cut off", "json", func(_ endpoint, _ *http.Request, b string) string { return b[:len(b)/2] }},
		{"a list", "json", func(endpoint, *http.Request, string) string { return "[]" }},
		{"null", "json", func(endpoint, *http.Request, string) string { return "null" }},
		{"a number", "json", func(endpoint, *http.Request, string) string { return "1e999" }},
		{"deeply nested", "json", func(endpoint, *http.Request, string) string {
			return strings.Repeat(`{"answers":`, 20_000) + "1" + strings.Repeat("}", 20_000)
		}},
		{"wrong types", "json", func(_ endpoint, _ *http.Request, b string) string {
			return strings.NewReplacer(`"de"`, `7`, `"Ada"`, `["Ada"]`).Replace(b)
		}},
		{"wrong type of an answer", "json", func(_ endpoint, _ *http.Request, b string) string {
			return strings.NewReplacer(`["energy"]`, `{"a":1}`, `"message":"Bitte"`, `"message":7`, `"places":1`, `"places":"one"`).Replace(b)
		}},
		{"unknown option", "json", func(_ endpoint, _ *http.Request, b string) string {
			return strings.NewReplacer(`["energy"]`, `["moon"]`, `"room"`, `"moon"`, `"fuehrungszeugnis"`, `"moon"`).Replace(b)
		}},
		{"unknown field", "json", func(_ endpoint, _ *http.Request, b string) string {
			return strings.Replace(b, "{", `{"colour":"red",`, 1)
		}},
		{"too long", "json", func(_ endpoint, _ *http.Request, b string) string {
			return strings.NewReplacer(`"Ada"`, `"`+long+`"`, `["energy"]`, `["`+long+`"]`).Replace(b)
		}},
		{"too long", "form", func(_ endpoint, _ *http.Request, b string) string {
			return strings.NewReplacer("Ada", long, "A-12345-12345", long, "B-12345-12345", long, "wrong-password", long, "message=Bitte", "message="+long, "=energy", "="+long).Replace(b)
		}},
		{"control characters", "json", func(_ endpoint, _ *http.Request, b string) string {
			return strings.NewReplacer("Ada", `A\u0000da`, `"energy"`, `"en\u0000ergy"`).Replace(b)
		}},
		{"not a number", "json", func(_ endpoint, _ *http.Request, b string) string {
			return strings.NewReplacer(`"places":1`, `"places":-1`, `["energy"]`, `["energy","energy"]`, `"ada@example.org"`, `"ada@"`).Replace(b)
		}},
		{"another language", "", func(e endpoint, r *http.Request, _ string) string {
			r.Header.Set("Accept-Language", "en")
			if !e.json {
				r.URL.Path = "/en" + r.URL.Path
			}
			return ""
		}},
	}
	for _, e := range endpoints {
		if e.path == "/umfragen/smart-kassel/seite/1/" || e.path == "/barriere-melden/" {
			continue // see TestFormsWithoutADraft and the tests of cases
		}
		for _, k := range kinds {
			if (k.onlyFor == "json" && !e.json) || (k.onlyFor == "form" && e.json) {
				continue
			}
			if e.path == "/anmelden/" && k.what == "another language" {
				continue // staff pages are German
			}
			t.Run(e.method+" "+e.path+"/"+k.what, func(t *testing.T) {
				req, _ := http.NewRequest(e.method, s.URL+e.path, nil)
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				if e.json {
					req.Header.Set("Content-Type", "application/json")
				}
				if e.key {
					req.Header.Set("Idempotency-Key", "bad-input-"+newUUID())
				}
				body := k.change(e, req, e.good)
				req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
				res, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				answer, err := io.ReadAll(res.Body)
				if err != nil {
					t.Fatal(err)
				}
				if res.StatusCode < 400 || res.StatusCode > 499 {
					t.Fatalf("status %d: %.300s", res.StatusCode, answer)
				}
				readable(t, res, answer, k.what == "another language")
			})
		}
	}
}

// readable checks that an error can be read by whoever sent the input.
func readable(t *testing.T, res *http.Response, answer []byte, english bool) {
	t.Helper()
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") {
		var doc struct {
			Type, Title, Detail string
			Status              int
			Errors              []struct{ Pointer, Code, Detail string }
		}
		if err := json.Unmarshal(answer, &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Status != res.StatusCode || doc.Title == "" || doc.Detail == "" || strings.HasPrefix(doc.Title, "error.") {
			t.Errorf("problem document: %s", answer)
		}
		for _, e := range doc.Errors {
			if !strings.HasPrefix(e.Pointer, "#/") || e.Detail == "" || strings.HasPrefix(e.Detail, "problem.") {
				t.Errorf("field problem: %+v", e)
			}
		}
		if english != (res.Header.Get("Content-Language") == "en") {
			t.Errorf("language %q", res.Header.Get("Content-Language"))
		}
		return
	}
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("content type %q: %.200s", res.Header.Get("Content-Type"), answer)
	}
	doc, err := html.Parse(bytes.NewReader(answer))
	if err != nil {
		t.Fatal(err)
	}
	root := find(doc, "html")[0]
	if want := map[bool]string{true: "en", false: "de"}[english]; attr(root, "lang") != want {
		t.Errorf("page in %q, want %q", attr(root, "lang"), want)
	}
	if h := find(doc, "h1"); len(h) != 1 || text(h[0]) == "" {
		t.Errorf("%d h1 on the error page", len(h))
	}
	for _, key := range []string{"problem.", "error.", "form."} {
		if strings.Contains(text(doc), " "+key) {
			t.Errorf("a key of words shows on the page: %s", key)
		}
	}
}
