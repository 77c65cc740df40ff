package wire

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// textCodec is hubbub.v1.text: lines for people with a bare WebSocket tool,
// and for the simplest bot. It reads one room at a time; what is typed goes
// there. Sends get a random id here, so a line typed twice is said twice.
type textCodec struct {
	mu   sync.Mutex
	room string // the current room's id, "" before the first join; guarded by mu
}

// current is the room that lines go to.
func (c *textCodec) current() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.room
}

// move changes the current room, if it is from or from is "".
func (c *textCodec) move(from, to string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if from == "" || c.room == from {
		c.room = to
	}
}

func (*textCodec) Format() Format { return FormatText }

const textHelp = "/join ROOM, /rooms, /history [N], /who, /quit; anything else is said in the current room"

func (c *textCodec) Decode(data []byte) (Command, error) {
	line := strings.TrimRight(string(data), "\r\n")
	if strings.TrimSpace(line) == "" {
		return nil, nil
	}
	cmd, err := c.command(line)
	if err != nil {
		return nil, err
	}
	if err := check(cmd); err != nil {
		return nil, err
	}
	return cmd, nil
}

func (c *textCodec) command(line string) (Command, error) {
	if !strings.HasPrefix(line, "/") || strings.HasPrefix(line, "//") {
		text := line
		if strings.HasPrefix(line, "//") {
			text = line[1:]
		}
		room, err := c.needCurrent()
		if err != nil {
			return nil, err
		}
		return &Post{Header: Header{Type: "post", ID: rand.Text()}, Room: room, Kind: KindText, Text: text}, nil
	}
	verb, arg, _ := strings.Cut(line, " ")
	arg = strings.TrimSpace(arg)
	switch verb {
	case "/auth":
		return &Auth{Header: Header{Type: "auth"}, Ticket: arg}, nil
	case "/join":
		return &Join{Header: Header{Type: "join"}, Room: strings.TrimPrefix(arg, "#"), Last: 20, Only: true}, nil
	case "/rooms":
		return &Rooms{Header{Type: "rooms"}}, nil
	case "/history":
		n := 20
		if arg != "" {
			var err error
			if n, err = strconv.Atoi(arg); err != nil {
				return nil, invalid("/history", "takes a number")
			}
		}
		room, err := c.needCurrent()
		if err != nil {
			return nil, err
		}
		return &History{Header: Header{Type: "history"}, Room: room, Limit: n}, nil
	case "/who":
		room, err := c.needCurrent()
		if err != nil {
			return nil, err
		}
		return &Who{Header: Header{Type: "who"}, Room: room}, nil
	case "/quit":
		return &Quit{Header{Type: "quit"}}, nil
	}
	return nil, &DecodeError{Code: "invalid", Detail: "unknown command; there are " + textHelp}
}

// needCurrent is "invalid" without a room, like all that people mistype: a
// "bad_request" ends the socket when it comes three times in ten seconds.
func (c *textCodec) needCurrent() (string, error) {
	room := c.current()
	if room == "" {
		return "", &DecodeError{Code: "invalid", Detail: "you are in no room yet: /join one, such as /join general"}
	}
	return room, nil
}

func (c *textCodec) Frame(f Frame) []byte {
	switch f := f.(type) {
	case Welcome:
		return line("-- welcome, %s; this is %s. %s", f.User.DisplayName, f.Node, textHelp)
	case Joined:
		c.move("", f.Room)
		name := f.Name
		if name == "" {
			name = f.Room
		}
		return line("-- joined %s, %d events so far", name, f.Head)
	case Left:
		c.move(f.Room, "")
		if f.Reason == "" {
			return nil
		}
		return line("-- left %s: %s", f.Room, f.Reason)
	case Error:
		return line("!! %s: %s", f.Code, errorDetail(f))
	case Reset:
		return line("!! the history of %s changed: %s", f.Room, f.Reason)
	case Page:
		return c.page(f)
	case RoomList:
		return roomLines(f.Rooms)
	case MemberList:
		return memberLines(f.Members)
	case Reconnect:
		return line("-- this server restarts: come back in %d ms", f.AfterMS)
	}
	return nil // ack, pong and the like: the room's stream shows what was said
}

func errorDetail(f Error) string {
	var b strings.Builder
	b.WriteString(f.Detail)
	for _, e := range f.Errors {
		if e.Detail != f.Detail && e.Field+" "+e.Detail != f.Detail {
			b.WriteString("; " + e.Field + " " + e.Detail)
		}
	}
	return b.String()
}

func (c *textCodec) page(p Page) []byte {
	lines := make([]string, 0, len(p.Items)+1)
	for _, m := range p.Items {
		switch {
		case m.Deleted:
			lines = append(lines, author(m.Actor.Name)+" (deleted)")
		case m.Kind == KindSystem:
			lines = append(lines, "* "+clean(m.Text))
		default:
			lines = append(lines, author(m.Actor.Name)+": "+clean(m.Text))
		}
	}
	if len(lines) == 0 {
		lines = append(lines, "-- nothing was said yet")
	}
	return []byte(strings.Join(lines, "\n"))
}

func roomLines(rooms []Room) []byte {
	lines := []string{"-- your rooms:"}
	for _, r := range rooms {
		name := r.Name
		if name == "" {
			names := make([]string, 0, len(r.With))
			for _, a := range r.With {
				names = append(names, a.Name)
			}
			name = "with " + strings.Join(names, ", ")
		}
		lines = append(lines, fmt.Sprintf("%s  %s  %d unread", r.ID, clean(name), r.Unread))
	}
	return []byte(strings.Join(lines, "\n"))
}

func memberLines(members []Member) []byte {
	lines := []string{"-- members:"}
	for _, m := range members {
		lines = append(lines, author(m.User.DisplayName)+" ("+m.Role+")")
	}
	return []byte(strings.Join(lines, "\n"))
}

// Event writes the line that a person reads.
func (c *textCodec) Event(frame []byte) []byte {
	e, err := ParseEvent(frame)
	if err != nil {
		return nil
	}
	who := e.Actor.Name
	switch e.Type {
	case TypeMessage:
		if e.Deleted {
			return line("%s (deleted)", author(who))
		}
		if e.Kind == KindSystem {
			return line("* %s", e.Text)
		}
		return line("%s: %s", author(who), e.Text)
	case TypeEdited:
		if e.Text == "" {
			return line("* %s edited #%d (deleted)", who, e.Target)
		}
		return line("* %s edited #%d: %s", who, e.Target, e.Text)
	case TypeDeleted:
		return line("* %s deleted #%d", who, e.Target)
	case TypeReacted:
		if e.Removed {
			return nil
		}
		return line("* %s reacted to #%d: %s", who, e.Target, e.Emoji)
	case TypePinned:
		if e.Removed {
			return line("* %s unpinned #%d", who, e.Target)
		}
		return line("* %s pinned #%d", who, e.Target)
	case TypeMember:
		return memberLine(who, e)
	case TypeRoom:
		if e.Name == "" {
			return nil // a direct room has no name, and its making tells nobody anything
		}
		if e.Topic == "" {
			return line("* the room is called %s", e.Name)
		}
		return line("* the room is called %s: %s", e.Name, e.Topic)
	case TypeOrder:
		return orderLine(e)
	}
	return nil
}

func orderLine(e EventFrame) []byte {
	what := e.Change + ", it is " + e.Status
	if e.From != "" {
		what = e.From + " → " + e.Status
	}
	if e.Reason != "" {
		what += " (" + e.Reason + ")"
	}
	return line("* order %s: %s", e.Number, what)
}

func memberLine(who string, e EventFrame) []byte {
	switch e.Change {
	case ChangeInvited:
		return line("* %s invited %s", who, e.User.Name)
	case ChangeKicked:
		return line("* %s kicked %s", who, e.User.Name)
	case ChangeRole:
		return line("* %s made %s %s", who, e.User.Name, e.Role)
	}
	return line("* %s %s", e.User.Name, e.Change)
}

// author is a name at the beginning of a line. One that could pass for the
// beginning of the server's own lines stands in quotes.
func author(name string) string {
	name = clean(name)
	if name == "" || strings.ContainsRune("-*!\"", rune(name[0])) {
		return strconv.Quote(name)
	}
	return name
}

func line(format string, args ...any) []byte {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = clean(s)
		}
	}
	return fmt.Appendf(nil, format, args...)
}

// clean takes out what would steer a terminal or turn the text around: control
// characters other than line feed and tab, and bad UTF-8. Further lines are set
// in, so that nobody can forge a line of another author.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if steers(r) {
			return utf8.RuneError
		}
		return r // Map has made bad UTF-8 a RuneError
	}, s)
	return strings.ReplaceAll(s, "\n", "\n  ")
}
