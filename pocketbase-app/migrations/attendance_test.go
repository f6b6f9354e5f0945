package migrations_test

import (
	"testing"

	"github.com/pocketbase/pocketbase/core"
)

// TestStep1014KeepsPasses: codes from before stay used or unused, and are used once.
func TestStep1014KeepsPasses(t *testing.T) {
	const insert = `INSERT INTO gate_passes (scope, hash, kind, used, tag) VALUES `
	app := from(t, "1790001014", func(app core.App) {
		if err := run(t, app, insert+`('umfragen/a', randomblob(16), 'code', 0, randomblob(16)), ('umfragen/a', randomblob(16), 'invitation', 1, randomblob(16))`); err != nil {
			t.Fatal(err)
		}
	})
	n := 0
	if err := app.DB().NewQuery(`SELECT 10 * count(*) + sum(used) FROM gate_passes`).Row(&n); err != nil || n != 21 {
		t.Errorf("%d, %v", n, err)
	}
	for sql, allowed := range map[string]bool{
		`UPDATE gate_passes SET used = 0`:                                                      false,
		`UPDATE gate_passes SET used = 1 WHERE kind = 'code'`:                                  true,
		insert + `('umfragen/a', randomblob(16), 'attendance', 1, randomblob(16))`:             true,
		insert + `('umfragen/a', randomblob(16), 'friend', 1, randomblob(16))`:                 false,
		insert + `('umfragen/a', randomblob(15), 'attendance', 1, randomblob(16))`:             false,
		`INSERT INTO gate_passes SELECT scope, hash, kind, used, tag FROM gate_passes LIMIT 1`: false,
	} {
		if err := run(t, app, sql); (err == nil) != allowed {
			t.Errorf("%s: %v", sql, err)
		}
	}
}
