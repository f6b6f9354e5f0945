package access

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// A session ends after a time without requests and after a working day at the latest.
const (
	cookieName = "sp_session"
	idle       = 8 * time.Hour
	absolute   = 12 * time.Hour
	seenStep   = 5 * time.Minute // how exactly "last seen" is kept: one write per step
)

// bindSessions adds two middlewares around PocketBase's loadAuthToken: before it
// the cookie becomes e.Auth, after it accounts that are disabled become nobody.
func (a *Access) bindSessions(se *core.ServeEvent) {
	se.Router.Bind(&hook.Handler[*core.RequestEvent]{
		Id:       "servicepointSession",
		Priority: apis.DefaultLoadAuthTokenMiddlewarePriority - 1,
		Func: func(e *core.RequestEvent) error {
			if e.Auth == nil && opensWithCookie(e.Request) {
				staff, err := a.fromCookie(e)
				if err != nil {
					return err
				}
				e.Auth = staff
			}
			return e.Next()
		},
	})
	se.Router.Bind(&hook.Handler[*core.RequestEvent]{
		Id:       "servicepointDisabled",
		Priority: apis.DefaultLoadAuthTokenMiddlewarePriority + 1,
		Func: func(e *core.RequestEvent) error {
			if e.Auth != nil && e.Auth.GetBool("disabled") {
				e.Auth = nil
			}
			return e.Next()
		},
	})
}

// opensWithCookie leaves requests with a token alone, and PocketBase's own API:
// there a cookie could be turned into a token that outlives the session.
func opensWithCookie(r *http.Request) bool {
	if r.Header.Get("Authorization") != "" {
		return false
	}
	path := r.URL.Path
	return (!strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/api/v1/")) && !strings.HasPrefix(path, "/_/")
}

// fromCookie finds the person of a session; nil when there is none. Who must
// change a one-time password is somebody only on the pages for that.
func (a *Access) fromCookie(e *core.RequestEvent) (*core.Record, error) {
	cookie, err := e.Request.Cookie(cookieName)
	if err != nil || cookie.Value == "" {
		return nil, nil
	}
	var s struct {
		Staff   string `db:"staff"`
		Seen    int64  `db:"seen"`
		Expires int64  `db:"expires"`
	}
	hash, now := base.Hash(cookie.Value), a.p.Now()
	err = a.p.App.DB().NewQuery(`SELECT staff, seen, expires FROM sessions WHERE hash = {:hash}`).
		Bind(dbx.Params{"hash": hash}).WithContext(e.Request.Context()).One(&s)
	if base.IsNoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if now.UnixMilli() >= s.Expires || now.UnixMilli()-s.Seen >= idle.Milliseconds() {
		return nil, nil // Sweep deletes it
	}
	staff, err := a.p.App.FindRecordById("staff", s.Staff)
	if err != nil || staff.GetBool("disabled") {
		return nil, nil
	}
	if staff.GetBool("must_change") && !openBeforeChange(e.Request.URL.Path) {
		return nil, nil
	}
	if now.UnixMilli()-s.Seen > seenStep.Milliseconds() {
		_, err = a.p.App.NonconcurrentDB().NewQuery(`UPDATE sessions SET seen = {:now} WHERE hash = {:hash}`).
			Bind(dbx.Params{"now": now.UnixMilli(), "hash": hash}).Execute()
	}
	return staff, err
}

func openBeforeChange(path string) bool {
	return path == "/anmelden/" || path == "/abmelden/" || path == passwordPath
}

// begin starts a session for staff and ends the one the request came with: the
// token is always new, so a token planted before the log-in opens nothing.
func (a *Access) begin(e *core.RequestEvent, staff *core.Record) error {
	b := make([]byte, 32)
	rand.Read(b)
	token, now := base64.RawURLEncoding.EncodeToString(b), a.p.Now()
	err := a.p.App.RunInTransaction(func(tx core.App) error {
		if err := endSession(tx, e.Request); err != nil {
			return err
		}
		_, err := tx.DB().NewQuery(`INSERT INTO sessions (hash, staff, created, seen, expires)
			VALUES ({:hash}, {:staff}, {:now}, {:now}, {:expires})`).Bind(dbx.Params{
			"hash": base.Hash(token), "staff": staff.Id, "now": now.UnixMilli(), "expires": now.Add(absolute).UnixMilli(),
		}).Execute()
		return err
	})
	if err != nil {
		return err
	}
	a.setCookie(e, token, int(absolute.Seconds()))
	return nil
}

func endSession(tx core.App, r *http.Request) error {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	_, err = tx.NonconcurrentDB().NewQuery(`DELETE FROM sessions WHERE hash = {:hash}`).
		Bind(dbx.Params{"hash": base.Hash(cookie.Value)}).Execute()
	return err
}

// endSessions ends every session of one person; call it in the transaction that
// changes what the person may do.
func endSessions(tx core.App, staff string) error {
	_, err := tx.NonconcurrentDB().NewQuery(`DELETE FROM sessions WHERE staff = {:staff}`).
		Bind(dbx.Params{"staff": staff}).Execute()
	return err
}

func (a *Access) setCookie(e *core.RequestEvent, token string, maxAge int) {
	http.SetCookie(e.Response, &http.Cookie{
		Name: cookieName, Value: token, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: e.IsTLS() || strings.HasPrefix(a.p.Origin, "https://"),
	})
}

// Sweep deletes sessions that have ended and tells how many.
func (a *Access) Sweep(ctx context.Context) (int64, error) {
	now := a.p.Now()
	res, err := a.p.App.NonconcurrentDB().NewQuery(`DELETE FROM sessions WHERE expires <= {:now} OR seen <= {:idle}`).
		Bind(dbx.Params{"now": now.UnixMilli(), "idle": now.Add(-idle).UnixMilli()}).WithContext(ctx).Execute()
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
