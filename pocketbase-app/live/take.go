package live

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Bounds of what the audience sends.
const (
	MaxQuestion = 300 // characters
	MinQuestion = 5
	MaxWord     = 40
	MaxOption   = 120
	MaxTitle    = 200
)

// Refusals (409).
var (
	errClosed = base.Refuse(http.StatusConflict, "live_closed")
	errNoPoll = base.Refuse(http.StatusConflict, "live_poll_closed")
)

const (
	cookieName = "live"
	cookieLife = 24 * time.Hour
)

// carried is the token of this browser, "" when it has none yet.
func carried(r *http.Request) string {
	c, err := r.Cookie(cookieName)
	if err != nil || len(c.Value) != 32 {
		return ""
	}
	return c.Value
}

// admit counts an action against the limits of the network and gives the
// browser's token, a new one at first.
func (x *Live) admit(e *core.RequestEvent) (token string, err error) {
	token = carried(e.Request)
	network, now := base.Network(e.RealIP()), x.p.Now()
	limits := []*base.Limits{x.actions}
	if token == "" {
		limits = append(limits, x.comers)
	}
	for _, l := range limits {
		if x.p.Exempt(e) {
			break
		}
		if _, wait := l.Take(network, now); wait > 0 {
			e.Response.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
			return "", base.Refuse(http.StatusTooManyRequests, "too_many_requests")
		}
	}
	if token == "" {
		token = base.NewToken()
		e.SetCookie(&http.Cookie{
			Name: cookieName, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
			Secure: strings.HasPrefix(x.p.Origin, "https://"), MaxAge: int(cookieLife / time.Second),
		})
	}
	return token, nil
}

// running reads the form and the open sitting of an address.
func (x *Live) running(e *core.RequestEvent) (Session, url.Values, error) {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return Session{}, nil, err
	}
	s, err := byCode(x.p.App.DB(), e.Request.PathValue("code"))
	if err != nil {
		return s, nil, err
	}
	if s.State != open {
		return s, form, errClosed
	}
	return s, form, nil
}

func (x *Live) back(e *core.RequestEvent, s Session, said, at string) error {
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/live/"+s.Code+"/?meldung="+said+"#"+at)
}

// line trims what somebody typed and makes one line of it.
func line(s string) string { return strings.Join(strings.Fields(s), " ") }

// isText reports whether s is readable text on one line.
func isText(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return unicode.IsControl(c) || c == '\u2028' || c == '\u2029' })
}

// checkText says what is wrong with a line of text.
func checkText(ps *content.Problems, field, s string, least, most int) {
	switch n := utf8.RuneCountInString(s); {
	case n == 0 && least > 0:
		ps.Add(field, "required")
	case n < least:
		ps.Add(field, "too_short", "min", least)
	case n > most:
		ps.Add(field, "too_long", "max", most)
	case !isText(s):
		ps.Add(field, "not_text")
	}
}

func (x *Live) takeQuestion(e *core.RequestEvent) error {
	s, form, err := x.running(e)
	if errors.Is(err, errClosed) { // the text must not be lost
		return x.sessionPage(e, http.StatusConflict, s, form, content.Problems{{Field: "frage", Code: "live_over"}})
	}
	if err != nil {
		return err
	}
	text := line(form.Get("frage"))
	var ps content.Problems
	checkText(&ps, "frage", text, MinQuestion, MaxQuestion)
	if s.Asking == askingOff {
		ps = content.Problems{{Field: "frage", Code: "live_no_questions"}}
	}
	if len(ps) > 0 {
		return x.sessionPage(e, http.StatusUnprocessableEntity, s, form, ps)
	}
	token, err := x.admit(e)
	if err != nil {
		return err
	}
	state, said := fresh, "frage-geprueft"
	if s.Asking == askingFree {
		state, said = shown, "frage-da"
	}
	err = x.ask(s, token, text, state)
	switch {
	case err != nil && strings.Contains(err.Error(), "live_sent_enough"):
		return x.sessionPage(e, http.StatusUnprocessableEntity, s, form, content.Problems{{Field: "frage", Code: "live_asked_enough"}})
	case err != nil:
		return err
	}
	x.hub.wake(s.ID)
	return x.back(e, s, said, "meldung")
}

// ask stores a question and counts it for its sender; the constraint
// live_sent_enough refuses the eleventh.
func (x *Live) ask(s Session, token, text, state string) error {
	return x.p.App.RunInTransaction(func(tx core.App) error {
		_, err := tx.DB().NewQuery(`INSERT INTO live_senders (session, sender, sent) VALUES ({:session}, {:sender}, 1)
			ON CONFLICT (session, sender) DO UPDATE SET sent = sent + 1`).
			Bind(dbx.Params{"session": s.ID, "sender": x.person(token, "sender", s.ID)}).Execute()
		if err != nil {
			return err
		}
		return changed(tx.DB().NewQuery(`INSERT INTO live_questions (session, text, state)
			SELECT id, {:text}, {:state} FROM live_sessions WHERE id = {:session} AND state = 'open'`).
			Bind(dbx.Params{"session": s.ID, "text": text, "state": state}), errClosed)
	})
}

// changed runs a statement and gives the refusal when it changed nothing.
func changed(q *dbx.Query, refusal error) error {
	res, err := q.Execute()
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		err = refusal
	}
	return err
}

func (x *Live) takeVote(e *core.RequestEvent) error {
	s, form, err := x.running(e)
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(form.Get("frage"), 10, 64)
	if err != nil {
		return base.ErrNotFound
	}
	token, err := x.admit(e)
	if err != nil {
		return err
	}
	cast := form.Get("aktion") != "zuruecknehmen"
	if err := x.vote(s, id, token, cast); err != nil {
		return err
	}
	x.hub.wake(s.ID)
	said := "stimme-weg"
	if cast {
		said = "stimme-da"
	}
	return x.back(e, s, said, "frage-"+strconv.FormatInt(id, 10))
}

// vote casts or takes back a vote; both may be repeated without effect. A
// question that is not shown gets none.
func (x *Live) vote(s Session, question int64, token string, cast bool) error {
	params := dbx.Params{"session": s.ID, "question": question, "voter": x.person(token, "vote", question)}
	sql := `DELETE FROM live_votes WHERE question = {:question} AND voter = {:voter}
		AND EXISTS (SELECT 1 FROM live_questions q JOIN live_sessions s ON s.id = q.session WHERE q.id = {:question} AND q.session = {:session} AND s.state = 'open')`
	if cast {
		sql = `INSERT INTO live_votes (question, voter) SELECT q.id, {:voter} FROM live_questions q JOIN live_sessions s ON s.id = q.session
			WHERE q.id = {:question} AND q.session = {:session} AND q.state = 'shown' AND s.state = 'open' ON CONFLICT DO NOTHING`
	}
	_, err := x.p.App.NonconcurrentDB().NewQuery(sql).Bind(params).Execute()
	return err
}

// voted are the questions of a sitting that this browser has voted for.
func (x *Live) voted(list []Question, token string) (map[int64]bool, error) {
	mine := map[int64]bool{}
	if token == "" {
		return mine, nil
	}
	for _, q := range list {
		var n int
		err := x.p.App.DB().NewQuery(`SELECT COUNT(*) FROM live_votes WHERE question = {:question} AND voter = {:voter}`).
			Bind(dbx.Params{"question": q.ID, "voter": x.person(token, "vote", q.ID)}).Row(&n)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			mine[q.ID] = true
		}
	}
	return mine, nil
}

func (x *Live) takeAnswer(e *core.RequestEvent) error {
	s, form, err := x.running(e)
	if err != nil {
		return err
	}
	all, err := polls(x.p.App.DB(), s.ID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(p Poll) bool { return strconv.FormatInt(p.ID, 10) == form.Get("umfrage") })
	if i < 0 {
		return base.ErrNotFound
	}
	if all[i].State != open {
		return errNoPoll
	}
	answer, ps := readAnswer(all[i], form)
	if len(ps) > 0 {
		return x.sessionPage(e, http.StatusUnprocessableEntity, s, form, ps)
	}
	token, err := x.admit(e)
	if err != nil {
		return err
	}
	if err := x.answer(all[i], token, answer); err != nil {
		return err
	}
	x.hub.wake(s.ID)
	return x.back(e, s, "antwort-da", "umfrage")
}

// readAnswer checks what a form chose: numbers of options or steps, or words.
func readAnswer(p Poll, form url.Values) (answer []any, ps content.Problems) {
	if p.Kind == wordList {
		var words []string
		for _, raw := range strings.FieldsFunc(strings.Join(form["wort"], ","), func(c rune) bool { return c == ',' || c == ';' || c == '\n' }) {
			w := strings.ToLower(line(raw))
			if w == "" || slices.Contains(words, w) {
				continue
			}
			checkText(&ps, "wort", w, 1, MaxWord)
			words = append(words, w)
		}
		if len(words) == 0 {
			ps = content.Problems{{Field: "wort", Code: "required"}}
		}
		if len(words) > p.Most {
			ps = content.Problems{{Field: "wort", Code: "live_too_many_words", Args: map[string]any{"max": p.Most}}}
		}
		for _, w := range words {
			answer = append(answer, w)
		}
		return answer, ps
	}
	first, last := p.keys()
	for _, raw := range form["wahl"] {
		n, err := strconv.Atoi(raw)
		if err != nil || n < first || n > last {
			return nil, content.Problems{{Field: "wahl", Code: "unknown_option"}}
		}
		if !slices.Contains(answer, any(n)) {
			answer = append(answer, n)
		}
	}
	most := 1
	if p.Kind == multiple {
		most = p.Most
	}
	switch {
	case len(answer) == 0:
		return nil, content.Problems{{Field: "wahl", Code: "required"}}
	case len(answer) > most:
		return nil, content.Problems{{Field: "wahl", Code: "live_too_many_choices", Args: map[string]any{"max": most}}}
	}
	return answer, nil
}

// answer stores the answer of a browser, in place of an earlier one. Words that
// nobody has read yet wait for the moderator.
func (x *Live) answer(p Poll, token string, answer []any) error {
	doc, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return x.p.App.RunInTransaction(func(tx core.App) error {
		err := changed(tx.DB().NewQuery(`INSERT INTO live_answers (poll, voter, answer)
			SELECT p.id, {:voter}, {:answer} FROM live_polls p JOIN live_sessions s ON s.id = p.session
			WHERE p.id = {:poll} AND p.state = 'open' AND s.state = 'open'
			ON CONFLICT (poll, voter) DO UPDATE SET answer = excluded.answer`).
			Bind(dbx.Params{"poll": p.ID, "voter": x.person(token, "poll", p.ID), "answer": string(doc)}), errNoPoll)
		if err != nil || p.Kind != wordList {
			return err
		}
		for _, w := range answer {
			_, err := tx.DB().NewQuery(`INSERT INTO live_words (poll, word, state) VALUES ({:poll}, {:word}, 'new') ON CONFLICT DO NOTHING`).
				Bind(dbx.Params{"poll": p.ID, "word": w}).Execute()
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// mine is what this browser has answered to a poll, as the form has it.
func (x *Live) mine(p Poll, token string) ([]string, error) {
	if token == "" {
		return nil, nil
	}
	var doc string
	err := x.p.App.DB().NewQuery(`SELECT answer FROM live_answers WHERE poll = {:poll} AND voter = {:voter}`).
		Bind(dbx.Params{"poll": p.ID, "voter": x.person(token, "poll", p.ID)}).Row(&doc)
	if base.IsNoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var values []any
	if err := json.Unmarshal([]byte(doc), &values); err != nil {
		return nil, err
	}
	var list []string
	for _, v := range values {
		switch v := v.(type) {
		case float64:
			list = append(list, strconv.Itoa(int(v)))
		case string:
			list = append(list, v)
		}
	}
	return list, nil
}
