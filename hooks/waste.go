package hooks

import (
	"errors"
	"strings"
)

// WasteStreet is a street that the waste collection knows.
type WasteStreet struct {
	ID   int
	Name string
}

// WasteLocation is a place where bins are emptied: mostly a house.
type WasteLocation struct {
	ID   int
	Text string // "Friedrichsplatz 12"
}

// Pickup is one emptying of bins.
type Pickup struct {
	Day      string `json:"day"`      // Berlin, YYYY-MM-DD
	Fraction string `json:"fraction"` // as the collection calls it: "Restmüll", "Gelbe Tonne"
}

// ErrUnchanged is told instead of a calendar that is still the same.
var ErrUnchanged = errors.New("nothing has changed")

// Kind groups what collections call differently: "rest", "bio", "paper", "plastic",
// "glass", "hazardous", "tree", "bulky" or "other".
func (p Pickup) Kind() string {
	s := strings.ToLower(p.Fraction)
	for _, k := range []struct{ kind, words string }{
		{"tree", "baum bäume tannen"}, {"bulky", "sperr"}, {"hazardous", "schadstoff sonderabfall"}, {"bio", "bio kompost grün"}, {"paper", "papier blau pappe"},
		{"plastic", "gelb wertstoff verpackung leichtstoff"}, {"glass", "glas"}, {"rest", "rest hausmüll graue schwarz"},
	} {
		for w := range strings.FieldsSeq(k.words) {
			if strings.Contains(s, w) {
				return k.kind
			}
		}
	}
	return "other"
}
