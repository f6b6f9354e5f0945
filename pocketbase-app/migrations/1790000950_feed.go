package migrations

func init() {
	plain("1790000950_feed.go",
		// What has left for a warehouse. A sequence is given out inside of the write
		// transaction that makes the block, so there are no gaps that fill up later. A
		// block holds whole days and has no time: it tells no more of when somebody
		// answered than the day that every response has anyway.
		`CREATE TABLE feed_blocks (
			sequence INTEGER PRIMARY KEY,
			survey   TEXT NOT NULL,
			kind     TEXT NOT NULL CHECK (kind IN ('rows', 'erased')),
			mark     BLOB NOT NULL UNIQUE CHECK (length(mark) = 16) -- random: tells this database from one that a backup gave back
		) STRICT`,
		`CREATE TRIGGER feed_blocks_frozen BEFORE UPDATE ON feed_blocks
		 BEGIN SELECT RAISE(ABORT, 'feed_blocks: never changed'); END`,
		`CREATE TRIGGER feed_blocks_kept BEFORE DELETE ON feed_blocks
		 BEGIN SELECT RAISE(ABORT, 'feed_blocks: never deleted'); END`,
		// Where each response went: its place in the block is by lot.
		`CREATE TABLE feed_rows (
			survey   TEXT NOT NULL,
			id       TEXT NOT NULL, -- of the response; it stays here
			sequence INTEGER NOT NULL,
			place    INTEGER NOT NULL CHECK (place > 0),
			PRIMARY KEY (survey, id)
		) STRICT, WITHOUT ROWID`,
		`CREATE UNIQUE INDEX feed_rows_place ON feed_rows (sequence, place)`,
		// Places whose responses were erased, and the block that told it.
		`CREATE TABLE feed_erased (
			sequence INTEGER NOT NULL,
			place    INTEGER NOT NULL,
			survey   TEXT NOT NULL,
			told     INTEGER, -- sequence of the block of kind 'erased'; NULL: not yet
			PRIMARY KEY (sequence, place)
		) STRICT, WITHOUT ROWID`,
		`CREATE INDEX feed_erased_told ON feed_erased (told, survey)`,
		// Whoever erases or changes a response need not know of the feed: a changed one
		// goes out again with the next block.
		`CREATE TRIGGER responses_feed_erased AFTER DELETE ON responses
		 BEGIN
			INSERT INTO feed_erased (sequence, place, survey) SELECT sequence, place, survey FROM feed_rows WHERE survey = old.survey AND id = old.id;
			DELETE FROM feed_rows WHERE survey = old.survey AND id = old.id;
		 END`,
		`CREATE TRIGGER responses_feed_changed AFTER UPDATE ON responses
		 BEGIN
			INSERT INTO feed_erased (sequence, place, survey) SELECT sequence, place, survey FROM feed_rows WHERE survey = old.survey AND id = old.id;
			DELETE FROM feed_rows WHERE survey = old.survey AND id = old.id;
		 END`,
	)
}
