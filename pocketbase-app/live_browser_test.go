package main

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestBrowserLive is a sitting in the Event Lounge: a moderator opens it and
// starts a poll; people enter the code, answer, ask and vote, with and without
// scripts and by keyboard alone; what others do comes by itself where scripts run.
func TestBrowserLive(t *testing.T) {
	b, s := browser(t), running(t)
	moderator := visitor(t)
	signIn(t, moderator, s.URL, "moderation")
	res, body := ask(t, moderator, "POST", s.URL+"/redaktion/live/", url.Values{"title": {"Smart Kassel – wie geht es weiter?"}, "language": {"de"}, "asking": {"free"}, "event": {""}})
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %.2000s", res.StatusCode, body)
	}
	desk := res.Header.Get("Location")
	steer := func(pairs ...string) {
		t.Helper()
		form := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			form.Add(pairs[i], pairs[i+1])
		}
		if res, body := ask(t, moderator, "POST", s.URL+desk, form); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("%v: %d %.2000s", pairs, res.StatusCode, body)
		}
	}
	steer("aktion", "umfrage-neu", "poll", "Was zuerst?", "kind", "multiple", "options", "Sichere Radwege\nMehr Bäume\nFreies WLAN", "most", "2")
	steer("aktion", "umfrage-neu", "poll", "Wie smart ist Kassel?", "kind", "scale", "low", "gar nicht", "high", "sehr")
	steer("aktion", "oeffnen")
	steer("aktion", "umfrage-starten", "id", "1")
	steer("aktion", "umfrage-zeigen", "id", "1")
	_, body = ask(t, moderator, "GET", s.URL+desk, nil)
	room := regexp.MustCompile(`/live/\d{6}/`).FindString(body)
	code := strings.Trim(strings.TrimPrefix(room, "/live/"), "/")
	send := func(path string, form url.Values) {
		t.Helper()
		if res, body := ask(t, visitor(t), "POST", s.URL+room+path, form); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %d %.2000s", path, res.StatusCode, body)
		}
	}
	for i := range 6 {
		send("umfrage/", url.Values{"umfrage": {"1"}, "wahl": {fmt.Sprint(i % 3)}})
	}
	send("frage/", url.Values{"frage": {"Wann werden die Radwege breiter?"}})

	n := 0
	ways(t, b, s.URL, func(w way) {
		n++
		w.open(s.URL + "/live/")
		w.looks("/live/")
		w.fill("#f-code", code)
		w.press(`main form button`)
		w.looks(room)
		w.choose("#wahl-0")
		w.choose("#wahl-2")
		w.press("#umfrage form button")
		w.reads("Ihre Antwort zählt")
		w.press("#ja-1")
		w.reads("Ihre Stimme zählt")
		if shown := eval[bool](t, w.ctx, `document.querySelector("#ja-1").offsetParent === null && document.querySelector("#nein-1").offsetParent !== null`); !shown {
			t.Error("the button does not say that the vote was cast")
		}
		w.fill("#f-frage", "Hm")
		w.press(`[aria-labelledby="stellen"] button`)
		w.reads("mindestens 5 Zeichen")
		w.looks(room + " Fehler")
		w.fill("#f-frage", fmt.Sprintf("Und was ist mit der Straßenbahn %d?", n))
		w.press(`[aria-labelledby="stellen"] button`)
		w.reads("Ihre Frage steht auf der Liste")
	})

	// What others send comes by itself, and can be stopped.
	ctx, notes := tab(t, b, s.URL)
	w := way{t: t, ctx: ctx, script: true}
	arrives := func(text string) { // in the tab in front; a page that never gets it must end the test
		t.Helper()
		for range 600 {
			if eval[bool](t, ctx, fmt.Sprintf(`(document.body?.innerText ?? "").includes(%q)`, text)) {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("%q does not come by itself", text)
	}
	w.open(s.URL + room)
	arrives("Automatische Anzeige anhalten")
	must(t, ctx, chromedp.Click(chromedp.CSS("#ja-1")))
	arrives("Ihre Stimme zählt")
	send("frage/", url.Values{"frage": {"Kommt diese von allein?"}})
	arrives("Kommt diese von allein?")
	if !eval[bool](t, ctx, `document.querySelector("#ja-1").hidden && !document.querySelector("#nein-1").hidden`) {
		t.Error("the new list forgets what this browser voted for")
	}
	must(t, ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector("#wahl-1").click(); 0`))
	steer("aktion", "umfrage-verbergen", "id", "1")
	send("umfrage/", url.Values{"umfrage": {"1"}, "wahl": {"1"}})
	arrives("Antworten: 10")
	steer("aktion", "umfrage-starten", "id", "2")
	arrives("Wie smart ist Kassel?")
	until(t, ctx, `document.querySelector("[data-live-part=stand]").textContent.trim() === "Neue Umfrage: Wie smart ist Kassel?"`) // what screen readers hear
	must(t, ctx, chromedp.Click(chromedp.CSS("[data-live-pause]")))
	arrives("Automatische Anzeige fortsetzen")
	send("frage/", url.Values{"frage": {"Diese kommt nicht von allein."}})
	time.Sleep(time.Second)
	if eval[bool](t, ctx, `document.body.innerText.includes("Diese kommt nicht")`) {
		t.Error("the page goes on after it was stopped")
	}
	must(t, ctx, chromedp.Click(chromedp.CSS("[data-live-pause]")))
	arrives("Diese kommt nicht von allein.")

	// Each connection sends all parts; what has not changed stays as it is, so
	// that a press that has begun ends on the same button.
	must(t, ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector("#ja-1").isOld = true; 0`))
	for _, text := range []string{"Automatische Anzeige fortsetzen", "Automatische Anzeige anhalten"} {
		must(t, ctx, chromedp.Click(chromedp.CSS("[data-live-pause]")))
		arrives(text)
	}
	time.Sleep(time.Second)
	if !eval[bool](t, ctx, `document.querySelector("#ja-1").isOld === true`) {
		t.Error("a part that has not changed was replaced")
	}
	checkPage(t, ctx, room+" Skala", looks...)
	steer("aktion", "frage-anheften", "id", "1")
	w.open(s.URL + room + "leinwand/")
	arrives("Jetzt im Gespräch")
	checkPage(t, ctx, room+"leinwand/ Frage")
	steer("aktion", "frage-beantwortet", "id", "1")
	steer("aktion", "umfrage-starten", "id", "1")
	steer("aktion", "umfrage-zeigen", "id", "1")
	arrives("Was zuerst?")
	until(t, ctx, `document.querySelectorAll(".leinwand svg.chart-svg").length === 1`)
	checkPage(t, ctx, room+"leinwand/ Umfrage")
	notes.check(t)

	// The moderator's page, and the results afterwards.
	ctx, notes = tab(t, b, s.URL)
	w = way{t: t, ctx: ctx, script: true}
	w.signIn(s, "moderation")
	w.open(s.URL + "/redaktion/live/")
	w.staffPage("/redaktion/live/", "/redaktion/live/")
	w.open(s.URL + desk)
	w.staffPage(desk, "/redaktion/live/")
	send("frage/", url.Values{"frage": {"Sieht die Moderation das sofort?"}})
	arrives("Sieht die Moderation das sofort?")
	steer("aktion", "schliessen")
	steer("aktion", "veroeffentlichen")
	w.open(s.URL + room)
	w.looks(room + " Ergebnisse")
	w.reads("Was zuerst?")
	w.reads("Wann werden die Radwege breiter?")
	for _, lang := range []string{"/en", "/ls"} {
		w.open(s.URL + lang + room)
		checkPage(t, ctx, lang+room, looks[2:]...)
	}
	notes.check(t)
}
