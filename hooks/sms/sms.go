// Package sms is the provider "sms": it sends short messages through an HTTP
// gateway.
//
// It does not know what they say, and it writes neither texts nor numbers into
// errors or logs. [Provider] checks a [hooks.SMS] and hands it to a [Gateway];
// [HTTP] is the one for gateways that take a request per message, described by
// settings instead of code. simulate is such a gateway for demos and tests.
package sms

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"servicepoint/hooks"
)

// Provider sends orders whose payload is a [hooks.SMS].
type Provider struct{ Gateway Gateway }

// Gateway takes one message. The same reference again must not send it twice
// where the gateway can tell.
type Gateway interface {
	Send(ctx context.Context, reference string, m hooks.SMS) (id string, err error)
}

// Name is "sms".
func (Provider) Name() string { return "sms" }

// Submit sends the message. What is no message, no number or too long is rejected.
func (p Provider) Submit(ctx context.Context, o hooks.Order) (hooks.Result, error) {
	var m hooks.SMS
	dec := json.NewDecoder(bytes.NewReader(o.Payload))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return hooks.Result{}, fmt.Errorf("payload is no short message: %w", hooks.ErrRejected)
	}
	if to, err := hooks.E164(m.To); err != nil || to != m.To {
		return hooks.Result{}, fmt.Errorf("to: no number as E.164 asks: %w", hooks.ErrRejected)
	}
	m.Text = clean(m.Text)
	if m.Text == "" {
		return hooks.Result{}, fmt.Errorf("text is empty: %w", hooks.ErrRejected)
	}
	if n, _ := hooks.Segments(m.Text); n > hooks.LongestSMS {
		return hooks.Result{}, fmt.Errorf("text takes %d short messages, %d at most: %w", n, hooks.LongestSMS, hooks.ErrRejected)
	}
	if err := ctx.Err(); err != nil {
		return hooks.Result{}, err
	}
	id, err := p.Gateway.Send(ctx, Reference(o.Key), m)
	if err != nil {
		return hooks.Result{}, err
	}
	return hooks.Result{Reference: id}, nil
}

// Reference is how an order's key is written towards gateways: 32 hexadecimal
// digits, whatever the key holds.
func Reference(key string) string {
	digest := sha256.Sum256([]byte(key))
	return hex.EncodeToString(digest[:16])
}

func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r != '\n' && unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(strings.ReplaceAll(s, "\r\n", "\n"), " "))
	return strings.TrimSpace(s)
}

// HTTP is a gateway that takes one request per message. In URL, Fields and
// Headers {to}, {text}, {from} and {reference} stand for the message's own;
// {number} is the number without its plus sign.
type HTTP struct {
	URL      string            `json:"url"`
	Method   string            `json:"method"`  // POST unless set
	Body     string            `json:"body"`    // "json" (unless set), "form", or "none": all in the address
	Fields   map[string]string `json:"fields"`  // of the body, all texts; {to, text, reference} unless set
	Headers  map[string]string `json:"headers"` // such as an API key
	From     string            `json:"from"`    // sender
	User     string            `json:"user"`    // Basic
	Password string            `json:"password"`
	Token    string            `json:"token"` // Bearer
	ID       string            `json:"id"`    // name of the answer's field with the gateway's own id, "id" unless set; dots lead inside

	Client *http.Client     `json:"-"` // one with a time limit unless set
	Clock  func() time.Time `json:"-"`
}

var client = &http.Client{
	Timeout: 20 * time.Second,
	// A gateway that sends our message elsewhere is none of ours.
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Check tells what is wrong with the settings.
func (g HTTP) Check() error {
	u, err := url.Parse(strings.NewReplacer("{", "", "}", "").Replace(g.URL))
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("sms: the address of the gateway is none")
	case u.Scheme == "http" && u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost" && u.Hostname() != "::1":
		return errors.New("sms: the gateway has no encrypted address (https)")
	case g.Body != "" && g.Body != "json" && g.Body != "form" && g.Body != "none":
		return fmt.Errorf("sms: unknown body %q", g.Body)
	}
	return nil
}

// Send makes the request. The reference goes along as Idempotency-Key, too.
func (g HTTP) Send(ctx context.Context, reference string, m hooks.SMS) (string, error) {
	req, err := g.request(ctx, reference, m)
	if err != nil {
		return "", errors.New("sms settings: no request can be made of them") // the error would quote the text
	}
	c := g.Client
	if c == nil {
		c = client
	}
	res, err := c.Do(req)
	if err != nil {
		return "", fmt.Errorf("sms gateway: %w", withoutAddress(err))
	}
	defer res.Body.Close()
	now := time.Now
	if g.Clock != nil {
		now = g.Clock
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if verdict := hooks.Verdict(res, now()); verdict != nil {
		return "", fmt.Errorf("sms gateway: %w", verdict)
	}
	if err != nil {
		return "", fmt.Errorf("sms gateway: answer %d breaks off", res.StatusCode)
	}
	id, err := g.id(body)
	if err != nil {
		return "", fmt.Errorf("sms gateway: answer %d: %w", res.StatusCode, err)
	}
	return id, nil
}

func (g HTTP) request(ctx context.Context, reference string, m hooks.SMS) (*http.Request, error) {
	plain := []string{"{to}", m.To, "{number}", strings.TrimPrefix(m.To, "+"), "{text}", m.Text, "{from}", g.From, "{reference}", reference}
	escaped := make([]string, len(plain))
	for i, s := range plain {
		escaped[i] = s
		if i%2 == 1 {
			escaped[i] = url.QueryEscape(s)
		}
	}
	fill, fillURL := strings.NewReplacer(plain...), strings.NewReplacer(escaped...)
	fields := g.Fields
	if fields == nil {
		fields = map[string]string{"to": "{to}", "text": "{text}", "reference": "{reference}"}
		if g.From != "" {
			fields["from"] = "{from}"
		}
	}
	var body io.Reader
	kind := ""
	switch g.Body {
	case "", "json":
		filled := map[string]string{}
		for name, s := range fields {
			filled[name] = fill.Replace(s)
		}
		b, err := json.Marshal(filled)
		if err != nil {
			return nil, err
		}
		body, kind = bytes.NewReader(b), "application/json"
	case "form":
		filled := url.Values{}
		for name, s := range fields {
			filled.Set(name, fill.Replace(s))
		}
		body, kind = strings.NewReader(filled.Encode()), "application/x-www-form-urlencoded"
	}
	method := g.Method
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, fillURL.Replace(g.URL), body)
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Idempotency-Key", reference)
	for name, s := range g.Headers {
		req.Header.Set(name, strings.NewReplacer("{reference}", reference, "{from}", g.From).Replace(s))
	}
	if g.User != "" {
		req.SetBasicAuth(g.User, g.Password)
	}
	if g.Token != "" {
		req.Header.Set("Authorization", "Bearer "+g.Token)
	}
	return req, nil
}

// id finds the gateway's own id. An answer that is no JSON says nothing: some
// portal of a network may have given it.
func (g HTTP) id(body []byte) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return "", errors.New("no JSON")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("no JSON")
	}
	path := g.ID
	if path == "" {
		path = "id"
	}
	for name := range strings.SplitSeq(path, ".") {
		object, ok := v.(map[string]any)
		if !ok {
			return "", fmt.Errorf("no field %q", path)
		}
		v = object[name]
	}
	switch v := v.(type) {
	case string:
		if v != "" && len(v) <= 200 {
			return v, nil
		}
	case json.Number:
		return v.String(), nil
	}
	return "", fmt.Errorf("no field %q", path)
}

// withoutAddress drops the address from an error of package http: it may hold the
// text and the number.
func withoutAddress(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
