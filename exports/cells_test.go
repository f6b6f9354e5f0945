package exports

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// Whatever somebody typed fits into a cell and is legal XML; what needed no
// change is not changed.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "=1+1", "a\x00b", "\xff\xfe", strings.Repeat("🙂", 20_000), "_x0041_", "a\r\nb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var c cellMaker
		got := c.text(s)
		if !utf8.ValidString(got) || len(utf16.Encode([]rune(got))) > MaxCellUnits {
			t.Fatalf("%q became %q", s, got)
		}
		for _, r := range got {
			if legalRune(r) != r {
				t.Fatalf("illegal rune %U left in %q", r, got)
			}
		}
		if c.truncated+c.replaced == 0 && got != lineFeeds.Replace(s) {
			t.Fatalf("%q silently became %q", s, got)
		}
		if again := c.text(got); again != got {
			t.Fatalf("not stable: %q, %q", got, again)
		}
	})
}
