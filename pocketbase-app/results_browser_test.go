package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestBrowserResults is the way from answers to a public page of results: a
// publisher looks at the figures, releases them, writes what the city did, and
// everybody reads it, in every language and look.
func TestBrowserResults(t *testing.T) {
	b, s := browser(t), running(t)
	for i := range 24 {
		answers := map[string]any{"important_themes": []string{[]string{"energy", "mobility"}[i%2]}, "use": []string{"advice"}, "visits": i % 3}
		if _, err := reference(http.MethodPut, s.URL+"/api/v1/surveys/smart-kassel/responses/"+newUUID(), "", map[string]any{"language": "de", "channel": "web", "answers": answers}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, notes := tab(t, b, s.URL)
	w := way{t: t, ctx: ctx, script: true}
	w.signIn(s, "redaktion")
	const at = "/redaktion/umfragen/smart-kassel/ergebnisse/"
	w.open(s.URL + at)
	w.press(`main button[name="aktion"][value="ansehen"]`)
	w.staffPage("/ergebnisse-vorschau", "/redaktion/")
	w.press(`main button[name="aktion"][value="freigeben"]`)
	w.staffPage("/ergebnisse-freigegeben", "/redaktion/")
	w.press(`main button[name="aktion"][value="freigeben"]`) // nothing new and no reason
	w.staffPage("/ergebnisse-zu-frueh", "/redaktion/")
	w.open(s.URL + at + "massnahmen/neu/")
	w.fill(`[name="title.de"]`, "Mehr Sprechstunden")
	w.fill(`[name="said.de"]`, "Beratung ist **wichtig**.")
	w.fill(`[name="did.de"]`, "Wir öffnen länger.")
	w.press(`main button[name="aktion"][value="speichern"]`)
	w.staffPage("/ergebnisse-massnahme", "/redaktion/")

	const public = "/umfragen/smart-kassel/ergebnisse/"
	shows(t, s.URL+public, "Mehr Sprechstunden", true)
	for lang, seen := range map[string][]look{"": looks, "/en": looks[2:], "/ls": looks[2:]} {
		must(t, ctx, chromedp.Navigate(s.URL+lang+public))
		checkPage(t, ctx, lang+public, seen...)
		if n := eval[int](t, ctx, `document.querySelectorAll("svg.result-chart").length`); n == 0 {
			t.Errorf("%s%s has no chart", lang, public)
		}
	}
	must(t, ctx, chromedp.Navigate(s.URL+"/umfragen/smart-kassel/"))
	if html := eval[string](t, ctx, `document.querySelector("main").innerHTML`); !strings.Contains(html, public) {
		t.Error("the survey's page does not lead to its results")
	}
	notes.check(t)
}
