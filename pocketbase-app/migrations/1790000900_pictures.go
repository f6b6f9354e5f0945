package migrations

func init() {
	plain("1790000900_pictures.go",
		// Pictures of options, once each, by the hash of their content. What uses one
		// are the questionnaires that name it: working copies, versions, revisions and
		// the library (editorial: sweepPictures).
		`CREATE TABLE survey_pictures (
			name  TEXT PRIMARY KEY, -- SHA-256 in hexadecimal and .jpg or .png
			added INTEGER NOT NULL, -- last time that somebody uploaded it
			body  BLOB NOT NULL
		) STRICT`,
		// The picture of an idea. Without an idea it belongs to a form that was not
		// sent yet, and goes after a day.
		`CREATE TABLE idea_pictures (
			form  TEXT PRIMARY KEY, -- hash of the form's key; of the number when staff or a seed brought it
			idea  INTEGER UNIQUE REFERENCES ideas (number),
			name  TEXT NOT NULL, -- SHA-256 in hexadecimal and .jpg or .png: part of the public address
			alt   TEXT NOT NULL DEFAULT '', -- by the author, '' for the default
			added INTEGER NOT NULL,
			body  BLOB NOT NULL
		) STRICT`,
		`CREATE INDEX idea_pictures_name ON idea_pictures (name)`,
		// A merge can be undone. went_into is the idea that one went into, into_idea
		// the one that is left of all of them.
		`ALTER TABLE ideas ADD COLUMN went_into INTEGER REFERENCES ideas (number)`,
		`UPDATE ideas SET went_into = into_idea WHERE into_idea IS NOT NULL`,
		// The votes that a merged idea had, under its own pseudonyms. lone: the vote
		// of the idea that it went into is there for this one only.
		`CREATE TABLE idea_kept_votes (
			idea  INTEGER NOT NULL REFERENCES ideas (number),
			voter BLOB NOT NULL CHECK (length(voter) = 16),
			lone  INTEGER NOT NULL CHECK (lone IN (0, 1)),
			PRIMARY KEY (idea, voter)
		) STRICT, WITHOUT ROWID`,
		// 'parted' joins the kinds of events.
		`CREATE TABLE idea_events_new (
			idea    INTEGER NOT NULL REFERENCES ideas (number),
			n       INTEGER NOT NULL, -- the idea's rev
			at      INTEGER NOT NULL,
			kind    TEXT NOT NULL CHECK (kind IN ('sent', 'asked', 'replied', 'edited', 'released', 'rejected', 'merged', 'parted', 'withdrawn', 'answered')),
			staff   TEXT NOT NULL DEFAULT '', -- id
			status  TEXT NOT NULL DEFAULT '', -- of an answer
			reason  TEXT NOT NULL DEFAULT '', -- code of a rejection
			message TEXT NOT NULL DEFAULT '',
			note    TEXT NOT NULL DEFAULT '',
			PRIMARY KEY (idea, n)
		) STRICT, WITHOUT ROWID`,
		`INSERT INTO idea_events_new SELECT idea, n, at, kind, staff, status, reason, message, note FROM idea_events`,
		`DROP TABLE idea_events`,
		`ALTER TABLE idea_events_new RENAME TO idea_events`,
	)
}
