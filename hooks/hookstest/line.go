package hookstest

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/hooks"
	"servicepoint/hooks/faults"
)

// Serve puts a bad line in front of a simulator and serves it until the test
// ends; the address has no trailing slash.
func Serve(t testing.TB, simulator http.Handler) (line *faults.Line, address string) {
	t.Helper()
	line = faults.New(simulator)
	srv := httptest.NewUnstartedServer(line)
	srv.Start()
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return line, srv.URL
}

// ServeInBubble serves a handler inside a testing/synctest bubble, where real
// sockets would stop the clock: HTTP over pipes. The transport reaches the
// handler under every address.
func ServeInBubble(t testing.TB, h http.Handler) http.RoundTripper {
	t.Helper()
	l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	srv := &http.Server{Handler: h, ErrorLog: nil}
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.Serve(l)
	}()
	transport := &http.Transport{DialContext: l.dial, DisableKeepAlives: true}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		srv.Close()
		<-done
	})
	return transport
}

// pipes is a listener whose connections are net.Pipe.
type pipes struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// The cases that need Candidate.Line. Each fault meets every request of the first
// try, also those that only ask; the line heals before the second.
var lineCases = []struct {
	what  string
	fault faults.Fault
	want  string // of the first try: "open", "rejected", "later", "credentials", "done"
}{
	{"the line breaks before the request", faults.Fault{Kind: faults.Drop}, "open"},
	{"the line breaks after the remote commit", faults.Fault{Kind: faults.Cut}, "open"},
	{"the line breaks within the answer", faults.Fault{Kind: faults.CutHalf}, "open"},
	{"the answer is malformed", faults.Fault{Kind: faults.Malformed}, "open"},
	{"a page of some network answers", faults.Fault{Kind: faults.Foreign}, "open"},
	{"500", faults.Fault{Kind: faults.Status, Code: 500}, "open"},
	{"502 although it was done", faults.Fault{Kind: faults.Lost, Code: 502}, "open"},
	{"503", faults.Fault{Kind: faults.Status, Code: 503}, "open"},
	{"408", faults.Fault{Kind: faults.Status, Code: 408}, "open"},
	{"400", faults.Fault{Kind: faults.Status, Code: 400}, "rejected"},
	{"422", faults.Fault{Kind: faults.Status, Code: 422}, "rejected"},
	{"401, expired credentials", faults.Fault{Kind: faults.Unknown}, "credentials"},
	{"429 with Retry-After in seconds", faults.Fault{Kind: faults.TooMany, Delay: 90 * time.Second}, "later"},
	{"429 with Retry-After as a date", faults.Fault{Kind: faults.TooMany, Delay: 90 * time.Second, Date: true}, "later"},
	{"an answer that drips in", faults.Fault{Kind: faults.Slow, Delay: 300 * time.Millisecond}, "done"},
}

func verdictOf(err error) string {
	var later hooks.RetryAfter
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, hooks.ErrCredentials):
		return "credentials"
	case errors.Is(err, hooks.ErrRejected):
		return "rejected"
	case errors.As(err, &later):
		return "later"
	}
	return "open"
}

func badLine(t *testing.T, open func(t *testing.T) Candidate) {
	for _, k := range lineCases {
		t.Run(k.what, func(t *testing.T) {
			c := open(t)
			if c.Line == nil {
				t.Skip("this provider speaks no HTTP")
			}
			want := k.want
			if w, ok := c.Meanings[k.what]; ok {
				want = w
			}
			c.Line.Always(k.fault)
			_, err := c.Provider.Submit(t.Context(), c.order("key-1"))
			if got := verdictOf(err); got != want {
				t.Errorf("%s (%v), want %s", got, err, want)
			}
			var later hooks.RetryAfter
			if k.fault.Kind == faults.TooMany && errors.As(err, &later) && (later.After < 80*time.Second || later.After > 91*time.Second) {
				t.Errorf("asked to wait %s, reads %s", k.fault.Delay, later.After)
			}
			c.wantQuiet(t, err)
			_, struck := c.Line.Counts()
			if struck == 0 {
				t.Error("no request met the fault")
			}
			c.Line.Heal()
			if err != nil {
				c.again(t, "key-1")
			}
			c.wantDone(t, "key-1", 1)
		})
	}
	t.Run("an answer that takes too long ends with the call", func(t *testing.T) {
		c := open(t)
		if c.Line == nil {
			t.Skip("this provider speaks no HTTP")
		}
		for _, kind := range []faults.Kind{faults.Late, faults.Slow} {
			key := "slow-" + string(kind)
			c.Line.Always(faults.Fault{Kind: kind, Delay: 20 * time.Second})
			ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
			begun := time.Now()
			_, err := c.Provider.Submit(ctx, c.order(key))
			cancel()
			c.Line.Heal()
			if err == nil && kind == faults.Slow && c.Done(key) == 1 {
				continue // the status was enough
			}
			if got := verdictOf(err); got != "open" {
				t.Errorf("%s: %s (%v), want open", kind, got, err)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("%s: took %s to give up", kind, took)
			}
			c.again(t, key)
			c.wantDone(t, key, 1)
		}
	})
}

// again is the second try, as the dispatcher does it: ask first, if possible.
func (c Candidate) again(t *testing.T, key string) {
	t.Helper()
	if finder, ok := c.Provider.(hooks.Finder); ok {
		_, err := finder.Find(t.Context(), key)
		if err == nil {
			return
		}
		if !errors.Is(err, hooks.ErrNotFound) {
			t.Fatalf("asking: %v", err)
		}
	}
	c.submit(t, c.order(key))
}

func (c Candidate) wantQuiet(t *testing.T, err error) {
	t.Helper()
	for _, secret := range c.Secrets {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the error quotes %q: %v", secret, err)
		}
	}
}

// cancelling: an order that cancels an earlier one.
func cancelling(t *testing.T, c Candidate) {
	if c.Cancel == nil {
		t.Skip("this provider's orders cannot be cancelled")
	}
	r := c.submit(t, c.order("key-1"))
	if c.Cancelled("key-1") {
		t.Fatal("cancelled before anybody asked")
	}
	cancel := c.order("key-1:cancel")
	cancel.Payload = c.Cancel("key-1", r)
	c.submit(t, cancel)
	if !c.Cancelled("key-1") {
		t.Error("not cancelled")
	}
	c.submit(t, cancel) // the same order again
	if other := c.order("key-1:cancel:2"); true {
		other.Payload = cancel.Payload
		if _, err := c.Provider.Submit(t.Context(), other); err != nil && !errors.Is(err, hooks.ErrRejected) {
			t.Errorf("cancelling what is cancelled: %v, want done or a rejection", err)
		}
	}
	if c.Line == nil {
		return
	}
	r = c.submit(t, c.order("key-2"))
	cancel = c.order("key-2:cancel")
	cancel.Payload = c.Cancel("key-2", r)
	c.Line.Always(faults.Fault{Kind: faults.Cut})
	if _, err := c.Provider.Submit(t.Context(), cancel); verdictOf(err) != "open" {
		t.Errorf("answer to the cancellation lost: %v", err)
	}
	c.Line.Heal()
	c.submit(t, cancel)
	if !c.Cancelled("key-2") {
		t.Error("not cancelled")
	}
}

// holding: a hold that is confirmed in time is done, one that has run out is
// rejected as expired.
func holding(t *testing.T, c Candidate) {
	if c.Hold == nil {
		t.Skip("this provider holds nothing")
	}
	hold := func(key string) json.RawMessage {
		o := c.order(key + ":hold")
		o.Payload = c.Hold
		r := c.submit(t, o)
		c.wantDone(t, key, 0)
		return c.Confirm(r)
	}
	confirm := c.order("key-1")
	confirm.Payload = hold("key-1")
	c.submit(t, confirm)
	c.submit(t, confirm)
	c.wantDone(t, "key-1", 1)

	late := c.order("key-2")
	late.Payload = hold("key-2")
	c.Expire()
	if _, err := c.Provider.Submit(t.Context(), late); !errors.Is(err, hooks.ErrExpired) {
		t.Errorf("confirming what has expired: %v, want ErrExpired", err)
	}
	c.wantDone(t, "key-2", 0)
	if _, err := c.Provider.Submit(t.Context(), confirm); err != nil {
		t.Errorf("what was confirmed in time: %v", err)
	}
	c.wantDone(t, "key-1", 1)
}
