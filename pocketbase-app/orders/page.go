package orders

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

//go:embed templates/*.html
var templates embed.FS

var pages = base.MustTemplates(templates)

const pagePath = "/redaktion/auftraege/"

// Bind adds the operators' page and its buttons, for the role admin.
func (o *Orders) Bind(se *core.ServeEvent) {
	admin := base.Need(base.Admin)
	o.p.Route(se, "GET", pagePath+"{$}", o.show, admin)
	o.p.Route(se, "POST", pagePath+"erneut/{$}", o.replay, admin)
	o.p.Route(se, "POST", pagePath+"pause/{$}", o.pause, admin)
	o.p.Route(se, "POST", pagePath+"weiter/{$}", o.resume, admin)
}

// Overview is what the page shows. It holds no payloads, keys or subjects.
type Overview struct {
	Providers []ProviderOverview
	Dead      []DeadOrder
	MoreDead  int // dead orders that the list leaves out
	Now       time.Time
}

// ProviderOverview is the queue of one provider.
type ProviderOverview struct {
	Name      string
	Known     bool   // there is such a provider in this server
	Circuit   string // closed, half-open, open
	Paused    time.Time
	Counts    map[hooks.State]int
	Oldest    time.Time // creation of the oldest open order
	LastError string
	ErrorAt   time.Time
}

// Open is the length of the queue.
func (q ProviderOverview) Open() int {
	return q.Counts[hooks.Waiting] + q.Counts[hooks.Leased] + q.Counts[hooks.Unknown]
}

// DeadOrder is an order that was given up.
type DeadOrder struct {
	ID       int64
	Provider string
	Kind     string
	Partner  string
	Attempts int
	Created  time.Time
	Died     time.Time
	Error    string
	Emptied  bool // by retention: cannot be replayed
}

const shownDead = 100

// Overview reads the queues.
func (o *Orders) Overview(ctx context.Context) (Overview, error) {
	v := Overview{Now: o.p.Now()}
	queues := map[string]*ProviderOverview{}
	queue := func(name string) *ProviderOverview {
		if queues[name] == nil {
			queues[name] = &ProviderOverview{Name: name, Circuit: o.Dispatcher.Circuit(name), Counts: map[hooks.State]int{}}
			queues[name].Known = queues[name].Circuit != ""
		}
		return queues[name]
	}
	for _, p := range o.providers {
		queue(p.Name())
	}
	for _, read := range []func(context.Context, func(string) *ProviderOverview) error{o.readCounts, o.readOldest, o.readErrors, o.readPauses} {
		if err := read(ctx, queue); err != nil {
			return Overview{}, err
		}
	}
	for _, q := range queues {
		v.Providers = append(v.Providers, *q)
	}
	slices.SortFunc(v.Providers, func(a, b ProviderOverview) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return v, o.readDead(ctx, &v)
}

func (o *Orders) query(ctx context.Context, rows any, statement string) error {
	return o.p.App.DB().NewQuery(statement).WithContext(ctx).All(rows)
}

func (o *Orders) readCounts(ctx context.Context, queue func(string) *ProviderOverview) error {
	var rows []struct {
		Provider string `db:"provider"`
		State    string `db:"state"`
		N        int    `db:"n"`
	}
	err := o.query(ctx, &rows, `SELECT provider, state, count(*) AS n FROM orders GROUP BY provider, state`)
	for _, r := range rows {
		queue(r.Provider).Counts[hooks.State(r.State)] = r.N
	}
	return err
}

func (o *Orders) readOldest(ctx context.Context, queue func(string) *ProviderOverview) error {
	var rows []struct {
		Provider string `db:"provider"`
		Oldest   int64  `db:"oldest"`
	}
	err := o.query(ctx, &rows, `SELECT provider, min(created) AS oldest FROM orders
		WHERE state IN ('waiting', 'leased', 'unknown') GROUP BY provider`)
	for _, r := range rows {
		queue(r.Provider).Oldest = time.UnixMilli(r.Oldest)
	}
	return err
}

// readErrors finds the error of the last try of open and dead orders; SQLite
// takes the bare columns from the row of the maximum.
func (o *Orders) readErrors(ctx context.Context, queue func(string) *ProviderOverview) error {
	var rows []struct {
		Provider  string `db:"provider"`
		LastError string `db:"last_error"`
		Tried     int64  `db:"tried"`
	}
	err := o.query(ctx, &rows, `SELECT provider, last_error, max(tried) AS tried FROM orders
		WHERE state IN ('waiting', 'leased', 'unknown', 'dead') AND last_error <> '' AND tried IS NOT NULL GROUP BY provider`)
	for _, r := range rows {
		q := queue(r.Provider)
		q.LastError, q.ErrorAt = r.LastError, time.UnixMilli(r.Tried)
	}
	return err
}

func (o *Orders) readPauses(ctx context.Context, queue func(string) *ProviderOverview) error {
	var rows []struct {
		Provider string `db:"provider"`
		Since    int64  `db:"since"`
	}
	err := o.query(ctx, &rows, `SELECT provider, since FROM order_pauses`)
	for _, r := range rows {
		queue(r.Provider).Paused = time.UnixMilli(r.Since)
	}
	return err
}

func (o *Orders) readDead(ctx context.Context, v *Overview) error {
	var rows []struct {
		ID       int64  `db:"id"`
		Provider string `db:"provider"`
		Kind     string `db:"kind"`
		Partner  string `db:"partner"`
		Attempt  int    `db:"attempt"`
		Created  int64  `db:"created"`
		Settled  int64  `db:"settled"`
		Error    string `db:"last_error"`
		Emptied  bool   `db:"emptied"`
	}
	err := o.p.App.DB().NewQuery(`SELECT id, provider, kind, partner, attempt, created, settled, last_error, payload = '{}' AS emptied
		FROM orders WHERE state = 'dead' ORDER BY settled DESC, id DESC LIMIT {:n}`).WithContext(ctx).
		Bind(dbx.Params{"n": shownDead}).All(&rows)
	for _, r := range rows {
		v.Dead = append(v.Dead, DeadOrder{ID: r.ID, Provider: r.Provider, Kind: r.Kind, Partner: r.Partner, Attempts: r.Attempt,
			Created: time.UnixMilli(r.Created), Died: time.UnixMilli(r.Settled), Error: r.Error, Emptied: r.Emptied})
	}
	for _, q := range v.Providers {
		v.MoreDead += q.Counts[hooks.Dead]
	}
	v.MoreDead -= len(v.Dead)
	return err
}

// States in the order of the page's columns.
func (Overview) States() []hooks.State {
	return []hooks.State{hooks.Waiting, hooks.Leased, hooks.Unknown, hooks.Done, hooks.Rejected, hooks.Dead}
}

// Time writes a moment as staff read it.
func (Overview) Time(t time.Time) string { return t.In(content.Berlin).Format("02.01.2006 15:04") }

// Age writes how long ago something was, in its largest unit.
func (v Overview) Age(t time.Time) string {
	switch d := v.Now.Sub(t); {
	case d < time.Minute:
		return "unter 1 Min."
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " Min."
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " Std."
	default:
		return strconv.Itoa(int(d.Hours()/24)) + " Tage"
	}
}

func (o *Orders) show(e *core.RequestEvent) error {
	v, err := o.Overview(e.Request.Context())
	if err != nil {
		return err
	}
	notice := e.Request.URL.Query().Get("getan")
	if !slices.Contains([]string{"erneut", "pause", "weiter"}, notice) {
		notice = ""
	}
	return o.p.Show(e, http.StatusOK, pages, "orders", base.View{
		Title: o.p.Words.In(content.German, "staff.orders.title"),
		Data: struct {
			Overview
			Notice string
		}{v, notice},
	})
}

func (o *Orders) store() *Store { return o.Dispatcher.Store.(*Store) }

func (o *Orders) replay(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(form.Get("id"), 10, 64)
	if err != nil {
		return base.ErrNotFound
	}
	err = o.store().Replay(e.Request.Context(), id, base.Staff(e).Id, "")
	if errors.Is(err, errNotDead) {
		return base.Refuse(http.StatusConflict, "order_not_dead")
	}
	if err != nil {
		return err
	}
	o.p.App.Logger().Info("order replayed", "order", id, "staff", base.Staff(e).Id)
	return e.Redirect(http.StatusSeeOther, pagePath+"?getan=erneut")
}

func (o *Orders) pause(e *core.RequestEvent) error {
	return o.switchProvider(e, "pause", func(ctx context.Context, provider string) error {
		return o.store().Pause(ctx, provider, base.Staff(e).Id, "")
	})
}

func (o *Orders) resume(e *core.RequestEvent) error {
	return o.switchProvider(e, "weiter", func(ctx context.Context, provider string) error {
		return o.store().Resume(ctx, provider, base.Staff(e).Id)
	})
}

func (o *Orders) switchProvider(e *core.RequestEvent, what string, act func(context.Context, string) error) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	provider := form.Get("provider")
	if !slices.ContainsFunc(o.providers, func(p hooks.Provider) bool { return p.Name() == provider }) {
		return base.ErrNotFound
	}
	if err := act(e.Request.Context(), provider); err != nil {
		return err
	}
	o.p.App.Logger().Info("provider switched", "provider", provider, "to", what, "staff", base.Staff(e).Id)
	return e.Redirect(http.StatusSeeOther, pagePath+"?"+url.Values{"getan": {what}}.Encode())
}
