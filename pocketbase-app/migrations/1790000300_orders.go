package migrations

func init() {
	plain("1790000300_orders.go",
		`CREATE TABLE orders (
			id         INTEGER PRIMARY KEY AUTOINCREMENT,
			key        TEXT NOT NULL UNIQUE,
			provider   TEXT NOT NULL,
			kind       TEXT NOT NULL,
			subject    TEXT NOT NULL,
			partner    TEXT NOT NULL DEFAULT '',
			payload    TEXT NOT NULL, -- '{}' when retention has emptied it
			state      TEXT NOT NULL CHECK (state IN ('waiting', 'leased', 'unknown', 'done', 'rejected', 'dead')),
			attempt    INTEGER NOT NULL DEFAULT 0,
			fence      INTEGER NOT NULL DEFAULT 0, -- rises with every lease
			unsure     INTEGER NOT NULL DEFAULT 0, -- of a leased order: an earlier try ended without an answer
			since      INTEGER,          -- first try, the budget counts from here
			tried      INTEGER,          -- last try
			due        INTEGER NOT NULL, -- next try
			leased     INTEGER,          -- lease ends
			reference  TEXT NOT NULL DEFAULT '',
			last_error TEXT NOT NULL DEFAULT '', -- never holds personal data
			created    INTEGER NOT NULL,
			settled    INTEGER
		) STRICT`,
		`CREATE INDEX orders_due ON orders (provider, due, id) WHERE state IN ('waiting', 'leased', 'unknown')`,
		`CREATE INDEX orders_subject ON orders (subject, id)`,
		`CREATE INDEX orders_state ON orders (provider, state)`,
		`CREATE INDEX orders_settled ON orders (settled) WHERE payload <> '{}'`,
		`CREATE TABLE order_pauses (
			provider TEXT PRIMARY KEY,
			since    INTEGER NOT NULL,
			staff    TEXT NOT NULL -- id of who paused it
		) STRICT, WITHOUT ROWID`,
		`CREATE TABLE desk_items (
			id        INTEGER PRIMARY KEY AUTOINCREMENT,
			key       TEXT NOT NULL UNIQUE, -- of the order
			reference TEXT NOT NULL,        -- of the booking or case
			kind      TEXT NOT NULL,
			title     TEXT NOT NULL,
			partner   TEXT NOT NULL,
			filed     INTEGER NOT NULL
		) STRICT`,
		`CREATE INDEX desk_items_reference ON desk_items (reference)`,
		`CREATE TABLE idempotency (
			scope       TEXT NOT NULL, -- "booking", "case"
			key_hash    TEXT NOT NULL,
			fingerprint TEXT NOT NULL,
			status      INTEGER NOT NULL,
			answer      TEXT NOT NULL,
			created     INTEGER NOT NULL,
			PRIMARY KEY (scope, key_hash)
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX idempotency_created ON idempotency (created)`,
	)
}
