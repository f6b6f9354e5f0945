// Package octo is the provider "octo": it sells city tours and tickets of a
// partner that speaks OCTO (Open Connectivity for Tours, Activities and
// Attractions), with the capabilities octo/pricing and octo/content.
//
// It does not know pages or tables. [Provider] looks at tours and departures and
// does the orders that package hooks describes ([hooks.TourOrder]). It reads
// tolerantly, because servers differ, and writes strictly what the specification
// asks for.
package octo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"servicepoint/hooks"
)

// Settings say where the partner is.
type Settings struct {
	Address string // of the API, e.g. https://example.org/octo
	Token   string // bearer token
}

// Provider speaks with one partner.
type Provider struct {
	// Settings are asked for before every call, so that a change needs no restart.
	Settings func() (Settings, error)
	HTTP     *http.Client     // nil: one that gives up after 20 s
	Clock    func() time.Time // nil: time.Now

	slashes sync.Map // path forms that this server wants the other way round, by address and kind
}

// Name is "octo".
func (*Provider) Name() string { return "octo" }

const (
	capabilities = "octo/pricing, octo/content"
	maxAnswer    = 8 << 20
)

// Problem is an answer that refuses. It holds the partner's code, never its words,
// which may quote what was sent.
type Problem struct {
	Status int
	Code   string // as in the specification, or ""
	cause  error
}

func (p *Problem) Error() string {
	if p.Code == "" {
		return p.cause.Error()
	}
	return p.Code + ": " + p.cause.Error()
}

func (p *Problem) Unwrap() error { return p.cause }

// codes that servers answer with, under whatever status.
var finalCodes = map[string]bool{
	"INVALID_PRODUCT_ID": true, "INVALID_OPTION_ID": true, "INVALID_UNIT_ID": true, "INVALID_AVAILABILITY_ID": true,
	"INVALID_BOOKING_UUID": true, "BAD_REQUEST": true, "UNPROCESSABLE_ENTITY": true,
}

func (p *Provider) now() time.Time {
	if p.Clock != nil {
		return p.Clock()
	}
	return time.Now()
}

func (p *Provider) client() *http.Client {
	c := http.Client{Timeout: 20 * time.Second}
	if p.HTTP != nil {
		c = *p.HTTP
	}
	// A redirected POST would become a GET; what moves is told by the status.
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// call sends one request and reads its answer into out. Servers disagree about the
// slash at the end: where one form leads nowhere the other is tried, and remembered.
func (p *Provider) call(ctx context.Context, method, path string, query url.Values, body, out any) error {
	s, err := p.Settings()
	if err != nil {
		return err
	}
	kind := s.Address + " " + method + " " + shape(path)
	if _, other := p.slashes.Load(kind); other {
		path = toggled(path)
	}
	err = p.send(ctx, s, method, path, query, body, out)
	var nowhere *lost
	if errors.As(err, &nowhere) {
		again := p.send(ctx, s, method, toggled(path), query, body, out)
		if !errors.As(again, &nowhere) {
			if _, was := p.slashes.LoadOrStore(kind, true); was {
				p.slashes.Delete(kind)
			}
			return again
		}
	}
	return err
}

// shape is a path without the ids in it.
func shape(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) > 1 && parts[0] != "availability" {
		parts[1] = "*"
	}
	return strings.Join(parts, "/")
}

func toggled(path string) string {
	if s, ok := strings.CutSuffix(path, "/"); ok {
		return s
	}
	return path + "/"
}

// lost is the answer of a server that does not know the path: nothing was done.
// It is not final for an order: mostly the address in the settings is wrong.
type lost struct{ status int }

func (l *lost) Error() string { return fmt.Sprintf("answer %d: no such path at the partner", l.status) }

func (p *Provider) send(ctx context.Context, s Settings, method, path string, query url.Values, body, out any) error {
	var reader io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("%w: %w", err, hooks.ErrRejected)
		}
		reader = bytes.NewReader(b)
	}
	address := strings.TrimRight(s.Address, "/") + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err != nil {
		return errors.New("the address in the settings is none")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Octo-Capabilities", capabilities)
	req.Header.Set("Accept-Language", cmp.Or(language(ctx), "de")+", de;q=0.8, en;q=0.5")
	if s.Token != "" {
		req.Header.Set("Authorization", "Bearer "+s.Token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := p.client().Do(req)
	if err != nil {
		return plain(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return plain(err)
	}
	if len(answer) > maxAnswer {
		return errors.New("the answer is too long")
	}
	if err := p.verdict(res, answer); err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return errors.New("the answer is no JSON of the kind that OCTO has")
	}
	return nil
}

// plain is a network error without the address, which may hold a reference.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (p *Provider) verdict(res *http.Response, body []byte) error {
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return nil
	}
	var told struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(body, &told)
	problem := &Problem{Status: res.StatusCode, cause: hooks.Verdict(res, p.now())}
	switch code := told.Error; {
	case finalCodes[code]:
		problem.Code = code
		problem.cause = fmt.Errorf("answer %d: %w", res.StatusCode, hooks.ErrRejected)
	case code == "UNAUTHORIZED" || code == "FORBIDDEN":
		problem.Code = code
		problem.cause = fmt.Errorf("answer %d: %w", res.StatusCode, hooks.ErrCredentials)
	case code == "INTERNAL_SERVER_ERROR":
		problem.Code = code
		problem.cause = fmt.Errorf("answer %d", res.StatusCode)
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusMethodNotAllowed || res.StatusCode >= 300 && res.StatusCode < 400:
		return &lost{res.StatusCode}
	}
	return problem
}

type languageKey struct{}

func withLanguage(ctx context.Context, lang string) context.Context {
	return context.WithValue(ctx, languageKey{}, lang)
}

func language(ctx context.Context) string {
	s, _ := ctx.Value(languageKey{}).(string)
	return s
}

// Check asks the partner who it is, for the button "test connection".
func (p *Provider) Check(ctx context.Context) (string, error) {
	var supplier struct {
		Name string `json:"name"`
	}
	if err := p.call(ctx, http.MethodGet, "/supplier/", nil, nil, &supplier); err != nil {
		return "", err
	}
	tours, err := p.Tours(ctx, "de")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %d", cmp.Or(supplier.Name, "OCTO"), len(tours)), nil
}
