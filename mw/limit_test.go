package mw_test

import (
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"hubbub/mw"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestLimiterAllow(t *testing.T) {
	l := mw.NewLimiter(mw.Rate{Events: 2, Per: time.Second, Burst: 3})
	for i := range 3 {
		if ok, _ := l.Allow("a", noon); !ok {
			t.Fatalf("event %d of the burst refused", i)
		}
	}
	ok, after := l.Allow("a", noon)
	if ok || after != 500*time.Millisecond {
		t.Fatalf("Allow = %v, %v after the burst; want refused for 500 ms", ok, after)
	}
	if ok, _ := l.Allow("b", noon); !ok {
		t.Error("another key is refused too")
	}
	if ok, _ := l.Allow("a", noon.Add(after-time.Millisecond)); ok {
		t.Error("allowed too early")
	}
	if ok, _ := l.Allow("a", noon.Add(after)); !ok {
		t.Error("refused at the time that was told")
	}
}

func TestLimiterOff(t *testing.T) {
	l := mw.NewLimiter(mw.Rate{})
	for range 1000 {
		if ok, _ := l.Allow("a", noon); !ok {
			t.Fatal("refused by a limiter that is off")
		}
	}
}

func TestLimiterMemoryIsBounded(t *testing.T) {
	l := mw.NewLimiter(mw.Rate{Events: 1, Per: time.Hour, Burst: 1})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	allowed, pad := 0, strings.Repeat("x", 200)
	for i := range 1_000_000 {
		if ok, _ := l.Allow(pad+strconv.Itoa(i), noon); ok {
			allowed++
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	// MaxKeys buckets of their own and the one event of the shared bucket.
	if allowed > mw.MaxKeys+1 || allowed < mw.MaxKeys*9/10 {
		t.Errorf("%d of 1000000 new keys allowed, want some %d", allowed, mw.MaxKeys+1)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 12<<20 {
		t.Errorf("1000000 keys hold %d MiB", grown>>20)
	}
	// A key from before the flood is still known, and there is room again later.
	if ok, _ := l.Allow(pad+"0", noon); ok {
		t.Error("the flood made the limiter forget a key in use")
	}
	allowed = 0
	for i := range 1000 {
		if ok, _ := l.Allow("later"+strconv.Itoa(i), noon.Add(time.Hour)); ok {
			allowed++
		}
	}
	if allowed != 1000 {
		t.Errorf("%d of 1000 keys allowed when the flood's buckets are full again", allowed)
	}
	runtime.KeepAlive(l)
}

func TestLimiterForgetsOnlyFullBuckets(t *testing.T) {
	l := mw.NewLimiter(mw.Rate{Events: 1, Per: time.Minute, Burst: 10})
	for i := range 10_000 {
		l.Allow("early"+strconv.Itoa(i), noon.Add(-5*time.Minute)) // each shard sweeps, and again after 10 min
	}
	for range 10 {
		l.Allow("busy", noon)
	}
	// New keys make all shards sweep, just before busy is full again.
	now := noon.Add(10*time.Minute - time.Second)
	for i := range 10_000 {
		l.Allow(strconv.Itoa(i), now)
	}
	allowed := 0
	for range 10 {
		if ok, _ := l.Allow("busy", now); ok {
			allowed++
		}
	}
	if allowed != 9 {
		t.Errorf("%d events allowed, want 9: the bucket was forgotten", allowed)
	}
}

func TestLimiterMakesRoomWhenFull(t *testing.T) {
	// One event is made good in 1 s, but all shards sweep by themselves after 100 s only.
	l := mw.NewLimiter(mw.Rate{Events: 1, Per: time.Second, Burst: 100})
	for i := range 2 * mw.MaxKeys {
		l.Allow("flood"+strconv.Itoa(i), noon)
	}
	allowed := 0
	for i := range 1000 {
		if ok, _ := l.Allow(strconv.Itoa(i), noon.Add(time.Second)); ok {
			allowed++
		}
	}
	if allowed != 1000 {
		t.Errorf("%d of 1000 keys allowed while idle ones fill the limiter", allowed)
	}
}

func TestAddressKey(t *testing.T) {
	key := func(s string) string { return mw.AddressKey(netip.MustParseAddr(s)) }
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true},
		{"2001:db8:0:1::1", "2001:db8:0:2::1", false},
	} {
		if got := key(tt.a) == key(tt.b); got != tt.same {
			t.Errorf("%s and %s share a key: %v", tt.a, tt.b, got)
		}
	}
}

func TestLimitAnswersWithRetryAfter(t *testing.T) {
	s := newSite(t, func(o *mw.Options) {
		o.PerAddress = mw.NewLimiter(mw.Rate{Events: 1, Per: time.Minute, Burst: 1})
	})
	s.do("GET", "/ok", "Peer", "[2001:db8::1]:1")
	w := s.do("GET", "/ok", "Peer", "[2001:db8::2]:1")
	if p := problem(t, w); p.Code != "rate_limited" || p.RetryAfterMS < 50_000 || p.RetryAfterMS > 60_000 {
		t.Errorf("%+v", p)
	}
	if after, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || after < 50 || after > 60 {
		t.Errorf("Retry-After = %q", w.Header().Get("Retry-After"))
	}
}

func BenchmarkLimiterAllow(b *testing.B) {
	l := mw.NewLimiter(mw.Rate{Events: 20, Per: time.Second, Burst: 40})
	for b.Loop() {
		l.Allow("192.0.2.1", noon)
	}
}
