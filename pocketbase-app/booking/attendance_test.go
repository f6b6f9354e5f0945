package booking

import (
	"errors"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// asked gives the house a survey for those who came; the real one is tested in package main.
func (h house) asked(closed *error) {
	h.s.Survey = func(slug string) (content.Text, time.Time, error) {
		if slug != "abend" {
			return nil, time.Time{}, base.ErrNotFound
		}
		return content.Text{"de": "Wie war der Abend?"}, time.Time{}, *closed
	}
	h.s.Pass = func(slug, lang, key string, _ time.Time) string {
		return base.Prefix(lang) + "/umfragen/" + slug + "/" + key
	}
}

func TestThoseWhoCameAreAskedOnce(t *testing.T) {
	h := open(t)
	var closed error
	h.asked(&closed)
	ev := lecture("waerme", room(9))
	ev.Survey = "abend"
	h.publish(ev)
	h.publish(lecture("strom", room(9)))
	came, missed, took, other := h.guest("waerme", `{"name":"Ada","email":"ada@example.org","places":2}`), h.guest("waerme", `{"name":"Grace","email":"grace@example.org"}`),
		h.guest("waerme", `{"name":"Edsger","email":"edsger@example.org"}`), h.guest("strom", `{"name":"Barbara","email":"barbara@example.org"}`)
	h.clock(ev.Start)
	for _, ticket := range []string{came.reference + "/1", came.reference + "/2", took.reference + "/1"} {
		h.enter("waerme", Scan{Scan: base.NewToken(), Ticket: ticket})
	}
	h.enter("strom", Scan{Scan: base.NewToken(), Ticket: other.reference + "/1"})
	if _, err := h.s.TakePasses(took.reference, base.NewToken()); err != nil {
		t.Fatal(err)
	}
	paused := base.Refuse(409, "survey_paused")
	for _, c := range []struct {
		what string
		at   time.Time
		err  error
		want int
	}{
		{"before the end", ev.End.Add(-time.Millisecond), nil, 0},
		{"while the survey is not open", ev.End, paused, 0},
		{"the next morning", ev.End.Add(15 * time.Hour), nil, 1},
		{"the morning after", ev.End.Add(39 * time.Hour), nil, 0},
	} {
		h.clock(c.at)
		closed = nil
		if c.err != nil {
			closed = c.err
		}
		if n, err := h.s.Ask(t.Context()); n != c.want || err != nil {
			t.Errorf("%s: %d %v", c.what, n, err)
		}
	}
	for _, g := range []guestOf{missed, took, other} {
		if n := len(h.mails(g.reference)); n != 1 { // the confirmation
			t.Errorf("%d mails to somebody who is not asked", n)
		}
	}
	mails := h.mails(came.reference)
	if len(mails) != 2 {
		t.Fatalf("%d mails", len(mails))
	}
	m := mails[1]
	if !strings.Contains(m.Subject, "Wie war es?") || !personalLink.MatchString(m.Text) || strings.Contains(m.Text, "/umfragen/") || strings.ContainsAny(m.Text, "{}") || m.Calendar != "" {
		t.Errorf("%s\n%s", m.Subject, m.Text)
	}
	came.open(m)
	wants(t, "the page", came.get("/buchungen/ansicht/"), 200, "Wie war der Abend?", "Auf 2 Plätzen", `action="/buchungen/fragebogen/"`)
	closed = paused
	if r := came.get("/buchungen/ansicht/"); r.status != 200 || strings.Contains(r.body, "/buchungen/fragebogen/") {
		t.Errorf("a button while the survey takes no answers: %d", r.status)
	}
	closed = errors.New("disk full")
	if n, err := h.s.Ask(t.Context()); n != 0 || err == nil {
		t.Errorf("an error is passed over: %d %v", n, err)
	}
	h.audit()
}

func TestAnEventNamesASurveyForThoseWhoCome(t *testing.T) {
	h := open(t)
	var closed error = base.Refuse(409, "survey_not_open")
	h.asked(&closed)
	ev := lecture("waerme", room(9))
	ev.Survey = "alle"
	err := h.tryPublish(ev, "published")
	var problems content.Problems
	if !errors.As(err, &problems) || problems[0].Field != "survey" || problems[0].Code != "survey_not_attended" {
		t.Errorf("%v", err)
	}
	ev.Survey = "abend" // opens later
	h.publish(ev)
	list, err := h.s.events.all(h.p.App.DB())
	if err != nil || len(list) != 1 || list[0].Survey != "abend" {
		t.Errorf("%+v %v", list, err)
	}
}

// TestMarksGoWithTheNames also when there was never a name: guests without a booking.
func TestMarksGoWithTheNames(t *testing.T) {
	h := open(t)
	ev := lecture("waerme", room(9))
	h.publish(ev)
	a := must(t)(h.s.Book(Order{Event: "waerme", Request: Request{Places: 1, Pool: "saal"}, Language: "de", Channel: Door, Staff: "staff"}))
	b := must(t)(h.s.Book(h.order("waerme", "saal")))
	h.settle(b.Reference, hooks.Done)
	if _, err := h.s.TakePasses(a.Reference, base.NewToken()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.s.TakePasses(b.Reference, base.NewToken()); err != ErrNotCame {
		t.Errorf("%v", err)
	}
	marks := func() int { return h.number(`SELECT count(*) FROM tickets WHERE pass_mark <> ''`) }
	for _, c := range []struct {
		at   time.Time
		want int
	}{{ev.End.Add(Keep - time.Millisecond), 1}, {ev.End.Add(Keep), 0}} {
		h.clock(c.at)
		if _, err := h.s.Forget(t.Context()); err != nil || marks() != c.want {
			t.Errorf("%d marks, %v", marks(), err)
		}
	}
	if err := h.p.App.RunInTransaction(func(tx core.App) error {
		_, err := tx.DB().NewQuery(`UPDATE tickets SET pass_mark = '` + base.Hash("x") + `' WHERE reference = '` + b.Reference + `'`).Execute()
		return err
	}); err == nil {
		t.Error("somebody who did not come was given a pass")
	}
}
