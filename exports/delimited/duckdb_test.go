package delimited_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"servicepoint/exports/frame"
	"servicepoint/exports/frame/frametest"
)

// DuckDB reads the file for programs strictly, with the types and missing values of
// its description, and the JSON Lines by itself.
func TestForeignReaderDuckDBReadsTheSameCells(t *testing.T) {
	f := frametest.Traps()
	dir := t.TempDir()
	for name, s := range map[string]string{"x.csv": write(t, f, plain), "x.jsonl": write(t, f, lines)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	types := `{'version': 'BIGINT', 'district': 'VARCHAR', 'themes': 'VARCHAR', 'themes.energy': 'TINYINT', 'age': 'BIGINT', 'rent': 'DOUBLE', 'since': 'DATE', 'at': 'TIME', 'ideas': 'VARCHAR'}`
	csv := frametest.DuckDB(t, fmt.Sprintf(`SELECT * REPLACE (CAST("at" AS VARCHAR)[:5] AS "at") FROM read_csv('%s', header = true, delim = ',', quote = '"', escape = '"', strict_mode = true, auto_detect = false,
		columns = %s, nullstr = ['', '?skipped', '?dont_know', '?declined'])`, filepath.Join(dir, "x.csv"), types))
	lines := frametest.DuckDB(t, fmt.Sprintf(`SELECT version, district, array_to_string(themes, ' ') AS themes, "themes.energy", age, rent, strftime(since, '%%Y-%%m-%%d'), "at", ideas
		FROM read_json('%s', format = 'newline_delimited', columns = {'version': 'BIGINT', 'district': 'VARCHAR', 'themes': 'VARCHAR[]', 'themes.energy': 'TINYINT', 'age': 'BIGINT', 'rent': 'DOUBLE', 'since': 'DATE', 'at': 'VARCHAR', 'ideas': 'VARCHAR'})`,
		filepath.Join(dir, "x.jsonl")))
	want := frametest.All(f)
	for name, a := range map[string]frametest.Answer{"CSV": csv, "JSON Lines": lines} {
		if len(a.Rows) != len(want) {
			t.Fatalf("%s: %d rows instead of %d", name, len(a.Rows), len(want))
		}
		for i, row := range want {
			for j, v := range row {
				have, ok := a.Rows[i][j], false
				switch v.State {
				case frame.Number:
					n, err := strconv.ParseFloat(fmt.Sprint(have), 64)
					if x, isFloat := have.(float64); isFloat {
						n, err = x, nil
					}
					ok = err == nil && n == v.Number
				case frame.Words:
					text := frametest.Wanted(v).Text
					if name == "CSV" {
						text, _ = v.Written()
					}
					ok = have == text
				default:
					ok = have == nil
				}
				if !ok {
					t.Errorf("%s, row %d, %s: %.60v instead of %+v", name, i, f.Columns[j].Name, have, v)
				}
			}
		}
	}
}
