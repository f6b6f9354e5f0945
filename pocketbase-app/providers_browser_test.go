package main

import (
	"fmt"
	"testing"
)

// TestBrowserTour is a citizen who chooses a tour, holds places, books and cancels them, at
// the simulator of Kassel Marketing that ships with the program.
func TestBrowserTour(t *testing.T) {
	b, s := browser(t), running(t)
	ways(t, b, s.URL, func(w way) {
		look := func(name string) {
			t.Helper()
			w.looks(name)
			w.sideways(name)
		}
		w.open(s.URL + "/fuehrungen/")
		w.reads("Altstadtrundgang")
		look("/fuehrungen/")
		w.press(`main a[href="/fuehrungen/sim-altstadt/"]`)
		look("/fuehrungen/sim-altstadt/")
		w.press(`main ul:nth-of-type(5) a`) // those of the next days cannot be cancelled any more
		look("/fuehrungen/sim-altstadt/buchen/")
		w.press(send)
		w.reads("Bitte prüfen Sie Ihre Angaben")
		look("/fuehrungen/sim-altstadt/buchen/ Fehler")
		first := eval[string](t, w.ctx, `"#" + document.querySelector("main input[type=number]").id`)
		w.fill(first, "2")
		w.press(send)
		w.until(s.URL+"/fuehrungen/buchung/", `!!document.querySelector("#f-name")`)
		look("/fuehrungen/buchung/ gehalten")
		w.fill(`#f-name`, "Ada Lovelace")
		w.fill(`#f-email`, "nonsense")
		w.press(send)
		w.reads("gültige E-Mail-Adresse")
		look("/fuehrungen/buchung/ Fehler")
		w.fill(`#f-email`, "ada@example.org")
		w.press(send)
		w.until(s.URL+"/fuehrungen/buchung/", `document.body.innerText.includes("Gutschein")`)
		look("/fuehrungen/buchung/ gebucht")
		w.press(`main a[href="/fuehrungen/buchung/stornieren/"]`)
		look("/fuehrungen/buchung/stornieren/")
		w.press(`main form[action="/fuehrungen/buchung/stornieren/"] button`)
		w.until(s.URL+"/fuehrungen/buchung/", `!document.querySelector('main a[href="/fuehrungen/buchung/stornieren/"]') && document.body.innerText.includes("Storniert")`)
		look("/fuehrungen/buchung/ storniert")
	})
}

// until loads a page until something is true of it: partners take their time.
func (w way) until(page, js string) {
	w.t.Helper()
	for range 40 {
		if eval[bool](w.t, w.ctx, js) {
			return
		}
		w.open(page)
	}
	w.t.Fatalf("never %s:\n%s", js, eval[string](w.t, w.ctx, `document.querySelector("main").innerText`))
}

// TestBrowserWaste is a citizen who looks up the days of collection and asks to be reminded.
func TestBrowserWaste(t *testing.T) {
	b, s := browser(t), running(t)
	n := 0
	ways(t, b, s.URL, func(w way) {
		n++
		look := func(name string) {
			t.Helper()
			w.looks(name)
			w.sideways(name)
		}
		w.open(s.URL + "/abfall/")
		w.press(send)
		w.reads("Bitte prüfen Sie Ihre Angaben")
		look("/abfall/ Fehler")
		w.fill(`#f-street`, "straße")
		w.fill(`#f-number`, "12")
		w.press(send)
		w.reads("Goethestraße")
		look("/abfall/ welche Straße")
		w.choose(`#street-3`)
		w.press(send)
		w.reads("Als Nächstes")
		look("/abfall/3012/")
		w.fill(`#f-email`, "nonsense")
		w.press(send)
		w.reads("gültige E-Mail-Adresse")
		look("/abfall/3012/ Fehler")
		w.fill(`#f-email`, fmt.Sprintf("ada%d@example.org", n))
		w.press(send)
		look("/abfall/3012/ erinnern")
	})
}

// TestBrowserProviderSettings is an administrator who changes how a partner is reached.
func TestBrowserProviderSettings(t *testing.T) {
	b, s := browser(t), running(t)
	ctx, notes := tab(t, b, s.URL)
	w := way{t, ctx, true, false}
	w.signIn(s, "admin")
	w.open(s.URL + "/redaktion/anbieter/")
	w.staffPage("/redaktion/anbieter/", "/redaktion/anbieter/")
	w.press(`main a[href="/redaktion/anbieter/octo/"]`)
	w.staffPage("/redaktion/anbieter/octo/", "/redaktion/anbieter/")
	w.press(`main form[action$="/pruefen/"] button`)
	w.reads("Verbindung prüfen")
	w.staffPage("/redaktion/anbieter/octo/ geprüft", "/redaktion/anbieter/")
	w.choose(`#mode-real`)
	w.fill(`#f-address`, "ftp://partner")
	w.fill(`#f-per_minute`, "0")
	w.press(`main form[action="/redaktion/anbieter/octo/"] button`)
	w.reads("Bitte prüfen Sie Ihre Angaben")
	w.staffPage("/redaktion/anbieter/octo/ Fehler", "/redaktion/anbieter/")
	if got := eval[string](t, ctx, `document.querySelector("#f-address").value`); got != "ftp://partner" {
		t.Errorf("the address was lost: %q", got)
	}
	notes.check(t)
}
