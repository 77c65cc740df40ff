// What can be done with a message: one small bar that stands at the message
// under the pointer or the focus. It is outside of the log, so that it is never
// read aloud as news.

import { h, iconButton, fill } from "./dom.js";
import { s } from "./strings.js";

export const EMOJI = ["👍", "❤️", "😂", "🎉", "👀", "🙏", "✅", "😢"];

export class Actions {
  constructor(timeline, on) {
    this.timeline = timeline;
    this.on = on;
    this.row = null;
    this.el = h("div.actions", { role: "toolbar", "aria-label": s.actions, hidden: true, onkeydown: (e) => this.#keys(e) });
  }

  show(row) {
    if (!row || row === this.row) return;
    if (this.el.contains(document.activeElement)) return;
    const item = this.timeline.itemOf(row);
    if (!item || item.deleted || !this.timeline.room.member) return this.hide();
    this.row?.classList.remove("active");
    this.row = row;
    row.classList.add("active");
    this.#menu(item);
    this.el.hidden = false;
    this.place();
  }

  hide() {
    if (!this.row || this.el.contains(document.activeElement)) return;
    this.#close();
  }

  #close() {
    this.row?.classList.remove("active");
    this.row = null;
    this.el.hidden = true;
  }

  /** place moves the bar to its row, or away when the row is gone. */
  place() {
    if (!this.row) return;
    const { key } = this.row.dataset;
    if (!this.row.isConnected) this.row = [...this.timeline.list.children].find((r) => r.dataset.key === key) || null;
    if (!this.row || !this.timeline.itemOf(this.row) || this.timeline.itemOf(this.row).deleted) return this.#close();
    this.row.classList.add("active");
    const top = this.row.offsetTop - 16;
    this.el.style.setProperty("--top", `${Math.max(top, this.timeline.scroller.scrollTop + 4)}px`);
  }

  /** key runs the action of a key pressed on a row. */
  key(row, key) {
    const item = this.timeline.itemOf(row);
    if (!item || item.deleted || !this.timeline.room.member) return false;
    this.show(row);
    if (key === "Enter") this.el.querySelector("button")?.focus();
    else if (key === "r") this.on.reply(item);
    else if (key === "e" && this.#mine(item)) this.on.edit(item);
    else if (key === "+") this.#emoji(item, true);
    else if ((key === "Delete" || key === "Backspace") && this.#mayDelete(item)) this.on.remove(this.timeline.room, item);
    else return false;
    return true;
  }

  #mine(item) {
    return item.actor.id === this.timeline.store.me.id;
  }

  #mayDelete(item) {
    return this.#mine(item) || this.timeline.room.moderates;
  }

  #menu(item) {
    const { room } = this.timeline;
    fill(this.el,
      iconButton("smile", s.react, () => this.#emoji(item, true)),
      iconButton("reply", s.reply, () => this.#do(() => this.on.reply(item))),
      this.#mine(item) && iconButton("edit", s.edit, () => this.#do(() => this.on.edit(item))),
      room.moderates && iconButton("pin", item.pinned ? s.unpin : s.pin, () => this.#do(() => this.on.pin(room, item))),
      iconButton("link", s.copyLink, () => this.#do(() => this.on.copyLink(room, item))),
      this.#mayDelete(item) && iconButton("trash", s.remove, () => this.#do(() => this.on.remove(room, item))));
  }

  #do(action) {
    const { row } = this;
    this.#close();
    row?.focus({ preventScroll: true });
    action();
  }

  #emoji(item, focus) {
    const { room, store } = this.timeline;
    fill(this.el, EMOJI.map((emoji) => {
      const mine = item.reactions.some((r) => r.emoji === emoji && r.users.includes(store.me.id));
      return h("button.icon-button.emoji", {
        type: "button", "aria-label": s.reactWith(emoji), "aria-pressed": String(mine),
        onclick: () => this.#do(() => this.on.react(room, item, emoji, mine)),
      }, emoji);
    }));
    this.place();
    if (focus) this.el.querySelector("button").focus();
  }

  #keys(e) {
    const buttons = [...this.el.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    if (e.key === "ArrowRight" || e.key === "ArrowLeft") {
      e.preventDefault();
      buttons.at((at + (e.key === "ArrowRight" ? 1 : -1)) % buttons.length).focus();
    } else if (e.key === "Escape") {
      e.stopPropagation();
      this.#do(() => {});
    }
  }
}
