package chattest

import (
	"cmp"
	"context"
	"slices"

	"hubbub/chat"
)

type account struct {
	chat.User
	hash string
}

type session struct {
	chat.Login
	token chat.TokenHash
}

type ticket struct {
	session chat.SessionID
	expires int64
}

// CreateUser implements chat.AccountStore.
func (m *Memory) CreateUser(ctx context.Context, u chat.User, hash string) error {
	if err := m.enter(ctx, "CreateUser"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	for _, other := range m.users {
		if u.Name != "" && other.Name == u.Name {
			return chat.Refuse(chat.ErrConflict, "the name is taken")
		}
	}
	if m.users[u.ID] != nil {
		return chat.Refuse(chat.ErrConflict, "the id is taken")
	}
	m.users[u.ID] = &account{u, hash}
	return nil
}

// UserByName implements chat.AccountStore.
func (m *Memory) UserByName(ctx context.Context, name string) (chat.User, string, error) {
	if err := m.enter(ctx, "UserByName"); err != nil {
		return chat.User{}, "", err
	}
	defer m.mu.Unlock()
	for _, u := range m.users {
		if name != "" && u.Name == name {
			return u.User, u.hash, nil
		}
	}
	return chat.User{}, "", chat.NoUser()
}

// UserByID implements chat.AccountStore.
func (m *Memory) UserByID(ctx context.Context, id chat.UserID) (chat.User, string, error) {
	if err := m.enter(ctx, "UserByID"); err != nil {
		return chat.User{}, "", err
	}
	defer m.mu.Unlock()
	if u := m.users[id]; u != nil {
		return u.User, u.hash, nil
	}
	return chat.User{}, "", chat.NoUser()
}

// SetDisplayName implements chat.AccountStore.
func (m *Memory) SetDisplayName(ctx context.Context, id chat.UserID, name string) error {
	if err := m.enter(ctx, "SetDisplayName"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	u := m.users[id]
	if u == nil {
		return chat.NoUser()
	}
	u.DisplayName = name
	return nil
}

// SetRole implements chat.AccountStore.
func (m *Memory) SetRole(ctx context.Context, id chat.UserID, role chat.UserRole) error {
	if err := m.enter(ctx, "SetRole"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	u := m.users[id]
	if u == nil {
		return chat.NoUser()
	}
	u.Role = role
	return nil
}

// Staff implements chat.AccountStore.
func (m *Memory) Staff(ctx context.Context, role chat.UserRole, limit int) ([]chat.User, error) {
	if err := m.enter(ctx, "Staff"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var out []chat.User
	for _, u := range m.users {
		if u.Role == role && !u.Disabled {
			out = append(out, u.User)
		}
	}
	slices.SortFunc(out, func(a, b chat.User) int { return cmp.Compare(a.ID, b.ID) })
	return out[:min(limit, len(out))], nil
}

// SetDisabled implements chat.AccountStore.
func (m *Memory) SetDisabled(ctx context.Context, id chat.UserID, disabled bool) ([]chat.SessionID, error) {
	if err := m.enter(ctx, "SetDisabled"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	u := m.users[id]
	if u == nil {
		return nil, chat.NoUser()
	}
	u.Disabled = disabled
	if !disabled {
		return nil, nil
	}
	return m.endAll(id, ""), nil
}

// SetPassword implements chat.AccountStore.
func (m *Memory) SetPassword(ctx context.Context, id chat.UserID, hash string, keep chat.SessionID) ([]chat.SessionID, error) {
	if err := m.enter(ctx, "SetPassword"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	u := m.users[id]
	if u == nil {
		return nil, chat.NoUser()
	}
	u.hash = hash
	return m.endAll(id, keep), nil
}

// endAll ends the sessions of a user but keep.
func (m *Memory) endAll(user chat.UserID, keep chat.SessionID) (ended []chat.SessionID) {
	for id, s := range m.session {
		if s.User == user && id != keep {
			ended = append(ended, id)
			delete(m.session, id)
		}
	}
	return ended
}

// CreateSession implements chat.AccountStore.
func (m *Memory) CreateSession(ctx context.Context, s chat.Login, token chat.TokenHash) error {
	if err := m.enter(ctx, "CreateSession"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	m.session[s.ID] = &session{s, token}
	return nil
}

// SessionByToken implements chat.AccountStore.
func (m *Memory) SessionByToken(ctx context.Context, token chat.TokenHash, now int64) (chat.Identity, error) {
	if err := m.enter(ctx, "SessionByToken"); err != nil {
		return chat.Identity{}, err
	}
	defer m.mu.Unlock()
	for id, s := range m.session {
		if s.token == token {
			return m.identity(id, now)
		}
	}
	return chat.Identity{}, chat.ErrUnauthenticated
}

func (m *Memory) identity(id chat.SessionID, now int64) (chat.Identity, error) {
	if !m.live(id, now) {
		return chat.Identity{}, chat.ErrUnauthenticated
	}
	s := m.session[id]
	return chat.Identity{User: m.users[s.User].User, Session: s.Login}, nil
}

func (m *Memory) live(id chat.SessionID, now int64) bool {
	s := m.session[id]
	return s != nil && s.ExpiresAt > now && m.users[s.User] != nil && !m.users[s.User].Disabled
}

// Sessions implements chat.AccountStore.
func (m *Memory) Sessions(ctx context.Context, user chat.UserID, now int64) ([]chat.Login, error) {
	if err := m.enter(ctx, "Sessions"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var out []chat.Login
	for _, s := range m.session {
		if s.User == user && s.ExpiresAt > now {
			out = append(out, s.Login)
		}
	}
	slices.SortFunc(out, func(a, b chat.Login) int {
		return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	return out, nil
}

// EndSession implements chat.AccountStore.
func (m *Memory) EndSession(ctx context.Context, user chat.UserID, id chat.SessionID) error {
	if err := m.enter(ctx, "EndSession"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if s := m.session[id]; s == nil || s.User != user {
		return chat.NoSession()
	}
	delete(m.session, id)
	return nil
}

// LiveSessions implements chat.AccountStore.
func (m *Memory) LiveSessions(ctx context.Context, ids []chat.SessionID, now int64) (map[chat.SessionID]bool, error) {
	if err := m.enter(ctx, "LiveSessions"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	out := map[chat.SessionID]bool{}
	for _, id := range ids {
		if m.live(id, now) {
			out[id] = true
		}
	}
	return out, nil
}

// CreateTicket implements chat.AccountStore.
func (m *Memory) CreateTicket(ctx context.Context, hash chat.TokenHash, s chat.SessionID, expires int64) error {
	if err := m.enter(ctx, "CreateTicket"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	m.tickets[hash] = ticket{s, expires}
	return nil
}

// TakeTicket implements chat.AccountStore.
func (m *Memory) TakeTicket(ctx context.Context, hash chat.TokenHash, now int64) (chat.Identity, error) {
	if err := m.enter(ctx, "TakeTicket"); err != nil {
		return chat.Identity{}, err
	}
	defer m.mu.Unlock()
	t, ok := m.tickets[hash]
	delete(m.tickets, hash)
	if !ok || t.expires <= now {
		return chat.Identity{}, chat.ErrUnauthenticated
	}
	return m.identity(t.session, now)
}

// Sweep implements chat.AccountStore.
func (m *Memory) Sweep(ctx context.Context, before int64, limit int) (int, error) {
	if err := m.enter(ctx, "Sweep"); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	sessions, tickets := 0, 0
	for id, s := range m.session {
		if s.ExpiresAt < before && sessions < limit {
			delete(m.session, id)
			sessions++
		}
	}
	for hash, t := range m.tickets {
		if t.expires < before && tickets < limit {
			delete(m.tickets, hash)
			tickets++
		}
	}
	return sessions + tickets, nil
}
