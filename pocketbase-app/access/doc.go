// Package access lets staff in: the log-in page, sessions in a cookie, one's own
// password, and the administrators' page of accounts.
//
// It does not know what staff do once they are in; that is said by the roles of
// package base. [Access.Bind] adds the middleware that turns a session cookie
// into the signed-in person and the pages; [CreateStaff] makes an account from
// the command line; [Access.Sweep] deletes sessions that have ended.
//
// A session opens staff pages and /api/v1/ only. On PocketBase's own API the
// cookie is nobody: a request with a cookie cannot be turned into a token.
package access

import (
	"embed"
	"sync"
	"time"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

//go:embed words/*.json
var Words embed.FS

//go:embed templates/*.html
var templateFiles embed.FS

var templates = base.MustTemplates(templateFiles)

// Access is the way in for staff.
type Access struct {
	Delay time.Duration // how long a refusal takes, so that guessing is slow

	p        *base.Platform
	attempts *attempts
	nobody   func() *core.Record // takes as long to check a password as a real account
}

// New makes the way in; call [Access.Bind] once per server.
func New(p *base.Platform) *Access {
	a := &Access{p: p, Delay: 700 * time.Millisecond, attempts: newAttempts()}
	a.nobody = sync.OnceValue(func() *core.Record {
		c, err := p.App.FindCachedCollectionByNameOrId("staff")
		if err != nil {
			return nil
		}
		r := core.NewRecord(c)
		r.SetPassword(base.NewToken())
		return r
	})
	return a
}

// Bind adds the session middleware and the pages /anmelden/, /abmelden/,
// /konto/passwort/ and /redaktion/konten/.
func (a *Access) Bind(se *core.ServeEvent) {
	a.bindSessions(se)
	a.p.Route(se, "GET", "/anmelden/{$}", a.showSignIn)
	a.p.Route(se, "POST", "/anmelden/{$}", a.signIn)
	a.p.Route(se, "POST", "/abmelden/{$}", a.signOut)
	a.p.Route(se, "GET", "/konto/passwort/{$}", a.showPassword, base.Need(base.Roles...))
	a.p.Route(se, "POST", "/konto/passwort/{$}", a.changePassword, base.Need(base.Roles...))

	admin := base.Need(base.Admin)
	a.p.Route(se, "GET", "/redaktion/konten/{$}", a.listAccounts, admin)
	a.p.Route(se, "POST", "/redaktion/konten/{$}", a.addAccount, admin)
	a.p.Route(se, "GET", "/redaktion/konten/{id}/{$}", a.showAccount, admin)
	a.p.Route(se, "POST", "/redaktion/konten/{id}/{$}", a.changeAccount, admin)
	a.p.Route(se, "POST", "/redaktion/konten/{id}/passwort/{$}", a.resetPassword, admin)
}
