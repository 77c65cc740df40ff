package chat

import (
	"hubbub/bus"
	"hubbub/chat/wire"
)

// Limits of one bus event that stands for several events of a log.
const (
	packBytes  = 48 << 10
	packFrames = 64
)

// pack encodes committed events, in the order of their numbers, into as few bus
// events as their sizes allow.
func pack(events []Event, node string, now int64) []bus.Event {
	var out []bus.Event
	size := 0
	for _, e := range events {
		frame := wire.AppendEvent(make([]byte, 0, 256+len(e.Body)), e.Wire())
		last := len(out) - 1
		if last >= 0 && out[last].Last()+1 == uint64(e.Seq) && out[last].Epoch == string(e.Epoch) &&
			size+len(frame) <= packBytes && len(out[last].Frames) < packFrames {
			out[last].Frames = append(out[last].Frames, frame)
			size += len(frame)
			continue
		}
		size = len(frame)
		out = append(out, bus.Event{
			Topic: roomTopic(e.Room), Kind: bus.Log, Epoch: string(e.Epoch), First: uint64(e.Seq),
			Node: node, At: now, Frames: [][]byte{frame},
		})
	}
	return out
}
