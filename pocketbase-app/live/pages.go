package live

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/chart"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

func (x *Live) word(lang, key string, args ...any) string { return x.p.Words.In(lang, key, args...) }

func (x *Live) showEnter(e *core.RequestEvent) error {
	return x.enterPage(e, http.StatusOK, nil, nil)
}

func (x *Live) enterPage(e *core.RequestEvent, status int, form url.Values, ps content.Problems) error {
	return x.p.Show(e, status, pages, "enter", base.View{Title: x.word(base.Lang(e.Request), "live.enter.title"), Form: form, Problems: ps})
}

// enter leads to the sitting of a code.
func (x *Live) enter(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	code := strings.Join(strings.FieldsFunc(form.Get("code"), func(c rune) bool { return c == ' ' || c == '-' || c == '\u00a0' }), "")
	if code == "" {
		return x.enterPage(e, http.StatusUnprocessableEntity, form, content.Problems{{Field: "code", Code: "required"}})
	}
	giveBack, wait := x.guesses.Take(base.Network(e.RealIP()), x.p.Now())
	if wait > 0 && !x.p.Exempt(e) {
		return base.Refuse(http.StatusTooManyRequests, "too_many_requests")
	}
	s, err := byCode(x.p.App.DB(), code)
	if errors.Is(err, base.ErrNotFound) || err == nil && s.State == planned {
		return x.enterPage(e, http.StatusUnprocessableEntity, form, content.Problems{{Field: "code", Code: "live_code_unknown"}})
	}
	if err != nil {
		return err
	}
	giveBack()
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/live/"+s.Code+"/")
}

// option is a choice of a poll's form.
type option struct {
	Value, Label string
	Chosen       bool
}

// asked is a poll as the pages show it.
type asked struct {
	Poll
	Form    bool // it can be answered now
	Choices []option
	Words   string // of this browser
	Chart   template.HTML
	Rows    []tableRow
	Waits   int // words that nobody has read yet; staff only
}

type tableRow struct{ Label, N, Percent string }

// put is a question with what this browser has to do with it.
type put struct {
	Question
	Mine bool
}

// room is what people in the room see; parts of it come again by the stream.
type roomData struct {
	Session Session
	Locale  string
	Code    string // with a gap, to be read out
	Poll    *asked
	List    []put
	Pinned  *put
	Past    []asked
	Open    bool
	Asks    bool
	Voted   string // ids with commas
}

// label names an option, a step or a word.
func (x *Live) label(p Poll, key, lang string) string {
	n, err := strconv.Atoi(key)
	switch {
	case p.Kind == wordList || err != nil:
		return key
	case p.Kind != scale && n < len(p.Options):
		return p.Options[n]
	case n == 1 && len(p.Options) > 0 && p.Options[0] != "":
		return key + " – " + p.Options[0]
	case n == p.Most && len(p.Options) > 1 && p.Options[1] != "":
		return key + " – " + p.Options[1]
	}
	return key
}

// asked prepares a poll: its form, and its results when they may be seen.
func (x *Live) asked(db dbx.Builder, s Session, p Poll, lang, page string, chosen []string) (asked, error) {
	a := asked{Poll: p, Form: p.State == open && s.State == open}
	if p.Kind == wordList {
		a.Words = strings.Join(chosen, ", ")
	} else {
		first, last := p.keys()
		for k := first; k <= last; k++ {
			key := strconv.Itoa(k)
			a.Choices = append(a.Choices, option{Value: key, Label: x.label(p, key, lang), Chosen: slices.Contains(chosen, key)})
		}
	}
	public := p.Shown && (s.State == open || s.Released)
	if page != "desk" && (!public || !p.Enough()) {
		return a, nil
	}
	counts, err := count(db, p)
	if err != nil {
		return a, err
	}
	var bars []chart.Bar
	most, left := 0, 0
	for _, c := range counts {
		most = max(most, c.N)
	}
	for _, c := range counts {
		if p.Kind == wordList {
			if c.State == fresh {
				a.Waits++
			}
			if c.State != shown || len(bars) == 30 {
				left++
				continue
			}
		}
		percent := fmt.Sprintf("%d %%", percentOf(c.N, p.Answers))
		l := x.label(p, c.Key, lang)
		share := 0.0
		if most > 0 {
			share = float64(c.N) / float64(most)
		}
		if p.Kind != wordList && p.Answers > 0 {
			share = float64(c.N) / float64(p.Answers)
		}
		bars = append(bars, chart.Bar{Label: l, Share: share, Value: percent})
		a.Rows = append(a.Rows, tableRow{Label: l, N: strconv.Itoa(c.N), Percent: percent})
	}
	if len(bars) > 0 {
		a.Chart = template.HTML(chart.Bars(chart.Head{ID: fmt.Sprintf("u%d", p.ID), Title: p.Title, Desc: x.word(lang, "live.poll.n", "n", p.Answers)}, bars))
	}
	return a, nil
}

func percentOf(n, of int) int {
	if of == 0 {
		return 0
	}
	return (n*200 + of) / (2 * of)
}

// roomOf reads what a page shows now. token is of the browser that asks, "" for
// the parts that all of them share.
func (x *Live) roomOf(s Session, lang, page, token string) (roomData, error) {
	db := x.p.App.DB()
	d := roomData{Session: s, Locale: content.Locale(s.Language), Code: s.Code[:3] + " " + s.Code[3:], Open: s.State == open, Asks: s.State == open && s.Asking != askingOff}
	states := []string{shown, answered}
	if page == "desk" {
		states = []string{fresh, shown, answered, hidden}
	}
	list, err := questions(db, s.ID, states...)
	if err != nil {
		return d, err
	}
	mine, err := x.voted(list, token)
	if err != nil {
		return d, err
	}
	var ids []string
	for _, q := range list {
		one := put{q, mine[q.ID]}
		if one.Mine {
			ids = append(ids, strconv.FormatInt(q.ID, 10))
		}
		d.List = append(d.List, one)
		if q.Pinned {
			d.Pinned = &one
		}
	}
	d.Voted = strings.Join(ids, ",")
	all, err := polls(db, s.ID)
	if err != nil {
		return d, err
	}
	for _, p := range slices.Backward(all) {
		if p.State == draft && page != "desk" {
			continue
		}
		chosen := []string(nil)
		if p.State == open {
			if chosen, err = x.mine(p, token); err != nil {
				return d, err
			}
		}
		a, err := x.asked(db, s, p, lang, page, chosen)
		if err != nil {
			return d, err
		}
		switch {
		case page == "desk":
			d.Past = append(d.Past, a)
		case d.Open && d.Poll == nil && (p.State == open || p.Shown): // the newest that is on
			d.Poll = &a
		case p.Shown && a.Chart != "" || p.State == open:
			d.Past = append(d.Past, a)
		}
	}
	if page == "desk" || !d.Open {
		slices.Reverse(d.Past)
	}
	return d, nil
}

// partsOf are the pieces of a page that come again by its stream.
var partsOf = map[string][]string{"room": {"umfrage", "fragen", "stand"}, "screen": {"leinwand"}, "desk": {"warten"}}

// renderParts renders what all listeners of a view share.
func (x *Live) renderParts(v view) ([]part, error) {
	s, err := byID(x.p.App.DB(), v.session)
	if err != nil {
		return nil, err
	}
	d, err := x.roomOf(s, v.lang, v.page, "")
	if err != nil {
		return nil, err
	}
	return x.parts(base.View{Lang: v.lang, Data: d}, v.page)
}

func (x *Live) parts(v base.View, page string) (list []part, err error) {
	v = x.p.InWords(v)
	for _, name := range partsOf[page] {
		var b bytes.Buffer
		if err := pages["teil-"+name].Execute(&b, v); err != nil {
			return nil, err
		}
		list = append(list, part{name, b.String()})
	}
	return list, nil
}

// shownPage shows a page of a sitting with its parts in it.
func (x *Live) shownPage(e *core.RequestEvent, status int, d roomData, page, name string, v base.View, more map[string]any) error {
	v.Lang = base.Lang(e.Request)
	v.Data = d
	parts, err := x.parts(v, page)
	if err != nil {
		return err
	}
	data := map[string]any{"Room": d}
	for _, p := range parts {
		data[p.name] = template.HTML(p.html)
	}
	for k, m := range more {
		data[k] = m
	}
	v.Data = data
	return x.p.Show(e, status, pages, name, v)
}

func (x *Live) showSession(e *core.RequestEvent) error {
	s, err := byCode(x.p.App.DB(), e.Request.PathValue("code"))
	if err == nil && s.State == planned {
		err = base.ErrNotFound
	}
	if err != nil {
		return err
	}
	return x.sessionPage(e, http.StatusOK, s, nil, nil)
}

var notices = []string{"frage-geprueft", "frage-da", "stimme-da", "stimme-weg", "antwort-da"}

func (x *Live) sessionPage(e *core.RequestEvent, status int, s Session, form url.Values, ps content.Problems) error {
	lang := base.Lang(e.Request)
	d, err := x.roomOf(s, lang, "room", carried(e.Request))
	if err != nil {
		return err
	}
	if form.Has("umfrage") && d.Poll != nil && d.Poll.Form { // as it was sent
		for i := range d.Poll.Choices {
			d.Poll.Choices[i].Chosen = slices.Contains(form["wahl"], d.Poll.Choices[i].Value)
		}
		d.Poll.Words = form.Get("wort")
	}
	notice := ""
	if said := e.Request.URL.Query().Get("meldung"); slices.Contains(notices, said) {
		notice = "live.said." + said
	}
	return x.shownPage(e, status, d, "room", "session", base.View{Title: s.Title, Form: form, Problems: ps}, map[string]any{"Notice": notice, "Least": Fewest})
}

func (x *Live) stream(e *core.RequestEvent) error {
	s, err := byCode(x.p.App.DB(), e.Request.PathValue("code"))
	if err == nil && s.State != open {
		err = base.ErrNotFound
	}
	if err != nil {
		return err
	}
	page := "room"
	if e.Request.URL.Query().Has("leinwand") {
		page = "screen"
	}
	return x.send(e, view{s.ID, page, base.Lang(e.Request)})
}

// showScreen is for the projector. Without scripts the address with "?laden"
// makes the browser load it again every 15 seconds.
func (x *Live) showScreen(e *core.RequestEvent) error {
	s, err := byCode(x.p.App.DB(), e.Request.PathValue("code"))
	if err == nil && s.State == planned {
		err = base.ErrNotFound
	}
	if err != nil {
		return err
	}
	lang := base.Lang(e.Request)
	d, err := x.roomOf(s, lang, "screen", "")
	if err != nil {
		return err
	}
	address := x.p.Origin + base.Prefix(lang) + "/live/" + s.Code + "/"
	qr, err := base.QR(address, "")
	if err != nil {
		return err
	}
	if e.Request.URL.Query().Has("laden") {
		e.Response.Header().Set("Refresh", "15")
	}
	host := strings.TrimPrefix(strings.TrimPrefix(x.p.Origin, "https://"), "http://") + base.Prefix(lang) + "/live/"
	return x.shownPage(e, http.StatusOK, d, "screen", "screen", base.View{Title: s.Title}, map[string]any{"QR": qr, "Host": host})
}

// showEvent lists the sittings of an event: those that run, and released ones.
func (x *Live) showEvent(e *core.RequestEvent) error {
	slug := e.Request.PathValue("slug")
	var title string
	err := x.p.App.DB().NewQuery(`SELECT title FROM events WHERE slug = {:slug} AND state = 'published'`).Bind(dbx.Params{"slug": slug}).Row(&title)
	if base.IsNoRows(err) {
		return base.ErrNotFound
	}
	if err != nil {
		return err
	}
	var list []Session
	err = x.p.App.DB().NewQuery(`SELECT ` + sessionColumns + ` FROM live_sessions WHERE event = {:slug} AND (state = 'open' OR released = 1) ORDER BY id`).
		Bind(dbx.Params{"slug": slug}).All(&list)
	if err != nil {
		return err
	}
	return x.p.Show(e, http.StatusOK, pages, "event", base.View{
		Title: x.word(base.Lang(e.Request), "live.event.title"), Data: map[string]any{"Event": title, "Slug": slug, "List": list},
	})
}
