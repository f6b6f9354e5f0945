package migrations

import (
	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"
)

func init() {
	m.Register(func(app core.App) error {
		// Calls are content like the others of migration 1790000200.
		c := core.NewBaseCollection("calls")
		c.Fields.Add(
			&core.TextField{Name: "slug", Required: true, Max: 80, Pattern: `^[a-z0-9]+(-[a-z0-9]+)*$`},
			&core.TextField{Name: "title", Required: true, Max: 300},
			&core.JSONField{Name: "doc", MaxSize: 1 << 20},
			&core.JSONField{Name: "live", MaxSize: 1 << 20},
			&core.SelectField{Name: "state", MaxSelect: 1, Required: true, Values: []string{"draft", "published", "withdrawn"}},
			&core.NumberField{Name: "rev", OnlyInt: true},
			&core.TextField{Name: "edited_by", Max: 40},
			&core.DateField{Name: "published"},
			&core.AutodateField{Name: "created", OnCreate: true},
			&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
		)
		c.AddIndex("idx_calls_slug", true, "slug", "")
		c.AddIndex("idx_calls_state", false, "state", "")
		c.ListRule = staffRule("editor", "publisher", "moderator", "admin")
		c.ViewRule = staffRule("editor", "publisher", "moderator", "admin")
		if err := app.Save(c); err != nil {
			return err
		}
		return run(app, []string{
			// One idea. rev counts its events: whoever changes an idea names the rev
			// they saw. Nothing leads from here to a vote or to a pass.
			`CREATE TABLE ideas (
				number   INTEGER PRIMARY KEY AUTOINCREMENT, -- part of the public address
				call     TEXT NOT NULL,    -- slug
				slug     TEXT NOT NULL DEFAULT '', -- of the title at the first release, then fixed
				rev      INTEGER NOT NULL,
				state    TEXT NOT NULL CHECK (state IN ('new', 'asked', 'released', 'rejected', 'merged', 'withdrawn')),
				title    TEXT NOT NULL,
				text     TEXT NOT NULL,
				language TEXT NOT NULL,
				topic    TEXT NOT NULL,
				district TEXT NOT NULL DEFAULT '',
				place    TEXT NOT NULL DEFAULT '',
				lat      REAL NOT NULL DEFAULT 0,
				lon      REAL NOT NULL DEFAULT 0, -- both 0: none
				name     TEXT NOT NULL DEFAULT '', -- to be shown with the idea
				edited   INTEGER NOT NULL DEFAULT 0 CHECK (edited IN (0, 1)), -- staff took personal data out
				status   TEXT NOT NULL DEFAULT 'received'
					CHECK (status IN ('received', 'under_review', 'planned', 'doing', 'done', 'not_possible')),
				into_idea INTEGER REFERENCES ideas (number), -- where a merged one went
				secret_hash TEXT NOT NULL UNIQUE, -- of the author's private link
				sent     INTEGER NOT NULL,
				released INTEGER,          -- first release
				decided  INTEGER,          -- rejected, merged or withdrawn since
				forgotten INTEGER,         -- texts erased
				CHECK ((into_idea IS NOT NULL) = (state = 'merged')),
				CHECK ((decided IS NOT NULL) = (state IN ('rejected', 'merged', 'withdrawn')))
			) STRICT`,
			`CREATE INDEX ideas_queue ON ideas (state, sent)`,
			`CREATE INDEX ideas_call ON ideas (call, state)`,
			`CREATE INDEX ideas_into ON ideas (into_idea) WHERE into_idea IS NOT NULL`,
			`CREATE INDEX ideas_decided ON ideas (decided) WHERE decided IS NOT NULL AND forgotten IS NULL`,
			// What happened to an idea. message is for its author, and public when the
			// event is the city's answer; note is for staff only.
			`CREATE TABLE idea_events (
				idea    INTEGER NOT NULL REFERENCES ideas (number),
				n       INTEGER NOT NULL, -- the idea's rev
				at      INTEGER NOT NULL,
				kind    TEXT NOT NULL CHECK (kind IN ('sent', 'asked', 'replied', 'edited', 'released', 'rejected', 'merged', 'withdrawn', 'answered')),
				staff   TEXT NOT NULL DEFAULT '', -- id
				status  TEXT NOT NULL DEFAULT '', -- of an answer
				reason  TEXT NOT NULL DEFAULT '', -- code of a rejection
				message TEXT NOT NULL DEFAULT '',
				note    TEXT NOT NULL DEFAULT '',
				PRIMARY KEY (idea, n)
			) STRICT, WITHOUT ROWID`,
			// Where news of an idea go; deleted when the call ends.
			`CREATE TABLE idea_contacts (
				idea     INTEGER PRIMARY KEY REFERENCES ideas (number),
				email    TEXT NOT NULL,
				language TEXT NOT NULL
			) STRICT`,
			// One vote. voter is a pseudonym of its own for every idea (ADR 0021):
			// votes of one person cannot be told from those of many. No time is kept,
			// and no row number that tells an order.
			`CREATE TABLE idea_votes (
				idea  INTEGER NOT NULL REFERENCES ideas (number),
				voter BLOB NOT NULL CHECK (length(voter) = 16),
				PRIMARY KEY (idea, voter)
			) STRICT, WITHOUT ROWID`,
			`CREATE TABLE idea_tallies (
				idea  INTEGER PRIMARY KEY REFERENCES ideas (number),
				votes INTEGER NOT NULL CHECK (votes >= 0)
			) STRICT`,
			`CREATE TRIGGER idea_votes_counted AFTER INSERT ON idea_votes
			 BEGIN
				INSERT INTO idea_tallies (idea, votes) VALUES (NEW.idea, 1)
				ON CONFLICT (idea) DO UPDATE SET votes = votes + 1;
			 END`,
			`CREATE TRIGGER idea_votes_taken_back AFTER DELETE ON idea_votes
			 BEGIN
				UPDATE idea_tallies SET votes = votes - 1 WHERE idea = OLD.idea;
			 END`,
			`CREATE TRIGGER idea_votes_fixed BEFORE UPDATE ON idea_votes
			 BEGIN SELECT RAISE(ABORT, 'idea_votes: votes are cast or taken back, never changed'); END`,
			// How many ideas one pass has sent, under a pseudonym of its own.
			`CREATE TABLE idea_senders (
				call   TEXT NOT NULL,
				sender BLOB NOT NULL CHECK (length(sender) = 16),
				ideas  INTEGER NOT NULL CHECK (ideas BETWEEN 1 AND 10),
				PRIMARY KEY (call, sender)
			) STRICT, WITHOUT ROWID`,
		})
	}, nil)
}
