// The queue of support: the talks about orders, those with something unread
// first, then the liveliest. Who waits for an answer is marked.

import { h, avatar, here, keyed } from "./dom.js";
import { ago, badge, fullTime } from "./format.js";
import { plain } from "./markdown.js";
import { orderPath, statusBadge, nothing } from "./orderlist.js";
import { api } from "./api.js";
import { s } from "./strings.js";

const LOOK_BACK = 20; // messages in which the last that a person wrote is looked for
const AT_ONCE = 30; // rooms that are asked for it between two draws
const EVERY = 30_000; // milliseconds after which "ago" is written anew

export class OrderQueue {
  #asked = new Set(); // ids of orders, and of rooms for their last words, that were asked for
  #busy = false;

  constructor(store, on) {
    this.store = store;
    this.orders = store.orders;
    this.on = on;
    this.count = h("p.queue-count", {});
    this.list = h("ul.order-list", { "aria-label": s.queue });
    this.el = h("div.orders-part", {}, this.count, this.list);
    for (const topic of ["orders", "rooms"]) store.on(topic, () => this.#later());
    store.on("ordersReset", () => this.#asked.clear());
    this.timer = setInterval(() => this.#later(), EVERY);
  }

  stop() {
    clearInterval(this.timer);
  }

  /** show brings in what the rows need beside the rooms: the orders, and what was last said. */
  show() {
    this.draw();
    this.#complete();
  }

  #later() {
    if (this.pending || !this.el.offsetParent) return; // show draws what is out of sight
    this.pending = true;
    queueMicrotask(() => {
      this.pending = false;
      this.show();
    });
  }

  /** complete asks for what rows lack, a part of them at once; the next draw goes on. */
  async #complete() {
    if (this.#busy) return;
    this.#busy = true;
    const rooms = this.orders.rooms();
    const missing = rooms.map((r) => r.orderID).filter((id) => !this.#asked.has(id) && !this.orders.known.has(id));
    // The log's last event need not be something that a person wrote.
    const silent = rooms.filter((r) => !r.talk && r.seen && !this.#asked.has(r.id)).slice(0, AT_ONCE);
    try {
      await this.orders.lookup(missing);
      for (const id of missing) this.#asked.add(id); // one that is not there is not asked for again
      for (const room of silent) {
        const { items } = await api.messages(room.id, { limit: LOOK_BACK });
        this.#asked.add(room.id);
        for (const m of items) room.hears(m);
        this.#later();
      }
    } catch (err) {
      console.warn("hubbub: the queue is not complete", err.code);
    }
    this.#busy = false;
  }

  /** waits tells whether the customer had the last word. */
  #waits(room, order) {
    return !!room.talk && !!order && room.talk.actor.id === order.customer_id;
  }

  /** said is what was last said; the row has the customer's name already. */
  #said({ actor, text }, order) {
    const words = plain(text || s.deleted, 160);
    if (actor.id === order?.customer_id) return words;
    return s.said(actor.id === this.store.me.id ? s.you : actor.name, words);
  }

  draw() {
    const now = Date.now();
    const rows = this.orders.rooms().map((room) => {
      const order = this.orders.known.get(room.orderID);
      return { room, order, waits: this.#waits(room, order) };
    }).sort((a, b) => (b.room.unread > 0) - (a.room.unread > 0) || b.room.activity - a.room.activity);
    const waiting = rows.filter((r) => r.waits).length;
    this.count.textContent = rows.length ? [waiting && s.queueWaiting(waiting), s.queueCount(rows.length)].filter(Boolean).join(" · ") : "";
    keyed(this.list, rows.length ? rows.map(({ room, order, waits }) => {
      const when = ago(room.talk?.at || room.activity, now);
      return {
        key: room.id,
        version: [room.title, order?.version, waits, room.unread, room.talk?.seq, when].join("|"),
        make: () => this.#row({ room, order, waits, when }),
      };
    }) : [{ key: "none", version: "1", make: () => nothing(s.queueNone, s.queueNoneText) }]);
  }

  #row({ room, order, waits, when }) {
    const { talk, unread } = room;
    const customer = order ? room.names.get(order.customer_id) || order.ship_to?.name || "" : "";
    const at = talk?.at || room.activity;
    return h("li", {}, h("a.queue-row", { href: orderPath(room.orderID), "data-order": room.orderID, class: [unread && "unread", waits && "waits"].filter(Boolean).join(" "), onclick: here(() => this.on.open(room.orderID)) },
      avatar(order?.customer_id || room.id, customer || "?"),
      h("span.queue-text", {},
        h("span.queue-line", {}, h("b", { dir: "auto" }, customer || room.title), h("span.queue-number", { dir: "auto" }, order?.number), order && statusBadge(order.status)),
        h("span.queue-last", { dir: "auto" }, talk ? this.#said(talk, order) : s.notTalked)),
      h("span.queue-when", {}, h("time", { dateTime: new Date(at).toISOString(), title: fullTime(at) }, when),
        waits && h("span.waits-mark", {}, s.waits)),
      h("span.queue-unread", {}, unread > 0 && h("span.badge", {}, badge(unread), h("span.unseen", {}, ` ${s.unread("").trim()}`)))));
  }
}
