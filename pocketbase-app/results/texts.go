package results

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/content/disclosure"
	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// maxText bounds a text as it is released, in characters.
const maxText = 2000

// mostShown bounds the list of texts that were decided.
const mostShown = 200

// States of a text that somebody has read.
const (
	textReleased = "released"
	textRefused  = "refused"
	textOpen     = "open" // in the log only: a decision was taken back
)

var (
	errDecided = errors.New("text_decided") // somebody else was faster
	errNotOut  = errors.New("text_not_out") // a quote that is not released
	errTextFew = errors.New("texts_few")    // fewer than disclosure.LeastGroup responses
	textState  = map[string]string{"freigeben": textReleased, "zurueckhalten": textRefused}
	textLists  = map[string]string{"freigegeben": textReleased, "zurueckgehalten": textRefused}
)

// ReleasedText is a text that everybody may read, as an editor has left it.
type ReleasedText struct {
	Key  string // variable
	Text string
}

// ReleasedTexts gives the released texts of a survey by variable, in the order of
// the alphabet, which tells nothing of who wrote them.
func ReleasedTexts(ctx context.Context, db dbx.Builder, slug string) (list []ReleasedText, err error) {
	err = db.NewQuery(`SELECT key, text FROM released_texts WHERE survey = {:survey} AND state = 'released' ORDER BY key, text, response`).
		Bind(dbx.Params{"survey": slug}).WithContext(ctx).All(&list)
	return list, err
}

// markOf names a text without naming its response: texts of one person have
// different marks, and the ids of responses are random.
func markOf(slug, response, key string) string {
	sum := sha256.Sum256([]byte(slug + "\x00" + response + "\x00" + key))
	return hex.EncodeToString(sum[:12])
}

// decided is a stored decision about a text.
type decided struct {
	Response  string `db:"response"`
	Key       string `db:"key"`
	State     string `db:"state"`
	Text      string `db:"text"`
	Changed   int64  `db:"changed"`
	ChangedBy string `db:"changed_by"`
}

func decisions(ctx context.Context, db dbx.Builder, slug string) (map[string]decided, error) {
	var rows []decided
	err := db.NewQuery(`SELECT response, key, state, text, changed, changed_by FROM released_texts WHERE survey = {:survey}`).
		Bind(dbx.Params{"survey": slug}).WithContext(ctx).All(&rows)
	if err != nil {
		return nil, err
	}
	list := make(map[string]decided, len(rows))
	for _, r := range rows {
		list[markOf(slug, r.Response, r.Key)] = r
	}
	return list, nil
}

// readable lists the variables that hold texts to be read: of questions that no
// version asks as personal ones.
func readable(s *tally.Survey) (list []*tally.Variable) {
	for _, v := range s.Variables() {
		personal := slices.ContainsFunc(v.Versions, func(n int) bool { return s.Version(n).Item(v.Of.Code).IsPersonal() })
		text := v.Part == "" && (v.Of.Type == survey.ShortText || v.Of.Type == survey.LongText) || v.Part == survey.PartText
		if text && !personal {
			list = append(list, v)
		}
	}
	return list
}

// written is one text that somebody wrote.
type written struct {
	Response, Key, Mark, Text string
}

// writtenIn reads all texts of some variables, in the order of their marks: it
// tells nothing of when they came and what else their writers said.
func writtenIn(slug string, s Snapshot, variables []*tally.Variable) (list []written, all int, err error) {
	for r, err := range s.Responses() {
		if err != nil {
			return nil, 0, err
		}
		all++
		for _, v := range variables {
			if text, _ := r.Answers[v.Key].(string); strings.TrimSpace(text) != "" {
				list = append(list, written{r.ID, v.Key, markOf(slug, r.ID, v.Key), text})
			}
		}
	}
	slices.SortFunc(list, func(a, b written) int { return cmp.Compare(a.Mark, b.Mark) })
	return list, all, nil
}

// textQuestion is a question with texts on the page.
type textQuestion struct {
	Key, Text               string
	All, Open, Out, Refused int
	Here                    bool
}

// textRow is a text that was decided.
type textRow struct {
	N                             int
	Mark, Original, Text, Day, By string
}

type textsView struct {
	Slug, Title string
	Few         bool // there are too few answers to show any
	Questions   []textQuestion
	Key         string // the question whose texts are shown; "" none
	Question    string
	List        string // "freigegeben", "zurueckgehalten"; "": one open text
	Rows        []textRow
	More        int // that are not in Rows
	Mark        string
	Pieces      []piece
	Found       bool // something was masked
	Next        string
	Left        int
	Notice      string
}

// URL is an address of the page.
func (d textsView) URL(key, list, after string) string {
	q := url.Values{"frage": {key}}
	if list != "" {
		q.Set("stand", list)
	}
	if after != "" {
		q.Set("nach", after)
	}
	return "/redaktion/umfragen/" + d.Slug + "/texte/?" + q.Encode()
}

// Results is the address of the page of results.
func (d textsView) Results() string { return "/redaktion/umfragen/" + d.Slug + "/ergebnisse/" }

func (x *Results) showTexts(e *core.RequestEvent) error {
	return x.textsPage(e, http.StatusOK, e.Request.URL.Query(), base.View{})
}

// textsPage shows how many texts wait, and one of a question with the proposal of
// what could be released, or those that were decided. at says what of it.
func (x *Results) textsPage(e *core.RequestEvent, status int, at url.Values, v base.View) error {
	ctx, slug := e.Request.Context(), e.Request.PathValue("slug")
	s, err := x.Snapshot(ctx, slug)
	if err != nil {
		return err
	}
	defer s.Close()
	merged, err := tally.Merge(s.Versions())
	if err != nil {
		return err
	}
	variables := readable(merged)
	texts, all, err := writtenIn(slug, s, variables)
	if err != nil {
		return err
	}
	known, err := decisions(ctx, x.p.App.DB(), slug)
	if err != nil {
		return err
	}
	d := textsView{Slug: slug, Title: view{}.Say(merged.Title), Few: all < disclosure.LeastGroup, Key: at.Get("frage"), List: at.Get("stand")}
	if d.List != "" && textLists[d.List] == "" {
		return base.ErrNotFound
	}
	for _, q := range variables {
		one := textQuestion{Key: q.Key, Text: view{}.Say(question(q)), Here: q.Key == d.Key}
		for _, w := range texts {
			if w.Key != q.Key {
				continue
			}
			one.All++
			switch known[w.Mark].State {
			case textReleased:
				one.Out++
			case textRefused:
				one.Refused++
			default:
				one.Open++
			}
		}
		if one.Here {
			d.Question, d.Left = one.Text, one.Open
		}
		d.Questions = append(d.Questions, one)
	}
	if d.Key != "" && d.Question == "" {
		return base.ErrNotFound
	}
	if v.Form == nil {
		v.Form = url.Values{}
	}
	if !d.Few && d.Key != "" {
		x.fillTexts(&d, texts, known, at.Get("nach"), v.Form)
	}
	if m := at.Get("meldung"); m == "freigegeben" || m == "zurueckgehalten" || m == "zurueckgenommen" {
		d.Notice = "staff.results.texts.done." + m
	}
	v.Title, v.Data = x.word("staff.results.texts.title", "survey", d.Title), d
	return x.p.Show(e, status, pages, "texts", v)
}

// fillTexts finds what of a question is shown: the decided ones, or the first open
// one after a mark. A form that was refused keeps its text.
func (x *Results) fillTexts(d *textsView, texts []written, known map[string]decided, after string, form url.Values) {
	names := map[string]string{}
	var open []written
	for _, w := range texts {
		k, is := known[w.Mark]
		switch {
		case w.Key != d.Key:
		case !is:
			open = append(open, w)
		case d.List == "" || k.State != textLists[d.List]:
		case len(d.Rows) == mostShown:
			d.More++
		default:
			if _, asked := names[k.ChangedBy]; !asked {
				names[k.ChangedBy] = x.staffName(k.ChangedBy)
			}
			d.Rows = append(d.Rows, textRow{len(d.Rows) + 1, w.Mark, w.Text, k.Text, germanDay(day(k.Changed)), names[k.ChangedBy]})
		}
	}
	if d.List != "" || len(open) == 0 {
		return
	}
	i := max(0, slices.IndexFunc(open, func(w written) bool { return w.Mark > after }))
	if sent := form.Get("text.mark"); sent != "" {
		i = slices.IndexFunc(open, func(w written) bool { return w.Mark == sent })
		if i < 0 { // decided meanwhile: what was typed is not about the next one
			i = 0
			form.Del("text")
		}
	}
	d.Mark, d.Pieces = open[i].Mark, pieces(open[i].Text)
	d.Found = slices.ContainsFunc(d.Pieces, func(p piece) bool { return p.Telling })
	if len(open) > 1 {
		d.Next = open[i].Mark
	}
	if !form.Has("text") {
		form.Set("text", mask(open[i].Text))
	}
}

// staffName is how an account is called; "" when it is gone.
func (x *Results) staffName(id string) string {
	r, err := x.p.App.FindRecordById("staff", id)
	if err != nil {
		return ""
	}
	return cmp.Or(r.GetString("name"), r.GetString("email"))
}

// decideText is POST /redaktion/umfragen/<slug>/texte/.
func (x *Results) decideText(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	slug, key, mark, action := e.Request.PathValue("slug"), form.Get("frage"), form.Get("text.mark"), form.Get("aktion")
	text := strings.TrimSpace(strings.ReplaceAll(form.Get("text"), "\r\n", "\n"))
	at := url.Values{"frage": {key}}
	var ps content.Problems
	state, back := textState[action], action == "zurueck"
	switch {
	case state == "" && !back:
		ps.Add("text", "text_action")
		at.Del("frage")
	case state == textReleased && text == "":
		ps.Add("text", "required")
	case state == textReleased && utf8.RuneCountInString(text) > maxText:
		ps.Add("text", "too_long", "max", maxText)
	}
	status := http.StatusUnprocessableEntity
	if len(ps) == 0 {
		w, err := x.findText(e.Request.Context(), slug, key, mark)
		if err == nil && back {
			err = x.takeBack(slug, w, base.Staff(e).Id)
		} else if err == nil {
			if state == textRefused {
				text = ""
			}
			err = x.decideOn(slug, w, state, text, base.Staff(e).Id)
		}
		switch {
		case errors.Is(err, errDecided):
			ps.Add("text", errDecided.Error())
			status = http.StatusConflict
		case errors.Is(err, errTextFew):
			ps.Add("text", errTextFew.Error())
		case err != nil:
			return err
		}
	}
	if len(ps) > 0 {
		return x.textsPage(e, status, at, base.View{Form: form, Problems: ps})
	}
	d, done := textsView{Slug: slug}, map[string]string{"freigeben": "freigegeben", "zurueckhalten": "zurueckgehalten", "zurueck": "zurueckgenommen"}[action]
	return e.Redirect(http.StatusSeeOther, d.URL(key, "", mark)+"&meldung="+done)
}

// findText finds a text by its mark; [base.ErrNotFound] when there is none (any
// more), errTextFew when the survey has too few answers for anybody to read any.
func (x *Results) findText(ctx context.Context, slug, key, mark string) (w written, err error) {
	s, err := x.Snapshot(ctx, slug)
	if err != nil {
		return w, err
	}
	defer s.Close()
	merged, err := tally.Merge(s.Versions())
	if err != nil {
		return w, err
	}
	variables := slices.DeleteFunc(readable(merged), func(v *tally.Variable) bool { return v.Key != key })
	texts, all, err := writtenIn(slug, s, variables)
	if err != nil {
		return w, err
	}
	if all < disclosure.LeastGroup {
		return w, errTextFew
	}
	for _, w := range texts {
		if w.Mark == mark {
			return w, nil
		}
	}
	return w, base.ErrNotFound
}

// decideOn stores a decision and who took it; errDecided when there is one.
func (x *Results) decideOn(slug string, w written, state, text, staff string) error {
	return x.p.App.RunInTransaction(func(tx core.App) error {
		res, err := tx.DB().NewQuery(`INSERT INTO released_texts (survey, response, key, state, text, changed, changed_by)
			VALUES ({:survey}, {:response}, {:key}, {:state}, {:text}, {:now}, {:staff}) ON CONFLICT DO NOTHING`).Bind(dbx.Params{
			"survey": slug, "response": w.Response, "key": w.Key, "state": state, "text": text, "now": x.p.Now().UnixMilli(), "staff": staff,
		}).Execute()
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errDecided)
		}
		return x.logText(tx, slug, w, state, staff)
	})
}

// takeBack lets a text wait again. The site is built anew without it.
func (x *Results) takeBack(slug string, w written, staff string) error {
	err := x.p.App.RunInTransaction(func(tx core.App) error {
		res, err := tx.DB().NewQuery(`DELETE FROM released_texts WHERE survey = {:survey} AND response = {:response} AND key = {:key}`).
			Bind(dbx.Params{"survey": slug, "response": w.Response, "key": w.Key}).Execute()
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errDecided)
		}
		if err := x.logText(tx, slug, w, textOpen, staff); err != nil {
			return err
		}
		return x.Rebuild(tx, "surveys/"+slug+" texts", staff)
	})
	if err == nil {
		x.Wake()
	}
	return err
}

func (x *Results) logText(tx core.App, slug string, w written, state, staff string) error {
	_, err := tx.DB().NewQuery(`INSERT INTO text_decisions (survey, key, mark, state, changed, changed_by) VALUES ({:survey}, {:key}, {:mark}, {:state}, {:now}, {:staff})`).
		Bind(dbx.Params{"survey": slug, "key": w.Key, "mark": w.Mark, "state": state, "now": x.p.Now().UnixMilli(), "staff": staff}).Execute()
	return err
}

// quoteChoice is a released text that a release may quote.
type quoteChoice struct {
	ID, Mark, Text string
	Chosen         bool
}

// quotesOf lists the released texts of a question.
func quotesOf(code string, known map[string]decided, chosen []string) (list []quoteChoice) {
	for mark, k := range known {
		if k.Key == code && k.State == textReleased {
			list = append(list, quoteChoice{Mark: mark, Text: k.Text, Chosen: slices.Contains(chosen, mark)})
		}
	}
	slices.SortFunc(list, func(a, b quoteChoice) int { return cmp.Or(cmp.Compare(a.Text, b.Text), cmp.Compare(a.Mark, b.Mark)) })
	for i := range list {
		list[i].ID = code + "-" + strconv.Itoa(i+1)
	}
	return list
}

// quoted are the texts of the marks that are released.
func quoted(marks []string, known map[string]decided) (texts, still []string) {
	for _, mark := range marks {
		if k := known[mark]; k.State == textReleased {
			texts, still = append(texts, k.Text), append(still, mark)
		}
	}
	return texts, still
}
