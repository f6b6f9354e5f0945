package migrations

func init() {
	plain("1790001071_terminals.go",
		// How often surveys were begun at terminals and given up there, by no finer time
		// than a month: nothing that could be held against answers in the urn.
		`CREATE TABLE terminal_months (
			month    TEXT PRIMARY KEY CHECK (month GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]'), -- of Berlin
			begun    INTEGER NOT NULL CHECK (begun >= 0),
			given_up INTEGER NOT NULL CHECK (given_up >= 0)
		) STRICT`,
	)
}
