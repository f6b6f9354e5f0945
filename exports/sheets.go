package exports

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/content/survey"

	"github.com/xuri/excelize/v2"
)

// table writes a small sheet: a header row and rows, with filter and widths.
func (w *workbook) table(sheet, name string, head []string, widths []float64, rows [][]any) error {
	for i, title := range head {
		if err := w.cell(sheet, i+1, 1, title, w.styles.head); err != nil {
			return err
		}
		letter, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return err
		}
		if err := w.file.SetColWidth(sheet, letter, letter, widths[i]); err != nil {
			return err
		}
	}
	for r, row := range rows {
		if err := w.height(sheet, r+2, widths, row); err != nil {
			return err
		}
		for i, v := range row {
			style := w.styles.wrap
			if c, ok := v.(excelize.Cell); ok {
				v, style = c.Value, c.StyleID
			}
			if v == nil || v == "" {
				continue
			}
			if err := w.cell(sheet, i+1, r+2, v, style); err != nil {
				return err
			}
		}
	}
	if err := w.file.SetPanes(sheet, frozenHeader); err != nil {
		return err
	}
	area, err := area(len(head), max(len(rows), 1)+1)
	if err != nil {
		return err
	}
	if err := w.file.SetSheetDimension(sheet, area); err != nil {
		return err
	}
	return w.file.AddTable(sheet, &excelize.Table{Range: area, Name: name, StyleName: tableStyle})
}

// height makes a row as high as its longest wrapped text needs; not every
// program measures rows when it opens a file.
func (w *workbook) height(sheet string, row int, widths []float64, cells []any) error {
	const lineHeight, highest = 15, 400 // points
	lines := 1
	for i, v := range cells {
		if s, ok := v.(string); ok {
			needed := 0
			for line := range strings.SplitSeq(s, "\n") {
				needed += 1 + int(float64(utf8.RuneCountInString(line))*1.1/widths[i])
			}
			lines = max(lines, needed)
		}
	}
	if lines == 1 {
		return nil
	}
	return w.file.SetRowHeight(sheet, row, float64(min(lines*lineHeight, highest)))
}

// cell writes one cell of a small sheet; texts never become formulas or numbers.
func (w *workbook) cell(sheet string, column, row int, v any, style int) error {
	at, err := excelize.CoordinatesToCellName(column, row)
	if err != nil {
		return err
	}
	if s, ok := v.(string); ok {
		err = w.file.SetCellStr(sheet, at, w.cells.text(s))
	} else {
		err = w.file.SetCellValue(sheet, at, v)
	}
	if err != nil {
		return err
	}
	return w.file.SetCellStyle(sheet, at, at, style)
}

// writeCodebook says of every column what it holds, one row per item and option.
func (w *workbook) writeCodebook() error {
	head := []string{"Spalte", "Frage (Code)", "Seite", "Fragetext", "Art", "Antwort (Code)", "Antworttext", "Pflicht", "Minimum", "Maximum", "Einheit", "Versionen"}
	widths := []float64{24, 20, 24, 60, 18, 18, 40, 9, 10, 10, 10, 14}
	var rows [][]any
	for _, col := range w.columns {
		switch {
		case col.item == nil:
			rows = append(rows, []any{col.name, "", "", metaTexts[col.meta], metaTypes[col.meta]})
		case col.option != nil:
			o := col.option
			rows = append(rows, []any{
				col.name, col.item.Code, col.item.page, w.text(col.item), "0/1", o.Code, col.item.label(o.Code), "", 0, 1, "", list(o.versions),
			})
		default:
			rows = append(rows, w.codebookItem(col)...)
		}
	}
	return w.table(SheetCodebook, "TabelleCodebuch", head, widths, rows)
}

func (w *workbook) text(it *item) string {
	s, _ := it.Text.In(content.German)
	return s
}

func (w *workbook) codebookItem(col column) [][]any {
	it := col.item
	required := "nein"
	if it.Required {
		required = "ja"
	}
	lo, hi := it.bounds()
	rows := [][]any{{col.name, it.Code, it.page, w.text(it), it.typeName(), "", "", required, lo, hi, it.Unit, list(it.versions)}}
	if it.wasMultiple() {
		return rows // each option has a column of its own
	}
	for _, o := range it.options {
		rows = append(rows, []any{col.name, it.Code, it.page, w.text(it), it.typeName(), o.Code, it.label(o.Code), "", "", "", "", list(o.versions)})
	}
	if it.Type == survey.Scale && it.Min != nil && it.Max != nil {
		for _, n := range []float64{*it.Min, *it.Max} {
			rows = append(rows, []any{col.name, it.Code, it.page, w.text(it), it.typeName(), number(n), it.scaleLabel(n), "", "", "", "", list(it.versions)})
		}
	}
	return rows
}

// bounds are the smallest and largest value, number of choices or characters.
func (it *item) bounds() (lo, hi any) {
	switch it.Type {
	case survey.MultipleChoice:
		if it.MinChoices > 0 {
			lo = it.MinChoices
		}
		if it.MaxChoices > 0 {
			hi = it.MaxChoices
		}
	case survey.ShortText, survey.LongText:
		if it.MaxLength > 0 {
			hi = it.MaxLength
		}
	default:
		if it.Min != nil {
			lo = *it.Min
		}
		if it.Max != nil {
			hi = *it.Max
		}
	}
	return lo, hi
}

// typeName names the type in the newest version, and older ones that differ.
func (it *item) typeName() string {
	s := typeNamed(it.Type)
	for _, t := range slices.Sorted(maps.Keys(it.types)) {
		if t != it.Type {
			s += fmt.Sprintf("; in Version %s: %s", list(it.types[t]), typeNamed(t))
		}
	}
	return s
}

func typeNamed(t survey.Type) string {
	return cmp.Or(typeNames[t], string(t))
}

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func list(versions []int) string {
	sorted := slices.Sorted(slices.Values(versions))
	parts := make([]string, len(sorted))
	for i, v := range sorted {
		parts[i] = strconv.Itoa(v)
	}
	return strings.Join(parts, ", ")
}

var metaTexts = map[string]string{
	"version":  "Version des Fragebogens",
	"language": "Sprache, in der geantwortet wurde",
	"channel":  "Weg, auf dem die Antwort kam",
	"day":      "Tag der Antwort (Berlin); Genaueres wird nicht gespeichert",
}

var metaTypes = map[string]string{"version": "Zahl", "language": "Kürzel", "channel": "Kürzel", "day": "Datum"}

// writeFrequencies writes the figures of [Count], one row per option or value.
func (w *workbook) writeFrequencies() error {
	head := []string{"Frage (Code)", "Fragetext", "Art", "Antwort (Code)", "Antworttext", "Anzahl", "Prozent", "n (beantwortet)", "nicht beantwortet", "nicht gefragt"}
	widths := []float64{20, 60, 18, 18, 40, 10, 10, 16, 18, 14}
	var rows [][]any
	for _, f := range w.tally.frequencies() {
		it := w.merged.byCode[f.Code]
		row := func(code, label string, n, percent any) {
			rows = append(rows, []any{
				f.Code, f.Text, typeNamed(f.Type), code, label, n, percent,
				f.Answered, max(f.Asked-f.Answered, 0), w.sum.Rows - f.Asked,
			})
		}
		for _, s := range f.Shares {
			row(s.Code, s.Label, s.N, excelize.Cell{StyleID: w.styles.percent, Value: s.Percent})
		}
		switch {
		case f.Type == survey.Date && f.From != "":
			row("", "frühester Tag", w.cells.date(f.From), nil)
			row("", "spätester Tag", w.cells.date(f.To), nil)
		case f.Type == survey.Scale || f.Type == survey.Number:
			if f.Numbers > 0 {
				row("", strings.TrimSpace("Mittelwert "+it.Unit), excelize.Cell{StyleID: w.styles.mean, Value: f.Mean}, nil)
				row("", strings.TrimSpace("Minimum "+it.Unit), f.Min, nil)
				row("", strings.TrimSpace("Maximum "+it.Unit), f.Max, nil)
			} else if len(f.Shares) == 0 {
				row("", "keine Angaben", 0, nil)
			}
		case len(f.Shares) == 0:
			row("", "beantwortet", f.Answered, nil)
		}
	}
	if err := w.table(SheetFrequencies, "TabelleHaeufigkeiten", head, widths, rows); err != nil {
		return err
	}
	bar := excelize.ConditionalFormatOptions{Type: "data_bar", Criteria: "=", MinType: "num", MinValue: "0", MaxType: "num", MaxValue: "100", BarColor: "#8EA9DB"}
	return w.file.SetConditionalFormat(SheetFrequencies, fmt.Sprintf("G2:G%d", max(len(rows), 1)+1), []excelize.ConditionalFormatOptions{bar})
}

// writeReadme comes last because it tells what the rows held.
func (w *workbook) writeReadme() error {
	w.sum.Truncated, w.sum.Replaced = w.cells.truncated, w.cells.replaced
	widths := []float64{28, 90}
	for i, column := range []string{"A", "B"} {
		if err := w.file.SetColWidth(SheetReadme, column, column, widths[i]); err != nil {
			return err
		}
	}
	if err := w.cell(SheetReadme, 1, 1, w.merged.title, w.styles.title); err != nil {
		return err
	}
	lines := w.readme()
	for i, line := range lines {
		if err := w.height(SheetReadme, i+3, widths, line[:]); err != nil {
			return err
		}
		if line[0] != "" {
			if err := w.cell(SheetReadme, 1, i+3, line[0], w.styles.label); err != nil {
				return err
			}
		}
		if line[1] != nil && line[1] != "" {
			if err := w.cell(SheetReadme, 2, i+3, line[1], w.styles.wrap); err != nil {
				return err
			}
		}
	}
	return w.file.SetSheetDimension(SheetReadme, fmt.Sprintf("A1:B%d", len(lines)+2))
}

func (w *workbook) readme() [][2]any {
	lines := [][2]any{
		{"Umfrage", w.merged.slug},
		{"Antworten", w.sum.Rows},
		{"Zeitraum der Antworten", w.period()},
		{"Stand", w.survey.Exported.In(content.Berlin).Format("02.01.2006 15:04") + " Uhr (Ortszeit Berlin)"},
		{"Programm", w.survey.Program},
		{"", ""},
	}
	for _, q := range w.merged.versions {
		lines = append(lines, [2]any{fmt.Sprintf("Version %d", q.Version), fmt.Sprintf("%s; Antworten: %d", opened(q), w.versions[q.Version])})
	}
	lines = append(lines, [2]any{"", ""})
	for _, key := range slices.SortedFunc(maps.Keys(w.by), func(a, b [2]string) int {
		return cmp.Or(
			cmp.Compare(slices.Index(survey.Channels, a[0]), slices.Index(survey.Channels, b[0])), cmp.Compare(a[0], b[0]),
			cmp.Compare(slices.Index(content.Languages, a[1]), slices.Index(content.Languages, b[1])), cmp.Compare(a[1], b[1]),
		)
	}) {
		lines = append(lines, [2]any{"n " + named(channelNames, key[0]) + ", " + named(languageNames, key[1]), w.by[key]})
	}
	lines = append(lines,
		[2]any{"", ""},
		[2]any{"Blatt " + SheetCodebook, "Was in welcher Spalte steht: Frage, Art, Antwortcodes und ihre Texte, Grenzen und Versionen. Aus dem Fragebogen erzeugt."},
		[2]any{"Blatt " + SheetCodes, "Eine Zeile je Antwortbogen, die Spalten heißen wie die Fragen (Code). Mehrfachauswahl: alle Codes, durch Leerzeichen getrennt, dazu je Antwort eine Spalte mit 1 (gewählt) oder 0 (nicht gewählt). Leer heißt: nicht beantwortet oder nicht gefragt."},
		[2]any{"Blatt " + SheetText, "Dieselben Zeilen mit deutschen Texten statt Codes."},
		[2]any{"Blatt " + SheetFrequencies, "Anzahl und Prozent je Antwort. Grundlage der Prozente ist n, die Zahl der Bögen mit einer Antwort auf diese Frage; bei Mehrfachauswahl ist die Summe oft über 100."},
		[2]any{"Reihenfolge", "Die Zeilen sind nicht nach Eingang geordnet und haben keine Kennung; sie lassen keinen Schluss auf Personen oder Uhrzeiten zu."},
		[2]any{"Gekürzte Zellen", fmt.Sprintf("%d (eine Zelle fasst 32.767 Zeichen; gekürzte Texte enden mit „%s“)", w.sum.Truncated, strings.TrimSpace(Shortened))},
		[2]any{"Ersetzte Zeichen", fmt.Sprintf("in %d Zellen (Steuerzeichen, die eine Tabelle nicht halten kann, stehen als „\uFFFD“)", w.sum.Replaced)},
		[2]any{"Nicht zugeordnet", fmt.Sprintf("%d Antworten auf Fragen, die in keiner Version stehen", w.sum.Unplaced)},
		[2]any{"Lizenz und Weitergabe", "Einzeldaten der Stadt Kassel, nur zur internen Auswertung. Nicht veröffentlichen. Freitexte vor jeder Weitergabe auf Namen und andere Hinweise auf Personen prüfen; kleine Gruppen nur zusammengefasst zeigen."},
	)
	return lines
}

func (w *workbook) period() string {
	if w.first == "" {
		return "noch keine Antworten"
	}
	return germanDay(w.first) + " bis " + germanDay(w.to)
}

func germanDay(day string) string {
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return d.Format("02.01.2006")
}

func opened(q survey.Questionnaire) string {
	from, to := "ohne Beginn", "ohne festes Ende"
	if !q.Opens.IsZero() {
		from = "ab " + q.Opens.In(content.Berlin).Format("02.01.2006 15:04")
	}
	if !q.Closes.IsZero() {
		to = "bis " + q.Closes.In(content.Berlin).Format("02.01.2006 15:04")
	}
	return from + ", " + to
}
