package main

import "bytes"

// flatFrame is the fields of a frame's JSON object that a load looks at. Texts
// are as they stand between their quotes, escapes and all, and part of what was
// scanned.
type flatFrame struct {
	typ, id, room, epoch, client, text, code []byte
	seq                                      uint64
}

// scan reads the fields of one JSON object without an allocation, in any order,
// and passes over all others. False means that it is no such object; what it
// accepts need not be valid in the parts passed over. It is what lets the
// generator read hundreds of thousands of frames a second on a part of a core.
func scan(b []byte) (f flatFrame, ok bool) {
	s := scanner{b: b}
	if !s.take('{') {
		return f, false
	}
	for {
		key, ok := s.text()
		if !ok || !s.take(':') {
			return f, false
		}
		var field *[]byte
		switch string(key) {
		case "type":
			field = &f.typ
		case "id":
			field = &f.id
		case "room":
			field = &f.room
		case "epoch":
			field = &f.epoch
		case "client_id":
			field = &f.client
		case "text":
			field = &f.text
		case "code":
			field = &f.code
		case "seq":
			if f.seq, ok = s.number(); !ok {
				return f, false
			}
		default:
			if !s.skip() {
				return f, false
			}
		}
		if field != nil {
			if *field, ok = s.text(); !ok {
				return f, false
			}
		}
		switch {
		case s.take(','):
		case s.take('}'):
			return f, true
		default:
			return f, false
		}
	}
}

// scanner stands at a byte of a JSON text.
type scanner struct {
	b []byte
	i int
}

// space passes over white space.
func (s *scanner) space() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\n' || s.b[s.i] == '\t' || s.b[s.i] == '\r') {
		s.i++
	}
}

// take passes over white space, and over c if it comes next.
func (s *scanner) take(c byte) bool {
	s.space()
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

// text reads a string and gives what stands between its quotes.
func (s *scanner) text() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	for from := s.i; ; {
		n := bytes.IndexByte(s.b[s.i:], '"')
		if n < 0 {
			return nil, false
		}
		s.i += n + 1
		escapes := 0
		for at := s.i - 2; at >= from && s.b[at] == '\\'; at-- {
			escapes++
		}
		if escapes%2 == 0 {
			return s.b[from : s.i-1], true
		}
	}
}

// number reads a whole number of at most 19 digits.
func (s *scanner) number() (n uint64, ok bool) {
	s.space()
	from := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		n = n*10 + uint64(s.b[s.i]-'0')
		s.i++
	}
	return n, s.i > from && s.i-from <= 19
}

// skip passes over one value.
func (s *scanner) skip() bool {
	for depth := 0; ; {
		s.space()
		if s.i >= len(s.b) {
			return false
		}
		switch c := s.b[s.i]; c {
		case '"':
			if _, ok := s.text(); !ok {
				return false
			}
		case '{', '[':
			depth++
			s.i++
		case '}', ']':
			if depth == 0 {
				return false
			}
			depth--
			s.i++
		case ',', ':':
			if depth == 0 {
				return false
			}
			s.i++
		default: // a number or a word
			for s.i < len(s.b) && bytes.IndexByte([]byte(`,:{}[]" `), s.b[s.i]) < 0 {
				s.i++
			}
		}
		if depth == 0 {
			return true
		}
	}
}
