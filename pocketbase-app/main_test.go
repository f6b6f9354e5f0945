package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"servicepoint/site"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be the program: as "servicepoint" in stories and
// in the servers that other tests start.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == site.HugoCommand || os.Args[1] == packageCommand) {
		os.Exit(run(os.Args)) // the server's children, started by path
	}
	testscript.Main(tidy{m}, map[string]func(){
		"servicepoint": func() { os.Exit(run(os.Args)) },
	})
}

// tidy removes what all tests shared.
type tidy struct{ m *testing.M }

func (t tidy) Run() int {
	defer func() {
		os.RemoveAll(template.dir)
		if chromium.stop != nil {
			chromium.stop()
		}
	}()
	return t.m.Run()
}

// instance is a server in a process of its own, as an operator would start it.
type instance struct {
	URL string
	Dir string
	cmd *exec.Cmd
	log *lockedBuilder
}

// template is a data directory seeded by the demo, made once per test run and
// copied for every instance that wants it: seeding and building take seconds.
var template struct {
	once sync.Once
	dir  string
	err  error
}

func seeded(t testing.TB) string {
	t.Helper()
	template.once.Do(func() {
		dir, err := os.MkdirTemp("", "servicepoint-template")
		if err != nil {
			template.err = err
			return
		}
		s, err := start(dir, "--demo")
		if err == nil {
			err = s.Stop()
		}
		template.dir, template.err = dir, err
	})
	if template.err != nil {
		t.Fatal(template.err)
	}
	dir := t.TempDir()
	if out, err := exec.Command("cp", "-a", template.dir+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("copy: %v %s", err, out)
	}
	return dir
}

// running starts a server with the demo content; it is stopped after the test.
func running(t testing.TB) *instance {
	t.Helper()
	return runningIn(t, seeded(t))
}

// runningIn starts it in a directory.
func runningIn(t testing.TB, dir string) *instance {
	t.Helper()
	s, err := start(dir, "--demo")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Kill()
		for range 100 { // a build that ran ends by itself, but a moment later
			if os.RemoveAll(s.Dir) == nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if t.Failed() {
			t.Logf("server said:\n%s", s.log)
		}
	})
	return s
}

// start runs "servicepoint serve" on a free port and waits until it is healthy. Among
// the flags may be settings: NAME=value.
func start(dir string, flags ...string) (*instance, error) { return startIn("", dir, flags...) }

// startIn is [start] from another working directory, "" for the test's own.
func startIn(from, dir string, flags ...string) (s *instance, err error) {
	for range 5 { // something else may take the free port before the server does
		if s, err = startOnce(from, dir, flags...); err == nil || !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	return s, err
}

func startOnce(from, dir string, flags ...string) (*instance, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	l.Close()
	s := &instance{URL: "http://" + addr, Dir: dir, log: new(lockedBuilder)}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if slices.Contains(flags, "--demo") { // tests count the answers that they give
		flags = append([]string{"--demo-answers=0"}, flags...)
	}
	args, environment := []string{"serve", "--http", addr, "--dir", dir}, os.Environ()
	for _, f := range flags {
		if strings.HasPrefix(f, "-") {
			args = append(args, f)
		} else {
			environment = append(environment, f)
		}
	}
	s.cmd = exec.Command(exe, args...)
	s.cmd.Env = environment
	s.cmd.Args[0] = "servicepoint" // see TestMain
	s.cmd.Dir = from
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	deadline := time.Now().Add(3 * time.Minute)
	for time.Now().Before(deadline) {
		select {
		case err := <-ended:
			return nil, fmt.Errorf("server ended: %v\n%s", err, s.log)
		case <-time.After(50 * time.Millisecond):
		}
		if res, err := http.Get(s.URL + "/healthz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return s, nil
			}
		}
	}
	s.Kill()
	return nil, fmt.Errorf("server is not healthy after three minutes:\n%s", s.log)
}

// Stop ends the server as an operator would, and waits.
func (s *instance) Stop() error {
	s.cmd.Process.Signal(os.Interrupt)
	return s.wait()
}

// Kill ends it as a power cut would.
func (s *instance) Kill() {
	s.cmd.Process.Kill()
	s.wait()
}

func (s *instance) wait() error {
	for range 300 {
		if err := s.cmd.Process.Signal(syscall.Signal(0)); err != nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("server did not end:\n%s", s.log)
}

// lockedBuilder is a strings.Builder that two pipes may write to.
type lockedBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuilder) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuilder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
