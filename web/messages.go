package web

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"hubbub/chat"
	"hubbub/chat/wire"
)

type postInput struct {
	RoomRef
	Body struct {
		ClientID string `json:"client_id" example:"9f1c2d" doc:"Chosen by the client, 1 to 64 ASCII characters. The same id again is the same message."`
		Kind     string `json:"kind,omitempty" example:"text" doc:"text (default) or markdown."`
		Text     string `json:"text" example:"Hello" doc:"1 to 16000 characters."`
		ReplyTo  uint64 `json:"reply_to,omitempty" doc:"Sequence number of the message that this one answers."`
	} `nameHint:"NewMessage"`
}

// sent says where a message stands in the log.
type sent struct {
	Room string    `json:"room"`
	Seq  uint64    `json:"seq"`
	At   wire.Time `json:"at"`
}

type postOutput struct {
	Status int
	Body   sent
}

func (s *Server) post(ctx context.Context, in *postInput) (*postOutput, error) {
	done, err := s.o.Rooms.Post(ctx, Caller(ctx).User, in.Room, chat.Post{
		ClientID: in.Body.ClientID, Kind: in.Body.Kind, Text: in.Body.Text, ReplyTo: chat.Seq(in.Body.ReplyTo),
	})
	if err != nil {
		return nil, err
	}
	out := &postOutput{Status: http.StatusCreated,
		Body: sent{Room: string(done.Room), Seq: uint64(done.Seq), At: wire.Micros(done.At)}}
	if done.Repeat {
		out.Status = http.StatusOK
	}
	return out, nil
}

// optional is a query parameter that may be left out.
type optional[T any] struct {
	Value T
	Set   bool
}

// Schema, Receiver and OnParamSet are how huma reads such a parameter.
func (o optional[T]) Schema(r huma.Registry) *huma.Schema {
	return huma.SchemaFromType(r, reflect.TypeFor[T]())
}
func (o *optional[T]) Receiver() reflect.Value      { return reflect.ValueOf(o).Elem().Field(0) }
func (o *optional[T]) OnParamSet(isSet bool, _ any) { o.Set = isSet }

type listMessagesInput struct {
	RoomRef
	Paging
	Before optional[uint64] `query:"before" doc:"Messages with a lower seq, the nearest ones."`
	After  optional[uint64] `query:"after" doc:"Messages with a higher seq, the nearest ones."`
	Around optional[uint64] `query:"around" doc:"Messages on both sides of a seq."`
}

// window gives the range that was asked for, and whether it goes upwards.
func (in *listMessagesInput) window() (r chat.Range, up bool, err error) {
	const list = "messages"
	given := 0
	for _, set := range []bool{in.Before.Set, in.After.Set, in.Around.Set, in.Cursor != ""} {
		if set {
			given++
		}
	}
	if given > 1 {
		return r, false, chat.Invalid("cursor", "give at most one of before, after, around and cursor")
	}
	r.Limit = in.Limit
	key, err := readCursor(list, in.Cursor)
	switch {
	case err != nil:
		return r, false, err
	case key != "":
		way, text, _ := strings.Cut(key, ".")
		seq, err := strconv.ParseUint(text, 10, 64)
		if err != nil || way != "up" && way != "down" {
			return r, false, chat.Invalid("cursor", "is not a cursor of this list")
		}
		if way == "up" {
			r.After = chat.Seq(seq)
			return r, true, nil
		}
		r.Before = chat.Seq(seq)
	case in.Before.Set && in.Before.Value <= 1:
		r.Before = 1 // nothing is before it; 0 would ask for the newest
	case in.Before.Set:
		r.Before = chat.Seq(in.Before.Value)
	case in.After.Set:
		// The first event of a log makes the room and is no message, so "after 1"
		// is all of it; 0 would ask for the newest.
		r.After = max(chat.Seq(in.After.Value), 1)
		return r, true, nil
	case in.Around.Set:
		r.Around = max(chat.Seq(in.Around.Value), 1)
		return r, true, nil
	}
	return r, false, nil
}

func (s *Server) listMessages(ctx context.Context, in *listMessagesInput) (*output[page[wire.Message]], error) {
	r, up, err := in.window()
	if err != nil {
		return nil, err
	}
	room, messages, more, err := s.o.Rooms.History(ctx, Caller(ctx).User.ID, in.Room, r)
	if err != nil {
		return nil, err
	}
	p := page[wire.Message]{Items: make([]wire.Message, 0, len(messages))}
	for _, m := range messages {
		p.Items = append(p.Items, m.Wire(room.ID))
	}
	if more && len(messages) > 0 {
		key := "down." + strconv.FormatUint(uint64(messages[0].Seq), 10)
		if up {
			key = "up." + strconv.FormatUint(uint64(messages[len(messages)-1].Seq), 10)
		}
		next := makeCursor("messages", key)
		p.Next = &next
	}
	return &output[page[wire.Message]]{Body: p}, nil
}

type listEventsInput struct {
	RoomRef
	Paging
	After uint64 `query:"after" doc:"Events with a higher seq; 0 is from the beginning."`
}

// events is a page of a log, with where the log stands.
type events struct {
	Room  string  `json:"room"`
	Epoch string  `json:"epoch" doc:"The life of the log; a seq of another epoch means nothing here."`
	Head  uint64  `json:"head" doc:"Sequence number of the newest event."`
	Items []event `json:"items"`
	Next  *string `json:"next" doc:"Give it as cursor to get the next page; null when this page reaches the head."`
}

// event is a log event as sockets send it.
type event json.RawMessage

func (e event) MarshalJSON() ([]byte, error) { return e, nil }

// Schema says what all kinds have in common.
func (e event) Schema(r huma.Registry) *huma.Schema {
	return huma.SchemaFromType(r, reflect.TypeFor[eventShape]())
}

type eventShape struct {
	_        struct{}   `additionalProperties:"true"`
	Type     string     `json:"type" enum:"message,edited,deleted,reacted,pinned,member,room" doc:"What happened; the other fields depend on it."`
	Room     string     `json:"room"`
	Epoch    string     `json:"epoch"`
	Seq      uint64     `json:"seq"`
	At       wire.Time  `json:"at"`
	Actor    wire.Actor `json:"actor"`
	ClientID string     `json:"client_id"`
}

func (s *Server) listEvents(ctx context.Context, in *listEventsInput) (*output[events], error) {
	after := chat.Seq(in.After)
	key, err := readCursor("events", in.Cursor)
	if err != nil {
		return nil, err
	}
	if key != "" {
		n, err := strconv.ParseUint(key, 10, 64)
		if err != nil {
			return nil, chat.Invalid("cursor", "is not a cursor of this list")
		}
		after = chat.Seq(n)
	}
	room, list, err := s.o.Rooms.Events(ctx, Caller(ctx).User.ID, in.Room, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := events{Room: string(room.ID), Epoch: string(room.Head.Epoch), Head: uint64(room.Head.Seq),
		Items: make([]event, 0, len(list))}
	for _, e := range list {
		out.Items = append(out.Items, event(wire.AppendEvent(nil, e.Wire())))
	}
	if n := len(list); n > 0 && list[n-1].Seq < room.Head.Seq {
		next := makeCursor("events", strconv.FormatUint(uint64(list[n-1].Seq), 10))
		out.Next = &next
	}
	return &output[events]{Body: out}, nil
}

type readInput struct {
	RoomRef
	Body struct {
		Seq uint64 `json:"seq" example:"7" doc:"Up to where the caller has read."`
	} `nameHint:"NewReadMark"`
}

// readMark is where the caller's marker stands.
type readMark struct {
	Seq uint64 `json:"seq" doc:"Never lower than before, never above the head."`
}

func (s *Server) markRead(ctx context.Context, in *readInput) (*output[readMark], error) {
	seq, err := s.o.Rooms.MarkRead(ctx, Caller(ctx).User.ID, in.Room, chat.Seq(in.Body.Seq))
	if err != nil {
		return nil, err
	}
	return &output[readMark]{Body: readMark{Seq: uint64(seq)}}, nil
}
