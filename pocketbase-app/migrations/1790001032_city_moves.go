package migrations

func init() {
	plain("1790001032_city_moves.go",
		// An appointment of the city that moves is 'booking' and has a process already.
		`ALTER TABLE city_appointments ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0`, // of the calendar entry
		`ALTER TABLE city_appointments ADD COLUMN reminded INTEGER`,
	)
}
