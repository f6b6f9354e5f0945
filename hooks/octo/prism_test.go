package octo_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"servicepoint/hooks"
	"servicepoint/hooks/hookstest"
	"servicepoint/hooks/octo"
)

const spec = "octo/octo-types-openapi.yaml"

func TestForeignReaderUnderstandsOurRequests(t *testing.T) {
	p := provider(hookstest.Prism(t, spec, ""))
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

// A whole booking with Prism between provider and simulator: it refuses what either
// of them says wrongly. Prism does not take null for what is "nullable" beside "allOf",
// so the two places where that stands are made plain.
func TestForeignReaderAgreesWithTheSimulator(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(cmp.Or(os.Getenv("SERVICEPOINT_SHARED"), "../../../shared"), "providers", spec))
	if err != nil {
		t.Skipf("the specification is not here: %v", err)
	}
	nullable := regexp.MustCompile(`(?m)^( +type: object\n) +allOf:\n +- \$ref: "#/components/schemas/(BookingCancellation|Ticket)"\n( +nullable: true\n)`)
	if n := len(nullable.FindAll(text, -1)); n == 0 {
		t.Fatal("the specification says it in another way by now")
	}
	mended := filepath.Join(t.TempDir(), "spec.yaml")
	if err := os.WriteFile(mended, nullable.ReplaceAll(text, []byte("$1$3")), 0o600); err != nil {
		t.Fatal(err)
	}
	s := seller()
	_, simulator := hookstest.Serve(t, s)
	p := provider(hookstest.Prism(t, mended, simulator))
	ctx := t.Context()
	list, err := p.Tours(ctx, "de")
	if err != nil || len(list) != 3 {
		t.Fatalf("%d tours, %v", len(list), err)
	}
	if list, err := p.Departures(ctx, "sim-altstadt", "DEFAULT", noon, noon.AddDate(0, 0, 6)); err != nil || len(list) != 4 {
		t.Errorf("departures: %d %v", len(list), err)
	}
	if list, err := p.Calendar(ctx, "sim-altstadt", "DEFAULT", noon, noon.AddDate(0, 0, 6)); err != nil || len(list) != 7 {
		t.Errorf("calendar: %d %v", len(list), err)
	}
	if _, err := p.Check(ctx); err != nil {
		t.Errorf("check: %v", err)
	}
	submit := func(key string, o hooks.TourOrder) (b hooks.TourBooking) {
		t.Helper()
		r, err := p.Submit(ctx, hooks.Order{Key: key, Payload: payload(o)})
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if err := json.Unmarshal(r.Payload, &b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	hold := good()
	hold.Do, hold.Name, hold.Email, hold.Phone = hooks.TourHold, "", "", ""
	b := submit("T-1:hold", hold)
	submit("T-1:extend", hooks.TourOrder{Do: hooks.TourExtend, Booking: b.Booking, Minutes: 45})
	change := hold
	change.Do, change.Booking = hooks.TourChange, b.Booking
	submit("T-1:change", change)
	confirm := contact
	confirm.Do, confirm.Booking = hooks.TourConfirm, b.Booking
	if b = submit("T-1", confirm); b.State != "confirmed" || len(b.Vouchers) == 0 {
		t.Errorf("confirmed: %+v", b)
	}
	if _, err := p.Find(ctx, "T-1"); err != nil {
		t.Errorf("find: %v", err)
	}
	submit("T-1:cancel", hooks.TourOrder{Do: hooks.TourCancel, Booking: b.Booking})
	if s.Confirmed("") != 1 || !s.Cancelled("T-1") {
		t.Error("the seller knows of another end")
	}
	// The control: answers that are not as the specification says.
	_, wrong := hookstest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`[{"id":7}]`))
	}))
	p = provider(hookstest.Prism(t, spec, wrong))
	if _, err := p.Tours(ctx, "de"); err == nil || strings.Contains(err.Error(), "no such path") {
		t.Errorf("the control passed: %v", err)
	}
}
