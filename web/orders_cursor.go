package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"hubbub/orders"
)

// A cursor of a list of orders is version, id of the last order and seal, in
// base64url. The seal binds it to the filter, so that a cursor of another list
// is refused rather than show the wrong page.
const (
	orderCursorVersion = 1
	orderCursorSeal    = 16 // bytes of the HMAC
	orderCursorSize    = 1 + 16 + orderCursorSeal
)

// orderCursor makes the cursor of the page that follows the order.
func (s *Server) orderCursor(last orders.ID, filter string) string {
	b := make([]byte, 1, orderCursorSize)
	b[0] = orderCursorVersion
	b, _ = hex.AppendDecode(b, []byte(strings.ReplaceAll(string(last), "-", ""))) // an id of ours
	return base64.RawURLEncoding.EncodeToString(append(b, s.orderSeal(b, filter)...))
}

// readOrderCursor gives the order that the page before ended with. Whatever
// orderCursor did not make for this filter is refused.
func (s *Server) readOrderCursor(cursor, filter string) (orders.ID, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) != orderCursorSize || b[0] != orderCursorVersion ||
		!hmac.Equal(b[17:], s.orderSeal(b[:17], filter)) {
		return "", orders.Refuse(orders.ErrBadRequest, "this is not a cursor of this list: begin again without one")
	}
	x := hex.EncodeToString(b[1:17])
	return orders.ID(x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]), nil
}

func (s *Server) orderSeal(b []byte, filter string) []byte {
	h := hmac.New(sha256.New, s.o.CursorKey)
	h.Write(b)
	h.Write([]byte(filter))
	return h.Sum(nil)[:orderCursorSeal]
}
