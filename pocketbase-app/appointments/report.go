package appointments

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"servicepoint/content"
	"servicepoint/content/report"

	"github.com/pocketbase/dbx"
)

// Report counts appointments, visits and waits by day and service, without persons.
// A visit for two services counts for both.
func (s *Service) Report(ctx context.Context, db dbx.Builder, period report.Period) ([]*report.Table, error) {
	perWeek := s.p.ReportTable("appointments", "termine-je-woche", "week text", "appointments number", "kept number", "missed number", "cancelled number",
		"walkins number", "served number", "wait decimal min")
	perWeek.Chart = []string{"appointments", "walkins"}
	t := s.p.ReportTable("appointments", "termine-je-tag", "day day", "service text", "appointments number", "kept number", "missed number", "cancelled number",
		"walkins number", "served number", "wait decimal min")
	weeks := s.p.ReportTable("appointments", "nicht-gekommen", "week text", "service text", "ended number", "missed number", "reminded number", "reminded_missed number")
	city := s.p.ReportTable("appointments", "termine-der-stadt", "week text", "service text", "booked number", "cancelled number")
	tables := []*report.Table{perWeek, t, weeks, city}
	p, err := readPlan(db)
	if err != nil {
		return tables, nil //nolint:nilerr // no place yet: nothing to count
	}
	from, to := period.Bounds()
	type key struct{ day, service string }
	type count struct {
		all, kept, missed, cancelled, walkins, served int
		waits                                         []float64
	}
	counts, sums := map[key]*count{}, map[string]*count{}
	// at lists what an appointment or visit counts for: its week, and its day with each service.
	at := func(ms int64, services []string) []*count {
		moment := time.UnixMilli(ms).In(content.Berlin)
		week := isoWeek(moment)
		if sums[week] == nil {
			sums[week] = &count{}
		}
		list := []*count{sums[week]}
		for _, service := range services {
			k := key{moment.Format(time.DateOnly), service}
			if counts[k] == nil {
				counts[k] = &count{}
			}
			list = append(list, counts[k])
		}
		return list
	}
	var all []Appointment
	if err := db.NewQuery(`SELECT ` + appointmentColumns + ` FROM appointments WHERE state <> 'held' AND starts >= {:from} AND starts < {:to}`).
		Bind(dbx.Params{"from": from, "to": to}).WithContext(ctx).All(&all); err != nil {
		return nil, err
	}
	for _, a := range all {
		for _, c := range at(a.Starts, a.codes()) {
			c.all++
			switch a.State {
			case Done, Arrived:
				c.kept++
			case Missed:
				c.missed++
			case Cancelled:
				c.cancelled++
			}
		}
	}
	var visits []Visit
	if err := db.NewQuery(`SELECT ` + visitColumns + ` FROM visits WHERE arrived >= {:from} AND arrived < {:to}`).
		Bind(dbx.Params{"from": from, "to": to}).WithContext(ctx).All(&visits); err != nil {
		return nil, err
	}
	for _, v := range visits {
		for _, c := range at(v.Arrived, v.codes()) {
			if v.Planned == 0 {
				c.walkins++
			}
			if v.State == Done {
				c.served++
			}
			if v.Called > 0 {
				c.waits = append(c.waits, max(0, float64(v.Called-v.due())/60000))
			}
		}
	}
	for _, week := range slices.Sorted(maps.Keys(sums)) {
		c := sums[week]
		perWeek.Add(week, c.all, c.kept, c.missed, c.cancelled, c.walkins, c.served, report.Quantile(c.waits, .5))
	}
	for _, k := range slices.SortedFunc(maps.Keys(counts), func(a, b key) int { return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.service, b.service)) }) {
		c := counts[k]
		t.Add(k.day, names(p.named([]string{k.service}), content.German), c.all, c.kept, c.missed, c.cancelled, c.walkins, c.served, report.Quantile(c.waits, .5))
	}
	rates, err := s.rates(db, p, from, to)
	for _, r := range rates {
		weeks.Add(r.Week, r.Service, r.Kept+r.Missed, r.Missed, r.Reminded, r.RemindedMissed)
	}
	if err != nil {
		return nil, err
	}
	var theirs []City
	if err := db.NewQuery(`SELECT ` + cityColumns + ` FROM city_appointments WHERE state IN ('booked', 'cancelling', 'cancelled') AND starts >= {:from} AND starts < {:to}`).
		Bind(dbx.Params{"from": from, "to": to}).WithContext(ctx).All(&theirs); err != nil {
		return nil, err
	}
	perService := map[key]*count{}
	for _, c := range theirs {
		k := key{isoWeek(time.UnixMilli(c.Starts).In(content.Berlin)), c.Service}
		if perService[k] == nil {
			perService[k] = &count{}
		}
		perService[k].all++
		if c.State == Cancelled {
			perService[k].cancelled++
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(perService), func(a, b key) int { return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.service, b.service)) }) {
		city.Add(k.day, names(p.named([]string{k.service}), content.German), perService[k].all, perService[k].cancelled)
	}
	return tables, nil
}

// isoWeek names a week: "2026-W48".
func isoWeek(t time.Time) string {
	year, week := t.ISOWeek()
	return fmt.Sprintf("%d-W%02d", year, week)
}
