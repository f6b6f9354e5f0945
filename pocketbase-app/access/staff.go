package access

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// Lengths of passwords: at least 12 characters, at most the 72 bytes that
// bcrypt reads.
const (
	minPassword = 12
	maxPassword = 72
)

// CreateStaff makes an account. It returns content.Problems when something is
// wrong with the input; an address that has an account is the problem "taken".
func CreateStaff(app core.App, email, name, password string, roles []string) (*core.Record, error) {
	email, name = strings.ToLower(strings.TrimSpace(email)), strings.TrimSpace(name)
	problems := checkAccount(email, name, roles)
	problems = append(problems, checkPassword("password", password)...)
	if _, err := app.FindAuthRecordByEmail("staff", email); err == nil {
		problems.Add("email", "taken")
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	c, err := app.FindCollectionByNameOrId("staff")
	if err != nil {
		return nil, err
	}
	staff := core.NewRecord(c)
	staff.SetEmail(email)
	staff.SetPassword(password)
	staff.SetVerified(true)
	staff.Set("name", name)
	staff.Set("roles", roles)
	if err := app.Save(staff); err != nil {
		return nil, fmt.Errorf("new account: %w", err)
	}
	return staff, nil
}

func checkAccount(email, name string, roles []string) content.Problems {
	var problems content.Problems
	if parsed, err := mail.ParseAddress(email); err != nil || parsed.Address != email || len(email) > 250 {
		problems.Add("email", "not_email")
	}
	switch {
	case name == "":
		problems.Add("name", "required")
	case utf8.RuneCountInString(name) > 120:
		problems.Add("name", "too_long", "max", 120)
	}
	return append(problems, checkRoles(roles)...)
}

func checkRoles(roles []string) content.Problems {
	var problems content.Problems
	if len(roles) == 0 {
		problems.Add("roles", "required")
	}
	for _, r := range roles {
		if !slices.Contains(base.Roles, r) {
			problems.Add("roles", "unknown_option")
			break
		}
	}
	return problems
}

func checkPassword(field, password string) content.Problems {
	var problems content.Problems
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		problems.Add(field, "too_short", "min", minPassword)
	case len(password) > maxPassword:
		problems.Add(field, "too_long", "max", maxPassword)
	}
	return problems
}

const demoDomain = "service-point.example"

// Login is an account of the demo, for the text shown at the start.
type Login struct {
	Email    string
	Password string
	Roles    []string
}

var demoStaff = []struct {
	login Login
	name  string
}{
	{Login{"redaktion@" + demoDomain, "demo-passwort-redaktion", []string{base.Editor, base.Publisher}}, "Rena Redaktion"},
	{Login{"autor@" + demoDomain, "demo-passwort-autor", []string{base.Editor}}, "Arno Autor"},
	{Login{"planung@" + demoDomain, "demo-passwort-planung", []string{base.Planner}}, "Paula Planung"},
	{Login{"schalter@" + demoDomain, "demo-passwort-schalter", []string{base.Counter}}, "Sami Schalter"},
	{Login{"moderation@" + demoDomain, "demo-passwort-moderation", []string{base.Moderator}}, "Mona Moderation"},
	{Login{"admin@" + demoDomain, "demo-passwort-admin", []string{base.Admin}}, "Adem Admin"},
}

// SeedDemo makes one account per role with known passwords; accounts that exist
// are left as they are. Outside the demo it refuses, and the accounts it made
// there before cannot sign in.
func (a *Access) SeedDemo(ctx context.Context) ([]Login, error) {
	if !a.p.Demo {
		return nil, errors.New("access: demo accounts exist only with --demo")
	}
	var logins []Login
	for _, d := range demoStaff {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		logins = append(logins, d.login)
		if _, err := a.p.App.FindAuthRecordByEmail("staff", d.login.Email); err == nil {
			continue
		}
		if _, err := CreateStaff(a.p.App, d.login.Email, d.name, d.login.Password, d.login.Roles); err != nil {
			return nil, fmt.Errorf("demo account %s: %w", d.login.Email, err)
		}
	}
	return logins, nil
}
