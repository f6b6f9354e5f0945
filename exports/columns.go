package exports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"
	"servicepoint/exports/frame"
)

// column is one column of the data sheets.
type column struct {
	name     string          // heading: the key of a variable, "key.option", or what every response has
	variable *tally.Variable // nil: about the response itself
	option   *tally.Option   // of a 0/1 column or a place in a ranking
	meta     string          // of a column without variable: version, language, channel, day
	width    float64
}

// What every response has besides its answers. Its id is left out: whoever sent
// the answers knows it and could be found by it; so is the seed of the random
// order, which can be as good as an id.
var metaColumns = []string{"version", "language", "channel", "day"}

// Marks stand in Daten_Codes where an answer is missing; what was not asked is
// blank. No option has such a code, and spreadsheets leave texts out of means.
var marks = map[survey.Missing]string{
	survey.Skipped: frame.Skipped, survey.HasDeclined: frame.Declined, survey.IsDontKnow: frame.DontKnow,
}

// markWords are the same for people, in Daten_Text and in the codebook.
var markWords = map[string]content.Text{
	frame.Skipped:  {content.German: "[übersprungen]", content.English: "[skipped]", content.Easy: "[übersprungen]"},
	frame.Declined: {content.German: "[keine Angabe]", content.English: "[no answer]", content.Easy: "[keine Angabe]"},
	frame.DontKnow: {content.German: "[weiß nicht]", content.English: "[don’t know]", content.Easy: "[weiß nicht]"},
}

// columnsOf lays out Daten_Codes; Daten_Text has the same without the columns of
// options. Variables always keep their key: headings of the response itself give
// way ("response.day"), and so do options that differ only in case, because
// headings of a table must differ by more than case.
func columnsOf(s *tally.Survey, personal, freeText bool) ([]column, error) {
	taken := map[string]bool{}
	for _, v := range s.Variables() {
		taken[strings.ToLower(v.Key)] = true
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
	for _, v := range s.Variables() {
		if isPersonal(s, v.Of) && !personal || isFree(v) && !freeText {
			continue
		}
		columns = append(columns, column{name: v.Key, variable: v, width: widthOf(v)})
		if !v.Several() && !wasRanked(v) {
			continue
		}
		for i := range v.Of.Offered {
			name := survey.Key(v.Key, v.Of.Offered[i].Code)
			columns = append(columns, column{name: unique(name, name), variable: v, option: &v.Of.Offered[i], width: 11})
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

// isPersonal reports whether any version calls the item personal.
func isPersonal(s *tally.Survey, it *tally.Item) bool {
	return slices.ContainsFunc(it.Versions, func(n int) bool { return s.Version(n).Item(it.Code).IsPersonal() })
}

// isFree reports whether people write the answer themselves.
func isFree(v *tally.Variable) bool { return kindOf(v) == frame.Text && !v.Listed }

// wasRanked reports whether any version took an order of options.
func wasRanked(v *tally.Variable) bool { return v.Part == "" && len(v.Of.Types[survey.Ranking]) > 0 }

func widthOf(v *tally.Variable) float64 {
	switch {
	case v.Of.Type == survey.LongText:
		return 60
	case v.Of.Type == survey.ShortText, v.Several(), wasRanked(v), v.Part == survey.PartText, v.Part == survey.PartAddress, v.Of.Type == survey.Street, v.Of.Type == survey.Email:
		return 30
	case v.Of.Type == survey.File, v.Of.Type == survey.Photo:
		return 38
	case v.Listed, v.Of.Type == survey.Point:
		return 18
	}
	return 12
}

// row is a response and why it has no answers where it has none.
type row struct {
	survey.Response
	empty map[string]survey.Missing
}

func isMark(s string) bool {
	for _, mark := range marks {
		if s == mark {
			return true
		}
	}
	return false
}

// chosen is 1 or 0, blank when the version of the response did not offer the
// option; of a ranking the place of the option, blank when it has none.
func chosen(col column, r survey.Response) any {
	codes, ok := tally.CodesOf(r.Answers[col.variable.Key])
	at := slices.Index(codes, col.option.Code)
	switch {
	case !ok:
		return nil
	case wasRanked(col.variable) && at >= 0:
		return at + 1
	case wasRanked(col.variable):
		return nil
	case at >= 0:
		return 1
	case !slices.Contains(col.option.Versions, r.Version):
		return nil
	}
	return 0
}

var languageNames = map[string]content.Text{
	content.German:  {content.German: "Deutsch", content.English: "German"},
	content.English: {content.German: "Englisch", content.English: "English"},
	content.Easy:    {content.German: "Leichte Sprache", content.English: "Easy German (Leichte Sprache)"},
}

var channelNames = map[string]content.Text{
	"web":      {content.German: "Internet", content.English: "Web"},
	"terminal": {content.German: "Terminal", content.English: "Terminal"},
	"tablet":   {content.German: "Tablet", content.English: "Tablet"},
	"paper":    {content.German: "Papier", content.English: "Paper"},
	"phone":    {content.German: "Telefon", content.English: "Phone"},
}

// named is the name of a code in a language, the code itself when it has none.
func named(names map[string]content.Text, code, lang string) string {
	s, _ := names[code].In(lang)
	return cmp.Or(s, code)
}

var typeNames = map[survey.Type]string{
	survey.SingleChoice:   "Einfachauswahl",
	survey.MultipleChoice: "Mehrfachauswahl",
	survey.YesNo:          "Ja oder Nein",
	survey.Scale:          "Skala",
	survey.Ranking:        "Rangfolge",
	survey.MatrixSingle:   "Matrix, eine Antwort je Zeile",
	survey.MatrixMultiple: "Matrix, mehrere Antworten je Zeile",
	survey.Number:         "Zahl",
	survey.ShortText:      "Text",
	survey.LongText:       "langer Text",
	survey.Email:          "E-Mail-Adresse",
	survey.Date:           "Datum",
	survey.Time:           "Uhrzeit",
	survey.District:       "Ortsbezirk",
	survey.Street:         "Straße",
	survey.Point:          "Ort",
	survey.File:           "Datei (Name)",
	survey.Photo:          "Foto (Name)",
	survey.Consent:        "Zustimmung",
	survey.Calculated:     "berechneter Wert",
}
