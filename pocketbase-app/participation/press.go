package participation

import (
	"bytes"
	"context"
	"errors"
	"html/template"
	"io/fs"
	"net/url"
	"os"
	"strconv"

	"servicepoint/content"
	"servicepoint/content/survey"

	"github.com/pocketbase/dbx"
)

// RenderPage renders the fields of one page (index) in a language, filled with
// what a form sent: the same as the citizens' journey shows. Editors try a working
// copy with it. values is what the form's attribute data-values holds.
func (pt *Participation) RenderPage(q survey.Questionnaire, page int, lang string, typed url.Values, problems content.Problems) (html template.HTML, values string, err error) {
	out, err := pt.renderItems(sheet{q: &q, page: page, lang: lang, typed: typed, problems: problems})
	return out.HTML, out.Values, err
}

// RenderReview renders what somebody answered, page by page, as it is looked over
// before it is sent, with a button "zu:" and the index for each page.
func (pt *Participation) RenderReview(q survey.Questionnaire, lang string, typed url.Values) (template.HTML, error) {
	v := pt.summary(&q, lang, typed, func(page int, _ string) string { return "#seite-" + strconv.Itoa(page+1) })
	var b bytes.Buffer
	err := templates["trial"].Execute(&b, map[string]any{"Pages": v.Pages, "Faults": v.Faults, "Title": pt.p.Words.In(lang, "form.problems"), "Change": pt.p.Words.In(lang, "participation.change")})
	return template.HTML(b.String()), err
}

// Brought reports whether the answers of a page brought up questions on the same
// page that its form had not shown: without a script it is shown once more.
func (pt *Participation) Brought(q survey.Questionnaire, page int, form, typed url.Values) bool {
	return len(brought(&q.Pages[page], q.Read(typed), page, form)) > 0
}

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
