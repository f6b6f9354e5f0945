package ticket

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// visual brings a text into the order and the joined forms in which its letters
// stand on paper, because the PDF library writes them one after the other as they
// come. Texts without right-to-left letters stay as they are.
func visual(s string) string {
	s = norm.NFC.String(printable(s))
	if !strings.ContainsFunc(s, isRightToLeft) {
		return s
	}
	var p bidi.Paragraph
	if _, err := p.SetString(join(s)); err != nil {
		return s
	}
	order, err := p.Order()
	if err != nil {
		return s
	}
	var runs []string
	for i := range order.NumRuns() {
		run := order.Run(i)
		text := run.String()
		if run.Direction() == bidi.RightToLeft {
			text = bidi.ReverseString(text)
		}
		runs = append(runs, text)
	}
	if order.Direction() == bidi.RightToLeft && len(runs) > 1 && !p.IsLeftToRight() {
		for i, j := 0, len(runs)-1; i < j; i, j = i+1, j-1 {
			runs[i], runs[j] = runs[j], runs[i]
		}
	}
	return strings.Join(runs, "")
}

// printable leaves out what the fonts and the PDF library cannot draw: control
// characters and letters beyond the basic plane (emoji).
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r > 0xffff {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

func isRightToLeft(r rune) bool {
	p, _ := bidi.LookupRune(r)
	return p.Class() == bidi.R || p.Class() == bidi.AL
}

// forms are the four shapes of an Arabic letter: alone, at the end, at the start,
// in the middle. A letter that does not join the next has no last two.
type forms [4]rune

var shapes, lamAlef = arabicForms()

// arabicForms reads the shapes of letters out of Unicode's own compatibility
// characters (Arabic Presentation Forms-A for Persian and Urdu, then B, in which
// the shapes of a letter stand in the order of forms).
func arabicForms() (map[rune]forms, map[rune]forms) {
	letters, ligatures := map[rune]forms{}, map[rune]forms{}
	add := func(from, to rune) {
		var last rune
		n := 0
		for r := from; r <= to; r++ {
			base := []rune(norm.NFKC.String(string(r)))
			var key rune
			set := letters
			switch {
			case len(base) == 1:
				key = base[0]
			case len(base) == 2 && base[0] == 0x644: // lam and an alef
				key, set = base[1], ligatures
			default:
				last = 0
				continue
			}
			if key != last {
				last, n = key, 0
			}
			if n < 4 {
				f := set[key]
				f[n] = r
				set[key] = f
			}
			n++
		}
	}
	add(0xfb56, 0xfbb1)
	add(0xfbd3, 0xfbe9)
	add(0xfbfc, 0xfbff)
	add(0xfe80, 0xfef4)
	add(0xfef5, 0xfefc)
	return letters, ligatures
}

// join replaces Arabic letters by the shape they have beside their neighbours.
func join(s string) string {
	in := []rune(s)
	var out []rune
	joins := false // the letter before reaches over
	for i := 0; i < len(in); i++ {
		r := in[i]
		if unicode.Is(unicode.Mn, r) {
			out = append(out, r)
			continue
		}
		f, ok := shapes[r]
		if !ok {
			out, joins = append(out, r), r == 0x640 // tatweel joins both ways
			continue
		}
		next := rune(0)
		for _, n := range in[i+1:] {
			if !unicode.Is(unicode.Mn, n) {
				next = n
				break
			}
		}
		if lam, ok := lamAlef[next]; ok && r == 0x644 && i+1 < len(in) && in[i+1] == next {
			at := 0
			if joins {
				at = 1
			}
			out, joins = append(out, lam[at]), false
			i++
			continue
		}
		_, nextJoins := shapes[next]
		reaches := f[2] != 0 && (nextJoins && shapes[next][1] != 0 || next == 0x640)
		at := 0
		switch {
		case joins && f[1] != 0 && reaches:
			at = 3
		case joins && f[1] != 0:
			at = 1
		case reaches:
			at = 2
		}
		out, joins = append(out, f[at]), reaches
	}
	return string(out)
}
