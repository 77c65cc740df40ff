package orders

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of an order's parts. Texts are counted in characters.
const (
	MaxLines         = 200
	MaxSKU           = 64
	MaxTitle         = 200
	MaxQuantity      = 1_000_000
	MaxUnitPrice     = 1_000_000_000_000
	MaxTotal         = 1<<53 - 1 // JavaScript keeps it exact
	MaxNote          = 1000
	MaxReason        = 200
	MaxMetadata      = 20
	MaxMetadataKey   = 40
	MaxMetadataValue = 500
	MaxAddressLine   = 200
	MaxKey           = 255 // characters of an idempotency key
)

// Draft is an order before it is placed. Sums that are nil are worked out; those
// that are given must be right.
type Draft struct {
	CustomerID string
	Currency   string
	Lines      []DraftLine
	Totals     DraftTotals
	Note       string
	Metadata   map[string]string
	ShipTo     *Address
}

// DraftLine is a line with or without its total.
type DraftLine struct {
	SKU       string
	Title     string
	Quantity  int64
	UnitPrice int64
	Total     *int64
}

// DraftTotals are the sums as the shop says they are; Total is required.
type DraftTotals struct {
	Subtotal                *int64
	Discount, Shipping, Tax int64
	Total                   int64
}

// faults collects every field that is wrong.
type faults []FieldError

func (f *faults) add(field, format string, args ...any) {
	*f = append(*f, FieldError{field, fmt.Sprintf(format, args...)})
}

// err is nil where nothing was wrong.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return &Error{Code: ErrInvalid.Code, Text: f[0].Field + " " + f[0].Detail, Fields: f}
}

// order checks the draft and works its sums out. The error names every field
// that is wrong.
func (d Draft) order() (Order, error) {
	var f faults
	o := Order{
		CustomerID: d.CustomerID, Status: Pending, Currency: d.Currency,
		Note: d.Note, Metadata: d.Metadata, ShipTo: d.ShipTo,
	}
	if d.CustomerID == "" || len(d.CustomerID) > MaxSKU {
		f.add("/customer_id", "must be the id of a user")
	}
	if !isCurrency(d.Currency) {
		f.add("/currency", "must be an active code of ISO 4217, such as EUR")
	}
	subtotal := d.lines(&o, &f)
	d.sums(&o, subtotal, &f)
	checkNote(d.Note, &f)
	checkMetadata(d.Metadata, &f)
	checkAddress(d.ShipTo, &f)
	return o, f.err()
}

// lines fills the order's lines and gives their sum; −1 where it is not known.
func (d Draft) lines(o *Order, f *faults) (sum int64) {
	if n := len(d.Lines); n < 1 || n > MaxLines {
		f.add("/lines", "must have 1 to %d lines", MaxLines)
		return -1
	}
	o.Lines = make([]Line, len(d.Lines))
	for i, l := range d.Lines {
		at := "/lines/" + strconv.Itoa(i)
		if !isSKU(l.SKU) {
			f.add(at+"/sku", "must be 1 to %d of A-Z a-z 0-9 . _ -", MaxSKU)
		}
		if n := utf8.RuneCountInString(l.Title); n < 1 || n > MaxTitle || !isPlain(l.Title) {
			f.add(at+"/title", "must have 1 to %d characters and no control characters", MaxTitle)
		}
		valid := true
		if l.Quantity < 1 || l.Quantity > MaxQuantity {
			f.add(at+"/quantity", "must be 1 to %d", MaxQuantity)
			valid = false
		}
		if l.UnitPrice < 0 || l.UnitPrice > MaxUnitPrice {
			f.add(at+"/unit_price", "must be 0 to %d minor units", int64(MaxUnitPrice))
			valid = false
		}
		if !valid {
			sum = -1
			continue
		}
		total, ok := product(l.Quantity, l.UnitPrice)
		switch {
		case !ok:
			f.add(at+"/total", "would be over %d", int64(MaxTotal))
			sum = -1
		case l.Total != nil && *l.Total != total:
			f.add(at+"/total", "must be quantity times unit_price, which is %d", total)
			sum = -1
		case sum >= 0:
			sum += total // 200 times 2^53 fits
		}
		o.Lines[i] = Line{SKU: l.SKU, Title: l.Title, Quantity: l.Quantity, UnitPrice: l.UnitPrice, Total: total}
	}
	return sum
}

// product multiplies; false where it is over MaxTotal.
func product(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	return int64(lo), hi == 0 && lo <= MaxTotal
}

// sums checks that the totals add up, where the lines did.
func (d Draft) sums(o *Order, subtotal int64, f *faults) {
	t := d.Totals
	known := true
	for _, part := range []struct {
		field string
		value int64
	}{{"/totals/discount", t.Discount}, {"/totals/shipping", t.Shipping}, {"/totals/tax", t.Tax}, {"/totals/total", t.Total}} {
		if part.value < 0 || part.value > MaxTotal {
			f.add(part.field, "must be 0 to %d minor units", int64(MaxTotal))
			known = false
		}
	}
	if subtotal < 0 || !known {
		return
	}
	total := subtotal - t.Discount + t.Shipping + t.Tax // each at most 200 times 2^53
	if subtotal > MaxTotal {
		f.add("/totals/subtotal", "would be over %d", int64(MaxTotal))
	} else if t.Subtotal != nil && *t.Subtotal != subtotal {
		f.add("/totals/subtotal", "must be the sum of the lines, which is %d", subtotal)
	}
	switch {
	case t.Discount > subtotal:
		f.add("/totals/discount", "must not be over the subtotal")
	case total > MaxTotal:
		f.add("/totals/total", "would be over %d", int64(MaxTotal))
	case t.Total != total:
		f.add("/totals/total", "must be subtotal - discount + shipping + tax, which is %d", total)
	}
	o.Totals = Totals{Subtotal: subtotal, Discount: t.Discount, Shipping: t.Shipping, Tax: t.Tax, Total: total}
}

// Patch changes what is not nil; Metadata and ShipTo are put in the place of the
// old ones.
type Patch struct {
	Note     *string
	Metadata *map[string]string
	ShipTo   *Address
}

func (p Patch) check() error {
	var f faults
	if p.Note == nil && p.Metadata == nil && p.ShipTo == nil {
		f.add("", "must have note, metadata or ship_to")
	}
	if p.Note != nil {
		checkNote(*p.Note, &f)
	}
	if p.Metadata != nil {
		checkMetadata(*p.Metadata, &f)
	}
	checkAddress(p.ShipTo, &f)
	return f.err()
}

func checkNote(note string, f *faults) {
	if utf8.RuneCountInString(note) > MaxNote || !isPlain(strings.ReplaceAll(note, "\n", "")) {
		f.add("/note", "must have at most %d characters and no control characters but line feeds", MaxNote)
	}
}

func checkReason(reason string) error {
	if utf8.RuneCountInString(reason) > MaxReason || !isPlain(reason) {
		return Invalid("/reason", fmt.Sprintf("must have at most %d characters and no control characters", MaxReason))
	}
	return nil
}

func checkMetadata(m map[string]string, f *faults) {
	if len(m) > MaxMetadata {
		f.add("/metadata", "must have at most %d pairs", MaxMetadata)
		return
	}
	for k, v := range m {
		if n := utf8.RuneCountInString(k); n < 1 || n > MaxMetadataKey || !isPlain(k) {
			f.add("/metadata", "must have keys of 1 to %d characters, without control characters", MaxMetadataKey)
		}
		if utf8.RuneCountInString(v) > MaxMetadataValue || !isPlain(v) {
			f.add("/metadata/"+pointerEscape(k), "must have at most %d characters and no control characters", MaxMetadataValue)
		}
	}
	slices.SortFunc(*f, func(a, b FieldError) int { return strings.Compare(a.Field, b.Field) })
	*f = slices.Compact(*f) // all keys are one field
}

func checkAddress(a *Address, f *faults) {
	if a == nil {
		return
	}
	for _, part := range []struct {
		field, value string
		needed       bool
	}{
		{"name", a.Name, true}, {"line1", a.Line1, true}, {"line2", a.Line2, false}, {"city", a.City, true},
		{"region", a.Region, false}, {"postal_code", a.PostalCode, false},
	} {
		n := utf8.RuneCountInString(part.value)
		if part.needed && n == 0 {
			f.add("/ship_to/"+part.field, "is missing")
		}
		if n > MaxAddressLine || !isPlain(part.value) {
			f.add("/ship_to/"+part.field, "must have at most %d characters and no control characters", MaxAddressLine)
		}
	}
	if len(a.Country) != 2 || strings.Trim(a.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		f.add("/ship_to/country", "must be a code of ISO 3166-1, such as DE")
	}
}

func isSKU(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("._-", c) >= 0) {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= MaxSKU
}

func isPlain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func pointerEscape(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }
