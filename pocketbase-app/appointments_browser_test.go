package main

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// TestBrowserAppointment is a citizen who books, moves and cancels a time for
// advice, and a counter that gives out a number and calls it.
func TestBrowserAppointment(t *testing.T) {
	b, s := browser(t), running(t)
	n := 0
	ways(t, b, s.URL, func(w way) {
		n++
		w.open(s.URL + "/termine/")
		w.press(send)
		w.reads("Wählen Sie, worum es geht")
		w.looks("/termine/ Fehler")
		w.choose("#l-energie")
		w.choose("#l-wohnen")
		w.press(send)
		w.reads("75 Minuten")
		w.press(".times button")
		w.reads("Diese Zeit halten wir bis")
		w.fill("#f-name", "Ada Lovelace")
		w.fill("#f-email", "nonsense")
		w.press(send)
		w.reads("gültige E-Mail-Adresse")
		if got := eval[string](t, w.ctx, `document.querySelector("#f-name").value`); got != "Ada Lovelace" {
			t.Errorf("the name was lost: %q", got)
		}
		w.looks("/termine/angaben/")
		w.fill("#f-email", fmt.Sprintf("ada%d@example.org", n))
		w.press(send)
		w.reads("Ihr Termin ist gebucht")
		w.looks("/termine/mein/")
		if at := eval[string](t, w.ctx, `location.href`); strings.Contains(at, "T-") || strings.Contains(at, "ada") {
			t.Errorf("the address tells too much: %s", at)
		}
		w.press(`main a[href="/termine/mein/verschieben/"]`)
		w.looks("/termine/mein/verschieben/")
		w.press(`section:has(#tage) tbody tr:last-child a`) // late in the day the first one has few times left
		w.press(`[aria-labelledby="zeiten"] li:last-child button`)
		w.reads("Ihr Termin ist verschoben")
		w.press(`button[name="warten"][value="ja"]`)
		w.reads("Von der Liste nehmen")
		w.press(`main a[href="/termine/mein/absagen/"]`)
		w.looks("/termine/mein/absagen/")
		w.press(send)
		w.reads("Dieser Termin ist abgesagt")

		w.signIn(s, "schalter")
		w.open(s.URL + "/schalter/aufruf/?platz=platz-1")
		w.choose("#l-ausweise")
		w.press(`form[action="/schalter/aufruf/nummer/"] button`)
		w.staffPage("/schalter/aufruf/nummer/", "/schalter/aufruf/")
		number := eval[string](t, w.ctx, `document.querySelector(".slip-number").textContent`)
		w.press(`main a[href^="/aufruf/nummer/"]`)
		w.reads("Ihre Nummer: " + number)
		w.looks("/aufruf/nummer/")
		w.open(s.URL + "/schalter/aufruf/")
		w.press(`button[value="naechste"]`)
		w.reads("Jetzt: " + number)
		w.staffPage("/schalter/aufruf/", "/schalter/aufruf/")
		w.open(s.URL + "/aufruf/nummer/")
		w.reads("Sie sind an der Reihe: Platz 1")
		w.open(s.URL + "/aufruf/service-point/")
		w.reads(number)
		w.looks("/aufruf/service-point/")
		w.open(s.URL + "/schalter/aufruf/")
		w.press(`button[value="fertig"]`)
		w.reads("Der Platz ist frei")
		if !w.script || w.keys {
			return
		}
		for _, path := range []string{"/schalter/termine/", "/schalter/termine/quoten/", "/schalter/termine/neu/", "/schalter/termine/neu/?kanal=telephone&leistung=wohnen"} {
			w.open(s.URL + path)
			w.staffPage(path, "/schalter/termine/")
		}
		w.choose("#z-0")
		w.fill("#f-name", "Grace Hopper")
		w.press(`main form[method="post"] button.button:not(.button-secondary)`)
		w.reads("Grace Hopper")
		w.staffPage("/schalter/termine/T", "/schalter/termine/")
		w.press(`main a[href$="/verschieben/"]`)
		w.staffPage("/schalter/termine/T/verschieben/", "/schalter/termine/")
		w.press(".times button")
		w.reads("Grace Hopper")
	})
	t.Run("calendar of the city", func(t *testing.T) {
		ctx, notes := tab(t, b, s.URL)
		w := way{t, ctx, true, false}
		w.open(s.URL + "/termine/")
		w.press(`main a[href="/termine/stadt/personalausweis/"]`)
		w.looks("/termine/stadt/")
		w.press(".times button")
		w.fill("#f-name", "Ada Lovelace")
		w.press(send)
		w.reads("Bitte prüfen Sie Ihre Angaben")
		w.looks("/termine/stadt/ Fehler")
		w.fill("#f-email", "ada@example.org")
		w.press(send)
		w.reads("Simulation")
		for range 100 { // a busy machine takes its time
			if eval[bool](t, ctx, `document.body.innerText.includes("Ihr Termin ist gebucht")`) {
				break
			}
			w.press(`main .actions a.button`)
		}
		w.reads("Ihr Termin ist gebucht")
		w.looks("/termine/stadttermin/")
		w.press(`main a[href="/termine/stadttermin/verschieben/"]`)
		w.looks("/termine/stadttermin/verschieben/")
		w.press(`main p:last-child a`)
		w.press(`main a[href="/termine/stadttermin/absagen/"]`)
		w.looks("/termine/stadttermin/absagen/")
		w.press(send)
		w.reads("Ihr Termin")
		notes.check(t)
	})
	t.Run("settings", func(t *testing.T) {
		ctx, notes := tab(t, b, s.URL)
		w := way{t, ctx, true, false}
		w.signIn(s, "admin")
		w.open(s.URL + "/redaktion/termine/?leistung=energie&platz=team-a&zeiten=team-a")
		w.staffPage("/redaktion/termine/", "/redaktion/termine/")
		w.fill("#f-day1", "18:00-10:00")
		w.press(`form[action="/redaktion/termine/zeiten/"] button`)
		w.reads("Schreiben Sie Zeiten so")
		w.staffPage("/redaktion/termine/ Fehler", "/redaktion/termine/")
		w.fill("#f-day1", "10:00-13:00, 14:00-18:00")
		w.press(`form[action="/redaktion/termine/zeiten/"] button`)
		w.reads("Gespeichert")
		notes.check(t)
	})
}

// TestLogsHoldNoAppointment reads the log after an appointment was made, opened by
// its link and cancelled: no name, no contact, no reference, no secret.
func TestLogsHoldNoAppointment(t *testing.T) {
	t.Parallel()
	s := running(t)
	c := visitor(t)
	do := func(method, path string, status int, form url.Values) string {
		t.Helper()
		res, body := ask(t, c, method, s.URL+path, form)
		if res.StatusCode != status {
			t.Fatalf("%s %s: %d %.2000s", method, path, res.StatusCode, body)
		}
		return body
	}
	times := do("GET", "/termine/zeiten/?leistung=energie", 200, nil)
	start := regexp.MustCompile(`name="start" value="([^"]+)"`).FindStringSubmatch(times)[1]
	do("POST", "/termine/reservieren/", http.StatusSeeOther, url.Values{"leistung": {"energie"}, "start": {start}})
	do("POST", "/termine/angaben/", http.StatusSeeOther, url.Values{"name": {"Zacharias Quittenbaum"}, "email": {"quittenbaum@example.org"}})
	mine := do("GET", "/termine/mein/?neu=gebucht", 200, nil)
	secret := regexp.MustCompile(`/termine/zugang/([0-9A-Z]{32})/`).FindStringSubmatch(mine)[1]
	reference := regexp.MustCompile(`T-[0-9A-Z]{5}-[0-9A-Z]{5}`).FindString(mine)
	do("GET", "/termine/zugang/"+secret+"/absagen/", http.StatusSeeOther, nil)
	do("GET", "/termine/zugang/"+secret+"/nirgends/", http.StatusNotFound, nil)
	do("POST", "/termine/mein/", http.StatusUnprocessableEntity, url.Values{"code": {secret + "0"}})
	do("POST", "/termine/mein/absagen/", http.StatusSeeOther, nil)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	dump := logDump(t, s.Dir) + s.log.String()
	for _, private := range []string{"Quitten", "quitten", secret, reference} {
		if private == "" || strings.Contains(dump, private) {
			t.Errorf("the log holds %q", private)
		}
	}
}
