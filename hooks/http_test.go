package hooks_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"servicepoint/hooks"
)

func TestVerdictOnAnAnswer(t *testing.T) {
	now := time.Date(2026, 12, 2, 11, 0, 0, 0, time.UTC)
	const (
		fine     = "fine"
		rejected = "rejected"
		locked   = "credentials"
		open     = "open"
	)
	for _, c := range []struct {
		code  int
		after string
		want  string
		later time.Duration
	}{
		{200, "", fine, 0}, {201, "", fine, 0}, {204, "", fine, 0},
		{400, "", rejected, 0}, {404, "", rejected, 0}, {410, "", rejected, 0}, {422, "", rejected, 0}, {302, "", rejected, 0},
		{401, "", locked, 0}, {403, "", locked, 0},
		{408, "", open, 0}, {409, "", open, 0}, {423, "", open, 0}, {425, "", open, 0}, {500, "", open, 0}, {502, "", open, 0}, {503, "", open, 0},
		{500, "120", open, 0}, // not asked for by the standard, the back-off decides
		{429, "", "later", time.Minute},
		{429, "120", "later", 2 * time.Minute},
		{503, "120", "later", 2 * time.Minute},
		{429, " 7 ", "later", 7 * time.Second},
		{429, "Wed, 02 Dec 2026 11:05:00 GMT", "later", 5 * time.Minute},
		{429, "Wednesday, 02-Dec-26 11:05:00 GMT", "later", 5 * time.Minute},
		{429, "Wed, 02 Dec 2026 10:00:00 GMT", "later", time.Minute},
		{429, "Thu, 02 Dec 2027 10:00:00 GMT", "later", 24 * time.Hour},
		{429, "99999999999999999999999", "later", 24 * time.Hour},
		{429, "9223372036", "later", 24 * time.Hour},
		{429, "-5", "later", time.Minute}, {429, "0", "later", time.Minute}, {429, "soon", "later", time.Minute},
	} {
		h := http.Header{}
		if c.after != "" {
			h.Set("Retry-After", c.after)
		}
		err := hooks.Verdict(&http.Response{StatusCode: c.code, Header: h}, now)
		var later hooks.RetryAfter
		got := open
		switch {
		case err == nil:
			got = fine
		case errors.Is(err, hooks.ErrRejected):
			got = rejected
		case errors.Is(err, hooks.ErrCredentials):
			got = locked
		case errors.As(err, &later):
			got = "later"
		}
		if got != c.want || later.After != c.later {
			t.Errorf("%d %q: %s after %s (%v), want %s after %s", c.code, c.after, got, later.After, err, c.want, c.later)
		}
	}
}
