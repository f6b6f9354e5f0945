// Package frametest gives frames to the tests of every format: [Traps] has a row for
// each known trap of spreadsheets and readers, [Frames] draws frames (rapid), and
// [Many] makes as many rows as wanted without holding them.
package frametest

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/exports/frame"

	"pgregory.net/rapid"
)

func german(s string) content.Text { return content.Text{content.German: s} }

func category(code, label string) frame.Category {
	return frame.Category{Code: code, Text: german(label)}
}

// Of makes a frame of rows that are held.
func Of(name string, columns []frame.Column, rows ...[]frame.Value) *frame.Frame {
	return &frame.Frame{
		Name: name, Title: german("Prüfung <&> „Wörter“"), Columns: columns, Count: len(rows),
		Rows: func(yield func([]frame.Value, error) bool) {
			cells := make([]frame.Value, len(columns))
			for _, r := range rows {
				copy(cells, r)
				if !yield(cells, nil) {
					return
				}
			}
		},
	}
}

// Columns have one of every kind, with marks where a survey has them.
func Columns() []frame.Column {
	return []frame.Column{
		{Name: "version", Kind: frame.Integer, Label: german("Version")},
		{Name: "district", Kind: frame.Code, Marks: true, Label: content.Text{"de": "Wo wohnen Sie?", "en": "Where do you live?"},
			Categories: []frame.Category{category("1", "Mitte"), category("2", "Nord (Holland)"), category("x-y", "Sonst; wo")}},
		{Name: "themes", Kind: frame.Codes, Marks: true, Label: german("Themen"), Categories: []frame.Category{category("energy", "Energie"), category("bus", "Bus")}},
		{Name: "themes.energy", Kind: frame.Flag, Of: "themes", Option: "energy", Label: german("Themen – Energie")},
		{Name: "age", Kind: frame.Integer, Marks: true, Unit: "Jahre", Label: german("Alter")},
		{Name: "rent", Kind: frame.Decimal, Marks: true, Unit: "€", Label: german("Miete")},
		{Name: "since", Kind: frame.Day, Marks: true, Label: german("Seit wann?")},
		{Name: "at", Kind: frame.Time, Marks: true, Label: german("Um wie viel Uhr?")},
		{Name: "ideas", Kind: frame.Text, Marks: true, Free: true, Label: german("Ihre Ideen?")},
	}
}

// Texts are texts that some reader or spreadsheet is known to spoil.
var Texts = []string{
	"=1+1", "+49 561 787", "-5", "@SUM(A1)", "\t=1+1", "\n=1+1", " =1+1", "'=1+1", "'", "＝1+1", "=HYPERLINK(\"http://x.test\";\"y\")",
	"a;b,c\"d\"e", "Zeile\nzwei\n\ndrei", "  zwei  Blanke  ", "Tab\tTab", "ä€🙂\u2028u\u0085v", "<b>&amp;</b>]]>", "007", "1-2", "1e5", "3,14", "2026-12-31", "31.12.2026",
	"TRUE", "NA", "NULL", "#NAME?", frame.Skipped, " " + frame.Skipped, "\"", `\`, "\u200b=1", strings.Repeat("ü", 40_000), "a\n b", "\u200eאבג",
}

// Traps is a frame with a row for every trap.
func Traps() *frame.Frame {
	blank := frame.Value{}
	rows := [][]frame.Value{
		{frame.Num(1), frame.Str("1"), frame.Str("energy bus"), frame.Num(1), frame.Num(41), frame.Num(612.5), frame.Str("2001-05-17"), frame.Str("09:30"), frame.Str("Mehr Bäume")},
		{frame.Num(2), frame.Marked(frame.Skipped), frame.Marked(frame.Declined), blank, frame.Marked(frame.DontKnow), frame.Marked(frame.Skipped), frame.Marked(frame.Skipped), frame.Marked(frame.Declined), frame.Marked(frame.DontKnow)},
		{frame.Num(1), blank, blank, blank, blank, blank, blank, blank, blank},
		{frame.Num(1), frame.Str("x-y"), frame.Str("bus"), frame.Num(0), frame.Num(-6), frame.Num(-0.1), frame.Str("1890-01-01"), frame.Str("00:00"), blank},
		{frame.Num(1), blank, blank, blank, frame.Num(1 << 53), frame.Num(0.1 + 0.2), frame.Str("9999-12-31"), frame.Str("23:59"), blank},
		{frame.Num(1), blank, blank, blank, frame.Num(123456789012345), frame.Num(1e-7), frame.Str("1900-02-28"), blank, blank},
		{frame.Num(1), blank, blank, blank, blank, frame.Num(-1e21), frame.Str("1900-03-01"), blank, blank},
	}
	for _, s := range Texts {
		row := slices.Clone(rows[2])
		row[len(row)-1] = frame.Str(s)
		rows = append(rows, row)
	}
	return Of("pruefung", Columns(), rows...)
}

// Text draws texts, often awkward ones.
func Text() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom(Texts[:len(Texts)-4]),
		rapid.StringN(1, 20, 60),
		rapid.StringOf(rapid.RuneFrom([]rune("=+-@ ;,\"'\n\r\tabc\x00\x01\ufffe\u2028"))),
	)
}

// Frames draws a frame with up to eight columns and twenty rows.
func Frames() *rapid.Generator[*frame.Frame] {
	return rapid.Custom(func(t *rapid.T) *frame.Frame {
		kinds := rapid.SliceOfN(rapid.SampledFrom([]frame.Kind{
			frame.Code, frame.Codes, frame.Integer, frame.Decimal, frame.Flag, frame.Day, frame.Time, frame.Text,
		}), 1, 8).Draw(t, "kinds")
		var columns []frame.Column
		for i, k := range kinds {
			c := frame.Column{Name: fmt.Sprintf("c%d.%s", len(kinds)-i, k), Kind: k, Label: german(Text().Draw(t, "label")), Marks: k != frame.Flag && rapid.Bool().Draw(t, "marks")}
			if k == frame.Code || k == frame.Codes {
				c.Categories = []frame.Category{category("a", "A"), category("b", Text().Draw(t, "category"))}
			}
			columns = append(columns, c)
		}
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) []frame.Value {
			var row []frame.Value
			for _, c := range columns {
				row = append(row, value(c).Draw(t, c.Name))
			}
			return row
		}), 0, 20).Draw(t, "rows")
		return Of("gezogen", columns, rows...)
	})
}

func value(c frame.Column) *rapid.Generator[frame.Value] {
	choices := []*rapid.Generator[frame.Value]{rapid.Just(frame.Value{}), full(c), full(c), full(c)}
	if c.Marks {
		choices = append(choices, rapid.Map(rapid.SampledFrom([]string{frame.Skipped, frame.DontKnow, frame.Declined}), frame.Marked))
	}
	return rapid.OneOf(choices...)
}

func full(c frame.Column) *rapid.Generator[frame.Value] {
	switch c.Kind {
	case frame.Code:
		return rapid.Map(rapid.SampledFrom([]string{"a", "b", "old-code"}), frame.Str)
	case frame.Codes:
		return rapid.Map(rapid.SampledFrom([]string{"a", "b", "a b", "b a x"}), frame.Str)
	case frame.Integer:
		return rapid.Map(rapid.Int64Range(-1<<53, 1<<53), func(n int64) frame.Value { return frame.Num(float64(n)) })
	case frame.Decimal:
		return rapid.Map(rapid.Float64Range(-1e300, 1e300), frame.Num)
	case frame.Flag:
		return rapid.Map(rapid.IntRange(0, 1), func(n int) frame.Value { return frame.Num(float64(n)) })
	case frame.Day:
		return rapid.Map(rapid.Int64Range(-62135596800, 253402300799), func(sec int64) frame.Value {
			return frame.Str(time.Unix(sec, 0).UTC().Format(time.DateOnly))
		})
	case frame.Time:
		return rapid.Map(rapid.IntRange(0, 24*60-1), func(n int) frame.Value { return frame.Str(fmt.Sprintf("%02d:%02d", n/60, n%60)) })
	}
	return rapid.Map(Text(), frame.Str)
}

// Many has n rows of twenty columns, five of them texts, and holds one.
func Many(n int) *frame.Frame {
	var columns []frame.Column
	for i := range 20 {
		c := frame.Column{Name: fmt.Sprintf("q%02d", i), Label: german("Frage"), Marks: i%2 == 0}
		c.Kind = []frame.Kind{frame.Code, frame.Integer, frame.Decimal, frame.Text}[i%4]
		columns = append(columns, c)
	}
	return &frame.Frame{Name: "viele", Title: german("Viele"), Columns: columns, Count: n, Rows: many(columns, n)}
}

func many(columns []frame.Column, n int) iter.Seq2[[]frame.Value, error] {
	codes := []string{"mitte", "west", "nord", "sued"}
	texts := make([]string, 512)
	for i := range texts {
		texts[i] = fmt.Sprintf("Mehr Bänke am Platz %d, und %d Bäume dazu", i*7919%1000, i)
	}
	return func(yield func([]frame.Value, error) bool) {
		cells := make([]frame.Value, len(columns))
		for r := range n {
			for i := range columns {
				h := (r*31 + i*17) * 2654435761 >> 7
				switch {
				case columns[i].Marks && h%11 == 0:
					cells[i] = frame.Marked(frame.Skipped)
				case i%4 == 0:
					cells[i] = frame.Str(codes[h%4])
				case i%4 == 1:
					cells[i] = frame.Num(float64(h % 90))
				case i%4 == 2:
					cells[i] = frame.Num(float64(h%100_000) / 100)
				default:
					cells[i] = frame.Str(texts[h%len(texts)])
				}
			}
			if !yield(cells, nil) {
				return
			}
		}
	}
}

// All reads every row into memory.
func All(f *frame.Frame) (rows [][]frame.Value) {
	for cells, err := range f.Rows {
		if err != nil {
			panic(err)
		}
		rows = append(rows, slices.Clone(cells))
	}
	return rows
}

// Wanted is what every format must give back for a value: a tidy text.
func Wanted(v frame.Value) frame.Value {
	if v.State == frame.Words {
		v.Text, _ = frame.Tidy(v.Text)
	}
	return v
}
