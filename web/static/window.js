// The part of a room's messages that the page holds: a run without a hole, by
// seq, at most MOST long. Either end may be cut off; it is loaded again when
// it is scrolled to.

import { millis } from "./format.js";

export const MOST = 400;
const NOTES = new Set(["member", "room"]);
const CHANGES = new Set(["edited", "deleted", "reacted", "pinned"]);

export class Window {
  items = [];
  loaded = false;
  atOldest = false;
  atNewest = false;
  #since = null; // events that came while a page was on its way
  #version = 0;

  clear() {
    this.items = [];
    this.loaded = this.atOldest = this.atNewest = false;
    this.#since = null;
  }

  /** record keeps the events that come from now on, for settle. */
  record() {
    this.#since = [];
  }

  get(seq) {
    return this.items[this.#index(seq)]?.seq === seq ? this.items[this.#index(seq)] : null;
  }

  /** settle merges a page of messages as they were, then what has happened since. */
  settle(page) {
    for (const m of page) this.#put(fromPage(m));
    const since = this.#since || [];
    this.#since = null;
    for (const event of since) this.apply(event);
  }

  /** apply brings in a log event; it gives the item that is new at the end, or null. */
  apply(event) {
    if (this.#since) {
      this.#since.push(event);
      if (this.#since.length > 2000) this.#since.shift();
    }
    if (CHANGES.has(event.type)) {
      const item = this.get(event.target);
      if (item && !item.note) this.#change(item, event);
      return null;
    }
    if (!this.loaded || !this.atNewest || this.get(event.seq)) return null;
    const item = fromEvent(event);
    this.#put(item);
    return item;
  }

  /** cut keeps the DOM small: "start" drops the oldest, "end" the newest. */
  cut(side, most = MOST) {
    const extra = this.items.length - most;
    if (extra <= 0) return;
    if (side === "start") {
      this.items.splice(0, extra);
      this.atOldest = false;
    } else {
      this.items.splice(most);
      this.atNewest = false;
    }
  }

  #change(item, event) {
    if (event.type === "edited") {
      item.text = event.text;
      item.kind = event.kind;
      item.editedAt = millis(event.at);
    } else if (event.type === "deleted") {
      item.deleted = true;
      item.text = "";
      item.reactions = [];
    } else if (event.type === "pinned") {
      item.pinned = !event.removed;
    } else {
      react(item, event.emoji, event.actor.id, event.removed);
    }
    item.version = ++this.#version;
  }

  #put(item) {
    item.version = ++this.#version;
    const at = this.#index(item.seq);
    if (this.items[at]?.seq === item.seq) this.items[at] = item;
    else this.items.splice(at, 0, item);
  }

  /** index of the first item with at least this seq. */
  #index(seq) {
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.items[mid].seq < seq) low = mid + 1;
      else high = mid;
    }
    return low;
  }
}

function react(item, emoji, user, removed) {
  const list = item.reactions.map((r) => ({ emoji: r.emoji, users: r.users.filter((u) => r.emoji !== emoji || u !== user) }));
  if (!removed) {
    const known = list.find((r) => r.emoji === emoji);
    if (known) known.users.push(user);
    else list.push({ emoji, users: [user] });
  }
  item.reactions = list.filter((r) => r.users.length);
}

function fromPage(m) {
  return {
    seq: m.seq, at: millis(m.at), actor: m.actor, clientID: m.client_id, kind: m.kind, text: m.text,
    replyTo: m.reply_to || 0, editedAt: m.edited_at ? millis(m.edited_at) : 0,
    deleted: !!m.deleted, pinned: !!m.pinned, reactions: m.reactions || [],
  };
}

function fromEvent(e) {
  if (e.type === "message") return fromPage({ ...e, reactions: [] });
  return { seq: e.seq, at: millis(e.at), actor: e.actor, note: true, event: e, known: NOTES.has(e.type) };
}
