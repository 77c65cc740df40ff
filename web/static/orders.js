// The page's model of orders: those that it knows, the list as far as it was
// read, and the customer's own stream, which tells live what becomes of them.
// It tells the views by the store's topics:
//
//   orders           the list, or something that a list shows, changed
//   order {id, event?}   one order changed; event is what the stream said

import { api } from "./api.js";
import { RoomLog } from "./log.js";
import { newID } from "./format.js";

/** NEXT is the server's table of what may follow a status, so that only legal steps are offered. */
export const NEXT = {
  pending: ["paid", "cancelled"], paid: ["packed", "cancelled", "refunded"], packed: ["shipped", "refunded"],
  shipped: ["delivered", "refunded"], delivered: ["returned", "refunded"], returned: ["refunded"], cancelled: [], refunded: [],
};

const STREAM = "orders/me";
const PAGE = 30;
const LOOKUP = 100; // ids in one look-up
const MOST = 600; // orders in the list
const TRIES = 3;
const AGAIN = new Set(["unreachable", "unknown_outcome", "unavailable", "key_running", "rate_limited"]);
const NONE = new Set(["not_found", "forbidden", "bad_request", "invalid", "unsupported"]); // a server without orders

export class Orders {
  known = new Map(); // id → the order as the server last told it; MOST of the list and those of rooms
  ids = []; // of the list, newest first
  state = "new"; // of the list: new, loading, ready, failed
  error = null;
  news = new Set(); // ids of orders that somebody else changed since they were looked at
  log = null; // of the stream, once it was joined
  #next = null; // the cursor of the list's next page
  #turn = 0; // answers to an older question are dropped
  #joined = false;
  #stream = true; // until the server says that it has none
  #reading = new Map(); // id → {again, done}

  constructor(store) {
    this.store = store;
    this.staff = store.me.role === "support";
    store.on("connection", () => this.#connection());
    // Staff have no stream of others' orders: the order's room tells them.
    store.on("messages", ({ room, item }) => {
      if (this.staff && room.orderID && item?.kind === "system") this.read(room.orderID).catch(() => {});
    });
  }

  /** present tells whether there is anything to show. */
  get present() {
    return this.staff || this.ids.length > 0 || this.rooms().length > 0;
  }

  /** rooms lists the rooms about orders that I am in. */
  rooms() {
    return this.store.sorted().filter((r) => r.orderID);
  }

  /** fresh lists the ids of orders with something that I have not seen. */
  get fresh() {
    return new Set([...this.news, ...this.rooms().filter((r) => r.unread > 0).map((r) => r.orderID)]);
  }

  /** looked says that the person has an order in front of them. */
  looked(id) {
    if (this.news.delete(id)) this.store.emit("orders");
  }

  /** more tells whether load has another page to read; full, that the list holds no more. */
  get more() {
    return this.#next !== null && !this.full;
  }

  get full() {
    return this.ids.length >= MOST;
  }

  /** load reads the next page of the list; `anew` begins at the newest order. */
  async load(anew = this.state === "new") {
    if (this.state === "loading" && !anew) return;
    const turn = ++this.#turn;
    this.state = "loading";
    this.store.emit("orders");
    try {
      const { items, next } = await api.orders({ limit: PAGE, cursor: anew ? null : this.#next });
      if (turn !== this.#turn) return;
      if (anew) this.ids = [];
      for (const order of items) this.#list(this.#take(order).id);
      this.#next = next ?? null;
      this.state = "ready";
      this.error = null;
    } catch (err) {
      if (turn !== this.#turn) return;
      this.state = "failed";
      this.error = err;
    }
    this.store.emit("orders");
  }

  /** read asks for one order again; questions that come while one is on its way become one more. */
  read(id) {
    const running = this.#reading.get(id);
    if (running) {
      running.again = true;
      return running.done;
    }
    const job = { again: true };
    job.done = (async () => {
      while (job.again) {
        job.again = false;
        this.#take(await api.order(id));
      }
      return this.known.get(id);
    })().finally(() => this.#reading.delete(id));
    this.#reading.set(id, job);
    job.done.then(() => this.#tell(id), () => {});
    return job.done;
  }

  /** lookup reads the orders of these ids that are not known yet. */
  async lookup(ids) {
    const unknown = ids.filter((id) => !this.known.has(id));
    for (let i = 0; i < unknown.length; i += LOOKUP) {
      const { items } = await api.lookupOrders(unknown.slice(i, i + LOOKUP));
      for (const order of items) this.#take(order);
    }
    if (unknown.length) this.store.emit("orders");
  }

  /** find gives the order of a number, or null. */
  async find(number) {
    const { items } = await api.orders({ number, limit: 1 });
    return items.length ? this.#take(items[0]) : null;
  }

  cancel(id) {
    return this.#change(id, (key) => api.cancelOrder(id, key));
  }

  move(id, to, reason) {
    return this.#change(id, (key) => api.moveOrder(id, key, { to, ...(reason && { reason }) }));
  }

  /** openRoom makes the order's room, or takes the caller into it, and gives its id. */
  async openRoom(id) {
    const { room_id: room } = await this.#insist(() => api.openOrderRoom(id));
    const order = this.known.get(id);
    if (order) order.room_id = room;
    await this.store.refresh();
    return room;
  }

  async #change(id, call) {
    const key = newID();
    const order = await this.#insist(() => call(key));
    if (order?.id === id) this.#take(order);
    this.#tell(id);
  }

  /** insist tries again where that may help; the caller's key keeps it one change. */
  async #insist(call) {
    for (let tries = 1; ; tries++) {
      try {
        return await call();
      } catch (err) {
        if (!AGAIN.has(err.code) || tries === TRIES) throw err;
        await new Promise((done) => setTimeout(done, err.retryAfter || 400 * 2 ** tries));
      }
    }
  }

  /** take keeps what the server told; an answer may be older than what the stream said meanwhile. */
  #take(order) {
    const before = this.known.get(order.id);
    if (before && before.version > order.version) return before;
    this.known.set(order.id, order);
    return order;
  }

  /** list puts an id in its place: ids are in the order of time. */
  #list(id) {
    if (this.ids.includes(id)) return;
    const at = this.ids.findIndex((other) => other < id);
    this.ids.splice(at < 0 ? this.ids.length : at, 0, id);
    if (this.ids.length > MOST) this.known.delete(this.ids.pop());
  }

  #tell(id, event = null) {
    this.store.emit("order", { id, event });
    this.store.emit("orders");
  }

  #connection() {
    if (this.store.connection.state !== "open") this.#joined = false;
    else if (!this.#joined && this.#stream) this.#join();
  }

  async #join() {
    this.#joined = true;
    const { log } = this;
    try {
      await this.store.socket.request({ type: "join", room: STREAM, ...(log && { since: log.cursor, epoch: log.epoch }) });
    } catch (err) {
      this.#joined = false;
      if (NONE.has(err.code)) {
        this.#stream = false;
        if (this.state === "new") this.load();
      } else if (err.code !== "disconnected") this.#soon(err.retryAfter || 2000);
    }
  }

  #soon(delay) {
    setTimeout(() => this.#connection(), delay);
  }

  /** frame takes what the socket says of the stream. */
  frame(frame) {
    if (frame.type === "joined") {
      if (!this.log) {
        this.log = new RoomLog({
          epoch: frame.epoch, cursor: frame.from ?? frame.head,
          deliver: (event) => this.#deliver(event),
          // The server leaves no hole; should there be one, it is asked again from before it.
          fill: () => { this.#joined = false; this.#soon(0); },
        });
        this.load(true); // now that nothing is missed between the list and the stream
      }
    } else if (frame.type === "reset" || (frame.type === "order" && this.log?.take(frame) === "foreign")) this.#reset();
    else if (frame.type === "left" && !frame.id) {
      this.#joined = false;
      this.#soon(2000);
    }
  }

  /** reset forgets what the page holds, since the log is another one now, and says so. */
  #reset() {
    this.log = null;
    this.#joined = false;
    this.known.clear();
    this.news.clear();
    this.store.emit("ordersReset");
    this.#soon(0);
  }

  #deliver(event) {
    const order = this.known.get(event.order);
    if (event.actor.id !== this.store.me.id && this.news.size < MOST) this.news.add(event.order);
    if (!order) {
      this.read(event.order).then(({ id }) => { this.#list(id); this.store.emit("orders"); }, () => {});
      return;
    }
    if (event.version <= order.version) return this.#tell(event.order, event);
    const whole = event.change === "moved" && event.version === order.version + 1;
    this.known.set(order.id, { ...order, status: event.status, version: event.version });
    this.#tell(order.id, event);
    if (!whole) this.read(order.id).catch(() => {});
  }
}
