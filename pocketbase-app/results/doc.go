// Package results is where publishers release the figures of a survey for
// everybody, and write what people said and what the city did.
//
// It does not know how answers are stored: a [Snapshot] comes in by a function.
// [New] makes the matter, [Results.Bind] adds its pages, [Publish] puts the newest
// release of every survey into the catalogue of the static site. Counting is
// content/survey/tally's; what may be shown of it is decided here (ADR 0019):
// responses are counted in fixed blocks of at least ten, a figure is counted anew
// only when at least ten more people answered it, small cells are hidden together
// with others that would give them away, and a release never changes.
package results
