package ideas

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/pocketbase/dbx"
)

// alike is an idea that may say the same, with how alike it is, in percent.
type alike struct {
	*Idea
	Percent int
}

const (
	similarTo   = 5    // how many are suggested
	similarOver = 25   // percent
	comparedTo  = 3000 // the newest ideas of the call
)

// similar suggests ideas of the same call that may be the same wish, the most
// alike first. A moderator decides; nothing happens by itself.
func (x *Ideas) similar(i *Idea) ([]alike, error) {
	if i.Title == "" {
		return nil, nil
	}
	var others []*Idea
	err := x.Platform.App.DB().NewQuery(`SELECT ` + ideaColumns + ` FROM ideas i WHERE i.call = {:call} AND i.number <> {:number}
		AND i.state IN ('new', 'released') ORDER BY i.number DESC LIMIT {:n}`).
		Bind(dbx.Params{"call": i.Call, "number": i.Number, "n": comparedTo}).All(&others)
	if err != nil {
		return nil, err
	}
	title, whole := trigrams(i.Title), trigrams(i.Title+" "+i.Text)
	var out []alike
	for _, o := range others {
		percent := max(likeness(title, trigrams(o.Title)), likeness(whole, trigrams(o.Title+" "+o.Text)))
		if percent >= similarOver {
			out = append(out, alike{o, percent})
		}
	}
	slices.SortStableFunc(out, func(a, b alike) int { return cmp.Compare(b.Percent, a.Percent) })
	return out[:min(len(out), similarTo)], nil
}

// trigrams are the runs of three characters in the words of a text; a word
// begins and ends with a blank, so that beginnings count.
func trigrams(s string) map[[3]rune]bool {
	set := map[[3]rune]bool{}
	for word := range strings.FieldsFuncSeq(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		runes := []rune(" " + word + " ")
		for i := 0; i+3 <= len(runes); i++ {
			set[[3]rune(runes[i:i+3])] = true
		}
	}
	return set
}

// likeness is the share of trigrams that two texts have in common (Dice), in percent.
func likeness(a, b map[[3]rune]bool) int {
	if len(a)+len(b) == 0 {
		return 0
	}
	both := 0
	for t := range a {
		if b[t] {
			both++
		}
	}
	return 200 * both / (len(a) + len(b))
}
