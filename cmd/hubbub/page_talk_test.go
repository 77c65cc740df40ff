package main

import (
	"fmt"
	"strings"
	"testing"

	"hubbub/chat"
	"hubbub/internal/testenv/browser"
	"hubbub/orders"
)

// placeFor stores an order of two mugs, or what the title says, for whoever sits
// at the page.
func (s till) placeFor(p *browser.Page, title string) orders.Order {
	s.t.Helper()
	reply, err := s.service.Place(s.t.Context(), s.caller, s.key(), orders.Draft{
		CustomerID: browser.Eval[string](p, `hubbub.store.me.id`), Currency: "EUR", Note: "note of <i>" + title + "</i>",
		Lines:  []orders.DraftLine{{SKU: "MUG-01", Title: title, Quantity: 2, UnitPrice: 1250}},
		Totals: orders.DraftTotals{Shipping: 490, Total: 2990},
		ShipTo: &orders.Address{Name: "<b>A</b>", Line1: "1 <u>Street</u>", City: "London", Country: "GB"},
	})
	if err != nil {
		s.t.Fatalf("place: %v", err)
	}
	o, err := orders.Parse(reply.Doc)
	if err != nil {
		s.t.Fatalf("parse what was placed: %v", err)
	}
	return o
}

func (s till) moveBecause(id orders.ID, to orders.Status, reason string) {
	s.t.Helper()
	if _, err := s.service.Move(s.t.Context(), s.caller, id, s.key(), to, reason); err != nil {
		s.t.Fatalf("move to %s: %v", to, err)
	}
}

// comesAsSupport makes the user of a page support, and signs in anew: who is
// signed in already is known by the new role only after some seconds.
func comesAsSupport(t *testing.T, n *node, p *browser.Page, name string) {
	t.Helper()
	if _, err := n.accounts.SetRole(t.Context(), name, chat.Support); err != nil {
		t.Fatal(err)
	}
	p.Click(".rail .me")
	p.Click(".menu-item:last-child")
	p.Until("the door", `!!document.querySelector(".door")`)
	p.SignIn(name)
	p.Visit("/o")
}

// orderRow waits until the list shows an order with these words in its row.
func orderRow(p *browser.Page, o orders.Order, words ...string) {
	p.Until(fmt.Sprintf("the row of %s with %q", o.Number, words), inView(`.orders-part:not([hidden]) [data-order="`+string(o.ID)+`"]`, words...))
}

// inView is an expression: the element is in view and has all of the words.
func inView(selector string, words ...string) string {
	has := []string{fmt.Sprintf(`(el => el?.checkVisibility() && [el.innerText.replace(/\s+/g, " ")].every((text) => %q.split("|").every((w) => text.includes(w))))(document.querySelector(%q))`,
		strings.Join(words, "|"), selector)}
	return strings.Join(has, "&&")
}

// cutOff ends the page's connection, as a network does.
func cutOff(p *browser.Page) {
	browser.Eval[any](p, `void (() => {
		const { send } = WebSocket.prototype;
		WebSocket.prototype.send = function (...a) { WebSocket.prototype.send = send; setTimeout(() => this.close()); return send.apply(this, a); };
		hubbub.store.socket.send({ type: "ping" });
	})()`)
	p.Until("the connection is lost", `hubbub.store.connection.state !== "open"`)
}

func TestPageFollowsOrders(t *testing.T) {
	n, people := pages(t, "ada")
	ada, shop := people[0], newTill(t, n.orders)
	if browser.Eval[bool](ada, `document.querySelector('.rail a[href="/o"]').checkVisibility()`) {
		t.Error("the way to the orders is shown to who has none")
	}
	const evil = `Mug <img src=x onerror="document.title='pwned'">`
	first, second := shop.placeFor(ada, evil), shop.placeFor(ada, "Tea pot")
	ada.Until("the way to the orders, with the news", inView(`.rail a[href="/o"]`, "Orders", "2"))
	ada.Click(`.rail a[href="/o"]`)
	orderRow(ada, first, first.Number, "Pending", "€29.90")
	orderRow(ada, second, second.Number, "Pending")
	if got := browser.Eval[string](ada, `document.querySelector(".order-list a").dataset.order`); got != string(second.ID) {
		t.Errorf("the newest order is not the first: %s", got)
	}

	// Live, in the list and on the order's own page.
	shop.move(first.ID, orders.Paid)
	orderRow(ada, first, "Paid")
	ada.Click(`[data-order="` + string(first.ID) + `"]`)
	ada.Until("the order", inView(".order", "Mug <img", "2 × €12.50", "Shipping", "€4.90", "€29.90", "1 <u>Street</u>", "United Kingdom", "note of <i>"))
	ada.Until("its title has the focus", `document.activeElement.innerText.includes("`+first.Number+`")`)
	shop.moveBecause(first.ID, orders.Packed, "<b>wrapped</b>")
	ada.Until("the step", inView(".room-head .status", "Packed"))
	ada.Until("the place on the way", inView(".way [aria-current=step]", "Packed"))
	ada.Until("the history", inView(".past li", "Packed", "<b>wrapped</b>", "by Till 2"))

	// What came while the connection was away is caught up on, without reading the list again.
	asked := `performance.getEntriesByType("resource").filter((e) => e.name.includes("/v1/orders?")).length`
	before := browser.Eval[int](ada, asked)
	cutOff(ada)
	shop.move(first.ID, orders.Shipped)
	shop.move(second.ID, orders.Paid)
	ada.Until("the step that was missed", inView(".room-head .status", "Shipped"))
	ada.Click(".to-list")
	orderRow(ada, second, "Paid", "changed")
	orderRow(ada, first, "Shipped")
	if again := browser.Eval[int](ada, asked); again != before {
		t.Errorf("the list was read %d times more", again-before)
	}
	if got := browser.Eval[string](ada, `document.activeElement.dataset.order`); got != string(first.ID) {
		t.Errorf("back in the list the focus is at %q", got)
	}

	// A log that began a new life is told, and all is read again.
	browser.Eval[any](ada, `hubbub.store.frame({ type: "reset", room: "orders/" + hubbub.store.me.id, epoch: "ANOTHER", head: 0, reason: "restored" })`)
	ada.Until("the person is told", `document.querySelector(".toast")?.innerText.includes("restored")`)
	ada.Until("the list was read again", asked+` > `+fmt.Sprint(before))
	orderRow(ada, first, "Shipped")
	shop.move(first.ID, orders.Delivered)
	orderRow(ada, first, "Delivered")

	if n := browser.Eval[int](ada, `document.querySelectorAll(".main img:not(.blank img), .main b b, .main script, .main u").length`); n != 0 {
		t.Errorf("%d elements came out of an order", n)
	}
}

func TestPageCancelsAnOrder(t *testing.T) {
	n, people := pages(t, "ada")
	ada, shop := people[0], newTill(t, n.orders)
	first, second := shop.placeFor(ada, "Mug"), shop.placeFor(ada, "Tea pot")
	cancel := func(o orders.Order) {
		ada.Visit("/o/" + string(o.ID))
		ada.Click(".order-actions [data-to=cancelled]")
		ada.Until("the question", inView("dialog", o.Number))
	}
	cancel(first)
	ada.Click("dialog .plain")
	ada.Until("nothing happened, and the focus is back", `!document.querySelector("dialog") && document.activeElement.dataset.to === "cancelled"`)
	ada.Click(".order-actions [data-to=cancelled]")
	ada.Click("dialog .primary")
	ada.Until("it is cancelled", inView(".room-head .status", "Cancelled"))
	ada.Until("and cannot be again", `!document.querySelector("[data-to=cancelled]")`)

	// The shop was faster.
	cancel(second)
	shop.move(second.ID, orders.Paid)
	ada.Until("the step", inView(".room-head .status", "Paid"))
	ada.Click("dialog .primary")
	ada.Until("the refusal is told", inView(".order-actions [role=alert]", "the order is paid now"))

	// An order of somebody else looks absent.
	ada.Visit("/o/" + string(orders.NewID(clock())))
	ada.Until("the person is told", `document.querySelector(".toast")?.innerText.includes("does not exist")`)
	orderRow(ada, second, "Paid")
}

func TestPageTalksAboutAnOrder(t *testing.T) {
	n, people := pages(t, "ada", "sam")
	ada, sam, shop := people[0], people[1], newTill(t, n.orders)
	comesAsSupport(t, n, sam, "sam")
	sam.Until("an empty queue", inView(".orders", "Nobody has a question"))
	o := shop.placeFor(ada, "Mug")
	ada.Visit("/o/" + string(o.ID))
	ada.Click(".order-talk")
	ada.Post("is it **blue**? <img src=x>")
	ada.WaitFor("is it blue? <img src=x>")

	orderRow(sam, o, "ada", o.Number, "Pending", "is it blue? <img src=x>", "Waits for an answer", "1 unread")
	sam.Click(`[data-order="` + string(o.ID) + `"]`)
	sam.WaitFor("is it blue? <img src=x>")
	sam.Post("as the sea")
	ada.WaitFor("as the sea")

	// Nothing is offered that the server would refuse.
	ada.Click(`[aria-label="Room details"]`)
	ada.Until("who is in the talk", `document.querySelectorAll("dialog .member-list li").length === 2`)
	if n := browser.Eval[int](ada, `document.querySelectorAll("dialog form, dialog details, dialog .danger, dialog select").length`); n != 0 {
		t.Errorf("%d things are offered that would be refused", n)
	}
	browser.Eval[any](ada, `document.querySelector("dialog").close()`)

	// A step is a message beside what was said, and the order changes with it.
	sam.Click(".sides button:first-child")
	sam.Click(".order-actions [data-to=paid]")
	sam.Type("dialog input", "<b>card</b>\r")
	notice := "Order " + o.Number + ": pending → paid (<b>card</b>)"
	for _, p := range []*browser.Page{ada, sam} {
		p.Until("the step", inView(".room-head .status", "Paid"))
		p.Until("the notice, as text", `[...document.querySelectorAll(".note.system span")].some((el) => el.textContent === `+fmt.Sprintf("%q", notice)+`)`)
	}
	sam.Until("the focus is at the next step", `document.activeElement.dataset.to === "packed"`)

	// Somebody else was faster, and the buttons follow.
	sam.Click(".order-actions [data-to=packed]")
	shop.move(o.ID, orders.Packed)
	sam.Until("the step of the shop", inView(".order-actions", "Mark as shipped"))
	sam.Click("dialog [type=submit]")
	sam.Until("the refusal is told", inView(".order-actions [role=alert]", "the order is packed now"))

	sam.Click(".to-list")
	orderRow(sam, o, "Packed", "You: as the sea")
	if got := browser.Eval[string](sam, `document.querySelector(".order-list").innerText`); strings.Contains(got, "Waits") {
		t.Errorf("nobody waits any more: %q", got)
	}
	sam.Click(`.segments a[href="/o/all"]`)
	orderRow(sam, o, "Packed", "€29.90")
	sam.Type("[role=search] input", strings.ToLower(o.Number)+"\r")
	sam.Until("the order of that number", inView(".room-head h1", o.Number))
}
