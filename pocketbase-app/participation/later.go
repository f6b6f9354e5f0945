package participation

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// A saved draft lives for savedLife, or until the survey closes. One draft may
// have a few links: shown, mailed, shown again.
const (
	savedLife = 30 * 24 * time.Hour
	maxLinks  = 10
)

func linkHash(token string) string { return base.Hash("survey link", token) }

// savedUntil is the end of a draft that is saved now.
func savedUntil(q *survey.Questionnaire, now time.Time) time.Time {
	end := now.Add(savedLife)
	if !q.Closes.IsZero() && q.Closes.Before(end) {
		return q.Closes
	}
	return end
}

func sayDay(t time.Time, lang string) string {
	return survey.FormatDate(t.In(content.Berlin).Format(time.DateOnly), lang)
}

// showLater offers a link to go on with later.
func (pt *Participation) showLater(e *core.RequestEvent) error {
	d, err := pt.step(e)
	if d == nil || err != nil {
		return err
	}
	return pt.showSaved(e, http.StatusOK, d, "", url.Values{}, nil)
}

// saveForLater makes a link: it is shown once or sent by mail. The address goes
// into the order of that mail and nowhere else; the order is emptied when the
// mail is delivered.
func (pt *Participation) saveForLater(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	d, err := pt.step(e)
	if d == nil || err != nil {
		return err
	}
	if form.Get(fieldAction) != "mail" {
		token, err := pt.putLink(e, d, nil)
		if err != nil {
			return err
		}
		return pt.showSaved(e, http.StatusOK, d, pt.link(e.Request, d.Slug, token), url.Values{}, nil)
	}
	to := strings.TrimSpace(form.Get("email"))
	if a, err := mail.ParseAddress(to); to == "" || err != nil || a.Address != to || len(to) > 254 {
		code := "not_email"
		if to == "" {
			code = "required"
		}
		return pt.showSaved(e, http.StatusUnprocessableEntity, d, "", form, content.Problems{{Field: "email", Code: code}})
	}
	if !pt.p.Exempt(e) {
		if _, wait := pt.mails.Take(base.Network(e.RealIP()), pt.p.Now()); wait > 0 {
			return base.Refuse(http.StatusTooManyRequests, "too_many_requests")
		}
	}
	lang := base.Lang(e.Request)
	_, err = pt.putLink(e, d, func(tx core.App, token string) error {
		title := in(d.Title, lang)
		payload, err := json.Marshal(hooks.Mail{
			To: to, Lang: lang,
			Subject: pt.p.Words.In(lang, "participation.mail.link.subject", "title", title),
			Text: pt.p.Words.In(lang, "participation.mail.link.text", "title", title,
				"day", sayDay(savedUntil(&d.Questionnaire, pt.p.Now()), lang), "link", pt.link(e.Request, d.Slug, token)),
		})
		if err != nil {
			return err
		}
		key := "mail:survey-link:" + base.NewToken() // nothing that leads to the draft
		return pt.p.PutOrder(tx, hooks.Order{Key: key, Provider: "mail", Kind: base.PrivateMail, Subject: key, Payload: payload})
	})
	if err != nil {
		return err
	}
	pt.p.WakeOrders()
	return seeOther(e, path(e.Request, d.Slug, later)+"?gesendet=1")
}

// link is the address that leads back to a draft. It holds a secret.
func (pt *Participation) link(r *http.Request, slug, token string) string {
	return pt.p.Origin + path(r, slug, "fortsetzen/"+token)
}

// putLink stores the hash of a new link and lets the draft and its cookie live
// longer; follow runs in the same transaction.
func (pt *Participation) putLink(e *core.RequestEvent, d *draft, follow func(tx core.App, token string) error) (string, error) {
	token := base.NewToken()
	end := savedUntil(&d.Questionnaire, pt.p.Now())
	err := pt.p.App.RunInTransaction(func(tx core.App) error {
		params := dbx.Params{
			"link": linkHash(token), "draft": draftHash(d.token), "end": end.UnixMilli(), "key": d.key.wrap(byLink, d.Slug, token),
		}
		var n int
		if err := tx.DB().NewQuery(`SELECT count(*) FROM survey_links WHERE draft = {:draft}`).Bind(params).Row(&n); err != nil {
			return err
		}
		if n >= maxLinks {
			return base.Refuse(http.StatusTooManyRequests, "too_many_requests")
		}
		result, err := tx.DB().NewQuery(`UPDATE survey_drafts SET saved = 1, expires = {:end} WHERE hash = {:draft}`).Bind(params).Execute()
		if err != nil {
			return err
		}
		if found, err := result.RowsAffected(); err != nil || found == 0 {
			return errors.Join(err, base.Refuse(http.StatusConflict, "link_unknown"))
		}
		if _, err := tx.DB().NewQuery(`INSERT INTO survey_links (hash, draft, key) VALUES ({:link}, {:draft}, {:key})`).Bind(params).Execute(); err != nil {
			return err
		}
		if follow == nil {
			return nil
		}
		return follow(tx, token)
	})
	if err != nil {
		return "", err
	}
	pt.setToken(e, d.Slug, d.token, end.Sub(pt.p.Now()))
	return token, nil
}

func (pt *Participation) showSaved(e *core.RequestEvent, status int, d *draft, link string, form url.Values, problems content.Problems) error {
	lang := base.Lang(e.Request)
	idle, err := pt.idlePart(e.Request, &d.Questionnaire)
	if err != nil {
		return err
	}
	return pt.p.Show(e, status, templates, "later", base.View{
		Title: pt.p.Words.In(lang, "participation.later_title"),
		Form:  form, Problems: problems,
		Data: map[string]any{
			"Idle": idle, "Survey": phraseOf(d.Title, lang), "Slug": d.Slug, "Link": link, "Sent": e.Request.URL.Query().Has("gesendet"),
			"Day": sayDay(savedUntil(&d.Questionnaire, pt.p.Now()), lang), "Back": stepPath(e.Request, d.asked, max(d.at, 0)),
		},
	})
}

var errLink = base.Refuse(http.StatusNotFound, "link_unknown")

// linked is the draft that a link leads to, and its hash.
func (pt *Participation) linked(app core.App, r *http.Request) (*draft, string, error) {
	slug, token := r.PathValue("slug"), r.PathValue("token")
	var row struct {
		Draft  string `db:"draft"`
		Key    []byte `db:"key"`
		Sealed []byte `db:"sealed"`
	}
	err := app.DB().NewQuery(`SELECT l.draft, l.key, d.sealed FROM survey_links l JOIN survey_drafts d ON d.hash = l.draft
		WHERE l.hash = {:hash} AND d.survey = {:survey} AND d.expires > {:now}`).
		Bind(dbx.Params{"hash": linkHash(token), "survey": slug, "now": pt.p.Now().UnixMilli()}).One(&row)
	if base.IsNoRows(err) {
		return nil, "", errLink
	}
	if err != nil {
		return nil, "", err
	}
	key, err := unwrap(byLink, slug, token, row.Key)
	if err != nil {
		return nil, "", err
	}
	d, err := pt.openDraft(slug, key, row.Sealed)
	return d, row.Draft, err
}

// showResume asks for one click: programs that open links of mails change nothing.
func (pt *Participation) showResume(e *core.RequestEvent) error {
	e.Response.Header().Set("Referrer-Policy", "no-referrer")
	q, err := pt.openSurvey(e)
	if err != nil {
		return err
	}
	d, _, err := pt.linked(pt.p.App, e.Request)
	if err != nil {
		return err
	}
	lang := base.Lang(e.Request)
	return pt.p.Show(e, http.StatusOK, templates, "resume", base.View{
		Title: pt.p.Words.In(lang, "participation.resume_title"),
		Data: map[string]any{
			"Survey": phraseOf(d.Title, lang), "Action": path(e.Request, q.Slug, "fortsetzen/"+url.PathEscape(e.Request.PathValue("token"))),
		},
	})
}

// resume moves the draft to this browser, which gets a cookie of its own; the
// link stays valid.
func (pt *Participation) resume(e *core.RequestEvent) error {
	e.Response.Header().Set("Referrer-Policy", "no-referrer")
	if _, err := pt.openSurvey(e); err != nil {
		return err
	}
	var d *draft
	token := base.NewToken()
	err := pt.p.App.RunInTransaction(func(tx core.App) error {
		var hash string
		var err error
		if d, hash, err = pt.linked(tx, e.Request); err != nil {
			return err
		}
		params := dbx.Params{"new": draftHash(token), "old": hash, "key": d.key.wrap(byCookie, d.Slug, token)}
		if _, err = tx.DB().NewQuery(`UPDATE survey_drafts SET hash = {:new}, key = {:key} WHERE hash = {:old}`).Bind(params).Execute(); err != nil {
			return err
		}
		_, err = tx.DB().NewQuery(`UPDATE survey_uploads SET draft = {:new} WHERE draft = {:old}`).Bind(params).Execute()
		return err
	})
	if err != nil {
		return err
	}
	pt.setToken(e, d.Slug, token, savedUntil(&d.Questionnaire, pt.p.Now()).Sub(pt.p.Now()))
	return seeOther(e, stepPath(e.Request, d.asked, max(d.at, 0)))
}
