package providers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/providers"

	"github.com/pocketbase/dbx"
)

const secret = "t0ken-that-nobody-may-read"

// office is a matter with one provider, and an admin's browser.
type office struct {
	t      *testing.T
	p      *base.Platform
	s      *providers.Providers
	client *http.Client
	url    string
	answer func(ctx context.Context) (string, error)
}

func open(t *testing.T, demo bool) *office {
	o := &office{t: t, p: basetest.New(t, providers.Words), answer: func(context.Context) (string, error) { return "Kassel Marketing: 3", nil }}
	o.p.Demo = demo
	o.s = o.again()
	srv, client := basetest.Serve(t, o.p, basetest.SignedIn(t, o.p, base.Admin), o.s.Bind)
	o.client, o.url = client, srv.URL
	return o
}

// again is the matter after a restart.
func (o *office) again() *providers.Providers {
	s, err := providers.New(o.p,
		providers.Kind{Name: "octo", Secrets: []string{"token"}, Simulation: "http://octo.simulation.invalid", Test: func(ctx context.Context) (string, error) { return o.answer(ctx) }},
		providers.Kind{Name: "sms", Fields: []string{"from"}, Secrets: []string{"token", "password"}})
	if err != nil {
		o.t.Fatal(err)
	}
	return s
}

func (o *office) ask(method, path string, form url.Values) (int, string, string) {
	o.t.Helper()
	req, _ := http.NewRequest(method, o.url+path, strings.NewReader(form.Encode()))
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := o.client.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, res.Header.Get("Location"), string(b)
}

func real() url.Values {
	return url.Values{"rev": {"0"}, "mode": {"real"}, "address": {"https://partner.example/octo/"}, "secret_token": {secret}, "per_minute": {"30"}, "pause": {"120"}}
}

func TestSettingsHoldAtOnceAndAfterARestart(t *testing.T) {
	o := open(t, false)
	if _, err := o.s.Settings("octo"); !errors.Is(err, providers.ErrOff) {
		t.Errorf("before anybody set it up: %v", err)
	}
	var later hooks.RetryAfter
	if !errors.As(providers.ErrOff, &later) {
		t.Error("orders of a provider that is off do not wait")
	}
	if status, to, body := o.ask("POST", "/redaktion/anbieter/octo/", real()); status != 303 || to != "/redaktion/anbieter/octo/?getan=gespeichert" {
		t.Fatalf("%d %s %s", status, to, body)
	}
	select {
	case <-o.p.OrdersWaiting():
	default:
		t.Error("the dispatcher was not woken")
	}
	for what, s := range map[string]*providers.Providers{"at once": o.s, "after a restart": o.again()} {
		set, err := s.Settings("octo")
		if err != nil || set.Address != "https://partner.example/octo" || set.Secrets["token"] != secret || set.Mode != providers.Real {
			t.Errorf("%s: %+v %v", what, set, err)
		}
		if l := s.Limit("octo"); l != (hooks.Limit{PerMinute: 30, Pause: 2 * time.Minute}) {
			t.Errorf("%s: %+v", what, l)
		}
	}
	// An empty secret keeps the old one, a tick deletes it.
	form := real()
	form.Set("rev", "1")
	form.Set("secret_token", "")
	form.Set("per_minute", "")
	o.ask("POST", "/redaktion/anbieter/octo/", form)
	if set, _ := o.s.Settings("octo"); set.Secrets["token"] != secret || set.Limit.PerMinute != 0 {
		t.Errorf("%+v", set)
	}
	form.Set("rev", "2")
	form.Set("forget_token", "ja")
	o.ask("POST", "/redaktion/anbieter/octo/", form)
	if set, _ := o.s.Settings("octo"); set.Secrets["token"] != "" {
		t.Error("the secret was not deleted")
	}
}

// Credentials are in no page and, readable, in no file but the key opens them. The
// control finds the address, which is no secret.
func TestCredentialsAreSealed(t *testing.T) {
	o := open(t, false)
	o.ask("POST", "/redaktion/anbieter/octo/", real())
	if _, err := o.p.App.DB().NewQuery("PRAGMA wal_checkpoint(TRUNCATE)").Execute(); err != nil {
		t.Fatal(err)
	}
	address := false
	for _, name := range []string{"data.db", "data.db-wal", "auxiliary.db", "auxiliary.db-wal"} {
		b, err := os.ReadFile(filepath.Join(o.p.App.DataDir(), name))
		if err != nil {
			continue
		}
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("%s holds the credentials", name)
		}
		address = address || bytes.Contains(b, []byte("partner.example"))
	}
	if !address {
		t.Error("the control proves nothing")
	}
	for _, path := range []string{"/redaktion/anbieter/", "/redaktion/anbieter/octo/"} {
		status, _, body := o.ask("GET", path, nil)
		if status != 200 || strings.Contains(body, secret) || !strings.Contains(body, "https://partner.example/octo") {
			t.Errorf("%s: %d", path, status)
		}
	}
	wrong := real()
	wrong.Set("rev", "1")
	wrong.Set("address", "ftp://partner.example")
	if status, _, body := o.ask("POST", "/redaktion/anbieter/octo/", wrong); status != 422 || strings.Contains(body, secret) || !strings.Contains(body, "ftp://partner.example") {
		t.Errorf("%d", status)
	}
	// With another key they open no more; the page says so, orders wait for staff.
	if err := os.WriteFile(filepath.Join(o.p.App.DataDir(), "secret.key"), bytes.Repeat([]byte{7}, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := base.NewPlatform(o.p.App, o.p.Words)
	if err != nil {
		t.Fatal(err)
	}
	o.p = p
	if _, err := o.again().Settings("octo"); !errors.Is(err, hooks.ErrCredentials) || strings.Contains(err.Error(), secret) {
		t.Errorf("with another key: %v", err)
	}
}

func TestWhatIsWrongIsSaidAtItsField(t *testing.T) {
	o := open(t, false)
	for field, values := range map[string][]string{
		"mode":       {"", "simulation", "on"},
		"address":    {"", "partner.example", "http://partner.example", "https://u:p@partner.example", "https://partner.example/?a=b", "https://par tner", "javascript:alert(1)", "http://10.0.0.1/"},
		"per_minute": {"0", "-3", "viele", "6001", "99999999999999999999"},
		"parallel":   {"33"}, "failures": {"101"}, "pause": {"86401"},
		"secret_token": {"a\nb", strings.Repeat("x", 2001)},
	} {
		for _, value := range values {
			form := real()
			form.Set(field, value)
			status, _, body := o.ask("POST", "/redaktion/anbieter/octo/", form)
			if status != 422 || !strings.Contains(body, `href="#f-`+field+`"`) || strings.Contains(body, "problem.") {
				t.Errorf("%s=%q: %d", field, value, status)
			}
		}
	}
	form := real()
	form.Set("address", "http://127.0.0.1:9100")
	if status, _, body := o.ask("POST", "/redaktion/anbieter/octo/", form); status != 303 {
		t.Errorf("this machine: %d %s", status, body)
	}
	if status, _, _ := o.ask("POST", "/redaktion/anbieter/sms/", url.Values{"rev": {"0"}, "mode": {"simulated"}}); status != 422 {
		t.Errorf("a simulation that does not exist: %d", status)
	}
	for _, path := range []string{"/redaktion/anbieter/post/", "/redaktion/anbieter/post/pruefen/"} {
		if status, _, _ := o.ask("POST", path, real()); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestTwoAdminsDoNotOverwriteEachOther(t *testing.T) {
	o := open(t, false)
	o.ask("POST", "/redaktion/anbieter/octo/", real())
	late := real()
	late.Set("address", "https://other.example")
	status, _, body := o.ask("POST", "/redaktion/anbieter/octo/", late)
	if status != 409 || !strings.Contains(body, "https://other.example") || strings.Contains(body, secret) {
		t.Errorf("%d", status)
	}
	if set, _ := o.s.Settings("octo"); set.Address != "https://partner.example/octo" {
		t.Errorf("overwritten: %s", set.Address)
	}
	if !strings.Contains(body, `name="rev" value="1"`) {
		t.Error("sending again would fail again")
	}
}

func TestTheTestButtonSaysWhatIsWrong(t *testing.T) {
	o := open(t, true)
	for outcome, c := range map[string]error{
		"Verbunden.": nil, "Zugangsdaten abgelehnt.": hooks.ErrCredentials, "Keine Antwort in der Zeit.": context.DeadlineExceeded,
		"Nicht erreichbar.": &net.OpError{Op: "dial", Err: errors.New(secret)}, "Anfrage abgelehnt.": hooks.RetryAfter{After: time.Hour},
		"Antwort nicht verstanden.": errors.New("no JSON: " + secret),
	} {
		o.answer = func(context.Context) (string, error) { return "Kassel\nMarketing <b>", c }
		if status, to, _ := o.ask("POST", "/redaktion/anbieter/octo/pruefen/", url.Values{}); status != 303 || to != "/redaktion/anbieter/octo/#pruefung" {
			t.Errorf("%s: %d %s", outcome, status, to)
		}
		_, _, body := o.ask("GET", "/redaktion/anbieter/octo/", nil)
		if !strings.Contains(body, "<strong>"+outcome+"</strong>") || strings.Contains(body, secret) || !strings.Contains(body, "Kassel Marketing &lt;b&gt;") {
			t.Errorf("%s: %s", outcome, body)
		}
	}
	o.ask("POST", "/redaktion/anbieter/octo/", url.Values{"rev": {"0"}, "mode": {"off"}})
	o.answer = func(context.Context) (string, error) { t.Error("asked although it is off"); return "", nil }
	o.ask("POST", "/redaktion/anbieter/octo/pruefen/", url.Values{})
	if _, _, body := o.ask("GET", "/redaktion/anbieter/", nil); !strings.Contains(body, "Ausgeschaltet.") {
		t.Error(body)
	}
}

func TestTheDemoPlaysWithSimulators(t *testing.T) {
	o := open(t, true)
	if set, err := o.s.Settings("octo"); err != nil || set.Mode != providers.Simulated || set.Address != "http://octo.simulation.invalid" || set.Secrets != nil {
		t.Errorf("%+v %v", set, err)
	}
	if o.s.Mode("sms") != providers.Off || o.s.Mode("post") != "" {
		t.Error("what cannot be simulated is not off")
	}
}

func TestChangesAreLoggedWithoutValuesAndForgotten(t *testing.T) {
	o := open(t, false)
	o.ask("POST", "/redaktion/anbieter/octo/", real())
	var what, staff string
	if err := o.p.App.DB().NewQuery(`SELECT what, staff FROM provider_changes`).Row(&what, &staff); err != nil || what != "mode,address,token,per_minute,pause" || staff == "" {
		t.Errorf("%q %q %v", what, staff, err)
	}
	notes := o.s.Notes("zms")
	ctx := t.Context()
	if _, err := notes.Recall(ctx, "k"); !errors.Is(err, hooks.ErrNotFound) {
		t.Errorf("%v", err)
	}
	for _, note := range []string{"first", secret} {
		if err := notes.Keep(ctx, "k", []byte(note)); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := o.again().Notes("zms").Recall(ctx, "k"); err != nil || string(b) != secret {
		t.Errorf("%q %v", b, err)
	}
	if _, err := o.s.Notes("octo").Recall(ctx, "k"); !errors.Is(err, hooks.ErrNotFound) {
		t.Errorf("another provider's note: %v", err)
	}
	left := func() string {
		var n, c int
		if err := o.p.App.DB().NewQuery(`SELECT (SELECT count(*) FROM provider_notes), (SELECT count(*) FROM provider_changes)`).Bind(dbx.Params{}).Row(&n, &c); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(n, c)
	}
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{39 * 24 * time.Hour, "1 1"}, {41 * 24 * time.Hour, "0 1"}, {731 * 24 * time.Hour, "0 0"}} {
		o.p.Now = func() time.Time { return basetest.Start.Add(step.after) }
		if err := o.s.Sweep(ctx); err != nil || left() != step.want {
			t.Errorf("after %s: %s %v", step.after, left(), err)
		}
	}
}

func TestOnlyAdmins(t *testing.T) {
	for _, role := range base.Roles {
		p := basetest.New(t, providers.Words)
		s, err := providers.New(p, providers.Kind{Name: "octo"})
		if err != nil {
			t.Fatal(err)
		}
		srv, client := basetest.Serve(t, p, basetest.SignedIn(t, p, role), s.Bind)
		res, err := client.Get(srv.URL + "/redaktion/anbieter/octo/")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if want := map[bool]int{true: 200, false: 403}[role == base.Admin]; res.StatusCode != want {
			t.Errorf("%s: %d", role, res.StatusCode)
		}
	}
}
