package planning

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
)

// clear gives staff a clearance for a survey that lasts six months.
func (h *house) clear(staff, slug string, personal, freeText bool) {
	h.t.Helper()
	err := h.grant(h.t.Context(), clearance{
		Staff: staff, Survey: slug, Personal: personal, FreeText: freeText, Purpose: "Auswertung für den Beirat", GrantedBy: "an-admin",
		Until: h.p.Now().In(content.Berlin).AddDate(0, 6, 0).Format(time.DateOnly),
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// planner signs a planner in who is cleared for smart-kassel without personal
// answers or free texts.
func (h *house) planner() browser {
	h.t.Helper()
	b := h.browser(base.Planner)
	h.clear(b.staff, "smart-kassel", false, false)
	return b
}

const exportsAt = "/planung/exporte/umfragen/smart-kassel/"

// wish is a form that is in order.
func wish(more ...string) url.Values {
	form := url.Values{"format": {"xlsx"}, "grund": {"Vorlage für den Ausschuss"}, "every": {""}}
	for i := 0; i+1 < len(more); i += 2 {
		form[more[i]] = nil
		if more[i+1] != "" {
			form[more[i]] = strings.Split(more[i+1], " ")
		}
	}
	return form
}

func (h *house) order(b browser) order {
	return order{survey: "smart-kassel", staff: b.staff, reason: "Vorlage für den Ausschuss", profile: Profile{Formats: []string{"xlsx"}}}
}

func (h *house) made(b browser) string {
	h.t.Helper()
	id, err := h.begin(h.t.Context(), h.order(b))
	if err == nil {
		err = h.build(h.t.Context(), id)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

func TestAPackageIsMadeAndFetchedAndNoted(t *testing.T) {
	h := newHouse(t)
	var got Package
	write := h.write
	h.write = func(ctx context.Context, pkg Package, path string, progress func(done, total int)) (int, error) {
		got = pkg
		return write(ctx, pkg, path, progress)
	}
	h.run()
	b := h.planner()
	res, body := b.do("POST", exportsAt+"starten/", wish("format", "xlsx csv", "von", "2026-12-01", "weg", "web terminal"))
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != exportsAt+"#exporte" {
		t.Fatalf("start: %d %s\n%s", res.StatusCode, res.Header.Get("Location"), body)
	}
	f := h.waitFor("ready")
	if f.Rows != 3 || f.Bytes != 23 || len(f.SHA256) != 64 || f.Author != "Test" || f.Name != "smart-kassel_2026-12-02_1200.zip" {
		t.Errorf("file %+v", f)
	}
	if p := got.Profile; fmt.Sprint(p) != "{[xlsx csv] 2026-12-01  [web terminal] [] false false}" || got.Survey != "smart-kassel" {
		t.Errorf("asked for %+v", got)
	}
	if want := "Test, Vorlage für den Ausschuss, Freigabe bis 02.06.2027 (Export " + f.ID[:8] + ")"; got.Purpose != want {
		t.Errorf("the package says %q, want %q", got.Purpose, want)
	}
	if res, _ := b.do("HEAD", "/planung/exporte/"+f.ID+"/"); res.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %d", res.StatusCode)
	}
	res, body = b.do("GET", "/planung/exporte/"+f.ID+"/")
	if body != "package of smart-kassel" || res.Header.Get("Content-Disposition") != `attachment; filename=smart-kassel_2026-12-02_1200.zip` ||
		res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Content-Type") != "application/zip" {
		t.Errorf("fetched %q %v", body, res.Header)
	}
	_, body = b.do("GET", exportsAt)
	wants(t, body, "<summary>1</summary><ul><li>Test, 02.12.2026, 12:00 Uhr</li></ul>", f.Name, "1 kB", "01.01.2027", "Vorlage für den Ausschuss", "xlsx, csv", "ab 01.12.2026, Internet, Terminal")
	_, body = b.do("GET", "/planung/")
	wants(t, body, f.Name, "Smart Kassel &lt;2026&gt;")
	_, body = h.browser(base.Admin).do("GET", "/planung/freigaben/")
	wants(t, body, "Vorlage für den Ausschuss", "<summary>1</summary><ul><li>Test, 02.12.2026, 12:00 Uhr</li></ul>")
}

// A package goes to nobody but the person it was made for.
func TestAPackageIsForOnePerson(t *testing.T) {
	h := newHouse(t)
	b := h.planner()
	path := "/planung/exporte/" + h.made(b) + "/"
	another := h.planner()
	for _, c := range []struct {
		who    string
		b      browser
		status int
	}{
		{"its owner", b, 200}, {"another planner who is cleared as well", another, 403}, {"a planner who is not", h.browser(base.Planner), 403},
		{"an administrator", h.browser(base.Admin), 403}, {"an editor", h.browser(base.Editor), 403}, {"nobody", h.browser(), 303},
	} {
		if res, body := c.b.do("GET", path); res.StatusCode != c.status || (c.status == 200) != strings.Contains(body, "package of") {
			t.Errorf("%s: %d", c.who, res.StatusCode)
		}
	}
	_, body := another.do("GET", exportsAt)
	wants(t, body, "smart-kassel_2026-12-02_1200.zip") // who had what is no secret among the cleared
	if strings.Contains(body, `href="`+path) {
		t.Error("another's package is offered")
	}
	var noted int
	if err := h.p.App.DB().NewQuery(`SELECT count(*) FROM export_downloads`).Row(&noted); err != nil || noted != 1 {
		t.Errorf("%d noted, %v", noted, err)
	}
}

func TestOnePackageAtATimeWithProgressAndCancel(t *testing.T) {
	h := newHouse(t)
	begun := make(chan struct{})
	h.write = func(ctx context.Context, pkg Package, path string, progress func(done, total int)) (int, error) {
		progress(500, 1234)
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			return 0, err
		}
		close(begun)
		<-ctx.Done()
		return 0, ctx.Err()
	}
	h.run()
	b := h.planner()
	b.do("POST", exportsAt+"starten/", wish())
	<-begun
	another := h.planner()
	res, body := another.do("POST", exportsAt+"starten/", wish())
	if res.StatusCode != http.StatusConflict {
		t.Errorf("second package: %d", res.StatusCode)
	}
	wants(t, body, "Es läuft schon ein Export")
	_, body = b.do("GET", exportsAt)
	wants(t, body, `value="500" max="1234"`, "500 von 1.234 Antworten", "Aktualisieren", "Abbrechen", "wird erstellt")
	f := h.only()
	if res, _ := b.do("GET", "/planung/exporte/"+f.ID+"/"); res.StatusCode != http.StatusNotFound {
		t.Errorf("half a package was given out: %d", res.StatusCode)
	}
	if res, _ := another.do("POST", "/planung/exporte/"+f.ID+"/abbrechen/"); res.StatusCode != http.StatusForbidden {
		t.Errorf("another cancels: %d", res.StatusCode)
	}
	if res, _ := b.do("POST", "/planung/exporte/"+f.ID+"/abbrechen/"); res.StatusCode != http.StatusSeeOther {
		t.Errorf("cancel: %d", res.StatusCode)
	}
	h.waitFor("cancelled")
	h.writing.Lock() // until the writer has given up
	defer h.writing.Unlock()
	if got := h.inFolder(); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
	if f := h.only(); f.State != "cancelled" || f.Error != "" {
		t.Errorf("file %+v", f)
	}
	if res, _ := b.do("POST", "/planung/exporte/"+f.ID+"/abbrechen/"); res.StatusCode != http.StatusSeeOther {
		t.Errorf("cancelling twice: %d", res.StatusCode)
	}
	if res, _ := b.do("POST", "/planung/exporte/unbekannt/abbrechen/"); res.StatusCode != http.StatusNotFound {
		t.Errorf("cancelling nothing: %d", res.StatusCode)
	}
}

type tooBig struct{}

func (tooBig) Error() string  { return "too big" }
func (tooBig) Reason() string { return "Die Umfrage hat zu viele Antworten." }

func TestAFailedPackageSaysWhy(t *testing.T) {
	for _, c := range []struct {
		what string
		err  error
		want string
	}{
		{"a refusal with its own words", fmt.Errorf("wrapped: %w", tooBig{}), "Die Umfrage hat zu viele Antworten."},
		{"disk full", &os.PathError{Op: "write", Err: errNoSpace}, "kein Platz mehr"},
		{"anything else", errors.New("secret detail"), "Er steht im Protokoll"},
		{"a panic", nil, "Er steht im Protokoll"},
	} {
		t.Run(c.what, func(t *testing.T) {
			h := newHouse(t)
			h.write = func(ctx context.Context, pkg Package, path string, progress func(done, total int)) (int, error) {
				if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
					return 0, err
				}
				if c.err == nil {
					panic("boom")
				}
				return 0, c.err
			}
			h.run()
			b := h.planner()
			b.do("POST", exportsAt+"starten/", wish())
			h.waitFor("failed")
			_, body := b.do("GET", exportsAt)
			wants(t, body, "gescheitert", c.want)
			if strings.Contains(body, "secret detail") || len(h.inFolder()) != 0 {
				t.Errorf("left behind %v, page\n%s", h.inFolder(), body)
			}
		})
	}
}

func TestARestartClearsWhatWasInTheMaking(t *testing.T) {
	h := newHouse(t)
	b := h.planner()
	ready := h.made(b)
	if _, err := h.begin(t.Context(), h.order(b)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"half.zip", ".half.zip.part/smart-kassel.csv"} {
		path := filepath.Join(h.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("answers"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.later(time.Minute)
	again := h.server(h.p)
	if err := again.clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.inFolder(); fmt.Sprint(got) != "["+ready+".zip]" {
		t.Errorf("folder %v, want only the ready file", got)
	}
	files, err := again.files(t.Context(), "smart-kassel", 10)
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	states := map[string]string{}
	for _, f := range files {
		states[f.State] = f.Error
	}
	if why, failed := states["failed"]; !failed || !strings.Contains(why, "neu gestartet") {
		t.Errorf("states %v", states)
	}
	if _, err := again.begin(t.Context(), h.order(b)); err != nil {
		t.Errorf("the place is still taken: %v", err)
	}
}

func TestStoppingTheServerLeavesNoHalfFile(t *testing.T) {
	h := newHouse(t)
	b := h.planner()
	begun := make(chan struct{})
	h.write = func(ctx context.Context, pkg Package, path string, progress func(done, total int)) (int, error) {
		close(begun)
		<-ctx.Done()
		return 0, ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	if _, err := h.begin(t.Context(), h.order(b)); err != nil {
		t.Fatal(err)
	}
	go func() { done <- h.Run(ctx) }()
	<-begun
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if f := h.only(); f.State != "failed" || !strings.Contains(f.Error, "neu gestartet") || len(h.inFolder()) != 0 {
		t.Errorf("file %+v, folder %v", f, h.inFolder())
	}
}

func TestWhatAPackageIsAskedForIsChecked(t *testing.T) {
	h := newHouse(t)
	b := h.planner()
	for _, c := range []struct {
		what  string
		form  url.Values
		field string
		says  string
	}{
		{"no format", wish("format", ""), "format", "mindestens ein Format"},
		{"an unknown format", wish("format", "stone"), "format", "gibt es nicht"},
		{"no reason", wish("grund", ""), "grund", "füllen Sie dieses Feld aus"},
		{"a short reason", wish("grund", "nur+so"), "grund", "etwas genauer"},
		{"a long reason", url.Values{"format": {"csv"}, "grund": {strings.Repeat("x", 501)}}, "grund", "höchstens 500"},
		{"no day", wish("von", "gestern"), "von", "Datum"},
		{"an end before the beginning", wish("von", "2026-12-02", "bis", "2026-12-01"), "bis", "vor dem Beginn"},
		{"an unknown channel", wish("weg", "brieftaube"), "weg", "gibt es nicht"},
		{"an unknown language", wish("sprache", "xx"), "sprache", "gibt es nicht"},
		{"personal answers without clearance", wish("person", "ja"), "person", "gilt dafür nicht"},
		{"free texts without clearance", wish("freitexte", "ja"), "freitexte", "gilt dafür nicht"},
	} {
		for _, to := range []string{"starten/", "profile/"} {
			form := url.Values{"name": {"Mein Profil"}}
			for k, v := range c.form {
				form[k] = v
			}
			res, body := b.do("POST", exportsAt+to, form)
			if res.StatusCode != http.StatusUnprocessableEntity {
				t.Errorf("%s, %s: %d", c.what, to, res.StatusCode)
			}
			wants(t, body, `<a href="#f-`+c.field+`">`, c.says, `class="error-summary"`)
			if c.field == "von" {
				wants(t, body, `value="gestern"`) // nothing is lost
			}
		}
	}
	if files, err := h.files(t.Context(), "", 10); err != nil || len(files) != 0 {
		t.Errorf("%v %v", files, err)
	}
}

func TestPackagesGoAfterThirtyDaysAndTheLogAfterAYear(t *testing.T) {
	h := newHouse(t)
	b := h.planner()
	f, err := h.file(t.Context(), h.made(b))
	if err != nil {
		t.Fatal(err)
	}
	b.do("GET", "/planung/exporte/"+f.ID+"/")
	h.later(fileLife - time.Second)
	if _, err := h.Sweep(t.Context()); err != nil || h.only().State != "ready" {
		t.Errorf("gone too early: %v", err)
	}
	h.later(time.Second)
	if res, _ := b.do("GET", "/planung/exporte/"+f.ID+"/"); res.StatusCode != http.StatusNotFound {
		t.Errorf("expired package given out: %d", res.StatusCode)
	}
	if note, err := h.Sweep(t.Context()); err != nil || note != "1 abgelaufene Pakete gelöscht" {
		t.Fatal(note, err)
	}
	if h.only().State != "expired" || len(h.inFolder()) != 0 {
		t.Errorf("file %+v, folder %v", h.only(), h.inFolder())
	}
	_, body := b.do("GET", exportsAt)
	wants(t, body, "abgelaufen", "<summary>1</summary>")
	h.later(logLife)
	if _, err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := h.count(`SELECT (SELECT COUNT(*) FROM export_files) + (SELECT COUNT(*) FROM export_downloads)`); n != 0 {
		t.Errorf("%d rows left", n)
	}
	if n := h.count(`SELECT COUNT(*) FROM export_clearances`); n != 1 {
		t.Error("a clearance went less than a year after its end")
	}
	h.later(logLife)
	if _, err := h.Sweep(t.Context()); err != nil || h.count(`SELECT COUNT(*) FROM export_clearances`) != 0 {
		t.Errorf("a clearance is kept for ever: %v", err)
	}
}

func (h *house) count(query string) (n int) {
	h.t.Helper()
	if err := h.p.App.DB().NewQuery(query).Row(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

func TestAMissingFileIsNotFoundAndNotNoted(t *testing.T) {
	h := newHouse(t)
	b := h.planner()
	id := h.made(b)
	if err := os.Remove(h.path(id)); err != nil {
		t.Fatal(err)
	}
	res, body := b.do("GET", "/planung/exporte/"+id+"/")
	var noted int
	if err := h.p.App.DB().NewQuery(`SELECT COUNT(*) FROM export_downloads WHERE file = {:f}`).Bind(dbx.Params{"f": id}).Row(&noted); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusNotFound || noted != 0 || res.Header.Get("Content-Disposition") != "" {
		t.Errorf("%d, %d noted, %v", res.StatusCode, noted, res.Header)
	}
	wants(t, body, "Datei nicht mehr da")
}
