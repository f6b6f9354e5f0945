package migrations

func init() {
	plain("1790000700_jobs.go",
		// One row per occurrence of a scheduled job: the key is what makes it run
		// once, however many servers look at the clock.
		`CREATE TABLE job_runs (
			job        TEXT NOT NULL,
			occurrence TEXT NOT NULL, -- Berlin wall time, "2026-10-25T02:30"
			planned    INTEGER NOT NULL, -- the moment of that wall time
			state      TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'skipped')),
			lease      INTEGER NOT NULL DEFAULT 0, -- while running: when another server may take over
			fence      INTEGER NOT NULL DEFAULT 1, -- rises with every taker
			started    INTEGER NOT NULL,
			finished   INTEGER,
			error      TEXT NOT NULL DEFAULT '', -- never holds personal data
			note       TEXT NOT NULL DEFAULT '',
			PRIMARY KEY (job, occurrence)
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX job_runs_started ON job_runs (started)`,
		`CREATE INDEX job_runs_planned ON job_runs (job, planned)`,
		`CREATE INDEX job_runs_running ON job_runs (job) WHERE state = 'running'`,
	)
}
