package migrations

func init() {
	plain("1790000810_uploads.go",
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
	)
}
