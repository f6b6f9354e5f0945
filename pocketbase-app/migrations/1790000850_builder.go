package migrations

import (
	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"
)

func init() {
	m.Register(func(app core.App) error {
		return run(app, []string{
			// Questions and pages that editors keep for other surveys.
			`CREATE TABLE survey_library (
				id    INTEGER PRIMARY KEY,
				kind  TEXT NOT NULL CHECK (kind IN ('item', 'page')),
				title TEXT NOT NULL,
				doc   TEXT NOT NULL CHECK (json_valid(doc))
			) STRICT`,
			// Links by which people without an account look at a working copy.
			`CREATE TABLE survey_reviews (
				hash    TEXT PRIMARY KEY, -- SHA-256 of the link's token
				survey  TEXT NOT NULL,
				label   TEXT NOT NULL, -- for whom, as the editor wrote it
				created INTEGER NOT NULL,
				expires INTEGER NOT NULL
			) STRICT, WITHOUT ROWID`,
			// What they say of it. A comment outlives its link; no account, and a name
			// only when they gave one.
			`CREATE TABLE survey_comments (
				id     INTEGER PRIMARY KEY,
				survey TEXT NOT NULL,
				item   TEXT NOT NULL, -- code of a question, '' for the whole
				page   TEXT NOT NULL, -- code of the page it was written on
				name   TEXT NOT NULL,
				text   TEXT NOT NULL,
				at     INTEGER NOT NULL,
				done   INTEGER NOT NULL DEFAULT 0 CHECK (done IN (0, 1))
			) STRICT`,
			`CREATE INDEX survey_comments_survey ON survey_comments (survey)`,
			// Surveys that are over: out of the lists, what they brought stays.
			`CREATE TABLE survey_archive (
				survey TEXT PRIMARY KEY,
				at     INTEGER NOT NULL,
				actor  TEXT NOT NULL
			) STRICT, WITHOUT ROWID`,
		})
	}, nil)
}
