package participation_test

import (
	"net/http"
	"strings"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
)

// TestChannelsAreOnlyNamedByThoseWhoHaveThem: whoever may say one channel is a
// control for those who may not.
func TestChannelsAreOnlyNamedByThoseWhoHaveThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := smartKassel()
	q.Slug, q.Access = "proof", survey.AccessProof
	publish(t, w.Platform, q)
	_, terminal := w.terminal(t, "terminal")
	_, tablet := w.terminal(t, "tablet")
	cookie := func(s string) http.Header {
		s, _, _ = strings.Cut(s, ";")
		return http.Header{"Cookie": {s}}
	}
	staff := func(role string) http.Header {
		return http.Header{"Test-Staff": {basetest.NewStaff(t, w.Platform, role).Id}}
	}
	put := func(slug, id, channel string, h http.Header) (int, string) {
		t.Helper()
		body := strings.Replace(goodBody, `"channel":"web"`, `"channel":"`+channel+`"`, 1)
		req, err := http.NewRequest("PUT", w.srv.URL+"/api/v1/surveys/"+slug+"/responses/"+id, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range h {
			req.Header[name] = v
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := w.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var b [2048]byte
		n, _ := res.Body.Read(b[:])
		return res.StatusCode, string(b[:n])
	}
	for _, c := range []struct {
		who  string
		head http.Header
		may  string // channels beside web
	}{
		{"nobody", nil, ""},
		{"a cookie of nobody", http.Header{"Cookie": {"geraet=" + strings.Repeat("A", 32)}}, ""},
		{"a terminal", cookie(terminal), "terminal"},
		{"a tablet", cookie(tablet), "tablet"},
		{"a planner", staff(base.Planner), "paper phone"},
		{"the counter", staff(base.Counter), "paper phone"},
		{"an admin", staff(base.Admin), "paper"},
		{"an editor", staff(base.Editor), ""},
		{"a moderator", staff(base.Moderator), ""},
	} {
		for _, channel := range survey.Channels {
			status, body := put("smart-kassel", newID(), channel, c.head)
			if mine := channel == "web" || strings.Contains(c.may, channel); mine != (status == 201) || !mine && (status != 403 || !strings.Contains(body, "channel_not_yours")) {
				t.Errorf("%s says %s: %d %s", c.who, channel, status, body)
			}
			// Whom the city knows by the channel needs no proof of work; a device that
			// says "web" is like any other browser.
			if status, _ := put("proof", newID(), channel, c.head); (status == 201) != (channel != "web" && strings.Contains(c.may, channel)) {
				t.Errorf("%s says %s without a proof: %d", c.who, channel, status)
			}
		}
	}
	// What a device handed in before it was taken out of use is acknowledged; more is not taken.
	id := newID()
	if status, body := put("smart-kassel", id, "tablet", cookie(tablet)); status != 201 {
		t.Fatal(status, body)
	}
	if _, err := w.App.DB().NewQuery(`UPDATE devices SET disabled = TRUE WHERE kind = 'tablet'`).Execute(); err != nil {
		t.Fatal(err)
	}
	if status, body := put("smart-kassel", id, "tablet", cookie(tablet)); status != 200 {
		t.Errorf("sent again: %d %s", status, body)
	}
	if status, _ := put("smart-kassel", newID(), "tablet", cookie(tablet)); status != 403 {
		t.Errorf("a device that was taken out of use: %d", status)
	}
	if n := w.count(t, `responses WHERE channel = 'terminal'`); n != 2 {
		t.Errorf("%d responses of the terminal", n)
	}
}
