// Package providers keeps how the program reaches its providers: address,
// credentials, limits, and whether orders go to the partner, to a simulation or
// nowhere. Admins change it on a page and try the connection with a button.
//
// It does not know protocols. Package main names each provider with a [Kind];
// [Providers.Settings] and [Providers.Limit] answer from memory, so that the
// dispatcher may ask before every call and a change needs no restart. Credentials
// are stored sealed, never shown again and never logged.
package providers

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

//go:embed words/*.json
var Words embed.FS

//go:embed templates/*.html
var templateFiles embed.FS

var templates = base.MustTemplates(templateFiles)

// Where orders of a provider go.
const (
	Off       = "off"       // nowhere: they wait
	Simulated = "simulated" // to a simulator inside the program
	Real      = "real"      // to the partner
)

// Kind is one provider that can be set up. Its name in words is
// "staff.providers.name.<Name>", that of a field "staff.providers.field.<Field>".
type Kind struct {
	Name    string
	Fields  []string // besides the address, no secrets; none is required
	Secrets []string
	// Simulation is the address inside the program, "" without one.
	Simulation string
	// Test asks the partner who it is; the answer is shown to staff.
	Test func(ctx context.Context) (string, error)
}

// Settings of one provider.
type Settings struct {
	Mode    string
	Address string // of the simulator, while it is simulated
	Fields  map[string]string
	Secrets map[string]string
	Limit   hooks.Limit
}

// ErrOff is told to orders of a provider that is switched off: they wait.
var ErrOff = fmt.Errorf("the provider is switched off in the settings: %w", hooks.RetryAfter{After: 10 * time.Minute})

// errSealed: secret.key is another than when the credentials were saved.
var errSealed = fmt.Errorf("the credentials in the settings cannot be read, enter them again: %w", hooks.ErrCredentials)

// Providers is the matter of provider settings; make it with [New].
type Providers struct {
	p     *base.Platform
	kinds []Kind

	mu    sync.RWMutex
	known map[string]row
}

// row is what is stored of a provider, with its secrets opened.
type row struct {
	Name      string `db:"name"`
	Rev       int64  `db:"rev"`
	Mode      string `db:"mode"`
	Address   string `db:"address"`
	Fields    string `db:"fields"`
	Sealed    []byte `db:"sealed"`
	Parallel  int    `db:"parallel"`
	PerMinute int    `db:"per_minute"`
	Failures  int    `db:"failures"`
	Pause     int    `db:"pause"`
	Updated   int64  `db:"updated"`
	UpdatedBy string `db:"updated_by"`

	fields  map[string]string
	secrets map[string]string
	broken  bool // the secrets do not open
}

// New reads what is stored. The list of kinds is that of the page; their functions
// are called later only.
func New(p *base.Platform, kinds ...Kind) (*Providers, error) {
	s := &Providers{p: p, kinds: kinds}
	return s, s.load()
}

func (s *Providers) load() error {
	var rows []row
	if err := s.p.App.DB().NewQuery(`SELECT * FROM provider_settings`).All(&rows); err != nil {
		return err
	}
	known := map[string]row{}
	for _, r := range rows {
		if err := json.Unmarshal([]byte(r.Fields), &r.fields); err != nil {
			return fmt.Errorf("provider %s: %w", r.Name, err)
		}
		if r.Sealed != nil {
			opened, err := s.open("settings "+r.Name, r.Sealed)
			if err == nil {
				err = json.Unmarshal(opened, &r.secrets)
			}
			r.broken = err != nil
		}
		known[r.Name] = r
	}
	s.mu.Lock()
	s.known = known
	s.mu.Unlock()
	return nil
}

func (s *Providers) kind(name string) (Kind, bool) {
	for _, k := range s.kinds {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// stored is the row of a kind, or what holds without one: the demo plays with
// simulators, else a provider is off until somebody sets it up.
func (s *Providers) stored(k Kind) row {
	s.mu.RLock()
	r, ok := s.known[k.Name]
	s.mu.RUnlock()
	if !ok {
		r = row{Name: k.Name, Mode: Off}
		if s.p.Demo && k.Simulation != "" {
			r.Mode = Simulated
		}
	}
	return r
}

// Settings tells how a provider is reached now. [ErrOff] when it is not; every
// other error says what staff must mend.
func (s *Providers) Settings(name string) (Settings, error) {
	k, ok := s.kind(name)
	if !ok {
		return Settings{}, fmt.Errorf("providers: no kind %q", name)
	}
	r := s.stored(k)
	set := Settings{Mode: r.Mode, Address: r.Address, Fields: r.fields, Secrets: r.secrets, Limit: r.limit()}
	switch {
	case r.Mode == Off || r.Mode == Simulated && k.Simulation == "":
		return Settings{Mode: Off}, ErrOff
	case r.Mode == Simulated:
		return Settings{Mode: Simulated, Address: k.Simulation, Limit: r.limit()}, nil
	case r.broken:
		return set, errSealed
	}
	return set, nil
}

// Mode tells where orders of a provider go.
func (s *Providers) Mode(name string) string {
	set, _ := s.Settings(name)
	return set.Mode
}

// Limit of a provider, zero where nothing was set; for hooks.Dispatcher.LimitOf.
func (s *Providers) Limit(name string) hooks.Limit {
	if k, ok := s.kind(name); ok {
		return s.stored(k).limit()
	}
	return hooks.Limit{}
}

func (r row) limit() hooks.Limit {
	return hooks.Limit{Parallel: r.Parallel, PerMinute: r.PerMinute, Failures: r.Failures, Pause: time.Duration(r.Pause) * time.Second}
}

func (s *Providers) aead() cipher.AEAD {
	block, err := aes.NewCipher(s.p.Key("provider credentials"))
	if err == nil {
		var a cipher.AEAD
		if a, err = cipher.NewGCMWithRandomNonce(block); err == nil {
			return a
		}
	}
	panic(err) // only for keys of another length
}

func (s *Providers) seal(of string, b []byte) []byte { return s.aead().Seal(nil, nil, b, []byte(of)) }

func (s *Providers) open(of string, b []byte) ([]byte, error) {
	return s.aead().Open(nil, nil, b, []byte(of))
}

// Notes are those of one provider, kept sealed.
func (s *Providers) Notes(provider string) hooks.Notes { return notes{s, provider} }

type notes struct {
	s        *Providers
	provider string
}

func (n notes) Recall(ctx context.Context, key string) ([]byte, error) {
	key = n.provider + " " + key
	var sealed []byte
	err := n.s.p.App.DB().NewQuery(`SELECT sealed FROM provider_notes WHERE key = {:key}`).WithContext(ctx).Bind(dbx.Params{"key": key}).Row(&sealed)
	if base.IsNoRows(err) {
		return nil, hooks.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return n.s.open("note "+key, sealed)
}

func (n notes) Keep(ctx context.Context, key string, note []byte) error {
	key = n.provider + " " + key
	_, err := n.s.p.App.DB().NewQuery(`INSERT INTO provider_notes (key, sealed, made) VALUES ({:key}, {:sealed}, {:now})
		ON CONFLICT (key) DO UPDATE SET sealed = {:sealed}, made = {:now}`).WithContext(ctx).
		Bind(dbx.Params{"key": key, "sealed": n.s.seal("note "+key, note), "now": n.s.p.Now().UnixMilli()}).Execute()
	return err
}

// How long things are kept.
const (
	KeepNotes   = 40 * 24 * time.Hour // longer than an order can be replayed
	KeepChanges = 730 * 24 * time.Hour
)

// Sweep deletes notes and changes that have had their time.
func (s *Providers) Sweep(ctx context.Context) error {
	now := s.p.Now()
	_, err := s.p.App.DB().NewQuery(`DELETE FROM provider_notes WHERE made < {:before}`).WithContext(ctx).
		Bind(dbx.Params{"before": now.Add(-KeepNotes).UnixMilli()}).Execute()
	_, err2 := s.p.App.DB().NewQuery(`DELETE FROM provider_changes WHERE at < {:before}`).WithContext(ctx).
		Bind(dbx.Params{"before": now.Add(-KeepChanges).UnixMilli()}).Execute()
	return errors.Join(err, err2)
}

// Bind adds the admins' pages.
func (s *Providers) Bind(se *core.ServeEvent) {
	admin := base.Need(base.Admin)
	s.p.Route(se, "GET", "/redaktion/anbieter/{$}", s.showAll, admin)
	s.p.Route(se, "GET", "/redaktion/anbieter/{name}/{$}", s.showOne, admin)
	s.p.Route(se, "POST", "/redaktion/anbieter/{name}/{$}", s.save, admin)
	s.p.Route(se, "POST", "/redaktion/anbieter/{name}/pruefen/{$}", s.test, admin)
}
