package migrations

func init() {
	plain("1790000801_devices.go",
		// What ties a browser to a record of the collection devices: first a code that
		// somebody types in (single use, a few minutes), then the token of a cookie.
		`CREATE TABLE device_codes (
			hash    TEXT PRIMARY KEY,
			device  TEXT NOT NULL,
			expires INTEGER NOT NULL
		) STRICT, WITHOUT ROWID`,
		`CREATE TABLE device_tokens (
			hash   TEXT PRIMARY KEY,
			device TEXT NOT NULL
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX device_tokens_device ON device_tokens (device)`,
	)
}
