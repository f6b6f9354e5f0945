package migrations

func init() {
	plain("1790001051_webhooks.go",
		// Messages of partners that were taken, so that a repetition does nothing.
		`CREATE TABLE webhook_seen (
			provider TEXT NOT NULL,
			hash     BLOB NOT NULL CHECK (length(hash) = 16), -- of the message's id
			at       INTEGER NOT NULL,
			PRIMARY KEY (provider, hash)
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX webhook_seen_at ON webhook_seen (at)`,
		`CREATE INDEX orders_reference ON orders (provider, reference) WHERE reference <> ''`,
		// Systems of the city that are told what happens.
		`CREATE TABLE webhook_endpoints (
			id          TEXT PRIMARY KEY,
			name        TEXT NOT NULL,
			url         TEXT NOT NULL,
			events      TEXT NOT NULL CHECK (json_valid(events)), -- array of types
			secret      BLOB NOT NULL, -- sealed
			old_secret  BLOB,          -- sealed; signs beside the new one until old_until
			old_until   INTEGER,
			active      INTEGER NOT NULL CHECK (active IN (0, 1)),
			gone        INTEGER, -- when it answered 410 and was switched off
			created     INTEGER NOT NULL,
			updated     INTEGER NOT NULL
		) STRICT, WITHOUT ROWID`,
		// Every try to tell them; no content.
		`CREATE TABLE webhook_tries (
			id       INTEGER PRIMARY KEY AUTOINCREMENT,
			endpoint TEXT NOT NULL,
			message  TEXT NOT NULL,
			type     TEXT NOT NULL,
			attempt  INTEGER NOT NULL,
			status   INTEGER NOT NULL, -- 0: no answer
			took     INTEGER NOT NULL, -- milliseconds
			problem  TEXT NOT NULL,
			at       INTEGER NOT NULL
		) STRICT`,
		`CREATE INDEX webhook_tries_endpoint ON webhook_tries (endpoint, id)`,
		`CREATE INDEX webhook_tries_at ON webhook_tries (at)`,
		// Surveys whose end was announced.
		`CREATE TABLE announced_surveys (
			survey TEXT PRIMARY KEY,
			closes INTEGER NOT NULL
		) STRICT, WITHOUT ROWID`,
	)
}
