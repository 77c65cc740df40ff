// One line that says how the connection is. It lies over the top of the
// messages, so nothing jumps when it comes and goes.

import { h, fill } from "./dom.js";
import { s } from "./strings.js";

const QUIET = 2000; // a short connecting is not worth a word
const QUIET_CATCHING = 1000;

export class Banner {
  constructor(store, on) {
    this.store = store;
    this.on = on;
    this.el = h("div.banner", { role: "status", hidden: true });
    this.since = Date.now();
    this.last = "";
    store.on("connection", () => this.draw());
    this.timer = setInterval(() => this.draw(), 500);
  }

  stop() {
    clearInterval(this.timer);
  }

  /** state gives what to say: {kind, text, button?}, or null when all is well. */
  #say() {
    const { state, at, again, code, restart } = this.store.connection;
    if (state === "offline") return { kind: "warn", text: s.noNetwork };
    if (state === "stopped") return { kind: "warn", text: code === 4409 ? s.replaced : s.refused, button: [s.reconnect, this.on.retry] };
    if (state === "restarting" || restart) return { kind: "calm", text: s.restarting };
    if (state === "waiting") {
      const left = Math.ceil((at - Date.now()) / 1000);
      return { kind: "warn", text: left > 0 ? s.reconnectIn(left) : s.reconnecting, button: left > 1 ? [s.tryNow, this.on.retry] : null, quiet: 700 };
    }
    if (state === "connecting") return { kind: "calm", text: again ? s.reconnecting : s.connecting, quiet: again ? 0 : QUIET };
    if (state === "open" && this.store.catchingUp) return { kind: "calm", text: s.catchingUp, quiet: QUIET_CATCHING };
    if (state === "open" && this.store.degraded) return { kind: "calm", text: s.degraded };
    return null;
  }

  draw() {
    const { state } = this.store.connection;
    const say = this.#say();
    const phase = say ? state : "well";
    const lost = (p) => p === "waiting" || p === "connecting" || p === "restarting";
    if (phase !== this.phase) {
      if (!(lost(phase) && lost(this.phase))) this.since = Date.now();
      this.phase = phase;
    }
    // While it is lost the words stay, from the first that was shown.
    const shown = say && (Date.now() - this.since >= (say.quiet || 0) || (!this.el.hidden && lost(phase)));
    this.el.hidden = !shown;
    if (!shown) {
      this.last = "";
      return;
    }
    const key = say.text + say.kind + !!say.button;
    if (key === this.last) return;
    this.last = key;
    this.el.dataset.kind = say.kind;
    // The countdown is for the eye; read aloud it would never end.
    const spoken = say.text.replace(/ \d+ s$/, "");
    if (this.el.querySelector(".banner-text")?.getAttribute("aria-label") === spoken && !!this.el.querySelector("button") === !!say.button) {
      this.el.querySelector(".banner-text").textContent = say.text;
      return;
    }
    fill(this.el, h("span.banner-text", { "aria-label": spoken }, say.text), say.button && h("button.link", { type: "button", onclick: say.button[1] }, say.button[0]));
  }
}
