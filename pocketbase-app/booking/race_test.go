package booking

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const (
	clients = 64
	tries   = 8 // by each client
	seats   = 300
)

// race lets all clients book at once and returns the places they were told are
// theirs, by pool.
func (h house) race(slug string, body func(client, try int) (pool string, places int)) map[string]int {
	h.t.Helper()
	var (
		mu    sync.Mutex
		won   = map[string]int{}
		wg    sync.WaitGroup
		start = make(chan struct{})
	)
	for c := range clients {
		wg.Go(func() {
			<-start
			for i := range tries {
				pool, places := body(c, i)
				r := h.book(slug, base.NewToken(), fmt.Sprintf(`{"name":"Client %d","email":"c%d@example.org","places":%d,"pool":%q}`, c, c, places, pool))
				switch r.status {
				case http.StatusCreated:
					mu.Lock()
					won[pool] += places
					mu.Unlock()
				case http.StatusConflict:
				default:
					h.t.Errorf("%d %s", r.status, r.body)
					return
				}
			}
		})
	}
	close(start)
	wg.Wait()
	return won
}

func (h house) claimed(slug, pool string) int {
	return h.number(`SELECT count(*) FROM tickets t JOIN claims c ON c.reference = t.reference
		WHERE t.event = {:e} AND t.pool = {:p} AND t.released IS NULL AND c.kind <> 'waiting' AND c.state IN ('active', 'pending', 'confirmed')`, "e", slug, "p", pool)
}

func TestSixtyFourClientsNeverGetOneSeatTooMany(t *testing.T) {
	h := open(t)
	rounds := []struct {
		what  string
		pools []content.Pool
		body  func(client, try int) (string, int)
		exact bool // every seat is sold
	}{
		{"single seats", []content.Pool{room(seats)}, func(int, int) (string, int) { return "saal", 1 }, true},
		{"groups", []content.Pool{room(seats)}, func(c, i int) (string, int) { return "saal", 1 + (c+i)%4 }, false},
		{"two pools", []content.Pool{room(seats - 60), wheelchair(60)}, func(c, _ int) (string, int) { return []string{"saal", "rollstuhl"}[c%2], 1 }, true},
	}
	for i, round := range rounds {
		t.Run(round.what, func(t *testing.T) {
			slug := fmt.Sprintf("runde-%d", i)
			h.publish(lecture(slug, round.pools...))
			won := h.race(slug, round.body)
			for _, pool := range round.pools {
				claimed := h.claimed(slug, pool.Code)
				taken := h.number(`SELECT taken FROM pools WHERE event = {:e} AND code = {:p}`, "e", slug, "p", pool.Code)
				if won[pool.Code] > pool.Size || claimed != won[pool.Code] || taken != claimed {
					t.Errorf("%s: %d seats, %d told to clients, %d claimed, counter %d", pool.Code, pool.Size, won[pool.Code], claimed, taken)
				}
				if round.exact && won[pool.Code] != pool.Size {
					t.Errorf("%s: %d of %d seats sold", pool.Code, won[pool.Code], pool.Size)
				}
			}
			if n := h.number(`SELECT count(*) FROM orders WHERE subject IN (SELECT reference FROM claims WHERE event = {:e})`, "e", slug); n != h.number(`SELECT count(*) FROM claims WHERE event = {:e}`, "e", slug) {
				t.Errorf("%d orders do not match the bookings", n)
			}
		})
	}
	if err := h.s.Audit(t.Context()); err != nil {
		t.Error(err)
	}
}

// The race test proves something only if it fails where nothing protects the
// seats. Both controls switch the constraint off for the one write connection.
func TestWithoutTheConstraintTheRaceOversells(t *testing.T) {
	t.Run("the same code", func(t *testing.T) {
		h := open(t)
		h.publish(lecture("runde", room(seats)))
		h.unprotect()
		won := h.race("runde", func(int, int) (string, int) { return "saal", 1 })
		if won["saal"] <= seats {
			t.Errorf("only %d of %d seats sold: the race test would not notice a missing constraint", won["saal"], seats)
		}
	})
	t.Run("count, then insert", func(t *testing.T) {
		h := openNaive(t)
		h.unprotect()
		for round := range 5 {
			slug := fmt.Sprintf("runde-%d", round)
			h.publish(lecture(slug, room(seats)))
			if won := h.race(slug, func(int, int) (string, int) { return "saal", 1 }); won["saal"] > seats {
				return // as many too many as there were others in between
			}
		}
		t.Error("counting first never oversold: the clients do not race")
	})
}

func (h house) unprotect() {
	h.t.Helper()
	h.exec(`PRAGMA ignore_check_constraints = ON`)
	var on int
	if err := h.p.App.NonconcurrentDB().NewQuery(`PRAGMA ignore_check_constraints`).Row(&on); err != nil || on != 1 {
		h.t.Fatalf("the constraint is still on (%d, %v)", on, err)
	}
}

// openNaive serves bookings the way that looks right and is not: count the free
// places, then insert.
func openNaive(t testing.TB) house {
	p := basetest.New(t, Words)
	s := New(p)
	p.App.Settings().RateLimits.Enabled = false
	var n atomic.Int64
	srv, client := basetest.Serve(t, p, func(se *core.ServeEvent) {
		p.Route(se, "POST", "/api/v1/events/{slug}/bookings", func(e *core.RequestEvent) error {
			slug := e.Request.PathValue("slug")
			rows, err := counters(p.App.DB(), p.Now(), slug)
			if err != nil {
				return err
			}
			if rows[slug]["saal"].free() < 1 {
				return ErrFull
			}
			_, err = p.App.NonconcurrentDB().NewQuery(`INSERT INTO claims (reference, event, kind, state, places, created)
				VALUES ({:r}, {:e}, 'booking', 'active', 1, 0);
				INSERT INTO tickets (reference, number, event, pool) VALUES ({:r}, 1, {:e}, 'saal')`).
				Bind(dbx.Params{"r": fmt.Sprint("N-", n.Add(1)), "e": slug}).Execute()
			if err != nil {
				return err
			}
			return e.JSON(http.StatusCreated, Answer{})
		})
	})
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = clients
	return house{t, p, s, srv.URL, client}
}

// BenchmarkSeats books over HTTP by 64 clients at once, every booking on disk
// before its answer, in turns with the naive design: it reads the counter, then
// inserts one bare row, without idempotency key, order or check of the request,
// and oversells.
func BenchmarkSeats(b *testing.B) {
	const rounds, span = 3, 2 * time.Second
	own, naive := open(b), openNaive(b)
	var rates [2][]float64
	for round := range rounds {
		for i, h := range []house{own, naive} {
			slug := fmt.Sprintf("messe-%d", round)
			h.publish(lecture(slug, room(1_000_000_000)))
			var n atomic.Int64
			var wg sync.WaitGroup
			started := time.Now()
			for range clients {
				wg.Go(func() {
					for time.Since(started) < span {
						if r := h.book(slug, base.NewToken(), ada); r.status != http.StatusCreated {
							b.Errorf("%d %s", r.status, r.body)
							return
						}
						n.Add(1)
					}
				})
			}
			wg.Wait()
			rates[i] = append(rates[i], float64(n.Load())/time.Since(started).Seconds())
		}
	}
	for _, list := range rates {
		slices.Sort(list)
	}
	ours, theirs := rates[0][rounds/2], rates[1][rounds/2]
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ours, "seats/s")
	b.ReportMetric(theirs, "peer-seats/s")
	b.ReportMetric(ours/theirs, "ratio")
}

// BenchmarkSoldOutSeats lets 64 clients storm an event until its 1500 places are gone,
// every booking on disk (synchronous=FULL) before its answer, in turns with the naive
// design, which oversells. pretix publishes 300 to 400 tickets a minute.
func BenchmarkSoldOutSeats(b *testing.B) {
	const rounds, size = 3, 1500
	own, naive := open(b), openNaive(b)
	var rates [2][]float64
	var took []time.Duration
	over := 0
	for round := range rounds {
		for i, h := range []house{own, naive} {
			slug := fmt.Sprintf("ausverkauft-%d", round)
			h.publish(lecture(slug, room(size)))
			if i == 1 {
				h.unprotect()
			}
			var mu sync.Mutex
			var wg sync.WaitGroup
			sold, started := 0, time.Now()
			for range clients {
				wg.Go(func() {
					for {
						at := time.Now()
						r := h.book(slug, base.NewToken(), `{"name":"Ada","email":"ada@example.org"}`)
						d := time.Since(at)
						if r.status != http.StatusCreated {
							return
						}
						mu.Lock()
						sold++
						if i == 0 {
							took = append(took, d)
						}
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			rates[i] = append(rates[i], float64(sold)/time.Since(started).Seconds())
			if i == 0 && sold != size {
				b.Errorf("%d of %d sold", sold, size)
			}
			if i == 1 {
				over += sold - size
			}
		}
	}
	for _, list := range rates {
		slices.Sort(list)
	}
	slices.Sort(took)
	ours, theirs := rates[0][rounds/2], rates[1][rounds/2]
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ours, "bookings/s")
	b.ReportMetric(theirs, "peer-bookings/s")
	b.ReportMetric(ours/theirs, "ratio")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(over)/rounds, "peer-oversold")
	b.ReportMetric(ours*60/400, "times-pretix")
}
