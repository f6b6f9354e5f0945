package frame_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"servicepoint/exports/frame"
	"servicepoint/exports/frame/frametest"

	"pgregory.net/rapid"
)

func TestTidyTextsCanStandInEveryFormat(t *testing.T) {
	for s, want := range map[string]string{
		"Bäume\n\tund €🙂": "Bäume\n\tund €🙂", "a\r\nb\rc": "a\nb\nc", "\x00\x0b": "��", "\xff": "�", "a\ufffe": "a�", "\ufffd": "\ufffd", "\x7f": "\x7f",
	} {
		if got, replaced := frame.Tidy(s); got != want || replaced != (strings.Count(want, "�") != strings.Count(s, "�")) {
			t.Errorf("%q became %q, %v", s, got, replaced)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := frametest.Text().Draw(t, "text")
		tidy, _ := frame.Tidy(s)
		again, replaced := frame.Tidy(tidy)
		if again != tidy || replaced || !utf8.ValidString(tidy) || strings.ContainsAny(tidy, "\r\x00\ufffe") {
			t.Fatalf("%q became %q, then %q", s, tidy, again)
		}
	})
}

func TestNumbersAreWrittenInFull(t *testing.T) {
	for n, want := range map[float64]string{0: "0", -7: "-7", 0.5: "0.5", 1e15: "1000000000000000", -1e21: "-1000000000000000000000", 1e-7: "0.0000001", 1 << 53: "9007199254740992"} {
		if got := string(frame.AppendNumber(nil, n)); got != want {
			t.Errorf("%v is written %s, want %s", n, got, want)
		}
	}
}

// A text that looks like a mark stays told apart from one.
func TestATextThatIsAMarkGetsABlank(t *testing.T) {
	if s, _ := frame.Str(frame.Skipped).Written(); s != " "+frame.Skipped {
		t.Errorf("%q", s)
	}
	if s, _ := frame.Marked(frame.Skipped).Written(); s != frame.Skipped {
		t.Errorf("%q", s)
	}
}
