// Package simulate is a ZMS whose offices and appointments are made up, after the
// public description of its citizen API. It knows nothing of the provider, only
// HTTP. Reservations end after a quarter of an hour; nothing is the same twice.
package simulate

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Office is the simulator; use [New].
type Office struct {
	Clock    func() time.Time // time.Now
	Capacity int              // appointments at the same time: 4
	Captcha  string           // token that reservations must show; "" takes everybody
	Bare     bool             // answers without the envelope

	mux       *http.ServeMux
	mu        sync.Mutex
	processes []*process
}

type process struct {
	id, office int64
	key        string
	at         int64
	services   []int64
	counts     []int64
	status     string
	reserved   time.Time
	fields     map[string]string
	confirms   int
}

// New makes the simulator.
func New() *Office {
	o := &Office{mux: http.NewServeMux(), Capacity: 4}
	o.mux.HandleFunc("GET /offices-and-services/", o.offer)
	o.mux.HandleFunc("GET /available-calendar/", o.calendar)
	o.mux.HandleFunc("GET /captcha-details/", func(w http.ResponseWriter, _ *http.Request) {
		o.answer(w, map[string]any{"siteKey": "", "captchaChallenge": "", "captchaVerify": "", "captchaEnabled": o.Captcha != ""})
	})
	o.mux.HandleFunc("POST /reserve-appointment/", o.reserve)
	o.mux.HandleFunc("GET /appointment/", o.get)
	o.mux.HandleFunc("POST /update-appointment/", o.step("reserved preconfirmed confirmed", ""))
	o.mux.HandleFunc("POST /preconfirm-appointment/", o.step("reserved", "preconfirmed"))
	o.mux.HandleFunc("POST /confirm-appointment/", o.step("preconfirmed", "confirmed"))
	o.mux.HandleFunc("POST /cancel-appointment/", o.step("reserved preconfirmed confirmed", "deleted"))
	return o
}

// ServeHTTP answers a request.
func (o *Office) ServeHTTP(w http.ResponseWriter, r *http.Request) { o.mux.ServeHTTP(w, r) }

// State of a process, and how many are confirmed in all.
func (o *Office) State(id int64) (status string, confirmed int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.processes {
		if p.id == id {
			status = p.status
		}
		if p.status == "confirmed" {
			confirmed++
		}
	}
	return status, confirmed
}

// Expire lets the time of all reservations pass.
func (o *Office) Expire() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.processes {
		if p.status == "reserved" || p.status == "preconfirmed" {
			p.status = "deleted"
		}
	}
}

func (o *Office) now() time.Time {
	if o.Clock != nil {
		return o.Clock()
	}
	return time.Now()
}

func (o *Office) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if !o.Bare {
		v = map[string]any{"meta": map[string]any{"error": false, "generated": o.now().Format(time.RFC3339), "server": "Simulation"}, "data": v}
	}
	json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]any{"errorCode": code, "errorMessage": "The simulation refuses this request.", "statusCode": status}}})
}

func (o *Office) offer(w http.ResponseWriter, _ *http.Request) {
	o.answer(w, map[string]any{
		"offices":  []any{map[string]any{"id": 101, "name": "Bürgerbüro Mitte (Simulation)"}, map[string]any{"id": 102, "name": "Bürgerbüro Nord (Simulation)"}},
		"services": []any{map[string]any{"id": 1, "name": "Personalausweis", "maxQuantity": 4}, map[string]any{"id": 2, "name": "Wohnsitz anmelden", "maxQuantity": 1}},
		"relations": []any{map[string]any{"officeId": 101, "serviceId": 1, "slots": 1}, map[string]any{"officeId": 101, "serviceId": 2, "slots": 2},
			map[string]any{"officeId": 102, "serviceId": 1, "slots": 1}},
	})
}

// slots of a day: every 20 minutes from 8 to 12, on working days.
func slots(day time.Time) (all []int64) {
	if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
		return nil
	}
	for m := 8 * 60; m < 12*60; m += 20 {
		all = append(all, time.Date(day.Year(), day.Month(), day.Day(), m/60, m%60, 0, 0, berlin).Unix())
	}
	return all
}

var berlin = func() *time.Location {
	if l, err := time.LoadLocation("Europe/Berlin"); err == nil {
		return l
	}
	return time.UTC
}()

func (o *Office) free(office, at int64) bool {
	n := 0
	for _, p := range o.processes {
		o.age(p)
		if p.office == office && p.at == at && p.status != "deleted" {
			n++
		}
	}
	return n < o.Capacity && at > o.now().Unix()
}

func (o *Office) age(p *process) {
	if (p.status == "reserved" || p.status == "preconfirmed") && o.now().Sub(p.reserved) >= 15*time.Minute {
		p.status = "deleted"
	}
}

func (o *Office) calendar(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	from, err1 := time.ParseInLocation(time.DateOnly, q.Get("startDate"), berlin)
	to, err2 := time.ParseInLocation(time.DateOnly, q.Get("endDate"), berlin)
	if err1 != nil || err2 != nil || to.Before(from) || to.Sub(from) > 200*24*time.Hour || q.Get("serviceIds") == "" || q.Get("officeIds") == "" {
		refuse(w, 400, "invalidDateRange")
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	days := []any{}
	for d := from; !d.After(to); d = d.AddDate(0, 0, 1) {
		offices := []any{}
		for id := range strings.SplitSeq(q.Get("officeIds"), ",") {
			n, _ := strconv.ParseInt(id, 10, 64)
			times := slices.DeleteFunc(slots(d), func(at int64) bool { return !o.free(n, at) })
			if len(times) > 0 && (n == 101 || n == 102) {
				offices = append(offices, map[string]any{"officeId": id, "appointments": times})
			}
		}
		if len(offices) > 0 {
			days = append(days, map[string]any{"date": d.Format(time.DateOnly), "providerIDs": q.Get("officeIds"), "offices": offices})
		}
	}
	o.answer(w, map[string]any{"startDate": q.Get("startDate"), "endDate": q.Get("endDate"), "availableDays": days})
}

func (o *Office) reserve(w http.ResponseWriter, r *http.Request) {
	var b struct {
		At       int64   `json:"timestamp"`
		Office   int64   `json:"officeId"`
		Services []int64 `json:"serviceId"`
		Counts   []int64 `json:"serviceCount"`
		Captcha  string  `json:"captchaToken"`
	}
	if json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&b) != nil || len(b.Services) == 0 || len(b.Services) != len(b.Counts) {
		refuse(w, 400, "invalidServiceId")
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch day := time.Unix(b.At, 0).In(berlin); {
	case o.Captcha != "" && b.Captcha != o.Captcha:
		refuse(w, 400, "captchaInvalid")
	case b.Office != 101 && b.Office != 102:
		refuse(w, 404, "officesNotFound")
	case !slices.Contains(slots(day), b.At) || !o.free(b.Office, b.At):
		refuse(w, 404, "appointmentNotAvailable")
	default:
		p := &process{id: int64(100001 + len(o.processes)), office: b.Office, at: b.At, services: b.Services, counts: b.Counts, status: "reserved", reserved: o.now(), fields: map[string]string{}}
		p.key = fmt.Sprintf("%04x", (p.id*7919)&0xffff)
		o.processes = append(o.processes, p)
		o.answer(w, show(p))
	}
}

func (o *Office) find(id int64, key string) *process {
	for _, p := range o.processes {
		if o.age(p); p.id == id && p.key == key && p.status != "deleted" {
			return p
		}
	}
	return nil
}

func (o *Office) get(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id, _ := strconv.ParseInt(r.URL.Query().Get("processId"), 10, 64)
	if p := o.find(id, r.URL.Query().Get("authKey")); p != nil {
		o.answer(w, show(p))
		return
	}
	refuse(w, 404, "appointmentNotFound")
}

// step moves a process that is in one of the states; what was deleted is not found.
func (o *Office) step(from, to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var b map[string]any
		dec := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
		dec.UseNumber()
		if dec.Decode(&b) != nil {
			refuse(w, 400, "invalidRequest")
			return
		}
		id, _ := strconv.ParseInt(fmt.Sprint(b["processId"]), 10, 64)
		key, _ := b["authKey"].(string)
		o.mu.Lock()
		defer o.mu.Unlock()
		p := o.find(id, key)
		switch {
		case p == nil:
			refuse(w, 404, "appointmentNotFound")
			return
		case !strings.Contains(from, p.status):
			refuse(w, 400, "processInvalid")
			return
		case to == "preconfirmed" && p.fields["familyName"] == "":
			refuse(w, 400, "invalidFamilyName")
			return
		}
		for _, f := range []string{"familyName", "email", "telephone", "customTextfield"} {
			if s, ok := b[f].(string); ok && to == "" {
				p.fields[f] = s
			}
		}
		if to != "" {
			p.status = to
		}
		if to == "confirmed" {
			p.confirms++
		}
		o.answer(w, show(p))
	}
}

func show(p *process) map[string]any {
	return map[string]any{"processId": p.id, "authKey": p.key, "timestamp": fmt.Sprint(p.at), "officeId": p.office, "officeName": "Bürgerbüro (Simulation)", "status": p.status,
		"familyName": p.fields["familyName"], "email": p.fields["email"], "telephone": p.fields["telephone"], "customTextfield": p.fields["customTextfield"],
		"serviceId": p.services[0], "serviceCount": p.counts[0], "displayNumber": fmt.Sprint("A", p.id%1000), "scope": map[string]any{"id": "64"}}
}
