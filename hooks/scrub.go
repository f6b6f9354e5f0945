package hooks

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

var (
	addresses   = regexp.MustCompile(`\S+@\S+`)
	longNumbers = regexp.MustCompile(`\d[\d /-]{5,}\d`)
)

const longestCause = 300

// scrub gives the text of an error without personal data: whatever stands in
// the order's payload, mail addresses and long numbers are replaced by "…".
// Partners quote what they were sent ("no mailbox erika@…"), operators must not
// read it.
func scrub(err error, payload json.RawMessage) string {
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(err.Error(), ""))
	var v any
	if json.Unmarshal(payload, &v) == nil {
		for _, s := range longestFirst(secrets(v, nil)) {
			text = regexp.MustCompile(`(?i)`+regexp.QuoteMeta(s)).ReplaceAllLiteralString(text, "…")
		}
	}
	text = addresses.ReplaceAllString(text, "…")
	text = longNumbers.ReplaceAllString(text, "…")
	if runes := []rune(text); len(runes) > longestCause {
		text = string(runes[:longestCause]) + "…"
	}
	return text
}

// secrets collects the texts of a payload, whole and (short ones) word by word.
func secrets(v any, found []string) []string {
	switch v := v.(type) {
	case string:
		words := []string{v}
		if len(v) <= 120 {
			words = append(words, strings.FieldsFunc(v, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })...)
		}
		for _, w := range words {
			if w = strings.TrimSpace(w); len(w) >= 4 && len(w) <= 400 {
				found = append(found, w)
			}
		}
	case []any:
		for _, e := range v {
			found = secrets(e, found)
		}
	case map[string]any:
		for _, e := range v {
			found = secrets(e, found)
		}
	}
	return found
}

func longestFirst(words []string) []string {
	slices.SortFunc(words, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(words)
}
