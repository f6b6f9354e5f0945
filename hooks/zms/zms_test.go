package zms_test

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
	"sync"
	"testing"
	"time"

	"servicepoint/hooks"
	"servicepoint/hooks/faults"
	"servicepoint/hooks/hookstest"
	"servicepoint/hooks/zms"
	"servicepoint/hooks/zms/simulate"
)

// noon of a Wednesday; the appointment is on Thursday at nine.
var (
	noon   = time.Date(2026, 12, 2, 11, 0, 0, 0, time.UTC)
	atNine = time.Date(2026, 12, 3, 8, 0, 0, 0, time.UTC).Unix()
)

// notes in memory.
type notes struct {
	mu   sync.Mutex
	kept map[string][]byte
	lost bool // nothing is ever found again: the negative control
}

func (n *notes) Recall(_ context.Context, key string) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if b, ok := n.kept[key]; ok && !n.lost {
		return b, nil
	}
	return nil, hooks.ErrNotFound
}

func (n *notes) Keep(_ context.Context, key string, note []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.kept[key] = note
	return nil
}

func (n *notes) process(key string) (of hooks.CityProcess) {
	n.mu.Lock()
	defer n.mu.Unlock()
	json.Unmarshal(n.kept[key], &of)
	return of
}

func office() *simulate.Office {
	o := simulate.New()
	o.Clock, o.Capacity = func() time.Time { return noon }, 100
	return o
}

func provider(address string, n *notes) *zms.Provider {
	return &zms.Provider{Notes: n, Clock: func() time.Time { return noon }, Settings: func() (zms.Settings, error) { return zms.Settings{Address: address}, nil }}
}

func payload(a hooks.CityAppointment) json.RawMessage {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	return b
}

func good() hooks.CityAppointment {
	return hooks.CityAppointment{Do: hooks.AppointmentBook, Office: 101, At: atNine, Services: []hooks.CityService{{ID: 1, Count: 2}}, Name: "Mustermann", Email: "erika@example.org", Phone: "+49561123456"}
}

func TestConforms(t *testing.T) {
	for what, bare := range map[string]bool{"answers in an envelope": false, "bare answers": true} {
		t.Run(what, func(t *testing.T) {
			hookstest.Run(t, func(t *testing.T) hookstest.Candidate {
				o := office()
				o.Bare = bare
				line, address := hookstest.Serve(t, o)
				line.Clock = o.Clock
				n := &notes{kept: map[string][]byte{}}
				confirmed := map[string]int64{} // by key of the order that confirms what another held
				hold, nowhere, never := good(), good(), good()
				hold.Do, hold.Name, hold.Email = hooks.AppointmentHold, "", ""
				nowhere.Office, never.At = 999, atNine+60
				of := func(do string, r hooks.Result) json.RawMessage {
					var p hooks.CityProcess
					if err := json.Unmarshal(r.Payload, &p); err != nil {
						t.Fatal(err)
					}
					a := good()
					a.Do, a.Process, a.AuthKey, a.Office, a.At, a.Services = do, p.Process, p.AuthKey, 0, 0, nil
					return payload(a)
				}
				holds := 0
				return hookstest.Candidate{
					Provider: provider(address, n), Good: payload(good()), Line: line,
					Bad:     []json.RawMessage{payload(nowhere), payload(never), json.RawMessage(`{"do":"cancel"}`), json.RawMessage(`{"do":"hold","x":1}`)},
					Secrets: []string{"Mustermann", "erika@", "123456"},
					Done: func(key string) int {
						id := cmp.Or(n.process(key).Process, confirmed[key])
						if status, _ := o.State(id); status == "confirmed" {
							return 1
						}
						return 0
					},
					Cancel:    func(_ string, r hooks.Result) json.RawMessage { return of(hooks.AppointmentCancel, r) },
					Cancelled: func(key string) bool { s, _ := o.State(n.process(key).Process); return s == "deleted" },
					Hold:      payload(hold),
					Confirm: func(held hooks.Result) json.RawMessage {
						var p hooks.CityProcess
						json.Unmarshal(held.Payload, &p)
						holds++
						confirmed[fmt.Sprint("key-", holds)] = p.Process
						return of(hooks.AppointmentConfirm, held)
					},
					Expire: o.Expire,
				}
			})
		})
	}
}

// Cuts at every call of an order, one after the other: one confirmed appointment. With
// notes that are lost there are more: the control.
func TestNotesKeepTheOrderFromBeingDoneTwice(t *testing.T) {
	for _, lost := range []bool{false, true} {
		o := office()
		line, address := hookstest.Serve(t, o)
		n := &notes{kept: map[string][]byte{}, lost: lost}
		p := provider(address, n)
		for cut := range 6 {
			faultless := make([]faults.Fault, cut)
			line.Next(append(faultless, faults.Fault{Kind: faults.Cut})...)
			p.Submit(t.Context(), hooks.Order{Key: "k", Payload: payload(good())})
			line.Heal()
		}
		if _, err := p.Submit(t.Context(), hooks.Order{Key: "k", Payload: payload(good())}); err != nil {
			t.Error(err)
		}
		_, confirmed := o.State(0)
		if (confirmed == 1) == lost {
			t.Errorf("notes lost %t: %d confirmed", lost, confirmed)
		}
	}
}

// The line breaks somewhere in the order and is mended after the reservation has run
// out. Before the confirmation was sent the time is taken again; afterwards nobody
// knows what became of it, and the order is refused rather than done twice.
func TestAnOutageThatOutlastsTheReservation(t *testing.T) {
	for cut, want := range map[int]int{2: 1, 3: 0} { // update, preconfirm
		o := office()
		line, address := hookstest.Serve(t, o)
		p := provider(address, &notes{kept: map[string][]byte{}})
		order := hooks.Order{Key: "k", Payload: payload(good())}
		line.Next(append(make([]faults.Fault, cut), faults.Fault{Kind: faults.Cut})...)
		if _, err := p.Submit(t.Context(), order); err == nil || errors.Is(err, hooks.ErrRejected) {
			t.Errorf("cut at %d: %v", cut, err)
		}
		o.Expire()
		_, err := p.Submit(t.Context(), order)
		if _, confirmed := o.State(0); confirmed != want || (err == nil) != (want == 1) || err != nil && !errors.Is(err, hooks.ErrExpired) {
			t.Errorf("cut at %d: %v, %d confirmed, want %d", cut, err, confirmed, want)
		}
	}
}

func TestOfferAndFreeTimes(t *testing.T) {
	o := office()
	o.Capacity = 1
	_, address := hookstest.Serve(t, o)
	p := provider(address, &notes{kept: map[string][]byte{}})
	d, err := p.Offer(t.Context())
	if err != nil || len(d.Offices) != 2 || len(d.Services) != 2 || len(d.Relations) != 3 {
		t.Errorf("%+v %v", d, err)
	}
	free := func() int {
		times, err := p.Free(t.Context(), 101, []hooks.CityService{{ID: 1, Count: 1}}, noon, noon.AddDate(0, 0, 1))
		if err != nil {
			t.Fatal(err)
		}
		return len(times)
	}
	if n := free(); n != 12 {
		t.Errorf("%d free", n)
	}
	if _, err := p.Submit(t.Context(), hooks.Order{Key: "a", Payload: payload(good())}); err != nil {
		t.Fatal(err)
	}
	if n := free(); n != 11 {
		t.Errorf("%d free", n)
	}
	if _, err := p.Submit(t.Context(), hooks.Order{Key: "b", Payload: payload(good())}); !errors.Is(err, hooks.ErrRejected) {
		t.Errorf("taken: %v", err)
	}
}

func TestCaptchaGoesAlongWhereOneIsSet(t *testing.T) {
	o := office()
	o.Captcha = "agreed"
	_, address := hookstest.Serve(t, o)
	p := provider(address, &notes{kept: map[string][]byte{}})
	if _, err := p.Submit(t.Context(), hooks.Order{Key: "a", Payload: payload(good())}); !errors.Is(err, hooks.ErrRejected) {
		t.Errorf("without: %v", err)
	}
	p.Settings = func() (zms.Settings, error) { return zms.Settings{Address: address, Captcha: "agreed"}, nil }
	if _, err := p.Submit(t.Context(), hooks.Order{Key: "b", Payload: payload(good())}); err != nil {
		t.Errorf("with: %v", err)
	}
}

// Documents of the project that makes ZMS.
func TestFixturesAreRead(t *testing.T) {
	dir := filepath.Join(cmp.Or(os.Getenv("SERVICEPOINT_SHARED"), "../../../shared"), "providers/zms/fixtures")
	for name, state := range map[string]string{
		"GET_process.json": "confirmed", "POST_confirm_appointment.json": "confirmed", "POST_preconfirm_appointment.json": "preconfirmed",
		"POST_reserve_appointment.json": "reserved", "POST_update_appointment.json": "",
	} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Skipf("the fixtures are not here: %v", err)
		}
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(b) }))
		n := &notes{kept: map[string][]byte{}}
		p := provider(srv.URL, n)
		hold := good()
		hold.Do = hooks.AppointmentHold
		r, err := p.Submit(t.Context(), hooks.Order{Key: "k", Payload: payload(hold)})
		srv.Close()
		var of hooks.CityProcess
		if err != nil || json.Unmarshal(r.Payload, &of) != nil || of.Process <= 0 || of.AuthKey == "" || of.At == 0 || state != "" && of.State != state {
			t.Errorf("%s: %+v %v", name, of, err)
		}
	}
}

func TestAWrongAddressIsNoRejection(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	for _, address := range []string{srv.URL, "", "http://127.0.0.1:1"} {
		_, err := provider(address, &notes{kept: map[string][]byte{}}).Submit(t.Context(), hooks.Order{Key: "k", Payload: payload(good())})
		if err == nil || errors.Is(err, hooks.ErrRejected) || strings.Contains(err.Error(), "authKey") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// What the system behind the API and servers in PHP write otherwise.
func TestCalendarsOfOtherShapesAreRead(t *testing.T) {
	for answer, want := range map[string]int{
		`{"data":{"availableDays":[{"date":"2026-12-03","offices":[{"officeId":"101","appointments":[1764748800,"1764750000"]},{"officeId":102,"appointments":[1]}]}]}}`: 2,
		`{"days":[{"date":"2026-12-03","appointments":{"101":[1764748800],"102":[1,2]}}]}`:                                                                               1,
		`{"meta":{},"data":[]}`: 0, `{"availableDays":null}`: 0, `{"availableDays":[{"offices":null}]}`: 0,
	} {
		_, address := hookstest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(answer)) }))
		list, err := provider(address, nil).Free(t.Context(), 101, good().Services, noon, noon)
		if err != nil || len(list) != want {
			t.Errorf("%s: %v %v", answer, list, err)
		}
	}
}
