package participation

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Lives of the cookie and of what it finds.
const (
	draftLife   = 24 * time.Hour
	receiptLife = time.Hour
	maxDraft    = 512 << 10 // bytes of everything typed
)

// draft is a half-filled questionnaire: what was typed, right or wrong.
type draft struct {
	*asked
	token string
	typed url.Values // item code → what the form sent
}

var errNoDraft = errors.New("participation: no draft")

// cookieName is one per survey: two surveys in two tabs do not disturb each other.
func cookieName(slug string) string { return "umfrage-" + slug }

func draftHash(token string) string { return base.Hash("survey draft", token) }

// token is the cookie's token, "" when there is none or it cannot be one of ours.
func token(r *http.Request, slug string) string {
	c, err := r.Cookie(cookieName(slug))
	if err != nil || len(c.Value) != 32 {
		return ""
	}
	return c.Value
}

func (pt *Participation) setToken(e *core.RequestEvent, slug, token string, life time.Duration) {
	http.SetCookie(e.Response, &http.Cookie{
		Name: cookieName(slug), Value: token, Path: "/", MaxAge: int(life.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(pt.p.Origin, "https://"),
	})
}

// newDraft stores a draft of the current version and sends its token along.
func (pt *Participation) newDraft(e *core.RequestEvent, q current, typed url.Values) (*draft, error) {
	d := &draft{asked: q.asked, token: base.NewToken(), typed: typed}
	text, err := encodeTyped(typed)
	if err != nil {
		return nil, err
	}
	_, err = pt.p.App.DB().NewQuery(`INSERT INTO survey_drafts (hash, survey, version, answers, expires)
		VALUES ({:hash}, {:survey}, {:version}, {:answers}, {:expires})`).Bind(dbx.Params{
		"hash": draftHash(d.token), "survey": q.Slug, "version": q.Version, "answers": text,
		"expires": pt.p.Now().Add(draftLife).UnixMilli(),
	}).Execute()
	if err != nil {
		return nil, err
	}
	pt.setToken(e, q.Slug, d.token, draftLife)
	return d, nil
}

// findDraft returns the draft of the request's cookie, errNoDraft when there is
// none or its time is over.
func (pt *Participation) findDraft(r *http.Request, slug string) (*draft, error) {
	return pt.loadDraft(pt.p.App, slug, token(r, slug))
}

func (pt *Participation) loadDraft(app core.App, slug, token string) (*draft, error) {
	if token == "" {
		return nil, errNoDraft
	}
	var row struct {
		Version int    `db:"version"`
		Answers string `db:"answers"`
	}
	err := app.DB().NewQuery(`SELECT version, answers FROM survey_drafts
		WHERE hash = {:hash} AND survey = {:survey} AND expires > {:now}`).
		Bind(dbx.Params{"hash": draftHash(token), "survey": slug, "now": pt.p.Now().UnixMilli()}).One(&row)
	if base.IsNoRows(err) {
		return nil, errNoDraft
	}
	if err != nil {
		return nil, err
	}
	d := &draft{token: token}
	if d.asked, err = pt.surveys.version(slug, row.Version); err != nil {
		return nil, err
	}
	return d, json.Unmarshal([]byte(row.Answers), &d.typed)
}

// keep merges what one page's form sent into the draft; the other pages stay as
// they are, also when another tab changed them meanwhile.
func (pt *Participation) keep(d *draft, page survey.Page, form url.Values) error {
	return pt.p.App.RunInTransaction(func(tx core.App) error {
		fresh, err := pt.loadDraft(tx, d.Slug, d.token)
		if err != nil {
			return err
		}
		d.typed = fresh.typed
		for _, it := range page.Items {
			delete(d.typed, it.Code)
			if fields := typedFields(it, form[it.Code]); len(fields) > 0 {
				d.typed[it.Code] = fields
			}
		}
		text, err := encodeTyped(d.typed)
		if err != nil {
			return err
		}
		_, err = tx.DB().NewQuery(`UPDATE survey_drafts SET answers = {:answers} WHERE hash = {:hash}`).
			Bind(dbx.Params{"answers": text, "hash": draftHash(d.token)}).Execute()
		return err
	})
}

// typedOn picks what a form sent for the items of a page.
func typedOn(page survey.Page, form url.Values) url.Values {
	typed := url.Values{}
	for _, it := range page.Items {
		if fields := typedFields(it, form[it.Code]); len(fields) > 0 {
			typed[it.Code] = fields
		}
	}
	return typed
}

// typedFields bounds how many fields one item keeps; no form of ours sends more.
func typedFields(it survey.Item, fields []string) []string {
	if it.Type == survey.Info || !slices.ContainsFunc(fields, func(s string) bool { return s != "" }) {
		return nil
	}
	return fields[:min(len(fields), len(it.Options)+2)]
}

func encodeTyped(typed url.Values) (string, error) {
	b, err := json.Marshal(typed)
	if err != nil {
		return "", err
	}
	if len(b) > maxDraft {
		return "", base.Refuse(http.StatusRequestEntityTooLarge, "body_too_large")
	}
	return string(b), nil
}
