package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/planning"
)

// commandSays runs the program as an operator would, in a process of its own. seen gets
// everything that it says while it works, and may send it signals.
func commandSays(t *testing.T, seen func(said string, p *os.Process), args ...string) (code int, out, said string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Args[0] = "servicepoint" // see TestMain
	var stdout, all bytes.Buffer
	cmd.Stdout = &stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for r := bufio.NewReader(stderr); ; {
		b := make([]byte, 512)
		n, err := r.Read(b)
		all.Write(b[:n])
		if err == io.EOF || err != nil {
			break
		}
		if seen != nil {
			seen(all.String(), cmd.Process)
		}
	}
	cmd.Wait()
	return cmd.ProcessState.ExitCode(), stdout.String(), all.String()
}

// Ctrl-C in the middle of a long export by the command line: nothing of it stays in
// the folder, the exit code and the words say so, and the log of exports knows it. The
// control is the same export left alone.
func TestCtrlCEndsAnExportAndLeavesNothing(t *testing.T) {
	t.Parallel()
	const stored = 60_000
	dir := seeded(t)
	fillAnswers(t, dir, stored)
	begun := regexp.MustCompile(`answers .*\(([1-9]\d*)/\d+`) // the bar of progress has moved
	logged := func(state string) (n int) {
		db, err := base.ConnectSnapshot(filepath.Join(dir, "data.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.NewQuery(`SELECT count(*) FROM export_files WHERE created_by = 'command-line' AND survey = 'smart-kassel' AND reason = 'Probe' AND state = '` + state + `'`).Row(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, name := range []string{"antworten.zip", "antworten.xlsx"} {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			folder := t.TempDir()
			sent := false
			code, out, said := commandSays(t, func(said string, p *os.Process) {
				if !sent && begun.MatchString(said) {
					sent = true
					p.Signal(signal)
				}
			}, "export", "smart-kassel", "--dir", dir, "--out", filepath.Join(folder, name), "--purpose", "Probe")
			if !sent || code != 1 || out != "" || !strings.HasSuffix(said, "servicepoint: cancelled, "+filepath.Join(folder, name)+" was not written\n") {
				t.Errorf("%v: sent %v, exit code %d, wrote %q, said %q", signal, sent, code, out, tail(said))
			}
			if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
				t.Errorf("%v left %v behind, %v", signal, left, err)
			}
		}
	}
	if n := logged("cancelled"); n != 6 {
		t.Errorf("%d cancelled exports are logged, want 6", n)
	}

	out := filepath.Join(t.TempDir(), "antworten.zip")
	code, words, said := commandSays(t, nil, "export", "smart-kassel", "--dir", dir, "--out", out, "--formats", "csv", "--purpose", "Probe")
	if code != 0 || !strings.HasPrefix(words, out+": 60") || !begun.MatchString(said) {
		t.Errorf("left alone: exit code %d, wrote %q, said %q", code, words, tail(said))
	}
	if info, err := os.Stat(out); err != nil || info.Size() < stored {
		t.Error("left alone it wrote nothing", err)
	}
	// Nobody reads its progress any more, and nohup or a shell keeps the end of the
	// terminal from it: it goes on.
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	unread := exec.Command("bash", "-c", `trap "" HUP; while kill -HUP $$; do sleep .1; done 2>/dev/null & exec -a servicepoint "$0" export smart-kassel --dir "$1" --out "$2" --formats csv --purpose Probe 2> >(head -c 1)`, exe, dir, filepath.Join(folder, "antworten.zip"))
	if b, err := unread.CombinedOutput(); err != nil {
		t.Errorf("without a reader: %v, said %q", err, b)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 || left[0].Name() != "antworten.zip" {
		t.Errorf("without a reader it left %v, %v", left, err)
	}
	if n := logged("expired"); n != 2 {
		t.Errorf("%d finished exports are logged, want 2", n)
	}
}

func tail(s string) string { return s[max(0, len(s)-300):] }

// writers are the processes of the server that write packages.
func (s *instance) writers(t testing.TB) (pids []string) {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		b, _ := os.ReadFile(list)
		for _, pid := range strings.Fields(string(b)) {
			if line, _ := os.ReadFile("/proc/" + pid + "/cmdline"); bytes.Contains(line, []byte(packageCommand)) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// A package is written by a process that steps back behind the server, and that ends
// without leaving anything when it is cancelled and when the server is killed.
func TestTheProcessThatWritesAPackageEndsWithItsServer(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	fillAnswers(t, dir, 60_000)
	s := runningIn(t, dir)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	planner := &http.Client{Jar: jar}
	send := func(path string, form url.Values) string {
		t.Helper()
		res, err := planner.PostForm(s.URL+path, form)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %v\n%.2000s", path, res.StatusCode, err, body)
		}
		return string(body)
	}
	until := func(what string, done func() bool) {
		t.Helper()
		for range 1200 {
			if done() {
				return
			}
			time.Sleep(25 * time.Millisecond)
		}
		t.Fatalf("never: %s", what)
	}
	folder := filepath.Join(dir, "exports")
	inFolder := func() (names []string) {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	const page = "/planung/exporte/umfragen/smart-kassel/"
	send("/anmelden/", url.Values{"email": {"planung@service-point.example"}, "password": {"demo-passwort-planung"}})
	begin := func() (pid string) {
		t.Helper()
		send(page+"starten/", url.Values{"format": {"xlsx", "csv", "parquet", "sav", "ods"}, "grund": {"Probe neben dem Server"}, "every": {""}})
		until("a process that writes", func() bool { return len(s.writers(t)) == 1 && len(inFolder()) == 1 })
		return s.writers(t)[0]
	}

	pid := begin()
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	if nice := strings.Fields(after)[16]; nice != fmt.Sprint(packageNiceness) {
		t.Errorf("the process has niceness %s", nice)
	}
	res, err := planner.Get(s.URL + page)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	cancel := regexp.MustCompile(`action="(/planung/exporte/[a-z0-9]+/abbrechen/)"`).FindSubmatch(body)
	if cancel == nil {
		t.Fatalf("the page offers no end:\n%.3000s", body)
	}
	send(string(cancel[1]), nil)
	until("the end of a cancelled one", func() bool { return len(s.writers(t)) == 0 && len(inFolder()) == 0 })

	pid = begin()
	s.Kill()
	until("the end of one whose server was killed", func() bool {
		_, err := os.Stat("/proc/" + pid)
		return err != nil && len(inFolder()) == 0
	})

	// It may tell of its progress before it hears that its server is gone. That must
	// not kill it before it has removed what it wrote.
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	job, err := json.Marshal(packageJob{
		Database: filepath.Join(dir, "data.db"), Path: filepath.Join(folder, "antworten.zip"), Now: time.Now(),
		Package: planning.Package{Survey: "smart-kassel", Purpose: "Probe", Profile: planning.Profile{Formats: []string{"csv"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe, packageCommand)
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	order, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	news, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	news.Close()
	order.Write(append(job, '\n'))
	if child.Wait(); child.ProcessState.ExitCode() != 1 || len(inFolder()) != 0 {
		t.Errorf("without a reader it ends by %s and leaves %v", child.ProcessState, inFolder())
	}
}
