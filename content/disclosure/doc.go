// Package disclosure decides which numbers about people may be shown, so that
// nobody can work out what a single person or a small group answered: not from
// one table, not from several, not from what was shown on another day, page or
// file (ADR 0028).
//
// It knows no storage and no page. People are counted into a [Table]; a [Ledger]
// of all tables that were ever shown of them decides with [Ledger.Release] what
// the next one may show, and [Audit] says which hidden numbers of all of them
// could be worked out. A [Question] and its [Answer] are how pages ask.
package disclosure

// Least numbers of people.
const (
	LeastGroup = 10 // a block, a base, a row or column of a table, and what two releases may differ by
	LeastCell  = 5  // a number that is shown, unless it is 0
)

// Hidden stands in place of a number that is not shown.
const Hidden = -1
