package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

const mobil = "/umfragen/mobil-in-kassel"

// rank presses a button of a ranking and waits until the order is as wanted. With
// JavaScript the page stays, and the focus stays in the ranking.
func (w way) rank(button string, order ...string) {
	w.t.Helper()
	selector := fmt.Sprintf(`button[value=%q]`, button)
	if w.keys {
		k := keyboard{w.t, w.ctx}
		if !eval[bool](w.t, w.ctx, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			k.to(selector)
		}
		k.press("\r")
	} else {
		must(w.t, w.ctx, chromedp.Click(chromedp.CSS(selector)))
	}
	want := strings.Join(order, " ")
	var got string
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		s, err := chromedp.Run(w.ctx, chromedp.Evaluate[string](`[...document.querySelectorAll(".ranked input")].map(i => i.value).join(" ") + (document.activeElement.closest("[data-ranking]") ? "" : " (focus lost)")`))
		if got = s; err == nil && got == want {
			return
		}
	}
	w.t.Fatalf("after %s the order is %q, want %q", button, got, want)
}

func (w way) checked(selector string) bool {
	return eval[bool](w.t, w.ctx, fmt.Sprintf(`document.querySelector(%q).checked`, selector))
}

// visible reports whether an item is shown.
func (w way) visible(selector string) bool {
	return eval[bool](w.t, w.ctx, fmt.Sprintf(`!!document.querySelector(%q)?.checkVisibility()`, selector))
}

// TestBrowserAnswersEveryType walks through a survey with every type of item:
// with JavaScript, without, and by keyboard only, to the receipt.
func TestBrowserAnswersEveryType(t *testing.T) {
	b, s := browser(t), running(t)
	ways(t, b, s.URL, func(w way) {
		w.open(s.URL + mobil + "/teilnehmen/")
		w.press(send)
		if w.visible("#q-obstacles") {
			t.Error("an item that routing hides is shown")
		}
		w.choose(`input[name="used"][value="none"]`)
		w.choose(`input[name="used"][value="bike"]`)
		if w.script {
			if w.checked(`input[name="used"][value="none"]`) {
				t.Error("an exclusive answer stays beside another")
			}
		} else {
			w.choose(`input[name="used"][value="none"]`)
		}
		w.choose(`input[name="cycles"][value="yes"]`)
		if !w.script {
			w.press(next)
			w.reads("weitere Fragen")
		}
		if !w.visible("#q-obstacles") {
			t.Error("an item that routing asks for is hidden")
		}
		w.choose(`input[name="obstacles"][value="gaps"]`)
		w.press(next)
		w.choose(`input[name="quality.bike"][value="bad"]`)
		w.choose(`input[name="when.week"][value="morning"]`)
		w.choose(`input[name="stars"][value="4"]`)
		w.choose(`input[name="recommend"][value="9"]`)
		w.press(next)
		w.fill(`#f-km`, "40")
		w.fill(`#f-start`, "8 Uhr")
		w.press(next)
		w.reads("2000 km")
		w.rank("auf:priorities:benches", "benches")
		w.rank("auf:priorities:paths", "benches", "paths")
		w.rank("hoch:priorities:paths", "paths", "benches")
		w.fill(`#f-short`, "Mehr Bänke")
		w.press(next)
		w.fill(`[id="f-spot.address"]`, "Am Stern")
		w.choose(`input[name="agree"]`)
		w.press(next)
		w.reads("1. Radwege ausbauen")
		w.reads("Mit dem Rad: schlecht")
		w.press(send)
		w.reads("U-")
	})
}

// TestBrowserSavesByItself types and leaves without a button: what was typed is
// there when the page comes back, also in another language.
func TestBrowserSavesByItself(t *testing.T) {
	b, s := browser(t), running(t)
	ctx, notes := tab(t, b, s.URL)
	w := way{t, ctx, true, false}
	w.open(s.URL + mobil + "/teilnehmen/")
	w.press(send)
	w.choose(`input[name="used"][value="tram"]`)
	w.press(`.languages a[hreflang="en"]`)
	if !w.checked(`input[name="used"][value="tram"]`) {
		t.Error("the change of language lost an answer")
	}
	w.choose(`input[name="used"][value="walk"]`)
	must(t, ctx, chromedp.Poll[chromedp.Void](`document.querySelector("[data-saved]").textContent !== ""`))
	w.open(s.URL + mobil + "/seite/1/")
	if !w.checked(`input[name="used"][value="walk"]`) {
		t.Error("autosave lost an answer")
	}
	notes.check(t)
}

// TestBrowserSurveyInNineVariants walks the survey in nine ways; axe looks at
// every page on the way, and every walk reaches the receipt.
func TestBrowserSurveyInNineVariants(t *testing.T) {
	b, s := browser(t), running(t)
	desktop := look{"desktop", 1280, 900, "light", nil}
	for _, v := range []struct {
		look
		empty, back, rtl bool
	}{
		{look: desktop},
		{look: look{"mobile", 320, 640, "light", nil}},
		{look: look{"tablet", 820, 1180, "light", nil}},
		{look: look{"forced colours", 1280, 900, "light", map[string]string{"forced-colors": "active"}}},
		{look: look{"reduced motion", 1280, 900, "light", map[string]string{"prefers-reduced-motion": "reduce"}}},
		{look: look{"dark", 1280, 900, "dark", nil}},
		{look: look{"empty submit", 1280, 900, "light", nil}, empty: true},
		{look: look{"back", 1280, 900, "light", nil}, back: true},
		{look: look{"right to left", 820, 1180, "light", nil}, rtl: true},
	} {
		t.Run(v.name, func(t *testing.T) {
			ctx, notes := tab(t, b, s.URL)
			must(t, ctx, v.actions()...)
			w := way{t, ctx, true, false}
			page := 0
			look := func() {
				if v.rtl {
					must(t, ctx, chromedp.Evaluate[chromedp.Void](`document.documentElement.dir = "rtl"; 0`))
				}
				page++
				checkPage(t, ctx, fmt.Sprintf("survey-%d", page), v.look)
			}
			step := func(answer func()) {
				look()
				if v.empty {
					w.press(next)
					look()
					if !strings.Contains(eval[string](t, ctx, `document.body.innerText`), "Bitte prüfen Sie") {
						w.press(`main form button[value="zurueck"]`)
					}
				}
				if answer(); v.back {
					w.press(`main form button[value="zurueck"]`)
					w.press(map[bool]string{true: `main .actions a.button`, false: next}[strings.HasSuffix(eval[string](t, ctx, `location.pathname`), "/teilnehmen/")])
					look()
				}
				w.press(next)
			}
			w.open(s.URL + mobil + "/teilnehmen/")
			look()
			w.press(send)
			step(func() {
				w.choose(`input[name="used"][value="bike"]`)
				w.choose(`input[name="cycles"][value="yes"]`)
				look()
			})
			step(func() {
				w.choose(`input[name="quality.bike"][value="bad"]`)
				w.choose(`input[name="stars"][value="4"]`)
			})
			step(func() { w.fill(`#f-km`, "40") })
			step(func() { w.rank("auf:priorities:benches", "benches") })
			step(func() { w.choose(`input[name="agree"]`) })
			look()
			w.press(send)
			w.reads("U-")
			look()
			notes.check(t)
		})
	}
}

// TestBrowserTerminalAsksAndWipes pairs a terminal, leaves it alone and looks at
// what the next person finds: nothing.
func TestBrowserTerminalAsksAndWipes(t *testing.T) {
	b, s := browser(t), running(t)
	staff, _ := tab(t, b, s.URL)
	admin := way{t, staff, true, false}
	admin.signIn(s, "admin")
	admin.open(s.URL + "/redaktion/geraete/")
	admin.fill(`#f-name`, "Halle")
	admin.choose(`input[name="kind"][value="terminal"]`)
	admin.press(`main form:last-of-type p > button.button`)
	code := eval[string](t, staff, `document.querySelector(".reference").textContent`)

	ctx, notes := tab(t, b, s.URL)
	w := way{t, ctx, true, false}
	w.open(s.URL + "/geraet/")
	w.fill(`#f-code`, code)
	w.press(`main form button.button`)
	w.reads("als Terminal verbunden")
	w.open(s.URL + mobil + "/teilnehmen/")
	w.press(send)
	w.choose(`input[name="used"][value="tram"]`)
	slow := func(ms float64) action {
		return call(network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{Latency: ms, DownloadThroughput: -1, UploadThroughput: -1}}})
	}
	idles(t, ctx, "dialog[data-idle]")
	checkPage(t, ctx, "terminal-idle", looks...)
	must(t, ctx, chromedp.KeyEvent("\r"))
	must(t, ctx, chromedp.Poll[chromedp.Void](`!document.querySelector("dialog").open`))
	if !w.checked(`input[name="used"][value="tram"]`) {
		t.Error("to stay lost an answer")
	}
	// The server needs longer than the page's clock from tick to tick, somebody stops
	// the first sending, and the page's last scrolling must not count as somebody who
	// is there.
	must(t, ctx, call(network.Enable, network.EnableParams{}), slow(2000))
	must(t, ctx, chromedp.Evaluate[chromedp.Void](`{
		const wait = setTimeout, form = document.querySelector("[data-leave]");
		window.setTimeout = (f, ms) => wait(f, ms / 5);
		window.sent = 0;
		form.submit = () => { sent++; HTMLFormElement.prototype.submit.call(form); };
	} 0`))
	runs := chromedp.Evaluate[chromedp.Void](`{ const from = realNow(), at = Date.now(); Date.now = () => at + 130 * (realNow() - from + 1000); } 0`)
	must(t, ctx, runs, chromedp.Poll[chromedp.Void](`sent === 1`), call(page.StopLoading, cdp.Empty{}))
	leave(t, ctx)
	must(t, ctx, slow(0))
	if at := eval[string](t, ctx, `location.pathname`); at != mobil+"/teilnehmen/" {
		t.Errorf("after the time limit the terminal shows %s", at)
	}
	w.open(s.URL + mobil + "/seite/1/")
	w.reads("nicht mehr da")
	notes.check(t)
}
