package orders

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const (
	webhooksPath = pagePath + "webhooks/"
	maxEndpoints = 50
	keepDelivery = 30 * 24 * time.Hour
	bothSecrets  = 24 * time.Hour // the old secret signs beside the new one
	shownTries   = 50
)

// Endpoint is a system of the city that is told what happens.
type Endpoint struct {
	ID       string
	Name     string
	URL      string
	Events   []string
	Active   bool
	Gone     time.Time // when it answered 410 and was switched off
	Secret   string
	OldUntil time.Time // until then the secret before signs, too
	LastAt   time.Time // of the last try
	Last     int       // its status
	LastTrue bool      // it was accepted
}

type endpointRow struct {
	ID        string `db:"id"`
	Name      string `db:"name"`
	URL       string `db:"url"`
	Events    string `db:"events"`
	Secret    []byte `db:"secret"`
	OldSecret []byte `db:"old_secret"`
	OldUntil  int64  `db:"old_until"`
	Active    bool   `db:"active"`
	Gone      int64  `db:"gone"`
	LastAt    int64  `db:"last_at"`
	Last      int    `db:"last"`
}

const endpointFields = `SELECT e.id, e.name, e.url, e.events, e.secret, e.old_secret, coalesce(e.old_until, 0) AS old_until, e.active, coalesce(e.gone, 0) AS gone,
	coalesce((SELECT at FROM webhook_tries t WHERE t.endpoint = e.id ORDER BY t.id DESC LIMIT 1), 0) AS last_at,
	coalesce((SELECT status FROM webhook_tries t WHERE t.endpoint = e.id ORDER BY t.id DESC LIMIT 1), 0) AS last
	FROM webhook_endpoints e `

// sealing keeps secrets of endpoints with a key that is not in the database.
func (o *Orders) sealing() cipher.AEAD {
	block, err := aes.NewCipher(o.p.Key("webhook secrets"))
	if err == nil {
		var a cipher.AEAD
		if a, err = cipher.NewGCMWithRandomNonce(block); err == nil {
			return a
		}
	}
	panic(err) // only for keys of another length
}

func (o *Orders) seal(id, secret string) []byte {
	return o.sealing().Seal(nil, nil, []byte(secret), []byte(id))
}

func (o *Orders) open(id string, sealed []byte) (string, error) {
	b, err := o.sealing().Open(nil, nil, sealed, []byte(id))
	if err != nil {
		return "", fmt.Errorf("endpoint %s: its secret does not open; is secret.key that of this database?", id)
	}
	return string(b), nil
}

func (o *Orders) endpointOf(r endpointRow) (Endpoint, error) {
	ep := Endpoint{ID: r.ID, Name: r.Name, URL: r.URL, Active: r.Active, Last: r.Last, LastTrue: r.Last >= 200 && r.Last < 300}
	if err := json.Unmarshal([]byte(r.Events), &ep.Events); err != nil {
		return ep, err
	}
	for _, moment := range []struct {
		ms int64
		to *time.Time
	}{{r.Gone, &ep.Gone}, {r.OldUntil, &ep.OldUntil}, {r.LastAt, &ep.LastAt}} {
		if moment.ms > 0 {
			*moment.to = time.UnixMilli(moment.ms)
		}
	}
	if !ep.OldUntil.After(o.p.Now()) {
		ep.OldUntil = time.Time{}
	}
	var err error
	ep.Secret, err = o.open(r.ID, r.Secret)
	return ep, err
}

func (o *Orders) findEndpoint(ctx context.Context, id string) (endpointRow, error) {
	var row endpointRow
	err := o.p.App.DB().NewQuery(endpointFields + `WHERE e.id = {:id}`).WithContext(ctx).Bind(dbx.Params{"id": id}).One(&row)
	if base.IsNoRows(err) {
		return row, base.ErrNotFound
	}
	return row, err
}

// WebhookEndpoint is what the provider "webhook" needs to know of an endpoint.
func (o *Orders) WebhookEndpoint(ctx context.Context, id string) (hooks.WebhookEndpoint, error) {
	row, err := o.findEndpoint(ctx, id)
	if errors.Is(err, base.ErrNotFound) {
		return hooks.WebhookEndpoint{}, hooks.ErrNoEndpoint
	}
	if err != nil {
		return hooks.WebhookEndpoint{}, err
	}
	ep, err := o.endpointOf(row)
	if err != nil {
		return hooks.WebhookEndpoint{}, err
	}
	keys := []string{ep.Secret}
	if !ep.OldUntil.IsZero() {
		old, err := o.open(id, row.OldSecret)
		if err != nil {
			return hooks.WebhookEndpoint{}, err
		}
		keys = append(keys, old)
	}
	return hooks.WebhookEndpoint{URL: ep.URL, Keys: keys, Active: ep.Active}, nil
}

// WebhookTried writes a try into the log; an endpoint that says that it is gone
// (410) is switched off.
func (o *Orders) WebhookTried(d hooks.WebhookDelivery) {
	now := o.p.Now().UnixMilli()
	err := o.p.App.RunInTransaction(func(tx core.App) error {
		_, err := tx.DB().NewQuery(`INSERT INTO webhook_tries (endpoint, message, type, attempt, status, took, problem, at)
			VALUES ({:endpoint}, {:message}, {:type}, {:attempt}, {:status}, {:took}, {:problem}, {:now})`).Bind(dbx.Params{
			"endpoint": d.Endpoint, "message": d.Message, "type": d.Type, "attempt": d.Attempt, "status": d.Status,
			"took": d.Took.Milliseconds(), "problem": d.Problem, "now": now,
		}).Execute()
		if err != nil || d.Status != http.StatusGone {
			return err
		}
		_, err = tx.DB().NewQuery(`UPDATE webhook_endpoints SET active = 0, gone = {:now}, updated = {:now} WHERE id = {:id} AND active = 1`).
			Bind(dbx.Params{"id": d.Endpoint, "now": now}).Execute()
		return err
	})
	if err != nil {
		o.p.App.Logger().Error("a try of a webhook could not be logged", "endpoint", d.Endpoint, "error", err.Error())
	}
}

// Try is a line of the delivery log.
type Try struct {
	At      time.Time
	Type    string
	Message string
	Attempt int
	Status  int
	Took    time.Duration
	Problem string
}

func (o *Orders) triesOf(ctx context.Context, endpoint string) ([]Try, error) {
	var rows []struct {
		At      int64  `db:"at"`
		Type    string `db:"type"`
		Message string `db:"message"`
		Attempt int    `db:"attempt"`
		Status  int    `db:"status"`
		Took    int64  `db:"took"`
		Problem string `db:"problem"`
	}
	err := o.p.App.DB().NewQuery(`SELECT at, type, message, attempt, status, took, problem FROM webhook_tries
		WHERE endpoint = {:id} ORDER BY id DESC LIMIT {:n}`).WithContext(ctx).Bind(dbx.Params{"id": endpoint, "n": shownTries}).All(&rows)
	tries := make([]Try, len(rows))
	for i, r := range rows {
		tries[i] = Try{time.UnixMilli(r.At), r.Type, r.Message, r.Attempt, r.Status, time.Duration(r.Took) * time.Millisecond, r.Problem}
	}
	return tries, err
}

// endpointView is what the pages of endpoints show.
type endpointView struct {
	Overview // for its ways of writing
	All      []Endpoint
	One      Endpoint
	Tries    []Try
	Events   []string
	Notice   string
}

func (o *Orders) endpoints(e *core.RequestEvent) error {
	var rows []endpointRow
	if err := o.p.App.DB().NewQuery(endpointFields + `ORDER BY e.name, e.id`).WithContext(e.Request.Context()).All(&rows); err != nil {
		return err
	}
	v := endpointView{Notice: o.endpointNotice(e)}
	for _, r := range rows {
		ep, err := o.endpointOf(r)
		if err != nil {
			return err
		}
		v.All = append(v.All, ep)
	}
	return o.p.Show(e, http.StatusOK, pages, "endpoints", base.View{Title: o.word("staff.webhooks.title"), Data: v})
}

func (o *Orders) word(key string, args ...any) string {
	return o.p.Words.In(content.German, key, args...)
}

func (o *Orders) endpointNotice(e *core.RequestEvent) string {
	notice := e.Request.URL.Query().Get("getan")
	if !slices.Contains([]string{"gespeichert", "test", "geheimnis", "geloescht"}, notice) {
		return ""
	}
	return notice
}

func (o *Orders) newEndpoint(e *core.RequestEvent) error {
	return o.endpointPage(e, http.StatusOK, Endpoint{}, url.Values{"active": {"1"}, "events": base.Announcements}, nil)
}

func (o *Orders) showEndpoint(e *core.RequestEvent) error {
	row, err := o.findEndpoint(e.Request.Context(), e.Request.PathValue("id"))
	if err != nil {
		return err
	}
	ep, err := o.endpointOf(row)
	if err != nil {
		return err
	}
	form := url.Values{"name": {ep.Name}, "url": {ep.URL}, "events": ep.Events}
	if ep.Active {
		form.Set("active", "1")
	}
	return o.endpointPage(e, http.StatusOK, ep, form, nil)
}

func (o *Orders) endpointPage(e *core.RequestEvent, status int, ep Endpoint, form url.Values, problems content.Problems) error {
	v := endpointView{One: ep, Events: base.Announcements, Notice: o.endpointNotice(e)}
	title := o.word("staff.webhooks.new")
	if ep.ID != "" {
		var err error
		if v.Tries, err = o.triesOf(e.Request.Context(), ep.ID); err != nil {
			return err
		}
		title = ep.Name
	}
	return o.p.Show(e, status, pages, "endpoint", base.View{Title: title, Data: v, Form: form, Problems: problems})
}

// readEndpoint checks what was typed.
func (o *Orders) readEndpoint(form url.Values) (ep Endpoint, problems content.Problems) {
	ep.Name = strings.Join(strings.Fields(form.Get("name")), " ")
	ep.URL = strings.TrimSpace(form.Get("url"))
	ep.Active = form.Get("active") != ""
	ep.Events = []string{}
	switch n := len([]rune(ep.Name)); {
	case n == 0:
		problems.Add("name", "required")
	case n > 80:
		problems.Add("name", "too_long", "max", 80)
	}
	if ep.URL == "" {
		problems.Add("url", "required")
	} else if o.CheckURL(ep.URL) != nil {
		problems.Add("url", "webhook_url")
	}
	for _, event := range base.Announcements {
		if slices.Contains(form["events"], event) {
			ep.Events = append(ep.Events, event)
		}
	}
	if len(ep.Events) == 0 {
		problems.Add("events", "webhook_events")
	}
	return ep, problems
}

func (o *Orders) addEndpoint(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	ep, problems := o.readEndpoint(form)
	if len(problems) > 0 {
		return o.endpointPage(e, http.StatusUnprocessableEntity, Endpoint{}, form, problems)
	}
	ep.ID = strings.ToLower(base.NewToken()[:12])
	events, err := json.Marshal(ep.Events)
	if err != nil {
		return err
	}
	full := errors.New("too many endpoints")
	err = o.change(e, "angelegt: "+ep.Name, func(tx core.App, now int64) error {
		res, err := tx.DB().NewQuery(`INSERT INTO webhook_endpoints (id, name, url, events, secret, active, created, updated)
			SELECT {:id}, {:name}, {:url}, {:events}, {:secret}, {:active}, {:now}, {:now}
			WHERE (SELECT count(*) FROM webhook_endpoints) < {:max}`).Bind(dbx.Params{
			"id": ep.ID, "name": ep.Name, "url": ep.URL, "events": string(events), "secret": o.seal(ep.ID, hooks.NewWebhookSecret()),
			"active": ep.Active, "now": now, "max": maxEndpoints,
		}).Execute()
		return changedOne(res, err, full)
	})
	if errors.Is(err, full) {
		problems.Add("name", "webhook_full", "max", maxEndpoints)
		return o.endpointPage(e, http.StatusUnprocessableEntity, Endpoint{}, form, problems)
	}
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, webhooksPath+ep.ID+"/?getan=gespeichert")
}

func (o *Orders) saveEndpoint(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	row, err := o.findEndpoint(e.Request.Context(), e.Request.PathValue("id"))
	if err != nil {
		return err
	}
	old, err := o.endpointOf(row)
	if err != nil {
		return err
	}
	ep, problems := o.readEndpoint(form)
	if len(problems) > 0 {
		return o.endpointPage(e, http.StatusUnprocessableEntity, old, form, problems)
	}
	events, err := json.Marshal(ep.Events)
	if err != nil {
		return err
	}
	err = o.change(e, "geändert: "+ep.Name, func(tx core.App, now int64) error {
		res, err := tx.DB().NewQuery(`UPDATE webhook_endpoints SET name = {:name}, url = {:url}, events = {:events}, active = {:active},
			gone = CASE WHEN {:active} THEN NULL ELSE gone END, updated = {:now} WHERE id = {:id}`).Bind(dbx.Params{
			"id": row.ID, "name": ep.Name, "url": ep.URL, "events": string(events), "active": ep.Active, "now": now,
		}).Execute()
		return changedOne(res, err, base.ErrNotFound)
	})
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, webhooksPath+row.ID+"/?getan=gespeichert")
}

// testEndpoint sends a message of the type "test" the way all messages go.
func (o *Orders) testEndpoint(e *core.RequestEvent) error {
	row, err := o.findEndpoint(e.Request.Context(), e.Request.PathValue("id"))
	if err != nil {
		return err
	}
	err = o.p.App.RunInTransaction(func(tx core.App) error {
		return o.p.AnnounceTo(tx, row.ID, "test", map[string]string{"id": "test-" + strings.ToLower(base.NewToken()[:8])})
	})
	if err != nil {
		return err
	}
	o.p.WakeOrders()
	return e.Redirect(http.StatusSeeOther, webhooksPath+row.ID+"/?getan=test")
}

// rotateSecret makes a new secret; for a day both sign.
func (o *Orders) rotateSecret(e *core.RequestEvent) error {
	row, err := o.findEndpoint(e.Request.Context(), e.Request.PathValue("id"))
	if err != nil {
		return err
	}
	err = o.change(e, "neues Geheimnis: "+row.Name, func(tx core.App, now int64) error {
		res, err := tx.DB().NewQuery(`UPDATE webhook_endpoints SET old_secret = secret, old_until = {:until}, secret = {:secret}, updated = {:now} WHERE id = {:id}`).
			Bind(dbx.Params{"id": row.ID, "secret": o.seal(row.ID, hooks.NewWebhookSecret()), "until": now + bothSecrets.Milliseconds(), "now": now}).Execute()
		return changedOne(res, err, base.ErrNotFound)
	})
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, webhooksPath+row.ID+"/?getan=geheimnis")
}

func (o *Orders) deleteEndpoint(e *core.RequestEvent) error {
	row, err := o.findEndpoint(e.Request.Context(), e.Request.PathValue("id"))
	if err != nil {
		return err
	}
	err = o.change(e, "gelöscht: "+row.Name, func(tx core.App, _ int64) error {
		for _, q := range []string{`DELETE FROM webhook_tries WHERE endpoint = {:id}`, `DELETE FROM webhook_endpoints WHERE id = {:id}`} {
			if _, err := tx.DB().NewQuery(q).Bind(dbx.Params{"id": row.ID}).Execute(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, webhooksPath+"?getan=geloescht")
}

// change does something to an endpoint and writes it into the log of orders.
func (o *Orders) change(e *core.RequestEvent, what string, f func(tx core.App, now int64) error) error {
	now := o.p.Now()
	return o.p.App.RunInTransaction(func(tx core.App) error {
		if err := f(tx, now.UnixMilli()); err != nil {
			return err
		}
		return note(tx, now, entry{Staff: base.Staff(e).Id, What: "endpoint", Provider: "webhook", Reason: what})
	})
}

func changedOne(res interface{ RowsAffected() (int64, error) }, err, none error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, none)
	}
	return nil
}
