package exports

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"
)

// paradata counts when and how answers came: by day, channel and language, no
// finer, and nothing about devices.
type paradata struct {
	days      map[string]*dayCount
	channels  map[string]bool
	languages map[string]bool
}

type dayCount struct {
	all       int
	channels  map[string]int
	languages map[string]int
}

func newParadata() paradata {
	return paradata{days: map[string]*dayCount{}, channels: map[string]bool{}, languages: map[string]bool{}}
}

func (p *paradata) add(r survey.Response) {
	d := p.days[r.Day]
	if d == nil {
		d = &dayCount{channels: map[string]int{}, languages: map[string]int{}}
		p.days[r.Day] = d
	}
	d.all++
	d.channels[r.Channel]++
	d.languages[r.Language]++
	p.channels[r.Channel], p.languages[r.Language] = true, true
}

// inOrder gives the keys of a set in a known order, unknown ones last.
func inOrder(set map[string]bool, known []string) []string {
	place := func(s string) int {
		if i := slices.Index(known, s); i >= 0 {
			return i
		}
		return len(known)
	}
	return slices.SortedFunc(maps.Keys(set), func(a, b string) int { return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b)) })
}

// allDays are the days from the first to the last, those without an answer too
// unless the period is so long that one of them must be a mistake.
func (p *paradata) allDays() []string {
	days := slices.Sorted(maps.Keys(p.days))
	if len(days) == 0 {
		return nil
	}
	const longest = 10 * 366
	first, err := time.Parse(time.DateOnly, days[0])
	last, err2 := time.Parse(time.DateOnly, days[len(days)-1])
	if err != nil || err2 != nil || last.Sub(first) > longest*24*time.Hour {
		return days
	}
	var all []string
	for d := first; !d.After(last); d = d.AddDate(0, 0, 1) {
		all = append(all, d.Format(time.DateOnly))
	}
	return all
}

func (w *workbook) writeParadata() error {
	p := &w.paradata
	channels, languages := inOrder(p.channels, survey.Channels), inOrder(p.languages, content.Languages)
	head, widths := []string{"Tag", "Antworten", "bisher"}, []float64{14, 14, 12}
	for _, c := range channels {
		head, widths = append(head, "über "+named(channelNames, c, content.German)), append(widths, 16)
	}
	for _, l := range languages {
		head, widths = append(head, "auf "+named(languageNames, l, content.German)), append(widths, 22)
	}
	var rows [][]any
	sum := 0
	for _, day := range p.allDays() {
		d := cmp.Or(p.days[day], &dayCount{})
		sum += d.all
		row := []any{w.cells.date(day), d.all, sum}
		for _, c := range channels {
			row = append(row, d.channels[c])
		}
		for _, l := range languages {
			row = append(row, d.languages[l])
		}
		rows = append(rows, row)
	}
	w.dayRows = len(rows)
	return w.table(SheetParadata, "TabelleParadaten", head, widths, rows)
}

// writeVersions says what changed from version to version and what that means for
// comparing their answers.
func (w *workbook) writeVersions() error {
	words, err := words()
	if err != nil {
		return err
	}
	head := []string{"Version", "Frage (Code)", "Änderung", "Folge", "Vorher", "Nachher"}
	widths := []float64{10, 20, 70, 28, 40, 40}
	var rows [][]any
	for i, q := range w.merged.Versions {
		rows = append(rows, []any{q.Version, "", fmt.Sprintf("%s; Antworten: %d", opened(q), w.versions[q.Version])})
		if i == 0 {
			continue
		}
		before := w.merged.Versions[i-1]
		changes := survey.Changes(before, q)
		if len(changes) == 0 {
			rows = append(rows, []any{q.Version, "", fmt.Sprintf("nichts geändert gegenüber Version %d", before.Version)})
		}
		for _, c := range changes {
			rows = append(rows, []any{
				q.Version, c.Item, words.In(content.German, "staff.change."+c.Code, "old", changeWord(c.Old), "new", changeWord(c.New)),
				words.In(content.German, "staff.effect."+string(c.Effect)), changeWord(c.Old), changeWord(c.New),
			})
		}
	}
	return w.table(SheetVersions, "TabelleVersionen", head, widths, rows)
}

// changeWord writes a value of a change: codes of flags, types and languages in words.
func changeWord(s string) string {
	switch s {
	case "":
		return "–"
	case "yes":
		return "ja"
	case "no":
		return "nein"
	}
	return cmp.Or(typeNames[survey.Type(s)], german(languageNames[s]), s)
}

// explainers are codes of questions that others are compared by.
var explainers = []string{"district", "age", "gender", "sex", "ortsbezirk", "stadtteil", "alter", "geschlecht", "haushalt", "household"}

// explains reports whether a question is one that others are compared by.
func explains(v *tally.Variable) bool {
	if v.Of.Type == survey.District {
		return true
	}
	code, _, _ := strings.Cut(v.Of.Code, "_") // age_group
	return sizeOf(v) <= 30 && slices.Contains(explainers, code)
}
