// Package zms is the provider "zms": it reserves, confirms and cancels
// appointments of the city through the citizen API of ZMS.
//
// The API has no key that makes a call twice the same, and no search. It gives a
// number (processId) with a secret (authKey); [Provider] writes both into
// [hooks.Notes] before it confirms, so that a try after a crash goes on where the
// first one ended. A reservation whose answer was lost is never confirmed and ends
// by itself at the city; one that ran out before its confirmation was sent is made anew.
package zms

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"servicepoint/hooks"
)

// Settings say where the city's ZMS is.
type Settings struct {
	Address string // of the citizen API, e.g. https://…/terminvereinbarung/api/citizen
	Captcha string // token of a captcha that was agreed on; "" without one
}

// Provider speaks with one ZMS.
type Provider struct {
	Settings func() (Settings, error) // asked for before every call
	Notes    hooks.Notes
	HTTP     *http.Client     // nil: one that gives up after 20 s
	Clock    func() time.Time // nil: time.Now

	mu   sync.Mutex
	busy map[string]*sync.Mutex // one try of a key at a time
}

// Name is "zms".
func (*Provider) Name() string { return "zms" }

const maxAnswer = 8 << 20

// problem is an answer that refuses, with the code of the API and none of its words.
type problem struct {
	status int
	code   string
	cause  error
}

func (p *problem) Error() string { return strings.TrimPrefix(p.code+": "+p.cause.Error(), ": ") }
func (p *problem) Unwrap() error { return p.cause }

func (p *Provider) now() time.Time {
	if p.Clock != nil {
		return p.Clock()
	}
	return time.Now()
}

func (p *Provider) call(ctx context.Context, method, path string, query url.Values, body map[string]any, out any) error {
	s, err := p.Settings()
	if err != nil {
		return err
	}
	var reader io.Reader
	if body != nil {
		if s.Captcha != "" && path == "/reserve-appointment/" {
			body["captchaToken"] = s.Captcha
		}
		b, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("%w: %w", err, hooks.ErrRejected)
		}
		reader = bytes.NewReader(b)
	}
	address := strings.TrimRight(s.Address, "/") + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err != nil {
		return errors.New("the address in the settings is none")
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	client := http.Client{Timeout: 20 * time.Second}
	if p.HTTP != nil {
		client = *p.HTTP
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the address holds a secret
		}
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return err
	}
	if len(answer) > maxAnswer {
		return errors.New("the answer is too long")
	}
	if err := p.verdict(res, answer); err != nil {
		return err
	}
	return read(answer, out)
}

// read takes what stands in the envelope {meta, data}, or the bare thing. An empty
// thing may be written as an empty list.
func read(answer []byte, out any) error {
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(answer, &envelope) == nil && len(envelope.Data) > 0 && string(envelope.Data) != "null" {
		answer = envelope.Data
	}
	if string(bytes.TrimSpace(answer)) == "[]" {
		return nil
	}
	if json.Unmarshal(answer, out) != nil {
		return errors.New("the answer is no JSON of the kind that ZMS has")
	}
	return nil
}

func (p *Provider) verdict(res *http.Response, body []byte) error {
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return nil
	}
	var told struct {
		Errors []struct {
			Code string `json:"errorCode"`
		} `json:"errors"`
	}
	_ = json.Unmarshal(body, &told)
	e := &problem{status: res.StatusCode, cause: hooks.Verdict(res, p.now())}
	if len(told.Errors) > 0 && len(told.Errors[0].Code) < 80 {
		e.code = told.Errors[0].Code
	}
	switch {
	case res.StatusCode == http.StatusNotFound && e.code == "" || res.StatusCode >= 300 && res.StatusCode < 400:
		e.cause = fmt.Errorf("answer %d: no such path at the partner", res.StatusCode) // mostly a wrong address
	case e.code == "tooManyAppointmentsWithSameMail" || e.code == "authKeyMismatch":
		e.cause = fmt.Errorf("answer %d: %w", res.StatusCode, hooks.ErrRejected)
	}
	return e
}

// flexible reads a number or a text with one.
type flexible int64

func (n *flexible) UnmarshalJSON(b []byte) error {
	i, err := strconv.ParseInt(strings.Trim(string(b), `" `), 10, 64)
	if err == nil {
		*n = flexible(i)
	}
	return nil
}

type process struct {
	ProcessID    flexible `json:"processId"`
	ID           flexible `json:"id"` // in documents of the system behind the API
	AuthKey      string   `json:"authKey"`
	Status       string   `json:"status"`
	Timestamp    flexible `json:"timestamp"`
	OfficeID     flexible `json:"officeId"`
	Number       any      `json:"displayNumber"`
	Appointments []struct {
		Date flexible `json:"date"`
	} `json:"appointments"`
	Queue struct {
		Status string `json:"status"`
	} `json:"queue"`
}

var states = map[string]string{
	"reserved": "reserved", "preconfirmed": "preconfirmed", "confirmed": "confirmed", "queued": "confirmed", "called": "confirmed", "processing": "confirmed",
	"finished": "confirmed", "deleted": "cancelled", "canceled": "cancelled", "cancelled": "cancelled", "blocked": "cancelled",
}

// process reads what the city has of us.
func (r process) process() (hooks.CityProcess, error) {
	p := hooks.CityProcess{Process: int64(cmp.Or(r.ProcessID, r.ID)), AuthKey: r.AuthKey, State: states[cmp.Or(r.Status, r.Queue.Status)], At: int64(r.Timestamp), Office: int(r.OfficeID)}
	if s, ok := r.Number.(string); ok {
		p.Number = s
	}
	if p.Number == "" {
		p.Number = fmt.Sprint(p.Process)
	}
	if p.At == 0 && len(r.Appointments) > 0 {
		p.At = int64(r.Appointments[0].Date)
	}
	if p.Process == 0 || p.State == "" {
		return p, errors.New("the answer is no appointment of the kind that ZMS has")
	}
	return p, nil
}

func (p *Provider) ask(ctx context.Context, method, path string, query url.Values, body map[string]any) (hooks.CityProcess, error) {
	var r process
	if err := p.call(ctx, method, path, query, body, &r); err != nil {
		return hooks.CityProcess{}, err
	}
	return r.process()
}

func (p *Provider) get(ctx context.Context, of hooks.CityProcess) (hooks.CityProcess, error) {
	now, err := p.ask(ctx, http.MethodGet, "/appointment/", url.Values{"processId": {fmt.Sprint(of.Process)}, "authKey": {of.AuthKey}}, nil)
	var e *problem
	if errors.As(err, &e) && e.code != "" && e.status == http.StatusNotFound {
		return now, hooks.ErrNotFound
	}
	now.AuthKey = of.AuthKey
	return now, err
}

// alone lets one try of a key through at a time: two at once would reserve twice.
func (p *Provider) alone(key string) (release func()) {
	p.mu.Lock()
	if p.busy == nil || len(p.busy) > 10_000 {
		p.busy = map[string]*sync.Mutex{}
	}
	m := p.busy[key]
	if m == nil {
		m = &sync.Mutex{}
		p.busy[key] = m
	}
	p.mu.Unlock()
	m.Lock()
	return m.Unlock
}

// Submit does an order; the payload is a [hooks.CityAppointment], that of the result
// a [hooks.CityProcess].
func (p *Provider) Submit(ctx context.Context, o hooks.Order) (hooks.Result, error) {
	var a hooks.CityAppointment
	dec := json.NewDecoder(bytes.NewReader(o.Payload))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&a); err != nil {
		return hooks.Result{}, fmt.Errorf("payload is no appointment: %w", hooks.ErrRejected)
	}
	if err := a.Check(); err != nil {
		return hooks.Result{}, fmt.Errorf("%w: %w", err, hooks.ErrRejected)
	}
	defer p.alone(o.Key)()
	of := hooks.CityProcess{Process: a.Process, AuthKey: a.AuthKey}
	var err error
	switch a.Do {
	case hooks.AppointmentHold:
		var n note
		n, err = p.reserve(ctx, o.Key, a)
		of = n.CityProcess
	case hooks.AppointmentBook:
		of, err = p.book(ctx, o.Key, a)
	case hooks.AppointmentConfirm:
		of, err = p.confirm(ctx, of, a, func() error { return nil })
	case hooks.AppointmentUpdate:
		of, err = p.update(ctx, of, a)
	case hooks.AppointmentCancel:
		of, err = p.cancel(ctx, of)
	}
	if err != nil {
		return hooks.Result{}, err
	}
	payload, err := json.Marshal(of)
	return hooks.Result{Reference: fmt.Sprint(of.Process), Payload: payload}, err
}

// note is what is kept of a reservation. Sent: its confirmation is under way, so a
// reservation that is gone may have been confirmed and cancelled meanwhile.
type note struct {
	hooks.CityProcess
	Sent bool `json:"sent,omitempty"`
}

// reserve takes a time, or what an earlier try of the same order reserved.
func (p *Provider) reserve(ctx context.Context, key string, a hooks.CityAppointment) (n note, err error) {
	kept, err := p.Notes.Recall(ctx, key)
	if err == nil {
		return n, json.Unmarshal(kept, &n)
	}
	if !errors.Is(err, hooks.ErrNotFound) {
		return n, err
	}
	return p.reserveAnew(ctx, key, a)
}

func (p *Provider) reserveAnew(ctx context.Context, key string, a hooks.CityAppointment) (n note, err error) {
	ids, counts := []int{}, []int{}
	for _, s := range a.Services {
		ids, counts = append(ids, s.ID), append(counts, s.Count)
	}
	n.CityProcess, err = p.ask(ctx, http.MethodPost, "/reserve-appointment/", nil, map[string]any{
		"timestamp": a.At, "officeId": a.Office, "serviceId": ids, "serviceCount": counts,
	})
	if err != nil {
		return n, err
	}
	if n.AuthKey == "" {
		return n, errors.New("the answer has no key")
	}
	return n, p.keep(ctx, key, n)
}

func (p *Provider) keep(ctx context.Context, key string, n note) error {
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return p.Notes.Keep(ctx, key, b)
}

// book reserves and confirms. An outage may outlast the reservation of an earlier try:
// unless its confirmation was sent, nobody else can have used it, and the time is
// taken again.
func (p *Provider) book(ctx context.Context, key string, a hooks.CityAppointment) (of hooks.CityProcess, err error) {
	n, err := p.reserve(ctx, key, a)
	if err != nil {
		return of, err
	}
	sending := func() error {
		n.Sent = true
		return p.keep(ctx, key, n)
	}
	of, err = p.confirm(ctx, n.CityProcess, a, sending)
	if errors.Is(err, hooks.ErrExpired) && !n.Sent {
		if n, err = p.reserveAnew(ctx, key, a); err != nil {
			return of, err
		}
		of, err = p.confirm(ctx, n.CityProcess, a, sending)
	}
	return of, err
}

func ids(of hooks.CityProcess) map[string]any {
	return map[string]any{"processId": of.Process, "authKey": of.AuthKey}
}

func (p *Provider) update(ctx context.Context, of hooks.CityProcess, a hooks.CityAppointment) (hooks.CityProcess, error) {
	body := ids(of)
	body["familyName"], body["email"] = a.Name, a.Email
	if a.Phone != "" {
		body["telephone"] = a.Phone
	}
	if a.Text != "" {
		body["customTextfield"] = a.Text
	}
	now, err := p.ask(ctx, http.MethodPost, "/update-appointment/", nil, body)
	now.AuthKey = of.AuthKey
	return now, err
}

// confirm goes from whatever state to confirmed; sending is called before anything
// goes out that may confirm.
func (p *Provider) confirm(ctx context.Context, of hooks.CityProcess, a hooks.CityAppointment, sending func() error) (hooks.CityProcess, error) {
	now, err := p.get(ctx, of)
	if errors.Is(err, hooks.ErrNotFound) {
		return now, hooks.ErrExpired
	}
	if err != nil {
		return now, err
	}
	steps := []string{"/preconfirm-appointment/", "/confirm-appointment/"}
	switch now.State {
	case "confirmed":
		return now, nil
	case "cancelled":
		return now, hooks.ErrExpired
	case "preconfirmed":
		steps = steps[1:]
	default:
		if now, err = p.update(ctx, of, a); err != nil {
			return now, p.expired(ctx, of, err)
		}
	}
	if err := sending(); err != nil {
		return now, err
	}
	for _, step := range steps {
		if now, err = p.ask(ctx, http.MethodPost, step, nil, ids(of)); err != nil {
			return now, p.expired(ctx, of, err)
		}
	}
	now.AuthKey = of.AuthKey
	if now.State != "confirmed" {
		return now, errors.New("confirmed, but the answer says otherwise")
	}
	return now, nil
}

// expired tells a refusal because the reservation is gone from every other.
func (p *Provider) expired(ctx context.Context, of hooks.CityProcess, err error) error {
	if errors.Is(err, hooks.ErrRejected) {
		if now, again := p.get(ctx, of); errors.Is(again, hooks.ErrNotFound) || again == nil && now.State == "cancelled" {
			return hooks.ErrExpired
		}
	}
	return err
}

func (p *Provider) cancel(ctx context.Context, of hooks.CityProcess) (hooks.CityProcess, error) {
	now, err := p.get(ctx, of)
	if errors.Is(err, hooks.ErrNotFound) {
		of.State = "cancelled" // the city forgets what is cancelled
		return of, nil
	}
	if err != nil || now.State == "cancelled" {
		return now, err
	}
	now, err = p.ask(ctx, http.MethodPost, "/cancel-appointment/", nil, ids(of))
	now.AuthKey = of.AuthKey
	return now, err
}

// Find tells what became of an order that reserved; the notes say what it was. Orders
// that had a number from the start look for themselves.
func (p *Provider) Find(ctx context.Context, key string) (hooks.Result, error) {
	note, err := p.Notes.Recall(ctx, key)
	if err != nil {
		return hooks.Result{}, err
	}
	var of hooks.CityProcess
	if err := json.Unmarshal(note, &of); err != nil {
		return hooks.Result{}, err
	}
	now, err := p.get(ctx, of)
	if err != nil {
		return hooks.Result{}, err
	}
	if now.State != "confirmed" {
		return hooks.Result{}, fmt.Errorf("reserved only: %w", hooks.ErrNotFound)
	}
	payload, err := json.Marshal(now)
	return hooks.Result{Reference: fmt.Sprint(now.Process), Payload: payload}, err
}

// Office is a place with appointments; Service is what they are for.
type Office struct {
	ID   flexible `json:"id"`
	Name string   `json:"name"`
}

// Service is what an appointment is for.
type Service struct {
	ID          flexible `json:"id"`
	Name        string   `json:"name"`
	MaxQuantity flexible `json:"maxQuantity"`
}

// Directory is what is offered where.
type Directory struct {
	Offices   []Office  `json:"offices"`
	Services  []Service `json:"services"`
	Relations []struct {
		Office  flexible `json:"officeId"`
		Service flexible `json:"serviceId"`
		Slots   flexible `json:"slots"`
	} `json:"relations"`
}

// Offer reads offices, services and which office has which.
func (p *Provider) Offer(ctx context.Context) (d Directory, err error) {
	err = p.call(ctx, http.MethodGet, "/offices-and-services/", nil, nil, &d)
	return d, err
}

// Free reads the free times of services at an office, seconds since 1970.
func (p *Provider) Free(ctx context.Context, office int, services []hooks.CityService, from, to time.Time) ([]int64, error) {
	var ids, counts []string
	for _, s := range services {
		ids, counts = append(ids, strconv.Itoa(s.ID)), append(counts, strconv.Itoa(s.Count))
	}
	var calendar struct {
		Days []struct {
			Offices []struct {
				Office       flexible   `json:"officeId"`
				Appointments []flexible `json:"appointments"`
			} `json:"offices"`
		} `json:"availableDays"`
		Older []struct { // of the system behind the API
			Appointments map[string][]flexible `json:"appointments"`
		} `json:"days"`
	}
	day := func(t time.Time) string { return t.Format(time.DateOnly) }
	err := p.call(ctx, http.MethodGet, "/available-calendar/", url.Values{
		"startDate": {day(from)}, "endDate": {day(to)}, "slotsStartDate": {day(from)}, "slotsEndDate": {day(to)},
		"officeIds": {strconv.Itoa(office)}, "serviceIds": {strings.Join(ids, ",")}, "serviceCounts": {strings.Join(counts, ",")},
	}, nil, &calendar)
	times := []int64{}
	for _, d := range calendar.Older {
		for _, at := range d.Appointments[strconv.Itoa(office)] {
			times = append(times, int64(at))
		}
	}
	for _, d := range calendar.Days {
		for _, o := range d.Offices {
			for _, at := range o.Appointments {
				if int(o.Office) == office && at > 0 {
					times = append(times, int64(at))
				}
			}
		}
	}
	return times, err
}

// Check asks what is offered, for the button "test connection".
func (p *Provider) Check(ctx context.Context) (string, error) {
	d, err := p.Offer(ctx)
	if err == nil && len(d.Offices) == 0 {
		err = errors.New("the answer is no list of offices")
	}
	return fmt.Sprintf("%d/%d", len(d.Offices), len(d.Services)), err
}
