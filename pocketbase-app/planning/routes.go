package planning

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// overview is what /planung/ shows.
type overview struct {
	Surveys []surveyView
	Files   []fileView // of who looks
}

// showSurveys is GET /planung/.
func (pl *Planning) showSurveys(e *core.RequestEvent) error {
	ctx := e.Request.Context()
	surveys, err := pl.surveys(ctx)
	if err != nil {
		return err
	}
	staff := base.Staff(e)
	files, err := pl.views(ctx, "", 200, surveys, staff)
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(f fileView) bool { return !f.Mine })
	return pl.p.Show(e, http.StatusOK, pages, "surveys", base.View{
		Title: pl.word("staff.planning.title"), Data: overview{surveys, files},
	})
}

func minute(ms int64) string {
	return time.UnixMilli(ms).In(content.Berlin).Format("02.01.2006, 15:04") + " Uhr"
}

func size(n int64) string {
	if n < 1_000_000 {
		return strconv.FormatInt((n+999)/1000, 10) + " kB"
	}
	return strings.Replace(fmt.Sprintf("%.1f MB", float64(n)/1e6), ".", ",", 1)
}
