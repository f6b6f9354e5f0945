package hooks

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What is asked for at least and at most when a partner says "later".
const (
	defaultRetryAfter = time.Minute
	longestRetryAfter = 24 * time.Hour
)

// Verdict tells what the status of a partner's HTTP answer means for an order; a
// provider wraps it with the words of the partner's problem code, never with the
// body. nil for 2xx; 401 and 403 wrap [ErrCredentials]; 429 and 503 with
// Retry-After wrap [RetryAfter]; 408, 409, 423, 425 and 5xx say nothing final;
// every other status wraps [ErrRejected]. A protocol that means something else by
// a code looks at it before.
func Verdict(res *http.Response, now time.Time) error {
	code := res.StatusCode
	what := fmt.Errorf("answer %d", code)
	asked := res.Header.Get("Retry-After") != ""
	switch {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fmt.Errorf("%w: %w", what, ErrCredentials)
	case code == http.StatusTooManyRequests || asked && code == http.StatusServiceUnavailable:
		return fmt.Errorf("%w: %w", what, RetryAfter{After: ParseRetryAfter(res.Header, now)})
	case code == http.StatusRequestTimeout || code == http.StatusConflict || code == http.StatusLocked || code == http.StatusTooEarly || code >= 500 || code < 200:
		return what
	}
	return fmt.Errorf("%w: %w", what, ErrRejected)
}

// ParseRetryAfter reads Retry-After, seconds or a date (RFC 9110, 10.2.3): one
// minute when it is absent, broken or past, a day at most.
func ParseRetryAfter(h http.Header, now time.Time) time.Duration {
	s := strings.TrimSpace(h.Get("Retry-After"))
	after := time.Duration(0)
	if n, err := strconv.ParseUint(s, 10, 63); err == nil {
		after = longestRetryAfter
		if n < uint64(longestRetryAfter/time.Second) {
			after = time.Duration(n) * time.Second
		}
	} else if errors.Is(err, strconv.ErrRange) {
		after = longestRetryAfter
	} else if at, err := http.ParseTime(s); err == nil {
		after = at.Sub(now)
	}
	if after <= 0 {
		return defaultRetryAfter
	}
	return min(after, longestRetryAfter)
}
