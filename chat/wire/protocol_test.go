package wire

import (
	"encoding/json"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
)

// TestProtocolDocument holds every JSON example of PROTOCOL.md against the code,
// and wants one for each command, frame and event.
func TestProtocolDocument(t *testing.T) {
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, part := range strings.Split(string(text), "\n```json")[1:] {
		info, rest, _ := strings.Cut(part, "\n")
		block, _, closed := strings.Cut(rest, "\n```")
		side := strings.TrimSpace(info)
		if !closed || side != "client" && side != "server" {
			t.Errorf("a JSON block must be closed and marked client or server: %.60q", part)
			continue
		}
		values := json.NewDecoder(strings.NewReader(block))
		for {
			var value json.RawMessage
			if err := values.Decode(&value); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%v in\n%s", err, block)
			}
			typ := checkExample(t, side, value)
			seen[side+" "+typ] = true
		}
	}
	want := []string{"auth", "join", "leave", "post", "edit", "delete", "react", "pin", "read", "typing", "history", "presence", "status", "ping"}
	for _, typ := range want {
		if !seen["client "+typ] {
			t.Errorf("no example of the command %q", typ)
		}
	}
	for _, c := range frameCases() {
		typ := c.frame.FrameType()
		if textOnly := typ == "rooms" || typ == "members"; !textOnly && !seen["server "+typ] {
			t.Errorf("no example of the frame %q", typ)
		}
	}
	for _, c := range eventCases() {
		if !seen["server "+c.event.Type] {
			t.Errorf("no example of the event %q", c.event.Type)
		}
	}
}

// checkExample decodes an example as client or server would, and wants exactly
// the fields that the code writes.
func checkExample(t *testing.T, side string, value []byte) string {
	t.Helper()
	var head struct{ Type string }
	if err := json.Unmarshal(value, &head); err != nil {
		t.Fatalf("%v: %s", err, value)
	}
	if side == "client" {
		if _, err := (jsonCodec{}).Decode(value); err != nil {
			t.Errorf("%s: %v", value, err)
		}
		return head.Type
	}
	var written []byte
	if body := eventBody(head.Type); body != nil {
		written = rewriteEvent(t, value, body)
	} else {
		written = rewriteFrame(t, value, head.Type)
	}
	var got, want any
	if err := json.Unmarshal(value, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(written, &got); err != nil {
		t.Fatalf("%v: %s", err, written)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the document says\n%s\nthe server would write\n%s", value, written)
	}
	return head.Type
}

// rewriteFrame reads an example into its frame, which must know every field,
// and writes it again.
func rewriteFrame(t *testing.T, value []byte, typ string) []byte {
	t.Helper()
	i := slices.IndexFunc(frameCases(), func(c frameCase) bool { return c.frame.FrameType() == typ })
	if i < 0 {
		t.Errorf("there is no frame %q", typ)
		return value
	}
	body := without(t, value, "type")
	frame := reflect.New(reflect.TypeOf(frameCases()[i].frame))
	if err := jsonv2.Unmarshal(body, frame.Interface(), jsonv2.RejectUnknownMembers(true)); err != nil {
		t.Errorf("%s: %v", value, err)
		return value
	}
	return EncodeFrame(frame.Elem().Interface().(Frame))
}

// rewriteEvent does the same to a log event.
func rewriteEvent(t *testing.T, value []byte, body any) []byte {
	t.Helper()
	e, err := ParseEvent(value)
	if err != nil {
		t.Fatal(err)
	}
	own := without(t, value, "type", "room", "epoch", "seq", "at", "actor", "client_id")
	if err := jsonv2.Unmarshal(own, body, jsonv2.RejectUnknownMembers(true)); err != nil {
		t.Errorf("%s: %v", value, err)
	}
	own, err = json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return AppendEvent(nil, Event{Type: e.Type, Room: e.Room, Epoch: e.Epoch, Seq: e.Seq, At: e.At.UnixMicro(),
		Actor: e.Actor, ClientID: e.ClientID, Body: own})
}

func eventBody(typ string) any {
	switch typ {
	case TypeMessage:
		return &MessageBody{}
	case TypeEdited:
		return &EditedBody{}
	case TypeDeleted, TypePinned:
		return &TargetBody{}
	case TypeReacted:
		return &ReactedBody{}
	case TypeMember:
		return &MemberBody{}
	case TypeRoom:
		return &RoomBody{}
	case TypeOrder:
		return &OrderBody{}
	}
	return nil
}

// without gives the object less the named fields.
func without(t *testing.T, value []byte, names ...string) []byte {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal(value, &all); err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		delete(all, n)
	}
	rest, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return rest
}
