// The page's model: my rooms and what happens in them. It turns frames into
// state and tells the views by topics:
//
//   rooms            the list, an order, a count or a name changed
//   messages {room, item?}   a room's window changed; item is a new last message
//   typing, presence {room}
//   orders, order    see orders.js
//   connection       state of the socket, or of catching up
//   reset {room}     the server restored the room

import { api } from "./api.js";
import { Room } from "./room.js";
import { millis } from "./format.js";

const PAGE = 60;
const LOG_TYPES = new Set(["message", "edited", "deleted", "reacted", "pinned", "member", "room"]);

export class Store {
  rooms = new Map();
  open = null; // the room on the screen
  me = null;
  degraded = false;
  connection = { state: "connecting" };
  #listeners = new Map();
  #catching = new Map(); // room id → head that has to be reached
  #refreshing = null;
  #again = null; // the refresh that follows the one on its way
  #away = false;
  #presence = true; // until the server says that it has none

  constructor(me) {
    this.me = me;
  }

  /** attach gives the store its socket, its outbox, and the model of orders. */
  attach(socket, outbox, orders) {
    this.socket = socket;
    this.outbox = outbox;
    this.orders = orders;
  }

  on(topic, fn) {
    if (!this.#listeners.has(topic)) this.#listeners.set(topic, new Set());
    this.#listeners.get(topic).add(fn);
    return () => this.#listeners.get(topic).delete(fn);
  }

  emit(topic, detail) {
    for (const fn of this.#listeners.get(topic) || []) fn(detail);
  }

  find(ref) {
    return this.rooms.get(ref) || [...this.rooms.values()].find((r) => r.kind === "public" && r.name === ref) || null;
  }

  /** sorted lists my rooms, the liveliest first. */
  sorted() {
    return [...this.rooms.values()].filter((r) => r.member).sort((a, b) => b.activity - a.activity || a.title.localeCompare(b.title));
  }

  get unread() {
    let n = 0;
    for (const room of this.rooms.values()) n += room.unread;
    return n;
  }

  get catchingUp() {
    return this.#catching.size > 0;
  }

  /** refresh reads the list of my rooms again and joins what is new; what it reads is no older than the call. */
  refresh() {
    if (this.#refreshing) {
      this.#again ||= this.#refreshing.catch(() => {}).then(() => {
        this.#again = null;
        return this.refresh();
      });
      return this.#again;
    }
    this.#refreshing = this.#refresh().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #refresh() {
    const list = await api.myRooms();
    const mine = new Set(list.map((info) => info.id));
    for (const info of list) this.adopt(info);
    for (const room of [...this.rooms.values()]) {
      if (mine.has(room.id)) continue;
      if (room === this.open) room.role = "";
      else this.rooms.delete(room.id);
    }
    this.emit("rooms");
    this.joinAll();
    this.askPresence();
  }

  /** adopt makes or updates the room of a server's answer. */
  adopt(info) {
    let room = this.rooms.get(info.id);
    if (room) room.update(info);
    else {
      room = new Room(info, { deliver: (r, e) => this.#deliver(r, e), fill: (r, after) => this.#fill(r, after) });
      this.rooms.set(info.id, room);
    }
    return room;
  }

  joinAll() {
    if (this.socket?.state !== "open") return;
    const rooms = [...this.rooms.values()].filter((r) => !r.joined && r.member);
    rooms.sort((a, b) => (b === this.open) - (a === this.open) || b.activity - a.activity);
    for (const room of rooms) this.#join(room);
  }

  async #join(room) {
    room.joined = true;
    // One event back tells when something last happened here.
    const since = room.seen ? room.log.cursor : Math.max(0, room.log.cursor - 1);
    try {
      const reply = await this.socket.request({ type: "join", room: room.id, since, epoch: room.log.epoch });
      room.seen = true;
      if (reply.type === "joined" && reply.head > room.log.cursor) this.#catching.set(room.id, reply.head);
      this.#caught(room);
    } catch (err) {
      room.joined = false;
      if (err.code === "rate_limited" || err.code === "unavailable") setTimeout(() => this.joinAll(), err.retryAfter || 1000);
      else if (err.code === "not_found" || err.code === "forbidden") this.refresh().catch(() => {});
    }
  }

  #caught(room) {
    const head = this.#catching.get(room.id);
    if (head !== undefined && room.log.cursor >= head) this.#catching.delete(room.id);
    this.emit("connection");
  }

  /** socketState is the socket's onState. */
  socketState(state, detail) {
    this.connection = { state, ...detail };
    if (state === "open") {
      // Another tab may have signed in as somebody else: this page is theirs now.
      if (detail.welcome.user.id !== this.me.id) return location.reload();
      this.degraded = !!detail.welcome.degraded;
      this.welcome = detail.welcome;
      if (this.#away) this.#tellAway(); // a new socket counts as in use
      this.refresh().catch(() => this.joinAll());
      this.joinAll();
      this.outbox.resume();
    } else {
      this.outbox.pause();
      this.#catching.clear();
      for (const room of this.rooms.values()) {
        room.joined = false;
        room.present();
      }
      this.emit("presence", {});
    }
    this.emit("connection");
  }

  /** frame is the socket's onFrame. */
  frame(frame) {
    if (frame.room?.startsWith("orders/")) return this.orders.frame(frame);
    const room = this.rooms.get(frame.room);
    if (LOG_TYPES.has(frame.type) || (room && frame.seq && frame.epoch)) {
      if (room) this.#event(room, frame);
      return;
    }
    if (frame.type === "ping") {
      if (this.degraded === !!frame.degraded) return;
      this.degraded = !!frame.degraded;
      this.emit("connection");
      return;
    }
    if (frame.type === "reset" && room) this.#reset(room, frame);
    else if (frame.type === "left" && room && !frame.id) {
      room.joined = false;
      this.refresh().catch(() => {});
    } else if (frame.type === "membership") this.refresh().catch(() => {});
    else if (frame.type === "typing" && room && frame.user.id !== this.me.id) {
      room.writes(frame.user);
      this.emit("typing", { room });
    } else if (frame.type === "read" && room) this.#read(room, frame.seq);
    else if (frame.type === "presence") this.#present(frame);
  }

  #event(room, event) {
    room.activity = Math.max(room.activity, millis(event.at));
    room.hears(event);
    const what = room.log.take(event);
    if (what === "old") this.emit("rooms");
    if (what === "foreign") this.#foreign(room);
    if (what === "delivered") this.#caught(room);
  }

  #deliver(room, event) {
    room.names.set(event.actor.id, event.actor.name);
    const mine = event.actor.id === this.me.id;
    if (event.type === "message") {
      room.writers.delete(event.actor.id);
      if (mine && event.client_id) this.outbox.arrived(event.client_id);
      if (!mine && event.seq > room.countedTo && event.seq > room.readSeq) room.unread++;
    }
    if (event.type === "room") {
      room.name = event.name;
      room.topic = event.topic;
    }
    if (event.type === "member" && event.user.id === this.me.id) this.refresh().catch(() => {});
    if (event.seq > room.countedTo) room.countedTo = event.seq;
    const item = room.window.apply(event);
    if (room !== this.open) room.window.cut("start");
    this.emit("messages", { room, item: event.type === "message" ? item || { actor: event.actor, below: true, kind: event.kind, text: event.text, seq: event.seq } : null });
    this.emit("typing", { room });
    this.emit("rooms");
  }

  /** fill reads the events that are missing between the cursor and what came. */
  async #fill(room, after) {
    try {
      for (let i = 0; i < 50; i++) {
        const page = await api.events(room.id, after);
        for (const event of page.items) room.log.take(event);
        if (room.log.filled() || !page.items.length) break;
        after = room.log.cursor;
      }
    } catch (err) {
      console.warn("hubbub: a hole in the log could not be filled; joining again", err.code);
      room.joined = false;
      setTimeout(() => this.joinAll(), 1000);
    }
  }

  /** foreign asks which life of the log is the one now. */
  async #foreign(room) {
    if (room.asking) return;
    room.asking = true;
    const info = await api.room(room.id).catch(() => null);
    room.asking = false;
    if (info && info.epoch !== room.log.epoch) this.#reset(room, info);
  }

  /** reset forgets what the page holds of a room and joins it anew, visibly. */
  async #reset(room, { epoch, head }) {
    room.log.restart(epoch, head);
    room.countedTo = head;
    room.window.clear();
    room.joined = false;
    this.emit("reset", { room });
    await this.refresh().catch(() => {});
    this.joinAll();
  }

  #read(room, seq) {
    if (seq <= room.readSeq) return;
    room.readSeq = seq;
    if (seq >= room.log.cursor) room.unread = 0;
    else if (room.window.atNewest) {
      room.unread = room.window.items.filter((m) => !m.note && m.seq > seq && m.actor.id !== this.me.id).length;
    } else this.refresh().catch(() => {});
    this.emit("rooms");
  }

  /** markRead moves the read marker, here and on the server. */
  markRead(room, seq) {
    if (!room.member || seq <= room.readSeq) return;
    this.#read(room, seq);
    this.socket.request({ type: "read", room: room.id, seq }).catch(() => {});
  }

  #present(frame) {
    for (const p of frame.rooms || []) {
      this.rooms.get(p.room)?.present(p);
    }
    this.emit("presence", {});
  }

  /** setAway says whether somebody is at this page. */
  setAway(away) {
    this.#away = away;
    this.#tellAway();
  }

  #tellAway() {
    if (this.#presence) this.socket.request({ type: "status", away: this.#away }).catch(() => {});
  }

  askPresence() {
    if (!this.#presence || this.socket?.state !== "open") return;
    const rooms = this.sorted().filter((r) => r.direct || r === this.open).map((r) => r.id).slice(0, this.welcome.limits.presence);
    this.socket.request({ type: "presence", rooms }).catch((err) => {
      if (err.code === "unsupported") this.#presence = false;
    });
  }

  /** load brings a page of a room's messages into its window: where is {}, {before}, {after} or {around}. */
  async load(room, where) {
    const w = room.window;
    if (room.loading) return false;
    room.loading = where.before ? "older" : where.after ? "newer" : "all";
    w.record();
    try {
      const { items, next } = await api.messages(room.id, { ...where, limit: PAGE });
      const fresh = !where.before && !where.after;
      if (fresh) w.items = [];
      for (const m of items) room.names.set(m.actor.id, m.actor.name);
      if (where.before || (fresh && !where.around)) w.atOldest = !next;
      else if (where.around) w.atOldest = false;
      if (where.after) w.atNewest = !next;
      else if (fresh) w.atNewest = !where.around;
      w.loaded = true;
      w.settle(items);
      room.loadError = null;
      if (where.before) w.cut("end");
      else if (where.after) w.cut("start");
    } catch (err) {
      room.loadError = err;
    }
    room.loading = null;
    this.emit("messages", { room, item: null, page: true });
    return !room.loadError;
  }

  /** command sends an edit, delete, react or pin and waits for its ack. */
  command(type, room, fields) {
    return this.socket.request({ type, room: room.id, ...fields });
  }
}
