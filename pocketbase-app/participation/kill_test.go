package participation

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/gate"
	_ "servicepoint/pocketbase-app/migrations"

	"github.com/pocketbase/pocketbase/core"
)

const (
	killDir = "SERVICEPOINT_TEST_KILL_DIR"
	killUrn = "SERVICEPOINT_TEST_KILL_URN" // set: the answers go through the urn
)

// TestMain turns the test binary into the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		writeUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// writeUntilKilled prints the id of every answer after it was acknowledged.
func writeUntilKilled(dir string) {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: base.Connect})
	if err := app.Bootstrap(); err != nil {
		panic(err)
	}
	if err := app.RunAllMigrations(); err != nil {
		panic(err)
	}
	w := newWriter(app, newUrn(dir))
	named := os.Getenv(killUrn) != ""
	var wg sync.WaitGroup
	for g := range 32 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), g, i)
				e := testEntry(id)
				if named {
					e = urnEntry(id)
				}
				if _, err := w.put(context.Background(), e); err != nil {
					panic(err)
				}
				os.Stdout.WriteString(id + "\n")
			}
		})
	}
	wg.Wait()
}

// urnEntry is an answer of an anonymous survey with invitations.
func urnEntry(id string) entry {
	e := testEntry(id)
	sum := sha256.Sum256([]byte(id))
	e.urn, e.tag, e.pass = true, sum[16:], gate.Pass{Access: survey.AccessInvitation, Hash: sum[:16]}
	return e
}

// killed lets a process write into dir and kills it in the middle of a group,
// four times; it returns the ids that were acknowledged.
func killed(t *testing.T, dir string, env ...string) map[string]bool {
	t.Helper()
	acknowledged := map[string]bool{}
	for round := range 4 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(append(os.Environ(), killDir+"="+dir), env...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		for n := 0; ; n++ {
			line, err := lines.ReadString('\n')
			if err != nil {
				break // also a line that the kill cut off
			}
			acknowledged[strings.TrimSpace(line)] = true
			if n == 300+round*200 {
				cmd.Process.Kill() // SIGKILL
			}
		}
		cmd.Wait()
	}
	return acknowledged
}

func TestKillingTheProcessLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acknowledged := killed(t, dir)
	db, err := base.ConnectSnapshot(filepath.Join(dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var ids []string
	if err := db.NewQuery("SELECT id FROM responses").Column(&ids); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		delete(acknowledged, id)
	}
	if len(ids) < 4*300 || len(acknowledged) > 0 {
		t.Errorf("%d rows; acknowledged and lost: %v", len(ids), acknowledged)
	}
}

// The same through the urn: after the last kill and a recovery every answer that
// was acknowledged is there once, in the database or in the urn, and there are as
// many used passes as answers.
func TestKillingTheProcessLosesNothingInTheUrn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acknowledged := killed(t, dir, killUrn+"=1")
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: base.Connect})
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	defer app.ClearBootstrap()
	w := newWriter(app, newUrn(dir))
	last := urnEntry("last")
	if what, err := w.put(t.Context(), last); err != nil || what != stored { // opens the urn
		t.Fatal(what, err)
	}
	acknowledged[last.id] = true
	for id := range acknowledged { // who did not hear of it asks again
		if what, err := w.put(t.Context(), urnEntry(id)); err != nil || what != same {
			t.Fatalf("%s again: %d %v", id, what, err)
		}
		break
	}
	w.close()
	var answers []string
	if err := app.DB().NewQuery("SELECT answers FROM responses").Column(&answers); err != nil {
		t.Fatal(err)
	}
	moved := len(answers)
	for _, a := range w.urn.answers {
		answers = append(answers, a.answers)
	}
	seen := map[string]bool{}
	for _, a := range answers {
		if seen[a] {
			t.Errorf("%s twice", a)
		}
		seen[a] = true
	}
	for id := range acknowledged {
		if !seen[testEntry(id).answers] {
			t.Errorf("%s was acknowledged and is lost", id)
		}
	}
	var used int
	if err := app.DB().NewQuery("SELECT count(*) FROM gate_passes WHERE used = 1").Row(&used); err != nil {
		t.Fatal(err)
	}
	if used != moved || len(w.urn.passes) != len(w.urn.answers) || moved < 4*300 || len(w.urn.answers) < blockSize {
		t.Errorf("%d answers and %d passes moved, %d and %d in the urn", moved, used, len(w.urn.answers), len(w.urn.passes))
	}
}
