// What was written and is not yet acked. Entries survive a reload, go out in
// order per room, one at a time, and keep their id for every try, so that a
// message whose ack was lost is never doubled.
//
// States of an entry: "queued" (waits for the connection or its turn),
// "sending", "failed" (refused; waits for the person).

import { newID } from "./format.js";
import { keep, kept, drop, keysOf, dropAll } from "./storage.js";

const AGAIN = new Set(["disconnected", "timeout"]); // wait for the connection
const LATER = new Set(["rate_limited", "unavailable", "unknown_outcome", "internal"]);

export class Outbox {
  #entries = [];
  #busy = new Set(); // rooms with an entry on its way
  #paused = true;

  /** send(entry) resolves with the ack or rejects with a Refused; changed(room) and sent(entry, ack) tell the page. */
  constructor({ user, send, changed, sent }) {
    this.key = `out.${user}.`;
    this.send = send;
    this.changed = changed;
    this.sent = sent;
    for (const key of keysOf(this.key)) {
      try {
        this.#entries.push({ ...JSON.parse(kept(key)), tries: 0 });
      } catch {
        drop(key);
      }
    }
    this.#entries.sort((a, b) => a.at - b.at);
    for (const entry of this.#entries) if (entry.state === "sending") entry.state = "queued";
  }

  of(room) {
    return this.#entries.filter((e) => e.room === room);
  }

  get size() {
    return this.#entries.length;
  }

  post({ room, kind, text, replyTo }) {
    const last = this.#entries.at(-1)?.at || 0;
    const entry = { id: newID(), room, kind, text, replyTo, at: Math.max(Date.now(), last + 1), state: "queued", tries: 0 };
    this.#entries.push(entry);
    this.#keep(entry);
    this.changed(room);
    this.#pump(room);
    return entry;
  }

  retry(id) {
    const entry = this.#entries.find((e) => e.id === id);
    if (!entry) return;
    entry.state = "queued";
    entry.error = "";
    this.#keep(entry);
    this.changed(entry.room);
    this.#pump(entry.room);
  }

  discard(id) {
    const entry = this.#entries.find((e) => e.id === id);
    if (entry) this.#forget(entry);
  }

  /** arrived says that the entry's own event came through the log: it is stored. */
  arrived(id) {
    const entry = this.#entries.find((e) => e.id === id);
    if (entry) this.#forget(entry);
  }

  resume() {
    this.#paused = false;
    for (const room of new Set(this.#entries.map((e) => e.room))) this.#pump(room);
  }

  pause() {
    this.#paused = true;
  }

  clear() {
    this.#entries = [];
    dropAll(this.key);
  }

  async #pump(room) {
    if (this.#paused || this.#busy.has(room)) return;
    const entry = this.#entries.find((e) => e.room === room && e.state === "queued");
    if (!entry) return;
    this.#busy.add(room);
    entry.state = "sending";
    entry.tries++;
    this.changed(room);
    let wait = 0;
    try {
      const ack = await this.send(entry);
      this.sent(entry, ack);
      this.#forget(entry);
    } catch (err) {
      if (!this.#entries.includes(entry)) {
        // Its event came before the connection was lost: nothing to do.
      } else if (AGAIN.has(err.code) || LATER.has(err.code)) {
        entry.state = "queued";
        if (LATER.has(err.code)) wait = Math.max(err.retryAfter || 0, Math.random() * Math.min(15_000, 400 * 2 ** entry.tries));
        else wait = 200; // the connection tells when to go on; this only keeps a fault from spinning
      } else {
        entry.state = "failed";
        entry.error = err.detail || err.code || String(err);
        this.#keep(entry);
      }
      this.changed(room);
    }
    if (wait) await new Promise((done) => setTimeout(done, wait));
    this.#busy.delete(room);
    this.#pump(room);
  }

  #keep(entry) {
    const { tries, ...rest } = entry;
    keep(this.key + entry.id, JSON.stringify(rest));
  }

  #forget(entry) {
    this.#entries = this.#entries.filter((e) => e !== entry);
    drop(this.key + entry.id);
    this.changed(entry.room);
  }
}
