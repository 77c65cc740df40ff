package web_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"hubbub/chat/wire"
)

// Commands that are answered with "pong 1" and "ack ID".
const ping1 = `{"type":"ping","id":"1"}`

func post(id, text string) string {
	return `{"type":"post","id":"` + id + `","room":"tea","text":"` + text + `"}`
}

// padded gives a command of so many bytes.
func padded(size int) string { return ping1 + strings.Repeat(" ", size-len(ping1)) }

// TestRFC6455 says to the server what no library would, one connection per
// row. The transcript is what the server says: its frames, and "end" when it
// has freed the connection, in at most 6 s. A row that does not end goes on: a
// last command is answered, and a close frame too.
func TestRFC6455(t *testing.T) {
	t.Parallel()
	s := newSocketSite(t)
	addr := s.listen(t)
	for _, r := range slices.Concat(framing(), fragments(), controls(), closings(), encodings(), sizes()) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			p := s.dialSocket(t, dialTCP(t, addr))
			p.write(r.send)
			p.hear(strings.Fields(r.want))
		})
	}
}

type row struct {
	name string
	send []byte
	want string // what the server says, words of peer.next
}

func (p *peer) hear(want []string) {
	p.t.Helper()
	p.listen(want)
	if len(want) > 0 && want[len(want)-1] == "end" {
		return
	}
	p.write(masked(fin|opText, `{"type":"ping","id":"last"}`))
	p.listen([]string{"pong", "last"})
	p.write(closing(1000, ""))
	p.listen([]string{"CLOSE", "1000", "end"})
}

// listen reads frames until it heard what it wants; it answers a close frame,
// as a client has to.
func (p *peer) listen(want []string) {
	p.t.Helper()
	var heard []string
	for len(heard) < len(want) {
		got := p.next()
		heard = append(heard, strings.Fields(got)...)
		if strings.HasPrefix(got, "CLOSE") {
			p.write(masked(fin|opClose, ""))
		}
		if got == "end" || got == "silence" {
			break
		}
	}
	if !slices.Equal(heard, want) {
		p.t.Errorf("the server said %q, want %q", strings.Join(heard, " "), strings.Join(want, " "))
	}
}

// concat is one write.
func concat(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

// Section 5.2: the header. The server fails the connection with 1002, or
// where the header makes no sense at all, without a word.
func framing() []row {
	bare := func(first byte, length string) []byte { return append([]byte{first}, length...) }
	rows := []row{
		{"a text message", masked(fin|opText, ping1), "pong 1"},
		{"two in one write", concat(masked(fin|opText, ping1), masked(fin|opText, ping1)), "pong 1 pong 1"},
		{"a key of zeros", append([]byte{fin | opText, 0x80 | byte(len(ping1)), 0, 0, 0, 0}, ping1...), "pong 1"},
		{"a binary message", masked(fin|opBinary, ping1), "CLOSE 1003 end"},
		{"not masked", append([]byte{fin | opText, byte(len(ping1))}, ping1...), "end"},
		{"a ping that is not masked", []byte{fin | opPing, 0}, "end"},
		{"a close that is not masked", []byte{fin | opClose, 2, 0x03, 0xe8}, "end"},
		{"a length longer than needed, 16 bits", concat(bare(fin|opText, "\xfe\x00\x18"), mask(ping1)), "pong 1"},
		{"a length longer than needed, 64 bits", concat(bare(fin|opText, "\xff\x00\x00\x00\x00\x00\x00\x00\x18"), mask(ping1)), "pong 1"},
		{"a length with the top bit", bare(fin|opText, "\xff\x80\x00\x00\x00\x00\x00\x00\x18key!"), "end"},
		{"the largest length", bare(fin|opText, "\xff\xff\xff\xff\xff\xff\xff\xff\xffkey!"), "end"},
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "CLOSE 1002 end"},
		{"TLS", []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), "CLOSE 1002 end"},
	}
	for i, name := range []string{"RSV3", "RSV2", "RSV1: compression was not agreed on"} {
		rsv := byte(0x10) << i
		rows = append(rows,
			row{name, masked(fin|rsv|opText, ping1), "CLOSE 1002 end"},
			row{name + " in a ping", masked(fin|rsv|opPing, ""), "CLOSE 1002 end"},
			row{name + " in a continuation", concat(masked(opText, ping1[:9]), masked(fin|rsv|opMore, ping1[9:])), "CLOSE 1002 end"})
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		rows = append(rows, row{fmt.Sprint("opcode ", op), masked(fin|op, ping1), "CLOSE 1002 end"})
	}
	return rows
}

// Section 5.4: fragmentation.
func fragments() []row {
	var bytewise [][]byte
	for i := range ping1 {
		op, last := byte(opMore), byte(0)
		if i == 0 {
			op = opText
		}
		if i == len(ping1)-1 {
			last = fin
		}
		bytewise = append(bytewise, masked(last|op, ping1[i:i+1]))
	}
	begin, end := masked(opText, ping1[:9]), masked(fin|opMore, ping1[9:])
	return []row{
		{"two fragments", concat(begin, end), "pong 1"},
		{"a fragment per byte", concat(bytewise...), "pong 1"},
		{"empty fragments", concat(masked(opText, ""), masked(opMore, ""), masked(opMore, ping1), masked(opMore, ""), masked(fin|opMore, "")), "pong 1"},
		{"a ping between fragments", concat(begin, masked(fin|opPing, "x"), end), `PONG "x" pong 1`},
		{"a pong between fragments", concat(begin, masked(fin|opPong, "x"), end), "pong 1"},
		{"a close between fragments", concat(begin, closing(1000, ""), end), "CLOSE 1000 end"},
		{"a continuation of nothing", end, "CLOSE 1002 end"},
		{"an unfinished continuation of nothing", masked(opMore, ping1), "CLOSE 1002 end"},
		{"a text message within one", concat(begin, masked(fin|opText, ping1), end), "CLOSE 1002 end"},
		{"a binary message within one", concat(begin, masked(fin|opBinary, ping1), end), "CLOSE 1002 end"},
		{"fragments of a binary message", concat(masked(opBinary, ping1[:9]), end), "CLOSE 1003 end"},
		{"an empty message", masked(fin|opText, ""), "error bad_request"},
	}
}

// Sections 5.5.2 and 5.5.3: ping and pong.
func controls() []row {
	full := strings.Repeat("p", 125)
	return []row{
		{"an empty ping", masked(fin|opPing, ""), `PONG ""`},
		{"a ping with bytes that are no text", masked(fin|opPing, "\xff\xfe"), `PONG "\xff\xfe"`},
		{"a ping of 125 bytes", masked(fin|opPing, full), `PONG "` + full + `"`},
		{"three pings", concat(masked(fin|opPing, "1"), masked(fin|opPing, "2"), masked(fin|opPing, "3")), `PONG "1" PONG "2" PONG "3"`},
		{"a pong that nobody asked for", masked(fin|opPong, "x"), ""},
		{"a ping of 126 bytes", masked(fin|opPing, full+"p"), "CLOSE 1002 end"},
		{"a pong of 126 bytes", masked(fin|opPong, full+"p"), "CLOSE 1002 end"},
		{"a close of 126 bytes", masked(fin|opClose, "\x03\xe8"+full[:124]), "CLOSE 1002 end"},
		{"a ping of 64 KiB", masked(fin|opPing, strings.Repeat("p", 1<<16)), "CLOSE 1002 end"},
		{"a ping in fragments", concat(masked(opPing, "a"), masked(fin|opMore, "b")), "CLOSE 1002 end"},
		{"a close in fragments", concat(masked(opClose, "\x03\xe8"), masked(fin|opMore, "b")), "CLOSE 1002 end"},
	}
}

// Sections 5.5.1 and 7.4: the end.
func closings() []row {
	rows := []row{
		{"a close without a code", masked(fin|opClose, ""), "CLOSE end"},
		{"a close of one byte", masked(fin|opClose, "\x03"), "CLOSE 1002 end"},
		{"a close with a reason", closing(1000, "good bye"), "CLOSE 1000 end"},
		{"a close with the longest reason", closing(1000, strings.Repeat("x", 123)), "CLOSE 1000 end"},
		// The library does not look at the reason; the connection ends all the same.
		{"a close with a reason that is no UTF-8", closing(1000, "\xff"), "CLOSE 1000 end"},
		{"a message after the close", concat(closing(1000, ""), masked(fin|opText, ping1)), "CLOSE 1000 end"},
		{"a second close", concat(closing(1000, ""), closing(1001, "")), "CLOSE 1000 end"},
		{"a ping after the close", concat(closing(1000, ""), masked(fin|opPing, "x")), "CLOSE 1000 end"},
	}
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4401, 4999} {
		rows = append(rows, row{fmt.Sprint("code ", code), closing(code, ""), fmt.Sprint("CLOSE ", code, " end")})
	}
	for _, code := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		rows = append(rows, row{fmt.Sprint("code ", code), closing(code, ""), "CLOSE 1002 end"})
	}
	return rows
}

// Section 8.1: a text message is UTF-8.
func encodings() []row {
	split := func(id string, at int) []byte {
		text := post(id, "\U0001F375")
		at += strings.Index(text, "\U0001F375")
		return concat(masked(opText, text[:at]), masked(fin|opMore, text[at:]))
	}
	rows := []row{
		{"four bytes for a character", masked(fin|opText, post("u0", "\U0001F375")), "ack u0"},
		{"split after its first byte", split("u1", 1), "ack u1"},
		{"split after its third byte", split("u3", 3), "ack u3"},
		{"the last code point", masked(fin|opText, post("u4", "\U0010FFFF")), "ack u4"},
		{"half a character, then another message", concat(masked(opText, "{\xf0\x9f"), masked(fin|opMore, "\x8d}")), "CLOSE 1007 end"},
		{"the first fragment is wrong already", concat(masked(opText, "\xff"), masked(fin|opMore, "")), "CLOSE 1007 end"},
	}
	for name, text := range map[string]string{
		"a byte that is never there": "\xff", "an overlong slash": "\xc0\xaf", "an overlong NUL": "\xe0\x80\x80",
		"a surrogate": "\xed\xa0\x80", "above the last code point": "\xf4\x90\x80\x80", "a lone continuation": "\x80",
		"cut off": "\xf0\x9f\x8d",
	} {
		rows = append(rows, row{name, masked(fin|opText, post("bad", text)), "CLOSE 1007 end"})
	}
	return rows
}

// Section 5.2 again: the three ways to write a length; and our own limit.
func sizes() []row {
	whole := func(n int) []byte { return masked(fin|opText, padded(n)) }
	halves := func(n int) []byte {
		s := padded(n)
		return concat(masked(opText, s[:n/2]), masked(fin|opMore, s[n/2:]))
	}
	const most = wire.MaxFrame
	return []row{
		{"125 bytes", whole(125), "pong 1"},
		{"126 bytes", whole(126), "pong 1"},
		{"127 bytes", whole(127), "pong 1"},
		{"65535 bytes", whole(1<<16 - 1), "pong 1"},
		{"65536 bytes", whole(1 << 16), "pong 1"},
		{"the limit", whole(most), "pong 1"},
		{"the limit in two fragments", halves(most), "pong 1"},
		{"one above the limit", whole(most + 1), "CLOSE 1009 end"},
		{"one above the limit in two fragments", halves(most + 1), "CLOSE 1009 end"},
		{"far above the limit", whole(4 * most), "CLOSE 1009 end"},
		{"a terabyte announced", append([]byte("\x81\xff\x00\x00\x01\x00\x00\x00\x00\x00key!"), strings.Repeat("x", 2*most)...), "CLOSE 1009 end"},
	}
}

// A close frame is answered also while the server has much to say: section
// 5.5.1, and without the answer a browser tells its page 1006.
func TestCloseWhileReading(t *testing.T) {
	t.Parallel()
	s := newSocketSite(t)
	addr := s.listen(t)
	for i := range 250 {
		s.do(s.token, "POST /v1/rooms/tea/messages", object{"client_id": fmt.Sprint(i), "text": strings.Repeat("x", 100)}).want(201)
	}
	join := masked(fin|opText, `{"type":"join","id":"j","room":"tea","since":0}`)
	for i := range 300 {
		p := s.dialSocket(t, dialTCP(t, addr))
		p.write(concat(join, closing(1000, "")))
		last, got := "", p.next()
		for ; got != "end" && got != "silence"; got = p.next() {
			last = got
		}
		if last != "CLOSE 1000" || got != "end" {
			t.Fatalf("socket %d: %q, then %s", i, last, got)
		}
	}
}
