package orders

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// timeLayout is RFC 3339 in UTC with microseconds, as everywhere in the API.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// Append writes the order's JSON object. It is called once for each change: what
// it makes is kept beside the row, and a look-up sends it as it is.
func Append(dst []byte, o Order) []byte {
	dst = appendText(append(dst, `{"id":`...), string(o.ID))
	dst = appendText(append(dst, `,"number":`...), o.Number)
	dst = appendText(append(dst, `,"shop":`...), o.Shop)
	dst = appendText(append(dst, `,"customer_id":`...), o.CustomerID)
	dst = appendText(append(dst, `,"status":`...), string(o.Status))
	dst = appendText(append(dst, `,"currency":`...), o.Currency)
	dst = append(dst, `,"lines":[`...)
	for i, l := range o.Lines {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(append(dst, `{"sku":`...), l.SKU)
		dst = appendText(append(dst, `,"title":`...), l.Title)
		dst = strconv.AppendInt(append(dst, `,"quantity":`...), l.Quantity, 10)
		dst = strconv.AppendInt(append(dst, `,"unit_price":`...), l.UnitPrice, 10)
		dst = strconv.AppendInt(append(dst, `,"total":`...), l.Total, 10)
		dst = append(dst, '}')
	}
	dst = strconv.AppendInt(append(dst, `],"totals":{"subtotal":`...), o.Totals.Subtotal, 10)
	dst = strconv.AppendInt(append(dst, `,"discount":`...), o.Totals.Discount, 10)
	dst = strconv.AppendInt(append(dst, `,"shipping":`...), o.Totals.Shipping, 10)
	dst = strconv.AppendInt(append(dst, `,"tax":`...), o.Totals.Tax, 10)
	dst = strconv.AppendInt(append(dst, `,"total":`...), o.Totals.Total, 10)
	dst = appendText(append(dst, `},"note":`...), o.Note)
	dst = append(dst, `,"metadata":{`...)
	for i, k := range slices.Sorted(maps.Keys(o.Metadata)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, k)
		dst = appendText(append(dst, ':'), o.Metadata[k])
	}
	dst = append(dst, '}')
	if a := o.ShipTo; a != nil {
		dst = appendAddress(append(dst, `,"ship_to":`...), a)
	}
	if o.RoomID != "" {
		dst = appendText(append(dst, `,"room_id":`...), o.RoomID)
	}
	dst = strconv.AppendUint(append(dst, `,"version":`...), o.Version, 10)
	dst = appendTime(append(dst, `,"created_at":`...), o.CreatedAt)
	dst = appendTime(append(dst, `,"updated_at":`...), o.UpdatedAt)
	return append(dst, '}')
}

func appendAddress(dst []byte, a *Address) []byte {
	dst = appendText(append(dst, `{"name":`...), a.Name)
	dst = appendText(append(dst, `,"line1":`...), a.Line1)
	for _, f := range []struct{ key, value string }{
		{"line2", a.Line2}, {"city", a.City}, {"region", a.Region}, {"postal_code", a.PostalCode}, {"country", a.Country},
	} {
		if f.value != "" {
			dst = append(dst, `,"`...)
			dst = append(dst, f.key...)
			dst = appendText(append(dst, `":`...), f.value)
		}
	}
	return append(dst, '}')
}

// AppendEvent writes an event as the history shows it.
func AppendEvent(dst []byte, e Event) []byte {
	dst = strconv.AppendUint(append(dst, `{"seq":`...), e.Version, 10)
	dst = appendText(append(dst, `,"kind":`...), string(e.Kind))
	dst = appendTime(append(dst, `,"at":`...), e.At)
	dst = appendText(append(dst, `,"actor":{"id":`...), e.Actor.ID)
	dst = appendText(append(dst, `,"name":`...), e.Actor.Name)
	dst = appendText(append(dst, `,"role":`...), string(e.Actor.Role))
	dst = append(dst, '}')
	if e.From != "" {
		dst = appendText(append(dst, `,"from":`...), string(e.From))
	}
	dst = appendText(append(dst, `,"to":`...), string(e.To))
	if e.Reason != "" {
		dst = appendText(append(dst, `,"reason":`...), e.Reason)
	}
	return append(dst, '}')
}

// AppendBody writes the fields that an event has as a frame of its customer's
// stream, beside those that every frame of a log has.
func AppendBody(dst []byte, e Event) []byte {
	dst = appendText(append(dst, `{"order":`...), string(e.Order))
	dst = appendText(append(dst, `,"number":`...), e.Number)
	dst = strconv.AppendUint(append(dst, `,"version":`...), e.Version, 10)
	dst = appendText(append(dst, `,"change":`...), string(e.Kind))
	if e.From != "" {
		dst = appendText(append(dst, `,"from":`...), string(e.From))
	}
	dst = appendText(append(dst, `,"status":`...), string(e.To))
	if e.Reason != "" {
		dst = appendText(append(dst, `,"reason":`...), e.Reason)
	}
	return append(dst, '}')
}

func appendText(dst []byte, s string) []byte {
	out, _ := jsontext.AppendQuote(dst, s) // its only error is bad UTF-8, after repair
	return out
}

func appendTime(dst []byte, micros int64) []byte {
	dst = append(dst, '"')
	dst = time.UnixMicro(micros).UTC().AppendFormat(dst, timeLayout)
	return append(dst, '"')
}
