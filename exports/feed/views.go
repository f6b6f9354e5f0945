package feed

import (
	"fmt"
	"slices"
	"strings"
)

const viewsHead = `-- Views of the survey feed for DuckDB 1.2 or newer. Say where the feed is, then read this
-- file, in every session anew:
--
--   SET VARIABLE feed = '/srv/feed';   -- or 's3://bucket/feed'
--   .read /srv/feed/views.sql
--
-- One view for each survey. Only files that the manifest names are read. Columns of all
-- versions lie side by side by name; responses that were erased are left out.

CREATE OR REPLACE TEMP TABLE feed_files AS
  SELECT f.* FROM (SELECT unnest(files) AS f FROM read_json(getvariable('feed') || '/manifest.json', columns = {
    files: 'STRUCT(path VARCHAR, kind VARCHAR, survey VARCHAR, version INTEGER, sequence BIGINT, "rows" BIGINT, bytes BIGINT, sha256 VARCHAR)[]'}));
`

// views is the file of views for what the manifest names.
func views(m *Manifest) []byte {
	var b strings.Builder
	b.WriteString(viewsHead)
	var surveys []string
	erased := map[string]bool{}
	for _, f := range m.Files {
		if f.Kind == kindErased {
			erased[f.Survey] = true
		} else if !slices.Contains(surveys, f.Survey) {
			surveys = append(surveys, f.Survey)
		}
	}
	slices.Sort(surveys)
	for _, s := range surveys { // a slug holds nothing that SQL would have to quote
		name := ViewName(s)
		fmt.Fprintf(&b, "\nSET VARIABLE %s_rows = (SELECT list(getvariable('feed') || '/' || path ORDER BY sequence) FROM feed_files WHERE survey = '%s' AND kind = 'rows');\n", name, s)
		if !erased[s] {
			fmt.Fprintf(&b, "CREATE OR REPLACE TEMP VIEW %s AS\n  SELECT * FROM read_parquet(getvariable('%s_rows'), union_by_name = true, hive_partitioning = false);\n", name, name)
			continue
		}
		fmt.Fprintf(&b, "SET VARIABLE %s_erased = (SELECT list(getvariable('feed') || '/' || path ORDER BY sequence) FROM feed_files WHERE survey = '%s' AND kind = 'erased');\n", name, s)
		fmt.Fprintf(&b, "CREATE OR REPLACE TEMP VIEW %s AS\n  SELECT r.* FROM read_parquet(getvariable('%s_rows'), union_by_name = true, hive_partitioning = false) r\n"+
			"  ANTI JOIN read_parquet(getvariable('%s_erased'), hive_partitioning = false) e ON r._block = e._block AND r._row = e._row;\n", name, name, name)
	}
	return []byte(b.String())
}

// ViewName is the name of a survey's view.
func ViewName(slug string) string { return "survey_" + strings.ReplaceAll(slug, "-", "_") }
