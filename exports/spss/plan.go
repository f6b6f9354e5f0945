package spss

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/exports/frame"
)

// kept is how a column stands in the file.
type kept int

const (
	asText kept = iota
	asNumber
	asCode // a number for each code
	asDay
	asTime
)

// variable is a column with everything that the dictionary says of it.
type variable struct {
	column  frame.Column
	name    string // at most 64 bytes
	short   string // of the dictionary's records, at most 8 bytes
	as      kept
	width   int // of texts, in bytes; 0: a number
	label   string
	values  []value // labels of values, the marks' last
	marks   *[3]float64
	numbers map[string]float64 // of asCode
	format  int32
	measure int32
	shown   int32 // width of the column on the screen
}

// value is a value with a label.
type value struct {
	code   string // as in the CSV: a code, number or mark
	number float64
	text   string // of texts
	label  string
}

// Formats and measurement levels of the dictionary.
const (
	formatA, formatF, formatTime, formatEDate = 1, 5, 21, 38
	nominal, ordinal, scale                   = 1, 2, 3
)

func format(kind, width, decimals int) int32 { return int32(kind<<16 | width<<8 | decimals) }

// plan lays the dictionary out.
func plan(f *frame.Frame, w *Widths, lang string) ([]variable, error) {
	if w == nil || w.frame != f {
		return nil, errors.New("spss: the frame was not measured")
	}
	if len(f.Columns) == 0 {
		return nil, fmt.Errorf("spss: %s has no columns", f.Name)
	}
	names := names(f.Columns)
	vars := make([]variable, len(f.Columns))
	for i, c := range f.Columns {
		v := variable{column: c, name: names[i], label: shorten(label(f, c, lang), maxLabel)}
		v.decide(&w.columns[i], lang)
		vars[i] = v
	}
	shortNames(vars)
	return vars, nil
}

const (
	maxLabel      = 255 // bytes of a variable's label
	maxValueLabel = 120
	maxName       = 64
)

func (v *variable) decide(h *held, lang string) {
	c := v.column
	switch {
	case h.foreign:
		v.as = asText
	case c.Kind == frame.Code && len(c.Categories) > 0:
		v.as = asCode
	case c.Kind == frame.Day:
		v.as = asDay
	case c.Kind == frame.Time:
		v.as = asTime
	case c.Kind == frame.Integer, c.Kind == frame.Decimal, c.Kind == frame.Flag:
		v.as = asNumber
	}
	taken := h.marks
	switch v.as {
	case asCode:
		v.numbers = numbersOf(c.Categories)
		for _, cat := range c.Categories {
			n := v.numbers[cat.Code]
			v.values = append(v.values, value{cat.Code, n, "", words(cat.Text, lang, cat.Code)})
			for i, set := range markSets {
				if n <= set[0] && n >= set[2] {
					taken |= 1 << i
				}
			}
		}
		v.format, v.measure, v.shown = format(formatF, 8, 0), nominal, 10
	case asNumber:
		for _, cat := range c.Categories {
			if n, err := strconv.ParseFloat(cat.Code, 64); err == nil {
				v.values = append(v.values, value{cat.Code, n, "", words(cat.Text, lang, cat.Code)})
			}
		}
		if c.Kind == frame.Flag {
			v.values = []value{{"0", 0, "", said[lang].no}, {"1", 1, "", said[lang].yes}}
		}
		decimals := min(h.decimals, 6) // shown; the value keeps all
		width := min(max(8, h.digits+decimals+1), 40)
		v.format, v.measure, v.shown = format(formatF, width, decimals), scale, 10
		if c.Kind == frame.Flag {
			v.measure = nominal
		} else if len(c.Categories) > 0 {
			v.measure = ordinal
		}
	case asDay:
		v.format, v.measure, v.shown = format(formatEDate, 10, 0), scale, 12
	case asTime:
		v.format, v.measure, v.shown = format(formatTime, 5, 0), scale, 8
	case asText:
		taken = h.texts
		v.width = max(h.bytes, 1)
		if c.Marks {
			v.width = max(v.width, len(markText(markSets[len(markSets)-1][0])))
		}
		for _, cat := range c.Categories {
			if len(cat.Code) <= v.width && c.Kind != frame.Codes {
				v.values = append(v.values, value{cat.Code, 0, cat.Code, words(cat.Text, lang, cat.Code)})
			}
		}
		v.format, v.measure, v.shown = format(formatA, min(v.width, 255), 0), nominal, int32(min(max(v.width, 8), 40))
	}
	for i := range v.values {
		v.values[i].label = shorten(v.values[i].label, maxValueLabel)
	}
	if !c.Marks {
		return
	}
	if set, ok := freeSet(taken); ok {
		v.marks = &set
		for i, mark := range marks {
			v.values = append(v.values, value{mark, set[i], markText(set[i]), said[lang].marks[i]})
		}
	}
}

// mark is the number of a mark; false when the column has none for it.
func (v *variable) mark(mark string) (float64, bool) {
	if v.marks != nil {
		for i, m := range marks {
			if m == mark {
				return v.marks[i], true
			}
		}
	}
	return 0, false
}

// said are the words that are not in the frame.
var said = map[string]struct {
	yes, no string
	marks   [3]string
}{
	content.German:  {"genannt", "nicht genannt", [3]string{"keine Angabe", "weiß nicht", "übersprungen"}},
	content.English: {"mentioned", "not mentioned", [3]string{"declined", "don't know", "skipped"}},
}

// numbersOf gives every code its number: the code itself where all are whole
// numbers, else the number of the category ([frame.Category.Number]) or, where
// not all have one, its place.
func numbersOf(categories []frame.Category) map[string]float64 {
	numbers := map[string]float64{}
	own, numbered := true, true
	seen := map[int]bool{}
	for _, c := range categories {
		n, err := strconv.Atoi(c.Code)
		own = own && err == nil && strconv.Itoa(n) == c.Code && n > -1_000_000_000 && n < 1_000_000_000
		numbered = numbered && c.Number > 0 && !seen[c.Number]
		seen[c.Number] = true
	}
	for i, c := range categories {
		n := i + 1
		switch {
		case own:
			n, _ = strconv.Atoi(c.Code)
		case numbered:
			n = c.Number
		}
		numbers[c.Code] = float64(n)
	}
	return numbers
}

func words(t content.Text, lang, otherwise string) string {
	if s, _ := t.In(lang); s != "" {
		return oneLine(s)
	}
	return otherwise
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// label is what was asked. Of a part of a question the option comes whole, the
// question as far as there is room.
func label(f *frame.Frame, c frame.Column, lang string) string {
	whole := words(c.Label, lang, c.Name)
	if c.Unit != "" && c.Of == "" {
		whole += " [" + c.Unit + "]"
	}
	if c.Of == "" || len(whole) <= maxLabel {
		return whole
	}
	for _, parent := range f.Columns {
		if parent.Name != c.Of {
			continue
		}
		for _, cat := range parent.Categories {
			if option := words(cat.Text, lang, cat.Code); cat.Code == c.Option && len(option) < maxLabel-40 {
				return shorten(words(parent.Label, lang, parent.Name), maxLabel-len(" – ")-len(option)) + " – " + option
			}
		}
	}
	return whole
}

// shorten cuts a text at most at so many bytes, between two letters.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	const more = "…"
	return strings.TrimRight(cut(s, most-len(more)), " ") + more
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// reserved words of the SPSS language cannot be names.
var reserved = map[string]bool{"ALL": true, "AND": true, "BY": true, "EQ": true, "GE": true, "GT": true, "LE": true, "LT": true, "NE": true, "NOT": true, "OR": true, "TO": true, "WITH": true}

// names are the columns' names as SPSS takes them: at most 64 bytes, no reserved
// word, no full stop at the end, different even without regard to case.
func names(columns []frame.Column) []string {
	taken := map[string]bool{}
	for _, c := range columns {
		if len(c.Name) <= maxName {
			taken[strings.ToUpper(c.Name)] = true
		}
	}
	all := make([]string, len(columns))
	for i, c := range columns {
		name := c.Name
		if len(name) <= maxName && !reserved[strings.ToUpper(name)] && !strings.HasSuffix(name, ".") {
			all[i] = name
			continue
		}
		name = strings.TrimRight(name, ".")
		for n := 1; ; n++ {
			tail := "_" + strconv.Itoa(n)
			try := name[:min(len(name), maxName-len(tail))] + tail
			if !taken[strings.ToUpper(try)] {
				taken[strings.ToUpper(try)] = true
				all[i] = try
				break
			}
		}
	}
	return all
}

// shortNames numbers the variables. Readers rename one after the other, so no
// short name may be somebody else's name.
func shortNames(vars []variable) {
	prefix := "@"
	for letter := 'V'; letter != 'U'; letter++ {
		if letter > 'Z' {
			letter = 'A'
		}
		free := true
		for _, v := range vars {
			if strings.ToUpper(v.name[:1]) == string(letter) && strings.Trim(v.name[1:], "0123456789") == "" {
				free = false
			}
		}
		if free {
			prefix = string(letter)
			break
		}
	}
	n := 0
	for i := range vars {
		vars[i].short = prefix + strconv.Itoa(n+1)
		n += segments(vars[i].width)
	}
}

// segments is how many variables of at most 255 bytes hold a text.
func segments(width int) int {
	if width <= 255 {
		return 1
	}
	return (width + 251) / 252
}

// segmentWidth is the width of one of them.
func segmentWidth(width, i int) int {
	switch n := segments(width); {
	case n == 1:
		return width
	case i < n-1:
		return 255
	default:
		return width - (n-1)*252
	}
}
