package octo_test

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"servicepoint/hooks"
	"servicepoint/hooks/octo"
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
	const address = "127.0.0.1:14010"
	cmd := exec.Command("node", program, "mock", "-h", "127.0.0.1", "-p", "14010", spec)
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
	p := provider(prism(t, "octo/octo-types-openapi.yaml"))
	p.Clock = func() time.Time { return time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC) } // before the holds of the examples end
	ctx := t.Context()
	tours, err := p.Tours(ctx, "de")
	if err != nil || len(tours) == 0 {
		t.Fatalf("%v %v", tours, err)
	}
	if list, err := p.Departures(ctx, tours[0].ID, tours[0].Option, noon, noon.AddDate(0, 0, 7)); err != nil || len(list) == 0 {
		t.Errorf("departures: %v %v", list, err)
	}
	if list, err := p.Calendar(ctx, tours[0].ID, tours[0].Option, noon, noon.AddDate(0, 0, 7)); err != nil || len(list) == 0 {
		t.Errorf("calendar: %v %v", list, err)
	}
	if name, err := p.Check(ctx); err != nil || name == "" {
		t.Errorf("check: %v", err)
	}
	hold, confirm := good(), contact
	hold.Do = hooks.TourHold
	confirm.Do, confirm.Booking = hooks.TourConfirm, "559aed3d-6d5b-4fe0-bfca-99f5e7218a56"
	extend := hooks.TourOrder{Do: hooks.TourExtend, Booking: confirm.Booking, Minutes: 30}
	change := hold
	change.Do, change.Booking = hooks.TourChange, confirm.Booking
	for what, o := range map[string]hooks.TourOrder{"hold": hold, "confirm": confirm, "extend": extend, "change": change, "cancel": {Do: hooks.TourCancel, Booking: confirm.Booking}} {
		// The examples are of no particular state: only a refusal of the request counts.
		_, err := p.Submit(ctx, hooks.Order{Key: "T-1", Payload: payload(o)})
		if err != nil {
			t.Logf("%s: %v", what, err)
		}
		if verdict := refusedBySpec(err); verdict != "" {
			t.Errorf("%s: %s", what, verdict)
		}
	}
	if _, err := p.Find(ctx, "T-1"); refusedBySpec(err) != "" {
		t.Errorf("find: %v", err)
	}
	// The control: a request without what the specification asks for.
	res, err := http.Post(mustAddress(p)+"/bookings/", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode < 400 {
		t.Errorf("the control passed: %d", res.StatusCode)
	}
}

func mustAddress(p *octo.Provider) string {
	s, _ := p.Settings()
	return s.Address
}

// refusedBySpec tells a request that Prism refused from an example that does not fit.
func refusedBySpec(err error) string {
	var problem *octo.Problem
	if errors.As(err, &problem) && problem.Code == "" {
		return err.Error()
	}
	return ""
}
