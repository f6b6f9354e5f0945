package access

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/pocketbase/core"
	"golang.org/x/crypto/bcrypt"
)

// door is the way in under test, over HTTP.
type door struct {
	*Access
	t   *testing.T
	url string
	now time.Time
}

// cheapPasswords makes hashing as fast as bcrypt allows: these tests check
// hundreds of passwords.
func cheapPasswords(t *testing.T, p *base.Platform) {
	t.Helper()
	c, err := p.App.FindCollectionByNameOrId("staff")
	if err != nil {
		t.Fatal(err)
	}
	c.Fields.GetByName("password").(*core.PasswordField).Cost = bcrypt.MinCost
	if err := p.App.SaveNoValidate(c); err != nil {
		t.Fatal(err)
	}
}

func newDoor(t *testing.T) *door {
	t.Helper()
	p := basetest.New(t, Words)
	// PocketBase's own limits are tested by PocketBase.
	p.App.Settings().RateLimits.Enabled = false
	cheapPasswords(t, p)
	d := &door{Access: New(p), t: t, now: basetest.Start}
	d.Delay = 0
	p.Now = func() time.Time { return d.now }
	srv, _ := basetest.Serve(t, p, d.Bind, func(se *core.ServeEvent) {
		for path, role := range map[string]string{"/redaktion/": base.Editor, "/planung/": base.Planner, "/schalter/": base.Counter} {
			p.Route(se, "GET", path+"{$}", func(e *core.RequestEvent) error { return e.String(200, e.Auth.Id) }, base.Need(role))
		}
		p.Route(se, "GET", "/api/v1/me", func(e *core.RequestEvent) error { return e.String(200, e.Auth.Id) }, base.Need(base.Roles...))
	})
	d.url = srv.URL
	return d
}

// browser is one visitor with a cookie jar of their own.
type browser struct {
	*door
	http *http.Client
}

func (d *door) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	return &browser{d, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (b *browser) do(path string, form url.Values, header ...string) (*http.Response, string) {
	b.t.Helper()
	method, body := "GET", io.Reader(nil)
	if form != nil {
		method, body = "POST", strings.NewReader(form.Encode())
	}
	req, _ := http.NewRequest(method, b.url+path, body)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	page, _ := io.ReadAll(res.Body)
	return res, string(page)
}

func (b *browser) signIn(email, password, next string) *http.Response {
	b.t.Helper()
	res, _ := b.do("/anmelden/", url.Values{"email": {email}, "password": {password}, "weiter": {next}})
	return res
}

func (b *browser) want(status int, path string, form url.Values) string {
	b.t.Helper()
	res, page := b.do(path, form)
	if res.StatusCode != status {
		b.t.Fatalf("%s: %d, want %d\n%s", path, res.StatusCode, status, page)
	}
	return page
}

func (d *door) staff(name string, roles ...string) *core.Record {
	d.t.Helper()
	r, err := CreateStaff(d.p.App, name+"@kassel.test", name, "correct-horse-"+name, roles)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

func (d *door) sessions() (n int) {
	d.t.Helper()
	if err := d.p.App.DB().NewQuery(`SELECT COUNT(*) FROM sessions`).Row(&n); err != nil {
		d.t.Fatal(err)
	}
	return n
}

func TestSignInAndOut(t *testing.T) {
	d := newDoor(t)
	rena := d.staff("rena", base.Editor)
	b := d.browser()
	if res, _ := b.do("/redaktion/", nil); res.Header.Get("Location") != "/anmelden/?weiter=%2Fredaktion%2F" {
		t.Fatalf("guest: %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	if page := b.want(200, "/anmelden/?weiter=/redaktion/?a=b", nil); !strings.Contains(page, `value="/redaktion/?a=b"`) {
		t.Error(page)
	}
	res := b.signIn("Rena@Kassel.test ", "correct-horse-rena", "/redaktion/?a=b")
	if res.StatusCode != 303 || res.Header.Get("Location") != "/redaktion/?a=b" {
		t.Fatalf("sign in: %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	cookie := res.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Secure || len(cookie.Value) != 43 {
		t.Errorf("cookie %+v", cookie)
	}
	if got := b.want(200, "/redaktion/", nil); got != rena.Id {
		t.Errorf("signed in as %q", got)
	}
	b.want(200, "/api/v1/me", nil)
	if res, _ := b.do("/planung/", nil); res.StatusCode != 403 {
		t.Errorf("planner's page: %d", res.StatusCode)
	}
	// The token itself is stored nowhere.
	var n int
	if err := d.p.App.DB().NewQuery(`SELECT COUNT(*) FROM sessions WHERE hash = '` + cookie.Value + `'`).Row(&n); err != nil || n != 0 {
		t.Errorf("token in clear (%v)", err)
	}
	res, _ = b.do("/abmelden/", url.Values{})
	if res.StatusCode != 303 || !strings.Contains(res.Header.Get("Clear-Site-Data"), `"cookies"`) || d.sessions() != 0 {
		t.Errorf("sign out: %d %q, %d sessions", res.StatusCode, res.Header.Get("Clear-Site-Data"), d.sessions())
	}
	// The cookie is worth nothing after that, even when somebody kept it.
	if res, _ := d.browser().do("/redaktion/", nil, "Cookie", cookieName+"="+cookie.Value); res.StatusCode != 303 {
		t.Errorf("after signing out: %d", res.StatusCode)
	}
}

func TestSecureCookieWithHTTPS(t *testing.T) {
	d := newDoor(t)
	d.p.Origin = "https://service-point.test"
	d.staff("rena", base.Editor)
	if c := d.browser().signIn("rena@kassel.test", "correct-horse-rena", "").Cookies()[0]; !c.Secure {
		t.Errorf("%+v", c)
	}
}

func TestEveryWrongPairGetsTheSameAnswer(t *testing.T) {
	d := newDoor(t)
	d.staff("rena", base.Editor)
	off := d.staff("weg", base.Editor)
	off.Set("disabled", true)
	if err := d.p.App.Save(off); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"citizens", "_superusers"} {
		c, err := d.p.App.FindCollectionByNameOrId(name)
		if err != nil {
			t.Fatal(err)
		}
		r := core.NewRecord(c)
		r.SetEmail("jemand-" + strings.Trim(name, "_") + "@kassel.test")
		r.SetPassword("correct-horse-rena")
		r.SetVerified(true)
		if err := d.p.App.Save(r); err != nil {
			t.Fatal(err)
		}
	}
	// A demo account in a data directory that is no demo any more.
	if _, err := CreateStaff(d.p.App, "admin@"+demoDomain, "Demo", "demo-passwort-admin", []string{base.Admin}); err != nil {
		t.Fatal(err)
	}
	const said = "passen nicht zusammen"
	var first string
	for _, c := range []struct{ what, email, password string }{
		{"wrong password", "rena@kassel.test", "wrong-password"},
		{"no such account", "niemand@kassel.test", "correct-horse-rena"},
		{"disabled", "weg@kassel.test", "correct-horse-weg"},
		{"citizen", "jemand-citizens@kassel.test", "correct-horse-rena"},
		{"superuser", "jemand-superusers@kassel.test", "correct-horse-rena"},
		{"demo account", "admin@" + demoDomain, "demo-passwort-admin"},
		{"SQL", `' OR 1=1 --`, "correct-horse-rena"},
		{"very long", "rena@kassel.test", strings.Repeat("x", 5000)},
	} {
		t.Run(c.what, func(t *testing.T) {
			b := d.browser()
			res, page := b.do("/anmelden/", url.Values{"email": {c.email}, "password": {c.password}})
			if res.StatusCode != 422 || !strings.Contains(page, said) || strings.Contains(page, c.password) || len(res.Cookies()) > 0 {
				t.Fatalf("%d\n%s", res.StatusCode, page)
			}
			_, summary, _ := strings.Cut(page, `class="error-summary"`)
			summary, _, _ = strings.Cut(summary, "</div>")
			if first == "" {
				first = summary
			}
			if summary != first {
				t.Errorf("tells something else:\n%s\n%s", summary, first)
			}
		})
	}
	if d.sessions() != 0 {
		t.Error("a session began")
	}
}

func TestGuessingIsSlowAndLimited(t *testing.T) {
	d := newDoor(t)
	d.staff("rena", base.Editor)
	d.Delay = 40 * time.Millisecond
	started := time.Now()
	b := d.browser()
	for range perAccount {
		if res := b.signIn("rena@kassel.test", "guess", ""); res.StatusCode != 422 {
			t.Fatalf("%d", res.StatusCode)
		}
	}
	if took := time.Since(started); took < perAccount*d.Delay {
		t.Errorf("%d guesses in %v", perAccount, took)
	}
	d.Delay = 0
	// The account is shut for a while, to the right password too.
	if res := b.signIn("rena@kassel.test", "correct-horse-rena", ""); res.StatusCode != 429 || res.Header.Get("Retry-After") == "" {
		t.Errorf("after too many guesses: %d", res.StatusCode)
	}
	d.now = d.now.Add(window)
	if res := b.signIn("rena@kassel.test", "correct-horse-rena", ""); res.StatusCode != 303 {
		t.Errorf("after the wait: %d", res.StatusCode)
	}
	// One address that tries many accounts is limited as well.
	d.now = d.now.Add(window)
	last := 0
	for range perAddress + 1 {
		last = b.signIn(base.NewToken()+"@kassel.test", "guess", "").StatusCode
	}
	if last != 429 {
		t.Errorf("%d guesses from one address: %d", perAddress+1, last)
	}
}

func TestSessionsEnd(t *testing.T) {
	d := newDoor(t)
	rena := d.staff("rena", base.Editor)
	other := d.staff("arno", base.Editor)
	cases := []struct {
		what string
		do   func()
		want int
	}{
		{"at work", func() { d.now = d.now.Add(7 * time.Hour) }, 200},
		{"still at work", func() { d.now = d.now.Add(4*time.Hour + 50*time.Minute) }, 200},
		{"after a working day", func() { d.now = d.now.Add(10 * time.Minute) }, 303},
		{"idle", func() { d.now = d.now.Add(idle) }, 303},
		{"another account was changed", func() {
			if err := d.changeAndEnd(other.Id, func(r *core.Record) { r.Set("disabled", true) }); err != nil {
				t.Fatal(err)
			}
		}, 200},
		{"account deleted", func() {
			if err := d.p.App.Delete(rena); err != nil {
				t.Fatal(err)
			}
		}, 303},
	}
	b := d.browser()
	for i, c := range cases {
		if i == 0 || i > 2 {
			b = d.browser()
			if res := b.signIn("rena@kassel.test", "correct-horse-rena", ""); res.StatusCode != 303 {
				t.Fatalf("%s: sign in: %d", c.what, res.StatusCode)
			}
		}
		c.do()
		if res, _ := b.do("/redaktion/", nil); res.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", c.what, res.StatusCode, c.want)
		}
	}
	d.now = d.now.Add(absolute)
	if _, err := d.Sweep(t.Context()); err != nil || d.sessions() != 0 {
		t.Errorf("%d sessions after the sweep (%v)", d.sessions(), err)
	}
}

func TestSignInNeverKeepsAToken(t *testing.T) {
	d := newDoor(t)
	d.staff("rena", base.Editor)
	b := d.browser()
	first := b.signIn("rena@kassel.test", "correct-horse-rena", "").Cookies()[0].Value
	second := b.signIn("rena@kassel.test", "correct-horse-rena", "").Cookies()[0].Value
	if first == second || d.sessions() != 1 {
		t.Errorf("same token %v, %d sessions", first == second, d.sessions())
	}
	if res, _ := d.browser().do("/redaktion/", nil, "Cookie", cookieName+"="+first); res.StatusCode != 303 {
		t.Errorf("the former token opens: %d", res.StatusCode)
	}
}

func TestCookieOpensNoRawAPI(t *testing.T) {
	d := newDoor(t)
	rena := d.staff("rena", base.Editor)
	b := d.browser()
	b.signIn("rena@kassel.test", "correct-horse-rena", "")
	if res, body := b.do("/api/collections/staff/auth-refresh", url.Values{}); res.StatusCode != 401 {
		t.Errorf("a cookie became a token: %d %s", res.StatusCode, body)
	}
	if res, _ := b.do("/api/collections/staff/records/"+rena.Id, nil); res.StatusCode != 404 {
		t.Errorf("raw record by cookie: %d", res.StatusCode)
	}
	// A request with a token is left alone: the cookie beside it counts for nothing.
	if res, _ := b.do("/redaktion/", nil, "Authorization", "Bearer nonsense"); res.StatusCode != 303 {
		t.Errorf("cookie beside a bad token: %d", res.StatusCode)
	}
	// Forms of other sites are refused even with the cookie.
	if res, _ := b.do("/abmelden/", url.Values{}, "Sec-Fetch-Site", "cross-site"); res.StatusCode != 403 || d.sessions() != 1 {
		t.Errorf("cross-site sign out: %d", res.StatusCode)
	}
}

func TestFirstAreaAfterSignIn(t *testing.T) {
	d := newDoor(t)
	for role, want := range map[string]string{base.Editor: "/redaktion/", base.Publisher: "/redaktion/", base.Moderator: "/redaktion/",
		base.Admin: "/redaktion/", base.Counter: "/schalter/", base.Planner: "/planung/"} {
		d.staff(role, role)
		b := d.browser()
		if got := b.signIn(role+"@kassel.test", "correct-horse-"+role, "https://evil.test/").Header.Get("Location"); got != want {
			t.Errorf("%s goes to %s, want %s", role, got, want)
		}
		if got, _ := b.do("/anmelden/", nil); got.Header.Get("Location") != want {
			t.Errorf("%s, signed in already, goes to %s", role, got.Header.Get("Location"))
		}
	}
}

func TestOnlyLocalPathsAreFollowed(t *testing.T) {
	for s, want := range map[string]string{
		"/redaktion/": "/redaktion/", "/planung/?a=b&c=%2F": "/planung/?a=b&c=%2F", "": "", "//evil.test/": "", "/\\evil.test": "",
		"https://evil.test/": "", "javascript:alert(1)": "", "/a\r\nSet-Cookie: x": "", "/\t/evil.test": "", "redaktion/": "",
		"/anmelden/?weiter=/anmelden/": "", "/%2f/evil.test": "", "/" + strings.Repeat("a", 600): "",
	} {
		if got := localPath(s); got != want {
			t.Errorf("localPath(%q) = %q, want %q", s, got, want)
		}
	}
}

func FuzzLocalPathStaysHere(f *testing.F) {
	f.Add("/redaktion/")
	f.Add("//evil.test")
	f.Add("/\\evil")
	origin, _ := url.Parse("https://service-point.test/anmelden/")
	f.Fuzz(func(t *testing.T, s string) {
		got := localPath(s)
		if got == "" {
			return
		}
		u, err := origin.Parse(got)
		if err != nil || u.Host != origin.Host || u.Scheme != "https" || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\r\n\\") {
			t.Errorf("%q leads to %v (%v)", s, u, err)
		}
	})
}

func TestAccountsPage(t *testing.T) {
	d := newDoor(t)
	admin := d.staff("chefin", base.Admin)
	d.staff("rena", base.Editor)
	b := d.browser()
	b.signIn("chefin@kassel.test", "correct-horse-chefin", "")
	page := b.want(200, "/redaktion/konten/", nil)
	if !strings.Contains(page, "rena@kassel.test") {
		t.Error(page)
	}
	page = b.want(422, "/redaktion/konten/", url.Values{"name": {""}, "email": {"keine"}, "roles": {"god"}})
	for _, field := range []string{"name", "email", "roles"} {
		if !strings.Contains(page, `href="#f-`+field+`"`) {
			t.Errorf("no problem at %s", field)
		}
	}
	b.want(422, "/redaktion/konten/", url.Values{"name": {"X"}, "email": {"RENA@kassel.test"}, "roles": {"editor"}})

	// A new person signs in with the one-time password and must choose another.
	page = b.want(200, "/redaktion/konten/", url.Values{"name": {"Neu <b>"}, "email": {"neu@kassel.test"}, "roles": {"editor"}})
	once := regexp.MustCompile(`<code[^>]*>([0-9A-Z]+)</code>`).FindStringSubmatch(page)
	if once == nil || strings.Contains(page, "Neu <b>") {
		t.Fatal(page)
	}
	if strings.Contains(b.want(200, "/redaktion/konten/", nil), once[1]) {
		t.Error("the one-time password is shown twice")
	}
	neu := d.browser()
	if got := neu.signIn("neu@kassel.test", once[1], "/redaktion/").Header.Get("Location"); got != passwordPath {
		t.Fatalf("after a one-time password: %s", got)
	}
	if res, _ := neu.do("/redaktion/", nil); res.StatusCode != 303 {
		t.Errorf("open before the change: %d", res.StatusCode)
	}
	if res, _ := neu.do("/api/v1/me", nil); res.StatusCode != 401 {
		t.Errorf("API open before the change: %d", res.StatusCode)
	}
	neu.want(422, passwordPath, url.Values{"password": {once[1]}, "new_password": {"short"}})
	neu.want(422, passwordPath, url.Values{"password": {"wrong"}, "new_password": {"long-enough-now"}})
	neu.want(422, passwordPath, url.Values{"password": {once[1]}, "new_password": {once[1]}})
	neu.want(303, passwordPath, url.Values{"password": {once[1]}, "new_password": {"long-enough-now"}})
	neu.want(200, "/redaktion/", nil)

	// Other roles: the person is signed out, and the new roles count.
	staff, _ := d.p.App.FindAuthRecordByEmail("staff", "neu@kassel.test")
	token, err := staff.NewAuthToken()
	if err != nil {
		t.Fatal(err)
	}
	at := "/redaktion/konten/" + staff.Id + "/"
	b.want(200, at, nil)
	b.want(422, at, url.Values{"roles": {}})
	b.want(303, at, url.Values{"roles": {"planner"}, "provider": {"stadt-kassel"}})
	neu.want(303, "/planung/", nil)
	if res, _ := d.browser().do("/api/v1/me", nil, "Authorization", token); res.StatusCode != 401 {
		t.Errorf("a token from before the change: %d", res.StatusCode)
	}
	neu.signIn("neu@kassel.test", "long-enough-now", "")
	neu.want(200, "/planung/", nil)
	neu.want(403, "/redaktion/", nil)
	neu.want(403, "/redaktion/konten/", nil)
	neu.want(403, at, url.Values{"roles": {"admin"}})

	b.want(303, at, url.Values{"roles": {"planner"}, "disabled": {"ja"}})
	neu.want(303, "/planung/", nil)
	if res := neu.signIn("neu@kassel.test", "long-enough-now", ""); res.StatusCode != 422 {
		t.Errorf("disabled: %d", res.StatusCode)
	}
	page = b.want(200, at+"passwort/", url.Values{})
	if again := regexp.MustCompile(`<code[^>]*>([0-9A-Z]+)</code>`).FindStringSubmatch(page); again == nil || again[1] == once[1] {
		t.Error(page)
	}
	// Administrators cannot shut themselves out.
	own := "/redaktion/konten/" + admin.Id + "/"
	b.want(422, own, url.Values{"roles": {"editor"}})
	b.want(422, own, url.Values{"roles": {"admin"}, "disabled": {"ja"}})
	b.want(404, "/redaktion/konten/unknown/", nil)
}

func TestDisabledAccountsAreNobody(t *testing.T) {
	d := newDoor(t)
	rena := d.staff("rena", base.Editor)
	token, err := rena.NewAuthToken()
	if err != nil {
		t.Fatal(err)
	}
	get := func() int {
		res, _ := d.browser().do("/api/v1/me", nil, "Authorization", token)
		return res.StatusCode
	}
	if got := get(); got != 200 {
		t.Fatalf("with a token: %d", got)
	}
	// Even when only the flag is set and the token key stays.
	if err := d.execute(`UPDATE staff SET disabled = TRUE`); err != nil {
		t.Fatal(err)
	}
	if got := get(); got != 401 {
		t.Errorf("disabled, with a token: %d", got)
	}
}

func (d *door) execute(sql string) error {
	_, err := d.p.App.NonconcurrentDB().NewQuery(sql).Execute()
	return err
}

func TestDemoStaff(t *testing.T) {
	d := newDoor(t)
	if _, err := d.SeedDemo(context.Background()); err == nil {
		t.Error("demo accounts outside the demo")
	}
	d.p.Demo = true
	logins, err := d.SeedDemo(t.Context())
	if err != nil || len(logins) != 6 {
		t.Fatalf("%v %v", logins, err)
	}
	if again, err := d.SeedDemo(t.Context()); err != nil || len(again) != 6 {
		t.Errorf("a second time: %v", err)
	}
	for _, l := range logins {
		if res := d.browser().signIn(l.Email, l.Password, ""); res.StatusCode != 303 {
			t.Errorf("%s: %d", l.Email, res.StatusCode)
		}
	}
}

func TestCreateStaffSaysWhatIsWrong(t *testing.T) {
	d := newDoor(t)
	_, err := CreateStaff(d.p.App, "x", "", "short", []string{"king"})
	var problems content.Problems
	if !errors.As(err, &problems) || problems.Error() != "email: not_email; name: required; roles: unknown_option; password: too_short" {
		t.Errorf("%v", err)
	}
}
