package migrations

func init() {
	plain("1790001030_appointments.go",
		// Where advice is given, with the rules of its calendar.
		`CREATE TABLE advice_places (
			code      TEXT PRIMARY KEY,
			name      TEXT NOT NULL,
			address   TEXT NOT NULL DEFAULT '',
			step      INTEGER NOT NULL CHECK (step BETWEEN 5 AND 60 AND step % 5 = 0), -- minutes between two starts
			lead      INTEGER NOT NULL CHECK (lead BETWEEN 0 AND 20160), -- minutes: the public books no later than this before
			horizon   INTEGER NOT NULL CHECK (horizon BETWEEN 1 AND 365), -- days ahead that can be booked
			public    INTEGER NOT NULL CHECK (public BETWEEN 0 AND 99), -- contingents: desks at one time
			telephone INTEGER NOT NULL CHECK (telephone BETWEEN 0 AND 99),
			counter   INTEGER NOT NULL CHECK (counter BETWEEN 0 AND 99),
			sample    INTEGER NOT NULL DEFAULT 0 CHECK (sample IN (0, 1)) -- hours are examples, not the real ones
		) STRICT, WITHOUT ROWID`,
		`CREATE TABLE advice_services (
			code     TEXT PRIMARY KEY,
			rank     INTEGER NOT NULL,
			topic    TEXT NOT NULL,
			guide    TEXT NOT NULL DEFAULT '', -- slug: what to bring stands there
			names    TEXT NOT NULL CHECK (json_valid(names)), -- language → name
			minutes  INTEGER NOT NULL CHECK (minutes BETWEEN 5 AND 240 AND minutes % 5 = 0),
			setup    INTEGER NOT NULL CHECK (setup BETWEEN 0 AND 60 AND setup % 5 = 0), -- buffer before
			wrapup   INTEGER NOT NULL CHECK (wrapup BETWEEN 0 AND 60 AND wrapup % 5 = 0), -- buffer after
			calendar TEXT NOT NULL DEFAULT '', -- provider that keeps the calendar; '' is our own
			active   INTEGER NOT NULL CHECK (active IN (0, 1))
		) STRICT, WITHOUT ROWID`,
		// Desks and the people who advise at them. name is what staff call them.
		`CREATE TABLE advice_resources (
			code   TEXT PRIMARY KEY,
			place  TEXT NOT NULL REFERENCES advice_places (code),
			kind   TEXT NOT NULL CHECK (kind IN ('desk', 'adviser')),
			name   TEXT NOT NULL,
			rank   INTEGER NOT NULL,
			active INTEGER NOT NULL CHECK (active IN (0, 1))
		) STRICT, WITHOUT ROWID`,
		// What is possible at a desk, what an adviser can do.
		`CREATE TABLE advice_skills (
			resource TEXT NOT NULL REFERENCES advice_resources (code),
			service  TEXT NOT NULL REFERENCES advice_services (code),
			PRIMARY KEY (resource, service)
		) STRICT, WITHOUT ROWID`,
		// Opening hours of a place, working hours of a resource, on the wall clock in
		// Berlin: minutes since midnight. A resource without any works while the place is open.
		`CREATE TABLE advice_hours (
			owner   TEXT NOT NULL, -- code of a place or resource
			weekday INTEGER NOT NULL CHECK (weekday BETWEEN 1 AND 7), -- ISO 8601
			opens   INTEGER NOT NULL CHECK (opens BETWEEN 0 AND 1439),
			closes  INTEGER NOT NULL CHECK (closes BETWEEN 1 AND 1440),
			PRIMARY KEY (owner, weekday, opens),
			CHECK (opens < closes)
		) STRICT, WITHOUT ROWID`,
		// One day that differs: closed (both NULL), or open then. It wins over hours and holidays.
		`CREATE TABLE advice_exceptions (
			owner  TEXT NOT NULL,
			day    TEXT NOT NULL, -- Berlin, YYYY-MM-DD
			opens  INTEGER CHECK (opens BETWEEN 0 AND 1439),
			closes INTEGER CHECK (closes BETWEEN 1 AND 1440),
			note   TEXT NOT NULL DEFAULT '',
			PRIMARY KEY (owner, day),
			CHECK ((opens IS NULL) = (closes IS NULL) AND (opens IS NULL OR opens < closes))
		) STRICT, WITHOUT ROWID`,
		`CREATE TABLE appointments (
			reference TEXT PRIMARY KEY,
			place     TEXT NOT NULL REFERENCES advice_places (code),
			starts    INTEGER NOT NULL,
			ends      INTEGER NOT NULL,
			desk      TEXT NOT NULL REFERENCES advice_resources (code),
			adviser   TEXT NOT NULL, -- '' where desks alone are planned
			channel   TEXT NOT NULL CHECK (channel IN ('public', 'telephone', 'counter')),
			state     TEXT NOT NULL CHECK (state IN ('held', 'booked', 'arrived', 'done', 'missed', 'cancelled')),
			name      TEXT NOT NULL DEFAULT '', -- name, email and phone are emptied by retention
			email     TEXT NOT NULL DEFAULT '',
			phone     TEXT NOT NULL DEFAULT '',
			language  TEXT NOT NULL,
			secret_hash TEXT UNIQUE, -- of the personal link; NULL: the link is dead
			sequence  INTEGER NOT NULL DEFAULT 0,
			earlier   INTEGER, -- since when somebody waits for an earlier time
			expires   INTEGER, -- of a hold
			created   INTEGER NOT NULL,
			reminded  INTEGER,
			ended     INTEGER, -- cancelled, done or missed
			CHECK (starts < ends),
			CHECK ((expires IS NOT NULL) = (state = 'held'))
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX appointments_day ON appointments (place, starts)`,
		`CREATE INDEX appointments_earlier ON appointments (earlier) WHERE earlier IS NOT NULL`,
		`CREATE INDEX appointments_held ON appointments (expires) WHERE expires IS NOT NULL`,
		`CREATE INDEX appointments_contact ON appointments (email, phone) WHERE email <> '' OR phone <> ''`,
		`CREATE TABLE appointment_items (
			reference TEXT NOT NULL REFERENCES appointments (reference),
			position  INTEGER NOT NULL,
			service   TEXT NOT NULL REFERENCES advice_services (code),
			PRIMARY KEY (reference, position)
		) STRICT, WITHOUT ROWID`,
		// Five minutes of one desk or adviser. The primary key decides who gets them:
		// nobody is booked twice, whatever the code does (ADR 0034).
		`CREATE TABLE appointment_ticks (
			resource TEXT NOT NULL,
			tick     INTEGER NOT NULL, -- Unix seconds / 300
			place    TEXT NOT NULL,
			holder   TEXT NOT NULL, -- reference; 'O-<id>' an offer, 'V-…' a visit called, '' blocked against trading
			channel  TEXT NOT NULL, -- on the rows of desks, '' elsewhere
			free_at  INTEGER,       -- of holds, offers and blocks
			PRIMARY KEY (resource, tick)
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX appointment_ticks_holder ON appointment_ticks (holder)`,
		`CREATE INDEX appointment_ticks_place ON appointment_ticks (place, tick)`,
		`CREATE INDEX appointment_ticks_free ON appointment_ticks (free_at) WHERE free_at IS NOT NULL`,
		// No channel takes more desks at one time than its contingent.
		`CREATE TRIGGER appointment_contingent BEFORE INSERT ON appointment_ticks WHEN NEW.channel <> ''
		 BEGIN
			SELECT RAISE(ABORT, 'appointment_contingent: no desk left for this channel')
			WHERE (SELECT count(*) FROM appointment_ticks WHERE place = NEW.place AND tick = NEW.tick AND channel = NEW.channel)
				>= (SELECT CASE NEW.channel WHEN 'public' THEN public WHEN 'telephone' THEN telephone ELSE counter END
					FROM advice_places WHERE code = NEW.place);
		 END`,
		// A freed place offered to somebody who waits for an earlier time.
		`CREATE TABLE appointment_offers (
			id        INTEGER PRIMARY KEY AUTOINCREMENT,
			reference TEXT NOT NULL REFERENCES appointments (reference),
			starts    INTEGER NOT NULL,
			ends      INTEGER NOT NULL,
			desk      TEXT NOT NULL,
			adviser   TEXT NOT NULL,
			state     TEXT NOT NULL CHECK (state IN ('open', 'taken', 'declined', 'lapsed')),
			expires   INTEGER NOT NULL,
			created   INTEGER NOT NULL
		) STRICT`,
		`CREATE UNIQUE INDEX appointment_offers_open ON appointment_offers (reference) WHERE state = 'open'`,
		`CREATE INDEX appointment_offers_of ON appointment_offers (reference)`,
		// Numbers of a day: people who came with an appointment or without. No names.
		`CREATE TABLE visits (
			place     TEXT NOT NULL REFERENCES advice_places (code),
			day       TEXT NOT NULL, -- Berlin, YYYY-MM-DD
			number    INTEGER NOT NULL,
			services  TEXT NOT NULL, -- codes, parted by commas
			reference TEXT,          -- of the appointment; NULL: without
			planned   INTEGER,       -- start of the appointment
			arrived   INTEGER NOT NULL,
			called    INTEGER,       -- first call
			calls     INTEGER NOT NULL DEFAULT 0,
			last_call INTEGER,
			desk      TEXT NOT NULL DEFAULT '',
			finished  INTEGER,
			state     TEXT NOT NULL CHECK (state IN ('waiting', 'called', 'done', 'missed')),
			token_hash TEXT UNIQUE,  -- of the number's page; emptied at night
			PRIMARY KEY (place, day, number)
		) STRICT, WITHOUT ROWID`,
		`CREATE UNIQUE INDEX visits_reference ON visits (reference) WHERE reference IS NOT NULL`,
		// One number at a desk at a time.
		`CREATE UNIQUE INDEX visits_at_desk ON visits (place, day, desk) WHERE state = 'called'`,
	)
}
