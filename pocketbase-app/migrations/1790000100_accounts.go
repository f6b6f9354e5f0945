package migrations

import (
	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"
	"github.com/pocketbase/pocketbase/tools/types"
)

func init() {
	m.Register(func(app core.App) error {
		// PocketBase's sample collection is not ours.
		if users, err := app.FindCollectionByNameOrId("users"); err == nil {
			if err := app.Delete(users); err != nil {
				return err
			}
		}
		staff := core.NewAuthCollection("staff")
		staff.Fields.Add(
			&core.TextField{Name: "name", Required: true, Max: 120},
			&core.SelectField{Name: "roles", MaxSelect: 6, Values: []string{"editor", "publisher", "planner", "counter", "moderator", "admin"}},
			// Counter staff see only the cases of their partner; empty means all.
			&core.TextField{Name: "provider", Max: 80},
			&core.BoolField{Name: "disabled"},
			// Set with a one-time password: nothing opens before a new one is chosen.
			&core.BoolField{Name: "must_change"},
			&core.AutodateField{Name: "created", OnCreate: true},
			&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
		)
		self := `@request.auth.collectionName = "staff" && id = @request.auth.id`
		staff.ViewRule = types.Pointer(self)
		staff.ListRule = types.Pointer(self)
		closeAccount(staff)
		// Staff sign in at /anmelden/, where attempts are limited and sessions end.
		staff.PasswordAuth.Enabled = false
		if err := app.Save(staff); err != nil {
			return err
		}

		citizens := core.NewAuthCollection("citizens")
		citizens.Fields.Add(
			&core.TextField{Name: "name", Max: 120},
			&core.SelectField{Name: "language", MaxSelect: 1, Values: []string{"de", "en", "ls"}},
			&core.AutodateField{Name: "created", OnCreate: true},
		)
		citizens.ViewRule = types.Pointer(`@request.auth.collectionName = "citizens" && id = @request.auth.id`)
		closeAccount(citizens)
		if err := app.Save(citizens); err != nil {
			return err
		}

		devices := core.NewAuthCollection("devices")
		devices.Fields.Add(
			&core.TextField{Name: "name", Required: true, Max: 120},
			&core.SelectField{Name: "kind", MaxSelect: 1, Required: true, Values: []string{"terminal", "tablet", "display", "dokbox"}},
			&core.TextField{Name: "place", Max: 120},
			&core.BoolField{Name: "disabled"},
			&core.AutodateField{Name: "created", OnCreate: true},
		)
		closeAccount(devices)
		return app.Save(devices)
	}, nil)
}

// closeAccount shuts every way to make or change an account over the API and
// keeps e-mail addresses to superusers; disabled accounts cannot sign in.
func closeAccount(c *core.Collection) {
	c.CreateRule, c.UpdateRule, c.DeleteRule, c.ManageRule = nil, nil, nil, nil
	c.OAuth2.Enabled, c.OTP.Enabled, c.MFA.Enabled = false, false, false
	c.AuthAlert.Enabled = false
	if c.Fields.GetByName("disabled") != nil {
		c.AuthRule = types.Pointer("disabled = false")
	}
	c.AuthToken.Duration = 8 * 60 * 60 // seconds: one working day
}
