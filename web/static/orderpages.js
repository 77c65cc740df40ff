// The pages about orders: the list or the queue, and one order with the talk
// about it beside it. On a narrow screen the order and the talk take turns.

import { h, icon, iconButton, here, fill } from "./dom.js";
import { OrderList, statusBadge, orderPath } from "./orderlist.js";
import { OrderQueue } from "./orderqueue.js";
import { OrderDetail } from "./orderdetail.js";
import { words } from "./dialogs.js";
import { badge } from "./format.js";
import { s } from "./strings.js";

const HOME = "/o";
const ALL = "/o/all";

export class OrderPages {
  id = ""; // of the order on the screen
  all = false; // staff look at all orders, not at the queue

  /** page shows and hides what they share with the rooms: view, talk, path, hear, rooms, say. */
  constructor(store, page) {
    this.store = store;
    this.orders = store.orders;
    this.page = page;
    const on = { open: (id) => this.open(id, { talk: this.orders.staff && !this.all }), talk: () => this.#talk(), say: page.say };
    this.list = new OrderList(store, on);
    this.queue = this.orders.staff && new OrderQueue(store, on);
    this.detail = new OrderDetail(store, on);
    this.tools = this.orders.staff && h("div.orders-tools", {}, this.tabs = h("nav.segments.links", { "aria-label": s.orders }), this.#finder());
    this.home = h("section.orders", { "aria-label": s.orders }, h("div.orders-column", {}, this.tools, this.queue && this.queue.el, this.list.el));
    this.switch = h("div.segments.sides", { role: "group", "aria-label": s.sides });
    this.door = h("section.talk-door", { "aria-label": s.talk, hidden: true });
    store.on("order", ({ id, event }) => id === this.id && this.#changed(event));
    store.on("rooms", () => this.id && this.#rooms());
    store.on("ordersReset", () => this.#restored());
    this.onfocus = () => this.id && this.orders.looked(this.id);
    addEventListener("focus", this.onfocus);
  }

  stop() {
    removeEventListener("focus", this.onfocus);
    if (this.queue) this.queue.stop();
  }

  /** els are the parts of the main pane, in the order of the Tab key: the talk comes first for staff. */
  els(talk) {
    return this.orders.staff ? [this.switch, this.home, this.door, ...talk, this.detail.el] : [this.switch, this.home, this.detail.el, this.door, ...talk];
  }

  /** route opens what the rest of an address names. */
  route(ref) {
    if (!ref || ref === "all") return this.show(ref === "all", false);
    let id = ref;
    try {
      id = decodeURIComponent(ref);
    } catch {
      // No order is called so, which is said like that of any other.
    }
    return this.open(id, { push: false });
  }

  /** show opens the list, or for staff the queue. */
  show(all = false, push = true) {
    const before = this.id;
    this.all = all && this.orders.staff;
    this.page.path(this.all ? ALL : HOME, push);
    this.page.view("orders");
    const part = this.orders.staff && !this.all ? this.queue : this.list;
    this.list.el.hidden = part !== this.list;
    if (this.queue) this.queue.el.hidden = part !== this.queue;
    if (this.tools) fill(this.tabs, this.#tab(HOME, s.queue, !this.all), this.#tab(ALL, s.ordersAll, this.all));
    part.show();
    this.page.drawHead();
    // Coming back, the person goes on where they were.
    const row = before && part.el.querySelector(`[data-order="${CSS.escape(before)}"]`);
    if (row) row.focus();
    else this.page.focusHead();
  }

  #tab(href, label, now) {
    return h("a", { href, "aria-current": now ? "page" : null, onclick: here(() => this.show(href === ALL)) }, label);
  }

  #finder() {
    const input = h("input.filter", { type: "search", name: "number", placeholder: s.orderFind, "aria-label": s.orderFind, autocomplete: "off", spellcheck: false, maxLength: 40 });
    return h("form", { role: "search", onsubmit: async (e) => {
      e.preventDefault();
      const number = input.value.trim().toUpperCase();
      if (!number) return;
      try {
        const order = await this.orders.find(number);
        if (order) await this.open(order.id);
        else this.page.say(s.orderNotFound(number));
      } catch (err) {
        this.page.say(words(err));
      }
    } }, input);
  }

  /** open shows an order; with `talk` the talk comes first on a narrow screen, at the message `seq`. */
  async open(id, { talk = false, seq = 0, push = true } = {}) {
    this.leave();
    this.page.path(orderPath(id), push);
    this.page.view("order");
    this.id = id;
    this.#side(talk ? "talk" : "order");
    this.orders.looked(id);
    this.#attach(seq);
    this.page.drawHead();
    if (!this.store.open || !talk) this.page.focusHead();
    try {
      await this.detail.show(id);
    } catch (err) {
      if (err.code !== "not_found" || this.id !== id) return;
      this.page.say(s.orderMissing);
      return this.show(this.all, false);
    }
    if (this.id !== id) return;
    if (!this.store.open) await this.#attach(seq);
    this.page.drawHead();
  }

  /** leave is called when the order goes off the screen. */
  leave() {
    this.id = "";
    this.detail.hide();
  }

  /** attach puts the talk beside the order, or the door to it while there is none. */
  #attach(seq = 0) {
    const order = this.orders.known.get(this.id);
    const room = this.orders.rooms().find((r) => r.orderID === this.id);
    this.door.hidden = !!room || !order;
    this.#drawSwitch(room);
    if (room) {
      this.page.view("order", room);
      return this.page.talk(room, seq, this.side === "talk");
    }
    const joins = this.orders.staff && !!order?.room_id;
    if (this.door.dataset.joins !== String(joins)) {
      this.door.dataset.joins = String(joins);
      fill(this.door, h("span.start-sign", {}, icon("talk", 26)), h("h2", {}, joins ? s.talkJoinTitle : s.talkAsk), h("p", {}, joins ? s.talkJoinText : s.talkAskText),
        h("button.primary", { type: "button", onclick: () => this.#talk() }, joins ? s.talkJoin : s.talkAbout));
    }
    return null;
  }

  /** talk opens the room about the order, and goes there. */
  async #talk() {
    const { id } = this;
    this.#side("talk");
    if (!this.store.open) {
      if (this.opening) return;
      this.opening = true;
      try {
        await this.orders.openRoom(id);
        if (this.id === id && !this.store.open) await this.#attach();
      } catch (err) {
        this.page.say(words(err));
      }
      this.opening = false;
    }
    if (this.id === id && this.store.open) this.page.write();
  }

  #side(side) {
    this.side = side;
    this.page.side(side);
    this.#drawSwitch(this.store.open);
  }

  #drawSwitch(room) {
    const unread = this.side !== "talk" && room?.unread;
    const key = `${this.side}|${unread}`;
    if (this.switch.dataset.key === key) return;
    this.switch.dataset.key = key;
    const had = this.switch.contains(document.activeElement);
    const part = (side, label, more) => h("button", { type: "button", "aria-pressed": String(this.side === side), onclick: () => this.#side(side) }, label, more);
    fill(this.switch, part("order", s.orderSide), part("talk", s.talk, unread > 0 && h("span.badge", {}, badge(unread), h("span.unseen", {}, ` ${s.unread("").trim()}`))));
    if (had) this.switch.querySelector('[aria-pressed="true"]').focus();
  }

  #changed(event) {
    this.page.drawHead();
    if (document.hasFocus()) this.orders.looked(this.id);
    if (!this.store.open && this.detail.order) this.#attach();
    // In the talk the change is a message, and is read aloud as one.
    if (event?.change === "moved" && !this.store.open) this.page.hear(s.order(event.number), s.orderIs(s.orderStatuses[event.status] || event.status));
  }

  #rooms() {
    const room = this.store.open;
    if (room && !room.member) this.page.view("order"); // somebody ended the membership
    if (!this.store.open && this.detail.order) this.#attach();
    this.#drawSwitch(this.store.open);
  }

  #restored() {
    this.page.say(s.ordersRestored);
    if (this.id) this.open(this.id, { talk: this.side === "talk", push: false });
  }

  /** head gives what stands above: {key, parts}; key is the same as long as they are. */
  head(room) {
    const order = this.id && this.orders.known.get(this.id);
    const back = this.id
      ? iconButton("back", s.orders, () => this.show(this.all), { class: "to-list" })
      : iconButton("back", s.back, () => this.page.rooms(), { class: "back" });
    if (!this.id) return { key: "orders", parts: [back, h("div.room-title", {}, h("h1", { tabIndex: -1 }, s.orders))] };
    const customer = order && this.orders.staff && (room?.names.get(order.customer_id) || order.ship_to?.name);
    return {
      key: ["order", this.id, order?.number, order?.status, customer, room?.id].join("|"),
      parts: [back, h("div.room-title", {}, h("h1", { tabIndex: -1, dir: "auto" }, order ? s.order(order.number) : s.loading),
        order && statusBadge(order.status), customer && h("p.topic", { dir: "auto" }, customer)),
      room && iconButton("people", s.details, () => this.page.details(room))],
    };
  }

  get title() {
    const order = this.id && this.orders.known.get(this.id);
    return order ? s.order(order.number) : s.orders;
  }
}
