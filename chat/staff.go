package chat

import (
	"context"
	"fmt"
)

// This half of [Accounts] is for the operator: who is staff, and who is barred.

// SetRole makes the account of that sign-in name staff, or a customer again, and
// gives the user as it is then. ErrNotFound: there is no such account (guests
// have no name, and are never staff); ErrInvalid: there is no such role. Who is
// signed in already is known by the new role within seconds. When it fails after
// the role was changed, calling it again does the rest.
func (a *Accounts) SetRole(ctx context.Context, name string, role UserRole) (User, error) {
	if role != Customer && role != Support {
		return User{}, Invalid("role", fmt.Sprintf("must be %q, or empty for none", Support))
	}
	u, err := a.UserByName(ctx, name)
	if err != nil {
		return User{}, err
	}
	if err := a.store.SetRole(ctx, u.ID, role); err != nil {
		return User{}, fmt.Errorf("set role: %w", err)
	}
	a.o.Changed(u.ID)
	u.Role = role
	if role != Support {
		if err := a.o.Dismissed(ctx, u); err != nil {
			return User{}, fmt.Errorf("take away what the role gave: %w", err)
		}
	}
	return u, nil
}

// SetDisabled bars the account of that sign-in name, which ends its sessions and
// their sockets everywhere, or lets it in again. ErrNotFound: there is no such
// account.
func (a *Accounts) SetDisabled(ctx context.Context, name string, disabled bool) (User, error) {
	u, err := a.UserByName(ctx, name)
	if err != nil {
		return User{}, err
	}
	ended, err := a.store.SetDisabled(ctx, u.ID, disabled)
	if err != nil {
		return User{}, fmt.Errorf("set disabled: %w", err)
	}
	if len(ended) > 0 {
		a.o.Ended(u.ID, ended)
	}
	u.Disabled = disabled
	return u, nil
}
