package orders_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"servicepoint/hooks"
	"servicepoint/hooks/hookstest"
	"servicepoint/hooks/webhook"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/orders"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const partnerSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// follower is a settler that hears what was fetched.
type follower struct {
	settle
	heard []string
}

func (f *follower) Follow(_ core.App, subject string, r hooks.Result) error {
	f.heard = append(f.heard, subject+" "+r.Note)
	return nil
}

// partner sends webhooks; its orders of kind "fetch" answer with the state that
// the partner really has.
type partner struct{ *hookstest.Company }

func (p partner) Submit(ctx context.Context, o hooks.Order) (hooks.Result, error) {
	r, err := p.Company.Submit(ctx, o)
	if o.Kind == hooks.KindFetch {
		r.Note = "truth"
	}
	return r, err
}

func newPartner(t *testing.T) (*base.Platform, *orders.Orders, *follower, func(header http.Header, body string) int) {
	p := basetest.New(t, orders.Words)
	f := &follower{settle: func(core.App, hooks.Order, hooks.State, hooks.Result) error { return nil }}
	o := orders.New(p, []hooks.Provider{partner{&hookstest.Company{Title: "strom"}}}, map[string]orders.Settler{"case": f})
	o.Receivers = map[string]hooks.Receiver{"strom": hooks.StandardWebhooks{
		Keys: func() []string { return []string{partnerSecret} }, References: hooks.ReferenceAt("data.id"),
	}}
	srv, client := basetest.Serve(t, p, o.Bind)
	post := func(header http.Header, body string) int {
		t.Helper()
		req, _ := http.NewRequest("POST", srv.URL+"/webhooks/strom", strings.NewReader(body))
		req.Header = header.Clone()
		req.Header.Set("Content-Type", "application/json")
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if b, _ := io.ReadAll(res.Body); res.StatusCode >= 400 && res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%d is no problem document: %s", res.StatusCode, b)
		}
		return res.StatusCode
	}
	return p, o, f, post
}

func signed(t *testing.T, id string, at time.Time, body string) http.Header {
	t.Helper()
	signature, err := hooks.SignWebhook([]string{partnerSecret}, id, at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {fmt.Sprint(at.Unix())}, "Webhook-Signature": {signature}}
}

// A webhook claims that a case is refused; the partner, asked, says otherwise.
// Only the truth is heard, once however often the message comes.
func TestAWebhookIsOnlyATriggerToAsk(t *testing.T) {
	p, o, f, post := newPartner(t)
	put(t, p, hooks.Order{Key: "k1", Provider: "strom", Kind: "case", Subject: "C-1", Partner: "netz"})
	stop := run(t, o)
	waitFor(t, p, `SELECT count(*) FROM orders WHERE key = 'k1' AND state = 'done'`, 1)
	stop()

	body := `{"type":"case.refused","data":{"id":"ref-k1","state":"refused"}}`
	if status := post(signed(t, "msg_1", p.Now(), body), body); status != 204 {
		t.Fatalf("status %d", status)
	}
	for range 3 { // the same message again, and others about the same thing
		if status := post(signed(t, "msg_1", p.Now(), body), body); status != 204 {
			t.Errorf("again: %d", status)
		}
	}
	for i := range 5 {
		if status := post(signed(t, fmt.Sprint("msg_other_", i), p.Now(), body), body); status != 204 {
			t.Errorf("other: %d", status)
		}
	}
	if n := count(t, p, `SELECT count(*) FROM orders WHERE kind = 'fetch' AND state = 'waiting' AND subject = 'fetch:C-1' AND partner = 'netz'`); n != 1 {
		t.Errorf("%d orders to ask, want one for all messages", n)
	}
	if n := count(t, p, `SELECT count(*) FROM orders WHERE payload LIKE '%refused%'`); n != 0 {
		t.Error("something of the message was kept")
	}
	if state, _, _ := look(t, p, "k1"); state != "done" || len(f.heard) != 0 {
		t.Errorf("the message itself changed something: %s %v", state, f.heard)
	}
	again := orders.New(p, []hooks.Provider{partner{&hookstest.Company{Title: "strom"}}}, map[string]orders.Settler{"case": f})
	stop = run(t, again)
	waitFor(t, p, `SELECT count(*) FROM orders WHERE kind = 'fetch' AND state = 'done'`, 1)
	stop()
	if fmt.Sprint(f.heard) != "[C-1 truth]" {
		t.Errorf("heard %v", f.heard)
	}
	// Later the thing may have changed again.
	if post(signed(t, "msg_2", p.Now(), body), body); count(t, p, `SELECT count(*) FROM orders WHERE kind = 'fetch' AND state = 'waiting'`) != 1 {
		t.Error("a later message asks nothing")
	}
}

func waitFor(t *testing.T, p *base.Platform, query string, want int) {
	t.Helper()
	for range 500 {
		if count(t, p, query) == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never %d: %s", want, query)
}

func TestWebhooksThatProveNothingAreRefused(t *testing.T) {
	p, _, _, post := newPartner(t)
	put(t, p, hooks.Order{Key: "k1", Provider: "strom", Kind: "case", Subject: "C-1"})
	body := `{"data":{"id":"k1"}}`
	fine := signed(t, "msg_1", p.Now(), body)
	tampered := fine.Clone()
	tampered.Set("Webhook-Id", "msg_2")
	for what, c := range map[string]struct {
		header http.Header
		body   string
		want   int
	}{
		"unsigned":       {http.Header{}, body, 401},
		"another body":   {fine, body + " ", 401},
		"another id":     {tampered, body, 401},
		"old":            {signed(t, "msg_1", p.Now().Add(-5*time.Minute-time.Second), body), body, 401},
		"early":          {signed(t, "msg_1", p.Now().Add(5*time.Minute+time.Second), body), body, 401},
		"too large":      {fine, body + strings.Repeat(" ", 70_000), 413},
		"about nobody":   {signed(t, "msg_3", p.Now(), `{"data":{"id":"k9"}}`), `{"data":{"id":"k9"}}`, 204},
		"about nothing":  {signed(t, "msg_4", p.Now(), `[]`), `[]`, 204},
		"no JSON at all": {signed(t, "msg_5", p.Now(), "\x00\xff"), "\x00\xff", 204},
	} {
		if status := post(c.header, c.body); status != c.want {
			t.Errorf("%s: %d, want %d", what, status, c.want)
		}
	}
	if n := count(t, p, `SELECT count(*) FROM orders WHERE kind = 'fetch'`); n != 0 {
		t.Errorf("%d orders to ask", n)
	}
	if status := post(fine, body); status != 204 || count(t, p, `SELECT count(*) FROM orders WHERE kind = 'fetch'`) != 1 {
		t.Errorf("the control: %d", status)
	}
	// Guessing is slowed down, also for what would be right.
	limited := 0
	for range 60 {
		if post(http.Header{}, body) == 429 {
			limited++
		}
	}
	if limited == 0 {
		t.Error("wrong signatures are not limited")
	}
}

func TestNobodyElseHasWebhooks(t *testing.T) {
	p := basetest.New(t, orders.Words)
	o := orders.New(p, []hooks.Provider{&hookstest.Company{Title: "strom"}}, nil)
	srv, client := basetest.Serve(t, p, o.Bind)
	for _, provider := range []string{"strom", "mail", "..", "x"} {
		res, err := client.Post(srv.URL+"/webhooks/"+provider, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode < 300 || res.StatusCode >= 500 || res.StatusCode == 401 {
			t.Errorf("%s: %d", provider, res.StatusCode)
		}
	}
}

// The same message in parallel is taken once; the control are different messages.
func TestTheSameMessageAtTheSameTimeIsTakenOnce(t *testing.T) {
	for _, same := range []bool{true, false} {
		p, _, _, post := newPartner(t)
		for i := range 16 {
			put(t, p, hooks.Order{Key: fmt.Sprint("k", i), Provider: "strom", Kind: "case", Subject: fmt.Sprint("C-", i)})
		}
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				body, id := `{"data":{"id":"k0"}}`, "msg_same"
				if !same {
					body, id = fmt.Sprintf(`{"data":{"id":"k%d"}}`, i), fmt.Sprint("msg_", i)
				}
				if status := post(signed(t, id, p.Now(), body), body); status != 204 {
					t.Errorf("status %d", status)
				}
			})
		}
		wg.Wait()
		want := map[bool]int{true: 1, false: 16}[same]
		if n := count(t, p, `SELECT count(*) FROM orders WHERE kind = 'fetch'`); n != want {
			t.Errorf("same %t: %d orders to ask, want %d", same, n, want)
		}
	}
}

// city is a system of the city.
type city struct {
	mu     sync.Mutex
	got    []string
	status int
	header []http.Header
}

func (c *city) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.header = append(c.header, r.Header.Clone())
	c.got = append(c.got, string(b))
	if c.status != 0 {
		w.WriteHeader(c.status)
	}
}

func TestSystemsOfTheCityAreToldWhatTheyAskedFor(t *testing.T) {
	p := basetest.New(t, orders.Words)
	p.Now = time.Now
	system := &city{}
	_, address := hookstest.Serve(t, system)
	var o *orders.Orders
	o = orders.New(p, []hooks.Provider{webhook.Provider{
		Endpoint: func(ctx context.Context, id string) (hooks.WebhookEndpoint, error) { return o.WebhookEndpoint(ctx, id) },
		Logged:   func(d hooks.WebhookDelivery) { o.WebhookTried(d) },
		Client:   webhook.Client(true),
	}}, nil)
	o.CheckURL = func(s string) error { return webhook.CheckURL(s, true) }
	srv, client := basetest.Serve(t, p, basetest.SignedIn(t, p, base.Admin), o.Bind)
	run(t, o)
	at := srv.URL + "/redaktion/auftraege/webhooks/"
	post := func(path string, form url.Values, want int) string {
		t.Helper()
		res, err := client.PostForm(at+path, form)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		if res.StatusCode != want {
			t.Fatalf("%s: %d, want %d\n%s", path, res.StatusCode, want, b)
		}
		if want == 303 {
			return res.Header.Get("Location")
		}
		return string(b)
	}
	get := func(path string) string {
		t.Helper()
		res, err := client.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		if res.StatusCode != 200 {
			t.Fatalf("%s: %d", path, res.StatusCode)
		}
		return string(b)
	}

	form := url.Values{"name": {"Fachverfahren <Bauamt>"}, "url": {address + "/hook"}, "events": {"booking.confirmed", "case.state"}, "active": {"1"}}
	for what, c := range map[string]struct{ field, value, says string }{
		"no name":  {"name", " ", "Bitte füllen Sie dieses Feld aus."},
		"no url":   {"url", "javascript:alert(1)", "öffentliche Adresse"},
		"no event": {"events", "everything", "mindestens ein Ereignis"},
	} {
		bad := url.Values{}
		for k, v := range form {
			bad[k] = v
		}
		bad.Set(c.field, c.value)
		page := post("neu/", bad, 422)
		if !strings.Contains(page, c.says) || c.field != "url" && !strings.Contains(page, address) {
			t.Errorf("%s: the page does not say %q or lost what was typed", what, c.says)
		}
	}
	location := post("neu/", form, 303)
	id := strings.Split(strings.TrimPrefix(location, "/redaktion/auftraege/webhooks/"), "/")[0]
	page := get(location)
	_, rest, _ := strings.Cut(page, "<code>whsec_")
	secret := "whsec_" + strings.ReplaceAll(rest[:strings.Index(rest, "<")], "&#43;", "+")
	if strings.Contains(page, "<Bauamt>") {
		t.Error("not escaped")
	}
	var dump bytes.Buffer
	rows := []dbx.NullStringMap{}
	if err := p.App.DB().NewQuery(`SELECT quote(secret) AS s, hex(secret) AS h FROM webhook_endpoints`).All(&rows); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(&dump, rows)
	if strings.Contains(dump.String(), fmt.Sprintf("%X", secret)) || strings.Contains(dump.String(), secret) {
		t.Error("the secret lies open in the database")
	}

	announce := func(what, id string, more map[string]string) {
		t.Helper()
		if err := p.App.RunInTransaction(func(tx core.App) error { return p.Announce(tx, what, id, more) }); err != nil {
			t.Fatal(err)
		}
		p.WakeOrders()
	}
	announce("booking.confirmed", "B-1", nil)
	announce("booking.cancelled", "B-1", nil) // nobody asked for it
	announce("case.state", "A-1", map[string]string{"state": "received"})
	waitFor(t, p, `SELECT count(*) FROM webhook_tries WHERE status = 200`, 2)
	system.mu.Lock()
	all := strings.Join(system.got, "\n")
	if len(system.got) != 2 || !strings.Contains(all, `"data":{"id":"B-1"}`) || !strings.Contains(all, `"data":{"id":"A-1","state":"received"}`) {
		t.Errorf("told %v", system.got)
	}
	for i, b := range system.got {
		if _, err := hooks.VerifyWebhook([]string{secret}, system.header[i], []byte(b), time.Now()); err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}
	system.mu.Unlock()
	if err := p.App.RunInTransaction(func(tx core.App) error { return p.Announce(tx, "booking.exploded", "B-1", nil) }); err == nil {
		t.Error("an unknown event was announced")
	}

	// A test, after the secret changed: old and new sign for a day.
	post(id+"/geheimnis/", nil, 303)
	post(id+"/testen/", nil, 303)
	waitFor(t, p, `SELECT count(*) FROM webhook_tries WHERE type = 'test'`, 1)
	system.mu.Lock()
	h, b := system.header[2], system.got[2]
	system.mu.Unlock()
	if _, err := hooks.VerifyWebhook([]string{secret}, h, []byte(b), time.Now()); err != nil || len(strings.Fields(h.Get("Webhook-Signature"))) != 2 {
		t.Errorf("the old secret no longer signs: %v", err)
	}
	if page := get("/redaktion/auftraege/webhooks/" + id + "/"); !strings.Contains(page, "<code>test</code>") || !strings.Contains(page, "Bis ") || strings.Contains(page, ">"+secret+"<") {
		t.Error("the page does not show the test or still shows the old secret")
	}

	// 410: switched off, nothing more is sent; staff see it and can switch it on again.
	system.mu.Lock()
	system.status = 410
	system.mu.Unlock()
	announce("booking.confirmed", "B-2", nil)
	waitFor(t, p, `SELECT count(*) FROM webhook_endpoints WHERE active = 0 AND gone IS NOT NULL`, 1)
	announce("booking.confirmed", "B-3", nil)
	if n := count(t, p, `SELECT count(*) FROM orders WHERE payload LIKE '%B-3%'`); n != 0 {
		t.Error("an order for an endpoint that is switched off")
	}
	if page := get("/redaktion/auftraege/webhooks/"); !strings.Contains(page, "meldet sich ab") {
		t.Error("the list does not tell")
	}
	post(id+"/", form, 303)
	if n := count(t, p, `SELECT count(*) FROM webhook_endpoints WHERE active = 1 AND gone IS NULL`); n != 1 {
		t.Error("not switched on again")
	}
	post(id+"/loeschen/", nil, 303)
	if n := count(t, p, `SELECT (SELECT count(*) FROM webhook_endpoints) + (SELECT count(*) FROM webhook_tries)`); n != 0 {
		t.Error("not deleted")
	}
	if n := count(t, p, `SELECT count(*) FROM order_log WHERE what = 'endpoint' AND reason NOT LIKE '%whsec%'`); n != 4 {
		t.Errorf("%d lines in the log, want 4", n)
	}
	post(id+"/testen/", nil, 404)
}

// An endpoint that is down is told when it is back, others are not held up, and
// nothing is kept longer than promised.
func TestAnEndpointThatIsDownIsToldLater(t *testing.T) {
	seen := map[string]int{}
	var mu sync.Mutex
	down := true
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/down" && down {
			w.WriteHeader(503)
			return
		}
		seen[r.URL.Path]++
	})
	synctest.Test(t, func(t *testing.T) {
		p := inSimulatedTime(t)
		var o *orders.Orders
		o = orders.New(p, []hooks.Provider{webhook.Provider{
			Endpoint: func(ctx context.Context, id string) (hooks.WebhookEndpoint, error) {
				return hooks.WebhookEndpoint{URL: "http://system.test/" + id, Keys: []string{partnerSecret}, Active: true}, nil
			},
			Logged: func(d hooks.WebhookDelivery) { o.WebhookTried(d) },
			Client: &http.Client{Transport: hookstest.ServeInBubble(t, handler)},
		}}, nil)
		o.Dispatcher.Tick = time.Minute
		run(t, o)
		tell := func(n int) {
			for i := range n {
				for _, endpoint := range []string{"down", "up"} {
					if err := p.App.RunInTransaction(func(tx core.App) error {
						return p.AnnounceTo(tx, endpoint, "booking.confirmed", map[string]string{"id": fmt.Sprint("B-", i)})
					}); err != nil {
						t.Fatal(err)
					}
				}
			}
			p.WakeOrders()
		}
		tell(20)
		time.Sleep(10 * time.Minute)
		if c := o.Dispatcher.Circuit("webhook"); c != "closed" || seen["/up"] != 20 {
			t.Errorf("circuit %s, %d of 20 told", c, seen["/up"])
		}
		time.Sleep(20 * time.Hour)
		mu.Lock()
		down = false
		mu.Unlock()
		time.Sleep(12 * time.Hour)
		if seen["/down"] != 20 {
			t.Errorf("%d of 20 told after the outage", seen["/down"])
		}
		if n := count(t, p, `SELECT count(*) FROM orders WHERE state = 'done'`); n != 40 {
			t.Errorf("%d of 40 done", n)
		}
		var most int
		if err := p.App.DB().NewQuery(`SELECT max(attempt) FROM webhook_tries`).Row(&most); err != nil || most > 12 {
			t.Errorf("%d tries in a day: no mercy (%v)", most, err)
		}
		if err := o.Sweep(t.Context(), time.Now().Add(31*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if n := count(t, p, `SELECT count(*) FROM webhook_tries`); n != 0 {
			t.Errorf("%d tries are kept for ever", n)
		}
	})
}
