package exports

// WithRowsPerSheet makes sheets end after n rows.
func WithRowsPerSheet(s Survey, n int) Survey {
	s.perSheet = n
	return s
}
