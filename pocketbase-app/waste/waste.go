// Package waste shows citizens when their bins are emptied: by street and house
// number, as a calendar to subscribe to, and by a mail on the evening before.
//
// It does not know the collection's protocol. A [Collection] is asked outside of
// transactions; what it said last is kept, and shown with its age while it does
// not answer. Addresses of pages and calendars hold the collection's number of a
// place and nothing of a person.
package waste

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"encoding/base32"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"servicepoint/content"
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

// Collection is the partner that empties bins.
type Collection interface {
	Streets(ctx context.Context, text string) ([]hooks.WasteStreet, error)
	Locations(ctx context.Context, street int, houseNumber string) ([]hooks.WasteLocation, error)
	// Pickups of a year; hooks.ErrUnchanged when the answer still has the tag.
	Pickups(ctx context.Context, location, year int, etag string) (list []hooks.Pickup, newETag string, err error)
}

// Waste is the matter; make it with [New] and set Collection and Mode.
type Waste struct {
	Collection Collection
	Mode       func() string // "real", "simulated" or "off"

	p        *base.Platform
	asking   chan struct{} // places for questions to the collection
	searches *base.Limits
	letters  *base.Limits
}

// New makes the matter.
func New(p *base.Platform) *Waste {
	return &Waste{p: p, Mode: func() string { return "off" }, asking: make(chan struct{}, 4),
		searches: base.NewLimits(30, time.Minute), letters: base.NewLimits(5, 10*time.Minute)}
}

// Bind adds the pages.
func (w *Waste) Bind(se *core.ServeEvent) {
	w.p.RoutePublic(se, "GET", "/abfall/{$}", w.showSearch)
	w.p.RoutePublic(se, "POST", "/abfall/{$}", w.search)
	w.p.RoutePublic(se, "GET", "/abfall/{location}/{$}", w.showDates)
	w.p.RoutePublic(se, "POST", "/abfall/{location}/erinnern/{$}", w.remind)
	w.p.RoutePublic(se, "GET", "/abfall/kalender/{file}", w.calendar)
	w.p.RoutePublic(se, "GET", "/abfall/erinnerung/bestaetigen/{token}/{$}", w.askConfirm)
	w.p.RoutePublic(se, "POST", "/abfall/erinnerung/bestaetigen/{token}/{$}", w.confirm)
	w.p.RoutePublic(se, "GET", "/abfall/erinnerung/abmelden/{token}/{$}", w.askEnd)
	w.p.RoutePublic(se, "POST", "/abfall/erinnerung/abmelden/{token}/{$}", w.end)
}

func (w *Waste) off() bool { m := w.Mode(); return m == "off" || m == "" }

// fresh is how long a calendar is shown without asking again.
const fresh = 24 * time.Hour

type calendarRow struct {
	Year    int    `db:"year"`
	Pickups string `db:"pickups"`
	ETag    string `db:"etag"`
	Fetched int64  `db:"fetched"`
	Changed int64  `db:"changed"`
}

// dates are the pick-ups of a place from a day on.
type dates struct {
	Label   string
	Pickups []hooks.Pickup // sorted
	Fetched time.Time      // the oldest answer that they are from
	Changed time.Time
	Stale   bool // the collection does not answer: this is what it last said
}

var (
	errUnknown = base.Refuse(404, "waste_unknown")
	errDown    = base.Refuse(503, "waste_down")
	errOff     = base.Refuse(503, "waste_off")
)

func (w *Waste) today() time.Time {
	y, m, d := w.p.Now().In(content.Berlin).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, content.Berlin)
}

// years are this one and, where the collection plans ahead, the next.
func (w *Waste) years() []int {
	t := w.today()
	if t.Month() >= time.November {
		return []int{t.Year(), t.Year() + 1}
	}
	return []int{t.Year()}
}

// dates reads the pick-ups of a place from today on, asking where what is known is
// older than maxAge.
func (w *Waste) dates(ctx context.Context, location int, maxAge time.Duration) (dates, error) {
	var d dates
	label := struct {
		Label string `db:"label"`
	}{}
	err := w.p.App.DB().NewQuery(`SELECT label FROM waste_locations WHERE location = {:l}`).WithContext(ctx).Bind(dbx.Params{"l": location}).One(&label)
	if err != nil && !base.IsNoRows(err) {
		return d, err
	}
	d.Label = label.Label
	var cause error
	known := false
	for _, year := range w.years() {
		row, err := w.year(ctx, location, year, maxAge)
		if err != nil {
			d.Stale, cause = true, err
		}
		if row.Fetched == 0 {
			continue
		}
		var list []hooks.Pickup
		if err := json.Unmarshal([]byte(row.Pickups), &list); err != nil {
			return d, err
		}
		known = known || len(list) > 0
		d.Pickups = append(d.Pickups, list...)
		if at := time.UnixMilli(row.Fetched); d.Fetched.IsZero() || at.Before(d.Fetched) {
			d.Fetched = at
		}
		if at := time.UnixMilli(row.Changed); at.After(d.Changed) {
			d.Changed = at
		}
	}
	if !known {
		if cause != nil {
			w.p.App.Logger().Warn("the waste collection does not answer", "error", cause.Error())
			return d, errDown
		}
		return d, errUnknown
	}
	today := w.today().Format(time.DateOnly)
	d.Pickups = slices.DeleteFunc(d.Pickups, func(p hooks.Pickup) bool { return p.Day < today })
	return d, nil
}

// year is the calendar of one year. With an error it is what was last known, Fetched
// 0 when nothing was.
func (w *Waste) year(ctx context.Context, location, year int, maxAge time.Duration) (calendarRow, error) {
	row, err := w.stored(ctx, location, year)
	now := w.p.Now()
	if err != nil || row.Fetched > 0 && now.Sub(time.UnixMilli(row.Fetched)) < maxAge {
		return row, err
	}
	if w.off() {
		return row, errOff
	}
	asking, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	select {
	case w.asking <- struct{}{}:
		defer func() { <-w.asking }()
	case <-asking.Done():
		return row, asking.Err()
	}
	list, etag, err := w.Collection.Pickups(asking, location, year, row.ETag)
	switch {
	case errors.Is(err, hooks.ErrUnchanged):
		row.Fetched = now.UnixMilli()
	case err != nil:
		return row, err
	default:
		b, err := json.Marshal(list)
		if err != nil {
			return row, err
		}
		if len(list) == 0 && len(row.Pickups) > 2 {
			return row, errors.New("the collection says that nothing is emptied any more") // a year does not lose all its dates
		}
		if string(b) != row.Pickups {
			row.Changed = now.UnixMilli()
		}
		row = calendarRow{Year: year, Pickups: string(b), ETag: etag, Fetched: now.UnixMilli(), Changed: row.Changed}
	}
	if row.Pickups == "[]" && year <= w.today().Year() {
		return row, nil // a place that nobody knows leaves no trace
	}
	return row, w.keep(ctx, location, row)
}

func (w *Waste) stored(ctx context.Context, location, year int) (calendarRow, error) {
	var row calendarRow
	err := w.p.App.DB().NewQuery(`SELECT year, pickups, etag, fetched, changed FROM waste_calendars WHERE location = {:l} AND year = {:y}`).
		WithContext(ctx).Bind(dbx.Params{"l": location, "y": year}).One(&row)
	if base.IsNoRows(err) {
		return row, nil
	}
	return row, err
}

func (w *Waste) keep(ctx context.Context, location int, row calendarRow) error {
	return w.p.App.RunInTransaction(func(tx core.App) error {
		if row.Pickups == "[]" {
			// The next year, of a place that is known by this one only.
			known := 0
			err := tx.DB().NewQuery(`SELECT count(*) FROM waste_locations WHERE location = {:l}`).Bind(dbx.Params{"l": location}).Row(&known)
			if err != nil || known == 0 {
				return err
			}
		} else if err := w.touch(tx, location, ""); err != nil {
			return err
		}
		_, err := tx.DB().NewQuery(`INSERT INTO waste_calendars (location, year, pickups, etag, fetched, changed) VALUES ({:l}, {:y}, {:p}, {:e}, {:f}, {:c})
			ON CONFLICT (location, year) DO UPDATE SET pickups = excluded.pickups, etag = excluded.etag, fetched = excluded.fetched, changed = excluded.changed
			WHERE excluded.fetched >= waste_calendars.fetched`).
			WithContext(ctx).Bind(dbx.Params{"l": location, "y": row.Year, "p": row.Pickups, "e": row.ETag, "f": row.Fetched, "c": row.Changed}).Execute()
		return err
	})
}

// touch notes that a place was asked for today, with its label where one is known.
func (w *Waste) touch(app core.App, location int, label string) error {
	_, err := app.DB().NewQuery(`INSERT INTO waste_locations (location, label, used) VALUES ({:l}, {:t}, {:d})
		ON CONFLICT (location) DO UPDATE SET used = excluded.used, label = CASE WHEN excluded.label = '' THEN label ELSE excluded.label END
		WHERE used <> excluded.used OR excluded.label NOT IN ('', label)`).
		Bind(dbx.Params{"l": location, "t": label, "d": w.today().Format(time.DateOnly)}).Execute()
	return err
}

// token opens a reminder: derived, so that every mail can name it and the database
// holds only its hash (ADR 0008). 160 bits.
func (w *Waste) token(id string) string {
	mac := hmac.New(sha256.New, w.p.Key("waste reminders"))
	mac.Write([]byte(id))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)[:20]))
}

func tokenHash(token string) string { return base.Hash("waste reminder", strings.ToLower(token)) }

type reminder struct {
	ID       string `db:"id"`
	Location int    `db:"location"`
	Email    string `db:"email"`
	Language string `db:"language"`
	Active   bool   `db:"active"`
}

func (w *Waste) reminder(db dbx.Builder, token string) (reminder, error) {
	var r reminder
	err := db.NewQuery(`SELECT id, location, email, language, active FROM waste_reminders WHERE token_hash = {:h}`).Bind(dbx.Params{"h": tokenHash(token)}).One(&r)
	if base.IsNoRows(err) {
		return r, base.ErrNotFound
	}
	return r, err
}

// subscribe asks somebody by mail whether they want reminders. Who is subscribed or
// asked already gets nothing more: the page's answer is always the same.
func (w *Waste) subscribe(location int, email, lang string) error {
	id := base.NewToken()
	err := w.p.App.RunInTransaction(func(tx core.App) error {
		res, err := tx.DB().NewQuery(`INSERT INTO waste_reminders (id, location, email, language, active, token_hash, created)
			VALUES ({:id}, {:l}, {:email}, {:lang}, 0, {:hash}, {:now}) ON CONFLICT (location, email) DO NOTHING`).Bind(dbx.Params{
			"id": id, "l": location, "email": email, "lang": lang, "hash": tokenHash(w.token(id)), "now": w.p.Now().UnixMilli()}).Execute()
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return w.putMail(tx, reminder{ID: id, Location: location, Email: email, Language: lang}, "confirm", "waste:"+id+":confirm", "bestaetigen", nil)
	})
	w.p.WakeOrders()
	return err
}

func (w *Waste) putMail(tx core.App, r reminder, what, key, link string, fill []any) error {
	var label string
	if err := tx.DB().NewQuery(`SELECT label FROM waste_locations WHERE location = {:l}`).Bind(dbx.Params{"l": r.Location}).Row(&label); err != nil {
		return err
	}
	in := func(key string) string {
		return w.p.Words.In(r.Language, key, append([]any{"place", label}, fill...)...)
	}
	address := func(page string) string {
		return w.p.Origin + base.Prefix(r.Language) + "/abfall/erinnerung/" + page + "/" + w.token(r.ID) + "/"
	}
	m := hooks.Mail{To: r.Email, Lang: r.Language, Subject: in("waste.mail." + what + ".subject"), Text: in("waste.mail." + what + ".text"),
		Button: &hooks.MailButton{Label: in("waste.mail." + what + ".button"), URL: address(link)}}
	if what == "evening" {
		m.Unsubscribe = address("abmelden")
	}
	payload, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return w.p.PutOrder(tx, hooks.Order{Key: key, Provider: "mail", Kind: base.PrivateMail, Subject: "waste:" + r.ID, Payload: payload})
}

// Remind writes the mails for the next day's pick-ups; before noon, for those of
// the day itself. Every reminder gets one mail for a day, however often it runs. It
// tells how many were written.
func (w *Waste) Remind(ctx context.Context) (int, error) {
	day := w.today()
	if w.p.Now().In(content.Berlin).Hour() >= 12 {
		day = day.AddDate(0, 0, 1)
	}
	var places []struct {
		Location int `db:"location"`
	}
	if err := w.p.App.DB().NewQuery(`SELECT DISTINCT location FROM waste_reminders WHERE active = 1`).WithContext(ctx).All(&places); err != nil {
		return 0, err
	}
	n := 0
	var errs []error
	for _, place := range places {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		d, err := w.dates(ctx, place.Location, fresh/2)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		var fractions []string
		for _, p := range d.Pickups {
			if p.Day == day.Format(time.DateOnly) {
				fractions = append(fractions, p.Fraction)
			}
		}
		if len(fractions) == 0 {
			continue
		}
		k, err := w.remindPlace(place.Location, day, fractions)
		n += k
		errs = append(errs, err)
	}
	w.p.WakeOrders()
	return n, errors.Join(errs...)
}

func (w *Waste) remindPlace(location int, day time.Time, fractions []string) (n int, err error) {
	err = w.p.App.RunInTransaction(func(tx core.App) error {
		var list []reminder
		err := tx.DB().NewQuery(`SELECT id, location, email, language, active FROM waste_reminders WHERE location = {:l} AND active = 1`).Bind(dbx.Params{"l": location}).All(&list)
		if err != nil {
			return err
		}
		for _, r := range list {
			fill := []any{"day", content.DayInWords(day, r.Language), "bins", "- " + strings.Join(fractions, "\n- ")}
			if err := w.putMail(tx, r, "evening", "waste:"+r.ID+":"+day.Format(time.DateOnly), "abmelden", fill); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// How long things are kept.
const (
	KeepPending = 48 * time.Hour      // reminders that nobody confirmed
	KeepUnused  = 60 * 24 * time.Hour // calendars that nobody asked for
	KeepLost    = 90 * 24 * time.Hour // reminders of a place without any date since then
)

// Sweep deletes what has had its time; it tells how much.
func (w *Waste) Sweep(ctx context.Context) (int, error) {
	now, n := w.p.Now(), 0
	for _, step := range []struct {
		statement string
		params    dbx.Params
	}{
		{`DELETE FROM waste_reminders WHERE active = 0 AND created < {:before}`, dbx.Params{"before": now.Add(-KeepPending).UnixMilli()}},
		{`DELETE FROM waste_reminders WHERE created < {:before} AND location NOT IN (SELECT location FROM waste_calendars c, json_each(c.pickups) e WHERE json_extract(e.value, '$.day') >= {:day})`,
			dbx.Params{"before": now.Add(-KeepLost).UnixMilli(), "day": now.Add(-KeepLost).In(content.Berlin).Format(time.DateOnly)}},
		{`DELETE FROM waste_calendars WHERE year < {:year}`, dbx.Params{"year": w.today().Year()}},
		{`DELETE FROM waste_locations WHERE used < {:day} AND location NOT IN (SELECT location FROM waste_reminders)`, dbx.Params{"day": now.Add(-KeepUnused).In(content.Berlin).Format(time.DateOnly)}},
		{`DELETE FROM waste_calendars WHERE location NOT IN (SELECT location FROM waste_locations)`, nil},
	} {
		res, err := w.p.App.DB().NewQuery(step.statement).WithContext(ctx).Bind(step.params).Execute()
		if err != nil {
			return n, err
		}
		k, err := res.RowsAffected()
		if err != nil {
			return n, err
		}
		n += int(k)
	}
	return n, nil
}
