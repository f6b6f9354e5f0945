package participation

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/gate"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// admit lets somebody begin a survey and gives the pass to the browser. What is
// wrong comes as content.Problems.
func (pt *Participation) admit(e *core.RequestEvent, q current, form url.Values) error {
	pass, err := pt.gate.Admit(e, scope(q.Slug), q.Access, form)
	if err != nil || pass.IsZero() {
		return err
	}
	pt.gate.Carry(e, scope(q.Slug), pass)
	return nil
}

// carried is the pass that the browser has carried since the start.
func (pt *Participation) carried(r *http.Request, q survey.Questionnaire) (gate.Pass, error) {
	if !gate.Needs(q.Access) {
		return gate.Pass{}, nil
	}
	pass, ok := pt.gate.Carried(r, scope(q.Slug))
	if !ok || pass.Access != q.Access {
		return gate.Pass{}, gate.ErrMissing
	}
	return pass, nil
}

// receipt finds what a browser handed in under an id. Of an answer that went
// through the urn only the version asked now is known, and no day.
func (pt *Participation) receipt(r *http.Request, slug, id string) (responseRow, error) {
	row, err := pt.storedResponse(slug, id)
	if !errors.Is(err, base.ErrNotFound) {
		return row, err
	}
	q, err := pt.surveys.find(slug)
	if err != nil {
		return responseRow{}, err
	}
	pass, ok := pt.gate.Carried(r, scope(slug))
	if !ok || !q.Anonymous || !q.Named() {
		return responseRow{}, base.ErrNotFound
	}
	took, err := pt.tookPart(r.Context(), slug, pass, id)
	switch {
	case err != nil:
		return responseRow{}, err
	case !took:
		return responseRow{}, base.ErrNotFound
	}
	return responseRow{ID: id, Version: q.Version}, nil
}

// sayQuota puts the questionnaire's own words into the refusal of a full quota.
func sayQuota(q survey.Questionnaire, lang string, full *base.Error) *base.Error {
	code, _ := full.Args[1].(string)
	for _, quota := range q.Quotas {
		if reason, _ := quota.Reason.In(lang); quota.Code == code && reason != "" {
			return base.Refuse(http.StatusConflict, "quota_full_because", "reason", reason)
		}
	}
	return full
}

func storedText(q survey.Questionnaire, lang string) phrase { return phraseOf(q.Stored(), lang) }

func formatDay(day, lang string) string {
	if day == "" {
		return ""
	}
	return survey.FormatDate(day, lang)
}

// Pause stops a survey from taking answers, or lets it go on; staff is who did it.
func (pt *Participation) Pause(ctx context.Context, slug, staff string, paused bool) error {
	if _, err := pt.surveys.find(slug); err != nil {
		return err
	}
	_, err := pt.p.App.NonconcurrentDB().NewQuery(`INSERT INTO survey_runs (survey, paused, by, at) VALUES ({:survey}, {:paused}, {:by}, {:at})
		ON CONFLICT (survey) DO UPDATE SET paused = excluded.paused, by = excluded.by, at = excluded.at`).Bind(dbx.Params{
		"survey": slug, "paused": paused, "by": staff, "at": pt.p.Now().UnixMilli(),
	}).WithContext(ctx).Execute()
	pt.Refresh()
	return err
}
