package exports

import (
	"fmt"

	"servicepoint/content"
	"servicepoint/content/survey/tally"

	"github.com/xuri/excelize/v2"
)

// chartOf draws a figure whose bars stand on rows from to to of Häufigkeiten: how
// many per cent chose which option, of rankings who put what first.
func (w *workbook) chartOf(f tally.Figure, from, to int) *excelize.Chart {
	what := "Prozent"
	if f.Ranked() {
		what = "auf Platz 1, Prozent"
	}
	title := cutUnits(singleLine(w.text(f.Variable)), 180)
	one := barChart(w.cells.text(fmt.Sprintf("%s (%s; n = %d)", title, what, f.Answered)))
	one.Dimension.Height = chartHeight(to-from+1, false)
	column := func(letter string) string {
		return fmt.Sprintf("%s!$%s$%d:$%s$%d", quoted(SheetFrequencies), letter, from, letter, to)
	}
	one.Series = []excelize.ChartSeries{{Name: quoted(SheetFrequencies) + "!$G$1", Categories: column("E"), Values: column("G"), Fill: fillOf(0)}}
	all := 100.0
	one.PlotArea.ShowVal, one.YAxis.Maximum = true, &all
	return one
}

// mostCharts is how many questions have a chart: programs become slow with more.
const mostCharts = 200

// charted is where the bars of a figure stand on Häufigkeiten, not ok when it has
// none. first is its first row.
func charted(f tally.Figure, first int) (from, to int, ok bool) {
	if f.Answered == 0 || len(f.Shares) == 0 {
		return 0, 0, false
	}
	if f.Ranked() { // all shares come before who was put first
		first += len(f.Shares)
	}
	return first, first + len(f.Shares) - 1, true
}

// writeCharts draws how many answered each day, then every closed question.
func (w *workbook) writeCharts() error {
	if w.survey.Count == 0 {
		return nil
	}
	days := lineChart("Antworten je Tag", w.dayRows)
	days.XAxis.NumFmt = excelize.ChartNumFmt{CustomNumFmt: "dd.mm.yyyy"}
	column := func(letter string) string {
		return fmt.Sprintf("%s!$%s$2:$%s$%d", SheetParadata, letter, letter, w.dayRows+1)
	}
	days.Series = []excelize.ChartSeries{lineOf(0, SheetParadata+"!$B$1", column("A"), column("B"))}
	if err := w.draw(days); err != nil {
		return err
	}
	for i, c := range w.charts {
		if i == mostCharts {
			break
		}
		if err := w.draw(w.chartOf(c.figure, c.from, c.to)); err != nil {
			return err
		}
	}
	return nil
}

type chartRows struct {
	figure   tally.Figure
	from, to int // rows of Häufigkeiten
}

// writeFrequencies writes the figures of package tally, one row per option or value.
func (w *workbook) writeFrequencies() error {
	head := []string{"Frage (Code)", "Fragetext", "Art", "Antwort (Code)", "Antworttext", "Anzahl", "Prozent", "n (beantwortet)", "übersprungen", "weiß nicht", "keine Angabe", "nicht gefragt"}
	widths := []float64{20, 60, 18, 18, 40, 10, 10, 16, 14, 12, 14, 14}
	var rows [][]any
	for _, f := range w.counter.Figures() {
		if !w.shown[f.Key] {
			continue
		}
		if from, to, ok := charted(f, len(rows)+2); ok {
			w.charts = append(w.charts, chartRows{f, from, to})
		}
		rows = append(rows, w.frequency(f)...)
	}
	if err := w.table(SheetFrequencies, "TabelleHaeufigkeiten", head, widths, rows); err != nil {
		return err
	}
	bar := excelize.ConditionalFormatOptions{Type: "data_bar", Criteria: "=", MinType: "num", MinValue: "0", MaxType: "num", MaxValue: "100", BarColor: "#8EA9DB"}
	return w.file.SetConditionalFormat(SheetFrequencies, fmt.Sprintf("G2:G%d", max(len(rows), 1)+1), []excelize.ConditionalFormatOptions{bar})
}

// pairs are the cross-tables: those that were asked for or, if nobody said, every
// question against the first two that most often explain the others: where
// somebody lives, how old, and so on.
func (w *workbook) pairs() []tally.Pair {
	crossable := func(v *tally.Variable) bool { return v != nil && w.shown[v.Key] && v.Crossable() && sizeOf(v) > 1 }
	var pairs []tally.Pair
	add := func(row, column string) {
		a, b := w.merged.Variable(row), w.merged.Variable(column)
		if row != column && crossable(a) && crossable(b) && sizeOf(a)*sizeOf(b) <= mostCells && len(pairs) < mostPairs {
			pairs = append(pairs, tally.Pair{Row: row, Column: column})
		}
	}
	if w.survey.Pairs != nil {
		for _, p := range w.survey.Pairs {
			add(p.Row, p.Column)
		}
		return pairs
	}
	var all, by []*tally.Variable
	for _, v := range w.merged.Variables() {
		if crossable(v) {
			all = append(all, v)
		}
	}
	for _, v := range all {
		if explains(v) && len(by) < 2 {
			by = append(by, v)
		}
	}
	for _, v := range all {
		if len(by) == 0 && v.Listed && sizeOf(v) <= 12 {
			by = append(by, v)
		}
	}
	for _, b := range by {
		for _, v := range all {
			add(v.Key, b.Key)
		}
	}
	return pairs
}

// Bounds of the sheet Kreuztabellen.
const (
	mostPairs = 30
	mostCells = 2_000 // of one table
)

// sizeOf is how many rows or columns a variable makes.
func sizeOf(v *tally.Variable) int {
	if v.Listed {
		return len(v.Of.Offered)
	}
	return len(v.Of.Steps())
}

// crosstables writes the tables below each other: numbers, then per cents of the column.
func (w *workbook) writeCrosstables() error {
	tables := w.counter.Tables()
	if len(tables) == 0 {
		return nil
	}
	at, widest := 1, 0
	widths := []float64{44}
	for _, t := range tables {
		widest = max(widest, len(t.Columns)+2)
	}
	for len(widths) < widest {
		widths = append(widths, 16)
	}
	for i, width := range widths {
		letter, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return err
		}
		if err := w.file.SetColWidth(SheetCrosstables, letter, letter, width); err != nil {
			return err
		}
	}
	line := func(cells []any, style int) error {
		if err := w.height(SheetCrosstables, at, widths, cells); err != nil {
			return err
		}
		for i, v := range cells {
			cellStyle := style
			if c, ok := v.(excelize.Cell); ok {
				v, cellStyle = c.Value, c.StyleID
			}
			if v == nil {
				continue
			}
			if err := w.cell(SheetCrosstables, i+1, at, v, cellStyle); err != nil {
				return err
			}
		}
		at++
		return nil
	}
	for _, t := range tables {
		if t.Base == 0 {
			continue
		}
		for _, l := range w.crosstable(t) {
			if err := line(l.cells, l.style); err != nil {
				return err
			}
		}
		at++
	}
	if at == 1 {
		if err := line([]any{"Niemand hat zwei dieser Fragen beantwortet."}, 0); err != nil {
			return err
		}
	}
	return w.file.SetSheetDimension(SheetCrosstables, fmt.Sprintf("A1:%s%d", lettersOf(widest), at))
}

func lettersOf(column int) string {
	s, err := excelize.ColumnNumberToName(column)
	if err != nil {
		return "A"
	}
	return s
}

type styledLine struct {
	cells []any
	style int
}

func (w *workbook) crosstable(t tally.Table) (lines []styledLine) {
	add := func(style int, cells ...any) { lines = append(lines, styledLine{cells, style}) }
	// No style but the label's: these lines run over the cells beside them.
	add(w.styles.bold, fmt.Sprintf("Zeilen: %s (%s)", singleLine(w.text(t.Row)), t.Row.Key))
	add(w.styles.bold, fmt.Sprintf("Spalten: %s (%s)", singleLine(w.text(t.Column)), t.Column.Key))
	add(0, fmt.Sprintf("n = %d (beide Fragen beantwortet)", t.Base))
	heading := func(first string) []any {
		cells := []any{first}
		for _, c := range t.Columns {
			cells = append(cells, c.Label(content.German))
		}
		return append(cells, "zusammen")
	}
	add(w.styles.head, heading("Anzahl")...)
	for i, r := range t.Rows {
		cells := []any{excelize.Cell{StyleID: w.styles.wrap, Value: r.Label(content.German)}}
		for _, n := range t.N[i] {
			cells = append(cells, n)
		}
		add(0, append(cells, r.N)...)
	}
	total := []any{excelize.Cell{StyleID: w.styles.label, Value: "zusammen"}}
	for _, c := range t.Columns {
		total = append(total, c.N)
	}
	add(w.styles.bold, append(total, t.Base)...)
	add(w.styles.head, heading("Prozent der Spalte")...)
	for i, r := range t.Rows {
		cells := []any{excelize.Cell{StyleID: w.styles.wrap, Value: r.Label(content.German)}}
		for j, n := range t.N[i] {
			if t.Columns[j].N == 0 { // nobody: no per cents
				cells = append(cells, nil)
				continue
			}
			cells = append(cells, 100*float64(n)/float64(t.Columns[j].N))
		}
		add(w.styles.percent, append(cells, r.Percent)...)
	}
	return lines
}
