package exports

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/exports/frame"

	"github.com/xuri/excelize/v2"
)

// Tables is what goes into a workbook of frames, for example a report on
// bookings: a sheet for people about it, a typed sheet per frame, a codebook of
// all columns and, if there are any, charts.
type Tables struct {
	Title     string      // German
	About     [][2]string // lines of Lesemich: what, and what is to say about it
	Frames    []*frame.Frame
	Charts    []Chart
	Exported  time.Time // when the figures were read
	Program   string    // name and version of the program
	Watermark string    // who may use it, for what, until when; "" is none
}

// Chart draws columns of a frame: bars over the values of one column, or a line.
type Chart struct {
	Title    string
	Frame    string   // its name
	Category string   // name of the column below the bars
	Values   []string // names of columns of numbers
	Line     bool
	Stacked  bool // bars on top of each other
}

// WriteTables writes frames to an XLSX file at path, whole or not at all, like
// [WriteWorkbook]. Codes are shown as their German texts, headings are the
// German labels; the sheet Codebuch has both. Rows beyond what a sheet holds go
// on in further sheets.
func WriteTables(ctx context.Context, path string, t Tables, progress func(done, total int)) (sum Summary, err error) {
	err = whole(path, func(dir, path string) error {
		b, err := newBook(ctx, dir, about{
			title: t.Title, subject: t.Title, category: "Bericht", keywords: "Kassel, Bericht", description: t.Title, program: t.Program, made: t.Exported,
		})
		if err != nil {
			return err
		}
		defer b.close()
		b.heading, b.watermark = t.Title, t.Watermark
		w := tablesWriter{book: b, Tables: t}
		if progress != nil {
			w.progress = progress
		}
		sum, err = w.write(path)
		return err
	})
	return sum, err
}

type tablesWriter struct {
	*book
	Tables
	progress func(done, total int)
	sheets   []framed
	sum      Summary
}

// framed is a frame on its sheets.
type framed struct {
	*frame.Frame
	headings []string
	tall     *tall
}

func (w *tablesWriter) write(path string) (Summary, error) {
	for _, step := range []func() error{w.lay, w.codebook, w.open, w.pour, w.charts, w.readme} {
		if err := step(); err != nil {
			return Summary{}, err
		}
	}
	err := w.writeTo(path, &w.sum)
	return w.sum, err
}

// lay makes all sheets but that of the charts.
func (w *tablesWriter) lay() error {
	if err := w.printing(SheetReadme); err != nil {
		return err
	}
	for i, f := range w.Frames {
		if err := tooMany(f.Count); err != nil {
			return err
		}
		if len(f.Columns) > MaxColumns {
			return refuse("Die Tabelle hat mehr Spalten, als in ein Blatt passen (16.384).", "%d columns, a sheet holds %d", len(f.Columns), MaxColumns)
		}
		one := framed{Frame: f}
		var widths []float64
		taken := map[string]bool{}
		for _, c := range f.Columns {
			heading := cmp.Or(singleLine(german(c.Label)), c.Name)
			if taken[strings.ToLower(heading)] { // headings of a table must differ by more than case
				heading += " (" + c.Name + ")"
			}
			taken[strings.ToLower(heading)] = true
			one.headings = append(one.headings, heading)
			widths = append(widths, frameWidth(c, heading))
		}
		var err error
		if one.tall, err = w.tall(w.sheetName(cmp.Or(german(f.Title), f.Name)), fmt.Sprintf("Tabelle%d", i+1), one.headings, widths, f.Count); err != nil {
			return err
		}
		w.sheets = append(w.sheets, one)
		w.sum.Columns = max(w.sum.Columns, len(f.Columns))
	}
	return nil
}

func german(t content.Text) string {
	s, _ := t.In(content.German)
	return s
}

// singleLine is a text without line breaks and long blanks: a heading.
func singleLine(s string) string { return cutUnits(strings.Join(strings.Fields(s), " "), 255) }

func frameWidth(c frame.Column, heading string) float64 {
	width := 12.0
	switch c.Kind {
	case frame.Text, frame.Codes:
		width = 40
	case frame.Code:
		for _, cat := range c.Categories {
			width = max(width, min(float64(len(german(cat.Text))+2), 40))
		}
	}
	return max(width, min(float64(len(heading)+4), 40)) // room for the name and the filter's button
}

var kindNames = map[frame.Kind]string{
	frame.Code: "Code", frame.Codes: "Codes", frame.Integer: "ganze Zahl", frame.Decimal: "Zahl", frame.Flag: "0/1",
	frame.Day: "Datum", frame.Time: "Uhrzeit", frame.Text: "Text",
}

func (w *tablesWriter) codebook() error {
	if err := w.add(SheetCodebook); err != nil {
		return err
	}
	head := []string{"Blatt", "Spalte", "Name", "Art", "Einheit", "Code", "Bedeutung"}
	widths := []float64{24, 40, 24, 14, 12, 18, 40}
	var rows [][]any
	for _, s := range w.sheets {
		for i, c := range s.Columns {
			row := []any{s.tall.sheets[0], s.headings[i], c.Name, kindNames[c.Kind], c.Unit}
			rows = append(rows, row)
			for _, cat := range c.Categories {
				rows = append(rows, append(row[:5:5], cat.Code, german(cat.Text)))
			}
		}
	}
	return w.table(SheetCodebook, "TabelleCodebuch", head, widths, rows)
}

func (w *tablesWriter) pour() error {
	total := 0
	for _, s := range w.sheets {
		total += s.Count
	}
	for _, s := range w.sheets {
		before := w.sum.Rows
		progress := func(done, _ int) {
			if w.progress != nil {
				w.progress(before+done, total)
			}
		}
		sink := newFrameSink(s.tall, s.Columns, content.German)
		if err := frame.Pour(w.ctx, s.Frame, progress, sink); err != nil {
			return err
		}
		if err := sink.Close(); err != nil {
			return err
		}
		w.sum.Rows += s.Count
		w.sum.Truncated += s.tall.cells.truncated
		w.sum.Replaced += s.tall.cells.replaced
	}
	return nil
}

// frameSink writes the rows of a frame with the texts of a language for codes.
type frameSink struct {
	tall     *tall
	language string
	kinds    []frame.Kind
	names    []map[string]string // of codes, by column; nil: codes stay
	joined   []byte
}

func newFrameSink(t *tall, columns []frame.Column, lang string) *frameSink {
	s := &frameSink{tall: t, language: lang}
	for _, c := range columns {
		var names map[string]string
		if c.Kind == frame.Code || c.Kind == frame.Codes {
			names = map[string]string{}
			for _, cat := range c.Categories {
				if text, _ := cat.Text.In(lang); text != "" {
					names[cat.Code] = text
				}
			}
		}
		s.kinds, s.names = append(s.kinds, c.Kind), append(s.names, names)
	}
	return s
}

func (s *frameSink) Row(cells []frame.Value) error {
	if err := s.tall.begin(); err != nil {
		return err
	}
	for i, v := range cells {
		switch names := s.names[i]; {
		case v.State == frame.Mark:
			v.Text = named(markWords, v.Text, s.language)
		case v.State == frame.Words && s.kinds[i] == frame.Code:
			v.Text = cmp.Or(names[v.Text], v.Text)
		case v.State == frame.Words && s.kinds[i] == frame.Codes:
			s.joined = s.joined[:0]
			for code := range strings.FieldsSeq(v.Text) {
				if len(s.joined) > 0 {
					s.joined = append(s.joined, "; "...)
				}
				s.joined = append(s.joined, cmp.Or(names[code], code)...)
			}
			v.Text = string(s.joined)
		}
		s.tall.value(i, s.kinds[i], v)
	}
	return s.tall.end()
}

func (s *frameSink) Close() error { return s.tall.close() }

func (w *tablesWriter) charts() error {
	for _, c := range w.Charts {
		chart, err := w.chart(c)
		if err == nil && chart != nil {
			err = w.draw(chart)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// chart is nil when the frame has no rows.
func (w *tablesWriter) chart(c Chart) (*excelize.Chart, error) {
	for _, s := range w.sheets {
		if s.Name != c.Frame {
			continue
		}
		if s.Count == 0 {
			return nil, nil
		}
		column := func(name string) (at string, heading string, err error) {
			for i := range s.Columns {
				if s.Columns[i].Name == name {
					letter := s.tall.letters[i]
					return fmt.Sprintf("%s!$%s$2:$%s$%d", quoted(s.tall.sheets[0]), letter, letter, s.tall.last[0]), fmt.Sprintf("%s!$%s$1", quoted(s.tall.sheets[0]), letter), nil
				}
			}
			return "", "", fmt.Errorf("exports: chart %q: %s has no column %q", c.Title, c.Frame, name)
		}
		categories, _, err := column(c.Category)
		if err != nil {
			return nil, err
		}
		one := barChart(w.cells.text(c.Title))
		if c.Line {
			one = lineChart(w.cells.text(c.Title), s.Count)
		} else if c.Stacked {
			one.Type = excelize.BarStacked
		}
		if len(c.Values) > 1 {
			one.Legend.Position = "bottom"
		}
		one.Dimension.Height = chartHeight(s.Count, c.Line)
		for i, name := range c.Values {
			values, heading, err := column(name)
			if err != nil {
				return nil, err
			}
			series := excelize.ChartSeries{Name: heading, Categories: categories, Values: values, Fill: fillOf(i)}
			if c.Line {
				series = lineOf(i, heading, categories, values)
			}
			one.Series = append(one.Series, series)
		}
		return one, nil
	}
	return nil, fmt.Errorf("exports: chart %q: no frame %q", c.Title, c.Frame)
}

func (w *tablesWriter) readme() error {
	lines := [][2]any{{"Stand", stamp(w.Exported)}, {"Programm", w.Program}}
	for _, line := range w.About {
		lines = append(lines, [2]any{line[0], line[1]})
	}
	lines = append(lines, [2]any{"", ""})
	for _, s := range w.sheets {
		what := fmt.Sprintf("%s; Zeilen: %d", german(s.Title), s.Count)
		if len(s.tall.sheets) > 1 {
			what += ", auf " + strings.Join(s.tall.sheets, ", ")
		}
		lines = append(lines, [2]any{"Blatt " + s.tall.sheets[0], what})
	}
	lines = append(lines,
		[2]any{"Blatt " + SheetCodebook, "Was in welcher Spalte steht, mit Codes und Einheiten."},
		[2]any{"Gekürzte Zellen", w.sum.truncatedText()},
		[2]any{"Ersetzte Zeichen", w.sum.replacedText()},
	)
	return w.writeReadme(w.Title, lines)
}
