package booking

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/anishathalye/porcupine"
	"github.com/pocketbase/pocketbase/core"
)

// storm lets 64 clients do everything at once to one event: book over HTTP, as
// groups too, hold and confirm (also exactly when the hold ends), cancel, give single tickets
// back, wait, accept and decline, while staff resize the pools, block places and
// import lists.
func (h house) storm(slug string, seed uint64, steps int, waiting bool) {
	h.t.Helper()
	var passed atomic.Int64 // simulated time
	h.p.Now = func() time.Time { return basetest.Start.Add(time.Duration(passed.Load())) }
	ev := waitingEvent(slug, room(40), wheelchair(6))
	ev.Booking.BlockMinutes = int(seed % 2 * 5)
	ev.Booking.OfferHours, ev.Booking.WaitingList = 1, waiting
	h.publish(ev)

	post := func(path, body string) (Answer, int) {
		r := h.send("POST", "/api/v1/"+path, "application/json", body, "Idempotency-Key", base.NewToken())
		switch r.status {
		case http.StatusOK, http.StatusCreated:
			return r.answer(h.t), r.status
		case http.StatusConflict:
		default:
			h.t.Errorf("%s: %d %s", path, r.status, r.body)
		}
		return Answer{}, r.status
	}
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(c)))
			var mine []Answer
			act := func(a Answer, what, more string) {
				got, status := post("bookings/"+a.Reference+"/"+what, fmt.Sprintf(`{"secret":%q%s}`, a.Secret, more))
				if status == http.StatusOK && (what == Confirm || what == Accept) {
					mine = append(mine, got)
				}
			}
			for range steps {
				pool, n := []string{"saal", "saal", "saal", "rollstuhl"}[random.IntN(4)], 1
				if random.IntN(3) == 0 {
					n = 2 + random.IntN(3)
				}
				who := fmt.Sprintf(`"name":"Client %d","email":"c%d@example.org","places":%d,"pool":%q`, c, c, n, pool)
				switch k := random.IntN(20); {
				case k < 6:
					if a, status := post("events/"+slug+"/bookings", "{"+who+"}"); status == http.StatusCreated {
						mine = append(mine, a)
					}
				case k < 9:
					a, status := post("events/"+slug+"/holds", fmt.Sprintf(`{"places":%d,"pool":%q}`, n, pool))
					if status != http.StatusCreated {
						continue
					}
					if random.IntN(3) == 0 { // exactly at its end, unless others moved the clock further
						passed.Add(int64(HoldLife))
					}
					act(a, []string{Confirm, Confirm, Release, Extend}[random.IntN(4)], `,"name":"Ada","email":"ada@example.org"`)
				case k < 12:
					if a, status := post("events/"+slug+"/waiting", "{"+who+"}"); status == http.StatusCreated && a.Kind == KindOffer {
						act(a, []string{Accept, Decline}[random.IntN(2)], "")
					} else if status == http.StatusCreated {
						mine = append(mine, a)
					}
				case k < 17 && len(mine) > 0:
					i := random.IntN(len(mine))
					a := mine[i]
					mine = append(mine[:i], mine[i+1:]...)
					switch {
					case a.Kind == KindWaiting:
						act(a, []string{Accept, Cancel}[random.IntN(2)], "")
					case a.Places > 1 && random.IntN(2) == 0:
						act(a, Cancel, `,"tickets":[1]`)
					default:
						act(a, Cancel, "")
					}
				case k == 17:
					ev := ev
					ev.Pools = append(ev.Pools[:0:0], ev.Pools...)
					ev.Pools[0].Size = 30 + random.IntN(20)
					err := h.p.App.RunInTransaction(func(tx core.App) error { return h.s.PublishEvent(tx, ev) })
					if err != nil && !strings.Contains(err.Error(), "pool_taken") {
						h.t.Errorf("resize: %v", err)
					}
				case k == 18:
					b, err := h.s.Block(slug, "saal", n, "", "staff")
					if err == nil {
						_, _, err = h.s.Do(Act{What: Unblock, Reference: b.Reference, Staff: "staff"})
					}
					if err != nil && err != ErrFull {
						h.t.Errorf("block: %v", err)
					}
				case k == 19:
					for range 3 { // an imported list: no addresses, no desk in between
						_, _, err := h.s.Book(Order{Event: slug, Channel: Counter, Staff: "staff", Request: Request{Name: "Import", Places: n, Pool: pool}})
						if err != nil && err != ErrFull {
							h.t.Errorf("import: %v", err)
						}
					}
					passed.Add(int64(time.Minute))
				}
			}
		})
	}
	wg.Wait()
}

func verifying() bool { return os.Getenv("SERVICEPOINT_VERIFY") != "" }

// One seed with every run, twenty with SERVICEPOINT_VERIFY (make verify).
func TestARaceOfEverything(t *testing.T) {
	seeds, steps := uint64(1), 6
	if verifying() {
		seeds, steps = 20, 20
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			h := open(t)
			h.storm("sturm", seed, steps, true)
			h.audit() // no place sold twice, nobody who fits left waiting
			if n := h.number(`SELECT count(*) FROM pools WHERE taken > size`); n != 0 {
				t.Errorf("%d pools oversold", n)
			}
			booked := h.number(`SELECT count(*) FROM claim_events WHERE what = 'booked'`)
			offered := h.number(`SELECT count(*) FROM claim_events WHERE what = 'offered'`)
			if booked < 10 || offered == 0 {
				t.Errorf("a dull race: %d booked, %d offered", booked, offered)
			}
			if n := h.number(`SELECT count(*) FROM claims c WHERE kind = 'booking' AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.key = 'desk:' || c.reference)`); n != 0 {
				t.Errorf("%d bookings without an order", n)
			}
			if n := h.number(`SELECT count(*) FROM claim_events e WHERE what = 'offered' AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.key = 'mail:' || e.reference || ':offer:1')`); n != 0 {
				t.Errorf("%d offers that nobody hears of", n)
			}
		})
	}
}

// Without what protects them the same race must show it, or it proves nothing.
func TestTheRaceOfEverythingCanFail(t *testing.T) {
	for what, c := range map[string]struct {
		without, want string
		waiting       bool
	}{
		"oversold":       {`PRAGMA ignore_check_constraints = ON`, "a counter differs", false},
		"lost promotion": {`CREATE TRIGGER lose BEFORE UPDATE OF kind ON claims WHEN NEW.kind = 'offer' BEGIN SELECT RAISE(IGNORE); END`, "somebody on the waiting list fits", true},
	} {
		t.Run(what, func(t *testing.T) {
			h := open(t)
			h.exec(c.without)
			h.storm("sturm", 3, 6, c.waiting)
			if err := h.s.Audit(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the race went well without protection: %v", err)
			}
		})
	}
}

// wish is an operation on one pool of a history, seats its places.
type wish struct {
	what  string // book, cancel, resize
	seats int
}

// pool is the plain object that histories must be explained by.
type plainPool struct{ size, taken int }

var plainModel = porcupine.Model{
	Init: func() any { return plainPool{size: 6} },
	Step: func(state, input, output any) (bool, any) {
		p, in, ok := state.(plainPool), input.(wish), output.(bool)
		switch in.what {
		case "book":
			fits := p.taken+in.seats <= p.size
			if ok {
				p.taken += in.seats
			}
			return fits == ok, p
		case "cancel":
			p.taken -= in.seats
			return ok, p
		}
		fits := in.seats >= p.taken
		if ok {
			p.size = in.seats
		}
		return fits == ok, p
	},
	Equal: func(a, b any) bool { return a == b },
}

// Whatever clients saw can be explained by one after the other on a plain counter.
func TestHistoriesAreLinearizable(t *testing.T) {
	h := open(t)
	began := time.Now()
	for round := range 12 {
		slug := fmt.Sprintf("runde-%d", round)
		h.publish(lecture(slug, room(6)))
		var mu sync.Mutex
		var history []porcupine.Operation
		do := func(client int, in wish, f func() bool) bool {
			call := time.Since(began).Nanoseconds()
			ok := f()
			back := time.Since(began).Nanoseconds()
			mu.Lock()
			history = append(history, porcupine.Operation{ClientId: client, Input: in, Call: call, Output: ok, Return: back})
			mu.Unlock()
			return ok
		}
		var wg sync.WaitGroup
		for c := range 8 {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(uint64(round), uint64(c)))
				var mine []Answer
				for range 8 {
					n := 1 + random.IntN(3)
					switch k := random.IntN(10); {
					case k < 6 || k < 9 && len(mine) == 0:
						var r reply
						if do(c, wish{"book", n}, func() bool {
							r = h.book(slug, base.NewToken(), fmt.Sprintf(`{"name":"Ada","email":"ada@example.org","places":%d}`, n))
							return r.status == http.StatusCreated
						}) {
							mine = append(mine, r.answer(t))
						}
					case k < 9:
						a := mine[0]
						mine = mine[1:]
						do(c, wish{"cancel", a.Places}, func() bool { return h.do(Cancel, a.Reference) == nil })
					default:
						size := 3 + random.IntN(6)
						do(c, wish{"resize", size}, func() bool { return h.tryPublish(lecture(slug, room(size)), "published") == nil })
					}
				}
			})
		}
		wg.Wait()
		if res := porcupine.CheckOperationsTimeout(plainModel, history, 20*time.Second); res != porcupine.Ok {
			t.Errorf("round %d: %d operations: %s", round, len(history), res)
		}
	}
}

// TestTheHistoryCheckerCanFail gives it what oversold and forgot a cancellation.
func TestTheHistoryCheckerCanFail(t *testing.T) {
	at := func(n int64, w wish, ok bool) porcupine.Operation {
		return porcupine.Operation{Input: w, Call: 2 * n, Output: ok, Return: 2*n + 1}
	}
	for what, history := range map[string][]porcupine.Operation{
		"oversold":            {at(1, wish{"book", 4}, true), at(2, wish{"book", 3}, true)},
		"refused though free": {at(1, wish{"book", 4}, true), at(2, wish{"cancel", 4}, true), at(3, wish{"book", 6}, false)},
		"shrunk below":        {at(1, wish{"book", 4}, true), at(2, wish{"resize", 3}, true)},
	} {
		if porcupine.CheckOperations(plainModel, history) {
			t.Errorf("%s passes", what)
		}
	}
}
