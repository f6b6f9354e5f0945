package access

import (
	"sync"
	"time"
)

// How many log-ins may fail before somebody has to wait. An account allows
// fewer than an address, behind which a whole office may sit.
const (
	window       = 15 * time.Minute
	perAccount   = 8
	perAddress   = 40
	attemptsKept = 10_000
)

// attempts counts log-ins that have not succeeded, in memory: a restart forgets them.
type attempts struct {
	mu    sync.Mutex
	count map[string]*attempt
}

type attempt struct {
	n     int
	since time.Time
}

func newAttempts() *attempts { return &attempts{count: map[string]*attempt{}} }

// take counts one attempt before the password is checked, so that parallel
// guesses cannot slip through; false means that the limit is reached.
func (a *attempts) take(key string, limit int, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.count) >= attemptsKept {
		a.forgetOld(now)
	}
	c := a.count[key]
	if c == nil || now.Sub(c.since) >= window {
		if len(a.count) >= attemptsKept {
			return false // a flood of addresses: nobody gets a fresh start
		}
		c = &attempt{since: now}
		a.count[key] = c
	}
	if c.n >= limit {
		return false
	}
	c.n++
	return true
}

// giveBack takes one attempt back: it succeeded, or another limit refused it.
func (a *attempts) giveBack(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.count[key]; c != nil && c.n > 0 {
		c.n--
	}
}

// clear forgets the failed attempts of an account.
func (a *attempts) clear(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.count, key)
}

func (a *attempts) forgetOld(now time.Time) {
	for key, c := range a.count {
		if now.Sub(c.since) >= window {
			delete(a.count, key)
		}
	}
}
