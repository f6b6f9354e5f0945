package gate_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/base/gate"

	altcha "github.com/altcha-org/altcha-lib-go"
	"github.com/pocketbase/pocketbase/core"
)

const scope = "umfragen/stadt"

// world is a page behind a gate: its form admits and redeems at once.
type world struct {
	*base.Platform
	g      *gate.Gate
	srv    *httptest.Server
	client *http.Client
}

func newWorld(t testing.TB, access string) *world {
	t.Helper()
	p := basetest.New(t, gate.Words)
	p.App.Settings().RateLimits.Enabled = false
	g := gate.New(p)
	srv, client := basetest.Serve(t, p, g.Bind, func(se *core.ServeEvent) {
		p.Route(se, "GET", "/form", func(e *core.RequestEvent) error {
			html, err := g.Fields(e, scope, access, nil, nil)
			if err != nil {
				return err
			}
			return e.HTML(200, string(html))
		})
		p.Route(se, "POST", "/form", func(e *core.RequestEvent) error {
			form, err := base.DecodeForm(e.Response, e.Request)
			if err != nil {
				return err
			}
			pass, err := g.Admit(e, scope, access, form)
			var problems content.Problems
			if errors.As(err, &problems) {
				html, err := g.Fields(e, scope, access, form, problems)
				if err != nil {
					return err
				}
				return e.HTML(422, string(html))
			}
			if err != nil {
				return err
			}
			g.Carry(e, scope, pass)
			return e.Redirect(303, "/hand-in")
		})
		p.Route(se, "POST", "/hand-in", func(e *core.RequestEvent) error {
			pass, ok := g.Carried(e.Request, scope)
			if !ok {
				return gate.ErrMissing
			}
			return p.App.RunInTransaction(func(tx core.App) error {
				if err := pass.Redeem(gate.In(tx), scope, g.Tag(scope, "id")); err != nil {
					return err
				}
				return e.NoContent(201)
			})
		})
	})
	client.Jar, _ = cookiejar.New(nil)
	return &world{p, g, srv, client}
}

func (w *world) get(t testing.TB, path string) (int, string) {
	t.Helper()
	res, err := w.client.Get(w.srv.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(b)
}

func (w *world) post(t testing.TB, path string, form url.Values) (int, string) {
	t.Helper()
	res, err := w.client.PostForm(w.srv.URL+path, form)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(b)
}

// solve works like the script: it asks for a challenge and tries numbers.
func (w *world) solve(t testing.TB, scope string) string {
	t.Helper()
	status, body := w.get(t, "/api/v1/challenge?fuer="+url.QueryEscape(scope))
	var c struct {
		Algorithm, Challenge, Salt, Signature string
		MaxNumber                             int
	}
	if err := json.Unmarshal([]byte(body), &c); err != nil || status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	s, err := altcha.SolveChallenge(c.Challenge, c.Salt, altcha.SHA256, 150_000, 0, nil)
	if err != nil || s == nil {
		t.Fatal("not solved", err)
	}
	b, _ := json.Marshal(map[string]any{"algorithm": c.Algorithm, "challenge": c.Challenge, "number": s.Number, "salt": c.Salt, "signature": c.Signature})
	return base64.StdEncoding.EncodeToString(b)
}

func TestAProofOfWorkCountsOnceForOneScope(t *testing.T) {
	w := newWorld(t, survey.AccessProof)
	proof := w.solve(t, scope)
	for what, form := range map[string]url.Values{
		"nothing":       {},
		"noise":         {"altcha": {"bm9pc2U="}},
		"another scope": {"altcha": {w.solve(t, "umfragen/andere")}},
		"a changed one": {"altcha": {base64.StdEncoding.EncodeToString([]byte(strings.Replace(decode(t, proof), `"number":`, `"number":1`, 1)))}},
		"later expiry":  {"altcha": {base64.StdEncoding.EncodeToString([]byte(strings.Replace(decode(t, proof), "expires=1", "expires=9", 1)))}},
	} {
		if status, body := w.post(t, "/form", form); status != 422 || !strings.Contains(body, "field-error") {
			t.Errorf("%s: %d %s", what, status, body)
		}
	}
	if status, body := w.post(t, "/form", url.Values{"altcha": {proof}}); status != 303 {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := w.post(t, "/hand-in", nil); status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	if status, _ := w.post(t, "/hand-in", nil); status != 409 {
		t.Errorf("handed in twice: %d", status)
	}
	if status, body := w.post(t, "/form", url.Values{"altcha": {proof}}); status != 422 {
		t.Errorf("replayed: %d %s", status, body)
	}
	late := w.solve(t, scope)
	w.Now = func() time.Time { return basetest.Start.Add(31 * time.Minute) }
	if status, _ := w.post(t, "/form", url.Values{"altcha": {late}}); status != 422 {
		t.Errorf("expired: %d", status)
	}
}

func decode(t testing.TB, s string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var ticketField = regexp.MustCompile(`name="warten" value="([^"]+)"`)

func TestWithoutScriptsOneWaits(t *testing.T) {
	w := newWorld(t, survey.AccessProof)
	_, body := w.get(t, "/form")
	form := url.Values{"warten": {ticketField.FindStringSubmatch(body)[1]}}
	status, body := w.post(t, "/form", form)
	if status != 422 || !strings.Contains(body, "noch 16 Sekunden") || ticketField.FindStringSubmatch(body)[1] != form.Get("warten") {
		t.Fatalf("at once: %d %s", status, body)
	}
	w.Now = func() time.Time { return basetest.Start.Add(16 * time.Second) }
	if status, body := w.post(t, "/form", form); status != 303 {
		t.Fatalf("after waiting: %d %s", status, body)
	}
	if status, _ := w.post(t, "/hand-in", nil); status != 201 {
		t.Error(status)
	}
	if status, _ := w.post(t, "/form", form); status != 422 {
		t.Errorf("the same ticket again: %d", status)
	}
	passed := 0
	for range 60 { // a program that only waits
		w.Now = func() time.Time { return basetest.Start.Add(time.Minute) }
		_, body := w.get(t, "/form")
		form := url.Values{"warten": {ticketField.FindStringSubmatch(body)[1]}}
		w.Now = func() time.Time { return basetest.Start.Add(2 * time.Minute) }
		if status, _ := w.post(t, "/form", form); status == 303 {
			passed++
		}
	}
	if passed > 31 {
		t.Errorf("%d of 60 tickets from one address in a minute", passed)
	}
}

func TestACodeCountsOnceAndIsStoredAsAHashOnly(t *testing.T) {
	w := newWorld(t, survey.AccessCode)
	codes, err := w.g.NewCodes(t.Context(), scope, 50)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$`).MatchString(codes[0]) {
		t.Errorf("code %q", codes[0])
	}
	for what, code := range map[string]string{"none": "", "short": "7K3M", "unknown": "7K3M-9QX2-TD4V-W8PA"} {
		if status, body := w.post(t, "/form", url.Values{"zugangscode": {code}}); status != 422 || !strings.Contains(body, "aria-invalid") {
			t.Errorf("%s: %d %s", what, status, body)
		}
	}
	typed := strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(codes[0], "-", " "), "0", "o"))
	if status, body := w.post(t, "/form", url.Values{"zugangscode": {typed}}); status != 303 {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := w.post(t, "/hand-in", nil); status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	if status, _ := w.post(t, "/hand-in", nil); status != 409 {
		t.Error("used twice", status)
	}
	if status, body := w.post(t, "/form", url.Values{"zugangscode": {codes[0]}}); status != 422 || !strings.Contains(body, "schon teilgenommen") {
		t.Errorf("%d %s", status, body)
	}
	counts, err := w.g.Counts(t.Context(), scope)
	if err != nil || len(counts) != 1 || counts[0] != (gate.Count{Kind: "code", All: 50, Used: 1}) {
		t.Errorf("%+v %v", counts, err)
	}
	var all string
	if err := w.App.DB().NewQuery(`SELECT group_concat(hex(hash) || hex(tag) || scope) FROM gate_passes`).Row(&all); err != nil {
		t.Fatal(err)
	}
	for _, c := range codes {
		if strings.Contains(all, strings.ReplaceAll(c, "-", "")) || strings.Contains(all, fmt.Sprintf("%X", c)) {
			t.Error("a code is stored")
		}
	}
	if _, err := w.App.DB().NewQuery(`UPDATE gate_passes SET used = 0`).Execute(); err == nil {
		t.Error("a used code was made unused")
	}
	if err := w.App.DB().NewQuery(`SELECT rowid FROM gate_passes`).Row(new(int)); err == nil {
		t.Error("codes have a rowid")
	}
}

func TestInvitationsAreSignedBoundAndGoodForOne(t *testing.T) {
	w := newWorld(t, survey.AccessInvitation)
	until := basetest.Start.Add(48 * time.Hour)
	token := w.g.NewInvitation(scope, until)
	for what, bad := range map[string]string{
		"none": "", "cut": token[:30], "changed": map[bool]string{true: "1", false: "0"}[token[0] == '0'] + token[1:], "another survey": w.g.NewInvitation("umfragen/andere", until),
	} {
		if status, body := w.post(t, "/form", url.Values{"einladung": {bad}}); status != 422 {
			t.Errorf("%s: %d %s", what, status, body)
		}
	}
	if status, body := w.post(t, "/form", url.Values{"einladung": {token}}); status != 303 {
		t.Fatalf("%d %s", status, body)
	}
	if status, _ := w.post(t, "/hand-in", nil); status != 201 {
		t.Fatal(status)
	}
	if status, _ := w.post(t, "/form", url.Values{"einladung": {token}}); status != 422 {
		t.Error("used twice")
	}
	w.Now = func() time.Time { return until.Add(2 * time.Hour) }
	if status, body := w.post(t, "/form", url.Values{"einladung": {w.g.NewInvitation(scope, until)}}); status != 422 || !strings.Contains(body, "abgelaufen") {
		t.Errorf("%d %s", status, body)
	}
}

func TestACitizenSignsInByMailAndTakesPartOnce(t *testing.T) {
	w := newWorld(t, survey.AccessAccount)
	if status, body := w.post(t, "/form", nil); status != 422 || !strings.Contains(body, "/konto/anmelden/") {
		t.Fatalf("%d %s", status, body)
	}
	if status, _ := w.post(t, "/konto/anmelden/", url.Values{"email": {"nobody"}}); status != 422 {
		t.Error(status)
	}
	code := func() string {
		t.Helper()
		if status, body := w.post(t, "/konto/anmelden/", url.Values{"email": {"Ada@example.org"}, "weiter": {"/form"}}); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		var payload string
		if err := w.App.DB().NewQuery(`SELECT payload FROM orders ORDER BY id DESC LIMIT 1`).Row(&payload); err != nil {
			t.Fatal(err)
		}
		return regexp.MustCompile(`\b\d{6}\b`).FindString(payload)
	}
	c := code()
	wrong := "000000"
	if c == wrong {
		wrong = "000001"
	}
	for range 5 {
		if status, _ := w.post(t, "/konto/anmelden/code/", url.Values{"email": {"ada@example.org"}, "code": {wrong}}); status != 422 {
			t.Error(status)
		}
	}
	if status, _ := w.post(t, "/konto/anmelden/code/", url.Values{"email": {"ada@example.org"}, "code": {c}}); status != 422 {
		t.Error("a code took a sixth try")
	}
	c = code()
	if status, body := w.post(t, "/konto/anmelden/code/", url.Values{"email": {"ada@example.org"}, "code": {c}, "weiter": {"/form"}}); status != 303 {
		t.Fatalf("%d %s", status, body)
	}
	if status, _ := w.post(t, "/konto/anmelden/code/", url.Values{"email": {"ada@example.org"}, "code": {c}}); status != 422 {
		t.Error("a code counted twice")
	}
	if status, body := w.post(t, "/form", nil); status != 303 {
		t.Fatalf("%d %s", status, body)
	}
	if status, _ := w.post(t, "/hand-in", nil); status != 201 {
		t.Error(status)
	}
	if status, _ := w.post(t, "/form", nil); status != 422 {
		t.Error("took part twice")
	}
	if _, err := w.App.DB().NewQuery(`UPDATE orders SET state = 'done'`).Execute(); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := w.App.DB().NewQuery(`SELECT count(*) FROM orders WHERE payload LIKE '%ada@%'`).Row(&n); err != nil || n != 0 {
		t.Errorf("%d addresses kept after sending: %v", n, err)
	}
	w.Now = func() time.Time { return basetest.Start.Add(20 * time.Minute) }
	for _, elsewhere := range []string{"//evil.example", "https://evil.example", `/\evil.example`} {
		res, err := w.client.PostForm(w.srv.URL+"/konto/anmelden/code/", url.Values{"email": {"ada@example.org"}, "code": {code()}, "weiter": {elsewhere}})
		if err != nil || res.Header.Get("Location") != "/" {
			t.Errorf("%s: sent to %q %v", elsewhere, res.Header.Get("Location"), err)
		}
	}
}

// Many redeem one code at once: one wins.
func TestOneCodeUnderManyClientsIsRedeemedOnce(t *testing.T) {
	w := newWorld(t, survey.AccessCode)
	codes, err := w.g.NewCodes(t.Context(), scope, 1)
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := w.post(t, "/form", url.Values{"zugangscode": {codes[0]}}); status != 303 {
		t.Fatal(status)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[int]int{}
	for range 64 {
		wg.Go(func() {
			status, _ := w.post(t, "/hand-in", nil)
			mu.Lock()
			seen[status]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if seen[201] != 1 || seen[409] != 63 {
		t.Errorf("%v", seen)
	}
}

func TestASealedPassIsNobodyElses(t *testing.T) {
	w := newWorld(t, survey.AccessCode)
	codes, err := w.g.NewCodes(t.Context(), scope, 1)
	if err != nil {
		t.Fatal(err)
	}
	w.post(t, "/form", url.Values{"zugangscode": {codes[0]}})
	u, _ := url.Parse(w.srv.URL)
	c := w.client.Jar.Cookies(u)[0]
	if !strings.HasPrefix(c.Name, "zugang-umfragen-stadt") {
		t.Fatal(c.Name)
	}
	r, _ := http.NewRequest("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: "zugang-umfragen-andere", Value: c.Value})
	if _, ok := w.g.Carried(r, "umfragen/andere"); ok {
		t.Error("a pass opens another survey")
	}
	r, _ = http.NewRequest("GET", "/", nil)
	other := "A"
	if c.Value[10:11] == other {
		other = "B"
	}
	r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value[:10] + other + c.Value[11:]})
	if _, ok := w.g.Carried(r, scope); ok {
		t.Error("a changed pass counts")
	}
}

func TestPassesOfThoseWhoCameAreMadeOfTheirKey(t *testing.T) {
	w := newWorld(t, survey.AccessAttendance)
	until := basetest.Start.Add(48 * time.Hour)
	token := w.g.NewAttendance(scope, "key", until)
	if token != w.g.NewAttendance(scope, "key", until) || token == w.g.NewAttendance(scope, "other key", until) {
		t.Error("the same key makes the same pass, another one another")
	}
	for what, bad := range map[string]string{
		"none": "", "cut": token[:30], "an invitation": w.g.NewInvitation(scope, until), "another survey": w.g.NewAttendance("umfragen/andere", "key", until),
	} {
		if status, body := w.post(t, "/form", url.Values{"einladung": {bad}}); status != 422 {
			t.Errorf("%s: %d %s", what, status, body)
		}
	}
	if status, body := w.post(t, "/form", url.Values{"einladung": {token}}); status != 303 {
		t.Fatalf("%d %s", status, body)
	}
	if status, _ := w.post(t, "/hand-in", nil); status != 201 {
		t.Fatal(status)
	}
	if status, body := w.post(t, "/form", url.Values{"einladung": {token}}); status != 422 || !strings.Contains(body, "schon teilgenommen") {
		t.Errorf("used twice: %d %s", status, body)
	}
	w.Now = func() time.Time { return until.Add(2 * time.Hour) }
	if status, body := w.post(t, "/form", url.Values{"einladung": {w.g.NewAttendance(scope, "third", until)}}); status != 422 || !strings.Contains(body, "abgelaufen") {
		t.Errorf("%d %s", status, body)
	}
}
