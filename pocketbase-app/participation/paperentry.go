package participation

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const paperPath = "/schalter/umfragen/"

// paperSurvey is a line of the list of surveys that sheets are typed in for.
type paperSurvey struct {
	Slug, Title string
	Done, Once  int   // sheets typed in by two people, and by one so far
	Waiting     []int // numbers of the latter
	Named       bool
}

// showPaper lists the surveys that were published, with their sheets.
func (pt *Participation) showPaper(e *core.RequestEvent) error {
	slugs, err := pt.surveys.live()
	if err != nil {
		return err
	}
	var rows []struct {
		Survey string `db:"survey"`
		Sheet  int    `db:"sheet"`
		Done   bool   `db:"done"`
	}
	if err := pt.p.App.DB().NewQuery(`SELECT survey, sheet, done FROM survey_sheets ORDER BY survey, sheet`).All(&rows); err != nil {
		return err
	}
	for _, r := range rows { // sheets may come back after a survey was taken off the site
		if !slices.Contains(slugs, r.Survey) {
			slugs = append(slugs, r.Survey)
		}
	}
	var list []paperSurvey
	for _, slug := range slugs {
		q, err := pt.surveys.find(slug)
		if err != nil {
			return err
		}
		title, _ := q.Title.In(content.German)
		s := paperSurvey{Slug: slug, Title: title, Named: q.Named()}
		for _, r := range rows {
			switch {
			case r.Survey != slug:
			case r.Done:
				s.Done++
			default:
				s.Once++
				s.Waiting = append(s.Waiting, r.Sheet)
			}
		}
		list = append(list, s)
	}
	return pt.p.Show(e, http.StatusOK, templates, "paper", base.View{Title: pt.p.Words.In(content.German, "staff.paper.title"), Data: list})
}

// paperSheet is the questionnaire that a sheet was printed from.
func (pt *Participation) paperSheet(r *http.Request) (survey.Questionnaire, error) {
	slug := r.PathValue("slug")
	newest, err := pt.surveys.find(slug)
	if err != nil {
		return survey.Questionnaire{}, err
	}
	if newest.Named() {
		return survey.Questionnaire{}, base.Refuse(http.StatusConflict, "survey_not_on_paper")
	}
	version := newest.Version
	if s := r.URL.Query().Get("version"); s != "" {
		if version, err = strconv.Atoi(s); err != nil {
			return survey.Questionnaire{}, base.ErrNotFound
		}
	}
	q, err := pt.surveys.version(slug, version)
	if err != nil {
		return survey.Questionnaire{}, err
	}
	return q.Questionnaire, nil
}

type typePage struct {
	Slug, Survey   string
	Version        int
	Versions       []int
	Sheet          string
	Language       string
	Languages      []string
	Fields         []typeField
	Faults         []typeField
	Second         bool // a second person is comparing
	Same           bool // the first entry was one's own
	Done           int  // the sheet that was stored a moment ago
	Kept           int  // the sheet that was typed in for the first time a moment ago
	Differences    int
	Dropped        string // what was not taken over
	AnswersProblem string
}

func (pt *Participation) showTyping(e *core.RequestEvent) error {
	q, err := pt.paperSheet(e.Request)
	if err != nil {
		return err
	}
	page := typePage{}
	page.Done, _ = strconv.Atoi(e.Request.URL.Query().Get("gespeichert"))
	page.Kept, _ = strconv.Atoi(e.Request.URL.Query().Get("erste"))
	return pt.showType(e, http.StatusOK, q, page, url.Values{}, nil, nil)
}

func (pt *Participation) showType(e *core.RequestEvent, status int, q survey.Questionnaire, page typePage, form, other url.Values, problems content.Problems) error {
	page.Slug, page.Version = q.Slug, q.Version
	page.Survey, _ = q.Title.In(content.German)
	for v := q.Version; v >= 1; v-- {
		page.Versions = append(page.Versions, v)
	}
	page.Sheet, page.Language, page.Languages = form.Get("bogen"), form.Get("sprache"), q.Languages
	page.Fields = pt.typeFields(q, form, other, problems)
	for _, f := range page.Fields {
		if f.Other != "" {
			page.Differences++
		}
		if f.Problem != "" {
			page.Faults = append(page.Faults, f)
		}
	}
	var rest content.Problems
	for _, p := range problems {
		switch p.Field {
		case "bogen", "sprache":
			rest = append(rest, p)
		case "answers":
			page.AnswersProblem = pt.p.Words.Say(content.German, p)
		}
	}
	return pt.p.Show(e, status, templates, "type", base.View{
		Title: pt.p.Words.In(content.German, "staff.paper.type_title", "survey", page.Survey), Data: page, Form: form, Problems: rest,
	})
}

// storedSheet is a row of survey_sheets.
type storedSheet struct {
	Version  int    `db:"version"`
	Language string `db:"language"`
	Typed    string `db:"typed"`
	Typist   string `db:"typist"`
	Response string `db:"response"`
	Done     bool   `db:"done"`
}

// takeTyping takes one entry of a sheet. The first one is kept; the second one,
// by somebody else, is compared with it. Where they differ both are shown, and
// what is sent then counts. The stored response knows neither the sheet nor who
// typed it.
func (pt *Participation) takeTyping(e *core.RequestEvent) error {
	q, err := pt.paperSheet(e.Request)
	if err != nil {
		return err
	}
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	number, problems := sheetNumber(form)
	language := form.Get("sprache")
	if !slices.Contains(q.Languages, language) {
		problems.Add("sprache", "unknown")
	}
	typed := pt.tidyTyped(q, form)
	answers, dropped, wrong := readTyped(q, typed)
	for key := range typed { // show what was typed as it was compared
		form.Set(key, typed.Get(key))
	}
	if problems = append(problems, wrong...); len(problems) > 0 {
		return pt.showType(e, http.StatusUnprocessableEntity, q, typePage{}, form, nil, problems)
	}
	first, isFirst, err := pt.firstEntry(q, number, language, typed, e.Auth.Id)
	if err != nil {
		return err
	}
	var before url.Values
	switch {
	case isFirst:
		return seeOther(e, typingPath(q, "erste", number))
	case first.Done:
		return pt.showType(e, http.StatusConflict, q, typePage{}, form, nil, content.Problems{{Field: "bogen", Code: "sheet_done"}})
	case first.Typist == e.Auth.Id:
		return pt.showType(e, http.StatusConflict, q, typePage{Same: true}, form, nil, content.Problems{{Field: "bogen", Code: "sheet_same_person"}})
	case first.Version != q.Version || first.Language != language:
		return pt.showType(e, http.StatusConflict, q, typePage{}, form, nil, content.Problems{{Field: "bogen", Code: "sheet_other_version",
			Args: map[string]any{"version": first.Version, "language": first.Language}}})
	}
	if err := json.Unmarshal([]byte(first.Typed), &before); err != nil {
		return err
	}
	seen := base.Hash("sheet", first.Typed)
	if form.Get("geklaert") != seen && before.Encode() != typed.Encode() {
		form.Set("geklaert", seen) // the next time these differences have been looked at
		return pt.showType(e, http.StatusConflict, q, typePage{Second: true, Dropped: pt.numbersOf(q, dropped)}, form, before, nil)
	}
	what, err := pt.put(e.Request.Context(), q, answers, entry{id: first.Response, language: language, channel: paper, day: pt.day()})
	if err != nil {
		return err
	}
	if what == differs {
		return base.Refuse(http.StatusConflict, "response_differs")
	}
	_, err = pt.p.App.NonconcurrentDB().NewQuery(`UPDATE survey_sheets SET done = 1, typed = '', typist = '', response = ''
		WHERE survey = {:survey} AND sheet = {:sheet}`).Bind(dbx.Params{"survey": q.Slug, "sheet": number}).Execute()
	if err != nil {
		return err
	}
	return seeOther(e, typingPath(q, "gespeichert", number))
}

// numbersOf gives the numbers on paper of variables.
func (pt *Participation) numbersOf(q survey.Questionnaire, keys []string) string {
	var list []string
	for _, f := range pt.typeFields(q, nil, nil, nil) {
		if slices.Contains(keys, f.Key) && !slices.Contains(list, f.Number) {
			list = append(list, f.Number)
		}
	}
	return strings.Join(list, ", ")
}

// firstEntry keeps a first entry. Was there one before, it comes back.
func (pt *Participation) firstEntry(q survey.Questionnaire, number int, language string, typed url.Values, staff string) (first storedSheet, isFirst bool, err error) {
	text, err := json.Marshal(typed)
	if err != nil {
		return first, false, err
	}
	params := dbx.Params{"survey": q.Slug, "sheet": number, "version": q.Version, "language": language, "typed": string(text), "staff": staff, "response": uuid4(randomBytes())}
	err = pt.p.App.RunInTransaction(func(tx core.App) error {
		result, err := tx.DB().NewQuery(`INSERT INTO survey_sheets (survey, sheet, version, language, typed, typist, response)
			VALUES ({:survey}, {:sheet}, {:version}, {:language}, {:typed}, {:staff}, {:response}) ON CONFLICT DO NOTHING`).Bind(params).Execute()
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if isFirst = n == 1; err != nil || isFirst {
			return err
		}
		return tx.DB().NewQuery(`SELECT version, language, typed, typist, response, done FROM survey_sheets
			WHERE survey = {:survey} AND sheet = {:sheet}`).Bind(params).One(&first)
	})
	return first, isFirst, err
}

// dropSheet deletes a first entry that was a mistake; whoever typed it may do so.
func (pt *Participation) dropSheet(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	number, problems := sheetNumber(form)
	if len(problems) > 0 {
		return problems
	}
	result, err := pt.p.App.NonconcurrentDB().NewQuery(`DELETE FROM survey_sheets WHERE survey = {:survey} AND sheet = {:sheet} AND done = 0 AND typist = {:staff}`).
		Bind(dbx.Params{"survey": e.Request.PathValue("slug"), "sheet": number, "staff": e.Auth.Id}).Execute()
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return base.ErrNotFound
	}
	return seeOther(e, paperPath)
}

func typingPath(q survey.Questionnaire, what string, number int) string {
	return paperPath + q.Slug + "/?version=" + strconv.Itoa(q.Version) + "&" + what + "=" + strconv.Itoa(number)
}
