package access

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// callers of the raw API, in the order of the table's letters.
var callers = []string{"guest", "citizen", "device", base.Editor, base.Publisher, base.Planner, base.Counter, base.Moderator, base.Admin}

// allowed is what PocketBase's own API gives to whom: per collection one mark
// for every caller. "." nothing, "r" list and view every record, "s" list and
// view oneself only, "v" view oneself only. Nobody creates, updates or deletes
// anything there: every write goes through a matter.
var allowed = map[string]string{
	//                  guest citizen device editor publisher planner counter moderator admin
	"staff":           ". . . s s s s s s",
	"citizens":        ". v . . . . . . .",
	"devices":         ". . . . . . . . .",
	"providers":       ". . . r r . . r r",
	"topics":          ". . . r r . . r r",
	"districts":       ". . . r r . . r r",
	"guides":          ". . . r r . . r r",
	"events":          ". . . r r . . r r",
	"surveys":         ". . . r r . . r r",
	"calls":           ". . . r r . . r r",
	"pages":           ". . . r r . . r r",
	"survey_versions": ". . . r r r . . r",
	"_superusers":     ". . . . . . . . .",
	"_mfas":           ". . . . . . . . .",
	"_otps":           ". . . . . . . . .",
	"_externalAuths":  ". . . . . . . . .",
	"_authOrigins":    ". . . . . . . . .",
}

// api calls PocketBase's real HTTP API as one of the callers.
type api struct {
	t      *testing.T
	srv    *httptest.Server
	p      *base.Platform
	people map[string]*core.Record
	tokens map[string]string
}

func newAPI(t *testing.T) *api {
	t.Helper()
	p := basetest.New(t, Words)
	cheapPasswords(t, p)
	s := p.App.Settings()
	s.RateLimits.Enabled = false
	if err := p.App.Save(s); err != nil {
		t.Fatal(err)
	}
	a := &api{t: t, p: p, people: map[string]*core.Record{}, tokens: map[string]string{}}
	a.srv, _ = basetest.Serve(t, p, New(p).Bind)
	for _, who := range callers[1:] {
		a.people[who] = a.person(who)
		token, err := a.people[who].NewAuthToken()
		if err != nil {
			t.Fatal(err)
		}
		a.tokens[who] = token
	}
	return a
}

func (a *api) person(who string) *core.Record {
	switch who {
	case "citizen", "device":
		r := a.record(who + "s")
		r.SetEmail(who + "@kassel.test")
		r.SetPassword("test-password-1")
		r.Set("name", who)
		r.Set("kind", "terminal")
		a.save(r)
		return r
	}
	return basetest.NewStaff(a.t, a.p, who)
}

func (a *api) record(collection string) *core.Record {
	a.t.Helper()
	c, err := a.p.App.FindCollectionByNameOrId(collection)
	if err != nil {
		a.t.Fatal(err)
	}
	return core.NewRecord(c)
}

func (a *api) save(r *core.Record) {
	a.t.Helper()
	if err := a.p.App.Save(r); err != nil {
		a.t.Fatalf("%s: %v", r.Collection().Name, err)
	}
}

func (a *api) do(who, method, path, body string) (int, string) {
	a.t.Helper()
	req, _ := http.NewRequest(method, a.srv.URL+path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	if token := a.tokens[who]; token != "" {
		req.Header.Set("Authorization", token)
	}
	res, err := a.srv.Client().Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(b)
}

// fill puts a record into every collection that can have one, so that "sees
// nothing" is not the same as "there is nothing". It returns their ids.
func (a *api) fill() map[string]string {
	a.t.Helper()
	ids := map[string]string{}
	for _, kind := range []string{"providers", "topics", "districts", "guides", "events", "surveys", "calls", "pages"} {
		r := a.record(kind)
		r.Set("slug", "probe")
		r.Set("title", "Probe")
		r.Set("state", "draft")
		r.Set("doc", types.JSONRaw(`{"secret":"draft text"}`))
		a.save(r)
		ids[kind] = r.Id
	}
	version := a.record("survey_versions")
	version.Set("survey", "probe")
	version.Set("version", 1)
	version.Set("questionnaire", types.JSONRaw(`{"slug":"probe"}`))
	a.save(version)
	ids["survey_versions"] = version.Id
	super := a.record("_superusers")
	super.SetEmail("root@kassel.test")
	super.SetPassword("test-password-1")
	a.save(super)
	ids["_superusers"] = super.Id
	ids["staff"] = basetest.NewStaff(a.t, a.p, base.Admin).Id
	for _, c := range []string{"citizens", "devices"} {
		r := a.record(c)
		r.SetEmail("other@kassel.test")
		r.SetPassword("test-password-1")
		r.Set("name", "Other")
		r.Set("kind", "tablet")
		a.save(r)
		ids[c] = r.Id
	}
	return ids
}

func TestRolesAndCollections(t *testing.T) {
	a := newAPI(t)
	ids := a.fill()
	collections, err := a.p.App.FindAllCollections()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range collections {
		marks := strings.Fields(allowed[c.Name])
		if len(marks) != len(callers) {
			t.Errorf("the table does not say who may do what with %q", c.Name)
			continue
		}
		for i, who := range callers {
			a.check(c.Name, who, marks[i], ids[c.Name])
		}
	}
	if len(collections) != len(allowed) {
		t.Errorf("%d collections, %d in the table", len(collections), len(allowed))
	}
}

func (a *api) check(collection, who, mark, id string) {
	a.t.Helper()
	at := "/api/collections/" + collection + "/records"
	self := ""
	if p := a.people[who]; p != nil && p.Collection().Name == collection {
		self = p.Id
	}
	wrong := func(did string, status int) {
		a.t.Helper()
		a.t.Errorf("%s as %s: %s answers %d, the table says %q", collection, who, did, status, mark)
	}

	// list: who may not gets 403, or an empty list where a rule filters
	status, body := a.do(who, "GET", at, "")
	var list struct {
		Items []struct{ ID, Email string } `json:"items"`
	}
	json.Unmarshal([]byte(body), &list)
	switch mark {
	case "r":
		if status != 200 || len(list.Items) == 0 {
			wrong("list", status)
		}
	case "s":
		if status != 200 || len(list.Items) != 1 || list.Items[0].ID != self {
			wrong("list", status)
		}
	default:
		if status == 200 && len(list.Items) > 0 {
			wrong("list", status)
		}
	}

	// view another's record and one's own
	if id != "" {
		if status, _ := a.do(who, "GET", at+"/"+id, ""); (status == 200) != (mark == "r") {
			wrong("view", status)
		}
	}
	if self != "" {
		if status, _ := a.do(who, "GET", at+"/"+self, ""); (status == 200) != (mark == "s" || mark == "v") {
			wrong("view oneself", status)
		}
	}

	// writes are closed to everybody
	new := `{"slug":"evil","title":"Evil","state":"published","email":"evil@kassel.test","password":"test-password-1","passwordConfirm":"test-password-1","name":"E","kind":"terminal","roles":["admin"],"survey":"x","version":2,"questionnaire":{}}`
	if status, _ := a.do(who, "POST", at, new); status < 400 || status >= 500 {
		wrong("create", status)
	}
	for _, target := range []string{id, self} {
		if target == "" {
			continue
		}
		if status, _ := a.do(who, "PATCH", at+"/"+target, `{"title":"Evil","name":"Evil","roles":["admin"],"disabled":false}`); status != 403 && status != 404 {
			wrong("update", status)
		}
		if status, _ := a.do(who, "DELETE", at+"/"+target, ""); status != 403 && status != 404 {
			wrong("delete", status)
		}
	}
}

func TestRawTablesHaveNoAPI(t *testing.T) {
	a := newAPI(t)
	var tables []string
	err := a.p.App.DB().NewQuery(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
		AND name NOT IN (SELECT name FROM _collections)`).Column(&tables)
	if err != nil {
		t.Fatal(err)
	}
	seen := strings.Join(tables, " ")
	for _, must := range []string{"sessions", "responses", "orders", "revisions"} {
		if !strings.Contains(" "+seen+" ", " "+must+" ") {
			t.Errorf("no table %q among %s", must, seen)
		}
	}
	for _, table := range tables {
		for _, who := range callers {
			for _, path := range []string{"/api/collections/" + table + "/records", "/api/collections/" + table} {
				if status, body := a.do(who, "GET", path, ""); status < 400 {
					t.Errorf("%s as %s: %d %s", path, who, status, body)
				}
			}
		}
	}
}

// What superusers use is shut to everybody else, staff included.
func TestSuperuserRoutesAreShut(t *testing.T) {
	a := newAPI(t)
	for _, who := range callers {
		for _, r := range []struct{ method, path, body string }{
			{"GET", "/api/settings", ""},
			{"PATCH", "/api/settings", `{"rateLimits":{"enabled":false}}`},
			{"GET", "/api/collections", ""},
			{"PATCH", "/api/collections/staff", `{"createRule":""}`},
			{"GET", "/api/logs", ""},
			{"GET", "/api/backups", ""},
			{"POST", "/api/backups", `{}`},
			{"GET", "/api/crons", ""},
			{"POST", "/api/crons/__pbDBOptimize__", ""},
			{"POST", "/api/sql", `{"query":"SELECT 1"}`},
			{"POST", "/api/batch", `{"requests":[{"method":"POST","url":"/api/collections/staff/records","body":{}}]}`},
			{"POST", "/api/collections/staff/impersonate/x", `{}`},
		} {
			if status, body := a.do(who, r.method, r.path, r.body); status != 401 && status != 403 && status != 404 {
				t.Errorf("%s %s as %s: %d %s", r.method, r.path, who, status, body)
			}
		}
	}
}

func TestNobodyRaisesOwnRoles(t *testing.T) {
	a := newAPI(t)
	for _, who := range callers {
		p := a.people[who]
		if p == nil {
			continue
		}
		at := "/api/collections/" + p.Collection().Name + "/records/" + p.Id
		for _, body := range []string{`{"roles":["admin"]}`, `{"roles+":"admin"}`, `{"disabled":false}`, `{"password":"another-password-1","passwordConfirm":"another-password-1"}`} {
			if status, _ := a.do(who, "PATCH", at, body); status != 403 && status != 404 {
				t.Errorf("%s sends %s: %d", who, body, status)
			}
		}
		after, err := a.p.App.FindRecordById(p.Collection().Name, p.Id)
		if err != nil || strings.Join(after.GetStringSlice("roles"), ",") != strings.Join(p.GetStringSlice("roles"), ",") {
			t.Errorf("%s: roles are %v now (%v)", who, after.GetStringSlice("roles"), err)
		}
	}
	// Rules do not leak what they hide: no filter over passwords, no e-mail addresses.
	_, body := a.do(base.Editor, "GET", "/api/collections/staff/records?filter=(roles~'admin')", "")
	if strings.Contains(body, a.people[base.Admin].Id) {
		t.Errorf("an editor finds the administrator: %s", body)
	}
}

func TestStaffGetNoTokenFromTheRawAPI(t *testing.T) {
	a := newAPI(t)
	who := a.people[base.Editor]
	for path, body := range map[string]string{
		"auth-with-password":     `{"identity":"` + who.Email() + `","password":"test-password-1"}`,
		"request-otp":            `{"email":"` + who.Email() + `"}`,
		"request-password-reset": `{"email":"` + who.Email() + `"}`,
		"auth-with-oauth2":       `{"provider":"google","code":"x","redirectURL":"x"}`,
	} {
		if status, answer := a.do("guest", "POST", "/api/collections/staff/"+path, body); status < 400 {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	// A token that exists dies with the account.
	if status, _ := a.do(base.Editor, "GET", "/api/collections/guides/records", ""); status != 200 {
		t.Fatalf("a token that is valid: %d", status)
	}
	who.Set("disabled", true)
	a.save(who)
	status, body := a.do(base.Editor, "GET", "/api/collections/staff/records/"+who.Id, "")
	if status != 404 {
		t.Errorf("disabled, with a token: %d %s", status, body)
	}
	if status, _ := a.do(base.Editor, "POST", "/api/collections/staff/auth-refresh", ""); status < 400 {
		t.Errorf("disabled, refresh: %d", status)
	}
}
