package migrations

func init() {
	plain("1790000710_planning.go",
		`CREATE TABLE export_files (
			id          TEXT PRIMARY KEY, -- random; the file is <data dir>/exports/<id>.xlsx
			survey      TEXT NOT NULL,
			format      TEXT NOT NULL,
			name        TEXT NOT NULL, -- under which it is downloaded
			state       TEXT NOT NULL CHECK (state IN ('building', 'ready', 'failed', 'cancelled', 'expired')),
			rows        INTEGER NOT NULL DEFAULT 0,
			bytes       INTEGER NOT NULL DEFAULT 0,
			sha256      TEXT NOT NULL DEFAULT '',
			fingerprint TEXT NOT NULL DEFAULT '', -- of the counts it was made from
			done        INTEGER NOT NULL DEFAULT 0, -- rows written so far
			total       INTEGER NOT NULL DEFAULT 0,
			error       TEXT NOT NULL DEFAULT '', -- why it failed, in words for planners
			created     INTEGER NOT NULL,
			created_by  TEXT NOT NULL, -- staff id or "system"
			finished    INTEGER,
			expires     INTEGER NOT NULL
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX export_files_survey ON export_files (survey, created)`,
		// One export at a time, whoever asks.
		`CREATE UNIQUE INDEX export_files_building ON export_files (state) WHERE state = 'building'`,
		`CREATE TABLE export_downloads (
			id    INTEGER PRIMARY KEY AUTOINCREMENT,
			file  TEXT NOT NULL REFERENCES export_files (id) ON DELETE CASCADE,
			staff TEXT NOT NULL, -- staff id
			at    INTEGER NOT NULL
		) STRICT`,
		`CREATE INDEX export_downloads_file ON export_downloads (file, at)`,
	)
}
