// Package webhook is the provider "webhook": it tells systems of the city that
// something happened, signed by Standard Webhooks.
//
// It does not know what happened or who wants to know: [Provider] looks up the
// endpoint that a [hooks.Announcement] names and posts it there. Only public
// addresses are reached ([Public]), so that nobody can make the server ask its own
// neighbours.
package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"servicepoint/hooks"
)

// Provider posts announcements.
type Provider struct {
	Endpoint func(ctx context.Context, id string) (hooks.WebhookEndpoint, error)
	Logged   func(hooks.WebhookDelivery) // told of every try; may be nil
	Client   *http.Client                // [Client] makes one
	Clock    func() time.Time
}

// Name is "webhook".
func (Provider) Name() string { return "webhook" }

// Delays until the next try: some seconds first, then hours. An endpoint that fails
// speaks for itself only, so the failure counts as an answer ([hooks.RetryAfter]) and
// never breaks the circuit for the others.
var delays = []time.Duration{5 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour}

// Submit posts the announcement. 2xx is done; 410 says that nobody listens there any
// more and is final; everything else is tried again.
func (p Provider) Submit(ctx context.Context, o hooks.Order) (hooks.Result, error) {
	var a hooks.Announcement
	dec := json.NewDecoder(bytes.NewReader(o.Payload))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&a); err != nil || a.Endpoint == "" || a.Type == "" {
		return hooks.Result{}, fmt.Errorf("payload is no announcement: %w", hooks.ErrRejected)
	}
	to, err := p.Endpoint(ctx, a.Endpoint)
	if errors.Is(err, hooks.ErrNoEndpoint) || err == nil && !to.Active {
		return hooks.Result{}, fmt.Errorf("the endpoint is switched off or deleted: %w", hooks.ErrRejected)
	}
	if err != nil {
		return hooks.Result{}, fmt.Errorf("endpoint: %w", err)
	}
	begun := p.now()
	status, after, err := p.post(ctx, to, o.Key, a, begun)
	d := hooks.WebhookDelivery{Endpoint: a.Endpoint, Message: MessageID(o.Key), Type: a.Type, Attempt: o.Attempt, Status: status, Took: p.now().Sub(begun)}
	if err != nil {
		d.Problem = err.Error()
	}
	if p.Logged != nil {
		p.Logged(d)
	}
	switch {
	case err == nil:
		return hooks.Result{Reference: strconv.Itoa(status)}, nil
	case ctx.Err() != nil:
		return hooks.Result{}, err
	case status == http.StatusGone:
		return hooks.Result{}, fmt.Errorf("%w: %w", err, hooks.ErrRejected)
	}
	if after == 0 {
		after = delays[min(max(o.Attempt-1, 0), len(delays)-1)]
	}
	return hooks.Result{}, fmt.Errorf("%w: %w", err, hooks.RetryAfter{After: after})
}

// MessageID is the webhook-id of an order: the same at every try, so that
// receivers can tell a repetition.
func MessageID(key string) string {
	digest := sha256.Sum256([]byte(key))
	return "msg_" + hex.EncodeToString(digest[:16])
}

func (p Provider) now() time.Time {
	if p.Clock != nil {
		return p.Clock()
	}
	return time.Now()
}

// body is what receivers read.
type body struct {
	Type      string            `json:"type"`
	Timestamp time.Time         `json:"timestamp"`
	Data      map[string]string `json:"data"`
}

// post makes one try; after is the wish of the answer, 0 without one.
func (p Provider) post(ctx context.Context, to hooks.WebhookEndpoint, key string, a hooks.Announcement, now time.Time) (status int, after time.Duration, err error) {
	b, err := json.Marshal(body{a.Type, a.At.UTC(), a.Data})
	if err != nil {
		return 0, 0, errors.New("announcement cannot be written")
	}
	signature, err := hooks.SignWebhook(to.Keys, MessageID(key), now, b)
	if err != nil {
		return 0, 0, fmt.Errorf("signing: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(b))
	if err != nil {
		return 0, 0, errors.New("the endpoint has no address")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "servicepoint")
	req.Header.Set(hooks.WebhookID, MessageID(key))
	req.Header.Set(hooks.WebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(hooks.WebhookSignature, signature)
	client := p.Client
	if client == nil {
		client = publicClient
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, 0, inWords(ctx, err)
	}
	defer res.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(res.Body, 16<<10)) // so that the line can be used again
	if start := bytes.ToLower(bytes.TrimSpace(said)); bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html")) {
		return res.StatusCode, 0, fmt.Errorf("answer %d with a web page: some log-in or portal", res.StatusCode)
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return res.StatusCode, 0, nil
	}
	if res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable {
		if res.Header.Get("Retry-After") != "" {
			after = hooks.ParseRetryAfter(res.Header, now)
		}
	}
	return res.StatusCode, after, fmt.Errorf("answer %d", res.StatusCode)
}

// inWords says why there was no answer, without addresses of the inner network.
func inWords(ctx context.Context, err error) error {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, ErrPrivate):
		return ErrPrivate
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &dns):
		return errors.New("the name of the endpoint is not known")
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("no answer in time")
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("nobody listens there")
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if _, ok := errors.AsType[*net.OpError](err); ok || errors.Is(err, io.EOF) {
		return errors.New("the line broke")
	}
	return errors.New("no encrypted line or no HTTP")
}

// ErrPrivate: the endpoint's name leads to this machine or its neighbours.
var ErrPrivate = errors.New("the address is none of the public network")

// Client makes a client with a time limit that follows no redirects, uses no
// proxy and, unless private addresses are allowed, connects to public ones only.
// The address is checked after the name was looked up, at every connection.
func Client(private bool) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if !private {
		dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil || !Public(at.Addr()) {
				return ErrPrivate
			}
			return nil
		}
	}
	return &http.Client{
		Timeout:       15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
			TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

var publicClient = Client(false)

// closed are the networks beside those that netip knows (RFC 6890 and what grew
// out of it).
var closed = func() (all []netip.Prefix) {
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10", "5f00::/16",
	} {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}()

// Public reports whether an address belongs to the public network.
func Public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range closed {
		if p.Contains(a) {
			return false
		}
	}
	// ::a.b.c.d, which some systems take for the IPv4 address
	if a.Is6() {
		b := a.As16()
		if bytes.Equal(b[:12], make([]byte, 12)) {
			return false
		}
	}
	return true
}

// CheckURL tells what is wrong with an endpoint's address; private allows plain
// HTTP and addresses that are not public. Names are looked up when they are used.
func CheckURL(s string, private bool) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || len(s) > 500:
		return errors.New("no address")
	case u.User != nil || u.Fragment != "":
		return errors.New("no user and no fragment in the address")
	case u.Scheme != "https" && !(private && u.Scheme == "http"):
		return errors.New("the address must begin with https://")
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && !private && !Public(a) {
		return ErrPrivate
	}
	return nil
}
