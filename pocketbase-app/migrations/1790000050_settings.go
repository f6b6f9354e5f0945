package migrations

import (
	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"
)

func init() {
	m.Register(func(app core.App) error {
		s := app.Settings()
		s.Meta.AppName = "Kassel Service Point"
		s.Meta.HideControls = true // collections change by migrations only
		s.Logs.LogIP = false
		s.Logs.LogAuthId = false
		s.Logs.MaxDays = 14
		s.Batch.Enabled = false
		// Per address and rule. A library or the counter's terminals share one
		// address, so the limits stop floods, not people.
		s.RateLimits.Enabled = true
		s.RateLimits.Rules = []core.RateLimitRule{
			{Label: "*:auth", MaxRequests: 5, Duration: 10},
			{Label: "POST /anmelden/", MaxRequests: 20, Duration: 60},
			{Label: "/api/v1/", MaxRequests: 600, Duration: 10},
			{Label: "/api/", MaxRequests: 300, Duration: 10},
			{Label: "POST /", MaxRequests: 600, Duration: 60},
		}
		return app.Save(s)
	}, nil)
}
