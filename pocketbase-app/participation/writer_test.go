package participation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

func testEntry(id string) entry {
	return entry{survey: "s", id: id, version: 1, language: "de", channel: "web", day: "2026-12-02", answers: `{"a":"` + id + `"}`}
}

func stands(t *testing.T, p *base.Platform, id string) bool {
	t.Helper()
	var n int
	if err := p.App.DB().NewQuery("SELECT count(*) FROM responses WHERE id = {:id}").Bind(dbx.Params{"id": id}).Row(&n); err != nil {
		t.Fatal(err)
	}
	return n == 1
}

// What was acknowledged is read back at once over another connection, while
// PocketBase writes too and callers give up at random.
func TestTheWriterKeepsWhatItAcknowledged(t *testing.T) {
	p := basetest.New(t)
	w := newWriter(p.App, nil)
	defer w.close()
	var wg sync.WaitGroup
	var acknowledged, given atomic.Int64
	for g := range 64 {
		wg.Go(func() {
			for i := range 20 {
				id := fmt.Sprintf("%02d-%02d", g, i)
				ctx, cancel := context.WithCancel(t.Context())
				if rand.IntN(4) == 0 {
					go func() {
						time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
						cancel()
					}()
				}
				what, err := w.put(ctx, testEntry(id))
				switch {
				case err == nil && (what != stored || !stands(t, p, id)):
					t.Errorf("%s was acknowledged (%d) and is not there", id, what)
				case err == nil:
					acknowledged.Add(1)
				case !errors.Is(err, context.Canceled):
					t.Errorf("%s: %v", id, err)
				default: // the same again tells what became of it
					given.Add(1)
					if again, err := w.put(t.Context(), testEntry(id)); err != nil || again == differs {
						t.Errorf("%s again: %d %v", id, again, err)
					}
				}
				cancel()
			}
		})
	}
	wg.Go(func() {
		for range 40 {
			if err := p.App.RunInTransaction(func(tx core.App) error {
				_, err := tx.DB().NewQuery(`INSERT INTO site_requests (reason, actor, at) VALUES ('r', 'a', 1)`).Execute()
				return err
			}); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	var n int64
	if err := p.App.DB().NewQuery("SELECT count(*) FROM responses").Row(&n); err != nil {
		t.Fatal(err)
	}
	if n != 64*20 || acknowledged.Load() == 0 {
		t.Errorf("%d rows, %d acknowledged, %d given up", n, acknowledged.Load(), given.Load())
	}
}

func TestOneGroupTellsNewFromOldFromOther(t *testing.T) {
	p := basetest.New(t)
	w := &writer{app: p.App}
	other := testEntry("a")
	other.answers = `{"a":"other"}`
	group := []*job{}
	for _, e := range []entry{testEntry("a"), testEntry("a"), other, testEntry("b")} {
		group = append(group, &job{entry: e, ctx: t.Context(), done: make(chan error, 1)})
	}
	w.commit(group)
	for i, want := range []outcome{stored, same, differs, stored} {
		if err := <-group[i].done; err != nil || group[i].outcome != want {
			t.Errorf("%d: %d %v, want %d", i, group[i].outcome, err, want)
		}
	}
	w.ready.close()
}

func TestACancelledAnswerIsNotWritten(t *testing.T) {
	p := basetest.New(t)
	w := &writer{app: p.App}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	gone := &job{entry: testEntry("gone"), ctx: ctx, done: make(chan error, 1)}
	here := &job{entry: testEntry("here"), ctx: t.Context(), done: make(chan error, 1)}
	w.commit([]*job{gone, here})
	if err := <-gone.done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-here.done; err != nil || !stands(t, p, "here") || stands(t, p, "gone") {
		t.Error(err)
	}
	w.ready.close()
}

func TestAGroupThatFailsIsAcknowledgedToNobody(t *testing.T) {
	p := basetest.New(t)
	// A database that refuses one row stands for a full disk.
	if _, err := p.App.DB().NewQuery(`CREATE TRIGGER refuse BEFORE INSERT ON responses WHEN new.id = 'bad'
		BEGIN SELECT RAISE(ABORT, 'no'); END`).Execute(); err != nil {
		t.Fatal(err)
	}
	w := &writer{app: p.App}
	good := &job{entry: testEntry("good"), ctx: t.Context(), done: make(chan error, 1)}
	bad := &job{entry: testEntry("bad"), ctx: t.Context(), done: make(chan error, 1)}
	w.commit([]*job{good, bad})
	if <-good.done == nil || <-bad.done == nil || stands(t, p, "good") {
		t.Error("a lost answer was acknowledged")
	}
	w.commit([]*job{good})
	if err := <-good.done; err != nil || !stands(t, p, "good") {
		t.Errorf("the next group: %v", err)
	}
	w.ready.close()
}

func TestClosingDrainsAndThenRefuses(t *testing.T) {
	p := basetest.New(t)
	w := newWriter(p.App, nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	refused := 0
	for i := range 200 {
		wg.Go(func() {
			id := fmt.Sprint(i)
			what, err := w.put(t.Context(), testEntry(id))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && what == stored:
				acknowledged[id] = true
			case errors.Is(err, errClosing):
				refused++
			default:
				t.Errorf("%s: %d %v", id, what, err)
			}
		})
	}
	time.Sleep(3 * time.Millisecond)
	w.close()
	wg.Wait()
	w.close() // twice is harmless
	for id := range acknowledged {
		if !stands(t, p, id) {
			t.Errorf("%s was acknowledged and is not there", id)
		}
	}
	if len(acknowledged)+refused != 200 {
		t.Errorf("%d acknowledged, %d refused", len(acknowledged), refused)
	}
	if _, err := w.put(t.Context(), testEntry("late")); !errors.Is(err, errClosing) {
		t.Errorf("after closing: %v", err)
	}
}

func TestAnotherProcessHoldingTheDatabaseMeansTryAgain(t *testing.T) {
	if !isBusy(fmt.Errorf("begin: %w", coded(5))) || !isBusy(coded(517)) || isBusy(coded(19)) || isBusy(errors.New("x")) {
		t.Error("busy is not told from other errors")
	}
}

type coded int

func (c coded) Error() string { return "coded" }
func (c coded) Code() int     { return int(c) }
