package hookstest

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Prism plays a specification, a file of the folder of partners or one with its whole
// path, and gives its address: it refuses requests
// that are not as the specification says and answers with its examples. With an
// upstream it hands requests on and refuses what either side says wrongly. It is
// heavy: without SERVICEPOINT_VERIFY, the program or the specification it skips.
// Tests that call it lie two folders below the module.
func Prism(t testing.TB, spec, upstream string) string {
	t.Helper()
	if os.Getenv("SERVICEPOINT_VERIFY") == "" {
		t.Skip("heavy: set SERVICEPOINT_VERIFY=1 (make verify)")
	}
	program, err := filepath.Abs("../../bin/prism/node_modules/@stoplight/prism-cli/dist/index.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("Prism is not here: .ci/tools verify installs it")
	}
	if !filepath.IsAbs(spec) {
		spec = filepath.Join(cmp.Or(os.Getenv("SERVICEPOINT_SHARED"), "../../../shared"), "providers", spec)
	}
	if _, err := os.Stat(spec); err != nil {
		t.Skipf("the specification is not here: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	l.Close()
	args := []string{program, "mock", "-h", "127.0.0.1", "-p", port, spec}
	if upstream != "" {
		args = []string{program, "proxy", "-h", "127.0.0.1", "-p", port, spec, upstream, "--errors"}
	}
	cmd := exec.Command("node", args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 600 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		cancel()
		if err == nil {
			res.Body.Close()
			return "http://" + address
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("Prism does not start")
	return ""
}
