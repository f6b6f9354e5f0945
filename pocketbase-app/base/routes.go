package base

import (
	"net/http"
	"strconv"
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
// what and when. [Platform.Fail] logs what nobody foresaw. Scripts of other
// sites may read routes below [APIRoot], and nothing else. Pages
// of such routes are in German only.
func (p *Platform) Route(se *core.ServeEvent, method, path string, h Handler, middlewares ...func(*core.RequestEvent) error) {
	if method != "" {
		p.german[method+" "+path] = true
	}
	p.bind(se, method, path, h, middlewares...)
}

func (p *Platform) bind(se *core.ServeEvent, method, path string, h Handler, middlewares ...func(*core.RequestEvent) error) {
	route := se.Router.Route(method, path, func(e *core.RequestEvent) error { return p.failed(e, h(e)) })
	for _, m := range middlewares {
		route.BindFunc(func(e *core.RequestEvent) error { return p.failed(e, m(e)) })
	}
	route.Unbind(apis.DefaultActivityLoggerMiddlewareId, apis.DefaultCorsMiddlewareId)
	if strings.HasPrefix(path, APIRoot) {
		route.Bind(apiCORS)
		if method != "" {
			p.api.add(method, path)
		}
	}
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
		p.bind(se, method, Prefix(lang)+path, h)
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

// AcceptedLanguage picks the language for API answers from Accept-Language (RFC
// 9110, 12.5.4): the one of ours with the greatest weight, the first of equals,
// German when none is asked for.
func AcceptedLanguage(r *http.Request) string {
	best, weight := content.German, 0.0
	for part := range strings.SplitSeq(strings.ToLower(r.Header.Get("Accept-Language")), ",") {
		tag, param, _ := strings.Cut(strings.TrimSpace(part), ";")
		lang := ""
		switch tag = strings.TrimSpace(tag); {
		case tag == "de-simple":
			lang = content.Easy
		case tag == "de" || strings.HasPrefix(tag, "de-"):
			lang = content.German
		case tag == "en" || strings.HasPrefix(tag, "en-"):
			lang = content.English
		default:
			continue
		}
		q := 1.0
		if s, ok := strings.CutPrefix(strings.TrimSpace(param), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(s, 64); err != nil {
				continue
			}
		}
		if q > weight && q <= 1 {
			best, weight = lang, q
		}
	}
	return best
}
