package access

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

const passwordPath = "/konto/passwort/"

func (a *Access) word(key string) string { return a.p.Words.In(content.German, key) }

// account is one line of the page of accounts.
type account struct {
	ID, Name, Email, Provider string
	Roles                     []string
	Disabled, Self            bool
}

func asAccount(r *core.Record, self string) account {
	return account{
		ID: r.Id, Name: r.GetString("name"), Email: r.Email(), Provider: r.GetString("provider"),
		Roles: r.GetStringSlice("roles"), Disabled: r.GetBool("disabled"), Self: r.Id == self,
	}
}

// accountsPage is what the templates of the administrators' pages see.
type accountsPage struct {
	Accounts []account
	Account  account
	Roles    []string
	Password string // one-time, shown once
}

func (a *Access) listAccounts(e *core.RequestEvent) error {
	return a.accountsPage(e, http.StatusOK, nil, nil)
}

func (a *Access) accountsPage(e *core.RequestEvent, status int, form url.Values, problems content.Problems) error {
	records, err := a.p.App.FindRecordsByFilter("staff", "", "disabled,name", 500, 0)
	if err != nil {
		return err
	}
	page := accountsPage{Roles: base.Roles}
	for _, r := range records {
		page.Accounts = append(page.Accounts, asAccount(r, e.Auth.Id))
	}
	return a.p.Show(e, status, templates, "accounts", base.View{
		Title: a.word("staff.access.accounts"), Data: page, Form: form, Problems: problems,
	})
}

// addAccount makes an account with a one-time password, shown on the answer and
// nowhere else.
func (a *Access) addAccount(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	password := base.NewToken()
	var staff *core.Record
	err = a.p.App.RunInTransaction(func(tx core.App) error {
		if staff, err = CreateStaff(tx, form.Get("email"), form.Get("name"), password, form["roles"]); err != nil {
			return err
		}
		staff.Set("must_change", true)
		return tx.Save(staff)
	})
	var problems content.Problems
	if errors.As(err, &problems) {
		return a.accountsPage(e, http.StatusUnprocessableEntity, form, problems)
	}
	if err != nil {
		return err
	}
	return a.showOneTime(e, staff, password)
}

func (a *Access) showOneTime(e *core.RequestEvent, staff *core.Record, password string) error {
	return a.p.Show(e, http.StatusOK, templates, "onetime", base.View{
		Title: a.word("staff.access.one_time"),
		Data:  accountsPage{Account: asAccount(staff, e.Auth.Id), Password: password},
	})
}

func (a *Access) showAccount(e *core.RequestEvent) error {
	staff, err := a.find(e)
	if err != nil {
		return err
	}
	form := url.Values{"roles": staff.GetStringSlice("roles"), "provider": {staff.GetString("provider")}}
	if staff.GetBool("disabled") {
		form.Set("disabled", "ja")
	}
	return a.accountPage(e, http.StatusOK, staff, form, nil)
}

func (a *Access) accountPage(e *core.RequestEvent, status int, staff *core.Record, form url.Values, problems content.Problems) error {
	return a.p.Show(e, status, templates, "account", base.View{
		Title: a.word("staff.access.account"), Form: form, Problems: problems,
		Data: accountsPage{Account: asAccount(staff, e.Auth.Id), Roles: base.Roles},
	})
}

// changeAccount sets roles, partner and whether the account is disabled, and
// ends the person's sessions and tokens. Administrators cannot shut themselves out.
func (a *Access) changeAccount(e *core.RequestEvent) error {
	staff, err := a.find(e)
	if err != nil {
		return err
	}
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	roles, disabled, provider := form["roles"], form.Get("disabled") == "ja", form.Get("provider")
	problems := checkRoles(roles)
	if provider != "" && !content.IsSlug(provider) {
		problems.Add("provider", "not_slug")
	}
	if staff.Id == e.Auth.Id && (disabled || !slices.Contains(roles, base.Admin)) {
		problems.Add("roles", "own_account")
	}
	if len(problems) > 0 {
		return a.accountPage(e, http.StatusUnprocessableEntity, staff, form, problems)
	}
	err = a.changeAndEnd(staff.Id, func(staff *core.Record) {
		staff.Set("roles", roles)
		staff.Set("provider", provider)
		staff.Set("disabled", disabled)
	})
	if err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/redaktion/konten/")
}

func (a *Access) resetPassword(e *core.RequestEvent) error {
	staff, err := a.find(e)
	if err != nil {
		return err
	}
	password := base.NewToken()
	err = a.changeAndEnd(staff.Id, func(staff *core.Record) {
		staff.SetPassword(password)
		staff.Set("must_change", true)
	})
	if err != nil {
		return err
	}
	return a.showOneTime(e, staff, password)
}

// changeAndEnd changes an account and ends its sessions and tokens in one transaction.
func (a *Access) changeAndEnd(id string, change func(*core.Record)) error {
	return a.p.App.RunInTransaction(func(tx core.App) error {
		staff, err := tx.FindRecordById("staff", id)
		if err != nil {
			return err
		}
		change(staff)
		staff.RefreshTokenKey()
		if err := tx.Save(staff); err != nil {
			return err
		}
		return endSessions(tx, id)
	})
}

func (a *Access) find(e *core.RequestEvent) (*core.Record, error) {
	staff, err := a.p.App.FindRecordById("staff", e.Request.PathValue("id"))
	if base.IsNoRows(err) {
		return nil, base.ErrNotFound
	}
	return staff, err
}

func (a *Access) showPassword(e *core.RequestEvent) error {
	return a.passwordPage(e, http.StatusOK, nil)
}

func (a *Access) passwordPage(e *core.RequestEvent, status int, problems content.Problems) error {
	return a.p.Show(e, status, templates, "password", base.View{Title: a.word("staff.access.password"), Problems: problems})
}

// changePassword sets one's own password, ends all one's sessions and starts a new one.
func (a *Access) changePassword(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	account := "password:" + e.Auth.Id
	if !a.attempts.take(account, perAccount, a.p.Now()) {
		return base.Refuse(http.StatusTooManyRequests, "too_many_requests")
	}
	old, next := form.Get("password"), form.Get("new_password")
	problems := checkPassword("new_password", next)
	if !e.Auth.ValidatePassword(old) {
		problems.Add("password", "wrong_password")
	} else if old == next {
		problems.Add("new_password", "same_password")
	}
	if len(problems) > 0 {
		return a.passwordPage(e, http.StatusUnprocessableEntity, problems)
	}
	a.attempts.clear(account)
	err = a.changeAndEnd(e.Auth.Id, func(staff *core.Record) {
		staff.SetPassword(next)
		staff.Set("must_change", false)
	})
	if err != nil {
		return err
	}
	e.Auth.Set("must_change", false)
	if err := a.begin(e, e.Auth); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, a.afterSignIn(e.Auth, ""))
}
