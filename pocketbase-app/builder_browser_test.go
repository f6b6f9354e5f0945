package main

import (
	"testing"
)

const trialNext = `main form button.button[value="weiter"]:not(.visually-hidden)`

// TestBrowserSurveyFromNothing is the way from an empty questionnaire to a survey
// that somebody can open, with JavaScript, without, and by keyboard only.
func TestBrowserSurveyFromNothing(t *testing.T) {
	b, s := browser(t), running(t)
	ways(t, b, s.URL, func(w way) {
		slug := map[bool]string{true: "garten", false: "park"}[w.script]
		if w.keys {
			slug = "hof"
		}
		title := map[string]string{"garten": "Garten", "park": "Park", "hof": "Hof"}[slug]
		at := "/redaktion/umfragen/" + slug + "/"
		w.signIn(s, "redaktion")
		w.open(s.URL + "/redaktion/umfragen/vorlagen/")
		w.fill(`#f-titel`, title)
		w.press(`main form .save-bar button`)
		w.reads("als Entwurf angelegt")
		w.press(`main a[href$="/neue-seite/"]`)
		w.fill(`[name="title.de"]`, "Ihr Platz")
		w.press(`main .save-bar button`)
		w.reads("Seite 1: Ihr Platz")
		w.press(`main .builder-add button`)
		w.press(`main .save-bar button`)
		w.reads("Bitte prüfen Sie Ihre Angaben")
		w.looks("staff-builder-item-error")
		w.fill(`[name="text.de"]`, "Wo sind Sie gern?")
		w.fill(`[name="options.0.text.de"]`, "Bank")
		w.fill(`[name="options.1.text.de"]`, "Wiese")
		w.press(`main button[value="options:add"]`)
		w.reads("noch nicht gespeichert")
		if got := eval[string](w.t, w.ctx, `document.activeElement.name`); got != "options.3.text.de" {
			w.t.Errorf("the focus is at %q and not at the new line", got)
		}
		w.fill(`[name="options.3.text.de"]`, "Spielplatz")
		w.press(`main button[value="options:up:1"]`)
		w.press(`main .save-bar button[value="weitere"]`)
		w.reads("Neue Frage")
		w.fill(`[name="text.de"]`, "Warum die Wiese?")
		w.pick(`[name="show_if.0.var"]`, "wo_sind_sie_gern")
		w.pick(`[name="show_if.0.op"]`, "eq")
		w.fill(`[name="show_if.0.value"]`, "Wiese")
		w.fill(`[name="options.0.text.de"]`, "ruhig")
		w.fill(`[name="options.1.text.de"]`, "schattig")
		w.press(`main .save-bar button[value="speichern"]`)
		w.reads("Frage 1 ist „Wiese“")
		w.press(`main form:has([name="code"][value="wo_sind_sie_gern"]) button[value="runter"]`)
		w.reads("1. Warum die Wiese?") // now its rule names a later question
		w.reads("1 Hinweise")
		w.staffPage("-builder-problem", "/redaktion/")
		w.press(`main form:has([name="code"][value="wo_sind_sie_gern"]) button[value="hoch"]`)
		w.reads("1. Wo sind Sie gern?")

		w.press(`main .tabs a[href="` + at + `testen/"]`)
		w.press(`main button[value="probe"]`)
		w.reads("Das ist die Arbeitsfassung")
		w.looks("survey-trial")
		w.choose(`input[name="wo_sind_sie_gern"][value="wiese"]`)
		if !w.script {
			w.press(trialNext)
			w.reads("weitere Fragen auf dieser Seite")
		}
		if !w.visible(`#q-warum_die_wiese`) {
			w.t.Error("the trial does not follow the rule")
		}
		w.choose(`input[name="warum_die_wiese"][value="ruhig"]`)
		w.press(trialNext)
		w.reads("Alle Antworten")
		w.reads("ruhig")
		w.looks("survey-trial-review")
		w.press(`main button[value="zu:0"]`)
		if !w.checked(`input[name="warum_die_wiese"][value="ruhig"]`) {
			w.t.Error("the way back from all answers lost one")
		}
		w.press(trialNext)
		w.press(trialNext)
		w.reads("Hier endet die Umfrage")
		w.open(s.URL + at + "pruefen/")
		w.reads("noch nicht veröffentlicht")
		w.press(`main button.button-publish`)
		w.reads("Veröffentlicht")
		shows(w.t, s.URL+"/umfragen/"+slug+"/", title, true)
		w.open(s.URL + "/umfragen/" + slug + "/teilnehmen/")
		w.reads(title)
	})
}
