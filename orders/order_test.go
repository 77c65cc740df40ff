package orders_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hubbub/orders"
)

// Ids are UUIDs of version 7, sort by time, and a time is a bound between them.
func TestID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(0, 1<<48-2).Draw(t, "ms")
		at := time.UnixMilli(ms).Add(time.Duration(rapid.Int64Range(0, 999_999).Draw(t, "ns")))
		id := orders.NewID(at)
		if !orders.IsID(string(id)) || id[14] != '7' || !strings.ContainsRune("89ab", rune(id[19])) {
			t.Fatalf("id %s", id)
		}
		if id < orders.FloorID(ms) || id >= orders.FloorID(ms+1) {
			t.Fatalf("id %s is not between %s and %s", id, orders.FloorID(ms), orders.FloorID(ms+1))
		}
		b, ok := id.Binary()
		if !ok || orders.FormatID(b) != id {
			t.Fatalf("id %s is %x", id, b)
		}
	})
	if a, b := orders.NewID(time.Now()), orders.NewID(time.Now()); a == b {
		t.Errorf("%s twice", a)
	}
}

func TestIsID(t *testing.T) {
	const good = "01a0c450-6c00-7000-8000-0123456789ab"
	if !orders.IsID(good) {
		t.Errorf("%s is refused", good)
	}
	for _, bad := range []string{
		"", " " + good, good + " ", good[1:], good + "0", strings.ToUpper(good), strings.ReplaceAll(good, "-", "0"),
		strings.Replace(good, "6", "g", 1), strings.Replace(good, "6", "-", 1), strings.Replace(good, "-", "–", 1), good[:35] + "\x00",
	} {
		if _, ok := orders.ID(bad).Binary(); ok || orders.IsID(bad) {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestNumber(t *testing.T) {
	seen := map[byte]bool{}
	for range 200 {
		number := orders.NewNumber()
		if len(number) != 9 || number[4] != '-' || strings.Trim(number, "-0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" {
			t.Fatalf("number %q", number)
		}
		for _, c := range []byte(number) {
			seen[c] = true
		}
	}
	if len(seen) != 33 {
		t.Errorf("only %d characters are used", len(seen))
	}
}

// Errors are told apart by their code, however they are wrapped.
func TestErrors(t *testing.T) {
	kinds := []*orders.Error{
		orders.ErrBadRequest, orders.ErrForbidden, orders.ErrNotFound, orders.ErrIllegalStep, orders.ErrClosed, orders.ErrKeyRunning,
		orders.ErrStale, orders.ErrInvalid, orders.ErrKeyReused, orders.ErrNoLog, orders.ErrNoPrecondition, orders.ErrUnknownOutcome, orders.ErrUnavailable,
	}
	for i, kind := range kinds {
		cause := errors.New("the reason")
		err := orders.Later(kind, "a text", time.Second, cause)
		for k, other := range kinds {
			if errors.Is(err, other) != (i == k) {
				t.Errorf("%v is %v: %v", err, other, errors.Is(err, other))
			}
		}
		if !errors.Is(err, cause) || !strings.Contains(err.Error(), "a text") || !strings.Contains(err.Error(), "the reason") {
			t.Errorf("error %v", err)
		}
	}
	if !errors.Is(orders.NoOrder(), orders.ErrNotFound) || !errors.Is(orders.KeyReused(), orders.ErrKeyReused) {
		t.Error("a refusal is not of its kind")
	}
}

func TestStatus(t *testing.T) {
	for _, s := range orders.Statuses {
		if !s.Known() {
			t.Errorf("%s is not known", s)
		}
		for _, n := range s.Next() {
			if !n.Known() || slices.Index(orders.Statuses, n) <= slices.Index(orders.Statuses, s) {
				t.Errorf("%s follows %s", n, s)
			}
		}
	}
	if orders.Status("").Known() || orders.Status("Paid").Known() {
		t.Error("anything is known")
	}
}
