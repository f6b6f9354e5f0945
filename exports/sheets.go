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
	"servicepoint/content/citymap"
	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"
	"servicepoint/exports/frame"

	"github.com/xuri/excelize/v2"
)

// table writes a small sheet: a header row and rows, with filter and widths.
func (b *book) table(sheet, name string, head []string, widths []float64, rows [][]any) error {
	if err := b.head(sheet, name, head, widths, len(rows)); err != nil {
		return err
	}
	for r, row := range rows {
		if err := b.height(sheet, r+2, widths, row); err != nil {
			return err
		}
		for i, v := range row {
			style := b.styles.wrap
			switch c := v.(type) {
			case excelize.Cell:
				v, style = c.Value, c.StyleID
			case int, float64:
				style = b.styles.number
			}
			if v == nil || v == "" {
				continue
			}
			if err := b.cell(sheet, i+1, r+2, v, style); err != nil {
				return err
			}
		}
	}
	return nil
}

// height makes a row as high as its longest wrapped text needs; not every
// program measures rows when it opens a file.
func (b *book) height(sheet string, row int, widths []float64, cells []any) error {
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
	return b.file.SetRowHeight(sheet, row, float64(min(lines*lineHeight, highest)))
}

// cell writes one cell of a small sheet; texts never become formulas or numbers.
func (b *book) cell(sheet string, column, row int, v any, style int) error {
	at, err := excelize.CoordinatesToCellName(column, row)
	if err != nil {
		return err
	}
	if s, ok := v.(string); ok {
		err = b.file.SetCellStr(sheet, at, b.cells.text(s))
	} else {
		err = b.file.SetCellValue(sheet, at, v)
	}
	if err != nil {
		return err
	}
	return b.file.SetCellStyle(sheet, at, at, style)
}

// writeCodebook says of every column what it holds, one row per variable and option.
func (w *workbook) writeCodebook() error {
	head := []string{"Spalte", "Frage (Code)", "Seite", "Fragetext", "Art", "Antwort (Code)", "Antworttext", "Pflicht", "Minimum", "Maximum", "Einheit", "Versionen", "Nur gefragt, wenn"}
	widths := []float64{24, 20, 24, 60, 18, 18, 40, 9, 10, 10, 10, 14, 40}
	for _, t := range w.texts[1:] {
		language := " (" + t.language + ")"
		head, widths = append(head, "Fragetext"+language, "Antworttext"+language), append(widths, 60, 40)
	}
	var rows [][]any
	for _, col := range w.columns {
		switch {
		case col.variable == nil:
			rows = append(rows, []any{col.name, "", "", metaTexts[col.meta], metaTypes[col.meta]})
		case col.option != nil:
			o, it, kind, lo, hi := col.option, col.variable.Of, "0/1", 0, 1
			if wasRanked(col.variable) {
				kind, lo, hi = "Rang", 1, len(it.Offered)
			}
			rows = append(rows, w.translated(col.variable, o.Code, []any{
				col.name, it.Code, pageOf(it), w.text(col.variable), kind, o.Code, it.Label(o.Code, content.German), "", lo, hi, "", list(o.Versions), "",
			}))
		default:
			more, err := w.codebookVariable(col)
			if err != nil {
				return err
			}
			rows = append(rows, more...)
		}
	}
	return w.table(SheetCodebook, "TabelleCodebuch", head, widths, rows)
}

func pageOf(it *tally.Item) string {
	s, _ := it.Page.In(content.German)
	return s
}

// partNames says what the parts of an item are that are no rows of a matrix.
var partNames = map[string]string{
	survey.PartText: "was „Sonstiges“ ist", survey.PartPlace: "aus der Liste", survey.PartAddress: "in Worten",
}

// translated adds question and answer in the other languages of the questionnaire,
// as far as they were translated.
func (w *workbook) translated(v *tally.Variable, code string, row []any) []any {
	for _, t := range w.texts[1:] {
		question := v.Of.Text[t.language]
		if v.Row != nil && question != "" {
			question += " – " + v.Row.Text[t.language]
		}
		answer := ""
		switch mark, isMark := markWords[code]; {
		case isMark:
			answer = mark[t.language]
		case v.Listed:
			for _, o := range v.Of.Offered {
				if o.Code == code {
					answer = o.Text[t.language]
				}
			}
		case code != "":
			if step, err := strconv.Atoi(code); err == nil {
				answer = v.Of.StepText(step)[t.language]
			}
		}
		row = append(row, question, answer)
	}
	return row
}

// text is the question, with the row or part that a variable is about.
func (w *workbook) text(v *tally.Variable) string {
	s, _ := v.Of.Text.In(content.German)
	part := partNames[v.Part]
	if v.Row != nil {
		part, _ = v.Row.Text.In(content.German)
	}
	if part != "" {
		s += " – " + part
	}
	return s
}

func (w *workbook) codebookVariable(col column) ([][]any, error) {
	v, it := col.variable, col.variable.Of
	required := "nein"
	if it.Required {
		required = "ja"
	}
	lo, hi := bounds(v)
	when, err := routing(w.merged, v)
	if err != nil {
		return nil, err
	}
	rows := [][]any{w.translated(v, "", []any{col.name, it.Code, pageOf(it), w.text(v), typeName(v), "", "", required, lo, hi, it.Unit, list(v.Versions), when})}
	value := func(code, label string, versions []int) {
		rows = append(rows, w.translated(v, code, []any{col.name, it.Code, pageOf(it), w.text(v), typeName(v), code, label, "", "", "", "", list(versions), ""}))
	}
	if v.Listed && !v.Several() && !wasRanked(v) { // else each option has a column of its own
		for _, o := range it.Offered {
			value(o.Code, it.Label(o.Code, content.German), o.Versions)
		}
	}
	if steps := it.Steps(); len(steps) > 0 {
		for _, n := range []int{steps[0], steps[len(steps)-1]} {
			value(strconv.Itoa(n), it.StepText(n)[content.German], v.Versions)
		}
	}
	if !it.Asks() {
		return rows, nil
	}
	value(frame.Skipped, german(markWords[frame.Skipped]), v.Versions)
	some := func(offers func(*survey.Item) bool) bool {
		return slices.ContainsFunc(v.Versions, func(n int) bool { return offers(w.merged.Version(n).Item(it.Code)) })
	}
	if some(func(it *survey.Item) bool { return it.DontKnow }) {
		value(frame.DontKnow, german(markWords[frame.DontKnow]), v.Versions)
	}
	if some(func(it *survey.Item) bool { return it.NoAnswer }) {
		value(frame.Declined, german(markWords[frame.Declined]), v.Versions)
	}
	return rows, nil
}

// bounds are the smallest and largest value, number of choices or characters.
func bounds(v *tally.Variable) (lo, hi any) {
	it := v.Of
	switch it.Type {
	case survey.MultipleChoice, survey.MatrixMultiple, survey.Ranking, survey.File, survey.Photo:
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
	case survey.Date, survey.Time:
		lo, hi = it.Earliest, it.Latest
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
func typeName(v *tally.Variable) string {
	s := typeNamed(v)
	for _, t := range slices.Sorted(maps.Keys(v.Of.Types)) {
		if t != v.Of.Type {
			s += fmt.Sprintf("; in Version %s: %s", list(v.Of.Types[t]), cmp.Or(typeNames[t], string(t)))
		}
	}
	return s
}

func typeNamed(v *tally.Variable) string {
	if v.Part == survey.PartText && v.Row == nil || v.Part == survey.PartAddress {
		return typeNames[survey.ShortText]
	}
	return cmp.Or(typeNames[v.Of.Type], string(v.Of.Type))
}

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

func (w *workbook) frequency(f tally.Figure) (rows [][]any) {
	it := f.Of
	row := func(code, label string, n, percent any) {
		rows = append(rows, []any{
			f.Key, w.text(f.Variable), typeNamed(f.Variable), code, label, n, percent, f.Answered, f.Skipped, f.DontKnow, f.Declined, f.NotAsked,
		})
	}
	mean := func(x float64) any { return excelize.Cell{StyleID: w.styles.mean, Value: x} }
	percent := func(x float64) any { return excelize.Cell{StyleID: w.styles.percent, Value: x} }
	withUnit := func(s string) string { return strings.TrimSpace(s + " " + it.Unit) }
	for _, s := range f.Shares {
		row(s.Code, s.Label(content.German), s.N, percent(s.Percent))
	}
	if f.Ranked() && f.Answered > 0 { // each kind together: charts draw rows below each other
		for _, s := range f.Shares {
			row(s.Code, s.Label(content.German)+": auf Platz 1", s.First, percent(100*float64(s.First)/float64(f.Answered)))
		}
		for _, s := range f.Shares {
			if s.N > 0 {
				row(s.Code, s.Label(content.German)+": mittlerer Rang", mean(s.Rank), nil)
			}
		}
	}
	if n := f.Numbers; n != nil {
		row("", withUnit("Mittelwert"), mean(n.Mean), nil)
		if !n.Approximate {
			row("", withUnit("unteres Quartil"), mean(n.Q1), nil)
			row("", withUnit("Median"), mean(n.Median), nil)
			row("", withUnit("oberes Quartil"), mean(n.Q3), nil)
		}
		row("", withUnit("Minimum"), n.Min, nil)
		row("", withUnit("Maximum"), n.Max, nil)
	}
	if p := f.NPS; p != nil {
		row("", "Empfehlende (9 und 10)", p.Promoters, nil)
		row("", "Unentschiedene (7 und 8)", p.Passives, nil)
		row("", "Nicht Empfehlende (0 bis 6)", p.Detractors, nil)
		row("", "Net Promoter Score", mean(p.Score), nil)
	}
	switch {
	case f.From != "" && it.Type == survey.Date:
		row("", "frühester Tag", w.cells.date(f.From), nil)
		row("", "spätester Tag", w.cells.date(f.To), nil)
	case f.From != "":
		row("", "früheste Uhrzeit", f.From, nil)
		row("", "späteste Uhrzeit", f.To, nil)
	}
	if f.Foreign > 0 {
		row("", "als andere Art von Frage beantwortet, nicht gezählt", f.Foreign, nil)
	}
	if len(rows) == 0 {
		row("", "beantwortet", f.Answered, nil)
	}
	return rows
}

// writeReadme fills the sheet Lesemich: a title, then lines of what and text. It
// comes last because it tells what the rows held.
func (b *book) writeReadme(title string, lines [][2]any) error {
	if b.watermark != "" {
		lines = append([][2]any{{"Nur für", b.watermark}}, lines...)
	}
	widths := []float64{28, 90}
	for i, column := range []string{"A", "B"} {
		if err := b.file.SetColWidth(SheetReadme, column, column, widths[i]); err != nil {
			return err
		}
	}
	if err := b.cell(SheetReadme, 1, 1, title, b.styles.title); err != nil {
		return err
	}
	for i, line := range lines {
		if err := b.height(SheetReadme, i+3, widths, line[:]); err != nil {
			return err
		}
		if line[0] != "" {
			if err := b.cell(SheetReadme, 1, i+3, line[0], b.styles.label); err != nil {
				return err
			}
		}
		if line[1] != nil && line[1] != "" {
			if err := b.cell(SheetReadme, 2, i+3, line[1], b.styles.wrap); err != nil {
				return err
			}
		}
	}
	return b.file.SetSheetDimension(SheetReadme, fmt.Sprintf("A1:B%d", len(lines)+2))
}

func (w *workbook) writeLesemich() error {
	// The codebook's texts and the like may have been changed as well.
	w.sum.Truncated += w.cells.truncated
	w.sum.Replaced += w.cells.replaced
	return w.writeReadme(german(w.merged.Title), w.readme())
}

func (w *workbook) readme() [][2]any {
	lines := [][2]any{
		{"Umfrage", w.merged.Slug},
		{"Antworten", w.sum.Rows},
		{"Zeitraum der Antworten", w.period()},
		{"Stand", stamp(w.survey.Exported)},
		{"Programm", w.survey.Program},
		{"", ""},
	}
	for _, q := range w.merged.Versions {
		lines = append(lines, [2]any{fmt.Sprintf("Version %d", q.Version), fmt.Sprintf("%s; Antworten: %d", opened(q), w.versions[q.Version])})
	}
	lines = append(lines, [2]any{"", ""})
	for _, key := range slices.SortedFunc(maps.Keys(w.by), func(a, b [2]string) int {
		return cmp.Or(
			cmp.Compare(slices.Index(survey.Channels, a[0]), slices.Index(survey.Channels, b[0])), cmp.Compare(a[0], b[0]),
			cmp.Compare(slices.Index(content.Languages, a[1]), slices.Index(content.Languages, b[1])), cmp.Compare(a[1], b[1]),
		)
	}) {
		lines = append(lines, [2]any{"n " + named(channelNames, key[0], content.German) + ", " + named(languageNames, key[1], content.German), w.by[key]})
	}
	lines = append(lines, [2]any{"", ""})
	if len(w.codes.sheets) > 1 {
		lines = append(lines, [2]any{"Mehr Zeilen, als in ein Blatt passen", "Die Antworten stehen auf den Blättern " + strings.Join(w.codes.sheets, ", ") + "; auf denen mit Texten ebenso. Einfacher auszuwerten sind dann CSV oder Parquet."})
	}
	sheet := func(name, what string) {
		if index, err := w.file.GetSheetIndex(name); err == nil && index >= 0 {
			lines = append(lines, [2]any{"Blatt " + name, what})
		}
	}
	sheet(SheetCodebook, "Was in welcher Spalte steht: Frage, Art, Antwortcodes und ihre Texte, Grenzen und Versionen. Aus dem Fragebogen erzeugt.")
	sheet(SheetCodes, "Eine Zeile je Antwortbogen, die Spalten heißen wie die Fragen (Code). Mehrfachauswahl: alle Codes, durch Leerzeichen getrennt, dazu je Antwort eine Spalte mit 1 (gewählt) oder 0 (nicht gewählt). Rangfolge: alle Codes, der erste steht vorn, dazu je Antwort eine Spalte mit dem Rang. Matrix: eine Spalte je Zeile. ?skipped heißt übersprungen, ?dont_know weiß nicht, ?declined keine Angabe; leer heißt nicht gefragt (oder, in den Spalten einzelner Antworten, nicht beantwortet).")
	for _, t := range w.texts {
		sheet(t.tall.sheets[0], "Dieselben Zeilen mit Texten statt Codes, Sprache: "+named(languageNames, t.language, content.German)+". Wo ein Text nicht übersetzt ist, steht der deutsche.")
	}
	sheet(SheetFrequencies, "Anzahl und Prozent je Antwort. Grundlage der Prozente ist n, die Zahl der Bögen mit einer Antwort auf diese Frage; bei Mehrfachauswahl ist die Summe oft über 100.")
	sheet(SheetCharts, "Wie viele an welchem Tag antworteten, und je geschlossene Frage ein Balkendiagramm der Blätter "+SheetParadata+" und "+SheetFrequencies+".")
	sheet(SheetCrosstables, "Je zwei Fragen gegeneinander, Anzahl und Prozent der Spalte. Grundlage n sind die Bögen, die beide Fragen beantwortet haben.")
	if w.survey.FreeText {
		sheet(SheetOpenTexts, "Was geschrieben wurde, je Frage in zufälliger Reihenfolge und ohne die übrigen Antworten.")
	} else {
		sheet(SheetOpenTexts, "Freigegebene Texte der ganzen Umfrage, je Frage in zufälliger Reihenfolge: einzeln gelesen, manche gekürzt. Filter gelten für sie nicht.")
	}
	sheet(SheetPlaces, "Orte auf der Karte, gezählt in Feldern von etwa 550 Metern und nach Ortsbezirk; nie weniger als 10 zusammen. Umrisse der Ortsbezirke: "+citymap.Attribution+", vereinfacht (dl-de/by-2-0).")
	sheet(SheetParadata, "Wie viele Antworten an welchem Tag, auf welchem Weg und in welcher Sprache kamen. Uhrzeiten, Geräte und Adressen werden nicht gespeichert.")
	sheet(SheetVersions, "Was sich von Version zu Version des Fragebogens geändert hat und ob die Antworten vergleichbar bleiben.")
	lines = append(lines,
		[2]any{"Auswahl", "alle Antworten"},
		[2]any{"Namen", "Daten ist der ganze Bereich der Codes, Antwort_ und der Code einer Frage ihre Spalte (für Formeln und Pivot-Tabellen)."},
		[2]any{"Angaben zur Person", w.personal()},
		[2]any{"Freitexte", w.freeTexts()},
		[2]any{"Reihenfolge", "Die Zeilen sind nicht nach Eingang geordnet und haben keine Kennung; sie lassen keinen Schluss auf Personen oder Uhrzeiten zu."},
		[2]any{"Gekürzte Zellen", w.sum.truncatedText()},
		[2]any{"Ersetzte Zeichen", w.sum.replacedText()},
		[2]any{"Nicht zugeordnet", fmt.Sprintf("%d Antworten auf Fragen, die in keiner Version stehen", w.sum.Unplaced)},
		[2]any{"Lizenz und Weitergabe", "Einzeldaten der Stadt Kassel, nur zur internen Auswertung. Nicht veröffentlichen. Freitexte vor jeder Weitergabe auf Namen und andere Hinweise auf Personen prüfen; kleine Gruppen nur zusammengefasst zeigen."},
	)
	return lines
}

// personal says which questions tell who somebody is, and where they are.
func (w *workbook) personal() string {
	var codes []string
	for _, it := range w.merged.Items {
		if isPersonal(w.merged, it) {
			codes = append(codes, it.Code)
		}
	}
	switch {
	case len(codes) == 0:
		return "keine"
	case w.survey.Personal:
		return "enthalten: " + strings.Join(codes, ", ") + ". Nur für Berechtigte, nach Gebrauch löschen."
	}
	return "weggelassen: " + strings.Join(codes, ", ")
}

// freeTexts says which variables hold what people wrote, and where they are.
func (w *workbook) freeTexts() string {
	var keys []string
	for _, v := range w.merged.Variables() {
		if isFree(v) && (w.survey.Personal || !isPersonal(w.merged, v.Of)) {
			keys = append(keys, v.Key)
		}
	}
	switch {
	case len(keys) == 0:
		return "keine"
	case w.survey.FreeText:
		return "enthalten: " + strings.Join(keys, ", ") + ". Nur für Berechtigte; vor jeder Weitergabe lesen."
	}
	if w.written != nil {
		return "weggelassen: " + strings.Join(keys, ", ") + "; einzeln freigegebene stehen in " + SheetOpenTexts
	}
	return "weggelassen: " + strings.Join(keys, ", ")
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
