package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

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
	rest := m.payload - len(id) - 1
	if rest <= 0 {
		return id
	}
	from := int(n) * 31 % (len(m.filler) - rest)
	return id + " " + m.filler[from:from+rest]
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
func (m *mint) parse(id string) (room, client int, n uint32, ok bool) {
	parts := strings.Split(id, ".")
	if len(parts) != 4 {
		return 0, 0, 0, false
	}
	room, err := strconv.Atoi(parts[1])
	if err != nil {
		return 0, 0, 0, false
	}
	client, err = strconv.Atoi(parts[2])
	if err != nil {
		return 0, 0, 0, false
	}
	number, err := strconv.ParseUint(parts[3], 10, 32)
	n = uint32(number)
	return room, client, n, err == nil && n > 0 && client >= 0 && m.id(room, client, n) == id
}
