// A room's place in its log. Events are let through once each and in order;
// what is ahead of a hole waits until the hole is filled.

const HELD_MOST = 1000;

export class RoomLog {
  #held = new Map();

  /** deliver gets each event once, in seq order; fill is called when a hole was found. */
  constructor({ epoch, cursor, deliver, fill }) {
    this.epoch = epoch;
    this.cursor = cursor;
    this.deliver = deliver;
    this.fill = fill;
    this.filling = false;
  }

  /** take gives "delivered", "old", "held" or "foreign" (of another life of the log). */
  take(event) {
    if (event.epoch !== this.epoch) return "foreign";
    if (event.seq <= this.cursor) return "old";
    if (event.seq > this.cursor + 1) {
      if (this.#held.size < HELD_MOST) this.#held.set(event.seq, event);
      if (!this.filling) {
        this.filling = true;
        this.fill(this.cursor);
      }
      return "held";
    }
    this.#pass(event);
    for (let next; (next = this.#held.get(this.cursor + 1));) this.#pass(next);
    if (!this.#held.size) this.filling = false;
    return "delivered";
  }

  /** filled says that the answer to fill has been taken; a hole that is left asks again. */
  filled() {
    this.filling = false;
    for (const seq of this.#held.keys()) if (seq <= this.cursor) this.#held.delete(seq);
    return this.#held.size === 0;
  }

  /** restart begins anew at a head that the server told. */
  restart(epoch, cursor) {
    this.epoch = epoch;
    this.cursor = cursor;
    this.#held.clear();
    this.filling = false;
  }

  #pass(event) {
    this.cursor = event.seq;
    this.#held.delete(event.seq);
    this.deliver(event);
  }
}
