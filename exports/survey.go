package exports

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"
)

// Survey is what goes into one workbook.
type Survey struct {
	Versions []survey.Questionnaire // every version that was asked, in any order
	Exported time.Time              // when the snapshot was taken
	Program  string                 // name and version of the program, e.g. "servicepoint 1.0"

	// Rows gives every response once, in an order that does not tell when they
	// came (key order). Count is their number, from the same snapshot: the sheet's
	// dimension is written before the first row.
	Rows  iter.Seq2[survey.Response, error]
	Count int

	// Personal is set for those who are cleared for answers that tell who somebody
	// is ([survey.Item.IsPersonal]). Without it such questions are left out.
	Personal bool

	// FreeText is set for those who are cleared for what people wrote themselves
	// (texts, places, names of files). Without it such columns are left out.
	FreeText bool

	// Released are texts that somebody has read and found fit for everybody, as they
	// may be shown. Without FreeText the workbook has them, all of the survey's, in
	// the sheet of open answers, apart from the rows.
	Released []ReleasedText

	// Watermark says who may use the file, for what and until when, in German; it
	// stands in Lesemich and at the foot of every page of paper. "" is none.
	Watermark string

	// Pairs are the cross-tables. Without any (nil) the questions that mostly explain
	// others (district, age, gender) are taken against all of them.
	Pairs []tally.Pair

	Random *rand.Rand // orders the open answers; nil is one that nobody can foretell

	perSheet int // rows of a sheet, for tests; 0: [MaxRows]
}

// ReleasedText is a text that everybody may read; Key names its variable.
type ReleasedText struct{ Key, Text string }

// Refusal is a reason why a survey cannot be exported at all; trying again does
// not help.
type Refusal struct {
	text   string // for logs
	reason string // for planners
}

func (r *Refusal) Error() string { return "exports: " + r.text }

// Reason says in German, for planners, why there is no file.
func (r *Refusal) Reason() string { return r.reason }

func refuse(reason, text string, args ...any) *Refusal {
	return &Refusal{text: fmt.Sprintf(text, args...), reason: reason}
}

// Limits of a worksheet.
const (
	MaxRows      = 1_048_576 - 1 // responses: the header takes one row
	MaxSheets    = 10            // that rows may be spread over
	MaxColumns   = 16_384
	MaxCellUnits = 32_767 // UTF-16 units in a cell
)
