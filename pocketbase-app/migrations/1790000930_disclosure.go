package migrations

func init() {
	plain("1790000930_disclosure.go",
		// The release ledger: whatever was ever shown of the answers to a survey, on
		// which page and to whom. doc is JSON: figures, tables, and the blocks of
		// responses that they count.
		`CREATE TABLE disclosure_releases (
			id         INTEGER PRIMARY KEY,
			survey     TEXT NOT NULL,
			place      TEXT NOT NULL CHECK (place IN ('results', 'planning')),
			number     INTEGER CHECK ((number IS NULL) = (place <> 'results')), -- of result_releases
			block      INTEGER NOT NULL, -- the last one counted; 0: that of the figures' release
			doc        TEXT NOT NULL,
			created    INTEGER NOT NULL,
			created_by TEXT NOT NULL, -- staff id
			UNIQUE (survey, number)
		) STRICT`,
		`CREATE INDEX disclosure_releases_survey ON disclosure_releases (survey, id)`,
		`CREATE TRIGGER disclosure_releases_frozen BEFORE UPDATE ON disclosure_releases
		 BEGIN SELECT RAISE(ABORT, 'disclosure_releases: what was shown never changes'); END`,
		`CREATE TRIGGER disclosure_releases_kept BEFORE DELETE ON disclosure_releases
		 BEGIN SELECT RAISE(ABORT, 'disclosure_releases: what was shown is kept'); END`,
		`INSERT INTO disclosure_releases (survey, place, number, block, doc, created, created_by)
		 SELECT survey, 'results', number, 0, figures, created, created_by FROM result_releases ORDER BY created, survey, number`,
		// Which people surveys are about: those with the same circle are counted as if
		// the same people had answered.
		`CREATE TABLE disclosure_circles (
			survey TEXT PRIMARY KEY,
			circle TEXT NOT NULL CHECK (circle <> '')
		) STRICT, WITHOUT ROWID`,
		// What was published and is not published any more. The figures stay in the ledger.
		`CREATE TABLE result_withdrawals (
			survey     TEXT NOT NULL,
			number     INTEGER NOT NULL, -- of the release
			reason     TEXT NOT NULL, -- JSON: language → why
			created    INTEGER NOT NULL,
			created_by TEXT NOT NULL, -- staff id
			PRIMARY KEY (survey, number),
			FOREIGN KEY (survey, number) REFERENCES result_releases (survey, number)
		) STRICT, WITHOUT ROWID`,
		`CREATE TRIGGER result_withdrawals_frozen BEFORE UPDATE ON result_withdrawals
		 BEGIN SELECT RAISE(ABORT, 'result_withdrawals: a withdrawal never changes'); END`,
		`CREATE TRIGGER result_withdrawals_kept BEFORE DELETE ON result_withdrawals
		 BEGIN SELECT RAISE(ABORT, 'result_withdrawals: a withdrawal is kept'); END`,
		// Texts that somebody has read and found fit for everybody, as they are shown.
		`CREATE TABLE released_texts (
			survey     TEXT NOT NULL,
			response   TEXT NOT NULL, -- id
			key        TEXT NOT NULL, -- variable
			state      TEXT NOT NULL CHECK (state IN ('released', 'refused')),
			text       TEXT NOT NULL, -- '' when refused
			changed    INTEGER NOT NULL,
			changed_by TEXT NOT NULL, -- staff id
			PRIMARY KEY (survey, response, key),
			CHECK ((text = '') = (state = 'refused'))
		) STRICT, WITHOUT ROWID`,
	)
}
