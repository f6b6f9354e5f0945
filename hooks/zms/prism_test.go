package zms_test

import (
	"cmp"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// prism plays the specification: it refuses requests that are not as it says and
// answers with its examples.
func prism(t *testing.T, spec string) string {
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
	spec = filepath.Join(cmp.Or(os.Getenv("SERVICEPOINT_SHARED"), "../../../shared"), "providers", spec)
	if _, err := os.Stat(spec); err != nil {
		t.Skipf("the specification is not here: %v", err)
	}
	const address = "127.0.0.1:14011"
	cmd := exec.Command("node", program, "mock", "-h", "127.0.0.1", "-p", "14011", spec)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 600 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		req, _ := http.NewRequestWithContext(ctx, "GET", "http://"+address+"/", nil)
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

func TestForeignReaderUnderstandsOurRequests(t *testing.T) {
	// Bodies of POST requests are described wrongly there (as answers): questions only.
	p := provider(prism(t, "zms/zmscitizenapi-swagger.bundled.json")+"/terminvereinbarung/api/citizen", &notes{kept: map[string][]byte{}})
	if d, err := p.Offer(t.Context()); err != nil || len(d.Offices) == 0 {
		t.Errorf("offer: %+v %v", d, err)
	}
	if _, err := p.Free(t.Context(), 1, good().Services, noon, noon.AddDate(0, 0, 7)); err != nil {
		t.Errorf("free times: %v", err)
	}
}
