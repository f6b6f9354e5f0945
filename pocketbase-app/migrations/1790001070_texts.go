package migrations

func init() {
	plain("1790001070_texts.go",
		// Who decided what about which text, for ever; never what it says. A text whose
		// decision is taken back waits again.
		`CREATE TABLE text_decisions (
			id         INTEGER PRIMARY KEY,
			survey     TEXT NOT NULL,
			key        TEXT NOT NULL, -- variable
			mark       TEXT NOT NULL, -- of the text, from the random id of its response
			state      TEXT NOT NULL CHECK (state IN ('released', 'refused', 'open')),
			changed    INTEGER NOT NULL,
			changed_by TEXT NOT NULL -- staff id
		) STRICT`,
		`CREATE INDEX text_decisions_survey ON text_decisions (survey, key, id)`,
		`CREATE TRIGGER text_decisions_frozen BEFORE UPDATE ON text_decisions
		 BEGIN SELECT RAISE(ABORT, 'text_decisions: what was decided is kept'); END`,
		`CREATE TRIGGER text_decisions_kept BEFORE DELETE ON text_decisions
		 BEGIN SELECT RAISE(ABORT, 'text_decisions: what was decided is kept'); END`,
		// A text goes with the response that it was written in.
		`CREATE TRIGGER released_texts_erased AFTER DELETE ON responses
		 BEGIN DELETE FROM released_texts WHERE survey = old.survey AND response = old.id; END`,
	)
}
