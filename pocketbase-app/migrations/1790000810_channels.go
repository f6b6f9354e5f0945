package migrations

func init() {
	plain("1790000810_channels.go",
		// Files of answers, by the random name that stands in them. Bound to a draft
		// by its hash until it is sent, then to nothing. The file itself lies below
		// <data dir>/uploads.
		`CREATE TABLE survey_uploads (
			name   TEXT PRIMARY KEY,
			survey TEXT NOT NULL,
			item   TEXT NOT NULL, -- code
			draft  TEXT NOT NULL, -- hash; '' once it was sent
			day    TEXT NOT NULL, -- Berlin
			size   INTEGER NOT NULL -- bytes
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX survey_uploads_draft ON survey_uploads (draft) WHERE draft <> ''`,

		// Sheets of paper whose answers are being typed in, twice by two people.
		// When a sheet is settled its answers and the id of its response are gone:
		// nothing connects a sheet with a response.
		`CREATE TABLE survey_sheets (
			survey    TEXT NOT NULL,
			code      TEXT NOT NULL,
			version   INTEGER NOT NULL,
			language  TEXT NOT NULL,
			first     TEXT NOT NULL DEFAULT '', -- JSON: field → list of what was typed
			first_by  TEXT NOT NULL DEFAULT '', -- id of staff
			second    TEXT NOT NULL DEFAULT '',
			second_by TEXT NOT NULL DEFAULT '',
			response  TEXT NOT NULL DEFAULT '', -- UUID, while the response is being stored
			settled   INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1)),
			day       TEXT NOT NULL, -- Berlin, of the first entry
			PRIMARY KEY (survey, code),
			CONSTRAINT two_people CHECK (second_by = '' OR second_by <> first_by),
			CONSTRAINT nothing_left CHECK (settled = 0 OR first || second || response = '')
		) STRICT, WITHOUT ROWID`,

		// How a registered device proves itself: a code that works once, then a token.
		`CREATE TABLE device_keys (
			device  TEXT PRIMARY KEY, -- id in devices
			code    TEXT UNIQUE,      -- hash of the one-time code
			expires INTEGER,          -- of the code
			token   TEXT UNIQUE       -- hash of the device's token
		) STRICT, WITHOUT ROWID`,
	)
}
