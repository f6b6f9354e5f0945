package appointments

import (
	"context"
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
)

// Audit looks every night whether the calendar still tells the truth. Its error
// names what is broken and how often, never a person.
func (s *Service) Audit(ctx context.Context) error {
	var broken []string
	for _, rule := range []struct{ what, query string }{
		{"pairs of appointments of one desk at one time", `SELECT count(*) FROM appointments a JOIN appointments b ON a.desk = b.desk AND a.reference < b.reference AND a.starts < b.ends AND b.starts < a.ends
			WHERE a.state = 'booked' AND b.state = 'booked' AND a.ends > {:now} AND b.ends > {:now}`},
		{"pairs of appointments of one adviser at one time", `SELECT count(*) FROM appointments a JOIN appointments b ON a.adviser = b.adviser AND a.adviser <> '' AND a.reference < b.reference AND a.starts < b.ends AND b.starts < a.ends
			WHERE a.state = 'booked' AND b.state = 'booked' AND a.ends > {:now} AND b.ends > {:now}`},
		{"appointments to come without their time", `SELECT count(*) FROM appointments WHERE state = 'booked' AND starts > {:now} AND
			(SELECT count(*) FROM appointment_ticks k WHERE k.holder = appointments.reference AND k.resource = appointments.desk AND k.tick >= starts / 300000 AND k.tick < ends / 300000)
				<> ends / 300000 - starts / 300000`},
		{"times held for appointments that are none", `SELECT count(DISTINCT holder) FROM appointment_ticks WHERE holder LIKE 'T-%' AND tick >= {:now} / 300000
			AND holder NOT IN (SELECT reference FROM appointments WHERE state IN ('held', 'booked', 'arrived', 'missed', 'done'))`},
		{"times held for offers that ended", `SELECT count(DISTINCT holder) FROM appointment_ticks WHERE holder LIKE 'O-%' AND holder NOT IN (SELECT 'O-' || id FROM appointment_offers WHERE state = 'open')`},
	} {
		var n int
		if err := s.p.App.DB().NewQuery(rule.query).WithContext(ctx).Bind(dbx.Params{"now": s.p.Now().UnixMilli()}).Row(&n); err != nil {
			return err
		}
		if n > 0 {
			broken = append(broken, fmt.Sprintf("%d %s", n, rule.what))
		}
	}
	if len(broken) > 0 {
		return fmt.Errorf("calendar of appointments: %s", strings.Join(broken, "; "))
	}
	return nil
}
