package spss

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"servicepoint/exports/frame"
)

// WriteSyntax writes an SPSS syntax file that reads the CSV of the same frame
// (exports/delimited.NewCSV), which lies beside it under the given name, and makes
// of it what [New] writes: numbers for codes, labels, missing values, multiple
// response sets.
//
// SPSS reads no line breaks inside of fields. When a text has one, the syntax
// says so and opens the system file instead, "<name of the frame>.sav".
func WriteSyntax(w io.Writer, f *frame.Frame, widths *Widths, csv string, o Options) error {
	vars, err := plan(f, widths, o.lang())
	if err != nil {
		return err
	}
	s := &syntax{out: bufio.NewWriter(w), vars: vars}
	s.head(f, widths, csv, o)
	if broken := widths.broken(); len(broken) > 0 {
		s.say("* Texte mit Zeilenumbruch stehen in: %s.", strings.Join(broken, ", "))
		s.say("* Aus einer CSV-Datei liest SPSS sie nicht. Deshalb wird die Systemdatei geöffnet (Format „sav“), die alles enthält.")
		s.say("GET FILE=%s.", quote(f.Name+".sav"))
		return s.out.Flush()
	}
	s.read(widths, csv)
	s.convert()
	s.describe(f, o.lang())
	s.say("EXECUTE.")
	return s.out.Flush() // keeps the first error
}

// broken are the columns with line breaks in a text.
func (w *Widths) broken() (names []string) {
	for i, h := range w.columns {
		if h.lines {
			names = append(names, w.frame.Columns[i].Name)
		}
	}
	return names
}

type syntax struct {
	out  *bufio.Writer
	vars []variable
}

func (s *syntax) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// head: every comment is a command and ends with a full stop.
func (s *syntax) head(f *frame.Frame, widths *Widths, csv string, o Options) {
	s.say("* Encoding: UTF-8.")
	s.say("* %s.", comment(words(f.Title, o.lang(), f.Name)))
	for _, note := range o.Notes {
		s.say("* %s.", comment(note))
	}
	s.say("* %d Zeilen. Die Datei %s muss im Arbeitsverzeichnis liegen (Befehl CD).", widths.rows, comment(csv))
	s.say("* Leer und system-fehlend: nicht gefragt. Benutzerdefiniert fehlend: keine Angabe, weiß nicht, übersprungen.")
	s.say("")
}

// comment is a text that cannot end a comment or begin another command.
func comment(s string) string { return strings.TrimRight(oneLine(s), ". ") }

// raw is the name that a column is read under when it has to be converted.
func (v *variable) raw() string { return "r_" + v.short }

// converted reports whether the column is read as text first.
func (v *variable) converted() bool {
	return v.as == asCode || v.width == 0 && v.column.Marks
}

func (s *syntax) read(widths *Widths, csv string) {
	s.say("SET DECIMAL=DOT.")
	s.say("GET DATA /TYPE=TXT")
	s.say("  /FILE=%s", quote(csv))
	s.say("  /ENCODING='UTF8'")
	s.say("  /ARRANGEMENT=DELIMITED")
	s.say("  /DELCASE=LINE")
	s.say("  /DELIMITERS=','")
	s.say("  /QUALIFIER='\"'")
	s.say("  /FIRSTCASE=2")
	s.say("  /VARIABLES=")
	for i := range s.vars {
		v := &s.vars[i]
		name, form := v.name, ""
		switch {
		case v.width > 0:
			form = "A" + strconv.Itoa(v.readWidth(widths.columns[i].bytes))
		case v.converted():
			name, form = v.raw(), "A"+strconv.Itoa(v.readWidth(widths.columns[i].bytes))
		case v.as == asDay:
			form = "SDATE10"
		case v.as == asTime:
			form = "TIME5"
		default:
			form = "F40.0" // with more decimals whole numbers would be divided
		}
		s.say("    %s %s", name, form)
	}
	s.say("    .")
}

// readWidth has room for the longest value and for every mark as the CSV has it.
func (v *variable) readWidth(bytes int) int {
	if v.column.Marks {
		bytes = max(bytes, len(frame.DontKnow))
	}
	return max(bytes, v.width, 1)
}

func (s *syntax) convert() {
	back := false
	for i := range s.vars {
		v := &s.vars[i]
		if !v.converted() {
			if v.width > 0 && v.marks != nil {
				var pairs []string
				for m, mark := range marks {
					pairs = append(pairs, fmt.Sprintf("(%s=%s)", quote(mark), quote(markText(v.marks[m]))))
				}
				s.say("RECODE %s %s.", v.name, strings.Join(pairs, " "))
			}
			continue
		}
		back = true
		s.say("RECODE %s", v.raw())
		if v.as == asCode {
			for _, cat := range v.column.Categories {
				s.say("  (%s=%g)", quote(cat.Code), v.numbers[cat.Code])
			}
		}
		if v.marks != nil {
			for m, mark := range marks {
				s.say("  (%s=%g)", quote(mark), v.marks[m])
			}
		}
		if v.as == asNumber {
			s.say("  (CONVERT)")
		} else {
			s.say("  (ELSE=SYSMIS)")
		}
		s.say("  INTO %s.", v.name)
		switch v.as {
		case asDay:
			s.say("IF (SYSMIS(%s) AND %s <> '') %s=NUMBER(%s, SDATE10).", v.name, v.raw(), v.name, v.raw())
		case asTime:
			s.say("IF (SYSMIS(%s) AND %s <> '') %s=NUMBER(%s, TIME5).", v.name, v.raw(), v.name, v.raw())
		}
	}
	if back { // the columns of the CSV in its order, without those that were read first
		s.say("ADD FILES FILE=* /KEEP=")
		for _, v := range s.vars {
			s.say("  %s", v.name)
		}
		s.say("  .")
	}
	s.say("")
}

func (s *syntax) describe(f *frame.Frame, lang string) {
	for i := range s.vars {
		v := &s.vars[i]
		s.say("VARIABLE LABELS %s %s.", v.name, quote(v.label))
		if len(v.values) > 0 {
			s.say("VALUE LABELS %s", v.name)
			for _, one := range v.values {
				if v.width > 0 {
					s.say("  %s %s", quote(one.text), quote(one.label))
				} else {
					s.say("  %g %s", one.number, quote(one.label))
				}
			}
			s.say("  .")
		}
		if v.marks != nil {
			var values []string
			for _, n := range v.marks {
				if v.width > 0 {
					values = append(values, quote(markText(n)))
				} else {
					values = append(values, markText(n))
				}
			}
			s.say("MISSING VALUES %s (%s).", v.name, strings.Join(values, ", "))
		}
		if v.width == 0 {
			s.say("FORMATS %s (%s).", v.name, formatName(v.format))
		}
		s.say("VARIABLE LEVEL %s (%s).", v.name, [...]string{nominal: "NOMINAL", ordinal: "ORDINAL", scale: "SCALE"}[v.measure])
	}
	for _, one := range sets(s.vars) {
		s.say("MRSETS /MDGROUP NAME=$%s", one.name)
		s.say("  LABEL=%s", quote(shorten(words(f.Columns[one.parent].Label, lang, one.name), maxLabel)))
		s.say("  CATEGORYLABELS=VARLABELS VALUE=1 VARIABLES=")
		for _, i := range one.members {
			s.say("    %s", s.vars[i].name)
		}
		s.say("    .")
	}
}

func formatName(f int32) string {
	kind, width, decimals := f>>16, f>>8&0xff, f&0xff
	switch kind {
	case formatEDate:
		return "EDATE" + strconv.Itoa(int(width))
	case formatTime:
		return "TIME" + strconv.Itoa(int(width))
	}
	return fmt.Sprintf("F%d.%d", width, decimals)
}

// quote is a string of the SPSS language. A line of syntax has at most 256 bytes,
// so long strings are put together from pieces.
func quote(s string) string {
	const most = 120
	s = oneLine(s)
	var pieces []string
	for {
		piece := cut(s, most)
		pieces = append(pieces, "'"+strings.ReplaceAll(piece, "'", "''")+"'")
		if s = s[len(piece):]; s == "" {
			return strings.Join(pieces, " +\n    ")
		}
	}
}

// script is written when its sink is closed: it needs no first pass.
type script struct {
	*Widths
	write func() error
}

func (s script) Close() error { return s.write() }

// NewSyntax is [WriteSyntax] as a sink: it takes the rows and writes the syntax
// when it is closed.
func NewSyntax(w io.Writer, f *frame.Frame, csv string, o Options) frame.Sink {
	widths := Measure(f)
	return script{widths, func() error { return WriteSyntax(w, f, widths, csv, o) }}
}

// NewR is [WriteR] as a sink, likewise.
func NewR(w io.Writer, f *frame.Frame, csv string, o Options) frame.Sink {
	widths := Measure(f)
	return script{widths, func() error { return WriteR(w, f, widths, csv, o) }}
}
