package base

import (
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// ContentSecurityPolicy of every page but PocketBase's own dashboard.
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; media-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Guard binds what protects every route: security headers, refusal of forms sent
// from other sites (Sec-Fetch-Site and Origin, as net/http's
// CrossOriginProtection does), error pages for what middlewares refuse, and
// problem documents for addresses and methods that the API does not have.
func (p *Platform) Guard(se *core.ServeEvent) {
	p.Route(se, "", APIRoot+"{path...}", p.api.refuse)
	cross := http.NewCrossOriginProtection()
	se.Router.Bind(&hook.Handler[*core.RequestEvent]{
		Id:       "servicepointGuard",
		Priority: -2000, // outside PocketBase's own middlewares, to map their errors
		Func: func(e *core.RequestEvent) error {
			path := e.Request.URL.Path
			own := !strings.HasPrefix(path, "/_/") && (!strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, APIRoot))
			h := e.Response.Header()
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
			h.Set("Permissions-Policy", "camera=(self), geolocation=(self), microphone=()")
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
			if own {
				h.Set("Content-Security-Policy", ContentSecurityPolicy)
				if err := cross.Check(e.Request); err != nil {
					return p.Fail(e, Refuse(http.StatusForbidden, "cross_origin"))
				}
			}
			err := e.Next()
			if own {
				return p.failed(e, err)
			}
			return err
		},
	})
}
