package formats

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"servicepoint/content"
)

// Loss is one thing of a foreign file that the questionnaire (or of a
// questionnaire that the foreign file) does not say in the same way. Place is
// where it stands in the source; What is what stood there, cut short; Now what
// became of it, if anything. Several like things at one place are one Loss, whose
// What begins the list and whose Things is all of it.
type Loss struct {
	Place string `json:"place"`
	Code  string `json:"code"`           // one of Codes; stable
	What  string `json:"what,omitempty"` // never longer than 200 characters
	Now   string `json:"now,omitempty"`
	Count int    `json:"count"` // of like things at this place, at least 1

	Things []string `json:"things,omitempty"` // all of them when there are several, each cut short
}

//go:embed words/*.json
var wordFiles embed.FS

// words are the sentences of losses: language → code → text.
var words = func() map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, lang := range []string{content.German, content.English} {
		b, err := wordFiles.ReadFile("words/" + lang + ".json")
		if err != nil {
			panic(err) // embedded
		}
		var w map[string]string
		if err := json.Unmarshal(b, &w); err != nil {
			panic(err)
		}
		all[lang] = w
	}
	return all
}()

// Codes lists the codes of losses, sorted.
func Codes() []string {
	var all []string
	for code := range words[content.German] {
		all = append(all, code)
	}
	slices.Sort(all)
	return all
}

// In says why, in English or else in German.
func (l Loss) In(lang string) string {
	if lang != content.English {
		lang = content.German
	}
	return words[lang][l.Code]
}

// String is one line of a report in English.
func (l Loss) String() string { return l.Line(content.English) }

// Line is one line of a report: place, what, what became of it, why.
func (l Loss) Line(lang string) string {
	var b strings.Builder
	b.WriteString(l.Place + ": ")
	if l.What != "" {
		b.WriteString(l.What)
		if l.Count > 1 && strings.HasSuffix(l.What, "…") {
			fmt.Fprintf(&b, " (%d)", l.Count)
		}
		if l.Now != "" {
			b.WriteString(" → " + l.Now)
		}
		b.WriteString(": ")
	}
	b.WriteString(l.In(lang) + " [" + l.Code + "]")
	return b.String()
}

// ledger counts every attribute of a source file: what was taken over, and what
// was not and why. Nothing leaves it uncounted: see [ledger.close].
type ledger struct {
	losses  []Loss
	at      map[string]int // place and code → index of losses
	records []*record
}

// lose notes a loss. Like losses at one place are one loss with a count.
func (l *ledger) lose(place, code, what, now string) {
	if l.at == nil {
		l.at = map[string]int{}
	}
	what, now = cut(what), cut(now)
	key := place + "\x00" + code
	if i, ok := l.at[key]; ok {
		old := &l.losses[i]
		if old.Count == 1 {
			old.Things = []string{join(old.What, old.Now)}
		}
		old.Count++
		old.Things = append(old.Things, join(what, now))
		if what != "" && utf8.RuneCountInString(old.What) < 160 {
			old.What, old.Now = cut(join(old.What, old.Now)+", "+join(what, now)), ""
		} else if what != "" && !strings.HasSuffix(old.What, "…") {
			old.What = string([]rune(old.What)[:min(196, utf8.RuneCountInString(old.What))]) + ", …"
		}
		return
	}
	l.at[key] = len(l.losses)
	l.losses = append(l.losses, Loss{Place: place, Code: code, What: what, Now: now, Count: 1})
}

func join(what, now string) string {
	if now == "" {
		return what
	}
	return what + " → " + now
}

// cut keeps a text short, on one line and readable.
func cut(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
	s = strings.Map(func(r rune) rune {
		if r < ' ' {
			return -1
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) > 200 {
		return string([]rune(s)[:199]) + "…"
	}
	return s
}

// record is a row or an object of a source file: its attributes by name.
type record struct {
	place string
	names []string
	cells map[string]string
	taken map[string]bool
}

// record opens the account of a row.
func (l *ledger) record(place string, names []string, cells map[string]string) *record {
	r := &record{place: place, names: names, cells: cells, taken: map[string]bool{}}
	l.records = append(l.records, r)
	return r
}

// take reads an attribute that the caller carries over or reports itself.
func (r *record) take(name string) string {
	r.taken[name] = true
	return r.cells[name]
}

// peek reads an attribute and leaves it to be taken or reported.
func (r *record) peek(name string) string { return r.cells[name] }

// word takes one of the words of an attribute; the others are left to be reported.
func (r *record) word(name, want string) bool {
	words := strings.Fields(r.cells[name])
	i := slices.Index(words, want)
	if i < 0 {
		return false
	}
	r.cells[name] = strings.Join(slices.Delete(words, i, i+1), " ")
	return true
}

// usual takes an attribute that says nothing: its value is the other program's default.
func (r *record) usual(name string, values ...string) {
	if slices.Contains(values, r.cells[name]) {
		r.taken[name] = true
	}
}

// same takes what another record says in the same words: rows that programs
// repeat for every language.
func (r *record) same(base *record, names ...string) {
	for _, name := range names {
		if r.cells[name] == base.cells[name] {
			r.taken[name] = true
		}
	}
}

// close reports every attribute that nobody took. code tells why, "" when the
// attribute is nothing but technical housekeeping without a statement about the
// questionnaire.
func (l *ledger) close(code func(r *record, name string) string) {
	for _, r := range l.records {
		for _, name := range r.names {
			if value := r.cells[name]; !r.taken[name] && strings.TrimSpace(value) != "" {
				c := code(r, name)
				if c == "" {
					continue
				}
				l.lose(r.place, c, name+"="+value, "")
			}
		}
	}
}
