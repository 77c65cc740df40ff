// One order: where it stands, what is in it, what it costs, what became of it,
// and what the person may do with it.

import { h, icon, keyed, fill } from "./dom.js";
import { NEXT } from "./orders.js";
import { statusBadge } from "./orderlist.js";
import { money } from "./money.js";
import { millis, dateTimeOf, fullTime } from "./format.js";
import { open, ask, field, form, words } from "./dialogs.js";
import { api } from "./api.js";
import { s } from "./strings.js";

const WAY = ["pending", "paid", "packed", "shipped", "delivered"]; // of an order that nothing happens to
const BACKWARD = new Set(["cancelled", "returned", "refunded"]);
const REASON_MOST = 200;

export class OrderDetail {
  id = "";
  history = []; // events of the order, by seq
  #error = null;
  #message = ""; // what became of the last try to change it
  #busy = false;

  constructor(store, on) {
    this.store = store;
    this.orders = store.orders;
    this.on = on;
    this.body = h("div.order-body", {});
    this.el = h("section.order", { "aria-label": s.orders, tabIndex: 0 }, this.body); // to be scrolled with the keys
    store.on("order", ({ id }) => id === this.id && this.#changed());
  }

  get order() {
    return this.orders.known.get(this.id);
  }

  /** show brings an order onto the page; it gives the order, or throws why there is none. */
  async show(id) {
    if (id !== this.id) {
      this.id = id;
      this.history = [];
      this.el.scrollTop = 0;
    }
    this.#message = "";
    this.#error = null;
    this.draw();
    try {
      const [order] = await Promise.all([this.orders.read(id), this.#past()]);
      return order;
    } catch (err) {
      if (id === this.id) {
        this.#error = err;
        this.draw();
      }
      throw err;
    } finally {
      if (id === this.id) this.draw();
    }
  }

  hide() {
    this.id = "";
    this.history = [];
    fill(this.body);
  }

  #changed() {
    this.draw();
    this.#past().then(() => this.draw(), () => {}); // what is missing then comes with the next change
  }

  /** past reads the events that are not here yet. */
  async #past() {
    const { id } = this;
    for (let more = true; more;) {
      const { items } = await api.orderEvents(id, this.history.at(-1)?.seq || 0);
      if (id !== this.id) return;
      const last = this.history.at(-1)?.seq || 0; // another answer may have come first
      const fresh = items.filter((e) => e.seq > last);
      this.history.push(...fresh);
      more = fresh.length > 0 && this.history.at(-1).seq < (this.order?.version || 0);
    }
  }

  draw() {
    const { order } = this;
    if (!this.id) return;
    this.el.setAttribute("aria-label", order ? s.order(order.number) : s.orders);
    if (!order) {
      const failed = this.#error;
      return keyed(this.body, [{ key: failed ? "failed" : "loading", version: failed?.code || "", make: () => this.#absent(failed) }]);
    }
    const steps = this.#steps(order);
    keyed(this.body, [
      { key: "state", version: [order.status, this.history.length].join("|"), make: () => this.#state(order) },
      { key: "actions", version: [steps.join(), this.#busy, this.#message, order.room_id].join("|"), make: () => this.#actions(order, steps) },
      { key: "lines", version: order.id, make: () => lines(order) },
      { key: "facts", version: String(order.version), make: () => facts(order) },
      { key: "history", version: String(this.history.at(-1)?.seq), make: () => past(this.history) },
    ].map((row) => ({ ...row, key: `${order.id}-${row.key}` })));
  }

  #absent(failed) {
    if (!failed) return h("p.order-wait", {}, h("span.dots", { "aria-hidden": "true" }, h("i"), h("i"), h("i")), h("span.unseen", {}, s.loading));
    return h("div.order-wait", {}, h("p.form-message", { role: "alert" }, words(failed)),
      h("button.plain", { type: "button", onclick: () => this.show(this.id).catch(() => {}) }, s.tryAgain));
  }

  /** state is the way that the order goes, with the place where it is. */
  #state(order) {
    const walked = ["pending", ...this.history.filter((e) => e.kind === "moved").map((e) => e.to)];
    const way = WAY.includes(order.status) ? WAY : [...new Set([...walked, order.status])];
    const at = way.indexOf(order.status);
    return h("div.order-state", { "data-status": order.status },
      h("ol.way", { "aria-label": s.status }, way.map((step, i) => h("li", {
        class: i < at ? "done" : i === at ? "now" : "", "aria-current": i === at ? "step" : null,
      }, h("i", {}, i < at && icon("check", 12)), h("span", {}, s.orderStatuses[step] || step)))),
      h("p.order-says", {}, s.statusText[order.status] || ""));
  }

  #steps(order) {
    if (this.orders.staff) return NEXT[order.status] || [];
    return order.status === "pending" && order.customer_id === this.store.me.id ? ["cancelled"] : [];
  }

  #actions(order, steps) {
    const buttons = steps.map((to) => h("button", {
      type: "button", class: BACKWARD.has(to) ? "plain danger" : "primary", disabled: this.#busy, "data-to": to,
      onclick: () => (this.orders.staff ? this.#step(order, to) : this.#cancel(order)),
    }, s.stepTo[to]));
    const bare = !buttons.length && !this.orders.staff && !this.#message;
    return h("div.order-actions", { class: bare ? "bare" : "", role: "group", "aria-label": s.steps, tabIndex: -1 },
      buttons.length ? buttons : this.orders.staff && h("span.none", {}, s.stepFinal),
      !order.room_id && h("button.plain.order-talk", { type: "button", onclick: () => this.on.talk() }, icon("talk", 16), s.talkAbout),
      h("p.form-message", { role: "alert" }, this.#message));
  }

  async #cancel(order) {
    if (!(await ask(s.cancelAsk(order.number), s.cancelText, s.cancelOrder, s.cancelKeep))) return;
    this.#busy = true;
    this.#message = "";
    this.draw();
    try {
      await this.orders.cancel(order.id);
      this.on.say(s.cancelDone);
    } catch (err) {
      await this.#refused(order.id, err);
    }
    this.#busy = false;
    this.draw();
    this.#focus();
  }

  /** step asks for a reason and moves the order on. */
  #step(order, to) {
    const reason = field("reason", s.stepReason, { maxLength: REASON_MOST, autofocus: true, autocapitalize: "sentences", spellcheck: true }, s.stepReasonHint);
    this.#message = "";
    const dialog = open("small", s.stepAsk(order.number, s.stepTo[to]), form({ reason }, s.stepTo[to], async (v) => {
      try {
        await this.orders.move(order.id, to, v.reason);
      } catch (err) {
        if (err.code !== "illegal_step") throw err;
        await this.#refused(order.id, err);
      }
      dialog.close();
      this.draw();
      this.#focus();
    }));
    if (BACKWARD.has(to)) dialog.querySelector("[type=submit]").classList.add("alarm");
  }

  /** refused says why in a way that fits: most often somebody else was faster. */
  async #refused(id, err) {
    this.#message = words(err);
    if (err.code !== "illegal_step") return;
    const order = await this.orders.read(id).catch(() => null);
    if (order) this.#message = s.stepTaken(s.orderStatuses[order.status] || order.status);
  }

  /** focus goes on with what can be done now, since the pressed button may be gone. */
  #focus() {
    const at = document.activeElement;
    if (at && at !== document.body && !at.closest("dialog")) return;
    const group = this.body.querySelector(".order-actions");
    (group?.querySelector("button:not(.order-talk)") || group)?.focus();
  }
}

function lines(order) {
  const { totals, currency } = order;
  const sum = (label, minor, cls = "") => h("tr", { class: cls }, h("th", { scope: "row" }, label), h("td.amount", {}, money(minor, currency)));
  const parts = [[s.discount, -totals.discount], [s.shipping, totals.shipping], [s.tax, totals.tax]].filter(([, minor]) => minor !== 0);
  return h("section.order-part", {}, h("h2", {}, s.lines), h("table.lines", {},
    h("thead.unseen", {}, h("tr", {}, h("th", { scope: "col" }, s.item), h("th", { scope: "col" }, s.amount))),
    h("tbody", {}, order.lines.map((line) => h("tr", {},
      h("th", { scope: "row" }, h("span", { dir: "auto" }, line.title),
        h("small", {}, s.quantity(line.quantity, money(line.unit_price, currency)), h("span.sku", { dir: "auto" }, line.sku))),
      h("td.amount", {}, money(line.total, currency))))),
    h("tfoot", {}, parts.length > 0 && sum(s.subtotal, totals.subtotal), parts.map((part) => sum(...part)), sum(s.total, totals.total, "sum"))));
}

function facts(order) {
  const to = order.ship_to;
  const at = millis(order.created_at);
  return h("section.order-part.order-facts", {},
    to && h("div", {}, h("h2", {}, s.shipTo), h("address", { dir: "auto" },
      [to.name, to.line1, to.line2, [to.postal_code, to.city].filter(Boolean).join(" "), to.region, country(to.country)].filter(Boolean).map((line) => h("span", {}, line)))),
    order.note && h("div", {}, h("h2", {}, s.note), h("p.order-note", { dir: "auto" }, order.note)),
    h("p.order-placed", {}, h("time", { dateTime: order.created_at, title: fullTime(at) }, s.placedAt(dateTimeOf(at)))));
}

/** country writes a code as the name that people know. */
function country(code) {
  try {
    return new Intl.DisplayNames(undefined, { type: "region" }).of(code) || code;
  } catch {
    return code;
  }
}

function past(events) {
  const what = (e) => ({ placed: s.placed, changed: s.noteChanged, room: s.talkOpened })[e.kind];
  return h("section.order-part", {}, h("h2", {}, s.history), h("ol.past", {}, events.toReversed().map((e) => {
    const at = millis(e.at);
    return h("li", { "data-status": e.kind === "moved" ? e.to : null },
      h("div.past-line", {}, what(e) ? h("b", {}, what(e)) : statusBadge(e.to), h("time", { dateTime: e.at, title: fullTime(at) }, dateTimeOf(at))),
      e.reason && h("p.past-reason", { dir: "auto" }, e.reason),
      h("small", { dir: "auto" }, s.by(e.actor.name)));
  })));
}
