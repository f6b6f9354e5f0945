package base

import (
	"net/netip"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"golang.org/x/time/rate"
)

// Limits gives every key (a network address, a reference) a bucket of tries of
// its own, in memory: a restart forgets them. Make it with [NewLimits].
type Limits struct {
	burst int
	per   time.Duration // in which burst tries grow back

	mu      sync.Mutex
	buckets map[string]*rate.Limiter
	swept   time.Time
}

// MaxBuckets bounds the memory that guessing can take (about 2 MB).
const MaxBuckets = 20_000

// NewLimits allows burst tries at once and as many again in the time per.
func NewLimits(burst int, per time.Duration) *Limits {
	return &Limits{burst: burst, per: per, buckets: map[string]*rate.Limiter{}}
}

// Take uses up one try of a key, or says how long to wait. giveBack undoes it,
// for limits that count wrong tries only.
func (l *Limits) Take(key string, now time.Time) (giveBack func(), wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket := l.buckets[key]
	if bucket == nil {
		l.sweep(now)
		bucket = rate.NewLimiter(rate.Every(l.per/time.Duration(l.burst)), l.burst)
		l.buckets[key] = bucket
	}
	r := bucket.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return func() {}, wait
	}
	return func() { r.CancelAt(now) }, 0
}

// Len is the number of keys remembered.
func (l *Limits) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.buckets)
}

// sweep drops full buckets, which limit nothing, once per period or when there
// are too many; if that frees too little, all.
func (l *Limits) sweep(now time.Time) {
	if now.Sub(l.swept) < l.per && len(l.buckets) < MaxBuckets {
		return
	}
	l.swept = now
	for key, bucket := range l.buckets {
		if bucket.TokensAt(now) >= float64(l.burst) {
			delete(l.buckets, key)
		}
	}
	if len(l.buckets) > MaxBuckets*9/10 {
		clear(l.buckets)
	}
}

// Network is what an address is limited by: itself, or the /64 that one IPv6
// customer has.
func Network(addr string) string {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return addr
	}
	if ip = ip.Unmap(); ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return ip.String()
	}
	return prefix.String()
}

// Exempt reports whether limits per address leave a visitor out: with --demo the
// machine itself, so that load tools work.
func (p *Platform) Exempt(e *core.RequestEvent) bool {
	ip, err := netip.ParseAddr(e.RealIP())
	return p.Demo && err == nil && ip.Unmap().IsLoopback()
}
