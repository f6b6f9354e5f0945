package cases

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Case is one stored request. Times are Unix milliseconds; 0 is none.
type Case struct {
	Reference  string `db:"reference"`
	Guide      string `db:"guide"`
	Title      string `db:"title"`
	Partner    string `db:"partner"`
	State      string `db:"state"`
	Rev        int64  `db:"rev"`
	Unread     bool   `db:"unread"`
	Name       string `db:"name"`
	Email      string `db:"email"`
	Message    string `db:"message"`
	Answers    string `db:"answers"`
	Questions  string `db:"questions"`
	Language   string `db:"language"`
	SecretHash string `db:"secret_hash"`
	OrderKey   string `db:"order_key"`
	Due        int64  `db:"due"`
	Created    int64  `db:"created"`
	Updated    int64  `db:"updated"`
	Closed     int64  `db:"closed"`
}

// Event is one thing that happened to a case.
type Event struct {
	N       int64  `db:"n"`
	At      int64  `db:"at"`
	Actor   string `db:"actor"`
	Staff   string `db:"staff"`
	State   string `db:"state"`
	Partner string `db:"partner"`
	Message string `db:"message"`
	Note    string `db:"note"`
	Key     string `db:"key"`
}

var errConflict = errors.New("cases: changed by somebody else")

// find reads a case; [base.ErrNotFound] when there is none.
func find(app core.App, reference string) (*Case, error) {
	var k Case
	err := app.DB().NewQuery(`SELECT reference, guide, title, partner, state, rev, unread, name, email, message, answers, questions,
			language, secret_hash, order_key, COALESCE(due, 0) AS due, created, updated, COALESCE(closed, 0) AS closed
		FROM cases WHERE reference = {:reference}`).Bind(dbx.Params{"reference": reference}).One(&k)
	if base.IsNoRows(err) {
		return nil, base.ErrNotFound
	}
	return &k, err
}

func history(app core.App, reference string) ([]Event, error) {
	var all []Event
	err := app.DB().NewQuery(`SELECT n, at, actor, staff, state, partner, message, note, key FROM case_events
		WHERE reference = {:reference} ORDER BY n`).Bind(dbx.Params{"reference": reference}).All(&all)
	return all, err
}

// advance writes an event and what it changes in k, in the caller's transaction.
// It fails with errConflict when the case is not at k.Rev any more, and with 422
// when the actor may not give the case that state; e.State "" keeps the state.
func (c *Cases) advance(tx core.App, k *Case, e Event) error {
	if e.Actor == Staff && k.SecretHash == "" {
		return content.Problems{{Field: "state", Code: "case_forgotten"}}
	}
	passedOn := e.Partner != "" && e.Actor == Staff && !IsClosed(k.State)
	if e.State == "" {
		e.State = k.State
	}
	if e.State != k.State && !mayBecome(e.Actor, k.State, e.State) && !(passedOn && e.State == Sent) {
		return content.Problems{{Field: "state", Code: "case_not_allowed"}}
	}
	now := c.Platform.Now().UnixMilli()
	closed := k.Closed
	switch {
	case !IsClosed(e.State):
		closed = 0
	case closed == 0 || e.State != k.State:
		closed = now
	}
	unread := k.Unread
	switch {
	case e.Actor == Citizen && e.Message != "":
		unread = true
	case e.Actor == Staff && (e.Message != "" || e.State != k.State):
		unread = false
	}
	partner := k.Partner
	if e.Partner != "" {
		partner = e.Partner
	}
	res, err := tx.DB().NewQuery(`UPDATE cases SET state = {:state}, partner = {:partner}, rev = rev + 1, unread = {:unread},
			order_key = {:order}, updated = {:now}, closed = NULLIF({:closed}, 0)
		WHERE reference = {:reference} AND rev = {:rev}`).Bind(dbx.Params{
		"state": e.State, "partner": partner, "unread": unread, "order": k.OrderKey,
		"now": now, "closed": closed, "reference": k.Reference, "rev": k.Rev,
	}).Execute()
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errConflict)
	}
	if e.State != k.State {
		if err := c.Platform.Announce(tx, "case.state", k.Reference, map[string]string{"state": string(e.State)}); err != nil {
			return err
		}
	}
	k.State, k.Partner, k.Unread, k.Closed, k.Updated = e.State, partner, unread, closed, now
	k.Rev++
	e.N, e.At = k.Rev, now
	return putEvent(tx, k.Reference, e)
}

// written reports whether a form with this key changed the case already: it
// came twice, and the second time changes nothing.
func written(tx core.App, reference, key string) (bool, error) {
	var n int
	err := tx.DB().NewQuery(`SELECT COUNT(*) FROM case_events WHERE reference = {:reference} AND key = {:key}`).
		Bind(dbx.Params{"reference": reference, "key": key}).Row(&n)
	return n > 0, err
}

func putEvent(tx core.App, reference string, e Event) error {
	_, err := tx.DB().NewQuery(`INSERT INTO case_events (reference, n, at, actor, staff, state, partner, message, note, key)
		VALUES ({:reference}, {:n}, {:at}, {:actor}, {:staff}, {:state}, {:partner}, {:message}, {:note}, {:key})`).Bind(dbx.Params{
		"reference": reference, "n": e.N, "at": e.At, "actor": e.Actor, "staff": e.Staff, "state": e.State,
		"partner": e.Partner, "message": e.Message, "note": e.Note, "key": e.Key,
	}).Execute()
	return err
}

// putDeskOrder orders the case at the partner's desk; its outcome is the one that counts.
func (c *Cases) putDeskOrder(tx core.App, k *Case, n int64) error {
	payload, err := json.Marshal(hooks.DeskItem{Reference: k.Reference, Kind: "case", Title: k.Title, Partner: k.Partner})
	if err != nil {
		return err
	}
	return c.Platform.PutOrder(tx, hooks.Order{
		Key: orderKey(k.Reference, n), Provider: "desk", Kind: "case",
		Subject: k.Reference, Partner: k.Partner, Payload: payload,
	})
}

// putMail orders a mail to the citizen that tells no content and no secret.
// Cases without an address get none.
func (c *Cases) putMail(tx core.App, k *Case, what string, n int64) error {
	if k.Email == "" {
		return nil
	}
	p := c.Platform
	args := []any{"reference", k.Reference, "link", p.Origin + base.Prefix(k.Language) + "/anliegen/"}
	greeting := p.Words.In(k.Language, "case.mail.greeting", "name", k.Name)
	if k.Name == "" {
		greeting = p.Words.In(k.Language, "case.mail.greeting_nobody")
	}
	return c.putMailOrder(tx, k, "mail", numbered("mail:"+k.Reference+":"+what, n), hooks.Mail{
		To: k.Email, Name: k.Name, Lang: k.Language,
		Subject: p.Words.In(k.Language, "case.mail."+what+".subject", args...),
		Text:    greeting + "\n\n" + p.Words.In(k.Language, "case.mail."+what+".text", args...) + "\n",
	})
}

func (c *Cases) putMailOrder(tx core.App, k *Case, kind, key string, m hooks.Mail) error {
	payload, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return c.Platform.PutOrder(tx, hooks.Order{
		Key: key, Provider: "mail", Kind: kind, Subject: k.Reference, Partner: k.Partner, Payload: payload,
	})
}

// normaliseReference forgives what people do to a reference when they copy it:
// lower case, missing or other hyphens, blanks, O for 0, I and L for 1.
func normaliseReference(s string) string {
	s = letters(s)
	if len(s) != 11 || s[0] != 'A' {
		return base.NormaliseReference(s)
	}
	return base.NormaliseReference("A-" + s[1:6] + "-" + s[6:])
}

// normaliseSecret forgives the same; blanks and hyphens do not count.
func normaliseSecret(s string) string {
	return strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(letters(s))
}

// letters keeps ASCII letters and digits, in capitals; longer than any reference
// or secret is cut.
func letters(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case b.Len() == 64:
			return b.String()
		case r >= 'a' && r <= 'z':
			b.WriteRune(r - 'a' + 'A')
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			b.WriteRune(r)
		}
	}
	return b.String()
}

// shownAnswer is a question with its answer, as people read it.
type shownAnswer struct{ Label, Value string }

func (k *Case) shownAnswers(lang string) []shownAnswer {
	var questions []content.Question
	var answers map[string]any
	// Both were written by this package.
	if json.Unmarshal([]byte(k.Questions), &questions) != nil || json.Unmarshal([]byte(k.Answers), &answers) != nil {
		return nil
	}
	var out []shownAnswer
	for _, q := range questions {
		if v, ok := answers[q.Code]; ok {
			label, _ := q.Label.In(lang)
			out = append(out, shownAnswer{label, showAnswer(q, v, lang)})
		}
	}
	return out
}

// formKey is the key in a form's hidden field, or a new one when it is missing
// or malformed.
func formKey(s string) string {
	if len(s) < 8 || len(s) > 255 || slices.ContainsFunc([]byte(s), func(b byte) bool { return b < '!' || b > '~' }) {
		return base.NewToken()
	}
	return s
}

// isRefusal reports whether an error is the refusal with a code.
func isRefusal(err error, code string) bool {
	var refusal *base.Error
	return errors.As(err, &refusal) && refusal.Code == code
}

func (c *Cases) cookie(name, value string, life time.Duration) *http.Cookie {
	k := &http.Cookie{
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(c.Platform.Origin, "https://"), MaxAge: int(life / time.Second),
	}
	if value == "" {
		k.MaxAge = -1
	}
	return k
}
