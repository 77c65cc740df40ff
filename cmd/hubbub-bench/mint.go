package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"hubbub/chat/wire"
)

// mint makes our messages, and knows them again. A client id is
// RUN.ROOM.CLIENT.NUMBER: the run's own random word, in which of our rooms and by
// which of our clients it is sent, and its number in that room. The text follows from the id, so that
// a message that was changed on its way is found too. Any goroutine may use it.
type mint struct {
	run     string
	payload int // bytes of a text
	filler  string
	users   []string // the user id of each client
}

// fillerSize is more than a text is long, so that texts begin at many places.
const fillerSize = 64 << 10

func newMint(run string, payload int, seed uint64) *mint {
	const letters = "abcdefghijklmnopqrstuvwxyz      "
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, fillerSize)
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return &mint{run: run, payload: payload, filler: string(b)}
}

func (m *mint) id(room, client int, n uint32) string {
	return m.run + "." + strconv.Itoa(room) + "." + strconv.Itoa(client) + "." + strconv.FormatUint(uint64(n), 10)
}

// text is what is said under an id: the id, then letters up to the size.
func (m *mint) text(id string, n uint32) string {
	return string(m.appendText(nil, id, n))
}

func (m *mint) appendText(dst []byte, id string, n uint32) []byte {
	dst = append(dst, id...)
	if filler := m.fillerOf(len(id), n); filler != "" {
		dst = append(append(dst, ' '), filler...)
	}
	return dst
}

// fillerOf is what follows an id of that length in a text, "" for nothing.
func (m *mint) fillerOf(id int, n uint32) string {
	rest := m.payload - id - 1
	if rest <= 0 {
		return ""
	}
	from := int(n) * 31 % (len(m.filler) - rest)
	return m.filler[from : from+rest]
}

// recognise tells what an event of one of our rooms is to the checker.
func (m *mint) recognise(room int, f wire.EventFrame) event {
	e := event{epoch: f.Epoch, seq: f.Seq, id: f.ClientID}
	if f.Type != wire.TypeMessage {
		return e
	}
	in, client, n, ok := m.parse(f.ClientID)
	switch {
	case !ok:
		e.strange = "it is no message of this run"
	case in != room:
		e.strange = fmt.Sprintf("%s was sent in another room", f.ClientID)
	case client >= len(m.users) || f.Actor.ID != m.users[client]:
		e.strange = fmt.Sprintf("%s is said to come from user %s, who did not send it", f.ClientID, f.Actor.ID)
	case f.Text != m.text(f.ClientID, n):
		e.n, e.strange = n, "its text is not what was sent"
	default:
		e.n = n
	}
	return e
}

// parse takes an id apart; false: it is none of ours.
func (m *mint) parse(id string) (room, client int, n uint32, ok bool) { return parseID(m, id) }

// parseID is parse, of bytes as well and without an allocation.
func parseID[T string | []byte](m *mint, id T) (room, client int, n uint32, ok bool) {
	if len(id) < len(m.run)+len(".0.0.1") || string(id[:len(m.run)]) != m.run {
		return 0, 0, 0, false
	}
	var parts [3]uint64
	at := len(m.run)
	for i := range parts {
		if at >= len(id) || id[at] != '.' {
			return 0, 0, 0, false
		}
		at++
		from := at
		for at < len(id) && id[at] >= '0' && id[at] <= '9' && at-from < 10 {
			parts[i] = parts[i]*10 + uint64(id[at]-'0')
			at++
		}
		if at == from || id[from] == '0' && at-from > 1 {
			return 0, 0, 0, false
		}
	}
	ok = at == len(id) && parts[2] > 0 && parts[2] <= math.MaxUint32
	return int(parts[0]), int(parts[1]), uint32(parts[2]), ok
}

// recogniseFlat gives the number of a message in one of our rooms, 0 if it is
// not plainly one that was sent there; recognise tells why. Whom it is said to
// come from is not looked at.
func (m *mint) recogniseFlat(room int, f flatFrame) uint32 {
	in, client, n, ok := parseID(m, f.client)
	if !ok || in != room || client >= len(m.users) || !bytes.HasPrefix(f.text, f.client) {
		return 0
	}
	switch filler, rest := m.fillerOf(len(f.client), n), f.text[len(f.client):]; {
	case filler == "" && len(rest) == 0:
		return n
	case filler != "" && len(rest) > 0 && rest[0] == ' ' && string(rest[1:]) == filler:
		return n
	}
	return 0
}
