package orders

import (
	"context"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/content/chart"
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
	o.p.Route(se, "GET", pagePath+"erneut/{$}", o.ask(actReplay), admin)
	o.p.Route(se, "POST", pagePath+"erneut/{$}", o.do(actReplay), admin)
	o.p.Route(se, "GET", pagePath+"zuruecknehmen/{$}", o.ask(actWithdraw), admin)
	o.p.Route(se, "POST", pagePath+"zuruecknehmen/{$}", o.do(actWithdraw), admin)
	o.p.Route(se, "GET", pagePath+"pause/{$}", o.ask(actPause), admin)
	o.p.Route(se, "POST", pagePath+"pause/{$}", o.do(actPause), admin)
	o.p.Route(se, "POST", pagePath+"weiter/{$}", o.resume, admin)
	o.p.Route(se, "GET", pagePath+"webhooks/{$}", o.endpoints, admin)
	o.p.Route(se, "GET", pagePath+"webhooks/neu/{$}", o.newEndpoint, admin)
	o.p.Route(se, "POST", pagePath+"webhooks/neu/{$}", o.addEndpoint, admin)
	o.p.Route(se, "GET", pagePath+"webhooks/{id}/{$}", o.showEndpoint, admin)
	o.p.Route(se, "POST", pagePath+"webhooks/{id}/{$}", o.saveEndpoint, admin)
	o.p.Route(se, "POST", pagePath+"webhooks/{id}/testen/{$}", o.testEndpoint, admin)
	o.p.Route(se, "POST", pagePath+"webhooks/{id}/geheimnis/{$}", o.rotateSecret, admin)
	o.p.Route(se, "POST", pagePath+"webhooks/{id}/loeschen/{$}", o.deleteEndpoint, admin)
	o.p.Route(se, "POST", "/webhooks/{provider}", o.receive)
}

// Overview is what the page shows. It holds no payloads, keys or subjects.
type Overview struct {
	Providers []ProviderOverview
	Waiting   []OpenOrder // those that wait longest
	MoreOpen  int         // open orders that the list leaves out
	Dead      []DeadOrder
	MoreDead  int // dead orders that the list leaves out
	Log       []LogLine
	Hours     []Hour
	Now       time.Time
}

// ProviderOverview is the queue of one provider.
type ProviderOverview struct {
	Name      string
	Known     bool   // there is such a provider in this server
	Circuit   string // closed, half-open, open
	Paused    time.Time
	Halted    bool // paused by the program: the partner refuses our credentials
	Counts    map[hooks.State]int
	Withdrawn int       // among the rejected
	Oldest    time.Time // creation of the oldest open order
	LastError string
	ErrorAt   time.Time
	Health    Health
	Limit     hooks.Limit
}

// Open is the length of the queue.
func (q ProviderOverview) Open() int {
	return q.Counts[hooks.Waiting] + q.Counts[hooks.Leased] + q.Counts[hooks.Unknown]
}

// OpenOrder is an order that waits or is under way.
type OpenOrder struct {
	ID       int64
	Provider string
	Kind     string
	Partner  string
	State    hooks.State
	Attempts int
	Created  time.Time
	Due      time.Time
	Until    time.Time // end of the budget; zero before the first try
	Error    string
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

// LogLine is what somebody did, and why.
type LogLine struct {
	At       time.Time
	Who      string // name; "" is the program
	What     string
	Provider string
	Order    int64 // 0: the provider as a whole
	N        int
	Reason   string
}

const (
	shownDead = 100
	shownOpen = 50
	shownLog  = 30
)

// Overview reads the queues.
func (o *Orders) Overview(ctx context.Context) (Overview, error) {
	v := Overview{Now: o.p.Now()}
	health, hours, err := o.figures(ctx)
	if err != nil {
		return Overview{}, err
	}
	v.Hours = hours
	queues := map[string]*ProviderOverview{}
	queue := func(name string) *ProviderOverview {
		if queues[name] == nil {
			queues[name] = &ProviderOverview{Name: name, Circuit: o.Dispatcher.Circuit(name), Counts: map[hooks.State]int{}, Health: health[name], Limit: o.Dispatcher.Limit(name)}
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
	slices.SortFunc(v.Providers, func(a, b ProviderOverview) int { return strings.Compare(a.Name, b.Name) })
	return v, errors.Join(o.readOpen(ctx, &v), o.readDead(ctx, &v), o.readLog(ctx, &v))
}

func (o *Orders) query(ctx context.Context, rows any, statement string) error {
	return o.p.App.DB().NewQuery(statement).WithContext(ctx).All(rows)
}

func (o *Orders) readCounts(ctx context.Context, queue func(string) *ProviderOverview) error {
	var rows []struct {
		Provider  string `db:"provider"`
		State     string `db:"state"`
		N         int    `db:"n"`
		Withdrawn int    `db:"withdrawn"`
	}
	err := o.query(ctx, &rows, `SELECT provider, state, count(*) AS n, count(withdrawn) AS withdrawn FROM orders GROUP BY provider, state`)
	for _, r := range rows {
		q := queue(r.Provider)
		q.Counts[hooks.State(r.State)] = r.N - r.Withdrawn
		q.Withdrawn += r.Withdrawn
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
		Reason   string `db:"reason"`
	}
	err := o.query(ctx, &rows, `SELECT provider, since, reason FROM order_pauses`)
	for _, r := range rows {
		q := queue(r.Provider)
		q.Paused, q.Halted = time.UnixMilli(r.Since), r.Reason != ""
	}
	return err
}

func (o *Orders) readOpen(ctx context.Context, v *Overview) error {
	var rows []struct {
		ID       int64  `db:"id"`
		Provider string `db:"provider"`
		Kind     string `db:"kind"`
		Partner  string `db:"partner"`
		State    string `db:"state"`
		Attempt  int    `db:"attempt"`
		Created  int64  `db:"created"`
		Due      int64  `db:"due"`
		Since    int64  `db:"since"`
		Error    string `db:"last_error"`
	}
	err := o.p.App.DB().NewQuery(`SELECT id, provider, kind, partner, state, attempt, created, due, coalesce(since, 0) AS since, last_error
		FROM orders WHERE state IN ('waiting', 'leased', 'unknown') ORDER BY id LIMIT {:n}`).WithContext(ctx).
		Bind(dbx.Params{"n": shownOpen}).All(&rows)
	for _, r := range rows {
		open := OpenOrder{ID: r.ID, Provider: r.Provider, Kind: r.Kind, Partner: r.Partner, State: hooks.State(r.State), Attempts: r.Attempt,
			Created: time.UnixMilli(r.Created), Due: time.UnixMilli(r.Due), Error: r.Error}
		if r.Since > 0 {
			open.Until = time.UnixMilli(r.Since).Add(base.OrderBudget)
		}
		v.Waiting = append(v.Waiting, open)
	}
	for _, q := range v.Providers {
		v.MoreOpen += q.Open()
	}
	v.MoreOpen = max(v.MoreOpen-len(v.Waiting), 0)
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
	v.MoreDead = max(v.MoreDead-len(v.Dead), 0)
	return err
}

func (o *Orders) readLog(ctx context.Context, v *Overview) error {
	var rows []struct {
		At       int64  `db:"at"`
		Staff    string `db:"staff"`
		Name     string `db:"name"`
		What     string `db:"what"`
		Provider string `db:"provider"`
		Order    int64  `db:"order_id"`
		N        int    `db:"n"`
		Reason   string `db:"reason"`
	}
	err := o.p.App.DB().NewQuery(`SELECT l.at, l.staff, coalesce(s.name, '') AS name, l.what, l.provider, coalesce(l.order_id, 0) AS order_id, l.n, l.reason
		FROM order_log l LEFT JOIN staff s ON s.id = l.staff ORDER BY l.id DESC LIMIT {:n}`).WithContext(ctx).Bind(dbx.Params{"n": shownLog}).All(&rows)
	for _, r := range rows {
		line := LogLine{At: time.UnixMilli(r.At), Who: r.Name, What: r.What, Provider: r.Provider, Order: r.Order, N: r.N, Reason: r.Reason}
		if r.Name == "" && r.Staff != "" {
			line.Who = r.Staff // an account that was deleted
		}
		v.Log = append(v.Log, line)
	}
	return err
}

// States in the order of the page's columns.
func (Overview) States() []hooks.State {
	return []hooks.State{hooks.Waiting, hooks.Leased, hooks.Unknown, hooks.Done, hooks.Rejected, hooks.Dead}
}

func showTime(t time.Time) string { return t.In(content.Berlin).Format("02.01.2006 15:04") }

// Time writes a moment as staff read it.
func (Overview) Time(t time.Time) string { return showTime(t) }

// Clock writes the hour of a moment.
func (Overview) Clock(t time.Time) string { return t.In(content.Berlin).Format("15:04") }

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

// Took writes how long a call took.
func (Overview) Took(d time.Duration) string {
	switch {
	case d < time.Second:
		return strconv.Itoa(int(d.Milliseconds())) + " ms"
	default:
		return strings.Replace(strconv.FormatFloat(d.Seconds(), 'f', 1, 64), ".", ",", 1) + " s"
	}
}

// Tried is whether anything was tried in the last day.
func (v Overview) Tried() bool {
	return slices.ContainsFunc(v.Hours, func(h Hour) bool { return h.Tries > 0 })
}

// Replayable are the providers with dead orders, for "replay all".
func (v Overview) Replayable() (all []ProviderOverview) {
	for _, q := range v.Providers {
		if q.Known && q.Counts[hooks.Dead] > 1 {
			all = append(all, q)
		}
	}
	return all
}

// Chart draws the tries of the last day, those that failed in front of all.
func (o *Orders) chart(v Overview) template.HTML {
	word := func(key string, args ...any) string {
		return o.p.Words.In(content.German, "staff.orders.chart."+key, args...)
	}
	bars := make([]chart.Point, len(v.Hours))
	failed := make([]chart.Point, len(v.Hours))
	sum, bad := 0, 0
	for i, h := range v.Hours {
		label := h.Begins.In(content.Berlin).Format("15:04")
		bars[i] = chart.Point{Label: label, N: h.Tries}
		failed[i] = chart.Point{Label: label, N: h.Failed}
		sum, bad = sum+h.Tries, bad+h.Failed
	}
	drawn := chart.Columns(chart.Head{ID: "versuche", Title: word("title"), Desc: word("desc", "n", sum, "failed", bad)}, bars, strconv.Itoa)
	if bad > 0 {
		drawn += chart.Columns(chart.Head{ID: "fehler-24", Title: word("failed"), Desc: word("failed_desc", "failed", bad)}, failed, strconv.Itoa)
	}
	return template.HTML(drawn) // chart escapes what it is given
}

var notices = []string{"erneut", "zuruecknehmen", "pause", "weiter"}

func (o *Orders) show(e *core.RequestEvent) error {
	v, err := o.Overview(e.Request.Context())
	if err != nil {
		return err
	}
	notice := e.Request.URL.Query().Get("getan")
	if !slices.Contains(notices, notice) {
		notice = ""
	}
	return o.p.Show(e, http.StatusOK, pages, "orders", base.View{
		Title: o.p.Words.In(content.German, "staff.orders.title"),
		Data: struct {
			Overview
			Notice string
			Chart  template.HTML
		}{v, notice, o.chart(v)},
	})
}

func (o *Orders) store() *Store { return o.Dispatcher.Store.(*Store) }

// action is what staff do to orders, with a reason that the log keeps.
type action string

const (
	actReplay   action = "erneut"
	actWithdraw action = "zuruecknehmen"
	actPause    action = "pause"
)

const longestReason = 200

// target is the order or the provider of an action.
type target struct {
	Order    int64
	Provider string
	Name     string // of the provider, for staff
	Action   action
}

// aim reads the target from the address or the form: an order's id, or a
// provider's name where the action takes all of its orders.
func (o *Orders) aim(a action, form url.Values) (target, error) {
	t := target{Action: a}
	if s := form.Get("id"); s != "" && a != actPause {
		id, err := strconv.ParseInt(s, 10, 64)
		if err != nil || id <= 0 {
			return t, base.ErrNotFound
		}
		t.Order = id
		return t, nil
	}
	t.Provider = form.Get("provider")
	if a == actWithdraw || !o.knows(t.Provider) {
		return t, base.ErrNotFound
	}
	t.Name = o.name(t.Provider)
	return t, nil
}

func (o *Orders) knows(provider string) bool {
	return slices.ContainsFunc(o.providers, func(p hooks.Provider) bool { return p.Name() == provider })
}

func (o *Orders) ask(a action) base.Handler {
	return func(e *core.RequestEvent) error {
		t, err := o.aim(a, e.Request.URL.Query())
		if err != nil {
			return err
		}
		return o.form(e, http.StatusOK, t, nil, nil)
	}
}

func (o *Orders) form(e *core.RequestEvent, status int, t target, form url.Values, problems content.Problems) error {
	key := "staff.orders." + string(t.Action) + "_title"
	if t.Order == 0 && t.Action == actReplay {
		key = "staff.orders.alle_title"
	}
	return o.p.Show(e, status, pages, "act", base.View{
		Title: o.p.Words.In(content.German, key, "id", t.Order, "provider", t.Name),
		Data:  t, Form: form, Problems: problems,
	})
}

func (o *Orders) do(a action) base.Handler {
	return func(e *core.RequestEvent) error {
		form, err := base.DecodeForm(e.Response, e.Request)
		if err != nil {
			return err
		}
		t, err := o.aim(a, form)
		if err != nil {
			return err
		}
		reason := strings.Join(strings.Fields(form.Get("reason")), " ")
		switch n := utf8.RuneCountInString(reason); {
		case n == 0:
			return o.form(e, http.StatusUnprocessableEntity, t, form, content.Problems{{Field: "reason", Code: "required"}})
		case n > longestReason:
			return o.form(e, http.StatusUnprocessableEntity, t, form, content.Problems{{Field: "reason", Code: "too_long", Args: map[string]any{"max": longestReason}}})
		}
		if err := o.carryOut(e.Request.Context(), t, base.Staff(e).Id, reason); err != nil {
			return err
		}
		return e.Redirect(http.StatusSeeOther, pagePath+"?"+url.Values{"getan": {string(a)}}.Encode())
	}
}

func (o *Orders) carryOut(ctx context.Context, t target, staff, reason string) error {
	var err error
	switch {
	case t.Action == actPause:
		err = o.store().Pause(ctx, t.Provider, staff, reason)
	case t.Action == actWithdraw:
		err = o.store().Withdraw(ctx, t.Order, staff, reason)
	case t.Order != 0:
		err = o.store().Replay(ctx, t.Order, staff, reason)
	default:
		_, err = o.store().ReplayAll(ctx, t.Provider, staff, reason)
	}
	switch {
	case errors.Is(err, errNotDead):
		return base.Refuse(http.StatusConflict, "order_not_dead")
	case errors.Is(err, errSent):
		return base.Refuse(http.StatusConflict, "order_sent")
	}
	return err
}

func (o *Orders) resume(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	provider := form.Get("provider")
	if !o.knows(provider) {
		return base.ErrNotFound
	}
	if err := o.store().Resume(e.Request.Context(), provider, base.Staff(e).Id); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, pagePath+"?getan=weiter")
}
