package content

import "time"

// Release is one finished build of the static site.
type Release struct {
	Name     string // folder name, sorts by time
	Started  time.Time
	Finished time.Time
	Pages    int
	Bytes    int64
}
