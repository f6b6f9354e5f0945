package hooks_test

import (
	"strings"
	"testing"

	"servicepoint/hooks"
)

func TestTelephoneNumbersAreReadAsPeopleWriteThem(t *testing.T) {
	for s, want := range map[string]string{
		"+49 561 787-0": "+495617870", "0561 / 787 12 34": "+495617871234", "0049 (0)171 1234567": "+491711234567",
		"+49 (0)171 1234567": "+491711234567", "0171–1234567": "+491711234567", "+43 1 58858": "+43158858", " 0171.1234567 ": "+491711234567",
		"": "", "110": "", "171 1234567": "", "+": "", "0": "", "+49171123456789012": "", "0561 PINK": "", "49+1711234567": "", "+0171 1234567": "",
		"+49 171 1234567; +49 171 7654321": "", "٠١٧١١٢٣٤٥٦٧": "", "+49\n1711234567": "",
	} {
		got, err := hooks.E164(s)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q %v, want %q", s, got, err, want)
		}
	}
}

func TestSegmentsOfShortMessages(t *testing.T) {
	for _, c := range []struct {
		what, text string
		n          int
		ucs2       bool
	}{
		{"nothing", "", 1, false},
		{"German letters are in the alphabet", strings.Repeat("ä", 160), 1, false},
		{"one more", strings.Repeat("ä", 161), 2, false},
		{"two full ones", strings.Repeat("ß", 306), 2, false},
		{"and one more", strings.Repeat("ß", 307), 3, false},
		{"the euro takes two places", strings.Repeat("€", 80), 1, false},
		{"and is not cut apart", strings.Repeat("€", 81), 2, false},
		{"153 is odd", strings.Repeat("€", 77*2), 3, false},
		{"a capital ẞ is not", strings.Repeat("ẞ", 70), 1, true},
		{"so that 71 are two", strings.Repeat("ẞ", 71), 2, true},
		{"one such letter changes all", strings.Repeat("a", 70) + "ẞ", 2, true},
		{"134 fit into two", strings.Repeat("я", 134), 2, true},
		{"135 do not", strings.Repeat("я", 135), 3, true},
		{"a face is a pair", strings.Repeat("🙂", 35), 1, true},
		{"and is not cut apart", strings.Repeat("🙂", 67), 3, true},
		{"typographic quotes", "„Hallo“", 1, true},
	} {
		if n, ucs2 := hooks.Segments(c.text); n != c.n || ucs2 != c.ucs2 {
			t.Errorf("%s: %d %v, want %d %v", c.what, n, ucs2, c.n, c.ucs2)
		}
	}
}

func FuzzE164(f *testing.F) {
	f.Add("+49 (0)561 787-0")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := hooks.E164(s)
		if err != nil {
			return
		}
		if len(n) < 8 || len(n) > 16 || n[0] != '+' || strings.Trim(n[1:], "0123456789") != "" {
			t.Errorf("%q gave %q", s, n)
		}
		if again, err := hooks.E164(n); err != nil || again != n {
			t.Errorf("%q is not stable: %q %v", n, again, err)
		}
	})
}
