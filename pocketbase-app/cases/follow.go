package cases

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// A citizen who gave reference and secret stays in for sessionLife after the
// last thing they sent.
const (
	sessionCookie = "anliegen"
	sessionLife   = 30 * time.Minute
)

func (c *Cases) showEntry(e *core.RequestEvent) error {
	return c.entry(e, http.StatusOK, base.View{}, "")
}

// entry shows the form for reference and secret; notice is a key of words.
func (c *Cases) entry(e *core.RequestEvent, status int, v base.View, notice string) error {
	v.Title = c.Platform.Words.In(base.Lang(e.Request), "case.entry.title")
	v.Data = map[string]any{"Notice": notice}
	return c.Platform.Show(e, status, pages, "entry", v)
}

// enter takes reference and secret. A reply that was written when the session
// had ended comes along and is shown again on the page of the case.
func (c *Cases) enter(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	var ps content.Problems
	for _, field := range []string{"reference", "secret"} {
		if strings.TrimSpace(form.Get(field)) == "" {
			ps.Add(field, "required")
		}
	}
	if len(ps) > 0 {
		return c.entry(e, http.StatusUnprocessableEntity, base.View{Form: form, Problems: ps}, "")
	}
	reference, err := c.unlock(e, form.Get("reference"), form.Get("secret"))
	var soon tooMany
	switch {
	case errors.As(err, &soon):
		e.Response.Header().Set("Retry-After", soon.seconds())
		ps.Add("reference", "case_locked", "minutes", soon.minutes())
		return c.entry(e, http.StatusTooManyRequests, base.View{Form: form, Problems: ps}, "")
	case errors.Is(err, wrongPair):
		ps.Add("reference", "case_wrong_pair")
		return c.entry(e, http.StatusUnprocessableEntity, base.View{Form: form, Problems: ps}, "")
	case err != nil:
		return err
	}
	if err := c.begin(e, reference); err != nil {
		return err
	}
	if reply := form.Get("reply"); reply != "" {
		form.Del("secret")
		return c.historyPage(e, http.StatusOK, reference, base.View{Form: form}, "")
	}
	return c.toHistory(e, "")
}

func (c *Cases) toHistory(e *core.RequestEvent, query string) error {
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/anliegen/verlauf/"+query)
}

func (c *Cases) begin(e *core.RequestEvent, reference string) error {
	token := base.NewToken()
	_, err := c.Platform.App.DB().NewQuery(`INSERT INTO case_sessions (hash, reference, expires) VALUES ({:hash}, {:reference}, {:expires})`).
		Bind(dbx.Params{"hash": sessionHash(token), "reference": reference, "expires": c.Platform.Now().Add(sessionLife).UnixMilli()}).Execute()
	if err != nil {
		return err
	}
	e.SetCookie(c.cookie(sessionCookie, token, sessionLife))
	return nil
}

func sessionHash(token string) string { return base.Hash("case session", token) }

// session is the reference of the case that the visitor is in, "" for none.
func (c *Cases) session(e *core.RequestEvent) (string, error) {
	kept, err := e.Request.Cookie(sessionCookie)
	if err != nil {
		return "", nil
	}
	var reference string
	err = c.Platform.App.DB().NewQuery(`SELECT reference FROM case_sessions WHERE hash = {:hash} AND expires > {:now}`).
		Bind(dbx.Params{"hash": sessionHash(kept.Value), "now": c.Platform.Now().UnixMilli()}).Row(&reference)
	if base.IsNoRows(err) {
		return "", nil
	}
	return reference, err
}

func (c *Cases) leave(e *core.RequestEvent) error {
	if kept, err := e.Request.Cookie(sessionCookie); err == nil {
		_, err := c.Platform.App.DB().NewQuery(`DELETE FROM case_sessions WHERE hash = {:hash}`).
			Bind(dbx.Params{"hash": sessionHash(kept.Value)}).Execute()
		if err != nil {
			return err
		}
	}
	e.SetCookie(c.cookie(sessionCookie, "", 0))
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/anliegen/")
}

// prose is what people wrote, shown line by line.
type prose string

// Lines are the lines of a text.
func (p prose) Lines() []string { return strings.Split(string(p), "\n") }

// shownEvent is an event as the citizen reads it.
type shownEvent struct {
	At, ISO string
	What    string // in words
	Who     string
	Message prose
	Note    prose // staff only
}

func (c *Cases) showHistory(e *core.RequestEvent) error {
	reference, err := c.session(e)
	if err != nil {
		return err
	}
	if reference == "" {
		return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/anliegen/")
	}
	notice := ""
	switch e.Request.URL.Query().Get("neu") {
	case "nachricht":
		notice = "case.follow.sent"
	case "zurueckgezogen":
		notice = "case.follow.withdrawn"
	}
	return c.historyPage(e, http.StatusOK, reference, base.View{}, notice)
}

func (c *Cases) historyPage(e *core.RequestEvent, status int, reference string, v base.View, notice string) error {
	app, lang := c.Platform.App, base.Lang(e.Request)
	k, err := find(app, reference)
	if err != nil {
		return err
	}
	events, err := history(app, reference)
	if err != nil {
		return err
	}
	partners, err := c.partners()
	if err != nil {
		return err
	}
	title, titleLang := k.Title, content.German
	if g, err := c.guide(k.Guide); err == nil {
		title, titleLang = guideTitle(g, lang)
	} else if k.Guide == Barrier {
		title, titleLang = c.Platform.Words.In(lang, "case.barrier.title"), lang
	}
	v.Title = c.Platform.Words.In(lang, "case.follow.title", "reference", k.Reference)
	data := map[string]any{
		"Case": k, "Message": prose(k.Message), "Title": title, "TitleLang": "", "Partner": partnerName(partners, k.Partner),
		"Created": showTime(k.Created, lang), "Answers": k.shownAnswers(lang),
		"Events": c.shownToCitizen(events, partners, lang), "Notice": notice, "Due": "",
		"Open": !IsClosed(k.State), "Key": base.NewToken(),
	}
	if titleLang != lang {
		data["TitleLang"] = content.Locale(titleLang)
	}
	if k.Due != 0 && k.Guide == Barrier {
		data["Due"] = showDay(time.UnixMilli(k.Due).In(content.Berlin), lang)
	}
	if k.State == Sent { // not with the partner yet
		if data["Standing"], err = c.Platform.OrderStanding(lang, k.OrderKey); err != nil {
			return err
		}
	}
	if key := v.Form.Get("key"); key != "" {
		data["Key"] = formKey(key)
	}
	v.Data = data
	return c.Platform.Show(e, status, pages, "follow", v)
}

// visible reports whether the citizen sees an event: notes among staff are none
// of theirs.
func visible(before string, e Event) bool {
	return e.N == 1 || e.State != before || e.Message != "" || e.Partner != ""
}

func (c *Cases) shownToCitizen(events []Event, partners []partner, lang string) []shownEvent {
	var out []shownEvent
	before := ""
	for _, ev := range events {
		seen := visible(before, ev)
		changed := ev.State != before
		before = ev.State
		if !seen {
			continue
		}
		out = append(out, shownEvent{
			At: showTime(ev.At, lang), ISO: iso(ev.At), Who: c.Platform.Words.In(lang, "case.actor."+ev.Actor),
			What: c.say(ev, changed, partners, lang), Message: prose(ev.Message),
		})
	}
	slices.Reverse(out) // newest first
	return out
}

// say names an event that citizens see.
func (c *Cases) say(ev Event, changed bool, partners []partner, lang string) string {
	words := c.Platform.Words
	switch {
	case ev.Partner != "":
		return words.In(lang, "case.event.passed_on", "partner", partnerName(partners, ev.Partner))
	case changed:
		return words.In(lang, "case.event."+ev.State)
	}
	return words.In(lang, "case.event.message")
}

func iso(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// changeByCitizen takes a message or the withdrawal.
func (c *Cases) changeByCitizen(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	reference, err := c.session(e)
	if err != nil {
		return err
	}
	if reference == "" {
		return c.entry(e, http.StatusUnauthorized, base.View{Form: form}, "case.entry.ended")
	}
	var ps content.Problems
	ev := Event{Actor: Citizen, Key: formKey(form.Get("key"))}
	done := "?neu=nachricht"
	if form.Get("action") == "withdraw" {
		ev.State, done = Withdrawn, "?neu=zurueckgezogen"
		if form.Get("sure") != "yes" {
			ps.Add("sure", "case_not_sure")
		}
	} else {
		ev.Message = checkText(&ps, "reply", form.Get("reply"), maxMessage, true)
	}
	if len(ps) > 0 {
		return c.historyPage(e, http.StatusUnprocessableEntity, reference, base.View{Form: form, Problems: ps}, "")
	}
	err = c.Platform.App.RunInTransaction(func(tx core.App) error {
		k, err := find(tx, reference)
		if err != nil {
			return err
		}
		if wrote, err := written(tx, reference, ev.Key); wrote || err != nil {
			return err
		}
		if IsClosed(k.State) {
			return content.Problems{{Field: "reply", Code: "case_closed"}}
		}
		if ev.State == "" && k.State == Waiting {
			ev.State = InProgress
		}
		if err := c.advance(tx, k, ev); err != nil {
			return err
		}
		_, err = tx.DB().NewQuery(`UPDATE case_sessions SET expires = {:expires} WHERE reference = {:reference}`).
			Bind(dbx.Params{"expires": c.Platform.Now().Add(sessionLife).UnixMilli(), "reference": reference}).Execute()
		return err
	})
	if problems, ok := err.(content.Problems); ok {
		return c.historyPage(e, http.StatusUnprocessableEntity, reference, base.View{Form: form, Problems: problems}, "")
	}
	if err != nil {
		return err
	}
	if kept, err := e.Request.Cookie(sessionCookie); err == nil {
		e.SetCookie(c.cookie(sessionCookie, kept.Value, sessionLife))
	}
	return c.toHistory(e, done)
}

// apiCase is the answer of GET /api/v1/cases/{reference}.
type apiCase struct {
	Reference string     `json:"reference"`
	Guide     string     `json:"guide"`
	Partner   string     `json:"partner"`
	State     string     `json:"state"`
	Created   string     `json:"created"`
	Updated   string     `json:"updated"`
	Due       string     `json:"due,omitempty"` // barrier reports: answered by
	History   []apiEvent `json:"history"`
}

type apiEvent struct {
	At      string `json:"at"`
	Actor   string `json:"actor"` // citizen, staff, system
	State   string `json:"state"`
	Partner string `json:"partner,omitempty"` // passed on to
	Message string `json:"message,omitempty"`
}

// showAPI answers GET /api/v1/cases/{reference} with the secret as bearer token.
func (c *Cases) showAPI(e *core.RequestEvent) error {
	e.Response.Header().Set("Cache-Control", "no-store")
	scheme, secret, _ := strings.Cut(strings.TrimSpace(e.Request.Header.Get("Authorization")), " ")
	if !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(secret) == "" {
		e.Response.Header().Set("WWW-Authenticate", "Bearer")
		return base.Refuse(http.StatusUnauthorized, "case_secret_missing")
	}
	reference, err := c.unlock(e, e.Request.PathValue("reference"), secret)
	var soon tooMany
	switch {
	case errors.As(err, &soon):
		e.Response.Header().Set("Retry-After", soon.seconds())
		return base.Refuse(http.StatusTooManyRequests, "case_locked", "minutes", soon.minutes())
	case errors.Is(err, wrongPair):
		e.Response.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		return err
	case err != nil:
		return err
	}
	k, err := find(c.Platform.App, reference)
	if err != nil {
		return err
	}
	events, err := history(c.Platform.App, reference)
	if err != nil {
		return err
	}
	out := apiCase{
		Reference: k.Reference, Guide: k.Guide, Partner: k.Partner, State: k.State,
		Created: iso(k.Created), Updated: iso(k.Updated), History: []apiEvent{},
	}
	if k.Due != 0 && k.Guide == Barrier {
		out.Due = iso(k.Due)
	}
	before := ""
	for _, ev := range events {
		if visible(before, ev) {
			out.History = append(out.History, apiEvent{iso(ev.At), ev.Actor, ev.State, ev.Partner, ev.Message})
		}
		before = ev.State
	}
	return e.JSON(http.StatusOK, out)
}
