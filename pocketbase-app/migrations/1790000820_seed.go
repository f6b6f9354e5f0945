package migrations

func init() {
	plain("1790000820_seed.go",
		// The seed of the random order in which somebody was asked, 0 to 65535: too
		// few values to tell one person from another in a survey of a city.
		`ALTER TABLE responses ADD COLUMN seed INTEGER NOT NULL DEFAULT 0`,
	)
}
