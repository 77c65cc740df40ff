package wire

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// AppendEvent writes a log event as a frame of the JSON format. It is written
// by hand because it is the one encoding that runs for every event: the body
// is copied, not parsed.
func AppendEvent(dst []byte, e Event) []byte {
	dst = append(dst, `{"type":"`...)
	dst = append(dst, e.Type...)
	dst = append(dst, `","room":"`...)
	dst = append(dst, e.Room...)
	dst = append(dst, `","epoch":"`...)
	dst = append(dst, e.Epoch...)
	dst = append(dst, `","seq":`...)
	dst = strconv.AppendUint(dst, e.Seq, 10)
	dst = append(dst, `,"at":"`...)
	dst = time.UnixMicro(e.At).UTC().AppendFormat(dst, timeLayout)
	dst = append(dst, `","actor":{"id":"`...)
	dst = append(dst, e.Actor.ID...)
	dst = append(dst, `","name":`...)
	dst = appendString(dst, e.Actor.Name)
	dst = append(dst, `},"client_id":`...)
	dst = appendString(dst, e.ClientID)
	if len(e.Body) > len("{}") {
		dst = append(dst, ',')
		return append(dst, e.Body[1:]...)
	}
	return append(dst, '}')
}

// appendString quotes s; bad UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	out, _ := jsontext.AppendQuote(dst, s) // its only error is bad UTF-8, after repair
	return out
}

// EventFrame is a log event as a client reads it: the fields of [Event] and
// those of every body. Only the fields of its Type are set.
type EventFrame struct {
	Type     string `json:"type"`
	Room     string `json:"room"`
	Epoch    string `json:"epoch"`
	Seq      uint64 `json:"seq"`
	At       Time   `json:"at"`
	Actor    Actor  `json:"actor"`
	ClientID string `json:"client_id"`

	Kind    string `json:"kind,omitempty"`
	Text    string `json:"text,omitempty"`
	ReplyTo uint64 `json:"reply_to,omitempty"`
	Deleted bool   `json:"deleted,omitempty"`
	Target  uint64 `json:"target,omitempty"`
	Removed bool   `json:"removed,omitempty"`
	Emoji   string `json:"emoji,omitempty"`
	User    Actor  `json:"user,omitzero"`
	Change  string `json:"change,omitempty"`
	Role    string `json:"role,omitempty"`
	Name    string `json:"name,omitempty"`
	Topic   string `json:"topic,omitempty"`

	Order   string `json:"order,omitempty"`
	Number  string `json:"number,omitempty"`
	Version uint64 `json:"version,omitempty"`
	From    string `json:"from,omitempty"`
	Status  string `json:"status,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// ParseEvent reads a frame of the JSON format that is a log event, or one of
// the ephemeral ones that look like it ("typing").
func ParseEvent(frame []byte) (EventFrame, error) {
	var e EventFrame
	if err := json.Unmarshal(frame, &e); err != nil {
		return EventFrame{}, fmt.Errorf("wire: event frame: %w", err)
	}
	return e, nil
}
