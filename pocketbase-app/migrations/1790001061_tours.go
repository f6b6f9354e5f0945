package migrations

func init() {
	plain("1790001061_tours.go",
		// What citizens order of a seller of tours. The seller counts the places; a row
		// here says how far the order has come. Money and vouchers are as the seller
		// told them (JSON).
		`CREATE TABLE tour_bookings (
			reference   TEXT PRIMARY KEY, -- T-XXXXX-XXXXX
			state       TEXT NOT NULL CHECK (state IN ('holding', 'held', 'confirming', 'confirmed', 'cancelling', 'cancelled', 'expired', 'refused', 'failed', 'abandoned')),
			tour        TEXT NOT NULL,
			title       TEXT NOT NULL,
			departure   TEXT NOT NULL,
			starts      INTEGER NOT NULL,
			ends        INTEGER NOT NULL,
			place       TEXT NOT NULL DEFAULT '',
			units       TEXT NOT NULL CHECK (json_valid(units)),
			simulated   INTEGER NOT NULL CHECK (simulated IN (0, 1)),
			remote      TEXT NOT NULL DEFAULT '', -- the seller's id, set when it is held
			remote_ref  TEXT NOT NULL DEFAULT '',
			expires     INTEGER NOT NULL DEFAULT 0, -- of the hold
			total       TEXT NOT NULL DEFAULT '{}',
			vouchers    TEXT NOT NULL DEFAULT '[]',
			cancel_until INTEGER NOT NULL DEFAULT 0,
			name        TEXT NOT NULL DEFAULT '',
			email       TEXT NOT NULL DEFAULT '',
			phone       TEXT NOT NULL DEFAULT '',
			language    TEXT NOT NULL,
			secret_hash TEXT NOT NULL UNIQUE,
			created     INTEGER NOT NULL,
			updated     INTEGER NOT NULL,
			forgotten   INTEGER, -- personal data erased
			CHECK (remote <> '' OR state IN ('holding', 'refused', 'failed', 'abandoned')),
			CHECK (email <> '' OR forgotten IS NOT NULL OR state NOT IN ('confirming', 'confirmed', 'cancelling'))
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX tour_bookings_starts ON tour_bookings (starts) WHERE forgotten IS NULL`,
		`CREATE INDEX tour_bookings_created ON tour_bookings (created) WHERE forgotten IS NULL`,
	)
}
