package zms_test

import (
	"cmp"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"servicepoint/hooks"
	"servicepoint/hooks/hookstest"
)

const spec = "zms/zmscitizenapi-swagger.bundled.json"

func TestForeignReaderUnderstandsOurQuestions(t *testing.T) {
	address := hookstest.Prism(t, spec, "")
	p := provider(address, &notes{kept: map[string][]byte{}})
	if _, err := p.Offer(t.Context()); err != nil {
		t.Errorf("offer: %v", err)
	}
	if _, err := p.Free(t.Context(), 1, good().Services, noon, noon.AddDate(0, 0, 7)); err != nil {
		t.Errorf("free times: %v", err)
	}
	// The control: a question without what the specification asks for.
	res, err := http.Get(address + "/available-calendar/?startDate=2026-12-02")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode < 400 || res.StatusCode >= 500 {
		t.Errorf("the control passed: %d", res.StatusCode)
	}
}

// A whole visit with Prism between provider and simulator. The public specification
// describes the bodies of requests as if they were answers: those are left out.
func TestForeignReaderAgreesWithTheSimulator(t *testing.T) {
	file := filepath.Join(cmp.Or(os.Getenv("SERVICEPOINT_SHARED"), "../../../shared"), "providers", spec)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("the specification is not here: %v", err)
	}
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	for _, path := range doc["paths"].(map[string]any) {
		for _, operation := range path.(map[string]any) {
			list, _ := operation.(map[string]any)["parameters"].([]any)
			for _, one := range list {
				if one.(map[string]any)["in"] == "body" {
					one.(map[string]any)["schema"] = map[string]any{"type": "object"}
				}
			}
		}
	}
	if b, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	mended := filepath.Join(t.TempDir(), "spec.json")
	if err := os.WriteFile(mended, b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, simulator := hookstest.Serve(t, office())
	p := provider(hookstest.Prism(t, mended, simulator), &notes{kept: map[string][]byte{}})
	if d, err := p.Offer(t.Context()); err != nil || len(d.Offices) == 0 {
		t.Errorf("offer: %+v %v", d, err)
	}
	if list, err := p.Free(t.Context(), 101, good().Services, noon, noon.AddDate(0, 0, 7)); err != nil || len(list) == 0 {
		t.Errorf("free times: %v %v", list, err)
	}
	r, err := p.Submit(t.Context(), hooks.Order{Key: "k", Payload: payload(good())})
	if err != nil {
		t.Fatalf("book: %v", err)
	}
	var of hooks.CityProcess
	if err := json.Unmarshal(r.Payload, &of); err != nil || of.State != "confirmed" {
		t.Errorf("book: %+v %v", of, err)
	}
	cancel := hooks.CityAppointment{Do: hooks.AppointmentCancel, Process: of.Process, AuthKey: of.AuthKey}
	if _, err := p.Submit(t.Context(), hooks.Order{Key: "k:cancel", Payload: payload(cancel)}); err != nil {
		t.Errorf("cancel: %v", err)
	}
	// The control: an answer that is not as the specification says.
	liar := http.NewServeMux()
	liar.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"meta":{"error":false},"data":{"offices":"none"}}`))
	})
	_, wrong := hookstest.Serve(t, liar)
	res, err := http.Get(hookstest.Prism(t, mended, wrong) + "/offices-and-services/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode < 500 || !strings.Contains(res.Header.Get("Content-Type"), "json") {
		t.Errorf("the control passed: %d", res.StatusCode)
	}
}
