package orders_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/hooks/faults"
	"servicepoint/hooks/hookstest"
	"servicepoint/hooks/octo"
	octosim "servicepoint/hooks/octo/simulate"
	"servicepoint/hooks/sms"
	smssim "servicepoint/hooks/sms/simulate"
	"servicepoint/hooks/zms"
	zmssim "servicepoint/hooks/zms/simulate"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/orders"

	"github.com/pocketbase/pocketbase/core"
)

// far is a simulator behind a line that can be dead or bad.
type far struct {
	*faults.Line
	client  *http.Client
	down    atomic.Bool
	refused atomic.Int64
	asked   atomic.Int64 // searches for our reference
}

func newFar(t *testing.T, simulator http.Handler, seed uint64) *far {
	p := &far{}
	p.Line = faults.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && (r.URL.Query().Has("resellerReference") || r.URL.Query().Has("processId")) {
			p.asked.Add(1)
		}
		simulator.ServeHTTP(w, r)
	}))
	p.Line.Random = seeded(seed)
	transport := hookstest.ServeInBubble(t, p.Line).(*http.Transport)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if p.down.Load() {
			p.refused.Add(1)
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
		}
		return dial(ctx, network, address)
	}
	p.client = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	return p
}

func seeded(seed uint64) func() float64 {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 2026))
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return r.Float64()
	}
}

// forgetful is the negative control: a gateway that neither honours our reference
// nor can be asked.
type forgetful struct{ sms.Provider }

func (forgetful) Name() string { return "forgetful" }

// notebook keeps the notes of zms in memory.
type notebook struct{ kept sync.Map }

func (n *notebook) Recall(_ context.Context, key string) ([]byte, error) {
	if v, ok := n.kept.Load(key); ok {
		return v.([]byte), nil
	}
	return nil, hooks.ErrNotFound
}

func (n *notebook) Keep(_ context.Context, key string, note []byte) error {
	n.kept.Store(key, note)
	return nil
}

// watch notes every time that the outcome of an order becomes unknown.
func watch(t testing.TB, p *base.Platform) {
	t.Helper()
	for _, statement := range []string{
		`CREATE TABLE watched (id INTEGER)`,
		`CREATE TRIGGER watched_orders AFTER UPDATE OF state ON orders WHEN NEW.state = 'unknown' BEGIN INSERT INTO watched VALUES (NEW.id); END`,
	} {
		if _, err := p.App.DB().NewQuery(statement).Execute(); err != nil {
			t.Fatal(err)
		}
	}
}

func asJSON(t testing.TB, v any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Orders arrive through a day on which no partner can be reached. Then all answer
// again, and one in twenty connections is cut after the partner has done what it was
// asked for. Nothing is lost, and nothing is done twice by those that honour our
// reference, can be asked, or whose number we note; the control does some twice.
func TestADaysOutage(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, p *base.Platform) {
		seller, office, gateway, amnesiac := octosim.New(), zmssim.New(), smssim.New(), smssim.New()
		seller.Capacity, office.Capacity, amnesiac.Forgetful = 10_000, 10_000, true
		partners := map[string]*far{}
		for i, k := range []struct {
			name      string
			simulator http.Handler
		}{{"octo", seller}, {"zms", office}, {"sms", gateway}, {"forgetful", amnesiac}} {
			partners[k.name] = newFar(t, k.simulator, uint64(i+1))
			partners[k.name].down.Store(true)
		}
		text := func(name string) sms.Provider {
			return sms.Provider{Gateway: sms.HTTP{URL: "http://gateway.test/messages", Client: partners[name].client}}
		}
		notes := &notebook{}
		providers := []hooks.Provider{
			&octo.Provider{HTTP: partners["octo"].client, Settings: func() (octo.Settings, error) { return octo.Settings{Address: "http://octo.test"}, nil }},
			&zms.Provider{HTTP: partners["zms"].client, Notes: notes, Settings: func() (zms.Settings, error) { return zms.Settings{Address: "http://zms.test"}, nil }},
			text("sms"), forgetful{text("forgetful")},
		}

		message := func(tx core.App, provider, subject string, n int) error {
			o := hooks.Order{Key: fmt.Sprintf("%s:%s:%02d", provider, subject, n), Provider: provider, Kind: "sms", Subject: subject}
			o.Payload = asJSON(t, hooks.SMS{To: "+491711234567", Text: o.Key})
			return p.PutOrder(tx, o)
		}
		tour := func(do, booking string) hooks.TourOrder {
			o := hooks.TourOrder{Do: do, Booking: booking}
			if do == hooks.TourHold {
				o.Tour, o.Option, o.Departure = "sim-altstadt", "DEFAULT", time.Date(2000, 1, 15, 11, 0, 0, 0, content.Berlin).Format(time.RFC3339)
				o.Units = []hooks.TourCount{{Unit: "adult", Count: 2}}
			}
			if do == hooks.TourConfirm {
				o.Name, o.Email = "Erika Mustermann", "erika@example.org"
			}
			return o
		}
		// A tour is held, confirmed, a tenth is cancelled; then a short message goes out.
		afterTour := settle(func(tx core.App, o hooks.Order, s hooks.State, r hooks.Result) error {
			if s != hooks.Done {
				return nil // the test sees it
			}
			var b hooks.TourBooking
			if err := json.Unmarshal(r.Payload, &b); err != nil {
				return err
			}
			next := hooks.Order{Provider: "octo", Kind: "tour", Subject: o.Subject}
			switch key, what, _ := strings.Cut(o.Key, ":"); {
			case what == "hold":
				next.Key, next.Payload = key, asJSON(t, tour(hooks.TourConfirm, b.Booking))
			case what == "" && strings.HasSuffix(key, "5"):
				next.Key, next.Payload = key+":cancel", asJSON(t, tour(hooks.TourCancel, b.Booking))
			default:
				return message(tx, "sms", o.Subject, 0)
			}
			return p.PutOrder(tx, next)
		})
		afterVisit := settle(func(tx core.App, o hooks.Order, s hooks.State, _ hooks.Result) error {
			if s != hooks.Done {
				return nil
			}
			return message(tx, "sms", o.Subject, 0)
		})
		visit := asJSON(t, hooks.CityAppointment{
			Do: hooks.AppointmentBook, Office: 101, At: time.Date(2000, 1, 17, 9, 0, 0, 0, content.Berlin).Unix(), Services: []hooks.CityService{{ID: 1, Count: 1}},
			Name: "Mustermann", Email: "erika@example.org",
		})

		o := orders.New(p, providers, map[string]orders.Settler{"tour": afterTour, "visit": afterVisit})
		o.Dispatcher.Random, o.Dispatcher.Tick = seeded(99), 10*time.Minute
		watch(t, p)
		var tries, failed atomic.Int64
		told := o.Dispatcher.Tried
		o.Dispatcher.Tried = func(t hooks.Try) {
			tries.Add(1)
			if t.Outcome == hooks.Failed {
				failed.Add(1)
			}
			told(t)
		}
		run(t, o)

		const subjects = 72 // of each kind, one every 20 minutes
		for i := range subjects {
			err := p.App.RunInTransaction(func(tx core.App) error {
				t1, v1, s1, f1 := fmt.Sprint("T-", i), fmt.Sprint("V-", i), fmt.Sprint("S-", i), fmt.Sprint("F-", i)
				if err := p.PutOrder(tx, hooks.Order{Key: t1 + ":hold", Provider: "octo", Kind: "tour", Subject: t1, Payload: asJSON(t, tour(hooks.TourHold, ""))}); err != nil {
					return err
				}
				if err := p.PutOrder(tx, hooks.Order{Key: v1, Provider: "zms", Kind: "visit", Subject: v1, Payload: visit}); err != nil {
					return err
				}
				for n := range 3 {
					if err := message(tx, "sms", s1, n); err != nil {
						return err
					}
				}
				return message(tx, "forgetful", f1, 0)
			})
			if err != nil {
				t.Fatal(err)
			}
			p.WakeOrders()
			time.Sleep(20 * time.Minute)
		}
		whole := count(t, p, `SELECT count(*) FROM orders`)
		if n := count(t, p, `SELECT count(*) FROM orders WHERE state IN ('waiting', 'leased', 'unknown')`); n != whole || whole != 6*subjects {
			t.Errorf("%d of %d orders are open after a day without partners", n, whole)
		}
		during := tries.Load()
		for name, partner := range partners {
			if n := partner.refused.Load(); n < 24 || n > 24*60*2 {
				t.Errorf("%s was called %d times while it was down: too seldom to notice the end, or no mercy", name, n)
			}
			partner.Set(faults.Plan{Latency: 200 * time.Millisecond, Chances: []faults.Chance{{Share: .05, Fault: faults.Fault{Kind: faults.Cut}}}})
			partner.down.Store(false)
		}

		back := time.Now()
		const open = `SELECT count(*) FROM orders WHERE state IN ('waiting', 'leased', 'unknown')`
		for count(t, p, open) > 0 && time.Since(back) < 24*time.Hour {
			time.Sleep(30 * time.Second)
			p.WakeOrders() // outside of tests the dispatcher looks every 2 s
		}
		drained := time.Since(back)
		if n := count(t, p, open); n > 0 {
			t.Errorf("%d orders are still open a day after the partners are back", n)
		}
		if drained > 6*time.Hour {
			t.Errorf("the queue was empty after %s", drained)
		}

		// Nothing is lost or given up.
		var rows []struct {
			State string `db:"state"`
			N     int    `db:"n"`
			Cause string `db:"cause"`
		}
		if err := p.App.DB().NewQuery(`SELECT state, count(*) n, max(last_error) cause FROM orders GROUP BY state`).All(&rows); err != nil {
			t.Fatal(err)
		}
		// A tour: hold, confirm, perhaps cancel, a message. An appointment and a message. Three messages. The control.
		want := subjects*(3+2+3+1) + 7
		if len(rows) != 1 || rows[0].State != "done" || rows[0].N != want {
			t.Errorf("orders by state: %+v, want %d done", rows, want)
		}
		// Nothing is double, but at the control.
		cancelled := 0
		for i := range subjects {
			key := fmt.Sprint("T-", i)
			if n := seller.Confirmed(key); n != 1 {
				t.Errorf("tour %s was confirmed %d times", key, n)
			}
			if want := strings.HasSuffix(key, "5"); seller.Cancelled(key) != want {
				t.Errorf("tour %s: cancelled %t, want %t", key, !want, want)
			} else if want {
				cancelled++
			}
		}
		if n := seller.Confirmed(""); n != subjects {
			t.Errorf("%d tours at the seller, want %d", n, subjects)
		}
		if _, n := office.State(0); n != subjects {
			t.Errorf("%d appointments at the office, want %d", n, subjects)
		}
		sent := messages(t, gateway)
		want = count(t, p, `SELECT count(*) FROM orders WHERE provider = 'sms'`)
		if n := len(sent); n != want {
			t.Errorf("%d short messages, want %d", n, want)
		}
		bySubject := map[string][]string{}
		once := map[string]bool{}
		for _, key := range sent {
			subject := strings.Split(key, ":")[1]
			bySubject[subject] = append(bySubject[subject], key)
			once[key] = true
		}
		if len(once) != want {
			t.Errorf("%d different short messages, want %d", len(once), want)
		}
		// Orders of one subject kept their order, at the partner and in the table.
		for subject, keys := range bySubject {
			if !slices.IsSorted(keys) {
				t.Errorf("%s got its messages as %v", subject, keys)
			}
		}
		if n := count(t, p, `SELECT count(*) FROM orders a JOIN orders b ON a.subject = b.subject AND a.id < b.id AND a.settled > b.settled`); n > 0 {
			t.Errorf("%d orders were settled before an older one of their subject", n)
		}
		doubles := map[string]int{}
		for _, key := range messages(t, amnesiac) {
			doubles[key]++
		}
		if len(doubles) != subjects {
			t.Errorf("the control sent %d of %d messages", len(doubles), subjects)
		}
		maps.DeleteFunc(doubles, func(_ string, n int) bool { return n == 1 })
		if len(doubles) == 0 {
			t.Error("negative control: nothing was done twice, so the test proves nothing")
		}
		// The budget of three days has hardly begun.
		var longest int64
		if err := p.App.DB().NewQuery(`SELECT max(settled - since) FROM orders`).Row(&longest); err != nil {
			t.Fatal(err)
		}
		if d := time.Duration(longest) * time.Millisecond; d > base.OrderBudget*2/3 {
			t.Errorf("an order took %s of its budget of %s", d, base.OrderBudget)
		}

		cuts, asked := 0, int64(0)
		for _, name := range []string{"octo", "zms", "sms", "forgetful"} {
			served, struck := partners[name].Counts()
			t.Logf("%-9s refused %d times in 24 h, then %d requests, %d cut, %d searches", name, partners[name].refused.Load(), served, struck, partners[name].asked.Load())
			cuts, asked = cuts+struck, asked+partners[name].asked.Load()
			if struck == 0 {
				t.Errorf("%s: no connection was cut", name)
			}
		}
		if partners["octo"].asked.Load() == 0 {
			t.Error("the seller was never asked for our reference")
		}
		t.Logf("%d orders, %d cancelled tours; %d tries in the outage, %d after it; %d times outcome unknown; %d cuts; queue empty after %s; doubles of the control: %d of %d",
			rows[0].N, cancelled, during, tries.Load()-during, count(t, p, `SELECT count(*) FROM watched`), cuts, drained.Round(time.Minute), len(doubles), subjects)
		t.Logf("longest order %s, from its first try", (time.Duration(longest) * time.Millisecond).Round(time.Minute))
	})
}

// messages are what a gateway sent, in that order, by text.
func messages(t testing.TB, gateway http.Handler) (texts []string) {
	t.Helper()
	w := httptest.NewRecorder()
	gateway.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/messages", nil))
	var list struct {
		Messages []smssim.Message `json:"messages"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(list.Messages)
	for _, m := range list.Messages {
		texts = append(texts, m.Text)
	}
	return texts
}
