package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// description holds exchanges against openapi.json. What clients must pass over
// (members that nobody described) is an error here.
type description struct {
	doc  map[string]any
	c    *jsonschema.Compiler
	seen map[string]bool // "get /api/v1/events 200"
}

func describedAPI(t *testing.T) *description {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPI))
	if err != nil {
		t.Fatal(err)
	}
	close := func(v any) {}
	close = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if _, is := v["properties"].(map[string]any); is && v["additionalProperties"] == nil {
				v["additionalProperties"] = false
			}
			for _, inner := range v {
				close(inner)
			}
		case []any:
			for _, inner := range v {
				close(inner)
			}
		}
	}
	close(v)
	d := &description{doc: v.(map[string]any), c: jsonschema.NewCompiler(), seen: map[string]bool{}}
	d.c.AssertFormat()
	if err := d.c.AddResource("openapi.json", v); err != nil {
		t.Fatal(err)
	}
	return d
}

// at follows member names, and references on the way; it returns the value and its
// JSON Pointer.
func (d *description) at(names ...string) (any, string) {
	var v any = d.doc
	var path []string
	for _, name := range names {
		m, _ := v.(map[string]any)
		v, path = m[name], append(path, name)
		if m, is := v.(map[string]any); is {
			if target, is := m["$ref"].(string); is {
				path = strings.Split(strings.TrimPrefix(target, "#/"), "/")
				v, _ = d.at(path...)
			}
		}
	}
	for i, p := range path {
		path[i] = strings.NewReplacer("~", "~0", "/", "~1").Replace(p)
	}
	return v, "/" + strings.Join(path, "/")
}

// valid checks a JSON text against the schema of a content, "" when it fits.
func (d *description) valid(content []string, body []byte) string {
	schema, pointer := d.at(append(content, "schema")...)
	if schema == nil {
		return "no schema at " + strings.Join(content, " ")
	}
	s, err := d.c.Compile("openapi.json#" + (&url.URL{Fragment: pointer}).EscapedFragment())
	if err != nil {
		return err.Error()
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// route finds the path of the description that a request belongs to.
func (d *description) route(path string) string {
	paths, _ := d.at("paths")
	best := ""
	for p := range paths.(map[string]any) {
		pattern := "^" + regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(p), "[^/]+") + "$"
		if regexp.MustCompile(pattern).MatchString(path) && (best == "" || strings.Count(p, "{") < strings.Count(best, "{")) {
			best = p
		}
	}
	return best
}

// formOfBody are codes of fields that a schema can see.
var formOfBody = []string{"wrong_type", "unknown_field"}

// hold checks one exchange: route, status, headers, type and body of the answer,
// and that the description takes the bodies that the program takes.
func (d *description) hold(t *testing.T, method, path string, header http.Header, sent string, res *http.Response, got []byte) {
	t.Helper()
	address, _, _ := strings.Cut(path, "?")
	route, verb := d.route(address), strings.ToLower(method)
	operation, _ := d.at("paths", route, verb)
	if operation == nil {
		if res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s %s is answered with %d and not described", method, path, res.StatusCode)
		}
		return
	}
	status := strconv.Itoa(res.StatusCode)
	answer := []string{"paths", route, verb, "responses", status}
	if a, _ := d.at(answer...); a == nil {
		if answer[4] = "default"; res.StatusCode < 400 {
			t.Errorf("%s %s: %s is not described", verb, route, res.Status)
			return
		}
	}
	d.seen[verb+" "+route+" "+answer[4]] = true
	mime, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	described, _ := d.at(append(answer, "content")...)
	contents, _ := described.(map[string]any)
	switch {
	case len(contents) == 0 && len(got) > 0:
		t.Errorf("%s %s %s: a body that is not described: %s", verb, route, status, got)
	case len(contents) > 0 && contents[mime] == nil:
		t.Errorf("%s %s %s: %s is not described", verb, route, status, mime)
	case len(contents) > 0:
		if wrong := d.valid(append(answer, "content", mime), got); wrong != "" {
			t.Errorf("%s %s %s: %s\n%s", verb, route, status, wrong, got)
		}
	}
	headers, _ := d.at(append(answer, "headers")...)
	if m, is := headers.(map[string]any); is {
		for name := range m {
			if name != "Retry-After" && res.Header.Get(name) == "" {
				t.Errorf("%s %s %s: no header %s", verb, route, status, name)
			}
		}
	}
	if res.Header.Get("ETag") != "" {
		if m, is := headers.(map[string]any); !is || m["ETag"] == nil {
			t.Errorf("%s %s %s: the ETag is not described", verb, route, status)
		}
	}
	if body, _ := d.at("paths", route, verb, "requestBody"); body != nil {
		wrong := d.valid([]string{"paths", route, verb, "requestBody", "content", "application/json"}, []byte(sent))
		if res.StatusCode < 300 && wrong != "" {
			t.Errorf("%s %s took a body that the description refuses: %s\n%s", verb, route, wrong, sent)
		}
		if res.StatusCode == http.StatusUnprocessableEntity && wrong == "" {
			var problem struct {
				Errors []struct{ Pointer, Code string } `json:"errors"`
			}
			json.Unmarshal(got, &problem)
			for _, e := range problem.Errors {
				if slices.Contains(formOfBody, e.Code) && !strings.HasPrefix(e.Pointer, "#/answers") {
					t.Errorf("%s %s refused %s (%s), the description does not\n%s", verb, route, e.Pointer, e.Code, sent)
				}
			}
		}
	}
}

// elsewhere are answers that other tests cause.
var elsewhere = map[string]string{
	"get /api/v1/ideas/{number} 308": "needs a moderator: ideas, TestMerging",
	"get /healthz 503":               "needs a broken server: TestHealth of base",
}

// TestOpenAPIHoldsWhatTheServerDoes sends requests of every kind, besides those of
// TestAPIDocument, and wants every described answer to be seen.
func TestOpenAPIHoldsWhatTheServerDoes(t *testing.T) {
	t.Parallel()
	s, d := running(t), describedAPI(t)
	b, err := os.ReadFile(apiDoc)
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]string{}
	fill := func(text string) string {
		for shown, said := range named {
			text = strings.ReplaceAll(text, shown, said)
		}
		return text
	}
	send := func(x example) (*http.Response, []byte) {
		t.Helper()
		x.path, x.body = fill(x.path), fill(x.body)
		res, got := x.send(t, s.URL, fill)
		d.hold(t, x.method, x.path, x.header, x.body, res, got)
		return res, got
	}
	for _, x := range examples(t, string(b)) {
		res, got := send(x)
		var shown, said any
		json.Unmarshal([]byte(x.answer), &shown)
		json.Unmarshal(got, &said)
		learn(t, named, shown, said)
		if tag := x.answerHeader.Get("ETag"); tag != "" && res.Header.Get("ETag") != "" {
			named[tag] = res.Header.Get("ETag")
		}
	}

	key := 0
	ask := func(want int, method, path, body string, header ...string) (*http.Response, []byte) {
		t.Helper()
		x := example{method: method, path: path, body: body, header: http.Header{}}
		if body != "" {
			x.header.Set("Content-Type", "application/json")
		}
		if method == "POST" {
			key++
			x.header.Set("Idempotency-Key", fmt.Sprintf("openapi-%d", key))
		}
		for i := 0; i < len(header); i += 2 {
			x.header.Del(header[i])
			if header[i+1] != "" {
				x.header.Set(header[i], header[i+1])
			}
		}
		res, got := send(x)
		if res.StatusCode != want {
			t.Errorf("%s %s: %s, want %d\n%s", method, path, res.Status, want, got)
		}
		return res, got
	}
	ada := func(rest string) string { return `{"name": "Ada Lovelace", "email": "ada@example.org"` + rest + `}` }
	huge := ada(`, "pool": "` + strings.Repeat("x", 300<<10) + `"`)
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for _, path := range []string{"/api/v1/events", "/api/v1/events/familientag", "/api/v1/surveys", "/api/v1/surveys/smart-kassel", "/api/v1/ideas", "/api/v1/ideas/1", "/api/v1/openapi.json"} {
		res, _ := ask(200, "GET", path, "")
		ask(304, "GET", path, "", "If-None-Match", res.Header.Get("ETag"))
	}
	ask(200, "GET", "/api/v1/events?past=1", "")
	event := "/api/v1/events/familientag"
	for _, taking := range []string{"/bookings", "/holds", "/waiting"} {
		ask(400, "POST", event+taking, ada(""), "Idempotency-Key", "")
		ask(422, "POST", event+taking, `{"seats": 2, "places": "two", "name": 1}`)
	}
	ask(404, "POST", "/api/v1/events/there-is-none/bookings", ada(""))
	ask(404, "POST", "/api/v1/events/there-is-none/holds", `{}`)
	ask(404, "POST", "/api/v1/events/there-is-none/waiting", ada(""))
	ask(409, "POST", event+"/holds", `{"places": 10, "pool": "wheelchair"}`)
	ask(409, "POST", "/api/v1/events/balkonsolar/waiting", ada(`, "pool": "room"`))
	ask(413, "POST", event+"/bookings", huge)
	ask(415, "POST", event+"/bookings", ada(""), form...)
	_, got := ask(201, "POST", event+"/holds", `{"pool": "room"}`, "Idempotency-Key", "openapi-hold")
	ask(200, "POST", event+"/holds", `{"pool": "room"}`, "Idempotency-Key", "openapi-hold")
	var hold struct{ Reference, Secret string }
	if err := json.Unmarshal(got, &hold); err != nil {
		t.Fatal(err)
	}
	act := "/api/v1/bookings/" + hold.Reference
	ask(200, "POST", act+"/extend", `{"secret": "`+hold.Secret+`"}`)
	ask(409, "POST", act+"/accept", `{"secret": "`+hold.Secret+`"}`)
	ask(200, "POST", act+"/release", `{"secret": "`+hold.Secret+`"}`)
	ask(404, "POST", act+"/release", `{"secret": "0000-0000-0000-0000"}`)
	ask(422, "POST", act+"/cancel", `{"secret": "`+hold.Secret+`", "tickets": "all"}`)
	ask(400, "POST", act+"/cancel", `{"secret"`)
	ask(201, "POST", event+"/bookings", ada(`, "places": 4, "pool": "wheelchair"`))
	ask(201, "POST", event+"/waiting", ada(`, "pool": "wheelchair"`), "Idempotency-Key", "openapi-wait")
	ask(200, "POST", event+"/waiting", ada(`, "pool": "wheelchair"`), "Idempotency-Key", "openapi-wait")

	ask(422, "GET", "/api/v1/surveys?lang=fr", "")
	ask(422, "GET", "/api/v1/surveys/smart-kassel?lang=fr", "")
	ask(404, "GET", "/api/v1/surveys/there-is-none", "")
	answers := func(channel string) string {
		return `{"language": "de", "channel": "` + channel + `", "answers": {"important_themes": ["mobility"], "use": ["advice"]}}`
	}
	response := "/api/v1/surveys/smart-kassel/responses/"
	ask(400, "PUT", response+"7", answers("web"))
	ask(403, "PUT", response+"1f2b8c1e-9a4d-4e57-8b1c-2d6f7a8b9c0d", answers("terminal"))
	ask(404, "PUT", "/api/v1/surveys/there-is-none/responses/1f2b8c1e-9a4d-4e57-8b1c-2d6f7a8b9c0d", answers("web"))
	ask(413, "PUT", response+"1f2b8c1e-9a4d-4e57-8b1c-2d6f7a8b9c0d", huge)
	ask(415, "PUT", response+"1f2b8c1e-9a4d-4e57-8b1c-2d6f7a8b9c0d", answers("web"), form...)
	ask(422, "PUT", response+"1f2b8c1e-9a4d-4e57-8b1c-2d6f7a8b9c0d", `{"language": "de", "channel": "web", "answers": {}, "who": 1}`)
	ask(404, "GET", "/api/v1/ideas/99999", "")
	wish := `{"guide": "zaehlerstand-wasser", "name": "Ada Lovelace", "email": "ada@example.org", "message": "Am Freitag.", "answers": {"meter_number": "12 345 678", "reading": 1234, "read_on": "2026-11-20"}}`
	ask(201, "POST", "/api/v1/cases", wish, "Idempotency-Key", "openapi-case")
	ask(200, "POST", "/api/v1/cases", wish, "Idempotency-Key", "openapi-case")
	ask(422, "POST", "/api/v1/cases", `{"guide": "zaehlerstand-wasser", "colour": "red"}`)
	ask(413, "POST", "/api/v1/cases", huge)
	ask(415, "POST", "/api/v1/cases", wish, form...)

	paths, _ := d.at("paths")
	for path, verbs := range paths.(map[string]any) {
		for verb, operation := range verbs.(map[string]any) {
			for status := range operation.(map[string]any)["responses"].(map[string]any) {
				if one := verb + " " + path + " " + status; status != "default" && !d.seen[one] && elsewhere[one] == "" {
					t.Errorf("%s is described and was not seen", one)
				}
			}
		}
	}
}

// TestOpenAPINamesEveryRouteAndCode compares the description with the document for
// people, whose own tests hold it against the program.
func TestOpenAPINamesEveryRouteAndCode(t *testing.T) {
	d := describedAPI(t)
	b, err := os.ReadFile(apiDoc)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	var routes, described, codes, inDescription []string
	for _, m := range regexp.MustCompile("(?m)^### `([A-Z]+ /\\S+)`$").FindAllStringSubmatch(doc, -1) {
		routes = append(routes, m[1])
	}
	paths, _ := d.at("paths")
	for path, verbs := range paths.(map[string]any) {
		for verb := range verbs.(map[string]any) {
			described = append(described, strings.ToUpper(verb)+" "+path)
		}
	}
	slices.Sort(routes)
	slices.Sort(described)
	if !slices.Equal(routes, described) {
		t.Errorf("the document has\n%s\nthe description has\n%s", strings.Join(routes, "\n"), strings.Join(described, "\n"))
	}
	for _, m := range regexp.MustCompile("(?m)^\\| (?:\\d{3} \\| )?((?:`\\w+`(?:, )?)+) \\| \\S").FindAllStringSubmatch(doc[strings.Index(doc, "### Codes of problems"):], -1) {
		for code := range strings.SplitSeq(m[1], ", ") {
			codes = append(codes, strings.Trim(code, "`"))
		}
	}
	for _, list := range [][]string{{"Problem", "properties", "type", "enum"}, {"FieldProblem", "properties", "code", "enum"}} {
		v, _ := d.at(append([]string{"components", "schemas"}, list...)...)
		for _, code := range v.([]any) {
			inDescription = append(inDescription, strings.TrimPrefix(code.(string), "/probleme/"))
		}
	}
	for _, code := range codes {
		if !slices.Contains(inDescription, code) {
			t.Errorf("the description lacks the code %s", code)
		}
	}
	for _, code := range inDescription {
		if !slices.Contains(codes, code) {
			t.Errorf("%s is described and not in the document", code)
		}
	}
}

// TestOpenAPIDescriptionForeignReader holds the description against the schema of
// OpenAPI 3.1 itself.
func TestOpenAPIDescriptionForeignReader(t *testing.T) {
	if os.Getenv("SERVICEPOINT_VERIFY") == "" {
		t.Skip("NOT CHECKED: make verify reads the description with a validator of OpenAPI")
	}
	module, err := filepath.Abs("../bin/openapi/node_modules/@seriousme/openapi-schema-validator/index.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(module); err != nil {
		t.Fatal("no validator of OpenAPI: .ci/tools verify installs it")
	}
	check := func(path string) string {
		out, err := exec.CommandContext(t.Context(), "node", "--input-type=module", "-e", `
			import { Validator } from "file://`+module+`"
			const v = new Validator(), r = await v.validate(process.argv[1])
			console.log(r.valid ? "valid " + v.version : JSON.stringify(r.errors))`, path).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if got := check("openapi.json"); got != "valid 3.1" {
		t.Error(got)
	}
	broken := filepath.Join(t.TempDir(), "broken.json")
	if err := os.WriteFile(broken, bytes.Replace(openAPI, []byte(`"in": "path"`), []byte(`"in": "nowhere"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := check(broken); strings.HasPrefix(got, "valid") {
		t.Error("a parameter that is nowhere is valid")
	}
}
