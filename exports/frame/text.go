package frame

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Tidy gives a text as every format can hold it: lines end with \n, and what is no
// UTF-8 or cannot stand in XML 1.0 becomes U+FFFD; replaced reports the latter. All
// formats write tidy texts, so that no two files of one export differ in a text.
func Tidy(s string) (text string, replaced bool) {
	if plain(s) {
		return s, false
	}
	s = lineFeeds.Replace(s)
	text = strings.Map(legal, s)
	return text, text != s
}

var lineFeeds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// plain reports whether s is tidy already, as nearly every text is.
func plain(s string) bool {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\n' && c != '\t' {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if size == 1 || r == 0xFFFE || r == 0xFFFF { // no UTF-8, or none of XML's
			return false
		}
		i += size
	}
	return true
}

func legal(r rune) rune {
	switch {
	case r == '\t' || r == '\n' || r >= ' ' && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= utf8.MaxRune:
		return r
	}
	return utf8.RuneError
}

// Written gives a value of the states Mark and Words as it stands in formats where
// marks and texts share a column: a text that is one of the marks gets a blank in
// front, which no answer begins with (ADR 0020).
func (v Value) Written() (text string, replaced bool) {
	switch {
	case v.State == Mark:
		return v.Text, false
	case v.Text == Skipped, v.Text == DontKnow, v.Text == Declined:
		return " " + v.Text, false
	}
	return Tidy(v.Text)
}

// AppendNumber appends a number in full: no exponent, a point before the fraction,
// as many digits as tell it apart from every other float64.
func AppendNumber(b []byte, n float64) []byte {
	if i := int64(n); float64(i) == n && i > -1e15 && i < 1e15 {
		return strconv.AppendInt(b, i, 10)
	}
	return strconv.AppendFloat(b, n, 'f', -1, 64)
}
