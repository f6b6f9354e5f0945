package exports

import (
	"archive/zip"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey/tally"

	"github.com/xuri/excelize/v2"
)

// The sheets, in their order.
const (
	SheetReadme      = "Lesemich"
	SheetCodebook    = "Codebuch"
	SheetCodes       = "Daten_Codes"
	SheetText        = "Daten_Text"
	SheetFrequencies = "Häufigkeiten"
)

// Summary says what a finished workbook holds and what had to be changed in it.
type Summary struct {
	Rows      int    // responses
	Columns   int    // of Daten_Codes
	Bytes     int64  // of the file
	SHA256    string // of the file, hexadecimal
	Truncated int    // cells shortened to [MaxCellUnits]; they end with [Shortened]
	Replaced  int    // cells with characters that XML cannot hold, now U+FFFD
	Unplaced  int    // answers to items that no version has: they are in no column
}

// ErrCount means that the iterator gave another number of rows than announced:
// both must come from one snapshot.
var ErrCount = errors.New("exports: the number of rows is not the one announced")

// WriteWorkbook writes an XLSX file to path, whole or not at all: it is written
// beside, synced and renamed, and nothing stays behind when ctx ends or anything
// fails. progress (may be nil) is called now and then with the rows written.
// A [*Refusal] means that the survey does not fit into a workbook; memory does
// not grow with the number of rows.
func WriteWorkbook(ctx context.Context, path string, s Survey, progress func(done, total int)) (Summary, error) {
	if progress == nil {
		progress = func(int, int) {}
	}
	m, err := tally.Merge(s.Versions)
	if err != nil {
		return Summary{}, err
	}
	if s.Count > MaxRows {
		return Summary{}, refuse("Die Umfrage hat mehr Antworten, als in ein Tabellenblatt passen (1.048.575).",
			"%d responses, a sheet holds %d", s.Count, MaxRows)
	}
	columns, err := columnsOf(m, s.Personal, s.FreeText)
	if err != nil {
		return Summary{}, err
	}
	// In the folder of the target, so that the rename stays on one file system;
	// the library's temporary files hold answers and go the same way.
	dir, err := os.MkdirTemp(filepath.Dir(path), ".export-*")
	if err != nil {
		return Summary{}, err
	}
	defer os.RemoveAll(dir)

	w := &workbook{
		ctx: ctx, survey: s, merged: m, columns: columns, progress: progress,
		file:    excelize.NewFile(excelize.Options{TmpDir: dir}),
		counter: tally.NewCounter(m), by: map[[2]string]int{},
	}
	defer w.file.Close()
	sum, err := w.write(filepath.Join(dir, "workbook.xlsx"))
	if err != nil {
		return Summary{}, err
	}
	if err := os.Rename(filepath.Join(dir, "workbook.xlsx"), path); err != nil {
		return Summary{}, err
	}
	return sum, syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// workbook is one workbook in the making.
type workbook struct {
	ctx      context.Context
	survey   Survey
	merged   *tally.Survey
	columns  []column
	progress func(done, total int)

	file    *excelize.File
	styles  styles
	cells   cellMaker
	counter *tally.Counter
	sum     Summary

	// For the sheet Lesemich.
	by        map[[2]string]int // responses by channel and language
	versions  map[int]int
	first, to string // days
}

func (w *workbook) write(path string) (Summary, error) {
	w.sum.Columns = len(w.columns)
	w.versions = map[int]int{}
	for _, step := range []func() error{w.prepare, w.writeData, w.writeCodebook, w.writeFrequencies, w.writeReadme, w.name} {
		if err := step(); err != nil {
			return Summary{}, err
		}
	}
	err := w.save(path)
	return w.sum, err
}

// prepare makes the sheets in their order, the styles and the document properties.
func (w *workbook) prepare() error {
	var err error
	if w.styles, err = newStyles(w.file); err != nil {
		return err
	}
	w.cells.dateStyle = w.styles.date
	if err := w.file.SetSheetName("Sheet1", SheetReadme); err != nil {
		return err
	}
	for _, name := range []string{SheetCodebook, SheetCodes, SheetText, SheetFrequencies} {
		if _, err := w.file.NewSheet(name); err != nil {
			return err
		}
	}
	for _, name := range []string{SheetReadme, SheetCodebook, SheetCodes, SheetText, SheetFrequencies} {
		if err := w.printing(name); err != nil {
			return err
		}
	}
	stamp := w.survey.Exported.UTC().Format("2006-01-02T15:04:05Z")
	if err := w.file.SetDocProps(&excelize.DocProperties{
		Title: w.cells.text(w.title()), Subject: "Umfrage " + w.merged.Slug, Creator: "Stadt Kassel, Kassel Service Point",
		LastModifiedBy: w.survey.Program, Category: "Umfrage", Keywords: w.merged.Slug, Language: "de-DE",
		Description: "Antworten, Codebuch und Häufigkeiten; erzeugt von " + w.survey.Program, Created: stamp, Modified: stamp,
	}); err != nil {
		return err
	}
	return w.file.SetAppProps(&excelize.AppProperties{Application: "Kassel Service Point", Company: "Stadt Kassel"})
}

// writeData writes both data sheets in one pass over the rows. Everything about
// a streamed sheet has to be said before its first row: widths, panes and the
// dimension given later would be lost without an error.
func (w *workbook) writeData() error {
	var names, textNames []any
	var widths, textWidths []float64
	for _, col := range w.columns {
		names, widths = append(names, col.name), append(widths, col.width)
		if col.option == nil {
			textNames, textWidths = append(textNames, col.name), append(textWidths, max(col.width, 16))
		}
	}
	codes, err := w.stream(SheetCodes, names, widths)
	if err != nil {
		return err
	}
	text, err := w.stream(SheetText, textNames, textWidths)
	if err != nil {
		return err
	}
	var one row
	codeRow, textRow := make([]any, len(names)), make([]any, len(textNames))
	for r, err := range w.survey.Rows {
		if err == nil {
			err = w.ctx.Err()
		}
		if err == nil && w.sum.Rows == w.survey.Count {
			err = fmt.Errorf("%w: more than %d", ErrCount, w.survey.Count)
		}
		if err == nil {
			one.Response = r
			one.empty, err = w.merged.Empty(r)
		}
		if err != nil {
			return err
		}
		w.take(&one)
		w.fill(codeRow, textRow, &one)
		at := fmt.Sprintf("A%d", w.sum.Rows+1)
		if err := codes.SetRow(at, codeRow); err != nil {
			return err
		}
		if err := text.SetRow(at, textRow); err != nil {
			return err
		}
		if w.sum.Rows%500 == 0 {
			w.progress(w.sum.Rows, w.survey.Count)
		}
	}
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.sum.Rows != w.survey.Count {
		return fmt.Errorf("%w: %d instead of %d", ErrCount, w.sum.Rows, w.survey.Count)
	}
	w.progress(w.sum.Rows, w.survey.Count)
	if err := w.endStream(codes, "TabelleCodes", len(names)); err != nil {
		return err
	}
	return w.endStream(text, "TabelleText", len(textNames))
}

// fill makes the row of both data sheets; what both changed is counted once.
func (w *workbook) fill(codeRow, textRow []any, r *row) {
	before := w.cells
	w.cells.codes(codeRow, w.columns, r)
	codes := w.cells
	w.cells.truncated, w.cells.replaced = before.truncated, before.replaced
	w.cells.labels(textRow, w.columns, r)
	w.cells.truncated = max(w.cells.truncated, codes.truncated)
	w.cells.replaced = max(w.cells.replaced, codes.replaced)
}

// take counts a response for the other sheets.
func (w *workbook) take(r *row) {
	w.counter.AddRead(r.Response, r.empty)
	w.sum.Rows++
	w.by[[2]string{r.Channel, r.Language}]++
	w.versions[r.Version]++
	if w.first == "" || r.Day < w.first {
		w.first = r.Day
	}
	w.to = max(w.to, r.Day)
	for key := range r.Answers {
		if w.merged.Variable(strings.TrimSuffix(key, "?")) == nil {
			w.sum.Unplaced++
		}
	}
}

func (w *workbook) title() string {
	s, _ := w.merged.Title.In(content.German)
	return s
}

func (w *workbook) stream(sheet string, names []any, widths []float64) (*excelize.StreamWriter, error) {
	area, err := area(len(names), w.survey.Count+1)
	if err != nil {
		return nil, err
	}
	if err := w.file.SetSheetDimension(sheet, area); err != nil {
		return nil, err
	}
	sw, err := w.file.NewStreamWriter(sheet)
	if err != nil {
		return nil, err
	}
	for i, width := range widths {
		if err := sw.SetColWidth(i+1, i+1, width); err != nil {
			return nil, err
		}
	}
	if err := sw.SetPanes(frozenHeader); err != nil {
		return nil, err
	}
	head := make([]any, len(names))
	for i, name := range names {
		head[i] = excelize.Cell{StyleID: w.styles.head, Value: name}
	}
	return sw, sw.SetRow("A1", head)
}

// endStream lays a table with its filter over the rows and closes the sheet.
func (w *workbook) endStream(sw *excelize.StreamWriter, table string, columns int) error {
	area, err := area(columns, w.survey.Count+1)
	if err != nil {
		return err
	}
	if err := sw.AddTable(&excelize.Table{Range: area, Name: table, StyleName: tableStyle}); err != nil {
		return err
	}
	return sw.Flush()
}

// area is the range from A1 over so many columns and rows.
func area(columns, rows int) (string, error) {
	last, err := excelize.CoordinatesToCellName(columns, rows)
	return "A1:" + last, err
}

// save streams the archive straight into the file; the library's own Save would
// build all of it in memory first.
func (w *workbook) save(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	out := &output{ctx: w.ctx, hash: sha256.New(), file: bufio.NewWriterSize(file, 1<<16)}
	w.file.SetZipWriter(func(io.Writer) excelize.ZipWriter { return &parts{Writer: zip.NewWriter(out)} })
	if err := w.file.Write(io.Discard); err != nil {
		return err
	}
	if err := out.file.Flush(); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	w.sum.Bytes, w.sum.SHA256 = out.bytes, hex.EncodeToString(out.hash.Sum(nil))
	return file.Close()
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

// parts refuses parts of 4 GiB: spreadsheets call a file broken whose local
// header does not announce ZIP64, and a streamed header cannot know.
type parts struct{ *zip.Writer }

func (p *parts) Create(name string) (io.Writer, error) {
	w, err := p.Writer.Create(name)
	return &part{w: w}, err
}

type part struct {
	w     io.Writer
	bytes int64
}

func (p *part) Write(b []byte) (int, error) {
	if p.bytes += int64(len(b)); p.bytes > math.MaxUint32 {
		return 0, refuse("Die Antworten sind zusammen zu lang für eine Arbeitsmappe (über 4 GB in einem Blatt).", "a sheet of more than 4 GiB")
	}
	return p.w.Write(b)
}
