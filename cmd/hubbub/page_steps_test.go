package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"hubbub/internal/testenv/browser"
	"hubbub/orders"
)

// The page offers the steps that the server takes, and has words for each status.
func TestPageKnowsTheSteps(t *testing.T) {
	_, people := pages(t, "ada")
	ada := people[0]
	browser.Eval[any](ada, `void Promise.all([import("/static/orders.js"), import("/static/strings.js")]).then(([o, t]) => {
		window.steps = Object.entries(o.NEXT).map(([from, to]) => from + ": " + to.join(", "));
		window.words = Object.keys(t.s.orderStatuses).filter((x) => t.s.statusText[x] && (x === "pending" || t.s.stepTo[x]));
	})`)
	ada.Until("the modules", `window.words`)
	var steps, words []string
	for _, from := range orders.Statuses {
		next := make([]string, 0, 3)
		for _, to := range from.Next() {
			next = append(next, string(to))
		}
		steps = append(steps, string(from)+": "+strings.Join(next, ", "))
		words = append(words, string(from))
	}
	for _, c := range []struct {
		got  []string
		want []string
	}{{browser.Eval[[]string](ada, `window.steps`), steps}, {browser.Eval[[]string](ada, `window.words`), words}} {
		slices.Sort(c.got)
		slices.Sort(c.want)
		if !slices.Equal(c.got, c.want) {
			t.Errorf("the page has %q, the server %q", c.got, c.want)
		}
	}
}

// An amount is exact up to the largest that an order can have, and its minor unit
// is that of ISO 4217, also where the browser would write other digits.
func TestPageWritesMoney(t *testing.T) {
	_, people := pages(t, "ada")
	ada := people[0]
	browser.Eval[any](ada, `void import("/static/money.js").then((m) => (window.money = (...a) => m.money(...a).replace(/\s/g, " ")))`)
	ada.Until("the module", `window.money`)
	for _, c := range []struct {
		minor    int64
		currency string
		want     string
	}{
		{1250, "EUR", "€12.50"},
		{5, "EUR", "€0.05"},
		{0, "USD", "$0.00"},
		{-500, "EUR", "-€5.00"},
		{12800, "JPY", "¥12,800"},
		{12500, "KWD", "KWD 12.500"},
		{7, "BHD", "BHD 0.007"},
		{199900, "HUF", "HUF 1,999.00"},
		{150000, "IDR", "IDR 1,500.00"},
		{1000, "ISK", "ISK 1,000"},
		{orders.MaxTotal, "EUR", "€90,071,992,547,409.91"},
	} {
		if got := browser.Eval[string](ada, fmt.Sprintf(`window.money(%d, %q)`, c.minor, c.currency)); got != c.want {
			t.Errorf("%d %s is shown as %q, want %q", c.minor, c.currency, got, c.want)
		}
	}
}
