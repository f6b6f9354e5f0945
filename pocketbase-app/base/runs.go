package base

import "time"

// Run is one run of a scheduled job, past or planned, for the staff pages.
type Run struct {
	Job      string
	Planned  time.Time // the occurrence, a wall-clock time in Berlin
	Started  time.Time // zero: not yet
	Finished time.Time // zero: not yet
	State    string    // planned, running, done, failed, skipped
	Note     string
}
