package booking

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
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
// event has only one. Tickets, when set, tells place by place what Places and
// Pool tell of all.
type Request struct {
	Name    string
	Email   string
	Places  int
	Pool    string
	Tickets []Wish

	Category string // of prices, of all places when Tickets is not set

	note string // of a block
}

// Wish is what is asked for one place.
type Wish struct {
	Pool       string
	Name       string          // of the person, where the event asks for it
	Category   string          // of prices
	PriceCents int             // as the event has it when it is booked; set by [Wish.priced]
	Answers    json.RawMessage // to the questions per person: a JSON object, checked by the caller
}

// most is how many places staff may take at once.
const most = 1000

// fill gives every ticket its pool and checks them against the event's rules.
func (o *Order) fill(ev content.Event, now time.Time) error {
	var open []content.Pool
	for _, pool := range ev.Pools {
		if byStaff(o.Channel) || !heldBack(ev, pool, now) {
			open = append(open, pool)
		}
	}
	if len(o.Tickets) == 0 {
		o.Tickets = make([]Wish, min(max(o.Places, 0), most))
		for i := range o.Tickets {
			o.Tickets[i].Pool, o.Tickets[i].Category = o.Pool, o.Category
		}
	}
	limit := ev.Booking.Most()
	if byStaff(o.Channel) {
		limit = most
	}
	var problems content.Problems
	switch n := len(o.Tickets); {
	case n == 0:
		problems.Add("places", "too_small", "min", 1)
	case n > limit:
		problems.Add("places", "too_large", "max", limit)
	}
	// A copy: the caller's wishes stay as they were asked, for the fingerprint.
	o.Tickets = slices.Clone(o.Tickets)
	for i := range o.Tickets {
		w := &o.Tickets[i]
		if w.Pool == "" && len(open) == 1 {
			w.Pool = open[0].Code
		}
		code := func(pool content.Pool) bool { return pool.Code == w.Pool }
		switch {
		case w.Pool == "":
			problems.Add("pool", "required")
		case !slices.ContainsFunc(open, code):
			problems.Add("pool", "unknown_option")
		case len(w.Answers) > 0 && !isObject(w.Answers):
			problems.Add("answers", "wrong_type")
		case !w.priced(ev):
			problems.Add("category", "unknown_option")
		}
		if len(problems) > 0 {
			break
		}
	}
	if len(problems) == 0 {
		problems = companions(ev, o.need())
	}
	return problems.Err()
}

// priced puts in what the place costs, the first category when none is asked for, and
// reports whether the event has the category.
func (w *Wish) priced(ev content.Event) bool {
	if len(ev.Prices) == 0 {
		w.Category, w.PriceCents = "", 0
		return true
	}
	p, found := ev.PriceOf(w.Category)
	w.Category, w.PriceCents = p.Code, p.Cents
	return found
}

// companions says where somebody would come along with nobody.
func companions(ev content.Event, need map[string]int) (problems content.Problems) {
	for _, pool := range ev.Pools {
		if pool.CompanionOf != "" && need[pool.Code] > need[pool.CompanionOf] {
			problems.Add("pool", "companion_alone", "pool", pool.Code, "of", pool.CompanionOf)
		}
	}
	return problems
}

// heldBack reports whether only staff may take places of the pool now.
func heldBack(ev content.Event, pool content.Pool, now time.Time) bool {
	return pool.HeldBack && (pool.ReleaseHours == 0 || now.Before(ev.Start.Add(-time.Duration(pool.ReleaseHours)*time.Hour)))
}

// need counts the places asked for by pool.
func (o Order) need() map[string]int {
	need := map[string]int{}
	for _, w := range o.Tickets {
		need[w.Pool]++
	}
	return need
}

func isObject(b []byte) bool {
	var v map[string]json.RawMessage
	return json.Unmarshal(b, &v) == nil && v != nil
}

// readJSON reads the body of an API call.
func readJSON(w http.ResponseWriter, r *http.Request) (Request, error) {
	var body struct {
		Name   string `json:"name"`
		Email  string `json:"email"`
		Places *int   `json:"places"`
		Pool   string `json:"pool"`

		Category string `json:"category"` // of prices, for all places
	}
	if _, err := base.DecodeJSON(w, r, &body); err != nil {
		return Request{}, err
	}
	req := Request{Name: body.Name, Email: body.Email, Places: 1, Pool: body.Pool, Category: body.Category}
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
	for field := range values { // a number of places for each pool
		if code, ok := strings.CutPrefix(field, "n-"); ok && code != "" {
			return readMixed(req, values, problems)
		}
	}
	return req.checked(problems)
}

// readMixed reads how many places are wanted of each pool.
func readMixed(req Request, values url.Values, problems content.Problems) (Request, error) {
	req.Pool, req.Tickets = "", []Wish{}
	for _, field := range slices.Sorted(maps.Keys(values)) {
		code, ok := strings.CutPrefix(field, "n-")
		typed := strings.TrimSpace(values.Get(field))
		if !ok || typed == "" {
			continue
		}
		n, err := strconv.Atoi(typed)
		switch {
		case err != nil:
			problems.Add("places", "not_integer")
		case n < 0:
			problems.Add("places", "too_small", "min", 0)
		case n > most:
			problems.Add("places", "too_large", "max", MaxPlaces)
		default:
			req.Tickets = append(req.Tickets, slices.Repeat([]Wish{{Pool: code}}, n)...)
		}
	}
	req.Places = len(req.Tickets)
	if len(problems) > 0 {
		req.Places = 1
	}
	return req.checked(problems)
}

// checked trims the request and returns everything wrong with it, in the order
// of the form.
func (r Request) checked(places content.Problems) (Request, error) {
	r, err := r.checkedPlaces(places)
	var problems content.Problems
	errors.As(err, &problems)
	r.Name, r.Email = strings.TrimSpace(r.Name), strings.TrimSpace(r.Email)
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

// checkedPlaces is checked without who they are for.
func (r Request) checkedPlaces(places content.Problems) (Request, error) {
	r.Pool = strings.TrimSpace(r.Pool)
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
