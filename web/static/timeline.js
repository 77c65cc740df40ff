// The open room's messages: what is on the screen, where it is scrolled to,
// which pages have to come, and up to where it was read.

import { h, icon, keyed, fill } from "./dom.js";
import { rows } from "./message.js";
import { plain } from "./markdown.js";
import { Actions } from "./actions.js";
import { api } from "./api.js";
import { s } from "./strings.js";
import { badge } from "./format.js";

const NEAR = 700; // pixels before an edge where the next page is asked for
const BOTTOM = 48; // pixels that still count as "at the bottom"
const READ_AFTER = 400; // milliseconds in view
const FIRST_UNREAD = 40; // up to so many unread the newest page has them all

export class Timeline {
  constructor(store, on) {
    this.store = store;
    this.room = null;
    this.stuck = true; // follows the newest message
    this.below = 0; // messages that came while scrolled up
    this.marked = 0;
    this.on = { ...on, jump: (seq) => this.goTo(seq), react: (item, emoji, mine) => on.react(this.room, item, emoji, mine) };
    this.list = h("div.messages", { role: "log", "aria-live": "off", onkeydown: (e) => this.#keys(e), onfocusin: (e) => this.#rove(e.target) });
    this.top = h("div.edge", {});
    this.actions = new Actions(this, on);
    this.column = h("div.column", {}, this.top, this.list, this.actions.el);
    this.scroller = h("div.scroller", { tabIndex: -1, onscroll: () => this.#scrolled(), onmouseleave: () => this.actions.hide() }, this.column);
    this.jump = h("button.jump", { type: "button", hidden: true, onclick: () => this.toNewest() });
    this.el = h("div.stage", {}, this.scroller, this.jump);
    this.list.addEventListener("pointerover", (e) => e.pointerType === "mouse" && this.actions.show(e.target.closest(".message")));
    this.list.addEventListener("click", (e) => {
      if (!e.target.closest("a,button")) this.actions.show(e.target.closest(".message"));
    });
    new ResizeObserver(() => this.stuck && this.#bottom()).observe(this.scroller);
    new ResizeObserver(() => this.stuck && this.#bottom()).observe(this.column);
    store.on("messages", (d) => this.#changed(d));
    store.on("reset", ({ room }) => {
      if (room === this.room) {
        on.say(s.resetNote);
        this.show(room);
      }
    });
    addEventListener("focus", () => this.#seen());
    addEventListener("blur", () => this.#away());
    document.addEventListener("visibilitychange", () => this.#seen());
  }

  /** show opens a room, at a message, at the first unread one, or at the end. */
  async show(room, seq = 0) {
    const again = room === this.room && room?.window.loaded;
    this.room = room;
    this.actions.hide();
    this.below = 0;
    if (!room) return fill(this.list);
    this.list.setAttribute("aria-label", s.messagesIn(room.mark));
    if (!again) {
      room.newAfter = room.unread > 0 ? room.readSeq || 0.5 : 0;
      this.marked = 0;
    }
    if (seq) return this.goTo(seq);
    const far = room.unread > FIRST_UNREAD && room.readSeq > 0;
    if (!room.window.loaded || !room.window.atNewest || room.window.items.length < 1) {
      room.window.clear();
      this.#draw();
      if (!(await this.store.load(room, far ? { around: room.readSeq + 1 } : {}))) return this.#draw();
      if (this.room !== room) return;
    }
    this.stuck = true;
    this.#draw();
    const line = this.list.querySelector(".separator.new");
    if (line && room.unread > 0) this.#place(line, 0.25);
    else this.#bottom();
    this.#scrolled();
  }

  /** goTo brings a message into view and marks it, loading around it if need be. */
  async goTo(seq) {
    const room = this.room;
    this.marked = seq;
    if (!room.window.get(seq)) {
      room.window.clear();
      if (!(await this.store.load(room, { around: seq }))) return this.#draw();
      if (this.room !== room) return;
    }
    this.stuck = false;
    this.#draw();
    const row = this.list.querySelector(`[data-seq="${seq}"]`) || this.#after(seq);
    if (row) {
      this.#place(row, 0.35);
      row.focus({ preventScroll: true });
    }
    this.#scrolled();
  }

  /** toNewest goes to the end, loading it again if the page has let go of it. */
  async toNewest() {
    const room = this.room;
    if (!room.window.atNewest) {
      room.window.clear();
      await this.store.load(room, {});
      if (this.room !== room) return;
    }
    this.stuck = true;
    this.below = 0;
    this.#draw();
    this.#bottom();
    this.#scrolled();
  }

  /** sent follows one's own message to the bottom. */
  sent() {
    this.room.newAfter = 0;
    this.toNewest();
  }

  /** lastOwn is the newest message of mine that may be edited. */
  lastOwn() {
    return this.room?.window.items.findLast((m) => !m.note && m.kind !== "system" && !m.deleted && m.actor.id === this.store.me.id) || null;
  }

  itemOf(row) {
    return row?.dataset.seq ? this.room?.window.get(Number(row.dataset.seq)) : null;
  }

  #after(seq) {
    return [...this.list.querySelectorAll("[data-seq]")].find((row) => Number(row.dataset.seq) >= seq);
  }

  #changed({ room, item, page }) {
    if (room !== this.room) return;
    if (item && !page && item.actor.id !== this.store.me.id) {
      if (!this.stuck) this.below++;
      this.on.heard(item.actor.name, plain(item.text || "", 200));
    }
    this.#schedule();
  }

  #schedule() {
    if (this.pendingDraw) return;
    this.pendingDraw = true;
    const draw = () => {
      this.pendingDraw = false;
      this.#draw();
      this.#scrolled();
    };
    if (document.hidden) setTimeout(draw, 0);
    else requestAnimationFrame(draw);
  }

  /** refresh draws again, for instance when the outbox changed. */
  refresh(room) {
    if (room === this.room?.id) this.#schedule();
  }

  #draw() {
    const room = this.room;
    if (!room) return;
    if (this.stuck && room.window.atNewest) room.window.cut("start");
    const anchor = this.stuck ? null : this.#anchor();
    keyed(this.list, rows({
      room, me: this.store.me, echoes: this.store.outbox.of(room.id), marked: this.marked,
      quotes: (seq) => this.#quote(room, seq), on: this.on,
    }));
    const edge = room.loadError ? "error" : room.window.loaded && room.window.atOldest ? "" : "loading";
    if (this.top.dataset.state !== edge) {
      this.top.dataset.state = edge;
      fill(this.top, edge === "error"
        ? [s.loadFailed, " ", h("button.link", { type: "button", onclick: () => this.#again() }, s.tryAgain)]
        : edge === "loading" ? [h("span.dots", { "aria-hidden": "true" }, h("i"), h("i"), h("i")), h("span.unseen", {}, s.loadingOlder)] : null);
    }
    const focusable = this.list.querySelector('[tabindex="0"]');
    if (!focusable) this.list.querySelector(".message:last-of-type")?.setAttribute("tabindex", "0");
    if (this.stuck) this.#bottom();
    else this.#restore(anchor);
    this.actions.place();
  }

  #again() {
    this.room.loadError = null;
    if (this.room.window.loaded) this.#scrolled();
    else this.show(this.room);
  }

  /** quote gives the message that was replied to, and fetches what is not here. */
  #quote(room, seq) {
    const here = room.window.get(seq);
    if (here) return here;
    room.quotes ||= new Map();
    if (!room.quotes.has(seq)) {
      room.quotes.set(seq, "loading");
      api.messages(room.id, { around: seq, limit: 1 }).then(({ items }) => {
        const found = items.find((m) => m.seq === seq);
        room.quotes.set(seq, found ? { ...found, version: "q" } : { deleted: true, actor: { name: "" }, version: "none" });
        this.refresh(room.id);
      }).catch(() => {});
    }
    return room.quotes.get(seq);
  }

  #anchor() {
    const top = this.scroller.getBoundingClientRect().top;
    for (const row of this.list.children) {
      const box = row.getBoundingClientRect();
      if (box.bottom > top && (row.dataset.seq || row.dataset.echo)) return { key: row.dataset.key, offset: box.top - top };
    }
    return null;
  }

  #restore(anchor) {
    if (!anchor) return;
    const row = this.list.querySelector(`[data-key="${CSS.escape(anchor.key)}"]`);
    if (!row) return;
    const top = this.scroller.getBoundingClientRect().top;
    this.scroller.scrollTop += row.getBoundingClientRect().top - top - anchor.offset;
  }

  #bottom() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  #place(row, share) {
    const top = this.scroller.getBoundingClientRect().top;
    this.scroller.scrollTop += row.getBoundingClientRect().top - top - this.scroller.clientHeight * share;
    this.stuck = this.#atBottom();
  }

  #atBottom() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight < BOTTOM && this.room.window.atNewest;
  }

  #scrolled() {
    const room = this.room;
    if (!room) return;
    this.stuck = room.window.loaded && this.#atBottom();
    if (this.stuck) this.below = 0;
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const rest = scrollHeight - scrollTop - clientHeight;
    const w = room.window;
    if (w.loaded && w.items.length && !room.loading && !room.loadError) {
      if (scrollTop < NEAR && !w.atOldest) this.store.load(room, { before: w.items[0].seq });
      else if (rest < NEAR && !w.atNewest) this.store.load(room, { after: w.items.at(-1).seq });
    }
    const far = w.loaded && (rest > NEAR || !w.atNewest || this.below > 0);
    this.jump.hidden = this.stuck || !far;
    const text = this.below ? s.newBelow(badge(this.below)) : "";
    if (!this.jump.hidden && this.jump.dataset.text !== text + far) {
      this.jump.dataset.text = text + far;
      fill(this.jump, icon("down", 16), text || h("span.unseen", {}, s.toNewest));
      this.jump.title = s.toNewest;
    }
    this.#seen();
  }

  #seen() {
    clearTimeout(this.seenTimer);
    this.seenTimer = setTimeout(() => {
      const room = this.room;
      if (!room?.window.loaded || !document.hasFocus() || document.visibilityState !== "visible" || !this.el.offsetParent) return;
      const seq = this.stuck ? room.log.cursor : this.#lastInView();
      if (seq) this.store.markRead(room, seq);
    }, READ_AFTER);
  }

  #lastInView() {
    const bottom = this.scroller.getBoundingClientRect().bottom;
    let seq = 0;
    for (const row of this.list.children) {
      if (row.getBoundingClientRect().bottom > bottom + 2) break;
      if (row.dataset.seq) seq = Number(row.dataset.seq);
    }
    return seq;
  }

  /** away puts the "new" line where the person stopped looking. */
  #away() {
    const room = this.room;
    if (room?.member && room.unread === 0) room.newAfter = Math.max(room.readSeq, room.log.cursor);
  }

  #rove(target) {
    const row = target.closest(".message");
    if (!row) return;
    for (const other of this.list.querySelectorAll('[tabindex="0"].message')) other.tabIndex = -1;
    row.tabIndex = 0;
    this.actions.show(row);
  }

  #keys(e) {
    const row = e.target.closest(".message");
    if (!row || e.target !== row || e.ctrlKey || e.metaKey || e.altKey) return;
    const all = [...this.list.querySelectorAll(".message")];
    const to = { ArrowUp: all.indexOf(row) - 1, ArrowDown: all.indexOf(row) + 1, Home: 0, End: all.length - 1 }[e.key];
    if (to !== undefined) {
      e.preventDefault();
      if (all[to]) {
        all[to].focus();
        all[to].scrollIntoView({ block: "nearest" });
      } else if (e.key === "ArrowDown") this.on.write();
      return;
    }
    if (e.key === "Escape") this.on.write();
    else if (this.actions.key(row, e.key)) e.preventDefault();
  }
}
