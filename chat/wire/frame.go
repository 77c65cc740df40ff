package wire

// Frame is one frame to a client, other than a log event. The types below are
// the frames; a codec writes FrameType as the "type" of the JSON object.
type Frame interface{ FrameType() string }

// Welcome is the first frame of a socket once the user is known.
type Welcome struct {
	Node       string `json:"node"`
	User       User   `json:"user"`
	Protocol   int    `json:"protocol"`
	HeartbeatS int    `json:"heartbeat_s"`
	Limits     Limits `json:"limits"`
	ServerTime Time   `json:"server_time"`
	Degraded   bool   `json:"degraded,omitempty"`
}

// Limits tells a client what the server accepts.
type Limits struct {
	Frame     int     `json:"frame"`      // bytes
	Text      int     `json:"text"`       // characters
	Depth     int     `json:"depth"`      // JSON nesting
	ID        int     `json:"id"`         // ASCII characters
	Joins     int     `json:"joins"`      // rooms per socket
	Page      int     `json:"page"`       // items
	Presence  int     `json:"presence"`   // rooms of one presence command
	RatePerS  float64 `json:"rate_per_s"` // commands, 0: no limit
	RateBurst int     `json:"rate_burst"` // commands
	SilenceS  int     `json:"silence_s"`  // a silent peer is ended after this
}

// Joined answers a join; the events follow.
type Joined struct {
	ID    string `json:"id,omitempty"`
	Room  string `json:"room"`
	Name  string `json:"name,omitempty"`
	Epoch string `json:"epoch"`
	Head  uint64 `json:"head"`
	// From is the number before the first event that follows.
	From uint64 `json:"from"`
}

// Left answers a leave, or tells that the stream ended without one (no id).
type Left struct {
	ID     string `json:"id,omitempty"`
	Room   string `json:"room"`
	Reason string `json:"reason,omitempty"`
}

// Ack says that what the client sent is stored (or, for read, noted).
type Ack struct {
	ID   string `json:"id"`
	Room string `json:"room,omitempty"`
	Seq  uint64 `json:"seq,omitempty"`
	At   *Time  `json:"at,omitempty"`
	// Repeat says that it had been stored before, by an earlier send.
	Repeat bool `json:"repeat,omitempty"`
}

// Error says that a command was refused and nothing was stored; the one
// exception is the code "unknown_outcome": send the same id again.
type Error struct {
	ID           string       `json:"id,omitempty"`
	Code         string       `json:"code"`
	Detail       string       `json:"detail"`
	RetryAfterMS int64        `json:"retry_after_ms,omitempty"`
	Errors       []FieldError `json:"errors,omitempty"`
}

// FieldError names a field that is wrong and why.
type FieldError struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// Reset says that the client's cursor is not in this log: forget what you have
// of the room and join it anew.
type Reset struct {
	ID     string `json:"id,omitempty"`
	Room   string `json:"room"`
	Epoch  string `json:"epoch"`
	Head   uint64 `json:"head"`
	Reason string `json:"reason"`
}

// Page answers history.
type Page struct {
	ID    string    `json:"id,omitempty"`
	Room  string    `json:"room"`
	Items []Message `json:"items"`
	// More says that there are further messages in the direction asked for.
	More bool `json:"more"`
}

// TypingNow tells that somebody is writing. It has no number and expires after 6 s.
type TypingNow struct {
	Room string `json:"room"`
	User Actor  `json:"user"`
}

// ReadTo tells the user's other devices how far the user has read.
type ReadTo struct {
	Room string `json:"room"`
	Seq  uint64 `json:"seq"`
}

// Membership tells a user's sockets that the list of their rooms changed.
type Membership struct {
	Room   string `json:"room"`
	Change string `json:"change"`
}

// PresenceNow tells who is online among the members of a room.
type PresenceNow struct {
	ID    string         `json:"id,omitempty"`
	Rooms []RoomPresence `json:"rooms"`
}

// RoomPresence is one room's part of [PresenceNow].
type RoomPresence struct {
	Room string `json:"room"`
	// State is "known", or "unknown" while the server cannot tell.
	State  string   `json:"state"`
	Online []string `json:"online"`         // user ids
	Away   []string `json:"away,omitempty"` // those of Online who are at none of their clients
}

// Reconnect asks the client to come back by itself after the delay: the node
// is about to stop and closes this socket with 1012.
type Reconnect struct {
	AfterMS int64  `json:"after_ms"`
	Reason  string `json:"reason"`
}

// Pong answers ping.
type Pong struct {
	ID         string `json:"id,omitempty"`
	ServerTime Time   `json:"server_time"`
}

// Beat is the heartbeat of formats whose clients cannot see control frames.
type Beat struct {
	ServerTime Time `json:"server_time"`
	// Degraded says that events come late: the node does not hear the others.
	Degraded bool `json:"degraded,omitempty"`
}

// RoomList answers /rooms of the text format.
type RoomList struct {
	Rooms []Room `json:"rooms"`
}

// MemberList answers /who of the text format.
type MemberList struct {
	Room    string   `json:"room"`
	Members []Member `json:"members"`
}

func (f Welcome) FrameType() string     { return "welcome" }
func (f Joined) FrameType() string      { return "joined" }
func (f Left) FrameType() string        { return "left" }
func (f Ack) FrameType() string         { return "ack" }
func (f Error) FrameType() string       { return "error" }
func (f Reset) FrameType() string       { return "reset" }
func (f Page) FrameType() string        { return "page" }
func (f TypingNow) FrameType() string   { return "typing" }
func (f ReadTo) FrameType() string      { return "read" }
func (f Membership) FrameType() string  { return "membership" }
func (f PresenceNow) FrameType() string { return "presence" }
func (f Reconnect) FrameType() string   { return "reconnect" }
func (f Pong) FrameType() string        { return "pong" }
func (f Beat) FrameType() string        { return "ping" }
func (f RoomList) FrameType() string    { return "rooms" }
func (f MemberList) FrameType() string  { return "members" }
