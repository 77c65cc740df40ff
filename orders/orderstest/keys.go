package orderstest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"hubbub/orders"
)

// Keys is an orders.KeyStore in memory. The zero value is ready.
type Keys struct {
	mu   sync.Mutex
	rows []keyRow
	Err  error // what every call fails with; set it before the calls
}

type keyRow struct {
	orders.APIKey
	token orders.TokenHash
}

var _ orders.KeyStore = (*Keys)(nil)

// CreateKey implements orders.KeyStore.
func (m *Keys) CreateKey(_ context.Context, k orders.APIKey, token orders.TokenHash) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows = append(m.rows, keyRow{k, token})
	return m.Err
}

// KeyByToken implements orders.KeyStore.
func (m *Keys) KeyByToken(_ context.Context, token orders.TokenHash) (orders.APIKey, error) {
	return m.find(func(r *keyRow) bool { return r.token == token })
}

// Keys implements orders.KeyStore.
func (m *Keys) Keys(context.Context) ([]orders.APIKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []orders.APIKey
	for _, r := range m.rows {
		list = append(list, r.APIKey)
	}
	slices.SortFunc(list, func(a, b orders.APIKey) int {
		return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	return list, m.Err
}

// RevokeKey implements orders.KeyStore.
func (m *Keys) RevokeKey(_ context.Context, id string, at int64) error {
	_, err := m.find(func(r *keyRow) bool {
		if r.ID == id && r.RevokedAt == 0 {
			r.RevokedAt = at
		}
		return r.ID == id
	})
	return err
}

func (m *Keys) find(is func(*keyRow) bool) (orders.APIKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Err != nil {
		return orders.APIKey{}, m.Err
	}
	for i := range m.rows {
		if is(&m.rows[i]) {
			return m.rows[i].APIKey, nil
		}
	}
	return orders.APIKey{}, orders.ErrNotFound
}

// TestKeyStore holds that a store keeps API keys as orders.KeyStore says.
func TestKeyStore(t *testing.T, s orders.KeyStore) {
	ctx := t.Context()
	token := func(b byte) (h orders.TokenHash) { h[0], h[31] = b, 0xff; return h }
	if list, err := s.Keys(ctx); err != nil || len(list) != 0 {
		t.Fatalf("an empty store has %v, %v", list, err)
	}
	first := orders.APIKey{ID: "AAAAAAAAAAAAAAAAAAAAAAAAAA", Name: "till “1” 🧾", Role: orders.Shop, Shop: "north", CreatedAt: 100}
	second := orders.APIKey{ID: "BBBBBBBBBBBBBBBBBBBBBBBBBB", Name: "till", Role: orders.Shop, Shop: "North", CreatedAt: 200}
	for i, k := range []orders.APIKey{first, second} {
		if err := s.CreateKey(ctx, k, token(byte(i))); err != nil {
			t.Fatal(err)
		}
	}
	want := func(token orders.TokenHash, want orders.APIKey) {
		t.Helper()
		if got, err := s.KeyByToken(ctx, token); err != nil || got != want {
			t.Errorf("found %+v, %v, want %+v", got, err, want)
		}
	}
	want(token(0), first)
	want(token(1), second)
	if _, err := s.KeyByToken(ctx, token(2)); !errors.Is(err, orders.ErrNotFound) {
		t.Errorf("an unknown token is %v", err)
	}
	for _, at := range []int64{300, 400} { // again changes nothing
		if err := s.RevokeKey(ctx, first.ID, at); err != nil {
			t.Fatal(err)
		}
	}
	first.RevokedAt = 300
	want(token(0), first)
	want(token(1), second)
	for _, id := range []string{"CCCCCCCCCCCCCCCCCCCCCCCCCC", "aaaaaaaaaaaaaaaaaaaaaaaaaa", "", "clé"} {
		if err := s.RevokeKey(ctx, id, 1); !errors.Is(err, orders.ErrNotFound) {
			t.Errorf("revoking %q, which is no key, is %v", id, err)
		}
	}
	if list, err := s.Keys(ctx); err != nil || !slices.Equal(list, []orders.APIKey{second, first}) {
		t.Errorf("listed %+v, %v", list, err)
	}
}
