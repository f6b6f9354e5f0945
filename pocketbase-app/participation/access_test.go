package participation_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/base/gate"
)

// publishAs publishes smart-kassel under another slug after a change.
func (w *world) publishAs(t testing.TB, slug string, change func(*survey.Questionnaire)) survey.Questionnaire {
	t.Helper()
	q := smartKassel()
	q.Slug = slug
	change(&q)
	publish(t, w.Platform, q)
	return q
}

func withPass(pass string) string {
	b, _ := json.Marshal(pass)
	return strings.Replace(goodBody, `"channel"`, `"pass":`+string(b)+`,"channel"`, 1)
}

func TestTheAPITakesACodeOnce(t *testing.T) {
	w := newWorld(t)
	for _, anonymous := range []bool{false, true} {
		t.Run(fmt.Sprint("anonymous ", anonymous), func(t *testing.T) {
			slug := fmt.Sprint("codes-", anonymous)
			w.publishAs(t, slug, func(q *survey.Questionnaire) { q.Access, q.Anonymous = survey.AccessCode, anonymous })
			codes, err := gate.New(w.Platform).NewCodes(t.Context(), "umfragen/"+slug, 3)
			if err != nil {
				t.Fatal(err)
			}
			for pass, want := range map[string]string{"": "invalid #/pass:required", "abc": "invalid #/pass:code_malformed", "7K3M-9QX2-TD4V-W8PA": "invalid #/pass:code_unknown"} {
				if status, body := w.put(t, slug, newID(), withPass(pass)); status != 422 || problemCode(body) != want {
					t.Errorf("%q: %d %s", pass, status, body)
				}
			}
			id := newID()
			status, body := w.put(t, slug, id, withPass(codes[0]))
			if status != 201 {
				t.Fatalf("%d %s", status, body)
			}
			first := reference(t, body)
			if status, body := w.put(t, slug, id, withPass(codes[0])); status != 200 || reference(t, body) != first {
				t.Errorf("again: %d %s", status, body)
			}
			if status, body := w.put(t, slug, newID(), withPass(codes[0])); status != 422 || problemCode(body) != "invalid #/pass:code_used" {
				t.Errorf("another answer with the same code: %d %s", status, body)
			}
			if status, body := w.put(t, slug, newID(), withPass(codes[1])); status != 201 {
				t.Errorf("another code: %d %s", status, body)
			}
		})
	}
}

// 64 clients, one code, one survey each way: one answer counts.
func TestOneCodeGivesOneAnswerHoweverManyTry(t *testing.T) {
	w := newWorld(t)
	for _, anonymous := range []bool{false, true} {
		slug := fmt.Sprint("race-", anonymous)
		w.publishAs(t, slug, func(q *survey.Questionnaire) {
			q.Access, q.Anonymous, q.Closes = survey.AccessCode, anonymous, basetest.Start.Add(time.Hour)
		})
		codes, err := gate.New(w.Platform).NewCodes(t.Context(), "umfragen/"+slug, 1)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		seen := map[int]int{}
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				status, _ := w.put(t, slug, newID(), withPass(codes[0]))
				mu.Lock()
				seen[status]++
				mu.Unlock()
			})
		}
		wg.Wait()
		if seen[201] != 1 || seen[201]+seen[409]+seen[422]+seen[403] != 64 {
			t.Errorf("anonymous %v: %v", anonymous, seen)
		}
	}
}

func TestTheMaximumHoldsUnderManyClients(t *testing.T) {
	w := newWorld(t)
	for _, access := range []string{"", survey.AccessCode} {
		slug := "maximum-" + access + "x"
		w.publishAs(t, slug, func(q *survey.Questionnaire) { q.MaxResponses, q.Access = 30, access })
		pass := func(int) string { return "" }
		if access != "" {
			codes, err := gate.New(w.Platform).NewCodes(t.Context(), "umfragen/"+slug, 64)
			if err != nil {
				t.Fatal(err)
			}
			pass = func(i int) string { return codes[i] }
		}
		var mu sync.Mutex
		seen := map[string]int{}
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				status, body := w.put(t, slug, newID(), withPass(pass(i)))
				mu.Lock()
				seen[fmt.Sprint(status)]++
				if status != 201 {
					seen[problemCode(body)]++
				}
				mu.Unlock()
			})
		}
		wg.Wait()
		if seen["201"] != 30 || seen["survey_full"] != 34 {
			t.Errorf("%q: %v", access, seen)
		}
	}
	// The negative control: who counts and then inserts lets more in.
	naive := w.naiveMaximum(t, 30, 64)
	if naive <= 30 {
		t.Errorf("count and insert held at %d: the race is not one", naive)
	}
}

// naiveMaximum lets 64 clients count the rows and insert if there is room.
func (w *world) naiveMaximum(t *testing.T, limit, clients int) (n int) {
	t.Helper()
	db := w.App.ConcurrentDB()
	if _, err := w.App.NonconcurrentDB().NewQuery(`CREATE TABLE naive (id TEXT PRIMARY KEY) STRICT`).Execute(); err != nil {
		t.Fatal(err)
	}
	var ready, wg sync.WaitGroup
	ready.Add(clients)
	for range clients {
		wg.Go(func() {
			var n int
			err := db.NewQuery(`SELECT count(*) FROM naive`).Row(&n)
			ready.Done()
			ready.Wait()
			if err == nil && n < limit {
				_, err = w.App.NonconcurrentDB().NewQuery(`INSERT INTO naive VALUES (hex(randomblob(8)))`).Execute()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return w.count(t, "naive")
}

func TestAFullQuotaAnswersInWordsAndStoresNothing(t *testing.T) {
	w := newWorld(t)
	west, err := condition.Parse([]byte(`{"==":[{"var":"district"},"west"]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, access := range []string{"", survey.AccessCode} {
		slug := "quota-" + access + "x"
		w.publishAs(t, slug, func(q *survey.Questionnaire) {
			q.Access = access
			q.Quotas = []survey.Quota{{Code: "west", When: west, Limit: 2, Reason: content.Text{"de": "Aus dem Westen haben wir genug.", "en": "Enough from the west."}}}
		})
		var codes []string
		if access != "" {
			if codes, err = gate.New(w.Platform).NewCodes(t.Context(), "umfragen/"+slug, 10); err != nil {
				t.Fatal(err)
			}
		}
		pass := func() string {
			if len(codes) == 0 {
				return ""
			}
			c := codes[0]
			codes = codes[1:]
			return c
		}
		for range 2 {
			if status, body := w.put(t, slug, newID(), withPass(pass())); status != 201 {
				t.Fatalf("%d %s", status, body)
			}
		}
		third := pass()
		status, body := w.put(t, slug, newID(), withPass(third))
		if status != 409 || !strings.Contains(string(body), "Aus dem Westen haben wir genug.") {
			t.Errorf("%q: %d %s", access, status, body)
		}
		// The code of who was refused is still good, for another kind of answer.
		if status, body := w.put(t, slug, newID(), strings.Replace(withPass(third), "west", "mitte", 1)); status != 201 {
			t.Errorf("%q: %d %s", access, status, body)
		}
	}
}

func TestPersonalAnswersAreKeptApart(t *testing.T) {
	w := newWorld(t)
	w.publishAs(t, "personal", func(q *survey.Questionnaire) {
		q.Anonymous = false
		q.Pages[1].Items = append(q.Pages[1].Items, survey.Item{Code: "mail", Type: survey.Email, Text: content.Text{"de": "E-Mail?"}})
	})
	id := newID()
	body := strings.Replace(goodBody, `"rent"`, `"mail":"ada@example.org","rent"`, 1)
	for _, want := range []int{201, 200} {
		if status, b := w.put(t, "personal", id, body); status != want {
			t.Fatalf("%d %s", status, b)
		}
	}
	if status, b := w.put(t, "personal", id, strings.Replace(body, "ada@", "bob@", 1)); status != 409 {
		t.Errorf("%d %s", status, b)
	}
	read := func(personal bool) survey.Answers {
		s, err := w.matter.Snapshot(t.Context(), "personal")
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if personal {
			s.WithPersonal()
		}
		return collect(t, s)[0].Answers
	}
	if a := read(false); a["mail"] != nil || a["rent"] != 612.5 {
		t.Errorf("%v", a)
	}
	if a := read(true); a["mail"] != "ada@example.org" || a["rent"] != 612.5 {
		t.Errorf("%v", a)
	}
	var n int
	w.App.DB().NewQuery(`SELECT count(*) FROM responses WHERE answers LIKE '%ada@%'`).Row(&n)
	if n != 0 {
		t.Error("the address stands among the other answers")
	}
	if _, err := w.App.DB().NewQuery(`INSERT INTO response_personal VALUES ('smart-kassel', 'x', '{}')`).Execute(); err == nil {
		t.Error("an anonymous survey took personal answers")
	}
}

func TestWhatWasPromisedHoldsForEveryVersion(t *testing.T) {
	w := newWorld(t)
	insert := func(change func(*survey.Questionnaire)) error {
		q := smartKassel()
		q.Version = 2
		change(&q)
		doc, _ := json.Marshal(q)
		_, err := w.App.DB().NewQuery(`INSERT INTO survey_versions (id, survey, version, questionnaire, published) VALUES ('` + newID()[:15] + `', 'smart-kassel', 2, '` + string(doc) + `', '')`).Execute()
		return err
	}
	for what, change := range map[string]func(*survey.Questionnaire){
		"no longer anonymous": func(q *survey.Questionnaire) { q.Anonymous = false },
		"named from now on":   func(q *survey.Questionnaire) { q.Access = survey.AccessCode },
	} {
		if err := insert(change); err == nil || !strings.Contains(err.Error(), "fixed") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := insert(func(q *survey.Questionnaire) { q.Access = survey.AccessProof }); err != nil {
		t.Error("open to proof of work: ", err)
	}
}

func TestAPauseKeepsWhatWasTyped(t *testing.T) {
	w := newWorld(t)
	v := w.visitor(t)
	v.post("/umfragen/smart-kassel/teilnehmen/", "")
	v.post("/umfragen/smart-kassel/seite/1/", "district=west")
	if err := w.matter.Pause(t.Context(), "smart-kassel", "somebody", true); err != nil {
		t.Fatal(err)
	}
	if status, body := w.put(t, "smart-kassel", newID(), goodBody); status != 409 || problemCode(body) != "survey_paused" {
		t.Errorf("%d %s", status, body)
	}
	v.see(v.get("/umfragen/smart-kassel/seite/2/"), 409, "Pause")
	if err := w.matter.Pause(t.Context(), "smart-kassel", "somebody", false); err != nil {
		t.Fatal(err)
	}
	v.see(v.get("/umfragen/smart-kassel/pruefen/"), 200, "Vorderer Westen")
}

// browser is a client with cookies.
func (w *world) browser(t testing.TB) *http.Client {
	jar, _ := cookiejar.New(nil)
	c := *w.client
	c.Jar = jar
	return &c
}

func form(t testing.TB, c *http.Client, address string, values url.Values) *http.Response {
	t.Helper()
	res, err := c.PostForm(address, values)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res
}

func TestTheJourneyWithACodeLeadsToTheReceipt(t *testing.T) {
	w := newWorld(t)
	for _, anonymous := range []bool{true, false} {
		slug := fmt.Sprint("journey-", anonymous)
		w.publishAs(t, slug, func(q *survey.Questionnaire) { q.Access, q.Anonymous = survey.AccessCode, anonymous })
		codes, err := gate.New(w.Platform).NewCodes(t.Context(), "umfragen/"+slug, 1)
		if err != nil {
			t.Fatal(err)
		}
		c, at := w.browser(t), w.srv.URL+"/umfragen/"+slug
		if res := form(t, c, at+"/teilnehmen/", url.Values{"zugangscode": {"7K3M-9QX2-TD4V-W8PA"}}); res.StatusCode != 422 {
			t.Fatal(res.Status)
		}
		if res := form(t, c, at+"/teilnehmen/", url.Values{"zugangscode": {codes[0]}}); res.StatusCode != 303 {
			t.Fatal(res.Status)
		}
		form(t, c, at+"/seite/1/", url.Values{"district": {"west"}})
		for range 2 { // a second click shows the same
			res := form(t, c, at+"/pruefen/", nil)
			if res.StatusCode != 303 || !strings.HasSuffix(res.Header.Get("Location"), "/danke/") {
				t.Fatal(res.Status, res.Header.Get("Location"))
			}
		}
		res, err := c.Get(at + "/danke/")
		if err != nil || res.StatusCode != 200 {
			t.Errorf("%v %v", res.Status, err)
		}
		other := w.browser(t)
		if res := form(t, other, at+"/teilnehmen/", url.Values{"zugangscode": {codes[0]}}); res.StatusCode != 422 {
			t.Errorf("anonymous %v: the code began again: %s", anonymous, res.Status)
		}
	}
	if n := w.count(t, "survey_drafts"); n != 0 {
		t.Errorf("%d drafts left", n)
	}
}

// Answers leave the urn in blocks; at the end nothing is lost and nothing doubled.
func TestTheUrnGivesBlocksAndLosesNothing(t *testing.T) {
	w := newWorld(t)
	q := w.publishAs(t, "urn", func(q *survey.Questionnaire) { q.Access = survey.AccessCode })
	codes, err := gate.New(w.Platform).NewCodes(t.Context(), "umfragen/urn", 60)
	if err != nil {
		t.Fatal(err)
	}
	stored := func() (n int) {
		w.App.DB().NewQuery(`SELECT count(*) FROM responses WHERE survey = 'urn'`).Row(&n)
		return n
	}
	used := func() (n int) {
		w.App.DB().NewQuery(`SELECT count(*) FROM gate_passes WHERE used = 1`).Row(&n)
		return n
	}
	last, sent := 0, map[string]bool{}
	for i, code := range codes[:37] {
		if i == 25 { // a new day
			w.Now = func() time.Time { return basetest.Start.Add(24 * time.Hour) }
		}
		id := newID()
		sent[id] = true
		idea := fmt.Sprintf(`"idea":"number %d","rent"`, i)
		if status, body := w.put(t, "urn", id, strings.Replace(withPass(code), `"rent"`, idea, 1)); status != 201 {
			t.Fatalf("%d %s", status, body)
		}
		n := stored()
		if n != used() {
			t.Fatalf("%d answers and %d used codes", n, used())
		}
		if grown := n - last; grown != 0 && grown < 10 {
			t.Fatalf("a block of %d", grown)
		}
		last = n
	}
	if last != 20 {
		t.Errorf("%d stored after 37", last)
	}
	if n, err := w.matter.EmptyUrn(t.Context()); n != 0 || err != nil {
		t.Errorf("emptied an open survey: %d %v", n, err)
	}
	w.Now = func() time.Time { return q.Closes.Add(time.Minute) }
	w.matter.Refresh()
	if n, err := w.matter.EmptyUrn(t.Context()); n != 17 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	s, err := w.matter.Snapshot(t.Context(), "urn")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ideas := map[string]bool{}
	days := map[string]int{}
	for _, r := range collect(t, s) {
		ideas[r.Answers["idea"].(string)] = true
		days[r.Day]++
		if sent[r.ID] {
			t.Error("an answer kept the id under which it came")
		}
	}
	if len(ideas) != 37 || stored() != 37 || used() != 37 {
		t.Errorf("%d answers, %d different, %d codes", stored(), len(ideas), used())
	}
	for day, n := range days {
		if n < 10 {
			t.Errorf("only %d answers of %s", n, day)
		}
	}
	if n, err := w.matter.EmptyUrn(t.Context()); n != 0 || err != nil {
		t.Errorf("%d %v", n, err)
	}
}
