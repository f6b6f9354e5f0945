package booking

import (
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits gives every key (an address, a reference) a bucket of its own, in
// memory: a restart forgets them.
type limits struct {
	every time.Duration
	burst int

	mu      sync.Mutex
	buckets map[string]*rate.Limiter
}

// mostBuckets bounds the memory that guessing can take (about 2 MB).
const mostBuckets = 20_000

func newLimits(every time.Duration, burst int) *limits {
	return &limits{every: every, burst: burst, buckets: map[string]*rate.Limiter{}}
}

// allow takes one try from the key's bucket.
func (l *limits) allow(now time.Time, key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[key]
	if b == nil {
		if len(l.buckets) >= mostBuckets {
			l.sweep(now)
		}
		b = rate.NewLimiter(rate.Every(l.every), l.burst)
		l.buckets[key] = b
	}
	return b.AllowN(now, 1)
}

// sweep drops full buckets, which say nothing; if that frees too little, all.
func (l *limits) sweep(now time.Time) {
	for key, b := range l.buckets {
		if b.TokensAt(now) >= float64(l.burst) {
			delete(l.buckets, key)
		}
	}
	if len(l.buckets) > mostBuckets*9/10 {
		clear(l.buckets)
	}
}

// network is the key of an address: IPv6 visitors have a whole /64.
func network(addr string) string {
	ip := net.ParseIP(addr)
	if ip == nil {
		return addr
	}
	if ip4 := ip.To4(); ip4 != nil {
		return ip4.String()
	}
	return ip.Mask(net.CIDRMask(64, 128)).String()
}
