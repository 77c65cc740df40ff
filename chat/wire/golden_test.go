package wire

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

// The people, rooms and times of the examples.
const (
	adaID   = "ADAADAADAADAADAADAADAADAAD"
	bobID   = "BOBBOBBOBBOBBOBBOBBOBBOBBO"
	roomID  = "ROOMROOMROOMROOMROOMROOMRO"
	epoch   = "EPOCHEPOCHEPOCHEPOCHEPOCHE"
	morning = int64(1_767_258_000_000_007) // 2026-01-01T09:00:00.000007Z
)

var (
	ada = Actor{ID: adaID, Name: "Ada"}
	bob = Actor{ID: bobID, Name: "Bob"}
)

type frameCase struct {
	name  string
	frame Frame
}

// frameCases has every frame, bare and with all of its fields.
func frameCases() []frameCase {
	at := Micros(morning)
	user := User{ID: adaID, Name: "ada", DisplayName: "Ada"}
	return []frameCase{
		{"welcome", Welcome{
			Node: "node-1", User: user, Protocol: 1, HeartbeatS: 20, ServerTime: at,
			Limits: Limits{Frame: MaxFrame, Text: MaxText, Depth: MaxDepth, ID: MaxID, Joins: MaxJoins, Page: MaxPage, Presence: MaxPresence,
				RatePerS: 20, RateBurst: 40, SilenceS: 45},
		}},
		{"welcome to a guest of a degraded node", Welcome{
			Node: "node-1", User: User{ID: bobID, DisplayName: "Bob", Guest: true}, Protocol: 1, Degraded: true, ServerTime: at}},
		{"joined", Joined{ID: "1", Room: roomID, Name: "general", Epoch: epoch, Head: 9, From: 4}},
		{"joined a direct room", Joined{Room: roomID, Epoch: epoch}},
		{"left", Left{ID: "2", Room: roomID}},
		{"left without asking", Left{Room: roomID, Reason: "you are no longer a member"}},
		{"ack", Ack{ID: "3", Room: roomID, Seq: 10, At: &at}},
		{"ack of a repeat", Ack{ID: "3", Room: roomID, Seq: 10, At: &at, Repeat: true}},
		{"ack of auth", Ack{ID: "4"}},
		{"error", Error{ID: "5", Code: "not_found", Detail: "there is no such room"}},
		{"error of a field", Error{ID: "6", Code: "invalid", Detail: "text is empty",
			Errors: []FieldError{{Field: "text", Detail: "is empty"}}}},
		{"error for now", Error{ID: "7", Code: "rate_limited", Detail: "too many commands", RetryAfterMS: 50}},
		{"reset", Reset{ID: "8", Room: roomID, Epoch: epoch, Head: 9, Reason: "the room's log is another one now"}},
		{"page", Page{ID: "9", Room: roomID, More: true, Items: []Message{
			{Room: roomID, Seq: 2, At: at, Actor: ada, ClientID: "a1", Kind: KindText, Text: "Hello"},
			{Room: roomID, Seq: 3, At: at, Actor: bob, ClientID: "b1", Kind: KindMarkdown, Text: "*Hi*\nthere", ReplyTo: 2,
				EditedAt: &at, Pinned: true, Reactions: []Reaction{{Emoji: "👍", Users: []string{adaID}}}},
			{Room: roomID, Seq: 5, At: at, Actor: bob, ClientID: "b2", Kind: KindText, Deleted: true},
			{Room: roomID, Seq: 6, At: at, Actor: Actor{Name: "hubbub"}, ClientID: "order/1/2", Kind: KindSystem, Text: "Order K7Q2-M9XD: pending → paid"},
		}}},
		{"empty page", Page{Room: roomID, Items: []Message{}}},
		{"typing", TypingNow{Room: roomID, User: ada}},
		{"read", ReadTo{Room: roomID, Seq: 9}},
		{"membership", Membership{Room: roomID, Change: ChangeInvited}},
		{"presence", PresenceNow{ID: "10", Rooms: []RoomPresence{{Room: roomID, State: "known", Online: []string{adaID, bobID}}}}},
		{"presence of one who is away", PresenceNow{Rooms: []RoomPresence{{Room: roomID, State: "known", Online: []string{adaID, bobID}, Away: []string{bobID}}}}},
		{"presence unknown", PresenceNow{Rooms: []RoomPresence{{Room: roomID, State: "unknown", Online: []string{}}}}},
		{"reconnect", Reconnect{AfterMS: 1250, Reason: "restart"}},
		{"pong", Pong{ID: "11", ServerTime: at}},
		{"ping", Beat{ServerTime: at}},
		{"ping of a degraded node", Beat{ServerTime: at, Degraded: true}},
		{"rooms", RoomList{Rooms: []Room{
			{ID: roomID, Kind: "public", Name: "general", Topic: "Everybody is here", Epoch: epoch, Head: 9,
				Role: "owner", ReadSeq: 4, Unread: 3, CreatedAt: at},
			{ID: roomID, Kind: "direct", Epoch: epoch, Head: 1, Role: "member", With: []Actor{bob}, CreatedAt: at},
		}}},
		{"members", MemberList{Room: roomID, Members: []Member{{User: user, Role: "owner", JoinedAt: at}}}},
	}
}

type eventCase struct {
	name  string
	event Event
}

// eventCases has every log event.
func eventCases() []eventCase {
	var cases []eventCase
	add := func(name, typ string, body any) {
		b, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		cases = append(cases, eventCase{name, Event{
			Type: typ, Room: roomID, Epoch: epoch, Seq: uint64(len(cases) + 1), At: morning,
			Actor: ada, ClientID: fmt.Sprintf("c%d", len(cases)+1), Body: b}})
	}
	add("room", TypeRoom, RoomBody{Kind: "public", Name: "general", Topic: "Everybody is here"})
	add("room without a topic", TypeRoom, RoomBody{Kind: "private", Name: "Book club"})
	add("direct room", TypeRoom, RoomBody{Kind: "direct"})
	add("message", TypeMessage, MessageBody{Kind: KindText, Text: "Hello"})
	add("reply of two lines", TypeMessage, MessageBody{Kind: KindMarkdown, Text: "1 < 2 & \"so\"\n*on*", ReplyTo: 4})
	add("message that was erased", TypeMessage, MessageBody{Kind: KindText, Deleted: true})
	add("edited", TypeEdited, EditedBody{Target: 4, Kind: KindText, Text: "Hello, all"})
	add("edit that was erased", TypeEdited, EditedBody{Target: 4, Kind: KindText})
	add("deleted", TypeDeleted, TargetBody{Target: 4})
	add("reacted", TypeReacted, ReactedBody{Target: 4, Emoji: "👍"})
	add("reaction taken back", TypeReacted, ReactedBody{Target: 4, Emoji: "👍", Removed: true})
	add("pinned", TypePinned, TargetBody{Target: 4})
	add("unpinned", TypePinned, TargetBody{Target: 4, Removed: true})
	add("joined", TypeMember, MemberBody{User: ada, Change: ChangeJoined, Role: "member"})
	add("invited", TypeMember, MemberBody{User: bob, Change: ChangeInvited, Role: "member"})
	add("role", TypeMember, MemberBody{User: bob, Change: ChangeRole, Role: "moderator"})
	add("kicked", TypeMember, MemberBody{User: bob, Change: ChangeKicked})
	add("left", TypeMember, MemberBody{User: ada, Change: ChangeLeft})
	add("message of the server", TypeMessage, MessageBody{Kind: KindSystem, Text: "Order K7Q2-M9XD: pending → paid\nBob: forged"})
	cases[len(cases)-1].event.Actor = Actor{Name: "hubbub"}
	o := OrderBody{Order: "019b7a1c-6a00-7c3e-9d7a-0f2b6a1c4e55", Number: "K7Q2-M9XD", Version: 1, Change: "placed", Status: "pending"}
	add("order placed", TypeOrder, o)
	o.Version, o.Change, o.From, o.Status, o.Reason = 2, "moved", "pending", "cancelled", "ordered\ntwice"
	add("order cancelled", TypeOrder, o)
	for i := len(cases) - 2; i < len(cases); i++ {
		cases[i].event.Room, cases[i].event.ClientID = "orders/"+adaID, ""
	}
	return cases
}

func TestFrames(t *testing.T) {
	for _, protocol := range Protocols() {
		var out bytes.Buffer
		for _, c := range frameCases() {
			codec := mustCodec(t, protocol)
			fmt.Fprintf(&out, "# %s\n%s\n\n", c.name, codec.Frame(c.frame))
		}
		golden(t, "frames."+strings.TrimPrefix(protocol, "hubbub.v1."), out.Bytes())
	}
}

func TestEvents(t *testing.T) {
	for _, protocol := range Protocols() {
		var out bytes.Buffer
		for _, c := range eventCases() {
			codec := mustCodec(t, protocol)
			fmt.Fprintf(&out, "# %s\n%s\n\n", c.name, codec.Event(AppendEvent(nil, c.event)))
		}
		golden(t, "events."+strings.TrimPrefix(protocol, "hubbub.v1."), out.Bytes())
	}
}

// TestEveryFrameHasAGolden reads the sources, so that a new frame or event
// cannot be forgotten above.
func TestEveryFrameHasAGolden(t *testing.T) {
	var frames, events []string
	for _, c := range frameCases() {
		frames = append(frames, strings.TrimPrefix(fmt.Sprintf("%T", c.frame), "wire."))
	}
	for _, c := range eventCases() {
		events = append(events, c.event.Type)
	}
	found := 0
	for _, name := range []string{"frame.go", "wire.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "FrameType" {
					found++
					if typ := n.Recv.List[0].Type.(*ast.Ident).Name; !slices.Contains(frames, typ) {
						t.Errorf("no case for the frame %s", typ)
					}
				}
			case *ast.ValueSpec:
				if name := n.Names[0].Name; strings.HasPrefix(name, "Type") {
					found++
					if typ := strings.Trim(n.Values[0].(*ast.BasicLit).Value, `"`); !slices.Contains(events, typ) {
						t.Errorf("no case for the event %s", typ)
					}
				}
			}
			return true
		})
	}
	if found < 20 {
		t.Errorf("found only %d frames and events in the sources", found)
	}
}

func mustCodec(t *testing.T, protocol string) Codec {
	t.Helper()
	c, err := ForProtocol(protocol)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// golden compares with a file of testdata, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Errorf("%s:%d\n got %s\nwant %s", path, i+1, g[i], w[i])
		}
	}
	if len(g) != len(w) {
		t.Errorf("%s: %d lines, want %d (-update writes them)", path, len(g), len(w))
	}
}
