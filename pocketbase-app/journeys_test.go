package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// publicPages are one of every type of page that citizens see; "" begins each language.
var publicPages = []string{
	"/", "/themen/", "/themen/mobilitaet/", "/leistungen/", "/leistungen/fuehrungszeugnis/", "/leistungen/stadtfuehrung/",
	"/veranstaltungen/", "/veranstaltungen/archiv/", "/veranstaltungen/balkonsolar/", "/veranstaltungen/smart-kassel-night-2021/",
	"/umfragen/", "/umfragen/smart-kassel/", "/umfragen/smart-kassel/teilnehmen/", "/umfragen/mobil-in-kassel/", "/service-point/", "/partner/", "/partner/kvg/",
	"/ideen/", "/ideen/smart-kassel/", "/ideen/smart-kassel/nach-stimmen/", "/ideen/smart-kassel/1-beispiel-freie-plaetze-in-parkhaeusern-auf-einen-blick/",
	"/ideen/smart-kassel/einreichen/", "/ideen/smart-kassel/1/unterstuetzen/", "/meine-idee/",
	"/barrierefreiheit/", "/impressum/", "/datenschutz/", "/gibt-es-nicht/",
	"/veranstaltungen/balkonsolar/buchen/", "/leistungen/fuehrungszeugnis/anfrage/", "/anliegen/", "/buchungen/", "/barriere-melden/",
	"/termine/", "/termine/zeiten/?leistung=energie", "/termine/mein/",
}

// TestBrowserPages opens every type of public page: axe finds nothing in light,
// dark and at 320 px, nothing sticks out, the console stays empty, no other host
// is asked. The other languages have the same pages; they are looked at once, narrow.
func TestBrowserPages(t *testing.T) {
	b := browser(t)
	s := running(t)
	for lang, seen := range map[string][]look{"": looks, "/en": looks[2:], "/ls": looks[2:]} {
		t.Run("language"+lang, func(t *testing.T) {
			ctx, notes := tab(t, b, s.URL)
			for _, path := range publicPages {
				must(t, ctx, chromedp.Navigate(s.URL+lang+path))
				checkPage(t, ctx, lang+path, seen...)
				if got := eval[string](t, ctx, `getComputedStyle(document.body).fontFamily`); strings.Contains(got, "Times") {
					t.Errorf("%s%s: the style sheet is missing", lang, path)
				}
			}
			notes.check(t)
		})
	}
}

// A journey is done in three ways: with JavaScript, without, and by keyboard only.
type way struct {
	t      *testing.T
	ctx    context.Context
	script bool
	keys   bool
}

func ways(t *testing.T, b context.Context, origin string, journey func(w way)) {
	for _, name := range []string{"with JavaScript", "without JavaScript", "keyboard only"} {
		t.Run(name, func(t *testing.T) {
			ctx, notes := tab(t, b, origin)
			if name == "without JavaScript" {
				must(t, ctx, call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
			}
			journey(way{t, ctx, name != "without JavaScript", name == "keyboard only"})
			notes.check(t)
		})
	}
}

func (w way) open(url string) {
	w.t.Helper()
	must(w.t, w.ctx, chromedp.Navigate(url))
}

// fill types a text into a field, replacing what stands there.
func (w way) fill(selector, value string) {
	w.t.Helper()
	if w.keys {
		keyboard{w.t, w.ctx}.to(selector)
	} else {
		must(w.t, w.ctx, chromedp.Focus(chromedp.CSS(selector)))
	}
	must(w.t, w.ctx, chromedp.Evaluate[chromedp.Void](`document.activeElement.select(); 0`), chromedp.KeyEvent(value))
	if got := eval[string](w.t, w.ctx, fmt.Sprintf(`document.querySelector(%q).value`, selector)); got != value {
		w.t.Fatalf("%s holds %q, want %q", selector, got, value)
	}
}

// choose ticks a radio button or check box. With the keyboard a group of radio
// buttons is one stop, its choices are reached by the arrow keys.
func (w way) choose(selector string) {
	w.t.Helper()
	if !w.keys {
		must(w.t, w.ctx, chromedp.Click(chromedp.CSS(selector)))
		return
	}
	k := keyboard{w.t, w.ctx}
	if eval[string](w.t, w.ctx, fmt.Sprintf(`document.querySelector(%q).type`, selector)) == "checkbox" {
		k.to(selector)
		k.press(" ")
		return
	}
	name := eval[string](w.t, w.ctx, fmt.Sprintf(`document.querySelector(%q).name`, selector))
	k.to(fmt.Sprintf("input[name=%q]", name))
	k.press(" ")
	for range 40 {
		if eval[bool](w.t, w.ctx, fmt.Sprintf(`document.querySelector(%q).checked`, selector)) {
			return
		}
		k.press(kb.ArrowDown)
	}
	w.t.Fatalf("the keyboard cannot choose %s", selector)
}

// press activates a button or link.
func (w way) press(selector string) {
	w.t.Helper()
	if w.keys {
		keyboard{w.t, w.ctx}.enter(selector)
		return
	}
	leave(w.t, w.ctx, chromedp.Click(chromedp.CSS(selector)))
}

// looks checks the page in every look; one of the three ways is enough for that.
func (w way) looks(name string) {
	w.t.Helper()
	if !w.script || w.keys {
		return
	}
	checkPage(w.t, w.ctx, name)
}

// reads fails unless the page shows the text.
func (w way) reads(want string) {
	w.t.Helper()
	if got := eval[string](w.t, w.ctx, `document.body.innerText`); !strings.Contains(got, want) {
		w.t.Fatalf("%s does not say %q:\n%s", eval[string](w.t, w.ctx, `location.pathname`), want, got)
	}
}

const (
	next = `main form button.button[name="s-aktion"][value="weiter"]`
	send = `main form button.button:not(.button-secondary)`
)

func TestBrowserAnswersASurvey(t *testing.T) {
	b, s := browser(t), running(t)
	ways(t, b, s.URL, func(w way) {
		w.open(s.URL + "/umfragen/smart-kassel/")
		w.press(`main a[href$="/umfragen/smart-kassel/teilnehmen/"]`)
		w.press(send)
		w.press(next) // required question left out
		w.reads("Bitte prüfen Sie Ihre Angaben")
		w.looks("survey-error")
		w.choose(`input[name="important_themes"][value="energy"]`)
		w.press(next)
		w.choose(`input[name="use"][value="advice"]`)
		w.fill(`#f-visits`, "3")
		w.choose(`input[name="satisfaction"][value="4"]`)
		w.looks("survey-page")
		w.press(next)
		w.press(`main form button[name="s-aktion"][value="zurueck"]`) // back loses nothing
		if got := eval[string](w.t, w.ctx, `document.querySelector("#f-visits").value`); got != "3" {
			w.t.Errorf("back lost an answer: %q", got)
		}
		w.press(next)
		w.press(next)
		w.press(next)
		w.choose(`input[name="age_group"][value="from_30"]`)
		w.press(next)
		w.reads("30")
		w.looks("survey-review")
		w.press(send)
		w.reads("U-")
		w.looks("survey-thanks")
	})
}

func TestBrowserBooksASeat(t *testing.T) {
	b, s := browser(t), running(t)
	ways(t, b, s.URL, func(w way) {
		w.open(s.URL + "/veranstaltungen/balkonsolar/")
		w.press(`main a[href$="/veranstaltungen/balkonsolar/buchen/"]`)
		w.choose(`input[name="pool"][value="room"]`)
		w.fill(`#f-name`, "Ada Lovelace")
		w.fill(`#f-email`, "nonsense")
		w.press(send)
		w.reads("gültige E-Mail-Adresse")
		if got := eval[string](w.t, w.ctx, `document.querySelector("#f-name").value`); got != "Ada Lovelace" {
			w.t.Errorf("the name was lost: %q", got)
		}
		w.looks("booking-error")
		w.fill(`#f-email`, "ada@example.org")
		w.press(send)
		w.reads("B-")
		w.looks("booking-receipt")
		if at := eval[string](w.t, w.ctx, `location.href`); strings.Contains(at, "B-") || strings.Contains(at, "ada") {
			w.t.Errorf("the address tells too much: %s", at)
		}
	})
}

func TestBrowserAsksAndFollows(t *testing.T) {
	b, s := browser(t), running(t)
	ways(t, b, s.URL, func(w way) {
		w.open(s.URL + "/leistungen/fuehrungszeugnis/")
		w.press(`main a[href$="/leistungen/fuehrungszeugnis/anfrage/"]`)
		w.press(send)
		w.reads("Bitte prüfen Sie Ihre Angaben")
		w.looks("case-error")
		w.fill(`#f-name`, "Grace Hopper")
		w.fill(`#f-email`, "grace@example.org")
		w.fill(`#f-message`, "Ich brauche ein Führungszeugnis.")
		w.press(send)
		w.reads("A-")
		w.looks("case-receipt")
	})
}

// TestBrowserRightToLeft turns pages over as Arabic would: nothing sticks out.
func TestBrowserRightToLeft(t *testing.T) {
	b, s := browser(t), running(t)
	for _, path := range []string{"/", "/leistungen/fuehrungszeugnis/", "/veranstaltungen/", "/veranstaltungen/balkonsolar/buchen/", "/umfragen/smart-kassel/teilnehmen/", "/termine/zeiten/?leistung=energie"} {
		ctx, _ := tab(t, b, s.URL)
		must(t, ctx, chromedp.Navigate(s.URL+path), chromedp.Evaluate[chromedp.Void](`document.documentElement.dir = "rtl"; 0`))
		checkPage(t, ctx, "rtl"+path)
		if left := eval[float64](t, ctx, `document.querySelector("h1").getBoundingClientRect().right`); left < 160 {
			t.Errorf("%s: the heading does not stand on the right", path)
		}
	}
}

// TestLogsHoldNoPersonalData reads the request log after a journey: no name, no
// mail address, no answer, no reference.
func TestLogsHoldNoPersonalData(t *testing.T) {
	t.Parallel()
	s := running(t)
	key := newUUID()
	ref, err := reference(http.MethodPost, s.URL+"/api/v1/events/balkonsolar/bookings", key,
		map[string]any{"name": "Zacharias Quittenbaum", "email": "quittenbaum@example.org", "places": 1, "pool": "room"})
	if err != nil {
		t.Fatal(err)
	}
	// Refused input, too, must not be logged with its content.
	_, err = reference(http.MethodPost, s.URL+"/api/v1/cases", newUUID(),
		map[string]any{"guide": "no-such-guide", "name": "Zacharias Quittenbaum", "email": "quittenbaum@example.org", "message": "Quittengelee", "answers": map[string]any{}})
	if err == nil {
		t.Fatal("a case of no guide was taken")
	}
	// The link of the mail, opened, opened wrongly, and used.
	link := personalLink(t, s, "quittenbaum@example.org")
	c := visitor(t)
	for _, path := range []string{link + "absagen/", link + "nirgends/", link, "/buchungen/ansicht/", "/buchungen/karten/", "/buchungen/karten/eintrittskarten.pdf"} {
		ask(t, c, http.MethodGet, s.URL+path, nil)
	}
	if res, _ := ask(t, c, http.MethodPost, s.URL+"/buchungen/stornieren/", nil); res.StatusCode >= 400 {
		t.Errorf("not cancelled: %d", res.StatusCode)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	dump := logDump(t, s.Dir) + s.log.String()
	for _, secret := range []string{"Quitten", "quitten", ref, key, strings.Split(link, "/")[3]} {
		if strings.Contains(dump, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}
