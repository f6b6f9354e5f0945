package spss

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/exports/frame"
)

// Options are what a file says besides its frame.
type Options struct {
	Lang    string    // of labels: content.German (also if empty) or content.English
	Created time.Time // of the snapshot
	Program string    // that wrote the file
	Notes   []string  // the file's documents: survey, licence, watermark
}

func (o Options) lang() string {
	if _, ok := said[o.Lang]; ok {
		return o.Lang
	}
	return content.German
}

// File is a system file in the making, a [frame.Sink].
type File struct {
	out       *bufio.Writer
	vars      []variable
	packed    packer
	truncated int
	replaced  int
	rows      int
	err       error
}

// New writes the dictionary of a system file for the frame, whose widths come from
// a first pass ([Measure]). The rows that follow must be those of that pass.
func New(w io.Writer, f *frame.Frame, widths *Widths, o Options) (*File, error) {
	vars, err := plan(f, widths, o.lang())
	if err != nil {
		return nil, err
	}
	s := &File{out: bufio.NewWriterSize(w, 1<<16), vars: vars}
	s.packed.out = s.out
	s.dictionary(f, o)
	return s, s.err
}

// Truncated is how many texts were cut because they were longer than [MaxBytes].
func (s *File) Truncated() int { return s.truncated }

// Replaced is how many texts held characters that no format can hold (frame.Tidy).
func (s *File) Replaced() int { return s.replaced }

// Row writes one row.
func (s *File) Row(cells []frame.Value) error {
	s.rows++
	if len(cells) != len(s.vars) {
		return fmt.Errorf("spss: row %d has %d cells for %d variables", s.rows, len(cells), len(s.vars))
	}
	for i := range s.vars {
		v, cell := &s.vars[i], &cells[i]
		if v.width > 0 {
			text, err := s.text(v, cell)
			if err != nil {
				return err
			}
			s.packed.text(text, v.width)
			continue
		}
		n, missing, err := v.number(cell)
		switch {
		case err != nil:
			return fmt.Errorf("spss: row %d: %s: %w", s.rows, v.name, err)
		case missing:
			s.packed.missing()
		default:
			s.packed.number(n)
		}
	}
	return s.packed.err
}

// number is the cell's number; missing means the system-missing value.
func (v *variable) number(cell *frame.Value) (n float64, missing bool, err error) {
	switch cell.State {
	case frame.Blank:
		return 0, true, nil
	case frame.Mark:
		n, ok := v.mark(cell.Text)
		return n, !ok, nil
	case frame.Number:
		if v.as == asNumber {
			return cell.Number, false, nil
		}
	case frame.Words:
		switch v.as {
		case asCode:
			if n, ok := v.numbers[cell.Text]; ok {
				return n, false, nil
			}
		case asDay:
			n, err = seconds(cell.Text)
			return n, false, err
		case asTime:
			n, err = sinceMidnight(cell.Text)
			return n, false, err
		}
	}
	return 0, false, errUnmeasured
}

var errUnmeasured = fmt.Errorf("a value that was not there in the first pass")

func (s *File) text(v *variable, cell *frame.Value) (string, error) {
	text := ""
	switch cell.State {
	case frame.Mark:
		if n, ok := v.mark(cell.Text); ok {
			text = markText(n)
		}
	case frame.Number:
		text = strconv.FormatFloat(cell.Number, 'f', -1, 64)
	case frame.Words:
		var replaced bool
		if text, replaced = clean(cell.Text); replaced {
			s.replaced++
		}
	}
	if len(text) > MaxBytes {
		text = cut(text, MaxBytes)
		s.truncated++
	}
	if len(text) > v.width {
		return "", fmt.Errorf("spss: row %d: %s: %w", s.rows, v.name, errUnmeasured)
	}
	return text, nil
}

// Close ends the data. It does not close the writer below.
func (s *File) Close() error {
	if err := s.packed.end(); err != nil {
		return err
	}
	return s.out.Flush()
}

// The dictionary.

func (s *File) put(fields ...any) {
	for _, field := range fields {
		if s.err != nil {
			return
		}
		switch field := field.(type) {
		case string:
			_, s.err = s.out.WriteString(field)
		case int:
			s.err = binary.Write(s.out, binary.LittleEndian, int32(field))
		default: // int32, int64, float64, byte
			s.err = binary.Write(s.out, binary.LittleEndian, field)
		}
	}
}

// pad is a text with blanks up to a width; it is cut where it is longer.
func pad(text string, width int) string {
	text = cut(text, width)
	return text + strings.Repeat(" ", width-len(text))
}

// upTo gives the blanks that bring a length to a multiple.
func upTo(length, multiple int) string {
	return strings.Repeat(" ", (multiple-length%multiple)%multiple)
}

func (s *File) dictionary(f *frame.Frame, o Options) {
	elements := 0 // of 8 bytes in a case
	for _, v := range s.vars {
		elements += v.elements()
	}
	count := int32(-1)
	if f.Count <= math.MaxInt32 {
		count = int32(f.Count)
	}
	at := o.Created.In(content.Berlin)
	program := o.Program
	if program == "" {
		program = "servicepoint"
	}
	s.put("$FL2", pad("@(#) SPSS DATA FILE "+program, 60), 2, elements, 1, 0, count, float64(bias),
		at.Format("02 Jan 06"), at.Format("15:04:05"), pad(words(f.Title, o.lang(), f.Name), 64), "\x00\x00\x00")
	for i := range s.vars {
		s.variable(&s.vars[i])
	}
	s.valueLabels()
	if lines := documents(o.Notes); len(lines) > 0 {
		s.put(6, len(lines))
		for _, line := range lines {
			s.put(pad(line, 80))
		}
	}
	s.put(7, 3, 4, 8, 1, 0, 0, -1, 1, 1, 2, 65001) // version, machine, IEEE 754, compressed, little-endian, UTF-8
	s.put(7, 4, 8, 3, sysmis, highest, lowest)
	s.extension(7, s.responseSets(f, o.lang()))
	s.display()
	s.extension(13, s.longNames())
	s.extension(14, s.longTexts())
	s.put(7, 16, 8, 2, int64(1), int64(f.Count))
	s.extension(18, s.attributes())
	s.extension(20, "UTF-8")
	s.extension(21, s.longLabels())
	s.extension(22, s.longMissing())
	s.put(999, 0)
}

// elements is how many units of 8 bytes the variable takes in a case.
func (v *variable) elements() int {
	if v.width == 0 {
		return 1
	}
	n := 0
	for i := range segments(v.width) {
		n += (segmentWidth(v.width, i) + 7) / 8
	}
	return n
}

func (s *File) variable(v *variable) {
	missing := 0
	if v.marks != nil && v.width <= 8 {
		missing = len(marks)
	}
	prefix := strings.TrimRight(v.short, "0123456789")
	first, _ := strconv.Atoi(v.short[len(prefix):])
	for i := range segments(v.width) {
		width := segmentWidth(v.width, i)
		form := v.format
		if v.width > 0 {
			form = format(formatA, width, 0)
		}
		s.put(2, width, 1, missing, form, form, pad(prefix+strconv.Itoa(first+i), 8), len(v.label), v.label, upTo(len(v.label), 4))
		for m := range missing {
			if v.width > 0 {
				s.put(pad(markText(v.marks[m]), 8))
			} else {
				s.put(v.marks[m])
			}
		}
		for range (width+7)/8 - 1 { // the rest of a text
			s.put(2, -1, 0, 0, form, form, pad("", 8))
		}
	}
}

func (s *File) valueLabels() {
	index := 1
	for i := range s.vars {
		v := &s.vars[i]
		if len(v.values) > 0 && v.width <= 8 {
			s.put(3, len(v.values))
			for _, one := range v.values {
				if v.width > 0 {
					s.put(pad(one.text, 8))
				} else {
					s.put(one.number)
				}
				s.put(byte(len(one.label)), one.label, upTo(1+len(one.label), 8))
			}
			s.put(4, 1, index)
		}
		index += v.elements()
	}
}

// documents are notes in lines of at most 80 bytes.
func documents(notes []string) (lines []string) {
	for _, note := range notes {
		line := ""
		for _, word := range strings.Fields(note) {
			for len(word) > 80 {
				head := cut(word, 80)
				lines, word = append(lines, head), word[len(head):]
			}
			if line != "" && len(line)+1+len(word) > 80 {
				lines, line = append(lines, line), ""
			}
			line = strings.TrimLeft(line+" "+word, " ")
		}
		lines = append(lines, line)
	}
	return lines
}

// extension writes a record of bytes, nothing when there are none.
func (s *File) extension(subtype int, text string) {
	if text != "" {
		s.put(7, subtype, 1, len(text), text)
	}
}

// responseSets are the multiple dichotomies: the 0/1 columns of one question.
func (s *File) responseSets(f *frame.Frame, lang string) string {
	var b strings.Builder
	for _, set := range sets(s.vars) {
		label := words(f.Columns[set.parent].Label, lang, set.name)
		label = shorten(label, maxLabel)
		fmt.Fprintf(&b, "$%s=D1 1 %d %s", set.name, len(label), label)
		for _, i := range set.members {
			b.WriteString(" " + strings.ToLower(s.vars[i].short))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// set is a multiple response set.
type set struct {
	name    string // without "$"
	parent  int
	members []int
}

func sets(vars []variable) (all []set) {
	for parent, v := range vars {
		one := set{name: cut(v.name, maxName-1), parent: parent}
		for i, part := range vars {
			if part.column.Of == v.column.Name && part.column.Kind == frame.Flag && part.as == asNumber {
				one.members = append(one.members, i)
			}
		}
		if len(one.members) > 1 {
			all = append(all, one)
		}
	}
	return all
}

func (s *File) display() {
	n := 0
	for _, v := range s.vars {
		n += segments(v.width)
	}
	s.put(7, 11, 4, 3*n)
	for _, v := range s.vars {
		align := int32(1) // numbers right
		if v.width > 0 {
			align = 0
		}
		for range segments(v.width) {
			s.put(v.measure, v.shown, align)
		}
	}
}

func (s *File) longNames() string {
	pairs := make([]string, len(s.vars))
	for i, v := range s.vars {
		pairs[i] = v.short + "=" + v.name
	}
	return strings.Join(pairs, "\t")
}

func (s *File) longTexts() string {
	var b strings.Builder
	for _, v := range s.vars {
		if v.width > 255 {
			fmt.Fprintf(&b, "%s=%05d\x00\t", v.short, v.width)
		}
	}
	return b.String()
}

// attributes keep the codes behind numbers: Code('1=energy' '2=mobility').
func (s *File) attributes() string {
	var all []string
	for i := range s.vars {
		v := &s.vars[i]
		if v.as != asCode || len(v.column.Categories) == 0 {
			continue
		}
		var b strings.Builder
		b.WriteString(v.name + ":Code(")
		for _, cat := range v.column.Categories {
			fmt.Fprintf(&b, "'%g=%s'\n", v.numbers[cat.Code], oneLine(cat.Code))
		}
		b.WriteByte(')')
		all = append(all, b.String())
	}
	return strings.Join(all, "/")
}

func int32s(n int) string {
	return string(binary.LittleEndian.AppendUint32(nil, uint32(int32(n))))
}

func (s *File) longLabels() string {
	var b strings.Builder
	for i := range s.vars {
		v := &s.vars[i]
		if v.width <= 8 || len(v.values) == 0 {
			continue
		}
		b.WriteString(int32s(len(v.name)) + v.name + int32s(v.width) + int32s(len(v.values)))
		for _, one := range v.values {
			b.WriteString(int32s(v.width) + pad(one.text, v.width) + int32s(len(one.label)) + one.label)
		}
	}
	return b.String()
}

func (s *File) longMissing() string {
	var b strings.Builder
	for i := range s.vars {
		v := &s.vars[i]
		if v.width <= 8 || v.marks == nil {
			continue
		}
		b.WriteString(int32s(len(v.name)) + v.name + string([]byte{byte(len(marks))}) + int32s(8))
		for _, n := range v.marks {
			b.WriteString(pad(markText(n), 8))
		}
	}
	return b.String()
}
