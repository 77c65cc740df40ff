package chat_test

import (
	"testing"

	"hubbub/chat"
	"hubbub/chat/chattest"
)

func TestLocalLeases(t *testing.T) {
	chattest.LeaseSuite(t, func(*testing.T) chat.Leases { return chat.NewLocalLeases() })
}
