package content

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Person speaks at an event or leads through it (schema.org performer).
type Person struct {
	Name         string `json:"name"`
	Role         string `json:"role,omitempty"` // see PersonRoles; empty: speaker
	Organisation string `json:"organisation,omitempty"`
	URL          string `json:"url,omitempty"` // https
}

// PersonRoles are what people do at an event.
var PersonRoles = []string{"speaker", "moderator"}

// ProgrammeItem is one part of an event (schema.org subEvent).
type ProgrammeItem struct {
	Time  string `json:"time,omitempty"` // 18:00, Berlin wall time on the day of the event
	Title Text   `json:"title"`
	Who   string `json:"who,omitempty"`
}

// Material is a file or page that goes with an event.
type Material struct {
	Title Text   `json:"title"`
	URL   string `json:"url"`            // https
	From  string `json:"from,omitempty"` // see MaterialTimes; empty: at once
}

// MaterialTimes are the codes of when material is shown on the event's page.
var MaterialTimes = []string{MaterialAlways, MaterialAfter}

const (
	MaterialAlways = "always"
	MaterialAfter  = "after" // when the event is over
)

// Shown reports whether the page of the event shows the material.
func (m Material) Shown(over bool) bool { return over || m.From != MaterialAfter }

// Price is what one place costs somebody (schema.org Offer).
type Price struct {
	Code  string `json:"code"` // ^[a-z][a-z0-9-]*$
	Label Text   `json:"label"`
	Cents int    `json:"cents"` // euro cents; 0: free
}

// Recurrence ties the dates of an event that recurs together. Each date is an event of its
// own, with its own address and pools.
type Recurrence struct {
	Of   string `json:"of"`             // slug of the first date
	Rule string `json:"rule,omitempty"` // RFC 5545 RRULE, of the first date only
	// Extra and Except are days (YYYY-MM-DD, Berlin) beside the rule (RDATE) and without the
	// event (EXDATE); of the first date only.
	Extra  []string `json:"extra,omitempty"`
	Except []string `json:"except,omitempty"`
}

// Accesses are the codes of facts for people with disabilities.
var Accesses = []string{"step-free", "accessible-toilet", "induction-loop", "guide-system", "captions", "easy-language", "accessible-parking", "assistance-dogs"}

// EventLanguages are the languages, as BCP 47 tags, that an editor may choose for what
// is spoken at an event.
var EventLanguages = []string{"de", "en", "ar", "es", "fa", "fr", "it", "pl", "ru", "tr", "uk"}

var clockPattern = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)

// Moved reports whether the event takes place at another time than was published first.
func (e Event) Moved() bool { return !e.MovedFrom.IsZero() && !e.MovedFrom.Equal(e.Start) }

// details checks what an event may have besides title, time and place.
func (p *Problems) details(e Event) {
	p.line("room", e.Room, MaxTitle, false)
	p.codes("access", e.Access, Accesses)
	p.codes("languages", e.Languages, EventLanguages)
	p.link("stream", e.Stream, false)
	p.link("recording", e.Recording, false)
	p.text("reason", e.Reason, MaxSummary, false, false)
	if e.Recurrence.Of != "" && !IsSlug(e.Recurrence.Of) {
		p.Add("recurrence.of", "not_slug")
	}
	p.count("people", len(e.People))
	for i, x := range e.People {
		at := "people." + strconv.Itoa(i) + "."
		p.line(at+"name", x.Name, MaxTitle, true)
		p.line(at+"organisation", x.Organisation, MaxTitle, false)
		if x.Role != "" && !slices.Contains(PersonRoles, x.Role) {
			p.Add(at+"role", "unknown_option")
		}
		p.link(at+"url", x.URL, false)
	}
	p.count("programme", len(e.Programme))
	for i, x := range e.Programme {
		at := "programme." + strconv.Itoa(i) + "."
		if x.Time != "" && !clockPattern.MatchString(x.Time) {
			p.Add(at+"time", "not_time")
		}
		p.text(at+"title", x.Title, MaxTitle, true, false)
		p.line(at+"who", x.Who, MaxTitle, false)
	}
	p.count("materials", len(e.Materials))
	for i, x := range e.Materials {
		at := "materials." + strconv.Itoa(i) + "."
		p.text(at+"title", x.Title, MaxTitle, true, false)
		p.link(at+"url", x.URL, true)
		if x.From != "" && !slices.Contains(MaterialTimes, x.From) {
			p.Add(at+"from", "unknown_option")
		}
	}
	p.count("prices", len(e.Prices))
	seen := map[string]bool{}
	for i, x := range e.Prices {
		at := "prices." + strconv.Itoa(i) + "."
		if !poolPattern.MatchString(x.Code) {
			p.Add(at+"code", "not_slug")
		}
		if seen[x.Code] {
			p.Add(at+"code", "twice")
		}
		seen[x.Code] = true
		p.text(at+"label", x.Label, MaxTitle, true, false)
		p.within(at+"cents", x.Cents, 0, MaxFeeCents)
		if e.Free && x.Cents > 0 {
			p.Add(at+"cents", "but_free")
		}
	}
}

func (p *Problems) count(field string, n int) {
	if n > maxEntries {
		p.Add(field, "too_many", "max", maxEntries)
	}
}

// link checks the address of a page elsewhere.
func (p *Problems) link(field, s string, required bool) {
	switch u, err := url.Parse(s); {
	case s == "" && required:
		p.Add(field, "required")
	case s == "":
	case err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || len(s) > 2000 || strings.ContainsAny(s, " \t\r\n\"<>"):
		p.Add(field, "not_link")
	}
}

// SlugOf makes an address of a name: "Für Ältere & Junge" → "fuer-aeltere-junge"; "" when
// nothing is left of it.
func SlugOf(name string) string {
	folded := strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss").Replace(strings.ToLower(name))
	parts := strings.FieldsFunc(folded, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	slug := strings.Join(parts, "-")
	if len(slug) > 80 {
		slug = strings.TrimRight(slug[:80], "-")
	}
	return slug
}

// DateSlug is the address of a further date of an event that recurs: the event's address and
// the Berlin day, "digital-dabei-2026-12-02".
func DateSlug(slug string, start time.Time) string {
	return strings.TrimRight(slug[:min(len(slug), 69)], "-") + "-" + start.In(Berlin).Format(time.DateOnly)
}

// Euros writes an amount: "12,50 Euro", "12 Euro", in English "€12.50".
func Euros(cents int, lang string) string {
	if lang == English {
		return fmt.Sprintf("€%d.%02d", cents/100, cents%100)
	}
	return strings.TrimSuffix(fmt.Sprintf("%d,%02d", cents/100, cents%100), ",00") + " Euro"
}

// PriceOf finds the price category of a code; without a code it is the first one. Found is
// false when the event has no such category.
func (e Event) PriceOf(code string) (p Price, found bool) {
	for _, p := range e.Prices {
		if p.Code == code || code == "" {
			return p, true
		}
	}
	return Price{}, false
}

// SameSeries reports whether a booking of the event may move to the other: a date of the same
// recurrence, or, of an event that does not recur, one of the same series.
func (e Event) SameSeries(other Event) bool {
	if e.Slug == other.Slug {
		return false
	}
	if e.Recurrence.Of != "" {
		return e.Recurrence.Of == other.Recurrence.Of
	}
	return e.Series != "" && e.Series == other.Series
}

// Where is the room and the place.
func (e Event) Where() string {
	if e.Room == "" || e.Place == "" {
		return e.Room + e.Place
	}
	return e.Room + ", " + e.Place
}
