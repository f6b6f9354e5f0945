// Package booking gives out the places of events and never one too many.
//
// It does not know how content is edited, how mail is sent or who the desk is:
// it reads the published events, and what must follow a booking leaves as an
// order row in the transaction that claims the places.
//
// [PublishEvent] makes an event's pools when an editor publishes it. A
// [Service] binds the API, the citizens' pages and the counter's lists; its
// Book claims places (the constraint pool_full of the table pools decides, no
// code counts), Settle hears what the desk said and writes the mail, Cancel
// frees the places. ExpireHolds, Audit and Forget are for the scheduled jobs.
package booking
