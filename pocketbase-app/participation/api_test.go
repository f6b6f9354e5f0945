package participation_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/pocketbase/core"
)

const goodBody = `{"language":"de","channel":"web","answers":{"district":"west","topics":["water","energy"],"rent":612.5}}`

func (w *world) put(t testing.TB, slug, id, body string) (int, []byte) {
	t.Helper()
	return w.do(t, "PUT", "/api/v1/surveys/"+slug+"/responses/"+id, "application/json", body)
}

func (w *world) do(t testing.TB, method, path, kind, body string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, w.srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	res, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, b
}

func reference(t testing.TB, body []byte) string {
	t.Helper()
	var v struct {
		Reference string `json:"reference"`
	}
	if err := json.Unmarshal(body, &v); err != nil || !strings.HasPrefix(v.Reference, "U-") {
		t.Fatalf("no reference in %s", body)
	}
	return v.Reference
}

func problemCode(body []byte) string {
	var doc base.Problem
	json.Unmarshal(body, &doc)
	code := strings.TrimPrefix(doc.Type, "/probleme/")
	for _, e := range doc.Errors {
		code += " " + e.Pointer + ":" + e.Code
	}
	if doc.Title == "" || strings.HasPrefix(doc.Title, "error.") || strings.HasPrefix(doc.Detail, "error.") {
		code += " (no words)"
	}
	return code
}

func TestAnAnswerIsStoredOnceHoweverOftenItIsSent(t *testing.T) {
	w := newWorld(t)
	id := newID()
	status, body := w.put(t, "smart-kassel", id, goodBody)
	if status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	first := reference(t, body)
	again := []string{
		goodBody,
		`{"answers":{"rent":6.125e2,"topics":["energy","water"],"district":"west","idea":" "},"channel":"web","language":"de"}`, // says the same
	}
	for _, b := range again {
		if status, body := w.put(t, "smart-kassel", strings.ToUpper(id), b); status != 200 || reference(t, body) != first {
			t.Errorf("again: %d %s", status, body)
		}
	}
	for _, b := range []string{
		strings.Replace(goodBody, "west", "mitte", 1),
		strings.Replace(goodBody, `"de"`, `"en"`, 1),
		strings.Replace(goodBody, `"web"`, `"paper"`, 1),
		strings.Replace(goodBody, `"web"`, `"web","seed":7`, 1),
		strings.Replace(goodBody, `"west"`, `"nowhere"`, 1),
	} {
		if status, body := w.put(t, "smart-kassel", id, b); status != 409 || problemCode(body) != "response_differs" {
			t.Errorf("another body: %d %s", status, body)
		}
	}
	rows := w.rows(t)
	want := row{id, 1, "de", "web", "2026-12-02", `{"district":"west","rent":612.5,"topics":["energy","water"]}`}
	if len(rows) != 1 || rows[0] != want {
		t.Errorf("rows %+v", rows)
	}
	status, body = w.put(t, "smart-kassel", newID(), goodBody)
	if status != 201 || reference(t, body) == first {
		t.Errorf("another id: %d %s", status, body)
	}
}

func TestManySendersOfOneIDMakeOneRow(t *testing.T) {
	w := newWorld(t)
	id := newID()
	var mu sync.Mutex
	seen := map[string]int{}
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			b := goodBody
			if i%4 == 3 {
				b = strings.Replace(goodBody, "west", "mitte", 1)
			}
			status, body := w.put(t, "smart-kassel", id, b)
			mu.Lock()
			defer mu.Unlock()
			seen[fmt.Sprint(status)]++
			if status < 300 {
				seen[reference(t, body)]++
			}
		})
	}
	wg.Wait()
	if w.count(t, "responses") != 1 || seen["201"] != 1 || seen["200"]+seen["409"] != 63 || len(seen) != 4 {
		t.Errorf("rows %d, answers %v", w.count(t, "responses"), seen)
	}
}

func TestBadAnswersAreRefusedWithAReason(t *testing.T) {
	w := newWorld(t)
	answers := func(s string) string { return `{"language":"de","channel":"web","answers":` + s + `}` }
	const js = "application/json"
	cases := []struct {
		what, slug, id, kind, body string
		status                     int
		code                       string
	}{
		{"empty body", "", "", js, "", 400, "broken_json"},
		{"cut off", "", "", js, goodBody[:40], 400, "broken_json"},
		{"a list", "", "", js, `[]`, 400, "broken_json"},
		{"two bodies", "", "", js, goodBody + goodBody, 400, "broken_json"},
		{"bad UTF-8", "", "", js, answers("{\"district\":\"west\",\"idea\":\"\xff\"}"), 400, "bad_utf8"},
		{"Latin-1 announced", "", "", js + "; charset=iso-8859-1", goodBody, 415, "not_json"},
		{"a form", "", "", "application/x-www-form-urlencoded", "district=west", 415, "not_json"},
		{"no type", "", "", "", goodBody, 415, "not_json"},
		{"oversized", "", "", js, answers(`{"district":"west","idea":"` + strings.Repeat("x", base.MaxJSON) + `"}`), 413, "body_too_large"},
		{"unknown field", "", "", js, `{"language":"de","channel":"web","answers":{"district":"west"},"when":"now"}`, 422, "invalid #/when:unknown_field"},
		{"nothing given", "", "", js, `{}`, 422, "invalid #/language:required #/channel:required #/answers/district:required"},
		{"answers null", "", "", js, answers("null"), 422, "invalid #/answers/district:required"},
		{"answers are a list", "", "", js, answers("[]"), 422, "invalid #/answers:wrong_type"},
		{"answers are text", "", "", js, answers(`"west"`), 422, "invalid #/answers:wrong_type"},
		{"a code twice", "", "", js, answers(`{"district":"west","district":"mitte"}`), 400, "broken_json"},
		{"unknown language", "", "", js, `{"language":"fr","channel":"web","answers":{"district":"west"}}`, 422, "invalid #/language:unknown"},
		{"unknown channel", "", "", js, `{"language":"de","channel":"fax","answers":{"district":"west"}}`, 422, "invalid #/channel:unknown"},
		{"seed too large", "", "", js, `{"language":"de","channel":"web","seed":65536,"answers":{"district":"west"}}`, 422, "invalid #/seed:out_of_range"},
		{"language is a number", "", "", js, `{"language":1,"channel":"web","answers":{"district":"west"}}`, 422, "invalid #/language:wrong_type"},
		{"missing answer", "", "", js, answers(`{"rent":1}`), 422, "invalid #/answers/district:required"},
		{"unknown option", "", "", js, answers(`{"district":"nord"}`), 422, "invalid #/answers/district:unknown_option"},
		{"unknown item", "", "", js, answers(`{"district":"west","~/":"x"}`), 422, "invalid #/answers/~0~1:unknown_item"},
		{"wrong type", "", "", js, answers(`{"district":["west"]}`), 422, "invalid #/answers/district:wrong_type"},
		{"too long", "", "", js, answers(`{"district":"west","street":"` + strings.Repeat("ä", 41) + `"}`), 422, "invalid #/answers/street:too_long"},
		{"too large", "", "", js, answers(`{"district":"west","rent":1e300}`), 422, "invalid #/answers/rent:too_large"},
		{"deeply nested", "", "", js, answers(`{"district":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`), 400, "broken_json"},
		{"control character", "", "", js, answers(`{"district":"west","idea":"a\u0007"}`), 422, "invalid #/answers/idea:not_text"},
		{"unknown survey", "nothing", "", js, goodBody, 404, "not_found"},
		{"no UUID", "", "abc", js, goodBody, 400, "not_uuid"},
		{"no hyphens", "", strings.Repeat("a", 36), js, goodBody, 400, "not_uuid"},
		{"odd letters", "", "3f2b8c1e-9a4d-4e57-8b1c-2d6f7a8b9c0g", js, goodBody, 400, "not_uuid"},
		{"UUID that tells the time", "", "018f4d2c-9a4d-7e57-8b1c-2d6f7a8b9c0d", js, goodBody, 422, "uuid_with_time"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			if c.slug == "" {
				c.slug = "smart-kassel"
			}
			if c.id == "" {
				c.id = newID()
			}
			status, body := w.do(t, "PUT", "/api/v1/surveys/"+c.slug+"/responses/"+c.id, c.kind, c.body)
			if status != c.status || problemCode(body) != c.code {
				t.Errorf("%d %s, want %d %s\n%.300s", status, problemCode(body), c.status, c.code, body)
			}
		})
	}
	if n := w.count(t, "responses"); n != 0 {
		t.Errorf("%d rows", n)
	}
}

func TestASurveyTakesAnswersOnlyWhileItIsOpen(t *testing.T) {
	w := newWorld(t)
	id := newID()
	if status, body := w.put(t, "smart-kassel", id, goodBody); status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	q := smartKassel()
	closed := func(why, code string) {
		t.Helper()
		if status, body := w.put(t, "smart-kassel", newID(), goodBody); status != 409 || problemCode(body) != code {
			t.Errorf("%s: %d %s", why, status, body)
		}
		if status, body := w.put(t, "smart-kassel", id, goodBody); status != 200 {
			t.Errorf("%s, replay of a stored answer: %d %s", why, status, body)
		}
	}
	w.Now = func() time.Time { return q.Closes }
	closed("after the end", "survey_closed")
	w.Now = func() time.Time { return q.Opens.Add(-time.Minute) }
	closed("before the beginning", "survey_not_open")
	w.Now = func() time.Time { return basetest.Start }
	setState(t, w.Platform, "smart-kassel", "withdrawn")
	closed("withdrawn", "survey_closed")
	if status, _ := w.do(t, "GET", "/api/v1/surveys/smart-kassel", "", ""); status != 404 {
		t.Errorf("withdrawn survey: %d", status)
	}
	setState(t, w.Platform, "smart-kassel", "published")
	if status, body := w.put(t, "smart-kassel", newID(), goodBody); status != 201 {
		t.Errorf("published again: %d %s", status, body)
	}
	setState(t, w.Platform, "never-published", "published")
	if status, _ := w.put(t, "never-published", newID(), goodBody); status != 404 {
		t.Errorf("survey without a version: %d", status)
	}
}

func TestAReplayIsComparedByTheVersionItWasStoredWith(t *testing.T) {
	w := newWorld(t)
	id := newID()
	if status, body := w.put(t, "smart-kassel", id, goodBody); status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	q := smartKassel()
	q.Version = 2
	q.Pages[0].Items[2].Options = q.Pages[0].Items[2].Options[:2] // "water" is gone
	publish(t, w.Platform, q)
	if status, body := w.put(t, "smart-kassel", id, goodBody); status != 200 {
		t.Errorf("replay: %d %s", status, body)
	}
	if status, body := w.put(t, "smart-kassel", newID(), goodBody); status != 422 {
		t.Errorf("new answer by the old version: %d %s", status, body)
	}
	if status, body := w.put(t, "smart-kassel", newID(), strings.Replace(goodBody, `"water",`, "", 1)); status != 201 {
		t.Errorf("new answer: %d %s", status, body)
	}
	if rows := w.rows(t); len(rows) != 2 || rows[0].Version+rows[1].Version != 3 {
		t.Errorf("rows %+v", rows)
	}
}

func TestTheAPITellsWhatIsAsked(t *testing.T) {
	w := newWorld(t)
	var list []struct {
		Slug, Title string
		Open        bool
		Questions   int
	}
	status, body := w.do(t, "GET", "/api/v1/surveys", "", "")
	if json.Unmarshal(body, &list); status != 200 || len(list) != 1 || list[0].Slug != "smart-kassel" || !list[0].Open || list[0].Questions != 7 {
		t.Errorf("%d %s", status, body)
	}
	for lang, want := range map[string]string{"": "Wo wohnen Sie?", "de": "Wo wohnen Sie?", "en": "Where do you live?", "ls": "Wo?"} {
		var doc struct {
			Slug  string
			Pages []struct {
				Items []struct {
					Code, Text string
					Type       survey.Type
					Options    []struct{ Code, Text string }
				}
			}
		}
		status, body := w.do(t, "GET", "/api/v1/surveys/smart-kassel?lang="+lang, "", "")
		if err := json.Unmarshal(body, &doc); err != nil || status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		items := doc.Pages[0].Items
		if items[0].Type != "info" || items[1].Code != "district" || items[1].Text != want || items[1].Type != "single_choice" ||
			items[1].Options[0].Code != "mitte" || items[1].Options[0].Text != "Mitte" {
			t.Errorf("%s: %+v", lang, items)
		}
	}
	if status, body := w.do(t, "GET", "/api/v1/surveys/smart-kassel?lang=fr", "", ""); status != 422 {
		t.Errorf("unknown language: %d %s", status, body)
	}
	if status, _ := w.do(t, "GET", "/api/v1/surveys/nothing", "", ""); status != 404 {
		t.Errorf("unknown survey: %d", status)
	}

	res, err := w.client.Get(w.srv.URL + "/api/v1/surveys/smart-kassel")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	req, _ := http.NewRequest("GET", w.srv.URL+"/api/v1/surveys/smart-kassel", nil)
	req.Header.Set("If-None-Match", res.Header.Get("ETag"))
	if res, err = w.client.Do(req); err != nil || res.StatusCode != 304 {
		t.Errorf("unchanged: %v %v", res.Status, err)
	}
	q := smartKassel()
	q.Version = 2
	publish(t, w.Platform, q)
	if res, err = w.client.Do(req); err != nil || res.StatusCode != 200 || !strings.Contains(res.Header.Get("Content-Type"), "json") {
		t.Errorf("changed: %v %v", res.Status, err)
	}
}

func TestRequestsLeaveNoTraceInTheLogs(t *testing.T) {
	w := newWorld(t)
	id := newID()
	w.put(t, "smart-kassel", id, goodBody)
	w.put(t, "smart-kassel", id, strings.Replace(goodBody, "west", "mitte", 1))
	w.put(t, "smart-kassel", newID(), `{"secret":1}`)
	limits := &w.App.Settings().RateLimits
	limits.Rules = []core.RateLimitRule{{Label: "/api/v1/", MaxRequests: 1, Duration: 60}}
	limits.Enabled = true
	w.put(t, "smart-kassel", id, goodBody)
	if status, body := w.put(t, "smart-kassel", id, goodBody); status != 429 || problemCode(body) != "too_many_requests" {
		t.Errorf("over the limit: %d %s", status, body)
	}
	w.App.Logger().Error("marker")
	// The logger writes in batches of its own; a request that was logged stands before the marker.
	var logged string
	for range 100 {
		var all []string
		if err := w.App.AuxDB().NewQuery("SELECT message || data FROM _logs").Column(&all); err != nil {
			t.Fatal(err)
		}
		logged = strings.Join(all, "\n")
		if strings.Contains(logged, "marker") {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if !strings.Contains(logged, "marker") || strings.Contains(logged, id) || strings.Contains(logged, "smart-kassel/responses") {
		t.Errorf("logs: %s", logged)
	}
}

func FuzzPutResponse(f *testing.F) {
	f.Add([]byte(goodBody))
	f.Add([]byte(`{"language":"de","channel":"web","answers":{"district":null,"topics":[null],"rent":1e999}}`))
	w := newWorld(f)
	handler := w.srv.Config.Handler
	f.Fuzz(func(t *testing.T, body []byte) {
		rec := newRecorder()
		req, _ := http.NewRequest("PUT", "/api/v1/surveys/smart-kassel/responses/"+newID(), bytes.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		handler.ServeHTTP(rec, req)
		if rec.status != 201 && (rec.status < 400 || rec.status > 499) {
			t.Fatalf("%d for %q", rec.status, body)
		}
	})
}
