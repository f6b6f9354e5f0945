package migrations

func init() {
	plain("1790000860_paper.go",
		// Paper sheets that staff type in, each by two people. What was typed is
		// deleted when both agree and the response is stored; then only the number
		// stays, so that nobody types the sheet in again.
		`CREATE TABLE survey_sheets (
			survey   TEXT NOT NULL,
			sheet    INTEGER NOT NULL CHECK (sheet > 0), -- written on the paper
			version  INTEGER NOT NULL,
			language TEXT NOT NULL,
			typed    TEXT NOT NULL, -- JSON: variable → what was typed; '' when done
			typist   TEXT NOT NULL, -- staff id of the first entry; '' when done
			response TEXT NOT NULL, -- id of the response to come; '' when done
			done     INTEGER NOT NULL DEFAULT 0 CHECK (done = 0 AND typed <> '' AND response <> '' OR done = 1 AND typed = '' AND typist = '' AND response = ''),
			PRIMARY KEY (survey, sheet)
		) STRICT, WITHOUT ROWID`,
	)
}
