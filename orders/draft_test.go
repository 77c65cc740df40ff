package orders_test

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hubbub/orders"
)

// TestDraft makes one thing wrong at a time, and names the fields that are told.
func TestDraft(t *testing.T) {
	w := newWorld(t)
	long := func(n int) string { return strings.Repeat("é", n) }
	line := func(change func(*orders.DraftLine)) func(*orders.Draft) {
		return func(d *orders.Draft) { change(&d.Lines[0]) }
	}
	address := func(change func(*orders.Address)) func(*orders.Draft) {
		return func(d *orders.Draft) {
			d.ShipTo = &orders.Address{Name: "Ada", Line1: "1 Main St", City: "Bonn", Country: "DE"}
			change(d.ShipTo)
		}
	}
	meta := func(pairs ...string) func(*orders.Draft) {
		return func(d *orders.Draft) {
			d.Metadata = map[string]string{}
			for i := 0; i < len(pairs); i += 2 {
				d.Metadata[pairs[i]] = pairs[i+1]
			}
		}
	}
	pairs := func(n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprint("k", i), "v")
		}
		return out
	}
	lines := func(n int, each orders.DraftLine, total int64) func(*orders.Draft) {
		return func(d *orders.Draft) {
			d.Lines = slices.Repeat([]orders.DraftLine{each}, n)
			d.Totals = orders.DraftTotals{Total: total}
		}
	}
	cheap := orders.DraftLine{SKU: "a", Title: "A", Quantity: 1, UnitPrice: 1}
	for name, c := range map[string]struct {
		change func(*orders.Draft)
		fields string // that are wrong, in the order in which they are told
	}{
		"good":                   {func(d *orders.Draft) {}, ""},
		"no customer":            {func(d *orders.Draft) { d.CustomerID = "" }, "/customer_id"},
		"long customer":          {func(d *orders.Draft) { d.CustomerID = strings.Repeat("x", 65) }, "/customer_id"},
		"no currency":            {func(d *orders.Draft) { d.Currency = "" }, "/currency"},
		"small currency":         {func(d *orders.Draft) { d.Currency = "eur" }, "/currency"},
		"unknown currency":       {func(d *orders.Draft) { d.Currency = "XXX" }, "/currency"},
		"two currencies":         {func(d *orders.Draft) { d.Currency = "EUR USD" }, "/currency"},
		"half a currency":        {func(d *orders.Draft) { d.Currency = "R E" }, "/currency"},
		"SQL for a currency":     {func(d *orders.Draft) { d.Currency = "'--" }, "/currency"},
		"no lines":               {lines(0, cheap, 0), "/lines"},
		"200 lines":              {lines(200, cheap, 200), ""},
		"201 lines":              {lines(201, cheap, 201), "/lines"},
		"no sku":                 {line(func(l *orders.DraftLine) { l.SKU = "" }), "/lines/0/sku"},
		"long sku":               {line(func(l *orders.DraftLine) { l.SKU = strings.Repeat("x", 65) }), "/lines/0/sku"},
		"longest sku":            {line(func(l *orders.DraftLine) { l.SKU = strings.Repeat("x", 64) }), ""},
		"sku with a space":       {line(func(l *orders.DraftLine) { l.SKU = "a b" }), "/lines/0/sku"},
		"SQL for a sku":          {line(func(l *orders.DraftLine) { l.SKU = "' OR 1=1 --" }), "/lines/0/sku"},
		"no title":               {line(func(l *orders.DraftLine) { l.Title = "" }), "/lines/0/title"},
		"longest title":          {line(func(l *orders.DraftLine) { l.Title = long(200) }), ""},
		"long title":             {line(func(l *orders.DraftLine) { l.Title = long(201) }), "/lines/0/title"},
		"title of two lines":     {line(func(l *orders.DraftLine) { l.Title = "a\nb" }), "/lines/0/title"},
		"title of bad UTF-8":     {line(func(l *orders.DraftLine) { l.Title = "\xff" }), "/lines/0/title"},
		"SQL for a title":        {line(func(l *orders.DraftLine) { l.Title = "'; DROP TABLE orders; --" }), ""},
		"quantity 0":             {line(func(l *orders.DraftLine) { l.Quantity = 0 }), "/lines/0/quantity"},
		"quantity -1":            {line(func(l *orders.DraftLine) { l.Quantity = -1 }), "/lines/0/quantity"},
		"quantity 2^31":          {line(func(l *orders.DraftLine) { l.Quantity = 1 << 31 }), "/lines/0/quantity"},
		"quantity -2^63":         {line(func(l *orders.DraftLine) { l.Quantity = math.MinInt64 }), "/lines/0/quantity"},
		"price -1":               {line(func(l *orders.DraftLine) { l.UnitPrice = -1 }), "/lines/0/unit_price"},
		"price 2^63-1":           {line(func(l *orders.DraftLine) { l.UnitPrice = math.MaxInt64 }), "/lines/0/unit_price"},
		"quantity and price":     {line(func(l *orders.DraftLine) { l.Quantity, l.UnitPrice = 0, -1 }), "/lines/0/quantity /lines/0/unit_price"},
		"line over the limit":    {line(func(l *orders.DraftLine) { l.Quantity, l.UnitPrice = 1e6, 1e12 }), "/lines/0/total"},
		"line total right":       {line(func(l *orders.DraftLine) { l.Total = new(int64(1990)) }), ""},
		"line total wrong":       {line(func(l *orders.DraftLine) { l.Total = new(int64(1991)) }), "/lines/0/total"},
		"free":                   {lines(1, orders.DraftLine{SKU: "a", Title: "A", Quantity: 1}, 0), ""},
		"subtotal right":         {func(d *orders.Draft) { d.Totals.Subtotal = new(int64(1990)) }, ""},
		"subtotal wrong":         {func(d *orders.Draft) { d.Totals.Subtotal = new(int64(1)) }, "/totals/subtotal"},
		"subtotal and total":     {func(d *orders.Draft) { d.Totals.Subtotal, d.Totals.Total = new(int64(1)), 1 }, "/totals/subtotal /totals/total"},
		"subtotal over":          {lines(200, orders.DraftLine{SKU: "a", Title: "A", Quantity: 1e4, UnitPrice: 1e11}, 0), "/totals/subtotal /totals/total"},
		"discount -1":            {func(d *orders.Draft) { d.Totals.Discount = -1 }, "/totals/discount"},
		"discount of all":        {func(d *orders.Draft) { d.Totals.Discount, d.Totals.Total = 1990, 300 }, ""},
		"discount of more":       {func(d *orders.Draft) { d.Totals.Discount, d.Totals.Total = 1991, 299 }, "/totals/discount"},
		"shipping -1":            {func(d *orders.Draft) { d.Totals.Shipping = -1 }, "/totals/shipping"},
		"tax -1":                 {func(d *orders.Draft) { d.Totals.Tax = -1 }, "/totals/tax"},
		"tax 2^63-1":             {func(d *orders.Draft) { d.Totals.Tax = math.MaxInt64 }, "/totals/tax"},
		"total 0":                {func(d *orders.Draft) { d.Totals.Total = 0 }, "/totals/total"},
		"total over":             {func(d *orders.Draft) { d.Totals.Tax, d.Totals.Total = 1<<53-1, 1<<53-1 }, "/totals/total"},
		"total at the limit":     {func(d *orders.Draft) { d.Totals.Tax, d.Totals.Total = 1<<53-1-2290, 1<<53-1 }, ""},
		"longest note":           {func(d *orders.Draft) { d.Note = long(1000) }, ""},
		"long note":              {func(d *orders.Draft) { d.Note = long(1001) }, "/note"},
		"note of two lines":      {func(d *orders.Draft) { d.Note = "a\nb" }, ""},
		"note with NUL":          {func(d *orders.Draft) { d.Note = "a\x00b" }, "/note"},
		"note of bad UTF-8":      {func(d *orders.Draft) { d.Note = "\xc3" }, "/note"},
		"20 pairs":               {meta(pairs(20)...), ""},
		"21 pairs":               {meta(pairs(21)...), "/metadata"},
		"pair without a key":     {meta("", "v"), "/metadata"},
		"longest pair":           {meta(long(40), long(500)), ""},
		"long key":               {meta(long(41), "v"), "/metadata"},
		"three bad keys":         {meta("", "v", long(41), "v", long(42), "v"), "/metadata"},
		"long value":             {meta("a/b~c", long(501)), "/metadata/a~1b~0c"},
		"value of two lines":     {meta("a", "b\nc"), "/metadata/a"},
		"whole address":          {address(func(a *orders.Address) { a.Line2, a.Region, a.PostalCode = "c/o Bob", "NRW", "53111" }), ""},
		"empty address":          {address(func(a *orders.Address) { *a = orders.Address{} }), "/ship_to/name /ship_to/line1 /ship_to/city /ship_to/country"},
		"long address":           {address(func(a *orders.Address) { a.Line2 = long(201) }), "/ship_to/line2"},
		"address of two lines":   {address(func(a *orders.Address) { a.Name = "a\rb" }), "/ship_to/name"},
		"country in full":        {address(func(a *orders.Address) { a.Country = "Germany" }), "/ship_to/country"},
		"country in small":       {address(func(a *orders.Address) { a.Country = "de" }), "/ship_to/country"},
		"all of it":              {func(d *orders.Draft) { *d = orders.Draft{} }, "/currency /customer_id /lines"},
		"the third line of many": {func(d *orders.Draft) { lines(4, cheap, 4)(d); d.Lines[2].Quantity = 0 }, "/lines/2/quantity"},
	} {
		t.Run(name, func(t *testing.T) {
			d := draft()
			c.change(&d)
			if d.CustomerID != "ada" { // else the customer is not found, which is told last
				w.customers = append(w.customers, d.CustomerID)
			}
			r, err := w.Place(t.Context(), shop, newKey(), d)
			if c.fields == "" {
				if err != nil {
					t.Fatal(err)
				}
				sum := int64(0)
				o := w.order(r.ID)
				for _, l := range o.Lines {
					sum += l.Total
				}
				if o.Totals.Subtotal != sum || o.Totals.Total != sum-o.Totals.Discount+o.Totals.Shipping+o.Totals.Tax {
					t.Errorf("totals %+v of lines of %d", o.Totals, sum)
				}
				return
			}
			e := w.is(err, orders.ErrInvalid)
			var fields []string
			for _, f := range e.Fields {
				fields = append(fields, f.Field)
				if f.Detail == "" || !strings.Contains(err.Error(), f.Detail) {
					t.Errorf("detail %q of %v", f.Detail, err)
				}
			}
			if got := strings.Join(fields, " "); got != c.fields {
				t.Errorf("fields %s, want %s", got, c.fields)
			}
		})
	}
	if n, err := w.store.List(t.Context(), orders.Filter{Limit: 1000}); err != nil || len(n) != len(w.published) {
		t.Errorf("%d orders, %d published: %v", len(n), len(w.published), err)
	}
}

// Whatever the sums are, an order is placed exactly if they add up within the
// limits, as worked out without any.
func TestSumsDoNotOverflow(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.OneOf(
			rapid.Int64Range(0, 1000), rapid.Int64(),
			rapid.SampledFrom([]int64{0, 1, orders.MaxQuantity, orders.MaxUnitPrice, orders.MaxTotal, orders.MaxTotal + 1, math.MaxInt64, math.MinInt64}),
		)
		d := orders.Draft{CustomerID: "ada", Currency: "JPY"}
		sum, good := new(big.Int), true
		in := func(v, low, high int64) { good = good && v >= low && v <= high }
		for range rapid.IntRange(1, 5).Draw(t, "lines") {
			l := orders.DraftLine{SKU: "a", Title: "A", Quantity: amount.Draw(t, "quantity"), UnitPrice: amount.Draw(t, "price")}
			in(l.Quantity, 1, orders.MaxQuantity)
			in(l.UnitPrice, 0, orders.MaxUnitPrice)
			total := new(big.Int).Mul(big.NewInt(l.Quantity), big.NewInt(l.UnitPrice))
			good = good && total.Cmp(big.NewInt(orders.MaxTotal)) <= 0
			sum.Add(sum, total)
			d.Lines = append(d.Lines, l)
		}
		good = good && sum.Cmp(big.NewInt(orders.MaxTotal)) <= 0
		d.Totals = orders.DraftTotals{Discount: amount.Draw(t, "discount"), Shipping: amount.Draw(t, "shipping"), Tax: amount.Draw(t, "tax")}
		for _, v := range []int64{d.Totals.Discount, d.Totals.Shipping, d.Totals.Tax} {
			in(v, 0, orders.MaxTotal)
		}
		good = good && sum.Cmp(big.NewInt(d.Totals.Discount)) >= 0
		total := new(big.Int).Add(sum, big.NewInt(d.Totals.Shipping))
		total.Add(total, big.NewInt(d.Totals.Tax)).Sub(total, big.NewInt(d.Totals.Discount))
		good = good && total.Cmp(big.NewInt(orders.MaxTotal)) <= 0
		d.Totals.Total = total.Int64() // which wraps where it is not good
		if rapid.IntRange(0, 9).Draw(t, "wrong") == 0 {
			d.Totals.Total++
			good = false
		}
		if _, err := w.Place(w.Context(), shop, newKey(), d); (err == nil) != good {
			t.Fatalf("%+v: %v, want good %v", d, err, good)
		}
	})
}
