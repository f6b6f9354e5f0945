// Package ideas is where citizens answer an open call with wishes and ideas,
// moderators release them, and others support them with their vote.
//
// It does not write calls (package editorial does) nor the public pages: what is
// released goes into the catalogue of the static site through [Publish]. [New]
// makes the matter, [Ideas.Bind] adds its pages and its API, [Ideas.Forget] is the
// retention. Who votes is kept under a pseudonym that differs from idea to idea
// (ADR 0021).
package ideas
