// Package cases keeps what citizens ask of the partners: a request sent from a
// guide or a barrier report, its history, the answers of counter staff, and the
// page where the citizen follows it with reference and secret, without an account.
//
// It knows nothing of who does the work: a case is stored together with an order
// (kind "case") in one transaction, and what the order came to arrives by
// [Cases.Settle]. Every change of a [Case] is one event; the number of events is
// its revision, which is the optimistic lock of the counter pages and of the
// citizen's page alike. Which state may follow which is one table, [MayBecome].
//
// The secret is derived from the idempotency key and the reference and never
// stored: a repeated request gets the same answer, a stolen database does not
// open a single case.
package cases
