package base

import (
	"net/http"
	"strings"

	"servicepoint/content"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
)

// Handler answers one request; a returned error is answered by [Platform.Fail].
type Handler func(e *core.RequestEvent) error

// Route binds one route of staff pages or the API. Path is a ServeMux path
// ("/redaktion/{$}"); the middlewares run first. Requests are not logged, not
// even those that the rate limit refuses: logs hold no trace of who answered
// what and when. [Platform.Fail] logs what nobody foresaw.
func (p *Platform) Route(se *core.ServeEvent, method, path string, h Handler, middlewares ...func(*core.RequestEvent) error) {
	route := se.Router.Route(method, path, func(e *core.RequestEvent) error { return p.failed(e, h(e)) })
	for _, m := range middlewares {
		route.BindFunc(func(e *core.RequestEvent) error { return p.failed(e, m(e)) })
	}
	route.Unbind(apis.DefaultActivityLoggerMiddlewareId)
}

func (p *Platform) failed(e *core.RequestEvent, err error) error {
	if err == nil {
		return nil
	}
	return p.Fail(e, err)
}

// RoutePublic binds a route of public pages in every language: the path itself
// is German, and it is bound again below /en and /ls. [Lang] tells the handler.
func (p *Platform) RoutePublic(se *core.ServeEvent, method, path string, h Handler) {
	for _, lang := range content.Languages {
		p.Route(se, method, Prefix(lang)+path, h)
	}
}

// Prefix is what addresses in a language begin with: "" for German.
func Prefix(lang string) string {
	if lang == content.German {
		return ""
	}
	return "/" + lang
}

// Lang is the language of the page asked for, told by its address.
func Lang(r *http.Request) string {
	for _, lang := range content.Languages {
		if lang != content.German && (strings.HasPrefix(r.URL.Path, "/"+lang+"/") || r.URL.Path == "/"+lang) {
			return lang
		}
	}
	return content.German
}

// AcceptedLanguage picks the language for API answers from Accept-Language:
// English when it is asked for before German, else German.
func AcceptedLanguage(r *http.Request) string {
	for part := range strings.SplitSeq(strings.ToLower(r.Header.Get("Accept-Language")), ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		switch {
		case tag == "de-simple":
			return content.Easy
		case tag == "de" || strings.HasPrefix(tag, "de-"):
			return content.German
		case tag == "en" || strings.HasPrefix(tag, "en-"):
			return content.English
		}
	}
	return content.German
}
