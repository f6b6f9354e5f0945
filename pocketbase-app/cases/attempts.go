package cases

import (
	"context"
	"crypto/subtle"
	"net/http"
	"strconv"
	"time"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// A reference is locked for lockFor after maxFailures wrong secrets within it.
const (
	maxFailures = 5
	lockFor     = 15 * time.Minute
)

// wrongPair is the one answer to a pair that does not fit, whichever half is
// wrong, and to a case whose personal data were erased.
var wrongPair = base.Refuse(http.StatusUnauthorized, "case_wrong_pair")

// tooMany refuses a try that comes too soon.
type tooMany struct{ wait time.Duration }

func (t tooMany) Error() string { return "too many wrong pairs; wait " + t.wait.String() }

func (t tooMany) seconds() string { return strconv.Itoa(int(t.wait/time.Second) + 1) }

// minutes is at least 2, so that the sentences need no singular.
func (t tooMany) minutes() int { return max(2, int((t.wait+time.Minute-1)/time.Minute)) }

// unlock finds the case for a pair of reference and secret. A pair that does
// not fit is [wrongPair], after SlowBy at the earliest and after the same work
// whichever half is wrong; tooMany comes without looking at the pair.
func (c *Cases) unlock(e *core.RequestEvent, reference, secret string) (string, error) {
	began := time.Now()
	reference = normaliseReference(reference)
	giveBack := func() {}
	if !c.Platform.Exempt(e) {
		var wait time.Duration
		if giveBack, wait = c.addresses.Take(base.Network(e.RealIP()), c.Platform.Now()); wait > 0 {
			return "", tooMany{wait}
		}
	}
	fits, err := c.try(reference, secret)
	if err != nil {
		return "", err
	}
	if !fits {
		sleep(e.Request.Context(), c.SlowBy-time.Since(began))
		return "", wrongPair
	}
	giveBack()
	return reference, nil
}

// try compares a pair and counts the failure. It is one transaction, so that
// tries side by side cannot slip through the count.
func (c *Cases) try(reference, secret string) (fits bool, err error) {
	now := c.Platform.Now()
	typed := base.Hash("case attempt", reference)
	given := secretHash(reference, secret)
	err = c.Platform.App.RunInTransaction(func(tx core.App) error {
		var f struct {
			Count  int   `db:"count"`
			Since  int64 `db:"since"`
			Locked int64 `db:"locked"`
		}
		err := tx.DB().NewQuery(`SELECT count, since, locked FROM case_failures WHERE hash = {:hash}`).
			Bind(dbx.Params{"hash": typed}).One(&f)
		if err != nil && !base.IsNoRows(err) {
			return err
		}
		if wait := time.UnixMilli(f.Locked).Sub(now); wait > 0 {
			return tooMany{wait}
		}
		// An unknown reference is compared with a hash that nothing gives.
		stored := base.Hash("no such case", reference)
		var hash string
		err = tx.DB().NewQuery(`SELECT secret_hash FROM cases WHERE reference = {:reference}`).
			Bind(dbx.Params{"reference": reference}).Row(&hash)
		if err != nil && !base.IsNoRows(err) {
			return err
		}
		if err == nil && len(hash) == len(stored) {
			stored = hash
		}
		if subtle.ConstantTimeCompare([]byte(stored), []byte(given)) == 1 {
			fits = true
			if f.Count == 0 {
				return nil
			}
			_, err := tx.DB().NewQuery(`DELETE FROM case_failures WHERE hash = {:hash}`).Bind(dbx.Params{"hash": typed}).Execute()
			return err
		}
		if f.Count == 0 || now.Sub(time.UnixMilli(f.Since)) > lockFor {
			f.Count, f.Since = 0, now.UnixMilli()
		}
		f.Count, f.Locked = f.Count+1, 0
		if f.Count >= maxFailures {
			f.Count, f.Locked = 0, now.Add(lockFor).UnixMilli()
		}
		_, err = tx.DB().NewQuery(`INSERT INTO case_failures (hash, count, since, locked) VALUES ({:hash}, {:count}, {:since}, {:locked})
			ON CONFLICT (hash) DO UPDATE SET count = excluded.count, since = excluded.since, locked = excluded.locked`).
			Bind(dbx.Params{"hash": typed, "count": f.Count, "since": f.Since, "locked": f.Locked}).Execute()
		return err
	})
	return fits && err == nil, err
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
