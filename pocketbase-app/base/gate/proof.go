package gate

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	altcha "github.com/altcha-org/altcha-lib-go"
	"github.com/pocketbase/pocketbase/core"
)

// How hard the proof is, and how long the other way takes for browsers without
// scripts. 150,000 hashes at most take a telephone of five years about a second.
const (
	maxNumber     = 150_000
	challengeLife = 30 * time.Minute
	ticketWait    = 15 * time.Second
	ticketLife    = 2 * time.Hour
)

// ticket lets a browser without scripts wait in place of working. It says when
// the form was shown; its number makes it count once.
type ticket struct {
	Number []byte `json:"n"`
	From   int64  `json:"f"` // Unix seconds
}

//go:embed scripts/*.js
var scripts embed.FS

// giveChallenge answers with an ALTCHA challenge for a scope (?fuer=).
func (g *Gate) giveChallenge(e *core.RequestEvent) error {
	scope := e.Request.URL.Query().Get("fuer")
	if scope == "" || len(scope) > 200 {
		return content.Problems{{Field: "fuer", Code: "required"}}
	}
	expires := g.p.Now().Add(challengeLife)
	c, err := altcha.CreateChallenge(altcha.ChallengeOptions{
		MaxNumber: maxNumber, HMACKey: g.proofs, Expires: &expires, Params: url.Values{"fuer": {scope}},
	})
	if err != nil {
		return err
	}
	e.Response.Header().Set("Cache-Control", "no-store")
	return e.JSON(http.StatusOK, struct {
		Algorithm string `json:"algorithm"`
		Challenge string `json:"challenge"`
		MaxNumber int64  `json:"maxnumber"` // as the ALTCHA protocol writes it
		Salt      string `json:"salt"`
		Signature string `json:"signature"`
	}{c.Algorithm, c.Challenge, c.MaxNumber, c.Salt, c.Signature})
}

// proven checks a solved challenge: Base64 of the JSON that ALTCHA describes.
func (g *Gate) proven(scope, payload string) (Pass, bool) {
	if payload == "" || len(payload) > 2000 {
		return Pass{}, false
	}
	b, err := base64.StdEncoding.DecodeString(payload)
	if err != nil {
		return Pass{}, false
	}
	var p altcha.Payload
	if json.Unmarshal(b, &p) != nil || p.Algorithm != string(altcha.SHA256) {
		return Pass{}, false
	}
	_, query, _ := strings.Cut(p.Salt, "?")
	signed, err := url.ParseQuery(strings.TrimSuffix(query, "&"))
	if err != nil || signed.Get("fuer") != scope {
		return Pass{}, false
	}
	expires, err := strconv.ParseInt(signed.Get("expires"), 10, 64)
	if err != nil || g.p.Now().Unix() > expires { // by our clock
		return Pass{}, false
	}
	if ok, err := altcha.VerifySolutionSafe(payload, g.proofs, false); err != nil || !ok {
		return Pass{}, false
	}
	sum := sha256.Sum256([]byte(p.Challenge))
	return g.pass(survey.AccessProof, sum[:16]), true
}

// pass makes a pass that counts from now.
func (g *Gate) pass(access string, hash []byte) Pass {
	return Pass{Access: access, Hash: hash, Until: g.p.Now().Add(PassLife).Unix()}
}

func (g *Gate) newTicket(scope string) string {
	return g.seal("ticket "+scope, ticket{random16(), g.p.Now().Unix()})
}

// waited checks a ticket and says how long to wait still.
func (g *Gate) waited(e *core.RequestEvent, scope, s string) (Pass, time.Duration, bool) {
	var t ticket
	if !g.open("ticket "+scope, s, &t) {
		return Pass{}, 0, false
	}
	age := g.p.Now().Sub(time.Unix(t.From, 0))
	if age < ticketWait {
		return Pass{}, ticketWait - age, true
	}
	if age > ticketLife {
		return Pass{}, 0, false
	}
	if !g.p.Exempt(e) {
		if _, wait := g.tickets.Take(base.Network(e.RealIP()), g.p.Now()); wait > 0 {
			return Pass{}, wait, true
		}
	}
	return g.pass(survey.AccessProof, t.Number), 0, true
}

// giveScript serves a script of the gate; they change with the program only.
func (g *Gate) giveScript(name string) base.Handler {
	return func(e *core.RequestEvent) error {
		b, err := scripts.ReadFile("scripts/" + name)
		if err != nil {
			return err
		}
		e.Response.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		e.Response.Header().Set("Cache-Control", "public, no-cache")
		e.Response.WriteHeader(http.StatusOK)
		_, err = e.Response.Write(b)
		return err
	}
}
