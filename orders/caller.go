package orders

import "cmp"

// Role says what a caller may do with orders.
type Role string

const (
	// Customer is any user: reads, changes and cancels their own orders.
	Customer Role = "customer"
	// Support is staff: looks up and moves any order, places none.
	Support Role = "support"
	// Shop is a key: places, looks up and moves any order.
	Shop Role = "shop"
)

// Caller is who makes a call.
type Caller struct {
	ID   string // of the user, or of the key
	Name string // shown in the history
	Role Role
	Shop string // the shop of a key; orders that it places belong to it
}

func (c Caller) actor() Actor { return Actor{ID: c.ID, Name: c.Name, Role: c.Role} }

// only is the customer whose orders the caller is confined to; "" for all, which
// is for shops and support alone.
func (c Caller) only() string {
	if c.Role == Shop || c.Role == Support {
		return ""
	}
	return cmp.Or(c.ID, "nobody")
}

// may refuses a call that is not for the caller's role, whatever the object.
func (c Caller) may(roles ...Role) error {
	for _, r := range roles {
		if c.Role == r {
			return nil
		}
	}
	return Refuse(ErrForbidden, "this call is not for the role "+string(c.Role))
}
