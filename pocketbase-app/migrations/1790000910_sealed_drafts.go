package migrations

func init() {
	plain("1790000910_sealed_drafts.go",
		// Drafts are sealed (ADR 0030). Those that lie here readable cannot be: the
		// secrets that would seal them are in the browsers. They go, with their links;
		// their uploads follow with the retention job.
		`DROP TABLE survey_links`,
		`DROP TABLE survey_drafts`,
		// Half-filled questionnaires, found by the hash of a cookie's token, gone when
		// sent or when their time is over. The token is nowhere here, and so neither is
		// anything that opens key.
		`CREATE TABLE survey_drafts (
			hash    TEXT PRIMARY KEY,
			survey  TEXT NOT NULL,
			key     BLOB NOT NULL, -- of sealed, itself sealed by the cookie's token
			sealed  BLOB NOT NULL, -- JSON: what was typed, version, channel, seed, page
			saved   INTEGER NOT NULL DEFAULT 0, -- somebody has a link to it
			expires INTEGER NOT NULL
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX survey_drafts_expires ON survey_drafts (expires)`,
		// Private links to drafts, found by the hash of their token. They go with the
		// draft; when a link is used, the draft moves to the cookie of that browser.
		`CREATE TABLE survey_links (
			hash  TEXT PRIMARY KEY,
			draft TEXT NOT NULL REFERENCES survey_drafts (hash) ON DELETE CASCADE ON UPDATE CASCADE,
			key   BLOB NOT NULL -- the draft's key, sealed by the link's token
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX survey_links_draft ON survey_links (draft)`,
	)
}
