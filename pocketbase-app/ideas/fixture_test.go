package ideas

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/base/gate"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// house is a running matter with one call, "smart", and a moderator whose
// requests carry a header instead of a session.
type house struct {
	t         *testing.T
	p         *base.Platform
	x         *Ideas
	srv       *httptest.Server
	now       time.Time
	rebuilt   []string
	moderator string
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, p: basetest.New(t, Words, gate.Words), now: basetest.Start}
	h.p.Now = func() time.Time { return h.now }
	limits := h.p.App.Settings()
	limits.RateLimits.Enabled = false
	if err := h.p.App.Save(limits); err != nil {
		t.Fatal(err)
	}
	h.publish("topics", "mobilitaet", "Mobilität", content.Topic{Slug: "mobilitaet", Name: content.Text{"de": "Mobilität", "en": "Mobility"}})
	h.publish("topics", "umwelt", "Umwelt", content.Topic{Slug: "umwelt", Name: content.Text{"de": "Umwelt"}})
	h.publish("districts", "mitte", "Mitte", content.District{Slug: "mitte", Name: "Mitte"})
	h.call(content.Call{
		Slug: "smart", Title: content.Text{"de": "Was wünschen Sie sich?", "en": "What do you wish for?"}, Intro: content.Text{"de": "Sagen Sie es."},
		Topics: []string{"mobilitaet", "umwelt"}, Opens: h.now.AddDate(0, 0, -3), Closes: h.now.AddDate(0, 1, 0),
	})
	h.x = New(h.p)
	h.x.Rebuild = func(tx core.App, reason, actor string) error {
		if !tx.IsTransactional() {
			t.Error("a build is asked for outside the transaction")
		}
		h.rebuilt = append(h.rebuilt, reason)
		return nil
	}
	people := map[string]*core.Record{}
	for _, role := range base.Roles {
		people[role] = basetest.NewStaff(t, h.p, role)
	}
	h.moderator = people[base.Moderator].Id
	h.srv, _ = basetest.Serve(t, h.p, func(se *core.ServeEvent) {
		se.Router.BindFunc(func(e *core.RequestEvent) error {
			if who := people[e.Request.Header.Get("X-Test-Role")]; who != nil {
				e.Auth = who
			}
			return e.Next()
		})
	}, h.x.Bind)
	return h
}

func (h *house) publish(kind, slug, title string, doc any) {
	h.t.Helper()
	raw, err := json.Marshal(doc)
	if err != nil {
		h.t.Fatal(err)
	}
	rec, err := h.p.App.FindFirstRecordByData(kind, "slug", slug)
	if err != nil {
		c, err := h.p.App.FindCollectionByNameOrId(kind)
		if err != nil {
			h.t.Fatal(err)
		}
		rec = core.NewRecord(c)
	}
	rec.Set("slug", slug)
	rec.Set("title", title)
	rec.Set("state", "published")
	rec.Set("doc", types.JSONRaw(raw))
	rec.Set("live", types.JSONRaw(raw))
	if err := h.p.App.Save(rec); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) call(c content.Call) { h.publish("calls", c.Slug, c.Title["de"], c) }

// visitor is a browser with cookies of its own.
type visitor struct {
	*house
	client *http.Client
	role   string
}

func (h *house) visitor(role ...string) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	v := &visitor{house: h, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if len(role) > 0 {
		v.role = role[0]
	}
	return v
}

func (v *visitor) ask(method, path string, form url.Values) (*http.Response, string) {
	v.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, v.srv.URL+path, body)
	if err != nil {
		v.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if v.role != "" {
		req.Header.Set("X-Test-Role", v.role)
	}
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	if strings.Contains(string(b), "idea.") && regexp.MustCompile(`\b(staff|problem|error)?\.?idea\.[a-z_]+`).MatchString(strings.ReplaceAll(string(b), "meine-idee", "")) {
		v.t.Errorf("%s %s shows keys instead of words: %s", method, path, regexp.MustCompile(`idea\.[a-z_.]+`).FindAllString(string(b), 3))
	}
	return res, string(b)
}

func (v *visitor) want(status int, method, path string, form url.Values) string {
	v.t.Helper()
	res, body := v.ask(method, path, form)
	if res.StatusCode != status {
		v.t.Fatalf("%s %s: %d, want %d\n%.1500s", method, path, res.StatusCode, status, body)
	}
	if status == 303 {
		return res.Header.Get("Location")
	}
	return body
}

// wish is a form that is taken.
func wish(title string) url.Values {
	return url.Values{"title": {title}, "text": {"Das wäre gut für alle in der Stadt. " + title}, "topic": {"mobilitaet"}, "key": {base.NewToken()}}
}

// send hands an idea in and returns its number and the private link's token.
func (v *visitor) send(form url.Values) (number int64, token string) {
	v.t.Helper()
	if to := v.want(303, "POST", "/ideen/smart/einreichen/", form); to != "/meine-idee/?neu=1" {
		v.t.Fatalf("sent to %s", to)
	}
	body := v.want(200, "GET", "/meine-idee/?neu=1", nil)
	m := regexp.MustCompile(`/meine-idee/([0-9a-z]{32})/`).FindStringSubmatch(body)
	if m == nil {
		v.t.Fatalf("no private link: %s", body)
	}
	return v.scalar(`SELECT MAX(number) FROM ideas`), m[1]
}

func (h *house) scalar(sql string, args ...any) int64 {
	h.t.Helper()
	p := dbx.Params{}
	for i, a := range args {
		p["p"+strconv.Itoa(i)] = a
	}
	var n int64
	if err := h.p.App.DB().NewQuery(sql).Bind(p).Row(&n); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func (h *house) idea(number int64) *Idea {
	h.t.Helper()
	i, err := find(h.p.App.DB(), number)
	if err != nil {
		h.t.Fatal(err)
	}
	return i
}

// does is one act of a moderator that must be taken.
func (h *house) does(number int64, action string, more ...string) {
	h.t.Helper()
	h.visitor(base.Moderator).want(303, "POST", adminPath(number), h.act(number, action, more...))
}

func (h *house) act(number int64, action string, more ...string) url.Values {
	form := url.Values{"aktion": {action}, "rev": {strconv.FormatInt(h.idea(number).Rev, 10)}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

func adminPath(number int64) string { return "/redaktion/ideen/" + strconv.FormatInt(number, 10) + "/" }

func (h *house) mails() []string {
	h.t.Helper()
	var rows []struct {
		Key     string `db:"key"`
		Payload string `db:"payload"`
	}
	if err := h.p.App.DB().NewQuery(`SELECT key, payload FROM orders WHERE kind = 'private-mail' ORDER BY id`).All(&rows); err != nil {
		h.t.Fatal(err)
	}
	all := make([]string, len(rows))
	for i, r := range rows {
		mail, err := h.p.OpenPayload(base.PrivateMail, r.Key, []byte(r.Payload))
		if err != nil {
			h.t.Fatal(err)
		}
		all[i] = string(mail)
	}
	return all
}
