package content

import "time"

// Results are the figures of a survey that the city has released, and what came
// of them. They never change; a correction is a new release. When the newest
// release was withdrawn there are no figures, as if there had been none.
type Results struct {
	Survey      string             `json:"survey"` // slug
	Title       Text               `json:"title"`  // of the survey
	Release     int                `json:"release"`
	Released    time.Time          `json:"released"` // UTC; zero: no figures yet
	N           int                `json:"n"`        // responses that the figures rest on
	Opens       time.Time          `json:"opens"`
	Closes      time.Time          `json:"closes"` // zero: still open
	Figures     []ResultFigure     `json:"figures"`
	Tables      []ResultTable      `json:"tables"`
	Corrections []ResultCorrection `json:"corrections,omitempty"` // oldest first
	Withdrawals []ResultCorrection `json:"withdrawals,omitempty"` // oldest first
	Actions     []Action           `json:"actions,omitempty"`     // newest first
}

// ResultFigure is what was answered to one question, or to one row of a matrix.
type ResultFigure struct {
	Key     string        `json:"key"`
	Item    string        `json:"item"` // code: figures of one item stand together
	Text    Text          `json:"text"` // the question as it was asked
	Row     Text          `json:"row,omitempty"`
	Base    int           `json:"base"` // answers; of all per cents
	Several bool          `json:"several,omitempty"`
	Ranked  bool          `json:"ranked,omitempty"`
	Unit    string        `json:"unit,omitempty"`
	Shares  []ResultShare `json:"shares,omitempty"`
	Hidden  bool          `json:"hidden,omitempty"` // some shares are too small to be shown
	Numbers *ResultNumber `json:"numbers,omitempty"`
	Score   *float64      `json:"score,omitempty"`  // net promoter score
	Quotes  []string      `json:"quotes,omitempty"` // chosen and edited by hand
	Since   int           `json:"since"`            // the release that the figure was counted for
}

// ResultNumber sums numbers up; the least and the greatest tell of single people
// and are left out.
type ResultNumber struct {
	Mean   float64 `json:"mean"`
	Q1     float64 `json:"q1"`
	Median float64 `json:"median"`
	Q3     float64 `json:"q3"`
}

// ResultShare is how many chose one option; N is -1 where the group is too small.
type ResultShare struct {
	Code    string  `json:"code"`
	Text    Text    `json:"text"`
	N       int     `json:"n"`
	Percent float64 `json:"percent"`
	Rank    float64 `json:"rank,omitempty"`    // mean place of a ranking, of which N are the first places
	Picture string  `json:"picture,omitempty"` // name of the option's picture
	Alt     Text    `json:"alt,omitempty"`
}

// ResultTable is a cross-table; cells are -1 where a group is too small or where
// a small group could be worked out.
type ResultTable struct {
	RowKey    string  `json:"row_key"`
	ColumnKey string  `json:"column_key"`
	Row       Text    `json:"row"` // the questions
	Column    Text    `json:"column"`
	Rows      []Text  `json:"rows"` // the options
	Columns   []Text  `json:"columns"`
	N         [][]int `json:"n"`
	Base      int     `json:"base"` // answered both
	Hidden    bool    `json:"hidden,omitempty"`
	Since     int     `json:"since"`
}

// ResultCorrection says why figures were released again or withdrawn.
type ResultCorrection struct {
	Day    string `json:"day"` // Berlin, YYYY-MM-DD
	Reason Text   `json:"reason"`
}

// ResultFile is a file with released figures, as open data.
type ResultFile struct {
	Name string
	Word string // of the pages: "results_file_" + Word
	Type string // media type
}

// ResultFiles are the files of every release that is public.
var ResultFiles = []ResultFile{
	{"ergebnisse.xlsx", "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
	{"antworten.csv", "csv", "text/csv; charset=utf-8"},
	{"kreuztabellen.csv", "crosses", "text/csv; charset=utf-8"},
	{"datapackage.json", "json", "application/json"},
	{"metadaten.ttl", "ttl", "text/turtle; charset=utf-8"},
	{"metadaten.jsonld", "jsonld", "application/ld+json"},
}

// ResultFilesPath is the folder of the files of a survey, with a slash at its end.
func ResultFilesPath(survey string) string { return "/umfragen/" + survey + "/ergebnisse/daten/" }

// ActionStates tell how far an action is; their names are words of the pages.
var ActionStates = []string{"planned", "doing", "done", "not_possible"}

// Action is what people said in a survey and what the city did about it.
type Action struct {
	ID    string `json:"id"`
	Title Text   `json:"title"`
	Said  Text   `json:"said"` // Markdown
	Did   Text   `json:"did"`  // Markdown
	State string `json:"state"`
	Day   string `json:"day"` // Berlin, YYYY-MM-DD
}

// Check says what stands against publishing an action.
func (a Action) Check() Problems {
	var p Problems
	for _, f := range []struct {
		name  string
		text  Text
		limit int
	}{{"title", a.Title, 150}, {"said", a.Said, 3000}, {"did", a.Did, 3000}} {
		if f.text[German] == "" {
			p.Add(f.name+"."+German, "required")
		}
		for _, lang := range Languages {
			field := f.name + "." + lang
			if len([]rune(f.text[lang])) > f.limit {
				p.Add(field, "too_long", "max", f.limit)
			} else {
				p = append(p, CheckMarkdown(field, f.text[lang])...)
			}
		}
	}
	known := false
	for _, s := range ActionStates {
		known = known || s == a.State
	}
	if !known {
		p.Add("state", "unknown_option")
	}
	if _, err := time.Parse(time.DateOnly, a.Day); err != nil {
		p.Add("day", "not_date")
	}
	return p
}
