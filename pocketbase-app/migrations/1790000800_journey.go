package migrations

func init() {
	plain("1790000800_journey.go",
		// seed of the random order; at: index of the page to go on with; saved: somebody
		// has a link to it, so it may live longer.
		`ALTER TABLE survey_drafts ADD COLUMN seed INTEGER NOT NULL DEFAULT 0`,
		`ALTER TABLE survey_drafts ADD COLUMN at INTEGER NOT NULL DEFAULT 0`,
		`ALTER TABLE survey_drafts ADD COLUMN saved INTEGER NOT NULL DEFAULT 0`,
		// Private links to drafts, found by the hash of their token. They go with the
		// draft; when a link is used, the draft moves to the cookie of that browser.
		`CREATE TABLE survey_links (
			hash  TEXT PRIMARY KEY,
			draft TEXT NOT NULL REFERENCES survey_drafts (hash) ON DELETE CASCADE ON UPDATE CASCADE
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX survey_links_draft ON survey_links (draft)`,
	)
}
