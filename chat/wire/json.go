package wire

import (
	"encoding/json"
	"fmt"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// jsonCodec is hubbub.v1.json: one JSON object per text message.
type jsonCodec struct{}

func (jsonCodec) Format() Format { return FormatJSON }

func (jsonCodec) Event(frame []byte) []byte { return frame }

// Frame writes the type first, then the fields of the frame.
func (jsonCodec) Frame(f Frame) []byte { return EncodeFrame(f) }

// EncodeFrame writes a frame of the JSON format.
func EncodeFrame(f Frame) []byte {
	body, err := json.Marshal(f)
	if err != nil { // the frames hold nothing that cannot be written
		panic(fmt.Sprintf("wire: %T: %v", f, err))
	}
	out := make([]byte, 0, len(body)+16+len(f.FrameType()))
	out = append(out, `{"type":"`...)
	out = append(out, f.FrameType()...)
	out = append(out, '"')
	if len(body) > len("{}") {
		out = append(out, ',')
	}
	return append(out, body[1:]...)
}

// newCommand makes an empty command of a type, nil if there is no such type.
func newCommand(typ string) Command {
	switch typ {
	case "auth":
		return &Auth{}
	case "join":
		return &Join{}
	case "leave":
		return &Leave{}
	case "post":
		return &Post{}
	case "edit":
		return &Edit{}
	case "delete":
		return &Delete{}
	case "react":
		return &React{}
	case "pin":
		return &Pin{}
	case "read":
		return &Read{}
	case "typing":
		return &Typing{}
	case "history":
		return &History{}
	case "presence":
		return &Presence{}
	case "status":
		return &Status{}
	case "ping":
		return &Ping{}
	}
	return nil
}

// Decode is strict: one object, known fields only, no duplicates, no nesting
// deeper than [MaxDepth], valid UTF-8.
func (jsonCodec) Decode(data []byte) (Command, error) {
	if err := CheckDepth(data, MaxDepth); err != nil {
		return nil, &DecodeError{Code: "bad_request", Detail: err.Error()}
	}
	var head Header
	if err := jsonv2.Unmarshal(data, &head); err != nil {
		return nil, shapeError(head.ID, err)
	}
	if !ValidID(head.ID) && head.ID != "" {
		return nil, optionalID(head.ID)
	}
	cmd := newCommand(head.Type)
	if cmd == nil {
		return nil, &DecodeError{ID: head.ID, Code: "bad_request", Field: "type", Detail: "names no command"}
	}
	if err := jsonv2.Unmarshal(data, cmd, jsonv2.RejectUnknownMembers(true)); err != nil {
		return nil, shapeError(head.ID, err)
	}
	if err := check(cmd); err != nil {
		if d, ok := err.(*DecodeError); ok {
			d.ID = head.ID
		}
		return nil, err
	}
	return cmd, nil
}

// maxShown is how much of a field's name the answer repeats: the name is the
// client's, and may be as long as a frame.
const maxShown = 64

// shapeError says in the client's terms what the decoder found. The id is what
// was read of it before the fault.
func shapeError(id string, err error) *DecodeError {
	d := &DecodeError{Code: "bad_request", Detail: "malformed JSON"}
	if ValidID(id) {
		d.ID = id
	}
	switch e := err.(type) {
	case *jsonv2.SemanticError:
		d.Field = fieldOf(e.JSONPointer)
		switch {
		case e.Err == jsonv2.ErrUnknownName:
			d.Detail = "is unknown"
		case d.Field == "":
			d.Detail = "the frame must be one JSON object"
		default:
			d.Detail = "has the wrong type"
		}
	case *jsontext.SyntacticError:
		if e.Err == jsontext.ErrDuplicateName {
			d.Field, d.Detail = fieldOf(e.JSONPointer), "stands twice"
			if d.Field == "id" {
				d.ID = ""
			}
			break
		}
		d.Detail = fmt.Sprintf("malformed JSON at byte %d", e.ByteOffset)
	}
	return d
}

// fieldOf names the field that a JSON Pointer (RFC 6901) leads to.
func fieldOf(p jsontext.Pointer) string {
	name := strings.TrimPrefix(string(p), "/")
	if len(name) > maxShown {
		name = strings.ToValidUTF8(name[:maxShown], "") + "…"
	}
	return name
}

// CheckDepth refuses JSON that nests deeper than max, before anything is
// decoded; it does not care for other faults.
func CheckDepth(data []byte, max int) error {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > max {
				return fmt.Errorf("JSON nests deeper than %d", max)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}
