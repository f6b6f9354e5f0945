package base

import (
	"net/http"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// APIRoot is where the public API begins. PocketBase's own API is beside it.
const APIRoot = "/api/v1/"

// apiCORS lets scripts of every site read the API, without cookies. What they
// may not do is write: [Platform.Guard] refuses it, and the preflight says so.
var apiCORS = func() *hook.Handler[*core.RequestEvent] {
	h := apis.CORS(apis.CORSConfig{
		AllowOrigins:  []string{"*"},
		AllowMethods:  []string{http.MethodGet, http.MethodHead},
		AllowHeaders:  []string{"Accept-Language", "Authorization", "If-None-Match"},
		ExposeHeaders: []string{"Content-Language", "ETag", "Retry-After"},
		MaxAge:        24 * 60 * 60,
	})
	h.Id = "servicepointCORS"
	return h
}()

// apiRoutes remembers which methods each path of the API has.
type apiRoutes struct {
	mux     *http.ServeMux
	methods map[string][]string // pattern → methods
}

func newAPIRoutes() apiRoutes {
	return apiRoutes{mux: http.NewServeMux(), methods: map[string][]string{}}
}

func (a apiRoutes) add(method, pattern string) {
	if len(a.methods[pattern]) == 0 {
		a.mux.Handle(pattern, http.NotFoundHandler())
	}
	if !slices.Contains(a.methods[pattern], method) {
		a.methods[pattern] = append(a.methods[pattern], method)
	}
}

// refuse answers what no route of the API takes: 405 with Allow for a path that
// there is, else 404.
func (a apiRoutes) refuse(e *core.RequestEvent) error {
	_, pattern := a.mux.Handler(e.Request)
	methods := slices.Clone(a.methods[pattern])
	if len(methods) == 0 {
		return ErrNotFound
	}
	if slices.Contains(methods, http.MethodGet) {
		methods = append(methods, http.MethodHead)
	}
	slices.Sort(methods)
	e.Response.Header().Set("Allow", strings.Join(methods, ", "))
	return Refuse(http.StatusMethodNotAllowed, "method_not_allowed")
}
