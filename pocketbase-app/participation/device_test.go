package participation_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"servicepoint/content/report"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
)

var codePattern = regexp.MustCompile(`class="reference">([0-9A-Z]{5}-[0-9A-Z]{5})<`)

// admin posts to the pages of devices as an administrator.
func (w *world) admin(t *testing.T, method, path, form string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, w.srv.URL+path, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Test-Staff", basetest.NewStaff(t, w.Platform, base.Admin).Id)
	r, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// terminal registers a device and pairs a new browser with it.
func (w *world) terminal(t *testing.T, kind string) (*visitor, string) {
	t.Helper()
	status, html := w.admin(t, "POST", "/redaktion/geraete/", "name=Halle&place=Erdgeschoss&kind="+kind)
	code := codePattern.FindStringSubmatch(html)
	if status != 200 || code == nil {
		t.Fatalf("%d, no code in\n%s", status, html)
	}
	v := w.visitor(t)
	v.see(v.get("/geraet/"), 200)
	p := v.post("/geraet/", "code="+strings.ToLower(strings.Replace(code[1], "-", " ", 1)))
	v.led(p, "/geraet/")
	cookie := p.header.Get("Set-Cookie")
	for _, want := range []string{"geraet=", "HttpOnly", "SameSite=Lax"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("no %s in %q", want, cookie)
		}
	}
	other := w.visitor(t)
	other.see(other.post("/geraet/", "code="+code[1]), 422, "kennen wir nicht") // used up
	return v, cookie
}

func TestASharedDeviceTellsItsChannelAndForgetsPeople(t *testing.T) {
	w := newWorld(t)
	for _, kind := range []string{"terminal", "tablet"} {
		v, _ := w.terminal(t, kind)
		v.post(s+"/teilnehmen/", "")
		v.see(v.get(s+"/seite/1/"), 200, `data-idle="120"`, `<noscript><meta http-equiv="refresh" content="120;url=/umfragen/smart-kassel/verlassen/">`)
		v.post(s+"/seite/1/", "district=west")
		v.post(s+"/seite/2/", "")
		v.led(v.post(s+"/pruefen/", ""), s+"/danke/")
		v.see(v.get(s+"/danke/"), 200, "data-idle=")
		p := v.get(s + "/verlassen/") // as the refresh of the page does
		v.led(p, s+"/teilnehmen/")
		if p.header.Get("Clear-Site-Data") == "" {
			t.Error("the browser keeps what it has in store")
		}
		v.see(v.get(s+"/danke/"), 410)
		v.see(v.get("/geraet/"), 200, "verbunden") // the device itself stays paired

		v.post(s+"/teilnehmen/", "")
		v.post(s+"/seite/1/", "district=mitte&content=3")
		v.led(v.post("/en"+s+"/verlassen/", ""), s+"/teilnehmen/")
		v.see(v.get(s+"/seite/1/"), 410)
		if p := v.post(s+"/seite/1/", "district=mitte&s-aktion=merken"); p.status != 410 || p.header.Get("Set-Cookie") != "" {
			t.Errorf("autosave after the wipe: %d, cookie %q", p.status, p.header.Get("Set-Cookie"))
		}
	}
	if n := w.count(t, "survey_drafts"); n != 0 {
		t.Errorf("%d drafts are left", n)
	}
	if rows := w.rows(t); len(rows) != 2 || rows[0].Channel == rows[1].Channel || rows[0].Channel == "web" || rows[1].Channel == "web" {
		t.Errorf("rows %+v", rows)
	}
	used := func(want string) {
		t.Helper()
		got := basetest.Report(t, w.Platform, report.Period{From: "2026-01-01", To: "2026-12-31"}, w.matter.VisitsReport)["terminals-je-monat"]
		if len(got) != 1 || !strings.HasSuffix(got[0], want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	used("|2|1|50,0") // the answer that was sent is not given up, and tablets do not count

	// On somebody's own device nothing of it happens: a link does not wipe.
	own := w.visitor(t)
	own.post(s+"/teilnehmen/", "")
	if p := own.get(s + "/seite/1/"); strings.Contains(p.html, "data-idle") || strings.Contains(p.html, "refresh") {
		t.Error("an own device has a time limit")
	}
	own.led(own.get(s+"/verlassen/"), s+"/teilnehmen/")
	own.see(own.get(s+"/seite/1/"), 200)
	// What was saved with a link outlives the wipe.
	link := own.saved(s)
	own.led(own.post(s+"/verlassen/", ""), s+"/teilnehmen/")
	own.see(own.get(s+"/seite/1/"), 410)
	own.led(own.post(link, ""), s+"/seite/1/")
	used("|2|1|50,0")
}

func TestCodesOfDevicesAreShortLivedAndGuessingIsSlow(t *testing.T) {
	w := newWorld(t)
	v, _ := w.terminal(t, "terminal")
	status, html := w.admin(t, "GET", "/redaktion/geraete/", "")
	id := regexp.MustCompile(`/redaktion/geraete/([a-z0-9]{15})/sperren/`).FindStringSubmatch(html)
	if status != 200 || id == nil || !strings.Contains(html, "verbunden") {
		t.Fatalf("%d\n%s", status, html)
	}
	_, html = w.admin(t, "POST", "/redaktion/geraete/"+id[1]+"/code/", "")
	code := codePattern.FindStringSubmatch(html)
	w.Now = func() time.Time { return basetest.Start.Add(16 * time.Minute) }
	v.see(v.post("/geraet/", "code="+code[1]), 422)
	if status, _ := w.admin(t, "POST", "/redaktion/geraete/"+id[1]+"/sperren/", ""); status != http.StatusSeeOther {
		t.Errorf("disabling: %d", status)
	}
	v.post(s+"/teilnehmen/", "")
	if p := v.get(s + "/seite/1/"); strings.Contains(p.html, "data-idle") {
		t.Error("a disabled device is still a terminal")
	}
	if status, _ := w.admin(t, "POST", "/redaktion/geraete/"+id[1]+"/code/", ""); status != 404 {
		t.Errorf("a disabled device gets a code: %d", status)
	}
	for range 20 {
		if p := v.post("/geraet/", "code=0000000000"); p.status == 429 {
			return
		}
	}
	t.Error("codes may be guessed for ever")
}

func TestBadDevicesAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, form := range []string{"", "name=&kind=terminal", "name=A&kind=dokbox", "name=A", "name=" + strings.Repeat("x", 121) + "&kind=tablet"} {
		if status, html := w.admin(t, "POST", "/redaktion/geraete/", form); status != 422 {
			t.Errorf("%q: %d %s", form, status, html)
		}
	}
	if n := w.count(t, "devices"); n != 0 {
		t.Errorf("%d devices", n)
	}
}
