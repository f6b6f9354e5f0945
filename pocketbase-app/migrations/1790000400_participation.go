package migrations

func init() {
	plain("1790000400_participation.go",
		// One JSON per response. WITHOUT ROWID and a random key: the table keeps
		// no order of arrival. Nothing finer than the day is stored.
		`CREATE TABLE responses (
			survey   TEXT NOT NULL,
			id       TEXT NOT NULL, -- UUID of the client
			version  INTEGER NOT NULL,
			language TEXT NOT NULL,
			channel  TEXT NOT NULL,
			day      TEXT NOT NULL, -- Berlin
			answers  TEXT NOT NULL, -- canonical JSON
			PRIMARY KEY (survey, id)
		) STRICT, WITHOUT ROWID`,
		// Half-filled questionnaires as typed, found by the hash of a cookie's token,
		// gone when sent or after a day. The id of the response to come is derived
		// from the token and a secret: no column connects a draft with a response.
		`CREATE TABLE survey_drafts (
			hash     TEXT PRIMARY KEY,
			survey   TEXT NOT NULL,
			version  INTEGER NOT NULL,
			answers  TEXT NOT NULL, -- JSON: item code → list of what was typed
			expires  INTEGER NOT NULL
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX survey_drafts_expires ON survey_drafts (expires)`,
	)
}
