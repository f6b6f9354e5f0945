package participation

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
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

// draft is a half-filled questionnaire: what was typed, right or wrong. It knows
// no language, so that one may change it midway.
type draft struct {
	*asked
	token string
	typed url.Values // key of a variable, or of its mark → what the form sent
	seed  int        // of the random order
	at    int        // index of the page to go on with; len(Pages): the review
	saved bool       // there is a link to it

	channel string // one of survey.Channels
}

// sheet is page n (index) of the draft, to be rendered.
func (d *draft) sheet(n int, lang string) sheet {
	return sheet{q: &d.Questionnaire, page: n, lang: lang, typed: d.typed, seed: d.seed}
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
	channel, err := pt.channelOf(e, q.Slug)
	if err != nil {
		return nil, err
	}
	d := &draft{asked: q.asked, token: base.NewToken(), typed: typed, channel: channel}
	if shuffles(&q.Questionnaire) {
		d.seed = rand.IntN(survey.MaxSeed + 1)
	}
	d.at = d.Read(typed).Next(-1)
	text, err := encodeTyped(typed)
	if err != nil {
		return nil, err
	}
	_, err = pt.p.App.DB().NewQuery(`INSERT INTO survey_drafts (hash, survey, version, answers, seed, at, channel, expires)
		VALUES ({:hash}, {:survey}, {:version}, {:answers}, {:seed}, {:at}, {:channel}, {:expires})`).Bind(dbx.Params{
		"hash": draftHash(d.token), "survey": q.Slug, "version": q.Version, "answers": text,
		"seed": d.seed, "at": d.at, "channel": d.channel, "expires": pt.p.Now().Add(draftLife).UnixMilli(),
	}).Execute()
	if err != nil {
		return nil, err
	}
	pt.setToken(e, q.Slug, d.token, draftLife)
	return d, nil
}

// shuffles reports whether anything comes in random order.
func shuffles(q *survey.Questionnaire) bool {
	return slices.ContainsFunc(q.Pages, func(p survey.Page) bool {
		return p.Random || slices.ContainsFunc(p.Items, func(it survey.Item) bool { return it.Random })
	})
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
	d, err := pt.draftWhere(app, slug, draftHash(token))
	if err == nil {
		d.token = token
	}
	return d, err
}

// draftWhere loads a draft by its hash.
func (pt *Participation) draftWhere(app core.App, slug, hash string) (*draft, error) {
	var row struct {
		Version int    `db:"version"`
		Answers string `db:"answers"`
		Seed    int    `db:"seed"`
		At      int    `db:"at"`
		Saved   bool   `db:"saved"`
		Channel string `db:"channel"`
	}
	err := app.DB().NewQuery(`SELECT version, answers, seed, at, saved, channel FROM survey_drafts
		WHERE hash = {:hash} AND survey = {:survey} AND expires > {:now}`).
		Bind(dbx.Params{"hash": hash, "survey": slug, "now": pt.p.Now().UnixMilli()}).One(&row)
	if base.IsNoRows(err) {
		return nil, errNoDraft
	}
	if err != nil {
		return nil, err
	}
	d := &draft{seed: row.Seed, at: row.At, saved: row.Saved, channel: row.Channel}
	if d.asked, err = pt.surveys.version(slug, row.Version); err != nil {
		return nil, err
	}
	return d, json.Unmarshal([]byte(row.Answers), &d.typed)
}

// change edits what is typed in the draft as it stands now: another tab may have
// changed other pages meanwhile.
func (pt *Participation) change(d *draft, edit func(d *draft) error) error {
	return pt.p.App.RunInTransaction(func(tx core.App) error {
		fresh, err := pt.loadDraft(tx, d.Slug, d.token)
		if err != nil {
			return err
		}
		*d = *fresh
		if err := edit(d); err != nil {
			return err
		}
		text, err := encodeTyped(d.typed)
		if err != nil {
			return err
		}
		_, err = tx.DB().NewQuery(`UPDATE survey_drafts SET answers = {:answers}, at = {:at} WHERE hash = {:hash}`).
			Bind(dbx.Params{"answers": text, "at": d.at, "hash": draftHash(d.token)}).Execute()
		return err
	})
}

// merge puts what one page's form sent in place of what the page's items had.
// Items that the form did not show keep what they had.
func merge(typed url.Values, page survey.Page, form url.Values) {
	for i := range page.Items {
		it := &page.Items[i]
		if !it.Asks() || !wasShown(form, it.Code) {
			continue
		}
		for _, v := range it.Variables() {
			if v.Row != nil && !v.Row.ShowIf.IsZero() && !wasShown(form, v.Key) {
				continue
			}
			for _, key := range []string{v.Key, survey.Mark(v.Key)} {
				delete(typed, key)
				if fields := typedFields(it, form[key]); len(fields) > 0 {
					typed[key] = fields
				}
			}
		}
		chooseOther(it, typed)
	}
}

// wasShown reports whether a form showed an item, a row or an option of its page.
// Forms that say nothing of it showed everything.
func wasShown(form url.Values, key string) bool {
	shown, told := form[fieldShown]
	return !told || slices.Contains(shown, key)
}

// chooseOther chooses the answer that a text was written beside, when no other is.
func chooseOther(it *survey.Item, typed url.Values) {
	if len(typed[it.Code]) > 0 || len(typed[survey.Key(it.Code, survey.PartText)]) == 0 || it.IsMatrix() || it.Type == survey.Point {
		return
	}
	for _, o := range it.Options {
		if o.Other {
			typed[it.Code] = []string{o.Code}
		}
	}
}

// typedFields bounds how many fields one key keeps; no form of ours sends more.
func typedFields(it *survey.Item, fields []string) []string {
	if !slices.ContainsFunc(fields, func(s string) bool { return s != "" }) {
		return nil
	}
	return fields[:min(len(fields), len(it.Options)+it.Uploads()+4)]
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
