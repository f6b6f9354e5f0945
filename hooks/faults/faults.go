// Package faults is a bad line to a partner: it stands in front of a simulator or
// of a test system and does to HTTP what networks and overloaded servers do.
//
// It knows no partner. A [Line] carries requests to a handler; its [Plan] says
// how often which [Fault] happens by chance, [Line.Next] and [Line.Always] make
// one happen for certain. [Parse] reads a plan as people write it on the command
// line.
package faults

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Kind of a fault.
type Kind string

// The faults. What the partner did of the request stands behind each.
const (
	Drop      Kind = "drop"      // the line breaks before the request arrives: nothing is done
	Cut       Kind = "cut"       // the line breaks before the answer: it is done
	CutHalf   Kind = "cut-half"  // the line breaks within the answer: it is done
	Malformed Kind = "malformed" // the answer's body is broken JSON with the right status: it is done
	Foreign   Kind = "foreign"   // a page in HTML with status 200, as portals of networks send it: nothing is done
	Slow      Kind = "slow"      // the answer drips in over Delay: it is done
	Late      Kind = "late"      // the request arrives after Delay
	Status    Kind = "status"    // an answer with Code instead: nothing is done
	Lost      Kind = "lost"      // an answer with Code although it is done
	TooMany   Kind = "429"       // 429 with Retry-After, see Fault: nothing is done
	Unknown   Kind = "401"       // the credentials are refused: nothing is done
)

// Fault is one thing that goes wrong.
type Fault struct {
	Kind  Kind
	Code  int           // of Status and Lost: 500 unless set
	Delay time.Duration // of Slow and Late; what Retry-After asks for, rounded up to seconds
	Date  bool          // Retry-After is a date instead of seconds
}

// Chance is a fault with its share of the requests, 0 to 1.
type Chance struct {
	Fault
	Share float64
}

// Plan is what may go wrong by chance; at most one fault happens to a request.
type Plan struct {
	Latency time.Duration // of every request
	Chances []Chance
}

// Line carries requests to Handler. Zero fields have sensible values; a nil
// *Line does not exist. All methods may be called at the same time.
type Line struct {
	Handler http.Handler
	Random  func() float64   // [0,1)
	Clock   func() time.Time // for dates in Retry-After

	mu     sync.Mutex
	plan   Plan
	next   []Fault
	always *Fault
	served int
	struck int
}

const longestBody = 64 << 20

// New makes a line without faults.
func New(h http.Handler) *Line { return &Line{Handler: h} }

// Proxy makes a handler that passes requests on to a server.
func Proxy(target string) (http.Handler, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("faults: %q is no address", target)
	}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }}, nil
}

// Set replaces the plan.
func (l *Line) Set(p Plan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plan = p
}

// Next makes the next requests meet these faults, one each, before the plan.
func (l *Line) Next(f ...Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = append(l.next, f...)
}

// Always makes every request meet a fault until [Line.Heal].
func (l *Line) Always(f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.always = &f
}

// Heal ends all faults, also those of the plan.
func (l *Line) Heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plan, l.next, l.always = Plan{}, nil, nil
}

// Counts tells how many requests came and how many of them met a fault.
func (l *Line) Counts() (served, struck int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.served, l.struck
}

func (l *Line) draw() (f Fault, latency time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.served++
	latency = l.plan.Latency
	switch {
	case len(l.next) > 0:
		f = l.next[0]
		l.next = l.next[1:]
	case l.always != nil:
		f = *l.always
	default:
		random := rand.Float64
		if l.Random != nil {
			random = l.Random
		}
		at := random()
		for _, c := range l.plan.Chances {
			if at -= c.Share; at < 0 {
				f = c.Fault
				break
			}
		}
	}
	if f.Kind != "" {
		l.struck++
	}
	return f, latency
}

// ServeHTTP carries one request.
func (l *Line) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Read whole: only then package http notices that the caller is gone.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longestBody))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	f, latency := l.draw()
	if f.Kind == Late {
		latency += f.Delay
	}
	if !pause(r.Context(), latency) {
		panic(http.ErrAbortHandler) // the caller is gone
	}
	switch f.Kind {
	case "", Late:
		l.Handler.ServeHTTP(w, r)
	case Drop:
		panic(http.ErrAbortHandler)
	case Status:
		refuse(w, cmp.Or(f.Code, http.StatusInternalServerError))
	case Unknown:
		refuse(w, http.StatusUnauthorized)
	case TooMany:
		w.Header().Set("Retry-After", l.retryAfter(f))
		refuse(w, http.StatusTooManyRequests)
	case Foreign:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!doctype html><title>Anmeldung</title><p>Bitte melden Sie sich im Netz an.")
	default:
		l.after(w, r, f)
	}
}

// after lets the request be done and spoils the answer.
func (l *Line) after(w http.ResponseWriter, r *http.Request, f Fault) {
	answer := httptest.NewRecorder()
	// The caller may leave, the request has arrived all the same.
	l.Handler.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
	body := answer.Body.Bytes()
	for name, values := range answer.Header() {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	switch f.Kind {
	case Lost:
		w.Header().Del("Etag")
		refuse(w, cmp.Or(f.Code, http.StatusInternalServerError))
	case Malformed:
		w.WriteHeader(answer.Code)
		w.Write(append(body[:len(body)/2:len(body)/2], `{"uuid": [tru`...))
	case CutHalf:
		w.Header().Set("Content-Length", strconv.Itoa(len(body)+2))
		w.WriteHeader(answer.Code)
		w.Write(body[:len(body)/2])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case Slow:
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(answer.Code)
		const drops = 8
		for piece := range slices.Chunk(body, max(1, (len(body)+drops-1)/drops)) {
			if !pause(r.Context(), f.Delay/drops) {
				panic(http.ErrAbortHandler)
			}
			w.Write(piece)
			http.NewResponseController(w).Flush()
		}
	default: // Cut
		panic(http.ErrAbortHandler)
	}
}

func (l *Line) retryAfter(f Fault) string {
	seconds := int64((f.Delay + time.Second - 1) / time.Second)
	if !f.Date {
		return strconv.FormatInt(seconds, 10)
	}
	now := time.Now
	if l.Clock != nil {
		now = l.Clock
	}
	return now().Add(time.Duration(seconds) * time.Second).UTC().Format(http.TimeFormat)
}

func refuse(w http.ResponseWriter, code int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if code >= 200 && code != http.StatusNoContent && code != http.StatusNotModified {
		fmt.Fprintf(w, `{"error":%q}`, http.StatusText(code))
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Usage explains what [Parse] reads.
const Usage = `faults by chance, separated by commas: KIND=SHARE[:DETAIL], e.g.
"latency=200ms,cut=5%,drop=1%,500=2%,429=3%:30s,malformed=1%,slow=2%:3s,401=0.5%".
Kinds: latency, drop, cut, cut-half, malformed, foreign, slow, late, 401, 429 and any status from 400 to 599;
lost-500=1% answers 500 although the request was done`

// Parse reads a plan; see [Usage].
func Parse(s string) (Plan, error) {
	var p Plan
	sum := 0.0
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return Plan{}, fmt.Errorf("faults: %q has no value", part)
		}
		if name == "latency" {
			d, err := time.ParseDuration(value)
			if err != nil || d < 0 {
				return Plan{}, fmt.Errorf("faults: latency %q is no duration", value)
			}
			p.Latency = d
			continue
		}
		c, err := chance(name, value)
		if err != nil {
			return Plan{}, err
		}
		sum += c.Share
		p.Chances = append(p.Chances, c)
	}
	if sum > 1 {
		return Plan{}, fmt.Errorf("faults: the shares add up to %.0f %%", sum*100)
	}
	return p, nil
}

func chance(name, value string) (Chance, error) {
	var c Chance
	share, detail, hasDetail := strings.Cut(value, ":")
	number, percent := strings.CutSuffix(share, "%")
	n, err := strconv.ParseFloat(number, 64)
	if percent {
		n /= 100
	}
	if err != nil || !(n >= 0 && n <= 1) {
		return c, fmt.Errorf("faults: %s=%q: want a share like 5%% or 0.05", name, value)
	}
	c.Share = n
	rest, lost := strings.CutPrefix(name, "lost-")
	code, err := strconv.Atoi(rest)
	switch kind := Kind(name); {
	case kind == TooMany:
		c.Kind, c.Delay = TooMany, 30*time.Second
	case kind == Slow || kind == Late:
		c.Kind, c.Delay = kind, 5*time.Second
	case slices.Contains([]Kind{Drop, Cut, CutHalf, Malformed, Foreign, Unknown}, kind):
		c.Kind = kind
	case err == nil && code >= 400 && code <= 599:
		c.Kind, c.Code = Status, code
		if lost {
			c.Kind = Lost
		}
	default:
		return c, fmt.Errorf("faults: unknown kind %q", name)
	}
	if hasDetail {
		d, err := time.ParseDuration(detail)
		if err != nil || d < 0 || c.Delay == 0 {
			return c, fmt.Errorf("faults: %s=%q: what stands behind the colon is no duration, or the kind has none", name, value)
		}
		c.Delay = d
	}
	return c, nil
}
