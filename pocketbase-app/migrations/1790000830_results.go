package migrations

func init() {
	plain("1790000830_results.go",
		// Released figures never change. figures is JSON: what is public, and the
		// bases of every figure that the next release is compared with.
		`CREATE TABLE result_releases (
			survey     TEXT NOT NULL,
			number     INTEGER NOT NULL CHECK (number > 0),
			n          INTEGER NOT NULL CHECK (n >= 10), -- responses counted
			figures    TEXT NOT NULL,
			reason     TEXT NOT NULL, -- JSON: language → why it was corrected, {} when it was not
			created    INTEGER NOT NULL,
			created_by TEXT NOT NULL, -- staff id
			PRIMARY KEY (survey, number)
		) STRICT, WITHOUT ROWID`,
		`CREATE TRIGGER result_releases_frozen BEFORE UPDATE ON result_releases
		 BEGIN SELECT RAISE(ABORT, 'result_releases: released figures never change'); END`,
		`CREATE TRIGGER result_releases_kept BEFORE DELETE ON result_releases
		 BEGIN SELECT RAISE(ABORT, 'result_releases: released figures are kept'); END`,
		// Which responses were counted, in blocks of at least ten that stay together.
		`CREATE TABLE result_members (
			survey   TEXT NOT NULL,
			response TEXT NOT NULL, -- id
			block    INTEGER NOT NULL,
			PRIMARY KEY (survey, response)
		) STRICT, WITHOUT ROWID`,
		// What people said and what the city did.
		`CREATE TABLE survey_actions (
			id     TEXT PRIMARY KEY, -- random
			survey TEXT NOT NULL,
			doc    TEXT NOT NULL, -- JSON of content.Action
			day    TEXT NOT NULL, -- Berlin
			rev    INTEGER NOT NULL
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX survey_actions_survey ON survey_actions (survey, day)`,
	)
}
