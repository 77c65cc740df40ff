package chattest_test

import (
	"context"
	"errors"
	"testing"

	"hubbub/chat"
	"hubbub/chat/chattest"
)

func TestMemory(t *testing.T) {
	chattest.Suite(t, func(*testing.T) chattest.Stores { return chattest.NewMemory() })
}

func TestMemoryHooks(t *testing.T) {
	m, broken := chattest.NewMemory(), errors.New("broken")
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
	if _, err := m.Room(t.Context(), "nowhere", ""); !errors.Is(err, chat.ErrNotFound) {
		t.Fatalf("while another call waits: %v", err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
