package waste

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"servicepoint/content"
	"servicepoint/content/ical"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

type searchPage struct {
	Streets   []hooks.WasteStreet
	Locations []hooks.WasteLocation
	Simulated bool
	Off       bool
}

func (w *Waste) searchPage(e *core.RequestEvent, status int, page searchPage, form url.Values, problems content.Problems) error {
	page.Simulated, page.Off = w.Mode() == "simulated", w.off()
	return w.p.Show(e, status, templates, "search", base.View{Title: w.p.Words.In(base.Lang(e.Request), "waste.title"), Data: page, Form: form, Problems: problems})
}

func (w *Waste) showSearch(e *core.RequestEvent) error {
	return w.searchPage(e, http.StatusOK, searchPage{}, nil, nil)
}

// mayAsk limits questions that may reach the collection.
func (w *Waste) mayAsk(e *core.RequestEvent, limits *base.Limits) error {
	if w.p.Exempt(e) {
		return nil
	}
	if _, wait := limits.Take(base.Network(e.RealIP()), w.p.Now()); wait > 0 {
		return base.Refuse(http.StatusTooManyRequests, "too_many_requests")
	}
	return nil
}

var houseNumber = regexp.MustCompile(`^[0-9]{1,4} ?[a-zA-Z]?([-/][0-9]{1,4} ?[a-zA-Z]?)?$`)

// plainStreet forgives the ways in which people write streets.
func plainStreet(s string) string {
	s = strings.ToLower(strings.Join(strings.Fields(s), " "))
	s = strings.NewReplacer("ß", "ss", "str.", "strasse", "-", " ").Replace(s)
	if before, ok := strings.CutSuffix(s, "str"); ok {
		s = before + "strasse"
	}
	return strings.ReplaceAll(s, " ", "")
}

// search finds the place of a street and a house number. What is not clear is asked
// again with what there is to choose from.
func (w *Waste) search(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	if w.off() {
		return errOff
	}
	if err := w.mayAsk(e, w.searches); err != nil {
		return err
	}
	street, number := strings.Join(strings.Fields(form.Get("street")), " "), strings.TrimSpace(form.Get("number"))
	var problems content.Problems
	switch {
	case street == "":
		problems.Add("street", "required")
	case len([]rune(street)) < 3 || len(street) > 100 || strings.ContainsFunc(street, unicode.IsControl):
		problems.Add("street", "waste_street_short")
	}
	switch {
	case number == "":
		problems.Add("number", "required")
	case !houseNumber.MatchString(number):
		problems.Add("number", "waste_number")
	}
	if len(problems) > 0 {
		return w.searchPage(e, http.StatusUnprocessableEntity, searchPage{}, form, problems)
	}
	ctx, cancel := context.WithTimeout(e.Request.Context(), 10*time.Second)
	defer cancel()
	id, streets, err := w.street(ctx, form.Get("street_id"), street)
	if err != nil {
		return w.down(err)
	}
	if id == 0 {
		problems.Add("street", map[bool]string{true: "waste_street_unknown", false: "waste_street_many"}[len(streets) == 0])
		return w.searchPage(e, http.StatusUnprocessableEntity, searchPage{Streets: streets}, form, problems)
	}
	locations, err := w.Collection.Locations(ctx, id, number)
	if err != nil {
		return w.down(err)
	}
	for _, l := range locations {
		if len(locations) == 1 || strconv.Itoa(l.ID) == form.Get("location_id") {
			if err := w.touch(w.p.App, l.ID, l.Text); err != nil {
				return err
			}
			return e.Redirect(http.StatusSeeOther, fmt.Sprint(base.Prefix(base.Lang(e.Request)), "/abfall/", l.ID, "/"))
		}
	}
	problems.Add("number", map[bool]string{true: "waste_number_unknown", false: "waste_number_many"}[len(locations) == 0])
	page := searchPage{Locations: locations}
	if len(streets) > 1 {
		page.Streets = streets
	}
	return w.searchPage(e, http.StatusUnprocessableEntity, page, form, problems)
}

// street is the id of the street that is meant: the one that was chosen, the only
// one, or the one that is called just so; 0 and the choice else.
func (w *Waste) street(ctx context.Context, chosen, text string) (int, []hooks.WasteStreet, error) {
	// Spellings differ: ask with what they have in common.
	ask := []rune(strings.ToLower(text))
	for _, end := range []string{"straße", "strasse", "str.", "str"} {
		if head, ok := strings.CutSuffix(string(ask), end); ok && len([]rune(strings.TrimSpace(head))) >= 3 {
			ask = []rune(strings.TrimRight(head, " -"))
			break
		}
	}
	streets, err := w.Collection.Streets(ctx, string(ask))
	if err != nil || len(streets) == 0 {
		return 0, nil, err
	}
	if len(streets) == 1 {
		return streets[0].ID, streets, nil
	}
	for _, s := range streets {
		if strconv.Itoa(s.ID) == chosen {
			return s.ID, streets, nil
		}
	}
	if chosen == "" {
		for _, s := range streets {
			if plainStreet(s.Name) == plainStreet(text) {
				return s.ID, streets, nil
			}
		}
	}
	return 0, streets[:min(len(streets), 50)], nil
}

func (w *Waste) down(err error) error {
	w.p.App.Logger().Warn("the waste collection does not answer", "error", err.Error())
	return errDown
}

type pickupView struct {
	Day, Away string
	Fraction  string
	Kind      string
	Icon      string
}

type datesPage struct {
	Location  int
	Label     string
	Next      []pickupView // those of the next day with any
	Pickups   []pickupView
	Stale     string // age, when the collection does not answer
	As        string
	Simulated bool
	Calendar  string       // address to subscribe to
	Webcal    template.URL // the same for programs that subscribe to calendars
	Sent      bool
}

// Icons are shapes, so that nobody needs to tell colours; the word stands beside.
var icons = map[string]string{"rest": "■", "bio": "▲", "paper": "●", "plastic": "◆", "glass": "▼", "hazardous": "✚", "tree": "✱", "bulky": "▬", "other": "○"}

func (w *Waste) location(e *core.RequestEvent) (int, error) {
	s := e.Request.PathValue("location")
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 1<<40 || strconv.Itoa(n) != s {
		return 0, base.ErrNotFound
	}
	return n, nil
}

// known reads the dates of a place; a place that is not stored costs a question.
func (w *Waste) known(e *core.RequestEvent, location int) (dates, error) {
	row, err := w.stored(e.Request.Context(), location, w.today().Year())
	if err != nil {
		return dates{}, err
	}
	if row.Fetched == 0 {
		if w.off() {
			return dates{}, errOff
		}
		if err := w.mayAsk(e, w.searches); err != nil {
			return dates{}, err
		}
	}
	d, err := w.dates(e.Request.Context(), location, fresh)
	if err != nil {
		return d, err
	}
	return d, w.touch(w.p.App, location, "")
}

func (w *Waste) showDates(e *core.RequestEvent) error {
	return w.datesPage(e, http.StatusOK, nil, nil, e.Request.URL.Query().Get("getan") == "angemeldet")
}

func (w *Waste) datesPage(e *core.RequestEvent, status int, form url.Values, problems content.Problems, sent bool) error {
	lang := base.Lang(e.Request)
	location, err := w.location(e)
	if err != nil {
		return err
	}
	d, err := w.known(e, location)
	if err != nil {
		return err
	}
	file := fmt.Sprint(base.Prefix(lang), "/abfall/kalender/", location, ".ics")
	page := datesPage{Location: location, Label: d.Label, Simulated: w.Mode() == "simulated", Sent: sent, Calendar: w.p.Origin + file,
		As: content.DayInWords(d.Fetched, lang)}
	if _, rest, ok := strings.Cut(w.p.Origin, "://"); ok {
		page.Webcal = template.URL("webcal://" + rest + file)
	}
	if d.Stale {
		page.Stale = content.DayInWords(d.Fetched, lang)
	}
	for i, p := range d.Pickups {
		v := w.view(p, lang)
		if p.Day == d.Pickups[0].Day {
			page.Next = append(page.Next, v)
		}
		if i < 60 {
			page.Pickups = append(page.Pickups, v)
		}
	}
	title := w.p.Words.In(lang, "waste.dates")
	if d.Label != "" {
		title += ": " + d.Label
	}
	return w.p.Show(e, status, templates, "dates", base.View{Title: title, Data: page, Form: form, Problems: problems})
}

func (w *Waste) view(p hooks.Pickup, lang string) pickupView {
	day, err := time.ParseInLocation(time.DateOnly, p.Day, content.Berlin)
	if err != nil {
		return pickupView{Day: p.Day, Fraction: p.Fraction, Kind: p.Kind(), Icon: icons[p.Kind()]}
	}
	v := pickupView{Day: content.DayInWords(day, lang), Fraction: p.Fraction, Kind: p.Kind(), Icon: icons[p.Kind()]}
	switch p.Day {
	case w.today().Format(time.DateOnly):
		v.Away = w.p.Words.In(lang, "waste.today")
	case w.today().AddDate(0, 0, 1).Format(time.DateOnly):
		v.Away = w.p.Words.In(lang, "waste.tomorrow")
	}
	return v
}

// calendar is what people subscribe to. It says of nobody who they are.
func (w *Waste) calendar(e *core.RequestEvent) error {
	name, ok := strings.CutSuffix(e.Request.PathValue("file"), ".ics")
	e.Request.SetPathValue("location", name)
	location, err := w.location(e)
	if !ok || err != nil {
		return base.ErrNotFound
	}
	lang := base.Lang(e.Request)
	d, err := w.known(e, location)
	if err != nil {
		return err
	}
	cal := ical.Calendar{Name: w.p.Words.In(lang, "waste.calendar") + " " + d.Label, Method: ical.Publish}
	for _, p := range d.Pickups {
		day, err := time.ParseInLocation(time.DateOnly, p.Day, content.Berlin)
		if err != nil {
			continue
		}
		cal.Events = append(cal.Events, ical.Event{
			// The same bin on the same day is the same entry, whenever and whoever asks.
			UID:   fmt.Sprintf("waste-%d-%s-%s@servicepoint", location, p.Day, base.Hash(p.Fraction)[:12]),
			Stamp: d.Changed, Start: day, AllDay: true, Summary: p.Fraction, Location: d.Label, Categories: []string{p.Fraction},
		})
	}
	body := cal.Bytes()
	tag := `"` + base.Hash(string(body))[:32] + `"`
	h := e.Response.Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", "public, max-age=3600")
	if e.Request.Header.Get("If-None-Match") == tag {
		e.Response.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", "text/calendar; charset=utf-8")
	h.Set("Content-Disposition", `inline; filename="abfall.ics"`)
	_, err = e.Response.Write(body)
	return err
}

var emailPattern = regexp.MustCompile(`^[a-zA-Z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$`)

func (w *Waste) remind(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	location, err := w.location(e)
	if err != nil {
		return err
	}
	email := strings.TrimSpace(form.Get("email"))
	var problems content.Problems
	switch {
	case email == "":
		problems.Add("email", "required")
	case len(email) > 254 || !emailPattern.MatchString(email) || strings.Contains(email, "..") || email[0] == '.' || strings.Contains(email, ".@"):
		problems.Add("email", "not_email")
	}
	if len(problems) > 0 {
		return w.datesPage(e, http.StatusUnprocessableEntity, form, problems, false)
	}
	if _, err := w.known(e, location); err != nil {
		return err
	}
	if err := w.mayAsk(e, w.letters); err != nil {
		return err
	}
	at := strings.LastIndex(email, "@")
	if err := w.subscribe(location, email[:at]+strings.ToLower(email[at:]), base.Lang(e.Request)); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, fmt.Sprint(base.Prefix(base.Lang(e.Request)), "/abfall/", location, "/?getan=angemeldet"))
}

type reminderPage struct {
	Do   string // "confirm" or "end"; "" when it is done
	Done string
	Path string
	Back int // location
}

func (w *Waste) reminderPage(e *core.RequestEvent, page reminderPage) error {
	e.Response.Header().Set("Referrer-Policy", "no-referrer") // the address is a secret
	key := page.Do
	if key == "" {
		key = page.Done
	}
	return w.p.Show(e, http.StatusOK, templates, "reminder", base.View{Title: w.p.Words.In(base.Lang(e.Request), "waste.reminder."+key), Data: page})
}

// askConfirm has a button: programs that look at links in mails confirm nothing.
func (w *Waste) askConfirm(e *core.RequestEvent) error {
	r, err := w.reminder(w.p.App.DB(), e.Request.PathValue("token"))
	if err != nil {
		return err
	}
	return w.reminderPage(e, reminderPage{Do: "confirm", Path: e.Request.URL.Path, Back: r.Location})
}

func (w *Waste) confirm(e *core.RequestEvent) error {
	r, err := w.reminder(w.p.App.DB(), e.Request.PathValue("token"))
	if err != nil {
		return err
	}
	if _, err := w.p.App.DB().NewQuery(`UPDATE waste_reminders SET active = 1 WHERE id = {:id}`).Bind(map[string]any{"id": r.ID}).Execute(); err != nil {
		return err
	}
	return w.reminderPage(e, reminderPage{Done: "confirmed", Back: r.Location})
}

func (w *Waste) askEnd(e *core.RequestEvent) error {
	r, err := w.reminder(w.p.App.DB(), e.Request.PathValue("token"))
	if err == base.ErrNotFound { // ended already, or its link is old
		return w.reminderPage(e, reminderPage{Done: "ended"})
	}
	if err != nil {
		return err
	}
	return w.reminderPage(e, reminderPage{Do: "end", Path: e.Request.URL.Path, Back: r.Location})
}

// end deletes the reminder, with whatever body it is asked (RFC 8058); a second time
// is no error.
func (w *Waste) end(e *core.RequestEvent) error {
	_, err := w.p.App.DB().NewQuery(`DELETE FROM waste_reminders WHERE token_hash = {:h}`).Bind(map[string]any{"h": tokenHash(e.Request.PathValue("token"))}).Execute()
	if err != nil {
		return err
	}
	return w.reminderPage(e, reminderPage{Done: "ended"})
}
