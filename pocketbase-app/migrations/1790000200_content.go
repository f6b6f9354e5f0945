package migrations

import (
	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"
)

func init() {
	m.Register(func(app core.App) error {
		// One collection per kind of content, all of one shape: doc is the working
		// copy that editors change, live the copy that the site shows.
		for _, kind := range []string{"providers", "topics", "districts", "guides", "events", "surveys", "pages"} {
			c := core.NewBaseCollection(kind)
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
			c.AddIndex("idx_"+kind+"_slug", true, "slug", "")
			c.AddIndex("idx_"+kind+"_state", false, "state", "")
			c.ListRule = staffRule("editor", "publisher", "moderator", "admin")
			c.ViewRule = staffRule("editor", "publisher", "moderator", "admin")
			if err := app.Save(c); err != nil {
				return err
			}
		}

		versions := core.NewBaseCollection("survey_versions")
		versions.Fields.Add(
			&core.TextField{Name: "survey", Required: true, Max: 80},
			&core.NumberField{Name: "version", OnlyInt: true, Required: true},
			&core.JSONField{Name: "questionnaire", Required: true, MaxSize: 1 << 20},
			&core.TextField{Name: "published_by", Max: 40},
			&core.AutodateField{Name: "published", OnCreate: true},
		)
		versions.AddIndex("idx_survey_versions_survey", true, "survey, version", "")
		versions.ListRule = staffRule("editor", "publisher", "planner", "admin")
		versions.ViewRule = staffRule("editor", "publisher", "planner", "admin")
		if err := app.Save(versions); err != nil {
			return err
		}
		return run(app, []string{
			// Published versions never change, not even by a superuser.
			`CREATE TRIGGER survey_versions_frozen BEFORE UPDATE ON survey_versions
			 BEGIN SELECT RAISE(ABORT, 'survey_versions: published versions never change'); END`,
			`CREATE TRIGGER survey_versions_kept BEFORE DELETE ON survey_versions
			 BEGIN SELECT RAISE(ABORT, 'survey_versions: published versions are kept'); END`,
			// Every saved state of a piece of content.
			`CREATE TABLE revisions (
				kind   TEXT NOT NULL,
				slug   TEXT NOT NULL,
				rev    INTEGER NOT NULL,
				doc    TEXT NOT NULL,
				state  TEXT NOT NULL,
				action TEXT NOT NULL, -- save, publish, withdraw, restore, seed
				actor  TEXT NOT NULL, -- staff id or "system"
				at     INTEGER NOT NULL,
				PRIMARY KEY (kind, slug, rev)
			) STRICT, WITHOUT ROWID`,
			// What the next build of the site must take in. A build takes all
			// requests it sees; many saves make one build.
			`CREATE TABLE site_requests (
				id      INTEGER PRIMARY KEY AUTOINCREMENT,
				reason  TEXT NOT NULL, -- "guides/sperrmuell published"
				actor   TEXT NOT NULL,
				at      INTEGER NOT NULL,
				release TEXT -- the release that took it in
			) STRICT`,
			`CREATE TABLE releases (
				name     TEXT PRIMARY KEY, -- folder below <data dir>/site/releases
				state    TEXT NOT NULL CHECK (state IN ('building', 'live', 'kept', 'removed', 'failed')),
				started  INTEGER NOT NULL,
				finished INTEGER,
				pages    INTEGER NOT NULL DEFAULT 0,
				bytes    INTEGER NOT NULL DEFAULT 0,
				error    TEXT NOT NULL DEFAULT '' -- why it failed, in words for editors
			) STRICT`,
			`CREATE TABLE sessions (
				hash    TEXT PRIMARY KEY, -- SHA-256 of the cookie's token
				staff   TEXT NOT NULL REFERENCES staff (id) ON DELETE CASCADE,
				created INTEGER NOT NULL,
				seen    INTEGER NOT NULL,
				expires INTEGER NOT NULL
			) STRICT, WITHOUT ROWID`,
		})
	}, nil)
}
