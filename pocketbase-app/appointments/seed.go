package appointments

import (
	"context"
	"encoding/json"

	"servicepoint/content"

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
