package booking

import (
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

func (h house) state(reference string) (s string) {
	h.t.Helper()
	c, err := h.s.find(reference)
	if err != nil {
		h.t.Fatal(err)
	}
	return c.State
}

func TestTheDesksAnswerConfirmsAndSendsOneMail(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(10)))
	a := h.mustBook("waerme")
	h.settle(a.Reference, hooks.Done)
	h.settle(a.Reference, hooks.Done)
	h.settle(a.Reference, hooks.Rejected) // too late
	if got := h.state(a.Reference); got != Confirmed {
		t.Errorf("state %s", got)
	}
	mails := h.mails(a.Reference)
	if len(mails) != 1 {
		t.Fatalf("%d mails, want 1", len(mails))
	}
	m := mails[0]
	if m.To != "ada@example.org" || m.Name != "Ada Lovelace" || m.Lang != "de" || m.Method != "REQUEST" {
		t.Errorf("mail %+v", m)
	}
	for _, want := range []string{"Guten Tag Ada Lovelace,", "Wärme für Kassel", "Mittwoch, 9. Dezember 2026, 18:00 bis 20:00 Uhr", a.Reference, a.Secret, "http://service-point.test/buchungen/"} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("the mail lacks %q:\n%s", want, m.Text)
		}
	}
	if strings.ContainsAny(m.Text+m.Subject, "{}") {
		t.Errorf("a gap is left open:\n%s\n%s", m.Subject, m.Text)
	}
	calendar := strings.ReplaceAll(m.Calendar, "\r\n ", "")
	for _, want := range []string{"METHOD:REQUEST\r\n", "UID:" + a.Reference + "@servicepoint\r\n", "SEQUENCE:2\r\n", "mailto:ada@example.org", "ORGANIZER", "DTSTART;TZID=Europe/Berlin:20261209T180000\r\n"} {
		if !strings.Contains(calendar, want) {
			t.Errorf("the calendar lacks %q:\n%s", want, calendar)
		}
	}
	if strings.Contains(m.Calendar, a.Secret) {
		t.Error("the calendar, which people share, holds the secret")
	}
}

func TestMailsSpeakTheCitizensLanguage(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(10), wheelchair(3)))
	for lang, want := range map[string][]string{
		"de":        {"Ihre Buchung ist bestätigt: Wärme für Kassel", "Platzart: Rollstuhlplatz"},
		"en":        {"Your booking is confirmed: Heat for Kassel", "Hello Ada", "http://service-point.test/en/buchungen/", "18:00 to 20:00"},
		"de-simple": {"Ihr Platz ist sicher: Wärme für Kassel", "Code: ", "/ls/buchungen/"},
	} {
		r := h.send("POST", "/api/v1/events/waerme/bookings", "application/json", `{"name":"Ada","email":"ada@example.org","pool":"rollstuhl"}`,
			"Idempotency-Key", "key-in-"+lang, "Accept-Language", lang)
		a := r.answer(t)
		h.settle(a.Reference, hooks.Done)
		m := h.mails(a.Reference)[0]
		for _, s := range want {
			if !strings.Contains(m.Subject+"\n"+m.Text, s) {
				t.Errorf("%s: the mail lacks %q:\n%s\n%s", lang, s, m.Subject, m.Text)
			}
		}
	}
}

func TestARefusalOfTheDeskFreesThePlacesAndSaysSo(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(1)))
	a := h.mustBook("waerme")
	h.settle(a.Reference, hooks.Dead)
	if got := h.state(a.Reference); got != Active {
		t.Errorf("an order given up on changed the booking to %s", got)
	}
	h.settle(a.Reference, hooks.Rejected)
	h.settle(a.Reference, hooks.Rejected)
	if got := h.state(a.Reference); got != Rejected {
		t.Errorf("state %s", got)
	}
	mails := h.mails(a.Reference)
	if len(mails) != 1 || mails[0].Calendar != "" || !strings.Contains(mails[0].Subject, "nicht annehmen") || strings.Contains(mails[0].Text, a.Secret) {
		t.Errorf("mails %+v", mails)
	}
	h.mustBook("waerme")
}

func TestSettlingFallsWithTheTransaction(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(1)))
	a := h.mustBook("waerme")
	_ = h.p.App.RunInTransaction(func(tx core.App) error {
		if err := h.s.Settle(tx, hooks.Order{Subject: a.Reference}, hooks.Done, hooks.Result{}); err != nil {
			t.Error(err)
		}
		return base.ErrForbidden
	})
	if h.state(a.Reference) != Active || len(h.mails(a.Reference)) != 0 {
		t.Error("something of a rolled back settlement stayed")
	}
}

func TestCancellingFreesThePlacesAndTakesTheCalendarEntryBack(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(1)))
	a := h.mustBook("waerme")
	h.settle(a.Reference, hooks.Done)
	for i, want := range []bool{true, false} {
		if done, err := h.s.Cancel(a.Reference); err != nil || done != want {
			t.Errorf("call %d: %v, %v", i+1, done, err)
		}
	}
	if n := h.number(`SELECT taken FROM pools`); n != 0 {
		t.Errorf("%d places still taken", n)
	}
	mails := h.mails(a.Reference)
	if len(mails) != 2 {
		t.Fatalf("%d mails, want 2", len(mails))
	}
	m := mails[1]
	for _, want := range []string{"METHOD:CANCEL\r\n", "UID:" + a.Reference + "@servicepoint\r\n", "SEQUENCE:3\r\n", "STATUS:CANCELLED\r\n"} {
		if m.Method != "CANCEL" || !strings.Contains(m.Calendar, want) {
			t.Errorf("the calendar lacks %q:\n%s", want, m.Calendar)
		}
	}
	h.mustBook("waerme")
}

func TestCancelledBeforeTheDeskAnswered(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(1)))
	a := h.mustBook("waerme")
	if done, err := h.s.Cancel(a.Reference); err != nil || !done {
		t.Fatal(done, err)
	}
	h.settle(a.Reference, hooks.Done)
	mails := h.mails(a.Reference)
	if h.state(a.Reference) != Cancelled || len(mails) != 1 || mails[0].Calendar != "" {
		t.Errorf("state %s, mails %+v", h.state(a.Reference), mails)
	}
}

func TestNothingIsCancelledAfterTheEvent(t *testing.T) {
	h := open(t)
	ev := lecture("waerme", room(1))
	h.publish(ev)
	a := h.mustBook("waerme")
	h.p.Now = func() time.Time { return ev.End }
	if _, err := h.s.Cancel(a.Reference); err != ErrOver {
		t.Errorf("got %v", err)
	}
	if _, err := h.s.Cancel("B-00000-00000"); err != base.ErrNotFound {
		t.Errorf("unknown booking: %v", err)
	}
}

func TestPublishingAdjustsThePools(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(10), wheelchair(2)))
	h.book("waerme", "key-number-1", ada) // two in the room

	cases := []struct {
		what  string
		pools []content.Pool
		want  string
	}{
		{"larger", []content.Pool{room(20), wheelchair(2)}, ""},
		{"as small as what is taken", []content.Pool{room(2), wheelchair(2)}, ""},
		{"smaller than what is taken", []content.Pool{room(1), wheelchair(2)}, "pools: pool_taken"},
		{"left out though taken", []content.Pool{wheelchair(2)}, "pools: pool_in_use"},
		{"left out and empty", []content.Pool{room(5)}, ""},
		{"one more", []content.Pool{room(5), {Code: "stream", Size: 500}}, ""},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			before := h.number(`SELECT sum(size) FROM pools`)
			err := h.tryPublish(lecture("waerme", c.pools...), "published")
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			after := h.number(`SELECT sum(size) FROM pools`)
			sum := 0
			for _, pool := range c.pools {
				sum += pool.Size
			}
			if c.want == "" && after != sum || c.want != "" && after != before {
				t.Errorf("%d places, before %d", after, before)
			}
		})
	}

	// A pool left out with ended claims stays as an empty row and can come back.
	a := h.book("waerme", "key-number-2", `{"name":"Ada","email":"ada@example.org","pool":"stream"}`).answer(t)
	if _, err := h.s.Cancel(a.Reference); err != nil {
		t.Fatal(err)
	}
	h.publish(lecture("waerme", room(5)))
	if r := h.book("waerme", "key-number-3", `{"name":"Ada","email":"ada@example.org","pool":"stream"}`); r.code() != "invalid #/pool unknown_option" {
		t.Errorf("a removed pool is booked: %d %s", r.status, r.body)
	}
	h.publish(lecture("waerme", room(5), content.Pool{Code: "stream", Size: 7}))
	if n := h.number(`SELECT size FROM pools WHERE code = 'stream'`); n != 7 {
		t.Errorf("size %d", n)
	}
	if err := h.s.PublishEvent(h.p.App, lecture("waerme")); err == nil {
		t.Error("pools were changed outside a transaction")
	}
}

// hold claims places for a while, as a page that reserves during the form would.
func (h house) hold(slug string, n int, until time.Time) Answer {
	h.t.Helper()
	a, _, err := h.s.Hold(Order{Event: slug, Request: Request{Pool: "saal", Places: n}, Channel: Web})
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.p.App.NonconcurrentDB().NewQuery(`UPDATE claims SET expires = {:until} WHERE reference = {:r}`).
		Bind(dbx.Params{"until": until.UnixMilli(), "r": a.Reference}).Execute(); err != nil {
		h.t.Fatal(err)
	}
	return a
}

func TestHoldsRunOutWithinTheNextWrite(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(2)))
	a := h.hold("waerme", 2, basetest.Start.Add(time.Minute))
	free := func() int {
		rows, err := counters(h.p.App.DB(), h.p.Now(), "waerme")
		if err != nil {
			t.Fatal(err)
		}
		return rows["waerme"]["saal"].free()
	}
	if r := h.book("waerme", "key-number-1", ada); r.status != 409 || free() != 0 {
		t.Errorf("while held: %d, %d free", r.status, free())
	}
	h.p.Now = func() time.Time { return basetest.Start.Add(time.Minute) }
	if free() != 2 {
		t.Errorf("%d shown as free after the hold ran out, want 2", free())
	}
	if r := h.book("waerme", "key-number-1", ada); r.status != 201 {
		t.Errorf("after it ran out: %d %s", r.status, r.body)
	}
	if n := h.number(`SELECT count(*) FROM claims WHERE state = 'expired'`); n != 1 {
		t.Errorf("%d expired holds, want 1 (%s)", n, a.Reference)
	}
}

func TestAHoldBecomesABookingWithoutAGap(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(2)))
	h.hold("waerme", 2, basetest.Start.Add(time.Minute))
	h.exec(`UPDATE claims SET kind = 'booking', expires = NULL`)
	h.exec(`UPDATE tickets SET released = 1 WHERE number = 2`)
	if n := h.number(`SELECT taken FROM pools`); n != 1 {
		t.Errorf("taken %d, want 1", n)
	}
	h.exec(`DELETE FROM claims`)
	if n := h.number(`SELECT taken FROM pools`); n != 0 {
		t.Errorf("taken %d after deleting, want 0", n)
	}
}

func TestExpireHoldsFreesQuietEvents(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(9)))
	h.hold("waerme", 2, basetest.Start.Add(time.Minute))
	h.hold("waerme", 3, basetest.Start.Add(time.Hour))
	h.mustBook("waerme")
	h.p.Now = func() time.Time { return basetest.Start.Add(2 * time.Minute) }
	for i, want := range []int{1, 0} {
		if n, err := h.s.ExpireHolds(t.Context()); err != nil || n != want {
			t.Errorf("run %d: %d, %v, want %d", i+1, n, err, want)
		}
	}
	if n := h.number(`SELECT taken FROM pools`); n != 4 {
		t.Errorf("taken %d, want 4", n)
	}
}

func TestTheAuditStopsSalesWhereCountersAndClaimsDiffer(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(9), wheelchair(2)))
	h.publish(lecture("strom", room(9)))
	h.book("waerme", "key-number-1", ada)
	if err := h.s.Audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.exec(`UPDATE pools SET taken = taken - 1 WHERE event = 'waerme' AND code = 'saal'`)
	if err := h.s.Audit(t.Context()); err == nil || !strings.Contains(err.Error(), "waerme") || strings.Contains(err.Error(), "strom") {
		t.Fatalf("got %v", err)
	}
	if r := h.book("waerme", "key-number-2", strings.Replace(ada, "saal", "rollstuhl", 1)); r.code() != "booking_stopped" {
		t.Errorf("sales go on: %d %s", r.status, r.body)
	}
	if r := h.book("strom", "key-number-3", ada); r.status != 201 {
		t.Errorf("the other event is stopped too: %d %s", r.status, r.body)
	}
	h.exec(`UPDATE pools SET taken = taken + 1 WHERE event = 'waerme' AND code = 'saal'`)
	if err := h.s.Audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := h.book("waerme", "key-number-4", ada); r.status != 201 {
		t.Errorf("put right, but sales do not go on: %d %s", r.status, r.body)
	}
}

func TestTheAuditFindsOversoldEvents(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(1)))
	h.unprotect()
	h.book("waerme", "key-number-1", ada)
	if err := h.s.Audit(t.Context()); err == nil || h.number(`SELECT count(*) FROM pools WHERE stopped = 'audit'`) != 1 {
		t.Errorf("got %v", err)
	}
}

func TestNamesAreForgottenThirtyDaysAfterTheEvent(t *testing.T) {
	h := open(t)
	ev := lecture("waerme", room(2000))
	h.publish(ev)
	later := lecture("spaeter", room(10))
	later.Start, later.End = ev.Start.AddDate(0, 0, 7), ev.End.AddDate(0, 0, 7)
	h.publish(later)
	a := h.mustBook("waerme")
	h.mustBook("spaeter")
	h.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100)
		INSERT INTO claims (reference, event, kind, state, places, name, email, created)
		SELECT 'X-' || i, 'waerme', 'booking', 'confirmed', 1, 'Name', 'x@example.org', 0 FROM n`)
	h.exec(`INSERT INTO tickets (reference, number, event, pool, name, answers) SELECT reference, 1, event, 'saal', name, '{}' FROM claims WHERE reference LIKE 'X-%'`)
	personal := func() int {
		if claims, tickets := h.number(`SELECT count(*) FROM claims WHERE reference LIKE 'X-%' AND name <> ''`), h.number(`SELECT count(*) FROM tickets WHERE name <> '' OR answers <> ''`); claims != tickets {
			t.Errorf("%d claims and %d tickets have names", claims, tickets)
		}
		return h.number(`SELECT count(*) FROM claims WHERE name <> '' OR email <> ''`)
	}

	h.p.Now = func() time.Time { return ev.End.Add(Keep - time.Millisecond) }
	if _, err := h.s.Forget(t.Context()); err != nil || personal() != 1102 {
		t.Errorf("too early: %d left, %v", personal(), err)
	}
	if n := h.number(`SELECT count(*) FROM idempotency`); n != 0 {
		t.Errorf("%d idempotency keys after a month", n)
	}
	h.p.Now = func() time.Time { return ev.End.Add(Keep) }
	n, err := h.s.Forget(t.Context())
	if err != nil || n != 1101 || personal() != 1 {
		t.Errorf("%d changed, %d left, %v", n, personal(), err)
	}
	if c, err := h.s.find(a.Reference); err != nil || c.Places != 1 || c.State != Active {
		t.Errorf("the claim itself is kept for the figures: %+v, %v", c, err)
	}
	h.settle(a.Reference, hooks.Done)
	if len(h.mails(a.Reference)) != 0 {
		t.Error("a mail to nobody")
	}
	// An event whose record is gone counts from its newest claim.
	h.exec(`DELETE FROM events WHERE slug = 'spaeter'`)
	h.p.Now = func() time.Time { return basetest.Start.Add(Keep + time.Second) }
	if _, err := h.s.Forget(t.Context()); err != nil || personal() != 0 {
		t.Errorf("%d left, %v", personal(), err)
	}
}
