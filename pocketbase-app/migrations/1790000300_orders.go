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
			payload    TEXT NOT NULL,
			state      TEXT NOT NULL CHECK (state IN ('waiting', 'leased', 'unknown', 'done', 'rejected', 'dead')),
			attempt    INTEGER NOT NULL DEFAULT 0,
			fence      INTEGER NOT NULL DEFAULT 0,
			due        INTEGER NOT NULL, -- next try
			leased     INTEGER,          -- lease ends
			reference  TEXT NOT NULL DEFAULT '',
			last_error TEXT NOT NULL DEFAULT '', -- never holds personal data
			created    INTEGER NOT NULL,
			settled    INTEGER
		) STRICT`,
		`CREATE INDEX orders_due ON orders (due, id) WHERE state IN ('waiting', 'leased', 'unknown')`,
		`CREATE INDEX orders_subject ON orders (subject, id)`,
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
