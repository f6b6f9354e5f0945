package migrations

func init() {
	plain("1790001062_waste.go",
		// The last known calendars of the waste collection, by location and year.
		`CREATE TABLE waste_locations (
			location INTEGER PRIMARY KEY, -- the collection's number of a place
			label    TEXT NOT NULL,
			used     TEXT NOT NULL        -- last day that somebody asked, Berlin
		) STRICT`,
		`CREATE TABLE waste_calendars (
			location INTEGER NOT NULL REFERENCES waste_locations (location) ON DELETE CASCADE,
			year     INTEGER NOT NULL,
			pickups  TEXT NOT NULL CHECK (json_valid(pickups)),
			etag     TEXT NOT NULL,
			fetched  INTEGER NOT NULL, -- when the collection last said that it is so
			changed  INTEGER NOT NULL, -- when it last became another
			PRIMARY KEY (location, year)
		) STRICT, WITHOUT ROWID`,
		// Who wants a mail on the evening before. Deleted as soon as it is ended.
		`CREATE TABLE waste_reminders (
			id         TEXT PRIMARY KEY, -- random; its links are derived from it
			location   INTEGER NOT NULL REFERENCES waste_locations (location),
			email      TEXT NOT NULL,
			language   TEXT NOT NULL,
			active     INTEGER NOT NULL CHECK (active IN (0, 1)), -- 0: not confirmed yet
			token_hash TEXT NOT NULL UNIQUE,
			created    INTEGER NOT NULL,
			UNIQUE (location, email)
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX waste_reminders_pending ON waste_reminders (created) WHERE active = 0`,
	)
}
