package hooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestErrorsLosePersonalData(t *testing.T) {
	payload := json.RawMessage(`{"name":"Jörg von Ohlendorf","to":"j.ohlendorf@kassel.example","answers":[{"text":"Königstor 12"}],"n":7}`)
	for text, want := range map[string]string{
		"connection refused": "connection refused",
		"550 no mailbox <j.ohlendorf@kassel.example> here":           "550 no mailbox <…> here",
		"550 other.person@else.example unknown":                      "550 … unknown",
		"customer JÖRG VON OHLENDORF not found":                      "customer … not found",
		"Herr Ohlendorf, Königstor 12":                               "Herr …, …",
		"call 0561 / 787-1234 back":                                  "call … back",
		"code 550 5.1.1":                                             "code 550 5.1.1",
		"two\r\nlines\x00":                                           "two  lines ",
		strings.Repeat("x", 400):                                     strings.Repeat("x", 300) + "…",
		"broken \xff UTF-8 of a partner that says: 4111111111111111": "broken  UTF-8 of a partner that says: …",
	} {
		if got := scrub(errors.New(text), payload); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("no mailbox erika@x.example", "Erika Mustermann")
	f.Add("\xff(", "((((")
	f.Fuzz(func(t *testing.T, text, name string) {
		payload, _ := json.Marshal(map[string]string{"name": name})
		got := scrub(errors.New(text), payload)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00") || len([]rune(got)) > longestCause+1 {
			t.Errorf("%q", got)
		}
	})
}

func TestDelayIsFullJitterBelowARisingCeiling(t *testing.T) {
	r := &shift{Dispatcher: &Dispatcher{Random: func() float64 { return .5 }}}
	for attempt, want := range map[int]time.Duration{0: 5 * time.Second, 1: 5 * time.Second, 2: 10 * time.Second, 5: 80 * time.Second,
		9: 1280 * time.Second, 10: 30 * time.Minute, 1000000: 30 * time.Minute} {
		if got := r.delay(Lease{Order: Order{Attempt: attempt}}, nil, lastCeiling); got != want {
			t.Errorf("attempt %d: %s, want %s", attempt, got, want)
		}
	}
	later := fmt.Errorf("busy: %w", RetryAfter{After: time.Hour})
	if got := r.delay(Lease{}, later, firstCeiling); got != time.Hour+3*time.Minute {
		t.Errorf("retry after an hour: %s", got)
	}
	var l lane
	now := time.Date(2026, 12, 2, 11, 0, 0, 0, time.UTC)
	for ago, want := range map[time.Duration]time.Duration{0: 5 * time.Second, time.Minute: 30 * time.Second, 5 * time.Hour: 30 * time.Minute} {
		healed := now.Add(-ago)
		l.healed.Store(&healed)
		if got := r.delay(Lease{Order: Order{Attempt: 50}}, nil, l.patience(now)); got != want {
			t.Errorf("%s after an outage: %s, want %s", ago, got, want)
		}
	}
	for attempt := range 100 {
		r.Random = rand.Float64
		if d := r.delay(Lease{Order: Order{Attempt: attempt}}, nil, lastCeiling); d < 0 || d >= lastCeiling {
			t.Errorf("attempt %d: %s", attempt, d)
		}
	}
}
