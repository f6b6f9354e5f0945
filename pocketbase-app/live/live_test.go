package live

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/report"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// lounge is a running matter. Requests with the header X-Test-Role are of staff.
type lounge struct {
	t   testing.TB
	p   *base.Platform
	x   *Live
	srv *httptest.Server
	now time.Time
}

func openLounge(t testing.TB) *lounge {
	t.Helper()
	l := &lounge{t: t, p: basetest.New(t, Words), now: basetest.Start}
	l.p.Now = func() time.Time { return l.now }
	settings := l.p.App.Settings()
	settings.RateLimits.Enabled = false
	if err := l.p.App.Save(settings); err != nil {
		t.Fatal(err)
	}
	l.x = New(l.p)
	l.x.hub.gap = 5 * time.Millisecond
	people := map[string]*core.Record{}
	for _, role := range base.Roles {
		people[role] = basetest.NewStaff(t, l.p, role)
	}
	l.srv, _ = basetest.Serve(t, l.p, func(se *core.ServeEvent) {
		se.Router.BindFunc(func(e *core.RequestEvent) error {
			if who := people[e.Request.Header.Get("X-Test-Role")]; who != nil {
				e.Auth = who
			}
			return e.Next()
		})
	}, l.x.Bind)
	return l
}

// person is a browser; role is "" for the audience.
type person struct {
	*lounge
	client *http.Client
	role   string
}

func (l *lounge) person(role string) *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		l.t.Fatal(err)
	}
	return &person{l, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, role}
}

func (v *person) do(method, path string, form url.Values) (*http.Response, string) {
	v.t.Helper()
	req, err := http.NewRequest(method, v.srv.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", v.srv.URL)
	}
	req.Header.Set("X-Test-Role", v.role)
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Error(err)
		return &http.Response{}, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Error(err)
	}
	return res, string(body)
}

func (v *person) get(path string) string {
	v.t.Helper()
	res, body := v.do("GET", path, nil)
	if res.StatusCode != http.StatusOK {
		v.t.Errorf("GET %s: %d\n%s", path, res.StatusCode, body)
	}
	return body
}

func (v *person) post(path string, want int, pairs ...string) string {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	res, body := v.do("POST", path, form)
	if res.StatusCode != want {
		v.t.Errorf("POST %s %v: %d, want %d\n%s", path, pairs, res.StatusCode, want, body)
	}
	return body
}

func (l *lounge) wants(body string, all ...string) {
	l.t.Helper()
	for _, s := range all {
		if !strings.Contains(body, s) {
			l.t.Errorf("no %q in\n%s", s, body)
		}
	}
}

func (l *lounge) lacks(body string, all ...string) {
	l.t.Helper()
	for _, s := range all {
		if strings.Contains(body, s) {
			l.t.Errorf("%q in\n%s", s, body)
		}
	}
}

// sitting makes an open sitting through the moderator's pages.
func (l *lounge) sitting(asking string) (s Session, host *person, room, desk string) {
	l.t.Helper()
	host = l.person(base.Moderator)
	res, body := host.do("POST", "/redaktion/live/", url.Values{"title": {"Smart Kassel – wie geht es weiter?"}, "language": {"de"}, "asking": {asking}})
	if res.StatusCode != http.StatusSeeOther {
		l.t.Fatalf("%d\n%s", res.StatusCode, body)
	}
	desk = res.Header.Get("Location")
	host.post(desk, 303, "aktion", "oeffnen")
	if err := l.p.App.DB().NewQuery(`SELECT ` + sessionColumns + ` FROM live_sessions ORDER BY id DESC LIMIT 1`).One(&s); err != nil {
		l.t.Fatal(err)
	}
	return s, host, "/live/" + s.Code + "/", desk
}

func (l *lounge) number(sql string) (n int) {
	l.t.Helper()
	if err := l.p.App.DB().NewQuery(sql).Row(&n); err != nil {
		l.t.Fatal(err)
	}
	return n
}

func TestTheCodeLeadsToTheRoom(t *testing.T) {
	l := openLounge(t)
	s, host, room, desk := l.sitting(askingChecked)
	guest := l.person("")
	l.wants(guest.get("/live/"), "Sechs Ziffern", "Cookie")
	for _, typed := range []string{s.Code, s.Code[:3] + " " + s.Code[3:], " " + s.Code[:2] + "-" + s.Code[2:]} {
		res, _ := guest.do("POST", "/live/", url.Values{"code": {typed}})
		if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != room {
			t.Errorf("%q leads to %d %s", typed, res.StatusCode, res.Header.Get("Location"))
		}
	}
	l.wants(guest.post("/live/", 422, "code", "000000"), "Diesen Code kennen wir nicht", `value="000000"`)
	guest.post("/live/", 422)
	if res, _ := guest.do("GET", "/live/000000/", nil); res.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown room: %d", res.StatusCode)
	}
	l.wants(guest.get("/en"+room), "Questions from the audience", "Ask a question")
	l.wants(guest.get("/ls"+room), "Eine Frage stellen")
	l.wants(guest.get(room+"leinwand/"), "<svg class=\"qr\"", s.Code[:3]+" "+s.Code[3:])
	if res, _ := guest.do("GET", room+"leinwand/?laden", nil); res.Header.Get("Refresh") != "15" {
		t.Error("without scripts the screen is not loaded again")
	}

	// A planned sitting is nobody's business yet.
	_, body := host.do("POST", "/redaktion/live/", url.Values{"title": {"Später"}, "language": {"en"}, "asking": {"off"}})
	if body != "" {
		t.Error(body)
	}
	var code string
	if err := l.p.App.DB().NewQuery(`SELECT code FROM live_sessions WHERE state = 'planned'`).Row(&code); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", "leinwand/", "strom/"} {
		if res, _ := guest.do("GET", "/live/"+code+"/"+path, nil); res.StatusCode != http.StatusNotFound {
			t.Errorf("a planned room, %q: %d", path, res.StatusCode)
		}
	}
	guest.post("/live/", 422, "code", code)
	l.wants(host.get(desk), room)
}

func TestQuestionsAreReadBeforeEverybodySeesThem(t *testing.T) {
	l := openLounge(t)
	_, host, room, desk := l.sitting(askingChecked)
	guest, other := l.person(""), l.person("")
	guest.post(room+"frage/", 303, "frage", "Wann kommt  <b>mehr</b> Grün?")
	l.lacks(other.get(room), "mehr", "frage-1")
	l.wants(host.get(desk), "Wann kommt &lt;b&gt;mehr&lt;/b&gt; Grün?", "neu")
	host.post(desk, 303, "aktion", "frage-zeigen", "id", "1")
	l.wants(other.get(room), "Wann kommt &lt;b&gt;mehr", "0 Stimmen")
	for _, refused := range []struct{ text, says string }{
		{"", "f-frage"}, {"Hm?", "mindestens 5 Zeichen"}, {strings.Repeat("ä", 301), "300"},
	} {
		l.wants(guest.post(room+"frage/", 422, "frage", refused.text), refused.says, refused.text)
	}

	host.post(desk, 303, "aktion", "fragen", "asking", "free")
	guest.post(room+"frage/", 303, "frage", "Und die Straßenbahn?")
	l.wants(other.get(room), "Und die Straßenbahn?")
	host.post(desk, 303, "aktion", "frage-anheften", "id", "2")
	l.wants(other.get(room+"leinwand/"), "Und die Straßenbahn?", "Jetzt im Gespräch")
	host.post(desk, 303, "aktion", "frage-anheften", "id", "1")
	l.lacks(other.get(room+"leinwand/"), "Straßenbahn")
	host.post(desk, 303, "aktion", "frage-beantwortet", "id", "1")
	l.wants(other.get(room), "Beantwortet")
	host.post(desk, 303, "aktion", "frage-verbergen", "id", "2")
	l.lacks(other.get(room), "Straßenbahn")

	host.post(desk, 303, "aktion", "fragen", "asking", "off")
	l.wants(guest.post(room+"frage/", 422, "frage", "Kommt das noch durch?"), "keine Fragen")
	host.post(desk, 303, "aktion", "schliessen")
	l.wants(guest.post(room+"frage/", 409, "frage", "Kommt das noch durch?"), "Kommt das noch durch?", "vorbei")
	if n := l.number(`SELECT COUNT(*) FROM live_questions`); n != 2 {
		t.Errorf("%d questions, want 2", n)
	}
}

func TestTenQuestionsFromOneBrowser(t *testing.T) {
	l := openLounge(t)
	_, _, room, _ := l.sitting(askingFree)
	guest := l.person("")
	for i := range 10 {
		guest.post(room+"frage/", 303, "frage", fmt.Sprintf("Frage Nummer %d?", i))
	}
	l.wants(guest.post(room+"frage/", 422, "frage", "Noch eine elfte?"), "zehn Fragen", "Noch eine elfte?")
	if n := l.number(`SELECT COUNT(*) FROM live_questions`); n != 10 {
		t.Errorf("%d questions", n)
	}
	l.person("").post(room+"frage/", 303, "frage", "Eine von jemand anderem?")
}

func TestVotesAreTakenBackAndCountOnce(t *testing.T) {
	l := openLounge(t)
	_, host, room, desk := l.sitting(askingFree)
	guest, other := l.person(""), l.person("")
	guest.post(room+"frage/", 303, "frage", "Wann kommt mehr Grün?")
	for range 3 {
		guest.post(room+"stimme/", 303, "frage", "1", "aktion", "stimmen")
	}
	other.post(room+"stimme/", 303, "frage", "1")
	l.wants(guest.get(room), "2 Stimmen", `data-voted="1"`, `value="stimmen" id="ja-1" hidden`)
	l.wants(l.person("").get(room), `data-voted=""`, `id="nein-1" hidden`)
	other.post(room+"stimme/", 303, "frage", "1", "aktion", "zuruecknehmen")
	other.post(room+"stimme/", 303, "frage", "1", "aktion", "zuruecknehmen")
	l.wants(other.get(room), "1 Stimme<")
	host.post(desk, 303, "aktion", "frage-verbergen", "id", "1")
	other.post(room+"stimme/", 303, "frage", "1")
	if n := l.number(`SELECT votes FROM live_questions WHERE id = 1`); n != 1 {
		t.Errorf("a hidden question has %d votes, want 1", n)
	}
	other.post(room+"stimme/", 404, "frage", "abc")
	// A question of another sitting takes none by this address.
	_, _, room2, _ := l.sitting(askingFree)
	host.post(desk, 303, "aktion", "frage-zeigen", "id", "1")
	other.post(room2+"stimme/", 303, "frage", "1")
	if n := l.number(`SELECT votes FROM live_questions WHERE id = 1`); n != 1 {
		t.Errorf("a vote came by another room: %d", n)
	}
}

// answerAll lets n new browsers answer.
func (l *lounge) answerAll(room, poll string, n int, pairs func(i int) []string) {
	l.t.Helper()
	for i := range n {
		l.person("").post(room+"umfrage/", 303, append([]string{"umfrage", poll}, pairs(i)...)...)
	}
}

func TestPollsShowNothingBeforeFiveHaveAnswered(t *testing.T) {
	l := openLounge(t)
	_, host, room, desk := l.sitting(askingOff)
	host.post(desk, 303, "aktion", "umfrage-neu", "poll", "Was zuerst?", "kind", "single", "options", "Radwege\n\n Bäume \nWLAN\nBäume")
	host.post(desk, 303, "aktion", "umfrage-neu", "poll", "Und was noch?", "kind", "multiple", "options", "a\nb\nc", "most", "2")
	guest := l.person("")
	l.lacks(guest.get(room), "Was zuerst?")
	host.post(desk, 303, "aktion", "umfrage-starten", "id", "1")
	l.wants(guest.get(room), "Was zuerst?", "Bäume", `type="radio"`)
	guest.post(room+"umfrage/", 303, "umfrage", "1", "wahl", "1")
	guest.post(room+"umfrage/", 303, "umfrage", "1", "wahl", "2") // changed my mind
	l.wants(guest.get(room), `value="2" checked`, "Antworten: 1")
	host.post(desk, 303, "aktion", "umfrage-zeigen", "id", "1")
	l.answerAll(room, "1", 3, func(int) []string { return []string{"wahl", "1"} })
	for _, path := range []string{room, room + "leinwand/"} {
		l.lacks(guest.get(path), "chart-bar", "75 %")
	}
	l.answerAll(room, "1", 1, func(int) []string { return []string{"wahl", "0"} })
	for _, path := range []string{room, room + "leinwand/"} {
		l.wants(guest.get(path), "chart-bar", "60 %", "20 %")
	}
	host.post(desk, 303, "aktion", "umfrage-verbergen", "id", "1")
	l.lacks(guest.get(room), "chart-bar")

	for _, refused := range [][]string{{}, {"wahl", "3"}, {"wahl", "-1"}, {"wahl", "x"}, {"wahl", "0", "wahl", "1"}} {
		guest.post(room+"umfrage/", 422, append([]string{"umfrage", "1"}, refused...)...)
	}
	host.post(desk, 303, "aktion", "umfrage-starten", "id", "2") // ends the first
	l.wants(guest.post(room+"umfrage/", 409, "umfrage", "1", "wahl", "1"), "Umfrage beendet")
	l.wants(guest.post(room+"umfrage/", 422, "umfrage", "2", "wahl", "0", "wahl", "1", "wahl", "2"), "höchstens 2", `value="2" checked`)
	guest.post(room+"umfrage/", 303, "umfrage", "2", "wahl", "0", "wahl", "2")
	guest.post(room+"umfrage/", 404, "umfrage", "77", "wahl", "0")
}

func TestScalesAndWords(t *testing.T) {
	l := openLounge(t)
	_, host, room, desk := l.sitting(askingOff)
	host.post(desk, 303, "aktion", "umfrage-neu", "poll", "Wie smart ist Kassel?", "kind", "scale", "most", "5", "low", "gar nicht", "high", "sehr")
	host.post(desk, 303, "aktion", "umfrage-neu", "poll", "Kassel in einem Wort", "kind", "words", "most", "2")
	host.post(desk, 303, "aktion", "umfrage-starten", "id", "1")
	host.post(desk, 303, "aktion", "umfrage-zeigen", "id", "1")
	l.answerAll(room, "1", 6, func(i int) []string { return []string{"wahl", fmt.Sprint(4 + i%2)} })
	guest := l.person("")
	l.wants(guest.get(room), "1 – gar nicht", "5 – sehr", "50 %")
	guest.post(room+"umfrage/", 422, "umfrage", "1", "wahl", "0")
	guest.post(room+"umfrage/", 422, "umfrage", "1", "wahl", "6")

	host.post(desk, 303, "aktion", "umfrage-starten", "id", "2")
	host.post(desk, 303, "aktion", "umfrage-zeigen", "id", "2")
	l.answerAll(room, "2", 6, func(i int) []string {
		return []string{"wort", []string{"Grün, Bergpark", "grün", "GRÜN; documenta"}[i%3]}
	})
	l.lacks(guest.get(room), "documenta", "bergpark")
	host.post(desk, 303, "aktion", "wort-zeigen", "id", "2", "wort", "grün")
	l.wants(guest.get(room), "grün", "100 %")
	l.lacks(guest.get(room), "documenta", "bergpark")
	host.post(desk, 303, "aktion", "wort-verbergen", "id", "2", "wort", "bergpark")
	host.post(desk, 303, "aktion", "woerter-zeigen", "id", "2")
	l.wants(guest.get(room+"leinwand/"), "documenta")
	l.lacks(guest.get(room+"leinwand/"), "bergpark")
	for _, refused := range []string{"", " , ;", "eins, zwei, drei", strings.Repeat("x", 41)} {
		guest.post(room+"umfrage/", 422, "umfrage", "2", "wort", refused)
	}
}

func TestBadPollsAreRefusedAtTheirField(t *testing.T) {
	l := openLounge(t)
	_, host, _, desk := l.sitting(askingOff)
	for _, bad := range []struct {
		field string
		form  []string
	}{
		{"poll", []string{"poll", "", "kind", "single", "options", "a\nb"}},
		{"kind", []string{"poll", "Gut?", "kind", "essay"}},
		{"options", []string{"poll", "Gut?", "kind", "single", "options", "nur eine"}},
		{"options", []string{"poll", "Gut?", "kind", "multiple", "options", strings.Repeat("x", 121) + "\nb"}},
		{"most", []string{"poll", "Gut?", "kind", "scale", "most", "11"}},
		{"most", []string{"poll", "Gut?", "kind", "words", "most", "viele"}},
		{"low", []string{"poll", "Gut?", "kind", "scale", "low", strings.Repeat("x", 121)}},
	} {
		body := host.post(desk, 422, append([]string{"aktion", "umfrage-neu"}, bad.form...)...)
		l.wants(body, `href="#f-`+bad.field+`"`)
	}
	host.post(desk, 400, "aktion", "alles-loeschen")
	host.post("/redaktion/live/", 422, "title", "", "language", "fr", "asking", "x", "event", "gibt-es-nicht")
	if n := l.number(`SELECT COUNT(*) FROM live_polls`); n != 0 {
		t.Errorf("%d polls", n)
	}
}

func TestResultsStayWithTheEventOnceReleased(t *testing.T) {
	l := openLounge(t)
	s, host, room, desk := l.sitting(askingChecked)
	guest := l.person("")
	guest.post(room+"frage/", 303, "frage", "Eine, die gezeigt wird?")
	guest.post(room+"frage/", 303, "frage", "Eine, die niemand zeigt?")
	host.post(desk, 303, "aktion", "frage-zeigen", "id", "1")
	guest.post(room+"stimme/", 303, "frage", "1")
	for i, title := range []string{"Mit sechs", "Mit zwei", "Verborgen"} {
		id := fmt.Sprint(i + 1)
		host.post(desk, 303, "aktion", "umfrage-neu", "poll", title, "kind", "single", "options", "ja\nnein")
		host.post(desk, 303, "aktion", "umfrage-starten", "id", id)
		l.answerAll(room, id, []int{6, 2, 6}[i], func(i int) []string { return []string{"wahl", fmt.Sprint(i % 2)} })
		if i < 2 {
			host.post(desk, 303, "aktion", "umfrage-zeigen", "id", id)
		}
	}
	host.post(desk, 303, "aktion", "veroeffentlichen") // not before the end
	host.post(desk, 303, "aktion", "schliessen")
	l.wants(guest.get(room), "noch nicht veröffentlicht")
	l.lacks(guest.get(room), "Eine, die")
	host.post(desk, 303, "aktion", "veroeffentlichen")

	see := func() {
		t.Helper()
		body := guest.get(room)
		l.wants(body, "Mit sechs", "50 %", "Eine, die gezeigt wird?", "1 Stimme<")
		l.lacks(body, "Mit zwei", "Verborgen", "niemand zeigt", "<form method=\"post\" action=\"/live/")
	}
	see()
	if n, err := l.x.Forget(t.Context()); n != 0 || err != nil {
		t.Errorf("forgot %d too early, %v", n, err)
	}
	l.now = l.now.Add(KeepFor)
	if n, err := l.x.Forget(t.Context()); n != 1 || err != nil {
		t.Errorf("forgot %d, %v", n, err)
	}
	if n, err := l.x.Forget(t.Context()); n != 0 || err != nil {
		t.Errorf("forgot twice: %d, %v", n, err)
	}
	see()
	for _, table := range []string{"live_answers", "live_votes", "live_senders", "live_words"} {
		if n := l.number(`SELECT COUNT(*) FROM ` + table); n != 0 {
			t.Errorf("%s keeps %d rows", table, n)
		}
	}
	if n := l.number(`SELECT COUNT(*) FROM live_questions WHERE text LIKE '%niemand%'`); n != 0 {
		t.Error("the text that nobody released is still there")
	}
	tables := basetest.Report(t, l.p, report.Period{From: "2026-12-01", To: "2026-12-31"}, l.x.Report)
	if want := []string{s.Title + "|12/2026|2|0|1|3|14"}; !slices.Equal(tables["termine"], want) {
		t.Errorf("report %q, want %q", tables["termine"], want)
	}
	host.post(desk, 303, "aktion", "verbergen")
	l.lacks(guest.get(room), "Mit sechs")
}

func TestAForgottenSittingEndsByItself(t *testing.T) {
	l := openLounge(t)
	_, _, room, _ := l.sitting(askingFree)
	l.now = l.now.Add(idle - time.Minute)
	if n, err := l.x.Forget(t.Context()); n != 0 || err != nil {
		t.Errorf("closed %d too early, %v", n, err)
	}
	l.now = l.now.Add(time.Minute)
	if n, err := l.x.Forget(t.Context()); n != 1 || err != nil {
		t.Errorf("closed %d, %v", n, err)
	}
	l.wants(l.person("").get(room), "vorbei")
}

// Two hundred browsers vote and answer several times at once. The control does
// what a program without the constraint does: it looks, then writes.
func TestEverybodyCountsOnceInARace(t *testing.T) {
	l := openLounge(t)
	s, host, room, desk := l.sitting(askingFree)
	l.person("").post(room+"frage/", 303, "frage", "Wann kommt mehr Grün?")
	host.post(desk, 303, "aktion", "umfrage-neu", "poll", "Was zuerst?", "kind", "single", "options", "a\nb")
	host.post(desk, 303, "aktion", "umfrage-starten", "id", "1")
	const voters, tries = 200, 3
	var wg sync.WaitGroup
	for range voters {
		v := l.person("")
		token := base.NewToken()
		u, _ := url.Parse(l.srv.URL)
		v.client.Jar.SetCookies(u, []*http.Cookie{{Name: cookieName, Value: token, Path: "/"}})
		for i := range tries {
			wg.Go(func() { v.post(room+"stimme/", 303, "frage", "1") })
			wg.Go(func() { v.post(room+"umfrage/", 303, "umfrage", "1", "wahl", fmt.Sprint(i%2)) })
		}
	}
	wg.Wait()
	for what, sql := range map[string]string{
		"votes": `SELECT COUNT(*) FROM live_votes`, "counted votes": `SELECT votes FROM live_questions WHERE id = 1`,
		"answers": `SELECT COUNT(*) FROM live_answers`, "counted answers": `SELECT answers FROM live_polls WHERE id = 1`,
	} {
		if n := l.number(sql); n != voters {
			t.Errorf("%s: %d, want %d", what, n, voters)
		}
	}

	if _, err := l.p.App.NonconcurrentDB().NewQuery(`CREATE TABLE naive (voter BLOB)`).Execute(); err != nil {
		t.Fatal(err)
	}
	start := make(chan struct{})
	for i := range 20 {
		voter := l.x.person(fmt.Sprint(i), "vote", s.ID)
		for range 8 {
			wg.Go(func() {
				<-start
				var n int
				if err := l.p.App.ConcurrentDB().NewQuery(`SELECT COUNT(*) FROM naive WHERE voter = {:v}`).Bind(dbx.Params{"v": voter}).Row(&n); err != nil {
					t.Error(err)
				}
				if n == 0 {
					l.p.App.NonconcurrentDB().NewQuery(`INSERT INTO naive VALUES ({:v})`).Bind(dbx.Params{"v": voter}).Execute()
				}
			})
		}
	}
	close(start)
	wg.Wait()
	if n := l.number(`SELECT COUNT(*) FROM naive`); n <= 20 {
		t.Errorf("the control counted %d votes of 20 voters: this race proves nothing", n)
	}
}

// listen reads the events of a stream into a channel: name and data.
func (v *person) listen(path string) (<-chan [2]string, func()) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), "GET", v.srv.URL+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("X-Test-Role", v.role)
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		v.t.Fatalf("%s: %d %s", path, res.StatusCode, res.Header.Get("Content-Type"))
	}
	events := make(chan [2]string, 100)
	go func() {
		defer close(events)
		var name string
		var data []string
		for sc := bufio.NewScanner(res.Body); sc.Scan(); {
			switch l := sc.Text(); {
			case strings.HasPrefix(l, "event: "):
				name = l[7:]
			case strings.HasPrefix(l, "data: "):
				data = append(data, l[6:])
			case l == "" && name != "":
				events <- [2]string{name, strings.Join(data, "\n")}
				name, data = "", nil
			}
		}
	}()
	return events, func() { res.Body.Close() }
}

// awaits reads events until one of the name has the text.
func awaits(t testing.TB, events <-chan [2]string, name, text string) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case e, ok := <-events:
			if !ok {
				t.Fatalf("the stream ended before %q", text)
			}
			if e[0] == name && strings.Contains(e[1], text) {
				return
			}
		case <-limit:
			t.Fatalf("no %s with %q", name, text)
		}
	}
}

func TestStreamsBringWhatIsNew(t *testing.T) {
	l := openLounge(t)
	_, host, room, desk := l.sitting(askingChecked)
	guest := l.person("")
	inRoom, leave := guest.listen("/en" + room + "strom/")
	defer leave()
	onScreen, leave2 := guest.listen(room + "strom/?leinwand")
	defer leave2()
	atDesk, leave3 := host.listen(desk + "strom/")
	defer leave3()
	guest.post(room+"frage/", 303, "frage", "Wann kommt\nmehr Grün?")
	awaits(t, atDesk, "warten", "Wann kommt mehr Grün?")
	host.post(desk, 303, "aktion", "frage-zeigen", "id", "1")
	awaits(t, inRoom, "fragen", "0 votes")
	awaits(t, onScreen, "leinwand", "Wann kommt mehr Grün?")
	guest.post(room+"stimme/", 303, "frage", "1")
	awaits(t, inRoom, "fragen", "1 vote<")
	host.post(desk, 303, "aktion", "umfrage-neu", "poll", "Was zuerst?", "kind", "single", "options", "a\nb")
	host.post(desk, 303, "aktion", "umfrage-starten", "id", "1")
	awaits(t, inRoom, "stand", "New poll: Was zuerst?")

	// Parts that all listeners share tell nothing about one of them.
	l.x.hub.mu.Lock()
	rooms := len(l.x.hub.rooms)
	l.x.hub.mu.Unlock()
	if rooms != 3 {
		t.Errorf("%d views are rendered, want 3", rooms)
	}
	leave()
	leave2()
	l.x.hub.close()
	for range atDesk { // ends
	}
	if res, _ := guest.do("GET", room+"strom/", nil); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("after the end: %d", res.StatusCode)
	}
}

// A listener that takes nothing holds up nobody, and memory does not grow with
// what it misses.
func TestASlowListenerHoldsUpNobody(t *testing.T) {
	n := 0
	var mu sync.Mutex
	h := newHub(func(view) ([]part, error) {
		mu.Lock()
		defer mu.Unlock()
		n++
		return []part{{"x", fmt.Sprint(n)}}, nil
	})
	h.gap = time.Millisecond
	v := view{1, "room", content.German}
	slow, leaveSlow, err := h.join(v)
	if err != nil {
		t.Fatal(err)
	}
	quick, leaveQuick, err := h.join(v)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		h.wake(1)
		<-quick
	}
	if got := len(slow); got != 1 {
		t.Errorf("%d states wait for the slow one, want the newest only", got)
	}
	leaveSlow()
	leaveQuick()
	leaveQuick()
	if h.listeners != 0 || len(h.rooms) != 0 {
		t.Errorf("%d listeners and %d rooms are left", h.listeners, len(h.rooms))
	}
}

func TestOnlyHostsSteer(t *testing.T) {
	l := openLounge(t)
	_, _, _, desk := l.sitting(askingFree)
	for _, role := range append([]string{""}, base.Roles...) {
		may := role == base.Moderator || role == base.Editor
		for _, path := range []string{"/redaktion/live/", desk} {
			res, _ := l.person(role).do("GET", path, nil)
			if got := res.StatusCode == http.StatusOK; got != may {
				t.Errorf("%q at %s: %d", role, path, res.StatusCode)
			}
		}
		res, _ := l.person(role).do("POST", desk, url.Values{"aktion": {"frage-zeigen"}, "id": {"1"}})
		if got := res.StatusCode == http.StatusSeeOther && res.Header.Get("Location") == desk+"?gespeichert#fragen"; got != may {
			t.Errorf("%q steers: %d %s", role, res.StatusCode, res.Header.Get("Location"))
		}
	}
}

// What the tables keep of one browser cannot be brought together.
func TestPseudonymsDifferFromMatterToMatter(t *testing.T) {
	l := openLounge(t)
	_, host, room, desk := l.sitting(askingFree)
	guest := l.person("")
	for i := range 3 {
		guest.post(room+"frage/", 303, "frage", fmt.Sprintf("Frage %d, bitte?", i))
		guest.post(room+"stimme/", 303, "frage", fmt.Sprint(i+1))
	}
	for i := range 2 {
		host.post(desk, 303, "aktion", "umfrage-neu", "poll", "Gut?", "kind", "single", "options", "ja\nnein")
		host.post(desk, 303, "aktion", "umfrage-starten", "id", fmt.Sprint(i+1))
		guest.post(room+"umfrage/", 303, "umfrage", fmt.Sprint(i+1), "wahl", "0")
	}
	n := l.number(`SELECT COUNT(DISTINCT p) FROM (SELECT hex(voter) AS p FROM live_votes UNION ALL SELECT hex(voter) FROM live_answers UNION ALL SELECT hex(sender) FROM live_senders)`)
	if n != 6 {
		t.Errorf("%d pseudonyms of one browser, want 6 different ones", n)
	}
	u, _ := url.Parse(l.srv.URL)
	token := guest.client.Jar.Cookies(u)[0].Value
	for _, table := range []string{"live_votes", "live_answers"} {
		if l.number(`SELECT COUNT(*) FROM `+table+` WHERE instr(hex(voter), '`+strings.ToUpper(token[:8])+`')`) != 0 {
			t.Error("the cookie's token is stored")
		}
	}
}

func TestLimitsByNetwork(t *testing.T) {
	l := openLounge(t)
	_, _, room, _ := l.sitting(askingFree)
	l.x.comers = base.NewLimits(2, time.Hour)
	l.person("").post(room+"frage/", 303, "frage", "Eine gute Frage?")
	guest := l.person("")
	guest.post(room+"stimme/", 303, "frage", "1")
	guest.post(room+"stimme/", 303, "frage", "1") // no new browser
	l.person("").post(room+"stimme/", 429, "frage", "1")
	l.x.guesses = base.NewLimits(1, time.Minute)
	guest.post("/live/", 422, "code", "123123")
	guest.post("/live/", 429, "code", "123124")
}
