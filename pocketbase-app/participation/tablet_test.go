package participation_test

import (
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"servicepoint/content"
	"servicepoint/content/survey"
)

func TestATabletGetsTheWholeQuestionnaireInOnePage(t *testing.T) {
	w := newWorld(t)
	stranger := w.visitor(t)
	stranger.led(stranger.get("/tablet/"), "/geraet/")
	stranger.led(stranger.get("/tablet/umfragen/smart-kassel/"), "/geraet/")
	counterTerminal, _ := w.terminal(t, "terminal")
	counterTerminal.led(counterTerminal.get("/tablet/umfragen/smart-kassel/"), "/geraet/")

	q := smartKassel()
	q.Version = 2
	q.TimeLimit = 90
	q.Pages[0].Items[2].Random = true
	q.Pages[1].Items = append(q.Pages[1].Items,
		survey.Item{Code: "look", Type: survey.Photo, Text: content.Text{"de": "Ein Bild Ihrer Straße?"}},
		survey.Item{Code: "why", Type: survey.LongText, Text: content.Text{"de": "Warum {street}?"}})
	publish(t, w.Platform, q)
	v, _ := w.terminal(t, "tablet")
	v.see(v.get("/tablet/"), 200, `href="/tablet/umfragen/smart-kassel/"`)
	p := v.get("/tablet/umfragen/smart-kassel/")
	v.see(p, 200, `name="district"`, `name="idea"`, "Ein Bild Ihrer Straße?", "Dateien und Fotos gehen auf dem Tablet nicht", "Warum {street}?")
	setup := html.UnescapeString(p.html)
	for _, want := range []string{`"idle":90`, `"version":2`, `"paths":["/tablet/umfragen/smart-kassel/","/en/tablet/umfragen/smart-kassel/","/ls/tablet/umfragen/smart-kassel/"]`} {
		if !strings.Contains(setup, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(p.html, `s-datei:look`) || strings.Contains(p.html, `type="image"`) || strings.Contains(setup, `"code":"look"`) {
		t.Error("the page asks for what needs the network")
	}
	if n := strings.Count(setup, `"seed":`); n != 32 {
		t.Errorf("%d random orders", n)
	}
	v.see(v.get("/en/tablet/umfragen/smart-kassel/"), 200, "Where do you live?")

	worker := v.get("/tablet/worker.js")
	if worker.status != 200 || worker.header.Get("Service-Worker-Allowed") != "/" || !strings.HasPrefix(worker.header.Get("Content-Type"), "text/javascript") {
		t.Errorf("worker: %d %v", worker.status, worker.header)
	}
}

func TestATabletRefusesInWordsWhatItCannotAsk(t *testing.T) {
	w := newWorld(t)
	v, _ := w.terminal(t, "tablet")
	for i, access := range []string{survey.AccessCode, survey.AccessInvitation, survey.AccessAccount} {
		q := smartKassel()
		q.Slug, q.Access = fmt.Sprintf("named-%d", i), access
		publish(t, w.Platform, q)
		v.see(v.get("/tablet/umfragen/"+q.Slug+"/"), 409, "Code, eine Einladung oder ein Konto")
	}
	q := smartKassel()
	q.Slug = "photos"
	q.Pages[0].Items = append(q.Pages[0].Items, survey.Item{Code: "look", Type: survey.Photo, Required: true, Text: content.Text{"de": "Ein Bild?"}})
	publish(t, w.Platform, q)
	v.see(v.get("/tablet/umfragen/photos/"), 409, "verlangt eine Datei oder ein Foto")
	setState(t, w.Platform, "smart-kassel", "withdrawn")
	v.see(v.get("/tablet/umfragen/smart-kassel/"), 409)
	v.see(v.get("/tablet/"), 200, "keine Umfrage für Tablets")
	v.see(v.get("/tablet/umfragen/nie/"), 404)
}

func TestAPairedTabletNeedsNoProofOfWork(t *testing.T) {
	w := newWorld(t)
	q := smartKassel()
	q.Slug, q.Access = "proof", survey.AccessProof
	publish(t, w.Platform, q)
	tablet, _ := w.terminal(t, "tablet")
	tablet.see(tablet.get("/tablet/umfragen/proof/"), 200)
	put := func(v *visitor) int {
		req, err := http.NewRequest("PUT", w.srv.URL+"/api/v1/surveys/proof/responses/"+newID(), strings.NewReader(`{"language":"de","channel":"tablet","answers":{"district":"west"}}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		r, err := v.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		return r.StatusCode
	}
	if got := put(tablet); got != 201 {
		t.Errorf("a tablet: %d", got)
	}
	if got := put(w.visitor(t)); got != 403 {
		t.Errorf("somebody who is no tablet: %d", got)
	}
}

// losing is a network that passes requests on and loses the answers of the server
// as long as lose says so: the server has stored what the tablet cannot know.
func losing(t *testing.T, target string, lose func(path string) bool) (string, *atomic.Int64) {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	var lost atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.ModifyResponse = func(r *http.Response) error {
		if !lose(r.Request.URL.Path) {
			return nil
		}
		lost.Add(1)
		return errors.New("lost")
	}
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	srv := httptest.NewUnstartedServer(proxy)
	srv.Config.ErrorLog = nil
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.URL, &lost
}

// TestLostAnswersOfTheServerMakeNoDuplicates is the case of the public tablet whose
// network lost the acknowledgements: every one of 37 responses on each of four
// tablets is sent up to seven times. The control makes an id for every try, as
// that tablet did.
func TestLostAnswersOfTheServerMakeNoDuplicates(t *testing.T) {
	t.Parallel()
	const tablets, people, most = 4, 37, 6
	run := func(t *testing.T, perTry bool) (responses, different, lost int) {
		w := newWorld(t)
		_, cookie := w.terminal(t, "tablet")
		paired, _, _ := strings.Cut(cookie, ";")
		var mu sync.Mutex
		tries := map[string]int{}
		address, gone := losing(t, w.srv.URL, func(path string) bool {
			mu.Lock()
			defer mu.Unlock()
			tries[path]++
			if perTry {
				return len(tries)%3 != 0
			}
			return tries[path] <= int(path[len(path)-1])%(most+1)
		})
		var all sync.WaitGroup
		for tablet := range tablets {
			all.Go(func() {
				client := &http.Client{Transport: &http.Transport{}}
				defer client.CloseIdleConnections()
				for person := range people {
					body := fmt.Sprintf(`{"language":"de","channel":"tablet","seed":0,"answers":{"district":"mitte","street":"Tablet %d, Person %d"}}`, tablet, person)
					id := newID()
					for {
						if perTry {
							id = newID()
						}
						req, err := http.NewRequest("PUT", address+"/api/v1/surveys/smart-kassel/responses/"+id, strings.NewReader(body))
						if err != nil {
							t.Error(err)
							return
						}
						req.Header.Set("Content-Type", "application/json")
						req.Header.Set("Cookie", paired)
						r, err := client.Do(req)
						if err != nil {
							continue
						}
						r.Body.Close()
						if r.StatusCode != 200 && r.StatusCode != 201 {
							t.Errorf("status %d", r.StatusCode)
							return
						}
						break
					}
				}
			})
		}
		all.Wait()
		rows := w.rows(t)
		seen := map[string]bool{}
		for _, r := range rows {
			seen[r.Answers] = true
			if r.Channel != "tablet" {
				t.Errorf("channel %q", r.Channel)
			}
		}
		return len(rows), len(seen), int(gone.Load())
	}
	const want = tablets * people
	t.Run("one id for every person", func(t *testing.T) {
		responses, different, lost := run(t, false)
		if responses != want || different != want {
			t.Errorf("%d responses of %d people, want %d", responses, different, want)
		}
		if lost < want {
			t.Errorf("only %d answers of the server were lost: the test shows nothing", lost)
		}
		t.Logf("%d people, %d acknowledgements lost, %d responses", want, lost, responses)
	})
	t.Run("control: an id for every try", func(t *testing.T) {
		responses, different, lost := run(t, true)
		if different != want || responses <= want {
			t.Errorf("%d responses of %d people after %d losses: the test would not notice duplicates", responses, different, lost)
		}
		t.Logf("%d people, %d acknowledgements lost, %d responses", want, lost, responses)
	})
}
