package planning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// When a schedule asks for a package. All run in the night.
var everies = []string{"", "day", "week", "closing"}

// saved is a row of export_profiles: a profile that a planner keeps for a survey,
// with a schedule if Every is set.
type saved struct {
	ID      string `db:"id"`
	Survey  string `db:"survey"`
	Staff   string `db:"staff"`
	Name    string `db:"name"`
	Stored  string `db:"profile"` // JSON
	Reason  string `db:"reason"`
	Every   string `db:"every"`
	Last    string `db:"last"`
	Note    string `db:"note"`
	Created int64  `db:"created"`

	Profile Profile `db:"-"`
}

const savedColumns = `id, survey, staff, name, profile, reason, every, last, note, created`

func savedProfiles(ctx context.Context, db dbx.Builder, where string, params dbx.Params) ([]saved, error) {
	var all []saved
	err := db.NewQuery(`SELECT ` + savedColumns + ` FROM export_profiles WHERE ` + where + ` ORDER BY name, id`).Bind(params).WithContext(ctx).All(&all)
	for i := range all {
		if e := json.Unmarshal([]byte(all[i].Stored), &all[i].Profile); e != nil {
			err = errors.Join(err, fmt.Errorf("profile %s: %w", all[i].ID, e))
		}
	}
	return all, err
}

// occurrence names the run of a schedule that is due at a time; "" when none is.
// Days and weeks (from Monday) are told by their first day in Berlin. A survey that
// was closed again later is another occurrence.
func occurrence(every string, now, closes time.Time) string {
	today := now.In(content.Berlin)
	switch every {
	case "day":
		return today.Format(time.DateOnly)
	case "week":
		return weekStart(today).Format(time.DateOnly)
	case "closing":
		if !closes.IsZero() && !now.Before(closes) {
			return closes.UTC().Format(time.RFC3339)
		}
	}
	return ""
}

// RunSchedules makes the packages that are due, one after the other, and waits
// while a planner's own is in the making. An occurrence whose package failed comes
// again with the next call. The note tells how many; the error joins those of
// single schedules.
func (pl *Planning) RunSchedules(ctx context.Context) (note string, err error) {
	surveys, err := pl.surveys(ctx)
	if err != nil {
		return "", err
	}
	all, err := savedProfiles(ctx, pl.p.App.DB(), `every <> ''`, dbx.Params{})
	if err != nil {
		return "", err
	}
	made, unchanged := 0, 0
	for _, s := range all {
		if ctx.Err() != nil {
			break
		}
		var view surveyView
		for _, v := range surveys {
			if v.Slug == s.Survey {
				view = v
			}
		}
		due := occurrence(s.Every, pl.p.Now(), view.Closes)
		if due == "" || due == s.Last {
			continue
		}
		changed, e := pl.changed(ctx, s, view)
		if e == nil && !changed {
			unchanged++
			e = pl.noteRun(pl.p.App, s.ID, due, "unchanged")
		} else if e == nil {
			if e = pl.scheduled(ctx, s); e == nil {
				made++
			}
		}
		switch {
		case e == nil || errors.Is(e, errNotBuilding): // a planner may cancel it
		case errors.Is(e, ErrNotCleared):
			err = errors.Join(err, pl.noteRun(pl.p.App, s.ID, s.Last, "not_cleared"))
		default:
			err = errors.Join(err, e)
			if ctx.Err() == nil {
				err = errors.Join(err, pl.noteRun(pl.p.App, s.ID, s.Last, "failed"))
			}
		}
	}
	return pl.word("staff.planning.nightly", "made", made, "unchanged", unchanged), err
}

// noteRun says what came of an occurrence: made, unchanged, not_cleared, failed.
func (pl *Planning) noteRun(app core.App, id, occurrence, note string) error {
	_, err := app.DB().NewQuery(`UPDATE export_profiles SET last = {:last}, note = {:note} WHERE id = {:id}`).
		Bind(dbx.Params{"id": id, "last": occurrence, "note": note}).Execute()
	return err
}

// changed reports whether a survey has responses that the last package of the
// schedule lacks.
func (pl *Planning) changed(ctx context.Context, s saved, v surveyView) (bool, error) {
	if v.Total == 0 {
		return false, nil
	}
	var last string
	err := pl.p.App.DB().NewQuery(`SELECT fingerprint FROM export_files WHERE saved = {:saved} AND profile = {:profile} AND state = 'ready' ORDER BY created DESC LIMIT 1`).
		Bind(dbx.Params{"saved": s.ID, "profile": s.Stored}).WithContext(ctx).Row(&last)
	if err != nil && !base.IsNoRows(err) {
		return false, err
	}
	return last != v.fingerprint, nil
}

// scheduled waits for its turn and makes a package.
func (pl *Planning) scheduled(ctx context.Context, s saved) error {
	for {
		id, err := pl.begin(ctx, order{survey: s.Survey, staff: s.Staff, reason: s.Reason, profile: s.Profile, saved: s.ID})
		if err == nil {
			return pl.build(ctx, id)
		}
		if !errors.Is(err, errBusy) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// tell settles the occurrence of a schedule and orders the mail with the link to
// the page of the package; there one has to sign in.
func (pl *Planning) tell(tx core.App, f file, view surveyView) error {
	all, err := savedProfiles(context.Background(), tx.DB(), `id = {:id}`, dbx.Params{"id": f.Saved})
	if err != nil || len(all) == 0 { // deleted meanwhile: the package is there all the same
		return err
	}
	s := all[0]
	if err := pl.noteRun(tx, s.ID, occurrence(s.Every, pl.p.Now(), view.Closes), "made"); err != nil {
		return err
	}
	staff, err := tx.FindRecordById("staff", f.CreatedBy)
	if err != nil {
		return err
	}
	args := []any{"survey", view.Title, "name", s.Name, "until", time.UnixMilli(f.Expires).In(content.Berlin).Format("02.01.2006"),
		"link", pl.p.Origin + exportsPath(f.Survey) + "#exporte"}
	payload, err := json.Marshal(hooks.Mail{
		To: staff.Email(), Lang: content.German, Subject: pl.word("staff.planning.mail.subject", args...), Text: pl.word("staff.planning.mail.text", args...) + "\n",
	})
	if err != nil {
		return err
	}
	return pl.p.PutOrder(tx, hooks.Order{Key: "mail:export:" + f.ID, Provider: "mail", Kind: base.PrivateMail, Subject: "export:" + f.Survey, Payload: payload})
}
