package web

import (
	"context"
	"crypto/sha256"
	"strconv"
	"strings"

	"hubbub/orders"
)

// privately is the Cache-Control of answers with an order: only the client may
// keep one, and it asks before it uses it.
const privately = "private, no-cache"

// entityTag is the strong ETag of an order: version and epoch.
func entityTag(version uint64, epoch string) string {
	return `"` + strconv.FormatUint(version, 10) + "." + epoch + `"`
}

// noneMatch tells whether an If-None-Match header names the tag, which means that
// the client has the order as it is (RFC 9110, 13.1.2: a weak comparison).
func noneMatch(header, tag string) bool {
	if strings.TrimSpace(header) == "*" {
		return true
	}
	for rest := header; rest != ""; {
		var one string
		one, rest, _ = strings.Cut(rest, ",") // our tags have no comma
		if strings.TrimPrefix(strings.TrimSpace(one), "W/") == tag {
			return true
		}
	}
	return false
}

// IfMatch is the input of a call that must say which version it changes.
type IfMatch struct {
	// For the description; version reads the header itself.
	Header string `header:"If-Match" doc:"Required: the ETag of the order as the caller knows it."`
}

// version is the one that the header names, 0 for one that cannot be the current
// one: a weak tag, or one of another epoch. Without a version the call is
// refused: "*" is none, since it would change whatever is there.
func (IfMatch) version(ctx context.Context, epoch string) (uint64, error) {
	tag := strings.TrimSpace(strings.Join(callOf(ctx).Header.Values("If-Match"), ","))
	switch {
	case tag == "":
		return 0, orders.Refuse(orders.ErrNoPrecondition, "say in If-Match which version is to be changed: the ETag of the order")
	case tag == "*":
		return 0, orders.Refuse(orders.ErrNoPrecondition, "If-Match must name a version: the ETag of the order, not *")
	}
	weak := strings.HasPrefix(tag, "W/")
	inner, ok := strings.CutPrefix(strings.TrimPrefix(tag, "W/"), `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	if !ok || !closed || strings.ContainsAny(inner, "\",") {
		return 0, orders.Refuse(orders.ErrBadRequest, `If-Match must be one ETag in double quotes, such as "7.9F3C"`)
	}
	number, of, _ := strings.Cut(inner, ".")
	version, err := strconv.ParseUint(number, 10, 64)
	if err != nil || of != epoch || weak || entityTag(version, epoch) != tag {
		return 0, nil
	}
	return version, nil
}

// IdempotencyKey is the input of a call that must be repeatable.
type IdempotencyKey struct {
	// For the description; key reads the header itself.
	Header string `header:"Idempotency-Key" doc:"Required: chosen by the caller, 1 to 255 printable ASCII characters, with or without double quotes. The same key and body again get the answer of the first call, for 24 hours at least; all API keys of a shop share them."`
}

func (IdempotencyKey) key(ctx context.Context, c orders.Caller) (orders.Key, error) {
	values := callOf(ctx).Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return orders.Key{}, orders.Refuse(orders.ErrBadRequest, "the header Idempotency-Key is missing")
	}
	value, ok := readKey(values)
	if !ok {
		return orders.Key{}, orders.Refuse(orders.ErrBadRequest,
			"Idempotency-Key must be 1 to "+strconv.Itoa(orders.MaxKey)+" printable ASCII characters, with or without double quotes")
	}
	owner := c.ID
	if c.Role == orders.Shop {
		owner = "shop/" + c.Shop // whichever of the shop's API keys asks again
	}
	return orders.Key{Owner: owner, Value: value, Fingerprint: fingerprint(ctx)}, nil
}

// OptionalKey is the input of a call that may be repeatable by a key.
type OptionalKey struct {
	Header string `header:"Idempotency-Key" doc:"As for the other calls, but it may be left out."`
}

func (OptionalKey) key(ctx context.Context, c orders.Caller) (*orders.Key, error) {
	if len(callOf(ctx).Header.Values("Idempotency-Key")) == 0 {
		return nil, nil
	}
	key, err := IdempotencyKey{}.key(ctx, c)
	return &key, err
}

// readKey reads an idempotency key: a string of RFC 9651 in double quotes, or
// bare, as many clients send it. Both forms are the same key.
func readKey(values []string) (string, bool) {
	if len(values) != 1 {
		return "", false
	}
	text := strings.Trim(values[0], " \t")
	if inner, quoted := strings.CutPrefix(text, `"`); quoted {
		var b strings.Builder
		closed := false
		for i := 0; i < len(inner); i++ {
			switch c := inner[i]; {
			case closed: // parameters are not for keys
				return "", false
			case c == '"':
				closed = true
			case c == '\\':
				if i++; i == len(inner) || inner[i] != '"' && inner[i] != '\\' {
					return "", false
				}
				b.WriteByte(inner[i])
			default:
				b.WriteByte(c)
			}
		}
		if !closed {
			return "", false
		}
		text = b.String()
	}
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' {
			return "", false
		}
	}
	return text, len(text) >= 1 && len(text) <= orders.MaxKey
}

// fingerprint tells one request from another: by method, path and body. Only for
// calls that strictBody has read.
func fingerprint(ctx context.Context) (sum [sha256.Size]byte) {
	c := callOf(ctx)
	h := sha256.New()
	h.Write([]byte(c.Method + " " + c.URL.EscapedPath() + "\n"))
	h.Write(c.body)
	h.Sum(sum[:0])
	return sum
}
