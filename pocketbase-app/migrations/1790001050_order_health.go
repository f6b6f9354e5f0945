package migrations

func init() {
	plain("1790001050_order_health.go",
		// put_off: the provider asked for the next time itself.
		`ALTER TABLE orders ADD COLUMN put_off INTEGER NOT NULL DEFAULT 0`,
		// When an order was taken back before it was sent; its state is 'rejected'.
		`ALTER TABLE orders ADD COLUMN withdrawn INTEGER`,
		`ALTER TABLE order_pauses ADD COLUMN reason TEXT NOT NULL DEFAULT ''`, // 'credentials': the program paused it; staff is ''
		// What staff and the program did to orders and providers, and why.
		`CREATE TABLE order_log (
			id       INTEGER PRIMARY KEY AUTOINCREMENT,
			at       INTEGER NOT NULL,
			staff    TEXT NOT NULL, -- id; '' is the program
			what     TEXT NOT NULL CHECK (what IN ('pause', 'resume', 'halt', 'replay', 'withdraw', 'endpoint')),
			provider TEXT NOT NULL,
			order_id INTEGER, -- NULL: the provider as a whole
			n        INTEGER NOT NULL DEFAULT 1, -- how many orders
			reason   TEXT NOT NULL
		) STRICT`,
		`CREATE INDEX order_log_at ON order_log (at)`,
		// Tries by provider and five minutes: how many of each outcome took about so long.
		`CREATE TABLE order_tries (
			provider TEXT NOT NULL,
			slot     INTEGER NOT NULL, -- Unix seconds / 300
			outcome  TEXT NOT NULL CHECK (outcome IN ('answered', 'refused', 'later', 'failed')),
			took     INTEGER NOT NULL, -- step of a scale: 2^(took/4) milliseconds
			n        INTEGER NOT NULL,
			PRIMARY KEY (provider, slot, outcome, took)
		) STRICT, WITHOUT ROWID`,
	)
}
