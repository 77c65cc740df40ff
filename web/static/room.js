// One of my rooms as the page holds it: what the server told, the log, the
// window of messages, and who is writing.

import { RoomLog } from "./log.js";
import { Window } from "./window.js";
import { millis } from "./format.js";

const TYPING_LASTS = 6000;

export class Room {
  constructor(info, { deliver, fill }) {
    this.id = info.id;
    this.window = new Window();
    this.activity = millis(info.created_at);
    this.joined = false;
    this.writers = new Map(); // user id → {name, until}
    this.names = new Map(); // user id → display name, of whoever was seen
    this.newAfter = 0; // the "new" line stands after this seq; 0: no line
    this.present();
    this.talk = null; // what was last said, for the queue: {seq, at, actor, text}
    this.log = new RoomLog({
      epoch: info.epoch, cursor: info.head,
      deliver: (event) => deliver(this, event),
      fill: (after) => fill(this, after),
    });
    this.update(info);
  }

  /** update takes the server's newer words about the room; events up to its head are in its counts. */
  update(info) {
    this.kind = info.kind;
    this.orderID = info.order_id || ""; // of the order that it is about
    this.name = info.name || "";
    this.topic = info.topic || "";
    this.role = info.role || "";
    this.others = info.with || [];
    this.readSeq = Math.max(this.readSeq || 0, info.read_seq || 0);
    // An answer may be older than the events that came while it was on its way.
    if (info.head >= this.log.cursor) {
      this.countedTo = info.head;
      this.unread = this.readSeq >= info.head ? 0 : info.unread || 0;
    } else if (this.readSeq >= this.log.cursor) this.unread = 0;
    for (const a of this.others) this.names.set(a.id, a.name);
  }

  get direct() {
    return this.kind === "direct";
  }

  /** ofOrder: the server says who is in it and what it is called. */
  get ofOrder() {
    return this.kind === "order";
  }

  /** sign is the icon that stands before the title. */
  get sign() {
    if (this.ofOrder) return "box";
    return this.kind === "public" ? "hash" : "lock";
  }

  get member() {
    return this.role !== "";
  }

  get moderates() {
    return this.role === "owner" || this.role === "moderator";
  }

  /** title is how people call the room. */
  get title() {
    if (!this.direct) return this.name || this.id;
    return this.others.map((a) => a.name).join(", ") || this.name || "…";
  }

  /** mark is the title with the sign of its kind. */
  get mark() {
    return this.kind === "public" ? `#${this.title}` : this.title;
  }

  /** ref is what stands in the page's address. */
  get ref() {
    return this.kind === "public" && this.name ? this.name : this.id;
  }

  /** present takes what the server says of who is here; without it nobody knows. */
  present({ state = "unknown", online = [], away = [] } = {}) {
    this.presence = { known: state === "known", online: new Set(online), away: new Set(away) };
  }

  /** status of a user is "online", "away", "offline" or "unknown". */
  status(user) {
    const { known, online, away } = this.presence;
    if (!known) return "unknown";
    if (away.has(user)) return "away";
    return online.has(user) ? "online" : "offline";
  }

  /** here is how many are online and not away; 0 when nobody knows. */
  get here() {
    return this.presence.online.size - this.presence.away.size;
  }

  /** hears keeps the newest thing that a person said, as a message or an event. */
  hears(m) {
    if ((m.type || "message") !== "message" || m.kind === "system" || m.seq <= (this.talk?.seq || 0)) return;
    this.names.set(m.actor.id, m.actor.name);
    this.talk = { seq: m.seq, at: millis(m.at), actor: m.actor, text: m.text };
  }

  writes(user, now = Date.now()) {
    this.writers.set(user.id, { name: user.name, until: now + TYPING_LASTS });
  }

  /** writing lists the names of who is writing now. */
  writing(now = Date.now()) {
    for (const [id, w] of this.writers) if (w.until <= now) this.writers.delete(id);
    return [...this.writers.values()].map((w) => w.name);
  }
}
