package migrations

func init() {
	plain("1790001060_providers.go",
		// How the program reaches its providers; a provider without a row has what it
		// was built with. sealed holds credentials: AES-256-GCM under a key that is no
		// part of the database.
		`CREATE TABLE provider_settings (
			name       TEXT PRIMARY KEY,
			rev        INTEGER NOT NULL CHECK (rev > 0), -- whoever saves names the rev they saw
			mode       TEXT NOT NULL CHECK (mode IN ('off', 'simulated', 'real')),
			address    TEXT NOT NULL,
			fields     TEXT NOT NULL CHECK (json_valid(fields)), -- what is no secret
			sealed     BLOB,             -- secrets, NULL: none
			parallel   INTEGER NOT NULL CHECK (parallel >= 0), -- 0: as it comes
			per_minute INTEGER NOT NULL CHECK (per_minute >= 0),
			failures   INTEGER NOT NULL CHECK (failures >= 0),
			pause      INTEGER NOT NULL CHECK (pause >= 0), -- seconds
			updated    INTEGER NOT NULL,
			updated_by TEXT NOT NULL -- staff id
		) STRICT, WITHOUT ROWID`,
		// Who changed what, and how the last tries of the connection ended. No values.
		`CREATE TABLE provider_changes (
			id       INTEGER PRIMARY KEY AUTOINCREMENT,
			provider TEXT NOT NULL,
			at       INTEGER NOT NULL,
			staff    TEXT NOT NULL,
			what     TEXT NOT NULL, -- names of fields with commas, or "test"
			outcome  TEXT NOT NULL DEFAULT '', -- of a test: code
			said     TEXT NOT NULL DEFAULT ''  -- of a test that went well: the partner's name
		) STRICT`,
		`CREATE INDEX provider_changes_provider ON provider_changes (provider, id)`,
		// What a provider must not forget between two calls of one order, such as the
		// partner's number of what is half done. Sealed like credentials.
		`CREATE TABLE provider_notes (
			key    TEXT PRIMARY KEY, -- of the order, with the provider's name in front
			sealed BLOB NOT NULL,
			made   INTEGER NOT NULL
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX provider_notes_made ON provider_notes (made)`,
	)
}
