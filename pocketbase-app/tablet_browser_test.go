package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"servicepoint/pocketbase-app/base"

	"github.com/chromedp/chromedp"
)

// Ways of the network between a tablet and the server.
const (
	whole int32 = iota
	cut         // nothing gets through
	lossy       // the server hears what tablets send and cannot be heard
)

// wire is a network that a test can cut.
func wire(t *testing.T, to string) (address string, state *atomic.Int32, lost *atomic.Int32) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	state, lost = new(atomic.Int32), new(atomic.Int32)
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.ModifyResponse = func(r *http.Response) error {
		if state.Load() == lossy && r.Request.Method == http.MethodPut {
			lost.Add(1)
			return errors.New("lost")
		}
		return nil
	}
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if state.Load() == cut {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, state, lost
}

// tabletResponse is what came in from tablets.
type tabletResponse struct {
	ID       string `db:"id"`
	Language string `db:"language"`
	Answers  string `db:"answers"`
}

func fromTablets(t *testing.T, dir string) (rows []tabletResponse) {
	t.Helper()
	db, err := base.Connect(filepath.Join(dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.NewQuery(`SELECT id, language, answers FROM responses WHERE channel = 'tablet' AND survey = 'mobil-in-kassel'`).All(&rows)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// until waits for something in a tab.
func until(t *testing.T, ctx context.Context, js string) {
	t.Helper()
	for range 600 {
		if yes, err := chromedp.Run(ctx, chromedp.Evaluate[bool](js)); err == nil && yes {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("never: %s\n%s", js, eval[string](t, ctx, `document.body.innerText`))
}

// tablet is a browser that was paired at a counter.
type tablet struct {
	way
	url string // of the survey
}

func (d tablet) tap(selector string) {
	d.t.Helper()
	must(d.t, d.ctx, chromedp.Click(chromedp.CSS(selector)))
}

// at waits until a page of the survey is shown.
func (d tablet) at(heading string) {
	d.t.Helper()
	until(d.t, d.ctx, fmt.Sprintf(`[...document.querySelectorAll("h1")].find(h => h.checkVisibility())?.textContent === %q`, heading))
}

func (d tablet) unsent(n int) {
	d.t.Helper()
	until(d.t, d.ctx, fmt.Sprintf(`document.querySelector("[data-unsent]").dataset.unsent === "%d"`, n))
}

// answer goes through the survey; who says who answers.
func (d tablet) answer(who string, look func(name string)) {
	d.t.Helper()
	d.tap(`[data-begin]`)
	d.at("Ihre Wege")
	look("ways")
	if d.visible(`#q-obstacles`) {
		d.t.Error("an item that routing hides is shown")
	}
	d.tap(`[data-next]`)
	until(d.t, d.ctx, `!document.querySelector("[data-faults]").hidden && document.activeElement.matches("[data-faults]")`)
	look("faults")
	d.tap(`input[name="used"][value="none"]`)
	d.tap(`input[name="used"][value="bike"]`)
	if d.checked(`input[name="used"][value="none"]`) {
		d.t.Error("an exclusive answer stays beside another")
	}
	d.tap(`input[name="cycles"][value="yes"]`)
	d.tap(`input[name="obstacles"][value="gaps"]`)
	d.tap(`[data-next]`)
	d.at("Wie gut geht das?")
	look("rating")
	d.tap(`input[name="quality.bike"][value="bad"]`)
	d.tap(`input[name="stars"][value="4"]`)
	d.tap(`[data-next]`)
	d.at("Mit dem Rad")
	d.fill(`#f-km`, "1000")
	d.tap(`[data-next]`)
	d.reads("500")
	d.fill(`#f-km`, "40")
	d.tap(`[data-next]`)
	until(d.t, d.ctx, `!!document.querySelector("[data-ranking]")?.checkVisibility()`)
	d.reads("2000 km")
	d.tap(`button[value="rank_add:priorities:benches"]`)
	d.tap(`button[value="rank_add:priorities:paths"]`)
	d.tap(`button[value="up:priorities:paths"]`)
	if got := eval[string](d.t, d.ctx, `[...document.querySelectorAll(".ranked input")].map(i => i.value).join(" ") + (document.activeElement.closest("[data-ranking]") ? "" : " (focus lost)")`); got != "paths benches" {
		d.t.Errorf("the ranking is %q", got)
	}
	look("ranking")
	d.fill(`#f-short`, who)
	d.tap(`[data-next]`)
	until(d.t, d.ctx, `!!document.querySelector("#q-agree")?.checkVisibility()`)
	look("last")
	d.tap(`input[name="agree"]`)
	d.tap(`[data-next]`)
	d.at("Vielen Dank für Ihre Teilnahme")
}

func TestBrowserTabletAnswersWithoutTheNetwork(t *testing.T) {
	b, s := browser(t), running(t)
	address, network, lost := wire(t, s.URL)
	ctx, notes := tab(t, b, address)
	w := way{t, ctx, true, false}

	// Paired with a code that an administrator made.
	w.signIn(&instance{URL: address}, "admin")
	w.open(address + "/redaktion/geraete/")
	w.fill(`#f-name`, "Tablet am Eingang")
	w.choose(`input[name="kind"][value="tablet"]`)
	w.press(`main form[action="/redaktion/geraete/"] button.button`)
	code := eval[string](t, ctx, `document.querySelector("main .reference").textContent`)
	w.open(address + "/geraet/")
	w.fill(`#f-code`, code)
	w.press(`main form button.button`)
	w.reads("als Tablet verbunden")
	w.open(address + "/tablet/")
	checkPage(t, ctx, "tablet-home")

	d := tablet{w, address + "/tablet" + mobil + "/"}
	d.open(d.url)
	until(t, ctx, `"ready" in document.querySelector("[data-tablet]").dataset`)
	d.at("Wie bewegen Sie sich in Kassel?")
	checkPage(t, ctx, "tablet-start")
	d.answer("Person 1", func(name string) { checkPage(t, ctx, "tablet-"+name) })
	checkPage(t, ctx, "tablet-done")
	d.unsent(0)
	if rows := fromTablets(t, s.Dir); len(rows) != 1 {
		t.Fatalf("%d responses with a network, want 1", len(rows))
	}

	// The network is gone. People go on, the page loads again, nothing is lost.
	none := func(string) {}
	network.Store(cut)
	d.tap(`[data-anew]`)
	d.answer("Person 2", none)
	d.unsent(1)
	d.reads("Noch nicht gesendete Antwortbögen: 1")
	d.open(d.url)
	d.at("Wie bewegen Sie sich in Kassel?")
	d.unsent(1)
	if font := eval[string](t, ctx, `getComputedStyle(document.body).fontFamily`); strings.Contains(font, "Times") {
		t.Error("without the network the style sheet is missing")
	}
	d.answer("Person 3", none)
	d.unsent(2)
	checkPage(t, ctx, "tablet-unsent")
	d.tap(`[data-anew]`)

	// A reload and a change of language keep what somebody has typed, and the next
	// person finds nothing of it.
	d.tap(`[data-begin]`)
	d.at("Ihre Wege")
	d.tap(`input[name="used"][value="tram"]`)
	d.open(d.url)
	d.at("Ihre Wege")
	if !d.checked(`input[name="used"][value="tram"]`) {
		t.Error("a reload lost an answer")
	}
	leave(t, ctx, chromedp.Click(chromedp.CSS(`.languages-here a[hreflang="en"]`)))
	d.at("Your ways")
	if !d.checked(`input[name="used"][value="tram"]`) {
		t.Error("the change of language lost an answer")
	}
	idles(t, ctx, "[data-idle-dialog]")
	for _, v := range violations(t, ctx) {
		t.Errorf("idle dialog: %s", v)
	}
	must(t, ctx, chromedp.Evaluate[chromedp.Void](`Date.now = (now => () => now() + 30000)(Date.now); 0`))
	d.at("How do you get around in Kassel?")
	if d.checked(`input[name="used"][value="tram"]`) || eval[int](t, ctx, `sessionStorage.length`) != 0 {
		t.Error("the next person finds what the last one typed")
	}
	d.unsent(2)
	d.open(d.url)
	d.at("Wie bewegen Sie sich in Kassel?")

	// The network comes back by halves: the server stores, the tablet cannot know.
	network.Store(lossy)
	for range 400 {
		if lost.Load() >= 3 {
			break
		}
		must(t, ctx, chromedp.Evaluate[chromedp.Void](`dispatchEvent(new Event("online")); 0`))
		time.Sleep(100 * time.Millisecond)
	}
	d.unsent(2)
	network.Store(whole)
	d.unsent(0) // by its timer
	rows := fromTablets(t, s.Dir)
	var people []string
	for _, r := range rows {
		for n := 1; n <= 3; n++ {
			if who := fmt.Sprintf("Person %d", n); strings.Contains(r.Answers, `"short":"`+who+`"`) && strings.Contains(r.Answers, `"priorities":["paths","benches"]`) {
				people = append(people, who)
			}
		}
	}
	slices.Sort(people)
	if len(rows) != 3 || strings.Join(people, ", ") != "Person 1, Person 2, Person 3" {
		t.Errorf("%d responses of %v after %d lost acknowledgements: %+v", len(rows), people, lost.Load(), rows)
	}

	// What the server refuses for good stays and is shown.
	must(t, ctx, chromedp.Evaluate[chromedp.Void](`new Promise(done => indexedDB.open("tablet").onsuccess = e => {
		const tx = e.target.result.transaction("outbox", "readwrite");
		tx.objectStore("outbox").put({ id: crypto.randomUUID(), survey: "mobil-in-kassel", state: "waiting", reason: "",
			body: JSON.stringify({ language: "de", channel: "tablet", seed: 0, answers: { used: ["rocket"] } }) });
		tx.oncomplete = done; })`, chromedp.EvalAwaitPromise))
	until(t, ctx, `document.querySelector("[data-kept]").dataset.kept === "1"`)
	d.reads("Nicht angenommene Antwortbögen: 1")
	d.open(address + "/schalter/tablet/")
	until(t, ctx, `document.querySelectorAll("[data-refused] li").length === 1`)
	checkPage(t, ctx, "staff-tablet")
	if !eval[bool](t, ctx, `[...document.querySelectorAll("[data-refused] button")].at(-1).disabled`) {
		t.Error("a refused response can be deleted before it was saved")
	}
	notes.check(t)
}
