package exports

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"servicepoint/content"

	"github.com/xuri/excelize/v2"
)

// book is a workbook in the making. The library builds styles, tables, charts,
// names and all small sheets; sheets of many rows are [tall]: of them it builds
// everything around the rows, and the rows are spliced in behind it.
type book struct {
	ctx       context.Context
	dir       string // for parts of tall sheets, which hold answers; its owner removes it
	file      *excelize.File
	styles    styles
	cells     cellMaker
	heading   string // on every page of paper, at the right
	watermark string
	perSheet  int              // rows of a tall sheet before the next one begins
	charted   int              // rows of the sheet of charts that are taken
	parts     map[string]*part // of tall sheets, by their name in the archive
	names     []excelize.DefinedName
}

// about is what the properties of the document say.
type about struct {
	title, subject, category, keywords, description string
	program                                         string
	made                                            time.Time
}

// newBook begins a workbook whose only sheet is Lesemich.
func newBook(ctx context.Context, dir string, a about) (*book, error) {
	// The library's temporary files hold answers as well.
	b := &book{ctx: ctx, dir: dir, perSheet: MaxRows, parts: map[string]*part{}, file: excelize.NewFile(excelize.Options{TmpDir: dir})}
	var err error
	if b.styles, err = newStyles(b.file); err != nil {
		return nil, errors.Join(err, b.file.Close())
	}
	b.cells.dateStyle = b.styles.date
	if err := b.describe(a); err != nil {
		return nil, errors.Join(err, b.file.Close())
	}
	return b, nil
}

func (b *book) close() error {
	for _, p := range b.parts {
		if p.file != nil {
			p.file.Close() // written whole or of no use
		}
	}
	return b.file.Close()
}

func (b *book) describe(a about) error {
	stamp := a.made.UTC().Format("2006-01-02T15:04:05Z")
	if err := b.file.SetDocProps(&excelize.DocProperties{
		Title: b.cells.text(a.title), Subject: a.subject, Creator: "Stadt Kassel, Kassel Service Point",
		LastModifiedBy: a.program, Category: a.category, Keywords: a.keywords, Language: "de-DE",
		Description: a.description + "; erzeugt von " + a.program, Created: stamp, Modified: stamp,
	}); err != nil {
		return err
	}
	if err := b.file.SetAppProps(&excelize.AppProperties{Application: "Kassel Service Point", Company: "Stadt Kassel"}); err != nil {
		return err
	}
	return b.file.SetSheetName("Sheet1", SheetReadme)
}

// add makes empty sheets, in this order, with their print set-up; those that are
// there already stay as they are.
func (b *book) add(sheets ...string) error {
	for _, sheet := range sheets {
		if index, err := b.file.GetSheetIndex(sheet); err != nil {
			return fmt.Errorf("sheet %s: %w", sheet, err)
		} else if index >= 0 {
			continue
		}
		if _, err := b.file.NewSheet(sheet); err != nil {
			return fmt.Errorf("sheet %s: %w", sheet, err)
		}
		if err := b.printing(sheet); err != nil {
			return fmt.Errorf("sheet %s: %w", sheet, err)
		}
	}
	return nil
}

// tall is a sheet of many rows. When its rows are more than a sheet holds it
// goes on in "<name>_2" and so on; every one has the same heading.
type tall struct {
	book    *book
	sheets  []string
	parts   []*part
	letters []string // of the columns
	places  []string // what cells of the columns begin with, up to the number of the row
	last    []int    // rows of each sheet, the heading counted
	cells   cellMaker

	at     int // of the sheets
	row    int // of the sheet, the heading is 1
	digits []byte

	beginDay, beginClock string            // of cells
	days                 map[string]string // in a spreadsheet's numbers; "" is no day
}

// tall lays out a sheet for count rows: the heading, frozen, over a table with
// its filter; widths; what is printed on every page. The table is called name
// and, on further sheets, name_2. [book.open] comes before the first row.
func (b *book) tall(sheet, name string, headings []string, widths []float64, count int) (*tall, error) {
	t := &tall{book: b, beginDay: beginStyled(b.styles.date), beginClock: beginStyled(b.styles.clock), days: map[string]string{}}
	for i := range headings {
		letter, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return nil, err
		}
		t.letters, t.places = append(t.letters, letter), append(t.places, `<c r="`+letter)
	}
	for n := 1; n == 1 || count > 0; n++ {
		one, table, rows := sheet, name, min(count, b.perSheet)
		if count -= rows; n > 1 {
			one, table = fmt.Sprintf("%s_%d", sheet, n), fmt.Sprintf("%s_%d", name, n)
		}
		if err := b.add(one); err != nil {
			return nil, err
		}
		if err := b.head(one, table, headings, widths, rows); err != nil {
			return nil, err
		}
		p := &part{sheet: one}
		for id, title := range b.file.GetSheetMap() {
			if title == one {
				p.name = "xl/worksheets/sheet" + strconv.Itoa(id) + ".xml"
			}
		}
		b.parts[p.name] = p
		t.sheets, t.parts, t.last = append(t.sheets, one), append(t.parts, p), append(t.last, rows+1)
	}
	return t, nil
}

// head writes the heading of a sheet and lays a table over it and rows below.
func (b *book) head(sheet, name string, headings []string, widths []float64, rows int) error {
	for i, title := range headings {
		if err := b.cell(sheet, i+1, 1, title, b.styles.head); err != nil {
			return err
		}
		letter, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return err
		}
		if err := b.file.SetColWidth(sheet, letter, letter, widths[i]); err != nil {
			return err
		}
	}
	if err := b.file.SetPanes(sheet, frozenHeader); err != nil {
		return err
	}
	// A table without a row would be called broken.
	area, err := area(len(headings), max(rows, 1)+1)
	if err != nil {
		return err
	}
	if err := b.file.SetSheetDimension(sheet, area); err != nil {
		return err
	}
	b.names = append(b.names, excelize.DefinedName{Name: "_xlnm.Print_Titles", RefersTo: quoted(sheet) + "!$1:$1", Scope: sheet})
	return b.file.AddTable(sheet, &excelize.Table{Range: area, Name: name, StyleName: tableStyle})
}

// quoted is a sheet's name as formulas and names write it.
func quoted(sheet string) string { return "'" + strings.ReplaceAll(sheet, "'", "''") + "'" }

// area is the range from A1 over so many columns and rows.
func area(columns, rows int) (string, error) {
	last, err := excelize.CoordinatesToCellName(columns, rows)
	return "A1:" + last, err
}

// draw puts a chart below the others on the sheet of charts.
func (b *book) draw(chart *excelize.Chart) error {
	const rowHeight = 20                       // pixels
	if err := b.add(SheetCharts); err != nil { // there already: nothing happens
		return err
	}
	at := "A" + strconv.Itoa(b.charted+1)
	b.charted += int(chart.Dimension.Height)/rowHeight + 4
	return b.file.AddChart(SheetCharts, at, chart)
}

// part is a tall sheet in the archive: compressed into a file of its own while
// other sheets grow beside it, and copied into the archive as it is.
type part struct {
	name, sheet string
	head, tail  []byte // what the library built, before and after the further rows

	file    *os.File
	out     *bufio.Writer
	deflate *flate.Writer
	crc     hash.Hash32
	bytes   uint64 // before compression
	buf     []byte
}

// open asks the library for everything around the rows of the tall sheets. What
// is said about such a sheet afterwards would be lost, so [archive] looks again.
func (b *book) open() error {
	b.file.SetZipWriter(func(io.Writer) excelize.ZipWriter { return looking{b.parts} })
	if err := b.file.Write(io.Discard); err != nil {
		return err
	}
	for _, p := range b.parts {
		if p.file != nil {
			continue
		}
		if p.head == nil {
			return fmt.Errorf("exports: the library has no part %s for the sheet %s", p.name, p.sheet)
		}
		if err := p.begin(b.dir); err != nil {
			return err
		}
	}
	return nil
}

// looking takes the parts of tall sheets and nothing else.
type looking struct{ parts map[string]*part }

func (l looking) Create(name string) (io.Writer, error) {
	p := l.parts[name]
	if p == nil || p.head != nil {
		return io.Discard, nil
	}
	return splitter{p}, nil
}

func (looking) AddFS(fs.FS) error { return errors.ErrUnsupported }
func (looking) Close() error      { return nil }

type splitter struct{ p *part }

var endOfRows = []byte("</sheetData>")

func (s splitter) Write(b []byte) (int, error) {
	at := bytes.Index(b, endOfRows)
	if s.p.head != nil || at < 0 {
		return 0, fmt.Errorf("exports: cannot splice rows into %s", s.p.name)
	}
	s.p.head, s.p.tail = bytes.Clone(b[:at]), bytes.Clone(b[at:])
	return len(b), nil
}

// level is archive/zip's own.
const level = 5

func (p *part) begin(dir string) (err error) {
	if p.file, err = os.CreateTemp(dir, "rows-*"); err != nil {
		return err
	}
	p.out, p.crc = bufio.NewWriterSize(p.file, 1<<16), newCRC()
	if p.deflate, err = flate.NewWriter(p.out, level); err != nil {
		return err
	}
	p.buf = append(make([]byte, 0, 2*full), p.head...)
	return nil
}

// full is when the rows at hand are compressed.
const full = 1 << 16

func (p *part) flush() error {
	if p.bytes += uint64(len(p.buf)); p.bytes > maxPart {
		// Spreadsheets call a file broken whose parts are larger without ZIP64 in
		// their own headers; few could open such a sheet anyway.
		return refuse("Die Antworten sind zusammen zu lang für eine Arbeitsmappe (über 4 GB in einem Blatt). Bitte CSV oder Parquet wählen.", "a sheet of more than 4 GiB")
	}
	p.crc.Write(p.buf)
	_, err := p.deflate.Write(p.buf)
	p.buf = p.buf[:0]
	return err
}

const maxPart = math.MaxUint32

func (p *part) end() error {
	p.buf = append(p.buf, p.tail...)
	if err := p.flush(); err != nil {
		return err
	}
	if err := p.deflate.Close(); err != nil {
		return err
	}
	p.deflate = nil
	return p.out.Flush()
}

// copyTo puts the finished part into the archive.
func (p *part) copyTo(z *zip.Writer) error {
	size, err := p.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	w, err := z.CreateRaw(&zip.FileHeader{
		Name: p.name, Method: zip.Deflate, CRC32: p.crc.Sum32(), CompressedSize64: uint64(size), UncompressedSize64: p.bytes,
	})
	if err != nil {
		return err
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err = io.Copy(w, p.file)
	return err
}

// writeTo streams the archive into a new file at path and syncs it; the library's
// own Save would build all of it in memory first.
func (b *book) writeTo(path string, sum *Summary) error {
	for i := range b.names {
		if err := b.file.SetDefinedName(&b.names[i]); err != nil {
			return fmt.Errorf("name %s: %w", b.names[i].Name, err)
		}
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	out := &output{ctx: b.ctx, hash: sha256.New(), file: bufio.NewWriterSize(file, 1<<16)}
	a := &archive{Writer: zip.NewWriter(out), parts: b.parts}
	b.file.SetZipWriter(func(io.Writer) excelize.ZipWriter { return a })
	if err := errors.Join(b.file.Write(io.Discard), a.late); err != nil {
		return err
	}
	if err := out.file.Flush(); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	sum.Bytes, sum.SHA256 = out.bytes, hex.EncodeToString(out.hash.Sum(nil))
	return file.Close()
}

// archive takes what the library writes and, in place of its parts of tall
// sheets, the finished ones.
type archive struct {
	*zip.Writer
	parts map[string]*part
	late  error // the library goes on after an error of one part
}

func (a *archive) Create(name string) (io.Writer, error) {
	if p := a.parts[name]; p != nil {
		return same{a, p}, p.copyTo(a.Writer)
	}
	return a.Writer.Create(name)
}

// same sees to it that nothing was said about a tall sheet too late.
type same struct {
	a *archive
	p *part
}

func (s same) Write(b []byte) (int, error) {
	if len(b) != len(s.p.head)+len(s.p.tail) || !bytes.HasPrefix(b, s.p.head) || !bytes.HasSuffix(b, s.p.tail) {
		s.a.late = fmt.Errorf("exports: the sheet %s was changed after its first row", s.p.sheet)
	}
	return len(b), nil
}

// output hashes what goes into the file and stops when the context ends.
type output struct {
	ctx   context.Context
	hash  hash.Hash
	file  *bufio.Writer
	bytes int64
}

func (o *output) Write(b []byte) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := o.file.Write(b)
	o.hash.Write(b[:n])
	o.bytes += int64(n)
	return n, err
}

// whole makes a file at path, whole or not at all: make writes it to the path
// that it gets, in a folder of its own beside path, so that the rename stays on
// one file system. Nothing stays behind when make fails.
func whole(path string, make func(dir, path string) error) error {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".export-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	beside := filepath.Join(dir, "workbook.xlsx")
	if err := make(dir, beside); err != nil {
		return err
	}
	if err := os.Rename(beside, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// stamp is a moment as people in Kassel read it.
func stamp(t time.Time) string {
	return t.In(content.Berlin).Format("02.01.2006 15:04") + " Uhr (Ortszeit Berlin)"
}

// sheetName makes a title into the name of a sheet that is not yet taken: at most
// 31 UTF-16 units, without what formulas would stumble over.
func (b *book) sheetName(title string) string {
	title = strings.Trim(strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if strings.ContainsRune(`[]:*?/\`, r) || r < ' ' {
			return ' '
		}
		return legalRune(r)
	}, title)), " "), "' ")
	if title == "" || strings.EqualFold(title, "History") { // Excel keeps that one for itself
		title = "Tabelle"
	}
	for n := 1; ; n++ {
		end := ""
		if n > 1 {
			end = "_" + strconv.Itoa(n)
		}
		name := strings.TrimRight(cutUnits(title, 31-len(end)), "' ") + end
		if index, err := b.file.GetSheetIndex(name); err == nil && index < 0 {
			return name
		}
	}
}

// cutUnits is the longest beginning of s of at most so many UTF-16 units.
func cutUnits(s string, units int) string {
	for i, r := range s {
		if units -= utf16.RuneLen(r); units < 0 {
			return s[:i]
		}
	}
	return s
}
