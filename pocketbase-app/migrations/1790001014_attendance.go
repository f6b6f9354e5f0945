package migrations

func init() {
	plain("1790001014_attendance.go",
		// Passes of those who came to an event are another kind; a CHECK cannot be changed.
		`CREATE TABLE gate_passes_new (
			scope TEXT NOT NULL, -- what it opens: "umfragen/slug"
			hash  BLOB NOT NULL CHECK (length(hash) = 16),
			kind  TEXT NOT NULL CHECK (kind IN ('code', 'invitation', 'account', 'attendance')),
			used  INTEGER NOT NULL CHECK (used IN (0, 1)),
			tag   BLOB NOT NULL CHECK (length(tag) = 16),
			PRIMARY KEY (scope, hash)
		) STRICT, WITHOUT ROWID`,
		`INSERT INTO gate_passes_new (scope, hash, kind, used, tag) SELECT scope, hash, kind, used, tag FROM gate_passes`,
		`DROP TABLE gate_passes`, // with its trigger
		`ALTER TABLE gate_passes_new RENAME TO gate_passes`,
		`CREATE TRIGGER gate_passes_once BEFORE UPDATE ON gate_passes WHEN old.used = 1
		 BEGIN SELECT RAISE(ABORT, 'gate_passes: used once'); END`,
		`DROP TRIGGER survey_versions_named`,
		`CREATE TRIGGER survey_versions_named BEFORE INSERT ON survey_versions
		 WHEN EXISTS (SELECT 1 FROM survey_versions v WHERE v.survey = new.survey AND
			(coalesce(json_extract(v.questionnaire, '$.access'), '') IN ('code', 'invitation', 'account', 'attendance')) <>
			(coalesce(json_extract(new.questionnaire, '$.access'), '') IN ('code', 'invitation', 'account', 'attendance')))
		 BEGIN SELECT RAISE(ABORT, 'survey_versions: named access is fixed with the first version'); END`,

		// That the pass of a place on which somebody came was given out: a hash of the random
		// key it was made of, from which nothing leads to the pass. No time, no order.
		`ALTER TABLE tickets ADD COLUMN pass_mark TEXT NOT NULL DEFAULT '' CHECK (length(pass_mark) IN (0, 64))`,
		`CREATE INDEX tickets_pass_mark ON tickets (event) WHERE pass_mark <> ''`,
		// One pass for each place, and none for who did not come. Retention empties marks.
		`CREATE TRIGGER tickets_pass_once BEFORE UPDATE OF pass_mark ON tickets WHEN OLD.pass_mark <> '' AND NEW.pass_mark NOT IN ('', OLD.pass_mark)
		 BEGIN SELECT RAISE(ABORT, 'tickets: one pass for each place'); END`,
		`CREATE TRIGGER tickets_pass_came BEFORE UPDATE OF pass_mark ON tickets WHEN NEW.pass_mark <> '' AND OLD.pass_mark = '' AND (NEW.checked_in IS NULL OR NEW.released IS NOT NULL)
		 BEGIN SELECT RAISE(ABORT, 'tickets: nobody came on this place'); END`,
	)
}
