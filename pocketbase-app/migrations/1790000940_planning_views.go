package migrations

func init() {
	plain("1790000940_planning_views.go",
		// How many answers a survey shall get, and until when.
		`CREATE TABLE planning_targets (
			survey     TEXT PRIMARY KEY,
			target     INTEGER NOT NULL CHECK (target > 0),
			until      TEXT NOT NULL, -- Berlin, YYYY-MM-DD; "" is the end of the survey
			changed    INTEGER NOT NULL,
			changed_by TEXT NOT NULL -- staff id
		) STRICT, WITHOUT ROWID`,
		// Views of planning pages that planners keep for each other: an address and
		// why it is worth a look.
		`CREATE TABLE planning_views (
			id         TEXT PRIMARY KEY, -- random
			survey     TEXT NOT NULL,
			address    TEXT NOT NULL CHECK (address LIKE '/planung/%'), -- path and query, made by the server
			name       TEXT NOT NULL,
			note       TEXT NOT NULL,
			created    INTEGER NOT NULL,
			created_by TEXT NOT NULL -- staff id
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX planning_views_survey ON planning_views (survey, created)`,
	)
}
