package chatstore_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"hubbub/chat"
	"hubbub/chat/chatstore"
	"hubbub/chat/chattest"
	"hubbub/internal/testenv"
)

func redisClient(t *testing.T, server *testenv.RedisServer) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(o)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

func TestLeasesInRedis(t *testing.T) {
	server := testenv.Redis(t)
	client := redisClient(t, server)
	empty := func(t *testing.T) chat.Leases {
		if err := client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return chatstore.NewLeases(client)
	}
	chattest.LeaseSuite(t, empty)

	t.Run("a lease that is not renewed runs out", func(t *testing.T) {
		l := empty(t)
		if _, err := l.Renew(t.Context(), "n1", map[chat.UserID]chat.Status{"ADA": chat.Online}, nil); err != nil {
			t.Fatal(err)
		}
		keys, err := client.Keys(t.Context(), "*node:n1").Result()
		if err != nil || len(keys) != 1 {
			t.Fatalf("keys %v, %v", keys, err)
		}
		if ttl := client.PTTL(t.Context(), keys[0]).Val(); ttl <= 0 || ttl > chat.LeaseTTL {
			t.Errorf("the lease ends in %v, want within %v", ttl, chat.LeaseTTL)
		}
		if err := client.PExpire(t.Context(), keys[0], time.Millisecond).Err(); err != nil {
			t.Fatal(err)
		}
		for client.Exists(t.Context(), keys[0]).Val() != 0 {
			time.Sleep(time.Millisecond)
		}
		statuses, err := l.Statuses(t.Context(), []chat.UserID{"ADA"})
		if err != nil || statuses["ADA"] != chat.Offline {
			t.Errorf("%v, %v", statuses, err)
		}
		if left := client.Keys(t.Context(), "*").Val(); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	t.Run("no answer is an error, not an empty house", func(t *testing.T) {
		l := empty(t)
		server.Stop(t)
		if _, err := l.Statuses(t.Context(), []chat.UserID{"ADA"}); err == nil {
			t.Error("no error")
		}
	})
}

func TestSecretIsTheSameForAll(t *testing.T) {
	for name, url := range map[string]string{
		"sqlite": sqliteURL(t), "mariadb": testenv.SharedMariaDB(t).NewDatabase(t),
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := open(t, url)
			first, err := s.Secret(t.Context(), "bus")
			if err != nil || len(first) < 16 {
				t.Fatalf("%x, %v", first, err)
			}
			again, err := s.Secret(t.Context(), "bus")
			if err != nil || !bytes.Equal(first, again) {
				t.Errorf("%x, then %x, %v", first, again, err)
			}
			other, err := s.Secret(t.Context(), "other")
			if err != nil || bytes.Equal(first, other) {
				t.Errorf("two secrets are the same: %x, %v", other, err)
			}
		})
	}
}
