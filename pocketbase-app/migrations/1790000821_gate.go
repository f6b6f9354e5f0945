package migrations

func init() {
	plain("1790000821_gate.go",
		// Who may take part and has. Codes are created before with used = 0 and the
		// flag flips in place; invitations and accounts come when they are used. No
		// time, no order, no number: only keyed hashes. The tag is random until used,
		// then a keyed hash of the random id under which the answer was sent, so that
		// a repeated request is known again; it stands nowhere else.
		`CREATE TABLE gate_passes (
			scope TEXT NOT NULL, -- what it opens: "umfragen/slug"
			hash  BLOB NOT NULL CHECK (length(hash) = 16),
			kind  TEXT NOT NULL CHECK (kind IN ('code', 'invitation', 'account')),
			used  INTEGER NOT NULL CHECK (used IN (0, 1)),
			tag   BLOB NOT NULL CHECK (length(tag) = 16),
			PRIMARY KEY (scope, hash)
		) STRICT, WITHOUT ROWID`,
		`CREATE TRIGGER gate_passes_once BEFORE UPDATE ON gate_passes WHEN old.used = 1
		 BEGIN SELECT RAISE(ABORT, 'gate_passes: used once'); END`,
		// Proofs of work that were spent, until they could not be spent again anyway.
		`CREATE TABLE gate_spent (
			hash BLOB PRIMARY KEY CHECK (length(hash) = 16),
			day  TEXT NOT NULL -- Berlin; after it the row may go
		) STRICT, WITHOUT ROWID`,
		// How many answers a survey (code "") or a quota of it has.
		`CREATE TABLE survey_counters (
			survey TEXT NOT NULL,
			code   TEXT NOT NULL,
			n      INTEGER NOT NULL,
			max    INTEGER NOT NULL,
			PRIMARY KEY (survey, code),
			CONSTRAINT full CHECK (n <= max)
		) STRICT, WITHOUT ROWID`,
		// What staff switch while a survey runs; no part of any version.
		`CREATE TABLE survey_runs (
			survey TEXT PRIMARY KEY,
			paused INTEGER NOT NULL CHECK (paused IN (0, 1)),
			by     TEXT NOT NULL, -- staff id
			at     INTEGER NOT NULL
		) STRICT, WITHOUT ROWID`,
		// Answers that tell who somebody is, apart from the others.
		`CREATE TABLE response_personal (
			survey  TEXT NOT NULL,
			id      TEXT NOT NULL,
			answers TEXT NOT NULL, -- canonical JSON
			PRIMARY KEY (survey, id)
		) STRICT, WITHOUT ROWID`,
		`CREATE TRIGGER response_personal_refused BEFORE INSERT ON response_personal
		 WHEN EXISTS (SELECT 1 FROM survey_versions v WHERE v.survey = new.survey AND json_extract(v.questionnaire, '$.anonymous'))
		 BEGIN SELECT RAISE(ABORT, 'response_personal: the survey is anonymous'); END`,
		// Blocks of answers that came out of the urn (urn.db).
		`CREATE TABLE urn_blocks (
			id BLOB PRIMARY KEY CHECK (length(id) = 16)
		) STRICT, WITHOUT ROWID`,
		// Log-in codes of citizens, found by the keyed hash of the address.
		`CREATE TABLE citizen_codes (
			hash    BLOB PRIMARY KEY CHECK (length(hash) = 16),
			code    BLOB NOT NULL CHECK (length(code) = 16), -- keyed hash
			tries   INTEGER NOT NULL CHECK (tries <= 5),
			expires INTEGER NOT NULL
		) STRICT, WITHOUT ROWID`,
		// Mails of the gate hold an address beside a link or a code: gone when sent.
		`CREATE TRIGGER orders_gate_forget AFTER UPDATE OF state ON orders
		 WHEN new.state = 'done' AND new.key GLOB 'mail:zugang:*' AND new.payload <> '{}'
		 BEGIN UPDATE orders SET payload = '{}' WHERE id = new.id; END`,
		// What people were promised when the survey began holds for all its versions:
		// whether it is anonymous, and whether the storage knows who took part.
		`CREATE TRIGGER survey_versions_promise BEFORE INSERT ON survey_versions
		 WHEN EXISTS (SELECT 1 FROM survey_versions v WHERE v.survey = new.survey AND
			coalesce(json_extract(v.questionnaire, '$.anonymous'), 0) <> coalesce(json_extract(new.questionnaire, '$.anonymous'), 0))
		 BEGIN SELECT RAISE(ABORT, 'survey_versions: anonymity is fixed with the first version'); END`,
		`CREATE TRIGGER survey_versions_named BEFORE INSERT ON survey_versions
		 WHEN EXISTS (SELECT 1 FROM survey_versions v WHERE v.survey = new.survey AND
			(coalesce(json_extract(v.questionnaire, '$.access'), '') IN ('code', 'invitation', 'account')) <>
			(coalesce(json_extract(new.questionnaire, '$.access'), '') IN ('code', 'invitation', 'account')))
		 BEGIN SELECT RAISE(ABORT, 'survey_versions: named access is fixed with the first version'); END`,
	)
}
