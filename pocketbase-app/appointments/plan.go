package appointments

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"servicepoint/content"

	"github.com/pocketbase/dbx"
)

// Channels by which appointments are made; each has its contingent.
const (
	Public    = "public"
	Telephone = "telephone"
	Counter   = "counter"
)

// Place is where advice is given.
type Place struct {
	Code, Name, Address        string
	Step, Lead, Horizon        int // minutes, minutes, days
	Public, Telephone, Counter int // desks at one time
	Sample                     bool
}

func (p Place) contingent(channel string) int {
	switch channel {
	case Public:
		return p.Public
	case Telephone:
		return p.Telephone
	}
	return p.Counter
}

// Advice is one service that people come for.
type Advice struct {
	Code, Topic, Guide, Calendar string
	Location                     string       // where people go, for a calendar of others
	Office, External             int          // numbers there
	Names                        content.Text `db:"-"`
	Rank, Minutes, Setup, Wrapup int
	Active                       bool
}

// Name of the service in a language, and the language that it is in.
func (a Advice) Name(lang string) string {
	name, _ := a.Names.In(lang)
	return cmp.Or(name, a.Code)
}

// Resource is a desk or somebody who advises.
type Resource struct {
	Code, Place, Kind, Name string
	Rank                    int
	Active                  bool
	Skills                  map[string]bool `db:"-"`
}

func (r Resource) can(services []Advice) bool {
	for _, a := range services {
		if !r.Skills[a.Code] {
			return false
		}
	}
	return true
}

// span is a stretch of time on the wall clock: minutes since midnight.
type span struct{ Opens, Closes int }

type exception struct {
	Owner, Day, Note string
	Closed           bool
	span
}

// plan is what the calendar of a place is made of.
type plan struct {
	Place
	Services   []Advice // all, by rank
	Resources  []Resource
	hours      map[string]map[int][]span // owner, ISO weekday
	exceptions map[string]map[string]exception
}

// plans reads the settings; there is one place so far.
func readPlan(db dbx.Builder) (*plan, error) {
	p := &plan{hours: map[string]map[int][]span{}, exceptions: map[string]map[string]exception{}}
	if err := db.NewQuery(`SELECT * FROM advice_places ORDER BY code LIMIT 1`).One(&p.Place); err != nil {
		return nil, err
	}
	var services []struct {
		Advice
		RawNames string `db:"names"`
	}
	if err := db.NewQuery(`SELECT code, rank, topic, guide, names, minutes, setup, wrapup, calendar, office, external, location, active FROM advice_services ORDER BY rank, code`).All(&services); err != nil {
		return nil, err
	}
	for _, row := range services {
		if err := json.Unmarshal([]byte(row.RawNames), &row.Names); err != nil {
			return nil, err
		}
		p.Services = append(p.Services, row.Advice)
	}
	if err := db.NewQuery(`SELECT code, place, kind, name, rank, active FROM advice_resources WHERE place = {:place} ORDER BY rank, code`).
		Bind(dbx.Params{"place": p.Code}).All(&p.Resources); err != nil {
		return nil, err
	}
	var skills []struct{ Resource, Service string }
	if err := db.NewQuery(`SELECT resource, service FROM advice_skills`).All(&skills); err != nil {
		return nil, err
	}
	for i := range p.Resources {
		r := &p.Resources[i]
		r.Skills = map[string]bool{}
		for _, k := range skills {
			if k.Resource == r.Code {
				r.Skills[k.Service] = true
			}
		}
	}
	var hours []struct {
		Owner                  string
		Weekday, Opens, Closes int
	}
	if err := db.NewQuery(`SELECT owner, weekday, opens, closes FROM advice_hours ORDER BY owner, weekday, opens`).All(&hours); err != nil {
		return nil, err
	}
	for _, h := range hours {
		if p.hours[h.Owner] == nil {
			p.hours[h.Owner] = map[int][]span{}
		}
		p.hours[h.Owner][h.Weekday] = append(p.hours[h.Owner][h.Weekday], span{h.Opens, h.Closes})
	}
	var exceptions []struct {
		Owner, Day, Note string
		Closed           bool
		Opens, Closes    int
	}
	if err := db.NewQuery(`SELECT owner, day, note, opens IS NULL AS closed, coalesce(opens, 0) AS opens, coalesce(closes, 0) AS closes
		FROM advice_exceptions ORDER BY day, owner`).All(&exceptions); err != nil {
		return nil, err
	}
	for _, x := range exceptions {
		if p.exceptions[x.Owner] == nil {
			p.exceptions[x.Owner] = map[string]exception{}
		}
		p.exceptions[x.Owner][x.Day] = exception{x.Owner, x.Day, x.Note, x.Closed, span{x.Opens, x.Closes}}
	}
	return p, nil
}

// chosen finds services by their codes, in the order of the list; each once.
// False: one is unknown or not given any more, or there is none.
func (p *plan) chosen(codes []string) (list []Advice, ok bool) {
	for _, a := range p.Services {
		if slices.Contains(codes, a.Code) && a.Active && a.Calendar == "" {
			list = append(list, a)
		}
	}
	known := map[string]bool{}
	for _, c := range codes {
		known[c] = true
	}
	return list, len(list) > 0 && len(list) == len(known)
}

// named finds services by their codes, given or not any more.
func (p *plan) named(codes []string) (list []Advice) {
	for _, c := range codes {
		for _, a := range p.Services {
			if a.Code == c {
				list = append(list, a)
			}
		}
	}
	return list
}

func (p *plan) resource(code string) Resource {
	for _, r := range p.Resources {
		if r.Code == code {
			return r
		}
	}
	return Resource{Code: code, Name: code}
}

func (p *plan) desks() (list []Resource) {
	for _, r := range p.Resources {
		if r.Kind == "desk" && r.Active {
			list = append(list, r)
		}
	}
	return list
}

// visit is what several services take together: their minutes add up, the
// longest buffers stand around them.
type visit struct{ Setup, Minutes, Wrapup int }

func sum(services []Advice) (v visit) {
	for _, a := range services {
		v.Minutes += a.Minutes
		v.Setup, v.Wrapup = max(v.Setup, a.Setup), max(v.Wrapup, a.Wrapup)
	}
	return v
}

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

// block is the time that a visit takes of its desk and adviser.
func (v visit) block(start time.Time) (from, to time.Time) {
	return start.Add(-minutes(v.Setup)), start.Add(minutes(v.Minutes + v.Wrapup))
}

// Tick is what one row of appointment_ticks stands for.
const Tick = 5 * time.Minute

func tickOf(t time.Time) int64 { return t.Unix() / int64(Tick/time.Second) }

// ticks of a stretch of time, the last one not in it.
func ticks(from, to time.Time) (first, end int64) {
	first, end = tickOf(from), tickOf(to)
	if to.After(time.Unix(end*int64(Tick/time.Second), 0)) {
		end++
	}
	return first, end
}

// stretch is a stretch of time.
type stretch struct{ from, to time.Time }

// wall is a wall-clock time in Berlin: the first one where the clock shows it
// twice, the moment of the jump where it shows it never.
func wall(day time.Time, minute int) time.Time {
	t := time.Date(day.Year(), day.Month(), day.Day(), minute/60, minute%60, 0, 0, content.Berlin)
	if t.Hour() != minute/60%24 || t.Minute() != minute%60 { // jumped over
		if t.Hour() > minute/60 {
			t = t.Add(-time.Hour)
		}
		_, after := t.ZoneBounds()
		return after
	}
	if b := t.Add(-time.Hour); b.Hour() == t.Hour() && b.Day() == t.Day() {
		return b
	}
	return t
}

// open tells when a place or resource is open on a day. Working hours of nobody
// in particular are those of the place.
func (p *plan) open(owner string, day time.Time) (list []stretch) {
	var spans []span
	x, isException := p.exceptions[owner][day.Format(time.DateOnly)]
	switch {
	case isException && x.Closed:
	case isException:
		spans = []span{x.span}
	case owner == p.Code && holiday(day) != "":
	default:
		weekday := (int(day.Weekday())+6)%7 + 1
		spans = p.hours[owner][weekday]
	}
	for _, s := range spans {
		if from, to := wall(day, s.Opens), wall(day, s.Closes); from.Before(to) {
			list = append(list, stretch{from, to})
		}
	}
	return list
}

func covers(list []stretch, from, to time.Time) bool {
	return slices.ContainsFunc(list, func(s stretch) bool { return !from.Before(s.from) && !to.After(s.to) })
}

// pair is a desk with who advises at it.
type pair struct{ Desk, Adviser string }

// Slot is a time that is free, with the pairs that could take it.
type Slot struct {
	Start time.Time
	pairs []pair
}

// taken holds what is not free of a place.
type taken struct {
	ticks map[string]map[int64]bool // by resource
	used  map[int64]int             // desks of the channel by tick
}

func readTaken(db dbx.Builder, place, channel, without string, from, to, now time.Time) (taken, error) {
	t := taken{map[string]map[int64]bool{}, map[int64]int{}}
	first, end := ticks(from, to)
	var rows []struct {
		Resource, Channel string
		Tick              int64
	}
	err := db.NewQuery(`SELECT resource, channel, tick FROM appointment_ticks
		WHERE place = {:place} AND tick >= {:first} AND tick < {:end} AND (free_at IS NULL OR free_at > {:now}) AND holder <> {:without}`).
		Bind(dbx.Params{"place": place, "first": first, "end": end, "now": now.UnixMilli(), "without": cmp.Or(without, "nobody")}).All(&rows)
	for _, r := range rows {
		if t.ticks[r.Resource] == nil {
			t.ticks[r.Resource] = map[int64]bool{}
		}
		t.ticks[r.Resource][r.Tick] = true
		if r.Channel == channel {
			t.used[r.Tick]++
		}
	}
	return t, err
}

// free lists the free times of a day, soonest first. without leaves out what an
// appointment itself holds, for one that moves.
func (p *plan) free(db dbx.Builder, services []Advice, channel, without string, day, now time.Time) ([]Slot, error) {
	y, m, d := day.Date()
	day = time.Date(y, m, d, 0, 0, 0, 0, content.Berlin)
	earliest := now
	if channel == Public {
		earliest = now.Add(minutes(p.Lead))
	}
	today := now.In(content.Berlin)
	last := time.Date(today.Year(), today.Month(), today.Day()+p.Horizon, 0, 0, 0, 0, content.Berlin)
	windows := p.open(p.Code, day)
	if len(windows) == 0 || day.After(last) || !earliest.Before(windows[len(windows)-1].to) {
		return nil, nil
	}
	v := sum(services)
	busy, err := readTaken(db, p.Code, channel, without, windows[0].from.Add(-2*time.Hour), windows[len(windows)-1].to.Add(2*time.Hour), now)
	if err != nil {
		return nil, err
	}
	type worker struct {
		code  string
		hours []stretch // nil: whenever the place is open
	}
	var desks, advisers []worker
	planned := false // advisers are planned here
	for _, r := range p.Resources {
		planned = planned || r.Active && r.Kind == "adviser"
		if !r.Active || !r.can(services) {
			continue
		}
		w := worker{r.Code, p.open(r.Code, day)}
		_, isException := p.exceptions[r.Code][day.Format(time.DateOnly)]
		if len(w.hours) == 0 && (isException || len(p.hours[r.Code]) > 0) {
			continue // has hours of its own, none today
		}
		if r.Kind == "desk" {
			desks = append(desks, w)
		} else {
			advisers = append(advisers, w)
		}
	}
	if !planned {
		advisers = []worker{{}}
	}
	limit := p.contingent(channel)
	isFree := func(w worker, from, to time.Time) bool {
		if w.code == "" {
			return true
		}
		if w.hours != nil && !covers(w.hours, from, to) {
			return false
		}
		first, end := ticks(from, to)
		for n := first; n < end; n++ {
			if busy.ticks[w.code][n] {
				return false
			}
		}
		return true
	}
	var slots []Slot
	for _, w := range windows {
		for start := w.from; !start.Add(minutes(v.Minutes)).After(w.to); start = start.Add(minutes(p.Step)) {
			if start.Before(earliest) {
				continue
			}
			from, to := v.block(start)
			first, end := ticks(from, to)
			full := limit == 0
			for n := first; n < end && !full; n++ {
				full = busy.used[n] >= limit
			}
			if full {
				continue
			}
			slot := Slot{Start: start}
			for _, a := range advisers {
				if !isFree(a, from, to) {
					continue
				}
				for _, d := range desks {
					if isFree(d, from, to) {
						slot.pairs = append(slot.pairs, pair{d.code, a.code})
					}
				}
			}
			if len(slot.pairs) > 0 {
				slots = append(slots, slot)
			}
		}
	}
	return slots, nil
}

// at finds the slot that begins then.
func (p *plan) at(db dbx.Builder, services []Advice, channel, without string, start, now time.Time) (Slot, error) {
	slots, err := p.free(db, services, channel, without, start.In(content.Berlin), now)
	if err != nil {
		return Slot{}, err
	}
	for _, slot := range slots {
		if slot.Start.Equal(start) {
			return slot, nil
		}
	}
	return Slot{}, ErrTaken
}
