package migrations

func init() {
	// Sheets of paper and devices got tables of another form before any of these
	// had a row.
	plain("1790000811_channels.go", `DROP TABLE survey_sheets`, `DROP TABLE device_keys`)
}
