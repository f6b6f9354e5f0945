// Package ods writes frames as OpenDocument spreadsheets (ODF 1.3, ISO/IEC 26300): a
// sheet "Daten" with typed cells and a sheet "Codebuch". Its peer for OOXML is the
// workbook of package exports; rules for texts, marks and days are the same.
//
// Rows are streamed into the compressed file; memory does not grow with them.
package ods

import (
	"archive/zip"
	"compress/flate"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/exports/frame"
)

// MaxRows is what a sheet holds besides its header; more go on in "Daten_2" and so on.
const MaxRows = 1_048_576 - 1

// MaxColumns is what LibreOffice and Excel read.
const MaxColumns = 16_384

// Writer is a sink that writes one file.
type Writer struct {
	zip      *zip.Writer
	w        io.Writer // content.xml
	f        *frame.Frame
	b        []byte
	rows     int
	sheets   []sheet
	replaced int
}

type sheet struct {
	name string
	rows int // with the header
	wide int
}

const mediaType = "application/vnd.oasis.opendocument.spreadsheet"

// New begins a file.
func New(w io.Writer, f *frame.Frame) (*Writer, error) {
	if len(f.Columns) > MaxColumns {
		return nil, fmt.Errorf("ods: %d columns, a sheet holds %d", len(f.Columns), MaxColumns)
	}
	o := &Writer{zip: zip.NewWriter(w), f: f}
	o.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.DefaultCompression) })
	if err := o.begin(); err != nil {
		return nil, err
	}
	o.prolog()
	o.beginData()
	return o, o.flush()
}

// begin writes the parts that are known before the rows. The media type comes first,
// neither compressed nor with any extra field: programs look for it at byte 38.
func (o *Writer) begin() error {
	m, err := o.zip.CreateRaw(&zip.FileHeader{
		Name: "mimetype", Method: zip.Store, CRC32: crc32.ChecksumIEEE([]byte(mediaType)),
		CompressedSize64: uint64(len(mediaType)), UncompressedSize64: uint64(len(mediaType)),
	})
	if err != nil {
		return err
	}
	if _, err := io.WriteString(m, mediaType); err != nil {
		return err
	}
	title, _ := o.f.Title.In(content.German)
	title, _ = frame.Tidy(title)
	var names []string
	for i := 0; i*MaxRows < max(o.f.Count, 1); i++ {
		names = append(names, dataName(i))
	}
	for _, part := range []struct{ name, body string }{
		{"META-INF/manifest.xml", manifest},
		{"styles.xml", styles},
		{"meta.xml", fmt.Sprintf(meta, escape(title))},
		{"settings.xml", settings(append(names, codebookName))},
	} {
		pw, err := o.zip.Create(part.name)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(pw, part.body); err != nil {
			return err
		}
	}
	o.w, err = o.zip.Create("content.xml")
	return err
}

func dataName(i int) string {
	if i == 0 {
		return "Daten"
	}
	return "Daten_" + strconv.Itoa(i+1)
}

const codebookName = "Codebuch"

func (o *Writer) flush() error {
	_, err := o.w.Write(o.b)
	o.b = o.b[:0]
	return err
}

func (o *Writer) raw(s string) { o.b = append(o.b, s...) }

func (o *Writer) prolog() {
	o.raw(contentHead)
	o.raw(`<office:body><office:spreadsheet><table:calculation-settings table:use-regular-expressions="false"/>`)
}

func (o *Writer) beginSheet(name string, styles ...string) {
	o.sheets = append(o.sheets, sheet{name: name, wide: len(styles)})
	o.raw(`<table:table table:name="` + name + `" table:print="true">`)
	for _, s := range styles {
		o.raw(`<table:table-column table:style-name="` + s + `" table:default-cell-style-name="Default"/>`)
	}
}

func (o *Writer) beginData() {
	styles := make([]string, len(o.f.Columns))
	for i, c := range o.f.Columns {
		styles[i] = "co"
		if c.Kind == frame.Text || c.Kind == frame.Codes {
			styles[i] = "cw"
		}
	}
	o.beginSheet(dataName(len(o.sheets)), styles...)
	heads := make([]string, len(o.f.Columns))
	for i, c := range o.f.Columns {
		heads[i] = c.Name
	}
	o.head(heads...)
}

func (o *Writer) head(names ...string) {
	o.raw(`<table:table-header-rows><table:table-row>`)
	for _, n := range names {
		o.text(n, "ch")
	}
	o.raw(`</table:table-row></table:table-header-rows>`)
	o.sheets[len(o.sheets)-1].rows++
}

func (o *Writer) endSheet() { o.raw(`</table:table>`) }

// Row writes one row.
func (o *Writer) Row(cells []frame.Value) error {
	at := &o.sheets[len(o.sheets)-1]
	if at.rows > MaxRows {
		o.endSheet()
		o.beginData()
		at = &o.sheets[len(o.sheets)-1]
	}
	o.rows++
	at.rows++
	o.raw(`<table:table-row>`)
	blanks := 0
	for i, v := range cells {
		if v.State == frame.Blank {
			blanks++
			continue
		}
		o.blanks(blanks)
		blanks = 0
		if err := o.cell(o.f.Columns[i], v); err != nil {
			return err
		}
	}
	o.blanks(blanks)
	o.raw(`</table:table-row>`)
	if len(o.b) < 32<<10 {
		return nil
	}
	return o.flush()
}

func (o *Writer) blanks(n int) {
	switch {
	case n == 1:
		o.raw(`<table:table-cell/>`)
	case n > 1:
		o.raw(`<table:table-cell table:number-columns-repeated="`)
		o.b = strconv.AppendInt(o.b, int64(n), 10)
		o.raw(`"/>`)
	}
}

func (o *Writer) cell(c frame.Column, v frame.Value) error {
	const exact = 1e15 // spreadsheets keep 15 digits: longer integers are texts
	if v.State == frame.Number && math.Abs(v.Number) >= exact && math.Trunc(v.Number) == v.Number && !math.IsInf(v.Number, 0) {
		o.text(string(frame.AppendNumber(nil, v.Number)), "")
		return nil
	}
	if v.State == frame.Number {
		if math.IsNaN(v.Number) || math.IsInf(v.Number, 0) {
			return fmt.Errorf("ods: row %d, column %s: %v is no number", o.rows, c.Name, v.Number)
		}
		o.raw(`<table:table-cell office:value-type="float" office:value="`)
		from := len(o.b)
		o.b = frame.AppendNumber(o.b, v.Number)
		to := len(o.b)
		o.raw(`"><text:p>`)
		o.b = append(o.b, o.b[from:to]...)
		o.raw(`</text:p></table:table-cell>`)
		return nil
	}
	s, replaced := v.Written()
	if replaced {
		o.replaced++
	}
	switch {
	case v.State == frame.Words && c.Kind == frame.Day && isDay(s):
		o.raw(`<table:table-cell table:style-name="cd" office:value-type="date" office:date-value="` + s + `"><text:p>` +
			s[8:10] + "." + s[5:7] + "." + s[:4] + `</text:p></table:table-cell>`)
	case v.State == frame.Words && c.Kind == frame.Time && isTime(s):
		o.raw(`<table:table-cell table:style-name="ct" office:value-type="time" office:time-value="PT` +
			s[:2] + "H" + s[3:5] + `M00S"><text:p>` + s + `</text:p></table:table-cell>`)
	default:
		o.text(s, "")
	}
	return nil
}

// The day before the first that all spreadsheets number alike (see the workbook).
var lastUncertainDay = time.Date(1900, time.February, 28, 0, 0, 0, 0, time.UTC)

func isDay(s string) bool {
	d, err := time.Parse(time.DateOnly, s)
	return err == nil && d.After(lastUncertainDay)
}

func isTime(s string) bool {
	_, err := time.Parse("15:04", s)
	return err == nil && len(s) == 5
}

// text writes a cell of text: nothing in it is ever evaluated. Blanks and lines have
// elements of their own, because readers fold blanks (ODF 1.3 part 3, 6.1.2). Tabs have
// one too, but LibreOffice 7.4 leaves it out and joins the words; as a character it
// keeps it, and other readers show a blank.
func (o *Writer) text(s, style string) {
	o.raw(`<table:table-cell`)
	if style != "" {
		o.raw(` table:style-name="` + style + `"`)
	}
	o.raw(` office:value-type="string"><text:p>`)
	blanks, begin := 0, true
	space := func() {
		if blanks > 0 {
			if !begin { // one blank between words is kept
				o.b = append(o.b, ' ')
				blanks--
			}
			if blanks > 0 {
				o.raw(`<text:s text:c="`)
				o.b = strconv.AppendInt(o.b, int64(blanks), 10)
				o.raw(`"/>`)
			}
			blanks = 0
		}
		begin = false
	}
	for i := range len(s) {
		c := s[i]
		if c == ' ' {
			blanks++
			continue
		}
		if c == '\n' || c == '\t' { // a blank beside them would be folded
			begin = begin || blanks > 0
		}
		space()
		switch c {
		case '\n':
			o.raw(`</text:p><text:p>`)
			begin = true
		case '\t':
			o.b = append(o.b, '\t')
			begin = true
		case '&':
			o.raw(`&amp;`)
		case '<':
			o.raw(`&lt;`)
		case '>':
			o.raw(`&gt;`)
		default:
			o.b = append(o.b, c)
		}
	}
	begin = true // blanks at the end
	space()
	o.raw(`</text:p></table:table-cell>`)
}

// Close writes the codebook and ends the file.
func (o *Writer) Close() error {
	o.endSheet()
	o.codebook()
	o.ranges()
	o.raw(`</office:spreadsheet></office:body></office:document-content>`)
	if err := o.flush(); err != nil {
		return err
	}
	return o.zip.Close()
}

// Replaced is how many texts held characters that no format can hold (frame.Tidy).
func (o *Writer) Replaced() int { return o.replaced }

var kindNames = map[frame.Kind]string{
	frame.Code: "Code", frame.Codes: "mehrere Codes", frame.Integer: "ganze Zahl", frame.Decimal: "Zahl", frame.Flag: "0 oder 1",
	frame.Day: "Tag", frame.Time: "Uhrzeit", frame.Text: "Text",
}

func (o *Writer) codebook() {
	o.beginSheet(codebookName, "cw", "cw", "co", "co", "co", "cw")
	o.head("Spalte", "Bedeutung", "Art", "Einheit", "Code", "Bezeichnung")
	line := func(cells ...string) {
		o.raw(`<table:table-row>`)
		for _, s := range cells {
			s, _ = frame.Tidy(s)
			if s == "" {
				o.blanks(1)
				continue
			}
			o.text(s, "")
		}
		o.raw(`</table:table-row>`)
		o.sheets[len(o.sheets)-1].rows++
	}
	for _, c := range o.f.Columns {
		label, _ := c.Label.In(content.German)
		line(c.Name, label, kindNames[c.Kind], c.Unit, "", "")
		for _, cat := range c.Categories {
			text, _ := cat.Text.In(content.German)
			line(c.Name, "", "", "", cat.Code, text)
		}
		if c.Marks {
			line(c.Name, "", "", "", frame.Skipped, "übersprungen")
			line(c.Name, "", "", "", frame.DontKnow, "weiß nicht")
			line(c.Name, "", "", "", frame.Declined, "keine Angabe")
		}
	}
	o.endSheet()
}

// ranges give every sheet its filter.
func (o *Writer) ranges() {
	o.raw(`<table:database-ranges>`)
	for _, s := range o.sheets {
		o.raw(`<table:database-range table:name="` + s.name + `" table:target-range-address="` + s.name + `.A1:` + s.name + `.` +
			columnName(s.wide) + strconv.Itoa(s.rows) + `" table:display-filter-buttons="true"/>`)
	}
	o.raw(`</table:database-ranges>`)
}

// columnName is A for 1, Z for 26, AA for 27.
func columnName(n int) string {
	var b []byte
	for ; n > 0; n = (n - 1) / 26 {
		b = append(b, byte('A'+(n-1)%26))
	}
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

func escape(s string) string { return escaper.Replace(s) }
