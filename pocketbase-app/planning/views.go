package planning

import (
	"net/http"
	"strconv"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// bindViews adds the pages that show a survey's counts; files are bound by
// [Planning.Bind].
func (pl *Planning) bindViews(se *core.ServeEvent, need func(*core.RequestEvent) error) {
	pl.p.Route(se, "GET", "/planung/{slug}/{$}", pl.showSurvey, need)
}

// detail is what /planung/<slug>/ shows.
type detail struct {
	surveyView
	Chart chart
	exportsPart
}

// showSurvey is GET /planung/<slug>/.
func (pl *Planning) showSurvey(e *core.RequestEvent) error {
	ctx := e.Request.Context()
	view, err := pl.survey(ctx, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	d := detail{surveyView: view}
	if d.Chart, err = newChart(view.Days); err != nil {
		return err
	}
	if d.exportsPart, err = pl.exportsPart(ctx, view); err != nil {
		return err
	}
	return pl.p.Show(e, http.StatusOK, pages, "survey", base.View{Title: view.Title, Data: d})
}

// Number writes a whole number as German readers expect it, e.g. 12.345.
func (surveyView) Number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "." + s[i:]
	}
	return s
}

// Period says when the survey is open.
func (v surveyView) Period() string {
	from, to := v.Opens.In(content.Berlin).Format("02.01.2006"), v.Closes.In(content.Berlin).Format("02.01.2006")
	switch {
	case v.Opens.IsZero() && v.Closes.IsZero():
		return ""
	case v.Closes.IsZero():
		return "ab " + from
	case v.Opens.IsZero():
		return "bis " + to
	}
	return from + " bis " + to
}

// LastDay is the day of the last response, "" when there is none.
func (v surveyView) LastDay() string {
	if len(v.Days) == 0 {
		return ""
	}
	d, err := time.Parse(time.DateOnly, v.Days[len(v.Days)-1].Day)
	if err != nil {
		return v.Days[len(v.Days)-1].Day
	}
	return d.Format("02.01.2006")
}
