package appointments

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Seed fills empty settings for a demo. The opening hours of the Service Point are
// not published where this content comes from: those here are examples, marked as
// such on every page until an administrator enters the real ones.
func (s *Service) Seed(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	services := []Advice{
		{Code: "e-mobilitaet", Topic: "mobilitaet", Guide: "e-mobilitaet-beratung", Minutes: 30, Wrapup: 5, Names: content.Text{
			content.German: "Beratung zur E-Mobilität", content.English: "Advice on electric mobility", content.Easy: "Beratung: Elektro-Auto"}},
		{Code: "wohnen", Topic: "wohnen", Guide: "wohnungsangebote", Minutes: 30, Wrapup: 5, Names: content.Text{
			content.German: "Beratung zum Wohnen", content.English: "Advice on housing", content.Easy: "Beratung: Wohnung"}},
		{Code: "energie", Topic: "energie", Guide: "stromvertrag", Minutes: 45, Wrapup: 5, Names: content.Text{
			content.German: "Beratung zur Energie", content.English: "Advice on energy", content.Easy: "Beratung: Strom und Energie"}},
		{Code: "ausweise", Topic: "buergerservice", Guide: "reisepass", Minutes: 15, Wrapup: 5, Names: content.Text{
			content.German: "Reisepass und Ausweise", content.English: "Passports and identity cards", content.Easy: "Reise-Pass und Ausweis"}},
	}
	city := Advice{Code: "personalausweis", Topic: "buergerservice", Calendar: "zms", Office: 101, External: 1, Location: "Bürgerbüro Mitte (Simulation)", Minutes: 20, Names: content.Text{
		content.German: "Personalausweis im Bürgerbüro", content.English: "Identity card at the citizens’ office", content.Easy: "Ausweis im Bürger-Büro"}}
	resources := []Resource{
		{Code: "platz-1", Kind: "desk", Name: "Platz 1"}, {Code: "platz-2", Kind: "desk", Name: "Platz 2"}, {Code: "platz-3", Kind: "desk", Name: "Platz 3"},
		{Code: "team-a", Kind: "adviser", Name: "Team A", Skills: map[string]bool{"e-mobilitaet": true, "energie": true}},
		{Code: "team-b", Kind: "adviser", Name: "Team B", Skills: map[string]bool{"wohnen": true, "ausweise": true, "energie": true}},
		{Code: "team-c", Kind: "adviser", Name: "Team C", Skills: map[string]bool{"ausweise": true, "wohnen": true}},
	}
	return s.p.App.RunInTransaction(func(tx core.App) error {
		var n int
		if err := tx.DB().NewQuery(`SELECT count(*) FROM advice_places`).Row(&n); err != nil || n > 0 {
			return err
		}
		_, err := exec(tx, `INSERT INTO advice_places (code, name, address, step, lead, horizon, public, telephone, counter, sample)
			VALUES ('service-point', 'Kassel Service Point', 'Obere Königsstraße, Kassel', 15, 120, 42, 2, 1, 3, 1)`, nil)
		for i, a := range services {
			names, jsonErr := json.Marshal(a.Names)
			if err != nil || jsonErr != nil {
				break
			}
			_, err = exec(tx, `INSERT INTO advice_services (code, rank, topic, guide, names, minutes, setup, wrapup, active) VALUES ({:code}, {:rank}, {:topic}, {:guide}, {:names}, {:minutes}, {:setup}, {:wrapup}, 1)`,
				dbx.Params{"code": a.Code, "rank": i + 1, "topic": a.Topic, "guide": a.Guide, "names": string(names), "minutes": a.Minutes, "setup": a.Setup, "wrapup": a.Wrapup})
		}
		if names, jsonErr := json.Marshal(city.Names); err == nil && jsonErr == nil { // what the simulation of zms has
			_, err = exec(tx, `INSERT INTO advice_services (code, rank, topic, names, minutes, setup, wrapup, calendar, office, external, location, active)
				VALUES ({:code}, 9, {:topic}, {:names}, {:minutes}, 0, 0, {:calendar}, {:office}, {:external}, {:location}, 1)`,
				dbx.Params{"code": city.Code, "topic": city.Topic, "names": string(names), "minutes": city.Minutes, "calendar": city.Calendar,
					"office": city.Office, "external": city.External, "location": city.Location})
		}
		for i, r := range resources {
			if err == nil {
				_, err = exec(tx, `INSERT INTO advice_resources (code, place, kind, name, rank, active) VALUES ({:code}, 'service-point', {:kind}, {:name}, {:rank}, 1)`,
					dbx.Params{"code": r.Code, "kind": r.Kind, "name": r.Name, "rank": i + 1})
			}
			for _, a := range services {
				if err == nil && (r.Kind == "desk" || r.Skills[a.Code]) {
					_, err = exec(tx, `INSERT INTO advice_skills (resource, service) VALUES ({:resource}, {:service})`, dbx.Params{"resource": r.Code, "service": a.Code})
				}
			}
		}
		for day := 1; day <= 6 && err == nil; day++ {
			closes := 18 * 60
			if day == 6 {
				closes = 14 * 60
			}
			_, err = exec(tx, `INSERT INTO advice_hours (owner, weekday, opens, closes) VALUES ('service-point', {:day}, 600, {:closes})`, dbx.Params{"day": day, "closes": closes})
		}
		return err
	})
}

// pastWeeks of appointments and visits are invented for a demo.
const pastWeeks = 8

// SeedPast invents what happened in the weeks before, for a demo where nothing
// did: appointments and visits without names, as retention leaves them. A fifth of
// the appointments is not kept, as in Kassel's Bürgerbüro in 2022; that reminders
// help is part of the invention.
func (s *Service) SeedPast(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(2026, 5)) // the same past in every demo
	now := s.p.Now().In(content.Berlin)
	return s.p.App.RunInTransaction(func(tx core.App) error {
		p, err := readPlan(tx.DB())
		if err != nil {
			return err
		}
		var n int
		if err := tx.DB().NewQuery(`SELECT (SELECT count(*) FROM appointments) + (SELECT count(*) FROM visits)`).Row(&n); err != nil || n > 0 {
			return err
		}
		p.Services = slices.DeleteFunc(p.Services, func(a Advice) bool { return a.Calendar != "" })
		for back := pastWeeks * 7; back > 0; back-- {
			day := time.Date(now.Year(), now.Month(), now.Day()-back, 0, 0, 0, 0, content.Berlin)
			for _, open := range p.open(p.Code, day) {
				if err := s.pastDay(tx, p, random, open); err != nil {
					return err
				}
			}
		}
		// Today's conversations so far, while it is open.
		today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, content.Berlin)
		if list := p.open(p.Code, today); covers(list, now, now) {
			for i, ago := 0, 170*time.Minute; ago > 10*time.Minute; i, ago = i+1, ago-12*time.Minute {
				if called := now.Add(-ago); called.After(list[0].from) {
					if err := s.pastVisit(tx, p, p.Services[i%len(p.Services)], p.desks()[i%2], "", 0, called.Add(-minutes(2+random.IntN(9))), called, minutes(6+random.IntN(14))); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

func (s *Service) pastDay(tx core.App, p *plan, random *rand.Rand, open stretch) error {
	for i, desk := range p.desks() {
		if i == 2 {
			break // stays free for those who just come
		}
		for start := open.from; !start.Add(time.Hour).After(open.to); start = start.Add(time.Hour) {
			service := p.Services[random.IntN(len(p.Services))]
			took, waited := minutes(8+random.IntN(service.Minutes)), minutes(random.IntN(12))
			if random.IntN(3) == 0 { // somebody without an appointment
				if err := s.pastVisit(tx, p, service, desk, "", 0, start, start.Add(waited), took); err != nil {
					return err
				}
				continue
			}
			reminded, state := random.IntN(3) > 0, Done
			switch missed := random.IntN(100); {
			case random.IntN(10) == 0:
				state = Cancelled
			case reminded && missed < 16, !reminded && missed < 28:
				state = Missed
			}
			a := Appointment{Reference: base.NewReference("T"), Place: p.Code, Starts: start.UnixMilli(), Ends: start.Add(minutes(service.Minutes)).UnixMilli(),
				Desk: desk.Code, Channel: []string{Public, Public, Telephone, Counter}[random.IntN(4)], State: state, Language: content.German, Created: start.AddDate(0, 0, -5).UnixMilli()}
			if err := insert(tx, a, []Advice{service}); err != nil {
				return err
			}
			var told any
			if reminded && state != Cancelled {
				told = start.Add(-24 * time.Hour).UnixMilli()
			}
			if _, err := exec(tx, `UPDATE appointments SET reminded = {:told}, ended = ends WHERE reference = {:reference}`, dbx.Params{"told": told, "reference": a.Reference}); err != nil {
				return err
			}
			if state != Done {
				continue
			}
			if err := s.pastVisit(tx, p, service, desk, a.Reference, a.Starts, start.Add(-minutes(random.IntN(10))), start.Add(waited), took); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) pastVisit(tx core.App, p *plan, service Advice, desk Resource, reference string, planned int64, arrived, called time.Time, took time.Duration) error {
	params := dbx.Params{"place": p.Code, "day": called.In(content.Berlin).Format(time.DateOnly), "service": service.Code, "reference": nil, "planned": nil,
		"arrived": arrived.UnixMilli(), "called": called.UnixMilli(), "desk": desk.Code, "finished": called.Add(took).UnixMilli()}
	if reference != "" {
		params["reference"], params["planned"] = reference, planned
	}
	_, err := exec(tx, `INSERT INTO visits (place, day, number, services, reference, planned, arrived, called, calls, last_call, desk, finished, state)
		VALUES ({:place}, {:day}, (SELECT coalesce(max(number), 0) + 1 FROM visits WHERE place = {:place} AND day = {:day}), {:service}, {:reference}, {:planned},
			{:arrived}, {:called}, 1, {:called}, {:desk}, {:finished}, 'done')`, params)
	return err
}
