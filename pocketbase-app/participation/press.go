package participation

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"

	"servicepoint/content/survey"

	"github.com/pocketbase/dbx"
)

// PressButton does what a button among the questions of one page (an index) asks
// for, a ranking's or the map's, in what is typed; false when none was pressed.
// Whoever tries out a working copy needs it beside [Participation.RenderPage].
func (pt *Participation) PressButton(q survey.Questionnaire, page int, form, typed url.Values) bool {
	a := readAction(form)
	if !a.stays() {
		return false
	}
	a.edit(typed, &q.Pages[page])
	return true
}

// AnswersWaiting reports whether answers of a survey are in the urn: some or none,
// their number would tell more than anonymity allows.
func (pt *Participation) AnswersWaiting(ctx context.Context, slug string) (some bool, err error) {
	err = pt.writer.between(ctx, func(w *writer) error {
		if _, err := os.Stat(w.urn.path); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		st, err := w.statements()
		if err != nil {
			return err
		}
		if err := w.begin(st); err != nil {
			return err
		}
		n, _ := w.urn.waiting(slug, "")
		some = n > 0
		return nil
	})
	return some, err
}

// AnswersByVersion tells how many responses of a survey are stored, by version;
// those in the urn are not among them, see [Participation.AnswersWaiting].
func (pt *Participation) AnswersByVersion(ctx context.Context, slug string) (map[int]int, error) {
	var rows []struct {
		Version int `db:"version"`
		N       int `db:"n"`
	}
	err := pt.p.App.DB().NewQuery(`SELECT version, count(*) AS n FROM responses WHERE survey = {:survey} GROUP BY version`).
		Bind(dbx.Params{"survey": slug}).WithContext(ctx).All(&rows)
	counts := map[int]int{}
	for _, r := range rows {
		counts[r.Version] = r.N
	}
	return counts, err
}
