package mw

import (
	"context"
	"hash/maphash"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// MaxKeys is how many keys a [Limiter] keeps apart, some 8 MiB of them.
	MaxKeys = 1 << 16

	limiterShards = 64
)

// Limiter gives each key the same allowance of this node; n nodes allow n times
// as much. Its memory is bounded: a bucket that is full again is forgotten,
// which changes nothing for its key, and when [MaxKeys] are in use, all new
// keys share one bucket until there is room. Any goroutine may use it.
type Limiter struct {
	rate     Rate
	seed     maphash.Seed
	overflow *rate.Limiter
	shards   [limiterShards]limiterShard
}

// limiterShard keys its buckets by a seeded hash, so that no key, however long,
// stays in memory, and nobody outside can aim at a shard or at another's bucket.
type limiterShard struct {
	mu      sync.Mutex
	buckets map[uint64]*rate.Limiter
	swept   time.Time
}

// NewLimiter makes a limiter with an allowance of r per key.
func NewLimiter(r Rate) *Limiter {
	l := &Limiter{rate: r, seed: maphash.MakeSeed(), overflow: r.Limiter()}
	for i := range l.shards {
		l.shards[i].buckets = make(map[uint64]*rate.Limiter)
	}
	return l
}

// Allow takes one event from the allowance of key. If nothing is left it
// reports how long to wait until there is.
func (l *Limiter) Allow(key string, now time.Time) (ok bool, retryAfter time.Duration) {
	if l.rate.Off() {
		return true, 0
	}
	hash := maphash.String(l.seed, key)
	bucket := l.shards[hash%limiterShards].bucket(hash, l, now)
	if bucket.AllowN(now, 1) {
		return true, 0
	}
	return false, wait(bucket, now)
}

// Spent tells whether nothing is left of the allowance of key, and takes nothing.
func (l *Limiter) Spent(key string, now time.Time) (spent bool, retryAfter time.Duration) {
	if l.rate.Off() {
		return false, 0
	}
	hash := maphash.String(l.seed, key)
	shard := &l.shards[hash%limiterShards]
	shard.mu.Lock()
	bucket, known := shard.buckets[hash]
	shard.mu.Unlock()
	if !known || bucket.TokensAt(now) >= 1 {
		return false, 0
	}
	return true, wait(bucket, now)
}

// wait is how long it takes until the bucket has a token again.
func wait(bucket *rate.Limiter, now time.Time) time.Duration {
	missing := 1 - bucket.TokensAt(now)
	return max(time.Duration(missing/float64(bucket.Limit())*float64(time.Second)), time.Millisecond)
}

func (s *limiterShard) bucket(hash uint64, l *Limiter, now time.Time) *rate.Limiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.buckets[hash]; ok {
		return b
	}
	// Only a new key makes the map grow, so only a new key sweeps: each time
	// that idle buckets have had the time to fill, and when full at most once a
	// second, or a flood of new keys would make every call sweep.
	full := len(s.buckets) >= MaxKeys/limiterShards
	if since := now.Sub(s.swept); since >= l.rate.refill() || full && since >= time.Second {
		s.sweepLocked(now)
		full = len(s.buckets) >= MaxKeys/limiterShards
	}
	if full {
		return l.overflow
	}
	b := l.rate.Limiter()
	s.buckets[hash] = b
	return b
}

func (s *limiterShard) sweepLocked(now time.Time) {
	s.swept = now
	for hash, b := range s.buckets {
		if b.TokensAt(now) >= float64(b.Burst()) {
			delete(s.buckets, hash)
		}
	}
}

// RefuseSpent turns away an address ([AddressKey]) whose allowance is used up,
// with 429 and Retry-After, before anything is looked up for it.
func RefuseSpent(l *Limiter) func(http.Handler) http.Handler {
	return limit(func(r *http.Request) (refused bool, retryAfter time.Duration) {
		return l.Spent(clientKey(r.Context()), time.Now())
	})
}

// LimitStrangers takes requests that come from nobody, or from somebody with
// wrong credentials, out of their address's allowance. Those who are signed in
// cost their address nothing, or a whole office would share one.
func LimitStrangers(l *Limiter) func(http.Handler) http.Handler {
	return limit(func(r *http.Request) (refused bool, retryAfter time.Duration) {
		if _, known := PrincipalFrom(r.Context()); known {
			return false, 0
		}
		return l.refuse(clientKey(r.Context()))
	})
}

// LimitUser does the same by user, and for programs by key; requests of nobody
// pass, being limited by address.
func LimitUser(users, keys *Limiter) func(http.Handler) http.Handler {
	return limit(func(r *http.Request) (refused bool, retryAfter time.Duration) {
		p, known := PrincipalFrom(r.Context())
		switch {
		case !known:
			return false, 0
		case p.Key:
			return keys.refuse(p.User)
		}
		return users.refuse(p.User)
	})
}

// refuse is Allow the other way round.
func (l *Limiter) refuse(key string) (refused bool, retryAfter time.Duration) {
	ok, retryAfter := l.Allow(key, time.Now())
	return !ok, retryAfter
}

func limit(check func(*http.Request) (refused bool, retryAfter time.Duration)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if refused, retryAfter := check(r); refused {
				WriteProblem(w, r, http.StatusTooManyRequests, "rate_limited", "", retryAfter)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// clientKey is the [AddressKey] of the client.
func clientKey(ctx context.Context) string {
	if n := noteOf(ctx); n != nil && n.client.addr.Is4() {
		return n.client.text
	}
	return AddressKey(ClientAddr(ctx))
}

// AddressKey is the limiter key of an address: an IPv4 address, or the /64 of an
// IPv6 one, since a single machine may use all of that.
func AddressKey(a netip.Addr) string {
	if a.Is6() && !a.Is4In6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.Unmap().String()
}
