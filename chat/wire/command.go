package wire

// Command is one frame from a client. Each type below is one; a codec makes
// them and has checked their shape (known type and fields, lengths, UTF-8),
// never their meaning.
type Command interface {
	// CommandType is the frame's "type".
	CommandType() string
	// CommandID is the client's id for it, "" where the type has none.
	CommandID() string
}

// Header is what every command has.
type Header struct {
	Type string `json:"type"`
	ID   string `json:"id,omitempty"`
}

// CommandType gives the frame's type.
func (h Header) CommandType() string { return h.Type }

// CommandID gives the client's id of the command.
func (h Header) CommandID() string { return h.ID }

// The commands. Room is the id of a room, or the name of a public one.
type (
	// Auth says who the client is: a one-use ticket or a session token, in the
	// first frame of a socket that came without, or later to go on with a new
	// session of the same user.
	Auth struct {
		Header
		Ticket string `json:"ticket,omitempty"`
		Token  string `json:"token,omitempty"`
	}
	// Join streams a room's log to this socket: from Since+1 on, or the last
	// Last events, or only what is new.
	Join struct {
		Header
		Room  string  `json:"room"`
		Since *uint64 `json:"since,omitempty"`
		Epoch string  `json:"epoch,omitempty"`
		Last  int     `json:"last,omitempty"`
		// Only leaves all other rooms of the socket: the text format reads one
		// room at a time.
		Only bool `json:"-"`
	}
	// Leave stops the stream; membership stays.
	Leave struct {
		Header
		Room string `json:"room"`
	}
	// Post says something in a room.
	Post struct {
		Header
		Room    string `json:"room"`
		Kind    string `json:"kind,omitempty"`
		Text    string `json:"text"`
		ReplyTo uint64 `json:"reply_to,omitempty"`
	}
	// Edit replaces the text of one's own message.
	Edit struct {
		Header
		Room string `json:"room"`
		Seq  uint64 `json:"seq"`
		Kind string `json:"kind,omitempty"`
		Text string `json:"text"`
	}
	// Delete erases a message.
	Delete struct {
		Header
		Room string `json:"room"`
		Seq  uint64 `json:"seq"`
	}
	// React sets a reaction, or takes it back.
	React struct {
		Header
		Room   string `json:"room"`
		Seq    uint64 `json:"seq"`
		Emoji  string `json:"emoji"`
		Remove bool   `json:"remove,omitempty"`
	}
	// Pin pins a message, or unpins it.
	Pin struct {
		Header
		Room   string `json:"room"`
		Seq    uint64 `json:"seq"`
		Remove bool   `json:"remove,omitempty"`
	}
	// Read moves the user's read marker, never back.
	Read struct {
		Header
		Room string `json:"room"`
		Seq  uint64 `json:"seq"`
	}
	// Typing says that the user is writing; told to others at most every 3 s.
	Typing struct {
		Header
		Room string `json:"room"`
	}
	// History asks for messages as they are now.
	History struct {
		Header
		Room   string  `json:"room"`
		Before *uint64 `json:"before,omitempty"`
		After  *uint64 `json:"after,omitempty"`
		Around *uint64 `json:"around,omitempty"`
		Limit  int     `json:"limit,omitempty"`
	}
	// Presence asks who is there, now and when it changes; replaces the rooms
	// asked for before.
	Presence struct {
		Header
		Rooms []string `json:"rooms"`
	}
	// Status says whether anybody is at this client.
	Status struct {
		Header
		Away *bool `json:"away"`
	}
	// Ping asks for a sign of life and the server's time.
	Ping struct{ Header }
	// Rooms asks for the user's rooms (text format only).
	Rooms struct{ Header }
	// Who asks for the members of the current room (text format only).
	Who struct {
		Header
		Room string `json:"room"`
	}
	// Broken stands for a message that is no command: it takes the way of all
	// others, so that the same limits hold.
	Broken struct {
		Header
		Err *DecodeError
	}
	// Quit ends the socket with 1000 (text format only).
	Quit struct{ Header }
)
