package content

import (
	"slices"
	"strconv"
	"time"
)

// Call asks people for wishes and ideas ("Was wünschen Sie sich?").
type Call struct {
	Slug      string    `json:"slug"`
	Title     Text      `json:"title"`
	Intro     Text      `json:"intro"`     // Markdown
	Topics    []string  `json:"topics"`    // slugs of the topics that ideas are sorted by
	Opens     time.Time `json:"opens"`     // zero: at once
	Closes    time.Time `json:"closes"`    // zero: open until closed by hand
	Access    string    `json:"access"`    // one of CallAccesses, "" is open
	Anonymous bool      `json:"anonymous"` // nobody is asked for a name
	Updated   time.Time `json:"updated,omitzero"`
}

// CallAccesses are the ways to take part in a call; they mean the same as those
// of surveys (content/survey).
var CallAccesses = []string{"open", "proof", "code", "invitation", "account"}

// OpenAt reports whether the call takes ideas and votes at a moment.
func (c Call) OpenAt(now time.Time) bool {
	return !now.Before(c.Opens) && (c.Closes.IsZero() || now.Before(c.Closes))
}

// Named reports whether the call knows one person from another, so that each
// has one vote. Otherwise votes show a mood.
func (c Call) Named() bool {
	return slices.Contains([]string{"code", "invitation", "account"}, c.Access)
}

// Check says what stands against publishing the call. Whether its topics exist
// is not known here.
func (c Call) Check() Problems {
	var p Problems
	p.slug("slug", c.Slug)
	p.text("title", c.Title, MaxTitle, true, false)
	p.text("intro", c.Intro, MaxModule, true, true)
	switch {
	case len(c.Topics) == 0:
		p.Add("topics", "required")
	case len(c.Topics) > maxEntries:
		p.Add("topics", "too_many", "max", maxEntries)
	}
	for i, t := range c.Topics {
		p.slug("topics", t)
		if slices.Contains(c.Topics[:i], t) {
			p.Add("topics", "twice")
		}
	}
	if !c.Closes.IsZero() && !c.Closes.After(c.Opens) {
		p.Add("closes", "before_start")
	}
	if c.Access != "" && !slices.Contains(CallAccesses, c.Access) {
		p.Add("access", "unknown_option")
	}
	return p
}

// Idea is one released idea as everybody may read it. Nothing else of an idea is
// ever here: no address, no private link, no note of moderators.
type Idea struct {
	Number   int        `json:"number"` // unique over all calls
	Call     string     `json:"call"`   // slug
	Slug     string     `json:"slug"`   // of the title when it was released
	Title    string     `json:"title"`  // plain text, as all texts of ideas
	Text     string     `json:"text"`
	Language string     `json:"language"` // that the author wrote in
	Topic    string     `json:"topic"`    // slug
	District string     `json:"district"` // slug or empty
	Place    string     `json:"place"`    // in words, may be empty
	Lat      float64    `json:"lat"`      // WGS 84; both 0: none
	Lon      float64    `json:"lon"`
	Picture  string     `json:"picture,omitempty"` // name, below /ideen/bilder/
	Alt      string     `json:"alt,omitempty"`     // what it shows, by the author in their language; may be empty
	Name     string     `json:"name"`              // empty: the author is not named
	Edited   bool       `json:"edited"`            // personal data were taken out
	Released time.Time  `json:"released"`
	Status   string     `json:"status"` // one of IdeaStatuses
	Steps    []IdeaStep `json:"steps"`  // what the city said, oldest first
	Votes    int        `json:"votes"`  // at the moment of the build
	Into     int        `json:"into"`   // merged: only the number and slug of the old address are left
}

// IdeaStep is one public answer of the city.
type IdeaStep struct {
	Day    string `json:"day"` // Berlin, YYYY-MM-DD
	Status string `json:"status"`
	Answer string `json:"answer"` // plain text, may be empty
}

// IdeaStatuses say what became of an idea, in their usual order.
var IdeaStatuses = []string{"received", "under_review", "planned", "doing", "done", "not_possible"}

// Path is the address of the idea's page, without language.
func (i Idea) Path() string {
	at := "ideen/" + i.Call + "/" + strconv.Itoa(i.Number)
	if i.Slug != "" {
		at += "-" + i.Slug
	}
	return at
}
