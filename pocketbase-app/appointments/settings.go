package appointments

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// owner is whose hours the settings show: the place or a resource.
type owner struct{ Code, Name string }

// weekHours are the hours of one weekday as they are typed: "10:00-13:00, 14:00-18:00".
type weekHours struct {
	Day        int
	Name, Text string
}

func (s *Service) settingsPage(e *core.RequestEvent) error {
	return s.showSettings(e, http.StatusOK, nil, nil)
}

// showSettings shows all settings; form is what was sent and is at fault.
func (s *Service) showSettings(e *core.RequestEvent, status int, form url.Values, problems content.Problems) error {
	p, err := s.planOr404()
	if err != nil {
		return err
	}
	q := e.Request.URL.Query()
	data := map[string]any{"Calendars": slices.Sorted(maps.Keys(s.Calendars)), "Place": p.Place, "Services": p.Services, "Resources": p.Resources, "Saved": q.Get("neu") != "" && status == http.StatusOK}
	values := url.Values{}
	set := func(name string, v any) { values.Set(name, fmt.Sprint(v)) }
	set("place_name", p.Name)
	set("address", p.Address)
	set("step", p.Step)
	set("lead", p.Lead)
	set("horizon", p.Horizon)
	set("public", p.Public)
	set("telephone", p.Telephone)
	set("counter", p.Counter)
	if p.Sample {
		set("sample", "ja")
	}
	if q.Get("leistung") == "" {
		set("setup", 0)
		set("wrapup", 5)
		set("minutes", 30)
		set("active", "ja")
	}
	for _, a := range p.Services {
		if a.Code == q.Get("leistung") {
			set("code", a.Code)
			for _, lang := range content.Languages {
				set("name_"+lang, a.Names[lang])
			}
			set("topic", a.Topic)
			set("guide", a.Guide)
			set("minutes", a.Minutes)
			set("calendar", a.Calendar)
			set("location", a.Location)
			if a.Calendar != "" {
				set("office", a.Office)
				set("external", a.External)
			}
			set("setup", a.Setup)
			set("wrapup", a.Wrapup)
			set("rank", a.Rank)
			if a.Active {
				set("active", "ja")
			}
			data["Service"] = a.Code
		}
	}
	for _, r := range p.Resources {
		if r.Code == q.Get("platz") {
			set("r_code", r.Code)
			set("r_name", r.Name)
			set("r_rank", r.Rank)
			set("kind", r.Kind)
			if r.Active {
				set("r_active", "ja")
			}
			for code := range r.Skills {
				values.Add("skill", code)
			}
			data["Resource"] = r.Code
		}
	}
	owners := []owner{{p.Code, p.Name}}
	for _, r := range p.Resources {
		owners = append(owners, owner{r.Code, r.Name})
	}
	whose := owners[0]
	for _, o := range owners {
		if o.Code == q.Get("zeiten") || form != nil && o.Code == form.Get("owner") {
			whose = o
		}
	}
	var week []weekHours
	for day := 1; day <= 7; day++ {
		var parts []string
		for _, h := range p.hours[whose.Code][day] {
			parts = append(parts, sayMinutes(h.Opens)+"-"+sayMinutes(h.Closes))
		}
		name := fmt.Sprint("day", day)
		set(name, strings.Join(parts, ", "))
		week = append(week, weekHours{day, name, weekdaysDE[day%7]})
	}
	var exceptions []exception
	for _, o := range owners {
		for _, x := range p.exceptions[o.Code] {
			if x.Day >= s.today() {
				x.Owner = o.Name
				exceptions = append(exceptions, x)
			}
		}
	}
	slices.SortFunc(exceptions, func(a, b exception) int { return strings.Compare(a.Day+a.Owner, b.Day+b.Owner) })
	var shownExceptions []map[string]string
	for _, x := range exceptions {
		hours := s.german("staff.appointment.closed")
		if !x.Closed {
			hours = sayMinutes(x.Opens) + "–" + sayMinutes(x.Closes)
		}
		code := ""
		for _, o := range owners {
			if o.Name == x.Owner {
				code = o.Code
			}
		}
		shownExceptions = append(shownExceptions, map[string]string{"Day": x.Day, "Owner": x.Owner, "Code": code, "Hours": hours, "Note": x.Note})
	}
	var holidays []string
	today := s.p.Now().In(content.Berlin)
	for d := range 366 {
		day := time.Date(today.Year(), today.Month(), today.Day()+d, 12, 0, 0, 0, content.Berlin)
		if name := holiday(day); name != "" {
			holidays = append(holidays, sayDay(day, content.German)+": "+name)
		}
	}
	for name, list := range form {
		values[name] = list
	}
	// Boxes that were not ticked are not sent; those of the page's other forms stay.
	for field, boxes := range map[string][]string{"place_name": {"sample"}, "code": {"active"}, "r_code": {"r_active", "skill"}} {
		for _, box := range boxes {
			if form.Has(field) && !form.Has(box) {
				values.Del(box)
			}
		}
	}
	if data["Misfits"], err = s.misfits(p); err != nil {
		return err
	}
	data["Owners"], data["Whose"], data["Week"], data["Exceptions"], data["Holidays"] = owners, whose, week, shownExceptions, holidays
	return s.p.Show(e, status, templates, "settings", base.View{Title: s.german("staff.appointment.settings"), Data: data, Form: values, Problems: problems})
}

func sayMinutes(n int) string { return fmt.Sprintf("%02d:%02d", n/60, n%60) }

// readMinutes reads "09:30" or "9:30"; "24:00" is the end of the day.
func readMinutes(s string) (int, bool) {
	h, m, ok := strings.Cut(strings.TrimSpace(s), ":")
	hours, err1 := strconv.Atoi(h)
	mins, err2 := strconv.Atoi(m)
	n := hours*60 + mins
	return n, ok && err1 == nil && err2 == nil && len(m) == 2 && hours >= 0 && mins >= 0 && mins < 60 && n <= 24*60
}

// readSpans reads "10:00-13:00, 14:00-18:00"; nothing is no hours.
func readSpans(s string) (list []span, ok bool) {
	for part := range strings.SplitSeq(s, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		a, b, found := strings.Cut(strings.NewReplacer("–", "-", "−", "-").Replace(part), "-")
		from, ok1 := readMinutes(a)
		to, ok2 := readMinutes(b)
		if !found || !ok1 || !ok2 || from >= to || len(list) > 0 && from < list[len(list)-1].Closes {
			return nil, false
		}
		list = append(list, span{from, to})
	}
	return list, true
}

// number reads a whole number of a form between bounds; step is what it is a multiple of.
func number(problems *content.Problems, values url.Values, field string, least, most, step int) int {
	n, err := strconv.Atoi(strings.TrimSpace(values.Get(field)))
	switch {
	case strings.TrimSpace(values.Get(field)) == "":
		problems.Add(field, "required")
	case err != nil:
		problems.Add(field, "not_integer")
	case n < least:
		problems.Add(field, "too_small", "min", least)
	case n > most:
		problems.Add(field, "too_large", "max", most)
	case n%step != 0:
		problems.Add(field, "appointment_step", "step", step)
	}
	return n
}

func line(problems *content.Problems, values url.Values, field string, most int, required bool) string {
	s := strings.TrimSpace(values.Get(field))
	switch {
	case s == "" && required:
		problems.Add(field, "required")
	case utf8.RuneCountInString(s) > most:
		problems.Add(field, "too_long", "max", most)
	case s != "" && (!content.IsName(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' })):
		problems.Add(field, "not_text")
	}
	return s
}

// save runs a change of settings and shows the page with what is wrong, or again.
func (s *Service) save(e *core.RequestEvent, to string, change func(tx core.App, p *plan, values url.Values, problems *content.Problems) error) error {
	values, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	err = s.p.App.RunInTransaction(func(tx core.App) error {
		p, err := readPlan(tx.DB())
		if base.IsNoRows(err) {
			return base.Refuse(http.StatusNotFound, "appointment_no_place")
		}
		if err != nil {
			return err
		}
		var problems content.Problems
		if err := change(tx, p, values, &problems); err != nil {
			return err
		}
		return problems.Err()
	})
	var problems content.Problems
	if errors.As(err, &problems) {
		return s.showSettings(e, http.StatusUnprocessableEntity, values, problems)
	}
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/redaktion/termine/?neu=gespeichert"+to)
}

func flag(values url.Values, field string) int {
	if values.Get(field) == "ja" {
		return 1
	}
	return 0
}

func (s *Service) saveFrame(e *core.RequestEvent) error {
	return s.save(e, "", func(tx core.App, p *plan, v url.Values, ps *content.Problems) error {
		params := dbx.Params{
			"code": p.Code, "name": line(ps, v, "place_name", 120, true), "address": line(ps, v, "address", 200, false),
			"step": number(ps, v, "step", 5, 60, 5), "lead": number(ps, v, "lead", 0, 20160, 1), "horizon": number(ps, v, "horizon", 1, 365, 1),
			"public": number(ps, v, "public", 0, 99, 1), "telephone": number(ps, v, "telephone", 0, 99, 1), "counter": number(ps, v, "counter", 0, 99, 1),
			"sample": flag(v, "sample"),
		}
		if len(*ps) > 0 {
			return nil
		}
		_, err := exec(tx, `UPDATE advice_places SET name = {:name}, address = {:address}, step = {:step}, lead = {:lead}, horizon = {:horizon},
			public = {:public}, telephone = {:telephone}, counter = {:counter}, sample = {:sample} WHERE code = {:code}`, params)
		return err
	})
}

func (s *Service) saveService(e *core.RequestEvent) error {
	return s.save(e, "", func(tx core.App, p *plan, v url.Values, ps *content.Problems) error {
		code := strings.TrimSpace(v.Get("code"))
		if !content.IsSlug(code) {
			ps.Add("code", "appointment_slug")
		}
		texts := map[string]string{}
		for _, lang := range content.Languages {
			if t := line(ps, v, "name_"+lang, 120, lang == content.German); t != "" {
				texts[lang] = t
			}
		}
		topic, guide := strings.TrimSpace(v.Get("topic")), strings.TrimSpace(v.Get("guide"))
		if topic != "" && !content.IsSlug(topic) {
			ps.Add("topic", "appointment_slug")
		}
		if guide != "" {
			var known int
			if err := tx.DB().NewQuery(`SELECT count(*) FROM guides WHERE slug = {:slug}`).Bind(dbx.Params{"slug": guide}).Row(&known); err != nil {
				return err
			}
			if known == 0 {
				ps.Add("guide", "appointment_guide")
			}
		}
		params := dbx.Params{
			"code": code, "topic": topic, "guide": guide, "minutes": number(ps, v, "minutes", 5, 240, 5), "setup": number(ps, v, "setup", 0, 60, 5),
			"wrapup": number(ps, v, "wrapup", 0, 60, 5), "active": flag(v, "active"), "rank": len(p.Services) + 1,
		}
		params["calendar"], params["office"], params["external"], params["location"] = "", 0, 0, ""
		if calendar := v.Get("calendar"); calendar != "" {
			if _, ok := s.Calendars[calendar]; !ok {
				ps.Add("calendar", "unknown_option")
			}
			params["calendar"], params["location"] = calendar, line(ps, v, "location", 200, true)
			params["office"], params["external"] = number(ps, v, "office", 1, 1<<31-1, 1), number(ps, v, "external", 1, 1<<31-1, 1)
		}
		for _, a := range p.Services {
			if a.Code == code {
				params["rank"] = a.Rank
			}
		}
		if len(*ps) > 0 {
			return nil
		}
		encoded, err := json.Marshal(texts)
		if err != nil {
			return err
		}
		params["names"] = string(encoded)
		_, err = exec(tx, `INSERT INTO advice_services (code, rank, topic, guide, names, minutes, setup, wrapup, calendar, office, external, location, active)
			VALUES ({:code}, {:rank}, {:topic}, {:guide}, {:names}, {:minutes}, {:setup}, {:wrapup}, {:calendar}, {:office}, {:external}, {:location}, {:active})
			ON CONFLICT (code) DO UPDATE SET topic = excluded.topic, guide = excluded.guide, names = excluded.names,
				minutes = excluded.minutes, setup = excluded.setup, wrapup = excluded.wrapup,
				calendar = excluded.calendar, office = excluded.office, external = excluded.external, location = excluded.location, active = excluded.active`, params)
		return err
	})
}

func (s *Service) saveResource(e *core.RequestEvent) error {
	return s.save(e, "", func(tx core.App, p *plan, v url.Values, ps *content.Problems) error {
		code := strings.TrimSpace(v.Get("r_code"))
		if !content.IsSlug(code) || code == p.Code {
			ps.Add("r_code", "appointment_slug")
		}
		kind := v.Get("kind")
		if kind != "desk" && kind != "adviser" {
			ps.Add("kind", "required")
		}
		rank := len(p.Resources) + 1
		for _, r := range p.Resources {
			if r.Code == code {
				rank = r.Rank
				if r.Kind != kind {
					ps.Add("kind", "appointment_kind")
				}
			}
		}
		name := line(ps, v, "r_name", 60, true)
		for _, skill := range v["skill"] {
			if !slices.ContainsFunc(p.Services, func(a Advice) bool { return a.Code == skill }) {
				ps.Add("skill", "unknown_option")
				break
			}
		}
		if len(*ps) > 0 {
			return nil
		}
		_, err := exec(tx, `INSERT INTO advice_resources (code, place, kind, name, rank, active) VALUES ({:code}, {:place}, {:kind}, {:name}, {:rank}, {:active})
			ON CONFLICT (code) DO UPDATE SET name = excluded.name, active = excluded.active`,
			dbx.Params{"code": code, "place": p.Code, "kind": kind, "name": name, "rank": rank, "active": flag(v, "r_active")})
		if err == nil {
			_, err = exec(tx, `DELETE FROM advice_skills WHERE resource = {:code}`, dbx.Params{"code": code})
		}
		for _, skill := range v["skill"] {
			if err == nil {
				_, err = exec(tx, `INSERT INTO advice_skills (resource, service) VALUES ({:code}, {:skill}) ON CONFLICT DO NOTHING`, dbx.Params{"code": code, "skill": skill})
			}
		}
		return err
	})
}

func (p *plan) owns(code string) bool {
	return code == p.Code || slices.ContainsFunc(p.Resources, func(r Resource) bool { return r.Code == code })
}

func (s *Service) saveHours(e *core.RequestEvent) error {
	return s.save(e, "", func(tx core.App, p *plan, v url.Values, ps *content.Problems) error {
		whose := v.Get("owner")
		if !p.owns(whose) {
			ps.Add("owner", "unknown_option")
			return nil
		}
		if _, err := exec(tx, `DELETE FROM advice_hours WHERE owner = {:owner}`, dbx.Params{"owner": whose}); err != nil {
			return err
		}
		for day := 1; day <= 7; day++ {
			field := fmt.Sprint("day", day)
			spans, ok := readSpans(v.Get(field))
			if !ok {
				ps.Add(field, "appointment_hours")
			}
			for _, h := range spans {
				if _, err := exec(tx, `INSERT INTO advice_hours (owner, weekday, opens, closes) VALUES ({:owner}, {:day}, {:opens}, {:closes})`,
					dbx.Params{"owner": whose, "day": day, "opens": h.Opens, "closes": h.Closes}); err != nil {
					return err
				}
			}
		}
		return nil // problems roll everything back
	})
}

func (s *Service) saveException(e *core.RequestEvent) error {
	return s.save(e, "", func(tx core.App, p *plan, v url.Values, ps *content.Problems) error {
		whose, day := v.Get("x_owner"), v.Get("x_day")
		if !p.owns(whose) {
			ps.Add("x_owner", "unknown_option")
		}
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			ps.Add("x_day", "appointment_day")
		}
		note := line(ps, v, "x_note", 120, false)
		var opens, closes any
		if text := strings.TrimSpace(v.Get("x_hours")); text != "" {
			spans, ok := readSpans(text)
			if !ok || len(spans) != 1 {
				ps.Add("x_hours", "appointment_hours_one")
			} else {
				opens, closes = spans[0].Opens, spans[0].Closes
			}
		}
		if len(*ps) > 0 {
			return nil
		}
		if v.Get("action") == "loeschen" {
			_, err := exec(tx, `DELETE FROM advice_exceptions WHERE owner = {:owner} AND day = {:day}`, dbx.Params{"owner": whose, "day": day})
			return err
		}
		_, err := exec(tx, `INSERT INTO advice_exceptions (owner, day, opens, closes, note) VALUES ({:owner}, {:day}, {:opens}, {:closes}, {:note})
			ON CONFLICT (owner, day) DO UPDATE SET opens = excluded.opens, closes = excluded.closes, note = excluded.note`,
			dbx.Params{"owner": whose, "day": day, "opens": opens, "closes": closes, "note": note})
		return err
	})
}
