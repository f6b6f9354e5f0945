package migrations_test

import (
	"testing"

	"github.com/pocketbase/pocketbase/core"
)

// TestStep1000KeepsClaims: claims from before get their tickets, the counters stay
// right, and go on being right.
func TestStep1000KeepsClaims(t *testing.T) {
	app := from(t, "1790001000", func(app core.App) {
		for _, sql := range []string{
			`INSERT INTO pools (event, code, size) VALUES ('e', 'saal', 20), ('e', 'rollstuhl', 2)`,
			`INSERT INTO claims (reference, event, pool, kind, state, places, name, expires, created) VALUES
				('B-1', 'e', 'saal', 'booking', 'confirmed', 10, 'Ada', NULL, 1), ('B-2', 'e', 'rollstuhl', 'booking', 'active', 1, 'Grace', NULL, 2),
				('B-3', 'e', 'saal', 'booking', 'cancelled', 3, 'Edsger', NULL, 3), ('B-4', 'e', 'saal', 'hold', 'active', 2, '', 9, 4),
				('B-5', 'e', 'saal', 'offer', 'active', 1, '', 9, 5), ('B-6', 'e', 'saal', 'block', 'active', 1, '', NULL, 6)`,
		} {
			if err := run(t, app, sql); err != nil {
				t.Fatal(err)
			}
		}
	})
	number := func(query string) (n int) {
		t.Helper()
		if err := app.DB().NewQuery(query).Row(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const saal, rollstuhl = `SELECT taken FROM pools WHERE code = 'saal'`, `SELECT taken FROM pools WHERE code = 'rollstuhl'`
	if a, b, n := number(saal), number(rollstuhl), number(`SELECT count(*) FROM tickets`); a != 14 || b != 1 || n != 18 {
		t.Fatalf("taken %d and %d, %d tickets", a, b, n)
	}
	if number(`SELECT count(*) FROM claims WHERE name <> ''`) != 3 || number(`SELECT count(DISTINCT nonce) FROM tickets`) != 18 {
		t.Error("names or nonces were lost")
	}
	for _, c := range []struct {
		what, sql string
		want      int // taken in the room
	}{
		{"a ticket given back", `UPDATE tickets SET released = 1 WHERE reference = 'B-1' AND number < 3`, 12},
		{"a claim ended", `UPDATE claims SET state = 'cancelled' WHERE reference = 'B-1'`, 4},
		{"a hold becomes a booking", `UPDATE claims SET kind = 'booking', expires = NULL WHERE reference = 'B-4'`, 4},
		{"a ticket changes pools", `UPDATE tickets SET pool = 'saal' WHERE reference = 'B-2'`, 5},
		{"somebody waits", `INSERT INTO claims (reference, event, kind, state, places, queue, created) VALUES ('B-7', 'e', 'waiting', 'active', 2, 2, 7);
			INSERT INTO tickets (reference, number, event, pool) VALUES ('B-7', 1, 'e', 'saal'), ('B-7', 2, 'e', 'saal')`, 5},
		{"and is offered places", `UPDATE claims SET kind = 'offer', expires = 99 WHERE reference = 'B-7'`, 7},
		{"a claim deleted", `DELETE FROM claims WHERE reference = 'B-7'`, 5},
		{"an ended one deleted", `DELETE FROM claims WHERE reference = 'B-1'`, 5},
	} {
		if err := run(t, app, c.sql); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if n := number(saal); n != c.want {
			t.Errorf("%s: taken %d, want %d", c.what, n, c.want)
		}
	}
	if n := number(rollstuhl); n != 0 {
		t.Errorf("taken %d wheelchair places", n)
	}
	for what, sql := range map[string]string{
		"one place too many":          `UPDATE pools SET size = 4 WHERE code = 'saal'`,
		"a hold without end":          `UPDATE claims SET kind = 'hold' WHERE reference = 'B-4'`,
		"a booking that ends":         `UPDATE claims SET expires = 5 WHERE reference = 'B-4'`,
		"a claim without places":      `UPDATE tickets SET released = 1 WHERE reference = 'B-4'`,
		"a place of no pool":          `INSERT INTO tickets (reference, number, event, pool) VALUES ('B-4', 9, 'e', 'balkon')`,
		"a ticket twice":              `INSERT INTO tickets (reference, number, event, pool) VALUES ('B-4', 1, 'e', 'saal')`,
		"an offer out of line":        `UPDATE claims SET kind = 'offer', expires = 5 WHERE reference = 'B-2'`,
		"a hold that staff confirmed": `UPDATE claims SET kind = 'hold', state = 'confirmed', expires = 5 WHERE reference = 'B-2'`,
	} {
		if run(t, app, sql) == nil {
			t.Errorf("the schema takes %s", what)
		}
	}
}
