package cases

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Receipt is the answer to a request that was taken: with reference and secret
// the citizen follows the case. The secret is nowhere else.
type Receipt struct {
	Reference string `json:"reference"`
	Secret    string `json:"secret"`
	State     string `json:"state"`
}

// remembered is the stored part of a [Receipt]; the secret is derived again.
type remembered struct {
	Reference string `json:"reference"`
	State     string `json:"state"`
}

// matter is what a request is about: a guide or the barrier report.
type matter struct {
	Guide     string // slug
	Title     string // German
	Partner   string // slug
	Questions []content.Question
	Contact   bool // name and e-mail are required
	Due       time.Time
	AlsoStaff bool // staff get a mail
}

func (c *Cases) ofGuide(g content.Guide) matter {
	m := matter{Guide: g.Slug, Title: g.Texts[content.German].Title, Partner: g.Provider, Questions: g.Questions, Contact: true}
	if c.AnswerWithin > 0 {
		m.Due = c.Platform.Now().Add(c.AnswerWithin)
	}
	return m
}

// recall looks for an earlier request with the same key: true when there was one
// with the same body, 422 when its body was another.
func (c *Cases) recall(app core.App, key string, r Request) (Receipt, bool, error) {
	seen, ok, err := base.Recall(app, "case", base.Hash("case", key), fingerprint(r))
	if err != nil || !ok {
		return Receipt{}, false, err
	}
	var kept remembered
	if err := json.Unmarshal([]byte(seen.Answer), &kept); err != nil {
		return Receipt{}, false, fmt.Errorf("remembered case: %w", err)
	}
	return Receipt{kept.Reference, c.secret(key, kept.Reference), kept.State}, true, nil
}

func fingerprint(r Request) string {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // it was decoded from JSON or a form
	}
	return base.Hash(string(b))
}

// take stores a request: case, hashed secret, order and mail in one transaction.
// sent is the request as it came, for the fingerprint of its key. again is true
// when the key was there already and nothing was done.
func (c *Cases) take(key, lang string, sent Request, m matter) (receipt Receipt, again bool, err error) {
	if receipt, again, err = c.recall(c.Platform.App, key, sent); again || err != nil {
		return receipt, again, err
	}
	r, err := sent.Check(m.Questions, m.Contact)
	if err != nil {
		return receipt, false, err
	}
	answers, err := json.Marshal(r.Answers)
	if err != nil {
		return receipt, false, err
	}
	questions, err := json.Marshal(m.Questions)
	if err != nil {
		return receipt, false, err
	}
	k := &Case{
		Reference: base.NewReference("A"), Guide: m.Guide, Title: m.Title, Partner: m.Partner, State: Sent, Rev: 1,
		Name: r.Name, Email: r.Email, Message: r.Message, Answers: string(answers), Questions: string(questions),
		Language: lang, Created: c.Platform.Now().UnixMilli(),
	}
	if !m.Due.IsZero() {
		k.Due = m.Due.UnixMilli()
	}
	k.OrderKey = orderKey(k.Reference, 1)
	receipt = Receipt{k.Reference, c.secret(key, k.Reference), k.State}
	k.SecretHash = secretHash(k.Reference, receipt.Secret)
	answer, err := json.Marshal(remembered{k.Reference, k.State})
	if err != nil {
		return receipt, false, err
	}

	err = c.Platform.App.RunInTransaction(func(tx core.App) error {
		// A twin may have come first since the look above.
		first, twin, err := c.recall(tx, key, sent)
		if err != nil {
			return err
		}
		if twin {
			receipt, again = first, true
			return nil
		}
		if err := c.insert(tx, k, m.AlsoStaff); err != nil {
			return err
		}
		return base.Remember(tx, c.Platform.Now(), "case", base.Hash("case", key), fingerprint(sent),
			base.Remembered{Status: http.StatusCreated, Answer: string(answer)})
	})
	if err != nil {
		return Receipt{}, false, err
	}
	c.Platform.WakeOrders()
	return receipt, again, nil
}

func (c *Cases) insert(tx core.App, k *Case, alsoStaff bool) error {
	_, err := tx.DB().NewQuery(`INSERT INTO cases (reference, guide, title, partner, state, rev, name, email, message, answers,
			questions, language, secret_hash, order_key, due, created, updated)
		VALUES ({:reference}, {:guide}, {:title}, {:partner}, {:state}, {:rev}, {:name}, {:email}, {:message}, {:answers},
			{:questions}, {:language}, {:hash}, {:order}, NULLIF({:due}, 0), {:now}, {:now})`).Bind(dbx.Params{
		"reference": k.Reference, "guide": k.Guide, "title": k.Title, "partner": k.Partner, "state": k.State, "rev": k.Rev,
		"name": k.Name, "email": k.Email, "message": k.Message, "answers": k.Answers, "questions": k.Questions,
		"language": k.Language, "hash": k.SecretHash, "order": k.OrderKey, "due": k.Due, "now": k.Created,
	}).Execute()
	if err != nil {
		return err
	}
	if err := putEvent(tx, k.Reference, Event{N: k.Rev, At: k.Created, Actor: Citizen, State: k.State}); err != nil {
		return err
	}
	if err := c.putDeskOrder(tx, k, k.Rev); err != nil {
		return err
	}
	if err := c.putMail(tx, k, "receipt", k.Rev); err != nil {
		return err
	}
	if alsoStaff {
		return c.putStaffMails(tx, k)
	}
	return nil
}

// secretLetters is Crockford's base32, as references have it.
var secretLetters = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// secret derives the secret of a case: 100 bits that only the server's key and
// the sender's idempotency key together give. The reference is part of it, so
// that a key used again after its record expired opens no older case.
func (c *Cases) secret(key, reference string) string {
	mac := hmac.New(sha256.New, c.secrets)
	mac.Write([]byte(base.Hash(key, reference)))
	s := secretLetters.EncodeToString(mac.Sum(nil))[:20]
	return s[:5] + "-" + s[5:10] + "-" + s[10:15] + "-" + s[15:]
}

// secretHash is what is stored of a secret. 100 random bits need no slow hash.
func secretHash(reference, secret string) string {
	return base.Hash("case secret", reference, normaliseSecret(secret))
}

func numbered(s string, n int64) string           { return s + ":" + strconv.FormatInt(n, 10) }
func orderKey(reference string, rev int64) string { return numbered("case:"+reference, rev) }

// takeAPI answers POST /api/v1/cases.
func (c *Cases) takeAPI(e *core.RequestEvent) error {
	key, err := base.IdempotencyKey(e.Request)
	if err != nil {
		return err
	}
	var r Request
	if _, err := base.DecodeJSON(e.Response, e.Request, &r); err != nil {
		return err
	}
	receipt, again, err := c.recall(c.Platform.App, key, r)
	if err != nil {
		return err
	}
	if !again {
		m, err := c.matterOf(r)
		if err != nil {
			return err
		}
		if receipt, again, err = c.take(key, base.AcceptedLanguage(e.Request), r, m); err != nil {
			return err
		}
	}
	status := http.StatusCreated
	if again {
		status = http.StatusOK
	}
	e.Response.Header().Set("Cache-Control", "no-store")
	e.Response.Header().Set("Location", "/api/v1/cases/"+receipt.Reference)
	return e.JSON(status, receipt)
}

// matterOf finds the guide of an API request; all other problems of the request
// are told together with an unknown guide.
func (c *Cases) matterOf(r Request) (matter, error) {
	g, err := c.guide(r.Guide)
	if err == nil {
		return c.ofGuide(g), nil
	}
	if !isRefusal(err, "not_found") {
		return matter{}, err
	}
	ps := content.Problems{{Field: "guide", Code: "unknown"}}
	if r.Guide == "" {
		ps[0].Code = "required"
	}
	r.Answers = nil // nobody knows the questions
	if _, err := r.Check(nil, true); err != nil {
		more, _ := err.(content.Problems)
		ps = append(ps, more...)
	}
	return matter{}, ps
}

// question is a guide's question as the form shows it.
type question struct {
	content.Question
	Field       string
	Label, Help string
	Lang        string // of the label when it is not the page's
	Options     []option
}

type option struct{ ID, Code, Label string }

func asked(questions []content.Question, lang string) []question {
	var out []question
	for _, q := range questions {
		label, used := q.Label.In(lang)
		help, _ := q.Help.In(lang)
		a := question{Question: q, Field: answerField(q.Code), Label: label, Help: help}
		if used != lang {
			a.Lang = content.Locale(used)
		}
		for i, o := range q.Options {
			text, _ := o.Label.In(lang)
			id := "f-" + a.Field // the error summary leads to the first choice
			if i > 0 {
				id += "-" + o.Code
			}
			a.Options = append(a.Options, option{id, o.Code, text})
		}
		out = append(out, a)
	}
	return out
}

func (c *Cases) showRequestForm(e *core.RequestEvent) error {
	g, err := c.guide(e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	return c.requestForm(e, http.StatusOK, g, base.NewToken(), base.View{})
}

func (c *Cases) requestForm(e *core.RequestEvent, status int, g content.Guide, key string, v base.View) error {
	lang := base.Lang(e.Request)
	title, titleLang := guideTitle(g, lang)
	partners, err := c.partners()
	if err != nil {
		return err
	}
	v.Title = c.Platform.Words.In(lang, "case.ask.title", "guide", title)
	data := struct {
		Guide, Title, TitleLang, Partner, Key string
		Questions                             []question
	}{Guide: g.Slug, Title: title, Partner: partnerName(partners, g.Provider), Key: key, Questions: asked(g.Questions, lang)}
	if titleLang != lang {
		data.TitleLang = content.Locale(titleLang)
	}
	v.Data = data
	return c.Platform.Show(e, status, pages, "ask", v)
}

func guideTitle(g content.Guide, lang string) (title, used string) {
	if t := g.Texts[lang].Title; t != "" {
		return t, lang
	}
	return g.Texts[content.German].Title, content.German
}

func (c *Cases) takeRequestForm(e *core.RequestEvent) error {
	g, err := c.guide(e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	lang := base.Lang(e.Request)
	key := formKey(form.Get("key"))
	if form.Has(base.FieldLanguage) {
		return c.requestForm(e, http.StatusOK, g, key, base.View{Form: form})
	}
	r := fromForm(form, g.Slug, g.Questions, lang)
	receipt, _, err := c.take(key, lang, r, c.ofGuide(g))
	if problems, key, ok := again(err, key); ok {
		return c.requestForm(e, http.StatusUnprocessableEntity, g, key, base.View{Form: form, Problems: problems})
	}
	if err != nil {
		return err
	}
	return c.hand(e, receipt)
}

// again tells what to show in a form that is shown again, and the key it gets: a
// new one when the form was sent before with other words, as after the
// browser's way back.
func again(err error, key string) (content.Problems, string, bool) {
	if problems, ok := err.(content.Problems); ok {
		return problems, key, true
	}
	if isRefusal(err, "key_reused") {
		return content.Problems{{Field: "message", Code: "case_sent_before"}}, base.NewToken(), true
	}
	return nil, key, false
}
