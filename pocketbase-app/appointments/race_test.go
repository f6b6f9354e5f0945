package appointments

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
)

// overlaps counts pairs of appointments of one desk or adviser at one time, from
// the appointments themselves, not from the ticks.
func overlaps(t testing.TB, h house, most int) int {
	t.Helper()
	n := 0
	for _, who := range []string{"desk", "adviser"} {
		n += h.number(fmt.Sprintf(`SELECT count(*) FROM appointments a JOIN appointments b ON a.%[1]s = b.%[1]s AND a.%[1]s <> '' AND a.reference < b.reference
			AND a.starts < b.ends AND b.starts < a.ends WHERE a.state IN ('held', 'booked') AND b.state IN ('held', 'booked')`, who))
	}
	if most >= 0 && n > most {
		t.Errorf("%d overlapping pairs", n)
	}
	return n
}

// race lets clients reserve, confirm, move, cancel and wait for earlier times over
// HTTP on the same day, and tells how many were told that they have an appointment
// and that theirs is cancelled.
func race(t *testing.T, h house) (told, cancelled int) {
	const clients, tries = 32, 4
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := make(chan struct{})
	codes := []string{"wohnen", "energie", "ausweise", "e-mobilitaet"}
	for c := range clients {
		wg.Go(func() {
			<-start
			for i := range tries {
				at := fmt.Sprintf("2026-12-03T%02d:%02d:00Z", 9+(c+i)%3, (c*15)%60)
				r := h.send("POST", "/termine/reservieren/", "", url.Values{"leistung": {codes[(c+i)%len(codes)]}, "start": {at}})
				if r.status == http.StatusConflict {
					continue
				}
				if r.status != http.StatusSeeOther {
					t.Errorf("reserve: %d %.300s", r.status, r.body)
					return
				}
				r = h.send("POST", "/termine/angaben/", r.cookie(), url.Values{"name": {"Client"}, "email": {base.NewToken() + "@example.org"}})
				if r.status != http.StatusSeeOther {
					t.Errorf("confirm: %d %.300s", r.status, r.body)
					return
				}
				mu.Lock()
				told++
				mu.Unlock()
				mine := r.cookie()
				switch (c + i) % 4 {
				case 0:
					r = h.send("POST", "/termine/mein/absagen/", mine, nil)
					mu.Lock()
					cancelled++
					mu.Unlock()
				case 1:
					r = h.send("POST", "/termine/mein/verschieben/", mine, url.Values{"start": {fmt.Sprintf("2026-12-03T%02d:%02d:00Z", 12+i, (c*15)%60)}})
				case 2:
					r = h.send("POST", "/termine/mein/frueher/", mine, url.Values{"warten": {"ja"}})
				}
				if r.status != http.StatusSeeOther && r.status != http.StatusConflict {
					t.Errorf("after the booking: %d %.300s", r.status, r.body)
					return
				}
			}
		})
	}
	close(start)
	wg.Wait()
	return told, cancelled
}

func TestNobodyIsBookedTwice(t *testing.T) {
	h := open(t)
	waits := h.book("waits@example.org", berlin("2026-12-03 17:30"), "ausweise") // whom the first time that is freed will be offered
	if err := h.s.Earlier(waits.Reference, true); err != nil {
		t.Fatal(err)
	}
	told, cancelled := race(t, h)
	told++
	overlaps(t, h, 0)
	if n := h.number(`SELECT count(*) FROM appointments WHERE state = 'booked'`); n != told-cancelled || n == 0 || cancelled == 0 {
		t.Errorf("%d booked, %d told so, %d cancelled", n, told, cancelled)
	}
	for what, want := range map[string]int{"confirmed": told, "cancelled": cancelled} {
		if n := h.number(`SELECT count(*) FROM orders WHERE provider = 'mail' AND key LIKE {:what}`, "what", "%:"+what+":%"); n != want {
			t.Errorf("%d mails %s for %d appointments", n, what, want)
		}
	}
	if n := h.number(`SELECT count(*) FROM appointment_offers`); n == 0 {
		t.Error("nothing was offered: the race shows little of the waiting list")
	}
	if n := h.number(`SELECT count(*) FROM appointment_offers o WHERE NOT EXISTS (SELECT 1 FROM orders WHERE key = 'appointment:' || o.reference || ':offer:' || o.id)`); n > 0 {
		t.Errorf("%d offers that nobody heard of", n)
	}
	if err := h.s.Audit(t.Context()); err != nil {
		t.Error(err)
	}
	// Every tick belongs to an appointment that covers it, and every appointment has its own.
	if n := h.number(`SELECT count(*) FROM appointments a WHERE state = 'booked' AND (SELECT count(*) FROM appointment_ticks k WHERE k.holder = a.reference) <> 2 * ((a.ends - a.starts) / 300000 + 1)`); n > 0 {
		t.Errorf("%d appointments without their ticks", n)
	}
}

// The race test proves something only if it fails where nothing protects: without
// the primary key the same code books desks twice.
func TestWithoutTheConstraintAppointmentsOverlap(t *testing.T) {
	h := open(t)
	h.exec(`DROP TABLE appointment_ticks`)
	h.exec(`CREATE TABLE appointment_ticks (resource TEXT, tick INTEGER, place TEXT, holder TEXT, channel TEXT, free_at INTEGER)`)
	for range 5 {
		race(t, h)
		if overlaps(t, h, -1) > 0 {
			return
		}
		h.exec(`DELETE FROM appointment_ticks`)
		h.exec(`DELETE FROM appointment_items`)
		h.exec(`DELETE FROM appointments`)
	}
	t.Error("no overlap without the constraint: the clients do not race")
}

// A plain model walks along: whatever is done in whatever order, nobody has two
// things at one time, holders of ticks exist, and offers go to those who wait.
func TestAnyOrderOfStepsKeepsTheRules(t *testing.T) {
	h := open(t)
	random := seeded(3)
	var refs []string
	codes := []string{"wohnen", "energie", "ausweise", "e-mobilitaet"}
	for step := range 600 {
		pick := func() string {
			if len(refs) == 0 {
				return "T-none"
			}
			return refs[random.IntN(len(refs))]
		}
		start := berlin(fmt.Sprintf("2026-12-%02d %02d:%02d", 3+random.IntN(8), 10+random.IntN(8), 15*random.IntN(4)))
		var err error
		switch random.IntN(9) {
		case 0, 1, 2:
			var a Appointment
			channel := []string{Public, Telephone, Counter}[random.IntN(3)]
			if a, err = h.s.Hold([]string{codes[random.IntN(4)]}, channel, "de", start, ""); err == nil {
				refs = append(refs, a.Reference)
				if random.IntN(4) > 0 {
					_, err = h.s.Confirm(a.Reference, Person{Name: "Ada", Email: base.NewToken() + "@example.org"}, "de")
				}
			}
		case 3:
			_, err = h.s.Confirm(pick(), Person{Name: "Ada", Email: base.NewToken() + "@example.org"}, "de")
		case 4:
			err = h.s.Cancel(pick())
		case 5:
			_, err = h.s.Move(pick(), start, Public)
		case 6:
			err = h.s.Earlier(pick(), random.IntN(3) > 0)
		case 7:
			err = h.s.AnswerOffer(pick(), random.IntN(3) > 0)
		case 8:
			h.later(minutes(random.IntN(40)))
			err = h.s.Expire(t.Context())
		}
		if refusal := (*base.Error)(nil); err != nil && !asRefusal(err, &refusal) {
			t.Fatalf("step %d: %v", step, err)
		}
		if step%100 == 99 {
			if err := h.s.Audit(t.Context()); err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
		}
		if step%20 > 0 {
			continue
		}
		if n := overlaps(t, h, 0); n > 0 {
			t.Fatalf("step %d", step)
		}
		for what, q := range map[string]string{
			"ticks without a holder": `SELECT count(*) FROM appointment_ticks WHERE holder LIKE 'T-%' AND holder NOT IN (SELECT reference FROM appointments WHERE state IN ('held', 'booked'))`,
			"ticks of dead offers":   `SELECT count(*) FROM appointment_ticks WHERE holder LIKE 'O-%' AND holder NOT IN (SELECT 'O-' || id FROM appointment_offers WHERE state = 'open')`,
			"booked without ticks":   `SELECT count(*) FROM appointments WHERE state = 'booked' AND ends > {:now} AND reference NOT IN (SELECT holder FROM appointment_ticks)`,
			"offers of nobody":       `SELECT count(*) FROM appointment_offers o JOIN appointments a USING (reference) WHERE o.state = 'open' AND (a.state <> 'booked' OR a.earlier IS NULL OR o.starts >= a.starts)`,
			"holds that never end":   `SELECT count(*) FROM appointment_ticks WHERE free_at IS NULL AND holder IN (SELECT reference FROM appointments WHERE state = 'held')`,
		} {
			var n int
			if err := h.p.App.DB().NewQuery(q).Bind(dbx.Params{"now": h.p.Now().UnixMilli()}).Row(&n); err != nil || n > 0 {
				t.Fatalf("step %d: %d %s (%v)", step, n, what, err)
			}
		}
	}
	if n := h.number(`SELECT count(*) FROM appointment_offers WHERE state = 'taken'`); n == 0 {
		t.Error("no offer was ever taken: the walk shows little")
	}
}

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, n)) }

func asRefusal(err error, refusal **base.Error) bool { return errors.As(err, refusal) }
