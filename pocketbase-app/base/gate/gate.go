// Package gate decides who may take part in something: everybody, everybody whose
// device has worked for a moment, or whoever has a one-time code, a signed
// invitation, an account, or was there.
//
// It does not know what people take part in; that is a scope like
// "umfragen/smart-kassel". A matter shows [Gate.Fields] in its form, turns what
// came back into a [Pass] with [Gate.Admit], lets the browser carry it in a
// sealed cookie ([Gate.Carry], [Gate.Carried]) and redeems it with [Pass.Redeem]
// in the transaction that stores what was handed in. A pass stands nowhere beside
// answers: the cookie is the only thing that knows both.
package gate

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Words of the gate's form parts, pages and refusals.
//
//go:embed words/*.json
var Words embed.FS

//go:embed templates/*.html
var templateFiles embed.FS

var templates = base.MustTemplates(templateFiles)

// PassLife is how long somebody may take from the gate to handing in: as long as
// a saved draft lives, and a day.
const PassLife = 31 * 24 * time.Hour

// Gate lets people in. Make it with [New]; any number of gates of one platform
// know each other's passes.
type Gate struct {
	p       *base.Platform
	sealed  cipher.AEAD // cookies and tickets
	hashes  []byte      // key of what is stored
	links   []byte      // key of invitations
	proofs  string      // key of challenges
	guesses *base.Limits
	tickets *base.Limits
	mails   *base.Limits

	// Pending tells passes that were used and do not stand in the table yet; nil: none.
	Pending func(scope string, hash []byte) bool
}

// New makes a gate. [Gate.Bind] is for one of them, with package main.
func New(p *base.Platform) *Gate {
	block, err := aes.NewCipher(p.Key("gate cookies"))
	if err != nil {
		panic(err) // a key of 32 bytes fits
	}
	sealed, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return &Gate{
		p: p, sealed: sealed, hashes: p.Key("gate hashes"), links: p.Key("gate invitations"),
		proofs:  base64.RawURLEncoding.EncodeToString(p.Key("gate challenges")),
		guesses: base.NewLimits(20, 10*time.Minute),
		tickets: base.NewLimits(30, time.Hour),
		mails:   base.NewLimits(10, time.Hour),
	}
}

// Pass is the right to take part once. The zero Pass is nobody's and everybody's:
// that of an open access.
type Pass struct {
	Access string `json:"a"` // how it was got, one of survey.Accesses
	Hash   []byte `json:"h"` // 16 bytes, under which it is redeemed
	Until  int64  `json:"u"` // Unix seconds
}

// IsZero reports whether nothing was shown at the gate.
func (p Pass) IsZero() bool { return len(p.Hash) == 0 }

// Named reports whether the pass belongs to somebody: at most one of a kind.
func (p Pass) Named() bool { return p.Access != survey.AccessProof && !p.IsZero() }

// Needs reports whether somebody has to show something.
func Needs(access string) bool { return access != "" && access != survey.AccessOpen }

// Errors of passes that cannot be redeemed.
var (
	ErrUsed    = base.Refuse(http.StatusConflict, "pass_used")     // it was used before
	ErrUnknown = base.Refuse(http.StatusForbidden, "pass_unknown") // it does not exist (any more)
	ErrMissing = base.Refuse(http.StatusForbidden, "pass_missing") // something must be shown first
)

// hash is the keyed hash of parts, 16 bytes.
func (g *Gate) hash(parts ...string) []byte {
	mac := hmac.New(sha256.New, g.hashes)
	for _, p := range parts {
		sum := sha256.Sum256([]byte(p))
		mac.Write(sum[:])
	}
	return mac.Sum(nil)[:16]
}

// Tag is what a named pass is marked with when something is handed in under a
// random id: the same id again is told from another use of the same pass.
func (g *Gate) Tag(scope, id string) []byte { return g.hash("tag", scope, id) }

// Key is a key of the pass's holder for one purpose. Keys of different purposes
// cannot be joined without the platform's secret.
func (g *Gate) Key(p Pass, purpose string) string {
	return base64.RawURLEncoding.EncodeToString(g.hash("holder", string(p.Hash), purpose))
}

// Tx is the transaction that passes are redeemed in: *sql.Tx, or [In].
type Tx interface {
	Exec(query string, args ...any) (sql.Result, error)
}

// In gives the transaction of an app as a [Tx].
func In(tx core.App) Tx { return appTx{tx} }

type appTx struct{ app core.App }

// Exec names the parameters, as dbx wants them: the n-th "?" becomes {:pn}.
func (t appTx) Exec(query string, args ...any) (sql.Result, error) {
	var named strings.Builder
	bound := dbx.Params{}
	for i, part := range strings.Split(query, "?") {
		if i > 0 {
			name := fmt.Sprintf("p%d", i)
			named.WriteString("{:" + name + "}")
			bound[name] = args[i-1]
		}
		named.WriteString(part)
	}
	return t.app.NonconcurrentDB().NewQuery(named.String()).Bind(bound).Execute()
}

// Redeem uses the pass up, in the caller's transaction; tag comes from
// [Gate.Tag]. [ErrUsed] leaves the transaction as it was.
func (p Pass) Redeem(tx Tx, scope string, tag []byte) error {
	var r sql.Result
	var err error
	switch {
	case p.IsZero():
		return nil
	case p.Access == survey.AccessProof:
		r, err = tx.Exec(`INSERT INTO gate_spent (hash, day) VALUES (?, ?) ON CONFLICT DO NOTHING`, p.Hash, p.lastDay())
	case p.Access == survey.AccessCode:
		r, err = tx.Exec(`UPDATE gate_passes SET used = 1, tag = ? WHERE scope = ? AND hash = ? AND used = 0`, tag, scope, p.Hash)
	default:
		r, err = tx.Exec(`INSERT INTO gate_passes (scope, hash, kind, used, tag) VALUES (?, ?, ?, 1, ?) ON CONFLICT DO NOTHING`,
			scope, p.Hash, p.Access, tag)
	}
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	if err == nil && n == 0 {
		err = ErrUsed
	}
	return err
}

// lastDay is the Berlin day after which the pass counts for nothing anyway.
func (p Pass) lastDay() string {
	return time.Unix(p.Until, 0).In(content.Berlin).AddDate(0, 0, 1).Format(time.DateOnly)
}

// State is what became of a pass.
type State int

// States of passes.
const (
	Unknown State = iota // no such code
	Unused
	Used
)

// Look tells the state of a pass and, of a used one, its tag.
func (g *Gate) Look(ctx context.Context, scope string, p Pass) (State, []byte, error) {
	if g.Pending != nil && g.Pending(scope, p.Hash) {
		return Used, nil, nil
	}
	var row struct {
		Used int    `db:"used"`
		Tag  []byte `db:"tag"`
	}
	q := g.p.App.DB().NewQuery(`SELECT used, tag FROM gate_passes WHERE scope = {:scope} AND hash = {:hash}`).
		Bind(dbx.Params{"scope": scope, "hash": p.Hash})
	if p.Access == survey.AccessProof {
		q = g.p.App.DB().NewQuery(`SELECT 1 AS used, x'' AS tag FROM gate_spent WHERE hash = {:hash}`).Bind(dbx.Params{"hash": p.Hash})
	}
	err := q.WithContext(ctx).One(&row)
	switch {
	case base.IsNoRows(err) && p.Access == survey.AccessCode:
		return Unknown, nil, nil
	case base.IsNoRows(err):
		return Unused, nil, nil
	case err != nil:
		return Unknown, nil, err
	case row.Used == 1:
		return Used, row.Tag, nil
	}
	return Unused, nil, nil
}

// cookieName is one per scope: two surveys in two tabs do not disturb each other.
func cookieName(scope string) string { return "zugang-" + strings.ReplaceAll(scope, "/", "-") }

// Carry gives the pass to the browser, sealed: nobody else can read or change it.
func (g *Gate) Carry(e *core.RequestEvent, scope string, p Pass) {
	g.setCookie(e, cookieName(scope), g.seal(scope, p), PassLife)
}

// Drop takes the pass from the browser.
func (g *Gate) Drop(e *core.RequestEvent, scope string) {
	g.setCookie(e, cookieName(scope), "", -time.Second)
}

// Carried is the pass that the browser carries, if it still counts.
func (g *Gate) Carried(r *http.Request, scope string) (Pass, bool) {
	c, err := r.Cookie(cookieName(scope))
	if err != nil {
		return Pass{}, false
	}
	var p Pass
	if !g.open(scope, c.Value, &p) || g.p.Now().Unix() >= p.Until {
		return Pass{}, false
	}
	return p, true
}

func (g *Gate) setCookie(e *core.RequestEvent, name, value string, life time.Duration) {
	http.SetCookie(e.Response, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(life.Seconds()), HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(g.p.Origin, "https://"),
	})
}

// seal encrypts a value for one purpose; open undoes it and reports whether it
// was ours and for this purpose.
func (g *Gate) seal(purpose string, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own small structs
	}
	return base64.RawURLEncoding.EncodeToString(g.sealed.Seal(nil, nil, b, []byte(purpose)))
}

func (g *Gate) open(purpose, s string, v any) bool {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(s) > 2000 {
		return false
	}
	b, err = g.sealed.Open(nil, nil, b, []byte(purpose))
	return err == nil && json.Unmarshal(b, v) == nil
}

func random16() []byte {
	b := make([]byte, 16)
	rand.Read(b)
	return b
}

// Sweep forgets spent proofs that could not be spent again and log-in codes that
// have had their time.
func (g *Gate) Sweep(ctx context.Context) (int64, error) {
	var all int64
	var errs []error
	for _, q := range []string{
		`DELETE FROM gate_spent WHERE day < {:day}`,
		`DELETE FROM citizen_codes WHERE expires < {:now}`,
	} {
		r, err := g.p.App.NonconcurrentDB().NewQuery(q).Bind(dbx.Params{
			"day": g.p.Now().In(content.Berlin).Format(time.DateOnly), "now": g.p.Now().UnixMilli(),
		}).WithContext(ctx).Execute()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		n, err := r.RowsAffected()
		all, errs = all+n, append(errs, err)
	}
	return all, errors.Join(errs...)
}
