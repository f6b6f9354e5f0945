package appointments

import (
	"cmp"
	"context"
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
	t := s.p.ReportTable("appointments", "termine-je-tag", "day day", "service text", "appointments number", "kept number", "missed number", "cancelled number",
		"walkins number", "served number", "wait decimal min")
	t.Chart = []string{"appointments", "walkins"}
	weeks := s.p.ReportTable("appointments", "nicht-gekommen", "week text", "service text", "ended number", "missed number", "reminded number", "reminded_missed number")
	p, err := readPlan(db)
	if err != nil {
		return []*report.Table{t, weeks}, nil //nolint:nilerr // no place yet: nothing to count
	}
	from, to := period.Bounds()
	type key struct{ day, service string }
	type count struct {
		all, kept, missed, cancelled, walkins, served int
		waits                                         []float64
	}
	counts := map[key]*count{}
	at := func(day, service string) *count {
		k := key{day, service}
		if counts[k] == nil {
			counts[k] = &count{}
		}
		return counts[k]
	}
	var rows []struct {
		Starts  int64  `db:"starts"`
		State   string `db:"state"`
		Service string `db:"service"`
	}
	if err := db.NewQuery(`SELECT a.starts, a.state, i.service FROM appointments a JOIN appointment_items i USING (reference)
		WHERE a.state <> 'held' AND a.starts >= {:from} AND a.starts < {:to}`).Bind(dbx.Params{"from": from, "to": to}).WithContext(ctx).All(&rows); err != nil {
		return nil, err
	}
	for _, r := range rows {
		c := at(time.UnixMilli(r.Starts).In(content.Berlin).Format(time.DateOnly), r.Service)
		c.all++
		switch r.State {
		case Done, Arrived:
			c.kept++
		case Missed:
			c.missed++
		case Cancelled:
			c.cancelled++
		}
	}
	var visits []Visit
	if err := db.NewQuery(`SELECT ` + visitColumns + ` FROM visits WHERE arrived >= {:from} AND arrived < {:to}`).
		Bind(dbx.Params{"from": from, "to": to}).WithContext(ctx).All(&visits); err != nil {
		return nil, err
	}
	for _, v := range visits {
		for _, code := range v.codes() {
			c := at(v.Day, code)
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
	for _, k := range slices.SortedFunc(maps.Keys(counts), func(a, b key) int { return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.service, b.service)) }) {
		c := counts[k]
		t.Add(k.day, names(p.named([]string{k.service}), content.German), c.all, c.kept, c.missed, c.cancelled, c.walkins, c.served, report.Quantile(c.waits, .5))
	}
	rates, err := s.rates(db, p, from, to)
	for _, r := range rates {
		weeks.Add(r.Week, r.Service, r.Kept+r.Missed, r.Missed, r.Reminded, r.RemindedMissed)
	}
	return []*report.Table{t, weeks}, err
}
