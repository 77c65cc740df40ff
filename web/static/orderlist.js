// The list of orders, newest first, and what stands in for it.

import { h, icon, here, keyed, fill } from "./dom.js";
import { money } from "./money.js";
import { millis, dateOf, fullTime } from "./format.js";
import { words } from "./dialogs.js";
import { s } from "./strings.js";

/** statusBadge says where an order stands, in words and in a colour. */
export function statusBadge(status) {
  return h("span.status", { "data-status": status }, s.orderStatuses[status] || status);
}

/** orderPath is the address of an order on the page. */
export const orderPath = (id) => `/o/${encodeURIComponent(id)}`;

/** nothing fills a list that is empty. */
export function nothing(title, text) {
  return h("li.orders-none", {}, h("span.start-sign", {}, icon("box", 26)), h("b", {}, title), h("p", {}, text));
}

export class OrderList {
  constructor(store, on) {
    this.orders = store.orders;
    this.on = on;
    this.list = h("ul.order-list", { "aria-label": s.orders });
    this.foot = h("div.orders-foot", {});
    this.el = h("div.orders-part", {}, this.list, this.foot);
    store.on("orders", () => this.#later());
  }

  /** show reads the list when that was not done yet. Staff read it each time: no stream tells of others' orders. */
  show() {
    if (this.orders.state === "new" || this.orders.staff) this.orders.load(true);
    this.draw();
  }

  #later() {
    if (this.pending || !this.el.offsetParent) return; // show draws what is out of sight
    this.pending = true;
    queueMicrotask(() => {
      this.pending = false;
      this.draw();
    });
  }

  draw() {
    const { ids, known, state, fresh } = this.orders;
    const rows = ids.map((id) => known.get(id)).filter(Boolean).map((order) => ({
      key: order.id,
      version: [order.version, order.status, fresh.has(order.id)].join("|"),
      make: () => this.#row(order, fresh.has(order.id)),
    }));
    if (!rows.length && state === "ready") rows.push({ key: "none", version: "1", make: () => nothing(s.ordersNone, s.ordersNoneText) });
    keyed(this.list, rows);
    this.#foot(state, rows.length);
  }

  #row(order, fresh) {
    const at = millis(order.created_at);
    return h("li", {}, h("a.order-row", { href: orderPath(order.id), class: fresh ? "fresh" : "", "data-order": order.id, onclick: here(() => this.on.open(order.id)) },
      h("span.order-what", {}, h("b", { dir: "auto" }, order.number),
        h("small", {}, h("time", { dateTime: order.created_at, title: fullTime(at) }, dateOf(at)))),
      h("span.order-items", { dir: "auto" }, order.lines.length > 1 ? s.andMore(order.lines[0].title, order.lines.length - 1) : order.lines[0]?.title),
      fresh && h("span.fresh-mark", {}, h("span.unseen", {}, s.orderNew)),
      statusBadge(order.status),
      h("span.amount", {}, money(order.totals.total, order.currency))));
  }

  #foot(state, count) {
    const key = [state, count > 0, this.orders.more, this.orders.full].join("|");
    if (this.foot.dataset.key === key) return;
    this.foot.dataset.key = key;
    const had = this.foot.contains(document.activeElement);
    const again = (label) => h("button.plain", { type: "button", onclick: () => this.orders.load(!count || this.orders.error?.code === "bad_request") }, label);
    fill(this.foot,
      state === "loading" && [h("span.dots", { "aria-hidden": "true" }, h("i"), h("i"), h("i")), h("span.unseen", {}, s.loading)],
      state === "failed" && [h("p.form-message", { role: "alert" }, `${s.ordersFailed} ${words(this.orders.error)}`), again(s.tryAgain)],
      state === "ready" && this.orders.more && again(s.loadMore),
      state === "ready" && this.orders.full && h("p.none", {}, s.ordersMost));
    // Who pressed "more" goes on with the first order that it brought.
    if (had && state === "loading") this.from = count ? this.list.children.length : 0;
    else if (this.from !== undefined && state !== "loading") {
      if (document.activeElement === document.body) this.list.children[this.from]?.querySelector("a")?.focus();
      this.from = undefined;
    }
  }
}
