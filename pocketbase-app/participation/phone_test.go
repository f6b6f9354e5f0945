package participation_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/participation"

	"github.com/pocketbase/pocketbase/core"
)

// staffWorld is a world whose visitors are staff of a role when they send the
// header X-Staff.
func staffWorld(t *testing.T, roles ...string) *world {
	p := basetest.New(t, participation.Words)
	p.App.Settings().RateLimits.Enabled = false
	m := participation.New(p)
	t.Cleanup(m.Close)
	publish(t, p, smartKassel())
	staff := basetest.NewStaff(t, p, roles...)
	srv, client := basetest.Serve(t, p, func(se *core.ServeEvent) {
		se.Router.BindFunc(func(e *core.RequestEvent) error {
			if e.Request.Header.Get("X-Staff") != "" {
				e.Auth = staff
			}
			return e.Next()
		})
		m.Bind(se)
	})
	return &world{p, m, srv, client}
}

type asStaff struct{ http.RoundTripper }

func (a asStaff) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Staff", "1")
	return a.RoundTripper.RoundTrip(r)
}

func (w *world) member(t *testing.T) *visitor {
	jar, _ := cookiejar.New(nil)
	return &visitor{t, w, &http.Client{Jar: jar, Transport: asStaff{http.DefaultTransport}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func TestACallByStaff(t *testing.T) {
	w := staffWorld(t, base.Counter)
	v := w.member(t)
	const s = "/umfragen/smart-kassel"
	v.see(v.get("/schalter/telefon/"), 200, "Smart Kassel", "Gespräch auf Englisch beginnen")

	// A call that ends early leaves nothing.
	v.led(v.post("/schalter/telefon/smart-kassel/", "sprache=de"), s+"/teilnehmen/")
	v.led(v.post(s+"/teilnehmen/", ""), s+"/seite/1/")
	v.see(v.get(s+"/seite/1/"), 200, "fragen Sie nicht nach Namen", "Gespräch beenden")
	v.led(v.post(s+"/seite/1/", "district=mitte"), s+"/seite/2/")
	if n := w.count(t, "survey_drafts"); n != 1 {
		t.Fatalf("%d drafts", n)
	}
	v.led(v.post("/schalter/telefon/smart-kassel/auflegen/", ""), "/schalter/telefon/?aufgelegt=1")
	if n := w.count(t, "survey_drafts"); n != 0 {
		t.Fatalf("%d drafts after the call", n)
	}

	// Two calls one after the other; the second does not see the first.
	for _, district := range []string{"mitte", "west"} {
		v.led(v.post("/schalter/telefon/smart-kassel/", "sprache=en"), "/en"+s+"/teilnehmen/")
		if p := v.get("/en" + s + "/teilnehmen/"); strings.Contains(p.html, "/seite/") {
			t.Error("the answers of the last caller are offered")
		}
		v.led(v.post("/en"+s+"/teilnehmen/", ""), "/en"+s+"/seite/1/")
		v.led(v.post("/en"+s+"/seite/1/", "district="+district), "/en"+s+"/seite/2/")
		v.led(v.post("/en"+s+"/seite/2/", "rent=600"), "/en"+s+"/pruefen/")
		v.led(v.post("/en"+s+"/pruefen/", ""), "/en"+s+"/danke/")
		v.see(v.get("/en"+s+"/danke/"), 200, "receipt number", "End the call")
	}
	// A citizen's answer of the same survey is of the web, also with the cookie of a call.
	c := w.visitor(t)
	c.led(c.post(s+"/teilnehmen/", ""), s+"/seite/1/")
	c.led(c.post(s+"/seite/1/", "district=mitte"), s+"/seite/2/")
	c.led(c.post(s+"/seite/2/", "rent=1"), s+"/pruefen/")
	c.led(c.post(s+"/pruefen/", ""), s+"/danke/")
	if p := c.get(s + "/danke/"); strings.Contains(p.html, "Telefon") {
		t.Error("a citizen sees the telephone")
	}
	c = w.visitor(t)
	origin, _ := url.Parse(w.srv.URL)
	c.client.Jar.SetCookies(origin, []*http.Cookie{{Name: "umfrage-telefon", Value: "smart-kassel", Path: "/"}})
	c.led(c.post(s+"/teilnehmen/", ""), s+"/seite/1/")
	c.led(c.post(s+"/seite/1/", "district=mitte"), s+"/seite/2/")
	c.led(c.post(s+"/seite/2/", "rent=2"), s+"/pruefen/")
	c.led(c.post(s+"/pruefen/", ""), s+"/danke/")
	channels := map[string]int{}
	for _, r := range w.rows(t) {
		channels[r.Channel]++
	}
	if channels["phone"] != 2 || channels["web"] != 2 || len(channels) != 2 {
		t.Error(channels)
	}
}

func TestWhoMayTelephoneAndWhatFor(t *testing.T) {
	for role, status := range map[string]int{base.Counter: 200, base.Planner: 200, base.Editor: 403, base.Moderator: 403} {
		w := staffWorld(t, role)
		w.member(t).see(w.member(t).get("/schalter/telefon/"), status)
	}
	w := staffWorld(t, base.Counter)
	v := w.member(t)
	v.see(v.post("/schalter/telefon/gibt-es-nicht/", ""), 404)
	if p := w.visitor(t).post("/schalter/telefon/smart-kassel/", ""); p.status != 303 || !strings.HasPrefix(p.location, "/anmelden/") {
		t.Error("guests may telephone", p.status, p.location)
	}
	q := smartKassel()
	q.Slug, q.Access, q.Anonymous = "mit-konto", survey.AccessAccount, false
	publish(t, w.Platform, q)
	v.see(v.post("/schalter/telefon/mit-konto/", ""), 409, "Konto")
	v.see(v.get("/schalter/telefon/"), 200, "Am Telefon nicht möglich")
}
