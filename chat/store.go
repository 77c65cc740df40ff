package chat

import "context"

// MaxRead is how many bytes one read of a log gives at most, of what its items
// hold (len(Event.Body), [Message.Size]): a reader costs so much memory however
// long the texts are. JSON may make six bytes of one.
const MaxRead = 128 << 10

// Batch are drafts for one room.
type Batch struct {
	Room   RoomID
	Drafts []Draft
}

// Outcome is what became of a [Batch]: what Append would have returned, unless
// nothing was done about it.
type Outcome struct {
	Results []Result
	Err     error
	Held    bool // nothing: somebody else holds the room's lock, or there is no such room
	Alone   bool // nothing, for another reason: the batch is for Append
}

// Store keeps rooms and their logs. Every method is one transaction or one
// statement, safe to call from any goroutine, and bounded in time by the store
// itself. An error is an *Error that a client may see, or internal. The suite in
// chattest says in tests what this says in words.
type Store interface {
	// CreateRoom makes the room with its first events: 1 "room", then one
	// "member" for the creator (owner; in a direct room everybody is Plain) and
	// for each other member. A public name that is taken is ErrConflict; a
	// direct room or an order's that exists already is returned as it is, with no
	// events.
	CreateRoom(ctx context.Context, r NewRoom) (Room, []Event, error)

	// Append numbers the drafts and stores them in one transaction, in their
	// order, under the room's lock. Results are in the order of the drafts; a
	// draft that is refused (not a member, no such target, conflict …) has its
	// Err and leaves no hole, the others are stored. Drafts of one call may
	// repeat each other's client ids. A draft whose actor is not a member (but
	// for a public "joined") is ErrNotFound in a room it cannot see, else
	// ErrForbidden.
	//
	// An error means that nothing was stored. If COMMIT itself failed, the store
	// looks the client ids up on a fresh connection; a draft whose fate stays
	// unknown has the Err ErrUnknownOutcome.
	Append(ctx context.Context, room RoomID, drafts []Draft) ([]Result, error)

	// AppendAll is Append for several rooms in one transaction, for messages alone
	// (EventMessage), each room once. It waits for no room's lock. The outcomes are
	// in the order of the batches.
	AppendAll(ctx context.Context, batches []Batch) []Outcome

	// Since reads events with a seq above after, in order, and the room's head at
	// that time: at most limit of them and MaxRead bytes, but one at least. So
	// fewer than limit do not mean that they reach the head, and none does. A room
	// that is not there is ErrNotFound.
	Since(ctx context.Context, room RoomID, after Seq, limit int) (Head, []Event, error)
	// Heads reads where the logs stand; a room that is not there is left out.
	Heads(ctx context.Context, rooms []RoomID) (map[RoomID]Head, error)

	// RoomHead reads where one log stands and what the room is called; ErrNotFound
	// if it is not there. MemberIDs lists at most limit members, in any order.
	RoomHead(ctx context.Context, room RoomID) (Head, string, error)
	MemberIDs(ctx context.Context, room RoomID, limit int) ([]UserID, error)

	// Room finds a room by its id, or a public room by its name, as the user sees
	// it. A room that the user may not know of is ErrNotFound.
	Room(ctx context.Context, ref string, user UserID) (Room, error)
	// RoomsOf lists the user's rooms by id above the cursor; PublicRooms lists all
	// public rooms by name above the cursor, as the user sees them.
	RoomsOf(ctx context.Context, user UserID, after RoomID, limit int) ([]Room, error)
	PublicRooms(ctx context.Context, user UserID, after string, limit int) ([]Room, error)
	// Members lists a room's members by user id above the cursor.
	Members(ctx context.Context, room RoomID, after UserID, limit int) ([]Member, error)
	// Messages reads one page, ascending by seq; more says that the page does not
	// end the log in the direction asked for. A page has at most MaxRead bytes, but
	// one message at least: those that are nearest to where it was asked for. Around
	// gives half of the bytes to either side.
	Messages(ctx context.Context, room RoomID, r Range) (page []Message, more bool, err error)
	// MarkRead moves the user's marker up to seq (at most the head, never back)
	// and gives where it is now. Not a member: ErrNotFound.
	MarkRead(ctx context.Context, room RoomID, user UserID, seq Seq) (Seq, error)
}

// AccountStore keeps users, sessions and tickets.
type AccountStore interface {
	// CreateUser stores a user; hash is "" for guests. A taken name is ErrConflict.
	CreateUser(ctx context.Context, u User, hash string) error
	// UserByName finds an account by its normalised name, with the password hash.
	UserByName(ctx context.Context, name string) (User, string, error)
	// UserByID finds a user, with the password hash ("" for guests).
	UserByID(ctx context.Context, id UserID) (User, string, error)
	SetDisplayName(ctx context.Context, id UserID, name string) error
	// SetRole gives the user a role in the deployment, or Customer, which is none.
	SetRole(ctx context.Context, id UserID, role UserRole) error
	// Staff lists at most limit users with the role who are not disabled, by id.
	Staff(ctx context.Context, role UserRole, limit int) ([]User, error)
	// SetDisabled bars the user or lets the user in again. Who is barred loses all
	// sessions in the same transaction; it gives their ids.
	SetDisabled(ctx context.Context, id UserID, disabled bool) ([]SessionID, error)
	// SetPassword stores the new hash and ends all sessions of the user but keep,
	// in one transaction; it gives the ids of those that ended.
	SetPassword(ctx context.Context, id UserID, hash string, keep SessionID) ([]SessionID, error)

	CreateSession(ctx context.Context, s Login, token TokenHash) error
	// SessionByToken finds a session and its user; absent, expired or of a disabled
	// user is ErrUnauthenticated.
	SessionByToken(ctx context.Context, token TokenHash, now int64) (Identity, error)
	// Sessions lists the user's sessions that have not expired, newest first.
	Sessions(ctx context.Context, user UserID, now int64) ([]Login, error)
	// EndSession deletes a session of the user; ErrNotFound if it has none such.
	EndSession(ctx context.Context, user UserID, id SessionID) error
	// LiveSessions tells which of the sessions still stand at that time.
	LiveSessions(ctx context.Context, ids []SessionID, now int64) (map[SessionID]bool, error)

	// CreateTicket stores a ticket for a session until expires.
	CreateTicket(ctx context.Context, ticket TokenHash, s SessionID, expires int64) error
	// TakeTicket uses a ticket up: the second call is ErrUnauthenticated, whichever
	// node it comes to.
	TakeTicket(ctx context.Context, ticket TokenHash, now int64) (Identity, error)
	// Sweep deletes sessions and tickets that expired before the time, at most limit
	// of each, and tells how many.
	Sweep(ctx context.Context, before int64, limit int) (int, error)
}
