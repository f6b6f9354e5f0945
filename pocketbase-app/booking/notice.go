package booking

import (
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// told is what those who booked an event were told last.
type told struct {
	Starts    string `db:"starts"`
	Ends      string `db:"ends"`
	Place     string `db:"place"`
	Cancelled bool   `db:"cancelled"`
}

func toldOf(ev content.Event) told {
	return told{ev.Start.UTC().Format(time.RFC3339), ev.End.UTC().Format(time.RFC3339), ev.Where(), ev.Cancelled}
}

// same compares moments, not how they are written.
func (t told) same(u told) bool {
	at := func(s string) time.Time {
		v, _ := time.Parse(time.RFC3339, s) // what is no time is none
		return v
	}
	return at(t.Starts).Equal(at(u.Starts)) && at(t.Ends).Equal(at(u.Ends)) && t.Place == u.Place && t.Cancelled == u.Cancelled
}

// tellChanges writes a mail to everybody who booked or waits when the event has
// another time or place than they were told, was cancelled, or takes place after
// all. The sequence of each calendar entry rises.
func (s *Service) tellChanges(tx core.App, ev content.Event, now time.Time) error {
	var old told
	err := tx.DB().NewQuery(`SELECT starts, ends, place, cancelled FROM event_told WHERE event = {:event}`).
		Bind(dbx.Params{"event": ev.Slug}).One(&old)
	if err != nil && !base.IsNoRows(err) {
		return err
	}
	first, current := err != nil, toldOf(ev)
	if !first && old.same(current) {
		return nil
	}
	if _, err := tx.DB().NewQuery(`INSERT INTO event_told (event, starts, ends, place, cancelled) VALUES ({:event}, {:starts}, {:ends}, {:place}, {:cancelled})
		ON CONFLICT (event) DO UPDATE SET starts = excluded.starts, ends = excluded.ends, place = excluded.place, cancelled = excluded.cancelled`).
		Bind(dbx.Params{"event": ev.Slug, "starts": current.Starts, "ends": current.Ends, "place": current.Place, "cancelled": current.Cancelled}).Execute(); err != nil {
		return err
	}
	if first || old.Cancelled && current.Cancelled || isOver(ev, now) {
		return nil
	}
	what := mailMoved
	if current.Cancelled {
		what = mailCalledOff
	}
	var list []Claim
	if err := tx.DB().NewQuery(`SELECT ` + claimColumns + ` FROM claims
		WHERE event = {:event} AND kind IN ('booking', 'waiting', 'offer') AND state IN ('active', 'pending', 'confirmed') ORDER BY created, reference`).
		Bind(dbx.Params{"event": ev.Slug}).All(&list); err != nil {
		return err
	}
	for _, c := range list {
		if err := s.raise(tx, &c); err != nil {
			return err
		}
		if err := note(tx, c, what, "", now); err != nil {
			return err
		}
		if err := s.putMailOf(tx, ev, c, what, c.State == Confirmed); err != nil {
			return err
		}
	}
	return nil
}

// Reached counts those who are told when an event is cancelled or moved.
func Reached(db dbx.Builder, event string) (n int, err error) {
	err = db.NewQuery(`SELECT count(*) FROM claims
		WHERE event = {:event} AND kind IN ('booking', 'waiting', 'offer') AND state IN ('active', 'pending', 'confirmed') AND email <> ''`).
		Bind(dbx.Params{"event": event}).Row(&n)
	return n, err
}
