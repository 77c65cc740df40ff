// The one WebSocket of the page: opens it, keeps it alive, brings it back.
//
// States, told through `onState(state, detail)`:
//   connecting   the first try, or a try after a loss ({again: true})
//   open         welcome has come
//   waiting      lost; the next try is at detail.at (milliseconds)
//   restarting   the server said that it goes away and comes back
//   offline      the browser has no network
//   signedOut    4401, or the server does not know the session any more
//   stopped      the server asked not to come back by ourselves (detail.code)

import { newID } from "./format.js";

const PATH = "/v1/socket";
const PROTOCOL = "hubbub.v1.json";
const SILENCE = 45_000; // without any frame for so long the socket is dead
const PING_EVERY = 20_000;
const HELLO_WITHIN = 10_000;
const BACKOFF_FIRST = 500;
const BACKOFF_MOST = 30_000;
const RESTART_WITHIN = 12_000; // a told restart is no alarm for so long
const RESTART_BACKOFF_MOST = 1500;
const NEVER_BY_ITSELF = new Set([4400, 4403, 4409]);

export class Refused extends Error {
  constructor(code, detail, retryAfter = 0) {
    super(detail || code);
    this.code = code;
    this.detail = detail || "";
    this.retryAfter = retryAfter;
  }
}

export class Socket {
  #ws = null;
  #state = "idle";
  #tries = 0;
  #told = 0; // when the server said to come back, 0 when it did not
  #restartUntil = 0;
  #lastFrame = 0;
  #timers = { retry: 0, hello: 0, beat: 0, pump: 0 };
  #waiting = new Map(); // id → {resolve, reject, timer}
  #queue = [];
  #tokens = { left: 20, rate: 15, most: 20, at: 0 };
  #probe;

  /** probe answers whether the session is still good: "ok", "signedOut" or "unreachable". */
  constructor({ onFrame, onState, probe }) {
    this.onFrame = onFrame;
    this.onState = onState;
    this.#probe = probe;
    this.node = "";
    this.latency = null; // milliseconds of the last ping
    this.opened = 0;
    addEventListener("online", this.#back);
    addEventListener("offline", this.#gone);
    document.addEventListener("visibilitychange", this.#visible);
    addEventListener("pagehide", this.#left);
    addEventListener("pageshow", this.#shown);
  }

  get state() {
    return this.#state;
  }

  start() {
    if (!this.#ws) this.#open();
  }

  /** stop ends the connection for good. */
  stop() {
    removeEventListener("online", this.#back);
    removeEventListener("offline", this.#gone);
    document.removeEventListener("visibilitychange", this.#visible);
    removeEventListener("pagehide", this.#left);
    removeEventListener("pageshow", this.#shown);
    this.#drop("stopped by the page");
    this.#state = "idle";
    this.onState = () => {};
  }

  /** retryNow skips the wait. */
  retryNow() {
    if (this.#state === "open" || this.#state === "connecting") return;
    this.#open();
  }

  /** send queues a command that needs no reply, or whose reply comes as a frame. */
  send(command) {
    if (this.#state !== "open") return false;
    this.#queue.push(command);
    this.#pump();
    return true;
  }

  /** request sends a command and gives the frame that answers its id. */
  request(command, timeout = 15_000) {
    const id = command.id || newID();
    return new Promise((resolve, reject) => {
      if (!this.send({ ...command, id })) {
        reject(new Refused("disconnected"));
        return;
      }
      const timer = setTimeout(() => this.#settle(id, null, new Refused("timeout")), timeout);
      this.#waiting.set(id, { resolve, reject, timer });
    });
  }

  #set(state, detail = {}) {
    this.#state = state;
    this.onState(state, detail);
  }

  #open() {
    this.#drop("opening anew");
    if (navigator.onLine === false) {
      this.#set("offline");
      return;
    }
    const restart = Date.now() < this.#restartUntil;
    this.#set("connecting", { again: this.#tries > 0 || this.opened > 0, restart });
    const url = new URL(PATH, location.href);
    // Who comes back goes first when many come at once.
    if (this.opened > 0) url.searchParams.set("resume", "1");
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const ws = new WebSocket(url, PROTOCOL);
    this.#ws = ws;
    this.#timers.hello = setTimeout(() => this.#lost(ws, 0, ""), HELLO_WITHIN);
    ws.onmessage = (event) => {
      if (ws === this.#ws) this.#receive(event.data);
    };
    ws.onclose = (event) => this.#lost(ws, event.code, event.reason);
  }

  #receive(data) {
    this.#lastFrame = Date.now();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      console.warn("hubbub: a frame that is not JSON was dropped");
      return;
    }
    if (frame.type === "welcome") this.#welcome(frame);
    if (frame.type === "reconnect") {
      this.#told = Date.now() + (frame.after_ms || 0);
      return;
    }
    if (frame.id && this.#waiting.has(frame.id)) {
      if (frame.type === "error") this.#settle(frame.id, null, new Refused(frame.code, frame.detail, frame.retry_after_ms));
      else this.#settle(frame.id, frame);
    }
    this.onFrame(frame);
  }

  #welcome(frame) {
    clearTimeout(this.#timers.hello);
    this.#tries = 0;
    this.#told = this.#restartUntil = 0;
    this.opened = Date.now();
    this.node = frame.node || "";
    // Stay a little below what the server allows; a burst of joins waits its turn.
    const { rate_per_s: rate = 0, rate_burst: burst = 0 } = frame.limits || {};
    const most = rate ? Math.max(1, Math.floor(burst * 0.8)) : 1000;
    this.#tokens = { left: most, rate: rate ? rate * 0.9 : 1000, most, at: Date.now() };
    clearInterval(this.#timers.beat);
    this.#timers.beat = setInterval(() => this.#beat(), 5000);
    this.#pinged = Date.now();
    this.#set("open", { welcome: frame });
    this.#ping();
  }

  #pinged = 0;

  #beat() {
    const now = Date.now();
    if (now - this.#lastFrame > SILENCE) this.#lost(this.#ws, 0, "");
    else if (now - this.#pinged >= PING_EVERY) this.#ping();
  }

  async #ping(within = 15_000) {
    const ws = this.#ws;
    const start = (this.#pinged = Date.now());
    const alone = this.#waiting.size === 0; // else the pong waits for what was sent before
    try {
      await this.request({ type: "ping" }, within);
      this.latency = Date.now() - start;
    } catch (err) {
      // Any frame since then proves that the socket is alive.
      if (err.code === "timeout" && alone && ws === this.#ws && this.#lastFrame < start) this.#lost(ws, 0, "");
    }
  }

  #pump() {
    clearTimeout(this.#timers.pump);
    const t = this.#tokens;
    const now = Date.now();
    t.left = Math.min(t.most, t.left + ((now - t.at) / 1000) * t.rate);
    t.at = now;
    while (this.#queue.length && t.left >= 1 && this.#ws?.readyState === WebSocket.OPEN) {
      t.left -= 1;
      this.#ws.send(JSON.stringify(this.#queue.shift()));
    }
    if (this.#queue.length) this.#timers.pump = setTimeout(() => this.#pump(), 1000 / t.rate);
  }

  #settle(id, frame, err) {
    const entry = this.#waiting.get(id);
    if (!entry) return;
    this.#waiting.delete(id);
    clearTimeout(entry.timer);
    if (err) entry.reject(err);
    else entry.resolve(frame);
  }

  /** drop ends the socket without thinking of the next one. */
  #drop(reason) {
    const ws = this.#ws;
    this.#ws = null;
    clearTimeout(this.#timers.retry);
    clearTimeout(this.#timers.hello);
    clearTimeout(this.#timers.pump);
    clearInterval(this.#timers.beat);
    this.#queue = [];
    for (const id of [...this.#waiting.keys()]) this.#settle(id, null, new Refused("disconnected"));
    if (!ws) return;
    ws.onmessage = ws.onclose = null;
    if (ws.readyState <= WebSocket.OPEN) ws.close(1000, reason);
  }

  async #lost(ws, code, reason) {
    if (ws !== this.#ws) return;
    const hadWelcome = this.#state === "open";
    this.#drop("lost");
    if (code === 4401) return this.#set("signedOut");
    if (NEVER_BY_ITSELF.has(code)) return this.#set("stopped", { code });
    if (navigator.onLine === false) return this.#set("offline");
    this.#tries++;
    if (code === 1012 || this.#told) this.#restartUntil = Math.max(Date.now(), this.#told) + RESTART_WITHIN;
    const restart = Date.now() < this.#restartUntil;
    let wait = Math.random() * Math.min(restart ? RESTART_BACKOFF_MOST : BACKOFF_MOST, BACKOFF_FIRST * 2 ** this.#tries);
    if (this.#told) wait = Math.max(0, this.#told - Date.now());
    if (code === 4429) wait = Math.max(wait, Number(/\d+/.exec(reason)?.[0]) || 0);
    this.#told = 0;
    const at = Date.now() + wait;
    this.#set(restart ? "restarting" : "waiting", { at });
    // A refused upgrade looks like any other loss to a page: ask REST why.
    if (!hadWelcome && (await this.#probe()) === "signedOut") {
      if (!this.#ws) this.#set("signedOut");
      return;
    }
    if (this.#ws || (this.#state !== "waiting" && this.#state !== "restarting")) return;
    this.#timers.retry = setTimeout(() => this.#open(), Math.max(0, at - Date.now()));
  }

  #back = () => {
    if (this.#state === "offline" || this.#state === "waiting") this.#open();
  };

  #gone = () => {
    if (this.#state === "open") this.#ping(4000); // the browser may be wrong
    else if (this.#state === "waiting" || this.#state === "connecting") {
      this.#drop("offline");
      this.#set("offline");
    }
  };

  // A browser may keep a page that was left, for the way back: frozen, and with
  // its socket open, as if somebody were there.
  #left = () => {
    if (!this.#ws) return;
    this.#drop("the page was left");
    this.#set("waiting", { at: Date.now() });
  };

  #shown = (event) => {
    if (event.persisted) this.retryNow();
  };

  #visible = () => {
    if (document.visibilityState !== "visible") return;
    if (this.#state === "waiting") this.#open();
    else if (this.#state === "open" && Date.now() - this.#lastFrame > 5000) this.#ping(5000);
  };
}
