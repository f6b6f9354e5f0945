package booking

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"
)

// Bounds of a booking.
const (
	MaxPlaces = 10  // places in one booking
	MaxName   = 120 // characters
	MaxEmail  = 254 // characters, RFC 5321
)

// Request is what a citizen sends to book places. Pool may be empty when the
// event has only one.
type Request struct {
	Name   string
	Email  string
	Places int
	Pool   string
}

// readJSON reads the body of an API call.
func readJSON(w http.ResponseWriter, r *http.Request) (Request, error) {
	var body struct {
		Name   string `json:"name"`
		Email  string `json:"email"`
		Places *int   `json:"places"`
		Pool   string `json:"pool"`
	}
	if _, err := base.DecodeJSON(w, r, &body); err != nil {
		return Request{}, err
	}
	req := Request{Name: body.Name, Email: body.Email, Places: 1, Pool: body.Pool}
	if body.Places != nil {
		req.Places = *body.Places
	}
	return req.checked(nil)
}

// readForm reads the values of the page's form.
func readForm(values url.Values) (Request, error) {
	req := Request{Name: values.Get("name"), Email: values.Get("email"), Places: 1, Pool: values.Get("pool")}
	var problems content.Problems
	if s := strings.TrimSpace(values.Get("places")); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			problems.Add("places", "not_integer")
			n = 1
		}
		req.Places = n
	}
	return req.checked(problems)
}

// checked trims the request and returns everything wrong with it, in the order
// of the form.
func (r Request) checked(places content.Problems) (Request, error) {
	r.Name, r.Email, r.Pool = strings.TrimSpace(r.Name), strings.TrimSpace(r.Email), strings.TrimSpace(r.Pool)
	var problems content.Problems
	if len(r.Pool) > 80 {
		problems.Add("pool", "unknown_option")
	}
	problems = append(problems, places...)
	if r.Places < 1 {
		problems.Add("places", "too_small", "min", 1)
	} else if r.Places > MaxPlaces {
		problems.Add("places", "too_large", "max", MaxPlaces)
	}
	switch {
	case r.Name == "":
		problems.Add("name", "required")
	case utf8.RuneCountInString(r.Name) > MaxName:
		problems.Add("name", "too_long", "max", MaxName)
	case !isLine(r.Name) || !content.IsName(r.Name):
		problems.Add("name", "not_text")
	}
	switch {
	case r.Email == "":
		problems.Add("email", "required")
	case len(r.Email) > MaxEmail:
		problems.Add("email", "too_long", "max", MaxEmail)
	case !isEmail(r.Email):
		problems.Add("email", "not_email")
	}
	return r, problems.Err()
}

// isLine reports whether s is one line of text: no control characters, which
// would also be line breaks in mail headers, and no line separators.
func isLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool {
		return unicode.IsControl(c) || c == '\u2028' || c == '\u2029' || c == '\ufeff'
	})
}

// The e-mail pattern of the HTML standard, with at least one dot in the domain.
var emailPattern = regexp.MustCompile(`^[a-zA-Z0-9.!#$%&'*+/=?^_` + "`" + `{|}~-]{1,64}@([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$`)

func isEmail(s string) bool {
	return emailPattern.MatchString(s) && !strings.Contains(s, "..") && s[0] != '.' && !strings.Contains(s, ".@")
}
