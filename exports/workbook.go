package exports

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey/tally"
	"servicepoint/exports/frame"

	"github.com/xuri/excelize/v2"
)

// The sheets, in their order. Daten_Text has one for every language of the
// questionnaire, "Daten_Text_en" for example.
const (
	SheetReadme      = "Lesemich"
	SheetCodebook    = "Codebuch"
	SheetCodes       = "Daten_Codes"
	SheetText        = "Daten_Text"
	SheetFrequencies = "Häufigkeiten"
	SheetCharts      = "Diagramme"
	SheetCrosstables = "Kreuztabellen"
	SheetOpenTexts   = "Offene_Antworten" // for those who are cleared for texts
	SheetPlaces      = "Orte"             // when a question asks for a place on the map
	SheetParadata    = "Paradaten"
	SheetVersions    = "Versionen"
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

func (s Summary) truncatedText() string {
	return fmt.Sprintf("%d (eine Zelle fasst 32.767 Zeichen; gekürzte Texte enden mit „%s“)", s.Truncated, strings.TrimSpace(Shortened))
}

func (s Summary) replacedText() string {
	return fmt.Sprintf("in %d Zellen (Steuerzeichen, die eine Tabelle nicht halten kann, stehen als „\uFFFD“)", s.Replaced)
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
	if err := tooMany(s.Count); err != nil {
		return Summary{}, err
	}
	columns, err := columnsOf(m, s.Personal, s.FreeText)
	if err != nil {
		return Summary{}, err
	}
	var sum Summary
	err = whole(path, func(dir, path string) error {
		b, err := newBook(ctx, dir, about{
			title: german(m.Title), subject: "Umfrage " + m.Slug, category: "Umfrage", keywords: m.Slug,
			description: "Antworten, Codebuch und Häufigkeiten", program: s.Program, made: s.Exported,
		})
		if err != nil {
			return err
		}
		defer b.close()
		b.heading, b.watermark = "Umfrage "+m.Slug, s.Watermark
		if s.perSheet > 0 {
			b.perSheet = s.perSheet
		}
		w := &workbook{book: b, survey: s, merged: m, columns: columns, progress: progress, by: map[[2]string]int{}, versions: map[int]int{}}
		sum, err = w.write(path)
		return err
	})
	return sum, err
}

// tooMany refuses what no spreadsheet program opens in reasonable time.
func tooMany(rows int) error {
	if rows > MaxSheets*MaxRows {
		return refuse("Es sind mehr Antworten, als in eine Arbeitsmappe passen (10.485.750). Bitte CSV oder Parquet wählen.",
			"%d rows, a workbook holds %d", rows, MaxSheets*MaxRows)
	}
	return nil
}

// workbook is the workbook of a survey in the making.
type workbook struct {
	*book
	survey   Survey
	merged   *tally.Survey
	columns  []column
	progress func(done, total int)

	codes    *tall
	texts    []textSheet
	shown    map[string]bool // variables that have a column, by their keys
	counter  *tally.Counter
	written  *openTexts // nil: there is no such sheet
	points   []*tally.Variable
	places   map[string]map[field]int
	paradata paradata
	charts   []chartRows
	dayRows  int // of Paradaten
	sum      Summary

	// For the sheet Lesemich.
	by        map[[2]string]int // responses by channel and language
	versions  map[int]int
	first, to string // days
}

// textSheet is Daten_Text in one language.
type textSheet struct {
	language string
	tall     *tall
}

func (w *workbook) write(path string) (Summary, error) {
	defer func() {
		if w.written != nil {
			w.written.close()
		}
	}()
	w.sum.Columns = len(w.columns)
	for _, step := range []func() error{
		w.prepare, w.lay, w.open, w.writeData, w.writeCodebook, w.writeFrequencies, w.writeCrosstables, w.writeOpenTexts, w.writePlaces,
		w.writeParadata, w.writeCharts, w.writeVersions, w.writeLesemich, w.name,
	} {
		if err := step(); err != nil {
			return Summary{}, err
		}
	}
	err := w.writeTo(path, &w.sum)
	return w.sum, err
}

// prepare decides what is counted and gathered.
func (w *workbook) prepare() error {
	w.shown, w.places, w.paradata = map[string]bool{}, map[string]map[field]int{}, newParadata()
	var open []*tally.Variable
	for _, col := range w.columns {
		if col.variable == nil || col.option != nil {
			continue
		}
		w.shown[col.variable.Key] = true
		if isOpen(col.variable) {
			open = append(open, col.variable)
		}
	}
	w.points = w.pointsOf()
	w.counter = tally.NewCounter(w.merged, w.pairs()...)
	if !w.survey.FreeText { // they have no column
		return w.released()
	}
	if len(open) == 0 {
		return nil
	}
	var err error
	w.written, err = newOpenTexts(w.dir, w.survey.Random, open)
	return err
}

// lay makes the sheets in their order and everything around the rows of those
// that hold the answers.
func (w *workbook) lay() error {
	if err := w.printing(SheetReadme); err != nil {
		return err
	}
	if err := w.add(SheetCodebook); err != nil {
		return err
	}
	var names, textNames []string
	var widths, textWidths []float64
	for _, col := range w.columns {
		names, widths = append(names, col.name), append(widths, col.width)
		if col.option == nil {
			textNames, textWidths = append(textNames, col.name), append(textWidths, max(col.width, 16))
		}
	}
	var err error
	if w.codes, err = w.tall(SheetCodes, "TabelleCodes", names, widths, w.survey.Count); err != nil {
		return err
	}
	for _, lang := range languagesOf(w.merged) {
		sheet, name := SheetText, "TabelleText"
		if lang != content.German {
			sheet, name = sheet+"_"+lang, name+"_"+lang
		}
		t, err := w.tall(sheet, name, textNames, textWidths, w.survey.Count)
		if err != nil {
			return err
		}
		w.texts = append(w.texts, textSheet{lang, t})
	}
	for _, one := range []struct {
		sheet string
		there bool
	}{
		{SheetFrequencies, true}, {SheetCharts, w.survey.Count > 0}, {SheetCrosstables, len(w.counter.Tables()) > 0}, {SheetOpenTexts, w.written != nil},
		{SheetPlaces, len(w.points) > 0}, {SheetParadata, true}, {SheetVersions, true},
	} {
		if one.there {
			if err := w.add(one.sheet); err != nil {
				return err
			}
		}
	}
	return nil
}

// languagesOf are the languages that any version was asked in, German first.
func languagesOf(m *tally.Survey) (languages []string) {
	asked := map[string]bool{content.German: true}
	for _, q := range m.Versions {
		for _, lang := range q.Languages {
			asked[lang] = true
		}
	}
	for _, lang := range content.Languages {
		if asked[lang] {
			languages = append(languages, lang)
		}
	}
	return languages
}

// writeData writes all sheets of answers in one pass over the rows.
func (w *workbook) writeData() error {
	kinds := make([]frame.Kind, len(w.columns))
	for i, col := range w.columns {
		kinds[i] = frameColumn(w.merged, col).Kind
	}
	var one row
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
		if err := w.take(&one); err != nil {
			return err
		}
		if err := w.writeRow(kinds, &one); err != nil {
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
	// What several sheets changed is counted once.
	w.sum.Truncated, w.sum.Replaced = w.codes.cells.truncated, w.codes.cells.replaced
	for _, text := range w.texts {
		w.sum.Truncated = max(w.sum.Truncated, text.tall.cells.truncated)
		w.sum.Replaced = max(w.sum.Replaced, text.tall.cells.replaced)
		if err := text.tall.close(); err != nil {
			return err
		}
	}
	return w.codes.close()
}

func (w *workbook) writeRow(kinds []frame.Kind, r *row) error {
	if err := w.codes.begin(); err != nil {
		return err
	}
	for i, col := range w.columns {
		w.codes.value(i, kinds[i], frameValue(col, kinds[i], r))
	}
	if err := w.codes.end(); err != nil {
		return err
	}
	for _, text := range w.texts {
		if err := text.row(w.columns, kinds, r); err != nil {
			return err
		}
	}
	return nil
}

// row writes what was answered in words.
func (s textSheet) row(columns []column, kinds []frame.Kind, r *row) error {
	if err := s.tall.begin(); err != nil {
		return err
	}
	n := 0
	for i, col := range columns {
		if col.option != nil {
			continue
		}
		switch v := frameValue(col, kinds[i], r); {
		case col.variable == nil:
			s.tall.value(n, kinds[i], frameLabel(col, v, s.language))
		case v.State == frame.Mark:
			s.tall.text(n, named(markWords, v.Text, s.language))
		case v.State == frame.Words && col.variable.Listed:
			codes, _ := tally.CodesOf(r.Answers[col.variable.Key])
			names := make([]string, len(codes))
			for i, code := range codes {
				names[i] = col.variable.Of.Label(code, s.language)
			}
			s.tall.text(n, strings.Join(names, "; "))
		default:
			s.tall.value(n, kinds[i], v)
		}
		n++
	}
	return s.tall.end()
}

// frameLabel puts the name of a language or channel in place of its code.
func frameLabel(col column, v frame.Value, lang string) frame.Value {
	switch col.meta {
	case "language":
		v.Text = named(languageNames, v.Text, lang)
	case "channel":
		v.Text = named(channelNames, v.Text, lang)
	}
	return v
}

// take counts a response for the other sheets.
func (w *workbook) take(r *row) error {
	w.counter.AddRead(r.Response, r.empty)
	w.paradata.add(r.Response)
	w.takePlaces(r.Response)
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
	if w.written == nil || !w.survey.FreeText {
		return nil
	}
	return w.written.add(r.Response)
}

// name gives names to what formulas and pivot tables refer to: the data ("Daten",
// "Daten_2" and so on) and, when they are on one sheet, each item's column
// ("Antwort_" + code).
func (w *workbook) name() error {
	t := w.codes
	for i, sheet := range t.sheets {
		name := "Daten"
		if i > 0 {
			name = fmt.Sprintf("Daten_%d", i+1)
		}
		w.names = append(w.names, excelize.DefinedName{Name: name, RefersTo: fmt.Sprintf("%s!$A$1:$%s$%d", sheet, t.letters[len(t.letters)-1], t.last[i])})
	}
	if len(t.sheets) > 1 || w.survey.Count == 0 {
		return nil
	}
	for i, col := range w.columns {
		if col.variable != nil && col.option == nil {
			w.names = append(w.names, excelize.DefinedName{
				Name: "Antwort_" + col.name, RefersTo: fmt.Sprintf("%s!$%s$2:$%s$%d", SheetCodes, t.letters[i], t.letters[i], t.last[0]),
			})
		}
	}
	return nil
}
