package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/hooks"
	"servicepoint/hooks/faults"
	"servicepoint/hooks/hookstest"
	"servicepoint/hooks/webhook"
)

// system is a city's own system: it checks signatures and remembers ids, as the
// specification asks of receivers.
type system struct {
	secret string
	mu     sync.Mutex
	seen   map[string]int // message ids by how often they came
	last   string
}

func (s *system) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	id, err := hooks.VerifyWebhook([]string{s.secret}, r.Header, b, time.Now())
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]int{}
	}
	s.seen[id]++
	s.last = string(b)
	w.WriteHeader(http.StatusNoContent)
}

func (s *system) done(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return min(s.seen[webhook.MessageID(key)], 1) // one that came again is recognised by its id
}

const good = `{"endpoint":"e1","type":"booking.confirmed","timestamp":"2026-12-02T11:00:00Z","data":{"id":"B-7K3M9-QX2TD"}}`

func to(address string, keys ...string) func(context.Context, string) (hooks.WebhookEndpoint, error) {
	return func(_ context.Context, id string) (hooks.WebhookEndpoint, error) {
		switch id {
		case "e1":
			return hooks.WebhookEndpoint{URL: address, Keys: keys, Active: true}, nil
		case "off":
			return hooks.WebhookEndpoint{URL: address, Keys: keys}, nil
		}
		return hooks.WebhookEndpoint{}, hooks.ErrNoEndpoint
	}
}

// Every refusal of an endpoint is "later": it must not break the circuit for the
// others, and only 410 is final.
func TestConforms(t *testing.T) {
	meanings := map[string]string{
		"the answer is malformed":           "done", // no content is expected
		"the line breaks within the answer": "done", // the status has arrived
	}
	for _, what := range []string{"a page of some network answers", "the line breaks before the request", "the line breaks after the remote commit", "500", "502 although it was done", "503", "408", "400", "422", "401, expired credentials"} {
		meanings[what] = "later"
	}
	hookstest.Run(t, func(t *testing.T) hookstest.Candidate {
		s := &system{secret: hooks.NewWebhookSecret()}
		line, address := hookstest.Serve(t, s)
		return hookstest.Candidate{
			Provider: webhook.Provider{Endpoint: to(address, s.secret), Client: webhook.Client(true)},
			Good:     json.RawMessage(good),
			Bad: []json.RawMessage{
				json.RawMessage(strings.Replace(good, "e1", "off", 1)),
				json.RawMessage(strings.Replace(good, "e1", "deleted", 1)),
				json.RawMessage(`{"endpoint":"e1","type":"booking.confirmed","name":"Erika"}`),
			},
			Secrets:  []string{"B-7K3M9", s.secret, "Erika"},
			Done:     s.done,
			Line:     line,
			Meanings: meanings,
		}
	})
}

func TestReceiversReadIdsOnly(t *testing.T) {
	s := &system{secret: hooks.NewWebhookSecret()}
	srv := httptest.NewServer(s)
	defer srv.Close()
	var logged []hooks.WebhookDelivery
	p := webhook.Provider{Endpoint: to(srv.URL, hooks.NewWebhookSecret(), s.secret), Client: webhook.Client(true), Logged: func(d hooks.WebhookDelivery) { logged = append(logged, d) }}
	if _, err := p.Submit(t.Context(), hooks.Order{Key: "k", Attempt: 2, Payload: json.RawMessage(good)}); err != nil {
		t.Fatal(err)
	}
	if want := `{"type":"booking.confirmed","timestamp":"2026-12-02T11:00:00Z","data":{"id":"B-7K3M9-QX2TD"}}`; s.last != want {
		t.Errorf("body %s", s.last)
	}
	if len(logged) != 1 || logged[0].Status != 204 || logged[0].Attempt != 2 || logged[0].Type != "booking.confirmed" || logged[0].Message != webhook.MessageID("k") || logged[0].Problem != "" {
		t.Errorf("%+v", logged)
	}
}

func TestAnswersOfEndpoints(t *testing.T) {
	line, address := hookstest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://elsewhere.example/", http.StatusTemporaryRedirect)
	}))
	p := webhook.Provider{Endpoint: to(address, hooks.NewWebhookSecret()), Client: webhook.Client(true)}
	try := func(attempt int) (time.Duration, error) {
		_, err := p.Submit(t.Context(), hooks.Order{Key: "k", Attempt: attempt, Payload: json.RawMessage(good)})
		var later hooks.RetryAfter
		errors.As(err, &later)
		return later.After, err
	}
	if after, err := try(1); after == 0 || !strings.Contains(err.Error(), "answer 307") {
		t.Errorf("redirects are followed or final: %s %v", after, err)
	}
	line.Always(faults.Fault{Kind: faults.Status, Code: 410})
	if _, err := try(1); !errors.Is(err, hooks.ErrRejected) {
		t.Errorf("410: %v", err)
	}
	line.Always(faults.Fault{Kind: faults.Status, Code: 500})
	last := time.Duration(0)
	for attempt := 1; attempt <= 7; attempt++ {
		if after, _ := try(attempt); after <= last {
			t.Errorf("try %d: %s after %s", attempt, after, last)
		} else {
			last = after
		}
	}
	if after, _ := try(100); after != last {
		t.Errorf("try 100: %s", after)
	}
	line.Always(faults.Fault{Kind: faults.TooMany, Delay: 42 * time.Second})
	if after, _ := try(5); after != 42*time.Second {
		t.Errorf("429: %s", after)
	}
}

func TestOnlyPublicAddressesAreReached(t *testing.T) {
	for address, public := range map[string]bool{
		"127.0.0.1": false, "127.8.9.1": false, "0.0.0.0": false, "10.0.0.1": false, "172.16.5.4": false, "172.32.0.1": true, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "100.128.0.1": true, "192.0.2.1": false, "198.18.0.1": false, "224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false,
		"193.99.144.80": true, "::1": false, "::": false, "fe80::1": false, "fc00::1": false, "fd12::1": false, "ff02::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false,
		"::127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001:db8::1": false, "2a02:2e0:3fe:1001:302::": true, "fe80::1%eth0": false,
	} {
		if got := webhook.Public(netip.MustParseAddr(address)); got != public {
			t.Errorf("%s: public %t", address, got)
		}
	}
}

// The guard looks at the address behind the name, at every connection. The
// control: with private addresses allowed the same request arrives.
func TestNeighboursAreNotAsked(t *testing.T) {
	s := &system{secret: hooks.NewWebhookSecret()}
	srv := httptest.NewServer(s)
	defer srv.Close()
	for _, host := range []string{"127.0.0.1", "localhost"} {
		address := strings.Replace(srv.URL, "127.0.0.1", host, 1)
		for _, private := range []bool{false, true} {
			p := webhook.Provider{Endpoint: to(address, s.secret), Client: webhook.Client(private)}
			key := fmt.Sprint(host, private)
			_, err := p.Submit(t.Context(), hooks.Order{Key: key, Attempt: 1, Payload: json.RawMessage(good)})
			if private != (err == nil) || !private && !errors.Is(err, webhook.ErrPrivate) || s.done(key) == 1 != private {
				t.Errorf("%s, private %t: %v", host, private, err)
			}
		}
	}
}

func TestAddressesAreCheckedWhenTheyAreSaved(t *testing.T) {
	for address, want := range map[string][2]bool{ // fine for public only, fine with private ones
		"https://systeme.kassel.example/hook?x=1": {true, true}, "http://systeme.kassel.example/": {false, true}, "https://127.0.0.1/": {false, true},
		"https://[::1]/": {false, true}, "https://user:pass@systeme.kassel.example/": {false, false}, "ftp://x/": {false, false}, "": {false, false},
		"https://": {false, false}, "javascript:alert(1)": {false, false}, "https://x/#f": {false, false}, "https://" + strings.Repeat("a", 600): {false, false},
	} {
		if got := [2]bool{webhook.CheckURL(address, false) == nil, webhook.CheckURL(address, true) == nil}; got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

func ExampleProvider() {
	secret := hooks.NewWebhookSecret()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, err := hooks.VerifyWebhook([]string{secret}, r.Header, b, time.Now())
		fmt.Println(string(b), err)
	}))
	defer srv.Close()
	p := webhook.Provider{Endpoint: to(srv.URL, secret), Client: webhook.Client(true)}
	_, err := p.Submit(context.Background(), hooks.Order{Key: "webhook:e1:1", Attempt: 1, Payload: json.RawMessage(good)})
	fmt.Println(err)
	// Output:
	// {"type":"booking.confirmed","timestamp":"2026-12-02T11:00:00Z","data":{"id":"B-7K3M9-QX2TD"}} <nil>
	// <nil>
}
