package participation

import (
	"bytes"
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
	key   draftKey
	typed url.Values // key of a variable, or of its mark → what the form sent
	seed  int        // of the random order
	at    int        // index of the page to go on with; len(Pages): the review

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
	d := &draft{asked: q.asked, token: base.NewToken(), key: newDraftKey(), typed: typed, channel: channel}
	if shuffles(&q.Questionnaire) {
		d.seed = rand.IntN(survey.MaxSeed + 1)
	}
	d.at = d.Read(typed).Next(-1)
	doc, err := d.doc()
	if err != nil {
		return nil, err
	}
	_, err = pt.p.App.DB().NewQuery(`INSERT INTO survey_drafts (hash, survey, key, sealed, expires)
		VALUES ({:hash}, {:survey}, {:key}, {:sealed}, {:expires})`).Bind(dbx.Params{
		"hash": draftHash(d.token), "survey": q.Slug, "key": d.key.wrap(byCookie, q.Slug, d.token), "sealed": d.key.seal(q.Slug, doc),
		"expires": draftEnd(pt.p.Now()).UnixMilli(),
	}).Execute()
	if err != nil {
		return nil, err
	}
	if channel == kindTerminal {
		if err := pt.countUse(1, 0); err != nil {
			return nil, err
		}
	}
	pt.setToken(e, q.Slug, d.token, draftLife)
	return d, nil
}

// draftEnd is the end of a draft that begins now: on the hour, so that it does not
// tell the minute in which somebody began, and no later than was promised.
func draftEnd(now time.Time) time.Time { return now.Add(draftLife).Truncate(time.Hour) }

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
	var row struct {
		Key    []byte `db:"key"`
		Sealed []byte `db:"sealed"`
	}
	err := app.DB().NewQuery(`SELECT key, sealed FROM survey_drafts
		WHERE hash = {:hash} AND survey = {:survey} AND expires > {:now}`).
		Bind(dbx.Params{"hash": draftHash(token), "survey": slug, "now": pt.p.Now().UnixMilli()}).One(&row)
	if base.IsNoRows(err) {
		return nil, errNoDraft
	}
	if err != nil {
		return nil, err
	}
	key, err := unwrap(byCookie, slug, token, row.Key)
	if err != nil {
		return nil, err
	}
	d, err := pt.openDraft(slug, key, row.Sealed)
	if err == nil {
		d.token = token
	}
	return d, err
}

// openDraft opens what is stored of a draft.
func (pt *Participation) openDraft(slug string, key draftKey, sealed []byte) (*draft, error) {
	doc, err := key.open(slug, sealed)
	if err != nil {
		return nil, err
	}
	d := &draft{key: key, typed: doc.Typed, seed: doc.Seed, at: doc.At, channel: doc.Channel}
	d.asked, err = pt.surveys.version(slug, doc.Version)
	return d, err
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
		before, err := d.doc()
		if err != nil {
			return err
		}
		if err := edit(d); err != nil {
			return err
		}
		after, err := d.doc()
		if err != nil || bytes.Equal(before, after) {
			return err
		}
		_, err = tx.DB().NewQuery(`UPDATE survey_drafts SET sealed = {:sealed} WHERE hash = {:hash}`).
			Bind(dbx.Params{"sealed": d.key.seal(d.Slug, after), "hash": draftHash(d.token)}).Execute()
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

// doc is what is stored of the draft, before it is sealed.
func (d *draft) doc() ([]byte, error) {
	b, err := json.Marshal(draftDoc{Version: d.Version, Channel: d.channel, Seed: d.seed, At: d.at, Typed: d.typed})
	if err == nil && len(b) > maxDraft {
		return nil, base.Refuse(http.StatusRequestEntityTooLarge, "body_too_large")
	}
	return b, err
}
