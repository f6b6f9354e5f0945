package orders_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/hooks/desk"
	"servicepoint/hooks/hookstest"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/orders"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// settle makes a function a settler.
type settle func(tx core.App, o hooks.Order, s hooks.State, r hooks.Result) error

func (f settle) Settle(tx core.App, o hooks.Order, s hooks.State, r hooks.Result) error {
	return f(tx, o, s, r)
}

func put(t testing.TB, p *base.Platform, o hooks.Order) {
	t.Helper()
	if o.Payload == nil {
		o.Payload = json.RawMessage(`{"name":"Erika Mustermann"}`)
	}
	if err := p.App.RunInTransaction(func(tx core.App) error { return p.PutOrder(tx, o) }); err != nil {
		t.Fatal(err)
	}
	p.WakeOrders()
}

func look(t testing.TB, p *base.Platform, key string) (state, reference, cause string) {
	t.Helper()
	err := p.App.DB().NewQuery(`SELECT state, reference, last_error FROM orders WHERE key = {:key}`).Bind(dbx.Params{"key": key}).Row(&state, &reference, &cause)
	if err != nil {
		t.Fatalf("order %s: %v", key, err)
	}
	return state, reference, cause
}

func count(t testing.TB, p *base.Platform, query string) int {
	t.Helper()
	var n int
	if err := p.App.DB().NewQuery(query).Row(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// run starts the dispatcher; it is stopped when the test ends or stop is called.
func run(t testing.TB, o *orders.Orders) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	var stopped atomic.Bool
	stop = func() {
		if stopped.CompareAndSwap(false, true) {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	return stop
}

func inBubble(t *testing.T, check func(t *testing.T, p *base.Platform)) {
	synctest.Test(t, func(t *testing.T) {
		check(t, inSimulatedTime(t))
	})
}

func TestOutcomeReachesItsSettlerInTheSameTransaction(t *testing.T) {
	inBubble(t, func(t *testing.T, p *base.Platform) {
		mail := &hookstest.Company{Title: "mail"}
		strom := &hookstest.Company{Title: "strom", Before: func(o hooks.Order) error {
			if o.Subject == "C-2" {
				return fmt.Errorf("no meter: %w", hooks.ErrRejected)
			}
			return nil
		}}
		var heard []string
		settler := settle(func(tx core.App, o hooks.Order, s hooks.State, r hooks.Result) error {
			if !tx.IsTransactional() {
				t.Error("not in a transaction")
			}
			var inside string
			if err := tx.DB().NewQuery(`SELECT state FROM orders WHERE id = {:id}`).Bind(dbx.Params{"id": o.ID}).Row(&inside); err != nil || inside != string(s) {
				t.Errorf("inside the transaction the order is %q %v", inside, err)
			}
			heard = append(heard, fmt.Sprint(o.Subject, " ", s, " ", r.Reference))
			return p.PutOrder(tx, hooks.Order{Key: "mail:" + o.Subject, Provider: "mail", Kind: "mail", Subject: o.Subject})
		})
		run(t, orders.New(p, []hooks.Provider{strom, mail}, map[string]orders.Settler{"case": settler}))
		put(t, p, hooks.Order{Key: "k1", Provider: "strom", Kind: "case", Subject: "C-1"})
		time.Sleep(time.Second)
		put(t, p, hooks.Order{Key: "k2", Provider: "strom", Kind: "case", Subject: "C-2"})
		time.Sleep(time.Second)
		if got := strings.Join(heard, "; "); got != "C-1 done ref-k1; C-2 rejected " {
			t.Errorf("the settler heard %q", got)
		}
		if state, reference, _ := look(t, p, "k1"); state != "done" || reference != "ref-k1" {
			t.Errorf("k1: %s %s", state, reference)
		}
		if state, _, cause := look(t, p, "k2"); state != "rejected" || cause != "no meter: rejected by the provider" {
			t.Errorf("k2: %s %s", state, cause)
		}
		if mail.Done("mail:C-1") != 1 || mail.Done("mail:C-2") != 1 { // without waiting for a tick
			t.Error("the mails that settling wrote were not sent")
		}
	})
}

// Private mails are sealed while they wait and leave nothing behind; the negative
// control is an ordinary one.
func TestPrivateMailIsErasedWhenItIsSettled(t *testing.T) {
	inBubble(t, func(t *testing.T, p *base.Platform) {
		letter := []byte(`{"to":"ada@example.org"}`)
		mail := &hookstest.Company{Title: "mail", Before: func(o hooks.Order) error {
			if string(o.Payload) != string(letter) {
				t.Errorf("%s: the provider got %s", o.Key, o.Payload)
			}
			readable := count(t, p, `SELECT count(*) FROM orders WHERE key = '`+o.Key+`' AND instr(payload, 'ada@example.org') > 0`)
			if want := map[string]int{"k1": 0, "k2": 1}[o.Key]; readable != want {
				t.Errorf("%s: address in the database: %d, want %d", o.Key, readable, want)
			}
			return nil
		}}
		run(t, orders.New(p, []hooks.Provider{mail}, nil))
		put(t, p, hooks.Order{Key: "k1", Provider: "mail", Kind: "private-mail", Subject: "1", Payload: letter})
		put(t, p, hooks.Order{Key: "k2", Provider: "mail", Kind: "mail", Subject: "2", Payload: letter})
		time.Sleep(time.Second)
		if mail.Done("k1") != 1 || mail.Done("k2") != 1 {
			t.Fatal("not sent")
		}
		if n := count(t, p, `SELECT count(*) FROM orders WHERE key = 'k1' AND state = 'done' AND payload = '{}'`); n != 1 {
			t.Error("the address of the private mail is still there")
		}
		if n := count(t, p, `SELECT count(*) FROM orders WHERE key = 'k2' AND payload LIKE '%ada@example.org%'`); n != 1 {
			t.Error("the control proves nothing")
		}
	})
}

func TestSettlerThatFailsKeepsTheOrder(t *testing.T) {
	for what, fail := range map[string]func() error{
		"error": func() error { return errors.New("constraint failed: Erika Mustermann") },
		"panic": func() error { panic("Erika Mustermann") },
	} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, p *base.Platform) {
				var broken atomic.Bool
				broken.Store(true)
				settler := settle(func(tx core.App, o hooks.Order, _ hooks.State, _ hooks.Result) error {
					if err := p.PutOrder(tx, hooks.Order{Key: "mail:1", Provider: "mail", Kind: "mail", Subject: o.Subject}); err != nil {
						return err
					}
					if broken.Load() {
						return fail()
					}
					return nil
				})
				strom := &hookstest.Company{Title: "strom"}
				run(t, orders.New(p, []hooks.Provider{strom}, map[string]orders.Settler{"case": settler}))
				put(t, p, hooks.Order{Key: "k1", Provider: "strom", Kind: "case", Subject: "C-1"})
				time.Sleep(time.Second)
				state, _, cause := look(t, p, "k1")
				if state != "unknown" || !strings.HasPrefix(cause, "settling as done: ") || strings.Contains(cause, "Erika") {
					t.Errorf("%s (%s)", state, cause)
				}
				if n := count(t, p, `SELECT count(*) FROM orders WHERE kind = 'mail'`); n != 0 {
					t.Error("half of the settling was kept")
				}
				broken.Store(false)
				time.Sleep(time.Minute)
				if state, _, _ := look(t, p, "k1"); state != "done" || strom.Done("k1") != 1 {
					t.Errorf("after mending: %s, done %d times", state, strom.Done("k1"))
				}
			})
		})
	}
}

func TestKindWithoutSettlerIsNotSettled(t *testing.T) {
	inBubble(t, func(t *testing.T, p *base.Platform) {
		run(t, orders.New(p, []hooks.Provider{&hookstest.Company{Title: "strom"}}, nil))
		put(t, p, hooks.Order{Key: "k1", Provider: "strom", Kind: "case", Subject: "C-1"})
		time.Sleep(time.Second)
		if state, _, cause := look(t, p, "k1"); state != "unknown" || !strings.Contains(cause, `nobody settles orders of kind "case"`) {
			t.Errorf("%s (%s)", state, cause)
		}
	})
}

func TestDeadOrderIsReplayedWithTheSameKeyAndAFreshBudget(t *testing.T) {
	inBubble(t, func(t *testing.T, p *base.Platform) {
		var down atomic.Bool
		down.Store(true)
		strom := &hookstest.Company{Title: "strom", Before: func(hooks.Order) error {
			if down.Load() {
				return hookstest.ErrLine
			}
			return nil
		}}
		var heard []hooks.State
		o := orders.New(p, []hooks.Provider{strom}, map[string]orders.Settler{"case": settle(func(_ core.App, _ hooks.Order, s hooks.State, _ hooks.Result) error {
			heard = append(heard, s)
			return nil
		})})
		o.Dispatcher.Tick, o.Dispatcher.Budget = 5*time.Minute, 12*time.Hour
		run(t, o)
		put(t, p, hooks.Order{Key: "k1", Provider: "strom", Kind: "case", Subject: "C-1"})
		time.Sleep(13 * time.Hour)
		if state, _, _ := look(t, p, "k1"); state != "dead" {
			t.Fatalf("k1 is %s", state)
		}
		store := o.Dispatcher.Store.(*orders.Store)
		if err := store.Replay(t.Context(), 1, "staff-1", ""); err != nil {
			t.Fatal(err)
		}
		if err := store.Replay(t.Context(), 1, "staff-1", ""); err == nil {
			t.Error("replayed twice")
		}
		time.Sleep(8 * time.Hour)
		if state, _, _ := look(t, p, "k1"); state != "unknown" {
			t.Errorf("8 hours after the replay k1 is %s", state)
		}
		down.Store(false)
		time.Sleep(2 * time.Hour)
		if state, _, _ := look(t, p, "k1"); state != "done" || strom.Done("k1") != 1 {
			t.Errorf("k1 is %s, done %d times", state, strom.Done("k1"))
		}
		if fmt.Sprint(heard) != "[dead done]" {
			t.Errorf("the settler heard %v", heard)
		}
	})
}

func TestPauseHoldsOrdersAndEatsNoBudget(t *testing.T) {
	inBubble(t, func(t *testing.T, p *base.Platform) {
		var down atomic.Bool
		down.Store(true)
		strom := &hookstest.Company{Title: "strom", Before: func(hooks.Order) error {
			if down.Load() {
				return hookstest.ErrLine
			}
			return nil
		}}
		gas := &hookstest.Company{Title: "gas"}
		o := orders.New(p, []hooks.Provider{strom, gas}, nil)
		o.Dispatcher.Tick, o.Dispatcher.Budget = 5*time.Minute, 12*time.Hour
		run(t, o)
		put(t, p, hooks.Order{Key: "k1", Provider: "strom", Kind: "mail", Subject: "C-1"})
		time.Sleep(time.Hour)
		store := o.Dispatcher.Store.(*orders.Store)
		if err := store.Pause(t.Context(), "strom", "staff-1", ""); err != nil {
			t.Fatal(err)
		}
		before, _ := strom.Calls()
		put(t, p, hooks.Order{Key: "k2", Provider: "gas", Kind: "mail", Subject: "C-2"})
		time.Sleep(20 * time.Hour)
		if after, _ := strom.Calls(); after != before || before == 0 {
			t.Errorf("%d calls before the pause, %d after", before, after)
		}
		if gas.Done("k2") != 1 {
			t.Error("the pause held another provider")
		}
		if err := store.Resume(t.Context(), "strom", "staff-1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Hour)
		if state, _, _ := look(t, p, "k1"); state != "unknown" {
			t.Errorf("10 hours after the pause k1 is %s", state)
		}
		down.Store(false)
		time.Sleep(2 * time.Hour)
		if state, _, _ := look(t, p, "k1"); state != "done" {
			t.Errorf("k1 is %s", state)
		}
	})
}

func TestOrdersUnderWayInACrashAreDueAtTheNextStart(t *testing.T) {
	inBubble(t, func(t *testing.T, p *base.Platform) {
		put(t, p, hooks.Order{Key: "k1", Provider: "strom", Kind: "mail", Subject: "C-1"})
		strom := &hookstest.Company{Title: "strom"}
		crashed := orders.New(p, []hooks.Provider{strom}, nil).Dispatcher.Store
		leases, err := crashed.Lease(t.Context(), "strom", 1, time.Hour)
		if err != nil || len(leases) != 1 {
			t.Fatal(leases, err)
		}
		time.Sleep(time.Second)
		run(t, orders.New(p, []hooks.Provider{strom}, nil))
		time.Sleep(time.Second)
		if state, _, _ := look(t, p, "k1"); state != "done" {
			t.Errorf("k1 is %s", state)
		}
		if err := crashed.Settle(t.Context(), leases[0], hooks.Dead, hooks.Result{}, nil); !errors.Is(err, hooks.ErrFenced) {
			t.Errorf("the crashed server came back and settled: %v", err)
		}
	})
}

func TestInboxConforms(t *testing.T) {
	hookstest.Run(t, func(t *testing.T) hookstest.Candidate {
		p := basetest.New(t, orders.Words)
		return hookstest.Candidate{
			Provider: desk.Provider{Inbox: orders.NewInbox(p)},
			Good:     json.RawMessage(`{"reference":"B-1","kind":"booking","title":"Vortrag","partner":"stadt"}`),
			Done: func(key string) int {
				var n int
				err := p.App.DB().NewQuery(`SELECT count(*) FROM desk_items WHERE key = {:key} AND reference = 'B-1' AND title = 'Vortrag' AND partner = 'stadt' AND filed > 0`).
					Bind(dbx.Params{"key": key}).Row(&n)
				if err != nil {
					t.Error(err)
				}
				return n
			},
		}
	})
}

func TestRetentionEmptiesPayloadsAndKeepsRows(t *testing.T) {
	p := basetest.New(t, orders.Words)
	o := orders.New(p, nil, nil)
	now := p.Now()
	ago := func(d time.Duration) any { return now.Add(-d).UnixMilli() }
	const day = 24 * time.Hour
	for key, c := range map[string]struct {
		state   string
		settled any
	}{
		"old done": {"done", ago(31 * day)}, "old dead": {"dead", ago(31 * day)}, "old rejected": {"rejected", ago(31 * day)},
		"young done": {"done", ago(29 * day)}, "still waiting": {"waiting", nil},
	} {
		put(t, p, hooks.Order{Key: key, Provider: "mail", Kind: "mail", Subject: key})
		_, err := p.App.DB().NewQuery(`UPDATE orders SET state = {:state}, settled = {:settled}, created = {:created} WHERE key = {:key}`).
			Bind(dbx.Params{"state": c.state, "settled": c.settled, "created": ago(40 * day), "key": key}).Execute()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1201 { // more than two chunks
		put(t, p, hooks.Order{Key: fmt.Sprint("many-", i), Provider: "mail", Kind: "mail", Subject: "many"})
	}
	if _, err := p.App.DB().NewQuery(`UPDATE orders SET state = 'done', settled = {:s} WHERE subject = 'many'`).Bind(dbx.Params{"s": ago(50 * day)}).Execute(); err != nil {
		t.Fatal(err)
	}
	for i, age := range []time.Duration{73 * time.Hour, 71 * time.Hour} {
		if err := base.Remember(p.App, now.Add(-age), "booking", fmt.Sprint("hash", i), "f", base.Remembered{Status: 201, Answer: "{}"}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // a second sweep finds nothing and harms nothing
		if err := o.Sweep(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		for key, emptied := range map[string]bool{"old done": true, "old dead": true, "old rejected": true, "young done": false, "still waiting": false} {
			var payload string
			if err := p.App.DB().NewQuery(`SELECT payload FROM orders WHERE key = {:key}`).Bind(dbx.Params{"key": key}).Row(&payload); err != nil {
				t.Fatal(err)
			}
			if (payload == "{}") != emptied {
				t.Errorf("%s: payload %s", key, payload)
			}
		}
		if n := count(t, p, `SELECT count(*) FROM orders WHERE subject = 'many' AND payload = '{}'`); n != 1201 {
			t.Errorf("%d of 1201 emptied", n)
		}
		if n := count(t, p, `SELECT count(*) FROM idempotency`); n != 1 {
			t.Errorf("%d idempotency rows, want the young one", n)
		}
	}
	if err := o.Dispatcher.Store.(*orders.Store).Replay(t.Context(), 2, "staff-1", ""); err == nil {
		t.Error("an emptied order was replayed")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.Sweep(cancelled, now); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestOperatorsPage(t *testing.T) {
	p := basetest.New(t, orders.Words)
	o := orders.New(p, []hooks.Provider{&hookstest.Company{Title: "strom"}, &hookstest.Company{Title: "mail"}}, map[string]orders.Settler{
		"case": settle(func(core.App, hooks.Order, hooks.State, hooks.Result) error { return nil }),
	})
	const secret = "Erika Mustermann"
	for i, c := range []struct{ provider, state, cause string }{
		{"strom", "waiting", ""}, {"strom", "unknown", "connection refused"}, {"strom", "done", ""}, {"strom", "rejected", "no meter"},
		{"strom", "dead", "mail server: <b>no</b> answer"}, {"mail", "done", ""}, {"telefon", "waiting", ""},
	} {
		put(t, p, hooks.Order{Key: fmt.Sprint("secret-key-", i), Provider: c.provider, Kind: "case", Subject: fmt.Sprint("C-GEHEIM-", i), Partner: "netz-nord"})
		_, err := p.App.DB().NewQuery(`UPDATE orders SET state = {:state}, last_error = {:cause}, created = {:created}, tried = {:created},
			settled = CASE WHEN {:state} IN ('done', 'rejected', 'dead') THEN {:created} END, attempt = 17 WHERE id = {:id}`).
			Bind(dbx.Params{"state": c.state, "cause": c.cause, "id": i + 1, "created": p.Now().Add(-3 * time.Hour).UnixMilli()}).Execute()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, took := range []time.Duration{350 * time.Millisecond, 400 * time.Millisecond, 30 * time.Second} {
		o.Dispatcher.Tried(hooks.Try{Provider: "strom", Took: took, Outcome: []hooks.Outcome{hooks.Answered, hooks.Refused, hooks.Failed}[i]})
	}
	srv, client := basetest.Serve(t, p, basetest.SignedIn(t, p, base.Admin), o.Bind)
	get := func(path string) string {
		t.Helper()
		res, err := client.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		if res.StatusCode != 200 {
			t.Fatalf("%s: %d\n%s", path, res.StatusCode, b)
		}
		return string(b)
	}
	post := func(path string, form url.Values) (int, string) {
		t.Helper()
		res, err := client.PostForm(srv.URL+path, form)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode, res.Header.Get("Location")
	}
	page := get("/redaktion/auftraege/")
	for _, secret := range []string{secret, "GEHEIM", "secret-key"} {
		if strings.Contains(page, secret) {
			t.Errorf("the page shows %q", secret)
		}
	}
	row := func(page, provider string) string {
		_, rest, _ := strings.Cut(page, `<th scope="row">`+provider+`</th>`)
		row, _, _ := strings.Cut(rest, "</tr>")
		return strings.Join(strings.Fields(row), " ")
	}
	for provider, want := range map[string][]string{
		"strom":   {"in Ordnung</td> <td>2</td> <td>3 Std.</td> <td>1</td> <td>0</td> <td>1</td> <td>1</td> <td>1</td> <td>1</td>", "<td>66 % von 3 beantwortet</td> <td>362 ms</td>", "&lt;b&gt;no&lt;/b&gt;", "Anhalten"},
		"E-Mail":  {"<td>0</td> <td>–</td> <td>0</td> <td>0</td> <td>0</td> <td>1</td>"},
		"telefon": {"nicht eingerichtet", "<td>1</td> <td>3 Std.</td>"},
		"1":       {"wartet", `href="/redaktion/auftraege/zuruecknehmen/?id=1"`},
		"2":       {"Ausgang unklar", "connection refused", "<td>–</td>"},
		"5":       {"netz-nord", "17", `href="/redaktion/auftraege/erneut/?id=5"`, "Erneut versuchen", "02.12.2026 09:00"},
	} {
		for _, w := range want {
			if got := row(page, provider); !strings.Contains(got, w) {
				t.Errorf("row %s lacks %q: %s", provider, w, got)
			}
		}
	}

	if status, to := post("/redaktion/auftraege/pause/", url.Values{"provider": {"strom"}, "reason": {"Wartung beim Partner"}}); status != 303 || to != "/redaktion/auftraege/?getan=pause" {
		t.Errorf("pause: %d %s", status, to)
	}
	page = get("/redaktion/auftraege/?getan=pause")
	if r := row(page, "strom"); !strings.Contains(r, "angehalten") || !strings.Contains(r, "Fortsetzen") || !strings.Contains(page, "Der Empfänger ist angehalten") {
		t.Errorf("after the pause: %s", r)
	}
	if status, _ := post("/redaktion/auftraege/weiter/", url.Values{"provider": {"strom"}}); status != 303 {
		t.Errorf("resume: %d", status)
	}
	if n := count(t, p, `SELECT count(*) FROM order_pauses`); n != 0 {
		t.Error("still paused")
	}
	for what, form := range map[string]url.Values{"none": {"id": {"5"}}, "blank": {"id": {"5"}, "reason": {" \n "}}, "long": {"id": {"5"}, "reason": {strings.Repeat("ä", 201)}}} {
		if status, _ := post("/redaktion/auftraege/erneut/", form); status != 422 {
			t.Errorf("replay, reason %s: %d, want 422", what, status)
		}
	}
	if page := get("/redaktion/auftraege/erneut/?id=5"); !strings.Contains(page, "Auftrag 5 erneut versuchen") || !strings.Contains(page, `name="reason"`) {
		t.Error("the page that asks for a reason is wrong")
	}
	if status, _ := post("/redaktion/auftraege/erneut/", url.Values{"id": {"5"}, "reason": {"Partner  ist\nwieder da"}}); status != 303 {
		t.Errorf("replay: %d", status)
	}
	if state, _, _ := look(t, p, "secret-key-4"); state != "unknown" {
		t.Errorf("after the replay: %s", state)
	}
	if page = get("/redaktion/auftraege/?getan=%3Cscript%3E"); !strings.Contains(page, "Kein Auftrag ist liegen geblieben") || strings.Contains(page, "script>") {
		t.Error("page without dead orders is wrong")
	}
	for _, want := range []string{"<td>angehalten</td> <td>Wartung beim Partner</td>", "<td>fortgesetzt</td> <td>–</td>", "<td>erneut versucht, Auftrag 5</td> <td>Partner ist wieder da</td>"} {
		if !strings.Contains(strings.Join(strings.Fields(page), " "), want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	why := []string{"Grund"}
	if status, _ := post("/redaktion/auftraege/zuruecknehmen/", url.Values{"id": {"1"}, "reason": why}); status != 303 {
		t.Errorf("withdraw: %d", status)
	}
	if n := count(t, p, `SELECT count(*) FROM orders WHERE id = 1 AND state = 'rejected' AND withdrawn IS NOT NULL`); n != 1 {
		t.Error("not withdrawn")
	}
	if r := row(get("/redaktion/auftraege/"), "strom"); !strings.Contains(r, "<td>1 (davon zurückgenommen: 1)</td>") {
		t.Errorf("after the withdrawal: %s", r)
	}
	for what, c := range map[string]struct {
		path string
		form url.Values
		want int
	}{
		"withdraw again":       {"zuruecknehmen/", url.Values{"id": {"1"}, "reason": why}, 409},
		"withdraw unknown":     {"zuruecknehmen/", url.Values{"id": {"2"}, "reason": why}, 409},
		"withdraw a provider":  {"zuruecknehmen/", url.Values{"provider": {"strom"}, "reason": why}, 404},
		"replay all of none":   {"erneut/", url.Values{"provider": {"mail"}, "reason": why}, 409},
		"replay all, stranger": {"erneut/", url.Values{"provider": {"telefon"}, "reason": why}, 404},
		"replay again":         {"erneut/", url.Values{"id": {"5"}, "reason": why}, 409},
		"replay a done one":    {"erneut/", url.Values{"id": {"3"}, "reason": why}, 409},
		"replay nothing":       {"erneut/", url.Values{"id": {"99"}, "reason": why}, 409},
		"replay no number":     {"erneut/", url.Values{"id": {"x"}}, 404},
		"replay without id":    {"erneut/", url.Values{}, 404},
		"pause a stranger":     {"pause/", url.Values{"provider": {"telefon"}}, 404},
		"resume without one":   {"weiter/", url.Values{}, 404},
	} {
		if status, _ := post("/redaktion/auftraege/"+c.path, c.form); status != c.want {
			t.Errorf("%s: %d, want %d", what, status, c.want)
		}
	}
}

func TestOnlyAdminsSeeAndChangeOrders(t *testing.T) {
	for _, role := range append([]string{""}, base.Roles...) {
		t.Run("role "+role, func(t *testing.T) {
			p := basetest.New(t, orders.Words)
			o := orders.New(p, nil, nil)
			binds := []func(*core.ServeEvent){o.Bind}
			if role != "" {
				binds = append([]func(*core.ServeEvent){basetest.SignedIn(t, p, role)}, binds...)
			}
			srv, client := basetest.Serve(t, p, binds...)
			want := map[string]int{"": 303, base.Admin: 200}[role]
			if want == 0 && role != "" {
				want = 403
			}
			for _, c := range []struct{ method, path string }{
				{"GET", "/redaktion/auftraege/"}, {"POST", "/redaktion/auftraege/erneut/"}, {"POST", "/redaktion/auftraege/pause/"}, {"POST", "/redaktion/auftraege/weiter/"},
				{"GET", "/redaktion/auftraege/erneut/?id=1"}, {"GET", "/redaktion/auftraege/pause/?provider=mail"}, {"GET", "/redaktion/auftraege/zuruecknehmen/?id=1"}, {"POST", "/redaktion/auftraege/zuruecknehmen/"},
			} {
				req, _ := http.NewRequest(c.method, srv.URL+c.path, strings.NewReader("id=1&provider=mail"))
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				res, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				passed := res.StatusCode != 403 && (res.StatusCode != 303 || !strings.HasPrefix(res.Header.Get("Location"), "/anmelden/"))
				if passed != (role == base.Admin) || c.path == "/redaktion/auftraege/" && res.StatusCode != want {
					t.Errorf("%s %s: %d", c.method, c.path, res.StatusCode)
				}
			}
		})
	}
}

// A partner that refuses our key: the provider is halted once, the admins get a
// mail each, nobody else does, and nothing of it is lost when they mend it.
func TestRefusedCredentialsHaltAndTellTheOperators(t *testing.T) {
	inBubble(t, func(t *testing.T, p *base.Platform) {
		admin := basetest.NewStaff(t, p, base.Admin)
		basetest.NewStaff(t, p, base.Counter)
		gone := basetest.NewStaff(t, p, base.Admin)
		gone.Set("disabled", true)
		if err := p.App.Save(gone); err != nil {
			t.Fatal(err)
		}
		var locked atomic.Bool
		locked.Store(true)
		strom := &hookstest.Company{Title: "strom", Before: func(hooks.Order) error {
			if locked.Load() {
				return fmt.Errorf("answer 401: %w", hooks.ErrCredentials)
			}
			return nil
		}}
		var mu sync.Mutex
		var letters []string
		mail := &hookstest.Company{Title: "mail", Before: func(o hooks.Order) error {
			mu.Lock()
			defer mu.Unlock()
			letters = append(letters, string(o.Payload))
			return nil
		}}
		o := orders.New(p, []hooks.Provider{strom, mail}, nil)
		o.Dispatcher.Tick = 5 * time.Minute
		run(t, o)
		for i := range 6 {
			put(t, p, hooks.Order{Key: fmt.Sprint("k", i), Provider: "strom", Kind: "mail", Subject: fmt.Sprint("C-", i)})
		}
		time.Sleep(100 * time.Hour)
		mu.Lock()
		if len(letters) != 1 || !strings.Contains(letters[0], admin.Email()) || !strings.Contains(letters[0], "/redaktion/auftraege/") {
			t.Errorf("letters %v", letters)
		}
		mu.Unlock()
		if n := count(t, p, `SELECT count(*) FROM orders WHERE provider = 'strom' AND state = 'waiting'`); n != 6 {
			t.Errorf("%d of 6 wait", n)
		}
		v, err := o.Overview(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if q := v.Providers[1]; q.Name != "strom" || !q.Halted || q.Paused.IsZero() || v.Log[0].What != "halt" || v.Log[0].Who != "" {
			t.Errorf("the page tells %+v %+v", q, v.Log)
		}
		locked.Store(false)
		if err := o.Resume(t.Context(), "strom", admin.Id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if n := count(t, p, `SELECT count(*) FROM orders WHERE provider = 'strom' AND state = 'done'`); n != 6 {
			t.Errorf("%d of 6 done after the halt", n)
		}
	})
}

func TestCitizensReadWhereTheirOrderStands(t *testing.T) {
	inBubble(t, func(t *testing.T, p *base.Platform) {
		var answer atomic.Value
		answer.Store(error(fmt.Errorf("refused: %w", hookstest.ErrLine)))
		strom := &hookstest.Company{Title: "strom", Before: func(hooks.Order) error { return answer.Load().(error) }}
		o := orders.New(p, []hooks.Provider{strom}, nil)
		o.Dispatcher.Tick = 5 * time.Minute
		says := func(want string) {
			t.Helper()
			got, err := p.OrderStanding("de", "k1")
			if err != nil || !strings.HasPrefix(got, want) || want == "" && got != "" {
				t.Errorf("%q %v, want %q", got, err, want)
			}
			for _, lang := range []string{"en", "ls"} {
				if other, _ := p.OrderStanding(lang, "k1"); (other == "") != (want == "") || strings.HasPrefix(other, "order.") {
					t.Errorf("%s: %q", lang, other)
				}
			}
		}
		says("")
		put(t, p, hooks.Order{Key: "k1", Provider: "strom", Kind: "mail", Subject: "C-1"})
		says("Wird übermittelt.")
		until := time.Now().Add(72 * time.Hour).In(content.Berlin).Format("02.01.2006, 15:04")
		run(t, o)
		time.Sleep(time.Second)
		says("Der Partner hat nicht geantwortet. Wir wissen noch nicht, ob alles angekommen ist. Wir fragen nach und versuchen es weiter, bis " + until + " Uhr.")
		if err := p.App.RunInTransaction(func(tx core.App) error {
			if ok, err := p.WithdrawOrder(tx, "k1"); ok || err != nil {
				return fmt.Errorf("withdrew what may have been sent: %v %v", ok, err)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		if err := o.Dispatcher.Store.(*orders.Store).Pause(t.Context(), "strom", "staff-1", "Wartung"); err != nil {
			t.Fatal(err)
		}
		says("Die Übermittlung ruht gerade.")
		if err := o.Resume(t.Context(), "strom", "staff-1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(75 * time.Hour)
		says("Der Partner hat lange nicht geantwortet. Unser Team")
		answer.Store(error(fmt.Errorf("busy: %w", hooks.RetryAfter{After: time.Hour})))
		if err := o.Dispatcher.Store.(*orders.Store).Replay(t.Context(), 1, "staff-1", "wieder da"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		says("Der Partner ist gerade ausgelastet.")
		answer.Store(error(fmt.Errorf("no: %w", hooks.ErrRejected)))
		time.Sleep(2 * time.Hour)
		says("")
	})
}

func TestAnOrderThatNobodySawIsWithdrawn(t *testing.T) {
	inBubble(t, func(t *testing.T, p *base.Platform) {
		var heard []string
		strom := &hookstest.Company{Title: "strom"}
		o := orders.New(p, []hooks.Provider{strom}, map[string]orders.Settler{"case": settle(func(_ core.App, o hooks.Order, s hooks.State, _ hooks.Result) error {
			heard = append(heard, o.Key+" "+string(s))
			return nil
		})})
		for i := range 3 {
			put(t, p, hooks.Order{Key: fmt.Sprint("k", i+1), Provider: "strom", Kind: "case", Subject: "C-1"})
		}
		store := o.Dispatcher.Store.(*orders.Store)
		if err := store.Withdraw(t.Context(), 1, "staff-1", "doppelt"); err != nil {
			t.Fatal(err)
		}
		if err := p.App.RunInTransaction(func(tx core.App) error {
			ok, err := p.WithdrawOrder(tx, "k2")
			if !ok || err != nil {
				return fmt.Errorf("%v %v", ok, err)
			}
			again, err := p.WithdrawOrder(tx, "k2")
			if again || err != nil {
				return fmt.Errorf("again: %v %v", again, err)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		run(t, o)
		time.Sleep(time.Minute)
		if fmt.Sprint(heard, strom.Sequence()) != "[k1 rejected k3 done] [k3]" {
			t.Errorf("heard %v, done %v", heard, strom.Sequence())
		}
		if n := count(t, p, `SELECT count(*) FROM order_log WHERE what = 'withdraw' AND order_id = 1 AND reason = 'doppelt'`); n != 1 {
			t.Error("the log does not tell")
		}
	})
}

func TestFiguresOfProvidersAreKeptSmall(t *testing.T) {
	inBubble(t, func(t *testing.T, p *base.Platform) {
		took := map[string]time.Duration{}
		var mu sync.Mutex
		strom := &hookstest.Company{Title: "strom", Takes: func(o hooks.Order) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return took[o.Key]
		}}
		o := orders.New(p, []hooks.Provider{strom}, nil)
		stop := run(t, o)
		for i := range 99 {
			key := fmt.Sprint("k", i)
			mu.Lock()
			took[key] = time.Duration(i+1) * 20 * time.Millisecond // the median is one second
			mu.Unlock()
			put(t, p, hooks.Order{Key: key, Provider: "strom", Kind: "mail", Subject: key})
		}
		time.Sleep(5 * time.Minute)
		v, err := o.Overview(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		h := v.Providers[0].Health
		if h.Tries != 99 || h.Share() != 100 || h.Median < 900*time.Millisecond || h.Median > 1100*time.Millisecond {
			t.Errorf("%+v", h)
		}
		sum := 0
		for _, hour := range v.Hours {
			sum += hour.Tries
		}
		if sum != 99 || len(v.Hours) != 24 || !v.Tried() {
			t.Errorf("%d tries in %d hours", sum, len(v.Hours))
		}
		if n := count(t, p, `SELECT count(*) FROM order_tries`); n == 0 || n > 35 {
			t.Errorf("%d rows for 99 tries", n)
		}
		stop() // writes what is left
		time.Sleep(2 * time.Hour)
		if v, err := o.Overview(t.Context()); err != nil || v.Providers[0].Health.Tries != 0 || !v.Tried() {
			t.Errorf("two hours later: %+v %v", v.Providers[0].Health, err)
		}
		if err := o.Sweep(t.Context(), time.Now().Add(9*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if n := count(t, p, `SELECT count(*) FROM order_tries`); n != 0 {
			t.Errorf("%d rows are kept for ever", n)
		}
	})
}

func TestManyOrdersFlow(t *testing.T) {
	p := basetest.New(t, orders.Words)
	p.Now = time.Now
	const n = 600
	var settled atomic.Int64
	all := make(chan struct{})
	strom := &hookstest.Company{Title: "strom"}
	o := orders.New(p, []hooks.Provider{strom}, map[string]orders.Settler{"case": settle(func(core.App, hooks.Order, hooks.State, hooks.Result) error {
		if settled.Add(1) == n {
			close(all)
		}
		return nil
	})})
	o.Dispatcher.Workers = 8
	o.Dispatcher.Limits = map[string]hooks.Limit{"strom": {PerMinute: 1000000}}
	err := p.App.RunInTransaction(func(tx core.App) error {
		for i := range n {
			if err := p.PutOrder(tx, hooks.Order{Key: fmt.Sprint("k", i), Provider: "strom", Kind: "case", Subject: fmt.Sprint("C-", i)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	run(t, o)
	select {
	case <-all:
	case <-time.After(60 * time.Second):
		t.Fatalf("%d of %d in a minute", settled.Load(), n)
	}
	t.Logf("%.0f orders per second", n/time.Since(begun).Seconds())
	if got := len(strom.Sequence()); got != n {
		t.Errorf("%d of %d done", got, n)
	}
}

func ExampleNew() {
	var p *base.Platform // of the running server
	wire := func() (*orders.Orders, error) {
		providers := []hooks.Provider{desk.Provider{Inbox: orders.NewInbox(p)}}
		settlers := map[string]orders.Settler{"case": settle(func(tx core.App, o hooks.Order, s hooks.State, r hooks.Result) error {
			return nil // the matter writes the new state of its case with tx
		})}
		return orders.New(p, providers, settlers), nil
	}
	fmt.Println(wire != nil)
	// Output: true
}
