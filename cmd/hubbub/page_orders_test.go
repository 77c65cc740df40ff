package main

import (
	"testing"

	"hubbub/internal/testenv/browser"
	"hubbub/orders"
)

// The room of an order at the page of its customer: what the server says is a
// quiet line that counts as unread, and nothing is offered that would be refused.
func TestPageShowsARoomOfAnOrder(t *testing.T) {
	n, people := pages(t, "ada")
	ada := people[0]
	customer := orders.Caller{ID: browser.Eval[string](ada, `hubbub.store.me.id`), Role: orders.Customer}
	shop := newTill(t, n.orders)
	id := shop.place(customer.ID)
	room, _, err := n.orders.OpenRoom(t.Context(), customer, id)
	if err != nil {
		t.Fatal(err)
	}
	ada.Until("the room is listed", `[...document.querySelectorAll(".room .room-name")].some((e) => e.textContent.startsWith("Order "))`)
	shop.move(id, orders.Paid)
	ada.Until("a badge of 1", `document.querySelector(".room.unread .badge")?.firstChild.data === "1"`)

	ada.Open("/r/" + room)
	ada.Until("the step is told", `[...document.querySelectorAll(".note")].some((e) => e.textContent.endsWith("pending → paid"))`)
	ada.Post("when will it come?")
	ada.WaitFor("when will it come?")
	shop.move(id, orders.Packed)
	ada.Until("the next step is told live", `document.querySelector(".note:last-child")?.textContent.endsWith("paid → packed")`)
	if got := ada.Texts(); len(got) != 1 {
		t.Errorf("what the server says stands among the messages: %q", got)
	}
	ada.Click(`[aria-label="Room details"]`)
	ada.Until("the details", `!!document.querySelector("dialog .member-list li")`)
	if n := browser.Eval[int](ada, `document.querySelectorAll("dialog form, dialog details, dialog .danger").length`); n != 0 {
		t.Errorf("%d things are offered that would be refused", n)
	}
}
