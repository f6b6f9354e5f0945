package editorial

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/formats"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// checkPage is what stands between a working copy and the public.
type checkPage struct {
	Errors, Warnings []checkRow
	Changes          []changeRow
	Version          int // newest published one, 0: none
	Answers          int // stored, of all versions
	PerVersion       []answerRow
	Waiting          bool // more answers are there, which are not counted yet
	Incomparable     bool
	Untranslated     []pageName // languages in which texts are missing
	Same             bool       // nothing is different from what is published
	State            string
	Archived         bool
	Exports          []string
}

type checkRow struct{ Where, Text, Link string }

type changeRow struct {
	Where, Text, Link string
	Effect            survey.Effect
	EffectText        string
}

type answerRow struct{ Version, Answers int }

// place tells where in the questionnaire a field is, and the page that changes it.
func (d *Editorial) place(q *survey.Questionnaire, slug, field string) (where, link string) {
	parts := strings.Split(field, ".")
	at := "/redaktion/umfragen/" + slug + "/"
	switch parts[0] {
	case "sections":
		return d.word("staff.builder.sections"), builderPath(slug, "abschnitte/")
	case "quotas":
		return d.word("staff.builder.quotas"), builderPath(slug, "quoten/")
	case "pages":
	default:
		return d.word("staff.builder.tab.angaben"), at + "#f-" + field
	}
	if len(parts) < 2 {
		return d.word("staff.builder.tab.fragen"), builderPath(slug, "")
	}
	p, _ := strconv.Atoi(parts[1])
	if p >= len(q.Pages) {
		return d.word("staff.builder.tab.fragen"), builderPath(slug, "")
	}
	page := q.Pages[p]
	where = d.word("staff.builder.page", "n", p+1, "title", short(german(page.Title)))
	if len(parts) < 4 || parts[2] != "items" {
		return where, builderPath(slug, "seite/"+page.Code+"/")
	}
	i, _ := strconv.Atoi(parts[3])
	if i >= len(page.Items) {
		return where, builderPath(slug, "")
	}
	it := page.Items[i]
	name := d.word("staff.builder.text_between")
	if n := numbered(*q)[it.Code]; n != "" {
		name = d.word("staff.builder.question_n", "n", n)
	}
	link = builderPath(slug, "frage/"+it.Code+"/")
	if rest := strings.Join(parts[4:], "."); rest != "" {
		link += "#f-" + d.onItemForm(content.Problem{Field: rest}).Field
		if len(parts) > 5 && (parts[4] == "options" || parts[4] == "rows") {
			if n, err := strconv.Atoi(parts[5]); err == nil {
				name += ", " + d.word("staff.builder."+parts[4]+"_n", "n", n+1)
			}
		}
	}
	return name + " „" + short(german(it.Text)) + "“", link
}

func (d *Editorial) questionnaireAt(slug string, rev int) (q survey.Questionnaire, err error) {
	row, err := oneRevision(d.p.App, surveyKind(), slug, rev)
	if errors.Is(err, base.ErrNotFound) {
		return q, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(row.Doc), &q)
	}
	return q, err
}

// newestVersion is the questionnaire that was published last, nil when none was.
func newestVersion(app core.App, slug string) (*survey.Questionnaire, error) {
	return oneVersion(app, slug, "DESC")
}

func oneVersion(app core.App, slug, order string) (*survey.Questionnaire, error) {
	var doc string
	err := app.DB().NewQuery(`SELECT questionnaire FROM survey_versions WHERE survey = {:survey} ORDER BY version ` + order + ` LIMIT 1`).
		Bind(dbx.Params{"survey": slug}).Row(&doc)
	if base.IsNoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var q survey.Questionnaire
	err = json.Unmarshal([]byte(doc), &q)
	return &q, err
}

// fixedBy says what of a survey cannot be changed any more: what people were
// promised when it was first published. The database refuses it, too.
func fixedBy(app core.App, slug string, q survey.Questionnaire) (content.Problems, error) {
	first, err := oneVersion(app, slug, "ASC")
	if err != nil || first == nil {
		return nil, err
	}
	var problems content.Problems
	if first.Anonymous != q.Anonymous {
		code := "fixed_anonymous"
		if !first.Anonymous {
			code = "fixed_not_anonymous"
		}
		problems.Add("anonymous", code)
	}
	if first.Named() != q.Named() {
		problems.Add("access", "fixed_access")
	}
	return problems, nil
}

func (d *Editorial) showCheck(e *core.RequestEvent) error {
	return d.showCheckPage(e, http.StatusOK)
}

func (d *Editorial) showCheckPage(e *core.RequestEvent, status int) error {
	slug := e.Request.PathValue("slug")
	w, err := d.workingCopy(d.p.App, slug)
	if err != nil {
		return err
	}
	view := checkPage{State: w.rec.GetString("state"), Exports: formats.Writable}
	problems := w.Validate()
	fixed, err := fixedBy(d.p.App, slug, w.Questionnaire)
	if err != nil {
		return err
	}
	pictures, err := d.pictureProblems(d.p.App, &w.Questionnaire, w.Languages...)
	if err != nil {
		return err
	}
	for _, p := range append(append(problems, fixed...), pictures...) {
		where, link := d.place(&w.Questionnaire, slug, p.Field)
		view.Errors = append(view.Errors, checkRow{where, d.p.Words.Say(content.German, p), link})
	}
	for _, f := range w.Findings() {
		where, link := d.place(&w.Questionnaire, slug, f.Field)
		row := checkRow{where, d.p.Words.Say(content.German, f.Problem), link}
		if f.Severity == survey.SeverityError {
			view.Errors = append(view.Errors, row)
		} else {
			view.Warnings = append(view.Warnings, row)
		}
	}
	for _, lang := range w.Languages {
		n := 0
		for _, t := range d.textsOf(&w.Questionnaire) {
			if german(*t.Text) != "" && (*t.Text)[lang] == "" {
				n++
			}
		}
		if n > 0 && lang != content.German {
			view.Untranslated = append(view.Untranslated, pageName{lang, d.word("staff.builder.untranslated", "n", n, "lang", d.word("staff.lang."+lang))})
		}
	}
	if err := d.compareToPublished(e.Request.Context(), &view, w, slug); err != nil {
		return err
	}
	if view.Archived, err = d.archived(slug); err != nil {
		return err
	}
	return d.showBuilder(e, status, w, "check", "pruefen", d.word("staff.builder.check", "survey", w.rec.GetString("title")), base.View{}, view)
}

// compareToPublished says what publishing would change for running data.
func (d *Editorial) compareToPublished(ctx context.Context, view *checkPage, w workingCopy, slug string) error {
	newest, err := newestVersion(d.p.App, slug)
	if err != nil || newest == nil {
		return err
	}
	view.Version = newest.Version
	if d.Answers != nil {
		perVersion, err := d.Answers(ctx, slug)
		if err != nil {
			return err
		}
		for v, n := range perVersion {
			view.Answers += n
			view.PerVersion = append(view.PerVersion, answerRow{v, n})
		}
		slices.SortFunc(view.PerVersion, func(a, b answerRow) int { return a.Version - b.Version })
	}
	if d.Waiting != nil {
		if view.Waiting, err = d.Waiting(ctx, slug); err != nil {
			return err
		}
	}
	newer := cloned(w.Questionnaire)
	if err := d.fillDistricts(d.p.App, &newer); err != nil {
		return err
	}
	for _, c := range survey.Changes(*newest, newer) {
		q := &w.Questionnaire
		if strings.HasSuffix(c.Code, "_removed") && c.Item != "" || c.Code == "item_removed" {
			q = newest
		}
		where, link := d.place(q, slug, c.Field)
		if q == newest && w.Item(c.Item) == nil {
			link = ""
		}
		view.Changes = append(view.Changes, changeRow{Where: where, Link: link, Effect: c.Effect, EffectText: d.word("staff.effect." + string(c.Effect)),
			Text: d.word("staff.change."+c.Code, "old", d.changeValue(c.Old), "new", d.changeValue(c.New))})
		view.Incomparable = view.Incomparable || c.Effect == survey.NotComparable
	}
	view.Same = len(view.Changes) == 0
	return nil
}

// changeValue writes a value of a change: codes of flags and types in words.
func (d *Editorial) changeValue(s string) string {
	for _, key := range []string{"staff.value.", "staff.type.", "staff.option.access.", "staff.lang."} {
		if word := d.wordOr(key + s); word != "" {
			return word
		}
	}
	if s == "" {
		return "–"
	}
	return short(s)
}

// publishable refuses a questionnaire in whose routing people would get stuck.
func publishable(raw []byte) (content.Problems, error) {
	var q survey.Questionnaire
	if err := json.Unmarshal(raw, &q); err != nil {
		return nil, err
	}
	var problems content.Problems
	for _, f := range q.Findings() {
		if f.Severity == survey.SeverityError {
			problems = append(problems, f.Problem)
		}
	}
	return problems, nil
}

// fillDistricts gives questions for the Ortsbezirk without a list of their own
// the districts of the city.
func (d *Editorial) fillDistricts(app core.App, q *survey.Questionnaire) error {
	for p := range q.Pages {
		for i := range q.Pages[p].Items {
			it := &q.Pages[p].Items[i]
			if it.Type != survey.District || len(it.Options) > 0 {
				continue
			}
			var rows []struct {
				Slug  string `db:"slug"`
				Title string `db:"title"`
			}
			err := app.DB().NewQuery(`SELECT slug, title FROM districts WHERE state = 'published' ORDER BY title`).All(&rows)
			if err != nil {
				return err
			}
			for _, r := range rows {
				it.Options = append(it.Options, survey.Option{Code: r.Slug, Text: content.Text{content.German: r.Title}})
			}
		}
	}
	return nil
}

// questionnaireDifferences lists in what the questions of two copies differ, for
// the history of a survey.
func (d *Editorial) questionnaireDifferences(older, newer json.RawMessage) ([]difference, error) {
	var was, is survey.Questionnaire
	if err := errors.Join(json.Unmarshal(older, &was), json.Unmarshal(newer, &is)); err != nil {
		return nil, err
	}
	var out []difference
	compare := func(label, a, b string) {
		if a != b {
			out = append(out, difference{label, a, b})
		}
	}
	order := func(q survey.Questionnaire) string {
		var lines []string
		for _, p := range q.Pages {
			line := p.Code + ":"
			for _, it := range p.Items {
				line += " " + it.Code
			}
			if rule := d.explain(q, p.ShowIf); rule != "" {
				line += " (" + rule + ")"
			}
			lines = append(lines, line)
		}
		return strings.Join(lines, "\n")
	}
	compare(d.word("staff.builder.order"), order(was), order(is))
	for _, it := range append(was.Items(), is.Items()...) {
		a, b := was.Item(it.Code), is.Item(it.Code)
		switch {
		case b == nil:
			compare(it.Code, german(a.Text), "")
		case a == nil:
			compare(it.Code, "", german(b.Text))
		default:
			for _, row := range d.itemDifferences(itemForm(*a), itemForm(*b)) {
				row.Label = it.Code + ": " + row.Label
				if !slices.Contains(out, row) {
					out = append(out, row)
				}
			}
		}
	}
	texts := map[string]*content.Text{}
	for _, t := range d.textsOf(&was) {
		texts[t.Path] = t.Text
	}
	for _, t := range d.textsOf(&is) {
		other := texts[t.Path]
		if other == nil || !strings.Contains(t.Path, ".") { // new, or a field of the settings
			continue
		}
		for _, lang := range content.Languages {
			if lang != content.German || !strings.HasPrefix(t.Path, "items.") {
				compare(t.Where+" ("+d.word("staff.lang."+lang)+")", (*other)[lang], (*t.Text)[lang])
			}
		}
	}
	for name, pair := range map[string][2]any{"sections": {was.Sections, is.Sections}, "quotas": {was.Quotas, is.Quotas}} {
		a, _ := json.Marshal(pair[0])
		b, err := json.Marshal(pair[1])
		if err != nil {
			return nil, err
		}
		compare(d.word("staff.builder."+name), string(a), string(b))
	}
	return out, nil
}
