package participation

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"servicepoint/pocketbase-app/base"
	_ "servicepoint/pocketbase-app/migrations"

	"github.com/pocketbase/pocketbase/core"
)

const killDir = "SERVICEPOINT_TEST_KILL_DIR"

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
	w := newWriter(app, nil)
	var wg sync.WaitGroup
	for g := range 32 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), g, i)
				if _, err := w.put(context.Background(), testEntry(id)); err != nil {
					panic(err)
				}
				os.Stdout.WriteString(id + "\n")
			}
		})
	}
	wg.Wait()
}

func TestKillingTheProcessLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for round := range 4 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), killDir+"="+dir)
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
				cmd.Process.Kill() // SIGKILL, in the middle of a group
			}
		}
		cmd.Wait()
	}
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
