package orders_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"hubbub/orders"
	"hubbub/orders/orderstest"
)

func TestKeyMemory(t *testing.T) { orderstest.TestKeyStore(t, &orderstest.Keys{}) }

func TestKeys(t *testing.T) {
	now := time.UnixMicro(7_000_000)
	var ended []string
	keys := orders.NewKeys(&orderstest.Keys{}, func() time.Time { return now }, func(id string) { ended = append(ended, id) })
	made, token, err := keys.Create(t.Context(), orders.Shop, "till 1", "north")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(token, orders.KeyPrefix) || len(token) != len(orders.KeyPrefix)+52 { // 52 × 5 bits
		t.Errorf("token %q", token)
	}
	if made.ID == "" || made.CreatedAt != now.UnixMicro() || made.RevokedAt != 0 {
		t.Errorf("made %+v", made)
	}
	caller, err := keys.Authenticate(t.Context(), token)
	if want := (orders.Caller{ID: made.ID, Name: "till 1", Role: orders.Shop, Shop: "north"}); err != nil || caller != want {
		t.Errorf("the caller is %+v, %v", caller, err)
	}
	_, unknown := keys.Authenticate(t.Context(), token+"A")
	if err := keys.Revoke(t.Context(), made.ID); err != nil || len(ended) != 1 || ended[0] != made.ID {
		t.Errorf("revoked: %v, told %v", err, ended)
	}
	_, revoked := keys.Authenticate(t.Context(), token)
	if !errors.Is(unknown, orders.ErrUnauthenticated) || revoked.Error() != unknown.Error() {
		t.Errorf("unknown is %v, revoked is %v", unknown, revoked)
	}
	if err := keys.Revoke(t.Context(), "nothing"); !errors.Is(err, orders.ErrNotFound) || len(ended) != 1 {
		t.Errorf("revoking nothing: %v, told %v", err, ended)
	}
	list, err := keys.List(t.Context())
	if err != nil || len(list) != 1 || list[0].RevokedAt != now.UnixMicro() {
		t.Errorf("listed %+v, %v", list, err)
	}
}

func TestKeysRefuse(t *testing.T) {
	store := &orderstest.Keys{}
	keys := orders.NewKeys(store, time.Now, func(string) {})
	long := strings.Repeat("é", orders.MaxKeyName)
	for _, tt := range []struct {
		role             orders.Role
		name, shop, want string
	}{
		{orders.Support, "a", "b", "role"}, {"", "a", "b", "role"},
		{orders.Shop, "", "b", "name"}, {orders.Shop, "a\nb", "b", "name"}, {orders.Shop, long + "x", "b", "name"}, {orders.Shop, "\xff", "b", "name"},
		{orders.Shop, "a", "", "shop"}, {orders.Shop, "a", "a b", "shop"}, {orders.Shop, "a", strings.Repeat("x", orders.MaxShop+1), "shop"},
	} {
		_, token, err := keys.Create(t.Context(), tt.role, tt.name, tt.shop)
		var e *orders.Error
		if !errors.As(err, &e) || !errors.Is(err, orders.ErrInvalid) || e.Fields[0].Field != tt.want || token != "" {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	if list, err := keys.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("stored %v, %v", list, err)
	}
	if _, _, err := keys.Create(t.Context(), orders.Shop, long, strings.Repeat("x", orders.MaxShop)); err != nil {
		t.Errorf("at the limits: %v", err)
	}
	store.Err = errors.New("the database is away")
	if _, err := keys.Authenticate(t.Context(), "hbk_X"); !errors.Is(err, store.Err) || errors.Is(err, orders.ErrUnauthenticated) {
		t.Errorf("a store that fails: %v", err)
	}
}
