package live

import (
	"crypto/rand"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// list shows the sittings, those of today and the newest first, and the form for a new one.
func (x *Live) list(e *core.RequestEvent) error {
	return x.listPage(e, http.StatusOK, url.Values{"asking": {askingChecked}}, nil)
}

type listed struct {
	Session
	Made string
}

func (x *Live) listPage(e *core.RequestEvent, status int, form url.Values, ps content.Problems) error {
	var rows []struct {
		Session
		Created int64 `db:"created"`
	}
	err := x.p.App.DB().NewQuery(`SELECT ` + sessionColumns + `, created FROM live_sessions
		ORDER BY CASE state WHEN 'open' THEN 0 WHEN 'planned' THEN 1 ELSE 2 END, id DESC LIMIT 200`).All(&rows)
	if err != nil {
		return err
	}
	var sessions []listed
	for _, r := range rows {
		sessions = append(sessions, listed{r.Session, time.UnixMilli(r.Created).In(content.Berlin).Format("02.01.2006")})
	}
	var events []struct {
		Slug  string `db:"slug"`
		Title string `db:"title"`
	}
	// Those of the last days and the coming ones; the newest first.
	err = x.p.App.DB().NewQuery(`SELECT slug, title FROM events WHERE state = 'published' AND json_extract(live, '$.start') >= {:from}
		ORDER BY json_extract(live, '$.start') LIMIT 200`).Bind(dbx.Params{"from": x.p.Now().AddDate(0, 0, -7).UTC().Format("2006-01-02T15:04:05Z")}).All(&events)
	if err != nil {
		return err
	}
	choices := []option{{Value: "", Label: x.word(content.German, "staff.lounge.no_event"), Chosen: form.Get("event") == ""}}
	for _, ev := range events {
		choices = append(choices, option{ev.Slug, ev.Title, form.Get("event") == ev.Slug})
	}
	var languages []option
	for _, l := range content.Languages {
		languages = append(languages, option{l, x.word(content.German, "staff.lounge.language."+l), form.Get("language") == l})
	}
	return x.p.Show(e, status, pages, "list", base.View{
		Title: x.word(content.German, "staff.lounge.title"), Form: form, Problems: ps,
		Data: map[string]any{"Sessions": sessions, "Events": choices, "Languages": languages, "Asking": x.askings(form.Get("asking"))},
	})
}

func (x *Live) askings(chosen string) (list []option) {
	for _, a := range []string{askingChecked, askingFree, askingOff} {
		list = append(list, option{a, x.word(content.German, "staff.lounge.asking."+a), a == chosen})
	}
	return list
}

// newCode draws a code that no sitting has.
func newCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(900_000))
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(n.Int64()+100_000, 10), nil
}

// make plans a sitting.
func (x *Live) make(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	title := line(form.Get("title"))
	var ps content.Problems
	checkText(&ps, "title", title, 1, MaxTitle)
	if !slices.Contains(content.Languages, form.Get("language")) {
		ps.Add("language", "unknown_option")
	}
	if !slices.Contains([]string{askingOff, askingChecked, askingFree}, form.Get("asking")) {
		ps.Add("asking", "unknown_option")
	}
	if slug := form.Get("event"); slug != "" {
		var n int
		err := x.p.App.DB().NewQuery(`SELECT COUNT(*) FROM events WHERE slug = {:slug} AND state = 'published'`).Bind(dbx.Params{"slug": slug}).Row(&n)
		if err != nil {
			return err
		}
		if n == 0 {
			ps.Add("event", "unknown_option")
		}
	}
	if len(ps) > 0 {
		return x.listPage(e, http.StatusUnprocessableEntity, form, ps)
	}
	id, err := x.plan(form.Get("event"), title, form.Get("language"), form.Get("asking"))
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, deskPath(id))
}

func deskPath(id int64) string { return "/redaktion/live/" + strconv.FormatInt(id, 10) + "/" }

// plan stores a sitting under a code of its own.
func (x *Live) plan(event, title, language, asking string) (id int64, err error) {
	for range 20 {
		code, err := newCode()
		if err != nil {
			return 0, err
		}
		err = x.p.App.NonconcurrentDB().NewQuery(`INSERT INTO live_sessions (code, event, title, language, state, asking, created)
			VALUES ({:code}, {:event}, {:title}, {:language}, 'planned', {:asking}, {:now}) ON CONFLICT (code) DO NOTHING RETURNING id`).
			Bind(dbx.Params{"code": code, "event": event, "title": title, "language": language, "asking": asking, "now": x.p.Now().UnixMilli()}).Row(&id)
		if !base.IsNoRows(err) {
			return id, err
		}
	}
	return 0, base.Refuse(http.StatusServiceUnavailable, "live_full")
}

func (x *Live) deskSession(e *core.RequestEvent) (Session, error) {
	id, err := strconv.ParseInt(e.Request.PathValue("id"), 10, 64)
	if err != nil {
		return Session{}, base.ErrNotFound
	}
	return byID(x.p.App.DB(), id)
}

func (x *Live) desk(e *core.RequestEvent) error {
	s, err := x.deskSession(e)
	if err != nil {
		return err
	}
	return x.deskPage(e, http.StatusOK, s, nil, nil)
}

func (x *Live) deskPage(e *core.RequestEvent, status int, s Session, form url.Values, ps content.Problems) error {
	d, err := x.roomOf(s, content.German, "desk", "")
	if err != nil {
		return err
	}
	words := map[int64][]Counted{}
	for _, a := range d.Past {
		if a.Kind == wordList {
			if words[a.ID], err = count(x.p.App.DB(), a.Poll); err != nil {
				return err
			}
		}
	}
	if form == nil {
		form = url.Values{"kind": {single}}
	}
	var kinds []option
	for _, k := range []string{single, multiple, scale, wordList} {
		kinds = append(kinds, option{k, x.word(content.German, "staff.lounge.kind."+k), form.Get("kind") == k})
	}
	return x.shownPage(e, status, d, "desk", "desk", base.View{Title: s.Title, Form: form, Problems: ps}, map[string]any{
		"Words": words, "Kinds": kinds, "Asking": x.askings(s.Asking), "Address": x.p.Origin + "/live/" + s.Code + "/", "Saved": e.Request.URL.Query().Has("gespeichert"), "Least": Fewest,
	})
}

func (x *Live) deskStream(e *core.RequestEvent) error {
	s, err := x.deskSession(e)
	if err != nil {
		return err
	}
	return x.send(e, view{s.ID, "desk", content.German})
}

// What a moderator's button does with a sitting ({:session}) and one of its
// questions, polls or words ({:id}, {:word}).
var deeds = map[string][]string{
	"oeffnen":           {`UPDATE live_sessions SET state = 'open', opened = {:now} WHERE id = {:session} AND state = 'planned'`},
	"schliessen":        {`UPDATE live_polls SET state = 'closed' WHERE session = {:session} AND state = 'open'`, `UPDATE live_questions SET pinned = 0 WHERE session = {:session}`, `UPDATE live_sessions SET state = 'closed', closed = {:now} WHERE id = {:session} AND state = 'open'`},
	"veroeffentlichen":  {`UPDATE live_sessions SET released = 1 WHERE id = {:session} AND state = 'closed'`},
	"verbergen":         {`UPDATE live_sessions SET released = 0 WHERE id = {:session}`},
	"frage-zeigen":      {`UPDATE live_questions SET state = 'shown' WHERE id = {:id} AND session = {:session}`},
	"frage-verbergen":   {`UPDATE live_questions SET state = 'hidden', pinned = 0 WHERE id = {:id} AND session = {:session}`},
	"frage-beantwortet": {`UPDATE live_questions SET state = 'answered', pinned = 0 WHERE id = {:id} AND session = {:session}`},
	"frage-anheften":    {`UPDATE live_questions SET pinned = 0 WHERE session = {:session}`, `UPDATE live_questions SET pinned = 1 WHERE id = {:id} AND session = {:session} AND state = 'shown'`},
	"frage-loesen":      {`UPDATE live_questions SET pinned = 0 WHERE id = {:id} AND session = {:session}`},
	"umfrage-starten":   {`UPDATE live_polls SET state = 'closed' WHERE session = {:session} AND state = 'open'`, `UPDATE live_polls SET state = 'open' WHERE id = {:id} AND session = {:session} AND EXISTS (SELECT 1 FROM live_sessions WHERE id = {:session} AND state = 'open')`},
	"umfrage-beenden":   {`UPDATE live_polls SET state = 'closed' WHERE id = {:id} AND session = {:session} AND state = 'open'`},
	"umfrage-zeigen":    {`UPDATE live_polls SET shown = 1 WHERE id = {:id} AND session = {:session} AND state <> 'draft'`},
	"umfrage-verbergen": {`UPDATE live_polls SET shown = 0 WHERE id = {:id} AND session = {:session}`},
	"umfrage-loeschen":  {`DELETE FROM live_polls WHERE id = {:id} AND session = {:session} AND state = 'draft'`},
	"wort-zeigen":       {`UPDATE live_words SET state = 'shown' WHERE word = {:word} AND poll = (SELECT id FROM live_polls WHERE id = {:id} AND session = {:session})`},
	"wort-verbergen":    {`UPDATE live_words SET state = 'hidden' WHERE word = {:word} AND poll = (SELECT id FROM live_polls WHERE id = {:id} AND session = {:session})`},
	"woerter-zeigen":    {`UPDATE live_words SET state = 'shown' WHERE state = 'new' AND poll = (SELECT id FROM live_polls WHERE id = {:id} AND session = {:session})`},
}

// steer does what a moderator's button says. Doing it twice changes nothing more.
func (x *Live) steer(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	s, err := x.deskSession(e)
	if err != nil {
		return err
	}
	deed := form.Get("aktion")
	id, _ := strconv.ParseInt(form.Get("id"), 10, 64)
	at := ""
	switch {
	case deed == "umfrage-neu":
		ps, err := x.makePoll(s, form)
		if err != nil {
			return err
		}
		if len(ps) > 0 {
			return x.deskPage(e, http.StatusUnprocessableEntity, s, form, ps)
		}
		at = "#umfragen"
	case deed == "fragen":
		if !slices.Contains([]string{askingOff, askingChecked, askingFree}, form.Get("asking")) {
			return x.deskPage(e, http.StatusUnprocessableEntity, s, form, content.Problems{{Field: "asking", Code: "unknown_option"}})
		}
		_, err := x.p.App.NonconcurrentDB().NewQuery(`UPDATE live_sessions SET asking = {:asking} WHERE id = {:session}`).
			Bind(dbx.Params{"asking": form.Get("asking"), "session": s.ID}).Execute()
		if err != nil {
			return err
		}
	case deeds[deed] != nil:
		if strings.HasPrefix(deed, "umfrage") || strings.HasPrefix(deed, "wo") {
			at = "#umfragen"
		} else if strings.HasPrefix(deed, "frage") {
			at = "#fragen"
		}
		err := x.p.App.RunInTransaction(func(tx core.App) error {
			for _, sql := range deeds[deed] {
				_, err := tx.DB().NewQuery(sql).Bind(dbx.Params{"session": s.ID, "id": id, "word": form.Get("wort"), "now": x.p.Now().UnixMilli()}).Execute()
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	default:
		return base.Refuse(http.StatusBadRequest, "broken_form")
	}
	x.hub.wake(s.ID)
	return e.Redirect(http.StatusSeeOther, deskPath(s.ID)+"?gespeichert"+at)
}

// makePoll adds a poll as a draft.
func (x *Live) makePoll(s Session, form url.Values) (ps content.Problems, err error) {
	p := Poll{Kind: form.Get("kind"), Title: line(form.Get("poll")), Most: 1}
	checkText(&ps, "poll", p.Title, 1, MaxTitle)
	if s.State == closed {
		ps.Add("poll", "live_over")
	}
	number := func(field string, otherwise, least, most int) int {
		raw := strings.TrimSpace(form.Get(field))
		if raw == "" {
			return otherwise
		}
		n, err := strconv.Atoi(raw)
		switch {
		case err != nil:
			ps.Add(field, "not_integer")
		case n < least:
			ps.Add(field, "too_small", "min", least)
		case n > most:
			ps.Add(field, "too_large", "max", most)
		}
		return n
	}
	switch p.Kind {
	case single, multiple:
		for _, l := range strings.Split(form.Get("options"), "\n") {
			if l = line(l); l != "" && !slices.Contains(p.Options, l) {
				checkText(&ps, "options", l, 1, MaxOption)
				p.Options = append(p.Options, l)
			}
		}
		if len(p.Options) < 2 || len(p.Options) > 12 {
			ps = append(ps, content.Problem{Field: "options", Code: "live_options"})
		}
		if p.Kind == multiple {
			p.Most = number("most", max(len(p.Options), 1), 1, max(len(p.Options), 1))
		}
	case scale:
		p.Most = number("most", 5, 3, 10)
		p.Options = []string{line(form.Get("low")), line(form.Get("high"))}
		checkText(&ps, "low", p.Options[0], 0, MaxOption)
		checkText(&ps, "high", p.Options[1], 0, MaxOption)
	case wordList:
		p.Most = number("most", 3, 1, 5)
		p.Options = []string{}
	default:
		ps.Add("kind", "unknown_option")
	}
	if len(ps) > 0 {
		return ps, nil
	}
	doc, err := json.Marshal(p.Options)
	if err != nil {
		return nil, err
	}
	_, err = x.p.App.NonconcurrentDB().NewQuery(`INSERT INTO live_polls (session, kind, title, options, most, state) VALUES ({:session}, {:kind}, {:title}, {:options}, {:most}, 'draft')`).
		Bind(dbx.Params{"session": s.ID, "kind": p.Kind, "title": p.Title, "options": string(doc), "most": p.Most}).Execute()
	return nil, err
}
