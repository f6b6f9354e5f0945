package exports

import (
	"fmt"
	"slices"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
)

// column is one column of the data sheets.
type column struct {
	name   string  // heading: the item code, or "code.option"
	item   *item   // nil: about the response itself
	option *option // of a 0/1 column
	meta   string  // of a column without item: version, language, channel, day
	width  float64
}

// What every response has besides its answers. Its id is left out: whoever sent
// the answers knows it and could be found by it.
var metaColumns = []string{"version", "language", "channel", "day"}

// columnsOf lays out Daten_Codes; Daten_Text has the same without the 0/1
// columns. Item codes always keep their name: headings of the response itself
// give way ("response.day"), and so do options that differ only in case, because
// headings of a table must differ by more than case.
func columnsOf(m *merged) ([]column, error) {
	taken := map[string]bool{}
	for _, it := range m.items {
		taken[it.Code] = true
	}
	unique := func(name, otherwise string) string {
		if taken[strings.ToLower(name)] {
			name = otherwise
		}
		for n, try := 2, name; ; n++ {
			if !taken[strings.ToLower(try)] {
				taken[strings.ToLower(try)] = true
				return try
			}
			try = fmt.Sprintf("%s_%d", name, n)
		}
	}
	var columns []column
	for _, meta := range metaColumns {
		columns = append(columns, column{name: unique(meta, "response."+meta), meta: meta, width: 11})
	}
	for _, it := range m.items {
		columns = append(columns, column{name: it.Code, item: it, width: widthOf(it.Type)})
		if !it.wasMultiple() {
			continue
		}
		for i := range it.options {
			name := it.Code + "." + it.options[i].Code
			columns = append(columns, column{name: unique(name, name), item: it, option: &it.options[i], width: 11})
		}
	}
	for i := range columns { // room for the name and the filter's button
		columns[i].width = max(columns[i].width, min(float64(len(columns[i].name)+4), 50))
	}
	if len(columns) > MaxColumns {
		return nil, refuse("Die Umfrage hat mehr Spalten, als in eine Tabelle passen (16.384).",
			"%d columns, a sheet holds %d", len(columns), MaxColumns)
	}
	return columns, nil
}

func widthOf(t survey.Type) float64 {
	switch t {
	case survey.LongText:
		return 60
	case survey.ShortText, survey.MultipleChoice:
		return 30
	case survey.SingleChoice:
		return 18
	}
	return 12
}

// codes fills one row of Daten_Codes; nil is a blank cell.
func (c *cellMaker) codes(row []any, columns []column, r survey.Response) {
	for i, col := range columns {
		row[i] = nil
		switch {
		case col.item == nil:
			row[i] = c.meta(col.meta, r)
		case isEmpty(r.Answers[col.item.Code]):
		case col.option != nil:
			row[i] = chosen(col, r)
		default:
			row[i] = c.answer(col.item, r.Answers[col.item.Code], " ", func(code string) string { return code })
		}
	}
}

// labels fills one row of Daten_Text, which has no 0/1 columns.
func (c *cellMaker) labels(row []any, columns []column, r survey.Response) {
	n := 0
	for _, col := range columns {
		if col.option != nil {
			continue
		}
		row[n] = nil
		switch {
		case col.item == nil:
			row[n] = c.metaLabel(col.meta, r)
		case isEmpty(r.Answers[col.item.Code]):
		default:
			row[n] = c.answer(col.item, r.Answers[col.item.Code], "; ", col.item.label)
		}
		n++
	}
}

// answer gives an answer's cell by what it is; the item's type tells only
// whether a string is a code, a day or a text.
func (c *cellMaker) answer(it *item, v any, between string, name func(code string) string) any {
	if n, ok := numberOf(v); ok {
		return c.number(n)
	}
	s, isText := v.(string)
	if isText && it.Type == survey.Date {
		return c.date(s)
	}
	if isText && it.Type != survey.SingleChoice && it.Type != survey.MultipleChoice {
		return c.text(s)
	}
	if codes, ok := codesOf(v); ok {
		names := make([]string, len(codes))
		for i, code := range codes {
			names[i] = name(code)
		}
		return c.text(strings.Join(names, between))
	}
	return c.text(fmt.Sprint(v))
}

// chosen is 1 or 0, blank when the version of the response did not offer the option.
func chosen(col column, r survey.Response) any {
	codes, ok := codesOf(r.Answers[col.item.Code])
	switch {
	case !ok:
		return nil
	case slices.Contains(codes, col.option.Code):
		return 1
	case !slices.Contains(col.option.versions, r.Version):
		return nil
	}
	return 0
}

func (c *cellMaker) meta(which string, r survey.Response) any {
	switch which {
	case "version":
		return r.Version
	case "language":
		return c.text(r.Language)
	case "channel":
		return c.text(r.Channel)
	default:
		return c.date(r.Day)
	}
}

func (c *cellMaker) metaLabel(which string, r survey.Response) any {
	switch which {
	case "language":
		return c.text(named(languageNames, r.Language))
	case "channel":
		return c.text(named(channelNames, r.Channel))
	default:
		return c.meta(which, r)
	}
}

var languageNames = map[string]string{content.German: "Deutsch", content.English: "Englisch", content.Easy: "Leichte Sprache"}

var channelNames = map[string]string{"web": "Internet", "terminal": "Terminal", "tablet": "Tablet", "paper": "Papier", "phone": "Telefon"}

func named(names map[string]string, code string) string {
	if s := names[code]; s != "" {
		return s
	}
	return code
}

var typeNames = map[survey.Type]string{
	survey.SingleChoice:   "Einfachauswahl",
	survey.MultipleChoice: "Mehrfachauswahl",
	survey.Scale:          "Skala",
	survey.Number:         "Zahl",
	survey.ShortText:      "Text",
	survey.LongText:       "langer Text",
	survey.Date:           "Datum",
}
