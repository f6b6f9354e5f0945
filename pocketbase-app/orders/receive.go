package orders

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const (
	maxWebhook    = 64 << 10
	maxReferences = 20             // of one message
	keepSeen      = 24 * time.Hour // well over the tolerance of time stamps
)

func (o *Orders) receiver(provider string) hooks.Receiver {
	if r := o.Receivers[provider]; r != nil {
		return r
	}
	for _, p := range o.providers {
		if r, ok := p.(hooks.Receiver); ok && p.Name() == provider {
			return r
		}
	}
	return nil
}

// receive takes a partner's webhook. Its signature is checked over the raw body
// before anything is read; what it says is not believed but asked for: an order of
// kind "fetch" for each order of ours that it names, unless one waits already. The
// same message again does nothing.
func (o *Orders) receive(e *core.RequestEvent) error {
	provider := e.Request.PathValue("provider")
	r := o.receiver(provider)
	if r == nil {
		return base.ErrNotFound
	}
	now := o.p.Now()
	giveBack, wait := o.wrong.Take(base.Network(e.RealIP()), now)
	if wait > 0 {
		e.Response.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		return base.Refuse(http.StatusTooManyRequests, "too_many_requests")
	}
	body, err := io.ReadAll(http.MaxBytesReader(e.Response, e.Request.Body, maxWebhook))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return err
	}
	if err != nil {
		return base.Refuse(http.StatusBadRequest, "body_cut_off")
	}
	call, err := r.Receive(e.Request.Header, body, now)
	if err != nil {
		if !errors.Is(err, hooks.ErrSignature) {
			o.p.App.Logger().Error("a webhook could not be checked", "provider", provider, "error", err.Error())
		}
		return base.Refuse(http.StatusUnauthorized, "webhook_signature")
	}
	giveBack()
	if err := o.p.App.RunInTransaction(func(tx core.App) error { return o.take(tx, provider, call, now) }); err != nil {
		return err
	}
	o.p.WakeOrders()
	e.Response.WriteHeader(http.StatusNoContent)
	return nil
}

func (o *Orders) take(tx core.App, provider string, call hooks.Call, now time.Time) error {
	digest := sha256.Sum256([]byte(call.ID))
	res, err := tx.DB().NewQuery(`INSERT INTO webhook_seen (provider, hash, at) VALUES ({:provider}, {:hash}, {:now}) ON CONFLICT DO NOTHING`).
		Bind(dbx.Params{"provider": provider, "hash": digest[:16], "now": now.UnixMilli()}).Execute()
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	for _, reference := range call.References[:min(len(call.References), maxReferences)] {
		if err := o.fetch(tx, provider, reference, now); err != nil {
			return err
		}
	}
	return nil
}

// fetch writes the order that asks about a reference; one that nobody knows is
// passed over, and one that waits for its first try already serves for this call too.
func (o *Orders) fetch(tx core.App, provider, reference string, now time.Time) error {
	var about struct {
		Kind    string `db:"kind"`
		Subject string `db:"subject"`
		Partner string `db:"partner"`
	}
	err := tx.DB().NewQuery(`SELECT kind, subject, partner FROM orders
		WHERE provider = {:provider} AND (reference = {:reference} OR key = {:reference}) AND kind <> 'fetch' ORDER BY id DESC LIMIT 1`).
		Bind(dbx.Params{"provider": provider, "reference": reference}).One(&about)
	if base.IsNoRows(err) {
		return nil
	}
	if err != nil {
		return err
	}
	payload, err := json.Marshal(hooks.Fetch{Reference: reference, Kind: about.Kind, Subject: about.Subject})
	if err != nil {
		return err
	}
	// A subject of its own: asking must not hold up what is to be told to the citizen.
	_, err = tx.DB().NewQuery(`INSERT INTO orders (key, provider, kind, subject, partner, payload, state, due, created)
		SELECT {:key}, {:provider}, 'fetch', {:subject}, {:partner}, {:payload}, 'waiting', {:now}, {:now}
		WHERE NOT EXISTS (SELECT 1 FROM orders WHERE subject = {:subject} AND provider = {:provider} AND kind = 'fetch'
			AND state = 'waiting' AND attempt = 0 AND payload = {:payload})`).Bind(dbx.Params{
		"key": "fetch:" + base.NewToken(), "provider": provider, "subject": "fetch:" + about.Subject, "partner": about.Partner,
		"payload": string(payload), "now": now.UnixMilli(),
	}).Execute()
	return err
}

// followed tells what was fetched to the settler of the order that it is about.
func (s *Store) followed(tx core.App, o hooks.Order, state hooks.State, r hooks.Result) error {
	var about hooks.Fetch
	if state != hooks.Done || json.Unmarshal(o.Payload, &about) != nil {
		return nil
	}
	if f, ok := s.settlers[about.Kind].(Follower); ok {
		return f.Follow(tx, about.Subject, r)
	}
	return nil
}
