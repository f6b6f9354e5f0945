package base

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"servicepoint/content"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Error is a refusal that people may read. Code is stable and is the key of the
// sentences "error.<code>.title" and "error.<code>.text" in the words.
type Error struct {
	Status   int
	Code     string
	Args     []any            // pairs for the gaps of the sentences
	Problems content.Problems // fields at fault
}

func (e *Error) Error() string {
	if len(e.Problems) > 0 {
		return e.Code + ": " + e.Problems.Error()
	}
	return e.Code
}

// Refuse makes an [Error]; args are pairs for the gaps of its sentences.
func Refuse(status int, code string, args ...any) *Error {
	return &Error{Status: status, Code: code, Args: args}
}

// The refusals that every matter needs.
var (
	ErrNotFound     = Refuse(http.StatusNotFound, "not_found")
	ErrForbidden    = Refuse(http.StatusForbidden, "forbidden")
	ErrUnauthorized = Refuse(http.StatusUnauthorized, "unauthorized")
)

// Problem is an RFC 9457 problem document.
type Problem struct {
	Type     string         `json:"type"` // "/probleme/<code>"
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail,omitempty"`
	Instance string         `json:"instance,omitempty"`
	Errors   []ProblemField `json:"errors,omitempty"`
}

// ProblemField is one field at fault, extension member "errors" of [Problem].
type ProblemField struct {
	Pointer string `json:"pointer"` // JSON Pointer (RFC 6901) into the body, as a URI fragment
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

// asRefusal gives every error a status and a code. What nobody foresaw is 500.
func asRefusal(err error) *Error {
	var refusal *Error
	if errors.As(err, &refusal) {
		return refusal
	}
	var problems content.Problems
	if errors.As(err, &problems) {
		return &Error{Status: http.StatusUnprocessableEntity, Code: "invalid", Problems: problems}
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return Refuse(http.StatusRequestEntityTooLarge, "body_too_large")
	}
	var database *sqlite.Error
	if errors.As(err, &database) && database.Code()&0xff == sqlite3.SQLITE_BUSY {
		return Refuse(http.StatusServiceUnavailable, "busy") // another process holds the write lock
	}
	var api *router.ApiError
	if errors.As(err, &api) {
		switch api.Status {
		case http.StatusNotFound:
			return ErrNotFound
		case http.StatusTooManyRequests:
			return Refuse(http.StatusTooManyRequests, "too_many_requests")
		case http.StatusRequestEntityTooLarge:
			return Refuse(http.StatusRequestEntityTooLarge, "body_too_large")
		case http.StatusUnauthorized:
			return ErrUnauthorized
		case http.StatusForbidden:
			return ErrForbidden
		case http.StatusBadRequest:
			return Refuse(http.StatusBadRequest, "bad_request")
		}
	}
	return Refuse(http.StatusInternalServerError, "internal")
}

// Fail answers a request with an error: a problem document under /api/ and /webhooks/, a page
// in the visitor's language elsewhere. It is the one place where errors become
// HTTP; errors that nobody foresaw are logged (without the request's content).
func (p *Platform) Fail(e *core.RequestEvent, err error) error {
	if err == nil || e.Written() {
		return err
	}
	refusal := asRefusal(err)
	if refusal.Status >= 500 {
		p.App.Logger().Error("request failed", "route", e.Request.Pattern, "error", err.Error())
	}
	tryAgain := refusal.Status == http.StatusTooManyRequests || refusal.Status == http.StatusServiceUnavailable
	if tryAgain && e.Response.Header().Get("Retry-After") == "" {
		e.Response.Header().Set("Retry-After", "10")
	}
	e.Response.Header().Set("Cache-Control", "no-store")
	if path := e.Request.URL.Path; strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/webhooks/") {
		return p.writeProblem(e, refusal)
	}
	return p.writeErrorPage(e, refusal)
}

func (p *Platform) writeProblem(e *core.RequestEvent, refusal *Error) error {
	lang := AcceptedLanguage(e.Request)
	doc := Problem{
		Type:     "/probleme/" + refusal.Code,
		Title:    p.Words.In(lang, "error."+refusal.Code+".title", refusal.Args...),
		Status:   refusal.Status,
		Detail:   p.Words.In(lang, "error."+refusal.Code+".text", refusal.Args...),
		Instance: e.Request.URL.EscapedPath(),
	}
	for _, q := range refusal.Problems {
		doc.Errors = append(doc.Errors, ProblemField{
			Pointer: pointer(q.Field),
			Code:    q.Code,
			Detail:  p.Words.Say(lang, q),
		})
	}
	e.Response.Header().Set("Content-Language", content.Locale(lang))
	e.Response.Header().Set("Content-Type", "application/problem+json")
	e.Response.WriteHeader(refusal.Status)
	return json.NewEncoder(e.Response).Encode(doc)
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1", ".", "/")

// pointer is a field's path ("answers.use") as a JSON Pointer in a URI fragment
// (RFC 6901, 6): "#/answers/use".
func pointer(field string) string {
	u := url.URL{Fragment: "/" + pointerEscapes.Replace(field)}
	return u.String()
}
