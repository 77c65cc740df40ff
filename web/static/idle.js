// Whether somebody is at the page: no input for a while means that they are
// away. A page that is hidden gets none, and one that is shown again has some.

const AWAY_AFTER = 5 * 60_000;
const INPUT = ["pointerdown", "pointermove", "wheel", "touchstart", "keydown", "focus"];

export class Idle {
  away = false;
  after = AWAY_AFTER; // milliseconds
  #last = Date.now();
  #timer = 0;

  /** changed is called with true when nobody is there any more, and with false when somebody is again. */
  constructor(changed) {
    this.changed = changed;
    for (const type of INPUT) addEventListener(type, this.seen, { capture: true, passive: true });
    document.addEventListener("visibilitychange", this.#visible);
    this.#wait();
  }

  stop() {
    for (const type of INPUT) removeEventListener(type, this.seen, { capture: true });
    document.removeEventListener("visibilitychange", this.#visible);
    clearTimeout(this.#timer);
  }

  /** seen notes that somebody is there. */
  seen = () => {
    this.#last = Date.now();
    if (!this.away) return;
    this.away = false;
    this.changed(false);
    this.#wait();
  };

  #visible = () => {
    if (document.visibilityState === "visible") this.seen();
  };

  /** wait looks again when the time since the last input may be over. */
  #wait() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (Date.now() - this.#last < this.after) return this.#wait();
      this.away = true;
      this.changed(true);
    }, Math.max(0, this.#last + this.after - Date.now()));
  }
}
