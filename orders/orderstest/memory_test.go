package orderstest_test

import (
	"context"
	"errors"
	"testing"

	"hubbub/orders"
	"hubbub/orders/orderstest"
)

func TestMemory(t *testing.T) {
	orderstest.Suite(t, func(*testing.T) orders.Store { return orderstest.NewMemory() })
}

func TestMemoryHooks(t *testing.T) {
	m, broken := orderstest.NewMemory(), errors.New("broken")
	heads := func() error {
		_, err := m.Heads(t.Context(), nil)
		return err
	}
	m.Fail("Heads", broken)
	if err := heads(); !errors.Is(err, broken) {
		t.Fatalf("error %v, want %v", err, broken)
	}
	m.Fail("Heads", nil)
	entered, leave := make(chan struct{}), make(chan struct{})
	m.Hook("Heads", func(context.Context) error {
		close(entered)
		<-leave
		return nil
	})
	done := make(chan error)
	go func() { done <- heads() }()
	<-entered
	if _, err := m.Order(t.Context(), "nowhere", ""); !errors.Is(err, orders.ErrNotFound) {
		t.Fatalf("while another call waits: %v", err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
