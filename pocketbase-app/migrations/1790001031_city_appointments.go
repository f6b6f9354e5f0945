package migrations

func init() {
	plain("1790001031_city_appointments.go",
		// Where a service is whose calendar a provider keeps.
		`ALTER TABLE advice_services ADD COLUMN office INTEGER NOT NULL DEFAULT 0 CHECK (office >= 0)`,     // number at the provider
		`ALTER TABLE advice_services ADD COLUMN external INTEGER NOT NULL DEFAULT 0 CHECK (external >= 0)`, // of the service, likewise
		`ALTER TABLE advice_services ADD COLUMN location TEXT NOT NULL DEFAULT ''`,                         // where people go
		// Appointments in calendars of others. They own no ticks here.
		`CREATE TABLE city_appointments (
			reference TEXT PRIMARY KEY,
			service   TEXT NOT NULL REFERENCES advice_services (code),
			starts    INTEGER NOT NULL,
			ends      INTEGER NOT NULL,
			state     TEXT NOT NULL CHECK (state IN ('booking', 'booked', 'refused', 'failed', 'cancelling', 'cancelled')),
			simulated INTEGER NOT NULL CHECK (simulated IN (0, 1)),
			process   TEXT NOT NULL DEFAULT '', -- number and key at the provider, sealed
			number    TEXT NOT NULL DEFAULT '', -- that people are called by there
			name      TEXT NOT NULL DEFAULT '', -- name, email and phone are emptied by retention
			email     TEXT NOT NULL DEFAULT '',
			phone     TEXT NOT NULL DEFAULT '',
			language  TEXT NOT NULL,
			secret_hash TEXT UNIQUE,            -- of the personal link
			created   INTEGER NOT NULL,
			updated   INTEGER NOT NULL,
			CHECK (starts < ends)
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX city_appointments_email ON city_appointments (email) WHERE email <> ''`,
		`CREATE INDEX city_appointments_ends ON city_appointments (ends)`,
	)
}
