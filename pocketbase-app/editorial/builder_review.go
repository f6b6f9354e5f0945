package editorial

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// A review lets people without an account walk through a working copy and say
// what they think. What they answer is never stored: it travels in the form.
const (
	reviewLife  = 14 * 24 * time.Hour
	maxComment  = 2000 // characters
	maxReviewer = 100
	maxComments = 2000 // per survey
)

// Fields of the form beside the questions; a hyphen stands in no code.
const (
	probePage    = "s-seite"
	probeAction  = "s-aktion"
	probeItem    = "s-frage"
	probeComment = "s-kommentar"
	probeName    = "s-name"
)

// openComments is how many comments on a survey nobody has ticked off.
func (d *Editorial) openComments(slug string) (n int, err error) {
	err = d.p.App.DB().NewQuery(`SELECT count(*) FROM survey_comments WHERE survey = {:survey} AND done = 0`).Bind(dbx.Params{"survey": slug}).Row(&n)
	return n, err
}

type reviewRow struct {
	Hash    string `db:"hash"`
	Label   string `db:"label"`
	Expires int64  `db:"expires"`
}

// Until is when the link ends, in Berlin.
func (r reviewRow) Until() string { return berlin(fromMilli(r.Expires)) }

type commentRow struct {
	ID    int64  `db:"id"`
	Item  string `db:"item"`
	Page  string `db:"page"`
	Name  string `db:"name"`
	Text  string `db:"text"`
	At    int64  `db:"at"`
	Done  bool   `db:"done"`
	Where string `db:"-"`
	Link  string `db:"-"`
}

// When is when it was written, in Berlin.
func (c commentRow) When() string { return berlin(fromMilli(c.At)) }

type testPage struct {
	Link         string // shown once
	Reviews      []reviewRow
	Comments     []commentRow
	Open, Closed int
	Languages    []pageName
	NoPages      bool
}

func (d *Editorial) showTest(e *core.RequestEvent) error {
	w, err := d.workingCopy(d.p.App, e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	return d.showTestPage(e, http.StatusOK, w, "", nil, nil)
}

func (d *Editorial) showTestPage(e *core.RequestEvent, status int, w workingCopy, link string, form url.Values, problems content.Problems) error {
	slug := w.rec.GetString("slug")
	view := testPage{Link: link, NoPages: len(w.Pages) == 0}
	now := d.p.Now().UnixMilli()
	err := d.p.App.DB().NewQuery(`SELECT hash, label, expires FROM survey_reviews WHERE survey = {:survey} AND expires > {:now} ORDER BY expires DESC`).
		Bind(dbx.Params{"survey": slug, "now": now}).All(&view.Reviews)
	if err != nil {
		return err
	}
	err = d.p.App.DB().NewQuery(`SELECT id, item, page, name, text, at, done FROM survey_comments WHERE survey = {:survey} ORDER BY done, id`).
		Bind(dbx.Params{"survey": slug}).All(&view.Comments)
	if err != nil {
		return err
	}
	numbers := numbered(w.Questionnaire)
	for i := range view.Comments {
		c := &view.Comments[i]
		if c.Done {
			view.Closed++
		} else {
			view.Open++
		}
		c.Where = d.word("staff.builder.comment_whole")
		if it := w.Item(c.Item); it != nil {
			c.Where, c.Link = "„"+short(german(it.Text))+"“", builderPath(slug, "frage/"+it.Code+"/")
			if n := numbers[it.Code]; n != "" {
				c.Where = d.word("staff.builder.question_n", "n", n) + " " + c.Where
			}
		} else if c.Item != "" {
			c.Where = d.word("staff.builder.comment_gone", "code", c.Item)
		}
	}
	return d.showBuilder(e, status, w, "test", "testen", d.word("staff.builder.test", "survey", w.rec.GetString("title")), base.View{Form: form, Problems: problems}, view)
}

// actOnTest makes and takes back links, and ticks comments off.
func (d *Editorial) actOnTest(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	slug := e.Request.PathValue("slug")
	w, err := d.workingCopy(d.p.App, slug)
	if err != nil {
		return err
	}
	back := "/redaktion/umfragen/" + slug + "/testen/"
	switch form.Get("aktion") {
	case "probe", "freigeben":
		label := strings.TrimSpace(form.Get("fuer"))
		mine := form.Get("aktion") == "probe"
		switch {
		case mine:
			label = d.word("staff.builder.own_test")
		case label == "":
			return d.showTestPage(e, http.StatusUnprocessableEntity, w, "", form, content.Problems{{Field: "fuer", Code: "required"}})
		case utf8.RuneCountInString(label) > maxReviewer:
			return d.showTestPage(e, http.StatusUnprocessableEntity, w, "", form, content.Problems{{Field: "fuer", Code: "too_long", Args: map[string]any{"max": maxReviewer}}})
		}
		life := reviewLife
		if mine {
			life = 12 * time.Hour
		}
		token, err := d.newReview(slug, label, life)
		if err != nil {
			return err
		}
		path := "/umfragen/" + slug + "/probe/" + token + "/"
		if mine {
			return e.Redirect(http.StatusSeeOther, path)
		}
		return d.showTestPage(e, http.StatusOK, w, d.p.Origin+path, nil, nil)
	case "widerrufen":
		_, err = d.p.App.NonconcurrentDB().NewQuery(`DELETE FROM survey_reviews WHERE survey = {:survey} AND hash = {:hash}`).
			Bind(dbx.Params{"survey": slug, "hash": form.Get("hash")}).Execute()
	case "erledigt", "offen":
		_, err = d.p.App.NonconcurrentDB().NewQuery(`UPDATE survey_comments SET done = {:done} WHERE survey = {:survey} AND id = {:id}`).
			Bind(dbx.Params{"survey": slug, "id": form.Get("id"), "done": form.Get("aktion") == "erledigt"}).Execute()
		back += "?meldung=geaendert#kommentare"
	default:
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, back)
}

// newReview makes a link and forgets those that ended.
func (d *Editorial) newReview(slug, label string, life time.Duration) (token string, err error) {
	token = base.NewToken()
	now := d.p.Now()
	err = d.p.App.RunInTransaction(func(tx core.App) error {
		if _, err := tx.DB().NewQuery(`DELETE FROM survey_reviews WHERE expires <= {:now}`).Bind(dbx.Params{"now": now.UnixMilli()}).Execute(); err != nil {
			return err
		}
		_, err := tx.DB().NewQuery(`INSERT INTO survey_reviews (hash, survey, label, created, expires) VALUES ({:hash}, {:survey}, {:label}, {:now}, {:expires})`).
			Bind(dbx.Params{"hash": reviewHash(token), "survey": slug, "label": label, "now": now.UnixMilli(), "expires": now.Add(life).UnixMilli()}).Execute()
		return err
	})
	return token, err
}

func reviewHash(token string) string { return base.Hash("survey review", token) }

// probe is a working copy as a reviewer walks through it.
type probe struct {
	Slug, Token   string
	Title         string
	Index         int
	Page          int
	Pages         int
	Heading       string
	HTML          template.HTML
	Hidden        []hiddenField
	Items         []probeChoice
	Comments      []commentRow
	Values        string // JSON for the form's attribute data-values
	Review        bool   // all answers, before they would be sent
	Further       bool   // the answers brought up more questions on this page
	End           bool
	Empty         bool
	Said          bool
	CommentFault  string
	Name, Comment string
	First         bool
}

type hiddenField struct{ Name, Value string }

type probeChoice struct {
	Code, Label string
	Chosen      bool
}

// reviewed finds the working copy that a link opens.
func (d *Editorial) reviewed(e *core.RequestEvent) (survey.Questionnaire, error) {
	slug := e.Request.PathValue("slug")
	var n int
	err := d.p.App.DB().NewQuery(`SELECT count(*) FROM survey_reviews WHERE hash = {:hash} AND survey = {:survey} AND expires > {:now}`).
		Bind(dbx.Params{"hash": reviewHash(e.Request.PathValue("token")), "survey": slug, "now": d.p.Now().UnixMilli()}).Row(&n)
	if err != nil || n == 0 || d.Render == nil {
		if err == nil {
			err = base.Refuse(http.StatusNotFound, "review_gone")
		}
		return survey.Questionnaire{}, err
	}
	q, err := d.DraftOf(slug)
	for p := range q.Pages { // files are not taken here, so nobody has to send one
		for i := range q.Pages[p].Items {
			if it := &q.Pages[p].Items[i]; it.Type == survey.File || it.Type == survey.Photo {
				it.Required, it.MinChoices = false, 0
			}
		}
	}
	return q, err
}

func (d *Editorial) showProbe(e *core.RequestEvent) error {
	q, err := d.reviewed(e)
	if err != nil {
		return err
	}
	first := q.Read(url.Values{}).Next(-1)
	return d.showProbePage(e, http.StatusOK, q, first, url.Values{}, nil, probe{})
}

// takeProbe goes one step: on, back, a button among the questions, a comment.
func (d *Editorial) takeProbe(e *core.RequestEvent) error {
	q, err := d.reviewed(e)
	if err != nil {
		return err
	}
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(form.Get(probePage))
	gone := err != nil || n < 0 || n > len(q.Pages) // the questionnaire changes while people look at it
	typed := url.Values{}
	for name, v := range form {
		if !strings.HasPrefix(name, "s-") {
			typed[name] = v
		}
	}
	if gone {
		return d.showProbePage(e, http.StatusOK, q, q.Read(typed).Next(-1), typed, nil, probe{})
	}
	switch {
	case form.Get(probeAction) == "kommentar":
		return d.takeComment(e, q, n, typed, form)
	case form.Get(probeAction) == "sprache": // the same page in the language of the address
		return d.showProbePage(e, http.StatusOK, q, n, typed, nil, probe{})
	case form.Get(probeAction) == "zurueck":
		return d.showProbePage(e, http.StatusOK, q, max(0, q.Read(typed).Before(n)), typed, nil, probe{})
	case n == len(q.Pages):
		return d.takeReview(e, q, form.Get(probeAction), typed)
	case d.Press != nil && d.Press(q, n, form, typed):
		return d.showProbePage(e, http.StatusOK, q, n, typed, nil, probe{})
	}
	reading := q.Read(typed)
	if d.Brought != nil && d.Brought(q, n, form, typed) {
		return d.showProbePage(e, http.StatusOK, q, n, typed, nil, probe{Further: true})
	}
	if problems := reading.Pages[n].Problems; len(problems) > 0 {
		return d.showProbePage(e, http.StatusUnprocessableEntity, q, n, typed, problems, probe{})
	}
	return d.showProbePage(e, http.StatusOK, q, reading.Next(n), typed, nil, probe{})
}

// takeReview goes from all answers back to a page, or to the end of the trial.
func (d *Editorial) takeReview(e *core.RequestEvent, q survey.Questionnaire, action string, typed url.Values) error {
	if page, ok := strings.CutPrefix(action, "zu:"); ok {
		n, err := strconv.Atoi(page)
		if err != nil || n < 0 || n >= len(q.Pages) {
			return base.Refuse(http.StatusBadRequest, "bad_request")
		}
		return d.showProbePage(e, http.StatusOK, q, n, typed, nil, probe{})
	}
	if _, problems := q.CheckForm(typed); len(problems) > 0 {
		return d.showProbePage(e, http.StatusUnprocessableEntity, q, len(q.Pages), typed, problems, probe{})
	}
	return d.showProbePage(e, http.StatusOK, q, len(q.Pages), typed, nil, probe{End: true})
}

func (d *Editorial) showProbePage(e *core.RequestEvent, status int, q survey.Questionnaire, n int, typed url.Values, problems content.Problems, view probe) error {
	lang := base.Lang(e.Request)
	e.Response.Header().Set("X-Robots-Tag", "noindex, nofollow")
	title, _ := q.Title.In(lang)
	view.Slug, view.Token, view.Title, view.Index, view.Pages = e.Request.PathValue("slug"), e.Request.PathValue("token"), title, n, len(q.Pages)
	view.Empty = len(q.Pages) == 0
	view.Review = !view.Empty && !view.End && n >= len(q.Pages) && d.Review != nil
	view.End = view.End || !view.Empty && n >= len(q.Pages) && !view.Review
	here := map[string]bool{}
	var err error
	switch {
	case view.End || view.Empty:
	case view.Review:
		view.Heading = d.p.Words.In(lang, "review.all")
		if view.HTML, err = d.Review(q, lang, typed); err != nil {
			return err
		}
		problems = slices.DeleteFunc(slices.Clone(problems), func(p content.Problem) bool { // those of questions stand above them
			return p.Field != probeComment && p.Field != probeName && p.Field != "answers"
		})
		if err := d.commentsOn(&view, q, lang, ""); err != nil {
			return err
		}
	default:
		page := &q.Pages[n]
		if view.HTML, view.Values, err = d.Render(q, n, lang, typed, problems); err != nil {
			return err
		}
		view.Heading, _ = page.Title.In(lang)
		view.Page = n + 1
		view.First = q.Read(typed).Before(n) < 0
		for i := range page.Items {
			here[page.Items[i].Code] = true
			label, _ := page.Items[i].Text.In(lang)
			view.Items = append(view.Items, probeChoice{page.Items[i].Code, short(label), false})
		}
		if err := d.commentsOn(&view, q, lang, page.Code); err != nil {
			return err
		}
	}
	names := make([]string, 0, len(typed))
	for name := range typed {
		code, _, _ := strings.Cut(strings.TrimSuffix(name, "?"), ".")
		if !here[code] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range typed[name] {
			view.Hidden = append(view.Hidden, hiddenField{name, v})
		}
	}
	e.Response.Header().Set("Referrer-Policy", "no-referrer")
	return d.p.Show(e, status, templates, "probe", base.View{Title: d.p.Words.In(lang, "review.title", "survey", title), Data: view, Problems: problems})
}

// commentsOn are the open comments on a page; "" is the one with all answers.
func (d *Editorial) commentsOn(view *probe, q survey.Questionnaire, lang, page string) error {
	err := d.p.App.DB().NewQuery(`SELECT id, item, page, name, text, at, done FROM survey_comments WHERE survey = {:survey} AND page = {:page} AND done = 0 ORDER BY id`).
		Bind(dbx.Params{"survey": view.Slug, "page": page}).All(&view.Comments)
	for i := range view.Comments {
		if it := q.Item(view.Comments[i].Item); it != nil {
			label, _ := it.Text.In(lang)
			view.Comments[i].Where = short(label)
		}
	}
	return err
}

// takeComment stores what a reviewer says of a question or of the page.
func (d *Editorial) takeComment(e *core.RequestEvent, q survey.Questionnaire, n int, typed, form url.Values) error {
	lang := base.Lang(e.Request)
	text, name, item := strings.TrimSpace(form.Get(probeComment)), strings.TrimSpace(form.Get(probeName)), form.Get(probeItem)
	view := probe{Name: name, Comment: text}
	page := ""
	if n < len(q.Pages) {
		page = q.Pages[n].Code
	}
	var problems content.Problems
	switch {
	case text == "":
		problems.Add(probeComment, "required")
	case utf8.RuneCountInString(text) > maxComment:
		problems.Add(probeComment, "too_long", "max", maxComment)
	case utf8.RuneCountInString(name) > maxReviewer:
		problems.Add(probeName, "too_long", "max", maxReviewer)
	case item != "" && q.Item(item) == nil:
		item = ""
	}
	if len(problems) > 0 {
		view.CommentFault = d.p.Words.Say(lang, problems[0])
		return d.showProbePage(e, http.StatusUnprocessableEntity, q, n, typed, problems, view)
	}
	if _, wait := d.comments.Take(base.Network(e.RealIP()), d.p.Now()); wait > 0 {
		return base.Refuse(http.StatusTooManyRequests, "too_many_requests")
	}
	res, err := d.p.App.NonconcurrentDB().NewQuery(`INSERT INTO survey_comments (survey, item, page, name, text, at)
		SELECT {:survey}, {:item}, {:page}, {:name}, {:text}, {:at} WHERE (SELECT count(*) FROM survey_comments WHERE survey = {:survey}) < {:max}`).
		Bind(dbx.Params{"survey": e.Request.PathValue("slug"), "item": item, "page": page, "name": name, "text": text, "at": d.p.Now().UnixMilli(), "max": maxComments}).Execute()
	if err != nil {
		return err
	}
	if stored, err := res.RowsAffected(); err != nil || stored == 0 {
		if err == nil {
			err = base.Refuse(http.StatusConflict, "comments_full")
		}
		return fmt.Errorf("comment: %w", err)
	}
	return d.showProbePage(e, http.StatusOK, q, n, typed, nil, probe{Said: true, Name: name})
}
