package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/base/gate"
	"servicepoint/pocketbase-app/booking"
	"servicepoint/pocketbase-app/participation"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// afterwards is a served platform with bookings and surveys, tied together as the
// command does.
type afterwards struct {
	*base.Platform
	t      *testing.T
	b      *booking.Service
	pt     *participation.Participation
	url    string
	client *http.Client
	now    time.Time
}

func newAfterwards(t *testing.T) *afterwards {
	t.Helper()
	p := basetest.New(t, booking.Words, participation.Words, gate.Words)
	p.App.Settings().RateLimits.Enabled = false
	a := &afterwards{Platform: p, t: t, b: booking.New(p), pt: participation.New(p), now: basetest.Start}
	p.Now = func() time.Time { return a.now }
	t.Cleanup(a.pt.Close)
	a.b.Survey, a.b.Pass = a.pt.Attended, a.pt.AttendedPath
	srv, client := basetest.Serve(t, p, a.b.Bind, a.pt.Bind)
	a.url, a.client = srv.URL, client
	return a
}

// save stores a published record as the editorial does.
func (a *afterwards) save(collection, slug string, doc any, more map[string]any) {
	a.t.Helper()
	c, err := a.App.FindCollectionByNameOrId(collection)
	if err != nil {
		a.t.Fatal(err)
	}
	rec := core.NewRecord(c)
	for k, v := range more {
		rec.Set(k, v)
	}
	if collection == "survey_versions" {
		b, err := json.Marshal(doc)
		if err != nil {
			a.t.Fatal(err)
		}
		rec.Set("survey", slug)
		rec.Set("questionnaire", string(b))
	} else {
		rec.Set("slug", slug)
		rec.Set("title", slug)
		rec.Set("doc", doc)
		rec.Set("live", doc)
		rec.Set("state", "published")
	}
	if err := a.App.Save(rec); err != nil {
		a.t.Fatal(err)
	}
}

// asks publishes a questionnaire for those who came.
func (a *afterwards) asks(slug string, change func(*survey.Questionnaire)) {
	a.t.Helper()
	q := survey.Questionnaire{
		Slug: slug, Version: 1, Languages: []string{"de"}, Anonymous: true, Access: survey.AccessAttendance,
		Title: content.Text{"de": "Wie war der Abend?"}, Closes: basetest.Start.AddDate(0, 0, 20),
		Pages: []survey.Page{{Code: "p", Title: content.Text{"de": "Der Abend"}, Items: []survey.Item{{Code: "idea", Type: survey.LongText, Text: content.Text{"de": "Was fehlte?"}}}}},
	}
	if change != nil {
		change(&q)
	}
	if problems := q.Validate(); len(problems) > 0 {
		a.t.Fatal(problems)
	}
	a.save("surveys", slug, nil, nil)
	a.save("survey_versions", slug, q, map[string]any{"version": 1})
}

// event publishes an event of the day after the start of the clock.
func (a *afterwards) event(slug, questionnaire string) content.Event {
	a.t.Helper()
	ev := content.Event{
		Slug: slug, Kind: "lecture", Place: "Event Lounge", Start: basetest.Start.AddDate(0, 0, 1), End: basetest.Start.AddDate(0, 0, 1).Add(2 * time.Hour),
		Precision: content.ToMinute, Free: true, Survey: questionnaire, Texts: map[string]content.EventText{"de": {Title: "Wärme für Kassel"}},
		Pools: []content.Pool{{Code: "saal", Size: 200, Label: content.Text{"de": "Saal"}}},
	}
	a.save("events", slug, ev, nil)
	if err := a.App.RunInTransaction(func(tx core.App) error { return a.b.PublishEvent(tx, ev) }); err != nil {
		a.t.Fatal(err)
	}
	return ev
}

// guest is a browser without JavaScript that has opened its booking.
type guest struct {
	a         *afterwards
	reference string
	client    *http.Client
}

// books takes places and lets some of them in at the door.
func (a *afterwards) books(event string, places, in int) *guest {
	a.t.Helper()
	answer, _, err := a.b.Book(booking.Order{Event: event, Language: "de", Channel: "web",
		Request: booking.Request{Name: "Ada Lovelace", Email: "ada@example.org", Places: places, Pool: "saal"}})
	if err != nil {
		a.t.Fatal(err)
	}
	for n := range in {
		got, err := a.b.Enter(event, booking.Scan{Scan: base.NewToken(), Ticket: fmt.Sprintf("%s/%d", answer.Reference, n+1), At: a.now.UnixMilli()})
		if err != nil || got.Result != booking.ScanIn {
			a.t.Fatal(got, err)
		}
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	client := *a.client
	client.Jar = jar
	return &guest{a, answer.Reference, &client}
}

// open opens the personal link, as that of a mail.
func (g *guest) open() *guest {
	g.a.t.Helper()
	g.a.now = g.a.now.Add(7 * time.Second) // for the limit on guesses
	r := g.send("GET", "/buchungen/l/"+g.a.b.LinkToken(booking.Claim{Reference: g.reference})+"/", nil)
	if r.status != 303 || r.to != "/buchungen/ansicht/" {
		g.a.t.Fatalf("%+v", r)
	}
	return g
}

type reply struct {
	status   int
	to, body string
}

func (g *guest) send(method, path string, form url.Values) reply {
	g.a.t.Helper()
	req, err := http.NewRequest(method, g.a.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		g.a.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := g.client.Do(req)
	if err != nil {
		g.a.t.Error(err)
		return reply{}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		g.a.t.Error(err)
	}
	return reply{res.StatusCode, res.Header.Get("Location"), string(b)}
}

var (
	passKey  = regexp.MustCompile(`action="/buchungen/fragebogen/"><input type="hidden" name="key" value="([0-9A-Z]{32})"`)
	passPath = regexp.MustCompile(`href="(/umfragen/[a-z-]+/teilnehmen/\?einladung=([0-9A-Z]+))"`)
)

// key is that of the form on the page of the booking; empty: there is no form.
func (g *guest) key() string {
	g.a.t.Helper()
	r := g.send("GET", "/buchungen/ansicht/", nil)
	if r.status != 200 {
		g.a.t.Fatalf("%+v", r)
	}
	if m := passKey.FindStringSubmatch(r.body); m != nil {
		return m[1]
	}
	return ""
}

// takes sends the form and gives the passes.
func (g *guest) takes(key string) (reply, []string) {
	g.a.t.Helper()
	r := g.send("POST", "/buchungen/fragebogen/", url.Values{"key": {key}})
	var tokens []string
	for _, m := range passPath.FindAllStringSubmatch(r.body, -1) {
		tokens = append(tokens, m[2])
	}
	return r, tokens
}

// answers hands in an answer by the API.
func (a *afterwards) answers(slug, pass, text string) (int, string) {
	a.t.Helper()
	b, err := json.Marshal(map[string]any{"language": "de", "channel": "web", "pass": pass, "answers": map[string]string{"idea": text}})
	if err != nil {
		a.t.Fatal(err)
	}
	id := make([]byte, 16)
	for i := range id {
		id[i] = byte(rand.UintN(256))
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	req, err := http.NewRequest("PUT", fmt.Sprintf("%s/api/v1/surveys/%s/responses/%x-%x-%x-%x-%x", a.url, slug, id[:4], id[4:6], id[6:8], id[8:10], id[10:]), bytes.NewReader(b))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := a.client.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

func (r reply) wants(t *testing.T, what string, status int, texts ...string) {
	t.Helper()
	if r.status != status {
		t.Fatalf("%s: %d to %q, want %d\n%s", what, r.status, r.to, status, r.body)
	}
	for _, s := range texts {
		if !strings.Contains(r.body, s) {
			t.Errorf("%s: no %q in\n%s", what, s, r.body)
		}
	}
}

// TestOnlyThoseWhoCameAnswer walks from the booking to the thanks without JavaScript, and
// tries every way around.
func TestOnlyThoseWhoCameAnswer(t *testing.T) {
	a := newAfterwards(t)
	a.asks("abend", nil)
	a.asks("morgen", nil)
	ev, other := a.event("waerme", "abend"), a.event("wasser", "morgen")
	came, missed, elsewhere := a.books("waerme", 1, 1), a.books("waerme", 1, 0), a.books("wasser", 1, 1)

	came.open()
	if came.key() != "" {
		t.Error("the button is there before the end")
	}
	early, _ := came.takes(base.NewToken())
	early.wants(t, "before the end", 409, "wenn die Veranstaltung zu Ende ist")
	a.now = ev.End

	key := came.open().key()
	if key == "" {
		t.Fatal("no button for somebody who came")
	}
	bad, _ := came.takes("short")
	bad.wants(t, "no key", 400)
	taken, passes := came.takes(key)
	taken.wants(t, "the passes", 200, "gilt für eine Teilnahme", "Wie war der Abend?")
	if len(passes) != 1 {
		t.Fatalf("%d passes", len(passes))
	}
	again, same := came.takes(key)
	again.wants(t, "the same form again", 200)
	if !slices.Equal(passes, same) {
		t.Error("the same form brought another pass")
	}
	second, none := came.takes(base.NewToken())
	second.wants(t, "another form", 409, "schon ausgegeben")
	if came.key() != "" || len(none) != 0 {
		t.Error("a second pass can be had")
	}
	came.send("GET", "/buchungen/ansicht/", nil).wants(t, "the page afterwards", 200, "wurde ausgegeben")
	if r := came.send("GET", "/buchungen/fragebogen/", nil); r.status != 303 || r.to != "/buchungen/ansicht/" {
		t.Errorf("%+v", r)
	}

	// Who did not come.
	if missed.open().key() != "" {
		t.Error("a button for somebody who did not come")
	}
	refused, _ := missed.takes(base.NewToken())
	refused.wants(t, "nobody came", 403, "niemand eingelassen")
	stranger := &guest{a, "", a.client}
	if r, _ := stranger.takes(base.NewToken()); r.status != 303 || r.to != "/buchungen/" {
		t.Errorf("without a booking: %+v", r)
	}

	// A pass of another event, an invitation that staff could send, and nothing.
	a.now = other.End
	_, foreign := elsewhere.open().takes(elsewhere.key())
	for what, token := range map[string]string{
		"another event": foreign[0], "an invitation": gate.New(a.Platform).NewInvitation("umfragen/abend", a.now.Add(time.Hour)), "nothing": "",
		"cut": passes[0][:40],
	} {
		came.send("POST", "/umfragen/abend/teilnehmen/", url.Values{"einladung": {token}}).wants(t, what, 422, "gilt nicht für diesen Fragebogen")
		if status, body := a.answers("abend", token, "Musik"); status != 422 {
			t.Errorf("%s by the API: %d %s", what, status, body)
		}
	}
	came.send("GET", "/umfragen/abend/teilnehmen/", nil).wants(t, "without a pass", 200, "bei der Veranstaltung waren", `href="/buchungen/"`)

	// The way of a browser.
	came.send("GET", "/umfragen/abend/teilnehmen/?einladung="+passes[0], nil).wants(t, "the first page", 200, "Sie waren da", passes[0])
	if r := came.send("POST", "/umfragen/abend/teilnehmen/", url.Values{"einladung": passes}); r.status != 303 {
		t.Fatalf("%+v", r)
	}
	if r := came.send("POST", "/umfragen/abend/seite/1/", url.Values{"idea": {"Musik"}, "s-aktion": {"weiter"}}); r.status != 303 {
		t.Fatalf("%+v", r)
	}
	if r := came.send("POST", "/umfragen/abend/pruefen/", url.Values{}); r.status != 303 || r.to != "/umfragen/abend/danke/" {
		t.Fatalf("%+v", r)
	}
	came.send("POST", "/umfragen/abend/teilnehmen/", url.Values{"einladung": passes}).wants(t, "a second time", 422, "schon teilgenommen")
	if status, body := a.answers("abend", passes[0], "Musik"); status != 422 || !strings.Contains(body, "attendance_used") {
		t.Errorf("a second time by the API: %d %s", status, body)
	}

	// When names are forgotten the marks go, and no new pass is given.
	a.now = ev.End.Add(booking.Keep)
	late, _ := came.open().takes(base.NewToken())
	late.wants(t, "after a month", 409, "keinen Fragebogen")
	if _, err := a.b.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := a.count(`SELECT count(*) FROM tickets WHERE pass_mark <> ''`); n != 0 {
		t.Errorf("%d marks after retention", n)
	}
}

func (a *afterwards) count(query string) (n int) {
	a.t.Helper()
	if err := a.App.DB().NewQuery(query).Row(&n); err != nil {
		a.t.Fatal(err)
	}
	return n
}

// TestAGroupGetsAsManyPassesAsCame: two of three came; one more is found to have come when
// a telephone that had no connection hands in its scans.
func TestAGroupGetsAsManyPassesAsCame(t *testing.T) {
	a := newAfterwards(t)
	a.asks("abend", nil)
	ev := a.event("waerme", "abend")
	g := a.books("waerme", 3, 2)
	a.now = ev.End.Add(time.Hour)
	r, passes := g.open().takes(g.key())
	r.wants(t, "a group", 200, "2 Zugänge", "http://service-point.test/umfragen/abend/teilnehmen/?einladung=")
	if len(passes) != 2 || passes[0] == passes[1] {
		t.Fatal(passes)
	}
	if got, err := a.b.Enter("waerme", booking.Scan{Scan: base.NewToken(), Ticket: g.reference + "/3", At: ev.Start.UnixMilli()}); err != nil || got.Result != booking.ScanIn {
		t.Fatal(got, err)
	}
	_, more := g.takes(g.key())
	if len(more) != 1 {
		t.Fatal(more)
	}
	// Out and in again is no second person.
	if err := a.b.Leave("waerme", g.reference+"/3"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.b.Enter("waerme", booking.Scan{Scan: base.NewToken(), Ticket: g.reference + "/3", At: ev.Start.UnixMilli()}); err != nil {
		t.Fatal(err)
	}
	if g.key() != "" {
		t.Error("out and in again brings another pass")
	}
	for _, pass := range append(passes, more...) {
		if status, body := a.answers("abend", pass, "Musik"); status != 201 {
			t.Errorf("%d %s", status, body)
		}
		if status, _ := a.answers("abend", pass, "Musik"); status != 422 {
			t.Error("a pass was used twice")
		}
	}
}

// TestSixteenRequestsBringOnePass sends forms of sixteen tabs at once; and, as the negative
// control, lets sixteen look first and mark then.
func TestSixteenRequestsBringOnePass(t *testing.T) {
	a := newAfterwards(t)
	a.asks("abend", nil)
	ev := a.event("waerme", "abend")
	a.now = ev.Start
	g, h, missed := a.books("waerme", 1, 1), a.books("waerme", 1, 1), a.books("waerme", 1, 0)
	a.now = ev.End
	g.open()
	race := func(one func(i int) []string) map[string]int {
		var mu sync.Mutex
		seen := map[string]int{}
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				for _, pass := range one(i) {
					mu.Lock()
					seen[pass]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		return seen
	}
	seen := race(func(int) []string {
		r, passes := g.takes(base.NewToken())
		if r.status != 200 && r.status != 409 {
			t.Errorf("%+v", r)
		}
		return passes
	})
	if len(seen) != 1 {
		t.Errorf("%d passes for one place", len(seen))
	}
	key := h.open().key()
	same := race(func(int) []string { _, passes := h.takes(key); return passes })
	for _, n := range same {
		if len(same) != 1 || n != 16 {
			t.Errorf("one form sent sixteen times: %v", same)
		}
	}

	if _, err := a.App.NonconcurrentDB().NewQuery(`CREATE TABLE naive (reference TEXT PRIMARY KEY, given INTEGER) STRICT`).Execute(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.App.NonconcurrentDB().NewQuery(`INSERT INTO naive VALUES ('B', 0)`).Execute(); err != nil {
		t.Fatal(err)
	}
	var ready sync.WaitGroup
	ready.Add(16)
	naive := race(func(i int) []string {
		given := 0
		err := a.App.ConcurrentDB().NewQuery(`SELECT given FROM naive`).Row(&given)
		ready.Done()
		ready.Wait()
		if err != nil || given == 1 {
			return nil
		}
		a.App.NonconcurrentDB().NewQuery(`UPDATE naive SET given = 1`).Execute()
		return []string{fmt.Sprint(i)}
	})
	if len(naive) < 2 {
		t.Errorf("look and mark gave %d passes: the race is not one", len(naive))
	}
	// The database itself refuses a second mark, and one for who did not come.
	for _, q := range []string{
		`UPDATE tickets SET pass_mark = '` + base.Hash("x") + `' WHERE reference = '` + g.reference + `'`,
		`UPDATE tickets SET pass_mark = '` + base.Hash("x") + `' WHERE reference = '` + missed.reference + `'`,
	} {
		if _, err := a.App.NonconcurrentDB().NewQuery(q).Execute(); err == nil {
			t.Error("done: ", q)
		}
	}
}

// stolen is what an attacker has: copies of the database and its log, one after another,
// and what stands on either side for each person, in the order in which people came by.
type stolen struct {
	copies         []map[string][]byte
	marks, answers [][]byte
}

var stealable = []string{"data.db", "data.db-wal"}

func (s *stolen) copyFrom(t *testing.T, dir string) {
	t.Helper()
	c := map[string][]byte{}
	for _, name := range stealable {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		c[name] = b
	}
	s.copies = append(s.copies, c)
}

// ranks orders the people of one side by where their bytes first stand.
func (s *stolen) ranks(needles [][]byte, name string) []int {
	at := make([]int, len(needles))
	for i, n := range needles {
		at[i] = math.MaxInt
		offset := 0
		for _, c := range s.copies {
			if k := bytes.Index(c[name], n); k >= 0 {
				at[i] = offset + k
				break
			}
			offset += len(c[name])
		}
	}
	order := rand.Perm(len(needles)) // ties by lot
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case at[a] < at[b]:
			return -1
		case at[a] > at[b]:
			return 1
		}
		return 0
	})
	return order
}

// best is the most that any attack joins.
func (s *stolen) best(t *testing.T) (best int) {
	known := make([]int, len(s.marks))
	for i := range known {
		known[i] = i
	}
	for _, name := range stealable {
		answers := s.ranks(s.answers, name)
		for what, marks := range map[string][]int{"the marks in " + name: s.ranks(s.marks, name), "the order of people and " + name: known} {
			forward, backward := 0, 0
			for i := range marks {
				if marks[i] == answers[i] {
					forward++
				}
				if marks[i] == answers[len(answers)-1-i] {
					backward++
				}
			}
			t.Logf("%-40s %d of %d joined", what, max(forward, backward), len(marks))
			best = max(best, forward, backward)
		}
	}
	return best
}

// TestNobodyJoinsBookingsAndAnswers lets people take their pass and answer one after
// another, and plays an attacker who has the database, many copies of it and its log, and
// knows in which order they did.
func TestNobodyJoinsBookingsAndAnswers(t *testing.T) {
	const people = 60
	a := newAfterwards(t)
	a.asks("abend", nil)
	ev := a.event("waerme", "abend")
	var guests []*guest
	for range people {
		guests = append(guests, a.books("waerme", 1, 1))
	}
	a.now = ev.End
	real, naive := &stolen{}, &stolen{}
	var keys, passes []string
	for i, g := range guests {
		key := g.open().key()
		_, got := g.takes(key)
		if len(got) != 1 {
			t.Fatal(got)
		}
		text := fmt.Sprintf("number %04d of %04d", rand.IntN(10000), i)
		if status, body := a.answers("abend", got[0], text); status != 201 {
			t.Fatalf("%d %s", status, body)
		}
		keys, passes = append(keys, key), append(passes, got[0])
		real.marks, real.answers = append(real.marks, []byte(base.Hash("questionnaire", key))), append(real.answers, []byte(text))
		if i%7 == 0 {
			real.copyFrom(t, a.App.DataDir())
		}
	}
	a.now = basetest.Start.AddDate(0, 0, 21)
	if _, err := a.pt.EmptyUrn(t.Context()); err != nil {
		t.Fatal(err)
	}
	real.copyFrom(t, a.App.DataDir())
	blocks := float64(a.count(`SELECT count(*) FROM urn_blocks`))
	if n := a.count(`SELECT count(*) FROM responses`); n != people || blocks < 2 {
		t.Fatalf("%d answers, %g blocks", n, blocks)
	}
	// Lots join one pair in each block on average, with variance one.
	if best, limit := real.best(t), int(blocks+4*math.Sqrt(blocks)); best > limit {
		t.Errorf("%d of %d joined, more than lots (%d)", best, people, limit)
	}
	// Nothing that the passes were made of, and no pass, is stored in any file.
	files, err := filepath.Glob(filepath.Join(a.App.DataDir(), "*.db*"))
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i := range people {
			if bytes.Contains(b, []byte(keys[i])) || bytes.Contains(b, []byte(passes[i])) || bytes.Contains(b, []byte(passes[i][:25])) {
				t.Errorf("%s holds a pass or its key", filepath.Base(file))
			}
		}
	}
	a.noRowJoins(real, guests)

	// The negative control: two tables that share no column, written when somebody answers.
	for _, q := range []string{`CREATE TABLE naive_marks (mark TEXT PRIMARY KEY) STRICT, WITHOUT ROWID`, `CREATE TABLE naive_answers (id BLOB PRIMARY KEY, answer TEXT, at INTEGER) STRICT, WITHOUT ROWID`} {
		if _, err := a.App.NonconcurrentDB().NewQuery(q).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range people {
		mark, text := base.Hash(base.NewToken()), fmt.Sprintf("naive %04d of %04d", rand.IntN(10000), i)
		naive.marks, naive.answers = append(naive.marks, []byte(mark)), append(naive.answers, []byte(text))
		if err := a.App.RunInTransaction(func(tx core.App) error {
			if _, err := tx.DB().NewQuery(`INSERT INTO naive_marks VALUES ({:m})`).Bind(dbx.Params{"m": mark}).Execute(); err != nil {
				return err
			}
			_, err := tx.DB().NewQuery(`INSERT INTO naive_answers VALUES (randomblob(16), {:a}, {:at})`).Bind(dbx.Params{"a": text, "at": i}).Execute()
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if i%7 == 0 {
			naive.copyFrom(t, a.App.DataDir())
		}
	}
	naive.copyFrom(t, a.App.DataDir())
	if best := naive.best(t); best < people*9/10 {
		t.Errorf("the attacks join %d of %d of naive tables: they would prove nothing", best, people)
	}
}

// noRowJoins looks through every table: no row that knows a booking or its mark knows
// an answer or a pass that was used.
func (a *afterwards) noRowJoins(s *stolen, guests []*guest) {
	a.t.Helper()
	var tables []string
	if err := a.App.DB().NewQuery(`SELECT name FROM sqlite_schema WHERE type = 'table'`).Column(&tables); err != nil {
		a.t.Fatal(err)
	}
	var tags []string
	if err := a.App.DB().NewQuery(`SELECT hex(tag) FROM gate_passes WHERE used = 1 UNION ALL SELECT hex(hash) FROM gate_passes`).Column(&tags); err != nil || len(tags) != 2*len(guests) {
		a.t.Fatal(len(tags), err)
	}
	booked, answered := 0, 0
	for _, table := range tables {
		var rows []dbx.NullStringMap
		if err := a.App.DB().NewQuery("SELECT * FROM {{" + table + "}}").All(&rows); err != nil {
			a.t.Fatal(err)
		}
		for _, row := range rows {
			all := ""
			for _, v := range row {
				all += v.String + " " + fmt.Sprintf("%X", v.String) + " "
			}
			knows := func(list func(i int) string, n int) bool {
				for i := range n {
					if strings.Contains(all, list(i)) {
						return true
					}
				}
				return false
			}
			booking := knows(func(i int) string { return guests[i].reference }, len(guests)) || knows(func(i int) string { return string(s.marks[i]) }, len(guests))
			answer := knows(func(i int) string { return string(s.answers[i]) }, len(guests)) || knows(func(i int) string { return tags[i] }, len(tags))
			if booking && answer {
				a.t.Errorf("%s: a row joins them", table)
			}
			if booking {
				booked++
			}
			if answer {
				answered++
			}
		}
	}
	if booked < len(guests) || answered < 2*len(guests) { // claims; answers and passes
		a.t.Errorf("%d rows of bookings, %d of answers and passes: the search finds nothing", booked, answered)
	}
}
