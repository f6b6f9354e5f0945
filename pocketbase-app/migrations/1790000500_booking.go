package migrations

func init() {
	plain("1790000500_booking.go",
		// A quota of places of one event. taken is kept by the triggers below and
		// by nothing else; the constraint pool_full decides who gets the last seat.
		`CREATE TABLE pools (
			event    TEXT NOT NULL, -- slug
			code     TEXT NOT NULL,
			size     INTEGER NOT NULL,
			taken    INTEGER NOT NULL DEFAULT 0,
			stopped  TEXT NOT NULL DEFAULT '', -- why nothing is sold: "audit"
			PRIMARY KEY (event, code),
			CONSTRAINT pool_full CHECK (0 <= taken AND taken <= size)
		) STRICT, WITHOUT ROWID`,
		// Whatever takes places: a hold until expires, a booking, an offer to the
		// waiting list until expires, a block by staff. A hold becomes a booking by
		// an update of its row, so there is no gap between the two.
		`CREATE TABLE claims (
			reference   TEXT PRIMARY KEY, -- B-7K3M9-QX2TD
			event       TEXT NOT NULL,
			pool        TEXT NOT NULL,
			kind        TEXT NOT NULL CHECK (kind IN ('hold', 'booking', 'offer', 'block')),
			state       TEXT NOT NULL CHECK (state IN ('active', 'confirmed', 'rejected', 'cancelled', 'expired')),
			places      INTEGER NOT NULL CHECK (places >= 1),
			name        TEXT NOT NULL DEFAULT '', -- emptied by retention
			email       TEXT NOT NULL DEFAULT '', -- emptied by retention
			language    TEXT NOT NULL DEFAULT 'de',
			channel     TEXT NOT NULL DEFAULT '', -- web, api, counter
			secret_hash TEXT NOT NULL DEFAULT '', -- SHA-256 of the citizen's secret
			sequence    INTEGER NOT NULL DEFAULT 0, -- added to the event's SEQUENCE in calendars
			expires     INTEGER, -- holds and offers only
			created     INTEGER NOT NULL,
			confirmed   INTEGER,
			ended       INTEGER, -- rejected, cancelled or expired
			FOREIGN KEY (event, pool) REFERENCES pools (event, code),
			CHECK ((kind IN ('hold', 'offer')) = (expires IS NOT NULL))
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX claims_event ON claims (event, pool)`,
		`CREATE INDEX claims_expires ON claims (event, pool, expires) WHERE state = 'active' AND expires IS NOT NULL`,
		`CREATE INDEX claims_personal ON claims (event) WHERE name <> '' OR email <> ''`,
		`CREATE TRIGGER claims_made AFTER INSERT ON claims WHEN NEW.state IN ('active', 'confirmed')
		 BEGIN
			UPDATE pools SET taken = taken + NEW.places WHERE event = NEW.event AND code = NEW.pool;
		 END`,
		`CREATE TRIGGER claims_changed AFTER UPDATE OF event, pool, places, state ON claims
		 WHEN (OLD.state IN ('active', 'confirmed')) <> (NEW.state IN ('active', 'confirmed'))
			OR OLD.places <> NEW.places OR OLD.event <> NEW.event OR OLD.pool <> NEW.pool
		 BEGIN
			UPDATE pools SET taken = taken - OLD.places
			WHERE event = OLD.event AND code = OLD.pool AND OLD.state IN ('active', 'confirmed');
			UPDATE pools SET taken = taken + NEW.places
			WHERE event = NEW.event AND code = NEW.pool AND NEW.state IN ('active', 'confirmed');
		 END`,
		`CREATE TRIGGER claims_removed AFTER DELETE ON claims WHEN OLD.state IN ('active', 'confirmed')
		 BEGIN
			UPDATE pools SET taken = taken - OLD.places WHERE event = OLD.event AND code = OLD.pool;
		 END`,
	)
}
