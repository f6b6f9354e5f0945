package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/pocketbase-app/base"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

//go:embed testdata/axe/axe.min.js
var axe string

// chromium is the one browser of all tests: tabs have cookies and storage of their own.
var chromium struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

func startChromium(path string) {
	dir, err := os.MkdirTemp("", "servicepoint-chromium")
	if err != nil {
		chromium.err = err
		return
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WSURLReadTimeout(time.Minute),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.UserDataDir(dir))...)
	ctx, cancel := chromedp.NewContext(alloc)
	chromium.ctx, chromium.err = ctx, chromedp.Do(ctx)
	chromium.stop = func() {
		cancel()
		stop()
		os.RemoveAll(dir)
	}
}

// browser gives a test the browser, and lets the test run beside others that use
// it: most of their time goes to waiting for pages. In CI a missing Chromium is a
// failure, elsewhere the journeys are skipped and say so.
func browser(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("browser journeys are left out with -short")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is missing; .ci/tools test installs it")
		}
		t.Skip("SKIPPED: chromium is missing (apt-get install chromium)")
	}
	t.Parallel()
	if chromium.once.Do(func() { startChromium(path) }); chromium.err != nil {
		t.Fatal(chromium.err)
	}
	return chromium.ctx
}

// patience is how long a test waits for what comes in a moment on an idle machine.
const patience = time.Minute

// tab opens a new tab, in front of all others, that notes console errors and requests to other hosts.
func tab(t *testing.T, parent context.Context, origin string) (context.Context, *notes) {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext()) // cookies of its own
	t.Cleanup(cancel)
	ctx, stop := context.WithTimeout(ctx, 10*time.Minute) // a fault that hangs must end; nothing is measured by it
	t.Cleanup(stop)
	n := &notes{}
	err := chromedp.Listen(ctx, func(ev any) {
		switch ev := ev.(type) {
		case *runtime.EventExceptionThrown:
			n.add("exception: " + ev.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			// A 4xx that a journey provokes is logged as a network error; pages judge those by status.
			if ev.Entry.Level == log.EntryLevelError && ev.Entry.Source != log.EntrySourceNetwork {
				n.add("console: " + ev.Entry.Text)
			}
		case *network.EventRequestWillBeSent:
			if u := ev.Request.URL; !strings.HasPrefix(u, origin) && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "blob:") {
				n.add("request to another host: " + u)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	must(t, ctx, call(network.Enable, network.EnableParams{}), call(log.Enable, cdp.Empty{}),
		call(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}))
	return ctx, n
}

type notes struct {
	mu  sync.Mutex
	all []string
}

func (n *notes) add(s string) { n.mu.Lock(); n.all = append(n.all, s); n.mu.Unlock() }

func (n *notes) check(t *testing.T) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.all {
		t.Error(s)
	}
}

// must does the actions; an element that does not come fails the test and does not hang it.
func must(t *testing.T, ctx context.Context, actions ...action) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// action is a step in a tab that gives no value.
type action = chromedp.Action[chromedp.Void]

// call is a command of the protocol as an action.
func call[P, R any](cmd cdp.Command[P, R], params P) action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cmd, params)
		return err
	})
}

// eval runs JavaScript in the tab and decodes its value.
func eval[T any](t *testing.T, ctx context.Context, js string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", js, err)
	}
	return v
}

// violations runs axe with the rules of WCAG 2.2 AA and best practices.
func violations(t *testing.T, ctx context.Context) []string {
	t.Helper()
	if !eval[bool](t, ctx, `"axe" in window`) {
		must(t, ctx, chromedp.Evaluate[chromedp.Void](axe+";0"))
	}
	found := eval[string](t, ctx, `axe.run(document, {runOnly: ["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"], resultTypes: ["violations"]})
		.then(r => JSON.stringify(r.violations.map(v => v.id + ": " + v.nodes.map(n => n.target.join(" ") + " " + (n.any[0]||n.all[0]||n.none[0]||{}).message).slice(0,3).join(" | "))))`)
	var list []string
	if err := json.Unmarshal([]byte(found), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// look is one way to look at a page.
type look struct {
	name   string
	width  int64
	height int64
	scheme string
	media  map[string]string // further media features
}

var looks = []look{
	{"light", 1280, 900, "light", nil},
	{"dark", 1280, 900, "dark", nil},
	{"narrow", 320, 640, "light", nil},
}

func (l look) actions() []action {
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}}
	for name, value := range l.media {
		features = append(features, &emulation.MediaFeature{Name: name, Value: value})
	}
	return []action{
		call(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.width < 500}),
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}),
	}
}

// checkPage looks at the page in a tab, in every look unless some are named: axe
// finds nothing and nothing sticks out to the side. With SCREENSHOTS=dir it keeps pictures.
func checkPage(t *testing.T, ctx context.Context, name string, only ...look) {
	t.Helper()
	if only == nil {
		only = looks
	}
	for _, l := range only {
		must(t, ctx, l.actions()...)
		for _, v := range violations(t, ctx) {
			t.Errorf("%s, %s: %s", name, l.name, v)
		}
		if over := eval[int](t, ctx, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
			t.Errorf("%s, %s: %d px stick out: %s", name, l.name, over, eval[string](t, ctx,
				`[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth+1).slice(0,4).map(e => e.tagName+"."+e.className).join(" ")`))
		}
		if dir := os.Getenv("SCREENSHOTS"); dir != "" {
			png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			if err != nil {
				t.Fatal(err)
			}
			file := strings.NewReplacer("/", "_", "?", "_", "=", "_").Replace(strings.Trim(name, "/")) + "-" + l.name + ".png"
			if err := os.WriteFile(filepath.Join(dir, file), png, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// keyboard moves through a page as somebody without a mouse does.
type keyboard struct {
	t   *testing.T
	ctx context.Context
}

// to presses Tab until the element has the focus; the focus must be visible on the way.
func (k keyboard) to(selector string) {
	k.t.Helper()
	for range 150 {
		must(k.t, k.ctx, chromedp.KeyEvent(kb.Tab))
		state := eval[[]string](k.t, k.ctx, fmt.Sprintf(`(() => {
			const e = document.activeElement; if (!e || e === document.body) return ["", "", ""];
			const boxes = [e, ...(e.labels || [])].map(x => getComputedStyle(x));
			const seen = boxes.some(c => (c.outlineStyle !== "none" && parseFloat(c.outlineWidth) > 0) || c.boxShadow !== "none");
			return [String(e.matches(%q)), String(seen), e.outerHTML.slice(0, 80)]; })()`, selector))
		if state[0] == "" {
			continue
		}
		if state[1] != "true" {
			k.t.Errorf("focus cannot be seen on %s", state[2])
		}
		if state[0] == "true" {
			return
		}
	}
	k.t.Fatalf("the keyboard does not reach %s on %s", selector, eval[string](k.t, k.ctx, `location.pathname`))
}

// press sends keys to whatever has the focus.
func (k keyboard) press(keys string) {
	k.t.Helper()
	must(k.t, k.ctx, chromedp.KeyEvent(keys))
}

// enter presses Enter on the element and waits for the next page.
func (k keyboard) enter(selector string) {
	k.t.Helper()
	k.to(selector)
	leave(k.t, k.ctx, chromedp.KeyEvent(kb.Enter))
}

// leave does something that leads to another page and waits until that has loaded.
func leave(t *testing.T, ctx context.Context, actions ...action) {
	t.Helper()
	from := eval[string](t, ctx, `window.isOld = true; location.href`)
	must(t, ctx, actions...)
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		// While the page changes there is nothing to ask.
		if fresh, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`!window.isOld && document.readyState === "complete"`)); err == nil && fresh {
			return
		}
	}
	t.Fatalf("no new page after %s", from)
}

// idles lets 100 of a shared device's 120 seconds pass until it asks who is there, and
// stops its clock. What the page still tells of the last press, as its scrolling, counts
// as somebody who is there: then as much time passes again.
func idles(t *testing.T, ctx context.Context, dialog string) {
	t.Helper()
	must(t, ctx, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{
		const dialog = document.querySelector(%q), asked = new AbortController();
		let passed = 0;
		window.realNow = Date.now;
		Date.now = () => realNow() + passed;
		const pass = () => { if (!dialog.open) passed += 100000; };
		for (const event of ["pointerdown", "keydown", "input", "scroll"]) addEventListener(event, pass, { capture: true, signal: asked.signal });
		pass();
		window.stopClock = () => { asked.abort(); Date.now = (at => () => at)(Date.now()); };
	} 0`, dialog)))
	must(t, ctx, chromedp.Poll[chromedp.Void](fmt.Sprintf(`document.querySelector(%q).open && document.activeElement.closest("dialog") !== null`, dialog)))
	must(t, ctx, chromedp.Evaluate[chromedp.Void](`stopClock(); 0`))
}

// click presses a button or link found by its visible text inside main.
func click(t *testing.T, ctx context.Context, label string) {
	t.Helper()
	leave(t, ctx, chromedp.Click(fmt.Sprintf(`//main//*[self::a or self::button][contains(normalize-space(.), %q)]`, label)))
}

// logDump is everything in PocketBase's log of a stopped instance.
func logDump(t *testing.T, dir string) string {
	t.Helper()
	db, err := base.Connect(filepath.Join(dir, "auxiliary.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var rows []string
	if err := db.NewQuery("SELECT message || ' ' || data FROM _logs").Column(&rows); err != nil {
		t.Fatal(err)
	}
	return strings.Join(rows, "\n")
}
