// The pane of rooms: what there is, what is unread, who is there.

import { h, icon, iconButton, avatar, here, keyed, fill } from "./dom.js";
import { badge } from "./format.js";
import { s } from "./strings.js";

/** presenceOf is the status of the other side of a direct room: the best of theirs. */
function presenceOf(room) {
  const all = room.others.map((a) => room.status(a.id));
  return ["online", "away", "unknown"].find((status) => all.includes(status)) || "offline";
}

export class RoomList {
  constructor(store, on) {
    this.store = store;
    this.on = on;
    this.rooms = h("ul.room-list", { "aria-label": s.rooms });
    this.direct = h("ul.room-list", { "aria-label": s.direct });
    this.orders = h("a.room", { href: "/o", onclick: here(() => on.orders()), hidden: true });
    this.me = h("button.me", { type: "button", "aria-haspopup": "dialog", title: s.menu, onclick: () => on.menu() });
    this.el = h("nav.rail", { "aria-label": s.rooms },
      h("header.rail-head", {},
        h("a.wordmark", { href: "/", onclick: (e) => { e.preventDefault(); on.home(); } }, h("img", { src: "/static/icon.svg", alt: "", width: 26, height: 26 }), s.app),
        iconButton("compass", s.browse, () => on.browse())),
      h("button.finder", { type: "button", onclick: () => on.find() }, icon("search", 16), h("span", {}, s.jump), h("kbd", { "aria-hidden": "true" }, /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘K" : "Ctrl K")),
      h("div.rail-scroll", {}, this.orders,
        this.#section(s.rooms, this.rooms, iconButton("plus", s.newRoom, () => on.create())),
        this.#section(s.direct, this.direct, iconButton("plus", s.newDirect, () => on.direct()))),
      h("footer.rail-foot", {}, this.me));
    store.on("rooms", () => this.draw());
    store.on("presence", () => this.draw());
    store.on("orders", () => this.draw());
    this.drawMe();
  }

  #section(title, list, button) {
    return h("section.rail-section", {}, h("div.rail-title", {}, h("h2", {}, title), button), list);
  }

  drawMe() {
    const { me } = this.store;
    fill(this.me, avatar(me.id, me.display_name), h("span.me-text", {}, h("b", { dir: "auto" }, me.display_name),
      h("small", {}, me.guest ? s.guestTag : `@${me.name}`)), icon("more", 18));
  }

  draw() {
    if (this.pending) return;
    this.pending = true;
    queueMicrotask(() => {
      this.pending = false;
      this.#drawOrders();
      const all = this.store.sorted().filter((r) => !r.orderID);
      keyed(this.rooms, this.#rows(all.filter((r) => !r.direct), s.noRooms));
      keyed(this.direct, this.#rows(all.filter((r) => r.direct), ""));
    });
  }

  /** drawOrders draws the way to the orders, for who has some. */
  #drawOrders() {
    const { present, fresh } = this.store.orders;
    const key = [present, fresh.size].join("|");
    const shown = this.on.atOrders();
    this.orders.toggleAttribute("aria-current", false);
    if (shown) this.orders.setAttribute("aria-current", "page");
    if (this.orders.dataset.key === key) return;
    this.orders.dataset.key = key;
    this.orders.hidden = !present;
    this.orders.classList.toggle("unread", fresh.size > 0);
    fill(this.orders, h("span.room-sign", {}, icon("box", 17)), h("span.room-name", {}, s.orders),
      fresh.size > 0 && h("span.badge", {}, h("span", { "aria-hidden": "true" }, badge(fresh.size)), h("span.unseen", {}, s.orderNews(fresh.size))));
  }

  #rows(rooms, empty) {
    if (!rooms.length && empty) return [{ key: "none", version: "1", make: () => h("li.none", {}, empty) }];
    return rooms.map((room) => {
      const open = room === this.store.open;
      const presence = room.direct ? presenceOf(room) : "";
      const unread = open && document.hasFocus() ? 0 : room.unread;
      return {
        key: room.id,
        version: [room.mark, unread, open, presence].join("|"),
        make: () => h("li", {}, h("a.room", {
          href: `/r/${encodeURIComponent(room.ref)}`, class: unread ? "unread" : "", "aria-current": open ? "page" : null,
          onclick: here(() => this.on.open(room)),
        },
        room.direct
          ? h("span.room-sign", {}, avatar(room.others[0]?.id, room.title, "small"), h("i.presence", { class: presence, title: s.statuses[presence] }))
          : h("span.room-sign", {}, icon(room.sign, 16)),
        h("span.room-name", { dir: "auto" }, room.title),
        room.direct && h("span.unseen", {}, s.statuses[presence]),
        unread > 0 && h("span.badge", {}, badge(unread), h("span.unseen", {}, ` ${s.unread("").trim()}`)))),
      };
    });
  }
}
