package orders

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// ID is a UUIDv7 (RFC 9562, 5.7) in lower case: 36 characters, the first 48 bits
// are the milliseconds at which it was made.
type ID string

// NewID makes an id for an order that is placed now.
func NewID(now time.Time) ID {
	var b [16]byte
	rand.Read(b[:])
	for i, ms := 0, now.UnixMilli(); i < 6; i++ {
		b[i] = byte(ms >> (40 - 8*i))
	}
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	return FormatID(b)
}

// FloorID is the lowest id of a millisecond: orders made from then on sort at or
// above it.
func FloorID(ms int64) ID {
	var b [16]byte
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	return FormatID(b)
}

// FormatID writes the 16 bytes of an id as text.
func FormatID(b [16]byte) ID {
	var s [36]byte
	hex.Encode(s[:8], b[:4])
	hex.Encode(s[9:13], b[4:6])
	hex.Encode(s[14:18], b[6:8])
	hex.Encode(s[19:23], b[8:10])
	hex.Encode(s[24:], b[10:])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return ID(s[:])
}

// Binary gives the 16 bytes of an id; false where [IsID] is.
func (id ID) Binary() (b [16]byte, ok bool) {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return b, false
	}
	var bad byte
	for i, at := range digitsAt {
		hi, lo := hexValue[id[at]], hexValue[id[at+1]]
		bad |= hi | lo
		b[i] = hi<<4 | lo&0xf
	}
	return b, bad <= 0xf
}

// digitsAt is where the two digits of each byte stand in an id.
var digitsAt = [16]int{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34}

// hexValue is the value of a digit in lower case; above 15 for what is none. A table
// has no branches to mispredict: a look-up of a hundred ids reads 3200 digits.
var hexValue = func() (table [256]byte) {
	for i := range table {
		table[i] = 0xff
	}
	for i, c := range []byte("0123456789abcdef") {
		table[c] = byte(i)
	}
	return table
}()

// IsID tells whether a text has the form of an order's id.
func IsID(s string) bool {
	_, ok := ID(s).Binary()
	return ok
}

// numberAlphabet has no I, L, O, U: a number is read out over the telephone
// (Crockford's base 32).
const numberAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewNumber makes a number such as K7Q2-M9XD: 40 random bits, so that no shop's
// turnover can be read from it. It is unique per shop because the store says so.
func NewNumber() string {
	var b [8]byte
	rand.Read(b[:])
	s := make([]byte, 0, 9)
	for i, c := range b {
		if i == 4 {
			s = append(s, '-')
		}
		s = append(s, numberAlphabet[c&31])
	}
	return string(s)
}

// Order is one order as it is now. Times are microseconds since 1970, money is
// in minor units of Currency.
type Order struct {
	ID         ID
	Number     string // see [NewNumber]
	Shop       string // the shop of the key that placed it
	CustomerID string // a user of the chat
	Status     Status
	Currency   string // ISO 4217
	Lines      []Line
	Totals     Totals
	Note       string
	Metadata   map[string]string
	ShipTo     *Address // nil: not told
	RoomID     string   // its support room; "" until it was opened
	Version    uint64   // the number of its last event, from 1
	CreatedAt  int64
	UpdatedAt  int64
}

// Line is one position of an order.
type Line struct {
	SKU       string `json:"sku"`
	Title     string `json:"title"`
	Quantity  int64  `json:"quantity"`
	UnitPrice int64  `json:"unit_price"`
	Total     int64  `json:"total"`
}

// Totals are the sums of an order: Total = Subtotal − Discount + Shipping + Tax.
type Totals struct {
	Subtotal int64 `json:"subtotal"`
	Discount int64 `json:"discount"`
	Shipping int64 `json:"shipping"`
	Tax      int64 `json:"tax"`
	Total    int64 `json:"total"`
}

// Address is where an order goes to.
type Address struct {
	Name       string `json:"name"`
	Line1      string `json:"line1"`
	Line2      string `json:"line2,omitempty"`
	City       string `json:"city"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	Country    string `json:"country"` // ISO 3166-1, two capitals
}

// Stored is an order as the store hands it out to be read: Doc is its JSON
// object as [Append] made it when it was last changed, ready to be sent.
type Stored struct {
	ID       ID
	Customer string
	Version  uint64
	Doc      []byte // shared: nobody may change it
}
