package providers

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const pagePath = "/redaktion/anbieter/"

// overview is one line of the list.
type overview struct {
	Name, Mode, Address string
	Broken              bool
	Test                *change // the last one
}

// change is one line of the log.
type change struct {
	Provider string `db:"provider"`
	At       int64  `db:"at"`
	Staff    string `db:"staff"`
	What     string `db:"what"`
	Outcome  string `db:"outcome"`
	Said     string `db:"said"`
}

// When it happened, Berlin.
func (c change) When() string {
	return time.UnixMilli(c.At).In(content.Berlin).Format("02.01.2006 15:04")
}

// Fields are the names of what was changed.
func (c change) Fields() []string { return strings.Split(c.What, ",") }

type onePage struct {
	Kind     Kind
	Broken   bool
	Stored   map[string]bool // secrets that are there
	Modes    []string
	Rev      int64
	Changes  []change
	Test     *change
	Saved    bool
	Conflict bool
}

func (s *Providers) word(key string, args ...any) string {
	return s.p.Words.In(content.German, key, args...)
}

func (s *Providers) title(name string) string {
	if w := s.word("staff.providers.name." + name); !strings.HasPrefix(w, "staff.") {
		return w
	}
	return name
}

func (s *Providers) showAll(e *core.RequestEvent) error {
	list := []overview{}
	for _, k := range s.kinds {
		r := s.stored(k)
		o := overview{Name: k.Name, Mode: r.Mode, Address: r.Address, Broken: r.broken && r.Mode == Real}
		var err error
		if o.Test, err = s.lastTest(e.Request.Context(), k.Name); err != nil {
			return err
		}
		list = append(list, o)
	}
	return s.p.Show(e, http.StatusOK, templates, "list", base.View{Title: s.word("staff.providers.title"), Data: list})
}

func (s *Providers) lastTest(ctx context.Context, name string) (*change, error) {
	var c change
	err := s.p.App.DB().NewQuery(`SELECT provider, at, staff, what, outcome, said FROM provider_changes
		WHERE provider = {:name} AND what = 'test' ORDER BY id DESC LIMIT 1`).WithContext(ctx).Bind(dbx.Params{"name": name}).One(&c)
	if base.IsNoRows(err) {
		return nil, nil
	}
	return &c, err
}

// changes are the last ones; staff are named as long as their account exists.
func (s *Providers) changes(ctx context.Context, name string) (list []change, err error) {
	err = s.p.App.DB().NewQuery(`SELECT c.provider, c.at, c.what, c.outcome, c.said, coalesce(nullif(s.name, ''), s.email, '–') AS staff
		FROM provider_changes c LEFT JOIN staff s ON s.id = c.staff WHERE c.provider = {:name} ORDER BY c.id DESC LIMIT 20`).
		WithContext(ctx).Bind(dbx.Params{"name": name}).All(&list)
	return list, err
}

func (s *Providers) asked(e *core.RequestEvent) (Kind, error) {
	k, ok := s.kind(e.Request.PathValue("name"))
	if !ok {
		return k, base.ErrNotFound
	}
	return k, nil
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func (s *Providers) showOne(e *core.RequestEvent) error {
	k, err := s.asked(e)
	if err != nil {
		return err
	}
	r := s.stored(k)
	form := url.Values{
		"mode": {r.Mode}, "address": {r.Address}, "parallel": {number(r.Parallel)}, "per_minute": {number(r.PerMinute)},
		"failures": {number(r.Failures)}, "pause": {number(r.Pause)}, "rev": {strconv.FormatInt(r.Rev, 10)},
	}
	for _, f := range k.Fields {
		form.Set("field_"+f, r.fields[f])
	}
	return s.page(e, http.StatusOK, k, form, nil, false)
}

func (s *Providers) page(e *core.RequestEvent, status int, k Kind, form url.Values, problems content.Problems, conflict bool) error {
	r := s.stored(k)
	page := onePage{Kind: k, Broken: r.broken, Stored: map[string]bool{}, Modes: []string{Real}, Conflict: conflict,
		Saved: e.Request.Method == "GET" && e.Request.URL.Query().Get("getan") == "gespeichert"}
	if k.Simulation != "" {
		page.Modes = append(page.Modes, Simulated)
	}
	page.Modes = append(page.Modes, Off)
	page.Rev, _ = strconv.ParseInt(form.Get("rev"), 10, 64)
	for name, value := range r.secrets {
		page.Stored[name] = value != ""
	}
	for _, name := range k.Secrets {
		form.Del("secret_" + name) // never shown again, not even what was just typed
	}
	var err error
	if page.Changes, err = s.changes(e.Request.Context(), k.Name); err != nil {
		return err
	}
	if page.Test, err = s.lastTest(e.Request.Context(), k.Name); err != nil {
		return err
	}
	return s.p.Show(e, status, templates, "one", base.View{Title: s.word("staff.providers.title") + ": " + s.title(k.Name), Data: page, Form: form, Problems: problems})
}

// read takes the form over what is stored and names what changes.
func read(k Kind, old row, form url.Values) (next row, changed []string, problems content.Problems) {
	next = old
	next.fields, next.secrets = map[string]string{}, map[string]string{}
	note := func(differs bool, field string) {
		if differs {
			changed = append(changed, field)
		}
	}
	next.Mode = form.Get("mode")
	if !slices.Contains([]string{Real, Simulated, Off}, next.Mode) || next.Mode == Simulated && k.Simulation == "" {
		problems.Add("mode", "unknown_option")
	}
	note(next.Mode != old.Mode, "mode")
	next.Address = strings.TrimRight(strings.TrimSpace(form.Get("address")), "/")
	switch code := checkAddress(next.Address); {
	case next.Address == "" && next.Mode == Real:
		problems.Add("address", "required")
	case next.Address != "" && code != "":
		problems.Add("address", code)
	}
	note(next.Address != old.Address, "address")
	line := func(field, s string) string {
		s = strings.TrimSpace(s)
		if len(s) > 2000 || strings.ContainsFunc(s, unicode.IsControl) {
			problems.Add(field, "not_text")
		}
		return s
	}
	for _, f := range k.Fields {
		next.fields[f] = line("field_"+f, form.Get("field_"+f))
		note(next.fields[f] != old.fields[f], f)
	}
	for _, f := range k.Secrets {
		value := line("secret_"+f, form.Get("secret_"+f))
		switch {
		case form.Get("forget_"+f) != "":
			note(old.secrets[f] != "", f)
		case value != "":
			next.secrets[f] = value
			note(value != old.secrets[f], f)
		case old.secrets[f] != "":
			next.secrets[f] = old.secrets[f]
		}
	}
	for _, l := range []struct {
		field string
		into  *int
		max   int
	}{{"per_minute", &next.PerMinute, 6000}, {"parallel", &next.Parallel, 32}, {"failures", &next.Failures, 100}, {"pause", &next.Pause, 86400}} {
		was, text := *l.into, strings.TrimSpace(form.Get(l.field))
		n, err := strconv.Atoi(text)
		switch {
		case text == "":
			n = 0
		case err != nil:
			problems.Add(l.field, "not_integer")
		case n < 1:
			problems.Add(l.field, "too_small", "min", 1)
		case n > l.max:
			problems.Add(l.field, "too_large", "max", l.max)
		}
		*l.into = n
		note(n != was, l.field)
	}
	return next, changed, problems
}

// checkAddress wants https; http only on this machine.
func checkAddress(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" || len(s) > 500 || strings.ContainsAny(s, " {}") {
		return "not_address"
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && !(u.Scheme == "http" && local) {
		return "address_not_https"
	}
	return ""
}

var errConflict = errors.New("somebody else saved meanwhile")

func (s *Providers) save(e *core.RequestEvent) error {
	k, err := s.asked(e)
	if err != nil {
		return err
	}
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	old := s.stored(k)
	next, changed, problems := read(k, old, form)
	if len(problems) > 0 {
		return s.page(e, http.StatusUnprocessableEntity, k, form, problems, false)
	}
	rev, err := strconv.ParseInt(form.Get("rev"), 10, 64)
	if err != nil {
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	if len(changed) > 0 || old.Rev == 0 {
		err = s.write(next, rev, changed, e.Auth.Id)
	}
	if errors.Is(err, errConflict) {
		form.Set("rev", strconv.FormatInt(s.stored(k).Rev, 10))
		return s.page(e, http.StatusConflict, k, form, nil, true)
	}
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, pagePath+k.Name+"/?getan=gespeichert")
}

func (s *Providers) write(next row, rev int64, changed []string, staff string) error {
	fields, err := json.Marshal(next.fields)
	if err != nil {
		return err
	}
	var sealed any
	if len(next.secrets) > 0 {
		b, err := json.Marshal(next.secrets)
		if err != nil {
			return err
		}
		sealed = s.seal("settings "+next.Name, b)
	}
	if len(changed) == 0 {
		changed = []string{"mode"}
	}
	err = s.p.App.RunInTransaction(func(tx core.App) error {
		res, err := tx.DB().NewQuery(`INSERT INTO provider_settings (name, rev, mode, address, fields, sealed, parallel, per_minute, failures, pause, updated, updated_by)
			SELECT {:name}, 1, {:mode}, {:address}, {:fields}, {:sealed}, {:parallel}, {:minute}, {:failures}, {:pause}, {:now}, {:staff} WHERE {:rev} = 0 OR EXISTS (SELECT 1 FROM provider_settings WHERE name = {:name})
			ON CONFLICT (name) DO UPDATE SET rev = rev + 1, mode = excluded.mode, address = excluded.address, fields = excluded.fields, sealed = excluded.sealed,
				parallel = excluded.parallel, per_minute = excluded.per_minute, failures = excluded.failures, pause = excluded.pause,
				updated = excluded.updated, updated_by = excluded.updated_by
			WHERE provider_settings.rev = {:rev}`).Bind(dbx.Params{
			"name": next.Name, "mode": next.Mode, "address": next.Address, "fields": string(fields), "sealed": sealed, "parallel": next.Parallel,
			"minute": next.PerMinute, "failures": next.Failures, "pause": next.Pause, "now": s.p.Now().UnixMilli(), "staff": staff, "rev": rev,
		}).Execute()
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errConflict)
		}
		return s.log(tx, change{Provider: next.Name, Staff: staff, What: strings.Join(changed, ",")})
	})
	if err != nil {
		return err
	}
	s.p.WakeOrders()
	return s.load()
}

func (s *Providers) log(tx core.App, c change) error {
	_, err := tx.DB().NewQuery(`INSERT INTO provider_changes (provider, at, staff, what, outcome, said) VALUES ({:provider}, {:now}, {:staff}, {:what}, {:outcome}, {:said})`).
		Bind(dbx.Params{"provider": c.Provider, "now": s.p.Now().UnixMilli(), "staff": c.Staff, "what": c.What, "outcome": c.Outcome, "said": c.Said}).Execute()
	return err
}

// Outcomes of a test of the connection, ends of their words' keys.
const (
	testGood        = "good"
	testOff         = "off"
	testCredentials = "credentials"
	testTime        = "time"
	testLine        = "line"
	testRefused     = "refused"
	testFailed      = "failed"
)

// outcomeOf tells what went wrong as far as staff can mend it.
func outcomeOf(err error) string {
	var later hooks.RetryAfter
	var network *net.OpError
	var dns *net.DNSError
	switch {
	case err == nil:
		return testGood
	case errors.Is(err, ErrOff):
		return testOff
	case errors.Is(err, hooks.ErrCredentials):
		return testCredentials
	case errors.Is(err, context.DeadlineExceeded):
		return testTime
	case errors.As(err, &later), errors.Is(err, hooks.ErrRejected):
		return testRefused
	case errors.As(err, &network), errors.As(err, &dns):
		return testLine
	}
	return testFailed
}

func (s *Providers) test(e *core.RequestEvent) error {
	k, err := s.asked(e)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.Request.Context(), 15*time.Second)
	defer cancel()
	said := ""
	if _, err = s.Settings(k.Name); err == nil && k.Test != nil {
		said, err = k.Test(ctx)
	}
	c := change{Provider: k.Name, Staff: e.Auth.Id, What: "test", Outcome: outcomeOf(err), Said: oneLine(said)}
	if err != nil {
		s.p.App.Logger().Warn("test of a provider's connection", "provider", k.Name, "outcome", c.Outcome)
	}
	if err := s.p.App.RunInTransaction(func(tx core.App) error { return s.log(tx, c) }); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, pagePath+k.Name+"/#pruefung")
}

// oneLine keeps what a partner says of itself short and plain.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200])
	}
	return s
}

// Names are those of all kinds, sorted.
func (s *Providers) Names() []string {
	names := map[string]bool{}
	for _, k := range s.kinds {
		names[k.Name] = true
	}
	return slices.Sorted(maps.Keys(names))
}
