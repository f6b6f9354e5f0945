package migrations

func init() {
	plain("1790000920_packages.go",
		// Who may take the single responses of a survey, for what and until when.
		// Administrators give clearances, never to themselves. A row says for ever
		// what was allowed: only its end can be set.
		`CREATE TABLE export_clearances (
			id         TEXT PRIMARY KEY, -- random
			staff      TEXT NOT NULL, -- staff id
			survey     TEXT NOT NULL,
			personal   INTEGER NOT NULL CHECK (personal IN (0, 1)), -- answers that tell who somebody is
			free_text  INTEGER NOT NULL CHECK (free_text IN (0, 1)), -- what people wrote themselves
			purpose    TEXT NOT NULL CHECK (purpose <> ''),
			until      TEXT NOT NULL, -- last day, Berlin
			granted    INTEGER NOT NULL,
			granted_by TEXT NOT NULL, -- staff id
			revoked    INTEGER, -- taken back, or replaced by a newer one
			revoked_by TEXT,
			CONSTRAINT not_oneself CHECK (granted_by <> staff),
			CHECK ((revoked IS NULL) = (revoked_by IS NULL))
		) STRICT, WITHOUT ROWID`,
		`CREATE UNIQUE INDEX export_clearances_current ON export_clearances (staff, survey) WHERE revoked IS NULL`,
		`CREATE TRIGGER export_clearances_frozen BEFORE UPDATE ON export_clearances
		 WHEN old.revoked IS NOT NULL OR new.revoked IS NULL OR (new.id, new.staff, new.survey, new.personal, new.free_text, new.purpose, new.until, new.granted, new.granted_by)
		  IS NOT (old.id, old.staff, old.survey, old.personal, old.free_text, old.purpose, old.until, old.granted, old.granted_by)
		 BEGIN SELECT RAISE(ABORT, 'export_clearances: a clearance can only be ended'); END`,
		// Files are packages now, made for one person under a clearance.
		`ALTER TABLE export_files ADD COLUMN profile TEXT NOT NULL DEFAULT '{}'`, // JSON: formats, filter, what is in it
		`ALTER TABLE export_files ADD COLUMN reason TEXT NOT NULL DEFAULT ''`,
		`ALTER TABLE export_files ADD COLUMN clearance TEXT NOT NULL DEFAULT ''`, // under which it was made
		`ALTER TABLE export_files ADD COLUMN saved TEXT NOT NULL DEFAULT ''`,     // id of the saved profile whose schedule asked for it
		// What was made before was made for nobody in particular.
		`UPDATE export_files SET state = 'expired' WHERE state = 'ready'`,
		`UPDATE export_files SET state = 'failed' WHERE state = 'building'`,
		// Profiles that a planner keeps, with a schedule if one is wanted.
		`CREATE TABLE export_profiles (
			id      TEXT PRIMARY KEY, -- random
			survey  TEXT NOT NULL,
			staff   TEXT NOT NULL, -- staff id
			name    TEXT NOT NULL,
			profile TEXT NOT NULL, -- JSON, as in export_files
			reason  TEXT NOT NULL,
			every   TEXT NOT NULL CHECK (every IN ('', 'day', 'week', 'closing')),
			last    TEXT NOT NULL, -- the occurrence that was dealt with last
			note    TEXT NOT NULL, -- what came of it, in words for planners
			created INTEGER NOT NULL,
			UNIQUE (survey, staff, name)
		) STRICT, WITHOUT ROWID`,
	)
}
