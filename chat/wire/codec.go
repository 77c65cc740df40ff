package wire

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The WebSocket subprotocols of version 1.
const (
	ProtocolJSON = "hubbub.v1.json"
	ProtocolText = "hubbub.v1.text"
)

// Protocols lists the supported subprotocols, the preferred one first.
func Protocols() []string { return []string{ProtocolJSON, ProtocolText} }

// Format tells formats apart where the same event is encoded once for all
// sessions that read it.
type Format int

const (
	FormatJSON Format = iota
	FormatText
	Formats // how many there are
)

// Codec turns messages of a socket into commands and frames into messages. One
// codec serves one session; its methods may be called from anywhere.
type Codec interface {
	Format() Format
	// Decode reads one message; a nil Command without an error asks for nothing
	// (an empty line). Its errors are *DecodeError.
	Decode(data []byte) (Command, error)
	// Frame writes one message; nil means that this format has nothing to say.
	Frame(f Frame) []byte
	// Event writes a frame that travels between nodes as JSON (a log event, or an
	// ephemeral one). The result is shared: nobody changes it.
	Event(frame []byte) []byte
}

// ForProtocol gives a new codec for the subprotocol that was agreed on. A
// client that offers none gets the text format, so that a bare WebSocket tool
// is a client.
func ForProtocol(name string) (Codec, error) {
	switch name {
	case ProtocolJSON:
		return jsonCodec{}, nil
	case ProtocolText, "":
		return &textCodec{}, nil
	default:
		return nil, fmt.Errorf("wire: unknown subprotocol %q", name)
	}
}

// DecodeError says what is wrong with a message from a client.
type DecodeError struct {
	ID     string // the command's id, if it could be read
	Code   string // "bad_request" for the shape, "invalid" for a field, "unsupported"
	Field  string
	Detail string
}

func (e *DecodeError) Error() string {
	if e.Field != "" {
		return e.Code + ": " + e.Field + ": " + e.Detail
	}
	return e.Code + ": " + e.Detail
}

// check holds a command against the limits.
func check(c Command) error {
	switch c := c.(type) {
	case *Post:
		return first(needID(c.ID), needRoom(c.Room), CheckMessage(c.Kind, c.Text), checkReply(c.ReplyTo))
	case *Edit:
		return first(needID(c.ID), needRoom(c.Room), needSeq(c.Seq), CheckMessage(c.Kind, c.Text))
	case *Delete:
		return first(needID(c.ID), needRoom(c.Room), needSeq(c.Seq))
	case *React:
		return first(needID(c.ID), needRoom(c.Room), needSeq(c.Seq), checkEmoji(c.Emoji))
	case *Pin:
		return first(needID(c.ID), needRoom(c.Room), needSeq(c.Seq))
	case *Join:
		return first(optionalID(c.ID), needRoom(c.Room), checkCount("last", c.Last))
	case *Leave:
		return first(optionalID(c.ID), needRoom(c.Room))
	case *Read:
		return first(optionalID(c.ID), needRoom(c.Room), needSeq(c.Seq))
	case *Typing:
		return first(optionalID(c.ID), needRoom(c.Room))
	case *History:
		return first(optionalID(c.ID), needRoom(c.Room), checkCount("limit", c.Limit), checkCursors(c))
	case *Presence:
		return first(optionalID(c.ID), checkRooms(c.Rooms))
	case *Status:
		return first(optionalID(c.ID), needAway(c.Away))
	default:
		return optionalID(c.CommandID())
	}
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func invalid(field, format string, args ...any) error {
	return &DecodeError{Code: "invalid", Field: field, Detail: fmt.Sprintf(format, args...)}
}

func needID(id string) error {
	if id == "" {
		return invalid("id", "is missing: it makes the command safe to send again")
	}
	return optionalID(id)
}

func optionalID(id string) error {
	if !ValidID(id) && id != "" {
		return invalid("id", "must be at most %d printable ASCII characters without space", MaxID)
	}
	return nil
}

// ValidID tells whether id can be a command's id: 1 to [MaxID] printable ASCII
// characters without space.
func ValidID(id string) bool {
	if id == "" || len(id) > MaxID {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

func needRoom(room string) error {
	switch {
	case room == "":
		return invalid("room", "is missing")
	case len(room) > MaxName:
		return invalid("room", "is neither a room's id nor a name")
	}
	return nil
}

func needAway(away *bool) error {
	if away == nil {
		return invalid("away", "is missing")
	}
	return nil
}

func needSeq(seq uint64) error {
	if seq == 0 || seq > MaxSeq {
		return invalid("seq", "must be the number of an event, from 1")
	}
	return nil
}

// checkReply allows 0, which is no reply.
func checkReply(seq uint64) error {
	if seq > MaxSeq {
		return invalid("reply_to", "must be the number of a message")
	}
	return nil
}

// MaxSeq is the highest sequence number: the largest integer that every JSON
// client reads exactly (RFC 8259, section 6).
const MaxSeq = 1<<53 - 1

func checkKind(kind string) error {
	switch kind {
	case "", KindText, KindMarkdown:
		return nil
	case "image", "file":
		return &DecodeError{Code: "unsupported", Field: "kind", Detail: "this server takes no uploads"}
	}
	return invalid("kind", "must be %q or %q", KindText, KindMarkdown)
}

// CheckMessage holds a message's kind ("" is text) and its text against the
// limits, for whatever way it came in. Its errors are *DecodeError.
func CheckMessage(kind, text string) error { return first(checkKind(kind), checkText(text)) }

func checkText(text string) error {
	switch n := utf8.RuneCountInString(text); {
	case strings.TrimSpace(text) == "":
		return invalid("text", "is empty")
	case n > MaxText:
		return invalid("text", "has %d characters, at most %d are allowed", n, MaxText)
	case !utf8.ValidString(text):
		return invalid("text", "is not valid UTF-8")
	case strings.ContainsRune(text, 0):
		return invalid("text", "has a NUL character")
	}
	return nil
}

func checkEmoji(e string) error {
	if e == "" || len(e) > MaxEmoji {
		return invalid("emoji", "must have 1 to %d bytes", MaxEmoji)
	}
	for _, r := range e {
		if r == '<' || r == '"' || r == utf8.RuneError || unicode.IsSpace(r) || steers(r) {
			return invalid("emoji", "must be an emoji or a short name")
		}
	}
	return nil
}

// steers tells whether a character changes how the text around it is shown:
// control characters, line and paragraph separators, and what sets the
// direction (Unicode Technical Report 36, section 2.7). The joiner that emoji
// are made with is none of them.
func steers(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' ||
		r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

func checkCount(field string, n int) error {
	if n < 0 || n > MaxPage {
		return invalid(field, "must be from 0 to %d", MaxPage)
	}
	return nil
}

func checkCursors(h *History) error {
	var given []string
	for _, c := range []struct {
		field string
		seq   *uint64
	}{{"before", h.Before}, {"after", h.After}, {"around", h.Around}} {
		if c.seq == nil {
			continue
		}
		given = append(given, c.field)
		if *c.seq == 0 || *c.seq > MaxSeq {
			return invalid(c.field, "must be the number of an event, from 1")
		}
	}
	if len(given) > 1 {
		return invalid(given[1], "may not stand beside %s", given[0])
	}
	return nil
}

func checkRooms(rooms []string) error {
	if len(rooms) > MaxPresence {
		return invalid("rooms", "has %d rooms, at most %d are allowed", len(rooms), MaxPresence)
	}
	for _, r := range rooms {
		if needRoom(r) != nil {
			return invalid("rooms", "has one that is neither a room's id nor a name")
		}
	}
	return nil
}
