package disclosure

import (
	"context"
	"errors"
	"time"

	"servicepoint/content"
)

// Channel is the key of the way that answers came (web, tablet, phone …) where a
// filter names a variable.
const Channel = "@channel"

// MostFilters is how many filters a question may have.
const MostFilters = 2

// Question is what somebody wants to know of a survey: how one variable was
// answered, or two against each other, by all or by a group.
type Question struct {
	Row    string   // key of a variable
	Column string   // of another one; "" for one variable
	Where  []Filter // all of them hold; at most [MostFilters], of different variables
}

// Filter keeps those who gave one of the codes.
type Filter struct {
	Key   string // of a variable, or [Channel]
	Codes []string
}

// Answer is what may be shown. N, RowN, ColumnN and Base are numbers of people,
// [Hidden] where they are too few.
type Answer struct {
	Question          // with the filters as they could be kept: small groups are counted with others
	Merged   bool     // some filter is wider than it was asked for
	Rows     []Option // of Row
	Columns  []Option // of Column; a single one without code for one variable
	N        [][]int  // by row and column
	Base     int      // who answered all that was asked, filters included
	All      int      // who took part and is counted at all
	Several  bool     // people may be in more than one row
	Ranked   bool     // N tells who put the option first
	Unit     string
	Numbers  *content.ResultNumber // without filter or table, and when nothing is hidden
	Score    *float64              // likewise: net promoter score
	AnyGone  bool                  // something is hidden
	Counted  time.Time             // UTC
	Waiting  int                   // who took part since and waits for a group of at least [LeastGroup]
}

// Option is a row or column.
type Option struct {
	Code string
	Text content.Text
}

// Ask answers a question about a survey; staff is who asks. The errors are those
// below, or that there is no such survey.
type Ask func(ctx context.Context, slug, staff string, q Question) (Answer, error)

// AskAll answers several questions, reading the people once. each is called with
// the place of every question and what Ask would have answered; the error says that
// there are no more calls because something broke.
type AskAll func(ctx context.Context, slug, staff string, questions []Question, each func(i int, a Answer, err error)) error

// Why there is no answer. Their texts are codes of words: "problem.<code>".
var (
	ErrQuestion = errors.New("disclosure_question") // of something that cannot be asked so: personal, a text, no list of values, the same twice
	ErrFew      = errors.New("disclosure_few")      // fewer than [LeastGroup] people
	ErrHidden   = errors.New("disclosure_hidden")   // nothing would be left to show
	ErrUnsafe   = errors.New("disclosure_unsafe")   // together with what was shown before it would tell too much
	ErrGone     = errors.New("disclosure_gone")     // somebody who was counted has been erased
)
