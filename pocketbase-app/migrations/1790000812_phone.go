package migrations

func init() {
	plain("1790000812_phone.go",
		// How the answers of a draft are given, one of survey.Channels.
		`ALTER TABLE survey_drafts ADD COLUMN channel TEXT NOT NULL DEFAULT 'web'`,
	)
}
