package base

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// Roles of staff. One person may have several.
const (
	Editor    = "editor"    // writes guides, events, surveys
	Publisher = "publisher" // puts them on the site and takes them off
	Planner   = "planner"   // reads counts and downloads sheets
	Counter   = "counter"   // answers cases and sees bookings
	Moderator = "moderator" // reviews what citizens wrote
	Admin     = "admin"     // accounts, settings, orders
)

// Roles lists all roles.
var Roles = []string{Editor, Publisher, Planner, Counter, Moderator, Admin}

// Staff returns the signed-in member of staff or nil. Citizens, devices and
// superusers are not staff.
func Staff(e *core.RequestEvent) *core.Record {
	if e.Auth == nil || e.Auth.Collection().Name != "staff" {
		return nil
	}
	return e.Auth
}

// HasRole reports whether staff has one of the roles.
func HasRole(staff *core.Record, roles ...string) bool {
	if staff == nil {
		return false
	}
	have := staff.GetStringSlice("roles")
	return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(have, r) })
}

// Need returns a middleware that lets only staff with one of the roles pass.
// Others get 403; who is not signed in is sent to the log-in page (303), or
// gets 401 under /api/.
func Need(roles ...string) func(*core.RequestEvent) error {
	return func(e *core.RequestEvent) error {
		staff := Staff(e)
		switch {
		case staff == nil && strings.HasPrefix(e.Request.URL.Path, "/api/"):
			return ErrUnauthorized
		case staff == nil:
			return e.Redirect(http.StatusSeeOther, "/anmelden/?weiter="+url.QueryEscape(e.Request.URL.RequestURI()))
		case !HasRole(staff, roles...):
			return ErrForbidden
		}
		e.Response.Header().Set("Cache-Control", "no-store")
		return e.Next()
	}
}
