package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/color"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/citymap"
	"servicepoint/content/survey"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// publishSurvey imports a questionnaire of one question and publishes it.
func publishSurvey(t *testing.T, s *instance, staff *http.Client, title, access string) (slug string) {
	t.Helper()
	de := func(s string) content.Text { return content.Text{content.German: s} }
	doc, err := json.Marshal(survey.Questionnaire{Slug: "x", Languages: []string{content.German}, Title: de(title), Anonymous: true, Access: access,
		Pages: []survey.Page{{Code: "eins", Title: de("Eine Frage"), Items: []survey.Item{{Code: "gern", Type: survey.YesNo, Text: de("Sind Sie gern hier?")}}}}})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	w.WriteField("json", string(doc))
	w.WriteField("titel", title)
	w.Close()
	req, err := http.NewRequest("POST", s.URL+"/redaktion/umfragen/import/", &b)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	res, err := staff.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	m := regexp.MustCompile(`/umfragen/([a-z-]+)/`).FindStringSubmatch(res.Header.Get("Location"))
	if m == nil {
		t.Fatalf("%s was not imported: %d", title, res.StatusCode)
	}
	publishDocument(t, s, staff, "/redaktion/umfragen/"+m[1]+"/")
	return m[1]
}

func publishDocument(t *testing.T, s *instance, staff *http.Client, at string) {
	t.Helper()
	_, body := ask(t, staff, "GET", s.URL+at, nil)
	rev := regexp.MustCompile(`name="rev" value="(\d+)"`).FindStringSubmatch(body)
	if rev == nil {
		t.Fatalf("%s: %.300s", at, body)
	}
	if res, body := ask(t, staff, "POST", s.URL+at+"veroeffentlichen/", url.Values{"rev": {rev[1]}, "aktion": {"veroeffentlichen"}}); res.StatusCode != 303 {
		t.Fatalf("%s was not published: %d %.800s", at, res.StatusCode, body)
	}
}

// TestBrowserProofOfWork answers a survey that asks for a proof of work: the script
// solves the challenge; without it the form counts after a while.
func TestBrowserProofOfWork(t *testing.T) {
	b, s := browser(t), running(t)
	staff := visitor(t)
	signIn(t, staff, s.URL, "redaktion")
	start := s.URL + "/umfragen/" + publishSurvey(t, s, staff, "Arbeit", survey.AccessProof) + "/teilnehmen/"

	still, quiet := tab(t, b, s.URL)
	must(t, still, call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	slow := way{t, still, false, false}
	slow.open(start)
	opened := time.Now()

	ctx, notes := tab(t, b, s.URL)
	w := way{t, ctx, true, false}
	w.open(start)
	checkPage(t, ctx, "survey-proof")
	must(t, ctx, chromedp.Poll[chromedp.Void](`document.querySelector("[data-proof]").value !== ""`))
	solved := eval[map[string]any](t, ctx, `JSON.parse(atob(document.querySelector("[data-proof]").value))`)
	if solved["algorithm"] != "SHA-256" || solved["signature"] == "" || solved["number"] == nil {
		t.Errorf("the script solved %v", solved)
	}
	finish := func(w way) {
		t.Helper()
		w.press(send)
		w.choose(`input[name="gern"][value="yes"]`)
		w.press(next)
		w.press(send)
		w.reads("U-")
	}
	finish(w)
	notes.check(t)

	// Too early: the page says for how long, and keeps its ticket.
	if time.Since(opened) < 10*time.Second {
		slow.press(send)
		if at := eval[string](t, still, `location.pathname`); !strings.HasSuffix(at, "/teilnehmen/") {
			t.Errorf("without work or patience one gets to %s", at)
		}
		slow.reads("Sekunden")
	}
	time.Sleep(time.Until(opened.Add(16 * time.Second))) // the wait is what is tested
	finish(slow)
	quiet.check(t)
}

// TestBrowserAccessPages looks at the pages of access: of a survey and of a call
// with codes, the slips, the log-in of citizens; a code from a slip opens both.
func TestBrowserAccessPages(t *testing.T) {
	b, s := browser(t), running(t)
	staff := visitor(t)
	signIn(t, staff, s.URL, "redaktion")
	slug := publishSurvey(t, s, staff, "Nur mit Zettel", survey.AccessCode)
	call := url.Values{"title.de": {"Wünsche mit Zettel"}, "intro.de": {"Schreiben Sie uns."}, "topics": {"energie"}, "access": {"code"}, "anonymous": {"ja"}}
	if res, body := ask(t, staff, "POST", s.URL+"/redaktion/aufrufe/neu/", call); res.StatusCode != 303 {
		t.Fatalf("%d %.800s", res.StatusCode, body)
	}
	publishDocument(t, s, staff, "/redaktion/aufrufe/wuensche-mit-zettel/")

	ctx, notes := tab(t, b, s.URL)
	w := way{t, ctx, true, false}
	see := func(name string) { t.Helper(); checkPage(t, ctx, name, looks[2]) } // narrow shows the most
	w.signIn(s, "redaktion")
	w.open(s.URL + "/redaktion/umfragen/" + slug + "/zugang/")
	see("staff-survey-access")
	w.fill(`#f-anzahl`, "3")
	w.press(`main form[action$="/codes/"] button`)
	see("staff-survey-slips")
	codes := regexp.MustCompile(`\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}\b`)
	survey := codes.FindString(eval[string](t, ctx, `document.querySelector("main").innerText`))
	w.open(s.URL + "/redaktion/aufrufe/wuensche-mit-zettel/zugang/")
	see("staff-idea-access")
	w.fill(`#f-n`, "2")
	w.press(`main form button.button`)
	see("staff-idea-slips")
	idea := codes.FindString(eval[string](t, ctx, `document.querySelector("main").innerText`))
	if survey == "" || idea == "" {
		t.Fatalf("codes %q and %q", survey, idea)
	}
	notes.check(t)

	ctx, notes = tab(t, b, s.URL)
	w = way{t, ctx, true, false}
	w.open(s.URL + "/umfragen/" + slug + "/teilnehmen/")
	w.press(send)
	see("survey-code-error")
	w.fill(`#f-zugangscode`, survey)
	w.press(send)
	w.reads("Sind Sie gern hier?")
	w.open(s.URL + "/ideen/wuensche-mit-zettel/einreichen/")
	w.fill(`#f-title`, "Bänke am Fluss")
	w.fill(`#f-text`, "Mehr Bänke an der Fulda, bitte.")
	w.pick(`#f-topic`, "energie")
	w.press(`main form .actions button.button`)
	see("idea-code-error")
	w.fill(`#f-zugangscode`, idea)
	w.press(`main form .actions button.button`)
	w.reads("Danke, Ihre Idee ist angekommen.")
	w.open(s.URL + "/konto/anmelden/")
	see("account-sign-in")
	w.press(`main form button`)
	see("account-sign-in-error")
	w.fill(`#f-email`, "ada@example.org")
	w.press(`main form button`)
	see("account-code")
	w.fill(`#f-code`, "000000")
	w.press(`main form button`)
	see("account-code-error")
	notes.check(t)
}

// TestBrowserIdeasInVariants hands in an idea with a picture and a point on the map
// in forced colours, with reduced motion, and by keyboard from right to left.
func TestBrowserIdeasInVariants(t *testing.T) {
	b, s := browser(t), running(t)
	for _, v := range []struct {
		look
		rtl, keys bool
	}{
		{look: look{"forced colours", 1280, 900, "light", map[string]string{"forced-colors": "active"}}},
		{look: look{"reduced motion", 320, 640, "dark", map[string]string{"prefers-reduced-motion": "reduce"}}},
		{look: look{"right to left", 820, 1180, "light", nil}, rtl: true, keys: true},
	} {
		t.Run(v.name, func(t *testing.T) {
			ctx, notes := tab(t, b, s.URL)
			must(t, ctx, v.actions()...)
			w := way{t, ctx, true, v.keys}
			see := func(name string) {
				t.Helper()
				if v.rtl {
					must(t, ctx, chromedp.Evaluate[chromedp.Void](`document.documentElement.dir = "rtl"; 0`))
				}
				checkPage(t, ctx, name, v.look)
			}
			w.open(s.URL + "/ideen/smart-kassel/einreichen/")
			see("idea-form")
			if v.keys {
				w.fill(`#f-point`, "51.31250, 9.49720")
			}
			w.press(`main form .actions button.button`)
			see("idea-form-error")
			w.fill(`#f-title`, "Bänke am Fluss")
			w.fill(`#f-text`, "Mehr Bänke an der Fulda, bitte. "+v.name)
			w.pick(`#f-topic`, "energie")
			at := citymap.Place{Latitude: 51.3125, Longitude: 9.4972}
			if !v.keys {
				must(t, ctx, chromedp.ScrollIntoView(chromedp.CSS(`#f-karte`)),
					chromedp.Evaluate[chromedp.Void](`{ const f = document.querySelector(".map-picture-frame"); f.scrollLeft = (f.scrollWidth - f.clientWidth) / 2; } 0`))
				w.press(`#f-karte`) // its middle
				if got := eval[string](t, ctx, `document.querySelector("#f-point").value`); got == "" {
					t.Error("a click on the map gives no point")
				}
				at, _ = citymap.At(citymap.Width/2, citymap.Height/2)
				see("idea-form-marker")
			}
			x, y := citymap.XY(at)
			if off := eval[float64](t, ctx, fmt.Sprintf(`(() => { const m = document.querySelector(".map-picture-marker circle").getBoundingClientRect(), k = document.querySelector("#f-karte").getBoundingClientRect();
				return Math.hypot(m.x + m.width / 2 - k.x - %f, m.y + m.height / 2 - k.y - %f); })()`, x, y)); off > 4 {
				t.Errorf("the marker is %.0f px away from the point", off)
			}
			w.attach(`#f-picture`, photoFile(t, "idee.jpg", color.RGBA{90, 60, 30, 255}))
			w.fill(`#f-alt`, "Eine Bank")
			w.press(`main form .actions button.button`)
			w.reads("Danke, Ihre Idee ist angekommen.")
			see("idea-mine")
			must(t, ctx, chromedp.Poll[chromedp.Void](`(i => i.complete && i.naturalWidth === 400)(document.querySelector("img.idea-picture"))`))
			notes.check(t)
		})
	}
	// A moderator sees it and lets it out; then everybody does.
	ctx, notes := tab(t, b, s.URL)
	w := way{t, ctx, true, false}
	w.signIn(s, "moderation")
	w.open(s.URL + "/redaktion/ideen/")
	w.press(`main table a, main .rows a`)
	w.staffPage("-idea-picture", "/redaktion/ideen/", looks...)
	address := eval[string](t, ctx, `location.pathname`)
	w.press(fmt.Sprintf(`form[action=%q]:has([value="released"]) button`, address))
	w.open(s.URL + address)
	page := eval[string](t, ctx, `document.querySelector("dl.facts a[href^='/ideen/']").getAttribute("href")`)
	shows(t, s.URL+page, `alt="Eine Bank"`, true)
	w.open(s.URL + page)
	must(t, ctx, chromedp.Poll[chromedp.Void](`(i => i.complete && i.naturalWidth === 400)(document.querySelector("img.idea-picture"))`))
	checkPage(t, ctx, "idea-page-picture")
	notes.check(t)
}
