package migrations

func init() {
	plain("1790000600_cases.go",
		// One request of a citizen. rev counts its events: whoever changes a case
		// names the rev they saw.
		`CREATE TABLE cases (
			reference   TEXT PRIMARY KEY, -- "A-7K3M9-QX2TD"
			guide       TEXT NOT NULL,    -- slug, or "barriere"
			title       TEXT NOT NULL,    -- of the guide, German, when it was sent
			partner     TEXT NOT NULL,    -- slug of who answers
			state       TEXT NOT NULL CHECK (state IN ('sent', 'received', 'in_progress', 'waiting', 'done', 'refused', 'withdrawn')),
			rev         INTEGER NOT NULL,
			unread      INTEGER NOT NULL DEFAULT 0 CHECK (unread IN (0, 1)), -- the citizen wrote after staff's last answer
			name        TEXT NOT NULL,
			email       TEXT NOT NULL,
			message     TEXT NOT NULL,
			answers     TEXT NOT NULL, -- JSON: question code to value
			questions   TEXT NOT NULL, -- JSON: the guide's questions as they were asked
			language    TEXT NOT NULL,
			secret_hash TEXT NOT NULL, -- empty when personal data were erased
			order_key   TEXT NOT NULL, -- the order whose outcome counts
			due         INTEGER,       -- answer by
			created     INTEGER NOT NULL,
			updated     INTEGER NOT NULL,
			closed      INTEGER,       -- done, refused or withdrawn since
			forgotten   INTEGER,       -- personal data erased
			CHECK ((closed IS NOT NULL) = (state IN ('done', 'refused', 'withdrawn')))
		) STRICT`,
		`CREATE INDEX cases_list ON cases (state, partner, created)`,
		`CREATE INDEX cases_closed ON cases (closed) WHERE closed IS NOT NULL AND forgotten IS NULL`,
		// What happened to a case. message is for the citizen, note for staff only.
		`CREATE TABLE case_events (
			reference TEXT NOT NULL REFERENCES cases (reference) ON DELETE CASCADE,
			n         INTEGER NOT NULL, -- from 1
			at        INTEGER NOT NULL,
			actor     TEXT NOT NULL CHECK (actor IN ('citizen', 'staff', 'system')),
			staff     TEXT NOT NULL DEFAULT '', -- id of who wrote it
			state     TEXT NOT NULL,            -- after the event
			partner   TEXT NOT NULL DEFAULT '', -- the new partner when it was passed on
			message   TEXT NOT NULL DEFAULT '',
			note      TEXT NOT NULL DEFAULT '',
			key       TEXT NOT NULL DEFAULT '', -- of the form that was sent: a double click writes once
			PRIMARY KEY (reference, n)
		) STRICT, WITHOUT ROWID`,
		`CREATE UNIQUE INDEX case_events_key ON case_events (reference, key) WHERE key <> ''`,
		`CREATE TABLE case_sessions (
			hash      TEXT PRIMARY KEY, -- of the cookie's token
			reference TEXT NOT NULL REFERENCES cases (reference) ON DELETE CASCADE,
			expires   INTEGER NOT NULL
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX case_sessions_expires ON case_sessions (expires)`,
		// Wrong pairs per reference that was typed, whether it exists or not.
		`CREATE TABLE case_failures (
			hash   TEXT PRIMARY KEY, -- of the reference
			count  INTEGER NOT NULL,
			since  INTEGER NOT NULL, -- first failure of this count
			locked INTEGER NOT NULL  -- no try before; 0: not locked
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX case_failures_since ON case_failures (since)`,
	)
}
