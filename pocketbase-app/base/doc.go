// Package base is the small ground that every matter stands on: the platform
// (clock, origin, secret, wake-up), one mapping of errors to problem documents
// and pages, strict decoding of bodies, pages in the shell of the current site
// release, roles of staff, and the order row written in a matter's own
// transaction.
//
// It does not know any matter. A matter takes a [*Platform], binds its routes
// with [Platform.Route] and returns errors: [Error], content.Problems or plain
// ones, which become 500 and are logged without personal data.
package base
