package octo_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"servicepoint/hooks"
	"servicepoint/hooks/faults"
	"servicepoint/hooks/hookstest"
	"servicepoint/hooks/octo"
	"servicepoint/hooks/octo/simulate"
)

// noon of a Wednesday; the tours that the tests book are on Saturday.
var noon = time.Date(2026, 12, 2, 11, 0, 0, 0, time.UTC)

const saturday = "2026-12-05T11:00:00+01:00"

func seller() *simulate.Seller {
	s := simulate.New()
	s.Token, s.Clock, s.Capacity = "s3cret", func() time.Time { return noon }, 100
	return s
}

func provider(address string) *octo.Provider {
	return &octo.Provider{
		Settings: func() (octo.Settings, error) { return octo.Settings{Address: address, Token: "s3cret"}, nil },
		Clock:    func() time.Time { return noon },
	}
}

func payload(o hooks.TourOrder) json.RawMessage {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return b
}

var contact = hooks.TourOrder{Name: "Erika Mustermann", Email: "erika@example.org", Phone: "+49561123456", Lang: "de"}

func good() hooks.TourOrder {
	o := contact
	o.Do, o.Tour, o.Option, o.Departure = hooks.TourBook, "sim-altstadt", "DEFAULT", saturday
	o.Units = []hooks.TourCount{{Unit: "adult", Count: 2}, {Unit: "child", Count: 1}}
	return o
}

func told(t testing.TB, r hooks.Result) hooks.TourBooking {
	t.Helper()
	var b hooks.TourBooking
	if err := json.Unmarshal(r.Payload, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

func candidate(t *testing.T, s *simulate.Seller) hookstest.Candidate {
	line, address := hookstest.Serve(t, s)
	line.Clock = s.Clock
	hold, other, many := good(), good(), good()
	hold.Do, hold.Name, hold.Email, hold.Phone = hooks.TourHold, "", "", ""
	other.Tour = "sim-gibt-es-nicht"
	many.Units = []hooks.TourCount{{Unit: "adult", Count: 11}}
	unknown := contact
	unknown.Do, unknown.Booking = hooks.TourConfirm, "b0b0b0b0-0000-4000-8000-000000000000"
	of := func(do string, r hooks.Result) json.RawMessage {
		o := contact
		o.Do, o.Booking = do, told(t, r).Booking
		return payload(o)
	}
	return hookstest.Candidate{
		Provider: provider(address), Good: payload(good()), Line: line,
		Bad: []json.RawMessage{
			payload(contact), payload(other), payload(many), payload(unknown),
			json.RawMessage(`{"do":"cancel"}`), json.RawMessage(`{"do":"hold","surprise":1}`),
		},
		Secrets:   []string{"Erika", "Mustermann", "erika@", "123456", "s3cret"},
		Done:      s.Confirmed,
		Cancel:    func(_ string, r hooks.Result) json.RawMessage { return of(hooks.TourCancel, r) },
		Cancelled: s.Cancelled,
		Hold:      payload(hold),
		Confirm:   func(held hooks.Result) json.RawMessage { return of(hooks.TourConfirm, held) },
		Expire:    s.Expire,
	}
}

func TestConforms(t *testing.T) {
	hookstest.Run(t, func(t *testing.T) hookstest.Candidate { return candidate(t, seller()) })
}

// Servers differ from the specification in ways that were seen; none may cost an order.
func TestConformsWithQuirks(t *testing.T) {
	for what, set := range map[string]func(*simulate.Seller){
		"a uuid that was used is refused":     func(s *simulate.Seller) { s.StrictUUID = true },
		"400 and BAD_REQUEST for everything":  func(s *simulate.Seller) { s.FlatErrors = true },
		"paths without a slash at the end":    func(s *simulate.Seller) { s.NoSlash = true },
		"totals of zero":                      func(s *simulate.Seller) { s.ZeroTotal = true },
		"cancelled holds are called expired":  func(s *simulate.Seller) { s.LateExpired = true },
		"no names: the capability is missing": func(s *simulate.Seller) { s.WithoutNames = true },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			hookstest.Run(t, func(t *testing.T) hookstest.Candidate {
				s := seller()
				set(s)
				return candidate(t, s)
			})
		})
	}
}

// A server that keeps the reference of the reservation cannot be searched for that of
// the confirmation: Submit must notice by itself that all is done.
func TestConfirmationWithoutASearchIsDoneOnce(t *testing.T) {
	s := seller()
	s.KeepsFirst = true
	line, address := hookstest.Serve(t, s)
	p := provider(address)
	o := hooks.Order{Key: "T-1", Payload: payload(good())}
	line.Next(faults.Fault{}, faults.Fault{}, faults.Fault{Kind: faults.Cut}) // reserve, get, confirm
	if _, err := p.Submit(t.Context(), o); err == nil {
		t.Fatal("nothing was cut")
	}
	if n := s.Confirmed(""); n != 1 {
		t.Fatalf("%d confirmed behind the cut line", n)
	}
	if _, err := p.Find(t.Context(), "T-1"); !errors.Is(err, hooks.ErrNotFound) {
		t.Fatalf("found: %v; the control proves nothing", err)
	}
	if _, err := p.Submit(t.Context(), o); err != nil || s.Confirmed("") != 1 {
		t.Errorf("%v, %d confirmed", err, s.Confirmed(""))
	}
}

func TestAJourney(t *testing.T) {
	s := seller()
	_, address := hookstest.Serve(t, s)
	p := provider(address)
	tours, err := p.Tours(t.Context(), "de")
	if err != nil || len(tours) != 3 {
		t.Fatal(tours, err)
	}
	tour := tours[0]
	if tour.Title != "Altstadtrundgang" || tour.Most != 10 || tour.CancelUntil != 24*time.Hour || tour.Units[0].Price.Text("de") != "12,00\u00a0€" {
		t.Errorf("%+v", tour)
	}
	if english, err := p.Tours(t.Context(), "en"); err != nil || english[0].Title != "Old town walk" {
		t.Error(english, err)
	}
	days, err := p.Calendar(t.Context(), tour.ID, tour.Option, noon, noon.AddDate(0, 0, 6))
	if err != nil || len(days) != 7 || days[0].Available || !days[3].Available {
		t.Error(days, err)
	}
	list, err := p.Departures(t.Context(), tour.ID, tour.Option, noon, noon.AddDate(0, 0, 6))
	if err != nil || len(list) != 4 {
		t.Fatal(list, err)
	}
	d := list[2]
	if d.ID != saturday || !d.Available || d.Free != 100 || d.Prices["child"].Amount != 500 {
		t.Errorf("%+v", d)
	}

	submit := func(key string, o hooks.TourOrder) hooks.TourBooking {
		t.Helper()
		r, err := p.Submit(t.Context(), hooks.Order{Key: key, Payload: payload(o)})
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		return told(t, r)
	}
	hold := good()
	hold.Do = hooks.TourHold
	b := submit("T-1:hold", hold)
	if b.State != "held" || !b.Expires.Equal(noon.Add(30*time.Minute)) || b.Total.Amount != 2900 || len(b.Vouchers) != 0 {
		t.Errorf("held: %+v", b)
	}
	extend := hooks.TourOrder{Do: hooks.TourExtend, Booking: b.Booking, Minutes: 45}
	if b = submit("T-1:extend", extend); !b.Expires.Equal(noon.Add(45 * time.Minute)) {
		t.Errorf("extended: %+v", b)
	}
	change := hold
	change.Do, change.Booking, change.Units = hooks.TourChange, b.Booking, []hooks.TourCount{{Unit: "family", Count: 1}}
	if b = submit("T-1:change", change); b.Total.Amount != 2600 {
		t.Errorf("changed: %+v", b)
	}
	confirm := contact
	confirm.Do, confirm.Booking = hooks.TourConfirm, b.Booking
	b = submit("T-1", confirm)
	if b.State != "confirmed" || len(b.Vouchers) != 1 || b.Vouchers[0].Format != "QRCODE" || !b.Cancelable {
		t.Errorf("confirmed: %+v", b)
	}
	if list, _ := p.Departures(t.Context(), tour.ID, tour.Option, noon, noon.AddDate(0, 0, 6)); list[2].Free != 99 {
		t.Errorf("%d free", list[2].Free)
	}
	if b = submit("T-1:cancel", hooks.TourOrder{Do: hooks.TourCancel, Booking: b.Booking}); b.State != "cancelled" {
		t.Errorf("cancelled: %+v", b)
	}
	if r, err := p.Find(t.Context(), "T-1:cancel"); err != nil || told(t, r).State != "cancelled" {
		t.Errorf("find: %v", err)
	}
	if name, err := p.Check(t.Context()); err != nil || name != "Simulation (Kassel Marketing): 3" {
		t.Errorf("%q %v", name, err)
	}
}

func TestSoldOutIsARejection(t *testing.T) {
	s := seller()
	s.Capacity = 4
	_, address := hookstest.Serve(t, s)
	p := provider(address)
	for i, want := range []error{nil, hooks.ErrRejected} {
		_, err := p.Submit(t.Context(), hooks.Order{Key: fmt.Sprint("T-", i), Payload: payload(good())})
		if !errors.Is(err, want) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if n := s.Confirmed(""); n != 1 {
		t.Errorf("%d confirmed", n)
	}
}

// What a server said in truth: recorded answers of another implementation.
func TestRecordedAnswersAreSurvived(t *testing.T) {
	dir := filepath.Join(cmp.Or(os.Getenv("SERVICEPOINT_SHARED"), "../../../shared"), "providers", "octo")
	recorded := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Skipf("the recorded answers are not here: %v", err)
		}
		return b
	}
	answers := map[string][]byte{
		"GET /products/": recorded("octomock-products.json"), "POST /availability/": recorded("octomock-availability.json"),
		"POST /bookings/": recorded("octomock-booking-b.json"), "POST confirm": recorded("octomock-booking-c.json"), "POST cancel": recorded("octomock-booking-d.json"),
	}
	state := "POST /bookings/"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Method + " " + r.URL.Path
		if parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/"); parts[0] == "bookings" && len(parts) > 1 {
			if key = "GET"; len(parts) == 3 {
				state = "POST " + parts[2]
			}
			key = state
		}
		w.Write(answers[key]) // no Content-Type, no Octo-Capabilities
	}))
	defer srv.Close()
	p := provider(srv.URL)
	p.Clock = func() time.Time { return time.Date(2026, 11, 22, 14, 50, 0, 0, time.UTC) }

	tours, err := p.Tours(t.Context(), "de")
	if err != nil || len(tours) == 0 {
		t.Fatal(tours, err)
	}
	for _, tour := range tours {
		if tour.Title == "" || len(tour.Units) == 0 || tour.Option != "DEFAULT" {
			t.Errorf("%+v", tour)
		}
	}
	list, err := p.Departures(t.Context(), tours[0].ID, "DEFAULT", noon, noon)
	if err != nil || len(list) != 2 || list[0].Free != 10 || list[0].Prices["adult"] != (hooks.Money{Amount: 1000, Currency: "EUR", Precision: 2}) {
		t.Errorf("%+v %v", list, err)
	}
	hold := good()
	hold.Do = hooks.TourHold
	r, err := p.Submit(t.Context(), hooks.Order{Key: "KSP-1", Payload: payload(hold)})
	if err != nil {
		t.Fatal(err)
	}
	b := told(t, r)
	if b.State != "held" || b.Total.Text("de") != "20,00\u00a0€" || b.Reference != "ZYF98Z" { // 2 × 10, the total says 0
		t.Errorf("%+v", b)
	}
	confirm := contact
	confirm.Do, confirm.Booking = hooks.TourConfirm, b.Booking
	if r, err = p.Submit(t.Context(), hooks.Order{Key: "KSP-1", Payload: payload(confirm)}); err != nil {
		t.Fatal(err)
	}
	if b = told(t, r); b.State != "confirmed" || len(b.Vouchers) != 6 || b.Vouchers[1].Value != "ZYF98Z" {
		t.Errorf("%+v", b)
	}
	r, err = p.Submit(t.Context(), hooks.Order{Key: "KSP-1:cancel", Payload: payload(hooks.TourOrder{Do: hooks.TourCancel, Booking: b.Booking})})
	if err != nil || told(t, r).State != "cancelled" {
		t.Errorf("%v", err)
	}
}

// A wrong address in the settings must not end anybody's order.
func TestAWrongAddressIsNoRejection(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	for _, address := range []string{srv.URL, "http://[::1", "", "http://127.0.0.1:1"} {
		_, err := provider(address).Submit(t.Context(), hooks.Order{Key: "T-1", Payload: payload(good())})
		if err == nil || errors.Is(err, hooks.ErrRejected) || strings.Contains(err.Error(), "127.0.0.1/") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`[{"id":"a","options":[{"id":"DEFAULT","units":[{"id":"adult"}]}]}]`))
	f.Add([]byte(`{"uuid":"a","status":"ON_HOLD","pricing":[{"retail":"12"}],"unitItems":[{"pricing":{"retail":1e3,"currency":"EUR","currencyPrecision":2}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		srv := roundTrip(func(*http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			w.Write(body)
			return w.Result(), nil
		})
		p := provider("http://partner.test")
		p.HTTP = &http.Client{Transport: srv}
		if tours, err := p.Tours(context.Background(), "de"); err == nil {
			for _, tour := range tours {
				if tour.ID == "" || len(tour.Units) == 0 {
					t.Errorf("%+v", tour)
				}
			}
		}
		p.Departures(context.Background(), "a", "b", noon, noon)
		r, err := p.Submit(context.Background(), hooks.Order{Key: "k", Payload: payload(good())})
		if err == nil && (r.Reference == "" || told(t, r).State != "confirmed") {
			t.Errorf("%+v", r)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func ExampleUUID() {
	hold, again := octo.UUID("T-7K3M9-QX2TD:hold"), octo.UUID("T-7K3M9-QX2TD:hold")
	fmt.Println(hold == again, hold == octo.UUID("T-7K3M9-QX2TD:confirm"))
	// Output: true false
}
