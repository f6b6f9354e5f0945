package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
)

// TestOrdersSurviveTheKill kills the server in the middle of requests and of their
// orders, eight times. Every request that a citizen was told of has one order to the
// partner, which arrives once; every mail that went out belongs to a request that
// exists; nothing is left lying.
func TestOrdersSurviveTheKill(t *testing.T) {
	if testing.Short() {
		t.Skip("kills the server 8 times; left out with -short")
	}
	const kills, clients = 8, 8
	dir := seeded(t)
	told := map[string]bool{}
	var mu sync.Mutex
	for round := range kills {
		s, err := start(dir, "--demo")
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		ctx, stop := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for ctx.Err() == nil {
					ref, err := reference("POST", s.URL+"/api/v1/cases", newUUID(), map[string]any{"guide": "sperrmuell", "name": "Chaos",
						"email": "chaos@example.org", "message": "Bitte abholen.", "answers": map[string]any{}})
					if err == nil {
						mu.Lock()
						told[ref] = true
						mu.Unlock()
					}
				}
			})
		}
		time.Sleep(time.Duration(150+37*round) * time.Millisecond)
		s.Kill()
		stop()
		wg.Wait()
	}
	s, err := start(dir, "--demo")
	if err != nil {
		t.Fatal(err)
	}
	db, err := base.ConnectSnapshot(filepath.Join(dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	number := func(query string) (n int) {
		t.Helper()
		if err := db.NewQuery(query).Row(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const open = `SELECT count(*) FROM orders WHERE state IN ('waiting', 'leased', 'unknown') AND key NOT LIKE '%:later:%'`
	for begun := time.Now(); number(open) > 0; time.Sleep(200 * time.Millisecond) {
		if time.Since(begun) > 2*time.Minute {
			t.Fatalf("%d orders are still open", number(open))
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}

	if len(told) < kills {
		t.Errorf("only %d requests were acknowledged: the test proves little", len(told))
	}
	stored := map[string]int{}
	var refs []string
	if err := db.NewQuery(`SELECT reference FROM cases`).Column(&refs); err != nil {
		t.Fatal(err)
	}
	for _, ref := range refs {
		stored[ref]++
	}
	for ref := range told {
		if stored[ref] != 1 {
			t.Errorf("request %s is stored %d times", ref, stored[ref])
		}
	}
	for what, query := range map[string]string{
		"requests without one order of their own":    `SELECT count(*) FROM cases c WHERE (SELECT count(*) FROM orders o WHERE o.key = c.order_key AND o.kind = 'case') <> 1`,
		"requests that the partner does not have":    `SELECT count(*) FROM cases c WHERE (SELECT count(*) FROM desk_items d WHERE d.reference = c.reference) <> 1`,
		"requests whose citizen was not told":        `SELECT count(*) FROM cases c WHERE state <> 'received'`,
		"orders that died or were rejected":          `SELECT count(*) FROM orders WHERE state IN ('dead', 'rejected')`,
		"items of the partner that nobody asked for": `SELECT count(*) FROM desk_items d WHERE d.kind = 'case' AND NOT EXISTS (SELECT 1 FROM cases c WHERE c.reference = d.reference)`,
	} {
		if n := number(query); n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}

	// Mails are files here: each order's file is there, and no file is of a request that is not.
	var files []string
	if err := db.NewQuery(`SELECT reference FROM orders WHERE provider = 'mail' AND state = 'done'`).Bind(dbx.Params{}).Column(&files); err != nil {
		t.Fatal(err)
	}
	sent := map[string]bool{}
	entries, err := os.ReadDir(filepath.Join(dir, "mail"))
	if err != nil {
		t.Fatal(err)
	}
	about := regexp.MustCompile(`A-[0-9A-Z]{5}-[0-9A-Z]{5}`)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".new-") {
			continue // the kill hit while it was written; it never appeared
		}
		sent[e.Name()] = true
		if ref := about.FindString(e.Name()); ref != "" && stored[ref] != 1 {
			t.Errorf("a mail went out about %s, which does not exist", ref)
		}
	}
	for _, file := range files {
		if !sent[file] {
			t.Errorf("the mail %s is done and nowhere", file)
		}
	}
	if len(files) != len(sent) {
		t.Errorf("%d mails done, %d files", len(files), len(sent))
	}
	t.Logf("%d kills: %d requests acknowledged, %d stored, %d mails", kills, len(told), len(refs), len(files))
}
