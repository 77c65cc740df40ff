package web_test

import (
	"context"
	"errors"
	"sync"

	"hubbub/chat"
	"hubbub/chat/chattest"
	"hubbub/orders"
)

// customers knows the users of the chat.
type customers struct{ store *chattest.Memory }

func (c customers) IsCustomer(ctx context.Context, id string) (bool, error) {
	_, _, err := c.store.UserByID(ctx, chat.UserID(id))
	if errors.Is(err, chat.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// orderRooms opens a room per order, in name only.
type orderRooms struct {
	mu     sync.Mutex
	opened map[orders.ID]string
}

func (o *orderRooms) OpenOrderRoom(_ context.Context, order orders.Order, _ orders.Caller) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.opened == nil {
		o.opened = map[orders.ID]string{}
	}
	if o.opened[order.ID] == "" {
		o.opened[order.ID] = chat.NewID()
	}
	return o.opened[order.ID], nil
}
