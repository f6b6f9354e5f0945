package migrations

func init() {
	plain("1790001040_live.go",
		// One sitting in the Event Lounge in which people ask and vote from their
		// own devices. Nothing leads from here to a person.
		`CREATE TABLE live_sessions (
			id        INTEGER PRIMARY KEY AUTOINCREMENT,
			code      TEXT NOT NULL UNIQUE CHECK (length(code) = 6), -- digits, read out in the room
			event     TEXT NOT NULL DEFAULT '', -- slug
			title     TEXT NOT NULL,
			language  TEXT NOT NULL,
			state     TEXT NOT NULL CHECK (state IN ('planned', 'open', 'closed')),
			asking    TEXT NOT NULL CHECK (asking IN ('off', 'checked', 'free')), -- whether a moderator reads questions first
			released  INTEGER NOT NULL DEFAULT 0 CHECK (released IN (0, 1)), -- the page with results is public after the end
			created   INTEGER NOT NULL,
			opened    INTEGER,
			closed    INTEGER,
			forgotten INTEGER, -- single answers, votes and unreleased texts erased
			CHECK ((closed IS NOT NULL) = (state = 'closed')),
			CHECK (released = 0 OR state = 'closed')
		) STRICT`,
		`CREATE INDEX live_sessions_event ON live_sessions (event)`,
		// No time is kept of a question, and nothing of who asked it.
		`CREATE TABLE live_questions (
			id      INTEGER PRIMARY KEY AUTOINCREMENT,
			session INTEGER NOT NULL REFERENCES live_sessions (id),
			text    TEXT NOT NULL,
			state   TEXT NOT NULL CHECK (state IN ('new', 'shown', 'answered', 'hidden')),
			pinned  INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1)),
			votes   INTEGER NOT NULL DEFAULT 0 CHECK (votes >= 0)
		) STRICT`,
		`CREATE INDEX live_questions_session ON live_questions (session, state)`,
		`CREATE UNIQUE INDEX live_questions_pinned ON live_questions (session) WHERE pinned = 1`,
		// voter is a pseudonym of its own for every question and poll.
		`CREATE TABLE live_votes (
			question INTEGER NOT NULL REFERENCES live_questions (id),
			voter    BLOB NOT NULL CHECK (length(voter) = 16),
			PRIMARY KEY (question, voter)
		) STRICT, WITHOUT ROWID`,
		`CREATE TRIGGER live_votes_counted AFTER INSERT ON live_votes
		 BEGIN UPDATE live_questions SET votes = votes + 1 WHERE id = NEW.question; END`,
		// Erasing the pseudonyms of a sitting that is over keeps the counts.
		`CREATE TRIGGER live_votes_taken_back AFTER DELETE ON live_votes
		 WHEN EXISTS (SELECT 1 FROM live_questions q JOIN live_sessions s ON s.id = q.session WHERE q.id = OLD.question AND s.state = 'open')
		 BEGIN UPDATE live_questions SET votes = votes - 1 WHERE id = OLD.question; END`,
		`CREATE TABLE live_senders (
			session INTEGER NOT NULL REFERENCES live_sessions (id),
			sender  BLOB NOT NULL CHECK (length(sender) = 16),
			sent    INTEGER NOT NULL,
			PRIMARY KEY (session, sender),
			CONSTRAINT live_sent_enough CHECK (sent BETWEEN 1 AND 10)
		) STRICT, WITHOUT ROWID`,
		`CREATE TABLE live_polls (
			id       INTEGER PRIMARY KEY AUTOINCREMENT,
			session  INTEGER NOT NULL REFERENCES live_sessions (id),
			kind     TEXT NOT NULL CHECK (kind IN ('single', 'multiple', 'scale', 'words')),
			title    TEXT NOT NULL,
			options  TEXT NOT NULL, -- JSON: texts; of a scale what its ends mean
			most     INTEGER NOT NULL CHECK (most BETWEEN 1 AND 20), -- choices of one person; of a scale its steps
			state    TEXT NOT NULL CHECK (state IN ('draft', 'open', 'closed')),
			shown    INTEGER NOT NULL DEFAULT 0 CHECK (shown IN (0, 1)), -- results on the screen and the devices
			answers  INTEGER NOT NULL DEFAULT 0 CHECK (answers >= 0),
			result   TEXT NOT NULL DEFAULT '' -- counts as JSON once single answers are erased
		) STRICT`,
		`CREATE INDEX live_polls_session ON live_polls (session)`,
		`CREATE UNIQUE INDEX live_polls_open ON live_polls (session) WHERE state = 'open'`,
		`CREATE TABLE live_answers (
			poll   INTEGER NOT NULL REFERENCES live_polls (id),
			voter  BLOB NOT NULL CHECK (length(voter) = 16),
			answer TEXT NOT NULL, -- JSON: numbers of options from 0, a step from 1, or words
			PRIMARY KEY (poll, voter)
		) STRICT, WITHOUT ROWID`,
		`CREATE TRIGGER live_answers_counted AFTER INSERT ON live_answers
		 BEGIN UPDATE live_polls SET answers = answers + 1 WHERE id = NEW.poll; END`,
		`CREATE TABLE live_words (
			poll  INTEGER NOT NULL REFERENCES live_polls (id),
			word  TEXT NOT NULL, -- in lower case
			state TEXT NOT NULL CHECK (state IN ('new', 'shown', 'hidden')),
			PRIMARY KEY (poll, word)
		) STRICT, WITHOUT ROWID`,
	)
}
