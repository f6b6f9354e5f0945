package booking

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// house is one running platform with the matter under test.
type house struct {
	t      testing.TB
	p      *base.Platform
	s      *Service
	url    string
	client *http.Client
}

func open(t testing.TB, more ...func(*core.ServeEvent)) house {
	t.Helper()
	p := basetest.New(t, Words)
	s := New(p)
	s.Pause = time.Millisecond
	return serve(t, p, s, more...)
}

func serve(t testing.TB, p *base.Platform, s *Service, more ...func(*core.ServeEvent)) house {
	t.Helper()
	p.App.Settings().RateLimits.Enabled = false // PocketBase's own; ours is tested
	srv, client := basetest.Serve(t, p, append(more, s.Bind)...)
	if tr, ok := client.Transport.(*http.Transport); ok {
		tr.MaxIdleConnsPerHost = 64
	}
	return house{t, p, s, srv.URL, client}
}

// lecture is an event a week after the test clock with the given pools.
func lecture(slug string, pools ...content.Pool) content.Event {
	return content.Event{
		Slug: slug, Kind: "lecture", Place: "Event Lounge, Obere Königsstraße 8", Provider: "stadt-kassel",
		Start: time.Date(2026, 12, 9, 17, 0, 0, 0, time.UTC), End: time.Date(2026, 12, 9, 19, 0, 0, 0, time.UTC),
		Precision: content.ToMinute, Free: true, Sequence: 2,
		Texts: map[string]content.EventText{
			content.German:  {Title: "Wärme für Kassel", Summary: "Was kommt nach dem Gas?"},
			content.English: {Title: "Heat for Kassel", Summary: "What comes after gas?"},
		},
		Pools: pools,
	}
}

func room(size int) content.Pool {
	return content.Pool{Code: "saal", Size: size, Label: content.Text{content.German: "Saal", content.English: "Room"}}
}

func wheelchair(size int) content.Pool {
	return content.Pool{Code: "rollstuhl", Size: size, Label: content.Text{content.German: "Rollstuhlplatz"}}
}

// publish does what the editors' matter does: it saves the record and adjusts the pools.
func (h house) publish(ev content.Event) {
	h.t.Helper()
	if err := h.tryPublish(ev, "published"); err != nil {
		h.t.Fatal(err)
	}
}

func (h house) tryPublish(ev content.Event, state string) error {
	return h.p.App.RunInTransaction(func(tx core.App) error {
		rec, err := tx.FindFirstRecordByData("events", "slug", ev.Slug)
		if err != nil {
			c, err := tx.FindCollectionByNameOrId("events")
			if err != nil {
				return err
			}
			rec = core.NewRecord(c)
		}
		rec.Set("slug", ev.Slug)
		rec.Set("title", titleOf(ev, content.German))
		rec.Set("doc", ev)
		rec.Set("live", ev)
		rec.Set("state", state)
		rec.Set("rev", rec.GetInt("rev")+1)
		if err := tx.Save(rec); err != nil {
			return err
		}
		return h.s.PublishEvent(tx, ev)
	})
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) answer(t testing.TB) (a Answer) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), &a); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return a
}

func (r reply) code() string {
	var doc base.Problem
	json.Unmarshal([]byte(r.body), &doc)
	code := strings.TrimPrefix(doc.Type, "/probleme/")
	for _, e := range doc.Errors {
		code += " " + e.Pointer + " " + e.Code
	}
	return code
}

func (h house) send(method, path, kind, body string, headers ...string) reply {
	h.t.Helper()
	req, err := http.NewRequest(method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Error(err)
		return reply{}
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := h.client.Do(req)
	if err != nil {
		h.t.Error(err)
		return reply{}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Error(err)
	}
	return reply{res.StatusCode, res.Header, string(b)}
}

func (h house) book(slug, key, body string) reply {
	h.t.Helper()
	return h.send("POST", "/api/v1/events/"+slug+"/bookings", "application/json", body, "Idempotency-Key", key)
}

// mustBook books one seat and returns the answer.
func (h house) mustBook(slug string) Answer {
	h.t.Helper()
	r := h.book(slug, base.NewToken(), `{"name":"Ada Lovelace","email":"ada@example.org"}`)
	if r.status != http.StatusCreated {
		h.t.Fatalf("booking: %d %s", r.status, r.body)
	}
	return r.answer(h.t)
}

func (h house) number(query string, params ...any) (n int) {
	h.t.Helper()
	bind := dbx.Params{}
	for i := 0; i+1 < len(params); i += 2 {
		bind[params[i].(string)] = params[i+1]
	}
	if err := h.p.App.DB().NewQuery(query).Bind(bind).Row(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

func (h house) exec(query string) {
	h.t.Helper()
	if _, err := h.p.App.NonconcurrentDB().NewQuery(query).Execute(); err != nil {
		h.t.Fatal(err)
	}
}

func (h house) settle(reference string, state hooks.State) {
	h.t.Helper()
	err := h.p.App.RunInTransaction(func(tx core.App) error {
		return h.s.Settle(tx, hooks.Order{Kind: Kind, Subject: reference}, state, hooks.Result{})
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// mails returns the mail orders about a booking, oldest first.
func (h house) mails(reference string) (list []hooks.Mail) {
	h.t.Helper()
	var payloads []string
	err := h.p.App.DB().NewQuery(`SELECT payload FROM orders WHERE provider = 'mail' AND kind = 'mail' AND subject = {:r} ORDER BY id`).
		Bind(dbx.Params{"r": reference}).Column(&payloads)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range payloads {
		var m hooks.Mail
		if err := json.Unmarshal([]byte(s), &m); err != nil {
			h.t.Fatal(err)
		}
		list = append(list, m)
	}
	return list
}

const ada = `{"name":"Ada Lovelace","email":"ada@example.org","places":2,"pool":"saal"}`

func TestABookingClaimsPlacesAndWritesTheOrderToTheDesk(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(10), wheelchair(2)))
	r := h.book("waerme", "key-number-1", ada)
	if r.status != 201 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	a := r.answer(t)
	if a.State != Active || a.Event != "waerme" || a.Pool != "saal" || a.Places != 2 || len(a.Secret) != 19 || !strings.HasPrefix(a.Reference, "B-") {
		t.Errorf("answer %+v", a)
	}
	if n := h.number(`SELECT taken FROM pools WHERE event = 'waerme' AND code = 'saal'`); n != 2 {
		t.Errorf("taken %d, want 2", n)
	}
	var order struct {
		Provider, Kind, Partner, Payload string
	}
	if err := h.p.App.DB().NewQuery(`SELECT provider, kind, partner, payload FROM orders WHERE subject = {:r}`).
		Bind(dbx.Params{"r": a.Reference}).One(&order); err != nil {
		t.Fatal(err)
	}
	if order.Provider != "desk" || order.Kind != "booking" || order.Partner != "stadt-kassel" || strings.Contains(order.Payload, "Ada") {
		t.Errorf("order %+v", order)
	}
	select {
	case <-h.p.OrdersWaiting():
	default:
		t.Error("the dispatcher was not woken")
	}
	var stored struct {
		Answer string `db:"answer"`
		Secret string `db:"secret_hash"`
	}
	if err := h.p.App.DB().NewQuery(`SELECT answer, (SELECT secret_hash FROM claims) AS secret_hash FROM idempotency`).One(&stored); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(stored.Answer, a.Secret) || stored.Secret != base.Hash(a.Secret) {
		t.Error("the secret is kept in the clear, or not as its hash")
	}
}

func TestARepeatedRequestGetsTheSameAnswer(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(10)))
	h.publish(lecture("strom", room(10)))
	first := h.book("waerme", "key-number-1", ada)
	again := h.book("waerme", "key-number-1", ` {"pool":"saal", "places":2,"email":"ada@example.org","name":"Ada Lovelace"}`)
	if first.status != 201 || again.status != 200 || first.body != again.body {
		t.Errorf("%d %s\n%d %s", first.status, first.body, again.status, again.body)
	}
	for what, r := range map[string]reply{
		"other body":  h.book("waerme", "key-number-1", strings.Replace(ada, "2", "3", 1)),
		"other event": h.book("strom", "key-number-1", ada),
	} {
		if r.status != 422 || r.code() != "key_reused" {
			t.Errorf("%s: %d %s", what, r.status, r.body)
		}
	}
	if n := h.number(`SELECT count(*) FROM claims`); n != 1 {
		t.Errorf("%d claims, want 1", n)
	}
}

func TestFiftyRequestsWithOneKeyAreOneBooking(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(100)))
	replies := make([]reply, 50)
	var wg sync.WaitGroup
	for i := range replies {
		wg.Go(func() { replies[i] = h.book("waerme", "one-key-for-all", ada) })
	}
	wg.Wait()
	made := 0
	for _, r := range replies {
		if r.status == 201 {
			made++
		} else if r.status != 200 {
			t.Errorf("%d %s", r.status, r.body)
		}
		if r.body != replies[0].body {
			t.Errorf("answers differ: %s and %s", r.body, replies[0].body)
		}
	}
	if made != 1 || h.number(`SELECT count(*) FROM claims`) != 1 || h.number(`SELECT taken FROM pools`) != 2 || h.number(`SELECT count(*) FROM orders`) != 1 {
		t.Errorf("%d answers 201, or more than one booking", made)
	}
}

func TestRefusedBookings(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(3), wheelchair(1)))
	h.publish(lecture("ohne-buchung"))
	past := lecture("vorbei", room(3))
	past.Start, past.End = basetest.Start.Add(-3*time.Hour), basetest.Start.Add(-time.Hour)
	h.publish(past)
	cancelled := lecture("abgesagt", room(3))
	cancelled.Cancelled = true
	h.publish(cancelled)
	h.publish(lecture("angehalten", room(3)))
	h.exec(`UPDATE pools SET stopped = 'audit' WHERE event = 'angehalten'`)
	if err := h.tryPublish(lecture("zurueckgezogen", room(3)), "withdrawn"); err != nil {
		t.Fatal(err)
	}

	long := strings.Repeat("ä", MaxName+1)
	one := func(more string) string { return `{"name":"Ada","email":"ada@example.org"` + more + `}` }
	cases := []struct {
		what, slug, kind, key, body string
		status                      int
		code                        string
	}{
		{"no key", "waerme", "application/json", "", ada, 400, "key_missing"},
		{"short key", "waerme", "application/json", "abc", ada, 400, "key_malformed"},
		{"key with a blank", "waerme", "application/json", "abc def ghi", ada, 400, "key_malformed"},
		{"unknown event", "gibt-es-nicht", "application/json", "k", ada, 404, "not_found"},
		{"no slug at all", "..%2fetc", "application/json", "k", ada, 404, "not_found"},
		{"withdrawn event", "zurueckgezogen", "application/json", "k", ada, 404, "not_found"},
		{"event over", "vorbei", "application/json", "k", ada, 409, "event_over"},
		{"event cancelled", "abgesagt", "application/json", "k", ada, 409, "event_cancelled"},
		{"event without booking", "ohne-buchung", "application/json", "k", one(""), 409, "booking_closed"},
		{"sales stopped", "angehalten", "application/json", "k", ada, 409, "booking_stopped"},
		{"more than free", "waerme", "application/json", "k", one(`,"places":4,"pool":"saal"`), 409, "booking_full"},
		{"pool missing", "waerme", "application/json", "k", one(""), 422, "invalid #/pool required"},
		{"unknown pool", "waerme", "application/json", "k", one(`,"pool":"balkon"`), 422, "invalid #/pool unknown_option"},
		{"endless pool", "waerme", "application/json", "k", one(`,"pool":"` + strings.Repeat("x", 9999) + `"`), 422, "invalid #/pool unknown_option"},
		{"no places", "waerme", "application/json", "k", one(`,"places":0,"pool":"saal"`), 422, "invalid #/places too_small"},
		{"negative places", "waerme", "application/json", "k", one(`,"places":-1,"pool":"saal"`), 422, "invalid #/places too_small"},
		{"too many places", "waerme", "application/json", "k", one(`,"places":11,"pool":"saal"`), 422, "invalid #/places too_large"},
		{"places as text", "waerme", "application/json", "k", one(`,"places":"2"`), 422, "invalid #/places wrong_type"},
		{"half a place", "waerme", "application/json", "k", one(`,"places":0.5`), 422, "invalid #/places wrong_type"},
		{"endless places", "waerme", "application/json", "k", one(`,"places":1e99`), 422, "invalid #/places wrong_type"},
		{"unknown field", "waerme", "application/json", "k", one(`,"colour":"red"`), 422, "invalid #/colour unknown_field"},
		{"nothing", "waerme", "application/json", "k", `{}`, 422, "invalid #/name required #/email required"},
		{"name of blanks", "waerme", "application/json", "k", `{"name":"  ","email":"ada@example.org"}`, 422, "invalid #/name required"},
		{"name as list", "waerme", "application/json", "k", `{"name":["Ada"],"email":"ada@example.org"}`, 422, "invalid #/name wrong_type"},
		{"long name", "waerme", "application/json", "k", `{"name":"` + long + `","email":"ada@example.org"}`, 422, "invalid #/name too_long"},
		{"name with a line break", "waerme", "application/json", "k", `{"name":"Ada\nBcc: x@example.org","email":"ada@example.org"}`, 422, "invalid #/name not_text"},
		{"name of nothing visible", "waerme", "application/json", "k", `{"name":"\u200b","email":"ada@example.org"}`, 422, "invalid #/name not_text"},
		{"name turned around", "waerme", "application/json", "k", `{"name":"Ada \u202eadA","email":"ada@example.org"}`, 422, "invalid #/name not_text"},
		{"places twice", "waerme", "application/json", "k", `{"name":"Ada","email":"ada@example.org","places":1,"places":9}`, 400, "broken_json"},
		{"no address", "waerme", "application/json", "k", `{"name":"Ada","email":"ada"}`, 422, "invalid #/email not_email"},
		{"two addresses", "waerme", "application/json", "k", `{"name":"Ada","email":"ada@example.org,b@example.org"}`, 422, "invalid #/email not_email"},
		{"address with a line break", "waerme", "application/json", "k", `{"name":"Ada","email":"ada@example.org\r\nBcc: b@example.org"}`, 422, "invalid #/email not_email"},
		{"long address", "waerme", "application/json", "k", `{"name":"Ada","email":"` + strings.Repeat("a", 250) + `@example.org"}`, 422, "invalid #/email too_long"},
		{"a form", "waerme", "application/x-www-form-urlencoded", "k", "name=Ada", 415, "not_json"},
		{"latin-1", "waerme", "application/json; charset=iso-8859-1", "k", ada, 415, "not_json"},
		{"bad UTF-8", "waerme", "application/json", "k", "{\"name\":\"\xff\"}", 400, "bad_utf8"},
		{"cut off", "waerme", "application/json", "k", `{"name":"Ada`, 400, "broken_json"},
		{"a list", "waerme", "application/json", "k", `[` + ada + `]`, 400, "broken_json"},
		{"two objects", "waerme", "application/json", "k", ada + ada, 400, "broken_json"},
		{"empty", "waerme", "application/json", "k", ``, 400, "broken_json"},
		{"oversized", "waerme", "application/json", "k", one(strings.Repeat(" ", base.MaxJSON)), 413, "body_too_large"},
	}
	for i, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			key := c.key
			if key == "k" {
				key = fmt.Sprintf("key-number-%d", i)
			}
			r := h.send("POST", "/api/v1/events/"+c.slug+"/bookings", c.kind, c.body, "Idempotency-Key", key)
			if r.status != c.status || r.code() != c.code {
				t.Errorf("got %d %q, want %d %q\n%s", r.status, r.code(), c.status, c.code, r.body)
			}
			if strings.Contains(r.body, "example.org\"") || strings.Contains(r.body, "Ada") {
				t.Errorf("the refusal repeats personal data: %s", r.body)
			}
		})
	}
	if h.number(`SELECT count(*) FROM claims`) != 0 || h.number(`SELECT sum(taken) FROM pools`) != 0 || h.number(`SELECT count(*) FROM orders`) != 0 {
		t.Error("a refused booking left something behind")
	}
}

func TestARefusedKeyMayBeUsedAgain(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(1)))
	a := h.mustBook("waerme")
	body := `{"name":"Grace","email":"grace@example.org"}`
	if r := h.book("waerme", "patient-key", body); r.status != 409 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if _, err := h.s.Cancel(a.Reference); err != nil {
		t.Fatal(err)
	}
	if r := h.book("waerme", "patient-key", body); r.status != 201 {
		t.Errorf("after a place went free: %d %s", r.status, r.body)
	}
}

func TestTheListOfEvents(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(10), wheelchair(2)))
	summer := lecture("sommer", room(5))
	summer.Start, summer.End = time.Date(2026, 7, 1, 16, 0, 0, 0, time.UTC), time.Time{}
	h.publish(summer)
	cancelled := lecture("abgesagt", room(5))
	cancelled.Cancelled, cancelled.Start = true, cancelled.Start.Add(-time.Hour)
	h.publish(cancelled)
	if err := h.tryPublish(lecture("entwurf", room(5)), "draft"); err != nil {
		t.Fatal(err)
	}
	h.book("waerme", "key-number-1", ada)

	r := h.send("GET", "/api/v1/events", "", "")
	want := `[{"slug":"abgesagt","title":"Wärme für Kassel","start":"2026-12-09T17:00:00+01:00","end":"2026-12-09T20:00:00+01:00","precision":"minute","cancelled":true,"pools":[{"code":"saal","size":5,"free":0}]},` +
		`{"slug":"waerme","title":"Wärme für Kassel","start":"2026-12-09T18:00:00+01:00","end":"2026-12-09T20:00:00+01:00","precision":"minute","cancelled":false,"pools":[{"code":"saal","size":10,"free":8},{"code":"rollstuhl","size":2,"free":2}]}]`
	if r.status != 200 || r.body != want {
		t.Errorf("%d\n%s\nwant\n%s", r.status, r.body, want)
	}
	tag := r.header.Get("ETag")
	for _, header := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		if again := h.send("GET", "/api/v1/events", "", "", "If-None-Match", header); again.status != 304 || again.body != "" {
			t.Errorf("If-None-Match %s: %d", header, again.status)
		}
	}
	h.book("waerme", "key-number-2", ada)
	if again := h.send("GET", "/api/v1/events", "", "", "If-None-Match", tag); again.status != 200 {
		t.Errorf("after a booking the old tag still holds: %d", again.status)
	}
	if r := h.send("GET", "/api/v1/events?past=1", "", ""); !strings.HasPrefix(r.body, `[{"slug":"sommer","title":"Wärme für Kassel","start":"2026-07-01T18:00:00+02:00","end":null,`) {
		t.Errorf("with the archive: %s", r.body)
	}
	one := h.send("GET", "/api/v1/events/waerme", "", "", "Accept-Language", "en")
	var ev apiOneEvent
	if err := json.Unmarshal([]byte(one.body), &ev); err != nil || ev.Title != "Heat for Kassel" || ev.Language != "en" || ev.Pools[1].Label != "Rollstuhlplatz" || ev.Pools[0].Free != 6 {
		t.Errorf("one event: %v %s", err, one.body)
	}
	if r := h.send("GET", "/api/v1/events/entwurf", "", ""); r.status != 404 {
		t.Errorf("a draft is shown: %d", r.status)
	}
}

func TestAChangedEventIsSeenAtOnce(t *testing.T) {
	h := open(t)
	ev := lecture("waerme", room(10))
	h.publish(ev)
	h.send("GET", "/api/v1/events", "", "")
	ev.Texts = map[string]content.EventText{content.German: {Title: "Neuer Titel"}}
	h.publish(ev)
	if r := h.send("GET", "/api/v1/events", "", ""); !strings.Contains(r.body, "Neuer Titel") {
		t.Errorf("the old copy is still shown: %s", r.body)
	}
	if err := h.tryPublish(ev, "withdrawn"); err != nil {
		t.Fatal(err)
	}
	if r := h.send("GET", "/api/v1/events", "", ""); r.body != "[]" {
		t.Errorf("a withdrawn event is shown: %s", r.body)
	}
}

func TestEventsEndAtMidnightInBerlinWhenTheEndIsUnknown(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, content.Berlin)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	cases := []struct {
		what, start, end, precision, want string
		length                            time.Duration // from midnight of the start's day
	}{
		{"plain day", "2026-12-09 18:00", "", "minute", "2026-12-10 00:00", 24 * time.Hour},
		{"clocks go back", "2026-10-25 01:30", "", "minute", "2026-10-26 00:00", 25 * time.Hour},
		{"clocks go forward", "2027-03-28 01:30", "", "minute", "2027-03-29 00:00", 23 * time.Hour},
		{"known to the day", "2026-12-09 00:00", "2026-12-10 00:00", "day", "2026-12-11 00:00", 48 * time.Hour},
		{"known to the month", "2026-12-01 00:00", "", "month", "2027-01-01 00:00", 31 * 24 * time.Hour},
		{"known end", "2026-10-25 01:00", "2026-10-25 04:00", "minute", "2026-10-25 04:00", 5 * time.Hour},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			ev := content.Event{Start: at(c.start), Precision: c.precision}
			if c.end != "" {
				ev.End = at(c.end)
			}
			day := time.Date(ev.Start.Year(), ev.Start.Month(), ev.Start.Day(), 0, 0, 0, 0, content.Berlin)
			got := endOf(ev)
			if !got.Equal(at(c.want)) || got.Sub(day) != c.length {
				t.Errorf("ends %s after %s, want %s after %s", got, got.Sub(day), c.want, c.length)
			}
			if isOver(ev, got.Add(-time.Millisecond)) || !isOver(ev, got) {
				t.Error("not over exactly at its end")
			}
		})
	}
}

func TestDatesAreWrittenInBerlinTime(t *testing.T) {
	utc := func(s string) time.Time {
		v, err := time.Parse("2006-01-02 15:04", s)
		if err != nil && s != "" {
			t.Fatal(err)
		}
		return v
	}
	cases := []struct{ start, end, precision, lang, want string }{
		{"2026-10-24 22:30", "2026-10-25 01:30", "minute", "de", "Sonntag, 25. Oktober 2026, 00:30 bis 02:30 Uhr"},
		{"2026-03-29 00:30", "2026-03-29 01:30", "minute", "en", "Sunday, 29 March 2026, 01:30 to 03:30"},
		{"2026-12-09 17:00", "", "minute", "ls", "Mittwoch, 9. Dezember 2026, 18:00 Uhr"},
		{"2026-12-08 23:00", "", "day", "de", "Mittwoch, 9. Dezember 2026"},
		{"2026-12-08 23:00", "2026-12-10 23:00", "day", "de", "Mittwoch, 9. Dezember 2026 bis Freitag, 11. Dezember 2026"},
		{"2026-12-09 17:00", "2026-12-10 09:00", "minute", "de", "Mittwoch, 9. Dezember 2026, 18:00 Uhr bis Donnerstag, 10. Dezember 2026, 10:00 Uhr"},
		{"2026-03-10 00:00", "", "month", "en", "March 2026"},
		{"2026-03-10 00:00", "", "month", "de", "März 2026"},
	}
	for _, c := range cases {
		ev := content.Event{Start: utc(c.start), End: utc(c.end), Precision: c.precision}
		if got := when(ev, c.lang); got != c.want {
			t.Errorf("%s–%s %s: %q, want %q", c.start, c.end, c.lang, got, c.want)
		}
	}
}

func FuzzBookingDecoder(f *testing.F) {
	for _, s := range []string{ada, `{}`, `{"name":"\ud800"}`, `{"places":9223372036854775808}`, `{"name":"a","email":"a@b.de","places":null}`,
		`{"name":"A\u0000","email":"\"a b\"@x.y"}`, "name=Ada&email=ada%40example.org&places=3&pool=saal", "places=%zz", "email=a@b.c%0d%0aBcc:x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		check := func(req Request, err error) {
			if err != nil {
				return
			}
			if req.Places < 1 || req.Places > MaxPlaces || !isLine(req.Name) || req.Name == "" || len(req.Pool) > 80 {
				t.Fatalf("taken: %+v", req)
			}
			if strings.ContainsAny(req.Email, "\r\n ,;<>\"") || strings.Count(req.Email, "@") != 1 || len(req.Email) > MaxEmail {
				t.Fatalf("taken as an address: %q", req.Email)
			}
		}
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		check(readJSON(httptest.NewRecorder(), r))

		r = httptest.NewRequest("POST", "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if values, err := base.DecodeForm(httptest.NewRecorder(), r); err == nil {
			check(readForm(values))
		}
	})
}
