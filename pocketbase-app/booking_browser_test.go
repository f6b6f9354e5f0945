package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

var mailedLink = regexp.MustCompile(`/buchungen/l/([0-9A-Z]{32})/`)

// personalLink waits for a mail to somebody and gives the personal link in it. To is
// compared as it stands in the head of the message.
func personalLink(t *testing.T, s *instance, to string) string {
	t.Helper()
	for range 300 {
		files, _ := filepath.Glob(filepath.Join(s.Dir, "mail", "*.eml"))
		for _, file := range files {
			b, err := os.ReadFile(file)
			if found := mailedLink.Find(b); err == nil && found != nil && strings.Contains(string(b), "<"+to+">") {
				return string(found)
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("no mail with a link to %s", to)
	return ""
}

// sideways looks at the page in a language that is written from right to left.
func (w way) sideways(name string) {
	w.t.Helper()
	if !w.script || w.keys {
		return
	}
	must(w.t, w.ctx, chromedp.Evaluate[chromedp.Void](`document.documentElement.dir = "rtl"; 0`))
	checkPage(w.t, w.ctx, "rtl"+name, looks[2]) // the narrowest is the hardest
	must(w.t, w.ctx, chromedp.Evaluate[chromedp.Void](`document.documentElement.dir = "ltr"; 0`))
}

// TestBrowserBooking is a citizen who books a tour for two at different prices, opens the
// link of the mail, changes names, gives one place back, and the other one on.
func TestBrowserBooking(t *testing.T) {
	b, s := browser(t), running(t)
	n := 0
	ways(t, b, s.URL, func(w way) {
		n++
		to := fmt.Sprintf("ada%d@example.org", n)
		look := func(name string) {
			t.Helper()
			w.looks(name)
			w.sideways(name)
		}
		w.open(s.URL + "/veranstaltungen/stadt-entdecken/")
		w.press(`main a[href$="/buchen/"]`)
		w.reads("Erwachsene, 5 Euro")
		w.press(send)
		w.reads("Bitte prüfen Sie Ihre Angaben")
		look("/veranstaltungen/stadt-entdecken/buchen/ Fehler")
		w.choose(`input[name="pool"][value="room"]`)
		w.fill(`#f-places`, "2")
		w.fill(`#f-name`, "Ada Lovelace")
		w.fill(`#f-email`, to)
		w.press(send)
		w.reads("Unter 18 Jahren, 0 Euro")
		look("/buchungen/angaben/")
		w.fill(`#f-name-2`, "Grace Hopper")
		w.choose(`#preis-2-child`)
		w.press(`button[value="pruefen"]`)
		w.reads("5 Euro. Sie zahlen vor Ort.")
		look("/buchungen/angaben/ prüfen")
		w.press(`button[value="buchen"]`)
		w.reads("Zugangscode")
		look("/buchungen/bestaetigung/")

		w.open(s.URL + personalLink(t, s, to))
		if at := eval[string](t, w.ctx, `location.pathname`); at != "/buchungen/ansicht/" {
			t.Errorf("the link leads to %s", at)
		}
		w.reads("Ihre Buchung ist bestätigt")
		look("/buchungen/ansicht/")
		w.press(`main a[href="/buchungen/karten/"]`)
		w.reads("Eintrittskarte 2 von 2")
		look("/buchungen/karten/")
		w.press(`main p:last-child a`)
		w.press(`main a[href="/buchungen/aendern/"]`)
		look("/buchungen/aendern/")
		w.fill(`#f-name-1`, "Augusta King")
		w.press(`main form .actions button.button`)
		w.reads("Augusta King")
		w.open(s.URL + "/buchungen/umbuchen/") // no other date: no link leads there
		w.reads("Es gibt zurzeit keinen anderen Termin")
		look("/buchungen/umbuchen/")
		w.open(s.URL + "/buchungen/stornieren/")
		look("/buchungen/stornieren/")
		w.choose(`input[name="platz"][value="2"]`)
		w.press(`form:has(input[name="platz"]) button`)
		w.open(s.URL + "/buchungen/ansicht/")
		if text := eval[string](t, w.ctx, `document.querySelector("main").innerText`); strings.Contains(text, "Grace Hopper") || !strings.Contains(text, "5 Euro") {
			t.Errorf("one place was given back: %s", text)
		}
		w.press(`main a[href="/buchungen/weitergeben/"]`)
		w.fill(`#f-email`, "nonsense")
		w.press(`main form .actions button.button`)
		w.reads("gültige E-Mail-Adresse")
		look("/buchungen/weitergeben/ Fehler")
		w.fill(`#f-name`, "Mary Somerville")
		w.fill(`#f-email`, fmt.Sprintf("mary%d@example.org", n))
		w.press(`main form .actions button.button`)
		look("/buchungen/weitergeben/")
		w.open(s.URL + "/buchungen/ansicht/")
		if at := eval[string](t, w.ctx, `location.pathname`); at != "/buchungen/" {
			t.Errorf("whoever gave the booking on still sees it at %s", at)
		}
	})
	t.Run("staff", func(t *testing.T) {
		ctx, notes := tab(t, b, s.URL)
		w := way{t, ctx, true, false}
		w.signIn(s, "schalter")
		w.open(s.URL + "/schalter/veranstaltungen/stadt-entdecken/")
		w.reads("Mary Somerville")
		w.staffPage("/schalter/veranstaltungen/stadt-entdecken/", "/schalter/veranstaltungen/")
		w.press(`main form button[value="sperren"]`)
		w.reads("Bitte prüfen Sie Ihre Angaben")
		w.staffPage("/schalter/veranstaltungen/stadt-entdecken/ Fehler", "/schalter/veranstaltungen/")
		must(t, ctx, call(network.ClearBrowserCookies, cdp.Empty{}))
		w.signIn(s, "redaktion")
		w.open(s.URL + "/redaktion/veranstaltungen/stadt-entdecken/")
		w.press(`main a[href="/redaktion/veranstaltungen/stadt-entdecken/buchungen/"]`)
		w.staffPage("/redaktion/veranstaltungen/stadt-entdecken/buchungen/", "/redaktion/")
		if text := eval[string](t, ctx, `document.body.innerText`); strings.Contains(text, "Somerville") || strings.Contains(text, "@example.org") {
			t.Error("editors read who comes")
		}
		w.open(s.URL + "/redaktion/veranstaltungen/stadt-entdecken/termine/")
		w.pick(`#f-kind`, "weekly")
		w.fill(`#f-count`, "3")
		w.press(`button[value="zeigen"]`)
		w.reads("wird angelegt")
		w.staffPage("/redaktion/veranstaltungen/stadt-entdecken/termine/", "/redaktion/")
		w.press(`button[value="anlegen"]`)
		w.reads("Entwurf")
		w.open(s.URL + "/redaktion/veranstaltungen/stadt-entdecken/verlegen/")
		w.staffPage("/redaktion/veranstaltungen/stadt-entdecken/verlegen/", "/redaktion/")
		w.open(s.URL + "/redaktion/veranstaltungen/stadt-entdecken/uebernehmen/")
		w.staffPage("/redaktion/veranstaltungen/stadt-entdecken/uebernehmen/", "/redaktion/")
		w.open(s.URL + "/redaktion/veranstaltungen/stadt-entdecken/absagen/")
		w.reads("warten: 3")
		w.staffPage("/redaktion/veranstaltungen/stadt-entdecken/absagen/", "/redaktion/")
		w.press(send)
		w.reads("Bitte prüfen Sie Ihre Angaben")
		w.fill(`#f-reason\.de`, "Die Führerin ist krank.")
		w.press(send)
		w.reads("Abgesagt.")
		notes.check(t)
	})
}

// TestBrowserDoorWithoutTheNetwork lets people in at a door whose network fails: what was
// scanned stays on the phone until it can be handed in, and nobody comes in twice.
func TestBrowserDoorWithoutTheNetwork(t *testing.T) {
	b, s := browser(t), running(t)
	visit := func(email string) (codes []string) {
		c := visitor(t)
		_, form := ask(t, c, "GET", s.URL+"/veranstaltungen/familientag/buchen/", nil)
		key := regexp.MustCompile(`name="key" value="([^"]+)"`).FindStringSubmatch(form)[1]
		if res, body := ask(t, c, "POST", s.URL+"/veranstaltungen/familientag/buchen/", url.Values{"key": {key}, "name": {"Ada Lovelace"}, "email": {email}, "places": {"2"}, "pool": {"room"}}); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
		ask(t, c, "GET", s.URL+personalLink(t, s, email), nil)
		_, page := ask(t, c, "GET", s.URL+"/buchungen/karten/", nil)
		for _, m := range regexp.MustCompile(`<details><summary>[^<]*</summary><p translate="no" class="reference">([0-9A-Z ]+)</p>`).FindAllStringSubmatch(page, -1) {
			codes = append(codes, strings.ReplaceAll(m[1], " ", ""))
		}
		if len(codes) != 2 {
			t.Fatalf("%d tickets on %s", len(codes), page)
		}
		return codes
	}
	codes := append(visit("ada@example.org"), visit("grace@example.org")...)
	address, line, _ := wire(t, s.URL)
	ctx, _ := tab(t, b, address) // that requests fail is the point
	w := way{t, ctx, true, false}
	w.signIn(&instance{URL: address}, "schalter")
	door := address + "/einlass/familientag/"
	shows := func(text string) {
		t.Helper()
		until(t, ctx, fmt.Sprintf(`document.querySelector("#einlass-ergebnis").innerText.includes(%q)`, text))
	}
	scan := func(code string) {
		t.Helper()
		until(t, ctx, `!!document.querySelector("#f-suche")`)
		must(t, ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector("#einlass-ergebnis").replaceChildren(); document.querySelector("#f-suche").value = ""; 0`))
		w.fill(`#f-suche`, code)
		must(t, ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector("#einlass-suche").requestSubmit(); 0`))
	}
	w.open(door)
	checkPage(t, ctx, "/einlass/familientag/")
	until(t, ctx, `document.querySelector("[data-door]").dataset.stored == "1" && !!localStorage.getItem("einlass-liste:familientag")`)
	scan(codes[0])
	shows("Willkommen")
	checkPage(t, ctx, "/einlass/familientag/ ein")
	scan(codes[0])
	shows("Schon eingelassen")
	until(t, ctx, `JSON.parse(localStorage.getItem("einlass-liste:familientag")).guests.filter(g => g.i).length == 1`)

	line.Store(cut)
	scan(codes[1])
	shows("Willkommen")
	scan(codes[1])
	shows("Schon eingelassen")
	until(t, ctx, `document.querySelector("#einlass-offen").innerText.includes("2")`)
	// Another phone, which has the network, lets in the third while this one has none.
	other, body := visitor(t), url.Values{"email": {"schalter@service-point.example"}, "password": {"demo-passwort-schalter"}}
	ask(t, other, "POST", s.URL+"/anmelden/", body)
	if _, page := ask(t, other, "POST", s.URL+"/einlass/familientag/", url.Values{"suche": {codes[2]}}); !strings.Contains(page, "Willkommen") {
		t.Fatalf("the other phone: %s", page)
	}
	scan(codes[2]) // and so does this one, which cannot know
	shows("Willkommen")
	w.open(door) // the page loads without the network
	until(t, ctx, `document.querySelector("#einlass-offen")?.innerText.includes("3")`)
	checkPage(t, ctx, "/einlass/familientag/ offline")

	line.Store(whole)
	scan(codes[3])
	until(t, ctx, `document.querySelector("#einlass-offen").innerText == ""`)
	db, err := base.Connect(filepath.Join(s.Dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var in int
	if err := db.NewQuery(`SELECT count(*) FROM tickets WHERE event = 'familientag' AND checked_in IS NOT NULL`).Row(&in); err != nil {
		t.Fatal(err)
	}
	if in != 4 {
		t.Errorf("%d people are in, want 4", in)
	}
	if left := eval[string](t, ctx, `localStorage.getItem("einlass:familientag") ?? "[]"`); left != "[]" {
		t.Errorf("scans stay on the phone: %s", left)
	}
}

// TestBrowserQuestionnaire is an editor who chooses the questionnaire of an event, and
// guests who came and answer it when the event is over.
func TestBrowserQuestionnaire(t *testing.T) {
	b, s := browser(t), running(t)
	const event = "digital-dabei"
	staff := visitor(t)
	ask(t, staff, "POST", s.URL+"/anmelden/", url.Values{"email": {"redaktion@service-point.example"}, "password": {"demo-passwort-redaktion"}})
	slug := publishSurvey(t, s, staff, "Wie war der Vormittag", survey.AccessAttendance)
	db, err := base.Connect(filepath.Join(s.Dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	moves := func(to time.Time) { // time passes for the event
		t.Helper()
		const at = "2006-01-02T15:04:05Z"
		if _, err := db.NewQuery(`UPDATE events SET rev = rev + 1, doc = json_set(doc, '$.start', {:start}, '$.end', {:end}), live = json_set(live, '$.start', {:start}, '$.end', {:end})
			WHERE slug = {:slug}`).Bind(map[string]any{"start": to.UTC().Add(-2 * time.Hour).Format(at), "end": to.UTC().Format(at), "slug": event}).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	moves(time.Now().Add(time.Hour))
	t.Run("editor", func(t *testing.T) {
		ctx, notes := tab(t, b, s.URL)
		w := way{t, ctx, true, false}
		w.signIn(s, "redaktion")
		w.open(s.URL + "/redaktion/veranstaltungen/" + event + "/")
		w.pick(`#f-survey`, "smart-kassel")
		w.press(`button[value="veroeffentlichen"]`)
		w.reads("Diese Umfrage ist nicht für Menschen, die da waren.")
		w.pick(`#f-survey`, slug)
		w.press(`button[value="veroeffentlichen"]`)
		if named := eval[string](t, ctx, `document.querySelector("#f-survey")?.value ?? ""`); named != slug {
			t.Errorf("the event names %q", named)
		}
		notes.check(t)
	})

	var links []string
	counter := visitor(t)
	ask(t, counter, "POST", s.URL+"/anmelden/", url.Values{"email": {"schalter@service-point.example"}, "password": {"demo-passwort-schalter"}})
	for i := range 3 {
		email, guest := fmt.Sprintf("dabei%d@example.org", i), visitor(t)
		_, form := ask(t, guest, "GET", s.URL+"/veranstaltungen/"+event+"/buchen/", nil)
		key := regexp.MustCompile(`name="key" value="([^"]+)"`).FindStringSubmatch(form)
		if key == nil {
			t.Fatalf("no form: %s", form)
		}
		if res, body := ask(t, guest, "POST", s.URL+"/veranstaltungen/"+event+"/buchen/", url.Values{"key": {key[1]}, "name": {"Ada Lovelace"}, "email": {email}, "places": {"2"}, "pool": {"room"}}); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
		links = append(links, personalLink(t, s, email))
		ask(t, guest, "GET", s.URL+links[i], nil)
		_, page := ask(t, guest, "GET", s.URL+"/buchungen/ansicht/", nil)
		reference := regexp.MustCompile(`B-[0-9A-Z]{5}-[0-9A-Z]{5}`).FindString(page)
		for _, n := range []string{"1", "2"} {
			if _, page := ask(t, counter, "POST", s.URL+"/einlass/"+event+"/", url.Values{"ein": {reference + "/" + n}}); !strings.Contains(page, "Willkommen") {
				t.Fatalf("not let in: %s", page)
			}
		}
	}
	moves(time.Now().Add(-time.Hour))
	ways(t, b, s.URL, func(w way) {
		w.open(s.URL + links[0])
		links = links[1:]
		w.reads("Auf 2 Plätzen dieser Buchung war jemand da")
		w.looks("/buchungen/ansicht/ nachher")
		w.sideways("/buchungen/ansicht/ nachher")
		w.press(`form[action="/buchungen/fragebogen/"] button`)
		w.reads("Das sind 2 Zugänge")
		w.looks("/buchungen/fragebogen/")
		w.sideways("/buchungen/fragebogen/")
		w.press(`main ol li:last-child a.button`)
		w.reads("Sie waren da. Ihr Zugang gilt für eine Teilnahme.")
		w.looks("/umfragen/" + slug + "/teilnehmen/ dabei")
		w.press(send)
		w.choose(`input[name="gern"][value="yes"]`)
		w.press(next)
		w.press(send)
		w.reads("U-")
		w.open(s.URL + "/buchungen/ansicht/")
		w.reads("Der Zugang zum Fragebogen wurde ausgegeben.")
	})
}
