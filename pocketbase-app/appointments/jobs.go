package appointments

import (
	"context"
	"fmt"
	"time"

	"servicepoint/content"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Keep is how long names and contacts stay after an appointment.
const Keep = 30 * 24 * time.Hour

// KeepVain is how long appointments stay that a calendar of others refused.
const KeepVain = 48 * time.Hour

// Expire ends what ran out: holds, blocks, and offers, whose times go to the next
// in line. Writers do the same; this is for quiet hours.
func (s *Service) Expire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.p.App.RunInTransaction(func(tx core.App) error { return s.expire(tx, s.p.Now()) })
	if err == nil {
		s.p.WakeOrders()
	}
	return err
}

// Remind writes to everybody whose appointment is tomorrow, once, and tells how
// many. Whoever booked today needs no reminder.
func (s *Service) Remind(ctx context.Context) (n int, err error) {
	now := s.p.Now()
	today := now.In(content.Berlin)
	at := func(days int) int64 {
		return time.Date(today.Year(), today.Month(), today.Day()+days, 0, 0, 0, 0, content.Berlin).UnixMilli()
	}
	var all []Appointment
	err = s.p.App.DB().NewQuery(`SELECT ` + appointmentColumns + ` FROM appointments
		WHERE state = 'booked' AND reminded IS NULL AND starts >= {:from} AND starts < {:to} AND created < {:today} AND (email <> '' OR phone <> '')
		ORDER BY starts, reference`).Bind(dbx.Params{"from": at(1), "to": at(2), "today": at(0)}).All(&all)
	if err != nil {
		return 0, err
	}
	for _, a := range all {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		if a.Email == "" && !s.SMS {
			continue
		}
		err := s.p.App.RunInTransaction(func(tx core.App) error {
			changed, err := exec(tx, `UPDATE appointments SET reminded = {:now} WHERE reference = {:reference} AND state = 'booked' AND reminded IS NULL AND starts = {:starts}`,
				dbx.Params{"now": now.UnixMilli(), "reference": a.Reference, "starts": a.Starts})
			if err != nil || changed == 0 {
				return err
			}
			n++
			return s.write(tx, a, "reminder")
		})
		if err != nil {
			return n, err
		}
	}
	var city []City
	err = s.p.App.DB().NewQuery(`SELECT ` + cityColumns + ` FROM city_appointments
		WHERE state = 'booked' AND reminded IS NULL AND starts >= {:from} AND starts < {:to} AND created < {:today} AND email <> '' ORDER BY starts, reference`).
		Bind(dbx.Params{"from": at(1), "to": at(2), "today": at(0)}).All(&city)
	if err != nil {
		return n, err
	}
	for _, c := range city {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		err := s.p.App.RunInTransaction(func(tx core.App) error {
			changed, err := exec(tx, `UPDATE city_appointments SET reminded = {:now} WHERE reference = {:reference} AND state = 'booked' AND reminded IS NULL AND starts = {:starts}`,
				dbx.Params{"now": now.UnixMilli(), "reference": c.Reference, "starts": c.Starts})
			if err != nil || changed == 0 {
				return err
			}
			n++
			return s.mailCity(tx, c, "reminder", cityKey(c.Reference, fmt.Sprint("reminder:", c.Sequence)))
		})
		if err != nil {
			return n, err
		}
	}
	s.p.WakeOrders()
	return n, nil
}

// Forget empties names, contacts and links [Keep] after the appointment, and at
// night the links of the day's numbers; what is left are counts. Appointments of
// yesterday that nobody checked in are noted as missed. It tells how many rows it
// emptied.
func (s *Service) Forget(ctx context.Context) (int, error) {
	now := s.p.Now()
	today := now.In(content.Berlin)
	midnight := time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, content.Berlin)
	params := dbx.Params{"before": now.Add(-Keep).UnixMilli(), "midnight": midnight.UnixMilli(), "today": today.Format(time.DateOnly), "vain": now.Add(-KeepVain).UnixMilli()}
	const emptiesCity = 5 // the other statement that empties persons
	total := 0
	for i, q := range []string{
		`UPDATE appointments SET name = '', email = '', phone = '', secret_hash = NULL, earlier = NULL WHERE reference IN
			(SELECT reference FROM appointments WHERE ends < {:before} AND (name <> '' OR email <> '' OR phone <> '' OR secret_hash IS NOT NULL) LIMIT 500)`,
		`UPDATE appointments SET state = 'missed', ended = ends WHERE reference IN (SELECT reference FROM appointments WHERE state = 'booked' AND ends < {:midnight} LIMIT 500)`,
		`UPDATE appointments SET state = 'done', ended = ends WHERE reference IN (SELECT reference FROM appointments WHERE state = 'arrived' AND ends < {:midnight} LIMIT 500)`,
		`UPDATE visits SET token_hash = NULL, finished = CASE state WHEN 'called' THEN NULL ELSE finished END,
			state = CASE state WHEN 'waiting' THEN 'missed' WHEN 'called' THEN 'done' ELSE state END
			WHERE (place, day, number) IN (SELECT place, day, number FROM visits WHERE day < {:today} AND (token_hash IS NOT NULL OR state IN ('waiting', 'called')) LIMIT 500)`,
		`DELETE FROM appointment_ticks WHERE (resource, tick) IN (SELECT resource, tick FROM appointment_ticks WHERE tick < {:midnight} / 300000 LIMIT 500)`,
		`UPDATE city_appointments SET name = '', email = '', phone = '', process = '', number = '', secret_hash = NULL WHERE reference IN
			(SELECT reference FROM city_appointments WHERE ends < {:before} AND (name <> '' OR email <> '' OR secret_hash IS NOT NULL) LIMIT 500)`,
		`DELETE FROM city_appointments WHERE reference IN (SELECT reference FROM city_appointments WHERE state = 'refused' AND updated < {:vain} LIMIT 500)`,
		`DELETE FROM appointment_offers WHERE id IN (SELECT id FROM appointment_offers WHERE starts < {:before} AND state <> 'open' LIMIT 500)`,
	} {
		for {
			if err := ctx.Err(); err != nil {
				return total, err
			}
			res, err := s.p.App.NonconcurrentDB().NewQuery(q).Bind(params).Execute()
			if err != nil {
				return total, err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return total, err
			}
			if i == 0 || i == emptiesCity {
				total += int(n)
			}
			if n < 500 {
				break
			}
		}
	}
	return total, nil
}
