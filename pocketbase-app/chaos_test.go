package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
)

// acknowledged is what citizens were told: answer UUIDs and booking references by key.
type acknowledged struct {
	mu       sync.Mutex
	answers  map[string]string // uuid → reference
	bookings map[string]string // key → reference
	// holds that were told to be bookings, and bookings told to be cancelled
	confirmed, cancelled []string
}

// holdAndConfirm holds a place, confirms it and, every other time, cancels it.
func (a *acknowledged) holdAndConfirm(url string, cancel bool) {
	post := func(path string, body map[string]any) (reference, secret string, ok bool) {
		b, _ := json.Marshal(body) // of strings and numbers
		req, err := http.NewRequest("POST", url+"/api/v1/"+path, bytes.NewReader(b))
		if err != nil {
			return "", "", false
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", newUUID())
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return "", "", false
		}
		defer res.Body.Close()
		var v struct{ Reference, Secret string }
		err = json.NewDecoder(res.Body).Decode(&v)
		return v.Reference, v.Secret, err == nil && res.StatusCode < 300
	}
	reference, secret, ok := post("events/balkonsolar/holds", map[string]any{"pool": "room"})
	if !ok {
		return
	}
	if _, _, ok = post("bookings/"+reference+"/confirm", map[string]any{"secret": secret, "name": "Hold " + reference, "email": "chaos@example.org"}); !ok {
		return
	}
	a.mu.Lock()
	a.confirmed = append(a.confirmed, reference)
	a.mu.Unlock()
	if !cancel {
		return
	}
	if _, _, ok = post("bookings/"+reference+"/cancel", map[string]any{"secret": secret}); ok {
		a.mu.Lock()
		a.cancelled = append(a.cancelled, reference)
		a.mu.Unlock()
	}
}

func newUUID() string {
	b := make([]byte, 16)
	rand.Read(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// reference reads the reference out of a 200 or 201; other answers are an error.
func reference(method, url, key string, body any) (string, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequest(method, url, bytes.NewReader(b))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err // cut off: not acknowledged
	}
	if res.StatusCode != 200 && res.StatusCode != 201 {
		return "", fmt.Errorf("%s: %d %s", url, res.StatusCode, answer)
	}
	var v struct {
		Reference string `json:"reference"`
	}
	if err := json.Unmarshal(answer, &v); err != nil || v.Reference == "" {
		return "", fmt.Errorf("no reference in %s (%v)", answer, err)
	}
	return v.Reference, nil
}

// TestNothingAcknowledgedIsLost kills the server in the middle of answers and
// bookings, 20 times. Whatever a citizen was told is stored must be there, once;
// repeating every request with its key changes nothing.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	if testing.Short() {
		t.Skip("kills the server 20 times; left out with -short")
	}
	const kills, clients = 20, 12
	dir := seeded(t)
	widen(t, dir, "balkonsolar", "room", 1_000_000)
	told := &acknowledged{answers: map[string]string{}, bookings: map[string]string{}}
	answer := map[string]any{"language": "de", "channel": "web", "answers": map[string]any{"important_themes": []string{"energy"}, "use": []string{"advice"}, "visits": 2}}
	booking := func(key string) map[string]any {
		return map[string]any{"name": "Chaos " + key, "email": "chaos@example.org", "places": 1, "pool": "room"}
	}
	for round := range kills {
		s, err := start(dir, "--demo")
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		ctx, stop := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for c := range clients {
			wg.Go(func() {
				for ctx.Err() == nil {
					if c%2 == 0 {
						id := newUUID()
						if ref, err := reference("PUT", s.URL+"/api/v1/surveys/smart-kassel/responses/"+id, "", answer); err == nil {
							told.mu.Lock()
							told.answers[id] = ref
							told.mu.Unlock()
						}
						continue
					}
					key := newUUID()
					if c%4 == 3 {
						told.holdAndConfirm(s.URL, key[0]%2 == 0)
						continue
					}
					if ref, err := reference("POST", s.URL+"/api/v1/events/balkonsolar/bookings", key, booking(key)); err == nil {
						told.mu.Lock()
						told.bookings[key] = ref
						told.mu.Unlock()
					}
				}
			})
		}
		time.Sleep(time.Duration(100+17*round) * time.Millisecond)
		s.Kill()
		stop()
		wg.Wait()
	}

	s, err := start(dir, "--demo")
	if err != nil {
		t.Fatal(err)
	}
	// A sample is asked again with its key: the same reference comes back.
	again := 0
	for key, ref := range told.bookings {
		if got, err := reference("POST", s.URL+"/api/v1/events/balkonsolar/bookings", key, booking(key)); err != nil || got != ref {
			t.Errorf("booking repeated: %q, was %q: %v", got, ref, err)
		}
		if again++; again == 100 {
			break
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}

	db, err := base.ConnectSnapshot(filepath.Join(dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var ids, refs []string
	if err := db.NewQuery(`SELECT id FROM responses WHERE survey = 'smart-kassel'`).Column(&ids); err != nil {
		t.Fatal(err)
	}
	if err := db.NewQuery(`SELECT reference FROM claims WHERE event = 'balkonsolar' AND name <> ''`).Column(&refs); err != nil {
		t.Fatal(err)
	}
	stored := map[string]int{}
	for _, s := range append(ids, refs...) {
		stored[s]++
	}
	for id := range told.answers {
		if stored[id] != 1 {
			t.Errorf("answer %s is stored %d times", id, stored[id])
		}
	}
	seen := map[string]bool{}
	for key, ref := range told.bookings {
		if stored[ref] != 1 {
			t.Errorf("booking %s is stored %d times", ref, stored[ref])
		}
		if seen[ref] {
			t.Errorf("reference %s was given to two keys, one of them %s", ref, key)
		}
		seen[ref] = true
	}
	var pool struct {
		Taken  int `db:"taken"`
		Claims int `db:"claims"`
		Keys   int `db:"keys"`
	}
	err = db.NewQuery(`SELECT taken,
		(SELECT count(*) FROM tickets t JOIN claims c ON c.reference = t.reference WHERE t.event = 'balkonsolar' AND t.pool = 'room' AND t.released IS NULL AND c.state IN ('active', 'confirmed')) AS claims,
		(SELECT count(DISTINCT name) FROM claims WHERE event = 'balkonsolar' AND name <> '') AS keys
		FROM pools WHERE event = 'balkonsolar' AND code = 'room'`).One(&pool)
	if err != nil {
		t.Fatal(err)
	}
	if pool.Taken != pool.Claims || pool.Keys != len(refs) {
		t.Errorf("%d taken, %d claimed, %d bookings of %d keys", pool.Taken, pool.Claims, len(refs), pool.Keys)
	}
	states := map[string]string{}
	var claims []struct{ Reference, Kind, State string }
	if err := db.NewQuery(`SELECT reference, kind, state FROM claims WHERE event = 'balkonsolar'`).All(&claims); err != nil {
		t.Fatal(err)
	}
	for _, c := range claims {
		states[c.Reference] = c.Kind + " " + c.State
	}
	for _, ref := range told.confirmed {
		if s := states[ref]; s != "booking active" && s != "booking confirmed" && s != "booking cancelled" {
			t.Errorf("hold %s was confirmed and is %q", ref, s)
		}
	}
	for _, ref := range told.cancelled {
		if s := states[ref]; s != "booking cancelled" {
			t.Errorf("booking %s was cancelled and is %q", ref, s)
		}
	}
	// A confirmation that was written, or even sent, has its booking, which has its ticket.
	var orphans int
	if err := db.NewQuery(`SELECT count(*) FROM orders o WHERE o.key LIKE 'mail:%:confirmed:1' AND NOT EXISTS (
			SELECT 1 FROM claims c JOIN tickets t ON t.reference = c.reference WHERE c.reference = o.subject AND c.confirmed IS NOT NULL)`).Row(&orphans); err != nil || orphans != 0 {
		t.Errorf("%d confirmations without a booking, %v", orphans, err)
	}
	if len(told.confirmed) < kills || len(told.cancelled) == 0 {
		t.Errorf("only %d holds confirmed, %d bookings cancelled: the test proves little", len(told.confirmed), len(told.cancelled))
	}
	var integrity string
	if err := db.NewQuery("PRAGMA integrity_check").Row(&integrity); err != nil || integrity != "ok" {
		t.Errorf("integrity: %s %v", integrity, err)
	}
	if len(told.answers) < kills || len(told.bookings) < kills {
		t.Errorf("only %d answers and %d bookings were acknowledged: the test proves little", len(told.answers), len(told.bookings))
	}
	t.Logf("%d kills: %d answers and %d bookings acknowledged, %d and %d stored", kills, len(told.answers), len(told.bookings), len(ids), len(refs))
}

// widen gives a pool of a stopped instance more places.
func widen(t testing.TB, dir, event, pool string, size int) {
	t.Helper()
	db, err := base.Connect(filepath.Join(dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	res, err := db.NewQuery(`UPDATE pools SET size = {:size} WHERE event = {:event} AND code = {:pool}`).
		Bind(dbx.Params{"size": size, "event": event, "pool": pool}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := res.RowsAffected(); n != 1 {
		t.Fatalf("no pool %s of %s", pool, event)
	}
}
