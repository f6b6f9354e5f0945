package gate

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// A citizen's log-in: a code by mail, then a sealed cookie.
const (
	codeLife    = 15 * time.Minute
	citizenLife = 2 * time.Hour
	citizenName = "sp_konto"
)

type citizenSession struct {
	ID    string `json:"i"`
	Until int64  `json:"u"` // Unix seconds
}

// Citizens is the id of the signed-in citizen's account, "" when nobody is.
func (g *Gate) Citizens(e *core.RequestEvent) string {
	if e.Auth != nil && e.Auth.Collection().Name == "citizens" {
		return e.Auth.Id
	}
	c, err := e.Request.Cookie(citizenName)
	var s citizenSession
	if err != nil || !g.open("citizen", c.Value, &s) || g.p.Now().Unix() >= s.Until {
		return ""
	}
	if _, err := g.p.App.FindRecordById("citizens", s.ID); err != nil { // the account was deleted
		return ""
	}
	return s.ID
}

// next is where to go after the log-in: a path of this server.
func next(form url.Values) string {
	s := form.Get("weiter")
	if len(s) > 300 || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsAny(s, "\\\r\n\t\x00") {
		return "/"
	}
	return s
}

func (g *Gate) showLogin(e *core.RequestEvent) error {
	return g.loginPage(e, http.StatusOK, "mail", url.Values{"weiter": {e.Request.URL.Query().Get("weiter")}}, nil)
}

func (g *Gate) loginPage(e *core.RequestEvent, status int, step string, form url.Values, problems content.Problems) error {
	return g.p.Show(e, status, templates, "login", base.View{
		Title: g.p.Words.In(base.Lang(e.Request), "gate.login_title"), Form: form, Problems: problems,
		Data: map[string]any{"Step": step, "Next": next(form), "SignedIn": g.Citizens(e) != ""},
	})
}

func (g *Gate) emailHash(email string) []byte { return g.hash("citizen", email) }

func normaliseEmail(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > 254 {
		return ""
	}
	return s
}

// sendCode mails a code of six digits. The page is the same whether or not there
// is an account; one is made when the code comes back.
func (g *Gate) sendCode(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	email := normaliseEmail(form.Get("email"))
	if email == "" {
		return g.loginPage(e, http.StatusUnprocessableEntity, "mail", form, content.Problems{{Field: "email", Code: "not_email"}})
	}
	now := g.p.Now()
	for _, key := range []string{"net " + base.Network(e.RealIP()), "mail " + base.Hash(email)} {
		if strings.HasPrefix(key, "net") && g.p.Exempt(e) {
			continue
		}
		if _, wait := g.mails.Take(key, now); wait > 0 {
			return base.Refuse(http.StatusTooManyRequests, "too_many_requests")
		}
	}
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return err
	}
	code := fmt.Sprintf("%06d", n)
	lang := base.Lang(e.Request)
	payload, err := json.Marshal(hooks.Mail{
		To: email, Lang: lang, Subject: g.p.Words.In(lang, "gate.login_mail_subject"),
		Text: g.p.Words.In(lang, "gate.login_mail_text", "code", code),
	})
	if err != nil {
		return err
	}
	err = g.p.App.RunInTransaction(func(tx core.App) error {
		_, err := tx.DB().NewQuery(`INSERT INTO citizen_codes (hash, code, tries, expires) VALUES ({:hash}, {:code}, 0, {:expires})
			ON CONFLICT (hash) DO UPDATE SET code = excluded.code, tries = 0, expires = excluded.expires`).Bind(dbx.Params{
			"hash": g.emailHash(email), "code": g.hash("login", email, code), "expires": now.Add(codeLife).UnixMilli(),
		}).Execute()
		if err != nil {
			return err
		}
		return g.p.PutOrder(tx, hooks.Order{
			Key: "mail:zugang:" + base.NewToken(), Provider: "mail", Kind: "mail", Subject: "zugang", Payload: payload,
		})
	})
	if err != nil {
		return err
	}
	g.p.WakeOrders()
	return g.loginPage(e, http.StatusOK, "code", form, nil)
}

// takeCode signs a citizen in. A code counts once and takes five tries at most.
func (g *Gate) takeCode(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	email, code := normaliseEmail(form.Get("email")), strings.Join(strings.Fields(form.Get("code")), "")
	right := false
	id := ""
	err = g.p.App.RunInTransaction(func(tx core.App) error {
		var row struct {
			Code  []byte `db:"code"`
			Tries int    `db:"tries"`
		}
		hash := g.emailHash(email)
		err := tx.DB().NewQuery(`SELECT code, tries FROM citizen_codes WHERE hash = {:hash} AND expires > {:now}`).
			Bind(dbx.Params{"hash": hash, "now": g.p.Now().UnixMilli()}).One(&row)
		if base.IsNoRows(err) || err == nil && row.Tries >= 5 {
			return nil
		}
		if err != nil {
			return err
		}
		if right = hmac.Equal(row.Code, g.hash("login", email, code)); !right {
			_, err = tx.DB().NewQuery(`UPDATE citizen_codes SET tries = tries + 1 WHERE hash = {:hash}`).Bind(dbx.Params{"hash": hash}).Execute()
			return err
		}
		if _, err := tx.DB().NewQuery(`DELETE FROM citizen_codes WHERE hash = {:hash}`).Bind(dbx.Params{"hash": hash}).Execute(); err != nil {
			return err
		}
		citizen, err := tx.FindAuthRecordByEmail("citizens", email)
		if base.IsNoRows(err) {
			c, err := tx.FindCollectionByNameOrId("citizens")
			if err != nil {
				return err
			}
			citizen = core.NewRecord(c)
			citizen.SetEmail(email)
			citizen.SetPassword(base.NewToken())
			citizen.SetVerified(true)
			citizen.Set("language", base.Lang(e.Request))
			if err := tx.Save(citizen); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		id = citizen.Id
		return nil
	})
	if err != nil {
		return err
	}
	if !right {
		return g.loginPage(e, http.StatusUnprocessableEntity, "code", form, content.Problems{{Field: "code", Code: "login_code_wrong"}})
	}
	g.setCookie(e, citizenName, g.seal("citizen", citizenSession{id, g.p.Now().Add(citizenLife).Unix()}), citizenLife)
	return e.Redirect(http.StatusSeeOther, next(form))
}

func (g *Gate) logOut(e *core.RequestEvent) error {
	g.setCookie(e, citizenName, "", -time.Second)
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/konto/anmelden/")
}
