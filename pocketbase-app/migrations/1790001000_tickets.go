package migrations

func init() {
	const takes = `kind <> 'waiting' AND state IN ('active', 'pending', 'confirmed')`
	plain("1790001000_tickets.go",
		// Whatever takes places, and who waits for them: a hold until expires, a booking, an
		// offer to the waiting list until expires, a block by staff or (until expires) of
		// places just cancelled, and entries of the waiting list, which take nothing. One row
		// goes through these by updates, so there is no gap between them.
		`CREATE TABLE claims_new (
			reference   TEXT PRIMARY KEY, -- B-7K3M9-QX2TD
			event       TEXT NOT NULL,
			kind        TEXT NOT NULL CHECK (kind IN ('hold', 'booking', 'offer', 'block', 'waiting')),
			state       TEXT NOT NULL CHECK (state IN ('active', 'pending', 'confirmed', 'rejected', 'cancelled', 'expired')),
			places      INTEGER NOT NULL CHECK (places >= 1), -- its tickets that were not given back
			name        TEXT NOT NULL DEFAULT '', -- emptied by retention
			email       TEXT NOT NULL DEFAULT '', -- emptied by retention
			language    TEXT NOT NULL DEFAULT 'de',
			channel     TEXT NOT NULL DEFAULT '', -- web, api, counter, phone, door
			secret_hash TEXT NOT NULL DEFAULT '', -- SHA-256 of the citizen's secret
			link_hash   TEXT NOT NULL DEFAULT '', -- SHA-256 of the token of the personal link
			handed      INTEGER NOT NULL DEFAULT 0, -- how often it went to somebody else; each time with a new secret
			sequence    INTEGER NOT NULL DEFAULT 0, -- added to the event's SEQUENCE in calendars
			note        TEXT NOT NULL DEFAULT '', -- why staff blocked the places; "trade": just cancelled
			queue       INTEGER, -- order in the waiting list of the event, kept when it left the list
			passed      INTEGER NOT NULL DEFAULT 0, -- how often others who came later went first
			expires     INTEGER,
			created     INTEGER NOT NULL,
			confirmed   INTEGER,
			ended       INTEGER, -- rejected, cancelled or expired
			CHECK (kind NOT IN ('hold', 'offer') OR expires IS NOT NULL),
			CHECK (kind NOT IN ('booking', 'waiting') OR expires IS NULL),
			CHECK (state NOT IN ('pending', 'confirmed') OR kind = 'booking'),
			CHECK (kind NOT IN ('waiting', 'offer') OR queue IS NOT NULL)
		) STRICT, WITHOUT ROWID`,
		// One place in a pool, of one claim. Once the claim is a booking it is what somebody
		// shows at the door.
		`CREATE TABLE tickets (
			reference   TEXT NOT NULL REFERENCES claims_new (reference),
			number      INTEGER NOT NULL CHECK (number >= 1),
			event       TEXT NOT NULL, -- that of the claim
			pool        TEXT NOT NULL,
			name        TEXT NOT NULL DEFAULT '', -- emptied by retention
			answers     TEXT NOT NULL DEFAULT '', -- JSON object; emptied by retention
			category    TEXT NOT NULL DEFAULT '', -- of prices
			price_cents INTEGER NOT NULL DEFAULT 0,
			nonce       TEXT NOT NULL DEFAULT (lower(hex(randomblob(8)))), -- in the printed code; new for each holder
			released    INTEGER, -- given back alone, while the claim goes on
			checked_in  INTEGER,
			checked_by  TEXT NOT NULL DEFAULT '', -- device or staff
			PRIMARY KEY (reference, number),
			FOREIGN KEY (event, pool) REFERENCES pools (event, code)
		) STRICT, WITHOUT ROWID`,
		`INSERT INTO claims_new (reference, event, kind, state, places, name, email, language, channel, secret_hash, sequence, queue, expires, created, confirmed, ended)
			SELECT reference, event, kind, state, places, name, email, language, channel, secret_hash, sequence,
				CASE WHEN kind = 'offer' THEN row_number() OVER (PARTITION BY event, kind ORDER BY created, reference) END,
				CASE WHEN kind IN ('hold', 'offer') THEN expires END, created, confirmed, ended FROM claims`,
		`INSERT INTO tickets (reference, number, event, pool)
			WITH RECURSIVE n (reference, number, event, pool, places) AS (
				SELECT reference, 1, event, pool, places FROM claims
				UNION ALL SELECT reference, number + 1, event, pool, places FROM n WHERE number < places)
			SELECT reference, number, event, pool FROM n`,
		`DROP TABLE claims`, // with its triggers, which do not fire
		`ALTER TABLE claims_new RENAME TO claims`,
		`CREATE INDEX claims_event ON claims (event, state)`,
		`CREATE INDEX claims_expires ON claims (event, expires) WHERE state = 'active' AND expires IS NOT NULL`,
		`CREATE INDEX claims_personal ON claims (event) WHERE name <> '' OR email <> ''`,
		`CREATE UNIQUE INDEX claims_queue ON claims (event, queue) WHERE queue IS NOT NULL`,
		`CREATE INDEX claims_waiting ON claims (event, queue) WHERE kind = 'waiting' AND state = 'active'`,
		`CREATE UNIQUE INDEX claims_link ON claims (link_hash) WHERE link_hash <> ''`,
		`CREATE INDEX tickets_pool ON tickets (event, pool)`,
		`CREATE INDEX tickets_personal ON tickets (event) WHERE name <> '' OR answers <> ''`,

		// The counters. Nothing else writes pools.taken.
		`CREATE TRIGGER tickets_made AFTER INSERT ON tickets WHEN NEW.released IS NULL
		 BEGIN
			UPDATE pools SET taken = taken + 1 WHERE event = NEW.event AND code = NEW.pool
				AND EXISTS (SELECT 1 FROM claims WHERE reference = NEW.reference AND `+takes+`);
		 END`,
		`CREATE TRIGGER tickets_changed AFTER UPDATE OF reference, event, pool, released ON tickets
		 BEGIN
			UPDATE pools SET taken = taken - 1 WHERE event = OLD.event AND code = OLD.pool AND OLD.released IS NULL
				AND EXISTS (SELECT 1 FROM claims WHERE reference = OLD.reference AND `+takes+`);
			UPDATE pools SET taken = taken + 1 WHERE event = NEW.event AND code = NEW.pool AND NEW.released IS NULL
				AND EXISTS (SELECT 1 FROM claims WHERE reference = NEW.reference AND `+takes+`);
			UPDATE claims SET places = places + (NEW.released IS NULL) - (OLD.released IS NULL)
				WHERE reference = NEW.reference AND (NEW.released IS NULL) <> (OLD.released IS NULL);
		 END`,
		`CREATE TRIGGER tickets_removed AFTER DELETE ON tickets WHEN OLD.released IS NULL
		 BEGIN
			UPDATE pools SET taken = taken - 1 WHERE event = OLD.event AND code = OLD.pool
				AND EXISTS (SELECT 1 FROM claims WHERE reference = OLD.reference AND `+takes+`);
		 END`,
		`CREATE TRIGGER claims_changed AFTER UPDATE OF kind, state ON claims
		 WHEN (OLD.kind <> 'waiting' AND OLD.state IN ('active', 'pending', 'confirmed'))
			<> (NEW.kind <> 'waiting' AND NEW.state IN ('active', 'pending', 'confirmed'))
		 BEGIN
			UPDATE pools SET taken = taken
				+ (CASE WHEN NEW.kind <> 'waiting' AND NEW.state IN ('active', 'pending', 'confirmed') THEN 1 ELSE -1 END)
				* (SELECT count(*) FROM tickets t WHERE t.reference = NEW.reference AND t.released IS NULL AND t.event = pools.event AND t.pool = pools.code)
			WHERE (event, code) IN (SELECT event, pool FROM tickets WHERE reference = NEW.reference AND released IS NULL);
		 END`,
		`CREATE TRIGGER claims_removed BEFORE DELETE ON claims
		 BEGIN
			DELETE FROM tickets WHERE reference = OLD.reference;
		 END`,

		// What happened to a claim, without a word about whom it belongs to.
		`CREATE TABLE claim_events (
			id        INTEGER PRIMARY KEY,
			reference TEXT NOT NULL,
			at        INTEGER NOT NULL,
			what      TEXT NOT NULL, -- booked, held, confirmed, waiting, offered, …
			staff     TEXT NOT NULL DEFAULT '', -- id of who did it; empty: the citizen, or the program
			places    INTEGER NOT NULL DEFAULT 0
		) STRICT`,
		`CREATE INDEX claim_events_reference ON claim_events (reference, id)`,

		// What those who booked an event were told last; a change is told to them all.
		`CREATE TABLE event_told (
			event     TEXT PRIMARY KEY,
			starts    TEXT NOT NULL, -- RFC 3339
			ends      TEXT NOT NULL,
			place     TEXT NOT NULL,
			cancelled INTEGER NOT NULL
		) STRICT, WITHOUT ROWID`,
		`INSERT INTO event_told (event, starts, ends, place, cancelled)
			SELECT slug, coalesce(live ->> '$.start', ''), coalesce(live ->> '$.end', ''), coalesce(live ->> '$.place', ''), coalesce(live ->> '$.cancelled', 0)
			FROM events WHERE state = 'published' AND json_valid(live) AND json_type(live) = 'object'`,
	)
}
