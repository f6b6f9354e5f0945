package migrations

func init() {
	plain("1790001010_entries.go",
		// Who came in with which scan. The primary key is the rule that a ticket opens the door
		// once, whatever phones without a connection hand in later.
		`CREATE TABLE entries (
			reference TEXT NOT NULL,
			number    INTEGER NOT NULL,
			event     TEXT NOT NULL, -- slug
			scan      TEXT NOT NULL, -- random, made by the phone; the same scan again is the same entry
			device    TEXT NOT NULL, -- what staff call the place where they stand
			at        INTEGER NOT NULL, -- of the scan, Unix milliseconds
			PRIMARY KEY (reference, number)
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX entries_at ON entries (at)`,
	)
}
