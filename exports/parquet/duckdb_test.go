package parquet_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"servicepoint/exports/frame"
	"servicepoint/exports/frame/frametest"
	"servicepoint/exports/parquet"
)

// DuckDB reads names, types, every value and every mark.
func TestForeignReaderDuckDBReadsTheSameCells(t *testing.T) {
	f := frametest.Traps()
	var b bytes.Buffer
	w, err := parquet.New(&b, f)
	if err != nil {
		t.Fatal(err)
	}
	want := frametest.All(f)
	for _, row := range want {
		if err := w.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "x.parquet")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	a := frametest.DuckDB(t, fmt.Sprintf("SELECT * FROM '%s'", file))
	var types []string
	for i, n := range a.Names {
		types = append(types, n+" "+a.Types[i])
	}
	if got, want := strings.Join(types, ", "), "version BIGINT, district VARCHAR, district? VARCHAR, themes VARCHAR, themes? VARCHAR, themes.energy TINYINT, age BIGINT, age? VARCHAR, "+
		"rent DOUBLE, rent? VARCHAR, since DATE, since? VARCHAR, at VARCHAR, at? VARCHAR, ideas VARCHAR, ideas? VARCHAR"; got != want {
		t.Errorf("%s", got)
	}
	if len(a.Rows) != len(want) {
		t.Fatalf("%d rows instead of %d", len(a.Rows), len(want))
	}
	at := map[string]int{}
	for i, n := range a.Names {
		at[n] = i
	}
	for i, row := range want {
		for j, v := range row {
			c := f.Columns[j]
			if c.Marks {
				mark := a.Rows[i][at[c.Name+"?"]]
				if isMark := v.State == frame.Mark; isMark != (mark != nil) || isMark && "?"+mark.(string) != v.Text {
					t.Errorf("row %d, %s?: %v instead of %+v", i, c.Name, mark, v)
				}
			}
			have := a.Rows[i][at[c.Name]]
			wanted := frametest.Wanted(v)
			ok := have == nil
			switch v.State {
			case frame.Number:
				n, err := strconv.ParseFloat(fmt.Sprint(have), 64)
				if x, isFloat := have.(float64); isFloat {
					n, err = x, nil
				}
				ok = err == nil && n == v.Number
			case frame.Words:
				ok = have == wanted.Text
			}
			if !ok {
				t.Errorf("row %d, %s: %.60v instead of %+v", i, c.Name, have, v)
			}
		}
	}
	sum := frametest.DuckDB(t, fmt.Sprintf(`SELECT sum("themes.energy"), count(*) FILTER ("age?" = 'dont_know') FROM '%s'`, file))
	if fmt.Sprint(sum.Rows) != "[[1 1]]" {
		t.Errorf("sums %v", sum.Rows)
	}
}
