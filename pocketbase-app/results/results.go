package results

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/content/disclosure"
	"servicepoint/content/survey/tally"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// Words of the pages.
//
//go:embed words/*.json
var Words embed.FS

//go:embed templates/*.html
var templateFiles embed.FS

var pages = base.MustTemplates(templateFiles)

// Results is the matter. Change the fields before [Results.Bind].
type Results struct {
	// Snapshot gives the answers of a survey at this moment; [base.ErrNotFound]
	// when it was never published.
	Snapshot func(ctx context.Context, slug string) (Snapshot, error)
	// Rebuild asks for a build of the site in the transaction that changed what
	// everybody may read, and Wake, after the commit, says that one was asked for.
	Rebuild func(tx core.App, reason, actor string) error
	Wake    func()

	// Files makes the files of [content.ResultFiles] out of a release; nil: none.
	Files func(ctx context.Context, r content.Results) (map[string][]byte, error)

	p     *base.Platform
	files struct {
		sync.Mutex
		of map[string]opened // by survey
	}
	mu    sync.Mutex       // held while something is counted and put into the ledger
	tried map[string]error // questions whose answer no further counting changes, until people come
}

// New makes the matter.
func New(p *base.Platform, snapshot func(ctx context.Context, slug string) (Snapshot, error)) *Results {
	return &Results{
		p: p, Snapshot: snapshot,
		Rebuild: func(core.App, string, string) error { return nil },
		Wake:    func() {},
	}
}

// Bind adds the pages below /redaktion/umfragen/{slug}/ergebnisse/ and the files of
// what was released.
func (x *Results) Bind(se *core.ServeEvent) {
	publish := base.Need(base.Publisher)
	x.p.Route(se, "GET", content.ResultFilesPath("{slug}")+"{name}", x.file)
	x.p.Route(se, "GET", "/redaktion/umfragen/{slug}/ergebnisse/{$}", x.show, publish)
	x.p.Route(se, "POST", "/redaktion/umfragen/{slug}/ergebnisse/{$}", x.release, publish)
	x.p.Route(se, "GET", "/redaktion/umfragen/{slug}/texte/{$}", x.showTexts, publish)
	x.p.Route(se, "POST", "/redaktion/umfragen/{slug}/texte/{$}", x.decideText, publish)
	x.p.Route(se, "GET", "/redaktion/umfragen/{slug}/ergebnisse/massnahmen/{id}/{$}", x.showAction, publish)
	x.p.Route(se, "POST", "/redaktion/umfragen/{slug}/ergebnisse/massnahmen/{id}/{$}", x.changeAction, publish)
}

func moment(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func day(ms int64) string { return time.UnixMilli(ms).In(content.Berlin).Format(time.DateOnly) }

// Bounds of what publishers write.
const (
	maxReason = 500 // characters
	maxQuotes = 10  // of one question
)

// itemChoice is an item as publishers choose it.
type itemChoice struct {
	Code, Text string
	Chosen     bool
	Words      bool // a text: quotes only
	Quotes     []quoteChoice
}

type option struct {
	Key, Label string
	Chosen     bool
}

type pairChoice struct {
	N             int
	Rows, Columns []option
}

type releaseView struct {
	Number    int
	N         int
	Day       string
	Reason    string
	Corrected bool
	Withdrawn string // why
}

type view struct {
	Slug     string
	Title    string
	Stored   int
	Fresh    int
	Enough   bool // for a first release or a refresh
	Gone     bool
	Releases []releaseView
	Items    []itemChoice
	Pairs    []pairChoice
	Actions  []content.Action
	Notice   string
	Preview  *preview
	Site     string
	Public   bool   // the newest release is not withdrawn
	Circle   string // of people
}

// preview is what would be released.
type preview struct {
	N       int
	Figures []content.ResultFigure
	Tables  []content.ResultTable
	Left    []leftView
}

type leftView struct{ Text, Why string }

// Say gives a text in German, the language of staff.
func (view) Say(t content.Text) string { s, _ := t.In(content.German); return s }

// Cell writes a number of a table.
func (view) Cell(n int) string {
	if n == disclosure.Hidden {
		return "·"
	}
	return strconv.Itoa(n)
}

func (x *Results) show(e *core.RequestEvent) error {
	return x.page(e, http.StatusOK, nil, base.View{})
}

// page shows the page of a survey's results; the form is what was sent, nil for
// the choice of the last release.
func (x *Results) page(e *core.RequestEvent, status int, p *preview, v base.View) error {
	ctx, slug := e.Request.Context(), e.Request.PathValue("slug")
	s, err := x.Snapshot(ctx, slug)
	if err != nil {
		return err
	}
	defer s.Close()
	st, err := x.stand(ctx, slug, s)
	if err != nil {
		return err
	}
	d := view{
		Slug: slug, Title: view{}.Say(st.survey.Title), Stored: st.stored, Fresh: st.waiting(), Enough: st.enough(), Gone: st.missing > 0,
		Preview: p, Site: "/umfragen/" + slug + "/ergebnisse/",
	}
	if d.Circle, err = x.circleOf(ctx, slug); err != nil {
		return err
	}
	gone, err := withdrawals(ctx, x.p.App.DB(), slug)
	if err != nil {
		return err
	}
	if d.Actions, err = actions(ctx, x.p.App.DB(), slug); err != nil {
		return err
	}
	for _, r := range slices.Backward(st.rows) {
		reason, err := germanReason(r)
		if err != nil {
			return err
		}
		one := releaseView{r.Number, r.N, germanDay(day(r.Created)), reason, reason != "", ""}
		for _, w := range gone {
			if w.Number == r.Number {
				var why content.Text
				if err := json.Unmarshal([]byte(w.Reason), &why); err != nil {
					return err
				}
				one.Withdrawn = why[content.German]
			}
		}
		d.Public = d.Public || r.Number == len(st.rows) && one.Withdrawn == ""
		d.Releases = append(d.Releases, one)
	}
	if v.Form == nil {
		v.Form = formOf(st)
	}
	if !v.Form.Has("kreis") {
		v.Form.Set("kreis", d.Circle)
	}
	if e.Request.URL.Query().Get("meldung") != "" && status == http.StatusOK {
		d.Notice = "staff.results.saved"
	}
	texts, err := decisions(ctx, x.p.App.DB(), slug)
	if err != nil {
		return err
	}
	for _, it := range offered(st.survey) {
		one := itemChoice{Code: it.Code, Text: d.Say(it.Text), Chosen: slices.Contains(v.Form["frage"], it.Code), Words: quotable(it)}
		if one.Words {
			one.Quotes = quotesOf(it.Code, texts, v.Form["zitat."+it.Code])
		}
		d.Items = append(d.Items, one)
	}
	for n := range mostTables {
		field := strconv.Itoa(n + 1)
		one := pairChoice{N: n + 1}
		for _, c := range crossable(st.survey) {
			label := d.Say(question(c))
			one.Rows = append(one.Rows, option{c.Key, label, v.Form.Get("zeilen"+field) == c.Key})
			one.Columns = append(one.Columns, option{c.Key, label, v.Form.Get("spalten"+field) == c.Key})
		}
		d.Pairs = append(d.Pairs, one)
	}
	v.Title, v.Data = x.word("staff.results.title", "survey", d.Title), d
	return x.p.Show(e, status, pages, "results", v)
}

// formOf fills the form from the last release.
func formOf(st standing) url.Values {
	form := url.Values{}
	if len(st.rows) == 0 {
		for _, it := range offered(st.survey) {
			if !quotable(it) {
				form.Add("frage", it.Code)
			}
		}
		return form
	}
	var last frozen
	for _, e := range st.ledger {
		if e.Place == onResults {
			last = e.frozen
		}
	}
	for _, f := range last.Figures {
		if !slices.Contains(form["frage"], f.Item) {
			form.Add("frage", f.Item)
			form["zitat."+f.Item] = f.Marks
		}
	}
	for i, t := range last.Tables {
		form.Set("zeilen"+strconv.Itoa(i+1), t.RowKey)
		form.Set("spalten"+strconv.Itoa(i+1), t.ColumnKey)
	}
	return form
}

// choose reads the form.
func choose(form url.Values) (c Choice, ps content.Problems) {
	c = Choice{Items: form["frage"], Quotes: map[string][]string{}, Reason: content.Text{}}
	for n := range mostTables {
		field := strconv.Itoa(n + 1)
		row, column := form.Get("zeilen"+field), form.Get("spalten"+field)
		switch {
		case row == "" && column == "":
		case row == "" || column == "" || row == column:
			ps.Add("spalten"+field, "results_pair")
		default:
			c.Pairs = append(c.Pairs, tally.Pair{Row: row, Column: column})
		}
	}
	for _, lang := range content.Languages {
		field := "grund." + lang
		s := strings.TrimSpace(form.Get(field))
		if utf8.RuneCountInString(s) > maxReason {
			ps.Add(field, "too_long", "max", maxReason)
		}
		if s != "" {
			c.Reason[lang] = s
		}
	}
	if len(c.Reason) > 0 && c.Reason[content.German] == "" {
		ps.Add("grund."+content.German, "required")
	}
	for _, code := range c.Items {
		c.Quotes[code] = form["zitat."+code]
		if len(c.Quotes[code]) > maxQuotes {
			ps.Add("zitat."+code, "too_many", "max", maxQuotes)
		}
	}
	if len(c.Items)+len(c.Pairs) == 0 {
		ps.Add("frage", "results_choose")
	}
	return c, ps
}

// fields are where the reasons against a release stand in the form.
var fields = map[error]string{errNone: "grund." + content.German, errFew: "frage", errNothing: "frage", errReason: "grund." + content.German, errGone: "frage", errNotOut: "frage"}

func (x *Results) release(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	slug := e.Request.PathValue("slug")
	choice, ps := choose(form)
	var shown *preview
	switch form.Get("aktion") {
	case "kreis":
		return x.changeCircle(e, slug, form)
	case "zurueckziehen":
		ps = slices.DeleteFunc(ps, func(p content.Problem) bool { return !strings.HasPrefix(p.Field, "grund.") })
		if choice.Reason[content.German] == "" && len(ps) == 0 {
			ps.Add("grund."+content.German, "required")
		}
	}
	if len(ps) == 0 {
		if form.Get("aktion") == "zurueckziehen" {
			err = x.Withdraw(e.Request.Context(), slug, choice.Reason, base.Staff(e).Id)
		} else if form.Get("aktion") == "freigeben" {
			err = x.Release(e.Request.Context(), slug, choice, base.Staff(e).Id)
		} else {
			shown, err = x.preview(e.Request.Context(), slug, choice)
		}
		if field := fields[err]; field != "" {
			ps.Add(field, err.Error())
			err = nil
		}
		if err != nil {
			return err
		}
	}
	switch {
	case len(ps) > 0:
		return x.page(e, http.StatusUnprocessableEntity, nil, base.View{Form: form, Problems: ps})
	case shown != nil:
		return x.page(e, http.StatusOK, shown, base.View{Form: form})
	}
	return e.Redirect(http.StatusSeeOther, "/redaktion/umfragen/"+slug+"/ergebnisse/?meldung=freigegeben")
}

func (x *Results) changeCircle(e *core.RequestEvent, slug string, form url.Values) error {
	name := strings.TrimSpace(form.Get("kreis"))
	if utf8.RuneCountInString(name) > maxCircle {
		var ps content.Problems
		ps.Add("kreis", "too_long", "max", maxCircle)
		return x.page(e, http.StatusUnprocessableEntity, nil, base.View{Form: form, Problems: ps})
	}
	if err := x.exists(e.Request.Context(), slug); err != nil {
		return err
	}
	x.mu.Lock()
	err := x.setCircle(slug, name)
	x.tried = nil
	x.mu.Unlock()
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/redaktion/umfragen/"+slug+"/ergebnisse/?meldung=gespeichert")
}

func (x *Results) preview(ctx context.Context, slug string, choice Choice) (*preview, error) {
	p, err := x.prepare(ctx, slug, choice)
	if err != nil {
		return nil, err
	}
	out := &preview{N: p.n}
	for _, f := range p.Figures {
		out.Figures = append(out.Figures, f.ResultFigure)
	}
	for _, t := range p.Tables {
		out.Tables = append(out.Tables, t.ResultTable)
	}
	for _, l := range p.Left {
		out.Left = append(out.Left, leftView{view{}.Say(l.Text) + " (" + l.Key + ")", x.word("staff.results.left." + l.Why)})
	}
	return out, nil
}

func (x *Results) word(key string, args ...any) string {
	return x.p.Words.In(content.German, key, args...)
}

func germanDay(iso string) string {
	d, err := time.Parse(time.DateOnly, iso)
	if err != nil {
		return iso
	}
	return d.Format("02.01.2006")
}

type actionView struct {
	Slug   string
	New    bool
	Rev    string
	States []option
}

// blank is the id in the address of an action that is not stored yet.
const blank = "neu"

func (x *Results) showAction(e *core.RequestEvent) error {
	slug, id := e.Request.PathValue("slug"), e.Request.PathValue("id")
	form := url.Values{"day": {x.p.Now().In(content.Berlin).Format("02.01.2006")}, "state": {content.ActionStates[0]}, "rev": {"0"}}
	if id == blank {
		if err := x.exists(e.Request.Context(), slug); err != nil {
			return err
		}
		return x.actionPage(e, http.StatusOK, base.View{Form: form})
	}
	a, rev, err := x.find(e.Request.Context(), slug, id)
	if err != nil {
		return err
	}
	for _, lang := range content.Languages {
		form.Set("title."+lang, a.Title[lang])
		form.Set("said."+lang, a.Said[lang])
		form.Set("did."+lang, a.Did[lang])
	}
	form.Set("state", a.State)
	form.Set("day", germanDay(a.Day))
	form.Set("rev", strconv.Itoa(rev))
	return x.actionPage(e, http.StatusOK, base.View{Form: form})
}

// exists refuses surveys that were never published.
func (x *Results) exists(ctx context.Context, slug string) error {
	s, err := x.Snapshot(ctx, slug)
	if err != nil {
		return err
	}
	return s.Close()
}

func (x *Results) actionPage(e *core.RequestEvent, status int, v base.View) error {
	d := actionView{Slug: e.Request.PathValue("slug"), New: e.Request.PathValue("id") == blank, Rev: v.Form.Get("rev")}
	for _, s := range content.ActionStates {
		d.States = append(d.States, option{s, x.word("staff.results.state." + s), v.Form.Get("state") == s})
	}
	v.Title, v.Data = x.word("staff.results.action.title"), d
	return x.p.Show(e, status, pages, "action", v)
}

func (x *Results) changeAction(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	ctx, slug, id := e.Request.Context(), e.Request.PathValue("slug"), e.Request.PathValue("id")
	a := content.Action{ID: id, Title: content.Text{}, Said: content.Text{}, Did: content.Text{}, State: form.Get("state"), Day: form.Get("day")}
	for _, lang := range content.Languages {
		for name, t := range map[string]content.Text{"title": a.Title, "said": a.Said, "did": a.Did} {
			if s := strings.TrimSpace(strings.ReplaceAll(form.Get(name+"."+lang), "\r\n", "\n")); s != "" {
				t[lang] = s
			}
		}
	}
	for _, layout := range []string{"2.1.2006", time.DateOnly} {
		if d, err := time.Parse(layout, strings.TrimSpace(a.Day)); err == nil {
			a.Day = d.Format(time.DateOnly)
			break
		}
	}
	rev, _ := strconv.Atoi(form.Get("rev"))
	if id == blank {
		if err := x.exists(ctx, slug); err != nil {
			return err
		}
		rev, a.ID = 0, strings.ToLower(base.NewToken())
	} else if _, _, err := x.find(ctx, slug, id); err != nil {
		return err
	}
	remove := form.Get("aktion") == "loeschen" && id != blank
	var ps content.Problems
	if !remove {
		ps = a.Check()
	}
	status := http.StatusUnprocessableEntity
	if len(ps) == 0 {
		if err = x.save(slug, a, rev, remove, base.Staff(e).Id); errors.Is(err, errConflict) {
			ps.Add("rev", errConflict.Error())
			status, err = http.StatusConflict, nil
		}
		if err != nil {
			return err
		}
	}
	if len(ps) > 0 {
		return x.actionPage(e, status, base.View{Form: form, Problems: ps})
	}
	return e.Redirect(http.StatusSeeOther, "/redaktion/umfragen/"+slug+"/ergebnisse/?meldung=gespeichert")
}

// part is what the template of one figure sees.
type part struct {
	D view
	V base.View
	F content.ResultFigure
}

// With hands a figure to its template.
func (d view) With(v base.View, f content.ResultFigure) part { return part{d, v, f} }
