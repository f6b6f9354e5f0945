package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"time"

	"servicepoint/hooks/octo"
	collection "servicepoint/hooks/waste"
	"servicepoint/hooks/zms"
	"servicepoint/pocketbase-app/providers"
	"servicepoint/pocketbase-app/tours"
	"servicepoint/pocketbase-app/waste"
)

// played answers requests to simulators from inside the process, without a
// socket; all others go their way.
type played struct {
	simulators map[string]http.Handler // by host
	next       http.RoundTripper
}

func simulationOf(name string) string { return name + ".simulation.invalid" }

func (p played) RoundTrip(r *http.Request) (res *http.Response, err error) {
	h := p.simulators[r.URL.Host]
	if h == nil {
		return p.next.RoundTrip(r)
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	defer func() {
		if recover() != nil { // http.ErrAbortHandler: the line breaks
			res, err = nil, errors.New("connection reset by the simulation")
		}
	}()
	asked := r.Clone(r.Context())
	if asked.Body == nil {
		asked.Body = http.NoBody
	}
	asked.RequestURI = asked.URL.RequestURI()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, asked)
	res = w.Result()
	res.Request = r
	return res, nil
}

// partners are the providers whose settings staff edit, and how they are reached.
type partners struct {
	settings *providers.Providers
	octo     *octo.Provider
	waste    *collection.Client
	zms      *zms.Provider
}

func (s *server) newPartners() (*partners, error) {
	line := played{map[string]http.Handler{}, http.DefaultTransport}
	simulation := func(name string) string {
		sim, err := simulatorOf(name)
		if err != nil {
			return ""
		}
		line.simulators[simulationOf(name)] = sim.open()
		return "http://" + simulationOf(name)
	}
	client := &http.Client{Timeout: 20 * time.Second, Transport: line}
	p := &partners{}
	p.octo = &octo.Provider{HTTP: client, Clock: func() time.Time { return s.p.Now() }, Settings: func() (octo.Settings, error) {
		set, err := p.settings.Settings("octo")
		return octo.Settings{Address: set.Address, Token: set.Secrets["token"]}, err
	}}
	p.waste = &collection.Client{HTTP: client, Clock: p.octo.Clock, Address: func() (string, error) {
		set, err := p.settings.Settings("waste")
		return set.Address, err
	}}
	p.zms = &zms.Provider{HTTP: client, Clock: p.octo.Clock, Settings: func() (zms.Settings, error) {
		set, err := p.settings.Settings("zms")
		return zms.Settings{Address: set.Address, Captcha: set.Secrets["captcha"]}, err
	}}
	var err error
	p.settings, err = providers.New(s.p,
		providers.Kind{Name: "octo", Secrets: []string{"token"}, Simulation: simulation("octo"), Test: p.octo.Check},
		providers.Kind{Name: "zms", Secrets: []string{"captcha"}, Simulation: simulation("zms"), Test: p.zms.Check},
		providers.Kind{Name: "waste", Simulation: simulation("waste"), Test: p.waste.Check},
	)
	if err == nil {
		p.zms.Notes = p.settings.Notes("zms")
	}
	return p, err
}

// newTours sells what the provider octo offers.
func (s *server) newTours(organiser string) *tours.Tours {
	t := tours.New(s.p)
	t.Seller, t.Provider, t.Organiser = s.partners.octo, s.partners.octo.Name(), organiser
	t.Mode = func() string { return s.partners.settings.Mode("octo") }
	return t
}

// newWaste shows the calendar of the provider waste.
func (s *server) newWaste() *waste.Waste {
	w := waste.New(s.p)
	w.Collection = s.partners.waste
	w.Mode = func() string { return s.partners.settings.Mode("waste") }
	return w
}
