package access

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

func (a *Access) showSignIn(e *core.RequestEvent) error {
	next := localPath(e.Request.URL.Query().Get("weiter"))
	if staff := base.Staff(e); staff != nil {
		return e.Redirect(http.StatusSeeOther, a.afterSignIn(staff, next))
	}
	return a.signInPage(e, http.StatusOK, url.Values{"weiter": {next}}, nil)
}

func (a *Access) signInPage(e *core.RequestEvent, status int, form url.Values, problems content.Problems) error {
	form.Del("password") // never shown again
	return a.p.Show(e, status, templates, "signin", base.View{
		Title: a.p.Words.In(content.German, "staff.access.sign_in"), Form: form, Problems: problems,
	})
}

// signIn checks a pair of e-mail address and password. Whatever is wrong with
// it, the answer is the same sentence after the same time.
func (a *Access) signIn(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	email := strings.ToLower(strings.TrimSpace(form.Get("email")))
	password := form.Get("password")
	var problems content.Problems
	if email == "" {
		problems.Add("email", "required")
	}
	if password == "" {
		problems.Add("password", "required")
	}
	if len(problems) > 0 {
		return a.signInPage(e, http.StatusUnprocessableEntity, form, problems)
	}
	address, account := "address:"+base.Network(e.RealIP()), "account:"+base.Hash(email)
	exempt := a.p.Exempt(e)
	now := a.p.Now()
	if !exempt && !a.attempts.take(address, perAddress, now) {
		return a.tooMany(e, form)
	}
	if !a.attempts.take(account, perAccount, now) {
		return a.tooMany(e, form)
	}
	staff := a.check(email, password)
	if staff == nil {
		pause(e, a.Delay)
		return a.signInPage(e, http.StatusUnprocessableEntity, form, content.Problems{{Field: "email", Code: "sign_in"}})
	}
	a.attempts.giveBack(address)
	a.attempts.clear(account)
	if err := a.begin(e, staff); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, a.afterSignIn(staff, localPath(form.Get("weiter"))))
}

// check returns the member of staff that a pair belongs to, nil for any other
// pair. Only the collection staff is looked at: superusers, citizens and
// devices have no way in here. Accounts of the demo, whose passwords are known,
// are shut outside of it.
func (a *Access) check(email, password string) *core.Record {
	staff, err := a.p.App.FindAuthRecordByEmail("staff", email)
	if err != nil || len(password) > maxPassword {
		if nobody := a.nobody(); nobody != nil {
			nobody.ValidatePassword(password)
		}
		return nil
	}
	right := staff.ValidatePassword(password)
	if !right || staff.GetBool("disabled") || (!a.p.Demo && strings.HasSuffix(email, "@"+demoDomain)) {
		return nil
	}
	return staff
}

func (a *Access) tooMany(e *core.RequestEvent, form url.Values) error {
	e.Response.Header().Set("Retry-After", "900")
	return a.signInPage(e, http.StatusTooManyRequests, form, content.Problems{{Field: "email", Code: "too_many_attempts"}})
}

func (a *Access) signOut(e *core.RequestEvent) error {
	if err := endSession(a.p.App, e.Request); err != nil {
		return err
	}
	a.setCookie(e, "", -1)
	e.Response.Header().Set("Clear-Site-Data", `"cache", "cookies", "storage"`)
	return e.Redirect(http.StatusSeeOther, "/anmelden/")
}

// afterSignIn is where a person goes: to a new password if that is due, to the
// page asked for, or to the first area the roles open.
func (a *Access) afterSignIn(staff *core.Record, next string) string {
	switch {
	case staff.GetBool("must_change"):
		return passwordPath
	case next != "":
		return next
	case base.HasRole(staff, base.Editor, base.Publisher, base.Moderator, base.Admin):
		return "/redaktion/"
	case base.HasRole(staff, base.Counter):
		return "/schalter/"
	case base.HasRole(staff, base.Planner):
		return "/planung/"
	}
	return passwordPath
}

// localPath lets only paths of this server through; anything else is "".
func localPath(s string) string {
	if len(s) > 500 || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsAny(s, "\\\x00\r\n\t") {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || strings.HasPrefix(u.Path, "//") || strings.HasPrefix(u.Path, "/anmelden") {
		return ""
	}
	return s
}

func pause(e *core.RequestEvent, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-e.Request.Context().Done():
	}
}
