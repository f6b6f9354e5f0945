package main

import (
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// signIn opens the log-in page and signs in one of the demo accounts ("redaktion",
// "autor", "planung", "schalter", "moderation", "admin").
func (w way) signIn(s *instance, who string) {
	w.t.Helper()
	w.open(s.URL + "/anmelden/")
	w.fill(`#f-email`, who+"@service-point.example")
	w.fill(`#f-password`, "demo-passwort-"+who)
	w.press(`main form button.button`)
	if at := eval[string](w.t, w.ctx, `location.pathname`); at == "/anmelden/" {
		w.t.Fatalf("%s was not signed in: %s", who, eval[string](w.t, w.ctx, `document.querySelector("main").innerText`))
	}
}

// staffPage checks a page of staff in every look, and that the menu says where it is.
func (w way) staffPage(name, area string, only ...look) {
	w.t.Helper()
	if w.script && !w.keys {
		checkPage(w.t, w.ctx, "staff"+name, only...)
	}
	if got := eval[string](w.t, w.ctx, `[...document.querySelectorAll(".staff-menu [aria-current]")].map(a => a.getAttribute("href")).join(" ")`); got != area {
		w.t.Errorf("%s: the menu marks %q, want %q", name, got, area)
	}
	if n := eval[int](w.t, w.ctx, `document.querySelectorAll("h1").length`); n != 1 {
		w.t.Errorf("%s has %d h1", name, n)
	}
	if raw := eval[string](w.t, w.ctx, `([...document.querySelectorAll("main code")].reduce((text, code) => text.replaceAll(code.innerText, ""), document.querySelector("main").innerText)
		.match(/\b(staff|problem|error|case|booking)\.[a-z_.]+/g) || []).join(" ")`); raw != "" {
		w.t.Errorf("%s shows keys instead of words: %s", name, raw)
	}
}

// TestBrowserStaffPages signs in as every role and looks at every type of page
// that it may open, filled with answers, bookings and requests.
func TestBrowserStaffPages(t *testing.T) {
	b, s := browser(t), running(t)
	ref := busy(t, s)
	plain := func(paths ...string) (out [][2]string) {
		for _, p := range paths {
			out = append(out, [2]string{p, "/" + strings.Split(p, "/")[1] + "/"})
		}
		return out
	}
	similar := map[string]bool{"/redaktion/umfragen/": true, "/redaktion/seiten/": true, "/redaktion/partner/": true, "/redaktion/themen/": true,
		"/redaktion/leistungen/sperrmuell/?sprache=en": true, "/redaktion/seiten/service-point/?sprache=ls": true, "/redaktion/partner/kvg/?sprache=ls": true,
		"/redaktion/veranstaltungen/neu/": true, "/redaktion/leistungen/reisepass/": true}
	for _, role := range []struct {
		who   string
		pages [][2]string // address, marked area of the menu
	}{
		{"redaktion", append(plain(
			"/redaktion/",
			"/redaktion/leistungen/", "/redaktion/leistungen/?suche=gibt-es-nicht", "/redaktion/veranstaltungen/", "/redaktion/umfragen/",
			"/redaktion/seiten/", "/redaktion/partner/", "/redaktion/themen/",
			"/redaktion/leistungen/fuehrungszeugnis/", "/redaktion/leistungen/fuehrungszeugnis/?sprache=ls", "/redaktion/leistungen/sperrmuell/?sprache=en",
			"/redaktion/veranstaltungen/balkonsolar/", "/redaktion/veranstaltungen/balkonsolar/?sprache=ls",
			"/redaktion/umfragen/smart-kassel/", "/redaktion/umfragen/smart-kassel/?sprache=ls",
			"/redaktion/umfragen/smart-kassel/fragen/", "/redaktion/umfragen/smart-kassel/fragen/frage/important_themes/", "/redaktion/umfragen/smart-kassel/fragen/abschnitte/",
			"/redaktion/umfragen/smart-kassel/fragen/quoten/", "/redaktion/umfragen/smart-kassel/fragen/json/", "/redaktion/umfragen/smart-kassel/fragen/neue-seite/", "/redaktion/umfragen/bibliothek/",
			"/redaktion/umfragen/smart-kassel/uebersetzen/?sprache=ls", "/redaktion/umfragen/smart-kassel/testen/", "/redaktion/umfragen/smart-kassel/pruefen/",
			"/redaktion/umfragen/vorlagen/", "/redaktion/umfragen/import/",
			"/redaktion/umfragen/smart-kassel/ergebnisse/", "/redaktion/umfragen/smart-kassel/ergebnisse/massnahmen/neu/",
			"/redaktion/seiten/service-point/", "/redaktion/seiten/service-point/?sprache=ls",
			"/redaktion/partner/kvg/", "/redaktion/partner/kvg/?sprache=ls",
			"/redaktion/aufrufe/smart-kassel/", "/redaktion/aufrufe/smart-kassel/zugang/",
			"/redaktion/leistungen/neu/", "/redaktion/veranstaltungen/neu/", "/redaktion/umfragen/neu/",
			"/redaktion/leistungen/fuehrungszeugnis/fassungen/1/",
		), [2]string{"/konto/passwort/", "/konto/passwort/"}, [2]string{"/planung/", ""})}, // the last one is refused
		{"autor", plain("/redaktion/", "/redaktion/leistungen/reisepass/")},
		{"moderation", plain("/redaktion/", "/redaktion/leistungen/reisepass/")},
		{"moderation", [][2]string{{"/redaktion/ideen/", "/redaktion/ideen/"}, {"/redaktion/ideen/?stand=released", "/redaktion/ideen/"}, {"/redaktion/ideen/1/", "/redaktion/ideen/"}}},
		{"planung", plain("/planung/", "/planung/exporte/umfragen/smart-kassel/", "/planung/smart-kassel/", "/planung/umfragen/smart-kassel/fragen/", "/planung/umfragen/smart-kassel/kreuztabelle/?zeilen=age_group&spalten=satisfaction",
			"/planung/umfragen/smart-kassel/vergleich/?mit=online-umfrage-2022", "/planung/umfragen/smart-kassel/karte/", "/planung/ansichten/",
			"/planung/berichte/", "/planung/berichte/buchungen/", "/planung/berichte/anliegen/", "/planung/berichte/service-point/")},
		{"schalter", plain("/schalter/", "/schalter/?nummer=A-00000-00000", "/schalter/?status=refused", "/schalter/anliegen/"+ref+"/")},
		{"schalter", [][2]string{{"/schalter/veranstaltungen/", "/schalter/veranstaltungen/"}, {"/schalter/veranstaltungen/balkonsolar/", "/schalter/veranstaltungen/"}, {"/schalter/telefon/", "/schalter/telefon/"}}},
		{"admin", [][2]string{{"/redaktion/", "/redaktion/"}, {"/redaktion/konten/", "/redaktion/konten/"}, {"/redaktion/auftraege/", "/redaktion/auftraege/"}, {"/redaktion/auftraege/pause/?provider=mail", "/redaktion/auftraege/"},
			{"/redaktion/auftraege/webhooks/", "/redaktion/auftraege/"}, {"/redaktion/auftraege/webhooks/neu/", "/redaktion/auftraege/"}, {"/redaktion/geraete/", "/redaktion/geraete/"}, {"/planung/freigaben/", "/planung/"}}},
	} {
		t.Run(role.who, func(t *testing.T) {
			ctx, notes := tab(t, b, s.URL)
			w := way{t: t, ctx: ctx, script: true}
			w.signIn(s, role.who)
			if role.who == "planung" {
				must(t, ctx, chromedp.Navigate(s.URL+"/planung/exporte/umfragen/smart-kassel/"), chromedp.SendKeys("#f-grund", "Vorlage für den Ausschuss"))
				click(t, ctx, "Paket erstellen")
				w.eventually(`a[href^="/planung/exporte/"][download]`)
			}
			for _, p := range role.pages {
				w.open(s.URL + p[0])
				name := p[0]
				if role.who != "redaktion" {
					name = "/" + role.who + name
				}
				var only []look // pages of a template seen in every look already: narrow
				if similar[p[0]] {
					only = looks[2:]
				}
				w.staffPage(strings.ReplaceAll(name, ref, "A-1"), p[1], only...)
			}
			if role.who == "admin" {
				w.open(s.URL + "/redaktion/konten/")
				w.press(`main tbody tr:nth-child(2) th a`)
				w.staffPage("/konten-ein-konto", "/redaktion/konten/")
				w.press(`main form[action$="/passwort/"] button`)
				w.staffPage("/konten-einmalpasswort", "/redaktion/konten/")
			}
			notes.check(t)
		})
	}
}

// busy gives an instance answers, bookings and requests; it returns the number
// of a request.
func busy(t *testing.T, s *instance) string {
	t.Helper()
	one := func(method, path, key string, body map[string]any) string {
		ref, err := reference(method, s.URL+path, key, body)
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	for i, theme := range []string{"energy", "mobility", "energy"} {
		one(http.MethodPut, "/api/v1/surveys/smart-kassel/responses/"+newUUID(), "", map[string]any{"language": "de", "channel": "web",
			"answers": map[string]any{"important_themes": []string{theme}, "use": []string{"advice"}, "visits": i}})
	}
	for i, name := range []string{"Ada Lovelace", "Friederike Luise Wilhelmine von Hohenlohe-Waldenburg"} {
		one(http.MethodPost, "/api/v1/events/balkonsolar/bookings", newUUID(), map[string]any{"name": name, "email": fmt.Sprintf("gast%d@example.org", i), "places": i + 1, "pool": "room"})
	}
	var ref string
	for i, guide := range []string{"sperrmuell", "fuehrungszeugnis"} {
		ref = one(http.MethodPost, "/api/v1/cases", newUUID(), map[string]any{"guide": guide, "name": "Grace Hopper", "email": fmt.Sprintf("grace%d@example.org", i),
			"message": "Guten Tag,\n\nich brauche bitte Auskunft, wie lange es dauert.\n\nVielen Dank", "answers": map[string]any{}})
	}
	return ref
}

// pick chooses an option of a list.
func (w way) pick(selector, value string) {
	w.t.Helper()
	if !w.keys {
		must(w.t, w.ctx, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector(%q).value = %q; 0`, selector, value)))
		return
	}
	k := keyboard{w.t, w.ctx}
	k.to(selector)
	for range 20 {
		if eval[string](w.t, w.ctx, fmt.Sprintf(`document.querySelector(%q).value`, selector)) == value {
			return
		}
		k.press(kb.ArrowDown)
	}
	w.t.Fatalf("the keyboard cannot pick %s in %s", value, selector)
}

// eventually loads the page again until something is there.
func (w way) eventually(selector string) {
	w.t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); {
		if eval[bool](w.t, w.ctx, fmt.Sprintf(`document.querySelector(%q) !== null`, selector)) {
			return
		}
		time.Sleep(250 * time.Millisecond)
		leave(w.t, w.ctx, chromedp.Reload())
	}
	w.t.Fatalf("%s never came", selector)
}

// shows waits until a public page says something, or (not wanted) no longer does.
func shows(t *testing.T, url, text string, wanted bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(body), text) == wanted {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Fatalf("%s: %q shown is not %v after a minute", url, text, wanted)
}

const (
	saveButton    = `main form button[name="aktion"][value="speichern"]`
	previewButton = `main form button[name="aktion"][value="vorschau"]`
	publishButton = `main form button[name="aktion"][value="veroeffentlichen"]`
)

// TestBrowserEditorPublishes is the way from the log-in to a page that is live,
// with JavaScript, without, and by keyboard only.
func TestBrowserEditorPublishes(t *testing.T) {
	b, s := browser(t), running(t)
	ways(t, b, s.URL, func(w way) {
		// The ways run side by side: each has a guide of its own.
		guide := map[bool]string{true: "reisepass", false: "mangel-melden"}[w.script]
		if w.keys {
			guide = "abfallkalender"
		}
		title := "Neu: " + path.Base(w.t.Name())
		w.signIn(s, "redaktion")
		w.press(`main a[href="/redaktion/leistungen/"]`)
		w.press(fmt.Sprintf(`main a[href="/redaktion/leistungen/%s/"]`, guide))
		must(w.t, w.ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector('[name="texts.de.title"]').value = ""; 0`))
		w.press(saveButton)
		w.reads("Bitte prüfen Sie Ihre Angaben")
		w.looks("staff-edit-error")
		w.fill(`[name="texts.de.title"]`, title)
		w.press(saveButton)
		w.reads("Gespeichert")
		w.reads("geändert seit Veröffentlichung")
		w.staffPage("-edit-saved", "/redaktion/")
		shows(w.t, s.URL+"/leistungen/"+guide+"/", title, false)
		w.press(publishButton)
		w.reads("Veröffentlicht")
		w.staffPage("-edit-published", "/redaktion/")
		shows(w.t, s.URL+"/leistungen/"+guide+"/", title, true)
		w.press(previewButton)
		w.reads(title)
		w.reads("Zurück zur Bearbeitung")
		w.looks("staff-preview")
	})
}

// TestBrowserEditorsMeet lets two editors change the same page: the second one
// sees both copies and loses nothing; and an unpublished page is gone.
func TestBrowserEditorsMeet(t *testing.T) {
	b, s := browser(t), running(t)
	ctx, notes := tab(t, b, s.URL)
	w := way{t: t, ctx: ctx, script: true}
	at := s.URL + "/redaktion/veranstaltungen/balkonsolar/"
	w.signIn(s, "redaktion")
	w.open(at)
	other, _ := tab(t, b, s.URL)
	w2 := way{t: t, ctx: other, script: true}
	w2.signIn(s, "redaktion")
	w2.open(at)
	w2.fill(`[name="texts.de.title"]`, "Balkonsolar für alle")
	w2.press(saveButton)
	w.fill(`[name="texts.de.title"]`, "Balkonsolar leicht gemacht")
	w.press(saveButton)
	w.reads("Balkonsolar für alle")
	if got := eval[string](t, ctx, `document.querySelector('[name="texts.de.title"]').value`); got != "Balkonsolar leicht gemacht" {
		t.Errorf("what was typed is lost: %q", got)
	}
	w.staffPage("-conflict", "/redaktion/")
	w.open(s.URL + "/redaktion/")
	w.reads("Balkonsolar für alle")
	w.staffPage("-dashboard-waiting", "/redaktion/")
	shows(t, s.URL+"/veranstaltungen/", "Strom vom Balkon", true)
	w.open(at)
	w.press(`main form[action$="/zuruecknehmen/"] button`)
	w.reads("Zurückgenommen")
	w.staffPage("-withdrawn", "/redaktion/")
	shows(t, s.URL+"/veranstaltungen/", "Strom vom Balkon", false)
	notes.check(t)
}

// TestBrowserCounterAnswers is the work of somebody at the counter: find the
// request, answer it, set its state.
func TestBrowserCounterAnswers(t *testing.T) {
	b, s := browser(t), running(t)
	ways(t, b, s.URL, func(w way) {
		ref := busy(w.t, s)
		w.signIn(s, "schalter")
		w.press(fmt.Sprintf(`main a[href="/schalter/anliegen/%s/"]`, ref))
		w.press(`main form button[type="submit"]`)
		w.reads("Bitte prüfen Sie Ihre Angaben")
		w.looks("staff-case-error")
		w.fill(`#f-message`, "Das dauert etwa zwei Wochen.")
		w.pick(`#f-state`, "in_progress")
		w.press(`main form button[type="submit"]`)
		w.reads("Gespeichert")
		w.reads("In Bearbeitung")
		w.reads("Das dauert etwa zwei Wochen.")
		w.staffPage("-case-answered", "/schalter/")
		w.press(`.staff-menu a[href="/schalter/veranstaltungen/"]`)
		w.press(`main a[href="/schalter/veranstaltungen/balkonsolar/"]`)
		w.reads("Ada Lovelace")
	})
}

// TestBrowserCitizenSeesEverything looks at the citizens' pages that no address
// leads to: receipts, the history of a request, errors and a closed survey.
func TestBrowserCitizenSeesEverything(t *testing.T) {
	b, s := browser(t), running(t)
	ctx, notes := tab(t, b, s.URL)
	w := way{t: t, ctx: ctx, script: true}
	w.open(s.URL + "/leistungen/sperrmuell/anfrage/")
	checkPage(t, ctx, "citizen-ask")
	w.fill(`#f-message`, "Ich möchte ein altes Sofa\nund zwei Stühle abholen lassen.")
	w.fill(`#f-name`, "Grace Hopper")
	w.fill(`#f-email`, "grace@example.org")
	w.press(send)
	checkPage(t, ctx, "citizen-case-receipt")
	w.press(send)
	checkPage(t, ctx, "citizen-follow")
	w.fill(`#f-reply`, "Die Stühle sind aus Holz.")
	w.press(`main form button[value="reply"]`)
	w.reads("Die Stühle sind aus Holz.")
	w.press(`main form button[value="withdraw"]`)
	checkPage(t, ctx, "citizen-follow-error")
	w.open(s.URL + "/anliegen/")
	w.fill(`#f-reference`, "A-00000-00000")
	w.fill(`#f-secret`, "AAAAA-AAAAA-AAAAA-AAAAA")
	w.press(send)
	checkPage(t, ctx, "citizen-wrong-pair")
	w.open(s.URL + "/veranstaltungen/balkonsolar/buchen/")
	checkPage(t, ctx, "citizen-booking")
	w.choose(`input[name="pool"][value="room"]`)
	w.fill(`#f-name`, "Ada Lovelace")
	w.fill(`#f-email`, "ada@example.org")
	w.press(send)
	w.press(`main a[href$="/buchungen/stornieren/"]`)
	checkPage(t, ctx, "citizen-cancel")
	w.press(`main form button.button`)
	checkPage(t, ctx, "citizen-cancelled")
	w.open(s.URL + "/buchungen/")
	w.press(send)
	checkPage(t, ctx, "citizen-booking-lookup-error")
	w.open(s.URL + "/umfragen/smart-kassel/seite/1/")
	checkPage(t, ctx, "citizen-survey-gone")

	w.signIn(s, "redaktion")
	w.open(s.URL + "/redaktion/umfragen/smart-kassel/")
	must(t, ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector('[name="opens_date"]').value = "2020-01-01"; document.querySelector('[name="closes_date"]').value = "2020-02-01"; document.querySelector('[name="closes_time"]').value = "18:00"; 0`))
	w.press(publishButton)
	w.press(publishButton) // on the page that says what it does to stored answers
	w.reads("Veröffentlicht")
	must(t, ctx, call(network.ClearBrowserCookies, cdp.Empty{}))
	w.open(s.URL + "/umfragen/smart-kassel/teilnehmen/")
	checkPage(t, ctx, "citizen-survey-closed")
	w.open(s.URL + "/redaktion/leistungen/")
	checkPage(t, ctx, "citizen-no-staff")
	notes.check(t)
}
