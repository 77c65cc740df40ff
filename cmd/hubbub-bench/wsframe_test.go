package main

import (
	"bufio"
	"bytes"
	"testing"

	"hubbub/chat/wire"
)

func TestFramesComeInPieces(t *testing.T) {
	t.Parallel()
	var stream []byte
	sizes := []int{0, 1, 125, 126, 127, 65535, 65536, 70000}
	for _, n := range sizes {
		stream = append(appendHeader(stream, opText, n, false), bytes.Repeat([]byte{'x'}, n)...)
	}
	var got []int
	var have []byte
	for from := 0; from < len(stream); from += 1000 {
		have = append(have, stream[from:min(from+1000, len(stream))]...)
		for {
			f, rest, ok, err := cutFrame(have)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			if f.op != opText || !f.final {
				t.Fatalf("frame %+v", f)
			}
			got, have = append(got, len(f.payload)), rest
		}
	}
	if len(got) != len(sizes) || len(have) != 0 {
		t.Fatalf("frames of %v, %d bytes left", got, len(have))
	}
	for i := range sizes {
		if got[i] != sizes[i] {
			t.Errorf("frame %d has %d bytes, want %d", i, got[i], sizes[i])
		}
	}
}

func TestBadFrames(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{
		"masked":    {0x81, 0x80, 0, 0, 0, 0},
		"reserved":  {0xc1, 0},
		"too large": {0x81, 127, 0, 0, 0, 0, 1, 0, 0, 0},
	} {
		if _, _, ok, err := cutFrame(b); ok || err == nil {
			t.Errorf("a %s frame is taken", name)
		}
	}
}

// The floor reads what the generator writes, and any other mask too.
func TestMaskedFrames(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 5, 125, 126, 300, wire.MaxFrame} {
		want := bytes.Repeat([]byte("abc"), n/3+1)[:n]
		op, got, err := readMasked(bufio.NewReader(bytes.NewReader(appendClientFrame(nil, opText, want))))
		if err != nil || op != opText || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: %v, op %d, %d bytes", n, err, op, len(got))
		}
	}
	frame := []byte{0x81, 0x83, 1, 2, 3, 4, 'a' ^ 1, 'b' ^ 2, 'c' ^ 3}
	if _, got, err := readMasked(bufio.NewReader(bytes.NewReader(frame))); err != nil || string(got) != "abc" {
		t.Errorf("%q, %v", got, err)
	}
	if _, _, err := readMasked(bufio.NewReader(bytes.NewReader([]byte{0x81, 1, 'a', 0, 0, 0, 0}))); err == nil {
		t.Error("a frame without a mask is taken")
	}
}

func FuzzCutFrame(f *testing.F) {
	f.Add([]byte{0x81, 2, 'h', 'i', 0x89, 0})
	f.Add([]byte{0x81, 126, 0, 3, 'a', 'b', 'c'})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, rest, ok, err := cutFrame(b)
		if ok && (err != nil || len(got.payload)+len(rest) >= len(b) || len(rest)+len(got.payload) < len(b)-10) {
			t.Errorf("%d bytes: %d in the frame, %d left, %v", len(b), len(got.payload), len(rest), err)
		}
		if !ok && err == nil && len(rest) != len(b) {
			t.Error("bytes are gone")
		}
	})
}
