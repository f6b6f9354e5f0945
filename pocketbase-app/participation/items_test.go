package participation_test

import (
	unescape "html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/content/survey/surveytest"
	"servicepoint/pocketbase-app/base/basetest"
)

// everything publishes the questionnaire that has an item of every type.
func everything(t testing.TB, w *world) survey.Questionnaire {
	q := surveytest.Everything()
	q.Opens = basetest.Start.AddDate(0, 0, -1)
	publish(t, w.Platform, q)
	return q
}

func TestEveryTypeIsShownAndNeedsNoScript(t *testing.T) {
	w := newWorld(t)
	q := everything(t, w)
	v := w.visitor(t)
	const at = "/umfragen/everything"
	v.led(v.post(at+"/teilnehmen/", ""), at+"/seite/1/")
	for n, page := range q.Pages {
		p := v.get(at + "/seite/" + string(rune('1'+n)) + "/")
		if p.status == 303 {
			continue // routing hides it
		}
		for _, it := range page.Items {
			if it.Type != survey.Calculated && it.ShowIf.IsZero() && !strings.Contains(p.html, `id="q-`+it.Code+`"`) {
				t.Errorf("page %d shows no %s (%s)", n+1, it.Code, it.Type)
			}
		}
		for _, lang := range []string{"/en", "/ls"} {
			v.see(v.get(lang+at+"/seite/"+string(rune('1'+n))+"/"), 200, `name="s-aktion" value="sprache:de"`)
		}
	}
}

// fields are the values that the browser would send of a page: hidden ones,
// checked ones, texts and chosen options.
func fields(html string) url.Values {
	form := url.Values{}
	attribute := func(tag, name string) string {
		m := regexp.MustCompile(` ` + name + `="([^"]*)"`).FindStringSubmatch(tag)
		if m == nil {
			return ""
		}
		return unescape.UnescapeString(m[1])
	}
	for _, tag := range regexp.MustCompile(`<input[^>]*>`).FindAllString(html, -1) {
		kind := attribute(tag, "type")
		if strings.Contains(tag, " disabled") || kind == "image" || kind == "file" || (kind == "radio" || kind == "checkbox") && !strings.Contains(tag, " checked") {
			continue
		}
		form.Add(attribute(tag, "name"), attribute(tag, "value"))
	}
	for _, m := range regexp.MustCompile(`(?s)<textarea[^>]* name="([^"]*)"[^>]*>\n(.*?)</textarea>`).FindAllStringSubmatch(html, -1) {
		form.Add(m[1], unescape.UnescapeString(m[2]))
	}
	for _, m := range regexp.MustCompile(`(?s)<select[^>]* name="([^"]*)".*?</select>`).FindAllStringSubmatch(html, -1) {
		for _, tag := range regexp.MustCompile(`<option[^>]* selected[^>]*>`).FindAllString(m[0], -1) {
			form.Add(m[1], attribute(tag, "value"))
		}
	}
	return form
}

// send posts a page as a browser does that shows it, with changes.
func (v *visitor) send(path string, changes ...string) page {
	v.t.Helper()
	p := v.get(path)
	v.see(p, 200)
	form := fields(p.html)
	for i := 0; i < len(changes); i += 2 {
		form[changes[i]] = strings.Fields(changes[i+1])
	}
	return v.post(strings.Split(path, "?")[0], form.Encode())
}

func TestAWalkThroughEveryTypeWithoutAScript(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	everything(t, w)
	v := w.visitor(t)
	const at = "/umfragen/everything"
	v.led(v.post(at+"/teilnehmen/", ""), at+"/seite/1/")

	// An answer brings up a further question of the same page: the page comes again.
	p := v.send(at+"/seite/1/", "reason", "other", "reason.text", "Neugier", "topics", "water other", "topics.text", "Bäume", "part", "west", "way", "bike", "member", "yes")
	v.led(p, at+"/seite/1/?weitere=1#q-since")
	v.see(v.get(at+"/seite/1/?weitere=1"), 200, "weitere Fragen", `name="since"`, `value="Neugier"`, `value="west" selected`)
	v.led(v.send("/en"+at+"/seite/1/", "since", "1.5.2014", "s-aktion", "sprache:ls"), "/ls"+at+"/seite/1/")
	v.led(v.send("/ls"+at+"/seite/1/"), "/ls"+at+"/seite/2/")

	// Ranking by buttons alone.
	page2 := at + "/seite/2/"
	v.led(v.send(page2, "s-aktion", "auf:rank:c", "people", "3"), page2+"?fokus=r-rank-c-ab")
	v.led(v.send(page2, "s-aktion", "auf:rank:a"), page2+"?fokus=r-rank-a-hoch")
	v.led(v.send(page2, "s-aktion", "hoch:rank:a"), page2+"?fokus=r-rank-a-runter")
	v.see(v.get(page2+"?fokus=r-rank-a-runter"), 200, `id="r-rank-a-runter" autofocus`, "Antwort a: jetzt auf Platz 1 von 2", `name="people" value="3"`)
	v.led(v.send(page2, "s-aktion", "auf:rank:b"), page2+"?fokus=r-rank-b-hoch")
	v.led(v.send(page2, "s-aktion", "ab:rank:c"), page2+"?fokus=r-rank-c-auf")
	p = v.send(page2, "content", "?dont_know", "stars", "4", "nps", "0", "grid.bus", "good", "grid.tram", "?dont_know", "boxes.bus", "night day", "at", "14.30", "people", "drei")
	v.see(p, 422, `href="#f-people"`, "Bitte geben Sie eine Zahl ein.", `value="drei"`)
	v.led(v.send(page2, "people", "3"), at+"/seite/3/")

	page3 := at + "/seite/3/"
	v.see(v.get(page3), 200, "Idee zu Antwort other?", `type="image"`)
	v.led(v.send(page3, "s-karte:spot.x", "320", "s-karte:spot.y", "256", "name", "Ada"), page3+"?fokus=f-spot-karte")
	v.see(v.get(page3), 200, `value="51.31489,9.46055"`, "data:image/png;base64,")
	v.led(v.send(page3, "idea", "Bänke", "mail", "ada@Example.org", "road", "Ring"), at+"/seite/4/")
	v.led(v.send(at+"/seite/4/", "agree", "yes", "s-aktion", "zurueck"), page3)
	v.led(v.send(page3), at+"/seite/4/")
	v.see(v.get(at+"/seite/4/"), 200, `value="yes" checked`)
	v.led(v.send(at+"/seite/4/"), at+"/pruefen/")
	v.see(v.get(at+"/pruefen/"), 200, "Neugier", "01.05.2014", "Antwort bus: Weiß nicht"[:8], "Antwort tram: Weiß nicht", "1. Antwort a", "2. Antwort b", "ada@example.org")
	v.led(v.post(at+"/pruefen/", ""), at+"/danke/")

	var got string
	if err := w.App.DB().NewQuery(`SELECT r.answers || p.answers FROM responses r JOIN response_personal p USING (survey, id) WHERE survey = 'everything'`).Row(&got); err != nil {
		t.Fatal(err)
	}
	const want = `{"agree":"yes","at":"14:30","boxes.bus":["day","night"],"content?":"dont_know","double":6,"grid.bus":"good","grid.tram?":"dont_know","idea":"Bänke","member":"yes","nps":0,"part":"west","people":3,"rank":["a","b"],"reason":"other","reason.text":"Neugier","road":"Ring","since":"2014-05-01","spot":"51.31489,9.46055","stars":4,"topics":["water","other"],"topics.text":"Bäume","way":"bike"}{"mail":"ada@example.org","name":"Ada"}`
	if got != want {
		t.Errorf("stored\n%s, want\n%s", got, want)
	}
}
