package sms_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"servicepoint/hooks"
	"servicepoint/hooks/faults"
	"servicepoint/hooks/hookstest"
	"servicepoint/hooks/sms"
	"servicepoint/hooks/sms/simulate"
)

const good = `{"to":"+491711234567","text":"Ihr Termin ist morgen um 9 Uhr."}`

func TestConforms(t *testing.T) {
	hookstest.Run(t, func(t *testing.T) hookstest.Candidate {
		gateway := simulate.New()
		gateway.Token = "s3cret"
		line, address := hookstest.Serve(t, gateway)
		long, _ := json.Marshal(hooks.SMS{To: "+491711234567", Text: strings.Repeat("a", 153*6+1)})
		return hookstest.Candidate{
			Provider: sms.Provider{Gateway: sms.HTTP{URL: address + "/messages", From: "Kassel", Token: "s3cret"}},
			Good:     json.RawMessage(good),
			Bad: []json.RawMessage{
				json.RawMessage(`{"to":"0171 1234567","text":"Termin"}`),
				json.RawMessage(`{"to":"+491711230000","text":"Termin"}`), // the gateway refuses
				json.RawMessage(`{"to":"+491711234567","text":" \u0000 "}`),
				json.RawMessage(`{"to":"+491711234567","text":"Termin","name":"Erika"}`),
				long,
			},
			Secrets: []string{"1711234567", "Termin", "s3cret", "1711230000"},
			Done:    func(key string) int { return gateway.Sent(sms.Reference(key)) },
			Line:    line,
		}
	})
}

func TestRequestsAreMadeAsTheSettingsSay(t *testing.T) {
	type seen struct {
		method, uri, kind, body string
		header                  http.Header
	}
	m := hooks.SMS{To: "+491711234567", Text: "Grüße & mehr"}
	for what, c := range map[string]struct {
		set    func(g *sms.HTTP)
		answer string
		check  func(t *testing.T, s seen)
		id     string
	}{
		"JSON": {func(g *sms.HTTP) { g.From = "Kassel"; g.Token = "t" }, `{"id":17}`, func(t *testing.T, s seen) {
			var v map[string]string
			json.Unmarshal([]byte(s.body), &v)
			want := map[string]string{"to": m.To, "text": m.Text, "from": "Kassel", "reference": sms.Reference("k")}
			if !maps.Equal(v, want) || s.method != "POST" || s.kind != "application/json" || s.header.Get("Authorization") != "Bearer t" {
				t.Errorf("%+v", s)
			}
		}, "17"},
		"form": {func(g *sms.HTTP) {
			g.Body, g.Method, g.ID = "form", "PUT", "data.message_id"
			g.Fields = map[string]string{"recipient": "{number}", "msg": "{text}", "type": "text"}
			g.Headers = map[string]string{"X-Api-Key": "k1"}
		}, `{"data":{"message_id":"m-1"}}`, func(t *testing.T, s seen) {
			if s.method != "PUT" || s.body != "msg=Gr%C3%BC%C3%9Fe+%26+mehr&recipient=491711234567&type=text" || s.header.Get("X-Api-Key") != "k1" {
				t.Errorf("%+v", s)
			}
		}, "m-1"},
		"address": {func(g *sms.HTTP) {
			g.Body, g.Method, g.User, g.Password = "none", "GET", "u", "p"
			g.URL += "?to={to}&text={text}&ref={reference}"
		}, `{"id":"a"}`, func(t *testing.T, s seen) {
			if s.method != "GET" || s.uri != "/?to=%2B491711234567&text=Gr%C3%BC%C3%9Fe+%26+mehr&ref="+sms.Reference("k") || !strings.HasPrefix(s.header.Get("Authorization"), "Basic ") {
				t.Errorf("%+v", s)
			}
		}, "a"},
	} {
		t.Run(what, func(t *testing.T) {
			var got seen
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				got = seen{r.Method, r.RequestURI, r.Header.Get("Content-Type"), string(b), r.Header}
				fmt.Fprint(w, c.answer)
			}))
			defer srv.Close()
			g := sms.HTTP{URL: srv.URL + "/"}
			c.set(&g)
			if err := g.Check(); err != nil {
				t.Error(err)
			}
			id, err := g.Send(t.Context(), sms.Reference("k"), m)
			if err != nil || id != c.id {
				t.Errorf("%q %v", id, err)
			}
			if c.check(t, got); got.header.Get("Idempotency-Key") != sms.Reference("k") {
				t.Error("no Idempotency-Key")
			}
		})
	}
}

func TestSettingsThatCannotWorkAreFound(t *testing.T) {
	for what, g := range map[string]sms.HTTP{
		"nothing": {}, "no scheme": {URL: "gateway.example"}, "file": {URL: "file:///etc/passwd"},
		"not encrypted": {URL: "http://gateway.example/send"}, "body": {URL: "https://gateway.example", Body: "xml"},
	} {
		if g.Check() == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

func TestErrorsHoldNeitherTextNorNumber(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	address := srv.URL
	srv.Close() // nobody answers
	g := sms.HTTP{URL: address + "/?to={to}&text={text}", Body: "none", Method: "GET"}
	_, err := sms.Provider{Gateway: g}.Submit(t.Context(), hooks.Order{Key: "k", Payload: json.RawMessage(good)})
	if err == nil || errors.Is(err, hooks.ErrRejected) || strings.Contains(err.Error(), "1711234567") || strings.Contains(err.Error(), "Termin") {
		t.Errorf("%v", err)
	}
}

// A gateway that is down for 24 hours of simulated time, and then cuts one in
// twenty connections after it has sent the message: nothing is lost, and nothing
// is sent twice by a gateway that honours our reference. The control: one that
// does not.
func TestOutageOverHTTP(t *testing.T) {
	for _, forgetful := range []bool{false, true} {
		t.Run(fmt.Sprintf("forgetful %t", forgetful), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { outage(t, forgetful) })
		})
	}
}

func outage(t *testing.T, forgetful bool) {
	gateway := simulate.New()
	gateway.Forgetful = forgetful
	line := faults.New(gateway)
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(5, 6))
	line.Random = func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return random.Float64()
	}
	line.Always(faults.Fault{Kind: faults.Drop})
	store := &hookstest.Memory{}
	var keys []string
	put := func(n int) {
		for range n {
			key := fmt.Sprint("sms-", len(keys))
			keys = append(keys, key)
			if err := store.Put(hooks.Order{Key: key, Provider: "sms", Kind: "sms", Subject: key, Payload: json.RawMessage(good)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	d := &hooks.Dispatcher{Store: store, Tick: time.Minute, Providers: []hooks.Provider{sms.Provider{Gateway: sms.HTTP{
		URL: "http://gateway.test/messages", Client: &http.Client{Transport: hookstest.ServeInBubble(t, line), Timeout: 20 * time.Second},
	}}}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.Run(ctx, nil) }()

	for range 24 { // orders keep coming while it is down
		put(10)
		time.Sleep(time.Hour)
	}
	if _, struck := line.Counts(); struck < 24 || struck > 24*60 {
		t.Errorf("%d requests in 24 hours of outage", struck)
	}
	line.Heal()
	line.Set(faults.Plan{Latency: 200 * time.Millisecond, Chances: []faults.Chance{{Share: .05, Fault: faults.Fault{Kind: faults.Cut}}}})
	put(160)
	time.Sleep(12 * time.Hour)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}

	sent := map[int]int{}
	for _, key := range keys {
		sent[gateway.Sent(sms.Reference(key))]++
		if s, cause, err := store.Look(key); s != hooks.Done {
			t.Errorf("%s is %s (%s) %v", key, s, cause, err)
		}
	}
	if sent[0] > 0 {
		t.Errorf("%d messages were lost", sent[0])
	}
	if doubled := len(keys) - sent[0] - sent[1]; (doubled > 0) != forgetful {
		t.Errorf("%d of %d messages were sent more than once: %v", doubled, len(keys), slices.Sorted(maps.Keys(sent)))
	} else {
		t.Logf("400 messages: sent %v", sent)
	}
}

func ExampleProvider() {
	srv := httptest.NewServer(simulate.New())
	defer srv.Close()
	p := sms.Provider{Gateway: sms.HTTP{URL: srv.URL + "/messages"}}
	payload, _ := json.Marshal(hooks.SMS{To: "+491711234567", Text: "Ihr Termin ist morgen um 9 Uhr."})
	r, err := p.Submit(context.Background(), hooks.Order{Key: "sms:A-7K3M9-QX2TD:reminder", Payload: payload})
	fmt.Println(r.Reference, err)
	// Output: sim-1 <nil>
}
